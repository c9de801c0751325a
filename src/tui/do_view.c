/* do_view.c: what actions do: turning to screens, comparing, searching. */
#include "doing.h"
#include "keymap.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

void do_books(struct screen *screen, const char *argument)
{
	(void)argument;
	view_turn(screen, VIEW_BOOKS);
}

void do_drills(struct screen *screen, const char *argument)
{
	(void)argument;
	view_turn(screen, VIEW_DRILLS);
}

void do_history(struct screen *screen, const char *argument)
{
	(void)argument;
	view_turn(screen, VIEW_HISTORY);
}

/* Of the run a number names, else of the one that is looked at. */
void do_report(struct screen *screen, const char *argument)
{
	const long long named = argument != NULL ? strtoll(argument, NULL, 10) : 0;
	const json_t *row = history_run(screen);

	if (named > 0)
		screen->report_run = named;
	else if (screen->view == VIEW_HISTORY && row != NULL)
		screen->report_run = json_int(row, "run", 0);
	else if (view_rows[screen->view].context & CONTEXT_OF_RUN)
		screen->report_run = screen->run_id;
	document_forget(screen, DOCUMENT_REPORT); /* an open run has gone on */
	screen->places[VIEW_REPORT].scroll = 0;
	view_turn(screen, VIEW_REPORT);
}

void do_values(struct screen *screen, const char *argument)
{
	(void)argument;
	view_turn(screen, VIEW_VALUES);
}

void do_timeline(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->places[VIEW_TIMELINE].cursor = screen->cursor;
	view_turn(screen, VIEW_TIMELINE);
}

void do_step_view(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->places[VIEW_STEP].scroll = 0;
	view_turn(screen, VIEW_STEP);
}

void do_view_back(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->out.looking != 0 || screen->search_due != 0) {
		screen->out.looking = screen->search_due = 0;
		screen_say(screen, "searching was given up");
		return;
	}
	view_turn(screen, view_rows[screen->view].back);
}

/* ------------------------------------------------------------------ comparing, searching */

static void compare(struct screen *screen, int64_t a, int64_t b)
{
	screen->compare_a = a;
	screen->compare_b = b;
	screen->marked_run = 0;
	screen->places[VIEW_COMPARE].scroll = 0;
	view_turn(screen, VIEW_COMPARE);
}

/* The run before this one of the same runbook in the same mode; 0 = none is known. */
static int64_t run_before(const struct screen *screen, int64_t run)
{
	const json_t *row, *own = NULL;
	size_t i;

	json_array_foreach(screen->runs, i, row) {
		if (json_int(row, "run", 0) == run)
			own = row;
		else if (own != NULL &&
			 str_eq(json_str(row, "runbook", ""), json_str(own, "runbook", "")) &&
			 str_eq(json_str(row, "mode", ""), json_str(own, "mode", "")))
			return json_int(row, "run", 0);
	}
	return 0;
}

void do_compare(struct screen *screen, const char *argument)
{
	char *end = NULL;
	const long long a = argument != NULL ? strtoll(argument, &end, 10) : 0,
			b = a > 0 ? strtoll(end, NULL, 10) : 0;
	const json_t *row = history_run(screen);

	if (a > 0 && b > 0) {
		compare(screen, a, b);
	} else if (screen->view == VIEW_REPORT) {
		const int64_t before = run_before(screen, screen->report_run);
		if (before > 0)
			compare(screen, before, screen->report_run);
		else
			screen_refuse(screen, "no earlier run of this runbook in this mode");
	} else if (screen->view == VIEW_HISTORY && row != NULL) {
		const int64_t run = json_int(row, "run", 0);
		if (screen->marked_run == 0 || screen->marked_run == run) {
			screen->marked_run = screen->marked_run == run ? 0 : run;
			screen_say(
				screen, screen->marked_run != 0
						? "now the other one: move to it, the same key"
						: "no longer marked");
		} else {
			/* the older one first, so that a plus is slower than before */
			compare(screen, run < screen->marked_run ? run : screen->marked_run,
				run < screen->marked_run ? screen->marked_run : run);
		}
	} else {
		screen_refuse(screen, "compare needs two runs: :compare 2041 2042");
	}
}

void do_look(struct screen *screen, const char *argument)
{
	(void)argument;
	screen_open(screen, screen->view == VIEW_REPORT
				    ? screen->report_run
				    : json_int(history_run(screen), "run", 0));
}

void do_swap(struct screen *screen, const char *argument)
{
	(void)argument;
	compare(screen, screen->compare_b, screen->compare_a);
}

void do_search(struct screen *screen, const char *argument)
{
	(void)argument;
	field_clear(&screen->search);
	screen->out.looking = screen->search_due = 0;
	screen->out.found = -1;
	screen->overlay = OVERLAY_SEARCH;
}

/* Of the run's two panes the one that has the keys is searched. */
static bool search_steps(struct screen *screen, int by)
{
	const struct run *run = screen->run;
	const size_t count = run != NULL ? run->step_count : 0;

	for (size_t i = 1; i <= count; i++) {
		const size_t at =
			(by > 0 ? screen->cursor + i : screen->cursor + count - i) % count;
		if (strcasestr(run->steps[at].id, screen->search.text) != NULL ||
			strcasestr(run->steps[at].title, screen->search.text) != NULL) {
			screen->cursor = at;
			screen->follow = false;
			return true;
		}
	}
	return false;
}

void do_search_now(struct screen *screen, int by)
{
	if (screen->view == VIEW_RUN && screen->pane == PANE_OUTPUT) {
		screen_look(screen, by);
		return;
	}
	if (screen->view == VIEW_RUN && search_steps(screen, by))
		return;
	char more[96] = "";
	if (screen->view == VIEW_RUN)
		text_with_keys(screen, "; {pane} turns to the output", more, sizeof(more));
	if (!view_search(screen, by))
		screen_refuse(screen, "\"%.60s\" is not here%s", screen->search.text, more);
}

void do_search_next(struct screen *screen, const char *argument)
{
	(void)argument;
	do_search_now(screen, 1);
}

void do_search_before(struct screen *screen, const char *argument)
{
	(void)argument;
	do_search_now(screen, -1);
}

void do_markdown(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->show = "markdown";
	screen->want |= WANT_SHOW;
}

void do_json(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->show = "json";
	screen->want |= WANT_SHOW;
}

void do_verify(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->show = "verify";
	screen->want |= WANT_SHOW;
}

/* ------------------------------------------------------------------ the form */

void do_form_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	form_enter(screen);
}

void do_form_next(struct screen *screen, const char *argument)
{
	(void)argument;
	form_move(screen, 1);
}

void do_form_previous(struct screen *screen, const char *argument)
{
	(void)argument;
	form_move(screen, -1);
}

void do_form_right(struct screen *screen, const char *argument)
{
	(void)argument;
	form_side(screen, 1);
}

void do_form_left(struct screen *screen, const char *argument)
{
	(void)argument;
	form_side(screen, -1);
}
