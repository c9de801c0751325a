/* recording.c: what a simulation answers from: an earlier run of the journal, a scenario file, or both
 * (docs/protocol.md, "recording"). */
#include "recording.h"

#include "drillbook/journal.h"
#include "drillbook/record.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ an earlier run */

static json_t *row_of(const struct op *op)
{
	json_t *row = json_object();
	const bool ok = op->state == OP_STATE_DONE || (op->state == OP_STATE_READ && op->error == NULL);

	json_put_str(row, "op", op->op);
	json_put_str(row, "target", op->target);
	if (op->args != NULL)
		json_object_set(row, "args", (json_t *)(uintptr_t)op->args);
	if (op->before != NULL)
		json_object_set(row, "before", (json_t *)(uintptr_t)op->before);
	json_put_flag(row, "ok", ok);
	if (ok)
		json_put(row, "result", op->result != NULL ? json_incref((json_t *)(uintptr_t)op->result)
							   : json_object());
	else if (op->error != NULL)
		json_object_set(row, "error", (json_t *)(uintptr_t)op->error);
	if (op->ended.ns > op->began.ns && op->began.ns > 0)
		json_put_int(row, "took_ms", (op->ended.ns - op->began.ns) / 1000000);
	return row;
}

static json_t *steps_of(const struct run *run)
{
	json_t *steps = json_object();

	for (size_t i = 0; i < run->step_count; i++) {
		json_t *rows = json_array();
		for (size_t k = 0; k < run->steps[i].op_count; k++)
			if (run->steps[i].ops[k].state != OP_STATE_REFUSED &&
				run->steps[i].ops[k].state != OP_STATE_PROPOSED)
				json_array_append_new(rows, row_of(&run->steps[i].ops[k]));
		json_put(steps, run->steps[i].id, rows);
	}
	return steps;
}

struct said {
	json_t *answers; /* step -> [{kind, answer, value, note, took_ms}] */
	json_t *asked;   /* ask -> {kind, at_ns} */
};

static enum err_code listen(void *arg, const struct event *event, struct err *err)
{
	struct said *said = arg;
	char id[32];
	json_t *row;

	(void)err;
	if (event->payload == NULL)
		return ERR_NONE;
	snprintf(id, sizeof(id), "%lld", (long long)json_int(event->payload, "ask", 0));
	if (event->kind == EVENT_STEP_ASKED) {
		row = json_object();
		json_put_str(row, "kind", json_str(event->payload, "kind", ""));
		json_put_int(row, "at_ns", event->wall.ns);
		json_put(said->asked, id, row);
	} else if (event->kind == EVENT_STEP_ANSWERED) {
		static const char *const names[] = { "answer", "value", "note" };
		const json_t *question = json_object_get(said->asked, id);
		const char *step = json_str(event->payload, "step", "");
		row = json_object();
		json_put_str(row, "kind", json_str(question, "kind", ""));
		for (size_t i = 0; i < COUNT_OF(names); i++)
			json_put_str(row, names[i], json_str(event->payload, names[i], ""));
		json_put_int(row, "took_ms", (event->wall.ns - json_int(question, "at_ns", 0)) / 1000000);
		if (json_object_get(said->answers, step) == NULL)
			json_put(said->answers, step, json_array());
		json_array_append_new(json_object_get(said->answers, step), row);
	}
	return ERR_NONE;
}

static enum err_code from_run(
	const struct args *args, int64_t number, bool answers, json_t *out, struct err *err)
{
	struct said said = { .answers = json_object(), .asked = json_object() };
	struct journal *journal;
	struct run *run = NULL;

	TRY(cli_journal(args, &journal, err));
	enum err_code code = journal_run(journal, number, &run, err);
	if (code == ERR_NONE && answers)
		code = journal_events(journal, number, 0, listen, &said, err);
	journal_close(journal);
	if (code == ERR_NONE) {
		json_put_int(out, "run", number);
		json_put_int(out, "began_ns", run->began.ns);
		json_put(out, "steps", steps_of(run));
		if (answers)
			json_put(out, "answers", json_incref(said.answers));
	}
	json_decref(said.answers);
	json_decref(said.asked);
	run_free(run);
	return code;
}

/* ------------------------------------------------------------------ a scenario file */

static const char *const row_members[] = { "step", "op", "target", "args", "result", "error", "delay", "times" };

