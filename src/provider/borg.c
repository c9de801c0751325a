/* borg.c: backup and restore of trees with BorgBackup.
 *
 * borg ends with 0, 1 (warnings: something is missing or was odd), 2 (failed) or 128 + signal,
 * and with --log-json names what went wrong by a msgid.  Notes of a point stand in the archive's
 * comment, one a line.
 *
 * Source: BorgBackup 1.2 documentation, "Frontends" (JSON output, msgids), "Environment
 * Variables". */
#include "internal.h"

#include "tool.h"
#include "vault.h"
#include "words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATHS_MAX = 128, ENV_ROOM = 64, LIST_MAX = 64 << 20, WARNINGS = 1, NAME_BYTES = 120 };

/* ------------------------------------------------------------------ running it */

/* What one run said. */
struct saying {
	struct call *call;
	struct tool tool;
	char msgid[80];	  /* of the error that ended it */
	char first[400];  /* the first error or warning that has no msgid */
	char error[400];  /* the message that goes with msgid */
};

static void remember(char *into, size_t size, const char *message)
{
	if (into[0] == '\0')
		snprintf(into, size, "%.*s", (int)strcspn(message, "\n"), message);
}

static void take_message(struct saying *s, const json_t *row)
{
	const char *level = json_str(row, "levelname", ""), *id = json_str(row, "msgid", NULL);
	const char *message = json_str(row, "message", "");

	message += strspn(message, "\n ");
	if (str_starts(message, "Traceback"))
		return;
	if (id != NULL && str_eq(level, "ERROR")) {
		remember(s->msgid, sizeof(s->msgid), id);
		remember(s->error, sizeof(s->error), message);
	} else if (str_eq(level, "ERROR") || str_eq(level, "WARNING")) {
		remember(s->first, sizeof(s->first), message);
	}
	call_log(s->call, "%.*s", (int)strcspn(message, "\n"), message);
}

static void on_line(void *arg, int fd, const char *line)
{
	struct err ignored = { 0 };
	struct saying *s = arg;
	json_t *row = NULL;

	if (fd != 2 || line[0] == '\0')
		return;
	if (line[0] != '{' || json_parse(line, strlen(line), &row, &ignored) != ERR_NONE) {
		call_log(s->call, "%s", line);
		return;
	}
	const char *type = json_str(row, "type", "");
	if (str_eq(type, "log_message"))
		take_message(s, row);
	else if (str_eq(type, "archive_progress") && json_object_get(row, "nfiles") != NULL)
		call_progress(s->call, -1, "%" PRId64 " files, %" PRId64 " MiB",
			json_int(row, "nfiles", 0), json_int(row, "original_size", 0) >> 20);
	else if (str_eq(type, "progress_percent") && json_int(row, "total", 0) > 0)
		call_progress(s->call,
			(int)(json_int(row, "current", 0) * 1000 / json_int(row, "total", 1)),
			"%s", json_str(row, "message", ""));
	json_decref(row);
}

/* A local repository that is relative is one of the workspace.  Owned. */
static char *repository(struct call *call)
{
	const char *text = setting_string(call, "repository");

	if (text[0] == '/' || strchr(text, ':') != NULL || call_workspace(call)[0] == '\0')
		return xstrdup(text);
	return path_join(call_workspace(call), text);
}

static void begin(struct words *words, struct call *call, const char *command)
{
	*words = (struct words){ 0 };
	words_add(words, setting_string(call, "program"));
	words_add(words, command);
	words_add(words, "--log-json");
	if (setting_has(call, "remote_path"))
		words_pair(words, "--remote-path", setting_string(call, "remote_path"));
}

/* REPOSITORY or REPOSITORY::ARCHIVE */
static void add_place(struct words *words, struct call *call, const char *archive)
{
	char *where = repository(call);
	char *place = xasprintf("%s%s%s", where, archive != NULL ? "::" : "",
		archive != NULL ? archive : "");

	words_add(words, place);
	free(place);
	free(where);
}

static enum err_code run_tool(struct saying *s, struct words *words, struct err *err)
{
	char *env[ENV_ROOM + 16] = { NULL };
	size_t count = 0, len = 0;
	enum err_code code = vault_add_env(s->call, env, &count, ENV_ROOM, err);

