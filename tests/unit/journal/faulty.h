/* faulty.h: a SQLite VFS whose disk can fail, fill up, or lose power.
 *
 * It stands between SQLite and the real VFS, keeps for every file what has been synced, counts every operation that
 * changes the disk (write, sync, truncate, delete), and at the chosen one fails it, or "cuts the power": from then on nothing
 * works.  after_cut() then lays out, in another directory, what a real disk might show: synced bytes, plus each
 * unsynced 512-byte sector or not, by lot. */
#ifndef TEST_JOURNAL_FAULTY_H
#define TEST_JOURNAL_FAULTY_H

#include "sample.h"

enum fault { FAULT_NONE, FAULT_IO_ONCE, FAULT_IO, FAULT_FULL_ONCE, FAULT_FULL, FAULT_CUT };
enum { SECTOR = 512, FAULTY_FILES = 8 };

struct faulty_data { /* what the disk knows about one file, by name */
	char name[256];
	bool used;
	unsigned char *synced; /* content after the last sync */
	int64_t synced_bytes;
	unsigned char *now;
	int64_t now_bytes;
	bool deleted; /* and the directory not synced: it may come back */
	bool fresh;   /* made, and the directory not synced */
};

static struct {
	enum fault fault;
	int64_t at;      /* the operation that meets it, from 1; 0 = none */
	int64_t count;   /* operations so far */
	bool cut;
	uint64_t lot;
	struct faulty_data files[FAULTY_FILES];
} disk;

struct faulty_file {
	sqlite3_file base;
	struct faulty_data *data;
	sqlite3_file real[];
};

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct faulty_file *)file)->real;
}

/* SQLITE_OK, or how this operation fails. */
static int meet_fault(void)
{
	if (disk.cut)
		return SQLITE_IOERR;
	disk.count++;
	if (disk.at == 0 || disk.count < disk.at)
		return SQLITE_OK;
	switch (disk.fault) {
	case FAULT_IO_ONCE:
	case FAULT_FULL_ONCE:
		if (disk.count > disk.at)
			return SQLITE_OK;
		return disk.fault == FAULT_IO_ONCE ? SQLITE_IOERR_WRITE : SQLITE_FULL;
	case FAULT_IO:
		return SQLITE_IOERR_WRITE;
	case FAULT_FULL:
		return SQLITE_FULL;
	case FAULT_CUT:
		disk.cut = true;
		return SQLITE_IOERR;
	case FAULT_NONE:
		break;
	}
	return SQLITE_OK;
}

static struct faulty_data *data_for(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	for (size_t i = 0; i < FAULTY_FILES; i++)
		if (disk.files[i].used && strcmp(disk.files[i].name, name) == 0)
			return &disk.files[i];
	for (size_t i = 0; i < FAULTY_FILES; i++)
		if (!disk.files[i].used) {
			disk.files[i].used = true;
			snprintf(disk.files[i].name, sizeof(disk.files[i].name), "%s", name);
			return &disk.files[i];
		}
	fail_msg("more files than expected: %s", name);
	return NULL;
}

static void resize(unsigned char **bytes, int64_t *old, int64_t new)
{
	if (new > *old) {
		*bytes = xrealloc(*bytes, (size_t)new);
		memset(*bytes + *old, 0, (size_t)(new - *old));
	}
	*old = new;
}

static void disk_reset(enum fault fault, int64_t at, uint64_t lot)
{
	for (size_t i = 0; i < FAULTY_FILES; i++) {
		free(disk.files[i].synced);
		free(disk.files[i].now);
	}
	memset(&disk, 0, sizeof(disk));
	disk.fault = fault;
	disk.at = at;
	disk.lot = lot * 2 + 1;
}

/* ------------------------------------------------------------------ file methods */

static int f_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}
static int f_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 at)
{
	return disk.cut ? SQLITE_IOERR : real_of(file)->pMethods->xRead(real_of(file), out, amount, at);
}
static int f_write(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 at)
{
	struct faulty_data *data = ((struct faulty_file *)file)->data;
	const int code = meet_fault();

	/* the write during which the power fails may be on its way as well */
	if (code == SQLITE_OK || disk.fault == FAULT_CUT) {
		if (at + amount > data->now_bytes)
			resize(&data->now, &data->now_bytes, at + amount);
		memcpy(data->now + at, bytes, (size_t)amount);
	}
	return code != SQLITE_OK ? code : real_of(file)->pMethods->xWrite(real_of(file), bytes, amount, at);
}
static int f_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct faulty_data *data = ((struct faulty_file *)file)->data;
	const int code = meet_fault();

	if (code != SQLITE_OK)
		return code;
	resize(&data->now, &data->now_bytes, size);
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}
/* The real VFS syncs the directory with the first sync of a log or journal it has made (os_unix.c, UNIXFILE_DIRSYNC). */
static void sync_directory(void)
{
	for (size_t i = 0; i < FAULTY_FILES; i++)
		if (disk.files[i].deleted)
			disk.files[i].synced_bytes = 0;
}
static int f_sync(sqlite3_file *file, int flags)
{
	struct faulty_data *data = ((struct faulty_file *)file)->data;
	const int code = meet_fault();

	(void)flags; /* the real disk is not asked: it only slows the test */
	if (code != SQLITE_OK)
		return code == SQLITE_IOERR_WRITE ? SQLITE_IOERR_FSYNC : code;
	data->synced = xrealloc(data->synced, (size_t)data->now_bytes + 1);
	if (data->now_bytes > 0)
		memcpy(data->synced, data->now, (size_t)data->now_bytes);
	data->synced_bytes = data->now_bytes;
	if (data->fresh)
		sync_directory();
	data->fresh = false;
	return SQLITE_OK;
}
static int f_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return disk.cut ? SQLITE_IOERR : real_of(file)->pMethods->xFileSize(real_of(file), size);
}
static int f_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}
static int f_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}
static int f_check(sqlite3_file *file, int *out)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}
static int f_control(sqlite3_file *file, int op, void *arg)
{
	if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_NOTFOUND; /* nothing may grow behind our back */
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}
static int f_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}
static int f_device(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}
static int f_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}
static int f_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), at, n, flags);
}
static void f_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}
static int f_shm_unmap(sqlite3_file *file, int delete)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static const sqlite3_io_methods faulty_methods = {
	.iVersion = 2, /* no memory-mapped reading: all content goes through xRead and xWrite */
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_unlock,
	.xCheckReservedLock = f_check,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_device,
	.xShmMap = f_shm_map,
	.xShmLock = f_shm_lock,
	.xShmBarrier = f_shm_barrier,
	.xShmUnmap = f_shm_unmap,
};

