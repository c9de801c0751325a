/* fake.h: a server of one connection, written by hand, and a client in a child process on a pty
 * or on pipes.  One thread: whoever waits for the one also reads what the other says. */
#ifndef DRILLBOOK_TEST_FAKE_H
#define DRILLBOOK_TEST_FAKE_H

#include "drillbook/record.h"
#include "drillbook/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { FAKE_RUN = 2042, PATIENCE_MS = 20000 };

struct fake {
	char dir[64];
	int listening, conn;
	struct wire wire;
	int64_t pos;
	pid_t child;
	int to, from; /* the child's terminal (the same descriptor) or its standard input and
			 output */
	int slave;    /* the terminal's other side, kept to look at its settings; -1 on pipes */
	struct termios before;
	char *said;
	size_t said_len; /* everything the child has written */
	void (*heard)(struct fake *fake, const char *bytes, size_t len);
	const void *arg; /* for the child's body */
	int status;	 /* of waitpid, once ended */
	bool ended;
	const char *output; /* what `output` requests find */
	bool refuse_lead, attached;
};

static json_t *fake_json(const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);

	if (json == NULL)
		fail_msg("the test's own JSON: %s at %d: %s", why.text, why.column, text);
	return json;
}

/* A client that is gone is no mistake of the test: its end is looked at where it matters. */
static void fake_must(enum err_code code, const struct err *err)
{
	if (code != ERR_NONE && code != ERR_UNREACHABLE)
		fail_msg("%s: %s", err_name(code), err->text);
}

/* ------------------------------------------------------------------ life */

static void fake_listen(struct fake *fake)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*fake = (struct fake){ .conn = -1, .slave = -1, .to = -1, .from = -1, .output = "" };
	strcpy(fake->dir, "/tmp/drillbook-tui-XXXXXX");
	assert_non_null(mkdtemp(fake->dir));
	char *path = wire_socket_path(fake->dir);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	free(path);
	fake->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(fake->listening, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake->listening, 4), 0);
}

/* Runs body(fake) in a child whose standard streams are a terminal of that size. */
static void fake_on_terminal(
	struct fake *fake, int width, int height, int (*body)(struct fake *))
{
	struct winsize size = { .ws_col = (unsigned short)width,
		.ws_row = (unsigned short)height };
	int master;

