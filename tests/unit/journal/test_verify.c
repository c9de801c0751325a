/* test_verify.c: the verify program against journals that were tampered with (T10).
 *
 * A journal with two sealed runs and an open one is written once; each mutation works on a copy of its file, with the
 * triggers taken away, as somebody would who owns it. */
#include "sample.h"

#include <sys/wait.h>

static struct place original;
static struct place outputs;
static char *seal_of_ledger, *seal_of_run;

static char *seal_out(const char *dir, const char *run)
{
	char *said;

	assert_int_equal(verify(&said, run ? (const char *const[]){"--seal-out", "--run", run, dir, NULL}
					   : (const char *const[]){"--seal-out", dir, NULL}), 0);
	return said;
}

static void write_file(const struct place *place, const char *name, const char *text)
{
	struct err err = {0};
	char *path = place_file(place, name);

	unlink(path);
	assert_ok(file_replace(path, text, strlen(text), 0600, &err), err);
	free(path);
}

static int write_original(void **state)
{
	struct journal *journal;
	struct err err = {0};
	struct sha256 sha;
	char bytes[140];

	(void)state;
	fast_place(&original);
	fast_place(&outputs);
	journal = open_ok(original.dir, JOURNAL_WRITE);
	append_ok(journal, event_of(0, EVENT_SERVER_STARTED, json_pack("{s:i}", "epoch", 1)));
	write_run(journal, 1, "failover", "drill", false);
	write_run(journal, 2, "restore", "drill", false);
	write_run(journal, 3, "failover", "live", true);
	/* every length around a block of SHA-256 and its padding */
	memset(bytes, 'x', sizeof(bytes));
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_ok(journal_keep(journal, bytes, len, &sha, &err), err);
	journal_close(journal);
	seal_of_ledger = seal_out(original.dir, NULL);
	seal_of_run = seal_out(original.dir, "1");
	write_file(&outputs, "r-step1-1.out", "");
	return 0;
}

static int remove_original(void **state)
{
	(void)state;
	place_remove(&original);
	place_remove(&outputs);
	free(seal_of_ledger);
	free(seal_of_run);
	return 0;
}

/* ------------------------------------------------------------------ copies */

static void copy(struct place *place)
{
	char *from = place_file(&original, "journal.db"), *to;
	struct err err = {0};
	struct buf bytes;

	fast_place(place);
	to = place_file(place, "journal.db");
	assert_ok(file_read(from, 1 << 26, &bytes, &err), err);
	assert_ok(file_replace(to, bytes.data, bytes.len, 0600, &err), err);
	buf_release(&bytes);
	free(from);
	free(to);
}

static const char no_triggers[] =
	"DROP TRIGGER IF EXISTS event_stays; DROP TRIGGER IF EXISTS event_as_written;"
	"DROP TRIGGER IF EXISTS content_stays; DROP TRIGGER IF EXISTS content_as_written;"
	"DROP TRIGGER IF EXISTS person_stays; DROP TRIGGER IF EXISTS person_as_written;";

static sqlite3 *tamper_open(const struct place *place)
{
	char *path = place_file(place, "journal.db");
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, no_triggers, NULL, NULL, NULL), SQLITE_OK);
	free(path);
	return db;
}

static void tamper(const struct place *place, const char *sql)
{
	sqlite3 *db = tamper_open(place);
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	if (sqlite3_changes(db) == 0)
		fail_msg("%s: changed nothing", sql);
	sqlite3_close(db);
}

/* The program must say `status` and the words. */
static void says(const char *const *args, int status, const char *words, const char *what)
{
	char *said;
	const int got = verify(&said, args);

	if (got != status || (words != NULL && strstr(said, words) == NULL))
		fail_msg("%s: expected %d and \"%s\", got %d:\n%s", what, status, words ? words : "", got, said);
	free(said);
}

static void after(const char *sql, int status, const char *words)
{
	struct place place;

	copy(&place);
	tamper(&place, sql);
	says((const char *const[]){place.dir, NULL}, status, words, sql);
	place_remove(&place);
}

