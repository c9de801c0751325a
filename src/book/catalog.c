/* catalog.c: providers, operations and fields, read once from the provider description. */
#include "catalog.h"

#include "schema.h"

#include <inttypes.h>
#include <string.h>

static const char *const type_names[] = {
	[FIELD_STRING] = "string",
	[FIELD_INT] = "int",
	[FIELD_BOOL] = "bool",
	[FIELD_DURATION] = "duration",
	[FIELD_BYTES] = "bytes",
	[FIELD_CHOICE] = "choice",
	[FIELD_PATH] = "path",
	[FIELD_STRINGS] = "strings",
	[FIELD_MAP] = "map",
	[FIELD_SECRET] = "secret",
	[FIELD_ANY] = "any",
};

/* ------------------------------------------------------------------ reading */

static void *rows(struct arena *arena, size_t count, size_t size)
{
	void *p = arena_alloc(arena, (count > 0 ? count : 1) * size);

	if (p == NULL)
		base_die("the provider description is too large");
	return p;
}

/* A type that a newer worker may have: whatever is written is accepted. */
static enum field_type type_of(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(type_names); i++)
		if (str_eq(type_names[i], name))
			return (enum field_type)i;
	return FIELD_ANY;
}

static struct field *read_fields(struct arena *arena, const json_t *list, size_t *count)
{
	struct field *fields = rows(arena, json_array_size(list), sizeof(*fields));
	size_t i;
	json_t *row;

	*count = json_array_size(list);
	json_array_foreach((json_t *)(uintptr_t)list, i, row)
	{
		const json_t *choices = json_object_get(row, "choices");
		const json_t *fallback = json_object_get(row, "default");
		fields[i] = (struct field){
			.name = json_str(row, "name", ""),
			.help = json_str(row, "help", ""),
			.type = type_of(json_str(row, "type", "any")),
			.required = json_flag(row, "required", false),
			.has_default = fallback != NULL && !json_is_null(fallback),
			.choices = json_array_size(choices) > 0 ? choices : NULL,
			.min = json_int(row, "min", 0),
			.max = json_int(row, "max", 0),
		};
	}
	return fields;
}

static int effect_level(const char *name)
{
	for (int i = 0; effect_words[i] != NULL; i++)
		if (str_eq(effect_words[i], name))
			return i;
	return 3;
}

static void read_provider(struct arena *arena, const json_t *row, struct provider *out)
{
	const json_t *list = json_object_get(row, "operations");
	size_t i;
	json_t *op;

	out->name = json_str(row, "name", "");
	out->declares_actions = json_flag(row, "declares_actions", false);
	out->settings = read_fields(arena, json_object_get(row, "settings"), &out->setting_count);
	out->operation_count = json_array_size(list);
	out->operations = rows(arena, out->operation_count, sizeof(*out->operations));
	json_array_foreach((json_t *)(uintptr_t)list, i, op)
	{
		struct operation *o = &out->operations[i];
		o->op = json_str(op, "op", "");
		o->effect = effect_level(json_str(op, "effect", NULL));
		o->params = read_fields(arena, json_object_get(op, "params"), &o->param_count);
	}
}

void catalog_init(struct catalog *catalog, struct arena *arena, const json_t *description)
{
	const json_t *list = json_object_get(description, "providers");
	size_t i;
	json_t *row;

	*catalog = (struct catalog){.present = json_is_array(list),
		.count = json_array_size(list), .missing = json_object_get(description, "missing")};
	catalog->providers = rows(arena, catalog->count, sizeof(*catalog->providers));
	json_array_foreach((json_t *)(uintptr_t)list, i, row)
		read_provider(arena, row, &catalog->providers[i]);
}

/* ------------------------------------------------------------------ asking */

const struct provider *catalog_provider(const struct catalog *catalog, const char *name)
{
	for (size_t i = 0; name != NULL && i < catalog->count; i++)
		if (strcmp(catalog->providers[i].name, name) == 0)
			return &catalog->providers[i];
	return NULL;
}

const char *catalog_missing(const struct catalog *catalog, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach((json_t *)(uintptr_t)catalog->missing, i, row)
	{
		if (str_eq(json_str(row, "name", NULL), name))
			return json_str(row, "library", "a library");
	}
	return NULL;
}

const struct operation *provider_operation(const struct provider *provider, const char *op)
{
	for (size_t i = 0; provider != NULL && i < provider->operation_count; i++)
		if (strcmp(provider->operations[i].op, op) == 0)
			return &provider->operations[i];
	return NULL;
}

bool catalog_has_op(const struct catalog *catalog, const char *op)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (provider_operation(&catalog->providers[i], op) != NULL)
			return true;
	return false;
}

void catalog_ops(const struct catalog *catalog, const struct provider *only, struct names *out)
{
	for (size_t i = 0; i < catalog->count; i++) {
		const struct provider *p = &catalog->providers[i];
		for (size_t k = 0; (only == NULL || only == p) && k < p->operation_count; k++)
			names_add(out, p->operations[k].op);
	}
}

