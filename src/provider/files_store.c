/* files_store.c: backup.* and restore.start: points are directories in a store.
 *
 * Each is made by rsync, unchanged files being hard links to the point before, and has a line of
 * JSON beside it; it is a point from the moment it has both and its name. */
#include "files.h"
#include "vault.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SMALL = 4096, LIST_MAX = 64 << 20, POINT_NAME_BYTES = 40 };

/* ------------------------------------------------------------------ points */

/* A line of JSON beside every directory that is complete. */
static const char list_script[] = "cd -- \"$1\" || exit 9\n"
				  "for f in *.point.json; do\n"
				  "  [ -f \"$f\" ] && [ -d \"${f%.point.json}\" ] && cat \"$f\" && echo\n"
				  "done; :\n";

static void take_point(const char *line, size_t len, json_t *points)
{
	struct err ignored = { 0 };
	json_t *point = NULL, *trees;

	if (len == 0 || json_parse(line, len, &point, &ignored) != ERR_NONE ||
		json_str(point, "id", NULL) == NULL) {
		json_decref(point);
		return;
	}
	/* the one tree is the point itself, wherever it came from */
	trees = json_object_get(point, "trees");
	void *first = json_object_iter(trees);
	if (first != NULL) {
		json_t *digest = json_incref(json_object_iter_value(first));

		json_object_clear(trees);
		json_put(trees, "", digest);
	}
	json_put(point, "paths", json_array());
	json_array_append_new(points, point);
}

static enum err_code list(struct call *call, json_t *points, struct err *err)
{
	struct files_place store;
	struct buf out;

	buf_init(&out, 0);
	enum err_code code = files_place_of(call, "store", &store, err);
	if (code == ERR_NONE) {
		const char *const args[] = { store.path, NULL };

		code = files_sh(
			call, &store, list_script, args, NULL, LIST_MAX, NULL, &out, err);
	}
	for (const char *line = out.data; code == ERR_NONE && *line != '\0';) {
		const size_t len = strcspn(line, "\n");

		take_point(line, len, points);
		line += len + (line[len] == '\n');
	}
	buf_release(&out);
	files_place_release(&store);
	return code;
}

static json_t *paths(struct call *call)
{
	return json_pack("[s]", setting_string(call, "path"));
}

/* ------------------------------------------------------------------ backup.start */

static const char begin_script[] = "[ -d \"$1\" ] || exit 9\n"
				   "mkdir -- \"$1/$2.part\"\n";
/* Complete and on disk first; then the line; then the name. */
static const char finish_script[] =
	"cd -- \"$1\" || exit 9\n"
	"set -e\n"
	"sync -f . 2>/dev/null || sync\n"
	"cat >\"$2.point.json.new\"\n"
	"mv -f \"$2.point.json.new\" \"$2.point.json\"\n"
	"mv -T \"$2.part\" \"$2\"\n"
	"sync -f . 2>/dev/null || sync\n";
static const char note_script[] = "cd -- \"$1\" || exit 9\n"
				  "set -e\n"
				  "cat >\"$2.point.json.new\"\n"
				  "mv -f \"$2.point.json.new\" \"$2.point.json\"\n";

/* 20261125T145000Z-1f2e3d4c */
static void point_name(const char *mark, struct wall now, char name[POINT_NAME_BYTES])
{
	const time_t at = (time_t)(now.ns / 1000000000);
	char stamp[24];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(name, POINT_NAME_BYTES, "%s-%.8s", stamp, mark);
}

static enum err_code write_note(struct call *call, const struct files_place *store,
	const char *script, const json_t *point, struct err *err)
{
	const char *const args[] = { store->path, json_str(point, "id", ""), NULL };
	char *line = json_line(point);
	struct buf out;
	const enum err_code code =
		files_sh(call, store, script, args, line, SMALL, NULL, &out, err);

	buf_release(&out);
	free(line);
	return code;
}

static json_t *new_point(const char *name, const struct vault_notes *notes, struct wall began)
{
	json_t *point = json_object();

	json_put_str(point, "id", name);
	json_put_int(point, "time_ms", began.ns / 1000000);
	json_put_str(point, "key", notes->key);
	json_put_str(point, "mark", notes->mark);
	if (json_object_size(notes->trees) > 0)
		json_put(point, "trees", json_deep_copy(notes->trees));
	return point;
}

