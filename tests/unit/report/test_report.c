/* The report of one run: what it says, that it always says it in the same bytes, and that nothing from outside gets to be
 * more than text. */
#include "check.h"
#include "internal.h"
#include "record/example.h"

#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;

static enum err_code story_into_facts(void *arg, const struct event *event, struct err *why)
{
	return facts_add(arg, event, why);
}

/* ------------------------------------------------------------------ helpers */

static void told(struct facts *facts, size_t end, size_t erase)
{
	struct story story = {.take = story_into_facts, .arg = facts};

	facts_init(facts);
	for (size_t i = 0; i < end; i++) {
		story.ms = example[i].ms;
		story.who = example[i].who;
		const char *payload = i == erase ? NULL : example[i].payload;
		ok(story_tell(&story, example[i].kind, &err, payload ? "%s" : NULL, payload));
	}
}

static json_t *document(size_t end)
{
	struct facts facts;

	told(&facts, end, SIZE_MAX);
	json_t *doc = report_document(&facts);
	facts_release(&facts);
	return doc;
}

static char *markdown(const json_t *doc)
{
	struct buf out;

	buf_init(&out, 1 << 24);
	ok(report_markdown(doc, &out, &err));
	return out.data;
}

static const json_t *get(const json_t *json, const char *path)
{
	char copy[128], *rest = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	while (rest != NULL && json != NULL) {
		const char *word = strsep(&rest, ".");
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(word)) : json_object_get(json, word);
	}
	if (json == NULL)
		fail_msg("the document has no %s", path);
	return json;
}

static void is(const json_t *doc, const char *path, const char *expected)
{
	char *line = json_line(get(doc, path));

	if (strcmp(line, expected) != 0)
		fail_msg("%s is %s instead of %s", path, line, expected);
	free(line);
}

/* ------------------------------------------------------------------ what it says */

static void the_document(void **state)
{
	json_t *doc = document(COUNT_OF(example));

	(void)state;
	assert_string_equal(json_object_iter_key(json_object_iter(doc)), "mode"); /* the first word */
	is(doc, "mode", "\"drill\"");
	is(doc, "run", "2042");
	is(doc, "status", "\"done\"");
	is(doc, "exit_status", "0");
	is(doc, "runbook.version", "7");
	is(doc, "workspace.commit", "\"c0ffee\"");
	is(doc, "workspace.dirty", "true");
	is(doc, "people.started_by", "{\"uid\":1000,\"who\":\"op1\"}");
	is(doc, "people.lead", "\"op2\"");
	is(doc, "times.t0.utc", "\"2026-11-18T13:59:50.000Z\"");
	is(doc, "times.t0.basis", "\"stated\"");
	is(doc, "times.t0.assumed", "false");
	is(doc, "times.t1.basis", "\"observed\"");
	is(doc, "times.t3.utc", "\"2026-11-18T14:00:00.200Z\"");
	is(doc, "times.duration_ms", "7300");
	is(doc, "services.0.rto",
		"{\"actual_ms\":15001,\"margin_ms\":44999,\"objective_ms\":60000,\"verdict\":\"met\"}");
	is(doc, "services.0.rpo.verdict", "\"met\"");
	is(doc, "services.0.rpo.lost", "0");
	is(doc, "services.0.rpo.acknowledged", "512");
	is(doc, "services.0.t4.utc", "\"2026-11-18T14:00:05.000Z\"");
	is(doc, "services.0.verified_by", "\"promote\"");
	is(doc, "services.0.partition_ms.sum", "15001");
	is(doc, "services.0.partition_ms.detect", "5000");
	is(doc, "services.0.partition_ms.approval", "1999");
	is(doc, "steps.1.state", "\"ok\"");
	is(doc, "steps.1.attempts", "2");
	is(doc, "steps.0.expected_ms", "1000");
	is(doc, "steps.0.actual_ms", "300");
	is(doc, "steps.0.reads", "1");
	is(doc, "steps.3.reason", "\"nobody to tell\"");
	is(doc, "output_files.0", "{\"attempt\":1,\"bytes\":3,\"cut\":false,\"file\":\"1.log\",\"sha256\":\"ee\",\"step\":\"check\"}");
	is(doc, "notes.0.text", "\"slow today\"");
	is(doc, "resumes.0.epoch", "2");
	is(doc, "pauses.0.until.utc", "\"2026-11-18T14:00:06.200Z\"");
	is(doc, "record.events", "44");
	json_decref(doc);
}

