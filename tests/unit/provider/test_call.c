/* test_call.c: calls: arguments and settings against the tables, defaults, normal forms,
 * effects, deadlines. */
#include "internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(value);
	return value;
}

/* ------------------------------------------------------------------ fields */

static const char *const colours[] = { "red", "blue", NULL };
static const struct field fields[] = {
	{ .name = "name", .type = FIELD_STRING, .required = true, .help = "a name" },
	{ .name = "count", .type = FIELD_INT, .fallback = "7", .min = 1, .max = 9 },
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "1m30s",
		.max = 100000 },
	{ .name = "size", .type = FIELD_BYTES },
	{ .name = "colour", .type = FIELD_CHOICE, .choices = colours, .fallback = "red" },
	{ .name = "path", .type = FIELD_PATH }, { .name = "words", .type = FIELD_STRINGS },
	{ .name = "map", .type = FIELD_MAP, .fallback = "{}" },
	{ .name = "flag", .type = FIELD_BOOL, .fallback = "true" },
	{ .name = "any", .type = FIELD_ANY }, { .name = "secret", .type = FIELD_SECRET },
	FIELD_END
};

static enum err_code check(const char *text, json_t **out, struct err *err)
{
	json_t *values = parse(text);
	enum err_code code = fields_check(fields, values, "parameter", "it", "/ws", out, err);

	json_decref(values);
	return code;
}

static void test_normal_form(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "{\"name\":\"n\"}", "{\"colour\":\"red\",\"count\":7,\"flag\":true,\"map\":{}"
				      ",\"name\":\"n\",\"wait\":90000}" },
		{ "{\"name\":\"n\",\"wait\":\"250ms\",\"size\":\"16MiB\",\"colour\":\"blue\","
		  "\"flag\":false}",
			"{\"colour\":\"blue\",\"count\":7,\"flag\":false,\"map\":{},\"name\":"
			"\"n\",\"size\":16777216,"
			"\"wait\":250}" },
		{ "{\"name\":\"n\",\"wait\":250,\"size\":1,\"path\":\"a/"
		  "b\",\"words\":\"w\",\"map\":[]}",
			"{\"colour\":\"red\",\"count\":7,\"flag\":true,\"map\":{},\"name\":"
			"\"n\",\"path\":\"/ws/a/b\","
			"\"size\":1,\"wait\":250,\"words\":[\"w\"]}" },
		{ "{\"name\":\"n\",\"path\":\"/"
		  "x\",\"words\":[\"a\",\"b\"],\"any\":[1,{\"x\":null}],\"count\":null}",
			"{\"any\":[1,{\"x\":null}],\"colour\":\"red\",\"count\":7,\"flag\":"
			"true,\"map\":{},\"name\":\"n\","
			"\"path\":\"/x\",\"wait\":90000,\"words\":[\"a\",\"b\"]}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		json_t *out = NULL;
		assert_int_equal(check(rows[i].in, &out, &err), ERR_NONE);
		char *line = json_line(out);
		assert_string_equal(line, rows[i].out);
		free(line);
		json_decref(out);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *in, *said;
	} rows[] = {
		{ "{}", "needs the parameter \"name\": a name" },
		{ "{\"name\":null}", "needs the parameter \"name\"" },
		{ "{\"name\":1}", "\"name\" must be text" },
		{ "{\"name\":\"n\",\"nmae\":1}", "did you mean \"name\"" },
		{ "{\"name\":\"n\",\"zzzzzz\":1}", "has no parameter \"zzzzzz\"" },
		{ "{\"name\":\"n\",\"count\":0}", "allowed is 1 to 9" },
		{ "{\"name\":\"n\",\"count\":\"3\"}", "must be a whole number" },
		{ "{\"name\":\"n\",\"count\":1.5}", "must be a whole number" },
		{ "{\"name\":\"n\",\"wait\":\"30 lightyears\"}", "\"wait\"" },
		{ "{\"name\":\"n\",\"wait\":-1}", "zero or more" },
		{ "{\"name\":\"n\",\"wait\":\"101s\"}", "allowed is 0 to 100000 ms" },
		{ "{\"name\":\"n\",\"size\":true}", "such as \"16MiB\"" },
		{ "{\"name\":\"n\",\"colour\":\"green\"}", "must be one of red, blue" },
		{ "{\"name\":\"n\",\"path\":\"\"}", "must be a path" },
		{ "{\"name\":\"n\",\"words\":[1]}", "a list of texts" },
		{ "{\"name\":\"n\",\"map\":[1]}", "a map" },
		{ "{\"name\":\"n\",\"flag\":0}", "true or false" },
		{ "{\"name\":\"n\",\"secret\":\"x\"}", "is a secret" },
		{ "[1]", "must be a map" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		json_t *out = NULL;
		assert_int_equal(check(rows[i].in, &out, &err), ERR_USAGE);
		assert_null(out);
		if (strstr(err.text, rows[i].said) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].in, err.text,
				rows[i].said);
	}
}