/* ------------------------------------------------------------------ mutations */

static void untouched(void **state)
{
	struct place place;
	char *shm;

	(void)state;
	says((const char *const[]){original.dir, NULL}, 0, "VERIFIES", "original");
	says((const char *const[]){original.dir, NULL}, 0, "run 3: ", "original");
	says((const char *const[]){original.dir, NULL}, 0, "open, not sealed", "original");
	says((const char *const[]){original.dir, NULL}, 0, "Who owns the file could", "original");
	copy(&place); /* the file alone, as evidence is kept: nothing may appear beside it */
	says((const char *const[]){place.dir, NULL}, 0, "VERIFIES", "copy");
	shm = place_file(&place, "journal.db-shm");
	assert_false(path_exists(shm));
	free(shm);
	place_remove(&place);
}

/* Flips one bit in a column of one row. */
static bool flip(const struct place *place, const char *table, const char *column, int64_t rowid, int64_t at)
{
	sqlite3 *db = tamper_open(place);
	char *sql = xasprintf("SELECT %s, typeof(%s) FROM %s WHERE rowid = %lld", column, column, table, (long long)rowid);
	sqlite3_stmt *row;
	bool done = false;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	const bool integer = strcmp((const char *)sqlite3_column_text(row, 1), "integer") == 0;
	const int64_t number = integer ? sqlite3_column_int64(row, 0) ^ 1 : 0;
	const int len = sqlite3_column_bytes(row, 0);
	unsigned char *bytes = xmalloc((size_t)len + 1);
	if (len > 0)
		memcpy(bytes, sqlite3_column_blob(row, 0), (size_t)len);
	const bool text = strcmp((const char *)sqlite3_column_text(row, 1), "text") == 0;
	sqlite3_finalize(row);
	if (at < 0)
		at += len;
	free(sql);
	sql = xasprintf("UPDATE %s SET %s = ?1 WHERE rowid = %lld", table, column, (long long)rowid);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	if (integer) {
		sqlite3_bind_int64(row, 1, number);
		done = true;
	} else if (at >= 0 && at < len) {
		bytes[at] ^= 1;
		if (text)
			sqlite3_bind_text(row, 1, (const char *)bytes, len, SQLITE_STATIC);
		else
			sqlite3_bind_blob(row, 1, bytes, len, SQLITE_STATIC);
		done = true;
	}
	if (done)
		assert_int_equal(sqlite3_step(row), SQLITE_DONE);
	sqlite3_finalize(row);
	sqlite3_close(db);
	free(sql);
	free(bytes);
	return done;
}

static int64_t rows_of(const char *table, int64_t *rowids, int64_t max, const char *where)
{
	char *path = place_file(&original, "journal.db"), *sql = xasprintf("SELECT rowid FROM %s %s", table, where);
	sqlite3 *db;
	sqlite3_stmt *rows;
	int64_t count = 0;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
	while (sqlite3_step(rows) == SQLITE_ROW && count < max)
		rowids[count++] = sqlite3_column_int64(rows, 0);
	sqlite3_finalize(rows);
	sqlite3_close(db);
	free(path);
	free(sql);
	return count;
}

static void flips_are_detected(void **state)
{
	static const struct {
		const char *table, *column, *where;
	} columns[] = {
		{"event", "header", ""}, {"event", "payload", ""}, {"event", "payload_sha", ""}, {"event", "hash", ""},
		{"content", "sha", "WHERE length(bytes) > 60 LIMIT 2"}, {"content", "bytes", "WHERE length(bytes) > 60 LIMIT 2"},
		{"person", "digest", ""}, {"person", "salt", ""}, {"person", "uid", ""}, {"person", "name", ""},
	};
	static const int64_t places[] = {0, 1, 17, 31, -1};
	int64_t rowids[256], mutations = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(columns); i++) {
		const int64_t count = rows_of(columns[i].table, rowids, 256, columns[i].where);
		assert_true(count > 0);
		for (int64_t k = 0; k < count; k += columns[i].where[0] || i > 5 ? 1 : 11) /* first, some, the ledger too */
			for (size_t p = 0; p < COUNT_OF(places); p++) {
				struct place place;
				char *what = xasprintf("%s.%s of %lld, byte %lld", columns[i].table, columns[i].column,
					(long long)rowids[k], (long long)places[p]);
				copy(&place);
				if (flip(&place, columns[i].table, columns[i].column, rowids[k], places[p])) {
					says((const char *const[]){place.dir, NULL}, 9, "DOES NOT VERIFY", what);
					mutations++;
				}
				place_remove(&place);
				free(what);
			}
	}
	print_message("%lld flips, all detected\n", (long long)mutations);
	assert_true(mutations > 120);
}

