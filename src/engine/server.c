/* server.c: the process: lock, socket, loop, journal thread, lifetime. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_PATIENCE_MS = 3000, ANSWER_PATIENCE_MS = 500 };

const struct actor program_actor = { .uid = -1, .name = "drillbook" };

/* ------------------------------------------------------------------ timers */

static void timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void timer_fired(uv_timer_t *uv)
{
	struct timer *timer = uv->data;

	timer->fire(timer->server, timer->a, timer->b);
	uv_close((uv_handle_t *)uv, timer_closed);
}

struct timer *timer_start(struct server *server, int64_t ms,
	void (*fire)(struct server *, int64_t, int64_t), int64_t a, int64_t b)
{
	struct timer *timer = xmalloc(sizeof(*timer));

	*timer = (struct timer){ .server = server, .fire = fire, .a = a, .b = b };
	timer->uv.data = timer;
	uv_timer_init(&server->loop, &timer->uv);
	timer->uv.data = timer;
	uv_update_time(&server->loop);
	uv_timer_start(&timer->uv, timer_fired, ms > 0 ? (uint64_t)ms : 0, 0);
	uv_unref((uv_handle_t *)&timer->uv);
	return timer;
}

/* ------------------------------------------------------------------ lifetime */

static bool needed(const struct server *server)
{
	if (server->conns != NULL || server->in_flight > 0 || server->failed_count > 0)
		return true;
	return server->lives != NULL;
}

static void idle_over(uv_timer_t *timer)
{
	struct server *server = timer->data;

	server->idle_armed = false;
	if (!needed(server))
		server_stop(server, "nobody needs it");
}

static void watch_idle(struct server *server)
{
	const bool idle = !needed(server) && !server->options->foreground;

	if (idle == server->idle_armed)
		return;
	server->idle_armed = idle;
	if (idle)
		uv_timer_start(&server->idle, idle_over, LINGER_MS, 0);
	else
		uv_timer_stop(&server->idle);
}

void server_stop(struct server *server, const char *reason)
{
	json_t *body, *push;

	if (server->stopping)
		return;
	server->stopping = true;
	server->stop_reason = xstrdup(reason);
	json_t *payload = json_object();
	json_put_int(payload, "epoch", server->epoch);
	json_put_str(payload, "reason", reason);
	ledger_emit(server, EVENT_SERVER_STOPPED, payload);
	batch_urgent(server);
	body = json_object();
	push = json_object();
	json_put_str(body, "reason", reason);
	json_put(push, "bye", body);
	conns_push_all(server, push);
}

void server_fenced(struct server *server, const struct err *why)
{
	if (!server->fenced)
		log_line(LOG_ERROR, "%s: this server ends; its workers do only what was allowed already", why->text);
	server->fenced = server->stopping = true;
	if (server->stop_reason == NULL)
		server->stop_reason = xstrdup("a newer server has taken over");
	uv_stop(&server->loop);
}

/* Once per turn of the loop, before it waits: decisions first, then one batch for everything
 * decided. */
static void before_wait(uv_prepare_t *prepare)
{
	struct server *server = prepare->data;
	bool again = true;

	while (again && !server->stopping) {
		again = false;
		for (struct live *live = server->lives; live != NULL; live = live->next)
			if (live->dirty) {
				live_advance(live);
				again = true;
			}
	}
	batch_submit(server);
	if (!server->stopping)
		forecasts_make(server); /* while the disk is busy with the batch */
	if (server->stopping && (server->in_flight == 0 || !server->journal_ok))
		uv_stop(&server->loop);
	else
		watch_idle(server);
}

static void on_wake(uv_async_t *async)
{
	batches_collect(async->data);
}

static void wake(void *arg) /* on the journal's thread */
{
	struct server *server = arg;

	uv_async_send(&server->wake);
}

static void on_signal(uv_signal_t *handle, int number)
{
	server_stop(handle->data, number == SIGINT ? "SIGINT" : "SIGTERM");
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	conn_accept(poll->data);
}

/* ------------------------------------------------------------------ start */

/* Whether a server really answers there: one that is being taken apart may still accept, but
 * says nothing. */
static bool answered(const struct server_options *options)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *path = options->team ? xstrdup(options->socket) : wire_socket_path(options->data_dir);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	json_t *request = json_object(), *answer = NULL;
	struct wire wire;
	struct err err;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	wire_init(&wire, fd, WIRE_CLIENT_LINE_MAX);
	json_put_str(request, "do", "status");
	json_put_int(request, "id", 1);
	const bool yes = fd >= 0 &&
			 connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
			 wire_send(fd, request, NULL, 0, &err) == ERR_NONE &&
			 wire_wait(&wire, ANSWER_PATIENCE_MS, &answer, &err) == ERR_NONE;
	json_decref(request);
	json_decref(answer);
	wire_release(&wire);
	if (fd >= 0)
		close(fd);
	free(path);
	return yes;
}

