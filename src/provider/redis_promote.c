/* redis_promote.c: failover.promote and failover.switchover.
 *
 * REPLICAOF NO ONE makes a writable server of any replica, whatever the old primary does: done
 * while that one still takes writes there are two.  So the old primary is asked first, and
 * again just before: it must be gone, or no primary any more, or fenced.  Being silent is none
 * of these; then the caller says that he has fenced it by other means. */
#include "redis.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 20 };

/* ------------------------------------------------------------------ the old primary */

enum old_state { OLD_GONE, OLD_SILENT, OLD_NO_PRIMARY, OLD_FENCED, OLD_WRITES };
static const char *const old_names[] = {
	[OLD_GONE] = "gone",
	[OLD_SILENT] = "silent",
	[OLD_NO_PRIMARY] = "no primary any more",
	[OLD_FENCED] = "fenced",
	[OLD_WRITES] = "a primary that takes writes",
};

struct old_primary {
	struct net_endpoint at;
	enum old_state state;
	struct redis_node node; /* when it answered */
	char said[300];
};

static enum err_code place_of_old(struct call *call, const struct redis_node *replica,
	struct net_endpoint *out, struct err *err)
{
	const char *peer = setting_string(call, "peer");

	if (peer != NULL)
		return net_endpoint_parse(peer, 6379, out, err);
	*out = replica->primary_at;
	return ERR_NONE;
}

/* What the other server is now.  Only that it is there and cannot be asked is an error. */
static enum err_code ask_old(struct call *call, struct old_primary *old, struct err *err)
{
	struct err why = { 0 };
	struct redis redis;

	enum err_code code = redis_open(&redis, call, &old->at, &why);
	const bool refused = redis.refused;
	if (code == ERR_NONE) {
		redis.each_ms = setting_int(call, "connect_timeout");
		code = redis_look(&redis, &old->node, &why);
		redis_close(&redis);
	}
	snprintf(old->said, sizeof(old->said), "%s", why.text);
	if (code == ERR_NONE)
		old->state = !old->node.primary		   ? OLD_NO_PRIMARY
			     : redis_is_fenced(&old->node) ? OLD_FENCED
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

/* Two primaries are prevented here. */
static enum err_code old_allows(
	struct call *call, const struct old_primary *old, struct err *err)
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

static void put_effect(json_t *before, const char *reason)
{
	json_put_str(before, "effect", effect_name(EFFECT_COSTLY));
	json_put_str(before, "effect_reason", reason);
}

/* A fenced primary writes nothing any more: when the replica has all of it, nothing is lost. */
static enum err_code catch_up(struct call *call, const struct old_primary *old,
	struct redis_node *node, json_t *before, struct err *err)
{
	const struct mono start = mono_now();
	const int64_t wanted = old->node.offset;

	while (node->offset < wanted) {
		if (mono_ms_since(start) >= call_int(call, "wait")) {
			json_put_int(before, "lost_bytes", wanted - node->offset);
			return ERR_NONE;
		}
		call_progress(call, -1, "%" PRId64 " bytes to receive", wanted - node->offset);
		TRY(call_sleep(call, POLL_MS, err));
		TRY(redis_look_at(call, NULL, 0, node, err));
	}
	put_effect(before, "the old primary is fenced, and everything it wrote is here");
	json_put_int(before, "lost_bytes", 0);
	return ERR_NONE;
}

static enum err_code must_be_replica(
	struct call *call, const struct redis_node *node, struct err *err)
{
	if (node->primary)
		return err_set(err, ERR_PRECONDITION, "\"%s\" is a primary already",
			call_target(call));
	if (node->syncing || node->loading)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is just being filled: it has no whole copy", call_target(call));
	return ERR_NONE;
}

PREPARE(redis_promote_prepare)
{
	struct old_primary old = { 0 };
	struct redis_node node;

	TRY(redis_look_at(call, NULL, 0, &node, err));
	TRY(must_be_replica(call, &node, err));
	TRY(place_of_old(call, &node, &old.at, err));
	TRY(ask_old(call, &old, err));
	TRY(old_allows(call, &old, err));
	if (old.state == OLD_FENCED && str_eq(old.node.replid, node.replid))
		TRY(catch_up(call, &old, &node, before, err));
	redis_node_json(&node, before);
	redis_name_unknown(before);
	json_put_str(before, "old_primary", old_names[old.state]);
	return ERR_NONE;
}

/* The world may have moved since prepare, perhaps by another operator's hand. */
static enum err_code promote_check(struct call *call, struct redis *redis, struct err *err)
{
	struct old_primary old = { 0 };
	struct redis_node node;
	const char *then = json_str(call_before(call), "replication_id", NULL);

