/* test_undo.c: taking back: one step, a run, what was left lying about; the kill switch. */
#include "rig.h"

#define RUN(text) "'kind':'script','uses':{'action.read':['tools'],'action.run':['tools']},'script':{'file':'t.yaml','line':1,'source':'" text "'}"
#define MAKE(name) RUN("action.run(`tools`, {name = `make`, args = {n = `" name "`}})")
#define BASE "'title':'T','level':1,"
#define FAIL "'title':'T','level':0,'kind':'script','uses':{},'script':{'file':'t.yaml','line':1,'source':'fail(`it broke`)'}"

/* a, b after a, c beside b; then one that fails */
#define THREE(policy)                                                                                 \
	"[{'id':'a','needs':[]," BASE MAKE("a") "},"                                                   \
	"{'id':'b','needs':['a']," BASE RUN("action.run(`tools`, {name = `make`, args = {n = `b1`}}) "   \
					    "action.run(`tools`, {name = `make`, args = {n = `b2`}})") "}," \
	"{'id':'z','needs':['b'],'on_failure':'" policy "'," FAIL "}]"

static void preview(struct rig *rig)
{
	wait_for(rig, asks, "confirm");
	say(rig, "yes", "", "");
}

static void start_three(struct rig *rig, const char *plan)
{
	start_plan(rig, "drill", plan, NULL);
	preview(rig);
	preview(rig);
}

static void on_failure_undo_takes_everything_back(void **state)
{
	struct rig *rig = *state;

	start_three(rig, THREE("undo"));
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a +b1 +b2 -b2 -b1 -a");
	assert_int_equal(rig->run->status, RUN_FAILED);
	assert_int_equal(step(rig, "a")->state, STEP_UNDONE);
	assert_int_equal(step(rig, "b")->state, STEP_UNDONE);
	assert_true(step(rig, "a")->ops[0].undone);
	assert_true(rig->run->undo);
}

static void an_abort_takes_back_only_when_asked_to(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_three(rig, THREE("ask"));
	wait_for(rig, asks, "failed");
	must(act(rig, "abort", "", "enough", false, &err), &err);
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a +b1 +b2");
	assert_int_equal(rig->run->status, RUN_ABORTED);
	start_three(rig, THREE("ask"));
	wait_for(rig, asks, "failed");
	must(act(rig, "abort", "", "enough", true, &err), &err);
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a +b1 +b2 +a +b1 +b2 -b2 -b1 -a");
	assert_int_equal(rig->run->status, RUN_ABORTED);
}

static void one_step_is_taken_back_and_done_again(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_three(rig, THREE("ask"));
	wait_for(rig, asks, "failed");
	assert_int_equal(act(rig, "undo", "a", "", false, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.text, "\"b\""));
	assert_int_equal(act(rig, "undo", "z", "", false, &err), ERR_CONFLICT);
	must(act(rig, "skip", "z", "known to be broken", false, &err), &err);
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
}

static bool undone_b(const struct rig *rig, const char *what)
{
	(void)what;
	return run_step(rig->run, "b")->state == STEP_UNDONE && rig->run->ask_count > 0;
}

static void a_failed_step_offers_its_undo(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'b','needs':[]," BASE RUN("action.run(`tools`, {name = `make`, args = {n = `b`}}) "
						  "if attempt_no then return end fail(`half`)") "}]",
		NULL);
	preview(rig);
	wait_for(rig, asks, "failed");
	say(rig, "undo", "", "");
	wait_for(rig, undone_b, "b");
	assert_string_equal(effect_lines(rig), "+b -b");
	say(rig, "retry", "", "");
	wait_for(rig, asks, "failed");
	assert_string_equal(effect_lines(rig), "+b -b +b");
	say(rig, "force", "it is good enough", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(rig->run->deviation_count, 1);
	assert_string_equal(rig->run->deviations[0].what, "force");
}

static bool file_exists(const struct rig *rig, const char *name)
{
	if (!file_there(rig, name))
		return false;
	return true;
}

static void the_server_dies_in_the_middle_of_an_undo(void **state)
{
	struct rig *rig = *state;

	touch(rig, "slow", "");
	start_three(rig, THREE("undo"));
	for (int round = 0; round < 3; round++) {
		wait_for(rig, file_exists, "undoing");
		char *path = path_join(rig->dir, "undoing");
		unlink(path);
		free(path);
		kill_server(rig);
	}
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a +b1 +b2 -b2 -b1 -a");
	assert_int_equal(rig->run->status, RUN_FAILED);
}

static void an_undo_that_fails_asks(void **state)
{
	struct rig *rig = *state;

	touch(rig, "stuck", "");
	start_three(rig, THREE("undo"));
	wait_for(rig, asks, "failed");
	assert_int_equal(step(rig, "b")->state, STEP_FAILED);
	assert_true(step(rig, "b")->undoing);
	char *path = path_join(rig->dir, "stuck");
	unlink(path);
	say(rig, "retry", "", "");
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a +b1 +b2 -b2 -b1 -a");
	/* and what is left as it is stays in the record */
	touch(rig, "stuck", "");
	start_three(rig, THREE("undo"));
	wait_for(rig, asks, "failed");
	unlink(path);
	free(path);
	say(rig, "skip", "b stays", "");
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a +b1 +b2 -b2 -b1 -a +a +b1 +b2 -a");
	assert_true(step_outstanding(step(rig, "b")));
}

