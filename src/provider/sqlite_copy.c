/* sqlite_copy.c: whole databases: the online copy, files that appear complete or not at all. */
#include "sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGES_PER_STEP = 512, RETRY_MS = 20, CHUNK = 1 << 18 };

enum err_code lite_copy(const struct lite *from, const struct lite *to, struct err *err)
{
	sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
	enum err_code code = ERR_NONE;
	int status;

	if (backup == NULL)
		return lite_failed(to, err);
	while ((status = sqlite3_backup_step(backup, PAGES_PER_STEP)) != SQLITE_DONE) {
		int all = sqlite3_backup_pagecount(backup),
		    left = sqlite3_backup_remaining(backup);
		if (status != SQLITE_OK && status != SQLITE_BUSY && status != SQLITE_LOCKED)
			break;
		if (all > 0)
			call_progress(to->call, (int)((int64_t)(all - left) * 1000 / all),
				"%d of %d pages", all - left, all);
		code = call_sleep(to->call, status == SQLITE_OK ? 0 : RETRY_MS, err);
		if (code != ERR_NONE)
			break;
	}
	/* rolls the target back unless everything was copied */
	int finished = sqlite3_backup_finish(backup);
	if (code != ERR_NONE) {
		err->world = WORLD_UNCHANGED;
		return code;
	}
	if (status != SQLITE_DONE || finished != SQLITE_OK) {
		err_set(err,
			(status & 0xff) == SQLITE_READONLY ? ERR_PRECONDITION : ERR_REFUSED,
			"cannot copy \"%s\" to \"%s\": %s", from->path, to->path,
			sqlite3_errstr(status != SQLITE_DONE ? status : finished));
		err->world = WORLD_UNCHANGED;
		return err->code;
	}
	return ERR_NONE;
}

static enum err_code sync_path(const char *path, int flags, struct err *err)
{
	int fd = open(path, flags | O_CLOEXEC);
	enum err_code code = ERR_NONE;

	if (fd < 0 || fsync(fd) != 0)
		code = err_errno(err, "cannot sync \"%s\"", path);
	if (fd >= 0)
		close(fd);
	return code;
}

enum err_code part_make(struct call *call, const char *from, int from_flags, const char *to,
	char **part, struct err *err)
{
	struct lite source, target;

	*part = xasprintf("%s.part", to);
	/* what an attempt that was cut off has left; nobody else makes files of that name */
	if (unlink(*part) != 0 && errno != ENOENT)
		return err_errno(err, "cannot remove \"%s\"", *part);
	TRY(lite_open(&source, call, from, from_flags, err));
	enum err_code code = lite_open(&target, call, *part, LITE_CREATE, err);
	if (code == ERR_NONE) {
		code = lite_copy(&source, &target, err);
		lite_close(&target);
	}
	lite_close(&source);
	return code;
}

enum err_code part_place(const char *part, const char *to, struct err *err)
{
	char *dir = xstrdup(to), *slash = strrchr(dir, '/');
	enum err_code code = sync_path(part, O_RDONLY, err);

	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	if (code == ERR_NONE && renameat2(AT_FDCWD, part, AT_FDCWD, to, RENAME_NOREPLACE) != 0)
		code = errno == EEXIST
			       ? err_set(err, ERR_CONFLICT, "\"%s\" is there already", to)
			       : err_errno(err, "cannot rename to \"%s\"", to);
	if (code == ERR_NONE)
		code = sync_path(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY, err);
	free(dir);
	return code;
}

enum err_code lite_integrity(
	const struct lite *lite, bool *good, char *said, size_t size, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	enum err_code code = ERR_NONE;
	size_t len = 0;
	int status;

	said[0] = '\0';
	if (sqlite3_prepare_v2(lite->db, "pragma integrity_check(5)", -1, &stmt, NULL) !=
		SQLITE_OK)
		return lite_failed(lite, err);
	while ((status = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);
		int n = snprintf(said + len, size - len, "%s%s", len > 0 ? "; " : "",
			text != NULL ? text : "");
		len += n > 0 && (size_t)n < size - len ? (size_t)n : 0;
	}
	if (status != SQLITE_DONE)
		code = lite_failed(lite, err);
	sqlite3_finalize(stmt);
	*good = str_eq(said, "ok");
	/* a page that cannot be read at all is a finding, too */
	if (code == ERR_REFUSED) {
		snprintf(said, size, "%.200s", err->text);
		code = ERR_NONE;
	}
	return code;
}

enum err_code file_digest(struct call *call, const char *path, json_t *into, struct err *err)
{
	char hex[SHA256_HEX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err_code code = ERR_NONE;
	int64_t bytes = 0;
	ssize_t n;

	if (fd < 0)
		return err_errno(err, "cannot read \"%s\"", path);
	char *chunk = xmalloc(CHUNK);
	struct sha256_stream *stream = sha256_new();
	while (code == ERR_NONE && (n = read(fd, chunk, CHUNK)) != 0) {
		if (n < 0 && errno != EINTR)
			code = err_errno(err, "cannot read \"%s\"", path);
		if (n > 0) {
			sha256_add(stream, chunk, (size_t)n);
			bytes += n;
			code = call_sleep(call, 0, err);
		}
	}
	json_put_str(into, "sha256", sha256_hex(sha256_end(stream), hex));
	json_put_int(into, "bytes", bytes);
	free(chunk);
	close(fd);
	return code;
}
