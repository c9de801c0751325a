/* test_draw.c: the screens against drawings (drawings/NAME-WIDTHxHEIGHT.txt), without a
 * terminal. */
#include "scene.h"

static char *drawing_path(const char *name)
{
	return xasprintf(TEST_DATA "/drawings/%s.txt", name);
}

static void compare(struct scene *scene, const char *name)
{
	char *path = drawing_path(name), *actual = NULL;
	struct buf wanted;
	struct err err = { 0 };
	size_t size = 0;
	FILE *to = open_memstream(&actual, &size);

	scene_draw(scene);
	for (int y = 0; y < scene->cells.height; y++) {
		char *row = cells_row(&scene->cells, y);
		assert_true(text_columns(row) <= scene->cells.width);
		fprintf(to, "%s\n", row);
		free(row);
	}
	fclose(to);
	buf_init(&wanted, 1 << 20);
	const enum err_code code = file_read(path, 1 << 20, &wanted, &err);
	if (code != ERR_NONE || wanted.len != size || memcmp(wanted.data, actual, size) != 0) {
		char *drawn = xasprintf(TEST_BINARY "/tests/%s.txt", name);
		assert_int_equal(file_replace(drawn, actual, size, 0644, &err), ERR_NONE);
		fail_msg("%s differs from what was drawn, which is now in %s:\n%s", path, drawn,
			actual);
	}
	buf_release(&wanted);
	free(actual);
	free(path);
}

/* The run of the drawings: promoting, some output fetched, one note. */
static void paint_run(struct scene *scene, int width, int height)
{
	/* "14:13:02 waiting for replay lag 0\n14:13:09 lag 14 MB\n\033[31mFATAL\033[0m shown as
	 * text\n" */
	static const char output[] =
		"{\"ok\":true,\"offset\":0,\"size\":82,\"data\":"
		"\"MTQ6MTM6MDIgd2FpdGluZyBmb3IgcmVwbGF5IGxhZyAwCjE0OjEzOjA5IGxhZyAxNCBNQgobWzMx"
		"bUZBVEFMG1swbSBzaG93biBhcyB0ZXh0Cg==\"}";

	scene_init(scene, width, height);
	scene_promoting(scene, 20000);
	scene_event(scene, "op.intent", scene_intent);
	scene_event(scene, "op.allowed",
		"{\"step\":\"promote-standby\",\"attempt\":1,\"ordinal\":2,\"key\":\"2042/"
		"promote-standby/0/2\",\"digest\":\"x\"}");
	scene_push(scene, "{\"tail\":{\"run\":2042,\"step\":\"promote-standby\",\"attempt\":1,"
			  "\"size\":82}}");
	screen_frame(&scene->screen);
	scene_forget_requests(scene);
	scene_answer(scene, TAG_OUTPUT, output);
	scene_pass(scene, 61000);
}

static void run_screens(void **state)
{
	static const struct {
		int width, height;
		const char *name;
	} sizes[] = { { 60, 16, "run-60x16" }, { 80, 24, "run-80x24" },
		{ 200, 60, "run-200x60" }, { 40, 10, "run-40x10" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct scene scene;
		paint_run(&scene, sizes[i].width, sizes[i].height);
		compare(&scene, sizes[i].name);
		scene_release(&scene);
	}
}

static void paint_forecast(struct scene *scene, int width, int height, int p50_s, int p90_s, int miss)
{
	char push[256];

	paint_run(scene, width, height);
	snprintf(push, sizeof(push),
		"{\"forecast\":{\"run\":2042,\"at_ns\":1,\"runs\":7,\"services\":[{\"service\":"
		"\"orders-db\",\"p50_ms\":%d000,\"p90_ms\":%d000,\"miss_per_mille\":%d,"
		"\"guessed\":0}],\"steps\":[]}}",
		p50_s, p90_s, miss);
	scene_push(scene, push);
}

static void forecasts(void **state)
{
	static const struct {
		int width, height;
		const char *name;
	} sizes[] = { { 60, 16, "forecast-60x16" }, { 80, 24, "forecast-80x24" },
		{ 200, 60, "forecast-200x60" } };
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		paint_forecast(&scene, sizes[i].width, sizes[i].height, 1450, 1620, 40);
		compare(&scene, sizes[i].name);
		scene_release(&scene);
	}
	paint_forecast(&scene, 80, 24, 1450, 2100, 240);
	assert_shows(&scene, "projected 24:10  P(miss) 24%     tight");
	/* the next one takes its place, also when it says nothing of the service any more */
	scene_push(&scene, "{\"forecast\":{\"run\":2042,\"services\":[{\"service\":\"orders-db\","
			   "\"p50_ms\":2400000,\"p90_ms\":2900000,\"miss_per_mille\":1000}]}}");
	assert_shows(&scene, "projected 40:00  P(miss) >99%     over");
	scene_push(&scene, "{\"forecast\":{\"run\":2042,\"services\":[]}}");
	assert_hides(&scene, "projected");
	assert_shows(&scene, "on track");
	scene_push(&scene, "{\"forecast\":{\"run\":1,\"services\":[{\"service\":\"orders-db\","
			   "\"p50_ms\":2400000,\"p90_ms\":2900000,\"miss_per_mille\":1000}]}}");
	assert_hides(&scene, "projected"); /* another run's */
	scene_release(&scene);
}

static void narrow_output(void **state)
{
	struct scene scene;

	(void)state;
	paint_run(&scene, 60, 16);
	assert_shows(&scene, "STEPS 4/8 done");
	scene_key(&scene, K_TAB);
	compare(&scene, "output-60x16");
	assert_hides(&scene, "STEPS 4/8 done");
	scene_release(&scene);
}

