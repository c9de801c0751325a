/* project.c: the rows that queries read, all of them recreated by journal_rebuild.
 *
 * An open run has its `run` and `service` rows only, rewritten when they change; `step`,
 * `operation` and `pace` are written when the run ends.  Both ways, live and rebuild, come
 * through project_run with the same fold, which is why they give the same rows. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static struct wall assumed_t0(const struct run *run)
{
	if (run->t0.ns != 0)
		return run->t0;
	if (run->t1.ns != 0 && (run->t2.ns == 0 || run->t1.ns < run->t2.ns))
		return run->t1;
	return run->t2;
}

/* The worst of all services' objectives. */
static enum verdict_word verdict(const struct run *run)
{
	bool seen[OBJECTIVE_NOT_MEASURED + 1] = { false };

	for (size_t i = 0; i < run->service_count; i++) {
		seen[service_rto(run, &run->services[i])] = true;
		seen[service_rpo(run, &run->services[i])] = true;
	}
	if (seen[OBJECTIVE_MISSED])
		return OBJECTIVE_MISSED;
	if (seen[OBJECTIVE_NOT_MEASURED])
		return OBJECTIVE_NOT_MEASURED;
	return seen[OBJECTIVE_MET] ? OBJECTIVE_MET : OBJECTIVE_NONE;
}

static enum err_code write_run(struct journal *journal, const struct run *run, struct err *err)
{
	sqlite3_stmt *row;

	TRY(db_statement(journal, ST_RUN, &row, err));
	sqlite3_bind_int64(row, 1, run->id);
	db_bind_text(row, 2, run->runbook);
	db_bind_text(row, 3, run->title);
	sqlite3_bind_int64(row, 4, run->version);
	db_bind_text(row, 5, run->digest);
	db_bind_text(row, 6, run->mode);
	db_bind_text(row, 7, run->workspace);
	db_bind_text(row, 8, run->commit);
	sqlite3_bind_int64(row, 9, run->dirty);
	db_bind_text(row, 10, run_status_name(run->status));
	db_bind_text(row, 11, run->reason);
	db_bind_text(row, 12, run->service_count > 0 ? run->services[0].name : NULL);
	db_bind_text(row, 13, run->lead);
	db_bind_text(row, 14, run->started_by.name);
	sqlite3_bind_int64(row, 15, run->began.ns);
	db_bind_int_or_null(row, 16, run->ended.ns, 0);
	db_bind_int_or_null(row, 17, assumed_t0(run).ns, 0);
	sqlite3_bind_int64(row, 18, run->t0.ns == 0);
	db_bind_int_or_null(row, 19, run->t1.ns, 0);
	db_bind_int_or_null(row, 20, run->t6.ns, 0);
	sqlite3_bind_int64(row, 21, (int64_t)run->ask_count);
	sqlite3_bind_int64(row, 22, (int64_t)run_unknown_count(run));
	sqlite3_bind_int64(row, 23, run->wall_used);
	db_bind_text(row, 24, objective_name(verdict(run)));
	sqlite3_bind_int64(row, 25, run_exit_status(run));
	return db_run(journal->db, row, err);
}

static enum err_code write_service(
	struct journal *journal, const struct run *run, size_t seq, struct err *err)
{
	const struct service *service = &run->services[seq];
	sqlite3_stmt *row;

	TRY(db_statement(journal, ST_SERVICE, &row, err));
	sqlite3_bind_int64(row, 1, run->id);
	sqlite3_bind_int64(row, 2, (int64_t)seq);
	db_bind_text(row, 3, service->name);
	db_bind_text(row, 4, service->owner);
	sqlite3_bind_int64(row, 5, service->tier);
	db_bind_int_or_null(row, 6, service->rto_ms, -1);
	db_bind_int_or_null(row, 7, service->rpo_ms, -1);
	db_bind_int_or_null(row, 8, service->restored.ns, 0);
	db_bind_int_or_null(row, 9, service->verified.ns, 0);
	if (service->verified.ns != 0)
		sqlite3_bind_int64(
			row, 10, run_clock(run, service, service->verified).elapsed_ms);
	db_bind_text(row, 11, objective_name(service_rto(run, service)));
	db_bind_int_or_null(row, 12, service->lost, -1);
	db_bind_int_or_null(row, 13, service->measured ? service->acknowledged : -1, -1);
	db_bind_text(row, 14, service->unit);
	db_bind_int_or_null(row, 15, service->rpa_ms, -1);
	db_bind_text(row, 16, objective_name(service_rpo(run, service)));
	db_bind_text(row, 17, service->basis);
	return db_run(journal->db, row, err);
}

