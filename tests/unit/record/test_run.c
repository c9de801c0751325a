/* The fold: every kind of event, what may not follow, what is left when a payload was erased. */
#include "check.h"
#include "example.h"

static struct err err;

/* Tells the example up to, not including, line `end`; `erase` is a line without payload (SIZE_MAX = none). */
static struct run *told(size_t end, size_t erase)
{
	struct run *run = run_new();
	struct story story = {.take = story_into_run, .arg = run};

	for (size_t i = 0; i < end; i++) {
		story.ms = example[i].ms;
		story.who = example[i].who;
		const char *payload = i == erase ? NULL : example[i].payload;
		ok(story_tell(&story, example[i].kind, &err, payload ? "%s" : NULL, payload));
	}
	return run;
}

static void the_table_of_kinds(void **state)
{
	enum event_kind found;

	(void)state;
	for (size_t i = 0; i < EVENT_COUNT; i++) {
		assert_true(event_kind_find(event_kinds[i].name, &found));
		assert_int_equal(found, i); /* so no name is there twice */
		assert_non_null(event_kinds[i].payload);
	}
	assert_false(event_kind_find("run.exploded", &found));
	assert_false(event_kind_find(NULL, &found));
}

static void the_example_has_every_kind(void **state)
{
	bool seen[EVENT_COUNT] = {false};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(example); i++)
		seen[example[i].kind] = true;
	for (size_t i = 0; i < EVENT_COUNT; i++)
		if (seen[i] == event_kinds[i].ledger)
			fail_msg("%s is %s the example", event_kinds[i].name, seen[i] ? "in" : "missing in");
}

static void wire_form_both_ways(void **state)
{
	struct story story = {.pos = 5, .ms = 77, .who = "op1", .epoch = 3};

	(void)state;
	for (size_t i = 0; i < EVENT_COUNT; i++) {
		struct event event = story_event(&story, (enum event_kind)i, story_json("{'a':[1,{'b':'c'}]}")), back;
		json_t *json = event_to_json(&event);
		ok(event_from_json(json, &back, &err));
		assert_int_equal(back.kind, i);
		assert_int_equal(back.chain, STORY_RUN);
		assert_int_equal(back.pos, 5);
		assert_int_equal(back.wall.ns, event.wall.ns);
		assert_int_equal(back.mono.ns, event.mono.ns);
		assert_int_equal(back.epoch, 3);
		assert_int_equal(back.actor.uid, 1000);
		assert_string_equal(back.actor.name, "op1");
		assert_string_equal(back.boot, "boot-a");
		assert_true(json_equal(back.payload, event.payload));
		event_release(&event);
		event_release(&back);
		json_decref(json);
	}
	struct event erased = story_event(&story, EVENT_NOTE_ADDED, NULL), back;
	json_t *json = event_to_json(&erased);
	ok(event_from_json(json, &back, &err));
	assert_null(back.payload);
	json_put_str(json, "kind", "run.exploded");
	refused(ERR_PROTOCOL, event_from_json(json, &back, &err));
	json_put_str(json, "kind", "note.added");
	json_put_int(json, "pos", -4);
	refused(ERR_PROTOCOL, event_from_json(json, &back, &err));
	refused(ERR_PROTOCOL, event_from_json(NULL, &back, &err));
	json_decref(json);
}

static void the_run_as_started(void **state)
{
	struct run *run = told(1, SIZE_MAX);

	(void)state;
	assert_true(run->started);
	assert_int_equal(run->id, STORY_RUN);
	assert_int_equal(run->status, RUN_OPEN);
	assert_string_equal(run->runbook, "failover");
	assert_string_equal(run->mode, "drill");
	assert_int_equal(run->version, 7);
	assert_true(run->dirty);
	assert_string_equal(run->commit, "c0ffee");
	assert_string_equal(run->lead, "op1");
	assert_int_equal(run->step_count, 5);
	assert_int_equal(run->services[0].rto_ms, 60000);
	assert_int_equal(run->t2.ns, story_wall(0).ns);
	assert_int_equal(run->t0.ns, 0);
	assert_true(run->t0_assumed);
	assert_true(run_step_ready(run, 0));
	assert_false(run_step_ready(run, 1));
	assert_null(run_step(run, "nobody"));
	assert_null(run_step(run, NULL));
	assert_false(run_finished(run));
	run_free(run);
}

