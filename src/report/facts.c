/* facts.c: from events to the rows of a report.
 *
 * The fold says how things stand; a report also says how they came to: each answer with who
 * gave it, each change with who confirmed what was shown, each thing that went otherwise than
 * written.  One function per kind of event, found through a table; rows are found again through
 * an index of names. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct telling {
	struct facts *facts;
	const struct event *event;
	const json_t *data;
};

void facts_init(struct facts *facts)
{
	json_t **const arrays[] = {&facts->attempts, &facts->operations, &facts->reads,
		&facts->questions, &facts->deviations, &facts->resumes, &facts->pauses,
		&facts->leads, &facts->clocks};

	*facts = (struct facts){.run = run_new(), .index = json_object()};
	for (size_t i = 0; i < COUNT_OF(arrays); i++)
		*arrays[i] = json_array();
}

void facts_release(struct facts *facts)
{
	json_t *const values[] = {facts->attempts, facts->operations, facts->reads,
		facts->questions, facts->deviations, facts->resumes, facts->pauses,
		facts->leads, facts->clocks, facts->index, facts->seal};

	for (size_t i = 0; i < COUNT_OF(values); i++)
		json_decref(values[i]);
	run_free(facts->run);
	*facts = (struct facts){0};
}

json_t *stamp(struct wall at)
{
	char text[32];

	if (at.ns == 0)
		return json_null();
	json_t *row = json_object();
	json_put_str(row, "utc", wall_format(text, sizeof(text), at));
	json_put_int(row, "ns", at.ns);
	return row;
}

json_t *span_ms(struct wall from, struct wall to)
{
	return from.ns == 0 || to.ns == 0 ? json_null()
					  : json_integer((to.ns - from.ns) / 1000000);
}

/* ------------------------------------------------------------------ rows and their names */

static json_t *add_row(json_t *array)
{
	json_t *row = json_object();

	json_array_append_new(array, row);
	return row;
}

static void remember(struct facts *facts, char *name, json_t *row)
{
	json_object_set(facts->index, name, row);
	free(name);
}

static json_t *recall(const struct facts *facts, char *name)
{
	json_t *row = json_object_get(facts->index, name);

	free(name);
	return row;
}

/* kind and step come first: a step's id may hold any character */
static char *attempt_name(const json_t *data)
{
	return xasprintf("attempt %lld %s", (long long)json_int(data, "attempt", 0),
		json_str(data, "step", ""));
}

static char *call_name(const json_t *data)
{
	return xasprintf("call %lld %lld %s", (long long)json_int(data, "attempt", 0),
		(long long)json_int(data, "ordinal", 0), json_str(data, "step", ""));
}

static char *intent_name(const char *digest)
{
	return xasprintf("intent %s", digest);
}

static char *preview_name(const json_t *data)
{
	return xasprintf("preview %s", json_str(data, "step", ""));
}

static char *ask_name(const json_t *data)
{
	return xasprintf("ask %lld", (long long)json_int(data, "ask", 0));
}

static void copy_members(
	json_t *row, const json_t *data, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_t *value = json_object_get(data, names[i]);
		json_put(row, names[i], value ? json_incref(value) : NULL);
	}
}

static void put_who(json_t *row, const struct event *event)
{
	json_put_str(row, "who", event->actor.name);
	json_put_int(row, "uid", event->actor.uid);
}

static json_t *add_stamped(const struct telling *t, json_t *array)
{
	json_t *row = add_row(array);

	json_put(row, "at", stamp(t->event->wall));
	put_who(row, t->event);
	return row;
}

/* Something that is not as the runbook has it. */
static void deviation(const struct telling *t, const char *what, const char *why)
{
	json_t *row = add_stamped(t, t->facts->deviations);
	const json_t *step = json_object_get(t->data, "step");

	json_put(row, "step", step ? json_incref((json_t *)(uintptr_t)step) : NULL);
	json_put_str(row, "what", what);
	json_put_str(row, "why", why);
}

/* ------------------------------------------------------------------ the run */

static void tell_resumed(const struct telling *t)
{
	static const char *const names[] = {"epoch", "reason", "boot_changed"};

	copy_members(add_stamped(t, t->facts->resumes), t->data, names, COUNT_OF(names));
	deviation(t, "resumed", json_str(t->data, "reason", ""));
}

static void tell_paused(const struct telling *t)
{
	json_t *row = add_stamped(t, t->facts->pauses);

	json_put_str(row, "reason", json_str(t->data, "reason", ""));
	json_put(row, "until", NULL);
	json_object_set(t->facts->index, "pause", row);
	deviation(t, "paused", json_str(t->data, "reason", ""));
}

