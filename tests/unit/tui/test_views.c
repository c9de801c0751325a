/* test_views.c: the screens besides Home and Run: what they ask for, what they show, how one
 * comes to them and back. */
#include "scene.h"
#include "view.h"

static const char runs[] =
	"{\"ok\":true,\"runs\":["
	"{\"run\":2043,\"runbook\":\"failover\",\"version\":8,\"digest\":\"bb\",\"mode\":\"drill\","
	"\"status\":\"done\",\"service\":\"orders\",\"started_ns\":1794923551000000000,\"asks\":0,"
	"\"rta_ms\":1351000,\"rto_ms\":1800000,\"rto\":\"met\",\"services\":[{\"name\":\"orders\","
	"\"rta_ms\":1351000,\"rto_ms\":1800000,\"rto\":\"met\",\"rpo_ms\":0,\"rpo\":\"met\","
	"\"lost\":0,\"unit\":\"orders\"}],\"lead\":\"op1\",\"started_by\":\"op1\"},"
	"{\"run\":2042,\"runbook\":\"failover\",\"version\":8,\"digest\":\"bb\",\"mode\":\"live\","
	"\"status\":\"open\",\"service\":\"orders\",\"started_ns\":1794910000000000000,\"asks\":1},"
	"{\"run\":2040,\"runbook\":\"failover\",\"version\":7,\"digest\":\"aa\",\"mode\":\"drill\","
	"\"status\":\"failed\",\"service\":\"orders\",\"started_ns\":1793973751000000000,\"asks\":0,"
	"\"rto\":\"missed\"}]}";

static const char summary[] =
	"{\"workspace\":{\"name\":\"shop\"},\"services\":[{\"name\":\"orders\",\"tier\":1}],"
	"\"runbooks\":[{\"name\":\"failover\",\"version\":8,\"digest\":\"cc\",\"service\":\"orders\","
	"\"steps\":14,\"dangerous\":3,\"valid\":true},{\"name\":\"broken\",\"version\":1,"
	"\"digest\":\"dd\",\"steps\":1,\"valid\":false}],"
	"\"drills\":[{\"name\":\"quarterly\",\"runbook\":\"failover\",\"every\":\"90d\","
	"\"every_ms\":7776000000,\"owner\":\"ops\"},{\"name\":\"surprise\",\"runbook\":\"broken\","
	"\"every_ms\":86400000,\"surprise\":true,\"from\":\"2026-11-01\",\"until\":\"2026-12-01\"}]}";

static json_t *home;

/* A screen on Home, without a run. */
static void begin(struct scene *scene, int width, int height)
{
	*scene = (struct scene){ .wall_ms = SCENE_BEGIN_MS, .mono_ms = 5000 };
	home = scene_json(summary);
	screen_init(&scene->screen, home, false);
	cells_init(&scene->cells, width, height);
	scene_size(scene, width, height);
	scene_answer(scene, TAG_RUNS, runs);
}

static void end(struct scene *scene)
{
	scene_release(scene);
	json_decref(home);
}

static void document(struct scene *scene, enum tag tag, const char *about, const char *text)
{
	char *answer = xasprintf("{\"about\":\"%s\",\"document\":%s}", about, text);

	scene_answer(scene, tag, answer);
	free(answer);
}

static void number_keys_jump(void **state)
{
	static const struct {
		uint32_t key;
		enum view view;
	} keys[] = { { '2', VIEW_BOOKS }, { '4', VIEW_DRILLS }, { '5', VIEW_HISTORY },
		{ '6', VIEW_REPORT }, { '1', VIEW_HOME } };
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	for (size_t from = 0; from < COUNT_OF(keys); from++)
		for (size_t to = 0; to < COUNT_OF(keys); to++) {
			scene_key(&scene, keys[from].key);
			scene_key(&scene, keys[to].key);
			assert_int_equal(scene.screen.view, keys[to].view);
		}
	scene_key(&scene, '3');
	assert_shows(&scene, "3 run: no run is open here");
	end(&scene);
}

