/* settle.c: outcomes nobody knows: the operation's own verify is asked first, then a human. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

const struct op *first_unknown(const struct step *step)
{
	for (size_t i = 0; i < step->op_count; i++)
		if (step->ops[i].state == OP_STATE_UNKNOWN)
			return &step->ops[i];
	return NULL;
}

static void ask_unknown(struct live *live, size_t index, const struct op *op, const char *why)
{
	json_t *more = json_object(), *choices = json_array(), *detail = json_object();
	char *title = xasprintf("Did %s on %s happen?", op->op, op->target);

	json_array_append_new(choices, choice_row("verify", "look again"));
	if (op->idempotent)
		json_array_append_new(
			choices, choice_row("retry", "send it again with the same key"));
	json_array_append_new(choices, choice_row("done", "it happened (say how you know)"));
	json_array_append_new(
		choices, choice_row("not_done", "it did not happen (say how you know)"));
	json_put_str(detail, "key", op->key);
	json_put_str(detail, "op", op->op);
	json_put_str(detail, "target", op->target);
	if (op->args != NULL)
		json_object_set(detail, "args", (json_t *)(uintptr_t)op->args);
	if (op->before != NULL)
		json_object_set(detail, "before", (json_t *)(uintptr_t)op->before);
	json_put_str(more, "title", title);
	json_put_str(more, "text", why);
	json_put(more, "choices", choices);
	json_put(more, "detail", detail);
	free(title);
	step_ask(live, index, "unknown", 0, more);
}

/* Looks with the operation's own verify first; a human is asked when that cannot tell. */
void step_settle_unknown(struct live *live, size_t index)
{
	struct err err = { 0 };
	const struct op *op = first_unknown(&live->run->steps[index]);

	if (op == NULL)
		step_after_settled(live, index);
	else if (simulating(live))
		ask_unknown(live, index, op, "a simulation cannot look at the world");
	else if (worker_verify(live, index, op, &err) != ERR_NONE)
		ask_unknown(live, index, op, err.text);
}

void step_settle(struct live *live, size_t index, const struct op *op, const char *verdict,
	const char *by, const char *reason, const json_t *evidence, const struct actor *actor)
{
	json_t *payload = op_base(live, index, op->attempt, op->ordinal, op->key);

	json_put_str(payload, "verdict", verdict);
	json_put_str(payload, "by", by);
	json_put_str(payload, "reason", reason);
	if (evidence != NULL) {
		json_object_set(payload, "evidence", (json_t *)(uintptr_t)evidence);
		const json_t *result = json_object_get(evidence, "result");
		if (json_is_object(result))
			json_object_set(payload, "result", (json_t *)(uintptr_t)result);
	}
	live_emit(live, EVENT_OP_SETTLED, payload, actor);
	step_after_settled(live, index);
}

void step_verdict(struct live *live, size_t index, const char *key, const json_t *message)
{
	const struct op *op = run_op(live->run, key);
	const char *verdict = json_str(message, "verdict", "cannot_tell");
	const json_t *evidence = json_object_get(message, "evidence");

	if (op == NULL || op->state != OP_STATE_UNKNOWN)
		return;
	if (json_flag(message, "ok", false) && !str_eq(verdict, "cannot_tell")) {
		step_settle(live, index, op, verdict, "verify",
			json_str(evidence, "reason", ""), evidence, NULL);
		return;
	}
	const json_t *error = json_object_get(message, "error");
	char *why = xasprintf("verify cannot tell: %s",
		json_str(error, "text", json_str(evidence, "reason", "no reason given")));
	ask_unknown(live, index, op, why);
	free(why);
}

/* An interrupted step is entered again and its recorded calls replayed; one that itself
 * reported a failure has failed, now that the world is known, unless what it did turned out to
 * be done. */
void step_after_settled(struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];
	bool not_done = false;

	if (step->state != STEP_UNKNOWN || live->ending)
		return;
	if (first_unknown(step) != NULL) {
		step_settle_unknown(live, index);
		return;
	}
	for (size_t i = 0; i < step->op_count; i++)
		not_done = not_done ||
			   (step->ops[i].attempt == step->attempt && step->ops[i].settled &&
				   step->ops[i].state == OP_STATE_FAILED);
	if (live->run->aborting && !step->undoing) { /* what is now known to be done can be taken back */
		json_t *more = json_object();
		json_put_str(more, "reason", "the run is being ended");
		step_finish(live, index, STEP_INTERRUPTED, more, NULL);
	} else if (step->error_code != NULL && not_done) {
		json_t *more = json_object(), *error = json_object();
		json_put_str(error, "code", step->error_code);
		json_put_str(error, "text", step->error_text);
		json_put_str(error, "world", world_name(WORLD_UNCHANGED));
		json_put(more, "error", error);
		step_finish(live, index, STEP_FAILED, more, NULL);
	} else {
		step_restart(live, index, false, NULL);
	}
}