/* ------------------------------------------------------------------ the VFS */

static sqlite3_vfs *real_vfs, faulty_vfs;

static int v_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
	struct faulty_file *ours = (struct faulty_file *)file;
	const bool there = access(path, F_OK) == 0;
	const int code = real_vfs->xOpen(real_vfs, path, ours->real, flags, out);

	(void)vfs;
	file->pMethods = NULL;
	if (code != SQLITE_OK)
		return code;
	ours->data = data_for(path);
	if ((flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0 && !there)
		ours->data->fresh = true;
	ours->data->deleted = ours->data->deleted && there;
	file->pMethods = &faulty_methods;
	return SQLITE_OK;
}
static int v_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	struct faulty_data *data = data_for(path);
	const int code = meet_fault();

	(void)vfs;
	if (code != SQLITE_OK)
		return code;
	resize(&data->now, &data->now_bytes, 0);
	if (sync)
		data->synced_bytes = 0;
	data->deleted = true;
	return real_vfs->xDelete(real_vfs, path, 0);
}
static int v_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	(void)vfs;
	return real_vfs->xAccess(real_vfs, path, flags, out);
}

static void faulty_install(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	faulty_vfs = *real_vfs;
	faulty_vfs.pNext = NULL;
	faulty_vfs.zName = "faulty";
	faulty_vfs.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
	faulty_vfs.xOpen = v_open;
	faulty_vfs.xDelete = v_delete;
	faulty_vfs.xAccess = v_access;
	assert_int_equal(sqlite3_vfs_register(&faulty_vfs, 1), SQLITE_OK);
}
static void faulty_remove(void)
{
	sqlite3_vfs_unregister(&faulty_vfs);
	assert_int_equal(sqlite3_vfs_register(real_vfs, 1), SQLITE_OK);
	disk_reset(FAULT_NONE, 0, 0);
}

/* ------------------------------------------------------------------ after the power came back */

static bool by_lot(void)
{
	disk.lot = disk.lot * 6364136223846793005ULL + 1442695040888963407ULL;
	return (disk.lot >> 40 & 1) != 0;
}

static UNUSED void write_sparse(const char *path, const unsigned char *bytes, int64_t size)
{
	static const unsigned char none[SECTOR];
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	for (int64_t at = 0; at < size; at += SECTOR) {
		const int64_t n = size - at < SECTOR ? size - at : SECTOR;
		if (memcmp(bytes + at, none, (size_t)n) != 0)
			assert_int_equal(pwrite(fd, bytes + at, (size_t)n, at), n);
	}
	close(fd);
}

/* What one file holds after the cut. */
static UNUSED void lay_out(struct faulty_data *file, const char *dir)
{
	char *path = path_join(dir, file->name);
	const int64_t longest = file->now_bytes > file->synced_bytes ? file->now_bytes : file->synced_bytes;
	unsigned char *bytes = xmalloc((size_t)longest + SECTOR);
	int64_t size = by_lot() ? file->now_bytes : file->synced_bytes;

	if (file->synced_bytes > 0)
		memcpy(bytes, file->synced, (size_t)file->synced_bytes);
	for (int64_t at = 0; at < file->now_bytes; at += SECTOR) {
		const int64_t n = file->now_bytes - at < SECTOR ? file->now_bytes - at : SECTOR;
		const bool same = at + n <= file->synced_bytes && memcmp(bytes + at, file->now + at, (size_t)n) == 0;
		if (same || !by_lot())
			continue;
		memcpy(bytes + at, file->now + at, (size_t)n);
		if (size < at + n)
			size = at + n; /* a sector that arrived lies within the file */
	}
	if (!(file->deleted && size == 0 && by_lot()))
		write_sparse(path, bytes, size);
	free(bytes);
	free(path);
}

static UNUSED void after_cut(const char *dir)
{
	for (size_t i = 0; i < FAULTY_FILES; i++)
		if (disk.files[i].used && !str_ends(disk.files[i].name, "-shm"))
			lay_out(&disk.files[i], dir);
}

#endif
