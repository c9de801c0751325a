/* conn.c: terminals.
 *
 * A terminal attached to a run is sent its events in order.  As long as it keeps up they come
 * as they are committed; one that stalls is left alone (its queue stays small) and is served
 * from the journal once it reads again, so a terminal held by Ctrl-S costs the server nothing
 * and never slows a run. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOKER_LINE_MAX = 1 << 16, CONNS_EACH_MAX = 300 };

struct conn *conn_find(struct server *server, int64_t id)
{
	for (struct conn *conn = server->conns; conn != NULL; conn = conn->next)
		if (conn->id == id && !conn->closing)
			return conn;
	return NULL;
}

/* Whether a process descends from the zygote: what a runbook starts may look, never act. */
static bool descends(pid_t pid, pid_t ancestor)
{
	for (int depth = 0; pid > 1 && depth < 64; depth++) {
		char path[64];
		struct buf stat;
		struct err err;
		int parent = 0;
		if (pid == ancestor)
			return true;
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		if (file_read(path, 4096, &stat, &err) != ERR_NONE)
			return false;
		const char *after = strrchr(stat.data, ')');
		if (after == NULL || sscanf(after, ") %*c %d", &parent) != 1)
			parent = 0;
		buf_release(&stat);
		pid = parent;
	}
	return false;
}

static void conn_freed(uv_handle_t *handle)
{
	struct conn *conn = handle->data;

	free(conn);
}

void conn_close(struct conn *conn)
{
	struct server *server = conn->server;
	struct conn **at = &server->conns;
	const int64_t run = conn->run;

	if (conn->closing)
		return;
	conn->closing = true;
	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	for (struct live *live = server->lives; live != NULL; live = live->next)
		if (live->lead_conn == conn->id)
			live->lead_conn = 0;
	uv_poll_stop(&conn->poll);
	close(conn->fd);
	wire_release(&conn->wire);
	uv_close((uv_handle_t *)&conn->poll, conn_freed);
	if (run != 0)
		people_changed(server, run);
}

static void conn_ready(uv_poll_t *poll, int status, int events);

static void conn_watch(struct conn *conn)
{
	const bool want = conn->wire.out.len > 0;

	if (conn->closing || want == conn->polling_write)
		return;
	conn->polling_write = want;
	uv_poll_start(&conn->poll, UV_READABLE | (want ? UV_WRITABLE : 0), conn_ready);
}

void conn_push(struct conn *conn, json_t *message)
{
	struct err err = { 0 };

	if (!conn->closing) {
		if (wire_queue(&conn->wire, message, &err) != ERR_NONE && !conn->wire.closed)
			log_line(LOG_WARN, "terminal %lld: %s", (long long)conn->id, err.text);
		if (err.code != ERR_NONE)
			conn_close(conn);
		else
			conn_watch(conn);
	}
	json_decref(message);
}

/* ------------------------------------------------------------------ events to terminals */

static json_t *event_push(const struct event *event)
{
	json_t *push = json_object();

	json_put(push, "event", event_to_json(event));
	return push;
}

void conns_push_event(struct server *server, const struct event *event)
{
	json_t *push = NULL;

	for (struct conn *conn = server->conns, *next; conn != NULL; conn = next) {
		next = conn->next;
		if (conn->run != event->chain || !conn->caught_up ||
			event->pos != conn->next_pos)
			continue;
		if (conn->wire.out.len > CONN_QUEUE_BYTES) {
			conn->caught_up = false; /* it stalls: later, from the journal */
			continue;
		}
		if (push == NULL)
			push = event_push(event);
		conn->next_pos++;
		conn_push(conn, json_incref(push));
	}
	json_decref(push);
}

static enum err_code pump_one(void *arg, const struct event *event, struct err *err)
{
	struct conn *conn = arg;

	if (conn->closing || conn->wire.out.len > CONN_QUEUE_BYTES)
		return err_set(err, ERR_LIMIT, "enough for now");
	conn->next_pos = event->pos + 1;
	conn_push(conn, event_push(event));
	return ERR_NONE;
}

void conn_pump(struct conn *conn)
{
	struct err err = { 0 };

	if (conn->run == 0 || conn->caught_up || conn->closing ||
		conn->wire.out.len > CONN_QUEUE_BYTES / 2)
		return;
	const struct live *live = live_find(conn->server, conn->run);
	const int64_t limit = live != NULL ? live->committed : INT64_MAX;
	if (conn->next_pos < limit) {
		const enum err_code code = journal_events(
			conn->server->reader, conn->run, conn->next_pos, pump_one, conn, &err);
		if (code == ERR_LIMIT || conn->closing)
			return;
		if (code != ERR_NONE) {
			log_line(LOG_ERROR, "run %lld: %s", (long long)conn->run, err.text);
			return;
		}
	}
	conn->caught_up = true;
	if (conn->told_caught_up)
		return;
	conn->told_caught_up = true;
	json_t *body = json_object(), *push = json_object();
	json_put_int(body, "run", conn->run);
	json_put_int(body, "next", conn->next_pos);
	json_put(push, "caught_up", body);
	conn_push(conn, push);
	struct live *watched = live_find(conn->server, conn->run);
	if (watched != NULL)
		forecast_wanted(watched);
}

