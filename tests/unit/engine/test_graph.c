/* test_graph.c: groups, conditions, polls, invariants, retries: which step runs when. */
#include "rig.h"

#define RUN(text) "'kind':'script','uses':{'action.read':['tools'],'action.run':['tools']},'script':{'file':'t.yaml','line':1,'source':'" text "'}"
#define LOOK(text) "'script':{'file':'t.yaml','line':1,'source':'" text "'},'uses':{'action.read':['tools']}"
#define BASE "'title':'T','level':0,"

static void expect_state(const struct rig *rig, const char *id, enum step_state wanted)
{
	const struct step *found = step(rig, id);

	if (found->state != wanted)
		fail_msg("step %s is %s (%s), wanted %s", id, step_state_name(found->state),
			found->error_text ? found->error_text : found->reason ? found->reason : "",
			step_state_name(wanted));
}

static void a_group_ends_when_its_members_are_through(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'a','needs':[],'within':['g']," BASE RUN("return {n = 1}") "},"
		"{'id':'b','needs':[],'within':['g']," BASE RUN("return {n = 2}") "},"
		"{'id':'g','kind':'group','title':'G','level':0,'needs':['a','b'],'outputs':{'first':'a.n','both':'b'}},"
		"{'id':'c','needs':['g']," BASE RUN("if outputs.g.first ~= 1 or outputs.g.both.n ~= 2 then fail(`outputs`) end") "}]",
		NULL);
	wait_for(rig, ended, "the end");
	expect_state(rig, "g", STEP_OK);
	expect_state(rig, "c", STEP_OK);
	assert_int_equal(rig->run->status, RUN_DONE);
}

/* How many members of the group ran at once, at most, from the stamps of the record. */
static int most_at_once(const struct rig *rig)
{
	int most = 0;

	for (size_t i = 0; i < rig->run->step_count; i++) {
		int now = 0;
		if (rig->run->steps[i].kind == KIND_GROUP)
			continue;
		for (size_t k = 0; k < rig->run->step_count; k++)
			now += rig->run->steps[k].kind != KIND_GROUP &&
			       rig->run->steps[k].started.ns <= rig->run->steps[i].started.ns &&
			       rig->run->steps[k].ended.ns > rig->run->steps[i].started.ns;
		most = now > most ? now : most;
	}
	return most;
}

static void limits_hold(void **state)
{
	struct rig *rig = *state;
	struct buf text;
	struct err err = { 0 };

	buf_init(&text, 1 << 16);
	must(buf_addf(&text, &err, "["), &err);
	for (int i = 0; i < 6; i++)
		must(buf_addf(&text, &err, "{'id':'m%d','needs':[],'within':['g']," BASE RUN("sleep(`120ms`)") "},", i), &err);
	must(buf_addf(&text, &err,
		     "{'id':'g','kind':'group','title':'G','level':0,'parallel':2,'needs':['m0','m1','m2','m3','m4','m5']}]"),
		&err);
	start_plan(rig, "drill", text.data, NULL);
	wait_for(rig, ended, "the end");
	assert_int_equal(most_at_once(rig), 2);
	start_plan(rig, "drill", text.data, "{'parallel':1}");
	wait_for(rig, ended, "the end");
	assert_int_equal(most_at_once(rig), 1);
	buf_release(&text);
}

/* A question before the start takes the place that its answer will take. */
static void limits_hold_for_steps_that_ask_first(void **state)
{
	struct rig *rig = *state;
	struct buf text;
	struct err err = { 0 };

	buf_init(&text, 1 << 16);
	must(buf_addf(&text, &err, "["), &err);
	for (int i = 0; i < 4; i++)
		must(buf_addf(&text, &err, "{'id':'m%d','needs':[],'within':['g'],'title':'T','level':1," RUN("sleep(`100ms`)") "},", i),
			&err);
	must(buf_addf(&text, &err,
		     "{'id':'g','kind':'group','title':'G','level':0,'parallel':1,'needs':['m0','m1','m2','m3']}]"),
		&err);
	start_plan(rig, "drill", text.data, NULL);
	for (int i = 0; i < 4; i++) {
		wait_for(rig, asks, "confirm");
		assert_int_equal(rig->run->ask_count, 1);
		say(rig, "yes", "", "");
	}
	wait_for(rig, ended, "the end");
	assert_int_equal(most_at_once(rig), 1);
	buf_release(&text);
}

