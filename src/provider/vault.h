/* vault.h: what providers of backups of trees have in common: a place that keeps points, each of
 * which is a tree (or several) as it was.
 *
 * A point made here carries three notes, in whatever way its vault can keep them: the call's key,
 * a random mark that prepare drew (another journal may have the same keys), and for each path
 * the digest of its tree (tree.h).  By the mark verify knows whether a backup happened; by the
 * digest a restore is compared with what was backed up, byte for byte. */
#ifndef PROVIDER_VAULT_H
#define PROVIDER_VAULT_H

#include "restored.h"
#include "tree.h"

enum { VAULT_MARK_BYTES = 33 };

/* What is written down with a new point. */
struct vault_notes {
	const char *key, *mark;
	const json_t *trees; /* path -> digest; may be empty */
};

/* One point as every vault gives it: {"id", "time_ms", "paths": […], "host", "tags", "key", "mark",
 * "trees": {path: digest}}; all but the first three only when known. */
struct vault_kind {
	/* Appends every point to the array, in any order. */
	enum err_code (*list)(struct call *call, json_t *points, struct err *err);
	/* Makes one of the paths; adds counts to result.  ERR_FAILED with world CHANGED when it was
	 * made and is not complete. */
	enum err_code (*create)(struct call *call, const json_t *paths,
		const struct vault_notes *notes, json_t *result, struct err *err);
	/* The tree changed while it was read: takes the digests off the point again. */
	enum err_code (*forget_trees)(struct call *call, const json_t *point, struct err *err);
	/* Restores into part; only: this path alone; NULL = everything. */
	enum err_code (*fetch)(struct call *call, const json_t *point, const char *only,
		const char *part, struct err *err);
	/* How much that takes; 0 = not known.  May be NULL. */
	enum err_code (*size)(
		struct call *call, const json_t *point, int64_t *bytes, struct err *err);
	/* What backup.start reads, owned; NULL = the call's "paths". */
	json_t *(*paths)(struct call *call);
	/* Every point is one tree, restored as a whole: restore.start has no "path". */
	bool whole;
};

/* A time as restic, borg and we write it; without a zone it is UTC.  -1 = none. */
int64_t vault_time_ms(const char *text);
/* "key=", "mark=" and "tree=SHA:PATH" read into a point; false = something else. */
bool vault_read_note(json_t *point, const char *note);
/* Those notes as texts; owned. */
json_t *vault_note_texts(const struct vault_notes *notes);
/* The program's own variables: setting env, names and texts.  Appends "NAME=value" to list. */
enum err_code vault_add_env(
	struct call *call, char **list, size_t *count, size_t room, struct err *err) MUST_CHECK;

/* The functions of backup.points, backup.start and restore.start. */
enum err_code vault_points(const struct vault_kind *kind, struct call *call, json_t *result,
	struct err *err) MUST_CHECK;
enum err_code vault_backup_prepare(const struct vault_kind *kind, struct call *call,
	json_t *before, struct err *err) MUST_CHECK;
enum err_code vault_backup_run(const struct vault_kind *kind, struct call *call,
	json_t *result, struct err *err) MUST_CHECK;
enum err_code vault_backup_verify(const struct vault_kind *kind, struct call *call,
	json_t *evidence, enum verdict *verdict, struct err *err) MUST_CHECK;
enum err_code vault_restore_prepare(const struct vault_kind *kind, struct call *call,
	json_t *before, struct err *err) MUST_CHECK;
enum err_code vault_restore_run(const struct vault_kind *kind, struct call *call,
	json_t *result, struct err *err) MUST_CHECK;
/* The point that a call's "point" and "before_ms" mean; owned. */
enum err_code vault_pick(const struct vault_kind *kind, struct call *call, json_t **point,
	struct err *err) MUST_CHECK;

#define VAULT_PICK_PARAMS                                                                      \
	{ .name = "point", .type = FIELD_STRING, .fallback = "latest",                         \
		.help = "its id or the beginning of it; latest = the newest" },                \
	{                                                                                      \
		.name = "before_ms", .type = FIELD_INT, .unit = "ms",                          \
		.help = "with latest: the newest that is not later than this (epoch)"           \
	}
extern const struct field vault_points_params[], vault_points_results[];
extern const struct field vault_backup_params[], vault_backup_results[];
extern const struct field vault_restore_params[];

#endif
