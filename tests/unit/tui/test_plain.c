/* test_plain.c: the plain client against a server written by hand: what it prints, what it
 * answers by itself, what it refuses to a missing terminal. */
#include "fake.h"

#include "drillbook/tui.h"

struct wishes {
	const char *const *approve, *const *confirm;
	bool yes_drill, quiet, interactive;
	int64_t still_every_ms;
};

static int plain_body(struct fake *fake)
{
	const struct wishes *wishes = fake->arg;
	struct client *client;
	struct err err = { 0 };
	int status = 99;

	if (client_open(&client, fake->dir, 0, &err) != ERR_NONE)
		return 98;
	const struct plain_options options = { .client = client,
		.run = FAKE_RUN,
		.in = stdin,
		.out = stdout,
		.interactive = wishes->interactive,
		.approve = wishes->approve,
		.confirm = wishes->confirm,
		.yes_drill = wishes->yes_drill,
		.quiet = wishes->quiet,
		.still_every_ms = wishes->still_every_ms };
	if (plain_run(&options, &status, &err) != ERR_NONE)
		printf("error: %s\n", err.text);
	fflush(stdout);
	client_close(client);
	return status;
}

static void begin_with(struct fake *fake, struct wishes *wishes, const char *started)
{
	fake_listen(fake);
	fake->arg = wishes;
	if (wishes->interactive)
		fake_on_terminal(fake, 80, 24, plain_body);
	else
		fake_on_pipes(fake, plain_body);
	fake_connected(fake);
	fake_event(fake, "run.started", started);
	fake_push(fake, "{\"people\":{\"run\":2042,\"lead\":\"op1\",\"lead_is_you\":true,"
			"\"watching\":1}}");
	fake_push(fake, "{\"caught_up\":{\"run\":2042,\"next\":1}}");
}

static void begin(struct fake *fake, struct wishes *wishes)
{
	begin_with(fake, wishes, fake_started);
}

static void start_step(struct fake *fake, const char *step)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"step\":\"%s\",\"attempt\":1,\"iteration\":0}", step);
	fake_event(fake, "step.started", text);
}

static void finish_step(struct fake *fake, const char *step, const char *outcome)
{
	char text[256];

	snprintf(text, sizeof(text),
		"{\"step\":\"%s\",\"attempt\":1,\"outcome\":\"%s\",\"outputs\":{},\"output\":{"
		"\"bytes\":10}}",
		step, outcome);
	fake_event(fake, "step.finished", text);
}

static void ask(struct fake *fake, const char *step, int id, const char *kind, int level)
{
	char text[800];

	snprintf(text, sizeof(text),
		"{\"step\":\"%s\",\"attempt\":1,\"ask\":%d,\"kind\":\"%s\",\"level\":%d,"
		"\"title\":\"the title\",\"text\":\"the text\","
		"\"digest\":\"dig%d\",\"word\":\"%s\",\"choices\":[{\"id\":\"%s\",\"label\":"
		"\"first\"},{\"id\":\"%s\",\"label\":\"second\"}],"
		"\"detail\":{\"op\":\"failover.promote\",\"target\":\"db\",\"args\":{\"wait\":"
		"\"30s\"},\"effect\":\"irreversible\"}}",
		step, id, kind, level, id, level >= 3 ? "drill" : "",
		str_eq(kind, "confirm")	 ? "yes"
		: str_eq(kind, "manual") ? "done"
					 : "retry",
		str_eq(kind, "confirm")	 ? "no"
		: str_eq(kind, "manual") ? "failed"
					 : "skip");
	fake_event(fake, "step.asked", text);
}

static void answered(struct fake *fake, int id, const char *step)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"ask\":%d,\"step\":\"%s\",\"answer\":\"yes\"}", id,
		step);
	fake_event(fake, "step.answered", text);
}

static void assert_answer(
	struct fake *fake, int id, const char *answer, const char *word, const char *note)
{
	json_t *request = fake_grant(fake, "answer");

	assert_int_equal(json_int(request, "ask", 0), id);
	assert_string_equal(json_str(request, "answer", ""), answer);
	assert_string_equal(json_str(request, "word", ""), word);
	assert_string_equal(json_str(request, "note", ""), note);
	char digest[16];
	snprintf(digest, sizeof(digest), "dig%d", id);
	assert_string_equal(json_str(request, "digest", ""), digest);
	json_decref(request);
}