static void the_ledger_of_operations(void **state)
{
	json_t *doc = document(COUNT_OF(example));

	(void)state;
	assert_int_equal(json_array_size(get(doc, "operations")), 3);
	is(doc, "operations.0.op", "\"failover.promote\"");
	is(doc, "operations.0.confirmed.who", "\"op1\"");
	is(doc, "operations.0.confirmed.uid", "1000");
	is(doc, "operations.0.confirmed.basis", "\"intent\"");
	is(doc, "operations.0.confirmed.displayed_digest", "\"i0\"");
	is(doc, "operations.0.unknown.why", "\"no outcome\"");
	is(doc, "operations.0.settled.by", "\"verify\"");
	is(doc, "operations.0.outcome", "\"done\"");
	is(doc, "operations.0.undone_by", "null");
	is(doc, "operations.1.confirmed", "null"); /* allowed without anybody being asked */
	is(doc, "operations.1.outcome", "\"done\"");
	is(doc, "operations.1.source", "\"worker\"");
	is(doc, "operations.2.refused", "\"not in uses\"");
	is(doc, "operations.2.outcome", "\"refused\"");
	is(doc, "reads.0.took_ms", "180");
	is(doc, "questions.1.waited_ms", "1999");
	is(doc, "questions.0.answer", "\"done\"");
	is(doc, "questions.0.value", "\"Ann\"");
	json_decref(doc);
}

static void deviations(void **state)
{
	static const char *const expected[] = {"resumed", "outcome unknown", "step unknown", "settled: it happened",
		"attempt 2", "operation refused", "override of rule live-clean", "what was created stays",
		"version 8 (de) adopted for 1 steps not begun", "paused", "step skipped", "abort"};
	json_t *doc = document(COUNT_OF(example));

	(void)state;
	assert_int_equal(json_array_size(get(doc, "deviations")), COUNT_OF(expected));
	for (size_t i = 0; i < COUNT_OF(expected); i++)
		assert_string_equal(json_str(json_array_get(get(doc, "deviations"), i), "what", ""), expected[i]);
	is(doc, "deviations.10.why", "\"nobody to tell\"");
	is(doc, "deviations.10.who", "\"op2\"");
	json_decref(doc);
}

/* The wall clock is set by an hour behind the last moment that somebody stated: the same report, but that it says so. */
static void a_clock_that_was_set_is_told(void **state)
{
	struct facts facts;
	struct story story = {.take = story_into_facts, .arg = &facts};
	json_t *plain = document(COUNT_OF(example));
	size_t last = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(example); i++)
		if (example[i].kind == EVENT_CLOCK_SET)
			last = i;
	facts_init(&facts);
	for (size_t i = 0; i < COUNT_OF(example); i++) {
		story.ms = example[i].ms;
		story.who = example[i].who;
		story.set_ms = i > last ? 3600000 : 0;
		ok(story_tell(&story, example[i].kind, &err, "%s", example[i].payload));
	}
	json_t *doc = report_document(&facts);
	facts_release(&facts);
	assert_true(last + 3 < COUNT_OF(example));
	is(plain, "times.clock_stepped", "false");
	is(doc, "times.clock_stepped", "true");
	is(doc, "times.clock_shift_ms", "3600000");
	char *text = markdown(doc);
	assert_non_null(strstr(text, "The wall clock was set during the run"));
	free(text);
	json_put_flag(json_object_get(doc, "times"), "clock_stepped", false);
	json_put_int(json_object_get(doc, "times"), "clock_shift_ms", 0);
	char *one = json_line(plain), *two = json_line(doc);
	assert_string_equal(one, two);
	free(one);
	free(two);
	json_decref(plain);
	json_decref(doc);
}

