/* forecast_draw.c: from earlier runs to draws of how long each step could take
 * (docs/forecast.md).
 *
 * A draw picks one earlier run and takes all its durations, so that steps that are slow
 * together stay slow together.  In the logarithm, because durations multiply rather than add:
 * the deviation of that run from the centre of each step is blended with the deviation of a
 * second run times a normal number (a kernel that has the shape of the history itself) and
 * widened as Student's t is for a sample of that size.  A drift over the runs is taken out
 * first, and what edits of the runbook did is bridged, each as far as the runs show it; what
 * they do not show is drawn as doubt.  New runs weigh more. */
#include "forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double age_runs = 16.0, age_days = 365.0; /* a run that old weighs half */
static const double small_ms = 20.0; /* added before the logarithm: less is no difference */
/* spreads of the logarithm */
static const double floor_sigma = 0.05;	 /* no step is as regular as three equal numbers */
static const double version_sigma = 0.3; /* what an edit of the runbook may do to a step */
static const double expect_sigma = 0.35; /* each for the author's mood and for the step */
static const double few_sigma = 0.5, guess_sigma = 0.7;
static const double drift_sigma = 0.02;			  /* per run */
static const double prior_sigma = 0.15, prior_runs = 2.0; /* believed before looking */
static const double deviation_max = 3.0, student_max = 4.0;
static const double guess_ms = 60000.0;
static const double draw_max_ms = 20.0 * 24 * 3600 * 1000;

struct model {
	const struct run *run;
	size_t runs, steps;
	double *weight; /* per earlier run, newest first */
	bool *other_version;
	size_t *group;	/* runs of the same version share a number, below the count of runs */
	double *log_ms; /* [step * runs + run]: then the deviation from the centre */
	signed char *pass;	/* [step * runs + run]: 0 a duration, PASS_NONE, PASS_SKIPPED */
	double *centre, *widen; /* per step */
	double *age;		/* per step: mean age in runs of what is known */
	double *kernel;		/* per step: how much of a second run is blended in */
	double *noise;		/* per step: what no run has shown */
	double *doubt; /* [step * runs + run]: of what an edit since that run did to the step */
	double common_doubt; /* of the drift that all steps share */
	int *freedom;	     /* per step: of Student's t */
	struct dice dice;
};

/* ------------------------------------------------------------------ reading the history */

static void weigh_runs(struct model *model, const json_t *rows)
{
	for (size_t i = 0; i < model->runs; i++) {
		const json_t *row = json_array_get(rows, i);
		const int64_t version = json_int(row, "version", 0);
		const double days =
			((double)model->run->began.ns - (double)json_int(row, "began_ns", 0)) /
			86400e9;
		while (json_int(json_array_get(rows, model->group[i]), "version", 0) != version)
			model->group[i]++;
		model->other_version[i] = version != model->run->version;
		model->weight[i] =
			exp2(-(double)i / age_runs - (days > 0 ? days / age_days : 0.0));
	}
}

static void read_passes(struct model *model, size_t step, const json_t *passes)
{
	for (size_t i = 0; i < model->runs; i++) {
		const json_t *value = json_array_get(passes, i);
		const int64_t ms =
			json_is_integer(value) ? json_integer_value(value) : PASS_NONE;
		const size_t at = step * model->runs + i;
		model->pass[at] = (signed char)(ms >= 0		     ? 0
						: ms == PASS_SKIPPED ? ms
								     : PASS_NONE);
		if (ms >= 0)
			model->log_ms[at] = log((double)ms + small_ms);
	}
}

static void model_init(
	struct model *model, const struct run *run, const json_t *history, uint64_t seed)
{
	const json_t *rows = json_object_get(history, "runs");
	const json_t *steps = json_object_get(history, "steps");
	size_t count = json_array_size(rows);

