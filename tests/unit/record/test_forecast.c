/* test_forecast.c: what a forecast says in cases that can be worked out by hand.  How well it covers is in
 * test_forecast_cover.c. */
#include "check.h"
#include "story.h"

static struct err err;

struct teller {
	struct run *run;
	struct story story;
};

static void begin(struct teller *t, const char *steps)
{
	t->run = run_new();
	t->story = (struct story){.take = story_into_run, .arg = t->run};
	ok(story_tell(&t->story, EVENT_RUN_STARTED, &err,
		"{'mode':'drill','runbook':{'name':'x','version':3},'services':[{'name':'s','rto_ms':600000},"
		"{'name':'other','rto_ms':-1}],'steps':[%s]}", steps));
}

#define TELL(t, at_ms, kind, ...)                                                                \
	do {                                                                                     \
		(t)->story.ms = (at_ms);                                                         \
		ok(story_tell(&(t)->story, kind, &err, __VA_ARGS__));                            \
	} while (0)

/* `count` earlier runs of version 3, in each of which step id took one of the values in turn. */
static json_t *runs_of(int count)
{
	json_t *history = json_object(), *runs = json_array();

	for (int i = 0; i < count; i++) {
		json_t *row = json_object();
		json_put_int(row, "run", count - i);
		json_put_int(row, "version", 3);
		json_put_int(row, "began_ns", STORY_BEGIN_NS - (i + 1) * INT64_C(86400000000000));
		json_array_append_new(runs, row);
	}
	json_put(history, "runs", runs);
	json_put(history, "steps", json_object());
	return history;
}

static void add_passes(json_t *history, const char *id, int64_t one, int64_t two)
{
	json_t *passes = json_array();

	for (size_t i = 0; i < json_array_size(json_object_get(history, "runs")); i++)
		json_array_append_new(passes, json_integer(i % 2 ? two : one));
	json_put(json_object_get(history, "steps"), id, passes);
}

/* A projection that stays while the next one is made. */
struct seen {
	struct service_forecast service;
	struct step_forecast step;
	int32_t critical[8];
	int64_t runs;
};

static struct seen look(const struct run *run, const json_t *history, size_t parallel, int64_t now_ms, size_t step)
{
	struct forecast *forecast = forecast_new(run, history, parallel, 1);
	const struct projection *projection = forecast_project(forecast, run, story_wall(now_ms));
	struct seen seen = {.service = projection->services[0], .step = projection->steps[step], .runs = projection->runs};

	for (size_t i = 0; i < run->step_count && i < COUNT_OF(seen.critical); i++)
		seen.critical[i] = projection->services[0].critical_per_mille[i];
	forecast_free(forecast);
	return seen;
}

#define VERIFIES ",'marks':[{'service':'s','reached':'verified'}]"
#define near(value, middle) assert_in_range(value, (middle) * 9 / 10, (middle) * 11 / 10)

static void a_row_of_steps_is_their_sum(void **state)
{
	struct teller t;
	json_t *history = runs_of(10);

	(void)state;
	begin(&t, "{'id':'a','kind':'script'},{'id':'b','kind':'script','needs':['a']" VERIFIES "}");
	add_passes(history, "a", 100000, 100000);
	add_passes(history, "b", 50000, 50000);
	const struct seen seen = look(t.run, history, 8, 0, 0);
	assert_true(seen.service.known);
	assert_int_equal(seen.runs, 10);
	near(seen.service.p50_ms, 150000);
	assert_true(seen.service.p90_ms > seen.service.p50_ms); /* nothing is ever quite sure */
	assert_in_range(seen.service.p90_ms, 150000, 190000);
	assert_int_equal(seen.service.miss_per_mille, 0);
	assert_int_equal(seen.critical[0], 1000);
	assert_int_equal(seen.critical[1], 1000);
	json_decref(history);
	run_free(t.run);
}

