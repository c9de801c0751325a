/* mariadb.c: the mariadb provider's tables.
 *
 * Sources: the MariaDB documentation, "Replication Commands", "Global Transaction ID", "SHOW
 * REPLICA STATUS", "Server System Variables", "Mariabackup"; of the library, "Non-Blocking
 * API". */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

#include "copies.h"

static const struct field settings[] = {
	{ .name = "host", .type = FIELD_STRING, .required = true, .help = "name or address" },
	{ .name = "port",
		.type = FIELD_INT,
		.fallback = "3306",
		.min = 1,
		.max = 65535,
		.help = "its port" },
	{ .name = "user",
		.type = FIELD_STRING,
		.help = "needs READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, SLAVE MONITOR, "
			"CONNECTION "
			"ADMIN; the same on both servers" },
	{ .name = "password", .type = FIELD_SECRET, .help = "of the user" },
	{ .name = "database", .type = FIELD_STRING, .help = "of declared SQL" },
	{ .name = "ca",
		.type = FIELD_PATH,
		.help = "demand TLS and a certificate of this authority with the host's name" },
	{ .name = "connect_timeout",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "3s",
		.min = 50,
		.max = 60000,
		.help = "a silent network or a frozen server costs this much" },
	{ .name = "peer",
		.type = FIELD_STRING,
		.help = "the other server, HOST or HOST@PORT, where the address that the "
			"replica "
			"follows is not reachable from here" },
	{ .name = "replication_user",
		.type = FIELD_STRING,
		.help = "with whom an old primary follows the new one; default: user" },
	{ .name = "replication_password", .type = FIELD_SECRET, .help = "of replication_user" },
	{ .name = "heartbeat",
		.type = FIELD_STRING,
		.help = "table with a column at_ms (epoch, ms) that somebody keeps fresh on "
			"the "
			"primary" },
	{ .name = "fence_file",
		.type = FIELD_PATH,
		.help = "option file the server includes on this host; written by a fence, so "
			"that a "
			"restart keeps it" },
	{ .name = "acked",
		.type = FIELD_PATH,
		.help = "log of a client that writes numbered rows, for data.compare" },
	FIELD_END
};

