/* sqlite_backup.c: backup.start, backup.verify, restore.start, restore.validate.
 *
 * A backup appears under its name when it is complete and on disk, or not at all; so does a
 * database restored to a new place.  A restore over an existing database is one transaction in
 * it, after a copy of what was there. The restored database says whose it is:
 * drillbook_restore(one, key, source, at_ms). */
#include "sqlite_db.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------ backup.start */

PREPARE(sqlite_backup_prepare)
{
	const char *to = call_string(call, "to");
	struct lite lite;

	if (path_exists(to))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is there already: a backup overwrites nothing", to);
	TRY(lite_open(&lite, call, setting_string(call, "path"), 0, err));
	lite_close(&lite);
	json_put_flag(before, "existed", false);
	return ERR_NONE;
}

/* As of the data, not the job's end: the heartbeat in the copy, else the time the copy began.
 */
static enum err_code point_of(
	struct call *call, const char *path, struct wall began, json_t *result, struct err *err)
{
	json_t *facts = json_object();
	struct lite lite;

	enum err_code code = lite_open(&lite, call, path, LITE_BACKUP, err);
	if (code == ERR_NONE) {
		code = heartbeat_read(&lite, facts, err);
		lite_close(&lite);
	}
	json_t *at = json_object_get(facts, "heartbeat_at_ms");
	bool known = json_is_integer(at);
	json_put_int(result, "recovery_point_ms",
		known ? json_integer_value(at) : began.ns / 1000000);
	json_put_str(result, "recovery_point_basis",
		known ? "heartbeat row in the copy" : "the time the copy began");
	json_decref(facts);
	return code;
}

RUN(sqlite_backup)
{
	const char *to = call_string(call, "to");
	struct mono start = mono_now();
	struct wall began = wall_now();
	char *part = NULL;

	enum err_code code = part_make(call, setting_string(call, "path"), 0, to, &part, err);
	if (code == ERR_NONE)
		code = file_digest(call, part, result, err);
	if (code == ERR_NONE)
		code = point_of(call, part, began, result, err);
	if (code == ERR_NONE)
		code = part_place(part, to, err);
	if (code != ERR_NONE && part != NULL)
		unlink(part);
	free(part);
	json_put_str(result, "path", to);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return code;
}

VERIFY(sqlite_backup_verify)
{
	const char *to = call_string(call, "to");
	bool there = path_exists(to);

	json_put_flag(evidence, "there", there);
	*verdict = there ? VERDICT_DONE : VERDICT_NOT_DONE;
	if (!there)
		return ERR_NONE;
	json_t *result = json_object();
	json_put_str(result, "path", to);
	enum err_code code = file_digest(call, to, result, err);
	json_put(evidence, "result", result);
	return code;
}

/* ------------------------------------------------------------------ backup.verify,
 * restore.validate */

static enum err_code count_rows(
	const struct lite *lite, const json_t *tables, json_t *result, struct err *err)
{
	json_t *rows = json_object(), *table;
	size_t i;

	json_put(result, "rows", rows);
	json_array_foreach((json_t *)tables, i, table)
	{
		json_t *count = NULL;
		TRY(lite_check_name("tables", json_string_value(table), err));
		char *sql = xasprintf("select count(*) from \"%s\"", json_string_value(table));
		enum err_code code = lite_value(lite, sql, &count, err);
		free(sql);
		if (code != ERR_NONE)
			return code;
		json_put(rows, json_string_value(table), count);
	}
	return ERR_NONE;
}

static enum err_code foreign_keys(const struct lite *lite, const char *path, struct err *err)
{
	json_t *table = NULL;

	TRY(lite_value(lite, "pragma foreign_key_check", &table, err));
	bool good = json_is_null(table);
	if (!good)
		err_set(err, ERR_FAILED,
			"\"%s\": a row of \"%s\" refers to one that is not there", path,
			json_is_string(table) ? json_string_value(table) : "?");
	json_decref(table);
	return good ? ERR_NONE : ERR_FAILED;
}

static enum err_code validate(
	struct call *call, const char *path, int flags, json_t *result, struct err *err)
{
	char said[400] = "";
	bool good = false;
	struct lite lite;

