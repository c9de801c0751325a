/* test_junit.c: a run as JUnit's XML: what passes, what fails, and that nothing from outside becomes markup. */
#include "check.h"
#include "internal.h"
#include "record/example.h"

static struct err err;

static enum err_code story_into_facts(void *arg, const struct event *event, struct err *why)
{
	return facts_add(arg, event, why);
}

static json_t *document(size_t end)
{
	struct facts facts;
	struct story story = {.take = story_into_facts, .arg = &facts};

	facts_init(&facts);
	for (size_t i = 0; i < end; i++) {
		story.ms = example[i].ms;
		story.who = example[i].who;
		ok(story_tell(&story, example[i].kind, &err, "%s", example[i].payload));
	}
	json_t *doc = report_document(&facts);
	facts_release(&facts);
	return doc;
}

static char *junit(const json_t *doc)
{
	struct buf out;

	buf_init(&out, 1 << 24);
	ok(report_junit(doc, &out, &err));
	return out.data;
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("there is no\n%s\nin\n%s", part, text);
}

static void a_run_that_went_well(void **state)
{
	json_t *doc = document(COUNT_OF(example));
	char *text = junit(doc);

	(void)state;
	has(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"drillbook\">\n"
		  "  <testsuite name=\"failover\" tests=\"8\" failures=\"0\" errors=\"0\" skipped=\"1\" time=\"7.300\""
		  " timestamp=\"2026-11-18T14:00:00\">\n");
	has(text, "<property name=\"run\" value=\"2042\"/>");
	has(text, "<property name=\"orders.rto.actual_ms\" value=\"15001\"/>");
	has(text, "<property name=\"orders.rto.verdict\" value=\"met\"/>");
	has(text, "<property name=\"orders.rpo.lost\" value=\"0\"/>");
	has(text, "<testcase classname=\"failover\" name=\"check: Check\" time=\"0.300\"/>");
	has(text, "name=\"which: Which\" time=\"0.000\">\n      <skipped message=\"nobody to tell\"/>\n");
	has(text, "name=\"RTO of orders\" time=\"15.001\"/>");
	has(text, "name=\"RPO of orders\" time=\"0.000\"/>");
	has(text, "name=\"end of the run\" time=\"0.000\"/>");
	free(text);
	json_decref(doc);
}

static json_t *first(json_t *doc, const char *list)
{
	return json_array_get(json_object_get(doc, list), 0);
}

static void each_end_of_a_step(void **state)
{
	static const struct {
		const char *state, *error, *reason, *expected;
	} rows[] = {
		{"failed", "{'code':'REFUSED','text':'5 < 6','world':'unchanged'}", NULL,
			"<failure message=\"5 &lt; 6\" type=\"REFUSED\"/>"},
		{"stopped", NULL, "by op1", "<failure message=\"by op1\" type=\"stopped\"/>"},
		{"unknown", NULL, NULL, "<error message=\"nobody knows whether it happened\" type=\"unknown\"/>"},
		{"interrupted", NULL, NULL, "<error message=\"interrupted\" type=\"interrupted\"/>"},
		{"running", NULL, NULL, "<error message=\"still running\" type=\"running\"/>"},
		{"pending", NULL, NULL, "<skipped message=\"the run did not get here\"/>"},
		{"skipped", "{'code':'REFUSED','text':'no'}", "passed over", "<skipped message=\"passed over\"/>"},
		{"undone", NULL, NULL, "<skipped message=\"undone\"/>"},
		{"a state of tomorrow", NULL, NULL, "<error "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *doc = document(COUNT_OF(example)), *step = first(doc, "steps");
		json_put_str(step, "state", rows[i].state);
		json_put(step, "error", rows[i].error ? story_json(rows[i].error) : NULL);
		json_put_str(step, "reason", rows[i].reason);
		char *text = junit(doc);
		has(text, rows[i].expected);
		free(text);
		json_decref(doc);
	}
}

/* What a pipeline must not show green. */
static void objectives_and_the_end(void **state)
{
	json_t *doc = document(COUNT_OF(example)), *service = first(doc, "services");

	(void)state;
	json_put_str(json_object_get(service, "rto"), "verdict", "missed");
	json_put_str(json_object_get(service, "rpo"), "verdict", "not measured");
	json_put_int(doc, "exit_status", 3);
	json_put_str(doc, "status", "done");
	json_put_str(doc, "reason", NULL);
	char *text = junit(doc);
	has(text, "failures=\"2\" errors=\"0\" skipped=\"2\"");
	has(text, "<failure message=\"missed: 15.0s, at most 1m00s\" type=\"objective\"/>");
	has(text, "<skipped message=\"not measured\"/>");
	has(text, "<failure message=\"done, exit status 3\" type=\"run\"/>");
	free(text);
	json_put_str(json_object_get(service, "rto"), "verdict", "none");
	json_put_str(doc, "status", "aborted");
	json_put_str(doc, "reason", "\"enough\"");
	text = junit(doc);
	assert_null(strstr(text, "name=\"RTO of orders\""));
	has(text, "<failure message=\"aborted, exit status 3: &quot;enough&quot;\" type=\"run\"/>");
	free(text);
	json_decref(doc);
}

/* Every string of the document, whatever it is. */
static void poison(json_t *json, const char *with)
{
	json_t *member;
	const char *key;
	size_t i;
	void *next;

	json_array_foreach(json, i, member) poison(member, with);
	json_object_foreach_safe(json, next, key, member)
	{
		if (json_is_string(member))
			json_object_set_new(json, key, json_string(with));
		else
			poison(member, with);
	}
}

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == c;
	return n;
}