static void assert_order(const struct fake *fake, const char *first, const char *second)
{
	const char *a = strstr(fake->said, first), *b = strstr(fake->said, second);

	if (a == NULL || b == NULL || a >= b)
		fail_msg("\"%s\" does not come before \"%s\" in:\n%s", first, second,
			fake->said);
}

/* ------------------------------------------------------------------ what is printed */

static void a_run_as_lines(void **state)
{
	struct wishes wishes = { 0 };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	fake.output = "one\r\n\033[31mtwo\n\xe2\x80\xae"
		      "flip";
	start_step(&fake, "fence");
	fake_event(&fake, "op.intent",
		"{\"step\":\"fence\",\"attempt\":1,\"ordinal\":0,\"key\":\"k\",\"op\":"
		"\"failover.fence\",\"target\":\"db\",\"effect\":\"costly\","
		"\"args\":{\"how\":\"hba\"},\"digest\":\"d\",\"before\":{},\"idempotent\":true,"
		"\"allowed\":true}");
	fake_says(&fake,
		"fence -> failover.fence db {\"how\":\"hba\"} (costly)"); /* before it has
									     happened */
	fake_event(&fake, "op.result",
		"{\"step\":\"fence\",\"attempt\":1,\"ordinal\":0,\"key\":\"k\",\"ok\":true,"
		"\"result\":{},\"began_ns\":1000000000,\"ended_ns\":2400000000}");
	finish_step(&fake, "fence", "ok");
	start_step(&fake, "promote");
	finish_step(&fake, "promote", "ok");
	fake_event(&fake, "service.marked",
		"{\"service\":\"orders\",\"reached\":\"verified\",\"step\":\"promote\"}");
	fake_event(&fake, "recovery.measured",
		"{\"service\":\"orders\",\"step\":\"promote\",\"lost\":0,\"unit\":\"orders\","
		"\"acknowledged\":120,\"rpa_ms\":0,\"basis\":\"compared\"}");
	fake_event(&fake, "note.added", "{\"text\":\"done \\u0007 it\",\"step\":\"\"}");
	fake_event(&fake, "run.ended", "{\"status\":\"done\",\"reason\":\"\"}");
	assert_int_equal(fake_exit(&fake), 0);
	assert_order(&fake, "run 2042 drill failover version 7",
		"step 1/2 fence: started, expected 0:15 (Fence it)");
	assert_order(&fake, "fence -> failover.fence db",
		"fence <- failover.fence db: done after 1.4s");
	assert_order(&fake, "fence | one\n", "fence | two\n");
	assert_order(&fake, "fence | <U+202E>flip\n", "step 1/2 fence: ok 0:0");
	assert_order(&fake, "step 1/2 fence: ok", "clock orders: 0:0");
	assert_non_null(strstr(fake.said, "note by op1: done ^G it"));
	assert_non_null(strstr(fake.said, "2 of 2 steps ok"));
	assert_non_null(strstr(fake.said, "orders: RTO MET: recovered in 0:0"));
	assert_non_null(
		strstr(fake.said, "orders: RPO met: 0 orders lost of 120 acknowledged"));
	assert_null(strchr(fake.said, '\033'));
	fake_release(&fake);
}

static void silence_is_told(void **state)
{
	struct wishes wishes = { .still_every_ms = 1 };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	start_step(&fake, "fence");
	fake_says(&fake, "step fence: still running, 0:0");
	fake_event(&fake, "run.ended", "{\"status\":\"failed\",\"reason\":\"x\"}");
	assert_int_equal(fake_exit(&fake), 1);
	fake_release(&fake);
}

static void push_forecast(struct fake *fake, int p50_s, int miss)
{
	char push[320];

	snprintf(push, sizeof(push),
		"{\"forecast\":{\"run\":2042,\"at_ns\":1,\"runs\":7,\"services\":[{\"service\":"
		"\"orders\",\"p50_ms\":%d000,\"p90_ms\":2100000,\"miss_per_mille\":%d,"
		"\"guessed\":1}],\"steps\":[]}}",
		p50_s, miss);
	fake_push(fake, push);
}

