/* postgres_restore.c: restore.start and restore.cleanup: a recovery point becomes a directory
 * that PostgreSQL can be started from, and goes again.
 *
 * The copy is made in TO.restoring, gets its recovery settings there, and then its name in one
 * step; so TO is complete or as it was.  TO.restoring.lock is held while somebody works in it:
 * what an attempt that was cut off has left is recognised by the lock being free, and is made
 * anew. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_restore.h"
#include "postgres_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESTORING ".restoring"
#define REMOVING ".removing"

static char *beside(const char *path, const char *suffix)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return xasprintf("%.*s%s", (int)len, path, suffix);
}

/* ------------------------------------------------------------------ the marker */

enum err_code restore_marker(struct call *call, const char *dir, json_t **out, struct err *err)
{
	const struct node node = { .call = call, .data_dir = dir };
	char *text = NULL;
	struct stat st;

	*out = NULL;
	if (!node_has(&node, RESTORE_MARKER))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" was not made by restore.start (it has no " RESTORE_MARKER ")",
			dir);
	TRY(node_read(&node, RESTORE_MARKER, &text, err));
	enum err_code code = json_parse(text, strlen(text), out, err);
	free(text);
	if (code == ERR_NONE && stat(dir, &st) != 0)
		code = err_errno(err, "cannot look at \"%s\"", dir);
	if (code == ERR_NONE && ((int64_t)st.st_ino != json_int(*out, "inode", 0) ||
					(int64_t)st.st_dev != json_int(*out, "device", 0)))
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" is a copy of a restored cluster, not the one that was restored",
			dir);
	if (code != ERR_NONE) {
		json_decref(*out);
		*out = NULL;
	}
	return code;
}

enum err_code restore_put_marker(const char *dir, json_t *marker, struct err *err)
{
	char *path = path_join(dir, RESTORE_MARKER), *text;
	enum err_code code = ERR_NONE;
	struct stat st;

	if (stat(dir, &st) != 0) {
		code = err_errno(err, "cannot look at \"%s\"", dir);
	} else {
		json_put_int(marker, "inode", (int64_t)st.st_ino);
		json_put_int(marker, "device", (int64_t)st.st_dev);
		text = json_line(marker);
		code = file_replace(path, text, strlen(text), 0600, err);
		free(text);
	}
	free(path);
	return code;
}

/* ------------------------------------------------------------------ prepare: to which point */

/* Parameter, the setting of PostgreSQL it becomes. */
static const struct {
	const char *param, *setting;
} targets[] = {
	{ "target_time", "recovery_target_time" },
	{ "target_time_ms", "recovery_target_time" },
	{ "target_lsn", "recovery_target_lsn" },
	{ "target_xid", "recovery_target_xid" },
	{ "target_name", "recovery_target_name" },
	{ "target_immediate", "recovery_target" },
};

static enum err_code target_value(
	struct call *call, const char *param, char **out, int64_t *time_ms, struct err *err)
{
	struct wall at = { 0 };
	char text[40];
	uint64_t lsn;

	*out = NULL;
	if (str_eq(param, "target_immediate")) {
		*out = call_bool(call, param) ? xstrdup("immediate") : NULL;
		return ERR_NONE;
	}
	if (!call_has(call, param))
		return ERR_NONE;
	if (str_eq(param, "target_time_ms"))
		at.ns = call_int(call, param) * 1000000;
	else if (str_eq(param, "target_time"))
		TRY(wall_parse(call_string(call, param), &at, err));
	if (at.ns != 0) {
		/* the setting is read before PostgreSQL knows any zone by its name, also Z */
		*time_ms = at.ns / 1000000;
		wall_format(text, sizeof(text), at);
		*out = xasprintf("%.10s %.12s+00", text, text + 11);
	} else if (str_eq(param, "target_lsn") && !lsn_parse(call_string(call, param), &lsn)) {
		return err_set(err, ERR_USAGE, "target_lsn \"%s\" must look like 0/3000060",
			call_string(call, param));
	} else if (str_eq(param, "target_xid")) {
		*out = xasprintf("%" PRId64, call_int(call, param));
	} else {
		*out = xstrdup(call_string(call, param));
	}
	return ERR_NONE;
}

