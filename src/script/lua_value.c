/* lua_value.c: Lua tables are arrays or objects or neither; JSON has to know.
 *
 * The journal holds no floating point: a number that is not whole is refused with the name of
 * its member. */
#include "lua_value.h"

#include <lauxlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, NODES_MAX = 200000, NAME_MAX_BYTES = 256 };

static const char array_key[] = "drillbook.array";

void value_mark_array(lua_State *lua)
{
	luaL_newmetatable(lua, array_key);
	lua_setmetatable(lua, -2);
}

void value_push_null(lua_State *lua)
{
	lua_pushlightuserdata(lua, NULL);
}

/* ------------------------------------------------------------------ JSON to Lua */

static void push_array(lua_State *lua, const json_t *array)
{
	const json_t *item;
	size_t i;

	lua_createtable(lua, (int)json_array_size(array), 0);
	json_array_foreach(array, i, item)
	{
		if (json_is_null(item))
			value_push_null(lua);
		else
			value_push(lua, item);
		lua_rawseti(lua, -2, (lua_Integer)i + 1);
	}
	value_mark_array(lua);
}

static void push_object(lua_State *lua, const json_t *object)
{
	const char *name;
	json_t *item;

	lua_createtable(lua, 0, (int)json_object_size(object));
	json_object_foreach((json_t *)(uintptr_t)object, name, item)
	{
		if (json_is_null(item))
			continue;
		lua_pushstring(lua, name);
		value_push(lua, item);
		lua_rawset(lua, -3);
	}
}

void value_push(lua_State *lua, const json_t *value)
{
	luaL_checkstack(lua, 8, "the value is too deep");
	if (value == NULL) {
		lua_pushnil(lua);
		return;
	}
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		push_object(lua, value);
		break;
	case JSON_ARRAY:
		push_array(lua, value);
		break;
	case JSON_STRING:
		lua_pushlstring(lua, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		lua_pushinteger(lua, json_integer_value(value));
		break;
	case JSON_REAL:
		lua_pushnumber(lua, json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lua_pushboolean(lua, json_is_true(value));
		break;
	case JSON_NULL:
		lua_pushnil(lua);
		break;
	}
}

/* ------------------------------------------------------------------ Lua to JSON */

struct taking {
	lua_State *lua;
	int flags, depth;
	size_t nodes;
	char name[NAME_MAX_BYTES]; /* of the member at hand, for the message */
	struct err *err;
};

static json_t *take(struct taking *taking, int index);

static json_t *wrong(struct taking *taking, const char *what)
{
	err_set(taking->err, ERR_USAGE, "%s %s", taking->name, what);
	return NULL;
}

static json_t *take_number(struct taking *taking, int index)
{
	char what[128];
	int whole;
	const lua_Integer integer = lua_tointegerx(taking->lua, index, &whole);

	if (whole)
		return json_integer(integer);
	const lua_Number number = lua_tonumber(taking->lua, index);
	if ((taking->flags & VALUE_FLOATS) != 0) {
		json_t *real = json_real(number);
		return real != NULL ? real
				    : wrong(taking, "is not a number that JSON can hold");
	}
	snprintf(what, sizeof(what),
		"is %.14g: give a whole number in a smaller unit (…_ms, …_bytes, …_per_mille)",
		number);
	return wrong(taking, what);
}

/* True for a marked table and for one whose keys are 1 to n, n > 0. */
static bool is_array(lua_State *lua, int index)
{
	const size_t length = lua_rawlen(lua, index);
	size_t count = 0;

	if (lua_getmetatable(lua, index)) {
		luaL_getmetatable(lua, array_key);
		const bool marked = lua_rawequal(lua, -1, -2);
		lua_pop(lua, 2);
		if (marked)
			return true;
	}
	if (length == 0)
		return false;
	lua_pushnil(lua);
	while (lua_next(lua, index)) {
		lua_pop(lua, 1);
		if (lua_type(lua, -1) != LUA_TNUMBER || ++count > length) {
			lua_pop(lua, 1);
			return false;
		}
	}
	return count == length;
}

/* Appends ".member" or "[i]" to the name for the time of one member. */
static json_t *take_member(struct taking *taking, int index, const char *member, size_t i)
{
	const size_t len = strlen(taking->name);

	if (member != NULL)
		snprintf(taking->name + len, sizeof(taking->name) - len, ".%.64s", member);
	else
		snprintf(taking->name + len, sizeof(taking->name) - len, "[%zu]", i);
	json_t *value = take(taking, index);
	if (value != NULL) /* on error the name stays for nobody: the message is made */
		taking->name[len] = '\0';
	return value;
}

static json_t *take_array(struct taking *taking, int index)
{
	lua_State *lua = taking->lua;
	json_t *array = json_array();
	const size_t length = lua_rawlen(lua, index);

	for (size_t i = 1; i <= length; i++) {
		lua_rawgeti(lua, index, (lua_Integer)i);
		json_t *item = take_member(taking, lua_gettop(lua), NULL, i);
		lua_pop(lua, 1);
		if (item == NULL) {
			json_decref(array);
			return NULL;
		}
		json_array_append_new(array, item);
	}
	return array;
}

static json_t *take_object(struct taking *taking, int index)
{
	lua_State *lua = taking->lua;
	json_t *object = json_object();

	lua_pushnil(lua);
	while (lua_next(lua, index)) {
		json_t *item = NULL;
		if (lua_type(lua, -2) != LUA_TSTRING) {
			wrong(taking, "mixes a list with named members, or has a key that is "
				      "not a string");
		} else {
			const char *name = lua_tostring(lua, -2);
			item = take_member(taking, lua_gettop(lua), name, 0);
		}
		if (item == NULL) {
			lua_pop(lua, 2);
			json_decref(object);
			return NULL;
		}
		size_t len;
		const char *name = lua_tolstring(lua, -2, &len);
		/* names that are not UTF-8 or hold a NUL are spelled as JSON can */
		json_t *clean = json_text(name, len);
		json_put(object, json_string_value(clean), item);
		json_decref(clean);
		lua_pop(lua, 1);
	}
	return object;
}

static json_t *take(struct taking *taking, int index)
{
	lua_State *lua = taking->lua;
	json_t *value;
	size_t len;

	if (++taking->nodes > NODES_MAX)
		return wrong(taking, "has too many members");
	switch (lua_type(lua, index)) {
	case LUA_TNIL:
		return json_null();
	case LUA_TBOOLEAN:
		return json_boolean(lua_toboolean(lua, index));
	case LUA_TNUMBER:
		return take_number(taking, index);
	case LUA_TSTRING: {
		const char *text = lua_tolstring(lua, index, &len);
		return json_text(text, len);
	}
	case LUA_TLIGHTUSERDATA:
		return json_null();
	case LUA_TTABLE:
		if (taking->depth == DEPTH_MAX || !lua_checkstack(lua, 8))
			return wrong(taking, "is too deep, or holds itself");
		taking->depth++;
		value = is_array(lua, index) ? take_array(taking, index)
					     : take_object(taking, index);
		taking->depth--;
		return value;
	default:
		return wrong(taking, "is a function, which cannot be stored");
	}
}

json_t *value_take(lua_State *lua, int index, const char *what, int flags, struct err *err)
{
	struct taking taking = { .lua = lua, .flags = flags, .err = err };

	snprintf(taking.name, sizeof(taking.name), "%s", what);
	return take(&taking, lua_absindex(lua, index));
}
