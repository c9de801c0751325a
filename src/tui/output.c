/* output.c: moving and searching in a file of which only a window is there. */
#include "output.h"
#include "paint.h"

#include <stdlib.h>
#include <string.h>

void output_open(struct output_view *out, size_t step, int64_t attempt)
{
	output_release(out);
	*out = (struct output_view){ .step = step, .attempt = attempt, .found = -1 };
}

void output_release(struct output_view *out)
{
	free(out->text);
	out->text = NULL;
	out->len = 0;
}

/* ------------------------------------------------------------------ the window */

static void drop_front(struct output_view *out, size_t count)
{
	memmove(out->text, out->text + count, out->len - count);
	out->len -= count;
	out->from += (int64_t)count;
}

/* Too much is dropped where the eye is not. */
static void trim(struct output_view *out)
{
	if (out->len <= OUTPUT_WINDOW)
		return;
	const size_t excess = out->len - OUTPUT_WINDOW;
	if (out->held && out->top - out->from < (int64_t)excess) {
		out->len -= excess;
		out->upto -= (int64_t)excess;
	} else {
		drop_front(out, excess);
	}
}

static void go_up(struct output_view *out, int lines);

void output_take(struct output_view *out, int64_t offset, const char *data, size_t len)
{
	const bool before = offset + (int64_t)len == out->from && len > 0;

	if (before) {
		out->text = xrealloc(out->text, out->len + len + 1);
		memmove(out->text + len, out->text, out->len);
		memcpy(out->text, data, len);
		out->from = offset;
	} else {
		if (offset != out->upto) {
			out->len = 0;
			out->from = offset;
		}
		out->text = xrealloc(out->text, out->len + len + 1);
		memcpy(out->text + out->len, data, len);
		out->upto = offset + (int64_t)len;
	}
	out->len += len;
	if (before && out->owed > 0) {
		const int owed = out->owed;
		out->owed = 0;
		go_up(out, owed);
	}
	trim(out);
}

static size_t lines_from(const struct output_view *out, int64_t at)
{
	size_t count = 0;

	for (size_t i = (size_t)(at - out->from); i < out->len; i++)
		count += out->text[i] == '\n';
	return count;
}

bool output_wants(const struct output_view *out, int64_t size, int rows, int64_t *offset)
{
	if (out->waiting)
		return false;
	if (!out->held) {
		if (out->asked &&
			(out->upto >= size || (out->empty && size == out->asked_size)))
			return false;
		*offset = !out->asked || size - out->upto > OUTPUT_PIECE ? -OUTPUT_PIECE
									 : out->upto;
		return true;
	}
	if (out->top < out->from || out->top > out->upto) { /* elsewhere */
		*offset = out->top;
		return true;
	}
	if (out->owed > 0 && out->from > 0) {
		*offset = out->from > OUTPUT_PIECE ? out->from - OUTPUT_PIECE : 0;
		return true;
	}
	*offset = out->upto;
	return out->upto < size && !(out->empty && size == out->asked_size) &&
	       out->upto - out->top < OUTPUT_PIECE && lines_from(out, out->top) <= (size_t)rows;
}

/* ------------------------------------------------------------------ moving */

/* Where the line before the one at `at` begins; `at` itself at the window's begin. */
static size_t line_before(const struct output_view *out, size_t at)
{
	if (at == 0)
		return 0;
	for (at--; at > 0 && out->text[at - 1] != '\n'; at--)
		;
	return at;
}

/* Where the last `rows` lines begin, and whether the window holds that many. */
static size_t tail_begin(const struct output_view *out, int rows)
{
	size_t at = out->len;

	for (int i = 0; i < rows && at > 0; i++)
		at = line_before(out, at);
	/* the window may begin inside a line */
	if (at == 0 && out->from > 0) {
		const char *newline = memchr(out->text, '\n', out->len);
		if (newline != NULL && (size_t)(newline - out->text) + 1 < out->len)
			at = (size_t)(newline - out->text) + 1;
	}
	return at;
}

static void go_up(struct output_view *out, int lines)
{
	const size_t begin = (size_t)(out->top - out->from);
	size_t at = begin;

	lines += out->owed; /* what was asked for before has not come yet */
	out->owed = 0;
	while (lines > 0 && at > 0) {
		at = line_before(out, at);
		lines--;
	}
	if (at == 0 && out->from > 0 && begin == 0) {
		out->owed = lines;
	} else if (at == 0 && out->from > 0) {
		/* the first bytes may be the end of a line: stay on the next, owe the rest */
		const size_t next = tail_begin(out, INT32_MAX);
		out->owed = lines + 1;
		at = next < begin ? next : begin;
	}
	out->top = out->from + (int64_t)at;
}

static void go_down(struct output_view *out, int lines, int rows)
{
	size_t at = (size_t)(out->top - out->from);

	for (; lines > 0; lines--) {
		const char *newline =
			at < out->len ? memchr(out->text + at, '\n', out->len - at) : NULL;
		if (newline == NULL)
			break;
		at = (size_t)(newline - out->text) + 1;
	}
	out->top = out->from + (int64_t)at;
	if (out->upto >= out->size && out->from + (int64_t)tail_begin(out, rows) <= out->top)
		output_end(out); /* the last line shows: what comes is followed again */
}

