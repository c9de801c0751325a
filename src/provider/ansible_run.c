/* ansible_run.c: running ansible-playbook and following its events.
 *
 * Its status is 2 for a failed task, 4 for an unreachable host and for a playbook that cannot
 * be parsed; so what went wrong is taken from the events, and a run without its last event
 * ended early. */
#include "ansible.h"

#include "declared.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 200 };

void ansible_play_release(struct ansible_play *play)
{
	json_decref(play->hosts);
	json_decref(play->changes);
	json_decref(play->facts);
	json_decref(play->outputs);
}

/* ------------------------------------------------------------------ events */

/* Tasks that change nothing on a host, whatever they say. */
static bool harmless(const char *action)
{
	static const char *const names[] = { "assert", "debug", "fail", "gather_facts", "ping",
		"set_fact", "set_stats", "setup", "stat", "wait_for", "wait_for_connection" };
	const char *dot = strrchr(action, '.');

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq(names[i], dot != NULL ? dot + 1 : action))
			return true;
	return false;
}

static void take_facts(struct ansible_play *p, const char *host, const json_t *facts)
{
	json_t *all, *mine, *value;
	const char *name;
	size_t size = 0;

	if (!json_is_object(facts))
		return;
	char *text = json_line(p->facts);
	size = strlen(text);
	free(text);
	text = json_line(facts);
	size += strlen(text);
	free(text);
	if (size > ANSIBLE_FACTS_MAX)
		return;
	mine = json_object_get(p->facts, host);
	if (mine == NULL) {
		mine = json_object();
		json_put(p->facts, host, mine);
	}
	all = declared_result(facts);
	json_object_foreach(all, name, value)
		json_object_set(mine, name, value);
	json_decref(all);
}

static void take_result(struct ansible_play *p, const json_t *event)
{
	const char *host = json_str(event, "host", "?"), *task = json_str(event, "task", "?");
	const char *status = json_str(event, "status", "?"),
		   *text = json_str(event, "text", "");

	p->results++;
	call_log(p->call, "%s: %s: %s%s%s", host, task, status, text[0] != '\0' ? ": " : "",
		text);
	p->touched += !harmless(json_str(event, "action", "")) && !str_eq(status, "skipped") &&
		      !str_eq(status, "unreachable");
	p->unseen += json_flag(event, "unseen", false);
	if (str_eq(status, "changed")) {
		p->changed++;
		if (json_array_size(p->changes) < ANSIBLE_ROWS_MAX)
			json_array_append_new(p->changes,
				json_pack("{s:s, s:s}", "host", host, "task", task));
	}
	if (str_eq(status, "failed") && !json_flag(event, "ignored", false) &&
		p->failure[0] == '\0')
		snprintf(p->failure, sizeof(p->failure), "%.100s: task \"%.120s\": %.250s",
			host, task, text);
	if (str_eq(status, "unreachable") && p->lost[0] == '\0')
		snprintf(p->lost, sizeof(p->lost), "%.100s: %.190s", host, text);
	take_facts(p, host, json_object_get(event, "facts"));
}

static void take_stats(struct ansible_play *p, const json_t *event)
{
	json_t *one;
	const char *host;

	p->ended = true;
	json_decref(p->hosts);
	p->hosts = json_deep_copy(json_object_get(event, "hosts"));
	json_decref(p->outputs);
	const json_t *outputs = json_object_get(event, "outputs");
	p->outputs = json_is_object(outputs) ? declared_result(outputs) : json_object();
	json_object_foreach(p->hosts, host, one) {
		p->failed += json_int(one, "failures", 0) > 0;
		p->unreachable += json_int(one, "unreachable", 0) > 0;
	}
}

static void on_line(void *arg, int fd, const char *line)
{
	struct ansible_play *p = arg;
	struct err ignored = { 0 };
	json_t *event = NULL;

	if (fd != 1 || line[0] != '{' ||
		json_parse(line, strlen(line), &event, &ignored) != ERR_NONE) {
		if (line[0] != '\0')
			call_log(p->call, "%s", line);
		return;
	}
	const char *what = json_str(event, "event", "");
	if (str_eq(what, "task")) {
		p->tasks++;
		snprintf(p->task, sizeof(p->task), "%s", json_str(event, "name", "?"));
		call_progress(p->call, -1, "task %lld: %s", (long long)p->tasks, p->task);
	} else if (str_eq(what, "play")) {
		call_log(p->call, "play %s", json_str(event, "name", "?"));
	} else if (str_eq(what, "diff")) {
		call_log(p->call, "%s", json_str(event, "text", ""));
	} else if (str_eq(what, "result")) {
		take_result(p, event);
	} else if (str_eq(what, "stats")) {
		take_stats(p, event);
	}
	json_decref(event);
}

/* ------------------------------------------------------------------ words */

