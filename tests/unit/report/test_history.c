/* The table of past runs, and both reports through a real journal. */
#include "check.h"
#include "internal.h"
#include "record/example.h"

#include <unistd.h>

static struct err err;

static char *table(const char *runs)
{
	struct buf out;
	json_t *json = story_json(runs);

	buf_init(&out, 1 << 20);
	ok(report_table(json, &out, &err));
	json_decref(json);
	return out.data;
}

static void the_table(void **state)
{
	char *text = table(
		"[{'run':2042,'runbook':'failover','version':7,'mode':'drill','status':'done','started_ns':1795010551123000000,"
		"'rta_ms':46123,'rto':'met','rpo':'met'},"
		"{'run':2041,'runbook':'a-runbook-with-a-long-name','version':12,'mode':'live','status':'aborted',"
		"'started_ns':1795010000000000000,'rta_ms':null,'rto':'missed','rpo':'not measured'}]");

	(void)state;
	assert_string_equal(text,
		"MODE     RUN STARTED (UTC)    RUNBOOK             STATUS       RTA RTO    RPO\n"
		"drill   2042 2026-11-18 14:02 failover@v7         done        0:46 met    met\n"
		"live    2041 2026-11-18 13:53 a-runbook-with-a-l~ aborted        - missed -\n");
	free(text);
	text = table("[]");
	assert_string_equal(text, "no runs\n");
	free(text);
}

static void never_wider_than_80(void **state)
{
	static const char wide[] = "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"
				   "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97";
	static const char *const names[] = {
		"\033[31mred\033[0m everywhere and more", wide, "a\nb", "\xe2\x80\xae right to left", ""};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		json_t *runs = json_array(), *run = json_object();
		struct buf out;
		json_put_str(run, "runbook", names[i]);
		json_put_str(run, "mode", names[i]);
		json_put_str(run, "status", names[i]);
		json_put_int(run, "run", INT64_MAX);
		json_put_int(run, "rta_ms", INT64_MAX);
		json_array_append_new(runs, run);
		buf_init(&out, 10000);
		ok(report_table(runs, &out, &err));
		size_t columns = 0, lines = 0;
		for (size_t k = 0; k < out.len; k++) {
			const unsigned char c = (unsigned char)out.data[k];
			assert_true(c == '\n' || c >= 0x20);
			if (c == '\n') {
				lines++;
				columns = 0;
			} else if ((c & 0xc0) != 0x80) { /* what takes three bytes here takes two columns */
				columns += c >= 0xe0 ? 2 : 1;
			}
			assert_true(columns <= 80);
		}
		assert_int_equal(lines, 2);
		buf_release(&out);
		json_decref(runs);
	}
}

/* ------------------------------------------------------------------ through the journal */

static char dir[] = "/tmp/drillbook-report-XXXXXX";

static enum err_code story_into_journal(void *arg, const struct event *event, struct err *why)
{
	struct event copy = *event;

	return journal_append(arg, &copy, 1, why);
}

static void record(struct journal *journal)
{
	struct story story = {.take = story_into_journal, .arg = journal, .epoch = 1,
		.boot = "11111111-2222-3333-4444-555555555555"};

	for (size_t i = 0; i < COUNT_OF(example); i++) {
		story.ms = example[i].ms;
		story.who = example[i].who;
		ok(story_tell(&story, example[i].kind, &err, "%s", example[i].payload));
	}
}

static char *rendered(struct journal *journal, int64_t run, enum report_format format)
{
	struct buf out;

	buf_init(&out, 1 << 24);
	ok(report_render(journal, run, format, &out, &err));
	return out.data;
}

static void from_the_journal(void **state)
{
	struct journal *journal;
	struct buf out;
	int64_t last;
	struct sha256 head;
	char hex[SHA256_HEX];

	(void)state;
	ok(journal_open(&journal, dir, JOURNAL_WRITE, &err));
	int64_t epoch;
	ok(journal_new_epoch(journal, &epoch, &err));
	record(journal);
	char *text = rendered(journal, STORY_RUN, REPORT_MARKDOWN);
	assert_true(str_starts(text, "# DRILL report, run 2042: Fail over\n"));
	assert_non_null(strstr(text, "- Sealed: **no**"));
	ok(journal_head(journal, STORY_RUN, &last, &head, &err));
	assert_non_null(strstr(text, sha256_hex(head, hex)));
	free(text);

	struct story ledger = {.ms = 8000, .epoch = 1, .boot = "11111111-2222-3333-4444-555555555555"};
	json_t *payload = json_object();
	json_put_int(payload, "run", STORY_RUN);
	json_put_int(payload, "events", last + 1);
	json_put_str(payload, "head", hex);
	struct event event = story_event(&ledger, EVENT_RUN_SEALED, payload);
	event.chain = 0;
	ok(journal_append(journal, &event, 1, &err));
	event_release(&event);

	char *json = rendered(journal, STORY_RUN, REPORT_JSON), *again = rendered(journal, STORY_RUN, REPORT_JSON);
	json_t *doc;
	assert_string_equal(json, again);
	ok(json_parse(json, strlen(json), &doc, &err));
	assert_true(json_flag(json_object_get(doc, "record"), "seal_matches", false));
	json_decref(doc);
	free(json);
	free(again);

	/* compared with itself nothing differs, in any of its parts */
	ok(report_compare(journal, STORY_RUN, STORY_RUN, &doc, &err));
	const json_t *row;
	size_t i;
	json_array_foreach(json_object_get(doc, "steps"), i, row) {
		assert_true(json_equal(json_object_get(row, "a"), json_object_get(row, "b")));
		assert_int_equal(json_int(row, "delta_ms", 0), 0);
	}
	assert_true(json_array_size(json_object_get(doc, "steps")) > 0);
	assert_true(json_array_size(json_object_get(doc, "kinds")) > 0);
	assert_int_equal(json_array_size(json_object_get(doc, "files")), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "params")), 0);
	json_decref(doc);
	refused(ERR_NOT_FOUND, report_compare(journal, STORY_RUN, 7, &doc, &err));

	buf_init(&out, 1 << 20);
	refused(ERR_NOT_FOUND, report_render(journal, 7, REPORT_JSON, &out, &err));
	refused(ERR_NOT_FOUND, report_render(journal, 0, REPORT_JSON, &out, &err));
	refused(ERR_NOT_FOUND, report_render(journal, -1, REPORT_MARKDOWN, &out, &err));
	const struct journal_filter all = {0}, none = {.mode = "live"};
	ok(report_history(journal, &all, &out, &err));
	assert_non_null(strstr(out.data, "failover@v7"));
	assert_non_null(strstr(out.data, "0:15 met    met"));
	buf_clear(&out);
	ok(report_history(journal, &none, &out, &err));
	assert_string_equal(out.data, "no runs\n");
	buf_release(&out);
	journal_close(journal);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	const char *argv[] = {"rm", "-r", dir, NULL};
	struct child child = {.argv = argv};

	(void)state;
	const enum err_code code = child_run(&child, &err);
	child_release(&child);
	return code != ERR_NONE;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table), cmocka_unit_test(never_wider_than_80), cmocka_unit_test(from_the_journal),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
