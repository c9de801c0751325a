/* redis_fence.c: failover.fence, failover.unfence and failover.reverse. */
#include "redis.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 50 };

static bool is_shutdown(const struct call *call)
{
	return str_eq(call_string(call, "mode"), "shutdown");
}

/* Looks at the server; *down: nobody listens there, and its configuration file is at hand,
 * which is no error then and is looked at in its place. */
static enum err_code look(
	struct call *call, struct redis_node *node, bool *down, struct err *err)
{
	struct err why = { 0 };
	struct redis redis;

	enum err_code code = redis_open(&redis, call, NULL, &why);
	*down = redis.refused && setting_has(call, "config_file");
	if (*down)
		return redis_file_look(call, node, err);
	if (code == ERR_NONE) {
		code = redis_look(&redis, node, &why);
		redis_close(&redis);
		why.world = WORLD_UNCHANGED;
	}
	if (code != ERR_NONE)
		*err = why;
	return code;
}

static void put_undo(struct call *call, json_t *before)
{
	json_put(before, "undo",
		json_pack("{s:s, s:{s:b}}", "op", "failover.unfence", "args", "keep",
			call_bool(call, "keep")));
}

/* ------------------------------------------------------------------ failover.fence */

PREPARE(redis_fence_prepare)
{
	struct redis_node node;
	bool down = false;

	const enum err_code code = is_shutdown(call) ? redis_look_at(call, NULL, 0, &node, err)
						     : look(call, &node, &down, err);
	if (code == ERR_NONE && down) {
		json_put_flag(before, "down", true);
		if (!redis_is_fenced(&node))
			put_undo(call, before);
		return ERR_NONE;
	}
	if (code == ERR_UNREACHABLE || code == ERR_TIMEOUT)
		return err_context(
			err, "cannot prove that \"%s\" takes no writes", call_target(call));
	TRY(code);
	if (!node.primary)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a replica: only a primary is fenced", call_target(call));
	redis_node_json(&node, before);
	redis_name_unknown(before);
	json_put_int(before, "min_replicas", node.min_replicas);
	json_put_int(before, "max_lag_s", node.max_lag_s);
	if (!is_shutdown(call) && !redis_is_fenced(&node))
		put_undo(call, before);
	return ERR_NONE;
}

static enum err_code refuse_writes(struct call *call, json_t *result, struct err *err)
{
	struct redis_node node;
	struct redis redis;
	bool kept = false;

	TRY(redis_open(&redis, call, NULL, err));
	enum err_code code = redis_look(&redis, &node, err);
	redis.finish = true;
	if (code == ERR_NONE && !redis_is_fenced(&node)) {
		int64_t min_replicas, max_lag_s;

		redis_fence_values(&node, &min_replicas, &max_lag_s);
		code = redis_set_fence(
			&redis, min_replicas, max_lag_s, call_bool(call, "keep"), &kept, err);
		if (code == ERR_NONE && redis_look(&redis, &node, err) != ERR_NONE) {
			err->world = WORLD_UNKNOWN;
			code = err_context(err, "after the fence was set");
		}
		if (code == ERR_NONE && redis_takes_writes(&node)) {
			code = err_set(err, ERR_CONFLICT,
				"\"%s\" accepted the fence and takes writes",
				call_target(call));
			err->world = WORLD_CHANGED;
		}
	}
	redis_close(&redis);
	TRY(code);
	json_put_str(result, "level", "soft");
	json_put_str(result, "how", "it refuses every write (min-replicas-to-write)");
	json_put_flag(result, "kept", kept);
	json_put_int(result, "offset", node.offset);
	return ERR_NONE;
}

/* Until nobody answers as that process any more. */
static enum err_code wait_gone(struct call *call, struct err *err)
{
	const char *run_id = json_str(call_before(call), "run_id", "");

