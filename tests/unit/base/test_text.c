/* Text: quantities in both directions, near names, and the neutralising of hostile bytes. */
#include "check.h"
#include "drillbook/base.h"

#include <stdlib.h>
#include <string.h>

static void durations_are_read(void **state)
{
	static const struct { const char *s; int64_t ms; } good[] = {
		{"0", 0}, {"0s", 0}, {"250ms", 250}, {"30s", 30000}, {"5m", 300000}, {"1h30m", 5400000},
		{"2d", 172800000}, {"1m03s", 63000}};
	static const char *const bad[] = {"", "5", "s", "1.5s", "-1s", "+1s", " 1s", "1s ", "1h 30m", "1w",
		"1S", "1h30", "99999999999999999999s", "9223372036854775807d", "9223372036854775807ms1ms", "1sm"};
	struct err err = {0};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		ok(parse_duration_ms(good[i].s, &ms, &err));
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		refused(ERR_USAGE, parse_duration_ms(bad[i], &ms, &err));
	refused(ERR_USAGE, parse_duration_ms(NULL, &ms, &err));
	assert_non_null(strstr(err.text, "30s"));
}

static void sizes_are_read(void **state)
{
	static const struct { const char *s; int64_t bytes; } good[] = {
		{"0", 0}, {"512", 512}, {"16KiB", 16384}, {"4MiB", 4 << 20}, {"2GiB", (int64_t)2 << 30},
		{"1TiB", (int64_t)1 << 40}, {"7B", 7}};
	static const char *const bad[] = {"", "KiB", "1kb", "1MB", "1.5MiB", "-1", "1 MiB", "1MiB1",
		"9223372036854775808", "8388608TiB"};
	struct err err = {0};
	int64_t bytes;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		ok(parse_bytes(good[i].s, &bytes, &err));
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		refused(ERR_USAGE, parse_bytes(bad[i], &bytes, &err));
}

static void durations_are_written(void **state)
{
	static const struct { int64_t ms; const char *s; } rows[] = {
		{0, "0ms"}, {999, "999ms"}, {1000, "1s"}, {1400, "1.4s"}, {59999, "59.9s"}, {60000, "1m00s"},
		{123000, "2m03s"}, {3720000, "1h02m"}, {273600000, "3d04h"}, {-1400, "-1.4s"}};
	static const int64_t exact[] = {0, 1, 999, 1000, 30000, 60000, 83000, 3600000, 5400000, 86400000, 97200000};
	struct err err = {0};
	char buf[32];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(format_duration(buf, sizeof(buf), rows[i].ms), rows[i].s);
	for (size_t i = 0; i < COUNT_OF(exact); i++) { /* what is written can be read */
		ok(parse_duration_ms(format_duration(buf, sizeof(buf), exact[i]), &ms, &err));
		assert_int_equal(ms, exact[i]);
	}
}

static void clocks_are_written(void **state)
{
	static const struct { int64_t ms; const char *s; } rows[] = {
		{0, "0:00"}, {12999, "0:12"}, {723000, "12:03"}, {3723000, "1:02:03"}, {86399999, "23:59:59"},
		{183600000, "2d 03h"}, {-192000, "-3:12"}, {INT64_MAX, "106751991167d 07h"}};
	char buf[24];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(format_clock(buf, sizeof(buf), rows[i].ms), rows[i].s);
}

static void near_names(void **state)
{
	static const char *const names[] = {"failover", "failback", NULL, "restore"};
	char big[300];

	(void)state;
	assert_string_equal(str_nearest("failovr", names, 4), "failover");
	assert_string_equal(str_nearest("restroe", names, 4), "restore");
	assert_null(str_nearest("zzz", names, 4));
	assert_int_equal(str_distance("kitten", "sitting"), 3);
	assert_int_equal(str_distance("", "abc"), 3);
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_null(str_nearest(big, names, 4));
	assert_true(str_distance(big, "a") > 1000);
}

static void comparing(void **state)
{
	(void)state;
	assert_true(str_eq(NULL, NULL) && !str_eq(NULL, "") && str_eq("a", "a") && !str_eq("a", "b"));
	assert_true(str_starts("drill.x", "drill") && !str_starts("dr", "drill") && !str_starts(NULL, ""));
	assert_true(str_ends("a.yaml", ".yaml") && !str_ends("aml", ".yaml") && !str_ends(NULL, ""));
}

/* ------------------------------------------------------------------ hostile text */

