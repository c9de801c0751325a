/* postgres_fence.c: failover.fence and failover.unfence: an old primary must not take writes
 * any more, also not when somebody starts it by accident.
 *
 * hard   the data directory is here: it gets a standby.signal and an empty primary_conninfo,
 * its processes are ended, and the marker drillbook.fenced says so.  Started by accident it is
 * a read-only standby of nobody. soft   only the connection is there:
 * default_transaction_read_only and the clients thrown out.  A client can switch that off again
 * for itself, so this is a request and the result says "soft".
 *
 * Without either nothing can be proven and fence refuses to pretend. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { KILL_AFTER_MS = 5000, POLL_MS = 20 };

#define AUTO_CONF "postgresql.auto.conf"

static bool is_local(const struct call *call)
{
	return setting_has(call, "data_dir");
}

/* ------------------------------------------------------------------ hard */

/* A standby is not fenced by mistake: that would take the only survivor away. */
static enum err_code prepare_hard(struct call *call, json_t *before, struct err *err)
{
	json_t *control = json_object();
	struct node node;
	bool fenced;

	enum err_code code = node_open(&node, call, err);
	if (code == ERR_NONE)
		code = node_control(&node, control, err);
	if (code != ERR_NONE)
		goto out;
	fenced = node_has(&node, NODE_MARKER);
	bool standby = node_has(&node, "standby.signal");
	if (standby && !fenced) {
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" is a standby: only a primary is fenced", call_target(call));
		goto out;
	}
	json_put_str(before, "level", "hard");
	json_put_flag(before, "running", node_postmaster(&node, NULL) != 0);
	json_put_flag(before, "fenced", fenced);
	json_put_str(before, "state", json_str(control, "state", ""));
	json_put_str(before, "system_id", json_str(control, "system_id", ""));
	if (!fenced)
		json_put(before, "undo",
			json_pack("{s:s,s:{}}", "op", "failover.unfence", "args"));
out:
	json_decref(control);
	return code;
}

/* The marker first, so that undo knows what was there whatever happens next. */
static enum err_code mark(const struct node *node, const char *state, struct err *err)
{
	json_t *marker = node_marker(node);

	if (marker == NULL) {
		char *settings = NULL;
		TRY(node_read(node, AUTO_CONF, &settings, err));
		marker = json_object();
		json_put_str(marker, "auto_conf", settings);
		json_put_flag(marker, "standby_signal", node_has(node, "standby.signal"));
		free(settings);
	}
	json_put_str(marker, "state", state);
	json_put_str(marker, "key", call_key(node->call));
	enum err_code code = node_put_marker(node, marker, err);
	json_decref(marker);
	return code;
}

static enum err_code fence_hard(struct call *call, json_t *result, struct err *err)
{
	bool immediate = str_eq(call_string(call, "mode"), "immediate");
	struct mono start = mono_now();
	struct node node;

	TRY(node_open(&node, call, err));
	bool ran = node_postmaster(&node, NULL) != 0;
	err->world = WORLD_CHANGED;
	TRY(mark(&node, "fencing", err));
	TRY(node_write(&node, "standby.signal", "", err));
	TRY(node_set(&node, "primary_conninfo", "", err));
	TRY(node_set(&node, "primary_slot_name", "", err));
	TRY(node_stop(&node, immediate ? SIGQUIT : SIGINT, KILL_AFTER_MS, err));
	TRY(mark(&node, "fenced", err));
	err->world = WORLD_UNCHANGED;
	json_put_str(result, "level", "hard");
	json_put_str(result, "how",
		ran ? "stopped, and marked as a standby of nobody"
		    : "was not running; marked as a standby of nobody");
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

static enum err_code verify_hard(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	struct node node;

	TRY(node_open(&node, call, err));
	json_t *marker = node_marker(&node);
	bool marked = str_eq(json_str(marker, "state", ""), "fenced");
	bool runs = node_postmaster(&node, NULL) != 0,
	     signal = node_has(&node, "standby.signal");

	json_put_flag(evidence, "marked", marked);
	json_put_flag(evidence, "running", runs);
	json_put_flag(evidence, "standby_signal", signal);
	*verdict = marked && !runs && signal ? VERDICT_DONE : VERDICT_NOT_DONE;
	json_decref(marker);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ soft */

/* As a new session of ours sees it. */
static enum err_code read_only(struct pg *pg, json_t *into, struct err *err)
{
	return pg_row(pg,
		"select current_setting('default_transaction_read_only')::bool as read_only,"
		" pg_is_in_recovery() as in_recovery",
		0, NULL, into, err);
}

/* A reload is only asked for: new sessions tell when it is through. */
static enum err_code wait_read_only(struct call *call, bool wanted, struct err *err)
{
	json_t *seen = json_object();
	enum err_code code;
	struct pg pg;

	do {
		code = pg_open(&pg, call, NULL, err);
		if (code == ERR_NONE) {
			code = read_only(&pg, seen, err);
			pg_close(&pg);
		}
		if (code == ERR_NONE && json_flag(seen, "read_only", !wanted) != wanted)
			code = call_sleep(call, POLL_MS, err);
	} while (code == ERR_NONE && json_flag(seen, "read_only", !wanted) != wanted);
	json_decref(seen);
	if (code != ERR_NONE)
		err->world = WORLD_CHANGED;
	return code;
}

static enum err_code prepare_soft(struct call *call, json_t *before, struct err *err)
{
	struct pg pg;
	enum err_code code = pg_open(&pg, call, NULL, err);

	if (code == ERR_UNREACHABLE)
		return err_context(err,
			"cannot prove that \"%s\" takes no writes (it has no data_dir)",
			call_target(call));
	TRY(code);
	code = pg_identity(&pg, before, err);
	if (code == ERR_NONE && json_flag(before, "in_recovery", false))
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" is a standby: only a primary is fenced", call_target(call));
	if (code == ERR_NONE)
		code = read_only(&pg, before, err);
	pg_close(&pg);
	json_put_str(before, "level", "soft");
	json_put_flag(before, "fenced", json_flag(before, "read_only", false));
	if (!json_flag(before, "read_only", false))
		json_put(before, "undo",
			json_pack("{s:s,s:{}}", "op", "failover.unfence", "args"));
	return code;
}

static enum err_code fence_soft(struct call *call, json_t *result, struct err *err)
{
	static const char *const steps[] = {
		"alter system set default_transaction_read_only = on",
		"select pg_reload_conf()",
		("select pg_terminate_backend(pid) from pg_stat_activity where backend_type ="
		 " 'client backend' and pid <> pg_backend_pid()"),
	};
	struct mono start = mono_now();
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		enum err_code code = pg_exec(&pg, steps[i], err);
		if (code != ERR_NONE) {
			if (i > 0)
				err->world = WORLD_CHANGED;
			pg_close(&pg);
			return code;
		}
	}
	pg_close(&pg);
	json_put_str(result, "level", "soft");
	json_put_str(result, "how",
		"read-only by default and clients disconnected; a client can still "
		"switch it off for itself");
	json_put_int(result, "took_ms", mono_ms_since(start));
	return ERR_NONE;
}

