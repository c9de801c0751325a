/* plan_steps.c: the steps of a plan, with every default filled in. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

static void put_text(json_t *into, const char *name, const struct node *map, const char *key)
{
	const struct node *node = node_get(map, key);

	json_put(into, name, node != NULL && node->kind == NODE_SCALAR ? json_text(node->text, node->len) : NULL);
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

/* The row of a script: where it is, its text, and what must hold of its value. */
static enum err_code script_json(struct planner *planner, const struct spot *spot,
	const struct step_row *row, const char *key, json_t **out, struct err *err)
{
	const struct node *tolerance = step_tolerance(row->node, key);
	struct ref_view view = plan_view(planner, spot, row);
	const struct condition_context context = ref_conditions(&view, true);
	struct script script;

	TRY(script_open(&script, spot->frame->document, &planner->source,
		step_script(row->node, key), err));
	*out = json_object();
	json_put_str(*out, "file", script.file);
	json_put_int(*out, "line", script.line);
	json_put(*out, "source", json_text(script.text, script.len));
	if (tolerance != NULL)
		json_put(*out, "tolerance", condition_json(&context, tolerance));
	script_release(&script);
	return ERR_NONE;
}

static enum err_code put_scripts(struct planner *planner, const struct spot *spot,
	const struct step_row *row, json_t *into, struct err *err)
{
	for (const char *const *key = script_keys; *key != NULL; key++) {
		json_t *script = NULL;
		if (step_script(row->node, *key) == NULL)
			continue;
		TRY(script_json(planner, spot, row, *key, &script, err));
		json_put(into, strcmp(*key, "run") == 0 ? "script" : *key, script);
	}
	return ERR_NONE;
}

/* Full ids; groups among them are written out when all steps are known (plan_graph.c). */
static json_t *skip_json(const struct spot *spot, const struct node *skip)
{
	const struct steps *steps = &spot->frame->steps;
	json_t *list = json_array();

	for (const struct node *n = texts_first(skip); n != NULL; n = texts_next(skip, n)) {
		const struct step_row *row = steps_find(steps, n->text);
		char *id = row != NULL ? plan_id(spot, row - steps->rows) : NULL;
		if (id != NULL)
			json_array_append_new(list, json_string(id));
		free(id);
	}
	return list;
}

static json_t *choices_json(const struct spot *spot, const struct node *choices)
{
	json_t *list = json_array();

	for (const struct node *c = choices != NULL ? choices->first : NULL; c != NULL; c = c->next) {
		const struct node *stop = node_get(c, "stop");
		json_t *row = json_object();
		bool flag = false;
		put_text(row, "id", c, "id");
		put_text(row, "label", c, node_text(c, "label") != NULL ? "label" : "id");
		json_put(row, "skip", skip_json(spot, node_get(c, "skip")));
		json_put_flag(row, "stop", stop != NULL && node_bool(stop, &flag) && flag);
		json_array_append_new(list, row);
	}
	return list;
}

/* Also says whether one of them is "verified". */
static json_t *marks_json(const struct frame *frame, const struct node *marks, bool *verified)
{
	json_t *list = json_array();

	*verified = false;
	for (const struct node *m = marks != NULL ? marks->first : NULL; m != NULL; m = m->next) {
		json_t *row = json_object();
		const struct node *param = node_get(node_get(m, "service"), "param");
		json_put_str(row, "service",
			param != NULL ? json_str(frame->params, param->text, NULL)
				      : mark_service(frame->document->root, m));
		json_put_str(row, "reached", node_text(m, "reached"));
		*verified = *verified || str_eq(node_text(m, "reached"), "verified");
		json_array_append_new(list, row);
	}
	return list;
}

/* Which key makes a step what it is, and what its time counts as. */
static const struct kind_row {
	const char *key, *kind, *time;
} kinds[] = {
	{"run", "script", "machine"},
	{"manual", "manual", "human"},
	{"decide", "decide", "human"},
	{"wait", "wait", "world"},
	{"approve", "approve", "approval"},
};

static const struct kind_row *kind_of(const struct node *step)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (node_get(step, kinds[i].key) != NULL)
			return &kinds[i];
	return &kinds[0];
}

static int64_t int_of(const struct node *map, const char *key, int64_t fallback)
{
	const struct node *node = node_get(map, key);
	int64_t number;

	return node != NULL && node_int(node, &number) ? number : fallback;
}

static void put_duration(json_t *into, const char *name, const struct node *map, const char *key)
{
	if (node_get(map, key) != NULL)
		json_put_int(into, name, duration_of(map, key, 0));
}

static void put_text_if(json_t *into, const struct node *map, const char *key)
{
	if (node_text(map, key) != NULL)
		put_text(into, key, map, key);
}

static void put_measure(json_t *into, const struct node *measure)
{
	json_t *row = json_object();

	if (measure == NULL) {
		json_decref(row);
		return;
	}
	put_text_if(row, measure, "name");
	put_text_if(row, measure, "unit");
	put_text_if(row, measure, "min");
	put_text_if(row, measure, "max");
	json_put(into, "measure", row);
}

static void put_wait(json_t *into, const struct node *step)
{
	const struct node *wait = node_get(step, "wait");

	if (wait->kind != NODE_MAP)
		json_put_int(into, "wait_ms", duration_of(step, "wait", 0));
	put_text_if(into, wait, "until");
	put_duration(into, "every_ms", wait, "every");
}

