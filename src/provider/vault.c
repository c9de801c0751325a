/* vault.c: see vault.h. */
#include "vault.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	POINTS_SHOWN = 1000,
	ID_LEAST = 6,	 /* characters that stand for a whole id */
	CLOCK_GRAIN_MS = 20, /* a file's change time may be so much earlier than the change */
};

/* ------------------------------------------------------------------ notes */

int64_t vault_time_ms(const char *text)
{
	struct tm tm = { 0 };
	int64_t ms = 0, offset = 0;
	const char *at = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	if (at == NULL)
		return -1;
	if (*at == '.') {
		int64_t scale = 100;

		for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
			ms += (*at - '0') * scale;
	}
	if (*at == '+' || *at == '-') {
		int hours, minutes;

		if (sscanf(at + 1, "%2d:%2d", &hours, &minutes) != 2)
			return -1;
		offset = (hours * 60 + minutes) * 60000 * (*at == '-' ? -1 : 1);
	} else if (*at != 'Z' && *at != '\0') {
		return -1;
	}
	return (int64_t)timegm(&tm) * 1000 + ms - offset;
}

bool vault_read_note(json_t *point, const char *note)
{
	const size_t hex = SHA256_HEX - 1;

	if (str_starts(note, "key=") || str_starts(note, "mark=")) {
		const char *value = strchr(note, '=') + 1;

		json_put_str(point, note[0] == 'k' ? "key" : "mark", value);
		return true;
	}
	if (!str_starts(note, "tree=") || strlen(note) < 5 + hex + 1 || note[5 + hex] != ':')
		return false;
	json_t *trees = json_object_get(point, "trees");
	if (trees == NULL) {
		trees = json_object();
		json_put(point, "trees", trees);
	}
	json_put(trees, note + 5 + hex + 1, json_text(note + 5, hex));
	return true;
}

json_t *vault_note_texts(const struct vault_notes *notes)
{
	json_t *texts = json_array(), *digest;
	const char *path;
	char *text = xasprintf("key=%s", notes->key);

	json_array_append_new(texts, json_text(text, strlen(text)));
	free(text);
	text = xasprintf("mark=%s", notes->mark);
	json_array_append_new(texts, json_text(text, strlen(text)));
	free(text);
	json_object_foreach((json_t *)notes->trees, path, digest)
	{
		text = xasprintf("tree=%s:%s", json_string_value(digest), path);
		json_array_append_new(texts, json_text(text, strlen(text)));
		free(text);
	}
	return texts;
}

