/* keeper.c: the lab's init.  Parent and reaper of everything the lab runs, holder of its ports.
 *
 *   keeper serve DIR OWNER_PID    becomes a daemon; prints the first of its 16 ports when it is ready
 *   keeper ask SOCKET VERB ARG…   one request; prints the answer, exit status 0 or 1
 *
 * Verbs
 *   start NAME PROGRAM ARG…   own session, output to DIR/log/NAME.log; answers the pid
 *   status NAME               "running PID", "exited STATUS" or "none"
 *   stop NAME SIGNAL MS       signal, then SIGKILL for the whole tree after MS
 *   kill NAME|PID             SIGKILL for the whole tree; answers the epoch ms before the first signal
 *   list                      "NAME PID" of what runs
 *   keep PID                  another owner; 0 = none
 *   end                       everything is killed and DIR removed
 *
 * Why a program and not pid files: everything in the lab descends from here and orphans come back here
 * (subreaper), so nothing is missed, no pid is reused before it was reaped, and a killed postmaster is
 * never left as a zombie that the next one takes for alive.  When the owner dies, however it dies, the
 * keeper ends the lab.  When the keeper dies its children are killed by the kernel.
 *
 * The ports are a block of 16 below the ephemeral range.  The first stays bound here as the claim: two
 * labs that start at the same instant are told apart by the kernel, and nothing is left to clean up. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT_FIRST = 21000,
	PORT_LAST = 31000,
	PORT_BLOCK = 16,
	UNITS_MAX = 64,
	PIDS_MAX = 4096,
	REQUEST_MAX = 65536,
	ARGS_MAX = 64,
	ROUNDS_MAX = 2000, /* of 5 ms: no kill takes longer than 10 s */
};

struct unit {
	char name[48];
	pid_t pid;
	bool running;
	int status; /* as a shell would say it: 0..255 */
};

static struct unit units[UNITS_MAX];
static size_t unit_count;
static const char *lab_dir;
static int owner_fd = -1;

static int64_t epoch_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void)
{
	struct timespec t = { .tv_nsec = 5000000 };

	nanosleep(&t, NULL);
}

static struct unit *unit_find(const char *name)
{
	for (size_t i = 0; i < unit_count; i++)
		if (!strcmp(units[i].name, name))
			return &units[i];
	return NULL;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < unit_count; i++)
			if (units[i].running && units[i].pid == pid) {
				units[i].running = false;
				units[i].status = WIFEXITED(status) ? WEXITSTATUS(status)
								    : 128 + WTERMSIG(status);
			}
}

/* ------------------------------------------------------------------ process trees */

struct process {
	pid_t pid, parent;
};

/* One row per process that is not a zombie. */
static size_t processes(struct process *rows, size_t max)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (proc && count < max && (entry = readdir(proc))) {
		char path[300], line[512], *after;
		int pid = atoi(entry->d_name), parent;
		char state;

		if (pid <= 0)
			continue;
		snprintf(path, sizeof path, "/proc/%d/stat", pid);
		FILE *stat = fopen(path, "re");
		if (!stat)
			continue;
		/* the command's name may hold blanks and parentheses: read after the last one */
		if (fgets(line, sizeof line, stat) && (after = strrchr(line, ')')) &&
		    sscanf(after + 1, " %c %d", &state, &parent) == 2 && state != 'Z' && state != 'X')
			rows[count++] = (struct process){ pid, parent };
		fclose(stat);
	}
	if (proc)
		closedir(proc);
	return count;
}

/* root itself first, then everything below it. */
static size_t tree(pid_t root, pid_t *pids, size_t max)
{
	static struct process rows[PIDS_MAX];
	size_t row_count = processes(rows, PIDS_MAX), count = 0;

	pids[count++] = root;
	for (size_t done = 0; done < count; done++)
		for (size_t i = 0; i < row_count && count < max; i++)
			if (rows[i].parent == pids[done])
				pids[count++] = rows[i].pid;
	return count;
}

static bool process_alive(pid_t pid)
{
	reap();
	return kill(pid, 0) == 0;
}

