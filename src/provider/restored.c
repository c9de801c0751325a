/* restored.c: see restored.h. */
#include "restored_place.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ------------------------------------------------------------------ restore.start: prepare */

static enum err_code check_room(const struct restored_place *p, int64_t bytes, struct err *err)
{
	struct statvfs fs;

	if (access(p->parent, W_OK | X_OK) != 0)
		return err_set(err, ERR_PRECONDITION,
			"nothing may be made in \"%s\": %s", p->parent, strerror(errno));
	if (statvfs(p->parent, &fs) != 0)
		return err_errno(err, "\"%s\"", p->parent);
	const int64_t room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (room >= bytes)
		return ERR_NONE;
	return err_set(err, ERR_PRECONDITION,
		"the point takes %" PRId64 " bytes and \"%s\" has room for %" PRId64, bytes,
		p->parent, room);
}

enum err_code restored_prepare(
	struct call *call, int64_t bytes, json_t *before, struct err *err)
{
	struct restored_place p;
	enum err_code code = restored_place_of(call, &p, err);

	if (code == ERR_NONE && str_eq(p.state, "used") && !call_bool(call, "overwrite"))
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" holds something: restore to a new directory, or set overwrite = "
			"true to put it aside",
			p.to);
	if (code == ERR_NONE)
		code = check_room(&p, bytes, err);
	if (code == ERR_NONE) {
		json_put_str(before, "state", p.state);
		json_put(before, "undo", json_pack("{s:s, s:{s:s}}", "op", "restore.cleanup",
						 "args", "to", p.to));
		if (!str_eq(p.state, "used")) {
			json_put_str(before, "effect", effect_name(EFFECT_CHANGE));
			json_put_str(before, "effect_reason", "nothing is there yet");
		}
	}
	restored_place_release(&p);
	return code;
}

/* ------------------------------------------------------------------ restore.start: run */

static enum err_code sync_dir(const char *path, bool whole, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool good = fd >= 0 && (whole ? syncfs(fd) : fsync(fd)) == 0;
	const enum err_code code = good ? ERR_NONE : err_errno(err, "cannot sync \"%s\"", path);

	if (fd >= 0)
		close(fd);
	return code;
}

static bool move(const char *from, const char *to, unsigned flags)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) == 0)
		return true;
	/* a file system that knows no flags (NFS); exchanging needs them */
	return errno == EINVAL && flags == RENAME_NOREPLACE && rename(from, to) == 0;
}

/* The moment of the effect is one rename. */
static enum err_code put_in_place(const struct restored_place *p, const char *from, struct err *err)
{
	bool good;

	if (str_eq(p->state, "used"))
		/* beside it under the name that what is there now gets by changing places */
		good = move(from, p->kept, RENAME_NOREPLACE) &&
		       move(p->kept, p->to, RENAME_EXCHANGE);
	else
		good = move(from, p->to, str_eq(p->state, "empty") ? 0 : RENAME_NOREPLACE);
	if (!good)
		return errno == EEXIST || errno == ENOTEMPTY
			       ? err_set(err, ERR_CONFLICT,
					 "\"%s\" came into being meanwhile: nothing was restored",
					 str_eq(p->state, "used") ? p->kept : p->to)
			       : err_errno(err, "cannot put what was restored at \"%s\"", p->to);
	const enum err_code code = sync_dir(p->parent, false, err);
	if (code != ERR_NONE)
		err->world = WORLD_CHANGED;
	return code;
}

static json_t *new_record(struct call *call, const struct restored_place *p)
{
	json_t *record = json_object();

	json_put_str(record, "format", RESTORED_FORMAT);
	json_put_str(record, "state", "fetching");
	json_put_str(record, "key", call_key(call));
	json_put_str(record, "part", p->part);
	if (str_eq(p->state, "used"))
		json_put_str(record, "kept", p->kept);
	return record;
}

