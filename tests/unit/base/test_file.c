/* Files: replaced whole or not at all, and the places where things are. */
#include "check.h"
#include "drillbook/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/drillbook-file-XXXXXX";

static char *in_dir(const char *name)
{
	return path_join(dir, name);
}

static size_t entries(void)
{
	DIR *d = opendir(dir);
	size_t count = 0;

	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		count += e->d_name[0] != '.';
	closedir(d);
	return count;
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	struct err err = {0};
	const char *argv[] = {"rm", "-r", dir, NULL};
	struct child child = {.argv = argv};

	(void)state;
	const enum err_code code = child_run(&child, &err);
	child_release(&child);
	return code != ERR_NONE;
}

static void replaced_whole(void **state)
{
	struct err err = {0};
	struct buf buf;
	struct stat st;
	char *path = in_dir("a");

	(void)state;
	umask(022);
	ok(file_replace(path, "first", 5, 0600, &err));
	ok(file_replace(path, "second\0!", 8, 0600, &err));
	ok(file_read(path, 100, &buf, &err));
	assert_int_equal(buf.len, 8);
	assert_memory_equal(buf.data, "second\0!", 8);
	buf_release(&buf);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(entries(), 1); /* nothing is left beside it */
	free(path);
}

static void failing_leaves_nothing(void **state)
{
	struct err err = {0};
	char *path = in_dir("a-directory"), *below = in_dir("missing/x");
	const size_t before = entries();

	(void)state;
	ok(dir_make(path, 0700, &err));
	refused(ERR_SYSTEM, file_replace(path, "x", 1, 0600, &err)); /* a file cannot take a directory's place */
	refused(ERR_SYSTEM, file_replace(below, "x", 1, 0600, &err));
	assert_non_null(strstr(err.text, "missing/x"));
	assert_int_equal(entries(), before + 1);
	rmdir(path);
	free(path);
	free(below);
}

static void reading_refuses(void **state)
{
	struct err err = {0};
	struct buf buf;
	char *path = in_dir("big"), *fifo = in_dir("fifo"), *none = in_dir("none");

	(void)state;
	ok(file_replace(path, "0123456789", 10, 0600, &err));
	ok(file_read(path, 10, &buf, &err));
	buf_release(&buf);
	refused(ERR_LIMIT, file_read(path, 9, &buf, &err));
	assert_null(buf.data);
	refused(ERR_NOT_FOUND, file_read(none, 9, &buf, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refused(ERR_USAGE, file_read(fifo, 9, &buf, &err)); /* and does not wait for a writer */
	refused(ERR_USAGE, file_read(dir, 9, &buf, &err));
	unlink(fifo);
	free(path);
	free(fifo);
	free(none);
}

static void an_empty_file(void **state)
{
	struct err err = {0};
	struct buf buf;
	char *path = in_dir("empty");

	(void)state;
	ok(file_replace(path, "", 0, 0600, &err));
	ok(file_read(path, 10, &buf, &err));
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
	buf_release(&buf);
	free(path);
}

static void directories(void **state)
{
	struct err err = {0};
	char *deep = in_dir("x/y/z"), *file = in_dir("plain"), *below = in_dir("plain/y");

	(void)state;
	ok(dir_make(deep, 0700, &err));
	ok(dir_make(deep, 0700, &err));
	assert_true(path_exists(deep));
	ok(file_replace(file, "x", 1, 0600, &err));
	refused(ERR_SYSTEM, dir_make(file, 0700, &err));
	refused(ERR_SYSTEM, dir_make(below, 0700, &err));
	refused(ERR_USAGE, dir_make("", 0700, &err));
	ok(dir_make("/", 0700, &err));
	free(deep);
	free(file);
	free(below);
}

static void joins(const char *a, const char *b, const char *expected)
{
	char *path = path_join(a, b);

	assert_string_equal(path, expected);
	free(path);
}

static void paths(void **state)
{
	(void)state;
	joins("/a", "b", "/a/b");
	joins("/a/", "b", "/a/b");
	joins("/a", "/b", "/b");
	joins("", "b", "b");
	joins(NULL, "b", "b");
	setenv("DRILLBOOK_DATA", "/srv/data", 1);
	char *data = dir_data();
	assert_string_equal(data, "/srv/data");
	free(data);
	unsetenv("DRILLBOOK_DATA");
	setenv("XDG_DATA_HOME", "/xdg", 1);
	data = dir_data();
	assert_string_equal(data, "/xdg/drillbook");
	free(data);
	setenv("XDG_DATA_HOME", "relative is to be ignored", 1);
	setenv("HOME", "/home/op", 1);
	data = dir_data();
	assert_string_equal(data, "/home/op/.local/share/drillbook");
	free(data);
	setenv("DRILLBOOK_LIBEXEC", "/opt/l", 1);
	char *worker = path_libexec("worker");
	assert_string_equal(worker, "/opt/l/worker");
	free(worker);
	unsetenv("DRILLBOOK_LIBEXEC");
	worker = path_libexec("worker"); /* a test's own program stands in <build>/tests */
	assert_true(str_ends(worker, "/libexec/drillbook/worker"));
	free(worker);
}

static void everything_is_written(void **state)
{
	struct err err = {0};
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	ok(write_all(ends[1], "abc", 3, &err));
	char back[4] = {0};
	assert_int_equal(read(ends[0], back, 3), 3);
	assert_string_equal(back, "abc");
	close(ends[0]);
	close(ends[1]);
	refused(ERR_SYSTEM, write_all(-1, "abc", 3, &err));
	ok(write_all(-1, "", 0, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaced_whole), cmocka_unit_test(failing_leaves_nothing),
		cmocka_unit_test(reading_refuses), cmocka_unit_test(an_empty_file), cmocka_unit_test(directories),
		cmocka_unit_test(paths), cmocka_unit_test(everything_is_written),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
