/* editor.h: the operator's own editor and shell.  The terminal must have been given back. */
#ifndef DRILLBOOK_TUI_EDITOR_H
#define DRILLBOOK_TUI_EDITOR_H

#include "drillbook/base.h"

/* Opens a file in $VISUAL, $EDITOR or vi, in a directory (NULL = here). */
enum err_code editor_open(const char *path, const char *dir, struct err *err) MUST_CHECK;
/* A text written in the editor; lines that begin with '#' are left out, as are blanks at its
 * ends.  *out is owned, "" when nothing was written. */
enum err_code editor_text(const char *hint, char **out, struct err *err) MUST_CHECK;
/* $SHELL, or sh, in a directory. */
enum err_code shell_open(const char *dir, struct err *err) MUST_CHECK;
/* Runs a command line of the operator's with the terminal and waits; input is its standard
 * input, -1 = the terminal. */
enum err_code terminal_child(const char *command, const char *argument, const char *dir,
	int input, struct err *err) MUST_CHECK;
/* Starts a program that nobody waits for, with text as its last argument. */
void notify_start(const json_t *argv, const char *text);

#endif
