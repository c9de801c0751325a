/* sample.h: runs to write into a journal, a directory to write it in, and what the tests look at afterwards. */
#ifndef TEST_JOURNAL_SAMPLE_H
#define TEST_JOURNAL_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

/* ------------------------------------------------------------------ a directory per test */

struct place {
	char dir[96];
};

static UNUSED void place_make(struct place *place)
{
	snprintf(place->dir, sizeof(place->dir), "/tmp/drillbook-journal-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
}

/* A directory in memory, where only what is written counts, not how long it takes. */
static UNUSED void fast_place(struct place *place)
{
	snprintf(place->dir, sizeof(place->dir), "/dev/shm/drillbook-journal-XXXXXX");
	if (mkdtemp(place->dir) == NULL)
		place_make(place);
}

static UNUSED void place_remove(struct place *place)
{
	DIR *dir = opendir(place->dir);

	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(place->dir);
}

static UNUSED char *place_file(const struct place *place, const char *name)
{
	return path_join(place->dir, name);
}

static UNUSED struct journal *open_ok(const char *dir, enum journal_mode mode)
{
	struct err err = {0};
	struct journal *journal = NULL;

	if (journal_open(&journal, dir, mode, &err) != ERR_NONE)
		fail_msg("%s", err.text);
	return journal;
}

#define assert_ok(expr, err)                                                                     \
	do {                                                                                     \
		if ((expr) != ERR_NONE)                                                          \
			fail_msg("%s", (err).text);                                              \
	} while (0)

/* ------------------------------------------------------------------ a clock that the tests turn */

static UNUSED int64_t fake_ns = 1000000000;
static UNUSED struct mono fake_mono(void)
{
	return (struct mono){fake_ns += 1000000};
}
static UNUSED struct wall fake_wall(void)
{
	return (struct wall){1790000000000000000 + fake_ns};
}
static UNUSED void fake_clock(void)
{
	clock_inject(fake_mono, fake_wall, "11111111-2222-3333-4444-555555555555");
}

/* ------------------------------------------------------------------ events */

static const struct actor UNUSED operator_ = {.uid = 1000, .name = "op1"};
static const struct actor UNUSED program = {.uid = -1, .name = "drillbook"};

/* Takes the payload over. */
static UNUSED struct event event_of(int64_t chain, enum event_kind kind, json_t *payload)
{
	struct event event = {.chain = chain, .kind = kind, .actor = program, .payload = payload};

	assert_non_null(payload);
	event_stamp(&event, 1);
	return event;
}

static UNUSED void append_ok(struct journal *journal, struct event event)
{
	struct err err = {0};

	assert_ok(journal_append(journal, &event, 1, &err), err);
	event_release(&event);
}

static UNUSED json_t *started_payload(const char *runbook, const char *mode, int steps, const char *plan)
{
	json_t *list = json_array(), *services;

	for (int i = 0; i < steps; i++) {
		char id[16];
		snprintf(id, sizeof(id), "step%d", i);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:[], s:{s:[s]}, s:i, s:i, s:[], s:s}", "id", id,
			"title", "A step", "kind", "script", "needs", "uses", "failover.promote", "db", "level", 1,
			"expect_ms", 1000, "marks", "owner", "ops"));
	}
	services = json_pack("[{s:s, s:i, s:i, s:i, s:s}, {s:s, s:i, s:i, s:i, s:s}]", "name", "orders", "rto_ms",
		120000, "rpo_ms", 0, "tier", 1, "owner", "ops", "name", "ledger", "rto_ms", -1, "rpo_ms", -1, "tier",
		2, "owner", "ops");
	return json_pack("{s:s, s:{s:s, s:s, s:i, s:s, s:s}, s:{s:s, s:s, s:s, s:b}, s:s, s:o, s:{}, s:[], s:o}", "plan",
		plan, "runbook", "name", runbook, "title", "Fail over", "version", 3, "digest", "d", "path",
		"failover.yaml", "workspace", "name", "shop", "root", "/w", "commit", "3f2c1a9", "dirty", 0, "mode",
		mode, "services", services, "params", "files", "steps", list);
}

static UNUSED struct event run_started(int64_t run, const char *runbook, const char *mode, int steps,
	const char *plan)
{
	struct event event = event_of(run, EVENT_RUN_STARTED, started_payload(runbook, mode, steps, plan));

	event.actor = operator_;
	return event;
}

