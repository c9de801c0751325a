/* open.c: a journal's birth, opening and closing. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct journal_tuning journal_tuning = {
	.reserve_bytes = 4 * 1024 * 1024,
	.wal_bytes = 4 * 1024 * 1024,
	.checkpoint_frames = 1000,
	.synchronous = "FULL",
	.statfs = statfs,
	.soon_ns = 2000000,
};

enum { BUSY_MS = 2000 };

static void recursive_mutex(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

static enum err_code connect_to(const char *path, int flags, sqlite3 **out, struct err *err)
{
	const int code = sqlite3_open_v2(
		path, out, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (*out == NULL)
		base_die("out of memory");
	if (code != SQLITE_OK)
		return db_error(*out, err, "open");
	sqlite3_busy_timeout(*out, BUSY_MS);
	return ERR_NONE;
}

/* A file that is none of ours is refused before anything in it is touched.  *fresh: it is
 * empty. */
static enum err_code identity_check(
	struct journal *journal, sqlite3 *db, bool *fresh, struct err *err)
{
	int64_t application = 0, version = 0, tables = 0;

	TRY(db_int(db, "PRAGMA application_id", &application, err));
	TRY(db_int(db, "PRAGMA user_version", &version, err));
	TRY(db_int(db, "SELECT count(*) FROM sqlite_master", &tables, err));
	*fresh = application == 0 && version == 0 && tables == 0;
	if (*fresh)
		return ERR_NONE;
	if (application != APPLICATION_ID)
		return err_set(err, ERR_JOURNAL,
			"\"%s\" is another program's database, not a drillbook journal",
			journal->path);
	if (version > SCHEMA_VERSION)
		return err_set(err, ERR_JOURNAL,
			"the journal \"%s\" was written by a newer drillbook (schema %lld, "
			"this one knows %d); use "
			"that version",
			journal->path, (long long)version, SCHEMA_VERSION);
	if (version < SCHEMA_VERSION)
		return err_set(err, ERR_JOURNAL,
			"the journal \"%s\" has the unknown schema %lld", journal->path,
			(long long)version);
	return ERR_NONE;
}

/* One transaction, so that a death in the middle leaves an empty file, which the next opening
 * takes for fresh. */
static enum err_code create_schema(struct journal *journal, struct err *err)
{
	char stamp[128];
	enum err_code code;

	TRY(db_exec(journal->db, "BEGIN IMMEDIATE", err));
	code = db_exec(journal->db, schema_base, err);
	if (code == ERR_NONE)
		code = db_exec(journal->db, schema_projections, err);
	snprintf(stamp, sizeof(stamp),
		"PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
		SCHEMA_VERSION);
	if (code == ERR_NONE)
		code = db_exec(journal->db, stamp, err);
	if (code != ERR_NONE)
		sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
	return code == ERR_NONE ? dir_sync(journal->dir, err) : code;
}

static enum err_code set_up_writer(struct journal *journal, struct err *err)
{
	char pragma[96];
	bool fresh;

	TRY(identity_check(journal, journal->db, &fresh, err));
	snprintf(pragma, sizeof(pragma), "PRAGMA synchronous = %s; PRAGMA secure_delete = 1",
		journal_tuning.synchronous);
	TRY(db_exec(journal->db, pragma, err));
	TRY(db_exec(journal->db, "PRAGMA journal_mode = WAL", err));
	if (fresh)
		TRY(create_schema(journal, err));
	return db_int(
		journal->db, "SELECT epoch FROM epoch WHERE id = 1", &journal->epoch, err);
}

/* The file is made by us, so that it and the files SQLite makes beside it are 0600 whatever the
 * umask.  One that exists is not touched: closing a second descriptor would drop the POSIX
 * locks of this whole process. */
static enum err_code make_file(const char *path, struct err *err)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST)
		return ERR_NONE;
	if (fd < 0) {
		err_errno(err, "cannot open the journal \"%s\"", path);
		return err->code = ERR_JOURNAL;
	}
	close(fd);
	return ERR_NONE;
}

static enum err_code open_write(struct journal *journal, struct err *err)
{
	const enum err_code made = dir_make(journal->dir, 0700, err);

	if (made != ERR_NONE)
		return err->code = ERR_JOURNAL;
	TRY(place_check(journal->dir, err));
	TRY(lock_take(journal->dir, &journal->lock_fd, err));
	TRY(reserve_make(journal->dir, err));
	TRY(make_file(journal->path, err));
	TRY(connect_to(journal->path, SQLITE_OPEN_READWRITE, &journal->db, err));
	TRY(set_up_writer(journal, err));
	TRY(connect_to(journal->path, SQLITE_OPEN_READONLY, &journal->reader, err));
	wal_watch(journal);
	wal_extend(journal);
	return ERR_NONE;
}

static enum err_code open_read(struct journal *journal, struct err *err)
{
	bool fresh;

	if (!path_exists(journal->path))
		return err_set(
			err, ERR_NOT_FOUND, "there is no journal in \"%s\" yet", journal->dir);
	TRY(connect_to(journal->path, SQLITE_OPEN_READONLY, &journal->reader, err));
	int keep = 1;
	sqlite3_file_control(journal->reader, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	TRY(identity_check(journal, journal->reader, &fresh, err));
	if (fresh)
		return err_set(err, ERR_NOT_FOUND, "the journal in \"%s\" is still empty",
			journal->dir);
	return ERR_NONE;
}

enum err_code journal_open(
	struct journal **out, const char *dir, enum journal_mode mode, struct err *err)
{
	struct journal *journal = xmalloc(sizeof(*journal));
	enum err_code code;

	*journal = (struct journal){ .mode = mode, .lock_fd = -1 };
	journal->dir = xstrdup(dir);
	journal->path = path_join(dir, "journal.db");
	recursive_mutex(&journal->write_lock);
	recursive_mutex(&journal->read_lock);
	code = mode == JOURNAL_WRITE ? open_write(journal, err) : open_read(journal, err);
	if (code != ERR_NONE) {
		journal_close(journal);
		return code;
	}
	*out = journal;
	return ERR_NONE;
}

void journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->in_transaction)
		append_rollback(journal);
	for (size_t i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(journal->statements[i]);
	sqlite3_close(
		journal->reader); /* first: the last connection to close empties the WAL */
	sqlite3_close(journal->db);
	chains_clear(journal);
	people_release(&journal->people);
	people_release(&journal->readers_people);
	if (journal->lock_fd >= 0)
		close(journal->lock_fd);
	pthread_mutex_destroy(&journal->write_lock);
	pthread_mutex_destroy(&journal->read_lock);
	free(journal->dir);
	free(journal->path);
	free(journal);
}

const char *journal_path(const struct journal *journal)
{
	return journal->path;
}
