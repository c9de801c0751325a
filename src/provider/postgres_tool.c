/* postgres_tool.c: PostgreSQL's own programs (pg_ctl, pg_controldata, pg_rewind,
 * pg_basebackup), run for a node.  Their exit status is never the only proof: callers look at
 * the world afterwards. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENV_MAX = 256, ARGS_MAX = 32, POLL_MS = 50, CONTROL_MS = 10000 };

/* ------------------------------------------------------------------ running one */

/* bin_dir, else Debian's place for the data directory's version, else PATH.  Owned. */
static char *program(const struct node *node, const char *name)
{
	const char *dir = setting_string(node->call, "bin_dir");
	char version[16] = "";

	if (dir != NULL)
		return path_join(dir, name);
	char *path = node_path(node, "PG_VERSION");
	FILE *file = fopen(path, "re");
	free(path);
	if (file != NULL) {
		if (fgets(version, sizeof(version), file) == NULL)
			version[0] = '\0';
		fclose(file);
	}
	version[strspn(version, "0123456789.")] = '\0';
	path = xasprintf("/usr/lib/postgresql/%s/bin/%s", version, name);
	if (version[0] != '\0' && access(path, X_OK) == 0)
		return path;
	free(path);
	return xstrdup(name);
}

/* A server must outlive the step that starts it: the worker does not end what was started with
 * this. */
#define KEEP "DRILLBOOK_KEEP=1"

/* This process's environment and up to two more entries.  For a program of PostgreSQL's without
 * libpq's variables, which would change where it connects to, and in English, because its words
 * are read. */
static void environment(const char **env, bool for_postgres, const char *one, const char *two)
{
	size_t count = 0;

	for (char **e = environ; *e != NULL && count < ENV_MAX - 4; e++)
		if (!for_postgres || (!str_starts(*e, "PG") && !str_starts(*e, "LC_") &&
					     !str_starts(*e, "LANG")))
			env[count++] = *e;
	if (for_postgres)
		env[count++] = "LC_ALL=C";
	if (one != NULL)
		env[count++] = one;
	if (two != NULL)
		env[count++] = two;
	env[count] = NULL;
}

/* "12345/67890 kB (18%)" of pg_rewind and pg_basebackup. */
static void show_progress(void *arg, int fd, const char *data, size_t len)
{
	const struct node *node = arg;
	const char *percent = memrchr(data, '%', len);
	int value = 0, unit = 1;

	(void)fd;
	if (percent == NULL)
		return;
	for (const char *c = percent - 1;
		c >= data && isdigit((unsigned char)*c) && unit < 1000; c--) {
		value += (*c - '0') * unit;
		unit *= 10;
	}
	if (unit > 1 && value <= 100)
		call_progress(node->call, value * 10, "copying");
}

static void log_lines(const struct node *node, const char *name, const char *text)
{
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, "\r\n");
		if (len > 0 && memchr(text, '%', len) == NULL)
			call_log(node->call, "%s: %.*s", name, (int)(len < 2000 ? len : 2000),
				text);
		text += len;
		text += strspn(text, "\r\n");
	}
}

static void last_line(const char *text, char *out, size_t size)
{
	size_t end = text != NULL ? strlen(text) : 0;

	while (end > 0 && isspace((unsigned char)text[end - 1]))
		end--;
	size_t start = end;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	snprintf(out, size, "%.*s", (int)(end - start), text != NULL ? text + start : "");
}

enum err_code node_tool(const struct node *node, const char *const *argv, const char *passfile,
	int64_t timeout_ms, char **out, struct err *err)
{
	const char *args[ARGS_MAX], *env[ENV_MAX];
	char *path = strchr(argv[0], '/') != NULL ? xstrdup(argv[0]) : program(node, argv[0]);
	char *entry = passfile != NULL ? xasprintf("PGPASSFILE=%s", passfile) : NULL;
	size_t count = 1;

	args[0] = path;
	for (; argv[count] != NULL && count < ARGS_MAX - 1; count++)
		args[count] = argv[count];
	args[count] = NULL;
	environment(env, true, entry, str_eq(argv[0], "pg_ctl") ? KEEP : NULL);
	int64_t left = call_left_ms(node->call);
	struct child child = {
		.argv = args,
		.env = env,
		.cwd = "/",
		.timeout_ms = timeout_ms > 0 && timeout_ms < left ? timeout_ms : left + 1,
		.stop = call_stop_flag(node->call),
		.merge = out != NULL,
		.on_output = show_progress,
		.arg = (void *)node,
	};
	enum err_code code = child_run(&child, err);
	if (out == NULL)
		log_lines(node, argv[0], child.out.data);
	log_lines(node, argv[0], child.errout.data);
	if (code == ERR_NONE && child.exit_status != 0) {
		char said[300];
		last_line(child.errout.len > 0 ? child.errout.data : child.out.data, said,
			sizeof(said));
		code = err_set(err, ERR_FAILED, "%s ended with status %d: %s", argv[0],
			child.exit_status, said);
	} else if (code == ERR_NONE && out != NULL) {
		*out = xstrdup(child.out.data != NULL ? child.out.data : "");
	}
	child_release(&child);
	free(entry);
	free(path);
	return code;
}

/* ------------------------------------------------------------------ pg_controldata */

static const struct {
	const char *label, *member;
} control_rows[] = {
	{ "Database cluster state", "state" },
	{ "Database system identifier", "system_id" },
	{ "Latest checkpoint location", "checkpoint" },
	{ "Latest checkpoint's TimeLineID", "timeline" },
	{ "Min recovery ending loc's timeline", "recovery_timeline" },
	{ "wal_log_hints setting", "wal_log_hints" },
	{ "Data page checksum version", "checksums" },
};