static UNUSED json_t *step_payload(int step, int attempt, const char *more, ...)
{
	char id[16];

	snprintf(id, sizeof(id), "step%d", step);
	json_t *payload = json_pack("{s:s, s:i}", "step", id, "attempt", attempt);
	if (more != NULL) {
		va_list args;
		json_error_t why;
		va_start(args, more);
		json_t *rest = json_vpack_ex(&why, 0, more, args);
		va_end(args);
		if (rest == NULL)
			fail_msg("%s", why.text);
		json_object_update(payload, rest);
		json_decref(rest);
	}
	return payload;
}

static UNUSED json_t *intent(int64_t run, int step, int attempt, int ordinal)
{
	char *key = xasprintf("%lld/step%d/1/%d", (long long)run, step, ordinal);
	json_t *payload = step_payload(step, attempt, "{s:i, s:s, s:s, s:s, s:s, s:{s:s}, s:s, s:{}, s:b, s:b}",
		"ordinal", ordinal, "key", key, "op", "failover.promote", "target", "db", "effect", "irreversible",
		"args", "wait", "30s", "digest", "0d", "before", "idempotent", 0, "allowed", 1);

	free(key);
	return payload;
}

static UNUSED json_t *result(int64_t run, int step, int attempt, int ordinal, bool ok)
{
	char *key = xasprintf("%lld/step%d/1/%d", (long long)run, step, ordinal);
	json_t *payload = ok ? step_payload(step, attempt, "{s:i, s:s, s:b, s:{s:s}, s:I, s:I, s:s}", "ordinal", ordinal,
				     "key", key, "ok", 1, "result", "role", "primary", "began_ns", (json_int_t)5,
				     "ended_ns", (json_int_t)9, "source", "worker")
			     : step_payload(step, attempt, "{s:i, s:s, s:b, s:{s:s, s:s, s:s}, s:I, s:I}", "ordinal",
				     ordinal, "key", key, "ok", 0, "error", "code", "TIMEOUT", "text", "no answer",
				     "world", "unknown", "began_ns", (json_int_t)5, "ended_ns", (json_int_t)9);

	free(key);
	return payload;
}

/* A run with something of everything; `open` leaves it before its end.  Each event is a commit of its own. */
static UNUSED void write_run(struct journal *journal, int64_t run, const char *runbook, const char *mode, bool open)
{
	struct err err = {0};
	struct sha256 sha;
	char hex[SHA256_HEX];
	const char plan[] = "{\"format\":\"plan/1\"}";

	assert_ok(journal_keep(journal, plan, sizeof(plan) - 1, &sha, &err), err);
	append_ok(journal, run_started(run, runbook, mode, 3, sha256_hex(sha, hex)));
	struct event event = event_of(run, EVENT_CLOCK_SET,
		json_pack("{s:s, s:I, s:s, s:s}", "clock", "t0", "at_ns", (json_int_t)(fake_wall().ns - 1000000), "basis",
			"stated", "note", "alarm went off"));
	event.actor = operator_;
	append_ok(journal, event);
	for (int step = 0; step < 2; step++) {
		append_ok(journal, event_of(run, EVENT_STEP_STARTED, step_payload(step, 1, "{s:i}", "iteration", 1)));
		append_ok(journal, event_of(run, EVENT_OP_READ,
			step_payload(step, 1, "{s:i, s:s, s:s, s:{}, s:s, s:b, s:{s:i}, s:I, s:I}", "ordinal", 0, "op",
				"replication.status", "target", "db", "args", "digest", "0d", "ok", 1, "result", "lag", 0,
				"began_ns", (json_int_t)1, "ended_ns", (json_int_t)2)));
		append_ok(journal, event_of(run, EVENT_OP_INTENT, intent(run, step, 1, 1)));
		append_ok(journal, event_of(run, EVENT_OP_RESULT, result(run, step, 1, 1, step == 0)));
		if (step == 1) { /* its outcome was unknown; a human settles it */
			append_ok(journal, event_of(run, EVENT_STEP_ASKED,
				step_payload(step, 1, "{s:i, s:s, s:i, s:s, s:s, s:s, s:s, s:[], s:{}}", "ask", 1, "kind", "unknown",
					"level", 1, "title", "Did it happen?", "text", "", "digest", "", "word", "", "choices",
					"detail")));
			event = event_of(run, EVENT_STEP_ANSWERED, step_payload(step, 1, "{s:i, s:s, s:s}", "ask", 1, "answer",
				"done", "note", "looked on the console"));
			event.actor = operator_;
			append_ok(journal, event);
			append_ok(journal, event_of(run, EVENT_OP_SETTLED,
				step_payload(step, 1, "{s:i, s:s, s:s, s:s}", "ordinal", 1, "verdict", "done", "by", "human",
					"reason", "looked on the console")));
		}
		append_ok(journal, event_of(run, EVENT_STEP_FINISHED,
			step_payload(step, 1, "{s:s, s:{s:i}, s:{s:s, s:i, s:s}}", "outcome", "ok", "outputs", "lag", 0, "output",
				"file", step ? "r-step1-1.out" : "", "bytes", 0, "sha256",
				"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")));
	}
	append_ok(journal, event_of(run, EVENT_SERVICE_MARKED, json_pack("{s:s, s:s, s:s}", "service", "orders",
		"reached", "verified", "step", "step1")));
	append_ok(journal, event_of(run, EVENT_RECOVERY_MEASURED, json_pack("{s:s, s:s, s:i, s:s, s:i, s:i, s:I, s:s}",
		"service", "orders", "step", "step1", "lost", 0, "unit", "rows", "acknowledged", 812, "rpa_ms", 0,
		"recovery_point_ns", (json_int_t)7, "basis", "witness")));
	event = event_of(run, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "the vendor was slow"));
	event.actor = operator_;
	append_ok(journal, event);
	if (open)
		return;
	struct event end[2] = {
		event_of(run, EVENT_RUN_ENDED, json_pack("{s:s, s:s}", "status", "done", "reason", "")),
		event_of(0, EVENT_RUN_SEALED, json_pack("{s:I}", "run", (json_int_t)run)),
	};
	assert_ok(journal_append(journal, end, 2, &err), err);
	event_release(&end[0]);
	event_release(&end[1]);
}

