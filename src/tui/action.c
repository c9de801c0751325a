/* action.c: the table of actions: why each may not be done now, and what it does. */
#include "action.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ why not */

static const char *not_without_run(const struct screen *screen)
{
	if (screen->run == NULL || !screen->run->started)
		return "no run is open here";
	return screen->run->status != RUN_OPEN ? "the run has ended" : NULL;
}

static const char *not_without_shown_run(const struct screen *screen)
{
	return screen->run == NULL || !screen->run->started ? "no run is open here" : NULL;
}

static const char *not_without_question(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	if (why == NULL && run_step_ask(screen->run, screen->cursor) == NULL)
		why = screen->run->ask_count > 0
			      ? "this step asks nothing; A shows what is asked"
			      : "this step asks nothing";
	return why;
}

static const char *not_skippable(const struct screen *screen)
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
		return "this step is running; x stops it";
	case STEP_UNKNOWN:
		return "what this step did is not known; Enter settles that first";
	default:
		return NULL;
	}
}

static bool offers_answer(const struct ask *ask, const char *answer)
{
	for (size_t i = 0; ask != NULL && i < json_array_size(ask->choices); i++)
		if (str_eq(json_str(json_array_get(ask->choices, i), "id", ""), answer))
			return true;
	return false;
}

static const char *not_retriable(const struct screen *screen)
{
	const struct step *step = screen_step(screen);
	const char *why = not_without_run(screen);

	if (why != NULL || step == NULL)
		return why != NULL ? why : "there is no step";
	if (step->state == STEP_UNKNOWN)
		return "what this step did is not known; Enter settles that first";
	if (!offers_answer(run_step_ask(screen->run, screen->cursor), "retry"))
		return "only a failed or interrupted step can be retried";
	return NULL;
}

static const char *not_stoppable(const struct screen *screen)
{
	const struct step *step = screen_step(screen);
	const char *why = not_without_run(screen);

	if (why == NULL && (step == NULL || step->state != STEP_RUNNING))
		why = "this step is not running";
	return why;
}

static const char *not_paused(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	return why != NULL	     ? why
	       : screen->run->paused ? "the run is paused already; p continues it"
				     : NULL;
}

static const char *not_continued(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	return why != NULL ? why : screen->run->paused ? NULL : "the run is not paused";
}

static const char *not_abortable(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	return why != NULL	       ? why
	       : screen->run->aborting ? "the run is being aborted already"
				       : NULL;
}

static const char *not_leading_already(const struct screen *screen)
{
	const char *why = not_without_run(screen);

	if (why == NULL && screen->watch_only)
		return "attached to watch only; attach again without --watch to lead";
	return why != NULL ? why : screen->lead_is_you ? "you lead already" : NULL;
}

static const char *not_without_output(const struct screen *screen)
{
	const struct step *step = screen_step(screen);

	return step == NULL || step->attempt == 0
		       ? "this step has not begun: there is no output yet"
		       : NULL;
}

static const char *not_without_asks(const struct screen *screen)
{
	if (screen->view == VIEW_HOME)
		return NULL;
	return screen->run == NULL || screen->run->ask_count == 0 ? "nothing is asked now"
								  : NULL;
}

/* ------------------------------------------------------------------ doing */

static void do_leave(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_LEAVE;
}

static void do_interrupt(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->ctrl_c) {
		screen->want |= WANT_LEAVE;
		return;
	}
	screen->ctrl_c = true;
	if (screen->run != NULL && screen->run->started && screen->run->status == RUN_OPEN)
		screen_say(screen,
			"Ctrl-C stops nothing; again = leave, run %lld continues (p pauses, "
			":abort ends it)",
			(long long)screen->run_id);
	else
		screen_say(screen, "Ctrl-C again leaves; q does too");
}

static void do_suspend(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_SUSPEND;
}

static void do_redraw(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_REDRAW;
}

