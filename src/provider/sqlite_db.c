/* sqlite_db.c: an SQLite database with deadlines, and the row in it that says who may write. */
#include "sqlite_db.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PROGRESS_STEPS = 20000, BUSY_MS = 2000 };

/* ------------------------------------------------------------------ errors */

static const struct {
	int primary; /* result code without its extension */
	enum err_code code;
} rows[] = {
	{ SQLITE_CANTOPEN, ERR_UNREACHABLE },
	{ SQLITE_NOTADB, ERR_REFUSED },
	{ SQLITE_CORRUPT, ERR_REFUSED },
	{ SQLITE_BUSY, ERR_HELD },
	{ SQLITE_LOCKED, ERR_HELD },
	{ SQLITE_READONLY, ERR_PRECONDITION },
	{ SQLITE_CONSTRAINT, ERR_CONFLICT },
	{ SQLITE_PERM, ERR_AUTH },
	{ SQLITE_AUTH, ERR_AUTH },
	{ SQLITE_FULL, ERR_SYSTEM },
	{ SQLITE_IOERR, ERR_SYSTEM },
	{ SQLITE_TOOBIG, ERR_LIMIT },
};

/* SQLite rolls back what failed, except that an I/O error at commit leaves it open what is on
 * disk. */
enum err_code lite_failed(const struct lite *lite, struct err *err)
{
	int primary = sqlite3_extended_errcode(lite->db) & 0xff;
	enum err_code code = ERR_REFUSED;

	err->world = primary == SQLITE_IOERR ? WORLD_UNKNOWN : WORLD_UNCHANGED;
	if (primary == SQLITE_INTERRUPT)
		return err_set(err, call_stopped(lite->call) ? ERR_CANCELLED : ERR_TIMEOUT,
			"\"%s\": %s", lite->path,
			call_stopped(lite->call) ? "stopped on request" : "not done in time");
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].primary == primary)
			code = rows[i].code;
	return err_set(err, code, "\"%s\": %s", lite->path, sqlite3_errmsg(lite->db));
}

/* ------------------------------------------------------------------ opening */

static int on_progress(void *arg)
{
	const struct call *call = arg;

	return call_stopped(call) || call_left_ms(call) == 0;
}

/* file:PATH?immutable=1 with what means something in a URI escaped.  Owned. */
static char *immutable_uri(const char *path)
{
	struct err ignored = { 0 };
	struct buf buf;

	buf_init(&buf, 1 << 16);
	bool ok = buf_addf(&buf, &ignored, "file:") == ERR_NONE;
	for (const char *c = path; ok && *c != '\0'; c++)
		ok = (strchr("?#%", *c) != NULL ? buf_addf(&buf, &ignored, "%%%02X",
							  (unsigned)(unsigned char)*c)
						: buf_add(&buf, c, 1, &ignored)) == ERR_NONE;
	ok = ok && buf_addf(&buf, &ignored, "?immutable=1") == ERR_NONE;
	char *uri = ok ? xstrdup(buf.data) : NULL;
	buf_release(&buf);
	return uri;
}

static enum err_code check_backup(const char *path, struct err *err)
{
	char *wal = xasprintf("%s-wal", path);
	struct stat st;
	bool in_use = stat(wal, &st) == 0 && st.st_size > 0;

	free(wal);
	if (in_use)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" has a write-ahead log beside it: it is a database in use, not "
			"a backup",
			path);
	return ERR_NONE;
}

enum err_code lite_open(
	struct lite *lite, struct call *call, const char *path, int flags, struct err *err)
{
	int open = flags & LITE_CREATE	? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
		   : flags & LITE_WRITE ? SQLITE_OPEN_READWRITE
					: SQLITE_OPEN_READONLY;
	char *uri = NULL;