static enum err_code write_attempt(struct journal *journal, const struct run *run,
	const struct attempt *attempt, struct err *err)
{
	sqlite3_stmt *row;

	TRY(db_statement(journal, ST_STEP, &row, err));
	sqlite3_bind_int64(row, 1, run->id);
	sqlite3_bind_int64(row, 2, (int64_t)attempt->step);
	sqlite3_bind_int64(row, 3, attempt->number);
	db_bind_text(row, 4, run->steps[attempt->step].id);
	db_bind_text(row, 5, step_state_name(attempt->outcome));
	db_bind_int_or_null(row, 6, attempt->started.ns, 0);
	sqlite3_bind_int64(row, 7, attempt->ended.ns);
	sqlite3_bind_int64(row, 8, attempt->duration_ms);
	db_bind_text(row, 9, attempt->error_code);
	return db_run(journal->db, row, err);
}

static enum err_code write_operation(
	struct journal *journal, int64_t run, size_t seq, const struct op *op, struct err *err)
{
	sqlite3_stmt *row;

	TRY(db_statement(journal, ST_OPERATION, &row, err));
	sqlite3_bind_int64(row, 1, run);
	sqlite3_bind_int64(row, 2, (int64_t)seq);
	sqlite3_bind_int64(row, 3, op->attempt);
	sqlite3_bind_int64(row, 4, op->ordinal);
	db_bind_text(row, 5, op->key);
	db_bind_text(row, 6, op->op);
	db_bind_text(row, 7, op->target);
	db_bind_text(row, 8, op->effect);
	db_bind_text(row, 9, op_state_name(op->state));
	db_bind_text(row, 10, op->settled_by);
	db_bind_int_or_null(row, 11, op->began.ns, 0);
	db_bind_int_or_null(row, 12, op->ended.ns, 0);
	return db_run(journal->db, row, err);
}

/* ------------------------------------------------------------------ pace */

struct pass {
	int64_t run, ms; /* ms: or PASS_SKIPPED */
};

/* Reads "run:ms run:ms", newest first. */
static size_t passes_parse(const char *text, struct pass passes[PACE_KEPT])
{
	size_t count = 0;

	while (text != NULL && *text != '\0' && count < PACE_KEPT) {
		char *end;
		passes[count].run = strtoll(text, &end, 10);
		if (*end != ':')
			break;
		passes[count++].ms = strtoll(end + 1, &end, 10);
		text = *end == ' ' ? end + 1 : NULL;
	}
	return count;
}

/* By number of run, so that the order in which runs end does not matter and a rebuild gives the
 * same. */
static size_t passes_insert(struct pass passes[PACE_KEPT], size_t count, struct pass added)
{
	size_t at = 0;

	while (at < count && passes[at].run > added.run)
		at++;
	if (at < count && passes[at].run == added.run) {
		passes[at] = added;
		return count;
	}
	if (at == PACE_KEPT)
		return count;
	if (count == PACE_KEPT)
		count--;
	memmove(&passes[at + 1], &passes[at], (count - at) * sizeof(*passes));
	passes[at] = added;
	return count + 1;
}

static size_t passes_remove(struct pass passes[PACE_KEPT], size_t count, int64_t run)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (passes[i].run != run)
			passes[kept++] = passes[i];
	return kept;
}

struct pace {
	const char *runbook, *mode, *step;
	struct pass passes[PACE_KEPT];
	size_t count;
};

static void bind_pace(sqlite3_stmt *row, const struct pace *pace)
{
	db_bind_text(row, 1, pace->runbook);
	db_bind_text(row, 2, pace->mode);
	db_bind_text(row, 3, pace->step);
}

static enum err_code read_pace(struct journal *journal, struct pace *pace, struct err *err)
{
	sqlite3_stmt *row;

	TRY(db_statement(journal, ST_PACE_GET, &row, err));
	bind_pace(row, pace);
	pace->count = 0;
	if (sqlite3_step(row) == SQLITE_ROW)
		pace->count =
			passes_parse((const char *)sqlite3_column_text(row, 0), pace->passes);
	return db_run(journal->db, row, err); /* resets; says so when the step above failed */
}

