/* postgres_data.c: data.query, data.write and data.compare: SQL that the target declares. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"
#include "statement.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ reading */

static void take_columns(const PGresult *res, json_t *result)
{
	json_t *columns = json_array();

	for (int i = 0; i < PQnfields(res); i++)
		json_array_append_new(
			columns, json_text(PQfname(res, i), strlen(PQfname(res, i))));
	json_put(result, "columns", columns);
}

static json_t *take_row(const PGresult *res, size_t *bytes)
{
	json_t *row = json_array();

	for (int i = 0; i < PQnfields(res); i++) {
		*bytes += (size_t)PQgetlength(res, 0, i) + 8;
		json_array_append_new(row, pg_cell(res, 0, i));
	}
	return row;
}

/* Row by row, so that a query that gives too much costs no memory: past the cap the connection
 * is dropped. */
static enum err_code read_rows(
	struct pg *pg, const struct statement *s, json_t *result, struct err *err)
{
	json_t *rows = json_array();
	size_t bytes = 0;
	bool truncated = false;
	PGresult *res = NULL;

	json_put(result, "rows", rows);
	enum err_code code = pg_stream(pg, s->sql, (int)s->count, s->texts, err);
	while (code == ERR_NONE && (code = pg_next_row(pg, &res, err)) == ERR_NONE &&
		res != NULL) {
		truncated = json_array_size(rows) >= DATA_ROWS_MAX || bytes > DATA_BYTES_MAX;
		if (json_array_size(rows) == 0)
			take_columns(res, result);
		if (!truncated)
			json_array_append_new(rows, take_row(res, &bytes));
		PQclear(res);
		if (truncated)
			break;
	}
	json_put_int(result, "count", (int64_t)json_array_size(rows));
	json_put_flag(result, "truncated", truncated);
	json_t *cell = json_array_get(json_array_get(rows, 0), 0);
	if (cell != NULL)
		json_put(result, "value", json_incref(cell));
	return code;
}

static enum err_code open_read_only(
	struct pg *pg, struct call *call, struct statement *s, struct err *err)
{
	TRY(statement_find(call, s, err));
	enum err_code code = pg_open(pg, call, NULL, err);
	if (code == ERR_NONE) {
		code = pg_exec(
			pg, "begin transaction isolation level repeatable read read only", err);
		if (code != ERR_NONE)
			pg_close(pg);
	}
	if (code != ERR_NONE)
		statement_release(s);
	return code;
}

RUN(postgres_query)
{
	struct statement s;
	struct pg pg;

	TRY(open_read_only(&pg, call, &s, err));
	enum err_code code = read_rows(&pg, &s, result, err);
	if (code != ERR_NONE)
		err_context(err, "query \"%s\"", s.name);
	pg_close(&pg);
	statement_release(&s);
	return code;
}

/* ------------------------------------------------------------------ loss */

RUN(postgres_compare)
{
	struct witness *witness = NULL;
	struct statement s;
	struct pg pg;
	PGresult *res = NULL;

	TRY(witness_of_call(call, &witness, err));
	enum err_code code = open_read_only(&pg, call, &s, err);
	if (code != ERR_NONE)
		goto out;
	code = pg_stream(&pg, s.sql, (int)s.count, s.texts, err);
	while (code == ERR_NONE && (code = pg_next_row(&pg, &res, err)) == ERR_NONE &&
		res != NULL) {
		char *end = NULL;
		const char *text = PQnfields(res) == 1 ? PQgetvalue(res, 0, 0) : "";
		int64_t seq = strtoll(text, &end, 10);
		if (end == text || *end != '\0')
			code = err_set(err, ERR_USAGE,
				"query \"%s\" must give one whole number per row", s.name);
		else
			witness_survived(witness, seq);
		PQclear(res);
	}
	pg_close(&pg);
	statement_release(&s);
	if (code == ERR_NONE)
		witness_report(witness, result);
out:
	witness_free(witness);
	return code;
}

/* ------------------------------------------------------------------ writing */

/* The first cell of the statement's verify query, in *holds; false without one. */
static enum err_code holds(
	struct pg *pg, const struct statement *s, json_t *evidence, bool *out, struct err *err)
{
	PGresult *res = NULL;

	*out = false;
	if (s->verify == NULL)
		return ERR_NONE;
	enum err_code code = pg_run(pg, s->verify, (int)s->count, s->texts, &res, err);
	if (code != ERR_NONE)
		return err_context(err, "verify query of \"%s\"", s->name);
	if (PQntuples(res) > 0 && PQnfields(res) > 0) {
		json_t *cell = pg_cell(res, 0, 0);
		*out = statement_holds(cell);
		json_put(evidence, "verify_value", cell);
	}
	PQclear(res);
	return ERR_NONE;
}

static enum err_code look(
	struct call *call, json_t *evidence, bool *out, bool *has_verify, struct err *err)
{
	struct statement s;
	struct pg pg;

	TRY(statement_find(call, &s, err));
	*has_verify = s.verify != NULL;
	enum err_code code = pg_open(&pg, call, NULL, err);
	if (code == ERR_NONE) {
		code = pg_exec(&pg, "begin read only", err);
		if (code == ERR_NONE)
			code = holds(&pg, &s, evidence, out, err);
		pg_close(&pg);
	}
	statement_release(&s);
	return code;
}

PREPARE(postgres_write_prepare)
{
	bool already = false, has_verify = false;

	TRY(look(call, before, &already, &has_verify, err));
	json_put_flag(before, "already", already);
	return ERR_NONE;
}

RUN(postgres_write)
{
	PGresult *res = NULL;
	struct statement s;
	struct pg pg;

	if (json_flag(call_before(call), "already", false)) {
		json_put_flag(result, "already", true);
		json_put_int(result, "changed", 0);
		return ERR_NONE;
	}
	TRY(statement_find(call, &s, err));
	enum err_code code = pg_open(&pg, call, NULL, err);
	if (code == ERR_NONE) {
		pg.finish = true;
		code = pg_run(&pg, s.sql, (int)s.count, s.texts, &res, err);
		pg_close(&pg);
	}
	if (code == ERR_NONE) {
		json_put_int(result, "changed", strtoll(PQcmdTuples(res), NULL, 10));
		json_put_flag(result, "already", false);
		PQclear(res);
	}
	statement_release(&s);
	return code;
}

VERIFY(postgres_write_verify)
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
#endif
