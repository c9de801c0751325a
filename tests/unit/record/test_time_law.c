/* test_time_law.c: the law of time on random runs: for every service that was verified, the parts of its recovery touch,
 * never overlap and sum to RTA to the millisecond; and each instant has the kind that the definition gives it.
 *
 * The runs are played by a small engine of the test's own: a graph with several ends, parallel steps with a limit,
 * previews, confirmations, failures with retries and questions, decisions, pauses, servers and machines that die, a wall
 * clock that is set.
 * While it plays it keeps, apart from the fold, what every step was doing when; the definition is applied to that. */
#include "check.h"
#include "story.h"

static struct err err;
static uint64_t seed;

static uint32_t dice(uint32_t sides)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % sides;
}

/* ------------------------------------------------------------------ a run and what is known of it */

enum { STEPS_MAX = 16, SERVICES_MAX = 4, SPANS_MAX = 64, ROUNDS = 6000 };
enum doing { LATER, PREVIEWED, RUNS, ASKED, FAILED, ASKED_FAILED, DONE, TAKEN_BACK };

struct truth {
	int64_t from, to; /* ns */
	enum time_kind kind;
};

struct actor_step {
	enum doing doing;
	int attempt;
	bool human, previewed, needs[STEPS_MAX];
	enum time_kind own;
	bool verify;
	int64_t ask;
	struct truth spans[SPANS_MAX];
	size_t span_count;
	int64_t ended;
	bool ok;
};

struct play {
	struct run *run;
	struct story story;
	struct actor_step steps[STEPS_MAX];
	uint32_t count, services, parallel;
	int64_t asks, t0, t1, t2, t3, boots;
	bool paused;
	char boot[16];
};

static int64_t now_of(const struct play *play)
{
	return story_wall(play->story.ms).ns + play->story.ns;
}

#define TELL(play, kind, ...) ok(story_tell(&(play)->story, kind, &err, __VA_ARGS__))

static void pass_time(struct play *play)
{
	static const uint32_t most[] = {1, 20, 700, 700, 5000, 90000};

	play->story.ms += dice(most[dice(COUNT_OF(most))]);
	if (dice(2)) { /* else several events may be of one instant */
		const int64_t ns = dice(1000000);
		play->story.ms += ns < play->story.ns;
		play->story.ns = ns;
	}
}

static void leave_span(struct play *play, uint32_t i)
{
	struct actor_step *step = &play->steps[i];

	if (step->span_count > 0 && step->spans[step->span_count - 1].to == 0)
		step->spans[step->span_count - 1].to = now_of(play);
}

static void enter_span(struct play *play, uint32_t i, enum time_kind kind)
{
	struct actor_step *step = &play->steps[i];

	leave_span(play, i);
	assert_true(step->span_count < SPANS_MAX);
	step->spans[step->span_count++] = (struct truth){.from = now_of(play), .kind = kind};
}

/* ------------------------------------------------------------------ the acts of the engine */

static void start_step(struct play *play, uint32_t i)
{
	struct actor_step *step = &play->steps[i];

	TELL(play, EVENT_STEP_STARTED, "{'step':'s%u','attempt':%d,'iteration':0}", i, ++step->attempt);
	step->doing = RUNS;
	step->verify = false;
	step->ended = 0;
	if (play->t3 == 0)
		play->t3 = now_of(play);
	enter_span(play, i, step->own);
}

static void ask(struct play *play, uint32_t i, const char *kind, enum doing doing, enum time_kind time)
{
	play->steps[i].ask = ++play->asks;
	play->steps[i].doing = doing;
	TELL(play, EVENT_STEP_ASKED, "{'ask':%lld,'step':'s%u','attempt':%d,'kind':'%s'}", (long long)play->asks, i,
		play->steps[i].attempt, kind);
	enter_span(play, i, time);
}

static void answer(struct play *play, uint32_t i, const char *word)
{
	struct actor_step *step = &play->steps[i];

	TELL(play, EVENT_STEP_ANSWERED, "{'ask':%lld,'step':'s%u','answer':'%s'}", (long long)step->ask, i, word);
	leave_span(play, i);
	if (step->doing == ASKED) {
		step->doing = RUNS;
		enter_span(play, i, step->verify ? TIME_VERIFY : step->own);
	}
}

static void finish(struct play *play, uint32_t i, const char *outcome)
{
	struct actor_step *step = &play->steps[i];

	TELL(play, EVENT_STEP_FINISHED, "{'step':'s%u','attempt':%d,'outcome':'%s'}", i, step->attempt, outcome);
	leave_span(play, i);
	step->ended = now_of(play);
	step->ok = str_eq(outcome, "ok");
	step->doing = step->ok || str_eq(outcome, "skipped") ? DONE : FAILED;
}