static void the_same_seed_says_the_same(void **state)
{
	struct teller t;
	json_t *history = runs_of(6);

	(void)state;
	begin(&t, "{'id':'a','kind':'script'" VERIFIES "}");
	add_passes(history, "a", 80000, 150000);
	const struct seen one = look(t.run, history, 8, 5000, 0), two = look(t.run, history, 8, 5000, 0);
	assert_int_equal(one.service.p50_ms, two.service.p50_ms);
	assert_int_equal(one.service.p90_ms, two.service.p90_ms);
	struct forecast *other = forecast_new(t.run, history, 8, 2);
	assert_true(forecast_project(other, t.run, story_wall(5000))->services[0].p90_ms != one.service.p90_ms);
	forecast_free(other);
	json_decref(history);
	run_free(t.run);
}

static void parallel_steps_count_once_and_the_limit_counts(void **state)
{
	struct teller t;
	json_t *history = runs_of(8);

	(void)state;
	begin(&t, "{'id':'a','kind':'script'},{'id':'b','kind':'script'},{'id':'c','kind':'script'},{'id':'d','kind':'script'},"
		  "{'id':'end','kind':'script','needs':['a','b','c','d']" VERIFIES "}");
	for (int i = 0; i < 4; i++)
		add_passes(history, (const char *[]){"a", "b", "c", "d"}[i], 60000, 60000);
	add_passes(history, "end", 10000, 10000);
	near(look(t.run, history, 0, 0, 0).service.p50_ms, 73000);
	near(look(t.run, history, 2, 0, 0).service.p50_ms, 133000);
	near(look(t.run, history, 1, 0, 0).service.p50_ms, 250000);
	/* with one at a time each of them holds the end up, by its place in the queue */
	assert_int_equal(look(t.run, history, 1, 0, 0).critical[2], 1000);
	json_decref(history);
	run_free(t.run);
}

static void groups_have_limits_of_their_own(void **state)
{
	struct teller t;
	json_t *history = runs_of(8);

	(void)state;
	begin(&t, "{'id':'a','kind':'script','within':['g']},{'id':'b','kind':'script','within':['g']},"
		  "{'id':'g!w','kind':'watch','within':['g']},"
		  "{'id':'g','kind':'group','needs':['a','b'],'parallel':1},{'id':'c','kind':'script'},"
		  "{'id':'end','kind':'script','needs':['g','c']" VERIFIES "}");
	add_passes(history, "a", 60000, 60000);
	add_passes(history, "b", 60000, 60000);
	add_passes(history, "c", 100000, 100000);
	add_passes(history, "end", 10000, 10000);
	struct seen seen = look(t.run, history, 8, 0, 0);
	near(seen.service.p50_ms, 130000); /* a and b one after the other, c beside them */
	assert_int_equal(seen.service.guessed, 0);
	/* an invariant that watches holds nobody up, however long it takes */
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'g!w','attempt':1}");
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'b','attempt':1}");
	seen = look(t.run, history, 8, 30000, 1);
	near(seen.service.p50_ms, 130000);
	near(seen.step.p50_ms, 30000);
	assert_int_equal(seen.service.miss_per_mille, 0);
	json_decref(history);
	run_free(t.run);
}

static void the_slower_branch_is_critical(void **state)
{
	struct teller t;
	json_t *history = runs_of(12);

	(void)state;
	begin(&t, "{'id':'fast','kind':'script'},{'id':'slow','kind':'script'},{'id':'aside','kind':'script'},"
		  "{'id':'end','kind':'script','needs':['fast','slow']" VERIFIES "}");
	add_passes(history, "fast", 20000, 30000);
	add_passes(history, "slow", 60000, 90000);
	add_passes(history, "aside", 900000, 900000);
	add_passes(history, "end", 1000, 1000);
	const struct seen seen = look(t.run, history, 8, 0, 0);
	assert_in_range(seen.critical[1], 950, 1000);
	assert_in_range(seen.critical[0], 0, 50);
	assert_int_equal(seen.critical[2], 0); /* nobody waits for it */
	assert_int_equal(seen.critical[3], 1000);
	assert_true(seen.service.p90_ms < 200000);
	json_decref(history);
	run_free(t.run);
}