static void a_captured_undo_is_found_done(void **state)
{
	struct facts facts;
	struct story story = {.take = story_into_facts, .arg = &facts};

	(void)state;
	facts_init(&facts);
	ok(story_tell(&story, EVENT_RUN_STARTED, &err, "%s", example[0].payload));
	ok(story_tell(&story, EVENT_STEP_STARTED, &err, "{'step':'promote','attempt':1}"));
	for (int i = 0; i < 3; i++) { /* freeze, freeze another, thaw the first */
		ok(story_tell(&story, EVENT_OP_INTENT, &err,
			"{'step':'promote','attempt':1,'ordinal':%d,'key':'k%d','op':'%s','target':'lb','effect':'change','args':{'server':'%s'},"
			"'digest':'d%d'%s}", i, i, i < 2 ? "traffic.drain" : "traffic.ready", i == 1 ? "b" : "a", i,
			i == 0 ? ",'undo':{'op':'traffic.ready','target':'lb','args':{'server':'a'}}"
			: i == 1 ? ",'undo':{'op':'traffic.ready','target':'lb','args':{'server':'b'}}" : ""));
		ok(story_tell(&story, EVENT_OP_RESULT, &err,
			"{'step':'promote','attempt':1,'ordinal':%d,'key':'k%d','ok':true,'result':{}}", i, i));
	}
	json_t *doc = report_document(&facts);
	is(doc, "operations.0.undone_by", "\"k2\"");
	is(doc, "operations.1.undone_by", "null"); /* debris */
	json_decref(doc);
	facts_release(&facts);
}

/* An attempt that takes a step back is none that was tried again. */
static void taking_back_is_not_trying_again(void **state)
{
	struct facts facts;
	struct story story = {.take = story_into_facts, .arg = &facts};

	(void)state;
	facts_init(&facts);
	ok(story_tell(&story, EVENT_RUN_STARTED, &err, "%s", example[0].payload));
	ok(story_tell(&story, EVENT_STEP_STARTED, &err, "{'step':'promote','attempt':1,'iteration':0}"));
	ok(story_tell(&story, EVENT_STEP_FINISHED, &err, "{'step':'promote','attempt':1,'outcome':'ok'}"));
	ok(story_tell(&story, EVENT_STEP_STARTED, &err, "{'step':'promote','attempt':2,'iteration':1,'undo':true}"));
	json_t *doc = report_document(&facts);
	is(doc, "deviations.0.what", "\"attempt 2\"");
	is(doc, "deviations.0.why", "\"to take back what the step did\"");
	json_decref(doc);
	facts_release(&facts);
}

static void an_open_run_stands_as_of_its_last_event(void **state)
{
	json_t *doc = document(12);
	char *text = markdown(doc);

	(void)state;
	is(doc, "status", "\"open\"");
	is(doc, "times.ended", "null");
	is(doc, "times.as_of.utc", "\"2026-11-18T14:00:00.601Z\"");
	is(doc, "services.0.rto.actual_ms", "null");
	is(doc, "services.0.partition_ms", "null");
	is(doc, "questions.1.answered", "null");
	assert_non_null(strstr(text, "Not ended; this report stands as of 2026-11-18T14:00:00.601Z"));
	free(text);
	json_decref(doc);
}

/* ------------------------------------------------------------------ always the same bytes */

static struct mono no_mono(void)
{
	fail_msg("a report looked at the clock");
	return (struct mono){0};
}

