/* keys.c: which key does what; as a list, as keys.yaml to begin from, as a section of the
 * manual. */
#include "cli.h"

#include "drillbook/tui.h"

#include <string.h>

static const struct option_row options[] = { { "json", NULL, false, "as JSON" },
	{ "yaml", NULL, false, "as a keys.yaml to begin from" },
	{ "man", NULL, false, "as a section of drillbook(1)" }, OPTION_END };

static void join(const json_t *list, const char *between, char *out, size_t size)
{
	const json_t *item;
	size_t i;

	out[0] = '\0';
	json_array_foreach(list, i, item)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? between : "",
			json_string_value(item));
}

static void print_row(const json_t *row)
{
	char keys[64], where[200];

	join(json_object_get(row, "keys"), " ", keys, sizeof(keys));
	join(json_object_get(row, "where"), " ", where, sizeof(where));
	printf("%-14s %-14s %s\n", keys[0] ? keys : ":", json_str(row, "name", ""),
		json_str(row, "help", ""));
}

/* Everything is a comment: only what is changed is written out. */
static void print_yaml(const json_t *row)
{
	char keys[64];

	if (json_flag(row, "fixed", false))
		return;
	join(json_object_get(row, "keys"), "\", \"", keys, sizeof(keys));
	printf("# %s\n#%s: [%s%s%s]\n", json_str(row, "help", ""), json_str(row, "name", ""),
		keys[0] ? "\"" : "", keys, keys[0] ? "\"" : "");
}

/* mdoc: a key that is punctuation must not be read as a delimiter. */
static void print_man(const json_t *row)
{
	const json_t *key;
	size_t i;

	printf(".It Ic %s", json_str(row, "name", ""));
	json_array_foreach(json_object_get(row, "keys"), i, key)
		printf(" Ql \\&%s", json_string_value(key));
	printf("\n%s\n", json_str(row, "help", ""));
}

static int keys(const struct args *args, struct err *err)
{
	json_t *list = tui_actions(), *row;
	size_t i;
	void (*print)(const json_t *) = option_flag(args, "yaml")  ? print_yaml
					: option_flag(args, "man") ? print_man
								   : print_row;

	(void)err;
	if (option_flag(args, "json"))
		return print_json(list);
	if (option_flag(args, "yaml"))
		puts("# keys.yaml: take away the # of what is to be another key; one key or a "
		     "list; [] "
		     "= none");
	json_array_foreach(list, i, row)
		print(row);
	json_decref(list);
	return 0;
}

const struct command command_keys = {
	.name = "keys",
	.words = "",
	.summary = "which key does what on the screen",
	.details = "keys.yaml in the configuration directory (~/.config/drillbook) gives "
		   "actions other "
		   "keys.",
	.examples =
		"  drillbook keys\n  drillbook keys --yaml > ~/.config/drillbook/keys.yaml\n",
	.options = options,
	.run = keys,
};
