/* mariadb_promote.c: failover.promote, failover.switchover, failover.reverse.
 *
 * A replica becomes a primary by forgetting whom it follows and taking writes.  While the old
 * primary still takes writes that makes two; so it is asked first, and again just before: it
 * must be gone, or no primary any more, or read-only.  Being silent is none of these. */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum err_code place_of_old(struct call *call, const struct maria_node *replica,
	struct net_endpoint *out, struct err *err)
{
	const char *peer = setting_string(call, "peer");

	if (peer != NULL)
		return net_endpoint_parse(peer, 3306, out, err);
	*out = replica->primary_at;
	return ERR_NONE;
}

/* Two primaries are prevented here. */
static enum err_code old_allows(struct call *call, const struct maria_old *old, struct err *err)
{
	if (old->state == OLD_WRITES)
		return err_set(err, ERR_PRECONDITION,
			"the old primary %s port %d answers and takes writes: fence it first "
			"(failover.fence), or there would be two",
			old->at.host, old->at.port);
	if (old->state == OLD_SILENT && !str_eq(call_string(call, "silent"), "accept"))
		return err_set(err, ERR_PRECONDITION,
			"the old primary %s port %d is silent, which does not prove that it "
			"takes "
			"no writes (%s): fence it by other means, then say silent = \"accept\"",
			old->at.host, old->at.port, old->said);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.promote */

/* Everything received must be applied; and when the old primary can be asked and writes nothing
 * any more, everything it has must be here for the promotion to lose nothing. */
static enum err_code catch_up(struct call *call, struct maria *m, const struct maria_node *node,
	const struct maria_old *old, json_t *before, struct err *err)
{
	const bool fenced = old->state == OLD_FENCED;
	const char *wanted = fenced ? old->node.current_pos : node->io_pos;
	bool there = false;

	if (wanted[0] == '\0')
		return ERR_NONE;
	TRY(maria_wait_position(m, wanted, call_int(call, "wait"), &there, err));
	if (there && fenced) {
		json_put_str(before, "effect", effect_name(EFFECT_COSTLY));
		json_put_str(before, "effect_reason",
			"the old primary is fenced, and everything it wrote is here");
	}
	if (!there && !fenced)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" has received %s and not applied it within %" PRId64 " ms",
			call_target(call), wanted, call_int(call, "wait"));
	return ERR_NONE;
}

static enum err_code promote_look(
	struct call *call, struct maria *m, json_t *before, struct err *err)
{
	struct maria_old old = { .state = OLD_SILENT };
	struct maria_node node;

	TRY(maria_look(m, &node, err));
	if (!node.replica)
		return err_set(err, ERR_PRECONDITION, "\"%s\" is no replica: it is %s already",
			call_target(call), node.read_only ? "fenced" : "a primary");
	if (!node.sql_running)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" does not apply what it has received%s%s", call_target(call),
			node.last_error[0] != '\0' ? ": " : "", node.last_error);
	TRY(place_of_old(call, &node, &old.at, err));
	TRY(maria_ask_old(call, &old, err));
	TRY(old_allows(call, &old, err));
	TRY(catch_up(call, m, &node, &old, before, err));
	TRY(maria_look(m, &node, err));
	maria_node_json(&node, before);
	maria_name_unknown(before);
	json_put_str(before, "old_primary", maria_old_name(old.state));
	return ERR_NONE;
}

PREPARE(mariadb_promote_prepare)
{
	struct maria m;

	TRY(maria_open(&m, call, NULL, err));
	const enum err_code code = promote_look(call, &m, before, err);
	maria_close(&m);
	return code;
}

/* The world may have moved since prepare, perhaps by another operator's hand. */
static enum err_code promote_check(struct call *call, struct maria *m, struct err *err)
{
	const char *then = json_str(call_before(call), "primary", NULL);
	struct maria_old old = { .state = OLD_SILENT };
	struct maria_node node;
	char now[NET_HOST_MAX + 8];

