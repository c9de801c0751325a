/* steps.c: which step may start, how a step ends, what a human is asked about it.
 *
 * A step's life:  pending -> [preview] -> started -> check -> run -> verify -> finished
 * where each phase of a script step is a worker of its own.  What ends badly is put before a
 * human (on_failure), an outcome that is not known is settled first: by the operation's own
 * verify, else by a human. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static json_t *named(const struct live *live, size_t step)
{
	json_t *payload = json_object();

	json_put_str(payload, "step", live->run->steps[step].id);
	json_put_int(payload, "attempt", live->run->steps[step].attempt);
	return payload;
}

int64_t step_ask(struct live *live, size_t step, const char *kind, int64_t level, json_t *more)
{
	json_t *payload = named(live, step);
	const int64_t id = live->run->last_ask + 1;

	json_put_int(payload, "ask", id);
	json_put_str(payload, "kind", kind);
	json_put_int(payload, "level", level);
	if (more != NULL)
		json_object_update(payload, more);
	json_decref(more);
	live_emit(live, EVENT_STEP_ASKED, payload, NULL);
	return id;
}

static json_t *choice(const char *id, const char *label)
{
	json_t *row = json_object();

	json_put_str(row, "id", id);
	json_put_str(row, "label", label);
	return row;
}

/* The question after a failure, an interruption or a divergence. */
static void ask_failed(struct live *live, size_t index, const char *kind)
{
	const struct step *step = &live->run->steps[index];
	json_t *more = json_object(), *choices = json_array();
	char *title = xasprintf("%s: %s", step->title, step_state_name(step->state));

	if (!str_eq(kind, "diverged"))
		json_array_append_new(
			choices, choice("retry", step->state == STEP_INTERRUPTED
							 ? "go on from where it was"
							 : "run the step again"));
	json_array_append_new(choices, choice("skip", "pass over it (a reason is needed)"));
	json_array_append_new(choices, choice("stop", "end the run here"));
	json_put_str(more, "title", title);
	json_put_str(more, "text",
		step->error_text ? step->error_text
		: step->reason	 ? step->reason
				 : "");
	json_put(more, "choices", choices);
	free(title);
	step_ask(live, index, kind, 0, more);
}

/* ------------------------------------------------------------------ phases */

static const char *const phases[] = { "check", "run", "verify" };

/* The phase after this one ("" = the first) that the step has a script for, or NULL. */
const char *next_phase(const json_t *row, const char *phase)
{
	size_t i = 0;

	while (i < COUNT_OF(phases) && phase[0] != '\0' && !str_eq(phases[i], phase))
		i++;
	if (phase[0] != '\0')
		i++;
	for (; i < COUNT_OF(phases); i++)
		if (json_is_object(json_object_get(
			    row, str_eq(phases[i], "run") ? "script" : phases[i])))
			return phases[i];
	return NULL;
}

static void run_phase(struct live *live, size_t step, const char *phase)
{
	struct err err = { 0 };
	json_t *payload = named(live, step);

	if (live->secrets_needed &&
		live->secrets_fd < 0) { /* after a restart: live_advance gets them first */
		live->steps[step].waiting = phase;
		live->waiting++;
		json_decref(payload);
		return;
	}
	json_put_str(payload, "phase", phase);
	live_emit(live, EVENT_STEP_PHASE, payload, NULL);
	if (worker_run_phase(live, step, phase, &err) == ERR_NONE)
		return;
	json_t *more = json_object(), *error = json_object();
	json_put_str(error, "code", err_name(err.code));
	json_put_str(error, "text", err.text);
	json_put_str(error, "world", world_name(WORLD_UNCHANGED));
	json_put(more, "error", error);
	step_finish(live, step, STEP_FAILED, more, NULL);
}

/* ------------------------------------------------------------------ beginning */

static void ask_manual(struct live *live, size_t step, const char *kind)
{
	const json_t *row = plan_step(live, step);
	json_t *more = json_object(), *detail = json_object();

	json_put_str(more, "title", live->run->steps[step].title);
	json_put_str(more, "text", json_str(row, "text", ""));
	if (json_object_get(row, "checklist") != NULL)
		json_object_set(detail, "checklist", json_object_get(row, "checklist"));
	json_put(more, "detail", detail);
	if (str_eq(kind, "decide")) {
		json_object_set(more, "choices", json_object_get(row, "choices"));
	} else {
		json_t *choices = json_array();
		json_array_append_new(choices, choice("done", "it is done"));
		json_array_append_new(choices, choice("failed", "it could not be done"));
		json_put(more, "choices", choices);
	}
	step_ask(live, step, kind, 0, more);
}

