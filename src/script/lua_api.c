/* lua_api.c: the words a step has beside the capabilities.  docs/lua.md is their reference. */
#include "lua_value.h"
#include "sandbox.h"
#include "simulate.h"

#include <stdlib.h>
#include <string.h>

enum { INTERVAL_MS = 1000, PROGRESS_EVERY_MS = 50, NOTE_MAX = 4000 };

const char *const sandbox_words[] = { "attempt", "bytes", "clock", "detected", "duration",
	"fail", "impact", "json", "log", "mode", "note", "now", "outputs", "params", "progress",
	"random", "recovery_point", "require", "run_id", "sleep", "step_id", "wait_until",
	/* of Lua itself */
	"assert", "error", "getmetatable", "ipairs", "math", "next", "pairs", "pcall", "print",
	"rawequal", "rawget", "rawlen", "rawset", "select", "setmetatable", "string", "table",
	"tonumber", "tostring", "type", "utf8", "xpcall", NULL };

/* ------------------------------------------------------------------ arguments */

/* A text whose values do not fit its format, most often a nil, is shown with the values behind
 * it: what a step wants to say never ends a recovery. */
static const char *format_anyhow(lua_State *lua, int first, int count)
{
	luaL_Buffer text;

	luaL_buffinit(lua, &text);
	for (int i = 0; i < count; i++) {
		luaL_addstring(&text, i == 0 ? "" : i == 1 ? " [" : ", ");
		luaL_tolstring(lua, first + i, NULL);
		luaL_addvalue(&text);
	}
	luaL_addchar(&text, ']');
	luaL_pushresult(&text);
	return lua_tostring(lua, -1);
}

const char *format_args(lua_State *lua, int first)
{
	const int count = lua_gettop(lua) - first + 1;

	if (count <= 1) { /* a text alone is not a format: it may hold a percent sign */
		luaL_tolstring(lua, first, NULL);
		return lua_tostring(lua, -1);
	}
	lua_getglobal(lua, "string");
	lua_getfield(lua, -1, "format");
	lua_remove(lua, -2);
	for (int i = 0; i < count; i++)
		lua_pushvalue(lua, first + i);
	if (sandbox_pcall(lua, count, 1, 0) != LUA_OK) {
		lua_pop(lua, 1);
		return format_anyhow(lua, first, count);
	}
	return lua_tostring(lua, -1);
}

static int64_t arg_unit(lua_State *lua, int index, const char *what,
	enum err_code (*parse)(const char *s, int64_t *out, struct err *err))
{
	struct err err = { 0 };
	int64_t value = 0;
	int whole = 0;

	if (lua_type(lua, index) == LUA_TNUMBER)
		value = lua_tointegerx(lua, index, &whole);
	if (!whole && lua_type(lua, index) != LUA_TSTRING)
		return failure_usage(
			lua, "%s: give a text with a unit or a whole number", what);
	if (!whole && parse(lua_tostring(lua, index), &value, &err) != ERR_NONE)
		return failure_usage(lua, "%s: %s", what, err.text);
	if (value < 0)
		return failure_usage(lua, "%s: %lld is negative", what, (long long)value);
	return value;
}

int64_t arg_duration(lua_State *lua, int index, const char *what)
{
	return arg_unit(lua, index, what, parse_duration_ms);
}

int64_t arg_bytes(lua_State *lua, int index, const char *what)
{
	return arg_unit(lua, index, what, parse_bytes);
}

static int api_duration(lua_State *lua)
{
	lua_pushinteger(lua, arg_duration(lua, 1, "duration"));
	return 1;
}

static int api_bytes(lua_State *lua)
{
	lua_pushinteger(lua, arg_bytes(lua, 1, "bytes"));
	return 1;
}

/* ------------------------------------------------------------------ saying something */

static int api_fail(lua_State *lua)
{
	struct failure failure = { .err.code = ERR_FAILED, .said = true };

	snprintf(failure.err.text, sizeof(failure.err.text), "%s",
		lua_gettop(lua) > 0 ? format_args(lua, 1) : "failed");
	failure.err.world = sandbox_job(lua)->changed ? WORLD_CHANGED : WORLD_UNCHANGED;
	return failure_raise_as(lua, &failure);
}

static int api_log(lua_State *lua)
{
	struct job *job = sandbox_job(lua);

	luaL_checkany(lua, 1);
	job->hooks.log(job->hooks.arg, format_args(lua, 1));
	return 0;
}

static int api_note(lua_State *lua)
{
	struct job *job = sandbox_job(lua);
	size_t len;

	luaL_checkany(lua, 1);
	format_args(lua, 1);
	const char *text = lua_tolstring(lua, -1, &len);
	if (len > NOTE_MAX)
		return failure_usage(
			lua, "note: a note has at most %d bytes; log() takes more", NOTE_MAX);
	if (job_replaying(job))
		return 0;
	json_t *message = message_new("note");
	json_put(message, "text", json_text(text, len));
	channel_send(&job->channel, message);
	return 0;
}

