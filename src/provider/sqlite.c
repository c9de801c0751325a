/* sqlite.c: the sqlite provider's tables.
 *
 * Sources: the SQLite documentation, "SQLite Backup API", "Using the SQLite Online Backup API",
 * "PRAGMA Statements", "Uniform Resource Identifiers". */
#include "sqlite_db.h"

static const struct field settings[] = {
	{ .name = "path",
		.type = FIELD_PATH,
		.required = true,
		.help = "the database; a symbolic link is followed" },
	{ .name = "peer", .type = FIELD_PATH, .help = "the database at the other site" },
	{ .name = "table",
		.type = FIELD_STRING,
		.help = "table whose highest rowid says how far a copy is" },
	{ .name = "heartbeat",
		.type = FIELD_STRING,
		.help = "table with a column at_ms (epoch, ms) that somebody keeps fresh on "
			"the primary" },
	{ .name = "acked",
		.type = FIELD_PATH,
		.help = "log of a client that writes numbered rows, for data.compare" },
	FIELD_END
};

#define UNKNOWN_RESULT                                                                         \
	{                                                                                      \
		.name = "unknown", .type = FIELD_STRINGS,                                      \
		.help = "names of members that could not be determined; they are absent"       \
	}
#define TOOK_RESULT                                                                            \
	{                                                                                      \
		.name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it took" \
	}
#define EPOCH_RESULT                                                                           \
	{                                                                                      \
		.name = "epoch", .type = FIELD_INT, .help = "each promotion raises it"         \
	}

static const struct field status_params[] = {
	{ .name = "allow_down",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "give role = down in place of an error when it cannot be opened" },
	FIELD_END
};
static const struct field status_results[] = {
	{ .name = "role",
		.type = FIELD_STRING,
		.help = "primary, standby, fenced, restored or down" },
	EPOCH_RESULT,
	{ .name = "last_row", .type = FIELD_INT, .help = "highest rowid of setting table" },
	{ .name = "rows_behind", .type = FIELD_INT, .help = "the peer's last_row minus ours" },
	{ .name = "heartbeat_age_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "age of the heartbeat row" },
	{ .name = "heartbeat_at_ms", .type = FIELD_INT, .unit = "ms", .help = "its time" },
	{ .name = "peer_readable", .type = FIELD_BOOL, .help = "the peer could be opened" },
	{ .name = "peer_role", .type = FIELD_STRING, .help = "the peer's role" },
	{ .name = "peer_epoch", .type = FIELD_INT, .help = "the peer's epoch" },
	{ .name = "basis", .type = FIELD_STRING, .help = "what all this is taken from" },
	UNKNOWN_RESULT, FIELD_END
};
static const struct field precheck_params[] = {
	{ .name = "max_age",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.help = "most that the heartbeat row may be old, when there is one" },
	{ .name = "max_rows_behind",
		.type = FIELD_INT,
		.fallback = "1000",
		.help = "when the peer can be read" },
	FIELD_END
};
static const struct field precheck_results[] = {
	{ .name = "ok",
		.type = FIELD_BOOL,
		.help = "true: a failed check raises PRECONDITION and names it" },
	{ .name = "checks", .type = FIELD_ANY, .help = "name, ok, detail of each" },
	{ .name = "heartbeat_age_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "when there is a heartbeat" },
	{ .name = "rows_behind", .type = FIELD_INT, .help = "when the peer can be read" },
	EPOCH_RESULT, UNKNOWN_RESULT, FIELD_END
};
static const struct field promote_params[] = {
	{ .name = "unfenced",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "promote although the peer can be read and is a primary: two take "
			"writes" },
	FIELD_END
};
static const struct field promote_results[] = { EPOCH_RESULT, TOOK_RESULT,
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time of the newest data that survived" },
	{ .name = "recovery_point_basis", .type = FIELD_STRING, .help = "heartbeat row" },
	UNKNOWN_RESULT, FIELD_END };
static const struct field fence_results[] = {
	{ .name = "level",
		.type = FIELD_STRING,
		.help = "row: writers that look at the role row are refused" },
	{ .name = "how", .type = FIELD_STRING, .help = "what was done" }, TOOK_RESULT, FIELD_END
};
static const struct field reverse_results[] = { EPOCH_RESULT, TOOK_RESULT, FIELD_END };
static const struct field health_params[] = {
	{ .name = "expect",
		.type = FIELD_CHOICE,
		.choices =
			(const char *const[]){ "any", "primary", "standby", "writable", NULL },
		.fallback = "any",
		.help = "raise PRECONDITION when it is something else" },
	FIELD_END
};
static const struct field health_results[] = {
	{ .name = "ok", .type = FIELD_BOOL, .help = "opens, and is what was expected" },
	{ .name = "role", .type = FIELD_STRING, .help = "none without a table drillbook_role" },
	EPOCH_RESULT,
	{ .name = "writable",
		.type = FIELD_BOOL,
		.help = "may be written by who obeys the role row" },
	{ .name = "latency_us",
		.type = FIELD_INT,
		.unit = "us",
		.help = "time to open and ask" },
	FIELD_END
};
static const struct field backup_params[] = { { .name = "to",
						      .type = FIELD_PATH,
						      .required = true,
						      .help = "file that is not there yet" },
	FIELD_END };
#define FILE_RESULTS                                                                           \
	{ .name = "sha256", .type = FIELD_STRING, .help = "of the file" },                     \
	{                                                                                      \
		.name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "of the file"     \
	}
#define POINT_RESULT                                                                           \
	{                                                                                      \
		.name = "recovery_point_ms", .type = FIELD_INT, .unit = "ms",                  \
		.help = "wall time of the newest data in it"                                   \
	}
static const struct field backup_results[] = {
	{ .name = "path", .type = FIELD_STRING, .help = "the backup" }, FILE_RESULTS,
	POINT_RESULT,
	{ .name = "recovery_point_basis",
		.type = FIELD_STRING,
		.help = "heartbeat row in the copy, or the time the copy began" },
	TOOK_RESULT, FIELD_END
};
static const struct field check_params[] = {
	{ .name = "from", .type = FIELD_PATH, .required = true, .help = "the backup" },
	{ .name = "sha256", .type = FIELD_STRING, .help = "what backup.start gave" },
	{ .name = "tables", .type = FIELD_STRINGS, .help = "count the rows of these" },
	FIELD_END
};
#define VALID_RESULTS                                                                          \
	{ .name = "ok",                                                                        \
		.type = FIELD_BOOL,                                                            \
		.help = "whole, and every reference leads somewhere" },                        \
		{ .name = "integrity",                                                         \
			.type = FIELD_STRING,                                                  \
			.help = "ok, or what PRAGMA integrity_check found first" },            \
		{ .name = "rows", .type = FIELD_MAP, .help = "table to number of rows" },      \
		POINT_RESULT, UNKNOWN_RESULT
static const struct field check_results[] = { FILE_RESULTS, VALID_RESULTS, FIELD_END };
static const struct field restore_params[] = {
	{ .name = "from", .type = FIELD_PATH, .required = true, .help = "the backup" },
	{ .name = "to",
		.type = FIELD_PATH,
		.help = "where to; default: the target's database" },
	{ .name = "overwrite",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "replace a database that is there; a copy of it is kept beside" },
	FIELD_END
};
static const struct field restore_results[] = {
	{ .name = "path", .type = FIELD_STRING, .help = "the restored database" },
	{ .name = "kept", .type = FIELD_STRING, .help = "copy of what was there" }, TOOK_RESULT,
	FIELD_END
};
static const struct field validate_params[] = {
	{ .name = "path", .type = FIELD_PATH, .help = "database; default: the target's" },
	{ .name = "tables", .type = FIELD_STRINGS, .help = "count the rows of these" },
	FIELD_END
};
static const struct field validate_results[] = { VALID_RESULTS, FIELD_END };

static const struct operation operations[] = {
	{ .capability = "replication",
		.verb = "status",
		.effect = EFFECT_READ,
		.params = status_params,
		.results = status_results,
		.run = sqlite_status,
		.timeout_ms = 10000,
		.help = "role, epoch and lag of one database, and how the lag was obtained" },
	{ .capability = "failover",
		.verb = "precheck",
		.effect = EFFECT_READ,
		.params = precheck_params,
		.results = precheck_results,
		.run = sqlite_precheck,
		.timeout_ms = 60000,
		.help = "may this standby be promoted; raises PRECONDITION naming what does "
			"not hold" },
	{ .capability = "failover",
		.verb = "promote",
		.effect = EFFECT_IRREVERSIBLE,
		.params = promote_params,
		.results = promote_results,
		.prepare = sqlite_promote_prepare,
		.run = sqlite_promote,
		.verify = sqlite_promote_verify,
		.timeout_ms = 10000,
		.help = "make this standby the primary of the next epoch; what it has not "
			"received is lost" },
	{ .capability = "failover",
		.verb = "fence",
		.effect = EFFECT_COSTLY,
		.results = fence_results,
		.prepare = sqlite_fence_prepare,
		.run = sqlite_fence,
		.verify = sqlite_fence_verify,
		.undo = "failover.unfence",
		.idempotent = true,
		.timeout_ms = 10000,
		.help = "make an old primary refuse writes" },
	{ .capability = "failover",
		.verb = "unfence",
		.effect = EFFECT_COSTLY,
		.prepare = sqlite_unfence_prepare,
		.run = sqlite_unfence,
		.verify = sqlite_unfence_verify,
		.undo = "failover.fence",
		.idempotent = true,
		.timeout_ms = 10000,
		.help = "make a fenced database the primary again, unless its peer is one" },
	{ .capability = "failover",
		.verb = "reverse",
		.effect = EFFECT_COSTLY,
		.results = reverse_results,
		.prepare = sqlite_reverse_prepare,
		.run = sqlite_reverse,
		.verify = sqlite_reverse_verify,
		.idempotent = true,
		.timeout_ms = 600000,
		.cancel_help = "between pages; nothing has changed then",
		.help = "replace an old primary by a copy of the new one, as its standby" },
	{ .capability = "backup",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = backup_params,
		.results = backup_results,
		.prepare = sqlite_backup_prepare,
		.run = sqlite_backup,
		.verify = sqlite_backup_verify,
		.timeout_ms = 600000,
		.cancel_help = "between pages; nothing is left",
		.help = "online backup to a new file" },
	{ .capability = "backup",
		.verb = "verify",
		.effect = EFFECT_READ,
		.params = check_params,
		.results = check_results,
		.run = sqlite_backup_check,
		.timeout_ms = 600000,
		.help = "read a whole backup: digest, structure, references" },
	{ .capability = "restore",
		.verb = "start",
		.effect = EFFECT_IRREVERSIBLE,
		.params = restore_params,
		.results = restore_results,
		.prepare = sqlite_restore_prepare,
		.run = sqlite_restore,
		.verify = sqlite_restore_verify,
		.timeout_ms = 600000,
		.cancel_help = "between pages; nothing has changed then",
		.help = "restore a backup to a new place, or over a database" },
	{ .capability = "restore",
		.verb = "validate",
		.effect = EFFECT_READ,
		.params = validate_params,
		.results = validate_results,
		.run = sqlite_restore_validate,
		.timeout_ms = 600000,
		.help = "read a whole database: structure, references, rows" },
	{ .capability = "health",
		.verb = "probe",
		.effect = EFFECT_READ,
		.params = health_params,
		.results = health_results,
		.run = sqlite_health,
		.timeout_ms = 10000,
		.help = "open, ask, and time it" },
	{ .capability = "data",
		.verb = "query",
		.effect = EFFECT_READ,
		.params = data_query_params,
		.results = data_query_results,
		.run = sqlite_query,
		.timeout_ms = 60000,
		.help = "run a declared query on a read-only connection" },
	{ .capability = "data",
		.verb = "write",
		.effect = EFFECT_IRREVERSIBLE,
		.params = data_write_params,
		.results = data_write_results,
		.prepare = sqlite_write_prepare,
		.run = sqlite_write,
		.verify = sqlite_write_verify,
		.timeout_ms = 60000,
		.help = "run a declared statement, of the class it declares, in a transaction "
			"that obeys the role" },
	{ .capability = "data",
		.verb = "compare",
		.effect = EFFECT_READ,
		.params = data_compare_params,
		.results = data_compare_results,
		.run = sqlite_compare,
		.timeout_ms = 300000,
		.help = "count a client's acknowledged writes that the database lost" },
	OPERATION_END
};

const struct provider sqlite_provider = {
	.name = "sqlite",
	.summary = "SQLite: a database file and its copy at another site, backup and restore",
	.source = "https://www.sqlite.org/docs.html",
	.settings = settings,
	.declares_actions = true,
	.operations = operations,
	.probe = sqlite_probe,
};
