/* test_tree.c: the digest of a tree, told here and by a listing from elsewhere; what differs; notes
 * and times of points; words for a shell at the other side. */
#include "ssh_client.h"
#include "tree.h"
#include "vault.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A call that has a deadline, which is all that trees want of one. */
static struct call *a_call(void)
{
	json_t *target = json_pack("{s:s, s:{s:s}}", "provider", "command", "settings", "x", "y");
	struct call *call = NULL;
	struct err err = { 0 };

	json_object_del(target, "settings");
	if (call_new(&call, "t", target, NULL, NULL, NULL, "", "", 60000, NULL, &err) != ERR_NONE)
		fail_msg("%s", err.text);
	json_decref(target);
	return call;
}

static char *make_dir(void)
{
	char *dir = xstrdup("/tmp/drillbook-tree-XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void put(const char *dir, const char *name, const char *text)
{
	char *path = path_join(dir, name);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	free(path);
}

static void put_dir(const char *dir, const char *name)
{
	char *path = path_join(dir, name);

	assert_int_equal(mkdir(path, 0700), 0);
	free(path);
}

static void sum_of(const char *dir, struct tree_sum *sum)
{
	struct call *call = a_call();
	struct err err = { 0 };

	if (tree_sum(call, dir, sum, &err) != ERR_NONE)
		fail_msg("%s", err.text);
	call_free(call);
}

static void drop(char *dir)
{
	struct err err = { 0 };

	if (tree_delete(NULL, dir, &err) != ERR_NONE)
		fail_msg("%s", err.text);
	free(dir);
}

/* Names whose order differs between whole paths as bytes and a walk. */
static char *sample(void)
{
	char *dir = make_dir(), *link = path_join(dir, "link"), *pipe = path_join(dir, "pipe");

	put_dir(dir, "a");
	put(dir, "a/z", "in a");
	put(dir, "a-b", "beside a");
	put(dir, "a b", "");
	put_dir(dir, "a/empty");
	put(dir, "line\nbreak", "x");
	assert_int_equal(symlink("nowhere at all", link), 0);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	free(link);
	free(pipe);
	return dir;
}

static char *entry(const char *path, const char *text)
{
	char hex[SHA256_HEX];

	return xasprintf("f %zu %s %s", strlen(text),
		sha256_hex(sha256_of(text, strlen(text)), hex), path);
}

static void test_same_digest(void **state)
{
	char *dir = sample();
	char *entries[] = { entry("line\nbreak", "x"), xstrdup("p pipe"), entry("a/z", "in a"),
		entry("a b", ""), xstrdup("l nowhere at all\1link"), xstrdup("d a/empty"),
		entry("a-b", "beside a"), xstrdup("d a") };
	struct tree_sum here, there;

	(void)state;
	sum_of(dir, &here);
	tree_sum_entries(entries, COUNT_OF(entries), &there);
	assert_string_equal(here.sha256, there.sha256);
	assert_int_equal(here.files, 4);
	assert_int_equal(here.directories, 2);
	assert_int_equal(here.links, 1);
	assert_int_equal(here.bytes, 13);
	assert_int_equal(there.files, here.files);
	assert_int_equal(there.bytes, here.bytes);
	for (size_t i = 0; i < COUNT_OF(entries); i++)
		free(entries[i]);
	drop(dir);
}

/* Whatever is done to a tree shows; owners, modes and times do not. */
static void test_what_counts(void **state)
{
	char *dir = sample(), *from = path_join(dir, "a-b"), *to = path_join(dir, "a-c");
	struct tree_sum first, now;

	(void)state;
	sum_of(dir, &first);
	assert_int_equal(chmod(from, 0640), 0);
	sum_of(dir, &now);
	assert_string_equal(first.sha256, now.sha256);
	assert_int_equal(rename(from, to), 0);
	sum_of(dir, &now);
	assert_string_not_equal(first.sha256, now.sha256);
	assert_int_equal(rename(to, from), 0);
	sum_of(dir, &now);
	assert_string_equal(first.sha256, now.sha256);
	put(dir, "a-b", "beside A");
	sum_of(dir, &now);
	assert_string_not_equal(first.sha256, now.sha256);
	put(dir, "a-b", "beside a");
	put_dir(dir, "new");
	sum_of(dir, &now);
	assert_string_not_equal(first.sha256, now.sha256);
	free(from);
	free(to);
	drop(dir);
}

static void test_diff(void **state)
{
	char *a = sample(), *b = sample();
	struct call *call = a_call();
	struct err err = { 0 };
	json_t *diff = NULL;
	int64_t count = -1;
	char *gone = path_join(b, "a/z");

	(void)state;
	assert_int_equal(tree_diff(call, a, b, 20, &diff, &count, &err), ERR_NONE);
	assert_int_equal(count, 0);
	json_decref(diff);
	unlink(gone);
	put(b, "more", "x");
	put(b, "a-b", "beside A");
	assert_int_equal(tree_diff(call, a, b, 20, &diff, &count, &err), ERR_NONE);
	char *line = json_line(diff);
	assert_string_equal(
		line, "{\"changed\":[\"a-b\"],\"extra\":[\"more\"],\"missing\":[\"a/z\"]}");
	assert_int_equal(count, 3);
	free(line);
	free(gone);
	json_decref(diff);
	call_free(call);
	drop(a);
	drop(b);
}

static void test_untouched(void **state)
{
	char *dir = sample(), *file = path_join(dir, "a/z");
	const struct wall later = { wall_now().ns + 1000000000 };
	struct stat st;

	(void)state;
	assert_true(tree_untouched(dir, later));
	assert_int_equal(stat(file, &st), 0);
	const struct wall before = { (int64_t)st.st_ctim.tv_sec * 1000000000 - 1 };
	assert_false(tree_untouched(dir, before));
	assert_false(tree_untouched("/no/such/tree", later));
	free(file);
	drop(dir);
}

static void test_delete(void **state)
{
	char *dir = sample(), *inner = path_join(dir, "a"), *out = make_dir();
	char *link = path_join(dir, "a/out"), *mine = path_join(out, "mine");
	struct err err = { 0 };

	(void)state;
	put(out, "mine", "x");
	assert_int_equal(symlink(out, link), 0);
	assert_int_equal(chmod(inner, 0500), 0); /* a directory that was read-only where it came from */
	assert_int_equal(tree_delete(NULL, dir, &err), ERR_NONE);
	assert_false(path_exists(dir));
	assert_true(path_exists(mine)); /* a link is not followed */
	assert_int_equal(tree_delete(NULL, dir, &err), ERR_NONE);
	assert_int_equal(tree_delete(NULL, mine, &err), ERR_PRECONDITION);
	free(dir);
	free(inner);
	free(link);
	free(mine);
	drop(out);
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "2026-11-25T14:44:55.049431173Z", 1795617895049 },
		{ "2026-11-25T15:44:55.049431173+01:00", 1795617895049 },
		{ "2026-11-25T09:14:55-05:30", 1795617895000 },
		{ "2026-11-25T14:58:49.000000", 1795618729000 }, /* borg, with TZ=UTC */
		{ "2026-11-25", -1 },
		{ "2026-11-25T14:44:55 or so", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(vault_time_ms(rows[i].text), rows[i].ms);
	assert_int_equal(vault_time_ms(NULL), -1);
}

static void test_notes(void **state)
{
	json_t *trees = json_object(), *point = json_object(), *text;
	char hex[SHA256_HEX];
	const struct vault_notes notes = { .key = "7/backup/1/2", .mark = "0123", .trees = trees };
	size_t i;

	(void)state;
	json_put_str(trees, "/srv/a:b = c", sha256_hex(sha256_of("x", 1), hex));
	json_t *texts = vault_note_texts(&notes);
	assert_int_equal(json_array_size(texts), 3);
	json_array_foreach(texts, i, text)
		assert_true(vault_read_note(point, json_string_value(text)));
	assert_string_equal(json_str(point, "key", ""), "7/backup/1/2");
	assert_string_equal(json_str(point, "mark", ""), "0123");
	assert_true(json_equal(json_object_get(point, "trees"), trees));
	assert_false(vault_read_note(point, "tree=short:/x"));
	assert_false(vault_read_note(point, "nightly"));
	json_decref(texts);
	json_decref(trees);
	json_decref(point);
}

static void test_quote(void **state)
{
	static const struct {
		const char *word, *quoted;
	} rows[] = {
		{ "systemctl", "systemctl" },
		{ "/srv/a-b_c.d,e:f@g%h+i", "/srv/a-b_c.d,e:f@g%h+i" },
		{ "", "''" },
		{ "A=b", "'A=b'" },
		{ "it's", "'it'\\''s'" },
		{ "''", "''\\'''\\'''" },
		{ "$(id) `x` ~ * \n", "'$(id) `x` ~ * \n'" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		struct buf out;

		buf_init(&out, 1000);
		assert_int_equal(ssh_quote(rows[i].word, &out, &err), ERR_NONE);
		assert_string_equal(out.data, rows[i].quoted);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_digest),
		cmocka_unit_test(test_what_counts),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
