/* debris.c: what runs created and nobody took away, over all runs; and taking it away.
 *
 * The ledger is the record itself: an operation with a compensation that was done and not taken back, by its own
 * run or by a later one (which names it by its key). */
#include "cli.h"

#include "drillbook/journal.h"
#include "drillbook/record.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS_BACK = 1000, PLAN_MAX = 64 << 20 };

static const struct option_row options[] = {
	{ "undo", "RUN", false, "take away what this ended run left, in a run of its own" },
	{ "plain", NULL, false, "with --undo: lines instead of a screen" },
	{ "approve", "STEP", true, "with --undo: as for run" },
	{ "confirm", "STEP=WORD", true, "with --undo: as for run" },
	{ "json", NULL, false, "as JSON" }, OPTION_END
};

/* ------------------------------------------------------------------ the ledger */

struct ledger {
	json_t *entries; /* by key */
	json_t *gone;    /* keys that a later run took back */
};

static void take_op(struct ledger *ledger, const struct run *run, const struct step *step, const struct op *op)
{
	json_t *row;

	if (op->compensates != NULL && op->state == OP_STATE_DONE)
		json_put_flag(ledger->gone, op->compensates, true);
	if (!op_debris(op))
		return;
	row = json_object();
	json_put_int(row, "run", run->id);
	json_put_str(row, "runbook", run->runbook);
	json_put_str(row, "mode", run->mode);
	json_put_flag(row, "open", run->status == RUN_OPEN);
	json_put_str(row, "step", step->id);
	json_put_str(row, "key", op->key);
	json_put_str(row, "op", op->op);
	json_put_str(row, "target", op->target);
	json_object_set(row, "args", (json_t *)(uintptr_t)op->args);
	json_object_set(row, "undo", (json_t *)(uintptr_t)op->undo);
	json_put_str(row, "state", op_state_name(op->state));
	json_put_int(row, "created_ns", op->journaled.ns);
	if (op->expires.ns > 0)
		json_put_int(row, "expires_ns", op->expires.ns);
	json_put(ledger->entries, op->key, row);
}

static enum err_code read_ledger(struct journal *journal, json_t **out, struct err *err)
{
	const struct journal_filter filter = { .limit = RUNS_BACK };
	struct ledger ledger = { .entries = json_object(), .gone = json_object() };
	json_t *runs = NULL, *one;
	const json_t *row;
	const char *key;
	size_t i;

	enum err_code code = journal_runs(journal, &filter, &runs, err);
	json_array_foreach(runs, i, row) {
		struct run *run = NULL;
		struct err why = { 0 };
		/* a run whose start was erased has nothing to say */
		if (code != ERR_NONE || journal_run(journal, json_int(row, "run", 0), &run, &why) != ERR_NONE)
			continue;
		for (size_t k = 0; k < run->step_count && !str_eq(run->mode, "simulate"); k++)
			for (size_t n = 0; n < run->steps[k].op_count; n++)
				take_op(&ledger, run, &run->steps[k], &run->steps[k].ops[n]);
		run_free(run);
	}
	json_decref(runs);
	*out = json_array();
	json_object_foreach(ledger.entries, key, one)
		if (json_object_get(ledger.gone, key) == NULL)
			json_array_append(*out, one);
	json_decref(ledger.entries);
	json_decref(ledger.gone);
	return code;
}

static void print_entry(const json_t *row)
{
	const int64_t expires = json_int(row, "expires_ns", 0);
	char when[40], until[40] = "never";

	if (expires > 0)
		wall_format(until, sizeof(until), (struct wall){ expires });
	printf("run %lld (%s, %s%s), step %s: %s on %s, created %s\n", (long long)json_int(row, "run", 0),
		json_str(row, "runbook", ""), json_str(row, "mode", ""), json_flag(row, "open", false) ? ", open" : "",
		json_str(row, "step", ""), json_str(row, "op", ""), json_str(row, "target", ""),
		wall_format(when, sizeof(when), (struct wall){ json_int(row, "created_ns", 0) }));
	char *args = json_line(json_object_get(row, "args"));
	fputs("  ", stdout);
	print_safe(stdout, args);
	printf("\n  %s %s; taken away by %s\n", expires > 0 && expires < wall_now().ns ? "EXPIRED" : "expires", until,
		json_str(json_object_get(row, "undo"), "op", "?"));
	free(args);
}

/* ------------------------------------------------------------------ taking it away */

