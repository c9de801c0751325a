/* paint.c: SGR sequences read, all others left to text_sanitise. */
#include "paint.h"

#include <stdlib.h>
#include <string.h>

enum { SGR_MAX = 32, NUMBERS_MAX = 16 };

/* Length of a sequence of ours at s: ESC [ numbers m, or ESC [ K; 0 = none.  Numbers that are
 * too long or too many are no colour. */
static size_t sequence(const char *s, size_t len, int numbers[NUMBERS_MAX], int *count)
{
	size_t at = 2, digits = 0;

	if (len < 3 || s[0] != 0x1b || s[1] != '[')
		return 0;
	*count = 0;
	numbers[0] = 0;
	for (; at < len && at < SGR_MAX; at++) {
		if (s[at] >= '0' && s[at] <= '9') {
			if (++digits > 3)
				return 0;
			numbers[*count] = numbers[*count] * 10 + (s[at] - '0');
		} else if (s[at] == ';' || s[at] == ':') {
			if (++*count == NUMBERS_MAX)
				return 0;
			numbers[*count] = 0;
			digits = 0;
		} else {
			break;
		}
	}
	if (at >= len || at >= SGR_MAX)
		return 0;
	if (s[at] == 'K' && *count == 0 && numbers[0] == 0) {
		*count = -1; /* changes nothing */
		return at + 1;
	}
	if (s[at] != 'm')
		return 0;
	++*count;
	return at + 1;
}

/* The nearest of the eight, for colours of larger palettes. */
static uint8_t nearest(int red, int green, int blue)
{
	const int most =
		red > green ? (red > blue ? red : blue) : (green > blue ? green : blue);
	const int bits = most < 64 ? 0
				   : (red * 2 > most ? 1 : 0) | (green * 2 > most ? 2 : 0) |
					     (blue * 2 > most ? 4 : 0);

	return (uint8_t)(bits == 0 ? 8 : bits);
}

static uint8_t of_palette(int index)
{
	if (index < 16)
		return (uint8_t)(index % 8 == 0 ? 8 : index % 8);
	if (index >= 232)
		return index < 240 ? 8 : 7;
	index -= 16;
	return nearest(index / 36 * 51, index / 6 % 6 * 51, index % 6 * 51);
}

/* 38;5;n and 38;2;r;g;b (and 48…): returns how many numbers belong to it. */
static int extended(const int *numbers, int left, uint8_t *color)
{
	if (left >= 3 && numbers[1] == 5) {
		*color = of_palette(numbers[2]);
		return 3;
	}
	if (left >= 5 && numbers[1] == 2) {
		*color = nearest(numbers[2], numbers[3], numbers[4]);
		return 5;
	}
	return left;
}

static uint8_t apply(uint8_t paint, const int *numbers, int count)
{
	for (int i = 0; i < count; i++) {
		const int n = numbers[i];
		uint8_t color = paint & PAINT_COLOR;
		if (n == 0)
			paint = color = 0;
		else if (n == 1)
			paint |= PAINT_BOLD;
		else if (n == 4)
			paint |= PAINT_UNDERLINE;
		else if (n == 7)
			paint |= PAINT_REVERSE;
		else if (n == 22 || n == 24 || n == 27)
			paint &= (uint8_t) ~(n == 22   ? PAINT_BOLD
					     : n == 24 ? PAINT_UNDERLINE
						       : PAINT_REVERSE);
		else if ((n >= 30 && n <= 37) || (n >= 90 && n <= 97))
			color = (uint8_t)(n % 10 == 0 ? 8 : n % 10);
		else if (n == 39)
			color = 0;
		else if (n == 38)
			i += extended(numbers + i, count - i, &color) - 1;
		else if (n == 48) {
			uint8_t ground;
			i += extended(numbers + i, count - i, &ground) - 1;
		}
		paint = (uint8_t)((paint & ~PAINT_COLOR) | color);
	}
	return paint;
}

/* Walks the line: stretches of text go through text_sanitise into out; each is followed by what
 * is to be painted from there on. */
static enum err_code walk(
	const char *line, size_t len, struct buf *out, uint8_t **paints, struct err *err)
{
	uint8_t paint = 0;
	size_t from = 0, at = 0, painted = 0;
	int numbers[NUMBERS_MAX], count = 0;

	for (;;) {
		const char *escape = at < len ? memchr(line + at, 0x1b, len - at) : NULL;
		size_t skip = 0;
		at = escape != NULL ? (size_t)(escape - line) : len;
		if (escape != NULL)
			skip = sequence(line + at, len - at, numbers, &count);
		if (escape != NULL && skip == 0) {
			at++; /* not ours: stays in the stretch and is made visible */
			continue;
		}
		TRY(text_sanitise(line + from, at - from, out, err));
		if (paints != NULL && out->len > painted) {
			*paints = xrealloc(*paints, out->len);
			memset(*paints + painted, paint, out->len - painted);
			painted = out->len;
		}
		if (escape == NULL)
			return ERR_NONE;
		if (count > 0)
			paint = apply(paint, numbers, count);
		at = from = at + skip;
	}
}

void paint_line(const char *line, size_t len, struct painted *out)
{
	struct buf clean;
	struct err err = { 0 };

	*out = (struct painted){ 0 };
	buf_init(&clean, len * 16 + 64);
	if (walk(line, len, &clean, &out->paint, &err) != ERR_NONE)
		buf_clear(&clean);
	out->len = clean.len;
	out->text = clean.data != NULL ? clean.data : xstrdup("");
}

void painted_release(struct painted *painted)
{
	free(painted->text);
	free(painted->paint);
	*painted = (struct painted){ 0 };
}

enum err_code text_plain(const char *line, size_t len, struct buf *out, struct err *err)
{
	return walk(line, len, out, NULL, err);
}
