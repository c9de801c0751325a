/* action.h: the table of what keys do.  Keys, footer, help, palette and refusals all come from
 * it. */
#ifndef DRILLBOOK_TUI_ACTION_H
#define DRILLBOOK_TUI_ACTION_H

#include "screen.h"

/* Where keys are pressed.  In CONTEXT_TEXT printable keys are text and are not looked up. */
enum context {
	CONTEXT_HOME = 1,
	CONTEXT_RUN = 2,
	CONTEXT_DIALOG = 4,
	CONTEXT_TEXT = 8,
	CONTEXT_HELP = 16,
	CONTEXT_QUEUE = 32
};

enum { ACTION_KEYS = 4 };

struct action {
	const char *name;	    /* in the palette: ":abort" */
	uint32_t keys[ACTION_KEYS]; /* 0 = none; the first is the one help and footer show */
	unsigned contexts;
	const char *label; /* in the footer; NULL = not there */
	const char *help;
	bool lead; /* only who leads may */
	/* Why it cannot be done now; NULL = it can.  May itself be NULL. */
	const char *(*refused)(const struct screen *screen);
	void (*perform)(struct screen *screen,
		const char *argument); /* argument: from the palette, or NULL */
};
extern const struct action actions[];
extern const size_t action_count;

enum context action_context(const struct screen *screen);
const struct action *action_by_key(unsigned context, uint32_t key);
const struct action *action_by_name(const char *name);
/* NULL when it may be performed now. */
const char *action_refused(const struct screen *screen, const struct action *action);
void action_perform(struct screen *screen, const struct action *action, const char *argument);
/* "p", "Enter", "Ctrl-L"; borrowed from out. */
const char *key_name(uint32_t key, char out[16]);
/* Runs a line of the palette. */
void palette_run(struct screen *screen, const char *line);

#endif
