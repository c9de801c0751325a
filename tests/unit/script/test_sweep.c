/* test_sweep.c: what outlives a step: the service an operation was to start, and nothing else.
 */
#include "sweep.h"

#include "drillbook/base.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEPT = 1, SESSION = 2 };

/* An orphan of ours that sleeps, with a child of its own; its pid. */
static pid_t orphan(int flags)
{
	char *const keep[] = { (char[]){ "A=1" }, (char[]){ "DRILLBOOK_KEEP=1" }, NULL };
	char *const plain[] = { (char[]){ "A=1" }, (char[]){ "NOT_DRILLBOOK_KEEP=1" }, NULL };
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
		(char[]){ "sleep 60 & echo x >&3; exec 3>&-; wait" }, NULL };
	int ready[2], pids[2];
	pid_t pid = 0;
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(pids), 0);
	const pid_t middle = fork();
	if (middle == 0) {
		pid = fork();
		if (pid != 0)
			_exit(write(pids[1], &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1);
		if (flags & SESSION)
			setsid();
		dup2(ready[1], 3);
		execve("/bin/sh", argv, flags & KEPT ? keep : plain);
		_exit(1);
	}
	assert_int_equal(read(pids[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	close(ready[1]);
	close(pids[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(pids[0]);
	return pid;
}

static bool lives(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void test_keeps_services_only(void **state)
{
	const pid_t service = orphan(KEPT | SESSION);
	const pid_t daemon = orphan(SESSION);
	const pid_t tool = orphan(KEPT); /* what starts a service: in our session */
	const pid_t child = orphan(0);

	(void)state;
	const struct mono start = mono_now();
	assert_true(sweep_all(5000));
	assert_true(mono_ms_since(start) < 2000);
	assert_true(lives(service));
	assert_false(lives(daemon));
	assert_false(lives(tool));
	assert_false(lives(child));
	/* its own child was left alone */
	assert_int_equal(waitpid(service, NULL, WNOHANG), 0);
	assert_int_equal(kill(-service, 0), 0);
	assert_int_equal(sweep_signal(SIGTERM, NULL, NULL), 0);
	assert_true(lives(service));
	kill(-service, SIGKILL);
	assert_int_equal(waitpid(service, NULL, 0), service);
	assert_true(sweep_all(5000));
}

static void test_nothing_there(void **state)
{
	(void)state;
	const struct mono start = mono_now();
	assert_true(sweep_all(5000));
	assert_true(mono_ms_since(start) < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_services_only),
		cmocka_unit_test(test_nothing_there),
	};

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
