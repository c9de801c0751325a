/* redis_backup.c: backups of a server whose files are on this host: BGSAVE, then a copy of the
 * file it wrote; checking and restoring such copies. */
#include "redis.h"

#include "copies.h"
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { POLL_MS = 50, CHECK_OUTPUT_MAX = 1 << 20 };
#define DUMP "dump.rdb"

/* ------------------------------------------------------------------ backup.start */

/* The file BGSAVE writes: it is replaced as a whole, so another inode or time means a new one.
 */
struct dump {
	char *path; /* owned */
	struct stat st;
	bool there;
};

static void dump_stat(struct dump *dump)
{
	dump->there = stat(dump->path, &dump->st) == 0;
}

static bool dump_changed(const struct dump *then, const struct dump *now)
{
	return now->there && (!then->there || then->st.st_ino != now->st.st_ino ||
				     then->st.st_mtim.tv_sec != now->st.st_mtim.tv_sec ||
				     then->st.st_mtim.tv_nsec != now->st.st_mtim.tv_nsec);
}

static enum err_code dump_find(struct redis *redis, struct dump *dump, struct err *err)
{
	char dir[4096], name[256];
	struct stat st;

	TRY(redis_config(redis, "dir", dir, sizeof(dir), err));
	TRY(redis_config(redis, "dbfilename", name, sizeof(name), err));
	if (stat(dir, &st) != 0)
		return err_set(err, ERR_UNSUPPORTED,
			"the server's directory \"%s\" cannot be read here (%s): its host, and "
			"a "
			"user who may read it, are needed",
			dir, strerror(errno));
	dump->path = path_join(dir, name);
	dump_stat(dump);
	return ERR_NONE;
}

PREPARE(redis_backup_prepare)
{
	struct redis_node node;
	struct redis redis;
	struct dump dump = { 0 };

	TRY(copies_backup_prepare(call, before, err));
	TRY(redis_open(&redis, call, NULL, err));
	enum err_code code = redis_look(&redis, &node, err);
	if (code == ERR_NONE && node.saving)
		code = err_set(err, ERR_HELD, "\"%s\" is just saving; wait for its end",
			call_target(call));
	if (code == ERR_NONE && (node.syncing || node.loading))
		code = err_set(err, ERR_PRECONDITION, "\"%s\" has no whole copy (yet)",
			call_target(call));
	if (code == ERR_NONE)
		code = dump_find(&redis, &dump, err);
	redis_close(&redis);
	free(dump.path);
	return code;
}

static enum err_code wait_saved(
	struct redis *redis, const struct dump *then, struct redis_node *node, struct err *err)
{
	struct dump now = { .path = then->path };
	enum err_code code;

	for (;;) {
		code = redis_look(redis, node, err);
		if (code != ERR_NONE)
			return code;
		dump_stat(&now);
		if (!node->saving && !str_eq(node->last_save_status, "ok"))
			return err_set(err, ERR_FAILED,
				"\"%s\" could not save; its own log says why",
				call_target(redis->call));
		if (!node->saving && dump_changed(then, &now))
			return ERR_NONE;
		if (!node->saving && node->saved_keys == 0 && node->last_save_s > 0 &&
			!now.there)
			return err_set(err, ERR_UNSUPPORTED,
				"\"%s\" has saved, but there is no \"%s\" here",
				call_target(redis->call), then->path);
		if (node->saving_keys > 0 && node->saved_keys >= 0)
			call_progress(redis->call,
				(int)(node->saved_keys * 1000 / node->saving_keys),
				"%" PRId64 " of %" PRId64 " keys", node->saved_keys,
				node->saving_keys);
		code = call_sleep(redis->call, POLL_MS, err);
		if (code != ERR_NONE)
			return err_context(err, "a save was asked for");
	}
}

static enum err_code save_and_copy(struct redis *redis, struct dump *dump, const char *part,
	int64_t *point_ms, json_t *detail, struct err *err)
{
	struct redis_node node;

	TRY(dump_find(redis, dump, err));
	*point_ms = wall_now().ns / 1000000;
	call_log(redis->call, "BGSAVE");
	TRY(REDIS(redis, NULL, err, "BGSAVE"));
	TRY(wait_saved(redis, dump, &node, err));
	json_put_str(detail, "version", node.version);
	json_put_str(detail, "run_id", node.run_id);
	json_put_str(detail, "replication_id", node.replid);
	json_put_int(detail, "offset", node.offset);
	return copies_copy(redis->call, dump->path, part, err);
}