/* Files that did not change since the newest point become links to its files. */
static void add_link_dest(struct call *call, const struct files_place *store, struct words *options)
{
	json_t *points = json_array(), *point;
	struct err ignored = { 0 };
	const json_t *newest = NULL;
	size_t i;

	if (list(call, points, &ignored) == ERR_NONE)
		json_array_foreach(points, i, point)
		{
			if (newest == NULL ||
				json_int(point, "time_ms", 0) > json_int(newest, "time_ms", 0))
				newest = point;
		}
	if (newest != NULL) {
		char *option = xasprintf(
			"--link-dest=%s/%s", store->path, json_str(newest, "id", ""));

		words_add(options, option);
		free(option);
	}
	json_decref(points);
}

static enum err_code copy_in(struct call *call, const struct files_place *store,
	const char *name, json_t *result, struct err *err)
{
	const char *const args[] = { store->path, name, NULL };
	struct files_place tree = files_tree(call);
	char *part = xasprintf("%s/%s.part", store->path, name);
	struct words options = { 0 };
	bool partial = false;
	struct buf out;

	enum err_code code =
		files_sh(call, store, begin_script, args, NULL, SMALL, NULL, &out, err);
	buf_release(&out);
	if (code == ERR_NONE) {
		add_link_dest(call, store, &options);
		words_all(&options, "--exclude", call_json(call, "exclude"));
		/* whole seconds would take a file that was changed twice in one for unchanged */
		words_add(&options, call_bool(call, "checksum") ? "--checksum"
								: "--modify-window=-1");
		code = files_rsync(
			call, &tree, tree.path, store, part, &options, &partial, err);
		json_put_flag(result, "partial", partial);
	}
	words_release(&options);
	free(part);
	files_place_release(&tree);
	return code;
}

/* A point that is not finished is not in the list: nothing happened yet. */
static void drop_part(struct call *call, const struct files_place *store, const char *name)
{
	const char *const args[] = { store->path, name, NULL };
	struct err ignored = { 0 };
	struct buf out;

	(void)!files_sh(call, store, "rm -rf -- \"$1/$2.part\"", args, NULL, SMALL, NULL, &out,
		&ignored);
	buf_release(&out);
}

static enum err_code create(struct call *call, const json_t *ignored,
	const struct vault_notes *notes, json_t *result, struct err *err)
{
	const struct wall began = wall_now();
	char name[POINT_NAME_BYTES];
	struct files_place store;

	(void)ignored;
	if (json_array_size(call_json(call, "exclude")) > WORDS_ROOM / 4)
		return err_set(err, ERR_LIMIT, "at most %d patterns", WORDS_ROOM / 4);
	point_name(notes->mark, began, name);
	enum err_code code = files_place_of(call, "store", &store, err);
	if (code == ERR_NONE)
		code = copy_in(call, &store, name, result, err);
	if (code == ERR_NONE) {
		json_t *point = new_point(name, notes, began);

		code = write_note(call, &store, finish_script, point, err);
		json_decref(point);
	}
	if (code != ERR_NONE) {
		err->world = code == ERR_TIMEOUT || code == ERR_CANCELLED ||
						     err->world == WORLD_UNKNOWN
				     ? WORLD_UNKNOWN
				     : WORLD_UNCHANGED;
		drop_part(call, &store, name);
	} else if (json_flag(result, "partial", false) && !call_bool(call, "allow_partial")) {
		code = err_set(err, ERR_FAILED,
			"point \"%s\" was made, but not everything could be read", name);
		err->world = WORLD_CHANGED;
	}
	files_place_release(&store);
	return code;
}

static enum err_code forget_trees(struct call *call, const json_t *point, struct err *err)
{
	json_t *without = json_deep_copy(point);
	struct files_place store;
	enum err_code code = files_place_of(call, "store", &store, err);

