/* What is structured in a runbook is a flat list in the plan: groups, nested runbooks, for_each, conditions. */
#include "workspace_fixture.h"

static const char drillbook_yaml[] = "name: shop\nenvironments: {lab: {modes: [probe, drill]}}\n";
static const char services_yaml[] =
	"services:\n"
	"  orders: {tier: 1, owner: db, objectives: {rto: 2m, rpo: 0}}\n"
	"  web: {tier: 1, owner: web, objectives: {rto: 2m, rpo: 0}, depends_on: [orders]}\n";
static const char targets_yaml[] =
	"targets:\n"
	"  tools:\n"
	"    provider: command\n"
	"    environment: lab\n"
	"    actions:\n"
	"      look: {argv: [/bin/true], effect: read}\n"
	"      start: {argv: [/bin/true, \"{host}\"], effect: change, params: [host]}\n"
	"      drop: {argv: [/bin/true], effect: irreversible}\n"
	"  vault:\n"
	"    provider: command\n"
	"    environment: lab\n"
	"    secrets: {secret: {param: pw}}\n"
	"    actions: {look: {argv: [/bin/true], effect: read, secret: stdin}}\n"
	"  safe:\n"
	"    provider: command\n"
	"    environment: lab\n"
	"    secrets: {secret: {param: pw}}\n"
	"    actions: {look: {argv: [/bin/true], effect: read, secret: stdin}}\n";
static const char start_web[] =
	"runbook: Start the web servers\n"
	"version: 3\n"
	"service: web\n"
	"params:\n"
	"  hosts: {type: strings, default: [w1]}\n"
	"  site: {required: false}\n"
	"  limit: {type: duration, default: 30s}\n"
	"outputs: {first: \"start[0].url\", last: check.state}\n"
	"parallel: 2\n"
	"steps:\n"
	"  - id: start\n"
	"    title: Start\n"
	"    for_each: {in: {param: hosts}, as: host}\n"
	"    uses: {action.run: tools}\n"
	"    run: action.run(\"tools\", {name = \"start\", args = {host = host}})\n"
	"  - id: check\n"
	"    uses: {action.read: tools}\n"
	"    when: {param: limit, above: 10s}\n"
	"    run: return action.read(\"tools\", {name = \"look\"})\n"
	"    marks: [{reached: verified}]\n";

static void shop(struct fixture *f)
{
	fixture_init(f);
	put_file(f->dir, "drillbook.yaml", drillbook_yaml);
	put_file(f->dir, "services.yaml", services_yaml);
	put_file(f->dir, "targets.yaml", targets_yaml);
	put_file(f->dir, "failover.yaml", "runbook: x\nversion: 1\nsteps: [{id: a, wait: 1s}]\n");
	put_file(f->dir, "start-web.yaml", start_web);
}

/* Plans the steps below `head` (NULL = no parameters); expects no problem at all. */
static json_t *plan_of(struct fixture *f, const char *head, const char *steps, const json_t *params)
{
	struct err err = {0};
	json_t *out = NULL;
	char *text = xasprintf("runbook: All\nversion: 1\n%ssteps:\n%s", head != NULL ? head : "", steps);

	put_file(f->dir, "all.yaml", text);
	free(text);
	fixture_open(f);
	const enum err_code code = workspace_plan(f->workspace, "all", "drill", params, &out, &f->problems, &err);
	if (code != ERR_NONE) {
		print_problems(&f->problems);
		fail_msg("%s: %s", err_name(code), err.text);
	}
	return out;
}

static void refused_plan(
	struct fixture *f, const char *head, const char *steps, enum err_code wanted, const char *words)
{
	struct err err = {0};
	json_t *out = NULL;
	char *text = xasprintf("runbook: All\nversion: 1\n%ssteps:\n%s", head != NULL ? head : "", steps);

	put_file(f->dir, "all.yaml", text);
	free(text);
	fixture_open(f);
	const enum err_code code = workspace_plan(f->workspace, "all", "drill", NULL, &out, &f->problems, &err);
	if (code != wanted || strstr(err.text, words) == NULL)
		fail_msg("%s \"%s\" instead of %s \"%s\"", err_name(code), err.text, err_name(wanted), words);
	assert_null(out);
}

