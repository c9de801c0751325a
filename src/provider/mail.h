/* mail.h: one message by SMTP, through libcurl, under the rules httpclient.h has for HTTP: peer
 * and host verified, timeouts, no credentials of the environment. */
#ifndef PROVIDER_MAIL_H
#define PROVIDER_MAIL_H

#include "drillbook/base.h"

enum mail_tls {
	MAIL_STARTTLS, /* the connection must become TLS before anything is said */
	MAIL_TLS,      /* it is TLS from the start (port 465) */
	MAIL_PLAIN     /* not encrypted; no password is sent over it */
};

/* Everything borrowed. */
struct mail {
	const char *server; /* host or host:port */
	enum mail_tls tls;
	const char *user, *password; /* NULL = no login */
	const char *ca_file;	     /* NULL = the system's */
	const char *from;
	const json_t *to;    /* array of addresses */
	const char *message; /* headers and body with CR LF */
	int64_t timeout_ms, connect_ms;
	const volatile bool *stop;
};
/* An address as it may stand between < and >. */
bool mail_address_good(const char *address);
/* err->world is WORLD_UNCHANGED when the server cannot have taken the message. ERR_UNREACHABLE,
 * ERR_TIMEOUT, ERR_AUTH (login, certificate), ERR_REFUSED (the server's words), ERR_FORBIDDEN
 * (a password without TLS), ERR_CANCELLED. */
enum err_code mail_send(const struct mail *mail, struct err *err) MUST_CHECK;

#endif