static void while_a_human_is_asked(void **state)
{
	struct run *run = told(12, SIZE_MAX); /* both questions are open */

	(void)state;
	assert_int_equal(run->t0.ns, INT64_C(1795010390000000000));
	assert_false(run->t0_assumed);
	assert_int_equal(run->t3.ns, story_wall(200).ns);
	assert_int_equal(run->ask_count, 2);
	assert_int_equal(run->last_ask, 2);
	const struct ask *ask = run_step_ask(run, 1);
	assert_int_equal(ask->id, 2);
	assert_string_equal(ask->digest, "i0");
	assert_int_equal(ask->level, 2);
	assert_ptr_equal(ask, run_ask(run, 2));
	assert_null(run_ask(run, 3));
	const struct op *op = run_op(run, "2042/promote/0/0");
	assert_int_equal(op->state, OP_STATE_PROPOSED);
	assert_string_equal(json_str(op->before, "role", ""), "standby");
	assert_null(run_op(run, ""));
	const struct step *check = run_step(run, "check");
	assert_int_equal(check->state, STEP_OK);
	assert_int_equal(check->ops[0].state, OP_STATE_READ);
	assert_int_equal(step_elapsed_ms(check, story_wall(9999)), 300);
	assert_int_equal(step_elapsed_ms(run_step(run, "promote"), story_wall(1510)), 1000);
	assert_int_equal(step_elapsed_ms(run_step(run, "settle"), story_wall(1510)), 0);
	assert_int_equal(json_int(check->outputs, "lag", -1), 0);
	assert_int_equal(run_exit_status(run), 5);
	run_free(run);
}

static void after_the_server_died(void **state)
{
	struct run *run = told(18, SIZE_MAX);

	(void)state;
	assert_int_equal(run->resumes, 1);
	assert_false(run->wall_used);
	assert_string_equal(run->lead, "op2");
	assert_int_equal(run->steps[1].state, STEP_UNKNOWN);
	assert_int_equal(run_unknown_count(run), 1);
	assert_false(run_finished(run));
	run_free(run);
}

static void the_run_as_ended(void **state)
{
	struct run *run = told(COUNT_OF(example), SIZE_MAX);
	const struct service *orders = &run->services[0];

	(void)state;
	assert_int_equal(run->next_pos, COUNT_OF(example));
	assert_int_equal(run->status, RUN_DONE);
	assert_int_equal(run->ended.ns, story_wall(7300).ns);
	assert_int_equal(run->t6.ns, story_wall(7100).ns);
	assert_int_equal(orders->restored.ns, story_wall(5000).ns);
	assert_int_equal(orders->verified.ns, story_wall(5001).ns);
	assert_string_equal(orders->verified_by, "promote");
	assert_int_equal(orders->acknowledged, 512);
	const struct step *promote = run_step(run, "promote");
	assert_int_equal(promote->attempt, 2);
	assert_int_equal(promote->op_count, 3);
	assert_true(promote->ops[0].settled);
	assert_string_equal(promote->ops[0].settled_by, "verify");
	assert_int_equal(promote->ops[0].state, OP_STATE_DONE);
	assert_int_equal(promote->ops[1].state, OP_STATE_DONE);
	assert_int_equal(promote->ops[2].state, OP_STATE_REFUSED);
	assert_int_equal(run_step(run, "which")->state, STEP_SKIPPED);
	assert_string_equal(run_step(run, "which")->reason, "nobody to tell");
	assert_int_equal(run->note_count, 1);
	assert_string_equal(run->notes[0].who, "op2");
	assert_int_equal(run->deviation_count, 1);
	assert_string_equal(run->deviations[0].what, "override");
	assert_string_equal(run->deviations[0].rule, "live-clean");
	assert_string_equal(run->deviations[0].reason, "the fix is not committed yet");
	assert_null(run->deviations[0].step);
	assert_string_equal(run->deviations[0].who, "op2");
	assert_true(run_finished(run));
	assert_int_equal(run->ask_count, 0);
	assert_int_equal(service_rto(run, orders), OBJECTIVE_MET);
	assert_int_equal(service_rpo(run, orders), OBJECTIVE_MET);
	assert_int_equal(run_exit_status(run), 0);
	run_free(run);
}

