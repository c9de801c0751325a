/* undo.c: taking back what was done: one step, the whole run, or what it left lying about.
 *
 * An undo is an attempt of the step like any other (worker, intents, results, UNKNOWN, replay), in
 * phase "undo": first the step's own `undo:`, then the registered compensation of every operation
 * that is still outstanding, last one first.  Consent for the effect covers its undo up to `costly`;
 * what could only be taken back irreversibly stays in the ledger and before a human.
 *
 * A run is undone in reverse order of its needs, one step at a time. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool has_undo(const struct live *live, size_t index)
{
	return json_is_object(json_object_get(plan_step(live, index), "undo"));
}

/* Whether it did something that could be taken back. */
bool step_undoable(const struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];

	if (str_eq(live->run->mode, "tabletop")) /* nothing was done */
		return false;
	switch (step->state) {
	case STEP_OK:
	case STEP_FAILED:
	case STEP_STOPPED:
	case STEP_INTERRUPTED:
		return step_outstanding(step) || (has_undo(live, index) && step->attempt > 0);
	case STEP_SKIPPED: /* passed over after it had failed */
		return step_outstanding(step);
	default:
		return false;
	}
}

static void start(struct live *live, size_t index, bool debris, const struct actor *actor)
{
	const struct step *step = &live->run->steps[index];
	json_t *payload = json_object();

	json_put_str(payload, "step", step->id);
	json_put_int(payload, "attempt", step->attempt + 1);
	json_put_int(payload, "iteration", step->iteration + 1);
	json_put_flag(payload, "undo", true);
	json_put_flag(payload, "debris", debris);
	step_begin_attempt(live, index, payload, actor);
	step_run_phase(live, index, "undo");
}

void step_undo(struct live *live, size_t index, const struct actor *actor)
{
	start(live, index, false, actor);
}

/* Taken back by this very undo, before it was interrupted: its place in the list must stay, since the
 * recorded calls are replayed by their ordinals. */
static bool undone_now(const struct step *step, const struct op *op)
{
	for (size_t i = 0; i < step->op_count && op->undone; i++)
		if (str_eq(step->ops[i].compensates, op->key) &&
			step->ops[i].attempt >= step->iteration_attempt)
			return true;
	return false;
}

/* What a worker has to take back, last one first: {"key","op","target","args"}. */
json_t *undo_list(const struct step *step)
{
	json_t *list = json_array();

	for (size_t i = step->op_count; i-- > 0;) {
		const struct op *op = &step->ops[i];
		if (!undone_now(step, op) &&
			(!op_outstanding(op) || (step->undoing_debris && !op_debris(op))))
			continue;
		json_t *row = json_copy((json_t *)(uintptr_t)op->undo);
		json_put_str(row, "key", op->key);
		if (json_object_get(row, "target") == NULL)
			json_put_str(row, "target", op->target);
		if (json_object_get(row, "args") == NULL)
			json_put(row, "args", json_object());
		json_array_append_new(list, row);
	}
	return list;
}

/* The operation an intent of an undo takes back, or NULL. */
const struct op *undo_of(const struct step *step, const char *op, const char *target,
	const json_t *args)
{
	for (size_t i = step->op_count; i-- > 0;) {
		const struct op *done = &step->ops[i];
		if (!op_outstanding(done) || !str_eq(json_str(done->undo, "op", ""), op) ||
			!str_eq(json_str(done->undo, "target", done->target), target))
			continue;
		/* the intent has the defaults filled in: what was captured must be among it */
		if (json_contains(args, json_object_get(done->undo, "args")))
			return done;
	}
	return NULL;
}

/* ------------------------------------------------------------------ the whole run */

void run_abort(struct live *live, const char *reason, bool undo, bool failed,
	const struct actor *actor)
{
	json_t *payload = json_object();

	json_put_str(payload, "reason", reason);
	json_put_flag(payload, "undo", undo);
	json_put_flag(payload, "failed", failed);
	live_emit(live, EVENT_RUN_ABORTING, payload, actor);
	retries_drop(live);
	for (size_t i = 0; i < live->run->step_count; i++)
		if (live->run->steps[i].state == STEP_RUNNING && !live->run->steps[i].undoing)
			step_stop(live, i, "the run is being ended");
}

