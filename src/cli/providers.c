/* providers.c: the reference of the providers, and doctor: what works here. */
#include "cli.h"
#include "reference.h"

#include <stdlib.h>
#include <string.h>

static const struct option_row options[] = { { "json", NULL, false, "as JSON" },
	{ "markdown", NULL, false, "as the pages have it: one provider, or the list of verbs" },
	{ "luacats", NULL, false, "as annotations for editors that check Lua" }, OPTION_END };

static void print_fields(const json_t *fields, const char *label)
{
	const json_t *row;
	size_t i;

	json_array_foreach(fields, i, row) {
		const char *fallback = json_str(row, "default", NULL),
			   *unit = json_str(row, "unit", NULL);
		printf("    %s %-20s %s%s%s%s  %s%s%s\n", label, json_str(row, "name", ""),
			json_str(row, "type", ""), unit ? " (" : "", unit ? unit : "",
			unit ? ")" : "", json_str(row, "help", ""),
			json_flag(row, "required", false) ? "; required"
			: fallback			  ? "; default "
							  : "",
			json_flag(row, "required", false) || fallback == NULL ? "" : fallback);
	}
}

static void print_provider(const json_t *provider, bool all)
{
	const json_t *row;
	size_t i;

	printf("%s: %s\n", json_str(provider, "name", ""), json_str(provider, "summary", ""));
	if (all)
		print_fields(json_object_get(provider, "settings"), "setting");
	json_array_foreach(json_object_get(provider, "operations"), i, row) {
		printf("  %-26s %-12s %s\n", json_str(row, "op", ""),
			json_str(row, "effect", ""), json_str(row, "help", ""));
		if (!all)
			continue;
		print_fields(json_object_get(row, "params"), "takes");
		print_fields(json_object_get(row, "results"), "gives");
		printf("    verify %s, undo %s, %s\n",
			json_flag(row, "verify", false) ? "yes" : "no",
			json_str(row, "undo", "no"),
			json_flag(row, "idempotent", false) ? "may be sent again"
							    : "never sent twice");
	}
}

static void print_as_asked(const struct args *args, const json_t *provider)
{
	if (option_flag(args, "markdown"))
		reference_provider(provider);
	else
		print_provider(provider, args->word_count > 0);
}

static void print_missing(const json_t *catalog)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(catalog, "missing"), i, row)
		printf("%s: left out of this build (needs %s)\n", json_str(row, "name", ""),
			json_str(row, "library", ""));
}

static int providers(const struct args *args, struct err *err)
{
	json_t *catalog;
	const json_t *row;
	size_t i;
	bool found = args->word_count == 0;

	if (cli_catalog(&catalog, err) != ERR_NONE)
		return -1;
	if (option_flag(args, "json"))
		return print_json(catalog);
	if (option_flag(args, "luacats") || (option_flag(args, "markdown") && found)) {
		(option_flag(args, "luacats") ? reference_luacats : reference_verbs)(catalog);
		json_decref(catalog);
		return 0;
	}
	json_array_foreach(json_object_get(catalog, "providers"), i, row)
		if (args->word_count == 0 ||
			str_eq(args->words[0], json_str(row, "name", ""))) {
			print_as_asked(args, row);
			found = true;
		}
	if (!option_flag(args, "markdown"))
		print_missing(catalog);
	json_decref(catalog);
	if (!found) {
		err_set(err, ERR_NOT_FOUND, "no provider \"%s\" in this build", args->words[0]);
		return -1;
	}
	return 0;
}

const struct command command_providers = {
	.name = "providers",
	.words = "[NAME]",
	.summary = "what can be done to which system (reference)",
	.examples = "  drillbook providers\n  drillbook providers postgres\n"
		    "  drillbook providers --luacats > lua/providers.d.lua\n",
	.options = options,
	.most = 1,
	.run = providers,
};

/* ------------------------------------------------------------------ doctor */

static bool say(bool ok, const char *what, const char *detail)
{
	printf("%-5s %-24s ", ok ? "ok" : "FAIL", what);
	print_safe(stdout, detail);
	putchar('\n');
	return ok;
}

static bool check_installation(void)
{
	static const char *const names[] = { "worker", "verify" };
	bool ok = true;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char *path = path_libexec(names[i]);
		ok = say(path_exists(path), names[i], path) && ok;
		free(path);
	}
	return ok;
}

static bool check_providers(void)
{
	json_t *catalog;
	struct err err;
	const json_t *row;
	size_t i;

	if (cli_catalog(&catalog, &err) != ERR_NONE)
		return say(false, "providers", err.text);
	json_array_foreach(json_object_get(catalog, "providers"), i, row)
		say(true, json_str(row, "name", ""), json_str(row, "summary", ""));
	json_array_foreach(json_object_get(catalog, "missing"), i, row) {
		printf("%-5s %-24s left out of this build: needs %s\n", "--",
			json_str(row, "name", ""), json_str(row, "library", ""));
	}
	json_decref(catalog);
	return true;
}

