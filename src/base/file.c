/* file.c: whole files, replaced safely, and the places where our own files are. */
#include "drillbook/base.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code write_all(int fd, const void *data, size_t len, struct err *err)
{
	const char *at = data;

	while (len > 0) {
		const ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "cannot write");
		at += n;
		len -= (size_t)n;
	}
	return ERR_NONE;
}

enum err_code file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	enum err_code code = ERR_NONE;
	char chunk[16384];

	buf_init(out, max_bytes);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		const int why = errno;
		code = err_errno(err, "cannot open \"%s\"", path);
		if (why == ENOENT && err != NULL)
			err->code = ERR_NOT_FOUND;
		return why == ENOENT ? ERR_NOT_FOUND : code;
	}
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		code = err_set(err, ERR_USAGE, "\"%s\" is not a regular file", path);
		goto out;
	}
	code = buf_add(out, "", 0, err);
	while (code == ERR_NONE) {
		const ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			code = err_errno(err, "cannot read \"%s\"", path);
			break;
		}
		code = buf_add(out, chunk, (size_t)n, err);
		if (code != ERR_NONE)
			err_context(err, "\"%s\"", path);
	}
out:
	close(fd);
	if (code != ERR_NONE)
		buf_release(out);
	return code;
}

static enum err_code sync_parent(const char *path, struct err *err)
{
	char *copy = xstrdup(path);
	char *slash = strrchr(copy, '/');
	const char *dir = ".";

	if (slash == copy)
		dir = "/";
	else if (slash != NULL) {
		*slash = '\0';
		dir = copy;
	}
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool ok = fd >= 0 && fsync(fd) == 0;
	enum err_code code = ok ? ERR_NONE : err_errno(err, "cannot sync \"%s\"", dir);
	if (fd >= 0)
		close(fd);
	free(copy);
	return code;
}

enum err_code file_replace(const char *path, const void *data, size_t len, mode_t mode,
	struct err *err)
{
	char *beside = xasprintf("%s.new.%d", path, (int)getpid());
	enum err_code code;
	const int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0) {
		code = err_errno(err, "cannot create \"%s\"", beside);
		free(beside);
		return code;
	}
	code = write_all(fd, data, len, err);
	if (code == ERR_NONE && fsync(fd) != 0)
		code = err_errno(err, "cannot sync \"%s\"", beside);
	close(fd);
	if (code == ERR_NONE && rename(beside, path) != 0)
		code = err_errno(err, "cannot rename to \"%s\"", path);
	if (code == ERR_NONE)
		code = sync_parent(path, err);
	else
		unlink(beside);
	free(beside);
	return code;
}

enum err_code dir_make(const char *path, mode_t mode, struct err *err)
{
	enum err_code code = ERR_NONE;

	if (path[0] == '\0')
		return err_set(err, ERR_USAGE, "a directory without a name");
	char *copy = xstrdup(path);
	for (char *at = copy + 1;; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		const char end = *at;
		*at = '\0';
		if (mkdir(copy, mode) != 0 && errno != EEXIST) {
			code = err_errno(err, "cannot create directory \"%s\"", copy);
			break;
		}
		*at = end;
		if (end == '\0')
			break;
	}
	struct stat st;
	if (code == ERR_NONE && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
		code = err_set(err, ERR_SYSTEM, "\"%s\" is not a directory", path);
	free(copy);
	return code;
}

bool path_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

char *path_join(const char *a, const char *b)
{
	if (b[0] == '/' || a == NULL || a[0] == '\0')
		return xstrdup(b);
	return xasprintf("%s%s%s", a, str_ends(a, "/") ? "" : "/", b);
}

static char *home(void)
{
	const char *dir = getenv("HOME");

	if (dir == NULL || dir[0] != '/') {
		const struct passwd *user = getpwuid(getuid());
		dir = user != NULL ? user->pw_dir : "/";
	}
	return xstrdup(dir);
}

static char *xdg(const char *own, const char *variable, const char *under_home)
{
	const char *dir = getenv(own);

	if (dir != NULL && dir[0] != '\0') {
		char *cwd = dir[0] == '/' ? NULL : getcwd(NULL, 0);
		char *path = path_join(cwd, dir);
		free(cwd);
		return path;
	}
	dir = getenv(variable);
	if (dir != NULL && dir[0] == '/')
		return path_join(dir, "drillbook");
	char *base = home();
	char *path = xasprintf("%s/%s/drillbook", base, under_home);
	free(base);
	return path;
}

char *dir_data(void)
{
	return xdg("DRILLBOOK_DATA", "XDG_DATA_HOME", ".local/share");
}

char *dir_config(void)
{
	return xdg("DRILLBOOK_CONFIG", "XDG_CONFIG_HOME", ".config");
}

char *dir_executable(void)
{
	char path[4096];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return xstrdup("/usr/bin");
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	if (slash != NULL && slash != path)
		*slash = '\0';
	return xstrdup(path);
}

/* Both trees have the same shape: <prefix>/bin/drillbook, <prefix>/libexec/drillbook/worker,
 * <prefix>/share/drillbook; the tests' programs stand in <build>/tests. */
static char *beside(const char *middle, const char *name)
{
	char *dir = dir_executable();
	char *up = str_ends(dir, "/libexec/drillbook") ? xasprintf("%s/../..", dir)
						       : xasprintf("%s/..", dir);
	char *raw = xasprintf("%s/%s/%s", up, middle, name);
	char *path = realpath(raw, NULL);

	if (path == NULL)
		path = xstrdup(raw);
	free(dir);
	free(up);
	free(raw);
	return path;
}

char *path_libexec(const char *name)
{
	const char *dir = getenv("DRILLBOOK_LIBEXEC");

	return dir != NULL && dir[0] == '/' ? path_join(dir, name) : beside("libexec/drillbook", name);
}

char *path_share(const char *name)
{
	return beside("share/drillbook", name);
}
