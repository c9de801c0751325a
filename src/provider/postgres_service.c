/* postgres_service.c: service.start, service.stop and failover.stop_primary: one server on this
 * host.
 *
 * stop_primary is the first half of a switchover without loss: a fast shutdown sends everything
 * to the standbys before the last process ends, and the control file then says where the WAL
 * ended. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static bool stops_primary(const struct call *call)
{
	return str_eq(call_op(call), "failover.stop_primary");
}

/* ------------------------------------------------------------------ stop */

PREPARE(postgres_stop_prepare)
{
	int64_t started = 0;
	struct node node;
	struct pg pg;

	TRY(node_open(&node, call, err));
	pid_t pid = node_postmaster(&node, &started);
	if (pid == 0)
		return err_set(err, ERR_PRECONDITION, "\"%s\" does not run", call_target(call));
	json_put_int(before, "pid", pid);
	json_put_int(before, "started", started);
	json_put(before, "undo", json_pack("{s:s,s:{}}", "op", "service.start", "args"));
	if (!stops_primary(call))
		return ERR_NONE;
	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = pg_identity(&pg, before, err);
	json_t *standbys = NULL;
	if (code == ERR_NONE && json_flag(before, "in_recovery", false))
		code = err_set(err, ERR_PRECONDITION, "\"%s\" is a standby, not a primary",
			call_target(call));
	if (code == ERR_NONE)
		code = pg_rows(&pg,
			"select application_name as name, state, replay_lsn from"
			" pg_stat_replication where state = 'streaming'",
			&standbys, err);
	pg_close(&pg);
	if (code == ERR_NONE && json_array_size(standbys) == 0)
		code = err_set(err, ERR_PRECONDITION,
			"no standby streams from \"%s\": nothing would take "
			"over what it has",
			call_target(call));
	json_put(before, "standbys", standbys != NULL ? standbys : json_array());
	return code;
}

/* The shutdown checkpoint is the last record, and its LSN is where it begins: one byte further
 * is only reached by who has replayed it. */
enum err_code node_ended(const struct node *node, json_t *into, struct err *err)
{
	char text[32];
	uint64_t lsn = 0;

	TRY(node_control(node, into, err));
	if (!str_starts(json_str(into, "state", ""), "shut down"))
		return err_set(err, ERR_FAILED,
			"\"%s\" ended without a clean shutdown: its control file says "
			"\"%s\"",
			call_target(node->call), json_str(into, "state", ""));
	if (!lsn_parse(json_str(into, "checkpoint", NULL), &lsn))
		return err_set(err, ERR_PROTOCOL, "the checkpoint's LSN \"%s\" cannot be read",
			json_str(into, "checkpoint", ""));
	json_put_str(into, "until_lsn", lsn_format(lsn + 1, text));
	return ERR_NONE;
}

RUN(postgres_stop)
{
	struct mono start = mono_now();
	struct node node;

	TRY(node_open(&node, call, err));
	call_log(call, "fast shutdown of %s", node.data_dir);
	enum err_code code = node_stop(&node, SIGINT, 0, err);
	if (code != ERR_NONE) {
		err->world = WORLD_UNKNOWN;
		return code;
	}
	json_put_int(result, "took_ms", mono_ms_since(start));
	code = node_ended(&node, result, err);
	if (code != ERR_NONE)
		err->world = WORLD_CHANGED;
	return code;
}

VERIFY(postgres_stop_verify)
{
	const json_t *before = call_before(call);
	int64_t started = 0;
	struct err why = { 0 };
	struct node node;

	TRY(node_open(&node, call, err));
	pid_t pid = node_postmaster(&node, &started);
	json_put_int(evidence, "pid", pid);
	if (pid != 0) {
		bool same = pid == json_int(before, "pid", 0) &&
			    started == json_int(before, "started", 0);
		*verdict = same ? VERDICT_NOT_DONE : VERDICT_CANNOT_TELL;
		if (!same)
			json_put_str(evidence, "reason",
				"another server process runs: it was stopped and "
				"started again");
		return ERR_NONE;
	}
	json_t *result = json_object();
	enum err_code code = node_ended(&node, result, &why);
	json_object_update_missing(evidence, result);
	*verdict = code == ERR_NONE ? VERDICT_DONE : VERDICT_CANNOT_TELL;
	if (code == ERR_NONE)
		json_put(evidence, "result", json_incref(result));
	else
		json_put_str(evidence, "reason", why.text);
	json_decref(result);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ start */

PREPARE(postgres_start_prepare)
{
	struct node node;

	TRY(node_open(&node, call, err));
	if (node_has(&node, NODE_MARKER))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is fenced: failover.reverse makes it a standby, "
			"failover.unfence a primary again",
			call_target(call));
	if (node_postmaster(&node, NULL) != 0)
		return err_set(err, ERR_PRECONDITION, "\"%s\" runs already", call_target(call));
	char *beside = node_beside(&node, NODE_KEPT);
	bool interrupted = path_exists(beside) && !node_has(&node, "standby.signal");
	free(beside);
	if (interrupted)
		return err_set(err, ERR_PRECONDITION,
			"a rewind of \"%s\" was interrupted: failover.reverse "
			"finishes it",
			call_target(call));
	json_put_flag(before, "standby", node_has(&node, "standby.signal"));
	json_put(before, "undo", json_pack("{s:s,s:{}}", "op", "service.stop", "args"));
	return ERR_NONE;
}

RUN(postgres_start)
{
	struct mono start = mono_now();
	struct node node;

	TRY(node_open(&node, call, err));
	TRY(node_start(&node, err));
	json_put_int(result, "took_ms", mono_ms_since(start));
	json_put_int(result, "pid", node_postmaster(&node, NULL));
	return ERR_NONE;
}

VERIFY(postgres_start_verify)
{
	struct node node;
	struct pg pg;

	TRY(node_open(&node, call, err));
	pid_t pid = node_postmaster(&node, NULL);
	json_put_int(evidence, "pid", pid);
	*verdict = pid != 0 ? VERDICT_DONE : VERDICT_NOT_DONE;
	if (pid == 0)
		return ERR_NONE;
	/* it may still be recovering; then it runs but the start is not through */
	const struct pg_endpoint local = { .host = setting_string(call, "socket_dir") };
	TRY(pg_open(&pg, call, &local, err));
	pg_close(&pg);
	return ERR_NONE;
}
#endif
