/* postgres_node.c: the data directory that this host holds for a target: which processes work
 * in it, ending and starting them, the files in it.
 *
 * A process belongs to the node when it is PostgreSQL's and its working directory is the data
 * directory.  That cannot be fooled by a reused pid in a stale postmaster.pid, finds children
 * that outlive a killed postmaster, and leaves out zombies, which have no working directory any
 * more. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 4096, POLL_MS = 20, KILL_AFTER_MS = 5000, FILE_MAX = 1 << 20 };

/* ------------------------------------------------------------------ paths and small files */

char *node_path(const struct node *node, const char *name)
{
	return path_join(node->data_dir, name);
}

char *node_beside(const struct node *node, const char *suffix)
{
	size_t len = strlen(node->data_dir);

	while (len > 1 && node->data_dir[len - 1] == '/')
		len--;
	return xasprintf("%.*s%s", (int)len, node->data_dir, suffix);
}

bool node_has(const struct node *node, const char *name)
{
	char *path = node_path(node, name);
	bool has = path_exists(path);

	free(path);
	return has;
}

enum err_code node_write(
	const struct node *node, const char *name, const char *text, struct err *err)
{
	char *path = node_path(node, name);
	enum err_code code = file_replace(path, text, strlen(text), 0600, err);

	free(path);
	return code;
}

enum err_code node_remove(const struct node *node, const char *name, struct err *err)
{
	char *path = node_path(node, name);
	enum err_code code = ERR_NONE;

	if (unlink(path) != 0 && errno != ENOENT)
		code = err_errno(err, "cannot remove \"%s\"", path);
	free(path);
	return code;
}

enum err_code node_read(const struct node *node, const char *name, char **out, struct err *err)
{
	char *path = node_path(node, name);
	enum err_code code = ERR_NONE;
	struct buf buf;

	buf_init(&buf, FILE_MAX);
	if (path_exists(path))
		code = file_read(path, FILE_MAX, &buf, err);
	if (code == ERR_NONE)
		*out = xstrdup(buf.data != NULL ? buf.data : "");
	buf_release(&buf);
	free(path);
	return code;
}

enum err_code node_open(struct node *node, struct call *call, struct err *err)
{
	*node = (struct node){ .call = call, .data_dir = setting_string(call, "data_dir") };
	if (node->data_dir == NULL)
		return err_set(err, ERR_UNSUPPORTED,
			"\"%s\" has no data_dir: only a node on this host can be done this to",
			call_target(call));
	if (!node_has(node, "PG_VERSION") || !node_has(node, "global/pg_control"))
		return err_set(err, ERR_NOT_FOUND,
			"\"%s\" is no PostgreSQL data directory (or not "
			"readable here)",
			node->data_dir);
	return ERR_NONE;
}

json_t *node_marker(const struct node *node)
{
	struct err ignored = { 0 };
	json_t *marker = NULL;
	char *text = NULL;

	if (!node_has(node, NODE_MARKER) ||
		node_read(node, NODE_MARKER, &text, &ignored) != ERR_NONE)
		return NULL;
	/* one that cannot be read is still a marker */
	if (json_parse(text, strlen(text), &marker, &ignored) != ERR_NONE)
		marker = json_object();
	free(text);
	return marker;
}

enum err_code node_put_marker(const struct node *node, const json_t *marker, struct err *err)
{
	char *text = json_line(marker);
	enum err_code code = node_write(node, NODE_MARKER, text, err);

	free(text);
	return code;
}

/* ------------------------------------------------------------------ postgresql.auto.conf */

static bool is_setting(const char *line, size_t len, const char *name)
{
	size_t i = 0, n = strlen(name);

	while (i < len && (line[i] == ' ' || line[i] == '\t'))
		i++;
	if (len - i < n || strncasecmp(line + i, name, n) != 0)
		return false;
	return i + n == len || line[i + n] == '=' || isspace((unsigned char)line[i + n]);
}

/* Quotes and backslashes are doubled inside a quoted value (guc-file.l). */
static enum err_code add_setting(
	struct buf *buf, const char *name, const char *value, struct err *err)
{
	TRY(buf_addf(buf, err, "%s = '", name));
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '\'' || *c == '\\')
			TRY(buf_add(buf, c, 1, err));
		TRY(buf_add(buf, c, 1, err));
	}
	return buf_addf(buf, err, "'\n");
}

