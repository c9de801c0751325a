/* YAML into nodes: places, types, what is refused, and the limits. */
#include "workspace_fixture.h"

#include "yaml.h"

#include <time.h>

static const struct yaml_limits small = {.max_bytes = 1 << 20, .max_nodes = 1000, .max_depth = 32};

struct loaded {
	struct arena arena;
	struct problems problems;
	struct node *root;
};

static struct loaded load_bytes(const char *bytes, size_t len, const struct yaml_limits *limits)
{
	struct loaded l;

	arena_init(&l.arena, 64 << 20);
	problems_init(&l.problems);
	l.root = yaml_load(&l.arena, "f.yaml", bytes, len, limits, &l.problems);
	return l;
}

static struct loaded load(const char *text)
{
	return load_bytes(text, strlen(text), &small);
}

static void release(struct loaded *l)
{
	arena_release(&l->arena);
	problems_release(&l->problems);
}

static void nodes_know_their_place(void **state)
{
	struct loaded l = load("a: 1\nb:\n  - x\n  - {c: \"d e\"}\nscript: |\n  one\n  two\n");

	(void)state;
	expect_none(&l.problems);
	const struct node *b = node_get(l.root, "b");
	assert_int_equal(b->key_line, 2);
	assert_int_equal(b->key_column, 1);
	assert_int_equal(b->count, 2);
	assert_int_equal(b->first->line, 3);
	assert_int_equal(b->first->column, 5);
	const struct node *c = node_get(b->first->next, "c");
	assert_string_equal(c->text, "d e");
	assert_int_equal(c->line, 4);
	assert_int_equal(c->column, 9);
	assert_int_equal(c->key_column, 6);
	assert_int_equal(node_get(l.root, "script")->style, STYLE_LITERAL);
	assert_string_equal(node_text(l.root, "script"), "one\ntwo\n");
	assert_null(node_get(l.root, "nothing"));
	release(&l);
}

static void columns_count_characters(void **state)
{
	struct loaded l = load("{größe: x, y: z}\n");

	(void)state;
	assert_int_equal(node_get(l.root, "y")->key_column, 12);
	release(&l);
}

static void only_plain_scalars_have_types(void **state)
{
	struct loaded l = load("{i: 42, n: -7, q: \"42\", t: true, y: yes, z: ~, e: , big: 99999999999999999999, f: 1.5, o: 0x10}");
	int64_t number;
	bool flag;

	(void)state;
	assert_true(node_int(node_get(l.root, "i"), &number));
	assert_int_equal(number, 42);
	assert_true(node_int(node_get(l.root, "n"), &number));
	assert_int_equal(number, -7);
	assert_false(node_int(node_get(l.root, "q"), &number));
	assert_false(node_int(node_get(l.root, "big"), &number));
	assert_false(node_int(node_get(l.root, "f"), &number));
	assert_false(node_int(node_get(l.root, "o"), &number));
	assert_true(node_bool(node_get(l.root, "t"), &flag));
	assert_true(flag);
	assert_false(node_bool(node_get(l.root, "y"), &flag));
	assert_true(node_is_null(node_get(l.root, "z")));
	assert_true(node_is_null(node_get(l.root, "e")));
	json_t *json = node_json(l.root);
	char *line = json_line(json);
	assert_string_equal(line,
		"{\"big\":\"99999999999999999999\",\"e\":null,\"f\":\"1.5\",\"i\":42,\"n\":-7,\"o\":\"0x10\","
		"\"q\":\"42\",\"t\":true,\"y\":\"yes\",\"z\":null}");
	free(line);
	json_decref(json);
	release(&l);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text, *rule;
		int line, column;
		const char *words;
	} cases[] = {
		{"a: &x 1\n", "yaml-feature", 1, 4, "anchors"},
		{"a: 1\nb: *x\n", "yaml-feature", 2, 4, "aliases"},
		{"a: &x [1]\n", "yaml-feature", 1, 4, "anchors"},
		{"a: !!str 1\n", "yaml-feature", 1, 4, "tags"},
		{"a: !x {b: c}\n", "yaml-feature", 1, 4, "tags"},
		{"%TAG ! tag:example.org,2000:\n---\na: 1\n", "yaml-feature", 1, 1, "tags"},
		{"<<: {a: 1}\n", "yaml-feature", 1, 1, "merge"},
		{"a: 1\n---\nb: 2\n", "yaml-feature", 2, 1, "second document"},
		{"? [a, b]\n: 1\n", "yaml-feature", 1, 3, "key must be plain text"},
		{"a: 1\nb: 2\na: 3\n", "duplicate-key", 3, 1, "line 1"},
		{"{a: 1, \"a\": 2}\n", "duplicate-key", 1, 8, "line 1"},
		{"a:\n\tb: 1\n", "yaml", 2, 1, "tabs"},
		{"a: b: c\n", "yaml", 1, 5, "after |"},
		{"a: [1, 2\n", "yaml", 2, 1, "[ is not closed"},
		{"a: {b: 1\n", "yaml", 2, 1, "{ is not closed"},
		{"a: \"x\n", "yaml", 2, 1, "quote is not closed"},
		{"a: \"x\\0y\"\n", "yaml", 1, 4, "zero byte"},
		{"a: \x01\n", "yaml", 1, 4, "control character"},
		{"a: 1\nb: \xff\n", "yaml", 2, 4, "UTF-8"},
		{"a: 1\n b: 2\n", "yaml", 2, 3, "one line"},
		{"", "yaml", 0, 0, "empty"},
		{"# only a comment\n", "yaml", 0, 0, "empty"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct loaded l = load(cases[i].text);
		assert_int_equal(l.problems.count, 1);
		expect_problem(&l.problems, cases[i].rule, "f.yaml", cases[i].line, cases[i].column,
			cases[i].words);
		release(&l);
	}
}