static void dialogs(void **state)
{
	static const struct {
		int width, height;
		const char *name;
	} sizes[] = { { 60, 16, "word-60x16" }, { 80, 24, "word-80x24" },
		{ 200, 60, "word-200x60" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct scene scene;
		paint_run(&scene, sizes[i].width, sizes[i].height);
		scene_ask(&scene, 1, "confirm", 3, scene_confirm);
		compare(&scene, sizes[i].name);
		scene_release(&scene);
	}
}

static void other_dialogs(void **state)
{
	struct scene scene;

	(void)state;
	paint_run(&scene, 80, 24);
	scene_ask(&scene, 1, "confirm", 2, scene_confirm);
	compare(&scene, "confirm-80x24");
	scene_event(&scene, "step.answered",
		"{\"ask\":1,\"step\":\"promote-standby\",\"answer\":\"no\"}");
	scene_ask(&scene, 2, "manual", 0,
		"\"title\":\"Look at it\",\"text\":\"Is the order rate "
		"back?\",\"choices\":[{\"id\":\"done\",\"label\":\"it is done\"},"
		"{\"id\":\"failed\",\"label\":\"it could not be "
		"done\"}],\"detail\":{\"checklist\":[\"rate is back\",\"no errors\"]}");
	scene_pass(&scene, 400);
	scene_key(&scene, ' ');
	compare(&scene, "manual-80x24");
	scene_release(&scene);
}

static void help_and_queue(void **state)
{
	struct scene scene;

	(void)state;
	paint_run(&scene, 80, 24);
	scene_key(&scene, '?');
	compare(&scene, "help-80x24");
	scene_key(&scene, K_ESC);
	scene_ask(&scene, 1, "confirm", 2, scene_confirm);
	scene_pass(&scene, 400);
	scene_key(&scene, K_ESC);
	scene_key(&scene, 'A');
	compare(&scene, "queue-80x24");
	scene_release(&scene);
}

static void home(void **state)
{
	struct scene scene = { .wall_ms = SCENE_BEGIN_MS, .mono_ms = 5000 };
	json_t *summary = scene_json("{\"workspace\":{\"name\":\"shop\",\"root\":\"/srv/"
				     "shop\",\"commit\":\"3f2c1a9aa\",\"dirty\":true},"
				     "\"services\":[{\"name\":\"orders-db\",\"tier\":1,\"rto_"
				     "ms\":1800000,\"rpo_ms\":300000,\"standby\":\"hot\"},"
				     "{\"name\":\"search\",\"tier\":2,\"rto_ms\":14400000,"
				     "\"rpo_ms\":0,\"standby\":\"cold\"}],"
				     "\"runbooks\":[{\"name\":\"failover-to-dr\",\"version\":7,"
				     "\"digest\":\"3f2c1a9aa\",\"service\":\"orders-db\","
				     "\"steps\":14,\"dangerous\":3,\"valid\":true},"
				     "{\"name\":\"restore-pitr\",\"version\":5,\"digest\":"
				     "\"77d1e0caa\",\"services\":[\"orders-db\",\"search\"],"
				     "\"steps\":11,\"dangerous\":1,\"valid\":false}]}");
	static const int sizes[][2] = { { 60, 16 }, { 80, 24 }, { 200, 60 } };

	(void)state;
	screen_init(&scene.screen, summary, false);
	cells_init(&scene.cells, 80, 24);
	scene_answer(&scene, TAG_RUNS,
		"{\"ok\":true,\"runs\":[{\"run\":2041,\"runbook\":\"restore-pitr\",\"mode\":"
		"\"live\",\"status\":\"open\",\"service\":\"search\",\"started_ns\":"
		"1795006951000000000,\"asks\":1},"
		"{\"run\":2030,\"runbook\":\"failover-to-dr\",\"mode\":\"drill\",\"status\":"
		"\"done\",\"service\":\"orders-db\",\"started_ns\":1793973751000000000,"
		"\"asks\":0}]}");
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		char name[32];
		snprintf(name, sizeof(name), "home-%dx%d", sizes[i][0], sizes[i][1]);
		scene_size(&scene, sizes[i][0], sizes[i][1]);
		compare(&scene, name);
	}
	scene_release(&scene);
	json_decref(summary);
}

/* Every size there is: nothing crashes, nothing is drawn outside, the mode word is on the first
 * line. */
static void all_sizes(void **state)
{
	struct scene scene;

	(void)state;
	paint_run(&scene, 80, 24);
	scene_ask(&scene, 1, "confirm", 3, scene_confirm);
	for (int width = 1; width < 130; width += 3)
		for (int height = 1; height < 50; height += 2) {
			scene_size(&scene, width, height);
			scene_draw(&scene);
			char *row = cells_row(&scene.cells, 0);
			if (width >= 9)
				assert_non_null(strstr(row, "[DRILL]"));
			free(row);
		}
	scene_release(&scene);
}

static void styles_do_not_carry_meaning_alone(void **state)
{
	struct scene scene;

	(void)state;
	paint_run(&scene, 80, 24);
	scene_draw(&scene);
	const struct cell *mode = &scene.cells.at[1];
	assert_int_equal(mode->ch, '[');
	assert_int_equal(mode->style, STYLE_DRILL);
	assert_int_equal(mode_style("live"), STYLE_LIVE);
	assert_int_not_equal(mode_style("live"), mode_style("drill"));
	scene_release(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_screens),
		cmocka_unit_test(forecasts),
		cmocka_unit_test(narrow_output),
		cmocka_unit_test(dialogs),
		cmocka_unit_test(other_dialogs),
		cmocka_unit_test(help_and_queue),
		cmocka_unit_test(home),
		cmocka_unit_test(all_sizes),
		cmocka_unit_test(styles_do_not_carry_meaning_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
