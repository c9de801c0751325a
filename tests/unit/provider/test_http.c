/* test_http.c: the HTTP client against a peer that sends whatever bytes the test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "httpclient.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------ a peer */

/* A child that answers each connection with the same bytes, repeat times over. */
struct peer {
	pid_t pid;
	char url[64];
};

static _Noreturn void serve(int listener, const char *head, const char *body, int repeat)
{
	for (;;) {
		const int fd = accept(listener, NULL, NULL);
		char request[4096];

		if (fd < 0 || read(fd, request, sizeof(request)) < 0 ||
			write(fd, head, strlen(head)) < 0)
			_exit(1);
		for (int i = 0; i < repeat; i++)
			if (send(fd, body, strlen(body), MSG_NOSIGNAL) < 0)
				break;
		close(fd);
	}
}

static struct peer peer_start(const char *head, const char *body, int repeat)
{
	struct peer peer;
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(peer.url, sizeof(peer.url), "http://127.0.0.1:%d/", ntohs(at.sin_port));
	peer.pid = fork();
	if (peer.pid == 0)
		serve(fd, head, body, repeat);
	close(fd);
	return peer;
}

static void peer_end(struct peer *peer)
{
	kill(peer->pid, SIGKILL);
	waitpid(peer->pid, NULL, 0);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

static enum err_code get(
	const char *url, size_t max, bool cut, struct http_reply *reply, struct err *err)
{
	const struct http_request request = { .url = url,
		.timeout_ms = 5000,
		.max_body_bytes = max,
		.cut_body = cut,
		.allow_http = true };

	return http_perform(&request, reply, err);
}

/* ------------------------------------------------------------------ bodies */

static void a_body_over_its_cap_is_an_error_or_cut(void **state)
{
	struct peer peer = peer_start(OK_HEAD, "0123456789", 1000);
	struct http_reply reply;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(get(peer.url, 10000, false, &reply, &err), ERR_NONE);
	assert_int_equal(reply.body.len, 10000);
	assert_false(reply.cut);
	http_reply_release(&reply);
	assert_int_equal(get(peer.url, 9999, false, &reply, &err), ERR_LIMIT);
	assert_true(reply.body.len <= 9999);
	http_reply_release(&reply);
	assert_int_equal(get(peer.url, 9999, true, &reply, &err), ERR_NONE);
	assert_int_equal(reply.body.len, 9999);
	assert_true(reply.cut);
	assert_int_equal(reply.status, 200);
	http_reply_release(&reply);
	peer_end(&peer);
}

static void an_excerpt_is_one_line(void **state)
{
	struct peer peer = peer_start(OK_HEAD, "  two\r\n\t\x1b[31mlines \xc3\xbc ", 1);
	struct http_reply reply;
	struct err err = { 0 };
	char text[100], little[8];

	(void)state;
	assert_int_equal(get(peer.url, 0, false, &reply, &err), ERR_NONE);
	assert_string_equal(http_excerpt(&reply, text, sizeof(text)), "two [31mlines \xc3\xbc");
	assert_string_equal(http_excerpt(&reply, little, sizeof(little)), "two [31");
	http_reply_release(&reply);
	peer_end(&peer);
}

static void headers_are_read(void **state)
{
	struct peer peer =
		peer_start("HTTP/1.1 302 Found\r\nDate: Wed, 18 Nov 2026 14:02:31 GMT\r\n"
			   "Location: https://elsewhere.test/\r\nContent-Type: text/x\r\n"
			   "Content-Length: 0\r\n\r\n",
			"", 0);
	struct http_reply reply;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(get(peer.url, 0, false, &reply, &err), ERR_NONE);
	assert_int_equal(reply.status, 302);
	assert_string_equal(reply.location, "https://elsewhere.test/");
	assert_string_equal(reply.content_type, "text/x");
	assert_true(reply.date_ns == 1795010551LL * 1000000000);
	assert_int_equal(http_status_error(&reply, "it", &err), ERR_REFUSED);
	assert_non_null(strstr(err.text, "not followed"));
	http_reply_release(&reply);
	peer_end(&peer);
}

static void a_redirect_to_a_file_is_not_followed(void **state)
{
	struct peer peer = peer_start("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
				      "Content-Length: 0\r\n\r\n",
		"", 0);
	struct http_request request = {
		.url = peer.url, .timeout_ms = 5000, .allow_http = true, .redirects = 3
	};
	struct http_reply reply;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(http_perform(&request, &reply, &err), ERR_PROTOCOL);
	assert_int_equal(reply.body.len, 0);
	http_reply_release(&reply);
	peer_end(&peer);
}

/* ------------------------------------------------------------------ requests that are not made
 */

static void bad_requests_are_not_sent(void **state)
{
	static const struct http_header broken = { .name = "X", .value = "a\r\nY: b" },
					named = { .name = "X Y", .value = "a" },
					empty = { .name = "", .value = "a" },
					secret = { .name = "X", .value = "a", .secret = true };
	static const struct {
		const char *url;
		bool allow_http;
		const struct http_header *header;
		int redirects;
		enum err_code code;
	} rows[] = {
		{ "http://127.0.0.1:1/", false, NULL, 0, ERR_FORBIDDEN },
		{ "HTTP://127.0.0.1:1/", true, NULL, 0, ERR_USAGE },
		{ "ftp://127.0.0.1/", true, NULL, 0, ERR_USAGE },
		{ "file:///etc/passwd", true, NULL, 0, ERR_USAGE },
		{ "http://user@127.0.0.1:1/", true, NULL, 0, ERR_USAGE },
		{ "http://", true, NULL, 0, ERR_USAGE },
		{ "http://127.0.0.1:1/", true, &broken, 0, ERR_USAGE },
		{ "http://127.0.0.1:1/", true, &named, 0, ERR_USAGE },
		{ "http://127.0.0.1:1/", true, &empty, 0, ERR_USAGE },
		{ "http://127.0.0.1:1/", true, &secret, 1, ERR_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct http_request request = { .url = rows[i].url,
			.headers = rows[i].header,
			.header_count = rows[i].header != NULL,
			.timeout_ms = 1000,
			.allow_http = rows[i].allow_http,
			.redirects = rows[i].redirects };
		struct http_reply reply;
		struct err err = { 0 };

		if (http_perform(&request, &reply, &err) != rows[i].code)
			fail_msg("row %zu: %s: %s", i, err_name(err.code), err.text);
		assert_int_equal(err.world, WORLD_UNCHANGED);
		http_reply_release(&reply);
	}
}

static void a_stop_ends_a_batch(void **state)
{
	struct peer peer = peer_start("", "", 0);
	struct http_batch all[3] = { 0 };
	volatile bool stop = true;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++)
		all[i].request = (struct http_request){
			.url = peer.url, .timeout_ms = 60000, .allow_http = true
		};
	assert_int_equal(
		http_perform_all(all, COUNT_OF(all), 2, 60000, &stop, NULL, NULL, &err),
		ERR_CANCELLED);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		assert_int_equal(all[i].code, ERR_CANCELLED);
		http_reply_release(&all[i].reply);
	}
	assert_int_equal(all[2].err.world, WORLD_UNCHANGED); /* never begun */
	peer_end(&peer);
}