/* Where a target of a plan has its secret from. */
static const json_t *secret_of(const json_t *plan, const char *target)
{
	const json_t *row = json_object_get(json_object_get(plan, "targets"), target);

	return json_object_get(json_object_get(row, "secrets"), "secret");
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

static void has(const json_t *plan, const char *id, const char *member, const char *expected)
{
	const json_t *value = json_object_get(step(plan, id), member);

	if (expected == NULL && value == NULL)
		return;
	if (expected == NULL)
		fail_msg("\"%s\" has %s", id, member);
	same(value, expected);
}

/* "a kind; b kind" of the whole list. */
static void order(const json_t *plan, const char *expected)
{
	const json_t *row;
	struct err err = {0};
	struct buf out;
	size_t i;

	buf_init(&out, 1 << 16);
	json_array_foreach(json_object_get(plan, "steps"), i, row) {
		const json_t *need;
		size_t k;
		ok(buf_addf(&out, &err, "%s%s:", i > 0 ? " " : "", json_str(row, "id", "")));
		json_array_foreach(json_object_get(row, "needs"), k, need)
			ok(buf_addf(&out, &err, "%s%s", k > 0 ? "," : "", json_string_value(need)));
	}
	assert_string_equal(out.data, expected);
	buf_release(&out);
}

/* ------------------------------------------------------------------ groups */

static void a_group_is_its_members_and_a_closing_step(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	json_t *p = plan_of(&f, "service: orders\n",
		"  - {id: before, wait: 1s}\n"
		"  - id: databases\n"
		"    title: The databases\n"
		"    owner: dba\n"
		"    parallel: 2\n"
		"    when: {mode: [drill, live]}\n"
		"    invariant:\n"
		"      - {id: lag, every: 5s, uses: {action.read: tools}, run: 'return action.read(\"tools\", {name = \"look\"})', "
		"tolerance: {value: lag_bytes, below: 16MiB}}\n"
		"    steps:\n"
		"      - {id: one, wait: 1s}\n"
		"      - {id: two, wait: 1s, owner: ann}\n"
		"      - {id: three, needs: [], wait: 1s, when: {output: before.x}}\n"
		"    marks: [{reached: verified}]\n"
		"  - {id: after, wait: 1s}\n"
		"  - {id: late, needs: [one], wait: 1s}\n",
		NULL);
	expect_none(&f.problems);
	order(p, "before: databases!lag:before one:before two:one three:before databases:two,three after:databases late:one");
	same(step(p, "databases"),
		"{'id': 'databases', 'title': 'The databases', 'owner': 'dba', 'kind': 'group', 'needs': ['two', 'three'], 'uses': {}, "
		"'level': 0, 'expect_ms': 0, 'timeout_ms': 0, 'on_failure': 'ask', 'marks': [{'service': 'orders', 'reached': "
		"'verified'}], 'time': 'verification', 'parallel': 2, 'when': {'mode': ['drill', 'live']}}");
	same(step(p, "databases!lag"),
		"{'id': 'databases!lag', 'title': 'lag', 'owner': 'dba', 'kind': 'watch', 'needs': ['before'], 'uses': {'action.read': "
		"['tools']}, 'level': 0, 'expect_ms': 0, 'timeout_ms': 0, 'on_failure': 'ask', 'marks': [], 'time': 'verification', "
		"'every_ms': 5000, 'script': {'file': 'all.yaml', 'line': 12, 'source': 'return action.read(\\'tools\\', {name = "
		"\\'look\\'})', 'tolerance': {'value': 'lag_bytes', 'below': 16777216}}, 'within': ['databases'], 'when': {'mode': "
		"['drill', 'live']}}");
	same(step(p, "one"),
		"{'id': 'one', 'title': 'one', 'owner': 'dba', 'kind': 'wait', 'needs': ['before'], 'uses': {}, 'level': 0, 'expect_ms': 0, "
		"'timeout_ms': 0, 'on_failure': 'ask', 'wait_ms': 1000, 'marks': [], 'time': 'world', 'within': ['databases'], 'when': "
		"{'mode': ['drill', 'live']}}");
	has(p, "two", "owner", "'ann'");
	has(p, "three", "when", "{'all': [{'mode': ['drill', 'live']}, {'output': 'before.x'}]}");
	has(p, "after", "within", NULL);
	has(p, "after", "when", NULL);
	json_decref(p);
	fixture_release(&f);
}

static void groups_in_groups(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	json_t *p = plan_of(&f, "parallel: 3\n",
		"  - {id: x, wait: 1s}\n"
		"  - id: g\n"
		"    needs: []\n"
		"    steps:\n"
		"      - {id: h, steps: [{id: a, wait: 1s}, {id: b, needs: [x], wait: 1s}]}\n"
		"      - {id: c, wait: 1s}\n",
		NULL);
	order(p, "x: a: b:x h:a,b c:h g:c");
	has(p, "b", "within", "['g', 'h']");
	has(p, "h", "within", "['g']");
	assert_int_equal(json_int(p, "parallel", 0), 3);
	assert_null(json_object_get(p, "scopes"));
	json_decref(p);
	fixture_release(&f);
}

/* Who chooses to leave out a group leaves out all that is in it. */
static void a_choice_that_skips_a_group(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	json_t *p = plan_of(&f, NULL,
		"  - {id: ask, decide: How far?, choices: [{id: all}, {id: little, skip: [g, w, last]}]}\n"
		"  - {id: g, invariant: [{id: i, every: 1s, run: log(1)}], steps: [{id: a, wait: 1s}]}\n"
		"  - {id: w, runbook: start-web}\n"
		"  - {id: last, wait: 1s}\n",
		NULL);
	same(json_object_get(json_array_get(json_object_get(step(p, "ask"), "choices"), 1), "skip"),
		"['g!i', 'a', 'g', 'w/start/1', 'w/start', 'w/check', 'w', 'last']");
	json_decref(p);
	fixture_release(&f);
}

/* ------------------------------------------------------------------ nested runbooks */

static void a_nested_runbook(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	json_t *p = plan_of(&f, "params: {zone: {default: b}}\n",
		"  - {id: promote, run: 'return {site = 1}'}\n"
		"  - id: web\n"
		"    runbook: start-web\n"
		"    when: {param: zone, equals: b}\n"
		"    params: {hosts: [a], site: {output: promote.site}, limit: 1m}\n"
		"  - {id: end, wait: 1s, when: {all: [{output: web.last, matches: \"^(up|ok)$\"}, {output: web.first, exists: true}]}}\n",
		NULL);
	expect_none(&f.problems);
	order(p, "promote: web/start/1:promote web/start:web/start/1 web/check:web/start web:web/check end:web");
	const json_t *scope = json_object_get(json_object_get(p, "scopes"), "web");
	same(json_object_get(scope, "params"), "{'hosts': ['a'], 'site': {'output': 'promote.site'}, 'limit': 60000}");
	assert_string_equal(json_str(scope, "prefix", ""), "web/");
	const json_t *runbook = json_object_get(scope, "runbook");
	assert_string_equal(json_str(runbook, "name", ""), "start-web");
	assert_string_equal(json_str(runbook, "title", ""), "Start the web servers");
	assert_string_equal(json_str(runbook, "path", ""), "start-web.yaml");
	assert_int_equal(json_int(runbook, "version", 0), 3);
	assert_int_equal(strlen(json_str(runbook, "digest", "")), 64);
	same(step(p, "web"),
		"{'id': 'web', 'title': 'web', 'owner': null, 'kind': 'group', 'needs': ['web/check'], 'uses': {}, 'level': 0, "
		"'expect_ms': 0, 'timeout_ms': 0, 'on_failure': 'ask', 'marks': [], 'time': 'machine', 'runbook': 'start-web', "
		"'parallel': 2, 'outputs': {'first': 'web/start/1.url', 'last': 'web/check.state'}, 'when': {'param': 'zone', 'equals': "
		"'b'}}");
	same(step(p, "web/start/1"),
		"{'id': 'web/start/1', 'title': 'Start (a)', 'owner': 'web', 'kind': 'script', 'needs': ['promote'], 'uses': {'action.run': "
		"['tools']}, 'level': 1, 'expect_ms': 0, 'timeout_ms': 0, 'on_failure': 'ask', 'marks': [], 'time': 'machine', 'script': "
		"{'file': 'start-web.yaml', 'line': 15, 'source': 'action.run(\\'tools\\', {name = \\'start\\', args = {host = host}})'}, "
		"'within': ['web', 'web/start'], 'scope': 'web', 'item': 'a', 'item_name': 'host', 'when': {'literal': 'b', 'equals': "
		"'b'}}");
	/* its own parameters, and those of the place where it is nested */
	has(p, "web/check", "when", "{'all': [{'literal': 'b', 'equals': 'b'}, {'param': 'limit', 'above': 10000}]}");
	has(p, "web/check", "marks", "[{'service': 'web', 'reached': 'verified'}]");
	has(p, "end", "when", "{'all': [{'output': 'web/check.state', 'matches': '^(up|ok)$'}, {'output': 'web/start/1.url', 'exists': true}]}");
	/* its service and its file are part of the plan */
	assert_int_equal(json_array_size(json_object_get(p, "services")), 1);
	assert_string_equal(json_str(json_array_get(json_object_get(p, "files"), 1), "path", ""), "start-web.yaml");
	json_decref(p);
	fixture_release(&f);
}

static void a_runbook_in_a_runbook_in_a_for_each(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	put_file(f.dir, "site.yaml",
		"runbook: A site\nversion: 1\nparams: {name: {}, pw: {type: secret}, n: {type: int, default: 2}}\noutputs: {url: web.first}\n"
		"steps:\n"
		"  - {id: prepare, uses: {action.read: vault}, run: return 1}\n"
		"  - {id: web, runbook: start-web, params: {hosts: [h], site: {param: name}}, when: {param: n, at_least: 1, at_most: 5}}\n");
	json_t *p = plan_of(&f, "params: {key: {type: secret}}\n",
		"  - id: sites\n"
		"    for_each: {in: [{at: east, n: 1}, {at: west}], as: site}\n"
		"    runbook: site\n"
		"    params: {name: {item: site.at}, pw: {param: key}, n: {item: n}}\n"
		"    when: {item: site.at, not_equals: south}\n"
		"    marks: [{service: web, reached: normal}]\n"
		"  - {id: end, wait: 1s, when: {output: \"sites[1].url\"}}\n",
		NULL);
	expect_none(&f.problems);
	order(p, "sites/1/prepare: sites/1/web/start/1:sites/1/prepare sites/1/web/start:sites/1/web/start/1 "
		 "sites/1/web/check:sites/1/web/start sites/1/web:sites/1/web/check sites/1:sites/1/web "
		 "sites/2/prepare: sites/2/web/start/1:sites/2/prepare sites/2/web/start:sites/2/web/start/1 "
		 "sites/2/web/check:sites/2/web/start sites/2/web:sites/2/web/check sites/2:sites/2/web "
		 "sites:sites/1,sites/2 end:sites");
	const json_t *scopes = json_object_get(p, "scopes");
	same(json_object_get(json_object_get(scopes, "sites/1"), "params"), "{'name': 'east', 'pw': {'secret': true, 'from': 'key'}, 'n': 1}");
	same(json_object_get(json_object_get(scopes, "sites/2"), "params"), "{'name': 'west', 'pw': {'secret': true, 'from': 'key'}, 'n': 2}");
	same(json_object_get(json_object_get(scopes, "sites/2/web"), "params"), "{'hosts': ['h'], 'site': 'west', 'limit': 30000}");
	same(json_object_get(p, "params"), "{'key': {'secret': true}}");
	same(secret_of(p, "vault"), "{'typed': true, 'param': 'key'}");
	has(p, "sites/2/web/start/1", "within", "['sites', 'sites/2', 'sites/2/web', 'sites/2/web/start']");
	has(p, "sites/2/web/start/1", "scope", "'sites/2/web'");
	has(p, "sites/2/web/start/1", "item", "'h'");
	has(p, "sites/2/web/start/1", "items", "{'site': {'at': 'west'}, 'host': 'h'}");
	/* the item of the outer for_each and the parameters of the outer runbook are values by then */
	has(p, "sites/2/web/start/1", "when",
		"{'all': [{'literal': 'west', 'not_equals': 'south'}, {'all': [{'literal': 2, 'at_least': 1}, {'literal': 2, 'at_most': 5}]}]}");
	has(p, "sites/2/prepare", "when", "{'item': 'at', 'not_equals': 'south'}");
	has(p, "sites/2/prepare", "item", "{'at': 'west'}");
	has(p, "sites", "when", NULL);
	has(p, "sites", "marks", "[{'service': 'web', 'reached': 'normal'}]");
	has(p, "sites/1", "marks", "[]");
	has(p, "end", "when", "{'output': 'sites/2/web/start/1.url'}");
	json_decref(p);
	fixture_release(&f);
}

static void what_a_nested_runbook_cannot_be_given(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	refused_plan(&f, NULL, "  - {id: a, run: return 1}\n  - {id: w, runbook: start-web, params: {hosts: {output: a.hosts}}}\n", ERR_USAGE,
		"known only in the run");
	refused_plan(&f, "params: {z: {required: false}}\n", "  - {id: w, runbook: start-web, params: {limit: soon}}\n", ERR_WORKSPACE,
		"all.yaml:5:49: parameter \"limit\" must be a duration");
	put_file(f.dir, "strict.yaml", "runbook: x\nversion: 1\nparams: {n: {type: int, max: 5}}\nsteps: [{id: a, wait: 1s}]\n");
	refused_plan(&f, "params: {z: {default: 7}}\n", "  - {id: w, runbook: strict, params: {n: {param: z}}}\n", ERR_USAGE, "\"n\" must be at most 5");
	refused_plan(&f, "params: {z: {required: false}}\n", "  - {id: w, runbook: strict, params: {n: {param: z}}}\n", ERR_USAGE,
		"step \"w\" has nothing to give it");
	refused_plan(&f, NULL, "  - {id: w, runbook: strict}\n", ERR_WORKSPACE, "needs params: {n: …}");
	/* a mistake in what takes part, wherever it is */
	put_file(f.dir, "strict.yaml", "runbook: x\nversion: 1\nsteps: [{id: a, wait: soon}]\n");
	refused_plan(&f, NULL, "  - {id: w, runbook: strict}\n", ERR_WORKSPACE, "strict.yaml:3:23");
	fixture_release(&f);
}

static void runbooks_in_a_circle(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	put_file(f.dir, "one.yaml", "runbook: x\nversion: 1\nsteps: [{id: a, steps: [{id: b, runbook: two}]}]\n");
	put_file(f.dir, "two.yaml", "runbook: x\nversion: 1\nsteps: [{id: a, runbook: all}]\n");
	refused_plan(&f, NULL, "  - {id: w, runbook: one}\n", ERR_WORKSPACE, "all.yaml:4:22: runbooks that do each other: all -> one -> two -> all");
	workspace_lint(f.workspace, NULL, &f.problems);
	expect_problem(&f.problems, "cycle", "two.yaml", 3, 26, "two -> all -> one -> two");
	/* who only leads into the circle is told by its members */
	put_file(f.dir, "outside.yaml", "runbook: x\nversion: 1\nsteps: [{id: a, runbook: one}]\n");
	fixture_open(&f);
	workspace_lint(f.workspace, "outside", &f.problems);
	expect_none(&f.problems);
	fixture_release(&f);
}

static void runbooks_too_deep_in_each_other(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	for (int i = 1; i <= 17; i++) {
		char *name = xasprintf("r%d.yaml", i), *text = i < 17
			? xasprintf("runbook: x\nversion: 1\nsteps: [{id: a, runbook: r%d}, {id: b, runbook: r%d}]\n", i + 1, i + 1)
			: xstrdup("runbook: x\nversion: 1\nsteps: [{id: a, wait: 1s}]\n");
		put_file(f.dir, name, text);
		free(name);
		free(text);
	}
	refused_plan(&f, NULL, "  - {id: w, runbook: r1}\n", ERR_WORKSPACE, "more than 16 runbooks in each other: all -> r1 -> r2");
	/* 16 are allowed, but not 2 to the 16th steps */
	refused_plan(&f, NULL, "  - {id: w, runbook: r2}\n", ERR_LIMIT, "more than 10000 steps");
	fixture_open(&f);
	json_decref(workspace_summary(f.workspace)); /* ends */
	fixture_release(&f);
}

/* ------------------------------------------------------------------ for_each */

static void for_each_of_a_list(void **state)
{
	struct fixture f;
	json_t *disks = json_pack("{s:s}", "disks", "d1,d2");

	(void)state;
	shop(&f);
	json_t *p = plan_of(&f, "params: {disks: {type: strings}}\n",
		"  - {id: a, wait: 1s}\n"
		"  - id: mounts\n"
		"    for_each: {in: {param: disks}, as: disk}\n"
		"    parallel: 1\n"
		"    title: Mount\n"
		"    steps:\n"
		"      - {id: mount, run: return disk}\n"
		"      - {id: test, run: log(disk), when: {output: mount.ok}}\n"
		"  - {id: each, for_each: {in: [1, x]}, manual: Look, when: [{item: ., equals: x}, {output: \"mounts[0].mount.ok\"}]}\n",
		disks);
	expect_none(&f.problems);
	order(p, "a: mounts/1/mount:a mounts/1/test:mounts/1/mount mounts/1:mounts/1/test mounts/2/mount:a mounts/2/test:mounts/2/mount "
		 "mounts/2:mounts/2/test mounts:mounts/1,mounts/2 each/1:mounts each/2:mounts each:each/1,each/2");
	same(json_object_get(p, "params"), "{'disks': ['d1', 'd2']}");
	same(step(p, "mounts/2/test"),
		"{'id': 'mounts/2/test', 'title': 'test', 'owner': null, 'kind': 'script', 'needs': ['mounts/2/mount'], 'uses': {}, 'level': 0, "
		"'expect_ms': 0, 'timeout_ms': 0, 'on_failure': 'ask', 'marks': [], 'time': 'machine', 'script': {'file': 'all.yaml', 'line': "
		"12, 'source': 'log(disk)'}, 'within': ['mounts', 'mounts/2'], 'prefix': 'mounts/2/', 'item': 'd2', 'item_name': 'disk', 'when': "
		"{'output': 'mounts/2/mount.ok'}}");
	has(p, "mounts/2", "title", "'Mount (d2)'");
	has(p, "mounts/2", "within", "['mounts']");
	has(p, "mounts/2", "parallel", NULL);
	has(p, "mounts", "parallel", "1");
	has(p, "mounts", "item", NULL);
	has(p, "each/1", "title", "'each (1)'");
	has(p, "each/1", "item", "1");
	has(p, "each/1", "item_name", "'item'");
	has(p, "each/2", "when", "{'all': [{'item': '', 'equals': 'x'}, {'output': 'mounts/1/mount.ok'}]}");
	has(p, "each/2", "text", "'Look'");
	has(p, "each", "kind", "'group'");
	has(p, "each", "text", NULL);
	has(p, "each", "when", NULL);
	json_decref(p);
	/* nothing to do is done */
	json_put_str(disks, "disks", "");
	p = plan_of(&f, "params: {disks: {type: strings}}\n",
		"  - {id: a, wait: 1s}\n  - {id: m, for_each: {in: {param: disks}}, run: log(item)}\n  - {id: z, wait: 1s}\n", disks);
	order(p, "a: m:a z:m");
	json_decref(p);
	json_decref(disks);
	refused_plan(&f, NULL, "  - {id: a, for_each: {in: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}, steps: [{id: b, for_each: {in: [1, 2, 3, 4, 5, 6, 7, 8, "
			       "9, 10]}, steps: [{id: c, for_each: {in: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}, steps: [{id: d, for_each: {in: [1, 2, 3, 4, 5, "
			       "6, 7, 8, 9, 10]}, run: log(1)}]}]}]}\n",
		ERR_LIMIT, "more than 10000 steps");
	fixture_release(&f);
}

/* ------------------------------------------------------------------ every form of a step */

static void the_new_forms_of_a_step(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	put_file(f.dir, "lua/check.lua", "return 1\n");
	json_t *p = plan_of(&f, NULL,
		"  - {id: a, approve: Switch?, from: [alice, \"@dba\"], count: 2, timeout: 30m}\n"
		"  - {id: b, approve: Anybody?}\n"
		"  - {id: c, wait: {until: \"22:00\"}}\n"
		"  - {id: d, wait: {until: 2026-11-25T22:00:00Z}}\n"
		"  - {id: e, uses: {action.read: tools}, wait: {every: 2s, run: 'return action.read(\"tools\", {name = \"look\"})', tolerance: "
		"{value: state, in: [up, 3]}}, timeout: 1m}\n"
		"  - {id: f, manual: Read the gauge, measure: {name: pressure, unit: bar, min: 1, max: 2.5}, checklist: [x]}\n"
		"  - id: g\n"
		"    run: {run: return 1}\n"
		"    check: {file: lua/check.lua, tolerance: {value: \"servers[0].state\", equals: ready}}\n"
		"    verify: {run: return 2, tolerance: [{value: ., between: [1, 2]}, {not: {value: ., equals: true}}]}\n"
		"    undo: return 3\n"
		"    retry: {attempts: 3, wait: 5s, backoff: double, max_wait: 1m, jitter: 20}\n"
		"    on_failure: undo\n"
		"    expires: 2h\n",
		NULL);
	expect_none(&f.problems);
	same(step(p, "a"),
		"{'id': 'a', 'title': 'a', 'owner': null, 'kind': 'approve', 'needs': [], 'uses': {}, 'level': 0, 'expect_ms': 0, 'timeout_ms': "
		"1800000, 'on_failure': 'ask', 'text': 'Switch?', 'from': ['alice', '@dba'], 'count': 2, 'marks': [], 'time': 'approval'}");
	has(p, "b", "from", NULL);
	has(p, "b", "count", "1");
	has(p, "c", "until", "'22:00'");
	has(p, "c", "wait_ms", NULL);
	has(p, "d", "until", "'2026-11-25T22:00:00Z'");
	same(step(p, "e"),
		"{'id': 'e', 'title': 'e', 'owner': null, 'kind': 'wait', 'needs': ['d'], 'uses': {'action.read': ['tools']}, 'level': 0, "
		"'expect_ms': 0, 'timeout_ms': 60000, 'on_failure': 'ask', 'every_ms': 2000, 'marks': [], 'time': 'world', 'script': {'file': "
		"'all.yaml', 'line': 8, 'source': 'return action.read(\\'tools\\', {name = \\'look\\'})', 'tolerance': {'value': 'state', "
		"'in': ['up', 3]}}}");
	has(p, "f", "measure", "{'name': 'pressure', 'unit': 'bar', 'min': '1', 'max': '2.5'}");
	has(p, "f", "checklist", "['x']");
	has(p, "g", "script", "{'file': 'all.yaml', 'line': 11, 'source': 'return 1'}");
	has(p, "g", "check",
		"{'file': 'lua/check.lua', 'line': 1, 'source': 'return 1\\n', 'tolerance': {'value': 'servers[0].state', 'equals': 'ready'}}");
	has(p, "g", "verify",
		"{'file': 'all.yaml', 'line': 13, 'source': 'return 2', 'tolerance': {'all': [{'value': '', 'between': [1, 2]}, {'not': {'value': '', "
		"'equals': true}}]}}");
	has(p, "g", "retry", "{'attempts': 3, 'wait_ms': 5000, 'backoff': 'double', 'max_wait_ms': 60000, 'jitter_percent': 20}");
	has(p, "g", "on_failure", "'undo'");
	has(p, "g", "expires_ms", "7200000");
	json_decref(p);
	fixture_release(&f);
}

static void simulate_and_tabletop_touch_nothing(void **state)
{
	static const char *const modes[] = {"probe", "simulate", "tabletop", "drill", "live"};
	struct fixture f;
	struct err err = {0};

	(void)state;
	shop(&f);
	put_file(f.dir, "drillbook.yaml", "name: shop\nenvironments: {lab: {modes: []}}\n");
	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		json_t *p = NULL;
		fixture_open(&f);
		const enum err_code code = workspace_plan(f.workspace, "start-web", modes[i], NULL, &p, &f.problems, &err);
		assert_int_equal(code, i == 1 || i == 2 ? ERR_NONE : ERR_FORBIDDEN);
		if (p != NULL)
			assert_string_equal(json_str(p, "mode", ""), modes[i]);
		json_decref(p);
	}
	fixture_release(&f);
}

