/* restored.h: directories that a restore made: how they appear, how it is known that they did, how
 * they are checked and taken away again.  For every provider that restores trees (restic, borg,
 * files); the provider only fetches.
 *
 * 1. What is fetched goes to PART = TO ".part-" KEY, beside the target, and gets the target's name
 *    when it is complete and on disk: TO is never half restored.
 * 2. TO ".restored.json" is the record: whose it is (key), from which point, the device and inode
 *    of the directory, when.  TO was restored by a call exactly when the record has its key and TO
 *    is that inode; so verify needs nothing but the two.
 * 3. A directory that holds something is replaced only with overwrite: both directories change
 *    places in one step, the old one is kept as TO ".replaced-" KEY.  What was there and not in
 *    the point is therefore never left among what was restored, where it would hide a loss.
 * 4. cleanup removes what the record says and nothing else, or puts the kept directory back.  It
 *    is a change as long as nothing below TO has changed since, and irreversible otherwise. */
#ifndef PROVIDER_RESTORED_H
#define PROVIDER_RESTORED_H

#include "drillbook/provider.h"

/* Fetches the point into part, an empty directory; *from is what is to become TO: part or a
 * directory in it (owned).  expect: what to note in the record besides (members "tree",
 * "point", "point_ms"). */
typedef enum err_code restored_fetch(void *arg, struct call *call, const char *part,
	char **from, json_t *expect, struct err *err);

/* Parameters every restore.start has, and the functions of the operation.  prepare: bytes the
 * point takes, 0 = not known. */
#define RESTORED_PARAMS                                                                        \
	{ .name = "to", .type = FIELD_PATH, .required = true,                                  \
		.help = "the directory; new or empty unless overwrite" },                      \
	{                                                                                      \
		.name = "overwrite", .type = FIELD_BOOL, .fallback = "false",                  \
		.help = "replace a directory that holds something; it is kept beside"           \
	}
enum err_code restored_prepare(
	struct call *call, int64_t bytes, json_t *before, struct err *err) MUST_CHECK;
enum err_code restored_run(struct call *call, restored_fetch *fetch, void *arg,
	json_t *result, struct err *err) MUST_CHECK;
enum err_code restored_verify(struct call *call, json_t *evidence, enum verdict *verdict,
	struct err *err);
extern const struct field restored_results[];

/* restore.validate: the tree against the digest noted at backup, a given one, or another tree. */
enum err_code restored_validate(struct call *call, json_t *result, struct err *err);
extern const struct field restored_validate_params[];
extern const struct field restored_validate_results[];

/* restore.cleanup */
enum err_code restored_cleanup_prepare(struct call *call, json_t *before, struct err *err);
enum err_code restored_cleanup(struct call *call, json_t *result, struct err *err);
enum err_code restored_cleanup_verify(struct call *call, json_t *evidence,
	enum verdict *verdict, struct err *err);
extern const struct field restored_cleanup_params[];

/* Rows for a provider's table. */
#define RESTORED_OPERATIONS                                                                    \
	{ .capability = "restore",                                                             \
		.verb = "validate",                                                            \
		.effect = EFFECT_READ,                                                         \
		.params = restored_validate_params,                                            \
		.results = restored_validate_results,                                          \
		.run = restored_validate,                                                      \
		.cancel_help = "between pieces of a file",                                     \
		.timeout_ms = 3600000,                                                         \
		.help = "read a whole restored tree and compare its digest" },                 \
	{                                                                                      \
		.capability = "restore", .verb = "cleanup", .effect = EFFECT_IRREVERSIBLE,     \
		.params = restored_cleanup_params, .prepare = restored_cleanup_prepare,        \
		.run = restored_cleanup, .verify = restored_cleanup_verify,                    \
		.cancel_help = "between files; again finishes it", .idempotent = true,         \
		.timeout_ms = 600000,                                                          \
		.help = "remove a tree that restore.start made, and nothing else"               \
	}

#endif
