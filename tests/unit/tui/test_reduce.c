/* test_reduce.c: what keys and messages do to the screen, and what is sent to the server. */
#include "scene.h"

/* ------------------------------------------------------------------ confirming */

static void open_confirm(struct scene *scene, int level)
{
	scene_init(scene, 80, 24);
	scene_promoting(scene, 20000);
	scene_event(scene, "op.intent", scene_intent);
	scene_ask(scene, 1, "confirm", level, scene_confirm);
	scene_forget_requests(scene);
	assert_int_equal(scene->screen.overlay, OVERLAY_DIALOG);
}

static void assert_unsent(struct scene *scene)
{
	assert_null(scene_request(scene, "answer"));
	assert_null(scene_request(scene, "act"));
}

static const json_t *sent(struct scene *scene)
{
	const struct request *request = scene_request(scene, "answer");

	assert_non_null(request);
	return request->body;
}

static void level_1_runs_on_enter(void **state)
{
	struct scene scene;

	(void)state;
	open_confirm(&scene, 1);
	assert_shows(&scene, "Will do     failover.promote on orders-standby");
	scene_pass(&scene, 301);
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(sent(&scene), "answer", ""), "yes");
	assert_string_equal(json_str(sent(&scene), "digest", ""), "d1g35t0123456789abcdef");
	assert_int_equal(json_int(sent(&scene), "ask", 0), 1);
	assert_int_equal(json_int(sent(&scene), "run", 0), SCENE_RUN);
	assert_int_equal(scene.screen.overlay, OVERLAY_NONE);
	scene_release(&scene);
}

static void level_2_needs_the_capital(void **state)
{
	static const uint32_t harmless[] = { K_ENTER, 'y', ' ', K_TAB, K_ENTER, K_DOWN, 'p',
		K_CTRL('y'), 'x' };
	struct scene scene;

	(void)state;
	open_confirm(&scene, 2);
	scene_pass(&scene, 301);
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.overlay, OVERLAY_DIALOG);
	for (size_t i = 0; i < COUNT_OF(harmless); i++) {
		scene_key(&scene, harmless[i]);
		for (size_t r = 0; r < scene.screen.request_count; r++)
			assert_string_not_equal(
				json_str(scene.screen.requests[r].body, "answer", ""), "yes");
	}
	scene_release(&scene);

	open_confirm(&scene, 2);
	scene_pass(&scene, 301);
	scene_key(&scene, 'Y');
	assert_string_equal(json_str(sent(&scene), "answer", ""), "yes");
	scene_release(&scene);
}

static void level_3_needs_the_word(void **state)
{
	struct scene scene;

	(void)state;
	open_confirm(&scene, 3);
	scene_pass(&scene, 301);
	scene_key(&scene, K_ENTER);
	scene_type(&scene, "Y");
	scene_key(&scene, K_ENTER);
	assert_unsent(&scene);
	scene_type(&scene, "Drill");
	scene_key(&scene, K_ENTER);
	assert_unsent(&scene);
	assert_shows(&scene, "that is not the word");
	scene_type(&scene, "drilll");
	scene_key(&scene, K_BACKSPACE);
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(sent(&scene), "answer", ""), "yes");
	assert_string_equal(json_str(sent(&scene), "word", ""), "drill");
	scene_release(&scene);
}

static void level_3_can_be_refused(void **state)
{
	struct scene scene;

	(void)state;
	open_confirm(&scene, 3);
	scene_pass(&scene, 301);
	scene_type(&scene, "no");
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(sent(&scene), "answer", ""), "no");
	scene_release(&scene);
}

static void keys_typed_before_are_dropped(void **state)
{
	struct scene scene;

	(void)state;
	open_confirm(&scene, 2);
	scene_key(&scene, 'Y');
	scene_pass(&scene, 299);
	scene_key(&scene, 'Y');
	scene_key(&scene, K_ESC);
	assert_unsent(&scene);
	assert_int_equal(scene.screen.overlay, OVERLAY_DIALOG);
	assert_int_equal(screen_due_ms(&scene.screen), 1);
	scene_pass(&scene, 1);
	scene_key(&scene, 'Y');
	assert_string_equal(json_str(sent(&scene), "answer", ""), "yes");
	assert_int_equal(screen_due_ms(&scene.screen), -1);
	scene_release(&scene);
}

