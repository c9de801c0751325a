/* redis_node.c: what a Redis server says of itself, and its fence. */
#include "redis.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ INFO */

/* "ip=127.0.0.1,port=6380,state=online,offset=14,lag=0" */
static bool parse_replica(char *text, struct redis_replica *out)
{
	char *save = NULL;

	*out = (struct redis_replica){ .offset = -1, .ack_s = -1 };
	for (char *word = strtok_r(text, ",", &save); word != NULL;
		word = strtok_r(NULL, ",", &save)) {
		char *value = strchr(word, '=');

		if (value == NULL)
			return false;
		*value++ = '\0';
		if (str_eq(word, "ip"))
			snprintf(out->at.host, sizeof(out->at.host), "%s", value);
		else if (str_eq(word, "port"))
			out->at.port = (int)strtol(value, NULL, 10);
		else if (str_eq(word, "state"))
			snprintf(out->state, sizeof(out->state), "%s", value);
		else if (str_eq(word, "offset"))
			out->offset = strtoll(value, NULL, 10);
		else if (str_eq(word, "lag"))
			out->ack_s = strtoll(value, NULL, 10);
	}
	return out->at.host[0] != '\0' && out->at.port > 0;
}

static void parse_replicas(const char *text, struct redis_node *out)
{
	char key[24], value[512];

	for (int i = 0; i < REDIS_REPLICAS_MAX; i++) {
		snprintf(key, sizeof(key), "slave%d", i);
		if (!resp_info(text, key, value, sizeof(value)))
			return;
		out->count += parse_replica(value, &out->replicas[out->count]);
	}
}

static bool word_is(const char *text, const char *key, const char *wanted)
{
	char value[64];

	return resp_info(text, key, value, sizeof(value)) && str_eq(value, wanted);
}

void redis_parse_info(const char *text, struct redis_node *out)
{
	*out = (struct redis_node){ .min_replicas = -1, .max_lag_s = -1 };
	out->primary = word_is(text, "role", "master");
	out->link_up = word_is(text, "master_link_status", "up");
	out->syncing = word_is(text, "master_sync_in_progress", "1");
	out->loading = word_is(text, "loading", "1") || word_is(text, "async_loading", "1");
	out->read_only = word_is(text, "slave_read_only", "1");
	out->saving = word_is(text, "rdb_bgsave_in_progress", "1");
	(void)!resp_info(text, "redis_version", out->version, sizeof(out->version));
	(void)!resp_info(text, "run_id", out->run_id, sizeof(out->run_id));
	(void)!resp_info(text, "master_replid", out->replid, sizeof(out->replid));
	(void)!resp_info(text, "master_replid2", out->replid2, sizeof(out->replid2));
	(void)!resp_info(text, "master_failover_state", out->failover, sizeof(out->failover));
	(void)!resp_info(
		text, "master_host", out->primary_at.host, sizeof(out->primary_at.host));
	(void)!resp_info(text, "rdb_last_bgsave_status", out->last_save_status,
		sizeof(out->last_save_status));
	out->primary_at.port = (int)resp_info_int(text, "master_port", 0);
	out->offset = resp_info_int(
		text, out->primary ? "master_repl_offset" : "slave_repl_offset", -1);
	out->second_offset = resp_info_int(text, "second_repl_offset", -1);
	out->read_offset = resp_info_int(text, "slave_read_repl_offset", -1);
	out->last_io_s = resp_info_int(text, "master_last_io_seconds_ago", -1);
	out->link_down_s = resp_info_int(text, "master_link_down_since_seconds", -1);
	out->priority = resp_info_int(text, "slave_priority", -1);
	out->last_save_s = resp_info_int(text, "rdb_last_save_time", -1);
	out->saves = resp_info_int(text, "rdb_saves", -1);
	out->saved_keys = resp_info_int(text, "current_save_keys_processed", -1);
	out->saving_keys = resp_info_int(text, "current_save_keys_total", -1);
	parse_replicas(text, out);
}