static int api_progress(lua_State *lua)
{
	struct job *job = sandbox_job(lua);
	int per_mille = -1;

	if (!lua_isnoneornil(lua, 1)) {
		const lua_Number fraction = luaL_checknumber(lua, 1);
		if (!(fraction >= 0 && fraction <= 1))
			return failure_usage(
				lua, "progress: the first argument is from 0 to 1, or nil");
		per_mille = (int)(fraction * 1000);
	}
	const char *text = lua_isnoneornil(lua, 2) ? "" : luaL_tolstring(lua, 2, NULL);
	job->hooks.progress(job->hooks.arg, per_mille, text);
	return 0;
}

/* ------------------------------------------------------------------ time and chance */

static json_t *make_now(void *arg)
{
	(void)arg;
	return json_integer(wall_now().ns / 1000000);
}

static json_t *make_random(void *arg)
{
	const uint64_t most = (uint64_t) * (lua_Integer *)arg;
	const uint64_t fair =
		UINT64_MAX -
		UINT64_MAX % most; /* above it some numbers would come more often */
	struct err err = { 0 };
	uint64_t bits;

	do
		if (random_bytes(&bits, sizeof(bits), &err) != ERR_NONE)
			base_die("no randomness: %s", err.text);
	while (bits >= fair);
	return json_integer((json_int_t)(bits % most) + 1);
}

/* What the journal has for this call, or makes it.  False: nothing recorded and only that was
 * wanted. */
static bool recorded_value(lua_State *lua, const char *op, json_t *args,
	json_t *(*make)(void *arg), void *arg, bool only_recorded, int64_t *value)
{
	struct err err = { 0 };
	json_t *json = NULL;

	sandbox_check(lua);
	const enum err_code code = boundary_value(
		sandbox_job(lua), op, args, make, arg, only_recorded, &json, &err);
	json_decref(args);
	if (code != ERR_NONE)
		failure_raise(lua, &err);
	const bool there = json != NULL;
	*value = json_integer_value(json);
	json_decref(json);
	return there;
}

int64_t recorded_now(lua_State *lua)
{
	int64_t ms;

	recorded_value(lua, "clock.now", json_object(), make_now, NULL, false, &ms);
	return ms;
}

static int api_now(lua_State *lua)
{
	lua_pushinteger(lua, recorded_now(lua));
	return 1;
}

static int api_random(lua_State *lua)
{
	lua_Integer most = luaL_checkinteger(lua, 1);
	json_t *args;
	int64_t value;

	if (most < 1)
		return failure_usage(lua, "random(n): n is at least 1");
	args = json_object();
	json_put_int(args, "n", most);
	recorded_value(lua, "random.int", args, make_random, &most, false, &value);
	lua_pushinteger(lua, value);
	return 1;
}

/* Nothing is waited for while recorded calls are ahead: they are over. */
static void pause_for(lua_State *lua, int64_t ms)
{
	struct job *job = sandbox_job(lua);

	if (!job_replaying(job))
		channel_pause(&job->channel, simulated_ms(job, ms));
	sandbox_check(lua);
}

static int api_sleep(lua_State *lua)
{
	pause_for(lua, arg_duration(lua, 1, "sleep"));
	return 0;
}

static json_t *make_true(void *arg)
{
	(void)arg;
	return json_integer(1);
}

/* That the time was over is recorded, so that a replay stops at the same round. */
static bool time_is_over(lua_State *lua, struct mono begin, int64_t timeout_ms)
{
	int64_t over;

	if (recorded_value(lua, "clock.timeout", json_object(), make_true, NULL, true, &over))
		return true;
	if (job_replaying(sandbox_job(lua)) || mono_ms_since(begin) < timeout_ms)
		return false;
	recorded_value(lua, "clock.timeout", json_object(), make_true, NULL, false, &over);
	return true;
}

/* wait_until(timeout, [interval,] function) */
static int api_wait_until(lua_State *lua)
{
	const bool given = !lua_isfunction(lua, 2);
	const int function = given ? 3 : 2;

	if (!lua_isfunction(lua, function))
		return failure_usage(lua, "wait_until(timeout, [interval,] function)");
	const int64_t timeout_ms = arg_duration(lua, 1, "wait_until: timeout");
	const int64_t interval_ms =
		given ? arg_duration(lua, 2, "wait_until: interval") : INTERVAL_MS;
	const struct mono begin = mono_now();
	struct failure failure = { .err.code = ERR_TIMEOUT };
	char spelled[32];

	for (;;) {
		lua_settop(lua, function);
		lua_pushvalue(lua, function);
		lua_call(lua, 0, 1);
		if (lua_toboolean(lua, -1))
			return 1;
		if (time_is_over(lua, begin, timeout_ms))
			break;
		const int64_t left = timeout_ms - mono_ms_since(begin);
		pause_for(lua, left < interval_ms ? (left > 0 ? left : 0) : interval_ms);
	}
	snprintf(failure.err.text, sizeof(failure.err.text), "not so within %s",
		format_duration(spelled, sizeof(spelled), timeout_ms));
	failure.err.world = sandbox_job(lua)->changed ? WORLD_CHANGED : WORLD_UNCHANGED;
	return failure_raise_as(lua, &failure);
}

