/* mariadb_conn.c: a connection to MariaDB with deadlines.  The library is driven by its
 * non-blocking functions, so that a silent network or a frozen server costs the call's
 * deadline, never more. */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

#include <errmsg.h>
#include <inttypes.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { POLL_MS = 50, SQL_MAX = 4 << 20 };

/* ------------------------------------------------------------------ errors */

static const struct {
	unsigned number;
	enum err_code code;
} numbers[] = {
	{ ER_ACCESS_DENIED_ERROR, ERR_AUTH },
	{ ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ERR_AUTH },
	{ ER_DBACCESS_DENIED_ERROR, ERR_AUTH },
	{ ER_TABLEACCESS_DENIED_ERROR, ERR_AUTH },
	{ ER_COLUMNACCESS_DENIED_ERROR, ERR_AUTH },
	{ ER_SPECIFIC_ACCESS_DENIED_ERROR, ERR_AUTH },
	{ ER_HOST_NOT_PRIVILEGED, ERR_AUTH },
	{ CR_SSL_CONNECTION_ERROR, ERR_AUTH },
	{ CR_CONNECTION_ERROR, ERR_UNREACHABLE },
	{ CR_CONN_HOST_ERROR, ERR_UNREACHABLE },
	{ CR_SERVER_GONE_ERROR, ERR_UNREACHABLE },
	{ CR_SERVER_LOST, ERR_UNREACHABLE },
	{ CR_SERVER_LOST_EXTENDED, ERR_UNREACHABLE },
	{ ER_SERVER_SHUTDOWN, ERR_UNREACHABLE },
	{ ER_CONNECTION_KILLED, ERR_UNREACHABLE },
	{ ER_OPTION_PREVENTS_STATEMENT, ERR_PRECONDITION }, /* --read-only */
	{ ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ERR_PRECONDITION },
	{ ER_SLAVE_NOT_RUNNING, ERR_PRECONDITION },
	{ ER_BAD_SLAVE, ERR_PRECONDITION },
	{ ER_BAD_DB_ERROR, ERR_NOT_FOUND },
	{ ER_NO_SUCH_TABLE, ERR_NOT_FOUND },
	{ ER_DUP_ENTRY, ERR_CONFLICT },
	{ ER_LOCK_WAIT_TIMEOUT, ERR_HELD },
	{ ER_STATEMENT_TIMEOUT, ERR_TIMEOUT },
	{ CR_MALFORMED_PACKET, ERR_PROTOCOL },
	{ CR_VERSION_ERROR, ERR_PROTOCOL },
	{ ER_UNKNOWN_SYSTEM_VARIABLE, ERR_VERSION },
};

static enum err_code failed(struct maria *m, const char *what, struct err *err)
{
	const unsigned number = mysql_errno(m->conn);
	enum err_code code = ERR_REFUSED;

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (numbers[i].number == number)
			code = numbers[i].code;
	/* numbers from 2000 to 2999 are the library's: no answer of the server */
	const bool answered = number < 2000 || number > 2999;
	err->world = answered ? WORLD_UNCHANGED : WORLD_UNKNOWN;
	m->broken = m->broken || !answered;
	return err_set(err, code, "%s\"%s\": %.300s (%u)", what, call_target(m->call),
		mysql_error(m->conn), number);
}

/* ------------------------------------------------------------------ waiting */

/* Until what the library waits for has come; its status for the _cont function.  After an error
 * the connection can only be closed. */
