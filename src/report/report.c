/* report.c: a run's report and the table of past runs, from the journal. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static enum err_code visit_run(void *arg, const struct event *event, struct err *err)
{
	return facts_add(arg, event, err);
}

static enum err_code visit_ledger(void *arg, const struct event *event, struct err *err)
{
	(void)err;
	facts_ledger(arg, event);
	return ERR_NONE;
}

static enum err_code collect(
	struct journal *journal, int64_t run, struct facts *facts, struct err *err)
{
	enum err_code code;
	int64_t last;

	TRY(journal_events(journal, run, 0, visit_run, facts, err));
	if (!facts->run->started)
		return err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)run);
	/* the ledger is empty when nothing was ever sealed */
	code = journal_events(journal, 0, 0, visit_ledger, facts, err);
	if (code != ERR_NONE && code != ERR_NOT_FOUND)
		return code;
	TRY(journal_head(journal, run, &last, &facts->head, err));
	facts->has_head =
		last + 1 == facts->events; /* an open run may have gone on since it was read */
	return ERR_NONE;
}

enum err_code report_json(const json_t *document, struct buf *out, struct err *err)
{
	/* ASCII only: what a terminal or an editor would take for a direction or a control is
	 * an escape */
	char *text = json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);

	if (text == NULL)
		base_die("a report has no JSON form");
	enum err_code code = ERR_NONE;
	const char *at = text;
	for (size_t n; code == ERR_NONE && *at != '\0'; at += n) {
		n = strcspn(at, "\x7f"); /* the one control that the flag leaves as it is */
		code = buf_add(out, at, n, err);
		if (code == ERR_NONE && at[n] != '\0') {
			code = buf_add(out, "\\u007f", 6, err);
			n++;
		}
	}
	if (code == ERR_NONE)
		code = buf_add(out, "\n", 1, err);
	free(text);
	return code;
}

static enum err_code render(
	const struct facts *facts, enum report_format format, struct buf *out, struct err *err)
{
	static enum err_code (*const forms[])(const json_t *, struct buf *, struct err *) = {
		[REPORT_MARKDOWN] = report_markdown,
		[REPORT_JSON] = report_json,
		[REPORT_JUNIT] = report_junit,
	};
	json_t *document = report_document(facts);
	const enum err_code code = forms[format](document, out, err);

	json_decref(document);
	return code;
}

static void take_evidence(struct facts *facts, const json_t *evidence)
{
	const json_t *seal = json_object_get(evidence, "seal");

	facts->has_head = sha256_parse(json_str(evidence, "head", ""), &facts->head) &&
			  json_int(evidence, "last", -1) + 1 == facts->events;
	if (!json_is_object(seal))
		return;
	facts->seal = json_object();
	json_put(facts->seal, "at", stamp((struct wall){json_int(seal, "at_ns", 0)}));
	json_object_set(facts->seal, "events", json_object_get(seal, "events"));
	json_object_set(facts->seal, "head", json_object_get(seal, "head"));
}

enum err_code report_render_events(const json_t *events, const json_t *evidence,
	enum report_format format, struct buf *out, struct err *err)
{
	struct facts facts;
	const json_t *row;
	enum err_code code = ERR_NONE;
	size_t i;

	facts_init(&facts);
	json_array_foreach(events, i, row) {
		struct event event = {0};
		if (code == ERR_NONE)
			code = event_from_json(row, &event, err);
		if (code == ERR_NONE)
			code = facts_add(&facts, &event, err);
		event_release(&event);
	}
	if (code == ERR_NONE && !facts.run->started)
		code = err_set(err, ERR_NOT_FOUND, "there is no such run");
	if (code == ERR_NONE) {
		take_evidence(&facts, evidence);
		code = render(&facts, format, out, err);
	}
	facts_release(&facts);
	return code;
}

enum err_code report_render(struct journal *journal, int64_t run, enum report_format format,
	struct buf *out, struct err *err)
{
	struct facts facts;

	if (run <= 0)
		return err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)run);
	facts_init(&facts);
	enum err_code code = collect(journal, run, &facts, err);
	if (code == ERR_NONE)
		code = render(&facts, format, out, err);
	facts_release(&facts);
	return code;
}

enum err_code report_history(struct journal *journal, const struct journal_filter *filter,
	struct buf *out, struct err *err)
{
	json_t *runs = NULL;

	TRY(journal_runs(journal, filter, &runs, err));
	const enum err_code code = report_table(runs, out, err);
	json_decref(runs);
	return code;
}
