/* test_open.c: where a journal may stand, who may open it, what is refused and with which words (T6, T17). */
#include "sample.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static int set_up(void **state)
{
	struct place *place = xmalloc(sizeof(*place));

	place_make(place);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	place_remove(*state);
	free(*state);
	journal_tuning.statfs = statfs;
	return 0;
}

static void refused(const char *dir, enum journal_mode mode, enum err_code code, const char *word)
{
	struct err err = {0};
	struct journal *journal = NULL;

	assert_int_equal(journal_open(&journal, dir, mode, &err), code);
	assert_null(journal);
	if (strstr(err.text, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

/* ------------------------------------------------------------------ file systems */

static struct statfs fake_fs;
static int fake_statfs(const char *path, struct statfs *out)
{
	(void)path;
	*out = fake_fs;
	return 0;
}
static int no_statfs(const char *path, struct statfs *out)
{
	(void)path, (void)out;
	errno = EIO;
	return -1;
}

static void network_file_systems_are_refused(void **state)
{
	struct place *place = *state;
	static const struct {
		uint32_t magic;
		const char *name;
	} rows[] = {{0x6969, "NFS"}, {0x517b, "SMB"}, {0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"},
		{0x65735546, "FUSE"}, {0x01021997, "9P"}, {0x00c36400, "Ceph"}, {0x5346414f, "AFS"}};
	char *file = place_file(place, "journal.db");

	journal_tuning.statfs = fake_statfs;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fake_fs.f_type = (__fsword_t)rows[i].magic;
		refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, rows[i].name);
		refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, "DRILLBOOK_DATA");
		fake_fs.f_type = (__fsword_t)(int32_t)rows[i].magic; /* as a 32-bit word it may come sign-extended */
		refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, rows[i].name);
	}
	fake_fs.f_type = 0xef53; /* ext4 */
	fake_fs.f_flags = 1;
	refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, "mounted read-only");
	journal_tuning.statfs = no_statfs;
	refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, "cannot look at");
	assert_false(path_exists(file));
	fake_fs.f_flags = 0;
	journal_tuning.statfs = fake_statfs;
	journal_close(open_ok(place->dir, JOURNAL_WRITE));
	free(file);
}

static void a_read_only_directory_is_refused(void **state)
{
	struct place *place = *state;
	int status;

	assert_int_equal(chmod(place->dir, 0555), 0);
	const pid_t child = fork(); /* root may write anywhere */
	if (child == 0) {
		struct err err = {0};
		struct journal *journal;
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
			_exit(3);
		const enum err_code code = journal_open(&journal, place->dir, JOURNAL_WRITE, &err);
		_exit(code == ERR_JOURNAL && strstr(err.text, "read-only") != NULL ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(place->dir, 0755), 0);
}

static void a_file_in_the_way_is_refused(void **state)
{
	struct place *place = *state;
	char *file = place_file(place, "data");
	struct err err = {0};

	assert_ok(file_replace(file, "x", 1, 0600, &err), err);
	refused(file, JOURNAL_WRITE, ERR_JOURNAL, "not a directory");
	free(file);
}

/* ------------------------------------------------------------------ whose file it is */

static void other_files_are_refused_untouched(void **state)
{
	struct place *place = *state;
	char *file = place_file(place, "journal.db");
	struct err err = {0};
	struct buf before, after;
	const char *const texts[] = {"this is a text of some length, at least longer than a header of SQLite would be, "
				     "so that it is looked at and found to be none: 0123456789 0123456789", "xy"}; /* 1 byte is "empty" to SQLite */

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_ok(file_replace(file, texts[i], strlen(texts[i]), 0600, &err), err);
		refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, "journal");
		refused(place->dir, JOURNAL_READ, ERR_JOURNAL, "journal");
		assert_ok(file_read(file, 4096, &before, &err), err);
		assert_string_equal(before.data, texts[i]);
		buf_release(&before);
		unlink(file);
	}
	sql_ok(place->dir, "CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
	assert_ok(file_read(file, 1 << 20, &before, &err), err);
	refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, "another program's");
	refused(place->dir, JOURNAL_READ, ERR_JOURNAL, "another program's");
	assert_ok(file_read(file, 1 << 20, &after, &err), err);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	buf_release(&before);
	buf_release(&after);
	free(file);
}

static void a_newer_schema_is_refused(void **state)
{
	struct place *place = *state;

	journal_close(open_ok(place->dir, JOURNAL_WRITE));
	sql_ok(place->dir, "PRAGMA user_version = 2");
	refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, "newer drillbook");
	refused(place->dir, JOURNAL_READ, ERR_JOURNAL, "newer drillbook");
	sql_ok(place->dir, "PRAGMA user_version = 0");
	refused(place->dir, JOURNAL_WRITE, ERR_JOURNAL, "unknown schema");
}

static void there_is_none_yet(void **state)
{
	struct place *place = *state;
	char *file = place_file(place, "journal.db");
	struct err err = {0};

	refused(place->dir, JOURNAL_READ, ERR_NOT_FOUND, "no journal");
	assert_ok(file_replace(file, "", 0, 0600, &err), err); /* a death at birth */
	refused(place->dir, JOURNAL_READ, ERR_NOT_FOUND, "still empty");
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	append_ok(journal, run_started(1, "failover", "drill", 1, "p"));
	journal_close(journal);
	free(file);
}

/* ------------------------------------------------------------------ the lock */

