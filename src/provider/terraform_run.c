/* terraform_run.c: running terraform or tofu, and reading what it says.
 * Source: https://developer.hashicorp.com/terraform/internals/machine-readable-ui */
#include "terraform.h"

#include "tool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WORDS_MAX = 256 };

void terraform_said_release(struct terraform_said *said)
{
	json_decref(said->outputs);
	said->outputs = NULL;
}

/* ------------------------------------------------------------------ its lines */

static void take_diagnostic(struct terraform_said *said, const json_t *line)
{
	const json_t *d = json_object_get(line, "diagnostic");
	const char *detail = json_str(d, "detail", "");
	const int first = (int)strcspn(detail, "\n");

	call_log(said->call, "%s", json_str(line, "@message", ""));
	if (detail[0] != '\0')
		call_log(said->call, "%s", detail);
	/* who holds the state; without it the lock could not be taken for another reason */
	said->held = said->held || strstr(detail, "Lock Info:") != NULL;
	if (str_eq(json_str(d, "severity", ""), "error") && said->error[0] == '\0')
		snprintf(said->error, sizeof(said->error), "%s%s%.*s",
			json_str(d, "summary", "an error without words"), first > 0 ? ": " : "",
			first, detail);
}

static void take_outputs(struct terraform_said *said, const json_t *line)
{
	json_t *outputs = json_object_get(line, "outputs");

	if (json_is_object(outputs)) {
		json_decref(said->outputs);
		said->outputs = json_incref(outputs);
	}
}

static void take_message(struct terraform_said *said, const json_t *line)
{
	const char *type = json_str(line, "type", ""),
		   *message = json_str(line, "@message", "");
	const json_t *changes = json_object_get(line, "changes");

	if (str_eq(type, "diagnostic")) {
		take_diagnostic(said, line);
		return;
	}
	said->began += str_eq(type, "apply_start");
	said->made += str_eq(type, "apply_complete");
	said->broke += str_eq(type, "apply_errored");
	if (str_eq(type, "outputs"))
		take_outputs(said, line);
	if (str_eq(type, "change_summary")) {
		said->added = json_int(changes, "add", 0);
		said->changed = json_int(changes, "change", 0);
		said->destroyed = json_int(changes, "remove", 0);
	}
	if (said->total > 0)
		call_progress(
			said->call, (int)(said->made * 1000 / said->total), "%s", message);
	else
		call_progress(said->call, -1, "%s", message);
	if (!str_eq(type, "version") && !str_eq(type, "outputs"))
		call_log(said->call, "%s", message);
}

static void on_line(void *arg, int fd, const char *text)
{
	struct terraform_said *said = arg;
	struct err ignored = { 0 };
	json_t *line = NULL;

	if (fd == 1 && text[0] == '{' &&
		json_parse(text, strlen(text), &line, &ignored) == ERR_NONE)
		take_message(said, line);
	else if (text[0] != '\0')
		call_log(said->call, "%s", text);
	json_decref(line);
}

/* ------------------------------------------------------------------ running */

static char *data_dir(struct call *call)
{
	return setting_has(call, "data_dir")
		       ? xstrdup(setting_string(call, "data_dir"))
		       : path_join(setting_string(call, "dir"), ".terraform");
}

enum err_code terraform_run(struct call *call, const char *const *args,
	struct terraform_said *said, struct buf *out, int *status, struct err *err)
{
	const char *argv[WORDS_MAX] = { setting_string(call, "program") };
	const char *workspace = setting_string(call, "workspace");
	char *dir = data_dir(call), *data = xasprintf("TF_DATA_DIR=%s", dir);
	char *chosen = workspace != NULL ? xasprintf("TF_WORKSPACE=%s", workspace) : NULL;
	size_t len = 0;
	/* nothing from this process's environment may change what a plan says */
	const char *const env[] = { data, "TF_IN_AUTOMATION=1", "TF_INPUT=0",
		"CHECKPOINT_DISABLE=1", "TF_CLI_ARGS*", "TF_LOG*", "TF_VAR_*",
		chosen != NULL ? chosen : "TF_WORKSPACE", NULL };
	struct tool tool = { .call = call,
		.argv = argv,
		.env = env,
		.cwd = setting_string(call, "dir"),
		.secret = call_secret(call, "variables", &len),
		.max_output_bytes = out != NULL ? TERRAFORM_JSON_MAX : 0,
		.grace_ms = setting_int(call, "grace"),
		.quiet = said == NULL,
		.on_line = said != NULL ? on_line : NULL,
		.arg = said };

