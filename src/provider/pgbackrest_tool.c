/* pgbackrest_tool.c: running pgBackRest, its errors, its `info`.
 *
 * It takes its secrets from its configuration file and never from us.  Exit statuses are its
 * error codes (src/build/error/error.yaml of its source). */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "pgbackrest.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 48, INFO_MAX = 64 << 20, CONFIG_MAX = 1 << 20, INFO_MS = 60000 };

/* ------------------------------------------------------------------ configuration */

const char *rest_config(const struct call *call)
{
	static const char *const places[] = { "/etc/pgbackrest/pgbackrest.conf",
		"/etc/pgbackrest.conf" };
	const char *given = setting_string(call, "config");

	for (size_t i = 0; given == NULL && i < COUNT_OF(places); i++)
		if (access(places[i], R_OK) == 0)
			given = places[i];
	return given;
}

/* "repo1-retention-full=2" becomes a member; everything else in the file is passed by. */
static void take_retention(const char *line, size_t len, json_t *into)
{
	const char *equals = memchr(line, '=', len);
	size_t digits = 4, name = equals != NULL ? (size_t)(equals - line) : 0;

	while (name > 0 && isspace((unsigned char)line[name - 1]))
		name--;
	if (name < 5 || memcmp(line, "repo", 4) != 0)
		return;
	while (digits < name && isdigit((unsigned char)line[digits]))
		digits++;
	if (name - digits < 11 || memcmp(line + digits, "-retention-", 11) != 0)
		return;
	char *key = xasprintf("%.*s", (int)name, line);
	const char *value = equals + 1, *end = line + len;
	while (value < end && isspace((unsigned char)*value))
		value++;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	json_put(into, key, json_text(value, (size_t)(end - value)));
	free(key);
}

json_t *rest_retention(const struct call *call)
{
	const char *path = rest_config(call);
	json_t *found = json_object();
	struct err ignored = { 0 };
	struct buf buf;

	buf_init(&buf, CONFIG_MAX);
	if (path == NULL || file_read(path, CONFIG_MAX, &buf, &ignored) != ERR_NONE) {
		buf_release(&buf);
		json_decref(found);
		return NULL;
	}
	for (const char *line = buf.data != NULL ? buf.data : ""; *line != '\0';
		line += *line == '\n') {
		const size_t len = strcspn(line, "\n");
		take_retention(line, len, found);
		line += len;
	}
	buf_release(&buf);
	return found;
}

/* ------------------------------------------------------------------ running */

/* "2026-11-25 15:04:22.141 P01 DETAIL: backup file /d/base/5/1255 (768KB, 3.42%) checksum …" */
static void on_line(void *arg, int fd, const char *line)
{
	struct call *call = arg;
	const char *detail = strstr(line, " DETAIL: "), *percent = strstr(line, "%) ");

	(void)fd;
	if (detail == NULL) {
		const char *begin = strstr(line, " P00 ");
		call_log(call, "pgbackrest: %.2000s", begin != NULL ? begin + 5 : line);
		return;
	}
	if (percent == NULL)
		return;
	while (percent > detail && *percent != ' ' && *percent != '(')
		percent--;
	call_progress(call, (int)(strtod(percent + 1, NULL) * 10), "%.100s",
		detail + strlen(" DETAIL: "));
}

enum err_code rest_run(
	struct call *call, struct tool *tool, const char *const *words, struct err *err)
{
	const char *program = setting_string(call, "program"),
		   *config = setting_string(call, "config");
	char *stanza = xasprintf("--stanza=%s", setting_string(call, "stanza"));
	char *file = config != NULL ? xasprintf("--config=%s", config) : NULL;
	char *repo = setting_int(call, "repo") > 0
			     ? xasprintf("--repo=%" PRId64, setting_int(call, "repo"))
			     : NULL;
	static const char *const env[] = { "LC_ALL=C", "TZ=UTC", "PGBACKREST_*", "PG*", "LC_*",
		"LANG*", NULL };
	const char *argv[WORDS_MAX] = { program != NULL ? program : "pgbackrest", stanza };
	size_t count = 2;