static void the_second_writer_is_refused(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	char pid[48];

	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	refused(place->dir, JOURNAL_WRITE, ERR_HELD, pid);
	journal_close(open_ok(place->dir, JOURNAL_READ));
	append_ok(journal, run_started(1, "failover", "drill", 1, "p")); /* and the reader's end did not drop our locks */
	refused(place->dir, JOURNAL_WRITE, ERR_HELD, pid);
	journal_close(journal);
	journal_close(open_ok(place->dir, JOURNAL_WRITE));
}

static void a_dead_writer_holds_nothing(void **state)
{
	struct place *place = *state;
	int ready[2], status;
	char byte;

	assert_int_equal(pipe(ready), 0);
	const pid_t child = fork();
	if (child == 0) {
		struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
		append_ok(journal, run_started(1, "failover", "drill", 1, "p"));
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	refused(place->dir, JOURNAL_WRITE, ERR_HELD, "process");
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	assert_int_equal(events_in(journal, 1), 1);
	journal_close(journal);
	close(ready[0]);
	close(ready[1]);
}

/* ------------------------------------------------------------------ files */

static int64_t mode_of(const struct place *place, const char *name, int64_t *allocated)
{
	char *file = place_file(place, name);
	struct stat st;
	const int there = stat(file, &st);

	free(file);
	if (there != 0)
		return -1;
	if (allocated != NULL)
		*allocated = (int64_t)st.st_blocks * 512;
	return st.st_mode & 0777;
}

static void nobody_else_can_read_it(void **state)
{
	struct place *place = *state;
	const mode_t old = umask(0);
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	static const char *const files[] = {"journal.db", "journal.db-wal", "journal.db-shm", "journal.lock", "reserve"};

	for (size_t i = 0; i < COUNT_OF(files); i++)
		assert_int_equal(mode_of(place, files[i], NULL), 0600);
	journal_close(journal);
	umask(old);
}

static void the_log_is_long_from_the_start_and_stays(void **state)
{
	struct place *place = *state;
	int64_t allocated = 0;

	for (int i = 0; i < 2; i++) {
		struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
		assert_int_equal(mode_of(place, "journal.db-wal", &allocated), 0600);
		assert_true(allocated >= journal_tuning.wal_bytes);
		append_ok(journal, run_started(i + 1, "failover", "drill", 1, "p"));
		journal_close(journal);
		assert_int_equal(mode_of(place, "journal.db-wal", &allocated), 0600);
		assert_true(allocated >= journal_tuning.wal_bytes);
	}
	verify_ok(place->dir);
}

static void the_reserve_is_made_and_given_back(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	int64_t allocated = 0;

	assert_int_equal(mode_of(place, "reserve", &allocated), 0600);
	assert_true(allocated >= journal_tuning.reserve_bytes);
	assert_ok(journal_release_reserve(journal, &err), err);
	assert_int_equal(mode_of(place, "reserve", NULL), -1);
	assert_ok(journal_release_reserve(journal, &err), err);
	journal_close(journal);
	journal_close(open_ok(place->dir, JOURNAL_WRITE));
	assert_int_equal(mode_of(place, "reserve", &allocated), 0600);
}

/* On a real small file system: the disk fills up, the reserve is enough to end the run and seal it. */
static int on_a_small_disk(const char *dir)
{
	struct err err = {0};
	struct journal *journal;
	enum err_code code = ERR_NONE;
	char *text = xmalloc(65536);

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("none", dir, "tmpfs", 0, "size=2m") != 0)
		return 77;
	if (journal_open(&journal, dir, JOURNAL_WRITE, &err) != ERR_JOURNAL || strstr(err.text, "reserve") == NULL)
		return 2; /* no room even for the reserve */
	if (mount("none", dir, "tmpfs", MS_REMOUNT, "size=10m") != 0)
		return 3;
	if (journal_open(&journal, dir, JOURNAL_WRITE, &err) != ERR_NONE)
		return 4;
	append_ok(journal, run_started(1, "failover", "drill", 1, "p"));
	memset(text, 'x', 65535);
	int64_t acknowledged = 1;
	for (int i = 0; i < 1000 && code == ERR_NONE; i++) {
		struct event event = event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", text));
		code = journal_append(journal, &event, 1, &err);
		event_release(&event);
		acknowledged += code == ERR_NONE;
	}
	if (code != ERR_JOURNAL || strstr(err.text, "no space left") == NULL)
		return 5;
	if (journal_release_reserve(journal, &err) != ERR_NONE)
		return 6;
	struct event end[2] = {event_of(1, EVENT_RUN_ENDED, json_pack("{s:s}", "status", "aborted")),
		event_of(0, EVENT_RUN_SEALED, json_pack("{s:i}", "run", 1))};
	if (journal_append(journal, end, 2, &err) != ERR_NONE)
		return 7;
	if (events_in(journal, 1) != acknowledged + 1)
		return 8;
	journal_close(journal);
	return verify(NULL, (const char *const[]){dir, NULL}) == 0 ? 0 : 9;
}

static void a_full_disk_can_still_be_sealed(void **state)
{
	struct place *place = *state;
	int status;
	const pid_t child = fork();

	if (child == 0)
		_exit(on_a_small_disk(place->dir));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("not allowed to mount a small file system here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(network_file_systems_are_refused),
		T(a_read_only_directory_is_refused),
		T(a_file_in_the_way_is_refused),
		T(other_files_are_refused_untouched),
		T(a_newer_schema_is_refused),
		T(there_is_none_yet),
		T(the_second_writer_is_refused),
		T(a_dead_writer_holds_nothing),
		T(nobody_else_can_read_it),
		T(the_log_is_long_from_the_start_and_stays),
		T(the_reserve_is_made_and_given_back),
		T(a_full_disk_can_still_be_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