static void tell_continued(const struct telling *t)
{
	json_t *row = json_object_get(t->facts->index, "pause");

	if (row != NULL && json_is_null(json_object_get(row, "until")))
		json_put(row, "until", stamp(t->event->wall));
}

static void tell_aborting(const struct telling *t)
{
	deviation(t, "abort", json_str(t->data, "reason", ""));
}

static void tell_lead(const struct telling *t)
{
	json_t *row = add_stamped(t, t->facts->leads);

	json_put_str(row, "lead", json_str(t->data, "who", ""));
	json_put_str(row, "from", json_str(t->data, "from", ""));
}

static void tell_clock(const struct telling *t)
{
	static const char *const names[] = {"clock", "basis", "note"};
	json_t *row = add_stamped(t, t->facts->clocks);

	copy_members(row, t->data, names, COUNT_OF(names));
	json_put(row, "set_to", stamp((struct wall){json_int(t->data, "at_ns", 0)}));
}

/* ------------------------------------------------------------------ steps */

static void tell_step_started(const struct telling *t)
{
	static const char *const names[] = {"step", "attempt", "iteration"};
	json_t *row = add_row(t->facts->attempts);
	const int64_t attempt = json_int(t->data, "attempt", 1);
	char what[48];

	copy_members(row, t->data, names, COUNT_OF(names));
	json_put(row, "started", stamp(t->event->wall));
	json_put(row, "ended", NULL);
	remember(t->facts, attempt_name(t->data), row);
	if (attempt > 1) {
		snprintf(what, sizeof(what), "attempt %lld", (long long)attempt);
		deviation(t, what,
			json_flag(t->data, "undo", false) ? "to take back what the step did"
			: json_int(t->data, "iteration", 0) > 0
				? "tried again after a known failure"
				: "entered again, recorded calls replayed");
	}
}

static void tell_finished(const struct telling *t)
{
	static const char *const names[] = {"outcome", "error", "reason", "output"};
	json_t *row = recall(t->facts, attempt_name(t->data));
	const char *outcome = json_str(t->data, "outcome", "");
	const json_t *error = json_object_get(t->data, "error");

	/* what was skipped after it failed keeps the failure as its attempt's outcome */
	if (row != NULL && json_object_get(row, "outcome") == NULL) {
		copy_members(row, t->data, names, COUNT_OF(names));
		json_put(row, "ended", stamp(t->event->wall));
	}
	if (str_eq(outcome, "ok"))
		return;
	char *why = json_is_object(error) ? xasprintf("%s: %s", json_str(error, "code", ""),
						    json_str(error, "text", ""))
					  : xstrdup(json_str(t->data, "reason", ""));
	char *what = xasprintf("step %s", outcome);
	deviation(t, what, why);
	free(what);
	free(why);
}

static void tell_asked(const struct telling *t)
{
	static const char *const names[] = {"ask", "step", "attempt", "kind", "level", "title",
		"text", "digest", "word", "choices", "detail"};
	json_t *row = add_row(t->facts->questions);

	copy_members(row, t->data, names, COUNT_OF(names));
	json_put(row, "asked", stamp(t->event->wall));
	json_put(row, "answered", NULL);
	remember(t->facts, ask_name(t->data), row);
}

/* Whom an operation was confirmed by: the answer to the question bound to its intent's digest.
 */
static json_t *confirmation(const json_t *question, const char *basis)
{
	static const char *const names[] = {"who", "uid", "ask", "answer", "word"};
	json_t *row = json_object();

	copy_members(row, question, names, COUNT_OF(names));
	json_object_set(row, "at", json_object_get(question, "answered"));
	json_object_set(row, "displayed_digest", json_object_get(question, "displayed_digest"));
	json_put_str(row, "basis", basis);
	return row;
}

/* One voice of several; it stands with the question it is about. */
static void tell_approved(const struct telling *t)
{
	static const char *const names[] = {"word", "note"};
	json_t *question = recall(t->facts, ask_name(t->data)), *row = json_object();

	copy_members(row, t->data, names, COUNT_OF(names));
	json_put(row, "at", stamp(t->event->wall));
	put_who(row, t->event);
	if (question == NULL)
		question = add_row(t->facts->questions);
	if (json_object_get(question, "approvals") == NULL)
		json_put(question, "approvals", json_array());
	json_array_append_new(json_object_get(question, "approvals"), row);
}