	for (;;) {
		struct err why = { 0 };
		struct redis_node node;
		struct redis redis;
		enum err_code code = redis_open(&redis, call, NULL, &why);

		if (redis.refused)
			return ERR_NONE;
		if (code == ERR_NONE) {
			code = redis_look(&redis, &node, &why);
			redis_close(&redis);
			if (code == ERR_NONE && !str_eq(node.run_id, run_id))
				return err_set(err, ERR_CONFLICT,
					"\"%s\" was ended and something has started it again",
					call_target(call));
		}
		call_progress(call, -1, "waiting for the server to end");
		code = call_sleep(call, POLL_MS, err);
		if (code != ERR_NONE)
			return err_context(err, "the server was asked to end");
	}
}

static enum err_code shut_down(struct call *call, json_t *result, struct err *err)
{
	struct redis redis;
	struct err why = { 0 };

	TRY(redis_open(&redis, call, NULL, err));
	redis.finish = true;
	call_log(call, "SHUTDOWN SAVE");
	/* success is the end of the connection */
	const enum err_code code = REDIS(&redis, NULL, &why, "SHUTDOWN", "SAVE");
	redis_close(&redis);
	if (code != ERR_NONE && why.world == WORLD_UNCHANGED)
		return *err = why, code;
	if (wait_gone(call, err) != ERR_NONE) {
		err->world = WORLD_UNKNOWN;
		return err->code;
	}
	json_put_str(result, "level", "hard");
	json_put_str(result, "how", "its process has saved and ended");
	json_put_flag(result, "kept", false);
	return ERR_NONE;
}

/* A server that is down: its file is written, and then it still has to be down. */
static enum err_code fence_down(
	struct call *call, json_t *result, bool *came_back, struct err *err)
{
	struct redis_node node;
	bool down;

	TRY(redis_file_fence(call, true, err));
	if (look(call, &node, &down, err) != ERR_NONE) {
		err->world = WORLD_CHANGED;
		return err_context(err, "its configuration file is written");
	}
	*came_back = !down;
	json_put_str(result, "level", "down");
	json_put_str(result, "how",
		"nobody listens there, and once it is started it refuses every write");
	json_put_flag(result, "kept", true);
	return ERR_NONE;
}

