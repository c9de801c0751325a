/* sandbox.c: a Lua state that can be left: limited memory, a hook that looks at stop and
 * deadline, and only the base functions from which a script cannot hide or harm.
 *
 * Not there: io, os, package, debug, load, loadstring, dofile, loadfile, collectgarbage,
 * coroutine, string.dump, math.random, math.randomseed, warn.  The sandbox limits accidents;
 * the process around it is the fence. */
#include "sandbox.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

struct memory {
	size_t used, limit;
};

static void *allocate(void *arg, void *old, size_t old_size, size_t new_size)
{
	struct memory *memory = arg;

	if (old == NULL)
		old_size = 0; /* Lua passes the kind of object then */
	if (new_size == 0) {
		free(old);
		memory->used -= old_size;
		return NULL;
	}
	if (new_size > old_size && new_size - old_size > memory->limit - memory->used)
		return NULL;
	void *new = realloc(old, new_size);
	if (new != NULL)
		memory->used += new_size - old_size;
	return new;
}

struct job *sandbox_job(lua_State *lua)
{
	return *(struct job **)lua_getextraspace(lua);
}

/* ------------------------------------------------------------------ the end of the step */

void sandbox_check(lua_State *lua)
{
	struct err err = { 0 };

	if (job_halted(sandbox_job(lua), &err) != ERR_NONE) {
		err.world = sandbox_job(lua)->changed ? WORLD_CHANGED : WORLD_UNCHANGED;
		failure_raise(lua, &err);
	}
}

static void on_count(lua_State *lua, lua_Debug *frame)
{
	(void)frame;
	sandbox_check(lua);
}

int sandbox_pcall(lua_State *lua, int args, int results, int handler)
{
	const int status = lua_pcall(lua, args, results, handler);

	if (status != LUA_OK)
		sandbox_check(lua);
	return status;
}

static int base_pcall(lua_State *lua)
{
	luaL_checkany(lua, 1);
	sandbox_check(lua);
	lua_pushboolean(lua, 1); /* its place is taken before the results fill the stack */
	lua_insert(lua, 1);
	if (sandbox_pcall(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0) != LUA_OK) {
		lua_pushboolean(lua, 0);
		lua_replace(lua, 1);
	}
	return lua_gettop(lua);
}

static int base_xpcall(lua_State *lua)
{
	luaL_checkany(lua, 1);
	luaL_checktype(lua, 2, LUA_TFUNCTION);
	sandbox_check(lua);
	/* function, handler, args…  ->  handler, function, args… */
	lua_pushvalue(lua, 1);
	lua_copy(lua, 2, 1);
	lua_replace(lua, 2);
	const int status = sandbox_pcall(lua, lua_gettop(lua) - 2, LUA_MULTRET, 1);
	lua_pushboolean(lua, status == LUA_OK);
	lua_replace(lua, 1);
	return lua_gettop(lua);
}

/* ------------------------------------------------------------------ base functions */

/* A finaliser would run at times nobody chose, also when the state is closed. */
static int base_setmetatable(lua_State *lua)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	if (!lua_isnoneornil(lua, 2)) {
		luaL_checktype(lua, 2, LUA_TTABLE);
		lua_pushliteral(lua, "__gc");
		if (lua_rawget(lua, 2) != LUA_TNIL)
			return failure_usage(lua, "__gc is not allowed in a metatable");
		lua_pop(lua, 1);
	}
	if (luaL_getmetafield(lua, 1, "__metatable") != LUA_TNIL)
		return failure_usage(lua, "this metatable is protected");
	lua_settop(lua, 2);
	lua_setmetatable(lua, 1);
	return 1;
}

/* Lua's own counts to n also when there is nothing to repeat. */
static int string_rep(lua_State *lua)
{
	size_t len, separator = 0;

	luaL_checklstring(lua, 1, &len);
	const lua_Integer times = luaL_checkinteger(lua, 2);
	luaL_optlstring(lua, 3, "", &separator);
	if (times <= 0 || (len == 0 && separator == 0)) {
		lua_pushliteral(lua, "");
		return 1;
	}
	const size_t whole = len + separator;
	if ((lua_Unsigned)times > LUA_MEMORY_MAX / whole)
		return failure_usage(lua,
			"string.rep: the result would have more than %d bytes", LUA_MEMORY_MAX);
	lua_pushvalue(lua, lua_upvalueindex(1));
	lua_insert(lua, 1);
	lua_call(lua, lua_gettop(lua) - 1, 1);
	return 1;
}

/* Moving, joining and unpacking count to what they are told: more than a table can hold is
 * refused. */
