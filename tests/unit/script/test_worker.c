/* A worker as the server sees it: intents and acks, replay, the end of either side, stop, jobs that are no step. */
#include "rig.h"

#include <sys/file.h>

static struct rig rig;

static const char *const shell_actions[][3] = {
	{"hello", "read", "echo hello"},
	{"bad", "read", "echo nothing here >&2; exit 3"},
	{"touch", "change", "echo once >> \"$0\""}, /* replaced per test */
	{"slow", "change", "sleep 0.4; echo done slowly"},
	{"hang", "change", "sleep 60"},
	{"hangread", "read", "sleep 60"},
	{NULL, NULL, NULL},
};

static json_t *targets(void)
{
	return json_pack("{s:o}", "tools", shell_target(shell_actions));
}

static int setup(void **state)
{
	(void)state;
	rig_start(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

static json_t *expect_done(struct run *run, bool ok)
{
	json_t *done = run_expect(run, "done");

	if (json_flag(done, "ok", !ok) != ok) {
		char *line = json_line(done);
		fail_msg("ok should be %d in %s", ok, line);
	}
	return done;
}

static void ack(struct run *run, const json_t *intent)
{
	tell(run->channel, "{s:s, s:I}", "t", "ack", "ordinal", (json_int_t)json_int(intent, "ordinal", -1));
}

/* ------------------------------------------------------------------ reads and effects */

static void a_read_is_told(void **state)
{
	struct run run;
	char hex[SHA256_HEX];

	(void)state;
	run_script(&rig, &run, "local r = action.read('tools', {name = 'hello'})\nreturn {said = r.out}", targets());
	json_t *read = run_expect(&run, "read");
	assert_int_equal(json_int(read, "ordinal", -1), 0);
	assert_text(read, "op", "action.read");
	assert_text(read, "target", "tools");
	assert_text(read, "result.out", "hello\n");
	assert_true(json_flag(read, "ok", false));
	assert_true(json_int(read, "began_ns", 0) > 0);
	assert_true(json_int(read, "ended_ns", 0) >= json_int(read, "began_ns", 0));
	json_t *call = json_pack("{s:s, s:s, s:O}", "op", "action.read", "target", "tools", "args",
		json_object_get(read, "args"));
	assert_text(read, "digest", sha256_hex(json_digest(call), hex));
	json_decref(call);
	json_decref(read);
	json_t *done = expect_done(&run, true);
	assert_text(done, "outputs.said", "hello\n");
	assert_int_equal(json_int(done, "next_ordinal", -1), 1);
	/* what the child printed is the file, and its digest */
	char *text = run_output(&run);
	assert_string_equal(text, "hello\n");
	assert_text(done, "output.sha256", sha256_hex(sha256_of("hello\n", 6), hex));
	assert_int_equal(json_int(json_object_get(done, "output"), "bytes", -1), 6);
	free(text);
	json_decref(done);
	run_end(&run);
}

static void a_failed_read_names_the_line(void **state)
{
	struct run run;

	(void)state;
	run_script(&rig, &run, "local a = 1\naction.read('tools', {name = 'bad'})", targets());
	json_t *read = run_expect(&run, "read");
	assert_false(json_flag(read, "ok", true));
	assert_text(read, "error.code", "FAILED");
	json_decref(read);
	json_t *done = expect_done(&run, false);
	assert_text(done, "error.code", "FAILED");
	assert_has(error_text(done), "failover.yaml:32: ");
	assert_has(error_text(done), "nothing here");
	json_decref(done);
	run_end(&run);
}

/* A file that an effect appends a line to: how often it happened. */
static char *counter_path(void)
{
	char path[] = "/tmp/drillbook-test-XXXXXX";
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	return xstrdup(path);
}

static json_t *counting_targets(const char *path)
{
	char *line = xasprintf("echo once >> %s", path), *slow = xasprintf("sleep 0.5; echo once >> %s", path);
	const char *const actions[][3] = {
		{"touch", "change", line}, {"slow", "change", slow}, {NULL, NULL, NULL}};
	json_t *all = json_pack("{s:o}", "tools", shell_target(actions));

	free(line);
	free(slow);
	return all;
}

static size_t times_done(const char *path)
{
	struct buf text;
	struct err err = {0};

	buf_init(&text, 1 << 16);
	assert_int_equal(file_read(path, 1 << 16, &text, &err), ERR_NONE);
	const size_t times = text.len / 5;
	buf_release(&text);
	return times;
}

static void an_effect_waits_for_its_ack(void **state)
{
	struct run run;
	char hex[SHA256_HEX], *path = counter_path();

	(void)state;
	run_script(&rig, &run, "action.run('tools', {name = 'touch'})", counting_targets(path));
	json_t *intent = run_expect(&run, "intent");
	assert_text(intent, "key", "7/promote/0/0");
	assert_text(intent, "effect", "change");
	assert_true(json_flag(intent, "declared", false));
	assert_false(json_flag(intent, "idempotent", true));
	assert_true(json_is_null(json_object_get(intent, "undo")));
	json_t *bound = json_pack("{s:s, s:s, s:O, s:s, s:O, s:s}", "op", "action.run", "target", "tools", "args",
		json_object_get(intent, "args"), "effect", "change", "before", json_object_get(intent, "before"),
		"key", "7/promote/0/0");
	assert_text(intent, "digest", sha256_hex(json_digest(bound), hex));
	json_decref(bound);
	/* an answer to another call is no answer */
	tell(run.channel, "{s:s, s:i}", "t", "ack", "ordinal", 5);
	struct pollfd p = {.fd = run.channel, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 200), 0);
	assert_int_equal(times_done(path), 0);
	ack(&run, intent);
	json_decref(intent);
	json_t *result = run_expect(&run, "result");
	assert_true(json_flag(result, "ok", false));
	assert_text(result, "key", "7/promote/0/0");
	json_decref(result);
	assert_int_equal(times_done(path), 1);
	json_decref(expect_done(&run, true));
	/* the outbox has the result too: the server might have died with the line unread */
	char *box = read_fd(run.outbox);
	assert_has(box, "\"key\":\"7/promote/0/0\"");
	free(box);
	run_end(&run);
	unlink(path);
	free(path);
}

static void a_refusal_raises_and_nothing_happens(void **state)
{
	struct run run;
	char *path = counter_path();

	(void)state;
	/* attempt() is for what the world says, not for what a human says */
	run_script(&rig, &run,
		"local r, code = attempt(action.run, 'tools', {name = 'touch'})\nfail('went on with %s', code)",
		counting_targets(path));
	json_decref(run_expect(&run, "intent"));
	tell(run.channel, "{s:s, s:i, s:s, s:s}", "t", "refuse", "ordinal", 0, "code", "PRECONDITION", "text",
		"the operator said no");
	json_t *done = expect_done(&run, false);
	assert_text(done, "error.code", "PRECONDITION");
	assert_string_equal(error_text(done), "failover.yaml:31: the operator said no");
	assert_text(done, "error.world", "unchanged");
	assert_int_equal(json_int(done, "next_ordinal", -1), 1);
	json_decref(done);
	assert_int_equal(times_done(path), 0);
	run_end(&run);
	unlink(path);
	free(path);
}

static void again_prepares_once_more(void **state)
{
	struct run run;
	char *path = counter_path();

	(void)state;
	run_script(&rig, &run, "action.run('tools', {name = 'touch'})", counting_targets(path));
	json_t *first = run_expect(&run, "intent");
	tell(run.channel, "{s:s, s:i}", "t", "again", "ordinal", 0);
	json_t *second = run_expect(&run, "intent");
	assert_true(json_equal(first, second)); /* same ordinal, same key, and the world had not moved */
	assert_int_equal(times_done(path), 0);
	ack(&run, second);
	json_decref(first);
	json_decref(second);
	json_decref(run_expect(&run, "result"));
	assert_int_equal(times_done(path), 1);
	json_decref(expect_done(&run, true));
	run_end(&run);
	unlink(path);
	free(path);
}

static void a_failed_effect_says_what_became_of_the_world(void **state)
{
	const char *const actions[][3] = {{"half", "change", "exit 4"}, {NULL, NULL, NULL}};
	struct run run;

	(void)state;
	run_script(&rig, &run, "action.run('tools', {name = 'half'})",
		json_pack("{s:o}", "tools", shell_target(actions)));
	json_t *intent = run_expect(&run, "intent");
	ack(&run, intent);
	json_decref(intent);
	json_t *result = run_expect(&run, "result");
	assert_false(json_flag(result, "ok", true));
	assert_text(result, "error.world", "unknown");
	json_decref(result);
	json_t *done = expect_done(&run, false);
	assert_text(done, "error.world", "unknown");
	json_decref(done);
	run_end(&run);
}

/* ------------------------------------------------------------------ the server dies */

static void no_ack_no_effect(void **state)
{
	struct run run;
	char *path = counter_path();

	(void)state;
	run_script(&rig, &run, "action.run('tools', {name = 'touch'})", counting_targets(path));
	json_decref(run_expect(&run, "intent"));
	run_hang_up(&run);
	run_exited(&run);
	assert_int_equal(times_done(path), 0);
	char *box = read_fd(run.outbox);
	assert_null(strstr(box, "\"t\":\"result\""));
	free(box);
	run_end(&run);
	unlink(path);
	free(path);
}

static void inside_an_effect_it_is_finished_and_written_down(void **state)
{
	struct run run;
	char *path = counter_path();

	(void)state;
	run_script(&rig, &run, "action.run('tools', {name = 'slow'})\naction.run('tools', {name = 'touch'})",
		counting_targets(path));
	json_t *intent = run_expect(&run, "intent");
	ack(&run, intent);
	json_decref(intent);
	run_hang_up(&run);
	run_exited(&run);
	assert_int_equal(times_done(path), 1); /* the first, and not the second */
	char *box = read_fd(run.outbox), *end = strchr(box, '\n');
	assert_non_null(end);
	struct err err = {0};
	json_t *result = NULL;
	assert_int_equal(json_parse(box, (size_t)(end - box), &result, &err), ERR_NONE);
	assert_text(result, "t", "result");
	assert_text(result, "key", "7/promote/0/0");
	assert_true(json_flag(result, "ok", false));
	json_decref(result);
	assert_has(end, "\"t\":\"left\"");
	free(box);
	run_end(&run);
	unlink(path);
	free(path);
}

static void a_read_does_not_outlive_the_server(void **state)
{
	struct run run;

	(void)state;
	run_script(&rig, &run, "action.read('tools', {name = 'hangread'})", targets());
	run_forked(&run);
	run_hang_up(&run);
	run_exited(&run); /* long before its 60 seconds */
	run_end(&run);
}

static void the_outbox_is_locked_while_the_worker_lives(void **state)
{
	struct run run;

	(void)state;
	run_script(&rig, &run, "action.run('tools', {name = 'touch'})", targets());
	json_decref(run_expect(&run, "intent"));
	char *name = xasprintf("/proc/self/fd/%d", run.outbox);
	const int other = open(name, O_RDWR | O_CLOEXEC); /* a description of its own, as a new server has */
	assert_true(other >= 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	/* the server's own copy of the descriptor dies with the server */
	dup2(other, run.outbox);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	run_hang_up(&run);
	run_exited(&run);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
	free(name);
	run_end(&run);
}

static void without_its_zygote_a_worker_goes_on(void **state)
{
	struct rig own;
	struct run run;

	(void)state;
	rig_start(&own);
	run_script(&own, &run, "action.run('tools', {name = 'slow'})\nreturn {ok = true}", targets());
	json_t *intent = run_expect(&run, "intent");
	run_forked(&run);
	rig_stop(&own);
	ack(&run, intent);
	json_decref(intent);
	json_decref(run_expect(&run, "result"));
	json_decref(expect_done(&run, true));
	json_t *end = run_next(&run);
	assert_null(end);
	wire_release(&run.wire);
	close(run.channel);
	close(run.output);
	close(run.outbox);
}

/* ------------------------------------------------------------------ replay */

static const char replay_script[] =
	"local r = action.read('tools', {name = 'hello'})\n"
	"local r2, code, text = attempt(action.read, 'tools', {name = 'bad'})\n"
	"note('once')\n"
	"local t = now()\n"
	"local n = random(1000)\n"
	"action.run('tools', {name = 'touch'})\n"
	"note('late')\n"
	"return {said = r.out, code = code, text = text, t = t, n = n}";

/* Records a whole life, acks included; returns the list for replay. */
static json_t *record(struct run *run, json_t **outputs)
{
	json_t *list = json_array(), *message;
	json_t *intent = NULL;

	for (;;) {
		message = run_next(run);
		assert_non_null(message);
		const char *what = json_str(message, "t", "");
		if (str_eq(what, "intent")) {
			ack(run, message);
			intent = message;
			continue;
		}
		if (str_eq(what, "result")) {
			json_object_update_missing(message, intent);
			json_decref(intent);
		}
		if (str_eq(what, "read") || str_eq(what, "result"))
			json_array_append(list, message);
		const bool done = str_eq(what, "done");
		if (done)
			*outputs = json_incref(json_object_get(message, "outputs"));
		json_decref(message);
		if (done)
			return list;
	}
}

static void a_replay_does_not_touch_the_world(void **state)
{
	struct run run;
	char *path = counter_path();
	json_t *outputs = NULL, *again = NULL, *all = targets(), *counting = counting_targets(path);

	(void)state;
	json_object_update(json_object_get(json_object_get(all, "tools"), "actions"),
		json_object_get(json_object_get(counting, "tools"), "actions"));
	json_decref(counting);
	run_fork(&rig, &run, -1);
	run_send(&run, step_job(replay_script, json_incref(all)));
	json_t *list = record(&run, &outputs);
	assert_int_equal(json_array_size(list), 5);
	run_end(&run);
	assert_int_equal(times_done(path), 1);

	json_t *job = step_job(replay_script, all);
	json_object_set(job, "replay", list);
	run_fork(&rig, &run, -1);
	run_send(&run, job);
	/* nothing is told again but what came after the last recorded call */
	json_t *message = run_expect(&run, "note");
	assert_text(message, "text", "late");
	json_decref(message);
	json_t *done = expect_done(&run, true);
	again = json_object_get(done, "outputs");
	assert_true(json_equal(outputs, again));
	assert_int_equal(json_int(done, "next_ordinal", -1), 5);
	json_decref(done);
	run_end(&run);
	assert_int_equal(times_done(path), 1);
	json_decref(outputs);
	json_decref(list);
	unlink(path);
	free(path);
}

static void a_replay_goes_on_where_the_record_ends(void **state)
{
	struct run run;
	json_t *job = step_job("action.read('tools', {name = 'hello'})\naction.run('tools', {name = 'touch'})", targets());

	(void)state;
	json_object_set_new(job, "first_ordinal", json_integer(4));
	json_object_set_new(job, "replay",
		json_pack("[{s:i, s:s, s:s, s:{s:s, s:{}}, s:b, s:{s:s}}]", "ordinal", 4, "op", "action.read",
			"target", "tools", "args", "name", "hello", "args", "ok", 1, "result", "out", "x"));
	run_fork(&rig, &run, -1);
	run_send(&run, job);
	json_t *intent = run_expect(&run, "intent");
	assert_int_equal(json_int(intent, "ordinal", -1), 5);
	assert_text(intent, "key", "7/promote/0/5");
	json_decref(intent);
	run_hang_up(&run);
	run_end(&run);
}

static void another_call_than_recorded_diverges(void **state)
{
	static const char *const scripts[] = {
		"action.read('tools', {name = 'bad'})",                       /* other arguments */
		"action.run('tools', {name = 'hello'})",                      /* another operation */
		"pcall(action.read, 'tools', {name = 'bad'})\nlog('hidden')", /* and no pcall hides it */
		"attempt(action.read, 'tools', {name = 'bad'})",
		"while true do pcall(now) end",
		"now()",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		struct run run;
		json_t *job = step_job(scripts[i], targets());
		json_object_set_new(job, "replay",
			json_pack("[{s:i, s:s, s:s, s:{s:s, s:{}}, s:b, s:{}}]", "ordinal", 0, "op", "action.read",
				"target", "tools", "args", "name", "hello", "args", "ok", 1, "result"));
		run_fork(&rig, &run, -1);
		run_send(&run, job);
		json_t *done = expect_done(&run, false);
		assert_text(done, "error.code", "DIVERGED");
		assert_has(error_text(done), "was action.read on \"tools\"");
		json_decref(done);
		char *out = run_output(&run);
		assert_string_equal(out, "");
		free(out);
		run_end(&run);
	}
}

static void the_digest_is_enough_for_a_replay(void **state)
{
	struct run run;
	json_t *call = json_pack("{s:s, s:s, s:{}}", "op", "clock.now", "target", "", "args");
	char hex[SHA256_HEX];

	(void)state;
	sha256_hex(json_digest(call), hex);
	json_decref(call);
	json_t *job = step_job("return {t = now()}", targets());
	json_object_set_new(job, "replay", json_pack("[{s:i, s:s, s:s, s:s, s:b, s:{s:i}}]", "ordinal", 0, "op",
		"clock.now", "target", "", "digest", hex, "ok", 1, "result", "value", 12345));
	run_fork(&rig, &run, -1);
	run_send(&run, job);
	json_t *done = expect_done(&run, true);
	assert_int_equal(json_int(json_object_get(done, "outputs"), "t", 0), 12345);
	json_decref(done);
	run_end(&run);
}

/* The round at which wait_until gave up is part of the record. */
static void a_replayed_wait_ends_where_it_ended(void **state)
{
	static const char script[] =
		"local n = 0\n"
		"local ok = pcall(wait_until, 120, 40, function() n = n + 1 now() return false end)\n"
		"return {n = n, at = now()}";
	struct run run;
	json_t *outputs = NULL;

	(void)state;
	run_script(&rig, &run, script, NULL);
	json_t *list = record(&run, &outputs);
	run_end(&run);
	assert_true(json_int(outputs, "n", 0) >= 2);
	json_t *job = step_job(script, json_object());
	json_object_set_new(job, "replay", list);
	run_fork(&rig, &run, -1);
	run_send(&run, job);
	json_t *done = expect_done(&run, true);
	assert_true(json_equal(json_object_get(done, "outputs"), outputs));
	json_decref(done);
	json_decref(outputs);
	run_end(&run);
}

/* ------------------------------------------------------------------ stop and deadline */

static void stop_is_noticed_everywhere(void **state)
{
	static const char *const scripts[] = {
		"sleep('1m')",
		"wait_until('1m', function() return false end)",
		"while true do end",
		"while true do pcall(sleep, '1m') end",
		"action.read('tools', {name = 'hangread'})",
		"attempt(action.read, 'tools', {name = 'hangread'})",
		"return ('a'):rep(100000):find(('a*'):rep(30) .. 'b')", /* cannot be interrupted: the fence */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		struct run run;
		char *source = xasprintf("note('here')\n%s", scripts[i]);
		run_script(&rig, &run, source, targets());
		json_decref(run_expect(&run, "note"));
		const struct mono begin = mono_now();
		tell(run.channel, "{s:s}", "t", "stop");
		json_t *message;
		do { /* the interrupted read is told before the end */
			message = run_next(&run);
			assert_non_null(message);
			if (!str_eq(json_str(message, "t", ""), "done"))
				json_decref(message);
			else
				break;
		} while (true);
		assert_text(message, "error.code", "CANCELLED");
		assert_true(mono_ms_since(begin) < 3000);
		json_decref(message);
		run_end(&run);
		free(source);
	}
}

static void term_is_a_stop(void **state)
{
	struct run run;

	(void)state;
	run_script(&rig, &run, "note('here')\nsleep('1m')", NULL);
	json_decref(run_expect(&run, "note"));
	tell(rig.control, "{s:s, s:I, s:i}", "t", "kill", "worker", (json_int_t)run.id, "signal", SIGTERM);
	json_t *done = expect_done(&run, false);
	assert_text(done, "error.code", "CANCELLED");
	json_decref(done);
	run_exited(&run);
	assert_int_equal(json_int(run.exited, "status", -1), 0);
	run_end(&run);
}

static void stop_inside_an_effect_leaves_a_result(void **state)
{
	struct run run;

	(void)state;
	run_script(&rig, &run, "action.run('tools', {name = 'hang'})", targets());
	json_t *intent = run_expect(&run, "intent");
	ack(&run, intent);
	json_decref(intent);
	tell(run.channel, "{s:s}", "t", "stop");
	json_t *result = run_expect(&run, "result");
	assert_text(result, "error.code", "CANCELLED");
	json_decref(result);
	json_t *done = expect_done(&run, false);
	assert_text(done, "error.code", "CANCELLED");
	json_decref(done);
	run_end(&run);
}

static void stop_before_the_ack_does_nothing(void **state)
{
	struct run run;
	char *path = counter_path();

	(void)state;
	run_script(&rig, &run, "action.run('tools', {name = 'touch'})", counting_targets(path));
	json_decref(run_expect(&run, "intent"));
	tell(run.channel, "{s:s}", "t", "stop");
	json_t *done = expect_done(&run, false);
	assert_text(done, "error.code", "CANCELLED");
	assert_text(done, "error.world", "unchanged");
	json_decref(done);
	assert_int_equal(times_done(path), 0);
	run_end(&run);
	unlink(path);
	free(path);
}

static void kill_ends_it_at_once(void **state)
{
	struct run run;

	(void)state;
	run_script(&rig, &run, "note('here')\nsleep('1m')", NULL);
	json_decref(run_expect(&run, "note"));
	tell(rig.control, "{s:s, s:I, s:i}", "t", "kill", "worker", (json_int_t)run.id, "signal", SIGKILL);
	run_exited(&run);
	assert_int_equal(json_int(run.exited, "signal", -1), SIGKILL);
	assert_null(run_next(&run));
	run_end(&run);
}

static void the_deadline_does_not_count_a_human(void **state)
{
	struct run run;
	json_t *job = step_job("action.run('tools', {name = 'slow'})", targets());

	(void)state;
	json_object_set_new(job, "timeout_ms", json_integer(700));
	run_fork(&rig, &run, -1);
	run_send(&run, job);
	json_t *intent = run_expect(&run, "intent");
	struct pollfd p = {.fd = run.channel, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 900), 0); /* somebody thinks longer than the timeout */
	ack(&run, intent);
	json_decref(intent);
	json_decref(run_expect(&run, "result"));
	json_decref(expect_done(&run, true));
	run_end(&run);
}

static void a_deadline_inside_an_effect(void **state)
{
	struct run run;
	json_t *job = step_job("action.run('tools', {name = 'hang'})", targets());

	(void)state;
	json_object_set_new(job, "timeout_ms", json_integer(300));
	run_fork(&rig, &run, -1);
	run_send(&run, job);
	json_t *intent = run_expect(&run, "intent");
	ack(&run, intent);
	json_decref(intent);
	json_t *result = run_expect(&run, "result");
	assert_text(result, "error.code", "TIMEOUT");
	assert_text(result, "error.world", "unknown"); /* a timeout is not a failure */
	json_decref(result);
	json_t *done = expect_done(&run, false);
	assert_text(done, "error.code", "TIMEOUT");
	assert_text(done, "error.world", "unknown");
	json_decref(done);
	run_end(&run);
}

/* ------------------------------------------------------------------ the boundary */

static void the_boundary_in_its_order(void **state)
{
	static const struct {
		const char *call, *mode, *code, *text;
	} cases[] = {
		{"action.read('other', {name = 'hello'})", "drill", "FORBIDDEN", "not in the step's uses"},
		{"traffic.drain('tools', {})", "drill", "FORBIDDEN", "not in the step's uses"},
		{"action.run('gone', {name = 'hello'})", "drill", "USAGE", "there is no target \"gone\""},
		{"action.run('prod', {name = 'touch'})", "drill", "FORBIDDEN", "environment \"production\""},
		{"action.run('prod', {nonsense = 1})", "drill", "FORBIDDEN", "environment \"production\""},
		{"action.run('tools', {name = 'touch'})", "probe", "FORBIDDEN", "mode probe only reads"},
		{"action.run('tools', {name = 'hello'})", "probe", "FORBIDDEN", "mode probe only reads"},
		{"action.run('tools', {nam = 'hello'})", "drill", "USAGE", "nam"},
		{"action.read('tools', {})", "drill", "USAGE", "name"},
		{"action.read('tools', 'hello')", "drill", "USAGE", "one table"},
		{"action.read()", "drill", "USAGE", "name of a target"},
		{"action.read('tools', {name = 1.5})", "drill", "USAGE", "1.5"},
		{"action.red('tools')", "drill", "USAGE", "did you mean action.read?"},
		/* an author's mistake is not the world's: attempt lets it through */
		{"attempt(action.run, 'prod', {name = 'touch'})", "drill", "FORBIDDEN", "production"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct run run;
		json_t *all = targets(), *prod = shell_target(shell_actions), *other = shell_target(shell_actions);
		json_put_str(prod, "environment", "production");
		json_put(all, "prod", prod);
		json_put(all, "other", other);
		char *source = xasprintf("\n\n%s", cases[i].call);
		json_t *job = step_job(source, all);
		json_put_str(job, "mode", cases[i].mode);
		json_put(job, "uses", json_pack("{s:[s], s:[s,s,s]}", "action.read", "tools", "action.run", "tools",
					      "prod", "gone"));
		run_fork(&rig, &run, -1);
		run_send(&run, job);
		json_t *done = expect_done(&run, false);
		if (!str_eq(error_code(done), cases[i].code))
			fail_msg("%s: %s, not %s", cases[i].call, error_code(done), cases[i].code);
		assert_has(error_text(done), cases[i].text);
		assert_has(error_text(done), "failover.yaml:33: ");
		assert_text(done, "error.where", "failover.yaml:33");
		json_decref(done);
		run_end(&run);
		free(source);
	}
}

static void a_declared_read_is_read_in_probe_too(void **state)
{
	struct run run;
	json_t *job = step_job("return {said = action.read('tools', {name = 'hello'}).out}", targets());

	(void)state;
	json_put_str(job, "mode", "probe");
	run_fork(&rig, &run, -1);
	run_send(&run, job);
	json_decref(run_expect(&run, "read"));
	json_decref(expect_done(&run, true));
	run_end(&run);
}

/* A tolerance is about whatever is returned, not only about a table. */
static void a_tolerance_judges_what_is_returned(void **state)
{
	static const struct {
		const char *phase, *source;
		bool good;
	} cases[] = {
		{"probe", "return 2", true}, {"probe", "return 1.5", true}, {"probe", "return '2'", true},
		{"probe", "return {n = 2}", false}, {"probe", "return 1", false}, {"probe", "return '1.0'", false},
		{"probe", "return true", false}, {"probe", "return", false},
		{"verify", "return 2", true}, {"verify", "return 1", false}, {"verify", "return", false},
		{"check", "return true", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct run run;
		json_t *job = step_job(cases[i].source, json_object());
		const bool look = str_eq(cases[i].phase, "probe");
		json_put_str(job, "phase", cases[i].phase);
		json_put(json_object_get(job, "script"), "tolerance", json_pack("{s:s, s:i}", "value", ".", "above", 1));
		run_fork(&rig, &run, -1);
		run_send(&run, job);
		json_t *done = expect_done(&run, look || cases[i].good);
		if (look && json_flag(done, "holds", false) != cases[i].good)
			fail_msg("%s: %s", cases[i].source, json_str(done, "why", "holds"));
		json_decref(done);
		run_end(&run);
	}
}

/* An invariant fails when it does not hold; a wait says when it is over. */
static void nothing_returned_is_no_for_a_wait_only(void **state)
{
	static const struct {
		bool waits;
		const char *source;
		bool holds;
	} cases[] = {
		{true, "return", false}, {true, "return false", false}, {true, "return true", true},
		{false, "return", true}, {false, "return false", false}, {false, "return true", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct run run;
		json_t *job = step_job(cases[i].source, json_object());
		json_put_str(job, "phase", "probe");
		json_put_flag(job, "waits", cases[i].waits);
		run_fork(&rig, &run, -1);
		run_send(&run, job);
		json_t *done = expect_done(&run, true);
		assert_int_equal(json_flag(done, "holds", false), cases[i].holds);
		json_decref(done);
		run_end(&run);
	}
}

/* ------------------------------------------------------------------ secrets and output */

static int sealed(const char *json)
{
	const int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct err err = {0};

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, json, strlen(json), &err), ERR_NONE);
	return fd;
}

static void nothing_that_leaves_holds_a_secret(void **state)
{
	/* printed raw, in base64, in pieces with pauses, in errors, in results, in notes */
	const char *const actions[][3] = {
		{"print", "read",
			"echo raw swordfish-1; printf swordfish-1 | base64; printf sword; sleep 0.1; echo fish-1; "
			"echo to-stderr swordfish-1 >&2"},
		{"bad", "read", "echo swordfish-1 is wrong >&2; exit 1"},
		{"leaver", "read", "printf swordf"},
		{NULL, NULL, NULL},
	};
	static const char source[] =
		"local r = action.read('tools', {name = 'print'})\n"
		"log('in lua: ' .. r.out)\n"
		"local x, c, text = attempt(action.read, 'tools', {name = 'bad'})\n"
		"note('swordfish-1 ' .. text)\n"
		"progress(0.5, 'swordfish-1')\n"
		"action.read('tools', {name = 'leaver'})\n"
		"log('ish-1')\n"
		"log('c3dvcmRmaXNoLTE=')\n"
		"return {leak = 'swordfish-1', ['swordfish-1'] = 1}";
	struct run run;
	const int fd = sealed("{\"tools/secret\": \"c3dvcmRmaXNoLTE=\"}"); /* swordfish-1 */

	(void)state;
	run_fork(&rig, &run, fd);
	run_send(&run, step_job(source, json_pack("{s:o}", "tools", shell_target(actions))));
	bool done = false;
	while (!done) {
		json_t *message = run_next(&run);
		assert_non_null(message);
		char *line = json_line(message);
		if (strstr(line, "swordfish") != NULL || strstr(line, "c3dvcmRmaXNoLT") != NULL)
			fail_msg("a secret left in %s", line);
		done = str_eq(json_str(message, "t", ""), "done");
		if (done)
			assert_text(message, "outputs.leak", "[masked]");
		free(line);
		json_decref(message);
	}
	run_exited(&run);
	char *out = run_output(&run);
	assert_null(strstr(out, "swordfish"));
	assert_null(strstr(out, "c3dvcmRmaXNoLT"));
	assert_has(out, "raw [masked]\n");
	assert_has(out, "to-stderr [masked]\n");
	free(out);
	close(fd);
	run_end(&run);
}

static void output_is_cut_in_the_middle(void **state)
{
	const char *const actions[][3] = {{"flood", "read", "seq 1 100000"}, {NULL, NULL, NULL}};
	struct run run;
	json_t *job = step_job("action.read('tools', {name = 'flood'})",
		json_pack("{s:o}", "tools", shell_target(actions)));
	char hex[SHA256_HEX];

	(void)state;
	json_object_set_new(job, "output_max_bytes", json_integer(20000));
	run_fork(&rig, &run, -1);
	run_send(&run, job);
	json_decref(run_expect(&run, "read"));
	json_t *done = expect_done(&run, true);
	char *out = run_output(&run);
	const size_t len = strlen(out);
	assert_true(len < 20200);
	assert_has(out, "1\n2\n3\n4\n");
	assert_has(out, "99999\n100000\n");
	assert_has(out, " bytes were left out here]\n");
	const json_t *output = json_object_get(done, "output");
	assert_true(json_flag(output, "cut", false));
	assert_int_equal(json_int(output, "bytes", 0), len);
	assert_string_equal(json_str(output, "sha256", ""), sha256_hex(sha256_of(out, len), hex));
	/* nothing is missing but what the mark says */
	const char *mark = strstr(out, "\n[drillbook: ");
	const long missing = strtol(mark + 13, NULL, 10);
	const char *rest = strchr(mark + 1, '\n') + 1;
	assert_int_equal((long)(mark - out) + missing + (long)strlen(rest), 588895);
	free(out);
	json_decref(done);
	run_end(&run);
}

static void a_later_phase_digests_the_whole_file(void **state)
{
	struct run run;
	struct err err = {0};
	char hex[SHA256_HEX];

	(void)state;
	run_fork(&rig, &run, -1);
	assert_int_equal(write_all(run.output, "from the check\n", 15, &err), ERR_NONE);
	run_send(&run, step_job("log('from the run')", json_object()));
	json_t *done = expect_done(&run, true);
	assert_text(done, "output.sha256", sha256_hex(sha256_of("from the check\nfrom the run\n", 28), hex));
	json_decref(done);
	run_end(&run);
}

/* ------------------------------------------------------------------ other jobs */

static void secrets_are_resolved_once_and_sealed(void **state)
{
	struct run run;
	struct err err = {0};
	char file[] = "/tmp/drillbook-test-XXXXXX";
	const int file_fd = mkstemp(file);
	struct rig own;

	(void)state;
	assert_int_equal(write_all(file_fd, "from-file\n", 10, &err), ERR_NONE);
	setenv("DRILLBOOK_TEST_SECRET", "from-env", 1);
	rig_start(&own);
	run_fork(&own, &run, -1);
	run_send(&run, json_pack("{s:s, s:s, s:{s:{s:{s:{s:s}, s:{s:s}, s:{s:[s,s]}}}}}", "t", "secrets",
			       "workspace", "/tmp", "targets", "db", "secrets", "a", "file", file + 5, "b", "env",
			       "DRILLBOOK_TEST_SECRET", "c", "command", "/bin/echo", "from-command"));
	json_t *answer = run_expect(&run, "secrets");
	assert_true(json_flag(answer, "ok", false));
	const int fd = wire_take_fd(&run.wire);
	assert_true(fd >= 0);
	char *text = read_fd(fd);
	json_t *values = NULL;
	assert_int_equal(json_parse(text, strlen(text), &values, &err), ERR_NONE);
	assert_text(values, "db/a", "ZnJvbS1maWxl"); /* from-file, without its newline */
	assert_text(values, "db/b", "ZnJvbS1lbnY=");
	assert_text(values, "db/c", "ZnJvbS1jb21tYW5k");
	assert_int_equal(pwrite(fd, "x", 1, 0), -1); /* sealed */
	assert_int_equal(ftruncate(fd, 0), -1);
	json_decref(values);
	json_decref(answer);
	free(text);
	close(fd);
	run_end(&run);
	rig_stop(&own);
	unlink(file);
	close(file_fd);
}

static void a_secret_that_is_not_there(void **state)
{
	static const struct {
		const char *source, *text;
	} cases[] = {
		{"{\"file\": \"/nonexistent/x\"}", "secret \"db/p\""},
		{"{\"env\": \"DRILLBOOK_NO_SUCH\"}", "no variable DRILLBOOK_NO_SUCH"},
		{"{\"command\": [\"/bin/sh\", \"-c\", \"echo no key >&2; exit 2\"]}", "status 2: no key"},
		{"{\"command\": [\"/nonexistent/x\"]}", "secret \"db/p\""},
		{"{\"command\": [\"/bin/echo\", \"abc\"]}", "too short"},
		{"{\"command\": [\"head\", \"-c\", \"70000\", \"/dev/zero\"]}", "more than 65536 bytes"},
		{"{\"vault\": \"x\"}", "{file: PATH}"},
		{"{\"typed\": true}", "typed by a person"},
		{"{\"param\": \"pw\"}", "typed by a person"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct run run;
		struct err err = {0};
		json_t *source = NULL;
		assert_int_equal(json_parse(cases[i].source, strlen(cases[i].source), &source, &err), ERR_NONE);
		run_fork(&rig, &run, -1);
		run_send(&run, json_pack("{s:s, s:s, s:{s:{s:{s:o}}}}", "t", "secrets", "workspace", "/tmp",
				       "targets", "db", "secrets", "p", source));
		json_t *answer = run_expect(&run, "secrets");
		assert_false(json_flag(answer, "ok", true));
		assert_has(error_text(answer), cases[i].text);
		json_decref(answer);
		run_end(&run);
	}
}

static void verify_and_doctor(void **state)
{
	struct run run;
	json_t *all = json_pack("{s:{s:s, s:s, s:{}, s:{s:{s:[s,s,s], s:s, s:s}, s:{s:[s,s,s], s:s}}}}", "tools",
		"provider", "command", "environment", "lab", "settings", "actions", "make", "argv", "/bin/sh", "-c",
		"true", "effect", "change", "verify", "made", "made", "argv", "/bin/sh", "-c", "exit 1", "effect",
		"read");

	(void)state;
	run_fork(&rig, &run, -1);
	run_send(&run, json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:{s:s}, s:{}}", "t", "verify", "op", "action.run",
			       "target", "tools", "workspace", "/tmp", "key", "7/x/0/1", "targets", all, "args",
			       "name", "make", "before"));
	json_t *verdict = run_expect(&run, "verdict");
	assert_true(json_flag(verdict, "ok", false));
	assert_text(verdict, "verdict", "not_done");
	json_decref(verdict);
	run_end(&run);

	run_fork(&rig, &run, -1);
	run_send(&run, json_pack("{s:s, s:s, s:s, s:o}", "t", "doctor", "target", "tools", "workspace", "/tmp",
			       "targets", all));
	json_t *report = run_expect(&run, "doctor");
	assert_true(json_flag(report, "ok", false));
	assert_int_equal(json_array_size(json_object_get(json_object_get(report, "report"), "checks")), 2);
	json_decref(report);
	run_end(&run);

	run_fork(&rig, &run, -1);
	run_send(&run, json_pack("{s:s}", "t", "nonsense"));
	json_decref(expect_done(&run, false));
	run_end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_is_told),
		cmocka_unit_test(a_failed_read_names_the_line),
		cmocka_unit_test(an_effect_waits_for_its_ack),
		cmocka_unit_test(a_refusal_raises_and_nothing_happens),
		cmocka_unit_test(again_prepares_once_more),
		cmocka_unit_test(a_failed_effect_says_what_became_of_the_world),
		cmocka_unit_test(no_ack_no_effect),
		cmocka_unit_test(inside_an_effect_it_is_finished_and_written_down),
		cmocka_unit_test(a_read_does_not_outlive_the_server),
		cmocka_unit_test(the_outbox_is_locked_while_the_worker_lives),
		cmocka_unit_test(without_its_zygote_a_worker_goes_on),
		cmocka_unit_test(a_replay_does_not_touch_the_world),
		cmocka_unit_test(a_replay_goes_on_where_the_record_ends),
		cmocka_unit_test(another_call_than_recorded_diverges),
		cmocka_unit_test(the_digest_is_enough_for_a_replay),
		cmocka_unit_test(a_replayed_wait_ends_where_it_ended),
		cmocka_unit_test(stop_is_noticed_everywhere),
		cmocka_unit_test(term_is_a_stop),
		cmocka_unit_test(stop_inside_an_effect_leaves_a_result),
		cmocka_unit_test(stop_before_the_ack_does_nothing),
		cmocka_unit_test(kill_ends_it_at_once),
		cmocka_unit_test(the_deadline_does_not_count_a_human),
		cmocka_unit_test(a_deadline_inside_an_effect),
		cmocka_unit_test(the_boundary_in_its_order),
		cmocka_unit_test(a_declared_read_is_read_in_probe_too),
		cmocka_unit_test(nothing_that_leaves_holds_a_secret),
		cmocka_unit_test(output_is_cut_in_the_middle),
		cmocka_unit_test(a_later_phase_digests_the_whole_file),
		cmocka_unit_test(a_tolerance_judges_what_is_returned),
		cmocka_unit_test(nothing_returned_is_no_for_a_wait_only),
		cmocka_unit_test(secrets_are_resolved_once_and_sealed),
		cmocka_unit_test(a_secret_that_is_not_there),
		cmocka_unit_test(verify_and_doctor),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