static void what_is_under_way_counts_from_where_it_is(void **state)
{
	struct teller t;
	json_t *history = runs_of(12);

	(void)state;
	begin(&t, "{'id':'a','kind':'script'" VERIFIES "}");
	add_passes(history, "a", 60000, 300000);
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	struct seen seen = look(t.run, history, 8, 1000, 0);
	assert_in_range(seen.step.p50_ms, 40000, 320000);
	/* the fast half is out of question by now */
	seen = look(t.run, history, 8, 150000, 0);
	near(seen.service.p50_ms, 300000);
	near(seen.step.p50_ms, 150000);
	/* longer than ever: some time more, in proportion to what it has taken */
	seen = look(t.run, history, 8, 3000000, 0);
	assert_in_range(seen.step.p50_ms, 300000, 3000000);
	assert_true(seen.step.p90_ms > seen.step.p50_ms);
	assert_int_equal(seen.service.miss_per_mille, 1000);
	/* and never negative */
	seen = look(t.run, history, 8, -5000, 0);
	assert_true(seen.step.p50_ms > 0);
	json_decref(history);
	run_free(t.run);
}

static void a_slow_run_is_likely_to_stay_slow(void **state)
{
	struct teller t;
	json_t *history = runs_of(20);

	(void)state;
	begin(&t, "{'id':'a','kind':'script'},{'id':'b','kind':'script','needs':['a']" VERIFIES "}");
	add_passes(history, "a", 30000, 90000); /* both fast or both slow */
	add_passes(history, "b", 100000, 300000);
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	TELL(&t, 88000, EVENT_STEP_FINISHED, "{'step':'a','attempt':1,'outcome':'ok'}");
	/* if the two had nothing to do with each other it would be 88 s and about 180 s more */
	assert_in_range(look(t.run, history, 8, 88000, 0).service.p50_ms, 310000, 430000);
	json_decref(history);
	run_free(t.run);
}

static void the_author_speaks_until_there_are_three_runs(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "{'id':'a','kind':'script','expect_ms':40000" VERIFIES "}");
	struct seen seen = look(t.run, NULL, 8, 0, 0);
	assert_true(seen.service.known);
	near(seen.service.p50_ms, 40000);
	assert_in_range(seen.service.p90_ms, 55000, 90000); /* authors are often wrong */
	assert_int_equal(seen.runs, 0);
	for (int count = 1; count <= 4; count++) {
		json_t *history = runs_of(count);
		add_passes(history, "a", 400000, 400000);
		seen = look(t.run, history, 8, 0, 0);
		near(seen.service.p50_ms, count < HISTORY_ENOUGH ? 40000 : 400000);
		json_decref(history);
	}
	run_free(t.run);
}

static void what_nobody_knows_is_said_to_be_guessed(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "{'id':'a','kind':'script'},{'id':'b','kind':'script','needs':['a']" VERIFIES "}");
	assert_false(look(t.run, NULL, 8, 0, 0).service.known); /* nothing to go by at all */
	run_free(t.run);
	begin(&t, "{'id':'a','kind':'script','expect_ms':30000},{'id':'b','kind':'script','needs':['a']" VERIFIES "}");
	const struct seen seen = look(t.run, NULL, 8, 0, 0);
	assert_true(seen.service.known);
	assert_int_equal(seen.service.guessed, 1);
	near(seen.service.p50_ms, 66000); /* the other as long as the one */
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	TELL(&t, 30000, EVENT_STEP_FINISHED, "{'step':'a','attempt':1,'outcome':'ok'}");
	assert_false(look(t.run, NULL, 8, 30000, 0).service.known); /* what is left nobody knows */
	run_free(t.run);
	/* a service that no step marks has no forecast */
	begin(&t, "{'id':'a','kind':'script','expect_ms':30000,'marks':[{'service':'s','reached':'restored'}]}");
	assert_false(look(t.run, NULL, 8, 0, 0).service.known);
	run_free(t.run);
}

static void new_runs_and_the_same_version_weigh_more(void **state)
{
	struct teller t;
	json_t *history = runs_of(12);
	json_t *passes = json_array();
	size_t i;
	json_t *row;

	(void)state;
	begin(&t, "{'id':'a','kind':'script'" VERIFIES "}");
	for (i = 0; i < 12; i++)
		json_array_append_new(passes, json_integer(i < 6 ? 100000 : 30000));
	json_put(json_object_get(history, "steps"), "a", passes);
	const int64_t same = look(t.run, history, 8, 0, 0).service.p50_ms;
	json_array_foreach(json_object_get(history, "runs"), i, row)
		if (i >= 6)
			json_put_int(row, "version", 2);
	const int64_t changed = look(t.run, history, 8, 0, 0).service.p50_ms;
	assert_true(same > 60000);
	near(changed, 100000);
	json_decref(history);
	run_free(t.run);
}

