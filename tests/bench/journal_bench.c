/* journal_bench.c: one durable event against what the disk and SQLite cost anyway, and history at a million step rows.
 *
 * In each round, in turn: a 4 KiB write into an allocated file with fdatasync; one row in one SQLite transaction (WAL, FULL,
 * log kept and extended); journal_append of one event; an outcome and the next intent in one append, which is what a step
 * costs; and the same handed to the writer's thread and waited for.  Values are microseconds per operation. */
#include "bench.h"

#include "drillbook/journal.h"

#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ROUNDS = 15, OPERATIONS = 100, RUNS = 10000, STEPS = 100, QUERIES = 200 };

static char dir[] = "/var/tmp/drillbook-bench-XXXXXX";
static struct journal *journal;

static void must(enum err_code code, const struct err *err)
{
	if (code == ERR_NONE)
		return;
	fprintf(stderr, "%s: %s\n", err_name(code), err->text);
	exit(1);
}

static void must_sql(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return;
	fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
	exit(1);
}

/* ------------------------------------------------------------------ floors */

static int raw_fd;
static void raw_write(int i)
{
	static char block[4096];

	if (pwrite(raw_fd, block, sizeof(block), (off_t)sizeof(block) * i) != (ssize_t)sizeof(block) ||
		fdatasync(raw_fd) != 0)
		exit(1);
}

static void raw_open(void)
{
	char *path = path_join(dir, "raw");
	static char zeros[4096];

	raw_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < OPERATIONS; i++)
		if (pwrite(raw_fd, zeros, sizeof(zeros), (off_t)sizeof(zeros) * i) < 0)
			exit(1);
	fsync(raw_fd);
	free(path);
}

static sqlite3 *bare;
static sqlite3_stmt *bare_insert;
static void bare_commit(int i)
{
	static const char row[600];

	(void)i;
	sqlite3_bind_blob(bare_insert, 1, row, sizeof(row), SQLITE_STATIC);
	if (sqlite3_step(bare_insert) != SQLITE_DONE)
		exit(1);
	sqlite3_reset(bare_insert);
}

