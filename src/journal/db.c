/* db.c: SQLite behind our own errors. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What an operator can do about it; anything else is told in SQLite's own words. */
static const struct {
	int code;
	const char *words;
} reasons[] = {
	{ SQLITE_FULL,
		"no space left on the device; free some, what was recorded before is safe" },
	{ SQLITE_READONLY, "the file or its directory is read-only" },
	{ SQLITE_PERM, "not allowed; check who owns the data directory" },
	{ SQLITE_CANTOPEN,
		"cannot be opened; check that the directory exists and who owns it" },
	{ SQLITE_NOTADB, "not a drillbook journal" },
	{ SQLITE_CORRUPT, "the file is damaged; keep a copy and run drillbook verify" },
	{ SQLITE_BUSY, "another process is writing to it" },
};

enum err_code db_error(sqlite3 *db, struct err *err, const char *fmt, ...)
{
	char doing[256];
	va_list args;
	const int extended = sqlite3_extended_errcode(db);
	int code = extended & 0xff;
	const char *words = sqlite3_errmsg(db);

	if (code == SQLITE_IOERR && sqlite3_system_errno(db) == ENOSPC)
		code = SQLITE_FULL;
	va_start(args, fmt);
	vsnprintf(doing, sizeof(doing), fmt, args);
	va_end(args);
	for (size_t i = 0; i < COUNT_OF(reasons); i++)
		if (reasons[i].code == code)
			words = reasons[i].words;
	const char *path = sqlite3_db_filename(db, "main");
	return err_set(err, ERR_JOURNAL, "cannot %s the journal \"%s\": %s (SQLite %d)", doing,
		path != NULL ? path : "", words, extended);
}

enum err_code db_exec(sqlite3 *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(db, err, "use");
	return ERR_NONE;
}

enum err_code db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct err *err)
{
	if (sqlite3_prepare_v3(db, sql, -1, 0, out, NULL) != SQLITE_OK)
		return db_error(db, err, "read");
	return ERR_NONE;
}

static const char *const texts[ST_COUNT] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_EPOCH] = "SELECT epoch FROM epoch WHERE id = 1",
	[ST_INSERT] = "INSERT INTO event(id, header, payload, payload_sha, hash) VALUES(?1, "
		      "?2, ?3, ?4, ?5)",
	[ST_TAIL] = "SELECT id, hash FROM event WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC "
		    "LIMIT 1",
	[ST_KEEP] =
		"INSERT INTO content(sha, bytes) VALUES(?1, ?2)"
		" ON CONFLICT(sha) DO UPDATE SET bytes = excluded.bytes WHERE bytes IS NULL",
	[ST_PERSON] = "INSERT INTO person(digest, salt, uid, name) VALUES(?1, ?2, ?3, ?4)",
	[ST_RUN] = "INSERT OR REPLACE INTO run VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
		   "?11, ?12,"
		   " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
	[ST_SERVICE] = "INSERT OR REPLACE INTO service VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
		       "?9, ?10, ?11,"
		       " ?12, ?13, ?14, ?15, ?16, ?17)",
	[ST_STEP] = "INSERT OR REPLACE INTO step VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[ST_OPERATION] = "INSERT OR REPLACE INTO operation VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, "
			 "?8, ?9, ?10,"
			 " ?11, ?12)",
	[ST_PACE_GET] =
		"SELECT recent FROM pace WHERE runbook = ?1 AND mode = ?2 AND step = ?3",
	[ST_PACE_PUT] = "INSERT OR REPLACE INTO pace VALUES(?1, ?2, ?3, ?4)",
	[ST_PACE_DROP] = "DELETE FROM pace WHERE runbook = ?1 AND mode = ?2 AND step = ?3",
};

enum err_code db_statement(
	struct journal *journal, enum statement which, sqlite3_stmt **out, struct err *err)
{
	sqlite3_stmt **kept = &journal->statements[which];

	if (*kept == NULL && sqlite3_prepare_v3(journal->db, texts[which], -1,
				     SQLITE_PREPARE_PERSISTENT, kept, NULL) != SQLITE_OK)
		return db_error(journal->db, err, "use");
	*out = *kept;
	return ERR_NONE;
}

enum err_code db_run(sqlite3 *db, sqlite3_stmt *statement, struct err *err)
{
	int code = sqlite3_step(statement);
	enum err_code result = ERR_NONE;

	if (code != SQLITE_DONE && code != SQLITE_ROW)
		result = db_error(db, err, "write");
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement); /* what was bound is often not ours to keep */
	return result;
}

void db_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

void db_bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t len)
{
	/* a NULL pointer would bind SQL NULL, which means "erased" */
	sqlite3_bind_blob64(statement, at, bytes != NULL ? bytes : "", len, SQLITE_STATIC);
}

void db_bind_int_or_null(sqlite3_stmt *statement, int at, int64_t value, int64_t absent)
{
	if (value == absent)
		sqlite3_bind_null(statement, at);
	else
		sqlite3_bind_int64(statement, at, value);
}

enum err_code db_int(sqlite3 *db, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *statement;
	enum err_code code = ERR_NONE;

	TRY(db_prepare(db, sql, &statement, err));
	const int step = sqlite3_step(statement);
	if (step == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	else
		code = step == SQLITE_DONE
			       ? err_set(err, ERR_NOT_FOUND, "the journal has no such row")
			       : db_error(db, err, "read");
	sqlite3_finalize(statement);
	return code;
}

bool db_sha(sqlite3_stmt *statement, int column, struct sha256 *out)
{
	const void *bytes = sqlite3_column_blob(statement, column);

	if (bytes == NULL || sqlite3_column_bytes(statement, column) != SHA256_BYTES)
		return false;
	memcpy(out->b, bytes, SHA256_BYTES);
	return true;
}
