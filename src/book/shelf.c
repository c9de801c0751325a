/* shelf.c: the runbooks that a run can be made of, from the directory or from one commit. */
#include "refs.h"

#include <stdlib.h>
#include <string.h>

void shelf_release(struct shelf *shelf)
{
	for (size_t i = 0; i < shelf->owned_count; i++)
		document_free(shelf->owned[i]);
	free(shelf->owned);
	*shelf = (struct shelf){0};
}

void shelf_add(struct shelf *shelf, struct document *document)
{
	shelf->owned =
		xrealloc(shelf->owned, (shelf->owned_count + 1) * sizeof(*shelf->owned));
	shelf->owned[shelf->owned_count++] = document;
}

static struct document *read_commit(struct shelf *shelf, const char *name)
{
	char *path = xasprintf("%s.yaml", name);
	struct document *document = NULL;
	struct buf bytes = {0};
	struct err ignored;

	if (git_read(shelf->workspace, shelf->commit, path, schema_find("runbook")->limits.max_bytes,
		    &bytes, &ignored) == ERR_NONE) {
		document = document_new(schema_find("runbook"), path);
		document->bytes = bytes;
		document_parse(document);
		document_check(document);
		shelf_add(shelf, document);
	}
	free(path);
	return document;
}

struct document *shelf_runbook(struct shelf *shelf, const char *name)
{
	if (name == NULL || !name_valid(name))
		return NULL;
	for (size_t i = 0; i < shelf->owned_count; i++)
		if (strcmp(shelf->owned[i]->name, name) == 0)
			return shelf->owned[i];
	return shelf->commit != NULL ? read_commit(shelf, name)
				     : workspace_runbook(shelf->workspace, name);
}

void shelf_names(const struct shelf *shelf, struct names *out)
{
	for (size_t i = 0; i < shelf->workspace->runbook_count; i++)
		names_add(out, shelf->workspace->runbooks[i]->name);
}

/* ------------------------------------------------------------------ what can be reached */

void documents_add(struct documents *out, struct document *document)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->rows[i] == document)
			return;
	if (out->count == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 8;
		out->rows = xrealloc(out->rows, out->cap * sizeof(struct document *));
	}
	out->rows[out->count++] = document;
}

void shelf_reach(struct shelf *shelf, struct document *first, struct documents *out)
{
	struct steps steps;

	*out = (struct documents){0};
	documents_add(out, first);
	for (size_t i = 0; i < out->count; i++) {
		steps_init(&steps, out->rows[i]->root);
		for (size_t k = 0; k < steps.node_count; k++) {
			struct document *next =
				shelf_runbook(shelf, node_text(steps.nodes[k], "runbook"));
			if (next != NULL)
				documents_add(out, next);
		}
		steps_release(&steps);
	}
}

void documents_release(struct documents *documents)
{
	free(documents->rows);
	*documents = (struct documents){0};
}