static void conditions(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'a','needs':[]," BASE RUN("return {site = `b`, name = `db-12`}") "},"
		"{'id':'yes','needs':['a'],'when':{'output':'a.site','equals':'b'}," BASE RUN("") "},"
		"{'id':'no','needs':['a'],'when':{'all':[{'output':'a.site','equals':'b'},{'mode':'live'}]}," BASE RUN("") "},"
		"{'id':'match','needs':['a'],'when':{'output':'a.name','matches':'^db-[0-9]+$'}," BASE RUN("") "},"
		"{'id':'differ','needs':['a'],'when':{'output':'a.name','matches':'^x'}," BASE RUN("") "},"
		"{'id':'after','needs':['no','differ']," BASE RUN("") "}]",
		NULL);
	wait_for(rig, ended, "the end");
	expect_state(rig, "yes", STEP_OK);
	expect_state(rig, "no", STEP_SKIPPED);
	expect_state(rig, "match", STEP_OK);
	expect_state(rig, "differ", STEP_SKIPPED);
	expect_state(rig, "after", STEP_OK);
	assert_non_null(strstr(step(rig, "no")->reason, "a.site is b and mode is live"));
}

/* POSIX expressions can be made to take for ever; that costs a process and not the server. */
static void a_pattern_that_takes_for_ever(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'a','needs':[]," BASE RUN("return {s = string.rep(`a`, 3000)}") "},"
		"{'id':'b','needs':['a'],'when':{'output':'a.s','matches':'^(a*)(a*)(a*)\\\\1\\\\2\\\\3b$'}," BASE RUN("") "}]",
		NULL);
	wait_for(rig, asks, "failed");
	expect_state(rig, "b", STEP_FAILED);
	assert_non_null(strstr(step(rig, "b")->error_text, "condition"));
	say(rig, "skip", "the expression is bad", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->deviation_count, 1);
	assert_string_equal(rig->run->deviations[0].what, "skip");
}

static void nested_runbooks_see_their_own(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'pre','needs':[]," BASE RUN("return {port = 7}") "},"
		"{'id':'web/inner','scope':'web','needs':['pre'],'within':['web']," BASE
		RUN("if params.port ~= 7 or params.zone ~= `z` or params.who then fail(`params`) end "
		    "if outputs.pre then fail(`sees outside`) end return {x = params.port + 1}") "},"
		"{'id':'web/last','scope':'web','needs':['web/inner'],'within':['web']," BASE
		RUN("if outputs.inner.x ~= 8 then fail(`outputs`) end") "},"
		"{'id':'web','kind':'group','title':'W','level':0,'needs':['web/last'],'outputs':{'x':'web/inner.x'}},"
		"{'id':'post','needs':['web']," BASE RUN("if outputs.web.x ~= 8 or not params.who then fail(`post`) end") "}]",
		"{'scopes':{'web':{'prefix':'web/','params':{'port':{'output':'pre.port'},'zone':'z'}}}}");
	wait_for(rig, ended, "the end");
	expect_state(rig, "post", STEP_OK);
	assert_int_equal(rig->run->status, RUN_DONE);
}

/* for_each over a group: the steps of a turn see those of the same turn. */
static void a_turn_sees_its_own(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'e/1/a','needs':[],'within':['e','e/1'],'prefix':'e/1/','item':'x','item_name':'h','items':{'h':'x','o':7}," BASE
		RUN("return {v = h .. o}") "},"
		"{'id':'e/1/b','needs':['e/1/a'],'within':['e','e/1'],'prefix':'e/1/','item':'x','item_name':'h'," BASE
		RUN("if outputs.a.v ~= `x7` then fail(`not its own`) end return {n = 1}")
		",'verify':{'file':'t','line':1,'source':'return outputs.b.n == 1'}},"
		"{'id':'e/1','kind':'group','title':'E','level':0,'within':['e'],'needs':['e/1/b']},"
		"{'id':'e','kind':'group','title':'E','level':0,'needs':['e/1']}]",
		NULL);
	wait_for(rig, ended, "the end");
	expect_state(rig, "e/1/b", STEP_OK);
	assert_int_equal(rig->run->status, RUN_DONE);
}

