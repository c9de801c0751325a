/* postgres_status.c: looking at a node: replication.status, failover.precheck, health.probe,
 * the canary and the doctor's probe.
 *
 * What the server does not know is named in "unknown" and is never a 0: a NULL LSN, a replay
 * clock before the first replayed commit.  Positions and clocks are told apart because each of
 * them lies alone: bytes are 0 behind a cut link, the replay clock grows while nothing is
 * written. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_backup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CANARY_POLL_MS = 5 };

/* ------------------------------------------------------------------ heartbeat */

/* A table name from the workspace goes into SQL: only plain (schema-qualified) names. */
static enum err_code check_name(const char *what, const char *name, struct err *err)
{
	if (!pg_is_plain_name(name))
		return err_set(err, ERR_USAGE,
			"%s \"%s\" must be a plain name such as ops.heartbeat", what, name);
	return ERR_NONE;
}

/* heartbeat_age_ms and heartbeat_at_ms, both null when there is no row. */
static enum err_code heartbeat(struct pg *pg, json_t *into, struct err *err)
{
	const char *table = call_string(pg->call, "heartbeat");

	if (table == NULL)
		table = setting_string(pg->call, "heartbeat");
	if (table == NULL)
		return ERR_NONE;
	TRY(check_name("heartbeat", table, err));
	char *sql = xasprintf(
		"select round(extract(epoch from clock_timestamp() - max(at)) * 1000)::int8"
		" as heartbeat_age_ms, round(extract(epoch from max(at)) * 1000)::int8 as "
		"heartbeat_at_ms"
		" from %s",
		table);
	enum err_code code = pg_row(pg, sql, 0, NULL, into, err);
	free(sql);
	return code;
}

/* ------------------------------------------------------------------ replication.status */

static enum err_code standby_status(struct pg *pg, json_t *result, struct err *err)
{
	static const char sql[] =
		"select case when (" PG_RECEIVED ") >= pg_last_wal_replay_lsn() then"
		" pg_wal_lsn_diff(" PG_RECEIVED ", pg_last_wal_replay_lsn())::int8"
		" end as lag_bytes, round(extract(epoch from clock_timestamp() -"
		" pg_last_xact_replay_timestamp()) * 1000)::int8 as replay_age_ms,"
		" round(extract(epoch from pg_last_xact_replay_timestamp()) * 1000)::int8"
		" as recovery_point_ms, pg_is_wal_replay_paused() as replay_paused,"
		" exists (select from pg_stat_wal_receiver where status = 'streaming')"
		" as streaming, (select nullif(slot_name, '') from pg_stat_wal_receiver)"
		" as slot";

	TRY(pg_row(pg, sql, 0, NULL, result, err));
	if (json_is_null(json_object_get(result, "slot")))
		json_object_del(result, "slot"); /* having none is not unknown */
	json_put_str(result, "role", "standby");
	json_put_str(result, "basis", "received minus replayed LSN at the standby");
	return ERR_NONE;
}

static enum err_code primary_status(struct pg *pg, json_t *result, struct err *err)
{
	static const char standbys[] =
		"select application_name as name, state, sync_state,"
		" pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int8 as lag_bytes,"
		" pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)::int8 as flush_lag_bytes,"
		" round(extract(epoch from replay_lag) * 1000)::int8 as replay_lag_ms"
		" from pg_stat_replication order by 1";
	static const char slots[] =
		"select slot_name as name, active, wal_status,"
		" pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 as retained_bytes,"
		" safe_wal_size as safe_bytes from pg_replication_slots order by 1";
	static const char lag[] =
		"select coalesce((select max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))"
		" from pg_stat_replication), (select max(pg_wal_lsn_diff(pg_current_wal_lsn(),"
		" restart_lsn)) from pg_replication_slots))::int8 as lag_bytes,"
		" (select count(*) from pg_stat_replication where state = 'streaming') > 0 as "
		"streaming,"
		" (select round(extract(epoch from max(coalesce(replay_lag, interval '0'))) *"
		" 1000)::int8 from pg_stat_replication) as lag_ms,"
		" (select wal_status from pg_replication_slots order by array_position(array["
		" 'lost', 'unreserved', 'extended', 'reserved'], wal_status) limit 1)"
		" as wal_status,"
		" (select count(*) from pg_stat_replication) as connected";
	json_t *list = NULL;

