/* postgres_backup.c: backup.start, backup.points, backup.verify: base backups in a directory.
 *
 * One backup is one directory below setting backup_dir, a copy that PostgreSQL can start from,
 * with the manifest that pg_basebackup wrote and the WAL it needs.  It gets its name when it is
 * complete and on disk; before, it is called NAME.part. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_backup.h"
#include "postgres_rejoin.h"
#include "postgres_tree.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ERRORS_MAX = 20, POINTS_MAX = 10000 };

#define PART ".part"
#define MANIFEST "backup_manifest"

static enum err_code backup_dir(struct call *call, const char **out, struct err *err)
{
	*out = setting_string(call, "backup_dir");
	if (*out == NULL)
		return err_set(err, ERR_UNSUPPORTED,
			"\"%s\" has no backup_dir: it is not known where its base backups are",
			call_target(call));
	if (!path_exists(*out))
		return err_set(err, ERR_NOT_FOUND, "backup_dir \"%s\" is not there", *out);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ describing one */

/* PostgreSQL writes one file and one range a line; a manifest may have a million of them, so it
 * is not read as one value. */
static void take_manifest_line(const char *line, int64_t *files, int64_t *bytes, json_t *point)
{
	static const char size[] = "\"Size\": ";
	const char *at = line + strspn(line, " {");
	json_t *range = NULL;
	struct err ignored = { 0 };

	if (str_starts(at, "\"Path\":") || str_starts(at, "\"Encoded-Path\":")) {
		/* the last one: a path may look like anything */
		for (const char *next = strstr(at, size); next != NULL; next = strstr(at, size))
			at = next + strlen(size);
		++*files;
		*bytes += strtoll(at, NULL, 10);
		return;
	}
	const char *end = strrchr(line, '}');
	if (!str_starts(at, "\"Timeline\":") || end == NULL ||
		json_parse(line, (size_t)(end - line) + 1, &range, &ignored) != ERR_NONE)
		return;
	if (json_object_get(point, "start_lsn") == NULL)
		json_put_str(point, "start_lsn", json_str(range, "Start-LSN", NULL));
	json_put_str(point, "end_lsn", json_str(range, "End-LSN", NULL));
	json_put_int(point, "timeline", json_int(range, "Timeline", 0));
	json_decref(range);
}

static enum err_code take_manifest(const char *path, json_t *point, struct err *err)
{
	FILE *file = fopen(path, "re");
	int64_t files = 0, bytes = 0;
	size_t room = 0;
	char *line = NULL;

	if (file == NULL)
		return err_errno(err, "the manifest \"%s\" cannot be read", path);
	while (getline(&line, &room, file) > 0)
		take_manifest_line(line, &files, &bytes, point);
	free(line);
	fclose(file);
	json_put_int(point, "bytes", bytes);
	json_put_int(point, "files", files);
	return files > 0 && json_object_get(point, "end_lsn") != NULL
		       ? ERR_NONE
		       : err_set(err, ERR_PROTOCOL, "the manifest names no files or no WAL");
}

static void take_label(const struct node *node, json_t *point)
{
	static const char word[] = "LABEL: ";
	struct err ignored = { 0 };
	char *text = NULL;

	if (node_read(node, "backup_label", &text, &ignored) != ERR_NONE)
		return;
	const char *at = strstr(text, word);
	if (at != NULL) {
		at += strlen(word);
		json_put(point, "label", json_text(at, strcspn(at, "\n")));
	}
	free(text);
}

/* The checkpoint that the copy's control file names was made before the copy was consistent; so
 * what was committed by then is in it, whatever the clocks of others say. */
