/* test_runs.c: the real server and real workers, driven through the socket with hand-made
 * plans.
 *
 * Effects are lines appended to a file by /bin/sh, so that "how often did it happen" is counted
 * and not believed. */
#include "rig.h"

/* ------------------------------------------------------------------ tests */

static void test_script_steps(void **state)
{
	struct rig *rig = *state;

	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{},\"level\":0," SCRIPT(
			"log('hello %s', params.who) return {n = 7}") "},"
								      "{\"id\":\"b\",\"title\":"
								      "\"B\",\"needs\":[\"a\"],"
								      "\"uses\":{\"action."
								      "read\":[\"tools\"]},"
								      "\"level\":0,"
								      "\"marks\":[{\"service\":"
								      "\"shop\",\"reached\":"
								      "\"verified\"}]," SCRIPT(
									      "if outputs.a.n "
									      "~= 7 then "
									      "fail('no "
									      "outputs') end "
									      "action.read('"
									      "tools', {name = "
									      "'count'})") "}"
											   "]");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(run_exit_status(rig->run), 0);
	assert_int_equal(step(rig, "b")->op_count, 1);
	assert_int_equal(step(rig, "b")->ops[0].state, OP_STATE_READ);
	assert_true(rig->run->services[0].verified.ns > 0);
	assert_true(json_int(step(rig, "a")->output, "bytes", 0) > 0);
}