static void steps_passed_over_take_no_time(void **state)
{
	struct teller t;
	json_t *history = runs_of(10);

	(void)state;
	begin(&t, "{'id':'a','kind':'script'},{'id':'b','kind':'script','needs':['a']" VERIFIES "}");
	add_passes(history, "a", PASS_SKIPPED, PASS_SKIPPED);
	add_passes(history, "b", 50000, 50000);
	near(look(t.run, history, 8, 0, 0).service.p50_ms, 50000);
	json_decref(history);
	run_free(t.run);
}

static void a_wait_is_as_long_as_it_is_written(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "{'id':'w','kind':'wait','wait_ms':120000" VERIFIES "}");
	struct seen seen = look(t.run, NULL, 8, 0, 0);
	assert_int_equal(seen.service.p50_ms, 120000);
	assert_int_equal(seen.service.p90_ms, 120000);
	TELL(&t, 10000, EVENT_STEP_STARTED, "{'step':'w','attempt':1}");
	seen = look(t.run, NULL, 8, 40000, 0);
	assert_int_equal(seen.service.p50_ms, 130000);
	assert_int_equal(seen.step.p50_ms, 90000);
	run_free(t.run);
}

static void a_question_before_the_start_is_part_of_the_step(void **state)
{
	struct teller t;
	json_t *history = runs_of(10);

	(void)state;
	begin(&t, "{'id':'a','kind':'script'" VERIFIES "}");
	add_passes(history, "a", 100000, 100000);
	TELL(&t, 0, EVENT_STEP_ASKED, "{'ask':1,'step':'a','attempt':0,'kind':'confirm','level':1}");
	near(look(t.run, history, 8, 60000, 0).service.p50_ms, 100000);
	TELL(&t, 60000, EVENT_STEP_ANSWERED, "{'ask':1,'step':'a','answer':'yes'}");
	TELL(&t, 60000, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	near(look(t.run, history, 8, 70000, 0).service.p50_ms, 100000);
	json_decref(history);
	run_free(t.run);
}

static void nothing_is_forecast_of_what_is_over(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "{'id':'a','kind':'script','expect_ms':30000" VERIFIES "},{'id':'b','kind':'script','needs':['a'],'expect_ms':1000}");
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	TELL(&t, 9000, EVENT_STEP_FINISHED, "{'step':'a','attempt':1,'outcome':'ok'}");
	TELL(&t, 9000, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified','step':'a'}");
	assert_false(look(t.run, NULL, 8, 9500, 0).service.known);
	run_free(t.run);
	begin(&t, "{'id':'a','kind':'script','expect_ms':30000" VERIFIES "}");
	TELL(&t, 0, EVENT_RUN_ABORTING, "{'reason':'x'}");
	assert_false(look(t.run, NULL, 8, 10, 0).service.known);
	run_free(t.run);
	/* a circle in damaged events gives no forecast, and no endless loop */
	begin(&t, "{'id':'a','kind':'script','needs':['b'],'expect_ms':5},{'id':'b','kind':'script','needs':['a'],'expect_ms':5" VERIFIES "}");
	assert_false(look(t.run, NULL, 8, 10, 0).service.known);
	run_free(t.run);
}

static void an_adopted_book_is_forecast_anew(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "{'id':'a','kind':'script','expect_ms':30000},{'id':'b','kind':'script','needs':['a'],'expect_ms':30000" VERIFIES "}");
	struct forecast *forecast = forecast_new(t.run, NULL, 8, 1);
	near(forecast_project(forecast, t.run, story_wall(0))->services[0].p50_ms, 61000);
	TELL(&t, 0, EVENT_RUN_ADOPTED, "{'plan':'x','files':[],'reason':'y','steps':["
		"{'id':'b','kind':'script','needs':[],'expect_ms':300000" VERIFIES "}]}");
	near(forecast_project(forecast, t.run, story_wall(0))->services[0].p50_ms, 300000);
	forecast_free(forecast);
	run_free(t.run);
}