static void secrets_are_typed_not_given(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *given = json_pack("{s:s}", "key", "hunter2"), *p = NULL;

	(void)state;
	shop(&f);
	p = plan_of(&f, "params: {key: {type: secret}}\n", "  - {id: a, wait: 1s}\n", NULL);
	same(json_object_get(p, "params"), "{'key': {'secret': true}}");
	json_decref(p);
	p = NULL;
	refused(ERR_USAGE, workspace_plan(f.workspace, "all", "drill", given, &p, &f.problems, &err));
	assert_non_null(strstr(err.text, "typed when the run asks for it"));
	assert_null(strstr(err.text, "hunter2"));
	json_decref(given);
	fixture_release(&f);
}

#define OPEN(id, target) "  - {id: " id ", uses: {action.read: " target "}, run: 'return action.read(\"" target "\", {name = \"look\"})'}\n"

/* One value, typed once, for every target that takes the parameter. */
static void targets_take_secret_parameters(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	put_file(f.dir, "inner.yaml",
		"runbook: Inner\nversion: 1\nparams: {pw: {type: secret, required: false, help: of the inner}}\nsteps:\n" OPEN("in", "safe"));
	json_t *p = plan_of(&f, "params: {pw: {type: secret, help: of the vault}}\n", OPEN("a", "vault") OPEN("b", "safe"), NULL);
	expect_none(&f.problems);
	same(secret_of(p, "vault"), "{'typed': true, 'param': 'pw', 'prompt': 'of the vault'}");
	same(secret_of(p, "safe"), "{'typed': true, 'param': 'pw', 'prompt': 'of the vault'}");
	json_decref(p);
	/* in a nested runbook it is the parameter of the run that is passed on */
	p = plan_of(&f, "params: {key: {type: secret, help: of all}}\n", "  - {id: n, runbook: inner, params: {pw: {param: key}}}\n", NULL);
	expect_none(&f.problems);
	same(secret_of(p, "safe"), "{'typed': true, 'param': 'key', 'prompt': 'of all'}");
	json_decref(p);
	refused_plan(&f, NULL, "  - {id: n, runbook: inner}\n", ERR_USAGE, "no runbook that uses it has been given that secret");
	refused_plan(&f, "params: {pw: {type: secret}, key: {type: secret}}\n", "  - {id: n, runbook: inner, params: {pw: {param: key}}}\n" OPEN("b", "safe"),
		ERR_USAGE, "from two parameters, \"pw\" and \"key\"");
	refused_plan(&f, NULL, OPEN("b", "safe"), ERR_WORKSPACE, "which this runbook does not have");
	fixture_release(&f);
}