	TRY(pg_row(pg, lag, 0, NULL, result, err));
	json_put_str(result, "role", "primary");
	json_put_str(result, "basis",
		json_int(result, "connected", 0) > 0
			? "current minus replayed LSN in pg_stat_replication"
			: "current minus restart LSN of the slots: no standby is connected");
	json_object_del(result, "connected");
	if (json_is_null(json_object_get(result, "wal_status")))
		json_object_del(result, "wal_status"); /* no slots */
	if (json_is_integer(json_object_get(result, "lag_ms")))
		json_put_str(result, "lag_basis", "replay lag of the slowest standby");
	TRY(pg_rows(pg, standbys, &list, err));
	json_put(result, "standbys", list);
	TRY(pg_rows(pg, slots, &list, err));
	json_put(result, "slots", list);
	return ERR_NONE;
}

/* A clock of the data itself where there is one; an idle stream that is through is not behind.
 */
static void standby_lag(json_t *result)
{
	const json_t *beat = json_object_get(result, "heartbeat_age_ms"),
		     *replay = json_object_get(result, "replay_age_ms"),
		     *bytes = json_object_get(result, "lag_bytes");
	const char *basis = NULL;
	int64_t lag = 0;

	if (json_is_integer(beat)) {
		basis = "age of the heartbeat row";
		lag = json_integer_value(beat);
	} else if (json_is_integer(bytes) && json_integer_value(bytes) == 0 &&
		   json_flag(result, "streaming", false)) {
		basis = "it streams, and all that was received is replayed";
	} else if (json_is_integer(replay)) {
		basis = "age of the last replayed commit";
		lag = json_integer_value(replay);
	}
	json_put(result, "lag_ms", basis != NULL ? json_integer(lag) : json_null());
	if (basis != NULL)
		json_put_str(result, "lag_basis", basis);
}

static enum err_code status(struct pg *pg, json_t *result, struct err *err)
{
	TRY(pg_identity(pg, result, err));
	TRY(json_flag(result, "in_recovery", false) ? standby_status(pg, result, err)
						    : primary_status(pg, result, err));
	TRY(heartbeat(pg, result, err));
	if (json_flag(result, "in_recovery", false))
		standby_lag(result);
	pg_name_unknown(result);
	return ERR_NONE;
}

RUN(postgres_status)
{
	struct pg pg;
	enum err_code code = pg_open(&pg, call, NULL, err);

	if (code == ERR_UNREACHABLE && call_bool(call, "allow_down")) {
		json_put_str(result, "role", "down");
		json_put_str(result, "basis", err->text);
		json_put(result, "unknown", json_pack("[s,s]", "lag_bytes", "timeline"));
		*err = (struct err){ 0 };
		return ERR_NONE;
	}
	TRY(code);
	code = status(&pg, result, err);
	pg_close(&pg);
	return code;
}

/* ------------------------------------------------------------------ failover.precheck */

struct checks {
	json_t *list;
	struct buf failed;
};

static void PRINTF(4, 5)
	check(struct checks *checks, const char *name, bool ok, const char *fmt, ...)
{
	char detail[256];
	struct err full;
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	pg_check_row(checks->list, name, ok, "%s", detail);
	if (!ok && buf_addf(&checks->failed, &full, "%s%s: %s",
			   checks->failed.len > 0 ? "; " : "", name, detail) != ERR_NONE)
		return;
}

static void check_limit(struct checks *checks, const char *name, const json_t *facts,
	const char *fact, int64_t most, const char *unit)
{
	const json_t *value = json_object_get(facts, fact);

	if (value == NULL)
		check(checks, name, false, "unknown");
	else
		check(checks, name, json_integer_value(value) <= most,
			"%" PRId64 " %s, allowed are %" PRId64,
			(int64_t)json_integer_value(value), unit, most);
}

static void standby_checks(struct call *call, const json_t *facts, struct checks *checks)
{
	const char *receive = json_str(facts, "receive_lsn", NULL);
	bool paused = json_flag(facts, "replay_paused", false);
	bool hints = json_flag(facts, "hints", false);

	check(checks, "received", receive != NULL, "%s",
		receive != NULL ? receive : "nothing since it was started");
	check_limit(
		checks, "lag", facts, "lag_bytes", call_int(call, "max_lag_bytes"), "bytes");
	if (json_object_get(facts, "heartbeat_age_ms") != NULL || call_has(call, "heartbeat") ||
		setting_has(call, "heartbeat"))
		check_limit(checks, "heartbeat", facts, "heartbeat_age_ms",
			call_int(call, "max_age"), "ms old");
	check(checks, "replay", !paused, "%s", paused ? "is paused" : "is running");
	if (call_bool(call, "rewind"))
		check(checks, "rewind", hints, "%s",
			hints ? "wal_log_hints or checksums are on"
			      : "wal_log_hints and checksums are off: the old primary could "
				"not be rewound");
}

