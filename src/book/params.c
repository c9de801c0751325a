/* params.c: the parameters of a runbook: their declaration, their values. */
#include "workspace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One parameter with the value that is looked at. */
struct value {
	const struct workspace *workspace;
	const struct node *declaration;
	const char *name;
	const json_t *given;
	json_t **out;
};

static enum err_code refuse(const struct value *v, struct err *err, const char *right)
{
	const char *text = json_string_value(v->given);
	const json_int_t number = json_integer_value(v->given);

	if (text != NULL)
		return err_set(err, ERR_USAGE, "parameter \"%s\" must be %s, not \"%.80s\"", v->name, right,
			text);
	if (json_is_integer(v->given))
		return err_set(err, ERR_USAGE, "parameter \"%s\" must be %s, not %lld", v->name, right,
			(long long)number);
	return err_set(err, ERR_USAGE, "parameter \"%s\" must be %s", v->name, right);
}

static enum err_code from_string(const struct value *v, struct err *err)
{
	char number[32];

	if (json_is_string(v->given)) {
		*v->out = json_copy((json_t *)(uintptr_t)v->given);
	} else if (json_is_integer(v->given)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v->given));
		*v->out = json_string(number);
	} else if (json_is_boolean(v->given)) {
		*v->out = json_string(json_is_true(v->given) ? "true" : "false");
	} else {
		return refuse(v, err, "text");
	}
	return ERR_NONE;
}

typedef enum err_code parse_fn(const char *text, int64_t *out, struct err *err);

static enum err_code parse_int(const char *text, int64_t *out, struct err *err)
{
	const struct node node = {.kind = NODE_SCALAR, .text = text, .len = (uint32_t)strlen(text)};

	return node_int(&node, out) ? ERR_NONE : err_set(err, ERR_USAGE, "no whole number");
}

/* min: and max: are written like the value itself. */
static enum err_code check_range(
	const struct value *v, parse_fn *parse, int64_t number, struct err *err)
{
	const char *min = node_text(v->declaration, "min"), *max = node_text(v->declaration, "max");
	struct err ignored;
	int64_t limit;

	if (min != NULL && parse(min, &limit, &ignored) == ERR_NONE && number < limit)
		return err_set(err, ERR_USAGE, "parameter \"%s\" must be at least %s", v->name, min);
	if (max != NULL && parse(max, &limit, &ignored) == ERR_NONE && number > limit)
		return err_set(err, ERR_USAGE, "parameter \"%s\" must be at most %s", v->name, max);
	return ERR_NONE;
}

static enum err_code from_number(
	const struct value *v, parse_fn *parse, const char *right, struct err *err)
{
	struct err ignored;
	int64_t number = json_integer_value(v->given);

	if (json_is_string(v->given)) {
		if (parse(json_string_value(v->given), &number, &ignored) != ERR_NONE)
			return refuse(v, err, right);
	} else if (!json_is_integer(v->given)) {
		return refuse(v, err, right);
	}
	TRY(check_range(v, parse, number, err));
	*v->out = json_integer(number);
	return ERR_NONE;
}

static enum err_code from_int(const struct value *v, struct err *err)
{
	return from_number(v, parse_int, "a whole number", err);
}

static enum err_code from_duration(const struct value *v, struct err *err)
{
	return from_number(v, parse_duration_ms, "a duration such as 30s", err);
}

static enum err_code from_bytes(const struct value *v, struct err *err)
{
	return from_number(v, parse_bytes, "a size such as 16MiB", err);
}

static enum err_code from_bool(const struct value *v, struct err *err)
{
	const char *text = json_string_value(v->given);

	if (json_is_boolean(v->given))
		*v->out = json_boolean(json_is_true(v->given));
	else if (str_eq(text, "true") || str_eq(text, "false"))
		*v->out = json_boolean(str_eq(text, "true"));
	else
		return refuse(v, err, "true or false");
	return ERR_NONE;
}

static enum err_code from_choice(const struct value *v, struct err *err)
{
	const struct node *choices = node_get(v->declaration, "choices");
	char right[256] = "one of";
	size_t len = strlen(right);
	json_t *text = NULL;
	const struct value as_text = {.name = v->name, .given = v->given, .out = &text};

