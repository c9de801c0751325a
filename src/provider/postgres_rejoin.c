/* postgres_rejoin.c: failover.reverse and failover.rejoin: the old primary becomes a standby of
 * the new one.
 *
 * rejoin   it was stopped cleanly and the new primary has all it had: only its configuration
 * changes. reverse  the same when that is enough, else pg_rewind, else (reseed) a new copy
 * beside it and a swap.
 *
 * Every part can be done again, and nothing says "done" before the node streams; so an attempt
 * that was cut off is finished by the next one. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_rejoin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { POLL_MS = 50 };

#define PASSFILE "drillbook.pgpass"

static bool is_rejoin(const struct call *call)
{
	return str_eq(call_op(call), "failover.rejoin");
}

static bool wants_reseed(const struct call *call)
{
	return !is_rejoin(call) && call_bool(call, "reseed");
}

static enum err_code open_source(struct pg *pg, struct call *call, struct err *err)
{
	const struct pg_endpoint to = source_of(call);
	enum err_code code = pg_open(pg, call, &to, err);

	return code == ERR_NONE ? code : err_context(err, "the source");
}

static enum err_code open_local(struct pg *pg, struct call *call, struct err *err)
{
	const struct pg_endpoint to = { .host = setting_string(call, "socket_dir") };

	return pg_open(pg, call, &to, err);
}

/* ------------------------------------------------------------------ prepare */

/* Where the source's timeline left ours: history lines are "TIMELINE <tab> LSN <tab> reason".
 * 0 = not found. */
static enum err_code switch_point(struct pg *source, int64_t source_timeline,
	int64_t our_timeline, uint64_t *out, struct err *err)
{
	char path[64];
	const char *const values[] = { path };
	json_t *row = json_object();

	*out = 0;
	snprintf(path, sizeof(path), "pg_wal/%08" PRIX64 ".history", (uint64_t)source_timeline);
	enum err_code code =
		pg_row(source, "select pg_read_file($1) as history", 1, values, row, err);
	const char *line = json_str(row, "history", "");
	while (code == ERR_NONE && *line != '\0') {
		char lsn[32];
		long long timeline;
		if (sscanf(line, "%lld %31s", &timeline, lsn) == 2 &&
			timeline == our_timeline && !lsn_parse(lsn, out))
			*out = 0;
		line += strcspn(line, "\n");
		line += strspn(line, "\n");
	}
	json_decref(row);
	return code;
}

/* True when the source has everything this node ever wrote: it was shut down cleanly and the
 * source's timeline branched off behind its last record.  (A branch point is a record's end;
 * the last record begins at the checkpoint's LSN.) */
bool node_is_contained(struct pg *source, const json_t *control, int64_t source_timeline)
{
	struct err ignored = { 0 };
	uint64_t branch = 0, last = 0;
	int64_t ours = json_int(control, "timeline", 0);

	if (!str_eq(json_str(control, "state", ""), "shut down") ||
		!lsn_parse(json_str(control, "checkpoint", NULL), &last) ||
		ours >= source_timeline)
		return false;
	return switch_point(source, source_timeline, ours, &branch, &ignored) == ERR_NONE &&
	       branch > last;
}

/* True for a standby that ended while it followed the source's own timeline, such as one that
 * an earlier attempt has started: it only wants to be started.  pg_rewind would recover it
 * alone, which writes a checkpoint of its own where the source's next records belong, and then
 * find "no rewind required". */
static bool is_follower(const json_t *control, int64_t source_timeline)
{
	return str_eq(json_str(control, "state", ""), "in archive recovery") &&
	       json_int(control, "recovery_timeline", 0) == source_timeline;
}

static enum err_code check_reseed(const struct node *node, struct pg *source, struct err *err)
{
	static const char sql[] =
		"select (select count(*) from pg_tablespace where spcname not like 'pg\\_%') "
		"as spaces,"
		" (select sum(pg_database_size(oid)) from pg_database)::int8 as bytes";
	json_t *row = json_object();
	struct statvfs fs;

	enum err_code code = pg_row(source, sql, 0, NULL, row, err);
	int64_t bytes = json_int(row, "bytes", 0), spaces = json_int(row, "spaces", 0);
	json_decref(row);
	TRY(code);
	if (spaces > 0)
		return err_set(err, ERR_UNSUPPORTED,
			"the source has tablespaces of its own: re-seed by hand");
	if (statvfs(node->data_dir, &fs) != 0)
		return err_errno(
			err, "cannot tell how much room there is for \"%s\"", node->data_dir);
	int64_t room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (room < bytes + bytes / 10)
		return err_set(err, ERR_PRECONDITION,
			"a second copy needs %" PRId64 " bytes, there are %" PRId64,
			bytes + bytes / 10, room);
	return ERR_NONE;
}