static void test_level_one_is_previewed(void **state)
{
	struct rig *rig = *state;

	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{\"action.run\":["
		"\"tools\"]},\"level\":1," SCRIPT("action.run('tools', {name = 'add'})") "}]");
	wait_for(rig, asks, "confirm");
	assert_int_equal(rig->run->asks[0].level, 1);
	assert_int_equal(effects(rig), 0);
	say(rig, "yes", "", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(effects(rig), 1);
}

static void test_irreversible_needs_the_word(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{\"action.run\":["
		"\"tools\"]},\"level\":3," SCRIPT("action.run('tools', {name = 'drop'})") "}]");
	wait_for(rig, asks, "confirm");
	assert_int_equal(rig->run->asks[0].level, 3);
	assert_string_equal(rig->run->asks[0].word, "drill");
	assert_int_equal(answer(rig, "yes", "", "dril", &err), ERR_USAGE);
	json_t *other = json_pack("{s:I, s:I, s:s, s:s, s:s}", "run", (json_int_t)rig->id, "ask",
		(json_int_t)rig->run->asks[0].id, "answer", "yes", "word", "drill", "digest", "of something else");
	assert_int_equal(client_ask(rig->client, "answer", other, NULL, &err), ERR_CONFLICT);
	assert_int_equal(effects(rig), 0);
	say(rig, "no", "", "");
	wait_for(rig, asks, "failed");
	assert_int_equal(effects(rig), 0);
	say(rig, "retry", "", "");
	wait_for(rig, asks, "confirm");
	say(rig, "yes", "", "drill");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(effects(rig), 1);
}

static void test_mode_guard(void **state)
{
	struct rig *rig = *state;

	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{\"action.run\":[\"far\"]"
		"},\"level\":2," SCRIPT(
			"action.run('far', {name = 'add'})") "},"
							     "{\"id\":\"b\",\"title\":\"B\","
							     "\"needs\":[],\"uses\":{},"
							     "\"level\":0," SCRIPT(
								     "action.run('tools', "
								     "{name = 'add'})") "}]");
	wait_for(rig, asks, "failed");
	while (rig->run->ask_count < 2)
		follow_one(rig);
	assert_int_equal(effects(rig), 0);
	assert_string_equal(step(rig, "a")->error_code, "FORBIDDEN");
	assert_string_equal(step(rig, "b")->error_code, "FORBIDDEN");
	say(rig, "stop", "", "");
	say(rig, "stop", "", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_FAILED);
}

static void test_manual_and_decide_survive_the_server(void **state)
{
	struct rig *rig = *state;

	start(rig,
		"[{\"id\":\"look\",\"title\":\"L\",\"needs\":[],\"uses\":{},\"level\":0,"
		"\"kind\":\"manual\",\"text\":\"look\"},"
		"{\"id\":\"which\",\"title\":\"W\",\"needs\":[\"look\"],\"uses\":{},\"level\":"
		"0,\"kind\":\"decide\",\"text\":\"which\","
		"\"choices\":[{\"id\":\"x\",\"label\":\"X\",\"skip\":[\"never\"]},{\"id\":"
		"\"y\",\"label\":\"Y\"}]},"
		"{\"id\":\"never\",\"title\":\"N\",\"needs\":[\"which\"],\"uses\":{},\"level\":"
		"0," SCRIPT("fail('no')") "},"
					  "{\"id\":\"wait\",\"title\":\"Z\",\"needs\":["
					  "\"never\"],\"uses\":{},\"level\":0,\"kind\":"
					  "\"wait\",\"wait_ms\":300}]");
	wait_for(rig, asks, "manual");
	kill_server(rig);
	wait_for(rig, asks, "manual");
	assert_int_equal(rig->run->resumes, 1);
	say(rig, "done", "seen", "");
	wait_for(rig, asks, "decide");
	say(rig, "x", "", "");
	while (step(rig, "wait")->state != STEP_RUNNING)
		follow_one(rig);
	kill_server(rig);
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(step(rig, "never")->state, STEP_SKIPPED);
}

/* The effect outlives the server: its result comes back through the outbox and the step is
 * replayed. */
static void test_server_dies_inside_an_effect(void **state)
{
	struct rig *rig = *state;

	start(rig, "[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{\"action.run\":["
		   "\"tools\"],\"action.read\":[\"tools\"]},\"level\":2," SCRIPT(
			   "action.read('tools', {name = 'count'}) action.run('tools', {name = "
			   "'slow'}) return {done = true}") "}]");
	wait_for(rig, asks, "confirm");
	say(rig, "yes", "", "");
	while (!file_there(rig, "began"))
		usleep(1000);
	kill_server(rig);
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(effects(rig), 1);
	assert_int_equal(step(rig, "a")->attempt, 2);
}

/* Server and worker die inside the effect: UNKNOWN, and its own verify settles it. */
static void test_everything_dies_inside_an_effect(void **state)
{
	struct rig *rig = *state;

	setenv("DRILLBOOK_FAILPOINT", "effect.after=action.run:1", 1);
	client_close(rig->client);
	server_command(rig, "stop");
	connect_rig(rig);
	unsetenv("DRILLBOOK_FAILPOINT");
	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{\"action.run\":["
		"\"tools\"]},\"level\":2," SCRIPT("action.run('tools', {name = 'slow'})") "}]");
	wait_for(rig, asks, "confirm");
	say(rig, "yes", "", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(effects(rig), 1);
	assert_true(step(rig, "a")->ops[0].settled);
	assert_string_equal(step(rig, "a")->ops[0].settled_by, "verify");
}

/* No verify, not idempotent: a human says what happened, with a note. */
static void test_unknown_is_a_humans_word(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	setenv("DRILLBOOK_FAILPOINT", "effect.after=action.run:1", 1);
	client_close(rig->client);
	server_command(rig, "stop");
	connect_rig(rig);
	unsetenv("DRILLBOOK_FAILPOINT");
	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{\"action.run\":["
		"\"tools\"]},\"level\":3," SCRIPT("action.run('tools', {name = 'drop'})") "}]");
	wait_for(rig, asks, "confirm");
	say(rig, "yes", "", "drill");
	wait_for(rig, asks, "unknown");
	assert_int_equal(run_exit_status(rig->run), 5);
	assert_int_equal(step(rig, "a")->state, STEP_UNKNOWN);
	assert_int_equal(answer(rig, "done", "", "", &err), ERR_USAGE); /* a note is needed */
	kill_server(rig);
	wait_for(rig, asks, "unknown");
	say(rig, "done", "I counted the lines", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(effects(rig), 1);
	assert_string_equal(step(rig, "a")->ops[0].settled_by, "human");
}

/* Who thinks for long confirms what is prepared then: the same goes on, another is asked again.
 */
static void test_stale_confirmation(void **state)
{
	struct rig *rig = *state;

	setenv("DRILLBOOK_STALE_MS", "0", 1);
	client_close(rig->client);
	server_command(rig, "stop");
	connect_rig(rig);
	unsetenv("DRILLBOOK_STALE_MS");
	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{\"action.run\":["
		"\"tools\"]},\"level\":3," SCRIPT("action.run('tools', {name = 'drop'})") "}]");
	wait_for(rig, asks, "confirm");
	const int64_t asked = rig->run->next_pos;
	usleep(2000); /* 0 ms have to be over */
	say(rig, "yes", "", "drill");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(effects(rig), 1);
	assert_int_equal(step(rig, "a")->op_count, 1);
	/* the answer, the intent once more, the permission, result, end of the step, end of the
	 * run */
	assert_true(rig->run->next_pos >= asked + 6);
}

/* The same file, reads only; a change that the script makes all the same is refused at the
 * boundary. */
static void test_probe_changes_nothing(void **state)
{
	struct rig *rig = *state;

	start_in(rig, "probe",
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{\"action.read\":["
		"\"tools\"]},\"level\":0," SCRIPT(
			"action.read('tools', {name = 'count'})") "},"
								  "{\"id\":\"b\",\"title\":"
								  "\"B\",\"needs\":[\"a\"],"
								  "\"uses\":{\"action.run\":["
								  "\"tools\"]},\"level\":"
								  "1," SCRIPT(
									  "action.run('"
									  "tools', {name = "
									  "'add'})") "},"
										     "{\"id"
										     "\":"
										     "\"c\""
										     ",\"ti"
										     "tle\""
										     ":\"C"
										     "\","
										     "\"nee"
										     "ds\":"
										     "[\"b"
										     "\"],"
										     "\"use"
										     "s\":{"
										     "\"act"
										     "ion."
										     "run\""
										     ":["
										     "\"too"
										     "ls\"]"
										     "},"
										     "\"lev"
										     "el\":"
										     "0,"
										     "\"on_"
										     "failu"
										     "re\":"
										     "\"con"
										     "tinue"
										     "\""
										     "," SCRIPT(
											     "a"
											     "c"
											     "t"
											     "i"
											     "o"
											     "n"
											     "."
											     "r"
											     "u"
											     "n"
											     "("
											     "'"
											     "t"
											     "o"
											     "o"
											     "l"
											     "s"
											     "'"
											     ","
											     " "
											     "{"
											     "n"
											     "a"
											     "m"
											     "e"
											     " "
											     "="
											     " "
											     "'"
											     "a"
											     "d"
											     "d"
											     "'"
											     "}"
											     ")") "}]");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(run_exit_status(rig->run), 0);
	assert_int_equal(step(rig, "a")->state, STEP_OK);
	assert_int_equal(step(rig, "b")->attempt, 0);
	assert_string_equal(step(rig, "c")->error_code, "FORBIDDEN");
	assert_int_equal(effects(rig), 0);
}

static void test_one_acting_run_per_service(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };
	json_t *body = json_object();

	start(rig, "[{\"id\":\"look\",\"title\":\"L\",\"needs\":[],\"uses\":{},\"level\":0,"
		   "\"kind\":\"manual\",\"text\":\"x\"}]");
	json_put(body, "plan",
		plan_of(rig, "[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"level\":0,\"kind\":"
			     "\"wait\",\"wait_ms\":1}]"));
	assert_int_equal(client_ask(rig->client, "start", body, NULL, &err), ERR_HELD);
	wait_for(rig, asks, "manual");
	say(rig, "done", "", "");
	wait_for(rig, ended, "the end");
}

static void test_stop_and_abort(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };
	json_t *body;

	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{},\"level\":0," SCRIPT(
			"sleep('1h')") "}]");
	while (rig->run->step_count == 0 || step(rig, "a")->state != STEP_RUNNING)
		follow_one(rig);
	body = json_object();
	json_put_int(body, "run", rig->id);
	json_put_str(body, "action", "stop_step");
	json_put_str(body, "step", "a");
	must(client_ask(rig->client, "act", body, NULL, &err), &err);
	wait_for(rig, asks, "failed");
	assert_int_equal(step(rig, "a")->state, STEP_STOPPED);
	body = json_object();
	json_put_int(body, "run", rig->id);
	json_put_str(body, "action", "abort");
	json_put_str(body, "note", "enough");
	must(client_ask(rig->client, "act", body, NULL, &err), &err);
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_ABORTED);
	assert_int_equal(run_exit_status(rig->run), 4);
}

