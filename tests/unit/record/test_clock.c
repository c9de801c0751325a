/* The RTO clock, the partition of a recovery, the objectives and the exit status. */
#include "check.h"
#include "story.h"

static struct err err;

struct teller {
	struct run *run;
	struct story story;
};

static void begin(struct teller *t, const char *mode, int64_t rto_ms, int64_t rpo_ms, const char *steps)
{
	t->run = run_new();
	t->story = (struct story){.take = story_into_run, .arg = t->run};
	ok(story_tell(&t->story, EVENT_RUN_STARTED, &err,
		"{'mode':'%s','runbook':{'name':'x','version':1},'services':[{'name':'s','rto_ms':%lld,'rpo_ms':%lld}],"
		"'steps':[%s]}", mode, (long long)rto_ms, (long long)rpo_ms, steps));
}

#define TELL(t, at_ms, kind, ...)                                                                \
	do {                                                                                     \
		(t)->story.ms = (at_ms);                                                         \
		ok(story_tell(&(t)->story, kind, &err, __VA_ARGS__));                            \
	} while (0)

static const char *word_at(const struct teller *t, int64_t ms)
{
	return run_clock(t->run, &t->run->services[0], story_wall(ms)).word;
}

static void clock_words(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "drill", 10000, -1, "{'id':'a','kind':'script'}");
	assert_string_equal(word_at(&t, 0), "on track");
	assert_string_equal(word_at(&t, 8000), "on track"); /* a fifth is left */
	assert_string_equal(word_at(&t, 8001), "tight");
	assert_string_equal(word_at(&t, 10000), "tight");
	assert_string_equal(word_at(&t, 10001), "MISSED");
	struct service_clock clock = run_clock(t.run, &t.run->services[0], story_wall(12500));
	assert_int_equal(clock.left_ms, -2500); /* it keeps counting */
	assert_true(clock.assumed);
	assert_false(clock.stopped);
	TELL(&t, 9000, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified'}");
	assert_string_equal(word_at(&t, 99999), "MET");
	clock = run_clock(t.run, &t.run->services[0], story_wall(99999));
	assert_int_equal(clock.elapsed_ms, 9000);
	assert_true(clock.stopped && clock.verified);
	run_free(t.run);
}

static void t0_is_the_earlier_of_detected_and_declared_until_stated(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "drill", 10000, -1, "{'id':'a','kind':'script'}");
	assert_int_equal(run_clock(t.run, &t.run->services[0], story_wall(0)).t0.ns, story_wall(0).ns);
	TELL(&t, 10, EVENT_CLOCK_SET, "{'clock':'t1','at_ns':%lld}", (long long)story_wall(-3000).ns);
	struct service_clock clock = run_clock(t.run, &t.run->services[0], story_wall(1000));
	assert_int_equal(clock.elapsed_ms, 4000);
	assert_true(clock.assumed);
	TELL(&t, 20, EVENT_CLOCK_SET, "{'clock':'t0','at_ns':%lld,'basis':'stated'}", (long long)story_wall(-5000).ns);
	clock = run_clock(t.run, &t.run->services[0], story_wall(1000));
	assert_int_equal(clock.elapsed_ms, 6000);
	assert_false(clock.assumed);
	assert_string_equal(t.run->t0_basis, "stated");
	run_free(t.run);
}