	TRY(lite_open(&lite, call, path, flags, err));
	enum err_code code = lite_integrity(&lite, &good, said, sizeof(said), err);
	json_put_str(result, "integrity", said);
	if (code == ERR_NONE && !good)
		code = err_set(err, ERR_FAILED, "\"%s\" is damaged: %s", path, said);
	if (code == ERR_NONE)
		code = foreign_keys(&lite, path, err);
	if (code == ERR_NONE)
		code = count_rows(&lite, call_json(call, "tables"), result, err);
	if (code == ERR_NONE)
		code = heartbeat_read(&lite, result, err);
	lite_close(&lite);
	json_t *at = json_object_get(result, "heartbeat_at_ms");
	json_put(result, "recovery_point_ms",
		json_is_integer(at) ? json_incref(at) : json_null());
	json_object_del(result, "heartbeat_at_ms");
	json_object_del(result, "heartbeat_age_ms");
	lite_name_unknown(result);
	json_put_flag(result, "ok", code == ERR_NONE);
	return code;
}

RUN(sqlite_backup_check)
{
	const char *from = call_string(call, "from"), *wanted = call_string(call, "sha256");

	if (!path_exists(from))
		return err_set(err, ERR_NOT_FOUND, "there is no backup \"%s\"", from);
	TRY(file_digest(call, from, result, err));
	if (wanted != NULL && !str_eq(wanted, json_str(result, "sha256", "")))
		return err_set(err, ERR_FAILED,
			"\"%s\" is not the file that was made: its SHA-256 is %s", from,
			json_str(result, "sha256", ""));
	enum err_code code = validate(call, from, LITE_BACKUP, result, err);
	/* what cannot even be opened as a database is a damaged backup, not a refusal */
	return code == ERR_REFUSED
		       ? err_set(err, ERR_FAILED, "\"%s\" is damaged: it is no database", from)
		       : code;
}

RUN(sqlite_restore_validate)
{
	const char *path = call_string(call, "path");

	return validate(
		call, path != NULL ? path : setting_string(call, "path"), 0, result, err);
}

/* ------------------------------------------------------------------ restore.start */

static const char *restore_to(const struct call *call)
{
	const char *to = call_string(call, "to");

	return to != NULL ? to : setting_string(call, "path");
}

static enum err_code check_room(const char *from, const char *to, int copies, struct err *err)
{
	char *dir = xstrdup(to), *slash = strrchr(dir, '/');
	struct statvfs fs;
	struct stat st;
	enum err_code code = ERR_NONE;

	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	if (stat(from, &st) != 0 || statvfs(slash != NULL ? dir : ".", &fs) != 0)
		code = err_errno(err, "cannot tell whether \"%s\" has room", to);
	else if ((int64_t)fs.f_bavail * (int64_t)fs.f_frsize < copies * (int64_t)st.st_size)
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" needs %" PRId64 " bytes beside it", to,
			copies * (int64_t)st.st_size);
	free(dir);
	return code;
}

PREPARE(sqlite_restore_prepare)
{
	const char *from = call_string(call, "from"), *to = restore_to(call);
	bool exists = path_exists(to);
	struct lite lite;

	if (!path_exists(from))
		return err_set(err, ERR_NOT_FOUND, "there is no backup \"%s\"", from);
	TRY(lite_open(&lite, call, from, LITE_BACKUP, err));
	lite_close(&lite);
	json_put_flag(before, "exists", exists);
	if (exists && !call_bool(call, "overwrite"))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is there already: restore to a new place, or set "
			"overwrite = true to lose what it has",
			to);
	TRY(check_room(from, to, exists ? 3 : 1, err));
	if (!exists) {
		json_put_str(before, "effect", effect_name(EFFECT_CHANGE));
		json_put_str(before, "effect_reason", "nothing is there yet");
	}
	return ERR_NONE;
}

/* A restored database must not claim the role its backup had: a new one has none that writers
 * accept, one that was there keeps its own. */
