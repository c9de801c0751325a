/* model.c: what the documents say when they are taken together. */
#include "workspace.h"

#include <string.h>

static const char *const entry_keys[DOC_KINDS] = {
	[DOC_DRILLBOOK] = "environments",
	[DOC_SERVICES] = "services",
	[DOC_TARGETS] = "targets",
	[DOC_DRILLS] = "drills",
};

static const struct node *entries(const struct workspace *workspace, enum kind kind)
{
	const struct document *document = workspace->docs[kind];
	const struct node *map =
		document != NULL ? node_get(document->root, entry_keys[kind]) : NULL;

	return map != NULL && map->kind == NODE_MAP ? map : NULL;
}

const struct node *workspace_entry(
	const struct workspace *workspace, enum kind kind, const char *name)
{
	const struct node *entry =
		name != NULL ? node_get(entries(workspace, kind), name) : NULL;

	return entry != NULL && entry->kind == NODE_MAP ? entry : NULL;
}

bool workspace_readable(const struct workspace *workspace, enum kind kind)
{
	return workspace->docs[kind] == NULL || workspace->docs[kind]->root != NULL;
}

void workspace_entries(const struct workspace *workspace, enum kind kind, struct names *out)
{
	const struct node *map = entries(workspace, kind);

	for (const struct node *n = map != NULL ? map->first : NULL; n != NULL; n = n->next)
		names_add(out, n->key);
}

struct document *workspace_runbook(const struct workspace *workspace, const char *name)
{
	for (size_t i = 0; i < workspace->runbook_count; i++)
		if (strcmp(workspace->runbooks[i]->name, name) == 0)
			return workspace->runbooks[i];
	return NULL;
}

const struct provider *target_provider(const struct workspace *workspace, const char *target)
{
	return catalog_provider(&workspace->catalog,
		node_text(workspace_entry(workspace, DOC_TARGETS, target), "provider"));
}

int64_t duration_of(const struct node *map, const char *key, int64_t fallback)
{
	const char *text = node_text(map, key);
	struct err ignored;
	int64_t ms;

	return text != NULL && parse_duration_ms(text, &ms, &ignored) == ERR_NONE ? ms : fallback;
}

/* ------------------------------------------------------------------ services and marks */

static void add_once(struct names *out, const char *name)
{
	if (name != NULL && !names_have(out, name))
		names_add(out, name);
}

static void declared_services(const struct node *root, struct names *out)
{
	const struct node *list = node_get(root, "services");

	add_once(out, node_text(root, "service"));
	for (const struct node *n = texts_first(list); n != NULL; n = texts_next(list, n))
		add_once(out, n->text);
}

const char *mark_service(const struct node *root, const struct node *mark)
{
	const char *name = node_text(mark, "service");
	struct names services = {0};

	if (name != NULL || node_get(mark, "service") != NULL)
		return name;
	declared_services(root, &services);
	name = services.count == 1 ? services.rows[0] : NULL;
	names_release(&services);
	return name;
}

void runbook_services(const struct node *root, bool with_marks, struct names *out)
{
	struct steps steps;

	declared_services(root, out);
	if (!with_marks)
		return;
	steps_init(&steps, root);
	for (size_t i = 0; i < steps.node_count; i++) {
		const struct node *marks = node_get(steps.nodes[i], "marks");
		if (marks == NULL || marks->kind != NODE_LIST)
			continue;
		for (const struct node *mark = marks->first; mark != NULL; mark = mark->next)
			add_once(out, node_text(mark, "service"));
	}
	steps_release(&steps);
}
