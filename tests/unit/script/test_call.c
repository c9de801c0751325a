/* The worker as a tool: --call, --lint, --describe; and dying at a failpoint. */
#include "rig.h"

#include "drillbook/provider.h"

/* Runs the worker with input; the answer (owned) or NULL when it gave none.  *status: exit status, or -signal. */
static json_t *ask(const char *option, const char *input, const char *const *env, int *status)
{
	const char *argv[] = {WORKER, option, NULL};
	struct child child = {
		.argv = argv, .env = env, .input = input, .input_bytes = strlen(input), .timeout_ms = PATIENCE_MS,
		.max_output_bytes = 1 << 20};
	struct err err = {0};
	json_t *answer = NULL;

	if (child_run(&child, &err) != ERR_NONE)
		fail_msg("%s", err.text);
	*status = child.signal != 0 ? -child.signal : child.exit_status;
	if (child.out.len > 0 && json_parse(child.out.data, child.out.len, &answer, &err) != ERR_NONE)
		fail_msg("%s: %s", option, err.text);
	child_release(&child);
	return answer;
}

static char *call_text(const char *line, const char *effect, const char *more)
{
	json_t *shell = json_string(line);
	char *quoted = json_dumps(shell, JSON_ENCODE_ANY);
	char *text = xasprintf("{\"target\": \"tools\", \"targets\": {\"tools\": {\"provider\": \"command\", "
			       "\"environment\": \"lab\", \"settings\": {}, \"secrets\": {\"secret\": {\"env\": \"NO\"}}, "
			       "\"actions\": {\"do\": {\"argv\": [\"/bin/sh\", \"-c\", %s], \"effect\": \"%s\", "
			       "\"secret\": \"stdin\", \"verify\": \"look\"}, "
			       "\"look\": {\"argv\": [\"/bin/sh\", \"-c\", \"exit 0\"], \"effect\": \"read\"}}}}, "
			       "\"op\": \"action.run\", \"args\": {\"name\": \"do\"}, \"workspace\": \"/tmp\", "
			       "\"secrets_inline\": {\"tools/secret\": \"hunter-22\"}%s}",
		quoted, effect, more);

	free(quoted);
	json_decref(shell);
	return text;
}

static json_t *call(const char *line, const char *effect, const char *more, int *status)
{
	char *text = call_text(line, effect, more);
	json_t *answer = ask("--call", text, NULL, status);

	free(text);
	return answer;
}

static void call_runs_an_operation(void **state)
{
	int status;

	(void)state;
	json_t *answer = call("cat; echo noise >&2", "change", "", &status);
	assert_int_equal(status, 0);
	assert_true(json_flag(answer, "ok", false));
	assert_text(answer, "effect", "change");
	assert_text(answer, "result.out", "[masked]\n"); /* the secret came through stdin, and not out again */
	assert_text(answer, "before.effect", "change");
	json_decref(answer);
}

static void call_has_four_phases(void **state)
{
	int status;

	(void)state;
	json_t *answer = call("exit 9", "change", ", \"phase\": \"prepare\"", &status);
	assert_true(json_flag(answer, "ok", false)); /* not run: it would have failed */
	assert_text(answer, "before.effect", "change");
	json_decref(answer);
	answer = call("exit 9", "change", ", \"phase\": \"verify\", \"before\": {}", &status);
	assert_true(json_flag(answer, "ok", false));
	assert_text(answer, "verdict", "done");
	json_decref(answer);
	answer = call("exit 9", "change", ", \"phase\": \"probe\"", &status);
	assert_int_equal(json_array_size(json_object_get(json_object_get(answer, "report"), "checks")), 2);
	json_decref(answer);
	answer = call("exit 9", "change", ", \"phase\": \"dance\"", &status);
	assert_text(answer, "error.code", "USAGE");
	json_decref(answer);
}

static void call_reports_errors(void **state)
{
	int status;

	(void)state;
	json_t *answer = call("echo hunter-22 refused >&2; exit 9", "change", "", &status);
	assert_int_equal(status, 1);
	assert_text(answer, "error.code", "FAILED");
	assert_text(answer, "error.world", "unknown");
	assert_has(error_text(answer), "[masked] refused");
	json_decref(answer);
	answer = ask("--call", "{\"target\": \"x\"}", NULL, &status);
	assert_text(answer, "error.code", "USAGE");
	json_decref(answer);
	answer = ask("--call", "nonsense", NULL, &status);
	assert_text(answer, "error.code", "PROTOCOL");
	json_decref(answer);
}