	if (count > HISTORY_RUNS)
		count = HISTORY_RUNS;
	*model = (struct model){
		.run = run, .runs = count, .steps = run->step_count, .dice = { seed }
	};
	model->weight = xmalloc((count + 1) * sizeof(*model->weight));
	model->other_version = xmalloc((count + 1) * sizeof(*model->other_version));
	model->group = xmalloc((count + 1) * sizeof(*model->group));
	model->log_ms = xmalloc((count * model->steps + 1) * sizeof(*model->log_ms));
	model->pass = xmalloc(count * model->steps + 1);
	model->centre = xmalloc((model->steps + 1) * sizeof(*model->centre));
	model->widen = xmalloc((model->steps + 1) * sizeof(*model->widen));
	model->age = xmalloc((model->steps + 1) * sizeof(*model->age));
	model->kernel = xmalloc((model->steps + 1) * sizeof(*model->kernel));
	model->noise = xmalloc((model->steps + 1) * sizeof(*model->noise));
	model->doubt = xmalloc((count * model->steps + 1) * sizeof(*model->doubt));
	model->freedom = xmalloc((model->steps + 1) * sizeof(*model->freedom));
	weigh_runs(model, rows);
	for (size_t i = 0; i < model->steps; i++)
		read_passes(model, i, json_object_get(steps, run->steps[i].id));
}

static void model_release(struct model *model)
{
	free(model->weight);
	free(model->other_version);
	free(model->group);
	free(model->log_ms);
	free(model->pass);
	free(model->centre);
	free(model->widen);
	free(model->age);
	free(model->kernel);
	free(model->noise);
	free(model->doubt);
	free(model->freedom);
}

/* ------------------------------------------------------------------ centres and drifts */

static bool measured(const struct model *model, size_t step, size_t run)
{
	return model->pass[step * model->runs + run] == 0;
}

static size_t find_centre(struct model *model, size_t step)
{
	double sum = 0, squares = 0, total = 0, age = 0;
	size_t count = 0;

	for (size_t i = 0; i < model->runs; i++) {
		if (!measured(model, step, i))
			continue;
		const double weight = model->weight[i];
		sum += weight;
		squares += weight * weight;
		total += weight * model->log_ms[step * model->runs + i];
		age += weight * ((double)i + 1.0);
		count++;
	}
	model->centre[step] = count > 0 ? total / sum : 0.0;
	model->age[step] = count > 0 ? age / sum : 0.0;
	const double effective = count > 0 ? sum * sum / squares : 0.0;
	/* a resampled deviation is too small by (n-1)/n, a centre found from n too sure by
	 * 1+1/n */
	model->widen[step] =
		effective > 1.3 ? fmin(sqrt((effective + 1.0) / (effective - 1.0)), 2.0) : 2.0;
	model->freedom[step] = effective > 2.0 ? (int)(effective - 0.5) : 1;
	return count;
}

/* Sums over the runs of one version. */
struct group {
	double weight, x, y;
};

/* A drift: change of the logarithm per run, and how far it may be off. */
struct drift {
	double slope, doubt;
};

/* Weighted slope of y over the age in runs (newest 0), within each version, since a change of
 * the runbook is a step and no drift.  Taken together with what one believes before looking:
 * that it is drift_sigma or so, and that durations scatter by about prior_sigma. */
static struct drift find_drift(const struct model *model, const double *y, const bool *has)
{
	struct group groups[HISTORY_RUNS] = { 0 };
	double xx = 0, xy = 0, yy = 0, sum = 0, squares = 0, freedom = -1.0;

	for (size_t i = 0; i < model->runs; i++) {
		if (!has[i])
			continue;
		struct group *group = &groups[model->group[i]];
		group->weight += model->weight[i];
		group->x += model->weight[i] * (double)i;
		group->y += model->weight[i] * y[i];
	}
	for (size_t i = 0; i < model->runs; i++) {
		const struct group *group = &groups[model->group[i]];
		freedom -= groups[i].weight > 0; /* one centre each */
		if (!has[i])
			continue;
		const double weight = model->weight[i];
		const double dx = (double)i - group->x / group->weight;
		const double dy = y[i] - group->y / group->weight;
		xx += weight * dx * dx;
		xy += weight * dx * dy;
		yy += weight * dy * dy;
		sum += weight;
		squares += weight * weight;
	}
	freedom = fmax(freedom + (sum > 0 ? sum * sum / squares : 0.0), 0.0);
	if (xx <= 0)
		return (struct drift){ 0.0, drift_sigma };
	const double slope = xy / xx, rest = fmax(yy - slope * xy, 0.0);
	const double variance =
		(rest + prior_runs * prior_sigma * prior_sigma) / (freedom + prior_runs) / xx;
	const double believed = drift_sigma * drift_sigma;
	return (struct drift){ slope * believed / (believed + variance),
		sqrt(believed * variance / (believed + variance)) };
}

