/* postgres_private.c: a server on a restored data directory that nobody else can reach.
 *
 * The cluster brings the configuration of the server it was: its port, its archive, its memory,
 * libraries that may not be here.  So the private server gets a configuration of its own, in a
 * directory of its own that only this user may enter; what ALTER SYSTEM left in
 * postgresql.auto.conf is read after it, so what must hold stands on the command line. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_restore.h"
#include "postgres_tree.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MS = 50, PORT = 5432, LOG_TAIL = 32 << 10, LOG_LINES = 15, APPEAR_MS = 10000 };

/* a socket's path holds 107 bytes, so not below the data directory */
#define PREFIX "/tmp/drillbook-pg-"

bool private_is_ours(const struct node *node)
{
	char dir[PG_PATH_MAX];

	return node_postmaster(node, NULL) != 0 && node_socket_dir(node, dir, sizeof(dir)) &&
	       str_starts(dir, PREFIX);
}

/* ------------------------------------------------------------------ configuration */

/* A standby or a recovery must not have less of these than the primary had. */
static const char *const at_least[] = { "max_connections", "max_worker_processes",
	"max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction" };

static enum err_code put(const struct private_server *server, const char *name,
	const char *text, struct err *err)
{
	char *path = path_join(server->dir, name);
	enum err_code code = file_replace(path, text, strlen(text), 0600, err);

	free(path);
	return code;
}

static enum err_code write_config(
	const struct private_server *server, const json_t *extra, struct err *err)
{
	json_t *control = json_object(), *value;
	const char *key;
	struct buf buf;

	buf_init(&buf, 64 << 10);
	enum err_code code = buf_addf(&buf, err, "# drillbook: of the restored cluster in %s\n",
		server->node.data_dir);
	if (code == ERR_NONE)
		code = node_control(&server->node, control, err);
	for (size_t i = 0; code == ERR_NONE && i < COUNT_OF(at_least); i++)
		code = buf_addf(&buf, err, "%s = %s\n", at_least[i],
			json_str(control, at_least[i], "100"));
	json_object_foreach((json_t *)extra, key, value) {
		const char *text = json_string_value(value);
		if (code == ERR_NONE && (text == NULL || strpbrk(text, "'\\\n") != NULL))
			code = err_set(err, ERR_USAGE,
				"config: \"%s\" must be text without quotes", key);
		if (code == ERR_NONE)
			code = buf_addf(&buf, err, "%s = '%s'\n", key, text);
	}
	if (code == ERR_NONE)
		code = put(server, "postgresql.conf", buf.data, err);
	if (code == ERR_NONE)
		code = put(server, "hba.conf", "local all all trust\n", err);
	if (code == ERR_NONE)
		code = put(server, "ident.conf", "", err);
	buf_release(&buf);
	json_decref(control);
	return code;
}

/* pg_ctl gives them to a shell; the directory's name has nothing in it that a shell would see.
 */
static char *options_of(const struct private_server *server)
{
	return xasprintf(
		"-c config_file=%s/postgresql.conf -c hba_file=%s/hba.conf -c "
		"ident_file=%s/ident.conf"
		" -c unix_socket_directories=%s -c unix_socket_permissions=0700 -c port=%d"
		" -c listen_addresses= -c ssl=off -c archive_mode=off -c external_pid_file="
		" -c logging_collector=off -c log_destination=stderr -c lc_messages=C"
		" -c shared_buffers=64MB -c huge_pages=off -c autovacuum=off"
		" -c restart_after_crash=off -c synchronous_standby_names="
		" -c wal_retrieve_retry_interval=200ms -c cluster_name=drillbook_restore",
		server->dir, server->dir, server->dir, server->dir, PORT);
}

/* ------------------------------------------------------------------ its words */

