/* httpclient.c: HTTP through libcurl, under the rules of httpclient.h. */
#include "httpclient.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_LIBCURL
#include <curl/curl.h>
#endif

/* ------------------------------------------------------------------ text, with or without
 * libcurl */

static bool unreserved(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("-._~", c) != NULL);
}

enum err_code http_escape(const char *value, struct buf *out, struct err *err)
{
	for (; *value != '\0'; value++) {
		if (unreserved(*value))
			TRY(buf_add(out, value, 1, err));
		else
			TRY(buf_addf(out, err, "%%%02X", (unsigned int)(unsigned char)*value));
	}
	return ERR_NONE;
}

bool http_is_url(const char *s)
{
	return str_starts(s, "http://") || str_starts(s, "https://");
}

enum err_code http_url_join(const char *base, const char *path, char **out, struct err *err)
{
	if (path != NULL && http_is_url(path)) {
		*out = xstrdup(path);
		return ERR_NONE;
	}
	if (base == NULL)
		return err_set(err, ERR_USAGE,
			"\"%.200s\" is no URL, and the target has no setting url to put it "
			"under",
			path != NULL ? path : "");
	if (path == NULL || path[0] == '\0') {
		*out = xstrdup(base);
		return ERR_NONE;
	}
	size_t len = strlen(base);
	while (len > 0 && base[len - 1] == '/')
		len--;
	*out = xasprintf(
		"%.*s%s%s", (int)len, base, path[0] == '/' || path[0] == '?' ? "" : "/", path);
	return ERR_NONE;
}

char *http_excerpt(const struct http_reply *reply, char *buf, size_t size)
{
	size_t len = 0;
	const size_t valid =
		reply->body.len > 0 ? utf8_valid_prefix(reply->body.data, reply->body.len) : 0;

	for (size_t i = 0; i < valid && len + 1 < size; i++) {
		const char c = reply->body.data[i];

		if ((unsigned char)c > ' ')
			buf[len++] = c;
		else if (len > 0 && buf[len - 1] != ' ')
			buf[len++] = ' ';
	}
	while (len > 0 && buf[len - 1] == ' ')
		len--;
	buf[utf8_valid_prefix(buf, len)] = '\0';
	return buf;
}

static const struct {
	long status;
	enum err_code code;
	const char *text;
	enum world world;
} status_errors[] = {
	{ 401, ERR_AUTH, "the credentials were not accepted", WORLD_UNCHANGED },
	{ 403, ERR_AUTH, "not allowed with these credentials", WORLD_UNCHANGED },
	{ 404, ERR_NOT_FOUND, "not found", WORLD_UNCHANGED },
	{ 408, ERR_TIMEOUT, "the server gave up waiting", WORLD_UNKNOWN },
	{ 409, ERR_CONFLICT, "conflict", WORLD_UNCHANGED },
	{ 410, ERR_NOT_FOUND, "gone", WORLD_UNCHANGED },
	{ 412, ERR_CONFLICT, "precondition failed", WORLD_UNCHANGED },
	{ 429, ERR_REFUSED, "too many requests", WORLD_UNCHANGED },
	{ 504, ERR_TIMEOUT, "a gateway had no answer in time", WORLD_UNKNOWN },
};

enum err_code http_status_error(
	const struct http_reply *reply, const char *what, struct err *err)
{
	enum err_code code = ERR_REFUSED;
	enum world world = reply->status >= 500 ? WORLD_UNKNOWN : WORLD_UNCHANGED;
	const char *text = NULL;
	char said[300];

	for (size_t i = 0; i < COUNT_OF(status_errors); i++) {
		if (status_errors[i].status == reply->status) {
			code = status_errors[i].code;
			text = status_errors[i].text;
			world = status_errors[i].world;
		}
	}
	/* a success or redirect that was not expected has done something we do not know */
	if (reply->status < 400)
		world = WORLD_UNKNOWN;
	http_excerpt(reply, said, sizeof(said));
	err_set(err, code, "%s answered %ld%s%s%s%s%s%s", what, reply->status,
		text != NULL ? " (" : "", text != NULL ? text : "", text != NULL ? ")" : "",
		said[0] != '\0' ? ": " : "", said,
		reply->location[0] != '\0' ? " (a redirect, not followed)" : "");
	err->world = world;
	return code;
}

