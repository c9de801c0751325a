/* channel.c: the two threads of a worker that talk with the server: the main one asks, the
 * reader listens. */
#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { STOP_PATIENCE_MS = 500 };

void channel_init(struct channel *channel, int fd, int outbox_fd, const struct mask *mask)
{
	pthread_condattr_t attr;

	*channel = (struct channel){
		.fd = fd, .outbox_fd = outbox_fd, .mask = mask, .waiting = -1
	};
	wire_init(&channel->wire, fd, WIRE_LINE_MAX);
	pthread_mutex_init(&channel->lock, NULL);
	pthread_mutex_init(&channel->sending, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&channel->changed, &attr);
	pthread_condattr_destroy(&attr);
	channel_hold(channel, outbox_fd);
}

void channel_hold(struct channel *channel, int outbox_fd)
{
	channel->outbox_fd = outbox_fd;
	/* held by the worker of the phase before, for as long as it takes to end */
	while (outbox_fd >= 0 && flock(outbox_fd, LOCK_EX) != 0 && errno == EINTR)
		;
}

json_t *channel_job(struct channel *channel)
{
	struct err err = { 0 };
	json_t *job = NULL;
	enum err_code code;

	do
		code = wire_wait(&channel->wire, 60000, &job, &err);
	while (code == ERR_TIMEOUT);
	if (code != ERR_NONE)
		_exit(0);
	return job;
}

/* ------------------------------------------------------------------ the reader */

static void take_answer(struct channel *channel, json_t *message)
{
	pthread_mutex_lock(&channel->lock);
	if (channel->waiting >= 0 && channel->answer == NULL &&
		json_int(message, "ordinal", -1) == channel->waiting) {
		channel->answer = json_deep_copy(message); /* each thread its own */
		/* from here on the end of the server does not stop the effect */
		if (str_eq(json_str(message, "t", ""), "ack"))
			channel->where = IN_EFFECT;
		pthread_cond_broadcast(&channel->changed);
	}
	pthread_mutex_unlock(&channel->lock);
}

static void take_message(struct channel *channel, json_t *message)
{
	const char *what = json_str(message, "t", "");

	if (str_eq(what, "stop")) {
		pthread_mutex_lock(&channel->lock);
		channel->stop = true;
		pthread_cond_broadcast(&channel->changed);
		pthread_mutex_unlock(&channel->lock);
	} else if (str_eq(what, "ack") || str_eq(what, "refuse") || str_eq(what, "again")) {
		take_answer(channel, message);
	}
}

static void server_gone(struct channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	channel->gone = true;
	const bool ours = channel->where == IN_LUA || channel->where == IN_READ;
	if (ours)
		channel->where = ENDING;
	pthread_mutex_unlock(&channel->lock);
	if (ours)
		channel->fence(channel->arg, ERR_NONE);
}

bool channel_deadline_passed(const struct channel *channel)
{
	const int64_t deadline = atomic_load(&channel->deadline_ns);

	return deadline != 0 && mono_now().ns >= deadline;
}

/* A script that does not give way: a pattern that never ends, a sort of millions. */
static void guard(struct channel *channel)
{
	const int64_t deadline = atomic_load(&channel->deadline_ns), now = mono_now().ns;
	const int64_t fence = (int64_t)FENCE_MS * 1000000;
	enum err_code code = ERR_NONE;

	if (channel->stop && channel->stopped_at.ns == 0)
		channel->stopped_at = mono_now();
	if (channel->stopped_at.ns != 0 && now - channel->stopped_at.ns > fence)
		code = ERR_CANCELLED;
	else if (deadline != 0 && now - deadline > fence)
		code = ERR_TIMEOUT;
	if (code == ERR_NONE)
		return;
	pthread_mutex_lock(&channel->lock);
	const bool ours = channel->where == IN_LUA;
	if (ours)
		channel->where = ENDING;
	pthread_mutex_unlock(&channel->lock);
	if (ours)
		channel->fence(channel->arg, code);
}

static void *reader_thread(void *arg)
{
	struct channel *channel = arg;
	struct pollfd p = { .fd = channel->fd, .events = POLLIN };
	struct err err = { 0 };
	json_t *message;

	for (;;) {
		while (wire_next(&channel->wire, &message, &err) == ERR_NONE &&
			message != NULL) {
			take_message(channel, message);
			json_decref(message);
		}
		if (err.code != ERR_NONE || channel->wire.closed) {
			server_gone(channel);
			return NULL;
		}
		/* SIGTERM also sets the flag, so that there is always a tick */
		if (poll(&p, 1, TICK_MS) > 0 && wire_read(&channel->wire, &err) != ERR_NONE)
			channel->wire.closed = true;
		channel->tick(channel->arg);
		guard(channel);
	}
}

void channel_start(struct channel *channel)
{
	if (pthread_create(&channel->reader, NULL, reader_thread, channel) != 0)
		base_die("no thread for the channel");
}

/* ------------------------------------------------------------------ sending */

static void send_masked(struct channel *channel, json_t *message, const int *fds, size_t count)
{
	struct err ignored;
	json_t *masked = mask_message(channel->mask, message);

	pthread_mutex_lock(&channel->sending);
	if (wire_send(channel->fd, masked, fds, count, &ignored) != ERR_NONE)
		ignored.code = ERR_NONE; /* the reader sees the same end */
	pthread_mutex_unlock(&channel->sending);
	json_decref(masked);
	json_decref(message);
}