	if (file != NULL)
		argv[count++] = file;
	if (repo != NULL)
		argv[count++] = repo;
	for (; *words != NULL && count < WORDS_MAX - 1; words++)
		argv[count++] = *words;
	tool->call = call;
	tool->argv = argv;
	tool->env = env;
	if (tool->on_line == NULL) {
		tool->on_line = on_line;
		tool->arg = call;
	}
	enum err_code code = tool_run(tool, err);
	tool->argv = NULL;
	tool->env = NULL;
	free(repo);
	free(file);
	free(stanza);
	return code;
}

static const struct {
	int status;
	enum err_code code;
} statuses[] = {
	{ 27, ERR_USAGE },	  /* config */
	{ 31, ERR_USAGE },	  /* option-invalid */
	{ 32, ERR_USAGE },	  /* option-invalid-value */
	{ 37, ERR_USAGE },	  /* option-required */
	{ 38, ERR_PRECONDITION }, /* pg-running */
	{ 40, ERR_PRECONDITION }, /* path-not-empty */
	{ 41, ERR_AUTH },	  /* file-open */
	{ 46, ERR_VERSION },	  /* version-not-supported */
	{ 49, ERR_UNREACHABLE },  /* host-connect */
	{ 50, ERR_HELD },	  /* lock-acquire */
	{ 51, ERR_CONFLICT },	  /* backup-mismatch */
	{ 55, ERR_NOT_FOUND },	  /* file-missing */
	{ 56, ERR_UNREACHABLE },  /* db-connect */
	{ 57, ERR_REFUSED },	  /* db-query */
	{ 58, ERR_CONFLICT },	  /* db-mismatch */
	{ 62, ERR_PRECONDITION }, /* stop: pgbackrest stop was given */
	{ 63, ERR_CANCELLED },	  /* term */
	{ 75, ERR_NOT_FOUND },	  /* backup-set-invalid */
	{ 82, ERR_TIMEOUT },	  /* archive-timeout */
	{ 87, ERR_PRECONDITION }, /* archive-disabled */
	{ 103, ERR_NOT_FOUND },	  /* repo-invalid */
	{ 105, ERR_AUTH },	  /* access */
};

/* The line of "ERROR: [056]: …", the last one there is. */
static void last_error(const struct tool *tool, char *out, size_t size)
{
	static const char word[] = "ERROR: [";
	const char *found = NULL;

	for (const struct buf *from = &tool->out;; from = &tool->errout) {
		for (const char *at = from->data; (at = strstr(at, word)) != NULL; at++)
			found = at;
		if (from == &tool->errout)
			break;
	}
	if (found == NULL) {
		tool_said(tool, out, size);
		return;
	}
	found += strlen(word);
	const char *text = strstr(found, "]: ");
	text = text != NULL ? text + 3 : found;
	snprintf(out, size, "%.*s", (int)strcspn(text, "\n"), text);
}

enum err_code rest_status(struct call *call, const struct tool *tool, struct err *err)
{
	char said[TOOL_SAID_BYTES];
	enum err_code code = ERR_FAILED;

	if (tool->exit_status == 0)
		return ERR_NONE;
	last_error(tool, said, sizeof(said));
	for (size_t i = 0; i < COUNT_OF(statuses); i++)
		if (statuses[i].status == tool->exit_status)
			code = statuses[i].code;
	return err_set(err, code, "\"%s\": pgBackRest ended with status %d: %s",
		call_target(call), tool->exit_status, said);
}

static void say_nothing(void *arg, int fd, const char *line)
{
	(void)arg;
	(void)fd;
	(void)line;
}

enum err_code rest_version(struct call *call, int64_t *major, int64_t *minor, struct err *err)
{
	const char *program = setting_string(call, "program");
	const char *const argv[] = { program != NULL ? program : "pgbackrest", "version",
		NULL };
	struct tool tool = {
		.call = call, .argv = argv, .timeout_ms = INFO_MS, .on_line = say_nothing
	};
	int one = 0, two = 0;

	enum err_code code = tool_must(&tool, err);
	if (code == ERR_NONE && sscanf(tool.out.data, "pgBackRest %d.%d", &one, &two) != 2)
		code = err_set(
			err, ERR_PROTOCOL, "\"%s version\" does not say its version", argv[0]);
	tool_release(&tool);
	*major = one;
	*minor = two;
	return code;
}

/* ------------------------------------------------------------------ info */

