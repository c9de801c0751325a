/* view_past.c: History, and the calendar of drills. */
#include "format.h"
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_EVERY_MS = 2000, RUNS_SELDOM_MS = 10000, RUNS_SHOWN = 500 };

/* ------------------------------------------------------------------ history */

size_t history_count(const struct screen *screen)
{
	return json_array_size(screen->runs);
}

const json_t *history_run(const struct screen *screen)
{
	return json_array_get(screen->runs, screen->places[VIEW_HISTORY].cursor);
}

/* The runs are asked for again: often where they are looked at, seldom elsewhere, so that
 * another run's question is noticed. */
void history_frame(struct screen *screen)
{
	const bool looked_at = screen->view == VIEW_HOME || screen->view == VIEW_HISTORY;
	const int64_t every = looked_at ? RUNS_EVERY_MS : RUNS_SELDOM_MS;

	if (screen->runs_asked ||
		(screen->runs_at_ms != 0 && screen->mono_ms - screen->runs_at_ms < every))
		return;
	if (screen->home != NULL) { /* whether the drills of this workspace are stopped */
		json_t *list = json_object();
		json_put_str(list, "action", "list");
		screen_request(screen, TAG_HALTED, "drills", list);
	}
	json_t *body = json_object();
	json_put_int(body, "limit", RUNS_SHOWN);
	screen->runs_asked = true;
	screen_request(screen, TAG_RUNS, "runs", body);
}

static const char *verdict(const json_t *row)
{
	const char *word = json_str(row, "rto", "");

	return str_eq(word, "met") ? "met" : str_eq(word, "missed") ? "MISSED" : "-";
}

void history_row(const struct screen *screen, size_t at, int width, char *out, size_t size)
{
	const json_t *row = json_array_get(screen->runs, at);
	char mode[16], started[32], rta[24] = "-", book[64];
	const int64_t run = json_int(row, "run", 0), asks = json_int(row, "asks", 0);

	mode_word(json_str(row, "mode", ""), mode);
	format_moment(started, sizeof(started), json_int(row, "started_ns", 0));
	if (json_int(row, "rta_ms", -1) >= 0)
		format_clock(rta, sizeof(rta), json_int(row, "rta_ms", 0));
	snprintf(book, sizeof(book), "%.40s@v%" PRId64, json_str(row, "runbook", ""),
		json_int(row, "version", 0));
	const int room = width < 70 ? 12 : 20;
	snprintf(out, size, "%c %-10.10s %5" PRId64 " %s %-*.*s %-7.7s %7s %s%s%s",
		run == screen->marked_run ? '=' : ' ', mode, run, started + 5, room, room, book,
		json_str(row, "status", ""), rta, verdict(row), asks > 0 ? " ! ASKS" : "",
		json_int(row, "unknown", 0) > 0 ? " ! UNKNOWN" : "");
}

enum style history_style(const struct screen *screen, size_t at)
{
	const json_t *row = json_array_get(screen->runs, at);

	if (json_int(row, "asks", 0) > 0 || json_int(row, "unknown", 0) > 0)
		return STYLE_WARN;
	return str_eq(json_str(row, "status", ""), "failed") || str_eq(verdict(row), "MISSED")
		       ? STYLE_BAD
		       : STYLE_TEXT;
}

const char *history_head(const struct screen *screen, char *out, size_t size)
{
	snprintf(out, size, "HISTORY  %zu runs%s", history_count(screen),
		history_count(screen) == RUNS_SHOWN ? ", the newest" : "");
	if (screen->marked_run != 0)
		snprintf(out + strlen(out), size - strlen(out), "  comparing %lld with ...",
			(long long)screen->marked_run);
	return NULL;
}

const char *history_not_enter(const struct screen *screen)
{
	return history_run(screen) == NULL ? "there is no run here" : NULL;
}

void history_enter(struct screen *screen)
{
	const json_t *row = history_run(screen);

	if (str_eq(json_str(row, "status", ""), "open")) {
		screen_open(screen, json_int(row, "run", 0));
	} else {
		screen->report_run = json_int(row, "run", 0);
		view_turn(screen, VIEW_REPORT);
	}
}

static void objective_line(const json_t *service, struct lines *lines, int width)
{
	char rta[24] = "--", rto[24], rpo[24], lost[96] = "";

	if (json_int(service, "rta_ms", -1) >= 0)
		format_clock(rta, sizeof(rta), json_int(service, "rta_ms", 0));
	if (json_int(service, "lost", -1) >= 0)
		snprintf(lost, sizeof(lost), ", %" PRId64 " %.40s lost",
			json_int(service, "lost", 0), json_str(service, "unit", "units"));
	lines_addf(lines, STYLE_TEXT, width, 4, "%s: recovered in %s of %s (%s), RPO %s %s%s",
		json_str(service, "name", ""), rta,
		format_objective(rto, sizeof(rto), json_int(service, "rto_ms", -1)),
		json_str(service, "rto", "none"),
		format_objective(rpo, sizeof(rpo), json_int(service, "rpo_ms", -1)),
		json_str(service, "rpo", "none"), lost);
}