void channel_send(struct channel *channel, json_t *message)
{
	send_masked(channel, message, NULL, 0);
}

void channel_send_fd(struct channel *channel, json_t *message, int fd)
{
	send_masked(channel, message, &fd, 1);
}

void channel_offer(struct channel *channel, json_t *message)
{
	struct pollfd p = { .fd = channel->fd, .events = POLLOUT };

	if (poll(&p, 1, 0) > 0 && (p.revents & POLLOUT) != 0)
		channel_send(channel, message);
	else
		json_decref(message);
}

/* ------------------------------------------------------------------ where the main thread is
 */

static _Noreturn void wait_for_the_end(void)
{
	for (;;)
		pause();
}

void channel_enter(struct channel *channel, enum where where)
{
	pthread_mutex_lock(&channel->lock);
	const bool ended = channel->where == ENDING;
	if (!ended)
		channel->where = where;
	pthread_mutex_unlock(&channel->lock);
	if (ended)
		wait_for_the_end();
}

bool channel_end(struct channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	const bool first = channel->where != ENDING;
	channel->where = ENDING;
	pthread_mutex_unlock(&channel->lock);
	return first;
}

/* ------------------------------------------------------------------ effects */

/* With the lock held. */
static void wait_slice(struct channel *channel, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&channel->changed, &channel->lock, &until);
}

enum err_code channel_propose(
	struct channel *channel, json_t *intent, int64_t ordinal, struct err *err)
{
	pthread_mutex_lock(&channel->lock);
	channel->waiting = ordinal;
	pthread_mutex_unlock(&channel->lock);
	channel_send(channel, json_incref(intent));

	pthread_mutex_lock(&channel->lock);
	/* an ack may be under way when the stop comes: it is worth a moment to end with a
	 * result */
	for (int64_t left = STOP_PATIENCE_MS; channel->answer == NULL && left > 0;) {
		wait_slice(channel, TICK_MS);
		left -= channel->stop ? TICK_MS : 0;
	}
	json_t *answer = channel->answer;
	channel->answer = NULL;
	channel->waiting = -1;
	pthread_mutex_unlock(&channel->lock);

	const char *what = json_str(answer, "t", "");
	enum err_code code = ERR_NONE;
	if (answer == NULL)
		code = err_set(
			err, ERR_CANCELLED, "stopped before it was allowed: nothing was done");
	else if (str_eq(what, "again"))
		code = err_set(err, ERR_CONFLICT, "prepare once more");
	else if (str_eq(what, "refuse"))
		code = err_set(err, err_from_name(json_str(answer, "code", "FORBIDDEN")), "%s",
			json_str(answer, "text", "it was not allowed"));
	json_decref(answer);
	return code;
}

static void append_line(struct channel *channel, const json_t *masked)
{
	struct err err = { 0 };
	char *line = json_line(masked);
	const size_t len = strlen(line);

	line[len] = '\n'; /* in the place of the NUL */
	if (channel->outbox_fd >= 0 &&
		write_all(channel->outbox_fd, line, len + 1, &err) != ERR_NONE)
		log_line(LOG_ERROR, "the outbox: %s", err.text);
	free(line);
}

bool channel_result(struct channel *channel, json_t *result)
{
	struct err err = { 0 };
	json_t *masked = mask_message(channel->mask, result);

	/* Always, and before the server can see it: should it die with the line unread, a new
	 * one finds it here.  Synced only when the server is known to have gone; a power cut
	 * that takes both leaves an UNKNOWN, which is true. */
	append_line(channel, masked);
	pthread_mutex_lock(&channel->lock);
	const bool gone = channel->gone;
	if (!gone)
		channel->where = IN_READ;
	pthread_mutex_unlock(&channel->lock);
	if (gone) {
		if (channel->outbox_fd >= 0)
			fsync(channel->outbox_fd);
	} else {
		pthread_mutex_lock(&channel->sending);
		if (wire_send(channel->fd, masked, NULL, 0, &err) != ERR_NONE)
			log_line(LOG_WARN, "result not handed over: %s", err.text);
		pthread_mutex_unlock(&channel->sending);
	}
	json_decref(masked);
	json_decref(result);
	return !gone;
}

void channel_unlock(struct channel *channel)
{
	if (channel->outbox_fd >= 0)
		flock(channel->outbox_fd, LOCK_UN);
}

void channel_outbox(struct channel *channel, json_t *line)
{
	json_t *masked = mask_message(channel->mask, line);

	append_line(channel, masked);
	if (channel->outbox_fd >= 0)
		fsync(channel->outbox_fd);
	json_decref(masked);
	json_decref(line);
}

/* ------------------------------------------------------------------ waiting */

bool channel_pause(struct channel *channel, int64_t ms)
{
	const struct mono begin = mono_now();

	pthread_mutex_lock(&channel->lock);
	while (!channel->stop && !channel_deadline_passed(channel)) {
		const int64_t left = ms - mono_ms_since(begin);
		if (left <= 0)
			break;
		wait_slice(channel, left < TICK_MS ? left : TICK_MS);
	}
	const bool whole = !channel->stop && mono_ms_since(begin) >= ms;
	pthread_mutex_unlock(&channel->lock);
	return whole;
}
