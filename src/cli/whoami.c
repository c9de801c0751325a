/* whoami.c: who the server thinks you are. */
#include "cli.h"

#include <string.h>

static const struct option_row options[] = { { "json", NULL, false, "as JSON" }, OPTION_END };

static void print_list(const char *what, const json_t *list, const char *none)
{
	const json_t *row;
	size_t i, shown = 0;

	printf("%s", what);
	json_array_foreach(list, i, row) {
		const char *word = json_string_value(row);
		if (word == NULL || word[strspn(word, "0123456789")] == '\0')
			continue; /* groups are listed by number, too */
		fputs(shown++ ? ", " : "", stdout);
		print_safe(stdout, word);
	}
	puts(shown ? "" : none);
}

static int whoami(const struct args *args, struct err *err)
{
	struct client *client;
	json_t *answer;

	if (cli_connect(&client, args, CLIENT_START_SERVER, err) != ERR_NONE)
		return -1;
	const enum err_code code = client_ask(client, "whoami", NULL, &answer, err);
	client_close(client);
	if (code != ERR_NONE)
		return -1;
	if (option_flag(args, "json"))
		return print_json(answer);
	print_safe(stdout, json_str(answer, "name", ""));
	printf(" (uid %lld) on %s%s\n", (long long)json_int(answer, "uid", -1),
		json_flag(answer, "team", false) ? "the team server at " : "a personal server",
		args->server != NULL ? args->server : "");
	print_list("roles:  ", json_object_get(answer, "roles"),
		"none: everything but this is refused");
	print_list("groups: ", json_object_get(answer, "groups"), "none");
	if (json_flag(answer, "read_only", false))
		puts("this terminal was started by a step: it may look but not act");
	if (json_str(answer, "config_error", NULL) != NULL) {
		fputs("server.yaml cannot be read, what it said before holds: ", stdout);
		print_safe(stdout, json_str(answer, "config_error", ""));
		putchar('\n');
	}
	json_decref(answer);
	return 0;
}

const struct command command_whoami = {
	.name = "whoami",
	.words = "",
	.summary = "who the server thinks you are, and what you may do",
	.examples = "  drillbook whoami\n  drillbook --server /run/drillbook/socket whoami\n",
	.options = options,
	.run = whoami,
};