static enum err_code verify_soft(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = read_only(&pg, evidence, err);
	pg_close(&pg);
	*verdict = json_flag(evidence, "read_only", false) ? VERDICT_DONE : VERDICT_NOT_DONE;
	return code;
}

PREPARE(postgres_fence_prepare)
{
	return is_local(call) ? prepare_hard(call, before, err)
			      : prepare_soft(call, before, err);
}

RUN(postgres_fence)
{
	return is_local(call) ? fence_hard(call, result, err) : fence_soft(call, result, err);
}

VERIFY(postgres_fence_verify)
{
	return is_local(call) ? verify_hard(call, evidence, verdict, err)
			      : verify_soft(call, evidence, verdict, err);
}

/* ------------------------------------------------------------------ unfence */

PREPARE(postgres_unfence_prepare)
{
	enum err_code code = ERR_NONE;
	bool fenced = false;
	struct node node;
	struct pg pg;

	if (is_local(call)) {
		TRY(node_open(&node, call, err));
		fenced = node_has(&node, NODE_MARKER);
		if (fenced && node_postmaster(&node, NULL) != 0)
			return err_set(err, ERR_PRECONDITION,
				"\"%s\" runs (read-only): stop it first", call_target(call));
	} else {
		TRY(pg_open(&pg, call, NULL, err));
		code = read_only(&pg, before, err);
		pg_close(&pg);
		fenced = json_flag(before, "read_only", false);
	}
	TRY(code);
	json_put_flag(before, "fenced", fenced);
	if (!fenced)
		return err_set(
			err, ERR_PRECONDITION, "\"%s\" is not fenced", call_target(call));
	json_put(before, "undo", json_pack("{s:s,s:{}}", "op", "failover.fence", "args"));
	return ERR_NONE;
}

/* The marker last: until it is gone nothing starts the node through us. */
static enum err_code unfence_hard(struct call *call, struct err *err)
{
	struct node node;

	TRY(node_open(&node, call, err));
	TRY(node_clear_locks(&node, err));
	json_t *marker = node_marker(&node);
	const char *settings = json_str(marker, "auto_conf", NULL);
	bool keep_signal = json_flag(marker, "standby_signal", false);
	enum err_code code = ERR_NONE;

	if (settings == NULL)
		code = err_set(err, ERR_CONFLICT,
			"the marker %s cannot be read: what was there before "
			"the fence is not known",
			NODE_MARKER);
	if (code == ERR_NONE)
		code = node_write(&node, AUTO_CONF, settings, err);
	if (code == ERR_NONE && !keep_signal)
		code = node_remove(&node, "standby.signal", err);
	if (code == ERR_NONE)
		code = node_remove(&node, NODE_MARKER, err);
	json_decref(marker);
	return code;
}

RUN(postgres_unfence)
{
	struct pg pg;

	json_put_str(result, "level", is_local(call) ? "hard" : "soft");
	if (is_local(call))
		return unfence_hard(call, err);
	TRY(pg_open(&pg, call, NULL, err));
	/* in a session that may write: ALTER SYSTEM itself is not stopped by read-only
	 * transactions */
	enum err_code code =
		pg_exec(&pg, "alter system reset default_transaction_read_only", err);
	if (code == ERR_NONE)
		code = pg_exec(&pg, "select pg_reload_conf()", err);
	pg_close(&pg);
	return code == ERR_NONE ? wait_read_only(call, false, err) : code;
}

VERIFY(postgres_unfence_verify)
{
	struct node node;

	if (is_local(call)) {
		TRY(node_open(&node, call, err));
		bool marked = node_has(&node, NODE_MARKER);
		json_put_flag(evidence, "marked", marked);
		*verdict = marked ? VERDICT_NOT_DONE : VERDICT_DONE;
		return ERR_NONE;
	}
	TRY(verify_soft(call, evidence, verdict, err));
	*verdict = *verdict == VERDICT_DONE ? VERDICT_NOT_DONE : VERDICT_DONE;
	return ERR_NONE;
}
#endif
