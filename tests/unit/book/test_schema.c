/* The tables of keys, and what is made from them: JSON Schema, the guide, the twenty mistakes. */
#include "workspace_fixture.h"

#include "schema.h"

#include <regex.h>

/* ------------------------------------------------------------------ a validator of as much as we use */

static bool valid(const json_t *schema, const json_t *value);

static const json_t *whole; /* the schema that "$ref" begins at */

/* "#/properties/steps" */
static const json_t *referred(const char *ref)
{
	char *path = xstrdup(ref + strlen("#/")), *rest = path;
	const json_t *at = whole;

	for (char *name = strsep(&rest, "/"); name != NULL; name = strsep(&rest, "/"))
		at = json_object_get(at, name);
	assert_non_null(at);
	free(path);
	return at;
}

static bool is_type(const char *name, const json_t *value)
{
	if (strcmp(name, "string") == 0)
		return json_is_string(value);
	if (strcmp(name, "integer") == 0 || strcmp(name, "number") == 0)
		return json_is_integer(value);
	if (strcmp(name, "boolean") == 0)
		return json_is_boolean(value);
	if (strcmp(name, "object") == 0)
		return json_is_object(value);
	if (strcmp(name, "array") == 0)
		return json_is_array(value);
	fail_msg("type \"%s\"", name);
	return false;
}

static bool type_holds(const json_t *type, const json_t *value)
{
	const json_t *one;
	size_t i;

	if (json_is_string(type))
		return is_type(json_string_value(type), value);
	json_array_foreach(type, i, one) {
		if (is_type(json_string_value(one), value))
			return true;
	}
	return false;
}

static bool matches(const char *pattern, const char *text)
{
	regex_t regex;

	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	const bool found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

static size_t count_valid(const json_t *list, const json_t *value)
{
	const json_t *one;
	size_t i, count = 0;

	json_array_foreach(list, i, one) {
		count += valid(one, value);
	}
	return count;
}

static bool object_holds(const json_t *schema, const json_t *value)
{
	const json_t *properties = json_object_get(schema, "properties"), *one, *list;
	const json_t *more = json_object_get(schema, "additionalProperties");
	const json_t *names = json_object_get(json_object_get(schema, "propertyNames"), "pattern");
	const char *key;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i, one) {
		if (json_object_get(value, json_string_value(one)) == NULL)
			return false;
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, one) {
		const json_t *own = json_object_get(properties, key);
		if (names != NULL && !matches(json_string_value(names), key))
			return false;
		if (own == NULL && json_is_false(more))
			return false;
		if (own == NULL && json_is_object(more))
			own = more;
		if (own != NULL && !valid(own, one))
			return false;
	}
	json_object_foreach(json_object_get(schema, "dependentSchemas"), key, list) {
		if (json_object_get(value, key) != NULL && !valid(list, value))
			return false;
	}
	json_object_foreach(json_object_get(schema, "dependentRequired"), key, list) {
		json_array_foreach(list, i, one) {
			if (json_object_get(value, key) != NULL && json_object_get(value, json_string_value(one)) == NULL)
				return false;
		}
	}
	return true;
}

