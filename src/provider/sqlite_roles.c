/* sqlite_roles.c: which of two SQLite databases takes writes: status, precheck, promote, fence,
 * unfence, reverse.
 *
 * The role is a row in the database itself and changes in one transaction.  A writer that looks
 * at it in its own transaction cannot write after a fence: either its commit came first, or it
 * sees the fence.  Each promotion raises the epoch, so a follower of the old primary notices
 * that its time is over. */
#include "sqlite_db.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *own_path(const struct call *call)
{
	return setting_string(call, "path");
}

static enum err_code open_own(struct lite *lite, struct call *call, int flags, struct err *err)
{
	return lite_open(lite, call, own_path(call), flags, err);
}

/* The role row of one database; a database without the table has none, and operations on roles
 * refuse it. */
static enum err_code own_role(struct call *call, struct role *out, struct err *err)
{
	struct lite lite;

	TRY(open_own(&lite, call, 0, err));
	enum err_code code = role_read(&lite, out, err);
	lite_close(&lite);
	if (code == ERR_NONE && out->name[0] == '\0')
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" has no table drillbook_role: it takes part in no failover",
			own_path(call));
	return code;
}

static void put_role(json_t *into, const struct role *role)
{
	json_put_str(into, "role", role->name);
	json_put_int(into, "epoch", role->epoch);
}

static struct role role_of(const json_t *json)
{
	struct role role = { .epoch = json_int(json, "epoch", 0) };

	snprintf(role.name, sizeof(role.name), "%.15s", json_str(json, "role", ""));
	return role;
}

static enum err_code change_own(struct call *call, const struct role *from, const char *name,
	int64_t epoch, struct err *err)
{
	struct role to = { .epoch = epoch };
	struct lite lite;

	snprintf(to.name, sizeof(to.name), "%s", name);
	TRY(open_own(&lite, call, LITE_WRITE, err));
	enum err_code code = role_change(&lite, from, &to, err);
	lite_close(&lite);
	return code;
}

/* ------------------------------------------------------------------ the peer */

struct peer {
	bool set, readable;
	struct role role;
	char why[200]; /* not readable */
};

static void look_at_peer(struct call *call, struct peer *peer)
{
	const char *path = setting_string(call, "peer");
	struct err why = { 0 };
	struct lite lite;

	*peer = (struct peer){ .set = path != NULL };
	if (path == NULL)
		return;
	enum err_code code = lite_open(&lite, call, path, 0, &why);
	if (code == ERR_NONE) {
		code = role_read(&lite, &peer->role, &why);
		lite_close(&lite);
	}
	peer->readable = code == ERR_NONE;
	snprintf(peer->why, sizeof(peer->why), "%.199s", why.text);
}

/* Rows of setting table, by its highest rowid: what a follower that copies in order has
 * reached. */
static enum err_code last_row(
	struct call *call, const char *path, const char *table, json_t **out, struct err *err)
{
	struct lite lite;

	TRY(lite_check_name("table", table, err));
	TRY(lite_open(&lite, call, path, 0, err));
	char *sql = xasprintf("select coalesce(max(rowid), 0) from \"%s\"", table);
	enum err_code code = lite_value(&lite, sql, out, err);
	free(sql);
	lite_close(&lite);
	return code;
}

/* rows, and rows_behind (peer's minus ours, null when the peer cannot be asked). */
static enum err_code compare_rows(
	struct call *call, const struct peer *peer, json_t *result, struct err *err)
{
	const char *table = setting_string(call, "table");
	struct err ignored = { 0 };
	json_t *ours = NULL, *theirs = NULL;