void http_reply_release(struct http_reply *reply)
{
	buf_release(&reply->body);
}

static void reply_init(struct http_reply *reply, const struct http_request *request)
{
	*reply = (struct http_reply){ 0 };
	buf_init(&reply->body,
		request->max_body_bytes > 0 ? request->max_body_bytes : HTTP_BODY_MAX);
}

#ifdef HAVE_LIBCURL
/* ------------------------------------------------------------------ one transfer */

struct transfer {
	CURL *curl;
	CURLU *url;
	struct curl_slist *headers;
	const struct http_request *request;
	struct http_reply *reply;
	struct mono start;
	bool too_long, out_of_memory;
	char text[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	struct buf *body = &t->reply->body;
	const size_t len = size * count, room = body->max_bytes - body->len;
	struct err ignored = { 0 };

	if (len > room) {
		t->too_long = !t->request->cut_body;
		t->reply->cut = true;
	}
	if (buf_add(body, data, len < room ? len : room, &ignored) != ERR_NONE)
		t->out_of_memory = true;
	/* anything but len ends the transfer: there is no reading on without an end */
	return len > room || t->out_of_memory ? CURL_WRITEFUNC_ERROR : len;
}

static int look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct transfer *t = arg;

	(void)a, (void)b, (void)c, (void)d;
	return t->request->stop != NULL && *t->request->stop;
}

/* What the URL says that we do not accept. */
static enum err_code set_url(struct transfer *t, struct err *err)
{
	const struct http_request *r = t->request;
	char *scheme = NULL;
	CURLUcode rc = CURLUE_OK;

	if (strlen(r->url) > HTTP_URL_MAX)
		return err_set(err, ERR_LIMIT, "the URL is longer than %d bytes", HTTP_URL_MAX);
	if (!http_is_url(r->url))
		return err_set(err, ERR_USAGE, "\"%.200s\" is no http or https URL", r->url);
	t->url = curl_url();
	rc = curl_url_set(t->url, CURLUPART_URL, r->url, CURLU_DISALLOW_USER);
	if (rc == CURLUE_USER_NOT_ALLOWED)
		return err_set(
			err, ERR_USAGE, "the URL holds a user or password; use a secret");
	if (rc != CURLUE_OK)
		return err_set(err, ERR_USAGE, "\"%.200s\" is no URL: %s", r->url,
			curl_url_strerror(rc));
	if (curl_url_get(t->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return err_set(err, ERR_USAGE, "\"%.200s\" is no URL", r->url);
	const bool plain = str_eq(scheme, "http");
	curl_free(scheme);
	if (plain && !r->allow_http)
		return err_set(err, ERR_FORBIDDEN,
			"\"%.200s\" is not encrypted; the target setting allow_http would "
			"permit it",
			r->url);
	curl_easy_setopt(t->curl, CURLOPT_CURLU, t->url);
	return ERR_NONE;
}

static bool token(const char *s)
{
	static const char more[] = "!#$%&'*+-.^_`|~"; /* RFC 9110, 5.6.2 */

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr(more, *s) == NULL)
			return false;
	return true;
}

static enum err_code set_headers(struct transfer *t, struct err *err)
{
	const struct http_request *r = t->request;

