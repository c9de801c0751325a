/* examine.c: `drillbook server examine`: what a server runs, as its own user, to see for itself
 * what a terminal wants to start.
 *
 * stdin: {"root", "runbook" (NAME or NAME@COMMIT) or "services" ([names]), "mode", "params",
 * "conditions": [..], "signers": path or null} stdout: {"ok": true, "plan", "facts"} or {"ok":
 * false, "error": {"code", "text"}} The loop of the server must not wait for a disk or for git,
 * and Git is started only here. */
#include "examine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUEST_MAX = 4 << 20 };

static enum err_code read_request(json_t **out, struct err *err)
{
	struct buf text;
	char chunk[65536];
	ssize_t n;

	buf_init(&text, REQUEST_MAX);
	enum err_code code = ERR_NONE;
	while (code == ERR_NONE && (n = read(0, chunk, sizeof(chunk))) > 0)
		code = buf_add(&text, chunk, (size_t)n, err);
	if (code == ERR_NONE)
		code = json_parse(text.data != NULL ? text.data : "", text.len, out, err);
	buf_release(&text);
	return code;
}

/* The workspace itself and not one above it: it is the directory that was allowed. */
static enum err_code is_root(const struct desk *desk, const char *root, struct err *err)
{
	char *real = realpath(root, NULL);
	const bool same = real != NULL && strcmp(real, workspace_root(desk->workspace)) == 0;

	free(real);
	return same ? ERR_NONE : err_set(err, ERR_WORKSPACE, "\"%s\" is no workspace", root);
}

static enum err_code plan_again(
	struct desk *desk, const json_t *request, json_t **plan, struct err *err)
{
	const json_t *services = json_object_get(request, "services"),
		     *params = json_object_get(request, "params");
	const size_t count = json_array_size(services);
	const char *mode = json_str(request, "mode", "");

	if (count == 0)
		return workspace_plan(desk->workspace, json_str(request, "runbook", ""), mode,
			params, plan, &desk->problems, err);
	const char **names = xmalloc(count * sizeof(*names));
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_array_get(services, i));
		names[i] = name != NULL ? name : "";
	}
	const enum err_code code = workspace_plan_services(
		desk->workspace, names, count, false, mode, params, plan, &desk->problems, err);
	free(names);
	return code;
}

static enum err_code examine(
	const struct args *args, const json_t *request, json_t *answer, struct err *err)
{
	struct args here = *args;
	struct desk desk;
	json_t *plan = NULL;

	here.workspace_dir = json_str(request, "root", "/nonexistent");
	TRY(desk_open(&desk, &here, err));
	enum err_code code = is_root(&desk, here.workspace_dir, err);
	if (code == ERR_NONE)
		code = plan_again(&desk, request, &plan, err);
	if (code == ERR_NONE) {
		json_put(answer, "facts",
			workspace_review(desk.workspace, plan,
				json_object_get(request, "conditions"),
				json_str(request, "signers", NULL)));
		json_put(answer, "plan", plan);
	}
	desk_close(&desk);
	return code;
}

int server_examine(const struct args *args, struct err *err)
{
	json_t *request = NULL, *answer = json_object();
	enum err_code code = read_request(&request, err);

	if (code == ERR_NONE)
		code = examine(args, request, answer, err);
	json_put_flag(answer, "ok", code == ERR_NONE);
	if (code != ERR_NONE) {
		json_t *error = json_object();
		json_put_str(error, "code", err_name(code));
		json_put_str(error, "text", err->text);
		json_put(answer, "error", error);
	}
	char *line = json_line(answer);
	code = write_all(1, line, strlen(line), err);
	free(line);
	json_decref(request);
	json_decref(answer);
	return code == ERR_NONE ? 0 : -1;
}