static bool check_journal(const struct args *args)
{
	struct journal *journal;
	struct err err = { 0 };
	const enum err_code code = cli_journal(args, &journal, &err);

	if (code == ERR_NOT_FOUND)
		return say(true, "journal", "nothing recorded yet");
	if (code != ERR_NONE)
		return say(false, "journal", err.text);
	say(true, "journal", journal_path(journal));
	journal_close(journal);
	return true;
}

static json_t *doctor_request(json_t *row, const char *target, const char *root)
{
	json_t *request = json_object(), *targets = json_object();

	json_put(targets, target, row);
	json_put_str(request, "target", target);
	json_put(request, "targets", targets);
	json_put_str(request, "phase", "probe");
	json_put_str(request, "workspace", root);
	return request;
}

static int print_target_report(const json_t *answer, const char *target)
{
	const json_t *error = json_object_get(answer, "error"),
		     *report = json_object_get(answer, "report"), *row;
	bool ok = json_flag(answer, "ok", false);
	size_t i;

	if (report == NULL)
		report = json_object_get(answer, "result");
	json_array_foreach(json_object_get(report, "checks"), i, row)
		ok = say(json_flag(row, "ok", false), json_str(row, "name", ""),
			     json_str(row, "detail", "")) &&
		     ok;
	if (error != NULL)
		say(false, target, json_str(error, "text", ""));
	return ok ? 0 : 1;
}

/* Read-only: reachability, identity, rights, versions of one target, by a worker. */
static int check_target(const struct args *args, const char *target, struct err *err)
{
	struct desk desk;
	int status = -1;

	if (desk_open(&desk, args, err) != ERR_NONE)
		return -1;
	json_t *row = NULL, *answer = NULL;
	char *worker = path_libexec("worker"), *input = NULL;
	const char *argv[] = { worker, "--call", NULL };
	struct child child = { .argv = argv, .timeout_ms = 60000 };
	if (desk_trusted(&desk, err) != ERR_NONE)
		goto out;
	row = workspace_target(desk.workspace, target);
	if (row == NULL) {
		err_set(err, ERR_NOT_FOUND, "the workspace has no target \"%s\"", target);
		goto out;
	}
	json_t *request = doctor_request(row, target, workspace_root(desk.workspace));
	input = json_line(request);
	json_decref(request);
	child.input = input;
	child.input_bytes = strlen(input);
	if (child_run(&child, err) == ERR_NONE &&
		json_parse(child.out.data, child.out.len, &answer, err) == ERR_NONE)
		status = print_target_report(answer, target);
	child_release(&child);
out:
	json_decref(answer);
	free(input);
	free(worker);
	desk_close(&desk);
	return status;
}

static int doctor(const struct args *args, struct err *err)
{
	if (args->word_count > 0)
		return check_target(args, args->words[0], err);
	bool ok = check_installation();
	ok = check_providers() && ok;
	ok = check_journal(args) && ok;
	struct client *client;
	struct err why = { 0 };
	if (cli_connect(&client, args, 0, &why) == ERR_NONE) {
		say(true, "server", client_server_version(client));
		client_close(client);
	} else {
		printf("%-5s %-24s not running (it starts by itself)\n", "--", "server");
	}
	struct desk desk;
	if (desk_open(&desk, args, &why) == ERR_NONE) {
		say(problems_errors(&desk.problems) == 0, "workspace",
			workspace_root(desk.workspace));
		say(trust_holds(workspace_root(desk.workspace)), "trusted",
			workspace_root(desk.workspace));
		desk_close(&desk);
	}
	return ok ? 0 : 1;
}

const struct command command_doctor = {
	.name = "doctor",
	.words = "[TARGET]",
	.summary = "what works here: the installation, or one target (read-only)",
	.examples = "  drillbook doctor\n  drillbook doctor db-standby\n",
	.options = (const struct option_row[]){ OPTION_END },
	.most = 1,
	.run = doctor,
};

/* ------------------------------------------------------------------ schema */

static int schema(const struct args *args, struct err *err)
{
	json_t *json = schema_json(args->words[0]);

	if (json != NULL)
		return print_json(json);
	err_set(err, ERR_NOT_FOUND,
		"no schema \"%s\": drillbook, services, targets, drills or runbook; server, client or policy",
		args->words[0]);
	return -1;
}

const struct command command_schema = {
	.name = "schema",
	.words = "KIND",
	.summary = "the JSON Schema of a kind of workspace file, for editors",
	.examples = "  drillbook schema runbook > runbook.schema.json\n",
	.options = (const struct option_row[]){ OPTION_END },
	.least = 1,
	.most = 1,
	.run = schema,
};
