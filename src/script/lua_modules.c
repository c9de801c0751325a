/* lua_modules.c: require: modules of the workspace (lua/NAME.lua, their text is part of the
 * plan) and of the installed library, each run once. */
#include "chunk.h"
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

enum { LIBRARY_MAX = 1 << 20 };

static const char loaded_key[] = "drillbook.modules";

static bool plain_name(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return name[0] != '\0' && strlen(name) <= 64 && name[strspn(name, letters)] == '\0';
}

/* Leaves the loaded chunk or the message on the stack. */
static int load_workspace(lua_State *lua, const json_t *module, const char *name)
{
	const json_t *source = json_object_get(module, "source");

	lua_pushfstring(lua, "=%s", json_str(module, "file", name));
	const int status = chunk_load(lua, lua_tostring(lua, -1), 1, json_string_value(source),
		json_string_length(source));
	lua_remove(lua, -2);
	return status;
}

static int load_library(lua_State *lua, const char *name, bool *found)
{
	struct buf text;
	struct err err = { 0 };
	int status = LUA_OK;

	lua_pushfstring(lua, "lua/%s.lua", name);
	char *path = path_share(lua_tostring(lua, -1));
	*found = file_read(path, LIBRARY_MAX, &text, &err) == ERR_NONE;
	free(path);
	if (*found) {
		lua_pushfstring(lua, "=library/%s.lua", name);
		/* chunk_load does not raise: the buffer is released in any case */
		status = chunk_load(lua, lua_tostring(lua, -1), 1,
			text.data != NULL ? text.data : "", text.len);
		lua_remove(lua, -2);
	}
	buf_release(&text);
	lua_remove(lua, *found ? -2 : -1);
	return status;
}

static int load_module(lua_State *lua, const char *name)
{
	const json_t *modules = json_object_get(sandbox_job(lua)->json, "modules");
	const json_t *module = json_object_get(modules, name);
	bool found = true;
	int status;

	if (json_is_string(json_object_get(module, "source")))
		status = load_workspace(lua, module, name);
	else
		status = load_library(lua, name, &found);
	if (!found)
		return failure_usage(
			lua, "there is no module \"%s\": it would be lua/%s.lua", name, name);
	if (status != LUA_OK)
		return lua_error(lua);
	return 1;
}

static int api_require(lua_State *lua)
{
	const char *name = luaL_checkstring(lua, 1);

	if (!plain_name(name))
		return failure_usage(lua, "\"%s\" is no name of a module", name);
	lua_settop(lua, 1);
	luaL_getmetatable(lua, loaded_key);
	if (lua_getfield(lua, 2, name) != LUA_TNIL) {
		if (lua_islightuserdata(lua, -1))
			return failure_usage(lua, "module \"%s\" requires itself", name);
		return 1;
	}
	lua_pop(lua, 1);
	lua_pushlightuserdata(lua, NULL);
	lua_setfield(lua, 2, name);
	load_module(lua, name);
	lua_pushvalue(lua, 1);
	lua_call(lua, 1, 1);
	if (lua_isnil(lua, -1)) {
		lua_pop(lua, 1);
		lua_pushboolean(lua, 1);
	}
	lua_pushvalue(lua, -1);
	lua_setfield(lua, 2, name);
	return 1;
}

void modules_open(lua_State *lua)
{
	luaL_newmetatable(lua, loaded_key);
	lua_pop(lua, 1);
	lua_register(lua, "require", api_require);
}
