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

/* Deterministic in the seed. */
void draws_make(
	struct draws *draws, const struct run *run, const json_t *history, uint64_t seed);
void draws_release(struct draws *draws);

/* ------------------------------------------------------------------ forecast_play.c */

enum doing { DOING_LATER, DOING_NOW, DOING_NOTHING };

struct active {
	int64_t end;
	size_t step;
};

/* A graph and one draw being played through it. */
struct player {
	size_t steps, parallel;
	bool limits;		  /* a group has one of its own */
	size_t *next, *next_from; /* step i is needed by next[next_from[i]] and on */
	enum doing *doing;	  /* per step at the beginning; set it before player_set_up */

	/* how a draw ends */
	int64_t *end;  /* per step that had not ended, from the beginning; -1 = never */
	size_t *cause; /* per step that began: whose end let it, SIZE_MAX = nobody's */

	uint32_t *left;	 /* per step: needs that have not ended */
	uint64_t *ready; /* a bit per step */
	size_t ready_count, ready_words;
	size_t ready_low; /* no word before this one has a bit */
	struct active *active;
	size_t active_count;
	size_t *members; /* per group: those of them within it */
	/* how every draw begins */
	uint32_t *left_at_first;
	uint64_t *ready_at_first;
	size_t ready_count_at_first;
};

/* parallel: 0 = no limit but the run's own. */
void player_init(struct player *player, const struct run *run, size_t parallel);
void player_release(struct player *player);
void player_set_up(struct player *player, const struct run *run);
/* ms: how long each step takes; now: the steps under way and how long each still takes. */
void player_play(struct player *player, const struct run *run, const int32_t *ms,
	const size_t *now, const int64_t *rest_ms, size_t now_count);

/* ------------------------------------------------------------------ dice.c */

struct dice {
	uint64_t state;
};
uint64_t dice_next(struct dice *dice);
double dice_unit(struct dice *dice);   /* in (0, 1) */
double dice_normal(struct dice *dice); /* mean 0, deviation 1 */
double dice_gamma(struct dice *dice, double shape);

#endif