static void runbooks(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	scene_key(&scene, '2');
	screen_frame(&scene.screen);
	const struct request *asked = scene_request(&scene, "runbook");
	assert_non_null(asked);
	assert_int_equal(asked->tag, TAG_BOOK);
	assert_string_equal(json_str(asked->body, "runbook", ""), "failover");
	assert_shows(&scene, "24h ago, done, CHANGED since");
	assert_shows(&scene, "broken               v1   dd          1       0  never drilled  "
			     "MISTAKES");
	assert_shows(&scene, "reading it ...");
	document(&scene, TAG_BOOK, "failover",
		"{\"name\":\"failover\",\"title\":\"Fail over\",\"params\":[{\"name\":\"site\","
		"\"type\":\"choice\",\"required\":true,\"help\":\"where to\"}],\"steps\":[{\"id\":"
		"\"fence\",\"kind\":\"script\",\"level\":2,\"uses\":{\"failover.fence\":[\"db\"]}}]}");
	assert_shows(&scene, "site: choice, asked for: where to");
	assert_shows(&scene, "1 fence!  script");
	assert_shows(&scene, "may failover.fence db");
	scene_key(&scene, K_DOWN);
	assert_shows(&scene, ">");
	document(&scene, TAG_BOOK, "failover", "{\"name\":\"late answer\"}");
	screen_frame(&scene.screen);
	assert_hides(&scene, "late answer");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "this runbook has mistakes");
	scene_key(&scene, K_UP);
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.overlay, OVERLAY_FORM);
	assert_shows(&scene, "START failover");
	end(&scene);
}

static void drills(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	scene_key(&scene, '4');
	assert_shows(&scene, "DRILLS  2 planned, 1 overdue");
	scene_key(&scene, 'G');
	assert_shows(&scene, "window 2026-11-01 to 2026-12-01; the day is drawn within it and told to "
			     "nobody");
	end(&scene);
	begin(&scene, 80, 24);
	json_object_del(home, "drills");
	scene_key(&scene, '4');
	assert_shows(&scene, "drills.yaml of this workspace plans no drill");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "no drill is planned");
	end(&scene);
}

static void history_and_report(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	scene_key(&scene, '5');
	assert_shows(&scene, "2043 11-17 13:52 failover@v8          done      22:31 met");
	assert_shows(&scene, "orders: recovered in 22:31 of 30m (met), RPO 0 met, 0 orders lost");
	assert_shows(&scene, "! ASKS");
	scene_key(&scene, K_ENTER); /* an ended run: its report */
	assert_int_equal(scene.screen.view, VIEW_REPORT);
	screen_frame(&scene.screen);
	const struct request *asked = scene_request(&scene, "report");
	assert_int_equal(json_int(asked->body, "run", 0), 2043);
	document(&scene, TAG_REPORT, "2043",
		"{\"mode\":\"drill\",\"run\":2043,\"status\":\"done\",\"runbook\":{\"name\":\"failover\"},"
		"\"services\":[{\"name\":\"orders\",\"rto\":{\"objective_ms\":1800000,\"actual_ms\":"
		"1351000,\"margin_ms\":449000,\"verdict\":\"met\"},\"rpo\":{\"verdict\":\"none\"},"
		"\"partition_ms\":{\"detect\":70000,\"machine\":1281000,\"idle\":0,\"sum\":1351000}}],"
		"\"steps\":[{\"id\":\"snapshot\",\"actual_ms\":410000,\"attempts\":1,\"state\":\"ok\"}],"
		"\"pace\":{\"snapshot\":{\"p50_ms\":330000}}}");
	assert_shows(&scene, "[DRILL] REPORT  run 2043  failover");
	assert_shows(&scene, "RTO 30:00   recovered in 22:31   met   margin 7:29");
	assert_shows(&scene, "time: detect 1:10 | machine 21:21");
	assert_shows(&scene, "6:50    5:30   +1:20   1 ok");
	scene_key(&scene, 'm');
	assert_true(scene.screen.want & WANT_SHOW);
	assert_string_equal(scene.screen.show, "markdown");
	scene_key(&scene, 'c'); /* with the run before of the same runbook and mode */
	assert_int_equal(scene.screen.view, VIEW_COMPARE);
	assert_int_equal(scene.screen.compare_a, 2040);
	assert_int_equal(scene.screen.compare_b, 2043);
	scene_key(&scene, K_ESC);
	assert_int_equal(scene.screen.view, VIEW_HISTORY);
	scene_key(&scene, K_DOWN);
	scene_key(&scene, K_ENTER); /* an open run: the run */
	assert_int_equal(scene.screen.view, VIEW_RUN);
	assert_int_equal(scene.screen.run_id, 2042);
	end(&scene);
}

