/* lua_json.c: json.encode, json.decode, json.array, json.null. */
#include "lua_value.h"
#include "sandbox.h"

#include <stdlib.h>

static int json_encode(lua_State *lua)
{
	struct err err = { 0 };

	luaL_checkany(lua, 1);
	json_t *value = value_take(lua, 1, "the value", VALUE_FLOATS, &err);
	if (value == NULL)
		return failure_usage(lua, "json.encode: %s", err.text);
	char *line = json_line(value);
	json_decref(value);
	lua_pushstring(lua, line);
	free(line);
	return 1;
}

static int json_decode(lua_State *lua)
{
	struct err err = { 0 };
	json_t *value = NULL;
	size_t len;
	const char *text = luaL_checklstring(lua, 1, &len);

	if (json_parse(text, len, &value, &err) != ERR_NONE) {
		err_context(&err, "json.decode");
		return failure_raise(lua, &err);
	}
	value_push(lua, value);
	json_decref(value);
	return 1;
}

static int json_mark_array(lua_State *lua)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	lua_settop(lua, 1);
	value_mark_array(lua);
	return 1;
}

void json_open(lua_State *lua)
{
	static const luaL_Reg functions[] = { { "encode", json_encode },
		{ "decode", json_decode }, { "array", json_mark_array }, { NULL, NULL } };

	luaL_checkversion(lua);
	lua_createtable(lua, 0, 4);
	luaL_setfuncs(lua, functions, 0);
	value_push_null(lua);
	lua_setfield(lua, -2, "null");
	lua_setglobal(lua, "json");
}
