/* model.c: what the documents say when they are taken together. */
#include "workspace.h"

#include <stdlib.h>
#include <string.h>

const char *const script_keys[] = {"check", "run", "verify", "undo", NULL};

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

	if (name != NULL)
		return name;
	declared_services(root, &services);
	name = services.count == 1 ? services.rows[0] : NULL;
	names_release(&services);
	return name;
}

void runbook_services(const struct node *root, bool with_marks, struct names *out)
{
	const struct node *steps = node_get(root, "steps");

	declared_services(root, out);
	if (!with_marks || steps == NULL || steps->kind != NODE_LIST)
		return;
	for (const struct node *step = steps->first; step != NULL; step = step->next) {
		const struct node *marks = node_get(step, "marks");
		if (marks == NULL || marks->kind != NODE_LIST)
			continue;
		for (const struct node *mark = marks->first; mark != NULL; mark = mark->next)
			add_once(out, node_text(mark, "service"));
	}
}

/* ------------------------------------------------------------------ steps */

static int by_id(const void *a, const void *b)
{
	const struct step_row *x = *(struct step_row *const *)a, *y = *(struct step_row *const *)b;
	const int order = strcmp(x->id, y->id);

	if (order != 0)
		return order;
	return x < y ? -1 : x > y; /* of two with one id the first comes first */
}

struct step_row *steps_find(const struct steps *steps, const char *id)
{
	size_t low = 0, high = steps->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (strcmp(steps->sorted[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < steps->count && strcmp(steps->sorted[low]->id, id) == 0 ? steps->sorted[low]
									     : NULL;
}

static void *must(void *p)
{
	if (p == NULL)
		base_die("out of memory for steps");
	return p;
}

static void find_needs(struct steps *steps, struct step_row *row)
{
	const struct node *needs = node_get(row->node, "needs");
	const size_t index = (size_t)(row - steps->rows);
	size_t wanted = needs == NULL ? 1 : needs->kind == NODE_LIST ? needs->count : 1;

	row->needs = must(arena_alloc(&steps->arena, (wanted > 0 ? wanted : 1) * sizeof(size_t)));
	if (needs == NULL && index > 0)
		row->needs[row->need_count++] = index - 1;
	for (const struct node *n = texts_first(needs); n != NULL; n = texts_next(needs, n)) {
		const struct step_row *other = steps_find(steps, n->text);
		if (other != NULL)
			row->needs[row->need_count++] = (size_t)(other - steps->rows);
	}
}

void steps_init(struct steps *steps, const struct node *root)
{
	const struct node *list = node_get(root, "steps");
	const size_t most = list != NULL && list->kind == NODE_LIST ? list->count : 0;

	*steps = (struct steps){0};
	arena_init(&steps->arena, 0);
	steps->rows = must(arena_alloc(&steps->arena, (most + 1) * sizeof(*steps->rows)));
	steps->sorted = must(arena_alloc(&steps->arena, (most + 1) * sizeof(struct step_row *)));
	if (most == 0)
		return;
	for (const struct node *n = list->first; n != NULL; n = n->next) {
		const char *id = node_text(n, "id");
		if (id == NULL)
			continue;
		steps->rows[steps->count] = (struct step_row){.node = n, .id = id};
		steps->sorted[steps->count] = &steps->rows[steps->count];
		steps->count++;
	}
	if (steps->count > 0)
		qsort(steps->sorted, steps->count, sizeof(struct step_row *), by_id);
	for (size_t i = 0; i < steps->count; i++)
		find_needs(steps, &steps->rows[i]);
}

void steps_release(struct steps *steps)
{
	arena_release(&steps->arena);
	*steps = (struct steps){0};
}