static void pasted_text_never_confirms(void **state)
{
	struct scene scene;

	(void)state;
	for (int level = 1; level <= 3; level++) {
		open_confirm(&scene, level);
		scene_pass(&scene, 301);
		scene_paste(&scene, "Y");
		scene_paste(&scene, "drill\n");
		scene_paste(&scene, "\n");
		assert_unsent(&scene);
		assert_shows(&scene, "asted text");
		/* and nothing of it is left over in the field */
		scene_key(&scene, K_ENTER);
		if (level != 1)
			assert_unsent(&scene);
		scene_release(&scene);
	}
}

static void pasted_text_is_text_in_a_note(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_paste(&scene, "pqx");
	assert_int_equal(scene.screen.want, 0);
	assert_int_equal(scene.screen.request_count, 0);
	scene_key(&scene, '+');
	scene_paste(&scene, "two\nlines");
	assert_int_equal(scene.screen.overlay, OVERLAY_DIALOG);
	scene_key(&scene, K_ENTER);
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "note", ""), "two lines");
	assert_string_equal(json_str(scene_request(&scene, "act")->body, "action", ""), "note");
	scene_release(&scene);
}

static void nothing_unseen_is_confirmed(void **state)
{
	struct scene scene;
	char *text = xasprintf("\"title\":\"t\",\"digest\":\"d\",\"choices\":[],\"text\":\"%"
			       "0500d %0500d %0500d %0500d\"",
		1, 2, 3, 4);

	(void)state;
	scene_init(&scene, 60, 16);
	scene_promoting(&scene, 1000);
	scene_ask(&scene, 1, "confirm", 2, text);
	scene_forget_requests(&scene);
	scene_pass(&scene, 301);
	scene_key(&scene, 'Y');
	assert_unsent(&scene);
	assert_shows(&scene, "read it to its end first");
	for (int i = 0; i < 30; i++)
		scene_key(&scene, K_PGDN);
	scene_key(&scene, 'Y');
	assert_string_equal(json_str(sent(&scene), "answer", ""), "yes");
	free(text);
	scene_release(&scene);
}

static void too_small_a_terminal_confirms_nothing(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 50, 10);
	scene_promoting(&scene, 1000);
	scene_ask(&scene, 1, "confirm", 2, scene_confirm);
	scene_forget_requests(&scene);
	scene_pass(&scene, 301);
	scene_key(&scene, 'Y');
	assert_unsent(&scene);
	scene_size(&scene, 80, 24);
	scene_key(&scene, 'Y');
	assert_string_equal(json_str(sent(&scene), "answer", ""), "yes");
	scene_release(&scene);
}

static void a_question_that_goes_closes_its_dialog(void **state)
{
	struct scene scene;

	(void)state;
	open_confirm(&scene, 2);
	scene_event(&scene, "step.answered",
		"{\"ask\":1,\"step\":\"promote-standby\",\"answer\":\"yes\",\"digest\":\"x\"}");
	assert_int_equal(scene.screen.overlay, OVERLAY_NONE);
	/* asked again, with other facts: a dialog of its own, with its own 300 ms and its own
	 * digest */
	scene_pass(&scene, 1000);
	scene_ask(&scene, 2, "confirm", 2, "\"title\":\"t\",\"digest\":\"other\"");
	scene_key(&scene, 'Y');
	assert_unsent(&scene);
	scene_pass(&scene, 301);
	scene_key(&scene, 'Y');
	assert_string_equal(json_str(sent(&scene), "digest", ""), "other");
	assert_int_equal(json_int(sent(&scene), "ask", 0), 2);
	scene_release(&scene);
}

/* ------------------------------------------------------------------ who leads */

