/* compare.c: two runs of a runbook side by side, from the journal only (docs/report-format.md,
 * "Comparing"). */
#include "diff.h"
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DIFF_LINES_MAX = 2000 };

/* ------------------------------------------------------------------ the two sides */

static json_t *side(const struct run *run)
{
	json_t *row = json_object(), *book = json_object();
	const struct service *service = run->service_count > 0 ? &run->services[0] : NULL;
	const struct service_clock clock = service != NULL ? run_clock(run, service, run->ended)
							   : (struct service_clock){ 0 };

	json_put_str(book, "name", run->runbook);
	json_put_int(book, "version", run->version);
	json_put_str(book, "digest", run->digest);
	json_put_int(row, "run", run->id);
	json_put(row, "runbook", book);
	json_put_str(row, "mode", run->mode);
	json_put_str(row, "status", run_status_name(run->status));
	json_put_int(row, "began_ns", run->began.ns);
	json_put_str(row, "service", service != NULL ? service->name : NULL);
	json_put(row, "rta_ms", clock.verified ? json_integer(clock.elapsed_ms) : NULL);
	json_put_str(row, "verdict",
		service != NULL ? objective_name(service_rto(run, service)) : "none");
	return row;
}

static void put_delta(json_t *row)
{
	const json_t *a = json_object_get(json_object_get(row, "a"), "ms"),
		     *b = json_object_get(json_object_get(row, "b"), "ms");

	json_put(row, "delta_ms",
		json_is_integer(a) && json_is_integer(b)
			? json_integer(json_integer_value(b) - json_integer_value(a))
			: NULL);
}

/* ------------------------------------------------------------------ steps and time */

static json_t *step_side(const struct step *step)
{
	if (step == NULL)
		return NULL;
	json_t *row = json_object();
	json_put_str(row, "state", step_state_name(step->state));
	json_put_int(row, "attempts", step->attempt);
	/* from the first start: what was lost with a failed attempt counts; taking it back later is no part of it */
	json_put(row, "ms",
		span_ms(step->first_started, step->passed.ns != 0 ? step->passed : step->ended));
	return row;
}

