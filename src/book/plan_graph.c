/* plan_graph.c: groups, nested runbooks and for_each, written out as one flat list of steps.
 *
 * A group becomes its members and a closing step with its own id that needs them; a nested runbook the same, with
 * the ids of its steps behind "STEP/"; a for_each one step "STEP/1", "STEP/2" … per item and a closing step. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 10000, DEPTH_MAX = 16 };

struct writer {
	struct planner *planner;
	struct arena arena;    /* ids and prefixes, until the list is done */
	struct err *err;
};

static enum err_code write_rows(struct writer *w, const struct spot *spot, long parent);

/* ------------------------------------------------------------------ ids */

static const char *prefix_of(const void *data, long row)
{
	const struct spot *spot = data;
	const long loop = spot->frame->steps.rows[row].loop;

	while (spot->outer != NULL && spot->loop != loop)
		spot = spot->outer;
	return spot->prefix;
}

char *plan_id(const struct spot *spot, long row)
{
	return xasprintf("%s%s", prefix_of(spot, row), spot->frame->steps.rows[row].id);
}

struct ref_view plan_view(struct planner *planner, const struct spot *spot, const struct step_row *row)
{
	return (struct ref_view){.document = spot->frame->document, .steps = &spot->frame->steps,
		.shelf = planner->shelf, .from = row - spot->frame->steps.rows, .prefix = prefix_of,
		.data = spot};
}

static json_t *entry_json(const struct spot *spot, const struct step_row *row)
{
	json_t *list = json_array();

	if (row->entry_count == 0)
		json_array_extend(list, spot->frame->entry);
	for (size_t i = 0; i < row->entry_count; i++) {
		char *id = plan_id(spot, (long)row->entry[i]);
		json_array_append_new(list, json_string(id));
		free(id);
	}
	return list;
}

/* The members of a group that no other member waits for. */
static json_t *last_members(const struct spot *spot, long parent)
{
	const struct steps *s = &spot->frame->steps;
	unsigned char *waited = xmalloc(s->count + 1);
	json_t *list = json_array();

	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; s->rows[i].parent == parent && !s->rows[i].watch && k < s->rows[i].entry_count; k++)
			waited[s->rows[i].entry[k]] = 1;
	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].parent == parent && !s->rows[i].watch && !waited[i]) {
			char *id = plan_id(spot, (long)i);
			json_array_append_new(list, json_string(id));
			free(id);
		}
	free(waited);
	return list;
}

/* ------------------------------------------------------------------ one step of the list */

/* All of them; one stands for itself.  NULL = there are none.  Owned. */
static json_t *together(const json_t *conditions)
{
	const size_t count = json_array_size(conditions);

	if (count == 0)
		return NULL;
	return count == 1 ? json_incref(json_array_get(conditions, 0))
			  : json_pack("{s:O}", "all", conditions);
}

/* A mark whose parameter only the run will know has no service: nobody could say whose clock runs. */
static enum err_code check_marks(struct writer *w, const json_t *step)
{
	const json_t *mark;
	size_t i;

	json_array_foreach(json_object_get(step, "marks"), i, mark)
		if (json_str(mark, "service", NULL) == NULL)
			return err_set(w->err, ERR_USAGE,
				"step \"%s\" marks a service that is not known when the plan is made: give its parameter a "
				"value",
				json_str(step, "id", ""));
	return ERR_NONE;
}

/* Takes over step and condition (may be NULL: only those of the groups around it). */
static enum err_code add_step(struct writer *w, const struct spot *spot, json_t *step, json_t *condition)
{
	json_t *all = json_copy(spot->when);

	if (condition != NULL)
		json_array_append_new(all, condition);
	json_t *when = together(all);
	json_decref(all);
	if (json_array_size(spot->within) > 0)
		json_put(step, "within", json_incref(spot->within));
	if (spot->frame->scope != NULL)
		json_put_str(step, "scope", spot->frame->scope);
	if (spot->loop != NO_STEP)
		json_put_str(step, "prefix", spot->prefix);
	if (spot->item != NULL) {
		json_put(step, "item", json_incref(spot->item));
		json_put_str(step, "item_name", spot->item_name);
	}
	if (json_object_size(spot->items) > 1)
		json_put(step, "items", json_incref(spot->items));
	if (when != NULL)
		json_put(step, "when", when);
	json_array_append_new(w->planner->steps, step);
	TRY(check_marks(w, step));
	if (json_array_size(w->planner->steps) > STEPS_MAX)
		return err_set(w->err, ERR_LIMIT,
			"more than %d steps when nested runbooks and for_each are written out", STEPS_MAX);
	return ERR_NONE;
}