static void test_path_without_workspace(void **state)
{
	struct err err = { 0 };
	json_t *out = NULL, *values = parse("{\"name\":\"n\",\"path\":\"./x\"}");
	char *here = getcwd(NULL, 0), *wanted = path_join(here, "x");

	(void)state;
	assert_int_equal(
		fields_check(fields, values, "parameter", "it", "", &out, &err), ERR_NONE);
	assert_string_equal(json_str(out, "path", ""), wanted);
	free(here);
	free(wanted);
	json_decref(values);
	json_decref(out);
}

/* ------------------------------------------------------------------ calls */

static enum err_code make(struct call **out, const char *target, const char *op,
	const char *args, int64_t timeout_ms, const struct call_hooks *hooks, struct err *err)
{
	json_t *t = parse(target), *a = parse(args);
	enum err_code code =
		call_new(out, "db", t, op, a, NULL, "1/s/1/1", "/ws", timeout_ms, hooks, err);

	json_decref(t);
	json_decref(a);
	return code;
}

#define TARGET                                                                                 \
	"{\"provider\":\"sqlite\",\"settings\":{\"path\":\"x.db\"},\"queries\":{"              \
	"\"r\":{\"sql\":\"select 1\",\"effect\":\"read\"},"                                    \
	"\"c\":{\"sql\":\"select 1\",\"effect\":\"costly\"},"                                  \
	"\"bare\":{\"sql\":\"select 1\"},\"odd\":{\"effect\":\"huge\"}}}"

static void test_call_values(void **state)
{
	struct err err = { 0 };
	struct call *call = NULL;

	(void)state;
	assert_int_equal(
		make(&call, TARGET, "failover.precheck", "{\"max_age\":\"2s\"}", 0, NULL, &err),
		ERR_NONE);
	assert_int_equal(call_int(call, "max_age"), 2000);
	assert_int_equal(call_int(call, "max_rows_behind"), 1000);
	assert_true(call_has(call, "max_age"));
	assert_string_equal(setting_string(call, "path"), "/ws/x.db");
	assert_null(setting_string(call, "peer"));
	assert_false(setting_has(call, "peer"));
	assert_string_equal(call_target(call), "db");
	assert_string_equal(call_op(call), "failover.precheck");
	assert_string_equal(call_key(call), "1/s/1/1");
	assert_string_equal(call_workspace(call), "/ws");
	assert_null(call_before(call));
	assert_false(call_stopped(call));
	assert_true(call_left_ms(call) > 50000 && call_left_ms(call) <= 60000);
	char *line = json_line(call_arguments(call));
	assert_string_equal(line, "{\"max_age\":2000,\"max_rows_behind\":1000}");
	free(line);
	assert_string_equal(
		json_str(call_declared(call, "queries", "r"), "sql", ""), "select 1");
	assert_null(call_declared(call, "queries", "none"));
	assert_null(call_declared(call, "actions", "r"));
	call_free(call);
}

static void test_call_refused(void **state)
{
	static const struct {
		const char *target, *op, *args, *said;
		enum err_code code;
	} rows[] = {
		{ "{}", "health.probe", "{}", "names no provider", ERR_USAGE },
		{ "{\"provider\":\"nope\"}", "health.probe", "{}", "there is no provider",
			ERR_USAGE },
		{ TARGET, "health.prob", "{}", "has no operation", ERR_USAGE },
		{ TARGET, "health", "{}", "has no operation", ERR_USAGE },
		{ TARGET, "health.probe", "{\"expect\":\"red\"}", "one of any, primary",
			ERR_USAGE },
		{ "{\"provider\":\"sqlite\"}", "health.probe", "{}",
			"needs the setting \"path\"", ERR_USAGE },
		{ "{\"provider\":\"sqlite\",\"settings\":{\"path\":\"x\",\"pth\":\"y\"}}",
			"health.probe", "{}", "did you mean \"path\"", ERR_USAGE },
		{ "{\"provider\":\"sqlite\",\"settings\":{\"path\":\"x\"},\"secrets\":{\"pw\":{"
		  "\"env\":\"X\"}}}",
			"health.probe", "{}", "takes no secret \"pw\"", ERR_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		struct call *call = NULL;
		assert_int_equal(
			make(&call, rows[i].target, rows[i].op, rows[i].args, 0, NULL, &err),
			rows[i].code);
		assert_null(call);
		if (strstr(err.text, rows[i].said) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].said);
	}
}

static enum effect effect_of(const char *op, const char *args, const char *before)
{
	struct err err = { 0 };
	struct call *call = NULL;
	json_t *found = before != NULL ? parse(before) : NULL;

	assert_int_equal(make(&call, TARGET, op, args, 0, NULL, &err), ERR_NONE);
	enum effect effect = call_effect(call, found);
	call_free(call);
	json_decref(found);
	return effect;
}