	TRY(from_string(&as_text, err));
	for (const struct node *n = texts_first(choices); n != NULL; n = texts_next(choices, n)) {
		if (strcmp(n->text, json_string_value(text)) == 0) {
			*v->out = text;
			return ERR_NONE;
		}
		const int more = snprintf(right + len, sizeof(right) - len, "%s %s",
			n == texts_first(choices) ? "" : ",", n->text);
		len += more > 0 && (size_t)more < sizeof(right) - len ? (size_t)more : 0;
	}
	json_decref(text);
	return refuse(v, err, right);
}

static enum err_code from_entry(
	const struct value *v, enum kind kind, const char *what, struct err *err)
{
	const char *text = json_string_value(v->given);
	struct names names = {0};
	char mean[128], right[192];

	if (text != NULL && (workspace_entry(v->workspace, kind, text) != NULL ||
				    !workspace_readable(v->workspace, kind))) {
		*v->out = json_copy((json_t *)(uintptr_t)v->given);
		return ERR_NONE;
	}
	workspace_entries(v->workspace, kind, &names);
	did_you_mean(mean, sizeof(mean), text != NULL ? text : "", names.rows, names.count);
	names_release(&names);
	snprintf(right, sizeof(right), "the name of a %s%s", what, mean);
	return refuse(v, err, right);
}

static enum err_code from_target(const struct value *v, struct err *err)
{
	return from_entry(v, DOC_TARGETS, "target", err);
}

static enum err_code from_service(const struct value *v, struct err *err)
{
	return from_entry(v, DOC_SERVICES, "service", err);
}

static enum err_code from_list(const struct value *v, struct err *err)
{
	enum err_code code = ERR_NONE;
	json_t *list = json_array();

	for (size_t i = 0; i < json_array_size(v->given) && code == ERR_NONE; i++) {
		json_t *text = NULL;
		const struct value item = {
			.name = v->name, .given = json_array_get(v->given, i), .out = &text};
		code = from_string(&item, err);
		if (code == ERR_NONE)
			json_array_append_new(list, text);
	}
	if (code == ERR_NONE)
		*v->out = list;
	else
		json_decref(list);
	return code;
}

/* A list, or on a command line "one,two". */
static enum err_code from_strings(const struct value *v, struct err *err)
{
	json_t *text = NULL;
	const struct value as_text = {.name = v->name, .given = v->given, .out = &text};

	if (json_is_array(v->given))
		return from_list(v, err);
	if (json_is_object(v->given) || json_is_null(v->given))
		return refuse(v, err, "a list of texts");
	TRY(from_string(&as_text, err));
	*v->out = json_array();
	for (const char *at = json_string_value(text); *at != '\0';) {
		const size_t len = strcspn(at, ",");
		if (len > 0)
			json_array_append_new(*v->out, json_text(at, len));
		at += len + (at[len] == ',');
	}
	json_decref(text);
	return ERR_NONE;
}

/* Its value is never part of a plan: it is typed by a person when the run needs it. */
static enum err_code from_secret(const struct value *v, struct err *err)
{
	return err_set(err, ERR_USAGE,
		"parameter \"%s\" is a secret: leave it out here, it is typed when the run asks for it", v->name);
}

static const struct {
	const char *name;
	enum err_code (*read)(const struct value *v, struct err *err);
} readers[] = {
	{"string", from_string},
	{"strings", from_strings},
	{"int", from_int},
	{"duration", from_duration},
	{"bytes", from_bytes},
	{"choice", from_choice},
	{"bool", from_bool},
	{"target", from_target},
	{"service", from_service},
	{"secret", from_secret},
};

static enum err_code read_value(const struct value *v, struct err *err)
{
	const char *type = node_text(v->declaration, "type");

	for (size_t i = 0; type != NULL && i < COUNT_OF(readers); i++)
		if (strcmp(readers[i].name, type) == 0)
			return readers[i].read(v, err);
	return from_string(v, err);
}

enum err_code param_read(const struct workspace *workspace, const struct node *declaration,
	const json_t *given, json_t **out, struct err *err)
{
	const struct value v = {workspace, declaration, declaration->key, given, out};

	return read_value(&v, err);
}

