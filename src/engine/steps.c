/* steps.c: how a step begins and ends, what a human is asked about it.
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
	simulate_asked(live, id);
	return id;
}

json_t *choice_row(const char *id, const char *label)
{
	json_t *row = json_object();

	json_put_str(row, "id", id);
	json_put_str(row, "label", label);
	return row;
}

/* The question after a failure, an interruption, a divergence or an undo. */
static void ask_failed(struct live *live, size_t index, const char *kind)
{
	const struct step *step = &live->run->steps[index];
	const bool undo = step->undoing && step->state != STEP_UNDONE;
	json_t *more = json_object(), *choices = json_array();
	char *title = xasprintf("%s: %s%s", step->title, undo ? "undo " : "",
		step_state_name(step->state));

	if (!str_eq(kind, "diverged"))
		json_array_append_new(choices,
			choice_row("retry", undo ? "try to take it back once more"
					    : step->state == STEP_INTERRUPTED
						    ? "go on from where it was"
						    : "run the step again"));
	json_array_append_new(choices,
		choice_row("skip", undo ? "leave it as it is (a reason is needed)"
					: "pass over it (a reason is needed)"));
	if (!undo && (step->state == STEP_FAILED || step->state == STEP_STOPPED))
		json_array_append_new(choices,
			choice_row("force", "count it as done all the same (a reason is needed)"));
	if (!undo && step_undoable(live, index))
		json_array_append_new(choices, choice_row("undo", "take back what it did"));
	if (!live->run->aborting)
		json_array_append_new(choices, choice_row("stop", "end the run here"));
	json_put_str(more, "title", title);
	json_put_str(more, "text",
		step->error_text ? step->error_text
		: step->reason	 ? step->reason
				 : "");
	json_put(more, "choices", choices);
	free(title);
	step_ask(live, index, kind, 0, more);
}

void step_ask_failed(struct live *live, size_t index)
{
	ask_failed(live, index, "failed");
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

void step_run_phase(struct live *live, size_t step, const char *phase)
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
	if (json_object_get(row, "measure") != NULL)
		json_object_set(detail, "measure", json_object_get(row, "measure"));
	if (live->run->steps[step].kind == KIND_SCRIPT) { /* tabletop: talked through */
		json_put_str(more, "text", "What would be done now, by whom, and what could go wrong?");
		json_object_set(detail, "uses", json_object_get(row, "uses"));
	}
	json_put(more, "detail", detail);
	if (str_eq(kind, "decide")) {
		json_object_set(more, "choices", json_object_get(row, "choices"));
	} else {
		json_t *choices = json_array();
		json_array_append_new(choices, choice_row("done", "it is done"));
		json_array_append_new(choices, choice_row("failed", "it could not be done"));
		json_put(more, "choices", choices);
	}
	step_ask(live, step, kind, 0, more);
}

static void wait_over(struct server *server, int64_t run, int64_t step)
{
	struct live *live = live_find(server, run);

	if (live == NULL || live->ending || live->run->steps[step].state != STEP_RUNNING ||
		live->run->steps[step].undoing)
		return;
	if (wait_left_ms(live, (size_t)step) > 0) /* of an attempt before this one, or the loop was early */
		step_arm_wait(live, (size_t)step);
	else
		step_finish(live, (size_t)step, STEP_OK, NULL, NULL);
}

void step_arm_wait(struct live *live, size_t index)
{
	const int64_t left = wait_left_ms(live, index);

	timer_start(live->server, left > 0 ? left : 0, wait_over, live->id, (int64_t)index);
}

/* What waited to be tried again waits no more. */
static void retry_drop(struct live *live, size_t index)
{
	live->active -= live->steps[index].retrying != 0;
	live->steps[index].retrying = 0;
}

void retries_drop(struct live *live)
{
	for (size_t i = 0; i < live->run->step_count; i++)
		retry_drop(live, i);
	live->dirty = true;
}

