/* test_terraform.c: what a plan would do, and whether a state shows it. */
#include "terraform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *json(const char *text)
{
	struct err err = { 0 };
	json_t *out = NULL;
	char *copy = xstrdup(text);

	for (char *c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	if (json_parse(copy, strlen(copy), &out, &err) != ERR_NONE)
		fail_msg("%s: %s", text, err.text);
	free(copy);
	return out;
}

static json_t *plan_of(const char *actions)
{
	char *text = xasprintf("{'resource_changes': [{'address': 'x.a', 'change': {'actions': "
			       "[%s]}}]}",
		actions);
	json_t *plan = json(text);

	free(text);
	return plan;
}

static void test_effects(void **state)
{
	static const struct {
		const char *actions;
		enum effect effect;
		const char *name;
	} rows[] = {
		{ "'no-op'", EFFECT_CHANGE, NULL },
		{ "'read'", EFFECT_CHANGE, NULL },
		{ "'create'", EFFECT_CHANGE, "create" },
		{ "'update'", EFFECT_COSTLY, "update" },
		{ "'delete'", EFFECT_IRREVERSIBLE, "delete" },
		{ "'delete', 'create'", EFFECT_IRREVERSIBLE, "replace" },
		{ "'create', 'delete'", EFFECT_IRREVERSIBLE, "replace" },
		{ "'forget'", EFFECT_IRREVERSIBLE, "forget" },
		/* of a version that is not there yet */
		{ "'melt'", EFFECT_IRREVERSIBLE, "unknown" },
		{ "'create', 'melt'", EFFECT_IRREVERSIBLE, "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *plan = plan_of(rows[i].actions);
		const json_t *row =
			json_array_get(json_object_get(plan, "resource_changes"), 0);
		const char *name = terraform_action(row);

		assert_int_equal(terraform_tally(plan).effect, rows[i].effect);
		assert_true(str_eq(name, rows[i].name));
		json_decref(plan);
	}
}

static void test_worst_counts(void **state)
{
	json_t *plan = json("{'resource_changes': ["
			    "{'address': 'x.a', 'change': {'actions': ['create']}},"
			    "{'address': 'x.b', 'change': {'actions': ['delete', 'create']}},"
			    "{'address': 'x.c', 'change': {'actions': ['update']}}],"
			    "'output_changes': {'o': {'actions': ['no-op']}, 'p': {'actions': "
			    "['create']}}}");
	json_t *into = json_object();
	const struct terraform_tally t = terraform_tally(plan);

	(void)state;
	assert_int_equal(t.create, 1);
	assert_int_equal(t.update, 1);
	assert_int_equal(t.replace, 1);
	assert_int_equal(t.outputs, 1);
	terraform_put_tally(plan, into);
	assert_string_equal(json_str(into, "effect", ""), "irreversible");
	assert_non_null(strstr(json_str(into, "effect_reason", ""), "x.b"));
	assert_int_equal(json_array_size(json_object_get(into, "actions")), 3);
	json_decref(into);
	json_decref(plan);
}

/* One change of x.a against what the state holds; NULL = nothing. */
static struct terraform_found compare(const char *change, const char *resource, bool moved)
{
	char *text =
		xasprintf("{'resource_changes': [{'address': 'm.x.a', 'change': %s}]}", change);
	json_t *plan = json(text);
	free(text);
	text = xasprintf("{'values': {'root_module': {'resources': [], 'child_modules': "
			 "[{'resources': [%s]}]}}}",
		resource != NULL ? resource : "");
	json_t *now = json(text);
	const struct terraform_found found = terraform_compare(plan, now, moved);

	free(text);
	json_decref(plan);
	json_decref(now);
	return found;
}

static void expect(struct terraform_found f, int done, int undone, int odd)
{
	assert_int_equal(f.done, done);
	assert_int_equal(f.undone, undone);
	assert_int_equal(f.odd, odd);
}

#define A(values) "{'address': 'm.x.a', 'values': " values "}"

static void test_compare(void **state)
{
	const char *create =
		"{'actions': ['create'], 'before': null, 'after': {'in': 1, 'list': "
		"['p', null]}}";
	const char *update = "{'actions': ['update'], 'before': {'id': 'i', 'in': 1}, 'after': "
			     "{'id': 'i', 'in': 2}}";
	const char *replace =
		"{'actions': ['delete', 'create'], 'before': {'id': 'i', 'in': 1}, "
		"'after': {'in': 1}}";
	const char *unknown =
		"{'actions': ['update'], 'before': {'id': 'i'}, 'after': {'id': 'i'}}";
	const char *gone = "{'actions': ['delete'], 'before': {'id': 'i'}, 'after': null}";

	(void)state;
	expect(compare(create, NULL, false), 0, 1, 0);
	expect(compare(create, A("{'id': 'n', 'in': 1, 'list': ['p', 'q']}"), true), 1, 0, 0);
	expect(compare(create, A("{'id': 'n', 'in': 1, 'list': ['p']}"), true), 0, 0, 1);
	expect(compare(create, A("{'id': 'n', 'in': 3, 'list': ['p', 'q']}"), true), 0, 0, 1);
	expect(compare(update, A("{'id': 'i', 'in': 1}"), false), 0, 1, 0);
	expect(compare(update, A("{'id': 'i', 'in': 2}"), true), 1, 0, 0);
	expect(compare(update, A("{'id': 'i', 'in': 3}"), true), 0, 0, 1);
	expect(compare(update, NULL, true), 0, 0, 1);
	expect(compare(replace, A("{'id': 'i', 'in': 1}"), false), 0, 1, 0);
	expect(compare(replace, A("{'id': 'j', 'in': 1}"), true), 1, 0, 0);
	expect(compare(gone, A("{'id': 'i'}"), false), 0, 1, 0);
	expect(compare(gone, NULL, true), 1, 0, 0);
	/* nothing but the serial tells */
	expect(compare(unknown, A("{'id': 'i'}"), false), 0, 1, 0);
	expect(compare(unknown, A("{'id': 'i'}"), true), 1, 0, 0);
	/* made, and broken while it was made */
	expect(compare(create,
		       "{'address': 'm.x.a', 'tainted': true, 'values': {'in': 1, 'list': "
		       "['p', "
		       "'q']}}",
		       true),
		0, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_worst_counts),
		cmocka_unit_test(test_compare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