static bool ready(const struct play *play, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (play->steps[i].needs[k] && play->steps[k].doing != DONE)
			return false;
	return play->steps[i].doing == LATER;
}

static uint32_t active(const struct play *play)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < play->count; i++)
		count += play->steps[i].doing == RUNS || play->steps[i].doing == ASKED;
	return count;
}

static void begin_later(struct play *play, uint32_t i)
{
	if (!ready(play, i) || play->paused || active(play) >= play->parallel)
		return;
	if (!play->steps[i].previewed && dice(4) == 0)
		ask(play, i, "confirm", PREVIEWED, TIME_APPROVAL);
	else
		start_step(play, i);
	if (play->steps[i].doing == RUNS && play->steps[i].human)
		ask(play, i, dice(2) ? "manual" : "decide", ASKED, TIME_HUMAN);
}

static void go_on(struct play *play, uint32_t i)
{
	struct actor_step *step = &play->steps[i];

	switch (dice(7)) {
	case 0:
		ask(play, i, "confirm", ASKED, TIME_APPROVAL);
		break;
	case 1:
		ask(play, i, "unknown", ASKED, TIME_HUMAN);
		break;
	case 2:
		TELL(play, EVENT_STEP_PHASE, "{'step':'s%u','attempt':%d,'phase':'verify'}", i, step->attempt);
		step->verify = true;
		enter_span(play, i, TIME_VERIFY);
		break;
	case 3:
		finish(play, i, "failed");
		break;
	default:
		finish(play, i, "ok");
	}
}

static void after_failure(struct play *play, uint32_t i)
{
	switch (dice(3)) {
	case 0:
		start_step(play, i); /* retry: */
		break;
	case 1:
		ask(play, i, "failed", ASKED_FAILED, TIME_HUMAN);
		break;
	default:
		finish(play, i, "skipped");
	}
}

/* What a step left behind is taken away, or the whole step taken back, often after the service is back. */
static void take_back(struct play *play, uint32_t i)
{
	struct actor_step *step = &play->steps[i];

	TELL(play, EVENT_STEP_STARTED, "{'step':'s%u','attempt':%d,'iteration':0,'undo':true,'debris':%s}", i, ++step->attempt,
		dice(2) ? "true" : "false");
	step->doing = TAKEN_BACK;
	enter_span(play, i, step->own);
}

static void taken_back(struct play *play, uint32_t i)
{
	struct actor_step *step = &play->steps[i];

	TELL(play, EVENT_STEP_FINISHED, "{'step':'s%u','attempt':%d,'outcome':'%s'}", i, step->attempt,
		dice(2) ? "undone" : step->ok ? "ok" : "skipped");
	leave_span(play, i);
	step->doing = DONE; /* what it made possible stays begun */
}

static void act_on(struct play *play, uint32_t i)
{
	switch (play->steps[i].doing) {
	case LATER:
		begin_later(play, i);
		break;
	case PREVIEWED:
		play->steps[i].previewed = true;
		play->steps[i].doing = LATER;
		answer(play, i, "yes");
		begin_later(play, i);
		break;
	case RUNS:
		go_on(play, i);
		break;
	case ASKED:
		answer(play, i, "yes");
		if (play->steps[i].human && dice(3))
			finish(play, i, "ok");
		break;
	case FAILED:
		after_failure(play, i);
		break;
	case ASKED_FAILED:
		answer(play, i, "retry");
		if (dice(3))
			start_step(play, i);
		else
			finish(play, i, "skipped");
		break;
	case DONE:
		if (play->steps[i].attempt > 0 && dice(8) == 0)
			take_back(play, i);
		break;
	case TAKEN_BACK:
		taken_back(play, i);
		break;
	}
}

/* A new server, perhaps of a new boot: what ran is entered again. */
static void server_dies(struct play *play)
{
	if (dice(2))
		snprintf(play->boot, sizeof(play->boot), "boot-%lld", (long long)++play->boots);
	TELL(play, EVENT_RUN_RESUMED, "{'epoch':2,'reason':'died','boot_changed':true}");
	for (uint32_t i = 0; i < play->count; i++)
		if ((play->steps[i].doing == RUNS || play->steps[i].doing == ASKED) && !play->steps[i].human) {
			finish(play, i, "interrupted");
			pass_time(play);
			start_step(play, i);
		}
}

