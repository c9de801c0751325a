/* net.c: connecting, sending and receiving with a deadline. */
#include "net.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { STOP_POLL_MS = 50 }; /* how late a stop may be noticed */

struct net_limit net_limit_in(int64_t timeout_ms, const volatile bool *stop)
{
	return (struct net_limit){
		.start = mono_now(), .timeout_ms = timeout_ms > 0 ? timeout_ms : 0, .stop = stop
	};
}

int64_t net_left_ms(const struct net_limit *limit)
{
	const int64_t left = limit->timeout_ms - mono_ms_since(limit->start);

	return left > 0 ? left : 0;
}

struct net_limit net_limit_within(const struct net_limit *limit, int64_t timeout_ms)
{
	const int64_t left = net_left_ms(limit);

	return net_limit_in(timeout_ms < left ? timeout_ms : left, limit->stop);
}

static enum err_code limit_check(const struct net_limit *limit, struct err *err)
{
	if (limit->stop != NULL && *limit->stop)
		return err_set(err, ERR_CANCELLED, "stopped on request");
	if (net_left_ms(limit) == 0)
		return err_set(err, ERR_TIMEOUT, "no answer within %lld ms",
			(long long)limit->timeout_ms);
	return ERR_NONE;
}

/* Until the descriptor is ready for events (errors count as ready: the next call reports them).
 */
static enum err_code wait_ready(
	int fd, short events, const struct net_limit *limit, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t slice = net_left_ms(limit);

		if (limit->stop != NULL && slice > STOP_POLL_MS)
			slice = STOP_POLL_MS;
		const int n = poll(&p, 1, (int)slice);
		if (n > 0)
			return ERR_NONE;
		if (n < 0 && errno != EINTR)
			return err_errno(err, "poll");
		TRY(limit_check(limit, err));
	}
}

