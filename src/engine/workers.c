/* workers.c: the zygote and the worker processes: started here, listened to here, given up
 * here.
 *
 * A worker has ended when its channel is closed and the zygote has swept what it left behind
 * ("exited").  Only then is its outbox read and, if it never said "done", its step treated as
 * lost. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OUTBOX_MAX = 64 << 20, EXIT_PATIENCE_MS = 5000, JOB_TIMEOUT_MS = 60000,
	CONDITION_TIMEOUT_MS = 5000 };

struct worker *worker_find(struct server *server, int64_t id)
{
	for (struct worker *worker = server->workers; worker != NULL && id != 0;
		worker = worker->next)
		if (worker->id == id)
			return worker;
	return NULL;
}

char *outbox_path(const struct server *server, int64_t run, size_t step, int64_t attempt)
{
	return xasprintf("%s/outbox/%lld-%zu-%lld", server->options->data_dir, (long long)run,
		step, (long long)attempt);
}

char *output_name(int64_t run, size_t step, int64_t attempt)
{
	return xasprintf("%lld/%04zu-%lld.log", (long long)run, step + 1, (long long)attempt);
}

/* ------------------------------------------------------------------ the zygote */

static void tell_zygote(struct server *server, json_t *message, const int *fds, size_t count)
{
	struct err err;

	if (server->zygote.running &&
		wire_send(server->zygote.fd, message, fds, count, &err) != ERR_NONE)
		log_line(LOG_ERROR, "zygote: %s", err.text);
	json_decref(message);
}

static void kill_worker(struct server *server, int64_t id, int64_t number)
{
	json_t *message = json_object();

	json_put_str(message, "t", "kill");
	json_put_int(message, "worker", id);
	json_put_int(message, "signal", number);
	tell_zygote(server, message, NULL, 0);
}

static void worker_ended(struct worker *worker);

static void zygote_says(struct server *server, const json_t *message)
{
	struct worker *worker = worker_find(server, json_int(message, "worker", 0));
	const char *what = json_str(message, "t", "");

	if (worker == NULL)
		return;
	if (str_eq(what, "forked")) {
		worker->pid = (pid_t)json_int(message, "pid", 0);
	} else if (str_eq(what, "exited")) {
		worker->exited = true;
		worker->exit_status = (int)json_int(message, "status", 0);
		worker->exit_signal = (int)json_int(message, "signal", 0);
		if (worker->closed)
			worker_ended(worker);
	}
}

static void zygote_gone(struct server *server)
{
	uv_poll_stop(&server->zygote.poll);
	close(server->zygote.fd);
	server->zygote.running = false;
	log_line(LOG_ERROR, "the zygote has ended; another is started with the next step");
	for (struct worker *worker = server->workers, *next; worker != NULL; worker = next) {
		next = worker->next;
		worker->exited = true;
		if (worker->closed)
			worker_ended(worker);
	}
}

static void zygote_readable(uv_poll_t *poll, int status, int events)
{
	struct server *server = poll->data;
	struct err err = { 0 };
	json_t *message;

	(void)status, (void)events;
	if (wire_read(&server->zygote.wire, &err) != ERR_NONE)
		server->zygote.wire.closed = true;
	while (wire_next(&server->zygote.wire, &message, &err) == ERR_NONE && message != NULL) {
		zygote_says(server, message);
		json_decref(message);
	}
	if (server->zygote.wire.closed)
		zygote_gone(server);
}

