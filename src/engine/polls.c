/* polls.c: steps that look again and again: a wait for something to hold, and the invariants of a
 * group, which must hold while its members run.
 *
 * One look is one worker, phase "probe".  Between two looks the step runs and a timer is armed; a
 * look that was lost (the server died) is simply made again. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { EVERY_MS = 5000, EVERY_LEAST_MS = 100, LOOK_TIMEOUT_MS = 60000 };

static int64_t elapsed(const struct live *live, const struct step *step)
{
	if (strcmp(step->started_boot, boot_id()) == 0)
		return mono_ms_since(step->started_mono);
	return (run_now(live->run, wall_now()).ns - step->started.ns) / 1000000;
}

bool step_polls(const struct live *live, size_t index)
{
	const enum step_kind kind = live->run->steps[index].kind;

	return kind == KIND_WATCH ||
	       (kind == KIND_WAIT && json_object_get(plan_step(live, index), "script") != NULL);
}

/* How long one look of a polling step may take. */
int64_t poll_timeout_ms(const struct live *live, size_t index)
{
	const int64_t whole = json_int(plan_step(live, index), "timeout_ms", 0);
	const int64_t left = whole - elapsed(live, &live->run->steps[index]);

	if (whole <= 0 || left > LOOK_TIMEOUT_MS)
		return LOOK_TIMEOUT_MS;
	return left > 1000 ? left : 1000;
}

static void fail_step(struct live *live, size_t index, const char *code, const char *text)
{
	json_t *more = json_object(), *error = json_object();

	json_put_str(error, "code", code);
	json_put_str(error, "text", text);
	json_put_str(error, "world", world_name(WORLD_UNCHANGED));
	json_put(more, "error", error);
	step_finish(live, index, STEP_FAILED, more, NULL);
}

static size_t watched_group(const struct run *run, size_t index)
{
	const struct step *step = &run->steps[index];

	return step->within_count > 0 ? step->within_index[step->within_count - 1] : index;
}

static void look(struct server *server, int64_t run, int64_t step)
{
	struct live *live = live_find(server, run);

	if (live == NULL || live->ending || live->run->steps[step].state != STEP_RUNNING ||
		!live->steps[step].polling)
		return;
	live->steps[step].polling = false;
	step_run_phase(live, (size_t)step, "probe");
}

static void look_later(struct live *live, size_t index)
{
	const json_t *row = plan_step(live, index);
	int64_t every = json_int(row, "every_ms", EVERY_MS);
	const int64_t whole = json_int(row, "timeout_ms", 0);

	if (step_called_off(live, index)) {
		step_finish(live, index, STEP_STOPPED, NULL, NULL);
		return;
	}
	if (every < EVERY_LEAST_MS)
		every = EVERY_LEAST_MS;
	if (whole > 0 && elapsed(live, &live->run->steps[index]) >= whole) {
		const struct live_step *own = &live->steps[index];
		char *text = xasprintf("it did not come to hold within %lld ms%s%s",
			(long long)whole, own->seen != NULL ? "; last: " : "",
			own->seen != NULL ? own->seen : "");
		fail_step(live, index, "TIMEOUT", text);
		free(text);
		return;
	}
	live->steps[index].polling = live->dirty = true;
	timer_start(live->server, paced_ms(live, every), look, live->id, (int64_t)index);
}

static void remember(struct live_step *own, const json_t *done)
{
	const char *text = json_str(json_object_get(done, "error"), "text",
		json_str(done, "why", NULL));

	free(own->seen);
	own->seen = xstrdup(text);
}

/* An invariant that broke: members that run are stopped, the others do not start (the fold holds
 * them) until a human has said what becomes of it. */
static void stop_members(struct live *live, size_t group)
{
	for (size_t i = 0; i < live->run->step_count; i++)
		if (live->run->steps[i].state == STEP_RUNNING &&
			live->run->steps[i].kind != KIND_WATCH &&
			run_step_within(live->run, i, group))
			step_stop(live, i, "an invariant of its group does not hold");
}

