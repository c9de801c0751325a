/* Running programs: every way a child may end, and the ways it may try not to. */
#include "check.h"
#include "drillbook/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG_MS = 20000 }; /* a deadline that means "it hangs" */

static struct err err;

static enum err_code shell(struct child *child, const char *script)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};

	err = (struct err){0};
	child->argv = argv;
	if (child->timeout_ms == 0)
		child->timeout_ms = LONG_MS;
	return child_run(child, &err);
}

static size_t open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count;
}

/* Whether the process whose number the text holds has ended; waits for it to. */
static bool ends_soon(const char *number)
{
	const struct mono begin = mono_now();
	const pid_t pid = atoi(number);
	char path[64], state[256];

	assert_true(pid > 1);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	while (mono_ms_since(begin) < LONG_MS) {
		const int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return true;
		const ssize_t n = read(fd, state, sizeof(state) - 1);
		close(fd);
		if (n <= 0)
			return true;
		state[n] = '\0';
		if (strstr(state, ") Z ") != NULL) /* ended; whoever inherited it has not looked yet */
			return true;
		poll(NULL, 0, 5);
	}
	return false;
}

static void exit_codes(void **state)
{
	static const int codes[] = {0, 1, 42, 255};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		struct child child = {0};
		char script[32];
		snprintf(script, sizeof(script), "exit %d", codes[i]);
		ok(shell(&child, script));
		assert_int_equal(child.exit_status, codes[i]);
		assert_int_equal(child.signal, 0);
		assert_string_equal(child.out.data, "");
		assert_string_equal(child.errout.data, "");
		child_release(&child);
	}
}

static void ended_by_a_signal(void **state)
{
	struct child child = {0};

	(void)state;
	ok(shell(&child, "kill -SEGV $$"));
	assert_int_equal(child.exit_status, -1);
	assert_int_equal(child.signal, SIGSEGV);
	assert_false(child.timed_out);
	child_release(&child);
}

static void streams_apart_and_merged(void **state)
{
	struct child child = {0}, merged = {.merge = true};

	(void)state;
	ok(shell(&child, "echo out; echo err >&2"));
	assert_string_equal(child.out.data, "out\n");
	assert_string_equal(child.errout.data, "err\n");
	child_release(&child);
	ok(shell(&merged, "echo out; echo err >&2; echo again"));
	assert_string_equal(merged.out.data, "out\nerr\nagain\n");
	assert_string_equal(merged.errout.data, "");
	child_release(&merged);
}

static void missing_programs(void **state)
{
	const char *none[] = {"/no/such/program", NULL}, *dir[] = {"/tmp", NULL}, *name[] = {"no-such-program-here", NULL};
	const char *const *all[] = {none, dir, name};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct child child = {.argv = all[i]};
		refused(ERR_NOT_FOUND, child_run(&child, &err));
		assert_non_null(strstr(err.text, all[i][0]));
		assert_int_equal(child.exit_status, -1);
		child_release(&child);
	}
	struct child child = {.cwd = "/no/such/directory"};
	refused(ERR_NOT_FOUND, shell(&child, "true"));
	child_release(&child);
}

static void a_timeout_ends_what_ignores_term(void **state)
{
	struct child child = {.timeout_ms = 100, .grace_ms = 100};
	const struct mono begin = mono_now();

	(void)state;
	refused(ERR_TIMEOUT, shell(&child, "trap '' TERM; echo $$; while :; do sleep 1; done"));
	assert_true(mono_ms_since(begin) < LONG_MS);
	assert_true(child.timed_out);
	assert_int_equal(child.signal, SIGKILL);
	assert_true(ends_soon(child.out.data)); /* the results hold on error, too */
	child_release(&child);
}

static void term_is_asked_first(void **state)
{
	struct child child = {.timeout_ms = 300, .grace_ms = LONG_MS};

	(void)state;
	refused(ERR_TIMEOUT, shell(&child, "trap 'echo polite; exit 3' TERM; while :; do sleep 0.05; done"));
	assert_string_equal(child.out.data, "polite\n");
	assert_int_equal(child.exit_status, 3);
	child_release(&child);
}