	if (table == NULL)
		return ERR_NONE;
	TRY(last_row(call, own_path(call), table, &ours, err));
	json_put(result, "last_row", json_incref(ours));
	if (peer->set && last_row(call, setting_string(call, "peer"), table, &theirs,
				 &ignored) == ERR_NONE)
		json_put_int(result, "rows_behind",
			json_integer_value(theirs) - json_integer_value(ours));
	else if (peer->set)
		json_put(result, "rows_behind", json_null());
	json_decref(ours);
	json_decref(theirs);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ status, precheck */

static enum err_code status(
	struct call *call, struct peer *peer, json_t *result, struct err *err)
{
	struct role role;
	struct lite lite;

	*peer = (struct peer){ .set = false };
	TRY(open_own(&lite, call, 0, err));
	enum err_code code = role_read(&lite, &role, err);
	if (code == ERR_NONE)
		code = heartbeat_read(&lite, result, err);
	lite_close(&lite);
	TRY(code);
	put_role(result, &role);
	if (role.name[0] == '\0')
		json_put(result, "role", json_null());
	look_at_peer(call, peer);
	if (peer->set) {
		json_put_flag(result, "peer_readable", peer->readable);
		json_put(result, "peer_role",
			peer->readable ? json_string(peer->role.name) : json_null());
		json_put(result, "peer_epoch",
			peer->readable ? json_integer(peer->role.epoch) : json_null());
	}
	TRY(compare_rows(call, peer, result, err));
	json_put_str(result, "basis", "role rows; highest rowid of the table; heartbeat row");
	lite_name_unknown(result);
	return ERR_NONE;
}

RUN(sqlite_status)
{
	struct peer peer;
	enum err_code code = status(call, &peer, result, err);

	if (code == ERR_UNREACHABLE && call_bool(call, "allow_down")) {
		json_put_str(result, "role", "down");
		json_put_str(result, "basis", err->text);
		*err = (struct err){ 0 };
		return ERR_NONE;
	}
	return code;
}

static void PRINTF(5, 6) check(
	json_t *checks, struct buf *failed, const char *name, bool ok, const char *fmt, ...)
{
	char detail[256];
	json_t *row = json_object();
	struct err full;
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	json_put_str(row, "name", name);
	json_put_flag(row, "ok", ok);
	json_put_str(row, "detail", detail);
	json_array_append_new(checks, row);
	if (!ok && buf_addf(failed, &full, "%s%s: %s", failed->len > 0 ? "; " : "", name,
			   detail) != ERR_NONE)
		return;
}

static void check_most(json_t *checks, struct buf *failed, const char *name,
	const json_t *facts, const char *fact, int64_t most)
{
	const json_t *value = json_object_get(facts, fact);

	if (value == NULL)
		check(checks, failed, name, false, "unknown");
	else
		check(checks, failed, name, json_integer_value(value) <= most,
			"%" PRId64 ", allowed are %" PRId64, (int64_t)json_integer_value(value),
			most);
}

static enum err_code check_file(
	struct call *call, json_t *checks, struct buf *failed, struct err *err)
{
	char said[400];
	bool good = false;
	struct lite lite;

