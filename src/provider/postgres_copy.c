/* postgres_copy.c: bringing a data directory to the source's state: pg_rewind, or a new copy
 * beside it. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_rejoin.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum err_code conninfo_add(
	struct buf *buf, const char *name, const char *value, struct err *err)
{
	if (value == NULL)
		return ERR_NONE;
	TRY(buf_addf(buf, err, "%s%s='", buf->len > 0 ? " " : "", name));
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '\'' || *c == '\\')
			TRY(buf_add(buf, "\\", 1, err));
		TRY(buf_add(buf, c, 1, err));
	}
	return buf_addf(buf, err, "'");
}

bool is_switchover(const struct call *call)
{
	return str_eq(call_op(call), "failover.switchover");
}

struct pg_endpoint source_of(const struct call *call)
{
	return is_switchover(call)
		       ? pg_endpoint_of(call, "standby_host", "standby_port", "standby_user")
		       : pg_endpoint_of(call, "source_host", "source_port", "source_user");
}

/* How to reach the source, without a password in it. */
enum err_code source_conninfo(struct call *call, struct buf *buf, struct err *err)
{
	const struct pg_endpoint source = source_of(call);
	char port[24];

	snprintf(port, sizeof(port), "%" PRId64, source.port);
	TRY(conninfo_add(buf, "host", source.host, err));
	TRY(conninfo_add(buf, "port", port, err));
	TRY(conninfo_add(buf, "user",
		source.user != NULL ? source.user : setting_string(call, "user"), err));
	TRY(conninfo_add(buf, "sslmode", setting_string(call, "sslmode"), err));
	return conninfo_add(buf, "connect_timeout", "10", err);
}

/* pg_rewind must not run twice.  On a directory it is through with it would take backup_label
 * for a crash, recover by itself, write WAL of its own on the source's timeline, and find "no
 * rewind required".  The control file is the last it writes: that state together with a
 * backup_label is a rewind that is through. */
static enum err_code is_rewound(const struct node *node, bool *out, struct err *err)
{
	json_t *control = json_object();
	enum err_code code = ERR_NONE;

	*out = kept_has(node, KEPT_REWOUND);
	if (!*out && kept_has(node, KEPT_REWINDING) && node_has(node, "backup_label")) {
		code = node_control(node, control, err);
		*out = str_eq(json_str(control, "state", ""), "in archive recovery");
	}
	json_decref(control);
	if (!*out || code != ERR_NONE)
		return code;
	call_log(node->call,
		"the pg_rewind of an earlier attempt is through: it is not repeated");
	/* it may have been cut off before it brought everything to disk */
	int fd = open(node->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd) != 0)
		code = err_errno(err, "cannot sync \"%s\"", node->data_dir);
	if (fd >= 0)
		close(fd);
	return code;
}

static enum err_code run_pg_rewind(const struct node *node, struct err *err)
{
	const char *config = setting_string(node->call, "config_file");
	char *server = NULL, *config_arg = NULL;
	struct buf buf;

	buf_init(&buf, 1 << 16);
	enum err_code code = source_conninfo(node->call, &buf, err);
	if (code == ERR_NONE)
		code = conninfo_add(
			&buf, "dbname", setting_string(node->call, "database"), err);
	if (code == ERR_NONE)
		code = kept_put(node, KEPT_REWINDING, err);
	/* pg_rewind recovers a crashed node in single-user mode, which refuses standby mode */
	if (code == ERR_NONE)
		code = node_remove(node, "standby.signal", err);
	if (code == ERR_NONE) {
		server = xasprintf("--source-server=%s", buf.data);
		config_arg = config != NULL ? xasprintf("--config-file=%s", config) : NULL;
		const char *const argv[] = { "pg_rewind", "-D", node->data_dir, "-P", server,
			config_arg, NULL };
		code = node_tool(node, argv, 0, NULL, err);
		if (code == ERR_FAILED) {
			char *said = xstrdup(err->text);
			err_set(err, ERR_FAILED, "%.500s; %s", said, RESEED);
			free(said);
		}
	}
	free(server);
	free(config_arg);
	buf_release(&buf);
	return code;
}

enum err_code rewind_node(const struct node *node, struct err *err)
{
	bool through = false;

	TRY(is_rewound(node, &through, err));
	if (!through)
		TRY(run_pg_rewind(node, err));
	return kept_put(node, KEPT_REWOUND, err);
}

/* A copy beside the old directory and then one atomic exchange; the old one is kept under
 * another name. */
enum err_code reseed_node(const struct node *node, json_t *result, struct err *err)
{
	char *fresh = node_beside(node, ".reseed"), *dsn = NULL, *kept = NULL;
	const char *slot = call_string(node->call, "slot");
	struct buf buf;

	buf_init(&buf, 1 << 16);
	enum err_code code = ERR_NONE;
	if (path_exists(fresh))
		code = err_set(err, ERR_CONFLICT,
			"\"%s\" is there from an earlier attempt: look at it and "
			"remove it",
			fresh);
	if (code == ERR_NONE)
		code = source_conninfo(node->call, &buf, err);
	if (code == ERR_NONE) {
		dsn = xasprintf("--dbname=%s", buf.data);
		/* -c fast: a spread checkpoint would take minutes; --no-clean keeps what failed
		 * for a look */
		const char *const argv[] = { "pg_basebackup", dsn, "-D", fresh, "-X", "stream",
			"-c", "fast", "-P", "-w", slot != NULL ? "-S" : NULL, slot, NULL };
		code = node_tool(node, argv, 0, NULL, err);
	}
	if (code == ERR_NONE)
		code = kept_restore(node, fresh, err);
	if (code == ERR_NONE &&
		renameat2(AT_FDCWD, fresh, AT_FDCWD, node->data_dir, RENAME_EXCHANGE) != 0)
		code = err_errno(err, "cannot put \"%s\" in place", fresh);
	if (code == ERR_NONE) {
		char when[32];
		snprintf(when, sizeof(when), ".replaced-%" PRId64, wall_now().ns / 1000000000);
		kept = node_beside(node, when);
		if (rename(fresh, kept) != 0)
			code = err_errno(err, "cannot rename \"%s\"", fresh);
		json_put_str(result, "kept", code == ERR_NONE ? kept : fresh);
		call_log(node->call, "the old directory is kept as %s",
			code == ERR_NONE ? kept : fresh);
	}
	free(kept);
	free(dsn);
	free(fresh);
	buf_release(&buf);
	return code;
}
#endif