static bool valid(const json_t *schema, const json_t *value)
{
	const json_t *type = json_object_get(schema, "type"), *list = json_object_get(schema, "enum"), *one;
	const json_t *fixed = json_object_get(schema, "const"), *any = json_object_get(schema, "anyOf");
	const json_t *of = json_object_get(schema, "oneOf");
	const char *pattern = json_str(schema, "pattern", NULL), *ref = json_str(schema, "$ref", NULL);
	size_t i;

	if (ref != NULL && !valid(referred(ref), value))
		return false;
	if (type != NULL && !type_holds(type, value))
		return false;
	if (fixed != NULL && !json_equal(fixed, value))
		return false;
	if (list != NULL) {
		bool found = false;
		json_array_foreach(list, i, one) {
			found = found || json_equal(one, value);
		}
		if (!found)
			return false;
	}
	if (pattern != NULL && json_is_string(value) && !matches(pattern, json_string_value(value)))
		return false;
	if (json_is_integer(value) && (json_integer_value(value) < json_int(schema, "minimum", INT64_MIN) ||
					      json_integer_value(value) > json_int(schema, "maximum", INT64_MAX)))
		return false;
	if (any != NULL && count_valid(any, value) == 0)
		return false;
	if (of != NULL && count_valid(of, value) != 1)
		return false;
	if (json_is_array(value)) {
		const int64_t count = (int64_t)json_array_size(value);
		if (count < json_int(schema, "minItems", 0) || count > json_int(schema, "maxItems", INT64_MAX))
			return false;
		const json_t *items = json_object_get(schema, "items");
		json_array_foreach(value, i, one) {
			if (items != NULL && !valid(items, one))
				return false;
		}
	}
	return !json_is_object(value) || object_holds(schema, value);
}

static bool valid_whole(const json_t *schema, const json_t *value)
{
	whole = schema;
	return valid(schema, value);
}

/* ------------------------------------------------------------------ the schema */

/* The schema's own verdict and the loader's, of one text. */
static void agree(const char *kind, const char *text, bool wanted)
{
	const struct schema *schema = schema_find(kind);
	struct arena arena;
	struct problems problems;

	arena_init(&arena, 0);
	problems_init(&problems);
	const struct node *root = yaml_load(&arena, "f.yaml", text, strlen(text), &schema->limits, &problems);
	assert_non_null(root);
	schema_check(schema, "f.yaml", root, &problems);
	json_t *json = node_json(root), *rules = schema_json(kind);
	const bool by_schema = valid_whole(rules, json), by_loader = problems_errors(&problems) == 0;
	if (by_schema != wanted || by_loader != wanted) {
		print_problems(&problems);
		fail_msg("schema says %d, loader says %d: %s", by_schema, by_loader, text);
	}
	json_decref(json);
	json_decref(rules);
	problems_release(&problems);
	arena_release(&arena);
}

