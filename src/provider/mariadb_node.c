/* mariadb_node.c: what a MariaDB server says of itself, and the steps that change its role. */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MS = 30, HOLDERS_MAX = 1000 };

static void take(const json_t *row, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s", json_str(row, name, ""));
}

/* ------------------------------------------------------------------ looking */

static void take_replica(const json_t *row, struct maria_node *out)
{
	const json_t *behind = json_object_get(row, "Seconds_Behind_Master");
	const char *error = json_str(row, "Last_SQL_Error", "");

	out->replica = true;
	take(row, "Master_Host", out->primary_at.host, sizeof(out->primary_at.host));
	out->primary_at.port = (int)json_int(row, "Master_Port", 0);
	take(row, "Slave_IO_Running", out->io_state, sizeof(out->io_state));
	out->io_running = str_eq(out->io_state, "Yes");
	out->sql_running = str_eq(json_str(row, "Slave_SQL_Running", ""), "Yes");
	out->uses_gtid = !str_eq(json_str(row, "Using_Gtid", "No"), "No");
	take(row, "Gtid_IO_Pos", out->io_pos, sizeof(out->io_pos));
	out->seconds_behind = json_is_integer(behind) ? json_integer_value(behind) : -1;
	snprintf(out->last_error, sizeof(out->last_error), "%s",
		error[0] != '\0' ? error : json_str(row, "Last_IO_Error", ""));
}

enum err_code maria_look(struct maria *m, struct maria_node *out, struct err *err)
{
	json_t *row = json_object();
	bool found = false;

	*out = (struct maria_node){ .seconds_behind = -1 };
	enum err_code code = maria_row(m,
		"select @@global.read_only as read_only, @@global.version as version,"
		" concat(@@hostname, ':', @@port, ':', @@datadir) as identity,"
		" @@global.gtid_current_pos as current_pos, @@global.gtid_slave_pos as "
		"applied_pos,"
		" @@global.gtid_binlog_pos as binlog_pos, @@global.gtid_binlog_state as "
		"binlog_state,"
		" @@global.log_bin as log_bin, @@global.log_slave_updates as log_updates",
		row, NULL, err);
	if (code == ERR_NONE) {
		out->read_only = json_int(row, "read_only", 1) != 0;
		out->binlog = json_int(row, "log_bin", 0) != 0;
		out->log_updates = json_int(row, "log_updates", 0) != 0;
		take(row, "version", out->version, sizeof(out->version));
		take(row, "identity", out->identity, sizeof(out->identity));
		take(row, "current_pos", out->current_pos, sizeof(out->current_pos));
		take(row, "applied_pos", out->applied_pos, sizeof(out->applied_pos));
		take(row, "binlog_pos", out->binlog_pos, sizeof(out->binlog_pos));
		take(row, "binlog_state", out->binlog_state, sizeof(out->binlog_state));
		json_object_clear(row);
		code = maria_row(m, "show slave status", row, &found, err);
	}
	if (code == ERR_NONE && found)
		take_replica(row, out);
	json_decref(row);
	return code;
}

enum err_code maria_look_at(struct call *call, const struct net_endpoint *other,
	int64_t each_ms, struct maria_node *out, struct err *err)
{
	struct maria m;

	TRY(maria_open(&m, call, other, err));
	m.each_ms = each_ms;
	const enum err_code code = maria_look(&m, out, err);
	maria_close(&m);
	if (code != ERR_NONE)
		err->world = WORLD_UNCHANGED; /* looking changes nothing */
	return code;
}

int64_t maria_behind(const struct maria_node *node)
{
	struct gtid_list received, applied;

	if (!node->replica || node->io_pos[0] == '\0' || !gtid_parse(node->io_pos, &received) ||
		!gtid_parse(node->applied_pos, &applied))
		return -1;
	return (int64_t)gtid_behind(&received, &applied);
}

static void put_or_unknown(json_t *into, const char *name, int64_t value)
{
	json_put(into, name, value >= 0 ? json_integer(value) : json_null());
}