RUN(redis_backup)
{
	const struct mono start = mono_now();
	json_t *detail = json_object();
	struct dump dump = { 0 };
	struct redis redis;
	char *part = NULL;
	int64_t point_ms = 0;
	struct err ignored = { 0 };

	enum err_code code = copies_backup_begin(call, &part, err);
	if (code == ERR_NONE)
		code = redis_open(&redis, call, NULL, err);
	if (code == ERR_NONE) {
		code = save_and_copy(&redis, &dump, part, &point_ms, detail, err);
		redis_close(&redis);
	}
	if (code == ERR_NONE)
		code = copies_backup_end(call, "redis", part, point_ms,
			"this host's clock when the save was asked for", detail, result, err);
	else
		json_decref(detail);
	if (code != ERR_NONE)
		(void)!copies_remove(part, &ignored);
	json_put_int(result, "took_ms", mono_ms_since(start));
	/* that the server has saved once more changes nothing anybody sees */
	if (code != ERR_NONE && code != ERR_TIMEOUT && code != ERR_CANCELLED)
		err->world = WORLD_UNCHANGED;
	free(dump.path);
	free(part);
	return code;
}

VERIFY(redis_backup_verify)
{
	return copies_backup_verify(call, evidence, verdict, err);
}

RUN(redis_backup_points)
{
	return copies_points(call, "redis", result, err);
}

/* ------------------------------------------------------------------ redis-check-rdb */

/* "[info] 12 keys read" */
static int64_t keys_read(const char *text)
{
	const char *end = text != NULL ? strstr(text, " keys read") : NULL;

	if (end == NULL)
		return -1;
	const char *start = end;
	while (start > text && start[-1] >= '0' && start[-1] <= '9')
		start--;
	return start < end ? strtoll(start, NULL, 10) : -1;
}

static enum err_code check_rdb(
	struct call *call, const char *path, json_t *result, struct err *err)
{
	const char *const argv[] = { "redis-check-rdb", path, NULL };
	struct tool tool = {
		.call = call, .argv = argv, .max_output_bytes = CHECK_OUTPUT_MAX, .quiet = true
	};
	int64_t keys = -1;

	enum err_code code = tool_run(&tool, err);
	if (code == ERR_NONE) {
		keys = keys_read(tool.out.data);
		if (tool.exit_status != 0)
			code = err_set(err, ERR_FAILED,
				"\"%s\" is damaged: redis-check-rdb says so", path);
		else if (keys < 0)
			code = err_set(err, ERR_VERSION,
				"redis-check-rdb does not say how many keys \"%s\" has", path);
	}
	if (keys >= 0)
		json_put_int(result, "keys", keys);
	tool_release(&tool);
	if (code == ERR_NONE && keys < call_int(call, "min_keys"))
		code = err_set(err, ERR_FAILED,
			"\"%s\" has %" PRId64 " keys, at least %" PRId64 " are expected", path,
			keys, call_int(call, "min_keys"));
	if (code != ERR_NONE)
		err->world = WORLD_UNCHANGED;
	json_put_flag(result, "ok", code == ERR_NONE);
	return code;
}

RUN(redis_backup_check)
{
	TRY(copies_check(call, result, err));
	return check_rdb(call, call_string(call, "from"), result, err);
}

/* ------------------------------------------------------------------ restore */

PREPARE(redis_restore_prepare)
{
	return copies_restore_prepare(call, before, err);
}

RUN(redis_restore)
{
	return copies_restore(call, DUMP, result, err);
}

VERIFY(redis_restore_verify)
{
	return copies_restore_verify(call, evidence, verdict, err);
}

RUN(redis_restore_validate)
{
	char *path = path_join(call_string(call, "path"), DUMP);
	enum err_code code;

	if (!path_exists(path))
		code = err_set(err, ERR_NOT_FOUND, "there is no \"%s\"", path);
	else
		code = check_rdb(call, path, result, err);
	free(path);
	return code;
}
