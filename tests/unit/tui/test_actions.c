/* test_actions.c: the table of actions is whole: no key twice in one context, everything named
 * and helped. */
#include "scene.h"

static void no_key_twice_in_one_context(void **state)
{
	(void)state;
	for (size_t a = 0; a < action_count; a++)
		for (size_t b = a; b < action_count; b++)
			for (size_t i = 0; i < ACTION_KEYS && actions[a].keys[i] != 0; i++)
				for (size_t k = 0; k < ACTION_KEYS && actions[b].keys[k] != 0;
					k++) {
					const bool itself = a == b && i == k;
					if (!itself &&
						actions[a].keys[i] == actions[b].keys[k] &&
						(actions[a].contexts & actions[b].contexts) !=
							0)
						fail_msg("%s and %s are both on the same key",
							actions[a].name, actions[b].name);
				}
}

static void everything_is_named_and_helped(void **state)
{
	(void)state;
	for (size_t a = 0; a < action_count; a++) {
		assert_non_null(actions[a].name);
		assert_non_null(actions[a].help);
		assert_true(strlen(actions[a].help) > 4 || str_eq(actions[a].help, "up") ||
			    str_eq(actions[a].help, "down") || str_eq(actions[a].help, "back"));
		assert_non_null(actions[a].perform);
		assert_int_not_equal(actions[a].contexts, 0);
		assert_ptr_equal(
			action_by_name(actions[a].name), &actions[a]); /* no name twice */
	}
}

static void printable_keys_are_text_where_text_is_typed(void **state)
{
	(void)state;
	for (size_t a = 0; a < action_count; a++)
		for (size_t k = 0; k < ACTION_KEYS && actions[a].keys[k] != 0; k++)
			if (actions[a].contexts & CONTEXT_TEXT)
				assert_true(actions[a].keys[k] < 0x20 ||
					    actions[a].keys[k] >= K_UP);
}

/* Keys of the dialogs' choices must not collide with those of the dialog itself, or among each
 * other. */
static void choices_have_their_own_keys(void **state)
{
	static const char *const kinds[] = { "failed", "interrupted", "unknown", "diverged",
		"manual", "confirm" };
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		scene_init(&scene, 80, 24);
		scene_promoting(&scene, 1000);
		scene_ask(&scene, 1, kinds[i], 2,
			"\"title\":\"t\",\"detail\":{\"idempotent\":true}");
		const struct dialog *dialog = &scene.screen.dialog;
		assert_true(dialog->choice_count > 0);
		for (size_t a = 0; a < dialog->choice_count; a++) {
			const char key = dialog->choices[a].key;
			if (key == '\0' || key == 'Y')
				continue;
			assert_null(action_by_key(&scene.screen, CONTEXT_DIALOG, (uint32_t)key));
			for (size_t b = a + 1; b < dialog->choice_count; b++)
				assert_int_not_equal(key, dialog->choices[b].key);
		}
		scene_release(&scene);
	}
}

static void footer_shows_only_what_is_valid(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 80, 24);
	scene_draw(&scene);
	char *row = cells_row(&scene.cells, 23);
	assert_null(strstr(row, "stop step")); /* nothing runs */
	assert_non_null(strstr(row, "pause"));
	free(row);
	scene_promoting(&scene, 1000);
	scene_draw(&scene);
	row = cells_row(&scene.cells, 23);
	assert_non_null(strstr(row, "x stop step"));
	free(row);
	scene_event(&scene, "run.ended", "{\"status\":\"done\"}");
	scene_draw(&scene);
	row = cells_row(&scene.cells, 23);
	assert_null(strstr(row, "pause"));
	free(row);
	scene_release(&scene);
}

static void help_tells_why_not(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 120, 50);
	scene_key(&scene, '?');
	assert_shows(&scene,
		"stop the running step (asks first) (not now: this step is not running)");
	assert_shows(&scene, ":abort");
	scene_release(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_key_twice_in_one_context),
		cmocka_unit_test(everything_is_named_and_helped),
		cmocka_unit_test(printable_keys_are_text_where_text_is_typed),
		cmocka_unit_test(choices_have_their_own_keys),
		cmocka_unit_test(footer_shows_only_what_is_valid),
		cmocka_unit_test(help_tells_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
