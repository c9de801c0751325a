/* forecast.c: plays the draws through what is left of a run's graph (docs/forecast.md).
 *
 * The draws are made once per run; each projection weighs them by what this run has shown so
 * far. A draw in which a step under way would be over already is left out, one whose finished
 * steps together took about as long as they really did counts more.  Each remaining draw is
 * played as the engine would: steps in their order, as many at once as it allows. */
#include "forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t no_step = SIZE_MAX;

enum {
	DRAWS_ENOUGH = 64, /* effective draws below which weighing says less than it hides */
	TAIL_ENOUGH = 24 /* draws beyond what a step has taken for them to say how it goes on */
};

static const double kernel_share = 0.9; /* of the spread of the finished time */
static const double surprise_max = 2.0; /* deviations: beyond, a run counts as that strange */

struct weighed {
	int64_t ms;
	double weight;
};

struct forecast {
	struct draws draws;
	struct player player;
	size_t step_count, service_count, parallel;
	int64_t adopted;  /* books, when they were made */
	json_t *history;
	uint64_t seed;
	bool *marks;   /* [service * step_count + step]: it marks the service verified */
	bool *matters; /* [service * step_count + step]: it has to end before that */

	/* of a projection */
	size_t *now; /* the steps under way */
	size_t now_count;
	int64_t *gone_ms;	/* per step under way, since it began */
	int64_t *rest_ms;	/* per step under way, in the draw being played */
	int32_t *now_ms;	/* [place in now * draws + draw]: how long it takes in all */
	double *weights;	/* per draw */
	struct weighed *sorted; /* per draw */
	int64_t *ends;		/* [service * draws + draw]: from now; -1 = never */
	double *critical;	/* [service * step_count + step] */
	int32_t *critical_per_mille;
	struct projection projection;
};

/* ------------------------------------------------------------------ once per run */

/* All that a marking step needs, directly or not. */
static void spread(bool *matters, size_t *stack, const struct run *run, size_t step)
{
	size_t depth = 0;

	if (matters[step])
		return;
	matters[step] = true;
	stack[depth++] = step;
	while (depth > 0) {
		const struct step *top = &run->steps[stack[--depth]];
		for (size_t i = 0; i < top->needs_count; i++)
			if (!matters[top->needs_index[i]]) {
				matters[top->needs_index[i]] = true;
				stack[depth++] = top->needs_index[i];
			}
	}
}

static void find_marks(struct forecast *forecast, const struct run *run)
{
	const json_t *mark;

	for (size_t i = 0; i < run->step_count; i++) {
		size_t k;
		json_array_foreach(run->steps[i].marks, k, mark)
		{
			if (!str_eq(json_str(mark, "reached", ""), "verified"))
				continue;
			for (size_t at = 0; at < run->service_count; at++) {
				if (!str_eq(json_str(mark, "service", ""),
					    run->services[at].name))
					continue;
				const size_t row = at * forecast->step_count;
				forecast->marks[row + i] = true;
				spread(&forecast->matters[row], forecast->now, run, i);
			}
		}
	}
}

/* `count` zeroed things of the size of what the pointer points to; never zero bytes. */
#define ALLOC(pointer, count) ((pointer) = xmalloc(((count) + 1) * sizeof(*(pointer))))

/* What the draws are made from and played through. */
static void study(struct forecast *forecast, const struct run *run)
{
	player_init(&forecast->player, run, forecast->parallel);
	draws_make(&forecast->draws, run, forecast->history, forecast->seed);
	find_marks(forecast, run);
	forecast->adopted = run->adopted;
}

/* A changed book has other needs, expectations and marks; its steps are the same. */
static void study_again(struct forecast *forecast, const struct run *run)
{
	const size_t cells = forecast->service_count * forecast->step_count;

	draws_release(&forecast->draws);
	player_release(&forecast->player);
	memset(forecast->marks, 0, cells * sizeof(*forecast->marks));
	memset(forecast->matters, 0, cells * sizeof(*forecast->matters));
	study(forecast, run);
}

