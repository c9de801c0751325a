/* test_compare.c: the loss measure, against a count made another way, and its speed. */
#include "statement.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct log {
	char path[64];
	FILE *file;
};

static void log_open(struct log *log)
{
	snprintf(log->path, sizeof(log->path), "/tmp/drillbook-witness-XXXXXX");
	int fd = mkstemp(log->path);
	assert_true(fd >= 0);
	log->file = fdopen(fd, "w");
	assert_non_null(log->file);
}

static enum err_code load(struct log *log, const char *more, struct witness **witness,
	struct call **call, struct err *err)
{
	json_t *target = json_pack("{s:s,s:{s:s,s:s}}", "provider", "sqlite", "settings",
		"path", "x.db", "acked", log->path);
	json_t *args = json_loads(more, 0, NULL);

	assert_non_null(args);
	json_put_str(args, "query", "q");
	if (log->file != NULL)
		fclose(log->file);
	log->file = NULL;
	assert_int_equal(
		call_new(call, "db", target, "data.compare", args, NULL, "", "/", 0, NULL, err),
		ERR_NONE);
	json_decref(target);
	json_decref(args);
	return witness_of_call(*call, witness, err);
}

static void expect(const json_t *result, const char *wanted)
{
	char *line = json_line(result);

	assert_string_equal(line, wanted);
	free(line);
}

static json_t *report(struct witness *witness)
{
	json_t *result = json_object();

	witness_report(witness, result);
	witness_free(witness);
	json_object_del(result, "basis");
	return result;
}

static void test_small(void **state)
{
	struct err err = { 0 };
	struct witness *w = NULL;
	struct call *call = NULL;
	struct log log;

	(void)state;
	log_open(&log);
	/* 3 comes late, 5 failed, 9 stands there twice, the last line is cut off */
	fputs("100 1 ok\n110 2 ok\n120 4 ok\n125 3 ok\n130 5 fail\n140 6 ok\n150 7 ok\n160 9 "
	      "ok\n161 9 ok\n170 10",
		log.file);
	assert_int_equal(load(&log, "{}", &w, &call, &err), ERR_NONE);
	const int64_t rows[] = { 9, 1, 2, 2, 5, 4, 77 };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		witness_survived(w, rows[i]);
	json_t *result = report(w);
	/* 3 (at 125), 6 (140) and 7 (150) are lost; the newest write before 125 that survived
	 * is 4 at 120 */
	expect(result, "{\"acknowledged\":7,\"extra\":2,\"failed\":1,\"first_lost\":3,\"first_"
		       "lost_at_ms\":125,"
		       "\"last_lost\":7,\"last_lost_at_ms\":150,\"lost\":3,\"lost_span_ms\":30,"
		       "\"recovery_point_ms\":120,"
		       "\"survived\":4,\"unknown\":[]}");
	json_decref(result);
	call_free(call);
	unlink(log.path);
}

static void test_nothing_lost(void **state)
{
	struct err err = { 0 };
	struct witness *w = NULL;
	struct call *call = NULL;
	struct log log;

	(void)state;
	log_open(&log);
	fputs("100 1 ok\n110 2 ok\n120 3 ok\n", log.file);
	assert_int_equal(load(&log, "{}", &w, &call, &err), ERR_NONE);
	for (int64_t seq = 1; seq <= 3; seq++)
		witness_survived(w, seq);
	json_t *result = report(w);
	expect(result,
		"{\"acknowledged\":3,\"extra\":0,\"failed\":0,\"lost\":0,\"lost_span_ms\":0,"
		"\"recovery_point_ms\":120,\"survived\":3,\"unknown\":[]}");
	json_decref(result);
	call_free(call);
	/* the same log before and after some instant */
	assert_int_equal(
		load(&log, "{\"before_ms\":120,\"after_ms\":100}", &w, &call, &err), ERR_NONE);
	result = report(w);
	assert_int_equal(json_int(result, "acknowledged", -1), 1);
	assert_int_equal(json_int(result, "first_lost", -1), 2);
	json_decref(result);
	call_free(call);
	unlink(log.path);
}

/* The first promise is broken: from when the data is cannot be said, and no number is made up.
 */
static void test_everything_lost(void **state)
{
	struct err err = { 0 };
	struct witness *w = NULL;
	struct call *call = NULL;
	struct log log;

	(void)state;
	log_open(&log);
	fputs("100 1 ok\n110 2 ok\n", log.file);
	assert_int_equal(load(&log, "{}", &w, &call, &err), ERR_NONE);
	json_t *result = report(w);
	expect(result, "{\"acknowledged\":2,\"extra\":0,\"failed\":0,\"first_lost\":1,\"first_"
		       "lost_at_ms\":100,"
		       "\"last_lost\":2,\"last_lost_at_ms\":110,\"lost\":2,\"survived\":0,"
		       "\"unknown\":[\"recovery_point_ms\",\"lost_span_ms\"]}");
	json_decref(result);
	call_free(call);
	unlink(log.path);
}

static void test_malformed(void **state)
{
	static const char *const lines[] = { "x 1 ok\n", "1 x ok\n", "1 1\n", "1 1 perhaps\n",
		"1 1 ok more\n", "\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct err err = { 0 };
		struct witness *w = NULL;
		struct call *call = NULL;
		struct log log;
		log_open(&log);
		fputs("1 1 ok\n", log.file);
		fputs(lines[i], log.file);
		fputs("2 2 ok\n", log.file);
		assert_int_equal(load(&log, "{}", &w, &call, &err), ERR_PROTOCOL);
		assert_non_null(strstr(err.text, "line 2"));
		assert_null(w);
		call_free(call);
		unlink(log.path);
	}
}

static void test_no_log(void **state)
{
	struct err err = { 0 };
	struct witness *w = NULL;
	struct call *call = NULL;
	struct log log = { .path = "/nonexistent/acked" };

	(void)state;
	assert_int_equal(load(&log, "{}", &w, &call, &err), ERR_SYSTEM);
	call_free(call);
}

/* 10^6 acknowledged writes, rows in order and backwards: linear, not quadratic. */
static void test_million(void **state)
{
	enum { COUNT = 1000000, LOST_FROM = 999001 };
	struct err err = { 0 };
	struct log log;

	(void)state;
	log_open(&log);
	for (int i = 1; i <= COUNT; i++)
		fprintf(log.file, "%d %d ok\n", 1000 + i, i);
	for (int backwards = 0; backwards < 2; backwards++) {
		struct witness *w = NULL;
		struct call *call = NULL;
		struct mono start = mono_now();
		assert_int_equal(load(&log, "{}", &w, &call, &err), ERR_NONE);
		for (int i = 1; i < LOST_FROM; i++)
			witness_survived(w, backwards ? LOST_FROM - i : i);
		json_t *result = report(w);
		assert_int_equal(json_int(result, "lost", -1), 1000);
		assert_int_equal(json_int(result, "extra", -1), 0);
		assert_int_equal(
			json_int(result, "recovery_point_ms", -1), 1000 + LOST_FROM - 1);
		assert_int_equal(json_int(result, "lost_span_ms", -1), 1000);
		/* sanitisers and a busy machine included; quadratic would be hours */
		assert_true(mono_ms_since(start) < 20000);
		json_decref(result);
		call_free(call);
	}
	unlink(log.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_nothing_lost),
		cmocka_unit_test(test_everything_lost),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_no_log),
		cmocka_unit_test(test_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
