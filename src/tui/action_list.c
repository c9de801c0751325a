/* action_list.c: the table of actions as data, for `drillbook keys` and the manual page. */
#include "drillbook/tui.h"
#include "keymap.h"

static const struct {
	unsigned context;
	const char *name;
} contexts[] = {
	{ CONTEXT_HOME, "home" },
	{ CONTEXT_BOOKS, "runbooks" },
	{ CONTEXT_RUN, "run" },
	{ CONTEXT_DRILLS, "drills" },
	{ CONTEXT_HISTORY, "history" },
	{ CONTEXT_REPORT, "report" },
	{ CONTEXT_COMPARE, "compare" },
	{ CONTEXT_VALUES, "values" },
	{ CONTEXT_TIMELINE, "timeline" },
	{ CONTEXT_STEP, "step" },
	{ CONTEXT_QUEUE, "attention" },
	{ CONTEXT_HELP, "help" },
	{ CONTEXT_DIALOG, "dialog" },
	{ CONTEXT_FORM, "form" },
	{ CONTEXT_TEXT, "text" },
};

static json_t *where(const struct action *action)
{
	json_t *list = json_array();

	for (size_t i = 0; i < COUNT_OF(contexts); i++)
		if (action->contexts & contexts[i].context)
			json_array_append_new(list, json_string(contexts[i].name));
	return list;
}

json_t *tui_actions(void)
{
	json_t *list = json_array();
	char name[16];

	for (size_t i = 0; i < action_count; i++) {
		const struct action *action = &actions[i];
		json_t *row = json_object(), *keys = json_array();
		for (size_t k = 0; k < ACTION_KEYS && action->keys[k] != 0; k++)
			json_array_append_new(
				keys, json_string(key_name(action->keys[k], name)));
		json_put_str(row, "name", action->name);
		json_put(row, "keys", keys);
		json_put(row, "where", where(action));
		json_put_str(row, "help", action->help);
		json_put_flag(row, "fixed", action->fixed);
		json_put_flag(row, "palette", (action->contexts & CONTEXT_SCREENS) != 0);
		json_array_append_new(list, row);
	}
	return list;
}