static void a_forecast_is_told_when_its_word_changes(void **state)
{
	struct wishes wishes = { 0 };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	push_forecast(&fake, 1450, 40);
	fake_says(&fake,
		"forecast orders: 24:10, nine times in ten within 35:00, of 30:00; RTO missed in 40 "
		"of 1000 cases, on track; of 1 step nobody knows how long it takes");
	push_forecast(&fake, 1451, 60);
	push_forecast(&fake, 1700, 240);
	fake_says(&fake, "forecast orders: 28:20, nine times in ten within 35:00, of 30:00; RTO "
			 "missed in 240 of 1000 cases, tight");
	assert_null(strstr(fake.said, "24:11"));
	push_forecast(&fake, 1900, 800);
	fake_says(&fake, "800 of 1000 cases, over");
	fake_event(&fake, "run.ended", "{\"status\":\"failed\",\"reason\":\"x\"}");
	assert_int_equal(fake_exit(&fake), 1);
	fake_release(&fake);
}

static void quiet_says_results_only(void **state)
{
	struct wishes wishes = { .quiet = true };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	fake.output = "chatter\n";
	start_step(&fake, "fence");
	finish_step(&fake, "fence", "ok");
	fake_event(&fake, "run.ended", "{\"status\":\"aborted\",\"reason\":\"enough\"}");
	assert_int_equal(fake_exit(&fake), 4);
	assert_non_null(strstr(fake.said, "run 2042 aborted, enough"));
	assert_null(strstr(fake.said, "chatter"));
	assert_null(strstr(fake.said, "started"));
	fake_release(&fake);
}

static void a_missed_objective_has_its_status(void **state)
{
	struct wishes wishes = { 0 };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	char text[160];
	snprintf(text, sizeof(text), "{\"clock\":\"t0\",\"at_ns\":%lld,\"basis\":\"stated\"}",
		(long long)(wall_now().ns - INT64_C(3600000000000)));
	fake_event(&fake, "clock.set", text);
	fake_event(&fake, "service.marked",
		"{\"service\":\"orders\",\"reached\":\"verified\",\"step\":\"promote\"}");
	fake_event(&fake, "run.ended", "{\"status\":\"done\",\"reason\":\"\"}");
	assert_int_equal(fake_exit(&fake), 3);
	assert_non_null(strstr(fake.said, "orders: RTO MISSED: recovered in 1:00:0"));
	assert_non_null(strstr(fake.said, "RPO not measured"));
	fake_release(&fake);
}

static void a_lost_server_is_told(void **state)
{
	struct wishes wishes = { 0 };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	fake_says(&fake, "run 2042 drill");
	wire_release(&fake.wire);
	close(fake.conn);
	fake.conn = -1;
	assert_int_equal(fake_exit(&fake), 5);
	assert_non_null(strstr(fake.said, "drillbook attach 2042"));
	fake_release(&fake);
}

/* ------------------------------------------------------------------ nobody there */

