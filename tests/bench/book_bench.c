/* book_bench.c: loading a 10,000-step runbook against libyaml's bare events over the same bytes.
 *
 * Floor: every event parsed and deleted, nothing kept.  Ours: workspace_open of a workspace with that one runbook: reading
 * the file, the nodes, every key checked against the schema.  Then what a list of many costs: 200 small runbooks, opened. */
#include "bench.h"

#include "drillbook/book.h"

#include <unistd.h>
#include <yaml.h>

enum { STEPS = 10000, ROUNDS = 15, SMALL = 200, SMALL_STEPS = 12 };

static char dir[] = "/var/tmp/drillbook-bench-XXXXXX";

static void must(enum err_code code, const struct err *err)
{
	if (code == ERR_NONE)
		return;
	fprintf(stderr, "%s: %s\n", err_name(code), err->text);
	exit(1);
}

/* Nothing here waits: processor time, of user and kernel, so that a busy machine says little. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void write_runbook(const char *path, int steps, struct buf *out)
{
	struct err err = {0};

	buf_init(out, 8 << 20);
	must(buf_addf(out, &err, "runbook: A long one\nversion: 1\nservice: orders\nsteps:\n"), &err);
	for (int i = 0; i < steps; i++) {
		must(buf_addf(out, &err,
			     "  - id: step-%d\n"
			     "    title: Move customer %d to the other site\n"
			     "    uses:\n"
			     "      replication.status: [db-a, db-b]\n"
			     "      traffic.drain: balancer\n"
			     "    run: |\n"
			     "      local s = replication.status(\"db-b\")\n"
			     "      if s.lag_bytes > bytes(\"16MiB\") then\n"
			     "        fail(\"%%d bytes behind\", s.lag_bytes)\n"
			     "      end\n"
			     "      traffic.drain(\"balancer\", {server = \"customer-%d\"})\n"
			     "    expect: 2s\n"
			     "    timeout: 1m\n"
			     "    on_failure: ask\n",
			     i, i, i),
			&err);
	}
	must(file_replace(path, out->data, out->len, 0600, &err), &err);
}

static void write_small_file(const char *name, const char *text)
{
	struct err err = {0};
	char *path = path_join(dir, name);

	must(file_replace(path, text, strlen(text), 0600, &err), &err);
	free(path);
}

static double floor_round(const struct buf *bytes)
{
	const double begin = cpu_ms();
	yaml_parser_t parser;
	yaml_event_t event;
	bool ended = false;

	if (!yaml_parser_initialize(&parser))
		exit(1);
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes->data, bytes->len);
	while (!ended) {
		if (!yaml_parser_parse(&parser, &event))
			exit(1);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return cpu_ms() - begin;
}

static double open_round(void)
{
	const double begin = cpu_ms();
	struct workspace *workspace;
	struct problems problems;
	struct err err = {0};

	problems_init(&problems);
	must(workspace_open(&workspace, dir, NULL, &problems, &err), &err);
	if (problems.count > 0) {
		problem_print(stderr, &problems.rows[0]);
		exit(1);
	}
	workspace_free(workspace);
	problems_release(&problems);
	return cpu_ms() - begin;
}

static void name_small(char *buf, size_t size, int i)
{
	snprintf(buf, size, "small-%d.yaml", i);
}

int main(void)
{
	struct series bare = {.name = "libyaml events, 10,000 steps", .unit = "ms"};
	struct series ours = {.name = "workspace_open, 10,000 steps", .unit = "ms"};
	struct series many = {.name = "workspace_open, 200 runbooks of 12 steps", .unit = "ms"};
	struct buf bytes, small;
	char name[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	write_small_file("drillbook.yaml", "name: bench\nenvironments: {lab: {modes: [drill]}}\n");
	char *path = path_join(dir, "long.yaml");
	write_runbook(path, STEPS, &bytes);
	for (int i = 0; i < ROUNDS; i++) {
		series_add(&bare, floor_round(&bytes));
		series_add(&ours, open_round());
	}
	unlink(path);
	for (int i = 0; i < SMALL; i++) {
		name_small(name, sizeof(name), i);
		char *file = path_join(dir, name);
		write_runbook(file, SMALL_STEPS, &small);
		buf_release(&small);
		free(file);
	}
	for (int i = 0; i < ROUNDS; i++)
		series_add(&many, open_round());
	printf("%zu bytes, %d rounds\n", bytes.len, ROUNDS);
	series_print(&bare, NULL);
	series_print(&ours, &bare);
	series_print(&many, NULL);
	for (int i = 0; i < SMALL; i++) {
		name_small(name, sizeof(name), i);
		char *file = path_join(dir, name);
		unlink(file);
		free(file);
	}
	buf_release(&bytes);
	free(path);
	path = path_join(dir, "drillbook.yaml");
	unlink(path);
	free(path);
	return rmdir(dir);
}
