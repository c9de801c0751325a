/* common.c: what several commands do: options, the workspace, the journal, following a run. */
#include "remote.h"
#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CATALOG_MAX = 8 << 20 };

bool option_flag(const struct args *args, const char *name)
{
	return json_is_true(json_object_get(args->options, name));
}

const char *option_value(const struct args *args, const char *name)
{
	return json_string_value(json_object_get(args->options, name));
}

const char **option_values(const struct args *args, const char *name)
{
	const json_t *list = json_object_get(args->options, name), *row;
	const char **out = xmalloc((json_array_size(list) + 1) * sizeof(*out));
	size_t i;

	json_array_foreach(list, i, row)
		out[i] = json_string_value(row);
	return out;
}

void print_safe(FILE *to, const char *text)
{
	struct buf clean;
	struct err err;

	buf_init(&clean, 1 << 20);
	if (text != NULL && text_sanitise(text, strlen(text), &clean, &err) == ERR_NONE &&
		clean.len > 0)
		fputs(clean.data, to);
	buf_release(&clean);
}

int print_json(json_t *owned)
{
	json_dumpf(owned, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
	fputc('\n', stdout);
	json_decref(owned);
	return 0;
}

const char *level_word(int64_t level)
{
	static const char *const words[] = { "read", "change", "costly", "irreversible" };

	return level >= 0 && level < (int64_t)COUNT_OF(words) ? words[level] : "?";
}

enum err_code cli_catalog(json_t **out, struct err *err)
{
	char *path = path_share("providers.json");
	struct buf bytes;
	enum err_code code = file_read(path, CATALOG_MAX, &bytes, err);

	if (code == ERR_NONE) {
		code = json_parse(bytes.data, bytes.len, out, err);
		buf_release(&bytes);
	}
	if (code != ERR_NONE)
		err_context(err, "the provider description of this installation");
	free(path);
	return code;
}

enum err_code cli_connect(
	struct client **out, const struct args *args, int flags, struct err *err)
{
	return args->server != NULL ? client_open_team(out, args->server, flags, err)
				    : client_open(out, args->data_dir, flags, err);
}

/* ------------------------------------------------------------------ the workspace */

enum err_code desk_open(struct desk *desk, const struct args *args, struct err *err)
{
	*desk = (struct desk){ .team = args->server != NULL };
	problems_init(&desk->problems);
	enum err_code code = cli_catalog(&desk->catalog, err);
	if (code == ERR_NONE)
		code = workspace_open(&desk->workspace, args->workspace_dir, desk->catalog,
			&desk->problems, err);
	if (code != ERR_NONE)
		desk_close(desk);
	return code;
}

void desk_close(struct desk *desk)
{
	if (desk->workspace != NULL)
		workspace_free(desk->workspace);
	problems_release(&desk->problems);
	json_decref(desk->catalog);
	*desk = (struct desk){ 0 };
}

size_t desk_print(const struct desk *desk, size_t most)
{
	for (size_t i = 0; i < desk->problems.count && i < most; i++)
		problem_print(stderr, &desk->problems.rows[i]);
	if (desk->problems.count > most)
		fprintf(stderr, "… and %zu more: drillbook lint\n",
			desk->problems.count - most);
	return problems_errors(&desk->problems);
}

enum err_code desk_trusted(const struct desk *desk, struct err *err)
{
	const char *root = workspace_root(desk->workspace);

	/* a team server has a list of its own, and goes by that */
	if (desk->team || trust_holds(root))
		return ERR_NONE;
	return err_set(err, ERR_UNTRUSTED,
		"\"%s\" is not trusted on this machine: nothing of it is executed. Read it, "
		"then: drillbook trust %s",
		root, root);
}

static void collect_scripts(const json_t *plan, json_t *scripts)
{
	static const char *const members[] = { "script", "check", "verify", "undo" };
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(plan, "steps"), i, step)
		for (size_t k = 0; k < COUNT_OF(members); k++)
			if (json_is_object(json_object_get(step, members[k])))
				json_array_append(scripts, json_object_get(step, members[k]));
	const char *name;
	json_t *path;
	json_object_foreach(json_object_get(plan, "modules"), name, path) {
		const json_t *file;
		json_array_foreach(json_object_get(plan, "files"), i, file) {
			if (!str_eq(json_str(file, "path", ""), json_string_value(path)))
				continue;
			json_t *row = json_object();
			json_put_str(row, "file", json_str(file, "path", ""));
			json_put_int(row, "line", 1);
			json_object_set(row, "source", json_object_get(file, "text"));
			json_array_append_new(scripts, row);
		}
	}
}

