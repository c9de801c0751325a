/* view_books.c: Runbooks: version, whether it changed since it was last drilled, mistakes;
 * below what it asks for, its steps, its versions. */
#include "format.h"
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const json_t *books(const struct screen *screen)
{
	return json_object_get(screen->home, "runbooks");
}

size_t books_count(const struct screen *screen)
{
	return json_array_size(books(screen));
}

static const json_t *book(const struct screen *screen)
{
	return json_array_get(books(screen), screen->places[VIEW_BOOKS].cursor);
}

/* The newest ended drill of a runbook; NULL when there was none. */
static const json_t *last_drill(const struct screen *screen, const char *runbook)
{
	const json_t *row;
	size_t i;

	json_array_foreach(screen->runs, i, row) {
		if (str_eq(json_str(row, "runbook", ""), runbook) &&
			str_eq(json_str(row, "mode", ""), "drill") &&
			!str_eq(json_str(row, "status", ""), "open"))
			return row; /* newest first */
	}
	return NULL;
}

static bool changed_since(const json_t *row, const json_t *drill)
{
	return !str_eq(json_str(row, "digest", ""), json_str(drill, "digest", ""));
}

void books_row(const struct screen *screen, size_t at, int width, char *out, size_t size)
{
	const json_t *row = json_array_get(books(screen), at);
	const json_t *drill = last_drill(screen, json_str(row, "name", ""));
	char since[96] = "never drilled", age[24];

	(void)width;
	if (drill != NULL)
		snprintf(since, sizeof(since), "%s ago, %.10s%s",
			format_age(age, sizeof(age),
				(screen->now.ns - json_int(drill, "started_ns", 0)) / 1000000),
			json_str(drill, "status", ""),
			changed_since(row, drill) ? ", CHANGED since" : "");
	else if (screen->runs == NULL)
		since[0] = '\0';
	snprintf(out, size, "%-20.20s v%-3" PRId64 " %-7.7s  %4" PRId64 "  %6" PRId64 "  %s%s",
		json_str(row, "name", ""), json_int(row, "version", 0),
		json_str(row, "digest", ""), json_int(row, "steps", 0),
		json_int(row, "dangerous", 0), since,
		json_flag(row, "valid", true) ? "" : "  MISTAKES");
}

enum style books_style(const struct screen *screen, size_t at)
{
	const json_t *row = json_array_get(books(screen), at);

	return json_flag(row, "valid", true) ? STYLE_TEXT : STYLE_BAD;
}

const char *books_head(const struct screen *screen, char *out, size_t size)
{
	snprintf(out, size, "RUNBOOKS  %zu in workspace %s", books_count(screen),
		json_str(json_object_get(screen->home, "workspace"), "name", "--"));
	return NULL;
}

const char *books_not_enter(const struct screen *screen)
{
	if (book(screen) == NULL)
		return "there is no runbook here";
	return json_flag(book(screen), "valid", true)
		       ? NULL
		       : "this runbook has mistakes: they are listed below";
}

void books_enter(struct screen *screen)
{
	form_start(screen, json_str(book(screen), "name", ""), screen->suggest_mode);
}

void books_frame(struct screen *screen)
{
	const char *name = json_str(book(screen), "name", "");

	history_frame(screen);
	if (name[0] != '\0') {
		json_t *body = json_object();
		json_put_str(body, "runbook", name);
		document_want(screen, DOCUMENT_BOOK, name, "runbook", body);
	}
}

/* ------------------------------------------------------------------ details */

static void param_lines(const json_t *params, struct lines *lines, int width)
{
	const json_t *row;
	size_t i;

	if (json_array_size(params) > 0)
		lines_add(lines, STYLE_BOLD, width, 0, "PARAMETERS");
	json_array_foreach(params, i, row) {
		const char *fallback = json_str(row, "default", NULL);
		lines_addf(lines, STYLE_TEXT, width, 4, "  %s: %s%s%s%s%s%s",
			json_str(row, "name", ""), json_str(row, "type", ""),
			fallback != NULL ? ", default " : "", fallback != NULL ? fallback : "",
			json_flag(row, "required", false) ? ", asked for" : "",
			json_str(row, "help", NULL) != NULL ? ": " : "",
			json_str(row, "help", ""));
	}
}

