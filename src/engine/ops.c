/* ops.c: what a worker says about its step, one function per kind of message.
 *
 * A worker is believed about what it did, not about what it may do: uses, mode and environment
 * are checked here once more before an intent is allowed. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const effects[] = { "read", "change", "costly", "irreversible" };

static int64_t effect_level(const char *effect)
{
	for (size_t i = 0; i < COUNT_OF(effects); i++)
		if (str_eq(effects[i], effect))
			return (int64_t)i;
	return COUNT_OF(effects) - 1; /* a word nobody knows is treated as the worst */
}

json_t *op_base(
	const struct live *live, size_t step, int64_t attempt, int64_t ordinal, const char *key)
{
	json_t *payload = json_object();

	json_put_str(payload, "step", live->run->steps[step].id);
	json_put_int(payload, "attempt", attempt);
	json_put_int(payload, "ordinal", ordinal);
	if (key != NULL)
		json_put_str(payload, "key", key);
	return payload;
}

static void take(json_t *payload, const json_t *message, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_t *value = json_object_get(message, names[i]);
		if (value != NULL)
			json_object_set(payload, names[i], value);
	}
}

static void count_ordinal(struct live *live, const struct worker *worker, const json_t *message)
{
	const int64_t next = json_int(message, "ordinal", -1) + 1;

	if (live->steps[worker->step].next_ordinal < next)
		live->steps[worker->step].next_ordinal = next;
}

static void on_read(struct live *live, struct worker *worker, const json_t *message)
{
	static const char *const names[] = { "op", "target", "args", "digest", "ok", "result",
		"error", "began_ns", "ended_ns" };
	json_t *payload = op_base(
		live, worker->step, worker->attempt, json_int(message, "ordinal", 0), NULL);

	take(payload, message, names, COUNT_OF(names));
	count_ordinal(live, worker, message);
	live_emit(live, EVENT_OP_READ, payload, NULL);
}

/* ------------------------------------------------------------------ intents */

static bool used(const struct live *live, size_t step, const char *op, const char *target)
{
	const json_t *targets =
		json_object_get(json_object_get(plan_step(live, step), "uses"), op);
	const json_t *row;
	size_t i;

	json_array_foreach(targets, i, row)
		if (str_eq(json_string_value(row), target))
			return true;
	return false;
}

/* The operation of the step that this intent of its undo takes back, or NULL. */
static const struct op *takes_back(
	const struct live *live, const struct worker *worker, const json_t *message)
{
	const struct step *step = &live->run->steps[worker->step];

	return step->undoing ? undo_of(step, json_str(message, "op", ""),
				       json_str(message, "target", ""),
				       json_object_get(message, "args"))
			     : NULL;
}

/* The key of what an earlier run left and this intent takes away, as the plan names it (drillbook debris); "" =
 * none: a worker cannot make up another one. */
static const char *clears(const json_t *compensate, const json_t *message)
{
	const char *key = json_str(message, "compensates", "");
	const json_t *row;
	size_t i;

	json_array_foreach(compensate, i, row)
		if (str_eq(json_str(row, "key", ""), key) &&
			str_eq(json_str(row, "op", ""), json_str(message, "op", "")) &&
			str_eq(json_str(row, "target", ""), json_str(message, "target", "")))
			return key;
	return "";
}

/* Why this intent may not be, or NULL; text of its own is put into policy. */
static const char *forbidden(
	struct live *live, const struct worker *worker, const json_t *message, struct err *policy)
{
	const char *op = json_str(message, "op", ""), *target = json_str(message, "target", "");

	if (str_eq(live->run->mode, "probe"))
		return "mode probe changes nothing";
	if (str_eq(live->run->mode, "tabletop"))
		return "mode tabletop touches nothing";
	if (!used(live, worker->step, op, target) && takes_back(live, worker, message) == NULL)
		return "the step's uses: does not list it";
	if (!plan_mode_allows(live, target))
		return "the target's environment does not allow this mode";
	if (live->run->aborting && !live->run->steps[worker->step].undoing)
		return "the run is being ended";
	/* what was allowed may be taken back, whatever the policy says by now */
	if (!live->run->steps[worker->step].undoing && policy_intent(live, target, policy) != ERR_NONE)
		return policy->text;
	return NULL;
}

