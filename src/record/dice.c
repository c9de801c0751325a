/* dice.c: seeded randomness for forecasts: the same seed gives the same draws on every machine.
 */
#include "forecast.h"

#include <math.h>

/* splitmix64 (Steele, Lea, Flood 2014): one word of state, every seed is a good one. */
uint64_t dice_next(struct dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

double dice_unit(struct dice *dice)
{
	return ((double)(dice_next(dice) >> 11) + 0.5) / 9007199254740992.0; /* 2^53 */
}

/* Box and Muller; the second value is not kept, so that a draw depends on nothing before it. */
double dice_normal(struct dice *dice)
{
	const double radius = sqrt(-2.0 * log(dice_unit(dice)));

	return radius * cos(6.283185307179586 * dice_unit(dice));
}

/* Marsaglia and Tsang, "A simple method for generating gamma variables" (2000); shape >= 0.5 is
 * all that is asked for. */
double dice_gamma(struct dice *dice, double shape)
{
	if (shape < 1.0)
		return dice_gamma(dice, shape + 1.0) * pow(dice_unit(dice), 1.0 / shape);
	const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
	for (;;) {
		const double x = dice_normal(dice), v = 1.0 + c * x;
		if (v <= 0.0)
			continue;
		const double cube = v * v * v;
		if (log(dice_unit(dice)) < 0.5 * x * x + d - d * cube + d * log(cube))
			return d * cube;
	}
}
