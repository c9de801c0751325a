/* internal.h: what the files of the journal room share.  The format, with the invariants J1 to
 * J12 that comments here cite by number, is docs/journal-format.md.
 *
 * Two connections: `db` writes and belongs to whoever holds write_lock (the writer thread,
 * normally), `reader` only reads what is committed and belongs to whoever holds read_lock, so
 * that a screen never waits for a disk. */
#ifndef JOURNAL_INTERNAL_H
#define JOURNAL_INTERNAL_H

#include "drillbook/journal.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/vfs.h>

enum {
	SCHEMA_VERSION = 1,
	APPLICATION_ID = 0x44524c42, /* "DRLB" */
	SALT_BYTES = 16,
	PAYLOAD_MAX_BYTES = 16 * 1024 * 1024,
	CONTENT_MAX_BYTES = 64 * 1024 * 1024,
	HEADER_MAX_BYTES = 512,
	CHAIN_MAX = 0x7fffffff,
	PACE_KEPT = HISTORY_RUNS, /* runs a step's pace remembers */
};

/* Knobs that only tests turn. */
struct journal_tuning {
	int64_t reserve_bytes;
	int64_t wal_bytes;	 /* the WAL is written out to this length when it is shorter */
	int checkpoint_frames;	 /* a commit that leaves more than this many checkpoints at once
				  */
	const char *synchronous; /* "FULL"; the control of the power-cut test says "NORMAL" */
	int (*statfs)(const char *path, struct statfs *out);
	int64_t soon_ns; /* how long JOURNAL_SOON waits for company */
};
extern struct journal_tuning journal_tuning;

struct person {
	struct sha256 digest;
	int64_t uid; /* PERSON_ERASED when the name was erased */
	char name[64];
};
enum { PERSON_PROGRAM = -1, PERSON_ERASED = -2 };
struct people {
	struct person *list;
	size_t count;
};

/* A finished attempt at a step, as the projection keeps it. */
struct attempt {
	size_t step; /* index into run->steps */
	int64_t number, duration_ms, whole_ms;
	enum step_state outcome;
	struct wall started, ended;
	const char *error_code; /* borrowed from the run; NULL = none */
};

/* A run being folded: its state and the rows its end will write. */
struct folded {
	struct run *run;
	struct attempt *attempts;
	size_t attempt_count, attempt_cap;
	struct first_start { /* when it was first put before a human or started */
		int64_t mono_ns;
		struct wall wall;
		char boot[40];
	} * firsts;	      /* one per step */
	size_t asks, unknown; /* as the run's row on disk says */
	bool dirty;	      /* the row must be written */
};

struct chain {
	int64_t id, next_pos;
	struct sha256 head;
	struct folded *folded; /* open runs; NULL for the ledger and for ended runs */
};

enum statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_EPOCH,
	ST_INSERT,
	ST_TAIL,
	ST_KEEP,
	ST_PERSON,
	ST_RUN,
	ST_SERVICE,
	ST_STEP,
	ST_OPERATION,
	ST_PACE_GET,
	ST_PACE_PUT,
	ST_PACE_DROP,
	ST_COUNT
};

struct journal {
	char *dir, *path;
	enum journal_mode mode;
	sqlite3 *db, *reader; /* db is NULL for JOURNAL_READ */
	int lock_fd;
	pthread_mutex_t write_lock, read_lock; /* recursive */

	/* under write_lock */
	sqlite3_stmt *statements[ST_COUNT];
	bool in_transaction;
	int64_t epoch;
	struct chain *chains;
	size_t chain_count, chain_cap;
	struct people people;
	_Atomic int wal_frames; /* looked at without the lock by the idle writer */
	int64_t commits, appended;
	unsigned kinds_in_transaction; /* bit per event kind: for failpoints */

	/* under read_lock */
	struct people readers_people;
};

/* ------------------------------------------------------------------ db.c */

/* Turns what SQLite last said into ERR_JOURNAL with words for an operator. */
enum err_code db_error(sqlite3 *db, struct err *err, const char *fmt, ...) PRINTF(3, 4);
enum err_code db_exec(sqlite3 *db, const char *sql, struct err *err) MUST_CHECK;
enum err_code db_prepare(
	sqlite3 *db, const char *sql, sqlite3_stmt **out, struct err *err) MUST_CHECK;
/* A prepared statement of the write connection, reset and ready for binding. */
enum err_code db_statement(struct journal *journal, enum statement which, sqlite3_stmt **out,
	struct err *err) MUST_CHECK;
