/* tree.c: see tree.h.  Everything is opened relative to its directory and nothing is followed, so
 * a name that becomes a link meanwhile leads nowhere. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DEPTH_MAX = 512,
	CHUNK = 256 << 10,
	PATH_BYTES_MAX = 64 << 10,
	REPORT_MS = 500, /* between two lines of progress */
	LINK_MAX_BYTES = 8192,
};

/* One walk over a tree. */
struct walk {
	struct call *call;
	struct sha256_stream *digest;
	struct tree_sum *sum;
	struct buf path; /* of the entry it is at, relative to the root */
	char *chunk;
	struct mono reported;
};

/* ------------------------------------------------------------------ small things */

/* The deadline and a stop, without waiting; a removal after a failure has neither. */
static enum err_code look_up(struct call *call, struct err *err)
{
	return call != NULL ? call_sleep(call, 0, err) : ERR_NONE;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **list;
	size_t count, room;
};

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

/* The names of a directory, sorted; closes fd. */
static enum err_code read_names(int fd, struct names *names, struct err *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	*names = (struct names){ 0 };
	if (dir == NULL) {
		close(fd);
		return err_errno(err, "cannot list");
	}
	while ((errno = 0, entry = readdir(dir)) != NULL) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (names->count == names->room) {
			names->room = names->room > 0 ? names->room * 2 : 64;
			names->list =
				xrealloc(names->list, names->room * sizeof(*names->list));
		}
		names->list[names->count++] = xstrdup(entry->d_name);
	}
	const int why = errno;
	closedir(dir);
	errno = why;
	if (why != 0)
		return err_errno(err, "cannot list");
	if (names->count > 0)
		qsort(names->list, names->count, sizeof(*names->list), by_bytes);
	return ERR_NONE;
}

/* A root may be a link to a directory; what is below is not followed. */
static enum err_code open_root(const char *root, int *fd, struct err *err)
{
	*fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0)
		return ERR_NONE;
	if (errno == ENOENT || errno == ENOTDIR)
		return err_set(err, ERR_NOT_FOUND, "there is no directory \"%s\"", root);
	return err_errno(err, "cannot open \"%s\"", root);
}

/* ------------------------------------------------------------------ the digest */

/* What was read counts, not what the size was before.  (NONBLOCK: it may have become a fifo.) */
static enum err_code read_file(struct walk *w, int dir, const char *name, struct err *err)
{
	const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct sha256_stream *stream;
	char head[128], hex[SHA256_HEX];
	int64_t size = 0;
	ssize_t n;
	enum err_code code = ERR_NONE;

	if (fd < 0)
		return err_errno(err, "cannot read \"%s\"", w->path.data);
	stream = sha256_new();
	while ((n = read(fd, w->chunk, CHUNK)) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0)
			sha256_add(stream, w->chunk, (size_t)n);
		size += n > 0 ? n : 0;
		if ((code = look_up(w->call, err)) != ERR_NONE)
			break;
	}
	if (n < 0 && code == ERR_NONE)
		code = err_errno(err, "cannot read \"%s\"", w->path.data);
	close(fd);
	sha256_hex(sha256_end(stream), hex);
	const int len = snprintf(head, sizeof(head), "f %" PRId64 " %s ", size, hex);
	sha256_add(w->digest, head, (size_t)len);
	sha256_add(w->digest, w->path.data, w->path.len + 1);
	w->sum->files++;
	w->sum->bytes += size;
	return code;
}

static enum err_code read_link(struct walk *w, int dir, const char *name, struct err *err)
{
	char target[LINK_MAX_BYTES];
	const ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_errno(err, "cannot read the link \"%s\"", w->path.data);
	target[n] = '\0';
	sha256_add(w->digest, "l ", 2);
	sha256_add(w->digest, target, (size_t)n + 1);
	sha256_add(w->digest, w->path.data, w->path.len + 1);
	w->sum->links++;
	return ERR_NONE;
}

static void put_plain(struct walk *w, char type)
{
	const char head[2] = { type, ' ' };

	sha256_add(w->digest, head, sizeof(head));
	sha256_add(w->digest, w->path.data, w->path.len + 1);
}

static void report(struct walk *w)
{
	if (mono_ms_since(w->reported) < REPORT_MS)
		return;
	w->reported = mono_now();
	call_progress(w->call, -1, "%" PRId64 " files, %" PRId64 " MiB read", w->sum->files,
		w->sum->bytes >> 20);
}

