/* lint_nested.c: steps that do another runbook: that it exists, what it is given, and that it does not end in itself. */
#include "lint_steps.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ parameters */

static struct place place_of(const struct lint *lint, const struct node *node)
{
	return document_place(lint->document, node);
}

static void unknown_param(struct lint *lint, const struct node *given, const struct node *params,
	const char *runbook)
{
	struct names names = {0};
	char mean[128];

	for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next)
		names_add(&names, p->key);
	did_you_mean(mean, sizeof(mean), given->key, names.rows, names.count);
	if (names.count == 0)
		snprintf(mean, sizeof(mean), ": it has none");
	names_release(&names);
	problems_add(lint->problems, RULE_UNKNOWN_REFERENCE, document_key_place(lint->document, given),
		"runbook \"%.60s\" has no parameter \"%.60s\"%s", runbook, given->key, mean);
}

static bool is_secret(const struct node *declaration)
{
	return str_eq(node_text(declaration, "type"), "secret");
}

/* {param: NAME}: of this runbook. */
static void check_param_of(struct lint *lint, const struct node *name, const struct node *wanted)
{
	const struct node *params = node_get(lint->document->root, "params");
	const struct node *own = name->kind == NODE_SCALAR ? node_get(params, name->text) : NULL;
	struct names names = {0};
	char mean[128];

	if (own == NULL) {
		for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next)
			names_add(&names, p->key);
		did_you_mean(mean, sizeof(mean), name->kind == NODE_SCALAR ? name->text : "", names.rows,
			names.count);
		names_release(&names);
		problems_add(lint->problems, RULE_UNKNOWN_REFERENCE, place_of(lint, name),
			"this runbook has no parameter \"%.60s\"%s",
			name->kind == NODE_SCALAR ? name->text : "", mean);
	} else if (is_secret(own) != is_secret(wanted)) {
		problems_add(lint->problems, RULE_WRONG_VALUE, place_of(lint, name),
			"a secret can only be given to a parameter of type secret, and nothing else to that");
	}
}

static void check_reference(struct lint *lint, const struct step_row *row, const struct node *value,
	const struct node *wanted)
{
	struct ref_view view = lint_view(lint, row);
	const struct condition_context context = ref_conditions(&view, false);
	const struct node *one = value->first;

	if (value->count != 1 ||
		!(str_eq(one->key, "param") || str_eq(one->key, "output") || str_eq(one->key, "item"))) {
		problems_add(lint->problems, RULE_WRONG_VALUE, place_of(lint, value),
			"\"%.60s\" must be a value, {param: NAME}, {output: STEP.NAME} or {item: NAME}",
			value->key);
		return;
	}
	if (strcmp(one->key, "param") == 0) {
		check_param_of(lint, one, wanted);
		return;
	}
	if (is_secret(wanted)) {
		problems_add(lint->problems, RULE_WRONG_VALUE, place_of(lint, value),
			"\"%.60s\" is a secret: give it {param: NAME} of a parameter of type secret",
			value->key);
		return;
	}
	if (strcmp(one->key, "output") == 0)
		free(ref_output(&view, one));
	else
		condition_item(&context, one);
}

static void check_param(struct lint *lint, const struct step_row *row, const struct node *value,
	const struct node *wanted)
{
	struct err err = {0};
	json_t *out = NULL;

	if (value->kind == NODE_MAP) {
		check_reference(lint, row, value, wanted);
		return;
	}
	json_t *given = node_json(value);
	if (param_read(lint->workspace, wanted, given, &out, &err) != ERR_NONE)
		problems_add(lint->problems, RULE_WRONG_VALUE, place_of(lint, value), "%s", err.text);
	json_decref(given);
	json_decref(out);
}

static void check_params(struct lint *lint, const struct step_row *row, const struct document *inner)
{
	const struct node *given = node_get(row->node, "params");
	const struct node *params = node_get(inner->root, "params");

	if (given != NULL && given->kind != NODE_MAP)
		return;
	for (const struct node *n = given != NULL ? given->first : NULL; n != NULL; n = n->next) {
		const struct node *wanted = node_get(params, n->key);
		if (wanted == NULL)
			unknown_param(lint, n, params, inner->name);
		else
			check_param(lint, row, n, wanted);
	}
	for (const struct node *p = params != NULL && params->kind == NODE_MAP ? params->first : NULL;
		p != NULL; p = p->next)
		if (node_get(given, p->key) == NULL && param_needed(p))
			problems_add(lint->problems, RULE_MISSING_PARAMETER,
				place_of(lint, node_get(row->node, "runbook")),
				"runbook \"%s\" needs params: {%s: %s}", inner->name, p->key,
				is_secret(p) ? "{param: NAME}" : "…");
}