static void watchers_do_not_act(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_push(&scene, "{\"people\":{\"run\":2042,\"lead\":\"op2\",\"lead_is_you\":false,"
			   "\"watching\":2}}");
	scene_promoting(&scene, 1000);
	scene_ask(&scene, 1, "confirm", 2, scene_confirm);
	assert_int_equal(
		scene.screen.overlay, OVERLAY_NONE); /* not ours to answer: nothing jumps up */
	scene_key(&scene, 'p');
	assert_shows(&scene, "somebody else leads");
	scene_key(&scene, K_ENTER);
	scene_pass(&scene, 301);
	scene_key(&scene, 'Y');
	assert_unsent(&scene);
	scene_key(&scene, K_ESC);
	scene_key(&scene, 'L');
	assert_non_null(scene_request(&scene, "lead"));
	scene_push(&scene, "{\"people\":{\"run\":2042,\"lead\":\"op1\",\"lead_is_you\":true,"
			   "\"watching\":2}}");
	scene_key(&scene, K_ENTER);
	scene_pass(&scene, 301);
	scene_key(&scene, 'Y');
	assert_string_equal(json_str(sent(&scene), "answer", ""), "yes");
	scene_release(&scene);
}

/* ------------------------------------------------------------------ other questions */

static void manual_wants_its_checklist(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	scene_ask(&scene, 1, "manual", 0,
		"\"title\":\"Look\",\"text\":\"Is it "
		"back?\",\"choices\":[{\"id\":\"done\",\"label\":\"it is done\"},"
		"{\"id\":\"failed\",\"label\":\"no\"}],\"detail\":{\"checklist\":[\"rate\","
		"\"errors\"]}");
	scene_forget_requests(&scene);
	scene_pass(&scene, 301);
	scene_key(&scene, 'd');
	scene_key(&scene, K_ENTER);
	assert_unsent(&scene);
	assert_shows(&scene, "tick every item");
	scene_key(&scene, K_DOWN);
	scene_key(&scene, K_DOWN);
	scene_key(&scene, ' ');
	scene_key(&scene, ' ');
	scene_key(&scene, 'v');
	scene_type(&scene, "142/s");
	scene_key(&scene, K_ENTER);
	scene_key(&scene, 'd');
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(sent(&scene), "answer", ""), "done");
	assert_string_equal(json_str(sent(&scene), "value", ""), "142/s");
	scene_release(&scene);
}

static void decide_by_number(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	scene_ask(&scene, 1, "decide", 0,
		"\"title\":\"Who?\",\"choices\":[{\"id\":\"everyone\",\"label\":\"Everyone\"},{"
		"\"id\":\"nobody\",\"label\":\"Nobody\"}]");
	scene_pass(&scene, 301);
	scene_key(&scene, '2');
	assert_unsent(&scene);
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(sent(&scene), "answer", ""), "nobody");
	scene_release(&scene);
}

static const char scene_failed[] =
	"\"title\":\"failed\",\"choices\":[{\"id\":\"retry\",\"label\":\"run the step again\"},"
	"{\"id\":\"skip\",\"label\":\"pass over it\"},{\"id\":\"stop\",\"label\":\"end the run "
	"here\"}]";

static void fail_step(struct scene *scene)
{
	scene_init(scene, 80, 24);
	scene_promoting(scene, 1000);
	scene_event(scene, "step.finished",
		"{\"step\":\"promote-standby\",\"attempt\":1,\"outcome\":\"failed\",\"error\":{"
		"\"code\":\"UNREACHABLE\",\"text\":\"no answer\",\"world\":\"unchanged\"}}");
	scene_ask(scene, 1, "failed", 0, scene_failed);
	scene_forget_requests(scene);
	scene_pass(scene, 301);
}

