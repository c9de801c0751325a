/* T11: children that do not behave.  After the end, the timeout, the stop or the death of their step not one of them is
 * left, no zombie either, and none of them ever held a descriptor but 0, 1 and 2. */
#include "rig.h"

#include <sys/prctl.h>
#include <sys/time.h>

enum { DEADLINE_MS = 600 };

static struct rig rig;
static char marker[64]; /* an argument that every shape carries, so that it can be found in /proc */

/* ------------------------------------------------------------------ the shapes, in the child */

static void forever(void)
{
	for (;;)
		pause();
}

static void ignore(int signal_number)
{
	signal(signal_number, SIG_IGN);
}

static pid_t spawn(void (*body)(void))
{
	const pid_t pid = fork();

	if (pid == 0) {
		body();
		_exit(0);
	}
	return pid;
}

static void in_session(void)
{
	setsid();
	forever();
}

static void orphan_in_session(void)
{
	setsid();
	spawn(forever);
}

static void deaf_in_session(void)
{
	setsid();
	for (int s = 1; s < 32; s++)
		ignore(s);
	forever();
}

static void chain(void)
{
	/* a daemon in the old way, three deep */
	for (int i = 0; i < 3; i++) {
		if (fork() > 0)
			_exit(0);
		setsid();
	}
	forever();
}

static void writes(void)
{
	for (;;) {
		if (write(1, "x\n", 2) < 0)
			_exit(0);
		poll(NULL, 0, 5);
	}
}

static void floods(void)
{
	static char data[65536];

	memset(data, 'y', sizeof(data));
	for (;;)
		if (write(1, data, sizeof(data)) < 0)
			_exit(0);
}

static void subreaper_body(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	spawn(orphan_in_session);
	forever();
}

static void respawns(void)
{
	/* whoever is killed is replaced, for a while */
	for (int i = 0; i < 200; i++) {
		if (fork() == 0) {
			setsid();
			if (fork() != 0)
				_exit(0);
			poll(NULL, 0, 3);
			continue;
		}
		forever();
	}
}

static void shape_exit(void) {}
static void shape_status(void) { _exit(7); }
static void shape_signal(void) { raise(SIGKILL); }
static void shape_abort(void) { abort(); }
static void shape_sleep(void) { forever(); }
static void shape_setsid(void) { spawn(in_session); }
static void shape_setsid_stay(void) { setsid(); forever(); }
static void shape_double_fork(void) { spawn(orphan_in_session); poll(NULL, 0, 30); }
static void shape_daemon(void) { spawn(chain); poll(NULL, 0, 30); }
static void shape_closed(void) { close(0); close(1); close(2); forever(); }
static void shape_closed_exit(void) { close(0); close(1); close(2); }
static void shape_closed_child(void) { if (fork() == 0) { close(0); close(1); close(2); setsid(); forever(); } }
static void shape_flood(void) { floods(); }
static void shape_flood_err(void) { dup2(2, 1); floods(); }
static void shape_flood_child(void) { spawn(floods); poll(NULL, 0, 50); }
static void shape_flood_session(void) { if (fork() == 0) { setsid(); floods(); } poll(NULL, 0, 50); }
static void shape_ignore_term(void) { ignore(SIGTERM); forever(); }
static void shape_ignore_all(void) { deaf_in_session(); }
static void shape_ignore_child(void) { ignore(SIGTERM); spawn(forever); forever(); }
static void shape_background_writer(void) { spawn(writes); }
static void shape_background_session(void) { if (fork() == 0) { setsid(); writes(); } }
static void shape_zombies(void) { for (int i = 0; i < 50; i++) spawn(shape_exit); poll(NULL, 0, 30); }
static void shape_zombies_stay(void) { for (int i = 0; i < 50; i++) spawn(shape_exit); forever(); }
static void shape_ignore_chld(void) { ignore(SIGCHLD); spawn(forever); }
static void shape_subreaper(void) { spawn(subreaper_body); poll(NULL, 0, 50); }
static void shape_subreaper_stay(void) { subreaper_body(); }
static void shape_many(void) { for (int i = 0; i < 60; i++) spawn(forever); }
static void shape_many_sessions(void) { for (int i = 0; i < 60; i++) spawn(in_session); }
static void shape_tree(void) { for (int i = 0; i < 4; i++) fork(); forever(); }
static void shape_tree_orphans(void) { for (int i = 0; i < 4; i++) if (fork() == 0) setsid(); }
static void shape_stopped(void) { raise(SIGSTOP); forever(); }
static void shape_stopped_child(void) { if (fork() == 0) { setsid(); raise(SIGSTOP); forever(); } poll(NULL, 0, 30); }
static void shape_busy(void) { for (;;) {} }
static void shape_busy_child(void) { if (fork() == 0) for (;;) {} }
static void shape_partial_line(void) { if (write(1, "no newline", 10) < 0) _exit(1); }
static void shape_binary(void) { char all[256]; for (int i = 0; i < 256; i++) all[i] = (char)i; if (write(1, all, 256) < 0) _exit(1); }
static void shape_pgrp(void) { setpgid(0, 0); spawn(forever); forever(); }
static void shape_pgrp_child(void) { if (fork() == 0) { setpgid(0, 0); forever(); } }
static void shape_nice(void) { if (nice(19) == -1 && errno) {} spawn(in_session); }
static void shape_alarm(void) { alarm(1); forever(); }
static void shape_vfork_exec(void) { if (fork() == 0) { setsid(); execl("/bin/sh", "sh", "-c", "sleep 100", marker, (char *)NULL); } poll(NULL, 0, 30); }
static void shape_shell_bg(void) { execl("/bin/sh", "sh", "-c", "sleep 100 & (sleep 100 &) ; setsid sleep 100 &", marker, (char *)NULL); }
static void shape_shell_nohup(void) { execl("/bin/sh", "sh", "-c", "nohup sleep 100 >/dev/null 2>&1 &", marker, (char *)NULL); }
static void shape_shell_trap(void) { execl("/bin/sh", "sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done", marker, (char *)NULL); }
static void shape_shell_pipe(void) { execl("/bin/sh", "sh", "-c", "yes | head -c 5000000 | (sleep 100; cat)", marker, (char *)NULL); }
static void shape_respawn(void) { if (fork() == 0) respawns(); poll(NULL, 0, 50); }
static void shape_kill_parent(void) { if (fork() == 0) { setsid(); kill(getppid(), SIGKILL); forever(); } poll(NULL, 0, 50); }
static void shape_orphan_group(void) { if (fork() == 0) { if (fork() == 0) forever(); } }
static void shape_rename(void) { prctl(PR_SET_NAME, "a) S 1 ("); if (fork() == 0) { setsid(); prctl(PR_SET_NAME, ") R 1 1"); forever(); } forever(); }
static void shape_chdir(void) { if (chdir("/") != 0) _exit(1); spawn(in_session); }
static void shape_not_dumpable(void) { prctl(PR_SET_DUMPABLE, 0); spawn(in_session); forever(); }
static void shape_term_slowly(void) { ignore(SIGTERM); poll(NULL, 0, 900); }
static void shape_stdin(void) { char c; while (read(0, &c, 1) > 0) {} }

