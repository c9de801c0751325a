/* wire.h: messages between client and server, and between server, zygote and workers.
 *
 * Every message is one JSON object on one line.  The kinds and their members are in docs/protocol.md.  Descriptors travel
 * beside a line as SCM_RIGHTS and are taken in order of arrival. */
#ifndef DRILLBOOK_WIRE_H
#define DRILLBOOK_WIRE_H

#include "drillbook/base.h"

enum {
	WIRE_PROTOCOL_MAJOR = 1,
	WIRE_LINE_MAX = 64 << 20,       /* between our own processes */
	WIRE_CLIENT_LINE_MAX = 24 << 20,/* what a client may send: a plan */
	WIRE_CLIENT_QUEUE_MAX = 32 << 20 /* a terminal that does not read is cut off beyond this and may attach again */
};

struct wire {
	int fd;                 /* not owned */
	struct buf in, out;
	size_t scanned;         /* bytes of in already searched for a newline */
	int fds[16]; size_t fd_count;
	bool closed;            /* the peer has closed */
};
void wire_init(struct wire *wire, int fd, size_t max_line);
void wire_release(struct wire *wire); /* closes descriptors nobody took; not fd */
/* One recvmsg.  ERR_NONE also when nothing was there (non-blocking) or the peer closed (wire->closed). */
enum err_code wire_read(struct wire *wire, struct err *err) MUST_CHECK;
/* The next whole message (owned by the caller) or *out = NULL.  ERR_PROTOCOL for a line that is no JSON object. */
enum err_code wire_next(struct wire *wire, json_t **out, struct err *err) MUST_CHECK;
int wire_take_fd(struct wire *wire); /* -1 when none is there */
/* Blocking: sends the line and the descriptors whole. */
enum err_code wire_send(int fd, const json_t *message, const int *fds, size_t fd_count, struct err *err) MUST_CHECK;
/* Blocking with a deadline: waits for the next message.  ERR_TIMEOUT; ERR_UNREACHABLE when the peer closed. */
enum err_code wire_wait(struct wire *wire, int64_t timeout_ms, json_t **out, struct err *err) MUST_CHECK;
/* Non-blocking: queues, then flushes what goes.  ERR_LIMIT when the queue is full. */
enum err_code wire_queue(struct wire *wire, const json_t *message, struct err *err) MUST_CHECK;
enum err_code wire_flush(struct wire *wire, struct err *err) MUST_CHECK; /* wire->out.len > 0: wants POLLOUT */

/* ------------------------------------------------------------------ a client's side */

struct client; /* a connection to the server of a data directory */

enum client_flags {
	CLIENT_START_SERVER = 1,
	CLIENT_ANY_VERSION = 2 /* stay connected to a server of another protocol: only status and stop work */
};
/* Connects to data_dir/server.sock; with CLIENT_START_SERVER starts the server when none answers.
 * ERR_UNREACHABLE; ERR_VERSION with the command that still works. */
enum err_code client_open(struct client **out, const char *data_dir, int flags, struct err *err) MUST_CHECK;
/* The team server at a socket; it is never started from here.  ERR_FORBIDDEN when the file's mode shuts us out, and
 * when who serves it is neither root nor the owner of its directory. */
enum err_code client_open_team(struct client **out, const char *socket_path, int flags, struct err *err) MUST_CHECK;
bool client_team(const struct client *client); /* the server is one for several people */
void client_close(struct client *client);
int client_fd(const struct client *client);   /* for poll */
/* Sends a request {"do": what, …members of body}; body is stolen, may be NULL.  Waits for the answer; pushes that come
 * meanwhile are kept for client_next.  *answer (owned, may be NULL) is the whole answer object. */
enum err_code client_ask(struct client *client, const char *what, json_t *body, json_t **answer, struct err *err) MUST_CHECK;
/* The same with a descriptor beside it (-1 = none), which stays the caller's. */
enum err_code client_ask_with(struct client *client, const char *what, json_t *body, int fd, json_t **answer,
	struct err *err) MUST_CHECK;
/* Sends without waiting; the answer comes through client_next as {"id": n, …}. */
enum err_code client_send(struct client *client, const char *what, json_t *body, int64_t *id, struct err *err) MUST_CHECK;
/* The next push or late answer: waits up to timeout_ms (0 = only what is there).  *out NULL when none came.
 * ERR_UNREACHABLE when the server went away. */
enum err_code client_next(struct client *client, int64_t timeout_ms, json_t **out, struct err *err) MUST_CHECK;
const char *client_server_version(const struct client *client);

/* Path of the socket, owned.  A data directory whose path is too long for a socket is served from
 * $XDG_RUNTIME_DIR or /tmp/drillbook-UID/<digest of the path>. */
char *wire_socket_path(const char *data_dir);

#endif