/* ------------------------------------------------------------------ attempt */

/* attempt(function, …): its results, or nil, CODE, text when the world said no. */
static int api_attempt(lua_State *lua)
{
	struct failure failure;

	if (!lua_isfunction(lua, 1))
		return failure_usage(
			lua, "attempt(capability.verb, target, {…}): the first is a function");
	sandbox_check(lua);
	if (sandbox_pcall(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0) == LUA_OK)
		return lua_gettop(lua);
	failure_read(lua, -1, &failure);
	if (!failure_of_world(&failure))
		return lua_error(lua);
	lua_pushnil(lua);
	lua_pushstring(lua, err_name(failure.err.code));
	lua_pushstring(lua, failure.err.text);
	return 3;
}

/* ------------------------------------------------------------------ what the step is told */

static void set_integer(lua_State *lua, const char *name, int64_t value)
{
	lua_pushinteger(lua, value);
	lua_setfield(lua, -2, name);
}

/* Behind `params`: a script that asks for a secret is told so instead of going on with a nil. */
static int no_param(lua_State *lua)
{
	const char *name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : NULL;

	if (name == NULL || !json_flag(json_object_get(json_object_get(sandbox_job(lua)->json, "params"), name),
				    "secret", false)) {
		lua_pushnil(lua);
		return 1;
	}
	return failure_usage(lua, "params.%s is a secret, which no script gets: a target takes it, in "
				  "targets.yaml: secrets: {…: {param: %s}}", name, name);
}

/* Takes the markers of secrets out of the table on top. */
static void hide_secrets(lua_State *lua, const json_t *params)
{
	const char *name;
	json_t *value;
	bool any = false;

	json_object_foreach((json_t *)(uintptr_t)params, name, value) {
		if (!json_flag(value, "secret", false))
			continue;
		any = true;
		lua_pushnil(lua);
		lua_setfield(lua, -2, name);
	}
	if (!any)
		return;
	lua_createtable(lua, 0, 2);
	lua_pushcfunction(lua, no_param);
	lua_setfield(lua, -2, "__index");
	lua_pushliteral(lua, "parameters");
	lua_setfield(lua, -2, "__metatable");
	lua_setmetatable(lua, -2);
}

static void push_facts(lua_State *lua, const struct job *job)
{
	static const char *const tables[] = { "params", "outputs" };
	static const struct {
		const char *ns, *ms;
	} stamps[] = { { "t0_ns", "t0_ms" }, { "t1_ns", "t1_ms" }, { "t2_ns", "t2_ms" } };
	const json_t *clock = json_object_get(job->json, "clock");

	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		const json_t *value = json_object_get(job->json, tables[i]);
		if (json_is_object(value))
			value_push(lua, value);
		else
			lua_newtable(lua);
		if (i == 0)
			hide_secrets(lua, value);
		lua_setglobal(lua, tables[i]);
	}
	lua_createtable(lua, 0, 3);
	for (size_t i = 0; i < COUNT_OF(stamps); i++)
		if (json_int(clock, stamps[i].ns, 0) > 0)
			set_integer(
				lua, stamps[i].ms, json_int(clock, stamps[i].ns, 0) / 1000000);
	lua_setglobal(lua, "clock");
	lua_pushstring(lua, job->mode);
	lua_setglobal(lua, "mode");
	lua_pushstring(lua, job->step);
	lua_setglobal(lua, "step_id");
	lua_pushinteger(lua, json_int(job->json, "run", 0));
	lua_setglobal(lua, "run_id");
	if (json_object_get(job->json, "item") != NULL) {
		value_push(lua, json_object_get(job->json, "item"));
		lua_pushvalue(lua, -1);
		lua_setglobal(lua, "item");
		lua_setglobal(lua, json_str(job->json, "item_name", "item"));
	}
	const char *name;
	json_t *item;
	json_object_foreach(json_object_get(job->json, "items"), name, item) {
		value_push(lua, item);
		lua_setglobal(lua, name);
	}
}

void api_open(lua_State *lua)
{
	static const luaL_Reg functions[] = { { "attempt", api_attempt },
		{ "bytes", api_bytes }, { "duration", api_duration }, { "fail", api_fail },
		{ "log", api_log }, { "note", api_note }, { "now", api_now },
		{ "progress", api_progress }, { "random", api_random }, { "sleep", api_sleep },
		{ "wait_until", api_wait_until }, { NULL, NULL } };

	lua_pushglobaltable(lua);
	luaL_setfuncs(lua, functions, 0);
	lua_pop(lua, 1);
	push_facts(lua, sandbox_job(lua));
}