static int table_bounded(lua_State *lua)
{
	const lua_Integer most = LUA_MEMORY_MAX / 8;

	for (int i = 2; i <= lua_gettop(lua); i++) {
		int whole;
		const lua_Integer value = lua_tointegerx(lua, i, &whole);
		if (whole && lua_type(lua, i) == LUA_TNUMBER && (value > most || value < -most))
			return failure_usage(
				lua, "an index of %lld is beyond any table", (long long)value);
	}
	lua_pushvalue(lua, lua_upvalueindex(1));
	lua_insert(lua, 1);
	lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
	return lua_gettop(lua);
}

static int base_print(lua_State *lua)
{
	const int count = lua_gettop(lua);
	luaL_Buffer text;

	luaL_buffinit(lua, &text);
	for (int i = 1; i <= count; i++) {
		if (i > 1)
			luaL_addchar(&text, '\t');
		luaL_tolstring(lua, i, NULL);
		luaL_addvalue(&text);
	}
	luaL_pushresult(&text);
	struct job *job = sandbox_job(lua);
	job->hooks.log(job->hooks.arg, lua_tostring(lua, -1));
	return 0;
}

/* Puts a C function in front of t[name], which becomes its upvalue; t is on top of the stack.
 */
static void wrap(lua_State *lua, const char *name, lua_CFunction function)
{
	lua_getfield(lua, -1, name);
	lua_pushcclosure(lua, function, 1);
	lua_setfield(lua, -2, name);
}

static void forget(lua_State *lua, const char *const *names)
{
	for (; *names != NULL; names++) {
		lua_pushnil(lua);
		lua_setfield(lua, -2, *names);
	}
}

static void open_libraries(lua_State *lua)
{
	static const luaL_Reg libraries[] = { { LUA_GNAME, luaopen_base },
		{ LUA_STRLIBNAME, luaopen_string }, { LUA_TABLIBNAME, luaopen_table },
		{ LUA_MATHLIBNAME, luaopen_math }, { LUA_UTF8LIBNAME, luaopen_utf8 } };
	static const char *const base[] = { "load", "loadstring", "loadfile", "dofile",
		"collectgarbage", "warn", "coroutine", NULL };
	static const char *const string[] = { "dump", NULL };
	static const char *const math[] = { "random", "randomseed", NULL };
	static const luaL_Reg ours[] = { { "pcall", base_pcall }, { "xpcall", base_xpcall },
		{ "setmetatable", base_setmetatable }, { "print", base_print },
		{ NULL, NULL } };

	for (size_t i = 0; i < COUNT_OF(libraries); i++) {
		luaL_requiref(lua, libraries[i].name, libraries[i].func, 1);
		lua_pop(lua, 1);
	}
	lua_pushglobaltable(lua);
	forget(lua, base);
	luaL_setfuncs(lua, ours, 0);
	lua_getfield(lua, -1, LUA_STRLIBNAME);
	forget(lua, string);
	wrap(lua, "rep", string_rep);
	lua_pop(lua, 1);
	lua_getfield(lua, -1, LUA_TABLIBNAME);
	wrap(lua, "move", table_bounded);
	wrap(lua, "concat", table_bounded);
	wrap(lua, "unpack", table_bounded);
	lua_pop(lua, 1);
	lua_getfield(lua, -1, LUA_MATHLIBNAME);
	forget(lua, math);
	lua_pop(lua, 2);
	/* nothing may be found through the registry's table of loaded libraries either */
	lua_pushnil(lua);
	lua_setfield(lua, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

static int open_all(lua_State *lua)
{
	open_libraries(lua);
	failure_open(lua);
	api_open(lua);
	measure_open(lua);
	json_open(lua);
	modules_open(lua);
	bindings_open(lua);
	return 0;
}

static int no_handler(lua_State *lua)
{
	(void)lua;
	base_die("Lua: an error that nobody caught");
}

lua_State *sandbox_new(struct job *job)
{
	static struct memory memory; /* one state per process */

	memory = (struct memory){ .limit = LUA_MEMORY_MAX };
	lua_State *lua = lua_newstate(allocate, &memory);
	if (lua == NULL)
		return NULL;
	*(struct job **)lua_getextraspace(lua) = job;
	lua_atpanic(lua, no_handler);
	lua_pushcfunction(lua, open_all);
	if (lua_pcall(lua, 0, 0, 0) != LUA_OK)
		base_die("Lua: %s", lua_tostring(lua, -1));
	lua_sethook(lua, on_count, LUA_MASKCOUNT, HOOK_EVERY);
	return lua;
}