RUN(postgres_precheck)
{
	static const char hints[] = "select current_setting('wal_log_hints')::bool or "
				    "current_setting('data_checksums')::bool"
				    " as hints, has_function_privilege('pg_promote(bool, "
				    "int)', 'execute') as may_promote";
	struct checks checks = { .list = json_array() };
	json_t *facts = json_object();
	struct pg pg;

	json_put(result, "checks", checks.list);
	buf_init(&checks.failed, 600);
	enum err_code code = pg_open(&pg, call, NULL, err);
	if (code != ERR_NONE)
		goto out;
	code = status(&pg, facts, err);
	if (code == ERR_NONE)
		code = pg_row(&pg, hints, 0, NULL, facts, err);
	pg_close(&pg);
	if (code != ERR_NONE)
		goto out;
	bool standby = json_flag(facts, "in_recovery", false);
	check(&checks, "standby", standby, "%s", standby ? "is in recovery" : "is a primary");
	bool may = json_flag(facts, "may_promote", false);
	check(&checks, "rights", may, "%s pg_promote", may ? "may execute" : "may not execute");
	if (standby)
		standby_checks(call, facts, &checks);
	json_object_del(facts, "checks");
	json_object_update_missing(result, facts);
	json_put_flag(result, "ok", checks.failed.len == 0);
	if (checks.failed.len > 0)
		code = err_set(err, ERR_PRECONDITION, "\"%s\" is not fit to be promoted: %s",
			call_target(call), checks.failed.data);
out:
	buf_release(&checks.failed);
	json_decref(facts);
	return code;
}

/* ------------------------------------------------------------------ health.probe */

RUN(postgres_health)
{
	static const char sql[] = "select case when pg_is_in_recovery() then 'standby' else "
				  "'primary' end as role,"
				  " not pg_is_in_recovery() and not "
				  "current_setting('transaction_read_only')::bool as"
				  " writable, current_setting('server_version') as version";
	const char *wanted = call_string(call, "expect");
	struct mono start = mono_now();
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	json_put_int(result, "connect_us", (mono_now().ns - start.ns) / 1000);
	start = mono_now();
	enum err_code code = pg_row(&pg, sql, 0, NULL, result, err);
	json_put_int(result, "latency_us", (mono_now().ns - start.ns) / 1000);
	pg_close(&pg);
	TRY(code);
	const char *role = json_str(result, "role", "");
	bool writable = json_flag(result, "writable", false);
	bool ok = str_eq(wanted, "any") || str_eq(wanted, role) ||
		  (str_eq(wanted, "writable") && writable);
	json_put_flag(result, "ok", ok);
	if (!ok)
		return err_set(err, ERR_PRECONDITION, "\"%s\" is a %s%s, expected was %s",
			call_target(call), role, writable ? "" : ", read-only", wanted);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ replication.canary */

static enum err_code open_standby(struct pg *pg, struct call *call, struct err *err)
{
	struct pg_endpoint to = pg_endpoint_of(call, "standby_host", "standby_port", NULL);
	enum err_code code = pg_open(pg, call, &to, err);

	return code == ERR_NONE ? code : err_context(err, "the standby");
}

/* Same cluster, one in recovery and one not: or the marker could never arrive. */
static enum err_code check_pair(
	struct pg *primary, struct pg *standby, json_t *before, struct err *err)
{
	json_t *other = json_object();
	enum err_code code = pg_identity(primary, before, err);

	if (code == ERR_NONE)
		code = pg_identity(standby, other, err);
	if (code == ERR_NONE && json_flag(before, "in_recovery", true))
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" is a standby: a marker is written on the "
			"primary",
			call_target(primary->call));
	if (code == ERR_NONE && !json_flag(other, "in_recovery", false))
		code = err_set(err, ERR_PRECONDITION, "%s:%" PRId64 " is not in recovery",
			call_string(primary->call, "standby_host"),
			call_int(primary->call, "standby_port"));
	if (code == ERR_NONE &&
		!str_eq(json_str(before, "system_id", ""), json_str(other, "system_id", NULL)))
		code = err_set(err, ERR_PRECONDITION,
			"the standby belongs to another cluster (%s, not %s)",
			json_str(other, "system_id", ""), json_str(before, "system_id", ""));
	json_decref(other);
	return code;
}