enum err_code zygote_start(struct server *server, struct err *err)
{
	int pair[2];
	char *path = path_libexec("worker");
	enum err_code code = ERR_NONE;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		code = err_errno(err, "no socket for the zygote");
		goto out;
	}
	const pid_t pid = fork();
	if (pid == 0) {
		const int null = open("/dev/null", O_RDWR);
		if (pair[1] == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(pair[1], 3);
		dup2(null, 0);
		dup2(null, 1); /* stderr stays: the server's log */
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		execl(path, path, "--zygote", (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	if (pid < 0) {
		code = err_errno(err, "cannot start the zygote");
		close(pair[0]);
		goto out;
	}
	wire_release(&server->zygote.wire);
	server->zygote.fd = pair[0];
	server->zygote.pid = pid;
	server->zygote.running = true;
	wire_init(&server->zygote.wire, pair[0], WIRE_LINE_MAX);
	uv_poll_init(&server->loop, &server->zygote.poll, pair[0]);
	server->zygote.poll.data = server;
	uv_poll_start(&server->zygote.poll, UV_READABLE, zygote_readable);
out:
	free(path);
	return code;
}

void zygote_stop(struct server *server)
{
	if (!server->zygote.running)
		return;
	uv_poll_stop(&server->zygote.poll);
	close(server->zygote.fd);
	server->zygote.running = false;
}

/* ------------------------------------------------------------------ the end of a worker */

static void worker_closed(uv_handle_t *handle)
{
	struct worker *worker = handle->data;

	free(worker);
}

/* Results that a worker could not hand over, because the channel was closed. */
static void read_outbox(struct live *live, const struct worker *worker)
{
	struct buf bytes;
	struct err err;

	if (worker->outbox_path == NULL ||
		file_read(worker->outbox_path, OUTBOX_MAX, &bytes, &err) != ERR_NONE)
		return;
	resume_outbox(live, worker->step, &bytes);
	buf_release(&bytes);
}

/* The phases of an attempt share an outbox, and the next phase starts before the last one's
 * process is gone. */
static bool outbox_in_use(const struct server *server, const char *path)
{
	for (const struct worker *worker = server->workers; worker != NULL;
		worker = worker->next)
		if (str_eq(worker->outbox_path, path))
			return true;
	return false;
}

static void condition_lost(struct live *live, size_t step, const char *reason)
{
	struct live_step *own = &live->steps[step];
	struct err err = { 0 };

	if (!own->judging)
		return;
	own->judging = false;
	live->active--;
	live->dirty = true;
	if (live->run->steps[step].state != STEP_PENDING)
		return; /* passed over meanwhile */
	err_set(&err, ERR_TIMEOUT, "its condition could not be looked at: %s", reason);
	step_begin_failed(live, step, &err);
}

static void worker_ended(struct worker *worker)
{
	struct server *server = worker->server;
	struct live *live = live_find(server, worker->run);
	struct worker **at = &server->workers;

	if (worker->freed)
		return;
	worker->freed = true;
	if (live != NULL && !worker->done && !live->ending) {
		char *reason =
			worker->exit_signal
				? xasprintf("the worker was ended by signal %d (%s)",
					  worker->exit_signal, strsignal(worker->exit_signal))
				: xasprintf(
					  "the worker ended with status %d before it was done",
					  worker->exit_status);
		json_t *message = json_object(), *error = json_object();
		json_put_flag(message, "ok", false);
		json_put_str(error, "text", reason);
		json_put(message, "error", error);
		if (worker->job == JOB_VERIFY)
			step_verdict(live, worker->step, json_str(worker->verifying, "key", ""),
				message);
		else if (worker->job == JOB_SECRETS)
			live->secrets_pending = false, live->dirty = true;
		else if (worker->job == JOB_CONDITION)
			condition_lost(live, worker->step, reason);
		else if (live->run->steps[worker->step].attempt == worker->attempt) {
			read_outbox(live, worker);
			step_lost(live, worker->step, reason, false);
		}
		json_decref(message);
		free(reason);
	}
	while (*at != worker)
		at = &(*at)->next;
	*at = worker->next;
	if (worker->outbox_path != NULL && !outbox_in_use(server, worker->outbox_path))
		unlink(worker->outbox_path);
	if (worker->outbox_fd >= 0)
		close(worker->outbox_fd);
	if (server->spare == worker)
		server->spare = NULL;
	uv_poll_stop(&worker->poll);
	close(worker->fd);
	wire_release(&worker->wire);
	json_decref(worker->verifying);
	free(worker->outbox_path);
	uv_close((uv_handle_t *)&worker->poll, worker_closed);
}

static void exit_overdue(struct server *server, int64_t id, int64_t b)
{
	struct worker *worker = worker_find(server, id);

	(void)b;
	if (worker == NULL || !worker->closed)
		return;
	kill_worker(server, id, SIGKILL);
	if (!server->zygote.running)
		worker_ended(worker);
}

static void worker_readable(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;
	struct err err = { 0 };
	json_t *message;

	(void)status, (void)events;
	if (wire_read(&worker->wire, &err) != ERR_NONE)
		worker->wire.closed = true;
	while (wire_next(&worker->wire, &message, &err) == ERR_NONE && message != NULL) {
		worker_message(worker, message);
		json_decref(message);
	}
	if (err.code != ERR_NONE)
		log_line(LOG_ERROR, "worker %lld: %s", (long long)worker->id, err.text);
	if (!worker->wire.closed)
		return;
	uv_poll_stop(&worker->poll);
	worker->closed = true;
	if (worker->exited || !worker->server->zygote.running)
		worker_ended(worker);
	else
		timer_start(worker->server, EXIT_PATIENCE_MS, exit_overdue, worker->id, 0);
}

/* ------------------------------------------------------------------ starting one */

static int open_output(struct server *server, const char *name, struct err *err)
{
	char *dir = xasprintf("%s/outputs/%s", server->options->data_dir, name);
	char *slash = strrchr(dir, '/');

	*slash = '\0';
	int fd = -1;
	if (dir_make(dir, 0700, err) == ERR_NONE) {
		*slash = '/';
		fd = open(dir, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			err_errno(err, "cannot open the output file \"%s\"", dir);
	}
	free(dir);
	return fd;
}

/* A worker that waits for its job. */
static enum err_code worker_fork(struct server *server, struct worker **out, struct err *err)
{
	int pair[2];

	if (!server->zygote.running)
		TRY(zygote_start(server, err));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_errno(err, "no socket for a worker");
	struct worker *worker = xmalloc(sizeof(*worker));
	*worker = (struct worker){ .next = server->workers,
		.server = server,
		.id = ++server->last_id,
		.fd = pair[0],
		.outbox_fd = -1 };
	server->workers = worker;
	wire_init(&worker->wire, pair[0], WIRE_LINE_MAX);
	json_t *order = json_object();
	json_put_str(order, "t", "fork");
	json_put_int(order, "worker", worker->id);
	tell_zygote(server, order, &pair[1], 1);
	close(pair[1]);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	uv_poll_init(&server->loop, &worker->poll, pair[0]);
	worker->poll.data = worker;
	uv_poll_start(&worker->poll, UV_READABLE, worker_readable);
	*out = worker;
	return ERR_NONE;
}

void spare_dismiss(struct server *server)
{
	if (server->spare != NULL)
		shutdown(server->spare->fd,
			SHUT_RDWR); /* it sees the end of its channel and goes */
	server->spare = NULL;
}

/* The next step's process is made while this one's runs. */
static void spare_prepare(struct server *server)
{
	struct err err;

	if (server->spare == NULL && worker_fork(server, &server->spare, &err) != ERR_NONE)
		log_line(LOG_WARN, "no worker in advance: %s", err.text);
}

/* The files a job writes: a step's output, and its outbox when it may change something.  Who
 * only reads gets an outbox in memory: nobody needs to wait for its end or to know what it
 * found. */
static enum err_code open_files(
	struct live *live, struct worker *worker, int *output, struct err *err)
{
	struct server *server = live->server;

	if (worker->job == JOB_STEP) {
		char *name = output_name(live->id, worker->step, worker->attempt);
		*output = open_output(server, name, err);
		free(name);
	} else {
		*output = open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	if (*output < 0)
		return err->code != ERR_NONE ? err->code
					     : err_errno(err, "cannot open /dev/null");
	if (worker->job != JOB_STEP || (!live->run->steps[worker->step].undoing &&
					       json_int(plan_step(live, worker->step), "level", 3) == 0)) {
		worker->outbox_fd = memfd_create("outbox", MFD_CLOEXEC);
		return worker->outbox_fd >= 0 ? ERR_NONE
					      : err_errno(err, "no memory for an outbox");
	}
	worker->outbox_path = outbox_path(server, live->id, worker->step, worker->attempt);
	worker->outbox_fd = open(worker->outbox_path,
		O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return worker->outbox_fd >= 0
		       ? ERR_NONE
		       : err_errno(err, "cannot open the outbox \"%s\"", worker->outbox_path);
}

/* Hands a job to a worker.  What fails here leaves the worker to see its channel close. */
static enum err_code worker_start(struct live *live, enum job job, size_t step, json_t *message,
	struct worker **out, struct err *err)
{
	struct server *server = live->server;
	struct worker *worker = server->spare;
	enum err_code code = ERR_NONE;
	int output = -1;

	if (worker == NULL)
		TRY(worker_fork(server, &worker, err));
	server->spare = NULL;
	worker->job = job;
	worker->run = live->id;
	worker->step = step;
	worker->attempt = job == JOB_SECRETS ? 0 : live->run->steps[step].attempt;
	worker->started = mono_now();
	code = open_files(live, worker, &output, err);
	if (code == ERR_NONE) {
		const int secrets = job == JOB_SECRETS ? live->given_fd : live->secrets_fd;
		const int fds[] = { output, worker->outbox_fd, secrets };
		code = wire_send(worker->fd, message, fds, secrets >= 0 ? 3 : 2, err);
	}
	if (output >= 0)
		close(output);
	if (code == ERR_NONE) {
		*out = worker;
		spare_prepare(server);
	} else {
		worker->done = true; /* whoever asked is told now, not when it ends */
		shutdown(worker->fd, SHUT_RDWR);
	}
	return code;
}

/* ------------------------------------------------------------------ jobs and their deadlines
 */

/* The worker keeps its deadline itself; this is the fence behind it. */
static void timed_out(struct server *server, int64_t id, int64_t b)
{
	struct worker *worker = worker_find(server, id);

	(void)b;
	if (worker == NULL || worker->done)
		return;
	const int64_t own = mono_ms_since(worker->started) - worker->human_ms;
	int64_t left = worker->timeout_ms + TIMEOUT_FENCE_MS - own;
	if (worker->asked.ns != 0 && left < TIMEOUT_FENCE_MS)
		left = TIMEOUT_FENCE_MS;
	if (left > 0) {
		timer_start(server, left, timed_out, id, 0);
		return;
	}
	log_line(LOG_WARN, "worker %lld of run %lld outlived its deadline and is killed",
		(long long)id, (long long)worker->run);
	kill_worker(server, id, SIGKILL);
}

static void fence(struct worker *worker, int64_t timeout_ms)
{
	worker->timeout_ms = timeout_ms;
	timer_start(worker->server, timeout_ms + TIMEOUT_FENCE_MS, timed_out, worker->id, 0);
}

enum err_code worker_run_phase(
	struct live *live, size_t index, const char *phase, struct err *err)
{
	const int64_t timeout = str_eq(phase, "probe")
					? poll_timeout_ms(live, index)
					: json_int(plan_step(live, index), "timeout_ms", 0);
	json_t *job = job_step(live, index, phase);
	struct worker *worker;

	const enum err_code code = worker_start(live, JOB_STEP, index, job, &worker, err);
	json_decref(job);
	if (code != ERR_NONE)
		return code;
	live->steps[index].worker = worker->id;
	if (timeout > 0)
		fence(worker, timeout);
	return ERR_NONE;
}

enum err_code worker_verify(
	struct live *live, size_t index, const struct op *op, struct err *err)
{
	json_t *job = job_verify(live, index, op);
	struct worker *worker;

	const enum err_code code = worker_start(live, JOB_VERIFY, index, job, &worker, err);
	json_decref(job);
	if (code != ERR_NONE)
		return code;
	worker->verifying = json_object();
	json_put_str(worker->verifying, "key", op->key);
	fence(worker, JOB_TIMEOUT_MS);
	return ERR_NONE;
}

enum err_code worker_secrets(struct live *live, struct err *err)
{
	json_t *job = job_secrets(live);
	struct worker *worker;
	const enum err_code code = worker_start(live, JOB_SECRETS, 0, job, &worker, err);

	json_decref(job);
	if (code == ERR_NONE)
		fence(worker, JOB_TIMEOUT_MS);
	return code;
}

enum err_code worker_condition(struct live *live, size_t index, struct err *err)
{
	json_t *job = job_condition(live, index);
	struct worker *worker;
	const enum err_code code = worker_start(live, JOB_CONDITION, index, job, &worker, err);

	json_decref(job);
	if (code == ERR_NONE)
		fence(worker, CONDITION_TIMEOUT_MS);
	return code;
}

/* ------------------------------------------------------------------ telling it */

void worker_tell(struct worker *worker, const char *what, int64_t ordinal, const char *code,
	const char *text)
{
	json_t *message = json_object();
	struct err err;

	if (worker->asked.ns != 0) {
		worker->human_ms += mono_ms_since(worker->asked);
		worker->asked = (struct mono){ 0 };
	}
	json_put_str(message, "t", what);
	if (ordinal >= 0)
		json_put_int(message, "ordinal", ordinal);
	if (code != NULL)
		json_put_str(message, "code", code);
	if (text != NULL)
		json_put_str(message, "text", text);
	if (wire_send(worker->fd, message, NULL, 0, &err) != ERR_NONE)
		log_line(LOG_DEBUG, "worker %lld: %s", (long long)worker->id, err.text);
	json_decref(message);
}

static void stop_harder(struct server *server, int64_t id, int64_t signal_number)
{
	struct worker *worker = worker_find(server, id);

	if (worker != NULL && !worker->done)
		kill_worker(server, id, signal_number);
}

void worker_stop(struct server *server, int64_t id)
{
	struct worker *worker = worker_find(server, id);

	if (worker == NULL || worker->stopping)
		return;
	worker->stopping = true;
	worker_tell(worker, "stop", -1, NULL, NULL);
	timer_start(server, STOP_TERM_MS, stop_harder, id, SIGTERM);
	timer_start(server, STOP_KILL_MS, stop_harder, id, SIGKILL);
}
