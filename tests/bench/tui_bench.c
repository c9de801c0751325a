/* tui_bench.c: the screen as an operator feels it, on a pty of 80x24 under a real server: how long
 * a key takes while nothing happens and during a flood of output, what it costs on the line, how
 * many lines a second go through mask, file, sanitiser and screen, what idling and memory cost.
 *
 *   tui_bench [LINES]      lines of the flood, default 40000000 */
#include "bench.h"

#include "drillbook/base.h"
#include "drillbook/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { KEYS = 60, STEPS = 100, PATIENCE_MS = 120000, SEEN_MAX = 1 << 22 };

static char dir[] = "/var/tmp/drillbook-bench-XXXXXX";
static char *seen; /* what the terminal got since look_from_here() */
static size_t seen_len, total_bytes;
static int master;

static void must(enum err_code code, const struct err *err)
{
	if (code == ERR_NONE)
		return;
	fprintf(stderr, "%s: %s\n", err_name(code), err->text);
	exit(1);
}

static void server(const char *what)
{
	const char *argv[] = { BENCH_BINARY "/bin/drillbook", "--data", dir, "server", what,
		"--force", NULL };
	struct child child = { .argv = argv, .timeout_ms = 60000 };
	struct err err = { 0 };

	must(child_run(&child, &err), &err);
	child_release(&child);
}

/* ------------------------------------------------------------------ the terminal */

static void look_from_here(void)
{
	seen_len = 0;
}

/* Reads what comes within ms; false when nothing did. */
static bool hear(int ms)
{
	struct pollfd p = { .fd = master, .events = POLLIN };

	if (poll(&p, 1, ms) <= 0)
		return false;
	if (seen_len > SEEN_MAX / 2) { /* only the newest matters */
		memmove(seen, seen + seen_len - 4096, 4096);
		seen_len = 4096;
	}
	const ssize_t n = read(master, seen + seen_len, SEEN_MAX / 2);
	if (n <= 0)
		return false;
	seen_len += (size_t)n;
	total_bytes += (size_t)n;
	return true;
}

static bool heard(const char *text)
{
	return memmem(seen, seen_len, text, strlen(text)) != NULL;
}

static void wait_for(const char *text)
{
	const double begin = bench_now_us();

	while (!heard(text)) {
		if (bench_now_us() - begin > PATIENCE_MS * 1e3) {
			fprintf(stderr, "the screen never showed \"%s\"\n", text);
			exit(1);
		}
		hear(100);
	}
}

static void quiet(int ms)
{
	const double begin = bench_now_us();

	while (bench_now_us() - begin < ms * 1e3)
		hear(ms);
}

static void press(const char *keys)
{
	if (write(master, keys, strlen(keys)) != (ssize_t)strlen(keys))
		exit(1);
}

static pid_t open_screen(const char *run)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	const pid_t pid = forkpty(&master, NULL, NULL, &size);

	if (pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		unsetenv("TMUX");
		execl(BENCH_BINARY "/bin/drillbook", "drillbook", "--data", dir, "attach", run,
			(char *)NULL);
		_exit(127);
	}
	return pid;
}

static void close_screen(pid_t pid)
{
	press("q");
	for (int i = 0; i < 50 && hear(20); i++)
		;
	kill(pid, SIGHUP);
	waitpid(pid, NULL, 0);
	close(master);
}

/* ------------------------------------------------------------------ the process */

