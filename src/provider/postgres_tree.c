/* postgres_tree.c: a data directory as files: copying one, taking one away. */
#include "postgres_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { CHUNK = 4 << 20, DEPTH_MAX = 16, PROGRESS_MS = 200 };

struct copy {
	struct call *call;
	int64_t done_bytes, total_bytes;
	struct mono shown;
};

static bool is_dots(const char *name)
{
	return str_eq(name, ".") || str_eq(name, "..");
}

/* ------------------------------------------------------------------ copying */

static enum err_code tick(struct copy *copy, struct err *err)
{
	if (mono_ms_since(copy->shown) >= PROGRESS_MS) {
		const int64_t total = copy->total_bytes, done = copy->done_bytes;
		int per_mille = total > 0 ? (int)(done * 1000 / total) : -1;

		call_progress(copy->call, per_mille < 1000 ? per_mille : 1000,
			"copied %" PRId64 " MiB", done >> 20);
		copy->shown = mono_now();
	}
	return call_sleep(copy->call, 0, err);
}

/* What a file system cannot do by itself is done by hand. */
static ssize_t copy_some(int from, int to, void *buffer)
{
	ssize_t n = copy_file_range(from, NULL, to, NULL, CHUNK, 0);

	if (n >= 0 || (errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
			      errno != EOPNOTSUPP && errno != EPERM))
		return n;
	n = read(from, buffer, CHUNK);
	for (ssize_t put = 0; put < n;) {
		ssize_t part = write(to, (const char *)buffer + put, (size_t)(n - put));
		if (part < 0)
			return -1;
		put += part;
	}
	return n;
}

static enum err_code copy_file(struct copy *copy, int from_dir, int to_dir, const char *name,
	mode_t mode, struct err *err)
{
	int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = from < 0 ? -1
			  : openat(to_dir, name,
				    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				    mode & 0777);
	void *buffer = xmalloc(CHUNK);
	enum err_code code = ERR_NONE;
	ssize_t n = 1;

	if (to < 0)
		code = err_errno(err, "cannot copy \"%s\"", name);
	while (code == ERR_NONE && n > 0) {
		n = copy_some(from, to, buffer);
		if (n < 0)
			code = err_errno(err, "cannot copy \"%s\"", name);
		else
			copy->done_bytes += n;
		if (code == ERR_NONE)
			code = tick(copy, err);
	}
	free(buffer);
	if (from >= 0)
		close(from);
	if (to >= 0 && close(to) != 0 && code == ERR_NONE)
		code = err_errno(err, "cannot copy \"%s\"", name);
	return code;
}

static enum err_code copy_dir(
	struct copy *copy, int from, int to, int depth, struct err *err) MUST_CHECK;

static enum err_code copy_entry(
	struct copy *copy, int from, int to, const char *name, int depth, struct err *err)
{
	struct stat st;
	enum err_code code;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_errno(err, "cannot read \"%s\"", name);
	if (S_ISREG(st.st_mode))
		return copy_file(copy, from, to, name, st.st_mode, err);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_UNSUPPORTED,
			"\"%s\" is neither a file nor a directory (a tablespace?): restore "
			"this "
			"backup by hand",
			name);
	if (depth >= DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "\"%s\" is more than %d levels down", name, DEPTH_MAX);
	if (mkdirat(to, name, st.st_mode & 0777) != 0)
		return err_errno(err, "cannot make \"%s\"", name);
	int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0)
		code = err_errno(err, "cannot open \"%s\"", name);
	else
		code = copy_dir(copy, in, out, depth + 1, err);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return code;
}

static enum err_code copy_dir(struct copy *copy, int from, int to, int depth, struct err *err)
{
	int own = dup(from);
	DIR *dir = own >= 0 ? fdopendir(own) : NULL;
	enum err_code code = ERR_NONE;

	if (dir == NULL) {
		code = err_errno(err, "cannot read a directory");
		if (own >= 0)
			close(own);
		return code;
	}
	for (struct dirent *e; code == ERR_NONE && (e = readdir(dir)) != NULL;)
		if (!is_dots(e->d_name))
			code = copy_entry(copy, from, to, e->d_name, depth, err);
	closedir(dir);
	return code;
}

