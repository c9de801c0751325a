/* The plan: the contract with the engine (docs/protocol.md, section 1), with every default filled in. */
#include "workspace_fixture.h"

static json_t *plan(struct fixture *f, const char *name, const char *mode, const json_t *params)
{
	struct err err = {0};
	json_t *out = NULL;

	fixture_open(f);
	const enum err_code code =
		workspace_plan(f->workspace, name, mode, params, &out, &f->problems, &err);
	if (code != ERR_NONE) {
		print_problems(&f->problems);
		fail_msg("%s: %s", err_name(code), err.text);
	}
	return out;
}

static void refuse(struct fixture *f, const char *name, const char *mode, const json_t *params,
	enum err_code wanted, const char *words)
{
	struct err err = {0};
	json_t *out = NULL;

	fixture_open(f);
	const enum err_code code =
		workspace_plan(f->workspace, name, mode, params, &out, &f->problems, &err);
	assert_null(out);
	if (code != wanted || strstr(err.text, words) == NULL)
		fail_msg("%s \"%s\" instead of %s \"%s\"", err_name(code), err.text, err_name(wanted), words);
}

static const json_t *step(const json_t *plan, const char *id)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(plan, "steps"), i, row) {
		if (str_eq(json_str(row, "id", NULL), id))
			return row;
	}
	fail_msg("no step \"%s\"", id);
	return NULL;
}

