/* JSON: getters that never fail, one spelling per value, hostile input. */
#include "check.h"
#include "drillbook/base.h"

#include <stdlib.h>
#include <string.h>

static json_t *parsed(const char *text)
{
	struct err err = {0};
	json_t *value;

	ok(json_parse(text, strlen(text), &value, &err));
	return value;
}

static void getters_give_the_fallback(void **state)
{
	json_t *o = parsed("{\"s\":\"x\",\"i\":7,\"b\":true,\"n\":null}");

	(void)state;
	assert_string_equal(json_str(o, "s", "-"), "x");
	assert_string_equal(json_str(o, "i", "-"), "-");
	assert_string_equal(json_str(o, "n", "-"), "-");
	assert_null(json_str(NULL, "s", NULL));
	assert_int_equal(json_int(o, "i", -1), 7);
	assert_int_equal(json_int(o, "s", -1), -1);
	assert_int_equal(json_int(NULL, "s", -1), -1);
	assert_true(json_flag(o, "b", false));
	assert_true(json_flag(o, "i", true));
	assert_false(json_flag(NULL, "b", false));
	json_decref(o);
}

static void one_spelling(void **state)
{
	json_t *a = parsed("{\"b\": 1, \"a\": [ 2, {\"z\":0, \"y\":0} ]}"), *b = parsed("{\"a\":[2,{\"y\":0,\"z\":0}],\"b\":1}");
	char *line = json_line(a);

	(void)state;
	assert_string_equal(line, "{\"a\":[2,{\"y\":0,\"z\":0}],\"b\":1}");
	assert_true(sha256_eq(json_digest(a), json_digest(b)));
	assert_true(sha256_eq(json_digest(a), sha256_of(line, strlen(line))));
	json_put_int(b, "b", 2);
	assert_false(sha256_eq(json_digest(a), json_digest(b)));
	free(line);
	json_decref(a);
	json_decref(b);
}

static void setters(void **state)
{
	json_t *o = json_object();

	(void)state;
	json_put_str(o, "s", "line\n\"quote\"");
	json_put_str(o, "null", NULL);
	json_put_int(o, "min", INT64_MIN);
	json_put_flag(o, "f", false);
	json_put(o, "a", json_array());
	json_put(o, "none", NULL);
	char *line = json_line(o);
	assert_string_equal(line, "{\"a\":[],\"f\":false,\"min\":-9223372036854775808,\"none\":null,\"null\":null,"
				  "\"s\":\"line\\n\\\"quote\\\"\"}");
	free(line);
	json_decref(o);
}

/* Whatever bytes go in as text, a line comes out that our own reader takes. */
static void any_bytes_make_a_readable_line(void **state)
{
	struct err err = {0};
	uint32_t seed = 5;
	char bytes[64];

	(void)state;
	for (int round = 0; round < 5000; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525u + 1013904223u;
			bytes[i] = (char)(seed >> 24);
		}
		json_t *o = json_object(), *back;
		json_put(o, "text", json_text(bytes, (size_t)(seed >> 8) % sizeof(bytes)));
		char *line = json_line(o);
		assert_null(strchr(line, '\n'));
		ok(json_parse(line, strlen(line), &back, &err));
		assert_true(json_equal(o, back));
		free(line);
		json_decref(back);
		json_decref(o);
	}
	json_t *text = json_text("a\0b\xff", 4);
	assert_string_equal(json_string_value(text), "a\xef\xbf\xbd" "b\xef\xbf\xbd");
	json_decref(text);
	text = json_text(NULL, 0);
	assert_string_equal(json_string_value(text), "");
	json_decref(text);
}

static void hostile_json_is_refused(void **state)
{
	static const char *const bad[] = {"", "{", "{\"a\":1,\"a\":2}", "{\"a\":01}", "[1,]", "{} x",
		"{\"a\":99999999999999999999}", "\"\xff\"", "\"\\u0000\"", "\"\\ud800\"", "nul"};
	struct err err = {0};
	json_t *value = (json_t *)&err; /* must become NULL */

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		refused(ERR_PROTOCOL, json_parse(bad[i], strlen(bad[i]), &value, &err));
		assert_null(value);
	}
	char *deep = xmalloc(200001);
	memset(deep, '[', 200000);
	refused(ERR_PROTOCOL, json_parse(deep, 200000, &value, &err));
	free(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(getters_give_the_fallback), cmocka_unit_test(one_spelling),
		cmocka_unit_test(setters), cmocka_unit_test(any_bytes_make_a_readable_line),
		cmocka_unit_test(hostile_json_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
