/* test_keymap.c: keys.yaml over the table of actions: what it moves, what it refuses, that
 * footer, help and refusals name the key that does it now. */
#include "scene.h"
#include "drillbook/tui.h"

static enum err_code load(struct scene *scene, const char *text, struct err *err)
{
	json_t *keys = scene_json(text);
	const enum err_code code = keymap_load(&scene->screen, keys, err);

	json_decref(keys);
	return code;
}

static void names_and_keys(void **state)
{
	static const uint32_t keys[] = { 'a', 'Z', '?', ' ', K_TAB, K_ENTER, K_ESC, K_UP, K_PGDN,
		K_BACKTAB, K_CTRL('l'), K_CTRL('z'), 0xe4, 0x6f22 };
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		assert_int_equal(key_from_name(key_name(keys[i], name)), keys[i]);
	assert_int_equal(key_from_name("pgup"), K_PGUP);
	assert_int_equal(key_from_name("ctrl-c"), K_CTRL('c'));
	assert_int_equal(key_from_name(""), 0);
	assert_int_equal(key_from_name("ab"), 0);
	assert_int_equal(key_from_name("F99"), 0);
	assert_int_equal(key_from_name("\x01"), 0);
}

static void another_key_does_it(void **state)
{
	struct scene scene;
	struct err err = { 0 };

	(void)state;
	scene_init(&scene, 100, 50);
	assert_int_equal(load(&scene, "{\"pause\":\"P\",\"top\":[],\"drills\":[4,\"D\"]}", &err),
		ERR_NONE);
	scene_key(&scene, 'p');
	assert_null(scene_request(&scene, "act"));
	assert_shows(&scene, "p does nothing here");
	scene_key(&scene, 'P');
	assert_non_null(scene_request(&scene, "act"));
	assert_shows(&scene, "P pause");
	assert_shows(&scene, "?help");
	scene_event(&scene, "run.paused", "{}");
	scene_push(&scene, "{\"people\":{\"run\":2042,\"lead_is_you\":true,\"lead\":\"op1\"}}");
	scene_key(&scene, K_UP);
	assert_shows(&scene, "the clock goes on (P continues)");
	scene_key(&scene, '?');
	assert_shows(&scene, "| P            start no further step");
	assert_shows(&scene, "| :top         to the first");
	scene_key(&scene, K_ESC);
	scene_key(&scene, 'D');
	assert_int_equal(scene.screen.view, VIEW_DRILLS);
	scene_release(&scene);
}

static void refusals_name_the_key(void **state)
{
	struct scene scene;
	struct err err = { 0 };

	(void)state;
	scene_init(&scene, 100, 30);
	scene_promoting(&scene, 1000);
	scene.screen.lead_is_you = false;
	scene_key(&scene, 'p');
	assert_shows(&scene, "p pause: somebody else leads this run; L takes the lead");
	assert_int_equal(load(&scene, "{\"lead\":\"Ctrl-T\"}", &err), ERR_NONE);
	scene_key(&scene, 'p');
	assert_shows(&scene, "p pause: somebody else leads this run; Ctrl-T takes the lead");
	assert_int_equal(load(&scene, "{\"lead\":[]}", &err), ERR_NONE);
	scene_key(&scene, 'p');
	assert_shows(&scene, "; :lead takes the lead");
	scene_release(&scene);
}

static void what_is_wrong_is_said_and_nothing_changes(void **state)
{
	static const struct {
		const char *keys, *says;
	} rows[] = {
		{ "{\"pauze\":\"P\"}", "did you mean \"pause\"?" },
		{ "{\"pause\":\"PP\"}", "is no key" },
		{ "{\"pause\":{}}", "is no key" },
		{ "{\"pause\":\"x\"}", "the key x would be both pause and stop" },
		{ "{\"page-up\":\"u\"}", "would be typed as text" },
		{ "{\"yes\":\"y\"}", "stays" },
		{ "{\"interrupt\":\"Q\"}", "stays" },
		{ "{\"pause\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}", "at most 4" },
		{ "[]", "must be a map" },
		{ "{\"wrap\":\"W\",\"pause\":\"\"}", "is no key" },
	};
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		assert_int_equal(load(&scene, rows[i].keys, &err), ERR_USAGE);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("%s: says \"%s\"", rows[i].keys, err.text);
		assert_null(scene.screen.keymap);
	}
	scene_release(&scene);
}

static void the_table_as_data(void **state)
{
	json_t *list = tui_actions(), *row;
	size_t i, fixed = 0;

	(void)state;
	assert_int_equal(json_array_size(list), action_count);
	json_array_foreach(list, i, row)
	{
		const json_t *key;
		size_t k;
		assert_true(json_array_size(json_object_get(row, "where")) > 0);
		fixed += json_flag(row, "fixed", false);
		json_array_foreach(json_object_get(row, "keys"), k, key)
			assert_int_not_equal(key_from_name(json_string_value(key)), 0);
	}
	assert_true(fixed > 5);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_keys),
		cmocka_unit_test(another_key_does_it),
		cmocka_unit_test(refusals_name_the_key),
		cmocka_unit_test(what_is_wrong_is_said_and_nothing_changes),
		cmocka_unit_test(the_table_as_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
