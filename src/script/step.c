/* step.c: the job "step": one phase of a step's script, from loading to outputs. */
#include "chunk.h"
#include "lua_value.h"
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

enum { OUTPUTS_MAX = 1 << 20 };

/* The place is part of the text, except where the author wrote the whole sentence. */
static json_t *failure_json(const struct failure *failure)
{
	struct err err = failure->err;

	/* a plain error of Lua begins with its place already */
	if (failure->own && !failure->said && failure->where[0] != '\0')
		err_context(&err, "%s", failure->where);
	json_t *error = error_json(&err, true);
	if (failure->where[0] != '\0')
		json_put_str(error, "where", failure->where);
	return error;
}

static json_t *done_new(const struct job *job, bool ok)
{
	json_t *done = message_new("done");

	json_put_flag(done, "ok", ok);
	json_put_int(done, "next_ordinal", job->ordinal);
	return done;
}

static _Noreturn void finish_failed(struct job *job, struct failure *failure)
{
	if (job->changed && failure->err.world == WORLD_UNCHANGED)
		failure->err.world = WORLD_CHANGED;
	json_t *done = done_new(job, false);
	json_put(done, "error", failure_json(failure));
	job_finish(job, done);
}

/* ------------------------------------------------------------------ what the script returned */

/* The table on top of the stack as outputs. */
static json_t *take_table(lua_State *lua, const struct job *job, struct failure *failure)
{
	json_t *outputs;

	if (!lua_istable(lua, -1)) {
		err_set(&failure->err, ERR_SCRIPT,
			"%s returns a table of outputs or nothing, not a %s", job->phase,
			luaL_typename(lua, -1));
		return NULL;
	}
	outputs = value_take(lua, -1, "outputs", 0, &failure->err);
	failure->err.code = outputs != NULL ? ERR_NONE : ERR_SCRIPT;
	if (json_is_array(outputs)) {
		if (json_array_size(outputs) > 0)
			err_set(&failure->err, ERR_SCRIPT,
				"outputs have names: return {name = value}");
		json_decref(outputs);
		outputs = failure->err.code == ERR_NONE ? json_object() : NULL;
	}
	if (outputs != NULL && json_dumpb(outputs, NULL, 0, JSON_COMPACT) > OUTPUTS_MAX) {
		json_decref(outputs);
		err_set(&failure->err, ERR_LIMIT,
			"outputs have more than %d bytes; log() takes more", OUTPUTS_MAX);
		return NULL;
	}
	return outputs;
}

static const json_t *tolerance_of(const struct job *job)
{
	return json_object_get(json_object_get(job->json, "script"), "tolerance");
}

/* True when there is something to judge by a tolerance: a table, or, where there is one, whatever was
 * returned.  A number that the book's tolerance is about must not count because it is a number. */
static bool judged(lua_State *lua, const struct job *job)
{
	return lua_istable(lua, -1) || tolerance_of(job) != NULL;
}

/* What was returned, as a tolerance sees it ("." is all of it). */
static json_t *take_judged(lua_State *lua, const struct job *job, struct failure *failure)
{
	if (lua_istable(lua, -1))
		return take_table(lua, job, failure);
	json_t *value = value_take(lua, -1, "what is returned", VALUE_FLOATS, &failure->err);
	if (value == NULL)
		failure->err.code = ERR_SCRIPT;
	return value;
}

/* True when what was returned is within the script's tolerance; why says what is not. */
static bool tolerated(const struct job *job, const json_t *value, char *why, size_t size)
{
	const json_t *tolerance = tolerance_of(job);
	const struct condition_world world = { .mode = job->mode,
		.params = json_object_get(job->json, "params"),
		.outputs = json_object_get(job->json, "outputs"),
		.item = json_object_get(job->json, "item"),
		.value = value,
		.matches = pattern_matches };
	struct err err = { 0 };
	char text[300];
	bool holds;

	if (condition_holds(tolerance, &world, &holds, &err) != ERR_NONE) {
		snprintf(why, size, "its tolerance: %s", err.text);
		return false;
	}
	if (!holds) {
		char *found = json_line(value);
		snprintf(why, size, "outside its tolerance (%s): %.300s",
			condition_text(tolerance, text, sizeof(text)), found);
		free(found);
	}
	return holds;
}

/* A look of a wait or an invariant: whether it holds.  Nothing returned is no for a wait and, where the
 * script did not fail, yes for everything else. */
