/* cells.c: the grid of cells: putting untrusted text into it, measuring, folding. */
#include "cells.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

void cells_init(struct cells *cells, int width, int height)
{
	*cells = (struct cells){ 0 };
	cells_resize(cells, width, height);
}

void cells_resize(struct cells *cells, int width, int height)
{
	cells->width = width < 1 ? 1 : width;
	cells->height = height < 1 ? 1 : height;
	cells->at = xrealloc(
		cells->at, (size_t)cells->width * (size_t)cells->height * sizeof(*cells->at));
	cells_clear(cells);
}

void cells_clear(struct cells *cells)
{
	const size_t count = (size_t)cells->width * (size_t)cells->height;

	for (size_t i = 0; i < count; i++)
		cells->at[i] = (struct cell){ .ch = ' ' };
	cells->cursor_x = cells->cursor_y = -1;
}

void cells_release(struct cells *cells)
{
	free(cells->at);
	*cells = (struct cells){ 0 };
}

static bool cell_equal(const struct cell *a, const struct cell *b)
{
	return a->ch == b->ch && a->mark == b->mark && a->style == b->style &&
	       a->paint == b->paint;
}

bool cells_equal(const struct cells *a, const struct cells *b)
{
	if (a->width != b->width || a->height != b->height || a->cursor_x != b->cursor_x ||
		a->cursor_y != b->cursor_y)
		return false;
	for (size_t i = 0; i < (size_t)a->width * (size_t)a->height; i++)
		if (!cell_equal(&a->at[i], &b->at[i]))
			return false;
	return true;
}

/* ------------------------------------------------------------------ characters */

uint32_t utf8_next(const char **s)
{
	const unsigned char *u = (const unsigned char *)*s;
	const size_t need = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	uint32_t ch = need == 1 ? u[0] : u[0] & (0xffU >> (need + 1));

	if (u[0] == '\0')
		return 0;
	if (need > 1 && utf8_valid_prefix(*s, strnlen(*s, need)) != need) {
		*s += 1;
		return 0xfffd;
	}
	for (size_t i = 1; i < need; i++)
		ch = ch << 6 | (u[i] & 0x3fU);
	*s += need;
	return ch;
}

size_t utf8_put(char out[4], uint32_t ch)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	const size_t need = ch < 0x80 ? 1 : ch < 0x800 ? 2 : ch < 0x10000 ? 3 : 4;

	for (size_t i = need; i-- > 1; ch >>= 6)
		out[i] = (char)(0x80U | (ch & 0x3fU));
	out[0] = (char)(lead[need == 1 ? 0 : need] | ch);
	return need;
}

/* The C library's own table for UTF-8, whatever the operator's locale: the same one ncurses
 * asks when painting. */
static int libc_columns(uint32_t ch)
{
	static locale_t utf8;

	if (utf8 == (locale_t)0)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (utf8 == (locale_t)0)
		return -1;
	const locale_t before = uselocale(utf8);
	const int columns = wcwidth((wchar_t)ch);
	uselocale(before);
	return columns;
}

int code_columns(uint32_t ch)
{
	if (ch < 0x7f)
		return 1;
	const int columns = libc_columns(ch);
	return columns < 0 ? 1 : columns;
}

static bool showable(uint32_t ch)
{
	return ch >= 0x20 && ch != 0x7f && (ch < 0x7f || libc_columns(ch) >= 0);
}

/* ------------------------------------------------------------------ text into cells */

static struct cell *cell_at(struct cells *cells, int x, int y)
{
	if (x < 0 || y < 0 || x >= cells->width || y >= cells->height)
		return NULL;
	return &cells->at[(size_t)y * (size_t)cells->width + (size_t)x];
}

/* Puts blanks where half of a wide character would be left over. */
static void unsplit(struct cells *cells, int x, int y)
{
	struct cell *cell = cell_at(cells, x, y), *left = cell_at(cells, x - 1, y),
		    *right = cell_at(cells, x + 1, y);

	if (cell == NULL)
		return;
	if (cell->ch == 0 && left != NULL)
		left->ch = ' ', left->mark = 0;
	if (right != NULL && right->ch == 0)
		right->ch = ' ';
}

static void put(struct cells *cells, int x, int y, enum style style, uint32_t ch)
{
	struct cell *cell = cell_at(cells, x, y);

	if (cell == NULL)
		return;
	unsplit(cells, x, y);
	*cell = (struct cell){ .ch = ch, .style = (uint8_t)style };
	if (code_columns(ch) == 2 && cell_at(cells, x + 1, y) != NULL) {
		unsplit(cells, x + 1, y);
		*cell_at(cells, x + 1, y) = (struct cell){ .ch = 0, .style = (uint8_t)style };
	}
}

