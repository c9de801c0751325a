/* postgres_tool.c: PostgreSQL's own programs (pg_ctl, pg_controldata, pg_rewind,
 * pg_basebackup, pg_verifybackup), run for a call.  Their exit status is never the only proof:
 * callers look at the world afterwards. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres.h"
#include "postgres_rejoin.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ARGS_MAX = 48, POLL_MS = 50, CONTROL_MS = 10000 };

/* ------------------------------------------------------------------ running one */

void pg_version_of(const char *dir, char out[PG_VERSION_MAX])
{
	char *path = path_join(dir, "PG_VERSION");
	FILE *file = fopen(path, "re");

	free(path);
	out[0] = '\0';
	if (file == NULL)
		return;
	if (fgets(out, PG_VERSION_MAX, file) == NULL)
		out[0] = '\0';
	fclose(file);
	out[strspn(out, "0123456789.")] = '\0';
}

/* bin_dir, else Debian's place for the version, else PATH.  Owned. */
static char *program(const struct call *call, const char *version, const char *name)
{
	const char *dir = setting_string(call, "bin_dir");

	if (dir != NULL)
		return path_join(dir, name);
	char *path = xasprintf("/usr/lib/postgresql/%s/bin/%s", version, name);
	if (version[0] != '\0' && access(path, X_OK) == 0)
		return path;
	free(path);
	return xstrdup(name);
}

struct speaker {
	struct call *call;
	const char *name;
	bool silent;
};

/* "12345/67890 kB (18%)" of pg_rewind and pg_basebackup is progress; everything else is output.
 */
static void on_line(void *arg, int fd, const char *line)
{
	const struct speaker *speaker = arg;
	const char *percent = strrchr(line, '%');
	int value = 0, unit = 1;

	for (const char *c = percent != NULL ? percent - 1 : NULL;
		c != NULL && c >= line && isdigit((unsigned char)*c) && unit < 1000; c--) {
		value += (*c - '0') * unit;
		unit *= 10;
	}
	if (unit > 1 && value <= 100)
		call_progress(speaker->call, value * 10, "copying");
	else if (line[0] != '\0' && (fd == 2 || !speaker->silent))
		call_log(speaker->call, "%s: %.2000s", speaker->name, line);
}

/* Without libpq's variables, which would change where a program connects to, and in English,
 * because its words are read.  The password goes over on a descriptor that libpq takes for a
 * password file. */
enum err_code pg_tool(
	struct call *call, const char *version, struct tool *tool, struct err *err)
{
	const char *const *argv = tool->argv;
	const char *args[ARGS_MAX], *given = setting_string(call, "passfile");
	char *path = strchr(argv[0], '/') != NULL ? xstrdup(argv[0])
						  : program(call, version, argv[0]);
	char *entry = given != NULL ? xasprintf("PGPASSFILE=%s", given)
				    : xstrdup("PGPASSFILE={secret}");
	struct speaker speaker = { .call = call, .name = argv[0], .silent = tool->quiet };
	const bool secret = given == NULL && call_secret(call, "password", NULL) != NULL;
	/* what outlives us keeps the world's time zone; the others' words about time are read
	 */
	const char *const env[] = { "LC_ALL=C", "PG*", "LC_*", "LANG*",
		tool->keep ? "DRILLBOOK_KEEP=1" : "TZ=UTC",
		given != NULL || secret ? entry : NULL, NULL };
	struct buf passfile;
	enum err_code code = ERR_NONE;
	size_t count = 1;