static void a_parameter_names_the_target_that_takes_a_secret(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	json_t *p = plan_of(&f, "params: {which: {type: target, default: safe}, pw: {type: secret}}\n", "  - {id: a, run: log(params.which)}\n", NULL);
	expect_none(&f.problems);
	same(secret_of(p, "safe"), "{'typed': true, 'param': 'pw'}");
	json_decref(p);
	refused_plan(&f, "params: {which: {type: target, default: safe}}\n", "  - {id: a, run: log(params.which)}\n", ERR_USAGE,
		"target \"safe\" takes its secret \"secret\" from parameter \"pw\"");
	fixture_release(&f);
}

/* ------------------------------------------------------------------ several services */

static const char wave_services[] =
	"services:\n"
	"  shop: {title: \"The \\\"shop\\\": front\", tier: 1, objectives: {rto: 2m, rpo: 0}, depends_on: [web, search], recover: start, recover_params: "
	"{what: shop}}\n"
	"  web: {tier: 2, objectives: {rto: 2m, rpo: 0}, depends_on: [db], recover: start, recover_params: {what: web}}\n"
	"  search: {tier: 3, objectives: {rto: 2m, rpo: 0}, depends_on: [lost], recover: start, recover_params: {what: search}}\n"
	"  search.x: {tier: 3, objectives: {rto: 2m, rpo: 0}, recover: start, recover_params: {what: x}}\n"
	"  lost: {tier: 3, objectives: {rto: 2m, rpo: 0}, depends_on: [db]}\n"
	"  db: {tier: 4, objectives: {rto: 2m, rpo: 0}, recover: base}\n"
	"  mail: {tier: 4, objectives: {rto: 2m, rpo: 0}, recover: start, recover_params: {what: mail}}\n";