/* payload: step, attempt, iteration and whether it is an undo; stolen. */
void step_begin_attempt(
	struct live *live, size_t index, json_t *payload, const struct actor *actor)
{
	struct live_step *own = &live->steps[index];

	live_emit(live, EVENT_STEP_STARTED, payload, actor);
	live->active++;
	if (live->run->steps[index].kind == KIND_WATCH)
		live->watching++;
	own->next_ordinal = 0;
	own->polling = own->stopping = own->arriving = own->forced = false;
	retry_drop(live, index);
	json_decref(own->outputs);
	json_decref(own->output);
	own->outputs = own->output = NULL;
	free(own->confirmed);
	own->confirmed = NULL;
}

static void begin_script(struct live *live, size_t index)
{
	const char *first = next_phase(plan_step(live, index), "");

	if (str_eq(live->run->mode, "tabletop"))
		ask_manual(live, index, "manual");
	else if (json_object_get(plan_step(live, index), "compensate") != NULL)
		step_run_phase(live, index, "undo");
	else if (first == NULL)
		step_finish(live, index, STEP_OK, NULL, NULL);
	else
		step_run_phase(live, index, first);
}

static void begin_manual(struct live *live, size_t index)
{
	ask_manual(live, index, "manual");
}

static void begin_decide(struct live *live, size_t index)
{
	ask_manual(live, index, "decide");
}

static void begin_wait(struct live *live, size_t index)
{
	if (str_eq(live->run->mode, "tabletop"))
		ask_manual(live, index, "manual");
	else if (step_polls(live, index))
		step_run_phase(live, index, "probe");
	else
		step_arm_wait(live, index);
}

static void begin_watch(struct live *live, size_t index)
{
	step_run_phase(live, index, "probe");
}

static void begin_group(struct live *live, size_t index)
{
	json_t *more = json_object();

	json_put(more, "outputs", group_outputs(live, index));
	step_finish(live, index, STEP_OK, more, NULL);
}

static void (*const beginnings[STEP_KINDS])(struct live *live, size_t index) = {
	[KIND_SCRIPT] = begin_script,
	[KIND_MANUAL] = begin_manual,
	[KIND_DECIDE] = begin_decide,
	[KIND_WAIT] = begin_wait,
	[KIND_GROUP] = begin_group,
	[KIND_WATCH] = begin_watch,
	[KIND_APPROVE] = approve_ask,
};

/* Once more, in the direction it had: an undo that failed is tried again as an undo. */
void step_restart(
	struct live *live, size_t index, bool new_iteration, const struct actor *actor)
{
	const struct step *step = &live->run->steps[index];
	const bool undo = step->undoing && step->state != STEP_UNDONE && step->attempt > 0;
	const bool debris = step->undoing_debris;
	json_t *payload = json_object();

	/* a poll that is made again looks at the world, not at what was recorded of the last one */
	if (step_polls(live, index) || step->state == STEP_UNDONE)
		new_iteration = true;
	json_put_str(payload, "step", step->id);
	json_put_int(payload, "attempt", step->attempt + 1);
	json_put_int(payload, "iteration",
		step->attempt == 0 ? 0 : step->iteration + (new_iteration ? 1 : 0));
	if (undo) {
		json_put_flag(payload, "undo", true);
		json_put_flag(payload, "debris", debris);
	}
	step_begin_attempt(live, index, payload, actor);
	if (undo)
		step_run_phase(live, index, "undo");
	else
		beginnings[step->kind](live, index);
}

static void ask_preview(struct live *live, size_t step)
{
	json_t *more = json_object(), *detail = json_object(), *choices = json_array();

	json_put_str(more, "title", live->run->steps[step].title);
	json_put_str(more, "text", "This step changes something; what it may do is listed.");
	json_object_set(detail, "uses", json_object_get(plan_step(live, step), "uses"));
	json_put(more, "detail", detail);
	json_array_append_new(choices, choice_row("yes", "do it"));
	json_array_append_new(choices, choice_row("no", "not now: pause the run"));
	json_put(more, "choices", choices);
	step_ask(live, step, "confirm", 1, more);
}