/* paint: one byte per byte of clean, or NULL. */
static int put_clean(struct cells *cells, int x, int y, int max, enum style style,
	const char *clean, const uint8_t *paint)
{
	int used = 0;

	for (const char *begin = clean; *clean != '\0';) {
		const uint8_t own = paint != NULL ? paint[clean - begin] : 0;
		uint32_t ch = utf8_next(&clean);
		if (!showable(ch))
			ch = '?';
		const int columns = code_columns(ch);
		if (columns == 0) {
			struct cell *before = cell_at(cells, x + used - 1, y);
			if (before != NULL && before->ch == 0)
				before = cell_at(cells, x + used - 2, y);
			if (used > 0 && before != NULL && before->mark == 0)
				before->mark = ch;
			continue;
		}
		if (used + columns > max) {
			if (used == max)
				used--;
			put(cells, x + used, y, style, '~');
			return used + 1;
		}
		put(cells, x + used, y, style, ch);
		for (int i = 0; own != 0 && i < columns; i++)
			if (cell_at(cells, x + used + i, y) != NULL)
				cell_at(cells, x + used + i, y)->paint = own;
		used += columns;
	}
	return used;
}

/* Sanitised copy, at most `most` bytes of the input; owned. */
static char *clean_copy(const char *text, size_t most)
{
	struct buf out;
	struct err err = { 0 };
	const size_t len = strnlen(text, most);

	buf_init(&out, len * 16 + 64);
	if (text_sanitise(text, len, &out, &err) != ERR_NONE)
		buf_clear(&out);
	return out.data != NULL ? out.data : xstrdup("");
}

int cells_text(struct cells *cells, int x, int y, int max, enum style style, const char *text)
{
	if (x + max > cells->width)
		max = cells->width - x;
	if (text == NULL || max <= 0 || y < 0 || y >= cells->height || x < 0)
		return 0;
	char *clean = clean_copy(text, (size_t)max * 16 + 64);
	const int used = put_clean(cells, x, y, max, style, clean, NULL);
	free(clean);
	return used;
}

int cells_painted(struct cells *cells, int x, int y, int max, enum style style,
	const struct painted *line, size_t from, size_t to)
{
	if (x + max > cells->width)
		max = cells->width - x;
	if (max <= 0 || y < 0 || y >= cells->height || x < 0 || from >= to || to > line->len)
		return 0;
	char *part = xasprintf("%.*s", (int)(to - from), line->text + from);
	const int used = put_clean(
		cells, x, y, max, style, part, line->paint != NULL ? line->paint + from : NULL);
	free(part);
	return used;
}

void cells_mark(struct cells *cells, int x, int y, int count, const char *words)
{
	const int columns = words[0] != '\0' ? text_columns(words) : 0;

	for (int at = x; columns > 0 && at + columns <= x + count; at++) {
		const char *w = words;
		int i = 0;
		while (*w != '\0') {
			const struct cell *cell = cell_at(cells, at + i, y);
			const uint32_t ch = utf8_next(&w);
			if (cell == NULL || towlower((wint_t)cell->ch) != towlower((wint_t)ch))
				break;
			i += code_columns(ch) > 0 ? code_columns(ch) : 1;
			if (*w == '\0')
				cells_style(cells, at, y, i, STYLE_SELECTED);
		}
	}
}

int cells_textf(
	struct cells *cells, int x, int y, int max, enum style style, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return cells_text(cells, x, y, max, style, text);
}

void cells_right(struct cells *cells, int x, int y, int max, enum style style, const char *text)
{
	const int columns = text_columns(text);

	cells_text(cells, columns < max ? x + max - columns : x, y, max, style, text);
}

void cells_fill(struct cells *cells, int x, int y, int count, enum style style, uint32_t ch)
{
	for (int i = 0; i < count; i++)
		put(cells, x + i, y, style, ch);
}

void cells_rule(struct cells *cells, int x, int y, int count, enum style style)
{
	cells_fill(cells, x, y, count, style, cells->lines ? 0x2500 : '-');
}

void cells_down(struct cells *cells, int x, int y, int count, enum style style)
{
	for (int i = 0; i < count; i++)
		put(cells, x, y + i, style, cells->lines ? 0x2502 : '|');
}

