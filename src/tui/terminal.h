/* terminal.h: the real terminal: raw mode, painting a grid of cells through ncurses, giving the
 * terminal back whatever ends the process. */
#ifndef DRILLBOOK_TUI_TERMINAL_H
#define DRILLBOOK_TUI_TERMINAL_H

#include "settings.h"

struct terminal;

/* Takes standard input and output.  ERR_UNSUPPORTED when they are no terminal or its type is
 * not known. */
enum err_code terminal_open(
	struct terminal **out, enum theme theme, struct err *err) MUST_CHECK;
/* Whether it shows UTF-8; what it does not have is shown as '?'. */
bool terminal_utf8(const struct terminal *term);
/* Calls whoever sits before it: BEL, and a message by OSC 9 or OSC 777.  text: ours, made of
 * printable ASCII. */
void terminal_attention(struct terminal *term, bool bell, enum notify notify, const char *text);
void terminal_clipboard(struct terminal *term, const char *text, size_t len); /* OSC 52 */
void terminal_mouse(struct terminal *term, bool on);
void terminal_close(struct terminal *term);
void terminal_size(const struct terminal *term, int *width, int *height);
/* Shows cells; only what differs from what is shown is sent.  all: as if nothing were shown. */
void terminal_paint(struct terminal *term, const struct cells *cells, bool all);
/* Gives the terminal back for a while; nothing may be painted before terminal_resume. */
void terminal_suspend(struct terminal *term);
void terminal_resume(struct terminal *term);
int terminal_fd(const struct terminal *term);	     /* to poll and read keys from */
int terminal_signal_fd(const struct terminal *term); /* readable: terminal_signals has news */
enum { TERM_RESIZED = 1, TERM_STOP = 2 };
unsigned terminal_signals(struct terminal *term); /* TERM_… bits since the last call */
void terminal_mark_idle(
	struct terminal *term); /* for tests: a private sequence when nothing is left to do */

#endif
