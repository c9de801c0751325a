/* ansible.c: playbooks, checked first and followed while they run: the tables of the provider.
 * Source: https://docs.ansible.com/ansible-core/2.14/cli/ansible-playbook.html */
#include "internal.h"

#include "ansible.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>

static const char *const effects[] = { "change", "costly", "irreversible", NULL };
static const char *const connections[] = { "ssh", "local", NULL };

static void put_play(struct ansible_play *p, json_t *result)
{
	json_put(result, "hosts", json_incref(p->hosts));
	json_put(result, "changes", json_incref(p->changes));
	json_put_int(result, "changed", p->changed);
	json_put_int(result, "unseen", p->unseen);
}

/* ------------------------------------------------------------------ provision.check */

static enum err_code check(struct call *call, json_t *result, struct err *err)
{
	struct ansible_play play;
	enum err_code code = ansible_there(call, err);

	TRY(code);
	code = ansible_run(call, ANSIBLE_CHECK, &play, err);
	if (code == ERR_NONE) {
		put_play(&play, result);
		code = ansible_judge(&play, err);
		json_put_flag(result, "clean",
			code == ERR_NONE && play.changed == 0 && play.unseen == 0);
	}
	ansible_play_release(&play);
	return code;
}

/* ------------------------------------------------------------------ provision.play */

static enum err_code playbook_hex(struct call *call, char hex[SHA256_HEX], struct err *err)
{
	struct buf bytes;

	buf_init(&bytes, 4 << 20);
	const enum err_code code =
		file_read(call_string(call, "playbook"), 4 << 20, &bytes, err);
	if (code == ERR_NONE)
		sha256_hex(sha256_of(bytes.data, bytes.len), hex);
	buf_release(&bytes);
	return code;
}

/* What it would do, for whoever confirms it and for verify. */
static enum err_code preview(struct call *call, json_t *before, struct err *err)
{
	struct ansible_play play;
	enum err_code code = ansible_run(call, ANSIBLE_CHECK, &play, err);

	if (code == ERR_NONE) {
		put_play(&play, before);
		code = ansible_judge(&play, err);
		if (code != ERR_NONE)
			err_context(err, "in check mode");
	}
	ansible_play_release(&play);
	return code;
}

static void put_undo(struct call *call, json_t *before)
{
	static const char *const same[] = { "limit", "vars" };
	json_t *args;

	if (!call_has(call, "undo"))
		return;
	args = json_pack("{s:s}", "playbook", call_string(call, "undo"));
	for (size_t i = 0; i < COUNT_OF(same); i++)
		if (call_has(call, same[i]))
			json_object_set(
				args, same[i], (json_t *)(uintptr_t)call_json(call, same[i]));
	json_put(before, "undo", json_pack("{s:s, s:o}", "op", "provision.play", "args", args));
}

static enum err_code prepare_play(struct call *call, json_t *before, struct err *err)
{
	char hex[SHA256_HEX];

	TRY(ansible_there(call, err));
	TRY(playbook_hex(call, hex, err));
	json_put_str(before, "playbook", hex);
	json_put_str(before, "effect", setting_string(call, "effect"));
	json_put_str(before, "effect_reason",
		str_eq(setting_string(call, "effect"), "irreversible")
			? "nothing less is declared"
			: "declared in targets.yaml");
	put_undo(call, before);
	/* a run in check mode finds the mistakes of the syntax as well */
	return call_bool(call, "preview") ? preview(call, before, err)
					  : ansible_syntax(call, err);
}

static enum err_code run_play(struct call *call, json_t *result, struct err *err)
{
	struct ansible_play play;
	const struct mono start = mono_now();
	char hex[SHA256_HEX];
	enum err_code code;