static void tell_adopted(const struct telling *t)
{
	const json_t *book = json_object_get(t->data, "runbook");
	char *what = xasprintf("version %lld (%.12s) adopted for %zu steps not begun",
		(long long)json_int(book, "version", 0), json_str(book, "digest", ""),
		json_array_size(json_object_get(t->data, "steps")));

	deviation(t, what, json_str(t->data, "reason", ""));
	free(what);
}

static void tell_kept(const struct telling *t)
{
	deviation(t, "what was created stays", json_str(t->data, "reason", ""));
}

static void tell_answered(const struct telling *t)
{
	static const char *const names[] = {"answer", "value", "note"};
	json_t *row = recall(t->facts, ask_name(t->data));

	if (row == NULL) /* the question was erased */
		row = add_row(t->facts->questions);
	copy_members(row, t->data, names, COUNT_OF(names));
	json_put_str(row, "displayed_digest", json_str(t->data, "digest", ""));
	json_put(row, "answered", stamp(t->event->wall));
	const int64_t asked = json_int(json_object_get(row, "asked"), "ns", 0);
	json_put(row, "waited_ms", span_ms((struct wall){asked}, t->event->wall));
	put_who(row, t->event);
	if (!str_eq(json_str(row, "kind", ""), "confirm"))
		return;
	const char *digest = json_str(row, "digest", "");
	if (digest[0] == '\0') {
		remember(t->facts, preview_name(t->data), row);
		return;
	}
	json_t *operation = recall(t->facts, intent_name(digest));
	if (operation != NULL)
		json_put(operation, "confirmed", confirmation(row, "intent"));
}

/* ------------------------------------------------------------------ operations */

static void tell_read(const struct telling *t)
{
	static const char *const names[] = {
		"step", "attempt", "ordinal", "op", "target", "ok", "error"};
	json_t *row = add_row(t->facts->reads);

	copy_members(row, t->data, names, COUNT_OF(names));
	json_put(row, "took_ms",
		span_ms((struct wall){json_int(t->data, "began_ns", 0)},
			(struct wall){json_int(t->data, "ended_ns", 0)}));
}

static void tell_intent(const struct telling *t)
{
	static const char *const names[] = {"step", "attempt", "ordinal", "key", "op", "target",
		"effect", "declared", "idempotent", "args", "before", "digest", "undo"};
	json_t *row = add_row(t->facts->operations);
	const json_t *preview = recall(t->facts, preview_name(t->data));

	copy_members(row, t->data, names, COUNT_OF(names));
	json_put(row, "proposed", stamp(t->event->wall));
	json_put(row, "confirmed",
		json_flag(t->data, "allowed", false) && preview != NULL
			? confirmation(preview, "preview")
			: NULL);
	json_put(row, "allowed",
		json_flag(t->data, "allowed", false) ? stamp(t->event->wall) : NULL);
	json_put_str(row, "outcome", "proposed");
	remember(t->facts, call_name(t->data), row);
	remember(t->facts, intent_name(json_str(t->data, "digest", "")), row);
}

/* Only an erased intent can be missing: then there is no row to add to. */
static json_t *operation_of(const struct telling *t, const char *outcome)
{
	json_t *row = recall(t->facts, call_name(t->data));

	if (row != NULL && outcome != NULL)
		json_put_str(row, "outcome", outcome);
	return row;
}

static void tell_allowed(const struct telling *t)
{
	json_t *row = operation_of(t, "allowed");

	if (row != NULL)
		json_put(row, "allowed", stamp(t->event->wall));
}

static void tell_refused(const struct telling *t)
{
	json_t *row = operation_of(t, "refused");

	if (row != NULL)
		json_put_str(row, "refused", json_str(t->data, "reason", ""));
	deviation(t, "operation refused", json_str(t->data, "reason", ""));
}

static void add_unknown(const struct telling *t, json_t *row, const char *why)
{
	json_t *unknown = json_object();

	json_put(unknown, "at", stamp(t->event->wall));
	json_put_str(unknown, "why", why);
	if (row != NULL)
		json_put(row, "unknown", unknown);
	else
		json_decref(unknown);
	deviation(t, "outcome unknown", why);
}