/* A wait that looks and says nothing is one that nobody can help. */
static void show_seen(struct live *live, size_t index)
{
	json_t *body = json_object(), *push = json_object();

	json_put_int(body, "run", live->id);
	json_put_str(body, "step", live->run->steps[index].id);
	json_put_int(body, "attempt", live->run->steps[index].attempt);
	json_put_int(body, "per_mille", -1);
	json_put_str(body, "text", live->steps[index].seen);
	json_put(push, "progress", body);
	conns_push_run(live->server, live->id, push);
}

void poll_done(struct live *live, size_t index, const json_t *done)
{
	const struct step *step = &live->run->steps[index];
	struct live_step *own = &live->steps[index];
	const bool held = json_flag(done, "ok", false) && json_flag(done, "holds", false);
	json_t *more;

	remember(own, done);
	if (str_eq(json_str(json_object_get(done, "error"), "code", ""), "CANCELLED")) {
		more = json_object();
		json_object_set(more, "error", json_object_get(done, "error"));
		step_finish(live, index, STEP_STOPPED, more, NULL);
	} else if (step->kind == KIND_WAIT && !held) {
		if (own->seen != NULL)
			show_seen(live, index);
		look_later(live, index);
	} else if (step->kind == KIND_WAIT) {
		more = json_object();
		json_object_set(more, "outputs", json_object_get(done, "outputs"));
		step_finish(live, index, STEP_OK, more, NULL);
	} else if (!held) {
		const size_t group = watched_group(live->run, index);
		fail_step(live, index, json_str(json_object_get(done, "error"), "code", "PRECONDITION"),
			own->seen != NULL ? own->seen : "the invariant does not hold");
		stop_members(live, group);
	} else if (run_group_through(live->run, watched_group(live->run, index))) {
		step_finish(live, index, STEP_OK, NULL, NULL);
	} else {
		look_later(live, index);
	}
}

/* The members are through: their invariants need not be looked at any more. */
void polls_end(struct live *live)
{
	for (size_t i = live->low; i < live->run->step_count; i++) {
		const struct step *step = &live->run->steps[i];
		if (step->kind != KIND_WATCH || step->state != STEP_RUNNING ||
			!live->steps[i].polling)
			continue;
		if (!run_group_through(live->run, watched_group(live->run, i)))
			continue;
		live->steps[i].polling = false;
		step_finish(live, i, STEP_OK, NULL, NULL);
	}
}

void watches_end(struct live *live)
{
	for (size_t i = 0; i < live->run->step_count; i++)
		if (live->run->steps[i].kind == KIND_WATCH && live->run->steps[i].state == STEP_RUNNING &&
			live->steps[i].polling)
			step_finish(live, i, STEP_OK, NULL, NULL);
}

/* ------------------------------------------------------------------ waits without a script */

/* "22:00" is the next time it is that late in UTC, counted from the start of the step. */
static int64_t until_ms(const struct step *step, const char *until)
{
	struct err ignored = { 0 };
	struct wall at;
	int hours, minutes;

	if (wall_parse(until, &at, &ignored) == ERR_NONE)
		return (at.ns - step->started.ns) / 1000000;
	if (sscanf(until, "%2d:%2d", &hours, &minutes) != 2)
		return 0;
	const int64_t day_ms = 86400000, now = step->started.ns / 1000000 % day_ms;
	const int64_t then = (hours * 60 + minutes) * (int64_t)60000;
	return then > now ? then - now : then + day_ms - now;
}

int64_t wait_left_ms(const struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];
	const json_t *row = plan_step(live, index);
	const char *until = json_str(row, "until", NULL);
	const int64_t whole =
		until != NULL ? until_ms(step, until) : json_int(row, "wait_ms", 0);

	return paced_ms(live, whole) - elapsed(live, step);
}