/* `expected` is JSON with ' for ". */
static void same(const json_t *value, const char *expected)
{
	char *text = xstrdup(expected), *got;
	json_t *parsed;
	struct err err = {0};

	for (char *c = text; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	ok(json_parse(text, strlen(text), &parsed, &err));
	free(text);
	got = value != NULL ? json_line(value) : xstrdup("(nothing)");
	text = json_line(parsed);
	assert_string_equal(got, text);
	free(got);
	free(text);
	json_decref(parsed);
}

static void the_sample(void **state)
{
	struct fixture f;
	char hex[SHA256_HEX];

	(void)state;
	fixture_init(&f);
	json_t *p = plan(&f, "failover", "drill", NULL);
	expect_none(&f.problems);
	assert_string_equal(json_str(p, "format", ""), "plan/1");
	assert_string_equal(json_str(p, "mode", ""), "drill");
	const json_t *workspace = json_object_get(p, "workspace");
	assert_string_equal(json_str(workspace, "name", ""), "orders");
	assert_string_equal(json_str(workspace, "root", ""), f.dir);
	assert_true(json_is_null(json_object_get(workspace, "commit")));
	assert_true(json_flag(workspace, "dirty", false));
	const json_t *runbook = json_object_get(p, "runbook");
	assert_string_equal(json_str(runbook, "name", ""), "failover");
	assert_string_equal(json_str(runbook, "path", ""), "failover.yaml");
	assert_string_equal(json_str(runbook, "title", ""), "Fail the order database over to the standby");
	assert_string_equal(json_str(runbook, "description", ""), "When the first site is lost.");
	assert_int_equal(json_int(runbook, "version", 0), 1);
	sha256_hex(sha256_of(good_runbook, strlen(good_runbook)), hex);
	assert_string_equal(json_str(runbook, "digest", ""), hex);
	same(json_object_get(p, "params"), "{'reason': 'drill'}");
	same(json_object_get(p, "modules"), "{}");
	same(json_object_get(p, "environments"),
		"{'lab': {'modes': ['probe', 'drill']}, 'production': {'modes': ['probe', 'live']}, 'archive': {'modes': []}}");
	assert_int_equal(json_array_size(json_object_get(p, "services")), 1);
	const json_t *service = json_array_get(json_object_get(p, "services"), 0);
	assert_string_equal(json_str(service, "name", ""), "orders");
	assert_string_equal(json_str(service, "owner", ""), "db-oncall");
	assert_string_equal(json_str(service, "standby", ""), "hot");
	assert_int_equal(json_int(service, "tier", 0), 1);
	assert_int_equal(json_int(service, "rto_ms", 0), 120000);
	assert_int_equal(json_int(service, "rpo_ms", -1), 0);
	same(json_object_get(service, "depends_on"), "[]");
	assert_int_equal(json_array_size(json_object_get(p, "files")), 4);
	const json_t *file = json_array_get(json_object_get(p, "files"), 0);
	assert_string_equal(json_str(file, "path", ""), "failover.yaml");
	assert_string_equal(json_str(file, "text", ""), good_runbook);
	assert_string_equal(json_str(file, "sha256", ""), hex);
	json_decref(p);
	fixture_release(&f);
}

static void the_targets_of_the_sample(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	json_t *p = plan(&f, "failover", "drill", NULL);
	const json_t *targets = json_object_get(p, "targets");
	assert_int_equal(json_object_size(targets), 2); /* tools is not used */
	json_t *changes = json_pack("[s, s]", "db-primary", "db-standby");
	assert_true(json_equal(json_object_get(p, "changes"), changes));
	json_decref(changes);
	same(json_object_get(targets, "db-standby"),
		"{'provider': 'postgres', 'environment': 'lab', 'settings': {'host': '127.0.0.1', 'port': 21001, 'user': "
		"'lab', 'database': 'app', 'data_dir': '/srv/b'}, 'secrets': {'password': {'file': 'pgpw'}}, 'actions': {}, "
		"'queries': {}}");
	same(json_object_get(json_object_get(targets, "db-primary"), "queries"),
		"{'count': {'sql': 'select count(*) from orders', 'effect': 'read'}, 'place': {'sql': 'insert into "
		"orders(ref) values ($1) on conflict do nothing', 'effect': 'change', 'verify': 'select count(*) from orders "
		"where ref=$1', 'params': ['ref']}}");
	json_decref(p);
	fixture_release(&f);
}

static void the_steps_of_the_sample(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	json_t *p = plan(&f, "failover", "drill", NULL);
	assert_int_equal(json_array_size(json_object_get(p, "steps")), 7);
	same(step(p, "precheck"),
		"{'id': 'precheck', 'title': 'May the standby be promoted?', 'owner': 'db-oncall', 'kind': 'script', "
		"'needs': [], 'uses': {'failover.precheck': ['db-standby'], 'replication.status': ['db-standby', "
		"'db-primary']}, 'level': 0, 'expect_ms': 2000, 'timeout_ms': 0, 'on_failure': 'ask', 'marks': [], "
		"'time': 'machine', 'script': {'file': 'failover.yaml', 'line': 14, 'source': 'local s = "
		"replication.status(\\'db-standby\\')\\nif s.lag_bytes > bytes(\\'16MiB\\') then fail(\\'standby is %d "
		"bytes behind\\', s.lag_bytes) end\\nreturn {lag_bytes = s.lag_bytes}\\n'}}");
	same(step(p, "promote"),
		"{'id': 'promote', 'title': 'Promote the standby', 'owner': 'db-oncall', 'kind': 'script', 'needs': "
		"['fence'], 'uses': {'failover.promote': ['db-standby'], 'replication.status': ['db-standby']}, 'level': "
		"3, 'expect_ms': 0, 'timeout_ms': 60000, 'on_failure': 'ask', 'marks': [{'service': 'orders', 'reached': "
		"'restored'}], 'time': 'machine', 'script': {'file': 'failover.yaml', 'line': 26, 'source': "
		"'failover.promote(\\'db-standby\\', {wait = \\'30s\\'})'}, 'verify': {'file': 'failover.yaml', 'line': 28, "
		"'source': 'if replication.status(\\'db-standby\\').role ~= \\'primary\\' then fail(\\'still a "
		"standby\\') end\\n'}}");
	same(step(p, "look"),
		"{'id': 'look', 'title': 'Look at the dashboard', 'owner': 'db-oncall', 'kind': 'manual', 'needs': "
		"['promote'], 'uses': {}, 'level': 0, 'expect_ms': 0, 'timeout_ms': 0, 'on_failure': 'ask', 'text': 'Is the "
		"order rate back?\\n', 'checklist': ['rate is back', 'no errors'], 'marks': [{'service': 'orders', "
		"'reached': 'verified'}], 'time': 'verification'}");
	same(step(p, "which"),
		"{'id': 'which', 'title': 'Who is told?', 'owner': 'db-oncall', 'kind': 'decide', 'needs': ['look'], "
		"'uses': {}, 'level': 0, 'expect_ms': 0, 'timeout_ms': 0, 'on_failure': 'ask', 'text': 'Who must be told?', "
		"'checklist': [], 'choices': [{'id': 'everyone', 'label': 'Everyone', 'skip': [], 'stop': false}, {'id': "
		"'nobody', 'label': 'Nobody', 'skip': ['tell'], 'stop': false}], 'marks': [], 'time': 'human'}");
	same(step(p, "settle"),
		"{'id': 'settle', 'title': 'settle', 'owner': 'db-oncall', 'kind': 'wait', 'needs': ['tell'], 'uses': {}, "
		"'level': 0, 'expect_ms': 0, 'timeout_ms': 0, 'on_failure': 'ask', 'wait_ms': 10000, 'marks': [], 'time': "
		"'world'}");
	json_decref(p);
	fixture_release(&f);
}

static void defaults_and_everything_else_a_step_may_have(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "drillbook.yaml",
		"name: orders\nenvironments: {lab: {modes: [drill]}}\ndefaults: {on_failure: stop, timeout: 5m}\n");
	put_file(f.dir, "lua/fence.lua", "failover.fence(\"db-primary\")\n");
	put_file(f.dir, "other.yaml",
		"runbook: Other\nversion: 7\nowner: night-shift\nsteps:\n"
		"  - id: a\n    uses: {failover.fence: [db-primary]}\n    run: {file: lua/fence.lua}\n"
		"    check: return true\n    undo: return 1\n    verify: return 2\n"
		"    retry: {attempts: 3, wait: 2s}\n    level: irreversible\n    time: world\n"
		"  - {id: b, needs: [], run: return 1, level: 0, timeout: 1s, on_failure: continue, owner: ann}\n"
		"  - {id: c, needs: a, decide: x, choices: [{id: 1, stop: true}, {id: go}]}\n");
	json_t *p = plan(&f, "other", "drill", NULL);
	expect_none(&f.problems);
	const json_t *a = step(p, "a"), *b = step(p, "b"), *c = step(p, "c");
	same(json_object_get(a, "script"), "{'file': 'lua/fence.lua', 'line': 1, 'source': 'failover.fence(\\'db-primary\\')\\n'}");
	same(json_object_get(a, "check"), "{'file': 'other.yaml', 'line': 8, 'source': 'return true'}");
	same(json_object_get(a, "undo"), "{'file': 'other.yaml', 'line': 9, 'source': 'return 1'}");
	same(json_object_get(a, "verify"), "{'file': 'other.yaml', 'line': 10, 'source': 'return 2'}");
	same(json_object_get(a, "retry"), "{'attempts': 3, 'wait_ms': 2000}");
	assert_int_equal(json_int(a, "level", -1), 3); /* raised from 2 */
	assert_int_equal(json_int(a, "timeout_ms", -1), 300000);
	assert_string_equal(json_str(a, "on_failure", ""), "stop");
	assert_string_equal(json_str(a, "owner", ""), "night-shift");
	assert_string_equal(json_str(a, "time", ""), "world");
	same(json_object_get(b, "needs"), "[]");
	assert_int_equal(json_int(b, "timeout_ms", -1), 1000);
	assert_string_equal(json_str(b, "on_failure", ""), "continue");
	assert_string_equal(json_str(b, "owner", ""), "ann");
	assert_null(json_object_get(b, "retry"));
	same(json_object_get(c, "needs"), "['a']");
	assert_int_equal(json_int(c, "timeout_ms", -1), 0); /* a human has the time a human needs */
	same(json_object_get(c, "choices"),
		"[{'id': '1', 'label': '1', 'skip': [], 'stop': true}, {'id': 'go', 'label': 'go', 'skip': [], 'stop': false}]");
	same(json_object_get(p, "services"), "[]");
	json_decref(p);
	fixture_release(&f);
}