enum err_code redis_look(struct redis *redis, struct redis_node *out, struct err *err)
{
	struct resp answer;
	int64_t min_replicas, max_lag_s;

	TRY(REDIS(redis, &answer, err, "INFO"));
	const char *text = json_string_value(answer.value);
	const bool understood = text != NULL && strstr(text, "role:") != NULL;
	if (understood)
		redis_parse_info(text, out);
	resp_release(&answer);
	if (!understood)
		return err_set(err, ERR_PROTOCOL, "\"%s\" answered INFO without a role",
			call_target(redis->call));
	TRY(redis_config_int(redis, "min-replicas-to-write", &min_replicas, err));
	TRY(redis_config_int(redis, "min-replicas-max-lag", &max_lag_s, err));
	out->min_replicas = min_replicas;
	out->max_lag_s = max_lag_s;
	return ERR_NONE;
}

enum err_code redis_look_at(struct call *call, const struct net_endpoint *other,
	int64_t each_ms, struct redis_node *out, struct err *err)
{
	struct redis redis;

	TRY(redis_open(&redis, call, other, err));
	redis.each_ms = each_ms;
	const enum err_code code = redis_look(&redis, out, err);
	redis_close(&redis);
	if (code != ERR_NONE)
		err->world = WORLD_UNCHANGED; /* looking changes nothing */
	return code;
}

/* ------------------------------------------------------------------ fence */

bool redis_is_fenced(const struct redis_node *node)
{
	return node->min_replicas >= REDIS_FENCE && node->max_lag_s > 0;
}

void redis_before_fence(
	const struct redis_node *node, int64_t *min_replicas, int64_t *max_lag_s)
{
	*min_replicas = node->min_replicas;
	*max_lag_s = node->max_lag_s;
	if (node->min_replicas >= REDIS_FENCE_NO_LAG) {
		*min_replicas -= REDIS_FENCE_NO_LAG;
		*max_lag_s = 0;
	} else if (node->min_replicas >= REDIS_FENCE) {
		*min_replicas -= REDIS_FENCE;
	}
}

void redis_fence_values(
	const struct redis_node *node, int64_t *min_replicas, int64_t *max_lag_s)
{
	const bool no_lag = node->max_lag_s <= 0;

	*min_replicas = (no_lag ? REDIS_FENCE_NO_LAG : REDIS_FENCE) +
			(node->min_replicas > 0 ? node->min_replicas : 0);
	*max_lag_s = no_lag ? REDIS_FENCE_LAG_S : node->max_lag_s;
}

/* redis.conf, min-replicas-to-write: writes stop when fewer replicas than that were heard from
 * within min-replicas-max-lag seconds; either at 0 switches it off. */
bool redis_takes_writes(const struct redis_node *node)
{
	int64_t good = 0;

	if (!node->primary || node->loading)
		return false;
	if (node->min_replicas <= 0 || node->max_lag_s <= 0)
		return true;
	for (size_t i = 0; i < node->count; i++)
		good += str_eq(node->replicas[i].state, "online") &&
			node->replicas[i].ack_s <= node->max_lag_s;
	return good >= node->min_replicas;
}

enum err_code redis_set_fence(struct redis *redis, int64_t min_replicas, int64_t max_lag_s,
	bool keep, bool *kept, struct err *err)
{
	char number[24], lag[24];

	snprintf(number, sizeof(number), "%" PRId64, min_replicas);
	snprintf(lag, sizeof(lag), "%" PRId64, max_lag_s);
	*kept = false;
	/* the number first: with a lag of 0 it does nothing yet, and afterwards it holds at
	 * once */
	TRY(REDIS(redis, NULL, err, "CONFIG", "SET", "min-replicas-to-write", number));
	if (REDIS(redis, NULL, err, "CONFIG", "SET", "min-replicas-max-lag", lag) != ERR_NONE) {
		if (err->world == WORLD_UNCHANGED)
			err->world = WORLD_CHANGED;
		return err->code;
	}
	if (keep)
		*kept = redis_keep(redis);
	return ERR_NONE;
}

