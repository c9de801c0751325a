/* haproxy.h: what HAProxy's runtime API says, read into structs; private to the haproxy
 * provider. Source: HAProxy 2.6 management guide, sections 9.1 (CSV format) and 9.3 (Unix
 * socket commands). */
#ifndef PROVIDER_HAPROXY_H
#define PROVIDER_HAPROXY_H

#include "drillbook/provider.h"

enum {
	HAPROXY_REPLY_MAX = 8 << 20,
	HAPROXY_SERVERS_MAX = 1000,
	HAPROXY_NAME_MAX = 128,
	HAPROXY_COMMAND_MS = 10000
};

struct haproxy_server {
	char name[HAPROXY_NAME_MAX], address[80];
	char status[40], check[40]; /* of the CSV: "UP 1/2", "L7OK" */
	int admin_bits, op_state;   /* of `show servers state` */
	int64_t weight, sessions, queue;
	int fall; /* checks that must fail before it is down; 0 = not known */
	bool backup, seen;
};

struct haproxy_backend {
	char name[HAPROXY_NAME_MAX];
	struct haproxy_server *servers;
	size_t count;
};
void haproxy_backend_release(struct haproxy_backend *backend);
struct haproxy_server *haproxy_server_find(
	const struct haproxy_backend *backend, const char *name);

/* "ready", "drain" or "maint": what `set server … state` takes. */
const char *haproxy_admin(const struct haproxy_server *server);
/* True when it takes traffic and a health check says so, or it has none.  After maintenance
 * HAProxy calls a server UP before the first check has ended: that ("INI", or "UP 1/2") is not
 * up here. */
bool haproxy_up(const struct haproxy_server *server);
/* {name, admin, op, up, weight, sessions, …}; owned. */
json_t *haproxy_server_json(const struct haproxy_server *server);

/* The answers to `show servers state B` and `show stat B 4 -1`; the second adds to what the
 * first found.  ERR_NOT_FOUND, ERR_VERSION, ERR_PROTOCOL, ERR_LIMIT. */
enum err_code haproxy_parse_state(
	char *text, struct haproxy_backend *backend, struct err *err) MUST_CHECK;
enum err_code haproxy_parse_stat(
	char *text, struct haproxy_backend *backend, struct err *err) MUST_CHECK;

/* haproxy_socket.c */
/* One command on a connection of its own; the answer replaces what is in reply.  world is
 * UNCHANGED when nothing was sent.  ERR_UNREACHABLE, ERR_AUTH (the socket's mode), ERR_TIMEOUT,
 * ERR_CANCELLED. */
enum err_code haproxy_command(
	struct call *call, const char *command, struct buf *reply, struct err *err) MUST_CHECK;
/* A command whose success is an empty answer.  What HAProxy answers otherwise is the error. */
enum err_code haproxy_set(struct call *call, const char *command, struct err *err) MUST_CHECK;
/* Reads the backend (released by the caller, also on error). */
enum err_code haproxy_read(struct call *call, const char *name, struct haproxy_backend *backend,
	struct err *err) MUST_CHECK;
/* Names go into a command line: no space, semicolon, backslash or control character. */
enum err_code haproxy_check_name(
	const char *what, const char *name, struct err *err) MUST_CHECK;

/* haproxy.c */
/* The call's backend, else the target's.  ERR_USAGE. */
enum err_code haproxy_backend_name(
	struct call *call, const char **name, struct err *err) MUST_CHECK;
enum err_code haproxy_server_named(const struct haproxy_backend *backend, const char *name,
	struct haproxy_server **out, struct err *err) MUST_CHECK;

/* haproxy_states.c: the operations that change a state, and what they have in common with
 * status. */
enum err_code haproxy_prepare_states(struct call *call, json_t *before, struct err *err);
enum err_code haproxy_run_states(struct call *call, json_t *result, struct err *err);
enum err_code haproxy_verify_states(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);
void haproxy_put_servers(const struct haproxy_backend *backend, json_t *result);

#endif
