/* test_net.c: connections that always end: refused, silent, stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* A listening socket nobody accepts from: connecting works, then there is silence. */
static int listener(struct net_endpoint *at)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(at->host, sizeof(at->host), "127.0.0.1");
	at->port = ntohs(address.sin_port);
	return fd;
}

static void endpoints_are_read(void **state)
{
	static const struct {
		const char *text, *host;
		int port; /* 0 = refused */
	} rows[] = {
		{ "ns1.example.org", "ns1.example.org", 53 },
		{ "127.0.0.1@5353", "127.0.0.1", 5353 },
		{ "2001:db8::1", "2001:db8::1", 53 },
		{ "2001:db8::1@65535", "2001:db8::1", 65535 },
		{ "", "", 0 },
		{ "@53", "", 0 },
		{ "h@", "", 0 },
		{ "h@0", "", 0 },
		{ "h@65536", "", 0 },
		{ "h@53x", "", 0 },
		{ "h@-1", "", 0 },
		{ "h@ 53", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct net_endpoint at;
		struct err err = { 0 };
		const enum err_code code = net_endpoint_parse(rows[i].text, 53, &at, &err);

		assert_int_equal(code, rows[i].port > 0 ? ERR_NONE : ERR_USAGE);
		if (code != ERR_NONE)
			continue;
		assert_string_equal(at.host, rows[i].host);
		assert_int_equal(at.port, rows[i].port);
	}
}

static void nobody_there_is_unreachable(void **state)
{
	struct net_endpoint at;
	struct err err = { 0 };
	int fd = listener(&at);
	const struct net_limit limit = net_limit_in(5000, NULL);

	(void)state;
	close(fd);
	assert_int_equal(net_connect(&at, SOCK_STREAM, &limit, &fd, &err), ERR_UNREACHABLE);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(err.text, "127.0.0.1"));
	assert_int_equal(
		net_connect_unix("/nonexistent/socket", &limit, &fd, &err), ERR_UNREACHABLE);
	char path[200];
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(net_connect_unix(path, &limit, &fd, &err), ERR_USAGE);
}

static void silence_ends_at_the_limit(void **state)
{
	struct net_endpoint at;
	struct err err = { 0 };
	const int server = listener(&at);
	const struct net_limit limit = net_limit_in(200, NULL);
	char data[16];
	size_t got;
	int fd;

	(void)state;
	assert_int_equal(net_connect(&at, SOCK_STREAM, &limit, &fd, &err), ERR_NONE);
	assert_int_equal(err.code, ERR_NONE); /* untouched on success */
	const struct mono start = mono_now();
	assert_int_equal(net_receive(fd, data, sizeof(data), &limit, &got, &err), ERR_TIMEOUT);
	assert_in_range(mono_ms_since(start), 0, 2000);
	close(fd);
	close(server);
}

/* A peer that does not read: sending fills the buffers, then ends at the limit and says how far
 * it came. */
static void a_full_connection_ends_at_the_limit(void **state)
{
	static const char data[1 << 16];
	struct net_endpoint at;
	struct err err = { 0 };
	const int server = listener(&at);
	const struct net_limit limit = net_limit_in(300, NULL);
	enum err_code code = ERR_NONE;
	size_t sent = 0;
	int fd;

	(void)state;
	assert_int_equal(net_connect(&at, SOCK_STREAM, &limit, &fd, &err), ERR_NONE);
	for (int i = 0; i < 1000 && code == ERR_NONE; i++)
		code = net_send(fd, data, sizeof(data), &limit, &sent, &err);
	assert_int_equal(code, ERR_TIMEOUT);
	assert_true(sent < sizeof(data));
	close(fd);
	close(server);
}

static void a_stop_ends_the_waiting(void **state)
{
	volatile bool stop = true;
	struct net_endpoint at;
	struct err err = { 0 };
	const int server = listener(&at);
	const struct net_limit limit = net_limit_in(60000, &stop),
			       connecting = net_limit_in(5000, NULL);
	char data[16];
	size_t got;
	int fd;

	(void)state;
	assert_int_equal(net_connect(&at, SOCK_STREAM, &connecting, &fd, &err), ERR_NONE);
	const struct mono start = mono_now();
	assert_int_equal(
		net_receive(fd, data, sizeof(data), &limit, &got, &err), ERR_CANCELLED);
	assert_in_range(mono_ms_since(start), 0, 5000);
	close(fd);
	close(server);
}

/* "invalid." is reserved (RFC 6761): whatever resolver there is, or none, it has no address. */
static void a_name_without_address_ends(void **state)
{
	struct net_endpoint at = { .host = "name.invalid", .port = 1 };
	const struct net_limit limit = net_limit_in(2000, NULL);
	struct err err = { 0 };
	int fd;

	(void)state;
	const struct mono start = mono_now();
	const enum err_code code = net_connect(&at, SOCK_STREAM, &limit, &fd, &err);
	assert_true(code == ERR_UNREACHABLE || code == ERR_TIMEOUT);
	assert_in_range(mono_ms_since(start), 0, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_are_read),
		cmocka_unit_test(nobody_there_is_unreachable),
		cmocka_unit_test(silence_ends_at_the_limit),
		cmocka_unit_test(a_full_connection_ends_at_the_limit),
		cmocka_unit_test(a_stop_ends_the_waiting),
		cmocka_unit_test(a_name_without_address_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
