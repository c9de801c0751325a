/* git_clean.c: vcs.clean.
 *
 * Sources: git-status(1) "Porcelain Format Version 2"; gitattributes(5) "filter"; git-ls-files(1)
 * for what -v shows. */
#include "git.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DRIVERS_MAX = 32 }; /* four settings each, two variables a setting */

/* Variables that empty every filter driver: GIT_CONFIG_KEY_n and GIT_CONFIG_VALUE_n. */
struct filters {
	char *env[8 * DRIVERS_MAX + 4]; /* owned, NULL-terminated */
	size_t count, settings;
};

static void filters_release(struct filters *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->env[i]);
}

static void set_config(struct filters *f, const char *driver, const char *key, const char *value)
{
	f->env[f->count++] = xasprintf("GIT_CONFIG_KEY_%zu=%s.%s", f->settings, driver, key);
	f->env[f->count++] = xasprintf("GIT_CONFIG_VALUE_%zu=%s", f->settings, value);
	f->settings++;
}

/* "filter.NAME.clean" for each setting of each driver, one a line, which names cannot hold. */
static enum err_code take_drivers(struct filters *f, const char *text, struct err *err)
{
	char last[400] = "";

	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");
		char name[400];

		snprintf(name, sizeof(name), "%.*s", (int)len, text);
		char *dot = strrchr(name, '.');
		text += len + (text[len] == '\n');
		if (dot == NULL || len >= sizeof(name))
			return err_set(err, ERR_UNSUPPORTED, "a filter with a name that long");
		*dot = '\0';
		if (str_eq(name, last))
			continue;
		snprintf(last, sizeof(last), "%s", name);
		if (f->settings / 4 == DRIVERS_MAX)
			return err_set(err, ERR_UNSUPPORTED, "more than %d filters", DRIVERS_MAX);
		set_config(f, name, "clean", "");
		set_config(f, name, "smudge", "");
		set_config(f, name, "process", "");
		set_config(f, name, "required", "false");
	}
	f->env[f->count++] = xasprintf("GIT_CONFIG_COUNT=%zu", f->settings);
	return ERR_NONE;
}

static enum err_code find_filters(struct call *call, struct filters *f, struct err *err)
{
	struct words words;
	struct tool tool;
	int status;

	*f = (struct filters){ 0 };
	git_begin(&words, call);
	words_pair(&words, "config", "--includes");
	words_pair(&words, "--name-only", "--get-regexp");
	words_add(&words, "^filter\\.");
	enum err_code code = git_run(call, &words, NULL, &status, &tool, err);
	if (code == ERR_NONE)
		code = take_drivers(f, tool.out.data, err);
	tool_release(&tool);
	return code;
}

struct dirt {
	json_t *files;
	int64_t changed, untracked, hidden;
};

static void add_file(struct dirt *d, const char *state, const char *path)
{
	if (json_array_size(d->files) < GIT_SHOWN_MAX)
		json_array_append_new(d->files, json_pack("{s:s, s:o}", "state", state, "path",
							json_text(path, strlen(path))));
}

static void take_status(struct dirt *d, const struct buf *out)
{
	const char *at = out->data, *end = at + out->len;

	while (at < end) {
		const char *record = git_next_text(&at, end);

		switch (record[0]) {
		case '1':
			d->changed++;
			add_file(d, "changed", git_behind(record, 8));
			break;
		case '2':
			d->changed++;
			add_file(d, "renamed", git_behind(record, 9));
			(void)git_next_text(&at, end); /* what it was called */
			break;
		case 'u':
			d->changed++;
			add_file(d, "unmerged", git_behind(record, 10));
			break;
		case '?':
			d->untracked++;
			add_file(d, "untracked", git_behind(record, 1));
			break;
		default:
			break;
		}
	}
}

static enum err_code find_changes(struct call *call, struct dirt *d, struct err *err)
{
	struct filters filters;
	struct words words;
	struct tool tool;
	enum err_code code = find_filters(call, &filters, err);

	if (code == ERR_NONE) {
		git_begin(&words, call);
		words_pair(&words, "status", "--porcelain=v2");
		words_pair(&words, "-z", "--untracked-files=normal");
		words_pair(&words, "--ignore-submodules=dirty", "--no-renames");
		code = git_run(call, &words, (const char *const *)filters.env, NULL, &tool, err);
		if (code == ERR_NONE)
			take_status(d, &tool.out);
		tool_release(&tool);
	}
	filters_release(&filters);
	return code;
}

/* Files whose changes the index is told not to look at. */
static enum err_code find_hidden(struct call *call, struct dirt *d, struct err *err)
{
	struct words words;
	struct tool tool;

	git_begin(&words, call);
	words_pair(&words, "ls-files", "-v");
	words_add(&words, "-z");
	const enum err_code code = git_run(call, &words, NULL, NULL, &tool, err);
	const char *at = tool.out.data, *end = at + tool.out.len;
	while (code == ERR_NONE && at < end) {
		const char *record = git_next_text(&at, end);

		if (record[0] != 'S' && !islower((unsigned char)record[0]))
			continue;
		d->hidden++;
		add_file(d, "hidden", git_behind(record, 1));
	}
	tool_release(&tool);
	return code;
}

enum err_code git_clean(struct call *call, json_t *result, struct err *err)
{
	struct dirt d = { .files = json_array() };
	char id[GIT_ID_BYTES];

	json_put(result, "files", d.files);
	TRY(git_resolve(call, "HEAD", "commit", id, err));
	json_put_str(result, "commit", id);
	TRY(find_changes(call, &d, err));
	TRY(find_hidden(call, &d, err));
	if (call_bool(call, "allow_untracked"))
		json_put_int(result, "ignored_untracked", d.untracked);
	const int64_t untracked = call_bool(call, "allow_untracked") ? 0 : d.untracked;
	const bool good = d.changed == 0 && d.hidden == 0 && untracked == 0;
	json_put_flag(result, "clean", good);
	json_put_int(result, "changed", d.changed);
	json_put_int(result, "untracked", d.untracked);
	json_put_int(result, "hidden", d.hidden);
	if (good)
		return ERR_NONE;
	const json_t *first = json_array_get(d.files, 0);
	return err_set(err, ERR_PRECONDITION,
		"\"%s\" is not what commit %.12s says: %" PRId64 " changed, %" PRId64
		" untracked, %" PRId64 " hidden from status; first \"%s\" (%s)",
		setting_string(call, "path"), id, d.changed, d.untracked, d.hidden,
		json_str(first, "path", ""), json_str(first, "state", ""));
}
