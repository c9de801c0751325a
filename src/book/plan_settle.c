/* plan_settle.c: conditions that are inherited by what has parameters or an item of its own. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

json_t *plan_item_at(json_t *item, const char *path)
{
	char name[128];

	while (item != NULL && *path != '\0') {
		const size_t len = strcspn(path, ".[");
		if (*path == '[') {
			item = json_array_get(item, (size_t)strtol(path + 1, NULL, 10));
			path = strchr(path, ']') + 1;
		} else {
			snprintf(name, sizeof(name), "%.*s", (int)len, path);
			item = json_object_get(item, name);
			path += len;
		}
		path += *path == '.';
	}
	return item;
}

/* {"param": NAME, …} becomes what stands for that parameter where the condition was written. */
static void settle_param(json_t *condition, const json_t *params)
{
	json_t *value = json_object_get(params, json_str(condition, "param", ""));
	const char *output = json_str(value, "output", NULL);

	if (output != NULL)
		json_put_str(condition, "output", output);
	else
		json_put(condition, "literal", value != NULL ? json_incref(value) : json_null());
	json_object_del(condition, "param");
}

static void settle_item(json_t *condition, json_t *item)
{
	json_t *value = plan_item_at(item, json_str(condition, "item", ""));

	json_put(condition, "literal", value != NULL ? json_incref(value) : json_null());
	json_object_del(condition, "item");
}

static void settle(json_t *condition, const json_t *params, json_t *item)
{
	json_t *list = json_object_get(condition, "all"), *inner;
	size_t i;

	if (params != NULL && json_object_get(condition, "param") != NULL)
		settle_param(condition, params);
	if (item != NULL && json_object_get(condition, "item") != NULL)
		settle_item(condition, item);
	if (list == NULL)
		list = json_object_get(condition, "any");
	json_array_foreach(list, i, inner)
		settle(inner, params, item);
	if (json_object_get(condition, "not") != NULL)
		settle(json_object_get(condition, "not"), params, item);
}

json_t *plan_settled(json_t *conditions, const json_t *params, json_t *item)
{
	json_t *own = json_deep_copy(conditions), *condition;
	size_t i;

	json_decref(conditions);
	json_array_foreach(own, i, condition)
		settle(condition, params, item);
	return own;
}
