/* Messages on a socket: whole ones come out however the bytes were cut, descriptors beside them, limits kept. */
#include "check.h"
#include "drillbook/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;

struct pair {
	int ours, theirs;
	struct wire wire; /* on ours */
};

static void pair_open(struct pair *pair, size_t max_line)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	pair->ours = ends[0];
	pair->theirs = ends[1];
	fcntl(pair->ours, F_SETFL, O_NONBLOCK);
	wire_init(&pair->wire, pair->ours, max_line);
}

static void pair_close(struct pair *pair)
{
	wire_release(&pair->wire);
	close(pair->ours);
	if (pair->theirs >= 0)
		close(pair->theirs);
}

static void push(const struct pair *pair, const char *bytes, size_t len)
{
	ok(write_all(pair->theirs, bytes, len, &err));
}

static json_t *next(struct pair *pair)
{
	json_t *message;

	ok(wire_next(&pair->wire, &message, &err));
	return message;
}

/* ------------------------------------------------------------------ lines */

static void cut_at_every_byte(void **state)
{
	static const char text[] = "{\"n\":1}\n{\"n\":2,\"t\":\"\xc3\xa4\\n\"}\n{\"n\":3}\n";
	const size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		struct pair pair;
		int64_t seen = 0;
		pair_open(&pair, 1000);
		for (int part = 0; part < 2; part++) {
			push(&pair, part ? text + cut : text, part ? len - cut : cut);
			ok(wire_read(&pair.wire, &err));
			for (json_t *message; (message = next(&pair)) != NULL; json_decref(message))
				assert_int_equal(json_int(message, "n", 0), ++seen);
		}
		assert_int_equal(seen, 3);
		assert_int_equal(pair.wire.in.len, 0);
		pair_close(&pair);
	}
}

static void byte_by_byte(void **state)
{
	static const char text[] = "{\"n\":1}\n{\"n\":2}\n";
	struct pair pair;
	int64_t seen = 0;

	(void)state;
	pair_open(&pair, 1000);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		push(&pair, text + i, 1);
		ok(wire_read(&pair.wire, &err));
		json_t *message = next(&pair);
		assert_int_equal(message != NULL, text[i] == '\n');
		if (message != NULL)
			assert_int_equal(json_int(message, "n", 0), ++seen);
		json_decref(message);
	}
	assert_int_equal(seen, 2);
	pair_close(&pair);
}

static void what_is_no_object_is_refused_and_passed_over(void **state)
{
	static const char *const bad[] = {"[1]", "7", "\"text\"", "null", "", "{", "{\"a\":1,\"a\":2}", "{}{}", "\xff"};
	struct pair pair;

	(void)state;
	pair_open(&pair, 1000);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		json_t *message = (json_t *)&err;
		push(&pair, bad[i], strlen(bad[i]));
		push(&pair, "\n{\"n\":1}\n", 9);
		ok(wire_read(&pair.wire, &err));
		ok(wire_read(&pair.wire, &err));
		refused(ERR_PROTOCOL, wire_next(&pair.wire, &message, &err));
		assert_null(message);
		message = next(&pair);
		assert_int_equal(json_int(message, "n", 0), 1);
		json_decref(message);
	}
	pair_close(&pair);
}

static void a_line_without_end(void **state)
{
	enum { MAX = 5000 };
	struct pair pair;
	json_t *message;
	char chunk[1000];
	enum err_code code = ERR_NONE;
	size_t sent = 0;

	(void)state;
	memset(chunk, ' ', sizeof(chunk));
	pair_open(&pair, MAX);
	while (code == ERR_NONE && sent < 1000000) {
		push(&pair, chunk, sizeof(chunk));
		sent += sizeof(chunk);
		code = wire_read(&pair.wire, &err);
		if (code == ERR_NONE)
			code = wire_next(&pair.wire, &message, &err);
	}
	assert_int_equal(code, ERR_PROTOCOL);
	assert_in_range(sent, MAX, MAX + 2 * sizeof(chunk));
	pair_close(&pair);
}

