/* restic.c: backup and restore of trees with restic.
 *
 * restic ends with status 1 for whatever went wrong and says why in English; the sentences that
 * mean something else than "failed" are in one table.  Reads take no lock (--no-lock): they must
 * not write, and a repository that is locked can still be looked at.
 *
 * Source: restic 0.14 documentation, "Scripting", "Working with repositories". */
#include "internal.h"

#include "tool.h"
#include "vault.h"
#include "words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATHS_MAX = 128, /* and patterns, of one backup */
	ENV_ROOM = 64,
	LIST_MAX = 64 << 20,
	SIZE_MS = 15000,
	INCOMPLETE = 3, /* exit status of backup: a snapshot without what could not be read */
};

/* ------------------------------------------------------------------ running it */

/* A path without a scheme that is relative is relative to the workspace. */
static char *repository(struct call *call)
{
	const char *text = setting_string(call, "repository");
	const size_t scheme = strcspn(text, ":/");

	if (text[0] == '/' || text[scheme] == ':' || call_workspace(call)[0] == '\0')
		return xstrdup(text);
	return path_join(call_workspace(call), text);
}

/* The program, the repository and the command.  writes: it takes a lock. */
static void begin(struct words *words, struct call *call, const char *command, bool writes)
{
	char *where = repository(call);

	*words = (struct words){ 0 };
	words_add(words, setting_string(call, "program"));
	words_pair(words, "-r", where);
	free(where);
	if (setting_has(call, "cache"))
		words_pair(words, "--cache-dir", setting_string(call, "cache"));
	else
		words_add(words, "--no-cache");
	if (!writes || setting_bool(call, "read_only"))
		words_add(words, "--no-lock");
	words_add(words, command);
}

static const struct {
	const char *said;
	enum err_code code;
	const char *means;
} failures[] = {
	{ "wrong password", ERR_AUTH, "the password is not that of the repository" },
	{ "repository is already locked", ERR_HELD, "another restic holds a lock" },
	{ "unable to create lock", ERR_HELD, "no lock can be made" },
	{ "connection refused", ERR_UNREACHABLE, "connection refused" },
	{ "no such host", ERR_UNREACHABLE, "its host is not known" },
	{ "i/o timeout", ERR_UNREACHABLE, "it does not answer" },
	{ "no route to host", ERR_UNREACHABLE, "no route to it" },
	{ "Host key verification failed", ERR_AUTH, "ssh does not know the host's key" },
	{ "Permission denied (", ERR_AUTH, "ssh's key is not accepted" },
	{ "AccessDenied", ERR_AUTH, "access denied" },
	{ "no such file or directory\nIs there a repository", ERR_NOT_FOUND,
		"there is no repository" },
	{ "Is there a repository at", ERR_UNREACHABLE, "it cannot be opened" },
	{ "unsupported repository version", ERR_VERSION,
		"the repository is of a version that this restic does not know" },
};

static void first_line(const char *text, char *out, size_t size)
{
	text += strspn(text, "\r\n ");
	snprintf(out, size, "%.*s", (int)strcspn(text, "\r\n"), text);
}

/* The line that says who holds it, or why: the first that contains what the table looks for. */
static void line_with(const char *text, const char *what, char *out, size_t size)
{
	const char *at = strstr(text, what);

	while (at != NULL && at > text && at[-1] != '\n')
		at--;
	first_line(at != NULL ? at : text, out, size);
}

static enum err_code failed(struct call *call, const struct tool *tool, struct err *err)
{
	char line[300];

	for (size_t i = 0; i < COUNT_OF(failures); i++) {
		if (strstr(tool->errout.data, failures[i].said) == NULL)
			continue;
		line_with(tool->errout.data, failures[i].said, line, sizeof(line));
		return err_set(err, failures[i].code, "repository of target \"%s\": %s: %s",
			call_target(call), failures[i].means, line);
	}
	return tool_failed(tool, err);
}

static enum err_code run(struct tool *tool, struct words *words, struct err *err)
{
	char *env[ENV_ROOM + 8] = { NULL };
	size_t count = 0;
	size_t len;
	enum err_code code = vault_add_env(tool->call, env, &count, ENV_ROOM, err);
	const size_t owned = count;

