/* home.c: Home: services, the runbooks of the one under the cursor, runs.  Rows come from
 * workspace_summary and from the server's list of runs. */
#include "screen.h"

#include <string.h>

/* ------------------------------------------------------------------ rows */

static bool serves(const json_t *runbook, const char *service)
{
	const json_t *many = json_object_get(runbook, "services");

	if (str_eq(json_str(runbook, "service", ""), service))
		return true;
	for (size_t i = 0; i < json_array_size(many); i++)
		if (str_eq(json_string_value(json_array_get(many, i)), service))
			return true;
	return false;
}

static bool row_shown(const struct screen *screen, enum home_pane pane, const json_t *row)
{
	if (pane == HOME_SERVICES)
		return true;
	if (pane == HOME_RUNS)
		return str_eq(json_str(row, "status", ""), "open");
	const json_t *service =
		home_row(screen, HOME_SERVICES, screen->home_cursor[HOME_SERVICES]);
	return service == NULL || serves(row, json_str(service, "name", ""));
}

static const json_t *source(const struct screen *screen, enum home_pane pane)
{
	if (pane == HOME_RUNS)
		return screen->runs;
	return json_object_get(screen->home, pane == HOME_SERVICES ? "services" : "runbooks");
}

size_t home_count(const struct screen *screen, enum home_pane pane)
{
	const json_t *rows = source(screen, pane);
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(rows); i++)
		count += row_shown(screen, pane, json_array_get(rows, i));
	return count;
}

const json_t *home_row(const struct screen *screen, enum home_pane pane, size_t at)
{
	const json_t *rows = source(screen, pane);

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		if (row_shown(screen, pane, row) && at-- == 0)
			return row;
	}
	return NULL;
}

/* ------------------------------------------------------------------ keys */

void home_move(struct screen *screen, int by)
{
	const enum home_pane pane = screen->home_pane;
	const int64_t last = (int64_t)home_count(screen, pane) - 1;
	const int64_t at = (int64_t)screen->home_cursor[pane] + by;

	screen->home_cursor[pane] = (size_t)(at < 0 || last < 0 ? 0 : at > last ? last : at);
	if (pane == HOME_SERVICES && by != 0)
		screen->home_cursor[HOME_RUNBOOKS] = 0;
}

void home_enter(struct screen *screen)
{
	const json_t *row =
		home_row(screen, screen->home_pane, screen->home_cursor[screen->home_pane]);

	if (row == NULL)
		return;
	switch (screen->home_pane) {
	case HOME_SERVICES:
		if (home_count(screen, HOME_RUNBOOKS) == 0)
			screen_refuse(
				screen, "no runbook serves \"%s\"", json_str(row, "name", ""));
		else
			screen->home_pane = HOME_RUNBOOKS;
		break;
	case HOME_RUNBOOKS:
		if (!json_flag(row, "valid", true))
			screen_refuse(screen, "\"%s\" has mistakes: drillbook lint names them",
				json_str(row, "name", ""));
		else
			form_start(screen, json_str(row, "name", ""), screen->suggest_mode);
		break;
	case HOME_RUNS:
		screen_open(screen, json_int(row, "run", 0));
		break;
	case HOME_PANES:
		break;
	}
}

void screen_suggest(struct screen *screen, const char *runbook)
{
	const size_t services = home_count(screen, HOME_SERVICES);

	for (size_t s = 0; s < (services > 0 ? services : 1); s++) {
		screen->home_cursor[HOME_SERVICES] = s;
		for (size_t i = 0; i < home_count(screen, HOME_RUNBOOKS); i++)
			if (str_eq(json_str(home_row(screen, HOME_RUNBOOKS, i), "name", ""),
				    runbook)) {
				screen->home_cursor[HOME_RUNBOOKS] = i;
				screen->home_pane = HOME_RUNBOOKS;
				return;
			}
	}
	screen->home_cursor[HOME_SERVICES] = 0;
}
