/* postgres_validate.c: restore.validate: does the restored cluster live, and is what should be
 * in it there?
 *
 * It goes through its recovery in a private server, is asked, is stopped cleanly, and its pages
 * are read.  The answer is kept in its marker, so that an attempt that was cut off behind it is
 * known to be done. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_restore.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ asking it */

static enum err_code count_rows(
	struct pg *pg, const json_t *tables, json_t *result, struct err *err)
{
	json_t *rows = json_object(), *table;
	enum err_code code = ERR_NONE;
	size_t i;

	json_put(result, "rows", rows);
	json_array_foreach((json_t *)tables, i, table) {
		const char *name = json_string_value(table);
		json_t *row = json_object();
		if (!pg_is_plain_name(name))
			code = err_set(err, ERR_USAGE,
				"tables: \"%s\" must be a plain name such as shop.orders",
				name);
		char *sql = xasprintf("select count(*) as n from %s", name);
		if (code == ERR_NONE)
			code = pg_row(pg, sql, 0, NULL, row, err);
		if (code == ERR_NONE)
			json_put_int(rows, name, json_int(row, "n", 0));
		free(sql);
		json_decref(row);
		TRY(code);
	}
	return ERR_NONE;
}

/* Declared queries, effect: read, without parameters; each must hold. */
static enum err_code run_check(struct pg *pg, const char *name, json_t *values, struct err *err)
{
	const json_t *row = call_declared(pg->call, "queries", name);
	const char *sql = json_str(row, "sql", NULL);
	PGresult *res = NULL;

	if (sql == NULL)
		return err_set(err, ERR_NOT_FOUND, "target \"%s\" declares no query \"%s\"",
			call_target(pg->call), name);
	if (!str_eq(json_str(row, "effect", ""), "read") ||
		json_array_size(json_object_get(row, "params")) > 0)
		return err_set(err, ERR_FORBIDDEN,
			"check \"%s\" must be declared effect: read and take no parameters",
			name);
	enum err_code code = pg_run(pg, sql, 0, NULL, &res, err);
	if (code != ERR_NONE)
		return err_context(err, "check \"%s\"", name);
	json_t *cell =
		PQntuples(res) > 0 && PQnfields(res) > 0 ? pg_cell(res, 0, 0) : json_null();
	PQclear(res);
	json_put(values, name, cell);
	if (json_is_true(cell) || json_integer_value(cell) > 0)
		return ERR_NONE;
	char *text = json_dumps(cell, JSON_ENCODE_ANY);
	code = err_set(err, ERR_FAILED, "check \"%s\" does not hold: it gave %s", name,
		text != NULL ? text : "nothing");
	free(text);
	return code;
}

static enum err_code run_checks(
	struct pg *pg, const json_t *checks, json_t *result, struct err *err)
{
	json_t *values = json_object(), *name;
	size_t i;

	json_put(result, "checks", values);
	json_array_foreach((json_t *)checks, i, name)
		TRY(run_check(pg, json_string_value(name), values, err));
	return ERR_NONE;
}

/* How old is what is there?  The heartbeat row says it best; the last commit that was replayed
 * is known only to the server that replayed it. */
static enum err_code take_point(struct pg *pg, json_t *result, struct err *err)
{
	const char *table = setting_string(pg->call, "heartbeat");
	enum err_code code = pg_row(pg,
		"select round(extract(epoch from pg_last_xact_replay_timestamp()) * 1000)::int8"
		" as last_commit_ms",
		0, NULL, result, err);

	if (code == ERR_NONE && table != NULL) {
		if (!pg_is_plain_name(table))
			return err_set(
				err, ERR_USAGE, "heartbeat \"%s\" must be a plain name", table);
		char *sql = xasprintf("select round(extract(epoch from max(at)) * 1000)::int8"
				      " as heartbeat_at_ms from %s",
			table);
		code = pg_row(pg, sql, 0, NULL, result, err);
		free(sql);
	}
	const json_t *beat = json_object_get(result, "heartbeat_at_ms"),
		     *commit = json_object_get(result, "last_commit_ms");
	const json_t *point = json_object_get(call_before(pg->call), "point");
	const char *basis = "time of the backup; no later commit is known to be in it";
	json_t *at = json_object_get(point, "time_ms");

	if (json_is_integer(beat)) {
		at = (json_t *)beat;
		basis = "heartbeat row in the restored data";
	} else if (json_is_integer(commit)) {
		at = (json_t *)commit;
		basis = "last replayed commit, by the old primary's clock";
	}
	json_put(result, "recovery_point_ms", json_incref(at));
	json_put_str(result, "recovery_point_basis", basis);
	return code;
}