const struct field *catalog_field(const struct field *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

void catalog_field_names(const struct field *fields, size_t count, struct names *out)
{
	for (size_t i = 0; i < count; i++)
		names_add(out, fields[i].name);
}

/* ------------------------------------------------------------------ values */

static const char *const must_be[] = {
	[FIELD_STRING] = "text",
	[FIELD_INT] = "a whole number",
	[FIELD_BOOL] = "true or false",
	[FIELD_DURATION] = "a duration such as 30s",
	[FIELD_BYTES] = "a size such as 16MiB",
	[FIELD_CHOICE] = "one of its choices",
	[FIELD_PATH] = "a path",
	[FIELD_STRINGS] = "a list of texts",
	[FIELD_MAP] = "a map of names to values",
	[FIELD_SECRET] = "a secret",
	[FIELD_ANY] = "a value",
};

const char *field_must_be(const struct field *field, char *buf, size_t size)
{
	size_t i, len;
	json_t *choice;

	snprintf(buf, size, "%s", must_be[field->type]);
	if (field->choices == NULL)
		return buf;
	snprintf(buf, size, "one of");
	json_array_foreach((json_t *)(uintptr_t)field->choices, i, choice)
	{
		const char *text = json_string_value(choice);
		len = strlen(buf);
		snprintf(buf + len, size - len, "%s %s", i > 0 ? "," : "", text ? text : "?");
	}
	return buf;
}

static const char *out_of_range(
	const struct field *field, int64_t value, char *buf, size_t size)
{
	if ((field->min == 0 && field->max == 0) ||
		(value >= field->min && (field->max == 0 || value <= field->max)))
		return NULL;
	if (field->max == 0)
		snprintf(buf, size, "at least %" PRId64, field->min);
	else
		snprintf(buf, size, "from %" PRId64 " to %" PRId64, field->min, field->max);
	return buf;
}

const char *field_wrong_int(const struct field *field, int64_t value, char *buf, size_t size)
{
	switch (field->type) {
	case FIELD_DURATION:
	case FIELD_BYTES:
		if (value < 0)
			return field_must_be(field, buf, size);
		return out_of_range(field, value, buf, size);
	case FIELD_INT:
		return out_of_range(field, value, buf, size);
	case FIELD_ANY:
		return NULL;
	default:
		return field_must_be(field, buf, size);
	}
}

static bool is_choice(const struct field *field, const char *text)
{
	size_t i;
	json_t *choice;

	json_array_foreach((json_t *)(uintptr_t)field->choices, i, choice)
	{
		if (str_eq(json_string_value(choice), text))
			return true;
	}
	return field->choices == NULL;
}

const char *field_wrong_text(const struct field *field, const char *text, char *buf, size_t size)
{
	struct err ignored;
	int64_t value;

	switch (field->type) {
	case FIELD_STRING:
	case FIELD_STRINGS:
	case FIELD_ANY:
		return NULL;
	case FIELD_PATH:
		return text[0] != '\0' ? NULL : field_must_be(field, buf, size);
	case FIELD_CHOICE:
		return is_choice(field, text) ? NULL : field_must_be(field, buf, size);
	case FIELD_DURATION:
		if (parse_duration_ms(text, &value, &ignored) != ERR_NONE)
			return field_must_be(field, buf, size);
		return out_of_range(field, value, buf, size);
	case FIELD_BYTES:
		if (parse_bytes(text, &value, &ignored) != ERR_NONE)
			return field_must_be(field, buf, size);
		return out_of_range(field, value, buf, size);
	default:
		return field_must_be(field, buf, size);
	}
}

/* In a list of texts only scalars may stand. */
static bool all_scalars(const struct node *list)
{
	for (const struct node *n = list->first; n != NULL; n = n->next)
		if (n->kind != NODE_SCALAR || node_is_null(n))
			return false;
	return true;
}

const char *field_wrong(const struct field *field, const struct node *node, char *buf, size_t size)
{
	int64_t value;
	bool flag;

	if (field->type == FIELD_ANY)
		return NULL;
	if (node->kind == NODE_MAP)
		return field->type == FIELD_MAP ? NULL : field_must_be(field, buf, size);
	if (node->kind == NODE_LIST)
		return field->type == FIELD_STRINGS && all_scalars(node)
			? NULL : field_must_be(field, buf, size);
	if (node_is_null(node) || field->type == FIELD_MAP)
		return field_must_be(field, buf, size);
	if (field->type == FIELD_BOOL)
		return node_bool(node, &flag) ? NULL : field_must_be(field, buf, size);
	if (node_int(node, &value) && (field->type == FIELD_INT || field->type == FIELD_DURATION ||
					      field->type == FIELD_BYTES))
		return field_wrong_int(field, value, buf, size);
	return field_wrong_text(field, node->text, buf, size);
}

json_t *field_json(const struct field *field, const struct node *node)
{
	if (node->kind != NODE_SCALAR && field->type != FIELD_STRINGS)
		return node_json(node);
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_PATH:
		return json_text(node->text, node->len);
	case FIELD_STRINGS: {
		json_t *list = json_array();
		for (const struct node *n = texts_first(node); n != NULL; n = texts_next(node, n))
			json_array_append_new(list, json_text(n->text, n->len));
		return list;
	}
	default:
		return node_json(node);
	}
}
