/* postgres_rejoin.h: between postgres_rejoin.c and postgres_files.c. */
#ifndef PROVIDER_POSTGRES_REJOIN_H
#define PROVIDER_POSTGRES_REJOIN_H

#include "postgres.h"

/* Copies the node's *.conf to the directory beside it, unless an earlier attempt has left a
 * whole copy. */
enum err_code kept_save(const struct node *node, struct err *err) MUST_CHECK;
/* Copies them back into data_dir. */
enum err_code kept_restore(
	const struct node *node, const char *data_dir, struct err *err) MUST_CHECK;
/* An attempt has begun and has not come to its end. */
bool kept_is_there(const struct node *node);
/* What the attempt has come to: KEPT_REWINDING is set just before pg_rewind, KEPT_REWOUND just
 * after. */
#define KEPT_REWINDING "rewinding"
#define KEPT_REWOUND "rewound"
bool kept_has(const struct node *node, const char *stage);
enum err_code kept_put(const struct node *node, const char *stage, struct err *err) MUST_CHECK;
void kept_drop(const struct node *node);
/* The secret `password` as the text of a libpq password file. */
enum err_code passfile_text(
	const struct call *call, struct buf *buf, struct err *err) MUST_CHECK;
/* Writes it, 0600. */
enum err_code passfile_write(
	const struct node *node, const char *path, struct err *err) MUST_CHECK;

/* Appends name='value' to a connection string; nothing when value is NULL. */
enum err_code conninfo_add(
	struct buf *buf, const char *name, const char *value, struct err *err) MUST_CHECK;
/* The server that is to be followed: parameters source_*, of a switchover standby_*. */
struct pg_endpoint source_of(const struct call *call);
bool is_switchover(const struct call *call);
/* How to reach it, without a password in it. */
enum err_code source_conninfo(struct call *call, struct buf *buf, struct err *err) MUST_CHECK;
/* Once, however often it is called before kept_drop. */
enum err_code rewind_node(const struct node *node, struct err *err) MUST_CHECK;
/* The old directory's new name goes into result as "kept". */
enum err_code reseed_node(const struct node *node, json_t *result, struct err *err) MUST_CHECK;
/* Makes parameter slot on the source when it is not there, and a checkpoint: slot_created. */
enum err_code source_ready(struct call *call, json_t *result, struct err *err) MUST_CHECK;
/* Makes the node, which does not run or is a standby, a streaming standby of the source by way ("rejoin", "rewind",
 * "reseed"), and waits until it is on timeline or later and has what the source had: way, data_ms, streaming_ms, …
 * (postgres_rejoin.c).  A failure leaves err->world changed. */
enum err_code node_follow(const struct node *node, const char *way, int64_t timeline, json_t *result,
	struct err *err) MUST_CHECK;
/* True when the source, on that timeline, has everything the node ever wrote. */
bool node_is_contained(struct pg *source, const json_t *control, int64_t source_timeline);
#define RESEED "set reseed = true to copy the whole database instead"

#endif
