/* mariadb_backup.c: physical backups with mariadb-backup, on the server's own host; checking
 * and restoring them. */
#include "internal.h"

#ifdef HAVE_LIBMARIADB
#include "mariadb.h"

#include "copies.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	POLL_MS = 50,
	GRACE_MS = 10000,
	OPTION_MAX = 2048,
	NO_PROGRAM = 127,
	INFO_MAX = 64 << 10
};

/* ------------------------------------------------------------------ backup.start */

PREPARE(mariadb_backup_prepare)
{
	struct maria_node node;

	TRY(copies_backup_prepare(call, before, err));
	TRY(maria_look_at(call, NULL, 0, &node, err));
	json_put_str(before, "gtid", node.current_pos);
	return ERR_NONE;
}

/* An option file for the programs; quotes and backslashes are the format's own. */
static enum err_code option_file(struct call *call, struct buf *out, struct err *err)
{
	size_t len;
	const char *password = call_secret(call, "password", &len);

	TRY(buf_addf(out, err, "[client]\n"));
	if (password == NULL)
		return ERR_NONE;
	TRY(buf_addf(out, err, "password=\""));
	for (const char *p = password; *p != '\0'; p++)
		TRY(buf_addf(out, err, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p));
	return buf_addf(out, err, "\"\n");
}

static void on_line(void *arg, int fd, const char *line)
{
	struct call *call = arg;

	(void)fd;
	/* "[01] 2026-11-25 14:00:00 Copying ./db/t.ibd to …" for every file is progress, not
	 * output */
	if (strstr(line, "opying ") != NULL || strstr(line, ">> log scanned") != NULL)
		call_progress(call, -1, "%.100s", line);
	else if (strstr(line, "rror") != NULL || strstr(line, "completed OK") != NULL)
		call_log(call, "%s", line);
}

static enum err_code run_tool(
	struct call *call, const char *const *argv, const struct buf *options, struct err *err)
{
	struct tool tool = { .call = call,
		.argv = argv,
		.secret = options != NULL ? options->data : NULL,
		.secret_len = options != NULL ? options->len : 0,
		.on_line = on_line,
		.arg = call };
	const enum err_code code = tool_must(&tool, err);

	tool_release(&tool);
	return code;
}

static enum err_code make_backup(struct call *call, const char *part, struct err *err)
{
	char *host = xasprintf("--host=%s", setting_string(call, "host")),
	     *port = xasprintf("--port=%" PRId64, setting_int(call, "port")),
	     *user = xasprintf("--user=%s",
		     setting_string(call, "user") != NULL ? setting_string(call, "user") : ""),
	     *target = xasprintf("--target-dir=%s", part);
	/* the option file must be the first option */
	const char *const backup[] = { "mariadb-backup", "--defaults-file={secret}", "--backup",
		"--protocol=tcp", host, port, user, target, NULL };
	const char *const prepare[] = { "mariadb-backup", "--no-defaults", "--prepare", target,
		NULL };
	struct buf options;

	buf_init(&options, OPTION_MAX);
	enum err_code code = option_file(call, &options, err);
	if (code == ERR_NONE)
		code = run_tool(call, backup, &options, err);
	/* what was copied while it changed is made whole now, not when it is needed */
	if (code == ERR_NONE)
		code = run_tool(call, prepare, NULL, err);
	if (options.data != NULL)
		explicit_bzero(options.data, options.len);
	buf_release(&options);
	free(target);
	free(user);
	free(port);
	free(host);
	return code;
}

/* "binlog.000002\t342\t0-1-21": what the copy is as of, written by mariadb-backup. */
static void put_position(const char *part, json_t *detail)
{
	static const char *const names[] = { "mariadb_backup_binlog_info",
		"xtrabackup_binlog_info" };
	struct err ignored = { 0 };
	struct gtid_list list;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char *path = path_join(part, names[i]);
		struct buf text;

		buf_init(&text, INFO_MAX);
		if (path_exists(path) &&
			file_read(path, INFO_MAX, &text, &ignored) == ERR_NONE) {
			char *gtid = strrchr(text.data, '\t');

			if (gtid != NULL) {
				gtid[1 + strcspn(gtid + 1, "\n")] = '\0';
				if (gtid_parse(gtid + 1, &list))
					json_put_str(detail, "gtid", gtid + 1);
			}
		}
		buf_release(&text);
		free(path);
	}
}

