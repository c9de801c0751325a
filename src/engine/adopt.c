/* adopt.c: a changed book taken over by an open run, for the steps that have not begun.
 *
 * A run goes on with the bytes it was started with.  Who mended a later step in the middle of a recovery may
 * adopt the new book: the list of steps must be the same, what has begun keeps its old words, and the plan
 * that results is kept like the first one, so that a new server goes on from it. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool begun(const struct step *step)
{
	return step->state != STEP_PENDING;
}

static enum err_code same_book(const struct live *live, const json_t *plan, struct err *err)
{
	const json_t *steps = json_object_get(plan, "steps");
	const struct run *run = live->run;

	if (!str_eq(json_str(json_object_get(plan, "runbook"), "name", ""), run->runbook) ||
		!str_eq(json_str(plan, "mode", ""), run->mode) ||
		!str_eq(json_str(json_object_get(plan, "workspace"), "root", ""), run->workspace_root))
		return err_set(err, ERR_CONFLICT, "that is the plan of another runbook, mode or workspace");
	for (size_t i = 0; i < run->step_count || i < json_array_size(steps); i++) {
		const char *id = json_str(json_array_get(steps, i), "id", NULL);
		if (i < run->step_count && str_eq(id, run->steps[i].id))
			continue;
		return err_set(err, ERR_CONFLICT,
			"the list of steps is another one (%s%s%s where the run has %s%s%s): only what steps say can be "
			"adopted, not which there are",
			id != NULL ? "\"" : "", id != NULL ? id : "nothing", id != NULL ? "\"" : "",
			i < run->step_count ? "\"" : "", i < run->step_count ? run->steps[i].id : "nothing",
			i < run->step_count ? "\"" : "");
	}
	return ERR_NONE;
}

/* The new plan, with the old words of what has begun; changed gets the rows of the others that differ. */
static json_t *merged(const struct live *live, const json_t *plan, json_t *changed)
{
	json_t *out = json_deep_copy(plan), *steps = json_object_get(out, "steps");

	for (size_t i = 0; i < live->run->step_count; i++) {
		json_t *old = (json_t *)(uintptr_t)plan_step(live, i), *new = json_array_get(steps, i);
		if (begun(&live->run->steps[i]))
			json_array_set(steps, i, old);
		else if (!json_equal(old, new))
			json_array_append(changed, new);
	}
	/* what began may still need its targets, scopes and modules: the old ones stay where there are no new */
	static const char *const maps[] = { "targets", "scopes", "modules", "environments" };
	for (size_t i = 0; i < COUNT_OF(maps); i++)
		if (json_is_object(json_object_get(out, maps[i])) &&
			json_is_object(json_object_get(live->plan, maps[i])))
			json_object_update_missing(
				json_object_get(out, maps[i]), json_object_get(live->plan, maps[i]));
	json_object_set(out, "params", json_object_get(live->plan, "params"));
	if (json_object_get(live->plan, "recording") != NULL)
		json_object_set(out, "recording", json_object_get(live->plan, "recording"));
	return out;
}

static enum err_code may_adopt(const struct live *live, const json_t *plan, struct err *err)
{
	if (live->run->aborting || live->active > 0)
		return err_set(err, ERR_CONFLICT,
			live->run->aborting ? "the run is being ended"
					    : "steps are running: pause the run and wait until they are done");
	TRY(check_plan(plan, err));
	TRY(same_book(live, plan, err));
	return locks_check(live->server, plan, live, err); /* it may act on more than before */
}

enum err_code live_adopt_plan(struct live *live, const json_t *plan, const char *reason,
	const struct actor *actor, struct err *err)
{
	json_t *changed, *payload, *book = json_object(), *whole;

	TRY(may_adopt(live, plan, err));
	changed = json_array();
	whole = merged(live, plan, changed);
	enum err_code code = json_array_size(changed) > 0
				     ? ERR_NONE
				     : err_set(err, ERR_CONFLICT, "nothing that has not begun is different");
	/* a book in which an approval is another one, or none, does without this one */
	for (size_t i = 0; i < json_array_size(changed) && code == ERR_NONE; i++)
		code = approve_bypass(live,
			(size_t)(run_step(live->run, json_str(json_array_get(changed, i), "id", "")) - live->run->steps),
			actor, err);
	if (code != ERR_NONE) {
		json_decref(changed);
		json_decref(whole);
		json_decref(book);
		return code;
	}
	for (size_t i = 0; i < json_array_size(changed); i++) {
		const struct step *step = run_step(live->run, json_str(json_array_get(changed, i), "id", ""));
		live->steps[step - live->run->steps].previewed = false;
		live->steps[step - live->run->steps].judged = JUDGED_NOT;
	}
	payload = plan_payload(live->server, whole);
	json_object_update(book, json_object_get(whole, "runbook"));
	json_put(payload, "runbook", book);
	json_put(payload, "steps", step_rows(changed));
	json_put_str(payload, "reason", reason);
	json_decref(changed);
	live_emit(live, EVENT_RUN_ADOPTED, payload, actor);
	live_deviate(live, "adopt", NULL, reason, NULL, actor);
	json_decref(live->plan);
	live->plan = whole;
	return ERR_NONE;
}
