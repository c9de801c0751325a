/* test_compare.c: what changed between two texts, and between two runs of a real journal. */
#include "check.h"
#include "diff.h"
#include "internal.h"
#include "record/example.h"

#include <unistd.h>

static struct err err;

static char *difference(const char *a, const char *b, size_t most)
{
	struct buf one, two, out;
	const json_t *line;
	bool cut;
	size_t i;

	buf_init(&one, 1 << 20);
	buf_init(&two, 1 << 20);
	buf_init(&out, 1 << 20);
	ok(buf_add(&one, a, strlen(a), &err));
	ok(buf_add(&two, b, strlen(b), &err));
	json_t *lines = diff_lines(&one, &two, most, &cut);
	ok(buf_add(&out, "", 0, &err));
	json_array_foreach(lines, i, line)
		ok(buf_addf(&out, &err, "%s\n", json_string_value(line)));
	if (cut)
		ok(buf_addf(&out, &err, "cut\n"));
	json_decref(lines);
	buf_release(&one);
	buf_release(&two);
	return out.data;
}

static void texts(void **state)
{
	static const struct {
		const char *a, *b, *lines;
	} rows[] = {
		{"", "", ""},
		{"a\nb\n", "a\nb\n", ""},
		{"a\nb", "a\nb\n", ""}, /* only the last newline: the lines are the same */
		{"", "a\n", "@@ -1,0 +1,1 @@\n+a\n"},
		{"a\n", "", "@@ -1,1 +1,0 @@\n-a\n"},
		{"a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
			"@@ -3,5 +3,5 @@\n 3\n 4\n-5\n+five\n 6\n 7\n"},
		{"a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
			"@@ -1,3 +1,3 @@\n-a\n+A\n 1\n 2\n@@ -6,3 +6,3 @@\n 5\n 6\n-b\n+B\n"},
		{"same\nold\n", "new\nsame\n", "@@ -1,2 +1,2 @@\n+new\n same\n-old\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *lines = difference(rows[i].a, rows[i].b, 100);
		assert_string_equal(lines, rows[i].lines);
		free(lines);
	}
	char *lines = difference("1\n2\n3\n4\n", "a\nb\nc\nd\n", 3);
	assert_string_equal(lines, "@@ -1,4 +1,4 @@\n-1\n-2\ncut\n");
	free(lines);
}

/* A middle too large for the table counts as replaced, and nothing is lost. */
static void large_texts(void **state)
{
	char *a = xmalloc(1 << 17), *b = xmalloc(1 << 17);
	size_t a_len = 0, b_len = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		a_len += (size_t)sprintf(a + a_len, "old %d\n", i);
		b_len += (size_t)sprintf(b + b_len, "new %d\n", i);
	}
	char *lines = difference(a, b, 20000);
	size_t went = 0, came = 0;
	for (const char *at = lines; *at != '\0'; at += strcspn(at, "\n") + 1) {
		went += *at == '-';
		came += *at == '+';
	}
	assert_int_equal(went, 5000);
	assert_int_equal(came, 5000);
	free(lines);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(large_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