/* Parallel steps and a retry policy; a known failure renews the key. */
static void test_parallel_and_retry(void **state)
{
	struct rig *rig = *state;

	start(rig,
		"[{\"id\":\"a\",\"title\":\"A\",\"needs\":[],\"uses\":{},\"level\":"
		"0," SCRIPT(
			"sleep('300ms')") "},"
					  "{\"id\":\"b\",\"title\":\"B\",\"needs\":[],"
					  "\"uses\":{},\"level\":0," SCRIPT(
						  "sleep('300ms')") "},"
								    "{\"id\":\"c\","
								    "\"title\":\"C\","
								    "\"needs\":[],"
								    "\"uses\":{},"
								    "\"level\":0,\"on_"
								    "failure\":"
								    "\"continue\","
								    "\"retry\":{"
								    "\"attempts\":3,"
								    "\"wait_ms\":10}"
								    "," SCRIPT(
									    "fail('always'"
									    ")") "},"
										 "{\"id\":"
										 "\"d\","
										 "\"title"
										 "\":"
										 "\"D\","
										 "\"needs"
										 "\":["
										 "\"a\","
										 "\"b\","
										 "\"c\"],"
										 "\"uses\""
										 ":{},"
										 "\"level"
										 "\":"
										 "0"
										 "," SCRIPT(
											 "retur"
											 "n {}") "}]");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_true(step(rig, "a")->started.ns < step(rig, "b")->ended.ns);
	assert_true(step(rig, "b")->started.ns < step(rig, "a")->ended.ns);
	assert_int_equal(step(rig, "c")->attempt, 3);
	assert_int_equal(step(rig, "c")->state, STEP_SKIPPED);
}