static void wait_over(struct server *server, int64_t run, int64_t step)
{
	struct live *live = live_find(server, run);

	if (live != NULL && live->run->steps[step].state == STEP_RUNNING && !live->ending)
		step_finish(live, (size_t)step, STEP_OK, NULL, NULL);
}

void step_arm_wait(struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];
	const bool same_boot = strcmp(step->started_boot, boot_id()) == 0;
	const int64_t gone = same_boot ? mono_ms_since(step->started_mono)
				       : (wall_now().ns - step->started.ns) / 1000000;
	int64_t left = json_int(plan_step(live, index), "wait_ms", 0) - gone;

	timer_start(live->server, left > 0 ? left : 0, wait_over, live->id, (int64_t)index);
}

void step_restart(
	struct live *live, size_t index, bool new_iteration, const struct actor *actor)
{
	struct step *step = &live->run->steps[index];
	struct live_step *own = &live->steps[index];
	json_t *payload = json_object();

	json_put_str(payload, "step", step->id);
	json_put_int(payload, "attempt", step->attempt + 1);
	json_put_int(payload, "iteration",
		step->attempt == 0 ? 0 : step->iteration + (new_iteration ? 1 : 0));
	live_emit(live, EVENT_STEP_STARTED, payload, actor);
	live->active++;
	own->next_ordinal = 0;
	json_decref(own->outputs);
	json_decref(own->output);
	own->outputs = own->output = NULL;
	free(own->confirmed);
	own->confirmed = NULL;
	switch (step->kind) {
	case KIND_SCRIPT: {
		const char *first = next_phase(plan_step(live, index), "");
		if (first == NULL)
			step_finish(live, index, STEP_OK, NULL, NULL);
		else
			run_phase(live, index, first);
		break;
	}
	case KIND_MANUAL:
		ask_manual(live, index, "manual");
		break;
	case KIND_DECIDE:
		ask_manual(live, index, "decide");
		break;
	case KIND_WAIT:
		step_arm_wait(live, index);
		break;
	}
}

static void ask_preview(struct live *live, size_t step)
{
	json_t *more = json_object(), *detail = json_object(), *choices = json_array();

	json_put_str(more, "title", live->run->steps[step].title);
	json_put_str(more, "text", "This step changes something; what it may do is listed.");
	json_object_set(detail, "uses", json_object_get(plan_step(live, step), "uses"));
	json_put(more, "detail", detail);
	json_array_append_new(choices, choice("yes", "do it"));
	json_array_append_new(choices, choice("no", "not now: pause the run"));
	json_put(more, "choices", choices);
	step_ask(live, step, "confirm", 1, more);
}

static void begin(struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];

	if (str_eq(live->run->mode, "probe") &&
		(step->level > 0 || step->kind == KIND_MANUAL || step->kind == KIND_DECIDE)) {
		json_t *more = json_object();
		json_put_str(more, "reason",
			step->level > 0 ? "probe: it would change something"
					: "probe: nobody is asked");
		step_finish(live, index, STEP_SKIPPED, more, NULL);
	} else if (step->kind == KIND_SCRIPT && step->level == 1 &&
		   !live->steps[index].previewed) {
		ask_preview(live, index);
	} else {
		step_restart(live, index, false, NULL);
	}
}

/* ------------------------------------------------------------------ the end of a step */

static void mark_services(struct live *live, size_t index)
{
	const json_t *mark;
	size_t i;

	json_array_foreach(json_object_get(plan_step(live, index), "marks"), i, mark) {
		json_t *payload = json_object();
		json_put_str(payload, "service", json_str(mark, "service", ""));
		json_put_str(payload, "reached", json_str(mark, "reached", ""));
		json_put_str(payload, "step", live->run->steps[index].id);
		live_emit(live, EVENT_SERVICE_MARKED, payload, NULL);
	}
}

static void retry_due(struct server *server, int64_t run, int64_t step)
{
	struct live *live = live_find(server, run);

	if (live == NULL)
		return;
	live->active--; /* the waiting itself */
	live->dirty = true;
	if (!live->ending && !live->run->aborting &&
		live->run->steps[step].state == STEP_FAILED)
		step_restart(live, (size_t)step, true, NULL);
}