static void mark_needed(const struct run *run, size_t index, bool *marked)
{
	const struct step *step = &run->steps[index];

	for (size_t i = 0; i < step->needs_count; i++) {
		if (marked[step->needs_index[i]])
			continue;
		marked[step->needs_index[i]] = true;
		mark_needed(run, step->needs_index[i], marked);
	}
}

/* The next step to be undone: nothing that is still to be undone needs it.  step_count = none. */
static size_t next_undo(const struct live *live)
{
	const struct run *run = live->run;
	bool *needed = xmalloc((run->step_count + 1) * sizeof(*needed));
	size_t found = run->step_count;

	for (size_t i = 0; i < run->step_count; i++)
		if (step_undoable(live, i))
			mark_needed(run, i, needed);
	for (size_t i = run->step_count; i-- > 0 && found == run->step_count;)
		if (step_undoable(live, i) && !needed[i])
			found = i;
	free(needed);
	return found;
}

/* False when there is nothing more to take back and the run may end.  Questions about steps that
 * failed are moot once the run is being undone, unless they are about the undo itself. */
bool run_undo_advance(struct live *live)
{
	const struct run *run = live->run;

	if (run_unknown_count(run) > 0)
		return true; /* what is not known is settled first */
	for (size_t i = 0; i < run->step_count; i++)
		if (run->steps[i].undoing && run->steps[i].state != STEP_UNDONE &&
			run_step_ask(run, i) != NULL)
			return true;
	const size_t next = next_undo(live);
	if (next == run->step_count)
		return false;
	start(live, next, false, NULL);
	return true;
}

/* ------------------------------------------------------------------ debris */

static void ask_debris(struct live *live, size_t index)
{
	const struct step *step = &live->run->steps[index];
	json_t *more = json_object(), *detail = json_object(), *choices = json_array(),
	       *list = json_array();
	char *title = xasprintf("%s: what it created is still there", step->title);

	for (size_t i = 0; i < step->op_count; i++) {
		if (!op_debris(&step->ops[i]))
			continue;
		json_t *row = json_object();
		json_put_str(row, "key", step->ops[i].key);
		json_put_str(row, "op", step->ops[i].op);
		json_put_str(row, "target", step->ops[i].target);
		json_object_set(row, "undo", (json_t *)(uintptr_t)step->ops[i].undo);
		if (step->ops[i].expires.ns > 0)
			json_put_int(row, "expires_ns", step->ops[i].expires.ns);
		json_array_append_new(list, row);
	}
	json_put(detail, "debris", list);
	json_put_str(more, "title", title);
	json_put_str(more, "text",
		"The run cannot close as clean while it is there: take it away, or say why it stays.");
	json_array_append_new(choices, choice_row("undo", "take it away now"));
	json_array_append_new(choices, choice_row("keep", "it stays (a reason is needed)"));
	json_put(more, "choices", choices);
	json_put(more, "detail", detail);
	free(title);
	step_ask(live, index, "debris", 0, more);
}

bool step_debris(const struct step *step)
{
	for (size_t i = 0; i < step->op_count; i++)
		if (op_debris(&step->ops[i]))
			return true;
	return false;
}

/* Before a run ends: true when something is left and a human is asked about it. */
bool debris_ask(struct live *live)
{
	bool asked = false;

	for (size_t i = 0; i < live->run->step_count; i++) {
		if (!step_debris(&live->run->steps[i]))
			continue;
		if (run_step_ask(live->run, i) == NULL)
			ask_debris(live, i);
		asked = true;
	}
	return asked;
}

void debris_remove(struct live *live, size_t index, const struct actor *actor)
{
	start(live, index, true, actor);
}

void debris_keep(struct live *live, size_t index, const char *reason, const struct actor *actor)
{
	const struct step *step = &live->run->steps[index];

	for (size_t i = 0; i < step->op_count; i++) {
		const struct op *op = &step->ops[i];
		if (!op_debris(op))
			continue;
		json_t *payload = op_base(live, index, op->attempt, op->ordinal, op->key);
		json_put_str(payload, "reason", reason);
		live_emit(live, EVENT_DEBRIS_KEPT, payload, actor);
	}
	live->dirty = true;
}
