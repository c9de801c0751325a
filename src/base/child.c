/* child.c: running a program.  The end of a child is the end of its process, read from a pidfd, never the
 * end of its output: whatever it left in the background may hold the pipe for ever. */
#include "drillbook/base.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { POLL_SLICE_MS = 50, DEFAULT_GRACE_MS = 2000, DEFAULT_OUTPUT = 1 << 20, DRAIN_MAX = 4 << 20 };

/* Our ends of the pipes; -1 once closed. */
struct pipes {
	int in, out, err;
	size_t written; /* bytes of child->input already in the pipe */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void keep(struct child *child, struct buf *buf, int fd, const char *data, size_t len)
{
	struct err ignored;

	if (child->on_output != NULL)
		child->on_output(child->arg, fd, data, len);
	size_t room = buf->max_bytes - buf->len;
	if (len > room)
		child->truncated = true;
	if (buf_add(buf, data, len < room ? len : room, &ignored) != ERR_NONE)
		child->truncated = true;
}

/* False when the pipe has ended. */
static bool take_output(struct child *child, int *fd, int number)
{
	char chunk[65536];
	const ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n > 0) {
		const bool error = number == 2 && !child->merge;
		keep(child, error ? &child->errout : &child->out, number, chunk, (size_t)n);
		return true;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return errno == EINTR;
	close_fd(fd);
	return false;
}

static void give_input(struct child *child, struct pipes *pipes)
{
	const char *at = child->input;
	const ssize_t n =
		write(pipes->in, at + pipes->written, child->input_bytes - pipes->written);

	if (n > 0)
		pipes->written += (size_t)n;
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || pipes->written == child->input_bytes)
		close_fd(&pipes->in);
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static _Noreturn void become(const struct child *child, int in, int out, int error, int report)
{
	/* with 0, 1 or 2 closed in the parent the pipes may have got those numbers: dup2 onto itself would
	 * leave a descriptor that closes at exec */
	int *const ends[] = {&in, &out, &error, &report};
	sigset_t none;
	struct sigaction plain = {.sa_handler = SIG_DFL};

	setpgid(0, 0);
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < COUNT_OF(ends); i++)
		if (*ends[i] <= 2)
			*ends[i] = fcntl(*ends[i], F_DUPFD_CLOEXEC, 3);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(error, 2) < 0)
		goto failed;
	syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
	if (child->keep_fd > 2)
		fcntl(child->keep_fd, F_SETFD, 0);
	if (child->cwd != NULL && chdir(child->cwd) != 0)
		goto failed;
	if (child->env != NULL)
		execvpe(child->argv[0], (char *const *)(uintptr_t)child->argv,
			(char *const *)(uintptr_t)child->env);
	else
		execvp(child->argv[0], (char *const *)(uintptr_t)child->argv);
failed:;
	const int why = errno;
	if (write(report, &why, sizeof(why)) < 0)
		_exit(126);
	_exit(127);
}

static bool make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) == 0)
		return true;
	ends[0] = ends[1] = -1;
	return false;
}

/* Starts the program; *pid is 0 on error. */
static enum err_code start(struct child *child, struct pipes *pipes, pid_t *pid, struct err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, error[2] = {-1, -1}, report[2] = {-1, -1};
	enum err_code code = ERR_NONE;
	int why = 0;

	*pid = 0;
	if (child->input == NULL)
		in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	else if (!make_pipe(in))
		in[0] = -1;
	if (in[0] < 0 || !make_pipe(out) || (!child->merge && !make_pipe(error)) || !make_pipe(report)) {
		code = err_errno(err, "cannot run \"%s\"", child->argv[0]);
		goto out;
	}
	*pid = fork();
	if (*pid == 0)
		become(child, in[0], out[1], child->merge ? out[1] : error[1], report[1]);
	if (*pid < 0) {
		*pid = 0;
		code = err_errno(err, "cannot run \"%s\"", child->argv[0]);
		goto out;
	}
	setpgid(*pid, *pid); /* also here: a kill must not come before the child's own call */
	close_fd(&report[1]);
	ssize_t n;
	do
		n = read(report[0], &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(why)) {
		waitpid(*pid, NULL, 0);
		*pid = 0;
		code = err_set(err, ERR_NOT_FOUND, "cannot run \"%s\": %s", child->argv[0], strerror(why));
	}
out:
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&error[1]);
	close_fd(&report[0]);
	close_fd(&report[1]);
	*pipes = (struct pipes){.in = in[1], .out = out[0], .err = error[0]};
	return code;
}