/* ------------------------------------------------------------------ text */

static void urls_are_joined_below_the_base(void **state)
{
	static const struct {
		const char *base, *path, *out;
	} rows[] = {
		{ "https://h/v1", "/x", "https://h/v1/x" },
		{ "https://h/v1/", "x", "https://h/v1/x" },
		{ "https://h", NULL, "https://h" },
		{ "https://h", "?q=1", "https://h?q=1" },
		{ "https://h", ".evil.test/", "https://h/.evil.test/" },
		{ "https://h", "@evil.test/", "https://h/@evil.test/" },
		{ "https://h", "http://other/x", "http://other/x" },
		{ NULL, "https://other/x", "https://other/x" },
	};
	struct err err = { 0 };
	char *out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(
			http_url_join(rows[i].base, rows[i].path, &out, &err), ERR_NONE);
		assert_string_equal(out, rows[i].out);
		free(out);
	}
	assert_int_equal(http_url_join(NULL, "/x", &out, &err), ERR_USAGE);
	assert_int_equal(http_url_join(NULL, NULL, &out, &err), ERR_USAGE);
}

static void every_byte_is_escaped(void **state)
{
	struct buf out;
	struct err err = { 0 };

	(void)state;
	buf_init(&out, 1000);
	assert_int_equal(http_escape("aZ09-._~ /?#%&=+\r\n\xc3\xbc", &out, &err), ERR_NONE);
	assert_string_equal(out.data, "aZ09-._~%20%2F%3F%23%25%26%3D%2B%0D%0A%C3%BC");
	buf_release(&out);
}

static void statuses_become_errors(void **state)
{
	static const struct {
		long status;
		enum err_code code;
		enum world world;
	} rows[] = {
		{ 204, ERR_REFUSED, WORLD_UNKNOWN },
		{ 301, ERR_REFUSED, WORLD_UNKNOWN },
		{ 400, ERR_REFUSED, WORLD_UNCHANGED },
		{ 401, ERR_AUTH, WORLD_UNCHANGED },
		{ 403, ERR_AUTH, WORLD_UNCHANGED },
		{ 404, ERR_NOT_FOUND, WORLD_UNCHANGED },
		{ 408, ERR_TIMEOUT, WORLD_UNKNOWN },
		{ 409, ERR_CONFLICT, WORLD_UNCHANGED },
		{ 429, ERR_REFUSED, WORLD_UNCHANGED },
		{ 500, ERR_REFUSED, WORLD_UNKNOWN },
		{ 504, ERR_TIMEOUT, WORLD_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_reply reply = { .status = rows[i].status };
		struct err err = { 0 };

		assert_int_equal(http_status_error(&reply, "it", &err), rows[i].code);
		assert_int_equal(err.world, rows[i].world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_over_its_cap_is_an_error_or_cut),
		cmocka_unit_test(an_excerpt_is_one_line),
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(a_redirect_to_a_file_is_not_followed),
		cmocka_unit_test(bad_requests_are_not_sent),
		cmocka_unit_test(a_stop_ends_a_batch),
		cmocka_unit_test(urls_are_joined_below_the_base),
		cmocka_unit_test(every_byte_is_escaped),
		cmocka_unit_test(statuses_become_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