static _Noreturn void finish_look(lua_State *lua, struct job *job)
{
	json_t *done = done_new(job, true);
	const bool waits = json_flag(job->json, "waits", false);
	char why[700];
	struct failure failure = { 0 };
	bool holds = lua_toboolean(lua, -1) || (!waits && lua_isnil(lua, -1));

	snprintf(why, sizeof(why), "%s", waits ? "not yet" : "it returned false");

	if (judged(lua, job)) {
		json_t *value = take_judged(lua, job, &failure);
		if (value == NULL)
			finish_failed(job, &failure);
		holds = tolerated(job, value, why, sizeof(why));
		if (json_is_object(value))
			json_object_set(done, "outputs", value);
		json_decref(value);
	}
	json_put_flag(done, "holds", holds);
	if (!holds)
		json_put_str(done, "why", why);
	job_finish(job, done);
}

/* A check or a verify: nothing, true, or what is within its tolerance. */
static json_t *take_check(lua_State *lua, const struct job *job, struct failure *failure)
{
	char why[700];

	if (judged(lua, job)) {
		json_t *found = take_judged(lua, job, failure);
		if (found == NULL)
			return NULL;
		const bool good = tolerated(job, found, why, sizeof(why));
		json_decref(found);
		if (good)
			return json_object();
		err_set(&failure->err, ERR_PRECONDITION, "the %s is %s", job->phase, why);
		failure->said = true;
		return NULL;
	}
	if (lua_isnil(lua, -1) || lua_toboolean(lua, -1))
		return json_object();
	err_set(&failure->err, ERR_FAILED, "the %s returned false", job->phase);
	failure->said = true;
	return NULL;
}

static json_t *take_outputs(lua_State *lua, const struct job *job, struct failure *failure)
{
	const bool run = str_eq(job->phase, "run") || str_eq(job->phase, "undo");

	if (!run)
		return take_check(lua, job, failure);
	return lua_isnil(lua, -1) ? json_object() : take_table(lua, job, failure);
}

/* ------------------------------------------------------------------ running it */

/* What the script left on the stack, or the end of the job. */
static lua_State *run_script(struct job *job)
{
	const json_t *script = json_object_get(job->json, "script");
	const json_t *source = json_object_get(script, "source");
	struct failure failure = { 0 };
	lua_State *lua = sandbox_new(job);

	if (lua == NULL)
		base_die("no memory for Lua");
	lua_pushfstring(lua, "=%s", json_str(script, "file", "script"));
	int status = chunk_load(lua, lua_tostring(lua, -1), json_int(script, "line", 1),
		json_is_string(source) ? json_string_value(source) : "",
		json_string_length(source));
	if (status == LUA_OK)
		status = lua_pcall(lua, 0, 1, 0);
	/* an error of the script's does not hide that it was stopped meanwhile */
	const enum err_code halted =
		status != LUA_OK ? job_halted(job, &failure.err) : ERR_NONE;
	if (halted != ERR_NONE) {
		struct failure last;
		failure_read(lua, -1, &last);
		if (last.own && last.err.code == halted)
			failure = last; /* it knows the place, and what became of the world */
		failure.own = true;
		finish_failed(job, &failure);
	}
	if (status != LUA_OK) {
		failure_read(lua, -1, &failure);
		if (status == LUA_ERRMEM)
			err_set(&failure.err, ERR_LIMIT,
				"the script needs more than %d MiB of memory",
				LUA_MEMORY_MAX >> 20);
		finish_failed(job, &failure);
	}
	return lua;
}

/* The registered compensations, last effect first, as far as the step's own undo has not made them
 * already.  One that fails does not keep the others from being tried; the first failure is told. */
static void compensate(struct job *job)
{
	const json_t *row;
	struct failure failure = { 0 };
	size_t i;

	json_array_foreach(json_object_get(job->json, "compensate"), i, row) {
		const char *op = json_str(row, "op", ""), *target = json_str(row, "target", "");
		struct err err = { 0 };
		json_t *result = NULL;

		if (job_compensated(job, json_str(row, "key", "")))
			continue;
		job->compensating = json_str(row, "key", "");
		if (boundary_call(job, op, target, json_object_get(row, "args"), &result, &err) !=
				ERR_NONE &&
			failure.err.code == ERR_NONE) {
			failure.err = err;
			err_context(&failure.err, "%s on \"%s\"", op, target);
			failure.said = true;
		}
		job->compensating = NULL;
		json_decref(result);
		if (job_halted(job, &err) != ERR_NONE)
			break;
	}
	if (failure.err.code != ERR_NONE)
		finish_failed(job, &failure);
}

void step_run(struct job *job)
{
	struct failure failure = { 0 };
	json_t *outputs = json_object();

	if (json_object_get(job->json, "script") != NULL) {
		lua_State *lua = run_script(job);
		if (str_eq(job->phase, "probe"))
			finish_look(lua, job);
		json_decref(outputs);
		outputs = take_outputs(lua, job, &failure);
		if (outputs == NULL)
			finish_failed(job, &failure);
	}
	if (str_eq(job->phase, "undo"))
		compensate(job);
	json_t *done = done_new(job, true);
	json_put(done, "outputs", outputs);
	job_finish(job, done);
}
