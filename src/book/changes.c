/* changes.c: which targets a plan may change, from what its steps use: what the server locks.
 */
#include "plan.h"

#include <string.h>

static bool has(const json_t *list, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (str_eq(json_string_value(row), name))
			return true;
	return false;
}

/* An operation nobody knows may change anything. */
static bool may_change(
	const struct workspace *workspace, const char *op_name, const char *target)
{
	const struct operation *op =
		provider_operation(target_provider(workspace, target), op_name);

	return op == NULL || op->effect > 0;
}

json_t *changes_json(const struct workspace *workspace, const json_t *steps)
{
	json_t *out = json_array(), *targets, *target;
	const json_t *step;
	const char *op;
	size_t i, k;

	json_array_foreach(steps, i, step) {
		json_object_foreach(json_object_get(step, "uses"), op, targets)
			json_array_foreach(targets, k, target)
				if (!has(out, json_string_value(target)) &&
					may_change(workspace, op, json_string_value(target)))
					json_array_append(out, target);
	}
	return out;
}