static void text_stays_text(void **state)
{
	static const char *const hostile[] = {"</testcase>", "\"/><failure message=\"x", "' onload='", "&amp; &#0; &evil;",
		"<![CDATA[", "]]>", "<!-- -->", "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>", "a\nb\rc\td\f\v",
		"\033[31mred", "\x01\x02\x7f", "\xc2\x85\xc2\x9b", "\xef\xbf\xbe \xef\xbf\xbf", "\xe2\x80\xae x", "%s %n %d"};
	json_t *doc = document(COUNT_OF(example));

	(void)state;
	poison(doc, "plain");
	char *plain = junit(doc);
	for (size_t i = 0; i < COUNT_OF(hostile); i++) {
		poison(doc, hostile[i]);
		char *text = junit(doc);
		for (const char *c = "<>\"'\n"; *c != '\0'; c++)
			if (count(text, *c) != count(plain, *c))
				fail_msg("hostile text %zu is markup:\n%s", i, text);
		for (const char *at = text; *at != '\0'; at++) {
			assert_true(*at == '\n' || ((unsigned char)*at >= 0x20 && *at != 0x7f));
			assert_true(*at != '&' || str_starts(at, "&lt;") || str_starts(at, "&gt;") || str_starts(at, "&amp;") ||
				    str_starts(at, "&quot;") || str_starts(at, "&apos;"));
		}
		assert_null(strstr(text, "\xef\xbf\xbe"));
		assert_null(strstr(text, "\xef\xbf\xbf"));
		assert_null(strstr(text, "\xc2\x85"));
		free(text);
	}
	free(plain);
	json_decref(doc);
}

static void the_limit_of_the_buffer_is_kept(void **state)
{
	json_t *doc = document(COUNT_OF(example));

	(void)state;
	char *whole = junit(doc);
	for (size_t max = 1; max < strlen(whole); max += 100) {
		struct buf out;
		buf_init(&out, max);
		refused(ERR_LIMIT, report_junit(doc, &out, &err));
		assert_true(out.len <= max);
		buf_release(&out);
	}
	free(whole);
	json_decref(doc);
}

static void a_run_that_goes_on(void **state)
{
	json_t *doc = document(12);
	char *text = junit(doc);

	(void)state;
	has(text, "type=\"running\"/>");
	has(text, "<failure message=\"open, exit status");
	free(text);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_that_went_well),
		cmocka_unit_test(each_end_of_a_step),
		cmocka_unit_test(objectives_and_the_end),
		cmocka_unit_test(text_stays_text),
		cmocka_unit_test(the_limit_of_the_buffer_is_kept),
		cmocka_unit_test(a_run_that_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