static void every_deleted_row_is_detected(void **state)
{
	int64_t rowids[256];
	/* the ends of the open run and of the ledger cannot be missed from inside: see the seals below */
	const int64_t count = rows_of("event", rowids, 256,
		"WHERE id NOT IN (SELECT max(id) FROM event GROUP BY id >> 32 HAVING id >> 32 IN (0, 3))");

	(void)state;
	assert_true(count > 50);
	for (int64_t i = 0; i < count; i++) {
		char *sql = xasprintf("DELETE FROM event WHERE id = %lld", (long long)rowids[i]);
		after(sql, 9, "DOES NOT VERIFY");
		free(sql);
	}
	after("DELETE FROM person", 9, "no row any more");
	after("DELETE FROM content WHERE CAST(bytes AS TEXT) LIKE '%plan/1%'", 9, "not in the journal any more");
}

static void rows_are_at_their_place(void **state)
{
	(void)state;
	after("UPDATE event SET id = id + 1000 WHERE id = (1 << 32) + 4", 9, "another place");
	after("UPDATE event SET id = (9 << 32) + (id & 0xffffffff) WHERE id >> 32 = 2", 9, "another place");
	/* exchanged with its neighbour, with another run's row */
	after("UPDATE event SET id = -1 WHERE id = (1 << 32) + 4; UPDATE event SET id = (1 << 32) + 4 WHERE id = (1 << 32) + 5;"
	      "UPDATE event SET id = (1 << 32) + 5 WHERE id = -1", 9, "another place");
	after("UPDATE event SET id = -1 WHERE id = (1 << 32) + 4; UPDATE event SET id = (1 << 32) + 4 WHERE id = (2 << 32) + 4;"
	      "UPDATE event SET id = (2 << 32) + 4 WHERE id = -1", 9, "another place");
	/* put in: a copy at the end, in the middle, before the beginning */
	after("INSERT INTO event SELECT id + 1, header, payload, payload_sha, hash FROM event WHERE id = (SELECT max(id) FROM event)",
		9, "another place");
	after("INSERT INTO event SELECT -5, header, payload, payload_sha, hash FROM event WHERE id = 0", 9, "negative");
	after("INSERT INTO event SELECT (7 << 32), header, payload, payload_sha, hash FROM event WHERE id = (1 << 32)", 9,
		"another place");
	after("UPDATE event SET header = replace(CAST(header AS TEXT), 'note.added', 'run.sealed') WHERE CAST(header AS TEXT) LIKE '%note.added%'",
		9, "does not belong into a run");
	after("UPDATE event SET header = CAST(header AS TEXT) || ' ' WHERE id = 1", 9, "nine fields");
	after("UPDATE event SET header = replace(CAST(header AS TEXT), '1 0 1 ', '1 0 01 ') WHERE id = 1", 9, "number that is none");
	after("UPDATE event SET payload_sha = x'00' WHERE id = 1", 9, "32 bytes");
	after("UPDATE event SET payload = NULL WHERE id = (1 << 32)", 9, "cannot be erased");
	after("UPDATE event SET payload = NULL WHERE id = 1", 9, "cannot be erased");
	after("UPDATE person SET salt = NULL", 9, "was changed");
}