static enum err_code complete(const struct restored_place *p, const char *from, json_t *record,
	json_t *result, struct err *err)
{
	struct stat st;

	if (lstat(from, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAILED, "the point has no directory for \"%s\"", p->to);
	TRY(sync_dir(from, true, err));
	json_put_str(record, "state", "complete");
	json_put_int(record, "dev", (int64_t)st.st_dev);
	json_put_int(record, "ino", (int64_t)st.st_ino);
	json_put_int(record, "at_ns", wall_now().ns);
	json_put(record, "result", json_deep_copy(result));
	TRY(restored_write_record(p, record, err));
	return put_in_place(p, from, err);
}

static void put_facts(const struct restored_place *p, const json_t *facts, struct mono start,
	json_t *result)
{
	json_put_str(result, "path", p->to);
	json_put_str(result, "point", json_str(facts, "point", NULL));
	if (json_object_get(facts, "point_ms") != NULL)
		json_put_int(result, "recovery_point_ms", json_int(facts, "point_ms", 0));
	if (json_object_get(facts, "tree") != NULL)
		json_put_str(result, "expected_tree", json_str(facts, "tree", NULL));
	if (str_eq(p->state, "used"))
		json_put_str(result, "kept", p->kept);
	json_put_int(result, "took_ms", mono_ms_since(start));
}

/* After a failure: the target is as it was, and nothing of ours is left beside it. */
static enum err_code give_up(const struct restored_place *p, const json_t *record, struct err *err)
{
	struct err why = { 0 };

	if (err->world == WORLD_CHANGED)
		return err->code;
	err->world = WORLD_UNCHANGED;
	if (restored_remove_debris(NULL, record, &why) != ERR_NONE) {
		err->world = WORLD_CHANGED;
		return err_context(err, "\"%s\" is left over", p->part);
	}
	unlink(p->record);
	return err->code;
}

/* Of an attempt that was killed: its record is about to be written over. */
static enum err_code clear_old(struct call *call, const struct restored_place *p, struct err *err)
{
	json_t *old = restored_read_record(p);
	enum err_code code = ERR_NONE;

	if (old != NULL && !restored_is_restored(p, old))
		code = restored_remove_debris(call, old, err);
	if (code == ERR_NONE)
		code = tree_delete(call, p->part, err);
	json_decref(old);
	return code;
}

enum err_code restored_run(struct call *call, restored_fetch *fetch, void *arg,
	json_t *result, struct err *err)
{
	const struct mono start = mono_now();
	json_t *record = NULL;
	char *from = NULL;
	struct restored_place p;
	enum err_code code = restored_place_of(call, &p, err);

	if (code == ERR_NONE && !str_eq(p.state, json_str(call_before(call), "state", NULL)))
		code = err_set(err, ERR_CONFLICT,
			"\"%s\" is no longer as it was when this was prepared", p.to);
	if (code == ERR_NONE)
		code = clear_old(call, &p, err);
	if (code != ERR_NONE)
		goto out;
	record = new_record(call, &p);
	json_t *facts = json_object();
	json_put(record, "expect", facts);
	code = restored_write_record(&p, record, err);
	if (code == ERR_NONE && mkdir(p.part, 0700) != 0)
		code = err_errno(err, "cannot make \"%s\"", p.part);
	if (code == ERR_NONE)
		code = fetch(arg, call, p.part, &from, facts, err);
	if (code == ERR_NONE) {
		put_facts(&p, facts, start, result);
		code = complete(&p, from, record, result, err);
	}
	if (code != ERR_NONE)
		code = give_up(&p, record, err);
	else if ((code = tree_delete(NULL, p.part, err)) != ERR_NONE) /* what was above from */
		err->world = WORLD_CHANGED;
out:
	json_decref(record);
	free(from);
	restored_place_release(&p);
	return code;
}

enum err_code restored_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	struct restored_place p;
	enum err_code code = restored_place_of(call, &p, err);
	json_t *record = code == ERR_NONE ? restored_read_record(&p) : NULL;
	const bool ours = str_eq(json_str(record, "key", NULL), call_key(call));

	*verdict = VERDICT_NOT_DONE;
	if (code == ERR_NONE) {
		json_put_str(evidence, "target", p.state);
		json_put_str(evidence, "restored_by", json_str(record, "key", NULL));
		json_put_str(evidence, "record", json_str(record, "state", NULL));
	}
	if (code == ERR_NONE && ours && restored_is_restored(&p, record)) {
		*verdict = VERDICT_DONE;
		json_put(evidence, "result",
			json_incref(json_object_get(record, "result")));
	} else if (code == ERR_NONE && ours &&
		   str_eq(json_str(record, "state", NULL), "complete") &&
		   !path_exists(p.part) && !restored_is_aside(record)) {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason",
			"it was restored, and the directory that is there now is another one");
	}
	json_decref(record);
	restored_place_release(&p);
	return code;
}