static void set_clock(struct play *play)
{
	static const char *const names[] = {"t0", "t1", "t2"};
	int64_t *const at[] = {&play->t0, &play->t1, &play->t2};
	const uint32_t which = dice(3);

	*at[which] = now_of(play) - (int64_t)dice(200000) * 1000000 + (int64_t)dice(20000) * 1000000 - dice(1000000);
	TELL(play, EVENT_CLOCK_SET, "{'clock':'%s','at_ns':%lld}", names[which],
		(long long)(*at[which] + play->story.set_ms * 1000000));
}

/* ------------------------------------------------------------------ the definition */

static bool verified_by_step(const struct service *service, size_t *at)
{
	if (service->verified_by == NULL)
		return false;
	*at = (size_t)strtoul(service->verified_by + 1, NULL, 10);
	return true;
}

static size_t chain_of(const struct play *play, const struct service *service, size_t chain[STEPS_MAX])
{
	size_t count = 0, at = STEPS_MAX;

	if (!verified_by_step(service, &at)) /* a human said so: the step that ended well last */
		for (size_t i = 0; i < play->count; i++)
			if (play->steps[i].ok && play->steps[i].ended != 0 && play->steps[i].ended <= service->verified.ns &&
				(at == STEPS_MAX || play->steps[i].ended >= play->steps[at].ended))
				at = i;
	while (at != STEPS_MAX) {
		chain[count++] = at;
		size_t last = STEPS_MAX;
		for (size_t k = 0; k < play->count; k++)
			if (play->steps[at].needs[k] && play->steps[k].ended != 0 &&
				(last == STEPS_MAX || play->steps[k].ended > play->steps[last].ended))
				last = k;
		at = last;
	}
	return count;
}

static enum time_kind kind_at(const struct play *play, const size_t *chain, size_t length, int64_t from, int64_t to,
	int64_t detected, int64_t decided)
{
	if (to <= detected)
		return TIME_DETECT;
	if (to <= decided)
		return TIME_DECIDE;
	for (size_t c = 0; c < length; c++) {
		const struct actor_step *step = &play->steps[chain[c]];
		if (step->span_count == 0 || step->spans[0].from > from)
			continue; /* it had not begun: one before it in the chain */
		if (c > 0 && from >= step->ended)
			return TIME_IDLE; /* between two steps of the chain, whatever is taken back meanwhile */
		for (size_t i = 0; i < step->span_count; i++)
			if (step->spans[i].from <= from && (step->spans[i].to == 0 || to <= step->spans[i].to))
				return step->spans[i].kind;
		return TIME_IDLE;
	}
	return TIME_IDLE;
}

static int by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Cuts [t0, t5] at every moment at which anything happened and asks of each piece what it was. */
static void define(const struct play *play, const struct service *service, int64_t sums[TIME_KINDS])
{
	int64_t cuts[STEPS_MAX * SPANS_MAX * 2 + 4];
	size_t count = 0, chain[STEPS_MAX];
	const size_t length = chain_of(play, service, chain);
	const int64_t t5 = service->verified.ns;
	const int64_t t0 = play->t0 != 0 ? play->t0 : play->t1 != 0 ? least(play->t1, play->t2) : play->t2;
	const int64_t detected = play->t1 > t0 ? play->t1 : t0, decided = play->t3 > detected ? play->t3 : detected;

	memset(sums, 0, TIME_KINDS * sizeof(*sums));
	if (t0 >= t5)
		return;
	cuts[count++] = t0;
	cuts[count++] = detected;
	cuts[count++] = decided;
	for (size_t i = 0; i < play->count; i++)
		for (size_t k = 0; k < play->steps[i].span_count; k++) {
			cuts[count++] = play->steps[i].spans[k].from;
			cuts[count++] = play->steps[i].spans[k].to ? play->steps[i].spans[k].to : t5;
		}
	cuts[count++] = t5;
	qsort(cuts, count, sizeof(*cuts), by_value);
	for (size_t i = 0; i + 1 < count; i++)
		if (cuts[i] >= t0 && cuts[i + 1] <= t5 && cuts[i] < cuts[i + 1])
			sums[kind_at(play, chain, length, cuts[i], cuts[i + 1], detected, decided)] +=
				cuts[i + 1] / 1000000 - cuts[i] / 1000000;
}

/* ------------------------------------------------------------------ the law */

