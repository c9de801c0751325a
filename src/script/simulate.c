/* simulate.c: mode simulate: every call is answered from a recording, nothing touches the world.
 *
 * The job brings what is left of the recording for this step, in order, and the scenario's rows, which
 * come first: {"op", "target", "args", "ok", "result" | "error", "before", "took_ms"}.  A recorded row
 * answers the very same call: operation, target and arguments.  A scenario's row may leave out what it
 * does not care about; one that only delays lets the recording answer.  What neither of them knows ends
 * with NO_RECORDING. */
#include "simulate.h"

#include <string.h>

bool job_simulating(const struct job *job)
{
	return str_eq(job->mode, "simulate");
}

int64_t simulated_ms(const struct job *job, int64_t ms)
{
	if (!job_simulating(job))
		return ms;
	return ms * json_int(json_object_get(job->json, "recording"), "pace_permille", 1000) / 1000;
}

static bool meant(const json_t *row, const char *op, const char *target, const json_t *args)
{
	return str_eq(json_str(row, "op", op), op) && str_eq(json_str(row, "target", target), target) &&
	       json_contains(args, json_object_get(row, "args"));
}

static json_t *take_scenario(struct job *job, const char *op, const char *target, const json_t *args)
{
	json_t *rows = json_object_get(json_object_get(job->json, "recording"), "scenario"), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (!meant(row, op, target, args))
			continue;
		json_incref(row);
		const json_int_t times = json_int(row, "times", 0);
		if (times == 1)
			json_array_remove(rows, i);
		else if (times > 1)
			json_put_int(row, "times", times - 1);
		return row;
	}
	return NULL;
}

static json_t *take_recorded(struct job *job, const char *op, const char *target, const json_t *args)
{
	json_t *rows = json_object_get(json_object_get(job->json, "recording"), "rows"), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_t *recorded = json_object_get(row, "args");
		if (!str_eq(json_str(row, "op", ""), op) || !str_eq(json_str(row, "target", ""), target) ||
			(recorded != NULL ? !json_equal(recorded, (json_t *)(uintptr_t)args)
					  : json_object_size(args) > 0))
			continue;
		json_incref(row);
		json_array_remove(rows, i);
		return row;
	}
	return NULL;
}

static enum err_code unknown_call(struct job *job, const char *op, const char *target, struct err *err)
{
	const json_t *rows = json_object_get(json_object_get(job->json, "recording"), "rows"),
		     *next = json_array_get(rows, 0);

	if (next != NULL)
		return err_set(err, ERR_NO_RECORDING,
			"nothing recorded answers %s on \"%s\" with these arguments; next in the recording is %s on "
			"\"%s\"",
			op, target, json_str(next, "op", "?"), json_str(next, "target", ""));
	return err_set(err, ERR_NO_RECORDING, "nothing recorded answers %s on \"%s\"", op, target);
}

enum err_code simulate_find(struct job *job, const char *op, const char *target, const json_t *args,
	json_t **row, struct err *err)
{
	json_t *scenario = take_scenario(job, op, target, args), *recorded = NULL;
	const bool whole = json_object_get(scenario, "result") != NULL ||
			   json_object_get(scenario, "error") != NULL;

	if (!whole)
		recorded = take_recorded(job, op, target, args);
	if (!whole && recorded == NULL) {
		json_decref(scenario);
		return unknown_call(job, op, target, err);
	}
	*row = whole ? json_copy(scenario) : json_copy(recorded);
	if (scenario != NULL) {
		json_put_int(*row, "took_ms",
			json_int(*row, "took_ms", 0) + json_int(scenario, "delay_ms", 0));
		if (whole)
			json_put_flag(*row, "ok", json_object_get(scenario, "error") == NULL);
	}
	json_decref(scenario);
	json_decref(recorded);
	return ERR_NONE;
}

enum err_code simulate_answer(struct job *job, const json_t *row, json_t *result, struct err *err)
{
	const json_t *error = json_object_get(row, "error");
	const int64_t ms = simulated_ms(job, json_int(row, "took_ms", 0));

	if (ms > 0 && !channel_pause(&job->channel, ms)) {
		err_set(err, job->channel.stop ? ERR_CANCELLED : ERR_TIMEOUT, "the simulation of a call of %lld ms",
			(long long)ms);
		err->world = WORLD_UNKNOWN;
		return err->code;
	}
	if (json_flag(row, "ok", false)) {
		json_object_update(result, json_object_get(row, "result"));
		return ERR_NONE;
	}
	err_set(err, err_from_name(json_str(error, "code", "FAILED")), "%s",
		json_str(error, "text", "it failed in the recording"));
	err->world = world_from_name(json_str(error, "world", "unchanged"));
	return err->code;
}

json_t *simulate_value(struct job *job, const char *op, const json_t *args)
{
	json_t *row = take_recorded(job, op, "", args), *value = NULL;

	if (row != NULL) {
		value = json_object_get(json_object_get(row, "result"), "value");
		json_incref(value);
		json_decref(row);
	}
	return value;
}