static void do_help(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->help_scroll = 0;
	screen->overlay = screen->overlay == OVERLAY_HELP ? OVERLAY_NONE : OVERLAY_HELP;
}

static void do_palette(struct screen *screen, const char *argument)
{
	(void)argument;
	field_clear(&screen->palette);
	screen->overlay = OVERLAY_PALETTE;
}

static void do_attention(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->view == VIEW_HOME) {
		screen->home_pane = HOME_RUNS;
		return;
	}
	screen->queue_cursor = 0;
	screen->overlay = OVERLAY_QUEUE;
}

static void do_home(struct screen *screen, const char *argument)
{
	(void)argument;
	screen_home(screen);
}

static void do_run_view(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->view = VIEW_RUN;
}

static void scroll_output(struct screen *screen, int by)
{
	struct output_view *out = &screen->out;
	int lines = 0;

	for (size_t i = 0; i < out->len; i++)
		lines += out->text[i] == '\n';
	out->scroll -= by;
	if (out->scroll > lines - 1)
		out->scroll = lines - 1;
	if (out->scroll < 0)
		out->scroll = 0;
}

static void move(struct screen *screen, int by)
{
	if (screen->overlay == OVERLAY_HELP) {
		screen->help_scroll =
			screen->help_scroll + by < 0 ? 0 : screen->help_scroll + by;
	} else if (screen->overlay == OVERLAY_QUEUE) {
		const int64_t at = (int64_t)screen->queue_cursor + by,
			      last = (int64_t)screen->run->ask_count - 1;
		screen->queue_cursor = (size_t)(at < 0	    ? 0
						: at > last ? (last < 0 ? 0 : last)
							    : at);
	} else if (screen->overlay == OVERLAY_DIALOG) {
		dialog_move(screen, by);
	} else if (screen->view == VIEW_HOME) {
		home_move(screen, by);
	} else if (screen->pane == PANE_OUTPUT) {
		scroll_output(screen, by);
	} else if (screen->run != NULL && screen->run->step_count > 0) {
		const int64_t at = (int64_t)screen->cursor + by,
			      last = (int64_t)screen->run->step_count - 1;
		screen->cursor = (size_t)(at < 0 ? 0 : at > last ? last : at);
		screen->follow = false;
	}
}

static void do_up(struct screen *screen, const char *argument)
{
	(void)argument;
	move(screen, -1);
}

static void do_down(struct screen *screen, const char *argument)
{
	(void)argument;
	move(screen, 1);
}

static void page(struct screen *screen, int sign)
{
	const int rows = screen->height > 14 ? screen->height - 10 : 4;

	if (screen->overlay == OVERLAY_DIALOG)
		dialog_scroll(screen, sign * rows);
	else if (screen->overlay != OVERLAY_PALETTE)
		move(screen, sign * rows);
}

static void do_page_up(struct screen *screen, const char *argument)
{
	(void)argument;
	page(screen, -1);
}

static void do_page_down(struct screen *screen, const char *argument)
{
	(void)argument;
	page(screen, 1);
}

static void do_top(struct screen *screen, const char *argument)
{
	(void)argument;
	move(screen, -100000);
}

static void do_bottom(struct screen *screen, const char *argument)
{
	(void)argument;
	move(screen, 100000);
}

static void do_pane(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->view == VIEW_HOME)
		screen->home_pane = (enum home_pane)((screen->home_pane + 1) % HOME_PANES);
	else
		screen->pane = screen->pane == PANE_STEPS ? PANE_OUTPUT : PANE_STEPS;
}

static void do_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->view == VIEW_HOME)
		home_enter(screen);
	else
		dialog_open_ask(screen, run_step_ask(screen->run, screen->cursor));
}

static const char *not_enter(const struct screen *screen)
{
	if (screen->view == VIEW_HOME)
		return home_count(screen, screen->home_pane) == 0
			       ? "there is nothing in this list"
			       : NULL;
	return not_without_question(screen);
}

