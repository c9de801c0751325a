/* postgres.c: the postgres provider's tables.
 *
 * Sources: PostgreSQL 15 manual, chapters 27 "High Availability", 28.2 "The Cumulative
 * Statistics System", 9.27 "System Administration Functions", and the pages of pg_ctl,
 * pg_rewind, pg_basebackup, pg_verifybackup, pg_checksums and pg_controldata. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"
#include "postgres_restore.h"
#include "postgres_settings.h"
#include "statement.h"

static const struct field settings[] = { PG_CONNECTION_SETTINGS,
	{ .name = "acked",
		.type = FIELD_PATH,
		.help = "log of a client that writes numbered rows, for data.compare" },
	{ .name = "data_dir",
		.type = FIELD_PATH,
		.help = "data directory, when this host holds it" },
	{ .name = "config_file",
		.type = FIELD_PATH,
		.help = "postgresql.conf, when it is not in data_dir" },
	{ .name = "log_file",
		.type = FIELD_PATH,
		.help = "for a server started by pg_ctl; default: DATA_DIR.log" },
	{ .name = "start_command",
		.type = FIELD_STRINGS,
		.help = "argv that starts the server in place of pg_ctl, such as systemctl "
			"start NAME" },
	{ .name = "backup_dir",
		.type = FIELD_PATH,
		.help = "directory of base backups, one directory each" },
	{ .name = "wal_archive",
		.type = FIELD_PATH,
		.help = "directory that archive_command fills, for points in time" },
	{ .name = "restore_command",
		.type = FIELD_STRING,
		.help = "PostgreSQL's restore_command for a restored cluster; default: cp from "
			"wal_archive" },
	FIELD_END };

#define IDENTITY_RESULTS                                                                       \
	{ .name = "timeline", .type = FIELD_INT, .help = "of the WAL it writes or follows" },  \
		{ .name = "system_id",                                                         \
			.type = FIELD_STRING,                                                  \
			.help = "the cluster's identity" },                                    \
	{                                                                                      \
		.name = "lsn", .type = FIELD_STRING,                                           \
		.help = "written (primary) or replayed (standby)"                              \
	}
#define UNKNOWN_RESULT                                                                         \
	{                                                                                      \
		.name = "unknown", .type = FIELD_STRINGS,                                      \
		.help = "names of members the server could not tell; they are absent"          \
	}
static const struct field status_params[] = {
	{ .name = "heartbeat",
		.type = FIELD_STRING,
		.help = "table in place of the setting heartbeat" },
	{ .name = "allow_down",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "give role = down in place of an error when it cannot be reached" },
	FIELD_END
};
static const struct field status_results[] = {
	{ .name = "role", .type = FIELD_STRING, .help = "primary, standby or down" },
	{ .name = "in_recovery", .type = FIELD_BOOL, .help = "true on a standby" },
	IDENTITY_RESULTS,
	{ .name = "lag_bytes", .type = FIELD_INT, .unit = "bytes", .help = "see basis" },
	{ .name = "basis",
		.type = FIELD_STRING,
		.help = "what lag_bytes is the difference of" },
	{ .name = "lag_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "age of the newest data there: of the heartbeat row, else 0 when "
			"everything received is replayed and it streams, else of the last "
			"replayed commit; on a primary the slowest standby's replay lag" },
	{ .name = "lag_basis", .type = FIELD_STRING, .help = "which of these lag_ms is" },
	{ .name = "streaming", .type = FIELD_BOOL, .help = "the stream is up" },
	{ .name = "slot",
		.type = FIELD_STRING,
		.help = "standby: the slot it streams through; absent when there is none" },
	{ .name = "wal_status",
		.type = FIELD_STRING,
		.help = "primary: the worst of its slots: reserved, extended, unreserved, "
			"lost" },
	{ .name = "receiver",
		.type = FIELD_STRING,
		.help = "standby: state of the WAL receiver, none when there is none" },
	{ .name = "receive_lsn", .type = FIELD_STRING, .help = "standby: received" },
	{ .name = "replay_lsn", .type = FIELD_STRING, .help = "standby: replayed" },
	{ .name = "replay_paused", .type = FIELD_BOOL, .help = "standby" },
	{ .name = "replay_age_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "standby: age of the last replayed commit; grows while nothing is "
			"written" },
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "standby: time of the last replayed commit, by the primary's clock" },
	{ .name = "heartbeat_age_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "age of the heartbeat row: the only clock that is right both idle and "
			"cut off" },
	{ .name = "heartbeat_at_ms", .type = FIELD_INT, .unit = "ms", .help = "its time" },
	{ .name = "standbys",
		.type = FIELD_ANY,
		.help = "primary: name, state, sync_state, lag_bytes, flush_lag_bytes, "
			"replay_lag_ms of each" },
	{ .name = "slots",
		.type = FIELD_ANY,
		.help = "primary: name, active, wal_status, retained_bytes, safe_bytes of "
			"each" },
	UNKNOWN_RESULT, FIELD_END
};

static const struct field canary_params[] = {
	{ .name = "standby_host",
		.type = FIELD_STRING,
		.required = true,
		.help = "where the marker must arrive; the target's own credentials are used" },
	{ .name = "standby_port",
		.type = FIELD_INT,
		.fallback = "5432",
		.min = 1,
		.max = 65535,
		.help = "its port" },
	{ .name = "table",
		.type = FIELD_STRING,
		.fallback = "drillbook_canary",
		.help = "table of the markers, made when it is not there" },
	FIELD_END
};
static const struct field canary_results[] = {
	{ .name = "arrived_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "from the commit to its being readable at the standby" },
	{ .name = "basis", .type = FIELD_STRING, .help = "how it was measured" }, FIELD_END
};

static const struct field precheck_params[] = {
	{ .name = "max_lag_bytes",
		.type = FIELD_BYTES,
		.unit = "bytes",
		.fallback = "16MiB",
		.help = "most that may be received and not replayed" },
	{ .name = "max_age",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.help = "most that the heartbeat row may be old, when there is one" },
	{ .name = "heartbeat",
		.type = FIELD_STRING,
		.help = "table in place of the setting heartbeat" },
	{ .name = "rewind",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "demand that the old primary can be rewound later" },
	FIELD_END
};
static const struct field precheck_results[] = {
	{ .name = "ok",
		.type = FIELD_BOOL,
		.help = "true: a failed check raises PRECONDITION and names it" },
	{ .name = "checks", .type = FIELD_ANY, .help = "name, ok, detail of each" },
	{ .name = "lag_bytes",
		.type = FIELD_INT,
		.unit = "bytes",
		.help = "received and not replayed" },
	{ .name = "heartbeat_age_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "when there is a heartbeat" },
	IDENTITY_RESULTS, UNKNOWN_RESULT, FIELD_END
};

static const struct field promote_params[] = {
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "60s",
		.min = 1000,
		.max = 3600000,
		.help = "how long pg_promote waits before we look ourselves" },
	{ .name = "until_lsn",
		.type = FIELD_STRING,
		.help = "refuse unless everything up to here is replayed: until_lsn of "
			"failover.stop_primary" },
	{ .name = "until_wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.max = 3600000,
		.help = "how long to wait for until_lsn" },
	{ .name = "checkpoint",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "checkpoint afterwards, without which pg_rewind of the old primary "
			"does nothing" },
	FIELD_END
};
static const struct field promote_results[] = { IDENTITY_RESULTS, TOOK_RESULT,
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time of the newest data that survived" },
	{ .name = "recovery_point_basis",
		.type = FIELD_STRING,
		.help = "heartbeat row, or the last replayed commit" },
	{ .name = "checkpoint", .type = FIELD_BOOL, .help = "was done" },
	{ .name = "checkpoint_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "how long it took" },
	UNKNOWN_RESULT, FIELD_END };

static const struct field fence_params[] = {
	{ .name = "mode",
		.type = FIELD_CHOICE,
		.choices = (const char *const[]){ "immediate", "fast", NULL },
		.fallback = "immediate",
		.help = "how a local server is ended; fast sends what it has to its standbys "
			"first" },
	FIELD_END
};
static const struct field fence_results[] = {
	{ .name = "level",
		.type = FIELD_STRING,
		.help = "hard (processes ended, cannot come back writable) or soft (asked to "
			"be read-only)" },
	{ .name = "how", .type = FIELD_STRING, .help = "what was done" }, TOOK_RESULT, FIELD_END
};
static const struct field unfence_results[] = {
	{ .name = "level", .type = FIELD_STRING, .help = "hard or soft" }, FIELD_END
};

static const struct field stop_results[] = {
	{ .name = "until_lsn",
		.type = FIELD_STRING,
		.help = "who has replayed this has everything: give it to failover.promote" },
	{ .name = "state", .type = FIELD_STRING, .help = "pg_controldata's word" },
	{ .name = "timeline", .type = FIELD_INT, .help = "of the last checkpoint" },
	{ .name = "system_id", .type = FIELD_STRING, .help = "the cluster's identity" },
	TOOK_RESULT, FIELD_END
};
static const struct field start_results[] = {
	{ .name = "pid", .type = FIELD_INT, .help = "of the postmaster" }, TOOK_RESULT,
	FIELD_END
};

#define SOURCE_PARAMS                                                                          \
	{ .name = "source_host",                                                               \
		.type = FIELD_STRING,                                                          \
		.required = true,                                                              \
		.help = "the new primary" },                                                   \
		{ .name = "source_port",                                                       \
			.type = FIELD_INT,                                                     \
			.fallback = "5432",                                                    \
			.min = 1,                                                              \
			.max = 65535,                                                          \
			.help = "its port" },                                                  \
		{ .name = "source_user",                                                       \
			.type = FIELD_STRING,                                                  \
			.help = "role there, with the right to replicate; default: the "       \
				"target's user" },                                             \
		{ .name = "slot",                                                              \
			.type = FIELD_STRING,                                                  \
			.help = "replication slot on the source, made when it is not there" }, \
	{                                                                                      \
		.name = "standby_name", .type = FIELD_STRING,                                  \
		.help = "application_name of the stream; default: the target's name"           \
	}
static const struct field reverse_params[] = { SOURCE_PARAMS,
	{ .name = "reseed",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "copy the whole database (pg_basebackup) beside the old directory and "
			"exchange the two" },
	FIELD_END };
static const struct field switchover_params[] = {
	{ .name = "standby_host",
		.type = FIELD_STRING,
		.required = true,
		.help = "the standby that takes over" },
	{ .name = "standby_port",
		.type = FIELD_INT,
		.fallback = "5432",
		.min = 1,
		.max = 65535,
		.help = "its port" },
	{ .name = "standby_user",
		.type = FIELD_STRING,
		.help = "role there, that may promote and replicate; default: the target's "
			"user" },
	{ .name = "slot",
		.type = FIELD_STRING,
		.help = "replication slot there for the old primary, made when it is not "
			"there" },
	{ .name = "standby_name",
		.type = FIELD_STRING,
		.help = "application_name of the old primary's stream; default: the target's "
			"name" },
	{ .name = "max_lag_bytes",
		.type = FIELD_BYTES,
		.unit = "bytes",
		.fallback = "16MiB",
		.help = "most that the standby may be behind before it begins" },
	{ .name = "until_wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "30s",
		.max = 3600000,
		.help = "how long the standby may take for the rest; then the old primary is "
			"started again" },
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "60s",
		.min = 1000,
		.max = 3600000,
		.help = "how long pg_promote waits before we look ourselves" },
	FIELD_END
};
static const struct field switchover_results[] = { IDENTITY_RESULTS, TOOK_RESULT,
	{ .name = "until_lsn",
		.type = FIELD_STRING,
		.help = "where the old primary ended; all of it is there" },
	{ .name = "gap_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "from the stop of the old primary to the new one's taking writes" },
	{ .name = "streaming_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "from the old primary's answering to its streaming" },
	{ .name = "slot_created", .type = FIELD_BOOL, .help = "the slot was not there" },
	FIELD_END };
static const struct field rejoin_params[] = { SOURCE_PARAMS, FIELD_END };
static const struct field reverse_results[] = { IDENTITY_RESULTS, TOOK_RESULT,
	{ .name = "way", .type = FIELD_STRING, .help = "rejoin, rewind or reseed" },
	{ .name = "data_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "time spent on the data" },
	{ .name = "streaming_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "from its answering to its streaming" },
	{ .name = "slot_created", .type = FIELD_BOOL, .help = "the slot was not there" },
	{ .name = "kept", .type = FIELD_STRING, .help = "reseed: where the old directory is" },
	FIELD_END };

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
	{ .name = "ok", .type = FIELD_BOOL, .help = "answers, and is what was expected" },
	{ .name = "role", .type = FIELD_STRING, .help = "primary or standby" },
	{ .name = "writable", .type = FIELD_BOOL, .help = "takes writes" },
	{ .name = "version", .type = FIELD_STRING, .help = "of the server" },
	{ .name = "connect_us", .type = FIELD_INT, .unit = "us", .help = "time to connect" },
	{ .name = "latency_us",
		.type = FIELD_INT,
		.unit = "us",
		.help = "time of one small query" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "replication",
		.verb = "status",
		.effect = EFFECT_READ,
		.params = status_params,
		.results = status_results,
		.run = postgres_status,
		.timeout_ms = 15000,
		.help = "role, timeline and lag of one server, and how the lag was obtained" },
	{ .capability = "replication",
		.verb = "canary",
		.effect = EFFECT_CHANGE,
		.params = canary_params,
		.results = canary_results,
		.prepare = postgres_canary_prepare,
		.run = postgres_canary,
		.verify = postgres_canary_verify,
		.idempotent = true,
		.timeout_ms = 30000,
		.cancel_help = "between polls; the marker row stays",
		.help = "write a marker on the primary and time its arrival at a standby" },
	{ .capability = "failover",
		.verb = "precheck",
		.effect = EFFECT_READ,
		.params = precheck_params,
		.results = precheck_results,
		.run = postgres_precheck,
		.timeout_ms = 15000,
		.help = "may this standby be promoted; raises PRECONDITION naming what does "
			"not hold" },
	{ .capability = "failover",
		.verb = "promote",
		.effect = EFFECT_IRREVERSIBLE,
		.params = promote_params,
		.results = promote_results,
		.prepare = postgres_promote_prepare,
		.run = postgres_promote,
		.verify = postgres_promote_verify,
		.timeout_ms = 120000,
		.cancel_help = "not once it was asked for",
		.help = "make this standby the primary; what it has not received is lost" },
	{ .capability = "failover",
		.verb = "switchover",
		.effect = EFFECT_COSTLY,
		.params = switchover_params,
		.results = switchover_results,
		.prepare = postgres_switchover_prepare,
		.run = postgres_switchover,
		.verify = postgres_switchover_verify,
		.idempotent = true,
		.timeout_ms = 600000,
		.cancel_help =
			"before the promotion the old primary is started again; after it "
			"not at all",
		.help = "planned and without loss: stop this primary, promote a standby that "
			"has "
			"everything, follow it" },
	{ .capability = "failover",
		.verb = "fence",
		.effect = EFFECT_COSTLY,
		.params = fence_params,
		.results = fence_results,
		.prepare = postgres_fence_prepare,
		.run = postgres_fence,
		.verify = postgres_fence_verify,
		.undo = "failover.unfence",
		.idempotent = true,
		.timeout_ms = 60000,
		.cancel_help = "between polls; half a fence is finished by the next one",
		.help = "make sure that an old primary takes no writes, also when it is "
			"started by accident" },
	{ .capability = "failover",
		.verb = "unfence",
		.effect = EFFECT_COSTLY,
		.results = unfence_results,
		.prepare = postgres_unfence_prepare,
		.run = postgres_unfence,
		.verify = postgres_unfence_verify,
		.undo = "failover.fence",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "take a fence away; the server is not started" },
	{ .capability = "failover",
		.verb = "stop_primary",
		.effect = EFFECT_COSTLY,
		.results = stop_results,
		.prepare = postgres_stop_prepare,
		.run = postgres_stop,
		.verify = postgres_stop_verify,
		.undo = "service.start",
		.timeout_ms = 120000,
		.cancel_help = "the shutdown goes on",
		.help = "first half of a switchover: stop the primary so that its standbys "
			"have everything" },
	{ .capability = "failover",
		.verb = "rejoin",
		.effect = EFFECT_COSTLY,
		.params = rejoin_params,
		.results = reverse_results,
		.prepare = postgres_reverse_prepare,
		.run = postgres_reverse,
		.verify = postgres_reverse_verify,
		.idempotent = true,
		.timeout_ms = 300000,
		.cancel_help = "between polls; done again it goes on",
		.help = "start a cleanly stopped old primary as a standby of the new one" },
	{ .capability = "failover",
		.verb = "reverse",
		.effect = EFFECT_COSTLY,
		.params = reverse_params,
		.results = reverse_results,
		.prepare = postgres_reverse_prepare,
		.run = postgres_reverse,
		.verify = postgres_reverse_verify,
		.idempotent = true,
		.timeout_ms = 3600000,
		.cancel_help = "between polls; done again it goes on",
		.help = "make an old primary a standby of the new one: pg_rewind, or a new "
			"copy" },
	{ .capability = "service",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.results = start_results,
		.prepare = postgres_start_prepare,
		.run = postgres_start,
		.verify = postgres_start_verify,
		.undo = "service.stop",
		.idempotent = true,
		.timeout_ms = 120000,
		.cancel_help = "between polls; the server goes on starting",
		.help = "start the server of a local data directory" },
	{ .capability = "service",
		.verb = "stop",
		.effect = EFFECT_COSTLY,
		.results = stop_results,
		.prepare = postgres_stop_prepare,
		.run = postgres_stop,
		.verify = postgres_stop_verify,
		.undo = "service.start",
		.timeout_ms = 120000,
		.cancel_help = "the shutdown goes on",
		.help = "stop the server of a local data directory (fast shutdown)" },
	{ .capability = "backup",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = base_backup_params,
		.results = base_backup_results,
		.prepare = postgres_backup_prepare,
		.run = postgres_backup,
		.verify = postgres_backup_verify,
		.timeout_ms = 14400000,
		.cancel_help = "at any time; nothing is left",
		.help = "base backup (pg_basebackup) with a manifest into backup_dir" },
	{ .capability = "backup",
		.verb = "points",
		.effect = EFFECT_READ,
		.results = points_results,
		.run = postgres_points,
		.timeout_ms = 60000,
		.help = "the base backups in backup_dir, newest first, and how far the archive "
			"reaches" },
	{ .capability = "backup",
		.verb = "verify",
		.effect = EFFECT_READ,
		.params = base_check_params,
		.results = base_check_results,
		.run = postgres_backup_check,
		.timeout_ms = 14400000,
		.help = "read a whole base backup against its manifest (pg_verifybackup)" },
	{ .capability = "backup",
		.verb = "archive",
		.effect = EFFECT_CHANGE,
		.results = archive_results,
		.prepare = postgres_archive_prepare,
		.run = postgres_archive,
		.verify = postgres_archive_verify,
		.idempotent = true,
		.timeout_ms = 60000,
		.cancel_help = "between polls; the file is archived all the same",
		.help = "close the WAL file under way and wait until the archive has it" },
	{ .capability = "restore",
		.verb = "start",
		.effect = EFFECT_IRREVERSIBLE,
		.params = restore_params,
		.results = restore_results,
		.prepare = postgres_restore_prepare,
		.run = postgres_restore,
		.verify = restore_verify,
		.undo = "restore.cleanup",
		.timeout_ms = 14400000,
		.cancel_help = "between files; nothing is left",
		.help = "a base backup and a point in time to a new directory; nothing is "
			"started" },
	{ .capability = "restore",
		.verb = "validate",
		.effect = EFFECT_CHANGE,
		.params = validate_params,
		.results = validate_results,
		.prepare = restore_validate_prepare,
		.run = restore_validate,
		.verify = restore_validate_verify,
		.idempotent = true,
		.timeout_ms = 14400000,
		.cancel_help = "between polls; the private server is stopped",
		.help = "start a restored cluster where nobody sees it, ask it, stop it" },
	{ .capability = "restore",
		.verb = "cleanup",
		.effect = EFFECT_COSTLY,
		.params = cleanup_params,
		.results = cleanup_results,
		.prepare = restore_cleanup_prepare,
		.run = restore_cleanup,
		.verify = restore_cleanup_verify,
		.idempotent = true,
		.timeout_ms = 600000,
		.cancel_help = "between files; done again it goes on",
		.help = "remove a restored cluster that restore.start made in a new "
			"directory" },
	{ .capability = "health",
		.verb = "probe",
		.effect = EFFECT_READ,
		.params = health_params,
		.results = health_results,
		.run = postgres_health,
		.timeout_ms = 10000,
		.help = "connect, ask, and time it" },
	{ .capability = "data",
		.verb = "query",
		.effect = EFFECT_READ,
		.params = data_query_params,
		.results = data_query_results,
		.run = postgres_query,
		.timeout_ms = 60000,
		.help = "run a declared query in a read-only transaction" },
	{ .capability = "data",
		.verb = "write",
		.effect = EFFECT_IRREVERSIBLE,
		.params = data_write_params,
		.results = data_write_results,
		.prepare = postgres_write_prepare,
		.run = postgres_write,
		.verify = postgres_write_verify,
		.timeout_ms = 60000,
		.help = "run a declared statement, of the class it declares" },
	{ .capability = "data",
		.verb = "compare",
		.effect = EFFECT_READ,
		.params = data_compare_params,
		.results = data_compare_results,
		.run = postgres_compare,
		.timeout_ms = 300000,
		.help = "count a client's acknowledged writes that the database lost" },
	OPERATION_END
};

const struct provider postgres_provider = {
	.name = "postgres",
	.summary =
		"PostgreSQL 13 and later: replication, failover, base backups, points in time",
	.source = "https://www.postgresql.org/docs/15/",
	.settings = settings,
	.declares_actions = true,
	.operations = operations,
	.probe = postgres_probe,
};
#endif