void conns_push_run(struct server *server, int64_t run, json_t *message)
{
	for (struct conn *conn = server->conns, *next; conn != NULL; conn = next) {
		next = conn->next;
		/* only hints: dropped for whoever is behind */
		if (conn->run == run && conn->caught_up &&
			conn->wire.out.len < CONN_QUEUE_BYTES)
			conn_push(conn, json_incref(message));
	}
	json_decref(message);
}

void conns_push_all(struct server *server, json_t *message)
{
	for (struct conn *conn = server->conns, *next; conn != NULL; conn = next) {
		next = conn->next;
		conn_push(conn, json_incref(message));
	}
	json_decref(message);
}

void people_changed(struct server *server, int64_t run)
{
	const struct live *live = live_find(server, run);
	int64_t watching = 0;

	for (const struct conn *conn = server->conns; conn != NULL; conn = conn->next)
		watching += conn->run == run;
	for (struct conn *conn = server->conns, *next; conn != NULL; conn = next) {
		next = conn->next;
		if (conn->run != run)
			continue;
		json_t *body = json_object(), *push = json_object();
		json_put_int(body, "run", run);
		json_put_str(body, "lead", live != NULL ? live->run->lead : "");
		json_put_flag(body, "lead_is_you", live != NULL && live->lead_conn == conn->id);
		json_put_int(body, "watching", watching);
		json_put(push, "people", body);
		conn_push(conn, push);
	}
}

/* ------------------------------------------------------------------ reading */

static void conn_ready(uv_poll_t *poll, int status, int events)
{
	struct conn *conn = poll->data;
	struct err err = { 0 };
	json_t *message;

	if (status < 0)
		events = UV_READABLE;
	if (events & UV_WRITABLE) {
		if (wire_flush(&conn->wire, &err) != ERR_NONE) {
			conn_close(conn);
			return;
		}
		conn_pump(conn);
		if (!conn->closing)
			conn_watch(conn);
	}
	if (conn->closing || !(events & UV_READABLE))
		return;
	enum err_code code = wire_read(&conn->wire, &err);
	while (code == ERR_NONE && !conn->closing) {
		code = wire_next(&conn->wire, &message, &err);
		if (message == NULL)
			break;
		request_handle(conn, message);
		json_decref(message);
	}
	if (code != ERR_NONE)
		log_line(LOG_WARN, "terminal %lld: %s", (long long)conn->id, err.text);
	if (!conn->closing && (code != ERR_NONE || conn->wire.closed))
		conn_close(conn);
}

/* One person cannot take all the descriptors there are. */
static bool too_many(const struct server *server, uid_t uid)
{
	size_t count = 0;

	for (const struct conn *conn = server->conns; conn != NULL; conn = conn->next)
		count += conn->actor.uid == (int64_t)uid;
	return count >= CONNS_EACH_MAX;
}

void conn_accept(struct server *server)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	const int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
		(!team_server(server) && peer.uid != geteuid() && peer.uid != 0) ||
		too_many(server, peer.uid)) {
		log_line(LOG_WARN, "a connection of another user, or one too many, was refused");
		close(fd);
		return;
	}
	struct conn *conn = xmalloc(sizeof(*conn));
	*conn = (struct conn){ .next = server->conns,
		.server = server,
		.id = ++server->last_id,
		.fd = fd,
		.pid = peer.pid,
		.actor = { .uid = (int64_t)peer.uid } };
	/* while it is certain that the number is still this process's */
	conn->read_only = server->zygote.running && descends(peer.pid, server->zygote.pid);
	server->conns = conn;
	wire_init(&conn->wire, fd, LOOKER_LINE_MAX);
	uv_poll_init(&server->loop, &conn->poll, fd);
	conn->poll.data = conn;
	person_meet(conn);
}

void conn_begin(struct conn *conn)
{
	snprintf(conn->actor.name, sizeof(conn->actor.name), "%s",
		person_of(conn->server, conn->actor.uid)->name);
	/* only who may start a run has a plan to send */
	if (person_roles(conn->server, conn->actor.uid) & ROLE_OPERATOR) {
		wire_release(&conn->wire);
		wire_init(&conn->wire, conn->fd, WIRE_CLIENT_LINE_MAX);
	}
	uv_poll_start(&conn->poll, UV_READABLE, conn_ready);
}
