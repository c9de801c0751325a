/* test_cast.c: what is recorded plays back as the same cells; what is played cannot do anything
 * to the terminal; settings of screen.yaml; themes. */
#include "scene.h"
#include "cast.h"
#include "settings.h"

#include <sys/stat.h>
#include <unistd.h>

static char *file_name;

static char *read_all(void)
{
	struct buf bytes;
	struct err err = { 0 };

	assert_int_equal(file_read(file_name, 16 << 20, &bytes, &err), ERR_NONE);
	return bytes.data;
}

static struct cast *recording(int width, int height)
{
	struct cast *cast;
	struct err err = { 0 };

	unlink(file_name);
	assert_int_equal(
		cast_open(&cast, file_name, width, height, THEME_DARK, &err), ERR_NONE);
	return cast;
}

/* Plays the file; the player is left as the last frame shows it. */
static void play(struct cast_player *player)
{
	char *text = read_all(), *rest = text, *line = strsep(&rest, "\n");
	json_t *head = json_loads(line, 0, NULL);

	assert_int_equal(json_int(head, "version", 0), 2);
	*player = (struct cast_player){ 0 };
	cells_init(&player->cells, (int)json_int(head, "width", 0),
		(int)json_int(head, "height", 0));
	json_decref(head);
	double last = 0;
	while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
		json_t *event = json_loads(line, 0, NULL);
		assert_int_equal(json_array_size(event), 3);
		assert_true(json_number_value(json_array_get(event, 0)) >= last);
		last = json_number_value(json_array_get(event, 0));
		const char *kind = json_string_value(json_array_get(event, 1)),
			   *data = json_string_value(json_array_get(event, 2));
		if (str_eq(kind, "r")) {
			int width, height;
			assert_int_equal(sscanf(data, "%dx%d", &width, &height), 2);
			cells_resize(&player->cells, width, height);
		} else if (str_eq(kind, "o")) {
			/* split anywhere it is the same */
			for (size_t i = 0; data[i] != '\0'; i++)
				cast_play(player, data + i, 1);
		}
		json_decref(event);
	}
	free(text);
}

static void assert_same_picture(const struct cells *shown, const struct cells *played)
{
	assert_int_equal(shown->width, played->width);
	assert_int_equal(shown->height, played->height);
	for (int i = 0; i < shown->width * shown->height; i++) {
		const struct look a = theme_look(THEME_DARK, &shown->at[i]),
				  b = theme_look(THEME_DARK, &played->at[i]);
		if (shown->at[i].ch == 0)
			continue;
		if (shown->at[i].ch != played->at[i].ch || a.color != b.color ||
			a.bold != b.bold || a.reverse != b.reverse)
			fail_msg("cell %d: '%c' and '%c', colours %d and %d", i,
				(int)shown->at[i].ch, (int)played->at[i].ch, a.color, b.color);
	}
}

static void a_recording_plays_as_it_was(void **state)
{
	struct scene scene;
	struct cast_player player;
	struct err err = { 0 };
	struct stat st;
	struct cast *cast = recording(80, 24);

	(void)state;
	scene_init(&scene, 80, 24);
	scene_draw(&scene);
	cast_frame(cast, &scene.cells);
	scene_promoting(&scene, 20000);
	scene_draw(&scene);
	cast_frame(cast, &scene.cells);
	const long before = (long)(stat(file_name, &st) == 0 ? st.st_size : 0);
	cast_frame(cast, &scene.cells); /* nothing has changed: nothing is written */
	assert_int_equal(stat(file_name, &st), 0);
	assert_int_equal(st.st_size, before);
	assert_int_equal(st.st_mode & 0777, 0600);
	scene_key(&scene, '?');
	scene_draw(&scene);
	cast_frame(cast, &scene.cells);
	scene_key(&scene, K_ESC);
	scene_size(&scene, 100, 30);
	scene_draw(&scene);
	cast_frame(cast, &scene.cells);
	cast_mark(cast, "a shell");
	assert_int_equal(cast_close(cast, &err), ERR_NONE);
	play(&player);
	assert_same_picture(&scene.cells, &player.cells);
	cells_release(&player.cells);
	scene_release(&scene);
}

static void a_file_is_never_replaced(void **state)
{
	struct cast *cast = recording(80, 24), *other;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		cast_open(&other, file_name, 80, 24, THEME_DARK, &err), ERR_CONFLICT);
	assert_int_equal(cast_close(cast, &err), ERR_NONE);
	assert_int_equal(cast_close(NULL, &err), ERR_NONE);
}