/* ------------------------------------------------------------------ what cannot follow */

static void positions_must_follow(void **state)
{
	struct run *run = told(4, SIZE_MAX);
	struct story story = {.take = story_into_run, .arg = run};

	(void)state;
	for (int64_t pos = 0; pos < 8; pos++) {
		if (pos == 4)
			continue;
		story.pos = pos;
		refused(ERR_PROTOCOL, story_tell(&story, EVENT_NOTE_ADDED, &err, "{'text':'x'}"));
	}
	assert_int_equal(run->note_count, 0);
	assert_int_equal(run->next_pos, 4);
	run_free(run);
}

static void a_run_starts_once(void **state)
{
	struct run *run = run_new();
	struct story story = {.take = story_into_run, .arg = run};

	(void)state;
	for (size_t i = 1; i < COUNT_OF(example); i++)
		if (example[i].kind != EVENT_RUN_STARTED)
			refused(ERR_PROTOCOL, story_tell(&story, example[i].kind, &err, "%s", example[i].payload));
	ok(story_tell(&story, EVENT_RUN_STARTED, &err, "%s", example[0].payload));
	refused(ERR_PROTOCOL, story_tell(&story, EVENT_RUN_STARTED, &err, "%s", example[0].payload));
	for (int i = 0; i < EVENT_COUNT; i++)
		if (event_kinds[i].ledger)
			refused(ERR_PROTOCOL, story_tell(&story, (enum event_kind)i, &err, "{'run':2042}"));
	assert_int_equal(run->next_pos, 1);
	run_free(run);
}

static void a_malformed_start_leaves_nothing(void **state)
{
	static const char *const bad[] = {
		"{'steps':[{'id':'a','kind':'script'},{'id':'a','kind':'script'}]}",
		"{'steps':[{'id':'a','kind':'dance'}]}",
		"{'steps':[{'id':'','kind':'script'}]}",
		"{'steps':[{'kind':'script'}]}",
		"{'steps':[7]}",
		"{'steps':[{'id':'a','kind':'script','needs':['b']}]}",
		"{'steps':[{'id':'a','kind':'script','needs':[3]}]}",
	};
	struct run *run = run_new();
	struct story story = {.take = story_into_run, .arg = run};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		refused(ERR_PROTOCOL, story_tell(&story, EVENT_RUN_STARTED, &err, "%s", bad[i]));
		assert_false(run->started);
		assert_int_equal(run->step_count, 0);
		assert_null(run_step(run, "a"));
		assert_int_equal(run->next_pos, 0);
	}
	refused(ERR_PROTOCOL, story_tell(&story, EVENT_RUN_STARTED, &err, NULL)); /* erased: nothing to stand on */
	ok(story_tell(&story, EVENT_RUN_STARTED, &err, "%s", example[0].payload));
	assert_int_equal(run->step_count, 5);
	run_free(run);
}