static enum err_code walk_dir(struct walk *w, int fd, int depth, struct err *err);

static enum err_code walk_entry(
	struct walk *w, int dir, const char *name, int depth, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_errno(err, "cannot look at \"%s\"", w->path.data);
	report(w);
	TRY(look_up(w->call, err));
	if (S_ISREG(st.st_mode))
		return read_file(w, dir, name, err);
	if (S_ISLNK(st.st_mode))
		return read_link(w, dir, name, err);
	if (S_ISDIR(st.st_mode)) {
		const int fd = openat(
			dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return err_errno(err, "cannot open \"%s\"", w->path.data);
		put_plain(w, 'd');
		w->sum->directories++;
		return walk_dir(w, fd, depth + 1, err);
	}
	if (!S_ISSOCK(st.st_mode))
		put_plain(w, S_ISFIFO(st.st_mode) ? 'p' : S_ISBLK(st.st_mode) ? 'b' : 'c');
	return ERR_NONE;
}

/* Everything in a directory; closes fd. */
static enum err_code walk_dir(struct walk *w, int fd, int depth, struct err *err)
{
	const size_t len = w->path.len;
	struct names names;
	enum err_code code;

	if (depth > DEPTH_MAX) {
		close(fd);
		return err_set(err, ERR_LIMIT, "more than %d directories deep", DEPTH_MAX);
	}
	const int listing = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	code = listing < 0 ? err_errno(err, "cannot list") : read_names(listing, &names, err);
	if (listing < 0)
		names = (struct names){ 0 };
	if (code != ERR_NONE)
		err_context(err, "\"%s\"", w->path.data);
	for (size_t i = 0; code == ERR_NONE && i < names.count; i++) {
		code = buf_addf(&w->path, err, "%s%s",
			len > 0 && w->path.data[len - 1] != '/' ? "/" : "", names.list[i]);
		if (code == ERR_NONE)
			code = walk_entry(w, fd, names.list[i], depth, err);
		w->path.len = len;
		w->path.data[len] = '\0';
	}
	names_release(&names);
	close(fd);
	return code;
}

enum err_code tree_sum(
	struct call *call, const char *root, struct tree_sum *out, struct err *err)
{
	struct walk w = { .call = call, .sum = out, .reported = mono_now() };
	int fd;

	*out = (struct tree_sum){ 0 };
	TRY(open_root(root, &fd, err));
	buf_init(&w.path, PATH_BYTES_MAX);
	w.digest = sha256_new();
	w.chunk = xmalloc(CHUNK);
	enum err_code code = buf_add(&w.path, "", 0, err);
	if (code == ERR_NONE)
		code = walk_dir(&w, fd, 0, err);
	else
		close(fd);
	sha256_hex(sha256_end(w.digest), out->sha256);
	free(w.chunk);
	buf_release(&w.path);
	if (code == ERR_SYSTEM) {
		err_context(err, "in \"%s\"", root);
		code = err->code = ERR_FAILED;
	}
	return code;
}

void tree_put(const struct tree_sum *sum, json_t *into)
{
	json_put_str(into, "tree", sum->sha256);
	json_put_int(into, "files", sum->files);
	json_put_int(into, "directories", sum->directories);
	json_put_int(into, "links", sum->links);
	json_put_int(into, "bytes", sum->bytes);
}

/* ------------------------------------------------------------------ listed elsewhere */

/* Where the path begins in an entry. */
static const char *path_of(const char *entry)
{
	const char *at = entry + 2;

	if (entry[0] == 'l' && (at = strchr(entry, '\1')) != NULL)
		return at + 1;
	for (int blanks = entry[0] == 'f' ? 2 : 0; blanks > 0 && at != NULL; blanks--) {
		at = strchr(at, ' ');
		at = at != NULL ? at + 1 : NULL;
	}
	return at != NULL ? at : "";
}

/* As a walk meets them: "/" before every other byte. */
static int by_path(const void *a, const void *b)
{
	const unsigned char *x = (const unsigned char *)path_of(*(char *const *)a);
	const unsigned char *y = (const unsigned char *)path_of(*(char *const *)b);

	while (*x != '\0' && *x == *y) {
		x++;
		y++;
	}
	const int cx = *x == '/' ? 1 : *x == '\0' ? 0 : *x + 1;
	const int cy = *y == '/' ? 1 : *y == '\0' ? 0 : *y + 1;
	return cx - cy;
}

void tree_sum_entries(char **entries, size_t count, struct tree_sum *out)
{
	struct sha256_stream *digest = sha256_new();

	*out = (struct tree_sum){ 0 };
	if (count > 0)
		qsort(entries, count, sizeof(*entries), by_path);
	for (size_t i = 0; i < count; i++) {
		const char *path = path_of(entries[i]);
		const size_t head = (size_t)(path - entries[i]);

		if (entries[i][0] == 'l') {
			sha256_add(digest, entries[i], head - 1);
			sha256_add(digest, "", 1);
		} else {
			sha256_add(digest, entries[i], head);
		}
		sha256_add(digest, path, strlen(path) + 1);
		out->files += entries[i][0] == 'f';
		out->bytes += entries[i][0] == 'f' ? strtoll(entries[i] + 2, NULL, 10) : 0;
		out->directories += entries[i][0] == 'd';
		out->links += entries[i][0] == 'l';
	}
	sha256_hex(sha256_end(digest), out->sha256);
}

/* ------------------------------------------------------------------ untouched, removed */

static int64_t stamp_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* False as well when something cannot be looked at; closes fd. */
static bool untouched_dir(int fd, int64_t since_ns, int depth)
{
	struct err ignored = { 0 };
	struct names names;
	struct stat st;
	bool good = fstat(fd, &st) == 0 && stamp_ns(&st.st_mtim) <= since_ns && depth < DEPTH_MAX;
	const int listing = good ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

	if (listing < 0 || read_names(listing, &names, &ignored) != ERR_NONE) {
		close(fd);
		return false;
	}
	for (size_t i = 0; good && i < names.count; i++) {
		good = fstatat(fd, names.list[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		       stamp_ns(&st.st_ctim) <= since_ns;
		if (good && S_ISDIR(st.st_mode)) {
			const int child = openat(fd, names.list[i],
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			good = child >= 0 && untouched_dir(child, since_ns, depth + 1);
		}
	}
	names_release(&names);
	close(fd);
	return good;
}

bool tree_untouched(const char *root, struct wall since)
{
	const int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && untouched_dir(fd, since.ns, 0);
}

/* Empties a directory; closes fd. */
static enum err_code empty_dir(struct call *call, int fd, int depth, struct err *err)
{
	struct names names = { 0 };
	const int listing = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	enum err_code code = listing < 0 ? err_errno(err, "cannot list")
			     : depth > DEPTH_MAX ? err_set(err, ERR_LIMIT, "too deep")
						 : read_names(listing, &names, err);

	(void)!fchmod(fd, 0700); /* a directory that was read-only where it came from */
	for (size_t i = 0; code == ERR_NONE && i < names.count; i++) {
		const char *name = names.list[i];

		if ((code = look_up(call, err)) != ERR_NONE)
			break;
		if (unlinkat(fd, name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			code = err_errno(err, "cannot remove \"%s\"", name);
			break;
		}
		(void)!fchmodat(fd, name, 0700, AT_SYMLINK_NOFOLLOW);
		const int child =
			openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		code = child < 0 ? err_errno(err, "cannot open \"%s\"", name)
				 : empty_dir(call, child, depth + 1, err);
		if (code == ERR_NONE && unlinkat(fd, name, AT_REMOVEDIR) != 0)
			code = err_errno(err, "cannot remove \"%s\"", name);
	}
	names_release(&names);
	close(fd);
	return code;
}

enum err_code tree_delete(struct call *call, const char *root, struct err *err)
{
	struct stat st;

	if (lstat(root, &st) != 0)
		return errno == ENOENT ? ERR_NONE : err_errno(err, "\"%s\"", root);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_PRECONDITION, "\"%s\" is no directory", root);
	(void)!chmod(root, 0700);
	const int fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum err_code code = fd < 0 ? err_errno(err, "cannot open \"%s\"", root)
				    : empty_dir(call, fd, 0, err);
	if (code == ERR_NONE && rmdir(root) != 0)
		code = err_errno(err, "cannot remove \"%s\"", root);
	return code == ERR_NONE ? code : err_context(err, "removing \"%s\"", root);
}