static void waves_init(struct fixture *f)
{
	shop(f);
	put_file(f->dir, "services.yaml", wave_services);
	put_file(f->dir, "start-web.yaml", "runbook: x\nversion: 1\nsteps: [{id: a, wait: 1s}]\n");
	put_file(f->dir, "start.yaml",
		"runbook: Start\nversion: 2\nparams: {what: {}, why: {default: drill}}\nsteps: [{id: go, run: log(params.what), marks: [{service: mail, "
		"reached: normal}]}]\n");
	put_file(f->dir, "base.yaml",
		"runbook: Base\nversion: 2\nservice: db\nparams: {pw: {type: secret, help: of the standby}, zone: {type: choice, choices: [a, b], default: "
		"a}}\nsteps: [{id: go, wait: 1s, marks: [{reached: verified}]}]\n");
}

static enum err_code plan_for(struct fixture *f, const char *list, bool dependencies, const json_t *params, json_t **out, struct err *err)
{
	char *copy = xstrdup(list), *rest = copy, *name;
	const char *names[16];
	size_t count = 0;

	while ((name = strsep(&rest, ",")) != NULL)
		names[count++] = name;
	fixture_open(f);
	const enum err_code code =
		workspace_plan_services(f->workspace, names, count, dependencies, "drill", params, out, &f->problems, err);
	free(copy);
	return code;
}