static void failed_retry_and_skip(void **state)
{
	struct scene scene;

	(void)state;
	fail_step(&scene);
	assert_shows(&scene, "no answer");
	scene_key(&scene, 'r');
	assert_unsent(&scene); /* one key only moves */
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(sent(&scene), "answer", ""), "retry");
	scene_release(&scene);

	fail_step(&scene);
	scene_key(&scene, K_ESC);
	assert_int_equal(scene.screen.overlay, OVERLAY_NONE);
	scene_key(&scene, 's'); /* the wish finds the open question */
	scene_pass(&scene, 301);
	scene_key(&scene, K_ENTER);
	scene_key(&scene, K_ENTER);
	assert_unsent(&scene);
	assert_shows(&scene, "a reason is needed");
	scene_type(&scene, "vendor asleep");
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(sent(&scene), "answer", ""), "skip");
	assert_string_equal(json_str(sent(&scene), "note", ""), "vendor asleep");
	scene_release(&scene);
}

static void unknown_retry_needs_the_capital(void **state)
{
	static const char choices[] =
		"\"title\":\"Did it "
		"happen?\",\"choices\":[{\"id\":\"verify\",\"label\":\"look\"},{\"id\":"
		"\"retry\",\"label\":\"again\"},"
		"{\"id\":\"done\",\"label\":\"yes\"},{\"id\":\"not_done\",\"label\":\"no\"}],"
		"\"detail\":{\"key\":\"2042/promote-standby/0/2\"}";
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	scene_event(&scene, "op.intent", scene_intent);
	scene_ask(&scene, 1, "unknown", 0, choices);
	scene_forget_requests(&scene);
	scene_pass(&scene, 301);
	assert_shows(&scene, "Was to do   failover.promote on orders-standby");
	scene_key(&scene, 'Y');
	scene_key(&scene, 't');
	scene_key(&scene, K_ENTER);
	assert_unsent(&scene);
	scene_key(&scene, 'Y');
	assert_string_equal(json_str(sent(&scene), "answer", ""), "retry");
	scene_release(&scene);

	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	scene_ask(&scene, 1, "unknown", 0, choices);
	scene_forget_requests(&scene);
	scene_pass(&scene, 301);
	scene_key(&scene, 'n');
	scene_key(&scene, K_ENTER);
	scene_type(&scene, "looked at the host");
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(sent(&scene), "answer", ""), "not_done");
	assert_string_equal(json_str(sent(&scene), "note", ""), "looked at the host");
	scene_release(&scene);
}

static void many_questions_queue(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	scene_ask(&scene, 1, "confirm", 2, scene_confirm);
	scene_event(&scene, "step.asked",
		"{\"step\":\"which\",\"attempt\":1,\"ask\":2,\"kind\":\"decide\",\"level\":0,"
		"\"title\":\"Who?\",\"choices\":[]}");
	assert_int_equal(scene.screen.dialog.ask, 1);
	scene_pass(&scene, 301);
	scene_key(&scene, K_ESC);
	assert_int_equal(scene.screen.dialog.ask, 2); /* the next one comes by itself, once */
	scene_pass(&scene, 301);
	scene_key(&scene, K_ESC);
	assert_int_equal(scene.screen.overlay, OVERLAY_NONE);
	scene_key(&scene, 'A');
	scene_key(&scene, K_DOWN);
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.dialog.ask, 2);
	scene_release(&scene);
}

/* ------------------------------------------------------------------ wishes */

static void acting(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	scene_forget_requests(&scene);
	scene_key(&scene, 'p');
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "action", ""), "pause");
	scene_event(&scene, "run.paused", "{\"reason\":\"\"}");
	assert_shows(&scene, "PAUSED");
	scene_forget_requests(&scene);
	scene_key(&scene, 'p');
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "action", ""), "continue");
	scene_forget_requests(&scene);

	scene_key(&scene, 'x');
	scene_key(&scene, K_ENTER);
	assert_unsent(&scene);
	scene_key(&scene, 'Y');
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "action", ""), "stop_step");
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "step", ""), "promote-standby");
	scene_forget_requests(&scene);

	scene_key(&scene, K_DOWN);
	scene_key(&scene, 's');
	scene_type(&scene, "not today");
	scene_key(&scene, K_ENTER);
	assert_string_equal(json_str(scene_request(&scene, "act")->body, "action", ""), "skip");
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "step", ""), "repoint-dns");
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "note", ""), "not today");
	scene_forget_requests(&scene);

	scene_type(&scene, ":abort");
	scene_key(&scene, K_ENTER);
	scene_key(&scene, 'Y');
	assert_unsent(&scene);
	scene_type(&scene, "wrong region");
	scene_key(&scene, K_ENTER);
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "action", ""), "abort");
	assert_string_equal(
		json_str(scene_request(&scene, "act")->body, "note", ""), "wrong region");
	assert_null(json_object_get(scene_request(&scene, "act")->body, "step"));
	scene_release(&scene);
}

