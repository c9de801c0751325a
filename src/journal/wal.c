/* wal.c: the write-ahead log: kept, written out in advance, emptied while nobody waits.
 *
 * A commit that only overwrites bytes the file already has costs one flush of data; one that
 * makes the file longer costs a flush of metadata too (2.3 times as much, measured on ext4). So
 * the WAL file is never removed (SQLITE_FCNTL_PERSIST_WAL) and is filled with zeros up to its
 * working length once: to SQLite, zeros behind the last frame are the end of the log. */
#include "internal.h"

#include <string.h>

enum { ZEROS_BYTES = 65536 };
static const unsigned char zeros[ZEROS_BYTES];

static int on_commit(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct journal *journal = arg;

	(void)db;
	(void)name;
	journal->wal_frames = frames;
	return SQLITE_OK;
}

void wal_watch(struct journal *journal)
{
	int keep = 1;

	sqlite3_wal_hook(journal->db, on_commit, journal); /* also ends automatic checkpoints */
	sqlite3_file_control(journal->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	sqlite3_file_control(journal->reader, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}

void wal_extend(struct journal *journal)
{
	sqlite3_file *wal = NULL;
	sqlite3_int64 size = 0;

	if (sqlite3_file_control(journal->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) !=
			SQLITE_OK ||
		wal == NULL || wal->pMethods == NULL ||
		wal->pMethods->xFileSize(wal, &size) != SQLITE_OK)
		return;
	while (size < journal_tuning.wal_bytes) {
		const sqlite3_int64 left = journal_tuning.wal_bytes - size;
		const int piece = left < ZEROS_BYTES ? (int)left : ZEROS_BYTES;
		if (wal->pMethods->xWrite(wal, zeros, piece, size) != SQLITE_OK)
			return;
		size += piece;
	}
}

void wal_checkpoint(struct journal *journal)
{
	if (journal->db == NULL || journal->in_transaction)
		return;
	if (sqlite3_wal_checkpoint_v2(
		    journal->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK)
		journal->wal_frames = 0;
}

enum err_code wal_wipe(struct journal *journal, struct err *err)
{
	if (sqlite3_wal_checkpoint_v2(
		    journal->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
		return err_set(err, ERR_HELD,
			"erased, but a reader still holds the log in which old copies stand; "
			"erase again when "
			"it has ended");
	journal->wal_frames = 0;
	wal_extend(journal);
	return ERR_NONE;
}