static void comparing(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	scene_key(&scene, '5');
	scene_key(&scene, 'c');
	assert_shows(&scene, "comparing 2043 with ...");
	scene_key(&scene, 'G');
	scene_key(&scene, 'c');
	screen_frame(&scene.screen);
	const struct request *asked = scene_request(&scene, "compare");
	assert_int_equal(json_int(asked->body, "a", 0), 2040); /* the older one first */
	assert_int_equal(json_int(asked->body, "b", 0), 2043);
	document(&scene, TAG_COMPARE, "2040 2043",
		"{\"a\":{\"run\":2040,\"mode\":\"drill\"},\"b\":{\"run\":2043,\"mode\":\"drill\","
		"\"runbook\":{\"name\":\"failover\"}},\"steps\":[{\"id\":\"snapshot\",\"a\":{\"state\":"
		"\"ok\",\"ms\":330000,\"attempts\":1},\"b\":{\"state\":\"ok\",\"ms\":410000,\"attempts\":1},"
		"\"delta_ms\":80000},{\"id\":\"new-one\",\"a\":null,\"b\":{\"state\":\"ok\",\"ms\":5000}}],"
		"\"files\":[{\"path\":\"failover.yaml\",\"change\":\"changed\",\"lines\":[\"@@ -1,1 +1,1 "
		"@@\",\"-version: 7\",\"+version: 8\"]}]}");
	assert_shows(&scene, "snapshot                      5:30      6:50     +1:20");
	assert_shows(&scene, "only in B");
	assert_shows(&scene, "+version: 8");
	scene_key(&scene, '/');
	scene_type(&scene, "VERSION: 8");
	scene_key(&scene, K_ENTER);
	scene_draw(&scene);
	bool marked = false;
	for (int i = 0; i < scene.cells.width * scene.cells.height; i++)
		marked = marked || (scene.cells.at[i].style == STYLE_SELECTED &&
					   scene.cells.at[i].ch == '8');
	assert_true(marked);
	scene_key(&scene, '/');
	scene_type(&scene, "nothing like it");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "is not here");
	scene_key(&scene, 'x');
	assert_int_equal(scene.screen.compare_a, 2043);
	scene_key(&scene, ':');
	scene_type(&scene, "compare 1");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "compare");
	end(&scene);
}

/* What needs somebody, wherever it is: other runs' questions, outcomes nobody knows, overdue
 * drills. */
static void attention(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	scene_answer(&scene, TAG_RUNS,
		"{\"ok\":true,\"runs\":[{\"run\":2044,\"runbook\":\"failover\",\"mode\":\"live\","
		"\"status\":\"open\",\"asks\":1,\"started_ns\":1795010000000000000},"
		"{\"run\":2041,\"runbook\":\"restore\",\"mode\":\"live\",\"status\":\"failed\","
		"\"unknown\":2,\"started_ns\":1794010000000000000}]}");
	assert_true(scene.screen.want & WANT_CALL); /* it did not ask before */
	assert_string_equal(scene.screen.call, "run 2044 failover asks");
	assert_shows(&scene, "Needs attention 4");
	scene_key(&scene, 'A');
	assert_shows(&scene, "> asks      run 2044 failover");
	assert_shows(&scene, "UNKNOWN   run 2041 restore: an outcome nobody knows");
	assert_shows(&scene, "overdue   drill surprise of broken");
	scene_key(&scene, K_DOWN);
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.view, VIEW_REPORT);
	assert_int_equal(scene.screen.report_run, 2041);
	scene_key(&scene, 'A');
	scene_key(&scene, 'G');
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.view, VIEW_DRILLS);
	assert_int_equal(scene.screen.places[VIEW_DRILLS].cursor, 1);
	scene_key(&scene, 'A');
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.run_id, 2044);
	end(&scene);
}

