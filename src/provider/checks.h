/* checks.h: a list of named checks with what was found, for failover.precheck and the doctor.
 */
#ifndef PROVIDER_CHECKS_H
#define PROVIDER_CHECKS_H

#include "drillbook/provider.h"

struct checks {
	json_t *list; /* {name, ok, detail} of each; borrowed from the object it was put into */
	struct buf failed; /* "name: detail; …" of those that do not hold */
};

/* Puts an empty list "checks" into the object. */
void checks_init(struct checks *checks, json_t *into);
void checks_add(struct checks *checks, const char *name, bool ok, const char *fmt, ...)
	PRINTF(4, 5);
/* facts[fact] must be there and at most `most`; "unknown" does not hold. */
void checks_most(struct checks *checks, const char *name, const json_t *facts, const char *fact,
	int64_t most, const char *unit);
/* Puts "ok" into the object; ERR_PRECONDITION with the failed ones when there are any. */
enum err_code checks_end(
	struct checks *checks, struct call *call, json_t *into, struct err *err) MUST_CHECK;
void checks_release(struct checks *checks);

#endif