/* ------------------------------------------------------------------ restore.validate */

static void first_names(const json_t *diff, char *out, size_t size)
{
	const char *what;
	json_t *list, *name;
	size_t len = 0, i;

	out[0] = '\0';
	json_object_foreach((json_t *)diff, what, list)
	{
		json_array_foreach(list, i, name)
		{
			if (i >= 2 || len >= size)
				break;
			const int n = snprintf(out + len, size - len, "%s%s \"%s\"",
				len > 0 ? ", " : "", what, json_string_value(name));
			len += n > 0 ? (size_t)n : 0;
		}
	}
}

static enum err_code against_tree(struct call *call, const char *to, const char *like,
	json_t *result, struct err *err)
{
	json_t *diff = NULL;
	char names[400];
	int64_t count = 0;

	json_put_str(result, "compared_with", like);
	if (!path_exists(like))
		return err_set(err, ERR_NOT_FOUND, "there is no tree \"%s\" to compare with", like);
	const enum err_code code = tree_diff(call, like, to, 20, &diff, &count, err);
	json_put(result, "differences", diff);
	if (code != ERR_NONE || count == 0)
		return code;
	first_names(diff, names, sizeof(names));
	return err_set(err, ERR_FAILED, "\"%s\" differs from \"%s\" in %" PRId64 " names: %s", to,
		like, count, names);
}

static enum err_code against_digest(const char *to, const char *expected, const char *whose,
	json_t *result, struct err *err)
{
	json_put_str(result, "compared_with", whose);
	if (str_eq(json_str(result, "tree", NULL), expected))
		return ERR_NONE;
	return err_set(err, ERR_FAILED,
		"\"%s\" is not what was backed up: its tree is %.16s…, %s is %.16s…", to,
		json_str(result, "tree", ""), whose, expected);
}

static enum err_code compare(struct call *call, const struct restored_place *p, const json_t *record,
	json_t *result, struct err *err)
{
	const char *tree = call_string(call, "tree"), *like = call_string(call, "like");
	const char *noted = json_str(json_object_get(record, "expect"), "tree", NULL);

	if (tree == NULL && like == NULL && noted == NULL)
		return err_set(err, ERR_PRECONDITION,
			"there is nothing to compare \"%s\" with: its point has no digest; give "
			"tree or like",
			p->to);
	if (tree != NULL)
		TRY(against_digest(p->to, tree, "the given digest", result, err));
	else if (like == NULL)
		TRY(against_digest(p->to, noted, "the digest of the backup", result, err));
	return like != NULL ? against_tree(call, p->to, like, result, err) : ERR_NONE;
}

enum err_code restored_validate(struct call *call, json_t *result, struct err *err)
{
	const int64_t least = call_int(call, "min_files");
	json_t *record = NULL;
	struct tree_sum sum;
	struct restored_place p;
	enum err_code code = restored_place_of(call, &p, err);