static void a_timeout_ends_the_group(void **state)
{
	struct child child = {.timeout_ms = 200, .grace_ms = 100};

	(void)state;
	/* the shell dies of TERM at once, its child ignores it */
	refused(ERR_TIMEOUT, shell(&child, "(trap '' TERM; exec sleep 600) & echo $!; wait"));
	assert_true(ends_soon(child.out.data));
	child_release(&child);
}

static volatile bool stop_flag;

static void stop_when_it_speaks(void *arg, int fd, const char *data, size_t len)
{
	(void)arg;
	(void)fd;
	(void)data;
	stop_flag = len > 0;
}

static void a_stop(void **state)
{
	struct child child = {.stop = &stop_flag, .on_output = stop_when_it_speaks, .grace_ms = 100};

	(void)state;
	stop_flag = false;
	refused(ERR_CANCELLED, shell(&child, "echo ready; exec sleep 600"));
	assert_true(child.stopped);
	assert_false(child.timed_out);
	assert_int_equal(child.signal, SIGTERM);
	child_release(&child);
}

static void a_background_writer_does_not_hold_us(void **state)
{
	struct child child = {0};
	const struct mono begin = mono_now();

	(void)state;
	ok(shell(&child, "(trap '' PIPE; exec sleep 30) & echo $!; exit 7"));
	assert_true(mono_ms_since(begin) < 10000);
	assert_int_equal(child.exit_status, 7);
	const pid_t left = atoi(child.out.data);
	assert_true(left > 1);
	kill(left, SIGKILL); /* it was to stay: only a timeout or a stop ends the group */
	child_release(&child);
}

static void a_flooding_background_writer_does_not_hold_us(void **state)
{
	struct child child = {.max_output_bytes = 1000};

	(void)state;
	ok(shell(&child, "yes & echo $! >&2; exit 0"));
	assert_int_equal(child.exit_status, 0);
	assert_true(child.out.len <= 1000);
	assert_true(ends_soon(child.errout.data)); /* of SIGPIPE: nobody reads any more */
	child_release(&child);
}

static void a_grandchild_of_its_own_session(void **state)
{
	struct child child = {.timeout_ms = 200, .grace_ms = 100};
	const struct mono begin = mono_now();

	(void)state;
	/* out of reach for a group kill; it must not keep us waiting, though it holds the output */
	refused(ERR_TIMEOUT, shell(&child, "setsid sh -c 'echo $$; exec sleep 600' & wait"));
	assert_true(mono_ms_since(begin) < 10000);
	const pid_t left = atoi(child.out.data);
	assert_true(left > 1);
	assert_int_equal(kill(left, SIGKILL), 0);
	child_release(&child);
}

static void output_is_cut_and_read_to_the_end(void **state)
{
	struct child child = {.max_output_bytes = 4096};

	(void)state;
	/* more than a pipe holds, so it only ends when all of it was read */
	ok(shell(&child, "head -c 3000000 /dev/zero | tr '\\0' x; echo done >&2"));
	assert_true(child.truncated);
	assert_int_equal(child.out.len, 4096);
	assert_string_equal(child.errout.data, "done\n");
	child_release(&child);
	struct child whole = {.max_output_bytes = 3000000};
	ok(shell(&whole, "head -c 3000000 /dev/zero | tr '\\0' x"));
	assert_false(whole.truncated);
	assert_int_equal(whole.out.len, 3000000);
	child_release(&whole);
}

static void input(void **state)
{
	struct child child = {0}, unread = {0}, empty = {.input = "", .input_bytes = 0}, none = {0};
	char *big = xmalloc(2000000);

	(void)state;
	memset(big, 'i', 2000000);
	child.input = unread.input = big;
	child.input_bytes = unread.input_bytes = 2000000;
	ok(shell(&child, "wc -c"));
	assert_int_equal(atoi(child.out.data), 2000000);
	ok(shell(&unread, "exit 4")); /* who does not read is no reason to die of SIGPIPE */
	assert_int_equal(unread.exit_status, 4);
	ok(shell(&empty, "wc -c"));
	assert_int_equal(atoi(empty.out.data), 0);
	ok(shell(&none, "wc -c; readlink /proc/self/fd/0"));
	assert_non_null(strstr(none.out.data, "/dev/null"));
	child_release(&child);
	child_release(&unread);
	child_release(&empty);
	child_release(&none);
	free(big);
}