	TRY(open_own(&lite, call, 0, err));
	enum err_code code = lite_integrity(&lite, &good, said, sizeof(said), err);
	lite_close(&lite);
	check(checks, failed, "integrity", good, "%s", said);
	return code;
}

RUN(sqlite_precheck)
{
	json_t *checks = json_array(), *facts = json_object();
	struct peer peer;
	struct buf failed;

	buf_init(&failed, 600);
	json_put(result, "checks", checks);
	enum err_code code = status(call, &peer, facts, err);
	if (code == ERR_NONE)
		code = check_file(call, checks, &failed, err);
	if (code != ERR_NONE)
		goto out;
	const char *role = json_str(facts, "role", "no role");
	check(checks, &failed, "standby", str_eq(role, "standby"), "is %s", role);
	if (setting_has(call, "heartbeat"))
		check_most(checks, &failed, "heartbeat", facts, "heartbeat_age_ms",
			call_int(call, "max_age"));
	/* a peer that is gone cannot say how far it was: the heartbeat must do then */
	if (peer.readable && setting_has(call, "table"))
		check_most(checks, &failed, "rows", facts, "rows_behind",
			call_int(call, "max_rows_behind"));
	if (peer.readable)
		check(checks, &failed, "epoch", peer.role.epoch == json_int(facts, "epoch", -1),
			"%" PRId64 ", the peer's is %" PRId64, json_int(facts, "epoch", 0),
			peer.role.epoch);
	json_object_update_missing(result, facts);
	json_put_flag(result, "ok", failed.len == 0);
	if (failed.len > 0)
		code = err_set(err, ERR_PRECONDITION, "\"%s\" is not fit to be promoted: %s",
			call_target(call), failed.data);
out:
	buf_release(&failed);
	json_decref(facts);
	return code;
}

/* ------------------------------------------------------------------ promote */

PREPARE(sqlite_promote_prepare)
{
	struct role role;
	struct peer peer;

	TRY(own_role(call, &role, err));
	put_role(before, &role);
	look_at_peer(call, &peer);
	if (!str_eq(role.name, "standby"))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is %s of epoch %" PRId64 ", not a standby", call_target(call),
			role.name, role.epoch);
	if (peer.readable && str_eq(peer.role.name, "primary") && !call_bool(call, "unfenced"))
		return err_set(err, ERR_PRECONDITION,
			"the peer still is a primary (epoch %" PRId64 "): fence it first",
			peer.role.epoch);
	int64_t highest =
		peer.readable && peer.role.epoch > role.epoch ? peer.role.epoch : role.epoch;
	json_put_int(before, "new_epoch", highest + 1);
	json_put_flag(before, "peer_readable", peer.readable);
	return ERR_NONE;
}

/* The newest data the promoted database has: the last heartbeat that was copied into it. */
static void put_recovery_point(struct call *call, json_t *result)
{
	struct err ignored = { 0 };
	json_t *heartbeat = json_object();
	struct lite lite;

	json_put(result, "recovery_point_ms", json_null());
	if (open_own(&lite, call, 0, &ignored) == ERR_NONE) {
		json_t *at = NULL;
		if (heartbeat_read(&lite, heartbeat, &ignored) == ERR_NONE &&
			json_is_integer(at = json_object_get(heartbeat, "heartbeat_at_ms"))) {
			json_put(result, "recovery_point_ms", json_incref(at));
			json_put_str(result, "recovery_point_basis", "heartbeat row");
		}
		lite_close(&lite);
	}
	json_decref(heartbeat);
	lite_name_unknown(result);
}

RUN(sqlite_promote)
{
	const json_t *before = call_before(call);
	struct role from = role_of(before);
	struct mono start = mono_now();

	TRY(change_own(
		call, &from, "primary", json_int(before, "new_epoch", from.epoch + 1), err));
	json_put_int(result, "epoch", json_int(before, "new_epoch", from.epoch + 1));
	json_put_int(result, "took_ms", mono_ms_since(start));
	put_recovery_point(call, result);
	return ERR_NONE;
}

