/* postgres_switchover.c: failover.switchover: the roles of a primary on this host and one of
 * its standbys are exchanged, and no transaction is lost.
 *
 * The primary is stopped (its last record goes to the standby), the standby is promoted when it
 * has replayed that record, and the old primary follows it.  Until the promotion is asked for,
 * what goes wrong is answered by starting the old primary again; from then on the way is
 * forward.  The world itself says how far an attempt came, and the next one goes on from there:
 *
 *   whole     the node runs as the primary, the other is its standby
 *   stopped   the node was shut down cleanly, the other is still in recovery
 *   promoted  the other is the primary of a later timeline, the node does not follow it yet */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_rejoin.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	POLL_MS = 20,
	RESERVE_MS = 3000, /* kept for starting the old primary again */
};

static enum err_code open_other(struct pg *pg, struct call *call, struct err *err)
{
	const struct pg_endpoint to = source_of(call);
	enum err_code code = pg_open(pg, call, &to, err);

	return code == ERR_NONE ? code : err_context(err, "the standby");
}

/* ------------------------------------------------------------------ prepare */

static enum err_code look_at_other(struct call *call, json_t *other, struct err *err)
{
	static const char sql[] =
		"select has_function_privilege('pg_promote(bool, int)', 'execute') as may,"
		" pg_is_in_recovery() and pg_is_wal_replay_paused() as paused,"
		" current_setting('recovery_min_apply_delay') as delay";
	struct pg pg;

	TRY(open_other(&pg, call, err));
	enum err_code code = pg_identity(&pg, other, err);
	/* asking a primary whether its replay is paused is an error of its own */
	if (code == ERR_NONE && json_flag(other, "in_recovery", false))
		code = pg_row(&pg, sql, 0, NULL, other, err);
	pg_close(&pg);
	return code;
}

static enum err_code check_standby(struct call *call, const json_t *other, struct err *err)
{
	const char *what = NULL;

	if (!json_flag(other, "may", false))
		what = "the role may not execute pg_promote";
	else if (json_flag(other, "paused", false))
		what = "its replay is paused";
	else if (!str_eq(json_str(other, "delay", "0"), "0"))
		what = "it holds back what it receives (recovery_min_apply_delay)";
	return what == NULL
		       ? ERR_NONE
		       : err_set(err, ERR_PRECONDITION, "the standby %s cannot take over: %s",
				 source_of(call).host, what);
}

/* The primary as it runs: is the other one its standby, and near? */
static enum err_code check_whole(
	struct call *call, const json_t *other, json_t *before, struct err *err)
{
	const int64_t most = call_int(call, "max_lag_bytes");
	uint64_t ours = 0, theirs = 0;
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = pg_identity(&pg, before, err);
	pg_close(&pg);
	TRY(code);
	if (json_flag(before, "in_recovery", false))
		return err_set(err, ERR_PRECONDITION, "\"%s\" is a standby, not a primary",
			call_target(call));
	if (!json_flag(other, "in_recovery", false))
		return err_set(err, ERR_PRECONDITION,
			"%s is a primary itself: there are two, fence one",
			source_of(call).host);
	if (!str_eq(json_str(other, "receiver", ""), "streaming") ||
		json_int(other, "timeline", 0) != json_int(before, "timeline", -1))
		return err_set(err, ERR_PRECONDITION,
			"the standby does not stream from \"%s\" (receiver: %s, timeline "
			"%" PRId64 ")",
			call_target(call), json_str(other, "receiver", "none"),
			json_int(other, "timeline", 0));
	if (!lsn_parse(json_str(before, "lsn", NULL), &ours) ||
		!lsn_parse(json_str(other, "replay_lsn", NULL), &theirs))
		return err_set(err, ERR_PRECONDITION, "how far the standby is, is not known");
	if (ours > theirs && (int64_t)(ours - theirs) > most)
		return err_set(err, ERR_PRECONDITION,
			"the standby is %" PRIu64 " bytes behind, allowed are %" PRId64,
			ours - theirs, most);
	return ERR_NONE;
}

/* Where an attempt that was cut off has come to, when the node does not run. */
static enum err_code check_interrupted(
	const struct node *node, const json_t *other, json_t *before, struct err *err)
{
	const bool promoted = !json_flag(other, "in_recovery", true);
	enum err_code code = node_ended(node, before, err);
	struct pg pg;

	if (code != ERR_NONE)
		return err_context(err, "it does not run");
	json_put_str(before, "stage", promoted ? "promoted" : "stopped");
	if (!promoted)
		return ERR_NONE;
	TRY(open_other(&pg, node->call, err));
	json_t *control = json_object();
	code = node_control(node, control, err);
	if (code == ERR_NONE &&
		!node_is_contained(&pg, control, json_int(other, "timeline", 0)))
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" may hold writes that the new primary does not have: "
			"failover.reverse rewinds it",
			call_target(node->call));
	json_decref(control);
	pg_close(&pg);
	return code;
}

