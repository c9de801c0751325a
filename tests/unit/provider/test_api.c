/* test_api.c: numbers and times as monitoring systems write them. */
#include "api.h"
#include "mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_milli(void **state)
{
	static const struct {
		const char *text;
		int64_t milli;
	} good[] = {
		{ "0", 0 },
		{ "1", 1000 },
		{ "-0.25", -250 },
		{ "1.2345", 1235 },
		{ "1.2345678901234e+13", 12345678901234000 },
		{ "9007199254740993", 9007199254740993000 },
		{ "1e-9", 0 },
		{ "0e+00", 0 },
	};
	static const char *const bad[] = { NULL, "", "NaN", "+Inf", "-Inf", "1e300", "-1e17",
		"1 2", "12x" };
	int64_t milli;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(api_milli(good[i].text, &milli));
		assert_int_equal(milli, good[i].milli);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(api_milli(bad[i], &milli));
}

static void test_time(void **state)
{
	(void)state;
	assert_int_equal(api_time_ms("1970-01-01T00:00:01.500Z"), 1500);
	assert_int_equal(api_time_ms("2026-11-25T15:38:53.123456789Z"), 1795621133123);
	assert_int_equal(api_time_ms("2026-11-25T15:38:53+02:00"), -1);
	assert_int_equal(api_time_ms("yesterday"), -1);
}

static void test_labels(void **state)
{
	json_t *labels = json_pack("{s:s, s:s}", "service", "orders", "site", "a");
	json_t *wanted = json_object();

	(void)state;
	assert_true(api_labels_match(labels, wanted));
	json_put_str(wanted, "site", "a");
	assert_true(api_labels_match(labels, wanted));
	json_put_str(wanted, "rack", "7");
	assert_false(api_labels_match(labels, wanted));
	json_decref(labels);
	json_decref(wanted);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = { NULL, "", "ops", "@x", "ops@", "a b@x", "a\r\n@x",
		"<a@x>", "a@x,b@x", "\"a\"@x", "\xc3\xbc@x" };

	(void)state;
	assert_true(mail_address_good("ops@example.org"));
	assert_true(mail_address_good("first.last+dr@mail.example.org"));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(mail_address_good(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_milli),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
