/* rig.h: a zygote and its workers under test, with this program in the place of the server. */
#ifndef TEST_SCRIPT_RIG_H
#define TEST_SCRIPT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drillbook/base.h"
#include "drillbook/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define WORKER TEST_BINARY "/libexec/drillbook/worker"
enum { PATIENCE_MS = 20000 };

struct rig {
	pid_t zygote;
	int control;
	struct wire wire;
	int64_t last_id;
};

/* One worker. */
struct run {
	struct rig *rig;
	int64_t id;
	int channel, output, outbox;
	struct wire wire;
	json_t *exited; /* once seen */
	pid_t pid;
};

static UNUSED void rig_start(struct rig *rig)
{
	int pair[2];

	*rig = (struct rig){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	rig->zygote = fork();
	if (rig->zygote == 0) {
		const int null = open("/dev/null", O_RDWR);
		if (pair[1] == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(pair[1], 3);
		dup2(null, 0);
		dup2(null, 1);
		execl(WORKER, WORKER, "--zygote", (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	rig->control = pair[0];
	wire_init(&rig->wire, pair[0], WIRE_LINE_MAX);
}

/* The zygote ends when its socket does. */
static UNUSED void rig_stop(struct rig *rig)
{
	int status;

	close(rig->control);
	assert_int_equal(waitpid(rig->zygote, &status, 0), rig->zygote);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	wire_release(&rig->wire);
}

static UNUSED void tell(int fd, const char *fmt, ...)
{
	va_list args;
	struct err err = {0};
	json_error_t why;

	va_start(args, fmt);
	json_t *message = json_vpack_ex(&why, 0, fmt, args);
	va_end(args);
	if (message == NULL)
		fail_msg("json_pack: %s", why.text);
	if (wire_send(fd, message, NULL, 0, &err) != ERR_NONE)
		fail_msg("send: %s", err.text);
	json_decref(message);
}

/* Forks a worker; secrets is a sealed memfd or -1. */
static UNUSED void run_fork(struct rig *rig, struct run *run, int secrets)
{
	int pair[2];
	struct err err = {0};

	*run = (struct run){.rig = rig, .id = ++rig->last_id};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	run->channel = pair[0];
	char output[] = "/tmp/drillbook-test-XXXXXX", outbox[] = "/tmp/drillbook-test-XXXXXX";
	run->output = mkostemp(output, O_APPEND | O_CLOEXEC);
	run->outbox = mkostemp(outbox, O_APPEND | O_CLOEXEC);
	unlink(output);
	unlink(outbox);
	const int fds[] = {pair[1], run->output, run->outbox, secrets};
	json_t *order = json_pack("{s:s, s:I}", "t", "fork", "worker", (json_int_t)run->id);
	if (wire_send(rig->control, order, fds, secrets >= 0 ? 4 : 3, &err) != ERR_NONE)
		fail_msg("fork: %s", err.text);
	json_decref(order);
	close(pair[1]);
	wire_init(&run->wire, run->channel, WIRE_LINE_MAX);
}

static UNUSED void run_send(struct run *run, json_t *job) /* steals */
{
	struct err err = {0};

	if (wire_send(run->channel, job, NULL, 0, &err) != ERR_NONE)
		fail_msg("job: %s", err.text);
	json_decref(job);
}

/* The next message that is not about size or progress; owned.  NULL when the worker has closed. */
static UNUSED json_t *run_next(struct run *run)
{
	struct err err = {0};
	json_t *message;

	for (;;) {
		const enum err_code code = wire_wait(&run->wire, PATIENCE_MS, &message, &err);
		if (code == ERR_UNREACHABLE)
			return NULL;
		if (code != ERR_NONE)
			fail_msg("waiting for the worker: %s", err.text);
		const char *what = json_str(message, "t", "");
		if (!str_eq(what, "size") && !str_eq(what, "progress"))
			return message;
		json_decref(message);
	}
}

/* The next message, which must be of this kind; owned. */
static UNUSED json_t *run_expect(struct run *run, const char *kind)
{
	json_t *message = run_next(run);

	if (message == NULL)
		fail_msg("the worker closed; \"%s\" was expected", kind);
	if (!str_eq(json_str(message, "t", ""), kind)) {
		char *line = json_line(message);
		fail_msg("\"%s\" was expected, not %s", kind, line);
	}
	return message;
}

/* Waits until the zygote says that this worker has gone. */
static UNUSED void run_exited(struct run *run)
{
	struct err err = {0};
	json_t *message;

	while (run->exited == NULL) {
		if (wire_wait(&run->rig->wire, PATIENCE_MS, &message, &err) != ERR_NONE)
			fail_msg("waiting for the zygote: %s", err.text);
		if (json_int(message, "worker", 0) == run->id) {
			run->pid = (pid_t)json_int(message, "pid", 0);
			if (str_eq(json_str(message, "t", ""), "exited"))
				run->exited = json_incref(message);
		}
		json_decref(message);
	}
}

static UNUSED void run_forked(struct run *run)
{
	struct err err = {0};
	json_t *message;

	while (run->pid == 0) {
		if (wire_wait(&run->rig->wire, PATIENCE_MS, &message, &err) != ERR_NONE)
			fail_msg("waiting for the zygote: %s", err.text);
		if (json_int(message, "worker", 0) == run->id)
			run->pid = (pid_t)json_int(message, "pid", 0);
		json_decref(message);
	}
}

/* Closes the worker's channel: to it the server has died. */
static UNUSED void run_hang_up(struct run *run)
{
	shutdown(run->channel, SHUT_RDWR);
}

static UNUSED void run_end(struct run *run)
{
	run_exited(run);
	json_decref(run->exited);
	run->exited = NULL;
	wire_release(&run->wire);
	close(run->channel);
	close(run->output);
	close(run->outbox);
}

static UNUSED char *read_fd(int fd)
{
	const off_t size = lseek(fd, 0, SEEK_END);
	char *text = xmalloc((size_t)size + 1);

	assert_int_equal(pread(fd, text, (size_t)size, 0), size);
	return text;
}

static UNUSED char *run_output(const struct run *run)
{
	return read_fd(run->output);
}

/* ------------------------------------------------------------------ jobs */

/* Actions of the target "tools": a shell line each.  "hole" is used as {arg}. */
static UNUSED json_t *shell_target(const char *const (*actions)[3]) /* name, effect, line; ends with NULL */
{
	json_t *all = json_object();

	for (size_t i = 0; actions[i][0] != NULL; i++)
		json_put(all, actions[i][0],
			json_pack("{s:[s,s,s], s:s}", "argv", "/bin/sh", "-c", actions[i][2], "effect",
				actions[i][1]));
	return json_pack("{s:s, s:s, s:{}, s:o}", "provider", "command", "environment", "lab", "settings",
		"actions", all);
}

/* A step job on targets (stolen); source stands at failover.yaml:31. */
static UNUSED json_t *step_job(const char *source, json_t *targets)
{
	return json_pack("{s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:s, s:{s:s, s:i, s:s}, s:{}, s:{}, s:{}, "
			 "s:{s:[s], s:[s]}, s:o, s:[s], s:i, s:i, s:[]}",
		"t", "step", "run", 7, "step", "promote", "attempt", 1, "phase", "run", "mode", "drill",
		"workspace", "/tmp", "key", "7/promote/0", "script", "file", "failover.yaml", "line", 31,
		"source", source, "modules", "params", "outputs", "uses", "action.read", "tools", "action.run",
		"tools", "targets", targets, "allowed_environments", "lab", "timeout_ms", 0, "first_ordinal", 0,
		"replay");
}

/* Forks a worker for the script and sends it off. */
static UNUSED void run_script(struct rig *rig, struct run *run, const char *source, json_t *targets)
{
	run_fork(rig, run, -1);
	run_send(run, step_job(source, targets != NULL ? targets : json_object()));
}

/* ------------------------------------------------------------------ assertions */

static UNUSED void assert_text(const json_t *object, const char *path, const char *expected)
{
	char *copy = xstrdup(path), *at = copy, *name;
	const json_t *value = object;

	while ((name = strsep(&at, ".")) != NULL)
		value = json_object_get(value, name);
	if (!str_eq(json_string_value(value), expected)) {
		char *line = json_line(object);
		fail_msg("%s should be \"%s\" in %s", path, expected, line);
	}
	free(copy);
}

static UNUSED void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" should contain \"%s\"", text, part);
}

static UNUSED const char *error_text(const json_t *message)
{
	return json_str(json_object_get(message, "error"), "text", "");
}

static UNUSED const char *error_code(const json_t *message)
{
	return json_str(json_object_get(message, "error"), "code", "");
}

#endif
