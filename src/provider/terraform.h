/* terraform.h: what the files of the terraform provider share. */
#ifndef PROVIDER_TERRAFORM_H
#define PROVIDER_TERRAFORM_H

#include "drillbook/provider.h"

enum {
	TERRAFORM_JSON_MAX = 64 << 20, /* a plan or a state as JSON */
	TERRAFORM_PLAN_MAX = 64 << 20, /* a saved plan */
	TERRAFORM_ROWS_MAX = 200       /* changes named in a result; all of them are counted */
};

/* What the program said while it ran (its -json lines). */
struct terraform_said {
	struct call *call;
	int64_t total; /* changes that are to come, for the progress; 0 = not known */
	int64_t began, made, broke;
	int64_t added, changed, destroyed;
	bool held;	 /* somebody has the state's lock */
	char error[400]; /* the first error; "" = none */
	json_t *outputs; /* owned; NULL until there are some */
};
void terraform_said_release(struct terraform_said *said);

/* Runs the program in the target's directory.  args: without the program, NULL-terminated. With
 * said its lines are read as JSON; otherwise what it prints is in *out (may be NULL; owned).
 * *status is its exit status.  An error when it did not run to its end. */
enum err_code terraform_run(struct call *call, const char *const *args,
	struct terraform_said *said, struct buf *out, int *status, struct err *err) MUST_CHECK;
/* terraform init, unless the target says no. */
enum err_code terraform_init(struct call *call, struct err *err) MUST_CHECK;
/* What the program prints as JSON; *json is owned. */
enum err_code terraform_json(
	struct call *call, const char *const *args, json_t **json, struct err *err) MUST_CHECK;
/* {"serial", "lineage"} of the state there is; serial 0 when there is none.  Owned. */
enum err_code terraform_serial(struct call *call, json_t **serial, struct err *err) MUST_CHECK;
/* The error for a run that ended with a status that is not what it should be. */
enum err_code terraform_failed(struct call *call, const char *what,
	const struct terraform_said *said, int status, struct err *err);
/* Where saved plans are; made when it is not there.  Owned. */
enum err_code terraform_plans(struct call *call, char **dir, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ saved plans */

/* dir/name + ending, where saved plans are; owned. */
enum err_code terraform_plan_path(struct call *call, const char *name, const char *ending,
	char **path, struct err *err) MUST_CHECK;
enum err_code terraform_hash(
	const char *path, char hex[SHA256_HEX], struct err *err) MUST_CHECK;
/* The saved plan as JSON; owned. */
enum err_code terraform_show(
	struct call *call, const char *path, json_t **plan, struct err *err) MUST_CHECK;
/* What a plan is to be of: of everything, or of the destruction of some addresses. */
struct terraform_wish {
	const json_t *vars, *targets, *replace; /* may be NULL */
	bool destroy;
};
/* A plan in a file that is new, and the state's serial before it; *path is owned, also on
 * error. */
enum err_code terraform_new_plan(struct call *call, const struct terraform_wish *wish,
	char **path, json_t **serial, json_t **plan, struct err *err) MUST_CHECK;
bool terraform_empty(const json_t *plan); /* nothing would be done, not even to outputs */

/* ------------------------------------------------------------------ the changes of a plan */

/* What a plan as JSON would do. */
struct terraform_tally {
	int64_t create, update, destroy, replace, other, outputs;
	enum effect effect;
};
struct terraform_tally terraform_tally(const json_t *plan);
/* "create", "update", "delete", "replace", "forget", "import", or NULL: nothing is done. */
const char *terraform_action(const json_t *resource_change);
/* add, change, destroy, replace, effect, effect_reason and, capped, actions. */
void terraform_put_tally(const json_t *plan, json_t *into);
/* Whether the plan's changes are in the state (both as JSON): how many are, how many are as
 * they were before, how many are neither. */
struct terraform_found {
	int64_t done, undone, odd;
};
struct terraform_found terraform_compare(const json_t *plan, const json_t *state, bool moved);

/* ------------------------------------------------------------------ operations */

enum err_code terraform_plan(struct call *call, json_t *result, struct err *err);
enum err_code terraform_check(struct call *call, json_t *result, struct err *err);
enum err_code terraform_prepare_apply(struct call *call, json_t *before, struct err *err);
enum err_code terraform_prepare_remove(struct call *call, json_t *before, struct err *err);
enum err_code terraform_apply(struct call *call, json_t *result, struct err *err);
enum err_code terraform_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);

#endif
