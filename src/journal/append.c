/* append.c: one write transaction.
 *
 * A batch is first folded and hashed, then written: a batch that cannot follow what is on disk
 * is refused before anything of it is there, so that its neighbours in a group commit do not
 * suffer.  What is known of a chain (head, fold) is ahead of the disk while a transaction is
 * open; whenever something fails it is forgotten and read again. */
#include "internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(EVENT_COUNT <= 32, "kinds_in_transaction has a bit per kind");

/* ------------------------------------------------------------------ failpoints */

#ifdef DRILLBOOK_FAILPOINTS
void failpoint(const char *point, unsigned kinds)
{
	static int64_t seen; /* commits of this process; only one point can be set */
	const char *spec = getenv("DRILLBOOK_FAILPOINT");
	enum event_kind kind;

	if (spec == NULL || !str_starts(spec, point) || spec[strlen(point)] != ':')
		return;
	const char *rest = spec + strlen(point) + 1, *colon = strchr(rest, ':');
	if (colon != NULL) {
		char name[64];
		snprintf(name, sizeof(name), "%.*s", (int)(colon - rest), rest);
		if (!event_kind_find(name, &kind) || (kinds & (1U << kind)) == 0)
			return;
		rest = colon + 1;
	}
	if (++seen == strtoll(rest, NULL, 10))
		kill(getpid(), SIGKILL);
}
#else
void failpoint(const char *point, unsigned kinds)
{
	(void)point;
	(void)kinds;
}
#endif

/* ------------------------------------------------------------------ chains */

void chains_clear(struct journal *journal)
{
	for (size_t i = 0; i < journal->chain_count; i++)
		folded_free(journal->chains[i].folded);
	free(journal->chains);
	journal->chains = NULL;
	journal->chain_count = journal->chain_cap = 0;
}

static void chain_drop(struct journal *journal, int64_t id)
{
	for (size_t i = 0; i < journal->chain_count; i++)
		if (journal->chains[i].id == id) {
			folded_free(journal->chains[i].folded);
			journal->chains[i] = journal->chains[--journal->chain_count];
			return;
		}
}

static enum err_code chain_tail(struct journal *journal, struct chain *chain, struct err *err)
{
	sqlite3_stmt *tail;
	enum err_code code = ERR_NONE;

	TRY(db_statement(journal, ST_TAIL, &tail, err));
	sqlite3_bind_int64(tail, 1, event_id(chain->id, 0));
	sqlite3_bind_int64(tail, 2, event_id(chain->id, 0xffffffff));
	const int step = sqlite3_step(tail);
	if (step == SQLITE_ROW) {
		chain->next_pos = (sqlite3_column_int64(tail, 0) & 0xffffffff) + 1;
		if (!db_sha(tail, 1, &chain->head))
			code = err_set(err, ERR_JOURNAL,
				"the last event of chain %lld in \"%s\" is damaged; run "
				"drillbook verify",
				(long long)chain->id, journal->path);
	} else if (step != SQLITE_DONE) {
		code = db_error(journal->db, err, "read");
	}
	sqlite3_reset(tail);
	return code;
}

/* *out moves when another chain is got. */
static enum err_code chain_get(
	struct journal *journal, int64_t id, struct chain **out, struct err *err)
{
	for (size_t i = 0; i < journal->chain_count; i++)
		if (journal->chains[i].id == id) {
			*out = &journal->chains[i];
			return ERR_NONE;
		}
	struct chain chain = { .id = id };
	TRY(chain_tail(journal, &chain, err));
	if (id != 0 && chain.next_pos > 0)
		TRY(folded_load(journal, id, &chain.folded, err));
	if (id != 0 && chain.folded == NULL)
		chain.folded = folded_new();
	if (journal->chain_count == journal->chain_cap) {
		journal->chain_cap = journal->chain_cap ? journal->chain_cap * 2 : 8;
		journal->chains = xrealloc(
			journal->chains, journal->chain_cap * sizeof(*journal->chains));
	}
	journal->chains[journal->chain_count] = chain;
	*out = &journal->chains[journal->chain_count++];
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the transaction */

static enum err_code step_statement(
	struct journal *journal, enum statement which, struct err *err)
{
	sqlite3_stmt *statement;

	TRY(db_statement(journal, which, &statement, err));
	return db_run(journal->db, statement, err);
}

/* J12: an older server that was stopped and continued finds a newer epoch and may not write
 * again. */
static enum err_code fence(struct journal *journal, struct err *err)
{
	sqlite3_stmt *statement;
	int64_t newest = -1;