enum err_code vault_add_env(
	struct call *call, char **list, size_t *count, size_t room, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)setting_json(call, "env"), name, value)
	{
		if (!json_is_string(value) || name[0] == '\0' || strpbrk(name, "=*") != NULL)
			return err_set(err, ERR_USAGE,
				"setting \"env\" must map names to texts, \"%s\" does not", name);
		if (*count == room)
			return err_set(err, ERR_LIMIT, "setting \"env\" has too many names");
		list[(*count)++] = xasprintf("%s=%s", name, json_string_value(value));
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ points */

static int newest_first(const void *a, const void *b)
{
	const int64_t x = json_int(*(json_t *const *)a, "time_ms", 0);
	const int64_t y = json_int(*(json_t *const *)b, "time_ms", 0);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* A new list, newest first; *out is owned. */
static enum err_code list_points(
	const struct vault_kind *kind, struct call *call, json_t **out, struct err *err)
{
	json_t *points = json_array(), *point;
	enum err_code code = kind->list(call, points, err);
	const size_t count = json_array_size(points);
	json_t **sorted = xmalloc((count + 1) * sizeof(json_t *));
	size_t i;

	json_array_foreach(points, i, point) sorted[i] = json_incref(point);
	qsort(sorted, count, sizeof(json_t *), newest_first);
	*out = json_array();
	for (i = 0; i < count; i++)
		json_array_append_new(*out, sorted[i]);
	free(sorted);
	json_decref(points);
	if (code != ERR_NONE) {
		json_decref(*out);
		*out = NULL;
	}
	return code;
}

enum err_code vault_points(
	const struct vault_kind *kind, struct call *call, json_t *result, struct err *err)
{
	const int64_t limit = call_int(call, "limit"), before = call_int(call, "before_ms");
	json_t *all, *point, *shown = json_array();
	size_t i;

	json_put(result, "points", shown);
	TRY(list_points(kind, call, &all, err));
	json_array_foreach(all, i, point)
	{
		if (before != 0 && json_int(point, "time_ms", 0) > before)
			continue;
		if ((int64_t)json_array_size(shown) < limit)
			json_array_append(shown, point);
	}
	json_put_int(result, "count", (int64_t)json_array_size(all));
	if (json_array_size(shown) > 0) {
		const int64_t newest = json_int(json_array_get(shown, 0), "time_ms", 0);

		json_put_int(result, "newest_ms", newest);
		json_put_int(result, "age_ms", wall_now().ns / 1000000 - newest);
	} else {
		json_put(result, "unknown", json_pack("[s, s]", "newest_ms", "age_ms"));
	}
	json_decref(all);
	return ERR_NONE;
}

static const json_t *marked(const json_t *points, const char *mark)
{
	json_t *point;
	size_t i;

	json_array_foreach((json_t *)points, i,
		point) if (str_eq(json_str(point, "mark", NULL), mark)) return point;
	return NULL;
}

static enum err_code pick(struct call *call, const json_t *points, json_t **out, struct err *err)
{
	const char *wanted = call_string(call, "point");
	const int64_t before = call_int(call, "before_ms");
	const bool latest = str_eq(wanted, "latest");
	size_t found = 0, i;
	json_t *point;

	*out = NULL;
	json_array_foreach((json_t *)points, i, point)
	{
		const char *id = json_str(point, "id", "");
		const bool exact =
			str_eq(id, wanted) || str_eq(json_str(point, "name", NULL), wanted);

		if (latest ? before != 0 && json_int(point, "time_ms", 0) > before
			   : !exact && (strlen(wanted) < ID_LEAST || !str_starts(id, wanted)))
			continue;
		if (found++ == 0 || exact)
			*out = point;
		if (latest || exact) {
			found = 1;
			break;
		}
	}
	if (found > 1)
		return err_set(err, ERR_USAGE, "%zu points begin with \"%s\"", found, wanted);
	if (found == 1)
		return ERR_NONE;
	return err_set(err, ERR_NOT_FOUND, latest ? "target \"%s\" has no point%s"
						  : "target \"%s\" has no point \"%s\"",
		call_target(call), !latest ? wanted : before != 0 ? " as old as that" : "");
}

enum err_code vault_pick(
	const struct vault_kind *kind, struct call *call, json_t **point, struct err *err)
{
	json_t *points;

	*point = NULL;
	TRY(list_points(kind, call, &points, err));
	const enum err_code code = pick(call, points, point, err);
	json_incref(*point);
	json_decref(points);
	return code;
}

/* ------------------------------------------------------------------ backup.start */

/* Owned. */
static json_t *paths_of(const struct vault_kind *kind, struct call *call)
{
	return kind->paths != NULL ? kind->paths(call)
				   : json_incref((json_t *)(uintptr_t)call_json(call, "paths"));
}

static enum err_code check_paths(const json_t *paths, struct err *err)
{
	struct stat st;
	json_t *path;
	size_t i;

	json_array_foreach((json_t *)paths, i, path)
	{
		const char *text = json_string_value(path);

		if (text[0] != '/')
			return err_set(err, ERR_USAGE, "\"%s\" must begin with /", text);
		if (stat(text, &st) != 0)
			return err_set(err, ERR_NOT_FOUND, "there is no \"%s\" to back up", text);
	}
	return i > 0 ? ERR_NONE : err_set(err, ERR_USAGE, "name at least one path");
}

enum err_code vault_backup_prepare(
	const struct vault_kind *kind, struct call *call, json_t *before, struct err *err)
{
	unsigned char random[(VAULT_MARK_BYTES - 1) / 2];
	char mark[VAULT_MARK_BYTES];
	json_t *points, *paths = paths_of(kind, call);
	const enum err_code code = check_paths(paths, err);

	json_decref(paths);
	TRY(code);
	TRY(list_points(kind, call, &points, err)); /* reachable, the right password, readable */
	json_put_int(before, "points", (int64_t)json_array_size(points));
	json_decref(points);
	TRY(random_bytes(random, sizeof(random), err));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(mark + 2 * i, 3, "%02x", random[i]);
	json_put_str(before, "mark", mark);
	return ERR_NONE;
}

/* The digest of every path that is a directory. */
static enum err_code sum_trees(
	struct call *call, const json_t *paths, json_t *trees, struct err *err)
{
	struct tree_sum sum;
	struct stat st;
	json_t *path;
	size_t i;

	json_array_foreach((json_t *)paths, i, path)
	{
		const char *text = json_string_value(path);

		/* restic's tags end at a comma */
		if (strchr(text, ',') != NULL || stat(text, &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		call_progress(call, -1, "reading %s for its digest", text);
		TRY(tree_sum(call, text, &sum, err));
		json_put_str(trees, text, sum.sha256);
	}
	return ERR_NONE;
}

static bool stayed(const json_t *trees, struct wall since)
{
	const char *path;
	json_t *digest;

	json_object_foreach((json_t *)trees, path,
		digest) if (!tree_untouched(path, since)) return false;
	return true;
}

static void put_point(const json_t *point, json_t *result)
{
	json_put_str(result, "id", json_str(point, "id", NULL));
	json_put_int(result, "recovery_point_ms", json_int(point, "time_ms", 0));
	json_put_str(result, "recovery_point_basis",
		"when the backup began to read; later changes may be in it or not");
}

static void put_trees(const json_t *trees, bool known, json_t *result)
{
	if (known && json_object_size(trees) > 0) {
		json_put(result, "trees", json_deep_copy(trees));
		json_put(result, "unknown", json_array());
	} else {
		json_put(result, "unknown", json_pack("[s]", "trees"));
	}
}

/* The point is there: what is to be said about it. */
static enum err_code settle(const struct vault_kind *kind, struct call *call,
	const json_t *trees, struct wall began, json_t *result, struct err *err)
{
	const char *mark = json_str(call_before(call), "mark", NULL);
	json_t *points;

	TRY(list_points(kind, call, &points, err));
	const json_t *point = marked(points, mark);
	enum err_code code = ERR_NONE;
	if (point == NULL) {
		code = err_set(err, ERR_CONFLICT,
			"the backup was reported as made, and the repository does not list it");
	} else {
		const bool known = stayed(trees, began);

		put_point(point, result);
		put_trees(trees, known, result);
		if (!known) {
			call_log(call, "the tree changed while it was read: no digest is kept");
			code = kind->forget_trees(call, point, err);
		}
	}
	json_decref(points);
	return code;
}

enum err_code vault_backup_run(
	const struct vault_kind *kind, struct call *call, json_t *result, struct err *err)
{
	const struct mono start = mono_now();
	const struct wall began = { wall_now().ns - CLOCK_GRAIN_MS * 1000000 };
	json_t *paths = paths_of(kind, call), *trees = json_object();
	const struct vault_notes notes = {
		.key = call_key(call),
		.mark = json_str(call_before(call), "mark", ""),
		.trees = trees,
	};
	enum err_code code = ERR_NONE;

	if (call_bool(call, "digest") && json_array_size(call_json(call, "exclude")) == 0)
		code = sum_trees(call, paths, trees, err);
	if (code != ERR_NONE)
		err->world = WORLD_UNCHANGED;
	if (code == ERR_NONE)
		code = kind->create(call, paths, &notes, result, err);
	if (code == ERR_NONE) {
		code = settle(kind, call, trees, began, result, err);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	json_put_int(result, "took_ms", mono_ms_since(start));
	json_decref(trees);
	json_decref(paths);
	return code;
}

enum err_code vault_backup_verify(const struct vault_kind *kind, struct call *call,
	json_t *evidence, enum verdict *verdict, struct err *err)
{
	const char *mark = json_str(call_before(call), "mark", NULL);
	json_t *points;

	TRY(list_points(kind, call, &points, err));
	const json_t *point = mark != NULL ? marked(points, mark) : NULL;
	json_put_int(evidence, "points", (int64_t)json_array_size(points));
	*verdict = point != NULL ? VERDICT_DONE : VERDICT_NOT_DONE;
	if (point != NULL) {
		json_t *result = json_object();

		put_point(point, result);
		json_put(evidence, "result", result);
	}
	json_decref(points);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ restore.start */

/* The path that the call names; NULL = none. */
static const char *named_path(const struct vault_kind *kind, struct call *call)
{
	return kind->whole ? NULL : call_string(call, "path");
}

/* The one path that becomes the target: what the call names, else the point's only one. */
static const char *becomes(const struct vault_kind *kind, struct call *call, const json_t *point)
{
	const json_t *paths = json_object_get(point, "paths");

	if (named_path(kind, call) != NULL)
		return named_path(kind, call);
	return json_array_size(paths) == 1 ? json_string_value(json_array_get(paths, 0)) : NULL;
}

enum err_code vault_restore_prepare(
	const struct vault_kind *kind, struct call *call, json_t *before, struct err *err)
{
	int64_t bytes = 0;
	json_t *point;

	if (named_path(kind, call) != NULL && named_path(kind, call)[0] != '/')
		return err_set(err, ERR_USAGE, "path must begin with /");
	TRY(vault_pick(kind, call, &point, err));
	json_put(before, "point", point);
	if (kind->size != NULL)
		TRY(kind->size(call, point, &bytes, err));
	if (bytes > 0)
		json_put_int(before, "bytes", bytes);
	return restored_prepare(call, bytes, before, err);
}

/* Where a path landed: below part as a whole, or, when it was backed up as a relative one, only
 * the end of it.  part itself when it is no directory, or nowhere.  Owned. */
static char *landed(const char *part, const char *path)
{
	struct stat st;

	for (const char *at = path; at != NULL && at[0] == '/'; at = strchr(at + 1, '/')) {
		char *there = xasprintf("%s%s", part, at);

		if (lstat(there, &st) == 0 && S_ISDIR(st.st_mode))
			return there;
		free(there);
	}
	return xstrdup(part);
}

static enum err_code fetch(void *arg, struct call *call, const char *part, char **from,
	json_t *facts, struct err *err)
{
	const struct vault_kind *kind = arg;
	const json_t *point = json_object_get(call_before(call), "point");
	const char *path = becomes(kind, call, point);
	const char *tree = json_str(json_object_get(point, "trees"), path != NULL ? path : "", NULL);

	call_progress(call, -1, "restoring %.12s", json_str(point, "id", ""));
	TRY(kind->fetch(call, point, named_path(kind, call), part, err));
	*from = path != NULL ? landed(part, path) : xstrdup(part);
	if (named_path(kind, call) != NULL && str_eq(*from, part))
		return err_set(err, ERR_NOT_FOUND, "the point has no directory \"%s\"", path);
	json_put_str(facts, "point", json_str(point, "id", NULL));
	json_put_int(facts, "point_ms", json_int(point, "time_ms", 0));
	if (tree != NULL)
		json_put_str(facts, "tree", tree);
	return ERR_NONE;
}

enum err_code vault_restore_run(
	const struct vault_kind *kind, struct call *call, json_t *result, struct err *err)
{
	return restored_run(call, fetch, (void *)(uintptr_t)kind, result, err);
}

/* ------------------------------------------------------------------ tables */

const struct field vault_points_params[] = {
	{ .name = "limit",
		.type = FIELD_INT,
		.fallback = "100",
		.min = 1,
		.max = POINTS_SHOWN,
		.help = "at most so many" },
	{ .name = "before_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "only those that are not later than this (epoch)" },
	FIELD_END
};
const struct field vault_points_results[] = {
	{ .name = "points",
		.type = FIELD_ANY,
		.help = "newest first; each: id, time_ms, paths, and when known host, tags, key, "
			"trees" },
	{ .name = "count", .type = FIELD_INT, .help = "how many there are in all" },
	{ .name = "newest_ms", .type = FIELD_INT, .unit = "ms", .help = "time of the first one" },
	{ .name = "age_ms", .type = FIELD_INT, .unit = "ms", .help = "how old it is now" },
	{ .name = "unknown", .type = FIELD_STRINGS, .help = "without a point: both" },
	FIELD_END
};
const struct field vault_backup_params[] = {
	{ .name = "paths",
		.type = FIELD_STRINGS,
		.required = true,
		.help = "directories (or files), from / on" },
	{ .name = "exclude", .type = FIELD_STRINGS, .help = "patterns to leave out" },
	{ .name = "digest",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "read the trees once more, so that a restore can be compared; not with "
			"exclude" },
	{ .name = "allow_partial",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "a point without the files that could not be read is no failure" },
	FIELD_END
};
const struct field vault_backup_results[] = {
	{ .name = "id", .type = FIELD_STRING, .help = "of the point" },
	{ .name = "recovery_point_ms", .type = FIELD_INT, .unit = "ms", .help = "its time" },
	{ .name = "recovery_point_basis", .type = FIELD_STRING, .help = "what that time is" },
	{ .name = "files", .type = FIELD_INT, .help = "in it" },
	{ .name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "in it" },
	{ .name = "added_bytes",
		.type = FIELD_INT,
		.unit = "bytes",
		.help = "that the repository did not have" },
	{ .name = "partial", .type = FIELD_BOOL, .help = "files that could not be read are missing" },
	{ .name = "trees", .type = FIELD_MAP, .help = "path to digest" },
	{ .name = "unknown",
		.type = FIELD_STRINGS,
		.help = "trees, when no digest was made or the tree changed meanwhile" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "all of it" },
	FIELD_END
};
const struct field vault_restore_params[] = { VAULT_PICK_PARAMS,
	{ .name = "path",
		.type = FIELD_STRING,
		.help = "the directory of the point that becomes to; its only path when absent" },
	RESTORED_PARAMS, FIELD_END };
