/* mariadb_status.c: looking: status, precheck, health, canary, declared SQL, doctor. */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

#include "checks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CANARY_POLL_MS = 10 };

/* ------------------------------------------------------------------ replication.status */

static enum err_code look(
	struct call *call, struct maria_node *node, json_t *into, struct err *err)
{
	struct maria m;

	TRY(maria_open(&m, call, NULL, err));
	enum err_code code = maria_look(&m, node, err);
	if (code == ERR_NONE) {
		maria_node_json(node, into);
		code = maria_heartbeat(&m, into, err);
	}
	maria_close(&m);
	return code;
}

RUN(mariadb_status)
{
	struct maria_node node;
	const enum err_code code = look(call, &node, result, err);

	if (code == ERR_UNREACHABLE && call_bool(call, "allow_down")) {
		json_object_clear(result);
		json_put_str(result, "role", "down");
		json_put_str(result, "basis", err->text);
		json_put(result, "unknown", json_pack("[s,s]", "lag_transactions", "gtid"));
		*err = (struct err){ 0 };
		return ERR_NONE;
	}
	TRY(code);
	maria_name_unknown(result);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.precheck */

/* read_only can be switched, and replication ended, only with these. */
static const char rights_sql[] = "select sum(privilege_type = 'SUPER' or privilege_type = "
				 "'READ_ONLY ADMIN') > 0 as read_only,"
				 " sum(privilege_type = 'SUPER' or privilege_type = "
				 "'REPLICATION SLAVE ADMIN') > 0 as replication,"
				 " sum(privilege_type = 'SUPER' or privilege_type = "
				 "'CONNECTION ADMIN') > 0 as connections"
				 " from information_schema.user_privileges where grantee ="
				 " concat('''', replace(current_user(), '@', '''@'''), '''')";

static bool has_rights(const json_t *rights)
{
	return json_int(rights, "read_only", 0) > 0 && json_int(rights, "replication", 0) > 0;
}

static void replica_checks(struct call *call, const struct maria_node *node,
	const json_t *facts, struct checks *checks)
{
	checks_add(checks, "applier", node->sql_running, "%s",
		node->sql_running ? "is running"
		: node->last_error[0] != '\0'
			? node->last_error
			: "is stopped: what it has received is not applied");
	checks_most(checks, "applied", facts, "lag_transactions",
		call_int(call, "max_transactions"), "transactions to apply");
	checks_add(checks, "gtid", node->uses_gtid, "%s",
		node->uses_gtid ? "it follows by GTID"
				: "it follows by file and position: the old primary could not "
				  "follow it");
	checks_add(checks, "binlog", node->binlog && node->log_updates, "%s",
		node->binlog && node->log_updates
			? "it can be followed"
			: "log_bin or log_slave_updates is off: nobody could follow it");
	/* Seconds_Behind_Master is NULL once the primary is gone: then only a heartbeat tells
	 */
	if (setting_has(call, "heartbeat"))
		checks_most(checks, "heartbeat", facts, "heartbeat_age_ms",
			call_int(call, "max_age"), "ms old");
	else
		checks_most(checks, "behind", facts, "lag_s", call_int(call, "max_age") / 1000,
			"s behind its primary");
}

RUN(mariadb_precheck)
{
	json_t *rights = json_object();
	struct maria_node node;
	struct checks checks;
	struct maria m;

	checks_init(&checks, result);
	enum err_code code = maria_open(&m, call, NULL, err);
	if (code == ERR_NONE) {
		code = maria_look(&m, &node, err);
		if (code == ERR_NONE) {
			maria_node_json(&node, result);
			code = maria_heartbeat(&m, result, err);
		}
		if (code == ERR_NONE)
			code = maria_row(&m, rights_sql, rights, NULL, err);
		maria_close(&m);
	}
	if (code == ERR_NONE) {
		checks_add(&checks, "replica", node.replica, "%s",
			node.replica ? "it is a replica" : "it is a primary");
		checks_add(&checks, "rights", has_rights(rights), "%s",
			has_rights(rights)
				? "may end replication and read_only"
				: "needs READ_ONLY ADMIN and REPLICATION SLAVE ADMIN");
		if (node.replica)
			replica_checks(call, &node, result, &checks);
		maria_name_unknown(result);
		code = checks_end(&checks, call, result, err);
	}
	checks_release(&checks);
	json_decref(rights);
	return code;
}

/* ------------------------------------------------------------------ health.probe */

/* An application's user may not ask about replication: then the role is not known, and whether
 * the server is read-only still is. */
static enum err_code health_look(struct maria *m, json_t *result, struct err *err)
{
	json_t *row = json_object();
	bool replica = false;

	enum err_code code = maria_row(m,
		"select @@global.read_only as read_only, @@global.version as version", row,
		NULL, err);
	const bool read_only = json_int(row, "read_only", 1) != 0;
	if (code == ERR_NONE)
		json_put_str(result, "version", json_str(row, "version", ""));
	json_object_clear(row);
	if (code == ERR_NONE) {
		code = maria_row(m, "show slave status", row, &replica, err);
		json_put_str(result, "role",
			code != ERR_NONE ? "unknown"
			: replica	 ? "replica"
					 : "primary");
		if (code == ERR_AUTH) {
			*err = (struct err){ 0 };
			code = ERR_NONE;
		}
	}
	json_put_flag(result, "writable", !read_only && !replica);
	json_decref(row);
	return code;
}

RUN(mariadb_health)
{
	const char *wanted = call_string(call, "expect");
	struct mono start = mono_now();
	struct maria m;

	TRY(maria_open(&m, call, NULL, err));
	json_put_int(result, "connect_us", (mono_now().ns - start.ns) / 1000);
	start = mono_now();
	enum err_code code = maria_exec(&m, "select 1", err);
	json_put_int(result, "latency_us", (mono_now().ns - start.ns) / 1000);
	if (code == ERR_NONE)
		code = health_look(&m, result, err);
	maria_close(&m);
	TRY(code);
	const char *role = json_str(result, "role", "");
	const bool writable = json_flag(result, "writable", false);
	const bool ok = str_eq(wanted, "any") || str_eq(wanted, role) ||
			(str_eq(wanted, "writable") && writable);
	json_put_flag(result, "ok", ok);
	if (!ok)
		return err_set(err, ERR_PRECONDITION, "\"%s\" is %s%s%s, expected was %s",
			call_target(call), str_eq(role, "unknown") ? "of unknown role" : "a ",
			str_eq(role, "unknown") ? "" : role, writable ? "" : ", read-only",
			wanted);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ replication.canary */

static enum err_code replica_place(
	struct call *call, struct net_endpoint *at, bool *has, struct err *err)
{
	const char *host = call_string(call, "replica_host");

	*has = host != NULL;
	return host != NULL
		       ? net_endpoint_parse(host, (int)call_int(call, "replica_port"), at, err)
		       : ERR_NONE;
}

PREPARE(mariadb_canary_prepare)
{
	const int64_t each = setting_int(call, "connect_timeout");
	struct maria_node node, other;
	struct net_endpoint at;
	bool has;

	TRY(maria_check_name("table", call_string(call, "table"), err));
	TRY(replica_place(call, &at, &has, err));
	TRY(maria_look_at(call, NULL, each, &node, err));
	if (node.replica || node.read_only)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is %s: a marker is written on the primary", call_target(call),
			node.replica ? "a replica" : "read-only");
	json_put_str(before, "gtid", node.current_pos);
	if (!has)
		return ERR_NONE;
	if (maria_look_at(call, &at, each, &other, err) != ERR_NONE)
		return err_context(err, "the replica");
	if (!other.replica)
		return err_set(
			err, ERR_PRECONDITION, "%s port %d is no replica", at.host, at.port);
	return ERR_NONE;
}

static enum err_code mark(struct maria *m, struct err *err)
{
	const char *table = call_string(m->call, "table");
	char *target = maria_quote(m, call_target(m->call)),
	     *key = maria_quote(m, call_key(m->call));
	char *create = xasprintf(
		"create table if not exists %s(target varchar(190) primary key,"
		" mark_key varchar(190) not null, at_ms bigint not null) engine = innodb",
		table);
	char *put = xasprintf("insert into %s values (%s, %s, %" PRId64 ") on duplicate key"
			      " update mark_key = values(mark_key), at_ms = values(at_ms)",
		table, target, key, wall_now().ns / 1000000);

	m->finish = true;
	enum err_code code = maria_exec(m, create, err);
	if (code == ERR_NONE)
		code = maria_exec(m, put, err);
	free(put);
	free(create);
	free(key);
	free(target);
	return code;
}

/* A table that is not there yet has no marker. */
static enum err_code marked(struct maria *m, bool *found, struct err *err)
{
	char *target = maria_quote(m, call_target(m->call)),
	     *key = maria_quote(m, call_key(m->call));
	char *sql = xasprintf("select 1 from %s where target = %s and mark_key = %s",
		call_string(m->call, "table"), target, key);
	json_t *row = json_object();

	*found = false;
	enum err_code code = maria_row(m, sql, row, found, err);
	if (code == ERR_NOT_FOUND) {
		*err = (struct err){ 0 };
		code = ERR_NONE;
	}
	json_decref(row);
	free(sql);
	free(key);
	free(target);
	return code;
}

static enum err_code wait_marker(
	struct call *call, struct maria *reader, json_t *result, struct err *err)
{
	const struct mono start = mono_now();
	bool found = false;

	while (!found) {
		enum err_code code = marked(reader, &found, err);

		if (code == ERR_NONE && !found)
			code = call_sleep(call, CANARY_POLL_MS, err);
		if (code != ERR_NONE) {
			err->world = WORLD_CHANGED;
			return err_context(err, "the marker is written and has not arrived");
		}
	}
	json_put_int(result, "arrived_ms", mono_ms_since(start));
	return ERR_NONE;
}

RUN(mariadb_canary)
{
	struct maria primary, replica = { 0 };
	struct net_endpoint at;
	bool has;

	TRY(replica_place(call, &at, &has, err));
	TRY(maria_open(&primary, call, NULL, err));
	enum err_code code = has ? maria_open(&replica, call, &at, err) : ERR_NONE;
	if (code == ERR_NONE)
		code = mark(&primary, err);
	primary.finish = false;
	if (code == ERR_NONE)
		code = wait_marker(call, has ? &replica : &primary, result, err);
	json_put_str(result, "basis",
		has ? "a marker row, from its commit to its being readable at the replica"
		    : "a marker row, written and read back at the same server");
	maria_close(&replica);
	maria_close(&primary);
	return code;
}

VERIFY(mariadb_canary_verify)
{
	struct maria m;
	bool found = false;

	TRY(maria_open(&m, call, NULL, err));
	const enum err_code code = marked(&m, &found, err);
	maria_close(&m);
	json_put_flag(evidence, "marker", found);
	*verdict = found ? VERDICT_DONE : VERDICT_NOT_DONE;
	return code;
}

/* ------------------------------------------------------------------ doctor */

RUN(mariadb_doctor)
{
	json_t *rights = json_object();
	struct maria_node node;
	struct checks checks;
	struct err why = { 0 };
	struct maria m;

	(void)err;
	checks_init(&checks, result);
	enum err_code code = maria_open(&m, call, NULL, &why);
	checks_add(&checks, "reachable", code == ERR_NONE, "%s",
		code == ERR_NONE ? "connected" : why.text);
	if (code == ERR_NONE) {
		code = maria_look(&m, &node, &why);
		if (code == ERR_NONE)
			code = maria_row(&m, rights_sql, rights, NULL, &why);
		maria_close(&m);
		/* an application's user may not ask about replication, and then needs not */
		checks_add(&checks, code == ERR_AUTH ? "rights" : "identity", code == ERR_NONE,
			"%s", code == ERR_NONE ? node.identity : why.text);
	}
	if (code == ERR_NONE) {
		/* SHOW REPLICA STATUS has had its GTID columns since 10.0; what is relied on
		 * besides came with 10.5 */
		const long major = strtol(node.version, NULL, 10);
		const char *dot = strchr(node.version, '.');
		const long minor = dot != NULL ? strtol(dot + 1, NULL, 10) : 0;
		const bool maria = strstr(node.version, "MariaDB") != NULL;

		checks_add(&checks, "version",
			maria && (major > 10 || (major == 10 && minor >= 5)), "%s, a %s",
			node.version, node.replica ? "replica" : "primary");
		checks_add(&checks, "rights",
			has_rights(rights) && json_int(rights, "connections", 0) > 0,
			"%s end replication, %s change read_only, %s disconnect clients",
			json_int(rights, "replication", 0) > 0 ? "may" : "may not",
			json_int(rights, "read_only", 0) > 0 ? "may" : "may not",
			json_int(rights, "connections", 0) > 0 ? "may" : "may not");
		checks_add(&checks, "binlog", node.binlog && node.log_updates, "%s",
			node.binlog && node.log_updates
				? "log_bin and log_slave_updates are on"
				: "log_bin or log_slave_updates is off");
	}
	checks_release(&checks);
	json_decref(rights);
	return ERR_NONE;
}
#endif
