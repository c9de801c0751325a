/* form.c: fields and what may stand in them. */
#include "form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void field_clear(struct field *field)
{
	field->len = 0;
	field->text[0] = '\0';
}

void field_set(struct field *field, const char *text)
{
	snprintf(field->text, sizeof(field->text), "%s", text);
	field->len = utf8_valid_prefix(field->text, strlen(field->text));
	field->text[field->len] = '\0';
}

/* ------------------------------------------------------------------ fields */

static struct form_field *add(struct form *form, const char *name, const char *type,
	const char *value, const char *help)
{
	if (form->count == FORM_FIELDS)
		return NULL;
	struct form_field *field = &form->fields[form->count++];
	*field = (struct form_field){ 0 };
	snprintf(field->name, sizeof(field->name), "%s", name);
	snprintf(field->type, sizeof(field->type), "%s", type);
	snprintf(field->help, sizeof(field->help), "%s", help);
	field_set(&field->value, value);
	return field;
}

static void add_choice(struct form_field *field, const char *choice)
{
	if (field->choice_count < FORM_CHOICES)
		snprintf(field->choices[field->choice_count++], sizeof(field->choices[0]), "%s",
			choice);
}

static void add_common(struct form *form, const char *mode)
{
	static const char *const modes[] = { "probe", "simulate", "tabletop", "drill", "live" };
	struct form_field *field = add(form, "mode", "choice", mode,
		"probe only looks, simulate pretends, tabletop asks people, drill is practice, "
		"live is real");
	bool known = false;

	if (field == NULL)
		return;
	field->required = true;
	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		add_choice(field, modes[i]);
		known = known || str_eq(modes[i], mode);
	}
	if (!known) /* a mode this screen has no words for */
		add_choice(field, mode);
	add(form, "note", "string", "", "why this run is made; goes into the record");
	add(form, "from", "string", "",
		"simulate only: the number of the run it is answered from");
	add(form, "impact", "moment", "",
		"when the incident began, if it is known: 2026-11-18T14:02:31Z, or 12m for so "
		"long ago");
}

void form_open(struct form *form, const char *runbook, const char *mode)
{
	*form = (struct form){ 0 };
	snprintf(form->runbook, sizeof(form->runbook), "%s", runbook);
	add_common(form, mode);
	form->focus = form->count;
}

void form_params(struct form *form, const json_t *params)
{
	struct form old = *form;
	const json_t *row, *choice;
	size_t i, k;

	form->count = 0;
	json_array_foreach(params, i, row) {
		if (form->count + old.count >= FORM_FIELDS)
			break;
		if (str_eq(json_str(row, "type", ""), "secret"))
			continue; /* typed when the run needs it, never before */
		struct form_field *field =
			add(form, json_str(row, "name", ""), json_str(row, "type", "string"),
				json_str(row, "default", ""), json_str(row, "help", ""));
		field->param = true;
		field->required = json_flag(row, "required", false);
		snprintf(field->min, sizeof(field->min), "%s", json_str(row, "min", ""));
		snprintf(field->max, sizeof(field->max), "%s", json_str(row, "max", ""));
		json_array_foreach(json_object_get(row, "choices"), k, choice)
			add_choice(field,
				json_string_value(choice) ? json_string_value(choice) : "");
		if (str_eq(field->type, "bool") && field->choice_count == 0) {
			add_choice(field, "true");
			add_choice(field, "false");
		}
	}
	for (i = 0; i < old.count; i++)
		form->fields[form->count++] = old.fields[i];
	form->ready = true;
	/* what must be filled in is gone to; else one key starts */
	form->focus = form_first_wrong(form);
}

const struct form_field *form_field(const struct form *form, const char *name)
{
	for (size_t i = form->count;
		i-- > 0;) /* ours stand last, a parameter may be called the same */
		if (str_eq(form->fields[i].name, name))
			return &form->fields[i];
	return NULL;
}

void form_turn(struct form_field *field, int by)
{
	size_t at = 0;

	if (field->choice_count == 0)
		return;
	while (at < field->choice_count && !str_eq(field->choices[at], field->value.text))
		at++;
	if (at == field->choice_count)
		at = by > 0 ? field->choice_count - 1 : 0;
	at = (at + (by > 0 ? 1 : field->choice_count - 1)) % field->choice_count;
	field_set(&field->value, field->choices[at]);
}

/* ------------------------------------------------------------------ checking */

static enum err_code parse_int(const char *text, int64_t *out, struct err *err)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return text[0] == '\0' || *end != '\0' || errno != 0
		       ? err_set(err, ERR_USAGE, "\"%s\" is no whole number", text)
		       : ERR_NONE;
}

/* A stamp, or a duration: so long ago. */
static enum err_code parse_moment(const char *text, int64_t *out, struct err *err)
{
	struct wall at;

	if (wall_parse(text, &at, err) == ERR_NONE ||
		parse_duration_ms(text, out, err) == ERR_NONE)
		return ERR_NONE;
	return err_set(err, ERR_USAGE, "write 2026-11-18T14:02:31Z, or 12m for so long ago");
}

static const struct {
	const char *type;
	enum err_code (*parse)(const char *text, int64_t *out, struct err *err);
} parsers[] = {
	{ "int", parse_int },
	{ "duration", parse_duration_ms },
	{ "bytes", parse_bytes },
	{ "moment", parse_moment },
};

static const char *out_of_range(const struct form_field *field, int64_t value,
	enum err_code (*parse)(const char *, int64_t *, struct err *), char *out, size_t size)
{
	struct err err = { 0 };
	int64_t limit;

	if (field->min[0] && parse(field->min, &limit, &err) == ERR_NONE && value < limit) {
		snprintf(out, size, "must be at least %s", field->min);
		return out;
	}
	if (field->max[0] && parse(field->max, &limit, &err) == ERR_NONE && value > limit) {
		snprintf(out, size, "must be at most %s", field->max);
		return out;
	}
	return NULL;
}

const char *form_wrong(const struct form_field *field, char *out, size_t size)
{
	struct err err = { 0 };
	int64_t value;

	if (field->value.len == 0)
		return field->required ? "must be given" : NULL;
	for (size_t i = 0; i < field->choice_count; i++)
		if (str_eq(field->choices[i], field->value.text))
			return NULL;
	if (field->choice_count > 0)
		return "is none of the choices";
	for (size_t i = 0; i < COUNT_OF(parsers); i++) {
		if (!str_eq(parsers[i].type, field->type))
			continue;
		if (parsers[i].parse(field->value.text, &value, &err) != ERR_NONE) {
			snprintf(out, size, "%s", err.text);
			return out;
		}
		return out_of_range(field, value, parsers[i].parse, out, size);
	}
	return NULL;
}

size_t form_first_wrong(const struct form *form)
{
	char text[256];

	for (size_t i = 0; i < form->count; i++)
		if (form_wrong(&form->fields[i], text, sizeof(text)) != NULL)
			return i;
	return form->count;
}

json_t *form_json(const struct form *form)
{
	json_t *out = json_object(), *params = json_object();

	json_put_str(out, "runbook", form->runbook);
	for (size_t i = 0; i < form->count; i++)
		if (form->fields[i].value.len > 0)
			json_put_str(form->fields[i].param ? params : out, form->fields[i].name,
				form->fields[i].value.text);
	json_put(out, "params", params);
	return out;
}
