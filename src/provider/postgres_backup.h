/* postgres_backup.h: recovery points and WAL archives, between the files that make, list, check
 * and restore them.
 *
 * A point is a JSON object, the same for base backups and for pgBackRest:
 *   id, kind, label, version, system_id, timeline, start_lsn, end_lsn, bytes
 *   time_ms   the data's time: everything committed before is in it; time_basis says how it is
 * known stop_ms   when the copy was finished: from here on a point in time can be restored to
 *   problem   when it cannot be used, and why; the others may be missing then */
#ifndef PROVIDER_POSTGRES_BACKUP_H
#define PROVIDER_POSTGRES_BACKUP_H

#include "postgres.h"

/* Of setting backup_dir, newest first; *incomplete (may be NULL) gets the names of what was not
 * finished. Both owned. */
enum err_code base_points(
	struct call *call, json_t **out, json_t **incomplete, struct err *err) MUST_CHECK;
/* The point that parameter `from` names: an id, an absolute path, or NULL for the newest that
 * has no problem and, when before_ms is not 0, was finished by then.  NOT_FOUND.  Borrowed from
 * points. */
enum err_code point_choose(const json_t *points, const char *from, int64_t before_ms,
	const json_t **out, struct err *err) MUST_CHECK;
/* The point as the result of the call that made it: its time is the recovery point. */
void point_made(json_t *point);
/* Newest first by time_ms. */
void points_sort(json_t *points);
/* Result of backup.points: points, count, newest_ms, age_ms. */
void points_report(json_t *points, json_t *result);

/* Reads a whole base backup against its manifest (pg_verifybackup): errors, error_count; FAILED
 * when it is damaged. */
enum err_code base_verify(struct call *call, const char *path, const char *name, json_t *result,
	struct err *err) MUST_CHECK;

/* Rows for the doctor, when the target has a backup_dir: is it there, what is in it, is the
 * archive without a gap. */
void base_probe(struct call *call, json_t *checks);

/* ------------------------------------------------------------------ WAL archive */

struct wal_archive; /* the WAL files of setting wal_archive */

/* *out NULL when the target has none. */
enum err_code archive_open(
	struct call *call, struct wal_archive **out, struct err *err) MUST_CHECK;
/* Into the point: wal_until_lsn (what can be replayed without a gap), wal_archived_ms (when the
 * last of these files got there), wal_missing (the first file of a gap, when later ones are
 * there). */
void archive_describe(const struct wal_archive *archive, int64_t segment_bytes, json_t *point);
void archive_close(struct wal_archive *archive);

#endif
