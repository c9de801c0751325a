/* events.c: the chains and their seals (J1 to J5, J7 to J11). */
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ledger_kinds[] = { "server.started", "server.stopped", "run.sealed",
	"drills.stopped", "drills.allowed" };
static const char *const run_kinds[] = { "run.started", "run.resumed", "run.paused",
	"run.continued", "run.aborting", "run.ended", "lead.taken", "clock.set", "step.started",
	"step.phase", "step.asked", "step.answered", "step.finished", "op.read", "op.intent",
	"op.allowed", "op.refused", "op.result", "op.unknown", "op.settled", "service.marked",
	"recovery.measured", "note.added", "deviation.recorded", "step.approved", "debris.kept",
	"run.adopted" };

static bool one_of(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}
#define ONE_OF(word, list) one_of((word), (list), sizeof(list) / sizeof((list)[0]))

/* ------------------------------------------------------------------ one event */

struct row {
	int64_t id, chain, pos;
	const char *header, *payload;
	size_t header_len, payload_len;
	const unsigned char *payload_sha, *hash;
	bool erased;
	char copy[HEADER_MAX + 1]; /* of the header, cut into fields */
	char *field[FIELDS];
};

bool canonical(const char *s, int64_t *out)
{
	char back[24];
	char *end;

	errno = 0;
	*out = strtoll(s, &end, 10);
	snprintf(back, sizeof(back), "%lld", (long long)*out);
	return errno == 0 && *end == '\0' && strcmp(back, s) == 0;
}

/* J2.  NULL when good, else what is wrong. */
static const char *header_fault(struct row *row)
{
	int64_t chain, pos, ignored;
	char *rest = row->copy;
	int count = 0;

	if (row->header == NULL || row->header_len > HEADER_MAX ||
		memchr(row->header, '\0', row->header_len) != NULL)
		return "its header is not a line of at most 511 bytes";
	memcpy(row->copy, row->header, row->header_len);
	row->copy[row->header_len] = '\0';
	while (rest != NULL && count < FIELDS)
		row->field[count++] = strsep(&rest, " ");
	if (count != FIELDS || rest != NULL || strcmp(row->field[0], "1") != 0)
		return "its header is not of nine fields";
	if (!canonical(row->field[1], &chain) || !canonical(row->field[2], &pos) ||
		!canonical(row->field[4], &ignored) || !canonical(row->field[5], &ignored) ||
		!canonical(row->field[7], &ignored))
		return "its header holds a number that is none";
	if (chain != row->chain || pos != row->pos)
		return "it stands at another place than its header says";
	const size_t boot = strlen(row->field[6]);
	if (boot == 0 || boot > 36 || strspn(row->field[6], "0123456789abcdefABCDEF-") != boot)
		return "its boot id is none";
	if (strcmp(row->field[8], "-") != 0 &&
		(strlen(row->field[8]) != HEX ||
			strspn(row->field[8], "0123456789abcdef") != HEX))
		return "the digest of its person is none";
	return NULL;
}

/* J9 */
static const char *kind_fault(const struct row *row)
{
	const char *kind = row->field[3];

	if (row->chain == 0)
		return ONE_OF(kind, ledger_kinds) ? NULL
						  : "its kind does not belong into the ledger";
	if (!ONE_OF(kind, run_kinds))
		return "its kind does not belong into a run";
	if ((row->pos == 0) != (strcmp(kind, "run.started") == 0))
		return row->pos == 0 ? "the run does not begin with its start"
				     : "a run cannot start twice";
	return NULL;
}

/* J3, J4.  previous becomes this event's hash as it is stored, so that one fault is named once.
 */
static const char *hash_fault(const struct row *row, unsigned char previous[DIGEST])
{
	unsigned char digest[DIGEST];
	struct sha sha;

	if (row->payload_sha == NULL || row->hash == NULL)
		return "a digest of it is not 32 bytes long";
	sha_begin(&sha);
	sha_add(&sha, previous, DIGEST);
	sha_add(&sha, row->header, row->header_len);
	sha_add(&sha, row->payload_sha, DIGEST);
	sha_end(&sha, digest);
	memcpy(previous, row->hash, DIGEST);
	if (memcmp(digest, row->hash, DIGEST) != 0)
		return "its hash does not follow from the event before it and its own header "
		       "and payload";
	if (row->erased)
		return NULL;
	sha_of(row->payload, row->payload_len, digest);
	return memcmp(digest, row->payload_sha, DIGEST) != 0
		       ? "its payload is not the one that was written"
		       : NULL;
}

/* Is there a row under this digest? */
static bool row_exists(struct check *check, const char *sql, const char *hex)
{
	unsigned char digest[DIGEST];
	sqlite3_stmt *statement;

	for (int i = 0; i < DIGEST; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &digest[i]) != 1)
			return false;
	if (sqlite3_prepare_v2(check->db, sql, -1, &statement, NULL) != SQLITE_OK)
		quit(EXIT_CANNOT_READ, "cannot read", sqlite3_errmsg(check->db));
	sqlite3_bind_blob(statement, 1, digest, DIGEST, SQLITE_STATIC);
	const bool there = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	return there;
}