/* The root first: once it is dead it starts no more children. */
static void kill_tree(pid_t root)
{
	static pid_t pids[PIDS_MAX];
	size_t count = tree(root, pids, PIDS_MAX);

	for (size_t i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
	for (size_t i = 0; i < count; i++)
		for (int round = 0; round < ROUNDS_MAX && process_alive(pids[i]); round++)
			nap();
}

/* A process whose current directory is the lab's: a database that the program under test started. */
static bool works_in_lab(pid_t pid)
{
	char path[64], cwd[512];
	size_t len = strlen(lab_dir);

	snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
	ssize_t got = readlink(path, cwd, sizeof cwd - 1);
	if (got < 0)
		return false;
	cwd[got] = 0;
	return !strncmp(cwd, lab_dir, len) && (cwd[len] == '/' || !cwd[len]);
}

/* Orphans became our own children: until there are none, nothing was missed.  What others started in the
 * lab is found by its directory. */
static void kill_everything(void)
{
	static struct process rows[PIDS_MAX];
	static pid_t pids[PIDS_MAX];

	for (int round = 0; round < ROUNDS_MAX; round++) {
		size_t count = tree(getpid(), pids, PIDS_MAX), all = processes(rows, PIDS_MAX);

		for (size_t i = 1; i < count; i++)
			kill(pids[i], SIGKILL);
		for (size_t i = 0; i < all; i++)
			if (rows[i].pid != getpid() && works_in_lab(rows[i].pid))
				kill(rows[i].pid, SIGKILL);
		reap();
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
		nap();
	}
}

/* A killed PostgreSQL leaves its System V segment behind; line 7 of postmaster.pid names it. */
static void drop_segments(void)
{
	char path[512];

	snprintf(path, sizeof path, "%s/data", lab_dir);
	DIR *data = opendir(path);
	struct dirent *entry;
	while (data && (entry = readdir(data))) {
		char file[800], line[256];
		unsigned long key;
		int id;

		snprintf(file, sizeof file, "%s/%s/postmaster.pid", path, entry->d_name);
		FILE *in = fopen(file, "re");
		for (int n = 1; in && fgets(line, sizeof line, in); n++) {
			struct shmid_ds shm;
			if (n == 7 && sscanf(line, "%lu %d", &key, &id) == 2 &&
			    shmctl(id, IPC_STAT, &shm) == 0 && shm.shm_perm.uid == geteuid() &&
			    shm.shm_nattch == 0)
				shmctl(id, IPC_RMID, NULL);
		}
		if (in)
			fclose(in);
	}
	if (data)
		closedir(data);
}

static void lab_end(void)
{
	kill_everything();
	drop_segments();
	if (chdir("/") == 0)
		execlp("rm", "rm", "-rf", "--", lab_dir, (char *)NULL);
	_exit(1);
}

/* ------------------------------------------------------------------ verbs */

static void child_exec(const char *name, char **argv, int report)
{
	char path[512];
	sigset_t none;
	int error;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof path, "%s/log/%s.log", lab_dir, name);
	int null = open("/dev/null", O_RDONLY);
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (null >= 0 && log >= 0 && dup2(null, 0) == 0 && dup2(log, 1) == 1 && dup2(log, 2) == 2) {
		close(null);
		close(log);
		execvp(argv[0], argv);
	}
	error = errno;
	if (write(report, &error, sizeof error) < 0)
		_exit(126);
	_exit(127);
}

static void verb_start(FILE *out, char **args, size_t count)
{
	struct unit *unit = count > 2 ? unit_find(args[1]) : NULL;
	int report[2], error = 0;

	if (count < 3 || strlen(args[1]) >= sizeof unit->name || strchr(args[1], '/')) {
		fprintf(out, "error start NAME PROGRAM ARG…\n");
		return;
	}
	if ((unit && unit->running) || (!unit && unit_count == UNITS_MAX)) {
		fprintf(out, "error \"%s\" %s\n", args[1], unit ? "is running" : "is one too many");
		return;
	}
	if (pipe2(report, O_CLOEXEC)) {
		fprintf(out, "error pipe: %s\n", strerror(errno));
		return;
	}
	pid_t pid = fork();
	if (pid == 0)
		child_exec(args[1], args + 2, report[1]);
	close(report[1]);
	ssize_t got = pid < 0 ? 0 : read(report[0], &error, sizeof error);
	close(report[0]);
	if (pid < 0 || got > 0) {
		fprintf(out, "error cannot run %s: %s\n", args[2], strerror(pid < 0 ? errno : error));
		return;
	}
	if (!unit)
		unit = &units[unit_count++];
	*unit = (struct unit){ .pid = pid, .running = true };
	snprintf(unit->name, sizeof unit->name, "%s", args[1]);
	fprintf(out, "%d\n", (int)pid);
}

