/* run.c: start a runbook and follow it. */
#include "recording.h"
#include "secret.h"

#include <unistd.h>

#include <stdlib.h>

static const struct option_row options[] = { { "mode", "MODE", false,
						     "probe, simulate, tabletop, drill (default) or live" },
	{ "param", "NAME=VALUE", true, "a parameter of the runbook" },
	{ "services", "NAME,NAME", false,
		"instead of a runbook: recover these, tier by tier, as services.yaml says" },
	{ "with-dependencies", NULL, false, "with --services: also what they depend on" },
	{ "plain", NULL, false, "lines instead of a screen" },
	{ "approve", "STEP", true,
		"say yes beforehand to the costly effects of a step (no terminal)" },
	{ "confirm", "STEP=WORD", true,
		"say yes beforehand to the irreversible effects of a step (no terminal)" },
	{ "from", "RUN", false, "simulate: the run whose results answer" },
	{ "scenario", "FILE", false, "simulate: answers, delays and faults of your own" },
	{ "speed", "N", false, "simulate: N times as fast, or max" },
	{ "replay-answers", NULL, false, "simulate: what people answered in that run, too" },
	{ "impact", "TIME", false, "t0: when the incident began (2026-11-18T14:02:31Z, or 12m: so long ago)" },
	{ "note", "TEXT", false, "why this run is made" },
	{ "override", "RULE", true, "do without a rule of the policy that a reason may stand in for" },
	{ "reason", "TEXT", false, "why; recorded as a deviation" },
	{ "check", NULL, false, "ask the server whether it would start this, and start nothing" },
	{ "detach", NULL, false, "start only; print the run's number" },
	{ "json", NULL, false, "with --detach: the number as JSON" },
	{ "theme", "NAME", false, "dark (default), light or mono" },
	{ "record", "FILE.cast", false, "record what the screen shows (asciicast v2)" }, OPTION_END };

static int follow(const struct args *args, struct client *client, int64_t run, struct err *err)
{
	if (option_flag(args, "detach")) {
		if (option_flag(args, "json"))
			printf("{\"run\": %lld}\n", (long long)run);
		else
			printf("run %lld started; drillbook attach %lld\n", (long long)run,
				(long long)run);
		return 0;
	}
	return cli_follow(args, client, run, err);
}

static int would_start(const struct args *args, const json_t *answer)
{
	const json_t *rule;
	size_t i;

	if (option_flag(args, "json"))
		return print_json(json_incref((json_t *)(uintptr_t)answer));
	puts("the server would start this now");
	json_array_foreach(json_object_get(answer, "overrides"), i, rule) {
		printf("  with rule ");
		print_safe(stdout, json_string_value(rule));
		puts(" overridden, which would be recorded as a deviation");
	}
	return 0;
}

static int run(const struct args *args, struct err *err)
{
	struct desk desk;
	const char *mode = option_value(args, "mode");
	json_t *plan = NULL, *request = NULL, *answer = NULL, *recording = NULL;
	struct client *client = NULL;
	int status = -1;

	if (desk_open(&desk, args, err) != ERR_NONE)
		return -1;
	if (desk_trusted(&desk, err) != ERR_NONE ||
		cli_plan(&desk, args, args->word_count > 0 ? args->words[0] : NULL,
			mode ? mode : "drill", &plan, err) !=
			ERR_NONE)
		goto out;
	if (str_eq(mode, "simulate")) {
		if (recording_make(args, &recording, err) != ERR_NONE)
			goto out;
		json_put(plan, "recording", recording);
	}
	if (cli_start_request(args, plan, &request, err) != ERR_NONE ||
		cli_connect(&client, args, CLIENT_START_SERVER, err) != ERR_NONE)
		goto out;
	const bool check = option_flag(args, "check");
	json_put_flag(request, "check", check);
	const enum err_code code = cli_ask_start(
		client, plan, !check && isatty(0) && isatty(1), request, &answer, err);
	request = NULL;
	if (code == ERR_NONE && check)
		status = would_start(args, answer);
	else if (code == ERR_NONE)
		status = follow(args, client, json_int(answer, "run", 0), err);
out:
	client_close(client);
	json_decref(request);
	json_decref(answer);
	json_decref(plan);
	desk_close(&desk);
	return status;
}

const struct command command_run = {
	.name = "run",
	.words = "[RUNBOOK[@VERSION]]",
	.summary = "start a runbook and follow it",
	.details = "The run lives in the server: leaving the terminal does not end it.\n"
		   "Without a terminal nothing is ever answered yes by default: reads and, in "
		   "a drill, reversible\n"
		   "changes run; costly effects need --approve STEP, irreversible ones "
		   "--confirm STEP=WORD, where WORD\n"
		   "is \"drill\" in a drill and the service's name in a live run.\n"
		   "Mode simulate answers every call from an earlier run or a scenario and touches "
		   "nothing; tabletop asks\neverything and calls nothing.",
	.examples =
		"  drillbook run failover\n"
		"  drillbook run failover@v6 --mode probe\n"
		"  drillbook run --services orders,web --with-dependencies\n"
		"  drillbook run failover --mode simulate --from 2042 --speed 10\n"
		"  drillbook run failover --plain --approve fence --confirm promote=drill\n",
	.options = options,
	.least = 0,
	.most = 1,
	.run = run,
};
