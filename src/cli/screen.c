/* screen.c: everything a screen needs besides its server: the workspace, settings, keys. */
#include "screen.h"
#include "recording.h"
#include "secret.h"

#include <stdlib.h>
#include <string.h>

enum err_code looker_desk(struct looker *looker, struct err *err)
{
	if (!looker->open)
		TRY(desk_open(&looker->desk, looker->args, err));
	looker->open = true;
	return ERR_NONE;
}

/* The options as if the form's values had been given on the command line; owned. */
static json_t *as_options(const struct args *args, const json_t *what)
{
	json_t *options = json_deep_copy(args->options), *list = json_array(), *value;
	const char *name;

	json_object_foreach(json_object_get(what, "params"), name, value) {
		char *pair = xasprintf("%s=%s", name, json_string_value(value));
		json_array_append_new(list, json_text(pair, strlen(pair)));
		free(pair);
	}
	json_put(options, "param", list);
	json_put_str(options, "note", json_str(what, "note", NULL));
	json_put_str(options, "from", json_str(what, "from", NULL)); /* of a simulation */
	json_put_str(options, "impact", json_str(what, "impact", NULL));
	return options;
}

static enum err_code start_with(struct looker *looker, const struct args *args,
	const json_t *what, int64_t *run, struct err *err)
{
	json_t *plan, *request = NULL, *answer = NULL;

	TRY(desk_trusted(&looker->desk, err));
	TRY(cli_plan(&looker->desk, args, json_str(what, "runbook", ""),
		json_str(what, "mode", "drill"), &plan, err));
	enum err_code code = ERR_NONE;
	if (str_eq(json_str(what, "mode", ""), "simulate")) {
		json_t *recording = NULL;
		code = recording_make(args, &recording, err);
		if (code == ERR_NONE)
			json_put(plan, "recording", recording);
	}
	if (code == ERR_NONE)
		code = cli_start_request(args, plan, &request, err);
	if (code == ERR_NONE)
		code = cli_ask_start(looker->client, plan, false, request, &answer, err);
	else
		json_decref(request);
	if (code == ERR_NONE)
		*run = json_int(answer, "run", 0);
	json_decref(plan);
	json_decref(answer);
	return code;
}

/* The workspace is read anew: what was just mended counts. */
enum err_code cli_start(void *arg, const json_t *what, int64_t *run, struct err *err)
{
	struct looker *looker = arg;
	struct args args = *looker->args;

	looker_forget(looker);
	TRY(looker_desk(looker, err));
	args.options = as_options(looker->args, what);
	args.quiet = true;
	const enum err_code code = start_with(looker, &args, what, run, err);
	json_decref(args.options);
	return code;
}

enum err_code cli_secrets(void *arg, int64_t run, struct err *err)
{
	struct looker *looker = arg;

	return cli_give_secrets(looker->client, run, true, err);
}

void looker_forget(struct looker *looker)
{
	if (looker->open)
		desk_close(&looker->desk);
	looker->open = false;
}

/* One of the operator's files; NULL when it is not there; *notice (owned) says what is wrong.
 */
static json_t *settings(const char *name, char **notice)
{
	char *dir = dir_config(), *path = path_join(dir, name);
	struct err err = { 0 };
	json_t *json = NULL;

	if (settings_read(path, &json, &err) != ERR_NONE && err.code != ERR_NOT_FOUND &&
		*notice == NULL)
		*notice = xasprintf("%s; it is passed over", err.text);
	free(path);
	free(dir);
	return json;
}

/* The flag, then the environment, then screen.yaml. */
static json_t *screen_settings(const struct args *args, char **notice)
{
	json_t *json = settings("screen.yaml", notice);
	const char *theme = option_value(args, "theme");

	if (theme == NULL)
		theme = getenv("DRILLBOOK_THEME");
	if (json == NULL)
		json = json_object();
	if (theme != NULL && theme[0] != '\0')
		json_put_str(json, "theme", theme);
	return json;
}

enum err_code cli_screen(const struct args *args, struct client *client, int64_t run,
	const char *suggest, const char *mode, int *status, struct err *err)
{
	struct looker looker = { .args = args, .client = client };
	char *notice = NULL;

	json_t *keys = settings("keys.yaml", &notice), *look = screen_settings(args, &notice);
	const struct tui_options options = { .client = client,
		.run = run,
		.start = cli_start,
		.start_arg = &looker,
		.secrets = cli_secrets,
		.suggest = suggest,
		.suggest_mode = mode,
		.look = cli_look,
		.look_arg = &looker,
		.keys = keys,
		.settings = look,
		.record = option_value(args, "record"),
		.notice = notice,
		.color = args->color,
		.watch_only = option_flag(args, "watch") };
	const enum err_code code = tui_run(&options, status, err);
	json_decref(keys);
	json_decref(look);
	free(notice);
	looker_forget(&looker);
	return code;
}
