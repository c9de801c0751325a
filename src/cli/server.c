/* server.c: the server as a command: it starts by itself, so this is for looking and for
 * stopping. */
#include "examine.h"

#include "drillbook/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct option_row options[] = {
	{ "force", NULL, false, "stop although runs are open; the next server takes them up" },
	{ "foreground", NULL, false, "start: stay attached and never leave by itself" },
	{ "team", NULL, false, "run: for several people, as server.yaml says" },
	{ "json", NULL, false, "status as JSON" }, OPTION_END
};

/* In the daemon: nothing of the terminal stays. */
static void leave_terminal(const char *data_dir)
{
	struct err err;

	setsid();
	signal(SIGHUP, SIG_IGN);
	umask(077);
	if (chdir("/") != 0)
		log_line(LOG_WARN, "cannot enter /: %s", strerror(errno));
	if (dir_make(data_dir, 0700, &err) != ERR_NONE)
		return;
	char *path = path_join(data_dir, "server.log");
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC),
		  log = open(
			  path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	dup2(null, 0);
	dup2(null, 1);
	if (log >= 0)
		dup2(log, 2);
}

/* A clean, documented environment: what a step may rely on (docs/architecture.md, processes).
 */
static void clean_environment(void)
{
	static const char *const kept[] = { "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL",
		"LC_CTYPE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_DATA_HOME",
		"XDG_CONFIG_HOME", "SSH_AUTH_SOCK" };
	char *values[COUNT_OF(kept)];
	extern char **environ;
	size_t count = 0;
	char *own[128];

	for (size_t i = 0; i < COUNT_OF(kept); i++)
		values[i] = xstrdup(getenv(kept[i]));
	for (char **at = environ; at != NULL && *at != NULL && count < COUNT_OF(own); at++)
		if (str_starts(*at, "DRILLBOOK_") || str_starts(*at, "ASAN_") ||
			str_starts(*at, "UBSAN_") || str_starts(*at, "LSAN_"))
			own[count++] = xstrdup(*at);
	/* what is dropped must not be read in /proc/PID/environ either: that shows where it stood at the start */
	for (char **at = environ; at != NULL && *at != NULL; at++)
		explicit_bzero(*at, strlen(*at));
	clearenv();
	for (size_t i = 0; i < COUNT_OF(kept); i++) {
		if (values[i] != NULL)
			setenv(kept[i], values[i], 1);
		free(values[i]);
	}
	for (size_t i = 0; i < count; i++)
		putenv(own[i]);
	if (getenv("PATH") == NULL)
		setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			1);
}

static int serve(const struct args *args, bool foreground, int ready_fd, struct err *err)
{
	char *config = dir_config();
	const struct server_options server = { .data_dir = args->data_dir,
		.version = DRILLBOOK_VERSION,
		.ready_fd = ready_fd,
		.foreground = foreground,
		.config = config };
	const enum err_code code = server_run(&server, err);

	free(config);
	return code == ERR_NONE ? 0 : -1;
}

/* Said here, where there is still somebody to read it: without a place to write to there is no journal. */
static enum err_code data_dir_usable(const char *data_dir, struct err *err)
{
	struct err why;

	if (dir_make(data_dir, 0700, &why) != ERR_NONE)
		return err_set(err, ERR_JOURNAL, "%s", why.text);
	if (access(data_dir, W_OK | X_OK) != 0)
		return err_set(err, ERR_JOURNAL, "cannot write in \"%s\": %s", data_dir, strerror(errno));
	return ERR_NONE;
}

static char *notify_socket; /* of the service manager; not left in the environment of what steps start */

