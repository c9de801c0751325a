/* journal.h: the record.  SQLite, WAL, synchronous=FULL, one writer.  Format: docs/journal-format.md.
 *
 * The rules are those of docs/architecture.md, "The journal", (1) to (8).  The file holds one append-only table of events in
 * hash chains (chain 0 is the ledger, chain N is run N), the exact bytes of everything that ran by digest, and
 * projections that journal_rebuild recreates from the events. */
#ifndef DRILLBOOK_JOURNAL_H
#define DRILLBOOK_JOURNAL_H

#include "drillbook/base.h"
#include "drillbook/record.h"

struct journal;

enum journal_mode {
	JOURNAL_READ,  /* refuses nothing but a newer schema and a file that is none of ours */
	JOURNAL_WRITE  /* takes the writer's lock (ERR_HELD when another has it), creates what is missing */
};
/* dir is the data directory; the file is dir/journal.db.  ERR_JOURNAL with the reason and a hint for: newer schema,
 * network file system (statfs), read-only, full, damaged. */
enum err_code journal_open(struct journal **out, const char *dir, enum journal_mode mode, struct err *err) MUST_CHECK;
void journal_close(struct journal *journal); /* checkpoints; the WAL file is kept */

/* Any function may be called from any thread.  Reading never waits for a commit: it has a connection of its own. */

/* Appends in one transaction: everything or nothing.  Fills pos of each entry (and the stamps, where wall is 0).
 * ERR_PROTOCOL, nothing written: an event that cannot follow those of its run (run_apply), stands in the wrong chain, or a
 * seal that does not match.  A run.sealed may name only its run: events and head are filled in, so that a run can be ended
 * and sealed in one batch.  ERR_HELD: a newer server has taken over (docs/journal-format.md, J12).  Payloads are shared
 * from here on: do not change them. */
enum err_code journal_append(struct journal *journal, struct event *events, size_t count, struct err *err) MUST_CHECK;
/* The number for a new run: one more than the largest chain ever used, at least 1. */
enum err_code journal_next_run(struct journal *journal, int64_t *out, struct err *err) MUST_CHECK;
/* Stores bytes by digest; storing the same bytes again is free.  Part of the next journal_append's transaction
 * when called between begin and append by the writer thread, a transaction of its own otherwise. */
enum err_code journal_keep(struct journal *journal, const void *bytes, size_t len, struct sha256 *out,
	struct err *err) MUST_CHECK;
/* ERR_NOT_FOUND when absent or erased. */
enum err_code journal_kept(struct journal *journal, struct sha256 digest, struct buf *out, struct err *err) MUST_CHECK;

/* Calls visit for the events of a chain from position `from` on, in order, until it returns an error. */
enum err_code journal_events(struct journal *journal, int64_t chain, int64_t from,
	enum err_code (*visit)(void *arg, const struct event *event, struct err *err), void *arg, struct err *err) MUST_CHECK;
/* Folds a run's events: *out is a new run_state (run_free).  ERR_NOT_FOUND. */
enum err_code journal_run(struct journal *journal, int64_t run, struct run **out, struct err *err) MUST_CHECK;

struct journal_filter {
	const char *runbook, *service, *mode; /* NULL = any */
	bool open_only;
	int64_t limit;                        /* 0 = 50 */
	int64_t before_run;                   /* for paging; 0 = newest */
};
/* Newest first; an array of objects {"run","runbook","title","version","digest","dirty","mode","workspace","commit","status" (or
 * "unreadable"),"reason","service","lead","started_by","started_ns","ended_ns","t0_ns","asks","unknown","wall_used","verdict" and
 * "exit_status" (of the whole run), "rta_ms","rto_ms","rto","rpa_ms","rpo_ms","rpo","lost","unit" (of the service that was asked
 * for, else of the first), "services": [the same and more for each]}; what is not known is null.  rto, rpo and verdict are
 * objective_name words.  Owned. */