enum err_code tree_copy(struct call *call, const char *from, const char *to,
	int64_t total_bytes, struct err *err)
{
	struct copy copy = { .call = call, .total_bytes = total_bytes, .shown = mono_now() };
	enum err_code code = ERR_NONE;

	if (mkdir(to, 0700) != 0)
		return err_errno(err, "cannot make \"%s\"", to);
	int in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0 || out < 0)
		code = err_errno(err, "cannot open \"%s\"", in < 0 ? from : to);
	else
		code = copy_dir(&copy, in, out, 0, err);
	if (code == ERR_NONE && syncfs(out) != 0)
		code = err_errno(err, "cannot bring \"%s\" to disk", to);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return code;
}

/* ------------------------------------------------------------------ removing */

static enum err_code remove_dir(struct call *call, int parent, const char *name, dev_t device,
	const char *last, int depth, struct err *err);

static enum err_code remove_entry(
	struct call *call, int dir, const char *name, dev_t device, int depth, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? ERR_NONE
				       : err_errno(err, "cannot look at \"%s\"", name);
	if (S_ISDIR(st.st_mode))
		return remove_dir(call, dir, name, device, NULL, depth + 1, err);
	if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
		return err_errno(err, "cannot remove \"%s\"", name);
	return ERR_NONE;
}

static enum err_code remove_dir(struct call *call, int parent, const char *name, dev_t device,
	const char *last, int depth, struct err *err)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum err_code code = ERR_NONE;
	struct stat st;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? ERR_NONE : err_errno(err, "cannot open \"%s\"", name);
	if (fstat(fd, &st) != 0 || (device != 0 && st.st_dev != device) || depth > DEPTH_MAX) {
		close(fd);
		return err_set(err, ERR_REFUSED,
			"\"%s\" is on another file system or too deep: remove it by hand",
			name);
	}
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return err_errno(err, "cannot read \"%s\"", name);
	}
	for (struct dirent *e; code == ERR_NONE && (e = readdir(dir)) != NULL;) {
		if (is_dots(e->d_name) || str_eq(e->d_name, last))
			continue;
		if (call != NULL)
			code = call_sleep(call, 0, err);
		if (code == ERR_NONE)
			code = remove_entry(call, dirfd(dir), e->d_name, st.st_dev, depth, err);
	}
	if (code == ERR_NONE && last != NULL && unlinkat(dirfd(dir), last, 0) != 0 &&
		errno != ENOENT)
		code = err_errno(err, "cannot remove \"%s\"", last);
	closedir(dir);
	if (code == ERR_NONE && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		code = err_errno(err, "cannot remove \"%s\"", name);
	return code;
}

enum err_code tree_remove(
	struct call *call, const char *path, const char *last, struct err *err)
{
	return remove_dir(call, AT_FDCWD, path, 0, last, 0, err);
}

/* ------------------------------------------------------------------ room, sync */

char *tree_parent(const char *path)
{
	char *dir = xstrdup(path), *slash;

	for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	return dir;
}

enum err_code tree_room(const char *path, int64_t need, struct err *err)
{
	char *dir = tree_parent(path);
	enum err_code code = ERR_NONE;
	struct statvfs fs;

	need += need / 10;
	if (statvfs(dir, &fs) != 0)
		code = err_errno(err, "cannot tell how much room there is in \"%s\"", dir);
	else if ((int64_t)fs.f_bavail * (int64_t)fs.f_frsize < need)
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" needs %" PRId64 " bytes, there are %" PRId64, path, need,
			(int64_t)fs.f_bavail * (int64_t)fs.f_frsize);
	free(dir);
	return code;
}

enum err_code tree_sync_dir(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err_code code = ERR_NONE;

	if (fd < 0 || fsync(fd) != 0)
		code = err_errno(err, "cannot bring \"%s\" to disk", path);
	if (fd >= 0)
		close(fd);
	return code;
}