	TRY(redis_look(redis, &node, err));
	if (node.primary)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a primary already: it was promoted by somebody else",
			call_target(call));
	if (then != NULL && !str_eq(node.replid, then))
		return err_set(err, ERR_CONFLICT,
			"\"%s\" is not what was prepared: it follows another history now",
			call_target(call));
	TRY(place_of_old(call, &node, &old.at, err));
	TRY(ask_old(call, &old, err));
	return old_allows(call, &old, err);
}

static enum err_code promote(struct call *call, struct redis *redis, struct err *err)
{
	struct redis_node node;

	redis->finish = true;
	call_log(call, "REPLICAOF NO ONE");
	TRY(REDIS(redis, NULL, err, "REPLICAOF", "NO", "ONE"));
	if (redis_look(redis, &node, err) != ERR_NONE) {
		err->world = WORLD_UNKNOWN;
		return err_context(err, "promotion was asked for");
	}
	if (node.primary)
		return ERR_NONE;
	err_set(err, ERR_CONFLICT, "\"%s\" accepted REPLICAOF NO ONE and is a replica",
		call_target(call));
	err->world = WORLD_UNKNOWN;
	return ERR_CONFLICT;
}

/* The promotion is through: what cannot be read is reported as unknown. */
static void describe(struct call *call, struct redis *redis, json_t *result)
{
	struct err why = { 0 };
	struct redis_node node;

	if (redis_look(redis, &node, &why) == ERR_NONE) {
		json_put_int(result, "offset",
			node.second_offset > 0 ? node.second_offset - 1 : node.offset);
		json_put_str(result, "replication_id", node.replid);
		json_put_flag(result, "writable", redis_takes_writes(&node));
	}
	if (redis_heartbeat(redis, result, &why) != ERR_NONE)
		call_log(call, "after the promotion: %s", why.text);
	json_t *at = json_incref(json_object_get(result, "heartbeat_at_ms"));
	json_object_del(result, "heartbeat_at_ms");
	json_object_del(result, "heartbeat_age_ms");
	json_put_str(result, "recovery_point_basis",
		json_is_integer(at) ? "heartbeat key" : "no heartbeat key");
	json_put(result, "recovery_point_ms", at);
	redis_name_unknown(result);
}

RUN(redis_promote)
{
	const struct mono start = mono_now();
	struct redis redis;

	TRY(redis_open(&redis, call, NULL, err));
	enum err_code code = promote_check(call, &redis, err);
	if (code != ERR_NONE) {
		err->world = WORLD_UNCHANGED;
	} else {
		code = promote(call, &redis, err);
	}
	if (code == ERR_NONE) {
		json_put_int(result, "took_ms", mono_ms_since(start));
		describe(call, &redis, result);
		json_put_flag(result, "kept", call_bool(call, "keep") && redis_keep(&redis));
	}
	redis_close(&redis);
	return code;
}

