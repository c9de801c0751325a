/* Arenas and buffers: alignment, limits, and what is left when a limit is met. */
#include "check.h"
#include "drillbook/base.h"

#include <stdlib.h>
#include <string.h>

static void arena_gives_aligned_zeroed_memory(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < 3000; i++) {
		unsigned char *p = arena_alloc(&arena, i % 97 + 1);
		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t k = 0; k < i % 97 + 1; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xff, i % 97 + 1);
	}
	char *big = arena_alloc(&arena, 5 << 20);
	assert_non_null(big);
	memset(big, 1, 5 << 20);
	arena_release(&arena);
	assert_null(arena.head);
	assert_int_equal(arena.used_bytes, 0);
}

static void arena_limit(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1024);
	assert_non_null(arena_alloc(&arena, 1000));
	assert_null(arena_alloc(&arena, 100));
	assert_non_null(arena_alloc(&arena, 16));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 20));
	assert_null(arena_strdup(&arena, "no room"));
	assert_null(arena_printf(&arena, "%d", 7));
	arena_release(&arena);
}

static void arena_strings(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
	assert_string_equal(arena_strdup(&arena, ""), "");
	assert_null(arena_strdup(&arena, NULL));
	assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
	arena_release(&arena);
}

static void buffer_limit_is_exact(void **state)
{
	struct err err = {0};
	struct buf buf;

	(void)state;
	buf_init(&buf, 10);
	ok(buf_add(&buf, "0123456789", 10, &err));
	refused(ERR_LIMIT, buf_add(&buf, "x", 1, &err));
	assert_int_equal(buf.len, 10);
	assert_string_equal(buf.data, "0123456789");
	buf_consume(&buf, 4);
	assert_string_equal(buf.data, "456789");
	ok(buf_addf(&buf, &err, "%03d", 7));
	refused(ERR_LIMIT, buf_addf(&buf, &err, "%d", 42));
	assert_string_equal(buf.data, "456789007");
	buf_consume(&buf, 999);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
	refused(ERR_LIMIT, buf_add(&buf, "x", SIZE_MAX, &err));
	buf_release(&buf);
	ok(buf_add(&buf, "again", 5, &err)); /* a released buffer keeps its limit and can be used anew */
	buf_clear(&buf);
	assert_string_equal(buf.data, "");
	buf_release(&buf);
}

static void buffer_of_nothing(void **state)
{
	struct err err = {0};
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	ok(buf_add(&buf, "", 0, &err));
	assert_string_equal(buf.data, "");
	refused(ERR_LIMIT, buf_add(&buf, "x", 1, &err));
	buf_consume(&buf, 1);
	buf_release(&buf);
	buf_clear(&buf);
}

static void buffer_keeps_bytes(void **state)
{
	struct err err = {0};
	struct buf buf;
	char piece[257];

	(void)state;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (char)i;
	buf_init(&buf, 1 << 20);
	for (size_t n = 0; n < 1000; n++)
		ok(buf_add(&buf, piece, sizeof(piece), &err));
	for (size_t n = 0; n < 1000; n++)
		assert_memory_equal(buf.data + n * sizeof(piece), piece, sizeof(piece));
	buf_release(&buf);
}

static void plain_helpers(void **state)
{
	char *zero = xmalloc(64), *empty = xmalloc(0);

	(void)state;
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(zero[i], 0);
	assert_non_null(empty);
	assert_null(xstrdup(NULL));
	char *s = xasprintf("%s/%05d", "a", 42);
	assert_string_equal(s, "a/00042");
	free(s);
	free(zero);
	free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_gives_aligned_zeroed_memory), cmocka_unit_test(arena_limit),
		cmocka_unit_test(arena_strings), cmocka_unit_test(buffer_limit_is_exact),
		cmocka_unit_test(buffer_of_nothing), cmocka_unit_test(buffer_keeps_bytes),
		cmocka_unit_test(plain_helpers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
