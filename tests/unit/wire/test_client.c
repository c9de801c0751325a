/* A terminal's connection, against a server made of a thread and a list of lines. */
#include "check.h"
#include "drillbook/wire.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct err err;
static char dir[] = "/tmp/drillbook-client-XXXXXX";

/* Answers each request with all lines up to and including the one that says {"id":…}; %lld becomes the id. */
struct server {
	int listen_fd;
	pthread_t thread;
	const char *const *lines;
};

static void send_text(int fd, const char *fmt, long long id)
{
	char line[512];
	struct err why;

	snprintf(line, sizeof(line), fmt, id); /* the lines are this file's own */
	strcat(line, "\n");
	if (write_all(fd, line, strlen(line), &why) != ERR_NONE)
		base_die("%s", why.text);
}

static void *serve(void *arg)
{
	struct server *server = arg;
	const int fd = accept(server->listen_fd, NULL, NULL);
	struct wire wire;
	json_t *request;
	struct err why;

	wire_init(&wire, fd, 1 << 20);
	for (size_t i = 0; server->lines[i] != NULL;) {
		if (wire_wait(&wire, 10000, &request, &why) != ERR_NONE)
			break;
		const long long id = json_int(request, "id", -1);
		bool answered = false;
		for (; server->lines[i] != NULL && !answered; i++) {
			answered = strstr(server->lines[i], "\"id\"") != NULL;
			send_text(fd, server->lines[i], id);
		}
		json_decref(request);
	}
	wire_release(&wire);
	close(fd);
	return NULL;
}

static void server_start(struct server *server, const char *const *lines)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char *path = wire_socket_path(dir);

	server->lines = lines;
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(server->listen_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listen_fd, 1), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	free(path);
}

static void server_join(struct server *server)
{
	char *path = wire_socket_path(dir);

	pthread_join(server->thread, NULL);
	close(server->listen_fd);
	unlink(path);
	free(path);
}

static const char hello[] = "{\"id\":%lld,\"ok\":true,\"version\":\"9.9.9\"}";

static void pushes_wait_for_their_turn(void **state)
{
	const char *const lines[] = {hello, "{\"event\":{\"pos\":0}}", "{\"event\":{\"pos\":1}}",
		"{\"id\":%lld,\"ok\":true,\"run\":2042}", "{\"id\":%lld,\"ok\":true}", "{\"event\":{\"pos\":2}}", NULL};
	struct server server;
	struct client *client;
	json_t *answer, *push;

	(void)state;
	server_start(&server, lines);
	ok(client_open(&client, dir, 0, &err));
	assert_string_equal(client_server_version(client), "9.9.9");
	ok(client_ask(client, "attach", NULL, &answer, &err));
	assert_int_equal(json_int(answer, "run", 0), 2042);
	json_decref(answer);
	for (int pos = 0; pos < 2; pos++) { /* they came before the answer and are not lost */
		ok(client_next(client, 0, &push, &err));
		assert_int_equal(json_int(json_object_get(push, "event"), "pos", -1), pos);
		json_decref(push);
	}
	ok(client_next(client, 0, &push, &err));
	assert_null(push);
	int64_t id;
	ok(client_send(client, "status", NULL, &id, &err));
	ok(client_next(client, 5000, &push, &err));
	assert_int_equal(json_int(push, "id", -1), id); /* a late answer comes like a push */
	json_decref(push);
	client_close(client);
	server_join(&server);
}

static void a_refusal_is_an_error_with_the_servers_words(void **state)
{
	const char *const lines[] = {hello,
		"{\"id\":%lld,\"ok\":false,\"error\":{\"code\":\"HELD\",\"text\":\"op2 has the lead\"}}",
		"{\"id\":%lld,\"ok\":false}", NULL};
	struct server server;
	struct client *client;
	json_t *answer;

	(void)state;
	server_start(&server, lines);
	ok(client_open(&client, dir, 0, &err));
	refused(ERR_HELD, client_ask(client, "start", json_object(), &answer, &err));
	assert_string_equal(err.text, "op2 has the lead");
	assert_null(answer);
	refused(ERR_FAILED, client_ask(client, "start", NULL, NULL, &err));
	client_close(client);
	server_join(&server);
}

static void a_server_of_another_version(void **state)
{
	const char *const lines[] = {
		"{\"id\":%lld,\"ok\":false,\"error\":{\"code\":\"VERSION\",\"text\":\"speaks 2\"}}", NULL};
	struct server server;
	struct client *client = (struct client *)&server;

	(void)state;
	server_start(&server, lines);
	refused(ERR_VERSION, client_open(&client, dir, 0, &err));
	assert_null(client);
	server_join(&server);
}

static void a_server_that_goes_away(void **state)
{
	const char *const lines[] = {hello, NULL};
	struct server server;
	struct client *client;
	json_t *push;

	(void)state;
	server_start(&server, lines);
	ok(client_open(&client, dir, 0, &err));
	server_join(&server);
	enum err_code code = ERR_NONE;
	for (int i = 0; i < 3 && code == ERR_NONE; i++)
		code = client_next(client, 5000, &push, &err);
	assert_int_equal(code, ERR_UNREACHABLE);
	client_close(client);
}

static void nobody_answers(void **state)
{
	struct client *client;

	(void)state;
	refused(ERR_UNREACHABLE, client_open(&client, "/no/such/directory", 0, &err));
	assert_non_null(strstr(err.text, "/no/such/directory/server.sock"));
}

static void a_directory_too_deep_for_a_socket(void **state)
{
	char deep[300] = "/tmp/";

	(void)state;
	while (strlen(deep) < 250)
		strcat(deep, "deep/");
	unsetenv("XDG_RUNTIME_DIR");
	char *path = wire_socket_path(deep), *other = wire_socket_path("/tmp"), *again = wire_socket_path(deep);
	assert_true(strlen(path) < 108);
	assert_string_equal(path, again);
	assert_string_equal(other, "/tmp/server.sock");
	free(path);
	free(again);
	strcat(deep, "x");
	path = wire_socket_path(deep);
	setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
	again = wire_socket_path(deep);
	assert_true(str_starts(again, "/run/user/1000/drillbook-"));
	assert_string_not_equal(path, again);
	free(path);
	free(other);
	free(again);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pushes_wait_for_their_turn),
		cmocka_unit_test(a_refusal_is_an_error_with_the_servers_words),
		cmocka_unit_test(a_server_of_another_version), cmocka_unit_test(a_server_that_goes_away),
		cmocka_unit_test(nobody_answers), cmocka_unit_test(a_directory_too_deep_for_a_socket),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
