/* doing.h: what the table of actions (action.c) is made of: why something cannot be done now
 * (why.c), what is done (do.c). */
#ifndef DRILLBOOK_TUI_DOING_H
#define DRILLBOOK_TUI_DOING_H

#include "action.h"

/* Whether an open question offers that answer; ask may be NULL. */
bool ask_offers(const struct ask *ask, const char *answer);

/* NULL = it can be done. */
const char *not_without_run(const struct screen *screen);
const char *not_without_shown_run(const struct screen *screen);
const char *not_without_question(const struct screen *screen);
const char *not_skippable(const struct screen *screen);
const char *not_retriable(const struct screen *screen);
const char *not_stoppable(const struct screen *screen);
const char *not_paused(const struct screen *screen);
const char *not_continued(const struct screen *screen);
const char *not_abortable(const struct screen *screen);
const char *not_leading_already(const struct screen *screen);
const char *not_without_output(const struct screen *screen);
const char *not_without_asks(const struct screen *screen);
const char *not_enter(const struct screen *screen);
const char *not_without_search(const struct screen *screen);
const char *not_without_report(const struct screen *screen);
const char *not_without_row(const struct screen *screen);
const char *not_without_looked_at(const struct screen *screen);
const char *not_without_step(const struct screen *screen);
const char *not_without_attached(const struct screen *screen);
const char *not_copyable(const struct screen *screen);
const char *not_editable(const struct screen *screen);
const char *not_undoable(const struct screen *screen);
const char *not_forceable(const struct screen *screen);
const char *not_without_workspace(const struct screen *screen);
const char *not_tickable(const struct screen *screen);
const char *not_without_secrets(const struct screen *screen);

/* argument: what stood behind the name in the palette, or NULL. */
void do_leave(struct screen *screen, const char *argument);
void do_interrupt(struct screen *screen, const char *argument);
void do_suspend(struct screen *screen, const char *argument);
void do_redraw(struct screen *screen, const char *argument);
void do_help(struct screen *screen, const char *argument);
void do_palette(struct screen *screen, const char *argument);
void do_attention(struct screen *screen, const char *argument);
void do_home(struct screen *screen, const char *argument);
void do_run_view(struct screen *screen, const char *argument);
void do_books(struct screen *screen, const char *argument);
void do_drills(struct screen *screen, const char *argument);
void do_history(struct screen *screen, const char *argument);
void do_report(struct screen *screen, const char *argument);
void do_values(struct screen *screen, const char *argument);
void do_timeline(struct screen *screen, const char *argument);
void do_step_view(struct screen *screen, const char *argument);
void do_view_back(struct screen *screen, const char *argument);
void do_compare(struct screen *screen, const char *argument);
void do_look(struct screen *screen, const char *argument);
void do_swap(struct screen *screen, const char *argument);
void do_search(struct screen *screen, const char *argument);
void do_search_next(struct screen *screen, const char *argument);
void do_search_before(struct screen *screen, const char *argument);
void do_markdown(struct screen *screen, const char *argument);
void do_json(struct screen *screen, const char *argument);
void do_verify(struct screen *screen, const char *argument);
void do_up(struct screen *screen, const char *argument);
void do_down(struct screen *screen, const char *argument);
void do_page_up(struct screen *screen, const char *argument);
void do_page_down(struct screen *screen, const char *argument);
void do_top(struct screen *screen, const char *argument);
void do_bottom(struct screen *screen, const char *argument);
void do_pane(struct screen *screen, const char *argument);
void do_enter(struct screen *screen, const char *argument);
void do_queue_enter(struct screen *screen, const char *argument);
void do_back(struct screen *screen, const char *argument);
void do_follow(struct screen *screen, const char *argument);
void do_wrap(struct screen *screen, const char *argument);
void do_output(struct screen *screen, const char *argument);
void do_pause(struct screen *screen, const char *argument);
void do_continue(struct screen *screen, const char *argument);
void do_only_pause(struct screen *screen, const char *argument);
void do_skip(struct screen *screen, const char *argument);
void do_retry(struct screen *screen, const char *argument);
void do_stop(struct screen *screen, const char *argument);
void do_abort(struct screen *screen, const char *argument);
void do_note(struct screen *screen, const char *argument);
void do_lead(struct screen *screen, const char *argument);
void do_attach(struct screen *screen, const char *argument);
void do_dialog_close(struct screen *screen, const char *argument);
void do_dialog_enter(struct screen *screen, const char *argument);
void do_dialog_capital(struct screen *screen, const char *argument);
void do_dialog_tick(struct screen *screen, const char *argument);
void do_text_enter(struct screen *screen, const char *argument);
void do_text_cancel(struct screen *screen, const char *argument);

void do_form_enter(struct screen *screen, const char *argument);
void do_form_next(struct screen *screen, const char *argument);
void do_form_previous(struct screen *screen, const char *argument);
void do_form_right(struct screen *screen, const char *argument);
void do_form_left(struct screen *screen, const char *argument);
void do_editor(struct screen *screen, const char *argument);
void do_shell(struct screen *screen, const char *argument);
void do_copy(struct screen *screen, const char *argument);
void do_mouse(struct screen *screen, const char *argument);
void do_reload(struct screen *screen, const char *argument);
void do_wheel_up(struct screen *screen, const char *argument);
void do_wheel_down(struct screen *screen, const char *argument);
void do_impact(struct screen *screen, const char *argument);
void do_undo(struct screen *screen, const char *argument);
void do_force(struct screen *screen, const char *argument);
void do_stop_drills(struct screen *screen, const char *argument);
void do_allow_drills(struct screen *screen, const char *argument);
void do_secrets(struct screen *screen, const char *argument);
/* To the next place (by > 0) or the one before; refuses when there is none. */
void do_search_now(struct screen *screen, int by);

#endif