/* Declared actions: what literal calls name counts; where one could be any of them, the worst of all. */
static void the_level_of_declared_actions(void **state)
{
	static const struct {
		const char *uses, *run;
		int64_t level;
	} cases[] = {
		{"{action.read: tools}", "action.read(\"tools\", {name = \"list-orders\", args = {dir = \"/\"}})", 0},
		{"{action.run: tools}", "action.run(\"tools\", {name = \"list-orders\", args = {dir = \"/\"}})", 0},
		{"{action.run: tools}", "action.run(\"tools\", {name = \"kill-primary\"})", 1},
		{"{action.run: tools}", "attempt(action.run, \"tools\", {name = \"start-primary\"})", 2},
		{"{action.run: tools}", "action.run(\"tools\", {name = params.reason})", 2},
		{"{action.run: tools}", "local t = \"tools\"; action.run(t, {name = \"list-orders\"})", 2},
		{"{action.run: tools}", "local r = action.run; r(\"tools\", {name = \"list-orders\"})", 2},
		{"{action.run: tools}", "log(\"nothing\")", 2},
		{"{action.run: tools}", "require(\"kill\").now()", 1},
		{"{data.write: db-primary}", "data.write(\"db-primary\", {statement = \"place\", args = {ref = 1}})", 1},
		{"{data.query: db-primary}", "data.query(\"db-primary\", {query = \"count\"})", 0},
		{"{data.write: db-standby}", "data.write(\"db-standby\", {statement = params.reason})", 3},
		{"{failover.fence: db-primary, data.query: db-primary}", "log(1)", 2},
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "lua/kill.lua", "return {now = function() action.run(\"tools\", {name = \"kill-primary\"}) end}\n");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *text = xasprintf("runbook: x\nversion: 1\nparams: {reason: {default: x}}\nsteps:\n  - id: a\n    uses: %s\n"
				       "    run: |\n      %s\n    verify: log(2)\n",
			cases[i].uses, cases[i].run);
		put_file(f.dir, "other.yaml", text);
		json_t *p = plan(&f, "other", "drill", NULL);
		if (json_int(step(p, "a"), "level", -1) != cases[i].level)
			fail_msg("%s: level %lld instead of %lld", cases[i].run,
				(long long)json_int(step(p, "a"), "level", -1), (long long)cases[i].level);
		json_decref(p);
		free(text);
	}
	fixture_release(&f);
}