	/* of two with one name the first counts: the setting's */
	if (setting_has(s->call, "base_dir"))
		env[count++] = xasprintf("BORG_BASE_DIR=%s", setting_string(s->call, "base_dir"));
	s->tool.secret = call_secret(s->call, "passphrase", &len);
	s->tool.secret_len = len;
	/* an empty one is no secret, and keeps borg from asking */
	env[count++] = xstrdup(s->tool.secret != NULL ? "BORG_PASSPHRASE_FD={secret_fd}"
						      : "BORG_PASSPHRASE=");
	env[count++] = xstrdup("BORG_DISPLAY_PASSPHRASE=no");
	env[count++] = xstrdup("BORG_RELOCATED_REPO_ACCESS_IS_OK=no");
	env[count++] = xstrdup("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=no");
	env[count++] = xstrdup("BORG_EXIT_CODES=legacy"); /* 1 and 2 also from later versions */
	env[count++] = xstrdup("BORG_*");
	env[count++] = xstrdup("TZ=UTC");
	env[count++] = xstrdup("LC_ALL=C.UTF-8");
	s->tool.argv = (const char *const *)words->list;
	s->tool.env = (const char *const *)env;
	if (code == ERR_NONE) {
		code = tool_run(&s->tool, err);
	} else {
		buf_init(&s->tool.out, 0);
		buf_init(&s->tool.errout, 0);
	}
	for (size_t i = 0; i < count; i++)
		free(env[i]);
	s->tool.env = NULL;
	words_release(words);
	return code;
}

static const struct {
	const char *msgid;
	enum err_code code;
} failures[] = {
	{ "Archive.AlreadyExists", ERR_CONFLICT },
	{ "Archive.DoesNotExist", ERR_NOT_FOUND },
	{ "Cache.EncryptionMethodMismatch", ERR_CONFLICT },
	{ "Cache.RepositoryAccessAborted", ERR_CONFLICT },
	{ "Cache.RepositoryIDNotUnique", ERR_CONFLICT },
	{ "Cache.RepositoryReplay", ERR_CONFLICT },
	{ "ConnectionClosed", ERR_UNREACHABLE },
	{ "ConnectionClosedWithHint", ERR_UNREACHABLE },
	{ "InvalidRPCMethod", ERR_VERSION },
	{ "KeyfileMismatchError", ERR_AUTH },
	{ "KeyfileNotFoundError", ERR_AUTH },
	{ "LockError", ERR_HELD },
	{ "LockErrorT", ERR_HELD },
	{ "LockFailed", ERR_HELD },
	{ "LockTimeout", ERR_HELD },
	{ "NoPassphraseFailure", ERR_AUTH },
	{ "PassphraseWrong", ERR_AUTH },
	{ "PathNotAllowed", ERR_AUTH },
	{ "RPCServerOutdated", ERR_VERSION },
	{ "Repository.AtticRepository", ERR_VERSION },
	{ "Repository.DoesNotExist", ERR_NOT_FOUND },
	{ "Repository.InsufficientFreeSpaceError", ERR_PRECONDITION },
	{ "Repository.InvalidRepository", ERR_REFUSED },
	{ "Repository.ParentPathDoesNotExist", ERR_NOT_FOUND },
	{ "Repository.StorageQuotaExceeded", ERR_PRECONDITION },
	{ "UnsupportedManifestError", ERR_VERSION },
	{ "UnsupportedPayloadError", ERR_VERSION },
};

static enum err_code failed(const struct saying *s, struct err *err)
{
	const char *said = s->error[0] != '\0' ? s->error : s->first;
	enum err_code code = ERR_FAILED;

	for (size_t i = 0; i < COUNT_OF(failures); i++)
		if (str_eq(failures[i].msgid, s->msgid))
			code = failures[i].code;
	if (said[0] == '\0')
		return tool_failed(&s->tool, err);
	return err_set(err, code, "repository of target \"%s\": %s%s%s%s", call_target(s->call),
		said, s->msgid[0] != '\0' ? " (" : "", s->msgid, s->msgid[0] != '\0' ? ")" : "");
}

/* ------------------------------------------------------------------ points */

static void take_archive(const json_t *archive, json_t *points)
{
	json_t *point = json_object(), *paths = json_array();
	char *comment = xstrdup(json_str(archive, "comment", "")), *rest = comment, *line;

	json_put_str(point, "id", json_str(archive, "id", ""));
	json_put_str(point, "name", json_str(archive, "name", ""));
	json_put_int(point, "time_ms", vault_time_ms(json_str(archive, "start", NULL)));
	json_put_str(point, "host", json_str(archive, "hostname", ""));
	json_put(point, "paths", paths);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (!vault_read_note(point, line) && str_starts(line, "path="))
			json_array_append_new(paths, json_text(line + 5, strlen(line + 5)));
	free(comment);
	json_array_append_new(points, point);
}

