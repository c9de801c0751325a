/* test_gtid.c: positions, how far one is behind the other, and what only an old primary has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gtid.h"

static struct gtid_list list(const char *text)
{
	struct gtid_list out;

	assert_true(gtid_parse(text, &out));
	return out;
}

static void positions_are_read(void **state)
{
	static const char *const wrong[] = { "0", "0-1", "0-1-", "0-1-x", "-1-2-3", "0-1-2,",
		",0-1-2", "0-1-2;1-1-1", "4294967296-1-1", "0-1-99999999999999999999", "a" };
	struct gtid_list out;

	(void)state;
	assert_int_equal(list("").count, 0);
	out = list("0-1-100,\n7-4294967295-18446744073709551615");
	assert_int_equal(out.count, 2);
	assert_int_equal(out.at[0].number, 100);
	assert_true(out.at[1].domain == 7 && out.at[1].server == UINT32_MAX &&
		    out.at[1].number == UINT64_MAX);
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_false(gtid_parse(wrong[i], &out));
}

static uint64_t behind(const char *newer, const char *older)
{
	const struct gtid_list a = list(newer), b = list(older);

	return gtid_behind(&a, &b);
}

static uint64_t errant(const char *pos, const char *known)
{
	const struct gtid_list a = list(pos), b = list(known);

	return gtid_errant(&a, &b);
}

static void distance_is_counted_per_domain(void **state)
{
	(void)state;
	assert_int_equal(behind("0-1-100", "0-1-100"), 0);
	assert_int_equal(behind("0-1-100", "0-1-90"), 10);
	assert_int_equal(
		behind("0-2-100", "0-1-90"), 10); /* another server wrote the last one */
	assert_int_equal(behind("0-1-90", "0-1-100"), 0);
	assert_int_equal(behind("0-1-5,1-1-7", "0-1-5"), 7);
	assert_int_equal(behind("0-1-5", ""), 5);
	assert_int_equal(behind("", "0-1-5"), 0);
}

static void a_number_of_another_server_is_another_transaction(void **state)
{
	(void)state;
	/* the new primary went on from 0-1-100 with its own 101 to 110 */
	assert_int_equal(errant("0-1-100", "0-1-100,0-2-110"), 0);
	assert_int_equal(errant("0-1-105", "0-1-100,0-2-110"), 5);
	assert_int_equal(errant("0-2-108", "0-1-100,0-2-110"), 0);
	assert_int_equal(errant("1-1-3", "0-1-100"), 3);
	assert_int_equal(errant("", "0-1-100"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_are_read),
		cmocka_unit_test(distance_is_counted_per_domain),
		cmocka_unit_test(a_number_of_another_server_is_another_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