static void bare_open(void)
{
	char *path = path_join(dir, "bare.db");
	int keep = 1;

	if (sqlite3_open(path, &bare) != SQLITE_OK)
		exit(1);
	must_sql(bare, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
		       "CREATE TABLE t(id INTEGER PRIMARY KEY, row BLOB)");
	sqlite3_file_control(bare, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	/* extend the log once and start it anew, as ours is */
	must_sql(bare, "BEGIN; INSERT INTO t(row) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
		       " SELECT zeroblob(600) FROM n; COMMIT; PRAGMA wal_checkpoint(RESTART)");
	if (sqlite3_prepare_v2(bare, "INSERT INTO t(row) VALUES(?1)", -1, &bare_insert, NULL) != SQLITE_OK)
		exit(1);
	free(path);
}

/* ------------------------------------------------------------------ ours */

static struct event event_of(enum event_kind kind, json_t *payload)
{
	struct event event = {.chain = 1, .kind = kind, .actor = {.uid = -1, .name = "drillbook"}, .payload = payload};

	event_stamp(&event, 1);
	return event;
}

static int64_t ordinal;
static struct event intent(void)
{
	char key[64];

	snprintf(key, sizeof(key), "1/promote/1/%lld", (long long)++ordinal);
	return event_of(EVENT_OP_INTENT, json_pack("{s:s, s:i, s:I, s:s, s:s, s:s, s:s, s:{s:s}, s:s, s:{s:s, s:i}, s:b}",
		"step", "promote", "attempt", 1, "ordinal", (json_int_t)ordinal, "key", key, "op", "failover.promote", "target",
		"db-standby", "effect", "irreversible", "args", "wait", "30s", "digest",
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "before", "role", "standby", "lag_bytes", 0,
		"idempotent", 0));
}

static struct event outcome(void)
{
	char key[64];

	snprintf(key, sizeof(key), "1/promote/1/%lld", (long long)ordinal);
	return event_of(EVENT_OP_RESULT, json_pack("{s:s, s:i, s:I, s:s, s:b, s:{s:s, s:i}, s:I, s:I}", "step", "promote",
		"attempt", 1, "ordinal", (json_int_t)ordinal, "key", key, "ok", 1, "result", "role", "primary", "timeline", 2,
		"began_ns", (json_int_t)1790000000000000000, "ended_ns", (json_int_t)1790000000100000000));
}

static void append(struct event *events, size_t count)
{
	struct err err = {0};

	must(journal_append(journal, events, count, &err), &err);
	for (size_t i = 0; i < count; i++)
		event_release(&events[i]);
}

static void start_run(void)
{
	struct event event = event_of(EVENT_RUN_STARTED, json_pack("{s:s, s:{s:s}, s:s, s:[], s:[{s:s, s:s, s:s, s:[], s:{}}]}",
		"plan", "p", "runbook", "name", "bench", "mode", "drill", "services", "steps", "id", "promote", "title", "x", "kind",
		"script", "needs", "uses"));

	append(&event, 1);
	event = event_of(EVENT_STEP_STARTED, json_pack("{s:s, s:i}", "step", "promote", "attempt", 1));
	append(&event, 1);
}

static void one_event(int i)
{
	struct event event = intent();

	(void)i;
	append(&event, 1);
}

static void a_step(int i)
{
	struct event events[2] = {outcome(), intent()};

	(void)i;
	append(events, 2);
}

static struct journal_writer *writer;
static int bell;
static void ring(void *arg)
{
	const uint64_t one = 1;

	(void)arg;
	if (write(bell, &one, sizeof(one)) < 0)
		exit(1);
}

static void through_the_thread(int i)
{
	const struct event events[2] = {outcome(), intent()};
	struct journal_done done;
	uint64_t count;

	(void)i;
	journal_submit(writer, events, 2, NULL, JOURNAL_NOW, NULL);
	while (!journal_collect(writer, &done))
		if (read(bell, &count, sizeof(count)) < 0)
			exit(1);
	must(done.code, &done.err);
	journal_done_free(&done);
}

/* ------------------------------------------------------------------ rounds */

static void commits(void)
{
	static const struct {
		const char *name;
		void (*work)(int i);
	} rows[] = {
		{"4 KiB write + fdatasync", raw_write},
		{"SQLite, one row, WAL FULL", bare_commit},
		{"journal_append, one event", one_event},
		{"journal_append, outcome + next intent", a_step},
		{"the same through the writer's thread", through_the_thread},
	};
	struct series series[COUNT_OF(rows)];
	struct err err = {0};

	start_run();
	bell = eventfd(0, EFD_CLOEXEC);
	must(journal_writer_new(&writer, journal, ring, NULL, &err), &err);
	for (size_t r = 0; r < COUNT_OF(rows); r++)
		series[r] = (struct series){.name = rows[r].name, .unit = "us"};
	for (int round = -1; round < ROUNDS; round++) /* the first one warms up */
		for (size_t r = 0; r < COUNT_OF(rows); r++) {
			const double began = bench_now_us();
			for (int i = 0; i < OPERATIONS; i++)
				rows[r].work(i);
			if (round >= 0)
				series_add(&series[r], (bench_now_us() - began) / OPERATIONS);
		}
	for (size_t r = 0; r < COUNT_OF(rows); r++)
		series_print(&series[r], r < 1 ? NULL : &series[1]);
	journal_writer_free(writer);
	close(bell);
}

/* ------------------------------------------------------------------ history */

/* Rows as RUNS ended runs of STEPS steps would have left them, written straight into the projections. */
static void fill_history(void)
{
	char *path = path_join(dir, "journal.db"), sql[2048];
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		exit(1);
	snprintf(sql, sizeof(sql),
		"PRAGMA synchronous=OFF; BEGIN;"
		"INSERT INTO run(id, runbook, title, version, mode, status, service, lead, started_by, started_ns, ended_ns, verdict)"
		" WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= %d) SELECT i, 'book' || (i %% 20),"
		" 'A title', 1, iif(i %% 3, 'drill', 'live'), 'done', 'orders', 'op1', 'op1', i, i + 5, 'met' FROM n;"
		"INSERT INTO service(run, seq, name, rto_ms, rta_ms, rto) SELECT id, 0, 'service' || (id %% 7), 60000, 1000, 'met'"
		" FROM run WHERE id > 1;"
		"INSERT INTO step(run, seq, attempt, id, outcome, started_ns, ended_ns, duration_ms)"
		" WITH RECURSIVE s(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM s WHERE k < %d) SELECT run.id, k, 1, 'step' || k, 'ok',"
		" 1, 2, (run.id * 7919 + k) %% 5000 FROM run, s WHERE run.id > 1;"
		"INSERT INTO pace SELECT DISTINCT 'book' || (run.id %% 20), mode, 'step' || seq,"
		" (SELECT group_concat(r.id || ':' || (r.id %% 5000), ' ') FROM (SELECT id FROM run r2 WHERE r2.runbook = run.runbook"
		" ORDER BY id DESC LIMIT 64) r) FROM run, step WHERE step.run = run.id AND run.id BETWEEN 2 AND 70; COMMIT",
		RUNS, STEPS - 1);
	must_sql(db, sql);
	sqlite3_close(db);
	free(path);
}

static void query(struct series *series, const struct journal_filter *filter, bool paces)
{
	struct err err = {0};
	json_t *out = NULL;
	double us[QUERIES];

	for (int i = 0; i < QUERIES; i++) {
		const double began = bench_now_us();
		must(paces ? journal_step_times(journal, "book1", "drill", 50, &out, &err)
			   : journal_runs(journal, filter, &out, &err), &err);
		us[i] = bench_now_us() - began;
		if (json_array_size(out) + json_object_size(out) == 0)
			exit(1);
		json_decref(out);
	}
	qsort(us, QUERIES, sizeof(us[0]), bench_compare);
	printf("%-44s median %.2f ms, p99 %.2f ms, max %.2f ms\n", series->name, us[QUERIES / 2] / 1e3,
		us[QUERIES * 99 / 100] / 1e3, us[QUERIES - 1] / 1e3);
}

static void history(void)
{
	struct err err = {0};

	fill_history();
	journal_close(journal);
	must(journal_open(&journal, dir, JOURNAL_READ, &err), &err);
	printf("history, %d step rows:\n", RUNS * STEPS);
	query(&(struct series){.name = "  last 50 runs"}, &(struct journal_filter){0}, false);
	query(&(struct series){.name = "  last 50 of a runbook in a mode"},
		&(struct journal_filter){.runbook = "book1", .mode = "drill"}, false);
	query(&(struct series){.name = "  last 50 of a service"}, &(struct journal_filter){.service = "service3"}, false);
	query(&(struct series){.name = "  p50, p90 of all steps of a runbook"}, NULL, true);
}

int main(void)
{
	struct err err = {0};

	if (mkdtemp(dir) == NULL)
		return 1;
	must(journal_open(&journal, dir, JOURNAL_WRITE, &err), &err);
	raw_open();
	bare_open();
	commits();
	history();
	journal_close(journal);
	sqlite3_finalize(bare_insert);
	sqlite3_close(bare);
	close(raw_fd);
	const char *argv[] = {"rm", "-rf", dir, NULL};
	struct child child = {.argv = argv};
	must(child_run(&child, &err), &err);
	child_release(&child);
	return 0;
}