static void do_queue_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->queue_cursor < screen->run->ask_count)
		dialog_open_ask(screen, &screen->run->asks[screen->queue_cursor]);
}

static void do_back(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->overlay = OVERLAY_NONE;
}

static void do_follow(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->follow = !screen->follow;
	screen->out.scroll = 0;
	screen_say(screen, screen->follow ? "the cursor follows the running step"
					  : "the cursor stays where it is");
	screen_follow(screen);
}

static void do_wrap(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->wrap = !screen->wrap;
	screen_say(screen, screen->wrap ? "long lines are folded" : "long lines are cut");
}

static void do_output(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_PAGER;
}

static void do_pause(struct screen *screen, const char *argument)
{
	(void)argument;
	screen_act(screen, screen->run->paused ? "continue" : "pause", NULL, NULL);
}

static void do_continue(struct screen *screen, const char *argument)
{
	(void)argument;
	screen_act(screen, "continue", NULL, NULL);
}

static void do_only_pause(struct screen *screen, const char *argument)
{
	(void)argument;
	screen_act(screen, "pause", NULL, NULL);
}

static void focus_on(struct dialog *dialog, const char *answer)
{
	for (size_t i = 0; i < dialog->choice_count; i++)
		if (str_eq(dialog->choices[i].answer, answer))
			dialog->focus = i + 1;
}

/* A wish about a step: through the question the step has open, when that offers it. */
static void wish(
	struct screen *screen, enum dialog_kind kind, const char *answer, const char *argument)
{
	const struct ask *ask = run_step_ask(screen->run, screen->cursor);

	if (offers_answer(ask, answer)) {
		dialog_open_ask(screen, ask);
		focus_on(&screen->dialog, answer);
	} else {
		dialog_open(screen, kind, screen->cursor);
	}
	for (const char *at = argument; at != NULL && *at != '\0';)
		field_key(&screen->dialog.note, utf8_next(&at));
}

static void do_skip(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_SKIP, "skip", argument);
}

static void do_retry(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_CHOOSE, "retry", argument);
}

static void do_stop(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_STOP, "", argument);
}

static void do_abort(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_ABORT, "", argument);
}

static void do_note(struct screen *screen, const char *argument)
{
	if (argument != NULL && argument[0] != '\0')
		screen_act(screen, "note", NULL, argument);
	else
		dialog_open(screen, DIALOG_NOTE, screen->cursor);
}

static void do_lead(struct screen *screen, const char *argument)
{
	json_t *body = json_object();

	(void)argument;
	json_put_int(body, "run", screen->run_id);
	screen_request(screen, TAG_ACT, "lead", body);
}

static void do_attach(struct screen *screen, const char *argument)
{
	const long long run = argument != NULL ? strtoll(argument, NULL, 10) : 0;

	if (run > 0)
		screen_open(screen, run);
	else
		screen_refuse(screen, "attach needs a run's number: :attach 2042");
}

static void do_dialog_close(struct screen *screen, const char *argument)
{
	(void)argument;
	dialog_close(screen);
}

static void do_dialog_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	dialog_enter(screen);
}

static void do_dialog_capital(struct screen *screen, const char *argument)
{
	(void)argument;
	dialog_capital(screen);
}

static void do_dialog_tick(struct screen *screen, const char *argument)
{
	(void)argument;
	dialog_tick(screen);
}

static void do_text_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->overlay == OVERLAY_PALETTE) {
		screen->overlay = OVERLAY_NONE;
		palette_run(screen, screen->palette.text);
	} else {
		dialog_enter(screen);
	}
}

static void do_text_cancel(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->overlay == OVERLAY_DIALOG)
		dialog_close(screen);
	else
		screen->overlay = OVERLAY_NONE;
}

/* ------------------------------------------------------------------ the table */