VERIFY(sqlite_promote_verify)
{
	const json_t *before = call_before(call);
	struct role from = role_of(before), now;

	TRY(own_role(call, &now, err));
	put_role(evidence, &now);
	if (now.epoch == json_int(before, "new_epoch", -1) && str_eq(now.name, "primary")) {
		*verdict = VERDICT_DONE;
		json_put(
			evidence, "result", json_pack("{s:I}", "epoch", (json_int_t)now.epoch));
	} else if (now.epoch == from.epoch && str_eq(now.name, from.name)) {
		*verdict = VERDICT_NOT_DONE;
	} else {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason",
			"its role and epoch are neither the old nor the new ones");
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ fence, unfence */

PREPARE(sqlite_fence_prepare)
{
	struct role role;

	TRY(own_role(call, &role, err));
	put_role(before, &role);
	if (str_eq(role.name, "fenced"))
		return ERR_NONE;
	if (!str_eq(role.name, "primary"))
		return err_set(err, ERR_PRECONDITION, "\"%s\" is %s: only a primary is fenced",
			call_target(call), role.name);
	json_put(before, "undo", json_pack("{s:s,s:{}}", "op", "failover.unfence", "args"));
	return ERR_NONE;
}

RUN(sqlite_fence)
{
	struct role from = role_of(call_before(call));
	struct mono start = mono_now();

	if (!str_eq(from.name, "fenced"))
		TRY(change_own(call, &from, "fenced", from.epoch, err));
	json_put_str(result, "level", "row");
	json_put_str(
		result, "how", "the role row says fenced: writers that look at it are refused");
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

static enum err_code verify_role(struct call *call, const char *wanted, json_t *evidence,
	enum verdict *verdict, struct err *err)
{
	struct role from = role_of(call_before(call)), now;

	TRY(own_role(call, &now, err));
	put_role(evidence, &now);
	*verdict = VERDICT_CANNOT_TELL;
	if (str_eq(now.name, wanted) && now.epoch == from.epoch)
		*verdict = VERDICT_DONE;
	else if (str_eq(now.name, from.name) && now.epoch == from.epoch)
		*verdict = VERDICT_NOT_DONE;
	else
		json_put_str(
			evidence, "reason", "its role or epoch was changed by somebody else");
	return ERR_NONE;
}

VERIFY(sqlite_fence_verify)
{
	return verify_role(call, "fenced", evidence, verdict, err);
}

PREPARE(sqlite_unfence_prepare)
{
	struct role role;
	struct peer peer;

	TRY(own_role(call, &role, err));
	put_role(before, &role);
	if (!str_eq(role.name, "fenced"))
		return err_set(err, ERR_PRECONDITION, "\"%s\" is %s, not fenced",
			call_target(call), role.name);
	look_at_peer(call, &peer);
	if (peer.readable && str_eq(peer.role.name, "primary"))
		return err_set(err, ERR_PRECONDITION,
			"the peer is the primary (epoch %" PRId64 "): two would take writes",
			peer.role.epoch);
	json_put(before, "undo", json_pack("{s:s,s:{}}", "op", "failover.fence", "args"));
	return ERR_NONE;
}

RUN(sqlite_unfence)
{
	struct role from = role_of(call_before(call));

	(void)result;
	return change_own(call, &from, "primary", from.epoch, err);
}

VERIFY(sqlite_unfence_verify)
{
	return verify_role(call, "primary", evidence, verdict, err);
}

/* ------------------------------------------------------------------ reverse */

PREPARE(sqlite_reverse_prepare)
{
	struct role role;
	struct peer peer;

	TRY(own_role(call, &role, err));
	put_role(before, &role);
	look_at_peer(call, &peer);
	if (!peer.readable)
		return err_set(err, ERR_PRECONDITION, "the peer cannot be read: %s",
			peer.set ? peer.why : "the target has no setting peer");
	if (!str_eq(peer.role.name, "primary") || peer.role.epoch <= role.epoch)
		return err_set(err, ERR_PRECONDITION,
			"the peer is %s of epoch %" PRId64 ", not a primary newer "
			"than epoch %" PRId64,
			peer.role.name, peer.role.epoch, role.epoch);
	if (str_eq(role.name, "primary"))
		return err_set(err, ERR_PRECONDITION, "\"%s\" is a primary: fence it first",
			call_target(call));
	json_put_int(before, "new_epoch", peer.role.epoch);
	return ERR_NONE;
}

/* The copy gets its role before it goes over the old database, which then changes from fenced
 * to standby in the one transaction that changes everything else. */
RUN(sqlite_reverse)
{
	const json_t *before = call_before(call);
	struct role to = { .name = "standby", .epoch = json_int(before, "new_epoch", 0) };
	struct mono start = mono_now();
	struct lite copy, own;
	char *part = NULL;

	enum err_code code =
		part_make(call, setting_string(call, "peer"), 0, own_path(call), &part, err);
	if (code == ERR_NONE)
		code = lite_open(&copy, call, part, LITE_CREATE, err);
	if (code != ERR_NONE)
		goto out;
	code = role_put(&copy, &to, err);
	if (code == ERR_NONE)
		code = open_own(&own, call, LITE_WRITE, err);
	if (code == ERR_NONE) {
		code = lite_copy(&copy, &own, err);
		lite_close(&own);
	}
	lite_close(&copy);
	json_put_int(result, "epoch", to.epoch);
	json_put_int(result, "took_ms", mono_ms_since(start));
out:
	if (part != NULL)
		unlink(part);
	free(part);
	return code;
}

VERIFY(sqlite_reverse_verify)
{
	const json_t *before = call_before(call);
	struct role from = role_of(before), now;

	TRY(own_role(call, &now, err));
	put_role(evidence, &now);
	*verdict = VERDICT_CANNOT_TELL;
	if (str_eq(now.name, "standby") && now.epoch == json_int(before, "new_epoch", -1))
		*verdict = VERDICT_DONE;
	else if (str_eq(now.name, from.name) && now.epoch == from.epoch)
		*verdict = VERDICT_NOT_DONE;
	else
		json_put_str(
			evidence, "reason", "its role or epoch was changed by somebody else");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ health, doctor */

RUN(sqlite_health)
{
	const char *wanted = call_string(call, "expect");
	struct mono start = mono_now();
	json_t *one = NULL;
	struct role role;
	struct lite lite;

	TRY(open_own(&lite, call, LITE_WRITE, err));
	enum err_code code = role_read(&lite, &role, err);
	if (code == ERR_NONE)
		code = lite_value(&lite, "select count(*) from sqlite_schema", &one, err);
	bool file_writable = sqlite3_db_readonly(lite.db, "main") == 0;
	lite_close(&lite);
	json_decref(one);
	TRY(code);
	const char *name = role.name[0] != '\0' ? role.name : "none";
	bool writable = file_writable && (str_eq(name, "none") || str_eq(name, "primary"));
	bool ok = str_eq(wanted, "any") || str_eq(wanted, name) ||
		  (str_eq(wanted, "writable") && writable);
	json_put_int(result, "latency_us", (mono_now().ns - start.ns) / 1000);
	json_put_str(result, "role", name);
	json_put_int(result, "epoch", role.epoch);
	json_put_flag(result, "writable", writable);
	json_put_flag(result, "ok", ok);
	if (!ok)
		return err_set(err, ERR_PRECONDITION, "\"%s\" is %s%s, expected was %s",
			call_target(call), name, writable ? "" : ", not writable", wanted);
	return ERR_NONE;
}

RUN(sqlite_probe)
{
	json_t *checks = json_array(), *facts = json_object();
	struct err why = { 0 };
	struct peer peer;
	struct buf failed;

	(void)err;
	buf_init(&failed, 600);
	json_put(result, "checks", checks);
	enum err_code code = status(call, &peer, facts, &why);
	check(checks, &failed, "readable", code == ERR_NONE, "%s",
		code == ERR_NONE ? own_path(call) : why.text);
	check(checks, &failed, "writable", access(own_path(call), W_OK) == 0,
		"file permissions");
	if (code == ERR_NONE)
		check(checks, &failed, "role", json_object_get(facts, "role") != NULL, "%s",
			json_str(facts, "role", "there is no table drillbook_role"));
	if (peer.set && code == ERR_NONE)
		check(checks, &failed, "peer", peer.readable, "%s",
			peer.readable ? peer.role.name : peer.why);
	check(checks, &failed, "version", true, "SQLite %s", sqlite3_libversion());
	buf_release(&failed);
	json_decref(facts);
	return ERR_NONE;
}
