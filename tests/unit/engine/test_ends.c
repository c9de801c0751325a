/* test_ends.c: every run comes to its end, and to the right one: stops, aborts and answers that meet something in
 * between (a retry that waits, an invariant between two looks, a question that was overtaken, a world nobody knows). */
#include "rig.h"

#define RUN(text) "'kind':'script','uses':{'action.run':['tools']},'script':{'file':'t.yaml','line':1,'source':'" text "'}"
#define MAKE(name) "action.run(`tools`, {name = `make`, args = {n = `" name "`}})"
#define BASE "'title':'T','level':1,"
#define FAIL "'title':'T','level':0,'kind':'script','uses':{},'script':{'file':'t.yaml','line':1,'source':'fail(`it broke`)'}"

/* half makes NAME and then fails in a way that leaves open whether it did */
#define HALF                                                                                          \
	"{'targets':{'tools':{'provider':'command','environment':'lab','settings':{},'secrets':{},'actions':{"  \
	"'half':{'argv':['/bin/sh','-c','echo +$1 >> effects; touch made-$1; test -e quick || sleep 20; exit 1','sh','{n}'],"  \
	"'params':['n'],'effect':'change','verify':'is-made','undo':'unmake'},"                          \
	"'unmake':{'argv':['/bin/sh','-c','echo -$1 >> effects; rm made-$1','sh','{n}'],'params':['n'],"  \
	"'effect':'change','verify':'is-unmade'},"                                                     \
	"'is-made':{'argv':['/bin/sh','-c','test -e made-$1','sh','{n}'],'params':['n'],'effect':'read'},"  \
	"'is-unmade':{'argv':['/bin/sh','-c','! test -e made-$1','sh','{n}'],'params':['n'],'effect':'read'}}}}}"

static void preview(struct rig *rig)
{
	wait_for(rig, asks, "confirm");
	say(rig, "yes", "", "");
}

static bool file_exists(const struct rig *rig, const char *name)
{
	return file_there(rig, name);
}

static bool failed(const struct rig *rig, const char *id)
{
	return rig->run->started && run_step(rig->run, id)->state == STEP_FAILED;
}

static bool running(const struct rig *rig, const char *id)
{
	return rig->run->started && run_step(rig->run, id)->state == STEP_RUNNING;
}

static void an_invariant_does_not_outlive_its_stopped_group(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'g!ok','kind':'watch','needs':[],'within':['g'],'every_ms':100,'title':'I','level':0,'uses':{},"
		"'script':{'file':'t','line':1,'source':'return true'}},"
		"{'id':'g.a','needs':[],'within':['g'],'on_failure':'stop'," FAIL "},"
		"{'id':'g','kind':'group','needs':['g.a'],'title':'G','level':0}]",
		NULL);
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_FAILED);
}

static void a_watch_of_an_aborted_run_ends_after_a_crash(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_plan(rig, "drill",
		"[{'id':'g!ok','kind':'watch','needs':[],'within':['g'],'every_ms':100,'title':'I','level':0,"
		"'uses':{'action.read':['tools']},'script':{'file':'t','line':1,"
		"'source':'action.read(`tools`, {name = `look`}) return true'}},"
		"{'id':'g.a','kind':'manual','text':'x','title':'M','level':0,'needs':[],'within':['g']},"
		"{'id':'g','kind':'group','needs':['g.a'],'title':'G','level':0}]",
		"{'targets':{'tools':{'provider':'command','environment':'lab','settings':{},'secrets':{},'actions':{"
		"'look':{'argv':['/bin/sh','-c','touch looking; sleep 1; exit 0'],'effect':'read'}}}}}");
	wait_for(rig, file_exists, "looking");
	must(act(rig, "abort", "", "enough", true, &err), &err);
	kill_server(rig);
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_ABORTED);
	assert_int_equal(step(rig, "g!ok")->attempt, 1);
}

static void what_failed_stays_failed_when_its_debris_goes(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'a','needs':[]," BASE RUN("action.run(`tools`, {name = `create`, args = {n = `tmp`}}) fail(`no`)") "},"
		"{'id':'z','needs':['a']," BASE RUN("return {}") "}]",
		NULL);
	preview(rig);
	wait_for(rig, asks, "failed");
	say(rig, "stop", "", "");
	wait_for(rig, asks, "debris");
	say(rig, "undo", "", "");
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+tmp -tmp");
	assert_int_equal(rig->run->status, RUN_FAILED);
	assert_int_equal(step(rig, "a")->state, STEP_FAILED);
	assert_int_equal(step(rig, "z")->state, STEP_PENDING);
}

