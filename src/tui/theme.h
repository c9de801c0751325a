/* theme.h: what styles look like: the terminal's own 16 colours on its own background. */
#ifndef DRILLBOOK_TUI_THEME_H
#define DRILLBOOK_TUI_THEME_H

#include "cells.h"

enum theme { THEME_DARK, THEME_LIGHT, THEME_MONO };

struct look {
	int color; /* 0..7 as SGR 30..37, -1 = the terminal's own */
	bool bold, dim, underline, reverse;
};
/* A cell's look: its style, over it the colours a program printed. */
struct look theme_look(enum theme theme, const struct cell *cell);
bool theme_find(const char *name, enum theme *out);

#endif