static json_t *own_condition(struct writer *w, const struct spot *spot, const struct step_row *row)
{
	const struct node *when = node_get(row->node, "when");
	struct ref_view view = plan_view(w->planner, spot, row);
	const struct condition_context context = ref_conditions(&view, false);

	return when != NULL ? condition_json(&context, when) : NULL;
}

/* At most so many at once: of the step, or of the runbook it nests.  0 = it does not say. */
static int64_t parallel_of(const struct writer *w, const struct step_row *row)
{
	const struct document *inner = shelf_runbook(w->planner->shelf, node_text(row->node, "runbook"));
	const struct node *own = node_get(row->node, "parallel");
	int64_t most = 0;

	if (own == NULL && inner != NULL)
		own = node_get(inner->root, "parallel");
	return own != NULL && node_int(own, &most) ? most : 0;
}

/* The closing step of a group, a nested runbook or a for_each; takes over needs, outputs and condition. */
static enum err_code close_group(struct writer *w, const struct spot *spot, const struct step_row *row,
	const char *id, json_t *needs, json_t *outputs, json_t *condition)
{
	const bool turn = plan_is_turn(spot, row);
	const int64_t most = turn ? 0 : parallel_of(w, row);
	json_t *step = plan_closing(w->planner, spot, row, id, needs);

	if (most > 0)
		json_put_int(step, "parallel", most);
	if (outputs != NULL)
		json_put(step, "outputs", outputs);
	return add_step(w, spot, step, condition);
}

/* ------------------------------------------------------------------ going in */

/* A spot in the group whose closing step is id, with one condition more (taken over; may be NULL). */
static struct spot enter(const struct spot *outer, const struct step_row *row, const char *id, json_t *condition)
{
	struct spot spot = *outer;

	spot.outer = outer;
	spot.within = json_copy(outer->within);
	json_array_append_new(spot.within, json_string(id));
	spot.when = json_copy(outer->when);
	if (condition != NULL)
		json_array_append_new(spot.when, condition);
	spot.item = json_incref(outer->item);
	spot.items = json_incref(outer->items);
	if (node_text(row->node, "owner") != NULL)
		spot.owner = node_text(row->node, "owner");
	return spot;
}

static void leave(struct spot *spot)
{
	json_decref(spot->within);
	json_decref(spot->when);
	json_decref(spot->item);
	json_decref(spot->items);
}

static enum err_code check_depth(struct writer *w, const struct spot *spot, const char *id)
{
	if (json_array_size(spot->within) <= DEPTH_MAX)
		return ERR_NONE;
	return err_set(w->err, ERR_LIMIT, "\"%.200s\" lies in more than %d groups and runbooks", id, DEPTH_MAX);
}

/* ------------------------------------------------------------------ groups */

static enum err_code write_watches(struct writer *w, const struct spot *inner, const struct spot *outer,
	const struct step_row *group, const char *id)
{
	const struct steps *s = &outer->frame->steps;
	const long index = group - s->rows;
	enum err_code code = ERR_NONE;

	for (size_t i = 0; i < s->count && code == ERR_NONE; i++) {
		const struct step_row *row = &s->rows[i];
		json_t *step = NULL;
		if (!row->watch || row->parent != index)
			continue;
		code = plan_watch(w->planner, inner, row,
			arena_printf(&w->arena, "%s!%s", id, row->id), entry_json(outer, group), &step, w->err);
		if (code == ERR_NONE)
			code = add_step(w, inner, step, NULL);
		else
			json_decref(step);
	}
	return code;
}