static enum err_code put_pace(struct journal *journal, const struct pace *pace, struct err *err)
{
	char text[PACE_KEPT * 42] = "";
	size_t len = 0;
	sqlite3_stmt *row;

	for (size_t i = 0; i < pace->count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%lld:%lld",
			i ? " " : "", (long long)pace->passes[i].run,
			(long long)pace->passes[i].ms);
	TRY(db_statement(journal, pace->count > 0 ? ST_PACE_PUT : ST_PACE_DROP, &row, err));
	bind_pace(row, pace);
	if (pace->count > 0)
		db_bind_text(row, 4, text);
	return db_run(journal->db, row, err);
}

/* PASS_NONE: this run has no good pass of the step (any more).  *lost: a pass that an older run
 * could fill was taken from a full list. */
static enum err_code write_pace(struct journal *journal, const struct run *run,
	const struct step *step, int64_t ms, bool *lost, struct err *err)
{
	struct pace pace = { .runbook = run->runbook, .mode = run->mode, .step = step->id };

	TRY(read_pace(journal, &pace, err));
	const size_t before = pace.count;
	if (ms != PASS_NONE)
		pace.count = passes_insert(pace.passes, before, (struct pass){ run->id, ms });
	else
		pace.count = passes_remove(pace.passes, before, run->id);
	if (ms == PASS_NONE && pace.count == before)
		return ERR_NONE;
	*lost = *lost || (ms == PASS_NONE && before == PACE_KEPT);
	return put_pace(journal, &pace, err);
}

/* The last successful pass of each step that ended well, and what was passed over unbegun. */
static enum err_code write_paces(
	struct journal *journal, const struct folded *folded, struct err *err)
{
	const struct run *run = folded->run;
	int64_t *whole = xmalloc((run->step_count + 1) * sizeof(*whole));
	enum err_code code = ERR_NONE;
	bool lost = false;

	for (size_t i = 0; i < run->step_count; i++)
		whole[i] = run->steps[i].state == STEP_SKIPPED && run->steps[i].attempt == 0
				   ? PASS_SKIPPED
				   : PASS_NONE;
	for (size_t i = 0; i < folded->attempt_count; i++) {
		const struct attempt *attempt = &folded->attempts[i];
		if (attempt->outcome == STEP_OK && run->steps[attempt->step].state == STEP_OK)
			whole[attempt->step] = attempt->whole_ms > 0 ? attempt->whole_ms : 0;
	}
	for (size_t i = 0; i < run->step_count && code == ERR_NONE; i++)
		code = write_pace(journal, run, &run->steps[i], whole[i], &lost, err);
	free(whole);
	return code == ERR_NONE && lost ? project_paces(journal, run->runbook, run->mode, err)
					: code;
}

enum err_code project_paces(
	struct journal *journal, const char *runbook, const char *mode, struct err *err)
{
	sqlite3_stmt *rows;
	enum err_code code;
	int step = SQLITE_DONE;

	TRY(db_prepare(
		journal->db, "DELETE FROM pace WHERE runbook = ?1 AND mode = ?2", &rows, err));
	db_bind_text(rows, 1, runbook);
	db_bind_text(rows, 2, mode);
	code = db_run(journal->db, rows, err);
	sqlite3_finalize(rows);
	if (code != ERR_NONE)
		return code;
	TRY(db_prepare(journal->db,
		"SELECT id FROM run WHERE runbook = ?1 AND mode = ?2 AND status <> 'open' "
		"ORDER BY id",
		&rows, err));
	db_bind_text(rows, 1, runbook);
	db_bind_text(rows, 2, mode);
	while (code == ERR_NONE && (step = sqlite3_step(rows)) == SQLITE_ROW) {
		struct folded *folded = NULL;
		code = folded_load(journal, sqlite3_column_int64(rows, 0), &folded, err);
		if (code == ERR_NONE && folded != NULL)
			code = write_paces(journal, folded, err);
		folded_free(folded);
	}
	if (code == ERR_NONE && step != SQLITE_DONE)
		code = db_error(journal->db, err, "read");
	sqlite3_finalize(rows);
	return code;
}

/* ------------------------------------------------------------------ a run's rows */

static enum err_code forget_end(struct journal *journal, int64_t run, struct err *err)
{
	char sql[128];