static void law(const struct play *play, uint64_t round, bool seen[TIME_KINDS])
{
	static struct time_part parts[4096];
	int64_t sums[TIME_KINDS], wanted[TIME_KINDS], total = 0;
	size_t count;

	ok(run_time_law(play->run, &err)); /* what `drillbook journal check` asks of real runs */
	for (size_t s = 0; s < play->run->service_count; s++) {
		const struct service *service = &play->run->services[s];
		const struct service_clock clock = run_clock(play->run, service, story_wall(0));
		if (!run_partition(play->run, service, sums, parts, COUNT_OF(parts), &count)) {
			assert_int_equal(service->verified.ns, 0);
			continue;
		}
		assert_in_range(count, 0, COUNT_OF(parts));
		total = 0;
		for (size_t i = 0; i < count; i++) {
			assert_true(parts[i].from.ns < parts[i].to.ns);
			assert_int_equal(parts[i].from.ns, i == 0 ? clock.t0.ns : parts[i - 1].to.ns);
			assert_true(parts[i].step == NULL || run_step(play->run, parts[i].step) != NULL);
			total += parts[i].to.ns / 1000000 - parts[i].from.ns / 1000000;
			seen[parts[i].kind] = true;
		}
		assert_int_equal(total, clock.elapsed_ms);
		assert_true(count == 0 || parts[count - 1].to.ns == service->verified.ns);
		define(play, service, wanted);
		for (size_t i = 0; i < TIME_KINDS; i++) {
			total -= sums[i];
			if (sums[i] != wanted[i])
				fail_msg("run %llu, service %zu: %lld ms are %s, by definition %lld", (unsigned long long)round,
					s, (long long)sums[i], time_kind_name((enum time_kind)i), (long long)wanted[i]);
		}
		assert_int_equal(total, 0);
	}
}

/* ------------------------------------------------------------------ runs */

static void begin(struct play *play)
{
	static const enum time_kind times[] = {TIME_MACHINE, TIME_MACHINE, TIME_HUMAN, TIME_WORLD, TIME_VERIFY};
	char rows[8192] = "", services[512] = "";

	*play = (struct play){.run = run_new(), .count = 1 + dice(STEPS_MAX), .services = 1 + dice(SERVICES_MAX),
		.parallel = 1 + dice(8), .boot = "boot-0"};
	play->story = (struct story){.take = story_into_run, .arg = play->run, .boot = play->boot, .ns = dice(1000000)};
	for (uint32_t i = 0; i < play->count; i++) {
		struct actor_step *step = &play->steps[i];
		char needs[128] = "";
		step->human = dice(5) == 0;
		step->own = step->human ? TIME_HUMAN : times[dice(COUNT_OF(times))];
		for (uint32_t k = i > 5 ? i - 5 : 0; k < i; k++)
			if ((step->needs[k] = dice(3) == 0))
				snprintf(needs + strlen(needs), sizeof(needs) - strlen(needs), "%s's%u'", needs[0] ? "," : "", k);
		snprintf(rows + strlen(rows), sizeof(rows) - strlen(rows),
			"%s{'id':'s%u','kind':'%s','needs':[%s],'time':'%s','expect_ms':%u,'marks':[%s%u%s]}", i ? "," : "", i,
			step->human ? "manual" : "script", needs, time_kind_name(step->own), dice(2) * dice(60000),
			"{'service':'v", dice(play->services), "','reached':'verified'}");
	}
	for (uint32_t i = 0; i < play->services; i++)
		snprintf(services + strlen(services), sizeof(services) - strlen(services), "%s{'name':'v%u','rto_ms':60000}",
			i ? "," : "", i);
	TELL(play, EVENT_RUN_STARTED, "{'mode':'drill','runbook':{'name':'x','version':1},'services':[%s],'steps':[%s]}", services,
		rows);
	play->t2 = now_of(play);
}

/* Also twice, also by a human, also before its step has ended. */
static void mark(struct play *play)
{
	static const char *const reached[] = {"verified", "verified", "verified", "restored", "normal"};
	const uint32_t service = dice(play->services), step = dice(play->count);

	if (dice(4) == 0)
		TELL(play, EVENT_SERVICE_MARKED, "{'service':'v%u','reached':'verified'}", service);
	else if (play->steps[step].attempt > 0)
		TELL(play, EVENT_SERVICE_MARKED, "{'service':'v%u','reached':'%s','step':'s%u'}", service,
			reached[dice(COUNT_OF(reached))], step);
}

static void turn(struct play *play)
{
	pass_time(play);
	switch (dice(40)) {
	case 0:
		set_clock(play);
		break;
	case 1:
		play->paused = !play->paused;
		TELL(play, play->paused ? EVENT_RUN_PAUSED : EVENT_RUN_CONTINUED, "{}");
		break;
	case 2:
		server_dies(play);
		break;
	case 3:
	case 4:
		mark(play);
		break;
	case 5: /* somebody sets the wall clock, by up to an hour; less than a second would not be noticed */
		if (dice(4) == 0)
			play->story.set_ms += (dice(2) ? 1 : -1) * (int64_t)(2000 + dice(3600000));
		TELL(play, EVENT_NOTE_ADDED, "{'text':'x'}");
		break;
	default:
		act_on(play, dice(play->count));
	}
}

