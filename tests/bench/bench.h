/* bench.h: what the benchmarks share: rounds in which floor or peer and ours take turns,
 * median, spread, ratio. */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_ROUNDS_MAX = 64 };

struct series {
	const char *name, *unit;
	double values[BENCH_ROUNDS_MAX];
	int count;
};

static inline double bench_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline void series_add(struct series *series, double value)
{
	if (series->count < BENCH_ROUNDS_MAX)
		series->values[series->count++] = value;
}

static inline int bench_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline double series_median(const struct series *series)
{
	double sorted[BENCH_ROUNDS_MAX];

	memcpy(sorted, series->values, sizeof(sorted[0]) * (size_t)series->count);
	qsort(sorted, (size_t)series->count, sizeof(sorted[0]), bench_compare);
	return series->count == 0 ? 0 : sorted[series->count / 2];
}

/* "name   median unit  (min .. max)  ratio x floor" */
static inline void series_print(const struct series *series, const struct series *floor)
{
	double least = series->values[0], most = series->values[0];

	for (int i = 1; i < series->count; i++) {
		least = series->values[i] < least ? series->values[i] : least;
		most = series->values[i] > most ? series->values[i] : most;
	}
	printf("%-44s %10.1f %s  (%.1f .. %.1f)", series->name, series_median(series),
		series->unit, least, most);
	if (floor != NULL)
		printf("  %.2fx", series_median(series) / series_median(floor));
	putchar('\n');
}

#endif