bool redis_keep(struct redis *redis)
{
	struct err why = { 0 };

	if (REDIS(redis, NULL, &why, "CONFIG", "REWRITE") == ERR_NONE)
		return true;
	call_log(redis->call, "it will not survive a restart of the server: %s", why.text);
	return false;
}

/* ------------------------------------------------------------------ as data */

static void put_or_unknown(json_t *into, const char *name, int64_t value, int64_t factor)
{
	json_put(into, name, value >= 0 ? json_integer(value * factor) : json_null());
}

static void put_place(json_t *into, const char *name, const struct net_endpoint *at)
{
	char text[NET_HOST_MAX + 8];

	snprintf(text, sizeof(text), "%s@%d", at->host, at->port);
	json_put_str(into, name, text);
}

static void put_replicas(const struct redis_node *node, json_t *into)
{
	json_t *list = json_array();
	int64_t most = -1;

	for (size_t i = 0; i < node->count; i++) {
		const struct redis_replica *r = &node->replicas[i];
		json_t *row = json_object();
		/* the acknowledgement may be newer than the primary's own number in the text */
		const int64_t lag = r->offset < 0	       ? -1
				    : node->offset > r->offset ? node->offset - r->offset
							       : 0;

		put_place(row, "address", &r->at);
		json_put_str(row, "state", r->state);
		put_or_unknown(row, "lag_bytes", lag, 1);
		put_or_unknown(row, "acknowledged_ms", r->ack_s, 1000);
		json_array_append_new(list, row);
		most = lag > most ? lag : most;
	}
	json_put(into, "replicas", list);
	put_or_unknown(into, "lag_bytes", most, 1);
	json_put_str(into, "basis",
		node->count > 0
			? "written offset minus the offset each replica acknowledged, from one "
			  "INFO; replicas acknowledge once a second"
			: "no replica is connected");
}

void redis_node_json(const struct redis_node *node, json_t *into)
{
	json_put_str(into, "role", node->primary ? "primary" : "replica");
	json_put_str(into, "version", node->version);
	json_put_str(into, "run_id", node->run_id);
	json_put_str(into, "replication_id", node->replid);
	put_or_unknown(into, "offset", node->offset, 1);
	json_put_flag(into, "fenced", redis_is_fenced(node));
	json_put_flag(into, "writable", redis_takes_writes(node));
	json_put_flag(into, "loading", node->loading);
	if (node->primary) {
		put_replicas(node, into);
		return;
	}
	put_place(into, "primary", &node->primary_at);
	json_put_str(into, "link", node->link_up ? "up" : node->syncing ? "syncing" : "down");
	put_or_unknown(into, "received_offset", node->read_offset, 1);
	put_or_unknown(
		into, "silent_ms", node->link_up ? node->last_io_s : node->link_down_s, 1000);
	/* what it has not received is in no number of its own */
	put_or_unknown(into, "lag_bytes",
		node->link_up && node->read_offset >= node->offset && node->offset >= 0
			? node->read_offset - node->offset
			: -1,
		1);
	json_put_str(into, "basis",
		node->link_up
			? "received minus applied offset, from one INFO: what the primary "
			  "has not sent yet is not in it"
			: "the link to the primary is down: what the primary wrote since is "
			  "not known here");
}

enum err_code redis_heartbeat(struct redis *redis, json_t *into, struct err *err)
{
	const char *key = setting_string(redis->call, "heartbeat");
	char *value = NULL, *end;

	if (key == NULL)
		return ERR_NONE;
	TRY(redis_get(redis, key, &value, err));
	const int64_t at = value != NULL ? strtoll(value, &end, 10) : 0;
	const bool known = value != NULL && value[0] != '\0' && *end == '\0' && at > 0;
	json_put(into, "heartbeat_at_ms", known ? json_integer(at) : json_null());
	json_put(into, "heartbeat_age_ms",
		known ? json_integer(wall_now().ns / 1000000 - at) : json_null());
	free(value);
	return ERR_NONE;
}

void redis_name_unknown(json_t *result)
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
