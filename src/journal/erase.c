/* erase.c: what leaves the record, and the epoch.
 *
 * Erasing leaves the digest, so that the chain stays whole (J5).  The pages are wiped
 * (secure_delete) and the log in which older copies stand is emptied and written over.  A
 * backup of the file is out of reach. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static enum err_code erasable(
	const struct event *event, const struct folded *folded, struct err *err)
{
	if (folded->run->status == RUN_OPEN)
		return err_set(err, ERR_PRECONDITION,
			"run %lld is still open; what a running recovery stands on cannot be "
			"erased",
			(long long)event->chain);
	if (event->kind == EVENT_RUN_STARTED || event->kind == EVENT_RUN_ENDED)
		return err_set(err, ERR_FORBIDDEN,
			"\"%s\" cannot be erased: without it the rest of the run cannot be "
			"read",
			event_kinds[event->kind].name);
	return ERR_NONE;
}

struct wanted {
	int64_t pos;
	bool found;
	struct event event; /* header only */
};

static enum err_code find_event(void *arg, const struct event *event, struct err *err)
{
	struct wanted *wanted = arg;

	(void)err;
	if (event->pos == wanted->pos) {
		wanted->found = true;
		wanted->event = *event;
		wanted->event.payload = NULL;
	}
	return ERR_NONE;
}

static enum err_code erase_event(
	struct journal *journal, int64_t chain, int64_t pos, struct err *err)
{
	struct wanted wanted = { .pos = pos };
	struct folded *folded = NULL;
	char sql[128];
	enum err_code code;

	TRY(events_visit(journal, journal->db, chain, pos, find_event, &wanted, err));
	if (!wanted.found)
		return err_set(err, ERR_NOT_FOUND, "there is no event %lld in run %lld",
			(long long)pos, (long long)chain);
	TRY(folded_load(journal, chain, &folded, err));
	code = erasable(&wanted.event, folded, err);
	if (code != ERR_NONE)
		goto out;
	snprintf(sql, sizeof(sql), "UPDATE event SET payload = NULL WHERE id = %lld",
		(long long)event_id(chain, pos));
	code = db_exec(journal->db, sql, err);
	folded_free(folded);
	folded = NULL;
	if (code == ERR_NONE)
		code = folded_load(journal, chain, &folded, err);
	if (code == ERR_NONE)
		code = project_run(journal, folded, err);
out:
	folded_free(folded);
	return code;
}

/* Ends the erasing transaction one way or the other, and wipes what is left of it. */
static enum err_code erase_end(struct journal *journal, enum err_code code, struct err *err)
{
	if (code == ERR_NONE)
		code = append_commit(journal, err);
	if (code != ERR_NONE) {
		append_rollback(journal);
		return code;
	}
	chains_clear(journal);
	people_release(&journal->people);
	return wal_wipe(journal, err);
}

enum err_code journal_erase_payload(
	struct journal *journal, int64_t chain, int64_t pos, struct err *err)
{
	enum err_code code;

	if (chain == 0)
		return err_set(
			err, ERR_FORBIDDEN, "the ledger cannot be erased: seals stand in it");
	pthread_mutex_lock(&journal->write_lock);
	code = append_begin(journal, err);
	if (code == ERR_NONE)
		code = erase_end(journal, erase_event(journal, chain, pos, err), err);
	pthread_mutex_unlock(&journal->write_lock);
	return code;
}

/* Runs a change of one row with up to two bound values; ERR_NOT_FOUND when it changed none. */
static enum err_code erase_row(struct journal *journal, const char *sql,
	const struct sha256 *digest, const struct actor *actor, struct err *err)
{
	sqlite3_stmt *row;
	enum err_code code;

	TRY(db_prepare(journal->db, sql, &row, err));
	if (digest != NULL) {
		db_bind_bytes(row, 1, digest->b, SHA256_BYTES);
	} else {
		sqlite3_bind_int64(row, 1, actor->uid);
		db_bind_text(row, 2, actor->name);
	}
	code = db_run(journal->db, row, err);
	if (code == ERR_NONE && sqlite3_changes(journal->db) == 0)
		code = err_set(
			err, ERR_NOT_FOUND, "the journal has nothing like that to erase");
	sqlite3_finalize(row);
	return code;
}

enum err_code journal_erase_kept(struct journal *journal, struct sha256 digest, struct err *err)
{
	enum err_code code;

	pthread_mutex_lock(&journal->write_lock);
	code = append_begin(journal, err);
	if (code == ERR_NONE) {
		code = erase_row(journal,
			"UPDATE content SET bytes = NULL WHERE sha = ?1 AND bytes IS NOT NULL",
			&digest, NULL, err);
		code = erase_end(journal, code, err);
	}
	pthread_mutex_unlock(&journal->write_lock);
	return code;
}

enum err_code journal_erase_person(
	struct journal *journal, const struct actor *actor, struct err *err)
{
	enum err_code code;

	pthread_mutex_lock(&journal->write_lock);
	code = append_begin(journal, err);
	if (code == ERR_NONE) {
		code = erase_row(journal,
			"UPDATE person SET salt = NULL, uid = NULL, name = NULL WHERE uid = ?1 "
			"AND name = ?2",
			NULL, actor, err);
		people_release(&journal->people);
		if (code == ERR_NONE) /* the name also stands in rows about runs */
			code = journal_rebuild(journal, err);
		code = erase_end(journal, code, err);
	}
	pthread_mutex_unlock(&journal->write_lock);
	pthread_mutex_lock(&journal->read_lock);
	people_release(&journal->readers_people);
	pthread_mutex_unlock(&journal->read_lock);
	return code;
}

enum err_code journal_new_epoch(struct journal *journal, int64_t *out, struct err *err)
{
	enum err_code code;
	char sql[96];

	pthread_mutex_lock(&journal->write_lock);
	code = append_begin(journal, err);
	if (code == ERR_NONE) {
		snprintf(sql, sizeof(sql), "UPDATE epoch SET epoch = %lld WHERE id = 1",
			(long long)journal->epoch + 1);
		code = db_exec(journal->db, sql, err);
		if (code == ERR_NONE)
			code = append_commit(journal, err);
		if (code == ERR_NONE)
			*out = ++journal->epoch;
		else
			append_rollback(journal);
	}
	pthread_mutex_unlock(&journal->write_lock);
	return code;
}