	env[count++] = (char *)(uintptr_t) "RESTIC_PASSWORD_FILE={secret}";
	env[count++] = (char *)(uintptr_t) "RESTIC_PROGRESS_FPS=2";
	env[count++] = (char *)(uintptr_t) "RESTIC_*";
	env[count++] = (char *)(uintptr_t) "TZ=UTC";
	tool->argv = (const char *const *)words->list;
	tool->env = (const char *const *)env;
	tool->secret = call_secret(tool->call, "password", &len);
	tool->secret_len = len;
	if (code == ERR_NONE && tool->secret == NULL)
		code = err_set(err, ERR_AUTH, "target \"%s\" needs the secret \"password\"",
			call_target(tool->call));
	if (code == ERR_NONE) {
		code = tool_run(tool, err);
	} else {
		buf_init(&tool->out, 0);
		buf_init(&tool->errout, 0);
	}
	for (size_t i = 0; i < owned; i++)
		free(env[i]);
	tool->env = NULL;
	words_release(words);
	return code;
}

/* ------------------------------------------------------------------ points */

static void take_snapshot(const json_t *snapshot, json_t *points)
{
	json_t *point = json_object(), *tags = json_array(), *tag;
	size_t i;

	json_put_str(point, "id", json_str(snapshot, "id", ""));
	json_put_int(point, "time_ms", vault_time_ms(json_str(snapshot, "time", NULL)));
	json_put(point, "paths", json_incref(json_object_get(snapshot, "paths")));
	json_put_str(point, "host", json_str(snapshot, "hostname", ""));
	json_array_foreach(json_object_get(snapshot, "tags"), i, tag)
	{
		if (!vault_read_note(point, json_string_value(tag)))
			json_array_append(tags, tag);
	}
	json_put(point, "tags", tags);
	json_array_append_new(points, point);
}

static enum err_code list(struct call *call, json_t *points, struct err *err)
{
	struct tool tool = { .call = call, .max_output_bytes = LIST_MAX, .quiet = true };
	json_t *snapshots = NULL, *snapshot;
	struct words words;
	size_t i;

	begin(&words, call, "snapshots", false);
	words_add(&words, "--json");
	if (setting_has(call, "host"))
		words_pair(&words, "--host", setting_string(call, "host"));
	enum err_code code = run(&tool, &words, err);
	if (code == ERR_NONE && tool.exit_status != 0)
		code = failed(call, &tool, err);
	if (code == ERR_NONE)
		code = json_parse(tool.out.data, tool.out.len, &snapshots, err);
	json_array_foreach(snapshots, i, snapshot) take_snapshot(snapshot, points);
	json_decref(snapshots);
	tool_release(&tool);
	return code;
}

/* ------------------------------------------------------------------ backup.start */

struct making {
	struct call *call;
	json_t *summary;
	char unread[300]; /* the first file that could not be read */
};

static void on_backup_line(void *arg, int fd, const char *line)
{
	struct making *m = arg;
	struct err ignored = { 0 };
	json_t *row = NULL;

	if (line[0] != '{' || json_parse(line, strlen(line), &row, &ignored) != ERR_NONE) {
		if (fd == 2 && line[0] != '\0')
			call_log(m->call, "%s", line);
		return;
	}
	const char *type = json_str(row, "message_type", "");
	if (str_eq(type, "status")) {
		const json_t *done = json_object_get(row, "percent_done");

		call_progress(m->call, (int)(json_number_value(done) * 1000),
			"%" PRId64 " of %" PRId64 " MiB", json_int(row, "bytes_done", 0) >> 20,
			json_int(row, "total_bytes", 0) >> 20);
	} else if (str_eq(type, "summary")) {
		json_decref(m->summary);
		m->summary = json_incref(row);
	} else if (str_eq(type, "error")) {
		const json_t *why = json_object_get(row, "error");

		if (m->unread[0] == '\0')
			snprintf(m->unread, sizeof(m->unread), "%s", json_str(row, "item", "?"));
		call_log(m->call, "cannot read %s: %s", json_str(row, "item", "?"),
			json_str(why, "message", json_str(why, "Err", "")));
	}
	json_decref(row);
}

