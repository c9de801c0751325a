/* forecast.h: what forecast.c (playing draws through the graph) and forecast_draw.c (making
 * them) share. */
#ifndef RECORD_FORECAST_H
#define RECORD_FORECAST_H

#include "drillbook/record.h"

/* What a step's draws were made from. */
enum basis { BASIS_WAIT, BASIS_HISTORY, BASIS_FEW, BASIS_EXPECT, BASIS_GUESS };

enum {
	FORECAST_DRAWS = 512,
	FORECAST_DRAWS_MIN = 128,
	FORECAST_CELLS =
		1 << 16, /* draws times steps that are played in time; fewer draws beyond */
};

struct draws {
	size_t draw_count, step_count;
	int32_t *ms;	   /* [draw * step_count + step] */
	enum basis *basis; /* per step */
	double *middle_ms; /* per step: the middle of what was drawn from */
	int64_t runs;	   /* of history that took part */
};

/* rows: steps of run.started.  Deterministic in the seed. */
void draws_make(struct draws *draws, const struct run *run, const json_t *rows,
	const json_t *history, uint64_t seed);
void draws_release(struct draws *draws);

/* ------------------------------------------------------------------ dice.c */

struct dice {
	uint64_t state;
};
uint64_t dice_next(struct dice *dice);
double dice_unit(struct dice *dice);   /* in (0, 1) */
double dice_normal(struct dice *dice); /* mean 0, deviation 1 */
double dice_gamma(struct dice *dice, double shape);

#endif
