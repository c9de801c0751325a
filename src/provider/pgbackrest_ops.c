/* pgbackrest_ops.c: what the table in pgbackrest.c names.
 *
 * A backup carries the key of its call as an annotation, so that it is found again whoever
 * asks.  A restore is pgBackRest's only as far as the files go: their place, the recovery
 * settings, the guard and the private server are those of base backups (postgres_restore.h). */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "pgbackrest.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FINDINGS_MAX = 20 };

#define ANNOTATION "drillbook"

/* ------------------------------------------------------------------ backup.points */

RUN(pgbackrest_points)
{
	json_t *info = NULL, *row;
	size_t i;

	TRY(rest_info(call, &info, err));
	points_report(rest_points(call, info), result);
	json_put_str(
		result, "status", json_str(json_object_get(info, "status"), "message", NULL));
	json_put(result, "retention", rest_retention(call));
	/* what of the WAL is there; a gap in between is for backup.verify to find */
	json_t *archives = json_array();
	json_array_foreach(json_object_get(info, "archive"), i, row)
		if (json_str(row, "max", NULL) != NULL)
			json_array_append_new(archives,
				json_pack("{s:s,s:s,s:s,s:I}", "id", json_str(row, "id", ""),
					"min", json_str(row, "min", ""), "max",
					json_str(row, "max", ""), "repo",
					(json_int_t)json_int(json_object_get(row, "database"),
						"repo-key", 0)));
	json_put(result, "archives", archives);
	pg_name_unknown(result);
	json_decref(info);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ backup.start */

static bool is_held(const json_t *info)
{
	const json_t *lock = json_object_get(json_object_get(info, "status"), "lock");

	return json_flag(json_object_get(lock, "backup"), "held", false);
}

PREPARE(pgbackrest_backup_prepare)
{
	static const int64_t oldest[] = { PGBACKREST_OLDEST };
	int64_t major = 0, minor = 0;
	json_t *info = NULL;

	TRY(rest_version(call, &major, &minor, err));
	if (major < oldest[0] || (major == oldest[0] && minor < oldest[1]))
		return err_set(err, ERR_VERSION,
			"pgBackRest %" PRId64 ".%" PRId64 " is older than %" PRId64 ".%" PRId64
			": its backups carry no annotations",
			major, minor, oldest[0], oldest[1]);
	TRY(rest_info(call, &info, err));
	const bool held = is_held(info);
	json_t *points = rest_points(call, info);
	json_put_int(before, "count", (int64_t)json_array_size(points));
	json_put_str(before, "newest", json_str(json_array_get(points, 0), "id", NULL));
	json_put_int(before, "newest_ms", json_int(json_array_get(points, 0), "time_ms", 0));
	json_decref(points);
	json_decref(info);
	return held ? err_set(err, ERR_HELD, "a backup of stanza \"%s\" is under way",
			      setting_string(call, "stanza"))
		    : ERR_NONE;
}

/* The backup that carries this call's key and was not there before; NULL when there is none.
 * Owned. */
static json_t *find_own(const struct call *call, const json_t *info)
{
	const int64_t newest = json_int(call_before(call), "newest_ms", 0);
	json_t *points = rest_points(call, info), *point, *found = NULL;
	size_t i;

	json_array_foreach(points, i, point)
		if (found == NULL && json_int(point, "time_ms", 0) > newest &&
			str_eq(json_str(point, "label", NULL), call_key(call)))
			found = json_incref(point);
	json_decref(points);
	if (found != NULL)
		point_made(found);
	return found;
}

static enum err_code look(struct call *call, json_t **point, struct err *err)
{
	json_t *info = NULL;

	*point = NULL;
	TRY(rest_info(call, &info, err));
	*point = find_own(call, info);
	json_decref(info);
	return ERR_NONE;
}

RUN(pgbackrest_backup)
{
	char *type = xasprintf("--type=%s", call_string(call, "type"));
	char *note = xasprintf("--annotation=" ANNOTATION "=%s", call_key(call));
	const bool fast = str_eq(call_string(call, "checkpoint"), "fast");
	const char *const words[] = { type, note, "--log-level-console=detail",
		"--log-level-stderr=off", fast ? "--start-fast" : "--no-start-fast", "backup",
		NULL };
	struct mono start = mono_now();
	struct tool tool = { .max_output_bytes = 4 << 20 };
	json_t *point = NULL;
	struct err why = { 0 };

	enum err_code code = rest_run(call, &tool, words, err);
	if (code == ERR_NONE)
		code = rest_status(call, &tool, err);
	tool_release(&tool);
	free(note);
	free(type);
	/* the world decides: a status says nothing about the repository */
	const enum err_code seen = look(call, &point, &why);
	if (code != ERR_NONE) {
		err->world = seen != ERR_NONE ? WORLD_UNKNOWN
			     : point != NULL  ? WORLD_CHANGED
					      : WORLD_UNCHANGED;
	} else if (seen != ERR_NONE || point == NULL) {
		code = seen != ERR_NONE
			       ? err_set(err, why.code, "%s", why.text)
			       : err_set(err, ERR_FAILED,
					 "pgBackRest says that it is done, but the backup "
					 "is not in its list");
		err->world = WORLD_UNKNOWN;
	}
	if (point != NULL)
		json_object_update(result, point);
	json_decref(point);
	json_put_int(result, "took_ms", mono_ms_since(start));
	return code;
}

VERIFY(pgbackrest_backup_verify)
{
	json_t *info = NULL;

	TRY(rest_info(call, &info, err));
	json_t *point = find_own(call, info);
	const bool held = is_held(info);
	json_decref(info);
	*verdict = point != NULL ? VERDICT_DONE : held ? VERDICT_CANNOT_TELL : VERDICT_NOT_DONE;
	if (point == NULL && held)
		json_put_str(evidence, "reason", "a backup is under way: it may be this one");
	if (point != NULL)
		json_put(evidence, "result", point);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ backup.verify */

/* pgBackRest's verify ends with 0 whatever it finds; what it found is in its words:
 *   invalid checksum '20261125-150420F/pg_data/base/5/2686.lz4'
 *   stanza: demo
 *       status: error
 *         archiveId: 15-1, total WAL checked: 2, total valid WAL: 1
 *         backup: 20261125-150420F, status: invalid, total files checked: 964, total valid
 * files: 963 A stanza that is whole may be passed over in silence. */
struct findings {
	struct call *call;
	const char *only; /* of this backup and its WAL; NULL = of all */
	json_t *list;
	int64_t count;
	bool completed, error;
};

static const char *const bad_words[] = { "invalid checksum", "file missing", "invalid size",
	"invalid result", "checksum mismatch", "unable to", "status: error", "status: invalid",
	"missing:", "checksum invalid:", "size invalid:", "other:" };

/* A number behind the word's colon decides: "missing: 0" is none. */
static bool is_bad(const char *line)
{
	for (size_t i = 0; i < COUNT_OF(bad_words); i++) {
		const char *at = strstr(line, bad_words[i]);
		if (at == NULL)
			continue;
		at += strlen(bad_words[i]);
		if (bad_words[i][strlen(bad_words[i]) - 1] != ':' || strtoll(at, NULL, 10) > 0)
			return true;
	}
	return strstr(line, "ERROR:") != NULL || strstr(line, " WARN:") != NULL;
}

/* True for a line that is about another backup than the one asked for: it names it.  A backup
 * that the one asked for is built on is not another. */
static bool is_about_another(const struct findings *findings, const char *line)
{
	const char *only = findings->only;
	const char *at = strstr(line, "backup: ");

	if (only == NULL)
		return false;
	if (at != NULL)
		at += strlen("backup: ");
	else if ((at = strchr(line, '\'')) != NULL)
		at++;
	/* "20261125-150420F_20261125-160000I" is built on its first 16 characters */
	return at != NULL && strlen(at) > 16 && isdigit((unsigned char)at[0]) && at[8] == '-' &&
	       !str_starts(at, only) && strncmp(at, only, 16) != 0;
}

static void on_finding(void *arg, int fd, const char *line)
{
	struct findings *f = arg;
	const char *text = strstr(line, "INFO: ");

	(void)fd;
	if (strstr(line, "verify command end: completed successfully") != NULL)
		f->completed = true;
	if (strstr(line, "status: error") != NULL)
		f->error = true;
	if (!is_bad(line) || is_about_another(f, line))
		return;
	text = text != NULL ? text + strlen("INFO: ") : line + strspn(line, " ");
	call_log(f->call, "pgbackrest: %.1000s", text);
	/* the summary repeats what was named one by one */
	if (strstr(text, "status: error") != NULL)
		return;
	if (f->count++ < FINDINGS_MAX)
		json_array_append_new(f->list, json_text(text, strlen(text)));
}

static enum err_code run_verify(struct findings *findings, struct err *err)
{
	static const char *const words[] = { "--log-level-console=detail",
		"--log-level-stderr=off", "verify", NULL };
	struct tool tool = {
		.max_output_bytes = 4 << 20, .on_line = on_finding, .arg = findings
	};

	enum err_code code = rest_run(findings->call, &tool, words, err);
	/* what was found says more than the status of those releases that have one for it */
	if (code == ERR_NONE && findings->count == 0)
		code = rest_status(findings->call, &tool, err);
	tool_release(&tool);
	if (code == ERR_NONE && findings->count > 0)
		return err_set(err, ERR_FAILED, "stanza \"%s\" is damaged: %s%s",
			setting_string(findings->call, "stanza"),
			json_string_value(json_array_get(findings->list, 0)),
			findings->count > 1 ? ", and more" : "");
	if (code == ERR_NONE && findings->error && findings->only == NULL)
		return err_set(err, ERR_FAILED,
			"pgBackRest says that stanza \"%s\" is in error",
			setting_string(findings->call, "stanza"));
	if (code == ERR_NONE && !findings->completed)
		return err_set(err, ERR_FAILED, "pgBackRest did not say that it was through");
	return code;
}

RUN(pgbackrest_check)
{
	const char *from = call_string(call, "from");
	struct findings findings = { .call = call, .only = from, .list = json_array() };
	struct mono start = mono_now();
	const json_t *point = NULL;
	json_t *info = NULL, *points = NULL;

	enum err_code code = rest_info(call, &info, err);
	if (code == ERR_NONE) {
		points = rest_points(call, info);
		code = point_choose(points, from, 0, &point, err);
	}
	if (code == ERR_NONE) {
		if (from != NULL)
			json_object_update(result, (json_t *)point);
		call_progress(call, -1, "reading the repository");
		code = run_verify(&findings, err);
	}
	json_put_int(result, "backups", (int64_t)json_array_size(points));
	json_put(result, "errors", findings.list);
	json_put_int(result, "error_count", findings.count);
	json_put_flag(result, "ok", code == ERR_NONE);
	json_put_int(result, "took_ms", mono_ms_since(start));
	json_decref(points);
	json_decref(info);
	return code;
}

/* ------------------------------------------------------------------ restore.start */

static enum err_code list_points(struct call *call, json_t **out, struct err *err)
{
	json_t *info = NULL;

	*out = NULL;
	TRY(rest_info(call, &info, err));
	*out = rest_points(call, info);
	json_decref(info);
	return ERR_NONE;
}

/* Only the files: the recovery settings are ours (--type=none writes none).  Into a directory
 * that is not there yet, so neither --delta nor --force is ever given. */
static enum err_code copy(
	struct call *call, const json_t *point, const char *dir, struct err *err)
{
	char *set = xasprintf("--set=%s", json_str(point, "id", ""));
	char *path = xasprintf("--pg1-path=%s", dir);
	const char *const words[] = { set, path, "--type=none", "--archive-mode=off",
		"--log-level-console=detail", "--log-level-stderr=off", "restore", NULL };
	struct tool tool = { .max_output_bytes = 4 << 20 };

	enum err_code code = dir_make(dir, 0700, err);
	if (code == ERR_NONE)
		code = rest_run(call, &tool, words, err);
	if (code == ERR_NONE)
		code = rest_status(call, &tool, err);
	if (code == ERR_NOT_FOUND)
		err->code = code = ERR_FAILED; /* a file of the repository, not the point */
	tool_release(&tool);
	free(path);
	free(set);
	return code;
}

static enum err_code restore_command(
	struct call *call, const char *dir, char **out, struct err *err)
{
	const char *program = setting_string(call, "program"),
		   *config = setting_string(call, "config"),
		   *stanza = setting_string(call, "stanza");
	const char *const words[] = { program, config, stanza, dir };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (words[i] != NULL && strpbrk(words[i], "%\"'`$\\\n") != NULL)
			return err_set(err, ERR_UNSUPPORTED,
				"\"%s\" has characters that a command would take for its own",
				words[i]);
	*out = xasprintf(
		"\"%s\" \"--stanza=%s\"%s%s%s \"--pg1-path=%s\" archive-get %%f \"%%p\"",
		program != NULL ? program : "pgbackrest", stanza,
		config != NULL ? " \"--config=" : "", config != NULL ? config : "",
		config != NULL ? "\"" : "", dir);
	return ERR_NONE;
}

static const struct restorer restorer = {
	.points = list_points, .copy = copy, .restore_command = restore_command
};

PREPARE(pgbackrest_restore_prepare)
{
	return restore_prepare(&restorer, call, before, err);
}

RUN(pgbackrest_restore)
{
	return restore_run(&restorer, call, result, err);
}

/* ------------------------------------------------------------------ doctor */

/* Is the server that is running here the one the stanza is of? */
static void check_server(struct call *call, const json_t *info, json_t *checks)
{
	json_t *facts = json_object(), *dbs = json_object_get(info, "db");
	const json_t *db = json_array_get(dbs, json_array_size(dbs) - 1);
	char *stanza = xasprintf("%" PRId64, json_int(db, "system-id", 0));
	struct err why = { 0 };
	struct pg pg;

	if (!setting_has(call, "host") && !setting_has(call, "socket_dir")) {
		pg_check_row(checks, "server", true, "no host or socket_dir: not asked");
		goto out;
	}
	enum err_code code = pg_open(&pg, call, NULL, &why);
	if (code == ERR_NONE) {
		code = pg_identity(&pg, facts, &why);
		pg_close(&pg);
	}
	const char *system = json_str(facts, "system_id", "");
	if (code != ERR_NONE)
		pg_check_row(checks, "server", false, "%.200s", why.text);
	else
		pg_check_row(checks, "server", str_eq(system, stanza),
			"system %s, the stanza is of %s", system, stanza);
out:
	free(stanza);
	json_decref(facts);
}

static void check_stanza(struct call *call, json_t *checks)
{
	json_t *info = NULL, *report = json_object();
	struct err why = { 0 };
	char age[24] = "";

	if (rest_info(call, &info, &why) != ERR_NONE) {
		pg_check_row(checks, "stanza", false, "%.200s", why.text);
		json_decref(report);
		return;
	}
	const json_t *status = json_object_get(info, "status");
	const int64_t code = json_int(status, "code", -1);
	points_report(rest_points(call, info), report);
	pg_check_row(checks, "stanza", code == 0 || code == 2, "%s: %s",
		setting_string(call, "stanza"), json_str(status, "message", ""));
	if (json_object_get(report, "age_ms") != NULL)
		format_duration(age, sizeof(age), json_int(report, "age_ms", 0));
	pg_check_row(checks, "backups", age[0] != '\0', "%" PRId64 "%s%s",
		json_int(report, "count", 0), age[0] != '\0' ? ", the newest is as of " : "",
		age[0] != '\0' ? age : ": there is nothing to restore");
	check_server(call, info, checks);
	json_decref(info);
	json_decref(report);
}

RUN(pgbackrest_probe)
{
	static const int64_t oldest[] = { PGBACKREST_OLDEST };
	json_t *checks = json_array(), *retention;
	int64_t major = 0, minor = 0;
	struct err why = { 0 };

	(void)err;
	json_put(result, "checks", checks);
	if (rest_version(call, &major, &minor, &why) != ERR_NONE) {
		pg_check_row(checks, "program", false, "%.200s", why.text);
		return ERR_NONE;
	}
	pg_check_row(checks, "version",
		major > oldest[0] || (major == oldest[0] && minor >= oldest[1]),
		"pgBackRest %" PRId64 ".%" PRId64 ", wanted is %" PRId64 ".%" PRId64, major,
		minor, oldest[0], oldest[1]);
	retention = rest_retention(call);
	const char *config = rest_config(call);
	pg_check_row(checks, "configuration", retention != NULL, "%s%s",
		config != NULL ? config : "no configuration file",
		retention != NULL || config == NULL ? "" : " cannot be read");
	pg_check_row(checks, "retention", json_object_size(retention) > 0, "%s",
		json_object_size(retention) > 0
			? "configured"
			: "no repoN-retention-full: nothing is ever removed");
	json_decref(retention);
	check_stanza(call, checks);
	return ERR_NONE;
}
#endif
