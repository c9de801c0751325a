/* fold.h: what run.c and ops.c share: the run behind its public face, and one event on its way into it. */
#ifndef RECORD_FOLD_H
#define RECORD_FOLD_H

#include "drillbook/record.h"

/* steady.c: the clock of a run */
struct steady {
	char boot[40];
	struct mono mono;      /* of the first event of this boot … */
	struct wall wall;      /* … as stamped, */
	int64_t wall_shift_ns; /* … and how far the wall clock was off by then */
	int64_t shift_ns;      /* how far it is off now */
	struct wall last;      /* the latest moment so far */
};
/* The moment of an event on the run's clock. */
struct wall steady_at(struct steady *steady, const struct event *event);

struct run_private {
	struct steady steady;
	json_t *payloads; /* array: everything borrowed from lives here */
	struct arena arena;
	size_t ask_cap, note_cap, deviation_cap;
	struct approval *approvals; /* in order of time */
	size_t approval_count;
	json_t *index;    /* step id -> position */
	size_t broken;    /* invariants that do not hold: without one nothing is held */
	bool erased;      /* a payload is missing: what refers to it may refer to nothing */
};

struct fold {
	struct run *run;
	const struct event *event; /* its wall stamp on the run's clock */
	const json_t *data;
	int64_t shift_ns;  /* of the wall clock against the run's */
	struct step *step; /* the step the payload names, or NULL */
	struct err *err;
};

/* ops.c: one function per kind of event about an operation */
enum err_code fold_op_read(struct fold *fold) MUST_CHECK;
enum err_code fold_op_intent(struct fold *fold) MUST_CHECK;
enum err_code fold_op_allowed(struct fold *fold) MUST_CHECK;
enum err_code fold_op_refused(struct fold *fold) MUST_CHECK;
enum err_code fold_op_result(struct fold *fold) MUST_CHECK;
enum err_code fold_op_unknown(struct fold *fold) MUST_CHECK;
enum err_code fold_op_settled(struct fold *fold) MUST_CHECK;
enum err_code fold_debris_kept(struct fold *fold) MUST_CHECK;

#endif
