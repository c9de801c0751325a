/* restored_place.c: see restored_place.h. */
#include "restored_place.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_MAX = 64 << 10, KEY_MAX = 150 };



void restored_place_release(struct restored_place *p)
{
	free(p->to);
	free(p->parent);
	free(p->record);
	free(p->part);
	free(p->kept);
	free(p->aside);
}

/* ------------------------------------------------------------------ looking at the target */

static enum err_code is_empty(const char *path, bool *empty, struct err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	if (dir == NULL)
		return err_errno(err, "cannot list \"%s\"", path);
	*empty = true;
	while (*empty && (entry = readdir(dir)) != NULL)
		*empty = str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..");
	closedir(dir);
	return ERR_NONE;
}

static enum err_code find_state(struct restored_place *p, struct err *err)
{
	struct stat up;
	bool empty = false;

	if (stat(p->parent, &up) != 0 || !S_ISDIR(up.st_mode))
		return err_set(err, ERR_PRECONDITION, "there is no directory \"%s\"", p->parent);
	p->state = "absent";
	if (lstat(p->to, &p->st) != 0)
		return errno == ENOENT ? ERR_NONE : err_errno(err, "\"%s\"", p->to);
	if (!S_ISDIR(p->st.st_mode))
		return err_set(err, ERR_PRECONDITION, "\"%s\" is there and no directory", p->to);
	if (p->st.st_dev != up.st_dev)
		return err_set(err, ERR_PRECONDITION,
			"\"%s\" is a file system of its own and cannot change places: restore to "
			"a directory in it",
			p->to);
	TRY(is_empty(p->to, &empty, err));
	p->state = empty ? "empty" : "used";
	return ERR_NONE;
}

enum err_code restored_place_of(struct call *call, struct restored_place *p, struct err *err)
{
	char key[KEY_MAX];
	size_t len;

	*p = (struct restored_place){ .to = xstrdup(call_string(call, "to")) };
	len = strlen(p->to);
	while (len > 1 && p->to[len - 1] == '/')
		p->to[--len] = '\0';
	char *slash = strrchr(p->to, '/');
	if (len < 2 || slash == NULL || str_eq(slash, "/.") || str_eq(slash, "/.."))
		return err_set(err, ERR_USAGE, "\"%s\" cannot be restored to", p->to);
	p->parent = xasprintf("%.*s", slash == p->to ? 1 : (int)(slash - p->to), p->to);
	snprintf(key, sizeof(key), "%s", call_key(call));
	for (char *c = key; *c != '\0'; c++)
		*c = *c == '/' ? '-' : *c;
	p->record = xasprintf("%s.restored.json", p->to);
	p->part = xasprintf("%s.part-%s", p->to, key);
	p->kept = xasprintf("%s.replaced-%s", p->to, key);
	p->aside = xasprintf("%s.removing-%s", p->to, key);
	return find_state(p, err);
}

/* ------------------------------------------------------------------ the record */

json_t *restored_read_record(const struct restored_place *p)
{
	struct err ignored = { 0 };
	json_t *record = NULL;
	struct buf text;

	if (file_read(p->record, RECORD_MAX, &text, &ignored) == ERR_NONE)
		(void)!json_parse(text.data, text.len, &record, &ignored);
	buf_release(&text);
	if (str_eq(json_str(record, "format", NULL), RESTORED_FORMAT))
		return record;
	json_decref(record);
	return NULL;
}

enum err_code restored_write_record(const struct restored_place *p, const json_t *record, struct err *err)
{
	char *line = json_line(record);
	const enum err_code code = file_replace(p->record, line, strlen(line), 0600, err);

	free(line);
	return code;
}

static bool is_same(const json_t *record, const struct stat *st)
{
	return json_int(record, "dev", -1) == (int64_t)st->st_dev &&
	       json_int(record, "ino", -1) == (int64_t)st->st_ino;
}

bool restored_is_restored(const struct restored_place *p, const json_t *record)
{
	return record != NULL && !str_eq(p->state, "absent") && is_same(record, &p->st);
}

bool restored_is_aside(const json_t *record)
{
	const char *kept = json_str(record, "kept", NULL);
	struct stat st;

	return kept != NULL && lstat(kept, &st) == 0 && is_same(record, &st);
}

enum err_code restored_remove_debris(struct call *call, const json_t *record, struct err *err)
{
	TRY(tree_delete(call, json_str(record, "part", ""), err));
	if (json_str(record, "aside", NULL) != NULL)
		TRY(tree_delete(call, json_str(record, "aside", ""), err));
	return restored_is_aside(record) ? tree_delete(call, json_str(record, "kept", ""), err) : ERR_NONE;
}
