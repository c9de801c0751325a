/* Each rule: a sound workspace, one mistake, the exact place where it is reported. */
#include "workspace_fixture.h"

#include "internal.h"

struct spoil {
	const char *file, *from, *to; /* from NULL: the file is `to` */
	const char *rule, *at;        /* file the problem is in; NULL = the same */
	int line, column;
	const char *words;
};

static const struct spoil spoils[] = {
	/* one file: keys and values */
	{"failover.yaml", "version: 1", "version: [1", "yaml", NULL, 3, 8, "[ is not closed"},
	{"failover.yaml", "description: When", "description: &a When", "yaml-feature", NULL, 4, 14, "anchors"},
	{"failover.yaml", "description: When", "description: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ When", "limit", NULL, 4, 45,
		"32 levels"},
	{"failover.yaml", "description:", "version:", "duplicate-key", NULL, 4, 1, "line 2"},
	{"failover.yaml", "    expect: 2s", "    expct: 2s", "unknown-key", NULL, 17, 5, "did you mean \"expect\"?"},
	{"services.yaml", "    tier: 1", "    rto: 1m", "unknown-key", NULL, 4, 5, "it belongs to services.NAME.objectives"},
	{"drillbook.yaml", "defaults: {on_failure: ask}", "defaults: {on_failure: ask, x: 1}", "unknown-key", NULL, 6, 29,
		"defaults has no key \"x\""},
	{"failover.yaml", "version: 1\n", "", "missing-key", NULL, 1, 1, "a runbook needs \"version\""},
	{"failover.yaml", "  - id: fence\n    title", "  - title", "missing-key", NULL, 18, 5, "a step needs \"id\""},
	{"drillbook.yaml", "{modes: [probe, drill]}", "{}", "missing-key", NULL, 3, 8, "an environment needs \"modes\""},
	{"failover.yaml", "    expect: 2s", "    expect: soon", "wrong-value", NULL, 17, 13, "must be a duration"},
	{"failover.yaml", "version: 1", "version: one", "wrong-value", NULL, 2, 10, "a whole number from 1"},
	{"failover.yaml", "version: 1", "version: \"1\"", "wrong-value", NULL, 2, 10, "a whole number"},
	{"failover.yaml", "on_failure: ask", "on_failure: skip", "wrong-value", NULL, 31, 17, "one of ask, stop, continue"},
	{"failover.yaml", "needs: [fence]", "needs:", "wrong-value", NULL, 24, 5, "has no value"},
	{"failover.yaml", "needs: [fence]", "needs: {a: b}", "wrong-value", NULL, 24, 12, "must be a list"},
	{"failover.yaml", "id: fence", "id: fe/nce", "wrong-value", NULL, 18, 9, "a name of letters"},
	{"failover.yaml", "reached: restored", "reached: restord", "wrong-value", NULL, 29, 40, "did you mean \"restored\"?"},
	{"failover.yaml", "uses: {failover.fence: db-primary}", "uses: {fence: db-primary}", "wrong-value", NULL, 20, 12,
		"capability.verb"},
	{"failover.yaml", "uses: {failover.fence: db-primary}", "uses: [failover.fence]", "wrong-value", NULL, 20, 11, "a map of operations"},
	{"failover.yaml", "{type: string, default: \"drill\"}", "{type: int, default: drill}", "wrong-value", NULL, 6, 32, "whole number"},
	{"failover.yaml", "{type: string, default: \"drill\"}", "{type: service, default: order}", "wrong-value", NULL, 6, 36,
		"did you mean \"orders\"?"},
	{"failover.yaml", "{type: string, default: \"drill\"}", "{type: choice}", "missing-key", NULL, 6, 11, "needs \"choices\""},
	{"services.yaml", "approved_on: 2026-10-01", "approved_on: 2026-13-01", "wrong-value", NULL, 7, 83, "a day such as"},
	{"services.yaml", "tier: 1", "tier: 0", "wrong-value", NULL, 4, 11, "from 1 to 9"},
	{"services.yaml", "standby: hot", "standby: luke-warm", "wrong-value", NULL, 6, 14, "hot, warm"},
	{"services.yaml", "  orders:\n    title: Order database", "  \"or ders\":\n    title: Order database", "wrong-value", NULL, 2, 3,
		"is no name"},
	{"failover.yaml", "    wait: 10s", "    expect: 10s", "step-kind", NULL, 46, 5, "needs run, manual, decide, wait, approve, steps or runbook"},
	{"failover.yaml", "    wait: 10s", "    wait: 10s\n    manual: x", "step-kind", NULL, 47, 5, "not both"},
	{"failover.yaml", "    wait: 10s", "    wait: 10s\n    checklist: [x]", "step-kind", NULL, 48, 5, "belongs to a step with \"manual\""},
	{"failover.yaml", "    wait: 10s", "    decide: x", "missing-key", NULL, 46, 5, "needs \"choices\""},
	{"targets.yaml", "port: 21001", "port: \"${LAB_PORT}\"", "unknown-variable", NULL, 5, 39, "needs a file env.yaml"},
	{"targets.yaml", "port: 21001", "port: ${LAB_PORT}", "yaml", NULL, 5, 40, "in { } put ${NAME} in quotes"},
	{"targets.yaml", "port: 21001", "port: \"${}\"", "unknown-variable", NULL, 5, 39, "begins no variable"},
	{"notes.yml", NULL, "a: 1\n", "ignored-file", NULL, 0, 0, "name it .yaml"},

	/* the graph */
	{"failover.yaml", "id: tell", "id: fence", "duplicate-step", NULL, 44, 9, "line 18"},
	{"failover.yaml", "id: nobody", "id: everyone", "duplicate-step", NULL, 43, 14, "two choices"},
	{"failover.yaml", "needs: [fence]", "needs: [fench]", "unknown-step", NULL, 24, 13, "did you mean \"fence\"?"},
	{"failover.yaml", "skip: [tell]", "skip: [tall]", "unknown-step", NULL, 43, 44, "did you mean \"tell\"?"},
	{"failover.yaml", "    title: Fence the primary", "    needs: [promote]", "cycle", NULL, 24, 13, "fence -> promote -> fence"},
	{"failover.yaml", "needs: [fence]", "needs: [promote]", "cycle", NULL, 24, 13, "promote -> promote"},
	{"failover.yaml", "label: Everyone}", "label: Everyone, skip: [tell]}", "unreachable", NULL, 44, 5, "\"tell\" is never done"},
	{"failover.yaml", "label: Everyone}\n      - {id: nobody, label: Nobody, skip: [tell]}", "stop: true}", "unreachable", NULL, 43, 5,
		"every choice of \"which\""},

	/* groups, nested runbooks, for_each */
#define HEAD "runbook: x\nversion: 1\nsteps:\n"
#define PARAMS "runbook: x\nversion: 1\nparams: {n: {type: int, default: 1}, c: {type: choice, choices: [red], default: red}, l: {type: strings, " \
	"default: [a]}, s: {type: secret}}\nsteps:\n"
	{"other.yaml", NULL, HEAD "  - {id: g, steps: [{id: a, wait: 1s}, {id: b, wait: 1s}]}\n  - {id: b, wait: 1s}\n", "duplicate-step", NULL, 5, 10,
		"\"b\" is already there in line 4"},
	{"other.yaml", NULL, HEAD "  - {id: g, steps: [{id: a, needs: [g], wait: 1s}]}\n", "cycle", NULL, 4, 37, "g -> a -> g"},
	{"other.yaml", NULL, HEAD "  - {id: g, steps: [{id: a, needs: [b], wait: 1s}]}\n  - {id: b, wait: 1s}\n", "cycle", NULL, 5, 5, "g -> a -> b -> g"},
	{"other.yaml", NULL, HEAD "  - {id: g, timeout: 1s, steps: [{id: a, wait: 1s}]}\n", "step-kind", NULL, 4, 13, "a group has no \"timeout\""},
	{"other.yaml", NULL, HEAD "  - {id: g, level: 2, runbook: failover}\n", "step-kind", NULL, 4, 13, "a nested runbook has no \"level\""},
	{"other.yaml", NULL, HEAD "  - {id: g, wait: 1s, parallel: 2}\n", "step-kind", NULL, 4, 23, "with \"steps\", \"runbook\" or \"for_each\""},
	{"other.yaml", NULL, HEAD "  - {id: g, steps: {id: a}}\n", "wrong-value", NULL, 4, 20, "must be a list"},
	{"other.yaml", NULL, HEAD "  - {id: g, steps: [{id: a, wiat: 1s}]}\n", "unknown-key", NULL, 4, 29, "did you mean \"wait\"?"},
	{"other.yaml", NULL, HEAD "  - {id: a.b, runbook: failover}\n", "wrong-value", NULL, 4, 10, "no dot in it"},
	{"other.yaml", NULL, HEAD "  - {id: a, runbook: failovr}\n", "unknown-runbook", NULL, 4, 22, "did you mean \"failover\"?"},
	{"other.yaml", NULL, HEAD "  - {id: a, runbook: other}\n", "cycle", NULL, 4, 22, "other -> other"},
	{"failover.yaml", "  - id: settle\n    wait: 10s", "  - {id: settle, runbook: failover, params: {reson: x}}", "unknown-reference", NULL, 46, 46,
		"did you mean \"reason\"?"},
	{"other.yaml", NULL, PARAMS "  - {id: a, runbook: failover, params: {reason: {param: m}}}\n", "unknown-reference", NULL, 5, 57, "no parameter \"m\""},
	{"other.yaml", NULL, PARAMS "  - {id: a, runbook: failover, params: {reason: {param: s}}}\n", "wrong-value", NULL, 5, 57, "a secret can only"},
	{"other.yaml", NULL, PARAMS "  - {id: a, runbook: failover, params: {reason: {params: n}}}\n", "wrong-value", NULL, 5, 49, "must be a value"},
	{"other.yaml", NULL, PARAMS "  - {id: a, runbook: failover, params: {reason: {output: b.x}}}\n  - {id: b, wait: 1s}\n", "uncertain-output", NULL, 5, 58,
		"add it to needs"},
	{"other.yaml", NULL, PARAMS "  - {id: a, runbook: failover, params: {reason: {item: x}}}\n", "condition", NULL, 5, 56, "not in a for_each"},
	{"other.yaml", NULL, "runbook: x\nversion: 1\noutputs: {a: b.c}\nsteps:\n  - {id: a, wait: 1s}\n", "unknown-reference", NULL, 3, 14, "\"b\" that does not exist"},
	{"other.yaml", NULL, HEAD "  - {id: a, for_each: {in: 3}, run: log(1)}\n", "for-each", NULL, 4, 28, "not a number"},
	{"other.yaml", NULL, HEAD "  - {id: a, for_each: {in: []}, run: log(1)}\n", "for-each", NULL, 4, 28, "an empty one"},
	{"other.yaml", NULL, PARAMS "  - {id: a, for_each: {in: {param: n}}, run: log(1)}\n", "for-each", NULL, 5, 36, "type: strings"},
	{"other.yaml", NULL, PARAMS "  - {id: a, for_each: {in: {param: k}}, run: log(1)}\n", "unknown-reference", NULL, 5, 36, "no parameter \"k\""},
	{"other.yaml", NULL, HEAD "  - {id: a, for_each: {in: [1], as: end}, run: log(1)}\n", "wrong-value", NULL, 4, 37, "no name that Lua takes"},
	{"other.yaml", NULL, HEAD "  - {id: a, for_each: {in: [1]}, wait: 1s}\n", "step-kind", NULL, 4, 13, "\"run\", \"manual\", \"steps\" or \"runbook\""},
	{"other.yaml", NULL, HEAD "  - {id: g, for_each: {in: [1, 2]}, steps: [{id: a, wait: 1s}]}\n  - {id: b, needs: [a], wait: 1s}\n", "unknown-step", NULL, 5, 21,
		"name \"g\" itself"},
	{"other.yaml", NULL, HEAD "  - {id: g, invariant: [{id: i, every: 1s, run: log(1)}], steps: [{id: a, wait: 1s}]}\n  - {id: b, needs: [i], wait: 1s}\n", "unknown-step",
		NULL, 5, 21, "is an invariant"},

	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, marks: [{service: {param: m}, reached: normal}]}\n", "unknown-reference", NULL, 5, 49, "no parameter \"m\""},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, marks: [{service: {param: n}, reached: normal}]}\n", "wrong-value", NULL, 5, 49, "type: service"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, marks: [{service: {parm: n}, reached: normal}]}\n", "wrong-value", NULL, 5, 41, "or {param: NAME}"},

	/* conditions */
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: n, eqals: 2}}\n", "condition", NULL, 5, 40, "did you mean \"equals\"?"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: m, equals: 2}}\n", "unknown-reference", NULL, 5, 37, "no parameter \"m\""},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: n, equals: x}}\n", "condition", NULL, 5, 48, "a whole number"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: c, equals: blue}}\n", "condition", NULL, 5, 48, "none of its choices"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: s, equals: x}}\n", "condition", NULL, 5, 37, "is a secret"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: n, between: [3, 1]}}\n", "condition", NULL, 5, 49, "begins with the least"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: n, mode: drill}}\n", "condition", NULL, 5, 40, "looks at one thing"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {mode: dril}}\n", "condition", NULL, 5, 36, "did you mean \"drill\"?"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {equals: 1}}\n", "condition", NULL, 5, 29, "needs mode, param"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {value: x}}\n", "condition", NULL, 5, 37, "only a tolerance"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {all: []}}\n", "condition", NULL, 5, 35, "a list of conditions"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: yes}\n", "wrong-value", NULL, 5, 29, "a condition such as"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: c, matches: \"(\"}}\n", "condition", NULL, 5, 49, "no regular expression"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {param: c, matches: \"((a{1,99}){1,99}){1,99}\"}}\n", "condition", NULL, 5, 49, "too large"},
	{"other.yaml", NULL, PARAMS "  - {id: a, wait: 1s, when: {output: b.x}}\n  - {id: b, wait: 1s}\n", "uncertain-output", NULL, 5, 38, "before \"a\" begins"},
	{"other.yaml", NULL, PARAMS "  - {id: g, steps: [{id: a, wait: 1s}], when: {output: a.x}}\n", "uncertain-output", NULL, 5, 56, "before \"g\" begins"},
	{"other.yaml", NULL, PARAMS "  - {id: g, steps: [{id: a, wait: 1s}]}\n  - {id: b, wait: 1s, when: {output: g.x}}\n", "unknown-reference", NULL, 6, 38,
		"name one of its steps"},
	{"other.yaml", NULL, PARAMS "  - {id: g, for_each: {in: [1, 2]}, run: log(1)}\n  - {id: b, wait: 1s, when: {output: \"g[2].x\"}}\n", "unknown-reference", NULL,
		6, 38, "the last is g[1]"},
	{"other.yaml", NULL, PARAMS "  - {id: g, for_each: {in: [1, 2]}, run: log(1)}\n  - {id: b, wait: 1s, when: {output: g.x}}\n", "unknown-reference", NULL, 6, 38,
		"write g[0]"},
	{"other.yaml", NULL, PARAMS "  - {id: g, runbook: failover}\n  - {id: b, wait: 1s, when: {output: g.x}}\n", "unknown-reference", NULL, 6, 38,
		"has no outputs: x"},
	{"other.yaml", NULL, PARAMS "  - {id: b, wait: 1s, when: {output: g[0].x}}\n", "yaml", NULL, 5, 39, "put a path with [ ] in quotes"},
	{"other.yaml", NULL, PARAMS "  - {id: g.h, run: log(1)}\n  - {id: b, wait: 1s, when: {output: g.h.x}}\n", "unknown-reference", NULL, 6, 38,
		"has a dot in its id"},
	{"other.yaml", NULL, PARAMS "  - {id: a, run: {run: return 1, tolerance: {value: \"a..b\"}}}\n", "condition", NULL, 5, 53, "takes a path"},

	/* approvals, measures, probes, times */
	{"other.yaml", NULL, HEAD "  - {id: a, approve: x, from: [ann, bob, ann], count: 3}\n", "approvers", NULL, 4, 55, "\"from\" names 2"},
	{"other.yaml", NULL, HEAD "  - {id: a, manual: x, measure: {name: p, min: 2.5, max: 2.45}}\n", "wrong-value", NULL, 4, 48, "larger than \"max\""},
	{"other.yaml", NULL, HEAD "  - {id: a, manual: x, measure: {name: p, min: 10, max: 9.5}}\n", "wrong-value", NULL, 4, 48, "larger than \"max\""},
	{"other.yaml", NULL, HEAD "  - {id: a, manual: x, measure: {name: p, min: -1, max: -1.01}}\n", "wrong-value", NULL, 4, 48, "larger than \"max\""},
	{"other.yaml", NULL, HEAD "  - {id: a, manual: x, measure: {name: p, min: 2.}}\n", "wrong-value", NULL, 4, 48, "a number such as 2.5"},
	{"other.yaml", NULL, HEAD "  - {id: a, wait: {until: \"25:00\"}}\n", "wrong-value", NULL, 4, 27, "a time of day"},
	{"other.yaml", NULL, HEAD "  - {id: a, wait: {every: 2s}}\n", "missing-key", NULL, 4, 19, "needs \"run\""},
	{"other.yaml", NULL, HEAD "  - {id: a, run: log(1), retry: {attempts: 2, wait: 5s, max_wait: 1s}}\n", "wrong-value", NULL, 4, 67, "shorter than"},
	{"other.yaml", NULL, HEAD "  - id: a\n    uses: {failover.fence: db-primary}\n    wait: {every: 2s, run: 'return failover.fence(\"db-primary\")'}\n", "probe-effect",
		NULL, 5, 12, "a wait only looks"},
	{"other.yaml", NULL, HEAD "  - id: g\n    invariant:\n      - {id: i, every: 1s, uses: {failover.fence: db-primary}, run: log(1)}\n    steps: [{id: a, wait: 1s}]\n",
		"probe-effect", NULL, 6, 35, "an invariant only looks"},
	{"other.yaml", NULL, HEAD "  - id: g\n    invariant:\n      - {id: i, every: 1s, run: failover.fence(\"db-primary\")}\n    steps: [{id: a, wait: 1s}]\n",
		"uses-missing", NULL, 6, 33, "add \"failover.fence: db-primary\""},
	{"other.yaml", NULL, "runbook: x\nversion: 1\nparams: {s: {type: secret, default: x}}\nsteps:\n  - {id: a, wait: 1s}\n", "plain-secret", NULL, 3, 28,
		"remove its default"},
	{"other.yaml", NULL, "runbook: x\nversion: 1\nparams: {s: {type: secret}}\nsteps:\n  - {id: a, wait: 1s}\n", "unused-secret", NULL, 3, 10,
		"takes the secret \"s\""},
	{"other.yaml", NULL, PARAMS "  - {id: a, run: log(params.s)}\n", "secret-in-lua", NULL, 5, 29, "a target takes it"},
	{"targets.yaml", "{file: pgpw}}\n  db-primary", "{param: pw}}\n  db-primary", "unknown-reference", "failover.yaml", 11, 26,
		"from parameter \"pw\" (targets.yaml, line 6), which this runbook does not have"},
	{"targets.yaml", "{file: pgpw}}\n  db-primary", "{param: reason}}\n  db-primary", "wrong-value", "failover.yaml", 11, 26,
		"declare it with type: secret"},
	{"services.yaml", "    depends_on: []", "    depends_on: [orders]", "cycle", NULL, 8, 17, "orders -> orders"},
	{"services.yaml", "    depends_on: []", "    recover: failovr", "unknown-runbook", NULL, 8, 14, "did you mean \"failover\"?"},
	{"services.yaml", "    depends_on: []", "    recover: failover\n    recover_params: {why: x}", "unknown-reference", NULL, 9, 22, "no parameter \"why\""},

	/* names of other files */
	{"failover.yaml", "service: orders\n", "service: order\n", "unknown-service", NULL, 3, 10, "did you mean \"orders\"?"},
	{"failover.yaml", "service: orders, reached: restored", "service: ordres, reached: restored", "unknown-service", NULL, 29, 23,
		"did you mean"},
	{"services.yaml", "depends_on: []", "depends_on: [ledger]", "unknown-service", NULL, 8, 18, "ledger"},
	{"other.yaml", NULL, "runbook: x\nversion: 1\nsteps:\n  - {id: a, wait: 1s, marks: [{reached: normal}]}\n", "missing-key", NULL, 4, 31,
		"a mark needs \"service\""},
	{"failover.yaml", "failover.precheck: db-standby", "failover.precheck: db-stanby", "unknown-target", NULL, 11, 26, "did you mean \"db-standby\"?"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: failover.fence(\"db-primry\")", "unknown-target", NULL, 21, 25,
		"did you mean \"db-primary\"?"},
	{"drills.yaml", NULL, "drills:\n  yearly: {runbook: failovr, every: 365d}\n", "unknown-runbook", NULL, 2, 21, "did you mean \"failover\"?"},
	{"targets.yaml", "environment: lab\n    settings: {host: 127.0.0.1, port: 21001", "environment: lap\n    settings: {host: 127.0.0.1, port: 21001",
		"unknown-environment", NULL, 4, 18, "did you mean \"lab\"?"},
	{"targets.yaml", "environment: lab\n    settings: {host: 127.0.0.1, port: 21001", "environment: archive\n    settings: {host: 127.0.0.1, port: 21001",
		"forbidden-environment", "failover.yaml", 11, 26, "no mode may touch"},

	/* targets against the catalog */
	{"targets.yaml", "provider: command", "provider: comand", "unknown-provider", NULL, 16, 15, "did you mean \"command\"?"},
	{"targets.yaml", "provider: command", "provider: dns", "unknown-provider", NULL, 16, 15, "libcurl was missing"},
	{"targets.yaml", "port: 21001", "prt: 21001", "unknown-setting", NULL, 5, 33, "did you mean \"port\"?"},
	{"targets.yaml", "secrets: {password: {file: pgpw}}\n  db-primary", "secrets: {password: {file: pgpw}, user: {env: U}}\n  db-primary",
		"unknown-setting", NULL, 6, 39, "under settings"},
	{"targets.yaml", "host: 127.0.0.1, port: 21001, user: lab, ", "host: 127.0.0.1, port: 21001, ", "missing-setting", NULL, 2, 3, "{user: …}"},
	{"targets.yaml", "    secrets: {password: {file: pgpw}}\n  db-primary", "  db-primary", "missing-setting", NULL, 2, 3, "{password: {file: PATH}}"},
	{"targets.yaml", "port: 21001", "port: many", "wrong-setting", NULL, 5, 39, "a whole number"},
	{"targets.yaml", "port: 21001", "port: 70000", "wrong-setting", NULL, 5, 39, "from 1 to 65535"},
	{"targets.yaml", "port: 21001", "tls: yes", "wrong-setting", NULL, 5, 38, "true or false"},
	{"targets.yaml", "port: 21001", "options: {a: b}", "wrong-setting", NULL, 5, 42, "a list of texts"},
	{"targets.yaml", "port: 21001", "password: hunter2", "plain-secret", NULL, 5, 33, "{password: {file: PATH}}"},
	{"targets.yaml", "undo: start-primary", "undo: star-primary", "unknown-action", NULL, 20, 69, "did you mean \"start-primary\"?"},
	{"targets.yaml", "undo: start-primary", "verify: start-primary", "unknown-action", NULL, 20, 71, "effect: read"},
	{"targets.yaml", "effect: costly}", "help: x}", "undeclared-effect", NULL, 21, 7, "counts as irreversible"},

	/* uses and Lua */
	{"failover.yaml", "failover.precheck: db-standby", "failover.prechek: db-standby", "unknown-operation", NULL, 11, 7,
		"did you mean \"failover.precheck\"?"},
	{"failover.yaml", "failover.precheck: db-standby", "failover.precheck: tools", "unknown-operation", NULL, 11, 26, "provider command does not"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: failover.fense(\"db-primary\")", "unknown-operation", NULL, 21, 10,
		"did you mean \"failover.fence\"?"},
	{"failover.yaml", "uses: {failover.fence: db-primary}", "uses: {failover.promote: db-primary}", "uses-missing", NULL, 21, 10,
		"add \"failover.fence: db-primary\""},
	{"failover.yaml", "uses: {failover.fence: db-primary}", "uses: {failover.fence: db-standby}", "uses-missing", NULL, 21, 25,
		"not on target \"db-primary\""},
	{"failover.yaml", "local s = replication.status(\"db-standby\")", "local s = attempt(failover.fence, \"db-standby\")", "uses-missing", NULL,
		14, 25, "failover.fence"},
	{"failover.yaml", "local s = replication.status(\"db-standby\")", "local t = \"db\"; local s = failover.fence(t)", "uses-computed", NULL, 14, 33,
		"failover.fence"},
	{"failover.yaml", "{wait = \"30s\"}", "{wiat = \"30s\"}", "unknown-parameter", NULL, 26, 42, "did you mean \"wait\"?"},
	{"failover.yaml", "{wait = \"30s\"}", "{wait = \"soon\"}", "wrong-parameter", NULL, 26, 49, "a duration such as 30s"},
	{"failover.yaml", "{wait = \"30s\"}", "{wait = duration(\"2h\")}", "wrong-parameter", NULL, 26, 49, "from 0 to 600000"},
	{"failover.yaml", "{wait = \"30s\"}", "{wait = true}", "wrong-parameter", NULL, 26, 49, "a duration"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {data.query: db-primary}\n    run: data.query(\"db-primary\", {args = {1}})", "missing-parameter", NULL, 21, 10,
		"{query = …}"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {action.read: tools}\n    run: |\n      -- list them\n      action.read(\"tools\", {name = \"list-oders\"})", "unknown-action", NULL,
		23, 36, "did you mean \"list-orders\"?"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {action.read: tools}\n    run: action.read(\"tools\", {name = \"kill-primary\"})", "wrong-parameter", NULL, 21, 39,
		"only what is declared effect: read"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {data.write: db-primary}\n    run: data.write(\"db-primary\", {statement = \"count\"})", "wrong-parameter", NULL, 21, 48,
		"call it with data.query"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {data.query: db-primary}\n    run: data.query(\"db-primary\", {query = \"cuont\"})", "unknown-action", NULL, 21, 44,
		"did you mean \"count\"?"},
	{"targets.yaml", "{argv: [./lab, cure], effect", "{effect",
		"missing-key", NULL, 21, 7, "needs \"argv\""},
	{"targets.yaml", "[./lab, cure]", "[\"{x}\", cure]",
		"wrong-value", NULL, 21, 30, "takes no {parameter}"},
	{"targets.yaml", "[./lab, cure]", "[./lab, \"{x}\"]",
		"wrong-value", NULL, 21, 37, "no parameter {x}"},
	{"targets.yaml", "[./lab, cure]", "[./lab, \"a{\"]",
		"wrong-value", NULL, 21, 37, "write {{"},
	{"targets.yaml", "[./lab, cure]", "[./lab, \"{secret_file}\"]",
		"wrong-value", NULL, 21, 37, "{secret_file}"},
	{"targets.yaml", "[./lab, cure], effect", "[./lab, cure], secret: stdin, effect",
		"missing-setting", NULL, 21, 52, "no secret to give"},
	{"targets.yaml", "[./lab, cure], effect", "[./lab, cure], path: /x, effect",
		"unknown-key", NULL, 21, 44, "one of http"},
	{"targets.yaml", "[./lab, cure], effect", "[./lab, cure], env: {A: \"{{{x}\"}, effect",
		"wrong-value", NULL, 21, 53, "no parameter {x}"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: log(params.reson)", "unknown-reference", NULL, 21, 21, "did you mean \"reason\"?"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: log(outputs[\"prechek\"])", "unknown-reference", NULL, 21, 22,
		"did you mean \"precheck\"?"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: log(outputs.promoted.x)", "unknown-reference", NULL, 21, 22, "no step of that id"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {action.read: tools}\n    run: action.read(\"tools\", {name = \"list-orders\", args = {dir = 1, dri = 2}})", "unknown-parameter", NULL,
		21, 71, "action \"list-orders\" takes no \"dri\" (did you mean \"dir\"?)"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {action.read: tools}\n    run: action.read(\"tools\", {name = \"list-orders\", args = {}})", "missing-parameter", NULL, 21, 61,
		"needs args = {dir = …}"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {action.read: tools}\n    run: action.read(\"tools\", {name = \"list-orders\"})", "missing-parameter", NULL, 21, 10,
		"needs args = {dir = …}"},
	{"failover.yaml", "uses: {failover.fence: db-primary}\n    run: failover.fence(\"db-primary\")",
		"uses: {data.write: db-primary}\n    run: data.write(\"db-primary\", {statement = \"place\", args = {rf = 1}})", "unknown-parameter", NULL, 21, 65,
		"query \"place\" takes no \"rf\""},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: require(\"helpers\")", "unknown-module", NULL, 21, 18, "helpers"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: require \"../x\"", "unknown-module", NULL, 21, 18, "no name of a module"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: require(\"net.dns\")", "unknown-module", NULL, 21, 18, "no name of a module"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: {file: lua/fence.lua}", "missing-file", NULL, 21, 17, "lua/fence.lua"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: {file: ../fence.lua}", "unreadable", NULL, 21, 17, "relative"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: {file: link.lua}", "unreadable", NULL, 21, 17, "leads out of the workspace"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: |\n      -- nothing\n      --[[ at all\n      ]]", "empty-script", NULL, 22, 7, "no Lua"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: >\n      failover.fence(\"db-primary\")", "folded-script", NULL, 21, 10, "write |"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: log(\"x\")\n      failover.fence(\"db-primary\")", "folded-script", NULL, 21, 10,
		"after |"},
	{"failover.yaml", "run: failover.fence(\"db-primary\")", "run: log(params.reason) #x", "cut-script", NULL, 21, 10, "after |"},

	/* what drills and reports need */
	{"failover.yaml", "    verify: |\n      if", "    check: |\n      if", "no-verify", NULL, 22, 5, "no \"verify\""},
	{"services.yaml", "{rto: 2m, rpo: 0, ", "{rto: 2m, ", "no-objective", NULL, 2, 3, "no rpo"},
	{"failover.yaml", "reached: verified", "reached: normal", "never-verified", NULL, 3, 1, "orders"},
};

static char *spoiled(const char *good, const struct spoil *s)
{
	const char *at = strstr(good, s->from);

	if (at == NULL)
		fail_msg("\"%s\" is not in %s", s->from, s->file);
	return xasprintf("%.*s%s%s", (int)(at - good), good, s->to, at + strlen(s->from));
}

static const char *good_text(const char *file)
{
	for (size_t i = 0; i < COUNT_OF(good_files); i++)
		if (strcmp(good_files[i].name, file) == 0)
			return good_files[i].text;
	fail_msg("no sound \"%s\"", file);
	return NULL;
}

static void the_sound_workspace_is_sound(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	expect_none(&f.problems);
	fixture_release(&f);
}

static void each_mistake_has_its_place(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	char *link = path_join(f.dir, "link.lua");
	assert_int_equal(symlink("/etc/passwd", link), 0);
	for (size_t i = 0; i < COUNT_OF(spoils); i++) {
		const struct spoil *s = &spoils[i];
		char *text = s->from != NULL ? spoiled(good_text(s->file), s) : xstrdup(s->to);
		put_file(f.dir, s->file, text);
		fixture_open(&f);
		workspace_lint(f.workspace, NULL, &f.problems);
		expect_problem(&f.problems, s->rule, s->at != NULL ? s->at : s->file, s->line, s->column,
			s->words);
		if (s->from != NULL) {
			put_file(f.dir, s->file, good_text(s->file));
		} else {
			char *path = path_join(f.dir, s->file);
			unlink(path);
			free(path);
		}
		free(text);
	}
	unlink(link);
	free(link);
	fixture_release(&f);
}

static void every_rule_has_a_mistake(void **state)
{
	(void)state;
	for (size_t r = 0; r < RULE_COUNT; r++) {
		bool found = r == RULE_VERSION_NOT_RAISED; /* needs Git: test_git.c */
		for (size_t i = 0; i < COUNT_OF(spoils) && !found; i++)
			found = strcmp(spoils[i].rule, lint_rules[r].name) == 0;
		if (!found)
			fail_msg("rule %s is not tested", lint_rules[r].name);
	}
}

/* What looks like a mistake to a reader in a hurry and is none. */
static void no_false_alarm(void **state)
{
	static const char *const scripts[] = {
		"local s = \"failover.promote('db-nowhere')\"; log(s)",
		"-- failover.promote(\"db-nowhere\")\n      log(1)",
		"--[==[ failover.promote(\"db-nowhere\") ]==] log(1)",
		"local failover = {promote = log}; failover.promote(\"anything\")",
		"local t = {}; function t.x() end; t.failover = t; t.failover.promote(\"x\")",
		"for _, replication in ipairs{} do replication.status(\"x\") end",
		"local function f(replication) return replication.status(\"x\") end; f(nil)",
		"log(string.format(\"%s\", params.reason), table.concat{}, math.max(1))",
		"failover.fence \"db-primary\"",
		"pcall(failover.fence, \"db-primary\")",
		"local t = \"db-primary\"; failover.fence(t, {anything = 1})",
		"local args = {}; failover.fence(\"db-primary\", args)",
		"local x = outputs.precheck.lag_bytes; log(json.encode{x})",
		"local expect = require \"expect\"; expect.equal(clock.t0_ms, 1)",
		"local s = [[\n      failover.promote(\"nowhere\")\n      ]] log(s)",
		"local params = {x = 1}; log(params.x, item)",
		"local outputs = {}; log(outputs.nothing)",
		"local name = \"x\"; log(params[name], outputs[name .. \"y\"])",
		"log(params.reason, outputs[\"precheck\"].lag_bytes, t and t.params.x)",
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		char *block = xasprintf("run: |\n      %s", scripts[i]);
		const struct spoil s = {"failover.yaml", "run: failover.fence(\"db-primary\")", block, NULL, NULL, 0, 0, NULL};
		char *text = spoiled(good_runbook, &s);
		put_file(f.dir, "failover.yaml", text);
		fixture_open(&f);
		workspace_lint(f.workspace, NULL, &f.problems);
		if (f.problems.count > 0)
			print_message("script %zu: %s\n", i, scripts[i]);
		expect_none(&f.problems);
		free(text);
		free(block);
	}
	fixture_release(&f);
}

static void modules_are_looked_at_once(void **state)
{
	struct fixture f;
	const struct spoil s = {"failover.yaml", "run: failover.fence(\"db-primary\")",
		"run: require(\"site\").fence()", NULL, NULL, 0, 0, NULL};

	(void)state;
	fixture_init(&f);
	char *text = spoiled(good_runbook, &s);
	put_file(f.dir, "failover.yaml", text);
	put_file(f.dir, "lua/site.lua",
		"local M = {}\nlocal again = require \"site\"\nlocal deep = require \"net-dns\"\n"
		"function M.fence() failover.fence(\"db-primary\", {x = 1}) end\nreturn M\n");
	put_file(f.dir, "lua/net-dns.lua", "return failover.promte(\"db-primary\")\n");
	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	assert_int_equal(f.problems.count, 2);
	expect_problem(&f.problems, "unknown-parameter", "lua/site.lua", 4, 50, "failover.fence has no parameter \"x\"");
	expect_problem(&f.problems, "unknown-operation", "lua/net-dns.lua", 1, 8, "did you mean \"failover.promote\"?");
	free(text);
	fixture_release(&f);
}

static void without_a_catalog_providers_are_not_checked(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	json_decref(f.catalog);
	f.catalog = NULL;
	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	expect_none(&f.problems);
	fixture_release(&f);
}

static void only_the_named_runbook(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "other.yaml", "runbook: x\nversion: 1\nsteps:\n  - {id: a, needs: [b], wait: 1s}\n");
	fixture_open(&f);
	workspace_lint(f.workspace, "failover", &f.problems);
	expect_none(&f.problems);
	workspace_lint(f.workspace, "other", &f.problems);
	expect_problem(&f.problems, "unknown-step", "other.yaml", 4, 21, "\"b\"");
	fixture_release(&f);
}

static bool has_script(const json_t *scripts, const char *file, int64_t line, const char *words)
{
	const json_t *row;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)scripts, i, row)
		if (strcmp(json_str(row, "file", ""), file) == 0 &&
			json_int(row, "line", 0) == line &&
			strstr(json_str(row, "source", ""), words) != NULL)
			return true;
	return false;
}

/* The syntax of Lua is looked at whatever else is wrong: each file once, modules too. */
static void scripts_of_a_runbook_with_mistakes(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "other.yaml",
		"runbook: x\nversion: one\nparams: {who: {}}\nsteps:\n"
		"  - {id: a, needs: [gone], run: 'require(\"site\") if'}\n"
		"  - {id: b, run: {file: lua/b.lua}, verify: {file: lua/b.lua}}\n"
		"  - {id: c, run: {file: lua/gone.lua}}\n"
		"  - {run: [], check: }\n");
	put_file(f.dir, "lua/site.lua", "require(\"site\") require(\"gone\") local = 1\n");
	put_file(f.dir, "lua/b.lua", "end\n");
	fixture_open(&f);
	json_t *scripts = workspace_scripts(f.workspace, "other");
	assert_int_equal(json_array_size(scripts), 3);
	assert_true(has_script(scripts, "other.yaml", 5, ") if"));
	assert_true(has_script(scripts, "lua/site.lua", 1, "local ="));
	assert_true(has_script(scripts, "lua/b.lua", 1, "end"));
	json_decref(scripts);
	scripts = workspace_scripts(f.workspace, NULL);
	assert_int_equal(json_array_size(scripts), 7);
	assert_true(has_script(scripts, "failover.yaml", 14, "lag_bytes"));
	json_decref(scripts);
	fixture_release(&f);
}

/* One broken file is one problem, not one for each name that it would have held. */
static void a_broken_file_hides_what_follows(void **state)
{
	static const char *const files[] = {"targets.yaml", "services.yaml", "drillbook.yaml"};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		fixture_init(&f);
		put_file(f.dir, files[i], "a: [\n");
		fixture_open(&f);
		workspace_lint(f.workspace, NULL, &f.problems);
		assert_int_equal(f.problems.count, 1);
		expect_problem(&f.problems, "yaml", files[i], 2, 1, "not closed");
		fixture_release(&f);
	}
}

static void a_problem_in_print_and_json(void **state)
{
	struct problems problems;
	char *text = NULL;
	size_t size = 0;

	(void)state;
	problems_init(&problems);
	problems_add(&problems, RULE_CYCLE, (struct place){"a\x1b.yaml", 3, 4}, "bad \x1b[31m %s", "name");
	problems_add(&problems, RULE_NO_VERIFY, (struct place){"b.yaml", 0, 0}, "no");
	FILE *out = open_memstream(&text, &size);
	problem_print(out, &problems.rows[0]);
	problem_print(out, &problems.rows[1]);
	fclose(out);
	assert_string_equal(text,
		"a^[.yaml:3:4: error: bad ^[[31m name [cycle]\nb.yaml: warning: no [no-verify]\n");
	free(text);
	json_t *json = problems_json(&problems);
	assert_int_equal(json_array_size(json), 2);
	assert_string_equal(json_str(json_array_get(json, 1), "rule", ""), "no-verify");
	assert_int_equal(json_int(json_array_get(json, 0), "line", 0), 3);
	assert_int_equal(problems_errors(&problems), 1);
	json_decref(json);
	problems_release(&problems);
}

static void problems_have_an_end(void **state)
{
	struct problems problems, copy;

	(void)state;
	problems_init(&problems);
	problems_init(&copy);
	for (int i = 0; i < 5000; i++)
		problems_add(&problems, RULE_CYCLE, (struct place){"a.yaml", (unsigned)i, 1}, "x");
	assert_int_equal(problems.count, PROBLEMS_MAX + 1);
	assert_non_null(strstr(problems.rows[PROBLEMS_MAX].text, "not listed"));
	problems_merge(&copy, &problems);
	problems_merge(&copy, &problems);
	assert_int_equal(copy.count, PROBLEMS_MAX + 1);
	problems_release(&problems);
	problems_release(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sound_workspace_is_sound),
		cmocka_unit_test(each_mistake_has_its_place),
		cmocka_unit_test(every_rule_has_a_mistake),
		cmocka_unit_test(no_false_alarm),
		cmocka_unit_test(modules_are_looked_at_once),
		cmocka_unit_test(without_a_catalog_providers_are_not_checked),
		cmocka_unit_test(only_the_named_runbook),
		cmocka_unit_test(scripts_of_a_runbook_with_mistakes),
		cmocka_unit_test(a_broken_file_hides_what_follows),
		cmocka_unit_test(a_problem_in_print_and_json),
		cmocka_unit_test(problems_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
