/* paint.h: a line of output with its colours kept and everything else of a terminal's language
 * made visible.
 *
 * Kept are the foreground colours and bold, underline, reverse of SGR (ECMA-48 8.3.117).
 * Backgrounds, concealed and blinking text are not: they can hide what is said.  ESC [ K, which
 * many programs print after a colour, does nothing on a line of its own and is left out. */
#ifndef DRILLBOOK_TUI_PAINT_H
#define DRILLBOOK_TUI_PAINT_H

#include "drillbook/base.h"

/* How one byte of a line is painted: 0 = as its cell's style says. */
enum {
	PAINT_COLOR =
		15, /* 0 = none, 1..7 red green yellow blue magenta cyan white, 8 = black */
	PAINT_BOLD = 16,
	PAINT_UNDERLINE = 32,
	PAINT_REVERSE = 64
};

struct painted {
	char *text;	/* sanitised, NUL-terminated; owned */
	uint8_t *paint; /* one per byte of text; owned */
	size_t len;
};
/* One line without its newline.  Every line begins without colours. */
void paint_line(const char *line, size_t len, struct painted *out);
void painted_release(struct painted *painted);
/* The same without any colour: for pagers, plain lines, searching.  Appends to out. */
enum err_code text_plain(const char *line, size_t len, struct buf *out, struct err *err);

#endif