struct forecast *forecast_new(
	const struct run *run, const json_t *history, size_t parallel, uint64_t seed)
{
	struct forecast *forecast = xmalloc(sizeof(*forecast));
	const size_t steps = run->step_count, services = run->service_count;

	forecast->step_count = steps;
	forecast->service_count = services;
	forecast->parallel = parallel;
	forecast->seed = seed;
	forecast->history = json_incref((json_t *)(uintptr_t)history);
	ALLOC(forecast->marks, services * steps);
	ALLOC(forecast->matters, services * steps);
	ALLOC(forecast->now, steps);
	ALLOC(forecast->gone_ms, steps);
	ALLOC(forecast->rest_ms, steps);
	study(forecast, run);
	const size_t draws = forecast->draws.draw_count;
	ALLOC(forecast->weights, draws);
	ALLOC(forecast->sorted, draws);
	ALLOC(forecast->ends, services * draws);
	ALLOC(forecast->critical, services * steps);
	ALLOC(forecast->critical_per_mille, services * steps);
	ALLOC(forecast->projection.services, services);
	ALLOC(forecast->projection.steps, steps);
	forecast->projection.runs = forecast->draws.runs;
	forecast->projection.step_count = steps;
	forecast->projection.service_count = services;
	return forecast;
}

void forecast_free(struct forecast *forecast)
{
	if (forecast == NULL)
		return;
	void *const all[] = { forecast->marks, forecast->matters, forecast->now,
		forecast->gone_ms, forecast->now_ms, forecast->rest_ms, forecast->weights,
		forecast->sorted, forecast->ends, forecast->critical,
		forecast->critical_per_mille, forecast->projection.services,
		forecast->projection.steps };

	draws_release(&forecast->draws);
	player_release(&forecast->player);
	json_decref(forecast->history);
	for (size_t i = 0; i < COUNT_OF(all); i++)
		free(all[i]);
	free(forecast);
}

/* ------------------------------------------------------------------ what the run has shown */

static int32_t drawn(const struct forecast *forecast, size_t draw, size_t step)
{
	return forecast->draws.ms[draw * forecast->step_count + step];
}

/* A step begins when it is first put before a human or started, whichever comes first. */
static struct wall pass_began(const struct step *step)
{
	return step->span_count > 0 ? step->spans[0].from : step->first_started;
}

static int64_t ms_between(struct wall from, struct wall to)
{
	return to.ns > from.ns && from.ns != 0 ? (to.ns - from.ns) / 1000000 : 0;
}

/* A step that failed and waits for somebody's decision is under way: it is not passed yet. */
static void look(struct forecast *forecast, const struct run *run, struct wall now)
{
	forecast->now_count = 0;
	for (size_t i = 0; i < run->step_count; i++) {
		const struct step *step = &run->steps[i];
		if (step->state == STEP_OK || step->state == STEP_SKIPPED ||
			(step->undoing && step->passed.ns != 0) || /* what it left is taken away */
			step->kind == KIND_WATCH) { /* nobody waits for it */
			forecast->player.doing[i] = DOING_NOTHING;
		} else if (step->state == STEP_PENDING && run_step_ask(run, i) == NULL) {
			forecast->player.doing[i] = DOING_LATER;
		} else {
			forecast->player.doing[i] = DOING_NOW;
			forecast->gone_ms[forecast->now_count] =
				ms_between(pass_began(step), run_now(run, now));
			forecast->now[forecast->now_count++] = i;
		}
	}
}

static double total(const double *weights, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += weights[i];
	return sum;
}

/* How many equal draws these weigh as much as. */
static double effective(const double *weights, size_t count)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < count; i++) {
		sum += weights[i];
		squares += weights[i] * weights[i];
	}
	return squares > 0 ? sum * sum / squares : 0;
}

/* The time the finished steps took together against what each draw had for them: a run that
 * goes slowly is likely to go on slowly, as far as the history says so. */
static void weigh_by_finished(struct forecast *forecast, const struct run *run)
{
	const size_t draws = forecast->draws.draw_count;
	double *weights = forecast->weights, mean = 0, square = 0;
	int64_t took = 0;

	for (size_t i = 0; i < draws; i++)
		weights[i] = 0;
	for (size_t i = 0; i < run->step_count; i++) {
		const struct step *step = &run->steps[i];
		if (step->state != STEP_OK || forecast->draws.basis[i] == BASIS_WAIT)
			continue;
		took += ms_between(pass_began(step), step->passed);
		for (size_t k = 0; k < draws; k++)
			weights[k] += drawn(forecast, k, i);
	}
	for (size_t i = 0; i < draws; i++) {
		weights[i] = log(weights[i] + 20.0);
		mean += weights[i] / (double)draws;
		square += weights[i] * weights[i] / (double)draws;
	}
	const double sigma = sqrt(fmax(square - mean * mean, 0.0));
	const double seen = log((double)took + 20.0) - mean, most = surprise_max * sigma;
	const double at = mean + fmax(-most, fmin(most, seen)), width = kernel_share * sigma;
	for (size_t i = 0; i < draws; i++) {
		const double away = width > 1e-3 ? (weights[i] - at) / width : 0.0;
		weights[i] = exp(-0.5 * away * away);
	}
}

