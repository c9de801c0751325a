/* postgres_conn.c: a libpq connection with deadlines.  libpq is driven without blocking so that
 * a silent network (which gives no error for minutes) costs connect_timeout and the call's
 * deadline, never more. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	POLL_MS = 50, /* how late a stop is noticed */
	ROWS_MAX = 1000,
	MESSAGE_MAX = 400,
};

/* Type numbers from the server's catalog (pg_type.dat); they never change. */
enum {
	OID_BOOL = 16,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_OID = 26,
	OID_NUMERIC = 1700
};

/* ------------------------------------------------------------------ errors */

static const struct {
	const char *prefix; /* of a SQLSTATE; the first that fits decides */
	enum err_code code;
} states[] = {
	{ "28", ERR_AUTH },	    /* invalid authorization */
	{ "42501", ERR_AUTH },	    /* insufficient privilege */
	{ "3D000", ERR_NOT_FOUND }, /* no such database */
	{ "57P", ERR_UNREACHABLE }, /* shutting down, starting up */
	{ "57014", ERR_TIMEOUT },   /* statement_timeout */
	{ "08", ERR_UNREACHABLE },
	{ "25006", ERR_PRECONDITION }, /* read-only transaction */
	{ "55000", ERR_PRECONDITION }, /* not in the state this needs */
	{ "42P01", ERR_NOT_FOUND },    /* no such table */
	{ "23", ERR_CONFLICT },
	{ "53", ERR_REFUSED },
};

static enum err_code code_of_state(const char *state)
{
	for (size_t i = 0; state != NULL && i < COUNT_OF(states); i++)
		if (str_starts(state, states[i].prefix))
			return states[i].code;
	return ERR_REFUSED;
}

/* The first line of libpq's text, without its newline. */
static void first_line(const char *text, char out[MESSAGE_MAX])
{
	size_t len = strcspn(text != NULL ? text : "", "\n");

	if (len >= MESSAGE_MAX)
		len = MESSAGE_MAX - 1;
	memcpy(out, text != NULL ? text : "", len);
	out[len] = '\0';
}

/* With verbose errors the text of a refused connection is "FATAL:  28P01: …": libpq has no
 * other way to give the SQLSTATE of one. */
static enum err_code connection_failed(struct pg *pg, struct err *err)
{
	char line[MESSAGE_MAX];
	const char *text = PQerrorMessage(pg->conn), *fatal = strstr(text, "FATAL:  ");

	if (fatal == NULL) {
		first_line(text, line);
		enum err_code code = strstr(text, "no password supplied") != NULL
					     ? ERR_AUTH
					     : ERR_UNREACHABLE;
		return err_set(
			err, code, "cannot connect to \"%s\": %s", call_target(pg->call), line);
	}
	first_line(fatal + strlen("FATAL:  "), line);
	const char *said = strlen(line) > 7 && line[5] == ':' ? line + 7 : line;
	return err_set(err, code_of_state(line), "cannot connect to \"%s\": %s",
		call_target(pg->call), said);
}

static enum err_code statement_failed(struct pg *pg, const PGresult *res, struct err *err)
{
	const char *state = res != NULL ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *said =
		res != NULL ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	char line[MESSAGE_MAX];

	err->world = WORLD_UNKNOWN;
	if (PQstatus(pg->conn) == CONNECTION_BAD || state == NULL) {
		first_line(said != NULL ? said : PQerrorMessage(pg->conn), line);
		return err_set(err, ERR_UNREACHABLE, "\"%s\": the connection was lost: %s",
			call_target(pg->call), line);
	}
	/* An error report of the server means that the statement was rolled back. */
	err->world = WORLD_UNCHANGED;
	first_line(said, line);
	return err_set(err, code_of_state(state), "\"%s\": %s (%s)", call_target(pg->call),
		line, state);
}

/* ------------------------------------------------------------------ waiting */