static void without_a_catalog_everything_used_is_dangerous(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	json_decref(f.catalog);
	f.catalog = NULL;
	json_t *p = plan(&f, "failover", "drill", NULL);
	assert_int_equal(json_int(step(p, "precheck"), "level", -1), 3);
	assert_int_equal(json_int(step(p, "look"), "level", -1), 0);
	json_decref(p);
	fixture_release(&f);
}

static void modules_are_carried_along(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "lua/one.lua", "return require(\"two\")\n");
	put_file(f.dir, "lua/two.lua", "-- require \"comment\"\nreturn {one = require 'one', s = [[require \"text\"]]}\n");
	put_file(f.dir, "lua/unused.lua", "return {}\n");
	put_file(f.dir, "other.yaml",
		"runbook: x\nversion: 1\nsteps:\n  - {id: a, run: 'require(\"one\")'}\n  - {id: b, run: log(1), verify: require \"one\"}\n");
	json_t *p = plan(&f, "other", "drill", NULL);
	same(json_object_get(p, "modules"), "{'one': 'lua/one.lua', 'two': 'lua/two.lua'}");
	const json_t *files = json_object_get(p, "files"), *file;
	size_t i, seen = 0;
	json_array_foreach(files, i, file) {
		assert_string_not_equal(json_str(file, "path", ""), "lua/unused.lua");
		seen += str_eq(json_str(file, "path", ""), "lua/one.lua") || str_eq(json_str(file, "path", ""), "lua/two.lua");
	}
	assert_int_equal(seen, 2);
	json_decref(p);
	put_bytes(f.dir, "lua/one.lua", "return '\xff'\n", 12);
	refuse(&f, "other", "drill", NULL, ERR_WORKSPACE, "not UTF-8");
	fixture_release(&f);
}