#define TOOK_RESULT                                                                            \
	{                                                                                      \
		.name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it took" \
	}
#define UNKNOWN_RESULT                                                                         \
	{                                                                                      \
		.name = "unknown", .type = FIELD_STRINGS,                                      \
		.help = "names of members the server could not tell; they are absent"          \
	}
#define KEPT_RESULT                                                                            \
	{                                                                                      \
		.name = "kept", .type = FIELD_BOOL,                                            \
		.help = "fence_file says so, too: it survives a restart"                       \
	}
#define GTID_RESULT                                                                            \
	{                                                                                      \
		.name = "gtid", .type = FIELD_STRING, .help = "its position"                   \
	}
#define NODE_RESULTS                                                                           \
	{ .name = "role", .type = FIELD_STRING, .help = "primary, replica or down" },          \
		{ .name = "version", .type = FIELD_STRING, .help = "of the server" },          \
		GTID_RESULT,                                                                   \
		{ .name = "read_only",                                                         \
			.type = FIELD_BOOL,                                                    \
			.help = "ordinary users may not write" },                              \
		{ .name = "writable",                                                          \
			.type = FIELD_BOOL,                                                    \
			.help = "a primary that may be written" },                             \
		{ .name = "primary",                                                           \
			.type = FIELD_STRING,                                                  \
			.help = "replica: whom it follows, HOST@PORT" },                       \
		{ .name = "receiver",                                                          \
			.type = FIELD_STRING,                                                  \
			.help = "replica: Yes, No, Connecting" },                              \
		{ .name = "applier", .type = FIELD_BOOL, .help = "replica: it applies" },      \
		{ .name = "uses_gtid",                                                         \
			.type = FIELD_BOOL,                                                    \
			.help = "replica: follows by GTID" },                                  \
		{ .name = "received_gtid",                                                     \
			.type = FIELD_STRING,                                                  \
			.help = "replica: received" },                                         \
		{ .name = "lag_transactions",                                                  \
			.type = FIELD_INT,                                                     \
			.help = "replica: received and not applied" },                         \
		{ .name = "lag_s",                                                             \
			.type = FIELD_INT,                                                     \
			.unit = "s",                                                           \
			.help = "replica: Seconds_Behind_Master; unknown while it does not "   \
				"run" },                                                       \
		{ .name = "basis", .type = FIELD_STRING, .help = "what the lag is" },          \
		{ .name = "last_error",                                                        \
			.type = FIELD_STRING,                                                  \
			.help = "replica: of a thread" },                                      \
		{ .name = "heartbeat_at_ms",                                                   \
			.type = FIELD_INT,                                                     \
			.unit = "ms",                                                          \
			.help = "of the heartbeat row" },                                      \
	{                                                                                      \
		.name = "heartbeat_age_ms", .type = FIELD_INT, .unit = "ms",                   \
		.help = "its age: the only clock that is right both idle and cut off"          \
	}

static const struct field status_params[] = {
	{ .name = "allow_down",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "give role = down in place of an error when it cannot be reached" },
	FIELD_END
};
static const struct field status_results[] = { NODE_RESULTS, UNKNOWN_RESULT, FIELD_END };

static const struct field canary_params[] = {
	{ .name = "replica_host",
		.type = FIELD_STRING,
		.help = "where the marker must arrive; when absent it is read back where it "
			"was "
			"written" },
	{ .name = "replica_port",
		.type = FIELD_INT,
		.fallback = "3306",
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
		.help = "from its commit to its being readable" },
	{ .name = "basis", .type = FIELD_STRING, .help = "how it was measured" }, FIELD_END
};

static const struct field precheck_params[] = {
	{ .name = "max_transactions",
		.type = FIELD_INT,
		.fallback = "1000",
		.min = 0,
		.max = INT64_MAX,
		.help = "most that may be received and not applied" },
	{ .name = "max_age",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.help = "most that the heartbeat may be old; without one, most that it may be "
			"behind, which is unknown without a primary" },
	FIELD_END
};
static const struct field precheck_results[] = {
	{ .name = "ok",
		.type = FIELD_BOOL,
		.help = "true: a failed check raises PRECONDITION and names it" },
	{ .name = "checks", .type = FIELD_ANY, .help = "name, ok, detail of each" },
	NODE_RESULTS, UNKNOWN_RESULT, FIELD_END
};

static const struct field promote_params[] = {
	{ .name = "silent",
		.type = FIELD_CHOICE,
		.choices = (const char *const[]){ "refuse", "accept", NULL },
		.fallback = "refuse",
		.help = "an old primary that does not answer; accept: it is fenced by other "
			"means" },
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.max = 3600000,
		.help = "how long to wait until everything received, or everything a fenced "
			"primary wrote, is applied" },
	FIELD_END
};
static const struct field promote_results[] = { TOOK_RESULT, GTID_RESULT,
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time of the newest data that survived" },
	{ .name = "recovery_point_basis", .type = FIELD_STRING, .help = "how that is known" },
	UNKNOWN_RESULT, FIELD_END };

static const struct field switchover_params[] = {
	{ .name = "to_host",
		.type = FIELD_STRING,
		.required = true,
		.help = "the replica, as both drillbook and this server reach it" },
	{ .name = "to_port",
		.type = FIELD_INT,
		.fallback = "3306",
		.min = 1,
		.max = 65535,
		.help = "its port" },
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.min = 100,
		.max = 600000,
		.help = "how long writes may stand still while it catches up; then they go on "
			"where they were" },
	FIELD_END
};
static const struct field switchover_results[] = { TOOK_RESULT,
	{ .name = "primary", .type = FIELD_STRING, .help = "the new one, HOST@PORT" },
	{ .name = "gtid",
		.type = FIELD_STRING,
		.help = "the last of the old one, applied at both" },
	FIELD_END };

static const struct field fence_results[] = {
	{ .name = "level",
		.type = FIELD_STRING,
		.help = "soft: it refuses ordinary users; down: nobody listens, and it comes "
			"back "
			"read-only" },
	{ .name = "how", .type = FIELD_STRING, .help = "what was done" }, KEPT_RESULT,
	{ .name = "gtid", .type = FIELD_STRING, .help = "the last it wrote" }, TOOK_RESULT,
	FIELD_END
};
static const struct field unfence_results[] = { KEPT_RESULT, FIELD_END };

static const struct field reverse_params[] = {
	{ .name = "source_host",
		.type = FIELD_STRING,
		.required = true,
		.help = "the new primary, as both drillbook and this server reach it" },
	{ .name = "source_port",
		.type = FIELD_INT,
		.fallback = "3306",
		.min = 1,
		.max = 65535,
		.help = "its port" },
	{ .name = "gtid",
		.type = FIELD_STRING,
		.help = "the position to follow from: of the backup, for a server that was "
			"built "
			"from one; default: its own" },
	FIELD_END
};
static const struct field reverse_results[] = { KEPT_RESULT, TOOK_RESULT, FIELD_END };

