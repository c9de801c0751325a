/* examine.c: what a terminal wants to start, looked at by the server itself.
 *
 *   start ──▶ may this be? ──▶ child: `drillbook server examine` ──▶ its plan, its facts ──▶
 * policy ──▶ the run
 *
 * On a team server, and wherever there is a policy, the plan a terminal sends is a wish: which
 * runbook of which workspace, in which mode.  The plan that runs is made here from the same
 * files, by a child, since the loop waits for no disk; when the terminal was looking at other
 * bytes, nothing starts. */
#include "policy.h"

#include "drillbook/book.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXAMINE_MS = 25000, ANSWER_MAX = 64 << 20, AT_ONCE = 8, PARAMS_MAX = 1 << 20 };

struct examination {
	struct examination *next;
	struct server *server;
	int64_t id, conn;
	json_t *body; /* the request */
	uv_poll_t poll;
	int fd, pidfd;
	int given_fd; /* secrets that came with the request; -1 = none */
	struct buf out;
	bool over;
};

bool examine_needed(struct server *server)
{
	return team_server(server) || policy_there(server);
}

/* ------------------------------------------------------------------ before: what needs no look
 * at the files */

static enum err_code may_be(struct conn *conn, const json_t *body, struct err *err)
{
	struct server *server = conn->server;
	const json_t *plan = json_object_get(body, "plan");
	const char *root = json_str(json_object_get(plan, "workspace"), "root", "");
	const json_t *override = json_object_get(body, "override");

	TRY(policy_readable(server, err));
	if (team_server(server) && !team_trusts(server, root))
		return err_set(err, ERR_UNTRUSTED,
			"\"%s\" is none of the workspaces of this server (\"%s\")", root,
			server->team.path);
	if (json_array_size(override) > 0 && json_str(body, "reason", "")[0] == '\0')
		return err_set(err, ERR_USAGE, "an override needs a reason: --reason TEXT");
	const struct policy_question q = { .policy = server->policy.json,
		.mode = json_str(plan, "mode", ""),
		.root = root,
		.person = person_of(server, conn->actor.uid),
		.named = override };
	return policy_names(&q, err);
}

/* ------------------------------------------------------------------ after: what was found
 * against the policy */

/* By path and bytes; false also when one has a file more. */
static bool same_files(const json_t *wished, const json_t *found, const char **differs)
{
	const json_t *a = json_object_get(wished, "files"),
		     *b = json_object_get(found, "files"), *row, *other;
	size_t i, k;

	json_array_foreach(b, i, row) {
		bool same = false;
		*differs = json_str(row, "path", "");
		json_array_foreach(a, k, other)
			same = same || (str_eq(json_str(other, "path", NULL), *differs) &&
					       json_equal(json_object_get(other, "text"),
						       json_object_get(row, "text")));
		if (!same)
			return false;
	}
	*differs = json_str(json_array_get(a, 0), "path", "");
	return json_array_size(a) == json_array_size(b);
}

enum err_code examined(struct conn *conn, const json_t *body, const json_t *result,
	json_t **plan, json_t *used, struct err *err)
{
	struct server *server = conn->server;
	const json_t *wished = json_object_get(body, "plan"),
		     *error = json_object_get(result, "error");
	const char *differs = "";
	json_t *found = json_object_get(result, "plan"),
	       *facts = json_object_get(result, "facts");

	if (!json_flag(result, "ok", false) || found == NULL)
		return err_set(err, err_from_name(json_str(error, "code", "FAILED")),
			"as the server's user sees it: %s",
			json_str(error, "text", "it could not be looked at"));
	if (!same_files(wished, found, &differs))
		return err_set(err, ERR_CONFLICT,
			"the server reads another \"%s\" than you: plan again, or see why its "
			"user reads other files",
			differs);
	TRY(may_be(conn, body, err)); /* it may have changed meanwhile */
	const struct policy_question q = { .policy = server->policy.json,
		.mode = json_str(found, "mode", ""),
		.root = json_str(json_object_get(found, "workspace"), "root", ""),
		.person = person_of(server, conn->actor.uid),
		.named = json_object_get(body, "override") };
	TRY(policy_allows(&q, json_object_get(found, "targets"), used, err));
	TRY(policy_holds(&q, facts, used, err));
	/* kept with the plan: what the server itself found when it allowed this */
	json_object_set(found, "checked", facts);
	/* what a simulation answers from is no business of the workspace's */
	if (str_eq(q.mode, "simulate") && json_object_get(wished, "recording") != NULL)
		json_object_set(found, "recording", json_object_get(wished, "recording"));
	*plan = found;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the child */

static json_t *question(struct conn *conn, const json_t *body)
{
	const json_t *plan = json_object_get(body, "plan"),
		     *book = json_object_get(plan, "runbook");
	const char *commit = json_str(book, "commit", NULL);
	char *name = xasprintf("%s%s%s", json_str(book, "name", ""), commit != NULL ? "@" : "",
		commit != NULL ? commit : "");
	char *signers = policy_signers(conn->server);
	json_t *out = json_object();

	json_object_set(
		out, "root", json_object_get(json_object_get(plan, "workspace"), "root"));
	if (json_array_size(json_object_get(book, "services")) > 0)
		json_object_set(out, "services", json_object_get(book, "services"));
	else
		json_put_str(out, "runbook", name);
	json_object_set(out, "mode", json_object_get(plan, "mode"));
	if (json_is_object(json_object_get(body, "params")))
		json_object_set(out, "params", json_object_get(body, "params"));
	json_put(
		out, "conditions", policy_conditions(conn->server, json_str(plan, "mode", "")));
	json_put_str(out, "signers", signers);
	free(signers);
	free(name);
	return out;
}

static void freed(uv_handle_t *handle)
{
	struct examination *look = handle->data;

	free(look);
}

static void end_examination(struct examination *look, const struct err *why)
{
	struct server *server = look->server;
	struct examination **at = &server->examinations;
	struct conn *conn = conn_find(server, look->conn);
	struct err err = { 0 };
	json_t *result = NULL;

	if (look->over)
		return;
	look->over = true;
	while (*at != look)
		at = &(*at)->next;
	*at = look->next;
	uv_poll_stop(&look->poll);
	close(look->fd);
	if (why != NULL)
		err = *why;
	else if (json_parse(look->out.data != NULL ? look->out.data : "", look->out.len,
			 &result, &err) != ERR_NONE)
		err_set(&err, ERR_SYSTEM,
			"the server could not look at the workspace (see its log)");
	if (conn != NULL &&
		!server->stopping) /* who asked may have left: then nothing starts */
		start_examined(conn, look->body, look->given_fd, result,
			err.code != ERR_NONE ? &err : NULL);
	else if (look->given_fd >= 0)
		close(look->given_fd);
	syscall(SYS_pidfd_send_signal, look->pidfd, SIGKILL, NULL, 0);
	close(look->pidfd);
	json_decref(result);
	json_decref(look->body);
	buf_release(&look->out);
	uv_close((uv_handle_t *)&look->poll, freed);
}

static void overdue(struct server *server, int64_t id, int64_t b)
{
	struct err err = { 0 };

	(void)b;
	err_set(&err, ERR_TIMEOUT,
		"the server could not look at the workspace within %d s: nothing was started",
		EXAMINE_MS / 1000);
	for (struct examination *look = server->examinations; look != NULL; look = look->next)
		if (look->id == id) {
			end_examination(look, &err);
			return;
		}
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct examination *look = poll->data;
	char chunk[65536];
	struct err err = { 0 };

	(void)status, (void)events;
	const ssize_t n = read(look->fd, chunk, sizeof(chunk));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && buf_add(&look->out, chunk, (size_t)n, &err) == ERR_NONE)
		return;
	end_examination(look, err.code != ERR_NONE ? &err : NULL);
}

