/* Errors: the table behind the codes, and texts that are never longer than their place. */
#include "check.h"
#include "drillbook/base.h"

#include <errno.h>
#include <string.h>

static void every_code_has_a_row(void **state)
{
	(void)state;
	for (int code = 0; code < ERR_COUNT; code++) {
		assert_int_equal(err_from_name(err_name((enum err_code)code)), code);
		assert_in_range(err_exit_status((enum err_code)code), 0, 10);
		if (code != ERR_NONE)
			assert_true(err_hint((enum err_code)code)[0] != '\0');
	}
	assert_string_equal(err_hint(ERR_NONE), "");
	assert_int_equal(err_exit_status(ERR_NONE), 0);
	assert_int_equal(err_from_name("NO_SUCH"), ERR_FAILED);
	assert_int_equal(err_from_name(NULL), ERR_FAILED);
}

static void promised_exit_statuses(void **state)
{
	static const struct { enum err_code code; int status; } rows[] = {
		{ERR_FAILED, 1}, {ERR_USAGE, 2}, {ERR_MISSED, 3}, {ERR_ABORTED, 4}, {ERR_ATTENTION, 5},
		{ERR_WORKSPACE, 6}, {ERR_JOURNAL, 7}, {ERR_HELD, 8}, {ERR_VERIFY, 9}, {ERR_NOT_HELD, 10}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(err_exit_status(rows[i].code), rows[i].status);
}

static void codes_outside_the_table(void **state)
{
	(void)state;
	assert_string_equal(err_name((enum err_code)9999), "UNKNOWN");
	assert_string_equal(err_hint((enum err_code)9999), "");
	assert_int_equal(err_exit_status((enum err_code)9999), 1);
}

static void set_and_context(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, ERR_TIMEOUT, "no answer from \"%s\"", "db"), ERR_TIMEOUT);
	assert_int_equal(err_context(&err, "step %d", 3), ERR_TIMEOUT);
	assert_string_equal(err.text, "step 3: no answer from \"db\"");
	assert_int_equal(err_set(NULL, ERR_TIMEOUT, "nobody listens"), ERR_TIMEOUT);
}

static void texts_are_cut_not_overrun(void **state)
{
	struct err err = {0};
	char big[4096];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&err, ERR_FAILED, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	for (int i = 0; i < 5; i++)
		err_context(&err, "front %d", i);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strncmp(err.text, "front 4: front 3: ", 18), 0);
	err_context(&err, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void errno_is_named(void **state)
{
	struct err err = {0};

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_errno(&err, "cannot open \"%s\"", "x"), ERR_SYSTEM);
	assert_string_equal(err.text, "cannot open \"x\": No such file or directory");
}

static void worlds(void **state)
{
	(void)state;
	for (int w = WORLD_UNCHANGED; w <= WORLD_UNKNOWN; w++)
		assert_int_equal(world_from_name(world_name((enum world)w)), w);
	assert_int_equal(world_from_name("?"), WORLD_UNKNOWN);
	assert_int_equal(world_from_name(NULL), WORLD_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_row), cmocka_unit_test(promised_exit_statuses),
		cmocka_unit_test(codes_outside_the_table), cmocka_unit_test(set_and_context),
		cmocka_unit_test(texts_are_cut_not_overrun), cmocka_unit_test(errno_is_named),
		cmocka_unit_test(worlds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
