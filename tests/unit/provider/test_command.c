/* test_command.c: declared actions: templates that cannot be broken out of, and a program's
 * output line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "declared.h"
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static json_t *json(const char *text)
{
	struct err err = { 0 };
	json_t *out = NULL;

	if (json_parse(text, strlen(text), &out, &err) != ERR_NONE)
		fail_msg("%s: %s", text, err.text);
	return out;
}

/* What the hooks saw. */
struct seen {
	size_t lines;
	char last[9000], first[9000];
};

static void on_log(void *arg, const char *text)
{
	struct seen *seen = arg;

	snprintf(seen->lines == 0 ? seen->first : seen->last, sizeof(seen->last), "%s", text);
	seen->lines++;
}

/* A call of action.run on a target with these actions. */
static struct call *make(const char *actions, const char *args, struct seen *seen)
{
	json_t *target = json("{\"provider\": \"command\", \"settings\": {}}"),
	       *arguments = json(args);
	const struct call_hooks hooks = { .log = on_log, .arg = seen };
	struct call *call = NULL;
	struct err err = { 0 };

	json_put(target, "actions", json(actions));
	if (call_new(&call, "tools", target, "action.run", arguments, NULL, "", "", 20000,
		    &hooks, &err) != ERR_NONE)
		fail_msg("%s", err.text);
	json_decref(target);
	json_decref(arguments);
	return call;
}

static enum err_code run(const char *actions, const char *args, struct seen *seen,
	json_t **result, struct err *err)
{
	struct call *call = make(actions, args, seen);

	*result = json_object();
	const enum err_code code = call_operation(call)->run(call, *result, err);
	call_free(call);
	return code;
}

/* ------------------------------------------------------------------ templates */

static void holes_are_filled(void **state)
{
	static const struct {
		const char *text, *out; /* NULL = refused */
	} rows[] = {
		{ "", "" },
		{ "{a}", "A{b}$(x)" },
		{ "-{a}-{n}-{t}", "-A{b}$(x)--7-true" },
		{ "{{a}", "{a}" },
		{ "{{{n}}", "{-7}" },
		{ "}", "}" },
		{ "{", NULL },
		{ "{}", NULL },
		{ "{a", NULL },
		{ "{ a}", NULL },
		{ "{missing}", NULL },
		{ "awk {print $1}", NULL },
	};
	json_t *action = json("{\"argv\": [\"true\"]}");
	const struct declared d = { .name = "x",
		.action = action,
		.args = json("{\"a\": \"A{b}$(x)\", \"b\": \"no\", \"n\": -7, \"t\": true}") };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out;
		struct err err = { 0 };

		buf_init(&out, DECLARED_TEXT_MAX);
		const enum err_code code = declared_expand(
			&d, rows[i].text, "argv[1]", declared_plain, &out, &err);
		assert_int_equal(code, rows[i].out != NULL ? ERR_NONE : ERR_WORKSPACE);
		if (rows[i].out != NULL)
			assert_string_equal(out.len > 0 ? out.data : "", rows[i].out);
		buf_release(&out);
	}
	json_decref(d.args);
	json_decref(action);
}

/* A value is one JSON value wherever it stands, and keeps its type where it stands alone. */
static void json_templates_keep_types(void **state)
{
	json_t *action = json("{}"), *out = NULL;
	json_t *template =
		json("{\"s\": \"{a}\", \"n\": \"{n}\", \"t\": \"{t}\", \"mixed\": \"n={n}\", "
		     "\"list\": [\"{n}\", {\"deep\": \"{{n}\"}], \"k{a}\": 1, \"null\": null}");
	const struct declared d = { .name = "x",
		.action = action,
		.args = json("{\"a\": \"\\\"},\\\"evil\\\": 1\", \"n\": 5, \"t\": false}") };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(declared_expand_json(&d, template, &out, &err), ERR_NONE);
	char *line = json_line(out);
	assert_string_equal(line, "{\"k{a}\":1,\"list\":[5,{\"deep\":\"{n}\"}],\"mixed\":\"n="
				  "5\",\"n\":5,\"null\":null,"
				  "\"s\":\"\\\"},\\\"evil\\\": 1\",\"t\":false}");
	free(line);
	json_decref(out);
	json_decref(template);
	json_decref(d.args);
	json_decref(action);
}