static struct wall no_wall(void)
{
	fail_msg("a report looked at the clock");
	return (struct wall){0};
}

static void the_expected_page(void **state)
{
	struct buf expected;
	json_t *doc = document(COUNT_OF(example));
	char *text = markdown(doc);

	(void)state;
	ok(file_read(TEST_DATA "/example.md", 1 << 20, &expected, &err));
	if (strcmp(text, expected.data) != 0) {
		ok(file_replace(TEST_BINARY "/example.md.new", text, strlen(text), 0644, &err));
		fail_msg("the report is not tests/unit/report/example.md; see %s", TEST_BINARY "/example.md.new");
	}
	buf_release(&expected);
	free(text);
	json_decref(doc);
}

static void neither_clock_nor_locale(void **state)
{
	json_t *first = document(COUNT_OF(example));
	char *before = markdown(first), *json_before = json_dumps(first, 0);

	(void)state;
	clock_inject(no_mono, no_wall, "no boot");
	setenv("TZ", "Pacific/Auckland", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setlocale(LC_ALL, "");
	json_t *second = document(COUNT_OF(example));
	char *after = markdown(second), *json_after = json_dumps(second, 0);
	clock_inject(NULL, NULL, NULL);
	assert_string_equal(before, after);
	assert_string_equal(json_before, json_after);
	free(before);
	free(after);
	free(json_before);
	free(json_after);
	json_decref(first);
	json_decref(second);
}

static void no_floats(const json_t *value)
{
	const char *key;
	const json_t *member;
	size_t i;

	assert_false(json_is_real(value));
	json_object_foreach((json_t *)(uintptr_t)value, key, member)
		no_floats(member);
	json_array_foreach(value, i, member)
		no_floats(member);
}

static void integers_only(void **state)
{
	json_t *doc = document(COUNT_OF(example));

	(void)state;
	no_floats(doc);
	json_decref(doc);
}

/* ------------------------------------------------------------------ erased */

static void what_was_erased_leaves_a_report(void **state)
{
	(void)state;
	for (size_t erase = 1; erase < COUNT_OF(example); erase++) {
		struct facts facts;
		told(&facts, COUNT_OF(example), erase);
		json_t *doc = report_document(&facts);
		char *text = markdown(doc);
		is(doc, "record.erased", "1");
		assert_non_null(strstr(text, "- Erased: 1 events hold only the digest"));
		free(text);
		json_decref(doc);
		facts_release(&facts);
	}
}

/* ------------------------------------------------------------------ evidence */

static void seal(struct facts *facts, int64_t run, int64_t events, const char *head)
{
	struct story story = {.ms = 8000};
	json_t *payload = json_object();

	json_put_int(payload, "run", run);
	json_put_int(payload, "events", events);
	json_put_str(payload, "head", head);
	struct event event = story_event(&story, EVENT_RUN_SEALED, payload);
	event.chain = 0;
	facts_ledger(facts, &event);
	event_release(&event);
}

static void where_evidence_starts(void **state)
{
	struct facts facts;
	char hex[SHA256_HEX];

	(void)state;
	told(&facts, COUNT_OF(example), SIZE_MAX);
	facts.head = sha256_of("head", 4);
	facts.has_head = true;
	sha256_hex(facts.head, hex);
	seal(&facts, 7, 44, hex); /* of another run */
	json_t *doc = report_document(&facts);
	is(doc, "record.sealed", "false");
	assert_non_null(strstr(json_str(get(doc, "record"), "evidence", ""), "not sealed"));
	json_decref(doc);

	seal(&facts, STORY_RUN, 44, hex);
	doc = report_document(&facts);
	char *text = markdown(doc);
	is(doc, "record.sealed", "true");
	is(doc, "record.seal_matches", "true");
	assert_string_equal(json_str(get(doc, "record"), "head", ""), hex);
	assert_non_null(strstr(text, hex));
	assert_non_null(strstr(text, "evidence starts where a seal has left the machine"));
	free(text);
	json_decref(doc);

	seal(&facts, STORY_RUN, 39, hex);
	doc = report_document(&facts);
	is(doc, "record.seal_matches", "false");
	assert_non_null(strstr(json_str(get(doc, "record"), "evidence", ""), "does not fit"));
	json_decref(doc);
	facts_release(&facts);
}

/* ------------------------------------------------------------------ hostile text */

/* Replaces every string of every payload whose value is free text. */
static void poison(json_t *value, const char *text)
{
	static const char *const words[] = {"title", "text", "note", "reason", "value", "owner", "basis", "unit", "why",
		"wait", "role", "path", "commit", "file", "name", "label"};
	const char *key;
	json_t *member;
	void *tmp;
	size_t i;

	json_object_foreach_safe(value, tmp, key, member) {
		bool chosen = false;
		for (i = 0; i < COUNT_OF(words); i++)
			chosen = chosen || strcmp(words[i], key) == 0;
		if (chosen && json_is_string(member))
			json_put(value, key, json_text(text, strlen(text)));
		else
			poison(member, text);
	}
	json_array_foreach(value, i, member)
		poison(member, text);
}

static char *poisoned(const char *text, json_t **doc)
{
	struct facts facts;
	struct story story = {0};

	facts_init(&facts);
	for (size_t i = 0; i < COUNT_OF(example); i++) {
		/* the names that tie events together stay */
		const bool tied = example[i].kind == EVENT_SERVICE_MARKED || example[i].kind == EVENT_RECOVERY_MEASURED;
		story.ms = example[i].ms;
		story.who = example[i].who ? text : NULL;
		story.pos = (int64_t)i;
		json_t *payload = story_json(example[i].payload);
		poison(payload, text);
		if (tied)
			json_put_str(payload, "service", text);
		struct event event = story_event(&story, example[i].kind, payload);
		ok(facts_add(&facts, &event, &err));
		event_release(&event);
	}
	*doc = report_document(&facts);
	facts_release(&facts);
	return markdown(*doc);
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

/* Bars that a reader of Markdown takes for the end of a cell. */
static size_t count_bars(const char *text)
{
	size_t bars = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] == '\\')
			i++;
		else
			bars += text[i] == '|';
	}
	return bars;
}

