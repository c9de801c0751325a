/* view_report.c: Report: objectives, where the time went, what went otherwise; from the report
 * as data (docs/report-format.md).  m and J show the whole of it in the pager. */
#include "format.h"
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const json_t *report(const struct screen *screen)
{
	return screen->documents[DOCUMENT_REPORT].json;
}

const char *report_head(const struct screen *screen, char *out, size_t size)
{
	const json_t *doc = report(screen), *book = json_object_get(doc, "runbook");

	if (doc == NULL) {
		snprintf(out, size, "REPORT  run %" PRId64, screen->report_run);
		return NULL;
	}
	snprintf(out, size, "REPORT  run %" PRId64 "  %.60s  v%" PRId64 " %.7s  %s",
		json_int(doc, "run", 0), json_str(book, "name", ""),
		json_int(book, "version", 0), json_str(book, "digest", ""),
		json_str(doc, "status", ""));
	return json_str(doc, "mode", NULL);
}

void report_frame(struct screen *screen)
{
	char about[32];

	history_frame(screen);
	if (screen->report_run == 0) /* none was chosen: the newest that has ended */
		for (size_t i = 0; i < json_array_size(screen->runs); i++) {
			const json_t *row = json_array_get(screen->runs, i);
			if (str_eq(json_str(row, "status", ""), "open"))
				continue;
			screen->report_run = json_int(row, "run", 0);
			break;
		}
	if (screen->report_run == 0)
		return;
	json_t *body = json_object();
	snprintf(about, sizeof(about), "%" PRId64, screen->report_run);
	json_put_int(body, "run", screen->report_run);
	document_want(screen, DOCUMENT_REPORT, about, "report", body);
}

static const char *clock_of(char out[24], const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		return "--";
	return format_clock(out, 24, json_integer_value(value));
}

/* ------------------------------------------------------------------ parts */

static void times_lines(const json_t *doc, struct lines *lines, int width)
{
	const json_t *times = json_object_get(doc, "times"),
		     *people = json_object_get(doc, "people");
	char from[32], to[32], lasted[24];

	lines_addf(lines, STYLE_TEXT, width, 4, "%s -> %s UTC, %s   started by %s, lead %s",
		format_moment(
			from, sizeof(from), json_int(json_object_get(times, "began"), "ns", 0)),
		format_moment(
			to, sizeof(to), json_int(json_object_get(times, "ended"), "ns", 0)),
		clock_of(lasted, times, "duration_ms"),
		json_str(json_object_get(people, "started_by"), "who", "?"),
		json_str(people, "lead", "?"));
	if (json_str(doc, "reason", "")[0] != '\0')
		lines_addf(
			lines, STYLE_WARN, width, 4, "ended: %s", json_str(doc, "reason", ""));
	if (json_flag(json_object_get(times, "t0"), "assumed", false))
		lines_add(lines, STYLE_WARN, width, 4,
			"the time of impact is assumed, nobody stated it");
}

static enum style verdict_style(const char *word)
{
	return str_eq(word, "met")	? STYLE_GOOD
	       : str_eq(word, "missed") ? STYLE_BAD
					: STYLE_TEXT;
}