	for (size_t i = 0; args[i] != NULL && i < WORDS_MAX - 2; i++)
		argv[i + 1] = args[i];
	tool.secret_len = len;
	enum err_code code = tool_run(&tool, err);
	*status = tool.exit_status;
	if (code == ERR_NONE && tool.exit_status < 0) {
		code = tool_failed(&tool, err);
		err->world = WORLD_UNKNOWN;
	}
	if (code == ERR_NONE && said == NULL && tool.exit_status != 0) {
		code = tool_failed(&tool, err);
	} else if (code == ERR_NONE && out != NULL) {
		*out = tool.out;
		buf_init(&tool.out, 0);
	}
	tool_release(&tool);
	free(chosen);
	free(data);
	free(dir);
	return code;
}

enum err_code terraform_failed(struct call *call, const char *what,
	const struct terraform_said *said, int status, struct err *err)
{
	const char *program = setting_string(call, "program");

	if (said->error[0] == '\0')
		return err_set(
			err, ERR_FAILED, "%s %s ended with status %d", program, what, status);
	/* both leave everything as it was: the first is found by us as a rule, the second is
	 * somebody else at work */
	const bool stale = strstr(said->error, "stale") != NULL;
	return err_set(err,
		stale	     ? ERR_CONFLICT
		: said->held ? ERR_HELD
			     : ERR_FAILED,
		"%s %s: %s", program, what, said->error);
}

enum err_code terraform_init(struct call *call, struct err *err)
{
	static const char *const init[] = { "init", "-input=false", "-no-color", NULL };
	static const char *const pinned[] = { "init", "-input=false", "-no-color",
		"-lockfile=readonly", NULL };
	struct buf out = { 0 };
	int status;

	if (!setting_bool(call, "init"))
		return ERR_NONE;
	/* versions that are pinned stay so */
	char *lock = path_join(setting_string(call, "dir"), ".terraform.lock.hcl");
	call_progress(call, -1, "initialising %s", setting_string(call, "dir"));
	const enum err_code code = terraform_run(
		call, path_exists(lock) ? pinned : init, NULL, &out, &status, err);
	free(lock);
	buf_release(&out);
	return code == ERR_NONE ? code : err_context(err, "init");
}

enum err_code terraform_json(
	struct call *call, const char *const *args, json_t **json, struct err *err)
{
	struct buf out = { 0 };
	int status;

	TRY(terraform_run(call, args, NULL, &out, &status, err));
	enum err_code code = json_parse(out.data != NULL ? out.data : "", out.len, json, err);
	buf_release(&out);
	if (code != ERR_NONE)
		return err_context(err, "%s %s", setting_string(call, "program"), args[0]);
	/* the form promises to stay as it is within a major version */
	const char *format = json_str(*json, "format_version", "1");
	if (!str_starts(format, "1")) {
		code = err_set(err, ERR_VERSION, "%s writes JSON of format %.20s, known is 1",
			setting_string(call, "program"), format);
		json_decref(*json);
		*json = NULL;
	}
	return code;
}

enum err_code terraform_serial(struct call *call, json_t **serial, struct err *err)
{
	static const char *const pull[] = { "state", "pull", "-no-color", NULL };
	struct buf out = { 0 };
	json_t *state = NULL;
	int status;

	TRY(terraform_run(call, pull, NULL, &out, &status, err));
	size_t len = out.len;
	while (len > 0 && strchr(" \r\n", out.data[len - 1]) != NULL)
		len--;
	enum err_code code = ERR_NONE;
	if (len > 0)
		code = json_parse(out.data, len, &state, err);
	buf_release(&out);
	if (code != ERR_NONE)
		return err_context(err, "%s state pull", setting_string(call, "program"));
	*serial = json_pack("{s:I, s:s}", "serial", (json_int_t)json_int(state, "serial", 0),
		"lineage", json_str(state, "lineage", ""));
	json_decref(state);
	return ERR_NONE;
}

enum err_code terraform_plans(struct call *call, char **dir, struct err *err)
{
	char *data = data_dir(call);
	enum err_code code;

	*dir = path_join(data, "drillbook");
	free(data);
	if (!path_exists(setting_string(call, "dir"))) {
		free(*dir);
		*dir = NULL;
		return err_set(err, ERR_NOT_FOUND, "there is no directory \"%s\"",
			setting_string(call, "dir"));
	}
	/* a saved plan holds every variable in the clear */
	code = dir_make(*dir, 0700, err);
	if (code == ERR_NONE && chmod(*dir, 0700) != 0)
		code = err_errno(err, "\"%s\"", *dir);
	if (code != ERR_NONE) {
		free(*dir);
		*dir = NULL;
	}
	return code;
}
