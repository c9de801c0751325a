/* query.c: questions about the journal: chains, contents, runs, paces.  All through the reader.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS_DEFAULT = 50, RUNS_MAX = 1000, PACE_DEFAULT = 20 };

enum err_code journal_next_run(struct journal *journal, int64_t *out, struct err *err)
{
	int64_t largest = 0;

	pthread_mutex_lock(&journal->read_lock);
	const enum err_code code = db_int(
		journal->reader, "SELECT coalesce(max(id), 0) FROM event", &largest, err);
	pthread_mutex_unlock(&journal->read_lock);
	*out = (largest >> 32) + 1;
	return code;
}

enum err_code journal_head(struct journal *journal, int64_t chain, int64_t *pos,
	struct sha256 *hash, struct err *err)
{
	sqlite3_stmt *row = NULL;
	enum err_code code;

	pthread_mutex_lock(&journal->read_lock);
	code = db_prepare(journal->reader,
		"SELECT id, hash FROM event WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT "
		"1",
		&row, err);
	if (code == ERR_NONE) {
		sqlite3_bind_int64(row, 1, event_id(chain, 0));
		sqlite3_bind_int64(row, 2, event_id(chain, 0xffffffff));
		const int step = sqlite3_step(row);
		if (step == SQLITE_DONE)
			code = err_set(err, ERR_NOT_FOUND, "chain %lld has no events",
				(long long)chain);
		else if (step != SQLITE_ROW)
			code = db_error(journal->reader, err, "read");
		else if (!db_sha(row, 1, hash))
			code = err_set(err, ERR_JOURNAL, "the head of chain %lld is damaged",
				(long long)chain);
		else
			*pos = sqlite3_column_int64(row, 0) & 0xffffffff;
	}
	sqlite3_finalize(row);
	pthread_mutex_unlock(&journal->read_lock);
	return code;
}

enum err_code journal_kept(
	struct journal *journal, struct sha256 digest, struct buf *out, struct err *err)
{
	sqlite3_stmt *row = NULL;
	enum err_code code;
	char hex[SHA256_HEX];

	buf_init(out, CONTENT_MAX_BYTES + 1);
	pthread_mutex_lock(&journal->read_lock);
	code = db_prepare(
		journal->reader, "SELECT bytes FROM content WHERE sha = ?1", &row, err);
	if (code == ERR_NONE) {
		db_bind_bytes(row, 1, digest.b, SHA256_BYTES);
		const int step = sqlite3_step(row);
		if (step != SQLITE_ROW && step != SQLITE_DONE)
			code = db_error(journal->reader, err, "read");
		else if (step == SQLITE_DONE || sqlite3_column_type(row, 0) == SQLITE_NULL)
			code = err_set(err, ERR_NOT_FOUND, "content %s is not in the journal%s",
				sha256_hex(digest, hex),
				step == SQLITE_ROW ? " any more: it was erased" : "");
		else
			code = buf_add(out, sqlite3_column_blob(row, 0),
				(size_t)sqlite3_column_bytes(row, 0), err);
	}
	sqlite3_finalize(row);
	pthread_mutex_unlock(&journal->read_lock);
	if (code == ERR_NONE && !sha256_eq(sha256_of(out->data, out->len), digest))
		code = err_set(err, ERR_VERIFY, "the bytes kept as %s are not those any more",
			sha256_hex(digest, hex));
	if (code != ERR_NONE)
		buf_release(out);
	return code;
}

/* A row as an object: integers and texts by column name, SQL NULL as JSON null. */
static json_t *row_object(sqlite3_stmt *row)
{
	json_t *object = json_object();

	for (int i = 0; i < sqlite3_column_count(row); i++) {
		const char *name = sqlite3_column_name(row, i);
		if (sqlite3_column_type(row, i) == SQLITE_INTEGER)
			json_put_int(object, name, sqlite3_column_int64(row, i));
		else
			json_put_str(object, name, (const char *)sqlite3_column_text(row, i));
	}
	return object;
}

static const char runs_sql[] =
	"SELECT r.id AS run, r.runbook, r.title, r.version, r.digest, r.dirty, r.mode, r.workspace, r.commit_id "
	"AS 'commit',"
	" r.status, r.reason, coalesce(s.name, r.service) AS service, r.lead, r.started_by, "
	"r.started_ns, r.ended_ns, r.t0_ns, r.asks, r.unknown,"
	" r.wall_used, r.verdict, r.exit_status, s.rta_ms, s.rto_ms, s.rto, s.rpa_ms, "
	"s.rpo_ms, s.rpo, s.lost, s.unit"
	" FROM run r LEFT JOIN service s ON s.run = r.id AND s.seq = "
	/* the service that was asked for stands in the row, else the first */
	"coalesce((SELECT min(seq) FROM service WHERE name = ?2 AND run = r.id), 0)"
	" WHERE r.id < ?1%s%s%s%s ORDER BY r.id DESC LIMIT ?5";