static enum err_code write_group(struct writer *w, const struct spot *spot, const struct step_row *row,
	const char *id, json_t *condition, bool turn)
{
	const long index = row - spot->frame->steps.rows;
	struct spot inner = enter(spot, row, id, json_incref(condition));

	if (turn) {
		inner.loop = index;
		inner.prefix = arena_printf(&w->arena, "%s/", id);
	}
	enum err_code code = check_depth(w, &inner, id);
	if (code == ERR_NONE)
		code = write_watches(w, &inner, spot, row, id);
	if (code == ERR_NONE)
		code = write_rows(w, &inner, index);
	json_t *needs = last_members(&inner, index);
	leave(&inner);
	if (code == ERR_NONE)
		return close_group(w, spot, row, id, needs, NULL, condition);
	json_decref(needs);
	json_decref(condition);
	return code;
}

/* ------------------------------------------------------------------ nested runbooks */

/* What stands for a parameter of the inner runbook: *out stays NULL when nothing was given. */
static void given_param(struct writer *w, const struct spot *spot, const struct step_row *row,
	const struct node *given, json_t **out)
{
	const struct node *one = given->kind == NODE_MAP ? given->first : NULL;
	struct ref_view view = plan_view(w->planner, spot, row);
	const struct condition_context context = ref_conditions(&view, false);

	if (one == NULL) {
		*out = node_json(given);
	} else if (strcmp(one->key, "param") == 0) {
		json_t *own = json_object_get(spot->frame->params, one->text);
		const bool typed = json_flag(own, "secret", false) && json_object_get(own, "from") == NULL;
		*out = typed ? json_pack("{s:b, s:s}", "secret", 1, "from", one->text) : json_incref(own);
	} else if (strcmp(one->key, "output") == 0) {
		char *full = ref_output(&view, one);
		*out = full != NULL ? json_pack("{s:s}", "output", full) : NULL;
		free(full);
	} else {
		const char *path = condition_item(&context, one);
		*out = path != NULL ? json_incref(plan_item_at(spot->item, path)) : NULL;
	}
}

static enum err_code inner_params(struct writer *w, const struct spot *spot, const struct step_row *row,
	const struct document *inner, json_t **out)
{
	const struct node *params = node_get(inner->root, "params"), *map = node_get(row->node, "params");
	enum err_code code = ERR_NONE;
	json_t *into = json_object();

	for (const struct node *p = params != NULL ? params->first : NULL; p != NULL && code == ERR_NONE;
		p = p->next) {
		const struct node *given = node_get(map, p->key), *fallback = node_get(p, "default");
		json_t *value = NULL, *read = NULL;
		if (given != NULL)
			given_param(w, spot, row, given, &value);
		if (value == NULL && fallback != NULL)
			value = node_json(fallback);
		if (json_is_object(value)) /* known only in the run */
			read = json_incref(value);
		else if (value != NULL && code == ERR_NONE)
			code = param_read(w->planner->workspace, p, value, &read, w->err);
		else if (code == ERR_NONE && param_needed(p))
			code = err_set(w->err, ERR_USAGE, "runbook \"%s\" needs its parameter \"%s\", and step "
							  "\"%s\" has nothing to give it",
				inner->name, p->key, row->id);
		if (read != NULL)
			json_put(into, p->key, read);
		json_decref(value);
	}
	if (code == ERR_NONE)
		*out = into;
	else
		json_decref(into);
	return code;
}

static json_t *outputs_json(struct writer *w, const struct spot *inner)
{
	const struct node *outputs = node_get(inner->frame->document->root, "outputs");
	struct ref_view view = {.document = inner->frame->document, .steps = &inner->frame->steps,
		.shelf = w->planner->shelf, .from = NO_STEP, .prefix = prefix_of, .data = inner};
	json_t *out = json_object();

	for (const struct node *n = outputs != NULL ? outputs->first : NULL; n != NULL; n = n->next) {
		char *full = ref_output(&view, n);
		if (full != NULL)
			json_put_str(out, n->key, full);
		free(full);
	}
	if (json_object_size(out) > 0)
		return out;
	json_decref(out);
	return NULL;
}

