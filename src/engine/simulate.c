/* simulate.c: mode simulate: what of the recording is left for a step, what was answered then, and how
 * fast time goes.
 *
 * The recording is part of the plan (docs/protocol.md, "recording"), so that a simulation that is taken
 * up by a new server, or rendered years later, is the same. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

bool simulating(const struct live *live)
{
	return str_eq(live->run->mode, "simulate");
}

static const json_t *recording_of(const struct live *live)
{
	return json_object_get(live->plan, "recording");
}

int64_t paced_ms(const struct live *live, int64_t ms)
{
	return simulating(live) ? ms * json_int(recording_of(live), "pace_permille", 1000) / 1000 : ms;
}

static bool same_op(const struct op *op, const json_t *row)
{
	return str_eq(json_str(row, "op", ""), op->op) && str_eq(json_str(row, "target", ""), op->target) &&
	       json_equal(json_object_get(row, "args"), (json_t *)(uintptr_t)op->args);
}

/* The rows of the step that no call of this run has used yet. */
static json_t *rows_left(const struct live *live, const struct step *step)
{
	const json_t *all = json_object_get(json_object_get(recording_of(live), "steps"), step->id);
	json_t *rows = json_is_array(all) ? json_copy((json_t *)(uintptr_t)all) : json_array();

	for (size_t i = 0; i < step->op_count; i++)
		for (size_t k = 0; k < json_array_size(rows); k++)
			if (same_op(&step->ops[i], json_array_get(rows, k))) {
				json_array_remove(rows, k);
				break;
			}
	return rows;
}

static bool scenario_fits(const json_t *row, const struct step *step, const struct op *op)
{
	if (!str_eq(json_str(row, "step", step->id), step->id))
		return false;
	if (op == NULL)
		return true;
	if (!str_eq(json_str(row, "op", op->op), op->op) ||
		!str_eq(json_str(row, "target", op->target), op->target))
		return false;
	return json_contains(op->args, json_object_get(row, "args"));
}

/* How often a row of the scenario was used in this run. */
static int64_t used(const struct run *run, const json_t *row)
{
	int64_t count = 0;

	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].op_count; k++)
			count += scenario_fits(row, &run->steps[i], &run->steps[i].ops[k]);
	return count;
}

static json_t *scenario_left(const struct live *live, const struct step *step)
{
	json_t *rows = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(recording_of(live), "scenario"), i, row) {
		const int64_t times = json_int(row, "times", 0);
		const int64_t left = times > 0 ? times - used(live->run, row) : 0;
		if (!scenario_fits(row, step, NULL) || (times > 0 && left <= 0))
			continue;
		json_t *copy = json_copy((json_t *)(uintptr_t)row);
		if (times > 0)
			json_put_int(copy, "times", left);
		json_array_append_new(rows, copy);
	}
	return rows;
}

json_t *simulate_job(const struct live *live, size_t index)
{
	json_t *out = json_object();

	json_put_int(out, "pace_permille", json_int(recording_of(live), "pace_permille", 1000));
	json_put(out, "rows", rows_left(live, &live->run->steps[index]));
	json_put(out, "scenario", scenario_left(live, &live->run->steps[index]));
	return out;
}

/* A stamp of the recorded run as one of this run: as far from its start, at this run's pace. */
int64_t simulated_stamp(const struct live *live, int64_t at_ns)
{
	const int64_t began = json_int(recording_of(live), "began_ns", 0);

	if (!simulating(live) || began == 0 || at_ns == 0)
		return at_ns;
	const int64_t off_ms = paced_ms(live, (at_ns - began) / 1000000);
	return live->run->began.ns + off_ms * 1000000;
}

/* ------------------------------------------------------------------ what people said then */

static void answer_again(struct server *server, int64_t run, int64_t ask_id)
{
	struct live *live = live_find(server, run);
	const struct ask *ask = live != NULL && !live->ending ? run_ask(live->run, ask_id) : NULL;
	struct err err = { 0 };

	if (ask == NULL)
		return;
	const json_t *given = simulated_answer(live, ask);
	if (given == NULL)
		return;
	json_t *request = json_copy((json_t *)(uintptr_t)given);
	json_put_int(request, "ask", ask_id);
	json_put_str(request, "digest", ask->digest);
	json_put_str(request, "word", ask->word);
	if (step_answer(live, request, &program_actor, &err) != ERR_NONE)
		log_line(LOG_WARN, "run %lld: the recorded answer to question %lld: %s", (long long)run,
			(long long)ask_id, err.text);
	json_decref(request);
}

/* The answer recorded for this question, when answers are to be replayed: the n-th question about a step
 * gets the n-th answer, if it was to a question of the same kind.  NULL = a human answers. */
const json_t *simulated_answer(const struct live *live, const struct ask *ask)
{
	const struct step *step = &live->run->steps[ask->step];
	const json_t *rows =
		json_object_get(json_object_get(recording_of(live), "answers"), step->id);
	const json_t *row = json_array_get(rows, (size_t)step->answers);

	return simulating(live) && str_eq(json_str(row, "kind", ""), ask->kind) ? row : NULL;
}

void simulate_asked(struct live *live, int64_t ask_id)
{
	const struct ask *ask = run_ask(live->run, ask_id);
	const json_t *given = ask != NULL ? simulated_answer(live, ask) : NULL;

	if (given == NULL)
		return;
	timer_start(live->server, paced_ms(live, json_int(given, "took_ms", 0)), answer_again, live->id, ask_id);
}