static void ends_are_missed_through_their_seal(void **state)
{
	struct place place;

	(void)state;
	after("DELETE FROM event WHERE id = (SELECT max(id) FROM event WHERE id >> 32 = 1)", 9, "cut off");
	after("DELETE FROM event WHERE id >> 32 = 2 AND id & 0xffffffff > 3", 9, "cut off");
	after("DELETE FROM event WHERE id >> 32 = 2", 9, "gone");
	/* what no seal in the file covers: the seal that left the machine does */
	write_file(&outputs, "seal", seal_of_ledger);
	char *seal = place_file(&outputs, "seal");
	copy(&place);
	tamper(&place, "DELETE FROM event WHERE id >> 32 = 2 OR id = 2"); /* run 2 and its seal */
	says((const char *const[]){place.dir, NULL}, 0, "note run 2", "a run and its seal gone");
	says((const char *const[]){"--seal", seal, place.dir, NULL}, 9, "cut off", "a run and its seal gone");
	says((const char *const[]){"--seal", seal, original.dir, NULL}, 0, "from outside", "original");
	free(seal);
	place_remove(&place);
}

/* ------------------------------------------------------------------ the one who owns the file */

/* Computes every digest and hash of a chain anew, as the owner of the file could. */
static void rechain(sqlite3 *db, int64_t chain)
{
	sqlite3_stmt *rows, *update;
	struct sha256 head = {0};
	bool first = true;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT id, header, payload FROM event WHERE id >> 32 = ?1 ORDER BY id", -1,
				 &rows, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "UPDATE event SET payload_sha = ?2, hash = ?3 WHERE id = ?1", -1, &update, NULL),
		SQLITE_OK);
	sqlite3_bind_int64(rows, 1, chain);
	while (sqlite3_step(rows) == SQLITE_ROW) {
		const struct sha256 payload =
			sha256_of(sqlite3_column_blob(rows, 2), (size_t)sqlite3_column_bytes(rows, 2));
		struct sha256_stream *stream = sha256_new();
		static const unsigned char none[32];
		sha256_add(stream, first ? none : head.b, 32);
		sha256_add(stream, sqlite3_column_blob(rows, 1), (size_t)sqlite3_column_bytes(rows, 1));
		sha256_add(stream, payload.b, 32);
		head = sha256_end(stream);
		first = false;
		sqlite3_bind_int64(update, 1, sqlite3_column_int64(rows, 0));
		sqlite3_bind_blob(update, 2, payload.b, 32, SQLITE_STATIC);
		sqlite3_bind_blob(update, 3, head.b, 32, SQLITE_STATIC);
		assert_int_equal(sqlite3_step(update), SQLITE_DONE);
		sqlite3_reset(update);
	}
	sqlite3_finalize(rows);
	sqlite3_finalize(update);
}

static void a_history_written_anew(void **state)
{
	struct place place;
	sqlite3 *db;

	(void)state;
	copy(&place);
	write_file(&outputs, "seal", seal_of_ledger);
	write_file(&outputs, "seal-run", seal_of_run);
	char *seal = place_file(&outputs, "seal"), *seal_run = place_file(&outputs, "seal-run");
	db = tamper_open(&place);
	assert_int_equal(sqlite3_exec(db, "UPDATE event SET payload = CAST('{\"text\":\"the vendor was fast\"}' AS BLOB)"
		" WHERE id >> 32 = 1 AND CAST(payload AS TEXT) LIKE '%vendor%'", NULL, NULL, NULL), SQLITE_OK);
	rechain(db, 1);
	sqlite3_close(db);
	says((const char *const[]){place.dir, NULL}, 9, "not the event that its seal names", "rechained");
	/* and the ledger with it */
	db = tamper_open(&place);
	assert_int_equal(sqlite3_exec(db, "UPDATE event SET payload = CAST(replace(CAST(payload AS TEXT),"
		" json_extract(CAST(payload AS TEXT), '$.head'),"
		" (SELECT lower(hex(hash)) FROM event WHERE id >> 32 = 1 ORDER BY id DESC LIMIT 1)) AS BLOB) WHERE id = 1",
		NULL, NULL, NULL), SQLITE_OK);
	rechain(db, 0);
	sqlite3_close(db);
	/* from inside it cannot be told, and the program says so; the copies of the seals tell */
	says((const char *const[]){place.dir, NULL}, 0, "Who owns the file could have written all of it anew", "all anew");
	says((const char *const[]){"--seal", seal, place.dir, NULL}, 9, "the seal from outside", "all anew");
	says((const char *const[]){"--seal", seal_run, place.dir, NULL}, 9, "the seal from outside", "all anew");
	says((const char *const[]){"--seal", seal_run, original.dir, NULL}, 0, "1 seal(s) from outside", "original");
	free(seal);
	free(seal_run);
	place_remove(&place);
}