static enum err_code choose_way(const struct node *node, struct pg *source,
	const json_t *control, json_t *before, struct err *err)
{
	const char *way = "rewind";
	int64_t timeline = json_int(before, "timeline", 0);
	bool contained =
		node_is_contained(source, control, timeline) || is_follower(control, timeline);

	if (contained && !kept_has(node, KEPT_REWINDING))
		way = "rejoin";
	else if (is_rejoin(node->call))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" may hold writes that the new primary does not "
			"have (its control file says \"%s\"): failover.reverse rewinds it",
			call_target(node->call), json_str(control, "state", ""));
	else if (!json_flag(control, "hints", false))
		way = "impossible";
	if (wants_reseed(node->call)) {
		TRY(check_reseed(node, source, err));
		way = "reseed";
	}
	if (str_eq(way, "impossible"))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" cannot be rewound: wal_log_hints and checksums "
			"were off; %s",
			call_target(node->call), RESEED);
	json_put_str(before, "way", way);
	return ERR_NONE;
}

static enum err_code check_source(
	struct call *call, const json_t *source, const json_t *control, struct err *err)
{
	const char *theirs = json_str(source, "system_id", ""),
		   *ours = json_str(control, "system_id", "");

	if (json_flag(source, "in_recovery", true))
		return err_set(err, ERR_PRECONDITION, "the source %s is a standby itself",
			source_of(call).host);
	if (!str_eq(theirs, ours))
		return err_set(err, ERR_PRECONDITION,
			"the source is another cluster (system %s, \"%s\" is %s)", theirs,
			call_target(call), ours);
	if (json_int(source, "timeline", 0) < json_int(control, "timeline", 0))
		return err_set(err, ERR_PRECONDITION,
			"the source is on timeline %" PRId64 ", older than \"%s\" "
			"(%" PRId64 "): it is not its successor",
			json_int(source, "timeline", 0), call_target(call),
			json_int(control, "timeline", 0));
	return ERR_NONE;
}

/* A node that runs may only be a standby, and not one that has arrived. */
static enum err_code check_running(const struct node *node, int64_t timeline, struct err *err)
{
	struct pg pg;

	if (node_postmaster(node, NULL) == 0)
		return ERR_NONE;
	if (open_local(&pg, node->call, err) != ERR_NONE)
		return err_context(err, "it runs");
	json_t *row = json_object();
	enum err_code code = pg_identity(&pg, row, err);
	pg_close(&pg);
	if (code == ERR_NONE && !json_flag(row, "in_recovery", false))
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" runs as a primary: fence it first", call_target(node->call));
	else if (code == ERR_NONE && str_eq(json_str(row, "receiver", ""), "streaming") &&
		 json_int(row, "timeline", 0) == timeline)
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" is a streaming standby on timeline %" PRId64 " already",
			call_target(node->call), timeline);
	json_decref(row);
	return code;
}

PREPARE(postgres_reverse_prepare)
{
	json_t *control = json_object();
	struct node node;
	struct pg source = { 0 };

	enum err_code code = node_open(&node, call, err);
	if (code == ERR_NONE)
		code = node_control(&node, control, err);
	if (code == ERR_NONE)
		code = open_source(&source, call, err);
	if (code == ERR_NONE)
		code = pg_identity(&source, before, err);
	if (code == ERR_NONE)
		code = check_source(call, before, control, err);
	if (code == ERR_NONE)
		code = check_running(&node, json_int(before, "timeline", 0), err);
	if (code == ERR_NONE)
		code = choose_way(&node, &source, control, before, err);
	json_put_str(before, "state", json_str(control, "state", ""));
	json_put_int(before, "old_timeline", json_int(control, "timeline", 0));
	pg_close(&source);
	json_decref(control);
	return code;
}

/* ------------------------------------------------------------------ run */

/* The slot first, so that no WAL is recycled meanwhile; the checkpoint because pg_rewind reads
 * the source's timeline from its control file. */
enum err_code source_ready(struct call *call, json_t *result, struct err *err)
{
	const char *slot = call_string(call, "slot");
	const char *const values[] = { slot };
	json_t *row = json_object();
	struct pg pg;

