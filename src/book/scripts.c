/* scripts.c: all the Lua of runbooks, for a look at its syntax: also of a runbook that has other mistakes. */
#include "workspace.h"

#include <stdlib.h>
#include <string.h>

struct gather {
	struct source source;
	json_t *list;
	json_t *seen; /* path: true, of files that are in the list */
};

static void take(struct gather *gather, const char *file, unsigned line, const char *text, size_t len);

/* A module of the library, or one that is not there, is left out: that is for lint to say. */
static void take_module(struct gather *gather, const char *name)
{
	char *path = module_path(name);
	struct buf bytes = {0};
	struct err ignored;

	if (path != NULL && json_object_get(gather->seen, path) == NULL) {
		json_put_flag(gather->seen, path, true);
		if (source_read(&gather->source, path, SCRIPT_MAX_BYTES, &bytes, &ignored) == ERR_NONE)
			take(gather, path, 1, bytes.data, bytes.len);
		buf_release(&bytes);
	}
	free(path);
}

/* Depth is bounded by the number of modules: one that was seen is not entered again. */
static void take(struct gather *gather, const char *file, unsigned line, const char *text, size_t len)
{
	json_t *row = json_object();
	struct lua_scan scan;
	struct arena arena;

	json_put_str(row, "file", file);
	json_put_int(row, "line", line);
	json_put(row, "source", json_text(len > 0 ? text : "", len));
	json_array_append_new(gather->list, row);
	if (len == 0 || memmem(text, len, "require", strlen("require")) == NULL)
		return;
	arena_init(&arena, 0);
	lua_scan(&arena, text, len, &scan);
	for (size_t i = 0; i < scan.module_count; i++)
		take_module(gather, scan.modules[i].name);
	arena_release(&arena);
}

static void take_step(struct gather *gather, struct document *document, const struct node *step)
{
	struct script script;
	struct err ignored;

	for (const char *const *key = script_keys; *key != NULL; key++) {
		const struct node *node = step_script(step, *key);
		if (node == NULL || node_is_null(node) || node->kind == NODE_LIST ||
			(node->kind == NODE_MAP && node_text(node, "file") == NULL &&
				node_text(node, "run") == NULL))
			continue;
		if (script_open(&script, document, &gather->source, node, &ignored) != ERR_NONE)
			continue;
		const bool again =
			script.from_file && json_object_get(gather->seen, script.file) != NULL;
		if (script.from_file)
			json_put_flag(gather->seen, script.file, true);
		if (!again)
			take(gather, script.file, script.line, script.text, script.len);
		script_release(&script);
	}
}

json_t *workspace_scripts(struct workspace *workspace, const char *runbook)
{
	struct gather gather = {
		.source = {workspace, NULL}, .list = json_array(), .seen = json_object()};

	for (size_t i = 0; i < workspace->runbook_count; i++) {
		struct document *document = workspace->runbooks[i];
		if (document->root == NULL || document->root->kind != NODE_MAP ||
			(runbook != NULL && !str_eq(runbook, document->name)))
			continue;
		struct steps steps;
		steps_init(&steps, document->root);
		for (size_t k = 0; k < steps.node_count; k++)
			take_step(&gather, document, steps.nodes[k]);
		steps_release(&steps);
	}
	json_decref(gather.seen);
	return gather.list;
}
