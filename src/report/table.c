/* table.c: text that came from outside, made harmless for Markdown and for a table of fixed
 * width. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 22, JSON_SHOWN = 400 };

enum err_code visible(struct buf *out, const char *text, struct err *err)
{
	size_t len = strlen(text);

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	for (;;) {
		const char *end = memchr(text, '\n', len);
		const size_t line = end ? (size_t)(end - text) : len;
		TRY(text_sanitise(text, line, out, err));
		if (end == NULL)
			return ERR_NONE;
		TRY(buf_add(out, " / ", 3, err));
		text = end + 1;
		len -= line + 1;
	}
}

/* Whether the character at `at` could begin or be part of markup: CommonMark's own, the tables,
 * strikethrough, mathematics and bare links of GitHub's dialect, and the braces of template
 * engines. */
static bool is_markup(const char *text, size_t at)
{
	if (strchr("\\`*_[]<>|~#&!${}", text[at]) != NULL)
		return true;
	if (text[at] == ':') /* http://… */
		return str_starts(text + at, "://");
	if (text[at] == '.') /* www.… */
		return at >= 3 && (memcmp(text + at - 3, "www", 3) == 0 ||
					  memcmp(text + at - 3, "WWW", 3) == 0);
	return text[at] == '@'; /* mail addresses and the names of accounts */
}

enum err_code md_text(struct buf *out, const char *text, struct err *err)
{
	struct buf clean;
	enum err_code code;

	buf_init(&clean, TEXT_MAX);
	code = buf_add(&clean, "", 0, err);
	if (code == ERR_NONE)
		code = visible(&clean, text ? text : "", err);
	for (size_t i = 0; code == ERR_NONE && i < clean.len; i++) {
		if (is_markup(clean.data, i))
			code = buf_add(out, "\\", 1, err);
		if (code == ERR_NONE)
			code = buf_add(out, clean.data + i, 1, err);
	}
	buf_release(&clean);
	return code;
}

enum err_code md_code(struct buf *out, const char *text, struct err *err)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/@:+=,";

	if (text == NULL || text[0] == '\0' || text[strspn(text, plain)] != '\0')
		return md_text(out, text, err);
	return buf_addf(out, err, "`%s`", text);
}

enum err_code md_json(struct buf *out, const json_t *value, struct err *err)
{
	char *line = value ? json_line(value) : xstrdup("");
	size_t len = strlen(line);
	enum err_code code = ERR_NONE;

	if (len > JSON_SHOWN) {
		const size_t whole = len;
		len = utf8_valid_prefix(line, JSON_SHOWN);
		line[len] = '\0';
		code = md_text(out, line, err);
		if (code == ERR_NONE)
			code = buf_addf(out, err, " ... (%zu bytes in all)", whole);
	} else {
		code = md_text(out, line, err);
	}
	free(line);
	return code;
}

/* ------------------------------------------------------------------ fixed width */

/* Columns of the character at s, without asking a locale: East Asian wide and pictographs take
 * two.  Some narrow ones are counted as wide; the table then has a gap, never a line that is
 * too long. */
static size_t columns_of(const char *s, size_t *bytes)
{
	const unsigned char c = (unsigned char)s[0];
	const size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	*bytes = n;
	if (n < 3)
		return 1;
	return n == 4 || (unsigned char)s[0] >= 0xe3 ||
			       ((unsigned char)s[0] == 0xe1 && (unsigned char)s[1] < 0x86) ||
			       ((unsigned char)s[0] == 0xe2 && (unsigned char)s[1] >= 0xba)
		       ? 2
		       : 1;
}

enum err_code cell(
	struct buf *out, const char *text, size_t columns, bool right, struct err *err)
{
	struct buf clean;
	size_t used = 0, at = 0, fit = 0, fit_used = 0, bytes;

	buf_init(&clean, TEXT_MAX);
	enum err_code code = buf_add(&clean, "", 0, err);
	if (code == ERR_NONE)
		code = visible(&clean, text ? text : "", err);
	while (code == ERR_NONE && at < clean.len && used <= columns) {
		used += columns_of(clean.data + at, &bytes);
		at += bytes;
		if (used < columns) {
			fit = at;
			fit_used = used;
		}
	}
	const bool cut = used > columns;
	if (!cut) {
		fit = clean.len;
		fit_used = used;
	}
	const int fill = (int)(columns - fit_used - (cut ? 1 : 0));
	if (code == ERR_NONE && right)
		code = buf_addf(out, err, "%*s", fill, "");
	if (code == ERR_NONE)
		code = buf_addf(out, err, "%.*s%s", (int)fit, clean.data, cut ? "~" : "");
	if (code == ERR_NONE && !right)
		code = buf_addf(out, err, "%*s", fill, "");
	buf_release(&clean);
	return code;
}

/* ------------------------------------------------------------------ past runs */

enum { HISTORY_COLUMNS = 8 };
static const struct {
	const char *head;
	size_t width;
	bool right;
} columns[HISTORY_COLUMNS] = {{"MODE", 5, false}, {"RUN", 6, true},
	{"STARTED (UTC)", 16, false}, {"RUNBOOK", 19, false}, {"STATUS", 7, false},
	{"RTA", 8, true}, {"RTO", 6, false}, {"RPO", 6, false}};

static enum err_code line(
	struct buf *out, const char *const cells[HISTORY_COLUMNS], struct err *err)
{
	const size_t begin = out->len;

	for (size_t i = 0; i < HISTORY_COLUMNS; i++) {
		if (i > 0)
			TRY(buf_add(out, " ", 1, err));
		TRY(cell(out, cells[i], columns[i].width, columns[i].right, err));
	}
	while (out->len > begin && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	return buf_add(out, "\n", 1, err);
}

/* "not measured" and "none" would not fit and say the same here. */
static const char *verdict_cell(const json_t *run, const char *key)
{
	const char *word = json_str(run, key, "");

	return str_eq(word, "met") || str_eq(word, "missed") ? word : "-";
}

enum err_code report_table(const json_t *runs, struct buf *out, struct err *err)
{
	const char *heads[HISTORY_COLUMNS];
	const json_t *run;
	size_t i;

	if (json_array_size(runs) == 0)
		return buf_addf(out, err, "no runs\n");
	for (i = 0; i < HISTORY_COLUMNS; i++)
		heads[i] = columns[i].head;
	TRY(line(out, heads, err));
	json_array_foreach(runs, i, run) {
		char number[32], started[32], rta[24] = "-";
		snprintf(number, sizeof(number), "%lld", (long long)json_int(run, "run", 0));
		wall_format(started, sizeof(started),
			(struct wall){json_int(run, "started_ns", 0)});
		started[10] = ' ';
		started[16] = '\0';
		if (json_int(run, "rta_ms", -1) >= 0)
			format_clock(rta, sizeof(rta), json_int(run, "rta_ms", 0));
		char *book = xasprintf("%s@v%lld", json_str(run, "runbook", ""),
			(long long)json_int(run, "version", 0));
		const char *cells[HISTORY_COLUMNS] = {json_str(run, "mode", ""), number,
			started, book, json_str(run, "status", ""), rta,
			verdict_cell(run, "rto"), verdict_cell(run, "rpo")};
		const enum err_code code = line(out, cells, err);
		free(book);
		if (code != ERR_NONE)
			return code;
	}
	return ERR_NONE;
}
