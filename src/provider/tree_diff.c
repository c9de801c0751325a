/* tree_diff.c: what differs between two trees, by name, type and bytes. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 128 << 10, DEPTH_MAX = 512, PATH_BYTES_MAX = 64 << 10 };

struct diff {
	struct call *call;
	json_t *missing, *extra, *changed;
	size_t most;
	int64_t count;
	char *chunk[2];
};

static void add(struct diff *d, json_t *list, const char *dir, const char *name)
{
	char *path = xasprintf("%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);

	d->count++;
	if (json_array_size(list) < d->most)
		json_array_append_new(list, json_text(path, strlen(path)));
	free(path);
}

static int wanted(const struct dirent *entry)
{
	return !str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static ssize_t read_full(int fd, char *to)
{
	size_t len = 0;
	ssize_t n;

	while (len < CHUNK && (n = read(fd, to + len, CHUNK - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return -1;
		len += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len;
}

/* *same is false also when one cannot be read: it is not known to be the same. */
static enum err_code same_bytes(
	struct diff *d, int a, int b, const char *name, bool *same, struct err *err)
{
	const int fds[2] = {
		openat(a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK),
		openat(b, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK),
	};
	ssize_t n = 1, m;
	enum err_code code = ERR_NONE;

	*same = fds[0] >= 0 && fds[1] >= 0;
	while (*same && n > 0 && code == ERR_NONE) {
		n = read_full(fds[0], d->chunk[0]);
		m = read_full(fds[1], d->chunk[1]);
		*same = n >= 0 && n == m && memcmp(d->chunk[0], d->chunk[1], (size_t)n) == 0;
		code = call_sleep(d->call, 0, err);
	}
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return code;
}

static bool same_link(int a, int b, const char *name)
{
	char x[8192], y[8192];
	const ssize_t n = readlinkat(a, name, x, sizeof(x)), m = readlinkat(b, name, y, sizeof(y));

	return n >= 0 && n == m && memcmp(x, y, (size_t)n) == 0;
}

static enum err_code diff_dirs(
	struct diff *d, int a, int b, const char *dir, int depth, struct err *err);

static enum err_code diff_entry(
	struct diff *d, int a, int b, const char *dir, const char *name, int depth, struct err *err)
{
	struct stat x, y;
	bool same = fstatat(a, name, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
		    fstatat(b, name, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (x.st_mode & S_IFMT) == (y.st_mode & S_IFMT);

	if (same && S_ISREG(x.st_mode)) {
		same = x.st_size == y.st_size;
		if (same)
			TRY(same_bytes(d, a, b, name, &same, err));
	} else if (same && S_ISLNK(x.st_mode)) {
		same = same_link(a, b, name);
	} else if (same && S_ISDIR(x.st_mode)) {
		const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
		char *path = xasprintf("%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);
		const enum err_code code = diff_dirs(d, openat(a, name, flags),
			openat(b, name, flags), path, depth + 1, err);

		free(path);
		return code;
	}
	if (!same)
		add(d, d->changed, dir, name);
	return ERR_NONE;
}

static int list(int fd, struct dirent ***out)
{
	const int n = fd >= 0 ? scandirat(fd, ".", out, wanted, by_bytes) : -1;

	if (n < 0)
		*out = NULL;
	return n;
}

static void free_list(struct dirent **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* Two sorted lists, side by side; closes a and b. */
static enum err_code diff_dirs(
	struct diff *d, int a, int b, const char *dir, int depth, struct err *err)
{
	struct dirent **x, **y;
	const int n = list(a, &x), m = list(b, &y);
	enum err_code code = ERR_NONE;
	int i = 0, j = 0;

	if (n < 0 || m < 0 || depth > DEPTH_MAX)
		add(d, d->changed, dir, "");
	while (n >= 0 && m >= 0 && (i < n || j < m) && code == ERR_NONE && depth <= DEPTH_MAX) {
		const int order = i == n   ? 1
				  : j == m ? -1
					   : strcmp(x[i]->d_name, y[j]->d_name);

		if (order < 0)
			add(d, d->missing, dir, x[i++]->d_name);
		else if (order > 0)
			add(d, d->extra, dir, y[j++]->d_name);
		else
			code = diff_entry(d, a, b, dir, x[i]->d_name, depth, err);
		i += order == 0;
		j += order == 0;
	}
	free_list(x, n);
	free_list(y, m);
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return code;
}

enum err_code tree_diff(struct call *call, const char *a, const char *b, size_t most,
	json_t **out, int64_t *count, struct err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	struct diff d = { .call = call, .most = most };

	*out = json_object();
	d.missing = json_array();
	d.extra = json_array();
	d.changed = json_array();
	json_put(*out, "missing", d.missing);
	json_put(*out, "extra", d.extra);
	json_put(*out, "changed", d.changed);
	for (size_t i = 0; i < COUNT_OF(d.chunk); i++)
		d.chunk[i] = xmalloc(CHUNK);
	const enum err_code code = diff_dirs(&d, open(a, flags), open(b, flags), "", 0, err);
	for (size_t i = 0; i < COUNT_OF(d.chunk); i++)
		free(d.chunk[i]);
	*count = d.count;
	return code;
}
