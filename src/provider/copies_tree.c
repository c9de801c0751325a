/* copies_tree.c: files and trees of files: their digest, copying and removing them. */
#include "copies.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 18 };

/* ------------------------------------------------------------------ walking */

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Calls on_file for every regular file and on_dir (may be NULL) for every directory before what
 * is in it, in the order of their names; relative is "" for the top. */
struct walk {
	struct call *call;
	const char *top;
	enum err_code (*on_file)(
		struct walk *w, const char *path, const char *relative, struct err *err);
	enum err_code (*on_dir)(
		struct walk *w, const char *path, const char *relative, struct err *err);
	int64_t files, bytes;
	void *arg;
};

static enum err_code step(struct walk *w, const FTSENT *entry, struct err *err)
{
	const char *relative = entry->fts_path + strlen(w->top);

	while (*relative == '/')
		relative++;
	switch (entry->fts_info) {
	case FTS_D:
		return w->on_dir != NULL ? w->on_dir(w, entry->fts_path, relative, err)
					 : ERR_NONE;
	case FTS_DP:
		return ERR_NONE;
	case FTS_F:
		if (str_eq(relative, COPIES_MARKER))
			return ERR_NONE;
		if (++w->files > COPIES_FILES_MAX)
			return err_set(err, ERR_LIMIT, "\"%s\" has more than %d files", w->top,
				COPIES_FILES_MAX);
		return w->on_file(w, entry->fts_path, relative, err);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		errno = entry->fts_errno;
		return err_errno(err, "cannot read \"%s\"", entry->fts_path);
	default:
		return err_set(err, ERR_UNSUPPORTED, "\"%s\" is neither a file nor a directory",
			entry->fts_path);
	}
}

static enum err_code walk(struct walk *w, struct err *err)
{
	char *top = xstrdup(w->top);
	char *const roots[] = { top, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	enum err_code code =
		fts != NULL ? ERR_NONE : err_errno(err, "cannot read \"%s\"", w->top);
	FTSENT *entry;

	while (code == ERR_NONE && (entry = fts_read(fts)) != NULL)
		code = step(w, entry, err);
	if (fts != NULL)
		fts_close(fts);
	free(top);
	return code;
}

/* ------------------------------------------------------------------ reading */

/* Every byte of a file, to a digest and, when to >= 0, to a descriptor. */
static enum err_code pump(struct walk *w, int from, int to, struct sha256_stream *digest,
	const char *path, struct err *err)
{
	char *chunk = xmalloc(CHUNK);
	enum err_code code = ERR_NONE;
	ssize_t n;

	while (code == ERR_NONE && (n = read(from, chunk, CHUNK)) != 0) {
		if (n < 0) {
			if (errno == EINTR)
				continue;
			code = err_errno(err, "cannot read \"%s\"", path);
			break;
		}
		if (digest != NULL)
			sha256_add(digest, chunk, (size_t)n);
		if (to >= 0)
			code = write_all(to, chunk, (size_t)n, err);
		w->bytes += n;
		if (code == ERR_NONE)
			code = call_sleep(w->call, 0, err); /* a stop, the deadline */
	}
	free(chunk);
	call_progress(w->call, -1, "%" PRId64 " files, %" PRId64 " bytes", w->files, w->bytes);
	return code;
}

static enum err_code sum_file(
	struct walk *w, const char *path, const char *relative, struct err *err)
{
	char hex[SHA256_HEX];
	struct sha256_stream *one;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(err, "cannot open \"%s\"", path);
	one = sha256_new();
	enum err_code code = pump(w, fd, -1, one, path, err);
	close(fd);
	sha256_hex(sha256_end(one), hex);
	/* as sha256sum prints it, so that the sum of a tree can be checked without us */
	sha256_add(w->arg, hex, strlen(hex));
	sha256_add(w->arg, "  ", 2);
	sha256_add(w->arg, relative, strlen(relative));
	sha256_add(w->arg, "\n", 1);
	return code;
}

static enum err_code sum_single(
	struct walk *w, const char *path, const char *relative, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	(void)relative;
	if (fd < 0)
		return err_errno(err, "cannot open \"%s\"", path);
	const enum err_code code = pump(w, fd, -1, w->arg, path, err);
	close(fd);
	return code;
}

enum err_code copies_sum(
	struct call *call, const char *path, struct copies_sum *out, struct err *err)
{
	struct walk w = { .call = call, .top = path, .arg = sha256_new() };
	struct stat st;

