/* postgres_files.c: keeping a node's own configuration while pg_rewind or pg_basebackup
 * replaces the data directory by a copy of another server's, ports and all.
 *
 * The configuration is copied to DATA_DIR.drillbook/ beside it before anything is touched and
 * stays there until the node streams, so that an attempt that was interrupted at any point is
 * finished by the next one. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "postgres_rejoin.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 4 << 20, FILES_MAX = 512 };

#define COMPLETE "complete"

static bool is_config(const char *name)
{
	return str_ends(name, ".conf") && !str_eq(name, ".conf");
}

static bool is_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum err_code copy_file(const char *from, const char *to, struct err *err)
{
	struct buf buf;
	struct stat st;

	buf_init(&buf, FILE_MAX);
	enum err_code code = file_read(from, FILE_MAX, &buf, err);
	if (code == ERR_NONE && stat(from, &st) != 0)
		code = err_errno(err, "cannot read \"%s\"", from);
	if (code == ERR_NONE)
		code = file_replace(to, buf.data, buf.len, st.st_mode & 0777, err);
	buf_release(&buf);
	return code;
}

/* *.conf of one directory, and of the directories NAME.d in it (depth 1). */
static enum err_code copy_config(const char *from, const char *to, int depth, struct err *err)
{
	DIR *dir = opendir(from);
	enum err_code code = ERR_NONE;
	size_t count = 0;

	if (dir == NULL)
		return err_errno(err, "cannot read \"%s\"", from);
	for (struct dirent *e; code == ERR_NONE && (e = readdir(dir)) != NULL;) {
		char *source = path_join(from, e->d_name), *target = path_join(to, e->d_name);
		bool below = depth > 0 && str_ends(e->d_name, ".d") && is_dir(source);

		if (is_config(e->d_name) && !is_dir(source))
			code = ++count > FILES_MAX ? err_set(err, ERR_LIMIT,
							     "too many *.conf in \"%s\"", from)
						   : copy_file(source, target, err);
		else if (below)
			code = dir_make(target, 0700, err);
		if (below && code == ERR_NONE)
			code = copy_config(source, target, depth - 1, err);
		free(source);
		free(target);
	}
	closedir(dir);
	return code;
}

enum err_code kept_save(const struct node *node, struct err *err)
{
	char *beside = node_beside(node, NODE_KEPT), *conf = path_join(beside, "conf");
	char *complete = path_join(beside, COMPLETE);
	enum err_code code = ERR_NONE;

	/* an interrupted attempt: what is in the data directory now may be the source's */
	if (!path_exists(complete)) {
		code = dir_make(conf, 0700, err);
		if (code == ERR_NONE)
			code = copy_config(node->data_dir, conf, 1, err);
		if (code == ERR_NONE)
			code = file_replace(complete, "", 0, 0600, err);
	}
	free(complete);
	free(conf);
	free(beside);
	return code;
}

enum err_code kept_restore(const struct node *node, const char *data_dir, struct err *err)
{
	char *beside = node_beside(node, NODE_KEPT), *conf = path_join(beside, "conf");
	enum err_code code = copy_config(conf, data_dir, 1, err);

	free(conf);
	free(beside);
	return code;
}

bool kept_is_there(const struct node *node)
{
	char *beside = node_beside(node, NODE_KEPT);
	bool there = path_exists(beside);

	free(beside);
	return there;
}

bool kept_has(const struct node *node, const char *stage)
{
	char *beside = node_beside(node, NODE_KEPT), *path = path_join(beside, stage);
	bool has = path_exists(path);

	free(path);
	free(beside);
	return has;
}

enum err_code kept_put(const struct node *node, const char *stage, struct err *err)
{
	char *beside = node_beside(node, NODE_KEPT), *path = path_join(beside, stage);
	enum err_code code = file_replace(path, "", 0, 0600, err);

	free(path);
	free(beside);
	return code;
}

static bool is_ours(const char *name)
{
	return is_config(name) || str_eq(name, COMPLETE) || str_eq(name, KEPT_REWINDING) ||
	       str_eq(name, KEPT_REWOUND);
}

/* Only what an attempt can have made. */
static void drop_dir(const char *path, int depth)
{
	DIR *dir = opendir(path);

	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		char *name = path_join(path, e->d_name);
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			;
		else if (depth > 0 && is_dir(name))
			drop_dir(name, depth - 1);
		else if (is_ours(e->d_name))
			unlink(name);
		free(name);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

/* The sign of completeness goes first: half a copy is never taken for a whole one. */
void kept_drop(const struct node *node)
{
	char *beside = node_beside(node, NODE_KEPT), *complete = path_join(beside, COMPLETE);

	unlink(complete);
	drop_dir(beside, 2);
	free(complete);
	free(beside);
}

enum err_code passfile_text(const struct call *call, struct buf *buf, struct err *err)
{
	const char *password = call_secret(call, "password", NULL);
	enum err_code code = buf_addf(buf, err, "*:*:*:*:");

	/* a colon and a backslash are escaped in the file (libpq, "The Password File") */
	for (const char *c = password; code == ERR_NONE && c != NULL && *c != '\0'; c++) {
		if (*c == ':' || *c == '\\')
			code = buf_add(buf, "\\", 1, err);
		if (code == ERR_NONE)
			code = buf_add(buf, c, 1, err);
	}
	return code == ERR_NONE ? buf_add(buf, "\n", 1, err) : code;
}

enum err_code passfile_write(const struct node *node, const char *path, struct err *err)
{
	struct buf buf;

	buf_init(&buf, 1 << 16);
	enum err_code code = passfile_text(node->call, &buf, err);
	if (code == ERR_NONE)
		code = file_replace(path, buf.data, buf.len, 0600, err);
	if (buf.data != NULL)
		explicit_bzero(buf.data, buf.len);
	buf_release(&buf);
	return code;
}
#endif