enum err_code journal_runs(struct journal *journal, const struct journal_filter *filter, json_t **out, struct err *err) MUST_CHECK;
/* Durations of the steps of a runbook in one mode over its last runs:
 * {"step id": {"runs": n, "p50_ms": …, "p90_ms": …, "last_ms": …, "recent_ms": [newest first]}}.  A duration is from the
 * step's first start, or the question before it, to its good end, retries and questions included.  runs: 0 = 20, at most 64
 * are remembered.  Owned. */
enum err_code journal_step_times(struct journal *journal, const char *runbook, const char *mode, int64_t runs,
	json_t **out, struct err *err) MUST_CHECK;

/* What the last runs of the same runbook, workspace and mode that ended before `of` say about its steps, for forecast_new:
 * {"runs": [newest first: {"run", "version", "began_ns"}], "steps": {"step id": [for each of the runs, the milliseconds of
 * the step's pass as above, or PASS_NONE, PASS_SKIPPED]}}.  At most HISTORY_RUNS.  Owned. */
enum err_code journal_passes(struct journal *journal, const struct run *of, json_t **out, struct err *err) MUST_CHECK;

/* Drops and recreates every projection from the events. */
enum err_code journal_rebuild(struct journal *journal, struct err *err) MUST_CHECK;
/* Removes a payload, a kept content or a person's name, leaving the digest.  Of ended runs only (ERR_PRECONDITION);
 * the ledger, a run's start and its end stay (ERR_FORBIDDEN).  ERR_NOT_FOUND; ERR_HELD: erased, but a reader keeps an old
 * copy in the log alive.  Events of an erased person come back with uid -2 and the name "(erased)". */
enum err_code journal_erase_payload(struct journal *journal, int64_t chain, int64_t pos, struct err *err) MUST_CHECK;
enum err_code journal_erase_kept(struct journal *journal, struct sha256 digest, struct err *err) MUST_CHECK;
enum err_code journal_erase_person(struct journal *journal, const struct actor *actor, struct err *err) MUST_CHECK;
/* {"last_epoch": n} raises and records; used once by a starting server: returns the new epoch. */
enum err_code journal_new_epoch(struct journal *journal, int64_t *out, struct err *err) MUST_CHECK;
/* The last hash of a chain, for seals and reports. */
enum err_code journal_head(struct journal *journal, int64_t chain, int64_t *pos, struct sha256 *hash, struct err *err) MUST_CHECK;
/* Gives the preallocated reserve back to the file system, so that undo and seal can still be written. */
enum err_code journal_release_reserve(struct journal *journal, struct err *err) MUST_CHECK;
const char *journal_path(const struct journal *journal);

/* ------------------------------------------------------------------ the writer thread
 * One thread owns the write side.  The server's loop hands it batches and is told when they are on disk; it never
 * waits.  Batches commit in the order of submission; several waiting ones share a commit.
 *
 * JOURNAL_SOON lets a batch wait at most 2 ms for company (an outcome whose successor's intent is about to come);
 * JOURNAL_NOW takes everything queued with it at once. */
struct journal_writer;
enum journal_urgency { JOURNAL_SOON, JOURNAL_NOW };
struct journal_done {
	void *token;
	enum err_code code; /* ERR_NONE: on disk */
	struct err err;
	struct event *events; /* with chain, pos and stamps filled in; freed by journal_done_free */
	size_t count;
};
/* wake is called on the writer's thread after each commit (an uv_async_send, say). */
enum err_code journal_writer_new(struct journal_writer **out, struct journal *journal, void (*wake)(void *arg),
	void *arg, struct err *err) MUST_CHECK;
/* Takes ownership of the events (payload references are stolen, the array copied) and of `keep`: an array of
 * {"sha256": hex, "base64": …}; NULL = nothing to keep. */
void journal_submit(struct journal_writer *writer, const struct event *events, size_t count, json_t *keep,
	enum journal_urgency urgency, void *token);
/* The next finished batch, in order, or false. */
bool journal_collect(struct journal_writer *writer, struct journal_done *out);
void journal_done_free(struct journal_done *done);
/* Commits what is queued, ends the thread. */
void journal_writer_free(struct journal_writer *writer);
/* Counters for the benches: commits so far, events so far. */
void journal_writer_counts(const struct journal_writer *writer, int64_t *commits, int64_t *events);

#endif
