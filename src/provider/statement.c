/* statement.c: declared SQL: finding it, its class, its values. */
#include "statement.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct field data_query_params[] = {
	{ .name = "query",
		.type = FIELD_STRING,
		.required = true,
		.help = "a query of the target's queries: that is declared effect: read" },
	{ .name = "args",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "its parameters by name" },
	FIELD_END
};
const struct field data_query_results[] = {
	{ .name = "columns", .type = FIELD_STRINGS, .help = "names of the columns" },
	{ .name = "rows", .type = FIELD_ANY, .help = "an array of arrays" },
	{ .name = "count", .type = FIELD_INT, .help = "rows given" },
	{ .name = "value", .type = FIELD_ANY, .help = "the first cell of the first row" },
	{ .name = "truncated",
		.type = FIELD_BOOL,
		.help = "there were more than 10,000 rows or 8 MiB" },
	FIELD_END
};
const struct field data_write_params[] = {
	{ .name = "statement",
		.type = FIELD_STRING,
		.required = true,
		.help = "a statement of the target's queries: whose declared effect is not "
			"read" },
	{ .name = "args",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "its parameters by name" },
	FIELD_END
};
const struct field data_write_results[] = {
	{ .name = "changed", .type = FIELD_INT, .help = "rows the statement touched" },
	{ .name = "already",
		.type = FIELD_BOOL,
		.help = "its verify query held before: nothing was sent" },
	FIELD_END
};

static enum err_code check_class(const struct call *call, const json_t *row, bool write,
	const char *name, struct err *err)
{
	enum effect effect = EFFECT_IRREVERSIBLE;
	const char *declared = json_str(row, "effect", NULL);

	if (declared != NULL && !effect_from_name(declared, &effect))
		return err_set(err, ERR_WORKSPACE,
			"query \"%s\" of \"%s\": there is no effect \"%s\"", name,
			call_target(call), declared);
	if (write && effect == EFFECT_READ)
		return err_set(err, ERR_FORBIDDEN,
			"\"%s\" of \"%s\" is declared effect: read; data.query runs "
			"it",
			name, call_target(call));
	if (!write && effect != EFFECT_READ)
		return err_set(err, ERR_FORBIDDEN,
			"\"%s\" of \"%s\" is not declared effect: read; data.write "
			"runs it",
			name, call_target(call));
	return ERR_NONE;
}

static enum err_code take_value(
	struct statement *s, const char *name, const json_t *value, struct err *err)
{
	size_t i = s->count;

	if (i == STATEMENT_PARAMS_MAX)
		return err_set(err, ERR_LIMIT, "\"%s\" has more than %d parameters", s->name,
			STATEMENT_PARAMS_MAX);
	switch (json_typeof(value)) {
	case JSON_STRING:
		s->texts[i] = json_string_value(value);
		break;
	case JSON_INTEGER:
		snprintf(s->numbers[i], sizeof(s->numbers[i]), "%" PRId64,
			(int64_t)json_integer_value(value));
		s->texts[i] = s->numbers[i];
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		s->texts[i] = json_is_true(value) ? "true" : "false";
		break;
	case JSON_NULL:
		s->texts[i] = NULL;
		break;
	default:
		return err_set(err, ERR_USAGE,
			"\"%s\": the value of \"%s\" must be text, a whole number, true, "
			"false or null",
			s->name, name);
	}
	json_array_append(s->values, (json_t *)value);
	s->count++;
	return ERR_NONE;
}

static bool is_declared(const json_t *params, const char *name)
{
	size_t i;
	json_t *declared;

	json_array_foreach((json_t *)params, i,
		declared) if (str_eq(json_string_value(declared), name)) return true;
	return false;
}

static enum err_code take_values(
	struct call *call, struct statement *s, const json_t *params, struct err *err)
{
	const json_t *args = call_json(call, "args");
	json_t *name, *value;
	const char *key;
	size_t i;

	if (params != NULL && !json_is_array(params))
		return err_set(
			err, ERR_WORKSPACE, "\"%s\": params must be a list of names", s->name);
	json_object_foreach(
		(json_t *)args, key, value) if (!is_declared(params, key)) return err_set(err,
		ERR_USAGE, "\"%s\" declares no parameter \"%s\"", s->name, key);
	json_array_foreach((json_t *)params, i, name)
	{
		const char *text = json_string_value(name);
		value = text != NULL ? json_object_get(args, text) : NULL;
		if (value != NULL) {
			TRY(take_value(s, text, value, err));
		} else if (str_eq(text, "key")) {
			json_t *made = json_string(call_key(call));
			enum err_code code = take_value(s, text, made, err);
			json_decref(made); /* values holds it */
			TRY(code);
		} else {
			return err_set(err, ERR_USAGE, "\"%s\" needs the parameter \"%s\"",
				s->name, text != NULL ? text : "?");
		}
	}
	return ERR_NONE;
}

enum err_code statement_find(struct call *call, struct statement *out, struct err *err)
{
	bool write = str_eq(call_op(call), "data.write");
	const char *name = call_string(call, write ? "statement" : "query");
	const json_t *row = call_declared(call, "queries", name);

	*out = (struct statement){ .name = name };
	if (row == NULL)
		return err_set(err, ERR_NOT_FOUND, "target \"%s\" declares no query \"%s\"",
			call_target(call), name);
	TRY(check_class(call, row, write, name, err));
	out->sql = json_str(row, "sql", NULL);
	out->verify = json_str(row, "verify", NULL);
	if (out->sql == NULL)
		return err_set(err, ERR_WORKSPACE, "query \"%s\" of \"%s\" has no sql", name,
			call_target(call));
	out->values = json_array();
	enum err_code code = take_values(call, out, json_object_get(row, "params"), err);
	if (code != ERR_NONE)
		statement_release(out);
	return code;
}

void statement_release(struct statement *statement)
{
	json_decref(statement->values);
	statement->values = NULL;
}

bool statement_holds(const json_t *cell)
{
	if (json_is_string(cell))
		return strtoll(json_string_value(cell), NULL, 10) > 0;
	return json_is_true(cell) || json_integer_value(cell) > 0;
}