	assert_int_equal(openpty(&master, &fake->slave, NULL, NULL, &size), 0);
	tcgetattr(fake->slave, &fake->before);
	fake->child = fork();
	assert_true(fake->child >= 0);
	if (fake->child == 0) {
		setsid();
		ioctl(fake->slave, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(fake->slave, fd);
		close(master);
		_exit(body(fake));
	}
	fake->to = fake->from = master;
}

static void fake_on_pipes(struct fake *fake, int (*body)(struct fake *))
{
	int in[2], out[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	fake->child = fork();
	assert_true(fake->child >= 0);
	if (fake->child == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		_exit(body(fake));
	}
	close(in[0]);
	close(out[1]);
	fake->to = in[1];
	fake->from = out[0];
}

static void fake_hear(struct fake *fake)
{
	char bytes[65536];
	const ssize_t n = read(fake->from, bytes, sizeof(bytes));

	if (n <= 0)
		return;
	fake->said = xrealloc(fake->said, fake->said_len + (size_t)n + 1);
	memcpy(fake->said + fake->said_len, bytes, (size_t)n);
	fake->said_len += (size_t)n;
	fake->said[fake->said_len] = '\0';
	if (fake->heard != NULL)
		fake->heard(fake, bytes, (size_t)n);
}

static void fake_send(struct fake *fake, json_t *message)
{
	struct err err = { 0 };

	fake_must(wire_send(fake->conn, message, NULL, 0, &err), &err);
	json_decref(message);
}

static void fake_answer(struct fake *fake, const json_t *request, json_t *answer)
{
	json_put_int(answer, "id", json_int(request, "id", 0));
	if (json_object_get(answer, "ok") == NULL)
		json_put_flag(answer, "ok", true);
	fake_send(fake, answer);
}

/* Requests every client makes are answered here; true = taken. */
static bool fake_usual(struct fake *fake, const json_t *request)
{
	const char *what = json_str(request, "do", "");
	json_t *answer = json_object();

	if (str_eq(what, "hello")) {
		json_put_str(answer, "version", "0");
	} else if (str_eq(what, "attach")) {
		json_put_int(answer, "run", FAKE_RUN);
		json_put_str(answer, "lead", "op1");
		json_put_flag(answer, "lead_is_you", !fake->refuse_lead);
		fake->attached = true;
	} else if (str_eq(what, "secrets")) {
		json_put(answer, "secrets", json_array());
		json_put_flag(answer, "needed", false);
	} else if (str_eq(what, "runs")) {
		json_put(answer, "runs", json_array());
	} else if (str_eq(what, "output")) {
		const size_t size = strlen(fake->output);
		int64_t at = json_int(request, "offset", 0);
		if (at < 0)
			at = (int64_t)size + at < 0 ? 0 : (int64_t)size + at;
		if (at > (int64_t)size)
			at = (int64_t)size;
		char *data = base64_encode(fake->output + at, size - (size_t)at);
		json_put_str(answer, "data", data);
		json_put_int(answer, "offset", at);
		json_put_int(answer, "size", (int64_t)size);
		free(data);
	} else {
		json_decref(answer);
		return false;
	}
	fake_answer(fake, request, answer);
	return true;
}

/* One look at both sides; returns a request that is not a usual one (owned), or NULL. */
static json_t *fake_pump(struct fake *fake)
{
	struct pollfd fds[] = { { .fd = fake->from, .events = POLLIN },
		{ .fd = fake->listening, .events = POLLIN },
		{ .fd = fake->conn, .events = POLLIN } };
	struct err err = { 0 };
	json_t *message = NULL;

	poll(fds, COUNT_OF(fds), 20);
	if (fds[0].revents & POLLIN)
		fake_hear(fake);
	if (fake->conn < 0 && (fds[1].revents & POLLIN)) {
		fake->conn = accept4(fake->listening, NULL, NULL, SOCK_CLOEXEC);
		wire_init(&fake->wire, fake->conn, WIRE_LINE_MAX);
	}
	if (fake->conn >= 0 && fds[2].revents != 0)
		fake_must(wire_read(&fake->wire, &err), &err);
	if (fake->conn >= 0) {
		fake_must(wire_next(&fake->wire, &message, &err), &err);
		if (message != NULL && fake_usual(fake, message)) {
			json_decref(message);
			message = NULL;
		}
	}
	if (!fake->ended && waitpid(fake->child, &fake->status, WNOHANG) == fake->child) {
		fake->ended = true;
		struct pollfd rest = { .fd = fake->from, .events = POLLIN };
		while (poll(&rest, 1, 50) > 0 && (rest.revents & POLLIN))
			fake_hear(fake);
	}
	return message;
}

/* The next request "what"; owned.  Others in between are answered ok. */
static json_t *fake_expect(struct fake *fake, const char *what)
{
	const struct mono begin = mono_now();

	while (mono_ms_since(begin) < PATIENCE_MS) {
		json_t *request = fake_pump(fake);
		if (request == NULL)
			continue;
		if (str_eq(json_str(request, "do", ""), what))
			return request;
		fake_answer(fake, request, json_object());
		json_decref(request);
	}
	fail_msg("no request \"%s\"; the client said: %s", what,
		fake->said != NULL ? fake->said : "");
	return NULL;
}

/* Waits for the request and says ok. */
static json_t *fake_grant(struct fake *fake, const char *what)
{
	json_t *request = fake_expect(fake, what);

	fake_answer(fake, request, json_object());
	return request;
}

static void fake_connected(struct fake *fake)
{
	const struct mono begin = mono_now();

	while (fake->conn < 0 && mono_ms_since(begin) < PATIENCE_MS)
		assert_null(fake_pump(fake));
	assert_true(fake->conn >= 0);
	while (!fake->attached && mono_ms_since(begin) < PATIENCE_MS)
		assert_null(fake_pump(fake));
	assert_true(fake->attached);
}

static void fake_event(struct fake *fake, const char *kind, const char *data)
{
	json_t *message = json_object(), *event = json_object();
	const struct wall now = wall_now();

	json_put_int(event, "run", FAKE_RUN);
	json_put_int(event, "pos", fake->pos++);
	json_put_str(event, "kind", kind);
	json_put_int(event, "wall_ns", now.ns);
	json_put_int(event, "mono_ns", mono_now().ns);
	json_put_str(event, "boot", boot_id());
	json_put_int(event, "epoch", 1);
	json_put_int(event, "uid", 1000);
	json_put_str(event, "who", "op1");
	json_put(event, "data", fake_json(data));
	json_put(message, "event", event);
	fake_send(fake, message);
}

static void fake_push(struct fake *fake, const char *text)
{
	fake_send(fake, fake_json(text));
}

static void fake_type(struct fake *fake, const char *bytes)
{
	assert_int_equal(write(fake->to, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
}

static int fake_exit(struct fake *fake)
{
	const struct mono begin = mono_now();

	while (!fake->ended && mono_ms_since(begin) < PATIENCE_MS)
		json_decref(fake_pump(fake));
	if (!fake->ended)
		fail_msg("the client does not end; it said: %s",
			fake->said != NULL ? fake->said : "");
	return WIFEXITED(fake->status) ? WEXITSTATUS(fake->status)
				       : 256 + WTERMSIG(fake->status);
}

/* Waits until the child has written text. */
static void fake_says(struct fake *fake, const char *text)
{
	const struct mono begin = mono_now();

	while (mono_ms_since(begin) < PATIENCE_MS) {
		if (fake->said != NULL && strstr(fake->said, text) != NULL)
			return;
		if (fake->ended)
			break;
		json_decref(fake_pump(fake));
	}
	fail_msg("the client does not say \"%s\"; it said:\n%s", text,
		fake->said != NULL ? fake->said : "");
}

static void fake_release(struct fake *fake)
{
	const char *argv[] = { "rm", "-rf", fake->dir, NULL };
	struct child child = { .argv = argv, .timeout_ms = 15000 };
	struct err err = { 0 };

	if (!fake->ended && fake->child > 0) {
		kill(fake->child, SIGKILL);
		waitpid(fake->child, &fake->status, 0);
	}
	if (fake->conn >= 0) {
		wire_release(&fake->wire);
		close(fake->conn);
	}
	close(fake->listening);
	close(fake->from);
	if (fake->to != fake->from)
		close(fake->to);
	if (fake->slave >= 0)
		close(fake->slave);
	free(fake->said);
	fake_must(child_run(&child, &err), &err);
	child_release(&child);
}

static const char fake_started[] =
	"{\"plan\":\"ab\",\"runbook\":{\"name\":\"failover\",\"title\":\"Fail "
	"over\",\"version\":7,\"digest\":\"9e107d9d37\",\"path\":\"f.yaml\"},"
	"\"workspace\":{\"name\":\"shop\",\"root\":\"/srv/"
	"shop\",\"commit\":\"3f2c1a9aa\",\"dirty\":false},\"mode\":\"drill\","
	"\"services\":[{\"name\":\"orders\",\"rto_ms\":1800000,\"rpo_ms\":0,\"tier\":1,"
	"\"owner\":\"ops\"}],\"params\":{},\"files\":[],\"steps\":["
	"{\"id\":\"fence\",\"title\":\"Fence "
	"it\",\"kind\":\"script\",\"needs\":[],\"uses\":{},\"level\":2,\"expect_ms\":15000,"
	"\"owner\":\"\"},"
	"{\"id\":\"promote\",\"title\":\"Promote "
	"it\",\"kind\":\"script\",\"needs\":[\"fence\"],\"uses\":{},\"level\":3,\"expect_ms\":"
	"0,\"owner\":\"\"}]}";

static inline void fake_uses(void)
{
	(void)fake_on_terminal;
	(void)fake_on_pipes;
	(void)fake_grant;
	(void)fake_connected;
	(void)fake_event;
	(void)fake_push;
	(void)fake_type;
	(void)fake_exit;
	(void)fake_says;
	(void)fake_release;
	(void)fake_listen;
	(void)fake_started;
}

#endif