/* Somebody sets the wall clock in the middle: nothing takes longer or shorter for that. */
static void a_clock_that_is_set_changes_no_duration(void **state)
{
	static const int64_t sets[] = {3600000, -3600000, -86400000, 1500};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sets); i++) {
		struct teller t;
		int64_t sums[TIME_KINDS];
		begin(&t, "drill", 10000, -1, "{'id':'a','kind':'script'}");
		TELL(&t, 1000, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
		t.story.set_ms = sets[i];
		TELL(&t, 3000, EVENT_NOTE_ADDED, "{'text':'ntp is back'}");
		assert_true(t.run->clock_stepped);
		assert_int_equal(t.run->clock_shift_ns, sets[i] * 1000000);
		struct service_clock clock = run_clock(t.run, &t.run->services[0], story_wall(4000 + sets[i]));
		assert_int_equal(clock.elapsed_ms, 4000); /* now is what the wall clock says */
		assert_int_equal(step_elapsed_ms(&t.run->steps[0], run_now(t.run, story_wall(4000 + sets[i]))), 3000);
		/* a moment that somebody states is read from the clock as it is */
		TELL(&t, 5000, EVENT_CLOCK_SET, "{'clock':'t0','at_ns':%lld,'basis':'stated'}",
			(long long)story_wall(-2000 + sets[i]).ns);
		TELL(&t, 6000, EVENT_STEP_FINISHED, "{'step':'a','attempt':1,'outcome':'ok'}");
		TELL(&t, 6000, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified','step':'a'}");
		clock = run_clock(t.run, &t.run->services[0], story_wall(0));
		assert_int_equal(clock.elapsed_ms, 8000);
		assert_true(run_partition(t.run, &t.run->services[0], sums, NULL, 0, NULL));
		assert_int_equal(sums[TIME_MACHINE], 5000);
		assert_int_equal(step_elapsed_ms(&t.run->steps[0], story_wall(0)), 5000);
		/* a reboot: the wall clock is all there is, but it never runs backwards */
		t.story.boot = "boot-b";
		t.story.set_ms = sets[i] - 100000;
		TELL(&t, 7000, EVENT_RUN_RESUMED, "{'epoch':2}");
		TELL(&t, 7000, EVENT_STEP_STARTED, "{'step':'a','attempt':2}");
		assert_true(t.run->steps[0].started.ns >= t.run->steps[0].spans[0].from.ns);
		assert_in_range(t.run->steps[0].started.ns, story_wall(6000).ns, story_wall(7000).ns);
		run_free(t.run);
	}
}

static void a_stamp_that_took_its_time_is_no_set_clock(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "drill", 10000, -1, "{'id':'a','kind':'script'}");
	t.story.set_ms = 900; /* the process was held up between the two readings */
	TELL(&t, 1000, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	assert_false(t.run->clock_stepped);
	assert_int_equal(t.run->steps[0].started.ns, story_wall(1900).ns);
	run_free(t.run);
}

static void without_an_objective(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "drill", -1, -1, "{'id':'a','kind':'script'}");
	assert_string_equal(word_at(&t, 1000), "no RTO");
	assert_int_equal(service_rto(t.run, &t.run->services[0]), OBJECTIVE_NONE);
	assert_int_equal(service_rpo(t.run, &t.run->services[0]), OBJECTIVE_NONE);
	TELL(&t, 1, EVENT_RUN_ENDED, "{'status':'done'}");
	assert_int_equal(run_exit_status(t.run), 0);
	run_free(t.run);
}

static void a_run_that_ended_stops_the_clock(void **state)
{
	struct teller t;

	(void)state;
	begin(&t, "drill", 10000, -1, "{'id':'a','kind':'script'}");
	TELL(&t, 2000, EVENT_RUN_ENDED, "{'status':'aborted','reason':'x'}");
	const struct service_clock clock = run_clock(t.run, &t.run->services[0], story_wall(50000));
	assert_int_equal(clock.elapsed_ms, 2000);
	assert_true(clock.stopped && !clock.verified);
	assert_int_equal(service_rto(t.run, &t.run->services[0]), OBJECTIVE_MISSED);
	run_free(t.run);
}

