/* redis.c: the redis provider's tables.
 *
 * Sources: the Redis documentation, "Redis replication", "Redis persistence", the pages of
 * INFO, FAILOVER, REPLICAOF, CONFIG SET, BGSAVE, SHUTDOWN; the comments of redis.conf 7.0. */
#include "redis.h"

#include "copies.h"
#include "statement.h"

static const struct field settings[] = {
	{ .name = "host", .type = FIELD_STRING, .required = true, .help = "name or address" },
	{ .name = "port",
		.type = FIELD_INT,
		.fallback = "6379",
		.min = 1,
		.max = 65535,
		.help = "its port" },
	{ .name = "user",
		.type = FIELD_STRING,
		.help = "of the access list; default: the default user" },
	{ .name = "password",
		.type = FIELD_SECRET,
		.help = "of the user; the same on both servers" },
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
	{ .name = "config_file",
		.type = FIELD_PATH,
		.help = "the server's configuration file, when this host holds it: a server "
			"that is "
			"down is fenced there" },
	{ .name = "heartbeat",
		.type = FIELD_STRING,
		.help = "key with the time in ms that somebody keeps fresh on the primary" },
	{ .name = "acked",
		.type = FIELD_PATH,
		.help = "log of a client that writes numbers to a list, for data.compare" },
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
#define KEEP_PARAM                                                                             \
	{                                                                                      \
		.name = "keep", .type = FIELD_BOOL, .fallback = "true",                        \
		.help = "write it to the server's configuration file, too, so that it "        \
			"survives a restart"                                                   \
	}
#define KEPT_RESULT                                                                            \
	{                                                                                      \
		.name = "kept", .type = FIELD_BOOL, .help = "it survives a restart"            \
	}
#define NODE_RESULTS                                                                           \
	{ .name = "role", .type = FIELD_STRING, .help = "primary, replica or down" },          \
		{ .name = "version", .type = FIELD_STRING, .help = "of the server" },          \
		{ .name = "run_id", .type = FIELD_STRING, .help = "of its process" },          \
		{ .name = "replication_id",                                                    \
			.type = FIELD_STRING,                                                  \
			.help = "the history it writes or follows" },                          \
		{ .name = "offset",                                                            \
			.type = FIELD_INT,                                                     \
			.unit = "bytes",                                                       \
			.help = "of that history: written, or applied" },                      \
		{ .name = "lag_bytes",                                                         \
			.type = FIELD_INT,                                                     \
			.unit = "bytes",                                                       \
			.help = "see basis" },                                                 \
		{ .name = "basis", .type = FIELD_STRING, .help = "what lag_bytes is" },        \
		{ .name = "fenced", .type = FIELD_BOOL, .help = "by failover.fence" },         \
		{ .name = "writable", .type = FIELD_BOOL, .help = "takes a write now" },       \
		{ .name = "loading", .type = FIELD_BOOL, .help = "is reading its data" },      \
		{ .name = "replicas",                                                          \
			.type = FIELD_ANY,                                                     \
			.help = "primary: address, state, lag_bytes, acknowledged_ms of "      \
				"each" },                                                      \
		{ .name = "primary",                                                           \
			.type = FIELD_STRING,                                                  \
			.help = "replica: whom it follows, HOST@PORT" },                       \
		{ .name = "link",                                                              \
			.type = FIELD_STRING,                                                  \
			.help = "replica: up, down, syncing" },                                \
		{ .name = "received_offset",                                                   \
			.type = FIELD_INT,                                                     \
			.unit = "bytes",                                                       \
			.help = "replica: received, perhaps not yet applied" },                \
		{ .name = "silent_ms",                                                         \
			.type = FIELD_INT,                                                     \
			.unit = "ms",                                                          \
			.help = "replica: since it last heard of its primary; whole "          \
				"seconds" },                                                   \
		{ .name = "heartbeat_at_ms",                                                   \
			.type = FIELD_INT,                                                     \
			.unit = "ms",                                                          \
			.help = "of the heartbeat key" },                                      \
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
		.fallback = "6379",
		.min = 1,
		.max = 65535,
		.help = "its port" },
	{ .name = "key_prefix",
		.type = FIELD_STRING,
		.fallback = "drillbook:canary",
		.help = "the marker is KEY_PREFIX:TARGET" },
	FIELD_END
};
static const struct field canary_results[] = {
	{ .name = "arrived_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "from its acknowledgement to its being readable" },
	{ .name = "basis", .type = FIELD_STRING, .help = "how it was measured" }, FIELD_END
};

static const struct field precheck_params[] = {
	{ .name = "max_lag_bytes",
		.type = FIELD_BYTES,
		.unit = "bytes",
		.fallback = "16MiB",
		.help = "most that may be received and not applied" },
	{ .name = "max_age",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.help = "most that the heartbeat may be old; without one, most that the "
			"replica "
			"may have heard nothing" },
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
		.fallback = "5s",
		.max = 3600000,
		.help = "how long to wait for the last bytes of a fenced primary" },
	KEEP_PARAM, FIELD_END
};
static const struct field promote_results[] = { TOOK_RESULT,
	{ .name = "offset",
		.type = FIELD_INT,
		.unit = "bytes",
		.help = "where the old history ends here" },
	{ .name = "replication_id", .type = FIELD_STRING, .help = "of the new history" },
	{ .name = "writable", .type = FIELD_BOOL, .help = "takes a write now" },
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time of the newest data that survived" },
	{ .name = "recovery_point_basis", .type = FIELD_STRING, .help = "how that is known" },
	KEPT_RESULT, UNKNOWN_RESULT, FIELD_END };