/* It becomes part of a pattern and of names. */
static enum err_code check_prefix(struct call *call, struct err *err)
{
	const char *prefix = setting_string(call, "prefix");

	if (prefix == NULL || (prefix[0] != '-' && strpbrk(prefix, "*?[]{}:/ ") == NULL))
		return ERR_NONE;
	return err_set(err, ERR_USAGE,
		"setting \"prefix\" must not begin with - nor hold any of *?[]{}:/ and blanks");
}

static enum err_code list(struct call *call, json_t *points, struct err *err)
{
	struct saying s = { .call = call,
		.tool = { .call = call, .max_output_bytes = LIST_MAX, .on_line = on_line } };
	json_t *all = NULL, *archive;
	struct words words;
	size_t i;

	s.tool.arg = &s;
	begin(&words, call, "list");
	words_add(&words, "--bypass-lock");
	words_add(&words, "--json");
	words_pair(&words, "--format", "{comment}{hostname}");
	if (setting_has(call, "prefix")) {
		char *pattern = xasprintf("%s*", setting_string(call, "prefix"));

		words_pair(&words, "--glob-archives", pattern);
		free(pattern);
	}
	add_place(&words, call, NULL);
	enum err_code code = check_prefix(call, err);
	if (code == ERR_NONE)
		code = run_tool(&s, &words, err);
	else
		words_release(&words);
	if (code == ERR_NONE && s.tool.exit_status != 0)
		code = failed(&s, err);
	if (code == ERR_NONE)
		code = json_parse(s.tool.out.data, s.tool.out.len, &all, err);
	json_array_foreach(json_object_get(all, "archives"), i, archive)
		take_archive(archive, points);
	json_decref(all);
	tool_release(&s.tool);
	return code;
}

/* ------------------------------------------------------------------ backup.start */

/* One note a line.  Braces are placeholders to borg, doubled ones are braces. */
static char *comment_of(const json_t *paths, const struct vault_notes *notes)
{
	json_t *texts = vault_note_texts(notes), *item;
	char *comment = NULL, *to;
	size_t size = 1, i;

	json_array_foreach((json_t *)paths, i, item)
	{
		char *text = xasprintf("path=%s", json_string_value(item));

		json_array_append_new(texts, json_text(text, strlen(text)));
		free(text);
	}
	json_array_foreach(texts, i, item) size += 2 * json_string_length(item) + 1;
	to = comment = xmalloc(size);
	json_array_foreach(texts, i, item)
	{
		if (i > 0)
			*to++ = '\n';
		for (const char *c = json_string_value(item); *c != '\0'; c++) {
			if (*c == '{' || *c == '}')
				*to++ = *c;
			*to++ = *c;
		}
	}
	json_decref(texts);
	return comment;
}

/* PREFIX-20261125T145000Z-1f2e3d4c */
static void archive_name(struct call *call, const char *mark, char name[NAME_BYTES])
{
	const time_t now = (time_t)(wall_now().ns / 1000000000);
	const char *prefix = setting_string(call, "prefix");
	char stamp[40];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(name, NAME_BYTES, "%.60s%s-%.8s", prefix != NULL ? prefix : "drillbook-", stamp,
		mark);
}

static void put_stats(const struct tool *tool, json_t *result)
{
	struct err ignored = { 0 };
	json_t *all = NULL;

	if (json_parse(tool->out.data, tool->out.len, &all, &ignored) == ERR_NONE) {
		const json_t *stats = json_object_get(json_object_get(all, "archive"), "stats");

		json_put_int(result, "files", json_int(stats, "nfiles", 0));
		json_put_int(result, "bytes", json_int(stats, "original_size", 0));
		json_put_int(result, "added_bytes", json_int(stats, "deduplicated_size", 0));
	}
	json_decref(all);
}

static enum err_code made(struct saying *s, json_t *result, struct err *err)
{
	const int status = s->tool.exit_status;

