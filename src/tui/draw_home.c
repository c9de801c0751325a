/* draw_home.c: the Home screen. */
#include "format.h"
#include "view.h"

#include <inttypes.h>
#include <string.h>

static const json_t *last_drill(const struct screen *screen, const char *service)
{
	const json_t *best = NULL;

	for (size_t i = 0; i < json_array_size(screen->runs); i++) {
		const json_t *row = json_array_get(screen->runs, i);
		if (str_eq(json_str(row, "service", ""), service) &&
			str_eq(json_str(row, "mode", ""), "drill") &&
			!str_eq(json_str(row, "status", ""), "open") &&
			(best == NULL || json_int(row, "started_ns", 0) >
						 json_int(best, "started_ns", 0)))
			best = row;
	}
	return best;
}

static int name_width(const struct screen *screen)
{
	return screen->width < 80 ? 14 : screen->width < 120 ? 22 : 40;
}

static void service_text(const struct screen *screen, const json_t *row, char *out, size_t size)
{
	char rto[24], rpo[24], when[24] = "--", rta[40] = "";
	const char *name = json_str(row, "name", "");
	const json_t *drill = last_drill(screen, name);

	if (drill != NULL)
		format_age(when, sizeof(when),
			(screen->now.ns - json_int(drill, "started_ns", 0)) / 1000000);
	if (json_int(drill, "rta_ms", -1) >= 0) {
		char clock[24];
		snprintf(rta, sizeof(rta), "  %s %s",
			format_clock(clock, sizeof(clock), json_int(drill, "rta_ms", 0)),
			json_str(drill, "rto", ""));
	}
	snprintf(out, size, "%-*.*s T%-3" PRId64 " %-5s %-5s %-9.9s %s %s%s",
		name_width(screen), name_width(screen), name, json_int(row, "tier", 0),
		format_objective(rto, sizeof(rto), json_int(row, "rto_ms", -1)),
		format_objective(rpo, sizeof(rpo), json_int(row, "rpo_ms", -1)),
		json_str(row, "standby", "--"), when,
		drill != NULL	       ? json_str(drill, "status", "")
		: screen->runs != NULL ? "no drill"
				       : "",
		rta);
}

static void runbook_text(const struct screen *screen, const json_t *row, char *out, size_t size)
{
	const int room = name_width(screen) + 6;
	char steps[64] = "HAS MISTAKES: drillbook lint";
	if (json_flag(row, "valid", true))
		snprintf(steps, sizeof(steps), "%2" PRId64 " steps  %" PRId64 " dangerous",
			json_int(row, "steps", 0), json_int(row, "dangerous", 0));
	snprintf(out, size, "%-*.*s v%-3" PRId64 " %.7s  %s", room, room,
		json_str(row, "name", ""), json_int(row, "version", 0),
		json_str(row, "digest", ""), steps);
}

static void run_text(const struct screen *screen, const json_t *row, char *out, size_t size)
{
	char mode[16], when[24];
	const int64_t asks = json_int(row, "asks", 0);

	mode_word(json_str(row, "mode", ""), mode);
	snprintf(out, size, "%-8s %" PRId64 "  %-*.*s %s ago%s", mode, json_int(row, "run", 0),
		name_width(screen), name_width(screen), json_str(row, "runbook", ""),
		format_age(when, sizeof(when),
			(screen->now.ns - json_int(row, "started_ns", 0)) / 1000000),
		asks > 0 ? "  ! ASKS" : "");
}

static const struct list {
	const char *title;
	void (*text)(const struct screen *, const json_t *, char *, size_t);
} lists[HOME_PANES] = {
	[HOME_SERVICES] = { "SERVICES", service_text },
	[HOME_RUNBOOKS] = { "RUNBOOKS", runbook_text },
	[HOME_RUNS] = { "OPEN RUNS", run_text },
};

