/* witness_sqlite.c: the witness's SQLite.  The clients' address is a symbolic link to the database that
 * takes orders; when it is turned to another one the witness follows it, as a client with a name would. */
#define _GNU_SOURCE
#include "witness.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sqlite3 *db;
static sqlite3_stmt *place_stmt, *beat_stmt;
static char address[PATH_MAX], opened[PATH_MAX];

static void sqlite_close(void)
{
	sqlite3_finalize(place_stmt);
	sqlite3_finalize(beat_stmt);
	sqlite3_close(db);
	place_stmt = beat_stmt = NULL;
	db = NULL;
}

static bool target_is(const char *path)
{
	char now[PATH_MAX];

	return realpath(address, now) && !strcmp(now, path);
}

static bool sqlite_open(const char *where)
{
	snprintf(address, sizeof address, "%s", where);
	return realpath(address, opened) &&
	       sqlite3_open_v2(opened, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	       sqlite3_busy_timeout(db, 500) == SQLITE_OK &&
	       sqlite3_exec(db, "pragma synchronous = full", NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_prepare_v2(db,
		       "insert into orders(seq, note) select ?1, 'witness' from drillbook_role where role = 'primary'",
		       -1, &place_stmt, NULL) == SQLITE_OK &&
	       sqlite3_prepare_v2(db, "update heartbeat set at_ms = "
		       "cast((julianday('now') - 2440587.5) * 86400000 as integer)", -1, &beat_stmt, NULL) == SQLITE_OK;
}

static bool sqlite_place(int64_t seq)
{
	if (!target_is(opened))
		return false;
	sqlite3_bind_int64(place_stmt, 1, seq);
	int status = sqlite3_step(place_stmt);
	/* no row: it is fenced.  And one that the address no longer leads to promises nothing. */
	return sqlite3_reset(place_stmt) == SQLITE_OK && status == SQLITE_DONE && sqlite3_changes(db) == 1 &&
	       target_is(opened);
}

static bool sqlite_beat(void)
{
	int status = sqlite3_step(beat_stmt);

	return sqlite3_reset(beat_stmt) == SQLITE_OK && status == SQLITE_DONE;
}

const struct backend witness_sqlite = {
	.name = "sqlite",
	.open = sqlite_open,
	.place = sqlite_place,
	.beat = sqlite_beat,
	.close = sqlite_close,
};
