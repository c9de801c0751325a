/* copies.c: see copies.h. */
#include "copies.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTION_MAX = 256 << 10 };
static const char format[] = "drillbook-backup/1";

const struct field copies_backup_params[] = {
	{ .name = "to",
		.type = FIELD_PATH,
		.required = true,
		.help = "the backup's name on this host; must not be there" },
	FIELD_END
};
const struct field copies_backup_results[] = {
	{ .name = "path", .type = FIELD_STRING, .help = "the backup" },
	{ .name = "sha256",
		.type = FIELD_STRING,
		.help = "of the file, or of the list sha256sum would print for the tree" },
	{ .name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "of all its files" },
	{ .name = "files", .type = FIELD_INT, .help = "how many" },
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time the data is of" },
	{ .name = "recovery_point_basis", .type = FIELD_STRING, .help = "how that is known" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it took" },
	FIELD_END
};
const struct field copies_points_params[] = { { .name = "dir",
						      .type = FIELD_PATH,
						      .required = true,
						      .help = "directory of the backups" },
	FIELD_END };
const struct field copies_points_results[] = {
	{ .name = "points",
		.type = FIELD_ANY,
		.help = "newest first: path, recovery_point_ms, bytes, sha256 of each" },
	{ .name = "count", .type = FIELD_INT, .help = "how many" },
	{ .name = "newest_age_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "since the newest recovery point; absent when there is none" },
	FIELD_END
};
const struct field copies_check_params[] = {
	{ .name = "from", .type = FIELD_PATH, .required = true, .help = "the backup" },
	FIELD_END
};
const struct field copies_restore_params[] = {
	{ .name = "from", .type = FIELD_PATH, .required = true, .help = "the backup" },
	{ .name = "to",
		.type = FIELD_PATH,
		.required = true,
		.help = "a new directory; must not be there" },
	FIELD_END
};
const struct field copies_restore_results[] = {
	{ .name = "path", .type = FIELD_STRING, .help = "the new directory" },
	{ .name = "detail",
		.type = FIELD_MAP,
		.help = "what the backup knows of its server: version, and its position (gtid; "
			"replication_id and offset)" },
	{ .name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "restored" },
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time the data is of" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it took" },
	FIELD_END
};
const struct field copies_cleanup_params[] = {
	{ .name = "path",
		.type = FIELD_PATH,
		.required = true,
		.help = "a directory that restore.start has made" },
	FIELD_END
};
const struct field copies_cleanup_results[] = {
	{ .name = "path", .type = FIELD_STRING, .help = "what is gone" }, FIELD_END
};

/* ------------------------------------------------------------------ descriptions */

static enum err_code read_json(const char *path, json_t **out, struct err *err)
{
	struct buf text;

	buf_init(&text, DESCRIPTION_MAX);
	enum err_code code = file_read(path, DESCRIPTION_MAX, &text, err);
	if (code == ERR_NONE)
		code = json_parse(text.data, text.len, out, err);
	buf_release(&text);
	return code == ERR_NONE ? code : err_context(err, "\"%s\"", path);
}

static enum err_code write_json(const char *path, const json_t *value, struct err *err)
{
	char *line = json_line(value);
	const enum err_code code = file_replace(path, line, strlen(line), 0600, err);

	free(line);
	return code;
}

enum err_code copies_describe(const char *path, json_t **out, struct err *err)
{
	char *beside = xasprintf("%s.json", path);
	enum err_code code = ERR_NONE;

	*out = NULL;
	if (!path_exists(path))
		code = err_set(err, ERR_NOT_FOUND, "there is no backup \"%s\"", path);
	else if (!path_exists(beside))
		code = err_set(err, ERR_NOT_FOUND,
			"\"%s\" has no description (%s): it is no backup of backup.start, or "
			"half "
			"of one",
			path, beside);
	else
		code = read_json(beside, out, err);
	if (code == ERR_NONE && !str_eq(json_str(*out, "format", ""), format)) {
		code = err_set(
			err, ERR_VERSION, "\"%s\" is not of the format %s", beside, format);
		json_decref(*out);
		*out = NULL;
	}
	free(beside);
	return code;
}

/* ------------------------------------------------------------------ backup.start */

enum err_code copies_backup_prepare(struct call *call, json_t *before, struct err *err)
{
	const char *to = call_string(call, "to");

	if (path_exists(to))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is there already: a backup overwrites nothing", to);
	json_put_flag(before, "existed", false);
	return ERR_NONE;
}

enum err_code copies_backup_begin(struct call *call, char **part, struct err *err)
{
	*part = xasprintf("%s.part", call_string(call, "to"));
	/* what an attempt that was cut off has left; nobody else makes files of that name */
	return copies_remove(*part, err);
}

static enum err_code describe_and_place(
	const json_t *description, const char *part, const char *to, struct err *err)
{
	char *beside = xasprintf("%s.json", to);

	enum err_code code = write_json(beside, description, err);
	if (code == ERR_NONE) {
		code = copies_place(part, to, err);
		if (code != ERR_NONE && code != ERR_CONFLICT)
			unlink(beside);
	}
	free(beside);
	return code;
}

enum err_code copies_backup_end(struct call *call, const char *provider, const char *part,
	int64_t recovery_point_ms, const char *basis, json_t *detail, json_t *result,
	struct err *err)
{
	json_t *description = json_object();
	struct copies_sum sum;

	json_put(description, "detail", detail);
	enum err_code code = copies_sum(call, part, &sum, err);
	if (code == ERR_NONE) {
		json_put_str(result, "path", call_string(call, "to"));
		json_put_str(result, "sha256", sum.sha256);
		json_put_int(result, "bytes", sum.bytes);
		json_put_int(result, "files", sum.files);
		json_put_int(result, "recovery_point_ms", recovery_point_ms);
		json_put_str(result, "recovery_point_basis", basis);
		json_object_update(description, result);
		json_object_del(description, "path");
		json_put_str(description, "format", format);
		json_put_str(description, "provider", provider);
		json_put_str(description, "key", call_key(call));
		code = describe_and_place(description, part, call_string(call, "to"), err);
	}
	json_decref(description);
	return code;
}

enum err_code copies_backup_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	const char *to = call_string(call, "to");
	json_t *description = NULL;

	*verdict = VERDICT_NOT_DONE;
	json_put_flag(evidence, "there", path_exists(to));
	if (!path_exists(to))
		return ERR_NONE;
	const enum err_code code = copies_describe(to, &description, err);
	if (code == ERR_NONE && str_eq(json_str(description, "key", ""), call_key(call))) {
		*verdict = VERDICT_DONE;
		json_put_str(description, "path", to);
		json_put(evidence, "result", description);
		return ERR_NONE;
	}
	*verdict = VERDICT_CANNOT_TELL;
	json_put_str(evidence, "reason",
		code == ERR_NONE ? "somebody else has made a backup of that name" : err->text);
	json_decref(description);
	*err = (struct err){ 0 };
	return ERR_NONE;
}