static void items(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'e/1','needs':[],'within':['e'],'item':'x','item_name':'host'," BASE
		RUN("if item ~= `x` or host ~= `x` then fail(`item`) end return {got = host}") "},"
		"{'id':'e/2','needs':[],'within':['e'],'item':{'n':2},'item_name':'host'," BASE RUN("return {got = item.n}") "},"
		"{'id':'e','kind':'group','title':'E','level':0,'needs':['e/1','e/2']},"
		"{'id':'z','needs':['e']," BASE
		RUN("local e = outputs.e.each if #e ~= 2 or e[1].outputs.got ~= `x` or e[2].outputs.got ~= 2 then fail(`each`) end") "}]",
		NULL);
	wait_for(rig, ended, "the end");
	expect_state(rig, "z", STEP_OK);
}

static void a_wait_for_something_to_hold(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'w','kind':'wait','needs':[],'every_ms':100,'title':'W','level':0,"
		LOOK("return action.read(`tools`, {name = `there`, args = {n = `here`}}).out:find(`yes`) ~= nil") "},"
		"{'id':'z','needs':['w']," BASE RUN("") "}]",
		NULL);
	for (int i = 0; i < 5; i++)
		follow_one(rig);
	expect_state(rig, "w", STEP_RUNNING);
	touch(rig, "here", "");
	wait_for(rig, ended, "the end");
	expect_state(rig, "z", STEP_OK);
}

static void a_wait_goes_on_after_the_server_died(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'w','kind':'wait','needs':[],'every_ms':100,'title':'W','level':0,"
		LOOK("return action.read(`tools`, {name = `there`, args = {n = `here`}}).out:find(`yes`) ~= nil") "}]",
		NULL);
	for (int i = 0; i < 5; i++)
		follow_one(rig);
	kill_server(rig);
	touch(rig, "here", "");
	wait_for(rig, ended, "the end");
	expect_state(rig, "w", STEP_OK);
}

static void a_wait_has_a_timeout(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'w','kind':'wait','needs':[],'every_ms':100,'timeout_ms':500,'on_failure':'stop','title':'W','level':0,"
		LOOK("return {lag = 9}") "}]",
		NULL);
	rig->run->id = rig->id;
	wait_for(rig, ended, "the end");
	expect_state(rig, "w", STEP_OK); /* a table without tolerance holds */
	start_plan(rig, "drill",
		"[{'id':'w','kind':'wait','needs':[],'every_ms':100,'timeout_ms':500,'on_failure':'stop','title':'W','level':0,"
		"'uses':{},'script':{'file':'t','line':1,'source':'return {lag = 9}','tolerance':{'value':'lag','below':5}}}]",
		NULL);
	wait_for(rig, ended, "the end");
	expect_state(rig, "w", STEP_FAILED);
	assert_string_equal(step(rig, "w")->error_code, "TIMEOUT");
	assert_non_null(strstr(step(rig, "w")->error_text, "lag is below 5"));
}

#define WATCHED(end)                                                                                  \
	"[{'id':'g!ok','kind':'watch','needs':[],'within':['g'],'every_ms':100,'title':'I','level':0,"  \
	LOOK("return action.read(`tools`, {name = `there`, args = {n = `broken`}}).out:find(`no`) ~= nil") "}," \
	"{'id':'a','needs':[],'within':['g']," BASE RUN("wait_until(`20s`, `50ms`, function() return action.read(`tools`, {name = `there`, args = {n = `go`}}).out:find(`yes`) end)") "}," \
	"{'id':'b','needs':['a'],'within':['g']," BASE RUN("action.run(`tools`, {name = `mark`, args = {n = `b`}})") "}," \
	"{'id':'g','kind':'group','title':'G','level':0,'needs':['b']}" end "]"