	TRY(db_statement(journal, ST_EPOCH, &statement, err));
	if (sqlite3_step(statement) == SQLITE_ROW)
		newest = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if (newest < 0)
		return db_error(journal->db, err, "read");
	if (newest != journal->epoch)
		return err_set(err, ERR_HELD,
			"a newer server (epoch %lld) has taken over this journal; this one "
			"(epoch %lld) may not write "
			"to it any more",
			(long long)newest, (long long)journal->epoch);
	return ERR_NONE;
}

enum err_code append_begin(struct journal *journal, struct err *err)
{
	if (journal->mode != JOURNAL_WRITE)
		return err_set(err, ERR_FORBIDDEN, "the journal is open for reading only");
	TRY(step_statement(journal, ST_BEGIN, err));
	journal->in_transaction = true;
	journal->kinds_in_transaction = 0;
	const enum err_code code = fence(journal, err);
	if (code != ERR_NONE)
		append_rollback(journal);
	return code;
}

void append_rollback(struct journal *journal)
{
	struct err ignored = { 0 };

	/* after some errors SQLite has already rolled back */
	if (!sqlite3_get_autocommit(journal->db) &&
		step_statement(journal, ST_ROLLBACK, &ignored) != ERR_NONE)
		sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
	journal->in_transaction = false;
	chains_clear(journal);
	people_release(&journal->people);
}

enum err_code append_commit(struct journal *journal, struct err *err)
{
	failpoint("journal.before-commit", journal->kinds_in_transaction);
	TRY(step_statement(journal, ST_COMMIT, err));
	journal->in_transaction = false;
	journal->commits++;
	failpoint("journal.after-commit", journal->kinds_in_transaction);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ a batch */

struct ready { /* an event as it will be written */
	int64_t id;
	char header[HEADER_MAX_BYTES];
	int header_len;
	char *payload;
	size_t payload_len;
	struct sha256 payload_sha, hash;
};

/* A seal may leave out what only the journal knows in the moment of writing: the chain's length
 * and head (J8). */
static enum err_code fill_seal(
	struct journal *journal, const struct event *event, struct err *err)
{
	const int64_t run = json_int(event->payload, "run", 0);
	struct chain *chain;
	char head[SHA256_HEX];

	if (run < 1 || run > CHAIN_MAX)
		return err_set(err, ERR_PROTOCOL, "a seal must name its run");
	TRY(chain_get(journal, run, &chain, err));
	if (chain->next_pos == 0)
		return err_set(err, ERR_PROTOCOL, "run %lld cannot be sealed: it has no events",
			(long long)run);
	sha256_hex(chain->head, head);
	if (!str_eq(json_str(event->payload, "head", head), head) ||
		json_int(event->payload, "events", chain->next_pos) != chain->next_pos)
		return err_set(err, ERR_PROTOCOL,
			"the seal of run %lld does not name its last event", (long long)run);
	json_put_int(event->payload, "events", chain->next_pos);
	json_put_str(event->payload, "head", head);
	return ERR_NONE;
}

static enum err_code check_event(struct event *event, struct err *err)
{
	if (event->kind < 0 || event->kind >= EVENT_COUNT || event->chain < 0 ||
		event->chain > CHAIN_MAX)
		return err_set(err, ERR_PROTOCOL, "not an event: kind %d in chain %lld",
			(int)event->kind, (long long)event->chain);
	if (event_kinds[event->kind].ledger != (event->chain == 0))
		return err_set(err, ERR_PROTOCOL, "\"%s\" does not belong into chain %lld",
			event_kinds[event->kind].name, (long long)event->chain);
	if (event->payload == NULL)
		event->payload = json_object();
	if (!json_is_object(event->payload))
		return err_set(err, ERR_PROTOCOL, "the payload of \"%s\" is not an object",
			event_kinds[event->kind].name);
	if (event->actor.uid < 0) /* as it will be read back */
		event->actor = (struct actor){ .uid = PERSON_PROGRAM, .name = "drillbook" };
	return ERR_NONE;
}

static void make_hash(struct ready *ready, const struct chain *chain)
{
	static const unsigned char none[SHA256_BYTES]; /* before the first event (J4) */
	struct sha256_stream *stream = sha256_new();

	sha256_add(stream, chain->next_pos > 0 ? chain->head.b : none, SHA256_BYTES);
	sha256_add(stream, ready->header, (size_t)ready->header_len);
	sha256_add(stream, ready->payload_sha.b, SHA256_BYTES);
	ready->hash = sha256_end(stream);
}

/* Folds, names, hashes.  Nothing but a new person's name is written. */
static enum err_code make_ready(struct journal *journal, struct event *event,
	struct ready *ready, bool *broken, struct err *err)
{
	struct sha256 person;
	struct chain *chain;
	const bool program = event->actor.uid < 0;

