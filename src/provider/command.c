/* command.c: named programs of a target, run without a shell.
 *
 * An action is an argv template: an argument fills a hole inside one element and can never
 * become a second element, an option of its own making or a shell word.  The program itself is
 * fixed in targets.yaml.  What a program did is not ours to know: a failed one leaves the world
 * unknown unless the author declared otherwise, and its verify action is how a crash in between
 * is settled. */
#include "internal.h"

#include "program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const members[] = { "argv", "creates", "cwd", "effect", "env", "expect_status",
	"fails_clean", "help", "output", "params", "secret", "stdin", "timeout", "undo",
	"verify", NULL };
static const struct program_style style = { .members = members };

static enum err_code prepare_run(struct call *call, json_t *before, struct err *err)
{
	return program_prepare(&style, call, before, err);
}

static enum err_code action_run(struct call *call, json_t *result, struct err *err)
{
	return program_action_run(&style, call, result, err);
}

static enum err_code action_read(struct call *call, json_t *result, struct err *err)
{
	return program_action_read(&style, call, result, err);
}

static enum err_code verify_run(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	return program_verify(&style, call, evidence, verdict, err);
}

/* ------------------------------------------------------------------ doctor */

/* Is the program there?  Looked up as it would be for the action. */
static bool program_there(struct call *call, const char *program)
{
	if (strchr(program, '/') != NULL) {
		char *path = program_in_workspace(call, program);
		const bool there = access(path, X_OK) == 0;

		free(path);
		return there;
	}
	const char *path = getenv("PATH");
	while (path != NULL && *path != '\0') {
		const size_t len = strcspn(path, ":");
		char *file = xasprintf("%.*s/%s", (int)len, path, program);
		const bool there = len > 0 && access(file, X_OK) == 0;

		free(file);
		if (there)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static void probe_action(
	struct call *call, const char *name, const json_t *action, json_t *checks)
{
	struct err err = { 0 };
	const char *program =
		json_string_value(json_array_get(json_object_get(action, "argv"), 0));
	char detail[900];
	bool ok = true;

	if (declared_check(call, name, members, &err) != ERR_NONE) {
		ok = false;
		snprintf(detail, sizeof(detail), "%s", err.text);
	} else if (program == NULL || !program_there(call, program)) {
		ok = false;
		snprintf(detail, sizeof(detail), "\"%s\" is not there or cannot be run",
			program != NULL ? program : "argv[0]");
	} else {
		snprintf(detail, sizeof(detail), "%s, declared %s", program,
			json_str(action, "effect", "nothing: irreversible"));
	}
	program_check(checks, name, ok, detail);
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	const json_t *actions = call_declared_all(call, "actions");
	json_t *checks = json_array();
	const char *name;
	json_t *action;

	(void)err;
	json_object_foreach((json_t *)actions, name, action)
		probe_action(call, name, action, checks);
	if (json_array_size(checks) == 0)
		program_check(checks, "actions", false, "the target declares no actions");
	json_put(report, "checks", checks);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "secret",
		.type = FIELD_SECRET,
		.help = "given to the actions that ask for it (secret: stdin or file)" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "action",
		.verb = "read",
		.effect = EFFECT_READ,
		.params = declared_params,
		.results = program_results,
		.run = action_read,
		.cancel_help = "the program gets TERM, 2 s later KILL",
		.timeout_ms = 60000,
		.help = "run a program that is declared to change nothing" },
	{ .capability = "action",
		.verb = "run",
		.effect = EFFECT_IRREVERSIBLE,
		.params = declared_params,
		.results = program_results,
		.prepare = prepare_run,
		.run = action_run,
		.verify = verify_run,
		.undo = "action.run",
		.cancel_help = "the program gets TERM, 2 s later KILL",
		.timeout_ms = 600000,
		.help = "run a declared program; its class is the one it declares" },
	OPERATION_END
};

const struct provider command_provider = {
	.name = "command",
	.summary = "programs, by argv, without a shell",
	.source = "POSIX exec; the action's own documentation",
	.settings = settings,
	.declares_actions = true,
	.operations = operations,
	.probe = probe,
};