	*lite = (struct lite){ .call = call, .path = path };
	if (flags & LITE_BACKUP) {
		TRY(check_backup(path, err));
		uri = immutable_uri(path);
		open |= SQLITE_OPEN_URI;
	}
	int status = sqlite3_open_v2(uri != NULL ? uri : path, &lite->db, open, NULL);
	free(uri);
	if (lite->db == NULL)
		base_die("sqlite: out of memory");
	sqlite3_extended_result_codes(lite->db, 1);
	sqlite3_busy_timeout(lite->db, BUSY_MS);
	sqlite3_progress_handler(lite->db, PROGRESS_STEPS, on_progress, call);
	sqlite3_db_config(lite->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	enum err_code code = status != SQLITE_OK ? lite_failed(lite, err) : ERR_NONE;
	/* opening reads nothing yet: this finds out whether it is a database */
	if (code == ERR_NONE)
		code = lite_exec(lite,
			flags & LITE_CREATE
				? "pragma journal_mode = memory; pragma synchronous = off"
			: flags & LITE_WRITE ? "pragma synchronous = full; select count(*) "
					       "from sqlite_schema"
					     : "select count(*) from sqlite_schema",
			err);
	if (code != ERR_NONE)
		lite_close(lite);
	return code;
}

void lite_close(struct lite *lite)
{
	if (lite->db != NULL)
		sqlite3_close(lite->db);
	lite->db = NULL;
}

/* ------------------------------------------------------------------ statements */

enum err_code lite_exec(const struct lite *lite, const char *sql, struct err *err)
{
	return sqlite3_exec(lite->db, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? ERR_NONE
		       : lite_failed(lite, err);
}

json_t *lite_cell(sqlite3_stmt *stmt, int column)
{
	const char *text;

	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		return json_integer(sqlite3_column_int64(stmt, column));
	case SQLITE_NULL:
		return json_null();
	case SQLITE_BLOB: {
		size_t len = (size_t)sqlite3_column_bytes(stmt, column);
		char *encoded = base64_encode(sqlite3_column_blob(stmt, column), len);
		json_t *value = json_string(encoded);
		free(encoded);
		return value;
	}
	default:
		text = (const char *)sqlite3_column_text(stmt, column);
		return json_text(text, (size_t)sqlite3_column_bytes(stmt, column));
	}
}

enum err_code lite_value(
	const struct lite *lite, const char *sql, json_t **out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	enum err_code code = ERR_NONE;

	if (sqlite3_prepare_v2(lite->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return lite_failed(lite, err);
	int status = sqlite3_step(stmt);
	if (status == SQLITE_ROW)
		*out = lite_cell(stmt, 0);
	else if (status == SQLITE_DONE)
		*out = json_null();
	else
		code = lite_failed(lite, err);
	sqlite3_finalize(stmt);
	return code;
}

static int bind_one(sqlite3_stmt *stmt, int index, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_INTEGER:
		return sqlite3_bind_int64(stmt, index, json_integer_value(value));
	case JSON_TRUE:
	case JSON_FALSE:
		return sqlite3_bind_int(stmt, index, json_is_true(value));
	case JSON_STRING:
		return sqlite3_bind_text(stmt, index, json_string_value(value),
			(int)json_string_length(value), SQLITE_TRANSIENT);
	default:
		return sqlite3_bind_null(stmt, index);
	}
}

enum err_code lite_prepare(const struct lite *lite, const char *sql,
	const struct statement *values, sqlite3_stmt **out, struct err *err)
{
	const char *tail = NULL;

	if (sqlite3_prepare_v2(lite->db, sql, -1, out, &tail) != SQLITE_OK)
		return lite_failed(lite, err);
	if (*out == NULL || tail[strspn(tail, " \t\r\n;")] != '\0') {
		sqlite3_finalize(*out);
		return err_set(
			err, ERR_WORKSPACE, "\"%s\" must be one statement", values->name);
	}
	for (int i = 1; i <= sqlite3_bind_parameter_count(*out); i++) {
		const char *name = sqlite3_bind_parameter_name(*out, i);
		/* "$2" is a name to SQLite; elsewhere it is the second value */
		long number = name != NULL && (name[0] == '$' || name[0] == '?')
				      ? strtol(name + 1, NULL, 10)
				      : i;
		const json_t *value = json_array_get(values->values, (size_t)(number - 1));
		if (number < 1 || value == NULL) {
			sqlite3_finalize(*out);
			return err_set(err, ERR_WORKSPACE,
				"\"%s\" declares no parameter for %s", values->name,
				name != NULL ? name : "?");
		}
		if (bind_one(*out, i, value) != SQLITE_OK) {
			enum err_code code = lite_failed(lite, err);
			sqlite3_finalize(*out);
			return code;
		}
	}
	return ERR_NONE;
}

bool lite_has_table(const struct lite *lite, const char *table)
{
	return sqlite3_table_column_metadata(lite->db, "main", table, NULL, NULL, NULL, NULL,
		       NULL, NULL) == SQLITE_OK;
}

enum err_code lite_check_name(const char *what, const char *name, struct err *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	if (name[0] == '\0' || strspn(name, allowed) != strlen(name))
		return err_set(err, ERR_USAGE, "%s \"%s\" must be a plain name", what, name);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ role */

enum err_code role_read(const struct lite *lite, struct role *out, struct err *err)
{
	json_t *name = NULL, *epoch = NULL;

	*out = (struct role){ .epoch = 0 };
	if (!lite_has_table(lite, "drillbook_role"))
		return ERR_NONE;
	enum err_code code =
		lite_value(lite, "select role from drillbook_role where one = 1", &name, err);
	if (code == ERR_NONE)
		code = lite_value(
			lite, "select epoch from drillbook_role where one = 1", &epoch, err);
	if (code == ERR_NONE && (!json_is_string(name) || !json_is_integer(epoch) ||
					strlen(json_string_value(name)) >= sizeof(out->name)))
		code = err_set(err, ERR_PROTOCOL,
			"\"%s\": row 1 of drillbook_role has no role and epoch", lite->path);
	if (code == ERR_NONE) {
		snprintf(out->name, sizeof(out->name), "%s", json_string_value(name));
		out->epoch = json_integer_value(epoch);
	}
	json_decref(name);
	json_decref(epoch);
	return code;
}

enum err_code role_put(const struct lite *lite, const struct role *to, struct err *err)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		"update drillbook_role set role = '%s', epoch = %" PRId64 " where one = 1",
		to->name, to->epoch);
	return lite_exec(lite, sql, err);
}

enum err_code role_change(const struct lite *lite, const struct role *from,
	const struct role *to, struct err *err)
{
	struct err ignored = { 0 };
	struct role now;

	TRY(lite_exec(lite, "begin immediate", err));
	enum err_code code = role_read(lite, &now, err);
	if (code == ERR_NONE && (!str_eq(now.name, from->name) || now.epoch != from->epoch))
		code = err_set(err, ERR_CONFLICT,
			"\"%s\" is not what was prepared: %s of epoch %" PRId64
			", not %s of epoch %" PRId64,
			lite->path, now.name, now.epoch, from->name, from->epoch);
	if (code == ERR_NONE)
		code = role_put(lite, to, err);
	if (code == ERR_NONE)
		return lite_exec(lite, "commit", err);
	if (lite_exec(lite, "rollback", &ignored) != ERR_NONE)
		call_log(lite->call, "%s", ignored.text);
	return code;
}

/* ------------------------------------------------------------------ heartbeat */

enum err_code heartbeat_read(const struct lite *lite, json_t *into, struct err *err)
{
	const char *table = setting_string(lite->call, "heartbeat");
	json_t *at = NULL;

	if (table == NULL || !lite_has_table(lite, table))
		return ERR_NONE;
	TRY(lite_check_name("heartbeat", table, err));
	char *sql = xasprintf("select cast(max(at_ms) as integer) from \"%s\"", table);
	enum err_code code = lite_value(lite, sql, &at, err);
	free(sql);
	if (code != ERR_NONE)
		return code;
	json_put(into, "heartbeat_age_ms",
		json_is_integer(at)
			? json_integer(wall_now().ns / 1000000 - json_integer_value(at))
			: json_null());
	json_put(into, "heartbeat_at_ms", at);
	return ERR_NONE;
}

void lite_name_unknown(json_t *result)
{
	json_t *unknown = json_array(), *value;
	const char *key;
	void *next;

	json_object_foreach_safe(result, next, key, value)
	{
		if (!json_is_null(value))
			continue;
		json_array_append_new(unknown, json_string(key));
		json_object_del(result, key);
	}
	json_put(result, "unknown", unknown);
}
