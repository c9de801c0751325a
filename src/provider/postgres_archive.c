/* postgres_archive.c: the archive of WAL files: how far it reaches behind a backup without a
 * gap, and backup.archive, which brings the WAL under way into it.
 *
 * A WAL file's name is its timeline, and its number in two halves, of 8 hexadecimal digits
 * each. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_backup.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MAX = 4 << 20, NAME_DIGITS = 24, POLL_MS = 50 };

struct wal_file {
	uint32_t timeline;
	uint64_t high, low;
	char *name;
};

struct wal_archive {
	char *dir;
	struct wal_file *files; /* by number, then timeline */
	size_t count;
};

/* ------------------------------------------------------------------ reading the directory */

/* Compressed ones have an ending; backup history and partial files are not to be replayed. */
static bool parse_name(const char *name, struct wal_file *out)
{
	char part[9] = "";
	uint64_t numbers[3];

	for (size_t i = 0; i < NAME_DIGITS; i++)
		if (!isxdigit((unsigned char)name[i]))
			return false;
	if (name[NAME_DIGITS] != '\0' && name[NAME_DIGITS] != '.')
		return false;
	if (str_ends(name, ".backup") || str_ends(name, ".partial"))
		return false;
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		memcpy(part, name + 8 * i, 8);
		numbers[i] = strtoull(part, NULL, 16);
	}
	*out = (struct wal_file){
		.timeline = (uint32_t)numbers[0], .high = numbers[1], .low = numbers[2]
	};
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct wal_file *x = a, *y = b;

	if (x->high != y->high)
		return x->high < y->high ? -1 : 1;
	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	return x->timeline < y->timeline ? -1 : x->timeline > y->timeline;
}

enum err_code archive_open(struct call *call, struct wal_archive **out, struct err *err)
{
	const char *path = setting_string(call, "wal_archive");
	size_t room = 0;

	*out = NULL;
	if (path == NULL)
		return ERR_NONE;
	DIR *dir = opendir(path);
	if (dir == NULL)
		return err_errno(err, "cannot read the WAL archive \"%s\"", path);
	struct wal_archive *archive = xmalloc(sizeof(*archive));
	archive->dir = xstrdup(path);
	for (struct dirent *e; (e = readdir(dir)) != NULL && archive->count < FILES_MAX;) {
		struct wal_file file;
		if (!parse_name(e->d_name, &file))
			continue;
		if (archive->count == room) {
			room = room == 0 ? 256 : 2 * room;
			archive->files =
				xrealloc(archive->files, room * sizeof(*archive->files));
		}
		file.name = xstrdup(e->d_name);
		archive->files[archive->count++] = file;
	}
	closedir(dir);
	if (archive->count > 0)
		qsort(archive->files, archive->count, sizeof(*archive->files), by_number);
	*out = archive;
	return ERR_NONE;
}

void archive_close(struct wal_archive *archive)
{
	if (archive == NULL)
		return;
	for (size_t i = 0; i < archive->count; i++)
		free(archive->files[i].name);
	free(archive->files);
	free(archive->dir);
	free(archive);
}

/* ------------------------------------------------------------------ how far it reaches */