	enum err_code code = open_source(&pg, call, err);
	if (code != ERR_NONE)
		goto out;
	code = pg_identity(&pg, row, err);
	if (code == ERR_NONE && json_flag(row, "in_recovery", true))
		code = err_set(err, ERR_PRECONDITION, "the source is not a primary any more");
	if (code == ERR_NONE && slot != NULL) {
		code = pg_row(&pg,
			"select count(*) as slots from pg_replication_slots where slot_name = "
			"$1",
			1, values, row, err);
		if (code == ERR_NONE && json_int(row, "slots", 0) == 0) {
			call_log(call, "creating slot %s on the source", slot);
			code = pg_run(&pg,
				"select pg_create_physical_replication_slot($1, true)", 1,
				values, NULL, err);
			json_put_flag(result, "slot_created", true);
		}
	}
	if (code == ERR_NONE) {
		call_log(call, "checkpoint on the source");
		code = pg_exec(&pg, "checkpoint", err);
	}
	pg_close(&pg);
out:
	json_decref(row);
	return code;
}

/* Configuration, password file and standby.signal; the marker of the fence goes last. */
static enum err_code point_at_source(const struct node *node, struct err *err)
{
	const char *name = call_string(node->call, "standby_name"),
		   *slot = call_string(node->call, "slot");
	const char *given = setting_string(node->call, "passfile");
	char *passfile = given != NULL ? xstrdup(given) : node_path(node, PASSFILE);
	struct buf buf;

	buf_init(&buf, 1 << 16);
	enum err_code code = source_conninfo(node->call, &buf, err);
	if (code == ERR_NONE)
		code = conninfo_add(&buf, "application_name",
			name != NULL ? name : call_target(node->call), err);
	if (code == ERR_NONE &&
		(given != NULL || call_secret(node->call, "password", NULL) != NULL))
		code = conninfo_add(&buf, "passfile", passfile, err);
	if (code == ERR_NONE && given == NULL &&
		call_secret(node->call, "password", NULL) != NULL)
		code = passfile_write(node, passfile, err);
	if (code == ERR_NONE)
		code = node_write(node, "standby.signal", "", err);
	if (code == ERR_NONE)
		code = node_set(node, "primary_conninfo", buf.data, err);
	if (code == ERR_NONE)
		code = node_set(node, "primary_slot_name", slot != NULL ? slot : "", err);
	if (code == ERR_NONE)
		code = node_set(node, "recovery_target_timeline", "latest", err);
	if (code == ERR_NONE)
		code = node_remove(node, NODE_MARKER, err);
	buf_release(&buf);
	free(passfile);
	return code;
}

static enum err_code source_lsn(struct call *call, uint64_t *out, struct err *err)
{
	json_t *row = json_object();
	struct pg pg;

	enum err_code code = open_source(&pg, call, err);
	if (code == ERR_NONE) {
		code = pg_identity(&pg, row, err);
		pg_close(&pg);
	}
	if (code == ERR_NONE && !lsn_parse(json_str(row, "lsn", NULL), out))
		code = err_set(err, ERR_PROTOCOL, "the source does not tell its LSN");
	json_decref(row);
	return code;
}

/* Streams on (at least) timeline and has replayed wanted. */
static bool has_arrived(const json_t *identity, int64_t timeline, uint64_t wanted)
{
	uint64_t replayed = 0;

	return json_flag(identity, "in_recovery", false) &&
	       str_eq(json_str(identity, "receiver", ""), "streaming") &&
	       json_int(identity, "timeline", 0) >= timeline &&
	       lsn_parse(json_str(identity, "replay_lsn", NULL), &replayed) &&
	       replayed >= wanted;
}

/* Streaming alone is no proof: a node whose WAL does not fit the source's streams for a moment,
 * too.  It has arrived when it has replayed what the source had when it began to stream. */
static enum err_code wait_until_streaming(
	const struct node *node, int64_t timeline, json_t *result, struct err *err)
{
	struct mono start = mono_now();
	enum err_code code;
	uint64_t wanted = 0;
	struct pg pg;

	TRY(source_lsn(node->call, &wanted, err));
	TRY(open_local(&pg, node->call, err));
	while ((code = pg_identity(&pg, result, err)) == ERR_NONE &&
		!has_arrived(result, timeline, wanted)) {
		call_progress(node->call, -1, "receiver %s, replayed %s",
			json_str(result, "receiver", "none"),
			json_str(result, "replay_lsn", "nothing"));
		code = call_sleep(node->call, POLL_MS, err);
		if (code != ERR_NONE) {
			err_context(err,
				"\"%s\" was started but has not caught up (receiver %s, "
				"replayed "
				"%s)",
				call_target(node->call), json_str(result, "receiver", "none"),
				json_str(result, "replay_lsn", "nothing"));
			break;
		}
	}
	pg_close(&pg);
	json_put_int(result, "streaming_ms", mono_ms_since(start));
	return code;
}