static void skip(struct live *live, size_t index, const char *reason)
{
	json_t *more = json_object();

	json_put_str(more, "reason", reason);
	step_finish(live, index, STEP_SKIPPED, more, NULL);
}

/* Why this mode passes over the step, or NULL. */
static const char *left_out(const struct live *live, const struct step *step)
{
	if (str_eq(live->run->mode, "tabletop"))
		return step->kind == KIND_WATCH ? "tabletop: nothing is probed" : NULL;
	if (!str_eq(live->run->mode, "probe"))
		return NULL;
	if (step->level > 0)
		return "probe: it would change something";
	if (step->kind == KIND_MANUAL || step->kind == KIND_DECIDE || step->kind == KIND_APPROVE)
		return "probe: nobody is asked";
	return NULL;
}

/* True when the condition is known; it is then in *holds. */
static bool condition_known(struct live *live, size_t index, bool *holds)
{
	struct live_step *own = &live->steps[index];
	struct err err = { 0 };
	enum err_code code = ERR_NONE;

	if (own->judged == JUDGED_NOT)
		code = when_holds(live, index, holds, &err);
	else
		*holds = own->judged == JUDGED_YES;
	if (code == ERR_NONE)
		return true;
	if (code == ERR_UNSUPPORTED && worker_condition(live, index, &err) == ERR_NONE) {
		own->judging = true;
		live->active++;
		return false;
	}
	log_line(LOG_ERROR, "run %lld, step %s: %s", (long long)live->id,
		live->run->steps[index].id, err.text);
	step_begin_failed(live, index, &err);
	return false;
}

/* A step that could not even be begun has failed like any other. */
void step_begin_failed(struct live *live, size_t index, const struct err *err)
{
	json_t *payload = json_object(), *more = json_object(), *error = json_object();

	json_put_str(payload, "step", live->run->steps[index].id);
	json_put_int(payload, "attempt", live->run->steps[index].attempt + 1);
	json_put_int(payload, "iteration", live->run->steps[index].iteration);
	step_begin_attempt(live, index, payload, NULL);
	json_put_str(error, "code", err_name(err->code));
	json_put_str(error, "text", err->text);
	json_put_str(error, "world", world_name(WORLD_UNCHANGED));
	json_put(more, "error", error);
	step_finish(live, index, STEP_FAILED, more, NULL);
}

void step_begin(struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];
	const char *why = left_out(live, step);
	bool holds;

	if (why != NULL) {
		skip(live, index, why);
		return;
	}
	if (!condition_known(live, index, &holds))
		return;
	if (!holds) {
		char text[400], reason[460];
		condition_text(json_object_get(plan_step(live, index), "when"), text, sizeof(text));
		snprintf(reason, sizeof(reason), "not this time: when %s", text);
		skip(live, index, reason);
	} else if (step->kind == KIND_SCRIPT && step->level == 1 &&
		   !str_eq(live->run->mode, "tabletop") && !live->steps[index].previewed) {
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
		if (live->steps[index].forced && str_eq(json_str(mark, "reached", ""), "verified"))
			continue;
		json_t *payload = json_object();
		json_put_str(payload, "service", json_str(mark, "service", ""));
		json_put_str(payload, "reached", json_str(mark, "reached", ""));
		json_put_str(payload, "step", live->run->steps[index].id);
		live_emit(live, EVENT_SERVICE_MARKED, payload, NULL);
	}
}

enum { RETRY_HELD_MS = 500, TIMER_STEPS = 1 << 20 };

static void retry_arm(struct live *live, size_t index, int64_t ms);

/* which: attempt and step, so that a timer of an attempt that was overtaken moves nothing. */
static void retry_due(struct server *server, int64_t run, int64_t which)
{
	struct live *live = live_find(server, run);
	const size_t index = (size_t)(which % TIMER_STEPS);

	if (live == NULL || live->ending || live->steps[index].retrying != which / TIMER_STEPS)
		return;
	if (run_step_held(live->run, index)) {
		retry_arm(live, index, RETRY_HELD_MS);
		return;
	}
	step_restart(live, index, true, NULL);
}