RUN(mariadb_backup)
{
	const struct mono start = mono_now();
	json_t *detail = json_object();
	struct maria_node node;
	struct err ignored = { 0 };
	char *part = NULL;
	/* it holds what was committed up to its end; what it holds for certain is what was
	 * there when it began */
	const int64_t point_ms = wall_now().ns / 1000000;

	enum err_code code = copies_backup_begin(call, &part, err);
	if (code == ERR_NONE)
		code = maria_look_at(call, NULL, 0, &node, err);
	if (code == ERR_NONE) {
		json_put_str(detail, "version", node.version);
		code = make_backup(call, part, err);
	}
	if (code == ERR_NONE)
		put_position(part, detail);
	if (code == ERR_NONE)
		code = copies_backup_end(call, "mariadb", part, point_ms,
			"this host's clock when the copying began: everything committed before "
			"is in "
			"it",
			detail, result, err);
	else
		json_decref(detail);
	if (code != ERR_NONE) {
		(void)!copies_remove(part, &ignored);
		if (code != ERR_TIMEOUT && code != ERR_CANCELLED)
			err->world = WORLD_UNCHANGED;
	}
	json_put_int(result, "took_ms", mono_ms_since(start));
	free(part);
	return code;
}

RUN(mariadb_points)
{
	return copies_points(call, "mariadb", result, err);
}

RUN(mariadb_restore)
{
	return copies_restore(call, NULL, result, err);
}

/* ------------------------------------------------------------------ restore.validate */

/* A server of our own on a restored directory, reachable through a socket in it only. */
struct private_server {
	struct call *call;
	const char *dir;
	char *socket;
	pid_t pid;  /* -1 when it has ended */
	int status; /* as waitpid gives it */
};

static void exec_server(const struct private_server *s, const char *log)
{
	char *datadir = xasprintf("--datadir=%s", s->dir),
	     *sock = xasprintf("--socket=%s", s->socket),
	     *pid_file = xasprintf("--pid-file=%s/drillbook.pid", s->dir),
	     *error_log = xasprintf("--log-error=%s", log);
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* nobody else is to get in: no network, and the grants are not looked at */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	char *const argv[] = { "mariadbd", "--no-defaults", datadir, sock, pid_file, error_log,
		"--skip-networking", "--skip-grant-tables", "--skip-slave-start",
		"--skip-log-bin", "--innodb-buffer-pool-size=64M", "--event-scheduler=OFF",
		"--read-only", NULL };
	execvp(argv[0], argv);
	execv("/usr/sbin/mariadbd", argv); /* which an ordinary user's PATH may not have */
	_exit(NO_PROGRAM);
}

static bool ended(struct private_server *s)
{
	if (s->pid > 0 && waitpid(s->pid, &s->status, WNOHANG) == s->pid)
		s->pid = -1;
	return s->pid <= 0;
}

static enum err_code server_start(
	struct private_server *s, struct maria *m, const char *log, struct err *err)
{
	struct err why = { 0 };

	s->pid = fork();
	if (s->pid < 0)
		return err_errno(err, "cannot start a server");
	if (s->pid == 0)
		exec_server(s, log);
	for (;;) {
		if (ended(s) && WIFEXITED(s->status) && WEXITSTATUS(s->status) == NO_PROGRAM)
			return err_set(err, ERR_NOT_FOUND,
				"mariadbd is neither in PATH nor in /usr/sbin: install the "
				"server here");
		if (ended(s))
			return err_set(err, ERR_FAILED,
				"no server starts on \"%s\"; its log %s says why", s->dir, log);
		if (maria_open_socket(m, s->call, s->socket, &why) == ERR_NONE)
			return ERR_NONE;
		call_progress(s->call, -1, "waiting for a server on %s", s->dir);
		TRY(call_sleep(s->call, POLL_MS, err));
	}
}

static void server_stop(struct private_server *s)
{
	const struct mono start = mono_now();

	if (s->pid > 0)
		kill(s->pid, SIGTERM);
	while (!ended(s)) {
		const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };

		if (mono_ms_since(start) > GRACE_MS)
			kill(s->pid, SIGKILL);
		nanosleep(&pause, NULL);
	}
}

static enum err_code count_tables(struct maria *m, json_t *result, struct err *err)
{
	const int64_t wanted = call_int(m->call, "min_tables");

