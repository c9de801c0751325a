/* act.c: one act on an open run, or one answer to what it asks, without following it: for scripts, for
 * whoever approves, and for the kill switch. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ drillbook act */

static const struct option_row act_options[] = {
	{ "note", "TEXT", false, "why; skip, force, abort and note need it" },
	{ "undo", NULL, false, "abort: take back what was done first, in reverse order" },
	{ "lead", NULL, false, "take the lead from whoever has it" },
	{ "json", NULL, false, "the server's answer" }, OPTION_END
};

/* The word an operator types, the word of the protocol, and whether it is about a step. */
static const struct {
	const char *word, *action;
	bool step;
} actions[] = {
	{ "pause", "pause", false },
	{ "continue", "continue", false },
	{ "skip", "skip", true },
	{ "force", "force", true },
	{ "retry", "retry", true },
	{ "undo", "undo", true },
	{ "stop", "stop_step", true },
	{ "abort", "abort", false },
	{ "note", "note", false },
	{ "lead", NULL, false },
};

static enum err_code find_action(const struct args *args, size_t *out, struct err *err)
{
	const char *names[COUNT_OF(actions)], *word = args->words[1];

	for (size_t i = 0; i < COUNT_OF(actions); i++) {
		names[i] = actions[i].word;
		if (!str_eq(word, actions[i].word))
			continue;
		if (actions[i].step && args->word_count < 3)
			return err_set(err, ERR_USAGE, "%s needs the name of a step: drillbook act RUN %s STEP",
				word, word);
		*out = i;
		return ERR_NONE;
	}
	const char *near = str_nearest(word, names, COUNT_OF(actions));
	return err_set(err, ERR_USAGE, "there is no act \"%s\"%s%s%s", word,
		near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static enum err_code take_lead(struct client *client, int64_t run, struct err *err)
{
	json_t *body = json_object();

	json_put_int(body, "run", run);
	return client_ask(client, "lead", body, NULL, err);
}

static enum err_code do_act(const struct args *args, struct client *client, struct err *err)
{
	json_t *body, *answer = NULL;
	int64_t run;
	size_t action = 0;

	TRY(find_action(args, &action, err));
	TRY(cli_run_number(args, args->words[0], &run, err));
	if (option_flag(args, "lead") || actions[action].action == NULL)
		TRY(take_lead(client, run, err));
	if (actions[action].action == NULL)
		return ERR_NONE;
	body = json_object();
	json_put_int(body, "run", run);
	json_put_str(body, "action", actions[action].action);
	if (args->word_count > 2)
		json_put_str(body, "step", args->words[2]);
	if (option_value(args, "note") != NULL)
		json_put_str(body, "note", option_value(args, "note"));
	json_put_flag(body, "undo", option_flag(args, "undo"));
	TRY(client_ask(client, "act", body, &answer, err));
	if (option_flag(args, "json"))
		print_json(json_incref(answer));
	json_decref(answer);
	return ERR_NONE;
}

/* Every command of this file: connect, do it, leave. */
static int with_client(const struct args *args, struct err *err,
	enum err_code (*act)(const struct args *args, struct client *client, struct err *err))
{
	struct client *client = NULL;
	enum err_code code = cli_connect(&client, args, CLIENT_START_SERVER, err);

	if (code == ERR_NONE)
		code = act(args, client, err);
	client_close(client);
	return code == ERR_NONE ? 0 : -1;
}

static int act(const struct args *args, struct err *err)
{
	return with_client(args, err, do_act);
}

const struct command command_act = {
	.name = "act",
	.words = "RUN|last ACT [STEP]",
	.summary = "one act on an open run, without following it",
	.details = "Acts: pause, continue, skip STEP, force STEP, retry STEP, undo STEP, stop STEP, abort, note, "
		   "lead.\nThe one who leads the run acts; when nobody does, you lead for this act. What "
		   "leaves the book needs --note.",
	.examples = "  drillbook act last pause\n"
		    "  drillbook act 2042 skip notify --note 'the vendor knows'\n"
		    "  drillbook act 2042 abort --undo --note 'real incident'\n",
	.options = act_options,
	.least = 2,
	.most = 3,
	.run = act,
};

/* ------------------------------------------------------------------ drillbook answer */

static const struct option_row answer_options[] = {
	{ "ask", "N", false, "the number of the question; needed when several are open" },
	{ "note", "TEXT", false, "why" },
	{ "value", "TEXT", false, "what was measured or found" },
	{ "word", "WORD", false, "what an irreversible effect has to be confirmed with" },
	{ "digest", "HEX", false,
		"of what you saw; without it the answer is to what is asked at this moment" },
	{ "lead", NULL, false, "take the lead from whoever has it" },
	{ "json", NULL, false, "without an answer: the open questions as data" }, OPTION_END
};

struct asked { /* what attaching to the run told */
	json_t *open; /* array of the open questions' payloads */
	bool caught_up;
};

static void take_event(struct asked *asked, const json_t *event)
{
	const json_t *data = json_object_get(event, "data"), *row;
	const char *kind = json_str(event, "kind", "");
	size_t i;

	if (str_eq(kind, "step.asked"))
		json_array_append(asked->open, (json_t *)(uintptr_t)data);
	if (!str_eq(kind, "step.answered") && !str_eq(kind, "step.finished"))
		return;
	for (i = json_array_size(asked->open); i-- > 0;) {
		row = json_array_get(asked->open, i);
		const bool same = str_eq(kind, "step.answered")
					  ? json_int(row, "ask", 0) == json_int(data, "ask", -1)
					  : str_eq(json_str(row, "step", ""), json_str(data, "step", "-"));
		if (same)
			json_array_remove(asked->open, i);
	}
}

static enum err_code look(struct client *client, int64_t run, struct asked *asked, struct err *err)
{
	json_t *body = json_object(), *message;

	json_put_int(body, "run", run);
	json_put_flag(body, "watch", true);
	TRY(client_ask(client, "attach", body, NULL, err));
	while (!asked->caught_up) {
		TRY(client_next(client, 5000, &message, err));
		if (message == NULL)
			return err_set(err, ERR_TIMEOUT, "the server does not say what run %lld asks",
				(long long)run);
		if (json_object_get(message, "event") != NULL)
			take_event(asked, json_object_get(message, "event"));
		asked->caught_up = json_object_get(message, "caught_up") != NULL;
		json_decref(message);
	}
	return ERR_NONE;
}

static void print_question(const json_t *row)
{
	const json_t *one;
	size_t i;

	printf("question %lld, step %s, %s: ", (long long)json_int(row, "ask", 0),
		json_str(row, "step", ""), json_str(row, "kind", ""));
	print_safe(stdout, json_str(row, "title", ""));
	printf("\n  ");
	print_safe(stdout, json_str(row, "text", ""));
	printf("\n");
	const json_t *measure = json_object_get(json_object_get(row, "detail"), "measure");
	if (measure != NULL) {
		printf("  --value: ");
		print_safe(stdout, json_str(measure, "name", ""));
		printf(" in %s, from %s to %s\n", json_str(measure, "unit", "its unit"),
			json_str(measure, "min", "any"), json_str(measure, "max", "any"));
	}
	json_array_foreach(json_object_get(row, "choices"), i, one) {
		printf("  %-10s ", json_str(one, "id", ""));
		print_safe(stdout, json_str(one, "label", ""));
		printf("\n");
	}
}

static enum err_code choose(
	const struct args *args, const struct asked *asked, const json_t **out, struct err *err)
{
	const char *number = option_value(args, "ask");
	const json_t *row;
	size_t i;

	*out = NULL;
	json_array_foreach(asked->open, i, row)
		if (number == NULL || json_int(row, "ask", 0) == strtoll(number, NULL, 10))
			*out = row;
	if (*out == NULL)
		return err_set(err, ERR_NOT_FOUND, number ? "question %s is not open: drillbook answer RUN shows those that are" : "nothing is asked%s",
			number ? number : "");
	if (number == NULL && json_array_size(asked->open) > 1)
		return err_set(err, ERR_USAGE, "%zu questions are open: say which with --ask (drillbook answer RUN shows them)",
			json_array_size(asked->open));
	return ERR_NONE;
}

static enum err_code send_answer(const struct args *args, struct client *client, int64_t run,
	const json_t *question, struct err *err)
{
	static const char *const given[] = { "note", "value", "word" };
	const char *digest = option_value(args, "digest");
	json_t *body;

	if (option_flag(args, "lead"))
		TRY(take_lead(client, run, err));
	body = json_object();
	json_put_int(body, "run", run);
	json_put_int(body, "ask", json_int(question, "ask", 0));
	json_put_str(body, "answer", args->words[1]);
	json_put_str(body, "digest", digest != NULL ? digest : json_str(question, "digest", ""));
	for (size_t i = 0; i < COUNT_OF(given); i++)
		if (option_value(args, given[i]) != NULL)
			json_put_str(body, given[i], option_value(args, given[i]));
	return client_ask(client, "answer", body, NULL, err);
}

static enum err_code do_answer(const struct args *args, struct client *client, struct err *err)
{
	struct asked asked = { .open = json_array() };
	const json_t *row, *question;
	struct client *speaker = NULL;
	int64_t run;
	size_t i;

	enum err_code code = cli_run_number(args, args->words[0], &run, err);
	if (code == ERR_NONE)
		code = look(client, run, &asked, err);
	if (code == ERR_NONE && args->word_count < 2) {
		if (option_flag(args, "json"))
			print_json(json_incref(asked.open));
		else
			json_array_foreach(asked.open, i, row) print_question(row);
		if (!option_flag(args, "json") && json_array_size(asked.open) == 0)
			printf("run %lld asks nothing at the moment\n", (long long)run);
	} else if (code == ERR_NONE) {
		code = choose(args, &asked, &question, err);
		/* who only watched speaks on a connection of its own, which may lead */
		if (code == ERR_NONE)
			code = cli_connect(&speaker, args, 0, err);
		if (code == ERR_NONE)
			code = send_answer(args, speaker, run, question, err);
		client_close(speaker);
	}
	json_decref(asked.open);
	return code;
}

static int answer(const struct args *args, struct err *err)
{
	return with_client(args, err, do_answer);
}

const struct command command_answer = {
	.name = "answer",
	.words = "RUN|last [ANSWER]",
	.summary = "what a run asks; answer it without following it",
	.details = "Without an answer the open questions are shown with what may be answered. Approvals are "
		   "given this way:\nby somebody else than who started the run, who need not lead it.",
	.examples = "  drillbook answer last\n"
		    "  drillbook answer 2042 approve --note 'checked with the bank'\n"
		    "  drillbook answer 2042 done --ask 3 --value 1.8\n",
	.options = answer_options,
	.least = 1,
	.most = 2,
	.run = answer,
};

/* ------------------------------------------------------------------ drillbook halt */

static const struct option_row halt_options[] = {
	{ "note", "TEXT", false, "why" },
	{ "lift", NULL, false, "drills may be held again" },
	{ "list", NULL, false, "the workspaces whose drills are stopped" },
	{ "json", NULL, false, "the list as data" }, OPTION_END
};

static void print_halted(const json_t *halted)
{
	char at[40];
	const char *workspace;
	json_t *row;

	if (json_object_size(halted) == 0)
		printf("no drills are stopped\n");
	json_object_foreach((json_t *)(uintptr_t)halted, workspace, row) {
		print_safe(stdout, workspace);
		printf("  since %s by %s: ",
			wall_format(at, sizeof(at), (struct wall){ json_int(row, "at_ns", 0) }),
			json_str(row, "who", ""));
		print_safe(stdout, json_str(row, "reason", ""));
		printf("\n");
	}
}

static enum err_code halt_request(const struct args *args, json_t **out, struct err *err)
{
	json_t *body;
	struct desk desk;

	if (option_flag(args, "list")) {
		*out = json_pack("{s:s}", "action", "list");
		return ERR_NONE;
	}
	if (option_value(args, "note") == NULL)
		return err_set(err, ERR_USAGE, "say why: --note TEXT");
	TRY(desk_open(&desk, args, err));
	body = *out = json_object();
	json_put_str(body, "action", option_flag(args, "lift") ? "allow" : "stop");
	json_put_str(body, "workspace", workspace_root(desk.workspace));
	json_put_str(body, "note", option_value(args, "note"));
	desk_close(&desk);
	return ERR_NONE;
}

static enum err_code do_halt(const struct args *args, struct client *client, struct err *err)
{
	json_t *body = NULL, *answer = NULL;

	TRY(halt_request(args, &body, err));
	TRY(client_ask(client, "drills", body, &answer, err));
	const json_t *halted = json_object_get(answer, "halted");
	if (halted != NULL && option_flag(args, "json"))
		print_json(json_incref((json_t *)(uintptr_t)halted));
	else if (halted != NULL)
		print_halted(halted);
	else if (option_flag(args, "lift"))
		printf("drills of %s may be held again\n", json_str(answer, "workspace", ""));
	else
		printf("drills of %s are stopped: what ran is being taken back, new ones are refused until "
		       "drillbook halt --lift\n",
			json_str(answer, "workspace", ""));
	json_decref(answer);
	return ERR_NONE;
}

static int halt(const struct args *args, struct err *err)
{
	return with_client(args, err, do_halt);
}

const struct command command_halt = {
	.name = "halt",
	.words = "",
	.summary = "the kill switch: stop and undo all drills of the workspace, refuse new ones",
	.details = "A file STOP-DRILLS in the workspace's directory does the same; its first line is the reason. "
		   "Live runs go on.",
	.examples = "  drillbook halt --note 'real incident'\n  drillbook halt --list\n"
		    "  drillbook halt --lift --note 'over'\n",
	.options = halt_options,
	.least = 0,
	.most = 0,
	.run = halt,
};