/* A server that was just killed holds its lock until the kernel has taken it apart. */
static bool lock_within(int fd, const struct server_options *options, int64_t patience_ms)
{
	const struct mono begin = mono_now();
	const struct timespec pause = { .tv_nsec = 10000000 };

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (answered(options) || mono_ms_since(begin) > patience_ms)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static enum err_code take_lock(struct server *server, struct err *err)
{
	char *path = path_join(server->options->data_dir, "server.lock");
	enum err_code code = ERR_NONE;

	server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (server->lock_fd < 0)
		code = err_errno(err, "cannot open \"%s\"", path);
	else if (!lock_within(server->lock_fd, server->options, LOCK_PATIENCE_MS))
		code = err_set(
			err, ERR_HELD, "another server has \"%s\"", server->options->data_dir);
	if (code == ERR_NONE) {
		char pid[32];
		snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
		if (ftruncate(server->lock_fd, 0) == 0 &&
			write_all(server->lock_fd, pid, strlen(pid), err))
			code = ERR_SYSTEM;
	}
	free(path);
	return code;
}

/* The group first: in between the socket must not be open to the wrong one. */
static enum err_code open_to_group(const struct server *server, struct err *err)
{
	const struct group *group = getgrnam(server->options->group);

	if (group == NULL)
		return err_set(err, ERR_NOT_FOUND, "there is no group \"%s\" to open the socket to",
			server->options->group);
	if (chown(server->socket_path, (uid_t)-1, group->gr_gid) != 0)
		return err_errno(err, "cannot give \"%s\" to group \"%s\"", server->socket_path,
			server->options->group);
	if (chmod(server->socket_path, 0660) != 0)
		return err_errno(err, "cannot open \"%s\" to its group", server->socket_path);
	return ERR_NONE;
}

static enum err_code listen_on(struct server *server, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;

	server->socket_path = team_server(server) ? xstrdup(server->options->socket)
						  : wire_socket_path(server->options->data_dir);
	if (strlen(server->socket_path) >= sizeof(address.sun_path))
		return err_set(
			err, ERR_LIMIT, "\"%s\" is too long for a socket", server->socket_path);
	if (!team_server(server) && !str_starts(server->socket_path, server->options->data_dir)) {
		char *dir = xstrdup(server->socket_path);
		*strrchr(dir, '/') = '\0';
		const enum err_code code = dir_make(dir, 0700, err);
		free(dir);
		TRY(code);
	}
	strcpy(address.sun_path, server->socket_path);
	unlink(server->socket_path); /* the lock says that no server is behind it */
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listen_fd < 0 ||
		bind(server->listen_fd, (const struct sockaddr *)&address, sizeof(address)) !=
			0 ||
		chmod(server->socket_path, 0600) != 0 || listen(server->listen_fd, 64) != 0)
		return err_errno(err, "cannot listen on \"%s\"", server->socket_path);
	if (stat(server->socket_path, &st) != 0)
		return err_errno(err, "cannot look at \"%s\"", server->socket_path);
	server->socket_dev = st.st_dev;
	server->socket_ino = st.st_ino;
	return team_server(server) ? open_to_group(server, err) : ERR_NONE;
}

static enum err_code make_directories(const struct server *server, struct err *err)
{
	static const char *const names[] = { "", "outputs", "outbox" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char *path = path_join(server->options->data_dir, names[i]);
		const enum err_code code =
			dir_make(names[i][0] ? path : server->options->data_dir, 0700, err);
		free(path);
		TRY(code);
	}
	return ERR_NONE;
}