/* Also when the whole of it, end included, came with one read. */
static void a_line_too_long(void **state)
{
	struct pair pair;
	json_t *message;
	char line[2001];

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "{}", 2);
	line[2000] = '\n';
	pair_open(&pair, 2000);
	push(&pair, line, sizeof(line));
	ok(wire_read(&pair.wire, &err));
	message = next(&pair);
	assert_non_null(message); /* exactly as long as allowed */
	json_decref(message);
	pair_close(&pair);
	pair_open(&pair, 1999);
	push(&pair, line, sizeof(line));
	ok(wire_read(&pair.wire, &err));
	refused(ERR_PROTOCOL, wire_next(&pair.wire, &message, &err));
	pair_close(&pair);
}

static void nothing_there_and_closed(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair, 1000);
	ok(wire_read(&pair.wire, &err));
	assert_false(pair.wire.closed);
	assert_null(next(&pair));
	push(&pair, "{\"n\":1}\n{\"n\"", 12);
	close(pair.theirs);
	pair.theirs = -1;
	ok(wire_read(&pair.wire, &err));
	ok(wire_read(&pair.wire, &err));
	assert_true(pair.wire.closed);
	json_t *message = next(&pair); /* what came before the end is not lost */
	assert_int_equal(json_int(message, "n", 0), 1);
	json_decref(message);
	assert_null(next(&pair));
	pair_close(&pair);
}

/* ------------------------------------------------------------------ descriptors */

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static size_t open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1000; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void descriptors_in_order(void **state)
{
	struct pair pair;
	int ends[2], got;
	json_t *message = json_object(), *back;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pair_open(&pair, 1000);
	json_put_str(message, "t", "fork");
	ok(wire_send(pair.theirs, message, (int[]){ends[0], pair.theirs}, 2, &err));
	ok(wire_send(pair.theirs, message, &ends[1], 1, &err));
	while (pair.wire.fd_count < 3)
		ok(wire_read(&pair.wire, &err));
	const int expected[] = {ends[0], pair.theirs, ends[1]};
	for (size_t i = 0; i < 3; i++) {
		got = wire_take_fd(&pair.wire);
		assert_true(got >= 0 && same_file(got, expected[i]));
		assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
		close(got);
	}
	assert_int_equal(wire_take_fd(&pair.wire), -1);
	back = next(&pair);
	assert_string_equal(json_str(back, "t", ""), "fork");
	json_decref(back);
	json_decref(message);
	close(ends[0]);
	close(ends[1]);
	pair_close(&pair);
}

/* A peer that sends descriptors nobody asked for must not fill our table. */
static void descriptors_nobody_takes_are_closed(void **state)
{
	const size_t before = open_descriptors();
	struct pair pair;
	json_t *message = json_object();
	const int many[8] = {0, 1, 2, 0, 1, 2, 0, 1};

	(void)state;
	pair_open(&pair, 1000);
	for (int i = 0; i < 20; i++) {
		ok(wire_send(pair.theirs, message, many, 8, &err));
		ok(wire_read(&pair.wire, &err));
		assert_true(pair.wire.fd_count <= COUNT_OF(pair.wire.fds));
	}
	pair_close(&pair);
	assert_int_equal(open_descriptors(), before);
	json_decref(message);
}

/* ------------------------------------------------------------------ waiting and queueing */

static void waiting(void **state)
{
	struct pair pair;
	json_t *message;

	(void)state;
	pair_open(&pair, 1000);
	const struct mono begin = mono_now();
	refused(ERR_TIMEOUT, wire_wait(&pair.wire, 50, &message, &err));
	assert_true(mono_ms_since(begin) >= 50);
	push(&pair, "{\"n\":1}\n{\"n\":2}\n", 16);
	for (int n = 1; n <= 2; n++) {
		ok(wire_wait(&pair.wire, 5000, &message, &err));
		assert_int_equal(json_int(message, "n", 0), n);
		json_decref(message);
	}
	close(pair.theirs);
	pair.theirs = -1;
	refused(ERR_UNREACHABLE, wire_wait(&pair.wire, 5000, &message, &err));
	pair_close(&pair);
}

static void *take_all(void *arg)
{
	struct wire *wire = arg;
	int64_t *count = xmalloc(sizeof(*count));
	json_t *message;
	struct err why;

	while (wire_wait(wire, 10000, &message, &why) == ERR_NONE) {
		*count += json_int(message, "n", 0);
		json_decref(message);
	}
	return count;
}