	json_put_flag(result, "partial", status == WARNINGS);
	if (status == 0 || (status == WARNINGS && call_bool(s->call, "allow_partial")))
		return ERR_NONE;
	if (status == WARNINGS) {
		err_set(err, ERR_FAILED, "an archive was made, but not of everything: %s", s->first);
		err->world = WORLD_CHANGED;
		return ERR_FAILED;
	}
	failed(s, err);
	/* an archive is in the list only when it is complete */
	err->world = status == 2 ? WORLD_UNCHANGED : WORLD_UNKNOWN;
	return err->code;
}

static enum err_code create(struct call *call, const json_t *paths,
	const struct vault_notes *notes, json_t *result, struct err *err)
{
	struct saying s = { .call = call, .tool = { .call = call, .on_line = on_line } };
	char name[NAME_BYTES], *comment;
	struct words words;

	if (setting_bool(call, "read_only"))
		return err_set(err, ERR_PRECONDITION, "target \"%s\" is declared read_only",
			call_target(call));
	if (json_array_size(paths) + json_array_size(call_json(call, "exclude")) > PATHS_MAX)
		return err_set(err, ERR_LIMIT, "at most %d paths and patterns", PATHS_MAX);
	s.tool.arg = &s;
	begin(&words, call, "create");
	words_add(&words, "--json");
	words_add(&words, "--progress");
	comment = comment_of(paths, notes);
	words_pair(&words, "--comment", comment);
	free(comment);
	words_all(&words, "--exclude", call_json(call, "exclude"));
	words_add(&words, "--");
	archive_name(call, notes->mark, name);
	add_place(&words, call, name);
	words_all(&words, NULL, paths);
	enum err_code code = run_tool(&s, &words, err);
	if (code == ERR_NONE) {
		put_stats(&s.tool, result);
		code = made(&s, result, err);
	}
	tool_release(&s.tool);
	return code;
}

/* The archive gets a new comment, and with it a new id. */
static enum err_code forget_trees(struct call *call, const json_t *point, struct err *err)
{
	const struct vault_notes notes = {
		.key = json_str(point, "key", ""),
		.mark = json_str(point, "mark", ""),
	};
	struct saying s = { .call = call, .tool = { .call = call, .on_line = on_line } };
	char *comment = comment_of(json_object_get(point, "paths"), &notes);
	struct words words;

	s.tool.arg = &s;
	begin(&words, call, "recreate");
	words_pair(&words, "--comment", comment);
	free(comment);
	add_place(&words, call, json_str(point, "name", ""));
	enum err_code code = run_tool(&s, &words, err);
	if (code == ERR_NONE && s.tool.exit_status != 0)
		code = failed(&s, err);
	tool_release(&s.tool);
	return code == ERR_NONE ? code
				: err_context(err, "the digest of a tree that changed meanwhile "
						   "could not be taken off the point");
}

/* ------------------------------------------------------------------ restore.start */

/* Without a lock only when none can be taken: a prune must not remove what is being read. */
static enum err_code extract(struct call *call, const json_t *point, const char *only,
	const char *part, struct err *err)
{
	struct saying s = { .call = call,
		.tool = { .call = call, .cwd = part, .on_line = on_line } };
	struct words words;

	s.tool.arg = &s;
	begin(&words, call, "extract");
	words_add(&words, "--progress");
	if (setting_bool(call, "read_only") || part == NULL)
		words_add(&words, "--bypass-lock");
	if (part == NULL)
		words_add(&words, "--dry-run");
	words_add(&words, "--");
	add_place(&words, call, json_str(point, "name", ""));
	if (only != NULL) {
		char *pattern = xasprintf("pp:%s", only + strspn(only, "/"));

		words_add(&words, pattern);
		free(pattern);
	}
	enum err_code code = run_tool(&s, &words, err);
	if (code == ERR_NONE && s.tool.exit_status != 0)
		code = failed(&s, err);
	if (code == ERR_FAILED && str_eq(s.msgid, "IntegrityError"))
		err_context(err, "the point is damaged");
	tool_release(&s.tool);
	return code;
}

/* ------------------------------------------------------------------ backup.verify */

static enum err_code check(struct call *call, bool data, struct err *err)
{
	struct saying s = { .call = call, .tool = { .call = call, .on_line = on_line } };
	struct words words;