static void words(void **state)
{
	const struct service_clock running = {.rto_ms = 600000, .left_ms = 100, .word = "tight"};
	const struct service_clock late = {.rto_ms = 600000, .left_ms = -1, .word = "MISSED"};

	(void)state;
	assert_string_equal(forecast_word(&running, true, 0), "on track");
	assert_string_equal(forecast_word(&running, true, 100), "on track");
	assert_string_equal(forecast_word(&running, true, 101), "tight");
	assert_string_equal(forecast_word(&running, true, 501), "over");
	assert_string_equal(forecast_word(&running, false, 501), "tight");
	assert_string_equal(forecast_word(&running, true, -1), "tight");
	assert_string_equal(forecast_word(&late, true, 0), "MISSED");
}

static bool whole_numbers(const json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)value, key, member)
		if (!whole_numbers(member))
			return false;
	json_array_foreach(value, i, member)
		if (!whole_numbers(member))
			return false;
	return !json_is_real(value);
}

static void as_json(void **state)
{
	struct teller t;
	json_t *history = runs_of(4);

	(void)state;
	begin(&t, "{'id':'a','kind':'script'" VERIFIES "}");
	add_passes(history, "a", 700000, 590000);
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	struct forecast *forecast = forecast_new(t.run, history, 8, 1);
	json_t *json = projection_to_json(forecast_project(forecast, t.run, story_wall(1000)), t.run);
	const json_t *service = json_array_get(json_object_get(json, "services"), 0);
	assert_true(whole_numbers(json));
	assert_int_equal(json_array_size(json_object_get(json, "services")), 1); /* of the other nothing is known */
	assert_string_equal(json_str(service, "service", ""), "s");
	assert_in_range(json_int(service, "miss_per_mille", -1), 300, 900);
	assert_int_equal(json_int(json_array_get(json_object_get(service, "critical"), 0), "per_mille", 0), 1000);
	assert_true(json_int(json_array_get(json_object_get(json, "steps"), 0), "p90_ms", 0) > 0);
	json_decref(json);
	json_decref(history);
	forecast_free(forecast);
	run_free(t.run);
}

static void strange_histories_do_no_harm(void **state)
{
	static const char *const texts[] = {"{}", "{'runs':[],'steps':{}}", "{'runs':[{},{},{}],'steps':{'a':[1,2,3]}}",
		"{'runs':[{'version':3},{'version':3},{'version':3}],'steps':{'a':[0,0,0]}}",
		"{'runs':[{'version':3},{'version':3},{'version':3}],'steps':{'a':[-2,-1,'x',7,8,9]}}",
		"{'runs':[{'began_ns':9223372036854775807},{},{}],'steps':{'a':[9223372036854775807,1,9223372036854775807]}}"};
	struct teller t;

	(void)state;
	begin(&t, "{'id':'a','kind':'script','expect_ms':1000" VERIFIES "}");
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		json_t *history = story_json(texts[i]);
		const struct seen seen = look(t.run, history, 8, 10, 0);
		assert_true(seen.service.p90_ms >= seen.service.p50_ms);
		assert_true(seen.service.p50_ms >= 0);
		json_decref(history);
	}
	run_free(t.run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_of_steps_is_their_sum), cmocka_unit_test(the_same_seed_says_the_same),
		cmocka_unit_test(parallel_steps_count_once_and_the_limit_counts),
		cmocka_unit_test(groups_have_limits_of_their_own),
		cmocka_unit_test(the_slower_branch_is_critical), cmocka_unit_test(what_is_under_way_counts_from_where_it_is),
		cmocka_unit_test(a_slow_run_is_likely_to_stay_slow),
		cmocka_unit_test(the_author_speaks_until_there_are_three_runs),
		cmocka_unit_test(what_nobody_knows_is_said_to_be_guessed),
		cmocka_unit_test(new_runs_and_the_same_version_weigh_more),
		cmocka_unit_test(steps_passed_over_take_no_time), cmocka_unit_test(a_wait_is_as_long_as_it_is_written),
		cmocka_unit_test(a_question_before_the_start_is_part_of_the_step),
		cmocka_unit_test(nothing_is_forecast_of_what_is_over),
		cmocka_unit_test(an_adopted_book_is_forecast_anew), cmocka_unit_test(words), cmocka_unit_test(as_json),
		cmocka_unit_test(strange_histories_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
