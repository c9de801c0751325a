/* test_condition.c: conditions as data: every operator, what is missing, nesting. */
#include "check.h"

#include "drillbook/base.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

static int matches(const char *text, const char *pattern)
{
	regex_t regex;

	if (pattern == NULL || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return -1;
	const int yes = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return yes;
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (value == NULL)
		fail_msg("the test's own JSON: %s", text);
	return value;
}

static void expect(const char *condition, bool wanted)
{
	json_t *outputs = parse("{\"check\":{\"lag\":5,\"name\":\"db-1\",\"list\":[{\"up\":true},7],\"big\":9007199254740993},"
				"\"web/deep\":{\"ok\":true,\"none\":null,\"text\":\"2.5\"}}");
	json_t *params = parse("{\"site\":\"b\",\"n\":3,\"flag\":false}");
	json_t *item = parse("{\"host\":\"h2\"}"), *value = parse("{\"lag_bytes\":100}");
	json_t *tree = parse(condition);
	const struct condition_world world = {.mode = "drill", .params = params, .outputs = outputs,
		.item = item, .value = value, .matches = matches};
	struct err err = {0};
	bool holds;

	if (condition_holds(tree, &world, &holds, &err) != ERR_NONE)
		fail_msg("%s: %s", condition, err.text);
	if (holds != wanted)
		fail_msg("%s: %s, wanted %s", condition, holds ? "holds" : "does not", wanted ? "true" : "false");
	json_decref(tree);
	json_decref(value);
	json_decref(item);
	json_decref(params);
	json_decref(outputs);
}

static void operators(void **state)
{
	(void)state;
	expect("{\"output\":\"check.lag\",\"below\":6}", true);
	expect("{\"output\":\"check.lag\",\"below\":5}", false);
	expect("{\"output\":\"check.lag\",\"above\":4}", true);
	expect("{\"output\":\"check.lag\",\"above\":5}", false);
	expect("{\"output\":\"check.lag\",\"at_least\":5}", true);
	expect("{\"output\":\"check.lag\",\"at_most\":4}", false);
	expect("{\"output\":\"check.lag\",\"between\":[5,5]}", true);
	expect("{\"output\":\"check.lag\",\"between\":[6,9]}", false);
	expect("{\"output\":\"check.lag\",\"equals\":5}", true);
	expect("{\"output\":\"check.lag\",\"not_equals\":5}", false);
	expect("{\"output\":\"check.name\",\"in\":[\"a\",\"db-1\"]}", true);
	expect("{\"output\":\"check.name\",\"matches\":\"^db-[0-9]+$\"}", true);
	expect("{\"output\":\"check.name\",\"matches\":\"^x\"}", false);
	expect("{\"output\":\"check.lag\",\"matches\":\"^5$\"}", true);
	expect("{\"output\":\"web/deep.text\",\"between\":[\"2\",\"2.5\"]}", true);
	expect("{\"output\":\"check.big\",\"above\":9007199254740992}", true);
	expect("{\"output\":\"check.lag\",\"above\":1,\"below\":3}", false);
}

static void sources(void **state)
{
	(void)state;
	expect("{\"mode\":\"drill\"}", true);
	expect("{\"mode\":[\"live\",\"drill\"]}", true);
	expect("{\"mode\":\"live\"}", false);
	expect("{\"param\":\"site\",\"equals\":\"b\"}", true);
	expect("{\"param\":\"flag\"}", false);
	expect("{\"item\":\"host\",\"equals\":\"h2\"}", true);
	expect("{\"value\":\"lag_bytes\",\"below\":16777216}", true);
	expect("{\"output\":\"check.list[0].up\"}", true);
	expect("{\"value\":\".\",\"equals\":{\"lag_bytes\":100}}", true);
	expect("{\"output\":\"check.list[1]\",\"equals\":7}", true);
	expect("{\"output\":\"web/deep.ok\"}", true);
}

static void what_is_missing_does_not_hold(void **state)
{
	(void)state;
	expect("{\"output\":\"check.gone\",\"below\":6}", false);
	expect("{\"output\":\"check.gone\",\"not_equals\":6}", false);
	expect("{\"output\":\"nobody.gone\"}", false);
	expect("{\"output\":\"check.list[9]\",\"exists\":true}", false);
	expect("{\"output\":\"check.list[9]\",\"exists\":false}", true);
	expect("{\"output\":\"web/deep.none\",\"exists\":false}", true);
	expect("{\"output\":\"check.name\",\"below\":6}", false);
	expect("{\"output\":\"check.list[x]\"}", false);
}

static void nesting(void **state)
{
	(void)state;
	expect("{\"not\":{\"mode\":\"live\"}}", true);
	expect("{\"all\":[{\"mode\":\"drill\"},{\"param\":\"n\",\"equals\":3}]}", true);
	expect("[{\"mode\":\"drill\"},{\"param\":\"n\",\"equals\":4}]", false);
	expect("{\"any\":[{\"mode\":\"live\"},{\"param\":\"n\",\"equals\":3}]}", true);
	expect("{\"any\":[]}", false);
	expect("{\"all\":[]}", true);
}

static void the_server_does_not_match(void **state)
{
	json_t *tree = parse("{\"any\":[{\"mode\":\"live\"},{\"param\":\"s\",\"matches\":\"(a*)*b\"}]}");
	json_t *params = parse("{\"s\":\"aaa\"}");
	const struct condition_world world = {.mode = "drill", .params = params};
	struct err err = {0};
	bool holds;

	(void)state;
	assert_true(condition_matches(tree));
	assert_int_equal(condition_holds(tree, &world, &holds, &err), ERR_UNSUPPORTED);
	json_decref(params);
	json_decref(tree);
}

static void malformed(void **state)
{
	json_t *tree = parse("{\"outptu\":\"x\"}");
	const struct condition_world world = {.mode = "drill"};
	struct err err = {0};
	bool holds;

	(void)state;
	assert_int_equal(condition_holds(tree, &world, &holds, &err), ERR_USAGE);
	json_decref(tree);
	json_t *params = parse("{\"s\":\"x\"}");
	const struct condition_world with = {.mode = "drill", .params = params, .matches = matches};
	tree = parse("{\"param\":\"s\",\"matches\":\"(\"}");
	assert_int_equal(condition_holds(tree, &with, &holds, &err), ERR_USAGE);
	json_decref(tree);
	json_decref(params);
	char *deep = xmalloc(4000);
	for (int i = 0; i < 100; i++)
		strcat(deep, "{\"not\":");
	strcat(deep, "{\"mode\":\"x\"}");
	for (int i = 0; i < 100; i++)
		strcat(deep, "}");
	tree = parse(deep);
	assert_int_equal(condition_holds(tree, &world, &holds, &err), ERR_LIMIT);
	json_decref(tree);
	free(deep);
}

static void literals(void **state)
{
	(void)state;
	expect("{\"literal\":\"west\",\"not_equals\":\"south\"}", true);
	expect("{\"literal\":\"west\",\"equals\":\"south\"}", false);
	expect("{\"literal\":7,\"above\":6}", true);
	expect("{\"literal\":\"up\",\"matches\":\"^u\"}", true);
	/* there is none */
	expect("{\"literal\":null,\"not_equals\":\"south\"}", false);
	expect("{\"literal\":null}", false);
	expect("{\"literal\":null,\"exists\":false}", true);
}

static void in_words(void **state)
{
	json_t *tree = parse("{\"all\":[{\"output\":\"check.lag\",\"below\":6},{\"not\":{\"mode\":\"live\"}}]}");
	char text[200];

	(void)state;
	assert_string_equal(condition_text(tree, text, sizeof(text)), "check.lag is below 6 and not (mode is live)");
	assert_int_equal(strlen(condition_text(tree, text, 10)), 9);
	json_decref(tree);
	tree = parse("[{\"any\":[{\"mode\":[\"drill\",\"live\"]},{\"item\":\"\",\"in\":[\"a\",2]}]},{\"value\":\"x[0].y\",\"between\":[1,3]},"
		     "{\"param\":\"p\"},{\"literal\":\"w\",\"exists\":false}]");
	assert_string_equal(condition_text(tree, text, sizeof(text)),
		"(mode is drill or live or the item is one of a, 2) and x[0].y is between 1 and 3 and p holds and w is not there");
	json_decref(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators),
		cmocka_unit_test(sources),
		cmocka_unit_test(what_is_missing_does_not_hold),
		cmocka_unit_test(nesting),
		cmocka_unit_test(the_server_does_not_match),
		cmocka_unit_test(malformed),
		cmocka_unit_test(literals),
		cmocka_unit_test(in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