	TRY(playbook_hex(call, hex, err));
	if (!str_eq(hex, json_str(call_before(call), "playbook", "")))
		return err_set(
			err, ERR_PRECONDITION, "the playbook was changed after it was shown");
	code = ansible_run(call, ANSIBLE_RUN, &play, err);
	if (code == ERR_NONE) {
		put_play(&play, result);
		json_object_del(result, "unseen");
		json_put(result, "outputs", json_incref(play.outputs));
		json_put(result, "facts", json_incref(play.facts));
		json_put_int(result, "took_ms", mono_ms_since(start));
		code = ansible_judge(&play, err);
	} else if (play.results > 0) {
		err_context(err, "after %lld results, at task \"%s\"", (long long)play.results,
			play.task);
	}
	ansible_play_release(&play);
	return code;
}

/* Check mode says what a playbook would still do.  Nothing: the hosts are as it wants them. */
static enum err_code verify_play(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	const json_t *before = call_before(call);
	struct ansible_play play;
	char hex[SHA256_HEX];
	enum err_code code;

	TRY(playbook_hex(call, hex, err));
	code = ansible_run(call, ANSIBLE_CHECK, &play, err);
	if (code == ERR_NONE)
		code = ansible_judge(&play, err);
	if (code == ERR_NONE) {
		const char *reason = NULL;

		put_play(&play, evidence);
		*verdict = VERDICT_CANNOT_TELL;
		if (!str_eq(hex, json_str(before, "playbook", "")))
			reason = "the playbook was changed since";
		else if (play.unseen > 0)
			reason = "it has tasks that check mode cannot judge (commands without "
				 "creates or removes)";
		else if (play.changed == 0)
			*verdict = VERDICT_DONE;
		else if (json_equal(play.changes, json_object_get(before, "changes")) != 0)
			*verdict = VERDICT_NOT_DONE;
		else
			reason = "some of its changes are there and some are not";
		if (reason != NULL)
			json_put_str(evidence, "reason", reason);
	}
	ansible_play_release(&play);
	return code;
}

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
					      "detail", json_text(detail, strlen(detail))));
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	const char *const argv[] = { setting_string(call, "program"), "--version", NULL };
	static const char *const env[] = { "ANSIBLE_*", "LC_ALL=C.UTF-8", NULL };
	struct tool tool = { .call = call, .argv = argv, .env = env, .quiet = true };
	json_t *checks = json_array();
	struct err why = { 0 };
	char *plugin = path_share("ansible/drillbook_events.py");
	const char *inventory = setting_string(call, "inventory");
	char line[200] = "";

	(void)err;
	json_put(report, "checks", checks);
	const bool ok = tool_must(&tool, &why) == ERR_NONE;
	if (ok)
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(tool.out.data, "\n"),
			tool.out.data);
	put_check(checks, "program", ok, ok ? line : why.text);
	put_check(checks, "events", path_exists(plugin), plugin);
	if (inventory != NULL)
		put_check(checks, "inventory", path_exists(inventory), inventory);
	tool_release(&tool);
	free(plugin);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = { { .name = "inventory",
						 .type = FIELD_PATH,
						 .help = "an inventory: file, folder, script" },
	{ .name = "hosts", .type = FIELD_STRINGS, .help = "or the names of the hosts" },
	{ .name = "effect",
		.type = FIELD_CHOICE,
		.choices = effects,
		.fallback = "irreversible",
		.help = "what playing one of its playbooks is" },
	{ .name = "connection",
		.type = FIELD_CHOICE,
		.choices = connections,
		.help = "when the inventory says nothing else" },
	{ .name = "user", .type = FIELD_STRING, .help = "the remote user" },
	{ .name = "private_key", .type = FIELD_PATH, .help = "a file with the SSH key" },
	{ .name = "known_hosts",
		.type = FIELD_PATH,
		.help = "instead of the user's own; a host that is not in it is not touched" },
	{ .name = "become",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "become root (without a password)" },
	{ .name = "vars",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "extra variables; everybody on the machine can see them" },
	{ .name = "vault_password",
		.type = FIELD_SECRET,
		.help = "for what is encrypted with ansible-vault; on a descriptor" },
	{ .name = "config",
		.type = FIELD_PATH,
		.help = "an ansible.cfg instead of the one that is found" },
	{ .name = "dir",
		.type = FIELD_PATH,
		.help = "where it is run (ansible.cfg, roles); the workspace when absent" },
	{ .name = "program",
		.type = FIELD_STRING,
		.fallback = "ansible-playbook",
		.help = "ansible-playbook, or a path to it" },
	{ .name = "forks",
		.type = FIELD_INT,
		.min = 1,
		.max = 500,
		.fallback = "10",
		.help = "how many hosts at a time" },
	{ .name = "connect_timeout",
		.type = FIELD_DURATION,
		.unit = "ms",
		.min = 1000,
		.max = 600000,
		.fallback = "10s",
		.help = "how long a host may take to answer" },
	FIELD_END };

