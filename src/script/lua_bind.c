/* lua_bind.c: a global table for every capability, with its verbs, made from the provider
 * tables.
 *
 *     local s = replication.status("db-standby")
 *     failover.promote("db-standby", {wait = "30s"})
 *
 * Which provider answers is the target's business, so a verb is bound once, whoever has it. */
#include "lua_value.h"
#include "sandbox.h"

#include <string.h>

enum { OP_MAX = 128 };

/* A list that is empty looks like an object: the table knows which it should be. */
static void mend_lists(const struct job *job, const char *op, const char *target, json_t *args)
{
	const char *provider = json_str(json_object_get(job->targets, target), "provider", "");
	const struct operation *operation = operation_find(provider_find(provider), op);
	const struct field *field = operation != NULL ? operation->params : NULL;

	for (; field != NULL && field->name != NULL; field++) {
		const json_t *value = json_object_get(args, field->name);
		if (field->type == FIELD_STRINGS && json_is_object(value) &&
			json_object_size(value) == 0)
			json_put(args, field->name, json_array());
	}
}

/* Raises with everything released: a long jump leaves no destructor behind. */
static int raise(lua_State *lua, struct job *job, const struct err *err)
{
	struct failure failure = { .err = *err, .refused = job->refused };

	return failure_raise_as(lua, &failure);
}

static int call_verb(lua_State *lua)
{
	struct job *job = sandbox_job(lua);
	const char *op = lua_tostring(lua, lua_upvalueindex(1));
	struct err err = { 0 };
	json_t *result = NULL;

	sandbox_check(lua);
	if (lua_type(lua, 1) != LUA_TSTRING)
		return failure_usage(lua, "%s: the first argument is the name of a target", op);
	if (lua_gettop(lua) > 2 || (!lua_isnoneornil(lua, 2) && !lua_istable(lua, 2)))
		return failure_usage(lua,
			"%s: give parameters as one table: %s(\"%s\", {name = value})", op, op,
			lua_tostring(lua, 1));
	const char *target = lua_tostring(lua, 1);
	json_t *args =
		lua_istable(lua, 2) ? value_take(lua, 2, "args", 0, &err) : json_object();
	if (args == NULL)
		return failure_usage(lua, "%s: %s", op, err.text);
	if (json_array_size(args) > 0) {
		json_decref(args);
		return failure_usage(lua, "%s: parameters have names: {name = value}", op);
	}
	if (json_is_array(args)) {
		json_decref(args);
		args = json_object();
	}
	mend_lists(job, op, target, args);
	const enum err_code code = boundary_call(job, op, target, args, &result, &err);
	json_decref(args);
	if (code != ERR_NONE)
		return raise(lua, job, &err);
	value_push(lua, result);
	json_decref(result);
	sandbox_check(lua);
	return 1;
}

/* failover.promot: says what there is instead of "attempt to call a nil value". */
static int no_such_verb(lua_State *lua)
{
	const char *capability = lua_tostring(lua, lua_upvalueindex(1));
	const char *verbs[64];
	int count = 0;

	if (lua_type(lua, 2) != LUA_TSTRING)
		return 0;
	const char *verb = lua_tostring(lua, 2);
	lua_pushnil(lua);
	while (count < (int)COUNT_OF(verbs) && lua_next(lua, 1)) {
		if (lua_type(lua, -2) == LUA_TSTRING)
			verbs[count++] = lua_tostring(lua, -2);
		lua_pop(lua, 1);
	}
	const char *near = str_nearest(verb, verbs, (size_t)count);
	if (near != NULL)
		return failure_usage(lua, "%s has no verb \"%s\"; did you mean %s.%s?",
			capability, verb, capability, near);
	return failure_usage(lua, "%s has no verb \"%s\"", capability, verb);
}

/* Pushes the capability's table, made when it is not there yet. */
static void push_capability(lua_State *lua, const char *capability)
{
	if (lua_getglobal(lua, capability) == LUA_TTABLE)
		return;
	lua_pop(lua, 1);
	lua_newtable(lua);
	lua_createtable(lua, 0, 2);
	lua_pushstring(lua, capability);
	lua_pushcclosure(lua, no_such_verb, 1);
	lua_setfield(lua, -2, "__index");
	lua_pushliteral(lua, "a capability");
	lua_setfield(lua, -2, "__metatable");
	lua_setmetatable(lua, -2);
	lua_pushvalue(lua, -1);
	lua_setglobal(lua, capability);
}

void bindings_open(lua_State *lua)
{
	for (size_t i = 0; providers[i] != NULL; i++)
		for (const struct operation *o = providers[i]->operations;
			o != NULL && o->capability != NULL; o++) {
			push_capability(lua, o->capability);
			lua_pushstring(lua, o->verb);
			lua_pushfstring(lua, "%s.%s", o->capability, o->verb);
			lua_pushcclosure(lua, call_verb, 1);
			lua_rawset(lua, -3);
			lua_pop(lua, 1);
		}
}