static enum err_code wait_for(struct maria *m, int wanted, const struct net_limit *limit,
	int *status, struct err *err)
{
	for (;;) {
		const int64_t left = net_left_ms(limit);
		struct pollfd fd = { .fd = mysql_get_socket(m->conn),
			.events = (short)((wanted & MYSQL_WAIT_READ ? POLLIN : 0) |
					  (wanted & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
					  (wanted & MYSQL_WAIT_EXCEPT ? POLLPRI : 0)) };

		if (limit->stop != NULL && *limit->stop && !m->finish) {
			m->broken = true;
			err->world = WORLD_UNKNOWN;
			return err_set(err, ERR_CANCELLED, "\"%s\": stopped on request",
				call_target(m->call));
		}
		if (left <= 0) {
			m->broken = true;
			err->world = WORLD_UNKNOWN;
			return err_set(err, ERR_TIMEOUT,
				"\"%s\" did not answer within %" PRId64 " ms",
				call_target(m->call), limit->timeout_ms);
		}
		const int n = poll(&fd, 1, (int)(left < POLL_MS ? left : POLL_MS));
		if (n <= 0)
			continue;
		*status = (fd.revents & (POLLIN | POLLERR | POLLHUP) ? MYSQL_WAIT_READ : 0) |
			  (fd.revents & (POLLOUT | POLLERR | POLLHUP) ? MYSQL_WAIT_WRITE : 0) |
			  (fd.revents & POLLPRI ? MYSQL_WAIT_EXCEPT : 0);
		*status &= wanted;
		if (*status != 0)
			return ERR_NONE;
	}
}

static struct net_limit limit_of(const struct maria *m)
{
	const int64_t left = call_left_ms(m->call);

	return net_limit_in(m->each_ms > 0 && m->each_ms < left ? m->each_ms : left,
		call_stop_flag(m->call));
}

/* ------------------------------------------------------------------ opening */

static void set_options(struct maria *m)
{
	const char *ca = setting_string(m->call, "ca");
	const unsigned seconds = 3;
	const unsigned off = 0, tcp = MYSQL_PROTOCOL_TCP;
	const my_bool yes = 1;

	mysql_options(m->conn, MYSQL_OPT_NONBLOCK, 0);
	mysql_options(
		m->conn, MYSQL_OPT_LOCAL_INFILE, &off); /* the server must not read our files */
	mysql_options(m->conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	/* a last resort for what is not driven by us: saying good-bye */
	mysql_options(m->conn, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
	mysql_options4(m->conn, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "drillbook");
	if (m->socket == NULL) /* "localhost" would be a Unix socket to the library */
		mysql_options(m->conn, MYSQL_OPT_PROTOCOL, &tcp);
	if (ca != NULL && m->socket == NULL) {
		mysql_options(m->conn, MYSQL_OPT_SSL_CA, ca);
		mysql_options(m->conn, MYSQL_OPT_SSL_ENFORCE, &yes);
		mysql_options(m->conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
	}
}

static enum err_code connect_to(struct maria *m, const struct net_endpoint *to,
	const struct net_limit *limit, struct err *err)
{
	char address[NET_HOST_MAX];
	const char *host = NULL;
	size_t len;
	MYSQL *done = NULL;
	int status;

	if (m->socket == NULL) {
		host = to->host; /* with a certificate its name is compared */
		if (!setting_has(m->call, "ca")) {
			TRY(net_address(to, limit, address, sizeof(address), err));
			host = address;
		}
	}
	const char *password =
		m->socket == NULL ? call_secret(m->call, "password", &len) : NULL;
	const char *user = m->socket == NULL ? setting_string(m->call, "user") : NULL;
	const char *database = m->socket == NULL ? setting_string(m->call, "database") : NULL;
	status = mysql_real_connect_start(&done, m->conn, host, user, password, database,
		to != NULL ? (unsigned)to->port : 0, m->socket, 0);
	while (status != 0) {
		TRY(wait_for(m, status, limit, &status, err));
		status = mysql_real_connect_cont(&done, m->conn, status);
	}
	if (done != NULL)
		return ERR_NONE;
	/* "Can't connect to server on 'x' (111)": the library gives the reason only as text */
	m->refused = strstr(mysql_error(m->conn), "(111)") != NULL;
	return failed(m, "cannot connect to ", err);
}

static enum err_code open_with(struct maria *m, struct call *call,
	const struct net_endpoint *to, const char *socket_path, struct err *err)
{
	const int64_t left = call_left_ms(call), longest = setting_int(call, "connect_timeout");
	const struct net_limit limit =
		net_limit_in(left < longest ? left : longest, call_stop_flag(call));

	*m = (struct maria){ .call = call, .socket = socket_path, .conn = mysql_init(NULL) };
	if (m->conn == NULL)
		base_die("no memory for a connection");
	set_options(m);
	const enum err_code code = connect_to(m, to, &limit, err);
	if (code != ERR_NONE) {
		const bool refused = m->refused;
		m->broken = true;
		maria_close(m);
		m->refused = refused;
		err->world = WORLD_UNCHANGED;
	}
	return code;
}

enum err_code maria_open(
	struct maria *m, struct call *call, const struct net_endpoint *other, struct err *err)
{
	struct net_endpoint to;

	*m = (struct maria){ .call = call };
	if (other != NULL)
		return open_with(m, call, other, NULL, err);
	TRY(net_endpoint_parse(
		setting_string(call, "host"), (int)setting_int(call, "port"), &to, err));
	return open_with(m, call, &to, NULL, err);
}

enum err_code maria_open_socket(
	struct maria *m, struct call *call, const char *path, struct err *err)
{
	return open_with(m, call, NULL, path, err);
}

void maria_close(struct maria *m)
{
	if (m->conn == NULL)
		return;
	if (!m->broken && !m->cut)
		maria_end(m);
	else if (mysql_get_socket(m->conn) >= 0)
		shutdown(mysql_get_socket(m->conn),
			SHUT_RDWR); /* no good-bye to a silent server */
	if (m->cut && !m->broken && m->rows != NULL)
		mysql_free_result(m->rows); /* finds the connection closed */
	mysql_close(m->conn);
	m->conn = NULL;
	m->rows = NULL;
}

/* ------------------------------------------------------------------ statements */

enum err_code maria_start(struct maria *m, const char *sql, struct err *err)
{
	const struct net_limit limit = limit_of(m);
	int result = 0, status;

	maria_end(m);
	status = mysql_real_query_start(&result, m->conn, sql, strlen(sql));
	while (status != 0) {
		TRY(wait_for(m, status, &limit, &status, err));
		status = mysql_real_query_cont(&result, m->conn, status);
	}
	if (result != 0)
		return failed(m, "", err);
	m->rows = mysql_use_result(m->conn);
	if (m->rows == NULL && mysql_field_count(m->conn) > 0)
		return failed(m, "", err);
	return ERR_NONE;
}

enum err_code maria_next(struct maria *m, MYSQL_ROW *row, struct err *err)
{
	const struct net_limit limit = limit_of(m);
	int status;

	*row = NULL;
	if (m->rows == NULL)
		return ERR_NONE;
	status = mysql_fetch_row_start(row, m->rows);
	while (status != 0) {
		TRY(wait_for(m, status, &limit, &status, err));
		status = mysql_fetch_row_cont(row, m->rows, status);
	}
	if (*row == NULL && mysql_errno(m->conn) != 0)
		return failed(m, "", err);
	return ERR_NONE;
}

/* What was not read is read away, with the deadline; then the connection is good for the next
 * one. */
void maria_end(struct maria *m)
{
	struct err ignored = { 0 };
	MYSQL_ROW row;

	if (m->rows == NULL)
		return;
	while (!m->broken && maria_next(m, &row, &ignored) == ERR_NONE && row != NULL)
		continue;
	if (!m->broken)
		mysql_free_result(m->rows);
	m->rows = NULL;
}

unsigned maria_columns(const struct maria *m)
{
	return m->rows != NULL ? mysql_num_fields(m->rows) : 0;
}

const char *maria_column(const struct maria *m, unsigned column)
{
	return mysql_fetch_field_direct(m->rows, column)->name;
}

json_t *maria_cell(const struct maria *m, MYSQL_ROW row, unsigned column)
{
	const unsigned long *lengths = mysql_fetch_lengths(m->rows);

	if (row[column] == NULL)
		return json_null();
	switch (mysql_fetch_field_direct(m->rows, column)->type) {
	case MYSQL_TYPE_TINY:
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_INT24:
	case MYSQL_TYPE_LONG:
	case MYSQL_TYPE_LONGLONG:
		/* an unsigned number beyond 2^63 stays text */
		if (lengths[column] < 19)
			return json_integer(strtoll(row[column], NULL, 10));
		break;
	default:
		break;
	}
	return json_text(row[column], lengths[column]);
}

enum err_code maria_exec(struct maria *m, const char *sql, struct err *err)
{
	TRY(maria_start(m, sql, err));
	maria_end(m);
	return ERR_NONE;
}

enum err_code maria_row(
	struct maria *m, const char *sql, json_t *into, bool *found, struct err *err)
{
	MYSQL_ROW row;

	TRY(maria_start(m, sql, err));
	TRY(maria_next(m, &row, err));
	for (unsigned i = 0; row != NULL && i < maria_columns(m); i++)
		json_put(into, maria_column(m, i), maria_cell(m, row, i));
	if (found != NULL)
		*found = row != NULL;
	const bool missing = row == NULL && found == NULL;
	maria_end(m);
	return missing ? err_set(err, ERR_NOT_FOUND, "\"%s\" gave no row", call_target(m->call))
		       : ERR_NONE;
}

/* ------------------------------------------------------------------ values */

char *maria_quote(struct maria *m, const char *text)
{
	const size_t len = strlen(text);
	char *out = xmalloc(2 * len + 3);

	out[0] = '\'';
	const unsigned long n = mysql_real_escape_string(m->conn, out + 1, text, len);
	out[n + 1] = '\'';
	out[n + 2] = '\0';
	return out;
}

/* Values never stand in the statement itself: the server binds them. */
enum err_code maria_start_declared(
	struct maria *m, const char *sql, const struct statement *s, struct err *err)
{
	struct buf text;
	char *quoted = maria_quote(m, sql);

	buf_init(&text, SQL_MAX);
	enum err_code code = buf_addf(&text, err, "execute immediate %s", quoted);
	free(quoted);
	for (size_t i = 0; i < s->count && code == ERR_NONE; i++) {
		const bool plain =
			s->texts[i] == NULL || !json_is_string(json_array_get(s->values, i));

		quoted = plain ? xstrdup(s->texts[i] != NULL ? s->texts[i] : "null")
			       : maria_quote(m, s->texts[i]);
		code = buf_addf(&text, err, "%s%s", i == 0 ? " using " : ", ", quoted);
		free(quoted);
	}
	if (code == ERR_NONE)
		code = maria_start(m, text.data, err);
	buf_release(&text);
	return code;
}
#endif