void history_text(const struct screen *screen, struct lines *lines, int width)
{
	const json_t *row = history_run(screen), *service;
	char from[32], to[32];
	size_t i;

	if (row == NULL)
		return;
	lines_addf(lines, STYLE_BOLD, width, 0, "run %" PRId64 "  %s  %s",
		json_int(row, "run", 0), json_str(row, "runbook", ""),
		json_str(row, "title", ""));
	lines_addf(lines, STYLE_TEXT, width, 4, "%s -> %s UTC, %s%s%s",
		format_moment(from, sizeof(from), json_int(row, "started_ns", 0)),
		format_moment(to, sizeof(to), json_int(row, "ended_ns", 0)),
		json_str(row, "status", ""), json_str(row, "reason", "")[0] ? ": " : "",
		json_str(row, "reason", ""));
	lines_addf(lines, STYLE_TEXT, width, 4, "started by %s, lead %s, bytes %.12s%s",
		json_str(row, "started_by", "?"), json_str(row, "lead", "?"),
		json_str(row, "digest", ""),
		json_int(row, "dirty", 0) ? " (not committed)" : "");
	json_array_foreach(json_object_get(row, "services"), i, service)
		objective_line(service, lines, width);
	if (json_int(row, "unknown", 0) > 0)
		lines_addf(lines, STYLE_BAD, width, 4,
			"%" PRId64 " operations whose outcome is UNKNOWN",
			json_int(row, "unknown", 0));
}

/* ------------------------------------------------------------------ drills */

static const json_t *drills(const struct screen *screen)
{
	return json_object_get(screen->home, "drills");
}

size_t drills_count(const struct screen *screen)
{
	return json_array_size(drills(screen));
}

/* When a drill of that runbook was last held; 0 = not among the runs known here. */
static int64_t held_ns(const struct screen *screen, const json_t *drill)
{
	const json_t *row;
	size_t i;

	json_array_foreach(screen->runs, i, row) {
		if (str_eq(json_str(row, "runbook", ""), json_str(drill, "runbook", "")) &&
			str_eq(json_str(row, "mode", ""), json_str(drill, "mode", "drill")) &&
			str_eq(json_str(row, "status", ""), "done"))
			return json_int(row, "started_ns", 0);
	}
	return 0;
}

bool drill_overdue(const struct screen *screen, const json_t *drill)
{
	const int64_t every = json_int(drill, "every_ms", 0), held = held_ns(screen, drill);

	return every > 0 && screen->runs != NULL && (screen->now.ns - held) / 1000000 > every;
}

void drills_row(const struct screen *screen, size_t at, int width, char *out, size_t size)
{
	const json_t *row = json_array_get(drills(screen), at);
	const int64_t held = held_ns(screen, row);
	char every[24] = "--", age[24] = "never";

	(void)width;
	if (json_int(row, "every_ms", 0) > 0)
		format_objective(every, sizeof(every), json_int(row, "every_ms", 0));
	if (held > 0)
		format_age(age, sizeof(age), (screen->now.ns - held) / 1000000);
	snprintf(out, size, "%-24.24s %-23.23s %-6.6s %-6s %s%s%s", json_str(row, "name", ""),
		json_str(row, "runbook", ""), json_str(row, "mode", "drill"), every, age,
		json_flag(row, "surprise", false) ? "  surprise" : "",
		drill_overdue(screen, row) ? "  OVERDUE" : "");
}

enum style drills_style(const struct screen *screen, size_t at)
{
	return drill_overdue(screen, json_array_get(drills(screen), at)) ? STYLE_WARN
									 : STYLE_TEXT;
}

const char *drills_head(const struct screen *screen, char *out, size_t size)
{
	size_t late = 0;

	for (size_t i = 0; i < drills_count(screen); i++)
		late += drill_overdue(screen, json_array_get(drills(screen), i));
	snprintf(out, size, "DRILLS  %zu planned, %zu overdue", drills_count(screen), late);
	return NULL;
}

const char *drills_not_enter(const struct screen *screen)
{
	return drills_count(screen) == 0 ? "no drill is planned" : NULL;
}

void drills_enter(struct screen *screen)
{
	const json_t *row = json_array_get(drills(screen), view_cursor(screen));

	form_start(screen, json_str(row, "runbook", ""), json_str(row, "mode", "drill"));
}

void drills_text(const struct screen *screen, struct lines *lines, int width)
{
	const json_t *row = json_array_get(drills(screen), view_cursor(screen));

	if (row == NULL) {
		lines_add(lines, STYLE_DIM, width, 0,
			"A drill is an entry of drills.yaml: its runbook, how often, in which "
			"window. "
			"Any runbook can also be drilled now, from Runbooks.");
		return;
	}
	lines_addf(lines, STYLE_BOLD, width, 0, "%s  %s", json_str(row, "name", ""),
		json_str(row, "title", ""));
	lines_addf(lines, STYLE_TEXT, width, 4, "runbook %s, mode %s, owner %s",
		json_str(row, "runbook", ""), json_str(row, "mode", "drill"),
		json_str(row, "owner", "nobody"));
	if (json_str(row, "from", NULL) != NULL)
		lines_addf(lines, STYLE_TEXT, width, 4, "window %s to %s%s",
			json_str(row, "from", ""), json_str(row, "until", ""),
			json_flag(row, "surprise", false)
				? "; the day is drawn within it and told to nobody"
				: "");
	if (drill_overdue(screen, row))
		lines_add(lines, STYLE_WARN, width, 4,
			"overdue: more time has passed since it was last held to its end than "
			"drills.yaml allows");
}
