/* typed.c: nodes as JSON, typed by the tables of keys and the catalog instead of by their looks. */
#include "plan.h"

#include <string.h>

json_t *texts_json(const struct node *list)
{
	json_t *array = json_array();

	for (const struct node *n = texts_first(list); n != NULL; n = texts_next(list, n))
		json_array_append_new(array, json_text(n->text, n->len));
	return array;
}

static json_t *map_value(const struct shape *shape, const struct node *map)
{
	json_t *object = json_object();

	for (const struct node *n = map->first; n != NULL; n = n->next)
		json_put(object, n->key, shape_value(shape, n));
	return object;
}

static json_t *key_value(const struct key *key, const struct node *node)
{
	switch (key->type) {
	case VALUE_TEXT:
	case VALUE_NAME:
	case VALUE_CHOICE:
	case VALUE_DURATION:
	case VALUE_DATE:
		return node->kind == NODE_SCALAR ? json_text(node->text, node->len) : node_json(node);
	case VALUE_TEXTS:
	case VALUE_NAMES:
	case VALUE_CHOICES:
		return texts_json(node);
	case VALUE_SHAPE:
		return shape_value(key->shape, node);
	case VALUE_MAP:
		return map_value(key->shape, node);
	default:
		return node_json(node);
	}
}

json_t *shape_value(const struct shape *shape, const struct node *node)
{
	json_t *object = json_object();

	for (const struct node *n = node->first; n != NULL; n = n->next) {
		const struct key *key = n->key != NULL ? shape_key(shape, n->key) : NULL;
		if (key != NULL)
			json_put(object, n->key, key_value(key, n));
	}
	return object;
}

/* ------------------------------------------------------------------ entries */

json_t *service_json(const struct workspace *workspace, const char *name)
{
	const struct node *service = workspace_entry(workspace, DOC_SERVICES, name);
	const struct node *objectives = node_get(service, "objectives");
	const struct node *tier = node_get(service, "tier");
	json_t *out = json_object();
	int64_t number = 3;

	if (tier != NULL && !node_int(tier, &number))
		number = 3;
	json_put_str(out, "name", name);
	json_put_str(out, "title", node_text(service, "title"));
	json_put_str(out, "description", node_text(service, "description"));
	json_put_int(out, "tier", number);
	json_put_str(out, "owner", node_text(service, "owner"));
	json_put_str(out, "standby", node_text(service, "standby"));
	json_put_int(out, "rto_ms", duration_of(objectives, "rto", -1));
	json_put_int(out, "rpo_ms", duration_of(objectives, "rpo", -1));
	json_put_str(out, "approved_by", node_text(objectives, "approved_by"));
	json_put_str(out, "approved_on", node_text(objectives, "approved_on"));
	json_put_str(out, "review_by", node_text(objectives, "review_by"));
	json_put(out, "depends_on", texts_json(node_get(service, "depends_on")));
	json_put(out, "compliance", texts_json(node_get(service, "compliance")));
	return out;
}

json_t *environments_json(const struct workspace *workspace)
{
	json_t *out = json_object();
	struct names names = {0};

	workspace_entries(workspace, DOC_DRILLBOOK, &names);
	for (size_t i = 0; i < names.count; i++) {
		const struct node *entry = workspace_entry(workspace, DOC_DRILLBOOK, names.rows[i]);
		json_t *row = json_object();
		json_put(row, "modes", texts_json(node_get(entry, "modes")));
		if (node_text(entry, "title") != NULL)
			json_put_str(row, "title", node_text(entry, "title"));
		json_put(out, names.rows[i], row);
	}
	names_release(&names);
	return out;
}

static json_t *settings_json(const struct provider *provider, const struct node *settings)
{
	json_t *out = json_object();

	for (const struct node *n = settings != NULL ? settings->first : NULL; n != NULL; n = n->next) {
		const struct field *field = provider != NULL
			? catalog_field(provider->settings, provider->setting_count, n->key) : NULL;
		json_put(out, n->key, field != NULL ? field_json(field, n) : node_json(n));
	}
	return out;
}

json_t *target_json(const struct workspace *workspace, const char *name)
{
	static const char *const maps[] = {"secrets", "actions", "queries"};
	const struct node *target = workspace_entry(workspace, DOC_TARGETS, name);
	const struct shape *shape = shape_key(schema_find("targets")->shape, "targets")->shape;
	json_t *out = json_object();

	json_put_str(out, "provider", node_text(target, "provider"));
	json_put_str(out, "environment", node_text(target, "environment"));
	json_put(out, "settings", settings_json(target_provider(workspace, name), node_get(target, "settings")));
	for (size_t i = 0; i < COUNT_OF(maps); i++) {
		const struct node *map = node_get(target, maps[i]);
		json_put(out, maps[i], map != NULL ? map_value(shape_key(shape, maps[i])->shape, map)
						   : json_object());
	}
	return out;
}
