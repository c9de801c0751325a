/* answers.c: what a human said, checked and carried out: one row per kind of question.
 *
 * An answer is recorded first (step.answered) and then applied; what it leads to is events of
 * its own. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct answer {
	struct live *live;
	const struct ask *ask;
	size_t step;
	const char *word; /* what was chosen */
	const char *note;
	const json_t *request;
	const struct actor *actor;
	json_t *detail; /* of the ask; owned */
};

static enum err_code need_note(const struct answer *answer, struct err *err)
{
	if (answer->note == NULL || answer->note[0] == '\0')
		return err_set(
			err, ERR_USAGE, "\"%s\" needs a note that says why", answer->word);
	return ERR_NONE;
}

static enum err_code check_confirm(const struct answer *answer, struct err *err)
{
	const char *digest = json_str(answer->request, "digest", "");

	if (str_eq(answer->word, "no"))
		return ERR_NONE;
	if (!str_eq(digest, answer->ask->digest))
		return err_set(
			err, ERR_CONFLICT, "what you saw is not what is asked now: look again");
	if (answer->ask->level >= 3 &&
		!str_eq(json_str(answer->request, "word", ""), answer->ask->word))
		return err_set(err, ERR_USAGE, "type \"%s\" to confirm", answer->ask->word);
	return ERR_NONE;
}

static void apply_preview(struct answer *answer)
{
	json_t *payload;

	if (str_eq(answer->word, "yes")) {
		answer->live->steps[answer->step].previewed = true;
		if (answer->live->run->steps[answer->step].state == STEP_PENDING)
			step_restart(answer->live, answer->step, false, answer->actor);
		return;
	}
	payload = json_object();
	json_put_str(payload, "reason", "a preview was declined");
	live_emit(answer->live, EVENT_RUN_PAUSED, payload, answer->actor);
}

/* After this time what was shown is prepared once more; the tests cannot wait a minute. */
static int64_t stale_ms(void)
{
#if DRILLBOOK_FAILPOINTS
	const char *given = getenv("DRILLBOOK_STALE_MS");

	if (given != NULL)
		return strtoll(given, NULL, 10);
#endif
	return STALE_MS;
}

static void apply_confirm(struct answer *answer)
{
	struct live *live = answer->live;
	const char *key = json_str(answer->detail, "key", NULL);
	const struct op *op = run_op(live->run, key);
	struct worker *worker = worker_find(live->server, live->steps[answer->step].worker);

	if (key == NULL) {
		apply_preview(answer);
		return;
	}
	if (op == NULL || op->state != OP_STATE_PROPOSED || worker == NULL)
		return; /* the step ended while the human thought */
	if (!str_eq(answer->word, "yes")) {
		char *reason = xasprintf("declined by %s", answer->actor->name);
		op_refuse(live, answer->step, op, reason, answer->actor);
		worker_tell(worker, "refuse", op->ordinal, "CANCELLED", reason);
		free(reason);
	} else if ((run_now(live->run, wall_now()).ns - op->journaled.ns) / 1000000 > stale_ms()) {
		free(live->steps[answer->step].confirmed);
		live->steps[answer->step].confirmed = xstrdup(op->digest);
		worker_tell(worker, "again", op->ordinal, NULL, NULL);
	} else {
		op_allow(live, answer->step, key);
	}
}

/* A measured value is a number in the range the book accepts; one outside is a failure and said so. */
static enum err_code check_measure(const struct answer *answer, const json_t *measure, struct err *err)
{
	const char *value = json_str(answer->request, "value", "");
	const char *low = json_str(measure, "min", NULL), *high = json_str(measure, "max", NULL);
	char *end;
	const double number = strtod(value, &end);

	/* decimal only: strtod also takes "0x2" and "nan", which no gauge shows */
	if (value[0] == '\0' || *end != '\0' || value[strspn(value, "+-.0123456789eE")] != '\0' ||
		!isfinite(number))
		return err_set(err, ERR_USAGE, "this needs the measured value of %s in %s, a number",
			json_str(measure, "name", "it"), json_str(measure, "unit", "its unit"));
	if ((low != NULL && number < strtod(low, NULL)) || (high != NULL && number > strtod(high, NULL)))
		return err_set(err, ERR_PRECONDITION,
			"%s %s is outside what is accepted (%s to %s): measure again, or answer \"failed\"",
			value, json_str(measure, "unit", ""), low != NULL ? low : "any",
			high != NULL ? high : "any");
	return ERR_NONE;
}

static enum err_code check_manual(const struct answer *answer, struct err *err)
{
	const json_t *measure = json_object_get(answer->ask->detail, "measure");

	if (str_eq(answer->word, "failed"))
		return need_note(answer, err);
	return measure != NULL ? check_measure(answer, measure, err) : ERR_NONE;
}