	json_put_flag(result, "ok", false);
	if (code == ERR_NONE && str_eq(p.state, "absent"))
		code = err_set(err, ERR_NOT_FOUND, "there is no directory \"%s\"", p.to);
	if (code == ERR_NONE)
		code = tree_sum(call, p.to, &sum, err);
	if (code != ERR_NONE)
		goto out;
	tree_put(&sum, result);
	record = restored_read_record(&p);
	if (record != NULL && !restored_is_restored(&p, record)) {
		json_decref(record);
		record = NULL;
	}
	if (record != NULL) {
		const json_t *facts = json_object_get(record, "expect");

		json_put_str(result, "point", json_str(facts, "point", NULL));
		json_put(result, "recovery_point_ms",
			json_incref(json_object_get(facts, "point_ms")));
	}
	if (sum.files < least)
		code = err_set(err, ERR_FAILED, "\"%s\" has %" PRId64 " files, expected are %" PRId64,
			p.to, sum.files, least);
	else
		code = compare(call, &p, record, result, err);
	json_put_flag(result, "ok", code == ERR_NONE);
out:
	json_decref(record);
	restored_place_release(&p);
	return code;
}

/* ------------------------------------------------------------------ restore.cleanup */

/* What an interrupted restore or cleanup left is ours as well. */
static bool has_debris(const json_t *record)
{
	return record != NULL && (!str_eq(json_str(record, "state", NULL), "complete") ||
					 path_exists(json_str(record, "part", "")) ||
					 restored_is_aside(record));
}

static enum err_code check_removable(
	const struct restored_place *p, const json_t *record, struct err *err)
{
	const char *kept = json_str(record, "kept", NULL);
	const bool whole = restored_is_restored(p, record);

	if (!whole && !has_debris(record))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" was not restored by drillbook, or is another directory now: it is "
			"not removed",
			p->to);
	if (whole && kept != NULL && !path_exists(kept))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\", which stood there before, is not there to be put back", kept);
	return ERR_NONE;
}

enum err_code restored_cleanup_prepare(struct call *call, json_t *before, struct err *err)
{
	struct restored_place p;
	enum err_code code = restored_place_of(call, &p, err);
	json_t *record = code == ERR_NONE ? restored_read_record(&p) : NULL;

	if (code == ERR_NONE)
		code = check_removable(&p, record, err);
	if (code == ERR_NONE) {
		const struct wall at = { json_int(record, "at_ns", 0) };
		const bool whole = restored_is_restored(&p, record);

		json_put_flag(before, "restored", whole);
		json_put_int(before, "ino", whole ? (int64_t)p.st.st_ino : 0);
		json_put_flag(before, "puts_back",
			whole && json_object_get(record, "kept") != NULL);
		if (!whole || tree_untouched(p.to, at)) {
			json_put_str(before, "effect", effect_name(EFFECT_CHANGE));
			json_put_str(before, "effect_reason",
				whole ? "nothing in it was changed since it was restored"
				      : "only what an interrupted call left beside it");
		}
	}
	json_decref(record);
	restored_place_release(&p);
	return code;
}

/* The directory leaves its name first, so that nobody finds half of it. */
static enum err_code take_away(const struct restored_place *p, const json_t *record, struct err *err)
{
	const char *kept = json_str(record, "kept", NULL);

	if (kept != NULL)
		return move(kept, p->to, RENAME_EXCHANGE)
			       ? ERR_NONE
			       : err_errno(err, "cannot put \"%s\" back", kept);
	if (rename(p->to, json_str(record, "aside", "")) != 0)
		return err_errno(err, "cannot move \"%s\" aside", p->to);
	return ERR_NONE;
}

/* The record says what is going on before anything does. */
static enum err_code remove_restored(
	struct call *call, const struct restored_place *p, json_t *record, struct err *err)
{
	const bool whole = restored_is_restored(p, record);
	enum err_code code = ERR_NONE;