/* Whether no step under way would have ended before now. */
static bool possible(const struct forecast *forecast, size_t draw)
{
	for (size_t i = 0; i < forecast->now_count; i++)
		if (drawn(forecast, draw, forecast->now[i]) <= forecast->gone_ms[i] &&
			forecast->draws.basis[forecast->now[i]] != BASIS_WAIT)
			return false;
	return true;
}

/* A step that takes longer than (nearly) all draws: what the others beyond it say, else a tail
 * that knows only how long it has taken, P(T > t) = (gone / t)^2. */
static void draw_on(struct forecast *forecast, size_t at)
{
	const size_t draws = forecast->draws.draw_count, step = forecast->now[at];
	const int64_t gone = forecast->gone_ms[at];
	struct dice dice = { forecast->seed + step };
	int32_t *ms = &forecast->now_ms[at * draws];
	size_t beyond = 0;

	if (forecast->draws.basis[step] == BASIS_WAIT)
		return; /* it is only late by the time it takes to say so */
	for (size_t i = 0; i < draws; i++)
		if (drawn(forecast, i, step) > gone)
			forecast->sorted[beyond++].ms = drawn(forecast, i, step);
	for (size_t i = 0; i < draws; i++) {
		const double unit = dice_unit(&dice);
		const size_t pick = dice_next(&dice) % TAIL_ENOUGH;
		if (drawn(forecast, i, step) > gone)
			continue;
		if (pick < beyond)
			ms[i] = (int32_t)forecast->sorted[dice_next(&dice) % beyond].ms;
		else
			ms[i] = (int32_t)fmin((double)(gone + 1000) / sqrt(unit), INT32_MAX);
	}
}

static void weigh(struct forecast *forecast, const struct run *run)
{
	const size_t draws = forecast->draws.draw_count;
	double *weights = forecast->weights, *both;

	forecast->now_ms = xrealloc(forecast->now_ms,
		(forecast->now_count * draws + 1) * sizeof(*forecast->now_ms));
	for (size_t i = 0; i < forecast->now_count; i++)
		for (size_t k = 0; k < draws; k++)
			forecast->now_ms[i * draws + k] = drawn(forecast, k, forecast->now[i]);
	weigh_by_finished(forecast, run);
	ALLOC(both, draws);
	for (size_t i = 0; i < draws; i++)
		both[i] = possible(forecast, i) ? weights[i] : 0.0;
	if (effective(both, draws) < DRAWS_ENOUGH)
		for (size_t i = 0; i < draws; i++)
			both[i] = possible(forecast, i) ? 1.0 : 0.0;
	if (effective(both, draws) >= DRAWS_ENOUGH)
		memcpy(weights, both, draws * sizeof(*weights));
	else
		for (size_t i = 0; i < forecast->now_count; i++)
			draw_on(forecast, i);
	free(both);
}

/* ------------------------------------------------------------------ playing the draws */

/* The last of the steps that mark the service; -1 when there is none any more. */
static void note_ends(struct forecast *forecast, size_t service, size_t draw)
{
	const size_t row = service * forecast->step_count;
	size_t last = no_step;

	for (size_t i = 0; i < forecast->step_count; i++)
		if (forecast->marks[row + i] && forecast->player.doing[i] != DOING_NOTHING &&
			(last == no_step ||
				forecast->player.end[i] > forecast->player.end[last]))
			last = i;
	forecast->ends[service * forecast->draws.draw_count + draw] =
		last == no_step ? -1 : forecast->player.end[last];
	for (; last != no_step; last = forecast->player.cause[last])
		forecast->critical[row + last] += forecast->weights[draw];
}

static void play(struct forecast *forecast, const struct run *run, size_t draw)
{
	const size_t draws = forecast->draws.draw_count;

	for (size_t i = 0; i < forecast->now_count; i++) {
		const int64_t rest = forecast->now_ms[i * draws + draw] - forecast->gone_ms[i];
		forecast->rest_ms[i] = rest > 0 ? rest : 0;
	}
	player_play(&forecast->player, run, &forecast->draws.ms[draw * forecast->step_count],
		forecast->now, forecast->rest_ms, forecast->now_count);
	for (size_t i = 0; i < forecast->service_count; i++)
		note_ends(forecast, i, draw);
}

/* ------------------------------------------------------------------ summing up */

static int by_ms(const void *a, const void *b)
{
	const struct weighed *x = a, *y = b;

	return (x->ms > y->ms) - (x->ms < y->ms);
}

static int64_t quantile(const struct weighed *sorted, size_t count, double sum, double share)
{
	double below = 0;

	for (size_t i = 0; i < count; i++)
		if ((below += sorted[i].weight) >= share * sum)
			return sorted[i].ms;
	return count > 0 ? sorted[count - 1].ms : 0;
}