static bool crowded(const struct play *play)
{
	for (uint32_t i = 0; i < play->count; i++)
		if (play->steps[i].span_count > SPANS_MAX - 8)
			return true;
	return false;
}

static void the_law_holds_for_random_runs(void **state)
{
	bool seen[TIME_KINDS] = {false};
	size_t verified = 0, crossed = 0, set = 0;

	(void)state;
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		struct play play;
		seed = round;
		begin(&play);
		const uint32_t turns = 10 + dice(400);
		for (uint32_t i = 0; i < turns && !crowded(&play); i++) {
			turn(&play);
			if (dice(50) == 0)
				law(&play, round, seen); /* at any moment, not only at the end */
		}
		pass_time(&play);
		mark(&play);
		if (dice(2))
			TELL(&play, EVENT_RUN_ENDED, "{'status':'done'}");
		law(&play, round, seen);
		for (size_t i = 0; i < play.run->service_count; i++)
			verified += play.run->services[i].verified.ns != 0;
		crossed += play.run->wall_used;
		set += play.run->clock_stepped;
		run_free(play.run);
	}
	for (size_t i = 0; i < TIME_KINDS; i++)
		assert_true(seen[i]); /* varied enough to mean something */
	assert_true(verified > ROUNDS && crossed > ROUNDS / 10 && set > ROUNDS / 10);
}

/* ------------------------------------------------------------------ forecasts of the same runs */

static json_t *random_history(const struct play *play)
{
	json_t *history = json_object(), *runs = json_array(), *steps = json_object();
	const uint32_t count = dice(12);

	for (uint32_t i = 0; i < count; i++) {
		json_t *row = json_object();
		json_put_int(row, "run", count - i);
		json_put_int(row, "version", dice(2));
		json_array_append_new(runs, row);
	}
	for (uint32_t i = 0; i < play->count; i++) {
		json_t *passes = json_array();
		char id[16];
		for (uint32_t k = 0; k < count; k++)
			json_array_append_new(passes, json_integer(dice(4) ? (int64_t)dice(100000) : dice(2) ? PASS_NONE : PASS_SKIPPED));
		snprintf(id, sizeof(id), "s%u", i);
		json_put(steps, id, passes);
	}
	json_put(history, "runs", runs);
	json_put(history, "steps", steps);
	return history;
}

static bool possible(const struct play *play, const struct projection *projection, struct wall now)
{
	bool known = false;

	for (size_t i = 0; i < projection->service_count; i++) {
		const struct service_forecast *service = &projection->services[i];
		const struct service_clock clock = run_clock(play->run, &play->run->services[i], now);
		for (size_t k = 0; k < projection->step_count; k++)
			assert_in_range(service->critical_per_mille[k], 0, 1000);
		if (!service->known)
			continue;
		known = true;
		assert_false(clock.stopped);
		assert_true(service->p50_ms >= clock.elapsed_ms && service->p90_ms >= service->p50_ms);
		assert_in_range(service->miss_per_mille, 0, 1000);
		assert_true((service->p90_ms <= clock.rto_ms) == (service->miss_per_mille <= 100) ||
			    (service->miss_per_mille >= 95 && service->miss_per_mille <= 105)); /* by a hair */
	}
	for (size_t i = 0; i < projection->step_count; i++)
		assert_true(projection->steps[i].p90_ms >= projection->steps[i].p50_ms);
	return known;
}

static void forecasts_of_random_runs_are_possible(void **state)
{
	size_t known = 0, looks = 0;

	(void)state;
	for (uint64_t round = 1; round <= ROUNDS / 20; round++) {
		struct play play;
		seed = round;
		begin(&play);
		json_t *history = random_history(&play);
		struct forecast *forecast = forecast_new(play.run, history, dice(9), round);
		for (uint32_t i = 0; i < 200 && !crowded(&play); i++) {
			turn(&play);
			if (dice(20))
				continue;
			const struct wall now = story_wall(play.story.ms + play.story.set_ms + (int64_t)dice(2) * dice(300000));
			known += possible(&play, forecast_project(forecast, play.run, now), now);
			looks++;
		}
		forecast_free(forecast);
		json_decref(history);
		run_free(play.run);
	}
	assert_true(looks > ROUNDS / 20 && known > looks / 10); /* they did say something */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_law_holds_for_random_runs),
		cmocka_unit_test(forecasts_of_random_runs_are_possible),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
