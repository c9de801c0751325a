/* action_use.c: using the table of actions: from a key or a typed name to what it does, or to
 * why not. */
#include "action.h"

#include <string.h>

enum context action_context(const struct screen *screen)
{
	switch (screen->overlay) {
	case OVERLAY_HELP:
		return CONTEXT_HELP;
	case OVERLAY_PALETTE:
		return CONTEXT_TEXT;
	case OVERLAY_QUEUE:
		return CONTEXT_QUEUE;
	case OVERLAY_DIALOG:
		return screen->dialog.typing ? CONTEXT_TEXT : CONTEXT_DIALOG;
	case OVERLAY_NONE:
		break;
	}
	return screen->view == VIEW_HOME ? CONTEXT_HOME : CONTEXT_RUN;
}

const struct action *action_by_key(unsigned context, uint32_t key)
{
	for (size_t i = 0; i < action_count; i++)
		for (size_t k = 0; k < ACTION_KEYS && actions[i].keys[k] != 0; k++)
			if (actions[i].keys[k] == key && (actions[i].contexts & context))
				return &actions[i];
	return NULL;
}

const struct action *action_by_name(const char *name)
{
	for (size_t i = 0; i < action_count; i++)
		if (str_eq(actions[i].name, name))
			return &actions[i];
	return NULL;
}

const char *action_refused(const struct screen *screen, const struct action *action)
{
	const char *why = action->refused != NULL ? action->refused(screen) : NULL;

	if (why == NULL && action->lead && screen->watch_only)
		return "attached to watch only";
	if (why == NULL && action->lead && !screen->lead_is_you)
		return "somebody else leads this run; L takes the lead";
	return why;
}

void action_perform(struct screen *screen, const struct action *action, const char *argument)
{
	const char *why = action_refused(screen, action);
	char key[16] = "";

	if (why == NULL) {
		action->perform(screen, argument);
		return;
	}
	if (action->keys[0] != 0 && argument == NULL)
		key_name(action->keys[0], key);
	screen_refuse(screen, "%s%s%s: %s", key, key[0] ? " " : "", action->name, why);
}

const char *key_name(uint32_t key, char out[16])
{
	static const struct {
		uint32_t key;
		const char *name;
	} names[] = {
		{ K_TAB, "Tab" },
		{ K_ENTER, "Enter" },
		{ K_ESC, "Esc" },
		{ K_BACKSPACE, "Backspace" },
		{ K_UP, "Up" },
		{ K_DOWN, "Down" },
		{ K_LEFT, "Left" },
		{ K_RIGHT, "Right" },
		{ K_PGUP, "PgUp" },
		{ K_PGDN, "PgDn" },
		{ K_HOME, "Home" },
		{ K_END, "End" },
		{ K_DELETE, "Del" },
		{ K_BACKTAB, "Shift-Tab" },
		{ K_OTHER, "that key" },
		{ ' ', "Space" },
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (names[i].key == key) {
			snprintf(out, 16, "%s", names[i].name);
			return out;
		}
	if (key < 0x20)
		snprintf(out, 16, "Ctrl-%c", (char)(key + 0x40));
	else
		out[utf8_put(out, key)] = '\0';
	return out;
}

void palette_run(struct screen *screen, const char *line)
{
	char name[32] = "";
	const char *names[64];
	const unsigned context = screen->view == VIEW_HOME ? CONTEXT_HOME : CONTEXT_RUN;

	line += strspn(line, " ");
	const size_t len = strcspn(line, " ");
	if (len == 0)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)len, line);
	line += len;
	line += strspn(line, " ");
	const struct action *action = action_by_name(name);
	if (action != NULL && (action->contexts & context)) {
		action_perform(screen, action, line);
		return;
	}
	size_t count = 0;
	for (size_t i = 0; i < action_count && count < COUNT_OF(names); i++)
		if (actions[i].contexts & context)
			names[count++] = actions[i].name;
	const char *near = str_nearest(name, names, count);
	if (near != NULL && action == NULL)
		screen_refuse(screen, "no command \"%s\"; did you mean :%s?", name, near);
	else
		screen_refuse(screen, "no command \"%s\" here; ? lists them", name);
}