	snprintf(sql, sizeof(sql),
		"DELETE FROM step WHERE run = %lld; DELETE FROM operation WHERE run = %lld",
		(long long)run, (long long)run);
	return db_exec(journal->db, sql, err);
}

static enum err_code write_end(
	struct journal *journal, const struct folded *folded, struct err *err)
{
	const struct run *run = folded->run;

	/* a late event may have taken a row away (an operation that a new attempt took over) */
	TRY(forget_end(journal, run->id, err));
	for (size_t i = 0; i < folded->attempt_count; i++)
		TRY(write_attempt(journal, run, &folded->attempts[i], err));
	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].op_count; k++)
			TRY(write_operation(journal, run->id, i, &run->steps[i].ops[k], err));
	return write_paces(journal, folded, err);
}

enum err_code project_run(struct journal *journal, struct folded *folded, struct err *err)
{
	const struct run *run = folded->run;

	if (run->status == RUN_OPEN && !folded->dirty)
		return ERR_NONE;
	TRY(write_run(journal, run, err));
	for (size_t i = 0; i < run->service_count; i++)
		TRY(write_service(journal, run, i, err));
	folded->dirty = false;
	folded->asks = run->ask_count;
	folded->unknown = run_unknown_count(run);
	return run->status == RUN_OPEN ? ERR_NONE : write_end(journal, folded, err);
}

/* ------------------------------------------------------------------ rebuild */

/* A run that cannot be folded keeps a row that says so: hiding it would be worse. */
static enum err_code write_unreadable(
	struct journal *journal, int64_t id, const char *why, struct err *err)
{
	sqlite3_stmt *row;

	TRY(db_prepare(journal->db,
		"INSERT INTO run(id, status, reason) VALUES(?1, 'unreadable', ?2)", &row, err));
	sqlite3_bind_int64(row, 1, id);
	db_bind_text(row, 2, why);
	const enum err_code code = db_run(journal->db, row, err);
	sqlite3_finalize(row);
	return code;
}

static enum err_code rebuild_run(struct journal *journal, int64_t id, struct err *err)
{
	struct folded *folded = NULL;
	struct err why = { 0 };
	enum err_code code;

	if (folded_load(journal, id, &folded, &why) != ERR_NONE || folded == NULL)
		return write_unreadable(journal, id, why.text, err);
	folded->dirty = true;
	code = project_run(journal, folded, err);
	folded_free(folded);
	return code;
}

static enum err_code rebuild_all(struct journal *journal, struct err *err)
{
	sqlite3_stmt *next;
	enum err_code code = ERR_NONE;
	int64_t chain = 0;

	/* the prepared statements refer to the tables that are about to go */
	for (size_t i = ST_RUN; i < ST_COUNT; i++) {
		sqlite3_finalize(journal->statements[i]);
		journal->statements[i] = NULL;
	}
	TRY(db_exec(journal->db, schema_drop_projections, err));
	TRY(db_exec(journal->db, schema_projections, err));
	TRY(db_prepare(journal->db, "SELECT min(id) FROM event WHERE id >= ?1", &next, err));
	while (code == ERR_NONE) {
		sqlite3_bind_int64(next, 1, event_id(chain + 1, 0));
		if (sqlite3_step(next) != SQLITE_ROW) {
			code = db_error(journal->db, err, "read");
			break;
		}
		const bool none = sqlite3_column_type(next, 0) == SQLITE_NULL;
		chain = sqlite3_column_int64(next, 0) >> 32;
		sqlite3_reset(next);
		if (none)
			break;
		code = rebuild_run(journal, chain, err);
	}
	sqlite3_finalize(next);
	return code;
}

enum err_code journal_rebuild(struct journal *journal, struct err *err)
{
	enum err_code code;

	if (journal->mode != JOURNAL_WRITE)
		return err_set(err, ERR_FORBIDDEN, "the journal is open for reading only");
	pthread_mutex_lock(&journal->write_lock);
	const bool outer = journal->in_transaction;
	code = outer ? ERR_NONE : append_begin(journal, err);
	if (code == ERR_NONE) {
		code = rebuild_all(journal, err);
		if (code == ERR_NONE && !outer)
			code = append_commit(journal, err);
		if (code != ERR_NONE && !outer)
			append_rollback(journal);
	}
	pthread_mutex_unlock(&journal->write_lock);
	if (code == ERR_NONE && !outer)
		wal_checkpoint(journal);
	return code;
}