	TRY(maria_row(m,
		"select count(*) as tables from information_schema.tables where table_type = "
		"'BASE TABLE'"
		" and table_schema not in ('mysql', 'sys', 'performance_schema', "
		"'information_schema')",
		result, NULL, err));
	const int64_t tables = json_int(result, "tables", 0);
	return tables >= wanted
		       ? ERR_NONE
		       : err_set(err, ERR_FAILED,
				 "it has %" PRId64 " tables, at least %" PRId64 " are expected",
				 tables, wanted);
}

/* Reads every row of a table as the server does; the worst thing said. */
static enum err_code check_tables(struct maria *m, json_t *result, struct err *err)
{
	const json_t *tables = call_json(m->call, "tables");
	json_t *rows = json_object(), *table;
	size_t i;

	json_put(result, "rows", rows);
	json_array_foreach((json_t *)tables, i, table) {
		const char *name = json_string_value(table);
		json_t *row = json_object();

		TRY(maria_check_name("tables", name, err));
		char *check = xasprintf("check table %s extended", name),
		     *count = xasprintf("select count(*) as n from %s", name);
		enum err_code code = maria_row(m, check, row, NULL, err);
		if (code == ERR_NONE && !str_eq(json_str(row, "Msg_text", ""), "OK"))
			code = err_set(err, ERR_FAILED, "table %s: %s", name,
				json_str(row, "Msg_text", "?"));
		if (code == ERR_NONE)
			code = maria_row(m, count, row, NULL, err);
		if (code == ERR_NONE)
			json_put_int(rows, name, json_int(row, "n", 0));
		free(count);
		free(check);
		json_decref(row);
		TRY(code);
	}
	return ERR_NONE;
}

static enum err_code ask_query(struct maria *m, json_t *result, struct err *err)
{
	const char *database = setting_string(m->call, "database");
	struct statement s;
	MYSQL_ROW row = NULL;
	bool good = false;

	if (!call_has(m->call, "query"))
		return ERR_NONE;
	TRY(statement_find(m->call, &s, err));
	enum err_code code = ERR_NONE;
	if (database != NULL) {
		char *use = xasprintf("use `%s`", database);
		code = maria_exec(m, use, err);
		free(use);
	}
	if (code == ERR_NONE)
		code = maria_start_declared(m, s.sql, &s, err);
	if (code == ERR_NONE)
		code = maria_next(m, &row, err);
	if (code == ERR_NONE && row != NULL) {
		json_t *cell = maria_cell(m, row, 0);
		good = statement_holds(cell);
		json_put(result, "value", cell);
	}
	maria_end(m);
	if (code == ERR_NONE && !good)
		code = err_set(err, ERR_FAILED, "query \"%s\" does not hold", s.name);
	statement_release(&s);
	return code;
}

static enum err_code validate(struct private_server *s, json_t *result, struct err *err)
{
	char *log = xasprintf("%s/drillbook.log", s->dir);
	struct maria m = { 0 };

	enum err_code code = server_start(s, &m, log, err);
	if (code == ERR_NONE) {
		code = count_tables(&m, result, err);
		if (code == ERR_NONE)
			code = check_tables(&m, result, err);
		if (code == ERR_NONE)
			code = ask_query(&m, result, err);
		maria_close(&m);
	}
	server_stop(s);
	free(log);
	return code;
}

RUN(mariadb_restore_validate)
{
	struct private_server s = { .call = call, .dir = call_string(call, "path") };
	struct stat st;

	if (stat(s.dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_NOT_FOUND, "there is no directory \"%s\"", s.dir);
	char *marker = path_join(s.dir, COPIES_MARKER);
	const bool ours = path_exists(marker);
	free(marker);
	if (!ours)
		return err_set(err, ERR_FORBIDDEN,
			"\"%s\" was not made by restore.start (no %s in it): no server is "
			"started on "
			"it",
			s.dir, COPIES_MARKER);
	/* a socket's path holds 107 bytes, and a restored directory may have a long one */
	char private_dir[] = "/tmp/drillbook-XXXXXX";
	if (mkdtemp(private_dir) == NULL)
		return err_errno(err, "cannot make a directory for a socket");
	s.socket = path_join(private_dir, "s");
	const enum err_code code = validate(&s, result, err);
	unlink(s.socket);
	rmdir(private_dir);
	free(s.socket);
	if (code != ERR_NONE) {
		err->world = WORLD_UNCHANGED;
		err_context(err, "\"%s\"", call_string(call, "path"));
	}
	json_put_flag(result, "ok", code == ERR_NONE);
	return code;
}
#endif
