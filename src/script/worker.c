/* worker.c: a worker process from fork to end: what it may hold, what it is asked, how it goes.
 */
#include "job.h"
#include "sweep.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	DATA_MAX = 1 << 30, /* private memory of the worker itself, not of what it starts */
	FILES_MAX = 256,
	FDS_FROM = 64, /* the descriptors handed over are moved above this while the rest is
			  closed */
	SWEEP_PATIENCE_MS = 3000,
	LOG_BYTES = 32 << 10,
};

static struct job the_job; /* one per process; the signal handler needs to find it */

static void on_term(int signal_number)
{
	(void)signal_number;
	the_job.channel.stop = true;
}

/* ------------------------------------------------------------------ limits */

/* A sanitizer reserves more address space than any limit would leave it. */
#if defined(__has_feature)
#define UNDER_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#else
#define UNDER_SANITIZER 0
#endif

static const struct {
	__rlimit_resource_t resource;
	rlim_t soft;
	bool children_too;
} limits[] = {
	{ RLIMIT_CORE, 0, true },
	{ RLIMIT_NOFILE, FILES_MAX, false },
#if !UNDER_SANITIZER
	{ RLIMIT_DATA, DATA_MAX, false },
	{ RLIMIT_AS, 2 * (rlim_t)DATA_MAX, false },
#endif
};
static struct rlimit found[COUNT_OF(limits)];

/* In a child of the worker, between fork and exec: a database tool may need more than we do. */
static void give_back_limits(void)
{
	for (size_t i = 0; i < COUNT_OF(limits); i++)
		if (!limits[i].children_too)
			setrlimit(limits[i].resource, &found[i]);
}

static void set_limits(void)
{
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		getrlimit(limits[i].resource, &found[i]);
		struct rlimit limit = found[i];
		if (limit.rlim_cur > limits[i].soft)
			limit.rlim_cur = limits[i].soft;
		if (limits[i].resource == RLIMIT_CORE)
			limit.rlim_max = 0;
		setrlimit(limits[i].resource, &limit);
	}
	pthread_atfork(NULL, NULL, give_back_limits);
}

/* Keeps 0, 1, 2 and the four handed over (some may be -1); renumbers them in place. */
static void keep_only(int fds[4])
{
	unsigned next = FDS_FROM;

	for (size_t i = 0; i < 4; i++) {
		if (fds[i] < 0)
			continue;
		const int moved = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)next);
		if (moved < 0)
			base_die("worker: a descriptor is missing");
		fds[i] = moved;
		next = (unsigned)moved + 1;
	}
	syscall(SYS_close_range, 3U, FDS_FROM - 1U, 0U);
	syscall(SYS_close_range, next, ~0U, 0U);
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(null, 0);
	close(null);
}

static void become_worker(void)
{
	sigset_t none;
	struct sigaction term = { .sa_handler = on_term, .sa_flags = SA_RESTART };

	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "drillbook-step");
	mallopt(M_ARENA_MAX, 1); /* the threads allocate little */
	set_limits();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigaction(SIGTERM, &term, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ------------------------------------------------------------------ what providers are lent */

static void on_progress(void *arg, int per_mille, const char *text)
{
	struct job *job = arg;
	json_t *message;

	if (job->progress_at.ns != 0 && mono_ms_since(job->progress_at) < 50)
		return;
	job->progress_at = mono_now();
	message = message_new("progress");
	json_put_int(message, "per_mille", per_mille);
	json_put_str(message, "text", text);
	channel_offer(&job->channel, message);
}

/* Lines on their way into the pipe.  A program that floods is passed on line by line: one write
 * for each would be most of the work.  They wait TICK_MS at most. */
static struct {
	pthread_mutex_t lock;
	size_t len;
	char data[LOG_BYTES];
} lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void lines_flush_locked(void)
{
	struct err ignored;

	if (lines.len > 0 && write_all(1, lines.data, lines.len, &ignored) != ERR_NONE)
		ignored.code = ERR_NONE;
	lines.len = 0;
}

static void on_log(void *arg, const char *text)
{
	const struct iovec parts[] = { { (void *)(uintptr_t)text, strlen(text) },
		{ (void *)(uintptr_t) "\n", 1 } };

	(void)arg;
	pthread_mutex_lock(&lines.lock);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		const char *at = parts[i].iov_base;
		for (size_t left = parts[i].iov_len; left > 0;) {
			if (lines.len == sizeof(lines.data))
				lines_flush_locked();
			const size_t room = sizeof(lines.data) - lines.len,
				     n = left < room ? left : room;
			memcpy(lines.data + lines.len, at, n);
			lines.len += n;
			at += n;
			left -= n;
		}
	}
	pthread_mutex_unlock(&lines.lock);
}

