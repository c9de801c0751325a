/* chunk.h: loading a script so that Lua's line numbers are those of the file it was written in.
 */
#ifndef SCRIPT_CHUNK_H
#define SCRIPT_CHUNK_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

/* Text only.  name as Lua wants it: "=failover.yaml".  line: where the first line of source
 * stands in its file. Leaves the function or the message on the stack; returns Lua's status. */
int chunk_load(lua_State *lua, const char *name, int64_t line, const char *source, size_t len);

#endif