enum err_code net_endpoint_parse(
	const char *text, int default_port, struct net_endpoint *out, struct err *err)
{
	const char *at = strrchr(text, '@');
	const size_t len = at != NULL ? (size_t)(at - text) : strlen(text);

	if (len == 0 || len >= sizeof(out->host))
		return err_set(err, ERR_USAGE,
			"\"%.100s\" is no server; write HOST or HOST@PORT", text);
	memcpy(out->host, text, len);
	out->host[len] = '\0';
	out->port = default_port;
	if (at != NULL) {
		char *end;
		const long port = strtol(at + 1, &end, 10);

		if (at[1] < '0' || at[1] > '9' || *end != '\0' || port < 1 || port > 65535)
			return err_set(err, ERR_USAGE,
				"\"%.100s\": the port must be a number from 1 to 65535", text);
		out->port = (int)port;
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ names */

/* What an unfinished look-up still writes to: it cannot be taken back from the C library, so
 * after a deadline it is left to it. */
struct lookup {
	struct gaicb cb;
	struct addrinfo hints;
	char host[NET_HOST_MAX], port[16];
};

static struct lookup *lookup_new(const struct net_endpoint *to, int type)
{
	struct lookup *l = xmalloc(sizeof(*l));

	snprintf(l->host, sizeof(l->host), "%s", to->host);
	snprintf(l->port, sizeof(l->port), "%d", to->port);
	l->hints.ai_socktype = type;
	l->hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
	l->cb.ar_name = l->host;
	l->cb.ar_service = l->port;
	l->cb.ar_request = &l->hints;
	return l;
}

static enum err_code lookup_wait(
	struct lookup *l, const struct net_limit *limit, bool *pending, struct err *err)
{
	struct gaicb *list[] = { &l->cb };
	int rc = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);

	*pending = rc == 0;
	while (rc == 0 && (rc = gai_error(&l->cb)) == EAI_INPROGRESS) {
		const struct timespec slice = { .tv_nsec = STOP_POLL_MS * 1000000L };

		TRY(limit_check(limit, err));
		gai_suspend((const struct gaicb *const *)list, 1, &slice);
		rc = 0;
	}
	*pending = false;
	if (rc != 0)
		return err_set(err, ERR_UNREACHABLE, "cannot find the address of \"%s\": %s",
			l->host, gai_strerror(rc));
	return ERR_NONE;
}

/* *out is owned (freeaddrinfo). */
static enum err_code lookup(const struct net_endpoint *to, int type,
	const struct net_limit *limit, struct addrinfo **out, struct err *err)
{
	struct lookup *l = lookup_new(to, type);
	bool pending = false;
	enum err_code code = ERR_NONE;

	/* an address in figures needs no thread of the resolver */
	if (getaddrinfo(l->host, l->port, &l->hints, out) == 0)
		goto out;
	l->hints.ai_flags = AI_NUMERICSERV;
	code = lookup_wait(l, limit, &pending, err);
	*out = l->cb.ar_result;
out:
	if (!pending)
		free(l);
	return code;
}

enum err_code net_address(const struct net_endpoint *to, const struct net_limit *limit, char *out,
	size_t size, struct err *err)
{
	struct addrinfo *list = NULL;

	TRY(lookup(to, SOCK_STREAM, limit, &list, err));
	const int rc = list != NULL ? getnameinfo(list->ai_addr, list->ai_addrlen, out,
					      (socklen_t)size, NULL, 0, NI_NUMERICHOST)
				    : EAI_NONAME;
	if (list != NULL)
		freeaddrinfo(list);
	return rc == 0 ? ERR_NONE
		       : err_set(err, ERR_UNREACHABLE, "cannot find the address of \"%s\": %s",
				 to->host, gai_strerror(rc));
}

/* ------------------------------------------------------------------ connections */

static enum err_code connect_address(const struct sockaddr *address, socklen_t len, int type,
	const struct net_limit *limit, int *fd, struct err *err)
{
	int problem = 0;
	socklen_t size = sizeof(problem);
	enum err_code code = ERR_NONE;

	*fd = socket(address->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return err_errno(err, "socket");
	if (connect(*fd, address, len) != 0) {
		if (errno == EINPROGRESS || errno == EINTR) {
			code = wait_ready(*fd, POLLOUT, limit, err);
			if (code == ERR_NONE &&
				getsockopt(*fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
				problem = errno;
		} else {
			problem = errno;
		}
	}
	if (code == ERR_NONE && problem != 0)
		code = err_set(err,
			problem == EACCES || problem == EPERM ? ERR_AUTH : ERR_UNREACHABLE,
			"%s", strerror(problem));
	if (code != ERR_NONE) {
		close(*fd);
		*fd = -1;
	}
	errno = problem;
	return code;
}

enum err_code net_connect(const struct net_endpoint *to, int type,
	const struct net_limit *limit, int *fd, struct err *err)
{
	struct addrinfo *list = NULL;
	enum err_code code = lookup(to, type, limit, &list, err);

	*fd = -1;
	errno = 0;
	if (code != ERR_NONE)
		return code;
	struct err last = { 0 };
	int count = 0;
	for (struct addrinfo *a = list; a != NULL && count < NET_ADDRESSES_MAX; a = a->ai_next)
		count++;
	code = err_set(&last, ERR_UNREACHABLE, "it has no address");
	for (struct addrinfo *a = list; count > 0; a = a->ai_next, count--) {
		/* a silent address must not use up the time of those after it */
		const struct net_limit share =
			net_limit_within(limit, net_left_ms(limit) / count + 1);

		code = connect_address(a->ai_addr, a->ai_addrlen, type, &share, fd, &last);
		if (code == ERR_NONE || code == ERR_CANCELLED)
			break;
	}
	const int reason = code == ERR_UNREACHABLE ? errno : 0;
	freeaddrinfo(list);
	if (code == ERR_NONE)
		return ERR_NONE;
	*err = last;
	err_context(err, "cannot connect to \"%s\" port %d", to->host, to->port);
	errno = reason;
	return code;
}

enum err_code net_connect_unix(
	const char *path, const struct net_limit *limit, int *fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*fd = -1;
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, ERR_USAGE,
			"the socket path \"%.120s\" is too long: %zu bytes are allowed", path,
			sizeof(address.sun_path) - 1);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (;;) {
		struct err last = { 0 };
		const enum err_code code = connect_address((const struct sockaddr *)&address,
			sizeof(address), SOCK_STREAM, limit, fd, &last);
		if (code == ERR_NONE)
			return ERR_NONE;
		/* the listen queue of a Unix socket is full: there is no readiness to wait for
		 */
		if (errno != EAGAIN) {
			*err = last;
			return err_context(err, "cannot connect to \"%s\"", path);
		}
		TRY(limit_check(limit, err));
		poll(NULL, 0, 5);
	}
}

/* ------------------------------------------------------------------ bytes */

enum err_code net_send(int fd, const void *data, size_t len, const struct net_limit *limit,
	size_t *sent, struct err *err)
{
	const char *at = data;
	size_t done = 0;
	enum err_code code = ERR_NONE;

	while (done < len && code == ERR_NONE) {
		const ssize_t n = send(fd, at + done, len - done, MSG_NOSIGNAL);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			code = wait_ready(fd, POLLOUT, limit, err);
		else if (errno != EINTR)
			code = err_set(err, ERR_UNREACHABLE, "the connection broke: %s",
				strerror(errno));
	}
	if (sent != NULL)
		*sent = done;
	return code;
}

enum err_code net_receive(int fd, void *data, size_t size, const struct net_limit *limit,
	size_t *got, struct err *err)
{
	for (;;) {
		const ssize_t n = recv(fd, data, size, 0);

		if (n >= 0) {
			*got = (size_t)n;
			return ERR_NONE;
		}
		if (errno == EAGAIN)
			TRY(wait_ready(fd, POLLIN, limit, err));
		else if (errno != EINTR)
			return err_set(err, ERR_UNREACHABLE, "the connection broke: %s",
				strerror(errno));
	}
}
