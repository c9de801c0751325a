/* postgres.h: between the postgres_*.c files: a connection, a node's data directory, and the functions that
 * the table in postgres.c names. */
#ifndef PROVIDER_POSTGRES_H
#define PROVIDER_POSTGRES_H

#include "internal.h"
#include "tool.h"

#include <libpq-fe.h>

/* ------------------------------------------------------------------ connection (postgres_conn.c) */

/* Where to, when it is not the target itself; NULL members and port 0 mean as the target's. */
struct pg_endpoint {
	const char *host, *user, *database;
	int64_t port;
};

struct pg {
	PGconn *conn;
	struct call *call;
	bool finish; /* a stop must not leave a statement in flight: only the deadline does */
};

/* Every wait ends at the call's deadline or, unless pg->finish, at a stop.  UNREACHABLE AUTH TIMEOUT. */
enum err_code pg_open(struct pg *pg, struct call *call, const struct pg_endpoint *other,
	struct err *err) MUST_CHECK;
void pg_close(struct pg *pg);
/* One statement; *out is the caller's to PQclear and may be NULL when no rows are wanted. */
enum err_code pg_run(struct pg *pg, const char *sql, int count, const char *const *values,
	PGresult **out, struct err *err) MUST_CHECK;
enum err_code pg_exec(struct pg *pg, const char *sql, struct err *err) MUST_CHECK;
/* Exactly one row, as members of into; NULL becomes JSON null. */
enum err_code pg_row(struct pg *pg, const char *sql, int count, const char *const *values,
	json_t *into, struct err *err) MUST_CHECK;
/* At most 1000 rows, each an object; a member that is NULL is absent. */
enum err_code pg_rows(struct pg *pg, const char *sql, json_t **out, struct err *err) MUST_CHECK;
/* Starts a statement whose rows come one by one from pg_next_row: *out NULL at the end. */
enum err_code pg_stream(struct pg *pg, const char *sql, int count, const char *const *values,
	struct err *err) MUST_CHECK;
enum err_code pg_next_row(struct pg *pg, PGresult **out, struct err *err) MUST_CHECK;
/* Integers and booleans as such, everything else as text, NULL as null.  Owned. */
json_t *pg_cell(const PGresult *res, int row, int column);
/* Members that are null leave the object and are named in its "unknown". */
void pg_name_unknown(json_t *result);
/* host, port and user of the source parameters of reverse, rejoin and canary. */
struct pg_endpoint pg_endpoint_of(const struct call *call, const char *host, const char *port,
	const char *user);

/* A table's name from the workspace goes into SQL: only plain ones, with or without a schema. */
bool pg_is_plain_name(const char *name);
/* "0/3000060" and back; false when malformed. */
bool lsn_parse(const char *text, uint64_t *out);
char *lsn_format(uint64_t lsn, char out[32]);

/* What a standby has received.  When it was restarted and its primary writes nothing,
 * pg_last_wal_receive_lsn() stays at the start of the segment although all of it has come: what
 * had been replayed before is not flushed again.  Then the receiver's own view is asked. */
#define PG_RECEIVED                                                                            \
	"case when pg_last_wal_receive_lsn() >= pg_last_wal_replay_lsn()"                      \
	" then pg_last_wal_receive_lsn()"                                                      \
	" else (select written_lsn from pg_stat_wal_receiver) end"

/* What a node says of itself: in_recovery, timeline, system_id, receive_lsn, replay_lsn, lsn, receiver. */
enum err_code pg_identity(struct pg *pg, json_t *into, struct err *err) MUST_CHECK;

/* pg_promote with parameter wait, then our own look until it takes writes: took_ms, timeline, recovery_point_ms, …
 * (postgres_promote.c).  Asked once, a stop does not end it. */
enum err_code pg_become_primary(struct pg *pg, bool with_checkpoint, json_t *result, struct err *err)
	MUST_CHECK;

/* ------------------------------------------------------------------ programs (postgres_tool.c) */

enum { PG_VERSION_MAX = 16 };
/* Of a data directory or a base backup: "15"; "" when it has no PG_VERSION. */
void pg_version_of(const char *dir, char out[PG_VERSION_MAX]);
/* tool_run of one of PostgreSQL's programs (tool->argv[0] is its name) of that version, with the target's
 * password where libpq finds it; the status is the caller's to read.  tool->argv, keep, quiet (stdout is
 * not logged), timeout_ms and cwd are the caller's to fill. */
enum err_code pg_tool(struct call *call, const char *version, struct tool *tool, struct err *err)
	MUST_CHECK;

/* ERR_FAILED with the program's own reason, of one that ended with a status. */
enum err_code pg_tool_failed(const struct tool *tool, struct err *err);

/* ------------------------------------------------------------------ node (postgres_node.c) */

enum { PG_PATH_MAX = 4096 };

/* The data directory this host holds for the target. */
struct node {
	struct call *call;
	const char *data_dir;
};

/* ERR_UNSUPPORTED when the target has no data_dir; ERR_NOT_FOUND when that is no data directory. */
enum err_code node_open(struct node *node, struct call *call, struct err *err) MUST_CHECK;
/* The live postmaster's pid, 0 when none; zombies are dead.  start_time (may be NULL) is from postmaster.pid. */
pid_t node_postmaster(const struct node *node, int64_t *start_time);
/* Processes of PostgreSQL that work in the data directory, zombies not counted. */
size_t node_processes(const struct node *node, pid_t *out, size_t max);
/* Ends the postmaster by sig (SIGINT fast, SIGQUIT immediate) and waits for all its processes to be gone; what
 * is still there after grace_ms gets SIGKILL (0 = never). */
