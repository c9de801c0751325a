/* httpclient.h: the only door to HTTP (mail.h is the one to SMTP); libcurl is behind both.
 *
 * Fixed here and open to nobody: TLS unless the target allows plain http, peer and host
 * verified (a CA file may be named, nothing switched off), no redirects unless asked and then
 * never with a secret header, connect and total timeouts, a floor under the transfer speed, a
 * cap on the body counted as it comes, no netrc, no proxy from the environment, no CR or LF in
 * a header, no user in a URL. */
#ifndef PROVIDER_HTTPCLIENT_H
#define PROVIDER_HTTPCLIENT_H

#include "drillbook/base.h"

enum {
	HTTP_CONNECT_MS = 5000,	 /* when the caller says nothing */
	HTTP_BODY_MAX = 1 << 20, /* likewise */
	HTTP_AT_ONCE_MAX = 100,
	HTTP_URL_MAX = 8192,
	HTTP_HEADERS_MAX = 64,
	HTTP_SLOW_BYTES = 1,   /* less than this per second … */
	HTTP_SLOW_SECONDS = 30 /* … for this long is a dead connection */
};

struct http_header {
	const char *name, *value;
	bool secret; /* no redirect is followed with it */
};

/* Zero is a good start; everything borrowed. */
struct http_request {
	const char *method; /* NULL = GET */
	const char *url;
	const struct http_header *headers;
	size_t header_count;
	const void *body;
	size_t body_bytes;
	int64_t timeout_ms;    /* must be above 0 */
	int64_t connect_ms;    /* 0 = HTTP_CONNECT_MS */
	size_t max_body_bytes; /* 0 = HTTP_BODY_MAX */
	bool cut_body;	       /* a longer body is cut instead of an error */
	const char *ca_file;   /* NULL = the system's */
	const char *proxy;     /* NULL = none, whatever the environment says */
	bool allow_http;
	int redirects;		   /* how many to follow; 0 = none */
	const volatile bool *stop; /* may be NULL */
};

struct http_reply {
	long status;
	struct buf body;
	bool cut;
	int64_t latency_ms;
	char content_type[128];
	char location[512]; /* of a redirect that was not followed */
	int64_t date_ns;    /* the server's clock (Date header), 0 = it gave none */
};
/* The request is checked, sent, and the answer read, whatever its status.  err->world is
 * WORLD_UNCHANGED when nothing of the request was sent, otherwise WORLD_UNKNOWN.
 * ERR_USAGE (URL, header), ERR_FORBIDDEN (plain http), ERR_UNREACHABLE, ERR_TIMEOUT, ERR_AUTH
 * (TLS: the other side is not who it should be), ERR_PROTOCOL, ERR_LIMIT, ERR_CANCELLED.  reply
 * is always to be released. */
enum err_code http_perform(const struct http_request *request, struct http_reply *reply,
	struct err *err) MUST_CHECK;
void http_reply_release(struct http_reply *reply);

/* Many at a time, each with its own outcome; at_once of them are under way together. */
struct http_batch {
	struct http_request request;
	struct http_reply reply;
	enum err_code code;
	struct err err;
};
/* done is called as each one ends (may be NULL).  Only ERR_CANCELLED and ERR_TIMEOUT end the
 * whole, at timeout_ms; those that had not ended by then have that code.  Every reply is to be
 * released. */
enum err_code http_perform_all(struct http_batch *all, size_t count, size_t at_once,
	int64_t timeout_ms, const volatile bool *stop,
	void (*done)(void *arg, struct http_batch *one), void *arg, struct err *err) MUST_CHECK;

/* base + path: an absolute path is taken below base's own ("https://h/v1" + "/x" =
 * "https://h/v1/x").  A path that is a URL itself stands alone, and so does base when path is
 * NULL.  Owned; ERR_USAGE. */
enum err_code http_url_join(
	const char *base, const char *path, char **out, struct err *err) MUST_CHECK;
bool http_is_url(const char *text); /* begins with http:// or https:// */
/* Appends value with everything but letters, digits and -._~ as %XX. */
enum err_code http_escape(const char *value, struct buf *out, struct err *err) MUST_CHECK;
/* The error a status stands for, in words with the start of the body: 401 and 403 AUTH, 404 and
 * 410 NOT_FOUND, 409 and 412 CONFLICT, 408 and 504 TIMEOUT, the others REFUSED.  A 5xx and 408
 * leave the world unknown. */
enum err_code http_status_error(
	const struct http_reply *reply, const char *what, struct err *err);
/* The start of the body as one line of text, at most size - 1 bytes; returns buf. */
char *http_excerpt(const struct http_reply *reply, char *buf, size_t size);
/* "libcurl/7.88.1 OpenSSL/3.0.11", or why there is none. */
const char *http_library(void);

#endif
