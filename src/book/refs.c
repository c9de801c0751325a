/* refs.c: references to what earlier steps gave: {output: STEP.NAME}. */
#include "refs.h"

#include <stdlib.h>
#include <string.h>

/* One reference while it is followed. */
struct follow {
	const struct ref_view *view;
	const struct node *node;     /* for the place of a problem */
	struct arena *arena;
	const char *prefix;          /* before the id of the row that is looked at */
	int depth;
};

static char *follow(
	struct follow *f, struct document *document, const struct steps *steps, const char *text);

static char *problem(const struct follow *f, enum rule rule, const char *fmt, ...) PRINTF(3, 4);

static char *problem(const struct follow *f, enum rule rule, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	problems_add(f->view->problems, rule, document_place(f->view->document, f->node), "%s", text);
	return NULL;
}

/* ------------------------------------------------------------------ for_each */

const struct node *loop_list(const struct node *step)
{
	return node_get(node_get(step, "for_each"), "in");
}

const char *loop_name(const struct steps *steps, long row, bool *has_members)
{
	const struct node *each = NULL, *list;

	*has_members = false;
	if (row != NO_STEP && node_get(steps->rows[row].node, "for_each") == NULL)
		row = steps->rows[row].loop;
	if (row == NO_STEP)
		return NULL;
	each = node_get(steps->rows[row].node, "for_each");
	list = node_get(each, "in");
	for (const struct node *n = list != NULL && list->kind == NODE_LIST ? list->first : NULL; n != NULL;
		n = n->next)
		*has_members = *has_members || n->kind == NODE_MAP;
	return node_text(each, "as") != NULL ? node_text(each, "as") : "item";
}

bool ref_reachable(const struct ref_view *view, const struct node *node, long row)
{
	const long loop = view->steps->rows[row].loop;

	if (loop == NO_STEP || (view->from != NO_STEP && steps_inside(view->steps, view->from, loop)))
		return true;
	problems_add(view->problems, RULE_UNKNOWN_STEP, document_place(view->document, node),
		"\"%.60s\" is done once for each item of \"%.60s\": name \"%.60s\" itself", node->text,
		view->steps->rows[loop].id, view->steps->rows[loop].id);
	return false;
}

/* ------------------------------------------------------------------ what comes before */

/* True when row is done for certain before the step that refers begins. */
static bool comes_before(const struct ref_view *view, long row)
{
	const struct steps *s = view->steps;
	unsigned char *seen = xmalloc(s->count + 1);
	size_t *queue = xmalloc((s->count + 1) * sizeof(*queue)), count = 0;
	const struct step_row *from = &s->rows[view->from];

	for (size_t i = 0; i < from->entry_count; i++)
		if (!seen[from->entry[i]]) {
			seen[from->entry[i]] = 1;
			queue[count++] = from->entry[i];
		}
	for (size_t at = 0; at < count && !seen[row]; at++)
		for (size_t i = 0; i < s->rows[queue[at]].need_count; i++) {
			const size_t need = s->rows[queue[at]].needs[i];
			if (!seen[need])
				queue[count++] = need;
			seen[need] = 1;
		}
	const bool found = seen[row] != 0;
	free(seen);
	free(queue);
	return found;
}

/* ------------------------------------------------------------------ the parts of a reference */

static const char *first_name(struct follow *f, const char *text, const char **rest)
{
	const size_t len = strcspn(text, ".[");

	*rest = text + len;
	return arena_strndup(f->arena, text, len);
}

static char *unknown_name(const struct follow *f, const struct steps *steps, const char *name)
{
	struct names names = {0};
	char mean[128];

	for (size_t i = 0; i < steps->count; i++) {
		const char *id = steps->rows[i].id;
		if (strchr(id, '.') != NULL && str_starts(f->node->text, id)) {
			names_release(&names);
			return problem(f, RULE_UNKNOWN_REFERENCE,
				"\"%.60s\" has a dot in its id, so that its outputs cannot be named here: write - instead",
				id);
		}
		if (!steps->rows[i].watch)
			names_add(&names, id);
	}
	did_you_mean(mean, sizeof(mean), name, names.rows, names.count);
	names_release(&names);
	return problem(f, RULE_UNKNOWN_REFERENCE, "\"output\" names a step \"%.60s\" that does not exist%s",
		name, mean);
}

/* What a nested runbook gives under a name; rest is ".NAME…". */
static char *of_runbook(struct follow *f, const struct node *step, const char *id, const char *rest)
{
	const char *runbook = node_text(step, "runbook");
	struct document *inner = shelf_runbook(f->view->shelf, runbook);
	const struct node *outputs = inner != NULL ? node_get(inner->root, "outputs") : NULL;
	struct names names = {0};
	struct steps steps;
	char mean[128];

	if (inner == NULL || f->depth == NESTING_MAX)
		return NULL; /* lint_nested says so */
	if (rest[0] != '.')
		return rest[0] == '\0' ? xstrdup(id)
				       : problem(f, RULE_UNKNOWN_REFERENCE,
						 "\"%.60s\" is a runbook: write STEP.NAME", runbook);
	const char *name = first_name(f, rest + 1, &rest);
	const struct node *output = node_get(outputs, name);
	if (output == NULL || output->kind != NODE_SCALAR || !path_valid(output->text)) {
		for (const struct node *n = outputs != NULL ? outputs->first : NULL; n != NULL; n = n->next)
			if (n->key != NULL)
				names_add(&names, n->key);
		did_you_mean(mean, sizeof(mean), name, names.rows, names.count);
		names_release(&names);
		return problem(f, RULE_UNKNOWN_REFERENCE, "runbook \"%.60s\" has no outputs: %.60s%s", runbook,
			name, mean);
	}
	struct follow below = *f;
	below.prefix = arena_printf(f->arena, "%s/", id);
	below.depth++;
	steps_init(&steps, inner->root);
	char *out = follow(&below, inner, &steps, arena_printf(f->arena, "%s%s", output->text, rest));
	steps_release(&steps);
	return out;
}

