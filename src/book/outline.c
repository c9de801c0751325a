/* outline.c: what a runbook has, for screens: parameters, steps, problems; also of one that has
 * mistakes or whose parameters have no values yet. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

/* As it is typed: a list is "one,two". */
static json_t *default_json(const struct node *fallback)
{
	char *text = NULL;

	for (const struct node *n = texts_first(fallback); n != NULL; n = texts_next(fallback, n)) {
		char *longer = xasprintf("%s%s%s", text != NULL ? text : "", text != NULL ? "," : "", n->text);
		free(text);
		text = longer;
	}
	json_t *out = text != NULL ? json_text(text, strlen(text)) : json_null();
	free(text);
	return out;
}

static json_t *params_json(const struct document *document)
{
	static const char *const texts[] = {"min", "max", "help"};
	const struct node *params = node_get(document->root, "params");
	json_t *list = json_array();

	for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next) {
		const struct node *required = node_get(p, "required");
		const char *type = node_text(p, "type");
		bool must = true;
		json_t *row = json_object();
		json_put_str(row, "name", p->key);
		json_put_str(row, "type", type != NULL ? type : "string");
		json_put(row, "default", default_json(node_get(p, "default")));
		for (size_t i = 0; i < COUNT_OF(texts); i++)
			json_put_str(row, texts[i], node_text(p, texts[i]));
		json_put(row, "choices", texts_json(node_get(p, "choices")));
		if (required != NULL && !node_bool(required, &must))
			must = true;
		/* a secret is no part of a plan: it is asked for later */
		json_put_flag(row, "required",
			must && node_get(p, "default") == NULL && !str_eq(type, "secret"));
		json_array_append_new(list, row);
	}
	return list;
}

/* The key that makes a step what it is: the first of the file's own order that is no frame. */
static const char *kind_word(const struct step_row *row)
{
	const struct node *step = row->node;

	static const struct {
		const char *key, *kind;
	} kinds[] = {{"run", "script"}, {"manual", "manual"}, {"decide", "decide"}, {"wait", "wait"},
		{"approve", "approve"}, {"runbook", "runbook"}, {"steps", "group"}};

	if (row->watch)
		return "watch";
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (node_get(step, kinds[i].key) != NULL)
			return kinds[i].kind;
	return "step";
}

static json_t *steps_json(struct workspace *workspace, struct document *document)
{
	const struct source source = {.workspace = workspace};
	json_t *list = json_array();
	struct steps steps;

	steps_init(&steps, document->root);
	for (size_t i = 0; i < steps.count; i++) {
		const struct step_row *row = &steps.rows[i];
		const struct node *uses = node_get(row->node, "uses");
		json_t *out = json_object(), *needs = json_array(), *may = json_object();
		for (size_t k = 0; k < row->need_count; k++)
			json_array_append_new(needs, json_string(steps.rows[row->needs[k]].id));
		for (const struct node *op = uses != NULL && uses->kind == NODE_MAP ? uses->first : NULL;
			op != NULL; op = op->next)
			json_put(may, op->key, texts_json(op));
		json_put_str(out, "id", row->id);
		json_put_str(out, "title", node_text(row->node, "title"));
		json_put_str(out, "kind", kind_word(row));
		json_put(out, "needs", needs);
		json_put(out, "uses", may);
		json_put_int(out, "level", step_level(workspace, document, &source, row->node, NULL));
		json_put_int(out, "expect_ms", duration_of(row->node, "expect", 0));
		json_array_append_new(list, out);
	}
	steps_release(&steps);
	return list;
}

json_t *workspace_outline(struct workspace *workspace, const char *name)
{
	struct document *document = workspace_runbook(workspace, name);
	struct problems found;

	if (document == NULL)
		return NULL;
	json_t *out = json_object();
	json_put_str(out, "name", name);
	json_put_str(out, "path", document->path);
	json_put_str(out, "title", node_text(document->root, "runbook"));
	json_put_str(out, "description", node_text(document->root, "description"));
	json_put(out, "params", params_json(document));
	json_put(out, "steps", steps_json(workspace, document));
	problems_init(&found);
	problems_merge(&found, &document->problems);
	lint_runbook(workspace, document, NULL, &found);
	json_put(out, "problems", problems_json(&found));
	problems_release(&found);
	return out;
}