/* ------------------------------------------------------------------ does it end in itself */

struct descent {
	struct lint *lint;
	const struct node *at;       /* the step of this runbook that leads there */
	const struct document *path[NESTING_MAX + 1];
	long depth;
	struct documents done;       /* what lies below them has been walked … */
	long *below;                 /* … and is so many runbooks deep */
};

static void report_way(struct descent *d, const struct document *last, bool cycle)
{
	char text[512] = "";
	size_t len = 0;

	for (long i = 0; i < d->depth && len < sizeof(text) - 80; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%.20s -> ", d->path[i]->name);
	snprintf(text + len, sizeof(text) - len, "%.60s", last->name);
	if (cycle)
		problems_add(d->lint->problems, RULE_CYCLE, place_of(d->lint, d->at),
			"runbooks that do each other: %s: remove one of these steps", text);
	else
		problems_add(d->lint->problems, RULE_LIMIT, place_of(d->lint, d->at),
			"more than %d runbooks in each other: %s", NESTING_MAX, text);
}

/* How many runbooks lie in each other from this one on; -1 when there is no end, or none that is allowed: only a
 * way back to the runbook that is looked at is reported, other cycles are for the lint of theirs. */
static long descend(struct descent *d, struct document *document)
{
	struct steps steps;
	long most = 0;

	for (long i = 0; i < d->depth; i++)
		if (d->path[i] == document) {
			if (i == 0)
				report_way(d, document, true);
			return -1;
		}
	size_t known = 0;
	while (known < d->done.count && d->done.rows[known] != document)
		known++;
	const bool walked = known < d->done.count;
	if (d->depth + (walked ? d->below[known] : 1) > NESTING_MAX + 1) {
		report_way(d, document, false);
		return -1;
	}
	if (walked)
		return d->below[known];
	d->path[d->depth++] = document;
	steps_init(&steps, document->root);
	for (size_t i = 0; i < steps.node_count && most >= 0; i++) {
		struct document *next =
			shelf_runbook(d->lint->shelf, node_text(steps.nodes[i], "runbook"));
		const long deep = next != NULL ? descend(d, next) : 0;
		most = deep < 0 ? -1 : deep > most ? deep : most;
	}
	steps_release(&steps);
	d->depth--;
	if (most < 0)
		return -1;
	documents_add(&d->done, document);
	d->below = xrealloc(d->below, d->done.count * sizeof(*d->below));
	d->below[d->done.count - 1] = most + 1;
	return most + 1;
}

static void check_descent(struct lint *lint, const struct node *name, struct document *inner)
{
	struct descent d = {.lint = lint, .at = name, .path = {lint->document}, .depth = 1};

	descend(&d, inner);
	documents_release(&d.done);
	free(d.below);
}

void lint_nested(struct lint *lint, const struct step_row *row)
{
	const struct node *name = node_get(row->node, "runbook");
	struct names names = {0};
	char mean[128];

	if (name == NULL || name->kind != NODE_SCALAR)
		return;
	struct document *inner = shelf_runbook(lint->shelf, name->text);
	if (inner == NULL) {
		shelf_names(lint->shelf, &names);
		did_you_mean(mean, sizeof(mean), name->text, names.rows, names.count);
		names_release(&names);
		problems_add(lint->problems, RULE_UNKNOWN_RUNBOOK, place_of(lint, name),
			"there is no runbook \"%.60s\"%s", name->text, mean);
		return;
	}
	if (inner->root == NULL || inner->root->kind != NODE_MAP)
		return;
	check_params(lint, row, inner);
	check_descent(lint, name, inner);
}

void lint_outputs(struct lint *lint)
{
	const struct node *outputs = node_get(lint->document->root, "outputs");
	const struct ref_view view = lint_view(lint, NULL);

	if (outputs == NULL || outputs->kind != NODE_MAP)
		return;
	for (const struct node *n = outputs->first; n != NULL; n = n->next)
		free(ref_output(&view, n));
}