	buf_init(&passfile, 1 << 16);
	for (args[0] = path; argv[count] != NULL && count < ARGS_MAX - 1; count++)
		args[count] = argv[count];
	args[count] = NULL;
	if (secret)
		code = passfile_text(call, &passfile, err);
	if (code == ERR_NONE) {
		tool->call = call;
		tool->argv = args;
		tool->env = env;
		tool->secret = secret ? passfile.data : NULL;
		tool->secret_len = passfile.len;
		tool->on_line = on_line;
		tool->arg = &speaker;
		code = tool_run(tool, err);
	}
	if (code == ERR_NOT_FOUND)
		err_set(err, code, "%s of PostgreSQL %s is not here: install it or set bin_dir",
			argv[0], version[0] != '\0' ? version : "(any version)");
	tool->argv = argv;
	tool->env = NULL;
	tool->secret = NULL;
	if (passfile.data != NULL)
		explicit_bzero(passfile.data, passfile.len);
	buf_release(&passfile);
	free(entry);
	free(path);
	return code;
}

/* The reason comes first, and what it then tidied up comes last. */
enum err_code pg_tool_failed(const struct tool *tool, struct err *err)
{
	static const char *const words[] = { "error: ", "fatal: ", "FATAL:  " };

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		const char *at = strstr(tool->errout.data, words[i]);
		if (at == NULL)
			continue;
		at += strlen(words[i]);
		const size_t len = strcspn(at, "\n");
		return err_set(err, ERR_FAILED, "%s ended with status %d: %.*s", tool->argv[0],
			tool->exit_status, (int)(len < TOOL_SAID_BYTES ? len : TOOL_SAID_BYTES),
			at);
	}
	return tool_failed(tool, err);
}

enum err_code node_tool(const struct node *node, const char *const *argv, int64_t timeout_ms,
	char **out, struct err *err)
{
	struct tool tool = { .argv = argv,
		.timeout_ms = timeout_ms,
		.quiet = out != NULL,
		.keep = str_eq(argv[0], "pg_ctl") };
	char version[PG_VERSION_MAX];

	pg_version_of(node->data_dir, version);
	enum err_code code = pg_tool(node->call, version, &tool, err);
	if (code == ERR_NONE && tool.exit_status != 0)
		code = pg_tool_failed(&tool, err);
	if (code == ERR_NONE && out != NULL)
		*out = xstrdup(tool.out.data);
	tool_release(&tool);
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
	{ "Time of latest checkpoint", "checkpoint_time" },
	{ "Bytes per WAL segment", "segment_bytes" },
	{ "max_connections setting", "max_connections" },
	{ "max_worker_processes setting", "max_worker_processes" },
	{ "max_wal_senders setting", "max_wal_senders" },
	{ "max_prepared_xacts setting", "max_prepared_transactions" },
	{ "max_locks_per_xact setting", "max_locks_per_transaction" },
};

/* "Wed Nov 18 14:02:31 2026", in English and UTC; 0 when it is something else. */
static int64_t time_ms_of(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%a %b %d %H:%M:%S %Y", &tm);

	return end != NULL && *end == '\0' ? (int64_t)timegm(&tm) * 1000 : 0;
}

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

	TRY(node_tool(node, argv, CONTROL_MS, &out, err));
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
	json_put_int(into, "checkpoint_ms", time_ms_of(json_str(into, "checkpoint_time", "")));
	json_put_int(
		into, "segment_bytes", strtoll(json_str(into, "segment_bytes", "0"), NULL, 10));
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
	const char *argv[ARGS_MAX];
	size_t count = 0, i;
	json_t *word;

	json_array_foreach((json_t *)command, i, word)
		if (count < ARGS_MAX - 1)
			argv[count++] = json_string_value(word);
	argv[count] = NULL;
	if (count == 0)
		return err_set(err, ERR_USAGE, "\"%s\": start_command is empty",
			call_target(node->call));
	const char *workspace = call_workspace(node->call);
	struct tool tool = { .call = node->call,
		.argv = argv,
		.cwd = workspace[0] != '\0' ? workspace : NULL,
		.keep = true };
	enum err_code code = tool_must(&tool, err);
	if (code == ERR_FAILED)
		err_context(err, "start_command");
	tool_release(&tool);
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
		code = node_tool(node, argv, 0, NULL, err);
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