void maria_node_json(const struct maria_node *node, json_t *into)
{
	char place[NET_HOST_MAX + 8];

	json_put_str(into, "role", node->replica ? "replica" : "primary");
	json_put_str(into, "version", node->version);
	json_put_str(into, "gtid", node->current_pos);
	json_put_flag(into, "read_only", node->read_only);
	json_put_flag(into, "writable", !node->replica && !node->read_only);
	if (!node->replica)
		return;
	snprintf(place, sizeof(place), "%s@%d", node->primary_at.host, node->primary_at.port);
	json_put_str(into, "primary", place);
	json_put_str(into, "receiver", node->io_state);
	json_put_flag(into, "applier", node->sql_running);
	json_put_flag(into, "uses_gtid", node->uses_gtid);
	json_put_str(into, "received_gtid", node->io_pos);
	put_or_unknown(into, "lag_transactions", maria_behind(node));
	/* NULL while a thread does not run, 0 while the receiver is silent */
	put_or_unknown(into, "lag_s",
		node->io_running && node->sql_running ? node->seconds_behind : -1);
	json_put_str(into, "basis",
		node->io_running
			? "lag_transactions: received minus applied GTID; lag_s: "
			  "Seconds_Behind_Master, which is 0 behind a silent link"
			: "lag_transactions: received minus applied GTID; what the primary "
			  "wrote since the link broke is not known here");
	if (node->last_error[0] != '\0')
		json_put_str(into, "last_error", node->last_error);
}

void maria_name_unknown(json_t *result)
{
	json_t *names = json_array(), *value;
	const char *name;
	void *next;

	json_object_foreach_safe(result, next, name, value)
	{
		if (!json_is_null(value))
			continue;
		json_array_append_new(names, json_string(name));
		json_object_del(result, name);
	}
	json_put(result, "unknown", names);
}

enum err_code maria_check_name(const char *what, const char *name, struct err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.";

	if (name[0] == '\0' || strlen(name) > 130 || strspn(name, plain) != strlen(name))
		return err_set(err, ERR_USAGE,
			"%s \"%.80s\" must be a plain name: letters, digits, _ and one point "
			"for a "
			"schema",
			what, name);
	return ERR_NONE;
}

enum err_code maria_heartbeat(struct maria *m, json_t *into, struct err *err)
{
	const char *table = setting_string(m->call, "heartbeat");
	bool found = false;

	if (table == NULL)
		return ERR_NONE;
	TRY(maria_check_name("heartbeat", table, err));
	char *sql = xasprintf("select max(at_ms) as heartbeat_at_ms from %s", table);
	enum err_code code = maria_row(m, sql, into, &found, err);
	free(sql);
	if (code == ERR_NOT_FOUND)
		code = ERR_NONE; /* no table yet: unknown */
	TRY(code);
	const json_t *at = json_object_get(into, "heartbeat_at_ms");
	const bool known = json_is_integer(at);
	json_put(into, "heartbeat_age_ms",
		known ? json_integer(wall_now().ns / 1000000 - json_integer_value(at))
		      : json_null());
	if (!known)
		json_put(into, "heartbeat_at_ms", json_null());
	return ERR_NONE;
}

/* ------------------------------------------------------------------ read-only */

/* Whoever holds a transaction open, our own connection and replication left out. */
static enum err_code disconnect_holders(struct maria *m, struct err *err)
{
	int64_t ids[HOLDERS_MAX];
	size_t count = 0;
	MYSQL_ROW row;
	char sql[64];

	TRY(maria_start(m,
		"select p.id from information_schema.processlist p where p.id <> "
		"connection_id()"
		" and p.user <> 'system user' and p.command not in ('Binlog Dump', 'Daemon', "
		"'Killed')",
		err));
	while (maria_next(m, &row, err) == ERR_NONE && row != NULL)
		if (count < HOLDERS_MAX && row[0] != NULL)
			ids[count++] = strtoll(row[0], NULL, 10);
	maria_end(m);
	for (size_t i = 0; i < count; i++) {
		struct err ignored = { 0 };

		snprintf(sql, sizeof(sql), "kill connection %" PRId64, ids[i]);
		/* it may have gone by itself meanwhile */
		(void)!maria_exec(m, sql, &ignored);
	}
	call_log(m->call, "%zu clients were disconnected: they held up read_only", count);
	return ERR_NONE;
}

