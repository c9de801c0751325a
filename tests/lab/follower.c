/* follower.c: ships orders from one site's SQLite database to the other's.
 *
 *   follower FROM TO [EVERY_MS]
 *
 * Every round (default 100 ms) the rows that TO does not have yet and the heartbeat are copied in one
 * transaction.  Who may copy is decided inside it, by the role rows: TO must be a standby, FROM its primary
 * (or just fenced) of the same epoch.  So a promotion ends the copying at once, and an old primary that
 * comes back ships nothing.  Both files are opened anew each round: either may be replaced at any time.
 * What was committed at FROM since the last round is what a disaster loses. */
#define _GNU_SOURCE
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static bool run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool may_copy(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	bool may = false;

	if (sqlite3_prepare_v2(db,
		    "select 1 from main.drillbook_role t, source.drillbook_role f where t.role = 'standby'"
		    " and f.role in ('primary', 'fenced') and f.epoch = t.epoch",
		    -1, &stmt, NULL) == SQLITE_OK)
		may = sqlite3_step(stmt) == SQLITE_ROW;
	sqlite3_finalize(stmt);
	return may;
}

static bool attach(sqlite3 *db, const char *from)
{
	sqlite3_stmt *stmt;
	char uri[4200];

	snprintf(uri, sizeof uri, "file:%s?mode=ro", from); /* the lab's paths need no escaping */
	if (sqlite3_prepare_v2(db, "attach ?1 as source", -1, &stmt, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_text(stmt, 1, uri, -1, SQLITE_STATIC);
	bool ok = sqlite3_step(stmt) == SQLITE_DONE;
	sqlite3_finalize(stmt);
	return ok;
}

/* False when nothing was copied; the next round tries again. */
static bool copy(const char *from, const char *to)
{
	sqlite3 *db = NULL;
	bool done = false;

	if (sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, NULL) == SQLITE_OK &&
	    sqlite3_busy_timeout(db, 200) == SQLITE_OK && attach(db, from) && run(db, "begin immediate")) {
		done = may_copy(db) &&
		       run(db, "insert into main.orders select * from source.orders"
			       " where id > (select coalesce(max(id), 0) from main.orders)") &&
		       run(db, "update main.heartbeat set at_ms = (select at_ms from source.heartbeat)") &&
		       run(db, "commit");
	}
	sqlite3_close(db); /* rolls back what was not committed */
	return done;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	long every_ms = argc > 3 ? atol(argv[3]) : 100;
	bool copying = false;

	if (argc < 3 || every_ms < 1) {
		fprintf(stderr, "usage: follower FROM TO [EVERY_MS]\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	while (!stopped) {
		struct timespec pause = { .tv_sec = every_ms / 1000, .tv_nsec = every_ms % 1000 * 1000000 };
		bool now = copy(argv[1], argv[2]);

		if (now != copying)
			printf("%s -> %s: %s\n", argv[1], argv[2], now ? "copying" : "not copying");
		fflush(stdout);
		copying = now;
		nanosleep(&pause, NULL);
	}
	return 0;
}
