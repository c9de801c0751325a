/* secrets.h: the values of a run's secrets: resolved once, kept sealed, looked up by a binding.
 */
#ifndef SCRIPT_SECRETS_H
#define SCRIPT_SECRETS_H

#include "mask.h"

struct secrets {
	struct secret {
		char *name; /* "target/setting" */
		char *value;
		size_t len;
	} * rows;
	size_t count;
	struct mask mask; /* over all values */
};
void secrets_init(struct secrets *secrets);
void secrets_release(struct secrets *secrets);
/* ERR_LIMIT for a value that is too short to be masked or too long. */
enum err_code secrets_add(struct secrets *secrets, const char *name, const void *value,
	size_t len, struct err *err) MUST_CHECK;
/* Reads the sources of every secret in targets (or of one target), those already added
 * excepted. ERR_NOT_FOUND, ERR_LIMIT, … naming the secret. */
enum err_code secrets_resolve(struct secrets *secrets, const json_t *targets, const char *only,
	const char *workspace, struct err *err) MUST_CHECK;
/* After the last value and before the first look or mask. */
void secrets_ready(struct secrets *secrets);
/* A sealed memfd {"target/setting": base64}. */
enum err_code secrets_seal(const struct secrets *secrets, int *fd, struct err *err) MUST_CHECK;
/* From such a memfd; does not close it. */
enum err_code secrets_load(struct secrets *secrets, int fd, struct err *err) MUST_CHECK;
/* What came with a person's request: as secrets_load, but only of secrets whose source is env or typed. */
enum err_code secrets_given(
	struct secrets *secrets, int fd, const json_t *targets, struct err *err) MUST_CHECK;
/* struct call_hooks.secret; arg is the struct secrets. */
const char *secrets_look(void *arg, const char *target, const char *setting, size_t *len);

#endif
