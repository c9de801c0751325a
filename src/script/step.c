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

/* What the script returned: an object for a run, nothing or true for the others. */
static json_t *take_outputs(lua_State *lua, const struct job *job, struct failure *failure)
{
	const bool run = str_eq(job->phase, "run") || str_eq(job->phase, "undo");
	json_t *outputs;

	if (lua_isnil(lua, -1) || (!run && lua_toboolean(lua, -1)))
		return json_object();
	if (!run) {
		err_set(&failure->err, ERR_FAILED, "the %s returned false", job->phase);
		failure->said = true;
		return NULL;
	}
	if (!lua_istable(lua, -1)) {
		err_set(&failure->err, ERR_SCRIPT,
			"run returns a table of outputs or nothing, not a %s",
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

void step_run(struct job *job)
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
	json_t *outputs = take_outputs(lua, job, &failure);
	if (outputs == NULL)
		finish_failed(job, &failure);
	json_t *done = done_new(job, true);
	json_put(done, "outputs", outputs);
	job_finish(job, done);
}