	TRY(maria_look(m, &node, err));
	if (!node.replica)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is no replica any more: it was promoted by somebody else",
			call_target(call));
	snprintf(now, sizeof(now), "%s@%d", node.primary_at.host, node.primary_at.port);
	if (then != NULL && !str_eq(then, now))
		return err_set(err, ERR_CONFLICT,
			"\"%s\" is not what was prepared: it follows %s now", call_target(call),
			now);
	TRY(place_of_old(call, &node, &old.at, err));
	TRY(maria_ask_old(call, &old, err));
	return old_allows(call, &old, err);
}

/* The promotion is through: what cannot be read is reported as unknown. */
static void describe(struct maria *m, json_t *result)
{
	struct err why = { 0 };
	struct maria_node node;

	if (maria_look(m, &node, &why) == ERR_NONE)
		json_put_str(result, "gtid", node.current_pos);
	if (maria_heartbeat(m, result, &why) != ERR_NONE)
		call_log(m->call, "after the promotion: %s", why.text);
	json_t *at = json_incref(json_object_get(result, "heartbeat_at_ms"));
	json_object_del(result, "heartbeat_at_ms");
	json_object_del(result, "heartbeat_age_ms");
	json_put_str(result, "recovery_point_basis",
		json_is_integer(at) ? "heartbeat row" : "no heartbeat row");
	json_put(result, "recovery_point_ms", at);
	maria_name_unknown(result);
}

RUN(mariadb_promote)
{
	const struct mono start = mono_now();
	struct maria m;
	bool kept = false;

	TRY(maria_open(&m, call, NULL, err));
	enum err_code code = promote_check(call, &m, err);
	if (code != ERR_NONE) {
		err->world = WORLD_UNCHANGED;
	} else {
		m.finish = true;
		code = maria_take_over(&m, err);
		if (code == ERR_NONE &&
			maria_keep_read_only(call, false, &kept, err) != ERR_NONE) {
			err->world = WORLD_CHANGED;
			code = err_context(
				err, "it is promoted, but a restart would make it read-only");
		}
	}
	if (code == ERR_NONE) {
		json_put_int(result, "took_ms", mono_ms_since(start));
		describe(&m, result);
	}
	maria_close(&m);
	return code;
}