static void verb_status(FILE *out, char **args, size_t count)
{
	struct unit *unit = count == 2 ? unit_find(args[1]) : NULL;

	reap();
	if (!unit)
		fprintf(out, "none\n");
	else if (unit->running)
		fprintf(out, "running %d\n", (int)unit->pid);
	else
		fprintf(out, "exited %d\n", unit->status);
}

static int signal_number(const char *name)
{
	static const struct { const char *name; int number; } rows[] = {
		{ "HUP", SIGHUP }, { "INT", SIGINT }, { "KILL", SIGKILL }, { "QUIT", SIGQUIT }, { "TERM", SIGTERM },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].number;
	return -1;
}

static void verb_stop(FILE *out, char **args, size_t count)
{
	struct unit *unit = count == 4 ? unit_find(args[1]) : NULL;
	int number = count == 4 ? signal_number(args[2]) : -1;

	if (number < 0) {
		fprintf(out, "error stop NAME HUP|INT|KILL|QUIT|TERM MS\n");
		return;
	}
	reap();
	if (!unit || !unit->running) {
		fprintf(out, "was not running\n");
		return;
	}
	int64_t limit = epoch_ms() + atoll(args[3]);
	kill(unit->pid, number);
	while (unit->running && epoch_ms() < limit) {
		nap();
		reap();
	}
	bool hard = unit->running;
	if (hard)
		kill_tree(unit->pid);
	fprintf(out, hard ? "killed\n" : "stopped\n");
}

static void verb_kill(FILE *out, char **args, size_t count)
{
	struct unit *unit = count == 2 ? unit_find(args[1]) : NULL;
	pid_t pid = count == 2 ? atoi(args[1]) : 0;

	reap();
	if (unit && unit->running)
		pid = unit->pid;
	else if (pid <= 1 || !works_in_lab(pid))
		pid = 0;
	if (!pid) {
		fprintf(out, "error \"%s\" is not running\n", count > 1 ? args[1] : "");
		return;
	}
	int64_t at = epoch_ms();
	kill_tree(pid);
	fprintf(out, "%lld\n", (long long)at);
}

static void verb_list(FILE *out, char **args, size_t count)
{
	(void)args;
	(void)count;
	reap();
	for (size_t i = 0; i < unit_count; i++)
		if (units[i].running)
			fprintf(out, "%s %d\n", units[i].name, (int)units[i].pid);
}

static bool owner_set(pid_t pid)
{
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pid > 0 && fd < 0)
		return false;
	if (owner_fd >= 0)
		close(owner_fd);
	owner_fd = fd;
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return true;
}

static void verb_keep(FILE *out, char **args, size_t count)
{
	if (count == 2 && owner_set(atoi(args[1])))
		fprintf(out, "ok\n");
	else
		fprintf(out, "error there is no such process\n");
}

static bool ending;

static void verb_end(FILE *out, char **args, size_t count)
{
	(void)args;
	(void)count;
	ending = true;
	fprintf(out, "ok\n");
}

static const struct {
	const char *name;
	void (*run)(FILE *out, char **args, size_t count);
} verbs[] = {
	{ "end", verb_end },     { "keep", verb_keep },     { "kill", verb_kill }, { "list", verb_list },
	{ "start", verb_start }, { "status", verb_status }, { "stop", verb_stop },
};