	if (r->header_count > HTTP_HEADERS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d headers", HTTP_HEADERS_MAX);
	for (size_t i = 0; i < r->header_count; i++) {
		const struct http_header *h = &r->headers[i];

		if (!token(h->name))
			return err_set(err, ERR_USAGE,
				"\"%.100s\" cannot be the name of a header", h->name);
		if (strpbrk(h->value, "\r\n") != NULL)
			return err_set(err, ERR_USAGE, "header \"%s\" would hold a line break",
				h->name);
		if (h->secret && r->redirects > 0)
			return err_set(err, ERR_USAGE,
				"redirects are not followed with a secret header");
		/* "Name;" is how libcurl is told to send an empty one */
		char *line = h->value[0] != '\0' ? xasprintf("%s: %s", h->name, h->value)
						 : xasprintf("%s;", h->name);
		struct curl_slist *grown = curl_slist_append(t->headers, line);
		free(line);
		if (grown == NULL)
			base_die("out of memory");
		t->headers = grown;
	}
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
	return ERR_NONE;
}

static void set_method(struct transfer *t)
{
	const struct http_request *r = t->request;
	const char *method = r->method != NULL ? r->method : "GET";

	if (str_eq(method, "HEAD")) {
		curl_easy_setopt(t->curl, CURLOPT_NOBODY, 1L);
		return;
	}
	if (r->body != NULL) {
		curl_easy_setopt(
			t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_bytes);
		curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, r->body);
	} else if (str_eq(method, "GET")) {
		curl_easy_setopt(t->curl, CURLOPT_HTTPGET, 1L);
		return;
	} else if (str_eq(method, "POST") || str_eq(method, "PUT") || str_eq(method, "PATCH")) {
		curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
		curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, "");
	}
	curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, method);
}

/* The rules of httpclient.h that are options of libcurl. */
static void set_rules(struct transfer *t)
{
	const struct http_request *r = t->request;
	CURL *c = t->curl;
	const char *protocols = r->allow_http ? "http,https" : "https";

	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, protocols);
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, r->redirects > 0 ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)r->redirects);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (r->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
	curl_easy_setopt(c, CURLOPT_PROXY, r->proxy != NULL ? r->proxy : "");
	if (r->proxy == NULL)
		curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
		(long)(r->connect_ms > 0 ? r->connect_ms : HTTP_CONNECT_MS));
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_SLOW_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)HTTP_SLOW_SECONDS);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "drillbook/" DRILLBOOK_VERSION);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->text);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look_at_stop);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(c, CURLOPT_PRIVATE, t);
}

static void library_init(void)
{
	static bool done;

	if (!done && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		base_die("libcurl cannot start");
	done = true;
}

static void transfer_end(struct transfer *t)
{
	curl_easy_cleanup(t->curl);
	curl_slist_free_all(t->headers);
	curl_url_cleanup(t->url);
	*t = (struct transfer){ 0 };
}

static enum err_code transfer_begin(struct transfer *t, const struct http_request *request,
	struct http_reply *reply, struct err *err)
{
	library_init();
	*t = (struct transfer){ .request = request, .reply = reply, .start = mono_now() };
	t->curl = curl_easy_init();
	if (t->curl == NULL)
		base_die("out of memory");
	if (request->timeout_ms <= 0)
		return err_set(
			err, ERR_TIMEOUT, "no time was left for \"%.200s\"", request->url);
	TRY(set_url(t, err));
	TRY(set_headers(t, err));
	set_method(t);
	set_rules(t);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ its outcome */

static const struct {
	CURLcode curl;
	enum err_code code;
	const char *text;
} curl_errors[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_UNREACHABLE, "its name has no address" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_UNREACHABLE, "the proxy's name has no address" },
	{ CURLE_COULDNT_CONNECT, ERR_UNREACHABLE, "cannot connect" },
	{ CURLE_GOT_NOTHING, ERR_UNREACHABLE, "it closed the connection without an answer" },
	{ CURLE_SEND_ERROR, ERR_UNREACHABLE, "the connection broke" },
	{ CURLE_RECV_ERROR, ERR_UNREACHABLE, "the connection broke" },
	{ CURLE_PARTIAL_FILE, ERR_UNREACHABLE, "the connection broke within the answer" },
	{ CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "no answer in time" },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_AUTH, "its certificate is not to be trusted" },
	{ CURLE_SSL_CACERT_BADFILE, ERR_AUTH, "the CA file cannot be read" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_REFUSED, "no TLS connection came about" },
	{ CURLE_TOO_MANY_REDIRECTS, ERR_REFUSED, "it redirects too often" },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERR_PROTOCOL,
		"it speaks, or redirects to, what is not allowed" },
	{ CURLE_ABORTED_BY_CALLBACK, ERR_CANCELLED, "stopped on request" },
	{ CURLE_WEIRD_SERVER_REPLY, ERR_PROTOCOL, "the answer is no HTTP" },
};

