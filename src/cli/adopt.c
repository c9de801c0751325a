/* adopt.c: what has changed in the book of an open run since it started, and taking that over. */
#include "remote.h"

#include "drillbook/record.h"
#include "drillbook/report.h"

#include <stdlib.h>

static const struct option_row options[] = {
	{ "note", "TEXT", false, "why; with it the changed book is adopted for the steps that have not begun" },
	{ "json", NULL, false, "the difference as data" }, OPTION_END
};

static enum err_code send(const struct args *args, int64_t run, json_t *plan, struct err *err)
{
	struct client *client = NULL;
	json_t *body;
	enum err_code code = cli_connect(&client, args, CLIENT_START_SERVER, err);

	if (code == ERR_NONE) {
		body = json_object();
		json_put_int(body, "run", run);
		json_object_set(body, "plan", plan);
		json_object_set(body, "params", json_object_get(plan, "params"));
		json_put_str(body, "note", option_value(args, "note"));
		code = client_ask(client, "adopt", body, NULL, err);
	}
	client_close(client);
	return code;
}

/* From the digests alone: the old bytes are in the journal of the team server. */
static json_t *changed_paths(const struct run *run, const json_t *plan)
{
	json_t *out = json_array();
	const json_t *row, *old;
	size_t i, k;

	json_array_foreach(json_object_get(plan, "files"), i, row) {
		const char *change = "added";
		json_array_foreach(run->files, k, old)
			if (str_eq(json_str(old, "path", NULL), json_str(row, "path", "")))
				change = str_eq(json_str(old, "sha256", NULL), json_str(row, "sha256", ""))
						 ? NULL
						 : "changed";
		if (change == NULL)
			continue;
		json_t *one = json_object();
		json_put_str(one, "path", json_str(row, "path", ""));
		json_put_str(one, "change", change);
		json_array_append_new(out, one);
	}
	return out;
}

static enum err_code look(const struct args *args, int64_t number, struct run **run, json_t **plan,
	json_t **changes, struct err *err)
{
	struct journal *journal = NULL;
	struct desk desk;
	enum err_code code;

	if (args->server != NULL) {
		code = remote_run(args, number, run, err);
	} else {
		TRY(cli_journal(args, &journal, err));
		code = journal_run(journal, number, run, err);
	}
	if (code == ERR_NONE && (*run)->status != RUN_OPEN)
		code = err_set(err, ERR_CONFLICT, "run %lld has ended", (long long)number);
	if (code == ERR_NONE)
		code = desk_open(&desk, args, err);
	if (code == ERR_NONE) {
		code = desk_trusted(&desk, err);
		if (code == ERR_NONE)
			code = workspace_plan(desk.workspace, (*run)->runbook, (*run)->mode, (*run)->params, plan,
				&desk.problems, err);
		if (code == ERR_NONE)
			code = desk_check_lua(&desk, *plan, err);
		if (code == ERR_NONE && problems_errors(&desk.problems) > 0)
			code = err_set(err, ERR_WORKSPACE, "the changed book has mistakes");
		if (code != ERR_NONE)
			desk_print(&desk, 20);
		desk_close(&desk);
	}
	if (code == ERR_NONE && journal == NULL)
		*changes = changed_paths(*run, *plan);
	else if (code == ERR_NONE)
		code = report_plan_changes(journal, *run, *plan, changes, err);
	journal_close(journal);
	return code;
}

static int adopt(const struct args *args, struct err *err)
{
	struct run *run = NULL;
	json_t *plan = NULL, *changes = NULL;
	int64_t number;
	int status = -1;

	if (cli_run_number(args, args->words[0], &number, err) != ERR_NONE ||
		look(args, number, &run, &plan, &changes, err) != ERR_NONE)
		goto out;
	status = 0;
	if (option_flag(args, "json"))
		print_json(json_incref(changes));
	else if (json_array_size(changes) == 0)
		printf("nothing has changed since run %lld started\n", (long long)number);
	else
		print_file_changes(changes);
	if (json_array_size(changes) == 0)
		goto out;
	if (option_value(args, "note") != NULL)
		status = send(args, number, plan, err) == ERR_NONE ? 0 : -1;
	if (option_value(args, "note") != NULL && status == 0)
		printf("adopted for the steps of run %lld that have not begun\n", (long long)number);
	else if (status == 0)
		fprintf(stderr, "The run goes on with what it was started with. To take this over for the steps that have "
				"not begun: drillbook adopt %lld --note WHY\n",
			(long long)number);
out:
	json_decref(plan);
	json_decref(changes);
	run_free(run);
	return status;
}

const struct command command_adopt = {
	.name = "adopt",
	.words = "RUN|last",
	.summary = "what changed in the book of an open run; take it over for later steps",
	.details = "A run goes on with the bytes it started with. The list of steps must be the same, and nothing may "
		   "run meanwhile:\npause first. It is recorded as a deviation.",
	.examples = "  drillbook adopt last\n  drillbook adopt last --note 'the address of the standby was wrong'\n",
	.options = options,
	.least = 1,
	.most = 1,
	.run = adopt,
};
