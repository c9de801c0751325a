/* test_output.c: colours kept and the rest neutralised; a window on a long file: following,
 * holding, paging both ways, searching; lanes of the graph. */
#include "scene.h"

/* ------------------------------------------------------------------ colours */

static void assert_painted(const char *line, const char *text, const char *paints)
{
	static const char letters[] = "-rgybmcwk";
	struct painted painted;
	char found[256] = "";

	paint_line(line, strlen(line), &painted);
	assert_string_equal(painted.text, text);
	assert_int_equal(painted.len, strlen(text));
	for (size_t i = 0; i < painted.len; i++) {
		const uint8_t p = painted.paint[i];
		found[i] = letters[p & PAINT_COLOR];
		if (p & PAINT_BOLD)
			found[i] = (char)(found[i] == '-' ? '*' : found[i] - 32);
		if (p & PAINT_UNDERLINE)
			found[i] = '_';
		if (p & PAINT_REVERSE)
			found[i] = '!';
	}
	assert_string_equal(found, paints);
	painted_release(&painted);
}

static void colours(void **state)
{
	(void)state;
	assert_painted("plain", "plain", "-----");
	assert_painted("\033[31mred\033[0m no", "red no", "rrr---");
	assert_painted("\033[1;32mbold\033[22mnot", "boldnot", "GGGGggg");
	assert_painted("\033[4mu\033[24mn\033[7mr\033[27mn", "unrn", "_-!-");
	assert_painted("\033[91mbright\033[39mx", "brightx", "rrrrrr-");
	assert_painted("\033[38;5;196mx\033[38;5;21my\033[38;5;244mz", "xyz", "rbw");
	assert_painted("\033[38;2;0;255;0mx\033[38:2:255:0:255my", "xy", "gm");
	assert_painted("\033[mx", "x", "-");
	assert_painted("a\033[Kb\033[0Kc", "abc", "---");
	/* what could hide something is not kept */
	assert_painted("\033[8mconcealed", "concealed", "---------");
	assert_painted("\033[40;30mblack", "black", "kkkkk"); /* painted without a colour */
	assert_painted("\033[48;5;1;32mx", "x", "g");
	assert_painted("\033[5mblink", "blink", "-----");
}

