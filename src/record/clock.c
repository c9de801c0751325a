/* clock.c: the RTO clock and the partition of a recovery by kind of time (docs/architecture.md, "Time").
 *
 * [t0, t5] is cut into pieces that touch and never overlap, so that their sum is RTA by construction: up to t1
 * "detect", up to the first step "decide", then the kind of the step on the chain that ended at t5, found by walking back
 * from the step that marked the service verified through the need that ended last; between two steps "idle". */
#include "drillbook/record.h"

#include <stdlib.h>

static struct wall earlier(struct wall a, struct wall b)
{
	if (a.ns == 0 || b.ns == 0)
		return a.ns == 0 ? b : a;
	return a.ns < b.ns ? a : b;
}

struct service_clock run_clock(const struct run *run, const struct service *service, struct wall now)
{
	struct service_clock clock = {.t0 = run->t0, .rto_ms = service->rto_ms};

	if (clock.t0.ns == 0) {
		clock.t0 = earlier(run->t1, run->t2);
		clock.assumed = true;
	}
	clock.verified = service->verified.ns != 0;
	clock.stopped = clock.verified || run->status != RUN_OPEN;
	const struct wall end = clock.verified ? service->verified
				: run->status != RUN_OPEN && run->ended.ns != 0 ? run->ended
										: run_now(run, now);
	/* whole milliseconds of both ends, so that parts and their sum never differ by rounding */
	if (end.ns > clock.t0.ns) /* a t0 stated after the end leaves nothing to measure */
		clock.elapsed_ms = end.ns / 1000000 - clock.t0.ns / 1000000;
	if (service->rto_ms < 0) {
		clock.word = "no RTO";
		return clock;
	}
	clock.left_ms = service->rto_ms - clock.elapsed_ms;
	if (clock.left_ms < 0)
		clock.word = "MISSED";
	else if (clock.verified)
		clock.word = "MET";
	else
		clock.word = clock.left_ms * 5 < service->rto_ms ? "tight" : "on track";
	return clock;
}

struct cutter {
	struct wall from, to;          /* of the whole */
	struct time_part *parts;
	size_t count, cap;
};

/* Pieces are made from the end towards the beginning; `upto` is where the last one began. */
static struct wall piece(struct cutter *cutter, struct wall upto, struct wall from, enum time_kind kind,
	const char *step)
{
	if (from.ns < cutter->from.ns)
		from = cutter->from;
	if (from.ns >= upto.ns)
		return upto;
	if (cutter->count == cutter->cap) {
		cutter->cap = cutter->cap ? cutter->cap * 2 : 32;
		cutter->parts = xrealloc(cutter->parts, cutter->cap * sizeof(*cutter->parts));
	}
	cutter->parts[cutter->count++] =
		(struct time_part){.kind = kind, .from = from, .to = upto, .step = step};
	return from;
}

/* The step that said so; the one that ended last before it, when a human did. */
static const struct step *marking_step(const struct run *run, const struct service *service)
{
	const struct step *best = run_step(run, service->verified_by);

	if (best != NULL)
		return best;
	for (size_t i = 0; i < run->step_count; i++)
		if (run->steps[i].passed.ns != 0 && run->steps[i].passed.ns <= service->verified.ns &&
			!run->steps[i].passed_over &&
			(best == NULL || run->steps[i].passed.ns >= best->passed.ns))
			best = &run->steps[i];
	return best;
}

/* The need that was passed last, which is what this step waited for. */
static const struct step *waited_for(const struct run *run, const struct step *step)
{
	const struct step *last = NULL;

	for (size_t i = 0; i < step->needs_count; i++) {
		const struct step *need = &run->steps[step->needs_index[i]];
		if (need->passed.ns != 0 && (last == NULL || need->passed.ns > last->passed.ns))
			last = need;
	}
	return last;
}

static void walk_back(struct cutter *cutter, const struct run *run, const struct step *step)
{
	struct wall upto = cutter->to;

	/* a chain is never longer than the run: damaged events may hold a circle */
	for (size_t hops = 0; step != NULL && upto.ns > cutter->from.ns && hops < run->step_count; hops++) {
		for (size_t i = step->span_count; i-- > 0 && upto.ns > cutter->from.ns;) {
			const struct span *span = &step->spans[i];
			const struct wall end = span->to.ns ? span->to : upto;
			if (end.ns < upto.ns) /* nobody worked on it between its spans */
				upto = piece(cutter, upto, end, TIME_IDLE, step->id);
			upto = piece(cutter, upto, span->from, span->kind, step->id);
		}
		step = waited_for(run, step);
		if (step != NULL && step->passed.ns < upto.ns)
			upto = piece(cutter, upto, step->passed, TIME_IDLE, NULL);
	}
	if (upto.ns > cutter->from.ns)
		piece(cutter, upto, cutter->from, TIME_IDLE, NULL);
}