static void add_scope(struct writer *w, const struct frame *frame)
{
	json_t *row = json_object();

	json_put(row, "runbook", plan_runbook_json(frame->document));
	json_put(row, "params", json_incref(frame->params));
	json_put_str(row, "prefix", frame->prefix);
	json_put(w->planner->scopes, frame->scope, row);
	plan_param_targets(w->planner, frame->document, frame->params);
}

static enum err_code write_runbook(struct writer *w, const struct spot *spot, const struct step_row *row,
	const char *id, json_t *condition)
{
	struct document *document = shelf_runbook(w->planner->shelf, node_text(row->node, "runbook"));
	struct frame frame = {
		.document = document, .scope = id, .prefix = arena_printf(&w->arena, "%s/", id)};
	struct spot inner = enter(spot, row, id, json_incref(condition));
	json_t *needs = NULL, *outputs = NULL;

	inner.outer = NULL;
	inner.frame = &frame;
	inner.loop = NO_STEP;
	inner.prefix = frame.prefix;
	inner.owner = NULL; /* the runbook has its own */
	inner.when = plan_settled(inner.when, spot->frame->params, NULL);
	enum err_code code = check_depth(w, &inner, id);
	if (code == ERR_NONE)
		code = inner_params(w, spot, row, document, &frame.params);
	if (code == ERR_NONE) {
		steps_init(&frame.steps, document->root);
		frame.entry = entry_json(spot, row);
		add_scope(w, &frame);
		struct spot watching = enter(spot, row, id, json_incref(condition));
		code = write_watches(w, &watching, spot, row, id);
		leave(&watching);
		if (code == ERR_NONE)
			code = write_rows(w, &inner, NO_STEP);
		needs = last_members(&inner, NO_STEP);
		outputs = outputs_json(w, &inner);
		steps_release(&frame.steps);
	}
	json_decref(frame.entry);
	json_decref(frame.params);
	leave(&inner);
	if (code == ERR_NONE)
		return close_group(w, spot, row, id, needs, outputs, condition);
	json_decref(needs);
	json_decref(outputs);
	json_decref(condition);
	return code;
}

/* ------------------------------------------------------------------ a row */

/* One row, or one turn of it; condition (may be NULL) is taken over. */
static enum err_code write_one(struct writer *w, const struct spot *spot, const struct step_row *row,
	const char *id, json_t *condition, bool turn)
{
	json_t *step = NULL;

	if (node_get(row->node, "steps") != NULL)
		return write_group(w, spot, row, id, condition, turn);
	if (node_get(row->node, "runbook") != NULL)
		return write_runbook(w, spot, row, id, condition);
	const enum err_code code =
		plan_plain(w->planner, spot, row, id, entry_json(spot, row), &step, w->err);
	if (code == ERR_NONE)
		return add_step(w, spot, step, condition);
	json_decref(step);
	json_decref(condition);
	return code;
}

/* The list of a for_each; owned. */
static enum err_code loop_items(
	struct writer *w, const struct spot *spot, const struct step_row *row, json_t **items)
{
	const struct node *in = loop_list(row->node);
	const char *param = node_text(in, "param");
	json_t *value = param != NULL ? json_object_get(spot->frame->params, param) : NULL;

	*items = NULL;
	if (in->kind == NODE_LIST)
		*items = node_json(in);
	else if (json_is_array(value))
		*items = json_incref(value);
	else if (value == NULL)
		*items = json_array();
	else
		return err_set(w->err, ERR_USAGE, "step \"%s\" goes over parameter \"%s\", which is known only in "
						  "the run: a for_each needs its list when the plan is made",
			row->id, param);
	return ERR_NONE;
}

static enum err_code write_turn(struct writer *w, const struct spot *spot, const struct step_row *row,
	const char *id, size_t number, json_t *item)
{
	struct spot inner = enter(spot, row, id, NULL);
	if (spot->item != NULL)
		inner.when = plan_settled(inner.when, NULL, spot->item);
	const char *turn = arena_printf(&w->arena, "%s/%zu", id, number);
	bool ignored;

	json_decref(inner.item);
	json_decref(inner.items);
	inner.item = json_incref(item);
	inner.turn = row - spot->frame->steps.rows;
	inner.item_name = loop_name(&spot->frame->steps, inner.turn, &ignored);
	inner.items = spot->items != NULL ? json_copy(spot->items) : json_object();
	json_put(inner.items, inner.item_name, json_incref(item));
	const enum err_code code =
		write_one(w, &inner, row, turn, own_condition(w, &inner, row), true);
	leave(&inner);
	return code;
}