static void nothing_is_yes_by_default(void **state)
{
	static const struct {
		const char *kind;
		int level;
		bool yes_drill;
		const char *says;
	} rows[] = {
		{ "confirm", 1, false, "--approve fence was needed" },
		{ "confirm", 2, true, "--approve fence was needed" },
		{ "confirm", 3, true, "--confirm fence=drill was needed" },
		{ "manual", 0, true, "needs a human (manual: the title)" },
		{ "failed", 0, true, "needs a human (failed" },
		{ "unknown", 0, true, "needs a human (unknown" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct wishes wishes = { .yes_drill = rows[i].yes_drill };
		struct fake fake;
		begin(&fake, &wishes);
		start_step(&fake, "fence");
		ask(&fake, "fence", 1, rows[i].kind, rows[i].level);
		assert_int_equal(fake_exit(&fake), 5);
		if (strstr(fake.said, rows[i].says) == NULL)
			fail_msg("\"%s\" is not said: %s", rows[i].says, fake.said);
		assert_non_null(strstr(fake.said, "drillbook attach 2042"));
		fake_release(&fake);
	}
}

static void flags_answer_beforehand(void **state)
{
	static const char *const approve[] = { "fence", NULL }, *const confirm[] = {
		"promote=drill", NULL
	};
	struct wishes wishes = { .yes_drill = true, .approve = approve, .confirm = confirm };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	ask(&fake, "promote", 1, "confirm", 1);
	assert_answer(&fake, 1, "yes", "", "no terminal");
	answered(&fake, 1, "promote");
	ask(&fake, "fence", 2, "confirm", 2);
	assert_answer(&fake, 2, "yes", "", "");
	answered(&fake, 2, "fence");
	ask(&fake, "promote", 3, "confirm", 3);
	assert_answer(&fake, 3, "yes", "drill", "");
	answered(&fake, 3, "promote");
	/* approving a step at level 2 does not open level 3 */
	ask(&fake, "fence", 4, "confirm", 3);
	assert_int_equal(fake_exit(&fake), 5);
	fake_release(&fake);
}

static void a_wrong_word_confirms_nothing(void **state)
{
	static const char *const confirm[] = { "promote=orders", "fence=drill", "promote",
		"promote=", NULL };
	struct wishes wishes = { .yes_drill = true, .confirm = confirm };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	ask(&fake, "promote", 1, "confirm", 3);
	assert_int_equal(fake_exit(&fake), 5);
	fake_release(&fake);
}

static void live_runs_nothing_by_itself(void **state)
{
	struct wishes wishes = { .yes_drill = true };
	struct fake fake;
	json_t *started = fake_json(fake_started);

	(void)state;
	json_put_str(started, "mode", "live");
	char *text = json_line(started);
	begin_with(&fake, &wishes, text);
	ask(&fake, "fence", 1, "confirm", 1);
	assert_int_equal(fake_exit(&fake), 5);
	free(text);
	json_decref(started);
	fake_release(&fake);
}

static void others_questions_are_not_ours(void **state)
{
	struct wishes wishes = { .yes_drill = true };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	fake_push(&fake, "{\"people\":{\"run\":2042,\"lead\":\"op2\",\"lead_is_you\":false,"
			 "\"watching\":1}}");
	fake_event(&fake, "lead.taken", "{\"who\":\"op2\",\"from\":\"op1\"}");
	ask(&fake, "fence", 1, "confirm", 2);
	fake_says(&fake, "waits for an answer of op2");
	answered(&fake, 1, "fence");
	fake_event(&fake, "run.ended", "{\"status\":\"done\",\"reason\":\"\"}");
	assert_int_equal(fake_exit(&fake), 3); /* nothing verified the service */
	fake_release(&fake);
}

/* ------------------------------------------------------------------ a person there */

/* Types when the 300 ms in which lines are not taken are over: again and again until it is
 * taken. */
static json_t *type_until(struct fake *fake, const char *line, const char *what)
{
	const struct mono begin = mono_now();
	int64_t typed_ms = -1000;

	while (mono_ms_since(begin) < PATIENCE_MS) {
		if (mono_ms_since(begin) - typed_ms >= 500) {
			typed_ms = mono_ms_since(begin);
			fake_type(fake, line);
		}
		json_t *request = fake_pump(fake);
		if (request != NULL) {
			assert_string_equal(json_str(request, "do", ""), what);
			fake_answer(fake, request, json_object());
			return request;
		}
	}
	fail_msg("typing %s leads to nothing: %s", line, fake->said);
	return NULL;
}

static void questions_with_numbers(void **state)
{
	struct wishes wishes = { .interactive = true };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	ask(&fake, "fence", 1, "confirm", 2);
	fake_says(&fake, "Will do     failover.promote on db");
	fake_says(&fake, "Type Y (capital)");
	fake_type(&fake, "Y\n"); /* typed before it could be read, or pasted with more */
	json_t *request = type_until(&fake, "Y\n", "answer");
	assert_string_equal(json_str(request, "answer", ""), "yes");
	json_decref(request);
	answered(&fake, 1, "fence");

	ask(&fake, "promote", 2, "confirm", 3);
	fake_says(&fake, "Type drill and Enter");
	request = type_until(&fake, "drill\n", "answer");
	assert_string_equal(json_str(request, "word", ""), "drill");
	json_decref(request);
	answered(&fake, 2, "promote");

	ask(&fake, "promote", 3, "failed", 0);
	fake_says(&fake, "2  second");
	request = type_until(&fake, "1\n", "answer");
	assert_string_equal(json_str(request, "answer", ""), "retry");
	json_decref(request);
	fake_event(&fake, "run.ended", "{\"status\":\"failed\",\"reason\":\"\"}");
	assert_int_equal(fake_exit(&fake), 1);
	fake_release(&fake);
}

static void wrong_answers_do_nothing(void **state)
{
	static const char *const lines[] = { "y\n", "yes\n", "1\n", "0\n", "9\n", "-1\n",
		"99999999999999999999\n", " \n", "drill\n" };
	struct wishes wishes = { .interactive = true };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	ask(&fake, "fence", 1, "confirm", 2);
	fake_says(&fake, "Type Y (capital)");
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		const struct mono begun = mono_now();
		const size_t had = fake.said_len;
		/* it says something about each, besides the echo, and never answers; what comes
		 * too early is dropped */
		while (fake.said_len < had + 60) {
			assert_true(mono_ms_since(begun) < PATIENCE_MS);
			fake_type(&fake, lines[i]);
			for (int turn = 0; turn < 10; turn++)
				assert_null(fake_pump(&fake));
		}
	}
	json_t *request = type_until(&fake, "2\n", "answer");
	assert_string_equal(json_str(request, "answer", ""), "no");
	json_decref(request);
	fake_release(&fake);
}