/* The end of its log, owned; and the last FATAL or PANIC in it. */
static char *read_log(const struct private_server *server)
{
	char *path = path_join(server->dir, "log"), *text = xmalloc(LOG_TAIL + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	ssize_t n = 0;

	if (fd >= 0) {
		n = pread(fd, text, LOG_TAIL, size > LOG_TAIL ? size - LOG_TAIL : 0);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	free(path);
	return text;
}

static const char *last_fatal(char *text)
{
	static const char *const words[] = { "FATAL:  ", "PANIC:  " };
	const char *found = NULL;

	for (size_t i = 0; i < COUNT_OF(words); i++)
		for (char *at = text; (at = strstr(at, words[i])) != NULL;
			at += strlen(words[i])) {
			/* what a client is told while it starts is no reason */
			if (!str_starts(at + strlen(words[i]), "the database system is"))
				found = at + strlen(words[i]);
		}
	if (found != NULL)
		((char *)found)[strcspn(found, "\n")] = '\0';
	return found;
}

static void log_tail(struct call *call, const char *text)
{
	size_t lines = 0;
	const char *at = text + strlen(text);

	while (at > text && lines <= LOG_LINES)
		lines += *--at == '\n';
	for (at += *at == '\n'; *at != '\0'; at += strspn(at, "\n")) {
		const size_t len = strcspn(at, "\n");
		call_log(call, "server: %.*s", (int)(len < 1000 ? len : 1000), at);
		at += len;
	}
}

/* One that dies at once may never be seen alive. */
static bool has_died(const struct private_server *server)
{
	char *text = read_log(server);
	const bool died = last_fatal(text) != NULL;

	free(text);
	return died;
}

static enum err_code ended(
	const struct private_server *server, struct call *call, struct err *err)
{
	char *text = read_log(server);

	log_tail(call, text);
	const char *why = last_fatal(text);
	err_set(err, ERR_FAILED, "the restored cluster in \"%s\" does not come up: %s",
		server->node.data_dir, why != NULL ? why : "its server ended without a word");
	free(text);
	return ERR_FAILED;
}

/* ------------------------------------------------------------------ starting */

/* In *over whether recovery is over; UNREACHABLE is no error yet. */
static enum err_code look(
	const struct private_server *server, struct call *call, bool *over, struct err *err)
{
	json_t *row = json_object();
	struct err why = { 0 };
	struct pg pg;

	enum err_code code = pg_open(&pg, call, &server->endpoint, &why);
	if (code == ERR_NONE) {
		code = pg_row(&pg,
			"select pg_is_in_recovery() as r, pg_last_wal_replay_lsn()::text as "
			"lsn",
			0, NULL, row, &why);
		pg_close(&pg);
	}
	*over = code == ERR_NONE && !json_flag(row, "r", true);
	if (code == ERR_NONE && !*over)
		call_progress(call, -1, "replayed up to %s", json_str(row, "lsn", "?"));
	else if (code == ERR_UNREACHABLE)
		call_progress(call, -1, "recovering");
	else if (code != ERR_NONE)
		*err = why;
	json_decref(row);
	return code == ERR_UNREACHABLE ? ERR_NONE : code;
}

/* "Started" is not recovered: the server may answer from a standby's state and die afterwards
 * because the target is never reached. */
static enum err_code wait_recovered(
	const struct private_server *server, struct call *call, struct err *err)
{
	struct mono start = mono_now();
	bool seen = false, over = false;

	while (true) {
		const bool lives = node_postmaster(&server->node, NULL) != 0;
		seen = seen || lives;
		if (!lives && (seen || has_died(server) || mono_ms_since(start) > APPEAR_MS))
			return ended(server, call, err);
		if (lives)
			TRY(look(server, call, &over, err));
		if (over)
			return ERR_NONE;
		if (call_sleep(call, POLL_MS, err) != ERR_NONE)
			return err_context(err,
				"the restored cluster in \"%s\" is still recovering",
				server->node.data_dir);
	}
}

static enum err_code run_pg_ctl(
	const struct private_server *server, struct call *call, struct err *err)
{
	char version[PG_VERSION_MAX], *log = path_join(server->dir, "log");
	char *options = options_of(server);
	const char *const argv[] = { "pg_ctl", "start", "-D", server->node.data_dir, "-W", "-s",
		"-l", log, "-o", options, NULL };
	/* not kept: should we be killed, it is ended with the step */
	struct tool tool = { .argv = argv };

	pg_version_of(server->node.data_dir, version);
	enum err_code code = pg_tool(call, version, &tool, err);
	if (code == ERR_NONE && tool.exit_status != 0)
		code = pg_tool_failed(&tool, err);
	tool_release(&tool);
	free(options);
	free(log);
	return code;
}

enum err_code private_end_earlier(const struct node *node, struct err *err)
{
	struct err ignored = { 0 };
	char dir[PG_PATH_MAX] = "";

	if (!private_is_ours(node) || !node_socket_dir(node, dir, sizeof(dir)))
		return ERR_NONE;
	call_log(node->call, "ending the server that an earlier attempt has left");
	TRY(node_kill(node, err));
	if (tree_remove(NULL, dir, NULL, &ignored) != ERR_NONE)
		call_log(node->call, "%s is left behind: %s", dir, ignored.text);
	return ERR_NONE;
}

enum err_code private_start(
	struct private_server *server, struct call *call, const char *data_dir, struct err *err)
{
	struct err ignored = { 0 };

	*server = (struct private_server){ .node = { .call = call, .data_dir = data_dir },
		.dir = PREFIX "XXXXXX" };
	TRY(private_end_earlier(&server->node, err));
	TRY(node_clear_locks(&server->node, err));
	if (mkdtemp(server->dir) == NULL)
		return err_errno(err, "cannot make a directory below /tmp");
	server->endpoint = (struct pg_endpoint){ .host = server->dir, .port = PORT };
	enum err_code code = write_config(server, call_json(call, "config"), err);
	const bool configured = code == ERR_NONE;
	if (configured)
		code = run_pg_ctl(server, call, err);
	if (code == ERR_NONE)
		code = wait_recovered(server, call, err);
	if (code != ERR_NONE) /* its recovery may have begun */
		err->world = configured ? WORLD_CHANGED : WORLD_UNCHANGED;
	if (code != ERR_NONE && private_stop(server, &ignored) != ERR_NONE)
		call_log(call, "the server in %s is left running: %s", data_dir, ignored.text);
	return code;
}

enum err_code private_stop(struct private_server *server, struct err *err)
{
	struct err ignored = { 0 };
	enum err_code code = node_stop(&server->node, SIGINT, 0, &ignored);

	if (code != ERR_NONE)
		code = node_kill(&server->node, err);
	if (code == ERR_NONE && tree_remove(NULL, server->dir, NULL, &ignored) != ERR_NONE)
		call_log(server->node.call, "%s is left behind: %s", server->dir, ignored.text);
	return code;
}
#endif
