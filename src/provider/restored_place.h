/* restored_place.h: the target of a restore, what stands beside it, and the record; private to
 * restored.c and restored_place.c.  The rules are in restored.h. */
#ifndef PROVIDER_RESTORED_PLACE_H
#define PROVIDER_RESTORED_PLACE_H

#include "restored.h"

#include <sys/stat.h>

#define RESTORED_FORMAT "drillbook-restored/1"

/* The target and what stands beside it; the last three have the call's key in their names. */
struct restored_place {
	char *to, *parent, *record, *part, *kept, *aside;
	const char *state; /* of the target: "absent", "empty" or "used" */
	struct stat st;	   /* unless absent */
};

/* Of the call's parameter "to".  To be released also on error.  ERR_USAGE, ERR_PRECONDITION. */
enum err_code restored_place_of(
	struct call *call, struct restored_place *p, struct err *err) MUST_CHECK;
void restored_place_release(struct restored_place *p);

/* NULL when there is none, or none of ours.  Owned. */
json_t *restored_read_record(const struct restored_place *p);
enum err_code restored_write_record(
	const struct restored_place *p, const json_t *record, struct err *err) MUST_CHECK;

/* Is the directory at the target the one the record speaks of? */
bool restored_is_restored(const struct restored_place *p, const json_t *record);
/* Does what was restored stand where what was there before is to be kept?  Then the two have not
 * changed places, or have done so again. */
bool restored_is_aside(const json_t *record);
/* Removes what a call that was interrupted left beside the target.  Never what was there before.
 * call may be NULL: then there is no deadline. */
enum err_code restored_remove_debris(
	struct call *call, const json_t *record, struct err *err) MUST_CHECK;

#endif
