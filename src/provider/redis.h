/* redis.h: between the redis_*.c files: a connection, what a server says of itself, and the
 * functions that the table in redis.c names. */
#ifndef PROVIDER_REDIS_H
#define PROVIDER_REDIS_H

#include "internal.h"

#include "net.h"
#include "resp.h"

enum { REDIS_WORDS_MAX = 16, REDIS_REPLICAS_MAX = 64 };

/* ------------------------------------------------------------------ connection (redis_conn.c)
 */

struct redis {
	struct call *call;
	struct net_endpoint at;
	int fd;
	struct buf in;	 /* received and not yet read */
	int64_t each_ms; /* the longest that one command may take; 0 = what the call has left */
	bool refused;	 /* why it could not be opened: nobody listens there */
	bool finish;	 /* a stop must not leave a command in flight: only the deadline does */
};

/* The server of the target, or another one with the same credentials.  UNREACHABLE TIMEOUT
 * AUTH; err->world is UNCHANGED. */
enum err_code redis_open(struct redis *redis, struct call *call,
	const struct net_endpoint *other, struct err *err) MUST_CHECK;
void redis_close(struct redis *redis);
/* One command; out (may be NULL when only success counts) is the caller's to resp_release.  An
 * answer that is an error is one here (AUTH, PRECONDITION, HELD, REFUSED …, world unchanged);
 * without any answer the world is unknown. */
enum err_code redis_command(struct redis *redis, const char *const *words, struct resp *out,
	struct err *err) MUST_CHECK;
#define REDIS(redis, out, err, ...)                                                            \
	redis_command(redis, (const char *const[]){ __VA_ARGS__, NULL }, out, err)
/* The value of a configuration parameter; NOT_FOUND when the server has none of that name. */
enum err_code redis_config(struct redis *redis, const char *name, char *out, size_t size,
	struct err *err) MUST_CHECK;
enum err_code redis_config_int(
	struct redis *redis, const char *name, int64_t *out, struct err *err) MUST_CHECK;
/* A key that holds a string; *value NULL when it is not there, owned otherwise. */
enum err_code redis_get(
	struct redis *redis, const char *key, char **value, struct err *err) MUST_CHECK;
/* Parameters host and port of a call, or "host@port" of a setting. */
enum err_code redis_endpoint(
	const char *host, int64_t port, struct net_endpoint *out, struct err *err) MUST_CHECK;
bool redis_same_place(const struct net_endpoint *a, const struct net_endpoint *b);

/* ------------------------------------------------------------------ a server (redis_node.c) */

struct redis_replica {
	struct net_endpoint at;
	char state[24]; /* "online" "wait_bgsave" "send_bulk" */
	int64_t offset, ack_s;
};

/* What one INFO says, all of the same instant. -1 stands for what it does not say. */
struct redis_node {
	bool primary, link_up, syncing, loading;
	char version[24], run_id[48], replid[48], replid2[48], failover[32];
	int64_t offset; /* of the replication stream: written (primary) or applied (replica) */
	int64_t second_offset; /* how far replid2 is part of its history */
	int64_t read_offset;   /* replica: received */
	int64_t last_io_s, link_down_s, priority;
	bool read_only;
	struct net_endpoint primary_at; /* replica: whom it follows */
	struct redis_replica replicas[REDIS_REPLICAS_MAX];
	size_t count;
	/* persistence */
	bool saving;
	char last_save_status[16];
	int64_t last_save_s, saves, saved_keys, saving_keys;
	/* of the configuration, not of INFO */
	int64_t min_replicas, max_lag_s;
};
/* INFO and the two settings that decide whether writes are taken. */
enum err_code redis_look(
	struct redis *redis, struct redis_node *out, struct err *err) MUST_CHECK;
/* redis_open, redis_look, redis_close. */
enum err_code redis_look_at(struct call *call, const struct net_endpoint *other,
	int64_t each_ms, struct redis_node *out, struct err *err) MUST_CHECK;