static void refusals_say_why(void **state)
{
	static const struct {
		uint32_t key;
		const char *why;
	} rows[] = {
		{ 's', "x stops it" },
		{ 'r', "can be retried" },
		{ K_ENTER, "asks nothing" },
		{ 'A', "nothing needs attention" },
		{ 'L', "you lead already" },
		{ 'Z', "does nothing here" },
	};
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		scene_key(&scene, rows[i].key);
		assert_shows(&scene, rows[i].why);
	}
	scene_type(&scene, ":abrot");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "did you mean :abort");
	scene_event(&scene, "run.ended", "{\"status\":\"aborted\",\"reason\":\"enough\"}");
	scene_key(&scene, 'p');
	assert_shows(&scene, "the run has ended");
	scene_release(&scene);
}

static void leaving(void **state)
{
	struct scene scene;
	char farewell[160];

	(void)state;
	scene_init(&scene, 80, 24);
	scene_key(&scene, K_CTRL('c'));
	assert_int_equal(scene.screen.want, 0);
	assert_shows(&scene, "Ctrl-C stops nothing");
	scene_key(&scene, K_DOWN);
	scene_key(&scene, K_CTRL('c'));
	assert_int_equal(scene.screen.want, 0); /* not twice in a row */
	scene_key(&scene, K_CTRL('c'));
	assert_int_equal(scene.screen.want, WANT_LEAVE);
	screen_farewell(&scene.screen, farewell, sizeof(farewell));
	assert_non_null(strstr(farewell, "run 2042 continues"));
	assert_non_null(strstr(farewell, "drillbook attach 2042"));
	scene.screen.want = 0;
	scene_key(&scene, K_ESC); /* back, never quits */
	assert_int_equal(scene.screen.want, 0);
	assert_int_equal(scene.screen.view, VIEW_HOME);
	scene_key(&scene, '3');
	assert_int_equal(scene.screen.view, VIEW_RUN);
	scene_key(&scene, K_CTRL('z'));
	assert_int_equal(scene.screen.want, WANT_SUSPEND);
	scene.screen.want = 0;
	scene_key(&scene, K_CTRL('l'));
	assert_int_equal(scene.screen.want, WANT_REDRAW);
	scene_release(&scene);
}

/* No key from anywhere ever leads to a changed world by itself: every key on the Run screen,
 * each from a fresh start. */
static void no_single_key_acts(void **state)
{
	(void)state;
	for (uint32_t key = 1; key < 0x7f; key++) {
		struct scene scene;
		scene_init(&scene, 80, 24);
		scene_promoting(&scene, 1000);
		scene_ask(&scene, 1, "confirm", 2, scene_confirm);
		scene_pass(&scene, 301);
		scene_key(&scene, K_ESC);
		scene_forget_requests(&scene);
		scene_key(&scene, key);
		assert_null(scene_request(&scene, "answer"));
		const struct request *act = scene_request(&scene, "act");
		if (act != NULL && key != 'p') /* a pause only holds back */
			fail_msg("key %u sent %s", (unsigned)key,
				json_str(act->body, "action", ""));
		scene_release(&scene);
	}
}

/* ------------------------------------------------------------------ output */