static enum err_code edit_settings(
	struct buf *buf, const char *text, const char *name, const char *value, struct err *err)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		if (!is_setting(text, len, name)) {
			TRY(buf_add(buf, text, len, err));
			TRY(buf_add(buf, "\n", 1, err));
		}
		text += len + (text[len] == '\n' ? 1 : 0);
	}
	return value != NULL ? add_setting(buf, name, value, err) : ERR_NONE;
}

enum err_code node_set(
	const struct node *node, const char *name, const char *value, struct err *err)
{
	static const char file[] = "postgresql.auto.conf";
	char *text = NULL;
	struct buf buf;

	TRY(node_read(node, file, &text, err));
	buf_init(&buf, FILE_MAX);
	enum err_code code = edit_settings(&buf, text, name, value, err);
	if (code == ERR_NONE)
		code = node_write(node, file, buf.data != NULL ? buf.data : "", err);
	buf_release(&buf);
	free(text);
	return code;
}

/* ------------------------------------------------------------------ processes */

enum life { LIFE_NONE, LIFE_ZOMBIE, LIFE_OTHER, LIFE_POSTGRES };

/* What a pid is; name and state are in /proc/PID/stat as "PID (name) S …", and the name may
 * hold brackets. */
static enum life life_of(pid_t pid)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return LIFE_NONE;
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (open == NULL || close == NULL || close[1] != ' ')
		return LIFE_NONE;
	if (close[2] == 'Z' || close[2] == 'X')
		return LIFE_ZOMBIE;
	return str_starts(open + 1, "postgres") || str_starts(open + 1, "postmaster")
		       ? LIFE_POSTGRES
		       : LIFE_OTHER;
}

/* True also when its working directory may not be seen: then it is taken for ours rather than
 * for dead. */
static bool works_in(pid_t pid, const struct stat *dir)
{
	char path[64];
	struct stat cwd;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	if (stat(path, &cwd) != 0)
		return errno == EACCES || errno == EPERM;
	return cwd.st_dev == dir->st_dev && cwd.st_ino == dir->st_ino;
}

size_t node_processes(const struct node *node, pid_t *out, size_t max)
{
	struct stat dir;
	size_t count = 0;
	DIR *proc;

	if (stat(node->data_dir, &dir) != 0 || (proc = opendir("/proc")) == NULL)
		return 0;
	for (struct dirent *entry; (entry = readdir(proc)) != NULL && count < max;) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		struct stat cwd;
		char path[64];
		if (pid <= 0 || life_of(pid) != LIFE_POSTGRES)
			continue;
		/* here a directory that may not be seen is another user's cluster */
		snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
		if (stat(path, &cwd) == 0 && cwd.st_dev == dir.st_dev &&
			cwd.st_ino == dir.st_ino)
			out[count++] = pid;
	}
	closedir(proc);
	return count;
}

/* Line number of postmaster.pid (1 pid, 3 start time, 4 port, 5 socket directory). */
static bool pid_file_line(const struct node *node, int number, char *out, size_t size)
{
	char *path = node_path(node, "postmaster.pid");
	FILE *file = fopen(path, "re");
	bool found = false;

	free(path);
	if (file == NULL)
		return false;
	for (int i = 1; i <= number && fgets(out, (int)size, file) != NULL; i++)
		found = i == number;
	fclose(file);
	out[strcspn(out, "\n")] = '\0';
	return found;
}

pid_t node_postmaster(const struct node *node, int64_t *start_time)
{
	char line[256];
	struct stat dir;

	if (start_time != NULL)
		*start_time = pid_file_line(node, 3, line, sizeof(line))
				      ? strtoll(line, NULL, 10)
				      : 0;
	if (!pid_file_line(node, 1, line, sizeof(line)) || stat(node->data_dir, &dir) != 0)
		return 0;
	/* negative: a single-user postgres */
	pid_t pid = (pid_t)labs(strtol(line, NULL, 10));
	return pid > 0 && life_of(pid) == LIFE_POSTGRES && works_in(pid, &dir) ? pid : 0;
}

/* By pidfd, and only when the pid is still the postmaster after it was opened: it cannot hit
 * another process. */
static enum err_code signal_process(
	const struct node *node, pid_t pid, int sig, struct err *err)
{
	struct stat dir;
	int fd = pidfd_open(pid, 0);
	enum err_code code = ERR_NONE;

	if (fd < 0)
		return errno == ESRCH ? ERR_NONE
				      : err_errno(err, "cannot signal process %d", (int)pid);
	if (stat(node->data_dir, &dir) == 0 && life_of(pid) == LIFE_POSTGRES &&
		works_in(pid, &dir) && pidfd_send_signal(fd, sig, NULL, 0) != 0 &&
		errno != ESRCH)
		code = err_errno(
			err, "cannot signal process %d of \"%s\"", (int)pid, node->data_dir);
	close(fd);
	return code;
}

