/* why.c: why an action cannot be done now; one function per reason, NULL = it can. */
#include "doing.h"
#include "view.h"

const char *not_without_run(const struct screen *screen)
{
	if (screen->run == NULL || !screen->run->started)
		return "no run is open here";
	return screen->run->status != RUN_OPEN ? "the run has ended" : NULL;
}

const char *not_without_shown_run(const struct screen *screen)
{
	return screen->run == NULL || !screen->run->started ? "no run is open here" : NULL;
}

const char *not_without_question(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	if (why == NULL && run_step_ask(screen->run, screen->cursor) == NULL)
		why = screen->run->ask_count > 0
			      ? "this step asks nothing; {attention} shows what is asked"
			      : "this step asks nothing";
	return why;
}

const char *not_skippable(const struct screen *screen)
{
	const struct step *step = screen_step(screen);
	const char *why = not_without_run(screen);

	if (why != NULL || step == NULL)
		return why != NULL ? why : "there is no step";
	switch (step->state) {
	case STEP_OK:
	case STEP_SKIPPED:
		return "this step is done already";
	case STEP_RUNNING:
		return "this step is running; {stop} stops it";
	case STEP_UNKNOWN:
		return "what this step did is not known; {open} settles that first";
	default:
		return NULL;
	}
}

bool ask_offers(const struct ask *ask, const char *answer)
{
	for (size_t i = 0; ask != NULL && i < json_array_size(ask->choices); i++)
		if (str_eq(json_str(json_array_get(ask->choices, i), "id", ""), answer))
			return true;
	return false;
}

const char *not_retriable(const struct screen *screen)
{
	const struct step *step = screen_step(screen);
	const char *why = not_without_run(screen);

	if (why != NULL || step == NULL)
		return why != NULL ? why : "there is no step";
	if (step->state == STEP_UNKNOWN)
		return "what this step did is not known; {open} settles that first";
	if (!ask_offers(run_step_ask(screen->run, screen->cursor), "retry"))
		return "only a failed or interrupted step can be retried";
	return NULL;
}

const char *not_stoppable(const struct screen *screen)
{
	const struct step *step = screen_step(screen);
	const char *why = not_without_run(screen);

	if (why == NULL && (step == NULL || step->state != STEP_RUNNING))
		why = "this step is not running";
	return why;
}

const char *not_paused(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	return why != NULL	     ? why
	       : screen->run->paused ? "the run is paused already; {pause} continues it"
				     : NULL;
}

const char *not_continued(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	return why != NULL ? why : screen->run->paused ? NULL : "the run is not paused";
}

const char *not_abortable(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	return why != NULL	       ? why
	       : screen->run->aborting ? "the run is being aborted already"
				       : NULL;
}

const char *not_leading_already(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	if (why == NULL && screen->watch_only)
		return "attached to watch only; attach again without --watch to lead";
	return why != NULL ? why : screen->lead_is_you ? "you lead already" : NULL;
}

const char *not_without_output(const struct screen *screen)
{
	const struct step *step = screen_step(screen);

	return step == NULL || step->attempt == 0
		       ? "this step has not begun: there is no output yet"
		       : NULL;
}

const char *not_without_asks(const struct screen *screen)
{
	return queue_count(screen) == 0 ? "nothing needs attention now" : NULL;
}

const char *run_not_enter(const struct screen *screen)
{
	return not_without_question(screen);
}

const char *not_enter(const struct screen *screen)
{
	const struct view_row *view = &view_rows[screen->view];

	if (screen->view == VIEW_HOME)
		return home_count(screen, screen->home_pane) == 0
			       ? "there is nothing in this list"
			       : NULL;
	if (view->enter == NULL && screen->view != VIEW_RUN)
		return "there is nothing to be opened here";
	return view->not_enter != NULL ? view->not_enter(screen) : NULL;
}

const char *not_without_search(const struct screen *screen)
{
	return screen->search.len == 0 ? "nothing was searched for yet; {search} does" : NULL;
}

const char *not_without_report(const struct screen *screen)
{
	return screen->report_run == 0 ? "no run has ended yet" : NULL;
}

const char *not_without_row(const struct screen *screen)
{
	return history_run(screen) == NULL ? "there is no run here" : NULL;
}

const char *not_without_looked_at(const struct screen *screen)
{
	if (screen->view == VIEW_REPORT)
		return not_without_report(screen);
	return not_without_row(screen);
}

const char *not_without_step(const struct screen *screen)
{
	return screen_step(screen) == NULL ? "there is no step" : NULL;
}

const char *not_without_attached(const struct screen *screen)
{
	return screen->run_id == 0 ? "no run is open here; Home lists them" : NULL;
}

const char *not_copyable(const struct screen *screen)
{
	return screen->can_copy
		       ? NULL
		       : "\"clipboard: osc52\" in screen.yaml allows it; many terminals "
			 "copy with the mouse and Shift";
}

const char *not_editable(const struct screen *screen)
{
	return json_array_size(json_object_get(screen->home, "runbooks")) == 0
		       ? "there is no runbook here"
		       : NULL;
}

const char *not_undoable(const struct screen *screen)
{
	const struct step *step = screen_step(screen);
	const char *why = not_without_run(screen);

	if (why != NULL || step == NULL)
		return why != NULL ? why : "there is no step";
	if (step->state == STEP_RUNNING)
		return "this step is running; {stop} stops it";
	if (step->state == STEP_PENDING || step->state == STEP_UNDONE)
		return "this step has done nothing that could be taken back";
	return NULL;
}

const char *not_forceable(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	if (why == NULL && !ask_offers(run_step_ask(screen->run, screen->cursor), "force"))
		why = "only a failed or stopped step can be counted as done";
	return why;
}

const char *not_without_workspace(const struct screen *screen)
{
	return screen->home == NULL ? "no workspace is known here; {home} reads it" : NULL;
}

const char *not_without_secrets(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	return why != NULL		    ? why
	       : screen->secrets_needed > 0 ? NULL
					    : "the run waits for no secret";
}

const char *not_tickable(const struct screen *screen)
{
	return screen->dialog.check_count == 0 ? "there is no checklist here" : NULL;
}