/* One step for each step that left something; last effect first. */
static json_t *cleanup_steps(const json_t *entries, int64_t run)
{
	json_t *steps = json_array(), *step;
	const json_t *row;
	size_t i;

	json_array_foreach(entries, i, row) {
		const json_t *undo = json_object_get(row, "undo");
		const char *op = json_str(undo, "op", ""), *target = json_str(undo, "target", json_str(row, "target", ""));
		if (json_int(row, "run", 0) != run)
			continue;
		char *id = xasprintf("undo-%zu", json_array_size(steps) + 1);
		char *title = xasprintf("Take away what step %s created: %s on %s", json_str(row, "step", ""), op, target);
		step = json_pack("{s:s, s:s, s:s, s:s, s:[], s:{s:[s]}, s:i, s:i, s:i, s:s, s:[], s:s, s:[{s:s, s:s, s:s, s:O}]}", "id",
			id, "title", title, "owner", "", "kind", "script", "needs", "uses", op, target, "level", 2, "expect_ms", 0,
			"timeout_ms", 0, "on_failure", "ask", "marks", "time", "machine", "compensate", "key",
			json_str(row, "key", ""), "op", op, "target", target, "args",
			json_object_get(undo, "args") != NULL ? json_object_get(undo, "args") : json_object_get(row, "args"));
		json_array_append_new(steps, step);
		free(id);
		free(title);
	}
	return steps;
}

/* The plan of the run that left it, with other steps: the targets are those it used. */
static enum err_code cleanup_plan(
	struct journal *journal, const json_t *entries, int64_t number, json_t **out, struct err *err)
{
	struct run *run = NULL;
	struct sha256 digest;
	struct buf bytes;
	json_t *steps = cleanup_steps(entries, number);

	if (json_array_size(steps) == 0) {
		json_decref(steps);
		return err_set(err, ERR_NOT_FOUND, "run %lld left nothing behind", (long long)number);
	}
	enum err_code code = journal_run(journal, number, &run, err);
	if (code == ERR_NONE && run->status == RUN_OPEN)
		code = err_set(err, ERR_CONFLICT, "run %lld is open: it asks about this itself (drillbook answer %lld)",
			(long long)number, (long long)number);
	if (code == ERR_NONE && !sha256_parse(run->plan_sha, &digest))
		code = err_set(err, ERR_JOURNAL, "run %lld names no plan", (long long)number);
	if (code == ERR_NONE && (code = journal_kept(journal, digest, &bytes, err)) == ERR_NONE) {
		code = json_parse(bytes.data, bytes.len, out, err);
		buf_release(&bytes);
	}
	if (code == ERR_NONE) {
		json_put(*out, "steps", json_incref(steps));
		json_put(*out, "services", json_array());
		json_object_del(*out, "scopes");
		char *title = xasprintf("Take away what run %lld left", (long long)number);
		json_put_str(json_object_get(*out, "runbook"), "title", title);
		free(title);
	}
	json_decref(steps);
	run_free(run);
	return code;
}

static int undo(const struct args *args, struct journal *journal, const json_t *entries, struct err *err)
{
	struct client *client = NULL;
	json_t *plan = NULL, *request = NULL, *answer = NULL;
	int64_t number;
	int status = -1;

	if (cli_run_number(args, option_value(args, "undo"), &number, err) == ERR_NONE &&
		cleanup_plan(journal, entries, number, &plan, err) == ERR_NONE &&
		cli_connect(&client, args, CLIENT_START_SERVER, err) == ERR_NONE) {
		request = json_pack("{s:O, s:s}", "plan", plan, "note", "takes away what an earlier run left");
		if (client_ask(client, "start", request, &answer, err) == ERR_NONE)
			status = cli_follow(args, client, json_int(answer, "run", 0), err);
	}
	client_close(client);
	json_decref(answer);
	json_decref(plan);
	return status;
}

static int debris(const struct args *args, struct err *err)
{
	struct journal *journal;
	json_t *entries = NULL;
	const json_t *row;
	int status = 0;
	size_t i;

	if (cli_journal(args, &journal, err) != ERR_NONE)
		return -1;
	if (read_ledger(journal, &entries, err) != ERR_NONE) {
		status = -1;
	} else if (option_value(args, "undo") != NULL) {
		status = undo(args, journal, entries, err);
	} else if (option_flag(args, "json")) {
		print_json(json_incref(entries));
	} else {
		json_array_foreach(entries, i, row) print_entry(row);
		if (json_array_size(entries) == 0)
			puts("nothing is left of any run");
	}
	json_decref(entries);
	journal_close(journal);
	return status;
}

const struct command command_debris = {
	.name = "debris",
	.words = "",
	.summary = "what runs created and nobody took away",
	.details = "An operation that creates something is in this ledger before it happens, with what takes it away. A run "
		   "that is\nopen asks about it at its end; what an ended run left is taken away by --undo, in a run of its own.",
	.examples = "  drillbook debris\n  drillbook debris --undo 2042\n",
	.options = options,
	.least = 0,
	.most = 0,
	.run = debris,
};
