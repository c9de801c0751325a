/* haproxy_state.c: the two tables HAProxy prints, by the names of their columns. */
#include "haproxy.h"

#include <stdlib.h>
#include <string.h>

/* Bits of srv_admin_state (management guide, "show servers state"). */
enum {
	ADMIN_FORCED_MAINT = 0x01,
	ADMIN_INHERITED_MAINT = 0x02,
	ADMIN_FORCED_DRAIN = 0x08,
	ADMIN_INHERITED_DRAIN = 0x10,
	ADMIN_RESOLUTION_MAINT = 0x20,
	ADMIN_FQDN_MAINT = 0x40,
	/* 0x04 says that the configuration began it in maintenance; it stays for ever */
	ADMIN_MAINT = ADMIN_FORCED_MAINT | ADMIN_INHERITED_MAINT | ADMIN_RESOLUTION_MAINT |
		      ADMIN_FQDN_MAINT,
	ADMIN_DRAIN = ADMIN_FORCED_DRAIN | ADMIN_INHERITED_DRAIN,
};
enum { STATE_STOPPED, STATE_STARTING, STATE_RUNNING, STATE_STOPPING };
enum { COLUMNS_MAX = 160 };

static const char *const op_names[] = {
	[STATE_STOPPED] = "stopped",
	[STATE_STARTING] = "starting",
	[STATE_RUNNING] = "running",
	[STATE_STOPPING] = "stopping",
};

void haproxy_backend_release(struct haproxy_backend *backend)
{
	free(backend->servers);
	backend->servers = NULL;
	backend->count = 0;
}

struct haproxy_server *haproxy_server_find(
	const struct haproxy_backend *backend, const char *name)
{
	for (size_t i = 0; i < backend->count; i++)
		if (str_eq(backend->servers[i].name, name))
			return &backend->servers[i];
	return NULL;
}

const char *haproxy_admin(const struct haproxy_server *server)
{
	if (server->admin_bits & ADMIN_MAINT)
		return "maint";
	return server->admin_bits & ADMIN_DRAIN ? "drain" : "ready";
}

bool haproxy_up(const struct haproxy_server *server)
{
	/* a running check is shown as "* L7OK": the result is the last one's */
	const char *check = str_starts(server->check, "* ") ? server->check + 2 : server->check;

	if (!str_eq(haproxy_admin(server), "ready"))
		return false;
	if (server->op_state != STATE_STARTING && server->op_state != STATE_RUNNING)
		return false;
	if (str_eq(server->status, "no check"))
		return true;
	return str_eq(server->status, "UP") && !str_eq(check, "INI");
}

json_t *haproxy_server_json(const struct haproxy_server *server)
{
	json_t *out = json_object();
	const size_t op = (size_t)server->op_state;

	json_put_str(out, "name", server->name);
	json_put_str(out, "address", server->address);
	json_put_str(out, "admin", haproxy_admin(server));
	json_put_str(out, "op", op < COUNT_OF(op_names) ? op_names[op] : "unknown");
	json_put_str(out, "status", server->status);
	json_put_str(out, "check", server->check);
	json_put_flag(out, "up", haproxy_up(server));
	json_put_flag(out, "backup", server->backup);
	json_put_int(out, "weight", server->weight);
	json_put_int(out, "sessions", server->sessions);
	json_put_int(out, "queue", server->queue);
	return out;
}

/* ------------------------------------------------------------------ tables */

struct columns {
	char *names[COLUMNS_MAX];
	char *values[COLUMNS_MAX];
	size_t count;
};

/* Cuts the next line out of *text; NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text, *end;

	if (line == NULL || *line == '\0')
		return NULL;
	end = strchr(line, '\n');
	*text = end != NULL ? end + 1 : NULL;
	if (end != NULL)
		*end = '\0';
	const size_t len = strlen(line);
	if (len > 0 && line[len - 1] == '\r')
		line[len - 1] = '\0';
	return line;
}

/* Cuts a line into fields; a CSV field may stand in quotes with "" for a quote in it. */
static size_t split(char *line, char separator, char **fields)
{
	size_t count = 0;

	while (line != NULL && count < COLUMNS_MAX) {
		if (separator == ',' && *line == '"') {
			char *to = ++line;

			fields[count++] = to;
			while (*line != '\0' && !(line[0] == '"' && line[1] != '"')) {
				line += line[0] == '"';
				*to++ = *line++;
			}
			line = strchr(line, separator);
			*to = '\0';
		} else {
			fields[count++] = line;
			line = strchr(line, separator);
		}
		if (line != NULL)
			*line++ = '\0';
	}
	return count;
}

static bool header_line(char *line, char separator, struct columns *columns)
{
	if (line == NULL || !str_starts(line, "# "))
		return false;
	columns->count = split(line + 2, separator, columns->names);
	return true;
}