static const struct field health_params[] = {
	{ .name = "expect",
		.type = FIELD_CHOICE,
		.choices =
			(const char *const[]){ "any", "primary", "replica", "writable", NULL },
		.fallback = "any",
		.help = "raise PRECONDITION when it is something else" },
	FIELD_END
};
static const struct field health_results[] = {
	{ .name = "ok", .type = FIELD_BOOL, .help = "answers, and is what was expected" },
	{ .name = "role",
		.type = FIELD_STRING,
		.help = "primary or replica; unknown to a user who may not ask" },
	{ .name = "writable",
		.type = FIELD_BOOL,
		.help = "not read-only, and no replica it knows of" },
	{ .name = "version", .type = FIELD_STRING, .help = "of the server" },
	{ .name = "connect_us", .type = FIELD_INT, .unit = "us", .help = "time to connect" },
	{ .name = "latency_us",
		.type = FIELD_INT,
		.unit = "us",
		.help = "time of one small query" },
	FIELD_END
};
static const struct field check_results[] = {
	{ .name = "sha256", .type = FIELD_STRING, .help = "of the list of its files" },
	{ .name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "of all its files" },
	{ .name = "files", .type = FIELD_INT, .help = "how many" },
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time the data is of" },
	FIELD_END
};
static const struct field validate_params[] = {
	{ .name = "path",
		.type = FIELD_PATH,
		.required = true,
		.help = "a directory that restore.start has made" },
	{ .name = "min_tables",
		.type = FIELD_INT,
		.fallback = "1",
		.min = 0,
		.max = 1000000,
		.help = "fewer tables of users than that are an error" },
	{ .name = "tables",
		.type = FIELD_STRINGS,
		.help = "tables to check whole and to count, SCHEMA.TABLE" },
	{ .name = "query",
		.type = FIELD_STRING,
		.help = "a declared query whose first cell must be a positive number or true" },
	{ .name = "args",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "its parameters by name" },
	FIELD_END
};
static const struct field validate_results[] = {
	{ .name = "ok",
		.type = FIELD_BOOL,
		.help = "a server starts on it and finds it whole" },
	{ .name = "tables", .type = FIELD_INT, .help = "of users" },
	{ .name = "rows", .type = FIELD_MAP, .help = "of the tables checked" },
	{ .name = "value", .type = FIELD_ANY, .help = "of the query" }, FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "replication",
		.verb = "status",
		.effect = EFFECT_READ,
		.params = status_params,
		.results = status_results,
		.run = mariadb_status,
		.cancel_help = "at once",
		.timeout_ms = 15000,
		.help = "role, position and lag of one server, and how the lag was obtained" },
	{ .capability = "replication",
		.verb = "canary",
		.effect = EFFECT_CHANGE,
		.params = canary_params,
		.results = canary_results,
		.prepare = mariadb_canary_prepare,
		.run = mariadb_canary,
		.verify = mariadb_canary_verify,
		.cancel_help = "between polls; the marker row stays",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "write a marker on the primary and time its arrival" },
	{ .capability = "failover",
		.verb = "precheck",
		.effect = EFFECT_READ,
		.params = precheck_params,
		.results = precheck_results,
		.run = mariadb_precheck,
		.cancel_help = "at once",
		.timeout_ms = 15000,
		.help = "may this replica be promoted; raises PRECONDITION naming what does "
			"not "
			"hold" },
	{ .capability = "failover",
		.verb = "promote",
		.effect = EFFECT_IRREVERSIBLE,
		.params = promote_params,
		.results = promote_results,
		.prepare = mariadb_promote_prepare,
		.run = mariadb_promote,
		.verify = mariadb_promote_verify,
		.cancel_help = "not once it was asked for",
		.timeout_ms = 120000,
		.help = "make this replica the primary, when the old one is gone or fenced" },
	{ .capability = "failover",
		.verb = "switchover",
		.effect = EFFECT_COSTLY,
		.params = switchover_params,
		.results = switchover_results,
		.prepare = mariadb_switchover_prepare,
		.run = mariadb_switchover,
		.verify = mariadb_switchover_verify,
		.cancel_help = "between polls; what is done stays done",
		.timeout_ms = 120000,
		.help = "hand this primary's role to a replica that has everything, and follow "
			"it" },
	{ .capability = "failover",
		.verb = "fence",
		.effect = EFFECT_COSTLY,
		.results = fence_results,
		.prepare = mariadb_fence_prepare,
		.run = mariadb_fence,
		.verify = mariadb_fence_verify,
		.undo = "failover.unfence",
		.cancel_help = "not once it was asked for",
		.idempotent = true,
		.timeout_ms = 60000,
		.help = "make an old primary read-only" },
	{ .capability = "failover",
		.verb = "unfence",
		.effect = EFFECT_COSTLY,
		.results = unfence_results,
		.prepare = mariadb_unfence_prepare,
		.run = mariadb_unfence,
		.verify = mariadb_unfence_verify,
		.undo = "failover.fence",
		.cancel_help = "not once it was asked for",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "let a fenced primary take writes again" },
	{ .capability = "failover",
		.verb = "reverse",
		.effect = EFFECT_COSTLY,
		.params = reverse_params,
		.results = reverse_results,
		.prepare = mariadb_reverse_prepare,
		.run = mariadb_reverse,
		.verify = mariadb_reverse_verify,
		.cancel_help = "between polls; it goes on following",
		.idempotent = true,
		.timeout_ms = 3600000,
		.help = "make an old primary a replica of the new one, when it has nothing of "
			"its "
			"own" },
	{ .capability = "health",
		.verb = "probe",
		.effect = EFFECT_READ,
		.params = health_params,
		.results = health_results,
		.run = mariadb_health,
		.cancel_help = "at once",
		.timeout_ms = 10000,
		.help = "connect, ask, and time it" },
	{ .capability = "data",
		.verb = "query",
		.effect = EFFECT_READ,
		.params = data_query_params,
		.results = data_query_results,
		.run = mariadb_query,
		.cancel_help = "at once",
		.timeout_ms = 60000,
		.help = "run a declared query in a read-only transaction" },
	{ .capability = "data",
		.verb = "write",
		.effect = EFFECT_IRREVERSIBLE,
		.params = data_write_params,
		.results = data_write_results,
		.prepare = mariadb_write_prepare,
		.run = mariadb_write,
		.verify = mariadb_write_verify,
		.timeout_ms = 60000,
		.help = "run a declared statement, of the class it declares" },
	{ .capability = "data",
		.verb = "compare",
		.effect = EFFECT_READ,
		.params = data_compare_params,
		.results = data_compare_results,
		.run = mariadb_compare,
		.cancel_help = "at once",
		.timeout_ms = 300000,
		.help = "count a client's acknowledged writes that the database lost" },
	{ .capability = "backup",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = copies_backup_params,
		.results = copies_backup_results,
		.prepare = mariadb_backup_prepare,
		.run = mariadb_backup,
		.verify = copies_backup_verify,
		.cancel_help = "at once; no backup is left",
		.timeout_ms = 14400000,
		.help = "copy the running server's data (mariadb-backup), ready to be started "
			"on" },
	{ .capability = "backup",
		.verb = "points",
		.effect = EFFECT_READ,
		.params = copies_points_params,
		.results = copies_points_results,
		.run = mariadb_points,
		.timeout_ms = 60000,
		.help = "the backups in a directory, newest first" },
	{ .capability = "backup",
		.verb = "verify",
		.effect = EFFECT_READ,
		.params = copies_check_params,
		.results = check_results,
		.run = copies_check,
		.cancel_help = "at once",
		.timeout_ms = 14400000,
		.help = "compare every byte of a backup with its description" },
	{ .capability = "restore",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = copies_restore_params,
		.results = copies_restore_results,
		.prepare = copies_restore_prepare,
		.run = mariadb_restore,
		.verify = copies_restore_verify,
		.undo = "restore.cleanup",
		.cancel_help = "at once; nothing is left",
		.timeout_ms = 14400000,
		.help = "put a backup into a new data directory" },
	{ .capability = "restore",
		.verb = "validate",
		.effect = EFFECT_READ,
		.params = validate_params,
		.results = validate_results,
		.run = mariadb_restore_validate,
		.cancel_help = "between polls; the server is ended",
		.timeout_ms = 3600000,
		.help = "start a server on a restored directory, without network, and check "
			"what "
			"it finds" },
	{ .capability = "restore",
		.verb = "cleanup",
		.effect = EFFECT_COSTLY,
		.params = copies_cleanup_params,
		.results = copies_cleanup_results,
		.prepare = copies_cleanup_prepare,
		.run = copies_cleanup,
		.verify = copies_cleanup_verify,
		.idempotent = true,
		.timeout_ms = 600000,
		.help = "remove a directory that restore.start has made" },
	OPERATION_END
};

const struct provider mariadb_provider = {
	.name = "mariadb",
	.summary = "MariaDB 10.5 and later: GTID replication, failover, backup, restore",
	.source = "https://mariadb.com/kb/ (10.11)",
	.settings = settings,
	.declares_actions = true,
	.operations = operations,
	.probe = mariadb_doctor,
};
#endif
