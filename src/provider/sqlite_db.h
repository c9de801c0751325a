/* sqlite_db.h: between the sqlite_*.c files: an open database, its role row, whole-file copies.
 */
#ifndef PROVIDER_SQLITE_DB_H
#define PROVIDER_SQLITE_DB_H

#include "statement.h"

#include <sqlite3.h>

/* An open database.  Every statement on it ends at the call's deadline or at a stop. */
struct lite {
	sqlite3 *db;
	struct call *call;
	const char *path; /* borrowed */
};

enum lite_flags {
	LITE_WRITE = 1, /* synchronous = FULL: what was committed is on disk */
	LITE_CREATE =
		2, /* makes the file; journal in memory: for copies that are not yet anything */
	LITE_BACKUP = 4, /* a file nobody writes: no -wal or -shm appears beside it */
};

/* UNREACHABLE when there is no such file; REFUSED when it is no database. */
enum err_code lite_open(struct lite *lite, struct call *call, const char *path, int flags,
	struct err *err) MUST_CHECK;
void lite_close(struct lite *lite);
/* err from the connection's last error.  Returns its code. */
enum err_code lite_failed(const struct lite *lite, struct err *err);
enum err_code lite_exec(const struct lite *lite, const char *sql, struct err *err) MUST_CHECK;
/* The first cell of the first row; JSON null when there is none.  Owned. */
enum err_code lite_value(
	const struct lite *lite, const char *sql, json_t **out, struct err *err) MUST_CHECK;
/* Binds statement values to $1, ?1 and ? alike. */
enum err_code lite_prepare(const struct lite *lite, const char *sql,
	const struct statement *values, sqlite3_stmt **out, struct err *err) MUST_CHECK;
/* Integers as such, fractions as text, blobs as base64.  Owned. */
json_t *lite_cell(sqlite3_stmt *stmt, int column);
bool lite_has_table(const struct lite *lite, const char *table);
/* A table name from the workspace: plain, because it goes into SQL. */
enum err_code lite_check_name(const char *what, const char *name, struct err *err) MUST_CHECK;

/* Row 1 of drillbook_role(one, role, epoch): who may write.  Writers look at it in their
 * transaction. */
struct role {
	char name[16]; /* "primary" "standby" "fenced" "restored"; "" = the table is not there
			*/
	int64_t epoch;
};
enum err_code role_read(const struct lite *lite, struct role *out, struct err *err) MUST_CHECK;
/* In one transaction: refuses (CONFLICT) unless the row still is `from`. */
enum err_code role_change(const struct lite *lite, const struct role *from,
	const struct role *to, struct err *err) MUST_CHECK;
/* Sets it whatever it is; for copies that nobody uses yet. */
enum err_code role_put(
	const struct lite *lite, const struct role *to, struct err *err) MUST_CHECK;

/* heartbeat_age_ms and heartbeat_at_ms from the table of setting heartbeat; null when unknown.
 */
enum err_code heartbeat_read(const struct lite *lite, json_t *into, struct err *err) MUST_CHECK;
/* Null members leave the object and are named in its "unknown". */
void lite_name_unknown(json_t *result);

/* Copies the whole database into an open one by SQLite's online backup: one transaction there.
 */
enum err_code lite_copy(
	const struct lite *from, const struct lite *to, struct err *err) MUST_CHECK;
/* A new file, complete and on disk, under a name ending in .part; *part is owned. */
enum err_code part_make(struct call *call, const char *from, int from_flags, const char *to,
	char **part, struct err *err) MUST_CHECK;
/* Gives a part its name; CONFLICT when there is something of that name. */
enum err_code part_place(const char *part, const char *to, struct err *err) MUST_CHECK;
/* "ok", or the first things PRAGMA integrity_check finds. */
enum err_code lite_integrity(const struct lite *lite, bool *good, char *said, size_t size,
	struct err *err) MUST_CHECK;
enum err_code file_digest(
	struct call *call, const char *path, json_t *into, struct err *err) MUST_CHECK;

#define PREPARE(name) enum err_code name(struct call *call, json_t *before, struct err *err)
#define RUN(name) enum err_code name(struct call *call, json_t *result, struct err *err)
#define VERIFY(name)                                                                           \
	enum err_code name(                                                                    \
		struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)

RUN(sqlite_status);
RUN(sqlite_precheck);
RUN(sqlite_health);
RUN(sqlite_probe);
PREPARE(sqlite_promote_prepare);
RUN(sqlite_promote);
VERIFY(sqlite_promote_verify);
PREPARE(sqlite_fence_prepare);
RUN(sqlite_fence);
VERIFY(sqlite_fence_verify);
PREPARE(sqlite_unfence_prepare);
RUN(sqlite_unfence);
VERIFY(sqlite_unfence_verify);
PREPARE(sqlite_reverse_prepare);
RUN(sqlite_reverse);
VERIFY(sqlite_reverse_verify);
PREPARE(sqlite_backup_prepare);
RUN(sqlite_backup);
VERIFY(sqlite_backup_verify);
RUN(sqlite_backup_check);
PREPARE(sqlite_restore_prepare);
RUN(sqlite_restore);
VERIFY(sqlite_restore_verify);
RUN(sqlite_restore_validate);
RUN(sqlite_query);
RUN(sqlite_compare);
PREPARE(sqlite_write_prepare);
RUN(sqlite_write);
VERIFY(sqlite_write_verify);

#endif
