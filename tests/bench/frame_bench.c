/* frame_bench.c: time to the first useful frame, on a pty, against tmux in the same run.
 *
 * Ours: `drillbook attach RUN` of an open run of 100 steps, server running, until the run's
 * title is on the screen; and the same with no server running.  Peer: `tmux attach` to a
 * session whose pane shows a word, until that word arrives. */
#include "bench.h"

#include "drillbook/base.h"
#include "drillbook/wire.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 11, STEPS = 100, PATIENCE_MS = 10000 };

static char dir[] = "/var/tmp/drillbook-bench-XXXXXX";

static void must(enum err_code code, const struct err *err)
{
	if (code == ERR_NONE)
		return;
	fprintf(stderr, "%s: %s\n", err_name(code), err->text);
	exit(1);
}

static int run_program(const char *const *argv)
{
	struct child child = { .argv = argv, .timeout_ms = 60000 };
	struct err err = { 0 };

	must(child_run(&child, &err), &err);
	const int status = child.exit_status;
	child_release(&child);
	return status;
}

static void server(const char *what)
{
	const char *argv[] = { BENCH_BINARY "/bin/drillbook", "--data", dir, "server", what,
		"--force", NULL };

	run_program(argv);
}

/* Milliseconds until `word` has come out of the program on a fresh pty of 80x24. */
static double until_word(const char *const *argv, const char *word)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	char seen[1 << 18];
	size_t len = 0;
	int master;
	const double begin = bench_now_us();
	const pid_t pid = forkpty(&master, NULL, NULL, &size);

	if (pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		unsetenv("TMUX");
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	double took = -1;
	while (took < 0 && bench_now_us() - begin < PATIENCE_MS * 1e3) {
		struct pollfd p = { .fd = master, .events = POLLIN };
		if (poll(&p, 1, 100) <= 0)
			continue;
		const ssize_t n = read(master, seen + len, sizeof(seen) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		seen[len] = '\0';
		if (memmem(seen, len, word, strlen(word)) != NULL)
			took = (bench_now_us() - begin) / 1e3;
	}
	kill(pid, SIGHUP);
	close(master);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	if (took < 0) {
		fprintf(stderr, "%s never showed \"%s\"\n", argv[0], word);
		exit(1);
	}
	return took;
}

static void start_run(void)
{
	struct client *client;
	struct err err = { 0 };
	json_t *body = json_object(), *steps = json_array();
	json_t *plan = json_pack("{s:s,s:s,s:{s:s,s:s,s:b},s:{s:s,s:s,s:s,s:i,s:s},s:[],s:[],s:"
				 "{},s:{},s:{},s:{}}",
		"format", "plan/1", "mode", "drill", "workspace", "name", "bench", "root", dir,
		"dirty", 0, "runbook", "name", "firstframe", "path", "b.yaml", "title", "bench",
		"version", 1, "digest", "00", "files", "services", "environments", "targets",
		"params", "modules");

	for (int i = 0; i < STEPS; i++) {
		char id[16], before[16];
		snprintf(id, sizeof(id), "s%d", i);
		snprintf(before, sizeof(before), "s%d", i - 1);
		json_t *step = json_pack("{s:s,s:s,s:s,s:{},s:i,s:s}", "id", id, "title",
			"look", "kind", "manual", "uses", "level", 0, "text", "look");
		json_object_set_new(
			step, "needs", i > 0 ? json_pack("[s]", before) : json_array());
		json_array_append_new(steps, step);
	}
	json_object_set_new(plan, "steps", steps);
	json_put(body, "plan", plan);
	server("start");
	must(client_open(&client, dir, 0, &err), &err);
	must(client_ask(client, "start", body, NULL, &err), &err);
	client_close(client);
}

int main(void)
{
	struct series peer = { .name = "tmux attach", .unit = "ms" },
		      ours = { .name = "drillbook attach, server running", .unit = "ms" },
		      cold = { .name = "drillbook attach, server started too", .unit = "ms" };
	const char *attach[] = { BENCH_BINARY "/bin/drillbook", "--data", dir, "attach",
		"--watch", "1", NULL };

	if (mkdtemp(dir) == NULL)
		return 1;
	char *socket_path = path_join(dir, "tmux");
	const char *tmux_new[] = { "tmux", "-f", "/dev/null", "-S", socket_path, "new-session",
		"-d", "-x", "80", "-y", "24", "printf FIRSTFRAME; sleep 600", NULL };
	const char *tmux_attach[] = { "tmux", "-S", socket_path, "attach", NULL };
	const char *tmux_end[] = { "tmux", "-S", socket_path, "kill-server", NULL };
	const bool tmux = access("/usr/bin/tmux", X_OK) == 0 && run_program(tmux_new) == 0;
	start_run();
	for (int i = 0; i < ROUNDS; i++) {
		if (tmux)
			series_add(&peer, until_word(tmux_attach, "FIRSTFRAME"));
		series_add(&ours, until_word(attach, "firstframe"));
	}
	for (int i = 0; i < 5; i++) {
		server("stop");
		series_add(&cold, until_word(attach, "firstframe"));
	}
	server("stop");
	if (tmux) {
		series_print(&peer, NULL);
		run_program(tmux_end);
	} else {
		puts("tmux is not installed: left out");
	}
	series_print(&ours, tmux ? &peer : NULL);
	series_print(&cold, tmux ? &peer : NULL);
	const char *rm[] = { "rm", "-rf", dir, NULL };
	run_program(rm);
	free(socket_path);
	return 0;
}
