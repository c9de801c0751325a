/* mariadb.h: between the mariadb_*.c files: a connection, what a server says of itself, and the
 * functions that the table in mariadb.c names. */
#ifndef PROVIDER_MARIADB_H
#define PROVIDER_MARIADB_H

#include "internal.h"

#include "gtid.h"
#include "net.h"
#include "statement.h"

#include <mysql.h>

/* ------------------------------------------------------------------ connection
 * (mariadb_conn.c) */

struct maria {
	MYSQL *conn;
	MYSQL_RES *rows; /* of the statement under way */
	struct call *call;
	const char
		*socket; /* a Unix socket in place of host and port; set before maria_connect */
	int64_t each_ms; /* the longest that one statement may take; 0 = what the call has left
			  */
	bool refused;	 /* why it could not be opened: nobody listens there */
	bool finish; /* a stop must not leave a statement in flight: only the deadline does */
	bool broken; /* a statement was left in flight: nothing more can be asked */
	bool cut;    /* its rows are not wanted any more: neither */
};

/* The server of the target, or another one with the same credentials.  UNREACHABLE TIMEOUT
 * AUTH; err->world is UNCHANGED. */
enum err_code maria_open(struct maria *m, struct call *call, const struct net_endpoint *other,
	struct err *err) MUST_CHECK;
/* A server on a Unix socket of this host that asks for no password. */
enum err_code maria_open_socket(
	struct maria *m, struct call *call, const char *path, struct err *err) MUST_CHECK;
void maria_close(struct maria *m);

/* One statement whose rows come one by one from maria_next.  An error of the server leaves the
 * world unchanged; without any answer it is unknown. */
enum err_code maria_start(struct maria *m, const char *sql, struct err *err) MUST_CHECK;
/* *row NULL at the end; its cells are borrowed until the next call. */
enum err_code maria_next(struct maria *m, MYSQL_ROW *row, struct err *err) MUST_CHECK;
void maria_end(struct maria *m); /* forgets the rows that were not read */
/* A cell of the current row: whole numbers as such, everything else as text, NULL as null.
 * Owned. */
json_t *maria_cell(const struct maria *m, MYSQL_ROW row, unsigned column);
unsigned maria_columns(const struct maria *m);
const char *maria_column(const struct maria *m, unsigned column);

enum err_code maria_exec(struct maria *m, const char *sql, struct err *err) MUST_CHECK;
/* The first row as members of into; *found (may be NULL: then no row is NOT_FOUND). */
enum err_code maria_row(struct maria *m, const char *sql, json_t *into, bool *found,
	struct err *err) MUST_CHECK;
/* Text as a literal in quotes; owned. */
char *maria_quote(struct maria *m, const char *text);
/* Starts a declared statement with its values: EXECUTE IMMEDIATE … USING …; ? is a parameter.
 */
enum err_code maria_start_declared(struct maria *m, const char *sql, const struct statement *s,
	struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ a server (mariadb_node.c)
 */

struct maria_node {
	char version[64], identity[300]; /* identity: of the server, not of its data */
	bool read_only, replica;
	char current_pos[2048], binlog_pos[2048], binlog_state[4096];
	bool binlog, log_updates;
	/* replica */
	struct net_endpoint primary_at;
	bool io_running, sql_running, uses_gtid;
	char io_pos[2048], applied_pos[2048], io_state[24], last_error[300];
	int64_t seconds_behind; /* -1 = NULL: unknown */
};
enum err_code maria_look(struct maria *m, struct maria_node *out, struct err *err) MUST_CHECK;
enum err_code maria_look_at(struct call *call, const struct net_endpoint *other,
	int64_t each_ms, struct maria_node *out, struct err *err) MUST_CHECK;
/* The members of replication.status. */
void maria_node_json(const struct maria_node *node, json_t *into);
/* Received and not applied, in transactions; -1 when not known. */
int64_t maria_behind(const struct maria_node *node);
/* heartbeat_at_ms and heartbeat_age_ms from the table of setting heartbeat; null when unknown.
 */
enum err_code maria_heartbeat(struct maria *m, json_t *into, struct err *err) MUST_CHECK;
/* A table or schema name from the workspace: plain, because it goes into SQL. */
enum err_code maria_check_name(const char *what, const char *name, struct err *err) MUST_CHECK;
/* Null members leave the object and are named in its "unknown". */
void maria_name_unknown(json_t *result);

/* Makes it read-only.  That waits for transactions that are just being committed; who holds it
 * up for longer than a second is disconnected. */
enum err_code maria_set_read_only(struct maria *m, bool on, struct err *err) MUST_CHECK;
/* Setting fence_file: makes a restarted server read-only, too.  *kept: it stands (or is gone).
 */
enum err_code maria_keep_read_only(
	struct call *call, bool on, bool *kept, struct err *err) MUST_CHECK;

/* What another server is now: the old primary of a replica that is to be promoted. */
enum maria_old_state { OLD_GONE, OLD_SILENT, OLD_NO_PRIMARY, OLD_FENCED, OLD_WRITES };
struct maria_old {
	struct net_endpoint at;
	enum maria_old_state state;
	struct maria_node node; /* when it answered */
	char said[300];
};
const char *maria_old_name(enum maria_old_state state);
enum err_code maria_ask_old(
	struct call *call, struct maria_old *old, struct err *err) MUST_CHECK;
/* Follows source by GTID from its own current position, and starts; setting replication_user.
 */
enum err_code maria_follow(struct maria *m, const struct net_endpoint *source, const char *from,
	struct err *err) MUST_CHECK;
/* Until it follows that server and has applied position wanted. */
enum err_code maria_wait_following(struct maria *m, const struct net_endpoint *source,
	const char *wanted, struct err *err) MUST_CHECK;
/* Stops receiving, waits until everything received is applied, forgets its primary and takes
 * writes. */
enum err_code maria_take_over(struct maria *m, struct err *err) MUST_CHECK;
/* Waits up to wait_ms until it has applied position wanted; *there: it has. */
enum err_code maria_wait_position(struct maria *m, const char *wanted, int64_t wait_ms,
	bool *there, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ operations */

#define PREPARE(name) enum err_code name(struct call *call, json_t *before, struct err *err)
#define RUN(name) enum err_code name(struct call *call, json_t *result, struct err *err)
#define VERIFY(name)                                                                           \
	enum err_code name(                                                                    \
		struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)

RUN(mariadb_status);
RUN(mariadb_precheck);
RUN(mariadb_health);
RUN(mariadb_doctor);
PREPARE(mariadb_canary_prepare);
RUN(mariadb_canary);
VERIFY(mariadb_canary_verify);

PREPARE(mariadb_promote_prepare);
RUN(mariadb_promote);
VERIFY(mariadb_promote_verify);
PREPARE(mariadb_switchover_prepare);
RUN(mariadb_switchover);
VERIFY(mariadb_switchover_verify);
PREPARE(mariadb_fence_prepare);
RUN(mariadb_fence);
VERIFY(mariadb_fence_verify);
PREPARE(mariadb_unfence_prepare);
RUN(mariadb_unfence);
VERIFY(mariadb_unfence_verify);
PREPARE(mariadb_reverse_prepare);
RUN(mariadb_reverse);
VERIFY(mariadb_reverse_verify);

RUN(mariadb_query);
PREPARE(mariadb_write_prepare);
RUN(mariadb_write);
VERIFY(mariadb_write_verify);
RUN(mariadb_compare);

PREPARE(mariadb_backup_prepare);
RUN(mariadb_backup);
RUN(mariadb_points);
RUN(mariadb_restore);
RUN(mariadb_restore_validate);

#endif
