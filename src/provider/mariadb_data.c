/* mariadb_data.c: declared SQL on MariaDB: data.query, data.write, data.compare. */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* In a session that may not write, and whose statements the server itself ends at our deadline.
 */
static enum err_code read_only(struct maria *m, struct err *err)
{
	char sql[96];

	snprintf(sql, sizeof(sql), "set session max_statement_time = %" PRId64 ".%03d",
		call_left_ms(m->call) / 1000, (int)(call_left_ms(m->call) % 1000) + 1);
	TRY(maria_exec(m, sql, err));
	TRY(maria_exec(
		m, "set session transaction isolation level repeatable read, read only", err));
	return maria_exec(m, "start transaction read only", err);
}

static enum err_code open_query(
	struct maria *m, struct call *call, struct statement *s, struct err *err)
{
	TRY(statement_find(call, s, err));
	enum err_code code = maria_open(m, call, NULL, err);
	if (code == ERR_NONE) {
		code = read_only(m, err);
		if (code == ERR_NONE)
			code = maria_start_declared(m, s->sql, s, err);
		if (code != ERR_NONE)
			maria_close(m);
	}
	if (code != ERR_NONE) {
		err_context(err, "query \"%s\"", s->name);
		statement_release(s);
	}
	return code;
}

/* ------------------------------------------------------------------ data.query */

static json_t *take_row(const struct maria *m, MYSQL_ROW row, size_t *bytes)
{
	json_t *cells = json_array();

	for (unsigned i = 0; i < maria_columns(m); i++) {
		*bytes += row[i] != NULL ? strlen(row[i]) + 8 : 8;
		json_array_append_new(cells, maria_cell(m, row, i));
	}
	return cells;
}

static enum err_code read_rows(struct maria *m, json_t *result, struct err *err)
{
	json_t *rows = json_array(), *columns = json_array();
	bool truncated = false;
	size_t bytes = 0;
	MYSQL_ROW row;

	json_put(result, "rows", rows);
	json_put(result, "columns", columns);
	for (unsigned i = 0; i < maria_columns(m); i++)
		json_array_append_new(columns, json_string(maria_column(m, i)));
	for (;;) {
		TRY(maria_next(m, &row, err));
		if (row == NULL)
			break;
		truncated = json_array_size(rows) >= DATA_ROWS_MAX || bytes > DATA_BYTES_MAX;
		if (truncated)
			break;
		json_array_append_new(rows, take_row(m, row, &bytes));
	}
	m->cut = truncated;
	json_put_int(result, "count", (int64_t)json_array_size(rows));
	json_put_flag(result, "truncated", truncated);
	json_t *cell = json_array_get(json_array_get(rows, 0), 0);
	if (cell != NULL)
		json_put(result, "value", json_incref(cell));
	return ERR_NONE;
}

RUN(mariadb_query)
{
	struct statement s;
	struct maria m;

	TRY(open_query(&m, call, &s, err));
	const enum err_code code = read_rows(&m, result, err);
	if (code != ERR_NONE)
		err_context(err, "query \"%s\"", s.name);
	maria_close(&m);
	statement_release(&s);
	return code;
}

/* ------------------------------------------------------------------ data.compare */

RUN(mariadb_compare)
{
	struct witness *witness = NULL;
	struct statement s;
	struct maria m;
	MYSQL_ROW row = NULL;

	TRY(witness_of_call(call, &witness, err));
	enum err_code code = open_query(&m, call, &s, err);
	if (code == ERR_NONE) {
		while ((code = maria_next(&m, &row, err)) == ERR_NONE && row != NULL) {
			char *end = NULL;
			const char *text =
				maria_columns(&m) == 1 && row[0] != NULL ? row[0] : "";
			const int64_t seq = strtoll(text, &end, 10);

			if (end == text || *end != '\0') {
				code = err_set(err, ERR_USAGE,
					"query \"%s\" must give one whole number per row",
					s.name);
				m.cut = true;
				break;
			}
			witness_survived(witness, seq);
		}
		maria_close(&m);
		statement_release(&s);
	}
	if (code == ERR_NONE)
		witness_report(witness, result);
	witness_free(witness);
	return code;
}

/* ------------------------------------------------------------------ data.write */

/* The first cell of the statement's verify query, in *out; false without one. */
static enum err_code holds(
	struct call *call, json_t *evidence, bool *out, bool *has_verify, struct err *err)
{
	struct statement s;
	struct maria m;
	MYSQL_ROW row;

	*out = false;
	TRY(statement_find(call, &s, err));
	*has_verify = s.verify != NULL;
	enum err_code code = maria_open(&m, call, NULL, err);
	if (code == ERR_NONE && s.verify != NULL) {
		code = read_only(&m, err);
		if (code == ERR_NONE)
			code = maria_start_declared(&m, s.verify, &s, err);
		if (code == ERR_NONE)
			code = maria_next(&m, &row, err);
		if (code == ERR_NONE && row != NULL) {
			json_t *cell = maria_cell(&m, row, 0);
			*out = statement_holds(cell);
			json_put(evidence, "verify_value", cell);
		}
		if (code != ERR_NONE)
			err_context(err, "verify query of \"%s\"", s.name);
	}
	maria_close(&m);
	statement_release(&s);
	return code;
}

PREPARE(mariadb_write_prepare)
{
	bool already = false, has_verify = false;

	TRY(holds(call, before, &already, &has_verify, err));
	json_put_flag(before, "already", already);
	return ERR_NONE;
}

RUN(mariadb_write)
{
	struct statement s;
	struct maria m;

	if (json_flag(call_before(call), "already", false)) {
		json_put_flag(result, "already", true);
		json_put_int(result, "changed", 0);
		return ERR_NONE;
	}
	TRY(statement_find(call, &s, err));
	enum err_code code = maria_open(&m, call, NULL, err);
	if (code == ERR_NONE) {
		m.finish = true;
		code = maria_start_declared(&m, s.sql, &s, err);
		if (code == ERR_NONE) {
			json_put_int(result, "changed", (int64_t)mysql_affected_rows(m.conn));
			json_put_flag(result, "already", false);
		}
		maria_close(&m);
	}
	statement_release(&s);
	return code;
}

VERIFY(mariadb_write_verify)
{
	bool done = false, has_verify = false;

	TRY(holds(call, evidence, &done, &has_verify, err));
	*verdict = done ? VERDICT_DONE : VERDICT_NOT_DONE;
	if (!has_verify) {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason", "the statement declares no verify query");
	}
	return ERR_NONE;
}
#endif