static const struct field switchover_params[] = {
	{ .name = "to",
		.type = FIELD_STRING,
		.help = "the replica, HOST@PORT as replication.status names it; default: the "
			"only one" },
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.min = 100,
		.max = 600000,
		.help = "how long writes may stand still while it catches up; then nothing has "
			"changed" },
	KEEP_PARAM, FIELD_END
};
static const struct field switchover_results[] = { TOOK_RESULT,
	{ .name = "primary", .type = FIELD_STRING, .help = "the new one, HOST@PORT" },
	{ .name = "offset", .type = FIELD_INT, .unit = "bytes", .help = "after it" },
	KEPT_RESULT, FIELD_END };

static const struct field fence_params[] = {
	{ .name = "mode",
		.type = FIELD_CHOICE,
		.choices = (const char *const[]){ "refuse", "shutdown", NULL },
		.fallback = "refuse",
		.help = "refuse: it answers and refuses every write; shutdown: it saves and "
			"ends, and is not started again by us" },
	KEEP_PARAM, FIELD_END
};
static const struct field fence_results[] = {
	{ .name = "level",
		.type = FIELD_STRING,
		.help = "soft (it refuses writes), hard (its process has ended), or down "
			"(nobody "
			"listens, and it comes back refusing writes)" },
	{ .name = "how", .type = FIELD_STRING, .help = "what was done" }, KEPT_RESULT,
	{ .name = "offset",
		.type = FIELD_INT,
		.unit = "bytes",
		.help = "soft: the last it wrote" },
	TOOK_RESULT, FIELD_END
};
static const struct field keep_params[] = { KEEP_PARAM, FIELD_END };
static const struct field kept_results[] = { KEPT_RESULT, FIELD_END };

static const struct field reverse_params[] = {
	{ .name = "source_host",
		.type = FIELD_STRING,
		.required = true,
		.help = "the new primary, as the server itself reaches it" },
	{ .name = "source_port",
		.type = FIELD_INT,
		.fallback = "6379",
		.min = 1,
		.max = 65535,
		.help = "its port" },
	KEEP_PARAM, FIELD_END
};
static const struct field reverse_results[] = {
	{ .name = "discarded_bytes",
		.type = FIELD_INT,
		.unit = "bytes",
		.help = "of its history that the new primary never had; unknown when they "
			"share "
			"none" },
	KEPT_RESULT, TOOK_RESULT, UNKNOWN_RESULT, FIELD_END
};

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
	{ .name = "role", .type = FIELD_STRING, .help = "primary or replica" },
	{ .name = "writable", .type = FIELD_BOOL, .help = "takes a write now" },
	{ .name = "version", .type = FIELD_STRING, .help = "of the server" },
	{ .name = "connect_us", .type = FIELD_INT, .unit = "us", .help = "time to connect" },
	{ .name = "latency_us", .type = FIELD_INT, .unit = "us", .help = "time of one PING" },
	FIELD_END
};