static void backup_words(struct words *words, struct call *call, const json_t *paths,
	const struct vault_notes *notes)
{
	json_t *texts = vault_note_texts(notes);

	begin(words, call, "backup", true);
	words_add(words, "--json");
	if (setting_has(call, "host"))
		words_pair(words, "--host", setting_string(call, "host"));
	words_all(words, "--tag", texts);
	words_all(words, "--exclude", call_json(call, "exclude"));
	words_add(words, "--");
	words_all(words, NULL, paths);
	json_decref(texts);
}

static enum err_code create(struct call *call, const json_t *paths,
	const struct vault_notes *notes, json_t *result, struct err *err)
{
	struct making m = { .call = call };
	struct tool tool = { .call = call, .on_line = on_backup_line, .arg = &m };
	struct words words;

	if (setting_bool(call, "read_only"))
		return err_set(err, ERR_PRECONDITION, "target \"%s\" is declared read_only",
			call_target(call));
	if (json_array_size(paths) + json_array_size(call_json(call, "exclude")) > PATHS_MAX)
		return err_set(err, ERR_LIMIT, "at most %d paths and patterns", PATHS_MAX);
	backup_words(&words, call, paths, notes);
	enum err_code code = run(&tool, &words, err);
	json_put_int(result, "files", json_int(m.summary, "total_files_processed", 0));
	json_put_int(result, "bytes", json_int(m.summary, "total_bytes_processed", 0));
	json_put_int(result, "added_bytes", json_int(m.summary, "data_added", 0));
	json_put_flag(result, "partial", tool.exit_status == INCOMPLETE);
	if (code == ERR_NONE && tool.exit_status == INCOMPLETE) {
		if (!call_bool(call, "allow_partial")) {
			code = err_set(err, ERR_FAILED,
				"a snapshot was made, but \"%s\" could not be read", m.unread);
			err->world = WORLD_CHANGED;
		}
	} else if (code == ERR_NONE && tool.exit_status != 0) {
		code = failed(call, &tool, err);
		/* a snapshot is the last thing that is written; a failure has none */
		err->world = tool.exit_status < 0 ? WORLD_UNKNOWN : WORLD_UNCHANGED;
	}
	json_decref(m.summary);
	tool_release(&tool);
	return code;
}

/* restic writes a new snapshot with other tags and removes the old one. */
static enum err_code forget_trees(struct call *call, const json_t *point, struct err *err)
{
	struct tool tool = { .call = call };
	struct words words;
	const char *path;
	json_t *digest;

	begin(&words, call, "tag", true);
	json_object_foreach(json_object_get(point, "trees"), path, digest)
	{
		char *tag = xasprintf("tree=%s:%s", json_string_value(digest), path);

		words_pair(&words, "--remove", tag);
		free(tag);
	}
	words_add(&words, json_str(point, "id", ""));
	enum err_code code = run(&tool, &words, err);
	if (code == ERR_NONE && tool.exit_status != 0)
		code = failed(call, &tool, err);
	tool_release(&tool);
	return code == ERR_NONE ? code
				: err_context(err, "the digest of a tree that changed meanwhile "
						   "could not be taken off the point");
}

/* ------------------------------------------------------------------ restore.start */

/* restic walks the whole tree of the point for that: where it takes long it is left unknown. */
static enum err_code size(
	struct call *call, const json_t *point, int64_t *bytes, struct err *err)
{
	struct tool tool = { .call = call, .quiet = true, .timeout_ms = SIZE_MS };
	json_t *stats = NULL;
	struct words words;