static void an_invariant_that_holds_ends_with_its_group(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill", WATCHED(""), NULL);
	touch(rig, "go", "");
	wait_for(rig, asks, "confirm");
	say(rig, "yes", "", "");
	wait_for(rig, ended, "the end");
	expect_state(rig, "g!ok", STEP_OK);
	expect_state(rig, "g", STEP_OK);
	assert_int_equal(rig->run->status, RUN_DONE);
}

static bool watch_failed(const struct rig *rig, const char *id)
{
	return run_step(rig->run, id)->state == STEP_FAILED && run_step_ask(rig->run, 0) != NULL &&
	       run_step(rig->run, "a")->state == STEP_STOPPED;
}

static void an_invariant_that_breaks_stops_its_group(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_plan(rig, "drill", WATCHED(""), NULL);
	for (int i = 0; i < 6; i++)
		follow_one(rig);
	expect_state(rig, "a", STEP_RUNNING);
	touch(rig, "broken", "");
	wait_for(rig, watch_failed, "g!ok");
	expect_state(rig, "b", STEP_PENDING);
	/* while it is broken nothing of the group starts, even when the stopped step is passed over */
	must(act(rig, "skip", "a", "not needed", false, &err), &err);
	for (int i = 0; i < 12; i++)
		follow_one(rig);
	expect_state(rig, "b", STEP_PENDING);
	char *path = path_join(rig->dir, "broken");
	unlink(path);
	free(path);
	must(act(rig, "retry", "g!ok", "", false, &err), &err);
	wait_for(rig, asks, "confirm");
	say(rig, "yes", "", "");
	wait_for(rig, ended, "the end");
	expect_state(rig, "g!ok", STEP_OK);
	assert_int_equal(effects(rig), 1);
}

static void tolerances(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'a','needs':[],'on_failure':'continue'," BASE RUN("")
		",'verify':{'file':'t','line':1,'source':'return {lag = 3, state = `streaming`}','tolerance':[{'value':'lag','between':[0,5]},{'value':'state','matches':'^stream'}]}},"
		"{'id':'b','needs':[],'on_failure':'continue'," BASE RUN("")
		",'check':{'file':'t','line':1,'source':'return {servers = {{lag = 9}}}','tolerance':{'value':'servers[0].lag','below':5}}}]",
		NULL);
	wait_for(rig, ended, "the end");
	expect_state(rig, "a", STEP_OK);
	expect_state(rig, "b", STEP_SKIPPED);
	assert_string_equal(step(rig, "b")->error_code, "PRECONDITION");
	assert_non_null(strstr(step(rig, "b")->error_text, "servers[0].lag is below 5"));
}

static void retries_wait_longer(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'a','needs':[],'on_failure':'stop','retry':{'attempts':4,'wait_ms':60,'backoff':'double','max_wait_ms':150,'jitter_percent':10}," BASE
		RUN("fail(`no`)") "}]",
		NULL);
	wait_for(rig, ended, "the end");
	expect_state(rig, "a", STEP_FAILED);
	assert_int_equal(step(rig, "a")->attempt, 4);
	/* 60 + 120 + 150, less a tenth each */
	assert_true(step(rig, "a")->ended.ns - step(rig, "a")->first_started.ns > 290 * INT64_C(1000000));
}

static void measured(struct rig *rig, const char *value, enum err_code wanted)
{
	struct err err = { 0 };
	json_t *body = json_object();

	json_put_int(body, "run", rig->id);
	json_put_int(body, "ask", rig->run->asks[0].id);
	json_put_str(body, "answer", "done");
	json_put_str(body, "value", value);
	const enum err_code code = client_ask(rig->client, "answer", body, NULL, &err);
	if (code != wanted)
		fail_msg("%s: %s %s", value, err_name(code), err.text);
}