/* before["target"] = {setting, value}, absent when everything the archive has is replayed. */
static enum err_code take_target(
	struct call *call, json_t *before, int64_t *time_ms, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		char *value = NULL;
		TRY(target_value(call, targets[i].param, &value, time_ms, err));
		if (value == NULL)
			continue;
		const bool second = json_object_get(before, "target") != NULL;
		json_put(before, "target",
			json_pack("{s:s,s:s}", "setting", targets[i].setting, "value", value));
		free(value);
		if (second)
			return err_set(
				err, ERR_USAGE, "restore.start takes one target, not several");
	}
	return ERR_NONE;
}

/* A time before the copy was finished cannot be reached with this copy. */
static enum err_code check_point(
	const json_t *point, int64_t time_ms, bool has_archive, json_t *before, struct err *err)
{
	const json_t *target = json_object_get(before, "target");
	char text[40];

	if (time_ms != 0 && json_int(point, "stop_ms", 0) > time_ms)
		return err_set(err, ERR_PRECONDITION,
			"backup \"%s\" was finished at %s: choose an earlier one for that time",
			json_str(point, "id", ""),
			wall_format(text, sizeof(text),
				(struct wall){ json_int(point, "stop_ms", 0) * 1000000 }));
	if (target != NULL && !has_archive &&
		!str_eq(json_str(target, "value", ""), "immediate"))
		return err_set(err, ERR_PRECONDITION,
			"a point in time needs an archive of WAL: set wal_archive or "
			"restore_command");
	json_put(before, "point", json_incref((json_t *)point));
	return ERR_NONE;
}

static enum err_code choose(
	const struct restorer *restorer, struct call *call, json_t *before, struct err *err)
{
	json_t *points = NULL;
	const json_t *point = NULL;
	int64_t time_ms = 0;
	char *command = NULL;

	TRY(take_target(call, before, &time_ms, err));
	TRY(restorer->restore_command(call, call_string(call, "to"), &command, err));
	enum err_code code = restorer->points(call, &points, err);
	if (code == ERR_NONE)
		code = point_choose(points, call_string(call, "from"), time_ms, &point, err);
	if (code == ERR_NONE)
		code = check_point(point, time_ms, command != NULL, before, err);
	json_decref(points);
	free(command);
	return code;
}

/* ------------------------------------------------------------------ prepare: where to */

static bool is_empty_dir(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0;

	if (dir == NULL)
		return false;
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count <= 2;
}

static enum err_code check_place(struct call *call, json_t *before, struct err *err)
{
	const char *to = call_string(call, "to");
	const struct node node = { .call = call, .data_dir = to };
	char *parent = tree_parent(to);
	const bool there = path_exists(to), empty = there && is_empty_dir(to);
	enum err_code code = ERR_NONE;

	/* it gets into configuration files */
	if (strchr(to, '\n') != NULL)
		code = err_set(err, ERR_USAGE, "to: a path of several lines is refused");
	else if (access(parent, W_OK | X_OK) != 0)
		code = err_errno(err, "nothing can be made in \"%s\"", parent);
	free(parent);
	TRY(code);
	json_put_flag(before, "exists", there && !empty);
	if (!there || empty) {
		json_put_str(before, "effect", effect_name(EFFECT_CHANGE));
		json_put_str(before, "effect_reason", "nothing is there yet");
		json_put(before, "undo",
			json_pack("{s:s,s:{s:s}}", "op", "restore.cleanup", "args", "to", to));
		return ERR_NONE;
	}
	if (!call_bool(call, "overwrite"))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is not empty: restore to a new directory, or set overwrite = "
			"true "
			"to put the restored cluster in its place",
			to);
	if (!node_has(&node, "PG_VERSION"))
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is not empty and is no data directory of PostgreSQL: it is not "
			"touched",
			to);
	if (node_postmaster(&node, NULL) != 0)
		return err_set(err, ERR_PRECONDITION,
			"a PostgreSQL runs in \"%s\": stop it first", to);
	return ERR_NONE;
}