/* Whether one of the characters, none of which the page itself uses, stands there without a backslash. */
static bool has_bare(const char *text, const char *characters)
{
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] == '\\')
			i++;
		else if (strchr(characters, text[i]) != NULL)
			return true;
	}
	return false;
}

static const char *const hostile[] = {
	"x | y |\n| --- |", "\n\n# heading\n", "\n- item\n1. item\n> quote", "<script>alert(1)</script>", "<!-- -->",
	"[click](javascript:alert(1))", "![img](http://evil.example/x.png)", "http://evil.example www.evil.example",
	"a@evil.example", "`code` ``` \n```\nfence", "*b* **b** _i_ __b__ ~~s~~", "&lt;b&gt; &#x3c;", "\\| \\", "$math$ {{tpl}} {%x%}",
	"\033[31mred\033]0;title\a", "\xc2\x9b" "31m", "abc\xe2\x80\xae" "dcba", "zero\xe2\x80\x8bwidth", "\xf3\xa0\x81\x81tag",
	"back\b\b\bspace\rreturn", "\x01\x02\x7f", "\xef\xbb\xbf" "bom", "line\xe2\x80\xa8separator",
	"[x]: http://evil.example", "***\n---\n===", "    indented", "\ttab", "@team #12 !12", "%s %n %d %99999s",
};