static void a_t0_after_the_end_measures_nothing(void **state)
{
	struct teller t;
	int64_t sums[TIME_KINDS], total = 0;
	size_t count;

	(void)state;
	begin(&t, "drill", 10000, -1, "{'id':'a','kind':'script'}");
	TELL(&t, 100, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified'}");
	TELL(&t, 200, EVENT_CLOCK_SET, "{'clock':'t0','at_ns':%lld}", (long long)story_wall(150).ns);
	assert_int_equal(run_clock(t.run, &t.run->services[0], story_wall(999)).elapsed_ms, 0);
	assert_true(run_partition(t.run, &t.run->services[0], sums, NULL, 0, &count));
	for (size_t i = 0; i < TIME_KINDS; i++)
		total += sums[i];
	assert_int_equal(total, 0);
	run_free(t.run);
}

/* ------------------------------------------------------------------ objectives */

static void recovery_points(void **state)
{
	static const struct {
		int64_t rpo_ms, lost, rpa_ms;
		enum verdict_word word;
	} rows[] = {
		{0, 0, 0, OBJECTIVE_MET},
		{0, 1, 0, OBJECTIVE_MISSED},        /* no unit at all, however short the span */
		{0, 0, -1, OBJECTIVE_MET},
		{0, -1, 0, OBJECTIVE_MET},
		{0, -1, 1, OBJECTIVE_MISSED},
		{5000, 7, 5000, OBJECTIVE_MET},
		{5000, 7, 5001, OBJECTIVE_MISSED},
		{5000, 7, -1, OBJECTIVE_NOT_MEASURED}, /* counted, but nobody knows over which time */
		{5000, 0, -1, OBJECTIVE_MET},
		{5000, -1, -1, OBJECTIVE_NOT_MEASURED},
		{5000, -1, 10, OBJECTIVE_MET},
		{-1, 7, 10, OBJECTIVE_NONE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct teller t;
		begin(&t, "drill", -1, rows[i].rpo_ms, "{'id':'a','kind':'script'}");
		assert_int_equal(service_rpo(t.run, &t.run->services[0]),
			rows[i].rpo_ms < 0 ? OBJECTIVE_NONE : OBJECTIVE_NOT_MEASURED);
		TELL(&t, 1, EVENT_RECOVERY_MEASURED, "{'service':'s','lost':%lld,'rpa_ms':%lld,'unit':'orders','basis':'counted'}",
			(long long)rows[i].lost, (long long)rows[i].rpa_ms);
		if (service_rpo(t.run, &t.run->services[0]) != rows[i].word)
			fail_msg("row %zu: %s", i, objective_name(service_rpo(t.run, &t.run->services[0])));
		run_free(t.run);
	}
}

static int status_of(const char *mode, const char *status, int64_t verified_ms, int64_t lost)
{
	struct teller t;

	begin(&t, mode, 10000, 0, "{'id':'a','kind':'script'}");
	if (verified_ms >= 0)
		TELL(&t, verified_ms, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified'}");
	if (lost >= 0)
		TELL(&t, 1, EVENT_RECOVERY_MEASURED, "{'service':'s','lost':%lld,'rpa_ms':0}", (long long)lost);
	if (status != NULL)
		TELL(&t, 20000, EVENT_RUN_ENDED, "{'status':'%s'}", status);
	const int result = run_exit_status(t.run);
	run_free(t.run);
	return result;
}

static void exit_statuses(void **state)
{
	(void)state;
	assert_int_equal(status_of("drill", "done", 10000, 0), 0);
	assert_int_equal(status_of("drill", "done", 10001, 0), 3);
	assert_int_equal(status_of("drill", "done", 10000, 1), 3);
	assert_int_equal(status_of("drill", "done", 10000, -1), 0);  /* not measured is not missed */
	assert_int_equal(status_of("drill", "done", -1, -1), 3);     /* never verified */
	assert_int_equal(status_of("probe", "done", -1, -1), 0);     /* a probe recovers nothing */
	assert_int_equal(status_of("drill", "failed", 1, 0), 1);
	assert_int_equal(status_of("drill", "aborted", 1, 0), 4);
	assert_int_equal(status_of("drill", NULL, 1, 0), 5);
}

/* ------------------------------------------------------------------ the partition */

static int64_t sum_of(const int64_t sums[TIME_KINDS])
{
	int64_t total = 0;

	for (size_t i = 0; i < TIME_KINDS; i++)
		total += sums[i];
	return total;
}

static void a_partition_by_hand(void **state)
{
	struct teller t;
	int64_t sums[TIME_KINDS];
	struct time_part parts[16];
	size_t count;

	(void)state;
	begin(&t, "drill", 60000, -1,
		"{'id':'a','kind':'script'},{'id':'fast','kind':'script','needs':['a']},"
		"{'id':'slow','kind':'script','needs':['a']},{'id':'end','kind':'script','needs':['fast','slow'],'time':'world'}");
	TELL(&t, 10, EVENT_CLOCK_SET, "{'clock':'t0','at_ns':%lld}", (long long)story_wall(-5000).ns);
	TELL(&t, 20, EVENT_CLOCK_SET, "{'clock':'t1','at_ns':%lld}", (long long)story_wall(-2000).ns);
	TELL(&t, 1000, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	TELL(&t, 2000, EVENT_STEP_FINISHED, "{'step':'a','attempt':1,'outcome':'ok'}");
	TELL(&t, 2000, EVENT_STEP_STARTED, "{'step':'fast','attempt':1}");
	TELL(&t, 2100, EVENT_STEP_STARTED, "{'step':'slow','attempt':1}");
	TELL(&t, 2500, EVENT_STEP_FINISHED, "{'step':'fast','attempt':1,'outcome':'ok'}");
	TELL(&t, 3000, EVENT_STEP_ASKED, "{'ask':1,'step':'slow','attempt':1,'kind':'confirm','level':2}");
	TELL(&t, 7000, EVENT_STEP_ANSWERED, "{'ask':1,'step':'slow','answer':'yes'}");
	TELL(&t, 8000, EVENT_STEP_PHASE, "{'step':'slow','attempt':1,'phase':'verify'}");
	TELL(&t, 8500, EVENT_STEP_FINISHED, "{'step':'slow','attempt':1,'outcome':'ok'}");
	TELL(&t, 9000, EVENT_STEP_STARTED, "{'step':'end','attempt':1}");
	TELL(&t, 9500, EVENT_STEP_FINISHED, "{'step':'end','attempt':1,'outcome':'ok'}");
	TELL(&t, 9500, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified','step':'end'}");
	assert_true(run_partition(t.run, &t.run->services[0], sums, parts, COUNT_OF(parts), &count));
	assert_int_equal(sums[TIME_DETECT], 3000);
	assert_int_equal(sums[TIME_DECIDE], 3000);
	assert_int_equal(sums[TIME_APPROVAL], 4000);
	assert_int_equal(sums[TIME_MACHINE], 1000 + 900 + 1000); /* a, slow before and after the question */
	assert_int_equal(sums[TIME_VERIFY], 500);
	assert_int_equal(sums[TIME_WORLD], 500);
	assert_int_equal(sums[TIME_IDLE], 100 + 500);
	assert_int_equal(sums[TIME_HUMAN], 0);
	assert_int_equal(sum_of(sums), 14500);
	assert_int_equal(count, 10);
	/* the list may be shorter than what there is */
	assert_true(run_partition(t.run, &t.run->services[0], sums, parts, 2, &count));
	assert_int_equal(count, 10);
	run_free(t.run);
}

static void the_step_that_said_so_is_the_end_of_the_chain(void **state)
{
	struct teller t;
	int64_t sums[TIME_KINDS];

	(void)state;
	begin(&t, "drill", 60000, -1, "{'id':'verify','kind':'script','time':'verification'},{'id':'other','kind':'script'}");
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'verify','attempt':1}");
	TELL(&t, 0, EVENT_STEP_STARTED, "{'step':'other','attempt':1}");
	TELL(&t, 990, EVENT_STEP_FINISHED, "{'step':'other','attempt':1,'outcome':'ok'}");
	/* the mark may stand before the end of its own step */
	TELL(&t, 1000, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified','step':'verify'}");
	TELL(&t, 1001, EVENT_STEP_FINISHED, "{'step':'verify','attempt':1,'outcome':'ok'}");
	assert_true(run_partition(t.run, &t.run->services[0], sums, NULL, 0, NULL));
	assert_int_equal(sums[TIME_VERIFY], 1000);
	assert_int_equal(sum_of(sums), 1000);
	run_free(t.run);
}

static void not_verified_has_no_partition(void **state)
{
	struct teller t;
	int64_t sums[TIME_KINDS];
	size_t count = 7;

	(void)state;
	begin(&t, "drill", 60000, -1, "{'id':'a','kind':'script'}");
	assert_false(run_partition(t.run, &t.run->services[0], sums, NULL, 0, &count));
	assert_int_equal(count, 0);
	assert_int_equal(sum_of(sums), 0);
	run_free(t.run);
}

static void a_circle_of_needs_ends(void **state)
{
	struct teller t;
	int64_t sums[TIME_KINDS];

	(void)state;
	begin(&t, "drill", 60000, -1, "{'id':'a','kind':'script','needs':['b']},{'id':'b','kind':'script','needs':['a']}");
	TELL(&t, 10, EVENT_STEP_STARTED, "{'step':'a','attempt':1}");
	TELL(&t, 10, EVENT_STEP_STARTED, "{'step':'b','attempt':1}");
	TELL(&t, 20, EVENT_STEP_FINISHED, "{'step':'a','attempt':1,'outcome':'ok'}");
	TELL(&t, 20, EVENT_STEP_FINISHED, "{'step':'b','attempt':1,'outcome':'ok'}");
	TELL(&t, 30, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified','step':'a'}");
	assert_true(run_partition(t.run, &t.run->services[0], sums, NULL, 0, NULL));
	assert_int_equal(sum_of(sums), 30);
	run_free(t.run);
}

/* ------------------------------------------------------------------ random runs */

static uint64_t seed;

static uint32_t dice(uint32_t sides)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % sides;
}

enum { STEPS_MAX = 9 };

/* A run of parallel steps with questions, retries and skips, each stamp a random bit later than the one before. */
static void random_run(struct teller *t)
{
	static const char *const times[] = {"machine", "human", "world", "verification"};
	const uint32_t count = 1 + dice(STEPS_MAX);
	char steps[4096] = "";
	int64_t asks = 0;

	for (uint32_t i = 0; i < count; i++) {
		char row[256], needs[64] = "";
		for (uint32_t k = 0; k < i; k++)
			if (dice(3) == 0)
				snprintf(needs + strlen(needs), sizeof(needs) - strlen(needs), "%s's%u'",
					needs[0] ? "," : "", k);
		snprintf(row, sizeof(row), "%s{'id':'s%u','kind':'script','needs':[%s],'time':'%s'}", i ? "," : "", i,
			needs, times[dice(4)]);
		strcat(steps, row);
	}
	begin(t, "drill", 60000, 0, steps);
	for (int turn = 0; turn < 400 && !run_finished(t->run); turn++) {
		const uint32_t i = dice(count);
		const struct step *step = &t->run->steps[i];
		const struct ask *ask = run_step_ask(t->run, i);
		t->story.ms += dice(700);
		t->story.ns = dice(1000000);
		if (dice(50) == 0)
			TELL(t, t->story.ms, EVENT_CLOCK_SET, "{'clock':'%s','at_ns':%lld}", dice(2) ? "t0" : "t1",
				(long long)(story_wall(t->story.ms).ns - (int64_t)dice(2000000000) * 5 + 1000000000));
		else if (ask != NULL)
			TELL(t, t->story.ms, EVENT_STEP_ANSWERED, "{'ask':%lld,'step':'s%u','answer':'yes'}",
				(long long)ask->id, i);
		else if (step->state == STEP_RUNNING && dice(4) == 0)
			TELL(t, t->story.ms, EVENT_STEP_ASKED, "{'ask':%lld,'step':'s%u','attempt':1,'kind':'%s'}",
				(long long)++asks, i, dice(2) ? "confirm" : "manual");
		else if (step->state == STEP_RUNNING && dice(4) == 0)
			TELL(t, t->story.ms, EVENT_STEP_PHASE, "{'step':'s%u','attempt':1,'phase':'verify'}", i);
		else if (step->state == STEP_RUNNING)
			TELL(t, t->story.ms, EVENT_STEP_FINISHED, "{'step':'s%u','attempt':1,'outcome':'%s'}", i,
				dice(6) ? "ok" : "failed");
		else if (step->state == STEP_FAILED && dice(3) == 0)
			TELL(t, t->story.ms, EVENT_STEP_FINISHED, "{'step':'s%u','attempt':1,'outcome':'skipped'}", i);
		else if (run_step_ready(t->run, i) || step->state == STEP_FAILED)
			TELL(t, t->story.ms, EVENT_STEP_STARTED, "{'step':'s%u','attempt':%u}", i,
				(unsigned)step->attempt + 1);
		if (dice(60) == 0)
			break; /* also in the middle */
	}
	if (dice(4) == 0)
		TELL(t, t->story.ms, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified'}");
	else
		TELL(t, t->story.ms, EVENT_SERVICE_MARKED, "{'service':'s','reached':'verified','step':'s%u'}", dice(count));
}

static void the_parts_sum_to_the_whole(void **state)
{
	size_t most = 0;
	bool kinds[TIME_KINDS] = {false};

	(void)state;
	for (uint64_t round = 1; round <= 4000; round++) {
		struct teller t;
		int64_t sums[TIME_KINDS];
		struct time_part parts[512];
		size_t count;
		seed = round;
		random_run(&t);
		const struct service *service = &t.run->services[0];
		const struct service_clock clock = run_clock(t.run, service, story_wall(0));
		assert_true(run_partition(t.run, service, sums, parts, COUNT_OF(parts), &count));
		assert_in_range(count, 0, COUNT_OF(parts));
		if (sum_of(sums) != clock.elapsed_ms)
			fail_msg("run %llu: %lld of %lld ms", (unsigned long long)round, (long long)sum_of(sums),
				(long long)clock.elapsed_ms);
		if (count > 0) { /* touching pieces, from t0 to t5 */
			assert_int_equal(parts[0].from.ns, clock.t0.ns);
			assert_int_equal(parts[count - 1].to.ns, service->verified.ns);
		}
		for (size_t i = 0; i < count; i++) {
			assert_true(parts[i].from.ns < parts[i].to.ns);
			assert_true(i == 0 || parts[i].from.ns == parts[i - 1].to.ns);
			kinds[parts[i].kind] = true;
		}
		most = count > most ? count : most;
		run_free(t.run);
	}
	for (size_t i = 0; i < TIME_KINDS; i++)
		assert_true(kinds[i]); /* the runs were varied enough to mean something */
	assert_true(most > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_words),
		cmocka_unit_test(t0_is_the_earlier_of_detected_and_declared_until_stated),
		cmocka_unit_test(a_clock_that_is_set_changes_no_duration),
		cmocka_unit_test(a_stamp_that_took_its_time_is_no_set_clock),
		cmocka_unit_test(without_an_objective), cmocka_unit_test(a_run_that_ended_stops_the_clock),
		cmocka_unit_test(a_t0_after_the_end_measures_nothing), cmocka_unit_test(recovery_points),
		cmocka_unit_test(exit_statuses), cmocka_unit_test(a_partition_by_hand),
		cmocka_unit_test(the_step_that_said_so_is_the_end_of_the_chain),
		cmocka_unit_test(not_verified_has_no_partition), cmocka_unit_test(a_circle_of_needs_ends),
		cmocka_unit_test(the_parts_sum_to_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