/* ------------------------------------------------------------------ backup.points */

static enum err_code take_point(const char *dir, const char *name, const char *provider,
	json_t *points, struct err *err)
{
	char *path = xasprintf("%s/%.*s", dir, (int)(strlen(name) - strlen(".json")), name);
	json_t *d = NULL;

	(void)err;
	struct err why = { 0 };
	if (copies_describe(path, &d, &why) == ERR_NONE &&
		str_eq(json_str(d, "provider", ""), provider)) {
		json_t *row = json_object();
		json_put_str(row, "path", path);
		json_put_int(row, "recovery_point_ms", json_int(d, "recovery_point_ms", 0));
		json_put_int(row, "bytes", json_int(d, "bytes", 0));
		json_put_str(row, "sha256", json_str(d, "sha256", ""));
		json_array_append_new(points, row);
	}
	json_decref(d);
	free(path);
	return ERR_NONE;
}

static int newest_first(const void *a, const void *b)
{
	const int64_t x = json_int(*(json_t *const *)a, "recovery_point_ms", 0);
	const int64_t y = json_int(*(json_t *const *)b, "recovery_point_ms", 0);

	return x < y ? 1 : x > y ? -1 : 0;
}

static json_t *sorted(json_t *points)
{
	const size_t count = json_array_size(points);
	json_t **rows = xmalloc((count + 1) * sizeof(*rows));
	json_t *out = json_array();

	for (size_t i = 0; i < count; i++)
		rows[i] = json_array_get(points, i);
	qsort(rows, count, sizeof(*rows), newest_first);
	for (size_t i = 0; i < count; i++)
		json_array_append(out, rows[i]);
	free(rows);
	return out;
}