static enum err_code explain(const struct transfer *t, CURLcode rc, struct err *err)
{
	enum err_code code = ERR_PROTOCOL;
	const char *text = curl_easy_strerror(rc);
	long sent = 0;

	for (size_t i = 0; i < COUNT_OF(curl_errors); i++) {
		if (curl_errors[i].curl == rc) {
			code = curl_errors[i].code;
			text = curl_errors[i].text;
			break;
		}
	}
	if (t->too_long) {
		err_set(err, ERR_LIMIT, "\"%.200s\": the answer is longer than %zu bytes",
			t->request->url, t->reply->body.max_bytes);
	} else {
		err_set(err, code, "\"%.200s\": %s%s%.250s", t->request->url, text,
			t->text[0] != '\0' ? ": " : "", t->text);
	}
	curl_easy_getinfo(t->curl, CURLINFO_REQUEST_SIZE, &sent);
	err->world = sent > 0 ? WORLD_UNKNOWN : WORLD_UNCHANGED;
	return err->code;
}

static void keep_header(struct transfer *t, const char *name, char *buf, size_t size)
{
	struct curl_header *h;

	if (curl_easy_header(t->curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
		snprintf(buf, size, "%s", h->value);
}

static enum err_code transfer_result(struct transfer *t, CURLcode rc, struct err *err)
{
	struct http_reply *reply = t->reply;
	char date[64] = "";
	curl_off_t took = 0;

	curl_easy_getinfo(t->curl, CURLINFO_TOTAL_TIME_T, &took);
	reply->latency_ms = (int64_t)took / 1000;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &reply->status);
	/* we ended it ourselves, with as much of the body as was wanted */
	if (rc == CURLE_WRITE_ERROR && reply->cut && !t->too_long && !t->out_of_memory)
		rc = CURLE_OK;
	if (rc != CURLE_OK)
		return explain(t, rc, err);
	keep_header(t, "Content-Type", reply->content_type, sizeof(reply->content_type));
	keep_header(t, "Location", reply->location, sizeof(reply->location));
	keep_header(t, "Date", date, sizeof(date));
	const time_t at = date[0] != '\0' ? curl_getdate(date, NULL) : -1;
	reply->date_ns = at > 0 ? (int64_t)at * 1000000000 : 0;
	return ERR_NONE;
}

enum err_code http_perform(
	const struct http_request *request, struct http_reply *reply, struct err *err)
{
	struct transfer t;
	enum err_code code;

	reply_init(reply, request);
	code = transfer_begin(&t, request, reply, err);
	if (code == ERR_NONE)
		code = transfer_result(&t, curl_easy_perform(t.curl), err);
	transfer_end(&t);
	return code;
}

/* ------------------------------------------------------------------ many */

struct batch {
	CURLM *multi;
	struct http_batch *all;
	struct transfer *transfers; /* beside all; curl is NULL unless under way */
	size_t count, next, active;
	void (*done)(void *arg, struct http_batch *one);
	void *arg;
};

static void batch_one_done(struct batch *b, size_t i)
{
	struct transfer *t = &b->transfers[i];

	transfer_end(t);
	if (b->done != NULL)
		b->done(b->arg, &b->all[i]);
}

static void batch_fill(struct batch *b, size_t at_once)
{
	while (b->active < at_once && b->next < b->count) {
		const size_t i = b->next++;
		struct http_batch *one = &b->all[i];
		struct transfer *t = &b->transfers[i];

		one->code = transfer_begin(t, &one->request, &one->reply, &one->err);
		if (one->code == ERR_NONE &&
			curl_multi_add_handle(b->multi, t->curl) == CURLM_OK)
			b->active++;
		else
			batch_one_done(b, i);
	}
}

static void batch_collect(struct batch *b)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(b->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		char *private = NULL;
		const CURLcode rc = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		struct transfer *t = (struct transfer *)(void *)private;
		const size_t i = (size_t)(t - b->transfers);

		b->all[i].code = transfer_result(t, rc, &b->all[i].err);
		curl_multi_remove_handle(b->multi, t->curl);
		b->active--;
		batch_one_done(b, i);
	}
}

