/* wanlink.c: the line between two sites, as a TCP relay on loopback that can be made to fail.
 *
 *   wanlink SOCKET FROM:TO…        relays each port FROM to port TO
 *   wanlink ask SOCKET COMMAND     one command; prints the answer
 *
 * Commands, for all relays at once since they are one line:
 *   open         bytes flow (the initial state)
 *   hole         connections stay, nothing moves: what a partition looks like
 *   cut          connections are reset and new ones refused: what a dead host looks like
 *   delay MS     each byte arrives MS later, in both directions
 *   rate BYTES   per second, connection and direction; 0 = unlimited
 *   stat         state=open delay=0 rate=0 connections=1
 *
 * tc netem would do the same but needs a capability and a kernel module. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RELAYS_MAX = 4, PAIRS_MAX = 64, PIPE_BYTES = 1 << 18, PIECES = 512 };

/* One direction of one connection: a ring of bytes, and the pieces they came in with the moment from
 * which each may be sent. */
struct pipe {
	int from, to;
	char *ring;
	uint64_t in, out; /* bytes ever put in and taken out */
	struct { uint64_t end; int64_t due; } piece[PIECES];
	unsigned first, count;
	int64_t wire_free; /* when the rate lets the next byte onto the line */
	bool ended, told;  /* the source has shut its side; the destination knows */
};

struct pair {
	bool used;
	struct pipe way[2];
};

struct relay {
	int from, to, listener;
};

enum line { LINE_OPEN, LINE_HOLE, LINE_CUT };
static const char *const line_names[] = { "open", "hole", "cut" };

static struct relay relays[RELAYS_MAX];
static size_t relay_count;
static struct pair pairs[PAIRS_MAX];
static enum line line;
static int64_t delay_ms, rate_bytes;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct sockaddr_in on_loopback(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static bool relay_listen(struct relay *relay)
{
	struct sockaddr_in a = on_loopback(relay->from);
	int yes = 1;

	if (relay->listener >= 0)
		return true;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 32)) {
		close(fd);
		return false;
	}
	relay->listener = fd;
	return true;
}

static void pair_drop(struct pair *pair, bool reset)
{
	struct linger hard = { .l_onoff = 1 };

	for (int i = 0; i < 2; i++) {
		if (reset)
			setsockopt(pair->way[i].from, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		close(pair->way[i].from);
		free(pair->way[i].ring);
	}
	*pair = (struct pair){ .used = false };
}

static void pair_take(struct relay *relay)
{
	struct sockaddr_in a = on_loopback(relay->to);
	struct pair *pair = NULL;
	int near = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	for (size_t i = 0; i < PAIRS_MAX && !pair; i++)
		if (!pairs[i].used)
			pair = &pairs[i];
	char *rings[2] = { malloc(PIPE_BYTES), malloc(PIPE_BYTES) };
	/* on loopback connect answers at once, so blocking in it holds up nobody */
	if (near < 0 || far < 0 || !pair || !rings[0] || !rings[1] ||
	    connect(far, (struct sockaddr *)&a, sizeof a)) {
		for (int i = 0; i < 2; i++)
			free(rings[i]);
		if (near >= 0)
			close(near);
		if (far >= 0)
			close(far);
		return;
	}
	pair->used = true;
	pair->way[0] = (struct pipe){ .from = near, .to = far, .ring = rings[0] };
	pair->way[1] = (struct pipe){ .from = far, .to = near, .ring = rings[1] };
}

static bool pipe_has_room(const struct pipe *pipe)
{
	return !pipe->ended && pipe->in - pipe->out < PIPE_BYTES && pipe->count < PIECES;
}

/* False when the connection is broken. */
static bool pipe_fill(struct pipe *pipe)
{
	size_t at = pipe->in % PIPE_BYTES, room = PIPE_BYTES - (size_t)(pipe->in - pipe->out);
	int64_t now = now_ms();

	if (room > PIPE_BYTES - at)
		room = PIPE_BYTES - at;
	ssize_t got = recv(pipe->from, pipe->ring + at, room, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0) {
		pipe->ended = true;
		return true;
	}
	if (pipe->wire_free < now)
		pipe->wire_free = now;
	if (rate_bytes)
		pipe->wire_free += got * 1000 / rate_bytes;
	pipe->in += (uint64_t)got;
	unsigned last = (pipe->first + pipe->count++) % PIECES;
	pipe->piece[last].end = pipe->in;
	pipe->piece[last].due = pipe->wire_free + delay_ms;
	return true;
}

static bool pipe_empty(struct pipe *pipe)
{
	while (pipe->count && pipe->piece[pipe->first].due <= now_ms()) {
		size_t at = pipe->out % PIPE_BYTES, len = (size_t)(pipe->piece[pipe->first].end - pipe->out);

		if (len > PIPE_BYTES - at)
			len = PIPE_BYTES - at;
		ssize_t sent = send(pipe->to, pipe->ring + at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		pipe->out += (uint64_t)sent;
		if (pipe->out == pipe->piece[pipe->first].end) {
			pipe->first = (pipe->first + 1) % PIECES;
			pipe->count--;
		}
	}
	if (pipe->ended && !pipe->count && !pipe->told) {
		shutdown(pipe->to, SHUT_WR);
		pipe->told = true;
	}
	return true;
}

/* ------------------------------------------------------------------ commands */

static const char *command(const char *text)
{
	long long value;

	for (size_t i = 0; i < 3; i++)
		if (!strcmp(text, line_names[i])) {
			line = (enum line)i;
			for (size_t r = 0; r < relay_count; r++) {
				if (line != LINE_CUT && !relay_listen(&relays[r]))
					return "cannot listen again";
				if (line == LINE_CUT && relays[r].listener >= 0) {
					close(relays[r].listener);
					relays[r].listener = -1;
				}
			}
			for (size_t p = 0; line == LINE_CUT && p < PAIRS_MAX; p++)
				if (pairs[p].used)
					pair_drop(&pairs[p], true);
			return NULL;
		}
	if (sscanf(text, "delay %lld", &value) == 1 && value >= 0 && value < 3600000)
		delay_ms = value;
	else if (sscanf(text, "rate %lld", &value) == 1 && value >= 0)
		rate_bytes = value;
	else if (strcmp(text, "stat") != 0)
		return "open, hole, cut, delay MS, rate BYTES or stat";
	return NULL;
}

static void control(int listener)
{
	char text[128] = "";
	struct timeval limit = { .tv_sec = 1 }; /* a silent client does not stop the line */
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), used = 0;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (read(fd, text, sizeof text - 1) < 0)
		text[0] = 0;
	text[strcspn(text, "\r\n")] = 0;
	const char *error = command(text);
	for (size_t i = 0; i < PAIRS_MAX; i++)
		used += pairs[i].used;
	if (error)
		dprintf(fd, "error: %s\n", error);
	else
		dprintf(fd, "state=%s delay=%lld rate=%lld connections=%d\n", line_names[line],
			(long long)delay_ms, (long long)rate_bytes, used);
	close(fd);
}

static int control_socket(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address->sun_path)
		return -1;
	memcpy(address->sun_path, path, strlen(path));
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int ask(const char *path, const char *text)
{
	struct sockaddr_un address;
	char answer[256];
	int fd = control_socket(path, &address);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) ||
	    dprintf(fd, "%s\n", text) < 0) {
		perror("wanlink");
		return 1;
	}
	ssize_t got = read(fd, answer, sizeof answer - 1);
	if (got <= 0)
		return 1;
	answer[got] = 0;
	fputs(answer, stdout);
	return !strncmp(answer, "error", 5);
}

