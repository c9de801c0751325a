/* copies.h: backups that are files or directories of this host, each with a description beside
 * it, and their restoring into new directories; shared by redis and mariadb.
 *
 *   NAME        the backup: complete and on disk, or not there
 *   NAME.json   {"format": "drillbook-backup/1", "provider", "key", "sha256", "bytes", "files",
 *               "recovery_point_ms", "recovery_point_basis", "detail"}
 *   NAME.part   one that is just being made, or was cut off; overwritten by the next
 *
 * The description is put into place first and the backup last, so that a backup that is there
 * is described.  A restored directory holds drillbook.restore: who restored it, and from what.
 */
#ifndef PROVIDER_COPIES_H
#define PROVIDER_COPIES_H

#include "drillbook/provider.h"

#define COPIES_MARKER "drillbook.restore"
enum { COPIES_FILES_MAX = 1000000, COPIES_POINTS_MAX = 10000 };

/* What a file or tree is, by its content: the names and bytes of all its files, in one digest.
 */
struct copies_sum {
	char sha256[SHA256_HEX];
	int64_t bytes, files;
};
/* COPIES_MARKER at the top is left out.  Symbolic links are not followed and are an error. Ends
 * at the call's deadline or a stop; world UNCHANGED. */
enum err_code copies_sum(struct call *call, const char *path, struct copies_sum *out,
	struct err *err) MUST_CHECK;
/* Copies a file or a tree to a path that must not be there, and makes it durable. */
enum err_code copies_copy(
	struct call *call, const char *from, const char *to, struct err *err) MUST_CHECK;
/* Removes a file or a tree; nothing there is no error. */
enum err_code copies_remove(const char *path, struct err *err) MUST_CHECK;
/* Gives NAME.part its name; CONFLICT when there is something of that name. */
enum err_code copies_place(const char *part, const char *to, struct err *err) MUST_CHECK;

/* A backup of parameter `to`: refuses when it is there; made in NAME.part (*part, owned) by the
 * caller. */
enum err_code copies_backup_prepare(
	struct call *call, json_t *before, struct err *err) MUST_CHECK;
enum err_code copies_backup_begin(struct call *call, char **part, struct err *err) MUST_CHECK;
/* Sums the part up, describes it and puts it into place; detail is stolen.  Fills result. */
enum err_code copies_backup_end(struct call *call, const char *provider, const char *part,
	int64_t recovery_point_ms, const char *basis, json_t *detail, json_t *result,
	struct err *err) MUST_CHECK;
enum err_code copies_backup_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);
/* Everything described in parameter `dir`, newest recovery point first. */
enum err_code copies_points(
	struct call *call, const char *provider, json_t *result, struct err *err);
/* The description of a backup; NOT_FOUND.  *out is owned. */
enum err_code copies_describe(const char *path, json_t **out, struct err *err) MUST_CHECK;
/* Compares the backup of parameter `from` with its description: FAILED when it is another. */
enum err_code copies_check(struct call *call, json_t *result, struct err *err) MUST_CHECK;

/* A restore of parameter `from` into the new directory of parameter `to`; as_name is the
 * backup's name in it, or NULL when the backup is a directory and becomes the new one. */
enum err_code copies_restore_prepare(struct call *call, json_t *before, struct err *err);
enum err_code copies_restore(
	struct call *call, const char *as_name, json_t *result, struct err *err) MUST_CHECK;
enum err_code copies_restore_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);
/* restore.cleanup: removes the directory of parameter `path`, which must hold the marker. */
enum err_code copies_cleanup_prepare(struct call *call, json_t *before, struct err *err);
enum err_code copies_cleanup(struct call *call, json_t *result, struct err *err);
enum err_code copies_cleanup_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);

/* Tables both providers use. */
extern const struct field copies_backup_params[], copies_backup_results[];
extern const struct field copies_points_params[], copies_points_results[];
extern const struct field copies_check_params[];
extern const struct field copies_restore_params[], copies_restore_results[];
extern const struct field copies_cleanup_params[], copies_cleanup_results[];

#endif