/* Held by whoever makes TO.restoring; ERR_HELD.  *fd is the caller's to close. */
static enum err_code hold(const char *to, int *fd, struct err *err)
{
	char *path = beside(to, RESTORING ".lock");
	enum err_code code = ERR_NONE;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		code = err_errno(err, "cannot make \"%s\"", path);
	else if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
		code = err_set(err, ERR_HELD, "another restore to \"%s\" is under way", to);
	if (code != ERR_NONE && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	free(path);
	return code;
}

enum err_code restore_prepare(
	const struct restorer *restorer, struct call *call, json_t *before, struct err *err)
{
	const char *to = call_string(call, "to");
	char *part = beside(to, RESTORING), *lock = beside(to, RESTORING ".lock");
	enum err_code code = check_place(call, before, err);

	/* one that nobody has locked is not ours to take away */
	if (code == ERR_NONE && path_exists(part) && !path_exists(lock))
		code = err_set(err, ERR_CONFLICT,
			"\"%s\" is there and not from a restore that was cut off: look at it "
			"and "
			"remove it",
			part);
	if (code == ERR_NONE)
		code = choose(restorer, call, before, err);
	if (code == ERR_NONE)
		code = tree_room(
			to, json_int(json_object_get(before, "point"), "bytes", 0), err);
	free(lock);
	free(part);
	return code;
}

/* ------------------------------------------------------------------ run */

/* Not what the copy was, but what it is to become: a cluster of its own that recovers to the
 * target once, archives nothing into the archive it comes from, and follows nobody. */
static enum err_code configure(const struct restorer *restorer, struct call *call,
	const struct node *node, struct err *err)
{
	static const char *const not_copied[] = { "standby.signal", NODE_MARKER,
		"drillbook.pgpass", "postmaster.opts", "postmaster.pid", RESTORE_MARKER };
	const json_t *target = json_object_get(call_before(call), "target");
	char *command = NULL;
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < COUNT_OF(not_copied); i++)
		code = node_remove(node, not_copied[i], err);
	for (size_t i = 0; code == ERR_NONE && i < COUNT_OF(targets); i++)
		code = node_set(node, targets[i].setting, NULL, err);
	if (code == ERR_NONE)
		code = restorer->restore_command(call, call_string(call, "to"), &command, err);
	/* without an archive the command only says that there is nothing more */
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "restore_command", command != NULL ? command : "false" },
		{ "recovery_target_action", "promote" },
		{ "recovery_target_timeline", call_string(call, "timeline") },
		{ "recovery_target_inclusive", call_bool(call, "inclusive") ? "on" : "off" },
		{ "archive_mode", call_bool(call, "archive") ? NULL : "off" },
		{ "primary_conninfo", "" },
		{ "primary_slot_name", "" },
		{ "synchronous_standby_names", "" },
		{ json_str(target, "setting", ""), json_str(target, "value", NULL) },
	};
	for (size_t i = 0; code == ERR_NONE && i < COUNT_OF(rows); i++)
		if (rows[i].name[0] != '\0')
			code = node_set(node, rows[i].name, rows[i].value, err);
	if (code == ERR_NONE)
		code = node_write(node, "recovery.signal", "", err);
	free(command);
	return code;
}

static enum err_code sign(struct call *call, const char *dir, struct err *err)
{
	const json_t *before = call_before(call);
	json_t *marker = json_object();

	json_put_str(marker, "key", call_key(call));
	json_put_int(marker, "at_ms", wall_now().ns / 1000000);
	json_put_flag(marker, "replaced", json_flag(before, "exists", false));
	json_put(marker, "point", json_incref(json_object_get(before, "point")));
	json_put(marker, "target", json_incref(json_object_get(before, "target")));
	enum err_code code = restore_put_marker(dir, marker, err);
	json_decref(marker);
	return code;
}

/* What was there gets another name; nothing is lost that cannot be named back. */
static enum err_code put_in_place(
	struct call *call, const char *part, const char *to, json_t *result, struct err *err)
{
	enum err_code code = ERR_NONE;
	char suffix[48], *kept;

	if (!json_flag(call_before(call), "exists", false))
		return rename(part, to) == 0 ? ERR_NONE
					     : err_errno(err, "cannot rename \"%s\"", part);
	if (renameat2(AT_FDCWD, part, AT_FDCWD, to, RENAME_EXCHANGE) != 0)
		return err_errno(err, "cannot put \"%s\" in place", part);
	err->world = WORLD_CHANGED;
	snprintf(suffix, sizeof(suffix), ".replaced-%" PRId64, wall_now().ns / 1000000000);
	kept = beside(to, suffix);
	if (rename(part, kept) != 0)
		code = err_errno(err, "cannot rename \"%s\"", part);
	json_put_str(result, "kept", code == ERR_NONE ? kept : part);
	call_log(call, "what was there is kept as %s", code == ERR_NONE ? kept : part);
	free(kept);
	return code;
}