static void tell_result(const struct telling *t)
{
	static const char *const names[] = {"result", "error", "source"};
	const json_t *error = json_object_get(t->data, "error");
	const bool good = json_flag(t->data, "ok", false);
	const bool unknown =
		!good && world_from_name(json_str(error, "world", "unknown")) == WORLD_UNKNOWN;
	json_t *row = operation_of(t, good ? "done" : unknown ? "unknown" : "failed");

	if (row != NULL) {
		copy_members(row, t->data, names, COUNT_OF(names));
		json_put(row, "began", stamp((struct wall){json_int(t->data, "began_ns", 0)}));
		json_put(row, "ended", stamp((struct wall){json_int(t->data, "ended_ns", 0)}));
	}
	if (unknown)
		add_unknown(t, row, json_str(error, "text", ""));
}

static void tell_unknown(const struct telling *t)
{
	add_unknown(t, operation_of(t, "unknown"), json_str(t->data, "reason", ""));
}

static void tell_settled(const struct telling *t)
{
	static const char *const names[] = {"verdict", "by", "reason", "evidence"};
	const bool done = str_eq(json_str(t->data, "verdict", ""), "done");
	json_t *row = operation_of(t, done ? "done" : "failed"), *settled;

	deviation(t, done ? "settled: it happened" : "settled: it did not happen",
		json_str(t->data, "reason", ""));
	if (row == NULL)
		return;
	settled = json_object();
	copy_members(settled, t->data, names, COUNT_OF(names));
	json_put(settled, "at", stamp(t->event->wall));
	put_who(settled, t->event);
	json_put(row, "settled", settled);
}

/* Said by whoever deviated, so in their words. */
static void tell_deviation(const struct telling *t)
{
	const char *step = json_str(t->data, "step", ""), *rule = json_str(t->data, "rule", "");
	const char *word = json_str(t->data, "what", "");

	/* what became of the step, or of what was created, is told with its own event */
	if (str_eq(word, "skip") || str_eq(word, "keep") || str_eq(word, "adopt"))
		return;
	json_t *row = add_stamped(t, t->facts->deviations);
	char *what = xasprintf("%s%s%s", word, rule[0] ? " of rule " : "", rule);

	json_put_str(row, "step", step[0] != '\0' ? step : NULL);
	json_put_str(row, "what", what);
	json_put_str(row, "why", json_str(t->data, "reason", ""));
	free(what);
}

/* ------------------------------------------------------------------ the table */

/* Kinds without a row leave nothing beyond what the fold keeps. */
static void (*const tellers[EVENT_COUNT])(const struct telling *t) = {
	[EVENT_RUN_RESUMED] = tell_resumed,
	[EVENT_RUN_PAUSED] = tell_paused,
	[EVENT_RUN_CONTINUED] = tell_continued,
	[EVENT_RUN_ABORTING] = tell_aborting,
	[EVENT_LEAD_TAKEN] = tell_lead,
	[EVENT_CLOCK_SET] = tell_clock,
	[EVENT_STEP_STARTED] = tell_step_started,
	[EVENT_STEP_ASKED] = tell_asked,
	[EVENT_STEP_APPROVED] = tell_approved,
	[EVENT_STEP_ANSWERED] = tell_answered,
	[EVENT_STEP_FINISHED] = tell_finished,
	[EVENT_OP_READ] = tell_read,
	[EVENT_OP_INTENT] = tell_intent,
	[EVENT_OP_ALLOWED] = tell_allowed,
	[EVENT_OP_REFUSED] = tell_refused,
	[EVENT_OP_RESULT] = tell_result,
	[EVENT_OP_UNKNOWN] = tell_unknown,
	[EVENT_OP_SETTLED] = tell_settled,
	[EVENT_DEVIATION_RECORDED] = tell_deviation,
	[EVENT_DEBRIS_KEPT] = tell_kept,
	[EVENT_RUN_ADOPTED] = tell_adopted,
};

enum err_code facts_add(struct facts *facts, const struct event *event, struct err *err)
{
	struct event at = *event;
	const struct telling t = {.facts = facts, .event = &at, .data = event->payload};

	TRY(run_apply(facts->run, event, err));
	at.wall = run_now(facts->run, event->wall); /* as every moment in a run */
	facts->events++;
	facts->erased += event->payload == NULL;
	facts->as_of = event->wall;
	if (tellers[event->kind] != NULL && event->payload != NULL)
		tellers[event->kind](&t);
	return ERR_NONE;
}

void facts_ledger(struct facts *facts, const struct event *event)
{
	static const char *const names[] = {"events", "head"};

	if (event->kind != EVENT_RUN_SEALED ||
		json_int(event->payload, "run", -1) != facts->run->id)
		return;
	json_decref(facts->seal);
	facts->seal = json_object();
	json_put(facts->seal, "at", stamp(event->wall));
	copy_members(facts->seal, event->payload, names, COUNT_OF(names));
}
