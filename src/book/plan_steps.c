/* plan_steps.c: the steps of a plan, with every default filled in. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

static void put_text(json_t *into, const char *name, const struct node *map, const char *key)
{
	const struct node *node = node_get(map, key);

	json_put(into, name, node != NULL && node->kind == NODE_SCALAR ? json_text(node->text, node->len) : NULL);
}

static json_t *needs_json(const struct steps *steps, const struct step_row *row)
{
	json_t *list = json_array();

	for (size_t i = 0; i < row->need_count; i++) {
		const char *id = steps->rows[row->needs[i]].id;
		json_array_append_new(list, json_text(id, strlen(id)));
	}
	return list;
}

static json_t *uses_json(struct planner *planner, const struct node *uses)
{
	json_t *out = json_object();

	for (const struct node *op = uses != NULL ? uses->first : NULL; op != NULL; op = op->next) {
		for (const struct node *t = texts_first(op); t != NULL; t = texts_next(op, t))
			if (!names_have(&planner->targets, t->text))
				names_add(&planner->targets, t->text);
		json_put(out, op->key, texts_json(op));
	}
	return out;
}

static enum err_code put_scripts(
	struct planner *planner, const struct node *step, json_t *into, struct err *err)
{
	struct script script;

	for (const char *const *key = script_keys; *key != NULL; key++) {
		const struct node *node = node_get(step, *key);
		if (node == NULL)
			continue;
		TRY(script_open(&script, planner->document, &planner->source, node, err));
		json_t *row = json_object();
		json_put_str(row, "file", script.file);
		json_put_int(row, "line", script.line);
		json_put(row, "source", json_text(script.text, script.len));
		script_release(&script);
		json_put(into, strcmp(*key, "run") == 0 ? "script" : *key, row);
	}
	return ERR_NONE;
}

static json_t *choices_json(const struct node *choices)
{
	json_t *list = json_array();

	for (const struct node *c = choices != NULL ? choices->first : NULL; c != NULL; c = c->next) {
		const struct node *stop = node_get(c, "stop");
		json_t *row = json_object();
		bool flag = false;
		put_text(row, "id", c, "id");
		put_text(row, "label", c, node_text(c, "label") != NULL ? "label" : "id");
		json_put(row, "skip", texts_json(node_get(c, "skip")));
		json_put_flag(row, "stop", stop != NULL && node_bool(stop, &flag) && flag);
		json_array_append_new(list, row);
	}
	return list;
}

/* Also says whether one of them is "verified". */
static json_t *marks_json(const struct node *root, const struct node *marks, bool *verified)
{
	json_t *list = json_array();

	*verified = false;
	for (const struct node *m = marks != NULL ? marks->first : NULL; m != NULL; m = m->next) {
		json_t *row = json_object();
		json_put_str(row, "service", mark_service(root, m));
		json_put_str(row, "reached", node_text(m, "reached"));
		*verified = *verified || str_eq(node_text(m, "reached"), "verified");
		json_array_append_new(list, row);
	}
	return list;
}

/* Which key makes a step what it is, and what its time counts as. */
static const struct {
	const char *key, *kind, *time;
} kinds[] = {
	{"run", "script", "machine"},
	{"manual", "manual", "human"},
	{"decide", "decide", "human"},
	{"wait", "wait", "world"},
};

static size_t kind_of(const struct node *step)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (node_get(step, kinds[i].key) != NULL)
			return i;
	return 0;
}

static void put_kind(const struct node *step, json_t *into, const char *key)
{
	if (strcmp(key, "manual") == 0 || strcmp(key, "decide") == 0) {
		put_text(into, "text", step, key);
		json_put(into, "checklist", texts_json(node_get(step, "checklist")));
	}
	if (strcmp(key, "decide") == 0)
		json_put(into, "choices", choices_json(node_get(step, "choices")));
	if (strcmp(key, "wait") == 0)
		json_put_int(into, "wait_ms", duration_of(step, "wait", 0));
}

static const char *owner_of(const struct planner *planner, const struct node *step)
{
	const struct node *root = planner->document->root;
	struct names services = {0};
	const char *owner = node_text(step, "owner");

	if (owner == NULL)
		owner = node_text(root, "owner");
	if (owner != NULL)
		return owner;
	runbook_services(root, false, &services);
	if (services.count > 0)
		owner = node_text(
			workspace_entry(planner->workspace, DOC_SERVICES, services.rows[0]), "owner");
	names_release(&services);
	return owner;
}

static const char *or_else(const char *value, const char *fallback)
{
	return value != NULL ? value : fallback;
}

static enum err_code step_json(struct planner *planner, const struct steps *steps,
	const struct step_row *row, json_t **out, struct err *err)
{
	const struct workspace *w = planner->workspace;
	const struct node *step = row->node, *retry = node_get(step, "retry");
	const struct document *drillbook = w->docs[DOC_DRILLBOOK];
	const struct node *defaults = node_get(drillbook->root, "defaults");
	const size_t kind = kind_of(step);
	bool verified;
	json_t *s = *out = json_object();

	json_put_str(s, "id", row->id);
	put_text(s, "title", step, node_text(step, "title") != NULL ? "title" : "id");
	json_put_str(s, "owner", owner_of(planner, step));
	json_put_str(s, "kind", kinds[kind].kind);
	json_put(s, "needs", needs_json(steps, row));
	json_put(s, "uses", uses_json(planner, node_get(step, "uses")));
	json_put_int(s, "level", step_level(w, planner->document, &planner->source, step, NULL));
	json_put_int(s, "expect_ms", duration_of(step, "expect", 0));
	json_put_int(s, "timeout_ms",
		duration_of(step, "timeout", kind == 0 ? duration_of(defaults, "timeout", 0) : 0));
	json_put_str(s, "on_failure",
		or_else(node_text(step, "on_failure"), or_else(node_text(defaults, "on_failure"), "ask")));
	if (retry != NULL) {
		const struct node *attempts = node_get(retry, "attempts");
		int64_t number = 1;
		if (attempts != NULL && !node_int(attempts, &number))
			number = 1;
		json_put(s, "retry", json_pack("{s:I, s:I}", "attempts", (json_int_t)number, "wait_ms",
			(json_int_t)duration_of(retry, "wait", 0)));
	}
	put_kind(step, s, kinds[kind].key);
	json_put(s, "marks", marks_json(planner->document->root, node_get(step, "marks"), &verified));
	json_put_str(s, "time",
		or_else(node_text(step, "time"), verified ? "verification" : kinds[kind].time));
	return put_scripts(planner, step, s, err);
}

enum err_code plan_steps(
	struct planner *planner, const struct steps *steps, json_t **out, struct err *err)
{
	*out = json_array();
	for (size_t i = 0; i < steps->count; i++) {
		json_t *step = NULL;
		const enum err_code code = step_json(planner, steps, &steps->rows[i], &step, err);
		json_array_append_new(*out, step);
		TRY(code);
	}
	return ERR_NONE;
}
