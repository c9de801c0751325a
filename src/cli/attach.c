/* attach.c: follow a run that exists, open or ended. */
#include "cli.h"

static const struct option_row options[] = { { "watch", NULL, false,
						     "look only: do not take the lead" },
	{ "plain", NULL, false, "lines instead of a screen" },
	{ "approve", "STEP", true, "as for run" },
	{ "confirm", "STEP=WORD", true, "as for run" },
	{ "theme", "NAME", false, "dark (default), light or mono" },
	{ "record", "FILE.cast", false, "record what the screen shows (asciicast v2)" }, OPTION_END };

/* The open run when there is just one, else the newest. */
static enum err_code choose(
	const struct args *args, struct client *client, int64_t *run, struct err *err)
{
	json_t *request, *answer;

	if (args->word_count > 0)
		return cli_run_number(args, args->words[0], run, err);
	request = json_object();
	json_put_flag(request, "open", true);
	TRY(client_ask(client, "runs", request, &answer, err));
	const json_t *runs = json_object_get(answer, "runs");
	const size_t count = json_array_size(runs);
	*run = json_int(json_array_get(runs, 0), "run", 0);
	json_decref(answer);
	if (count > 1)
		return err_set(err, ERR_USAGE,
			"%zu runs are open: say which (drillbook history)", count);
	return count == 1 ? ERR_NONE : cli_run_number(args, "last", run, err);
}

static int attach(const struct args *args, struct err *err)
{
	struct client *client;
	int64_t run;
	int status = -1;

	if (cli_connect(&client, args, CLIENT_START_SERVER, err) != ERR_NONE)
		return -1;
	if (choose(args, client, &run, err) == ERR_NONE)
		status = cli_follow(args, client, run, err);
	client_close(client);
	return status;
}

const struct command command_attach = {
	.name = "attach",
	.words = "[RUN|last]",
	.summary = "follow an open run, or look at an ended one",
	.details = "After a crash this is the way back in: the server is started, takes up "
		   "what was open, says what is known\n"
		   "and what is not, and the run goes on.",
	.examples = "  drillbook attach\n  drillbook attach 2042 --watch\n",
	.options = options,
	.least = 0,
	.most = 1,
	.run = attach,
};
