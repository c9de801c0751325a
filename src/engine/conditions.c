/* conditions.c: what a step may see of the run (its scope), and whether its `when` holds.
 *
 * A nested runbook is compiled into the one list of steps; its scope says which parameters it was
 * given and which prefix its steps' ids have.  Inside it a script sees its own steps only, under the
 * names the nested runbook gave them. */
#include "internal.h"

#include <string.h>

static const json_t *scope_of(const struct live *live, size_t step)
{
	const char *name = json_str(plan_step(live, step), "scope", "");

	return name[0] != '\0' ? json_object_get(json_object_get(live->plan, "scopes"), name) : NULL;
}

/* Of every step that has some, by full id; owned. */
json_t *outputs_all(const struct live *live)
{
	json_t *out = json_object();

	for (size_t i = 0; i < live->run->step_count; i++)
		if (live->run->steps[i].outputs != NULL)
			json_object_set(out, live->run->steps[i].id,
				(json_t *)(uintptr_t)live->run->steps[i].outputs);
	return out;
}

/* Those whose id begins with prefix, under the rest of it. */
static void take_below(json_t *out, json_t *all, const char *prefix)
{
	const char *id;
	json_t *value;

	json_object_foreach(all, id, value)
		if (str_starts(id, prefix))
			json_object_set(out, id + strlen(prefix), value);
}

json_t *outputs_seen(const struct live *live, size_t step)
{
	const char *scope = json_str(scope_of(live, step), "prefix", "");
	/* a turn of a for_each over a group: its own steps come before those of the same name outside */
	const char *own = json_str(plan_step(live, step), "prefix", "");
	json_t *all = outputs_all(live), *out;

	if (scope[0] == '\0' && own[0] == '\0')
		return all;
	out = json_object();
	take_below(out, all, scope);
	if (own[0] != '\0')
		take_below(out, all, own);
	json_decref(all);
	return out;
}

/* What the book itself calls a step: its id without the prefixes of its scope and its turn. */
const char *local_id(const struct live *live, size_t step)
{
	const char *id = live->run->steps[step].id;
	const char *own = json_str(plan_step(live, step), "prefix", "");
	const char *scope = json_str(scope_of(live, step), "prefix", "");

	if (own[0] != '\0' && str_starts(id, own))
		return id + strlen(own);
	return str_starts(id, scope) ? id + strlen(scope) : id;
}

/* {"output": "step.path"} becomes what that step gave, null when it gave nothing. */
static json_t *resolved(const json_t *value, const json_t *outputs)
{
	const char *path = json_str(value, "output", NULL);

	if (path == NULL)
		return json_incref((json_t *)(uintptr_t)value);
	const char *dot = strchr(path, '.');
	char id[256];
	snprintf(id, sizeof(id), "%.*s", (int)(dot != NULL ? dot - path : (int)strlen(path)), path);
	const json_t *found = json_object_get(outputs, id);
	if (found != NULL && dot != NULL)
		found = json_at(found, dot + 1);
	return found != NULL ? json_incref((json_t *)(uintptr_t)found) : json_null();
}

json_t *params_seen(const struct live *live, size_t step)
{
	const json_t *scope = scope_of(live, step);
	json_t *out, *outputs, *value;
	const char *name;

	if (scope == NULL)
		return json_incref(json_object_get(live->plan, "params"));
	out = json_object();
	outputs = outputs_all(live);
	json_object_foreach(json_object_get(scope, "params"), name, value)
		json_put(out, name, resolved(value, outputs));
	json_decref(outputs);
	return out;
}

/* What the closing step of a nested runbook or of a for_each gives. */
json_t *group_outputs(const struct live *live, size_t group)
{
	const json_t *wanted = json_object_get(plan_step(live, group), "outputs");
	json_t *out = json_object(), *outputs = outputs_all(live), *path, *each = json_array();
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)wanted, name, path) {
		json_t *reference = json_object();
		json_object_set(reference, "output", path);
		json_put(out, name, resolved(reference, outputs));
		json_decref(reference);
	}
	for (size_t i = 0; i < live->run->step_count; i++) {
		const struct step *step = &live->run->steps[i];
		json_t *item = json_object_get(plan_step(live, i), "item");
		if (item == NULL || step->within_count == 0 ||
			step->within_index[step->within_count - 1] != group)
			continue;
		json_t *row = json_object();
		json_object_set(row, "item", item);
		json_object_set(row, "outputs",
			step->outputs != NULL ? (json_t *)(uintptr_t)step->outputs : json_null());
		json_put_str(row, "state", step_state_name(step->state));
		json_array_append_new(each, row);
	}
	if (json_array_size(each) > 0)
		json_object_set(out, "each", each);
	json_decref(each);
	json_decref(outputs);
	return out;
}

/* ------------------------------------------------------------------ when */

enum err_code when_holds(const struct live *live, size_t step, bool *holds, struct err *err)
{
	const json_t *row = plan_step(live, step), *when = json_object_get(row, "when");

	*holds = true;
	if (when == NULL)
		return ERR_NONE;
	json_t *params = params_seen(live, step), *outputs = outputs_all(live);
	const struct condition_world world = { .mode = live->run->mode,
		.params = params,
		.outputs = outputs,
		.item = json_object_get(row, "item") };
	const enum err_code code = condition_holds(when, &world, holds, err);
	json_decref(outputs);
	json_decref(params);
	return code;
}

json_t *job_condition(const struct live *live, size_t step)
{
	json_t *job = json_object();

	json_put_str(job, "t", "condition");
	json_put_int(job, "run", live->id);
	json_put_str(job, "step", live->run->steps[step].id);
	json_put_str(job, "mode", live->run->mode);
	json_object_set(job, "condition", json_object_get(plan_step(live, step), "when"));
	json_put(job, "params", params_seen(live, step));
	json_put(job, "outputs", outputs_all(live));
	json_object_set(job, "item", json_object_get(plan_step(live, step), "item"));
	return job;
}
