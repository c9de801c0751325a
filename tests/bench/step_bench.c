/* step_bench.c: a durable no-op step against one warm SQLite FULL commit on the same file
 * system.
 *
 * Ours: a run of STEPS steps one after the other; each is a worker process with a Lua state of
 * its own that makes one recorded call (now()) and ends; time from the first step's start to
 * the run's end, by the record's own stamps, and the journal's commits in that time.  Floor:
 * one row in one transaction, WAL, synchronous=FULL, file kept and extended. Peer: make with as
 * many targets that run /bin/true (no record at all). */
#include "bench.h"

#include "drillbook/base.h"
#include "drillbook/record.h"
#include "drillbook/wire.h"

#include <sqlite3.h>
#include <unistd.h>

enum { STEPS = 200, ROUNDS = 7, COMMITS = 500 };

static char dir[] = "/var/tmp/drillbook-bench-XXXXXX";

static void must(enum err_code code, const struct err *err)
{
	if (code == ERR_NONE)
		return;
	fprintf(stderr, "%s: %s\n", err_name(code), err->text);
	exit(1);
}

static void run_program(const char *const *argv)
{
	struct child child = { .argv = argv, .timeout_ms = 60000 };
	struct err err = { 0 };

	must(child_run(&child, &err), &err);
	if (child.exit_status != 0) {
		fprintf(stderr, "%s: %s\n", argv[0], child.errout.data);
		exit(1);
	}
	child_release(&child);
}

static void server(const char *what)
{
	const char *argv[] = { BENCH_BINARY "/bin/drillbook", "--data", dir, "server", what,
		"--force", NULL };

	run_program(argv);
}

/* ------------------------------------------------------------------ floor */

static sqlite3 *floor_open(void)
{
	sqlite3 *db;
	char *path = path_join(dir, "floor.db");
	int on = 1;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
		sqlite3_exec(db,
			"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(id "
			"INTEGER PRIMARY KEY, b BLOB);",
			NULL, NULL, NULL) != SQLITE_OK)
		exit(1);
	sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	free(path);
	return db;
}

static double floor_commit_us(sqlite3 *db)
{
	const double begin = bench_now_us();

	for (int i = 0; i < COMMITS; i++)
		sqlite3_exec(db, "INSERT INTO t(b) VALUES (randomblob(400))", NULL, NULL, NULL);
	return (bench_now_us() - begin) / COMMITS;
}

/* ------------------------------------------------------------------ ours */

static json_t *plan(void)
{
	json_t *out = json_pack("{s:s,s:s,s:{s:s,s:s,s:b},s:{s:s,s:s,s:s,s:i,s:s},s:[],s:[],s:{"
				"},s:{},s:{},s:{}}",
		"format", "plan/1", "mode", "drill", "workspace", "name", "bench", "root", dir,
		"dirty", 0, "runbook", "name", "bench", "path", "b.yaml", "title", "bench",
		"version", 1, "digest", "00", "files", "services", "environments", "targets",
		"params", "modules");
	json_t *steps = json_array();

	for (int i = 0; i < STEPS; i++) {
		char id[16], before[16];
		snprintf(id, sizeof(id), "s%d", i);
		snprintf(before, sizeof(before), "s%d", i - 1);
		json_t *step = json_pack("{s:s,s:s,s:s,s:{},s:i,s:{s:s,s:i,s:s}}", "id", id,
			"title", "no-op", "kind", "script", "uses", "level", 0, "script",
			"file", "b.yaml", "line", 1, "source", "now()");
		json_object_set_new(
			step, "needs", i > 0 ? json_pack("[s]", before) : json_array());
		json_array_append_new(steps, step);
	}
	json_object_set_new(out, "steps", steps);
	return out;
}

static int64_t commits(struct client *client)
{
	json_t *answer;
	struct err err = { 0 };

	must(client_ask(client, "status", NULL, &answer, &err), &err);
	const int64_t count = json_int(answer, "commits", 0);
	json_decref(answer);
	return count;
}

/* One run; microseconds per step, and commits per step. */
static double run_steps(struct client *client, double *commits_per_step)
{
	struct err err = { 0 };
	json_t *body = json_object(), *answer;
	struct run *run = run_new();
	const int64_t before = commits(client);

	json_put(body, "plan", plan());
	must(client_ask(client, "start", body, &answer, &err), &err);
	run->id = json_int(answer, "run", 0);
	json_decref(answer);
	body = json_object();
	json_put_int(body, "run", run->id);
	must(client_ask(client, "attach", body, NULL, &err), &err);
	while (run->status == RUN_OPEN) {
		json_t *message;
		struct event event;
		must(client_next(client, 10000, &message, &err), &err);
		if (message == NULL)
			exit(1);
		if (json_object_get(message, "event") != NULL) {
			must(event_from_json(json_object_get(message, "event"), &event, &err),
				&err);
			must(run_apply(run, &event, &err), &err);
			event_release(&event);
		}
		json_decref(message);
	}
	if (run->status != RUN_DONE) {
		fprintf(stderr, "the run failed: %s\n", run->steps[0].error_text);
		exit(1);
	}
	*commits_per_step = (double)(commits(client) - before) / STEPS;
	const double us = (double)(run->ended.ns - run->steps[0].started.ns) / 1e3 / STEPS;
	run_free(run);
	return us;
}

/* ------------------------------------------------------------------ peer */

static void write_makefile(const char *path)
{
	FILE *file = fopen(path, "w");

	if (file == NULL)
		exit(1);
	fprintf(file, "all: s%d\n", STEPS - 1);
	for (int i = 0; i < STEPS; i++) {
		fprintf(file, "s%d:", i);
		if (i > 0)
			fprintf(file, " s%d", i - 1);
		fprintf(file, "\n\t@/bin/true\n");
	}
	fclose(file);
}

int main(void)
{
	struct series floor = { .name = "SQLite FULL commit, warm", .unit = "us" },
		      ours = { .name = "durable no-op step", .unit = "us" },
		      each = { .name = "  commits of the journal per step", .unit = "  " },
		      peer = { .name = "make, one /bin/true per step (no record)",
			      .unit = "us" };
	struct client *client;
	struct err err = { 0 };

	if (mkdtemp(dir) == NULL)
		return 1;
	sqlite3 *db = floor_open();
	char *makefile = path_join(dir, "Makefile");
	write_makefile(makefile);
	server("start");
	must(client_open(&client, dir, 0, &err), &err);
	for (int i = 0; i < ROUNDS; i++) {
		double per_step;
		series_add(&floor, floor_commit_us(db));
		series_add(&ours, run_steps(client, &per_step));
		series_add(&each, per_step);
		if (access("/usr/bin/make", X_OK) == 0) {
			const char *argv[] = { "make", "-s", "-f", makefile, NULL };
			const double begin = bench_now_us();
			run_program(argv);
			series_add(&peer, (bench_now_us() - begin) / STEPS);
		}
	}
	client_close(client);
	server("stop");
	series_print(&floor, NULL);
	series_print(&ours, &floor);
	series_print(&each, NULL);
	if (peer.count > 0)
		series_print(&peer, &floor);
	else
		puts("make is not installed: left out");
	sqlite3_close(db);
	const char *rm[] = { "rm", "-rf", dir, NULL };
	run_program(rm);
	free(makefile);
	return 0;
}
