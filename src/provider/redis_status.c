/* redis_status.c: looking: status, precheck, health, canary, reading and comparing data,
 * doctor. */
#include "redis.h"

#include "checks.h"
#include "statement.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CANARY_POLL_MS = 10, PAGE = 5000 };

/* ------------------------------------------------------------------ replication.status */

static enum err_code look(
	struct call *call, struct redis_node *node, json_t *into, struct err *err)
{
	struct redis redis;

	TRY(redis_open(&redis, call, NULL, err));
	enum err_code code = redis_look(&redis, node, err);
	if (code == ERR_NONE) {
		redis_node_json(node, into);
		code = redis_heartbeat(&redis, into, err);
	}
	redis_close(&redis);
	return code;
}

RUN(redis_status)
{
	struct redis_node node;
	const enum err_code code = look(call, &node, result, err);

	if (code == ERR_UNREACHABLE && call_bool(call, "allow_down")) {
		json_object_clear(result);
		json_put_str(result, "role", "down");
		json_put_str(result, "basis", err->text);
		json_put(result, "unknown", json_pack("[s,s]", "lag_bytes", "offset"));
		*err = (struct err){ 0 };
		return ERR_NONE;
	}
	TRY(code);
	redis_name_unknown(result);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ failover.precheck */

static void replica_checks(struct call *call, const struct redis_node *node,
	const json_t *facts, struct checks *checks)
{
	int64_t min_replicas, max_lag_s;

	checks_add(checks, "synced", !node->syncing && !node->loading && node->offset > 0, "%s",
		node->syncing	   ? "it is just being filled"
		: node->loading	   ? "it is loading its data"
		: node->offset > 0 ? "it has a whole copy"
				   : "it has never had a copy");
	if (node->link_up)
		checks_most(checks, "lag", facts, "lag_bytes", call_int(call, "max_lag_bytes"),
			"bytes");
	if (setting_has(call, "heartbeat"))
		checks_most(checks, "heartbeat", facts, "heartbeat_age_ms",
			call_int(call, "max_age"), "ms old");
	else
		checks_most(checks, "silence", facts, "silent_ms", call_int(call, "max_age"),
			"ms since it last heard of its primary");
	checks_add(checks, "priority", node->priority != 0, "%s",
		node->priority != 0
			? "may be promoted"
			: "replica-priority is 0: this one is not meant to be promoted");
	redis_before_fence(node, &min_replicas, &max_lag_s);
	const bool fenced = redis_is_fenced(node);
	checks_add(checks, "writes", !fenced && (min_replicas <= 0 || max_lag_s <= 0),
		fenced		   ? "it is fenced"
		: min_replicas > 0 ? "it will take no writes before %" PRId64
				     " replicas follow it (min-replicas-to-write)"
				   : "it will take writes at once",
		min_replicas);
}

RUN(redis_precheck)
{
	struct redis_node node;
	struct checks checks;

	TRY(look(call, &node, result, err));
	checks_init(&checks, result);
	checks_add(&checks, "replica", !node.primary, "%s",
		node.primary ? "it is a primary" : "it is a replica");
	if (!node.primary)
		replica_checks(call, &node, result, &checks);
	redis_name_unknown(result);
	const enum err_code code = checks_end(&checks, call, result, err);
	checks_release(&checks);
	return code;
}

/* ------------------------------------------------------------------ health.probe */

RUN(redis_health)
{
	const char *wanted = call_string(call, "expect");
	struct mono start = mono_now();
	struct redis_node node;
	struct redis redis;

	TRY(redis_open(&redis, call, NULL, err));
	json_put_int(result, "connect_us", (mono_now().ns - start.ns) / 1000);
	start = mono_now();
	enum err_code code = REDIS(&redis, NULL, err, "PING");
	json_put_int(result, "latency_us", (mono_now().ns - start.ns) / 1000);
	if (code == ERR_NONE)
		code = redis_look(&redis, &node, err);
	redis_close(&redis);
	TRY(code);
	const char *role = node.primary ? "primary" : "replica";
	const bool writable = redis_takes_writes(&node);
	const bool ok = str_eq(wanted, "any") || str_eq(wanted, role) ||
			(str_eq(wanted, "writable") && writable);
	json_put_flag(result, "ok", ok);
	json_put_str(result, "role", role);
	json_put_flag(result, "writable", writable);
	json_put_str(result, "version", node.version);
	if (!ok)
		return err_set(err, ERR_PRECONDITION, "\"%s\" is a %s%s, expected was %s",
			call_target(call), role, writable ? "" : " that takes no writes",
			wanted);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ replication.canary */

/* In *has whether there is a replica to wait for. */
static enum err_code canary_replica(
	struct call *call, struct net_endpoint *at, bool *has, struct err *err)
{
	const char *host = call_string(call, "replica_host");

	*has = host != NULL;
	return host != NULL ? redis_endpoint(host, call_int(call, "replica_port"), at, err)
			    : ERR_NONE;
}

static char *canary_key(const struct call *call)
{
	return xasprintf("%s:%s", call_string(call, "key_prefix"), call_target(call));
}

PREPARE(redis_canary_prepare)
{
	const int64_t each = setting_int(call, "connect_timeout");
	struct redis_node node, other;
	struct net_endpoint at;
	bool has;

	TRY(canary_replica(call, &at, &has, err));
	TRY(redis_look_at(call, NULL, each, &node, err));
	if (!node.primary)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a replica: a marker is written on the primary",
			call_target(call));
	json_put_str(before, "replication_id", node.replid);
	if (!has)
		return ERR_NONE;
	if (redis_look_at(call, &at, each, &other, err) != ERR_NONE)
		return err_context(err, "the replica");
	if (other.primary)
		return err_set(
			err, ERR_PRECONDITION, "%s port %d is no replica", at.host, at.port);
	/* or the marker could never arrive */
	if (!str_eq(node.replid, other.replid))
		return err_set(err, ERR_PRECONDITION,
			"%s port %d has another replication history (%s, not %s)", at.host,
			at.port, other.replid, node.replid);
	return ERR_NONE;
}

static enum err_code read_marker(
	struct redis *redis, const char *key, const char *wanted, bool *found, struct err *err)
{
	char *value = NULL;

	TRY(redis_get(redis, key, &value, err));
	*found = str_eq(value, wanted);
	free(value);
	return ERR_NONE;
}

/* Writes on the primary, then polls where it must arrive. */
static enum err_code run_canary(struct call *call, struct redis *primary, struct redis *reader,
	const char *key, json_t *result, struct err *err)
{
	bool found = false;

	primary->finish = true;
	TRY(REDIS(primary, NULL, err, "SET", key, call_key(call)));
	const struct mono start = mono_now();
	for (;;) {
		enum err_code code = read_marker(reader, key, call_key(call), &found, err);
		if (code == ERR_NONE && found)
			break;
		if (code == ERR_NONE)
			code = call_sleep(call, CANARY_POLL_MS, err);
		if (code != ERR_NONE) {
			err->world = WORLD_CHANGED;
			return err_context(err, "the marker is written and has not arrived");
		}
	}
	json_put_int(result, "arrived_ms", mono_ms_since(start));
	json_put_str(result, "basis",
		reader != primary
			? "a marker key, from its acknowledgement to its being readable "
			  "at the replica"
			: "a marker key, written and read back at the same server");
	return ERR_NONE;
}

RUN(redis_canary)
{
	struct redis primary, replica = { .fd = -1 };
	struct net_endpoint at;
	char *key = canary_key(call);
	bool has;

	enum err_code code = canary_replica(call, &at, &has, err);
	if (code == ERR_NONE)
		code = redis_open(&primary, call, NULL, err);
	if (code == ERR_NONE) {
		if (has)
			code = redis_open(&replica, call, &at, err);
		if (code == ERR_NONE)
			code = run_canary(
				call, &primary, has ? &replica : &primary, key, result, err);
		if (has)
			redis_close(&replica);
		redis_close(&primary);
	}
	free(key);
	return code;
}

VERIFY(redis_canary_verify)
{
	char *key = canary_key(call);
	struct redis redis;
	bool found = false;

	enum err_code code = redis_open(&redis, call, NULL, err);
	if (code == ERR_NONE) {
		code = read_marker(&redis, key, call_key(call), &found, err);
		redis_close(&redis);
	}
	json_put_flag(evidence, "marker", found);
	*verdict = found ? VERDICT_DONE : VERDICT_NOT_DONE;
	free(key);
	return code;
}

/* ------------------------------------------------------------------ data.get, data.compare */

RUN(redis_data_get)
{
	struct redis redis;
	struct resp size;
	char *value = NULL;

	TRY(redis_open(&redis, call, NULL, err));
	enum err_code code = redis_get(&redis, call_string(call, "key"), &value, err);
	if (code == ERR_NONE)
		code = REDIS(&redis, &size, err, "DBSIZE");
	redis_close(&redis);
	if (code == ERR_NONE) {
		json_put_flag(result, "exists", value != NULL);
		if (value != NULL)
			json_put_str(result, "value", value);
		json_put(result, "keys", json_incref(size.value));
		resp_release(&size);
	}
	free(value);
	return code;
}

static enum err_code take_page(
	const json_t *page, const char *key, struct witness *witness, struct err *err)
{
	json_t *cell;
	size_t i;

	json_array_foreach((json_t *)page, i, cell) {
		const char *text = json_string_value(cell);
		char *end = NULL;
		const int64_t seq = text != NULL ? strtoll(text, &end, 10) : 0;

		if (text == NULL || end == text || *end != '\0')
			return err_set(err, ERR_USAGE,
				"\"%s\" must hold one whole number in each element", key);
		witness_survived(witness, seq);
	}
	return ERR_NONE;
}

RUN(redis_data_compare)
{
	const char *key = call_string(call, "list");
	struct witness *witness = NULL;
	struct redis redis;
	char first[24], last[24];

	TRY(witness_of_call(call, &witness, err));
	enum err_code code = redis_open(&redis, call, NULL, err);
	for (int64_t at = 0; code == ERR_NONE; at += PAGE) {
		struct resp page;

		snprintf(first, sizeof(first), "%" PRId64, at);
		snprintf(last, sizeof(last), "%" PRId64, at + PAGE - 1);
		code = REDIS(&redis, &page, err, "LRANGE", key, first, last);
		if (code != ERR_NONE)
			break;
		const size_t count = json_array_size(page.value);
		code = take_page(page.value, key, witness, err);
		resp_release(&page);
		if (count < PAGE)
			break;
	}
	if (redis.fd >= 0)
		redis_close(&redis);
	if (code == ERR_NONE)
		witness_report(witness, result);
	witness_free(witness);
	return code;
}

/* ------------------------------------------------------------------ doctor */

static void doctor_checks(struct redis *redis, struct checks *checks)
{
	struct redis_node node;
	struct err why = { 0 };
	char text[256];

	if (redis_look(redis, &node, &why) != ERR_NONE) {
		checks_add(checks, "rights", false, "%s", why.text);
		return;
	}
	checks_add(checks, "identity", true, "%s, run %s", node.primary ? "primary" : "replica",
		node.run_id);
	/* FAILOVER came with 6.2 */
	const long major = strtol(node.version, NULL, 10);
	const char *dot = strchr(node.version, '.');
	const long minor = dot != NULL ? strtol(dot + 1, NULL, 10) : 0;
	const bool recent = major > 6 || (major == 6 && minor >= 2);
	checks_add(checks, "version", recent, "%s%s", node.version,
		recent ? "" : ": failover.switchover needs 6.2");
	const bool secured =
		redis_config(redis, "requirepass", text, sizeof(text), &why) == ERR_NONE &&
		text[0] != '\0';
	const bool auth =
		redis_config(redis, "masterauth", text, sizeof(text), &why) == ERR_NONE &&
		text[0] != '\0';
	checks_add(checks, "masterauth", !secured || auth, "%s",
		!secured ? "no password is asked for"
		: auth	 ? "it can follow another server"
			 : "a password is asked for and masterauth is not set: it could not "
			   "follow "
			   "the other server");
	explicit_bzero(text, sizeof(text));
}

RUN(redis_doctor)
{
	struct checks checks;
	struct err why = { 0 };
	struct redis redis;

	(void)err;
	checks_init(&checks, result);
	const enum err_code code = redis_open(&redis, call, NULL, &why);
	checks_add(&checks, "reachable", code == ERR_NONE, "%s",
		code == ERR_NONE ? "connected" : why.text);
	if (code == ERR_NONE) {
		doctor_checks(&redis, &checks);
		redis_close(&redis);
	}
	checks_release(&checks);
	return ERR_NONE;
}