static void schema_and_loader_agree(void **state)
{
#define STEPS "runbook: x\nversion: 1\nsteps:\n"
	static const struct {
		const char *kind, *text;
		bool good;
	} cases[] = {
		{"drillbook", good_drillbook, true},
		{"services", good_services, true},
		{"targets", good_targets, true},
		{"runbook", good_runbook, true},
		{"drills", "drills:\n  yearly: {runbook: failover, every: 365d, mode: drill, surprise: true, window: {from: 2026-10-01, until: "
			   "2026-11-01}, params: {reason: x}}\n",
			true},
		{"drills", "drills:\n  yearly: {runbook: failover, mode: live}\n", false},
		{"drills", "drills:\n  yearly: {every: 1d}\n", false},
		{"drillbook", "name: x\n", false},
		{"drillbook", "name: x y\nenvironments: {}\n", false},
		{"drillbook", "name: x\nenvironments: {lab: {modes: [drill]}}\nmore: 1\n", false},
		{"drillbook", "name: x\nenvironments: {lab: {modes: [dril]}}\n", false},
		{"services", "services: {a: {objectives: {rto: 0, rpo: 1h30m}}}\n", true},
		{"services", "services: {a: {objectives: {rto: 5}}}\n", false},
		{"services", "services: {a: {tier: 10}}\n", false},
		{"services", "services: [a]\n", false},
		{"targets", "targets: {a: {provider: p, environment: e, secrets: {s: {file: f, env: E}}}}\n", false},
		{"targets", "targets: {a: {provider: p, environment: e, secrets: {s: {command: [a, b]}}}}\n", true},
		{"targets", "targets: {a: {provider: p, environment: e, queries: {q: {effect: read}}}}\n", false},
		{"targets", "targets: {a: {provider: p, environment: e, actions: {q: {effect: mild}}}}\n", false},
		{"runbook", STEPS "  - {id: a, run: x, uses: {a.b: [c, d], e.f: g}, level: 2, retry: {attempts: 2}}\n", true},
		{"runbook", STEPS "  - {id: a, run: {file: x.lua}, level: costly, needs: [], marks: [{reached: normal}]}\n", true},
		{"runbook", STEPS "  - {id: a, run: x, level: 4}\n", false},
		{"runbook", STEPS "  - {id: a, run: x, uses: {ab: c}}\n", false},
		{"runbook", STEPS "  - {id: a, run: x, uses: {a.b: []}}\n", false},
		{"runbook", STEPS "  - {id: a, run: {fil: x.lua}}\n", false},
		{"runbook", STEPS "  - {id: a, run: x, manual: y}\n", false},
		{"runbook", STEPS "  - {id: a}\n", false},
		{"runbook", STEPS "  - {id: a, wait: 1s, checklist: [b]}\n", false},
		{"runbook", STEPS "  - {id: a, decide: b}\n", false},
		{"runbook", STEPS "  - {id: a, decide: b, choices: [{id: c, stop: true}]}\n", true},
		{"runbook", STEPS "  - {id: a, decide: b, choices: []}\n", false},
		{"runbook", STEPS "  - {id: a, wait: 1s, marks: [{reached: done}]}\n", false},
		{"runbook", STEPS "  - {id: a, wait: 1s, retry: {attempts: 2}}\n", false},
		{"runbook", "runbook: x\nversion: 0\nsteps: [{id: a, wait: 1s}]\n", false},
		{"runbook", "runbook: x\nversion: 1\nsteps: []\n", false},
		{"runbook", "runbook: x\nversion: 1\nparams: {p: {type: text}}\nsteps: [{id: a, wait: 1s}]\n", false},
		{"runbook", "[]\n", false},
		{"runbook", STEPS "  - {id: g, parallel: 2, steps: [{id: a, wait: 1s}, {id: h, steps: [{id: b, run: x}]}]}\n", true},
		{"runbook", STEPS "  - {id: g, steps: [{id: a, wiat: 1s}]}\n", false},
		{"runbook", STEPS "  - {id: g, steps: []}\n", false},
		{"runbook", STEPS "  - {id: a, wait: 1s, parallel: 2}\n", false},
		{"runbook", STEPS "  - {id: a, runbook: b, params: {x: 1, y: {output: z.w}}, when: {mode: [drill, live]}}\n", true},
		{"runbook", STEPS "  - {id: a, run: x, when: [{param: p, at_least: 1}, {not: {any: [{mode: live}]}}]}\n", true},
		{"runbook", STEPS "  - {id: a, run: x, when: soon}\n", false},
		{"runbook", STEPS "  - {id: a, run: x, for_each: {in: [1, b], as: host}, parallel: 1}\n", true},
		{"runbook", STEPS "  - {id: a, run: x, for_each: {as: host}}\n", false},
		{"runbook", STEPS "  - {id: a, wait: 1s, for_each: {in: [1]}}\n", false},
		{"runbook", STEPS "  - {id: a, wait: {until: \"22:00\"}}\n", true},
		{"runbook", STEPS "  - {id: a, wait: {every: 2s, run: x, tolerance: {value: n, below: 3}}, uses: {a.b: c}}\n", true},
		{"runbook", STEPS "  - {id: a, wait: {every: 2s}}\n", false},
		{"runbook", STEPS "  - {id: a, wait: {every: 2s, run: x, until: \"22:00\"}}\n", false},
		{"runbook", STEPS "  - {id: a, manual: x, measure: {name: p, unit: bar, min: -1, max: 2.5}}\n", true},
		{"runbook", STEPS "  - {id: a, run: x, measure: {name: p}}\n", false},
		{"runbook", STEPS "  - {id: a, manual: x, measure: {name: p, max: 2.}}\n", false},
		{"runbook", STEPS "  - {id: a, approve: x, from: [ann, \"@dba\"], count: 2, timeout: 30m}\n", true},
		{"runbook", STEPS "  - {id: a, approve: x, count: 0}\n", false},
		{"runbook", STEPS "  - {id: a, run: x, check: {run: y, tolerance: {value: .}}, verify: {file: z.lua, tolerance: {value: .}}}\n", true},
		{"runbook", STEPS "  - {id: a, run: x, check: {run: y, file: z}}\n", false},
		{"runbook", STEPS "  - {id: a, run: x, expires: 2h, on_failure: undo, retry: {attempts: 3, wait: 1s, backoff: double, max_wait: 1m, jitter: 20}}\n", true},
		{"runbook", STEPS "  - {id: a, run: x, retry: {attempts: 3, jitter: 101}}\n", false},
		{"runbook", STEPS "  - {id: g, invariant: [{id: i, every: 5s, run: x}], steps: [{id: a, wait: 1s}]}\n", true},
		{"runbook", STEPS "  - {id: g, invariant: [{id: i, run: x}], steps: [{id: a, wait: 1s}]}\n", false},
		{"runbook", "runbook: x\nversion: 1\nparallel: 4\noutputs: {a: b.c}\nparams: {p: {type: strings, default: [a, b]}, q: {type: secret}}\nsteps: [{id: a, wait: 1s}]\n", true},
		{"runbook", STEPS "  - {id: a, run: x, marks: [{service: {param: p}, reached: normal}]}\n", true},
		{"runbook", STEPS "  - {id: a, run: x, marks: [{service: [p], reached: normal}]}\n", false},
		{"services", "services: {a: {recover: b, recover_params: {c: 1}}}\n", true},
		{"services", "services: {a: {recover_params: {c: 1}}}\n", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		agree(cases[i].kind, cases[i].text, cases[i].good);
}

static void decimals_are_compared_exactly(void **state)
{
	static const char *const rising[] = {"-100", "-2.50", "-2.5", "-2.49", "-0", "0.0", "00.01", "0.1", "0.10", "1", "9.99", "10", "10.5",
		"100000000000000000000000000000", "100000000000000000000000000000.000000000000000000000000000001"};
	static const int equal_to_next[] = {0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};

	(void)state;
	for (size_t i = 0; i + 1 < COUNT_OF(rising); i++) {
		const int order = decimal_compare(rising[i], rising[i + 1]), back = decimal_compare(rising[i + 1], rising[i]);
		assert_true(decimal_valid(rising[i]));
		if (equal_to_next[i] ? order != 0 || back != 0 : order >= 0 || back <= 0)
			fail_msg("%s and %s: %d, %d", rising[i], rising[i + 1], order, back);
	}
	assert_false(decimal_valid("1e3"));
	assert_false(decimal_valid(".5"));
	assert_false(decimal_valid("+1"));
	assert_false(decimal_valid("1."));
	assert_false(decimal_valid(""));
	assert_true(until_valid("00:00") && until_valid("23:59") && until_valid("2026-11-25T22:00:00Z"));
	assert_false(until_valid("24:00") || until_valid("7:30") || until_valid("22:60") || until_valid("2026-11-25") || until_valid(""));
}

/* Every key of a table is in the schema with its help, and nothing else is. */
static void same_keys(const struct shape *shape, const json_t *schema)
{
	const json_t *properties = json_object_get(schema, "properties");
	size_t count = 0, required = 0;

	for (const struct key *k = shape->keys; k->name != NULL; k++, count++) {
		const json_t *own = json_object_get(properties, k->name);
		assert_non_null(own);
		assert_string_equal(json_str(own, "description", ""), k->help);
		assert_non_null(k->help);
		required += k->required;
		if (k->shape == NULL)
			continue;
		const char *below = k->type == VALUE_MAP ? "additionalProperties" : k->type == VALUE_LIST ? "items" : NULL;
		same_keys(k->shape, below != NULL ? json_object_get(own, below) : own);
	}
	assert_int_equal(json_object_size(properties), count);
	assert_int_equal(json_array_size(json_object_get(schema, "required")), required);
	assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
	assert_true(count <= 64); /* more than the checker's bits and its list of names hold */
}

static void the_schema_has_the_keys_of_the_tables(void **state)
{
	size_t kinds = 0;

	(void)state;
	for (; schema_kinds[kinds] != NULL; kinds++) {
		json_t *json = schema_json(schema_kinds[kinds]);
		assert_non_null(json);
		assert_string_equal(json_str(json, "$schema", ""), "https://json-schema.org/draft/2020-12/schema");
		same_keys(schema_find(schema_kinds[kinds])->shape, json);
		json_decref(json);
	}
	assert_null(schemas[kinds].kind);
	assert_null(schema_json("nothing"));
	assert_null(schema_json(NULL));
}

/* ------------------------------------------------------------------ the guide */

/* BOOK_WRITE_DOCS=1 puts the tables into the guide; without it they must be there. */
static void block_is_current(struct buf *guide, const char *name, const struct buf *table)
{
	char *begin = xasprintf("<!-- %s -->\n", name);
	struct err err = {0};
	struct buf out;

	const char *start = strstr(guide->data, begin);
	if (start == NULL)
		fail_msg("the guide has no %s", begin);
	start += strlen(begin);
	const char *end = strstr(start, "\n<!-- end -->");
	assert_non_null(end);
	const size_t len = (size_t)(end - start);
	if (getenv("BOOK_WRITE_DOCS") == NULL && (len != table->len || memcmp(start, table->data, len) != 0))
		fail_msg("the guide's %s is not what the tables say: run this test with BOOK_WRITE_DOCS=1", name);
	buf_init(&out, 1 << 20);
	ok(buf_add(&out, guide->data, (size_t)(start - guide->data), &err));
	ok(buf_add(&out, table->data, table->len, &err));
	ok(buf_add(&out, end, strlen(end), &err));
	buf_release(guide);
	*guide = out;
	free(begin);
}

static void the_guide_has_every_key_and_rule(void **state)
{
	const char *path = TEST_SOURCE "/docs/writing-runbooks.md";
	struct err err = {0};
	struct buf guide, table;

	(void)state;
	ok(file_read(path, 1 << 20, &guide, &err));
	for (const struct schema *s = schemas; s->kind != NULL; s++) {
		char *name = xasprintf("keys of %s", s->kind);
		buf_init(&table, 1 << 20);
		schema_markdown(s, &table);
		block_is_current(&guide, name, &table);
		buf_release(&table);
		free(name);
	}
	buf_init(&table, 1 << 20);
	rules_markdown(&table);
	block_is_current(&guide, "rules", &table);
	buf_release(&table);
	if (getenv("BOOK_WRITE_DOCS") != NULL)
		ok(file_replace(path, guide.data, guide.len, 0644, &err));
	buf_release(&guide);
}

/* docs/schema/KIND.schema.json is what schema_json says, for editors that have no drillbook at hand. */
static void the_shipped_schemas_are_current(void **state)
{
	struct err err = {0};
	struct buf there;

	(void)state;
	for (size_t i = 0; schema_kinds[i] != NULL; i++) {
		char *path = xasprintf(TEST_SOURCE "/docs/schema/%s.schema.json", schema_kinds[i]);
		json_t *json = schema_json(schema_kinds[i]);
		char *dumped = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS), *text = xasprintf("%s\n", dumped);
		if (getenv("BOOK_WRITE_DOCS") != NULL)
			ok(file_replace(path, text, strlen(text), 0644, &err));
		ok(file_read(path, 1 << 20, &there, &err));
		if (strcmp(there.data, text) != 0)
			fail_msg("%s is not current: run this test with BOOK_WRITE_DOCS=1", path);
		buf_release(&there);
		free(text);
		free(dumped);
		free(path);
		json_decref(json);
	}
}

/* The complete files the guide shows must be as sound as it says. */
static void the_examples_of_the_guide_are_sound(void **state)
{
	struct err err = {0};
	struct fixture f;
	struct buf guide;

	(void)state;
	fixture_init(&f);
	ok(file_read(TEST_SOURCE "/docs/writing-runbooks.md", 1 << 20, &guide, &err));
	size_t files = 0;
	for (const char *at = strstr(guide.data, "\n# file: "); at != NULL; at = strstr(at, "\n# file: ")) {
		char name[64] = "";
		assert_int_equal(sscanf(at, "\n# file: %63s", name), 1);
		const char *text = strchr(at + 1, '\n') + 1, *end = strstr(text, "\n```");
		assert_non_null(end);
		put_bytes(f.dir, name, text, (size_t)(end - text) + 1);
		files++;
		at = end;
	}
	assert_true(files >= 5);
	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	expect_none(&f.problems);
	buf_release(&guide);
	fixture_release(&f);
}

/* So are the steps it shows by themselves, one below the other in one runbook. */
static void the_steps_of_the_guide_are_sound(void **state)
{
	static const char begin[] = "\n```yaml\n  - id: ";
	struct err err = {0};
	struct fixture f;
	struct buf guide, book;

	(void)state;
	fixture_init(&f);
	ok(file_read(TEST_SOURCE "/docs/writing-runbooks.md", 1 << 20, &guide, &err));
	buf_init(&book, 1 << 20);
	ok(buf_addf(&book, &err, "runbook: Shown\nversion: 1\nsteps:\n  - {id: promote, run: 'return {site = 1}'}\n"));
	size_t shown = 0;
	for (const char *at = strstr(guide.data, begin); at != NULL; at = strstr(at, begin)) {
		at += strlen("\n```yaml\n");
		const char *end = strstr(at, "\n```");
		assert_non_null(end);
		ok(buf_add(&book, at, (size_t)(end - at) + 1, &err));
		shown++;
	}
	assert_true(shown >= 4);
	put_bytes(f.dir, "shown.yaml", book.data, book.len);
	put_file(f.dir, "start-web.yaml",
		"runbook: x\nversion: 1\nparams: {hosts: {type: strings}, site: {}}\noutputs: {site: a.x}\nsteps: [{id: a, run: log(1)}]\n");
	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	expect_none(&f.problems);
	buf_release(&book);
	buf_release(&guide);
	fixture_release(&f);
}

/* ------------------------------------------------------------------ twenty mistakes */

static void twenty_mistakes(void **state)
{
	json_t *catalog = json_load_file(TEST_DATA "/catalog.json", 0, NULL);
	struct workspace *workspace;
	struct problems problems;
	struct err err = {0};
	struct buf expected;
	char *text = NULL;
	size_t size = 0;

	(void)state;
	problems_init(&problems);
	ok(workspace_open(&workspace, TEST_DATA "/twenty", catalog, &problems, &err));
	workspace_lint(workspace, NULL, &problems);
	FILE *out = open_memstream(&text, &size);
	for (size_t i = 0; i < problems.count; i++)
		problem_print(out, &problems.rows[i]);
	fclose(out);
	ok(file_read(TEST_DATA "/twenty/expected.txt", 1 << 20, &expected, &err));
	assert_string_equal(text, expected.data);
	assert_true(problems_errors(&problems) >= 20);
	free(text);
	buf_release(&expected);
	workspace_free(workspace);
	problems_release(&problems);
	json_decref(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_and_loader_agree),
		cmocka_unit_test(decimals_are_compared_exactly),
		cmocka_unit_test(the_schema_has_the_keys_of_the_tables),
		cmocka_unit_test(the_guide_has_every_key_and_rule),
		cmocka_unit_test(the_shipped_schemas_are_current),
		cmocka_unit_test(the_examples_of_the_guide_are_sound),
		cmocka_unit_test(the_steps_of_the_guide_are_sound),
		cmocka_unit_test(twenty_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
