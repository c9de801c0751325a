/* ssh.c: named programs of a target on another host, by the system's ssh client.
 *
 * What runs is declared as for provider command (program.h).  The words are quoted one by one
 * for the shell at the other end, so that an argument stays one word there; a server that knows
 * only certain commands (command="…" in authorized_keys) sees simple words as they are written.
 * A connection that breaks leaves the world unknown exactly when the command had been sent. */
#include "internal.h"

#include "program.h"
#include "ssh_client.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const members[] = { "argv", "cwd", "effect", "env", "expect_status",
	"fails_clean", "help", "output", "params", "secret", "stdin", "timeout", "undo",
	"verify", NULL };

/* ------------------------------------------------------------------ carrying */

static enum err_code add_word(struct buf *command, const char *word, struct err *err)
{
	if (command->len > 0)
		TRY(buf_add(command, " ", 1, err));
	return ssh_quote(word, command, err);
}

/* [cd -- DIR &&] [env NAME=VALUE…] words */
static enum err_code remote_command(
	const struct program *p, struct buf *command, struct err *err)
{
	if (p->cwd != NULL) {
		TRY(buf_addf(command, err, "cd --"));
		TRY(add_word(command, p->cwd, err));
		TRY(buf_addf(command, err, " &&"));
	}
	if (p->env[0] != NULL)
		TRY(add_word(command, "env", err));
	for (char **e = p->env; *e != NULL; e++)
		TRY(add_word(command, *e, err));
	for (char *const *word = p->argv; *word != NULL; word++)
		TRY(add_word(command, *word, err));
	return buf_add(command, "", 0, err);
}

static enum err_code carry(struct program *p, struct err *err)
{
	struct ssh_line *line = xmalloc(sizeof(*line));
	struct buf command;
	enum err_code code;

	p->carrier = line;
	TRY(ssh_line_init(line, p->call, setting_string(p->call, "host"), true, false, err));
	buf_init(&command, SSH_COMMAND_MAX);
	code = remote_command(p, &command, err);
	if (code == ERR_NONE)
		code = ssh_line_add(line, command.data, err);
	buf_release(&command);
	if (code == ERR_LIMIT)
		return err_set(err, ERR_LIMIT,
			"its words are longer than %d bytes: give long texts on stdin",
			SSH_COMMAND_MAX);
	p->child.argv = (const char *const *)line->words;
	return code;
}

static enum err_code carried(struct program *p, struct err *err)
{
	return ssh_line_ended(p->carrier, p->child.exit_status, &p->started, err);
}

static void release(struct program *p)
{
	if (p->carrier != NULL)
		ssh_line_release(p->carrier);
	free(p->carrier);
	p->carrier = NULL;
}

static const struct program_style style = {
	.members = members, .remote = true, .carry = carry, .carried = carried, .release = release
};

/* ------------------------------------------------------------------ operations */

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

/* One login asks for every program: a line "yes" or "no" each. */
static enum err_code programs_command(struct call *call, struct buf *command, struct err *err)
{
	const json_t *actions = call_declared_all(call, "actions");
	const char *name;
	json_t *action;

	TRY(buf_addf(command, err, "for p in"));
	json_object_foreach((json_t *)actions, name, action)
	{
		const char *program = json_string_value(
			json_array_get(json_object_get(action, "argv"), 0));
		TRY(add_word(command, program != NULL ? program : "", err));
	}
	return buf_addf(command, err,
		"; do command -v -- \"$p\" >/dev/null 2>&1 && echo yes || echo no; done");
}

static void check_actions(struct call *call, const char *answers, json_t *checks)
{
	const json_t *actions = call_declared_all(call, "actions");
	const char *name;
	json_t *action;

	json_object_foreach((json_t *)actions, name, action)
	{
		const char *program = json_string_value(
			json_array_get(json_object_get(action, "argv"), 0));
		struct err why = { 0 };
		char detail[900];
		const size_t len = strcspn(answers, "\n");
		bool ok = declared_check(call, name, members, &why) == ERR_NONE;

		snprintf(detail, sizeof(detail), "%s", why.text);
		if (ok && len == 3 && memcmp(answers, "yes", 3) == 0) {
			snprintf(detail, sizeof(detail), "%s, declared %s", program,
				json_str(action, "effect", "nothing: irreversible"));
		} else if (ok) {
			ok = false;
			snprintf(detail, sizeof(detail),
				"\"%s\" is not there, or the server runs only certain commands",
				program != NULL ? program : "argv[0]");
		}
		answers += len + (answers[len] == '\n');
		program_check(checks, name, ok, detail);
	}
}

static enum err_code ask(struct call *call, struct ssh_line *line, const char *command,
	json_t *checks, struct err *err)
{
	char detail[300], key[200];
	bool started;

	TRY(ssh_line_add(line, command, err));
	struct tool tool = { .call = call, .argv = (const char *const *)line->words };
	enum err_code code = tool_run(&tool, err);
	if (code == ERR_NONE)
		code = ssh_line_ended(line, tool.exit_status, &started, err);
	if (code == ERR_NONE) {
		ssh_line_fact(line, "Remote protocol version 2.0, remote software version ", detail,
			sizeof(detail));
		program_check(checks, "login", true, detail);
		ssh_line_fact(line, "Server host key: ", key, sizeof(key));
		program_check(checks, "host key", key[0] != '\0', key);
		check_actions(call, tool.out.data, checks);
	}
	tool_release(&tool);
	return code;
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	json_t *checks = json_array();
	struct ssh_line line;
	struct buf command;

	json_put(report, "checks", checks);
	buf_init(&command, SSH_COMMAND_MAX);
	enum err_code code = ssh_line_init(
		&line, call, setting_string(call, "host"), true, false, err);
	if (code == ERR_NONE)
		code = programs_command(call, &command, err);
	if (code == ERR_NONE)
		code = ask(call, &line, command.data, checks, err);
	ssh_line_release(&line);
	buf_release(&command);
	return code;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "host", .type = FIELD_STRING, .required = true, .help = "name or address" },
	SSH_SETTINGS,
	{ .name = "secret",
		.type = FIELD_SECRET,
		.help = "given to the actions that ask for it (secret: stdin)" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "action",
		.verb = "read",
		.effect = EFFECT_READ,
		.params = declared_params,
		.results = program_results,
		.run = action_read,
		.cancel_help = "the connection is closed; the program there may go on",
		.timeout_ms = 60000,
		.help = "run a program there that is declared to change nothing" },
	{ .capability = "action",
		.verb = "run",
		.effect = EFFECT_IRREVERSIBLE,
		.params = declared_params,
		.results = program_results,
		.prepare = prepare_run,
		.run = action_run,
		.verify = verify_run,
		.undo = "action.run",
		.cancel_help = "the connection is closed; the program there may go on",
		.timeout_ms = 600000,
		.help = "run a declared program there; its class is the one it declares" },
	OPERATION_END
};

const struct provider ssh_provider = {
	.name = "ssh",
	.summary = "programs on another host, by the system's ssh client",
	.source = "ssh(1), ssh_config(5), OpenSSH 9.2",
	.settings = settings,
	.declares_actions = true,
	.operations = operations,
	.probe = probe,
};