VERIFY(redis_promote_verify)
{
	const char *then = json_str(call_before(call), "replication_id", "");
	const char *reason = NULL;
	struct redis_node node;

	TRY(redis_look_at(call, NULL, 0, &node, err));
	redis_node_json(&node, evidence);
	redis_name_unknown(evidence);
	/* a promoted server remembers the history it continues; one that was restarted does not
	 */
	if (node.primary && !str_eq(node.replid2, then))
		reason = "it is a primary that does not continue the history it had: it was "
			 "restarted, or promoted from another one";
	else if (!node.primary && !str_eq(node.replid, then))
		reason = "it follows another history: another server was promoted";
	*verdict = reason != NULL ? VERDICT_CANNOT_TELL
		   : node.primary ? VERDICT_DONE
				  : VERDICT_NOT_DONE;
	if (reason != NULL)
		json_put_str(evidence, "reason", reason);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.switchover */

/* The replica the call names, or the only one there is. */
static enum err_code find_replica(struct call *call, const struct redis_node *node,
	const struct redis_replica **out, struct err *err)
{
	const char *to = call_string(call, "to");
	struct net_endpoint at;

	if (to == NULL) {
		if (node->count != 1)
			return err_set(err, ERR_USAGE,
				"\"%s\" has %zu replicas: name one with to", call_target(call),
				node->count);
		*out = &node->replicas[0];
	} else {
		TRY(net_endpoint_parse(to, 6379, &at, err));
		*out = NULL;
		for (size_t i = 0; i < node->count; i++)
			if (redis_same_place(&at, &node->replicas[i].at))
				*out = &node->replicas[i];
		if (*out == NULL)
			return err_set(err, ERR_NOT_FOUND,
				"\"%s\" has no replica %s as it sees its addresses (see "
				"replication.status)",
				call_target(call), to);
	}
	if (!str_eq((*out)->state, "online"))
		return err_set(err, ERR_PRECONDITION, "the replica %s port %d is %s",
			(*out)->at.host, (*out)->at.port, (*out)->state);
	return ERR_NONE;
}

/* A primary that becomes a replica needs the password that is asked for there. */
static enum err_code can_follow(struct redis *redis, struct err *err)
{
	char text[256] = "";
	size_t len;

	if (call_secret(redis->call, "password", &len) == NULL)
		return ERR_NONE;
	TRY(redis_config(redis, "masterauth", text, sizeof(text), err));
	const bool set = text[0] != '\0';
	explicit_bzero(text, sizeof(text));
	return set ? ERR_NONE
		   : err_set(err, ERR_PRECONDITION,
			     "\"%s\" has no masterauth: it could not follow the new primary",
			     call_target(redis->call));
}

static enum err_code switchover_look(struct redis *redis, json_t *before, struct err *err)
{
	const struct redis_replica *to = NULL;
	struct redis_node node;

	TRY(redis_look(redis, &node, err));
	if (!node.primary)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a replica: it has no role to give",
			call_target(redis->call));
	if (node.failover[0] == '\0')
		return err_set(err, ERR_VERSION, "Redis %s has no FAILOVER; it came with 6.2",
			node.version);
	if (!str_eq(node.failover, "no-failover"))
		return err_set(err, ERR_HELD, "a failover is under way: %s", node.failover);
	TRY(find_replica(redis->call, &node, &to, err));
	TRY(can_follow(redis, err));
	redis_node_json(&node, before);
	redis_name_unknown(before);
	json_put_str(before, "to_host", to->at.host);
	json_put_int(before, "to_port", to->at.port);
	return ERR_NONE;
}

PREPARE(redis_switchover_prepare)
{
	struct redis redis;

	TRY(redis_open(&redis, call, NULL, err));
	const enum err_code code = switchover_look(&redis, before, err);
	redis_close(&redis);
	return code;
}

static enum err_code switchover_failed(
	const struct redis_node *node, const struct call *call, struct err *err)
{
	if (node->primary) {
		err_set(err, ERR_FAILED,
			"the replica did not take over within %" PRId64
			" ms; \"%s\" is still the primary",
			call_int(call, "wait"), call_target(call));
		err->world = WORLD_UNCHANGED;
	} else {
		err_set(err, ERR_TIMEOUT,
			"\"%s\" follows %s port %d now, but the link to it is not up",
			call_target(call), node->primary_at.host, node->primary_at.port);
		err->world = WORLD_CHANGED;
	}
	return err->code;
}