static void service_lines(const json_t *service, struct lines *lines, int width)
{
	const json_t *rto = json_object_get(service, "rto"),
		     *rpo = json_object_get(service, "rpo"),
		     *parts = json_object_get(service, "partition_ms");
	char objective[24], actual[24], margin[24];
	const char *kind;
	json_t *ms;

	lines_addf(lines, STYLE_BOLD, width, 0, "%s", json_str(service, "name", ""));
	lines_addf(lines, verdict_style(json_str(rto, "verdict", "")), width, 6,
		"  RTO %s   recovered in %s   %s   margin %s",
		clock_of(objective, rto, "objective_ms"), clock_of(actual, rto, "actual_ms"),
		json_str(rto, "verdict", ""), clock_of(margin, rto, "margin_ms"));
	lines_addf(lines, verdict_style(json_str(rpo, "verdict", "")), width, 6,
		"  RPO %s   lost %s   %s%s%s", clock_of(objective, rpo, "objective_ms"),
		clock_of(actual, rpo, "actual_ms"), json_str(rpo, "verdict", ""),
		json_str(rpo, "basis", "")[0] ? "   basis " : "", json_str(rpo, "basis", ""));
	if (json_is_integer(json_object_get(rpo, "lost")))
		lines_addf(lines, STYLE_TEXT, width, 6,
			"  %" PRId64 " %s lost of %" PRId64 " acknowledged",
			json_int(rpo, "lost", 0), json_str(rpo, "unit", "units"),
			json_int(rpo, "acknowledged", 0));
	if (!json_is_object(parts))
		return;
	char text[400] = "  time:";
	json_object_foreach((json_t *)(uintptr_t)parts, kind, ms) {
		if (json_integer_value(ms) == 0 || str_eq(kind, "sum"))
			continue;
		const size_t len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s %s %s",
			text[len - 1] == ':' ? "" : " |", kind,
			format_clock(actual, sizeof(actual), json_integer_value(ms)));
	}
	lines_add(lines, STYLE_TEXT, width, 8, text);
}

static void step_bar(char *out, int room, int64_t ms, int64_t most)
{
	int64_t cells = most > 0 ? (ms * room + most - 1) / most : 0;

	cells = cells < 0 ? 0 : cells > room ? room : cells;
	memset(out, '#', (size_t)cells);
	out[cells] = '\0';
}

static void step_rows(const json_t *doc, struct lines *lines, int width)
{
	const json_t *steps = json_object_get(doc, "steps"), *row;
	const json_t *pace = json_object_get(doc, "pace");
	int64_t most = 0;
	size_t i;
	const int name = width > 100 ? 32 : 18, room = width - name - 47;

	lines_addf(lines, STYLE_DIM, width, 0, "    %-*s %7s %7s %7s %3s %-8s %s", name, "STEP",
		"THIS", "USUAL", "DELTA", "ATT", "STATE", room > 9 ? "TIME WENT" : "");
	json_array_foreach(steps, i, row) {
		if (json_int(row, "actual_ms", 0) > most)
			most = json_int(row, "actual_ms", 0);
	}
	json_array_foreach(steps, i, row) {
		char actual[24], usual[24] = "--", delta[24] = "", bar[256] = "";
		const int64_t ms = json_int(row, "actual_ms", 0);
		const json_t *usually = json_object_get(pace, json_str(row, "id", ""));
		const int64_t median = json_int(usually, "p50_ms", -1),
			      expected = json_int(row, "expected_ms", 0);
		const int64_t against = median >= 0 ? median : expected > 0 ? expected : -1;
		if (against >= 0)
			format_clock(usual, sizeof(usual), against);
		if (against >= 0 && json_is_integer(json_object_get(row, "actual_ms")))
			format_delta(delta, sizeof(delta), ms - against);
		if (room > 4)
			step_bar(bar, room < 200 ? room : 200, ms, most);
		const char *state = json_str(row, "state", "");
		lines_addf(lines,
			str_eq(state, "ok") || str_eq(state, "pending") ? STYLE_TEXT
			: str_eq(state, "skipped")			? STYLE_DIM
									: STYLE_BAD,
			width, 4, "%3zu %-*.*s %7s %7s %7s %3" PRId64 " %-8.8s %s", i + 1, name,
			name, json_str(row, "id", ""), clock_of(actual, row, "actual_ms"),
			usual, delta, json_int(row, "attempts", 0), state, bar);
		const json_t *error = json_object_get(row, "error");
		if (json_is_object(error))
			lines_addf(lines, STYLE_BAD, width, 8, "        %s: %s",
				json_str(error, "code", ""), json_str(error, "text", ""));
	}
}

