/* test_keys.c: bytes to keys, split at every byte. */
#include "keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

static size_t feed(const char *bytes, struct press *out, size_t max)
{
	struct keys keys = { 0 };

	return keys_feed(&keys, bytes, strlen(bytes), 0, out, max);
}

static void known_keys(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t key;
	} rows[] = {
		{ "a", 'a' },
		{ "\r", K_ENTER },
		{ "\t", K_TAB },
		{ "\177", K_BACKSPACE },
		{ "\003", K_CTRL('c') },
		{ "\033[A", K_UP },
		{ "\033OA", K_UP },
		{ "\033[B", K_DOWN },
		{ "\033[5~", K_PGUP },
		{ "\033[6~", K_PGDN },
		{ "\033[H", K_HOME },
		{ "\033[1~", K_HOME },
		{ "\033[4~", K_END },
		{ "\033[Z", K_BACKTAB },
		{ "\xc3\xa9", 0xe9 },
		{ "\xe6\xbc\xa2", 0x6f22 },
		{ "\xf0\x9f\x98\x80", 0x1f600 },
		{ "\033[1;5A", K_OTHER },
		{ "\033[[A", K_OTHER },
		{ "\033[15~", K_OTHER },
	};
	struct press out[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(feed(rows[i].bytes, out, COUNT_OF(out)), 1);
		assert_int_equal(out[0].key, rows[i].key);
		assert_false(out[0].pasted);
		/* and in two reads, cut anywhere */
		for (size_t cut = 1; cut < strlen(rows[i].bytes); cut++) {
			struct keys keys = { 0 };
			assert_int_equal(keys_feed(&keys, rows[i].bytes, cut, 0, out, 64), 0);
			assert_int_equal(keys_feed(&keys, rows[i].bytes + cut,
						 strlen(rows[i].bytes) - cut, 5, out, 64),
				1);
			assert_int_equal(out[0].key, rows[i].key);
		}
	}
}

static void a_lone_escape_needs_time(void **state)
{
	struct keys keys = { 0 };
	struct press out[4];

	(void)state;
	assert_int_equal(keys_feed(&keys, "\033", 1, 100, out, 4), 0);
	assert_int_equal(keys_due_ms(&keys, 100), ESC_WAIT_MS);
	assert_int_equal(keys_wait(&keys, 100 + ESC_WAIT_MS - 1, out, 4), 0);
	assert_int_equal(keys_wait(&keys, 100 + ESC_WAIT_MS, out, 4), 1);
	assert_int_equal(out[0].key, K_ESC);
	assert_int_equal(keys_due_ms(&keys, 999), -1);
	/* a sequence that never ends is no key at all */
	assert_int_equal(keys_feed(&keys, "\033[12", 4, 1000, out, 4), 0);
	assert_int_equal(keys_wait(&keys, 2000, out, 4), 0);
	assert_int_equal(keys_feed(&keys, "x", 1, 2001, out, 4), 1);
	assert_int_equal(out[0].key, 'x');
}

static void pastes_are_marked(void **state)
{
	static const char bytes[] = "a\033[200~Y\r\033[Adrill\033[201~b";
	struct press out[64];

	(void)state;
	for (size_t cut = 0; cut < sizeof(bytes) - 1; cut++) {
		struct keys keys = { 0 };
		size_t count = keys_feed(&keys, bytes, cut, 0, out, 64);
		count += keys_feed(&keys, bytes + cut, sizeof(bytes) - 1 - cut, 1, out + count,
			64 - count);
		assert_int_equal(count, 10);
		assert_false(out[0].pasted);
		for (size_t i = 1; i < 9; i++)
			assert_true(out[i].pasted);
		assert_false(out[9].pasted);
		assert_int_equal(out[9].key, 'b');
	}
}

/* A terminal without bracketed paste: what comes in one burst was not typed. */
static void bursts_are_pastes(void **state)
{
	struct press out[64];

	(void)state;
	assert_int_equal(feed("orders-db-primary\rY", out, 64), 19);
	for (size_t i = 0; i < 19; i++)
		assert_true(out[i].pasted);
	assert_int_equal(feed("drill\r", out, 64), 6);
	assert_false(out[0].pasted);
}

static void any_bytes_are_harmless(void **state)
{
	struct keys keys = { 0 };
	struct press out[600];
	unsigned char bytes[512];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525U + 1013904223U;
			bytes[i] = (unsigned char)(seed >> 24);
			if ((seed >> 16 & 7) == 0)
				bytes[i] = 0x1b;
		}
		const size_t count = keys_feed(
			&keys, bytes, seed % sizeof(bytes), round, out, COUNT_OF(out));
		assert_true(count <= COUNT_OF(out));
		for (size_t i = 0; i < count; i++)
			assert_true(out[i].key != 0 && out[i].key <= K_OTHER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_keys),
		cmocka_unit_test(a_lone_escape_needs_time),
		cmocka_unit_test(pastes_are_marked),
		cmocka_unit_test(bursts_are_pastes),
		cmocka_unit_test(any_bytes_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