static enum err_code describe(struct call *call, const char *path, const char *id,
	const struct wal_archive *archive, json_t *point, struct err *err)
{
	const struct node node = { .call = call, .data_dir = path };
	char version[PG_VERSION_MAX], *manifest = node_path(&node, MANIFEST);
	json_t *control = json_object();
	struct stat st;

	json_put_str(point, "id", id);
	json_put_str(point, "path", path);
	json_put_str(point, "kind", "snapshot");
	pg_version_of(path, version);
	json_put_str(point, "version", version);
	take_label(&node, point);
	enum err_code code = take_manifest(manifest, point, err);
	if (code == ERR_NONE && stat(manifest, &st) != 0)
		code = err_errno(err, "cannot read \"%s\"", manifest);
	if (code == ERR_NONE)
		code = node_control(&node, control, err);
	if (code == ERR_NONE) {
		json_put_int(point, "time_ms", json_int(control, "checkpoint_ms", 0));
		json_put_str(point, "time_basis",
			"last checkpoint in it: everything committed before is there");
		json_put_int(point, "stop_ms",
			(int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000);
		json_put_str(point, "system_id", json_str(control, "system_id", NULL));
		archive_describe(archive, json_int(control, "segment_bytes", 0), point);
	}
	json_decref(control);
	free(manifest);
	return code;
}

void point_made(json_t *point)
{
	static const struct {
		const char *from, *to;
	} names[] = { { "time_ms", "recovery_point_ms" },
		{ "time_basis", "recovery_point_basis" } };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		json_put(
			point, names[i].to, json_incref(json_object_get(point, names[i].from)));
		json_object_del(point, names[i].from);
	}
}

/* ------------------------------------------------------------------ backup.points */

static int newest_first(const void *a, const void *b)
{
	const int64_t x = json_int(*(json_t *const *)a, "time_ms", 0),
		      y = json_int(*(json_t *const *)b, "time_ms", 0);

	return x == y ? -strcmp(json_str(*(json_t *const *)a, "id", ""),
				json_str(*(json_t *const *)b, "id", ""))
		      : (x < y ? 1 : -1);
}

void points_sort(json_t *points)
{
	const size_t count = json_array_size(points);
	json_t **rows = xmalloc((count + 1) * sizeof(*rows));

	for (size_t i = 0; i < count; i++)
		rows[i] = json_incref(json_array_get(points, i));
	qsort(rows, count, sizeof(*rows), newest_first);
	json_array_clear(points);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(points, rows[i]);
	free(rows);
}

static enum err_code add_entry(struct call *call, const char *dir, const char *name,
	const struct wal_archive *archive, json_t *points, json_t *incomplete, struct err *err)
{
	char *path = path_join(dir, name), *control = path_join(path, "global/pg_control");
	json_t *point = json_object();
	struct err why = { 0 };
	enum err_code code = ERR_NONE;

	if (str_ends(name, PART)) {
		json_array_append_new(incomplete, json_text(name, strlen(name)));
	} else if (path_exists(control)) {
		if (describe(call, path, name, archive, point, &why) != ERR_NONE)
			json_put_str(point, "problem", why.text);
		json_array_append(points, point);
		code = call_sleep(call, 0, err);
	}
	json_decref(point);
	free(control);
	free(path);
	return code;
}

enum err_code base_points(struct call *call, json_t **out, json_t **incomplete, struct err *err)
{
	json_t *points = json_array(), *parts = json_array();
	struct wal_archive *archive = NULL;
	const char *path = NULL;
	DIR *dir = NULL;