void op_allow(struct live *live, size_t step, const char *key)
{
	const struct op *op = run_op(live->run, key);
	json_t *payload = op_base(live, step, op->attempt, op->ordinal, key);
	const int64_t ordinal = op->ordinal;

	json_put_str(payload, "digest", op->digest);
	live_emit(live, EVENT_OP_ALLOWED, payload, NULL);
	struct after *after = batch_after(live->server, AFTER_ACK);
	after->worker = live->steps[step].worker;
	after->ordinal = ordinal;
}

void op_refuse(struct live *live, size_t step, const struct op *op, const char *reason,
	const struct actor *actor)
{
	json_t *payload = op_base(live, step, op->attempt, op->ordinal, op->key);

	json_put_str(payload, "reason", reason);
	live_emit(live, EVENT_OP_REFUSED, payload, actor);
}

/* No effect of the run before this one could not be taken back. */
static bool first_irreversible(const struct run *run)
{
	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].op_count; k++) {
			const struct op *op = &run->steps[i].ops[k];
			if (str_eq(op->effect, "irreversible") &&
				(op->state == OP_STATE_DONE || op->state == OP_STATE_UNKNOWN ||
					op->state == OP_STATE_ALLOWED))
				return false;
		}
	return true;
}

static void ask_confirm(
	struct live *live, struct worker *worker, const json_t *message, int64_t level)
{
	static const char *const names[] = { "op", "target", "effect", "args", "before", "undo",
		"declared", "key", "ordinal" };
	json_t *more = json_object(), *detail = json_object(), *choices = json_array(), *row;
	const bool live_mode = str_eq(live->run->mode, "live");
	char *title = xasprintf(
		"%s %s", json_str(message, "op", ""), json_str(message, "target", ""));

	take(detail, message, names, COUNT_OF(names));
	json_put_str(more, "title", title);
	json_put_str(more, "text",
		level >= 3   ? "This cannot be undone."
		: level == 2 ? "This is costly to undo."
			     : "This changes something.");
	json_put_str(more, "digest", json_str(message, "digest", ""));
	json_put_str(more, "word",
		level < 3				    ? ""
		: live_mode && live->run->service_count > 0 ? live->run->services[0].name
		: live_mode				    ? "live"
							    : "drill");
	json_put_flag(detail, "point_of_no_return", level >= 3 && first_irreversible(live->run));
	json_put(more, "detail", detail);
	row = json_object();
	json_put_str(row, "id", "yes");
	json_put_str(row, "label", "do it");
	json_array_append_new(choices, row);
	row = json_object();
	json_put_str(row, "id", "no");
	json_put_str(row, "label", "do nothing");
	json_array_append_new(choices, row);
	json_put(more, "choices", choices);
	free(title);
	worker->asked = mono_now();
	step_ask(live, worker->step, "confirm", level, more);
}

/* What it creates is in the ledger, with the way to take it away, before it is created. */
static void register_debris(
	const struct live *live, size_t step, const json_t *message, json_t *payload)
{
	const int64_t expires = json_int(plan_step(live, step), "expires_ms", 0);

	/* an action says so of itself; a step whose creations expire says it of all it can take back */
	if (!json_flag(message, "creates", false) &&
		(expires <= 0 || !json_is_object(json_object_get(message, "undo"))))
		return;
	json_put_flag(payload, "creates", true);
	if (expires > 0)
		json_put_int(payload, "expires_ns", wall_now().ns + expires * 1000000);
}