void cells_corners(struct cells *cells, int x, int y, int width, int height, enum style style)
{
	static const uint32_t corners[] = { 0x250c, 0x2510, 0x2514, 0x2518 };

	for (int corner = 0; corner < 4; corner++)
		put(cells, corner & 1 ? x + width - 1 : x, corner & 2 ? y + height - 1 : y,
			style, cells->lines ? corners[corner] : '+');
}

void cells_style(struct cells *cells, int x, int y, int count, enum style style)
{
	for (int i = 0; i < count; i++) {
		struct cell *cell = cell_at(cells, x + i, y);
		if (cell != NULL)
			cell->style = (uint8_t)style;
	}
}

char *cells_row(const struct cells *cells, int y)
{
	return cells_part(cells, 0, y, cells->width);
}

char *cells_part(const struct cells *cells, int from, int y, int count)
{
	char *row = xmalloc((size_t)count * 8 + 1);
	size_t len = 0;

	for (int x = from; x < from + count && x < cells->width; x++) {
		const struct cell *cell =
			&cells->at[(size_t)y * (size_t)cells->width + (size_t)x];
		if (cell->ch != 0)
			len += utf8_put(row + len, cell->ch);
		if (cell->mark != 0)
			len += utf8_put(row + len, cell->mark);
	}
	while (len > 0 && row[len - 1] == ' ')
		len--;
	row[len] = '\0';
	return row;
}

static int clean_columns(const char *clean)
{
	int columns = 0;

	while (*clean != '\0') {
		const uint32_t ch = utf8_next(&clean);
		columns += showable(ch) ? code_columns(ch) : 1;
	}
	return columns;
}

int text_columns(const char *text)
{
	char *clean = clean_copy(text, 4096);
	const int columns = clean_columns(clean);

	free(clean);
	return columns;
}

/* ------------------------------------------------------------------ folded lines */

void lines_init(struct lines *lines)
{
	*lines = (struct lines){ 0 };
}

void lines_release(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->rows[i].text);
	free(lines->rows);
	*lines = (struct lines){ 0 };
}

static void add_row(
	struct lines *lines, enum style style, int indent, const char *text, size_t len)
{
	if (lines->count >= LINES_MAX)
		return;
	if (lines->count == LINES_MAX - 1) {
		style = STYLE_WARN;
		indent = 0;
		text = "... there is more than can be shown here";
		len = strlen(text);
	}
	if (lines->count == lines->cap) {
		lines->cap = lines->cap ? lines->cap * 2 : 16;
		lines->rows = xrealloc(lines->rows, lines->cap * sizeof(*lines->rows));
	}
	lines->rows[lines->count++] =
		(struct line){ .text = xasprintf("%*s%.*s", indent, "", (int)len, text),
			.style = style };
}

/* Bytes of clean that fit into width: up to the last blank when a word would be cut, else as
 * many as fit. */
size_t text_fold(const char *clean, int width)
{
	const char *at = clean, *blank = NULL;
	int used = 0;

	while (*at != '\0') {
		const char *before = at;
		const uint32_t ch = utf8_next(&at);
		if (ch == ' ' && used > 0)
			blank = before;
		used += showable(ch) ? code_columns(ch) : 1;
		if (used > width)
			return blank != NULL	? (size_t)(blank - clean)
			       : before > clean ? (size_t)(before - clean)
						: (size_t)(at - clean);
	}
	return (size_t)(at - clean);
}

static void fold(
	struct lines *lines, enum style style, int width, int indent, const char *clean)
{
	int margin = 0;

	do {
		const size_t take = text_fold(clean, width - margin);
		add_row(lines, style, margin, clean, take);
		clean += take;
		while (*clean == ' ')
			clean++;
		margin = indent < width / 2 ? indent : 0;
	} while (*clean != '\0' && lines->count < LINES_MAX);
}

void lines_add(struct lines *lines, enum style style, int width, int indent, const char *text)
{
	if (width < 1)
		width = 1;
	while (text != NULL) {
		const char *end = strchr(text, '\n');
		char *piece = end != NULL ? xasprintf("%.*s", (int)(end - text), text)
					  : xstrdup(text);
		char *clean = clean_copy(piece, 1 << 20);
		fold(lines, style, width, indent, clean);
		free(clean);
		free(piece);
		text = end != NULL && end[1] != '\0' ? end + 1 : NULL;
	}
}

void lines_addf(
	struct lines *lines, enum style style, int width, int indent, const char *fmt, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		base_die("out of memory");
	va_end(args);
	lines_add(lines, style, width, indent, text);
	free(text);
}