PREPARE(postgres_canary_prepare)
{
	struct pg primary, standby;

	TRY(check_name("table", call_string(call, "table"), err));
	TRY(pg_open(&primary, call, NULL, err));
	enum err_code code = open_standby(&standby, call, err);
	if (code == ERR_NONE) {
		code = check_pair(&primary, &standby, before, err);
		pg_close(&standby);
	}
	pg_close(&primary);
	return code;
}

/* into["at"] becomes the marker's time: with the same key an earlier one may be there. */
static enum err_code mark(
	struct pg *pg, const char *table, const char *key, json_t *into, struct err *err)
{
	const char *const values[] = { call_target(pg->call), key };
	char *create = xasprintf(
		"create table if not exists %s(target text primary key, key text not null,"
		" at timestamptz not null)",
		table);
	char *put = xasprintf(
		"insert into %s as t values ($1, $2, clock_timestamp()) on conflict (target)"
		" do update set key = excluded.key, at = excluded.at returning at::text as at",
		table);

	enum err_code code = pg_exec(pg, create, err);
	if (code == ERR_NONE)
		code = pg_row(pg, put, 2, values, into, err);
	free(create);
	free(put);
	return code;
}

/* In *found whether the marker with this key can be read, of that time or later unless at is
 * NULL; a table that is not there yet has none. */
static enum err_code marked(struct pg *pg, const char *table, const char *key, const char *at,
	bool *found, struct err *err)
{
	const char *const values[] = { call_target(pg->call), key, at };
	char *sql =
		xasprintf("select count(*) > 0 as found from %s where target = $1 and key = $2"
			  " and ($3::timestamptz is null or at >= $3::timestamptz)",
			table);
	json_t *row = json_object();

	enum err_code code = pg_row(pg, sql, 3, values, row, err);
	*found = json_flag(row, "found", false);
	if (code == ERR_NOT_FOUND)
		code = ERR_NONE;
	json_decref(row);
	free(sql);
	return code;
}

RUN(postgres_canary)
{
	const char *table = call_string(call, "table"), *key = call_key(call);
	struct pg primary, standby;
	json_t *marker = json_object();
	struct mono start;
	bool found = false;

	enum err_code code = open_standby(&standby, call, err);
	if (code == ERR_NONE)
		code = pg_open(&primary, call, NULL, err);
	if (code != ERR_NONE)
		goto out;
	code = mark(&primary, table, key, marker, err);
	start = mono_now();
	pg_close(&primary);
	while (code == ERR_NONE && !found) {
		code = marked(&standby, table, key, json_str(marker, "at", NULL), &found, err);
		if (code == ERR_NONE && !found)
			code = call_sleep(call, CANARY_POLL_MS, err);
		if (code != ERR_NONE) {
			err_context(err, "the marker has not arrived at the standby");
			err->world = WORLD_CHANGED;
		}
	}
	if (code == ERR_NONE) {
		json_put_int(result, "arrived_ms", mono_ms_since(start));
		json_put_str(
			result, "basis", "a marker row, from its commit to its being readable");
	}
out:
	json_decref(marker);
	pg_close(&standby);
	return code;
}

VERIFY(postgres_canary_verify)
{
	struct pg pg;
	bool found = false;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code =
		marked(&pg, call_string(call, "table"), call_key(call), NULL, &found, err);
	pg_close(&pg);
	json_put_flag(evidence, "marker", found);
	*verdict = found ? VERDICT_DONE : VERDICT_NOT_DONE;
	return code;
}

/* ------------------------------------------------------------------ doctor */

/* What starts or rejoins a node waits for its answer through its socket.  That another password
 * (or another line of the password file) is wanted there must not be found out then. */
static void socket_check(struct call *call, struct checks *checks)
{
	const struct pg_endpoint local = { .host = setting_string(call, "socket_dir") };
	struct err why = { 0 };
	struct pg pg;

	if (local.host == NULL)
		return;
	enum err_code code = pg_open(&pg, call, &local, &why);
	check(checks, "socket_dir", code == ERR_NONE, "%s",
		code == ERR_NONE ? "connected" : why.text);
	if (code == ERR_NONE)
		pg_close(&pg);
}