static enum err_code wait_fd(struct pg *pg, short events, int64_t left, struct err *err)
{
	if (call_stopped(pg->call) && !pg->finish) {
		err_set(err, ERR_CANCELLED, "\"%s\": stopped on request",
			call_target(pg->call));
		err->world = WORLD_UNKNOWN;
		return ERR_CANCELLED;
	}
	if (left <= 0) {
		err_set(err, ERR_TIMEOUT, "\"%s\" did not answer in time",
			call_target(pg->call));
		err->world = WORLD_UNKNOWN;
		return ERR_TIMEOUT;
	}
	struct pollfd fd = { .fd = PQsocket(pg->conn), .events = events };
	if (poll(&fd, 1, (int)(left < POLL_MS ? left : POLL_MS)) < 0 && errno != EINTR)
		return err_errno(err, "cannot wait for \"%s\"", call_target(pg->call));
	return ERR_NONE;
}

static enum err_code connect_wait(struct pg *pg, struct err *err)
{
	struct mono start = mono_now();
	int64_t limit = setting_int(pg->call, "connect_timeout");
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK) {
		int64_t left = limit - mono_ms_since(start);
		if (left > call_left_ms(pg->call))
			left = call_left_ms(pg->call);
		if (status == PGRES_POLLING_FAILED)
			return connection_failed(pg, err);
		enum err_code code = wait_fd(
			pg, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, left, err);
		if (code == ERR_TIMEOUT)
			return err_set(err, ERR_UNREACHABLE,
				"cannot connect to \"%s\": no answer in %" PRId64 " ms",
				call_target(pg->call), mono_ms_since(start));
		TRY(code);
		/* PQconnectPoll may only be called when its descriptor is ready */
		struct pollfd fd = { .fd = PQsocket(pg->conn),
			.events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT };
		if (poll(&fd, 1, 0) > 0)
			status = PQconnectPoll(pg->conn);
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ opening */

static void notice(void *arg, const char *text)
{
	char line[MESSAGE_MAX];

	first_line(text, line);
	call_log(arg, "postgres: %s", line);
}

struct words {
	const char *names[16], *values[16];
	size_t count;
};

static void word(struct words *words, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	words->names[words->count] = name;
	words->values[words->count++] = value;
}

enum err_code pg_open(
	struct pg *pg, struct call *call, const struct pg_endpoint *other, struct err *err)
{
	static const struct pg_endpoint same = { 0 };
	const struct pg_endpoint *to = other != NULL ? other : &same;
	struct words words = { .count = 0 };
	char port[24], timeout[24], user_timeout[24];
	const char *host = to->host != NULL ? to->host : setting_string(call, "host");

	*pg = (struct pg){ .call = call };
	snprintf(port, sizeof(port), "%" PRId64,
		to->port != 0 ? to->port : setting_int(call, "port"));
	snprintf(timeout, sizeof(timeout), "%" PRId64,
		setting_int(call, "connect_timeout") / 1000 + 2);
	snprintf(user_timeout, sizeof(user_timeout), "%" PRId64, call_left_ms(call) + 1000);
	word(&words, "host", host != NULL ? host : setting_string(call, "socket_dir"));
	word(&words, "port", port);
	word(&words, "user", to->user != NULL ? to->user : setting_string(call, "user"));
	word(&words, "dbname",
		to->database != NULL ? to->database : setting_string(call, "database"));
	word(&words, "password", call_secret(call, "password", NULL));
	word(&words, "passfile", setting_string(call, "passfile"));
	word(&words, "sslmode", setting_string(call, "sslmode"));
	word(&words, "application_name", setting_string(call, "application_name"));
	word(&words, "connect_timeout", timeout);
	word(&words, "tcp_user_timeout", user_timeout);
	word(&words, "client_encoding", "UTF8");
	words.names[words.count] = NULL;

	pg->conn = PQconnectStartParams(words.names, words.values, 0);
	if (pg->conn == NULL)
		base_die("libpq: out of memory");
	PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(pg->conn, notice, call);
	enum err_code code = PQstatus(pg->conn) == CONNECTION_BAD ? connection_failed(pg, err)
								  : connect_wait(pg, err);
	if (code != ERR_NONE) {
		/* a statement was never sent, so nothing can have happened */
		err->world = WORLD_UNCHANGED;
		pg_close(pg);
		return code;
	}
	PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
	snprintf(timeout, sizeof(timeout), "%" PRId64, call_left_ms(call) + 1);
	const char *const values[] = { timeout };
	code = pg_run(
		pg, "select set_config('statement_timeout', $1, false)", 1, values, NULL, err);
	if (code != ERR_NONE)
		pg_close(pg);
	return code;
}

void pg_close(struct pg *pg)
{
	if (pg->conn != NULL)
		PQfinish(pg->conn);
	pg->conn = NULL;
}

struct pg_endpoint pg_endpoint_of(
	const struct call *call, const char *host, const char *port, const char *user)
{
	return (struct pg_endpoint){
		.host = call_string(call, host),
		.port = call_int(call, port),
		.user = user != NULL ? call_string(call, user) : NULL,
	};
}

/* ------------------------------------------------------------------ statements */

static enum err_code send(
	struct pg *pg, const char *sql, int count, const char *const *values, struct err *err)
{
	if (PQsendQueryParams(pg->conn, sql, count, NULL, values, NULL, NULL, 0) == 0)
		return statement_failed(pg, NULL, err);
	return ERR_NONE;
}

/* The next result, or NULL when the statement has no more. */
static enum err_code receive(struct pg *pg, PGresult **out, struct err *err)
{
	while (PQisBusy(pg->conn)) {
		TRY(wait_fd(pg, POLLIN, call_left_ms(pg->call), err));
		struct pollfd fd = { .fd = PQsocket(pg->conn), .events = POLLIN };
		if (poll(&fd, 1, 0) > 0 && PQconsumeInput(pg->conn) == 0)
			return statement_failed(pg, NULL, err);
	}
	*out = PQgetResult(pg->conn);
	return ERR_NONE;
}

static bool is_good(const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
	       status == PGRES_SINGLE_TUPLE;
}

enum err_code pg_run(struct pg *pg, const char *sql, int count, const char *const *values,
	PGresult **out, struct err *err)
{
	PGresult *res = NULL, *more = NULL;

	TRY(send(pg, sql, count, values, err));
	enum err_code code = receive(pg, &res, err);
	if (code != ERR_NONE)
		return code;
	if (res == NULL || !is_good(res))
		code = statement_failed(pg, res, err);
	/* libpq wants to be read to the end before the next statement; the statement itself is
	 * decided */
	struct err late = { 0 };
	while (receive(pg, &more, &late) == ERR_NONE && more != NULL)
		PQclear(more);
	if (code == ERR_NONE && out != NULL)
		*out = res;
	else
		PQclear(res);
	return code;
}

enum err_code pg_exec(struct pg *pg, const char *sql, struct err *err)
{
	return pg_run(pg, sql, 0, NULL, NULL, err);
}

enum err_code pg_stream(
	struct pg *pg, const char *sql, int count, const char *const *values, struct err *err)
{
	TRY(send(pg, sql, count, values, err));
	if (PQsetSingleRowMode(pg->conn) == 0)
		return statement_failed(pg, NULL, err);
	return ERR_NONE;
}

enum err_code pg_next_row(struct pg *pg, PGresult **out, struct err *err)
{
	PGresult *res = NULL;

	*out = NULL;
	TRY(receive(pg, &res, err));
	if (res == NULL)
		return ERR_NONE;
	if (!is_good(res)) {
		enum err_code code = statement_failed(pg, res, err);
		PQclear(res);
		return code;
	}
	if (PQresultStatus(res) != PGRES_SINGLE_TUPLE) {
		PQclear(res);
		return pg_next_row(pg, out, err); /* the empty one at the end, then NULL */
	}
	*out = res;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ values */

static bool to_integer(const char *text, int64_t *out)
{
	char *end = NULL;

	errno = 0;
	long long value = strtoll(text, &end, 10);
	*out = value;
	return errno == 0 && end != text && *end == '\0';
}

json_t *pg_cell(const PGresult *res, int row, int column)
{
	const char *text = PQgetvalue(res, row, column);
	int64_t number;

	if (PQgetisnull(res, row, column))
		return json_null();
	switch (PQftype(res, column)) {
	case OID_BOOL:
		return json_boolean(text[0] == 't');
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
	case OID_OID:
	case OID_NUMERIC:
		if (to_integer(text, &number))
			return json_integer(number);
		break;
	default:
		break;
	}
	return json_text(text, (size_t)PQgetlength(res, row, column));
}

enum err_code pg_row(struct pg *pg, const char *sql, int count, const char *const *values,
	json_t *into, struct err *err)
{
	PGresult *res = NULL;
	enum err_code code = ERR_NONE;

	TRY(pg_run(pg, sql, count, values, &res, err));
	if (PQntuples(res) != 1)
		code = err_set(err, ERR_PROTOCOL, "\"%s\" gave %d rows where one was expected",
			call_target(pg->call), PQntuples(res));
	for (int i = 0; code == ERR_NONE && i < PQnfields(res); i++)
		json_put(into, PQfname(res, i), pg_cell(res, 0, i));
	PQclear(res);
	return code;
}

enum err_code pg_rows(struct pg *pg, const char *sql, json_t **out, struct err *err)
{
	PGresult *res = NULL;

	TRY(pg_run(pg, sql, 0, NULL, &res, err));
	*out = json_array();
	for (int row = 0; row < PQntuples(res) && row < ROWS_MAX; row++) {
		json_t *object = json_object();
		for (int i = 0; i < PQnfields(res); i++)
			if (!PQgetisnull(res, row, i))
				json_put(object, PQfname(res, i), pg_cell(res, row, i));
		json_array_append_new(*out, object);
	}
	PQclear(res);
	return ERR_NONE;
}

void pg_name_unknown(json_t *result)
{
	json_t *unknown = json_object_get(result, "unknown"), *value;
	const char *key;
	void *next;

	if (unknown == NULL) {
		unknown = json_array();
		json_put(result, "unknown", unknown);
	}
	json_object_foreach_safe(result, next, key, value)
	{
		if (!json_is_null(value))
			continue;
		json_array_append_new(unknown, json_string(key));
		json_object_del(result, key);
	}
}

void pg_check_row(json_t *checks, const char *name, bool ok, const char *fmt, ...)
{
	json_t *row = json_object();
	char detail[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	json_put_str(row, "name", name);
	json_put_flag(row, "ok", ok);
	json_put_str(row, "detail", detail);
	json_array_append_new(checks, row);
}

bool pg_is_plain_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";

	return name != NULL && name[0] != '\0' && strspn(name, allowed) == strlen(name);
}

bool lsn_parse(const char *text, uint64_t *out)
{
	unsigned int high = 0, low = 0;
	int used = 0;

	if (text == NULL || sscanf(text, "%8X/%8X%n", &high, &low, &used) != 2 ||
		text[used] != '\0')
		return false;
	*out = (uint64_t)high << 32 | low;
	return true;
}

char *lsn_format(uint64_t lsn, char out[32])
{
	snprintf(out, 32, "%X/%X", (unsigned)(lsn >> 32), (unsigned)(lsn & 0xffffffffU));
	return out;
}

/* The timeline in the control file is that of the last checkpoint, stale right after a
 * promotion: a primary's comes from the name of its WAL file, a standby's from what it receives
 * and has to reach.  A receive LSN below what is replayed is no news from the primary: the
 * server puts the start of a segment there before anything was received. */
enum err_code pg_identity(struct pg *pg, json_t *into, struct err *err)
{
	static const char primary[] =
		"select false as in_recovery, pg_current_wal_lsn() as lsn,"
		" ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8"
		" as timeline, system_identifier::text as system_id from pg_control_system()";
	static const char standby[] =
		"select true as in_recovery,"
		" greatest((select received_tli from pg_stat_wal_receiver),"
		" r.min_recovery_end_timeline, c.timeline_id)::int8 as timeline,"
		" system_identifier::text as system_id,"
		" case when (" PG_RECEIVED ") >= pg_last_wal_replay_lsn()"
		" then " PG_RECEIVED " end as receive_lsn,"
		" pg_last_wal_replay_lsn() as replay_lsn, pg_last_wal_replay_lsn() as lsn,"
		" coalesce((select status from pg_stat_wal_receiver), 'none') as receiver"
		" from pg_control_system(), pg_control_recovery() r,"
		" pg_control_checkpoint() c";
	json_t *role = json_object();

	enum err_code code = pg_row(pg, "select pg_is_in_recovery() as r", 0, NULL, role, err);
	bool in_recovery = json_flag(role, "r", false);
	json_decref(role);
	TRY(code);
	code = pg_row(pg, in_recovery ? standby : primary, 0, NULL, into, err);
	/* promoted between the two statements */
	if (code == ERR_PRECONDITION && in_recovery)
		code = pg_row(pg, primary, 0, NULL, into, err);
	return code;
}
#endif
