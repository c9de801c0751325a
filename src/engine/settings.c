/* settings.c: the server's own configuration files, read again when they have changed.
 *
 * The last version that could be read holds for what goes on (a typing mistake must not end a
 * recovery); `broken` says why the newest one could not be, and whoever decides about something
 * new asks for that first. */
#include "internal.h"

#include "drillbook/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void settings_init(struct settings *settings, const char *dir, const char *kind)
{
	*settings = (struct settings){ .kind = kind };
	settings->path = xasprintf("%s/%s.yaml", dir, kind);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void set_broken(struct settings *settings, const char *why)
{
	if (why != NULL && !str_eq(settings->broken, why))
		log_line(LOG_ERROR, "%s", why);
	free(settings->broken);
	settings->broken = xstrdup(why);
}

void settings_refresh(struct settings *settings)
{
	struct stat now = { 0 };
	struct err err = { 0 };
	json_t *json = NULL;

	if (stat(settings->path, &now) != 0) {
		if (errno != ENOENT && errno != ENOTDIR) {
			err_errno(&err, "cannot look at \"%s\"", settings->path);
			settings->there = true;
			set_broken(settings, err.text);
			settings->seen = (struct stat){ 0 };
			return;
		}
		settings->there = false;
		settings->seen = (struct stat){ 0 };
		json_decref(settings->json);
		settings->json = NULL;
		set_broken(settings, NULL);
		return;
	}
	if (settings->there && same_file(&now, &settings->seen))
		return;
	settings->there = true;
	settings->seen = now;
	if (config_load(settings->path, settings->kind, &json, &err) != ERR_NONE) {
		set_broken(settings, err.text);
		return;
	}
	if (settings->json != NULL)
		log_line(LOG_INFO, "\"%s\" has changed and was read again", settings->path);
	set_broken(settings, NULL);
	json_decref(settings->json);
	settings->json = json;
}

void settings_release(struct settings *settings)
{
	free(settings->path);
	free(settings->broken);
	json_decref(settings->json);
	*settings = (struct settings){ 0 };
}