/* Tells the service manager that the socket accepts (sd_notify(3), Type=notify). */
static void notify_ready(void)
{
	const char *path = notify_socket;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (path == NULL || strlen(path) >= sizeof(address.sun_path))
		return;
	strcpy(address.sun_path, path);
	if (path[0] == '@') /* abstract */
		address.sun_path[0] = '\0';
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (fd < 0 || sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (const struct sockaddr *)&address, len) < 0)
		log_line(LOG_WARN, "the service manager cannot be told: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static int serve_team(const struct args *args, struct err *err)
{
	char *dir = config_dir(), *path = path_join(dir, "server.yaml");
	json_t *config = NULL;
	int status = -1;

	if (config_load(path, "server", &config, err) == ERR_NONE) {
		const struct server_options server = {
			.data_dir = option_value(args, "data") != NULL || getenv("DRILLBOOK_DATA") != NULL
					    ? args->data_dir
					    : json_str(config, "data", "/var/lib/drillbook"),
			.version = DRILLBOOK_VERSION,
			.ready_fd = -1,
			.on_ready = notify_ready,
			.foreground = true,
			.team = true,
			.config = dir,
			.socket = json_str(config, "socket", "/run/drillbook/socket"),
			.group = json_str(config, "group", "drillbook")
		};
		umask(077);
		status = server_run(&server, err) == ERR_NONE ? 0 : -1;
	}
	json_decref(config);
	free(path);
	free(dir);
	return status;
}

/* In the foreground, under a service manager. */
static int run(const struct args *args, struct err *err)
{
	notify_socket = xstrdup(getenv("NOTIFY_SOCKET"));
	clean_environment();
	if (option_flag(args, "team"))
		return serve_team(args, err);
	return data_dir_usable(args->data_dir, err) == ERR_NONE ? serve(args, true, -1, err) : -1;
}

/* The parent waits until the socket accepts or the child has said why not. */
static int start(const struct args *args, struct err *err)
{
	int ready[2], words[2];
	char byte;
	ssize_t n;

	if (data_dir_usable(args->data_dir, err) != ERR_NONE)
		return -1;
	if (option_flag(args, "foreground"))
		return serve(args, true, -1, err);
	if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(words, O_CLOEXEC) != 0) {
		err_errno(err, "no pipe");
		return -1;
	}
	const pid_t pid = fork();
	if (pid < 0) {
		err_errno(err, "cannot start the server");
		return -1;
	}
	if (pid == 0) {
		struct err why = { 0 };
		close(ready[0]);
		close(words[0]);
		leave_terminal(args->data_dir);
		clean_environment();
		const int status = serve(args, false, ready[1], &why);
		if (status != 0) {
			log_line(LOG_ERROR, "%s", why.text);
			if (write(words[1], &why, sizeof(why)) != sizeof(why))
				_exit(1);
		}
		_exit(status == 0 ? 0 : err_exit_status(why.code));
	}
	close(ready[1]);
	close(words[1]);
	do
		n = read(ready[0], &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	if (read(words[0], err, sizeof(*err)) != (ssize_t)sizeof(*err))
		err_set(err, ERR_SYSTEM, "the server ended at once; see \"%s/server.log\"",
			args->data_dir);
	waitpid(pid, NULL, 0);
	return -1;
}

static int stop(const struct args *args, struct err *err)
{
	struct client *client;
	json_t *request;
	char *path = args->server ? xstrdup(args->server) : wire_socket_path(args->data_dir);

	const bool there = path_exists(path);
	if (!there || cli_connect(&client, args, CLIENT_ANY_VERSION, err) != ERR_NONE) {
		free(path);
		if (there && err->code == ERR_FORBIDDEN)
			return -1;
		puts("no server runs");
		return 0;
	}
	request = json_object();
	json_put_flag(request, "force", option_flag(args, "force"));
	enum err_code code = client_ask(client, "stop", request, NULL, err);
	while (code == ERR_NONE) { /* until it has really gone */
		json_t *message = NULL;
		struct err gone;
		if (client_next(client, 1000, &message, &gone) != ERR_NONE)
			break;
		json_decref(message);
	}
	client_close(client);
	for (int i = 0; code == ERR_NONE && path_exists(path) && i < 200; i++)
		usleep(10000);
	free(path);
	return code == ERR_NONE ? 0 : -1;
}

static int status(const struct args *args, struct err *err)
{
	struct client *client;
	json_t *answer;

	if (cli_connect(&client, args, CLIENT_ANY_VERSION, err) != ERR_NONE) {
		if (err->code != ERR_UNREACHABLE)
			return -1;
		puts(option_flag(args, "json") ? "{}" : "no server runs");
		return 0;
	}
	const enum err_code code = client_ask(client, "status", NULL, &answer, err);
	client_close(client);
	if (code != ERR_NONE)
		return -1;
	if (option_flag(args, "json"))
		return print_json(answer);
	printf("server %s, pid %lld, epoch %lld: %lld open runs, %lld workers, %lld terminals, "
	       "journal %s\n",
		json_str(answer, "version", ""), (long long)json_int(answer, "pid", 0),
		(long long)json_int(answer, "epoch", 0),
		(long long)json_int(answer, "runs_open", 0),
		(long long)json_int(answer, "workers", 0),
		(long long)json_int(answer, "clients", 0), json_str(answer, "journal", ""));
	json_decref(answer);
	return 0;
}

static int server(const struct args *args, struct err *err)
{
	static const struct {
		const char *name;
		int (*run)(const struct args *args, struct err *err);
	} words[] = { { "start", start }, { "run", run }, { "stop", stop }, { "status", status },
		{ "examine", server_examine } };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (str_eq(words[i].name, args->words[0]))
			return words[i].run(args, err);
	err_set(err, ERR_USAGE, "server %s: start, run, stop or status", args->words[0]);
	return -1;
}

const struct command command_server = {
	.name = "server",
	.words = "start|run|stop|status",
	.summary = "the process in which runs live; it starts and leaves by itself",
	.details = "start leaves it behind; run stays, for a service manager. A team server (run --team) has a user\n"
		   "of its own and takes socket, group, roles and workspaces from server.yaml in /etc/drillbook\n"
		   "($DRILLBOOK_ETC).",
	.examples = "  drillbook server status\n  drillbook server stop\n",
	.options = options,
	.least = 1,
	.most = 1,
	.run = server,
};
