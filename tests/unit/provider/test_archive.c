/* test_archive.c: how far an archive of WAL reaches behind a backup. */
#if __has_include(<libpq-fe.h>)
#include "postgres_backup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEGMENT = 16 << 20 };

/* The point at end_lsn on that timeline, after a look at an archive of these files.  Owned. */
static json_t *look(
	const char *const *files, const char *end_lsn, int64_t timeline, int64_t segment)
{
	char dir[] = "/tmp/drillbook-archive-XXXXXX";
	json_t *settings = json_object(), *target, *point = json_object();
	struct wal_archive *archive = NULL;
	struct call *call = NULL;
	struct err err = { 0 };

	assert_non_null(mkdtemp(dir));
	for (const char *const *f = files; *f != NULL; f++) {
		char *path = path_join(dir, *f);
		assert_int_equal(file_replace(path, "x", 1, 0600, &err), ERR_NONE);
		free(path);
	}
	json_put_str(settings, "wal_archive", dir);
	target = json_pack("{s:s,s:o}", "provider", "postgres", "settings", settings);
	assert_int_equal(call_new(&call, "db", target, "backup.points", NULL, NULL, "", "/", 0,
				 NULL, &err),
		ERR_NONE);
	assert_int_equal(archive_open(call, &archive, &err), ERR_NONE);
	json_put_str(point, "end_lsn", end_lsn);
	json_put_int(point, "timeline", timeline);
	archive_describe(archive, segment, point);
	archive_close(archive);
	call_free(call);
	json_decref(target);
	for (const char *const *f = files; *f != NULL; f++) {
		char *path = path_join(dir, *f);
		unlink(path);
		free(path);
	}
	rmdir(dir);
	return point;
}

static void check(const char *const *files, const char *end_lsn, int64_t timeline,
	int64_t segment, const char *until, const char *missing)
{
	json_t *point = look(files, end_lsn, timeline, segment);

	assert_string_equal(json_str(point, "wal_until_lsn", ""), until);
	assert_string_equal(json_str(point, "wal_missing", ""), missing);
	json_decref(point);
}

static void test_reach(void **state)
{
	static const char *const none[] = { NULL };
	static const char *const three[] = { "000000010000000000000003",
		"000000010000000000000004", "000000010000000000000005", NULL };
	static const char *const late[] = { "000000010000000000000005", NULL };

	(void)state;
	/* the backup has its own WAL: without any other it reaches as far as itself */
	check(none, "0/3000100", 1, SEGMENT, "0/3000100", "");
	check(three, "0/3000100", 1, SEGMENT, "0/6000000", "");
	check(three, "0/4000000", 1, SEGMENT, "0/6000000", "");
	check(late, "0/3000100", 1, SEGMENT, "0/3000100", "000000010000000000000003");
	/* what is older than the backup does not count */
	check(three, "0/6000100", 1, SEGMENT, "0/6000100", "");
}

static void test_gap(void **state)
{
	static const char *const files[] = { "000000010000000000000003",
		"000000010000000000000005", NULL };

	(void)state;
	check(files, "0/3000100", 1, SEGMENT, "0/4000000", "000000010000000000000004");
}

/* The second half of a number ends at FF with files of 16 MiB, and at 3F with 64 MiB. */
static void test_carry(void **state)
{
	static const char *const small[] = { "0000000100000000000000FE",
		"0000000100000000000000FF", "000000010000000100000000", NULL };
	static const char *const large[] = { "00000001000000000000003F",
		"000000010000000100000000", NULL };

	(void)state;
	check(small, "0/FE000100", 1, SEGMENT, "1/1000000", "");
	check(large, "0/FC000100", 1, 64 << 20, "1/4000000", "");
	check(large, "0/F8000100", 1, 64 << 20, "0/F8000100", "00000001000000000000003E");
}

/* After a promotion the same number may be there twice; what lies on an older timeline is not
 * ours. */
static void test_timelines(void **state)
{
	static const char *const both[] = { "000000010000000000000003",
		"000000010000000000000004.partial", "000000020000000000000003",
		"000000020000000000000004", "00000002.history", NULL };

	(void)state;
	check(both, "0/3000100", 1, SEGMENT, "0/5000000", "");
	check(both, "0/4000100", 2, SEGMENT, "0/5000000", "");
	check(both, "0/3000100", 3, SEGMENT, "0/3000100", "");
}

static void test_names(void **state)
{
	static const char *const packed[] = { "000000010000000000000003.lz4",
		"000000010000000000000003.00000028.backup", "000000010000000000000004.gz",
		"00000001000000000000000", "000000010000000000000005x", "lost+found", NULL };

	(void)state;
	check(packed, "0/3000100", 1, SEGMENT, "0/5000000", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_timelines),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
	return 0; /* a build without libpq has no provider postgres */
}
#endif
