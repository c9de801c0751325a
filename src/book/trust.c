/* trust.c: which workspaces the operator has read and lets run.
 *
 * A row is "DEVICE INODE PATH".  All three must hold: another directory put in the same place is another
 * workspace.  The list counts only while nobody else can write it. */
#include "workspace.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_MAX_BYTES = 1 << 20 };

struct trusted {
	char *path;  /* canonical */
	char *row;   /* with its newline */
};

static char *list_path(const char *name)
{
	char *dir = dir_config(), *path = path_join(dir, name);

	free(dir);
	return path;
}

/* The workspace at or above dir. */
static enum err_code identify(const char *dir, struct trusted *out, struct err *err)
{
	struct stat st;

	*out = (struct trusted){.path = workspace_find(dir)};
	if (out->path == NULL)
		return err_set(err, ERR_WORKSPACE, "there is no drillbook.yaml in \"%s\" or above it", dir);
	if (stat(out->path, &st) != 0)
		return err_errno(err, "cannot look at \"%s\"", out->path);
	if (strchr(out->path, '\n') != NULL)
		return err_set(err, ERR_UNSUPPORTED, "a directory with a line break in its name");
	out->row = xasprintf("%" PRIu64 " %" PRIu64 " %s\n", (uint64_t)st.st_dev, (uint64_t)st.st_ino,
		out->path);
	return ERR_NONE;
}

static void trusted_release(struct trusted *trusted)
{
	free(trusted->path);
	free(trusted->row);
}

/* An absent list is an empty one. */
static enum err_code read_list(struct buf *out, struct err *err)
{
	char *path = list_path("trusted");
	struct stat st;
	enum err_code code = ERR_NONE;

	buf_init(out, LIST_MAX_BYTES);
	if (lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
			code = err_set(err, ERR_FORBIDDEN,
				"\"%s\" must be a file that only you can write", path);
		else
			code = file_read(path, LIST_MAX_BYTES, out, err);
	}
	free(path);
	return code;
}

/* The line of a row at or after `from`, or NULL. */
static const char *find_row(const struct buf *list, const char *row)
{
	const size_t len = strlen(row);

	for (const char *at = list->data; at != NULL && *at != '\0';) {
		const size_t line = strcspn(at, "\n") + 1;
		if (line == len && strncmp(at, row, len) == 0)
			return at;
		at += at[line - 1] == '\n' ? line : line - 1;
	}
	return NULL;
}

/* Drops every row of that path, whatever device and inode it had. */
static enum err_code without_path(
	const struct buf *list, const char *path, struct buf *out, bool *dropped, struct err *err)
{
	*dropped = false;
	for (const char *at = list->data; at != NULL && *at != '\0';) {
		const size_t len = strcspn(at, "\n");
		const char *first = memchr(at, ' ', len);
		const char *second = first != NULL
			? memchr(first + 1, ' ', len - (size_t)(first + 1 - at)) : NULL;
		const size_t path_len = second != NULL ? len - (size_t)(second + 1 - at) : 0;
		if (second != NULL && path_len == strlen(path) &&
			memcmp(second + 1, path, path_len) == 0)
			*dropped = true;
		else
			TRY(buf_addf(out, err, "%.*s\n", (int)len, at));
		at += len + (at[len] == '\n');
	}
	return ERR_NONE;
}

/* Held while the list is read, changed and replaced. */
static enum err_code lock_list(int *fd, struct err *err)
{
	char *dir = dir_config(), *path = list_path("trusted.lock");
	enum err_code code = dir_make(dir, 0700, err);

	*fd = -1;
	if (code == ERR_NONE) {
		*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
			code = err_errno(err, "cannot lock \"%s\"", path);
	}
	free(dir);
	free(path);
	return code;
}

/* row NULL = only remove. */
static enum err_code change(const char *path, const char *row, struct err *err)
{
	struct buf list = {0}, changed;
	char *file = list_path("trusted");
	bool dropped = false;
	int fd;

	buf_init(&changed, LIST_MAX_BYTES);
	enum err_code code = lock_list(&fd, err);
	if (code == ERR_NONE)
		code = read_list(&list, err);
	if (code == ERR_NONE)
		code = without_path(&list, path, &changed, &dropped, err);
	if (code == ERR_NONE && row == NULL && !dropped)
		code = err_set(err, ERR_NOT_FOUND, "\"%s\" is not trusted", path);
	if (code == ERR_NONE && row != NULL)
		code = buf_add(&changed, row, strlen(row), err);
	if (code == ERR_NONE)
		code = file_replace(file, changed.data != NULL ? changed.data : "", changed.len, 0600, err);
	if (fd >= 0)
		close(fd);
	buf_release(&list);
	buf_release(&changed);
	free(file);
	return code;
}

enum err_code trust_add(const char *dir, struct err *err)
{
	struct trusted trusted;
	enum err_code code = identify(dir, &trusted, err);

	if (code == ERR_NONE)
		code = change(trusted.path, trusted.row, err);
	trusted_release(&trusted);
	return code;
}

enum err_code trust_remove(const char *dir, struct err *err)
{
	struct err ignored = {0};
	struct trusted trusted;
	enum err_code code;

	/* a workspace that is gone is named as it was listed */
	if (identify(dir, &trusted, &ignored) == ERR_NONE)
		code = change(trusted.path, NULL, err);
	else
		code = change(dir, NULL, err);
	trusted_release(&trusted);
	return code;
}

bool trust_holds(const char *dir)
{
	struct trusted trusted;
	struct buf list = {0};
	struct err ignored = {0};
	const bool holds = identify(dir, &trusted, &ignored) == ERR_NONE &&
			   read_list(&list, &ignored) == ERR_NONE &&
			   find_row(&list, trusted.row) != NULL;

	trusted_release(&trusted);
	buf_release(&list);
	return holds;
}