static enum err_code write_loop(
	struct writer *w, const struct spot *spot, const struct step_row *row, const char *id)
{
	json_t *items = NULL, *needs = json_array(), *condition = NULL;
	enum err_code code = loop_items(w, spot, row, &items);

	for (size_t i = 0; i < json_array_size(items) && code == ERR_NONE; i++) {
		code = write_turn(w, spot, row, id, i + 1, json_array_get(items, i));
		json_array_append_new(needs, json_string(arena_printf(&w->arena, "%s/%zu", id, i + 1)));
	}
	if (json_array_size(items) == 0) {
		json_decref(needs);
		needs = entry_json(spot, row);
	}
	json_decref(items);
	if (code != ERR_NONE) {
		json_decref(needs);
		return code;
	}
	/* what asks for the item is asked of each, not of the whole */
	if (!condition_has_item(node_get(row->node, "when")))
		condition = own_condition(w, spot, row);
	return close_group(w, spot, row, id, needs, NULL, condition);
}

/* The members of a group; NO_STEP: of the runbook. */
static enum err_code write_rows(struct writer *w, const struct spot *spot, long parent)
{
	const struct steps *s = &spot->frame->steps;
	enum err_code code = ERR_NONE;

	for (size_t i = 0; i < s->count && code == ERR_NONE; i++) {
		const struct step_row *row = &s->rows[i];
		if (row->parent != parent || row->watch)
			continue;
		const char *id = arena_printf(&w->arena, "%s%s", spot->prefix, row->id);
		code = node_get(row->node, "for_each") != NULL
			? write_loop(w, spot, row, id)
			: write_one(w, spot, row, id, own_condition(w, spot, row), false);
	}
	return code;
}

/* ------------------------------------------------------------------ choices that skip groups */

/* By id of a closing step: everything in it. */
static json_t *group_members(const json_t *steps)
{
	json_t *groups = json_object(), *step, *group;
	size_t i, k;

	json_array_foreach((json_t *)(uintptr_t)steps, i, step) {
		json_array_foreach(json_object_get(step, "within"), k, group) {
			const char *name = json_string_value(group);
			if (json_object_get(groups, name) == NULL)
				json_put(groups, name, json_array());
			json_array_append(json_object_get(groups, name), json_object_get(step, "id"));
		}
	}
	return groups;
}

/* Who leaves out a group leaves out everything in it. */
static void write_skips(const json_t *steps)
{
	json_t *groups = group_members(steps), *step, *choice, *id;
	size_t i, k, n;

	json_array_foreach((json_t *)(uintptr_t)steps, i, step) {
		json_array_foreach(json_object_get(step, "choices"), k, choice) {
			json_t *list = json_array();
			json_array_foreach(json_object_get(choice, "skip"), n, id) {
				json_array_extend(list, json_object_get(groups, json_string_value(id)));
				json_array_append(list, id);
			}
			json_put(choice, "skip", list);
		}
	}
	json_decref(groups);
}

enum err_code plan_steps(struct planner *planner, struct err *err)
{
	struct writer w = {.planner = planner, .err = err};
	struct frame frame = {.document = planner->document, .prefix = "", .params = planner->params,
		.entry = json_array()};
	const struct spot spot = {.frame = &frame, .loop = NO_STEP, .turn = NO_STEP, .prefix = "",
		.within = json_array(), .when = json_array()};

	arena_init(&w.arena, 0);
	steps_init(&frame.steps, planner->document->root);
	const enum err_code code = write_rows(&w, &spot, NO_STEP);
	if (code == ERR_NONE)
		write_skips(planner->steps);
	steps_release(&frame.steps);
	json_decref(frame.entry);
	json_decref(spot.within);
	json_decref(spot.when);
	arena_release(&w.arena);
	return code;
}