static void text_stays_text(void **state)
{
	json_t *doc;
	char *plain = poisoned("plain", &doc);
	const size_t lines = count_lines(plain), bars = count_bars(plain);

	(void)state;
	json_decref(doc);
	for (size_t i = 0; i < COUNT_OF(hostile); i++) {
		char *text = poisoned(hostile[i], &doc);
		if (count_lines(text) != lines || count_bars(text) != bars)
			fail_msg("hostile text %zu changed the shape of the page", i);
		for (const char *at = text; *at != '\0'; at++) {
			const unsigned char c = (unsigned char)*at;
			assert_true(c == '\n' || (c >= 0x20 && c != 0x7f));
		}
		assert_null(strstr(text, "\xe2\x80\xae"));
		assert_null(strstr(text, "\xe2\x80\x8b"));
		assert_null(strstr(text, "\xf3\xa0\x81\x81"));
		assert_false(has_bare(text, "<[]&!~${}"));
		assert_null(strstr(text, " http://"));
		assert_null(strstr(text, "\n\t"));
		/* and the JSON form is pure ASCII without controls */
		struct buf json;
		buf_init(&json, 1 << 20);
		ok(report_json(doc, &json, &err));
		for (const char *at = json.data; *at != '\0'; at++)
			assert_true(*at == '\n' || (*at >= 0x20 && *at < 0x7f));
		json_t *back;
		ok(json_parse(json.data, json.len, &back, &err));
		assert_true(json_equal(back, doc));
		json_decref(back);
		buf_release(&json);
		free(text);
		json_decref(doc);
	}
	free(plain);
}

static void escaped(const char *in, const char *expected)
{
	struct buf out;

	buf_init(&out, 10000);
	ok(md_text(&out, in, &err));
	assert_string_equal(out.data, expected);
	buf_release(&out);
}

static void escapes(void **state)
{
	(void)state;
	escaped("plain text, with - and 1.5 (x)", "plain text, with - and 1.5 (x)");
	escaped("a|b", "a\\|b");
	escaped("two\nlines\n", "two / lines");
	escaped("http://x www.x https://y", "http\\://x www\\.x https\\://y");
	escaped("14:02 is a time", "14:02 is a time");
	escaped("\033[0m", "^\\[\\[0m");
	escaped("a@b.example", "a\\@b.example");
	escaped("<b>", "\\<b\\>");
	struct buf out;
	buf_init(&out, 10000);
	ok(md_code(&out, "failover.promote", &err));
	ok(md_code(&out, "a`b", &err));
	assert_string_equal(out.data, "`failover.promote`a\\`b");
	buf_release(&out);
}

static void long_values_are_cut(void **state)
{
	struct buf out;
	json_t *value = json_object();
	char big[1000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	json_put_str(value, "k", big);
	buf_init(&out, 10000);
	ok(md_json(&out, value, &err));
	assert_non_null(strstr(out.data, "(1007 bytes in all)"));
	assert_true(out.len < 500);
	buf_release(&out);
	json_decref(value);
}

static void the_limit_of_the_buffer_is_kept(void **state)
{
	json_t *doc = document(COUNT_OF(example));
	struct buf out;

	(void)state;
	for (size_t max = 0; max < 4000; max += 7) {
		buf_init(&out, max);
		refused(ERR_LIMIT, report_markdown(doc, &out, &err));
		assert_true(out.len <= max);
		buf_release(&out);
	}
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document), cmocka_unit_test(the_ledger_of_operations),
		cmocka_unit_test(deviations), cmocka_unit_test(a_clock_that_was_set_is_told), cmocka_unit_test(a_captured_undo_is_found_done),
		cmocka_unit_test(taking_back_is_not_trying_again),
		cmocka_unit_test(an_open_run_stands_as_of_its_last_event), cmocka_unit_test(the_expected_page),
		cmocka_unit_test(neither_clock_nor_locale), cmocka_unit_test(integers_only),
		cmocka_unit_test(what_was_erased_leaves_a_report), cmocka_unit_test(where_evidence_starts),
		cmocka_unit_test(text_stays_text), cmocka_unit_test(escapes), cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(the_limit_of_the_buffer_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