static const struct shape {
	const char *name;
	void (*body)(void);
} shapes[] = {
#define SHAPE(name) {#name, shape_##name}
	SHAPE(exit), SHAPE(status), SHAPE(signal), SHAPE(abort), SHAPE(sleep), SHAPE(setsid), SHAPE(setsid_stay),
	SHAPE(double_fork), SHAPE(daemon), SHAPE(closed), SHAPE(closed_exit), SHAPE(closed_child), SHAPE(flood),
	SHAPE(flood_err), SHAPE(flood_child), SHAPE(flood_session), SHAPE(ignore_term), SHAPE(ignore_all),
	SHAPE(ignore_child), SHAPE(background_writer), SHAPE(background_session), SHAPE(zombies),
	SHAPE(zombies_stay), SHAPE(ignore_chld), SHAPE(subreaper), SHAPE(subreaper_stay), SHAPE(many),
	SHAPE(many_sessions), SHAPE(tree), SHAPE(tree_orphans), SHAPE(stopped), SHAPE(stopped_child), SHAPE(busy),
	SHAPE(busy_child), SHAPE(partial_line), SHAPE(binary), SHAPE(pgrp), SHAPE(pgrp_child), SHAPE(nice),
	SHAPE(alarm), SHAPE(vfork_exec), SHAPE(shell_bg), SHAPE(shell_nohup), SHAPE(shell_trap), SHAPE(shell_pipe),
	SHAPE(respawn), SHAPE(kill_parent), SHAPE(orphan_group), SHAPE(rename), SHAPE(chdir), SHAPE(not_dumpable),
	SHAPE(term_slowly), SHAPE(stdin),
#undef SHAPE
};

/* Says on stderr what it should not have. */
static void check_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const int fd = atoi(entry->d_name);
		if (fd > 2 && fd != dirfd(dir))
			dprintf(2, "INHERITED %d\n", fd);
	}
	if (dir != NULL)
		closedir(dir);
}

static int be(const char *name)
{
	check_descriptors();
	for (size_t i = 0; i < COUNT_OF(shapes); i++)
		if (str_eq(shapes[i].name, name)) {
			shapes[i].body();
			return 0;
		}
	return 99;
}

/* ------------------------------------------------------------------ looking for them */

static bool has_marker(const char *pid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (fd >= 0)
		close(fd);
	return n > 0 && memmem(text, (size_t)n, marker, strlen(marker)) != NULL;
}

/* Processes that carry the marker, and children of the zygote: there must be none of either. */
static size_t left_over(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(dir)) != NULL) {
		char path[64], text[512];
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || atoi(entry->d_name) == getpid())
			continue;
		bool found = has_marker(entry->d_name);
		snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
		const int fd = open(path, O_RDONLY | O_CLOEXEC);
		const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
		if (fd >= 0)
			close(fd);
		text[n > 0 ? n : 0] = '\0';
		const char *end = strrchr(text, ')');
		int parent = 0;
		char kind;
		if (end != NULL && sscanf(end + 1, " %c %d", &kind, &parent) == 2 && parent == rig.zygote)
			found = true;
		if (found)
			print_error("left over: %s %s\n", entry->d_name, text);
		count += found;
	}
	closedir(dir);
	return count;
}