static void the_kill_switch(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	json_put_str(json_object_get(home, "workspace"), "root", "/srv/shop");
	scene_key(&scene, '1');
	scene_pass(&scene, 3000);
	screen_frame(&scene.screen);
	assert_string_equal(json_str(scene_request(&scene, "drills")->body, "action", ""), "list");
	scene_answer(&scene, TAG_HALTED,
		"{\"ok\":true,\"halted\":{\"/srv/shop\":{\"who\":\"ann\",\"reason\":\"smoke\"}}}");
	assert_shows(&scene, "DRILLS ARE STOPPED by ann: smoke");
	scene_forget_requests(&scene);
	scene_key(&scene, ':');
	scene_type(&scene, "allow-drills");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "write why: :allow-drills REASON");
	scene_key(&scene, ':');
	scene_type(&scene, "allow-drills it was toast");
	scene_key(&scene, K_ENTER);
	const struct request *request = scene_request(&scene, "drills");
	assert_string_equal(json_str(request->body, "action", ""), "allow");
	assert_string_equal(json_str(request->body, "workspace", ""), "/srv/shop");
	assert_string_equal(json_str(request->body, "note", ""), "it was toast");
	scene_answer(&scene, TAG_HALTED, "{\"ok\":true,\"halted\":{}}");
	assert_hides(&scene, "STOPPED");
	end(&scene);
}

static void a_document_that_does_not_come(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	scene_key(&scene, '6');
	screen_frame(&scene.screen);
	scene_answer(&scene, TAG_REPORT,
		"{\"about\":\"2043\",\"error\":{\"text\":\"the journal cannot be read\"}}");
	assert_shows(&scene, "the journal cannot be read");
	end(&scene);
}

static void of_the_run(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_promoting(&scene, 20000);
	scene_event(&scene, "op.intent", scene_intent);
	scene_key(&scene, 'v');
	assert_shows(&scene, "[DRILL] VALUES  run 2042 failover-to-dr");
	assert_shows(&scene, "1 declare");
	assert_shows(&scene, "lag_bytes = 0");
	scene_key(&scene, 't');
	assert_shows(&scene, "TIMELINE");
	assert_shows(&scene, "5 RUN  promote-standby");
	scene_key(&scene, 'g');
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.view, VIEW_RUN);
	assert_int_equal(scene.screen.cursor, 0);
	scene_key(&scene, 'f');
	scene_key(&scene, 'i');
	assert_shows(&scene, "STEP 5 of 8: promote-standby");
	assert_hides(&scene, "Forecast");
	char *push = xasprintf("{\"forecast\":{\"run\":2042,\"at_ns\":%lld,\"services\":[{\"service\":"
			       "\"orders-db\",\"p50_ms\":1,\"p90_ms\":1,\"miss_per_mille\":0,\"critical\":"
			       "[{\"step\":\"promote-standby\",\"per_mille\":970}]}],\"steps\":[{\"step\":"
			       "\"promote-standby\",\"p50_ms\":42000,\"p90_ms\":75000}]}}",
		(long long)scene.wall_ms * 1000000);
	scene_pass(&scene, 2000); /* it was made two seconds ago */
	scene_push(&scene, push);
	free(push);
	assert_shows(&scene, "another 0:40, nine times in ten at most 1:13");
	assert_shows(&scene, "orders-db waits for it in 970 of 1000 cases");
	assert_shows(&scene, "IRREVERSIBLE");
	assert_shows(&scene, "May do      failover.promote orders-standby");
	assert_shows(&scene, "After       notify-vendor (skipped)");
	assert_shows(&scene, "failover.promote orders-standby {\"wait\":\"30s\"}");
	scene_key(&scene, K_ESC);
	assert_int_equal(scene.screen.view, VIEW_RUN);
	/* a question opens wherever one is looking at the run */
	scene_key(&scene, 'v');
	scene_ask(&scene, 1, "confirm", 2, scene_confirm);
	scene_key(&scene, K_ESC);
	assert_int_equal(scene.screen.view, VIEW_RUN);
	assert_int_equal(scene.screen.overlay, OVERLAY_DIALOG);
	scene_release(&scene);
}

static void all_sizes(void **state)
{
	static const uint32_t keys[] = { '1', '2', '4', '5', '6' };
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		for (int width = 1; width < 200; width += 7)
			for (int height = 1; height < 60; height += 3) {
				scene_size(&scene, width, height);
				scene_key(&scene, keys[i]);
				scene_key(&scene, K_PGDN);
				scene_draw(&scene);
			}
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_keys_jump),
		cmocka_unit_test(runbooks),
		cmocka_unit_test(drills),
		cmocka_unit_test(history_and_report),
		cmocka_unit_test(comparing),
		cmocka_unit_test(attention),
		cmocka_unit_test(the_kill_switch),
		cmocka_unit_test(a_document_that_does_not_come),
		cmocka_unit_test(of_the_run),
		cmocka_unit_test(all_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
