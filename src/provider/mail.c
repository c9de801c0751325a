/* mail.c: see mail.h.  Source: RFC 5321, RFC 3207, libcurl "SMTP" */
#include "mail.h"

#include <stdlib.h>
#include <string.h>

bool mail_address_good(const char *address)
{
	const char *at = address != NULL ? strrchr(address, '@') : NULL;

	if (at == NULL || at == address || at[1] == '\0' || strlen(address) > 254)
		return false;
	for (const char *c = address; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127 ||
			strchr("<>()[],;:\\\"", *c) != NULL)
			return false;
	return true;
}

#ifdef HAVE_LIBCURL
#include <curl/curl.h>
#include <sys/socket.h>

struct sending {
	const struct mail *mail;
	struct mono start;
	size_t at;
	char text[CURL_ERROR_SIZE];
};

static size_t give(char *to, size_t size, size_t count, void *arg)
{
	struct sending *s = arg;
	const size_t left = strlen(s->mail->message) - s->at;
	const size_t n = size * count < left ? size * count : left;

	memcpy(to, s->mail->message + s->at, n);
	s->at += n;
	return n;
}

static bool stopped(const struct sending *s)
{
	return s->mail->stop != NULL && *s->mail->stop;
}

static int look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct sending *s = arg;

	(void)a, (void)b, (void)c, (void)d;
	return stopped(s) || mono_ms_since(s->start) > s->mail->timeout_ms;
}

/* libcurl says goodbye and waits for the answer, no matter what its timeout was: a server that
 * is silent would be waited for two minutes more. */
static void no_farewell(CURL *c)
{
	curl_socket_t fd;

	if (curl_easy_getinfo(c, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
		fd != CURL_SOCKET_BAD)
		shutdown(fd, SHUT_RDWR);
}

static void set_options(CURL *c, struct sending *s, const char *url)
{
	const struct mail *m = s->mail;

	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(c, CURLOPT_USE_SSL,
		(long)(m->tls == MAIL_PLAIN ? CURLUSESSL_NONE : CURLUSESSL_ALL));
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (m->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, m->ca_file);
	if (m->password != NULL) {
		curl_easy_setopt(c, CURLOPT_USERNAME, m->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, m->password);
	}
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)m->connect_ms);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, s->text);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(c, CURLOPT_READDATA, s);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look_at_stop);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, s);
}

static const struct {
	CURLcode curl;
	enum err_code code;
	const char *text;
} outcomes[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_UNREACHABLE, "its name has no address" },
	{ CURLE_COULDNT_CONNECT, ERR_UNREACHABLE, "cannot connect" },
	{ CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "no answer in time" },
	{ CURLE_LOGIN_DENIED, ERR_AUTH, "the login was not accepted" },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_AUTH, "its certificate is not to be trusted" },
	{ CURLE_SSL_CACERT_BADFILE, ERR_AUTH, "the CA file cannot be read" },
	{ CURLE_USE_SSL_FAILED, ERR_REFUSED, "it does not offer STARTTLS" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_REFUSED, "no TLS connection came about" },
	{ CURLE_ABORTED_BY_CALLBACK, ERR_CANCELLED, "stopped on request" },
	{ CURLE_GOT_NOTHING, ERR_UNREACHABLE, "it closed the connection" },
	{ CURLE_RECV_ERROR, ERR_UNREACHABLE, "the connection broke" },
};

static enum err_code explain(CURL *c, const struct sending *s, CURLcode rc, struct err *err)
{
	enum err_code code = ERR_PROTOCOL;
	const char *text = curl_easy_strerror(rc);
	char no[64];
	long answer = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &answer);
	for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
		if (outcomes[i].curl == rc) {
			code = outcomes[i].code;
			text = outcomes[i].text;
		}
	}
	if (rc == CURLE_ABORTED_BY_CALLBACK && !stopped(s)) {
		code = ERR_TIMEOUT;
		text = "no answer in time";
	}
	/* its no is an answer; the message was not taken */
	const bool refused = code == ERR_PROTOCOL && answer >= 400;
	if (refused) {
		code = ERR_REFUSED;
		snprintf(no, sizeof(no), "it said no (%ld)", answer);
		text = no;
	} else if (code == ERR_PROTOCOL && rc == CURLE_SEND_ERROR) {
		code = ERR_UNREACHABLE;
	}
	err_set(err, code, "mail server \"%.200s\": %s%s%.250s", s->mail->server, text,
		s->text[0] != '\0' ? ": " : "", s->text);
	err->world = s->at > 0 && !refused ? WORLD_UNKNOWN : WORLD_UNCHANGED;
	return code;
}

enum err_code mail_send(const struct mail *mail, struct err *err)
{
	struct sending s = { .mail = mail, .start = mono_now() };
	struct curl_slist *to = NULL;
	json_t *address;
	size_t i;
	enum err_code code = ERR_NONE;

	err->world = WORLD_UNCHANGED;
	if (mail->password != NULL && mail->tls == MAIL_PLAIN)
		return err_set(err, ERR_FORBIDDEN,
			"a password is not sent to a mail server without TLS");
	if (mail->timeout_ms <= 0)
		return err_set(err, ERR_TIMEOUT, "no time was left to send a mail");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		base_die("libcurl cannot start");
	CURL *c = curl_easy_init();
	char *url =
		xasprintf("%s://%s", mail->tls == MAIL_TLS ? "smtps" : "smtp", mail->server);
	char *from = xasprintf("<%s>", mail->from);
	if (c == NULL)
		base_die("out of memory");
	json_array_foreach((json_t *)(uintptr_t)mail->to, i, address) {
		char *one = xasprintf("<%s>", json_string_value(address));
		struct curl_slist *grown = curl_slist_append(to, one);
		free(one);
		if (grown == NULL)
			base_die("out of memory");
		to = grown;
	}
	set_options(c, &s, url);
	curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
	const CURLcode rc = curl_easy_perform(c);
	if (rc != CURLE_OK) {
		code = explain(c, &s, rc, err);
		no_farewell(c);
	}
	curl_easy_cleanup(c);
	curl_slist_free_all(to);
	curl_global_cleanup();
	free(from);
	free(url);
	return code;
}

#else

enum err_code mail_send(const struct mail *mail, struct err *err)
{
	(void)mail;
	return err_set(
		err, ERR_UNSUPPORTED, "this build cannot send mail: libcurl was not there");
}
#endif
