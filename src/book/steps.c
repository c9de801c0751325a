/* steps.c: the steps of a runbook as rows: groups with their members, and what each waits for. */
#include "workspace.h"

#include <stdlib.h>
#include <string.h>

const char *const script_keys[] = {"check", "run", "verify", "undo", NULL};

/* run: of a wait stands in the wait itself. */
static const struct node *holder(const struct node *step, const char *key)
{
	const struct node *wait = strcmp(key, "run") == 0 ? node_get(step, "wait") : NULL;

	return wait != NULL && wait->kind == NODE_MAP ? wait : step;
}

const struct node *step_script(const struct node *step, const char *key)
{
	return node_get(holder(step, key), key);
}

const struct node *step_tolerance(const struct node *step, const char *key)
{
	const struct node *script = step_script(step, key);
	const struct node *own = node_get(script, "tolerance");

	if (own != NULL || script == NULL || strcmp(key, "run") != 0)
		return own;
	return node_get(holder(step, key), "tolerance");
}

/* ------------------------------------------------------------------ ids */

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

bool steps_inside(const struct steps *steps, long step, long group)
{
	while (step != NO_STEP && step != group)
		step = steps->rows[step].parent;
	return step == group;
}

/* ------------------------------------------------------------------ rows */

static void *must(void *p)
{
	if (p == NULL)
		base_die("out of memory for steps");
	return p;
}

static const struct node *list_of(const struct node *map, const char *key)
{
	const struct node *list = node_get(map, key);

	return list != NULL && list->kind == NODE_LIST ? list : NULL;
}

/* How many there are in a list and below; the depth is that of YAML. */
static size_t count_below(const struct node *list)
{
	size_t count = 0;

	for (const struct node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
		const struct node *watches = list_of(n, "invariant");
		count += 1 + (watches != NULL ? watches->count : 0) + count_below(list_of(n, "steps"));
	}
	return count;
}

static long add_row(struct steps *steps, const struct node *node, long parent, long loop)
{
	const char *id = node_text(node, "id");

	steps->nodes[steps->node_count++] = node;
	if (id == NULL)
		return NO_STEP;
	struct step_row *row = &steps->rows[steps->count];
	*row = (struct step_row){
		.node = node, .id = id, .parent = parent, .loop = loop, .above = NO_STEP};
	steps->sorted[steps->count] = row;
	return (long)steps->count++;
}

static void add_members(struct steps *steps, const struct node *list, long parent, long loop)
{
	long above = NO_STEP;

	for (const struct node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
		const long row = add_row(steps, n, parent, loop);
		const struct node *watches = list_of(n, "invariant");
		/* members of a group without an id are read as if they stood around it */
		const long group = row != NO_STEP ? row : parent;
		const long around = row != NO_STEP && node_get(n, "for_each") != NULL ? row : loop;
		if (row != NO_STEP) {
			steps->rows[row].above = above;
			above = row;
		}
		for (const struct node *w = watches != NULL ? watches->first : NULL; w != NULL; w = w->next) {
			const long watch = add_row(steps, w, group, around);
			if (watch != NO_STEP)
				steps->rows[watch].watch = true;
		}
		add_members(steps, list_of(n, "steps"), group, around);
	}
}

/* ------------------------------------------------------------------ needs */

static void add_entry(struct step_row *row, size_t index)
{
	row->entry[row->entry_count++] = index;
}

/* A member that waits for no other member waits for what its group waits for. */
static void find_entry(struct steps *steps, struct step_row *row)
{
	const struct node *needs = row->watch ? NULL : node_get(row->node, "needs");
	const struct step_row *group = row->parent != NO_STEP ? &steps->rows[row->parent] : NULL;
	const size_t wanted = needs == NULL ? 1 : needs->kind == NODE_LIST ? needs->count : 1;
	const size_t given = group != NULL ? group->entry_count : 0;
	bool waits_inside = false;

	row->entry = must(arena_alloc(&steps->arena, (wanted + given + 1) * sizeof(size_t)));
	if (needs == NULL && !row->watch && row->above != NO_STEP) {
		add_entry(row, (size_t)row->above);
		waits_inside = true;
	}
	for (const struct node *n = texts_first(needs); n != NULL; n = texts_next(needs, n)) {
		const struct step_row *other = steps_find(steps, n->text);
		if (other == NULL || other->watch)
			continue;
		add_entry(row, (size_t)(other - steps->rows));
		waits_inside = waits_inside || steps_inside(steps, other - steps->rows, row->parent);
	}
	if (group == NULL || waits_inside)
		return;
	for (size_t i = 0; i < group->entry_count; i++)
		add_entry(row, group->entry[i]);
}

/* Of a group: its own, and its members. */
static void find_needs(struct steps *steps)
{
	size_t *members = must(arena_alloc(&steps->arena, (steps->count + 1) * sizeof(size_t)));

	for (size_t i = 0; i < steps->count; i++)
		if (steps->rows[i].parent != NO_STEP && !steps->rows[i].watch)
			members[steps->rows[i].parent]++;
	for (size_t i = 0; i < steps->count; i++) {
		struct step_row *row = &steps->rows[i];
		row->needs = row->entry;
		row->need_count = row->entry_count;
		if (members[i] == 0)
			continue;
		row->needs = must(arena_alloc(
			&steps->arena, (row->entry_count + members[i]) * sizeof(size_t)));
		memcpy(row->needs, row->entry, row->entry_count * sizeof(size_t));
	}
	for (size_t i = 0; i < steps->count; i++)
		if (steps->rows[i].parent != NO_STEP && !steps->rows[i].watch) {
			struct step_row *group = &steps->rows[steps->rows[i].parent];
			group->needs[group->need_count++] = i;
		}
}

void steps_init(struct steps *steps, const struct node *root)
{
	const struct node *list = list_of(root, "steps");
	const size_t most = count_below(list);

	*steps = (struct steps){0};
	arena_init(&steps->arena, 0);
	steps->rows = must(arena_alloc(&steps->arena, (most + 1) * sizeof(*steps->rows)));
	steps->sorted = must(arena_alloc(&steps->arena, (most + 1) * sizeof(struct step_row *)));
	steps->nodes = must(arena_alloc(&steps->arena, (most + 1) * sizeof(struct node *)));
	add_members(steps, list, NO_STEP, NO_STEP);
	if (steps->count > 0)
		qsort(steps->sorted, steps->count, sizeof(struct step_row *), by_id);
	for (size_t i = 0; i < steps->count; i++)
		find_entry(steps, &steps->rows[i]);
	find_needs(steps);
}

void steps_release(struct steps *steps)
{
	arena_release(&steps->arena);
	*steps = (struct steps){0};
}