/* Those still under way or never begun end as code says. */
static void batch_abandon(struct batch *b, enum err_code code)
{
	for (size_t i = 0; i < b->count; i++) {
		struct transfer *t = &b->transfers[i];
		const bool begun = i < b->next;

		if (begun && t->curl == NULL)
			continue;
		if (begun)
			curl_multi_remove_handle(b->multi, t->curl);
		b->all[i].code = err_set(&b->all[i].err, code, "\"%.200s\": %s",
			b->all[i].request.url,
			code == ERR_CANCELLED ? "stopped on request" : "no answer in time");
		b->all[i].err.world = begun ? WORLD_UNKNOWN : WORLD_UNCHANGED;
		batch_one_done(b, i);
	}
}

enum err_code http_perform_all(struct http_batch *all, size_t count, size_t at_once,
	int64_t timeout_ms, const volatile bool *stop,
	void (*done)(void *arg, struct http_batch *one), void *arg, struct err *err)
{
	struct batch b = { .all = all, .count = count, .done = done, .arg = arg };
	const struct mono start = mono_now();
	enum err_code code = ERR_NONE;
	int running;

	library_init();
	b.multi = curl_multi_init();
	b.transfers = xmalloc((count + 1) * sizeof(*b.transfers));
	for (size_t i = 0; i < count; i++)
		reply_init(&all[i].reply, &all[i].request);
	if (at_once == 0 || at_once > HTTP_AT_ONCE_MAX)
		at_once = HTTP_AT_ONCE_MAX;
	curl_multi_setopt(b.multi, CURLMOPT_MAXCONNECTS, (long)at_once);
	for (batch_fill(&b, at_once); b.active > 0; batch_fill(&b, at_once)) {
		if (stop != NULL && *stop)
			code = err_set(err, ERR_CANCELLED, "stopped on request");
		else if (mono_ms_since(start) >= timeout_ms)
			code = err_set(err, ERR_TIMEOUT, "not all had answered after %lld ms",
				(long long)timeout_ms);
		if (code != ERR_NONE)
			break;
		curl_multi_perform(b.multi, &running);
		batch_collect(&b);
		if (b.active > 0)
			curl_multi_poll(b.multi, NULL, 0, 50, NULL);
	}
	if (code != ERR_NONE)
		batch_abandon(&b, code);
	free(b.transfers);
	curl_multi_cleanup(b.multi);
	return code;
}

const char *http_library(void)
{
	library_init();
	return curl_version();
}

#else /* without libcurl: the table of providers has no http, and others say what is missing   \
       */

enum err_code http_perform(
	const struct http_request *request, struct http_reply *reply, struct err *err)
{
	reply_init(reply, request);
	return err_set(
		err, ERR_UNSUPPORTED, "this build cannot speak HTTP: libcurl was not there");
}

enum err_code http_perform_all(struct http_batch *all, size_t count, size_t at_once,
	int64_t timeout_ms, const volatile bool *stop,
	void (*done)(void *arg, struct http_batch *one), void *arg, struct err *err)
{
	(void)at_once, (void)timeout_ms, (void)stop, (void)done, (void)arg;
	for (size_t i = 0; i < count; i++)
		reply_init(&all[i].reply, &all[i].request);
	return err_set(
		err, ERR_UNSUPPORTED, "this build cannot speak HTTP: libcurl was not there");
}

const char *http_library(void)
{
	return "libcurl was not there when this was built";
}
#endif