static void services_in_waves(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *p = NULL, *params = json_pack("{s:s}", "zone", "b");

	(void)state;
	waves_init(&f);
	ok(plan_for(&f, "mail,shop,db,web,search,search.x,shop", false, params, &p, &err));
	/* db and search come into the wave of shop, which depends on them, search over a service that takes no part */
	order(p, "db/go: db:db/go web/go:db web:web/go search/go:db search:search/go shop/go:web,search shop:shop/go wave-1:shop "
		 "search-x/go:wave-1 search-x:search-x/go wave-2:search-x mail/go:wave-2 mail:mail/go wave-3:mail");
	const json_t *runbook = json_object_get(p, "runbook"), *scopes = json_object_get(p, "scopes");
	assert_string_equal(json_str(runbook, "name", ""), "recover");
	assert_string_equal(json_str(runbook, "title", ""), "Recover shop, web, search, search.x, db, mail");
	same(json_object_get(runbook, "services"), "['shop', 'web', 'search', 'search.x', 'db', 'mail']");
	same(json_object_get(json_object_get(scopes, "db"), "params"), "{'pw': {'secret': true, 'from': 'db.pw'}, 'zone': 'b'}");
	same(json_object_get(json_object_get(scopes, "search-x"), "params"), "{'what': 'x', 'why': 'drill'}");
	same(json_object_get(p, "params"), "{'db.pw': {'secret': true}}");
	has(p, "shop", "title", "'The \\'shop\\': front'");
	has(p, "db/go", "marks", "[{'service': 'db', 'reached': 'verified'}]");
	has(p, "web/go", "marks", "[{'service': 'mail', 'reached': 'normal'}]");
	has(p, "shop/go", "within", "['wave-1', 'shop']");
	assert_int_equal(json_array_size(json_object_get(p, "services")), 6);
	/* what it was made of is kept; it changes with a part */
	const json_t *file = json_array_get(json_object_get(p, "files"), 0);
	assert_string_equal(json_str(file, "path", ""), ".recover.yaml");
	assert_string_equal(json_str(file, "sha256", ""), json_str(runbook, "digest", ""));
	char *digest = xstrdup(json_str(runbook, "digest", ""));
	json_decref(p);
	ok(plan_for(&f, "web,search.x,search,db,shop,mail", false, params, &p, &err));
	assert_string_equal(json_str(json_object_get(p, "runbook"), "digest", ""), digest);
	json_decref(p);
	put_file(f.dir, "base.yaml", "runbook: Base\nversion: 3\nparams: {zone: {}}\nsteps: [{id: go, wait: 1s}]\n");
	ok(plan_for(&f, "web,search.x,search,db,shop,mail", false, params, &p, &err));
	assert_string_not_equal(json_str(json_object_get(p, "runbook"), "digest", ""), digest);
	json_decref(p);
	free(digest);
	json_decref(params);
	fixture_release(&f);
}