#ifdef DRILLBOOK_FAILPOINTS
static void failpoints_in_a_call(void **state)
{
	static const struct {
		const char *spec, *effect;
		int status;
		bool done;
	} cases[] = {
		{"DRILLBOOK_FAILPOINT=effect.before", "change", -SIGKILL, false},
		{"DRILLBOOK_FAILPOINT=effect.after", "change", -SIGKILL, true},
		{"DRILLBOOK_FAILPOINT=effect.after=action.run", "change", -SIGKILL, true},
		{"DRILLBOOK_FAILPOINT=effect.before=action.run:1", "change", -SIGKILL, false},
		{"DRILLBOOK_FAILPOINT=effect.before=action.run:2", "change", 0, true},
		{"DRILLBOOK_FAILPOINT=effect.before=action.runs", "change", 0, true},
		{"DRILLBOOK_FAILPOINT=effect.before=traffic.drain", "change", 0, true},
		{"DRILLBOOK_FAILPOINT=effect.befor", "change", 0, true},
		{"DRILLBOOK_FAILPOINT=effect.before", "read", 0, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *env[] = {"PATH=/usr/bin:/bin", cases[i].spec, NULL};
		char path[] = "/tmp/drillbook-test-XXXXXX";
		const int fd = mkstemp(path);
		char *line = xasprintf("echo done > %s", path), *text = call_text(line, cases[i].effect, "");
		int status;
		json_t *answer = ask("--call", text, env, &status);
		if (status != cases[i].status)
			fail_msg("%s: status %d", cases[i].spec, status);
		assert_int_equal(lseek(fd, 0, SEEK_END) > 0, cases[i].done);
		json_decref(answer);
		free(text);
		free(line);
		close(fd);
		unlink(path);
	}
}

/* The same in a step: after the ack, so that the server is left with an intent and no result. */
static void failpoints_in_a_step(void **state)
{
	static const char *const specs[] = {"effect.before", "effect.after=action.run:2"};
	const char *const actions[][3] = {{"do", "change", "true"}, {NULL, NULL, NULL}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(specs); i++) {
		struct rig rig;
		struct run run;
		setenv("DRILLBOOK_FAILPOINT", specs[i], 1);
		rig_start(&rig);
		run_script(&rig, &run, "action.run('tools', {name = 'do'})\naction.run('tools', {name = 'do'})",
			json_pack("{s:o}", "tools", shell_target(actions)));
		for (size_t n = 0; n <= i; n++) {
			json_t *intent = run_expect(&run, "intent");
			tell(run.channel, "{s:s, s:I}", "t", "ack", "ordinal", (json_int_t)json_int(intent, "ordinal", -1));
			json_decref(intent);
			if (n < i)
				json_decref(run_expect(&run, "result"));
		}
		assert_null(run_next(&run));
		run_exited(&run);
		assert_int_equal(json_int(run.exited, "signal", 0), SIGKILL);
		run_end(&run);
		rig_stop(&rig);
		unsetenv("DRILLBOOK_FAILPOINT");
	}
}
#endif

static void lint_names_the_line(void **state)
{
	int status;
	json_t *answer = ask("--lint",
		"{\"scripts\": [{\"file\": \"a.yaml\", \"line\": 31, \"source\": \"local x = 1\\nlocal y = = 2\"}, "
		"{\"file\": \"b:c.yaml\", \"line\": 4, \"source\": \"return {ok = true}\"}, "
		"{\"file\": \"b:c.yaml\", \"line\": 2, \"source\": \"if x then\"}, "
		"{\"file\": \"d.yaml\", \"line\": 7, \"source\": \"\\u001bLua\"}, "
		"{\"file\": \"e.yaml\", \"line\": 9}]}",
		NULL, &status);
	char *line = json_line(answer);

	(void)state;
	assert_int_equal(status, 0);
	assert_string_equal(line,
		"{\"problems\":[{\"file\":\"a.yaml\",\"line\":32,\"text\":\"unexpected symbol near '='\"},"
		"{\"file\":\"b:c.yaml\",\"line\":2,\"text\":\"'end' expected near <eof>\"},"
		"{\"file\":\"d.yaml\",\"line\":7,\"text\":\"unexpected symbol near '<\\\\27>'\"},"
		"{\"file\":\"e.yaml\",\"line\":9,\"text\":\"there is no source\"}]}");
	free(line);
	json_decref(answer);
	assert_null(ask("--lint", "no json", NULL, &status));
	assert_int_equal(status, 1);
}

static void describe_is_the_tables(void **state)
{
	int status;
	json_t *answer = ask("--describe", "", NULL, &status), *tables = providers_describe();

	(void)state;
	assert_int_equal(status, 0);
	assert_true(json_equal(answer, tables));
	json_decref(answer);
	json_decref(tables);
	assert_null(ask("--nonsense", "", NULL, &status));
	assert_int_equal(status, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_runs_an_operation),
		cmocka_unit_test(call_has_four_phases),
		cmocka_unit_test(call_reports_errors),
#ifdef DRILLBOOK_FAILPOINTS
		cmocka_unit_test(failpoints_in_a_call),
		cmocka_unit_test(failpoints_in_a_step),
#endif
		cmocka_unit_test(lint_names_the_line),
		cmocka_unit_test(describe_is_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
