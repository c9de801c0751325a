/* tui.c: the full-screen interface: Home, and from there any run. */
#include "screen.h"

#include <unistd.h>

static const struct option_row options[] = { { "suggest", "RUNBOOK", false,
						     "the runbook under the cursor" },
	{ "mode", "MODE", false,
		"the mode Enter starts it in: drill (default), probe or live" },
	{ "param", "NAME=VALUE", true, "a parameter of the runbook" },
	{ "plain", NULL, false, "lines instead of a screen" },
	{ "theme", "NAME", false, "dark (default), light or mono" },
	{ "record", "FILE.cast", false, "record what the screen shows (asciicast v2)" }, OPTION_END };

static int tui(const struct args *args, struct err *err)
{
	const char *mode = option_value(args, "mode");
	struct client *client;
	int status = -1;

	if (!isatty(0) || !isatty(1)) {
		err_set(err, ERR_USAGE,
			"the screen needs a terminal; drillbook --help lists the commands");
		return -1;
	}
	if (cli_connect(&client, args, CLIENT_START_SERVER, err) != ERR_NONE)
		return -1;
	if (cli_plain(args)) {
		status = cli_follow(args, client, 0, err);
		client_close(client);
		return status;
	}
	if (cli_screen(args, client, 0, option_value(args, "suggest"), mode, &status, err) !=
		ERR_NONE)
		status = -1;
	client_close(client);
	return status;
}

const struct command command_tui = {
	.name = "tui",
	.words = "",
	.summary = "the screen (also: drillbook without a command)",
	.examples = "  drillbook\n  drillbook tui --suggest failover\n",
	.options = options,
	.run = tui,
};
