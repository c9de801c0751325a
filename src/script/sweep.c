/* sweep.c: finding descendants in /proc.
 *
 * A process that called setsid or forked twice has left its group and its session but not its
 * ancestry: an orphan goes to the nearest subreaper, which is the worker and, after the
 * worker's death, the zygote.
 *
 * One kind is left alone: a service that an operation was to start (a database server) must
 * outlive its step.  It says so by KEEP in its environment and is in a session of its own,
 * which the program that starts it is not.  What descends from it is left alone, too. */
#include "sweep.h"

#include "drillbook/base.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS_MAX = 1 << 20, PAUSE_MS = 2, ENVIRONMENT_MAX = 4 << 20 };

#define KEEP "DRILLBOOK_KEEP=1"

struct row {
	pid_t pid, parent, session;
	bool zombie, ours;
};

/* "PID (NAME) STATE PPID …"; the name may hold anything, also ")". */
static bool read_row(const char *pid, struct row *row)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	const ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	const char *end = strrchr(text, ')');
	char state;
	int parent, session;
	if (end == NULL || sscanf(end + 1, " %c %d %*d %d", &state, &parent, &session) != 3)
		return false;
	*row = (struct row){ (pid_t)atoi(pid), (pid_t)parent, (pid_t)session,
		state == 'Z' || state == 'X', false };
	return true;
}

static size_t read_rows(struct row **out)
{
	DIR *dir = opendir("/proc");
	struct row *rows = NULL;
	size_t count = 0, cap = 0;
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL && count < ROWS_MAX) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (count == cap) {
			cap = cap ? cap * 2 : 256;
			rows = xrealloc(rows, cap * sizeof(*rows));
		}
		count += read_row(entry->d_name, &rows[count]);
	}
	if (dir != NULL)
		closedir(dir);
	*out = rows;
	return count;
}

static bool belongs(const struct row *rows, size_t count, pid_t parent)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].pid == parent)
			return rows[i].ours;
	return false;
}

/* The environment a process was started with; another user's cannot be read and is not kept. */
static bool is_kept(const struct row *row)
{
	char path[64];
	struct buf text;
	struct err ignored;
	bool kept = false;

	if (row->zombie || row->session == getsid(0))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)row->pid);
	if (file_read(path, ENVIRONMENT_MAX, &text, &ignored) != ERR_NONE)
		return false;
	for (const char *at = text.data; at != NULL && at < text.data + text.len && !kept;
		at += strlen(at) + 1)
		kept = str_eq(at, KEEP);
	buf_release(&text);
	return kept;
}

size_t sweep_signal(int signal, bool (*spare)(void *arg, pid_t child), void *arg)
{
	struct row *rows;
	const size_t count = read_rows(&rows);
	const pid_t self = getpid();
	size_t found = 0;
	bool more = true;

	for (size_t i = 0; i < count; i++)
		rows[i].ours = rows[i].parent == self &&
			       (spare == NULL || !spare(arg, rows[i].pid)) &&
			       !is_kept(&rows[i]);
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++)
			if (!rows[i].ours && rows[i].parent != self &&
				belongs(rows, count, rows[i].parent) && !is_kept(&rows[i]))
				rows[i].ours = more = true;
	}
	for (size_t i = 0; i < count; i++) {
		if (!rows[i].ours || rows[i].zombie)
			continue;
		found++;
		kill(rows[i].pid, signal);
	}
	free(rows);
	return found;
}

bool sweep_needed(bool (*known)(void *arg, pid_t child), void *arg)
{
	struct buf list;
	struct err ignored;
	bool strangers = false;

	if (file_read("/proc/thread-self/children", 1 << 20, &list, &ignored) != ERR_NONE)
		return true;
	const char *at = list.data + strspn(list.data, " \n");
	while (*at != '\0' && !strangers) {
		char *end;
		const long pid = strtol(at, &end, 10);
		strangers = end == at || !known(arg, (pid_t)pid);
		at = end + strspn(end, " \n");
	}
	buf_release(&list);
	return strangers;
}

bool sweep_all(int64_t patience_ms)
{
	const struct mono begin = mono_now();
	siginfo_t info;
	int empty = 0;

	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		/* only a process without children is spared the look into /proc */
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 &&
			errno == ECHILD)
			return true;
		if (mono_ms_since(begin) > patience_ms)
			return false;
		/* children, but none to end: the dead among them were waited for at the latest
		 * in the round before the second empty look */
		empty = sweep_signal(SIGKILL, NULL, NULL) == 0 ? empty + 1 : 0;
		if (empty == 3)
			return true;
		poll(NULL, 0, PAUSE_MS);
	}
}
