/* net.h: connections with a deadline and a stop, for providers that speak a protocol of their
 * own.
 *
 * Every wait ends at the deadline or when the call's stop flag becomes true, whatever the other
 * side does; host names are looked up with a deadline too. */
#ifndef PROVIDER_NET_H
#define PROVIDER_NET_H

#include "drillbook/base.h"

#include <sys/socket.h>

enum { NET_ADDRESSES_MAX = 8, NET_HOST_MAX = 256 };

/* When to give up. */
struct net_limit {
	struct mono start;
	int64_t timeout_ms;
	const volatile bool *stop; /* may be NULL */
};
struct net_limit net_limit_in(int64_t timeout_ms, const volatile bool *stop);
/* The nearer of two ends; never negative. */
struct net_limit net_limit_within(const struct net_limit *limit, int64_t timeout_ms);
int64_t net_left_ms(const struct net_limit *limit);

struct net_endpoint {
	char host[NET_HOST_MAX];
	int port;
};
/* "host", "host@port" (either kind of address; '@' because ':' is in IPv6).  ERR_USAGE. */
enum err_code net_endpoint_parse(const char *text, int default_port, struct net_endpoint *out,
	struct err *err) MUST_CHECK;

/* The first address of a host in figures, for libraries that would look the name up without a
 * deadline. */
enum err_code net_address(const struct net_endpoint *to, const struct net_limit *limit, char *out,
	size_t size, struct err *err) MUST_CHECK;
/* A connected, non-blocking, close-on-exec socket; type is SOCK_STREAM or SOCK_DGRAM.  Every
 * address of the host is tried.  ERR_UNREACHABLE (errno says why: ECONNREFUSED when somebody is
 * there and said no; 0 when the name has no address), ERR_TIMEOUT, ERR_CANCELLED. */
enum err_code net_connect(const struct net_endpoint *to, int type,
	const struct net_limit *limit, int *fd, struct err *err) MUST_CHECK;
enum err_code net_connect_unix(
	const char *path, const struct net_limit *limit, int *fd, struct err *err) MUST_CHECK;

/* Sends everything.  *sent (may be NULL) says how many bytes the system took, also on error. */
enum err_code net_send(int fd, const void *data, size_t len, const struct net_limit *limit,
	size_t *sent, struct err *err) MUST_CHECK;
/* One receive of at most size bytes; *got 0 = the other side has closed. */
enum err_code net_receive(int fd, void *data, size_t size, const struct net_limit *limit,
	size_t *got, struct err *err) MUST_CHECK;

#endif