static void variables_come_from_env_yaml(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "env.yaml", "PORT: 21007\nNAME: app\nQUOTED: \"21008\"\nFLAG: true\n");
	put_file(f.dir, "targets.yaml",
		"targets:\n  t:\n    provider: postgres\n    environment: lab\n    settings:\n      host: h-${NAME}-${PORT}\n"
		"      port: ${PORT}\n      user: \"${QUOTED}\"\n      database: $${NAME}\n      tls: ${FLAG}\n"
		"      connect_timeout: 5s\n      options: one\n      extra: {a: ${PORT}x\n        }\n"
		"    secrets: {password: {file: \"/s/${NAME}\"}}\n");
	put_file(f.dir, "other.yaml", "runbook: x\nversion: 1\nsteps:\n  - {id: a, uses: {replication.status: t}, run: replication.status(\"t\")}\n");
	/* { in a flow map needs quotes: the hint says so */
	fixture_open(&f);
	expect_problem(&f.problems, "yaml", "targets.yaml", 13, 19, "in quotes");
	put_file(f.dir, "targets.yaml",
		"targets:\n  t:\n    provider: postgres\n    environment: lab\n    settings:\n      host: h-${NAME}-${PORT}\n"
		"      port: ${PORT}\n      user: \"${QUOTED}\"\n      database: $${NAME}\n      tls: ${FLAG}\n"
		"      connect_timeout: 5s\n      options: one\n      extra: {a: \"${PORT}\"}\n"
		"    secrets: {password: {file: \"/s/${NAME}\"}}\n");
	json_t *p = plan(&f, "other", "drill", NULL);
	same(json_object_get(json_object_get(p, "targets"), "t"),
		"{'provider': 'postgres', 'environment': 'lab', 'settings': {'host': 'h-app-21007', 'port': 21007, 'user': "
		"'21008', 'database': '${NAME}', 'tls': true, 'connect_timeout': '5s', 'options': ['one'], 'extra': {'a': 21007}}, "
		"'secrets': {'password': {'file': '/s/app'}}, 'actions': {}, 'queries': {}}");
	const json_t *files = json_object_get(p, "files");
	assert_string_equal(json_str(json_array_get(files, json_array_size(files) - 1), "path", ""), "env.yaml");
	json_decref(p);
	put_file(f.dir, "env.yaml", "NAMES: x\nPORT: 1\nQUOTED: x\nFLAG: true\n");
	fixture_open(&f);
	expect_problem(&f.problems, "unknown-variable", "targets.yaml", 6, 13, "did you mean \"NAMES\"?");
	put_file(f.dir, "env.yaml", "NAME: [a]\n");
	fixture_open(&f);
	expect_problem(&f.problems, "wrong-value", "env.yaml", 1, 7, "one value");
	put_file(f.dir, "targets.yaml", good_targets);
	put_file(f.dir, "env.yaml", "NAME: a\n");
	p = plan(&f, "failover", "drill", NULL);
	assert_int_equal(json_array_size(json_object_get(p, "files")), 4); /* env.yaml takes no part */
	json_decref(p);
	fixture_release(&f);
}