/* Steps a statement that gives no rows, and resets it. */
enum err_code db_run(sqlite3 *db, sqlite3_stmt *statement, struct err *err) MUST_CHECK;
void db_bind_text(sqlite3_stmt *statement, int at, const char *text); /* NULL binds NULL */
void db_bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t len);
/* A stamp or a count of which `absent` means "none". */
void db_bind_int_or_null(sqlite3_stmt *statement, int at, int64_t value, int64_t absent);
enum err_code db_int(sqlite3 *db, const char *sql, int64_t *out, struct err *err) MUST_CHECK;
bool db_sha(sqlite3_stmt *statement, int column, struct sha256 *out);

extern const char schema_base[];	/* events, contents, persons, epoch */
extern const char schema_projections[]; /* what journal_rebuild recreates */
extern const char schema_drop_projections[];

/* ------------------------------------------------------------------ files.c */

enum err_code lock_take(const char *dir, int *fd, struct err *err) MUST_CHECK;
enum err_code place_check(const char *dir, struct err *err) MUST_CHECK;
enum err_code reserve_make(const char *dir, struct err *err) MUST_CHECK;
enum err_code dir_sync(const char *dir, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ wal.c */

void wal_watch(struct journal *journal);
/* Writes the WAL file out to its full length, so that a commit changes no metadata.  Failure
 * costs only speed. */
void wal_extend(struct journal *journal);
/* Moves what the WAL holds into the file.  Failure costs only speed: the WAL still has it. */
void wal_checkpoint(struct journal *journal);
/* Wipes the WAL's old pages too; for erasure. */
enum err_code wal_wipe(struct journal *journal, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ event.c */

static inline int64_t event_id(int64_t chain, int64_t pos)
{
	return chain * ((int64_t)1 << 32) + pos;
}
/* The header line; -1 when it does not fit (a boot id that is none). */
int header_write(
	char *out, size_t size, const struct event *event, const struct sha256 *person);
/* person_hex receives the digest or "-". */
bool header_parse(
	const char *header, size_t len, struct event *out, char person_hex[SHA256_HEX]);
enum err_code person_for(struct journal *journal, const struct actor *actor, struct sha256 *out,
	struct err *err) MUST_CHECK;
void people_release(struct people *people);
/* The events of a chain through one of the two connections, whose lock is held. */
enum err_code events_visit(struct journal *journal, sqlite3 *db, int64_t chain, int64_t from,
	enum err_code (*visit)(void *arg, const struct event *event, struct err *err),
	void *arg, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ fold.c, project.c */

struct folded *folded_new(void);
void folded_free(struct folded *folded);
enum err_code folded_apply(
	struct folded *folded, const struct event *event, struct err *err) MUST_CHECK;
/* Folds a chain through the write connection.  *out is NULL when the chain is empty. */
enum err_code folded_load(struct journal *journal, int64_t chain, struct folded **out,
	struct err *err) MUST_CHECK;
/* Writes the run's row when it changed, and all rows of a run that has ended. */
enum err_code project_run(
	struct journal *journal, struct folded *folded, struct err *err) MUST_CHECK;
/* Folds the paces of a runbook anew from all its ended runs. */
enum err_code project_paces(struct journal *journal, const char *runbook, const char *mode,
	struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ writer.c */

/* Batches that no transaction has taken yet; for tests. */
size_t writer_queued(struct journal_writer *writer);

/* ------------------------------------------------------------------ append.c */

/* One write transaction: begin, any number of batches and contents, commit or rollback.  After
 * an error of append_begin nothing is open; after any other error that `*broken` is set for,
 * only rollback makes sense.  A batch that was refused (broken false) has left nothing behind.
 */
enum err_code append_begin(struct journal *journal, struct err *err) MUST_CHECK;
enum err_code append_batch(struct journal *journal, struct event *events, size_t count,
	bool *broken, struct err *err) MUST_CHECK;
enum err_code append_content(struct journal *journal, const void *bytes, size_t len,
	struct sha256 *out, struct err *err) MUST_CHECK;
enum err_code append_commit(struct journal *journal, struct err *err) MUST_CHECK;
void append_rollback(struct journal *journal);
void chains_clear(struct journal *journal);

/* Dies by SIGKILL at the commit DRILLBOOK_FAILPOINT names: "journal.before-commit:3" or,
 * counting only commits with an event of that kind, "journal.after-commit:op.intent:1".  Does
 * nothing unless built for tests. */
void failpoint(const char *point, unsigned kinds);

#endif
