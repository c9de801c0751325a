/* sandbox.h: the Lua state of a step: what it may use, how much, how long, and how its errors
 * look. */
#ifndef SCRIPT_SANDBOX_H
#define SCRIPT_SANDBOX_H

#include "job.h"

#include <lauxlib.h>
#include <lua.h>

enum {
	LUA_MEMORY_MAX = 64 << 20, /* bytes of one script */
	HOOK_EVERY = 10000,	   /* instructions between two looks at stop and deadline */
};

/* ------------------------------------------------------------------ errors
 * An error raised by the program is a table {code, text, world, where}; tostring() of it says
 * everything.  A plain error of Lua (a string) is a mistake in the script. */

struct failure {
	struct err err;
	char where[160]; /* "failover.yaml:31" or "" */
	bool own;	 /* raised by the program, not by Lua or by error() */
	bool said;	 /* by fail(): the text needs no place before it */
	bool refused;	 /* a human or the policy said no */
};
/* Raises err at the line of the author's that is running. */
int failure_raise(lua_State *lua, const struct err *err);
int failure_raise_as(lua_State *lua, const struct failure *failure);
/* An author's mistake: USAGE, printf-like. */
int failure_usage(lua_State *lua, const char *fmt, ...) PRINTF(2, 3);
/* What the value on top of the stack says. */
void failure_read(lua_State *lua, int index, struct failure *failure);
/* What the world did, so that attempt() may hand it to the script. */
bool failure_of_world(const struct failure *failure);
void failure_open(lua_State *lua); /* prepares a state */

/* ------------------------------------------------------------------ the state */

struct job *sandbox_job(lua_State *lua);
/* A new state with the allowed base functions; NULL when there is no memory.  job may be NULL
 * in tests of syntax. */
lua_State *sandbox_new(struct job *job);
/* Raises when the step is over (stop, deadline, divergence); called wherever a script could
 * hide from the hook. */
void sandbox_check(lua_State *lua);
/* lua_pcall that an ended step cannot be caught by. */
int sandbox_pcall(lua_State *lua, int args, int results, int handler);

void api_open(lua_State *lua);	    /* lua_api.c: fail, log, wait_until, … */
void measure_open(lua_State *lua);  /* lua_measure.c: impact, detected, recovery_point */
void json_open(lua_State *lua);	    /* lua_json.c */
void modules_open(lua_State *lua);  /* lua_modules.c: require */
void bindings_open(lua_State *lua); /* lua_bind.c: one table per capability */
extern const char
	*const sandbox_words[]; /* names of the API: no capability may have one of them */

/* For the API's C functions. */
int64_t arg_duration(lua_State *lua, int index, const char *what);
int64_t arg_bytes(lua_State *lua, int index, const char *what);
/* The wall time in ms, recorded. */
int64_t recorded_now(lua_State *lua);
/* Copies of a string argument formatted like string.format when there is more than one; pushes
 * it. */
const char *format_args(lua_State *lua, int first);

#endif