static void parameters(void **state)
{
	static const struct {
		const char *given;
		const char *out; /* NULL = refused with words */
		const char *words;
	} cases[] = {
		{"{'need': 'x'}", "{'need': 'x', 'n': 5, 'd': 30000, 'b': 16777216, 'c': 'red', 'f': false, 't': 'tools', 's': 'orders'}", NULL},
		{"{'need': 1, 'n': '7', 'd': '2m', 'b': '1KiB', 'c': 'blue', 'f': 'true', 't': 'db-primary', 's': 'orders', 'opt': ''}",
			"{'need': '1', 'n': 7, 'd': 120000, 'b': 1024, 'c': 'blue', 'f': true, 't': 'db-primary', 's': 'orders', 'opt': ''}", NULL},
		{"{}", NULL, "\"need\" is needed: what it is for"},
		{"{'need': 'x', 'nn': 1}", NULL, "no parameter \"nn\" (did you mean \"n\"?)"},
		{"{'need': 'x', 'n': 'many'}", NULL, "\"n\" must be a whole number, not \"many\""},
		{"{'need': 'x', 'n': 11}", NULL, "\"n\" must be at most 10"},
		{"{'need': 'x', 'n': '0'}", NULL, "\"n\" must be at least 1"},
		{"{'need': 'x', 'd': '2h'}", NULL, "\"d\" must be at most 1h"},
		{"{'need': 'x', 'd': 'soon'}", NULL, "\"d\" must be a duration"},
		{"{'need': 'x', 'b': '1KB'}", NULL, "\"b\" must be a size"},
		{"{'need': 'x', 'c': 'green'}", NULL, "\"c\" must be one of red, blue, not \"green\""},
		{"{'need': 'x', 'f': 'yes'}", NULL, "\"f\" must be true or false"},
		{"{'need': 'x', 't': 'tool'}", NULL, "(did you mean \"tools\"?)"},
		{"{'need': 'x', 's': 'x'}", NULL, "\"s\" must be the name of a service"},
		{"{'need': ['x']}", NULL, "\"need\" must be text"},
		{"['x']", NULL, "NAME=VALUE"},
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "other.yaml",
		"runbook: x\nversion: 1\nparams:\n  need: {help: what it is for}\n  n: {type: int, default: 5, min: 1, max: 10}\n"
		"  d: {type: duration, default: 30s, max: 1h}\n  b: {type: bytes, default: 16MiB}\n"
		"  c: {type: choice, choices: [red, blue], default: red}\n  f: {type: bool, default: false}\n"
		"  t: {type: target, default: tools}\n  s: {type: service, default: orders}\n  opt: {required: false}\n"
		"steps:\n  - {id: a, wait: 1s}\n");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *text = xstrdup(cases[i].given);
		for (char *c = text; *c != '\0'; c++)
			*c = *c == '\'' ? '"' : *c;
		json_t *given = json_loads(text, 0, NULL);
		assert_non_null(given);
		if (cases[i].out != NULL) {
			json_t *p = plan(&f, "other", "drill", given);
			same(json_object_get(p, "params"), cases[i].out);
			/* a target that only a parameter names is in the plan too */
			assert_non_null(json_object_get(json_object_get(p, "targets"),
				json_str(json_object_get(p, "params"), "t", "")));
			json_decref(p);
		} else {
			refuse(&f, "other", "drill", given, ERR_USAGE, cases[i].words);
		}
		json_decref(given);
		free(text);
	}
	fixture_release(&f);
}