VERIFY(mariadb_promote_verify)
{
	const json_t *before = call_before(call);
	const char *reason = NULL;
	struct maria_node node;

	TRY(maria_look_at(call, NULL, 0, &node, err));
	maria_node_json(&node, evidence);
	maria_name_unknown(evidence);
	const bool same =
		str_eq(json_str(before, "primary", ""), json_str(evidence, "primary", NULL));
	if (node.replica && !same)
		reason = "it follows another server than before";
	else if (node.replica && !node.io_running && !node.sql_running)
		reason = "replication is stopped and not forgotten: half of a promotion, or a "
			 "stop "
			 "by another hand";
	else if (!node.replica && node.read_only)
		reason = "it follows nobody and is read-only: half of a promotion "
			 "(failover.unfence "
			 "finishes it), or fenced";
	*verdict = reason != NULL ? VERDICT_CANNOT_TELL
		   : node.replica ? VERDICT_NOT_DONE
				  : VERDICT_DONE;
	if (reason != NULL)
		json_put_str(evidence, "reason", reason);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.switchover */

static enum err_code switch_place(struct call *call, struct net_endpoint *out, struct err *err)
{
	return net_endpoint_parse(
		call_string(call, "to_host"), (int)call_int(call, "to_port"), out, err);
}

PREPARE(mariadb_switchover_prepare)
{
	struct maria_node node, other;
	struct net_endpoint to;

	TRY(switch_place(call, &to, err));
	TRY(maria_look_at(call, NULL, 0, &node, err));
	if (node.replica || node.read_only)
		return err_set(err, ERR_PRECONDITION, "\"%s\" is %s: it has no role to give",
			call_target(call), node.replica ? "a replica" : "read-only");
	if (maria_look_at(call, &to, setting_int(call, "connect_timeout"), &other, err) !=
		ERR_NONE)
		return err_context(err, "the replica");
	if (!other.replica || !other.io_running || !other.sql_running)
		return err_set(err, ERR_PRECONDITION, "%s port %d %s", to.host, to.port,
			!other.replica ? "is no replica" : "does not follow at the moment");
	if (!other.uses_gtid)
		return err_set(err, ERR_PRECONDITION,
			"%s port %d follows by file and position, not by GTID", to.host,
			to.port);
	maria_node_json(&node, before);
	json_put_str(before, "identity", node.identity);
	json_put_str(before, "to_identity", other.identity);
	maria_name_unknown(before);
	return ERR_NONE;
}

/* Writes stop here; when the replica does not get everything in time they go on here. */
static enum err_code hand_over(struct call *call, struct maria *old, struct maria *new,
	char *position, size_t size, struct err *err)
{
	struct maria_node node;
	struct err undo = { 0 };
	bool there = false;

	old->finish = true;
	TRY(maria_set_read_only(old, true, err));
	enum err_code code = maria_look(old, &node, err);
	if (code == ERR_NONE) {
		snprintf(position, size, "%s", node.current_pos);
		code = maria_wait_position(new, position, call_int(call, "wait"), &there, err);
	}
	if (code == ERR_NONE && !there)
		code = err_set(err, ERR_FAILED,
			"the replica did not apply %s within %" PRId64
			" ms; \"%s\" takes writes "
			"again",
			position, call_int(call, "wait"), call_target(call));
	if (code == ERR_NONE)
		return ERR_NONE;
	const bool undone = maria_set_read_only(old, false, &undo) == ERR_NONE;
	err->world = undone ? WORLD_UNCHANGED : WORLD_UNKNOWN;
	if (!undone)
		err_context(err, "it may still be read-only (%.200s)", undo.text);
	return code;
}

static enum err_code switch_roles(struct call *call, struct maria *old, struct maria *new,
	const struct net_endpoint *to, json_t *result, struct err *err)
{
	char position[2048] = "";

	TRY(hand_over(call, old, new, position, sizeof(position), err));
	new->finish = true;
	if (maria_take_over(new, err) != ERR_NONE) {
		/* nobody takes writes: the operator decides which one is to */
		if (err->world == WORLD_UNCHANGED)
			err->world = WORLD_CHANGED;
		return err_context(
			err, "\"%s\" is read-only, and the replica", call_target(call));
	}
	enum err_code code = maria_follow(old, to, NULL, err);
	if (code == ERR_NONE) {
		old->finish = false;
		code = maria_wait_following(old, to, position, err);
	}
	if (code != ERR_NONE) {
		err->world = WORLD_CHANGED;
		return err_context(err, "%s port %d is the primary", to->host, to->port);
	}
	json_put_str(result, "gtid", position);
	return ERR_NONE;
}

RUN(mariadb_switchover)
{
	const struct mono start = mono_now();
	struct maria old, new;
	struct net_endpoint to;

	TRY(switch_place(call, &to, err));
	TRY(maria_open(&old, call, NULL, err));
	enum err_code code = maria_open(&new, call, &to, err);
	if (code == ERR_NONE) {
		code = switch_roles(call, &old, &new, &to, result, err);
		maria_close(&new);
	}
	maria_close(&old);
	TRY(code);
	char *primary = xasprintf("%s@%d", to.host, to.port);
	json_put_str(result, "primary", primary);
	free(primary);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

VERIFY(mariadb_switchover_verify)
{
	const char *reason = "half of it: one server is neither as it was nor as it should be";
	struct maria_node node, other;
	struct net_endpoint to;

	TRY(switch_place(call, &to, err));
	TRY(maria_look_at(call, NULL, 0, &node, err));
	if (maria_look_at(call, &to, setting_int(call, "connect_timeout"), &other, err) !=
		ERR_NONE)
		return err_context(err, "the other server");
	maria_node_json(&node, evidence);
	maria_name_unknown(evidence);
	json_put_str(evidence, "other_role", other.replica ? "replica" : "primary");
	json_put_flag(evidence, "other_read_only", other.read_only);
	*verdict = VERDICT_CANNOT_TELL;
	if (node.replica && node.io_running && !other.replica && !other.read_only)
		*verdict = VERDICT_DONE;
	else if (!node.replica && !node.read_only && other.replica)
		*verdict = VERDICT_NOT_DONE;
	else
		json_put_str(evidence, "reason", reason);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.reverse */

static enum err_code source_place(struct call *call, struct net_endpoint *out, struct err *err)
{
	return net_endpoint_parse(
		call_string(call, "source_host"), (int)call_int(call, "source_port"), out, err);
}

/* What the old primary wrote and nobody else has cannot be taken back: MariaDB has no
 * pg_rewind. */
static enum err_code check_history(struct call *call, const struct maria_node *old,
	const struct maria_node *source, json_t *before, struct err *err)
{
	const char *from =
		call_has(call, "gtid") ? call_string(call, "gtid") : old->current_pos;
	struct gtid_list pos, state;

	/* Whoever was a primary has a binary log.  Data without one comes from elsewhere: what
	 * its tables then say of a position is what some other server once had applied. */
	if (old->binlog_pos[0] == '\0' && !call_has(call, "gtid"))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" has no binary log of its own: when its data comes from a "
			"backup, give "
			"the backup's position as gtid",
			call_target(call));
	if (!gtid_parse(from, &pos) || !gtid_parse(source->binlog_state, &state))
		return err_set(err, ERR_PROTOCOL, "a GTID position cannot be read");
	const uint64_t errant = gtid_errant(&pos, &state);
	json_put_int(before, "errant_transactions", (int64_t)errant);
	if (errant == 0)
		return ERR_NONE;
	return err_set(err, ERR_PRECONDITION,
		"\"%s\" is at %s: it has %" PRIu64
		" transactions that the new primary never had, "
		"and cannot follow it; keep its data for comparison, and build it anew from a "
		"backup of the new primary",
		call_target(call), from, errant);
}

PREPARE(mariadb_reverse_prepare)
{
	struct maria_node node, source;
	struct net_endpoint at;

	TRY(source_place(call, &at, err));
	TRY(maria_look_at(call, NULL, 0, &node, err));
	if (maria_look_at(call, &at, setting_int(call, "connect_timeout"), &source, err) !=
		ERR_NONE)
		return err_context(err, "the source");
	if (str_eq(source.identity, node.identity))
		return err_set(err, ERR_USAGE, "%s port %d is \"%s\" itself", at.host, at.port,
			call_target(call));
	if (source.replica || source.read_only)
		return err_set(err, ERR_PRECONDITION, "the source %s port %d is %s", at.host,
			at.port, source.replica ? "a replica" : "read-only");
	TRY(check_history(call, &node, &source, before, err));
	maria_node_json(&node, before);
	maria_name_unknown(before);
	json_put_str(before, "source_gtid", source.current_pos);
	return ERR_NONE;
}

RUN(mariadb_reverse)
{
	const struct mono start = mono_now();
	const char *wanted = json_str(call_before(call), "source_gtid", "");
	struct net_endpoint at;
	struct maria m;
	bool kept = false;

	TRY(source_place(call, &at, err));
	TRY(maria_open(&m, call, NULL, err));
	m.finish = true;
	enum err_code code = maria_set_read_only(&m, true, err);
	if (code == ERR_NONE) {
		code = maria_keep_read_only(call, true, &kept, err);
		if (code == ERR_NONE)
			code = maria_follow(&m, &at, call_string(call, "gtid"), err);
		m.finish = false;
		if (code == ERR_NONE)
			code = maria_wait_following(&m, &at, wanted, err);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	maria_close(&m);
	TRY(code);
	json_put_flag(result, "kept", kept);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

VERIFY(mariadb_reverse_verify)
{
	struct maria_node node;
	struct net_endpoint at;

	TRY(source_place(call, &at, err));
	TRY(maria_look_at(call, NULL, 0, &node, err));
	maria_node_json(&node, evidence);
	maria_name_unknown(evidence);
	const bool follows = node.replica && node.primary_at.port == at.port &&
			     str_eq(node.primary_at.host, at.host);
	*verdict = !follows ? VERDICT_NOT_DONE
		   : node.io_running && node.sql_running && node.read_only
			   ? VERDICT_DONE
			   : VERDICT_CANNOT_TELL;
	if (*verdict == VERDICT_CANNOT_TELL)
		json_put_str(evidence, "reason",
			"it was told whom to follow, and does not receive or apply (yet)");
	return ERR_NONE;
}
#endif