PREPARE(postgres_switchover_prepare)
{
	json_t *other = json_object();
	int64_t started = 0;
	struct node node;

	enum err_code code = node_open(&node, call, err);
	if (code == ERR_NONE && node_has(&node, NODE_MARKER))
		code = err_set(err, ERR_PRECONDITION, "\"%s\" is fenced", call_target(call));
	if (code == ERR_NONE)
		code = look_at_other(call, other, err);
	const pid_t pid = code == ERR_NONE ? node_postmaster(&node, &started) : 0;
	json_put_int(before, "pid", pid);
	json_put_int(before, "started", started);
	json_put_str(before, "stage", "whole");
	if (code == ERR_NONE)
		code = pid != 0 ? check_whole(call, other, before, err)
				: check_interrupted(&node, other, before, err);
	if (code == ERR_NONE && json_flag(other, "in_recovery", false))
		code = check_standby(call, other, err);
	if (code == ERR_NONE &&
		!str_eq(json_str(other, "system_id", ""), json_str(before, "system_id", NULL)))
		code = err_set(err, ERR_PRECONDITION,
			"%s is another cluster (system %s, \"%s\" is %s)", source_of(call).host,
			json_str(other, "system_id", ""), call_target(call),
			json_str(before, "system_id", ""));
	json_decref(other);
	return code;
}

/* ------------------------------------------------------------------ run */

static enum err_code wait_for_all(struct pg *pg, const char *until, struct err *err)
{
	const int64_t wait = call_int(pg->call, "until_wait"),
		      room = call_left_ms(pg->call) - RESERVE_MS;
	const int64_t limit = wait < room ? wait : room;
	struct mono start = mono_now();
	json_t *row = json_object();
	uint64_t wanted = 0, replayed = 0;
	enum err_code code = lsn_parse(until, &wanted)
				     ? ERR_NONE
				     : err_set(err, ERR_PROTOCOL, "no LSN \"%s\"", until);

	while (code == ERR_NONE) {
		code = pg_identity(pg, row, err);
		if (code != ERR_NONE ||
			(lsn_parse(json_str(row, "replay_lsn", NULL), &replayed) &&
				replayed >= wanted))
			break;
		if (!json_flag(row, "in_recovery", false))
			code = err_set(
				err, ERR_CONFLICT, "the standby was promoted by somebody");
		else if (mono_ms_since(start) >= limit)
			code = err_set(err, ERR_PRECONDITION,
				"the standby has replayed %s and not %s in %" PRId64 " ms",
				json_str(row, "replay_lsn", "nothing"), until, limit);
		else
			code = call_sleep(pg->call, POLL_MS, err);
		call_progress(pg->call, -1, "waiting for %s", until);
	}
	json_decref(row);
	return code;
}

/* Not one promotion was asked for: the old primary may go on. */
static enum err_code take_back(const struct node *node, struct mono since, struct err *err)
{
	struct err why = { 0 };

	if (node_start(node, &why) != ERR_NONE)
		err_context(err, "\"%s\" was stopped and could not be started again (%.200s)",
			call_target(node->call), why.text);
	else
		err_context(err,
			"not promoted, and \"%s\" was started again after %" PRId64 " ms",
			call_target(node->call), mono_ms_since(since));
	err->world = WORLD_CHANGED;
	return err->code;
}

static enum err_code stop_old(const struct node *node, json_t *result, struct err *err)
{
	const json_t *before = call_before(node->call);
	int64_t started = 0;
	const pid_t pid = node_postmaster(node, &started);

	if (call_left_ms(node->call) < RESERVE_MS)
		return err_set(err, ERR_TIMEOUT,
			"the time that is left would not do to start \"%s\" again",
			call_target(node->call));
	if (pid != 0 && (pid != json_int(before, "pid", 0) ||
				started != json_int(before, "started", 0)))
		return err_set(err, ERR_CONFLICT,
			"another server process runs in \"%s\" than the one that was looked at",
			node->data_dir);
	call_log(node->call, "fast shutdown of %s", node->data_dir);
	enum err_code code = pid != 0 ? node_stop(node, SIGINT, 0, err) : ERR_NONE;
	if (code != ERR_NONE) {
		err->world = WORLD_UNKNOWN;
		return code;
	}
	code = node_ended(node, result, err);
	if (code != ERR_NONE)
		err->world = WORLD_CHANGED;
	return code;
}