/* A second terminal watches and may not act; one that never reads holds nobody up. */
static void test_watchers(void **state)
{
	struct rig *rig = *state;
	struct client *stalled, *other;
	struct err err = { 0 };
	json_t *body;

	start(rig,
		"[{\"id\":\"look\",\"title\":\"L\",\"needs\":[],\"uses\":{},\"level\":0,"
		"\"kind\":\"manual\",\"text\":\"x\"},"
		"{\"id\":\"many\",\"title\":\"M\",\"needs\":[\"look\"],\"uses\":{},\"level\":"
		"0," SCRIPT("for i = 1, 3000 do note('%s', string.rep('n', 1000)) end") "}]");
	must(client_open(&stalled, rig->dir, 0, &err), &err);
	must(client_open(&other, rig->dir, 0, &err), &err);
	body = json_object();
	json_put_int(body, "run", rig->id);
	json_put_flag(body, "watch", true);
	must(client_ask(stalled, "attach", json_incref(body), NULL, &err), &err);
	must(client_ask(other, "attach", body, NULL, &err), &err);
	wait_for(rig, asks, "manual");
	body = json_object();
	json_put_int(body, "run", rig->id);
	json_put_int(body, "ask", rig->run->asks[0].id);
	json_put_str(body, "answer", "done");
	assert_int_equal(client_ask(other, "answer", body, NULL, &err), ERR_HELD);
	say(rig, "done", "", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->note_count, 3000);
	/* the stalled one reads now, and gets everything, in order */
	struct rig late = { .client = stalled, .id = rig->id, .run = run_new() };
	late.run->id = rig->id;
	wait_for(&late, ended, "the end, late");
	assert_int_equal(late.run->note_count, 3000);
	run_free(late.run);
	json_decref(late.forecast);
	client_close(stalled);
	client_close(other);
}

/* ------------------------------------------------------------------ a short slice of the kill
 * campaign (T1) */

enum { KILL_STEPS = 10, KILLS = 12 };

/* SIGKILL to every child of the zygote: the workers, in whatever they are doing. */
static void kill_workers(struct rig *rig)
{
	char *command = xasprintf("for z in $(cat /proc/%d/task/%d/children); do for w in "
				  "$(cat /proc/$z/task/$z/children); "
				  "do kill -9 $w; done; done 2>/dev/null; true",
		(int)server_pid(rig), (int)server_pid(rig));
	const char *argv[] = { "/bin/sh", "-c", command, NULL };
	struct child child = { .argv = argv, .timeout_ms = 5000 };
	struct err err = { 0 };

	must(child_run(&child, &err), &err);
	child_release(&child);
	free(command);
}

static void answer_all(struct rig *rig)
{
	struct err err = { 0 };

	while (rig->caught_up && rig->run->ask_count > 0) {
		const char *kind = rig->run->asks[0].kind;
		const int64_t id = rig->run->asks[0].id;
		const char *word =
			str_eq(kind, "confirm") ? "yes"
			: str_eq(kind, "failed")
				? "retry"   /* a worker killed without an open intent */
				: "verify"; /* the worker that looked was killed as well */
		const enum err_code code = answer(rig, word, "", "", &err);
		if (code != ERR_NOT_FOUND) /* its step may just have lost its worker: the event
					      is under way */
			must(code, &err);
		while (run_ask(rig->run, id) != NULL)
			follow_one(rig);
	}
}

