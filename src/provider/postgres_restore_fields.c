/* postgres_restore_fields.c: parameters and results of backups and restores; most of them are
 * shared by base backups and pgBackRest. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_restore.h"

const struct field base_backup_params[] = {
	{ .name = "checkpoint",
		.type = FIELD_CHOICE,
		.choices = (const char *const[]){ "fast", "spread", NULL },
		.fallback = "fast",
		.help = "spread waits for the next one and loads the server less" },
	{ .name = "max_rate",
		.type = FIELD_BYTES,
		.unit = "bytes",
		.fallback = "0",
		.max = 1 << 30,
		.help = "bytes per second, from 32KiB; 0 = as fast as it goes" },
	FIELD_END
};
const struct field base_backup_results[] = { POINT_RESULTS, MADE_POINT_TIME, TOOK_RESULT,
	FIELD_END };
const struct field base_check_params[] = {
	{ .name = "from",
		.type = FIELD_STRING,
		.help = "id of a recovery point; default: the newest" },
	FIELD_END
};
const struct field base_check_results[] = { POINT_RESULTS, POINT_TIME, TOOK_RESULT,
	CHECK_RESULTS,
	{ .name = "wal_until_lsn",
		.type = FIELD_STRING,
		.help = "what can be replayed from the archive without a gap" },
	{ .name = "wal_archived_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "when the last WAL file before a gap got into the archive" },
	{ .name = "wal_missing",
		.type = FIELD_STRING,
		.help = "first WAL file of a gap in the archive, when later ones are there" },
	FIELD_END };
const struct field archive_results[] = {
	{ .name = "file", .type = FIELD_STRING, .help = "the WAL file that was closed" },
	{ .name = "lsn", .type = FIELD_STRING, .help = "where it ends" }, TOOK_RESULT, FIELD_END
};

const struct field points_results[] = {
	{ .name = "points",
		.type = FIELD_ANY,
		.help = "newest first: id, time_ms (everything committed before is in it), "
			"time_basis, stop_ms (from here on a point in time can be reached), "
			"start_lsn, end_lsn, bytes, label, …; problem when it cannot be used" },
	{ .name = "count", .type = FIELD_INT, .help = "how many there are" },
	{ .name = "newest_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "time_ms of the newest without a problem" },
	{ .name = "age_ms", .type = FIELD_INT, .unit = "ms", .help = "how long ago that was" },
	{ .name = "incomplete",
		.type = FIELD_STRINGS,
		.help = "backups that were cut off, or are being made" },
	{ .name = "retention",
		.type = FIELD_MAP,
		.help = "pgBackRest: how many are kept, as configured" },
	{ .name = "status",
		.type = FIELD_STRING,
		.help = "pgBackRest: its word on the stanza" },
	{ .name = "archives",
		.type = FIELD_ANY,
		.help = "pgBackRest: id, min and max of the WAL files it has" },
	{ .name = "unknown",
		.type = FIELD_STRINGS,
		.help = "names of members that could not be told; they are absent" },
	FIELD_END
};

const struct field restore_params[] = {
	{ .name = "to",
		.type = FIELD_PATH,
		.required = true,
		.help = "directory of the restored cluster; new or empty" },
	{ .name = "from",
		.type = FIELD_STRING,
		.help = "id of a recovery point; default: the newest that was finished before "
			"the target" },
	{ .name = "target_time",
		.type = FIELD_STRING,
		.help = "replay up to here: 2026-11-18T14:02:31.123Z" },
	{ .name = "target_time_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "the same in milliseconds since 1970" },
	{ .name = "target_lsn", .type = FIELD_STRING, .help = "replay up to this LSN" },
	{ .name = "target_xid", .type = FIELD_INT, .help = "replay up to this transaction" },
	{ .name = "target_name",
		.type = FIELD_STRING,
		.help = "replay up to this point of pg_create_restore_point" },
	{ .name = "target_immediate",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "no further than the backup itself; without any target everything the "
			"archive has is replayed" },
	{ .name = "inclusive",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "the transaction at the target is replayed too" },
	{ .name = "timeline",
		.type = FIELD_STRING,
		.fallback = "latest",
		.help = "to follow: latest, current or a number" },
	{ .name = "archive",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "leave archive_mode as it was; else the restored cluster archives "
			"nothing" },
	{ .name = "overwrite",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "put it in the place of the cluster that is there; the old directory "
			"is kept beside" },
	FIELD_END
};

const struct field restore_results[] = {
	{ .name = "path", .type = FIELD_STRING, .help = "the restored cluster" },
	{ .name = "from", .type = FIELD_STRING, .help = "id of the recovery point" },
	{ .name = "target",
		.type = FIELD_STRING,
		.help = "where its recovery will end when it is started" },
	{ .name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "of the backup" },
	{ .name = "kept", .type = FIELD_STRING, .help = "overwrite: where the old one is" },
	{ .name = "copy_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "copying and checking the copy" },
	TOOK_RESULT, FIELD_END
};

const struct field cleanup_params[] = { { .name = "to",
						.type = FIELD_PATH,
						.required = true,
						.help = "directory that restore.start made" },
	FIELD_END };
const struct field cleanup_results[] = {
	{ .name = "path", .type = FIELD_STRING, .help = "what is gone" }, TOOK_RESULT, FIELD_END
};

const struct field validate_params[] = { { .name = "to",
						 .type = FIELD_PATH,
						 .required = true,
						 .help = "directory that restore.start made" },
	{ .name = "checks",
		.type = FIELD_STRINGS,
		.help = "queries of the target's queries:, effect: read, without parameters, "
			"whose first cell must be true or above 0" },
	{ .name = "tables", .type = FIELD_STRINGS, .help = "count the rows of these" },
	{ .name = "pages",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "read every page when the cluster has checksums" },
	{ .name = "config",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "settings of PostgreSQL the private server needs, such as "
			"shared_preload_libraries" },
	FIELD_END };
const struct field validate_results[] = {
	{ .name = "ok", .type = FIELD_BOOL, .help = "recovered, and every check holds" },
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time of the newest data in it" },
	{ .name = "recovery_point_basis",
		.type = FIELD_STRING,
		.help = "heartbeat row, the last replayed commit, or the backup's own time" },
	{ .name = "last_commit_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "of the last replayed commit" },
	{ .name = "heartbeat_at_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "of the heartbeat row" },
	{ .name = "rows", .type = FIELD_MAP, .help = "table to number of rows" },
	{ .name = "checks", .type = FIELD_MAP, .help = "check to its first cell" },
	{ .name = "pages", .type = FIELD_STRING, .help = "checked, damaged, or no checksums" },
	{ .name = "from", .type = FIELD_STRING, .help = "id of the recovery point" },
	{ .name = "timeline", .type = FIELD_INT, .help = "that the restored cluster opened" },
	{ .name = "system_id", .type = FIELD_STRING, .help = "the cluster's identity" },
	{ .name = "lsn", .type = FIELD_STRING, .help = "where it stands" },
	{ .name = "recovery_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "from the start to its being open" },
	TOOK_RESULT,
	{ .name = "unknown",
		.type = FIELD_STRINGS,
		.help = "names of members that could not be told; they are absent" },
	FIELD_END
};
#endif
