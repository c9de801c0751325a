/* declared.h: the actions a target declares for itself ("actions:" in targets.yaml).
 *
 * A declared action is a template with named holes.  {name} in a text is replaced by the
 * argument of that name, "{{" stands for one brace; the value never changes what surrounds it:
 * each place a text goes to (one element of argv, one part of a URL, one JSON string) has its
 * own encoding.  Its class (effect) is what the author declared; nothing declared means
 * irreversible. */
#ifndef PROVIDER_DECLARED_H
#define PROVIDER_DECLARED_H

#include "drillbook/provider.h"

enum {
	DECLARED_VALUE_MAX =
		96 * 1024, /* one argument; a program takes at most 128 KiB in one */
	DECLARED_TEXT_MAX = 1024 * 1024 /* one expanded text */
};

/* The parameters of action.read and action.run. */
extern const struct field declared_params[];

struct declared {
	const char *name;     /* borrowed */
	const json_t *action; /* borrowed; NULL = there is none (declared_companion) */
	enum effect effect;
	json_t *args; /* owned: every declared parameter and no other; text, integers, booleans
		       */
};
void declared_release(struct declared *declared);

/* The action a call names, with its arguments.  members: what an action of this provider may
 * have. ERR_NOT_FOUND, ERR_USAGE (arguments), ERR_WORKSPACE (the declaration itself). */
enum err_code declared_of_call(struct call *call, const char *const *members,
	struct declared *out, struct err *err) MUST_CHECK;
/* The action that `of` names under member ("verify", "undo"), given the arguments they share;
 * out->action is NULL when it names none. */
enum err_code declared_companion(struct call *call, const struct declared *of,
	const char *member, const char *const *members, struct declared *out,
	struct err *err) MUST_CHECK;
/* One action by its name and args, for a provider's probe (args may be NULL: not looked at). */
enum err_code declared_check(struct call *call, const char *name, const char *const *members,
	struct err *err) MUST_CHECK;
/* action.read runs nothing that was declared to change something.  ERR_FORBIDDEN. */
enum err_code declared_read_only(const struct declared *declared, struct err *err) MUST_CHECK;
/* What both providers' prepare has to say: before.effect and before.undo. */
enum err_code declared_prepare(struct call *call, const char *const *members, json_t *before,
	struct err *err) MUST_CHECK;

/* How a value goes into the text around it. */
typedef enum err_code declared_encode(const char *value, struct buf *out, struct err *err);
enum err_code declared_plain(const char *value, struct buf *out, struct err *err);
/* Appends the expanded text to out.  where ("argv[2]") is for the message. */
enum err_code declared_expand(const struct declared *declared, const char *text,
	const char *where, declared_encode *encode, struct buf *out,
	struct err *err) MUST_CHECK;

/* A copy of a JSON template with every text in it expanded; a text that is nothing but one hole
 * keeps the argument's type.  *out is owned. */
enum err_code declared_expand_json(const struct declared *declared, const json_t *value,
	json_t **out, struct err *err) MUST_CHECK;

/* The action's own time limit, never more than the call has left; 0 ms left is ERR_TIMEOUT. */
enum err_code declared_timeout(struct call *call, const struct declared *declared, int64_t *ms,
	struct err *err) MUST_CHECK;
/* True when status is in the action's list `member`, or in fallback (-1 ends it) without a
 * list. */
bool declared_expects(const struct declared *declared, const char *member, const int *fallback,
	int64_t status);
/* A status, "2xx", or a list of either. */
bool declared_status_in(const json_t *wanted, int64_t status);
/* A copy that can stand in a result: numbers with a fraction become text.  Owned. */
json_t *declared_result(const json_t *value);

#endif