static void duplicates_in_a_large_map(void **state)
{
	struct buf text;
	struct err err = {0};

	(void)state;
	buf_init(&text, 1 << 20);
	for (int i = 0; i < 200; i++)
		ok(buf_addf(&text, &err, "k%d: %d\n", i, i));
	ok(buf_addf(&text, &err, "k7: again\n"));
	struct loaded l = load_bytes(text.data, text.len, &small);
	assert_int_equal(l.problems.count, 1);
	expect_problem(&l.problems, "duplicate-key", "f.yaml", 201, 1, "line 8");
	assert_non_null(l.root);
	release(&l);
	buf_release(&text);
}

static void depth_ends_at_32(void **state)
{
	char text[256];

	(void)state;
	memset(text, '[', 32);
	memset(text + 32, ']', 32);
	struct loaded l = load_bytes(text, 64, &small);
	expect_none(&l.problems);
	release(&l);
	memset(text, '[', 33);
	memset(text + 33, ']', 33);
	l = load_bytes(text, 66, &small);
	assert_null(l.root);
	expect_problem(&l.problems, "limit", "f.yaml", 1, 33, "32 levels");
	release(&l);
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* libyaml alone takes a minute for this; T15 allows 10 ms, of which this much is for sanitizers. */
static void deep_brackets_are_refused_at_once(void **state)
{
	static const char *const units[] = {"[", "{", "[\n", "- ", "? ", "{a: ", "[{a: ", "\"a\": ["};
	const size_t size = 200 * 1024;
	char *text = xmalloc(size + 16);

	(void)state;
	for (size_t u = 0; u < COUNT_OF(units); u++) {
		const size_t len = strlen(units[u]);
		for (size_t i = 0; i < size; i++)
			text[i] = units[u][i % len];
		double least = 1e9;
		for (int round = 0; round < 3; round++) {
			const double begin = cpu_ms();
			struct loaded l = load_bytes(text, size, &small);
			const double took = cpu_ms() - begin;
			least = took < least ? took : least;
			assert_null(l.root);
			assert_true(l.problems.count >= 1);
			release(&l);
		}
		if (least > 50)
			fail_msg("200 KB of \"%s\" took %.1f ms", units[u], least);
	}
	free(text);
}

static void too_many_values(void **state)
{
	const struct yaml_limits ten = {.max_bytes = 1000, .max_nodes = 10, .max_depth = 32};
	const char nine[] = "[1,2,3,4,5,6,7,8,9]", eleven[] = "[1,2,3,4,5,6,7,8,9,10]";

	(void)state;
	struct loaded l = load_bytes(nine, strlen(nine), &ten);
	expect_none(&l.problems);
	release(&l);
	l = load_bytes(eleven, strlen(eleven), &ten);
	expect_problem(&l.problems, "limit", "f.yaml", 1, 20, "more than 10 values");
	release(&l);
	const struct yaml_limits short_one = {.max_bytes = 5, .max_nodes = 10, .max_depth = 32};
	l = load_bytes(nine, strlen(nine), &short_one);
	expect_problem(&l.problems, "limit", "f.yaml", 0, 0, "larger than");
	release(&l);
}

/* Every prefix of a document either loads or says why not. */
static void every_prefix_is_survived(void **state)
{
	const char *text = good_runbook;

	(void)state;
	for (size_t len = 0; len <= strlen(text); len++) {
		char *exact = xmalloc(len + 1); /* an own piece of memory: a read behind it shows */
		memcpy(exact, text, len);
		struct loaded l = load_bytes(exact, len, &small);
		assert_true(l.root != NULL || l.problems.count > 0);
		release(&l);
		free(exact);
	}
}

static void a_version_is_found_without_loading(void **state)
{
	static const struct {
		const char *text;
		int64_t version;
	} cases[] = {
		{"runbook: x\nversion: 6\nsteps: []\n", 6},
		{"steps: [{version: 9}]\nparams: {version: 8}\nversion: 3\n", 3},
		{"runbook: version\ndescription: version\nversion: 4\n", 4},
		{"runbook: x\nversion: many\n", -1},
		{"runbook: x\n", -1},
		{"[version, 5]\n", -1},
		{"{{{{", -1},
		{"", -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(
			yaml_peek_int(cases[i].text, strlen(cases[i].text), "version", -1),
			cases[i].version);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_know_their_place),
		cmocka_unit_test(columns_count_characters),
		cmocka_unit_test(only_plain_scalars_have_types),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(duplicates_in_a_large_map),
		cmocka_unit_test(depth_ends_at_32),
		cmocka_unit_test(deep_brackets_are_refused_at_once),
		cmocka_unit_test(too_many_values),
		cmocka_unit_test(every_prefix_is_survived),
		cmocka_unit_test(a_version_is_found_without_loading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