static void take_control_line(const char *line, size_t len, json_t *into)
{
	for (size_t i = 0; i < COUNT_OF(control_rows); i++) {
		size_t label = strlen(control_rows[i].label);
		if (len <= label || memcmp(line, control_rows[i].label, label) != 0 ||
			line[label] != ':')
			continue;
		const char *value = line + label + 1;
		size_t n = len - label - 1;
		for (; n > 0 && *value == ' '; n--)
			value++;
		json_put(into, control_rows[i].member, json_text(value, n));
	}
}

enum err_code node_control(const struct node *node, json_t *into, struct err *err)
{
	const char *const argv[] = { "pg_controldata", "-D", node->data_dir, NULL };
	char *out = NULL;

	TRY(node_tool(node, argv, NULL, CONTROL_MS, &out, err));
	for (const char *line = out; *line != '\0'; line += strspn(line, "\n")) {
		size_t len = strcspn(line, "\n");
		take_control_line(line, len, into);
		line += len;
	}
	free(out);
	for (size_t i = 0; i < COUNT_OF(control_rows); i++)
		if (json_object_get(into, control_rows[i].member) == NULL)
			return err_set(err, ERR_PROTOCOL, "pg_controldata did not say \"%s\"",
				control_rows[i].label);
	json_put_flag(into, "hints",
		str_eq(json_str(into, "wal_log_hints", ""), "on") ||
			!str_eq(json_str(into, "checksums", "0"), "0"));
	json_put_int(into, "timeline", strtoll(json_str(into, "timeline", "0"), NULL, 10));
	json_put_int(into, "recovery_timeline",
		strtoll(json_str(into, "recovery_timeline", "0"), NULL, 10));
	return ERR_NONE;
}

/* ------------------------------------------------------------------ starting */

/* A start that reports success may die right after it (or has not begun): only an answer
 * counts. */
static enum err_code wait_for_answer(const struct node *node, struct err *err)
{
	const struct pg_endpoint local = { .host = setting_string(node->call, "socket_dir") };

	while (true) {
		struct err why = { 0 };
		struct pg pg;
		enum err_code code = pg_open(&pg, node->call, &local, &why);
		if (code == ERR_NONE) {
			code = pg_exec(&pg, "select pg_is_in_recovery()", &why);
			pg_close(&pg);
		}
		if (code != ERR_UNREACHABLE) {
			if (code != ERR_NONE)
				*err = why;
			return code;
		}
		call_progress(node->call, -1, "waiting for the first answer");
		if (call_sleep(node->call, POLL_MS, err) != ERR_NONE)
			return err_context(err, "\"%s\" was started but does not answer (%s)",
				node->data_dir, why.text);
	}
}

static enum err_code start_by_command(
	const struct node *node, const json_t *command, struct err *err)
{
	const char *argv[ARGS_MAX], *env[ENV_MAX];
	size_t count = 0, i;
	json_t *word;

	json_array_foreach((json_t *)command, i, word) if (count < ARGS_MAX - 1) argv[count++] =
		json_string_value(word);
	argv[count] = NULL;
	if (count == 0)
		return err_set(err, ERR_USAGE, "\"%s\": start_command is empty",
			call_target(node->call));
	environment(env, false, KEEP, NULL);
	struct child child = { .argv = argv,
		.env = env,
		.cwd = call_workspace(node->call)[0] != '\0' ? call_workspace(node->call) : "/",
		.timeout_ms = call_left_ms(node->call) + 1,
		.stop = call_stop_flag(node->call) };
	enum err_code code = child_run(&child, err);
	if (code == ERR_NONE && child.exit_status != 0) {
		char said[300];
		last_line(child.errout.data, said, sizeof(said));
		code = err_set(err, ERR_FAILED, "start_command %s ended with status %d: %s",
			argv[0], child.exit_status, said);
	}
	child_release(&child);
	return code;
}

/* pg_ctl without -l would hand our pipe to the server (it would never end for a reader that
 * waits for EOF). */
static enum err_code start_by_pg_ctl(const struct node *node, struct err *err)
{
	const char *config = setting_string(node->call, "config_file");
	const char *log = setting_string(node->call, "log_file");
	char *beside = log == NULL ? node_beside(node, ".log") : NULL;
	/* pg_ctl passes options through a shell */
	char *options = NULL, seconds[24];
	enum err_code code = ERR_NONE;

	if (config != NULL && strpbrk(config, "'\"\\\n") != NULL)
		code = err_set(err, ERR_USAGE, "config_file \"%s\" has quotes in it", config);
	else if (config != NULL)
		options = xasprintf("-c 'config_file=%s'", config);
	snprintf(seconds, sizeof(seconds), "%" PRId64, call_left_ms(node->call) / 1000 + 1);
	const char *argv[] = { "pg_ctl", "start", "-D", node->data_dir, "-w", "-t", seconds,
		"-s", "-l", log != NULL ? log : beside, options != NULL ? "-o" : NULL, options,
		NULL };
	if (code == ERR_NONE)
		code = node_tool(node, argv, NULL, 0, NULL, err);
	free(options);
	free(beside);
	return code;
}

enum err_code node_start(const struct node *node, struct err *err)
{
	const json_t *command = setting_json(node->call, "start_command");

	TRY(node_clear_locks(node, err));
	call_progress(node->call, -1, "starting");
	enum err_code code = command != NULL ? start_by_command(node, command, err)
					     : start_by_pg_ctl(node, err);
	if (code != ERR_NONE) {
		err->world = node_postmaster(node, NULL) != 0 ? WORLD_UNKNOWN : WORLD_UNCHANGED;
		return code;
	}
	return wait_for_answer(node, err);
}
#endif