static void the_steps_own_undo_comes_first(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'a','needs':[]," BASE RUN("action.run(`tools`, {name = `make`, args = {n = `one`}}) "
						  "action.run(`tools`, {name = `make`, args = {n = `two`}})")
		",'undo':{'file':'t','line':1,'source':'action.run(`tools`, {name = `mark`, args = {n = `own`}}) "
		"action.run(`tools`, {name = `unmake`, args = {n = `one`}})'}},"
		"{'id':'z','needs':['a'],'on_failure':'undo'," FAIL "}]",
		NULL);
	preview(rig);
	wait_for(rig, ended, "the end");
	/* the registered compensation of "one" was made by the script and is not made twice */
	assert_string_equal(effect_lines(rig), "+one +two own -one -two");
	assert_false(step_outstanding(step(rig, "a")));
}

/* ------------------------------------------------------------------ debris */

static void what_was_created_must_go_or_stay_with_a_reason(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };
	const char *plan = "[{'id':'a','needs':[],'expires_ms':3600000,'marks':[{'service':'shop','reached':'verified'}]," BASE
			   RUN("action.run(`tools`, {name = `create`, args = {n = `tmp`}})") "}]";

	start_plan(rig, "drill", plan, NULL);
	preview(rig);
	wait_for(rig, asks, "debris");
	assert_int_equal(run_debris(rig->run), 1);
	assert_true(step(rig, "a")->ops[0].expires.ns > wall_now().ns);
	const struct wall verified = rig->run->services[0].verified;
	kill_server(rig);
	say(rig, "undo", "", "");
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+tmp -tmp");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(step(rig, "a")->state, STEP_OK);
	assert_int_equal(run_debris(rig->run), 0);
	assert_true(rig->run->services[0].verified.ns == verified.ns); /* the clock had stopped before */

	start_plan(rig, "drill", plan, NULL);
	preview(rig);
	wait_for(rig, asks, "debris");
	assert_int_equal(answer(rig, "keep", "", "", &err), ERR_USAGE);
	say(rig, "keep", "the auditors want to see it", "");
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+tmp -tmp +tmp");
	assert_string_equal(rig->run->deviations[0].what, "keep");
}

/* ------------------------------------------------------------------ the kill switch */

static enum err_code drills(struct rig *rig, const char *action, const char *note, struct err *err)
{
	json_t *body = json_object();

	json_put_str(body, "action", action);
	json_put_str(body, "workspace", rig->dir);
	json_put_str(body, "note", note);
	return client_ask(rig->client, "drills", body, NULL, err);
}

static enum err_code try_start(struct rig *rig, const char *mode, struct err *err)
{
	json_t *body = json_object(), *reply = NULL;
	char *text = quoted("[{'id':'m','kind':'manual','needs':[],'title':'M','level':0,'text':'x'}]");

	json_put(body, "plan", plan_of(rig, text));
	free(text);
	json_put_str(json_object_get(body, "plan"), "mode", mode);
	const enum err_code code = client_ask(rig->client, "start", body, &reply, err);
	json_decref(reply);
	return code;
}

static void the_switch_stops_and_undoes_and_refuses(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_three(rig, THREE("ask"));
	wait_for(rig, asks, "failed");
	assert_int_equal(drills(rig, "stop", "", &err), ERR_USAGE);
	must(drills(rig, "stop", "real incident", &err), &err);
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a +b1 +b2 -b2 -b1 -a");
	assert_int_equal(rig->run->status, RUN_ABORTED);
	assert_non_null(strstr(rig->run->reason, "real incident"));
	assert_int_equal(try_start(rig, "drill", &err), ERR_NOT_HELD);
	assert_non_null(strstr(err.text, "real incident"));
	kill_server(rig); /* a new server knows it too */
	assert_int_equal(try_start(rig, "drill", &err), ERR_NOT_HELD);
	must(drills(rig, "allow", "over", &err), &err);
	must(try_start(rig, "drill", &err), &err);
}

static void a_file_is_a_switch_too(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_three(rig, THREE("ask"));
	wait_for(rig, asks, "failed");
	touch(rig, "STOP-DRILLS", "the site is on fire\nsecond line");
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a +b1 +b2 -b2 -b1 -a");
	assert_non_null(strstr(rig->run->reason, "the site is on fire"));
	assert_int_equal(drills(rig, "allow", "over", &err), ERR_HELD);
	char *path = path_join(rig->dir, "STOP-DRILLS");
	unlink(path);
	free(path);
	must(drills(rig, "allow", "over", &err), &err);
	must(try_start(rig, "drill", &err), &err);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(on_failure_undo_takes_everything_back),
		T(an_abort_takes_back_only_when_asked_to),
		T(one_step_is_taken_back_and_done_again),
		T(a_failed_step_offers_its_undo),
		T(the_server_dies_in_the_middle_of_an_undo),
		T(an_undo_that_fails_asks),
		T(the_steps_own_undo_comes_first),
		T(what_was_created_must_go_or_stay_with_a_reason),
		T(the_switch_stops_and_undoes_and_refuses),
		T(a_file_is_a_switch_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