static json_t *steps(const struct run *a, const struct run *b)
{
	json_t *rows = json_array();

	for (int turn = 0; turn < 2; turn++) {
		const struct run *from = turn == 0 ? b : a, *other = turn == 0 ? a : b;
		for (size_t i = 0; i < from->step_count; i++) {
			const struct step *twin = run_step(other, from->steps[i].id);
			if (turn == 1 && twin != NULL)
				continue; /* stands in b's order already */
			json_t *row = json_object();
			json_put_str(row, "id", from->steps[i].id);
			json_put(row, "a", step_side(turn == 0 ? twin : &from->steps[i]));
			json_put(row, "b", step_side(turn == 0 ? &from->steps[i] : twin));
			put_delta(row);
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

static json_t *milliseconds(int64_t ms)
{
	json_t *row = json_object();

	json_put_int(row, "ms", ms);
	return row;
}

/* Where the first service's time went; empty unless both verified it. */
static json_t *kinds(const struct run *a, const struct run *b)
{
	int64_t one[TIME_KINDS], two[TIME_KINDS];
	json_t *rows = json_array();
	size_t count;

	if (a->service_count == 0 || b->service_count == 0 ||
		!run_partition(a, &a->services[0], one, NULL, 0, &count) ||
		!run_partition(b, &b->services[0], two, NULL, 0, &count))
		return rows;
	for (size_t i = 0; i < TIME_KINDS; i++) {
		if (one[i] == 0 && two[i] == 0)
			continue;
		json_t *row = json_object();
		json_put_str(row, "kind", time_kind_name((enum time_kind)i));
		json_put(row, "a", milliseconds(one[i]));
		json_put(row, "b", milliseconds(two[i]));
		put_delta(row);
		json_array_append_new(rows, row);
	}
	return rows;
}

static void add_param(json_t *rows, const char *name, const json_t *a, const json_t *b)
{
	if (json_equal(a, b))
		return;
	json_t *row = json_object();
	json_put_str(row, "name", name);
	json_put(row, "a", a != NULL ? json_incref((json_t *)(uintptr_t)a) : NULL);
	json_put(row, "b", b != NULL ? json_incref((json_t *)(uintptr_t)b) : NULL);
	json_array_append_new(rows, row);
}

static json_t *params(const struct run *a, const struct run *b)
{
	json_t *rows = json_array(), *value;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)a->params, name, value)
		add_param(rows, name, value, json_object_get(b->params, name));
	json_object_foreach((json_t *)(uintptr_t)b->params, name, value)
		if (json_object_get(a->params, name) == NULL)
			add_param(rows, name, NULL, value);
	return rows;
}

/* ------------------------------------------------------------------ files */

static const char *digest_of(const json_t *files, const char *path)
{
	const json_t *row;
	size_t i;

	json_array_foreach(files, i, row)
		if (str_eq(json_str(row, "path", ""), path))
			return json_str(row, "sha256", "");
	return NULL;
}

/* The kept bytes; empty, with *gone set, when they were erased. */
static void kept(struct journal *journal, const char *hex, struct buf *out, bool *gone)
{
	struct sha256 digest;
	struct err why = { 0 };

	if (hex == NULL) {
		buf_init(out, 1);
	} else if (!sha256_parse(hex, &digest) ||
		   journal_kept(journal, digest, out, &why) != ERR_NONE) {
		buf_init(out, 1);
		*gone = true;
	}
}

static void add_file(
	json_t *rows, struct journal *journal, const char *path, const char *a, const char *b)
{
	struct buf one, two;
	bool gone = false, cut = false;
	json_t *row = json_object();

	json_put_str(row, "path", path);
	json_put_str(row, "change", a == NULL ? "added" : b == NULL ? "removed" : "changed");
	kept(journal, a, &one, &gone);
	kept(journal, b, &two, &gone);
	json_put(row, "lines",
		gone ? json_pack("[s]", "  (the bytes are not in the journal any more)")
		     : diff_lines(&one, &two, DIFF_LINES_MAX, &cut));
	json_put_flag(row, "cut", cut);
	json_array_append_new(rows, row);
	buf_release(&one);
	buf_release(&two);
}

static const json_t *file_of(const json_t *files, const char *path)
{
	const json_t *row;
	size_t i;

	json_array_foreach(files, i, row)
		if (str_eq(json_str(row, "path", ""), path))
			return row;
	return NULL;
}

static void add_change(json_t *rows, struct journal *journal, const char *path, const char *old,
	const json_t *new)
{
	const json_t *text = json_object_get(new, "text");
	struct buf one, two = { .data = (char *)(uintptr_t)json_string_value(text),
		.len = json_string_length(text) };
	bool gone = false, cut = false;
	json_t *row = json_object();

	kept(journal, old, &one, &gone);
	json_put_str(row, "path", path);
	json_put_str(row, "change",
		old == NULL   ? "added"
		: new == NULL ? "removed"
			      : "changed");
	json_put(row, "lines", diff_lines(&one, &two, DIFF_LINES_MAX, &cut));
	json_put_flag(row, "cut", cut);
	json_array_append_new(rows, row);
	buf_release(&one);
}

enum err_code report_plan_changes(struct journal *journal, const struct run *run,
	const json_t *plan, json_t **out, struct err *err)
{
	const json_t *now = json_object_get(plan, "files"), *row;
	json_t *rows = *out = json_array();
	char hex[SHA256_HEX];
	size_t i;

	(void)err;
	json_array_foreach(now, i, row) {
		const json_t *text = json_object_get(row, "text");
		const char *path = json_str(row, "path", ""),
			   *old = digest_of(run->files, path);
		sha256_hex(sha256_of(json_string_value(text), json_string_length(text)), hex);
		if (!str_eq(old, hex))
			add_change(rows, journal, path, old, row);
	}
	json_array_foreach(run->files, i, row)
		if (file_of(now, json_str(row, "path", "")) == NULL)
			add_change(rows, journal, json_str(row, "path", ""),
				json_str(row, "sha256", ""), NULL);
	return ERR_NONE;
}

static json_t *files(struct journal *journal, const struct run *a, const struct run *b)
{
	json_t *rows = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach(b->files, i, row) {
		const char *path = json_str(row, "path", ""), *old = digest_of(a->files, path);
		if (!str_eq(old, json_str(row, "sha256", "")))
			add_file(rows, journal, path, old, json_str(row, "sha256", ""));
	}
	json_array_foreach(a->files, i, row) {
		const char *path = json_str(row, "path", "");
		if (digest_of(b->files, path) == NULL)
			add_file(rows, journal, path, json_str(row, "sha256", ""), NULL);
	}
	return rows;
}

enum err_code report_compare(
	struct journal *journal, int64_t a_run, int64_t b_run, json_t **out, struct err *err)
{
	struct run *a = NULL, *b = NULL;

	*out = NULL;
	TRY(journal_run(journal, a_run, &a, err));
	const enum err_code code = journal_run(journal, b_run, &b, err);
	if (code == ERR_NONE) {
		json_t *doc = *out = json_object();
		json_put_str(doc, "format", "compare/1");
		json_put(doc, "a", side(a));
		json_put(doc, "b", side(b));
		json_put_flag(doc, "same_runbook", str_eq(a->runbook, b->runbook));
		json_put_flag(doc, "same_mode", str_eq(a->mode, b->mode));
		json_put(doc, "steps", steps(a, b));
		json_put(doc, "kinds", kinds(a, b));
		json_put(doc, "params", params(a, b));
		json_put(doc, "files", files(journal, a, b));
	}
	run_free(a);
	run_free(b);
	return code;
}