/* More than a socket holds: the blocking side waits, the other does not. */
static void large_messages(void **state)
{
	struct pair pair;
	struct wire other;
	pthread_t reader;
	void *count;
	char *filler = xmalloc(3000001);
	json_t *message = json_object();

	(void)state;
	memset(filler, 'x', 3000000);
	json_put_int(message, "n", 1);
	json_put_str(message, "filler", filler);
	pair_open(&pair, WIRE_LINE_MAX);
	wire_init(&other, pair.theirs, WIRE_LINE_MAX);
	ok(wire_queue(&pair.wire, message, &err));
	assert_true(pair.wire.out.len > 0); /* nobody reads yet, and we came back */
	const size_t first = pair.wire.out.len;
	ok(wire_queue(&pair.wire, message, &err));
	assert_true(pair.wire.out.len > first);
	assert_int_equal(pthread_create(&reader, NULL, take_all, &other), 0);
	const struct mono begin = mono_now();
	while (pair.wire.out.len > 0 && mono_ms_since(begin) < 10000)
		ok(wire_flush(&pair.wire, &err));
	ok(wire_send(pair.ours, message, NULL, 0, &err)); /* on a non-blocking socket, too */
	shutdown(pair.ours, SHUT_WR);
	pthread_join(reader, &count);
	assert_int_equal(*(int64_t *)count, 3);
	free(count);
	free(filler);
	json_decref(message);
	wire_release(&other);
	pair_close(&pair);
}

static void a_full_queue(void **state)
{
	struct pair pair;
	char *filler = xmalloc(20000001);
	json_t *message = json_object();
	enum err_code code = ERR_NONE;
	int sent = 0;

	(void)state;
	memset(filler, 'x', 20000000);
	json_put_str(message, "filler", filler);
	pair_open(&pair, 1000);
	while (code == ERR_NONE && sent++ < 10)
		code = wire_queue(&pair.wire, message, &err);
	assert_int_equal(code, ERR_LIMIT);
	assert_in_range(sent, 2, 5);
	free(filler);
	json_decref(message);
	pair_close(&pair);
}

static void a_peer_that_went_away(void **state)
{
	struct pair pair;
	json_t *message = json_object();

	(void)state;
	pair_open(&pair, 1000);
	close(pair.theirs);
	pair.theirs = -1;
	refused(ERR_UNREACHABLE, wire_send(pair.ours, message, NULL, 0, &err)); /* and no SIGPIPE */
	refused(ERR_UNREACHABLE, wire_queue(&pair.wire, message, &err));
	assert_true(pair.wire.closed);
	json_decref(message);
	pair_close(&pair);
}

/* Random bytes: an error or a message, never more, and the wire goes on. */
static void noise(void **state)
{
	uint32_t seed = 77;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct pair pair;
		char bytes[512];
		size_t good = 0;
		static const char hot[] = "{}\n\"n:1,[]\\u0000 ";
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525u + 1013904223u;
			bytes[i] = seed & 0x4000u ? (char)(seed >> 24) : hot[(seed >> 20) % (sizeof(hot) - 1)];
		}
		pair_open(&pair, 1000);
		push(&pair, bytes, sizeof(bytes));
		push(&pair, "\n{\"last\":1}\n", 12);
		ok(wire_read(&pair.wire, &err));
		ok(wire_read(&pair.wire, &err));
		while (pair.wire.in.len > 0) {
			json_t *message;
			if (wire_next(&pair.wire, &message, &err) == ERR_NONE) {
				assert_true(json_is_object(message));
				good += json_int(message, "last", 0) == 1;
				json_decref(message);
			} else {
				assert_null(message);
			}
		}
		assert_int_equal(good, 1);
		pair_close(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_at_every_byte), cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(what_is_no_object_is_refused_and_passed_over),
		cmocka_unit_test(a_line_without_end), cmocka_unit_test(a_line_too_long),
		cmocka_unit_test(nothing_there_and_closed), cmocka_unit_test(descriptors_in_order),
		cmocka_unit_test(descriptors_nobody_takes_are_closed), cmocka_unit_test(waiting),
		cmocka_unit_test(large_messages), cmocka_unit_test(a_full_queue),
		cmocka_unit_test(a_peer_that_went_away), cmocka_unit_test(noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