/* The last ones.  A script that is being ended may be writing at this moment; it gets no longer
 * than a moment. */
static void lines_finish(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	if (pthread_mutex_timedlock(&lines.lock, &until) != 0)
		return;
	lines_flush_locked();
	pthread_mutex_unlock(&lines.lock);
}

/* The pipe is only written to when it takes all of it: a reader that waits cannot see a stop.
 */
static void on_tick(void *arg)
{
	int held = 0;

	(void)arg;
	if (pthread_mutex_trylock(&lines.lock) != 0)
		return; /* somebody is at it */
	if (ioctl(1, FIONREAD, &held) == 0 && held < (int)LOG_BYTES)
		lines_flush_locked();
	pthread_mutex_unlock(&lines.lock);
}

static const char *on_secret(void *arg, const char *target, const char *setting, size_t *len)
{
	struct job *job = arg;

	return secrets_look(&job->secrets, target, setting, len);
}

static void on_grown(void *arg, int64_t size_bytes)
{
	struct job *job = arg;
	json_t *message = message_new("size");

	json_put_int(message, "bytes", size_bytes);
	channel_offer(&job->channel, message);
}

/* ------------------------------------------------------------------ the end */

/* What the step left behind ends before the last byte of its output is counted. */
static json_t *end_output(struct job *job)
{
	json_t *output = json_object();
	char hex[SHA256_HEX];

	lines_finish();
	if (!sweep_all(SWEEP_PATIENCE_MS))
		log_line(LOG_WARN, "a process of this step could not be ended");
	if (job->drain != NULL) {
		const struct drain_result result = drain_finish(job->drain);
		json_put_int(output, "bytes", result.bytes);
		json_put_str(output, "sha256", sha256_hex(result.digest, hex));
		json_put_flag(output, "cut", result.cut);
	}
	return output;
}

void job_finish(struct job *job, json_t *done)
{
	if (!channel_end(&job->channel))
		for (;;)
			pause(); /* the reader is ending the process */
	json_t *output = end_output(job);
	channel_unlock(&job->channel);
	if (done != NULL) {
		if (str_eq(job->kind, "step"))
			json_put(done, "output", json_incref(output));
		channel_send(&job->channel, done);
	}
	_exit(0);
}

static _Noreturn void leave(struct job *job)
{
	json_t *line = message_new("left");

	json_put(line, "output", end_output(job));
	channel_outbox(&job->channel, line);
	_exit(0);
}

void job_leave(struct job *job)
{
	channel_end(&job->channel);
	leave(job);
}

/* From the reader's thread. */
static void fence(void *arg, enum err_code code)
{
	struct job *job = arg;
	struct err err = { 0 };

	if (code == ERR_NONE)
		leave(job);
	json_t *done = message_new("done");
	err_set(&err, code, "%s; the script did not give way and was ended",
		code == ERR_TIMEOUT ? "the step's timeout has passed" : "stopped on request");
	err.world = job->changed ? WORLD_CHANGED : WORLD_UNCHANGED;
	json_put_flag(done, "ok", false);
	json_put(done, "error", error_json(&err, true));
	json_put_int(done, "next_ordinal", job->ordinal);
	json_put(done, "output", end_output(job));
	channel_unlock(&job->channel);
	channel_send(&job->channel, done);
	_exit(0);
}

/* ------------------------------------------------------------------ the beginning */