	begin(&words, call, "stats", false);
	words_add(&words, "--json");
	words_pair(&words, "--mode", "restore-size");
	words_add(&words, json_str(point, "id", ""));
	struct err late = { 0 };
	enum err_code code = run(&tool, &words, &late);
	if (code == ERR_TIMEOUT && call_left_ms(call) > 0) {
		tool_release(&tool);
		return ERR_NONE;
	}
	if (code != ERR_NONE)
		*err = late;
	if (code == ERR_NONE && tool.exit_status != 0)
		code = failed(call, &tool, err);
	if (code == ERR_NONE)
		code = json_parse(tool.out.data, tool.out.len, &stats, err);
	*bytes = json_int(stats, "total_size", 0);
	json_decref(stats);
	tool_release(&tool);
	return code;
}

/* --include takes a pattern: what means something in one is itself behind a backslash. */
static void add_include(struct words *words, const char *path)
{
	char *pattern = xmalloc(2 * strlen(path) + 1), *to = pattern;

	for (; *path != '\0'; path++) {
		if (strchr("*?[]\\", *path) != NULL)
			*to++ = '\\';
		*to++ = *path;
	}
	words_pair(words, "--include", pattern);
	free(pattern);
}

static enum err_code fetch(struct call *call, const json_t *point, const char *only,
	const char *part, struct err *err)
{
	struct tool tool = { .call = call };
	struct words words;

	begin(&words, call, "restore", true);
	words_add(&words, json_str(point, "id", ""));
	words_pair(&words, "--target", part);
	if (only != NULL)
		add_include(&words, only);
	enum err_code code = run(&tool, &words, err);
	if (code == ERR_NONE && tool.exit_status != 0)
		code = failed(call, &tool, err);
	tool_release(&tool);
	return code;
}

/* ------------------------------------------------------------------ backup.verify */

/* check says many things; what is wrong stands in lines of its own before the last one. */
static enum err_code damaged(struct call *call, const struct tool *tool, struct err *err)
{
	static const char *const telling[] = { "does not match", "pack ", "error for", "blob ",
		"tree ", "snapshot " };
	char line[300] = "";

	if (strstr(tool->errout.data, "repository contains errors") == NULL &&
		failed(call, tool, err) != ERR_FAILED)
		return err->code;
	for (size_t i = 0; i < COUNT_OF(telling) && line[0] == '\0'; i++)
		if (strstr(tool->errout.data, telling[i]) != NULL)
			line_with(tool->errout.data, telling[i], line, sizeof(line));
	if (line[0] == '\0')
		tool_said(tool, line, sizeof(line));
	return err_set(err, ERR_FAILED, "the repository of target \"%s\" is damaged: %s",
		call_target(call), line);
}

static enum err_code backup_check(struct call *call, json_t *result, struct err *err)
{
	const struct mono start = mono_now();
	const char *subset = call_string(call, "data");
	struct tool tool = { .call = call };
	struct words words;

	if (subset[0] == '-' || strpbrk(subset, " \n") != NULL)
		return err_set(err, ERR_USAGE, "data is all, none, or a part such as 10%%, 1/7, 2G");
	begin(&words, call, "check", false);
	if (str_eq(subset, "all")) {
		words_add(&words, "--read-data");
	} else if (!str_eq(subset, "none")) {
		char *option = xasprintf("--read-data-subset=%s", subset);

		words_add(&words, option);
		free(option);
	}
	call_progress(call, -1, "reading the repository");
	enum err_code code = run(&tool, &words, err);
	if (code == ERR_NONE && tool.exit_status != 0)
		code = damaged(call, &tool, err);
	json_put_flag(result, "ok", code == ERR_NONE);
	json_put_str(result, "data", subset);
	json_put_int(result, "took_ms", mono_ms_since(start));
	tool_release(&tool);
	return code;
}

/* ------------------------------------------------------------------ the vault's functions */

static const struct vault_kind kind = {
	.list = list, .create = create, .forget_trees = forget_trees, .fetch = fetch, .size = size
};

static enum err_code points(struct call *call, json_t *result, struct err *err)
{
	return vault_points(&kind, call, result, err);
}

static enum err_code backup_prepare(struct call *call, json_t *before, struct err *err)
{
	return vault_backup_prepare(&kind, call, before, err);
}

static enum err_code backup_run(struct call *call, json_t *result, struct err *err)
{
	return vault_backup_run(&kind, call, result, err);
}