	/* the sum of a single file is that of its bytes */
	w.on_file = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? sum_single : sum_file;
	const enum err_code code = walk(&w, err);
	sha256_hex(sha256_end(w.arg), out->sha256);
	out->bytes = w.bytes;
	out->files = w.files;
	if (code != ERR_NONE)
		err->world = WORLD_UNCHANGED;
	return code;
}

/* ------------------------------------------------------------------ copying */

static char *below(const char *top, const char *relative)
{
	return relative[0] != '\0' ? path_join(top, relative) : xstrdup(top);
}

static enum err_code copy_dir(
	struct walk *w, const char *path, const char *relative, struct err *err)
{
	char *to = below(w->arg, relative);
	enum err_code code = ERR_NONE;

	(void)path;
	if (mkdir(to, 0700) != 0)
		code = err_errno(err, "cannot make \"%s\"", to);
	free(to);
	return code;
}

static enum err_code copy_file(
	struct walk *w, const char *path, const char *relative, struct err *err)
{
	char *to = below(w->arg, relative);
	const int in = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum err_code code = ERR_NONE;

	if (in < 0)
		code = err_errno(err, "cannot open \"%s\"", path);
	else if (out < 0)
		code = err_errno(err, "cannot make \"%s\"", to);
	if (code == ERR_NONE)
		code = pump(w, in, out, NULL, path, err);
	if (code == ERR_NONE && fsync(out) != 0)
		code = err_errno(err, "cannot sync \"%s\"", to);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	free(to);
	return code;
}

enum err_code copies_copy(struct call *call, const char *from, const char *to, struct err *err)
{
	struct walk w = { .call = call,
		.top = from,
		.on_file = copy_file,
		.on_dir = copy_dir,
		.arg = (void *)(uintptr_t)to };

	return walk(&w, err);
}

enum err_code copies_remove(const char *path, struct err *err)
{
	char *top = xstrdup(path);
	char *const roots[] = { top, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	enum err_code code = ERR_NONE;
	FTSENT *entry;

	while (fts != NULL && code == ERR_NONE && (entry = fts_read(fts)) != NULL) {
		if (entry->fts_info == FTS_D || entry->fts_info == FTS_NS)
			continue; /* a directory is removed on the way back; nothing there is
				     well */
		if ((entry->fts_info == FTS_DP ? rmdir(entry->fts_accpath)
					       : unlink(entry->fts_accpath)) != 0 &&
			errno != ENOENT)
			code = err_errno(err, "cannot remove \"%s\"", entry->fts_path);
	}
	if (fts != NULL)
		fts_close(fts);
	free(top);
	return code;
}

static enum err_code sync_parent(const char *path, struct err *err)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');
	enum err_code code = ERR_NONE;

	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	const int fd = open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		code = err_errno(err, "cannot sync \"%s\"", dir);
	if (fd >= 0)
		close(fd);
	free(dir);
	return code;
}

enum err_code copies_place(const char *part, const char *to, struct err *err)
{
	if (renameat2(AT_FDCWD, part, AT_FDCWD, to, RENAME_NOREPLACE) != 0)
		return errno == EEXIST
			       ? err_set(err, ERR_CONFLICT, "\"%s\" is there already", to)
			       : err_errno(err, "cannot rename to \"%s\"", to);
	return sync_parent(to, err);
}