static void what_cannot_be_planned(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	refuse(&f, "failovr", "drill", NULL, ERR_NOT_FOUND, "did you mean \"failover\"?");
	refuse(&f, "../failover", "drill", NULL, ERR_NOT_FOUND, "no runbook");
	refuse(&f, "failover", "rehearsal", NULL, ERR_USAGE, "no mode");
	refuse(&f, "failover", "live", NULL, ERR_FORBIDDEN, "environment \"lab\", which mode live may not touch");
	/* a mistake elsewhere stops nobody; one in what takes part does */
	put_file(f.dir, "broken.yaml", "runbook: [\n");
	json_t *p = plan(&f, "failover", "drill", NULL);
	json_decref(p);
	refuse(&f, "broken", "drill", NULL, ERR_WORKSPACE, "broken.yaml:2:1");
	put_file(f.dir, "services.yaml", "services:\n  orders: {tierr: 1}\n");
	refuse(&f, "failover", "drill", NULL, ERR_WORKSPACE, "services.yaml:2:12");
	expect_problem(&f.problems, "unknown-key", "services.yaml", 2, 12, "did you mean \"tier\"?");
	assert_true(problems_errors(&f.problems) >= 1);
	fixture_release(&f);
}

static void a_target_that_is_not_used_may_be_wrong(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	char *text = xasprintf("%s  lost:\n    provider: nothing\n    environment: nowhere\n", good_targets);
	put_file(f.dir, "targets.yaml", text);
	free(text);
	json_t *p = plan(&f, "failover", "drill", NULL);
	json_decref(p);
	fixture_release(&f);
}

static void the_summary(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "broken.yaml", "runbook: Broken\nversion: 3\nservice: nobody\nsteps:\n  - {id: a, wait: 1s}\n");
	fixture_open(&f);
	json_t *s = workspace_summary(f.workspace);
	const json_t *broken = json_array_get(json_object_get(s, "runbooks"), 0);
	const json_t *failover = json_array_get(json_object_get(s, "runbooks"), 1);
	assert_string_equal(json_str(broken, "name", ""), "broken");
	assert_false(json_flag(broken, "valid", true));
	assert_int_equal(json_int(broken, "version", 0), 3);
	assert_true(json_flag(failover, "valid", false));
	assert_string_equal(json_str(failover, "service", ""), "orders");
	assert_int_equal(json_int(failover, "steps", 0), 7);
	assert_int_equal(json_int(failover, "dangerous", 0), 2);
	assert_int_equal(json_int(failover, "level", 0), 3);
	assert_int_equal(strlen(json_str(failover, "digest", "")), 64);
	assert_int_equal(json_array_size(json_object_get(s, "services")), 1);
	assert_int_equal(json_object_size(json_object_get(s, "targets")), 3);
	assert_null(json_object_get(json_object_get(json_object_get(s, "targets"), "db-standby"), "settings"));
	same(json_object_get(json_object_get(s, "environments"), "lab"), "{'modes': ['probe', 'drill']}");
	assert_string_equal(json_str(json_object_get(s, "workspace"), "root", ""), f.dir);
	assert_string_equal(workspace_name(f.workspace), "orders");
	json_decref(s);
	fixture_release(&f);
}

static void finding_the_workspace(void **state)
{
	struct fixture f;
	struct workspace *none = NULL;
	struct err err = {0};

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "lua/deep/x.lua", "return 1\n");
	char *deep = path_join(f.dir, "lua/deep");
	ok(workspace_open(&f.workspace, deep, f.catalog, &f.problems, &err));
	assert_string_equal(workspace_root(f.workspace), f.dir);
	free(deep);
	refused(ERR_WORKSPACE, workspace_open(&none, "/", f.catalog, NULL, &err));
	assert_null(none);
	refused(ERR_WORKSPACE, workspace_open(&none, "/nonexistent", f.catalog, NULL, &err));
	fixture_release(&f);
}

