/* sqlite_data.c: data.query, data.write and data.compare on an SQLite database. */
#include "sqlite_db.h"

#include <string.h>

static enum err_code open_statement(struct lite *lite, struct call *call, struct statement *s,
	sqlite3_stmt **stmt, struct err *err)
{
	TRY(statement_find(call, s, err));
	enum err_code code = lite_open(lite, call, setting_string(call, "path"), 0, err);
	if (code == ERR_NONE) {
		code = lite_prepare(lite, s->sql, s, stmt, err);
		if (code == ERR_NONE && !sqlite3_stmt_readonly(*stmt)) {
			sqlite3_finalize(*stmt);
			code = err_set(err, ERR_PRECONDITION,
				"\"%s\" is declared effect: read and writes", s->name);
		}
		if (code != ERR_NONE)
			lite_close(lite);
	}
	if (code != ERR_NONE)
		statement_release(s);
	return code;
}

static void close_statement(struct lite *lite, struct statement *s, sqlite3_stmt *stmt)
{
	sqlite3_finalize(stmt);
	lite_close(lite);
	statement_release(s);
}

RUN(sqlite_query)
{
	json_t *rows = json_array(), *columns = json_array();
	sqlite3_stmt *stmt = NULL;
	struct statement s;
	struct lite lite;
	size_t bytes = 0;
	bool truncated = false;
	int status = SQLITE_DONE;

	json_put(result, "rows", rows);
	json_put(result, "columns", columns);
	TRY(open_statement(&lite, call, &s, &stmt, err));
	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		const char *name = sqlite3_column_name(stmt, i);
		json_array_append_new(columns, json_text(name, strlen(name)));
	}
	while (!truncated && (status = sqlite3_step(stmt)) == SQLITE_ROW) {
		truncated = json_array_size(rows) >= DATA_ROWS_MAX || bytes > DATA_BYTES_MAX;
		json_t *row = json_array();
		for (int i = 0; i < sqlite3_column_count(stmt) && !truncated; i++) {
			json_array_append_new(row, lite_cell(stmt, i));
			bytes += (size_t)sqlite3_column_bytes(stmt, i) + 8;
		}
		if (truncated)
			json_decref(row);
		else
			json_array_append_new(rows, row);
	}
	enum err_code code =
		status == SQLITE_DONE || truncated ? ERR_NONE : lite_failed(&lite, err);
	json_put_int(result, "count", (int64_t)json_array_size(rows));
	json_put_flag(result, "truncated", truncated);
	json_t *cell = json_array_get(json_array_get(rows, 0), 0);
	if (cell != NULL)
		json_put(result, "value", json_incref(cell));
	close_statement(&lite, &s, stmt);
	return code;
}

RUN(sqlite_compare)
{
	struct witness *witness = NULL;
	sqlite3_stmt *stmt = NULL;
	struct statement s;
	struct lite lite;
	int status = SQLITE_DONE;

	TRY(witness_of_call(call, &witness, err));
	enum err_code code = open_statement(&lite, call, &s, &stmt, err);
	if (code != ERR_NONE)
		goto out;
	while (code == ERR_NONE && (status = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (sqlite3_column_count(stmt) != 1 ||
			sqlite3_column_type(stmt, 0) != SQLITE_INTEGER)
			code = err_set(err, ERR_USAGE,
				"query \"%s\" must give one whole number per row", s.name);
		else
			witness_survived(witness, sqlite3_column_int64(stmt, 0));
	}
	if (code == ERR_NONE && status != SQLITE_DONE)
		code = lite_failed(&lite, err);
	close_statement(&lite, &s, stmt);
	if (code == ERR_NONE)
		witness_report(witness, result);
out:
	witness_free(witness);
	return code;
}

/* ------------------------------------------------------------------ writing */

static enum err_code holds(const struct lite *lite, const struct statement *s, json_t *evidence,
	bool *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;

	*out = false;
	if (s->verify == NULL)
		return ERR_NONE;
	TRY(lite_prepare(lite, s->verify, s, &stmt, err));
	enum err_code code = ERR_NONE;
	if (!sqlite3_stmt_readonly(stmt)) {
		code = err_set(
			err, ERR_WORKSPACE, "the verify query of \"%s\" writes", s->name);
	} else {
		int status = sqlite3_step(stmt);
		if (status == SQLITE_ROW) {
			json_t *cell = lite_cell(stmt, 0);
			*out = statement_holds(cell);
			json_put(evidence, "verify_value", cell);
		} else if (status != SQLITE_DONE) {
			code = lite_failed(lite, err);
		}
	}
	sqlite3_finalize(stmt);
	return code;
}

static enum err_code look(
	struct call *call, json_t *evidence, bool *out, bool *has_verify, struct err *err)
{
	struct statement s;
	struct lite lite;

	TRY(statement_find(call, &s, err));
	*has_verify = s.verify != NULL;
	enum err_code code = lite_open(&lite, call, setting_string(call, "path"), 0, err);
	if (code == ERR_NONE) {
		code = holds(&lite, &s, evidence, out, err);
		lite_close(&lite);
	}
	statement_release(&s);
	return code;
}

PREPARE(sqlite_write_prepare)
{
	bool already = false, has_verify = false;

	TRY(look(call, before, &already, &has_verify, err));
	json_put_flag(before, "already", already);
	return ERR_NONE;
}

/* A fence is a row that writers look at, and this is a writer. */
static enum err_code write_one(
	const struct lite *lite, const struct statement *s, json_t *result, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	struct role role;

	TRY(role_read(lite, &role, err));
	if (role.name[0] != '\0' && !str_eq(role.name, "primary"))
		return err_set(err, ERR_PRECONDITION, "\"%s\" is %s: it takes no writes",
			lite->path, role.name);
	TRY(lite_prepare(lite, s->sql, s, &stmt, err));
	int status;
	while ((status = sqlite3_step(stmt)) == SQLITE_ROW)
		;
	enum err_code code = status == SQLITE_DONE ? ERR_NONE : lite_failed(lite, err);
	sqlite3_finalize(stmt);
	json_put_int(result, "changed", sqlite3_changes(lite->db));
	json_put_flag(result, "already", false);
	return code;
}

RUN(sqlite_write)
{
	struct err ignored = { 0 };
	struct statement s;
	struct lite lite;

	if (json_flag(call_before(call), "already", false)) {
		json_put_flag(result, "already", true);
		json_put_int(result, "changed", 0);
		return ERR_NONE;
	}
	TRY(statement_find(call, &s, err));
	enum err_code code =
		lite_open(&lite, call, setting_string(call, "path"), LITE_WRITE, err);
	if (code != ERR_NONE)
		goto out;
	code = lite_exec(&lite, "begin immediate", err);
	if (code == ERR_NONE)
		code = write_one(&lite, &s, result, err);
	if (code == ERR_NONE)
		code = lite_exec(&lite, "commit", err);
	else if (lite_exec(&lite, "rollback", &ignored) != ERR_NONE)
		call_log(call, "%s", ignored.text);
	lite_close(&lite);
out:
	statement_release(&s);
	return code;
}

VERIFY(sqlite_write_verify)
{
	bool done = false, has_verify = false;

	TRY(look(call, evidence, &done, &has_verify, err));
	*verdict = done ? VERDICT_DONE : VERDICT_NOT_DONE;
	if (!has_verify) {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason", "the statement declares no verify query");
	}
	return ERR_NONE;
}
