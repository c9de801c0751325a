/* text.c: comparing, measuring and parsing text, and making untrusted text safe to show. */
#include "drillbook/base.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool str_eq(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return s != NULL && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	if (s == NULL)
		return false;
	const size_t len = strlen(s), tail = strlen(suffix);

	return len >= tail && memcmp(s + len - tail, suffix, tail) == 0;
}

enum { DISTANCE_MAX = 64 };

size_t str_distance(const char *a, const char *b)
{
	const size_t la = strlen(a), lb = strlen(b);
	size_t row[DISTANCE_MAX + 1];

	if (la > DISTANCE_MAX || lb > DISTANCE_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			const size_t above = row[j];
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[lb];
}

const char *str_nearest(const char *name, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t least = strlen(name) / 3 + 1; /* a third of the letters may be wrong, at least one */

	for (size_t i = 0; i < count; i++) {
		if (candidates[i] == NULL)
			continue;
		const size_t distance = str_distance(name, candidates[i]);
		if (distance <= least && (best == NULL || distance < least)) {
			best = candidates[i];
			least = distance;
		}
	}
	return best;
}

/* Length of the valid UTF-8 sequence at s and its code point; 0 when it is none (RFC 3629, section 4). */
static size_t utf8_decode(const char *s, size_t len, uint32_t *out)
{
	const unsigned char *u = (const unsigned char *)s;
	uint32_t c;
	size_t need;

	if (len == 0)
		return 0;
	if (u[0] < 0x80) {
		*out = u[0];
		return 1;
	} else if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		c = u[0] & 0x1fU;
		need = 2;
	} else if (u[0] >= 0xe0 && u[0] <= 0xef) {
		c = u[0] & 0x0fU;
		need = 3;
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		c = u[0] & 0x07U;
		need = 4;
	} else {
		return 0;
	}
	if (len < need)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((u[i] & 0xc0U) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3fU);
	}
	if ((need == 3 && c < 0x800) || (need == 4 && (c < 0x10000 || c > 0x10ffff)) ||
		(c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return need;
}

size_t utf8_valid_prefix(const char *s, size_t len)
{
	size_t at = 0;
	uint32_t c;

	while (at < len) {
		const size_t n = utf8_decode(s + at, len - at, &c);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

/* Code points that change how their neighbours look, or that cannot be seen at all. */
static bool deceptive(uint32_t c)
{
	static const struct { uint32_t first, last; } ranges[] = {
		{0x00ad, 0x00ad},   /* soft hyphen */
		{0x034f, 0x034f},   /* combining grapheme joiner */
		{0x061c, 0x061c},   /* Arabic letter mark */
		{0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, /* fillers, selectors */
		{0x200b, 0x200f},   /* zero width, left/right marks */
		{0x2028, 0x202e},   /* separators, bidi embeddings and overrides */
		{0x2060, 0x206f},   /* joiners, bidi isolates, invisible operators */
		{0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
		{0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
		{0xe0000, 0xe0fff}, /* tags, variation selectors supplement */
	};

	for (size_t i = 0; i < COUNT_OF(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

enum err_code text_sanitise(const char *s, size_t len, struct buf *out, struct err *err)
{
	size_t column = 0;

	for (size_t at = 0; at < len;) {
		uint32_t c = 0;
		const size_t n = utf8_decode(s + at, len - at, &c);
		const size_t before = out->len;
		if (n == 0) {
			TRY(buf_addf(out, err, "<%02X>", (unsigned char)s[at]));
			at++;
		} else {
			if (c == '\t')
				TRY(buf_addf(out, err, "%*s", (int)(8 - column % 8), ""));
			else if (c < 0x20 || c == 0x7f)
				TRY(buf_addf(out, err, "^%c", (char)(c ^ 0x40)));
			else if (c >= 0x80 && c < 0xa0)
				TRY(buf_addf(out, err, "<%02X>", (unsigned)c));
			else if (deceptive(c))
				TRY(buf_addf(out, err, "<U+%04X>", (unsigned)c));
			else
				TRY(buf_add(out, s + at, n, err));
			at += n;
		}
		column += n > 1 && out->len - before == n ? 1 : out->len - before;
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ quantities */

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit duration_units[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit byte_units[] = {
	{"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", (int64_t)1 << 40}};

/* One "12unit" at *s; moves *s behind it. */
static bool take_quantity(const char **s, const struct unit *units, size_t count, int64_t *out)
{
	char *end;

	if (**s < '0' || **s > '9')
		return false;
	errno = 0;
	const long long n = strtoll(*s, &end, 10);
	if (errno != 0)
		return false;
	const size_t letters = strspn(end, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == letters && memcmp(units[i].name, end, letters) == 0) {
			*s = end + letters;
			return !__builtin_mul_overflow((int64_t)n, units[i].factor, out);
		}
	return false;
}

enum err_code parse_duration_ms(const char *s, int64_t *out_ms, struct err *err)
{
	const char *at = s;
	int64_t total = 0, part;

	if (s != NULL && strcmp(s, "0") == 0) {
		*out_ms = 0;
		return ERR_NONE;
	}
	do {
		if (s == NULL || !take_quantity(&at, duration_units, COUNT_OF(duration_units), &part) ||
			__builtin_add_overflow(total, part, &total))
			return err_set(err, ERR_USAGE,
				"\"%s\" is not a duration: write 250ms, 30s, 5m, 1h30m or 2d", s ? s : "");
	} while (*at != '\0');
	*out_ms = total;
	return ERR_NONE;
}

enum err_code parse_bytes(const char *s, int64_t *out_bytes, struct err *err)
{
	const char *at = s;

	if (s == NULL || !take_quantity(&at, byte_units, COUNT_OF(byte_units), out_bytes) || *at != '\0')
		return err_set(err, ERR_USAGE, "\"%s\" is not a size: write 512, 16KiB, 4MiB or 2GiB",
			s ? s : "");
	return ERR_NONE;
}

char *format_clock(char *buf, size_t size, int64_t ms)
{
	const char *sign = ms < 0 ? "-" : "";
	const int64_t s = (ms < 0 ? -ms : ms) / 1000;

	if (s >= 86400)
		snprintf(buf, size, "%s%" PRId64 "d %02dh", sign, s / 86400, (int)(s / 3600 % 24));
	else if (s >= 3600)
		snprintf(buf, size, "%s%d:%02d:%02d", sign, (int)(s / 3600), (int)(s / 60 % 60),
			(int)(s % 60));
	else
		snprintf(buf, size, "%s%d:%02d", sign, (int)(s / 60), (int)(s % 60));
	return buf;
}

char *format_duration(char *buf, size_t size, int64_t ms)
{
	const char *sign = ms < 0 ? "-" : "";
	const int64_t t = ms < 0 ? -ms : ms;

	if (t < 1000)
		snprintf(buf, size, "%s%dms", sign, (int)t);
	else if (t < 60000 && t % 1000 == 0)
		snprintf(buf, size, "%s%ds", sign, (int)(t / 1000));
	else if (t < 60000)
		snprintf(buf, size, "%s%d.%ds", sign, (int)(t / 1000), (int)(t % 1000 / 100));
	else if (t < 3600000)
		snprintf(buf, size, "%s%dm%02ds", sign, (int)(t / 60000), (int)(t / 1000 % 60));
	else if (t < 86400000)
		snprintf(buf, size, "%s%dh%02dm", sign, (int)(t / 3600000), (int)(t / 60000 % 60));
	else
		snprintf(buf, size, "%s%" PRId64 "d%02dh", sign, t / 86400000,
			(int)(t / 3600000 % 24));
	return buf;
}