void uses_text(const json_t *uses, struct lines *lines, int width, const char *lead)
{
	const char *op;
	json_t *targets, *target;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)uses, op, targets) {
		json_array_foreach(targets, i, target)
			lines_addf(lines, STYLE_TEXT, width, 14, "%s%s %s", lead, op,
				json_string_value(target) ? json_string_value(target) : "");
	}
}

static void step_lines(const json_t *steps, struct lines *lines, int width)
{
	const json_t *row;
	size_t i;
	char expect[24];

	lines_add(lines, STYLE_BOLD, width, 0, "STEPS");
	json_array_foreach(steps, i, row) {
		const int64_t level = json_int(row, "level", 0),
			      ms = json_int(row, "expect_ms", 0);
		lines_addf(lines,
			level >= 3   ? STYLE_BAD
			: level == 2 ? STYLE_WARN
				     : STYLE_TEXT,
			width, 8, "%3zu %s%s  %s%s%s  %s", i + 1, json_str(row, "id", ""),
			level_mark(level), json_str(row, "kind", ""), ms > 0 ? " " : "",
			ms > 0 ? format_duration(expect, sizeof(expect), ms) : "",
			json_str(row, "title", ""));
		uses_text(json_object_get(row, "uses"), lines, width, "      may ");
	}
}

static void version_lines(const json_t *versions, struct lines *lines, int width)
{
	const json_t *row;
	size_t i;

	if (json_array_size(versions) > 0)
		lines_add(lines, STYLE_BOLD, width, 0, "VERSIONS in Git, newest first");
	json_array_foreach(versions, i, row)
		lines_addf(lines, STYLE_TEXT, width, 8, "  v%" PRId64 " %.7s %.10s %s: %s",
			json_int(row, "version", 0), json_str(row, "commit", ""),
			json_str(row, "when", ""), json_str(row, "author", ""),
			json_str(row, "subject", ""));
}

static void forecast_lines(const json_t *forecast, struct lines *lines, int width)
{
	const json_t *row;
	char p50[24], p90[24], basis[64] = "as the author expects";
	size_t i;

	if (json_int(forecast, "runs", 0) > 0)
		snprintf(basis, sizeof(basis), "%" PRId64 " earlier drills",
			json_int(forecast, "runs", 0));
	json_array_foreach(json_object_get(forecast, "services"), i, row)
		lines_addf(lines, STYLE_TEXT, width, 2,
			"A drill has %s back after p50 %s, p90 %s (%s)",
			json_str(row, "service", ""),
			format_clock(p50, sizeof(p50), json_int(row, "p50_ms", 0)),
			format_clock(p90, sizeof(p90), json_int(row, "p90_ms", 0)), basis);
}

void books_text(const struct screen *screen, struct lines *lines, int width)
{
	const json_t *outline = screen->documents[DOCUMENT_BOOK].json, *row;
	size_t i;

	if (book(screen) == NULL || document_missing(screen, DOCUMENT_BOOK, lines, width))
		return;
	lines_addf(lines, STYLE_BOLD, width, 0, "%s  %s", json_str(outline, "name", ""),
		json_str(outline, "title", ""));
	if (json_str(outline, "description", "")[0] != '\0')
		lines_add(lines, STYLE_TEXT, width, 0, json_str(outline, "description", ""));
	json_array_foreach(json_object_get(outline, "problems"), i, row)
		lines_addf(lines,
			str_eq(json_str(row, "severity", ""), "error") ? STYLE_BAD : STYLE_WARN,
			width, 4, "%s %s:%" PRId64 ": %s", json_str(row, "severity", ""),
			json_str(row, "file", ""), json_int(row, "line", 0),
			json_str(row, "text", ""));
	forecast_lines(json_object_get(outline, "forecast"), lines, width);
	param_lines(json_object_get(outline, "params"), lines, width);
	step_lines(json_object_get(outline, "steps"), lines, width);
	version_lines(json_object_get(outline, "versions"), lines, width);
}
