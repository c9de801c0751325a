/* schema_json.c: the tables of keys as JSON Schema (draft 2020-12) for editors, and as Markdown. */
#include "condition.h"
#include "schema.h"

#include <string.h>

#define NAME_PATTERN "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"
#define DURATION_PATTERN "^(0|([0-9]+(ms|s|m|h|d))+)$"

#define DECIMAL_PATTERN "^-?[0-9]{1,30}([.][0-9]{1,30})?$"

static json_t *of_shape(const struct shape *shape);

static json_t *words(const char *const *list)
{
	json_t *array = json_array();

	for (; *list != NULL; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

/* ------------------------------------------------------------------ one builder per type */

/* The ones that need nothing from the row, as they stand. */
static const char *const fixed[VALUE_TYPES] = {
	[VALUE_TEXT] = "{\"type\": [\"string\", \"number\", \"boolean\"]}",
	[VALUE_NAME] = "{\"type\": [\"string\", \"integer\"], \"pattern\": \"" NAME_PATTERN "\"}",
	[VALUE_SERVICE] = "{\"anyOf\": [{\"type\": [\"string\", \"integer\"], \"pattern\": \"" NAME_PATTERN
			  "\"}, {\"type\": \"object\", \"properties\": {\"param\": {\"type\": \"string\"}}, "
			  "\"required\": [\"param\"], \"additionalProperties\": false}]}",
	[VALUE_BOOL] = "{\"type\": \"boolean\"}",
	[VALUE_DURATION] = "{\"anyOf\": [{\"const\": 0}, {\"type\": \"string\", \"pattern\": "
			   "\"" DURATION_PATTERN "\"}]}",
	[VALUE_DATE] = "{\"type\": \"string\", \"pattern\": \"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\"}",
	[VALUE_SCALAR] = "{\"type\": [\"string\", \"number\", \"boolean\"]}",
	[VALUE_SCALARS] = "{\"anyOf\": [{\"type\": [\"string\", \"number\", \"boolean\"]}, {\"type\": "
			  "\"array\", \"items\": {\"type\": [\"string\", \"number\", \"boolean\"]}}]}",
	[VALUE_DECIMAL] = "{\"type\": [\"number\", \"string\"], \"pattern\": \"" DECIMAL_PATTERN "\"}",
	[VALUE_ANY] = "{}",
	[VALUE_CONDITION] = "{\"$ref\": \"#/$defs/condition\"}",
	[VALUE_STEPS] = "{\"$ref\": \"#/properties/steps\"}",
	[VALUE_TEXTS] = "{\"anyOf\": [{\"type\": [\"string\", \"number\", \"boolean\"]}, {\"type\": "
			"\"array\", \"items\": {\"type\": [\"string\", \"number\", \"boolean\"]}}]}",
	[VALUE_NAMES] = "{\"anyOf\": [{\"type\": [\"string\", \"integer\"], \"pattern\": \"" NAME_PATTERN
			"\"}, {\"type\": \"array\", \"items\": {\"type\": [\"string\", \"integer\"], "
			"\"pattern\": \"" NAME_PATTERN "\"}}]}",
	[VALUE_LEVEL] = "{\"enum\": [0, 1, 2, 3, \"read\", \"change\", \"costly\", \"irreversible\"]}",
	[VALUE_USES] = "{\"type\": \"object\", \"propertyNames\": {\"pattern\": "
		       "\"^[A-Za-z0-9_]+[.][A-Za-z0-9_.-]+$\"}, \"additionalProperties\": {\"anyOf\": "
		       "[{\"type\": [\"string\", \"integer\"]}, {\"type\": \"array\", \"minItems\": 1, "
		       "\"items\": {\"type\": [\"string\", \"integer\"]}}]}}",
	[VALUE_OPEN] = "{\"type\": \"object\"}",
};

static json_t *parsed(const char *text)
{
	struct err err = {0};
	json_t *value = NULL;

	if (json_parse(text, strlen(text), &value, &err) != ERR_NONE)
		base_die("schema: %s", err.text);
	return value;
}

static json_t *typed(const struct key *key)
{
	if (fixed[key->type] != NULL)
		return parsed(fixed[key->type]);
	json_t *out = json_object();
	if (key->type == VALUE_INT) {
		json_put_str(out, "type", "integer");
		if (key->min != 0 || key->max != 0) {
			json_put_int(out, "minimum", key->min);
			json_put_int(out, "maximum", key->max);
		}
	} else if (key->type == VALUE_CHOICE) {
		json_put(out, "enum", words(key->choices));
	} else if (key->type == VALUE_CHOICES) {
		json_put(out, "type", json_string("array"));
		json_put(out, "items", json_pack("{s:o}", "enum", words(key->choices)));
	} else if (key->type == VALUE_LIST) {
		json_put_str(out, "type", "array");
		json_put(out, "items", of_shape(key->shape));
		json_put_int(out, "minItems", key->min);
		json_put_int(out, "maxItems", key->max);
	} else if (key->type == VALUE_MAP) {
		json_put_str(out, "type", "object");
		json_put(out, "propertyNames", json_pack("{s:s}", "pattern", NAME_PATTERN));
		json_put(out, "additionalProperties", of_shape(key->shape));
	} else if (key->type == VALUE_SCRIPT) {
		json_put(out, "anyOf", json_pack("[{s:s}, o]", "type", "string", of_shape(&script_shape)));
	} else if (key->type == VALUE_WAIT) {
		json_put(out, "anyOf", json_pack("[o, o]", parsed(fixed[VALUE_DURATION]), of_shape(&wait_shape)));
	} else {
		json_decref(out);
		out = of_shape(key->shape);
	}
	return out;
}

/* {"anyOf": [{"required": ["run"]}, {"required": ["wait"]}]} */
static json_t *one_of_these(const char *const *names)
{
	json_t *list = json_array();

	for (; *names != NULL; names++)
		json_array_append_new(list, json_pack("{s:[s]}", "required", *names));
	return json_pack("{s:o}", "anyOf", list);
}

static json_t *of_shape(const struct shape *shape)
{
	json_t *out = json_object(), *properties = json_object(), *required = json_array();
	json_t *together = json_object(), *either = json_object();

	for (const struct key *k = shape->keys; k->name != NULL; k++) {
		json_t *value = typed(k);
		json_put_str(value, "description", k->help);
		json_put(properties, k->name, value);
		if (k->required)
			json_array_append_new(required, json_string(k->name));
		if (k->with != NULL && k->with[1] == NULL)
			json_put(together, k->name, json_pack("[s]", k->with[0]));
		else if (k->with != NULL)
			json_put(either, k->name, one_of_these(k->with));
		if (k->with_required)
			json_put(together, k->with[0], json_pack("[s]", k->name));
	}
	json_put_str(out, "type", "object");
	json_put(out, "properties", properties);
	json_put(out, "required", required);
	json_put_flag(out, "additionalProperties", false);
	if (json_object_size(together) > 0)
		json_put(out, "dependentRequired", json_incref(together));
	json_decref(together);
	if (json_object_size(either) > 0)
		json_put(out, "dependentSchemas", json_incref(either));
	json_decref(either);
	if (shape->one_of != NULL) {
		json_t *list = json_array();
		for (const char *const *w = shape->one_of; *w != NULL; w++)
			json_array_append_new(list, json_pack("{s:[s]}", "required", *w));
		json_put(out, "oneOf", list);
	}
	return out;
}

json_t *schema_json(const char *kind)
{
	const struct schema *schema = schema_find(kind);

	if (schema == NULL)
		schema = config_schema(kind);
	if (schema == NULL)
		return NULL;
	json_t *out = of_shape(schema->shape);
	if (str_eq(kind, "runbook"))
		json_put(out, "$defs", json_pack("{s:o}", "condition", condition_schema()));
	json_put_str(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_put_str(out, "title", schema->file != NULL ? schema->file : "a runbook of drillbook");
	return out;
}

/* ------------------------------------------------------------------ Markdown */

static const char *const type_words[VALUE_TYPES] = {
	[VALUE_TEXT] = "text",
	[VALUE_NAME] = "name",
	[VALUE_SERVICE] = "name, or {param: …}",
	[VALUE_INT] = "whole number",
	[VALUE_BOOL] = "true or false",
	[VALUE_DURATION] = "duration",
	[VALUE_DATE] = "day",
	[VALUE_LEVEL] = "0 to 3, or an effect",
	[VALUE_SCALAR] = "one value",
	[VALUE_SCALARS] = "one value, or a list",
	[VALUE_DECIMAL] = "number",
	[VALUE_ANY] = "anything",
	[VALUE_SCRIPT] = "Lua, {file: …} or {run: …}",
	[VALUE_WAIT] = "duration, or a map",
	[VALUE_CONDITION] = "condition",
	[VALUE_TEXTS] = "list of texts",
	[VALUE_NAMES] = "list of names",
	[VALUE_USES] = "operation: targets",
	[VALUE_OPEN] = "map",
	[VALUE_SHAPE] = "map, see below",
	[VALUE_LIST] = "list, see below",
	[VALUE_STEPS] = "list of steps",
	[VALUE_MAP] = "NAME: map, see below",
};

static void add(struct buf *out, const char *text)
{
	struct err err = {0};

	if (buf_add(out, text, strlen(text), &err) != ERR_NONE)
		base_die("schema: %s", err.text);
}

/* In a table's cell a bar must not end the cell. */
static void add_cell(struct buf *out, const char *text)
{
	char one[2] = "";

	for (; *text != '\0'; text++) {
		one[0] = *text;
		add(out, *text == '|' ? "\\|" : one);
	}
}

static void markdown_type(struct buf *out, const struct key *key)
{
	if (key->choices == NULL) {
		add(out, type_words[key->type]);
		return;
	}
	if (key->type == VALUE_CHOICES)
		add(out, "list of ");
	for (const char *const *w = key->choices; *w != NULL; w++) {
		add(out, w == key->choices ? "`" : ", `");
		add(out, *w);
		add(out, "`");
	}
}

static void markdown_shape(struct buf *out, const struct shape *shape, const char *path)
{
	add(out, "\n**");
	add(out, path);
	add(out, "**\n\n| key | value | default | |\n|---|---|---|---|\n");
	for (const struct key *k = shape->keys; k->name != NULL; k++) {
		add(out, "| `");
		add(out, k->name);
		add(out, "` | ");
		markdown_type(out, k);
		add(out, " | ");
		add(out, k->required ? "must be there" : k->fallback != NULL ? k->fallback : "");
		add(out, " | ");
		add_cell(out, k->help);
		for (const char *const *w = k->with; w != NULL && *w != NULL; w++) {
			add(out, w == k->with ? " (with `" : w[1] == NULL ? "` or `" : "`, `");
			add(out, *w);
		}
		add(out, k->with != NULL ? "`)" : "");
		add(out, " |\n");
	}
	if (shape->one_of != NULL) {
		add(out, "\nExactly one of");
		for (const char *const *w = shape->one_of; *w != NULL; w++) {
			add(out, w == shape->one_of ? " `" : w[1] == NULL ? " and `" : ", `");
			add(out, *w);
			add(out, "`");
		}
		add(out, ".\n");
	}
	for (const struct key *k = shape->keys; k->name != NULL; k++) {
		char below[160];
		if (k->shape == NULL)
			continue;
		snprintf(below, sizeof(below), "%s → %s%s", path, k->name,
			k->type == VALUE_MAP ? " → NAME" : k->type == VALUE_LIST ? " → each" : "");
		markdown_shape(out, k->shape, below);
	}
}

void schema_markdown(const struct schema *schema, struct buf *out)
{
	markdown_shape(out, schema->shape, schema->file != NULL ? schema->file : "runbook");
	if (str_eq(schema->kind, "runbook")) {
		markdown_shape(out, &wait_shape, "wait: {…}");
		markdown_shape(out, &script_shape, "a script: {…}");
	}
}

void rules_markdown(struct buf *out)
{
	add(out, "\n| rule | | what it finds |\n|---|---|---|\n");
	for (size_t i = 0; i < RULE_COUNT; i++) {
		add(out, "| `");
		add(out, lint_rules[i].name);
		add(out, lint_rules[i].severity == SEVERITY_ERROR ? "` | error | " : "` | warning | ");
		add_cell(out, lint_rules[i].text);
		add(out, " |\n");
	}
}
