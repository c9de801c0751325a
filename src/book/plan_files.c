/* plan_files.c: every file that takes part in a run, with its bytes. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 500 };

static struct plan_file *find_file(const struct planner *planner, const char *path)
{
	for (size_t i = 0; i < planner->file_count; i++)
		if (strcmp(planner->files[i].path, path) == 0)
			return &planner->files[i];
	return NULL;
}

enum err_code plan_add_file(struct planner *planner, const char *path, const struct buf *bytes,
	bool from_commit, bool local, struct err *err)
{
	if (find_file(planner, path) != NULL)
		return ERR_NONE;
	if (planner->file_count == FILES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d files take part", FILES_MAX);
	/* the plan is JSON: what is no text would not come out as it went in */
	if (utf8_valid_prefix(bytes->data, bytes->len) != bytes->len ||
		memchr(bytes->data, 0, bytes->len) != NULL)
		return err_set(err, ERR_WORKSPACE, "\"%s\" is not UTF-8 text", path);
	if (planner->file_count == planner->file_cap) {
		planner->file_cap = planner->file_cap ? planner->file_cap * 2 : 16;
		planner->files = xrealloc(
			planner->files, planner->file_cap * sizeof(*planner->files));
	}
	struct plan_file *file = &planner->files[planner->file_count++];
	*file = (struct plan_file){.path = xstrdup(path), .from_commit = from_commit, .local = local};
	buf_init(&file->bytes, bytes->len);
	return buf_add(&file->bytes, bytes->data, bytes->len, err);
}

void plan_release(struct planner *planner)
{
	for (size_t i = 0; i < planner->file_count; i++) {
		free(planner->files[i].path);
		buf_release(&planner->files[i].bytes);
	}
	free(planner->files);
	json_decref(planner->modules);
	json_decref(planner->steps);
	json_decref(planner->scopes);
	json_decref(planner->target_rows);
	documents_release(&planner->documents);
	names_release(&planner->targets);
}

/* ------------------------------------------------------------------ modules */

static enum err_code collect_modules(
	struct planner *planner, const char *text, size_t len, struct err *err);

/* Of the library installed with the program; owned. */
static char *library_path(const char *name)
{
	char *within = xasprintf("lua/%s.lua", name);
	char *path = path_share(within);

	free(within);
	return path;
}

/* Depth is bounded by FILES_MAX: a module that was seen is not entered again. */
static enum err_code collect_module(struct planner *planner, const char *name, struct err *err)
{
	char *path = module_path(name);
	struct buf bytes = {0};
	enum err_code code = ERR_NONE;

	if (path == NULL || json_object_get(planner->modules, name) != NULL)
		goto out;
	code = source_read(&planner->source, path, SCRIPT_MAX_BYTES, &bytes, err);
	const bool library = code == ERR_NOT_FOUND;
	if (library) { /* what is not there either was reported by lint, and is an error of the step */
		char *installed = library_path(name);
		free(path);
		path = xasprintf("library/%s.lua", name);
		buf_release(&bytes);
		code = file_read(installed, SCRIPT_MAX_BYTES, &bytes, err);
		free(installed);
		if (code == ERR_NOT_FOUND) {
			code = ERR_NONE;
			goto out;
		}
	}
	if (code == ERR_NONE)
		code = plan_add_file(planner, path, &bytes,
			!library && planner->source.commit != NULL, library, err);
	if (code == ERR_NONE) {
		json_put_str(planner->modules, name, path);
		code = collect_modules(planner, bytes.data, bytes.len, err);
	}
	buf_release(&bytes);
out:
	free(path);
	return code;
}

static enum err_code collect_modules(
	struct planner *planner, const char *text, size_t len, struct err *err)
{
	enum err_code code = ERR_NONE;
	struct lua_scan scan;
	struct arena arena;

	if (memmem(text, len, "require", strlen("require")) == NULL)
		return ERR_NONE;
	arena_init(&arena, 0);
	lua_scan(&arena, text, len, &scan);
	for (size_t i = 0; i < scan.module_count && code == ERR_NONE; i++)
		code = collect_module(planner, scan.modules[i].name, err);
	arena_release(&arena);
	return code;
}

static enum err_code collect_step(struct planner *planner, struct document *document,
	const struct node *step, struct err *err)
{
	struct script script;

	for (const char *const *key = script_keys; *key != NULL; key++) {
		const struct node *node = step_script(step, *key);
		if (node == NULL)
			continue;
		TRY(script_open(&script, document, &planner->source, node, err));
		enum err_code code = ERR_NONE;
		if (script.from_file)
			code = plan_add_file(planner, script.file, &script.bytes,
				planner->source.commit != NULL, false, err);
		if (code == ERR_NONE)
			code = collect_modules(planner, script.text, script.len, err);
		script_release(&script);
		TRY(code);
	}
	return ERR_NONE;
}

static enum err_code collect_document(
	struct planner *planner, struct document *document, struct err *err)
{
	enum err_code code = ERR_NONE;
	struct steps steps;

	steps_init(&steps, document->root);
	for (size_t i = 0; i < steps.node_count && code == ERR_NONE; i++)
		code = collect_step(planner, document, steps.nodes[i], err);
	steps_release(&steps);
	return code;
}

enum err_code plan_collect(struct planner *planner, struct err *err)
{
	const struct workspace *w = planner->workspace;
	const struct documents *all = &planner->documents;
	static const enum kind kinds[] = {DOC_DRILLBOOK, DOC_SERVICES, DOC_TARGETS};

	for (size_t i = 0; i < all->count; i++)
		TRY(plan_add_file(planner, all->rows[i]->path, &all->rows[i]->bytes,
			planner->source.commit != NULL, all->rows[i]->made_up, err));
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (w->docs[kinds[i]] != NULL)
			TRY(plan_add_file(planner, w->docs[kinds[i]]->path,
				&w->docs[kinds[i]]->bytes, false, false, err));
	if (w->env_used)
		TRY(plan_add_file(planner, w->env->path, &w->env->bytes, false, true, err));
	for (size_t i = 0; i < all->count; i++)
		TRY(collect_document(planner, all->rows[i], err));
	return ERR_NONE;
}

json_t *plan_files_json(const struct planner *planner)
{
	json_t *list = json_array();
	char hex[SHA256_HEX];

	for (size_t i = 0; i < planner->file_count; i++) {
		const struct plan_file *file = &planner->files[i];
		json_t *row = json_object();
		json_put_str(row, "path", file->path);
		json_put_str(row, "sha256", sha256_hex(sha256_of(file->bytes.data, file->bytes.len), hex));
		json_put(row, "text", json_text(file->bytes.data, file->bytes.len));
		json_array_append_new(list, row);
	}
	return list;
}

bool plan_is_dirty(const struct planner *planner)
{
	const char **paths = xmalloc((planner->file_count + 1) * sizeof(*paths));
	const struct buf **bytes = xmalloc((planner->file_count + 1) * sizeof(*bytes));
	size_t count = 0;

	for (size_t i = 0; i < planner->file_count; i++) {
		if (planner->files[i].from_commit || planner->files[i].local)
			continue;
		paths[count] = planner->files[i].path;
		bytes[count++] = &planner->files[i].bytes;
	}
	const bool dirty = git_differs(planner->workspace, paths, bytes, count, NULL);
	free(paths);
	free(bytes);
	return dirty;
}
