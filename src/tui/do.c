/* do.c: what actions do. */
#include "doing.h"
#include "keymap.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

void do_leave(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_LEAVE;
}

void do_interrupt(struct screen *screen, const char *argument)
{
	char text[96];

	(void)argument;
	if (screen->ctrl_c) {
		screen->want |= WANT_LEAVE;
		return;
	}
	screen->ctrl_c = true;
	if (screen->run != NULL && screen->run->started && screen->run->status == RUN_OPEN)
		screen_say(screen,
			"Ctrl-C stops nothing; again = leave, run %lld continues (%s)",
			(long long)screen->run_id,
			text_with_keys(
				screen, "{pause} pauses, :abort ends it", text, sizeof(text)));
	else
		screen_say(screen, "Ctrl-C again leaves; q does too");
}

void do_suspend(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_SUSPEND;
}

void do_redraw(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_REDRAW;
}

void do_help(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->help_scroll = 0;
	screen->overlay = screen->overlay == OVERLAY_HELP ? OVERLAY_NONE : OVERLAY_HELP;
}

void do_palette(struct screen *screen, const char *argument)
{
	(void)argument;
	field_clear(&screen->palette);
	screen->overlay = OVERLAY_PALETTE;
}

void do_attention(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->queue_cursor = 0;
	screen->overlay = OVERLAY_QUEUE;
}

void do_home(struct screen *screen, const char *argument)
{
	(void)argument;
	screen_home(screen);
}

void do_run_view(struct screen *screen, const char *argument)
{
	(void)argument;
	view_turn(screen, VIEW_RUN);
}

/* ------------------------------------------------------------------ moving about */

static void move(struct screen *screen, int by)
{
	if (screen->overlay == OVERLAY_HELP) {
		screen->help_scroll =
			screen->help_scroll + by < 0 ? 0 : screen->help_scroll + by;
	} else if (screen->overlay == OVERLAY_QUEUE) {
		const int64_t at = (int64_t)screen->queue_cursor + by,
			      last = (int64_t)queue_count(screen) - 1;
		screen->queue_cursor = (size_t)(at < 0	    ? 0
						: at > last ? (last < 0 ? 0 : last)
							    : at);
	} else if (screen->overlay == OVERLAY_DIALOG) {
		dialog_move(screen, by);
	} else if (screen->view == VIEW_HOME) {
		home_move(screen, by);
	} else if (screen->view != VIEW_RUN) {
		view_move(screen, by);
	} else if (screen->pane == PANE_OUTPUT) {
		output_move(&screen->out, by, output_rows(screen));
	} else if (screen->run != NULL && screen->run->step_count > 0) {
		const int64_t at = (int64_t)screen->cursor + by,
			      last = (int64_t)screen->run->step_count - 1;
		screen->cursor = (size_t)(at < 0 ? 0 : at > last ? last : at);
		screen->follow = false;
	}
}

void do_up(struct screen *screen, const char *argument)
{
	(void)argument;
	move(screen, -1);
}

void do_down(struct screen *screen, const char *argument)
{
	(void)argument;
	move(screen, 1);
}

static void page(struct screen *screen, int sign)
{
	const int rows = screen->height > 14 ? screen->height - 10 : 4;

	if (screen->overlay == OVERLAY_DIALOG)
		dialog_scroll(screen, sign * rows);
	else if (screen->overlay != OVERLAY_PALETTE && screen->overlay != OVERLAY_SEARCH)
		move(screen, sign * rows);
}

void do_page_up(struct screen *screen, const char *argument)
{
	(void)argument;
	page(screen, -1);
}

void do_page_down(struct screen *screen, const char *argument)
{
	(void)argument;
	page(screen, 1);
}

static bool in_output(const struct screen *screen)
{
	return screen->view == VIEW_RUN && screen->overlay == OVERLAY_NONE &&
	       screen->pane == PANE_OUTPUT;
}

void do_top(struct screen *screen, const char *argument)
{
	(void)argument;
	if (in_output(screen))
		output_begin(&screen->out);
	else
		move(screen, -100000);
}

void do_bottom(struct screen *screen, const char *argument)
{
	(void)argument;
	if (in_output(screen))
		output_end(&screen->out);
	else
		move(screen, 100000);
}

void do_pane(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->view == VIEW_HOME)
		screen->home_pane = (enum home_pane)((screen->home_pane + 1) % HOME_PANES);
	else if (screen->view != VIEW_RUN)
		screen->in_details = !screen->in_details;
	else
		screen->pane = screen->pane == PANE_STEPS ? PANE_OUTPUT : PANE_STEPS;
}

void do_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->view == VIEW_HOME)
		home_enter(screen);
	else if (view_rows[screen->view].enter != NULL)
		view_rows[screen->view].enter(screen);
	else
		dialog_open_ask(screen, run_step_ask(screen->run, screen->cursor));
}

void do_queue_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	queue_enter(screen, screen->queue_cursor);
}

void do_back(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->overlay = OVERLAY_NONE;
}

void do_follow(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->follow = !screen->follow;
	if (screen->follow)
		output_end(&screen->out);
	screen_say(screen, screen->follow ? "the cursor follows the running step"
					  : "the cursor stays where it is");
	screen_follow(screen);
}

void do_wrap(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->wrap = !screen->wrap;
	screen_say(screen, screen->wrap ? "long lines are folded" : "long lines are cut");
}

void do_output(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_PAGER;
}

void do_pause(struct screen *screen, const char *argument)
{
	(void)argument;
	screen_act(screen, screen->run->paused ? "continue" : "pause", NULL, NULL);
}

void do_continue(struct screen *screen, const char *argument)
{
	(void)argument;
	screen_act(screen, "continue", NULL, NULL);
}