static void put_kind(const struct spot *spot, const struct node *step, json_t *into, const char *key)
{
	if (strcmp(key, "manual") == 0 || strcmp(key, "decide") == 0) {
		put_text(into, "text", step, key);
		json_put(into, "checklist", texts_json(node_get(step, "checklist")));
		put_measure(into, node_get(step, "measure"));
	}
	if (strcmp(key, "decide") == 0)
		json_put(into, "choices", choices_json(spot, node_get(step, "choices")));
	if (strcmp(key, "wait") == 0)
		put_wait(into, step);
	if (strcmp(key, "approve") == 0) {
		put_text(into, "text", step, key);
		if (node_get(step, "from") != NULL)
			json_put(into, "from", texts_json(node_get(step, "from")));
		json_put_int(into, "count", int_of(step, "count", 1));
	}
}

static const char *owner_of(
	const struct planner *planner, const struct spot *spot, const struct node *step)
{
	const struct node *root = spot->frame->document->root;
	struct names services = {0};
	const char *owner = node_text(step, "owner");

	if (owner == NULL)
		owner = spot->owner;
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

static const struct node *defaults_of(const struct planner *planner)
{
	return node_get(planner->workspace->docs[DOC_DRILLBOOK]->root, "defaults");
}

static void put_retry(json_t *into, const struct node *retry)
{
	json_t *row = json_object();

	if (retry == NULL) {
		json_decref(row);
		return;
	}
	json_put_int(row, "attempts", int_of(retry, "attempts", 1));
	json_put_int(row, "wait_ms", duration_of(retry, "wait", 0));
	put_text_if(row, retry, "backoff");
	put_duration(row, "max_wait_ms", retry, "max_wait");
	if (node_get(retry, "jitter") != NULL)
		json_put_int(row, "jitter_percent", int_of(retry, "jitter", 0));
	json_put(into, "retry", row);
}

bool plan_is_turn(const struct spot *spot, const struct step_row *row)
{
	return node_get(row->node, "for_each") != NULL && spot->turn == row - spot->frame->steps.rows;
}

/* What is reached is reached when the last item is done: of a for_each only the closing step has marks. */
static void put_marks(
	json_t *into, const struct spot *spot, const struct step_row *row, const char *time)
{
	const struct node *marks = plan_is_turn(spot, row) ? NULL : node_get(row->node, "marks");
	bool verified;

	json_put(into, "marks", marks_json(spot->frame, marks, &verified));
	json_put_str(into, "time",
		or_else(node_text(row->node, "time"), verified ? "verification" : time));
}

/* "Start web (a)": whose turn it is, where it can be said in a word. */
static json_t *title_json(const struct spot *spot, const struct step_row *row)
{
	const char *title = or_else(node_text(row->node, "title"), row->id);
	const bool own = plan_is_turn(spot, row);
	char *item = own && json_is_string(spot->item) ? xstrdup(json_string_value(spot->item))
		: own && json_is_integer(spot->item)
		? xasprintf("%lld", (long long)json_integer_value(spot->item)) : NULL;
	char *whole = item != NULL ? xasprintf("%s (%s)", title, item) : xstrdup(title);
	json_t *out = json_text(whole, strlen(whole));

	free(item);
	free(whole);
	return out;
}

/* What every step has, up to on_failure. */
static json_t *step_head(struct planner *planner, const struct spot *spot, const struct step_row *row,
	const char *kind, const char *id, json_t *needs)
{
	const struct node *step = row->node, *defaults = defaults_of(planner);
	const bool script = strcmp(kind, "script") == 0, group = strcmp(kind, "group") == 0;
	json_t *s = json_object();

	json_put_str(s, "id", id);
	json_put(s, "title", title_json(spot, row));
	json_put_str(s, "owner", owner_of(planner, spot, step));
	json_put_str(s, "kind", kind);
	json_put(s, "needs", needs);
	json_put(s, "uses", uses_json(planner, node_get(step, "uses")));
	json_put_int(s, "level", group ? 0
		: step_level(planner->workspace, spot->frame->document, &planner->source, step, NULL));
	json_put_int(s, "expect_ms", duration_of(step, "expect", 0));
	json_put_int(s, "timeout_ms",
		duration_of(step, "timeout", script ? duration_of(defaults, "timeout", 0) : 0));
	json_put_str(s, "on_failure",
		or_else(node_text(step, "on_failure"), or_else(node_text(defaults, "on_failure"), "ask")));
	return s;
}

enum err_code plan_plain(struct planner *planner, const struct spot *spot, const struct step_row *row,
	const char *id, json_t *needs, json_t **out, struct err *err)
{
	const struct node *step = row->node;
	const struct kind_row *kind = kind_of(step);
	json_t *s = *out = step_head(planner, spot, row, kind->kind, id, needs);

	put_retry(s, node_get(step, "retry"));
	put_kind(spot, step, s, kind->key);
	put_marks(s, spot, row, kind->time);
	put_duration(s, "expires_ms", step, "expires");
	return put_scripts(planner, spot, row, s, err);
}

json_t *plan_closing(struct planner *planner, const struct spot *spot, const struct step_row *row,
	const char *id, json_t *needs)
{
	json_t *s = step_head(planner, spot, row, "group", id, needs);

	/* what its steps may do is theirs */
	json_put(s, "uses", json_object());
	json_put_int(s, "expect_ms", 0);
	json_put_int(s, "timeout_ms", 0);
	put_marks(s, spot, row, "machine");
	put_text_if(s, row->node, "runbook");
	return s;
}

enum err_code plan_watch(struct planner *planner, const struct spot *spot, const struct step_row *row,
	const char *id, json_t *needs, json_t **out, struct err *err)
{
	json_t *s = *out = step_head(planner, spot, row, "watch", id, needs);

	json_put(s, "marks", json_array());
	json_put_str(s, "time", "verification");
	put_duration(s, "every_ms", row->node, "every");
	return put_scripts(planner, spot, row, s, err);
}