/* For tests: the text of INFO alone. */
void redis_parse_info(const char *text, struct redis_node *out);

/* The fence is min-replicas-to-write at a number no cluster has.  What stood there before is
 * part of the number, so that whoever takes the fence away, perhaps after a restart, knows it.
 */
enum { REDIS_FENCE = 1000000, REDIS_FENCE_NO_LAG = 2000000, REDIS_FENCE_LAG_S = 10 };
bool redis_is_fenced(const struct redis_node *node);
/* What min-replicas-to-write and min-replicas-max-lag were before the fence. */
void redis_before_fence(
	const struct redis_node *node, int64_t *min_replicas, int64_t *max_lag_s);
/* True for a primary that takes a write now. */
bool redis_takes_writes(const struct redis_node *node);
/* Sets both, in the order in which no write slips through; then, when asked for, writes the
 * server's configuration file (*kept: it was). */
enum err_code redis_set_fence(struct redis *redis, int64_t min_replicas, int64_t max_lag_s,
	bool keep, bool *kept, struct err *err) MUST_CHECK;

/* What they are to be for the fence. */
void redis_fence_values(
	const struct redis_node *node, int64_t *min_replicas, int64_t *max_lag_s);
/* A server that is down, by its configuration file (setting config_file, redis_file.c): fills
 * in min_replicas and max_lag_s only. */
enum err_code redis_file_look(
	struct call *call, struct redis_node *out, struct err *err) MUST_CHECK;
void redis_parse_file(const char *text, struct redis_node *out);
/* Puts the fence into that file or takes it away, when it is not so already. */
enum err_code redis_file_fence(struct call *call, bool on, struct err *err) MUST_CHECK;

/* Writes the server's configuration file, so that a restart does not undo what was set.  False,
 * and a line of output with the reason, when that is not possible: it is no failure. */
bool redis_keep(struct redis *redis);

/* The members of replication.status. */
void redis_node_json(const struct redis_node *node, json_t *into);
/* heartbeat_at_ms and heartbeat_age_ms of the key that setting or parameter heartbeat names;
 * null when it is not there or no number. */
enum err_code redis_heartbeat(struct redis *redis, json_t *into, struct err *err) MUST_CHECK;
/* Null members leave the object and are named in its "unknown". */
void redis_name_unknown(json_t *result);

/* ------------------------------------------------------------------ operations */

#define PREPARE(name) enum err_code name(struct call *call, json_t *before, struct err *err)
#define RUN(name) enum err_code name(struct call *call, json_t *result, struct err *err)
#define VERIFY(name)                                                                           \
	enum err_code name(                                                                    \
		struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)

RUN(redis_status);
RUN(redis_precheck);
RUN(redis_health);
RUN(redis_doctor);
PREPARE(redis_canary_prepare);
RUN(redis_canary);
VERIFY(redis_canary_verify);
RUN(redis_data_get);
RUN(redis_data_compare);

PREPARE(redis_promote_prepare);
RUN(redis_promote);
VERIFY(redis_promote_verify);
PREPARE(redis_switchover_prepare);
RUN(redis_switchover);
VERIFY(redis_switchover_verify);
PREPARE(redis_fence_prepare);
RUN(redis_fence);
VERIFY(redis_fence_verify);
PREPARE(redis_unfence_prepare);
RUN(redis_unfence);
VERIFY(redis_unfence_verify);
PREPARE(redis_reverse_prepare);
RUN(redis_reverse);
VERIFY(redis_reverse_verify);

PREPARE(redis_backup_prepare);
RUN(redis_backup);
VERIFY(redis_backup_verify);
RUN(redis_backup_points);
RUN(redis_backup_check);
PREPARE(redis_restore_prepare);
RUN(redis_restore);
VERIFY(redis_restore_verify);
RUN(redis_restore_validate);

#endif
