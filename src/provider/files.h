/* files.h: places that trees of files are at, and what is done there; private to provider files.
 *
 * What has to be done at a place is a small POSIX shell script with arguments, run by sh here or
 * by ssh there, so that both are one. */
#ifndef PROVIDER_FILES_H
#define PROVIDER_FILES_H

#include "tree.h"
#include "words.h"

struct files_place {
	char *host; /* NULL = this one; owned */
	char *path; /* absolute, no slash at the end; owned */
	const char *setting;
};

/* What a script ends with when the place itself is not there. */
enum { FILES_NO_PLACE = 9 };

/* The place that a setting names: "/DIR" or "HOST:/DIR".  ERR_USAGE when it is absent or something
 * else.  To be released in any case. */
enum err_code files_place_of(struct call *call, const char *setting, struct files_place *place,
	struct err *err) MUST_CHECK;
void files_place_release(struct files_place *place);
/* "HOST:" or "", for messages. */
const char *files_host(const struct files_place *place);

/* Runs a script there; "$1"… are the arguments (NULL-terminated).  out (to be released in any case)
 * is what it wrote.  *status when it may end otherwise than with 0, else NULL: then anything else
 * is ERR_FAILED in its own words, and FILES_NO_PLACE ERR_NOT_FOUND. */
enum err_code files_sh(struct call *call, const struct files_place *place, const char *script,
	const char *const *args, const char *input, size_t max_bytes, int *status, struct buf *out,
	struct err *err) MUST_CHECK;

/* The digest of a directory there (tree.h); elsewhere with find(1) and sha256sum(1) of GNU. */
enum err_code files_sum(struct call *call, const struct files_place *place, const char *dir,
	struct tree_sum *sum, struct err *err) MUST_CHECK;

/* Copies the contents of a directory into another one.  One of the two may be elsewhere.  options
 * are added (NULL = none).  *partial: not everything could be read, the rest is there. */
enum err_code files_rsync(struct call *call, const struct files_place *from, const char *from_dir,
	const struct files_place *to, const char *to_dir, const struct words *options,
	bool *partial, struct err *err) MUST_CHECK;

/* The tree itself: setting path. */
struct files_place files_tree(struct call *call);

/* files_marker.c */
enum err_code files_status(struct call *call, json_t *result, struct err *err);
enum err_code files_canary_prepare(struct call *call, json_t *before, struct err *err);
enum err_code files_canary(struct call *call, json_t *result, struct err *err);
enum err_code files_canary_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);
enum err_code files_compare(struct call *call, json_t *result, struct err *err);

/* files_store.c */
enum err_code files_points(struct call *call, json_t *result, struct err *err);
enum err_code files_backup_prepare(struct call *call, json_t *before, struct err *err);
enum err_code files_backup_run(struct call *call, json_t *result, struct err *err);
enum err_code files_backup_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);
enum err_code files_backup_check(struct call *call, json_t *result, struct err *err);
enum err_code files_restore_prepare(struct call *call, json_t *before, struct err *err);
enum err_code files_restore_run(struct call *call, json_t *result, struct err *err);

#endif