static void apply_manual(struct answer *answer)
{
	json_t *more = json_object(), *part = json_object();
	const bool done = str_eq(answer->word, "done");

	if (done) {
		const char *value = json_str(answer->request, "value", NULL);
		const json_t *measure = json_object_get(answer->detail, "measure");
		if (value != NULL)
			json_put_str(part, "value", value);
		if (measure != NULL) {
			json_put_str(part, "name", json_str(measure, "name", ""));
			json_put_str(part, "unit", json_str(measure, "unit", ""));
			/* last: outputs.STEP.NAME is what the book's Lua and conditions read */
			if (value != NULL)
				json_put_str(part, json_str(measure, "name", "value"), value);
		}
		if (json_is_array(json_object_get(answer->request, "ticked")))
			json_object_set(part, "ticked", json_object_get(answer->request, "ticked"));
		if (answer->note != NULL)
			json_put_str(part, "note", answer->note);
	} else {
		json_put_str(part, "code", "FAILED");
		json_put_str(part, "text", answer->note);
		json_put_str(part, "world", world_name(WORLD_UNKNOWN));
	}
	json_put(more, done ? "outputs" : "error", part);
	step_finish(
		answer->live, answer->step, done ? STEP_OK : STEP_FAILED, more, answer->actor);
}

/* A step that was not begun, or a group with all its members. */
static void skip_pending(struct answer *answer, size_t index)
{
	struct live *live = answer->live;

	for (size_t i = 0; i < live->run->step_count; i++) {
		if (i != index && !run_step_within(live->run, i, index))
			continue;
		if (live->run->steps[i].state != STEP_PENDING)
			continue;
		json_t *why = json_object();
		json_put_str(why, "reason", "decided so");
		step_finish(live, i, STEP_SKIPPED, why, answer->actor);
	}
}

static void apply_decide(struct answer *answer)
{
	struct live *live = answer->live;
	const json_t *row, *id, *chosen = NULL;
	json_t *more = json_object(), *outputs = json_object();
	size_t i;

	json_array_foreach(json_object_get(plan_step(live, answer->step), "choices"), i, row)
		if (str_eq(json_str(row, "id", ""), answer->word))
			chosen = row;
	json_put_str(outputs, "choice", answer->word);
	json_put(more, "outputs", outputs);
	step_finish(live, answer->step, STEP_OK, more, answer->actor);
	json_array_foreach(json_object_get(chosen, "skip"), i, id) {
		const struct step *other = run_step(live->run, json_string_value(id));
		if (other != NULL)
			skip_pending(answer, (size_t)(other - live->run->steps));
	}
	if (json_flag(chosen, "stop", false))
		run_abort(live, "decided so", false, false, answer->actor);
}

static bool is_undo(const struct step *step)
{
	return step->undoing && step->state != STEP_UNDONE;
}

static enum err_code check_failed(const struct answer *answer, struct err *err)
{
	const struct live *live = answer->live;

	if (live->run->aborting && !is_undo(&live->run->steps[answer->step]))
		return err_set(err, ERR_CONFLICT, "the run is being ended");
	if (!str_eq(answer->word, "skip") && !str_eq(answer->word, "force"))
		return ERR_NONE;
	TRY(approve_bypass(live, answer->step, answer->actor, err));
	return need_note(answer, err);
}

static void apply_failed(struct answer *answer)
{
	struct live *live = answer->live;
	const struct step *step = &live->run->steps[answer->step];

	if (str_eq(answer->word, "retry")) {
		step_restart(
			live, answer->step, step->state != STEP_INTERRUPTED, answer->actor);
	} else if (str_eq(answer->word, "force")) {
		step_force(live, answer->step, answer->note, answer->actor);
	} else if (str_eq(answer->word, "undo")) {
		step_undo(live, answer->step, answer->actor);
	} else if (str_eq(answer->word, "skip")) {
		step_pass_over(live, answer->step, answer->note, answer->actor);
	} /* stop: nothing that needs it can start, the run ends as failed */
}

static enum err_code check_debris(const struct answer *answer, struct err *err)
{
	return str_eq(answer->word, "keep") ? need_note(answer, err) : ERR_NONE;
}

static void apply_debris(struct answer *answer)
{
	struct live *live = answer->live;

	if (str_eq(answer->word, "undo")) {
		debris_remove(live, answer->step, answer->actor);
		return;
	}
	live_deviate(live, "keep", NULL, answer->note, live->run->steps[answer->step].id,
		answer->actor);
	debris_keep(live, answer->step, answer->note, answer->actor);
}

static enum err_code check_unknown(const struct answer *answer, struct err *err)
{
	const bool verdict = str_eq(answer->word, "done") || str_eq(answer->word, "not_done");

	if (str_eq(answer->word, "retry") && answer->live->run->aborting &&
		!is_undo(&answer->live->run->steps[answer->step]))
		return err_set(err, ERR_CONFLICT, "the run is being ended: say whether it happened");
	return verdict ? need_note(answer, err) : ERR_NONE;
}