static void add_lua_problems(struct desk *desk, const json_t *found)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(found, "problems"), i, row) {
		struct problems *list = &desk->problems;
		if (list->count == list->cap) {
			list->cap = list->cap ? list->cap * 2 : 16;
			list->rows = xrealloc(list->rows, list->cap * sizeof(*list->rows));
		}
		list->rows[list->count++] = (struct problem){ .severity = SEVERITY_ERROR,
			.file = xstrdup(json_str(row, "file", "")),
			.line = (int)json_int(row, "line", 0),
			.column = 1, /* Lua tells the line only */
			.text = xstrdup(json_str(row, "text", "")),
			.rule = "lua-syntax" };
	}
}

enum err_code desk_check_scripts(struct desk *desk, json_t *scripts, struct err *err)
{
	char *worker = path_libexec("worker");
	json_t *request = json_object(), *found = NULL;
	const char *argv[] = { worker, "--lint", NULL };
	const bool any = json_array_size(scripts) > 0;

	json_put(request, "scripts", scripts);
	char *input = json_line(request);
	struct child child = { .argv = argv,
		.input = input,
		.input_bytes = strlen(input),
		.timeout_ms = 20000,
		.max_output_bytes = 16 << 20 };
	enum err_code code = any ? child_run(&child, err) : ERR_NONE;
	if (code == ERR_NONE && any) {
		code = json_parse(child.out.data, child.out.len, &found, err);
		if (code == ERR_NONE)
			add_lua_problems(desk, found);
	}
	json_decref(found);
	child_release(&child);
	json_decref(request);
	free(input);
	free(worker);
	return code;
}

enum err_code desk_check_lua(struct desk *desk, const json_t *plan, struct err *err)
{
	json_t *scripts = json_array();

	collect_scripts(plan, scripts);
	return desk_check_scripts(desk, scripts, err);
}

static enum err_code take_params(const struct args *args, json_t **out, struct err *err)
{
	const char **given = option_values(args, "param");
	enum err_code code = ERR_NONE;

	*out = json_object();
	for (size_t i = 0; given[i] != NULL && code == ERR_NONE; i++) {
		const char *equals = strchr(given[i], '=');
		if (equals == NULL || equals == given[i]) {
			code = err_set(
				err, ERR_USAGE, "--param \"%s\": write name=value", given[i]);
			break;
		}
		char *name = xstrdup(given[i]);
		name[equals - given[i]] = '\0';
		json_put_str(*out, name, equals + 1);
		free(name);
	}
	free(given);
	return code;
}

/* On a screen there is one line: the first mistake. */
static void first_problem(const struct desk *desk, struct err *err)
{
	for (size_t i = 0; i < desk->problems.count; i++) {
		const struct problem *problem = &desk->problems.rows[i];
		if (problem->severity != SEVERITY_ERROR)
			continue;
		err_set(err, err->code, "%s:%d: %s", problem->file, problem->line, problem->text);
		return;
	}
}

/* --services a,b instead of a runbook. */
static enum err_code plan_services(struct desk *desk, const struct args *args, const char *mode,
	const json_t *params, json_t **plan, struct err *err)
{
	char *list = xstrdup(option_value(args, "services")), *rest = list, *name;
	const char **names = xmalloc((strlen(list) + 1) * sizeof(*names));
	size_t count = 0;

	while ((name = strsep(&rest, ",")) != NULL)
		if (*name != '\0')
			names[count++] = name;
	const enum err_code code = workspace_plan_services(desk->workspace, names, count,
		option_flag(args, "with-dependencies"), mode, params, plan, &desk->problems, err);
	free(names);
	free(list);
	return code;
}

static enum err_code plan_either(struct desk *desk, const struct args *args, const char *runbook,
	const char *mode, const json_t *params, json_t **plan, struct err *err)
{
	const bool services = option_value(args, "services") != NULL;

	if (services == (runbook != NULL))
		return err_set(err, ERR_USAGE,
			services ? "--services names what is done: leave out \"%s\""
				 : "name a runbook, or --services NAME,NAME%s",
			runbook != NULL ? runbook : "");
	if (option_flag(args, "with-dependencies") && !services)
		return err_set(err, ERR_USAGE, "--with-dependencies goes with --services");
	return services ? plan_services(desk, args, mode, params, plan, err)
			: workspace_plan(desk->workspace, runbook, mode, params, plan, &desk->problems, err);
}

enum err_code cli_plan(struct desk *desk, const struct args *args, const char *runbook,
	const char *mode, json_t **plan, struct err *err)
{
	json_t *params = NULL;
	enum err_code code = take_params(args, &params, err);

	*plan = NULL;
	if (code == ERR_NONE)
		code = plan_either(desk, args, runbook, mode, params, plan, err);
	if (code == ERR_NONE)
		code = desk_check_lua(desk, *plan, err);
	if (code == ERR_NONE && problems_errors(&desk->problems) > 0)
		code = err_set(err, ERR_WORKSPACE, "the workspace has %zu mistakes",
			problems_errors(&desk->problems));
	if (code != ERR_NONE) {
		if (args->quiet)
			first_problem(desk, err);
		else
			desk_print(desk, 20);
		json_decref(*plan);
		*plan = NULL;
	}
	json_decref(params);
	return code;
}