static enum err_code ask(
	const struct private_server *server, struct call *call, json_t *result, struct err *err)
{
	struct pg pg;

	TRY(pg_open(&pg, call, &server->endpoint, err));
	enum err_code code = pg_identity(&pg, result, err);
	json_object_del(result, "in_recovery");
	if (code == ERR_NONE)
		code = take_point(&pg, result, err);
	if (code == ERR_NONE)
		code = pg_exec(&pg,
			"begin transaction isolation level repeatable read read only", err);
	if (code == ERR_NONE)
		code = count_rows(&pg, call_json(call, "tables"), result, err);
	if (code == ERR_NONE)
		code = run_checks(&pg, call_json(call, "checks"), result, err);
	pg_close(&pg);
	return code;
}

/* ------------------------------------------------------------------ its pages */

/* Only of a cluster that has checksums and is shut down cleanly. */
static enum err_code read_pages(const struct node *node, json_t *result, struct err *err)
{
	json_t *control = json_object();
	char *out = NULL;
	const char *const argv[] = { "pg_checksums", "--check", "-D", node->data_dir, NULL };

	enum err_code code = node_control(node, control, err);
	const bool on = !str_eq(json_str(control, "checksums", "0"), "0");
	json_decref(control);
	json_put_str(result, "pages", on ? "checked" : "no checksums");
	if (code == ERR_NONE && on) {
		call_progress(node->call, -1, "reading every page");
		code = node_tool(node, argv, 0, &out, err);
		if (code == ERR_FAILED) {
			json_put_str(result, "pages", "damaged");
			err_context(err, "a page is damaged");
		}
	}
	free(out);
	return code;
}

/* ------------------------------------------------------------------ restore.validate */

PREPARE(restore_validate_prepare)
{
	const struct node node = { .call = call, .data_dir = call_string(call, "to") };
	json_t *marker = NULL;

	if (!path_exists(node.data_dir))
		return err_set(err, ERR_NOT_FOUND, "\"%s\" is not there", node.data_dir);
	TRY(restore_marker(call, node.data_dir, &marker, err));
	json_put_str(before, "restored_by", json_str(marker, "key", ""));
	json_put(before, "point", json_incref(json_object_get(marker, "point")));
	json_decref(marker);
	json_put_flag(before, "recovered", !node_has(&node, "recovery.signal"));
	if (node_postmaster(&node, NULL) != 0 && !private_is_ours(&node))
		return err_set(err, ERR_PRECONDITION,
			"a PostgreSQL runs in \"%s\": it is in use, ask it itself",
			node.data_dir);
	return ERR_NONE;
}

static enum err_code keep_answer(struct call *call, json_t *result, struct err *err)
{
	const char *dir = call_string(call, "to");
	json_t *marker = NULL, *answer = json_object();

	enum err_code code = restore_marker(call, dir, &marker, err);
	json_put_str(answer, "key", call_key(call));
	json_put(answer, "result", json_incref(result));
	if (code == ERR_NONE) {
		json_put(marker, "validated", json_incref(answer));
		code = restore_put_marker(dir, marker, err);
	}
	json_decref(answer);
	json_decref(marker);
	return code;
}

RUN(restore_validate)
{
	const json_t *before = call_before(call);
	struct mono start = mono_now();
	struct private_server server;
	struct err late = { 0 };

	TRY(private_start(&server, call, call_string(call, "to"), err));
	json_put_int(result, "recovery_ms", mono_ms_since(start));
	enum err_code code = ask(&server, call, result, err);
	const enum err_code stopped = private_stop(&server, &late);
	if (code == ERR_NONE && stopped != ERR_NONE) {
		*err = late;
		code = stopped;
	}
	if (code == ERR_NONE && call_bool(call, "pages"))
		code = read_pages(&server.node, result, err);
	json_put_str(result, "from", json_str(json_object_get(before, "point"), "id", NULL));
	pg_name_unknown(result);
	json_put_flag(result, "ok", code == ERR_NONE);
	json_put_int(result, "took_ms", mono_ms_since(start));
	if (code == ERR_NONE)
		code = keep_answer(call, result, err);
	if (code != ERR_NONE)
		err->world = WORLD_CHANGED; /* it has recovered, and is stopped again */
	return code;
}

VERIFY(restore_validate_verify)
{
	const char *dir = call_string(call, "to");
	const struct node node = { .call = call, .data_dir = dir };
	json_t *marker = NULL;

	TRY(restore_marker(call, dir, &marker, err));
	const json_t *answer = json_object_get(marker, "validated");
	*verdict = VERDICT_NOT_DONE;
	if (str_eq(json_str(answer, "key", NULL), call_key(call))) {
		*verdict = VERDICT_DONE;
		json_put(evidence, "result", json_incref(json_object_get(answer, "result")));
	}
	json_put_flag(evidence, "running", node_postmaster(&node, NULL) != 0);
	json_decref(marker);
	return ERR_NONE;
}
#endif
