/* statement.h: the SQL a target declares for itself ("queries:" in targets.yaml), and the
 * comparison of a client's acknowledged writes with what a database holds; shared by postgres
 * and sqlite. */
#ifndef PROVIDER_STATEMENT_H
#define PROVIDER_STATEMENT_H

#include "internal.h"

enum { STATEMENT_PARAMS_MAX = 32, DATA_ROWS_MAX = 10000, DATA_BYTES_MAX = 8 << 20 };

struct statement {
	const char *name, *sql, *verify; /* borrowed; verify may be NULL */
	json_t *values;			 /* owned: text, integers, booleans, null; $1 first */
	size_t count;
	const char *texts[STATEMENT_PARAMS_MAX]; /* the same as text, NULL for null */
	char numbers[STATEMENT_PARAMS_MAX][24];
};

/* The one the parameter `query` (data.query, data.compare) or `statement` (data.write) names,
 * with the values of parameter `args` in the declared order.  A declared parameter `key` that
 * is not given is the call's idempotency key.  A query must be declared "effect: read", a
 * statement must not.  NOT_FOUND USAGE FORBIDDEN. */
enum err_code statement_find(
	struct call *call, struct statement *out, struct err *err) MUST_CHECK;
void statement_release(struct statement *statement);
/* True for a first cell that is a positive number, true, or text of such a number. */
bool statement_holds(const json_t *cell);

/* ------------------------------------------------------------------ witness */

struct witness; /* the acknowledged writes of a log "<epoch_ms> <seq> ok|fail" */

/* The log that parameter `acked` or setting `acked` names. */
enum err_code witness_of_call(
	struct call *call, struct witness **out, struct err *err) MUST_CHECK;
/* The database holds seq. */
void witness_survived(struct witness *witness, int64_t seq);
/* The loss measure, see data.compare in docs/providers.md. */
void witness_report(const struct witness *witness, json_t *result);
void witness_free(struct witness *witness);

/* The parameter and result tables both providers use. */
extern const struct field data_query_params[], data_write_params[], data_compare_params[];
extern const struct field data_query_results[], data_write_results[], data_compare_results[];

#endif