#define SCREENS (CONTEXT_HOME | CONTEXT_RUN)
#define LISTS (SCREENS | CONTEXT_HELP | CONTEXT_QUEUE)
#define EVERYWHERE (LISTS | CONTEXT_DIALOG | CONTEXT_TEXT)

/* clang-format off */
const struct action actions[] = {
	{.name = "open", .keys = {K_ENTER}, .contexts = SCREENS, .label = "open",
		.refused = not_enter,
		.perform = do_enter,
		.help = "open what is under the cursor: a question, a runbook, a run"},
	{.name = "pause", .keys = {'p'}, .contexts = CONTEXT_RUN, .label = "pause",
		.lead = true,
		.refused = not_without_run, .perform = do_pause,
		.help = "start no further step, or continue; the clock goes on"},
	{.name = "stop", .keys = {'x'}, .contexts = CONTEXT_RUN, .label = "stop step",
		.lead = true,
		.refused = not_stoppable, .perform = do_stop,
		.help = "stop the running step (asks first)"},
	{.name = "skip", .keys = {'s'}, .contexts = CONTEXT_RUN, .label = "skip", .lead = true,
		.refused = not_skippable, .perform = do_skip,
		.help = "leave the step out, with a reason"},
	{.name = "retry", .keys = {'r'}, .contexts = CONTEXT_RUN, .label = "retry",
		.lead = true,
		.refused = not_retriable, .perform = do_retry,
		.help = "run a failed step again (asks first)"},
	{.name = "attention", .keys = {'A'}, .contexts = SCREENS, .label = "asked",
		.refused = not_without_asks,
		.perform = do_attention, .help = "everything that waits for an answer"},
	{.name = "note", .keys = {'+'}, .contexts = CONTEXT_RUN, .label = "note",
		.refused = not_without_run,
		.perform = do_note, .help = "write a note into the record"},
	{.name = "output", .keys = {'o'}, .contexts = CONTEXT_RUN, .label = "output",
		.refused = not_without_output, .perform = do_output,
		.help = "the step's whole output in $PAGER"},
	{.name = "pane", .keys = {K_TAB}, .contexts = SCREENS, .label = "pane",
		.perform = do_pane,
		.help = "the next list or pane"},
	{.name = "lead", .keys = {'L'}, .contexts = CONTEXT_RUN, .refused = not_leading_already,
		.perform = do_lead, .help = "take the lead: only who leads may act"},
	{.name = "follow", .keys = {'f'}, .contexts = CONTEXT_RUN,
		.refused = not_without_shown_run,
		.perform = do_follow, .help = "let the cursor follow the running step, or not"},
	{.name = "wrap", .keys = {'w'}, .contexts = CONTEXT_RUN, .perform = do_wrap,
		.help = "fold long lines of output, or cut them"},
	{.name = "abort", .contexts = CONTEXT_RUN, .lead = true, .refused = not_abortable,
		.perform = do_abort,
		.help = "end the run (asks first); only as :abort"},
	{.name = "halt", .contexts = CONTEXT_RUN, .lead = true, .refused = not_paused,
		.perform = do_only_pause,
		.help = "start no further step; only as :halt"},
	{.name = "continue", .contexts = CONTEXT_RUN, .lead = true, .refused = not_continued,
		.perform = do_continue, .help = "continue a paused run; only as :continue"},
	{.name = "attach", .contexts = SCREENS, .perform = do_attach,
		.help = "open another run; as :attach 2042"},
	{.name = "home", .keys = {K_ESC, '1'}, .contexts = CONTEXT_RUN, .label = "home",
		.perform = do_home, .help = "back to Home; the run goes on"},
	{.name = "run", .keys = {'3'}, .contexts = CONTEXT_HOME,
		.refused = not_without_shown_run,
		.perform = do_run_view, .help = "the run that was open"},
	{.name = "up", .keys = {K_UP, 'k'}, .contexts = LISTS | CONTEXT_DIALOG,
		.perform = do_up, .help = "up"},
	{.name = "down", .keys = {K_DOWN, 'j'}, .contexts = LISTS | CONTEXT_DIALOG,
		.perform = do_down,
		.help = "down"},
	{.name = "page-up", .keys = {K_PGUP}, .contexts = EVERYWHERE, .perform = do_page_up,
		.help = "a page up"},
	{.name = "page-down", .keys = {K_PGDN}, .contexts = EVERYWHERE, .perform = do_page_down,
		.help = "a page down"},
	{.name = "top", .keys = {'g', K_HOME}, .contexts = LISTS, .perform = do_top,
		.help = "to the first"},
	{.name = "bottom", .keys = {'G', K_END}, .contexts = LISTS, .perform = do_bottom,
		.help = "to the last"},
	{.name = "answer", .keys = {K_ENTER}, .contexts = CONTEXT_QUEUE, .label = "answer",
		.perform = do_queue_enter, .help = "open the question"},
	{.name = "back", .keys = {K_ESC}, .contexts = CONTEXT_QUEUE | CONTEXT_HELP,
		.label = "back",
		.perform = do_back, .help = "back"},
	{.name = "nothing", .keys = {K_ESC}, .contexts = CONTEXT_DIALOG, .label = "do nothing",
		.perform = do_dialog_close, .help = "do nothing; the question stays open"},
	{.name = "choose", .keys = {K_ENTER}, .contexts = CONTEXT_DIALOG,
		.perform = do_dialog_enter,
		.help = "what the focus is on, where Enter is enough"},
	{.name = "yes", .keys = {'Y'}, .contexts = CONTEXT_DIALOG, .perform = do_dialog_capital,
		.help = "run it: what is costly to undo needs this capital letter"},
	{.name = "next", .keys = {K_TAB}, .contexts = CONTEXT_DIALOG, .perform = do_down,
		.help = "the next choice"},
	{.name = "previous", .keys = {K_BACKTAB}, .contexts = CONTEXT_DIALOG, .perform = do_up,
		.help = "the choice before"},
	{.name = "tick", .keys = {' '}, .contexts = CONTEXT_DIALOG, .perform = do_dialog_tick,
		.help = "tick an item of the checklist"},
	{.name = "accept", .keys = {K_ENTER}, .contexts = CONTEXT_TEXT, .label = "done",
		.perform = do_text_enter, .help = "take what was typed"},
	{.name = "cancel", .keys = {K_ESC}, .contexts = CONTEXT_TEXT, .label = "cancel",
		.perform = do_text_cancel, .help = "forget what was typed"},
	{.name = "command", .keys = {':'}, .contexts = SCREENS, .label = "command",
		.perform = do_palette,
		.help = "type an action's name"},
	{.name = "help", .keys = {'?'}, .contexts = SCREENS | CONTEXT_HELP, .label = "help",
		.perform = do_help,
		.help = "the keys that are valid now"},
	{.name = "leave", .keys = {'q'}, .contexts = SCREENS, .label = "leave",
		.perform = do_leave,
		.help = "leave; a run continues without you"},
	{.name = "back-too", .keys = {'q'}, .contexts = CONTEXT_QUEUE | CONTEXT_HELP,
		.perform = do_back,
		.help = "back"},
	{.name = "interrupt", .keys = {K_CTRL('c')}, .contexts = EVERYWHERE,
		.perform = do_interrupt,
		.help = "explains; twice leaves.  Never stops a run"},
	{.name = "suspend", .keys = {K_CTRL('z')}, .contexts = EVERYWHERE,
		.perform = do_suspend,
		.help = "suspend this terminal; the run goes on"},
	{.name = "redraw", .keys = {K_CTRL('l')}, .contexts = EVERYWHERE, .perform = do_redraw,
		.help = "paint the screen anew"},
};
/* clang-format on */
const size_t action_count = COUNT_OF(actions);