enum err_code copies_points(
	struct call *call, const char *provider, json_t *result, struct err *err)
{
	const char *dir = call_string(call, "dir");
	json_t *points = json_array();
	enum err_code code = ERR_NONE;
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (d == NULL)
		code = err_errno(err, "cannot read \"%s\"", dir);
	while (code == ERR_NONE && (entry = readdir(d)) != NULL) {
		if (!str_ends(entry->d_name, ".json"))
			continue;
		if (json_array_size(points) == COPIES_POINTS_MAX)
			code = err_set(err, ERR_LIMIT, "\"%s\" has more than %d backups", dir,
				COPIES_POINTS_MAX);
		else
			code = take_point(dir, entry->d_name, provider, points, err);
	}
	if (d != NULL)
		closedir(d);
	json_t *rows = sorted(points);
	json_put_int(result, "count", (int64_t)json_array_size(rows));
	if (json_array_size(rows) > 0)
		json_put_int(result, "newest_age_ms",
			wall_now().ns / 1000000 -
				json_int(json_array_get(rows, 0), "recovery_point_ms", 0));
	json_put(result, "points", rows);
	json_decref(points);
	return code;
}

/* ------------------------------------------------------------------ backup.verify */

static enum err_code compare(struct call *call, const char *path, const json_t *description,
	json_t *result, struct err *err)
{
	struct copies_sum sum;

	TRY(copies_sum(call, path, &sum, err));
	json_put_str(result, "sha256", sum.sha256);
	json_put_int(result, "bytes", sum.bytes);
	json_put_int(result, "files", sum.files);
	json_put_int(
		result, "recovery_point_ms", json_int(description, "recovery_point_ms", 0));
	if (!str_eq(sum.sha256, json_str(description, "sha256", "")))
		return err_set(err, ERR_FAILED,
			"\"%s\" is damaged: it has %" PRId64 " bytes in %" PRId64
			" files with SHA-256 %.16s…, made were %" PRId64 " in %" PRId64
			" with %.16s…",
			path, sum.bytes, sum.files, sum.sha256,
			json_int(description, "bytes", 0), json_int(description, "files", 0),
			json_str(description, "sha256", ""));
	return ERR_NONE;
}

enum err_code copies_check(struct call *call, json_t *result, struct err *err)
{
	const char *from = call_string(call, "from");
	json_t *description = NULL;

	TRY(copies_describe(from, &description, err));
	const enum err_code code = compare(call, from, description, result, err);
	json_decref(description);
	return code;
}

/* ------------------------------------------------------------------ restore.start */

enum err_code copies_restore_prepare(struct call *call, json_t *before, struct err *err)
{
	const char *to = call_string(call, "to");
	json_t *description = NULL;

	if (path_exists(to))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is there already: a restore goes into a new directory", to);
	TRY(copies_describe(call_string(call, "from"), &description, err));
	json_put_str(before, "sha256", json_str(description, "sha256", ""));
	json_put_int(
		before, "recovery_point_ms", json_int(description, "recovery_point_ms", 0));
	json_put(before, "undo",
		json_pack("{s:s, s:{s:s}}", "op", "restore.cleanup", "args", "path", to));
	json_decref(description);
	return ERR_NONE;
}