static void output_is_asked_for_at_frames(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	screen_frame(&scene.screen);
	const struct request *request = scene_request(&scene, "output");
	assert_non_null(request);
	assert_string_equal(json_str(request->body, "step", ""), "promote-standby");
	assert_int_equal(json_int(request->body, "offset", 0), -OUTPUT_PIECE);
	scene_forget_requests(&scene);
	screen_frame(&scene.screen);
	assert_null(scene_request(&scene, "output")); /* one at a time */
	scene_answer(&scene, TAG_OUTPUT,
		"{\"ok\":true,\"offset\":0,\"size\":6,\"data\":\"Zmlyc3QK\"}");
	screen_frame(&scene.screen);
	assert_null(scene_request(&scene, "output")); /* nothing new */
	scene_push(&scene, "{\"tail\":{\"run\":2042,\"step\":\"promote-standby\",\"attempt\":1,"
			   "\"size\":10}}");
	screen_frame(&scene.screen);
	assert_int_equal(json_int(scene_request(&scene, "output")->body, "offset", 0), 6);
	scene_answer(&scene, TAG_OUTPUT,
		"{\"ok\":true,\"offset\":6,\"size\":10,\"data\":\"dHdvCg==\"}");
	assert_shows(&scene, "first");
	assert_shows(&scene, "two");
	scene_forget_requests(&scene);
	/* an empty answer is not asked for again thirty times a second */
	scene_push(&scene, "{\"tail\":{\"run\":2042,\"step\":\"promote-standby\",\"attempt\":1,"
			   "\"size\":14}}");
	screen_frame(&scene.screen);
	scene_answer(
		&scene, TAG_OUTPUT, "{\"ok\":true,\"offset\":10,\"size\":10,\"data\":\"\"}");
	scene_forget_requests(&scene);
	screen_frame(&scene.screen);
	assert_null(scene_request(&scene, "output"));
	scene_release(&scene);
}

static void a_flood_is_skipped(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 1000);
	screen_frame(&scene.screen);
	scene_answer(&scene, TAG_OUTPUT,
		"{\"ok\":true,\"offset\":0,\"size\":6,\"data\":\"Zmlyc3QK\"}");
	scene_push(&scene, "{\"tail\":{\"run\":2042,\"step\":\"promote-standby\",\"attempt\":1,"
			   "\"size\":2000000000}}");
	scene_forget_requests(&scene);
	screen_frame(&scene.screen);
	assert_int_equal(
		json_int(scene_request(&scene, "output")->body, "offset", 0), -OUTPUT_PIECE);
	scene_answer(&scene, TAG_OUTPUT,
		"{\"ok\":true,\"offset\":1999999996,\"size\":2000000000,\"data\":\"dHdvCg=="
		"\"}");
	assert_hides(&scene, "first");
	assert_true(scene.screen.out.len <= OUTPUT_PIECE);
	scene_release(&scene);
}

/* ------------------------------------------------------------------ home */

static void assert_started(struct scene *scene, const char *runbook, const char *mode)
{
	json_t *what = form_json(&scene->screen.form);

	assert_int_equal(scene->screen.want, WANT_START);
	assert_string_equal(json_str(what, "runbook", ""), runbook);
	assert_string_equal(json_str(what, "mode", ""), mode);
	scene->screen.want = 0;
	json_decref(what);
}