static void pasted_lines_never_answer(void **state)
{
	struct wishes wishes = { .interactive = true };
	struct fake fake;
	const struct mono begun = mono_now();

	(void)state;
	begin(&fake, &wishes);
	ask(&fake, "fence", 1, "confirm", 2);
	fake_says(&fake, "Type Y (capital)");
	while (strstr(fake.said, "pasted lines never answer") == NULL) {
		assert_true(mono_ms_since(begun) < PATIENCE_MS);
		fake_type(&fake, "Y\nsecond line\n");
		for (int i = 0; i < 20; i++)
			assert_null(fake_pump(&fake)); /* above all no answer */
	}
	fake_release(&fake);
}

static void reasons_and_commands(void **state)
{
	struct wishes wishes = { .interactive = true };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	fake_says(&fake, "run 2042");
	json_t *request = type_until(&fake, "note it rains\n", "act");
	assert_string_equal(json_str(request, "action", ""), "note");
	assert_string_equal(json_str(request, "note", ""), "it rains");
	json_decref(request);
	ask(&fake, "fence", 1, "failed", 0);
	fake_says(&fake, "QUESTION about step fence");
	const struct mono begun = mono_now();
	while (strstr(fake.said, "Why? (a reason is needed)") == NULL) {
		assert_true(mono_ms_since(begun) < PATIENCE_MS);
		fake_type(&fake, "2\n");
		for (int i = 0; i < 20 && strstr(fake.said, "Why?") == NULL; i++)
			assert_null(fake_pump(&fake));
	}
	fake_type(&fake, "vendor asleep\n");
	assert_answer(&fake, 1, "skip", "", "vendor asleep");
	answered(&fake, 1, "fence");
	request = type_until(&fake, ":skip promote not needed\n", "act");
	assert_string_equal(json_str(request, "action", ""), "skip");
	assert_string_equal(json_str(request, "step", ""), "promote");
	assert_string_equal(json_str(request, "note", ""), "not needed");
	json_decref(request);
	fake_type(&fake, "leave\n");
	assert_int_equal(fake_exit(&fake), 5);
	assert_non_null(strstr(fake.said, "run 2042 continues"));
	fake_release(&fake);
}

static void two_interrupts_leave(void **state)
{
	struct wishes wishes = { .interactive = true };
	struct fake fake;

	(void)state;
	begin(&fake, &wishes);
	fake_says(&fake, "run 2042");
	fake_type(&fake, "\003");
	fake_says(&fake, "Ctrl-C does not stop the run");
	fake_type(&fake, "\003");
	assert_int_equal(fake_exit(&fake), 5);
	assert_non_null(strstr(fake.said, "run 2042 continues"));
	fake_release(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_as_lines),
		cmocka_unit_test(silence_is_told),
		cmocka_unit_test(a_forecast_is_told_when_its_word_changes),
		cmocka_unit_test(quiet_says_results_only),
		cmocka_unit_test(a_missed_objective_has_its_status),
		cmocka_unit_test(a_lost_server_is_told),
		cmocka_unit_test(nothing_is_yes_by_default),
		cmocka_unit_test(flags_answer_beforehand),
		cmocka_unit_test(a_wrong_word_confirms_nothing),
		cmocka_unit_test(live_runs_nothing_by_itself),
		cmocka_unit_test(others_questions_are_not_ours),
		cmocka_unit_test(questions_with_numbers),
		cmocka_unit_test(wrong_answers_do_nothing),
		cmocka_unit_test(pasted_lines_never_answer),
		cmocka_unit_test(reasons_and_commands),
		cmocka_unit_test(two_interrupts_leave),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