void learn_seal(struct check *check, int64_t pos, struct span payload)
{
	struct seal seal = { .pos = pos };

	if (!is_integer(member(payload, "run"), &seal.run) ||
		!is_integer(member(payload, "events"), &seal.events) ||
		!is_digest(member(payload, "head"), seal.head) || seal.events < 1 ||
		seal.run < (pos < 0 ? 0 : 1)) {
		if (pos < 0)
			quit(EXIT_USAGE,
				"a line of the seal file is not {\"run\", \"events\", "
				"\"head\"}",
				NULL);
		problem(check, 0, pos, "a seal that does not say what it seals");
		return;
	}
	check->seals =
		need(realloc(check->seals, (check->seal_count + 1) * sizeof(*check->seals)));
	check->seals[check->seal_count++] = seal;
}

static void learn_output(struct check *check, const struct row *row, struct span payload)
{
	struct span output = member(payload, "output");
	struct output one = { .run = row->chain, .pos = row->pos };

	if (check->outputs_dir == NULL || output.at == NULL || *output.at != '{')
		return;
	if (!is_string(member(output, "file"), one.file, sizeof(one.file)) ||
		one.file[0] == '\0')
		return; /* the attempt printed nothing */
	if (!is_integer(member(output, "bytes"), &one.bytes) ||
		!is_digest(member(output, "sha256"), one.sha) || one.file[0] == '/' ||
		strstr(one.file, "..") != NULL) {
		problem(check, row->chain, row->pos,
			"it names an output file without saying what is in it");
		return;
	}
	check->outputs = need(
		realloc(check->outputs, (check->output_count + 1) * sizeof(*check->outputs)));
	check->outputs[check->output_count++] = one;
}

static void learn(struct check *check, struct chain *chain, const struct row *row)
{
	const struct span payload = { row->payload, row->payload + row->payload_len };
	const char *kind = row->field[3];
	char plan[HEX + 1];

	if (strcmp(kind, "run.ended") == 0)
		chain->ended = true;
	if (row->erased) {
		if (row->chain == 0 || row->pos == 0 || strcmp(kind, "run.ended") == 0)
			problem(check, row->chain, row->pos,
				"its payload is gone, but this kind cannot be erased");
		return;
	}
	if (strcmp(kind, "run.sealed") == 0)
		learn_seal(check, row->pos, payload);
	if (strcmp(kind, "step.finished") == 0)
		learn_output(check, row, payload);
	if (strcmp(kind, "run.started") == 0 &&
		is_digest(member(payload, "plan"), plan) && /* J10 */
		!row_exists(check, "SELECT 1 FROM content WHERE sha = ?1", plan))
		problem(check, row->chain, row->pos,
			"the plan it ran is not in the journal any more");
}

const unsigned char *digest_column(sqlite3_stmt *statement, int column)
{
	const void *p = sqlite3_column_blob(statement, column);

	return sqlite3_column_bytes(statement, column) == DIGEST ? p : NULL;
}

static void read_row(sqlite3_stmt *statement, struct row *row)
{
	*row = (struct row){ .id = sqlite3_column_int64(statement, 0) };
	row->chain = row->id >> 32;
	row->pos = row->id & 0xffffffff;
	row->header = sqlite3_column_blob(statement, 1);
	row->header_len = (size_t)sqlite3_column_bytes(statement, 1);
	row->erased = sqlite3_column_type(statement, 2) == SQLITE_NULL;
	row->payload = sqlite3_column_blob(statement, 2);
	row->payload_len = (size_t)sqlite3_column_bytes(statement, 2);
	if (row->payload == NULL)
		row->payload = "";
	row->payload_sha = digest_column(statement, 3);
	row->hash = digest_column(statement, 4);
}

/* ------------------------------------------------------------------ the chains */

struct chain *chain_at(struct check *check, int64_t id)
{
	for (size_t i = check->chain_count; i-- > 0;)
		if (check->chains[i].id == id)
			return &check->chains[i];
	return NULL;
}

static struct chain *chain_begin(struct check *check, int64_t id)
{
	check->chains =
		need(realloc(check->chains, (check->chain_count + 1) * sizeof(*check->chains)));
	check->chains[check->chain_count] = (struct chain){ .id = id };
	return &check->chains[check->chain_count++];
}

static void chain_fault(struct check *check, struct chain *chain, int64_t pos, const char *what)
{
	if (what == NULL)
		return;
	chain->broken = true;
	problem(check, chain->id, pos, what);
}

static int by_place(const void *a, const void *b)
{
	const struct seal *x = a, *y = b;

	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	return (x->events > y->events) - (x->events < y->events);
}