/* A workspace of a stranger: a FIFO must not hold us, a link must not make us read other files. */
static void files_that_are_no_files(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	char *fifo = path_join(f.dir, "fifo.yaml"), *out = path_join(f.dir, "outside.yaml"),
	     *in = path_join(f.dir, "inside.yaml"), *dir = path_join(f.dir, "dir.yaml");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symlink("/etc/hostname", out), 0);
	assert_int_equal(symlink("failover.yaml", in), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	put_file(f.dir, ".hidden.yaml", "a: [\n");
	fixture_open(&f);
	assert_int_equal(f.problems.count, 3);
	expect_problem(&f.problems, "unreadable", "fifo.yaml", 0, 0, "not a regular file");
	expect_problem(&f.problems, "unreadable", "outside.yaml", 0, 0, "leads out of the workspace");
	expect_problem(&f.problems, "unreadable", "dir.yaml", 0, 0, "not a regular file");
	free(fifo);
	free(out);
	free(in);
	free(dir);
	fixture_release(&f);
}

static void limits_of_files(void **state)
{
	struct fixture f;
	struct buf text;
	struct err err = {0};

	(void)state;
	fixture_init(&f);
	buf_init(&text, 64 << 20);
	ok(buf_addf(&text, &err, "services:\n"));
	while (text.len <= 1 << 20)
		ok(buf_addf(&text, &err, "# a comment to make the file long, as long as it is not allowed to be\n"));
	put_bytes(f.dir, "services.yaml", text.data, text.len);
	buf_clear(&text);
	ok(buf_addf(&text, &err, "runbook: x\nversion: 1\nsteps:\n"));
	for (int i = 0; i < 10001; i++)
		ok(buf_addf(&text, &err, "  - {id: s%d, wait: 1s}\n", i));
	put_bytes(f.dir, "failover.yaml", text.data, text.len);
	buf_clear(&text);
	ok(buf_addf(&text, &err, "runbook: x\nversion: 1\nsteps:\n"));
	for (int i = 0; i < 10000; i++)
		ok(buf_addf(&text, &err, "  - {id: s%d, wait: 1s}\n", i));
	put_bytes(f.dir, "most.yaml", text.data, text.len);
	buf_clear(&text);
	ok(buf_addf(&text, &err, "runbook: x\nsteps: ["));
	for (int i = 0; i < 400001; i++)
		ok(buf_addf(&text, &err, "1,"));
	ok(buf_addf(&text, &err, "]\n"));
	put_bytes(f.dir, "values.yaml", text.data, text.len);
	buf_clear(&text);
	while (text.len <= 8 << 20)
		ok(buf_addf(&text, &err, "# a comment to make the file long, as long as it is not allowed to be\n"));
	put_bytes(f.dir, "huge.yaml", text.data, text.len);
	buf_release(&text);
	fixture_open(&f);
	assert_int_equal(f.problems.count, 4);
	expect_problem(&f.problems, "limit", "services.yaml", 0, 0, "larger than 1024 KiB");
	expect_problem(&f.problems, "limit", "failover.yaml", 4, 3, "has 10001 items, allowed are 10000");
	expect_problem(&f.problems, "limit", "values.yaml", 2, 799999, "more than 400000 values");
	expect_problem(&f.problems, "limit", "huge.yaml", 0, 0, "larger than 8192 KiB");
	workspace_lint(f.workspace, "most", &f.problems);
	assert_int_equal(f.problems.count, 4);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample),
		cmocka_unit_test(the_targets_of_the_sample),
		cmocka_unit_test(the_steps_of_the_sample),
		cmocka_unit_test(defaults_and_everything_else_a_step_may_have),
		cmocka_unit_test(the_level_of_declared_actions),
		cmocka_unit_test(without_a_catalog_everything_used_is_dangerous),
		cmocka_unit_test(modules_are_carried_along),
		cmocka_unit_test(variables_come_from_env_yaml),
		cmocka_unit_test(parameters),
		cmocka_unit_test(what_cannot_be_planned),
		cmocka_unit_test(a_target_that_is_not_used_may_be_wrong),
		cmocka_unit_test(the_summary),
		cmocka_unit_test(finding_the_workspace),
		cmocka_unit_test(files_that_are_no_files),
		cmocka_unit_test(limits_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