enum err_code node_stop(const struct node *node, int sig, int64_t grace_ms, struct err *err) MUST_CHECK;
/* Ends everything that works in the data directory within 10 s, whatever the call's deadline or a stop says:
 * for a server of our own that must not be left behind. */
enum err_code node_kill(const struct node *node, struct err *err) MUST_CHECK;
/* Where the postmaster that wrote postmaster.pid has its socket; false when there is no such file. */
bool node_socket_dir(const struct node *node, char *out, size_t size);
/* Clears dead lock files, starts by the target's start_command or pg_ctl, waits until it answers. */
enum err_code node_start(const struct node *node, struct err *err) MUST_CHECK;
/* Removes lock files that PostgreSQL would take for a living owner's although no process works here: the pid in
 * them is a zombie or somebody else's by now.  CONFLICT when a postmaster lives. */
enum err_code node_clear_locks(const struct node *node, struct err *err) MUST_CHECK;
/* Where the WAL of a node that was shut down cleanly ends: until_lsn, state, timeline, system_id; FAILED when it was
 * not (postgres_service.c). */
enum err_code node_ended(const struct node *node, json_t *into, struct err *err) MUST_CHECK;
/* From pg_controldata: state, system_id, checkpoint (LSN), checkpoint_ms (wall time of it), timeline,
 * hints (bool: pg_rewind is possible), segment_bytes, checksums ("0" = off), and as text the settings that a
 * standby must not have less of (max_connections …). */
enum err_code node_control(const struct node *node, json_t *into, struct err *err) MUST_CHECK;
/* Runs one of PostgreSQL's programs; its output goes to the step's output.  *out (may be NULL) gets
 * stdout instead. */
enum err_code node_tool(const struct node *node, const char *const *argv, int64_t timeout_ms, char **out,
	struct err *err) MUST_CHECK;
char *node_path(const struct node *node, const char *name);
bool node_has(const struct node *node, const char *name);
enum err_code node_write(const struct node *node, const char *name, const char *text, struct err *err)
	MUST_CHECK;
/* Owned; "" when the file is not there. */
enum err_code node_read(const struct node *node, const char *name, char **out, struct err *err) MUST_CHECK;
enum err_code node_remove(const struct node *node, const char *name, struct err *err) MUST_CHECK;
/* Sets (value) or removes (NULL) one setting in postgresql.auto.conf, which is read last. */
enum err_code node_set(const struct node *node, const char *name, const char *value, struct err *err)
	MUST_CHECK;
/* The fence marker: {"state": "fencing" | "fenced", "key", "standby_signal": bool, "auto_conf": text};
 * NULL when there is none.  Owned. */
json_t *node_marker(const struct node *node);
enum err_code node_put_marker(const struct node *node, const json_t *marker, struct err *err) MUST_CHECK;
#define NODE_MARKER "drillbook.fenced"
#define NODE_KEPT ".drillbook"
/* The directory beside the data directory that holds what a rewind would overwrite. Owned. */
char *node_beside(const struct node *node, const char *suffix);

/* One row of a doctor's report or a precheck: {"name", "ok", "detail"}. */
void pg_check_row(json_t *checks, const char *name, bool ok, const char *fmt, ...) PRINTF(4, 5);

/* ------------------------------------------------------------------ operations */

#define PREPARE(name) enum err_code name(struct call *call, json_t *before, struct err *err)
#define RUN(name) enum err_code name(struct call *call, json_t *result, struct err *err)
#define VERIFY(name) enum err_code name(struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)

RUN(postgres_status);
RUN(postgres_precheck);
RUN(postgres_health);
RUN(postgres_probe);
PREPARE(postgres_canary_prepare);
RUN(postgres_canary);
VERIFY(postgres_canary_verify);

PREPARE(postgres_promote_prepare);
RUN(postgres_promote);
VERIFY(postgres_promote_verify);
PREPARE(postgres_switchover_prepare);
RUN(postgres_switchover);
VERIFY(postgres_switchover_verify);
PREPARE(postgres_fence_prepare);
RUN(postgres_fence);
VERIFY(postgres_fence_verify);
PREPARE(postgres_unfence_prepare);
RUN(postgres_unfence);
VERIFY(postgres_unfence_verify);

PREPARE(postgres_stop_prepare);
RUN(postgres_stop);
VERIFY(postgres_stop_verify);
PREPARE(postgres_start_prepare);
RUN(postgres_start);
VERIFY(postgres_start_verify);

PREPARE(postgres_reverse_prepare);
RUN(postgres_reverse);
VERIFY(postgres_reverse_verify);

RUN(postgres_points);
RUN(postgres_backup_check);
PREPARE(postgres_backup_prepare);
RUN(postgres_backup);
VERIFY(postgres_backup_verify);
PREPARE(postgres_archive_prepare);
RUN(postgres_archive);
VERIFY(postgres_archive_verify);
PREPARE(postgres_restore_prepare);
RUN(postgres_restore);

RUN(postgres_query);
PREPARE(postgres_write_prepare);
RUN(postgres_write);
VERIFY(postgres_write_verify);
RUN(postgres_compare);

#endif