	enum err_code code = backup_dir(call, &path, err);
	if (code == ERR_NONE)
		code = archive_open(call, &archive, err);
	if (code == ERR_NONE && (dir = opendir(path)) == NULL)
		code = err_errno(err, "cannot read \"%s\"", path);
	for (struct dirent *e; code == ERR_NONE && (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		if (json_array_size(points) >= POINTS_MAX)
			code = err_set(err, ERR_LIMIT, "more than %d backups in \"%s\"",
				POINTS_MAX, path);
		else
			code = add_entry(call, path, e->d_name, archive, points, parts, err);
	}
	if (dir != NULL)
		closedir(dir);
	archive_close(archive);
	points_sort(points);
	*out = code == ERR_NONE ? json_incref(points) : NULL;
	if (incomplete != NULL)
		*incomplete = json_incref(parts);
	json_decref(parts);
	json_decref(points);
	return code;
}

void points_report(json_t *points, json_t *result)
{
	json_t *point;
	size_t i;

	json_put_int(result, "count", (int64_t)json_array_size(points));
	json_put(result, "newest_ms", json_null());
	json_put(result, "age_ms", json_null());
	json_array_foreach(points, i, point) {
		if (json_object_get(point, "problem") != NULL)
			continue;
		const int64_t at = json_int(point, "time_ms", 0);
		json_put_int(result, "newest_ms", at);
		json_put_int(result, "age_ms", wall_now().ns / 1000000 - at);
		break;
	}
	json_put(result, "points", points);
	pg_name_unknown(result);
}

RUN(postgres_points)
{
	json_t *points = NULL, *incomplete = NULL;
	enum err_code code = base_points(call, &points, &incomplete, err);

	if (code == ERR_NONE)
		points_report(points, result);
	json_put(result, "incomplete", incomplete);
	return code;
}

enum err_code point_choose(const json_t *points, const char *from, int64_t before_ms,
	const json_t **out, struct err *err)
{
	json_t *point;
	size_t i;

	json_array_foreach((json_t *)points, i, point) {
		const char *problem = json_str(point, "problem", NULL);
		if (from != NULL && !str_eq(from, json_str(point, "id", NULL)) &&
			!str_eq(from, json_str(point, "path", NULL)))
			continue;
		if (from != NULL && problem != NULL)
			return err_set(err, ERR_FAILED, "backup \"%s\" cannot be used: %s",
				from, problem);
		if (problem != NULL ||
			(before_ms != 0 && json_int(point, "stop_ms", 0) > before_ms &&
				from == NULL))
			continue;
		*out = point;
		return ERR_NONE;
	}
	if (from != NULL)
		return err_set(err, ERR_NOT_FOUND, "there is no backup \"%s\"", from);
	if (json_array_size(points) == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no backup at all");
	if (before_ms == 0)
		return err_set(err, ERR_NOT_FOUND, "none of the %zu backups can be used: %s",
			json_array_size(points),
			json_str(json_array_get(points, 0), "problem", "?"));
	return err_set(err, ERR_NOT_FOUND,
		"none of the %zu backups is whole and was finished before that time",
		json_array_size(points));
}

/* ------------------------------------------------------------------ backup.start */

static enum err_code check_server(struct pg *pg, json_t *before, struct err *err)
{
	static const char sql[] =
		"select (select count(*) from pg_tablespace where spcname not like 'pg\\_%')"
		" as spaces,"
		" (select sum(pg_database_size(oid)) from pg_database)::int8 as bytes,"
		" (select rolsuper or rolreplication from pg_roles where rolname ="
		" current_user) as may, current_setting('wal_level') as wal_level,"
		" current_setting('server_version_num')::int / 10000 as major";

	TRY(pg_identity(pg, before, err));
	TRY(pg_row(pg, sql, 0, NULL, before, err));
	if (json_int(before, "spaces", 0) > 0)
		return err_set(err, ERR_UNSUPPORTED,
			"\"%s\" has tablespaces of its own: back it up with pgBackRest",
			call_target(pg->call));
	if (!json_flag(before, "may", false))
		return err_set(err, ERR_AUTH,
			"the role of \"%s\" may not replicate: alter role … replication",
			call_target(pg->call));
	if (str_eq(json_str(before, "wal_level", ""), "minimal"))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\": wal_level is minimal: no base backup can be made",
			call_target(pg->call));
	return ERR_NONE;
}

/* A name that sorts by time and does not meet another's. */
static enum err_code put_id(const char *dir, json_t *before, struct err *err)
{
	const time_t now = (time_t)(wall_now().ns / 1000000000);
	char when[32], *id, *path;
	uint32_t chance = 0;
	struct tm tm;

	TRY(random_bytes(&chance, sizeof(chance), err));
	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	id = xasprintf("%s-%08" PRIx32, when, chance);
	path = path_join(dir, id);
	json_put_str(before, "id", id);
	json_put_str(before, "path", path);
	free(path);
	free(id);
	return ERR_NONE;
}

PREPARE(postgres_backup_prepare)
{
	const char *dir = NULL;
	struct pg pg;

	TRY(backup_dir(call, &dir, err));
	if (access(dir, W_OK | X_OK) != 0)
		return err_errno(err, "nothing can be written to backup_dir \"%s\"", dir);
	TRY(pg_open(&pg, call, NULL, err));
	enum err_code code = check_server(&pg, before, err);
	pg_close(&pg);
	TRY(code);
	pg_name_unknown(before);
	TRY(put_id(dir, before, err));
	if (path_exists(json_str(before, "path", "")))
		return err_set(err, ERR_CONFLICT, "\"%s\" is there already",
			json_str(before, "path", ""));
	return tree_room(json_str(before, "path", ""), json_int(before, "bytes", 0), err);
}

static enum err_code own_conninfo(struct call *call, struct buf *buf, struct err *err)
{
	const char *host = setting_string(call, "host");
	char port[24];