/* Rows of a list from y on, at most `room` with its title.  Returns the rows used. */
static int draw_list(
	const struct screen *screen, struct cells *cells, enum home_pane pane, int y, int room)
{
	const int count = (int)home_count(screen, pane), at = (int)screen->home_cursor[pane];
	const int rows = count < room - 1 ? count : room - 1;
	const int first = at >= rows ? at - rows + 1 : 0;
	const bool focus = screen->home_pane == pane;
	char text[512];

	cells_text(cells, 3, y, cells->width - 4, focus ? STYLE_BOLD : STYLE_DIM,
		lists[pane].title);
	if (pane == HOME_SERVICES && count > 0)
		cells_text(cells, 4 + name_width(screen), y, cells->width, STYLE_DIM,
			"TIER RTO   RPO   STANDBY   LAST DRILL");
	if (count == 0) {
		cells_text(cells, 30, y, cells->width - 32, STYLE_DIM, "none");
		return 1;
	}
	for (int i = 0; i < rows; i++) {
		const json_t *row = home_row(screen, pane, (size_t)(first + i));
		const bool here = first + i == at;
		lists[pane].text(screen, row, text, sizeof(text));
		cells_text(cells, 1, y + 1 + i, 1, STYLE_BOLD, here ? ">" : " ");
		cells_text(cells, 3, y + 1 + i, cells->width - 4,
			json_int(row, "asks", 0) > 0 ? STYLE_WARN
			: here && focus		     ? STYLE_SELECTED
						     : STYLE_TEXT,
			text);
	}
	return rows + 1;
}

static void draw_top(const struct screen *screen, struct cells *cells)
{
	const json_t *space = json_object_get(screen->home, "workspace");
	char clock[32], commit[32] = "";
	const int width = cells->width;
	const size_t asking = queue_count(screen);

	if (json_str(space, "commit", "")[0] != '\0')
		snprintf(commit, sizeof(commit), "@%.7s%s", json_str(space, "commit", ""),
			json_flag(space, "dirty", false) ? "*" : "");

	wall_format(clock, sizeof(clock), screen->now);
	clock[19] = 'Z';
	clock[20] = '\0';
	cells_text(cells, 1, 0, 8, STYLE_BOLD, "[----]");
	cells_textf(cells, 8, 0, width - 28, STYLE_BOLD, "HOME  workspace %s %s",
		json_str(space, "name", "--"), commit);
	draw_help_key(screen, cells);
	cells_text(cells, width - 17, 0, 9, STYLE_TEXT, clock + 11);
	const json_t *halt = json_object_get(screen->halted, json_str(space, "root", ""));
	if (halt != NULL) {
		cells_textf(cells, 1, 1, width - 2, STYLE_BAD,
			"DRILLS ARE STOPPED by %s: %s  (:allow-drills REASON)",
			json_str(halt, "who", "?"), json_str(halt, "reason", ""));
		return;
	}
	cells_textf(cells, 1, 1, width - 2, asking > 0 ? STYLE_WARN : STYLE_TEXT,
		"Services %zu   Runbooks %zu   Open runs %zu   Needs attention %zu",
		home_count(screen, HOME_SERVICES),
		json_array_size(json_object_get(screen->home, "runbooks")),
		home_count(screen, HOME_RUNS), asking);
}

void draw_home(const struct screen *screen, struct cells *cells)
{
	const int width = cells->width, bottom = cells->height - 2;
	int y = 3;

	draw_top(screen, cells);
	cells_rule(cells, 0, 2, width, STYLE_DIM);
	for (size_t pane = 0; pane < HOME_PANES; pane++) {
		/* every list keeps at least a title and two rows */
		const int later = (int)(HOME_PANES - 1 - pane) * 4;
		y += draw_list(screen, cells, (enum home_pane)pane, y, bottom - y - later);
		cells_rule(cells, 0, y++, width, STYLE_DIM);
	}
	draw_message(screen, cells, bottom);
	draw_footer(screen, cells, cells->height - 1);
}