void output_move(struct output_view *out, int by, int rows)
{
	if (out->text == NULL || out->len == 0)
		return;
	if (!out->held) {
		if (by > 0)
			return;
		out->top = out->from + (int64_t)tail_begin(out, rows);
		out->held = true;
	}
	if (out->top < out->from || out->top > out->upto)
		return; /* it is being fetched */
	if (by < 0)
		go_up(out, -by);
	else
		go_down(out, by, rows);
}

void output_end(struct output_view *out)
{
	if (out->held && out->upto < out->size)
		out->asked = false; /* the end is elsewhere: ask for it anew */
	out->held = false;
	out->owed = 0;
}

void output_begin(struct output_view *out)
{
	out->held = true;
	out->top = 0;
	out->owed = 0;
}

const char *output_shown(const struct output_view *out, int rows, const char **end)
{
	*end = out->text + out->len;
	if (out->len == 0 || (out->held && (out->top < out->from || out->top > out->upto)))
		return *end;
	return out->text + (out->held ? (size_t)(out->top - out->from) : tail_begin(out, rows));
}

/* ------------------------------------------------------------------ searching */

void output_look(struct output_view *out, int by, int rows)
{
	const char *end, *shown = output_shown(out, rows, &end);
	const int64_t here = out->found >= 0 ? out->found
			     : out->len > 0  ? out->from + (shown - out->text)
					     : 0;

	out->looking = by > 0 ? 1 : -1;
	out->look_round = false;
	/* a line that was found is left behind; one that only shows may be the answer */
	out->look_start = here + (by > 0 && out->found >= 0 ? 1 : 0);
	out->look_at = here;
}

void output_look_piece(const struct output_view *out, int64_t *offset, int64_t *max)
{
	*max = OUTPUT_SEARCH;
	*offset = out->look_at;
	if (out->looking < 0) {
		*offset = out->look_at > OUTPUT_SEARCH ? out->look_at - OUTPUT_SEARCH : 0;
		*max = out->look_at - *offset;
	}
}

static bool line_holds(const char *line, size_t len, const char *wanted)
{
	struct buf clean;
	struct err err = { 0 };
	bool holds = false;

	buf_init(&clean, len * 16 + 64);
	if (text_plain(line, len, &clean, &err) == ERR_NONE && clean.data != NULL)
		holds = strcasestr(clean.data, wanted) != NULL;
	buf_release(&clean);
	return holds;
}

static void show_found(struct output_view *out, int64_t at)
{
	out->looking = 0;
	out->found = at;
	out->held = true;
	out->top = at;
	out->owed = at > 0 ? 2 : 0; /* two lines of what stands before it */
	if (out->top >= out->from && out->top <= out->upto) {
		const int owed = out->owed;
		out->owed = 0;
		go_up(out, owed);
	}
}

/* The first (last, going back) line in the piece that holds it, -1 = none.  *next: where the
 * line begins that goes on behind the piece (going back: where its first whole line begins). */
static int64_t best_line(const struct output_view *out, int64_t offset, const char *data,
	size_t len, int64_t size, const char *wanted, int64_t *next)
{
	const bool forwards = out->looking > 0;
	int64_t best = -1;
	size_t at = 0;

	*next = offset + (forwards ? (int64_t)len : 0);
	if (offset > 0 && !forwards) { /* begins somewhere inside a line */
		const char *newline = memchr(data, '\n', len);
		at = newline != NULL && (size_t)(newline - data) + 1 < len
			     ? (size_t)(newline - data) + 1
			     : 0;
		*next = offset + (int64_t)at;
	}
	for (const size_t first = at; at < len;) {
		const char *newline = memchr(data + at, '\n', len - at);
		const size_t end = newline != NULL ? (size_t)(newline - data) : len;
		const int64_t here = offset + (int64_t)at;
		if (newline == NULL && forwards && at > first && offset + (int64_t)len < size) {
			*next = here;
			break;
		}
		const bool counts = out->look_round || (forwards ? here >= out->look_start
								 : here < out->look_start);
		if (counts && line_holds(data + at, end - at, wanted)) {
			best = here;
			if (forwards)
				break;
		}
		at = end + 1;
	}
	return best;
}

bool output_looked(struct output_view *out, int64_t offset, const char *data, size_t len,
	int64_t size, const char *wanted)
{
	const bool forwards = out->looking > 0;
	int64_t next;
	const int64_t best = best_line(out, offset, data, len, size, wanted, &next);

	if (best >= 0) {
		show_found(out, best);
		return true;
	}
	out->look_at = next;
	const bool edge = forwards ? next >= size || len == 0 : offset == 0 || len == 0;
	const bool round =
		out->look_round && (forwards ? next > out->look_start : next < out->look_start);
	if (round || (edge && out->look_round)) {
		out->looking = 0;
		return true;
	}
	if (edge) {
		out->look_round = true;
		out->look_at = forwards ? 0 : size;
	}
	return false;
}