static void what_is_hostile_stays_text(void **state)
{
	static const char *const lines[][2] = {
		{ "\033]0;title\007x", "^[]0;title^Gx" },
		{ "\033[?1049lx", "^[[?1049lx" },
		{ "\033[6nx", "^[[6nx" },
		{ "\033P1\033\\x", "^[P1^[\\x" },
		{ "\033[999999999999;1Hx", NULL },
		{ "\033[-5;1Hx", "^[[-5;1Hx" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct cast_player player = { 0 };
		cells_init(&player.cells, 40, 5);
		cast_play(&player, lines[i][0], strlen(lines[i][0]));
		char *row = cells_row(&player.cells, 0);
		if (lines[i][1] != NULL)
			assert_string_equal(row, lines[i][1]);
		free(row);
		for (int k = 0; k < 40 * 5; k++)
			assert_true(player.cells.at[k].ch == 0 || player.cells.at[k].ch >= 0x20);
		cells_release(&player.cells);
	}
}

/* ------------------------------------------------------------------ settings */

static void settings(void **state)
{
	static const struct {
		const char *text, *wrong;
	} rows[] = {
		{ "{}", NULL },
		{ "{\"theme\":\"light\",\"bell\":false,\"notify\":\"osc777\",\"lines\":\"box\","
		  "\"clipboard\":\"osc52\",\"notify_command\":[\"notify-send\",\"drillbook\"]}",
			NULL },
		{ "{\"theme\":\"pink\"}", "dark, light or mono" },
		{ "{\"bell\":\"yes\"}", "true or false" },
		{ "{\"notify\":9}", "osc9" },
		{ "{\"notify_command\":\"rm -rf\"}", "a list of words" },
		{ "{\"notify_command\":[1]}", "a list of words" },
		{ "{\"clipboard\":true}", "osc52" },
		{ "{\"lines\":\"utf8\"}", "ascii or box" },
		{ "{\"belll\":true}", "did you mean \"bell\"?" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct settings own;
		struct err err = { 0 };
		json_t *json = scene_json(rows[i].text);
		const enum err_code code = settings_load(&own, json, &err);
		assert_int_equal(code, rows[i].wrong != NULL ? ERR_USAGE : ERR_NONE);
		if (rows[i].wrong != NULL && strstr(err.text, rows[i].wrong) == NULL)
			fail_msg("%s: says %s", rows[i].text, err.text);
		if (rows[i].wrong != NULL) {
			assert_int_equal(own.theme, THEME_DARK);
			assert_true(own.bell);
		}
		json_decref(json);
	}
	struct settings none;
	struct err err = { 0 };
	assert_int_equal(settings_load(&none, NULL, &err), ERR_NONE);
	assert_true(none.bell);
	assert_int_equal(none.notify, NOTIFY_NONE);
	assert_false(none.clipboard);
}

/* Colour is never alone: what differs by colour in dark or light differs in mono by another
 * attribute, or is a word already; yellow and cyan are not used on light. */
static void themes(void **state)
{
	(void)state;
	for (uint8_t style = 0; style < STYLE_COUNT; style++) {
		const struct cell cell = { .ch = 'x', .style = style };
		const struct look light = theme_look(THEME_LIGHT, &cell),
				  mono = theme_look(THEME_MONO, &cell);
		assert_int_equal(mono.color, -1);
		assert_true(light.color != 3 && light.color != 6 && light.color != 7);
	}
	for (uint8_t paint = 0; paint < 9; paint++) {
		const struct cell cell = { .ch = 'x', .paint = paint };
		assert_int_equal(theme_look(THEME_MONO, &cell).color, -1);
		const int color = theme_look(THEME_LIGHT, &cell).color;
		assert_true(color != 3 && color != 6 && color != 7 && color != 0);
		assert_int_not_equal(theme_look(THEME_DARK, &cell).color, 0);
	}
	const struct cell live = { .ch = 'x', .style = STYLE_LIVE };
	assert_true(theme_look(THEME_MONO, &live).reverse && theme_look(THEME_MONO, &live).bold);
}

static void boxes(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene.cells.lines = true;
	scene_key(&scene, '?');
	assert_shows(&scene, "\u250c\u2500\u2500\u2500 Keys valid now");
	assert_shows(&scene, "\u2514");
	assert_hides(&scene, "+---");
	scene_release(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recording_plays_as_it_was),
		cmocka_unit_test(a_file_is_never_replaced),
		cmocka_unit_test(what_is_hostile_stays_text),
		cmocka_unit_test(settings),
		cmocka_unit_test(themes),
		cmocka_unit_test(boxes),
	};

	file_name = xasprintf("/tmp/drillbook-test-%d.cast", (int)getpid());
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file_name);
	return failed;
}
