/* haproxy_socket.c: one command, one connection, one answer. */
#include "haproxy.h"
#include "net.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

enum err_code haproxy_check_name(const char *what, const char *name, struct err *err)
{
	/* configuration manual, 2.2: what a proxy or server name may hold */
	static const char more[] = "-_.:";

	for (const char *s = name; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr(more, *s) == NULL)
			return err_set(err, ERR_USAGE, "\"%.100s\" cannot be the name of a %s",
				name, what);
	if (name[0] == '\0' || strlen(name) >= HAPROXY_NAME_MAX)
		return err_set(err, ERR_USAGE, "the name of a %s has 1 to %d characters", what,
			HAPROXY_NAME_MAX - 1);
	return ERR_NONE;
}

static enum err_code connect_socket(
	struct call *call, const struct net_limit *limit, int *fd, struct err *err)
{
	const char *path = setting_string(call, "socket"), *host = setting_string(call, "host");
	struct net_endpoint to;

	if ((path != NULL) == (host != NULL))
		return err_set(err, ERR_USAGE,
			"target \"%s\" needs the setting socket, or host and port",
			call_target(call));
	if (path != NULL)
		return net_connect_unix(path, limit, fd, err);
	if (!setting_has(call, "port"))
		return err_set(err, ERR_USAGE, "target \"%s\" needs the setting port",
			call_target(call));
	TRY(net_endpoint_parse(host, (int)setting_int(call, "port"), &to, err));
	return net_connect(&to, SOCK_STREAM, limit, fd, err);
}

static enum err_code read_answer(
	int fd, const struct net_limit *limit, struct buf *reply, struct err *err)
{
	char chunk[16384];
	size_t got;

	for (;;) {
		TRY(net_receive(fd, chunk, sizeof(chunk), limit, &got, err));
		if (got == 0)
			return ERR_NONE;
		TRY(buf_add(reply, chunk, got, err));
	}
}

enum err_code haproxy_command(
	struct call *call, const char *command, struct buf *reply, struct err *err)
{
	const int64_t left = call_left_ms(call);
	const struct net_limit limit = net_limit_in(
		left < HAPROXY_COMMAND_MS ? left : HAPROXY_COMMAND_MS, call_stop_flag(call));
	char line[512];
	size_t sent = 0;
	int fd = -1;
	enum err_code code;

	buf_clear(reply);
	TRY(buf_add(reply, "", 0, err));
	const int len = snprintf(line, sizeof(line), "%s\n", command);
	if (len < 0 || (size_t)len >= sizeof(line))
		return err_set(err, ERR_LIMIT, "the command is too long");
	code = connect_socket(call, &limit, &fd, err);
	if (code == ERR_NONE)
		code = net_send(fd, line, (size_t)len, &limit, &sent, err);
	if (code == ERR_NONE)
		code = read_answer(fd, &limit, reply, err);
	if (fd >= 0)
		close(fd);
	if (code != ERR_NONE) {
		err->world = sent > 0 ? WORLD_UNKNOWN : WORLD_UNCHANGED;
		return err_context(err, "HAProxy");
	}
	return ERR_NONE;
}

static const struct {
	const char *part;
	enum err_code code;
} refusals[] = {
	{ "No such backend", ERR_NOT_FOUND },
	{ "No such server", ERR_NOT_FOUND },
	{ "Permission denied", ERR_AUTH },
	{ "permission denied", ERR_AUTH },
	{ "Unknown command", ERR_VERSION },
};

enum err_code haproxy_set(struct call *call, const char *command, struct err *err)
{
	struct buf reply;
	enum err_code code;

	buf_init(&reply, HAPROXY_REPLY_MAX);
	code = haproxy_command(call, command, &reply, err);
	if (code == ERR_NONE) {
		const char *said = reply.data;

		while (isspace((unsigned char)*said))
			said++;
		if (*said != '\0') {
			code = ERR_REFUSED;
			for (size_t i = 0; i < COUNT_OF(refusals); i++)
				if (strstr(said, refusals[i].part) != NULL)
					code = refusals[i].code;
			err_set(err, code, "HAProxy answered \"%s\" with \"%.*s\"", command,
				(int)strcspn(said, "\n"), said);
			err->world = WORLD_UNCHANGED;
		}
	}
	buf_release(&reply);
	return code;
}

enum err_code haproxy_read(
	struct call *call, const char *name, struct haproxy_backend *backend, struct err *err)
{
	struct buf reply;
	char command[HAPROXY_NAME_MAX + 64];
	enum err_code code;

	*backend = (struct haproxy_backend){ 0 };
	TRY(haproxy_check_name("backend", name, err));
	snprintf(backend->name, sizeof(backend->name), "%s", name);
	buf_init(&reply, HAPROXY_REPLY_MAX);
	snprintf(command, sizeof(command), "show servers state %s", name);
	code = haproxy_command(call, command, &reply, err);
	if (code == ERR_NONE)
		code = haproxy_parse_state(reply.data, backend, err);
	snprintf(command, sizeof(command), "show stat %s 4 -1", name);
	if (code == ERR_NONE)
		code = haproxy_command(call, command, &reply, err);
	if (code == ERR_NONE)
		code = haproxy_parse_stat(reply.data, backend, err);
	buf_release(&reply);
	if (code != ERR_NONE)
		err->world = WORLD_UNCHANGED; /* reading changes nothing */
	return code;
}