	s.tool.arg = &s;
	begin(&words, call, "check");
	words_add(&words, "--progress");
	if (data)
		words_add(&words, "--verify-data");
	add_place(&words, call, NULL);
	enum err_code code = run_tool(&s, &words, err);
	if (code != ERR_NONE || s.tool.exit_status == 0)
		goto out;
	code = failed(&s, err);
	if (code == ERR_FAILED)
		code = err_set(err, code, "the repository of target \"%s\" is damaged: %s",
			call_target(call), s.first[0] != '\0' ? s.first : s.error);
out:
	tool_release(&s.tool);
	return code;
}

static const struct vault_kind kind = {
	.list = list, .create = create, .forget_trees = forget_trees, .fetch = extract
};

static enum err_code backup_check(struct call *call, json_t *result, struct err *err)
{
	const struct mono start = mono_now();
	enum err_code code;

	if (call_has(call, "point")) {
		json_t *point = NULL;

		code = vault_pick(&kind, call, &point, err);
		json_put_str(result, "point", json_str(point, "id", NULL));
		if (code == ERR_NONE)
			code = extract(call, point, NULL, NULL, err);
		json_decref(point);
	} else {
		code = check(call, call_bool(call, "data"), err);
	}
	json_put_flag(result, "ok", code == ERR_NONE);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return code;
}

/* ------------------------------------------------------------------ the vault's functions */

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
	struct saying s = { .call = call, .tool = { .call = call, .quiet = true } };
	json_t *checks = json_array(), *all = json_array();
	struct words words = { 0 };
	char line[200];

	json_put(report, "checks", checks);
	words_pair(&words, setting_string(call, "program"), "--version");
	enum err_code code = run_tool(&s, &words, err);
	if (code == ERR_NONE)
		put_check(checks, "program", s.tool.exit_status == 0,
			tool_said(&s.tool, line, sizeof(line)));
	tool_release(&s.tool);
	if (code == ERR_NONE)
		code = list(call, all, err);
	if (code == ERR_NONE) {
		snprintf(line, sizeof(line), "opened, %zu archives", json_array_size(all));
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
		.help = "a directory, or ssh://user@host/path" },
	{ .name = "passphrase",
		.type = FIELD_SECRET,
		.help = "of the repository's key; without it the repository must have none" },
	{ .name = "program", .type = FIELD_STRING, .fallback = "borg", .help = "borg itself" },
	{ .name = "prefix",
		.type = FIELD_STRING,
		.help = "only archives whose names begin so; new ones do (default: drillbook-)" },
	{ .name = "base_dir",
		.type = FIELD_PATH,
		.help = "BORG_BASE_DIR: where borg keeps its cache and what it knows of repositories" },
	{ .name = "remote_path", .type = FIELD_STRING, .help = "borg at the other side of ssh" },
	{ .name = "read_only",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "the repository cannot be written: restores take no lock, no backups" },
	{ .name = "env",
		.type = FIELD_MAP,
		.help = "variables for borg, such as BORG_RSH; never a secret" },
	FIELD_END
};

static const struct field check_params[] = {
	{ .name = "data",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "decrypt and check every chunk, besides the structure and its checksums" },
	{ .name = "point",
		.type = FIELD_STRING,
		.help = "read one point only, as a restore would (id, name, or latest)" },
	{ .name = "before_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "with latest: the newest that is not later than this (epoch)" },
	FIELD_END
};
static const struct field check_results[] = {
	{ .name = "ok", .type = FIELD_BOOL, .help = "nothing is wrong in what was read" },
	{ .name = "point", .type = FIELD_STRING, .help = "the point that was read" },
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
		.help = "the archives, newest first" },
	{ .capability = "backup",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = vault_backup_params,
		.results = vault_backup_results,
		.prepare = backup_prepare,
		.run = backup_run,
		.verify = backup_verify,
		.cancel_help = "at once; what was stored is used by the next one",
		.idempotent = true,
		.timeout_ms = 3600000,
		.help = "make an archive of directories" },
	{ .capability = "backup",
		.verb = "verify",
		.effect = EFFECT_READ,
		.params = check_params,
		.results = check_results,
		.run = backup_check,
		.cancel_help = "at once",
		.timeout_ms = 3600000,
		.help = "read the repository and every chunk in it, or one point" },
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
		.help = "restore an archive to a new directory, or in place of one" },
	RESTORED_OPERATIONS,
	OPERATION_END
};

const struct provider borg_provider = {
	.name = "borg",
	.summary = "BorgBackup: backup and restore of directories",
	.source = "https://borgbackup.readthedocs.io/en/1.2-maint/",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