/* Everything up to the new primary's taking writes. */
static enum err_code exchange(const struct node *node, json_t *result, struct err *err)
{
	struct mono start = mono_now();
	bool asked = false;
	struct pg pg;

	TRY(stop_old(node, result, err));
	enum err_code code = open_other(&pg, node->call, err);
	if (code == ERR_NONE) {
		code = wait_for_all(&pg, json_str(result, "until_lsn", ""), err);
		if (code == ERR_NONE) {
			asked = true;
			code = pg_become_primary(&pg, true, result, err);
		}
		pg_close(&pg);
	}
	if (code != ERR_NONE && !asked)
		return take_back(node, start, err);
	if (code == ERR_NONE)
		json_put_int(result, "gap_ms",
			mono_ms_since(start) - json_int(result, "checkpoint_ms", 0));
	return code;
}

RUN(postgres_switchover)
{
	const json_t *before = call_before(call);
	struct mono start = mono_now();
	json_t *other = json_object();
	struct node node;

	enum err_code code = node_open(&node, call, err);
	if (code == ERR_NONE && !str_eq(json_str(before, "stage", ""), "promoted"))
		code = exchange(&node, result, err);
	if (code != ERR_NONE)
		goto out;
	code = source_ready(call, result, err);
	if (code == ERR_NONE)
		code = look_at_other(call, other, err);
	if (code == ERR_NONE)
		code = node_follow(
			&node, "rejoin", json_int(other, "timeline", 0), result, err);
	if (code != ERR_NONE) {
		err_context(err,
			"the standby is the primary now, but \"%s\" does not follow it",
			call_target(call));
		err->world = WORLD_CHANGED;
		goto out;
	}
	static const char *const inner[] = { "way", "data_ms", "state", "checkpoint",
		"checkpoint_ms", "in_recovery", "receiver", "receive_lsn", "replay_lsn" };
	for (size_t i = 0; i < COUNT_OF(inner); i++)
		json_object_del(result, inner[i]);
	json_put_int(result, "took_ms", mono_ms_since(start));
out:
	json_decref(other);
	return code;
}

/* ------------------------------------------------------------------ verify */

VERIFY(postgres_switchover_verify)
{
	const json_t *before = call_before(call);
	const struct pg_endpoint local = { .host = setting_string(call, "socket_dir") };
	json_t *other = json_object(), *own = json_object();
	int64_t started = 0;
	struct err why = { 0 };
	struct node node;
	struct pg pg;

	*verdict = VERDICT_NOT_DONE;
	enum err_code code = node_open(&node, call, err);
	if (code == ERR_NONE)
		code = look_at_other(call, other, err);
	if (code != ERR_NONE)
		goto out;
	const pid_t pid = node_postmaster(&node, &started);
	const bool promoted =
		!json_flag(other, "in_recovery", true) &&
		json_int(other, "timeline", 0) > json_int(before, "timeline", 0) &&
		str_eq(json_str(other, "system_id", ""), json_str(before, "system_id", NULL));
	json_put_flag(evidence, "promoted", promoted);
	json_put_int(evidence, "pid", pid);
	if (pid == 0 || !promoted)
		goto out; /* failover.switchover again goes on from here */
	code = pg_open(&pg, call, &local, &why);
	if (code == ERR_NONE) {
		code = pg_identity(&pg, own, &why);
		pg_close(&pg);
	}
	if (code != ERR_NONE) {
		*err = why;
		goto out;
	}
	if (json_flag(own, "in_recovery", false) &&
		str_eq(json_str(own, "receiver", ""), "streaming") &&
		json_int(own, "timeline", 0) == json_int(other, "timeline", 0)) {
		json_t *result = json_object();
		json_put_int(result, "timeline", json_int(other, "timeline", 0));
		json_put_str(result, "system_id", json_str(other, "system_id", NULL));
		json_put_str(result, "lsn", json_str(other, "lsn", NULL));
		json_put(evidence, "result", result);
		*verdict = VERDICT_DONE;
	} else {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason",
			json_flag(own, "in_recovery", false)
				? "it runs as a standby but does not stream (yet)"
				: "both run as primaries: fence one");
	}
out:
	json_decref(own);
	json_decref(other);
	return code;
}
#endif