static void statuses_match(void **state)
{
	static const struct {
		const char *wanted;
		int64_t status;
		bool in;
	} rows[] = {
		{ "[200]", 200, true },
		{ "[200]", 201, false },
		{ "[200, 404]", 404, true },
		{ "[\"2xx\"]", 299, true },
		{ "[\"2xx\"]", 300, false },
		{ "[\"2xx\"]", 20, false },
		{ "[\"404\"]", 404, true },
		{ "[]", 200, false },
		{ "[\"x\"]", 200, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *wanted = json(rows[i].wanted);

		assert_int_equal(declared_status_in(wanted, rows[i].status), rows[i].in);
		if (json_array_size(wanted) == 1) /* alone or in a list */
			assert_int_equal(
				declared_status_in(json_array_get(wanted, 0), rows[i].status),
				rows[i].in);
		json_decref(wanted);
	}
}

static void results_hold_no_fraction(void **state)
{
	json_t *in = json("{\"a\": 0.1, \"b\": [1.5, 2, -3e300], \"c\": {\"d\": 2.0}}");
	json_t *out = declared_result(in);
	char *line = json_line(out);

	(void)state;
	assert_string_equal(
		line, "{\"a\":\"0.1\",\"b\":[\"1.5\",2,\"-3e+300\"],\"c\":{\"d\":\"2\"}}");
	free(line);
	json_decref(out);
	json_decref(in);
}

/* ------------------------------------------------------------------ effects */

static void the_class_is_the_declared_one(void **state)
{
	static const struct {
		const char *action;
		enum effect effect;
	} rows[] = {
		{ "{\"argv\": [\"true\"]}", EFFECT_IRREVERSIBLE },
		{ "{\"argv\": [\"true\"], \"effect\": \"read\"}", EFFECT_READ },
		{ "{\"argv\": [\"true\"], \"effect\": \"change\"}", EFFECT_CHANGE },
		{ "{\"argv\": [\"true\"], \"effect\": \"costly\"}", EFFECT_COSTLY },
		{ "{\"argv\": [\"true\"], \"effect\": \"irreversible\"}", EFFECT_IRREVERSIBLE },
		{ "{\"argv\": [\"true\"], \"effect\": \"none\"}", EFFECT_IRREVERSIBLE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct seen seen = { 0 };
		char *actions = xasprintf("{\"x\": %s}", rows[i].action);
		struct call *call = make(actions, "{\"name\": \"x\"}", &seen);

		assert_int_equal(call_effect(call, NULL), rows[i].effect);
		call_free(call);
		free(actions);
	}
}

/* An undo that could not be called is found before anything is done. */
static void a_companion_that_does_not_fit_stops_the_preparation(void **state)
{
	static const char *const actions[] = {
		"{\"x\": {\"argv\": [\"true\"], \"undo\": \"nobody\"}}",
		"{\"x\": {\"argv\": [\"true\"], \"undo\": \"y\"}, \"y\": {\"argv\": "
		"[\"true\"], \"params\": [\"p\"]}}",
		"{\"x\": {\"argv\": [\"true\"], \"verify\": \"y\"}, \"y\": {\"argv\": "
		"[\"true\"], \"effect\": \"change\"}}",
		"{\"x\": {\"argv\": [\"true\"], \"params\": [\"bad name\"]}}",
		"{\"x\": {\"argv\": [\"true\"], \"params\": \"p\"}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(actions); i++) {
		struct seen seen = { 0 };
		struct err err = { 0 };
		struct call *call = make(actions[i], "{\"name\": \"x\"}", &seen);
		json_t *before = json_object();
		const enum err_code code = call_operation(call)->prepare(call, before, &err);

		assert_true(code == ERR_WORKSPACE || code == ERR_NOT_FOUND);
		json_decref(before);
		call_free(call);
	}
}

/* ------------------------------------------------------------------ output */

static void output_comes_line_by_line(void **state)
{
	struct seen seen = { 0 };
	struct err err = { 0 };
	json_t *result;

	(void)state;
	assert_int_equal(run("{\"x\": {\"argv\": [\"printf\", \"a\\\\n\\\\nb\\\\nno end\"]}}",
				 "{\"name\": \"x\"}", &seen, &result, &err),
		ERR_NONE);
	assert_int_equal(seen.lines, 4);
	assert_string_equal(seen.first, "a");
	assert_string_equal(seen.last, "no end");
	json_decref(result);
}

static void a_line_without_end_comes_in_pieces(void **state)
{
	struct seen seen = { 0 };
	struct err err = { 0 };
	json_t *result;

	(void)state;
	assert_int_equal(
		run("{\"x\": {\"argv\": [\"head\", \"-c\", \"20000\", \"/dev/zero\"]}}",
			"{\"name\": \"x\"}", &seen, &result, &err),
		ERR_NONE);
	assert_int_equal(seen.lines, 3); /* 8192 + 8192 + 3616 */
	json_decref(result);
}

static void a_zero_byte_cannot_cut_an_argument(void **state)
{
	struct seen seen = { 0 };
	struct err err = { 0 };
	json_t *result, *args = json("{\"name\": \"x\", \"args\": {}}");

	(void)state;
	json_object_set_new(json_object_get(args, "args"), "p", json_stringn("safe\0-rf", 8));
	struct call *call;
	json_t *target =
		json("{\"provider\": \"command\", \"actions\": {\"x\": {\"argv\": [\"echo\", "
		     "\"{p}\"], \"params\": [\"p\"]}}}");
	const struct call_hooks hooks = { .log = on_log, .arg = &seen };
	assert_int_equal(call_new(&call, "t", target, "action.run", args, NULL, "", "", 5000,
				 &hooks, &err),
		ERR_NONE);
	result = json_object();
	assert_int_equal(call_operation(call)->run(call, result, &err), ERR_USAGE);
	assert_int_equal(seen.lines, 0);
	assert_int_equal(err.world, WORLD_UNCHANGED);
	call_free(call);
	json_decref(result);
	json_decref(target);
	json_decref(args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_are_filled),
		cmocka_unit_test(json_templates_keep_types),
		cmocka_unit_test(statuses_match),
		cmocka_unit_test(results_hold_no_fraction),
		cmocka_unit_test(the_class_is_the_declared_one),
		cmocka_unit_test(a_companion_that_does_not_fit_stops_the_preparation),
		cmocka_unit_test(output_comes_line_by_line),
		cmocka_unit_test(a_line_without_end_comes_in_pieces),
		cmocka_unit_test(a_zero_byte_cannot_cut_an_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
