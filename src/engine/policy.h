/* policy.h: questions to the policy. */
#ifndef ENGINE_POLICY_H
#define ENGINE_POLICY_H

#include "internal.h"

struct policy_question {
	const json_t *policy; /* as read */
	const char *mode, *root;
	const struct person *person;
	const json_t *named; /* rules named with a reason; NULL = none */
};

bool policy_there(struct server *server);
/* ERR_FORBIDDEN when there is one and it cannot be read. */
enum err_code policy_readable(struct server *server, struct err *err) MUST_CHECK;
json_t *policy_conditions(
	struct server *server, const char *mode);  /* of a start in that mode; owned */
char *policy_signers(const struct server *server); /* owned; NULL = none named */

/* Every environment of the targets, in this mode, to this person, from this workspace.  Names
 * of the rules that were needed and are overrides are added to used (may be NULL). */
enum err_code policy_allows(const struct policy_question *q, const json_t *targets,
	json_t *used, struct err *err) MUST_CHECK;
/* What the mode requires; facts: as workspace_review gives them. */
enum err_code policy_holds(const struct policy_question *q, const json_t *facts, json_t *used,
	struct err *err) MUST_CHECK;
enum err_code policy_names(const struct policy_question *q, struct err *err) MUST_CHECK;

#endif
