/* lua_value.h: values between Lua and JSON. */
#ifndef SCRIPT_LUA_VALUE_H
#define SCRIPT_LUA_VALUE_H

#include "drillbook/base.h"

#include <lua.h>

/* Pushes value.  Members that are null are left out; a null in an array becomes json.null.
 * Arrays remember that they are arrays, also when empty.  May raise (memory). */
void value_push(lua_State *lua, const json_t *value);

enum value_flags { VALUE_FLOATS = 1 }; /* allow numbers with a fraction (json.encode only) */
/* The value at index as JSON (owned), or NULL and what is wrong in err (ERR_USAGE), naming the
 * member as "what.member".  Does not raise. */
json_t *value_take(lua_State *lua, int index, const char *what, int flags, struct err *err);

/* Marks the table on top of the stack as an array. */
void value_mark_array(lua_State *lua);
/* Pushes json.null. */
void value_push_null(lua_State *lua);

#endif
