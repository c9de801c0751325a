/* mode_lint.c: `worker --lint`: the syntax of scripts, without running a line of them.
 *
 * stdin:  {"scripts": [{"file", "line", "source"}]}      line: where the script's first line
 * stands in its file stdout: {"problems": [{"file", "line", "text"}]} */
#include "chunk.h"
#include "modes.h"

#include "drillbook/base.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 64 << 20 };

/* Lua says "c:LINE: text"; the name is ours, so that a colon in a file's name cannot confuse
 * it. */
static void report(json_t *problems, const json_t *script, const char *message)
{
	json_t *problem = json_object();
	int64_t line = json_int(script, "line", 1);
	const char *text = message;

	if (str_starts(message, "c:")) {
		char *end;
		const long at = strtol(message + 2, &end, 10);
		if (*end == ':') {
			line = at;
			text = end + 1 + (end[1] == ' ');
		}
	}
	json_put_str(problem, "file", json_str(script, "file", ""));
	json_put_int(problem, "line", line);
	json_put_str(problem, "text", text);
	json_array_append_new(problems, problem);
}

static void check(json_t *problems, const json_t *script)
{
	const json_t *source = json_object_get(script, "source");
	lua_State *lua = luaL_newstate();

	if (lua == NULL)
		base_die("no memory for Lua");
	if (!json_is_string(source))
		report(problems, script, "there is no source");
	else if (chunk_load(lua, "=c", json_int(script, "line", 1), json_string_value(source),
			 json_string_length(source)) != LUA_OK)
		report(problems, script, lua_tostring(lua, -1));
	lua_close(lua);
}

int lint_main(void)
{
	struct err err = { 0 };
	struct buf text;
	char chunk[65536];
	ssize_t n;
	json_t *json = NULL, *script, *answer = json_object(), *problems = json_array();
	size_t i;

	buf_init(&text, INPUT_MAX);
	while ((n = read(0, chunk, sizeof(chunk))) > 0)
		if (buf_add(&text, chunk, (size_t)n, &err) != ERR_NONE)
			goto failed;
	if (json_parse(text.data != NULL ? text.data : "", text.len, &json, &err) != ERR_NONE)
		goto failed;
	json_array_foreach(json_object_get(json, "scripts"), i, script)
	{
		check(problems, script);
	}
	json_put(answer, "problems", problems);
	char *line = json_line(answer);
	printf("%s\n", line);
	free(line);
	json_decref(answer);
	json_decref(json);
	buf_release(&text);
	return fflush(stdout) == 0 ? 0 : 1;
failed:
	fprintf(stderr, "worker --lint: %s\n", err.text);
	return 1;
}
