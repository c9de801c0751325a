/* action.h: the table of what keys do.  Keys, footer, help, palette and refusals all come from
 * it. */
#ifndef DRILLBOOK_TUI_ACTION_H
#define DRILLBOOK_TUI_ACTION_H

#include "screen.h"

/* Where keys are pressed.  In CONTEXT_TEXT and CONTEXT_FORM printable keys are text and are not
 * looked up. */
enum context {
	CONTEXT_HOME = 1,
	CONTEXT_RUN = 2,
	CONTEXT_DIALOG = 4,
	CONTEXT_TEXT = 8,
	CONTEXT_HELP = 16,
	CONTEXT_QUEUE = 32,
	CONTEXT_FORM = 64,
	CONTEXT_BOOKS = 128,
	CONTEXT_DRILLS = 256,
	CONTEXT_HISTORY = 512,
	CONTEXT_REPORT = 1024,
	CONTEXT_COMPARE = 2048,
	CONTEXT_VALUES = 4096,
	CONTEXT_TIMELINE = 8192,
	CONTEXT_STEP = 16384
};
/* The screens as sets. */
#define CONTEXT_OF_RUN (CONTEXT_RUN | CONTEXT_VALUES | CONTEXT_TIMELINE | CONTEXT_STEP)
#define CONTEXT_SCREENS                                                                        \
	(CONTEXT_OF_RUN | CONTEXT_HOME | CONTEXT_BOOKS | CONTEXT_DRILLS | CONTEXT_HISTORY |    \
		CONTEXT_REPORT | CONTEXT_COMPARE)

enum { ACTION_KEYS = 4, ACTIONS_MAX = 96 };

struct action {
	const char *name;	    /* in the palette and in keys.yaml */
	uint32_t keys[ACTION_KEYS]; /* 0 = none; the first is the one help and footer show */
	unsigned contexts;
	const char *label; /* in the footer; NULL = not there */
	const char *help;
	bool lead;  /* only who leads may */
	bool fixed; /* keys.yaml cannot move it: what answers questions and what always works */
	/* Why it cannot be done now; NULL = it can.  May itself be NULL. */
	const char *(*refused)(const struct screen *screen);
	void (*perform)(struct screen *screen,
		const char *argument); /* argument: from the palette, or NULL */
};
extern const struct action actions[];
extern const size_t action_count;

enum context action_context(const struct screen *screen);
const struct action *action_by_key(
	const struct screen *screen, unsigned context, uint32_t key);
const struct action *action_by_name(const char *name);
/* NULL when it may be performed now. */
const char *action_refused(const struct screen *screen, const struct action *action);
void action_perform(struct screen *screen, const struct action *action, const char *argument);
/* Names that begin like the line of the palette and can be typed here, blanks between them; what
 * they have in common replaces the line. */
void palette_matches(const struct screen *screen, char *out, size_t size);
void palette_complete(struct screen *screen);
/* Runs a line of the palette. */
void palette_run(struct screen *screen, const char *line);

#endif
