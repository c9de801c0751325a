/* witness_postgres.c: the witness's PostgreSQL.  Everything is asynchronous underneath, because a host
 * that has gone silent would otherwise hold a call for minutes. */
#define _GNU_SOURCE
#include "witness.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

enum { CONNECT_MS = 500, ANSWER_MS = 1000 };

static PGconn *conn;

static bool wait_socket(short events, int64_t until_ms)
{
	struct pollfd fd = { .fd = PQsocket(conn), .events = events };
	int64_t left = until_ms - witness_now_ms();

	return fd.fd >= 0 && left > 0 && poll(&fd, 1, (int)left) > 0;
}

static void postgres_close(void)
{
	PQfinish(conn);
	conn = NULL;
}

/* The answer to what was sent, within ANSWER_MS; false also for an error answer. */
static bool answer(void)
{
	int64_t until = witness_now_ms() + ANSWER_MS;
	bool ok = true;

	for (;;) {
		while (PQflush(conn) == 1)
			if (!wait_socket(POLLIN | POLLOUT, until) || !PQconsumeInput(conn))
				return false;
		while (PQisBusy(conn))
			if (!wait_socket(POLLIN, until) || !PQconsumeInput(conn))
				return false;
		PGresult *result = PQgetResult(conn);
		if (!result)
			return ok && PQstatus(conn) == CONNECTION_OK;
		ok = ok && PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	}
}

/* What the server says on its way down belongs to nobody: the log holds orders only. */
static void no_notice(void *arg, const char *text)
{
	(void)arg, (void)text;
}

static bool postgres_open(const char *where)
{
	int64_t until = witness_now_ms() + CONNECT_MS;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	conn = PQconnectStart(where);
	if (!conn)
		return false;
	PQsetNoticeProcessor(conn, no_notice, NULL);
	while (state != PGRES_POLLING_OK) {
		if (PQstatus(conn) == CONNECTION_BAD || state == PGRES_POLLING_FAILED ||
		    !wait_socket(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until))
			return false;
		state = PQconnectPoll(conn);
	}
	return PQsetnonblocking(conn, 1) == 0 &&
	       PQsendPrepare(conn, "place", "insert into orders(seq, note) values ($1, 'witness')", 1, NULL) &&
	       answer();
}

static bool postgres_place(int64_t seq)
{
	char text[24];
	const char *values[] = { text };

	snprintf(text, sizeof text, "%lld", (long long)seq);
	return PQsendQueryPrepared(conn, "place", 1, values, NULL, NULL, 0) && answer();
}

static bool postgres_beat(void)
{
	return PQsendQueryParams(conn, "update heartbeat set at = clock_timestamp()", 0, NULL, NULL, NULL,
		       NULL, 0) && answer();
}

const struct backend witness_postgres = {
	.name = "postgres",
	.open = postgres_open,
	.place = postgres_place,
	.beat = postgres_beat,
	.close = postgres_close,
};