	json_object_del(without, "trees");
	json_object_del(without, "paths");
	if (code == ERR_NONE)
		code = write_note(call, &store, note_script, without, err);
	files_place_release(&store);
	json_decref(without);
	return code;
}

/* ------------------------------------------------------------------ restore.start, backup.verify */

/* Ids come from the store's own files: none may lead out of it. */
static enum err_code point_dir(const struct files_place *store, const json_t *point, char **dir,
	struct err *err)
{
	const char *id = json_str(point, "id", "");

	*dir = NULL;
	if (id[0] == '\0' || id[0] == '.' || id[0] == '-' || strchr(id, '/') != NULL)
		return err_set(err, ERR_PROTOCOL, "\"%s\" is no name of a point", id);
	*dir = xasprintf("%s/%s", store->path, id);
	return ERR_NONE;
}

static enum err_code fetch(struct call *call, const json_t *point, const char *only,
	const char *part, struct err *err)
{
	const struct files_place here = { .path = (char *)(uintptr_t)part, .setting = "to" };
	struct files_place store;
	bool partial = false;
	char *dir = NULL;
	enum err_code code = files_place_of(call, "store", &store, err);

	(void)only;
	if (code == ERR_NONE)
		code = point_dir(&store, point, &dir, err);
	if (code == ERR_NONE)
		code = files_rsync(call, &store, dir, &here, part, NULL, &partial, err);
	if (code == ERR_NONE && partial)
		code = err_set(err, ERR_FAILED, "not everything in point \"%s\" could be read",
			json_str(point, "id", ""));
	free(dir);
	files_place_release(&store);
	return code;
}

static const struct vault_kind kind = { .list = list,
	.create = create,
	.forget_trees = forget_trees,
	.fetch = fetch,
	.paths = paths,
	.whole = true };

static enum err_code compare(struct call *call, const json_t *point, json_t *result, struct err *err)
{
	const char *noted = json_str(json_object_get(point, "trees"), "", NULL);
	struct files_place store;
	struct tree_sum sum;
	char *dir = NULL;
	enum err_code code = files_place_of(call, "store", &store, err);

	json_put_str(result, "point", json_str(point, "id", NULL));
	if (code == ERR_NONE)
		code = point_dir(&store, point, &dir, err);
	if (code == ERR_NONE && noted == NULL)
		code = err_set(err, ERR_PRECONDITION,
			"point \"%s\" has no digest to compare with", json_str(point, "id", ""));
	if (code == ERR_NONE)
		code = files_sum(call, &store, dir, &sum, err);
	if (code == ERR_NONE) {
		tree_put(&sum, result);
		if (!str_eq(sum.sha256, noted))
			code = err_set(err, ERR_FAILED,
				"point \"%s\" is not what was backed up: its tree is %.16s…, it was "
				"%.16s…",
				json_str(point, "id", ""), sum.sha256, noted);
	}
	free(dir);
	files_place_release(&store);
	return code;
}

enum err_code files_backup_check(struct call *call, json_t *result, struct err *err)
{
	const struct mono start = mono_now();
	json_t *point = NULL;

	json_put_flag(result, "ok", false);
	TRY(vault_pick(&kind, call, &point, err));
	const enum err_code code = compare(call, point, result, err);
	json_put_flag(result, "ok", code == ERR_NONE);
	json_put_int(result, "took_ms", mono_ms_since(start));
	json_decref(point);
	return code;
}

enum err_code files_points(struct call *call, json_t *result, struct err *err)
{
	return vault_points(&kind, call, result, err);
}

enum err_code files_backup_prepare(struct call *call, json_t *before, struct err *err)
{
	return vault_backup_prepare(&kind, call, before, err);
}

enum err_code files_backup_run(struct call *call, json_t *result, struct err *err)
{
	return vault_backup_run(&kind, call, result, err);
}

enum err_code files_backup_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	return vault_backup_verify(&kind, call, evidence, verdict, err);
}

enum err_code files_restore_prepare(struct call *call, json_t *before, struct err *err)
{
	return vault_restore_prepare(&kind, call, before, err);
}

enum err_code files_restore_run(struct call *call, json_t *result, struct err *err)
{
	return vault_restore_run(&kind, call, result, err);
}