/* A request is NUL-terminated words until the client shuts its side. */
static void request(int fd)
{
	static char text[REQUEST_MAX];
	char *args[ARGS_MAX + 1] = { NULL };
	size_t len = 0, count = 0;
	struct timeval limit = { .tv_sec = 2 };
	struct ucred peer;
	socklen_t size = sizeof peer;
	ssize_t got;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) ||
	    (peer.uid != geteuid() && peer.uid != 0))
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	while (len < sizeof text - 1 && (got = read(fd, text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = 0;
	for (size_t at = 0; at < len && count < ARGS_MAX; at += strlen(text + at) + 1)
		args[count++] = text + at;
	FILE *out = fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 3), "w"); /* a started child must not hold it */
	if (!out)
		return;
	size_t v = 0;
	while (count && v < sizeof verbs / sizeof *verbs && strcmp(verbs[v].name, args[0]) != 0)
		v++;
	if (!count || v == sizeof verbs / sizeof *verbs)
		fprintf(out, "error unknown request\n");
	else
		verbs[v].run(out, args, count);
	fclose(out);
}

/* ------------------------------------------------------------------ ports and sockets */

static int bound(int type, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool block_free(int base)
{
	for (int port = base; port < base + PORT_BLOCK; port++) {
		int tcp = port == base ? -2 : bound(SOCK_STREAM, port), udp = bound(SOCK_DGRAM, port);

		if (tcp >= 0)
			close(tcp);
		if (udp >= 0)
			close(udp);
		if (tcp == -1 || udp < 0)
			return false;
	}
	return true;
}

/* The descriptor that is the claim stays open for good. */
static int claim_ports(void)
{
	for (int base = PORT_FIRST; base < PORT_LAST; base += PORT_BLOCK) {
		int claim = bound(SOCK_STREAM, base);

		if (claim >= 0 && block_free(base))
			return base;
		if (claim >= 0)
			close(claim);
	}
	return -1;
}

static int local_socket(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address->sun_path) {
		fprintf(stderr, "keeper: the path is too long for a socket: %s\n", path);
		exit(2);
	}
	memcpy(address->sun_path, path, strlen(path));
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* ------------------------------------------------------------------ serve and ask */

static void loop(int listener, int signals)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = listener, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
			{ .fd = owner_fd, .events = POLLIN },
		};

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			lab_end();
		if (fds[1].revents) {
			struct signalfd_siginfo info;
			if (read(signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD)
				lab_end();
			reap();
		}
		if (fds[0].revents) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			if (fd >= 0) {
				request(fd);
				close(fd);
			}
		}
		if (fds[2].revents || ending)
			lab_end();
	}
}

static int serve(const char *dir, pid_t owner)
{
	char path[512];
	struct sockaddr_un address;
	sigset_t set;

	lab_dir = dir;
	snprintf(path, sizeof path, "%s/run/keeper.sock", dir);
	int listener = local_socket(path, &address);
	if (chdir(dir) || bind(listener, (struct sockaddr *)&address, sizeof address) ||
	    listen(listener, 64)) {
		perror("keeper");
		return 1;
	}
	int base = claim_ports();
	if (base < 0 || !owner_set(owner)) {
		fprintf(stderr, "keeper: %s\n", base < 0 ? "no free block of ports" : "no such owner");
		return 1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	pid_t pid = fork();
	if (pid != 0) {
		printf("%d\n", base);
		return pid < 0;
	}
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(path, sizeof path, "%s/log/keeper.log", dir);
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600), null = open("/dev/null", O_RDONLY);
	if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		lab_end();
	loop(listener, signalfd(-1, &set, SFD_CLOEXEC));
	return 0;
}

static int ask(const char *path, char **words)
{
	struct sockaddr_un address;
	int fd = local_socket(path, &address);
	char answer[REQUEST_MAX];
	struct timeval limit = { .tv_sec = 60 };
	size_t len = 0;
	ssize_t got;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
		fprintf(stderr, "keeper: nobody answers at %s: %s\n", path, strerror(errno));
		return 1;
	}
	for (; *words; words++)
		if (write(fd, *words, strlen(*words) + 1) < 0)
			return 1;
	shutdown(fd, SHUT_WR);
	while (len < sizeof answer && (got = read(fd, answer + len, sizeof answer - len)) > 0)
		len += (size_t)got;
	bool error = len >= 5 && !memcmp(answer, "error", 5);
	fwrite(answer, 1, len, error ? stderr : stdout);
	return error || !len ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(argv[2], atoi(argv[3]));
	if (argc > 3 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv + 3);
	fprintf(stderr, "usage: keeper serve DIR OWNER_PID | keeper ask SOCKET VERB ARG...\n");
	return 2;
}