/* each[0] is the first. */
static bool of_loop(
	struct follow *f, const struct step_row *row, const char **id, const char **rest)
{
	const struct node *list = loop_list(row->node);
	char *end;

	if ((*rest)[0] != '[') {
		problem(f, RULE_UNKNOWN_REFERENCE, "\"%.60s\" is done for each of a list: write %.60s[0] for "
						   "the first of them",
			row->id, row->id);
		return false;
	}
	const long index = strtol(*rest + 1, &end, 10);
	if (list != NULL && list->kind == NODE_LIST && index >= (long)list->count) {
		problem(f, RULE_UNKNOWN_REFERENCE, "\"%.60s\" is done for %u items: the last is %.60s[%u]",
			row->id, list->count, row->id, list->count - 1);
		return false;
	}
	*id = arena_printf(f->arena, "%s/%ld", *id, index + 1);
	*rest = end + (*end == ']');
	return true;
}

static char *of_row(
	struct follow *f, const struct steps *steps, long index, const char *rest)
{
	for (;;) {
		const struct step_row *row = &steps->rows[index];
		const bool loop = loop_list(row->node) != NULL;
		const char *id = arena_printf(f->arena, "%s%s", f->prefix, row->id);
		if (loop && !of_loop(f, row, &id, &rest))
			return NULL;
		if (node_get(row->node, "runbook") != NULL)
			return of_runbook(f, row->node, id, rest);
		if (node_get(row->node, "steps") == NULL)
			return xasprintf("%s%s", id, rest);
		const char *name = rest[0] == '.' ? first_name(f, rest + 1, &rest) : "";
		const struct step_row *member = steps_find(steps, name);
		if (member == NULL || member->watch || member->parent != index)
			return problem(f, RULE_UNKNOWN_REFERENCE,
				"\"%.60s\" is a group, which gives nothing itself: name one of its steps",
				row->id);
		if (loop)
			f->prefix = arena_printf(f->arena, "%s/", id);
		index = member - steps->rows;
	}
}

static char *follow(
	struct follow *f, struct document *document, const struct steps *steps, const char *text)
{
	const char *rest, *name = first_name(f, text, &rest);
	const struct step_row *row = steps_find(steps, name);

	if (row == NULL && document != f->view->document)
		return NULL; /* that runbook's own lint says so */
	if (row == NULL)
		return unknown_name(f, steps, name);
	if (row->watch)
		return problem(f, RULE_UNKNOWN_REFERENCE, "\"%.60s\" is an invariant, which gives nothing", name);
	return of_row(f, steps, row - steps->rows, rest);
}

char *ref_output(const struct ref_view *view, const struct node *node)
{
	struct arena arena;
	struct follow f = {.view = view, .node = node, .arena = &arena, .prefix = ""};
	const char *rest;
	char *out = NULL;

	if (node->kind != NODE_SCALAR || !path_valid(node->text))
		return problem(&f, RULE_CONDITION, "\"output\" takes STEP.NAME, such as precheck.lag_bytes");
	arena_init(&arena, 0);
	const char *name = first_name(&f, node->text, &rest);
	const struct step_row *row = steps_find(view->steps, name);
	const long index = row != NULL ? row - view->steps->rows : NO_STEP;
	if (index != NO_STEP && !ref_reachable(view, node, index))
		goto out;
	if (index != NO_STEP && view->prefix != NULL)
		f.prefix = view->prefix(view->data, index);
	out = follow(&f, view->document, view->steps, node->text);
	if (out != NULL && view->problems != NULL && view->from != NO_STEP && !comes_before(view, index)) {
		problem(&f, RULE_UNCERTAIN_OUTPUT,
			"\"%.60s\" is not certain to be done before \"%.60s\" begins: add it to needs:", name,
			view->steps->rows[view->from].id);
		free(out);
		out = NULL;
	}
out:
	arena_release(&arena);
	return out;
}

/* ------------------------------------------------------------------ conditions */

static char *output_of(void *data, const struct node *node)
{
	const struct ref_view *view = data;

	return ref_output(view, node);
}

struct condition_context ref_conditions(struct ref_view *view, bool tolerance)
{
	struct condition_context c = {.document = view->document,
		.params = node_get(view->document->root, "params"), .tolerance = tolerance,
		.output = output_of, .data = view, .problems = view->problems};

	c.item = loop_name(view->steps, view->from, &c.item_has_members);
	return c;
}
