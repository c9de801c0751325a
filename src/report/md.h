/* md.h: writing Markdown from the document; shared by markdown.c and ledger.c.
 *
 * Every string of the document may come from outside: it goes through text() or code(), never
 * through say()'s format. Untrusted text never begins a line, so it cannot begin a block
 * either. */
#ifndef REPORT_MD_H
#define REPORT_MD_H

#include "internal.h"

/* The first error sticks, so that the sections read as what they write. */
struct md {
	struct buf *out;
	struct err *err;
	enum err_code code;
};

PRINTF(2, 3) static inline void say(struct md *md, const char *fmt, ...)
{
	char small[768];
	va_list args;

	if (md->code != ERR_NONE)
		return;
	va_start(args, fmt);
	const int n = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(small))
		base_die("a line of the report's own words is too long");
	md->code = buf_add(md->out, small, (size_t)n, md->err);
}

static inline void text(struct md *md, const char *s)
{
	if (md->code == ERR_NONE)
		md->code = md_text(md->out, s, md->err);
}

static inline void code(struct md *md, const char *s)
{
	if (md->code == ERR_NONE)
		md->code = md_code(md->out, s, md->err);
}

static inline void value(struct md *md, const json_t *json)
{
	if (md->code == ERR_NONE)
		md->code = md_json(md->out, json, md->err);
}

/* "0:46.123", "1:02:03.456": to the millisecond, so that a reader can add the columns up. */
static inline void exact(struct md *md, const json_t *ms)
{
	if (!json_is_integer(ms)) {
		say(md, "-");
		return;
	}
	const int64_t v = json_integer_value(ms), t = v < 0 ? -v : v;
	say(md, "%s", v < 0 ? "-" : "");
	if (t >= 3600000)
		say(md, "%lld:%02d", (long long)(t / 3600000), (int)(t / 60000 % 60));
	else
		say(md, "%d", (int)(t / 60000));
	say(md, ":%02d.%03d", (int)(t / 1000 % 60), (int)(t % 1000));
}

static inline void duration(struct md *md, const json_t *ms)
{
	char buf[32];

	if (json_is_integer(ms) && json_integer_value(ms) == 0)
		say(md, "0");
	else
		say(md, "%s",
			json_is_integer(ms)
				? format_duration(buf, sizeof(buf), json_integer_value(ms))
				: "-");
}

static inline void at(struct md *md, const json_t *stamp_row)
{
	say(md, "%.24s", json_str(stamp_row, "utc", "-"));
}

static inline void number(struct md *md, const json_t *n)
{
	if (json_is_integer(n))
		say(md, "%lld", (long long)json_integer_value(n));
	else
		say(md, "-");
}

/* "op1 (uid 1000)"; the program itself has no uid. */
static inline void who(struct md *md, const json_t *row)
{
	const int64_t uid = json_int(row, "uid", -1);

	text(md, json_str(row, "who", "?"));
	if (uid >= 0)
		say(md, " (uid %lld)", (long long)uid);
}

static inline const json_t *get(const json_t *row, const char *key)
{
	return json_object_get(row, key);
}

/* A section without rows says so: an empty place would look like a forgotten one. */
static inline bool section(
	struct md *md, const char *title, const json_t *rows, const char *none)
{
	say(md, "\n## %s\n\n", title);
	if (json_array_size(rows) > 0)
		return true;
	say(md, "%s\n", none);
	return false;
}

/* ledger.c: the sections on operations, people and what the record rests on */
void md_operations(struct md *md, const json_t *rows);
void md_questions(struct md *md, const json_t *rows);
void md_notes(struct md *md, const json_t *rows);
void md_values(struct md *md, const json_t *doc);
void md_output_files(struct md *md, const json_t *rows);
void md_files(struct md *md, const json_t *rows);
void md_record(struct md *md, const json_t *doc);

#endif
