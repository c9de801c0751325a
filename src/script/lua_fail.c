/* lua_fail.c: errors of the program as values of Lua. */
#include "sandbox.h"

#include <stdarg.h>
#include <string.h>

static const char failure_key[] = "drillbook.failure";
enum { LEVELS_MAX = 20 };

/* The innermost line of the author's: C functions between (attempt, pcall) have none, and the
 * installed library speaks for whoever called it. */
static void find_where(lua_State *lua, char *where, size_t size)
{
	lua_Debug frame;

	where[0] = '\0';
	for (int level = 0; level < LEVELS_MAX && lua_getstack(lua, level, &frame); level++) {
		lua_getinfo(lua, "Sl", &frame);
		if (frame.currentline <= 0)
			continue;
		snprintf(where, size, "%s:%d", frame.short_src, frame.currentline);
		if (!str_starts(frame.short_src, "library/"))
			return;
	}
}

static void set_text(lua_State *lua, const char *name, const char *text)
{
	lua_pushstring(lua, text);
	lua_setfield(lua, -2, name);
}

static void set_flag(lua_State *lua, const char *name, bool flag)
{
	if (!flag)
		return;
	lua_pushboolean(lua, 1);
	lua_setfield(lua, -2, name);
}

int failure_raise_as(lua_State *lua, const struct failure *failure)
{
	char where[sizeof(failure->where)];

	find_where(lua, where, sizeof(where));
	lua_createtable(lua, 0, 6);
	set_text(lua, "code", err_name(failure->err.code));
	set_text(lua, "text", failure->err.text);
	set_text(lua, "world", world_name(failure->err.world));
	set_text(lua, "where", where);
	set_flag(lua, "said", failure->said);
	set_flag(lua, "refused", failure->refused);
	luaL_setmetatable(lua, failure_key);
	return lua_error(lua);
}

int failure_raise(lua_State *lua, const struct err *err)
{
	return failure_raise_as(lua, &(struct failure){ .err = *err });
}

int failure_usage(lua_State *lua, const char *fmt, ...)
{
	struct failure failure = { .err.code = ERR_USAGE };
	va_list args;

	va_start(args, fmt);
	vsnprintf(failure.err.text, sizeof(failure.err.text), fmt, args);
	va_end(args);
	return failure_raise_as(lua, &failure);
}

/* A raw look: the script may have changed the table, but not into something that runs. */
static const char *get_text(lua_State *lua, int index, const char *name, char *buf, size_t size)
{
	lua_pushstring(lua, name);
	lua_rawget(lua, index);
	snprintf(
		buf, size, "%s", lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : "");
	lua_pop(lua, 1);
	return buf;
}

static bool get_flag(lua_State *lua, int index, const char *name)
{
	lua_pushstring(lua, name);
	lua_rawget(lua, index);
	const bool flag = lua_toboolean(lua, -1);
	lua_pop(lua, 1);
	return flag;
}

static bool is_failure(lua_State *lua, int index)
{
	if (lua_type(lua, index) != LUA_TTABLE || !lua_getmetatable(lua, index))
		return false;
	luaL_getmetatable(lua, failure_key);
	const bool same = lua_rawequal(lua, -1, -2);
	lua_pop(lua, 2);
	return same;
}

void failure_read(lua_State *lua, int index, struct failure *failure)
{
	char word[64];

	index = lua_absindex(lua, index);
	*failure = (struct failure){ .err.code = ERR_SCRIPT };
	if (is_failure(lua, index)) {
		failure->own = true;
		failure->err.code =
			err_from_name(get_text(lua, index, "code", word, sizeof(word)));
		failure->err.world =
			world_from_name(get_text(lua, index, "world", word, sizeof(word)));
		get_text(lua, index, "text", failure->err.text, sizeof(failure->err.text));
		get_text(lua, index, "where", failure->where, sizeof(failure->where));
		failure->said = get_flag(lua, index, "said");
		failure->refused = get_flag(lua, index, "refused");
		return;
	}
	/* only strings are looked at: __tostring could run for ever */
	const char *text =
		lua_type(lua, index) == LUA_TSTRING ? lua_tostring(lua, index) : NULL;
	if (text != NULL)
		err_set(&failure->err, ERR_SCRIPT, "%s", text);
	else
		err_set(&failure->err, ERR_SCRIPT,
			"error() was called with a %s: give it a text",
			luaL_typename(lua, index));
}

bool failure_of_world(const struct failure *failure)
{
	static const enum err_code not_of_world[] = { ERR_SCRIPT, ERR_FORBIDDEN, ERR_DIVERGED,
		ERR_CANCELLED, ERR_USAGE, ERR_ABORTED, ERR_JOURNAL };

	for (size_t i = 0; i < COUNT_OF(not_of_world); i++)
		if (failure->err.code == not_of_world[i])
			return false;
	return failure->own && !failure->refused && !failure->said;
}

/* "failover.yaml:31: UNREACHABLE: …" */
static int failure_tostring(lua_State *lua)
{
	struct failure failure;

	if (!is_failure(lua, 1))
		return failure_usage(lua, "not an error of the program");
	failure_read(lua, 1, &failure);
	lua_pushfstring(lua, "%s%s%s: %s", failure.where, failure.where[0] != '\0' ? ": " : "",
		err_name(failure.err.code), failure.err.text);
	return 1;
}

void failure_open(lua_State *lua)
{
	luaL_newmetatable(lua, failure_key);
	lua_pushcfunction(lua, failure_tostring);
	lua_setfield(lua, -2, "__tostring");
	lua_pushliteral(lua, "error of the program");
	lua_setfield(lua, -2, "__metatable"); /* a script cannot give it other methods */
	lua_pop(lua, 1);
}