enum err_code rest_info(struct call *call, json_t **out, struct err *err)
{
	static const char *const words[] = { "--output=json", "--log-level-console=off",
		"--log-level-stderr=error", "info", NULL };
	struct tool tool = {
		.timeout_ms = INFO_MS, .max_output_bytes = INFO_MAX, .on_line = say_nothing
	};
	json_t *list = NULL;

	*out = NULL;
	enum err_code code = rest_run(call, &tool, words, err);
	if (code == ERR_NONE)
		code = rest_status(call, &tool, err);
	if (code == ERR_NONE)
		code = json_parse(tool.out.data, tool.out.len, &list, err);
	tool_release(&tool);
	if (code != ERR_NONE)
		return code;
	json_t *stanza = json_array_get(list, 0);
	const json_t *status = json_object_get(stanza, "status");
	/* 1: no stanza path, 2: no backup yet; the others are its own words */
	if (stanza == NULL || json_int(status, "code", 1) == 1 ||
		json_int(status, "code", 1) == 3)
		code = err_set(err, ERR_NOT_FOUND, "stanza \"%s\": %s",
			setting_string(call, "stanza"),
			json_str(status, "message", "no answer"));
	else
		*out = json_incref(stanza);
	json_decref(list);
	return code;
}

static const json_t *database_of(const json_t *info, const json_t *backup)
{
	const json_t *wanted = json_object_get(backup, "database");
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(info, "db"), i, row)
		if (json_int(row, "id", 0) == json_int(wanted, "id", -1) &&
			json_int(row, "repo-key", 0) == json_int(wanted, "repo-key", -1))
			return row;
	return NULL;
}

static json_t *point_of(const json_t *info, const json_t *backup)
{
	const json_t *lsn = json_object_get(backup, "lsn"),
		     *at = json_object_get(backup, "timestamp"),
		     *size = json_object_get(backup, "info"),
		     *archive = json_object_get(backup, "archive"),
		     *db = database_of(info, backup);
	char timeline[9], *system;
	json_t *point = json_object();

	json_put_str(point, "id", json_str(backup, "label", NULL));
	json_put_str(point, "kind", "snapshot");
	json_put_str(point, "type", json_str(backup, "type", NULL));
	json_put_str(point, "label",
		json_str(json_object_get(backup, "annotation"), "drillbook", NULL));
	json_put_str(point, "prior", json_str(backup, "prior", NULL));
	json_put_str(point, "start_lsn", json_str(lsn, "start", NULL));
	json_put_str(point, "end_lsn", json_str(lsn, "stop", NULL));
	json_put_int(point, "time_ms", json_int(at, "start", 0) * 1000);
	json_put_str(point, "time_basis",
		"start of the backup: everything committed before is in it");
	json_put_int(point, "stop_ms", json_int(at, "stop", 0) * 1000);
	json_put_int(point, "bytes", json_int(size, "size", 0));
	json_put_int(point, "stored_bytes",
		json_int(json_object_get(size, "repository"), "delta", 0));
	json_put_int(
		point, "repo", json_int(json_object_get(backup, "database"), "repo-key", 0));
	json_put_str(point, "version", json_str(db, "version", NULL));
	system = xasprintf("%" PRId64, json_int(db, "system-id", 0));
	json_put_str(point, "system_id", system);
	free(system);
	snprintf(timeline, sizeof(timeline), "%.8s", json_str(archive, "start", ""));
	json_put_int(point, "timeline", strtoll(timeline, NULL, 16));
	if (json_flag(backup, "error", false))
		json_put_str(
			point, "problem", "page checksums were wrong already when it was made");
	/* absent is absent */
	const char *key;
	json_t *value;
	void *next;
	json_object_foreach_safe(point, next, key, value) if (json_is_null(value))
		json_object_del(point, key);
	return point;
}

json_t *rest_points(const struct call *call, const json_t *info)
{
	const int64_t repo = setting_int(call, "repo");
	json_t *points = json_array(), *backup;
	size_t i;

	json_array_foreach(json_object_get(info, "backup"), i, backup) {
		json_t *point = point_of(info, backup);
		if (repo == 0 || json_int(point, "repo", 0) == repo)
			json_array_append(points, point);
		json_decref(point);
	}
	points_sort(points);
	return points;
}
#endif