/* FAILOVER answers at once; what became of it is seen in INFO. */
static enum err_code switchover_wait(
	struct redis *redis, struct redis_node *node, struct err *err)
{
	struct call *call = redis->call;
	const struct mono start = mono_now();

	for (;;) {
		enum err_code code = redis_look(redis, node, err);
		if (code == ERR_NONE && !node->primary && node->link_up)
			return ERR_NONE;
		if (code == ERR_NONE && node->primary && str_eq(node->failover, "no-failover"))
			return switchover_failed(node, call, err);
		if (code == ERR_NONE && !node->primary &&
			mono_ms_since(start) > call_int(call, "wait") + 5000)
			return switchover_failed(node, call, err);
		if (code == ERR_NONE) {
			call_progress(call, -1, "%s",
				node->primary ? node->failover : "waiting for the link");
			code = call_sleep(call, POLL_MS, err);
		}
		if (code != ERR_NONE) {
			err->world = WORLD_UNKNOWN;
			return err_context(err, "a failover was asked for");
		}
	}
}

/* FAILOVER changes what both servers do, not what their configuration files say. */
static bool keep_both(struct redis *redis, const struct net_endpoint *other)
{
	struct err why = { 0 };
	struct redis there;

	if (!call_bool(redis->call, "keep") || !redis_keep(redis))
		return false;
	if (redis_open(&there, redis->call, other, &why) != ERR_NONE) {
		call_log(redis->call, "the new primary's configuration file: %s", why.text);
		return false;
	}
	const bool kept = redis_keep(&there);
	redis_close(&there);
	return kept;
}

RUN(redis_switchover)
{
	const json_t *before = call_before(call);
	const char *host = json_str(before, "to_host", "");
	char port[16], wait[24];
	const struct mono start = mono_now();
	struct redis_node node;
	struct redis redis;

	snprintf(port, sizeof(port), "%" PRId64, json_int(before, "to_port", 0));
	snprintf(wait, sizeof(wait), "%" PRId64, call_int(call, "wait"));
	TRY(redis_open(&redis, call, NULL, err));
	call_log(call, "FAILOVER TO %s %s TIMEOUT %s", host, port, wait);
	enum err_code code =
		REDIS(&redis, NULL, err, "FAILOVER", "TO", host, port, "TIMEOUT", wait);
	if (code == ERR_NONE)
		code = switchover_wait(&redis, &node, err);
	if (code == ERR_NONE)
		json_put_flag(result, "kept", keep_both(&redis, &node.primary_at));
	redis_close(&redis);
	TRY(code);
	char *to = xasprintf("%s@%s", host, port);
	json_put_str(result, "primary", to);
	free(to);
	json_put_int(result, "offset", node.offset);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

VERIFY(redis_switchover_verify)
{
	const json_t *before = call_before(call);
	struct net_endpoint to = { .port = (int)json_int(before, "to_port", 0) };
	struct redis_node node;

	snprintf(to.host, sizeof(to.host), "%s", json_str(before, "to_host", ""));
	TRY(redis_look_at(call, NULL, 0, &node, err));
	redis_node_json(&node, evidence);
	redis_name_unknown(evidence);
	*verdict = VERDICT_CANNOT_TELL;
	if (!node.primary && redis_same_place(&to, &node.primary_at))
		*verdict = VERDICT_DONE;
	else if (!node.primary)
		json_put_str(evidence, "reason", "it follows another server than it was to");
	else if (str_eq(node.failover, "no-failover"))
		*verdict = VERDICT_NOT_DONE;
	else
		json_put_str(evidence, "reason", "the failover is still under way");
	return ERR_NONE;
}