static void test_effect(void **state)
{
	(void)state;
	assert_int_equal(effect_of("data.query", "{\"query\":\"r\"}", NULL), EFFECT_READ);
	/* a declaration lowers what the table cannot know, and never raises a read above the
	 * ceiling */
	assert_int_equal(effect_of("data.write", "{\"statement\":\"c\"}", NULL), EFFECT_COSTLY);
	assert_int_equal(effect_of("data.query", "{\"query\":\"c\"}", NULL), EFFECT_READ);
	assert_int_equal(
		effect_of("data.write", "{\"statement\":\"bare\"}", NULL), EFFECT_IRREVERSIBLE);
	assert_int_equal(
		effect_of("data.write", "{\"statement\":\"odd\"}", NULL), EFFECT_IRREVERSIBLE);
	assert_int_equal(
		effect_of("data.write", "{\"statement\":\"none\"}", NULL), EFFECT_IRREVERSIBLE);
	/* prepare lowers, below the ceiling only, and never out of the journal */
	const char *restore = "{\"from\":\"b\"}";
	assert_int_equal(effect_of("restore.start", restore, NULL), EFFECT_IRREVERSIBLE);
	assert_int_equal(
		effect_of("restore.start", restore, "{\"effect\":\"change\"}"), EFFECT_CHANGE);
	assert_int_equal(
		effect_of("restore.start", restore, "{\"effect\":\"read\"}"), EFFECT_CHANGE);
	assert_int_equal(effect_of("restore.start", restore, "{\"effect\":\"huge\"}"),
		EFFECT_IRREVERSIBLE);
	assert_int_equal(effect_of("backup.start", "{\"to\":\"b\"}", "{\"effect\":\"costly\"}"),
		EFFECT_CHANGE);
	assert_int_equal(
		effect_of("health.probe", "{}", "{\"effect\":\"irreversible\"}"), EFFECT_READ);
}

/* ------------------------------------------------------------------ hooks, time */

struct heard {
	char log[4096], progress[600];
	int per_mille;
};

static void on_log(void *arg, const char *text)
{
	snprintf(((struct heard *)arg)->log, sizeof(((struct heard *)arg)->log), "%s", text);
}

static void on_progress(void *arg, int per_mille, const char *text)
{
	struct heard *heard = arg;

	snprintf(heard->progress, sizeof(heard->progress), "%s", text);
	heard->per_mille = per_mille;
}

static void test_hooks(void **state)
{
	struct heard heard = { .per_mille = 0 };
	const struct call_hooks hooks = {
		.progress = on_progress, .log = on_log, .arg = &heard
	};
	struct err err = { 0 };
	struct call *call = NULL;

	(void)state;
	assert_int_equal(make(&call, TARGET, "health.probe", "{}", 0, &hooks, &err), ERR_NONE);
	call_log(call, "%d of %s", 3, "four");
	assert_string_equal(heard.log, "3 of four");
	call_progress(call, 250, "a %s", "quarter");
	assert_string_equal(heard.progress, "a quarter");
	assert_int_equal(heard.per_mille, 250);
	call_free(call);
	/* without hooks nothing listens, and that is fine */
	assert_int_equal(make(&call, TARGET, "health.probe", "{}", 0, NULL, &err), ERR_NONE);
	call_log(call, "x");
	call_progress(call, 1, "x");
	call_free(call);
}

static void test_sleep(void **state)
{
	volatile bool stop = false;
	const struct call_hooks hooks = { .stop = &stop };
	struct err err = { 0 };
	struct call *call = NULL;

	(void)state;
	assert_int_equal(
		make(&call, TARGET, "health.probe", "{}", 10000, &hooks, &err), ERR_NONE);
	struct mono start = mono_now();
	assert_int_equal(call_sleep(call, 45, &err), ERR_NONE);
	assert_true(mono_ms_since(start) >= 45);
	stop = true;
	assert_true(call_stopped(call));
	start = mono_now();
	assert_int_equal(call_sleep(call, 5000, &err), ERR_CANCELLED);
	assert_true(mono_ms_since(start) < 1000);
	assert_int_equal(err.world, WORLD_UNKNOWN);
	call_free(call);

	stop = false;
	assert_int_equal(make(&call, TARGET, "health.probe", "{}", 30, &hooks, &err), ERR_NONE);
	start = mono_now();
	assert_int_equal(call_sleep(call, 5000, &err), ERR_TIMEOUT);
	assert_true(mono_ms_since(start) >= 30 && mono_ms_since(start) < 1000);
	assert_int_equal(err.world, WORLD_UNKNOWN);
	assert_int_equal(call_left_ms(call), 0);
	call_free(call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal_form),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_path_without_workspace),
		cmocka_unit_test(test_call_values),
		cmocka_unit_test(test_call_refused),
		cmocka_unit_test(test_effect),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