static enum err_code known_members(const json_t *row, size_t n, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)row, name, value) {
		bool known = false;
		for (size_t i = 0; i < COUNT_OF(row_members); i++)
			known = known || str_eq(name, row_members[i]);
		if (known)
			continue;
		const char *near = str_nearest(name, row_members, COUNT_OF(row_members));
		return err_set(err, ERR_USAGE, "answer %zu of the scenario has no \"%s\"%s%s%s", n, name,
			near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
	return ERR_NONE;
}

static enum err_code check_error(const json_t *error, size_t n, struct err *err)
{
	const char *code = json_str(error, "code", ""), *world = json_str(error, "world", "unchanged");

	if (error == NULL)
		return ERR_NONE;
	if (!str_eq(err_name(err_from_name(code)), code))
		return err_set(err, ERR_USAGE,
			"answer %zu of the scenario: \"%s\" is no error code; TIMEOUT, UNREACHABLE, FAILED, REFUSED, … are", n,
			code);
	if (!str_eq(world_name(world_from_name(world)), world))
		return err_set(err, ERR_USAGE,
			"answer %zu of the scenario: world is unchanged, changed or unknown, not \"%s\"", n, world);
	return ERR_NONE;
}

static enum err_code take_row(const json_t *row, size_t n, json_t *rows, struct err *err)
{
	int64_t delay = 0;

	if (!json_is_object(row))
		return err_set(err, ERR_USAGE, "answer %zu of the scenario is no map", n);
	TRY(known_members(row, n, err));
	TRY(check_error(json_object_get(row, "error"), n, err));
	if (json_object_get(row, "delay") != NULL &&
		parse_duration_ms(json_str(row, "delay", ""), &delay, err) != ERR_NONE)
		return err_context(err, "answer %zu of the scenario: delay", n);
	json_t *copy = json_copy((json_t *)(uintptr_t)row);
	json_object_del(copy, "delay");
	json_put_int(copy, "delay_ms", delay);
	json_array_append_new(rows, copy);
	return ERR_NONE;
}

static enum err_code from_scenario(const char *path, json_t *out, json_t **scenario, struct err *err)
{
	const json_t *row;
	size_t i;

	TRY(scenario_read(path, scenario, err));
	json_t *rows = json_array();
	json_put(out, "scenario", rows);
	json_put_str(out, "scenario_name", json_str(*scenario, "scenario", path));
	const json_t *answers = json_object_get(*scenario, "answers");
	if (!json_is_array(answers))
		return err_set(err, ERR_USAGE, "\"%s\": a scenario has answers: a list of what calls get", path);
	json_array_foreach(answers, i, row) TRY(take_row(row, i + 1, rows, err));
	return ERR_NONE;
}

/* ------------------------------------------------------------------ together */

/* "10" and "10x" are ten times as fast, "max" does not wait at all. */
static enum err_code pace_of(const char *speed, int64_t *permille, struct err *err)
{
	char *end = NULL;
	const double times = speed != NULL ? strtod(speed, &end) : 1;

	*permille = 1000;
	if (speed == NULL)
		return ERR_NONE;
	if (str_eq(speed, "max")) {
		*permille = 0;
		return ERR_NONE;
	}
	if (end == speed || (*end != '\0' && !str_eq(end, "x")) || !(times >= 0.001 && times <= 100000))
		return err_set(err, ERR_USAGE, "--speed takes 10 (ten times as fast), 0.5 or max, not \"%s\"", speed);
	*permille = (int64_t)(1000 / times);
	return ERR_NONE;
}

enum err_code recording_make(const struct args *args, json_t **out, struct err *err)
{
	const char *from = option_value(args, "from"), *path = option_value(args, "scenario");
	json_t *scenario = NULL, *recording = json_object();
	int64_t number = 0, pace = 1000;

	*out = NULL;
	enum err_code code = pace_of(option_value(args, "speed"), &pace, err);
	json_put_int(recording, "pace_permille", pace);
	if (code == ERR_NONE && from == NULL && path == NULL)
		code = err_set(err, ERR_USAGE,
			"mode simulate needs --from RUN (an earlier run to answer from), --scenario FILE, or both");
	if (code == ERR_NONE && path != NULL)
		code = from_scenario(path, recording, &scenario, err);
	if (code == ERR_NONE && from != NULL)
		code = cli_run_number(args, from, &number, err);
	if (code == ERR_NONE && from != NULL)
		code = from_run(args, number, option_flag(args, "replay-answers"), recording, err);
	json_decref(scenario);
	if (code == ERR_NONE)
		*out = recording;
	else
		json_decref(recording);
	return code;
}