struct words {
	const char *list[WORDS_MAX];
	char *owned[WORDS_MAX];
	size_t count, owned_count;
};

static void word(struct words *w, const char *text)
{
	if (w->count < WORDS_MAX - 1)
		w->list[w->count++] = text;
}

static void option(struct words *w, const char *name, const char *value)
{
	if (value == NULL)
		return;
	word(w, name);
	word(w, value);
}

static void option_list(struct words *w, const char *name, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, item)
		option(w, name, json_string_value(item));
}

static char *own(struct words *w, char *text)
{
	if (w->owned_count < WORDS_MAX)
		w->owned[w->owned_count++] = text;
	return text;
}

/* "a,b,": a list of hosts is an inventory of its own. */
static char *host_list(const json_t *hosts)
{
	struct buf text;
	struct err ignored = { 0 };
	json_t *item;
	size_t i;

	buf_init(&text, 64 << 10);
	json_array_foreach((json_t *)(uintptr_t)hosts, i, item)
		(void)!buf_addf(&text, &ignored, "%s,", json_string_value(item));
	char *out = xstrdup(text.data != NULL ? text.data : "");
	buf_release(&text);
	return out;
}

/* The target's and the call's variables, as JSON in one word. */
static void variables(struct words *w, const json_t *fixed, const json_t *given)
{
	json_t *all = json_copy((json_t *)(uintptr_t)fixed);

	json_object_update(all, (json_t *)(uintptr_t)given);
	if (json_object_size(all) > 0)
		option(w, "--extra-vars", own(w, json_line(all)));
	json_decref(all);
}

static void make_words(struct call *call, enum ansible_how how, struct words *w)
{
	static const char *const hows[][2] = {
		[ANSIBLE_SYNTAX] = { "--syntax-check", NULL },
		[ANSIBLE_CHECK] = { "--check", "--diff" },
		[ANSIBLE_RUN] = { "--diff", NULL },
	};

	word(w, setting_string(call, "program"));
	for (size_t i = 0; i < 2 && hows[how][i] != NULL; i++)
		word(w, hows[how][i]);
	option(w, "--inventory", setting_string(call, "inventory"));
	if (setting_has(call, "hosts"))
		option(w, "--inventory", own(w, host_list(setting_json(call, "hosts"))));
	option(w, "--connection", setting_string(call, "connection"));
	option(w, "--user", setting_string(call, "user"));
	option(w, "--private-key", setting_string(call, "private_key"));
	if (setting_bool(call, "become"))
		word(w, "--become");
	option(w, "--forks", own(w, xasprintf("%lld", (long long)setting_int(call, "forks"))));
	option(w, "--timeout",
		own(w, xasprintf(
			       "%lld", (long long)(setting_int(call, "connect_timeout") + 999) /
					       1000)));
	if (setting_has(call, "vault_password"))
		option(w, "--vault-password-file", "{secret}");
	option(w, "--limit", call_string(call, "limit"));
	option_list(w, "--tags", call_json(call, "tags"));
	option_list(w, "--skip-tags", call_json(call, "skip_tags"));
	variables(w, setting_json(call, "vars"), call_json(call, "vars"));
	word(w, "--");
	word(w, call_string(call, "playbook"));
}

/* ------------------------------------------------------------------ running */

static enum err_code check_target(struct call *call, struct err *err)
{
	const char *limit = call_string(call, "limit");

	if (setting_has(call, "inventory") == setting_has(call, "hosts"))
		return err_set(err, ERR_USAGE, "target \"%s\" needs one of inventory and hosts",
			call_target(call));
	if (limit != NULL && (limit[0] == '-' || limit[0] == '@'))
		return err_set(err, ERR_USAGE, "limit must be a pattern of hosts");
	return ERR_NONE;
}

/* What a program that ended says of itself, when its events do not say it. */
static enum err_code read_end(const struct tool *tool, enum ansible_how how,
	struct ansible_play *play, struct err *err)
{
	const char *error = strstr(tool->errout.data, "ERROR! ");
	char said[TOOL_SAID_BYTES];

	play->status = tool->exit_status;
	if (tool->exit_status < 0 || (how == ANSIBLE_SYNTAX && tool->exit_status != 0)) {
		tool_failed(tool, err);
		/* the first line says it, the last one shows where */
		if (how == ANSIBLE_SYNTAX && error != NULL)
			err_set(err, ERR_FAILED, "%.*s", (int)strcspn(error + 7, "\n"),
				error + 7);
		err->world = how == ANSIBLE_RUN ? WORLD_UNKNOWN : WORLD_UNCHANGED;
		return err->code;
	}
	if (how != ANSIBLE_SYNTAX && !play->ended && play->failure[0] == '\0') {
		snprintf(play->failure, sizeof(play->failure), "%.400s",
			error != NULL ? error + 7 : tool_said(tool, said, sizeof(said)));
		play->failure[strcspn(play->failure, "\n")] = '\0';
	}
	return ERR_NONE;
}

