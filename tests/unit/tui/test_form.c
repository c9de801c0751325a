/* test_form.c: the form that starts a runbook: types, defaults, what is refused, what is sent. */
#include "scene.h"

static const char params[] =
	"{\"about\":\"move\",\"document\":{\"params\":["
	"{\"name\":\"site\",\"type\":\"choice\",\"choices\":[\"east\",\"west\"],\"default\":\"west\","
	"\"help\":\"where to\"},"
	"{\"name\":\"lines\",\"type\":\"int\",\"default\":\"10\",\"min\":\"1\",\"max\":\"100\"},"
	"{\"name\":\"lag\",\"type\":\"duration\",\"default\":\"30s\",\"max\":\"5m\"},"
	"{\"name\":\"size\",\"type\":\"bytes\",\"default\":\"4MiB\"},"
	"{\"name\":\"dry\",\"type\":\"bool\",\"default\":\"false\"},"
	"{\"name\":\"password\",\"type\":\"secret\"},"
	"{\"name\":\"ticket\",\"type\":\"string\",\"required\":true,\"help\":\"the change ticket\"}]}}";

static void begin(struct scene *scene, int width, int height)
{
	*scene = (struct scene){ .wall_ms = SCENE_BEGIN_MS, .mono_ms = 5000 };
	screen_init(&scene->screen, NULL, false);
	cells_init(&scene->cells, width, height);
	scene_size(scene, width, height);
	form_start(&scene->screen, "move", "drill");
	scene_answer(scene, TAG_BOOK, params);
}

static struct form_field *field(struct scene *scene, const char *name)
{
	return (struct form_field *)(uintptr_t)form_field(&scene->screen.form, name);
}

static void what_must_be_given_comes_first(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	assert_shows(&scene, "START move");
	assert_shows(&scene, "> ticket *");
	assert_shows(&scene, "string: the change ticket");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "ticket: must be given");
	scene_type(&scene, "CH-1");
	scene_key(&scene, K_BACKSPACE);
	scene_type(&scene, "7 q?");
	scene_key(&scene, K_ENTER); /* mode */
	scene_key(&scene, K_ENTER); /* note */
	scene_key(&scene, K_ENTER); /* from */
	scene_key(&scene, K_ENTER); /* impact */
	scene_type(&scene, "soon");
	scene_key(&scene, K_ENTER);
	assert_shows(&scene, "write 2026-11-18T14:02:31Z, or 12m for so long ago");
	scene_key(&scene, K_CTRL('u'));
	scene_type(&scene, "12m");
	scene_key(&scene, K_ENTER); /* start */
	assert_int_equal(scene.screen.want, 0);
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.want, WANT_START);
	json_t *what = form_json(&scene.screen.form);
	const json_t *given = json_object_get(what, "params");
	assert_string_equal(json_str(given, "ticket", ""), "CH-7 q?");
	assert_string_equal(json_str(given, "site", ""), "west");
	assert_null(json_object_get(given, "password"));
	assert_string_equal(json_str(what, "impact", ""), "12m");
	assert_null(json_object_get(what, "note"));
	json_decref(what);
	scene_release(&scene);
}

static void types(void **state)
{
	static const struct {
		const char *name, *value, *wrong;
	} rows[] = {
		{ "lines", "7", NULL },
		{ "lines", "seven", "no whole number" },
		{ "lines", "0", "at least 1" },
		{ "lines", "101", "at most 100" },
		{ "lag", "90s", NULL },
		{ "lag", "90", "is not a duration" },
		{ "lag", "6m", "at most 5m" },
		{ "size", "16KiB", NULL },
		{ "size", "16K", "is not a size" },
		{ "dry", "true", NULL },
		{ "dry", "yes", "none of the choices" },
		{ "site", "north", "none of the choices" },
		{ "impact", "2026-11-18T14:02:31Z", NULL },
		{ "impact", "3h", NULL },
		{ "ticket", "", "must be given" },
		{ "note", "", NULL },
	};
	struct scene scene;
	char text[256];

	(void)state;
	begin(&scene, 80, 24);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		field_set(&field(&scene, rows[i].name)->value, rows[i].value);
		const char *wrong = form_wrong(field(&scene, rows[i].name), text, sizeof(text));
		if ((wrong == NULL) != (rows[i].wrong == NULL) ||
			(wrong != NULL && strstr(wrong, rows[i].wrong) == NULL))
			fail_msg("%s \"%s\": %s", rows[i].name, rows[i].value,
				wrong != NULL ? wrong : "taken");
	}
	scene_release(&scene);
}

static void choices_turn(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	scene.screen.form.focus = 0;
	assert_shows(&scene, "< west >");
	scene_key(&scene, K_RIGHT);
	assert_shows(&scene, "< east >");
	scene_key(&scene, K_LEFT);
	scene_key(&scene, ' ');
	assert_shows(&scene, "< east >");
	scene_key(&scene, 'x');
	assert_shows(&scene, "turn the choice");
	field_set(&field(&scene, "ticket")->value, "t");
	scene.screen.form.focus = scene.screen.form.count - 4; /* mode */
	scene_key(&scene, K_RIGHT);
	assert_shows(&scene, "Y      start it LIVE (capital Y)");
	assert_shows(&scene, "[LIVE]");
	scene_key(&scene, K_UP);
	scene_release(&scene);
}

/* A secret is typed when the run needs it; in the form it would go into the record. */
static void secrets_are_not_asked(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	assert_null(form_field(&scene.screen.form, "password"));
	assert_hides(&scene, "password");
	scene_release(&scene);
}

static void no_parameters_one_key(void **state)
{
	struct scene scene = { .wall_ms = SCENE_BEGIN_MS, .mono_ms = 5000 };

	(void)state;
	screen_init(&scene.screen, NULL, false);
	cells_init(&scene.cells, 60, 16);
	scene_size(&scene, 60, 16);
	form_start(&scene.screen, "move", "drill");
	scene_answer(&scene, TAG_BOOK, "{\"about\":\"move\",\"error\":{\"text\":\"no\"}}");
	assert_shows(&scene, "> Enter  start it");
	scene_key(&scene, K_ENTER);
	assert_int_equal(scene.screen.want, WANT_START);
	scene.screen.want = 0;
	scene_key(&scene, K_ESC);
	assert_int_equal(scene.screen.overlay, OVERLAY_NONE);
	scene_release(&scene);
}

static void every_size(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, 80, 24);
	for (int width = 60; width < 130; width += 5)
		for (int height = 16; height < 40; height += 3)
			for (size_t focus = 0; focus <= scene.screen.form.count; focus++) {
				scene.screen.form.focus = focus;
				scene_size(&scene, width, height);
				assert_shows(&scene, ">");
			}
	scene_release(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_be_given_comes_first),
		cmocka_unit_test(types),
		cmocka_unit_test(choices_turn),
		cmocka_unit_test(secrets_are_not_asked),
		cmocka_unit_test(no_parameters_one_key),
		cmocka_unit_test(every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
