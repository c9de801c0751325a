/* client.c: a terminal's connection to the server of a data directory; starts the server when
 * there is none. */
#include "drillbook/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_TIMEOUT_MS = 30000, START_TIMEOUT_MS = 10000, KEPT_MAX = 100000 };

struct client {
	struct wire wire;
	json_t *kept; /* pushes that came while an answer was awaited */
	size_t kept_at;
	int64_t last_id;
	char *version;
	bool team;
};

char *wire_socket_path(const char *data_dir)
{
	char hex[SHA256_HEX];
	char *path = path_join(data_dir, "server.sock");

	if (strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
		return path;
	free(path);
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	sha256_hex(sha256_of(data_dir, strlen(data_dir)), hex);
	hex[16] = '\0';
	if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < 60)
		return xasprintf("%s/drillbook-%s.sock", runtime, hex);
	return xasprintf("/tmp/drillbook-%u/%s.sock", (unsigned)getuid(), hex);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		const int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

/* Whoever may put something into the directory could have put this socket there. */
static bool owns_place(const char *path, uid_t uid)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');
	struct stat st;

	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	const bool owns = slash != NULL && stat(dir, &st) == 0 && (st.st_mode & 022) == 0 &&
			  (st.st_uid == uid || st.st_uid == 0);
	free(dir);
	return owns;
}

/* A socket that somebody else put there would be told everything: it must be ours or root's, or, for
 * a team server, that of who owns the directory it lies in. */
static enum err_code check_peer(int fd, const char *team, struct err *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return err_errno(err, "cannot tell who serves the socket");
	if (peer.uid == geteuid() || peer.uid == 0 || (team != NULL && owns_place(team, peer.uid)))
		return ERR_NONE;
	if (team != NULL)
		return err_set(err, ERR_FORBIDDEN,
			"\"%s\" is served by uid %u, who does not own its directory alone", team,
			(unsigned)peer.uid);
	return err_set(err, ERR_FORBIDDEN, "the socket is served by uid %u, not by you",
		(unsigned)peer.uid);
}

/* The program's own sentence in what it printed: without its name before and the hint after it. */
static const char *why_not(const struct buf *printed)
{
	static const char name[] = "drillbook: ";
	const char *why = printed->len > 0 ? printed->data : "it does not say why";
	const char *own = strstr(why, name);

	return own != NULL ? own + strlen(name) : why;
}

/* Runs `drillbook server start` of the same installation; it returns when the socket accepts.
 */
static enum err_code start_server(const char *data_dir, struct err *err)
{
	char self[4096];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return err_errno(err, "cannot find this program's own file");
	self[n] = '\0';
	const char *argv[] = { self, "--data", data_dir, "server", "start", NULL };
	struct child child = { .argv = argv, .timeout_ms = START_TIMEOUT_MS };
	enum err_code code = child_run(&child, err);
	if (code == ERR_NONE && child.exit_status != 0 &&
		child.exit_status != err_exit_status(ERR_HELD)) {
		const char *why = why_not(&child.errout);
		code = err_set(err, child.exit_status == 7 ? ERR_JOURNAL : ERR_UNREACHABLE,
			"the server did not start: %.*s", (int)strcspn(why, "\n"), why);
	}
	child_release(&child);
	return code;
}

static enum err_code greet(struct client *client, struct err *err)
{
	json_t *hello = json_object(), *answer = NULL;

	json_put_int(hello, "proto", WIRE_PROTOCOL_MAJOR);
	json_put_str(hello, "version", DRILLBOOK_VERSION);
	TRY(client_ask(client, "hello", hello, &answer, err));
	client->version = xstrdup(json_str(answer, "version", "?"));
	client->team = json_flag(answer, "team", false);
	json_decref(answer);
	return ERR_NONE;
}

/* The connected socket is taken over, also on error. */
static enum err_code client_new(
	struct client **out, int fd, const char *team, int flags, struct err *err)
{
	enum err_code code = check_peer(fd, team, err);

	if (code != ERR_NONE) {
		close(fd);
		return code;
	}
	struct client *client = xmalloc(sizeof(*client));
	wire_init(&client->wire, fd, WIRE_LINE_MAX);
	client->kept = json_array();
	code = greet(client, err);
	if (code == ERR_VERSION && (flags & CLIENT_ANY_VERSION))
		code = ERR_NONE;
	if (code != ERR_NONE)
		client_close(client);
	else
		*out = client;
	return code;
}

enum err_code client_open(struct client **out, const char *data_dir, int flags, struct err *err)
{
	char *path = wire_socket_path(data_dir);
	enum err_code code = ERR_NONE;