bool param_needed(const struct node *declaration)
{
	const struct node *required = node_get(declaration, "required");
	bool must = true;

	if (node_get(declaration, "default") != NULL)
		return false;
	return required == NULL || !node_bool(required, &must) || must;
}

/* ------------------------------------------------------------------ the declaration */

static const struct node *declarations(const struct document *document)
{
	const struct node *params = node_get(document->root, "params");

	return params != NULL && params->kind == NODE_MAP ? params : NULL;
}

void lint_params(struct lint *lint)
{
	const struct node *params = declarations(lint->document);
	struct err err = {0};

	for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next) {
		const struct node *fallback = node_get(p, "default");
		if (str_eq(node_text(p, "type"), "choice") && texts_first(node_get(p, "choices")) == NULL)
			problems_add(lint->problems, RULE_MISSING_KEY,
				document_place(lint->document, p),
				"a parameter of type choice needs \"choices\": [one, two]");
		if (fallback == NULL || fallback->kind == NODE_MAP || node_is_null(fallback))
			continue;
		if (str_eq(node_text(p, "type"), "secret")) {
			problems_add(lint->problems, RULE_PLAIN_SECRET,
				document_key_place(lint->document, fallback),
				"\"%s\" is a secret and does not belong into this file: remove its default, a person "
				"types it when the run asks for it",
				p->key);
			continue;
		}
		json_t *given = node_json(fallback), *out = NULL;
		const struct value v = {lint->workspace, p, p->key, given, &out};
		if (read_value(&v, &err) != ERR_NONE)
			problems_add(lint->problems, RULE_WRONG_VALUE,
				document_place(lint->document, fallback), "the default does not fit: %s",
				err.text);
		json_decref(given);
		json_decref(out);
	}
}

/* ------------------------------------------------------------------ values for a run */

static enum err_code unknown(const struct node *params, const char *name, struct err *err)
{
	struct names names = {0};
	char mean[128];

	for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next)
		names_add(&names, p->key);
	did_you_mean(mean, sizeof(mean), name, names.rows, names.count);
	if (names.count == 0)
		snprintf(mean, sizeof(mean), ": it has none");
	names_release(&names);
	return err_set(err, ERR_USAGE, "the runbook has no parameter \"%.60s\"%s", name, mean);
}

static enum err_code resolve_one(const struct workspace *workspace, const struct node *p,
	const json_t *given, json_t *into, struct err *err)
{
	const struct node *fallback = node_get(p, "default");
	const char *help = node_text(p, "help");
	json_t *value = json_object_get(given, p->key), *own = NULL, *out = NULL;

	if (json_is_null(value))
		value = NULL;
	if (value == NULL && str_eq(node_text(p, "type"), "secret")) {
		json_put(into, p->key, json_pack("{s:b}", "secret", 1));
		return ERR_NONE;
	}
	if (value == NULL && fallback != NULL)
		value = own = node_json(fallback);
	if (value == NULL) {
		if (!param_needed(p))
			return ERR_NONE;
		return err_set(err, ERR_USAGE, "parameter \"%s\" is needed%s%s", p->key,
			help != NULL ? ": " : "", help != NULL ? help : "");
	}
	const struct value v = {workspace, p, p->key, value, &out};
	const enum err_code code = read_value(&v, err);
	if (code == ERR_NONE)
		json_put(into, p->key, out);
	json_decref(own);
	return code;
}

enum err_code params_resolve(const struct workspace *workspace, const struct document *document,
	const json_t *given, json_t **out, struct err *err)
{
	const struct node *params = declarations(document);
	enum err_code code = ERR_NONE;
	json_t *into = json_object();
	const char *key;
	json_t *value;

	if (given != NULL && !json_is_object(given))
		code = err_set(err, ERR_USAGE, "parameters must be given as NAME=VALUE");
	json_object_foreach((json_t *)(uintptr_t)given, key, value)
	{
		if (code == ERR_NONE && node_get(params, key) == NULL)
			code = unknown(params, key, err);
	}
	for (const struct node *p = params != NULL ? params->first : NULL;
		p != NULL && code == ERR_NONE; p = p->next)
		code = resolve_one(workspace, p, given, into, err);
	if (code == ERR_NONE)
		*out = into;
	else
		json_decref(into);
	return code;
}