static const char services_sql[] =
	"SELECT name, tier, owner, rto_ms, rpo_ms, restored_ns, verified_ns, rta_ms, rto, "
	"lost, acknowledged, unit,"
	" rpa_ms, rpo, basis FROM service WHERE run = ?1 ORDER BY seq";

static enum err_code add_services(
	struct journal *journal, sqlite3_stmt *rows, json_t *run, struct err *err)
{
	json_t *services = json_array();
	int step;

	sqlite3_bind_int64(rows, 1, json_int(run, "run", 0));
	while ((step = sqlite3_step(rows)) == SQLITE_ROW)
		json_array_append_new(services, row_object(rows));
	sqlite3_reset(rows);
	json_put(run, "services", services);
	return step == SQLITE_DONE ? ERR_NONE : db_error(journal->reader, err, "read");
}

static enum err_code collect_runs(
	struct journal *journal, sqlite3_stmt *rows, json_t *out, struct err *err)
{
	sqlite3_stmt *services;
	enum err_code code = ERR_NONE;
	int step = SQLITE_DONE;

	TRY(db_prepare(journal->reader, services_sql, &services, err));
	while (code == ERR_NONE && (step = sqlite3_step(rows)) == SQLITE_ROW) {
		json_t *run = row_object(rows);
		json_array_append_new(out, run);
		code = add_services(journal, services, run, err);
	}
	if (code == ERR_NONE && step != SQLITE_DONE)
		code = db_error(journal->reader, err, "read");
	sqlite3_finalize(services);
	return code;
}

enum err_code journal_runs(struct journal *journal, const struct journal_filter *filter,
	json_t **out, struct err *err)
{
	char sql[sizeof(runs_sql) + 256];
	sqlite3_stmt *rows = NULL;
	json_t *runs = json_array();
	enum err_code code;

	snprintf(sql, sizeof(sql), runs_sql, filter->runbook ? " AND r.runbook = ?3" : "",
		filter->mode ? " AND r.mode = ?4" : "",
		filter->service ? " AND r.id IN (SELECT run FROM service WHERE name = ?2)" : "",
		filter->open_only ? " AND r.status = 'open'" : "");
	pthread_mutex_lock(&journal->read_lock);
	code = db_prepare(journal->reader, sql, &rows, err);
	if (code == ERR_NONE) {
		sqlite3_bind_int64(
			rows, 1, filter->before_run > 0 ? filter->before_run : INT64_MAX);
		db_bind_text(rows, 2, filter->service);
		db_bind_text(rows, 3, filter->runbook);
		db_bind_text(rows, 4, filter->mode);
		sqlite3_bind_int64(rows, 5,
			filter->limit <= 0	   ? RUNS_DEFAULT
			: filter->limit > RUNS_MAX ? RUNS_MAX
						   : filter->limit);
		code = collect_runs(journal, rows, runs, err);
	}
	sqlite3_finalize(rows);
	pthread_mutex_unlock(&journal->read_lock);
	if (code != ERR_NONE)
		json_decref(runs);
	else
		*out = runs;
	return code;
}

/* ------------------------------------------------------------------ pace */

static int by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that at least `percent` of all do not exceed. */
static int64_t percentile(const int64_t *sorted, size_t count, size_t percent)
{
	const size_t rank = (count * percent + 99) / 100;

	return sorted[rank > 0 ? rank - 1 : 0];
}

/* The next "run:ms" of a pace; false at its end. */
static bool next_pass(const char **recent, int64_t *run, int64_t *ms)
{
	char *end;

	if (*recent == NULL || **recent == '\0')
		return false;
	*run = strtoll(*recent, &end, 10);
	if (*end != ':')
		return false;
	*ms = strtoll(end + 1, &end, 10);
	*recent = *end == ' ' ? end + 1 : end;
	return true;
}

static json_t *pace_object(const char *recent, int64_t runs)
{
	int64_t ms[PACE_KEPT], run;
	size_t count = 0;
	json_t *object = json_object(), *list = json_array();

	while (count < PACE_KEPT && (int64_t)count < runs &&
		next_pass(&recent, &run, &ms[count])) {
		if (ms[count] < 0)
			continue;
		json_array_append_new(list, json_integer(ms[count++]));
	}
	json_put_int(object, "runs", (int64_t)count);
	json_put(object, "recent_ms", list);
	if (count > 0) {
		json_put_int(object, "last_ms", ms[0]);
		qsort(ms, count, sizeof(*ms), by_value);
		json_put_int(object, "p50_ms", percentile(ms, count, 50));
		json_put_int(object, "p90_ms", percentile(ms, count, 90));
	}
	return object;
}