RUN(redis_fence)
{
	const struct mono start = mono_now();
	bool came_back = true;

	if (json_flag(call_before(call), "down", false))
		TRY(fence_down(call, result, &came_back, err));
	json_put_int(result, "took_ms", mono_ms_since(start));
	if (!came_back)
		return ERR_NONE;
	TRY(is_shutdown(call) ? shut_down(call, result, err)
			      : refuse_writes(call, result, err));
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

VERIFY(redis_fence_verify)
{
	struct redis_node node;
	struct redis redis;

	enum err_code code = redis_open(&redis, call, NULL, err);
	if (is_shutdown(call) && redis.refused) {
		json_put_flag(evidence, "listens", false);
		*verdict = VERDICT_DONE;
		return ERR_NONE;
	}
	if (redis.refused && setting_has(call, "config_file")) {
		TRY(redis_file_look(call, &node, err));
		json_put_flag(evidence, "listens", false);
		*verdict = redis_is_fenced(&node) ? VERDICT_DONE : VERDICT_NOT_DONE;
		return ERR_NONE;
	}
	TRY(code);
	code = redis_look(&redis, &node, err);
	redis_close(&redis);
	TRY(code);
	redis_node_json(&node, evidence);
	redis_name_unknown(evidence);
	if (!is_shutdown(call)) {
		*verdict = redis_is_fenced(&node) ? VERDICT_DONE : VERDICT_NOT_DONE;
	} else if (str_eq(node.run_id, json_str(call_before(call), "run_id", ""))) {
		*verdict = VERDICT_NOT_DONE;
	} else {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason", "another process of that server runs now");
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.unfence */

/* While the other server takes writes, taking the fence away would make two. */
static enum err_code other_is_no_primary(struct call *call, struct err *err)
{
	const char *peer = setting_string(call, "peer");
	struct net_endpoint at;
	struct redis_node node;
	struct err why = { 0 };

	if (peer == NULL)
		return ERR_NONE;
	TRY(net_endpoint_parse(peer, 6379, &at, err));
	const enum err_code code =
		redis_look_at(call, &at, setting_int(call, "connect_timeout"), &node, &why);
	if (code == ERR_NONE && redis_takes_writes(&node))
		return err_set(err, ERR_PRECONDITION,
			"%s port %d takes writes: with \"%s\" there would be two", at.host,
			at.port, call_target(call));
	return ERR_NONE;
}

PREPARE(redis_unfence_prepare)
{
	struct redis_node node;
	bool down;

	TRY(look(call, &node, &down, err));
	if (!redis_is_fenced(&node))
		return err_set(
			err, ERR_PRECONDITION, "\"%s\" is not fenced", call_target(call));
	if (node.primary || down)
		TRY(other_is_no_primary(call, err));
	if (down)
		json_put_flag(before, "down", true);
	else
		redis_node_json(&node, before);
	redis_name_unknown(before);
	json_put(before, "undo",
		json_pack("{s:s, s:{s:s, s:b}}", "op", "failover.fence", "args", "mode",
			"refuse", "keep", call_bool(call, "keep")));
	return ERR_NONE;
}

static enum err_code take_away(struct redis *redis, bool keep, bool *kept, struct err *err)
{
	int64_t min_replicas, max_lag_s;
	struct redis_node node;

	*kept = false;
	TRY(redis_look(redis, &node, err));
	if (!redis_is_fenced(&node))
		return ERR_NONE;
	redis_before_fence(&node, &min_replicas, &max_lag_s);
	redis->finish = true;
	return redis_set_fence(redis, min_replicas, max_lag_s, keep, kept, err);
}

RUN(redis_unfence)
{
	struct redis redis;
	bool kept;

	if (json_flag(call_before(call), "down", false)) {
		json_put_flag(result, "kept", true);
		return redis_file_fence(call, false, err);
	}
	TRY(redis_open(&redis, call, NULL, err));
	const enum err_code code = take_away(&redis, call_bool(call, "keep"), &kept, err);
	redis_close(&redis);
	json_put_flag(result, "kept", kept);
	return code;
}

VERIFY(redis_unfence_verify)
{
	struct redis_node node;
	bool down;

	TRY(look(call, &node, &down, err));
	json_put_flag(evidence, "listens", !down);
	if (!down)
		redis_node_json(&node, evidence);
	redis_name_unknown(evidence);
	*verdict = redis_is_fenced(&node) ? VERDICT_NOT_DONE : VERDICT_DONE;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.reverse */

static enum err_code source_of(struct call *call, struct net_endpoint *out, struct err *err)
{
	return redis_endpoint(
		call_string(call, "source_host"), call_int(call, "source_port"), out, err);
}

/* How much the old primary wrote that the new one never had: it is thrown away. */
static void put_discarded(
	const struct redis_node *old, const struct redis_node *source, json_t *before)
{
	const bool shared = str_eq(old->replid, source->replid2) && source->second_offset > 0;

	json_put_flag(before, "same_history", shared || str_eq(old->replid, source->replid));
	if (shared && old->offset >= source->second_offset)
		json_put_int(
			before, "discarded_bytes", old->offset - source->second_offset + 1);
	else if (shared)
		json_put_int(before, "discarded_bytes", 0);
	else
		json_put(before, "discarded_bytes", json_null());
}

PREPARE(redis_reverse_prepare)
{
	const int64_t each = setting_int(call, "connect_timeout");
	struct redis_node node, source;
	struct net_endpoint at;

	TRY(source_of(call, &at, err));
	TRY(redis_look_at(call, NULL, 0, &node, err));
	if (redis_look_at(call, &at, each, &source, err) != ERR_NONE)
		return err_context(err, "the source");
	if (str_eq(source.run_id, node.run_id))
		return err_set(err, ERR_USAGE, "%s port %d is \"%s\" itself", at.host, at.port,
			call_target(call));
	if (!source.primary)
		return err_set(err, ERR_PRECONDITION, "the source %s port %d is no primary",
			at.host, at.port);
	redis_node_json(&node, before);
	put_discarded(&node, &source, before);
	redis_name_unknown(before);
	json_put_int(before, "source_offset", source.offset);
	json_put_str(before, "source_replication_id", source.replid);
	return ERR_NONE;
}

/* The password that the source asks for is the target's own. */
static enum err_code set_password(struct redis *redis, struct err *err)
{
	const char *user = setting_string(redis->call, "user");
	char text[256] = "";
	size_t len;
	const char *password = call_secret(redis->call, "password", &len);

	if (password == NULL)
		return ERR_NONE;
	TRY(redis_config(redis, "masterauth", text, sizeof(text), err));
	const bool set = text[0] != '\0';
	explicit_bzero(text, sizeof(text));
	if (set)
		return ERR_NONE;
	if (user != NULL)
		TRY(REDIS(redis, NULL, err, "CONFIG", "SET", "masteruser", user));
	return REDIS(redis, NULL, err, "CONFIG", "SET", "masterauth", password);
}

static enum err_code wait_following(
	struct redis *redis, const struct net_endpoint *at, struct err *err)
{
	const int64_t wanted = json_int(call_before(redis->call), "source_offset", 0);

	for (;;) {
		struct redis_node node;
		enum err_code code = redis_look(redis, &node, err);

		if (code == ERR_NONE &&
			(node.primary || !redis_same_place(at, &node.primary_at)))
			return err_set(err, ERR_CONFLICT,
				"\"%s\" follows another server now: somebody else changed it",
				call_target(redis->call));
		if (code == ERR_NONE && node.link_up && !node.loading && node.offset >= wanted)
			return ERR_NONE;
		if (code == ERR_NONE) {
			call_progress(redis->call, -1, "%s",
				node.syncing   ? "being filled"
				: node.link_up ? "catching up"
					       : "waiting for the link");
			code = call_sleep(redis->call, POLL_MS, err);
		}
		if (code != ERR_NONE)
			return err_context(err, "it was told whom to follow");
	}
}

static enum err_code reverse(struct redis *redis, const struct net_endpoint *at, bool keep,
	bool *kept, struct err *err)
{
	char port[16];

	snprintf(port, sizeof(port), "%d", at->port);
	TRY(set_password(redis, err));
	call_log(redis->call, "REPLICAOF %s %s", at->host, port);
	redis->finish = true;
	enum err_code code = REDIS(redis, NULL, err, "REPLICAOF", at->host, port);
	if (code != ERR_NONE)
		return code;
	/* as a replica it takes no writes; the fence would be in the way of its next promotion
	 */
	code = take_away(redis, false, kept, err);
	if (code == ERR_NONE && keep)
		*kept = redis_keep(redis);
	redis->finish = false;
	if (code == ERR_NONE)
		code = wait_following(redis, at, err);
	if (code != ERR_NONE)
		err->world = WORLD_CHANGED;
	return code;
}

RUN(redis_reverse)
{
	const struct mono start = mono_now();
	const json_t *lost = json_object_get(call_before(call), "discarded_bytes");
	struct net_endpoint at;
	struct redis redis;
	bool kept = false;

	TRY(source_of(call, &at, err));
	TRY(redis_open(&redis, call, NULL, err));
	const enum err_code code = reverse(&redis, &at, call_bool(call, "keep"), &kept, err);
	redis_close(&redis);
	TRY(code);
	json_put(result, "discarded_bytes", json_incref((json_t *)(uintptr_t)lost));
	json_put_flag(result, "kept", kept);
	json_put_int(result, "took_ms", mono_ms_since(start));
	redis_name_unknown(result);
	return ERR_NONE;
}

VERIFY(redis_reverse_verify)
{
	struct redis_node node;
	struct net_endpoint at;

	TRY(source_of(call, &at, err));
	TRY(redis_look_at(call, NULL, 0, &node, err));
	redis_node_json(&node, evidence);
	redis_name_unknown(evidence);
	const bool follows = !node.primary && redis_same_place(&at, &node.primary_at);
	*verdict = !follows	   ? VERDICT_NOT_DONE
		   : !node.link_up ? VERDICT_CANNOT_TELL
				   : VERDICT_DONE;
	if (*verdict == VERDICT_CANNOT_TELL)
		json_put_str(evidence, "reason",
			"it was told whom to follow, and the link is not up (yet)");
	return ERR_NONE;
}