/* What happens after a known failure: retry:, then on_failure:. */
static void after_failure(struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];
	const json_t *row = plan_step(live, index), *retry = json_object_get(row, "retry");
	const char *policy = json_str(row, "on_failure", "ask");

	if (live->run->aborting || live->ending)
		return;
	if (step->state == STEP_FAILED &&
		step->iteration + 1 < json_int(retry, "attempts", 1)) {
		live->active++;
		timer_start(live->server, json_int(retry, "wait_ms", 0), retry_due, live->id,
			(int64_t)index);
	} else if (str_eq(policy, "continue") && step->state == STEP_FAILED) {
		json_t *more = json_object();
		json_put_str(more, "reason", "failed; on_failure: continue");
		step_finish(live, index, STEP_SKIPPED, more, NULL);
	} else if (str_eq(policy, "stop") && step->state == STEP_FAILED) {
		live->dirty =
			true; /* nothing that needs it can start: the run ends by itself */
	} else {
		ask_failed(live, index,
			str_eq(step->error_code, "DIVERGED") ? "diverged" : "failed");
	}
}

void step_failed_again(struct live *live, size_t index)
{
	/* a run that was being stopped there has no question open and simply ends */
	if (!str_eq(json_str(plan_step(live, index), "on_failure", "ask"), "stop"))
		after_failure(live, index);
	live->dirty = true;
}

void step_finish(struct live *live, size_t index, enum step_state outcome, json_t *more,
	const struct actor *actor)
{
	const struct step *step = &live->run->steps[index];
	struct live_step *own = &live->steps[index];
	json_t *payload = named(live, index);

	for (size_t i = 0; i < step->op_count && step->state == STEP_RUNNING; i++)
		if (step->ops[i].state == OP_STATE_PROPOSED)
			op_refuse(live, index, &step->ops[i],
				"the step ended before it was allowed", NULL);
	if (step->state == STEP_RUNNING)
		live->active--;
	if (own->waiting != NULL) {
		own->waiting = NULL;
		live->waiting--;
	}
	json_put_str(payload, "outcome", step_state_name(outcome));
	if (own->output != NULL)
		json_object_set(payload, "output", own->output);
	if (more != NULL)
		json_object_update(payload, more);
	json_decref(more);
	own->worker = 0;
	live_emit(live, EVENT_STEP_FINISHED, payload, actor);
	if (outcome == STEP_OK)
		mark_services(live, index);
	else if (outcome == STEP_FAILED || outcome == STEP_STOPPED)
		after_failure(live, index);
}

static const struct op *first_unknown(const struct step *step)
{
	for (size_t i = 0; i < step->op_count; i++)
		if (step->ops[i].state == OP_STATE_UNKNOWN)
			return &step->ops[i];
	return NULL;
}

void step_phase_done(struct live *live, size_t index, const json_t *done)
{
	const struct step *step = &live->run->steps[index];
	struct live_step *own = &live->steps[index];
	json_t *output = json_object_get(done, "output"),
	       *error = json_object_get(done, "error");
	json_t *more;

	own->worker = 0;
	if (json_is_object(output)) {
		char *name = output_name(live->id, index, step->attempt);
		json_decref(own->output);
		own->output = json_copy(output);
		json_put_str(own->output, "file", name);
		free(name);
	}
	own->next_ordinal = json_int(done, "next_ordinal", own->next_ordinal);
	if (json_flag(done, "ok", false)) {
		if (str_eq(step->phase, "run") &&
			json_is_object(json_object_get(done, "outputs"))) {
			json_decref(own->outputs);
			own->outputs = json_incref(json_object_get(done, "outputs"));
		}
		const char *next = next_phase(plan_step(live, index), step->phase);
		if (next != NULL) {
			run_phase(live, index, next);
			return;
		}
		more = json_object();
		if (own->outputs != NULL)
			json_object_set(more, "outputs", own->outputs);
		step_finish(live, index, STEP_OK, more, NULL);
		return;
	}
	more = json_object();
	if (error != NULL)
		json_object_set(more, "error", error);
	if (first_unknown(step) != NULL) {
		step_finish(live, index, STEP_UNKNOWN, more, NULL);
		step_settle_unknown(live, index);
	} else if (str_eq(json_str(error, "code", ""), "CANCELLED")) {
		step_finish(live, index, STEP_STOPPED, more, NULL);
	} else {
		step_finish(live, index, STEP_FAILED, more, NULL);
	}
}