	if (event->wall.ns == 0)
		event_stamp(event, journal->epoch);
	if (event->kind == EVENT_RUN_SEALED)
		TRY(fill_seal(journal, event, err));
	TRY(chain_get(journal, event->chain, &chain, err));
	event->pos = chain->next_pos;
	if (chain->folded != NULL)
		TRY(folded_apply(chain->folded, event, err));
	if (!program && person_for(journal, &event->actor, &person, err) != ERR_NONE) {
		*broken = true;
		return err->code;
	}
	ready->id = event_id(event->chain, event->pos);
	ready->header_len = header_write(
		ready->header, sizeof(ready->header), event, program ? NULL : &person);
	if (ready->header_len < 0)
		return err_set(
			err, ERR_PROTOCOL, "an event's boot id \"%.40s\" is none", event->boot);
	ready->payload = json_line(event->payload);
	ready->payload_len = strlen(ready->payload);
	if (ready->payload_len > PAYLOAD_MAX_BYTES)
		return err_set(err, ERR_LIMIT,
			"the payload of \"%s\" has %zu bytes; %d are allowed",
			event_kinds[event->kind].name, ready->payload_len, PAYLOAD_MAX_BYTES);
	ready->payload_sha = sha256_of(ready->payload, ready->payload_len);
	make_hash(ready, chain);
	chain->head = ready->hash;
	chain->next_pos++;
	return ERR_NONE;
}

static enum err_code insert(struct journal *journal, const struct ready *ready, struct err *err)
{
	sqlite3_stmt *row;

	TRY(db_statement(journal, ST_INSERT, &row, err));
	sqlite3_bind_int64(row, 1, ready->id);
	db_bind_bytes(row, 2, ready->header, (size_t)ready->header_len);
	db_bind_bytes(row, 3, ready->payload, ready->payload_len);
	db_bind_bytes(row, 4, ready->payload_sha.b, SHA256_BYTES);
	db_bind_bytes(row, 5, ready->hash.b, SHA256_BYTES);
	return db_run(journal->db, row, err);
}

/* An ended run's state is not kept: whatever still comes (a late note) reads it again. */
static enum err_code project_chain(struct journal *journal, int64_t id, struct err *err)
{
	struct chain *chain;

	if (id == 0)
		return ERR_NONE;
	TRY(chain_get(journal, id, &chain, err));
	TRY(project_run(journal, chain->folded, err));
	if (chain->folded->run->status != RUN_OPEN)
		chain_drop(journal, id);
	return ERR_NONE;
}

static enum err_code write_batch(struct journal *journal, const struct event *events,
	const struct ready *ready, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		TRY(insert(journal, &ready[i], err));
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || events[i].chain != events[i + 1].chain)
			TRY(project_chain(journal, events[i].chain, err));
	return ERR_NONE;
}

enum err_code append_batch(struct journal *journal, struct event *events, size_t count,
	bool *broken, struct err *err)
{
	struct ready *ready = xmalloc((count + 1) * sizeof(*ready));
	enum err_code code = ERR_NONE;

	*broken = false;
	for (size_t i = 0; i < count && code == ERR_NONE; i++) {
		code = check_event(&events[i], err);
		if (code == ERR_NONE)
			code = make_ready(journal, &events[i], &ready[i], broken, err);
	}
	if (code != ERR_NONE) { /* refused: these chains are ahead of the disk now */
		for (size_t i = 0; i < count; i++)
			chain_drop(journal, events[i].chain);
	} else {
		code = write_batch(journal, events, ready, count, err);
		*broken = code != ERR_NONE;
	}
	if (code == ERR_NONE)
		for (size_t i = 0; i < count; i++) {
			journal->kinds_in_transaction |= 1U << events[i].kind;
			journal->appended++;
		}
	for (size_t i = 0; i < count; i++)
		free(ready[i].payload);
	free(ready);
	return code;
}

enum err_code append_content(struct journal *journal, const void *bytes, size_t len,
	struct sha256 *out, struct err *err)
{
	sqlite3_stmt *row;

	if (len > CONTENT_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%zu bytes to keep; %d are allowed", len,
			CONTENT_MAX_BYTES);
	*out = sha256_of(bytes, len);
	TRY(db_statement(journal, ST_KEEP, &row, err));
	db_bind_bytes(row, 1, out->b, SHA256_BYTES);
	db_bind_bytes(row, 2, bytes, len);
	return db_run(journal->db, row, err);
}

/* ------------------------------------------------------------------ from outside the writer
 * thread */

enum err_code journal_append(
	struct journal *journal, struct event *events, size_t count, struct err *err)
{
	enum err_code code;
	bool broken;

	pthread_mutex_lock(&journal->write_lock);
	code = append_begin(journal, err);
	if (code == ERR_NONE) {
		code = append_batch(journal, events, count, &broken, err);
		if (code == ERR_NONE)
			code = append_commit(journal, err);
		if (code != ERR_NONE)
			append_rollback(journal);
	}
	if (code == ERR_NONE && journal->wal_frames > journal_tuning.checkpoint_frames)
		wal_checkpoint(journal);
	pthread_mutex_unlock(&journal->write_lock);
	return code;
}

enum err_code journal_keep(struct journal *journal, const void *bytes, size_t len,
	struct sha256 *out, struct err *err)
{
	enum err_code code;

	pthread_mutex_lock(&journal->write_lock);
	const bool outer = journal->in_transaction;
	code = outer ? ERR_NONE : append_begin(journal, err);
	if (code == ERR_NONE) {
		code = append_content(journal, bytes, len, out, err);
		if (code == ERR_NONE && !outer)
			code = append_commit(journal, err);
		if (code != ERR_NONE && !outer)
			append_rollback(journal);
	}
	pthread_mutex_unlock(&journal->write_lock);
	return code;
}