static enum err_code change_data(
	const struct node *node, const char *way, json_t *result, struct err *err)
{
	struct mono start = mono_now();
	enum err_code code = ERR_NONE;

	call_log(node->call, "way: %s", way);
	call_progress(node->call, -1, "%s", way);
	if (str_eq(way, "reseed"))
		code = reseed_node(node, result, err);
	else if (str_eq(way, "rewind"))
		code = rewind_node(node, err);
	if (code == ERR_NONE && !str_eq(way, "reseed"))
		code = kept_restore(node, node->data_dir, err);
	json_put_str(result, "way", way);
	json_put_int(result, "data_ms", mono_ms_since(start));
	return code;
}

enum err_code node_follow(const struct node *node, const char *way, int64_t timeline,
	json_t *result, struct err *err)
{
	/* only a standby that has not arrived can be running: prepare saw to that */
	enum err_code code = node_postmaster(node, NULL) != 0 ? node_stop(node, SIGINT, 0, err)
							      : node_clear_locks(node, err);

	if (code == ERR_NONE)
		code = kept_save(node, err);
	if (code == ERR_NONE)
		code = change_data(node, way, result, err);
	if (code == ERR_NONE)
		code = point_at_source(node, err);
	/* the configuration is back in place: from here on it is only started and waited for */
	if (code == ERR_NONE) {
		kept_drop(node);
		code = node_start(node, err);
	}
	if (code == ERR_NONE)
		code = wait_until_streaming(node, timeline, result, err);
	if (code != ERR_NONE)
		err->world = WORLD_CHANGED;
	pg_name_unknown(result);
	return code;
}

RUN(postgres_reverse)
{
	const json_t *before = call_before(call);
	struct mono start = mono_now();
	struct node node;

	TRY(node_open(&node, call, err));
	TRY(source_ready(call, result, err));
	enum err_code code = node_follow(&node, json_str(before, "way", "rewind"),
		json_int(before, "timeline", 0), result, err);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return code;
}

/* ------------------------------------------------------------------ verify */

static enum err_code source_timeline(struct call *call, int64_t *out)
{
	json_t *row = json_object();
	struct err why = { 0 };
	struct pg pg;

	enum err_code code = open_source(&pg, call, &why);
	if (code == ERR_NONE) {
		code = pg_identity(&pg, row, &why);
		pg_close(&pg);
	}
	if (code == ERR_NONE)
		*out = json_int(row, "timeline", *out);
	json_decref(row);
	return code;
}

VERIFY(postgres_reverse_verify)
{
	const json_t *before = call_before(call);
	int64_t timeline = json_int(before, "timeline", 0);
	struct node node;
	struct pg pg;

	TRY(node_open(&node, call, err));
	pid_t pid = node_postmaster(&node, NULL);
	json_put_int(evidence, "pid", pid);
	json_put_flag(evidence, "interrupted", kept_is_there(&node));
	*verdict = VERDICT_NOT_DONE;
	if (pid == 0)
		return ERR_NONE;
	TRY(open_local(&pg, call, err));
	enum err_code code = pg_identity(&pg, evidence, err);
	pg_close(&pg);
	TRY(code);
	pg_name_unknown(evidence);
	json_put_flag(evidence, "source_seen", source_timeline(call, &timeline) == ERR_NONE);
	bool standby = json_flag(evidence, "in_recovery", false);
	bool same = str_eq(
		json_str(evidence, "system_id", ""), json_str(before, "system_id", NULL));
	uint64_t wanted = 0;

	if (!lsn_parse(json_str(before, "lsn", NULL), &wanted))
		wanted = 0;
	if (same && json_int(evidence, "timeline", 0) == timeline &&
		has_arrived(evidence, timeline, wanted)) {
		*verdict = VERDICT_DONE;
		return ERR_NONE;
	}
	*verdict = VERDICT_CANNOT_TELL;
	json_put_str(evidence, "reason",
		!standby ? "it runs as a primary"
		: !same	 ? "another cluster runs there"
			: "it runs as a standby but does not stream what the source has (yet)");
	return ERR_NONE;
}
#endif