	*out = NULL;
	int fd = connect_to(path);
	if (fd < 0 && (flags & CLIENT_START_SERVER)) {
		code = start_server(data_dir, err);
		if (code == ERR_NONE)
			fd = connect_to(path);
	}
	if (code == ERR_NONE && fd < 0)
		code = err_set(err, ERR_UNREACHABLE, "no server answers at \"%s\": %s", path,
			strerror(errno));
	free(path);
	return code == ERR_NONE ? client_new(out, fd, NULL, flags, err) : code;
}

enum err_code client_open_team(struct client **out, const char *socket_path, int flags, struct err *err)
{
	*out = NULL;
	if (socket_path[0] != '/')
		return err_set(err, ERR_USAGE, "\"%s\": a server is named by the whole path of its socket",
			socket_path);
	if (strlen(socket_path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(err, ERR_LIMIT, "\"%s\" is too long for a socket", socket_path);
	const int fd = connect_to(socket_path);
	if (fd < 0 && errno == EACCES)
		return err_set(err, ERR_FORBIDDEN,
			"you may not open \"%s\": whoever runs the team server says who may", socket_path);
	if (fd < 0)
		return err_set(err, ERR_UNREACHABLE, "no team server answers at \"%s\": %s", socket_path,
			strerror(errno));
	return client_new(out, fd, socket_path, flags, err);
}

bool client_team(const struct client *client)
{
	return client->team;
}

void client_close(struct client *client)
{
	if (client == NULL)
		return;
	close(client->wire.fd);
	wire_release(&client->wire);
	json_decref(client->kept);
	free(client->version);
	free(client);
}

int client_fd(const struct client *client)
{
	return client->wire.fd;
}

const char *client_server_version(const struct client *client)
{
	return client->version != NULL ? client->version : "?";
}

static enum err_code send_with(struct client *client, const char *what, json_t *body, int fd,
	int64_t *id, struct err *err)
{
	json_t *message = body != NULL ? body : json_object();

	json_put_str(message, "do", what);
	json_put_int(message, "id", ++client->last_id);
	if (id != NULL)
		*id = client->last_id;
	const enum err_code code = wire_send(client->wire.fd, message, &fd, fd >= 0 ? 1 : 0, err);
	json_decref(message);
	return code;
}

enum err_code client_send(
	struct client *client, const char *what, json_t *body, int64_t *id, struct err *err)
{
	return send_with(client, what, body, -1, id, err);
}

enum err_code client_ask(
	struct client *client, const char *what, json_t *body, json_t **answer, struct err *err)
{
	return client_ask_with(client, what, body, -1, answer, err);
}

enum err_code client_ask_with(struct client *client, const char *what, json_t *body, int fd,
	json_t **answer, struct err *err)
{
	const struct mono begin = mono_now();
	int64_t id;

	if (answer != NULL)
		*answer = NULL;
	TRY(send_with(client, what, body, fd, &id, err));
	for (;;) {
		json_t *message;
		TRY(wire_wait(&client->wire, ANSWER_TIMEOUT_MS - mono_ms_since(begin), &message,
			err));
		if (json_int(message, "id", -1) != id) {
			if (json_array_size(client->kept) >= KEPT_MAX) {
				json_decref(message);
				return err_set(
					err, ERR_LIMIT, "too many messages before the answer");
			}
			json_array_append_new(client->kept, message);
			continue;
		}
		if (!json_flag(message, "ok", false)) {
			const json_t *error = json_object_get(message, "error");
			err_set(err, err_from_name(json_str(error, "code", "FAILED")), "%s",
				json_str(error, "text", "the server refused"));
			json_decref(message);
			return err->code;
		}
		if (answer != NULL)
			*answer = message;
		else
			json_decref(message);
		return ERR_NONE;
	}
}

enum err_code client_next(
	struct client *client, int64_t timeout_ms, json_t **out, struct err *err)
{
	*out = NULL;
	if (client->kept_at < json_array_size(client->kept)) {
		*out = json_incref(json_array_get(client->kept, client->kept_at++));
		if (client->kept_at == json_array_size(client->kept)) {
			json_array_clear(client->kept);
			client->kept_at = 0;
		}
		return ERR_NONE;
	}
	TRY(wire_next(&client->wire, out, err));
	if (*out != NULL)
		return ERR_NONE;
	struct pollfd p = { .fd = client->wire.fd, .events = POLLIN };
	if (poll(&p, 1, (int)timeout_ms) > 0) {
		TRY(wire_read(&client->wire, err));
		TRY(wire_next(&client->wire, out, err));
	}
	if (*out == NULL && client->wire.closed)
		return err_set(err, ERR_UNREACHABLE, "the server has gone");
	return ERR_NONE;
}