static void all_else_is_text(void **state)
{
	static const char *const lines[][2] = {
		{ "\033[2Jx", "^[[2Jx" },
		{ "\033[1;1Hx", "^[[1;1Hx" },
		{ "\033[1Kx", "^[[1Kx" },
		{ "\033[31", "^[[31" },
		{ "\033[9999mx", "^[[9999mx" },
		{ "\033[1;2;3;4;5;6;7;8;9;1;2;3;4;5;6;7;8mx",
			"^[[1;2;3;4;5;6;7;8;9;1;2;3;4;5;6;7;8mx" },
		{ "\033[?31mx", "^[[?31mx" },
		{ "\033[31 mx", "^[[31 mx" },
		{ "\033]0;t\007", "^[]0;t^G" },
		{ "a\rb", "a^Mb" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct painted painted;
		paint_line(lines[i][0], strlen(lines[i][0]), &painted);
		assert_string_equal(painted.text, lines[i][1]);
		painted_release(&painted);
	}
}

/* ------------------------------------------------------------------ a long file */

enum { LINES = 200000 };
static char *file;
static int64_t file_size;

static void make_file(void)
{
	file = xmalloc(LINES * 32);
	for (int i = 0; i < LINES; i++)
		file_size += sprintf(file + file_size, "line %06d%s\n", i,
			i == 150000 ? " \033[31mnee\033[0mdle" : i == 7 ? " first" : "");
}

static int64_t serve_one(struct scene *scene, enum tag tag, const json_t *body)
{
	int64_t offset = json_int(body, "offset", 0), max = json_int(body, "max", 0);

	if (offset < 0)
		offset = file_size + offset < 0 ? 0 : file_size + offset;
	if (offset > file_size)
		offset = file_size;
	if (offset + max > file_size)
		max = file_size - offset;
	char *data = base64_encode(file + offset, (size_t)max);
	char *answer = xasprintf("{\"ok\":true,\"offset\":%lld,\"size\":%lld,\"data\":\"%s\"}",
		(long long)offset, (long long)file_size, data);
	scene_answer(scene, tag, answer);
	free(answer);
	free(data);
	assert_true(scene->screen.out.len <= OUTPUT_WINDOW + OUTPUT_PIECE);
	return max;
}

/* Answers every `output` request until none is left; returns how many bytes were asked for. */
static int64_t serve(struct scene *scene)
{
	int64_t total = 0;

	for (int turn = 0; turn < 3000; turn++) {
		struct request requests[COUNT_OF(scene->screen.requests)];
		size_t served = 0;
		screen_frame(&scene->screen);
		const size_t count = scene->screen.request_count;
		memcpy(requests, scene->screen.requests, sizeof(requests));
		scene->screen.request_count = 0;
		for (size_t i = 0; i < count; i++) {
			if (str_eq(requests[i].what, "output")) {
				total += serve_one(scene, requests[i].tag, requests[i].body);
				served++;
			}
			json_decref(requests[i].body);
		}
		if (served == 0)
			break;
	}
	return total;
}

static void long_scene(struct scene *scene)
{
	scene_init(scene, 80, 24);
	scene_promoting(scene, 1000);
	char *tail = xasprintf("{\"tail\":{\"run\":2042,\"step\":\"promote-standby\",\"attempt\":1,"
			       "\"size\":%lld}}",
		(long long)file_size);
	scene_push(scene, tail);
	free(tail);
	scene_key(scene, K_TAB);
}

static void following(void **state)
{
	struct scene scene;

	(void)state;
	long_scene(&scene);
	assert_true(serve(&scene) <= OUTPUT_PIECE);
	assert_shows(&scene, "line 199999");
	assert_hides(&scene, "line 199900");
	scene_release(&scene);
}

static void paging_up_and_down(void **state)
{
	struct scene scene;
	char wanted[32];

	(void)state;
	long_scene(&scene);
	serve(&scene);
	const int rows = output_rows(&scene.screen);
	/* a long way up, line by line in effect: every page shows the lines before */
	int first = LINES - rows;
	for (int page = 0; page < 400; page++) {
		scene_key(&scene, K_UP);
		scene_key(&scene, K_PGUP);
		serve(&scene);
		first -= 1 + 14;
		snprintf(wanted, sizeof(wanted), "line %06d", first);
		assert_shows(&scene, wanted);
		snprintf(wanted, sizeof(wanted), "line %06d", first + rows - 1);
		assert_shows(&scene, wanted);
		snprintf(wanted, sizeof(wanted), "line %06d", first - 1);
		assert_hides(&scene, wanted);
	}
	assert_shows(&scene, "held at 96 %");
	for (int page = 0; page < 300; page++) {
		scene_key(&scene, K_PGDN);
		serve(&scene);
		first += 14;
		snprintf(wanted, sizeof(wanted), "line %06d", first);
		assert_shows(&scene, wanted);
	}
	scene_key(&scene, 'g');
	assert_true(serve(&scene) <= OUTPUT_PIECE);
	assert_shows(&scene, "line 000000");
	scene_key(&scene, K_UP);
	serve(&scene);
	assert_shows(&scene, "line 000000");
	scene_key(&scene, K_DOWN);
	serve(&scene);
	assert_hides(&scene, "line 000000");
	assert_shows(&scene, "line 000001");
	scene_key(&scene, 'G');
	serve(&scene);
	assert_shows(&scene, "line 199999");
	assert_hides(&scene, "held at");
	scene_release(&scene);
}

static void down_to_the_end_follows_again(void **state)
{
	struct scene scene;

	(void)state;
	long_scene(&scene);
	serve(&scene);
	scene_key(&scene, K_PGUP);
	serve(&scene);
	assert_true(scene.screen.out.held);
	for (int i = 0; i < 14; i++)
		scene_key(&scene, K_DOWN);
	assert_false(scene.screen.out.held);
	scene_release(&scene);
}

static void find(struct scene *scene, const char *words)
{
	scene_key(scene, '/');
	scene_type(scene, words);
	scene_key(scene, K_ENTER);
	serve(scene);
}

static void searching(void **state)
{
	struct scene scene;

	(void)state;
	long_scene(&scene);
	serve(&scene);
	scene_key(&scene, 'g');
	serve(&scene);
	find(&scene, "NEEDLE"); /* over a colour, whatever the case */
	assert_shows(&scene, "line 150000 needle");
	assert_shows(&scene, "line 149998");
	scene_draw(&scene);
	find(&scene, "line 150010");
	assert_shows(&scene, "line 150010");
	find(&scene, "first"); /* past the end and on from the begin */
	assert_shows(&scene, "line 000007 first");
	find(&scene, "line 19999");
	assert_shows(&scene, "line 199990");
	scene_key(&scene, 'n');
	serve(&scene);
	assert_int_equal(scene.screen.out.found, file_size - 9 * 12);
	scene_key(&scene, 'N');
	serve(&scene);
	assert_int_equal(scene.screen.out.found, file_size - 10 * 12);
	scene_key(&scene, 'N'); /* before the begin and on from the end */
	serve(&scene);
	assert_int_equal(scene.screen.out.found, file_size - 12);
	find(&scene, "no such line");
	assert_shows(&scene, "is not in this output");
	/* given up */
	scene_key(&scene, '/');
	scene_type(&scene, "no such line");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "searching");
	scene_key(&scene, K_ESC);
	assert_int_equal(scene.screen.view, VIEW_RUN);
	assert_shows(&scene, "given up");
	scene_release(&scene);
}