enum err_code maria_set_read_only(struct maria *m, bool on, struct err *err)
{
	if (!on)
		return maria_exec(m, "set global read_only = 0", err);
	TRY(maria_exec(m, "set session lock_wait_timeout = 1", err));
	enum err_code code = maria_exec(m, "set global read_only = 1", err);
	if (code == ERR_HELD) {
		*err = (struct err){ 0 };
		TRY(disconnect_holders(m, err));
		code = maria_exec(m, "set global read_only = 1", err);
	}
	return code;
}

enum err_code maria_keep_read_only(struct call *call, bool on, bool *kept, struct err *err)
{
	static const char text[] =
		"# written by drillbook: failover.fence\n[mariadbd]\nread_only = 1\n";
	const char *path = setting_string(call, "fence_file");

	*kept = false;
	if (path == NULL)
		return ERR_NONE;
	if (on) {
		TRY(file_replace(path, text, strlen(text), 0644, err));
	} else if (unlink(path) != 0 && errno != ENOENT) {
		return err_errno(err, "cannot remove \"%s\"", path);
	}
	*kept = true;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the other server */

static const char *const old_names[] = {
	[OLD_GONE] = "gone",
	[OLD_SILENT] = "silent",
	[OLD_NO_PRIMARY] = "no primary any more",
	[OLD_FENCED] = "fenced",
	[OLD_WRITES] = "a primary that takes writes",
};

const char *maria_old_name(enum maria_old_state state)
{
	return old_names[state];
}

enum err_code maria_ask_old(struct call *call, struct maria_old *old, struct err *err)
{
	struct err why = { 0 };
	struct maria m;

	enum err_code code = maria_open(&m, call, &old->at, &why);
	const bool refused = m.refused;
	if (code == ERR_NONE) {
		m.each_ms = setting_int(call, "connect_timeout");
		code = maria_look(&m, &old->node, &why);
		maria_close(&m);
	}
	snprintf(old->said, sizeof(old->said), "%s", why.text);
	if (code == ERR_NONE)
		old->state = old->node.replica	   ? OLD_NO_PRIMARY
			     : old->node.read_only ? OLD_FENCED
						   : OLD_WRITES;
	else if (refused)
		old->state = OLD_GONE;
	else if (code == ERR_UNREACHABLE || code == ERR_TIMEOUT)
		old->state = OLD_SILENT;
	else if (code == ERR_CANCELLED)
		return *err = why, code;
	else
		return err_set(err, ERR_PRECONDITION,
			"the old primary %s port %d answers, and whether it takes writes "
			"cannot be "
			"told: %s",
			old->at.host, old->at.port, why.text);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ following */

enum err_code maria_wait_position(
	struct maria *m, const char *wanted, int64_t wait_ms, bool *there, struct err *err)
{
	const struct mono start = mono_now();
	struct gtid_list want, have;
	struct maria_node node;

	*there = false;
	if (!gtid_parse(wanted, &want))
		return err_set(err, ERR_PROTOCOL, "\"%.100s\" is no GTID position", wanted);
	for (;;) {
		TRY(maria_look(m, &node, err));
		if (!gtid_parse(node.current_pos, &have))
			return err_set(err, ERR_PROTOCOL, "\"%.100s\" is no GTID position",
				node.current_pos);
		const uint64_t behind = gtid_behind(&want, &have);
		*there = behind == 0;
		if (*there || mono_ms_since(start) >= wait_ms)
			return ERR_NONE;
		call_progress(m->call, -1, "%" PRIu64 " transactions to apply", behind);
		TRY(call_sleep(m->call, POLL_MS, err));
	}
}

enum err_code maria_follow(
	struct maria *m, const struct net_endpoint *source, const char *from, struct err *err)
{
	const char *user = setting_string(m->call, "replication_user");
	const bool own = user == NULL;
	struct maria_node node;
	size_t len;
	const char *password =
		call_secret(m->call, own ? "password" : "replication_password", &len);