static void what_names_nothing_is_refused(void **state)
{
	static const struct { enum event_kind kind; const char *payload; } bad[] = {
		{EVENT_STEP_STARTED, "{'step':'nobody','attempt':1}"},
		{EVENT_STEP_STARTED, "{'attempt':1}"},
		{EVENT_STEP_FINISHED, "{'step':'check','attempt':1,'outcome':'fine'}"},
		{EVENT_STEP_FINISHED, "{'step':'check','attempt':1}"},
		{EVENT_STEP_ANSWERED, "{'step':'check','ask':9,'answer':'yes'}"},
		{EVENT_OP_RESULT, "{'step':'check','attempt':1,'ordinal':4,'ok':true}"},
		{EVENT_OP_ALLOWED, "{'step':'check','attempt':1,'ordinal':4}"},
		{EVENT_OP_REFUSED, "{'step':'check','attempt':1,'ordinal':4}"},
		{EVENT_OP_UNKNOWN, "{'step':'check','attempt':1,'ordinal':4}"},
		{EVENT_OP_SETTLED, "{'step':'check','attempt':1,'ordinal':4,'verdict':'done'}"},
		{EVENT_SERVICE_MARKED, "{'service':'ledger','reached':'verified'}"},
		{EVENT_RECOVERY_MEASURED, "{'service':'ledger','lost':0}"},
		{EVENT_CLOCK_SET, "{'clock':'t9','at_ns':1}"},
		{EVENT_RUN_ENDED, "{'status':'splendid'}"},
		{EVENT_RUN_ENDED, "{'status':'open'}"},
	};
	struct run *run = told(4, SIZE_MAX);
	struct story story = {.take = story_into_run, .arg = run, .pos = 4};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		refused(ERR_PROTOCOL, story_tell(&story, bad[i].kind, &err, "%s", bad[i].payload));
		assert_int_equal(run->next_pos, 4);
		assert_int_equal(run->status, RUN_OPEN);
		assert_int_equal(run->steps[0].state, STEP_RUNNING);
		assert_int_equal(run->steps[0].op_count, 0);
	}
	run_free(run);
}

static void an_answer_counts_once(void **state)
{
	struct run *run = told(13, SIZE_MAX); /* ask 2 is answered */
	struct story story = {.take = story_into_run, .arg = run, .pos = 13};

	(void)state;
	refused(ERR_PROTOCOL, story_tell(&story, EVENT_STEP_ANSWERED, &err, "%s", example[12].payload));
	run_free(run);
}

/* ------------------------------------------------------------------ erased payloads */

static void any_one_event_may_be_erased(void **state)
{
	(void)state;
	for (size_t erase = 1; erase < COUNT_OF(example); erase++) {
		struct run *run = told(COUNT_OF(example), erase); /* fails the test when the fold stops */
		assert_int_equal(run->next_pos, COUNT_OF(example));
		assert_int_not_equal(run->status, RUN_OPEN);
		assert_int_equal(run->ended.ns, story_wall(7300).ns);
		if (example[erase].kind == EVENT_RUN_ENDED) /* nobody can say any more that it went well */
			assert_int_equal(run->status, RUN_FAILED);
		for (size_t i = 0; i < run->step_count; i++)
			for (size_t k = 0; k < run->steps[i].op_count; k++)
				assert_true(run->steps[i].ops[k].op != NULL && run->steps[i].ops[k].key != NULL &&
					run->steps[i].ops[k].target != NULL && run->steps[i].ops[k].effect != NULL);
		run_free(run);
	}
}

static void all_but_the_start_may_be_erased(void **state)
{
	struct run *run = run_new();
	struct story story = {.take = story_into_run, .arg = run};

	(void)state;
	ok(story_tell(&story, EVENT_RUN_STARTED, &err, "%s", example[0].payload));
	for (size_t i = 1; i < COUNT_OF(example); i++)
		ok(story_tell(&story, example[i].kind, &err, NULL));
	assert_int_equal(run->note_count, 1); /* that there was one still counts */
	assert_string_equal(run->notes[0].text, "");
	run_free(run);
}

/* ------------------------------------------------------------------ single rules */