	if (json_str(record, "aside", NULL) != NULL) /* of an earlier one that was killed */
		code = tree_delete(call, json_str(record, "aside", ""), err);
	json_put_str(record, "state", "removing");
	json_put_str(record, "aside", p->aside);
	if (code == ERR_NONE)
		code = restored_write_record(p, record, err);
	if (code == ERR_NONE && whole)
		code = take_away(p, record, err);
	if (code != ERR_NONE)
		return code;
	/* what is left from here on can be removed by another call */
	code = restored_remove_debris(call, record, err);
	if (code == ERR_NONE && unlink(p->record) != 0)
		code = err_errno(err, "cannot remove \"%s\"", p->record);
	if (code != ERR_NONE)
		err->world = WORLD_CHANGED;
	return code;
}

enum err_code restored_cleanup(struct call *call, json_t *result, struct err *err)
{
	struct restored_place p;
	enum err_code code = restored_place_of(call, &p, err);
	json_t *record = code == ERR_NONE ? restored_read_record(&p) : NULL;

	if (code == ERR_NONE)
		code = check_removable(&p, record, err);
	if (code == ERR_NONE) {
		json_put_flag(result, "put_back",
			restored_is_restored(&p, record) && json_object_get(record, "kept") != NULL);
		code = remove_restored(call, &p, record, err);
	}
	json_decref(record);
	restored_place_release(&p);
	return code;
}

enum err_code restored_cleanup_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	const int64_t ino = json_int(call_before(call), "ino", 0);
	struct restored_place p;
	const enum err_code code = restored_place_of(call, &p, err);

	if (code == ERR_NONE) {
		const bool gone = str_eq(p.state, "absent") || (int64_t)p.st.st_ino != ino;
		const bool record = path_exists(p.record);

		json_put_flag(evidence, "gone", gone);
		json_put_flag(evidence, "record", record);
		*verdict = gone && !record ? VERDICT_DONE : VERDICT_NOT_DONE;
	}
	restored_place_release(&p);
	return code;
}

/* ------------------------------------------------------------------ tables */

const struct field restored_results[] = {
	{ .name = "path", .type = FIELD_STRING, .help = "the restored directory" },
	{ .name = "point", .type = FIELD_STRING, .help = "the point it was restored from" },
	{ .name = "recovery_point_ms", .type = FIELD_INT, .unit = "ms", .help = "the point's time" },
	{ .name = "expected_tree",
		.type = FIELD_STRING,
		.help = "the digest noted at backup, when there is one" },
	{ .name = "kept", .type = FIELD_STRING, .help = "where what was there is now" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it took" },
	FIELD_END
};
const struct field restored_validate_params[] = {
	{ .name = "to", .type = FIELD_PATH, .required = true, .help = "the restored directory" },
	{ .name = "tree", .type = FIELD_STRING, .help = "the digest it must have" },
	{ .name = "like", .type = FIELD_PATH, .help = "a tree it must be equal to" },
	{ .name = "min_files",
		.type = FIELD_INT,
		.fallback = "1",
		.help = "fewer files are a failure: an empty tree proves nothing" },
	FIELD_END
};
const struct field restored_validate_results[] = { TREE_RESULTS,
	{ .name = "ok", .type = FIELD_BOOL, .help = "it is what it should be" },
	{ .name = "compared_with", .type = FIELD_STRING, .help = "what with" },
	{ .name = "differences",
		.type = FIELD_MAP,
		.help = "with like: missing, extra and changed names, at most 20 each" },
	{ .name = "point", .type = FIELD_STRING, .help = "the point it was restored from" },
	{ .name = "recovery_point_ms", .type = FIELD_INT, .unit = "ms", .help = "its time" },
	FIELD_END };
const struct field restored_cleanup_params[] = {
	{ .name = "to", .type = FIELD_PATH, .required = true, .help = "what restore.start made" },
	FIELD_END
};