/* Each service has a parameter of its own for its secrets; a target they share has one secret all the same. */
static void services_share_a_target_with_a_secret(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *p = NULL;

	(void)state;
	waves_init(&f);
	put_file(f.dir, "base.yaml", "runbook: Base\nversion: 3\nparams: {pw: {type: secret}}\nsteps:\n" OPEN("go", "safe"));
	put_file(f.dir, "services.yaml", "services:\n  db: {objectives: {rto: 2m, rpo: 0}, recover: base}\n  web: {objectives: {rto: 2m, rpo: 0}, recover: base}\n");
	ok(plan_for(&f, "db,web", false, NULL, &p, &err));
	same(secret_of(p, "safe"), "{'typed': true, 'param': 'db.pw', 'prompt': 'db'}");
	json_decref(p);
	fixture_release(&f);
}

static void services_and_what_they_depend_on(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *p = NULL, *given = json_pack("{s:s}", "zoen", "b");

	(void)state;
	waves_init(&f);
	ok(plan_for(&f, "web", false, NULL, &p, &err));
	order(p, "web/go: web:web/go wave-1:web");
	json_decref(p);
	ok(plan_for(&f, "web", true, NULL, &p, &err));
	order(p, "db/go: db:db/go web/go:db web:web/go wave-1:web");
	json_decref(p);
	refused(ERR_USAGE, plan_for(&f, "search", true, NULL, &p, &err));
	assert_string_equal(err.text, "service \"lost\", on which \"search\" depends, has no recover: in services.yaml: name one, or leave out --with-dependencies");
	refused(ERR_USAGE, plan_for(&f, "lost", false, NULL, &p, &err));
	refused(ERR_NOT_FOUND, plan_for(&f, "web,serach", false, NULL, &p, &err));
	assert_non_null(strstr(err.text, "did you mean \"search\"?"));
	refused(ERR_USAGE, plan_for(&f, "db", false, given, &p, &err));
	assert_non_null(strstr(err.text, "did you mean \"zone\"?"));
	json_object_clear(given);
	json_put_str(given, "zone", "c");
	refused(ERR_WORKSPACE, plan_for(&f, "db", false, given, &p, &err));
	assert_non_null(strstr(err.text, "must be one of a, b"));
	json_decref(given);
	put_file(f.dir, "services.yaml",
		"services:\n  a: {depends_on: [b], recover: base}\n  b: {depends_on: [a]}\n  db: {}\n  wave-1: {recover: base}\n  x.y: {recover: base}\n  x-y: {recover: base}\n");
	refused(ERR_WORKSPACE, plan_for(&f, "a", false, NULL, &p, &err));
	assert_non_null(strstr(err.text, "depends on itself"));
	ok(plan_for(&f, "wave-1", false, NULL, &p, &err));
	order(p, "wave-1/go: wave-1:wave-1/go all-waves-1:wave-1");
	json_decref(p);
	ok(plan_for(&f, "x-y,x.y", false, NULL, &p, &err));
	order(p, "x-y/go: x-y:x-y/go x-y-2/go: x-y-2:x-y-2/go wave-1:x-y,x-y-2");
	json_decref(p);
	fixture_release(&f);
}

