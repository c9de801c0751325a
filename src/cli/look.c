/* look.c: what the screen asks that the server does not know: reports and comparisons from the
 * journal, runbooks from the workspace (docs/protocol.md, "Asked of the client itself").  One
 * row per question; nothing here prints. */
#include "remote.h"
#include "screen.h"

#include "drillbook/report.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 256 << 20, PACE_RUNS = 20 };

static enum err_code rendered(struct looker *looker, const json_t *about,
	enum report_format format, struct buf *out, struct err *err)
{
	struct journal *journal;

	if (looker->args->server != NULL) /* a team server's record comes over its socket */
		return remote_report(looker->args, json_int(about, "run", 0), format, out, err);
	TRY(cli_journal(looker->args, &journal, err));
	buf_init(out, TEXT_MAX);
	const enum err_code code =
		report_render(journal, json_int(about, "run", 0), format, out, err);
	journal_close(journal);
	if (code != ERR_NONE)
		buf_release(out);
	return code;
}

static enum err_code put_text(json_t *out, struct buf *text)
{
	json_put(out, "text", json_text(text->data, text->len));
	buf_release(text);
	return ERR_NONE;
}

static enum err_code look_markdown(
	struct looker *looker, const json_t *about, json_t *out, struct err *err)
{
	struct buf text;

	TRY(rendered(looker, about, REPORT_MARKDOWN, &text, err));
	return put_text(out, &text);
}

static enum err_code look_json(
	struct looker *looker, const json_t *about, json_t *out, struct err *err)
{
	struct buf text;

	TRY(rendered(looker, about, REPORT_JSON, &text, err));
	return put_text(out, &text);
}

/* The report as data, and under "pace" how long its steps usually take. */
static enum err_code look_report(
	struct looker *looker, const json_t *about, json_t *out, struct err *err)
{
	struct journal *journal;
	struct buf text;
	json_t *document = NULL, *pace = NULL;

	TRY(rendered(looker, about, REPORT_JSON, &text, err));
	enum err_code code = json_parse(text.data, text.len, &document, err);
	buf_release(&text);
	struct err none = { 0 };
	if (code == ERR_NONE && looker->args->server == NULL &&
		cli_journal(looker->args, &journal, &none) == ERR_NONE) {
		if (journal_step_times(journal,
			    json_str(json_object_get(document, "runbook"), "name", ""),
			    json_str(document, "mode", ""), PACE_RUNS, &pace,
			    &none) == ERR_NONE)
			json_put(document, "pace", pace);
		journal_close(journal);
	}
	if (code == ERR_NONE)
		json_put(out, "document", document);
	return code;
}

static enum err_code look_compare(
	struct looker *looker, const json_t *about, json_t *out, struct err *err)
{
	struct journal *journal;
	json_t *document = NULL;

	TRY(cli_journal(looker->args, &journal, err));
	const enum err_code code = report_compare(
		journal, json_int(about, "a", 0), json_int(about, "b", 0), &document, err);
	journal_close(journal);
	if (code == ERR_NONE)
		json_put(out, "document", document);
	return code;
}

/* How long a drill would take, where it needs no parameter that somebody has to give. */
static void add_forecast(struct looker *looker, const char *name, json_t *document)
{
	struct problems problems;
	struct err none = { 0 };
	json_t *plan = NULL;

	problems_init(&problems);
	if (workspace_plan(looker->desk.workspace, name, "drill", NULL, &plan, &problems,
		    &none) == ERR_NONE)
		json_put(document, "forecast", cli_outlook(looker->args, plan));
	json_decref(plan);
	problems_release(&problems);
}

static enum err_code look_runbook(
	struct looker *looker, const json_t *about, json_t *out, struct err *err)
{
	const char *name = json_str(about, "runbook", "");
	struct err none = { 0 };
	json_t *versions = NULL;

	TRY(looker_desk(looker, err));
	json_t *document = workspace_outline(looker->desk.workspace, name);
	if (document == NULL)
		return err_set(err, ERR_NOT_FOUND, "there is no runbook \"%s\"", name);
	/* without Git, or before the first commit, there are none */
	if (workspace_log(looker->desk.workspace, name, &versions, &none) == ERR_NONE)
		json_put(document, "versions", versions);
	add_forecast(looker, name, document);
	json_put(out, "document", document);
	return ERR_NONE;
}

static enum err_code look_home(
	struct looker *looker, const json_t *about, json_t *out, struct err *err)
{
	(void)about;
	looker_forget(looker); /* files may have changed since */
	TRY(looker_desk(looker, err));
	json_put(out, "document", workspace_summary(looker->desk.workspace));
	return ERR_NONE;
}

static enum err_code look_verify(
	struct looker *looker, const json_t *about, json_t *out, struct err *err)
{
	TRY(cli_own_files(looker->args, err));
	TRY(cli_own_files(looker->args, err));
	char *program = path_libexec("verify");
	char *outputs = path_join(looker->args->data_dir, "outputs");
	char run[32];
	const char *argv[] = { program, "--run", run, looker->args->data_dir,
		path_exists(outputs) ? outputs : NULL, NULL };
	struct child child = {
		.argv = argv, .timeout_ms = 60000, .max_output_bytes = 1 << 20, .merge = true
	};

	snprintf(run, sizeof(run), "%lld", (long long)json_int(about, "run", 0));
	const enum err_code code = child_run(&child, err);
	if (code == ERR_NONE)
		json_put(out, "text",
			json_text(child.out.data != NULL ? child.out.data : "", child.out.len));
	child_release(&child);
	free(program);
	free(outputs);
	return code;
}

enum err_code cli_look(
	void *arg, const char *what, const json_t *about, json_t **out, struct err *err)
{
	static const struct {
		const char *what;
		enum err_code (*look)(struct looker *, const json_t *, json_t *, struct err *);
	} rows[] = { { "report", look_report }, { "compare", look_compare },
		{ "runbook", look_runbook }, { "home", look_home },
		{ "markdown", look_markdown }, { "json", look_json },
		{ "verify", look_verify } };

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (!str_eq(rows[i].what, what))
			continue;
		*out = json_object();
		const enum err_code code = rows[i].look(arg, about, *out, err);
		if (code != ERR_NONE) {
			json_decref(*out);
			*out = NULL;
		}
		return code;
	}
	return err_set(err, ERR_UNSUPPORTED, "nobody here knows \"%s\"", what);
}