/* Runs it with an environment in which nothing changes what is done; ansible dies without
 * UTF-8. */
static enum err_code run_words(struct call *call, enum ansible_how how, struct words *w,
	struct ansible_play *play, struct err *err)
{
	const char *known = setting_string(call, "known_hosts");
	const char *config = setting_string(call, "config"), *dir = setting_string(call, "dir");
	const char *const env[] = { "ANSIBLE_*", "LC_*", "LC_ALL=C.UTF-8", "PYTHONUNBUFFERED=1",
		"ANSIBLE_STDOUT_CALLBACK=drillbook_events", "ANSIBLE_HOST_KEY_CHECKING=True",
		"ANSIBLE_RETRY_FILES_ENABLED=False", "ANSIBLE_NOCOLOR=True",
		"ANSIBLE_DEPRECATION_WARNINGS=False",
		/* a shared connection would outlive the run, and the next one would go over it
		 * with credentials that are not its own */
		"ANSIBLE_SSH_ARGS=-C -o ControlMaster=no -o ControlPath=none",
		own(w, xasprintf("ANSIBLE_SSH_COMMON_ARGS=-o BatchMode=yes -o "
				 "StrictHostKeyChecking=yes%s%s",
			       known != NULL ? " -o UserKnownHostsFile=" : "",
			       known != NULL ? known : "")),
		own(w, xasprintf("ANSIBLE_CALLBACK_PLUGINS=%s", own(w, path_share("ansible")))),
		config != NULL ? own(w, xasprintf("ANSIBLE_CONFIG=%s", config)) : NULL, NULL };
	size_t len = 0;
	struct tool tool = { .call = call,
		.argv = w->list,
		.env = env,
		.cwd = dir != NULL			 ? dir
		       : call_workspace(call)[0] != '\0' ? call_workspace(call)
							 : NULL,
		.secret = call_secret(call, "vault_password", &len),
		.grace_ms = 5000,
		.quiet = how == ANSIBLE_SYNTAX,
		.on_line = how == ANSIBLE_SYNTAX ? NULL : on_line,
		.arg = play };

	tool.secret_len = len;
	enum err_code code = tool_run(&tool, err);
	if (code == ERR_NONE)
		code = read_end(&tool, how, play, err);
	tool_release(&tool);
	return code;
}

enum err_code ansible_run(
	struct call *call, enum ansible_how how, struct ansible_play *play, struct err *err)
{
	struct words w = { 0 };

	*play = (struct ansible_play){ .call = call,
		.hosts = json_object(),
		.changes = json_array(),
		.facts = json_object(),
		.outputs = json_object(),
		.status = -1 };
	TRY(check_target(call, err));
	make_words(call, how, &w);
	const enum err_code code = run_words(call, how, &w, play, err);
	for (size_t i = 0; i < w.owned_count; i++)
		free(w.owned[i]);
	return code;
}

enum err_code ansible_there(struct call *call, struct err *err)
{
	const char *playbook = call_string(call, "playbook");

	return path_exists(playbook)
		       ? ERR_NONE
		       : err_set(err, ERR_NOT_FOUND, "there is no playbook \"%s\"", playbook);
}

enum err_code ansible_syntax(struct call *call, struct err *err)
{
	struct ansible_play play;
	const char *playbook = call_string(call, "playbook");
	const enum err_code code = ansible_run(call, ANSIBLE_SYNTAX, &play, err);
	ansible_play_release(&play);
	return code == ERR_NONE ? code : err_context(err, "playbook \"%s\"", playbook);
}

enum err_code ansible_judge(const struct ansible_play *p, struct err *err)
{
	const size_t hosts = json_object_size(p->hosts);
	/* what was reached and tried may have changed something, also where it failed */
	const enum world world = p->touched > 0 ? WORLD_UNKNOWN : WORLD_UNCHANGED;

	if (p->ended && hosts == 0)
		err_set(err, ERR_PRECONDITION, "no host matches: nothing was done");
	else if (!p->ended)
		err_set(err, ERR_FAILED, "ansible-playbook ended early, with status %d: %s",
			p->status, p->failure);
	else if (p->failed > 0)
		err_set(err, ERR_FAILED, "%lld of %zu hosts failed, %lld changed; %s",
			(long long)p->failed, hosts, (long long)p->changed, p->failure);
	else if (p->unreachable > 0)
		err_set(err, ERR_UNREACHABLE, "%lld of %zu hosts cannot be reached; %s",
			(long long)p->unreachable, hosts, p->lost);
	else if (p->status != 0)
		err_set(err, ERR_FAILED, "ansible-playbook ended with status %d", p->status);
	else
		return ERR_NONE;
	err->world = world;
	return err->code;
}