/* Whether most of the time still to come is known; *guessed: the steps of which nothing is. */
static bool well_known(const struct forecast *forecast, size_t service, int64_t *guessed)
{
	double known_ms = 0, guessed_ms = 0;
	bool todo = false;

	*guessed = 0;
	for (size_t i = 0; i < forecast->step_count; i++) {
		if (!forecast->matters[service * forecast->step_count + i] ||
			forecast->player.doing[i] == DOING_NOTHING)
			continue;
		todo = true;
		if (forecast->draws.basis[i] == BASIS_GUESS) {
			++*guessed;
			guessed_ms += forecast->draws.middle_ms[i];
		} else {
			known_ms += forecast->draws.middle_ms[i];
		}
	}
	return todo && guessed_ms <= known_ms;
}

static void sum_up_service(
	struct forecast *forecast, const struct run *run, size_t at, struct wall now)
{
	const size_t draws = forecast->draws.draw_count, row = at * forecast->step_count;
	const struct service_clock clock = run_clock(run, &run->services[at], now);
	struct service_forecast *service = &forecast->projection.services[at];
	const double sum = total(forecast->weights, draws);
	double missed = 0;

	*service = (struct service_forecast){ .miss_per_mille = -1,
		.critical_per_mille = &forecast->critical_per_mille[row] };
	service->known =
		well_known(forecast, at, &service->guessed) && !clock.stopped && !run->aborting;
	for (size_t i = 0; i < draws; i++) {
		const int64_t end = forecast->ends[at * draws + i];
		service->known = service->known && end >= 0;
		forecast->sorted[i] =
			(struct weighed){ clock.elapsed_ms + end, forecast->weights[i] };
		if (clock.elapsed_ms + end > clock.rto_ms)
			missed += forecast->weights[i];
	}
	for (size_t i = 0; i < forecast->step_count; i++)
		forecast->critical_per_mille[row + i] =
			service->known
				? (int32_t)(1000.0 * forecast->critical[row + i] / sum + 0.5)
				: 0;
	if (!service->known)
		return;
	qsort(forecast->sorted, draws, sizeof(*forecast->sorted), by_ms);
	service->p50_ms = quantile(forecast->sorted, draws, sum, 0.5);
	service->p90_ms = quantile(forecast->sorted, draws, sum, 0.9);
	if (clock.rto_ms >= 0)
		service->miss_per_mille = (int64_t)(1000.0 * missed / sum + 0.5);
}

static void sum_up_steps(struct forecast *forecast)
{
	const size_t draws = forecast->draws.draw_count;
	const double sum = total(forecast->weights, draws);

	for (size_t i = 0; i < forecast->step_count; i++)
		forecast->projection.steps[i] = (struct step_forecast){ -1, -1 };
	for (size_t i = 0; i < forecast->now_count; i++) {
		struct step_forecast *step = &forecast->projection.steps[forecast->now[i]];
		if (forecast->draws.basis[forecast->now[i]] == BASIS_GUESS)
			continue;
		for (size_t k = 0; k < draws; k++) {
			const int64_t rest =
				forecast->now_ms[i * draws + k] - forecast->gone_ms[i];
			forecast->sorted[k] =
				(struct weighed){ rest > 0 ? rest : 0, forecast->weights[k] };
		}
		qsort(forecast->sorted, draws, sizeof(*forecast->sorted), by_ms);
		step->p50_ms = quantile(forecast->sorted, draws, sum, 0.5);
		step->p90_ms = quantile(forecast->sorted, draws, sum, 0.9);
	}
}

const struct projection *forecast_project(
	struct forecast *forecast, const struct run *run, struct wall now)
{
	const size_t services = forecast->service_count;

	if (forecast->adopted != run->adopted)
		study_again(forecast, run);
	forecast->projection.at = now;
	look(forecast, run, now);
	weigh(forecast, run);
	player_set_up(&forecast->player, run);
	memset(forecast->critical, 0,
		services * forecast->step_count * sizeof(*forecast->critical));
	for (size_t i = 0; i < forecast->draws.draw_count; i++) {
		if (forecast->weights[i] <
			1e-6) { /* it counts for nothing, so it is not played */
			forecast->weights[i] = 0;
			for (size_t k = 0; k < services; k++)
				forecast->ends[k * forecast->draws.draw_count + i] = 0;
			continue;
		}
		play(forecast, run, i);
	}
	for (size_t i = 0; i < services; i++)
		sum_up_service(forecast, run, i, now);
	sum_up_steps(forecast);
	return &forecast->projection;
}
