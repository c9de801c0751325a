/* fold.h: what run.c and ops.c share: the run behind its public face, and one event on its way into it. */
#ifndef RECORD_FOLD_H
#define RECORD_FOLD_H

#include "drillbook/record.h"

struct run_private {
	json_t *payloads; /* array: everything borrowed from lives here */
	struct arena arena;
	size_t ask_cap, note_cap, deviation_cap;
	struct approval *approvals; /* in order of time */
	size_t approval_count;
	json_t *index;    /* step id -> position */
	bool erased;      /* a payload is missing: what refers to it may refer to nothing */
};

struct fold {
	struct run *run;
	const struct event *event;
	const json_t *data;
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