static void on_intent(struct live *live, struct worker *worker, const json_t *message)
{
	static const char *const names[] = { "op", "target", "effect", "args", "digest",
		"before", "undo", "idempotent", "declared" };
	struct live_step *own = &live->steps[worker->step];
	const json_t *row = plan_step(live, worker->step);
	const int64_t ordinal = json_int(message, "ordinal", 0);
	struct err policy = { 0 };
	const char *key = json_str(message, "key", ""),
		   *why = forbidden(live, worker, message, &policy);
	json_t *payload = op_base(live, worker->step, worker->attempt, ordinal, key);
	int64_t level = effect_level(json_str(message, "effect", ""));

	take(payload, message, names, COUNT_OF(names));
	count_ordinal(live, worker, message);
	const struct op *original = takes_back(live, worker, message);
	const bool undoing = live->run->steps[worker->step].undoing;
	if (original != NULL)
		json_put_str(payload, "compensates", original->key);
	else if (json_object_get(row, "compensate") != NULL) /* what an earlier run left (drillbook debris) */
		json_put_str(payload, "compensates",
			clears(json_object_get(row, "compensate"), message));
	if (!undoing)
		register_debris(live, worker->step, message, payload);
	if (undoing && level >= 3 && why == NULL) /* the consent for the effect does not go that far */
		why = "it could only be taken back by what cannot be undone itself: a human has to";
	if (!undoing && json_int(row, "author_level", 0) > level)
		level = json_int(row, "author_level", 0);
	const bool seen = own->confirmed != NULL &&
			  str_eq(own->confirmed, json_str(message, "digest", ""));
	const bool direct =
		why == NULL && !seen && (undoing || level == 0 || (level == 1 && own->previewed));
	json_put_flag(payload, "allowed", direct);
	live_emit(live, EVENT_OP_INTENT, payload, NULL);
	if (why != NULL) {
		op_refuse(live, worker->step, run_op(live->run, key), why, NULL);
		worker_tell(worker, "refuse", ordinal, "FORBIDDEN", why);
	} else if (seen) { /* asked before; prepared once more and still the same */
		free(own->confirmed);
		own->confirmed = NULL;
		op_allow(live, worker->step, key);
	} else if (direct) {
		struct after *after = batch_after(live->server, AFTER_ACK);
		after->worker = worker->id;
		after->ordinal = ordinal;
	} else {
		ask_confirm(live, worker, message, level);
	}
}

static void on_result(struct live *live, struct worker *worker, const json_t *message)
{
	static const char *const names[] = { "ok", "result", "error", "began_ns", "ended_ns" };
	json_t *payload = op_base(live, worker->step, worker->attempt,
		json_int(message, "ordinal", 0), json_str(message, "key", ""));

	take(payload, message, names, COUNT_OF(names));
	json_put_str(payload, "source", "worker");
	live_emit(live, EVENT_OP_RESULT, payload, NULL);
}

/* ------------------------------------------------------------------ the rest */

static void on_progress(struct live *live, struct worker *worker, const json_t *message)
{
	json_t *body = json_object(), *push = json_object();

	json_put_int(body, "run", live->id);
	json_put_str(body, "step", live->run->steps[worker->step].id);
	json_put_int(body, "attempt", worker->attempt);
	json_put_int(body, "per_mille", json_int(message, "per_mille", -1));
	json_put_str(body, "text", json_str(message, "text", ""));
	json_put(push, "progress", body);
	conns_push_run(live->server, live->id, push);
}

static void on_size(struct live *live, struct worker *worker, const json_t *message)
{
	json_t *body = json_object(), *push = json_object();

	json_put_int(body, "run", live->id);
	json_put_str(body, "step", live->run->steps[worker->step].id);
	json_put_int(body, "attempt", worker->attempt);
	json_put_int(body, "size", json_int(message, "bytes", 0));
	json_put(push, "tail", body);
	conns_push_run(live->server, live->id, push);
}

static void on_note(struct live *live, struct worker *worker, const json_t *message)
{
	json_t *payload = json_object();

	json_put_str(payload, "text", json_str(message, "text", ""));
	json_put_str(payload, "step", live->run->steps[worker->step].id);
	live_emit(live, EVENT_NOTE_ADDED, payload, NULL);
}

static bool served(const struct live *live, const char *service)
{
	for (size_t i = 0; i < live->run->service_count; i++)
		if (str_eq(live->run->services[i].name, service))
			return true;
	return false;
}

static void on_measure(struct live *live, struct worker *worker, const json_t *message)
{
	static const char *const names[] = { "service", "lost", "unit", "acknowledged",
		"rpa_ms", "recovery_point_ns", "basis" };
	json_t *payload = json_object();

	take(payload, message, names, COUNT_OF(names));
	if (simulating(live))
		json_put_int(payload, "recovery_point_ns",
			simulated_stamp(live, json_int(message, "recovery_point_ns", 0)));
	json_put_str(payload, "step", live->run->steps[worker->step].id);
	if (served(live, json_str(message, "service", ""))) {
		live_emit(live, EVENT_RECOVERY_MEASURED, payload, NULL);
		return;
	}
	log_line(LOG_WARN, "run %lld: a measurement for \"%s\", which the run does not serve",
		(long long)live->id, json_str(message, "service", ""));
	json_decref(payload);
}