/* ------------------------------------------------------------------ the loop */

static struct pollfd fds[1 + RELAYS_MAX + 2 * PAIRS_MAX];

/* Fills fds; *wake is how long until the next delayed byte is due, -1 = none. */
static nfds_t interests(int listener, int64_t *wake)
{
	nfds_t n = 0;
	int64_t now = now_ms();

	*wake = -1;
	fds[n++] = (struct pollfd){ .fd = listener, .events = POLLIN };
	for (size_t r = 0; r < RELAYS_MAX; r++)
		fds[n++] = (struct pollfd){
			.fd = r < relay_count && line == LINE_OPEN ? relays[r].listener : -1, .events = POLLIN
		};
	for (size_t p = 0; p < PAIRS_MAX; p++)
		for (int i = 0; i < 2; i++) {
			struct pipe *read_end = &pairs[p].way[i], *write_end = &pairs[p].way[!i];
			short events = pipe_has_room(read_end) ? POLLIN : 0;

			if (write_end->count) {
				int64_t due = write_end->piece[write_end->first].due;
				if (due <= now)
					events |= POLLOUT;
				else if (*wake < 0 || due - now < *wake)
					*wake = due - now;
			}
			/* a socket that is finished both ways would report its hang-up for ever */
			bool watch = pairs[p].used && line == LINE_OPEN && !(read_end->ended && write_end->told);
			fds[n++] = (struct pollfd){ .fd = watch ? read_end->from : -1, .events = events };
		}
	return n;
}

static void move(struct pair *pair, const struct pollfd *ready)
{
	bool ok = true;

	for (int i = 0; i < 2 && ok; i++) {
		if (ready[i].revents & (POLLIN | POLLHUP | POLLERR) && pipe_has_room(&pair->way[i]))
			ok = pipe_fill(&pair->way[i]);
		else if (ready[i].revents & POLLERR)
			ok = false;
		ok = ok && pipe_empty(&pair->way[i]);
	}
	if (!ok || (pair->way[0].told && pair->way[1].told))
		pair_drop(pair, !ok);
}

static int serve(const char *path)
{
	struct sockaddr_un address;
	int listener = control_socket(path, &address);

	unlink(path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) ||
	    listen(listener, 8)) {
		perror("wanlink");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int64_t wake;
		nfds_t count = interests(listener, &wake);

		if (poll(fds, count, (int)wake) < 0) {
			if (errno == EINTR)
				continue;
			return 1;
		}
		for (size_t p = 0; p < PAIRS_MAX; p++)
			if (pairs[p].used && line == LINE_OPEN)
				move(&pairs[p], &fds[1 + RELAYS_MAX + 2 * p]);
		for (size_t r = 0; r < relay_count; r++)
			if (fds[1 + r].revents)
				pair_take(&relays[r]);
		if (fds[0].revents)
			control(listener);
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3]);
	for (int i = 2; i < argc && relay_count < RELAYS_MAX; i++) {
		struct relay *relay = &relays[relay_count++];
		relay->listener = -1;
		if (sscanf(argv[i], "%d:%d", &relay->from, &relay->to) != 2 || !relay_listen(relay)) {
			fprintf(stderr, "wanlink: cannot relay %s\n", argv[i]);
			return 1;
		}
	}
	if (argc < 3) {
		fprintf(stderr, "usage: wanlink SOCKET FROM:TO... | wanlink ask SOCKET COMMAND\n");
		return 2;
	}
	return serve(argv[1]);
}