static void an_abort_does_not_wait_for_a_retry(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_plan(rig, "drill", "[{'id':'a','needs':[],'retry':{'attempts':2,'wait_ms':600000}," FAIL "}]", NULL);
	wait_for(rig, failed, "a");
	must(act(rig, "abort", "", "enough", true, &err), &err);
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_ABORTED);
}

static void a_retry_survives_the_server(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'a','needs':[],'on_failure':'stop','retry':{'attempts':2,'wait_ms':1500}," FAIL "}]", NULL);
	wait_for(rig, failed, "a");
	kill_server(rig);
	wait_for(rig, ended, "the end");
	assert_int_equal(step(rig, "a")->attempt, 2);
}

static void a_wait_begun_anew_takes_its_whole_time(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_plan(rig, "drill", "[{'id':'w','kind':'wait','wait_ms':2000,'needs':[],'title':'W','level':0}]", NULL);
	wait_for(rig, running, "w");
	must(act(rig, "stop_step", "w", "", false, &err), &err);
	wait_for(rig, asks, "failed");
	say(rig, "retry", "", "");
	wait_for(rig, ended, "the end");
	assert_true(step(rig, "w")->ended.ns - step(rig, "w")->started.ns >= 1999000000);
}

static void a_question_does_not_outlive_its_attempt(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	touch(rig, "slow", "");
	start_plan(rig, "drill", "[{'id':'a','needs':[]," BASE RUN(MAKE("a") " fail(`no`)") "}]", NULL);
	preview(rig);
	wait_for(rig, asks, "failed");
	const int64_t ask = rig->run->asks[0].id;
	must(act(rig, "abort", "", "enough", true, &err), &err);
	wait_for(rig, file_exists, "undoing");
	json_t *body = json_object(); /* the undo runs: a second one beside it must not be begun */
	json_put_int(body, "run", rig->id);
	json_put_int(body, "ask", ask);
	json_put_str(body, "answer", "retry");
	assert_int_equal(client_ask(rig->client, "answer", body, NULL, &err), ERR_NOT_FOUND);
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+a -a");
}

static void what_turns_out_to_be_done_is_taken_back_too(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_plan(rig, "drill",
		"[{'id':'a','needs':[]," BASE RUN("action.run(`tools`, {name = `half`, args = {n = `h`}})") "}]", HALF);
	preview(rig);
	wait_for(rig, file_exists, "made-h");
	must(act(rig, "abort", "", "enough", true, &err), &err);
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+h -h");
	assert_false(step_outstanding(step(rig, "a")));
}

static void a_script_cannot_pass_over_what_nobody_knows(void **state)
{
	struct rig *rig = *state;

	touch(rig, "quick", "");
	start_plan(rig, "drill",
		"[{'id':'a','needs':[]," BASE RUN("pcall(action.run, `tools`, {name = `half`, args = {n = `h`}})") "}]", HALF);
	preview(rig);
	wait_for(rig, ended, "the end");
	assert_string_equal(effect_lines(rig), "+h");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_true(step(rig, "a")->ops[0].settled);
}

static void a_tabletop_undoes_nothing(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "tabletop",
		"[{'id':'a','needs':[]," BASE RUN(MAKE("a")) ",'undo':{'file':'t','line':1,'source':'" MAKE("u") "'}},"
		"{'id':'z','needs':['a'],'on_failure':'undo'," FAIL "}]",
		"{'environments':{'lab':{'modes':['tabletop']}}}");
	wait_for(rig, asks, "manual");
	say(rig, "done", "", "");
	wait_for(rig, asks, "manual");
	say(rig, "failed", "nobody knew how", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(effects(rig), 0);
	assert_int_equal(rig->run->status, RUN_FAILED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_invariant_does_not_outlive_its_stopped_group),
		T(a_watch_of_an_aborted_run_ends_after_a_crash),
		T(what_failed_stays_failed_when_its_debris_goes),
		T(an_abort_does_not_wait_for_a_retry),
		T(a_retry_survives_the_server),
		T(a_wait_begun_anew_takes_its_whole_time),
		T(a_question_does_not_outlive_its_attempt),
		T(what_turns_out_to_be_done_is_taken_back_too),
		T(a_script_cannot_pass_over_what_nobody_knows),
		T(a_tabletop_undoes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