#define WHAT                                                                                   \
	{ .name = "playbook", .type = FIELD_PATH, .required = true, .help = "its file" },      \
		{ .name = "limit",                                                             \
			.type = FIELD_STRING,                                                  \
			.help = "only hosts of this pattern" },                                \
		{ .name = "tags",                                                              \
			.type = FIELD_STRINGS,                                                 \
			.help = "only tasks with these tags" },                                \
		{ .name = "skip_tags",                                                         \
			.type = FIELD_STRINGS,                                                 \
			.help = "no tasks with these tags" },                                  \
	{                                                                                      \
		.name = "vars", .type = FIELD_MAP, .fallback = "{}",                           \
		.help = "extra variables, besides the setting's"                               \
	}
#define SEEN                                                                                   \
	{ .name = "hosts",                                                                     \
		.type = FIELD_MAP,                                                             \
		.help = "host -> ok, changed, failures, unreachable, skipped, rescued, "       \
			"ignored" },                                                           \
		{ .name = "changed", .type = FIELD_INT, .help = "how many changes" },          \
	{                                                                                      \
		.name = "changes", .type = FIELD_ANY, .help = "each: host, task; at most 200"  \
	}

static const struct field check_params[] = { WHAT, FIELD_END };
static const struct field check_results[] = { SEEN,
	{ .name = "unseen",
		.type = FIELD_INT,
		.help = "tasks of which check mode cannot say what they would do" },
	{ .name = "clean",
		.type = FIELD_BOOL,
		.help = "nothing would be changed, and that is certain" },
	FIELD_END };
static const struct field play_params[] = { WHAT,
	{ .name = "preview",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "run it in check mode first and show what it would change" },
	{ .name = "undo", .type = FIELD_PATH, .help = "the playbook that takes it back" },
	FIELD_END };
static const struct field play_results[] = { SEEN,
	{ .name = "outputs", .type = FIELD_MAP, .help = "what set_stats left" },
	{ .name = "facts", .type = FIELD_MAP, .help = "host -> what set_fact set" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "all of it" },
	FIELD_END };

static const struct operation operations[] = {
	{ .capability = "provision",
		.verb = "check",
		.effect = EFFECT_READ,
		.params = check_params,
		.results = check_results,
		.run = check,
		.cancel_help = "at once",
		.timeout_ms = 1800000,
		.help = "what a playbook would change, without changing it" },
	{ .capability = "provision",
		.verb = "play",
		.effect = EFFECT_IRREVERSIBLE,
		.params = play_params,
		.results = play_results,
		.prepare = prepare_play,
		.run = run_play,
		.verify = verify_play,
		.undo = "provision.play",
		.cancel_help = "between tasks; what is done stays done",
		.timeout_ms = 3600000,
		.help = "run a playbook; its class is the one the target declares" },
	OPERATION_END
};

const struct provider ansible_provider = {
	.name = "ansible",
	.summary = "Ansible playbooks",
	.source = "ansible-core 2.14, ansible-playbook",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
