/* zygote.c: the small process that forks workers.
 *
 * It has one thread, holds no secret and has every library loaded, so that a fork is cheap and
 * safe.  What a dead worker leaves behind comes to it (subreaper): a child that is no living
 * worker is an orphan of a dead one and is ended before that worker is reported as exited. */
#include "job.h"
#include "modes.h"
#include "sandbox.h"
#include "sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL_FD = 3, SWEEP_TICK_MS = 5, SWEEP_PATIENCE_MS = 5000 };

struct forked {
	struct forked *next;
	int64_t id;
	pid_t pid;
	bool dead; /* reaped; its orphans are being ended */
	int status, signal;
	struct mono died;
};

struct zygote {
	struct wire wire;
	struct forked *workers;
	int signals; /* signalfd */
};

static void say(const struct forked *worker, const char *what)
{
	struct err ignored;
	json_t *message = message_new(what);

	json_put_int(message, "worker", worker->id);
	json_put_int(message, "pid", worker->pid);
	if (str_eq(what, "exited")) {
		json_put_int(message, "status", worker->status);
		json_put_int(message, "signal", worker->signal);
	}
	if (wire_send(CONTROL_FD, message, NULL, 0, &ignored) != ERR_NONE)
		ignored.code = ERR_NONE; /* the server has gone: seen at the next read */
	json_decref(message);
}

/* ------------------------------------------------------------------ messages */

static void do_fork(struct zygote *zygote, const json_t *message)
{
	int fds[4];

	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = wire_take_fd(&zygote->wire);
	const pid_t pid = fds[0] >= 0 ? fork() : -1;
	if (pid == 0)
		worker_run(fds);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	struct forked *worker = xmalloc(sizeof(*worker));
	*worker = (struct forked){
		.next = zygote->workers, .id = json_int(message, "worker", 0), .pid = pid
	};
	if (pid < 0) {
		worker->status = 126;
		say(worker, "exited");
		free(worker);
		return;
	}
	zygote->workers = worker;
	say(worker, "forked");
}

static void do_kill(struct zygote *zygote, const json_t *message)
{
	const int64_t id = json_int(message, "worker", 0);
	const int number = (int)json_int(message, "signal", SIGTERM);

	for (struct forked *worker = zygote->workers; worker != NULL; worker = worker->next) {
		if (worker->id != id || worker->dead)
			continue;
		/* before its setsid it is still in our own group */
		if (kill(-worker->pid, number) != 0)
			kill(worker->pid, number);
	}
}

static void serve(struct zygote *zygote)
{
	struct err err = { 0 };
	json_t *message;

	if (wire_read(&zygote->wire, &err) != ERR_NONE)
		zygote->wire.closed = true;
	while (wire_next(&zygote->wire, &message, &err) == ERR_NONE && message != NULL) {
		const char *what = json_str(message, "t", "");
		if (str_eq(what, "fork"))
			do_fork(zygote, message);
		else if (str_eq(what, "kill"))
			do_kill(zygote, message);
		else
			log_line(LOG_ERROR, "zygote: \"%s\" is no message to it", what);
		json_decref(message);
	}
	if (err.code != ERR_NONE)
		zygote->wire.closed = true;
}

/* ------------------------------------------------------------------ the dead */

static bool is_worker(void *arg, pid_t child)
{
	const struct zygote *zygote = arg;

	for (const struct forked *worker = zygote->workers; worker != NULL;
		worker = worker->next)
		if (worker->pid == child && !worker->dead)
			return true;
	return false;
}

static void reap(struct zygote *zygote)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct forked *worker = zygote->workers; worker != NULL;
			worker = worker->next)
			if (worker->pid == pid && !worker->dead) {
				worker->dead = true;
				worker->died = mono_now();
				worker->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
				worker->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
			}
}

/* True when there are children that are no workers, living or not. */
static bool orphans(struct zygote *zygote)
{
	return sweep_needed(is_worker, zygote) && sweep_signal(SIGKILL, is_worker, zygote) > 0;
}

/* Reports the dead whose orphans are gone.  True while some are left to be looked at again. */
static bool bury(struct zygote *zygote)
{
	bool dead = false;

	reap(zygote);
	for (const struct forked *worker = zygote->workers; worker != NULL;
		worker = worker->next)
		dead = dead || worker->dead;
	if (!dead)
		return false;
	const bool left = orphans(zygote);
	bool waiting = false;
	for (struct forked **at = &zygote->workers; *at != NULL;) {
		struct forked *worker = *at;
		if (!worker->dead ||
			(left && mono_ms_since(worker->died) < SWEEP_PATIENCE_MS)) {
			waiting = waiting || worker->dead;
			at = &worker->next;
			continue;
		}
		say(worker, "exited");
		*at = worker->next;
		free(worker);
	}
	return waiting;
}

/* ------------------------------------------------------------------ life */

static int watch_children(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Whatever initialises itself or is bound at its first use does so here, once, and not in every
 * worker. */
static void warm_up(void)
{
	char hex[SHA256_HEX];
	struct job job = {
		.mode = "", .step = "", .json = json_object(), .replay = json_object()
	};
	struct sha256_stream *stream = sha256_new();

	sha256_add(stream, "", 1);
	json_put_str(job.json, "warm", sha256_hex(sha256_end(stream), hex));
	char *line = json_line(job.json);
	free(line);
	lua_State *lua = sandbox_new(&job);
	if (lua != NULL)
		lua_close(lua);
	json_decref(job.json);
	json_decref(job.replay);
}

int zygote_main(void)
{
	struct zygote zygote = { .signals = watch_children() };
	struct pollfd fds[] = { { .fd = CONTROL_FD, .events = POLLIN },
		{ .fd = zygote.signals, .events = POLLIN } };
	struct signalfd_siginfo info;
	bool waiting = false;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "drillbook-zygote");
	signal(SIGPIPE, SIG_IGN);
	if (fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC) != 0) {
		fprintf(stderr, "worker --zygote: descriptor 3 is not open\n");
		return 2;
	}
	warm_up();
	wire_init(&zygote.wire, CONTROL_FD, 1 << 20);
	while (!zygote.wire.closed) {
		poll(fds, COUNT_OF(fds), waiting ? SWEEP_TICK_MS : -1);
		while (fds[1].revents != 0 && read(zygote.signals, &info, sizeof(info)) > 0)
			;
		if (fds[0].revents != 0)
			serve(&zygote);
		waiting = bury(&zygote);
	}
	/* its workers see their own channels close */
	for (struct forked *next; zygote.workers != NULL; zygote.workers = next) {
		next = zygote.workers->next;
		free(zygote.workers);
	}
	wire_release(&zygote.wire);
	return 0;
}