/* Points in time end where the archive ends. */
static void archiver_check(const json_t *facts, struct checks *checks)
{
	const bool off = str_eq(json_str(facts, "archive_mode", "off"), "off"),
		   fails = json_flag(facts, "archiver_fails", false);

	if (json_flag(facts, "in_recovery", false) && !fails)
		return; /* the primary archives */
	check(checks, "archiver", !off && !fails, "%s%s",
		off	? "archive_mode is off: no point in time behind a backup"
		: fails ? "the last try failed: "
			: "archives",
		fails ? json_str(facts, "failed", "") : "");
}

static void local_checks(struct call *call, struct checks *checks)
{
	struct err why = { 0 };
	json_t *control = json_object();
	struct node node;

	if (!setting_has(call, "data_dir")) {
		check(checks, "data_dir", true,
			"not set: this host cannot fence, start or rewind it");
		goto out;
	}
	enum err_code code = node_open(&node, call, &why);
	if (code == ERR_NONE)
		code = node_control(&node, control, &why);
	if (code != ERR_NONE)
		check(checks, "data_dir", false, "%s", why.text);
	else
		check(checks, "data_dir", true, "%s, system %s, %s",
			json_str(control, "state", ""), json_str(control, "system_id", ""),
			json_flag(control, "hints", false)
				? "can be rewound"
				: "cannot be rewound (wal_log_hints and checksums are off)");
out:
	json_decref(control);
}

RUN(postgres_probe)
{
	static const char sql[] =
		"select current_setting('server_version') as version, current_user::text as "
		"who,"
		" (select rolsuper from pg_roles where rolname = current_user) as super,"
		" has_function_privilege('pg_promote(bool, int)', 'execute') as may_promote,"
		" pg_has_role('pg_monitor', 'member') as may_monitor,"
		" current_setting('wal_log_hints')::bool or "
		"current_setting('data_checksums')::bool as hints,"
		" current_setting('archive_mode') as archive_mode, last_failed_wal as failed,"
		" coalesce(last_failed_time > last_archived_time, last_failed_time is not null)"
		" as archiver_fails from pg_stat_archiver";
	struct checks checks = { .list = json_array() };
	json_t *facts = json_object();
	struct err why = { 0 };
	struct pg pg;

	(void)err;
	json_put(result, "checks", checks.list);
	buf_init(&checks.failed, 600);
	enum err_code code = pg_open(&pg, call, NULL, &why);
	check(&checks, "reachable", code == ERR_NONE, "%s",
		code == ERR_NONE ? "connected" : why.text);
	if (code == ERR_NONE) {
		code = pg_identity(&pg, facts, &why);
		if (code == ERR_NONE)
			code = pg_row(&pg, sql, 0, NULL, facts, &why);
		pg_close(&pg);
		check(&checks, "identity", code == ERR_NONE, "%s%s",
			code == ERR_NONE ? "system " : "",
			code == ERR_NONE ? json_str(facts, "system_id", "") : why.text);
	}
	if (code == ERR_NONE) {
		bool may = json_flag(facts, "may_promote", false);
		check(&checks, "version", true, "%s, a %s", json_str(facts, "version", ""),
			json_flag(facts, "in_recovery", false) ? "standby" : "primary");
		check(&checks, "rights", may && json_flag(facts, "may_monitor", false),
			"%s: %s, %s pg_promote, %s statistics", json_str(facts, "who", ""),
			json_flag(facts, "super", false) ? "superuser" : "not superuser",
			may ? "may" : "may not",
			json_flag(facts, "may_monitor", false)
				? "sees all"
				: "does not see all (grant pg_monitor)");
		check(&checks, "rewind", json_flag(facts, "hints", false), "%s",
			json_flag(facts, "hints", false)
				? "wal_log_hints or checksums are on"
				: "wal_log_hints and checksums are off: pg_rewind will not be "
				  "possible");
		socket_check(call, &checks);
		if (setting_has(call, "backup_dir"))
			archiver_check(facts, &checks);
	}
	local_checks(call, &checks);
	base_probe(call, checks.list);
	buf_release(&checks.failed);
	json_decref(facts);
	return ERR_NONE;
}
#endif