static void close_doors(void)
{
	const struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static void reap_children(uv_signal_t *handle, int number)
{
	(void)handle, (void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void start_loop(struct server *server, uv_signal_t *child)
{
	uv_loop_init(&server->loop);
	uv_async_init(&server->loop, &server->wake, on_wake);
	server->wake.data = server;
	uv_prepare_init(&server->loop, &server->prepare);
	server->prepare.data = server;
	uv_prepare_start(&server->prepare, before_wait);
	uv_signal_init(&server->loop, &server->sigterm);
	uv_signal_init(&server->loop, &server->sigint);
	uv_signal_init(&server->loop, child);
	server->sigterm.data = server->sigint.data = server;
	uv_signal_start(&server->sigterm, on_signal, SIGTERM);
	uv_signal_start(&server->sigint, on_signal, SIGINT);
	uv_signal_start(child, reap_children, SIGCHLD);
	uv_timer_init(&server->loop, &server->idle);
	uv_timer_init(&server->loop, &server->forecast_tick);
	server->idle.data = server->forecast_tick.data = server;
}

static enum err_code open_journal(struct server *server, struct err *err)
{
	const char *dir = server->options->data_dir;

	/* the same dying server may still hold the journal: its descriptors are closed one
	 * after the other */
	const struct mono begin = mono_now();
	const struct timespec pause = { .tv_nsec = 10000000 };
	enum err_code code = journal_open(&server->journal, dir, JOURNAL_WRITE, err);
	for (; code == ERR_HELD && mono_ms_since(begin) < LOCK_PATIENCE_MS;
		code = journal_open(&server->journal, dir, JOURNAL_WRITE, err))
		nanosleep(&pause, NULL);
	TRY(code);
	TRY(journal_new_epoch(server->journal, &server->epoch, err));
	TRY(journal_open(&server->reader, dir, JOURNAL_READ, err));
	TRY(journal_writer_new(&server->writer, server->journal, wake, server, err));
	server->journal_ok = true;
	json_t *payload = json_object();
	json_put_int(payload, "epoch", server->epoch);
	json_put_str(payload, "version", server->options->version);
	json_put_int(payload, "pid", getpid());
	ledger_emit(server, EVENT_SERVER_STARTED, payload);
	return ERR_NONE;
}

/* Only our own: a newer server may have put one in the same place. */
static void remove_socket(const struct server *server)
{
	struct stat st;

	if (!server->fenced && stat(server->socket_path, &st) == 0 && st.st_dev == server->socket_dev &&
		st.st_ino == server->socket_ino)
		unlink(server->socket_path);
}

static void close_all(struct server *server)
{
	while (server->conns != NULL) {
		struct err err;
		if (wire_flush(&server->conns->wire, &err) != ERR_NONE)
			log_line(LOG_DEBUG, "%s", err.text);
		conn_close(server->conns);
	}
	zygote_stop(server);
	if (server->writer != NULL)
		journal_writer_free(server->writer);
	journal_close(server->reader);
	journal_close(server->journal);
	if (server->listen_fd >= 0) {
		close(server->listen_fd);
		remove_socket(server);
	}
	if (server->lock_fd >= 0)
		close(server->lock_fd);
	free(server->socket_path);
	free(server->stop_reason);
	halt_free(server);
	free(server->program);
	settings_release(&server->team);
	settings_release(&server->policy);
	persons_forget(server);
}

/* By name: a program that was replaced meanwhile is examined by its successor. */
static char *program_path(void)
{
	char *dir = dir_executable(), *path = path_join(dir, "drillbook");

	free(dir);
	return path;
}

/* A personal server may be without either file; a team server must know who is who. */
static enum err_code read_settings(struct server *server, struct err *err)
{
	settings_init(&server->policy, server->options->config, "policy");
	settings_init(&server->team, server->options->config, "server");
	settings_refresh(&server->policy); /* what is wrong with it is said in the log and at each start */
	if (!team_server(server))
		return ERR_NONE;
	if (geteuid() == 0)
		return err_set(err, ERR_FORBIDDEN,
			"a team server does not run as root: what it starts would be root, too. Give it a "
			"user of its own");
	settings_refresh(&server->team);
	if (server->team.broken != NULL)
		return err_set(err, ERR_FORBIDDEN, "%s", server->team.broken);
	if (server->team.json == NULL)
		return err_set(err, ERR_NOT_FOUND, "a team server needs \"%s\"", server->team.path);
	return ERR_NONE;
}

enum err_code server_run(const struct server_options *options, struct err *err)
{
	static struct server the_server; /* one per process; its loop is never taken apart */
	static uv_signal_t the_child;
	struct server *server = &the_server;
	uv_signal_t *child = &the_child;
	enum err_code code;

	server->options = options;
	server->program = program_path();
	server->listen_fd = server->lock_fd = -1;
	close_doors();
	code = read_settings(server, err);
	if (code == ERR_NONE)
		code = make_directories(server, err);
	if (code == ERR_NONE)
		code = take_lock(server, err);
	if (code == ERR_NONE) {
		start_loop(server, child);
		code = open_journal(server, err);
	}
	if (code == ERR_NONE)
		code = zygote_start(server, err);
	if (code == ERR_NONE) {
		halt_load(server);
		code = resume_all(server, err);
	}
	if (code == ERR_NONE)
		code = listen_on(server, err);
	if (code == ERR_NONE) {
		uv_poll_init(&server->loop, &server->listener, server->listen_fd);
		server->listener.data = server;
		uv_poll_start(&server->listener, UV_READABLE, on_connection);
		people_watch(server);
		if (options->ready_fd >= 0 && write(options->ready_fd, "1", 1) == 1)
			close(options->ready_fd);
		if (options->on_ready != NULL)
			options->on_ready();
		log_line(LOG_INFO, "server %s, epoch %lld, pid %d, %s", options->version,
			(long long)server->epoch, (int)getpid(), options->data_dir);
		uv_run(&server->loop, UV_RUN_DEFAULT);
		log_line(LOG_INFO, "server ends: %s",
			server->stop_reason ? server->stop_reason : "?");
	}
	if (code == ERR_NONE && server->fenced)
		code = err_set(err, ERR_HELD, "a newer server has taken over \"%s\"", options->data_dir);
	close_all(server);
	return code; /* the process ends now: the loop's memory goes with it */
}