static int by_time(const void *a, const void *b)
{
	const struct time_part *x = a, *y = b;

	return (x->from.ns > y->from.ns) - (x->from.ns < y->from.ns);
}

bool run_partition(const struct run *run, const struct service *service, int64_t sums_ms[TIME_KINDS],
	struct time_part *parts, size_t max, size_t *count)
{
	struct cutter cutter = {.to = service->verified};

	for (size_t i = 0; i < TIME_KINDS; i++)
		sums_ms[i] = 0;
	if (count != NULL)
		*count = 0;
	if (service->verified.ns == 0)
		return false;
	const struct wall t0 = run_clock(run, service, service->verified).t0;
	struct wall detected = run->t1.ns > t0.ns ? run->t1 : t0;
	if (detected.ns > cutter.to.ns)
		detected = cutter.to;
	struct wall decided = run->t3.ns > detected.ns ? run->t3 : detected;
	if (decided.ns > cutter.to.ns)
		decided = cutter.to;
	cutter.from = decided;
	walk_back(&cutter, run, marking_step(run, service));
	cutter.from = t0;
	piece(&cutter, decided, detected, TIME_DECIDE, NULL);
	piece(&cutter, detected, t0, TIME_DETECT, NULL);
	if (cutter.count > 1)
		qsort(cutter.parts, cutter.count, sizeof(*cutter.parts), by_time);
	for (size_t i = 0; i < cutter.count; i++) {
		const struct time_part *part = &cutter.parts[i];
		sums_ms[part->kind] += part->to.ns / 1000000 - part->from.ns / 1000000;
		if (parts != NULL && i < max)
			parts[i] = *part;
	}
	if (count != NULL)
		*count = cutter.count;
	free(cutter.parts);
	return true;
}

/* ------------------------------------------------------------------ the law */

static enum err_code law_of(const struct run *run, const struct service *service,
	const struct time_part *parts, size_t count, struct err *err)
{
	const struct service_clock clock = run_clock(run, service, service->verified);
	struct wall upto = clock.t0;
	int64_t sum_ms = 0;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].from.ns != upto.ns || parts[i].to.ns <= parts[i].from.ns)
			return err_set(err, ERR_VERIFY,
				"run %lld, service \"%s\": part %zu of the recovery does not begin where "
				"the one before ended",
				(long long)run->id, service->name, i + 1);
		upto = parts[i].to;
		sum_ms += upto.ns / 1000000 - parts[i].from.ns / 1000000;
	}
	if (count > 0 && upto.ns != service->verified.ns)
		return err_set(err, ERR_VERIFY,
			"run %lld, service \"%s\": the parts of the recovery do not end with it",
			(long long)run->id, service->name);
	return sum_ms == clock.elapsed_ms
		       ? ERR_NONE
		       : err_set(err, ERR_VERIFY,
				 "run %lld, service \"%s\": the parts sum to %lld ms, the recovery took "
				 "%lld ms",
				 (long long)run->id, service->name, (long long)sum_ms,
				 (long long)clock.elapsed_ms);
}

enum err_code run_time_law(const struct run *run, struct err *err)
{
	for (size_t i = 0; i < run->service_count; i++) {
		int64_t sums[TIME_KINDS], rest;
		size_t count;
		if (!run_partition(run, &run->services[i], sums, NULL, 0, &count))
			continue;
		struct time_part *parts = xmalloc((count + 1) * sizeof(*parts));
		run_partition(run, &run->services[i], sums, parts, count, &count);
		const enum err_code code = law_of(run, &run->services[i], parts, count, err);
		free(parts);
		TRY(code);
		rest = run_clock(run, &run->services[i], run->services[i].verified).elapsed_ms;
		for (size_t k = 0; k < TIME_KINDS; k++)
			rest -= sums[k];
		if (rest != 0)
			return err_set(err, ERR_VERIFY,
				"run %lld, service \"%s\": the kinds of time leave %lld ms over",
				(long long)run->id, run->services[i].name, (long long)rest);
	}
	return ERR_NONE;
}
