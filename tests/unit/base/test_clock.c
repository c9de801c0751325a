/* Stamps: written and read without loss, nonsense refused, the clocks replaceable. */
#include "check.h"
#include "drillbook/base.h"

#include <string.h>

static void known_stamps(void **state)
{
	static const struct { int64_t ns; const char *s; } rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1795010551123000000, "2026-11-18T14:02:31.123Z"},
		{951782400000000000, "2000-02-29T00:00:00.000Z"},
		{-1000000, "1969-12-31T23:59:59.999Z"},
	};
	struct err err = {0};
	struct wall wall;
	char buf[32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_string_equal(wall_format(buf, sizeof(buf), (struct wall){rows[i].ns}), rows[i].s);
		ok(wall_parse(rows[i].s, &wall, &err));
		assert_int_equal(wall.ns, rows[i].ns);
	}
	ok(wall_parse("2026-11-18T14:02:31Z", &wall, &err));
	assert_int_equal(wall.ns, 1795010551000000000);
	ok(wall_parse("2026-11-18T14:02:31.5Z", &wall, &err));
	assert_int_equal(wall.ns, 1795010551500000000);
	ok(wall_parse("2026-11-18T14:02:31.1239999Z", &wall, &err));
	assert_int_equal(wall.ns, 1795010551123000000);
}

static void round_trip(void **state)
{
	struct err err = {0};
	uint64_t seed = 7;
	char buf[32];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		const int64_t ms = (int64_t)(seed >> 20) % 9000000000000 - 2000000000000;
		const struct wall in = {ms * 1000000};
		struct wall out;
		ok(wall_parse(wall_format(buf, sizeof(buf), in), &out, &err));
		assert_int_equal(in.ns, out.ns);
	}
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = {"", "now", "2026-11-18", "2026-11-18T14:02Z", "2026-11-18 14:02:31Z",
		"2026-11-18T14:02:31", "2026-11-18T14:02:31+01:00", "2026-13-18T14:02:31Z", "2026-00-18T14:02:31Z",
		"2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-18T24:00:00Z",
		"2026-11-18T14:60:00Z", "2026-11-18T14:02:61Z", "2026-11-18T-1:02:31Z", "2026-1-18T14:02:31Z",
		"+026-11-18T14:02:31Z", "2026-11-18T14:02:31.Z", "2026-11-18T14:02:31Zx", " 2026-11-18T14:02:31Z",
		"9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-11-18T14:02:31.5"};
	struct err err = {0};
	struct wall wall;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (wall_parse(bad[i], &wall, &err) != ERR_USAGE)
			fail_msg("\"%s\" was taken for a time", bad[i]);
	refused(ERR_USAGE, wall_parse(NULL, &wall, &err));
}

static struct mono frozen_mono(void)
{
	return (struct mono){5000000000};
}

static struct wall frozen_wall(void)
{
	return (struct wall){42};
}

static void clocks_can_be_replaced(void **state)
{
	(void)state;
	clock_inject(frozen_mono, frozen_wall, "boot-of-the-test");
	assert_int_equal(wall_now().ns, 42);
	assert_int_equal(mono_ms_since((struct mono){3000000000}), 2000);
	assert_string_equal(boot_id(), "boot-of-the-test");
	clock_inject(NULL, NULL, NULL);
	assert_int_equal(strlen(boot_id()), 36);
	const struct mono a = mono_now();
	assert_true(mono_now().ns >= a.ns && a.ns > 0);
	assert_true(wall_now().ns > 1700000000000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_stamps), cmocka_unit_test(round_trip),
		cmocka_unit_test(nonsense_is_refused), cmocka_unit_test(clocks_can_be_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