static void searching_backwards_over_pieces(void **state)
{
	struct scene scene;

	(void)state;
	long_scene(&scene);
	serve(&scene);
	find(&scene, "line 199999");
	find(&scene, "line 000007"); /* n goes round forwards */
	assert_shows(&scene, "line 000007 first");
	scene_key(&scene, 'G');
	serve(&scene);
	scene.screen.out.found = -1;
	scene_key(&scene, 'N');
	serve(&scene);
	assert_shows(&scene, "line 000007 first");
	scene_release(&scene);
}

static void steps_are_searched_where_the_keys_are(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_key(&scene, '/');
	scene_type(&scene, "DNS");
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.cursor, 5);
	scene_key(&scene, '/');
	scene_type(&scene, "nothing");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "\"nothing\" is not here; Tab turns to the output");
	scene_release(&scene);
}

/* Keys come faster than answers: the search is of the step one has just moved to. */
static void typed_ahead(void **state)
{
	struct scene scene;

	(void)state;
	long_scene(&scene);
	scene_key(&scene, K_TAB);
	scene_key(&scene, 'g');
	screen_frame(&scene.screen);
	scene_forget_requests(&scene);
	scene_key(&scene, 'G');
	scene_key(&scene, K_UP);
	scene_key(&scene, K_UP);
	scene_key(&scene, K_UP);
	scene_key(&scene, K_TAB);
	scene.screen.out.waiting = false; /* as when the answer to the first has come */
	find(&scene, "line 000077");
	assert_shows(&scene, "line 000077");
	scene_release(&scene);
}

static void colours_reach_the_cells(void **state)
{
	struct scene scene;
	bool red = false;

	(void)state;
	long_scene(&scene);
	serve(&scene);
	find(&scene, "150000");
	scene_draw(&scene);
	for (int i = 0; i < scene.cells.width * scene.cells.height; i++)
		red = red || (scene.cells.at[i].ch == 'n' &&
				     (scene.cells.at[i].paint & PAINT_COLOR) == 1);
	assert_true(red);
	scene_release(&scene);
}

/* ------------------------------------------------------------------ the graph */

static void lanes(void **state)
{
	static const char *const rows[] = { "o\\", "o|", "|o", "o/", "o" };
	struct scene scene = { .wall_ms = SCENE_BEGIN_MS, .mono_ms = 1000000 };
	json_t *started = scene_json(scene_started), *steps = json_object_get(started, "steps");
	static const char *const needs[] = { "[]", "[\"declare\"]", "[\"declare\"]",
		"[\"freeze-writes\",\"check-lag\"]", "[\"notify-vendor\"]" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(needs); i++)
		json_put(json_array_get(steps, i), "needs", scene_json(needs[i]));
	screen_init(&scene.screen, NULL, false);
	cells_init(&scene.cells, 80, 24);
	scene_size(&scene, 80, 24);
	screen_open(&scene.screen, SCENE_RUN);
	char *text = json_line(started);
	scene_event(&scene, "run.started", text);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(scene.screen.graph.rows[i], rows[i]);
	assert_shows(&scene, "4 man  o/ notify-vendor");
	free(text);
	json_decref(started);
	scene_release(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(colours),
		cmocka_unit_test(all_else_is_text),
		cmocka_unit_test(following),
		cmocka_unit_test(paging_up_and_down),
		cmocka_unit_test(down_to_the_end_follows_again),
		cmocka_unit_test(searching),
		cmocka_unit_test(searching_backwards_over_pieces),
		cmocka_unit_test(steps_are_searched_where_the_keys_are),
		cmocka_unit_test(typed_ahead),
		cmocka_unit_test(colours_reach_the_cells),
		cmocka_unit_test(lanes),
	};

	make_file();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
