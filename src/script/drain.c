/* drain.c: the thread between the pipe and the output file.
 *
 * One thread, because bytes must be masked and digested in order; large reads, because every
 * step pays for them.  Past the cap the beginning is already in the file; the end is kept in a
 * ring and written when the step ends. */
#include "drain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PIPE_BYTES = 1 << 20,
	READ_BYTES = 256 << 10,
	GATHER_BYTES = 64 << 10, /* small pieces between markers are written together */
	TAIL_MAX = 1 << 20,
	SIZE_EVERY_MS = 100,
	LEFTOVER_MAX = 64 << 20, /* taken after the end, should a writer have survived */
};

/* Large and not zeroed: most steps touch little of it. */
static char *big_buffer(size_t size)
{
	char *buffer = malloc(size);

	if (buffer == NULL)
		base_die("no memory for the output");
	return buffer;
}

struct drain {
	struct drain_options options;
	pthread_t thread;
	int pipe, wake; /* read end; eventfd that says: finish */
	struct mask_state state;
	struct sha256_stream *digest;
	int64_t written;   /* bytes in the file */
	int64_t head_left; /* bytes of the beginning that may still be written */
	char *gather;
	size_t gathered;
	char *ring; /* the newest ring_size bytes beyond the head; NULL until needed */
	size_t ring_size;
	int64_t ring_total; /* bytes ever put into it */
	bool failed;	    /* the file takes no more */
	int64_t lost;
	struct mono told;
	int64_t told_bytes;
};

/* ------------------------------------------------------------------ into the file */

static void append(struct drain *drain, const char *data, size_t len)
{
	while (len > 0 && !drain->failed) {
		const ssize_t n = write(drain->options.output_fd, data, len);
		if (n > 0) {
			sha256_add(drain->digest, data, (size_t)n);
			drain->written += n;
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && errno != EINTR) {
			drain->failed =
				true; /* disk full: the step goes on, its output is cut */
		}
	}
	drain->lost += (int64_t)len;
}

static void flush(struct drain *drain)
{
	append(drain, drain->gather, drain->gathered);
	drain->gathered = 0;
}

static void into_ring(struct drain *drain, const char *data, size_t len)
{
	if (drain->ring == NULL)
		drain->ring = big_buffer(drain->ring_size);
	if (len > drain->ring_size) {
		drain->ring_total += (int64_t)(len - drain->ring_size);
		data += len - drain->ring_size;
		len = drain->ring_size;
	}
	while (len > 0) {
		const size_t at = (size_t)(drain->ring_total % (int64_t)drain->ring_size);
		const size_t room = drain->ring_size - at, n = len < room ? len : room;
		memcpy(drain->ring + at, data, n);
		drain->ring_total += (int64_t)n;
		data += n;
		len -= n;
	}
}

static void emit(void *arg, const char *data, size_t len)
{
	struct drain *drain = arg;
	const size_t head = (int64_t)len < drain->head_left ? len : (size_t)drain->head_left;

	drain->head_left -= (int64_t)head;
	if (head > GATHER_BYTES - drain->gathered)
		flush(drain);
	if (head > GATHER_BYTES) {
		append(drain, data, head);
	} else {
		memcpy(drain->gather + drain->gathered, data, head);
		drain->gathered += head;
	}
	if (len > head)
		into_ring(drain, data + head, len - head);
}

/* The end of an output that did not fit: a mark that says how much is missing, then the newest
 * bytes. */
static void append_tail(struct drain *drain)
{
	char mark[96];
	const int64_t kept = drain->ring_total < (int64_t)drain->ring_size
				     ? drain->ring_total
				     : (int64_t)drain->ring_size;
	const int64_t left_out = drain->ring_total - kept;
	const size_t at =
		left_out > 0 ? (size_t)(drain->ring_total % (int64_t)drain->ring_size) : 0;

	if (drain->ring == NULL)
		return;
	if (left_out > 0) {
		drain->lost += left_out;
		const int n = snprintf(mark, sizeof(mark),
			"\n[drillbook: %lld bytes were left out here]\n", (long long)left_out);
		append(drain, mark, (size_t)n);
		append(drain, drain->ring + at, drain->ring_size - at);
		append(drain, drain->ring, at);
	} else {
		append(drain, drain->ring, (size_t)kept);
	}
}

/* ------------------------------------------------------------------ the thread */