static void take_out(struct model *model, size_t step, double slope)
{
	for (size_t i = 0; i < model->runs; i++)
		if (measured(model, step, i))
			model->log_ms[step * model->runs + i] -= slope * ((double)i + 1.0);
}

/* First what all steps have in common, weighed by the time they take, then each step's own. */
static void take_out_drifts(struct model *model)
{
	double y[HISTORY_RUNS] = { 0 };
	bool has[HISTORY_RUNS] = { false };

	for (size_t i = 0; i < model->runs; i++) {
		double share = 0;
		for (size_t step = 0; step < model->steps; step++) {
			if (!measured(model, step, i))
				continue;
			const double time = exp(model->centre[step]);
			share += time;
			y[i] += time *
				(model->log_ms[step * model->runs + i] - model->centre[step]);
		}
		has[i] = share > 0;
		y[i] = share > 0 ? y[i] / share : 0.0;
	}
	const struct drift common = find_drift(model, y, has);
	model->common_doubt = common.doubt;
	for (size_t step = 0; step < model->steps; step++) {
		take_out(model, step, common.slope);
		for (size_t i = 0; i < model->runs; i++) {
			has[i] = measured(model, step, i);
			y[i] = model->log_ms[step * model->runs + i];
		}
		const struct drift own = find_drift(model, y, has);
		take_out(model, step, own.slope);
		model->noise[step] = own.doubt;
	}
}

static double square(double x)
{
	return x * x;
}

/* What the edits of the runbook did to a step: runs of other versions are moved to where those
 * of this version are, as far as these say so, and what they do not say is doubt.  Believed
 * before looking: an edit changes a step by about version_sigma. */
static void bridge_versions(struct model *model, size_t step)
{
	double *log_ms = &model->log_ms[step * model->runs], rest = 0, sum = 0;
	struct group groups[HISTORY_RUNS] = { 0 }, own = { 0 };

	for (size_t i = 0; i < model->runs; i++) {
		if (!measured(model, step, i))
			continue;
		struct group *group = &groups[model->group[i]];
		group->weight += model->weight[i];
		group->y += model->weight[i] * log_ms[i];
		if (!model->other_version[i])
			own = *group;
	}
	for (size_t i = 0; i < model->runs; i++) {
		const struct group *group = &groups[model->group[i]];
		sum -= groups[i].weight > 0;
		if (!measured(model, step, i))
			continue;
		rest += model->weight[i] * square(log_ms[i] - group->y / group->weight);
		sum += model->weight[i];
	}
	const double scatter =
		(rest + prior_runs * square(prior_sigma)) / (fmax(sum, 0) + prior_runs);
	const double believed = square(version_sigma);
	for (size_t i = 0; i < model->runs; i++) {
		const struct group *group = &groups[model->group[i]];
		double *doubt = &model->doubt[step * model->runs + i];
		if (!model->other_version[i] || !measured(model, step, i))
			continue;
		*doubt = version_sigma;
		if (own.weight <= 0)
			continue;
		const double variance = scatter * (1.0 / own.weight + 1.0 / group->weight);
		log_ms[i] += (own.y / own.weight - group->y / group->weight) * believed /
			     (believed + variance);
		*doubt = sqrt(believed * variance / (believed + variance));
	}
}