/* The worker, or the server above it, died in the middle of the step. */
void step_lost(struct live *live, size_t index, const char *reason, bool resuming)
{
	struct step *step = &live->run->steps[index];
	bool unknown = false;

	if (step->state != STEP_RUNNING)
		return;
	for (size_t i = 0; i < step->op_count; i++) {
		if (step->ops[i].state == OP_STATE_PROPOSED) {
			op_refuse(live, index, &step->ops[i],
				"nothing was done: it was never allowed", NULL);
		} else if (step->ops[i].state == OP_STATE_ALLOWED) {
			json_t *payload = op_base(live, index, step->ops[i].attempt,
				step->ops[i].ordinal, step->ops[i].key);
			json_put_str(payload, "reason", reason);
			live_emit(live, EVENT_OP_UNKNOWN, payload, NULL);
		}
		unknown = unknown || step->ops[i].state == OP_STATE_UNKNOWN;
	}
	json_t *more = json_object();
	json_put_str(more, "reason", reason);
	step_finish(live, index, unknown ? STEP_UNKNOWN : STEP_INTERRUPTED, more, NULL);
	batch_urgent(live->server);
	if (unknown)
		step_settle_unknown(live, index);
	else if (resuming)
		step_restart(live, index, false, NULL);
	else
		ask_failed(live, index, "failed");
}

/* ------------------------------------------------------------------ unknown outcomes */

static void ask_unknown(struct live *live, size_t index, const struct op *op, const char *why)
{
	json_t *more = json_object(), *choices = json_array(), *detail = json_object();
	char *title = xasprintf("Did %s on %s happen?", op->op, op->target);

	json_array_append_new(choices, choice("verify", "look again"));
	if (op->idempotent)
		json_array_append_new(
			choices, choice("retry", "send it again with the same key"));
	json_array_append_new(choices, choice("done", "it happened (say how you know)"));
	json_array_append_new(
		choices, choice("not_done", "it did not happen (say how you know)"));
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
	if (live->run->aborting) {
		live->dirty = true;
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

/* ------------------------------------------------------------------ going on */

static bool done_with(const struct step *step)
{
	return step->state == STEP_OK || step->state == STEP_SKIPPED;
}

static void end_if_over(struct live *live)
{
	const struct run *run = live->run;
	enum run_status status = RUN_DONE;

	if (live->active > 0 || run->ask_count > 0 || run_unknown_count(run) > 0)
		return;
	for (size_t i = live->low; i < run->step_count; i++)
		if (!done_with(&run->steps[i]))
			status = RUN_FAILED;
	live_end(live, status,
		status == RUN_DONE ? "" : "a step failed and the run was ended there", NULL);
}

void live_advance(struct live *live)
{
	struct run *run = live->run;
	struct err err = { 0 };
	bool ready = false;

	live->dirty = false;
	if (live->ending)
		return;
	if (run->aborting) {
		if (live->active == 0)
			live_end(live, RUN_ABORTED, run->reason, NULL);
		return;
	}
	if (live->secrets_needed && live->secrets_fd < 0) {
		if (live->secrets_pending || run->paused)
			return;
		live->secrets_pending = true;
		if (worker_secrets(live, &err) == ERR_NONE)
			return;
		live->secrets_pending = false;
		json_t *payload = json_object();
		json_put_str(payload, "reason", err.text);
		live_emit(live, EVENT_RUN_PAUSED, payload, NULL);
		return;
	}
	for (size_t i = 0; i < run->step_count && live->waiting > 0; i++) {
		const char *phase = live->steps[i].waiting;
		if (phase == NULL)
			continue;
		live->steps[i].waiting = NULL;
		live->waiting--;
		run_phase(live, i, phase);
	}
	while (live->low < run->step_count && done_with(&run->steps[live->low]))
		live->low++;
	for (size_t i = live->low; i < run->step_count && live->active < PARALLEL_STEPS; i++) {
		if (!run_step_ready(run, i))
			continue;
		ready = true;
		if (!run->paused && run_step_ask(run, i) == NULL)
			begin(live, i);
	}
	if (!ready)
		end_if_over(live);
}