/* ------------------------------------------------------------------ the tests */

static json_t *shape_job(const char *shape, const char *effect)
{
	char self[512];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	json_t *all = json_pack("{s:{s:s, s:s, s:{}, s:{s:{s:[s,s,s,s], s:s}}}}", "tools", "provider", "command",
		"environment", "lab", "settings", "actions", "be", "argv", self, "--shape", shape, marker, "effect",
		effect);
	json_t *job = step_job("attempt(action.run, 'tools', {name = 'be'})\nattempt(action.read, 'tools', {name = 'be'})", all);
	json_object_set_new(job, "timeout_ms", json_integer(DEADLINE_MS));
	json_object_set_new(job, "output_max_bytes", json_integer(1 << 20));
	return job;
}

static int setup(void **state)
{
	(void)state;
	/* what must not be inherited: descriptors that are open on purpose */
	for (int i = 0; i < 20; i++)
		assert_true(open("/dev/null", O_RDONLY) > 2);
	rig_start(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

static void check_gone(struct run *run, const char *name)
{
	run_exited(run);
	const size_t left = left_over();
	if (left > 0)
		fail_msg("%s: %zu processes are left", name, left);
	char *out = run_output(run);
	if (strstr(out, "INHERITED") != NULL)
		fail_msg("%s: %s", name, out);
	free(out);
	run_end(run);
}

/* The step's own end and its timeout. */
static void nothing_is_left_after_the_end(void **state)
{
	(void)state;
	assert_true(COUNT_OF(shapes) >= 50);
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		struct run run;
		run_fork(&rig, &run, -1);
		run_send(&run, shape_job(shapes[i].name, "read"));
		json_t *message;
		while ((message = run_next(&run)) != NULL)
			json_decref(message);
		check_gone(&run, shapes[i].name);
	}
}

/* Reads until the child has surely begun, so that there is something to end. */
static void wait_for_child(struct run *run)
{
	const struct mono begin = mono_now();

	run_forked(run);
	while (mono_ms_since(begin) < 400) {
		DIR *dir = opendir("/proc");
		struct dirent *entry;
		bool found = false;
		while (!found && (entry = readdir(dir)) != NULL)
			found = entry->d_name[0] > '0' && entry->d_name[0] <= '9' &&
				atoi(entry->d_name) != getpid() && has_marker(entry->d_name);
		closedir(dir);
		if (found)
			return;
		poll(NULL, 0, 2);
	}
}

static const char *const some[] = {"sleep", "setsid_stay", "ignore_all", "double_fork", "flood_session", "subreaper_stay",
	"tree", "stopped_child", "respawn", "shell_bg", "many_sessions", "busy"};

static void nothing_is_left_after_a_stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(some); i++) {
		struct run run;
		run_fork(&rig, &run, -1);
		run_send(&run, shape_job(some[i], "read"));
		wait_for_child(&run);
		tell(run.channel, "{s:s}", "t", "stop");
		json_t *message;
		while ((message = run_next(&run)) != NULL)
			json_decref(message);
		check_gone(&run, some[i]);
	}
}

/* kill -9 of the worker itself: the zygote cleans up. */
static void nothing_is_left_after_a_kill(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(some); i++) {
		struct run run, bystander;
		run_fork(&rig, &bystander, -1);
		run_send(&bystander, shape_job("sleep", "change"));
		json_decref(run_expect(&bystander, "intent"));
		run_fork(&rig, &run, -1);
		run_send(&run, shape_job(some[i], "read"));
		wait_for_child(&run);
		kill(run.pid, SIGKILL);
		run_exited(&run);
		assert_int_equal(json_int(run.exited, "signal", 0), SIGKILL);
		/* the other worker lives: its step is none of this */
		tell(bystander.channel, "{s:s}", "t", "stop");
		json_decref(run_expect(&bystander, "done"));
		run_exited(&bystander);
		run_end(&bystander);
		check_gone(&run, some[i]);
	}
}

/* The server dies: the worker takes its children with it. */
static void nothing_is_left_after_the_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(some); i++) {
		struct run run;
		run_fork(&rig, &run, -1);
		run_send(&run, shape_job(some[i], "read"));
		wait_for_child(&run);
		run_hang_up(&run);
		check_gone(&run, some[i]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_after_the_end),
		cmocka_unit_test(nothing_is_left_after_a_stop),
		cmocka_unit_test(nothing_is_left_after_a_kill),
		cmocka_unit_test(nothing_is_left_after_the_server),
	};

	snprintf(marker, sizeof(marker), "%s", argc == 4 ? argv[3] : "");
	if (argc == 4 && str_eq(argv[1], "--shape"))
		return be(argv[2]);
	snprintf(marker, sizeof(marker), "drillbook-marker-%d", (int)getpid());
	return cmocka_run_group_tests(tests, setup, teardown);
}