/* One round of waiting: true when the child has ended. */
static bool wait_round(struct child *child, struct pipes *pipes, int pidfd, int64_t wait_ms)
{
	struct pollfd fds[] = {
		{.fd = pidfd, .events = POLLIN},
		{.fd = pipes->out, .events = POLLIN},
		{.fd = pipes->err, .events = POLLIN},
		{.fd = pipes->in, .events = POLLOUT},
	};

	if (poll(fds, COUNT_OF(fds), (int)wait_ms) <= 0)
		return false;
	if (fds[1].revents)
		take_output(child, &pipes->out, 1);
	if (fds[2].revents)
		take_output(child, &pipes->err, 2);
	if (fds[3].revents)
		give_input(child, pipes);
	return fds[0].revents != 0;
}

/* After a TERM the child itself may be gone while others of its group are not: they get the rest of the grace,
 * as long as they hold the output, and then KILL.  The child is not reaped yet, so the group's number is ours. */
static void end_group(struct child *child, struct pipes *pipes, pid_t pid, int64_t left_ms)
{
	const struct mono begin = mono_now();

	for (int64_t wait_ms = left_ms; wait_ms > 0 && (pipes->out >= 0 || pipes->err >= 0);
		wait_ms = left_ms - mono_ms_since(begin))
		wait_round(child, pipes, -1, wait_ms);
	kill(-pid, SIGKILL);
}

/* Waits for the end, asking for it at the deadline or on a stop. */
static void supervise(struct child *child, struct pipes *pipes, pid_t pid, int pidfd)
{
	const struct mono begin = mono_now();
	const int64_t grace = child->grace_ms > 0 ? child->grace_ms : DEFAULT_GRACE_MS;
	int64_t kill_at = -1;
	bool killed = false;

	for (;;) {
		const int64_t now = mono_ms_since(begin);
		int64_t wait_ms = child->stop != NULL ? POLL_SLICE_MS : 60000;
		if (kill_at < 0) {
			child->timed_out = child->timeout_ms > 0 && now >= child->timeout_ms;
			child->stopped = child->stop != NULL && *child->stop;
			if (child->timed_out || child->stopped) {
				kill(-pid, SIGTERM);
				kill_at = now + grace;
			} else if (child->timeout_ms > 0 && child->timeout_ms - now < wait_ms) {
				wait_ms = child->timeout_ms - now;
			}
		}
		if (kill_at >= 0 && !killed) {
			if (now >= kill_at) {
				kill(-pid, SIGKILL);
				killed = true;
			} else if (kill_at - now < wait_ms) {
				wait_ms = kill_at - now;
			}
		}
		if (wait_round(child, pipes, pidfd, wait_ms)) {
			if (kill_at >= 0)
				end_group(child, pipes, pid, kill_at - mono_ms_since(begin));
			return;
		}
	}
}

static void drain(struct child *child, int *fd, int number)
{
	size_t before = child->out.len + child->errout.len;

	if (*fd < 0)
		return;
	fcntl(*fd, F_SETFL, O_NONBLOCK);
	/* a background writer could go on for ever: what was there at the end is at most a pipe's worth */
	for (size_t round = 0; round < DRAIN_MAX / 65536 && take_output(child, fd, number); round++)
		if (child->out.len + child->errout.len - before > DRAIN_MAX)
			break;
	close_fd(fd);
}

enum err_code child_run(struct child *child, struct err *err)
{
	struct pipes pipes;
	pid_t pid;
	siginfo_t info = {0};
	const size_t max = child->max_output_bytes ? child->max_output_bytes : DEFAULT_OUTPUT;

	child->exit_status = -1;
	child->signal = 0;
	child->timed_out = child->stopped = child->truncated = false;
	buf_init(&child->out, max);
	buf_init(&child->errout, max);
	TRY(buf_add(&child->out, "", 0, err));
	TRY(buf_add(&child->errout, "", 0, err));
	enum err_code code = start(child, &pipes, &pid, err);
	if (code != ERR_NONE)
		goto out;
	const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		code = err_errno(err, "cannot watch \"%s\"", child->argv[0]);
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		goto out;
	}
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	if (pipes.in >= 0)
		fcntl(pipes.in, F_SETFL, O_NONBLOCK);
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	sigaction(SIGPIPE, &ignore, &before);
	supervise(child, &pipes, pid, pidfd);
	sigaction(SIGPIPE, &before, NULL);
	while (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	close(pidfd);
	if (info.si_code == CLD_EXITED)
		child->exit_status = info.si_status;
	else
		child->signal = info.si_status;
	drain(child, &pipes.out, 1);
	drain(child, &pipes.err, 2);
	if (child->timed_out)
		code = err_set(err, ERR_TIMEOUT, "\"%s\" was ended after %lld ms", child->argv[0],
			(long long)child->timeout_ms);
	else if (child->stopped)
		code = err_set(err, ERR_CANCELLED, "\"%s\" was stopped", child->argv[0]);
out:
	close_fd(&pipes.in);
	close_fd(&pipes.out);
	close_fd(&pipes.err);
	return code;
}

void child_release(struct child *child)
{
	buf_release(&child->out);
	buf_release(&child->errout);
}
