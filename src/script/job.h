/* job.h: what a worker was asked to do, and the boundary that its script has to pass. */
#ifndef SCRIPT_JOB_H
#define SCRIPT_JOB_H

#include "channel.h"
#include "drain.h"
#include "secrets.h"

#include "drillbook/provider.h"

struct job {
	struct channel channel;
	struct secrets secrets;
	struct drain *drain;
	struct call_hooks hooks;
	json_t *json; /* the message; owner of what is borrowed below */
	const char *kind, *run, *step, *phase, *mode, *key, *workspace;
	const json_t *targets;
	int64_t timeout_ms;  /* 0 = none */
	int64_t ordinal;     /* of the next call */
	json_t *replay;	     /* by ordinal as text */
	int64_t replay_last; /* the highest ordinal recorded; -1 = none */
	bool diverged;
	char divergence[512];
	bool changed; /* an effect of this attempt has happened */
	bool refused; /* the last error was the server's refusal */
	struct mono progress_at;
	json_t *simulated;	  /* mode simulate: the row that answers the call under way */
	const char *compensating; /* phase undo: key of the operation the next call takes back */
	json_t *compensated;	  /* keys of those that were taken back */
};

/* What makes every further line of the script pointless: DIVERGED, CANCELLED, TIMEOUT; NONE
 * while it may go on. */
enum err_code job_halted(const struct job *job, struct err *err);
/* True while recorded calls are still ahead: what the script says meanwhile was said before. */
bool job_replaying(const struct job *job);

/* One call of an operation: may it be made, was it made before, intent, effect, result.  args
 * is borrowed.  *result (owned) is what the journal has. */
enum err_code boundary_call(struct job *job, const char *op, const char *target, json_t *args,
	json_t **result, struct err *err) MUST_CHECK;
/* A value that comes from outside (the time, chance): recorded like a read, op "clock.now",
 * target "".  `make` is only called when nothing is recorded.  `only_recorded`: *value stays
 * NULL unless the very next recorded call is this. */
enum err_code boundary_value(struct job *job, const char *op, json_t *args,
	json_t *(*make)(void *arg), void *arg, bool only_recorded, json_t **value,
	struct err *err) MUST_CHECK;

/* Phase undo: whether the operation with this key was taken back by this attempt, or an earlier one of
 * the same iteration. */
bool job_compensated(const struct job *job, const char *key);
/* For conditions: 1 matches, 0 does not, -1 the pattern cannot be compiled. */
int pattern_matches(const char *text, const char *pattern);

/* Ends the worker: descendants, output, the last message, the process. */
_Noreturn void job_finish(
	struct job *job, json_t *done);	   /* steals; to the server, "output" added */
_Noreturn void job_leave(struct job *job); /* the server has gone: last line to the outbox */

/* A message {"t": kind, "run"?…}: begun here so that all look alike. */
json_t *message_new(const char *kind);
json_t *error_json(const struct err *err, bool with_world);

/* The kinds of job (step.c, jobs.c); they end the process. */
_Noreturn void step_run(struct job *job);
_Noreturn void verify_run(struct job *job);
_Noreturn void secrets_run(struct job *job);
_Noreturn void doctor_run(struct job *job);
_Noreturn void condition_run(struct job *job);

/* worker.c: what the zygote's child becomes.  fds: channel, output, outbox, secrets (the last
 * three may be -1). */
_Noreturn void worker_run(const int fds[4]);

#endif