/* ------------------------------------------------------------------ raw damage */

static char *record_of(const char *dir)
{
	char *path = path_join(dir, "journal.db"), *uri = xasprintf("file:%s?immutable=1", path);
	struct buf out;
	sqlite3 *db;
	int code;

	buf_init(&out, 1 << 26);
	assert_int_equal(sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL), SQLITE_OK);
	code = sqlite3_exec(db, "SELECT id, hex(header) h, hex(payload) p, hex(payload_sha) s, hex(hash) x FROM event ORDER BY id;"
		"SELECT hex(sha) s, hex(bytes) b FROM content ORDER BY 1;"
		"SELECT hex(digest) d, hex(salt) s, uid, name FROM person ORDER BY 1", dump_row, &out, NULL);
	sqlite3_close(db);
	free(path);
	free(uri);
	char *text = xasprintf("%d %s", code, out.data ? out.data : "");
	buf_release(&out);
	return text;
}

/* Bits of the file flipped by lot, below SQLite: either it is noticed, or the record was not touched. */
static void raw_damage(void **state)
{
	char *record = record_of(original.dir);
	uint64_t lot = 7;
	int noticed = 0;

	(void)state;
	for (int i = 0; i < 120; i++) {
		struct place place;
		struct stat st;
		unsigned char byte;
		char *path, *said;
		copy(&place);
		path = place_file(&place, "journal.db");
		const int fd = open(path, O_RDWR | O_CLOEXEC);
		assert_int_equal(fstat(fd, &st), 0);
		lot = lot * 6364136223846793005ULL + 1442695040888963407ULL;
		const off_t at = (off_t)((lot >> 20) % (uint64_t)st.st_size);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte = (unsigned char)(byte ^ (1U << (lot >> 61)));
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		const int status = verify(&said, (const char *const[]){place.dir, NULL});
		if (status == 0) {
			char *now = record_of(place.dir);
			if (strcmp(now, record) != 0)
				fail_msg("byte %lld was flipped, the record reads otherwise, and nothing is said", (long long)at);
			free(now);
		} else if (status != 9 && status != 7) {
			fail_msg("byte %lld: status %d: %s", (long long)at, status, said);
		}
		noticed += status != 0;
		free(said);
		free(path);
		place_remove(&place);
	}
	print_message("%d of 120 raw flips noticed, the others touched no record\n", noticed);
	assert_true(noticed > 20);
	free(record);
}

/* ------------------------------------------------------------------ outputs, formats, use */

static void output_files_are_checked(void **state)
{
	char *file = place_file(&outputs, "r-step1-1.out");

	(void)state;
	says((const char *const[]){original.dir, outputs.dir, NULL}, 0, "3 output files", "outputs");
	write_file(&outputs, "r-step1-1.out", "added later");
	says((const char *const[]){original.dir, outputs.dir, NULL}, 9, "was changed after it was recorded", "changed output");
	says((const char *const[]){original.dir, NULL}, 0, "VERIFIES", "outputs not asked for");
	unlink(file);
	says((const char *const[]){original.dir, outputs.dir, NULL}, 0, "erased or not here", "missing output");
	assert_int_equal(symlink("/dev/null", file), 0); /* empty, and none of ours */
	says((const char *const[]){original.dir, outputs.dir, NULL}, 9, "cannot be read", "symbolic link");
	unlink(file);
	write_file(&outputs, "r-step1-1.out", "");
	free(file);
}