static void tell_size(struct drain *drain)
{
	if (drain->options.grown == NULL || drain->written == drain->told_bytes)
		return;
	drain->told = mono_now();
	drain->told_bytes = drain->written;
	drain->options.grown(drain->options.arg, drain->written);
}

/* How long to wait before the size is told: -1 = there is nothing to tell. */
static int until_told(const struct drain *drain)
{
	if (drain->options.grown == NULL || drain->written == drain->told_bytes)
		return -1;
	const int64_t since = mono_ms_since(drain->told);
	return since >= SIZE_EVERY_MS ? 0 : (int)(SIZE_EVERY_MS - since);
}

/* One read.  *held are the bytes of chunk kept from before.  False at the end or when nothing
 * is there. */
static bool take(struct drain *drain, char *chunk, size_t *held)
{
	const ssize_t n = read(drain->pipe, chunk + *held, READ_BYTES);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	const size_t len = *held + (size_t)n;
	const size_t used =
		mask_run(drain->options.mask, &drain->state, chunk, len, false, emit, drain);
	flush(drain);
	*held = len - used;
	memmove(chunk, chunk + used, *held);
	return true;
}

static void *drain_thread(void *arg)
{
	struct drain *drain = arg;
	char *chunk = big_buffer(drain->options.mask->longest + READ_BYTES);
	size_t held = 0;
	struct pollfd fds[] = { { .fd = drain->pipe, .events = POLLIN },
		{ .fd = drain->wake, .events = POLLIN } };

	while (fds[1].revents == 0) {
		poll(fds, COUNT_OF(fds), until_told(drain));
		if (fds[0].revents != 0)
			take(drain, chunk, &held);
		if (until_told(drain) == 0)
			tell_size(drain);
	}
	fcntl(drain->pipe, F_SETFL, O_NONBLOCK);
	for (int64_t rounds = LEFTOVER_MAX / READ_BYTES;
		rounds > 0 && take(drain, chunk, &held); rounds--)
		;
	mask_run(drain->options.mask, &drain->state, chunk, held, true, emit, drain);
	flush(drain);
	append_tail(drain);
	tell_size(drain);
	free(chunk);
	return NULL;
}

/* ------------------------------------------------------------------ life */

/* What earlier phases of the same attempt have written. */
static void digest_existing(struct drain *drain)
{
	struct stat st;
	char *chunk;
	ssize_t n;

	if (fstat(drain->options.output_fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		st.st_size == 0)
		return;
	chunk = big_buffer(READ_BYTES);
	while ((n = pread(drain->options.output_fd, chunk, READ_BYTES, drain->written)) > 0) {
		sha256_add(drain->digest, chunk, (size_t)n);
		drain->written += n;
	}
	free(chunk);
	drain->told_bytes = drain->written;
}

struct drain *drain_start(const struct drain_options *options)
{
	struct drain *drain = xmalloc(sizeof(*drain));
	const int64_t max = options->max_bytes > 0 ? options->max_bytes : DRAIN_DEFAULT_MAX;
	int ends[2];

	drain->options = *options;
	drain->digest = sha256_new();
	drain->gather = big_buffer(GATHER_BYTES);
	drain->ring_size = max / 2 < TAIL_MAX ? (size_t)(max / 2) + 1 : TAIL_MAX;
	digest_existing(drain);
	drain->head_left = max - (int64_t)drain->ring_size - drain->written;
	if (drain->head_left < 0)
		drain->head_left = 0;
	drain->wake = eventfd(0, EFD_CLOEXEC);
	if (pipe2(ends, O_CLOEXEC) != 0 || drain->wake < 0)
		base_die("no pipe for the output");
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* as much as an ordinary user may have */
	drain->pipe = ends[0];
	if (dup2(ends[1], 1) < 0 || dup2(ends[1], 2) < 0)
		base_die("no descriptor for the output");
	close(ends[1]);
	if (pthread_create(&drain->thread, NULL, drain_thread, drain) != 0)
		base_die("no thread for the output");
	return drain;
}

struct drain_result drain_finish(struct drain *drain)
{
	const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	fflush(NULL);
	dup2(null, 1);
	dup2(null, 2);
	close(null);
	eventfd_write(drain->wake, 1);
	pthread_join(drain->thread, NULL);
	const struct drain_result result = { drain->written, sha256_end(drain->digest),
		drain->lost > 0 };
	close(drain->pipe);
	close(drain->wake);
	free(drain->gather);
	free(drain->ring);
	free(drain);
	return result;
}