static double cpu_ms(pid_t pid)
{
	char path[64];
	struct buf bytes;
	struct err err = { 0 };
	long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	must(file_read(path, 4096, &bytes, &err), &err);
	sscanf(strrchr(bytes.data, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
		&user, &system);
	buf_release(&bytes);
	return (double)(user + system) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

static long resident_kb(pid_t pid)
{
	char path[64];
	struct buf bytes;
	struct err err = { 0 };
	long kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	must(file_read(path, 65536, &bytes, &err), &err);
	const char *at = strstr(bytes.data, "VmRSS:");
	if (at != NULL)
		sscanf(at, "VmRSS: %ld", &kb);
	buf_release(&bytes);
	return kb;
}

/* ------------------------------------------------------------------ runs */

static int64_t start(json_t *steps, bool rto)
{
	struct client *client;
	struct err err = { 0 };
	json_t *body = json_object(), *answer;
	json_t *plan = json_pack("{s:s,s:s,s:{s:s,s:s,s:b},s:{s:s,s:s,s:s,s:i,s:s},s:[],s:[],s:"
				 "{},s:{},s:{},s:{}}",
		"format", "plan/1", "mode", "drill", "workspace", "name", "bench", "root", dir,
		"dirty", 0, "runbook", "name", "bench", "path", "b.yaml", "title", "bench", "version",
		1, "digest", "00", "files", "services", "environments", "targets", "params",
		"modules");

	json_object_set_new(plan, "steps", steps);
	if (rto)
		json_object_set_new(plan, "services",
			json_pack("[{s:s,s:i,s:i,s:i,s:s}]", "name", "orders", "rto_ms", 1800000,
				"rpo_ms", -1, "tier", 1, "owner", "ops"));
	json_put(body, "plan", plan);
	must(client_open(&client, dir, 0, &err), &err);
	must(client_ask(client, "start", body, &answer, &err), &err);
	const int64_t run = json_int(answer, "run", 0);
	json_decref(answer);
	client_close(client);
	return run;
}

static json_t *manual_step(const char *id)
{
	return json_pack("{s:s,s:s,s:s,s:{},s:i,s:s,s:[]}", "id", id, "title", "look", "kind",
		"manual", "uses", "level", 0, "text", "look", "needs");
}

static int64_t many_steps(void)
{
	json_t *steps = json_array();

	for (int i = 0; i < STEPS; i++) {
		char id[16], before[16];
		snprintf(id, sizeof(id), "s%d", i);
		snprintf(before, sizeof(before), "s%d", i - 1);
		json_t *step = manual_step(id);
		if (i > 0)
			json_object_set_new(step, "needs", json_pack("[s]", before));
		json_array_append_new(steps, step);
	}
	return start(steps, true);
}

static int64_t flood(long lines)
{
	json_t *steps = json_array();
	char source[160];

	snprintf(source, sizeof(source),
		"for i = 1, %ld do log('line ' .. i .. ' of the flood, \\27[32mgreen\\27[0m') end",
		lines);
	json_array_append_new(steps,
		json_pack("{s:s,s:s,s:s,s:[],s:{},s:i,s:i,s:i,s:{s:s,s:i,s:s}}", "id", "flood", "title",
			"print", "kind", "script", "needs", "uses", "level", 0, "expect_ms", 0,
			"timeout_ms", 0, "script", "file", "b.yaml", "line", 1, "source", source));
	json_t *after = manual_step("wait");
	json_object_set_new(after, "needs", json_pack("[s]", "flood"));
	json_array_append_new(steps, after);
	return start(steps, false);
}

/* ------------------------------------------------------------------ what is measured */

static void print_latency(const char *name, double *values, int count)
{
	qsort(values, (size_t)count, sizeof(values[0]), bench_compare);
	printf("%-44s %6.1f ms p50  %6.1f p99  %6.1f max  (%d keys)\n", name, values[count / 2],
		values[count * 99 / 100], values[count - 1], count);
}

/* From the key to the first of what it shows. */
static void key_latency(const char *name)
{
	double values[KEYS];
	int count = 0;

	while (count < KEYS) {
		quiet(60 + count % 7); /* not in step with the frames */
		look_from_here();
		const double begin = bench_now_us();
		press("?");
		wait_for("Keys valid now");
		values[count++] = (bench_now_us() - begin) / 1e3;
		press("?");
	}
	print_latency(name, values, count);
}

static size_t bytes_of(const char *keys)
{
	quiet(100);
	const size_t before = total_bytes;
	press(keys);
	quiet(150);
	return total_bytes - before;
}

static void on_the_line(void)
{
	size_t most = 0, least = SIZE_MAX;

	press("\033"); /* the question that opened by itself */
	quiet(300);
	press("\033[B");
	for (int i = 0; i < 20; i++) {
		const size_t bytes = bytes_of("\033[B");
		most = bytes > most ? bytes : most;
		least = bytes < least ? bytes : least;
	}
	printf("%-44s %6zu bytes  (%zu .. %zu)   limit 600\n", "a row down in the list of steps", most,
		least, most);
	printf("%-44s %6zu bytes   limit 4096\n", "the whole screen painted anew", bytes_of("\014"));
}

static void idle(pid_t pid)
{
	quiet(500);
	const double cpu = cpu_ms(pid), begin = bench_now_us();
	const size_t bytes = total_bytes;
	quiet(5000);
	const double took = (bench_now_us() - begin) / 1e3;
	printf("%-44s %6.2f %% of a CPU  %4.0f bytes a second\n", "idle, a clock running",
		(cpu_ms(pid) - cpu) * 100 / took, (double)(total_bytes - bytes) * 1e3 / took);
}

int main(int argc, char **argv)
{
	const long lines = argc > 1 ? strtol(argv[1], NULL, 10) : 40000000;
	char run[24];

	setvbuf(stdout, NULL, _IOLBF, 0);
	seen = xmalloc(SEEN_MAX);
	if (mkdtemp(dir) == NULL)
		return 1;
	server("start");
	snprintf(run, sizeof(run), "%lld", (long long)many_steps());
	double begin = bench_now_us();
	pid_t pid = open_screen(run);
	wait_for("STEPS 0/");
	printf("%-44s %6.1f ms\n", "first frame", (bench_now_us() - begin) / 1e3);
	quiet(500);
	on_the_line();
	key_latency("a key while nothing happens");
	idle(pid);
	printf("%-44s %6ld KiB\n", "memory", resident_kb(pid));
	close_screen(pid);

	begin = bench_now_us();
	snprintf(run, sizeof(run), "%lld", (long long)flood(lines));
	pid = open_screen(run);
	look_from_here();
	wait_for("of the flood");
	key_latency("a key during a flood");
	const long during = resident_kb(pid);
	look_from_here();
	wait_for("could not be done"); /* a choice of the question that follows the step */
	const double took = (bench_now_us() - begin) / 1e6;
	printf("%-44s %6.0f lines a second (%ld in %.1f s)\n",
		"step, mask, file, sanitiser, screen", (double)lines / took, lines, took);
	printf("%-44s %6ld KiB (%ld during)\n", "memory after the flood", resident_kb(pid), during);
	close_screen(pid);
	server("stop");
	const char *rm[] = { "rm", "-rf", dir, NULL };
	struct child child = { .argv = rm, .timeout_ms = 60000 };
	struct err err = { 0 };
	must(child_run(&child, &err), &err);
	child_release(&child);
	free(seen);
	return 0;
}