	snprintf(port, sizeof(port), "%" PRId64, setting_int(call, "port"));
	TRY(conninfo_add(
		buf, "host", host != NULL ? host : setting_string(call, "socket_dir"), err));
	TRY(conninfo_add(buf, "port", port, err));
	TRY(conninfo_add(buf, "user", setting_string(call, "user"), err));
	TRY(conninfo_add(buf, "sslmode", setting_string(call, "sslmode"), err));
	return conninfo_add(buf, "connect_timeout", "10", err);
}

static enum err_code run_basebackup(struct call *call, const char *part, struct err *err)
{
	const json_t *before = call_before(call);
	const bool spread = str_eq(call_string(call, "checkpoint"), "spread");
	char version[PG_VERSION_MAX], *dsn, *label, rate[24];
	struct buf buf;

	buf_init(&buf, 1 << 16);
	enum err_code code = own_conninfo(call, &buf, err);
	if (code != ERR_NONE) {
		buf_release(&buf);
		return code;
	}
	snprintf(version, sizeof(version), "%" PRId64, json_int(before, "major", 0));
	snprintf(rate, sizeof(rate), "-r%" PRId64, call_int(call, "max_rate") / 1024);
	dsn = xasprintf("--dbname=%s", buf.data);
	label = xasprintf("--label=drillbook %s", call_key(call));
	const char *const argv[] = { "pg_basebackup", dsn, "-D", part, "-X", "stream", "-c",
		spread ? "spread" : "fast", "-P", "-w", "--manifest-checksums=SHA256", label,
		call_int(call, "max_rate") > 0 ? rate : NULL, NULL };
	struct tool tool = { .argv = argv };
	code = pg_tool(call, version, &tool, err);
	if (code == ERR_NONE && tool.exit_status != 0)
		code = pg_tool_failed(&tool, err);
	tool_release(&tool);
	free(label);
	free(dsn);
	buf_release(&buf);
	return code;
}

RUN(postgres_backup)
{
	const char *path = json_str(call_before(call), "path", "");
	const char *id = json_str(call_before(call), "id", "");
	char *part = xasprintf("%s" PART, path), *dir = tree_parent(path);
	struct mono start = mono_now();
	struct err ignored = { 0 };

	enum err_code code = run_basebackup(call, part, err);
	if (code == ERR_NONE && rename(part, path) != 0)
		code = err_errno(err, "cannot rename \"%s\"", part);
	if (code == ERR_NONE)
		code = tree_sync_dir(dir, err);
	if (code != ERR_NONE) {
		/* pg_basebackup does that itself, except when it is ended; nobody uses half a
		 * backup */
		if (tree_remove(NULL, part, NULL, &ignored) != ERR_NONE)
			call_log(call, "%s is left behind: %s", part, ignored.text);
		err->world = path_exists(path) ? WORLD_CHANGED : WORLD_UNCHANGED;
	} else {
		code = describe(call, path, id, NULL, result, err);
		point_made(result);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	json_put_int(result, "took_ms", mono_ms_since(start));
	free(dir);
	free(part);
	return code;
}

VERIFY(postgres_backup_verify)
{
	const char *path = json_str(call_before(call), "path", "");
	char *part = xasprintf("%s" PART, path);
	const bool there = path_exists(path);
	enum err_code code = ERR_NONE;

	json_put_flag(evidence, "there", there);
	json_put_flag(evidence, "incomplete", path_exists(part));
	*verdict = there ? VERDICT_DONE : VERDICT_NOT_DONE;
	if (there) {
		json_t *result = json_object();
		code = describe(
			call, path, json_str(call_before(call), "id", ""), NULL, result, err);
		point_made(result);
		json_put(evidence, "result", result);
	}
	free(part);
	return code;
}

/* ------------------------------------------------------------------ backup.verify */

/* What pg_verifybackup found wrong, without its name before each line. */
static void take_errors(const struct tool *tool, json_t *result)
{
	static const char word[] = "error: ";
	json_t *errors = json_array();
	int64_t count = 0;

	for (const char *line = tool->errout.data; *line != '\0'; line += strspn(line, "\n")) {
		const size_t len = strcspn(line, "\n");
		const char *at = strstr(line, word);
		if (at != NULL && at < line + len) {
			at += strlen(word);
			if (count++ < ERRORS_MAX)
				json_array_append_new(
					errors, json_text(at, (size_t)(line + len - at)));
		}
		line += len;
	}
	json_put(result, "errors", errors);
	json_put_int(result, "error_count", count);
}

enum err_code base_verify(
	struct call *call, const char *path, const char *name, json_t *result, struct err *err)
{
	const char *const argv[] = { "pg_verifybackup", path, NULL };
	struct tool tool = { .argv = argv, .max_output_bytes = 4 << 20 };
	char version[PG_VERSION_MAX];

	pg_version_of(path, version);
	call_progress(call, -1, "reading %s", name);
	enum err_code code = pg_tool(call, version, &tool, err);
	if (code == ERR_NONE)
		take_errors(&tool, result);
	const int64_t count = json_int(result, "error_count", 0);
	if (code == ERR_NONE && (tool.exit_status != 0 || count > 0)) {
		const char *first =
			json_string_value(json_array_get(json_object_get(result, "errors"), 0));
		if (first == NULL)
			code = pg_tool_failed(&tool, err);
		else
			code = err_set(err, ERR_FAILED, "backup \"%s\" is damaged: %s%s", name,
				first, count > 1 ? ", and more" : "");
	}
	tool_release(&tool);
	return code;
}

RUN(postgres_backup_check)
{
	json_t *points = NULL, *member;
	const json_t *point = NULL;
	struct mono start = mono_now();
	const char *key;

	TRY(base_points(call, &points, NULL, err));
	enum err_code code = point_choose(points, call_string(call, "from"), 0, &point, err);
	if (code == ERR_NONE) {
		json_object_foreach((json_t *)point, key, member)
			json_put(result, key, json_incref(member));
		code = base_verify(call, json_str(point, "path", ""), json_str(point, "id", ""),
			result, err);
	}
	json_put_flag(result, "ok", code == ERR_NONE);
	json_put_int(result, "took_ms", mono_ms_since(start));
	json_decref(points);
	return code;
}

/* ------------------------------------------------------------------ doctor */

void base_probe(struct call *call, json_t *checks)
{
	const char *dir = setting_string(call, "backup_dir");
	json_t *points = NULL, *incomplete = NULL, *report = json_object();
	struct err why = { 0 };
	char age[24] = "none that can be used";

	if (dir == NULL)
		goto out;
	if (base_points(call, &points, &incomplete, &why) != ERR_NONE) {
		pg_check_row(checks, "backups", false, "%s", why.text);
		goto out;
	}
	const json_t *newest = NULL;
	const bool usable = point_choose(points, NULL, 0, &newest, &why) == ERR_NONE;
	const char *missing = json_str(newest, "wal_missing", NULL);
	points_report(json_incref(points), report);
	if (usable)
		format_duration(age, sizeof(age), json_int(report, "age_ms", 0));
	pg_check_row(checks, "backups", usable && access(dir, W_OK | X_OK) == 0,
		"%zu, newest: %s%s, %zu incomplete%s", json_array_size(points), age,
		usable ? " old" : "", json_array_size(incomplete),
		access(dir, W_OK | X_OK) == 0 ? "" : "; nothing can be written there");
	if (!setting_has(call, "wal_archive"))
		pg_check_row(checks, "wal_archive", setting_has(call, "restore_command"), "%s",
			setting_has(call, "restore_command")
				? "restore_command brings it"
				: "not set: no point in time behind a backup");
	else if (usable)
		pg_check_row(checks, "wal_archive", missing == NULL, "%s%s",
			missing == NULL ? "without a gap from the newest backup to " : "lacks ",
			missing == NULL ? json_str(newest, "wal_until_lsn", "its end")
					: missing);
out:
	json_decref(incomplete);
	json_decref(points);
	json_decref(report);
}
#endif
