/* queue.c: what needs somebody: questions of the run on the screen, of other runs, outcomes
 * nobody knows, drills that are overdue. */
#include "format.h"
#include "view.h"

#include <inttypes.h>
#include <string.h>

enum kind { OWN_ASK, OTHER_RUN, UNKNOWN_OUTCOME, OVERDUE_DRILL };

struct item {
	enum kind kind;
	const struct ask *ask;
	const json_t *row; /* of a run, of a drill */
	size_t index;	   /* of the drill */
};

/* The at-th thing; false behind the last.  *count gets how many there are when at is SIZE_MAX.
 */
static bool item_at(const struct screen *screen, size_t at, struct item *item, size_t *count)
{
	size_t n = 0, i;
	const json_t *row;

	for (i = 0; screen->run != NULL && i < screen->run->ask_count; i++)
		if (n++ == at) {
			*item = (struct item){ .kind = OWN_ASK, .ask = &screen->run->asks[i] };
			return true;
		}
	json_array_foreach(screen->runs, i, row) {
		const bool asks = json_int(row, "asks", 0) > 0 &&
				  json_int(row, "run", 0) != screen->run_id;
		const bool unknown = json_int(row, "unknown", 0) > 0 &&
				     !str_eq(json_str(row, "status", ""), "open");
		if ((asks || unknown) && n++ == at) {
			*item = (struct item){ .kind = asks ? OTHER_RUN : UNKNOWN_OUTCOME,
				.row = row };
			return true;
		}
	}
	json_array_foreach(json_object_get(screen->home, "drills"), i, row) {
		if (drill_overdue(screen, row) && n++ == at) {
			*item = (struct item){ .kind = OVERDUE_DRILL, .row = row, .index = i };
			return true;
		}
	}
	if (count != NULL)
		*count = n;
	return false;
}

size_t queue_count(const struct screen *screen)
{
	struct item item;
	size_t count = 0;

	item_at(screen, SIZE_MAX, &item, &count);
	return count;
}

enum style queue_row(const struct screen *screen, size_t at, char *out, size_t size, char *age,
	size_t age_size)
{
	struct item item;

	out[0] = age[0] = '\0';
	if (!item_at(screen, at, &item, NULL))
		return STYLE_TEXT;
	switch (item.kind) {
	case OWN_ASK:
		format_clock(age, age_size, (screen->now.ns - item.ask->asked.ns) / 1000000);
		snprintf(out, size, "%-9s %s%s  %s", item.ask->kind,
			screen->run->steps[item.ask->step].id, level_mark(item.ask->level),
			item.ask->title != NULL ? item.ask->title : "");
		return STYLE_WARN;
	case OTHER_RUN:
		format_age(age, age_size,
			(screen->now.ns - json_int(item.row, "started_ns", 0)) / 1000000);
		snprintf(out, size, "asks      run %" PRId64 " %s",
			json_int(item.row, "run", 0), json_str(item.row, "runbook", ""));
		return STYLE_WARN;
	case UNKNOWN_OUTCOME:
		format_age(age, age_size,
			(screen->now.ns - json_int(item.row, "started_ns", 0)) / 1000000);
		snprintf(out, size, "UNKNOWN   run %" PRId64 " %s: an outcome nobody knows",
			json_int(item.row, "run", 0), json_str(item.row, "runbook", ""));
		return STYLE_BAD;
	case OVERDUE_DRILL:
		snprintf(out, size, "overdue   drill %s of %s", json_str(item.row, "name", ""),
			json_str(item.row, "runbook", ""));
		return STYLE_TEXT;
	}
	return STYLE_TEXT;
}

void queue_enter(struct screen *screen, size_t at)
{
	struct item item;

	if (!item_at(screen, at, &item, NULL))
		return;
	screen->overlay = OVERLAY_NONE;
	switch (item.kind) {
	case OWN_ASK:
		view_turn(screen, VIEW_RUN);
		dialog_open_ask(screen, item.ask);
		break;
	case OTHER_RUN:
		screen_open(screen, json_int(item.row, "run", 0));
		break;
	case UNKNOWN_OUTCOME:
		screen->report_run = json_int(item.row, "run", 0);
		view_turn(screen, VIEW_REPORT);
		break;
	case OVERDUE_DRILL:
		screen->places[VIEW_DRILLS].cursor = item.index;
		view_turn(screen, VIEW_DRILLS);
		break;
	}
}