static enum err_code make(const struct restorer *restorer, struct call *call, const char *part,
	json_t *result, struct err *err)
{
	const json_t *point = json_object_get(call_before(call), "point");
	const struct node node = { .call = call, .data_dir = part };
	const char *to = call_string(call, "to");
	struct mono start = mono_now();

	TRY(restorer->copy(call, point, part, err));
	json_put_int(result, "copy_ms", mono_ms_since(start));
	if (!node_has(&node, "PG_VERSION") || !node_has(&node, "global/pg_control"))
		return err_set(err, ERR_FAILED,
			"what was restored from \"%s\" is no data directory of PostgreSQL",
			json_str(point, "id", ""));
	TRY(configure(restorer, call, &node, err));
	TRY(sign(call, part, err));
	TRY(tree_sync_dir(part, err));
	TRY(put_in_place(call, part, to, result, err));
	char *parent = tree_parent(to);
	enum err_code code = tree_sync_dir(parent, err);
	free(parent);
	return code;
}

static void describe(const json_t *before, const char *to, json_t *result)
{
	const json_t *point = json_object_get(before, "point");
	const json_t *target = json_object_get(before, "target");

	json_put_str(result, "path", to);
	json_put_str(result, "from", json_str(point, "id", NULL));
	json_put_int(result, "bytes", json_int(point, "bytes", 0));
	json_put_str(result, "target", json_str(target, "value", "end of the archive"));
}

enum err_code restore_run(
	const struct restorer *restorer, struct call *call, json_t *result, struct err *err)
{
	const char *to = call_string(call, "to");
	char *part = beside(to, RESTORING), *lock = beside(to, RESTORING ".lock");
	struct mono start = mono_now();
	struct err ignored = { 0 };
	int fd = -1;

	enum err_code code = hold(to, &fd, err);
	if (code == ERR_NONE)
		code = tree_remove(call, part, NULL, err);
	if (code == ERR_NONE) {
		code = make(restorer, call, part, result, err);
		const enum world world = err->world;
		/* it may have been ended at any point; half a copy is of no use to anybody */
		if (code != ERR_NONE && world != WORLD_CHANGED &&
			tree_remove(NULL, part, NULL, &ignored) != ERR_NONE)
			call_log(call, "%s is left behind: %s", part, ignored.text);
		if (code != ERR_NONE && world != WORLD_CHANGED)
			err->world = WORLD_UNCHANGED;
	}
	if (fd >= 0) {
		unlink(lock);
		close(fd);
	}
	if (code == ERR_NONE) {
		describe(call_before(call), to, result);
		json_put_int(result, "took_ms", mono_ms_since(start));
	}
	free(lock);
	free(part);
	return code;
}

