/* test_tables.c: what every provider table must hold, and the description made from them. */
#include "internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_sorted(void **state)
{
	(void)state;
	assert_non_null(providers[0]);
	for (size_t i = 1; providers[i] != NULL; i++)
		assert_true(strcmp(providers[i - 1]->name, providers[i]->name) < 0);
	for (size_t i = 0; providers[i] != NULL; i++)
		assert_ptr_equal(provider_find(providers[i]->name), providers[i]);
	assert_null(provider_find("nope"));
	assert_null(provider_find(NULL));
}

/* A default has to pass its own row's check. */
static void check_fields(const char *where, const struct field *fields, bool settings)
{
	for (const struct field *f = fields; f != NULL && f->name != NULL; f++) {
		if (f->help == NULL || f->help[0] == '\0')
			fail_msg("%s: \"%s\" has no help", where, f->name);
		if (field_find(fields, f->name) != f)
			fail_msg("%s: \"%s\" is there twice", where, f->name);
		if (f->type == FIELD_SECRET && !settings)
			fail_msg("%s: \"%s\" is a secret", where, f->name);
		if ((f->type == FIELD_CHOICE) != (f->choices != NULL))
			fail_msg("%s: \"%s\" and its choices", where, f->name);
		if (f->required && f->fallback != NULL)
			fail_msg("%s: \"%s\" is required and has a default", where, f->name);
		if (f->fallback == NULL)
			continue;
		const struct field one[] = { *f, FIELD_END };
		struct err err = { 0 };
		json_t *out = NULL;
		if (fields_check(one, NULL, "parameter", where, "/ws", &out, &err) !=
				ERR_NONE ||
			json_object_get(out, f->name) == NULL)
			fail_msg("%s: the default of \"%s\": %s", where, f->name, err.text);
		json_decref(out);
	}
}

static void check_operation(const struct provider *provider, const struct operation *o)
{
	char where[128];

	snprintf(where, sizeof(where), "%s %s.%s", provider->name, o->capability, o->verb);
	char *op = xasprintf("%s.%s", o->capability, o->verb);
	if (operation_find(provider, op) != o)
		fail_msg("%s is there twice", where);
	free(op);
	check_fields(where, o->params, false);
	check_fields(where, o->results, false);
	if (o->run == NULL || o->help == NULL || o->timeout_ms <= 0)
		fail_msg("%s: run, help and a deadline are needed", where);
	if (o->effect > EFFECT_READ && o->verify == NULL)
		fail_msg("%s changes something and cannot say whether it did", where);
	if (o->effect == EFFECT_READ && (o->prepare != NULL || o->undo != NULL))
		fail_msg("%s reads: there is nothing to prepare or undo", where);
	if (o->undo != NULL && operation_find(provider, o->undo) == NULL)
		fail_msg("%s: its undo \"%s\" does not exist", where, o->undo);
	if (o->help[strlen(o->help) - 1] == '.')
		fail_msg("%s: help ends with a full stop", where);
}

static void test_operations(void **state)
{
	(void)state;
	for (size_t i = 0; providers[i] != NULL; i++) {
		const struct provider *p = providers[i];
		assert_non_null(p->summary);
		assert_non_null(p->source);
		check_fields(p->name, p->settings, true);
		for (const struct operation *o = p->operations; o->capability != NULL; o++)
			check_operation(p, o);
		assert_null(operation_find(p, "no.such"));
		assert_null(operation_find(p, "plain"));
		assert_null(operation_find(p, NULL));
	}
}

static const json_t *named(const json_t *list, const char *member, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach((json_t *)list, i,
		row) if (str_eq(json_str(row, member, NULL), name)) return row;
	fail_msg("the description has no %s", name);
	return NULL;
}

static void test_describe(void **state)
{
	json_t *all = providers_describe();
	size_t count = 0;

	(void)state;
	while (providers[count] != NULL)
		count++;
	assert_string_equal(json_str(all, "format", ""), "providers/1");
	assert_true(json_is_array(json_object_get(all, "missing")));
	json_t *list = json_object_get(all, "providers");
	assert_int_equal(json_array_size(list), count);
	const json_t *sqlite = named(list, "name", "sqlite");
	assert_true(json_flag(sqlite, "declares_actions", false));
	const json_t *promote =
		named(json_object_get(sqlite, "operations"), "op", "failover.promote");
	assert_string_equal(json_str(promote, "effect", ""), "irreversible");
	assert_true(json_flag(promote, "verify", false));
	assert_true(json_is_null(json_object_get(promote, "undo")));
	const json_t *fence =
		named(json_object_get(sqlite, "operations"), "op", "failover.fence");
	assert_string_equal(json_str(fence, "undo", ""), "failover.unfence");
	const json_t *check =
		named(json_object_get(sqlite, "operations"), "op", "failover.precheck");
	const json_t *age = named(json_object_get(check, "params"), "name", "max_age");
	assert_string_equal(json_str(age, "type", ""), "duration");
	assert_string_equal(json_str(age, "default", ""), "10s");
	assert_string_equal(json_str(age, "unit", ""), "ms");
	const json_t *path = named(json_object_get(sqlite, "settings"), "name", "path");
	assert_true(json_flag(path, "required", false));
	json_decref(all);
}

static void test_names(void **state)
{
	enum effect effect;

	(void)state;
	for (int i = EFFECT_READ; i <= EFFECT_IRREVERSIBLE; i++) {
		assert_true(effect_from_name(effect_name((enum effect)i), &effect));
		assert_int_equal(effect, i);
	}
	assert_false(effect_from_name("huge", &effect));
	assert_false(effect_from_name(NULL, &effect));
	assert_string_equal(verdict_name(VERDICT_CANNOT_TELL), "cannot_tell");
	assert_string_equal(field_type_name(FIELD_BYTES), "bytes");
	assert_string_equal(field_type_name(FIELD_ANY), "any");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