static void retry_arm(struct live *live, size_t index, int64_t ms)
{
	struct live_step *own = &live->steps[index];

	if (own->retrying == 0)
		live->active++; /* the waiting itself */
	own->retrying = live->run->steps[index].attempt;
	timer_start(live->server, ms, retry_due, live->id, own->retrying * TIMER_STEPS + (int64_t)index);
}

/* The wait before the next try: fixed or doubled, at most max_wait_ms, spread by jitter_percent so that
 * steps that failed together do not come back together. */
static int64_t retry_wait(const json_t *retry, int64_t iteration)
{
	int64_t wait = json_int(retry, "wait_ms", 0);
	const int64_t most = json_int(retry, "max_wait_ms", 3600000);
	const int64_t jitter = json_int(retry, "jitter_percent", 0);
	struct err ignored = { 0 };
	uint32_t chance = 0;

	if (str_eq(json_str(retry, "backoff", "fixed"), "double"))
		for (int64_t i = 0; i < iteration && wait < most; i++)
			wait *= 2;
	if (wait > most)
		wait = most;
	if (jitter <= 0 || random_bytes(&chance, sizeof(chance), &ignored) != ERR_NONE)
		return wait;
	const int64_t spread = wait * jitter / 100;
	return wait - spread + (int64_t)(chance % (uint64_t)(2 * spread + 1));
}

/* What happens after a known failure: retry:, then on_failure:. */
static void after_failure(struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];
	const json_t *row = plan_step(live, index), *retry = json_object_get(row, "retry");
	const char *policy = json_str(row, "on_failure", "ask");
	const bool failed = step->state == STEP_FAILED;

	if (live->ending || (live->run->aborting && !step->undoing))
		return;
	if (step->undoing_debris && !step_debris(step)) {
		live->dirty = true; /* it is gone, and the step what it was before */
	} else if (step->undoing) {
		ask_failed(live, index, "failed");
	} else if (str_eq(step->error_code, "DIVERGED")) { /* not a failure of what it does: keys must not change */
		ask_failed(live, index, "diverged");
	} else if (failed && step->iteration + 1 < json_int(retry, "attempts", 1)) {
		retry_arm(live, index, paced_ms(live, retry_wait(retry, step->iteration)));
	} else if (str_eq(policy, "continue") && failed) {
		json_t *more = json_object();
		json_put_str(more, "reason", "failed; on_failure: continue");
		step_finish(live, index, STEP_SKIPPED, more, NULL);
	} else if (str_eq(policy, "undo") && failed) {
		char *reason = xasprintf("step %s failed; on_failure: undo", step->id);
		run_abort(live, reason, true, true, NULL);
		free(reason);
	} else if (str_eq(policy, "stop") && failed) {
		live->dirty =
			true; /* nothing that needs it can start: the run ends by itself */
	} else {
		ask_failed(live, index, "failed");
	}
}

void step_failed_again(struct live *live, size_t index)
{
	/* a run that was being stopped there has no question open and simply ends */
	if (!str_eq(json_str(plan_step(live, index), "on_failure", "ask"), "stop") ||
		live->run->steps[index].state == STEP_FAILED)
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
	if (step->state == STEP_RUNNING) {
		live->active--;
		live->watching -= step->kind == KIND_WATCH;
	}
	own->polling = false;
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
	if (outcome == STEP_OK && !step->undoing)
		mark_services(live, index);
	else if (outcome == STEP_FAILED || outcome == STEP_STOPPED)
		after_failure(live, index);
	else if (outcome == STEP_UNDONE && !live->run->aborting && !step->undoing_debris)
		ask_failed(live, index, "failed");
}