VERIFY(restore_verify)
{
	const char *to = call_string(call, "to");
	char *part = beside(to, RESTORING);
	struct err why = { 0 };
	json_t *marker = NULL;

	(void)err;
	json_put_flag(evidence, "incomplete", path_exists(part));
	free(part);
	*verdict = VERDICT_NOT_DONE;
	if (restore_marker(call, to, &marker, &why) != ERR_NONE) {
		json_put_str(evidence, "found", why.text);
		return ERR_NONE;
	}
	json_put_str(evidence, "restored_by", json_str(marker, "key", NULL));
	if (str_eq(json_str(marker, "key", NULL), call_key(call))) {
		json_t *result = json_object();
		describe(call_before(call), to, result);
		json_put(evidence, "result", result);
		*verdict = VERDICT_DONE;
	}
	json_decref(marker);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ from a base backup */

/* A command goes through PostgreSQL's own holes and then a shell. */
static enum err_code base_restore_command(
	struct call *call, const char *dir, char **out, struct err *err)
{
	const char *given = setting_string(call, "restore_command");
	const char *archive = setting_string(call, "wal_archive");

	(void)dir;
	*out = given != NULL ? xstrdup(given) : NULL;
	if (given != NULL || archive == NULL)
		return ERR_NONE;
	if (strpbrk(archive, "%\"'`$\\\n") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			"wal_archive \"%s\" has characters that a command would take for its "
			"own: "
			"set restore_command",
			archive);
	*out = xasprintf("cp \"%s/%%f\" \"%%p\"", archive);
	return ERR_NONE;
}

static enum err_code base_list(struct call *call, json_t **out, struct err *err)
{
	return base_points(call, out, NULL, err);
}

/* The copy is what is checked: a byte that was read wrong or written wrong shows, too. */
static enum err_code base_copy(
	struct call *call, const json_t *point, const char *dir, struct err *err)
{
	json_t *found = json_object();
	enum err_code code = tree_copy(
		call, json_str(point, "path", ""), dir, json_int(point, "bytes", 0), err);

	if (code == ERR_NONE)
		code = base_verify(call, dir, json_str(point, "id", ""), found, err);
	json_decref(found);
	return code;
}

static const struct restorer base_restorer = {
	.points = base_list, .copy = base_copy, .restore_command = base_restore_command
};

PREPARE(postgres_restore_prepare)
{
	return restore_prepare(&base_restorer, call, before, err);
}

RUN(postgres_restore)
{
	return restore_run(&base_restorer, call, result, err);
}

/* ------------------------------------------------------------------ cleanup */

/* Where it is by now: TO, or what a removal that was cut off has left.  Owned. */
static char *find_remains(const char *to)
{
	char *removing = beside(to, REMOVING);

	if (!path_exists(to) && path_exists(removing))
		return removing;
	free(removing);
	return xstrdup(to);
}

PREPARE(restore_cleanup_prepare)
{
	char *path = find_remains(call_string(call, "to"));
	const struct node node = { .call = call, .data_dir = path };
	json_t *marker = NULL;
	enum err_code code = ERR_NONE;

	if (!path_exists(path))
		code = err_set(err, ERR_PRECONDITION, "\"%s\" is not there", path);
	if (code == ERR_NONE)
		code = restore_marker(call, path, &marker, err);
	if (code == ERR_NONE && json_flag(marker, "replaced", true))
		code = err_set(err, ERR_PRECONDITION,
			"\"%s\" was restored in the place of another: it is in use, not debris",
			path);
	if (code == ERR_NONE && node_postmaster(&node, NULL) != 0 && !private_is_ours(&node))
		code = err_set(err, ERR_PRECONDITION,
			"a PostgreSQL runs in \"%s\": stop it first, if it is not in use",
			path);
	if (code == ERR_NONE) {
		json_put_int(before, "inode", json_int(marker, "inode", 0));
		json_put_int(before, "device", json_int(marker, "device", 0));
		json_put_str(before, "restored_by", json_str(marker, "key", ""));
		json_put(before, "point", json_incref(json_object_get(marker, "point")));
	}
	json_decref(marker);
	free(path);
	return code;
}

/* True when path is the directory that prepare saw. */
static bool is_same(const char *path, const json_t *before)
{
	struct stat st;

	return stat(path, &st) == 0 && (int64_t)st.st_ino == json_int(before, "inode", 0) &&
	       (int64_t)st.st_dev == json_int(before, "device", 0);
}

RUN(restore_cleanup)
{
	const char *to = call_string(call, "to");
	char *path = find_remains(to), *removing = beside(to, REMOVING);
	const struct node node = { .call = call, .data_dir = path };
	struct mono start = mono_now();
	enum err_code code = ERR_NONE;

	if (!is_same(path, call_before(call)))
		code = err_set(err, ERR_CONFLICT,
			"\"%s\" is not the directory that was looked at", path);
	if (code == ERR_NONE)
		code = private_end_earlier(&node, err);
	if (code == ERR_NONE && node_postmaster(&node, NULL) != 0)
		code = err_set(err, ERR_PRECONDITION, "a PostgreSQL runs in \"%s\"", path);
	if (code == ERR_NONE && !str_eq(path, removing) && rename(path, removing) != 0)
		code = err_errno(err, "cannot rename \"%s\"", path);
	if (code == ERR_NONE) {
		code = tree_remove(call, removing, RESTORE_MARKER, err);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	json_put_str(result, "path", to);
	json_put_int(result, "took_ms", mono_ms_since(start));
	free(removing);
	free(path);
	return code;
}

VERIFY(restore_cleanup_verify)
{
	const char *to = call_string(call, "to");
	char *removing = beside(to, REMOVING);

	(void)err;
	json_put_flag(evidence, "there", path_exists(to));
	json_put_flag(evidence, "incomplete", path_exists(removing));
	/* something else may have got the name meanwhile */
	*verdict = is_same(to, call_before(call)) || path_exists(removing) ? VERDICT_NOT_DONE
									   : VERDICT_DONE;
	free(removing);
	return ERR_NONE;
}
#endif
