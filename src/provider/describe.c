/* describe.c: the provider tables as data (docs/protocol.md, section 5): what lint, plan, help,
 * completion and the reference are made from. */
#include "internal.h"

#include <stdlib.h>

static json_t *describe_fields(const struct field *fields)
{
	json_t *list = json_array();

	for (const struct field *f = fields; f != NULL && f->name != NULL; f++) {
		json_t *row = json_object();

		json_put_str(row, "name", f->name);
		json_put_str(row, "type", field_type_name(f->type));
		json_put_flag(row, "required", f->required);
		json_put_str(row, "help", f->help != NULL ? f->help : "");
		if (f->unit != NULL)
			json_put_str(row, "unit", f->unit);
		if (f->fallback != NULL)
			json_put_str(row, "default", f->fallback);
		if (f->choices != NULL) {
			json_t *choices = json_array();
			for (size_t i = 0; f->choices[i] != NULL; i++)
				json_array_append_new(choices, json_string(f->choices[i]));
			json_put(row, "choices", choices);
		}
		if (f->min != 0 || f->max != 0) {
			json_put_int(row, "min", f->min);
			json_put_int(row, "max", f->max);
		}
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *describe_operation(const struct operation *o)
{
	json_t *row = json_object();
	char *op = xasprintf("%s.%s", o->capability, o->verb);

	json_put_str(row, "op", op);
	json_put_str(row, "effect", effect_name(o->effect));
	json_put(row, "params", describe_fields(o->params));
	json_put(row, "results", describe_fields(o->results));
	json_put_flag(row, "verify", o->verify != NULL);
	json_put_str(row, "undo", o->undo);
	json_put_str(row, "cancel_help", o->cancel_help);
	json_put_flag(row, "idempotent", o->idempotent);
	json_put_int(row, "timeout_ms", o->timeout_ms);
	json_put_str(row, "help", o->help != NULL ? o->help : "");
	free(op);
	return row;
}

static json_t *describe_provider(const struct provider *provider)
{
	json_t *row = json_object();
	json_t *operations = json_array();

	for (const struct operation *o = provider->operations; o->capability != NULL; o++)
		json_array_append_new(operations, describe_operation(o));
	json_put_str(row, "name", provider->name);
	json_put_str(row, "summary", provider->summary);
	json_put_str(row, "source", provider->source);
	json_put_flag(row, "declares_actions", provider->declares_actions);
	json_put(row, "settings", describe_fields(provider->settings));
	json_put(row, "operations", operations);
	return row;
}

json_t *providers_describe(void)
{
	json_t *all = json_object();
	json_t *list = json_array();
	json_t *missing = json_array();

	for (size_t i = 0; providers[i] != NULL; i++)
		json_array_append_new(list, describe_provider(providers[i]));
	for (const struct provider_missing *m = providers_missing; m->name != NULL; m++) {
		json_t *row = json_object();
		json_put_str(row, "name", m->name);
		json_put_str(row, "library", m->library);
		json_array_append_new(missing, row);
	}
	json_put_str(all, "format", "providers/1");
	json_put(all, "providers", list);
	json_put(all, "missing", missing);
	return all;
}