static void find_spread(struct model *model, size_t step)
{
	/* Silverman's rule for the width of a kernel; blending keeps the spread as it was */
	const double kernel = 1.06 * pow((double)model->freedom[step] + 1.0, -0.2);
	const double drift = model->age[step] * model->noise[step];

	model->kernel[step] = kernel;
	model->widen[step] /= sqrt(1.0 + kernel * kernel);
	model->noise[step] = hypot(floor_sigma, drift);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of what is known of the steps, for those of which nothing is. */
static double guess(const struct draws *draws, size_t steps)
{
	double *known = xmalloc((steps + 1) * sizeof(*known));
	size_t count = 0;

	for (size_t i = 0; i < steps; i++)
		if (draws->basis[i] != BASIS_GUESS && draws->middle_ms[i] > 0)
			known[count++] = draws->middle_ms[i];
	qsort(known, count, sizeof(*known), by_value);
	const double median = count > 0 ? known[count / 2] : guess_ms;
	free(known);
	return median;
}

/* ------------------------------------------------------------------ drawing */

static size_t pick_run(struct model *model, const double *weight, double sum)
{
	double left = dice_unit(&model->dice) * sum;
	size_t at = 0;

	while (at + 1 < model->runs && (left -= weight[at]) > 0)
		at++;
	return at;
}

/* A run that says something about the step, when the one that was picked does not. */
static size_t pick_for_step(struct model *model, size_t step)
{
	double weight[HISTORY_RUNS], sum = 0;

	for (size_t i = 0; i < model->runs; i++) {
		weight[i] = model->pass[step * model->runs + i] == PASS_NONE ? 0.0
									     : model->weight[i];
		sum += weight[i];
	}
	size_t at = pick_run(model, weight, sum);
	while (weight[at] <= 0 && at > 0) /* rounding ended behind the last that has one */
		at--;
	return at;
}

/* What one draw has in common for all its steps. */
struct common {
	size_t first, second; /* the two runs */
	double kernel;	      /* normal: how much of the second's deviation is blended in */
	double drift;	      /* normal: how far the common drift is off */
	double author;	      /* normal: how far the author's expectations are off today */
	size_t rank;	      /* of this draw's Student factor among those of all draws */
};

static double deviation(const struct model *model, size_t step, size_t run)
{
	return measured(model, step, run) ? model->log_ms[step * model->runs + run] : 0.0;
}

static double draw_history(
	struct model *model, size_t step, const struct common *common, double student)
{
	const double kernel = model->kernel[step];
	size_t first = common->first;

	if (model->pass[step * model->runs + first] == PASS_NONE)
		first = pick_for_step(model, step);
	if (model->pass[step * model->runs + first] == PASS_SKIPPED)
		return 0.0;
	double away = deviation(model, step, first) +
		      kernel * common->kernel * deviation(model, step, common->second);
	away *= model->widen[step] * student;
	away = fmax(-deviation_max, fmin(deviation_max, away));
	away += model->age[step] * model->common_doubt * common->drift;
	away += dice_normal(&model->dice) *
		hypot(model->noise[step], model->doubt[step * model->runs + first]);
	return exp(model->centre[step] + away) - small_ms;
}

static double draw_around(struct model *model, double centre, double common, double sigma)
{
	return exp(centre + sigma * (common + dice_normal(&model->dice))) - small_ms;
}

/* Factors by which a sample of so many degrees of freedom may have come out too narrow, sorted.
 */
static double *student_factors(struct dice dice, int freedom, size_t count)
{
	double *factors = xmalloc(count * sizeof(*factors));

	for (size_t i = 0; i < count; i++)
		factors[i] = fmin(
			sqrt(freedom / (2.0 * dice_gamma(&dice, freedom / 2.0))), student_max);
	qsort(factors, count, sizeof(*factors), by_value);
	return factors;
}

static int32_t whole_ms(double ms)
{
	return (int32_t)(ms <= 0 ? 0 : ms < draw_max_ms ? ms + 0.5 : draw_max_ms);
}

static int32_t draw_step(struct model *model, const struct draws *draws, size_t step,
	const struct common *common, double *const *students)
{
	const double centre = model->centre[step];

	switch (draws->basis[step]) {
	case BASIS_WAIT:
		return whole_ms(centre);
	case BASIS_HISTORY:
		return whole_ms(draw_history(
			model, step, common, students[model->freedom[step]][common->rank]));
	case BASIS_FEW:
		return whole_ms(draw_around(model, centre, common->author, few_sigma));
	case BASIS_EXPECT:
		return whole_ms(draw_around(model, centre, common->author, expect_sigma));
	case BASIS_GUESS:
		break;
	}
	return whole_ms(draw_around(model, centre, common->author, guess_sigma));
}

static void shuffle(struct dice *dice, size_t *ranks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const size_t at = dice_next(dice) % (i + 1);
		ranks[i] = ranks[at];
		ranks[at] = i;
	}
}