static void a_result_of_unknown_effect_is_unknown(void **state)
{
	static const struct { const char *error; enum op_state state; } rows[] = {
		{"{'code':'TIMEOUT','world':'unknown'}", OP_STATE_UNKNOWN},
		{"{'code':'REFUSED','world':'unchanged'}", OP_STATE_FAILED},
		{"{'code':'FAILED','world':'changed'}", OP_STATE_FAILED},
		{"{'code':'FAILED'}", OP_STATE_UNKNOWN}, /* who does not say, does not know */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run *run = told(14, SIZE_MAX);
		struct story story = {.take = story_into_run, .arg = run, .pos = 14};
		ok(story_tell(&story, EVENT_OP_RESULT, &err,
			"{'step':'promote','attempt':1,'ordinal':0,'ok':false,'error':%s}", rows[i].error));
		assert_int_equal(run_op(run, "2042/promote/0/0")->state, rows[i].state);
		run_free(run);
	}
}

static void a_reboot_is_noticed(void **state)
{
	struct run *run = told(4, SIZE_MAX);
	struct story story = {.take = story_into_run, .arg = run, .pos = 4, .boot = "boot-b"};

	(void)state;
	ok(story_tell(&story, EVENT_RUN_RESUMED, &err, "{'epoch':2,'reason':'x','boot_changed':true}"));
	assert_true(run->wall_used);
	run_free(run);
}

static void a_step_that_ends_takes_its_questions_along(void **state)
{
	struct run *run = told(12, SIZE_MAX);
	struct story story = {.take = story_into_run, .arg = run, .pos = 12};

	(void)state;
	ok(story_tell(&story, EVENT_STEP_FINISHED, &err,
		"{'step':'tell','attempt':1,'outcome':'stopped','error':{'code':'CANCELLED','text':'by hand','world':'unchanged'}}"));
	assert_int_equal(run->ask_count, 1);
	assert_null(run_ask(run, 1));
	assert_string_equal(run_step(run, "tell")->error_code, "CANCELLED");
	/* what is skipped after it failed keeps what it failed of */
	ok(story_tell(&story, EVENT_STEP_FINISHED, &err, "{'step':'tell','attempt':1,'outcome':'skipped','reason':'by mail'}"));
	assert_string_equal(run_step(run, "tell")->error_code, "CANCELLED");
	assert_string_equal(run_step(run, "tell")->reason, "by mail");
	assert_true(run_step_ready(run, 3)); /* a skipped need is a met one */
	ok(story_tell(&story, EVENT_STEP_STARTED, &err, "{'step':'tell','attempt':2}"));
	assert_null(run_step(run, "tell")->error_code);
	run_free(run);
}

static void words(void **state)
{
	enum step_kind kind;

	(void)state;
	for (int i = STEP_PENDING; i <= STEP_UNKNOWN; i++)
		assert_non_null(step_state_name((enum step_state)i));
	for (int i = KIND_SCRIPT; i <= KIND_WAIT; i++) {
		assert_true(step_kind_find(step_kind_name((enum step_kind)i), &kind));
		assert_int_equal(kind, i);
	}
	assert_false(step_kind_find("dance", &kind));
	for (int i = 0; i < TIME_KINDS; i++)
		assert_non_null(time_kind_name((enum time_kind)i));
	assert_string_equal(op_state_name(OP_STATE_UNKNOWN), "unknown");
	assert_string_equal(run_status_name(RUN_ABORTED), "aborted");
	assert_string_equal(objective_name(OBJECTIVE_NOT_MEASURED), "not measured");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_kinds), cmocka_unit_test(the_example_has_every_kind),
		cmocka_unit_test(wire_form_both_ways), cmocka_unit_test(the_run_as_started),
		cmocka_unit_test(while_a_human_is_asked), cmocka_unit_test(after_the_server_died),
		cmocka_unit_test(the_run_as_ended), cmocka_unit_test(positions_must_follow),
		cmocka_unit_test(a_run_starts_once), cmocka_unit_test(a_malformed_start_leaves_nothing),
		cmocka_unit_test(what_names_nothing_is_refused), cmocka_unit_test(an_answer_counts_once),
		cmocka_unit_test(any_one_event_may_be_erased), cmocka_unit_test(all_but_the_start_may_be_erased),
		cmocka_unit_test(a_result_of_unknown_effect_is_unknown), cmocka_unit_test(a_reboot_is_noticed),
		cmocka_unit_test(a_step_that_ends_takes_its_questions_along), cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
