/* keymap.h: which keys do what: the table's own, or what keys.yaml says instead. */
#ifndef DRILLBOOK_TUI_KEYMAP_H
#define DRILLBOOK_TUI_KEYMAP_H

#include "action.h"

/* Takes {"action": "key" or ["key", …]} as keys.yaml has it under keys:; an empty list takes
 * the keys away.  All or nothing: on ERR_USAGE the keys are as they were and err says which
 * entry is wrong and what to write. */
enum err_code keymap_load(
	struct screen *screen, const json_t *keys, struct err *err) MUST_CHECK;
void keymap_release(struct screen *screen);
/* ACTION_KEYS key codes, 0 = none; borrowed. */
const uint32_t *action_keys(const struct screen *screen, const struct action *action);
/* "p", "Enter", "Ctrl-L"; borrowed from out. */
const char *key_name(uint32_t key, char out[16]);
/* The text with every {action} replaced by the key that does it now, or ":action"; borrowed
 * from out.  Only for texts of our own. */
const char *text_with_keys(
	const struct screen *screen, const char *text, char *out, size_t size);
uint32_t key_from_name(const char *name); /* 0 when there is no such key */

#endif