static int question_fd(const json_t *question)
{
	const int fd = memfd_create("examine", MFD_CLOEXEC);
	char *line = json_line(question);
	struct err err = { 0 };

	if (fd >= 0 && (write_all(fd, line, strlen(line), &err) != ERR_NONE ||
			       lseek(fd, 0, SEEK_SET) != 0))
		log_line(LOG_ERROR, "examine: %s", err.text);
	free(line);
	return fd;
}

/* Only what is safe between fork and exec of a process with threads.  stderr stays: the
 * server's log. */
static _Noreturn void become_examiner(const char *program, int in, int out)
{
	sigset_t none;

	dup2(in, 0);
	dup2(out, 1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execl(program, program, "--server", "none", "server", "examine", (char *)NULL);
	_exit(127);
}

static enum err_code spawn(struct examination *look, const json_t *asked, struct err *err)
{
	int pipes[2];
	const int in = question_fd(asked);

	if (in < 0 || pipe2(pipes, O_CLOEXEC) != 0) {
		if (in >= 0)
			close(in);
		return err_errno(err, "no pipe to look at the workspace");
	}
	const pid_t pid = fork();
	if (pid == 0)
		become_examiner(look->server->program, in, pipes[1]);
	close(in);
	close(pipes[1]);
	look->fd = pipes[0];
	/* the loop reaps children, and we are the loop: until we return the number is this
	 * child's */
	look->pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (look->pidfd < 0) {
		close(pipes[0]);
		return err_errno(err, "cannot look at the workspace");
	}
	fcntl(look->fd, F_SETFL, O_NONBLOCK);
	return ERR_NONE;
}

static enum err_code begin(struct conn *conn, const json_t *body, int given_fd, struct err *err)
{
	struct server *server = conn->server;
	size_t running = 0;

	TRY(may_be(conn, body, err));
	for (const struct examination *look = server->examinations; look != NULL;
		look = look->next)
		running++;
	if (running >= AT_ONCE)
		return err_set(err, ERR_HELD,
			"%zu starts are being looked at: try again in a moment", running);
	struct examination *look = xmalloc(sizeof(*look));
	*look = (struct examination){ .server = server,
		.conn = conn->id,
		.id = ++server->last_id,
		.given_fd = given_fd };
	json_t *asked = question(conn, body);
	const enum err_code code = spawn(look, asked, err);
	json_decref(asked);
	if (code != ERR_NONE) {
		free(look);
		return code;
	}
	look->body = json_incref((json_t *)(uintptr_t)body);
	buf_init(&look->out, ANSWER_MAX);
	look->next = server->examinations;
	server->examinations = look;
	uv_poll_init(&server->loop, &look->poll, look->fd);
	look->poll.data = look;
	uv_poll_start(&look->poll, UV_READABLE, readable);
	timer_start(server, EXAMINE_MS, overdue, look->id, 0);
	return ERR_NONE;
}

enum err_code examine_begin(
	struct conn *conn, const json_t *body, int given_fd, struct err *err)
{
	const enum err_code code = begin(conn, body, given_fd, err);

	if (code != ERR_NONE && given_fd >= 0)
		close(given_fd);
	return code;
}