static void the_child_starts_clean(void **state)
{
	struct child child = {0};
	sigset_t all, before;
	const int stray = open("/dev/null", O_RDONLY); /* on purpose without CLOEXEC */

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	signal(SIGTERM, SIG_IGN);
	/* ls itself opens one more for the directory it reads */
	ok(shell(&child, "ls /proc/self/fd | wc -l; kill -TERM $$; echo survived"));
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(atoi(child.out.data), 4);
	assert_null(strstr(child.out.data, "survived"));
	assert_int_equal(child.signal, SIGTERM);
	child_release(&child);
	close(stray);
}

static void one_descriptor_may_be_kept(void **state)
{
	int ends[2];
	char script[64], back[8] = {0};

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct child child = {.keep_fd = ends[1]};
	snprintf(script, sizeof(script), "echo kept >&%d", ends[1]);
	ok(shell(&child, script));
	assert_int_equal(child.exit_status, 0);
	assert_int_equal(read(ends[0], back, 5), 5);
	assert_string_equal(back, "kept\n");
	child_release(&child);
	close(ends[0]);
	close(ends[1]);
}

static void environment_and_directory(void **state)
{
	const char *env[] = {"ONLY=this", "PATH=/usr/bin:/bin", NULL};
	struct child child = {.env = env, .cwd = "/usr"};

	(void)state;
	setenv("LEAK", "secret", 1);
	ok(shell(&child, "echo $ONLY $LEAK $PWD"));
	assert_string_equal(child.out.data, "this /usr\n");
	child_release(&child);
}

/* A daemon may have 0, 1 or 2 closed: the pipes get those numbers and must survive the moving about. */
static void closed_descriptors(void **state)
{
	(void)state;
	for (unsigned closed = 0; closed < 8; closed++)
		for (int variant = 0; variant < 4; variant++) {
			const pid_t pid = fork();
			assert_true(pid >= 0);
			if (pid == 0) {
				for (int fd = 0; fd < 3; fd++)
					if (closed & 1u << fd)
						close(fd);
				struct child child = {.merge = variant & 1, .input = variant & 2 ? "in\n" : NULL,
					.input_bytes = variant & 2 ? 3 : 0};
				const enum err_code code = shell(&child, "cat; echo out; echo err >&2; exit 9");
				const char *out = child.out.data, *in = variant & 2 ? "in\n" : "";
				char expected[32];
				snprintf(expected, sizeof(expected), "%sout\n%s", in, child.merge ? "err\n" : "");
				_exit(code != ERR_NONE ? 1 : child.exit_status != 9 ? 2
					: !str_eq(out, expected) ? 3
					: !str_eq(child.errout.data, child.merge ? "" : "err\n") ? 4 : 0);
			}
			int status;
			assert_int_equal(waitpid(pid, &status, 0), pid);
			if (status != 0)
				fail_msg("closed %u, variant %d: status %d", closed, variant, status >> 8);
		}
}

static void nothing_is_left_open(void **state)
{
	const size_t before = open_descriptors();
	const char *none[] = {"/no/such/program", NULL};

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct child child = {.input = "x", .input_bytes = 1}, bad = {.argv = none};
		ok(shell(&child, "echo x; exit 1"));
		refused(ERR_NOT_FOUND, child_run(&bad, &err));
		child_release(&child);
		child_release(&bad);
	}
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* and no zombie */
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes), cmocka_unit_test(ended_by_a_signal),
		cmocka_unit_test(streams_apart_and_merged), cmocka_unit_test(missing_programs),
		cmocka_unit_test(a_timeout_ends_what_ignores_term), cmocka_unit_test(term_is_asked_first),
		cmocka_unit_test(a_timeout_ends_the_group), cmocka_unit_test(a_stop),
		cmocka_unit_test(a_background_writer_does_not_hold_us),
		cmocka_unit_test(a_flooding_background_writer_does_not_hold_us),
		cmocka_unit_test(a_grandchild_of_its_own_session),
		cmocka_unit_test(output_is_cut_and_read_to_the_end), cmocka_unit_test(input),
		cmocka_unit_test(the_child_starts_clean), cmocka_unit_test(one_descriptor_may_be_kept),
		cmocka_unit_test(environment_and_directory), cmocka_unit_test(closed_descriptors),
		cmocka_unit_test(nothing_is_left_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