static enum err_code sign(
	const struct lite *part, struct call *call, const struct role *role, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	struct role none = { .name = "restored", .epoch = role != NULL ? role->epoch : 0 };

	if (lite_has_table(part, "drillbook_role"))
		TRY(role_put(part, role != NULL && role->name[0] != '\0' ? role : &none, err));
	TRY(lite_exec(part,
		"create table if not exists drillbook_restore(one integer primary key check "
		"(one = 1),"
		" key text not null, source text not null, at_ms integer not null)",
		err));
	if (sqlite3_prepare_v2(part->db,
		    "insert or replace into drillbook_restore values (1, ?1, ?2, ?3)", -1,
		    &stmt, NULL) != SQLITE_OK)
		return lite_failed(part, err);
	sqlite3_bind_text(stmt, 1, call_key(call), -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(stmt, 2, call_string(call, "from"), -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(stmt, 3, wall_now().ns / 1000000);
	enum err_code code =
		sqlite3_step(stmt) == SQLITE_DONE ? ERR_NONE : lite_failed(part, err);
	sqlite3_finalize(stmt);
	return code;
}

static enum err_code finish_part(
	struct call *call, const char *path, const struct role *role, struct err *err)
{
	char said[400];
	bool good = false;
	struct lite part;

	TRY(lite_open(&part, call, path, LITE_CREATE, err));
	enum err_code code = lite_integrity(&part, &good, said, sizeof(said), err);
	if (code == ERR_NONE && !good)
		code = err_set(err, ERR_FAILED, "the backup is damaged: %s", said);
	if (code == ERR_NONE)
		code = sign(&part, call, role, err);
	lite_close(&part);
	return code;
}

/* What was there is kept beside it, complete, before anything changes. */
static enum err_code keep_old(
	struct call *call, const char *to, json_t *result, struct err *err)
{
	char *kept = xasprintf("%s.replaced-%" PRId64, to, wall_now().ns / 1000000),
	     *part = NULL;

	enum err_code code = part_make(call, to, 0, kept, &part, err);
	if (code == ERR_NONE)
		code = part_place(part, kept, err);
	if (code == ERR_NONE)
		json_put_str(result, "kept", kept);
	else if (part != NULL)
		unlink(part);
	free(part);
	free(kept);
	return code;
}

static enum err_code overwrite(
	struct call *call, const char *part, const char *to, struct err *err)
{
	struct lite source, target;

	TRY(lite_open(&source, call, part, 0, err));
	enum err_code code = lite_open(&target, call, to, LITE_WRITE, err);
	if (code == ERR_NONE) {
		code = lite_copy(&source, &target, err);
		lite_close(&target);
	}
	lite_close(&source);
	return code;
}

RUN(sqlite_restore)
{
	const char *to = restore_to(call);
	bool exists = json_flag(call_before(call), "exists", path_exists(to));
	struct role role = { .epoch = 0 };
	struct mono start = mono_now();
	struct lite old;
	char *part = NULL;
	enum err_code code = ERR_NONE;

	if (exists) {
		TRY(lite_open(&old, call, to, 0, err));
		code = role_read(&old, &role, err);
		lite_close(&old);
	}
	if (code == ERR_NONE)
		code = part_make(call, call_string(call, "from"), LITE_BACKUP, to, &part, err);
	if (code == ERR_NONE)
		code = finish_part(call, part, exists ? &role : NULL, err);
	if (code == ERR_NONE && exists)
		code = keep_old(call, to, result, err);
	if (code == ERR_NONE)
		code = exists ? overwrite(call, part, to, err) : part_place(part, to, err);
	if (part != NULL && (exists || code != ERR_NONE))
		unlink(part);
	free(part);
	json_put_str(result, "path", to);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return code;
}

VERIFY(sqlite_restore_verify)
{
	const char *to = restore_to(call);
	json_t *key = NULL;
	struct lite lite;

	*verdict = VERDICT_NOT_DONE;
	json_put_flag(evidence, "there", path_exists(to));
	if (!path_exists(to))
		return ERR_NONE;
	TRY(lite_open(&lite, call, to, 0, err));
	enum err_code code = ERR_NONE;
	if (lite_has_table(&lite, "drillbook_restore"))
		code = lite_value(
			&lite, "select key from drillbook_restore where one = 1", &key, err);
	lite_close(&lite);
	if (code == ERR_NONE && str_eq(json_string_value(key), call_key(call)))
		*verdict = VERDICT_DONE;
	json_put(evidence, "restored_by", key);
	return code;
}
