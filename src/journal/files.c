/* files.c: the data directory around the database: the writer's lock, where a journal may
 * stand, the reserve.
 *
 * The lock is a flock on journal.lock, held as long as the process lives; the kernel drops it
 * when the process dies, so it can never be stale.  Should somebody remove the file, two
 * writers could hold two locks: the epoch in the database (J12) is the fence behind the fence.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* File systems on which locks or flushed writes are another machine's promise; numbers from
 * statfs(2) and linux/magic.h.  FUSE stands here because sshfs and friends cannot be told from
 * the honest ones. */
static const struct {
	unsigned long magic;
	const char *name;
} refused[] = {
	{ 0x6969, "NFS" },
	{ 0x517b, "SMB" },
	{ 0xff534d42, "CIFS" },
	{ 0xfe534d42, "SMB2" },
	{ 0x65735546, "FUSE" },
	{ 0x5346414f, "AFS" },
	{ 0x6b414653, "AFS" },
	{ 0x73757245, "Coda" },
	{ 0x564c, "NCP" },
	{ 0x01021997, "9P" },
	{ 0x00c36400, "Ceph" },
	{ 0x0bd00bd0, "Lustre" },
	{ 0x47504653, "GPFS" },
	{ 0x19830326, "BeeGFS" },
	{ 0x7461636f, "OCFS2" },
	{ 0x01161970, "GFS2" },
	{ 0x786f4256, "a VirtualBox share" },
};

enum err_code place_check(const char *dir, struct err *err)
{
	struct statfs fs = { 0 };

	if (journal_tuning.statfs(dir, &fs) != 0) {
		const enum err_code code =
			err_errno(err, "cannot look at the data directory \"%s\"", dir);
		err->code = ERR_JOURNAL;
		return code == ERR_NONE ? code : ERR_JOURNAL;
	}
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		if (((unsigned long)fs.f_type & 0xffffffffUL) == refused[i].magic)
			return err_set(err, ERR_JOURNAL,
				"the data directory \"%s\" is on %s, where neither locks nor "
				"flushed writes can be "
				"relied on; set DRILLBOOK_DATA to a directory on a local disk",
				dir, refused[i].name);
	if (((unsigned long)fs.f_flags & 1UL) != 0) /* ST_RDONLY */
		return err_set(err, ERR_JOURNAL,
			"the data directory \"%s\" is on a file system that is mounted "
			"read-only; set "
			"DRILLBOOK_DATA to one that can be written",
			dir);
	if (access(dir, W_OK | X_OK) != 0)
		return err_set(err, ERR_JOURNAL,
			"the data directory \"%s\" is read-only for uid %ld; check who owns it",
			dir, (long)geteuid());
	return ERR_NONE;
}

static long holder(int fd)
{
	char text[32] = "";
	const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? strtol(text, NULL, 10) : 0;
}

/* True when the path still names the file we locked: it may have been replaced between open and
 * flock. */
static bool same_file(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

static enum err_code lock_try(const char *path, int *out, struct err *err)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	*out = -1;
	if (fd < 0) {
		err_errno(err, "cannot open the lock \"%s\"", path);
		return err->code = ERR_JOURNAL;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		const long pid = holder(fd);
		close(fd);
		return err_set(err, ERR_HELD,
			"another drillbook (process %ld) writes to this journal; its lock is "
			"\"%s\"",
			pid, path);
	}
	if (!same_file(fd, path)) {
		close(fd);
		return ERR_NONE; /* *out is -1: once more */
	}
	*out = fd;
	return ERR_NONE;
}

enum err_code lock_take(const char *dir, int *fd, struct err *err)
{
	char *path = path_join(dir, "journal.lock");
	enum err_code code = ERR_NONE;
	char text[32];

	*fd = -1;
	for (int tries = 0; tries < 8 && *fd < 0 && code == ERR_NONE; tries++)
		code = lock_try(path, fd, err);
	if (code == ERR_NONE && *fd < 0)
		code = err_set(
			err, ERR_HELD, "the lock \"%s\" is replaced again and again", path);
	if (code == ERR_NONE) {
		/* only for the message above; the lock is what counts */
		const int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
		if (ftruncate(*fd, 0) != 0 || pwrite(*fd, text, (size_t)n, 0) != n)
			errno = 0;
	}
	free(path);
	return code;
}

enum err_code dir_sync(const char *dir, struct err *err)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err_code code = ERR_NONE;

	if (fd < 0 || fsync(fd) != 0) {
		err_errno(err, "cannot sync \"%s\"", dir);
		code = err->code = ERR_JOURNAL;
	}
	if (fd >= 0)
		close(fd);
	return code;
}

/* Space that is really allocated, so that giving it back makes room for the last records of a
 * full disk. */
enum err_code reserve_make(const char *dir, struct err *err)
{
	char *path = path_join(dir, "reserve");
	enum err_code code = ERR_NONE;
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		err_errno(err, "cannot create \"%s\"", path);
		code = err->code = ERR_JOURNAL;
		goto out;
	}
	struct stat st;
	if (fstat(fd, &st) == 0 && st.st_size >= journal_tuning.reserve_bytes &&
		st.st_blocks * 512 >= journal_tuning.reserve_bytes)
		goto out;
	const int failed = posix_fallocate(fd, 0, journal_tuning.reserve_bytes);
	if (failed != 0) {
		unlink(path);
		code = err_set(err, ERR_JOURNAL,
			"no room for the journal's reserve of %d MiB in \"%s\": %s; free some "
			"space first",
			(int)(journal_tuning.reserve_bytes / 1024 / 1024), dir, strerror(failed));
	}
out:
	if (fd >= 0)
		close(fd);
	free(path);
	return code;
}

enum err_code journal_release_reserve(struct journal *journal, struct err *err)
{
	char *path = path_join(journal->dir, "reserve");
	enum err_code code = ERR_NONE;

	if (journal->mode != JOURNAL_WRITE)
		code = err_set(err, ERR_FORBIDDEN, "the journal is open for reading only");
	else if (unlink(path) != 0 && errno != ENOENT) {
		err_errno(err, "cannot give back \"%s\"", path);
		code = err->code = ERR_JOURNAL;
	}
	free(path);
	return code;
}
