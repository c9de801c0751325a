/* witness.c: a client that never stops ordering, and remembers what it was promised.
 *
 *   witness postgres|sqlite WHERE LOG [EVERY_MS [FIRST_SEQ]]
 *
 * Commits order FIRST_SEQ, FIRST_SEQ + 1, … one every EVERY_MS (default 20) through the address clients
 * use, and appends "epoch_ms seq ok|fail" to LOG after the answer.  ok: the commit was acknowledged, so the
 * order must survive.  fail: nothing is known, the order may exist all the same.  A number is never used
 * twice.  What recovery lost is counted from this file, by arithmetic that shares nothing with the
 * program under test.  Ends at SIGTERM. */
#define _GNU_SOURCE
#include "witness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BEAT_MS = 200 };

static volatile sig_atomic_t stopped;

static const struct backend *const backends[] = {
#ifndef WITNESS_NO_POSTGRES
	&witness_postgres,
#endif
	&witness_sqlite,
};

int64_t witness_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* One write, so that a reader never sees half a line; stamped after the answer. */
static bool note(int log, int64_t seq, bool ok)
{
	struct timespec t;
	char text[80];

	clock_gettime(CLOCK_REALTIME, &t);
	int len = snprintf(text, sizeof text, "%lld%03ld %lld %s\n", (long long)t.tv_sec,
		t.tv_nsec / 1000000, (long long)seq, ok ? "ok" : "fail");
	return write(log, text, (size_t)len) == len;
}

static void pace(int64_t until_ms)
{
	struct timespec t = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };

	while (!stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

static int run(const struct backend *backend, const char *where, int log, int64_t every_ms, int64_t seq)
{
	bool connected = false;
	int64_t next = witness_now_ms(), beat_at = 0;

	for (; !stopped; seq++) {
		if (!connected)
			connected = backend->open(where);
		bool ok = connected && backend->place(seq);
		if (!note(log, seq, ok))
			return 1;
		if (ok && witness_now_ms() >= beat_at) {
			ok = backend->beat();
			beat_at = witness_now_ms() + BEAT_MS;
		}
		if (!ok) {
			backend->close();
			connected = false;
		}
		next += every_ms;
		if (next < witness_now_ms())
			next = witness_now_ms(); /* a slow answer is not caught up by a burst */
		pace(next);
	}
	backend->close();
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	int64_t every_ms = argc > 4 ? atoll(argv[4]) : 20, first = argc > 5 ? atoll(argv[5]) : 1;

	if (argc < 4 || every_ms < 1 || first < 1) {
		fprintf(stderr, "usage: witness postgres|sqlite WHERE LOG [EVERY_MS [FIRST_SEQ]]\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	int log = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0) {
		perror(argv[3]);
		return 1;
	}
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
		if (!strcmp(argv[1], backends[i]->name))
			return run(backends[i], argv[2], log, every_ms, first);
	fprintf(stderr, "witness: \"%s\" is not built in\n", argv[1]);
	return 2;
}