static const struct field get_params[] = { { .name = "key",
						   .type = FIELD_STRING,
						   .required = true,
						   .help = "a key with a string" },
	FIELD_END };
static const struct field get_results[] = {
	{ .name = "exists", .type = FIELD_BOOL, .help = "it is there" },
	{ .name = "value", .type = FIELD_STRING, .help = "its value, when it is there" },
	{ .name = "keys", .type = FIELD_INT, .help = "all keys of the database" }, FIELD_END
};
static const struct field compare_params[] = {
	{ .name = "list",
		.type = FIELD_STRING,
		.required = true,
		.help = "the list that holds the sequence numbers that survived" },
	{ .name = "acked",
		.type = FIELD_PATH,
		.help = "the client's log, lines \"epoch_ms seq ok|fail\"; default: setting "
			"acked" },
	{ .name = "after_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "only writes acknowledged after this wall time" },
	{ .name = "before_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "only writes acknowledged before this wall time" },
	FIELD_END
};
#define MIN_KEYS                                                                               \
	{                                                                                      \
		.name = "min_keys", .type = FIELD_INT, .fallback = "1", .min = 0,              \
		.max = INT64_MAX, .help = "fewer keys than that are an error"                  \
	}
static const struct field check_params[] = {
	{ .name = "from", .type = FIELD_PATH, .required = true, .help = "the backup" },
	MIN_KEYS, FIELD_END
};
static const struct field validate_params[] = {
	{ .name = "path",
		.type = FIELD_PATH,
		.required = true,
		.help = "the directory that holds dump.rdb" },
	MIN_KEYS, FIELD_END
};
static const struct field check_results[] = {
	{ .name = "ok", .type = FIELD_BOOL, .help = "whole, and not empty" },
	{ .name = "keys", .type = FIELD_INT, .help = "as redis-check-rdb counts them" },
	{ .name = "sha256", .type = FIELD_STRING, .help = "of the file" },
	{ .name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "its size" },
	{ .name = "files", .type = FIELD_INT, .help = "1" },
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time the data is of" },
	FIELD_END
};
static const struct field validate_results[] = {
	{ .name = "ok", .type = FIELD_BOOL, .help = "whole, and not empty" },
	{ .name = "keys", .type = FIELD_INT, .help = "as redis-check-rdb counts them" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "replication",
		.verb = "status",
		.effect = EFFECT_READ,
		.params = status_params,
		.results = status_results,
		.run = redis_status,
		.cancel_help = "at once",
		.timeout_ms = 15000,
		.help = "role, history and lag of one server, and how the lag was obtained" },
	{ .capability = "replication",
		.verb = "canary",
		.effect = EFFECT_CHANGE,
		.params = canary_params,
		.results = canary_results,
		.prepare = redis_canary_prepare,
		.run = redis_canary,
		.verify = redis_canary_verify,
		.cancel_help = "between polls; the marker key stays",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "write a marker on the primary and time its arrival" },
	{ .capability = "failover",
		.verb = "precheck",
		.effect = EFFECT_READ,
		.params = precheck_params,
		.results = precheck_results,
		.run = redis_precheck,
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
		.prepare = redis_promote_prepare,
		.run = redis_promote,
		.verify = redis_promote_verify,
		.cancel_help = "not once it was asked for",
		.timeout_ms = 60000,
		.help = "make this replica the primary (REPLICAOF NO ONE), when the old one is "
			"gone or fenced" },
	{ .capability = "failover",
		.verb = "switchover",
		.effect = EFFECT_COSTLY,
		.params = switchover_params,
		.results = switchover_results,
		.prepare = redis_switchover_prepare,
		.run = redis_switchover,
		.verify = redis_switchover_verify,
		.cancel_help = "between polls; the failover goes on",
		.timeout_ms = 60000,
		.help = "hand this primary's role to a replica that has everything (FAILOVER "
			"TO)" },
	{ .capability = "failover",
		.verb = "fence",
		.effect = EFFECT_COSTLY,
		.params = fence_params,
		.results = fence_results,
		.prepare = redis_fence_prepare,
		.run = redis_fence,
		.verify = redis_fence_verify,
		.undo = "failover.unfence",
		.cancel_help = "refuse: not once it was asked for; shutdown: it goes on",
		.idempotent = true,
		.timeout_ms = 60000,
		.help = "make sure that an old primary takes no writes" },
	{ .capability = "failover",
		.verb = "unfence",
		.effect = EFFECT_COSTLY,
		.params = keep_params,
		.results = kept_results,
		.prepare = redis_unfence_prepare,
		.run = redis_unfence,
		.verify = redis_unfence_verify,
		.undo = "failover.fence",
		.cancel_help = "not once it was asked for",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "take a fence away and put back what was set before" },
	{ .capability = "failover",
		.verb = "reverse",
		.effect = EFFECT_COSTLY,
		.params = reverse_params,
		.results = reverse_results,
		.prepare = redis_reverse_prepare,
		.run = redis_reverse,
		.verify = redis_reverse_verify,
		.cancel_help = "between polls; it goes on being filled",
		.idempotent = true,
		.timeout_ms = 3600000,
		.help = "make an old primary a replica of the new one; what only it had is "
			"thrown away" },
	{ .capability = "health",
		.verb = "probe",
		.effect = EFFECT_READ,
		.params = health_params,
		.results = health_results,
		.run = redis_health,
		.cancel_help = "at once",
		.timeout_ms = 10000,
		.help = "connect, ask, and time it" },
	{ .capability = "data",
		.verb = "get",
		.effect = EFFECT_READ,
		.params = get_params,
		.results = get_results,
		.run = redis_data_get,
		.cancel_help = "at once",
		.timeout_ms = 15000,
		.help = "read one key" },
	{ .capability = "data",
		.verb = "compare",
		.effect = EFFECT_READ,
		.params = compare_params,
		.results = data_compare_results,
		.run = redis_data_compare,
		.cancel_help = "at once",
		.timeout_ms = 300000,
		.help = "count a client's acknowledged writes that the database lost" },
	{ .capability = "backup",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = copies_backup_params,
		.results = copies_backup_results,
		.prepare = redis_backup_prepare,
		.run = redis_backup,
		.verify = redis_backup_verify,
		.cancel_help = "between polls; no backup is left",
		.timeout_ms = 3600000,
		.help = "let the server save (BGSAVE) and copy what it wrote" },
	{ .capability = "backup",
		.verb = "points",
		.effect = EFFECT_READ,
		.params = copies_points_params,
		.results = copies_points_results,
		.run = redis_backup_points,
		.timeout_ms = 60000,
		.help = "the backups in a directory, newest first" },
	{ .capability = "backup",
		.verb = "verify",
		.effect = EFFECT_READ,
		.params = check_params,
		.results = check_results,
		.run = redis_backup_check,
		.cancel_help = "at once",
		.timeout_ms = 3600000,
		.help = "compare a backup with its description and let redis-check-rdb read "
			"it" },
	{ .capability = "restore",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = copies_restore_params,
		.results = copies_restore_results,
		.prepare = redis_restore_prepare,
		.run = redis_restore,
		.verify = redis_restore_verify,
		.undo = "restore.cleanup",
		.cancel_help = "at once; nothing is left",
		.timeout_ms = 3600000,
		.help = "put a backup into a new directory, for a server with appendonly no" },
	{ .capability = "restore",
		.verb = "validate",
		.effect = EFFECT_READ,
		.params = validate_params,
		.results = validate_results,
		.run = redis_restore_validate,
		.cancel_help = "at once",
		.timeout_ms = 3600000,
		.help = "let redis-check-rdb read a restored directory" },
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

const struct provider redis_provider = {
	.name = "redis",
	.summary = "Redis 6.2 and later: replication, failover, fencing, backup, restore",
	.source = "https://redis.io/docs/ (7.0)",
	.settings = settings,
	.operations = operations,
	.probe = redis_doctor,
};