static void on_clock(struct live *live, struct worker *worker, const json_t *message)
{
	static const char *const names[] = { "clock", "at_ns", "basis" };
	json_t *payload = json_object();

	(void)worker;
	take(payload, message, names, COUNT_OF(names));
	const char *clock = json_str(message, "clock", "");
	json_put_int(payload, "at_ns", simulated_stamp(live, json_int(message, "at_ns", 0)));
	if (!str_eq(clock, "t0") && !str_eq(clock, "t1")) {
		json_decref(payload);
		return;
	}
	live_emit(live, EVENT_CLOCK_SET, payload, NULL);
}

static void on_done(struct live *live, struct worker *worker, const json_t *message)
{
	worker->done = true;
	if (live->run->steps[worker->step].state == STEP_RUNNING &&
		live->steps[worker->step].worker == worker->id)
		step_phase_done(live, worker->step, message);
}

static void on_verdict(struct live *live, struct worker *worker, const json_t *message)
{
	worker->done = true;
	step_verdict(live, worker->step, json_str(worker->verifying, "key", ""), message);
}

static void on_condition(struct live *live, struct worker *worker, const json_t *message)
{
	struct live_step *own = &live->steps[worker->step];
	struct err err = { 0 };

	worker->done = true;
	if (!own->judging)
		return;
	own->judging = false;
	live->active--;
	live->dirty = true;
	if (live->run->steps[worker->step].state != STEP_PENDING)
		return; /* passed over meanwhile */
	if (json_flag(message, "ok", false)) {
		own->judged = json_flag(message, "holds", false) ? JUDGED_YES : JUDGED_NO;
		return;
	}
	err_set(&err, ERR_USAGE, "its condition: %s",
		json_str(json_object_get(message, "error"), "text", "nobody could look at it"));
	step_begin_failed(live, worker->step, &err);
}

static void on_secrets(struct live *live, struct worker *worker, const json_t *message)
{
	const bool again = live->secrets_again;

	worker->done = true;
	live->secrets_pending = live->secrets_again = false;
	live->dirty = true;
	if (json_flag(message, "ok", false)) {
		live->secrets_fd = wire_take_fd(&worker->wire);
		if (live->secrets_fd >= 0) {
			if (live->given_fd >= 0)
				close(live->given_fd);
			live->given_fd = -1;
			return;
		}
	}
	if (again)
		return; /* live_advance sends another worker, with what was given */
	live->secrets_missing = true;
	json_t *payload = json_object();
	char *reason = xasprintf("the secrets could not be read: %s. What a person has: drillbook secret give "
				 "%lld; to read them again: drillbook act %lld continue",
		json_str(json_object_get(message, "error"), "text", "no descriptor came"),
		(long long)live->id, (long long)live->id);
	json_put_str(payload, "reason", reason);
	live_emit(live, EVENT_RUN_PAUSED, payload, NULL);
	free(reason);
}

static const struct {
	const char *name;
	enum job job;
	void (*handle)(struct live *live, struct worker *worker, const json_t *message);
} messages[] = {
	{ "read", JOB_STEP, on_read },
	{ "intent", JOB_STEP, on_intent },
	{ "result", JOB_STEP, on_result },
	{ "progress", JOB_STEP, on_progress },
	{ "size", JOB_STEP, on_size },
	{ "note", JOB_STEP, on_note },
	{ "measure", JOB_STEP, on_measure },
	{ "clock", JOB_STEP, on_clock },
	{ "done", JOB_STEP, on_done },
	{ "verdict", JOB_VERIFY, on_verdict },
	{ "secrets", JOB_SECRETS, on_secrets },
	{ "condition", JOB_CONDITION, on_condition },
};

void worker_message(struct worker *worker, const json_t *message)
{
	const char *name = json_str(message, "t", "");
	struct live *live = live_find(worker->server, worker->run);

	if (live == NULL || live->ending)
		return;
	/* what a worker of an earlier attempt still says is only of interest as long as its
	 * step runs */
	if (worker->job == JOB_STEP &&
		(live->run->steps[worker->step].attempt != worker->attempt ||
			live->run->steps[worker->step].state != STEP_RUNNING))
		return;
	for (size_t i = 0; i < COUNT_OF(messages); i++)
		if (str_eq(messages[i].name, name) && messages[i].job == worker->job) {
			messages[i].handle(live, worker, message);
			return;
		}
	log_line(LOG_DEBUG, "worker %lld said \"%s\", which is not expected of it",
		(long long)worker->id, name);
}