/* The first seal, in order, that names this place or a later one. */
static size_t seal_from(const struct check *check, int64_t run, int64_t events)
{
	const struct seal wanted = { .run = run, .events = events };
	size_t low = 0, high = check->seal_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (by_place(&check->seals[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void meet_seal(struct chain *chain, int64_t pos, struct seal *seal)
{
	char hex[HEX + 1];

	to_hex(chain->head, hex);
	seal->met = true;
	seal->bad = strcmp(hex, seal->head) != 0;
	if (!seal->bad)
		chain->sealed = pos + 1;
}

/* Compares with every seal that names this place of this chain.  Only seals from outside name a
 * place of the ledger; they are the first of the list as long as the ledger is read. */
static void meet_seals(struct check *check, struct chain *chain, int64_t pos)
{
	const size_t count = chain->id == 0 ? check->seals_outside : check->seal_count;

	for (size_t i = chain->id == 0 ? 0 : seal_from(check, chain->id, pos + 1); i < count;
		i++) {
		struct seal *seal = &check->seals[i];
		if (seal->run == chain->id && seal->events == pos + 1)
			meet_seal(chain, pos, seal);
		else if (chain->id != 0)
			return; /* in order: no further one can match */
	}
}

static void check_person(struct check *check, const struct row *row)
{
	static char last[HEX + 1]; /* most events in a row are by the same person */

	if (strcmp(row->field[8], "-") == 0 || strcmp(row->field[8], last) == 0)
		return;
	if (!row_exists(check, "SELECT 1 FROM person WHERE digest = ?1", row->field[8]))
		problem(check, row->chain, row->pos,
			"the person who acted has no row any more"); /* J7 */
	else
		memcpy(last, row->field[8], sizeof(last));
}

static void check_row(struct check *check, struct chain *chain, struct row *row)
{
	if (row->pos != chain->events) { /* J1 */
		char *what = NULL;
		if (asprintf(&what, "%lld event(s) before it are missing",
			    (long long)(row->pos - chain->events)) < 0)
			quit(EXIT_CANNOT_READ, "out of memory", NULL);
		chain->broken = true;
		found(&check->problems, chain->id, row->pos, what);
	}
	const char *fault = header_fault(row);
	chain_fault(check, chain, row->pos, fault);
	chain_fault(check, chain, row->pos, hash_fault(row, chain->head));
	if (fault == NULL) {
		chain_fault(check, chain, row->pos, kind_fault(row));
		check_person(check, row);
		learn(check, chain, row);
	}
	chain->erased += row->erased;
	chain->events = row->pos + 1;
	check->events++;
	meet_seals(check, chain, row->pos);
}

/* The ledger has the smallest keys, so its seals are known before the runs come. */
void check_events(struct check *check)
{
	sqlite3_stmt *rows;
	struct chain *chain = NULL;
	struct row row;
	int step;
	int64_t expected = 1;

	if (sqlite3_prepare_v2(check->db,
		    "SELECT id, header, payload, payload_sha, hash FROM event ORDER BY id", -1,
		    &rows, NULL) != SQLITE_OK)
		quit(EXIT_CANNOT_READ, "cannot read the events", sqlite3_errmsg(check->db));
	while ((step = sqlite3_step(rows)) == SQLITE_ROW) {
		read_row(rows, &row);
		if (row.id < 0) {
			problem(check, -1, -1, "an event with a negative number");
			continue;
		}
		if (chain == NULL || chain->id != row.chain) {
			if (row.chain > 0 && (chain == NULL || chain->id == 0) &&
				check->seal_count > 0)
				qsort(check->seals, check->seal_count, sizeof(*check->seals),
					by_place);
			chain = chain_begin(check, row.chain);
			for (; row.chain > 0 && expected < row.chain &&
				check->notes.count < 100;
				expected++)
				found(&check->notes, expected, -1,
					need(strdup("this number has no events: never "
						    "written, or taken out before it was "
						    "sealed"))); /* J11 */
			if (row.chain > 0)
				expected = row.chain + 1;
		}
		if (is_wanted(check, row.chain))
			check_row(check, chain, &row);
	}
	if (step != SQLITE_DONE)
		problem(check, chain != NULL ? chain->id : -1, -1, sqlite3_errmsg(check->db));
	sqlite3_finalize(rows);
}

void check_seals(struct check *check)
{
	for (size_t i = 0; i < check->seal_count; i++) {
		const struct seal *seal = &check->seals[i];
		const char *source = seal->pos < 0 ? "the seal from outside" : "its seal";
		if (seal->pos >= 0 && !is_wanted(check, seal->run))
			continue;
		if (!seal->met) {
			const struct chain *chain = chain_at(check, seal->run);
			found(&check->problems, seal->run, seal->events - 1,
				text_of(chain == NULL
						? "all its events are gone: %s names them%s"
						: "its end was cut off: %s names this event%s",
					source, ""));
		} else if (seal->bad) {
			found(&check->problems, seal->run, seal->events - 1,
				text_of("it is not the event that %s names%s", source, ""));
		}
	}
}