void archive_describe(const struct wal_archive *archive, int64_t segment_bytes, json_t *point)
{
	const uint64_t bytes = segment_bytes > 0 ? (uint64_t)segment_bytes : 16 << 20;
	const uint64_t per_half = (UINT64_C(1) << 32) / bytes;
	int64_t timeline = json_int(point, "timeline", 0);
	const struct wal_file *last = NULL;
	uint64_t lsn = 0, next;
	char text[32], *path;
	struct stat st;

	if (archive == NULL || !lsn_parse(json_str(point, "end_lsn", NULL), &lsn))
		return;
	next = lsn / bytes;
	for (size_t i = 0; i < archive->count; i++) {
		const struct wal_file *file = &archive->files[i];
		const uint64_t number = file->high * per_half + file->low;

		if (number < lsn / bytes || file->timeline < timeline)
			continue;
		if (number > next) {
			snprintf(text, sizeof(text), "%08" PRIX64 "%08" PRIX64 "%08" PRIX64,
				(uint64_t)timeline, next / per_half, next % per_half);
			json_put_str(point, "wal_missing", text);
			break;
		}
		if (number < next) /* the same again, on another timeline */
			continue;
		last = file;
		next++;
	}
	json_put_str(
		point, "wal_until_lsn", lsn_format(last != NULL ? next * bytes : lsn, text));
	if (last == NULL)
		return;
	path = path_join(archive->dir, last->name);
	if (stat(path, &st) == 0)
		json_put_int(point, "wal_archived_ms",
			(int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000);
	free(path);
}

/* ------------------------------------------------------------------ backup.archive */

/* Whether that WAL file is in the archive.  The archiver's "last" is no answer: it may be the
 * history file of a backup that came later in its turn.  A file has .ready until it is archived
 * and .done until it is recycled; one that is behind and has neither was archived long ago. */
static enum err_code is_archived(
	struct pg *pg, const char *file, json_t *into, bool *archived, struct err *err)
{
	static const char sql[] =
		"select exists (select from pg_ls_archive_statusdir() where name = $1 || "
		"'.ready')"
		" as ready, exists (select from pg_ls_archive_statusdir() where name = $1 ||"
		" '.done') as done,"
		" substr($1, 9) < substr(pg_walfile_name(pg_current_wal_insert_lsn()), 9)"
		" as behind, failed_count as failed, last_failed_wal as failed_file"
		" from pg_stat_archiver";
	const char *const values[] = { file };

	TRY(pg_row(pg, sql, 1, values, into, err));
	*archived = json_flag(into, "done", false) ||
		    (!json_flag(into, "ready", true) && json_flag(into, "behind", false));
	return ERR_NONE;
}

PREPARE(postgres_archive_prepare)
{
	static const char sql[] = "select pg_is_in_recovery() as in_recovery, "
				  "current_setting('archive_mode') as mode";
	/* A file that holds nothing but its header (40 bytes) is not closed by a switch: then
	 * the one before is the newest, and the name of where it ends is its own. */
	static const char newest[] =
		"select case when (pg_walfile_name_offset(at)).file_offset <= 40"
		" then pg_walfile_name(pg_current_wal_lsn()) else pg_walfile_name(at) end as "
		"file"
		" from pg_current_wal_insert_lsn() as at";
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = pg_row(&pg, sql, 0, NULL, before, err);
	if (code == ERR_NONE && !json_flag(before, "in_recovery", false))
		code = pg_row(&pg, newest, 0, NULL, before, err);
	pg_close(&pg);
	TRY(code);
	if (json_flag(before, "in_recovery", false))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a standby: it archives nothing", call_target(call));
	if (str_eq(json_str(before, "mode", "off"), "off"))
		return err_set(err, ERR_PRECONDITION, "\"%s\": archive_mode is off",
			call_target(call));
	return ERR_NONE;
}

static enum err_code wait_archived(struct pg *pg, const char *file, struct err *err)
{
	int64_t failed = -1;
	json_t *row = json_object();
	bool archived = false;
	enum err_code code = ERR_NONE;

	while (code == ERR_NONE) {
		code = is_archived(pg, file, row, &archived, err);
		if (code != ERR_NONE || archived)
			break;
		if (failed >= 0 && json_int(row, "failed", 0) > failed)
			call_log(pg->call, "archiving %s failed, it is tried again",
				json_str(row, "failed_file", "?"));
		failed = json_int(row, "failed", 0);
		call_progress(pg->call, -1, "waiting for %s", file);
		code = call_sleep(pg->call, POLL_MS, err);
		if (code != ERR_NONE)
			err_context(err, "%s is not in the archive (%" PRId64 " failures)",
				file, failed);
	}
	json_decref(row);
	return code;
}

RUN(postgres_archive)
{
	struct mono start = mono_now();
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = pg_row(&pg,
		"select lsn::text as lsn, pg_walfile_name(lsn) as file from pg_switch_wal() as "
		"lsn",
		0, NULL, result, err);
	if (code == ERR_NONE) {
		code = wait_archived(&pg, json_str(result, "file", ""), err);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	pg_close(&pg);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return code;
}

VERIFY(postgres_archive_verify)
{
	bool archived = false;
	struct pg pg;

	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = is_archived(
		&pg, json_str(call_before(call), "file", ""), evidence, &archived, err);
	pg_close(&pg);
	pg_name_unknown(evidence);
	*verdict = archived ? VERDICT_DONE : VERDICT_NOT_DONE;
	return code;
}
#endif
