/* tui.c: the full-screen interface: Home, and from there any run. */
#include "cli.h"

#include "drillbook/tui.h"

static const struct option_row options[] = { { "suggest", "RUNBOOK", false,
						     "the runbook under the cursor" },
	{ "mode", "MODE", false,
		"the mode Enter starts it in: drill (default), probe or live" },
	{ "param", "NAME=VALUE", true, "a parameter of the runbook" }, OPTION_END };

struct starter {
	const struct args *args;
	struct desk *desk;
	struct client *client;
};

static enum err_code start(
	void *arg, const char *runbook, const char *mode, int64_t *run, struct err *err)
{
	struct starter *starter = arg;
	json_t *plan, *request, *answer;

	TRY(desk_trusted(starter->desk, err));
	TRY(cli_plan(starter->desk, starter->args, runbook, mode, &plan, err));
	request = json_object();
	json_put(request, "plan", plan);
	TRY(client_ask(starter->client, "start", request, &answer, err));
	*run = json_int(answer, "run", 0);
	json_decref(answer);
	return ERR_NONE;
}

static int tui(const struct args *args, struct err *err)
{
	struct desk desk = { 0 };
	struct starter starter = { .args = args, .desk = &desk };
	json_t *home = NULL;
	struct err none = { 0 };
	int status = -1;

	if (cli_plain(args)) {
		err_set(err, ERR_USAGE,
			"the screen needs a terminal; drillbook --help lists the commands");
		return -1;
	}
	if (cli_connect(&starter.client, args, CLIENT_START_SERVER, err) != ERR_NONE)
		return -1;
	/* without a workspace the screen still shows what runs */
	if (desk_open(&desk, args, &none) == ERR_NONE)
		home = workspace_summary(desk.workspace);
	const char *mode = option_value(args, "mode");
	const struct tui_options screen = { .client = starter.client,
		.home = home,
		.start = home != NULL ? start : NULL,
		.start_arg = &starter,
		.suggest = option_value(args, "suggest"),
		.suggest_mode = mode ? mode : "drill",
		.color = args->color };
	if (tui_run(&screen, &status, err) != ERR_NONE)
		status = -1;
	json_decref(home);
	desk_close(&desk);
	client_close(starter.client);
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