/* ------------------------------------------------------------------ looking */

/* Runs SQL on a second connection of our own; fails the test when it fails. */
static UNUSED void sql_ok(const char *dir, const char *sql)
{
	char *path = path_join(dir, "journal.db"), *why = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	int keep = 1;
	sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	sqlite3_close(db);
	free(path);
}

static UNUSED int dump_row(void *arg, int count, char **values, char **names)
{
	struct buf *out = arg;
	struct err err;

	for (int i = 0; i < count; i++)
		assert_int_equal(buf_addf(out, &err, "%s=%s|", names[i], values[i] ? values[i] : "NULL"), ERR_NONE);
	assert_int_equal(buf_add(out, "\n", 1, &err), ERR_NONE);
	return 0;
}

/* Every row of every projection, as text; owned. */
static UNUSED char *dump_projections(const char *dir)
{
	static const char *const tables[] = {"run ORDER BY id", "service ORDER BY run, seq",
		"step ORDER BY run, seq, attempt", "operation ORDER BY run, seq, attempt, ordinal",
		"pace ORDER BY runbook, mode, step"};
	char *path = path_join(dir, "journal.db"), sql[96];
	struct buf out;
	sqlite3 *db;

	buf_init(&out, 1 << 26);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		snprintf(sql, sizeof(sql), "SELECT * FROM %s", tables[i]);
		assert_int_equal(sqlite3_exec(db, sql, dump_row, &out, NULL), SQLITE_OK);
	}
	sqlite3_close(db);
	free(path);
	char *text = xstrdup(out.data ? out.data : "");
	buf_release(&out);
	return text;
}

static UNUSED enum err_code count_visit(void *arg, const struct event *event, struct err *err)
{
	(void)event, (void)err;
	++*(int64_t *)arg;
	return ERR_NONE;
}

static UNUSED int64_t events_in(struct journal *journal, int64_t chain)
{
	struct err err = {0};
	int64_t count = 0;

	assert_ok(journal_events(journal, chain, 0, count_visit, &count, &err), err);
	return count;
}

/* Runs the verify program that was built beside the tests; its exit status, its words in *said (owned). */
static UNUSED int verify(char **said, const char *const *args)
{
	const char *argv[16] = {TEST_BINARY "/libexec/drillbook/verify"};
	struct child child = {.argv = argv, .merge = true, .timeout_ms = 60000, .max_output_bytes = 1 << 22};
	struct err err = {0};

	for (size_t i = 0; args[i] != NULL && i < 14; i++)
		argv[i + 1] = args[i];
	assert_ok(child_run(&child, &err), err);
	const int status = child.exit_status;
	if (said != NULL)
		*said = xstrdup(child.out.data ? child.out.data : "");
	child_release(&child);
	return status;
}

static UNUSED void verify_ok(const char *dir)
{
	char *said;

	if (verify(&said, (const char *const[]){dir, NULL}) != 0)
		fail_msg("%s", said);
	free(said);
}

#endif
