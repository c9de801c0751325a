/* postgres_promote.c: failover.promote: a standby becomes a primary, once.
 *
 * The step cannot be taken back: the timeline it opens leaves behind whatever was not received.
 * What makes it safe to ask again is the timeline: pg_promote is only sent to a server that is
 * in recovery on the timeline that prepare saw, and each promotion raises it. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 20 };

/* ------------------------------------------------------------------ prepare */

/* Waits until the standby has replayed up to the LSN the old primary stopped at. */
static enum err_code wait_for_lsn(
	struct pg *pg, uint64_t wanted, json_t *before, struct err *err)
{
	struct mono start = mono_now();
	int64_t limit = call_int(pg->call, "until_wait");
	uint64_t replayed = 0;

	while (true) {
		TRY(pg_identity(pg, before, err));
		if (!json_flag(before, "in_recovery", false))
			return ERR_NONE;
		if (lsn_parse(json_str(before, "replay_lsn", NULL), &replayed) &&
			replayed >= wanted)
			return ERR_NONE;
		if (mono_ms_since(start) >= limit)
			return err_set(err, ERR_PRECONDITION,
				"\"%s\" has replayed %s and not until_lsn %s: "
				"promoting it now would lose %" PRIu64 " bytes of WAL",
				call_target(pg->call),
				json_str(before, "replay_lsn", "nothing"),
				call_string(pg->call, "until_lsn"), wanted - replayed);
		call_progress(
			pg->call, -1, "waiting for %s", call_string(pg->call, "until_lsn"));
		TRY(call_sleep(pg->call, POLL_MS, err));
	}
}

static enum err_code look(struct pg *pg, json_t *before, struct err *err)
{
	const char *until = call_string(pg->call, "until_lsn");
	uint64_t wanted = 0;

	if (until == NULL)
		TRY(pg_identity(pg, before, err));
	else if (!lsn_parse(until, &wanted))
		return err_set(
			err, ERR_USAGE, "until_lsn \"%s\" must look like 0/3000060", until);
	else
		TRY(wait_for_lsn(pg, wanted, before, err));
	pg_name_unknown(before);
	if (!json_flag(before, "in_recovery", false))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is not in recovery: it is a primary on "
			"timeline %" PRId64 " already",
			call_target(pg->call), json_int(before, "timeline", 0));
	if (until == NULL)
		return ERR_NONE;
	char *why = xasprintf(
		"everything up to %s, where the old primary was stopped, is replayed", until);
	json_put_str(before, "effect", effect_name(EFFECT_COSTLY));
	json_put_str(before, "effect_reason", why);
	free(why);
	return ERR_NONE;
}

PREPARE(postgres_promote_prepare)
{
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = look(&pg, before, err);
	pg_close(&pg);
	return code;
}

/* ------------------------------------------------------------------ run */

/* The world may have moved since prepare, perhaps by another operator's hand. */
static enum err_code check_unchanged(struct pg *pg, struct err *err)
{
	const json_t *before = call_before(pg->call);
	json_t *now = json_object();

	enum err_code code = pg_identity(pg, now, err);
	int64_t timeline = json_int(now, "timeline", 0);
	if (code == ERR_NONE && !json_flag(now, "in_recovery", false))
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" is not in recovery any more (timeline %" PRId64
			"): it was promoted by somebody else",
			call_target(pg->call), timeline);
	if (code == ERR_NONE &&
		(timeline != json_int(before, "timeline", timeline) ||
			!str_eq(json_str(now, "system_id", ""),
				json_str(before, "system_id", json_str(now, "system_id", "")))))
		code = err_set(err, ERR_CONFLICT,
			"\"%s\" is not what was prepared: timeline %" PRId64 " of system %s",
			call_target(pg->call), timeline, json_str(now, "system_id", ""));
	json_decref(now);
	err->world = WORLD_UNCHANGED;
	return code;
}

static enum err_code wait_for_primary(struct pg *pg, struct err *err)
{
	json_t *row = json_object();
	enum err_code code;

	do {
		code = pg_row(pg, "select pg_is_in_recovery() as r", 0, NULL, row, err);
		if (code == ERR_NONE && json_flag(row, "r", true))
			code = call_sleep(pg->call, POLL_MS, err);
	} while (code == ERR_NONE && json_flag(row, "r", true));
	json_decref(row);
	if (code == ERR_NONE)
		return ERR_NONE;
	err_context(err, "promotion was asked for");
	err->world = WORLD_UNKNOWN;
	return code;
}

/* pg_promote gives false with a warning when it is not through in time; the promotion goes on.
 */
static enum err_code ask(struct pg *pg, struct err *err)
{
	char seconds[24];
	const char *const values[] = { seconds };
	int64_t wait = call_int(pg->call, "wait"), left = call_left_ms(pg->call) - 500;
	json_t *row = json_object();