	if (own)
		user = setting_string(m->call, "user");
	TRY(maria_look(m, &node, err));
	char *position = maria_quote(m, from != NULL ? from : node.current_pos),
	     *host = maria_quote(m, source->host),
	     *who = maria_quote(m, user != NULL ? user : ""),
	     *secret = maria_quote(m, password != NULL ? password : "");
	char *set = xasprintf("set global gtid_slave_pos = %s", position);
	char *change = xasprintf(
		"change master to master_host = %s, master_port = %d, master_user = %s,"
		" master_password = %s, master_use_gtid = slave_pos, master_connect_retry = 1",
		host, source->port, who, secret);
	enum err_code code = ERR_NONE;
	if (node.replica)
		code = maria_exec(m, "stop slave", err);
	if (code == ERR_NONE)
		code = maria_exec(m, set, err);
	if (code == ERR_NONE)
		code = maria_exec(m, change, err);
	explicit_bzero(change, strlen(change));
	explicit_bzero(secret, strlen(secret));
	if (code == ERR_NONE)
		code = maria_exec(m, "start slave", err);
	free(change);
	free(set);
	free(secret);
	free(who);
	free(host);
	free(position);
	return code;
}

static bool same_place(const struct net_endpoint *a, const struct net_endpoint *b)
{
	return a->port == b->port && str_eq(a->host, b->host);
}

enum err_code maria_wait_following(
	struct maria *m, const struct net_endpoint *source, const char *wanted, struct err *err)
{
	struct gtid_list want, have;
	struct maria_node node;

	if (!gtid_parse(wanted, &want))
		want.count = 0;
	for (;;) {
		enum err_code code = maria_look(m, &node, err);

		if (code == ERR_NONE &&
			(!node.replica || !same_place(source, &node.primary_at)))
			return err_set(err, ERR_CONFLICT,
				"\"%s\" does not follow %s port %d any more: somebody else "
				"changed "
				"it",
				call_target(m->call), source->host, source->port);
		if (code == ERR_NONE && !node.sql_running)
			return err_set(err, ERR_FAILED,
				"\"%s\" cannot apply what it receives: %s",
				call_target(m->call), node.last_error);
		/* "No", not "Connecting": it has given up, as for a position the source does
		 * not have */
		if (code == ERR_NONE && str_eq(node.io_state, "No") &&
			node.last_error[0] != '\0')
			return err_set(err, ERR_FAILED, "\"%s\" cannot receive: %s",
				call_target(m->call), node.last_error);
		if (code == ERR_NONE && node.io_running &&
			gtid_parse(node.current_pos, &have) && gtid_behind(&want, &have) == 0)
			return ERR_NONE;
		if (code == ERR_NONE) {
			call_progress(m->call, -1, "receiver %s, at %s", node.io_state,
				node.current_pos);
			code = call_sleep(m->call, POLL_MS, err);
		}
		if (code != ERR_NONE)
			return err_context(err, "it was told whom to follow");
	}
}

/* ------------------------------------------------------------------ taking over */

enum err_code maria_take_over(struct maria *m, struct err *err)
{
	struct maria_node node;
	bool there = false;

	/* what has been received is applied before replication is forgotten: it would be thrown
	 * away */
	TRY(maria_look(m, &node, err));
	if (!node.sql_running)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" does not apply what it has received%s%s", call_target(m->call),
			node.last_error[0] != '\0' ? ": " : "", node.last_error);
	TRY(maria_exec(m, "stop slave io_thread", err));
	err->world = WORLD_CHANGED;
	enum err_code code = maria_look(m, &node, err);
	if (code == ERR_NONE && node.io_pos[0] != '\0') {
		code = maria_wait_position(m, node.io_pos, call_left_ms(m->call), &there, err);
		if (code == ERR_NONE && !there)
			code = err_set(err, ERR_TIMEOUT,
				"what was received up to %s is not applied yet; replication is "
				"stopped",
				node.io_pos);
	}
	if (code == ERR_NONE)
		code = maria_exec(m, "stop slave", err);
	if (code == ERR_NONE)
		code = maria_exec(m, "reset slave all", err);
	if (code == ERR_NONE)
		code = maria_exec(m, "set global read_only = 0", err);
	if (code != ERR_NONE) {
		if (err->world == WORLD_UNCHANGED)
			err->world = WORLD_CHANGED;
		return code;
	}
	err->world = WORLD_UNCHANGED;
	return ERR_NONE;
}
#endif