static void home_starts_and_attaches(void **state)
{
	struct scene scene = { .wall_ms = SCENE_BEGIN_MS, .mono_ms = 5000 };
	json_t *summary =
		scene_json("{\"workspace\":{\"name\":\"shop\"},\"services\":[{\"name\":\"a\"},{"
			   "\"name\":\"b\"}],"
			   "\"runbooks\":[{\"name\":\"one\",\"service\":\"a\",\"valid\":true},{"
			   "\"name\":\"two\",\"service\":\"b\",\"valid\":true}]}");

	(void)state;
	screen_init(&scene.screen, summary, false);
	cells_init(&scene.cells, 80, 24);
	scene_draw(&scene);
	screen_frame(&scene.screen);
	assert_non_null(scene_request(&scene, "runs"));
	scene_answer(&scene, TAG_RUNS,
		"{\"ok\":true,\"runs\":[{\"run\":7,\"status\":\"open\",\"mode\":\"drill\","
		"\"runbook\":\"one\",\"asks\":1,\"started_ns\":1}]}");
	scene_key(&scene, K_DOWN);
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "two");
	assert_hides(&scene, "> one");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "START");
	assert_int_equal(scene.screen.want, 0);
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.want, 0); /* what it asks for is not known yet */
	scene_answer(&scene, TAG_BOOK, "{\"about\":\"two\",\"document\":{\"params\":[]}}");
	scene_key(&scene, K_ENTER);
	assert_started(&scene, "two", "drill");
	scene_key(&scene, K_ESC);

	screen_suggest(&scene.screen, "one");
	scene.screen.suggest_mode = "live";
	scene_key(&scene, K_ENTER);
	scene_answer(&scene, TAG_BOOK, "{\"about\":\"one\",\"document\":{\"params\":[]}}");
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.want, 0); /* live: not on Enter */
	scene_paste(&scene, "Y");
	assert_int_equal(scene.screen.want, 0); /* nor pasted */
	scene_key(&scene, 'Y');
	assert_started(&scene, "one", "live");
	scene_key(&scene, K_ESC);

	scene_forget_requests(&scene);
	scene_key(&scene, 'A');
	scene_key(&scene, K_ENTER);
	assert_int_equal(json_int(scene_request(&scene, "attach")->body, "run", 0), 7);
	assert_int_equal(scene.screen.view, VIEW_RUN);
	scene_release(&scene);
	json_decref(summary);
}

static void the_palette_completes(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_key(&scene, ':');
	scene_type(&scene, "sk");
	assert_shows(&scene, " skip");
	scene_key(&scene, K_TAB);
	assert_string_equal(scene.screen.palette.text, "skip");
	scene_key(&scene, K_CTRL('u'));
	scene_type(&scene, "wr");
	scene_key(&scene, K_TAB);
	assert_string_equal(scene.screen.palette.text, "wrap");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "long lines are folded");
	scene_key(&scene, ':');
	scene_type(&scene, "zzz");
	scene_key(&scene, K_TAB);
	assert_string_equal(scene.screen.palette.text, "zzz");
	scene_release(&scene);
}

static void a_broken_record_says_so(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_push(&scene,
		"{\"event\":{\"run\":2042,\"pos\":99,\"kind\":\"run.paused\",\"data\":{}}}");
	assert_true(scene.screen.broken);
	assert_shows(&scene, "cannot follow");
	scene_push(&scene, "{\"event\":{\"run\":2042}}");
	scene_push(&scene, "{\"tail\":{\"run\":2042,\"step\":\"nonsense\"}}");
	scene_push(&scene, "{\"event\":[1,2]}");
	scene_push(&scene, "{}");
	scene_release(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(level_1_runs_on_enter),
		cmocka_unit_test(level_2_needs_the_capital),
		cmocka_unit_test(level_3_needs_the_word),
		cmocka_unit_test(level_3_can_be_refused),
		cmocka_unit_test(keys_typed_before_are_dropped),
		cmocka_unit_test(pasted_text_never_confirms),
		cmocka_unit_test(pasted_text_is_text_in_a_note),
		cmocka_unit_test(nothing_unseen_is_confirmed),
		cmocka_unit_test(too_small_a_terminal_confirms_nothing),
		cmocka_unit_test(a_question_that_goes_closes_its_dialog),
		cmocka_unit_test(watchers_do_not_act),
		cmocka_unit_test(manual_wants_its_checklist),
		cmocka_unit_test(decide_by_number),
		cmocka_unit_test(failed_retry_and_skip),
		cmocka_unit_test(unknown_retry_needs_the_capital),
		cmocka_unit_test(many_questions_queue),
		cmocka_unit_test(acting),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(leaving),
		cmocka_unit_test(no_single_key_acts),
		cmocka_unit_test(output_is_asked_for_at_frames),
		cmocka_unit_test(a_flood_is_skipped),
		cmocka_unit_test(home_starts_and_attaches),
		cmocka_unit_test(the_palette_completes),
		cmocka_unit_test(a_broken_record_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