	if (wait > left)
		wait = left;
	snprintf(seconds, sizeof(seconds), "%" PRId64, wait >= 1000 ? wait / 1000 : 1);
	call_log(pg->call, "pg_promote(true, %s)", seconds);
	enum err_code code =
		pg_row(pg, "select pg_promote(true, $1::int) as through", 1, values, row, err);
	if (code == ERR_NONE && !json_flag(row, "through", false))
		call_log(pg->call, "not through after %s s; still looking", seconds);
	json_decref(row);
	return code;
}

/* What survived: the heartbeat row when there is one, else the commit time replayed last. */
static enum err_code recovery_point(struct pg *pg, json_t *result, struct err *err)
{
	const char *table = setting_string(pg->call, "heartbeat");
	char *sql;

	if (pg_is_plain_name(table)) {
		sql = xasprintf("select round(extract(epoch from max(at)) * 1000)::int8 as "
				"recovery_point_ms,"
				" 'heartbeat row' as recovery_point_basis from %s",
			table);
	} else {
		sql = xstrdup("select round(extract(epoch from "
			      "pg_last_xact_replay_timestamp()) * 1000)::int8"
			      " as recovery_point_ms, 'last replayed commit, by the old "
			      "primary''s clock'"
			      " as recovery_point_basis");
	}
	enum err_code code = pg_row(pg, sql, 0, NULL, result, err);
	free(sql);
	return code;
}

/* pg_rewind of the old primary compares the timelines in the control files, and this one's is
 * only written by a checkpoint; without it pg_rewind says that nothing is to be done.  Not
 * being allowed to is no failure of the promotion. */
static void checkpoint(struct pg *pg, json_t *result)
{
	struct err why = { 0 };
	struct mono start = mono_now();
	bool done = pg_exec(pg, "checkpoint", &why) == ERR_NONE;

	json_put_flag(result, "checkpoint", done);
	json_put_int(result, "checkpoint_ms", mono_ms_since(start));
	if (!done)
		call_log(pg->call,
			"no checkpoint (%s): run one before the old primary is rewound",
			why.text);
}

static void describe(struct pg *pg, json_t *result)
{
	struct err why = { 0 };

	/* the promotion is through: what cannot be read is reported as unknown */
	if (pg_identity(pg, result, &why) != ERR_NONE ||
		recovery_point(pg, result, &why) != ERR_NONE) {
		json_put(result, "recovery_point_ms", json_null());
		call_log(pg->call, "after the promotion: %s", why.text);
	}
	json_object_del(result, "in_recovery");
	pg_name_unknown(result);
}

enum err_code pg_become_primary(
	struct pg *pg, bool with_checkpoint, json_t *result, struct err *err)
{
	struct mono start = mono_now();

	pg->finish = true;
	TRY(ask(pg, err));
	TRY(wait_for_primary(pg, err));
	json_put_int(result, "took_ms", mono_ms_since(start));
	describe(pg, result);
	if (with_checkpoint)
		checkpoint(pg, result);
	return ERR_NONE;
}

RUN(postgres_promote)
{
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = check_unchanged(&pg, err);
	if (code == ERR_NONE)
		code = pg_become_primary(&pg, call_bool(call, "checkpoint"), result, err);
	pg_close(&pg);
	return code;
}

/* ------------------------------------------------------------------ verify */

VERIFY(postgres_promote_verify)
{
	const json_t *before = call_before(call);
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = pg_identity(&pg, evidence, err);
	if (code != ERR_NONE)
		goto out;
	pg_name_unknown(evidence);
	bool standby = json_flag(evidence, "in_recovery", false);
	bool same_system = str_eq(
		json_str(evidence, "system_id", ""), json_str(before, "system_id", NULL));
	int64_t then = json_int(before, "timeline", 0), now = json_int(evidence, "timeline", 0);
	const char *reason = NULL;

	if (!same_system)
		reason = "another database cluster answers there";
	else if (!standby && now <= then)
		reason = "it takes writes on the timeline it had before: it was restarted, not "
			 "promoted";
	else if (standby && now != then)
		reason = "it is in recovery on a newer timeline: another server was promoted";
	*verdict = reason != NULL ? VERDICT_CANNOT_TELL
		   : standby	  ? VERDICT_NOT_DONE
				  : VERDICT_DONE;
	if (reason != NULL)
		json_put_str(evidence, "reason", reason);
	if (*verdict == VERDICT_DONE) {
		json_t *result = json_object();
		describe(&pg, result);
		json_put(evidence, "result", result);
	}
out:
	pg_close(&pg);
	return code;
}
#endif