/* The copy itself is compared: a disk that reads well may write badly. */
static enum err_code fill(struct call *call, const char *part, const char *as_name,
	const json_t *description, json_t *result, struct err *err)
{
	const char *from = call_string(call, "from");
	char *copy = as_name != NULL ? path_join(part, as_name) : xstrdup(part);
	char *marker = path_join(part, COPIES_MARKER);
	json_t *mark = json_pack("{s:s, s:s, s:s}", "key", call_key(call), "from", from,
		"sha256", json_str(description, "sha256", ""));
	enum err_code code = ERR_NONE;

	if (as_name != NULL && mkdir(part, 0700) != 0)
		code = err_errno(err, "cannot make \"%s\"", part);
	if (code == ERR_NONE)
		code = copies_copy(call, from, copy, err);
	if (code == ERR_NONE)
		code = compare(call, copy, description, result, err);
	if (code == ERR_NONE)
		code = write_json(marker, mark, err);
	json_decref(mark);
	free(marker);
	free(copy);
	return code;
}

enum err_code copies_restore(
	struct call *call, const char *as_name, json_t *result, struct err *err)
{
	const char *to = call_string(call, "to");
	char *part = xasprintf("%s.part", to);
	const struct mono start = mono_now();
	json_t *description = NULL;
	struct err ignored = { 0 };

	enum err_code code = copies_describe(call_string(call, "from"), &description, err);
	if (code == ERR_NONE)
		code = copies_remove(part, err);
	if (code == ERR_NONE)
		code = fill(call, part, as_name, description, result, err);
	if (code == ERR_NONE)
		code = copies_place(part, to, err);
	if (code != ERR_NONE) {
		(void)!copies_remove(part, &ignored);
		err->world = WORLD_UNCHANGED;
	} else {
		json_put_str(result, "path", to);
		json_put(result, "detail", json_incref(json_object_get(description, "detail")));
		json_put_int(result, "took_ms", mono_ms_since(start));
	}
	json_decref(description);
	free(part);
	return code;
}

static json_t *read_marker(const char *dir)
{
	char *path = path_join(dir, COPIES_MARKER);
	struct err ignored = { 0 };
	json_t *mark = NULL;

	if (path_exists(path) && read_json(path, &mark, &ignored) != ERR_NONE)
		mark = NULL;
	free(path);
	return mark;
}

enum err_code copies_restore_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	const char *to = call_string(call, "to");
	json_t *mark = read_marker(to);

	(void)err;
	json_put_flag(evidence, "there", path_exists(to));
	json_put_str(evidence, "restored_by", json_str(mark, "key", NULL));
	*verdict = !path_exists(to)					 ? VERDICT_NOT_DONE
		   : str_eq(json_str(mark, "key", NULL), call_key(call)) ? VERDICT_DONE
									 : VERDICT_CANNOT_TELL;
	if (*verdict == VERDICT_CANNOT_TELL)
		json_put_str(evidence, "reason", "somebody else has made that directory");
	json_decref(mark);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ restore.cleanup */

enum err_code copies_cleanup_prepare(struct call *call, json_t *before, struct err *err)
{
	const char *path = call_string(call, "path");
	json_t *mark = read_marker(path);

	if (!path_exists(path))
		return err_set(err, ERR_NOT_FOUND, "there is no \"%s\"", path);
	if (mark == NULL)
		return err_set(err, ERR_FORBIDDEN,
			"\"%s\" was not made by restore.start (no %s in it): it is not removed",
			path, COPIES_MARKER);
	json_put(before, "restored", mark);
	return ERR_NONE;
}

enum err_code copies_cleanup(struct call *call, json_t *result, struct err *err)
{
	const char *path = call_string(call, "path");
	char *going = xasprintf("%s.removed", path);

	/* under another name first: half of it must not look like a restored directory */
	enum err_code code = copies_remove(going, err);
	if (code == ERR_NONE)
		code = copies_place(path, going, err);
	if (code == ERR_NONE) {
		code = copies_remove(going, err);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	json_put_str(result, "path", path);
	free(going);
	return code;
}

enum err_code copies_cleanup_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	(void)err;
	const bool there = path_exists(call_string(call, "path"));

	json_put_flag(evidence, "there", there);
	*verdict = there ? VERDICT_NOT_DONE : VERDICT_DONE;
	return ERR_NONE;
}
