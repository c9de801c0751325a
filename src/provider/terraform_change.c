/* terraform_change.c: what a plan would do, and whether a state shows that it was done.
 * Source: https://developer.hashicorp.com/terraform/internals/json-format ("Change
 * representation") */
#include "terraform.h"

#include <stdlib.h>
#include <string.h>

/* One action list of a resource change, and what it stands for. */
static const struct {
	const char *first, *second, *name;
	enum effect effect;
} actions[] = {
	{ "create", NULL, "create", EFFECT_CHANGE },
	{ "update", NULL, "update", EFFECT_COSTLY },
	{ "delete", NULL, "delete", EFFECT_IRREVERSIBLE },
	{ "delete", "create", "replace", EFFECT_IRREVERSIBLE },
	{ "create", "delete", "replace", EFFECT_IRREVERSIBLE },
	{ "forget", NULL, "forget", EFFECT_IRREVERSIBLE },
	{ "create", "forget", "replace", EFFECT_IRREVERSIBLE },
};

static size_t find_action(const json_t *list)
{
	const char *first = json_string_value(json_array_get(list, 0));
	const char *second = json_string_value(json_array_get(list, 1));

	for (size_t i = 0; i < COUNT_OF(actions); i++)
		if (str_eq(actions[i].first, first) && str_eq(actions[i].second, second))
			return i;
	return COUNT_OF(actions);
}

static bool only(const json_t *list, const char *word)
{
	return json_array_size(list) == 1 &&
	       str_eq(json_string_value(json_array_get(list, 0)), word);
}

const char *terraform_action(const json_t *resource_change)
{
	const json_t *change = json_object_get(resource_change, "change");
	const json_t *list = json_object_get(change, "actions");
	const size_t i = find_action(list);

	if (i < COUNT_OF(actions))
		return actions[i].name;
	if (only(list, "no-op"))
		return json_object_get(change, "importing") != NULL ? "import" : NULL;
	return only(list, "read") ? NULL : "unknown";
}

static enum effect effect_of(const char *action)
{
	if (str_eq(action, "import"))
		return EFFECT_CHANGE;
	for (size_t i = 0; i < COUNT_OF(actions); i++)
		if (str_eq(actions[i].name, action))
			return actions[i].effect;
	return EFFECT_IRREVERSIBLE; /* an action of a later version */
}

static int64_t changed_outputs(const json_t *plan)
{
	json_t *outputs = json_object_get(plan, "output_changes"), *output;
	const char *name;
	int64_t count = 0;

	json_object_foreach(outputs, name, output)
		count += !only(json_object_get(output, "actions"), "no-op");
	return count;
}

struct terraform_tally terraform_tally(const json_t *plan)
{
	struct terraform_tally t = { .effect = EFFECT_CHANGE,
		.outputs = changed_outputs(plan) };
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(plan, "resource_changes"), i, row) {
		const char *action = terraform_action(row);

		if (action == NULL)
			continue;
		const enum effect effect = effect_of(action);
		t.effect = effect > t.effect ? effect : t.effect;
		int64_t *count = str_eq(action, "create")    ? &t.create
				 : str_eq(action, "update")  ? &t.update
				 : str_eq(action, "delete")  ? &t.destroy
				 : str_eq(action, "replace") ? &t.replace
							     : &t.other;
		++*count;
	}
	return t;
}

void terraform_put_tally(const json_t *plan, json_t *into)
{
	const struct terraform_tally t = terraform_tally(plan);
	json_t *list = json_array(), *row;
	const char *worst = NULL;
	char *reason;
	size_t i;

	json_array_foreach(json_object_get(plan, "resource_changes"), i, row) {
		const char *action = terraform_action(row);
		const char *address = json_str(row, "address", "?");

		if (action == NULL)
			continue;
		if (worst == NULL && effect_of(action) == t.effect)
			worst = address;
		if (json_array_size(list) < TERRAFORM_ROWS_MAX)
			json_array_append_new(list,
				json_pack("{s:s, s:s}", "address", address, "action", action));
	}
	json_put_int(into, "create", t.create);
	json_put_int(into, "update", t.update);
	json_put_int(into, "destroy", t.destroy);
	json_put_int(into, "replace", t.replace);
	json_put_int(into, "other", t.other);
	json_put(into, "actions", list);
	json_put_str(into, "effect", effect_name(t.effect));
	reason = xasprintf(
		"the plan creates %lld, updates %lld, destroys %lld and replaces %lld%s%s",
		(long long)t.create, (long long)t.update, (long long)t.destroy,
		(long long)t.replace, worst != NULL ? ": " : "", worst != NULL ? worst : "");
	json_put_str(into, "effect_reason", reason);
	free(reason);
}

/* ------------------------------------------------------------------ did it happen? */

/* Everything wanted says is so in found.  What a plan does not know yet is left out of it or,
 * in a list, null: it fits anything. */
static bool holds(const json_t *wanted, const json_t *found)
{
	const char *key;
	json_t *value;
	size_t i;

	if (wanted == NULL || json_is_null(wanted))
		return true;
	if (json_is_object(wanted) && json_is_object(found)) {
		json_object_foreach((json_t *)(uintptr_t)wanted, key, value) {
			if (!holds(value, json_object_get(found, key)))
				return false;
		}
		return true;
	}
	if (json_is_array(wanted) && json_is_array(found)) {
		if (json_array_size(wanted) != json_array_size(found))
			return false;
		json_array_foreach((json_t *)(uintptr_t)wanted, i, value) {
			if (!holds(value, json_array_get(found, i)))
				return false;
		}
		return true;
	}
	return json_equal(wanted, found) != 0;
}

/* The resource as the state has it, or NULL. */
static const json_t *find_in(const json_t *module, const char *address)
{
	json_t *row;
	const json_t *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(module, "resources"), i, row) {
		if (str_eq(json_str(row, "address", NULL), address))
			return row;
	}
	json_array_foreach(json_object_get(module, "child_modules"), i, row) {
		if (found == NULL)
			found = find_in(row, address);
	}
	return found;
}

struct terraform_found terraform_compare(const json_t *plan, const json_t *state, bool moved)
{
	const json_t *root = json_object_get(json_object_get(state, "values"), "root_module");
	struct terraform_found found = { 0 };
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(plan, "resource_changes"), i, row) {
		const char *action = terraform_action(row);

		if (action == NULL)
			continue;
		const json_t *change = json_object_get(row, "change");
		const json_t *before = json_object_get(change, "before");
		const json_t *there = find_in(root, json_str(row, "address", ""));
		const json_t *now = json_object_get(there, "values");
		const bool gone = str_eq(action, "delete") || str_eq(action, "forget");
		const json_t *old_id = json_object_get(before, "id");
		bool done = gone ? now == NULL
				 : now != NULL && holds(json_object_get(change, "after"), now);
		bool undone = json_is_object(before) ? now != NULL && holds(before, now)
						     : now == NULL;

		/* made, but a step of making it broke: it will be made anew */
		done = done && !json_flag(there, "tainted", false);
		/* what was replaced is another one */
		if (str_eq(action, "replace") && old_id != NULL && now != NULL)
			done = done && json_equal(old_id, json_object_get(now, "id")) == 0;
		if (done &&
			undone) /* nothing that can be seen tells them apart but the serial */
			*(moved ? &undone : &done) = false;
		found.done += done;
		found.undone += undone;
		found.odd += !done && !undone;
	}
	return found;
}
