/* advance.c: what comes next in a run: which steps have room to start, and whether it is over. */
#include "internal.h"

static bool done_with(const struct step *step)
{
	return step->state == STEP_OK || step->state == STEP_SKIPPED;
}

static void end_if_over(struct live *live)
{
	const struct run *run = live->run;
	enum run_status status = RUN_DONE;

	if (run->ask_count > 0 || run_unknown_count(run) > 0)
		return;
	if (live->active > 0 && live->active == live->watching)
		watches_end(live); /* their groups will never be through */
	if (live->active > 0)
		return;
	for (size_t i = live->low; i < run->step_count; i++)
		if (!done_with(&run->steps[i]))
			status = RUN_FAILED;
	if (debris_ask(live))
		return;
	live_end(live, status,
		status == RUN_DONE ? "" : "a step failed and the run was ended there", NULL);
}

static void end_aborted(struct live *live)
{
	if (live->active > 0)
		return;
	if (live->run->undo && run_undo_advance(live))
		return;
	live_end(live, live->run->undo_failed ? RUN_FAILED : RUN_ABORTED, live->run->reason, NULL);
}

/* Nothing may run before the secrets are there; false = not yet. */
static bool have_secrets(struct live *live)
{
	struct err err = { 0 };

	if (!live->secrets_needed || live->secrets_fd >= 0)
		return true;
	if (live->secrets_pending)
		return false;
	/* a run that is paused and now taken back needs them all the same */
	if (live->run->paused && (!live->run->aborting || live->secrets_missing))
		return false;
	live->secrets_pending = true;
	live->secrets_missing = false;
	if (worker_secrets(live, &err) == ERR_NONE)
		return false;
	live->secrets_pending = false;
	live->secrets_missing = true;
	json_t *payload = json_object();
	json_put_str(payload, "reason", err.text);
	live_emit(live, EVENT_RUN_PAUSED, payload, NULL);
	return false;
}

/* Steps whose start a human is asked about have their place already: each yes starts one. */
static int previews(const struct run *run)
{
	int count = 0;

	for (size_t i = 0; i < run->ask_count; i++)
		count += run->steps[run->asks[i].step].state == STEP_PENDING;
	return count;
}

static int64_t taken_in(const struct run *run, size_t group)
{
	int64_t count = (int64_t)run_group_running(run, group);

	for (size_t i = 0; i < run->ask_count; i++)
		count += run->steps[run->asks[i].step].state == STEP_PENDING &&
			 run_step_within(run, run->asks[i].step, group);
	return count;
}

/* Whether the groups around a step, and the run, have room for one more. */
static bool has_room(const struct live *live, size_t index)
{
	const struct run *run = live->run;
	const struct step *step = &run->steps[index];
	const int acting = live->active - live->watching + previews(run);

	if (step->kind == KIND_WATCH || step->kind == KIND_GROUP)
		return true;
	if (acting >= PARALLEL_STEPS || (run->parallel > 0 && acting >= run->parallel))
		return false;
	for (size_t i = 0; i < step->within_count; i++) {
		const size_t group = step->within_index[i];
		if (run->steps[group].parallel > 0 &&
			taken_in(run, group) >= run->steps[group].parallel)
			return false;
	}
	return true;
}

void live_advance(struct live *live)
{
	struct run *run = live->run;
	bool ready = false;

	live->dirty = false;
	if (live->ending)
		return;
	if (run->aborting && !run->undo) {
		end_aborted(live);
		return;
	}
	if (!have_secrets(live)) {
		if (run->aborting && live->secrets_missing) /* what needs them cannot be taken back */
			end_aborted(live);
		return;
	}
	for (size_t i = 0; i < run->step_count && live->waiting > 0; i++) {
		const char *phase = live->steps[i].waiting;
		if (phase == NULL)
			continue;
		live->steps[i].waiting = NULL;
		live->waiting--;
		step_run_phase(live, i, phase);
	}
	if (run->aborting) {
		end_aborted(live);
		return;
	}
	polls_end(live);
	while (live->low < run->step_count && done_with(&run->steps[live->low]))
		live->low++;
	for (size_t i = live->low; i < run->step_count; i++) {
		if (live->steps[i].judging || !run_step_ready(run, i))
			continue;
		ready = true;
		if (!run->paused && run_step_ask(run, i) == NULL && has_room(live, i))
			step_begin(live, i);
	}
	if (!ready)
		end_if_over(live);
}