static void row_line(char *line, char separator, struct columns *columns)
{
	char *values[COLUMNS_MAX];
	const size_t count = split(line, separator, values);

	for (size_t i = 0; i < columns->count; i++)
		columns->values[i] = i < count ? values[i] : NULL;
}

static const char *column(const struct columns *columns, const char *name)
{
	for (size_t i = 0; i < columns->count; i++)
		if (str_eq(columns->names[i], name))
			return columns->values[i] != NULL ? columns->values[i] : "";
	return "";
}

static int64_t number(const struct columns *columns, const char *name)
{
	return strtoll(column(columns, name), NULL, 10);
}

static enum err_code no_table(
	const char *command, const char *text, const char *backend, struct err *err)
{
	if (str_starts(text, "Can't find backend") || str_starts(text, "No such"))
		return err_set(err, ERR_NOT_FOUND, "HAProxy has no backend \"%s\"", backend);
	if (strstr(text, "ermission denied") != NULL)
		return err_set(
			err, ERR_AUTH, "HAProxy does not allow \"%s\" on this socket", command);
	return err_set(
		err, ERR_PROTOCOL, "HAProxy answered \"%s\" with \"%.200s\"", command, text);
}

enum err_code haproxy_parse_state(char *text, struct haproxy_backend *backend, struct err *err)
{
	static const char command[] = "show servers state";
	struct columns columns = { 0 };
	char *line = next_line(&text);

	while (line != NULL && line[0] == '\0')
		line = next_line(&text);
	if (line == NULL || line[0] < '0' || line[0] > '9')
		return no_table(command, line != NULL ? line : "", backend->name, err);
	if (!str_eq(line, "1"))
		return err_set(err, ERR_VERSION,
			"HAProxy prints server states in format %s, known is format 1", line);
	if (!header_line(next_line(&text), ' ', &columns))
		return err_set(err, ERR_PROTOCOL, "HAProxy's \"%s\" has no header", command);
	backend->servers = xmalloc(HAPROXY_SERVERS_MAX * sizeof(*backend->servers));
	while ((line = next_line(&text)) != NULL) {
		if (line[0] == '\0' || line[0] == '#')
			continue;
		row_line(line, ' ', &columns);
		if (!str_eq(column(&columns, "be_name"), backend->name))
			continue;
		if (backend->count == HAPROXY_SERVERS_MAX)
			return err_set(err, ERR_LIMIT,
				"backend \"%s\" has more than %d servers", backend->name,
				HAPROXY_SERVERS_MAX);
		struct haproxy_server *s = &backend->servers[backend->count++];
		snprintf(s->name, sizeof(s->name), "%s", column(&columns, "srv_name"));
		snprintf(s->address, sizeof(s->address), "%.64s:%.8s",
			column(&columns, "srv_addr"), column(&columns, "srv_port"));
		s->admin_bits = (int)number(&columns, "srv_admin_state");
		s->op_state = (int)number(&columns, "srv_op_state");
		s->weight = number(&columns, "srv_uweight");
	}
	if (backend->count == 0)
		return err_set(err, ERR_NOT_FOUND, "HAProxy's backend \"%s\" has no server",
			backend->name);
	return ERR_NONE;
}

enum err_code haproxy_parse_stat(char *text, struct haproxy_backend *backend, struct err *err)
{
	static const char command[] = "show stat";
	struct columns columns = { 0 };
	char *line = next_line(&text);
	size_t found = 0;

	while (line != NULL && line[0] == '\0')
		line = next_line(&text);
	if (!header_line(line, ',', &columns))
		return no_table(command, line != NULL ? line : "", backend->name, err);
	while ((line = next_line(&text)) != NULL) {
		if (line[0] == '\0' || line[0] == '#')
			continue;
		row_line(line, ',', &columns);
		struct haproxy_server *s =
			str_eq(column(&columns, "pxname"), backend->name)
				? haproxy_server_find(backend, column(&columns, "svname"))
				: NULL;
		if (s == NULL)
			continue;
		snprintf(s->status, sizeof(s->status), "%s", column(&columns, "status"));
		snprintf(s->check, sizeof(s->check), "%s", column(&columns, "check_status"));
		s->sessions = number(&columns, "scur");
		s->queue = number(&columns, "qcur");
		s->fall = (int)number(&columns, "check_fall");
		s->backup = number(&columns, "bck") > 0;
		found += !s->seen;
		s->seen = true;
	}
	if (found != backend->count)
		return err_set(err, ERR_PROTOCOL,
			"HAProxy's \"%s\" names %zu of the %zu servers of \"%s\"", command,
			found, backend->count, backend->name);
	return ERR_NONE;
}