static void told_lines(const json_t *doc, struct lines *lines, int width)
{
	const json_t *row;
	char when[32];
	size_t i;

	if (json_array_size(json_object_get(doc, "deviations")) > 0)
		lines_add(lines, STYLE_BOLD, width, 0, "OTHERWISE THAN THE RUNBOOK HAS IT");
	json_array_foreach(json_object_get(doc, "deviations"), i, row)
		lines_addf(lines, STYLE_WARN, width, 6, "%s %s %s: %s%s%s",
			format_moment(when, sizeof(when),
				json_int(json_object_get(row, "at"), "ns", 0)) +
				11,
			json_str(row, "who", ""), json_str(row, "step", ""),
			json_str(row, "what", ""), json_str(row, "why", "")[0] ? ": " : "",
			json_str(row, "why", ""));
	if (json_array_size(json_object_get(doc, "notes")) > 0)
		lines_add(lines, STYLE_BOLD, width, 0, "NOTES");
	json_array_foreach(json_object_get(doc, "notes"), i, row)
		lines_addf(lines, STYLE_TEXT, width, 6, "%s %s: %s",
			format_moment(when, sizeof(when),
				json_int(json_object_get(row, "at"), "ns", 0)) +
				11,
			json_str(row, "who", ""), json_str(row, "text", ""));
}

/* What was done to the world, and what of it still stands. */
static void change_lines(const json_t *doc, struct lines *lines, int width)
{
	const json_t *row;
	size_t i;

	if (json_array_size(json_object_get(doc, "operations")) > 0)
		lines_add(lines, STYLE_BOLD, width, 0, "CHANGES to the outside world");
	json_array_foreach(json_object_get(doc, "operations"), i, row) {
		const char *outcome = json_str(row, "outcome", ""),
			   *confirmed =
				   json_str(json_object_get(row, "confirmed"), "who", NULL);
		const bool stands = str_eq(outcome, "done") &&
				    json_is_object(json_object_get(row, "undo")) &&
				    json_str(row, "undone_by", NULL) == NULL;
		lines_addf(lines,
			str_eq(outcome, "done")	     ? STYLE_TEXT
			: str_eq(outcome, "refused") ? STYLE_DIM
						     : STYLE_BAD,
			width, 6, "%s: %s %s (%s) %s%s%s%s", json_str(row, "step", ""),
			json_str(row, "op", ""), json_str(row, "target", ""),
			json_str(row, "effect", ""), outcome,
			confirmed != NULL ? ", confirmed by " : "",
			confirmed != NULL ? confirmed : "", stands ? "; it still stands" : "");
	}
}

void report_text(const struct screen *screen, struct lines *lines, int width)
{
	const json_t *doc = report(screen), *row, *record;
	size_t i;

	if (screen->report_run == 0) {
		lines_add(lines, STYLE_DIM, width, 0,
			"no run has ended yet: a report is made of one that has");
		return;
	}
	if (document_missing(screen, DOCUMENT_REPORT, lines, width))
		return;
	times_lines(doc, lines, width);
	json_array_foreach(json_object_get(doc, "services"), i, row)
		service_lines(row, lines, width);
	lines_add(lines, STYLE_TEXT, width, 0, " ");
	step_rows(doc, lines, width);
	told_lines(doc, lines, width);
	change_lines(doc, lines, width);
	record = json_object_get(doc, "record");
	lines_add(lines, STYLE_BOLD, width, 0, "RECORD");
	lines_addf(lines, json_flag(record, "seal_matches", true) ? STYLE_TEXT : STYLE_BAD,
		width, 4, "%" PRId64 " events, head %.16s, %s", json_int(record, "events", 0),
		json_str(record, "head", "--"),
		json_flag(record, "sealed", false) ? "sealed" : "not sealed");
	lines_add(lines, STYLE_DIM, width, 4, json_str(record, "evidence", ""));
}