static void a_measured_value_must_be_in_range(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "drill",
		"[{'id':'m','kind':'manual','needs':[],'text':'read the gauge','measure':{'name':'pressure','unit':'bar','min':'1','max':'2.5'},'title':'M','level':0}]",
		NULL);
	wait_for(rig, asks, "manual");
	measured(rig, "", ERR_USAGE);
	measured(rig, "much", ERR_USAGE);
	measured(rig, "inf", ERR_USAGE);
	measured(rig, "0x2", ERR_USAGE);
	measured(rig, "2 bar", ERR_USAGE);
	measured(rig, "2.6", ERR_PRECONDITION);
	measured(rig, "0.9", ERR_PRECONDITION);
	measured(rig, "2.5", ERR_NONE);
	wait_for(rig, ended, "the end");
	assert_string_equal(json_str(step(rig, "m")->outputs, "value", ""), "2.5");
	assert_string_equal(json_str(step(rig, "m")->outputs, "pressure", ""), "2.5");
	assert_string_equal(json_str(step(rig, "m")->outputs, "unit", ""), "bar");
}

static void who_started_cannot_approve(void **state)
{
	struct rig *rig = *state;
	struct err err = { 0 };

	start_plan(rig, "drill",
		"[{'id':'p','kind':'approve','needs':[],'text':'go?','count':1,'timeout_ms':900,'on_failure':'stop','title':'P','level':0}]",
		NULL);
	wait_for(rig, asks, "approve");
	assert_int_equal(answer(rig, "approve", "", "", &err), ERR_FORBIDDEN);
	assert_non_null(strstr(err.text, "started the run"));
	wait_for(rig, ended, "the timeout");
	assert_string_equal(step(rig, "p")->error_code, "TIMEOUT");
}

static void tabletop_asks_everything_and_touches_nothing(void **state)
{
	struct rig *rig = *state;

	start_plan(rig, "tabletop",
		"[{'id':'a','needs':[],'title':'A','level':2," RUN("action.run(`tools`, {name = `slow`})") "},"
		"{'id':'w','kind':'wait','wait_ms':3600000,'needs':['a'],'title':'W','level':0}]",
		NULL);
	wait_for(rig, asks, "manual");
	kill_server(rig);
	say(rig, "done", "ops would call the storage team", "");
	wait_for(rig, asks, "manual");
	say(rig, "done", "", "");
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	assert_int_equal(effects(rig), 0);
	assert_string_equal(rig->run->mode, "tabletop");
}

static void three_hundred_steps_and_forty_branches(void **state)
{
	struct rig *rig = *state;
	struct buf text;
	struct err err = { 0 };

	buf_init(&text, 1 << 18);
	must(buf_addf(&text, &err, "["), &err);
	for (int i = 0; i < 300; i++)
		must(buf_addf(&text, &err, "%s{'id':'s%d','needs':[%s%.0d%s]," BASE RUN("return {n = %d}") "}", i ? "," : "", i,
			     i >= 40 ? "'s" : "", i >= 40 ? i - 40 : 0, i >= 40 ? "'" : "", i),
			&err);
	must(buf_addf(&text, &err, "]"), &err);
	for (char *at = text.data; (at = strstr(at, "'s'")) != NULL;) /* %.0d of 0 prints nothing */
		memcpy(at, "'s0", 3), memmove(at + 4, at + 3, strlen(at + 3) + 1), at[3] = '\'', text.len++;
	start_plan(rig, "drill", text.data, NULL);
	wait_for(rig, ended, "the end");
	assert_int_equal(rig->run->status, RUN_DONE);
	buf_release(&text);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_group_ends_when_its_members_are_through),
		T(limits_hold),
		T(limits_hold_for_steps_that_ask_first),
		T(a_turn_sees_its_own),
		T(conditions),
		T(a_pattern_that_takes_for_ever),
		T(nested_runbooks_see_their_own),
		T(items),
		T(a_wait_for_something_to_hold),
		T(a_wait_goes_on_after_the_server_died),
		T(a_wait_has_a_timeout),
		T(an_invariant_that_holds_ends_with_its_group),
		T(an_invariant_that_breaks_stops_its_group),
		T(tolerances),
		T(retries_wait_longer),
		T(a_measured_value_must_be_in_range),
		T(who_started_cannot_approve),
		T(tabletop_asks_everything_and_touches_nothing),
		T(three_hundred_steps_and_forty_branches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