enum err_code node_stop(const struct node *node, int sig, int64_t grace_ms, struct err *err)
{
	static pid_t pids[PROCESSES_MAX];
	struct mono start = mono_now();
	pid_t postmaster = node_postmaster(node, NULL);
	bool killing = false;
	size_t count;

	if (postmaster != 0)
		TRY(signal_process(node, postmaster, sig, err));
	while ((count = node_processes(node, pids, PROCESSES_MAX)) > 0 ||
		node_postmaster(node, NULL) != 0) {
		int64_t took = mono_ms_since(start);
		if (grace_ms > 0 && took >= grace_ms) {
			if (!killing)
				call_log(node->call,
					"%zu processes left after %" PRId64 " ms: killing them",
					count, took);
			killing = true;
			for (size_t i = 0; i < count; i++)
				TRY(signal_process(node, pids[i], SIGKILL, err));
		}
		call_progress(node->call, -1, "waiting for %zu processes to end", count);
		if (call_sleep(node->call, POLL_MS, err) != ERR_NONE)
			return err_context(err, "%zu processes of \"%s\" still run", count,
				node->data_dir);
	}
	return node_clear_locks(node, err);
}

enum err_code node_kill(const struct node *node, struct err *err)
{
	static pid_t pids[PROCESSES_MAX];
	const struct timespec nap = { .tv_nsec = POLL_MS * 1000000 };
	struct mono start = mono_now();
	pid_t postmaster = node_postmaster(node, NULL);
	size_t count;

	if (postmaster != 0)
		TRY(signal_process(node, postmaster, SIGQUIT, err));
	while ((count = node_processes(node, pids, PROCESSES_MAX)) > 0) {
		const int64_t took = mono_ms_since(start);
		for (size_t i = 0; took >= KILL_AFTER_MS && i < count; i++)
			TRY(signal_process(node, pids[i], SIGKILL, err));
		if (took >= 2 * KILL_AFTER_MS)
			return err_set(err, ERR_TIMEOUT, "%zu processes of \"%s\" do not end",
				count, node->data_dir);
		nanosleep(&nap, NULL);
	}
	return node_clear_locks(node, err);
}

bool node_socket_dir(const struct node *node, char *out, size_t size)
{
	return pid_file_line(node, 5, out, size);
}

/* A lock file whose pid is somebody's, but not a postgres that works here. */
static bool lock_is_dead(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[64] = "";

	if (file == NULL)
		return false;
	bool read = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	pid_t pid = (pid_t)labs(strtol(line, NULL, 10));
	/* one that does not exist at all is PostgreSQL's own to find out, with its check for
	 * shared memory */
	return read && pid > 0 && life_of(pid) != LIFE_NONE;
}

enum err_code node_clear_locks(const struct node *node, struct err *err)
{
	char port[64], dir[PG_PATH_MAX];
	pid_t one;

	if (node_postmaster(node, NULL) != 0 || node_processes(node, &one, 1) > 0)
		return err_set(
			err, ERR_CONFLICT, "a PostgreSQL runs in \"%s\"", node->data_dir);
	if (pid_file_line(node, 4, port, sizeof(port)) &&
		pid_file_line(node, 5, dir, sizeof(dir)) && dir[0] == '/') {
		char *lock = xasprintf("%s/.s.PGSQL.%s.lock", dir, port);
		char owner[64];
		/* only the dead postmaster's own: by now another may listen on that port */
		if (lock_is_dead(lock) && pid_file_line(node, 1, owner, sizeof(owner))) {
			FILE *file = fopen(lock, "re");
			char line[64] = "";
			if (file != NULL && fgets(line, sizeof(line), file) != NULL &&
				strtol(line, NULL, 10) == strtol(owner, NULL, 10)) {
				call_log(node->call, "removing the dead lock file %s", lock);
				unlink(lock);
			}
			if (file != NULL)
				fclose(file);
		}
		free(lock);
	}
	char *path = node_path(node, "postmaster.pid");
	enum err_code code = ERR_NONE;
	if (lock_is_dead(path)) {
		call_log(node->call, "removing the dead lock file %s", path);
		if (unlink(path) != 0 && errno != ENOENT)
			code = err_errno(err, "cannot remove \"%s\"", path);
	}
	free(path);
	return code;
}
#endif