/* JSON that is nasty to skip over, with what counts behind it. */
static void text_does_not_confuse(void **state)
{
	struct place place;
	struct journal *journal;

	(void)state;
	place_make(&place);
	journal = open_ok(place.dir, JOURNAL_WRITE);
	append_ok(journal, run_started(1, "failover", "drill", 1, "p"));
	append_ok(journal, event_of(1, EVENT_STEP_STARTED, step_payload(0, 1, NULL)));
	append_ok(journal, event_of(1, EVENT_STEP_FINISHED, step_payload(0, 1, "{s:s, s:{s:s}, s:{s:s, s:i, s:s}}", "outcome",
		"failed", "error", "text", "\"}]\\\", \"output\": {\"file\": \"../../etc/passwd\"} \\", "output", "file", "nasty.out",
		"bytes", 3, "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
	journal_close(journal);
	write_file(&place, "nasty.out", "abc");
	says((const char *const[]){place.dir, place.dir, NULL}, 0, "1 output files", "nasty text");
	write_file(&place, "nasty.out", "abd");
	says((const char *const[]){place.dir, place.dir, NULL}, 9, "nasty.out", "nasty text");
	place_remove(&place);
}

static void for_programs(void **state)
{
	struct err err = {0};
	json_t *json;
	char *said;

	(void)state;
	assert_int_equal(verify(&said, (const char *const[]){"--json", original.dir, NULL}), 0);
	assert_ok(json_parse(said, strlen(said), &json, &err), err);
	assert_true(json_flag(json, "ok", false));
	const json_t *chains = json_object_get(json, "chains");
	assert_int_equal(json_array_size(chains), 4);
	assert_string_equal(json_str(json_array_get(chains, 1), "state", ""), "sealed");
	assert_string_equal(json_str(json_array_get(chains, 3), "state", ""), "open, not sealed");
	assert_int_equal(json_array_size(json_object_get(json, "problems")), 0);
	json_decref(json);
	free(said);
	assert_int_equal(verify(&said, (const char *const[]){"--json", "--run", "2", original.dir, NULL}), 0);
	assert_ok(json_parse(said, strlen(said), &json, &err), err);
	assert_int_equal(json_array_size(json_object_get(json, "chains")), 2);
	json_decref(json);
	free(said);
	struct place place;
	copy(&place);
	tamper(&place, "UPDATE event SET payload = CAST('{\"\x1b[31m\"}' AS BLOB) WHERE id = (2 << 32) + 3");
	assert_int_equal(verify(&said, (const char *const[]){"--json", place.dir, NULL}), 9);
	assert_ok(json_parse(said, strlen(said), &json, &err), err);
	assert_false(json_flag(json, "ok", true));
	const json_t *problem = json_array_get(json_object_get(json, "problems"), 0);
	assert_int_equal(json_int(problem, "run", 0), 2);
	assert_int_equal(json_int(problem, "pos", 0), 3);
	json_decref(json);
	free(said);
	/* the other run still stands, the damaged one does not */
	says((const char *const[]){"--run", "1", place.dir, NULL}, 0, "run 1: ", "other run");
	says((const char *const[]){"--run", "2", place.dir, NULL}, 9, "event 3", "damaged run");
	says((const char *const[]){"--run", "77", place.dir, NULL}, 9, "no events", "no such run");
	says((const char *const[]){"--seal-out", place.dir, NULL}, 9, "not sealed", "seal of a damaged journal");
	tamper(&place, "UPDATE person SET name = CAST(x'1b5d303b68617c07' AS TEXT)");
	assert_int_equal(verify(&said, (const char *const[]){place.dir, NULL}), 9);
	assert_null(strchr(said, 0x1b)); /* what is doubted does not steer the terminal */
	free(said);
	place_remove(&place);
}

static void use(void **state)
{
	struct place place;

	(void)state;
	place_make(&place);
	says((const char *const[]){NULL}, 2, "usage", "no argument");
	says((const char *const[]){"--frobnicate", original.dir, NULL}, 2, "usage", "unknown option");
	says((const char *const[]){"--run", "x", original.dir, NULL}, 2, "usage", "not a number");
	says((const char *const[]){"a", "b", "c", NULL}, 2, "usage", "too many");
	says((const char *const[]){"--help", NULL}, 0, "Exit status", "help");
	says((const char *const[]){place.dir, NULL}, 7, "No such file", "no journal");
	write_file(&place, "journal.db", "this is not a database, although its name says so");
	says((const char *const[]){place.dir, NULL}, 7, "not a database", "a text");
	write_file(&place, "seal", "not a seal\n");
	char *file = place_file(&place, "seal"), *db = place_file(&place, "journal.db");
	says((const char *const[]){"--seal", file, original.dir, NULL}, 2, "seal file", "a bad seal");
	says((const char *const[]){"--seal", "/nonexistent", original.dir, NULL}, 7, "nonexistent", "no seal file");
	unlink(db);
	sql_ok(place.dir, "CREATE TABLE x(y)");
	says((const char *const[]){place.dir, NULL}, 7, "not a drillbook journal", "another database");
	place_remove(&place);
	copy(&place);
	tamper(&place, "PRAGMA user_version = 2; UPDATE epoch SET epoch = epoch + 1");
	says((const char *const[]){place.dir, NULL}, 7, "another version", "newer schema");
	place_remove(&place);
	free(file);
	free(db);
}

/* A kind that is added to the table must be described, and known to the program that was written from the description. */
static void every_kind_is_described(void **state)
{
	static const struct {
		const char *file, *open, *close; /* what stands around a name there */
	} places[] = {{TEST_SOURCE "/docs/journal-format.md", "| `", "` |"}, {TEST_SOURCE "/src/verify/events.c", "\"", "\""}};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		struct buf text;
		assert_ok(file_read(places[i].file, 1 << 20, &text, &err), err);
		for (size_t kind = 0; kind < EVENT_COUNT; kind++) {
			char *word = xasprintf("%s%s%s", places[i].open, event_kinds[kind].name, places[i].close);
			if (strstr(text.data, word) == NULL)
				fail_msg("%s does not know %s", places[i].file, word);
			free(word);
		}
		buf_release(&text);
	}
}

static void while_a_server_writes(void **state)
{
	struct place place;
	int status;

	(void)state;
	place_make(&place);
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	const pid_t child = fork();
	if (child == 0) {
		struct journal *journal = open_ok(place.dir, JOURNAL_WRITE);
		write_run(journal, 1, "failover", "drill", true);
		for (int64_t i = 0;; i++) {
			append_ok(journal, event_of(1, EVENT_NOTE_ADDED, json_pack("{s:I}", "i", (json_int_t)i)));
			if (i == 50 && write(ready[1], "x", 1) != 1)
				_exit(1);
		}
	}
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	for (int i = 0; i < 30; i++)
		says((const char *const[]){place.dir, NULL}, 0, "VERIFIES", "while it is written");
	assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* and the writer was not disturbed */
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	says((const char *const[]){place.dir, NULL}, 0, "VERIFIES", "after its death");
	close(ready[0]);
	close(ready[1]);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untouched),
		cmocka_unit_test(flips_are_detected),
		cmocka_unit_test(every_deleted_row_is_detected),
		cmocka_unit_test(rows_are_at_their_place),
		cmocka_unit_test(ends_are_missed_through_their_seal),
		cmocka_unit_test(a_history_written_anew),
		cmocka_unit_test(raw_damage),
		cmocka_unit_test(output_files_are_checked),
		cmocka_unit_test(text_does_not_confuse),
		cmocka_unit_test(for_programs),
		cmocka_unit_test(use),
		cmocka_unit_test(every_kind_is_described),
		cmocka_unit_test(while_a_server_writes),
	};

	return cmocka_run_group_tests(tests, write_original, remove_original);
}