static enum err_code backup_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	return vault_backup_verify(&kind, call, evidence, verdict, err);
}

static enum err_code restore_prepare(struct call *call, json_t *before, struct err *err)
{
	return vault_restore_prepare(&kind, call, before, err);
}

static enum err_code restore_run(struct call *call, json_t *result, struct err *err)
{
	return vault_restore_run(&kind, call, result, err);
}

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
					      "detail", json_text(detail, strlen(detail))));
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	struct tool tool = { .call = call, .quiet = true };
	json_t *checks = json_array(), *all = json_array();
	struct words words;
	char line[200];

	json_put(report, "checks", checks);
	begin(&words, call, "version", false);
	enum err_code code = run(&tool, &words, err);
	if (code == ERR_NONE) {
		first_line(tool.out.data, line, sizeof(line));
		put_check(checks, "program", tool.exit_status == 0, line);
	}
	tool_release(&tool);
	if (code == ERR_NONE)
		code = list(call, all, err);
	if (code == ERR_NONE) {
		snprintf(line, sizeof(line), "opened with the password, %zu points",
			json_array_size(all));
		put_check(checks, "repository", true, line);
	}
	json_decref(all);
	return code;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "repository",
		.type = FIELD_STRING,
		.required = true,
		.help = "as restic -r takes it: a directory, sftp:, rest:, s3: …" },
	{ .name = "password",
		.type = FIELD_SECRET,
		.required = true,
		.help = "the repository's password" },
	{ .name = "program", .type = FIELD_STRING, .fallback = "restic", .help = "restic itself" },
	{ .name = "host",
		.type = FIELD_STRING,
		.help = "only points of this host; backups are made in its name" },
	{ .name = "cache",
		.type = FIELD_PATH,
		.help = "directory of the local cache; without it there is none" },
	{ .name = "read_only",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "the repository cannot be written: nothing takes a lock, no backups" },
	{ .name = "env",
		.type = FIELD_MAP,
		.help = "variables for restic, such as AWS_SHARED_CREDENTIALS_FILE; never a secret" },
	FIELD_END
};

static const struct field check_params[] = {
	{ .name = "data",
		.type = FIELD_STRING,
		.fallback = "all",
		.help = "how much of the data is read: all, none (structure only), 10%, 1/7, 2G" },
	FIELD_END
};
static const struct field check_results[] = {
	{ .name = "ok", .type = FIELD_BOOL, .help = "nothing is wrong in what was read" },
	{ .name = "data", .type = FIELD_STRING, .help = "how much was read" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it took" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "backup",
		.verb = "points",
		.effect = EFFECT_READ,
		.params = vault_points_params,
		.results = vault_points_results,
		.run = points,
		.cancel_help = "at once",
		.timeout_ms = 60000,
		.help = "the restore points, newest first" },
	{ .capability = "backup",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = vault_backup_params,
		.results = vault_backup_results,
		.prepare = backup_prepare,
		.run = backup_run,
		.verify = backup_verify,
		.cancel_help = "at once; what was uploaded is used by the next one",
		.idempotent = true,
		.timeout_ms = 3600000,
		.help = "make a restore point of directories" },
	{ .capability = "backup",
		.verb = "verify",
		.effect = EFFECT_READ,
		.params = check_params,
		.results = check_results,
		.run = backup_check,
		.cancel_help = "at once",
		.timeout_ms = 3600000,
		.help = "read the repository's structure and data, or a part of the data" },
	{ .capability = "restore",
		.verb = "start",
		.effect = EFFECT_IRREVERSIBLE,
		.params = vault_restore_params,
		.results = restored_results,
		.prepare = restore_prepare,
		.run = restore_run,
		.verify = restored_verify,
		.undo = "restore.cleanup",
		.cancel_help = "at once; the target is as it was",
		.timeout_ms = 3600000,
		.help = "restore a point to a new directory, or in place of one" },
	RESTORED_OPERATIONS,
	OPERATION_END
};

const struct provider restic_provider = {
	.name = "restic",
	.summary = "restic: backup and restore of directories",
	.source = "https://restic.readthedocs.io/en/v0.14.0/",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
