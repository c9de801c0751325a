/* lua_measure.c: what a script knows about the disaster itself: when it hit, when it was seen,
 * what was lost. */
#include "sandbox.h"

#include <string.h>

/* The member of the argument table as a whole number; false when absent. */
static bool member_integer(lua_State *lua, const char *what, const char *name, int64_t *out)
{
	int whole;

	lua_getfield(lua, 1, name);
	const bool there = !lua_isnil(lua, -1);
	*out = lua_tointegerx(lua, -1, &whole);
	if (there && !whole)
		failure_usage(lua, "%s: %s is a whole number", what, name);
	lua_pop(lua, 1);
	return there;
}

/* Borrowed from the table, which stays on the stack; NULL when absent. */
static const char *member_text(lua_State *lua, const char *what, const char *name)
{
	lua_getfield(lua, 1, name);
	if (!lua_isnil(lua, -1) && lua_type(lua, -1) != LUA_TSTRING)
		failure_usage(lua, "%s: %s is a text", what, name);
	const char *text = lua_tostring(lua, -1);
	lua_pop(lua, 1);
	return text;
}

/* A misspelled member would be a measurement that is quietly not made. */
static void check_members(lua_State *lua, const char *what, const char *const *names)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	lua_pushnil(lua);
	while (lua_next(lua, 1)) {
		const char *name =
			lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : "[…]";
		bool known = false;
		for (size_t i = 0; names[i] != NULL && !known; i++)
			known = str_eq(names[i], name);
		if (!known)
			failure_usage(lua, "%s: there is no member \"%s\"", what, name);
		lua_pop(lua, 1);
	}
}

static void send(lua_State *lua, json_t *message)
{
	struct job *job = sandbox_job(lua);

	if (job_replaying(job))
		json_decref(message); /* it was said before the recorded calls that follow */
	else
		channel_send(&job->channel, message);
}

static int state_clock(lua_State *lua, const char *what, const char *clock, const char *basis)
{
	static const char *const names[] = { "at_ms", "basis", NULL };
	int64_t at_ms = 0;

	if (lua_isnoneornil(lua, 1)) {
		lua_settop(lua, 0);
		lua_newtable(lua);
	}
	check_members(lua, what, names);
	if (!member_integer(lua, what, "at_ms", &at_ms))
		at_ms = recorded_now(lua);
	if (at_ms <= 0 || at_ms > INT64_MAX / 1000000)
		return failure_usage(
			lua, "%s: at_ms is wall time in milliseconds, as now() gives it", what);
	const char *given = member_text(lua, what, "basis");
	json_t *message = message_new("clock");
	json_put_str(message, "clock", clock);
	json_put_int(message, "at_ns", at_ms * 1000000);
	json_put_str(message, "basis", given != NULL ? given : basis);
	send(lua, message);
	return 0;
}

static int api_impact(lua_State *lua)
{
	return state_clock(lua, "impact", "t0", "scenario");
}

static int api_detected(lua_State *lua)
{
	return state_clock(lua, "detected", "t1", "observed");
}

static int api_recovery_point(lua_State *lua)
{
	static const char *const names[] = { "service", "lost", "unit", "acknowledged",
		"rpa_ms", "at_ms", "basis", NULL };
	static const char *const numbers[] = { "lost", "acknowledged", "rpa_ms", "at_ms" };
	static const char *const texts[] = { "service", "unit", "basis" };
	const char *words[COUNT_OF(texts)];
	int64_t values[COUNT_OF(numbers)];
	bool there[COUNT_OF(numbers)];

	check_members(lua, "recovery_point", names);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		words[i] = member_text(lua, "recovery_point", texts[i]);
	if (words[0] == NULL)
		return failure_usage(lua, "recovery_point: name the service");
	if (words[2] == NULL)
		return failure_usage(lua, "recovery_point: basis says how it was measured");
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		there[i] = member_integer(lua, "recovery_point", numbers[i], &values[i]);
		if (there[i] && values[i] < 0)
			return failure_usage(lua, "recovery_point: %s is negative", numbers[i]);
	}
	json_t *message = message_new("measure");
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (words[i] != NULL)
			json_put_str(message, texts[i], words[i]);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (there[i] && !str_eq(numbers[i], "at_ms"))
			json_put_int(message, numbers[i], values[i]);
	if (there[3])
		json_put_int(message, "recovery_point_ns", values[3] * 1000000);
	send(lua, message);
	return 0;
}

void measure_open(lua_State *lua)
{
	lua_register(lua, "impact", api_impact);
	lua_register(lua, "detected", api_detected);
	lua_register(lua, "recovery_point", api_recovery_point);
}