enum err_code cli_start_members(const struct args *args, json_t *request, struct err *err)
{
	const char **rules = option_values(args, "override");
	json_t *params = NULL, *list = json_array();

	for (size_t i = 0; rules[i] != NULL; i++)
		json_array_append_new(list, json_text(rules[i], strlen(rules[i])));
	free(rules);
	json_put(request, "override", list);
	json_put_str(request, "reason", option_value(args, "reason"));
	if (json_array_size(list) > 0 && option_value(args, "reason") == NULL)
		return err_set(err, ERR_USAGE, "--override needs --reason TEXT: it is recorded");
	TRY(take_params(args, &params, err));
	json_put(request, "params", params);
	return ERR_NONE;
}

enum err_code cli_start_request(
	const struct args *args, json_t *plan, json_t **out, struct err *err)
{
	struct wall impact = { 0 };
	const char *given = option_value(args, "impact");
	struct err none = { 0 };
	int64_t ago_ms;

	*out = json_object();
	json_object_set(*out, "plan", plan);
	if (given != NULL && parse_duration_ms(given, &ago_ms, &none) == ERR_NONE)
		impact.ns = wall_now().ns - ago_ms * 1000000;
	else if (given != NULL)
		TRY(wall_parse(given, &impact, err));
	if (impact.ns > 0)
		json_put_int(*out, "t0_ns", impact.ns);
	if (option_value(args, "note") != NULL)
		json_put_str(*out, "note", option_value(args, "note"));
	return cli_start_members(args, *out, err);
}

/* ------------------------------------------------------------------ the record */

enum err_code cli_own_files(const struct args *args, struct err *err)
{
	if (args->server == NULL)
		return ERR_NONE;
	return err_set(err, ERR_UNSUPPORTED,
		"the journal of a team server is read by its own user (drillbook --data DIR …); history and "
		"report ask the server");
}

enum err_code cli_journal(const struct args *args, struct journal **out, struct err *err)
{
	TRY(cli_own_files(args, err));
	char *path = path_join(args->data_dir, "journal.db");
	const bool there = path_exists(path);

	free(path);
	if (!there)
		return err_set(err, ERR_NOT_FOUND, "nothing has been recorded in \"%s\" yet",
			args->data_dir);
	return journal_open(out, args->data_dir, JOURNAL_READ, err);
}

enum err_code cli_run_number(
	const struct args *args, const char *word, int64_t *out, struct err *err)
{
	struct journal *journal;
	const struct journal_filter filter = { .limit = 1 };
	json_t *runs = NULL;
	char *end;

	if (!str_eq(word, "last")) {
		*out = strtoll(word, &end, 10);
		if (*end != '\0' || *out <= 0)
			return err_set(err, ERR_USAGE,
				"\"%s\" is no run number: write one, or last", word);
		return ERR_NONE;
	}
	enum err_code code;
	if (args->server != NULL) {
		code = remote_runs(args, &filter, &runs, err);
	} else {
		TRY(cli_journal(args, &journal, err));
		code = journal_runs(journal, &filter, &runs, err);
		journal_close(journal);
	}
	if (code == ERR_NONE && json_array_size(runs) == 0)
		code = err_set(err, ERR_NOT_FOUND, "there is no run yet");
	if (code == ERR_NONE)
		*out = json_int(json_array_get(runs, 0), "run", 0);
	json_decref(runs);
	return code;
}

/* ------------------------------------------------------------------ following a run */

bool cli_plain(const struct args *args)
{
	const char *term = getenv("TERM"), *accessible = getenv("ACCESSIBLE");

	return option_flag(args, "plain") || !isatty(0) || !isatty(1) || term == NULL ||
	       strcmp(term, "dumb") == 0 ||
	       (accessible != NULL && strcmp(accessible, "1") == 0);
}

int cli_follow(const struct args *args, struct client *client, int64_t run, struct err *err)
{
	int status = 0;
	enum err_code code;

	if (cli_plain(args)) {
		const char **approve = option_values(args, "approve"),
			   **confirm = option_values(args, "confirm");
		const bool interactive = isatty(0) && isatty(1);
		struct looker looker = { .args = args, .client = client };
		const struct plain_options options = { .client = client,
			.run = run,
			.start = cli_start,
			.start_arg = &looker,
			.secrets = cli_secrets,
			.look = cli_look,
			.look_arg = &looker,
			.record = option_value(args, "record"),
			.in = stdin,
			.out = stdout,
			.interactive = interactive,
			.approve = approve,
			.confirm = confirm,
			.yes_drill = !interactive };
		code = run > 0 ? plain_run(&options, &status, err)
			       : plain_home(&options, &status, err);
		looker_forget(&looker);
		free(approve);
		free(confirm);
	} else {
		code = cli_screen(args, client, run, NULL, NULL, &status, err);
	}
	return code == ERR_NONE ? status : -1;
}
