/* screen.c: everything a screen needs besides its server: the workspace, settings, keys. */
#include "screen.h"

#include <stdlib.h>

enum err_code looker_desk(struct looker *looker, struct err *err)
{
	if (!looker->open)
		TRY(desk_open(&looker->desk, looker->args, err));
	looker->open = true;
	return ERR_NONE;
}

static enum err_code start(
	void *arg, const char *runbook, const char *mode, int64_t *run, struct err *err)
{
	struct looker *looker = arg;
	json_t *plan, *request, *answer;

	TRY(looker_desk(looker, err));
	TRY(desk_trusted(&looker->desk, err));
	TRY(cli_plan(&looker->desk, looker->args, runbook, mode, &plan, err));
	request = json_object();
	json_put(request, "plan", plan);
	TRY(cli_start_members(looker->args, request, err));
	TRY(client_ask(looker->client, "start", request, &answer, err));
	*run = json_int(answer, "run", 0);
	json_decref(answer);
	return ERR_NONE;
}

/* One of the operator's files; NULL when it is not there; *notice (owned) says what is wrong. */
static json_t *settings(const char *name, char **notice)
{
	char *dir = dir_config(), *path = path_join(dir, name);
	struct err err = {0};
	json_t *json = NULL;

	if (settings_read(path, &json, &err) != ERR_NONE && err.code != ERR_NOT_FOUND &&
		*notice == NULL)
		*notice = xasprintf("%s; it is passed over", err.text);
	free(path);
	free(dir);
	return json;
}

enum err_code cli_screen(const struct args *args, struct client *client, int64_t run,
	const char *suggest, const char *mode, int *status, struct err *err)
{
	struct looker looker = {.args = args, .client = client};
	char *notice = NULL;

	json_t *keys = settings("keys.yaml", &notice);
	const struct tui_options options = {.client = client,
		.run = run,
		.start = start,
		.start_arg = &looker,
		.suggest = suggest,
		.suggest_mode = mode,
		.look = cli_look,
		.look_arg = &looker,
		.keys = keys,
		.notice = notice,
		.color = args->color,
		.watch_only = option_flag(args, "watch")};
	const enum err_code code = tui_run(&options, status, err);
	json_decref(keys);
	free(notice);
	if (looker.open)
		desk_close(&looker.desk);
	return code;
}