static void shows(const char *in, size_t len, const char *expected)
{
	struct err err = {0};
	struct buf out;

	buf_init(&out, 1 << 20);
	ok(buf_add(&out, "", 0, &err));
	ok(text_sanitise(in, len, &out, &err));
	assert_string_equal(out.data, expected);
	buf_release(&out);
}

static void hostile_text_is_made_visible(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\x80 text", "plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\x80 text"},
		{"\033[31mred\033[0m", "^[[31mred^[[0m"},
		{"\033]52;c;cm0gLXJm\a", "^[]52;c;cm0gLXJm^G"},
		{"a\rb\bc\n\x7f", "a^Mb^Hc^J^?"},
		{"\xc2\x9b" "31m", "<9B>31m"},          /* CSI as UTF-8 */
		{"\x9b" "31m", "<9B>31m"},              /* CSI as a byte */
		{"\xe2\x80\xae" "exe", "<U+202E>exe"},  /* right-to-left override */
		{"a\xe2\x80\x8b" "b", "a<U+200B>b"},    /* zero width */
		{"\xf3\xa0\x81\x81", "<U+E0041>"},      /* a tag */
		{"\xef\xbb\xbf", "<U+FEFF>"},           /* byte order mark */
		{"\xe2\x80\xa8" "x", "<U+2028>x"},      /* line separator */
		{"\xc0\xaf", "<C0><AF>"},               /* overlong slash */
		{"\xe0\x80\xaf", "<E0><80><AF>"},
		{"\xf0\x80\x80\xaf", "<F0><80><80><AF>"},
		{"\xed\xa0\x80", "<ED><A0><80>"},       /* a surrogate */
		{"\xf4\x90\x80\x80", "<F4><90><80><80>"}, /* beyond U+10FFFF */
		{"\xf8\x88\x80\x80\x80", "<F8><88><80><80><80>"},
		{"\xe2\x82", "<E2><82>"},               /* cut off */
		{"\xff\xfe", "<FF><FE>"},
		{"a\tb", "a       b"},
		{"1234567\tb", "1234567 b"},
		{"\xc3\xa4\tb", "\xc3\xa4       b"},    /* a letter of two bytes is one column */
		{"\001\tb", "^A      b"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		shows(rows[i].in, strlen(rows[i].in), rows[i].out);
	shows("a\0b", 3, "a^@b");
	shows("", 0, "");
}

/* Whatever comes in, what goes out is UTF-8 without a control character; and doing it twice changes nothing. */
static void nothing_gets_through(void **state)
{
	struct err err = {0};
	struct buf once, twice;
	uint32_t seed = 20261118;

	(void)state;
	buf_init(&once, 1 << 20);
	buf_init(&twice, 1 << 20);
	for (int round = 0; round < 20000; round++) {
		char in[48];
		size_t len = 0;
		while (len < sizeof(in)) {
			seed = seed * 1664525u + 1013904223u;
			static const char hot[] = "\033\x9b\xc2\xe2\x80\xae\xf3\xa0\r\b\t a";
			in[len++] = seed & 0x10000u ? (char)(seed >> 24) : hot[(seed >> 20) % (sizeof(hot) - 1)];
		}
		buf_clear(&once);
		buf_clear(&twice);
		ok(text_sanitise(in, len, &once, &err));
		assert_int_equal(utf8_valid_prefix(once.data, once.len), once.len);
		for (size_t i = 0; i < once.len; i++) {
			const unsigned char c = (unsigned char)once.data[i];
			assert_true(c >= 0x20 && c != 0x7f);
			if (c == 0xc2)
				assert_true((unsigned char)once.data[i + 1] >= 0xa0);
		}
		ok(text_sanitise(once.data, once.len, &twice, &err));
		assert_string_equal(once.data, twice.data);
	}
	buf_release(&once);
	buf_release(&twice);
}

static void sanitising_keeps_the_limit(void **state)
{
	struct err err = {0};
	struct buf out;

	(void)state;
	buf_init(&out, 8);
	refused(ERR_LIMIT, text_sanitise("\033\033\033\033\033", 5, &out, &err));
	assert_string_equal(out.data, "^[^[^[^[");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read), cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(durations_are_written), cmocka_unit_test(clocks_are_written),
		cmocka_unit_test(near_names), cmocka_unit_test(comparing),
		cmocka_unit_test(hostile_text_is_made_visible), cmocka_unit_test(nothing_gets_through),
		cmocka_unit_test(sanitising_keeps_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
