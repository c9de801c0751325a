/* test_resp.c: the reader of Redis answers: what is whole, what is not yet, what never will be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "redis.h"

#include <stdlib.h>
#include <string.h>

/* As JSON, "error TEXT" for an error, "?" when it is not whole, else the name of the error
 * code. */
static const char *read_as(const char *data, size_t len)
{
	static char out[4096];
	struct resp resp = { 0 };
	struct err err = { 0 };
	bool whole = false;
	/* a copy of exactly these bytes, so that a sanitizer sees what reads beyond them */
	char *copy = xmalloc(len + 1);

	memcpy(copy, data, len);
	const enum err_code code = resp_parse(copy, len, &resp, &whole, &err);
	if (code != ERR_NONE) {
		snprintf(out, sizeof(out), "%s", err_name(code));
	} else if (!whole) {
		snprintf(out, sizeof(out), "?");
	} else {
		char *line = json_dumps(resp.value, JSON_COMPACT | JSON_ENCODE_ANY);
		snprintf(out, sizeof(out), "%s%s", resp.is_error ? "error " : "", line);
		free(line);
		assert_true(resp.bytes <= len);
	}
	resp_release(&resp);
	free(copy);
	return out;
}

static void values_are_read(void **state)
{
	static const struct {
		const char *data, *as;
	} rows[] = {
		{ "+OK\r\n", "\"OK\"" },
		{ "-ERR no\r\n", "error \"ERR no\"" },
		{ ":42\r\n", "42" },
		{ ":-7\r\n", "-7" },
		{ "$5\r\na\r\nbc\r\n", "\"a\\r\\nbc\"" },
		{ "$0\r\n\r\n", "\"\"" },
		{ "$-1\r\n", "null" },
		{ "*-1\r\n", "null" },
		{ "*0\r\n", "[]" },
		{ "*3\r\n:1\r\n$1\r\nx\r\n*1\r\n-E\r\n", "[1,\"x\",[\"E\"]]" },
		{ "+OK\r\n+more\r\n", "\"OK\"" },
		/* not whole yet */
		{ "", "?" },
		{ "+OK", "?" },
		{ "+OK\r", "?" },
		{ "$5\r\nab", "?" },
		{ "$2\r\nab\r", "?" },
		{ "*2\r\n:1\r\n", "?" },
		/* never */
		{ "HTTP/1.1 400 Bad Request\r\n", "PROTOCOL" },
		{ "+OK\rx\n", "PROTOCOL" },
		{ ":\r\n", "PROTOCOL" },
		{ ":1x\r\n", "PROTOCOL" },
		{ ": 1\r\n", "PROTOCOL" },
		{ ":99999999999999999999\r\n", "PROTOCOL" },
		{ "$-2\r\n", "PROTOCOL" },
		{ "$1\r\nabc\r\n", "PROTOCOL" },
		{ "$999999999999\r\n", "LIMIT" },
		{ "*100001\r\n", "LIMIT" },
		{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "LIMIT" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(read_as(rows[i].data, strlen(rows[i].data)), rows[i].as);
}

/* Each beginning of an answer is "not yet", never an error and never another value. */
static void every_beginning_waits(void **state)
{
	static const char answer[] = "*3\r\n$3\r\nabc\r\n:12\r\n*2\r\n+x\r\n$-1\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(answer) - 1; len++)
		assert_string_equal(read_as(answer, len), "?");
	assert_string_equal(read_as(answer, sizeof(answer) - 1), "[\"abc\",12,[\"x\",null]]");
}

static void lines_and_answers_have_limits(void **state)
{
	char *long_line = xmalloc(RESP_LINE_MAX + 2);

	(void)state;
	memset(long_line, 'x', RESP_LINE_MAX + 1);
	long_line[0] = '+';
	assert_string_equal(read_as(long_line, RESP_LINE_MAX + 1), "LIMIT");
	free(long_line);
	char *wide = xstrdup("*100000\r\n");
	struct buf buf;
	struct err err = { 0 };
	buf_init(&buf, RESP_BYTES_MAX);
	assert_int_equal(buf_addf(&buf, &err, "*2\r\n"), ERR_NONE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(buf_add(&buf, wide, strlen(wide), &err), ERR_NONE);
		for (int k = 0; k < 100000; k++)
			assert_int_equal(buf_add(&buf, ":1\r\n", 4, &err), ERR_NONE);
	}
	assert_string_equal(read_as(buf.data, buf.len), "LIMIT");
	buf_release(&buf);
	free(wide);
}

/* Bytes of chance: anything but a crash or a read beyond the end.  The seed is fixed. */
static void noise_is_harmless(void **state)
{
	static const char alphabet[] = "+-:$*0123456789\r\nab-1";
	uint64_t seed = 88172645463325252u;
	char data[64];

	(void)state;
	for (int round = 0; round < 200000; round++) {
		size_t len = 0;

		for (; len < sizeof(data); len++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			data[len] = alphabet[seed % (sizeof(alphabet) - 1)];
			if (seed % 41 == 0)
				break;
		}
		read_as(data, len);
	}
}

static void requests_count_their_bytes(void **state)
{
	static const char *const words[] = { "SET", "k", "a b\r\n" };
	struct buf buf;
	struct err err = { 0 };

	(void)state;
	buf_init(&buf, 100);
	assert_int_equal(resp_request(&buf, 3, words, &err), ERR_NONE);
	assert_string_equal(buf.data, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na b\r\n\r\n");
	buf_release(&buf);
	buf_init(&buf, 10);
	assert_int_equal(resp_request(&buf, 3, words, &err), ERR_LIMIT);
	buf_release(&buf);
}

static void info_is_read_by_whole_keys(void **state)
{
	static const char text[] = "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\n"
				   "xmaster_host:no\r\nslave_repl_offset:991\r\nempty:\r\n";
	char value[12];

	(void)state;
	assert_true(resp_info(text, "role", value, sizeof(value)));
	assert_string_equal(value, "slave");
	assert_true(resp_info(text, "master_host", value, sizeof(value)));
	assert_string_equal(value, "10.0.0.1");
	assert_false(resp_info(text, "master_hos", value, sizeof(value)));
	assert_false(resp_info(text, "master_host", value, 8));
	assert_int_equal(resp_info_int(text, "slave_repl_offset", -1), 991);
	assert_int_equal(resp_info_int(text, "role", -1), -1);
	assert_int_equal(resp_info_int(text, "empty", -1), -1);
	assert_int_equal(resp_info_int("", "role", -1), -1);
}

static void the_fence_carries_what_was_before(void **state)
{
	static const struct {
		const char *file;
		int64_t min_replicas, max_lag_s;
		int64_t fence_min, fence_lag_s;
	} rows[] = {
		{ "", 0, 10, REDIS_FENCE, 10 },
		{ "min-replicas-to-write 2\n", 2, 10, REDIS_FENCE + 2, 10 },
		{ "min-replicas-to-write 1\nmin-replicas-max-lag 0\n", 1, 0,
			REDIS_FENCE_NO_LAG + 1, REDIS_FENCE_LAG_S },
		{ "# min-replicas-to-write 9\n  "
		  "MIN-replicas-to-write\t3\nmin-replicas-to-writes 7",
			3, 10, REDIS_FENCE + 3, 10 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t min_replicas, max_lag_s;
		struct redis_node node;

		redis_parse_file(rows[i].file, &node);
		assert_int_equal(node.min_replicas, rows[i].min_replicas);
		assert_int_equal(node.max_lag_s, rows[i].max_lag_s);
		assert_false(redis_is_fenced(&node));
		redis_fence_values(&node, &node.min_replicas, &node.max_lag_s);
		assert_int_equal(node.min_replicas, rows[i].fence_min);
		assert_int_equal(node.max_lag_s, rows[i].fence_lag_s);
		assert_true(redis_is_fenced(&node));
		redis_before_fence(&node, &min_replicas, &max_lag_s);
		assert_int_equal(min_replicas, rows[i].min_replicas);
		assert_int_equal(max_lag_s, rows[i].max_lag_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(every_beginning_waits),
		cmocka_unit_test(lines_and_answers_have_limits),
		cmocka_unit_test(noise_is_harmless),
		cmocka_unit_test(requests_count_their_bytes),
		cmocka_unit_test(info_is_read_by_whole_keys),
		cmocka_unit_test(the_fence_carries_what_was_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