/* A human passes over a failed step, or leaves an undo that failed as it is. */
void step_pass_over(struct live *live, size_t index, const char *reason, const struct actor *actor)
{
	const struct step *step = &live->run->steps[index];
	json_t *more = json_object();
	enum step_state outcome = STEP_SKIPPED;

	live_deviate(live, "skip", NULL, reason, step->id, actor);
	json_put_str(more, "reason", reason);
	if (step->undoing && step->state != STEP_UNDONE) {
		outcome = step->undoing_debris ? step->before_debris : STEP_UNDONE;
		if (step->undoing_debris)
			debris_keep(live, index, reason, actor);
	}
	step_finish(live, index, outcome, more, actor);
}

/* A human counts it as done although it failed.  Nothing is verified by that. */
void step_force(struct live *live, size_t index, const char *reason, const struct actor *actor)
{
	json_t *more = json_object();

	live_deviate(live, "force", NULL, reason, live->run->steps[index].id, actor);
	json_put_str(more, "reason", reason);
	live->steps[index].forced = true;
	step_finish(live, index, STEP_OK, more, actor);
}

static bool step_acting(const struct step *step)
{
	for (size_t i = 0; i < step->op_count; i++)
		if (step->ops[i].state == OP_STATE_ALLOWED)
			return true;
	return false;
}

/* Whether nothing more of this attempt may begin: it was told to stop, or its run is being ended.  The word
 * may cross with a worker's that says it is done. */
bool step_called_off(const struct live *live, size_t index)
{
	return live->steps[index].stopping || (live->run->aborting && !live->run->steps[index].undoing);
}

void step_stop(struct live *live, size_t index, const char *reason)
{
	const bool again = live->steps[index].stopping;

	live->steps[index].stopping = true;
	if (live->steps[index].worker != 0 && worker_find(live->server, live->steps[index].worker)) {
		worker_stop(live->server, live->steps[index].worker);
		return;
	}
	/* in the middle of an effect, out of reach: what became of it is waited for (resume.c), unless somebody
	 * does not want to wait: then nobody knows */
	if (live->steps[index].arriving && step_acting(&live->run->steps[index])) {
		live->steps[index].arriving = !again;
		if (again)
			step_lost(live, index, reason, false);
		return;
	}
	json_t *more = json_object();
	json_put_str(more, "reason", reason);
	step_finish(live, index, STEP_STOPPED, more, NULL);
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
	if (str_eq(step->phase, "probe")) {
		poll_done(live, index, done);
		return;
	}
	if (first_unknown(step) != NULL) { /* whatever the script made of it */
		more = json_object();
		if (error != NULL)
			json_object_set(more, "error", error);
		step_finish(live, index, STEP_UNKNOWN, more, NULL);
		step_settle_unknown(live, index);
		return;
	}
	if (json_flag(done, "ok", false) && step->undoing) {
		step_finish(live, index, step->undoing_debris ? step->before_debris : STEP_UNDONE, NULL, NULL);
		return;
	}
	if (json_flag(done, "ok", false)) {
		if (str_eq(step->phase, "run") &&
			json_is_object(json_object_get(done, "outputs"))) {
			json_decref(own->outputs);
			own->outputs = json_incref(json_object_get(done, "outputs"));
		}
		const char *next = next_phase(plan_step(live, index), step->phase);
		if (next != NULL && step_called_off(live, index)) {
			step_finish(live, index, STEP_STOPPED, NULL, NULL);
			return;
		}
		if (next != NULL) {
			step_run_phase(live, index, next);
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
	if (str_eq(json_str(error, "code", ""), "CANCELLED")) {
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
	const bool off = step_called_off(live, index);
	json_put_str(more, "reason", reason);
	step_finish(live, index, unknown ? STEP_UNKNOWN : STEP_INTERRUPTED, more, NULL);
	batch_urgent(live->server);
	if (unknown)
		step_settle_unknown(live, index);
	else if (live->run->aborting && !step->undoing)
		live->dirty = true;
	else if (resuming && !off)
		step_restart(live, index, false, NULL);
	else
		ask_failed(live, index, "failed");
}