static void draw_all(struct model *model, struct draws *draws)
{
	double *students[HISTORY_RUNS + 1] = { NULL }, sum = 0;
	size_t *ranks = xmalloc((draws->draw_count + 1) * sizeof(*ranks));
	const struct dice dice = model->dice;

	shuffle(&model->dice, ranks, draws->draw_count);
	for (size_t i = 0; i < model->steps; i++) {
		const int freedom = model->freedom[i];
		if (draws->basis[i] == BASIS_HISTORY && students[freedom] == NULL)
			students[freedom] = student_factors(dice, freedom, draws->draw_count);
	}
	for (size_t i = 0; i < model->runs; i++)
		sum += model->weight[i];
	for (size_t draw = 0; draw < draws->draw_count; draw++) {
		const struct common common = {
			.first = pick_run(model, model->weight, sum),
			.second = pick_run(model, model->weight, sum),
			.kernel = dice_normal(&model->dice),
			.drift = dice_normal(&model->dice),
			.author = dice_normal(&model->dice),
			.rank = ranks[draw],
		};
		int32_t *row = &draws->ms[draw * draws->step_count];
		for (size_t i = 0; i < model->steps; i++)
			row[i] = draw_step(model, draws, i, &common, students);
	}
	for (size_t i = 0; i < COUNT_OF(students); i++)
		free(students[i]);
	free(ranks);
}

/* ------------------------------------------------------------------ all together */

static enum basis basis_of(const struct step *step, size_t passes, bool talked)
{
	/* what holds other steps together takes no time of its own */
	if (step->kind == KIND_GROUP || step->kind == KIND_WATCH)
		return BASIS_WAIT;
	if (step->kind == KIND_WAIT && step->wait_ms > 0 && !talked)
		return BASIS_WAIT;
	if (passes >= HISTORY_ENOUGH)
		return BASIS_HISTORY;
	return step->expect_ms > 0 ? BASIS_EXPECT : passes > 0 ? BASIS_FEW : BASIS_GUESS;
}

/* Passes of the step, those that passed it over included. */
static size_t pass_count(const struct model *model, size_t step)
{
	size_t count = 0;

	for (size_t i = 0; i < model->runs; i++)
		count += model->pass[step * model->runs + i] != PASS_NONE;
	return count;
}

static void find_centres(struct model *model, struct draws *draws)
{
	for (size_t i = 0; i < model->steps; i++)
		find_centre(model, i);
	take_out_drifts(model);
	for (size_t i = 0; i < model->steps; i++) {
		const struct step *step = &model->run->steps[i];
		bridge_versions(model, i);
		const size_t measures = find_centre(model, i);
		for (size_t k = 0; k < model->runs; k++)
			model->log_ms[i * model->runs + k] -= model->centre[i];
		find_spread(model, i);
		draws->basis[i] = basis_of(
			step, pass_count(model, i), str_eq(model->run->mode, "tabletop"));
		if (draws->basis[i] == BASIS_WAIT)
			draws->middle_ms[i] =
				step->kind == KIND_WAIT ? (double)step->wait_ms : 0.0;
		else if (draws->basis[i] == BASIS_EXPECT)
			draws->middle_ms[i] = (double)step->expect_ms;
		else if (measures > 0)
			draws->middle_ms[i] = exp(model->centre[i]) - small_ms;
	}
	const double unknown_ms = guess(draws, model->steps);
	for (size_t i = 0; i < model->steps; i++) {
		if (draws->basis[i] == BASIS_GUESS)
			draws->middle_ms[i] = unknown_ms;
		if (draws->basis[i] == BASIS_EXPECT || draws->basis[i] == BASIS_GUESS)
			model->centre[i] = log(draws->middle_ms[i] + small_ms);
		else if (draws->basis[i] == BASIS_WAIT)
			model->centre[i] = draws->middle_ms[i];
	}
}

void draws_make(
	struct draws *draws, const struct run *run, const json_t *history, uint64_t seed)
{
	struct model model;
	size_t count = FORECAST_CELLS / (run->step_count + 1);

	if (count > FORECAST_DRAWS)
		count = FORECAST_DRAWS;
	if (count < FORECAST_DRAWS_MIN)
		count = FORECAST_DRAWS_MIN;
	model_init(&model, run, history, seed);
	*draws = (struct draws){
		.draw_count = count, .step_count = run->step_count, .runs = (int64_t)model.runs
	};
	draws->ms = xmalloc((count * run->step_count + 1) * sizeof(*draws->ms));
	draws->basis = xmalloc((run->step_count + 1) * sizeof(*draws->basis));
	draws->middle_ms = xmalloc((run->step_count + 1) * sizeof(*draws->middle_ms));
	find_centres(&model, draws);
	draw_all(&model, draws);
	model_release(&model);
}

void draws_release(struct draws *draws)
{
	free(draws->ms);
	free(draws->basis);
	free(draws->middle_ms);
}