/* One runbook recovers what it is told: its marks are for that service. */
static void marks_for_a_service_that_is_given(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *p = NULL;

	(void)state;
	waves_init(&f);
	put_file(f.dir, "start.yaml",
		"runbook: Start\nversion: 3\nparams: {what: {type: service}}\nsteps: [{id: go, run: log(params.what), marks: [{service: {param: what}, "
		"reached: verified}]}]\n");
	put_file(f.dir, "services.yaml",
		"services:\n  web: {tier: 1, objectives: {rto: 1m, rpo: 0}, recover: start, recover_params: {what: web}}\n"
		"  mail: {tier: 2, objectives: {rto: 1m, rpo: 0}, recover: start, recover_params: {what: mail}}\n  db: {objectives: {rto: 1m, rpo: 0}}\n");
	ok(plan_for(&f, "mail,web", false, NULL, &p, &err));
	expect_none(&f.problems);
	has(p, "web/go", "marks", "[{'service': 'web', 'reached': 'verified'}]");
	has(p, "mail/go", "marks", "[{'service': 'mail', 'reached': 'verified'}]");
	has(p, "mail/go", "time", "'verification'");
	json_decref(p);
	/* a service that only a parameter names is part of the plan, too */
	p = plan_of(&f, NULL, "  - {id: w, runbook: start, params: {what: db}}\n", NULL);
	assert_string_equal(json_str(json_array_get(json_object_get(p, "services"), 0), "name", ""), "db");
	json_decref(p);
	refused_plan(&f, NULL, "  - {id: a, run: log(1)}\n  - {id: w, runbook: start, params: {what: {output: a.x}}}\n", ERR_USAGE,
		"\"w/go\" marks a service that is not known");
	fixture_release(&f);
}

/* ------------------------------------------------------------------ for screens */

static void the_outline(void **state)
{
	struct fixture f;

	(void)state;
	shop(&f);
	put_file(f.dir, "all.yaml",
		"runbook: All\nversion: 1\nparams: {hosts: {type: strings, default: [a, b]}, n: {default: 3}, key: {type: secret}, must: {}}\nsteps:\n"
		"  - {id: g, invariant: [{id: i, every: 1s, run: log(1)}], steps: [{id: a, approve: x}]}\n  - {id: w, runbook: start-web}\n");
	fixture_open(&f);
	json_t *o = workspace_outline(f.workspace, "all"), *row;
	size_t i;
	char kinds[128] = "", needed[128] = "", defaults[128] = "";
	json_array_foreach(json_object_get(o, "steps"), i, row)
		snprintf(kinds + strlen(kinds), sizeof(kinds) - strlen(kinds), "%s:%s ", json_str(row, "id", ""), json_str(row, "kind", ""));
	json_array_foreach(json_object_get(o, "params"), i, row) {
		if (json_flag(row, "required", false))
			snprintf(needed + strlen(needed), sizeof(needed) - strlen(needed), "%s ", json_str(row, "name", ""));
		snprintf(defaults + strlen(defaults), sizeof(defaults) - strlen(defaults), "%s ", json_str(row, "default", "-"));
	}
	assert_string_equal(kinds, "g:group i:watch a:approve w:runbook ");
	assert_string_equal(needed, "must ");
	assert_string_equal(defaults, "a,b 3 - - ");
	json_decref(o);
	/* groups and nested runbooks count as what they are made of */
	json_t *summary = workspace_summary(f.workspace);
	json_array_foreach(json_object_get(summary, "runbooks"), i, row)
		if (str_eq(json_str(row, "name", NULL), "all")) {
			assert_int_equal(json_int(row, "steps", 0), 3);
			assert_int_equal(json_int(row, "level", 0), 1);
			assert_true(json_flag(row, "valid", false));
		}
	json_decref(summary);
	fixture_release(&f);
}

/* ------------------------------------------------------------------ large */

static void three_hundred_steps_in_forty_branches(void **state)
{
	struct fixture f;
	struct err err = {0};
	struct buf text;

	(void)state;
	shop(&f);
	buf_init(&text, 1 << 20);
	ok(buf_addf(&text, &err, "  - {id: begin, wait: 1s}\n"));
	for (int branch = 0; branch < 40; branch++) {
		ok(buf_addf(&text, &err, "  - {id: b%d-0, needs: [begin], run: log(0)}\n", branch));
		for (int i = 1; i < 7; i++)
			ok(buf_addf(&text, &err, "  - {id: b%d-%d, run: log(%d), when: {output: b%d-%d.ok}}\n", branch, i, i, branch, i - 1));
	}
	for (int i = 0; i < 19; i++)
		ok(buf_addf(&text, &err, "  - {id: end%d, wait: 1s}\n", i));
	const struct mono before = mono_now();
	json_t *p = plan_of(&f, "parallel: 40\n", text.data, NULL);
	assert_int_equal(json_array_size(json_object_get(p, "steps")), 300);
	assert_true(mono_ms_since(before) < 5000);
	has(p, "b39-6", "needs", "['b39-5']");
	buf_release(&text);
	json_decref(p);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_its_members_and_a_closing_step),
		cmocka_unit_test(groups_in_groups),
		cmocka_unit_test(a_choice_that_skips_a_group),
		cmocka_unit_test(a_nested_runbook),
		cmocka_unit_test(a_runbook_in_a_runbook_in_a_for_each),
		cmocka_unit_test(what_a_nested_runbook_cannot_be_given),
		cmocka_unit_test(runbooks_in_a_circle),
		cmocka_unit_test(runbooks_too_deep_in_each_other),
		cmocka_unit_test(for_each_of_a_list),
		cmocka_unit_test(the_new_forms_of_a_step),
		cmocka_unit_test(simulate_and_tabletop_touch_nothing),
		cmocka_unit_test(secrets_are_typed_not_given),
		cmocka_unit_test(targets_take_secret_parameters),
		cmocka_unit_test(a_parameter_names_the_target_that_takes_a_secret),
		cmocka_unit_test(services_share_a_target_with_a_secret),
		cmocka_unit_test(the_outline),
		cmocka_unit_test(services_in_waves),
		cmocka_unit_test(marks_for_a_service_that_is_given),
		cmocka_unit_test(services_and_what_they_depend_on),
		cmocka_unit_test(three_hundred_steps_in_forty_branches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
