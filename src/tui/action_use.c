/* action_use.c: using the table of actions: from a key or a typed name to what it does, or to
 * why not. */
#include "keymap.h"
#include "view.h"

#include <string.h>

enum context action_context(const struct screen *screen)
{
	switch (screen->overlay) {
	case OVERLAY_HELP:
		return CONTEXT_HELP;
	case OVERLAY_PALETTE:
	case OVERLAY_SEARCH:
		return CONTEXT_TEXT;
	case OVERLAY_QUEUE:
		return CONTEXT_QUEUE;
	case OVERLAY_DIALOG:
		return screen->dialog.typing ? CONTEXT_TEXT : CONTEXT_DIALOG;
	case OVERLAY_FORM:
		return CONTEXT_FORM;
	case OVERLAY_NONE:
		break;
	}
	return view_rows[screen->view].context;
}

const struct action *action_by_key(const struct screen *screen, unsigned context, uint32_t key)
{
	for (size_t i = 0; i < action_count; i++) {
		const uint32_t *keys = action_keys(screen, &actions[i]);
		for (size_t k = 0; k < ACTION_KEYS && keys[k] != 0; k++)
			if (keys[k] == key && (actions[i].contexts & context))
				return &actions[i];
	}
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
		return "somebody else leads this run; {lead} takes the lead";
	return why;
}

void action_perform(struct screen *screen, const struct action *action, const char *argument)
{
	const char *why = action_refused(screen, action);
	char key[16] = "", text[256];

	if (why == NULL) {
		action->perform(screen, argument);
		return;
	}
	if (action_keys(screen, action)[0] != 0 && argument == NULL)
		key_name(action_keys(screen, action)[0], key);
	screen_refuse(screen, "%s%s%s: %s", key, key[0] ? " " : "", action->name,
		text_with_keys(screen, why, text, sizeof(text)));
}

static bool matches(const struct screen *screen, const struct action *action)
{
	return (action->contexts & view_rows[screen->view].context) != 0 &&
	       strncmp(action->name, screen->palette.text, screen->palette.len) == 0;
}

void palette_matches(const struct screen *screen, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < action_count; i++)
		if (matches(screen, &actions[i]))
			snprintf(out + strlen(out), size - strlen(out), "%s%s",
				out[0] ? "  " : "", actions[i].name);
}

void palette_complete(struct screen *screen)
{
	const char *common = NULL;
	size_t len = 0;

	for (size_t i = 0; i < action_count; i++) {
		if (!matches(screen, &actions[i]))
			continue;
		if (common == NULL) {
			common = actions[i].name;
			len = strlen(common);
		}
		for (size_t k = 0; k < len; k++)
			if (common[k] != actions[i].name[k])
				len = k;
	}
	for (size_t k = screen->palette.len; common != NULL && k < len; k++)
		field_key(&screen->palette, (uint32_t)(unsigned char)common[k]);
}

void palette_run(struct screen *screen, const char *line)
{
	char name[32] = "";
	const char *names[ACTIONS_MAX];
	const unsigned context = view_rows[screen->view].context;

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