enum err_code journal_step_times(struct journal *journal, const char *runbook, const char *mode,
	int64_t runs, json_t **out, struct err *err)
{
	sqlite3_stmt *rows = NULL;
	json_t *steps = json_object();
	enum err_code code;
	int step = SQLITE_DONE;

	pthread_mutex_lock(&journal->read_lock);
	code = db_prepare(journal->reader,
		"SELECT step, recent FROM pace WHERE runbook = ?1 AND mode = ?2", &rows, err);
	if (code == ERR_NONE) {
		db_bind_text(rows, 1, runbook);
		db_bind_text(rows, 2, mode);
		while ((step = sqlite3_step(rows)) == SQLITE_ROW)
			json_put(steps, (const char *)sqlite3_column_text(rows, 0),
				pace_object((const char *)sqlite3_column_text(rows, 1),
					runs > 0 ? runs : PACE_DEFAULT));
		if (step != SQLITE_DONE)
			code = db_error(journal->reader, err, "read");
	}
	sqlite3_finalize(rows);
	pthread_mutex_unlock(&journal->read_lock);
	if (code != ERR_NONE)
		json_decref(steps);
	else
		*out = steps;
	return code;
}

/* ------------------------------------------------------------------ passes, for forecasts */

static const char past_sql[] =
	"SELECT id AS run, version, started_ns AS began_ns FROM run"
	" WHERE runbook = ?1 AND mode = ?2 AND id < ?3 AND workspace IS ?4 AND status <> 'open'"
	" AND EXISTS(SELECT 1 FROM step WHERE step.run = run.id AND outcome = 'ok')"
	" ORDER BY id DESC LIMIT ?5";

/* What each of the runs, newest first, says about a step. */
static json_t *aligned(const char *recent, const json_t *runs)
{
	json_t *passes = json_array();
	int64_t run = INT64_MAX, ms = PASS_NONE;
	const json_t *row;
	size_t i;

	json_array_foreach(runs, i, row) {
		const int64_t wanted = json_int(row, "run", 0);
		while (run > wanted && next_pass(&recent, &run, &ms))
			;
		json_array_append_new(passes, json_integer(run == wanted ? ms : PASS_NONE));
	}
	return passes;
}

static enum err_code collect(sqlite3 *db, sqlite3_stmt *rows, json_t *out,
	void (*take)(json_t *out, sqlite3_stmt *row, const json_t *more), const json_t *more,
	struct err *err)
{
	int step;

	while ((step = sqlite3_step(rows)) == SQLITE_ROW)
		take(out, rows, more);
	return step == SQLITE_DONE ? ERR_NONE : db_error(db, err, "read");
}

static void take_run(json_t *out, sqlite3_stmt *row, const json_t *more)
{
	(void)more;
	json_array_append_new(out, row_object(row));
}

static void take_pace(json_t *out, sqlite3_stmt *row, const json_t *runs)
{
	json_put(out, (const char *)sqlite3_column_text(row, 0),
		aligned((const char *)sqlite3_column_text(row, 1), runs));
}

static enum err_code read_passes(
	sqlite3 *db, const struct run *of, json_t *runs, json_t *steps, struct err *err)
{
	sqlite3_stmt *rows = NULL;
	enum err_code code;

	TRY(db_prepare(db, past_sql, &rows, err));
	db_bind_text(rows, 1, of->runbook);
	db_bind_text(rows, 2, of->mode);
	sqlite3_bind_int64(rows, 3, of->id);
	db_bind_text(rows, 4, of->workspace);
	sqlite3_bind_int64(rows, 5, HISTORY_RUNS);
	code = collect(db, rows, runs, take_run, NULL, err);
	sqlite3_finalize(rows);
	TRY(code);
	TRY(db_prepare(
		db, "SELECT step, recent FROM pace WHERE runbook = ?1 AND mode = ?2", &rows, err));
	db_bind_text(rows, 1, of->runbook);
	db_bind_text(rows, 2, of->mode);
	code = collect(db, rows, steps, take_pace, runs, err);
	sqlite3_finalize(rows);
	return code;
}

enum err_code journal_passes(
	struct journal *journal, const struct run *of, json_t **out, struct err *err)
{
	json_t *passes = json_object(), *runs = json_array(), *steps = json_object();

	json_put(passes, "runs", runs);
	json_put(passes, "steps", steps);
	pthread_mutex_lock(&journal->read_lock);
	const enum err_code code = read_passes(journal->reader, of, runs, steps, err);
	pthread_mutex_unlock(&journal->read_lock);
	if (code != ERR_NONE)
		json_decref(passes);
	else
		*out = passes;
	return code;
}
