/* simulate.h: calls answered from a recording (mode simulate). */
#ifndef SCRIPT_SIMULATE_H
#define SCRIPT_SIMULATE_H

#include "job.h"

bool job_simulating(const struct job *job);
/* What a wait of ms takes at the pace of the simulation; ms itself in any other mode. */
int64_t simulated_ms(const struct job *job, int64_t ms);
/* The row that answers this call, used up by it; owned.  ERR_NO_RECORDING. */
enum err_code simulate_find(struct job *job, const char *op, const char *target, const json_t *args,
	json_t **row, struct err *err) MUST_CHECK;
/* Takes as long as it took, then says what was said. */
enum err_code simulate_answer(
	struct job *job, const json_t *row, json_t *result, struct err *err) MUST_CHECK;
/* The time or chance recorded for this place, or NULL; owned. */
json_t *simulate_value(struct job *job, const char *op, const json_t *args);

#endif