void do_only_pause(struct screen *screen, const char *argument)
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

	if (ask_offers(ask, answer)) {
		dialog_open_ask(screen, ask);
		focus_on(&screen->dialog, answer);
	} else {
		dialog_open(screen, kind, screen->cursor);
	}
	for (const char *at = argument; at != NULL && *at != '\0';)
		field_key(&screen->dialog.note, utf8_next(&at));
}

void do_skip(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_SKIP, "skip", argument);
}

void do_retry(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_CHOOSE, "retry", argument);
}

void do_stop(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_STOP, "", argument);
}

void do_undo(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_UNDO, "undo", argument);
}

void do_force(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_FORCE, "force", argument);
}

void do_abort(struct screen *screen, const char *argument)
{
	wish(screen, DIALOG_ABORT, "", argument);
}

void do_note(struct screen *screen, const char *argument)
{
	if (argument != NULL && argument[0] != '\0')
		screen_act(screen, "note", NULL, argument);
	else
		dialog_open(screen, DIALOG_NOTE, screen->cursor);
}

void do_lead(struct screen *screen, const char *argument)
{
	json_t *body = json_object();

	(void)argument;
	json_put_int(body, "run", screen->run_id);
	screen_request(screen, TAG_ACT, "lead", body);
}

void do_attach(struct screen *screen, const char *argument)
{
	const long long run = argument != NULL ? strtoll(argument, NULL, 10) : 0;

	if (run > 0)
		screen_open(screen, run);
	else
		screen_refuse(screen, "attach needs a run's number: :attach 2042");
}

void do_dialog_close(struct screen *screen, const char *argument)
{
	(void)argument;
	dialog_close(screen);
}

void do_dialog_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	dialog_enter(screen);
}

void do_dialog_capital(struct screen *screen, const char *argument)
{
	(void)argument;
	dialog_capital(screen);
}

void do_dialog_tick(struct screen *screen, const char *argument)
{
	(void)argument;
	dialog_tick(screen);
}

void do_text_enter(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->overlay == OVERLAY_PALETTE) {
		screen->overlay = OVERLAY_NONE;
		palette_run(screen, screen->palette.text);
	} else if (screen->overlay == OVERLAY_SEARCH) {
		screen->overlay = OVERLAY_NONE;
		if (screen->search.len > 0)
			do_search_now(screen, 1);
	} else {
		dialog_enter(screen);
	}
}

void do_text_cancel(struct screen *screen, const char *argument)
{
	(void)argument;
	if (screen->overlay == OVERLAY_DIALOG)
		dialog_close(screen);
	else
		screen->overlay = OVERLAY_NONE;
}

/* ------------------------------------------------------------------ outside of the screen */

void do_editor(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= screen->view == VIEW_BOOKS ? WANT_EDIT : WANT_NOTE;
}

void do_shell(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_SHELL;
}

void do_copy(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_COPY;
}

void do_mouse(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->mouse = !screen->mouse;
	screen->want |= WANT_MOUSE;
	screen_say(screen, screen->mouse ? "the wheel scrolls; selecting needs Shift now"
					 : "the mouse is the terminal's again");
}

void do_reload(struct screen *screen, const char *argument)
{
	(void)argument;
	document_forget(screen, DOCUMENT_BOOK);
	document_forget(screen, DOCUMENT_HOME);
	screen->home = NULL;
	screen->runs_at_ms = 0;
	screen_say(screen, "the workspace is read again");
}

void do_wheel_up(struct screen *screen, const char *argument)
{
	(void)argument;
	move(screen, -3);
}

void do_wheel_down(struct screen *screen, const char *argument)
{
	(void)argument;
	move(screen, 3);
}

/* When the incident began: a stamp, or so long ago.  Into the record with the name of who said
 * so. */
void do_impact(struct screen *screen, const char *argument)
{
	struct wall at = { 0 };
	struct err err = { 0 };
	int64_t ago_ms;

	if (argument != NULL && parse_duration_ms(argument, &ago_ms, &err) == ERR_NONE &&
		ago_ms > 0)
		at.ns = screen->now.ns - ago_ms * 1000000;
	else if (argument == NULL || wall_parse(argument, &at, &err) != ERR_NONE) {
		screen_refuse(screen,
			"write :impact 2026-11-18T14:02:31Z, or :impact 12m for so "
			"long ago");
		return;
	}
	json_t *body = json_object();
	json_put_int(body, "run", screen->run_id);
	json_put_str(body, "action", "clock");
	json_put_str(body, "clock", "t0");
	json_put_int(body, "at_ns", at.ns);
	screen_request(screen, TAG_ACT, "act", body);
}

/* The kill switch: all drills of the workspace end and are undone, none starts. */
static void switch_drills(struct screen *screen, const char *action, const char *reason)
{
	if (reason == NULL || reason[0] == '\0') {
		screen_refuse(screen, "write why: :%s-drills REASON", action);
		return;
	}
	json_t *body = json_object();
	json_put_str(body, "action", action);
	json_put_str(body, "workspace",
		json_str(json_object_get(screen->home, "workspace"), "root", ""));
	json_put_str(body, "note", reason);
	screen_request(screen, TAG_ACT, "drills", body);
	screen_say(screen, str_eq(action, "stop")
				   ? "the drills of this workspace are being ended"
				   : "drills may be held again");
}

void do_stop_drills(struct screen *screen, const char *argument)
{
	switch_drills(screen, "stop", argument);
}

void do_allow_drills(struct screen *screen, const char *argument)
{
	switch_drills(screen, "allow", argument);
}

void do_secrets(struct screen *screen, const char *argument)
{
	(void)argument;
	screen->want |= WANT_SECRETS;
}
