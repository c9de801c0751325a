/* wire.c: JSON objects, one on a line, over a socket, with descriptors beside them. */
#include "drillbook/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_CHUNK = 65536, FDS_PER_MESSAGE = 8 };

void wire_init(struct wire *wire, int fd, size_t max_line)
{
	*wire = (struct wire){ .fd = fd };
	buf_init(&wire->in, max_line + READ_CHUNK);
	buf_init(&wire->out, WIRE_LINE_MAX);
}

void wire_release(struct wire *wire)
{
	for (size_t i = 0; i < wire->fd_count; i++)
		close(wire->fds[i]);
	wire->fd_count = 0;
	buf_release(&wire->in);
	buf_release(&wire->out);
}

static void take_descriptors(struct wire *wire, struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (wire->fd_count < COUNT_OF(wire->fds))
				wire->fds[wire->fd_count++] = fd;
			else
				close(fd); /* more than any message of ours carries */
		}
	}
}

enum err_code wire_read(struct wire *wire, struct err *err)
{
	char chunk[READ_CHUNK];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_PER_MESSAGE * sizeof(int))];
	struct iovec io = { .iov_base = chunk, .iov_len = sizeof(chunk) };
	struct msghdr header = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };

	const ssize_t n = recvmsg(wire->fd, &header, MSG_CMSG_CLOEXEC);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return ERR_NONE;
		if (errno == ECONNRESET || errno == EPIPE) {
			wire->closed = true;
			return ERR_NONE;
		}
		return err_errno(err, "cannot read from the socket");
	}
	take_descriptors(wire, &header);
	if (n == 0)
		wire->closed = true;
	return buf_add(&wire->in, chunk, (size_t)n, err);
}

enum err_code wire_next(struct wire *wire, json_t **out, struct err *err)
{
	*out = NULL;
	if (wire->in.len == wire->scanned)
		return ERR_NONE;
	char *end = memchr(wire->in.data + wire->scanned, '\n', wire->in.len - wire->scanned);
	const size_t len = end != NULL ? (size_t)(end - wire->in.data) : wire->in.len;
	const size_t max_line = wire->in.max_bytes - READ_CHUNK;
	enum err_code code = ERR_NONE;
	if (len > max_line)
		code = err_set(err, ERR_PROTOCOL, "a message of more than %zu bytes", max_line);
	if (end == NULL) {
		wire->scanned = wire->in.len;
		return code;
	}
	if (code == ERR_NONE)
		code = json_parse(wire->in.data, len, out, err);
	buf_consume(&wire->in, len + 1);
	wire->scanned = 0;
	if (code != ERR_NONE)
		return code;
	if (!json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		return err_set(err, ERR_PROTOCOL, "a message that is not an object");
	}
	return ERR_NONE;
}

int wire_take_fd(struct wire *wire)
{
	if (wire->fd_count == 0)
		return -1;
	const int fd = wire->fds[0];
	wire->fd_count--;
	memmove(wire->fds, wire->fds + 1, wire->fd_count * sizeof(int));
	return fd;
}

static void attach_descriptors(
	struct msghdr *header, char *control, const int *fds, size_t count)
{
	header->msg_control = control;
	header->msg_controllen = CMSG_SPACE(count * sizeof(int));
	struct cmsghdr *c = CMSG_FIRSTHDR(header);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, count * sizeof(int));
}

enum err_code wire_send(
	int fd, const json_t *message, const int *fds, size_t fd_count, struct err *err)
{
	_Alignas(
		struct cmsghdr) char control[CMSG_SPACE(FDS_PER_MESSAGE * sizeof(int))] = { 0 };
	enum err_code code = ERR_NONE;
	char *line = json_line(message);
	size_t len = strlen(line), at = 0;

	if (fd_count > FDS_PER_MESSAGE)
		base_die("%zu descriptors in one message", fd_count);
	line[len++] = '\n'; /* in the place of the NUL */
	while (at < len) {
		struct iovec io = { .iov_base = line + at, .iov_len = len - at };
		struct msghdr header = { .msg_iov = &io, .msg_iovlen = 1 };
		if (at == 0 && fd_count > 0)
			attach_descriptors(&header, control, fds, fd_count);
		const ssize_t n = sendmsg(fd, &header, MSG_NOSIGNAL);
		if (n >= 0) {
			at += (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };
			poll(&p, 1, 1000);
		} else if (errno != EINTR) {
			code = errno == EPIPE || errno == ECONNRESET
				       ? err_set(err, ERR_UNREACHABLE,
						 "the other side has closed")
				       : err_errno(err, "cannot send");
			break;
		}
	}
	free(line);
	return code;
}

enum err_code wire_wait(struct wire *wire, int64_t timeout_ms, json_t **out, struct err *err)
{
	const struct mono begin = mono_now();

	for (;;) {
		TRY(wire_next(wire, out, err));
		if (*out != NULL)
			return ERR_NONE;
		if (wire->closed)
			return err_set(err, ERR_UNREACHABLE, "the other side has closed");
		const int64_t left = timeout_ms - mono_ms_since(begin);
		if (left <= 0)
			return err_set(err, ERR_TIMEOUT, "no answer within %lld ms",
				(long long)timeout_ms);
		struct pollfd p = { .fd = wire->fd, .events = POLLIN };
		if (poll(&p, 1, left > 60000 ? 60000 : (int)left) > 0)
			TRY(wire_read(wire, err));
	}
}

enum err_code wire_queue(struct wire *wire, const json_t *message, struct err *err)
{
	char *line = json_line(message);
	const size_t len = strlen(line);

	line[len] = '\n';
	const enum err_code code = buf_add(&wire->out, line, len + 1, err);
	free(line);
	return code != ERR_NONE ? code : wire_flush(wire, err);
}

enum err_code wire_flush(struct wire *wire, struct err *err)
{
	size_t at = 0;
	enum err_code code = ERR_NONE;

	while (at < wire->out.len) {
		const ssize_t n = send(wire->fd, wire->out.data + at, wire->out.len - at,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			at += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			wire->closed = true;
			code = err_set(err, ERR_UNREACHABLE, "the other side has closed");
		}
		break;
	}
	buf_consume(&wire->out, at);
	return code;
}