static void read_job(struct job *job, json_t *json)
{
	const json_t *row;
	size_t i;
	char name[32];

	job->json = json;
	job->kind = json_str(json, "t", "");
	job->phase = json_str(json, "phase", "run");
	job->mode = json_str(json, "mode", "probe");
	job->key = json_str(json, "key", "");
	job->step = json_str(json, "step", "");
	job->workspace = json_str(json, "workspace", "");
	job->targets = json_object_get(json, "targets");
	job->timeout_ms = json_int(json, "timeout_ms", 0);
	job->ordinal = json_int(json, "first_ordinal", 0);
	job->replay = json_object();
	job->compensated = json_object();
	job->replay_last = -1;
	json_array_foreach(json_object_get(json, "replay"), i, row)
	{
		const int64_t ordinal = json_int(row, "ordinal", -1);
		snprintf(name, sizeof(name), "%lld", (long long)ordinal);
		json_object_set(job->replay, name, (json_t *)(uintptr_t)row);
		if (ordinal > job->replay_last)
			job->replay_last = ordinal;
	}
}

static const struct kind {
	const char *name;
	void (*run)(struct job *job);
	const char *answer; /* the message that ends it */
	bool guarded;	    /* runs Lua: the reader may end it */
	bool own_secrets; /* reads its target's secrets itself when it was given no sealed ones
			   */
} kinds[] = {
	{ "step", step_run, "done", true, false },
	{ "verify", verify_run, "verdict", false, true },
	{ "secrets", secrets_run, "secrets", false, false },
	{ "doctor", doctor_run, "doctor", false, true },
	{ "condition", condition_run, "condition", false, false },
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static _Noreturn void job_refused(
	struct job *job, const struct kind *kind, const struct err *err)
{
	json_t *answer = message_new(kind != NULL ? kind->answer : "done");

	json_put_flag(answer, "ok", false);
	json_put(answer, "error", error_json(err, true));
	job_finish(job, answer);
}

/* Before anything can be printed: the mask does not change afterwards. */
static enum err_code take_secrets(
	struct job *job, const struct kind *kind, int fd, struct err *err)
{
	enum err_code code = ERR_NONE;

	if (fd >= 0) {
		code = kind != NULL && kind->run == secrets_run
			       ? secrets_given(&job->secrets, fd, job->targets, err)
			       : secrets_load(&job->secrets, fd, err);
		close(fd);
	} else if (kind != NULL && kind->own_secrets) {
		code = secrets_resolve(&job->secrets, job->targets,
			json_str(job->json, "target", ""), job->workspace, err);
	}
	secrets_ready(&job->secrets);
	return code;
}

void worker_run(const int given[4])
{
	struct job *job = &the_job;
	struct err err = { 0 };
	int fds[4] = { given[0], given[1], given[2], given[3] };

	keep_only(fds);
	become_worker();
	secrets_init(&job->secrets);
	channel_init(&job->channel, fds[0], fds[2], &job->secrets.mask);
	job->channel.fence = fence;
	job->channel.tick = on_tick;
	job->channel.arg = job;
	read_job(job, channel_job(&job->channel));
	if (fds[1] < 0) { /* forked ahead of its job: they came with it */
		for (size_t i = 1; i < COUNT_OF(fds); i++)
			fds[i] = wire_take_fd(&job->channel.wire);
		channel_hold(&job->channel, fds[2]);
	}
	const struct kind *kind = find_kind(job->kind);
	const enum err_code secrets = take_secrets(job, kind, fds[3], &err);
	job->hooks =
		(struct call_hooks){ on_progress, on_log, on_secret, job, &job->channel.stop };
	if (fds[1] >= 0)
		job->drain = drain_start(&(struct drain_options){ fds[1], &job->secrets.mask,
			json_int(job->json, "output_max_bytes", 0),
			kind != NULL && kind->guarded ? on_grown : NULL, job });
	if (kind == NULL || !kind->guarded)
		channel_enter(&job->channel, IN_READ);
	else if (job->timeout_ms > 0)
		atomic_store(
			&job->channel.deadline_ns, mono_now().ns + job->timeout_ms * 1000000);
	channel_start(&job->channel);
	if (kind == NULL)
		err_set(&err, ERR_PROTOCOL, "this worker does not know a job of kind \"%s\"",
			job->kind);
	if (kind == NULL || secrets != ERR_NONE)
		job_refused(job, kind, &err);
	kind->run(job);
	abort(); /* a job ends its process */
}