static void apply_unknown(struct answer *answer)
{
	struct live *live = answer->live;
	const struct op *op = run_op(live->run, json_str(answer->detail, "key", NULL));

	if (op == NULL || op->state != OP_STATE_UNKNOWN)
		return;
	if (str_eq(answer->word, "verify"))
		step_settle_unknown(live, answer->step);
	else if (str_eq(answer->word, "retry"))
		step_restart(live, answer->step, false, answer->actor);
	else
		step_settle(live, answer->step, op, answer->word, "human", answer->note, NULL,
			answer->actor);
}

static enum err_code check_approve(const struct answer *answer, struct err *err)
{
	return approve_check(
		answer->live, answer->ask, answer->word, answer->note, answer->actor, err);
}

static void apply_approve(struct answer *answer)
{
	json_t *more = json_object(), *part = json_object();
	const bool yes = str_eq(answer->word, "approve");

	if (!yes) {
		json_put_str(part, "code", "REFUSED");
		char *text = xasprintf("rejected by %s: %s", answer->actor->name, answer->note);
		json_put_str(part, "text", text);
		json_put_str(part, "world", world_name(WORLD_UNCHANGED));
		free(text);
	}
	json_put(more, yes ? "outputs" : "error", part);
	step_finish(answer->live, answer->step, yes ? STEP_OK : STEP_FAILED, more, answer->actor);
}

static const struct {
	const char *kind;
	enum err_code (*check)(const struct answer *answer, struct err *err);
	void (*apply)(struct answer *answer);
} answer_kinds[] = {
	{ "confirm", check_confirm, apply_confirm },
	{ "manual", check_manual, apply_manual },
	{ "decide", NULL, apply_decide },
	{ "failed", check_failed, apply_failed },
	{ "diverged", check_failed, apply_failed },
	{ "unknown", check_unknown, apply_unknown },
	{ "approve", check_approve, apply_approve },
	{ "debris", check_debris, apply_debris },
};

static enum err_code not_offered(const struct ask *ask, const char *word, struct err *err)
{
	char list[200] = "";
	size_t at = 0, i;
	const json_t *row;

	json_array_foreach(ask->choices, i, row)
		if (at < sizeof(list))
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%.60s", i > 0 ? ", " : "",
				json_str(row, "id", ""));
	return err_set(err, ERR_USAGE, "\"%s\" is not one of the answers: %s", word, list);
}

static bool offered(const struct ask *ask, const char *word)
{
	const json_t *row;
	size_t i;

	json_array_foreach(ask->choices, i, row)
		if (str_eq(json_str(row, "id", ""), word))
			return true;
	return false;
}

enum err_code step_answer(
	struct live *live, const json_t *request, const struct actor *actor, struct err *err)
{
	struct answer answer = { .live = live,
		.request = request,
		.actor = actor,
		.word = json_str(request, "answer", ""),
		.note = json_str(request, "note", NULL) };
	size_t kind = 0;

	answer.ask = run_ask(live->run, json_int(request, "ask", -1));
	if (answer.ask == NULL)
		return err_set(err, ERR_NOT_FOUND, "this question is not open any more");
	answer.step = answer.ask->step;
	if (!offered(answer.ask, answer.word))
		return not_offered(answer.ask, answer.word, err);
	while (kind < COUNT_OF(answer_kinds) &&
		!str_eq(answer_kinds[kind].kind, answer.ask->kind))
		kind++;
	if (kind == COUNT_OF(answer_kinds))
		return err_set(err, ERR_PROTOCOL, "a question of unknown kind \"%s\"",
			answer.ask->kind);
	if (answer_kinds[kind].check != NULL)
		TRY(answer_kinds[kind].check(&answer, err));
	if (str_eq(answer.ask->kind, "approve")) {
		const int64_t id = answer.ask->id;
		if (!approve_say(live, answer.ask, answer.word, answer.note, actor))
			return ERR_NONE; /* one voice more; the others are waited for */
		answer.ask = run_ask(live->run, id);
	}
	json_t *payload = json_object();
	json_put_int(payload, "ask", answer.ask->id);
	json_put_str(payload, "step", live->run->steps[answer.step].id);
	json_put_str(payload, "answer", answer.word);
	json_put_str(payload, "note", answer.note ? answer.note : "");
	json_put_str(payload, "value", json_str(request, "value", ""));
	json_put_str(payload, "digest", answer.ask->digest);
	answer.detail = json_incref((json_t *)(uintptr_t)answer.ask->detail);
	live_emit(live, EVENT_STEP_ANSWERED, payload, actor); /* the ask is gone from here on */
	answer_kinds[kind].apply(&answer);
	json_decref(answer.detail);
	return ERR_NONE;
}
