/* ask.c: questions to the state of a run: what is open, what may start, how it ended. */
#include "fold.h"

struct ask *run_ask(const struct run *run, int64_t id)
{
	for (size_t i = 0; i < run->ask_count; i++)
		if (run->asks[i].id == id)
			return &run->asks[i];
	return NULL;
}

struct ask *run_step_ask(const struct run *run, size_t step)
{
	for (size_t i = 0; i < run->ask_count; i++)
		if (run->asks[i].step == step)
			return &run->asks[i];
	return NULL;
}

/* A step whose failure the runbook or a human passed over counts as done for those that need it. */
static bool passed(const struct step *step)
{
	return step->state == STEP_OK || step->state == STEP_SKIPPED;
}

bool run_step_within(const struct run *run, size_t index, size_t group)
{
	const struct step *step = &run->steps[index];

	for (size_t i = 0; i < step->within_count; i++)
		if (step->within_index[i] == group)
			return true;
	return false;
}

/* An invariant of a group that does not hold keeps its members from starting, until somebody passes over it. */
bool run_step_held(const struct run *run, size_t index)
{
	const struct step *step = &run->steps[index];

	if (run->private->broken == 0)
		return false;
	for (size_t i = 0; i < run->step_count && step->within_count > 0; i++) {
		const struct step *watch = &run->steps[i];
		if (watch->kind != KIND_WATCH || watch == step || watch->within_count == 0 ||
			(watch->state != STEP_FAILED && watch->state != STEP_STOPPED))
			continue;
		if (run_step_within(run, index, watch->within_index[watch->within_count - 1]))
			return true;
	}
	return false;
}

bool run_step_ready(const struct run *run, size_t index)
{
	const struct step *step = &run->steps[index];

	if (step->state != STEP_PENDING)
		return false;
	for (size_t i = 0; i < step->needs_count; i++)
		if (!passed(&run->steps[step->needs_index[i]]))
			return false;
	return !run_step_held(run, index);
}

bool run_group_through(const struct run *run, size_t group)
{
	for (size_t i = 0; i < run->step_count; i++)
		if (run->steps[i].kind != KIND_WATCH && run_step_within(run, i, group) && !passed(&run->steps[i]))
			return false;
	return true;
}

size_t run_group_running(const struct run *run, size_t group)
{
	return run->steps[group].inside;
}

/* ------------------------------------------------------------------ what could be taken back */

static bool may_have_happened(const struct op *op)
{
	return op->state == OP_STATE_DONE || op->state == OP_STATE_UNKNOWN || op->state == OP_STATE_ALLOWED;
}

bool op_outstanding(const struct op *op)
{
	return may_have_happened(op) && json_is_object(op->undo) && !op->undone && op->compensates == NULL;
}

bool op_debris(const struct op *op)
{
	return op->creates && may_have_happened(op) && !op->undone && !op->kept;
}

bool step_outstanding(const struct step *step)
{
	for (size_t i = 0; i < step->op_count; i++)
		if (op_outstanding(&step->ops[i]))
			return true;
	return false;
}

size_t run_debris(const struct run *run)
{
	size_t count = 0;

	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].op_count; k++)
			count += op_debris(&run->steps[i].ops[k]);
	return count;
}

bool run_finished(const struct run *run)
{
	if (run->ask_count > 0 || run_unknown_count(run) > 0)
		return false;
	for (size_t i = 0; i < run->step_count; i++)
		if (run->steps[i].state == STEP_RUNNING || run_step_ready(run, i))
			return false;
	return true;
}

struct op *run_op(const struct run *run, const char *key)
{
	if (key == NULL || key[0] == '\0')
		return NULL;
	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = run->steps[i].op_count; k-- > 0;)
			if (str_eq(run->steps[i].ops[k].key, key))
				return &run->steps[i].ops[k];
	return NULL;
}

size_t run_unknown_count(const struct run *run)
{
	size_t count = 0;

	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].op_count; k++)
			count += run->steps[i].ops[k].state == OP_STATE_UNKNOWN;
	return count;
}

int64_t step_elapsed_ms(const struct step *step, struct wall now)
{
	if (step->started.ns == 0)
		return 0;
	return ((step->ended.ns ? step->ended.ns : now.ns) - step->started.ns) / 1000000;
}

enum verdict_word service_rto(const struct run *run, const struct service *service)
{
	if (service->rto_ms < 0)
		return OBJECTIVE_NONE;
	if (service->verified.ns == 0) /* a probe recovers nothing */
		return run->status == RUN_OPEN || str_eq(run->mode, "probe") ? OBJECTIVE_NOT_MEASURED
									     : OBJECTIVE_MISSED;
	const struct service_clock clock = run_clock(run, service, service->verified);
	return clock.left_ms >= 0 ? OBJECTIVE_MET : OBJECTIVE_MISSED;
}

enum verdict_word service_rpo(const struct run *run, const struct service *service)
{
	(void)run;
	if (service->rpo_ms < 0)
		return OBJECTIVE_NONE;
	if (!service->measured || (service->lost < 0 && service->rpa_ms < 0))
		return OBJECTIVE_NOT_MEASURED;
	/* an objective of 0 allows no lost unit at all, however short the span */
	if (service->rpo_ms == 0 && service->lost > 0)
		return OBJECTIVE_MISSED;
	if (service->rpa_ms < 0) /* counted but not timed: only nothing lost is sure to be in time */
		return service->lost == 0 ? OBJECTIVE_MET : OBJECTIVE_NOT_MEASURED;
	return service->rpa_ms <= service->rpo_ms ? OBJECTIVE_MET : OBJECTIVE_MISSED;
}

int run_exit_status(const struct run *run)
{
	switch (run->status) {
	case RUN_OPEN:
		return err_exit_status(ERR_ATTENTION);
	case RUN_ABORTED:
		return err_exit_status(ERR_ABORTED);
	case RUN_FAILED:
		return err_exit_status(ERR_FAILED);
	case RUN_DONE:
		break;
	}
	for (size_t i = 0; i < run->service_count; i++)
		if (service_rto(run, &run->services[i]) == OBJECTIVE_MISSED ||
			service_rpo(run, &run->services[i]) == OBJECTIVE_MISSED)
			return err_exit_status(ERR_MISSED);
	return 0;
}