/* Every effect exactly once, whatever dies and when. */
static void test_random_kills(void **state)
{
	struct rig *rig = *state;
	json_t *steps = json_array();
	unsigned seed = (unsigned)time(NULL);

	print_message("seed %u\n", seed);
	for (int i = 0; i < KILL_STEPS; i++) {
		char *text =
			xasprintf("{\"id\":\"s%d\",\"title\":\"S\",\"needs\":[%s%.*d%s],"
				  "\"level\":1,\"uses\":{\"action.run\":[\"tools\"]}," SCRIPT(
					  "now() action.run('tools', {name = 'mark', args = {n "
					  "= '%d'}}) now()") "}",
				i, i > 0 ? "\"s" : "", i > 0 ? 1 : 0, i > 0 ? i - 1 : 0,
				i > 0 ? "\"" : "", i);
		json_array_append_new(steps, parse(text));
		free(text);
	}
	char *line = json_line(steps);
	start(rig, line);
	free(line);
	json_decref(steps);
	for (int i = 0; i < KILLS && rig->run->status == RUN_OPEN; i++) {
		const struct mono begin = mono_now();
		const int64_t pause = rand_r(&seed) % 120;
		while (mono_ms_since(begin) < pause && rig->run->status == RUN_OPEN) {
			follow_one(rig);
			answer_all(rig);
		}
		if (rig->run->status == RUN_OPEN && rand_r(&seed) % 2 == 0)
			kill_workers(rig);
		else if (rig->run->status == RUN_OPEN)
			kill_server(rig);
	}
	const struct mono begin = mono_now();
	while (rig->run->status == RUN_OPEN && mono_ms_since(begin) < PATIENCE_MS) {
		follow_one(rig);
		answer_all(rig);
	}
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(effects(rig), KILL_STEPS);
}

/* ------------------------------------------------------------------ forecasts */

static bool forecast_there(const struct rig *rig, const char *what)
{
	(void)what;
	return rig->forecast != NULL;
}

static const json_t *forecast_of(struct rig *rig, const char *rows, size_t at)
{
	wait_for(rig, forecast_there, "a forecast");
	return json_array_get(json_object_get(rig->forecast, rows), at);
}

static void forget_forecast(struct rig *rig)
{
	json_decref(rig->forecast);
	rig->forecast = NULL;
}

/* A human step that is answered at once, then a wait that is written down, then the mark. */
static void start_forecast(struct rig *rig, const char *mode)
{
	forget_forecast(rig);
	start_in(rig, mode,
		"[{\"id\":\"look\",\"title\":\"Look\",\"kind\":\"manual\",\"needs\":[],\"uses\":"
		"{},\"level\":0},"
		"{\"id\":\"rest\",\"title\":\"Rest\",\"kind\":\"wait\",\"wait_ms\":400,"
		"\"needs\":[\"look\"],\"uses\":{},\"level\":0,"
		"\"marks\":[{\"service\":\"shop\",\"reached\":\"verified\"}]}]");
}

/* History comes from runs of the same mode only, is read again by a new server, and what is told
 * changes with what happens. */
static void test_forecasts_come_from_earlier_runs(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 3; i++) {
		start_forecast(rig, "drill");
		wait_for(rig, asks, "manual");
		assert_int_equal(json_int(rig->forecast, "runs", i), i);
		say(rig, "done", "", "");
		wait_for(rig, ended, "end");
	}
	start_forecast(rig, "probe"); /* asks nobody: skips, waits, ends */
	wait_for(rig, ended, "end");
	assert_int_equal(json_int(rig->forecast, "runs", -1), 0);
	start_forecast(rig, "drill");
	wait_for(rig, asks, "manual");
	const json_t *service = forecast_of(rig, "services", 0);
	assert_int_equal(json_int(rig->forecast, "runs", 0), 3);
	assert_string_equal(json_str(service, "service", ""), "shop");
	assert_in_range(json_int(service, "p50_ms", 0), 400, 30000);
	assert_true(json_int(service, "p90_ms", 0) >= json_int(service, "p50_ms", 0));
	assert_int_equal(json_int(service, "miss_per_mille", -1), 0);
	/* another server goes on */
	const int64_t id = rig->id;
	client_close(rig->client);
	server_command(rig, "stop");
	connect_rig(rig);
	rig->id = id;
	forget_forecast(rig);
	attach(rig);
	assert_int_equal(json_array_size(json_object_get(
				 (forecast_of(rig, "services", 0), rig->forecast), "steps")),
		1);
	assert_int_equal(json_int(rig->forecast, "runs", 0), 3);
	say(rig, "done", "", "");
	wait_for(rig, ended, "end");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_script_steps),
		T(test_level_one_is_previewed),
		T(test_irreversible_needs_the_word),
		T(test_mode_guard),
		T(test_manual_and_decide_survive_the_server),
		T(test_server_dies_inside_an_effect),
		T(test_everything_dies_inside_an_effect),
		T(test_unknown_is_a_humans_word),
		T(test_stale_confirmation),
		T(test_probe_changes_nothing),
		T(test_one_acting_run_per_service),
		T(test_stop_and_abort),
		T(test_parallel_and_retry),
		T(test_watchers),
		T(test_forecasts_come_from_earlier_runs),
		T(test_random_kills),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
