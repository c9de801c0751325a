/* lint_steps.c: one step at a time: its condition, its tolerances, and the keys of its kind. */
#include "lint_steps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct ref_view lint_view(struct lint *lint, const struct step_row *row)
{
	return (struct ref_view){.document = lint->document, .steps = &lint->steps, .shelf = lint->shelf,
		.from = row != NULL ? row - lint->steps.rows : NO_STEP, .problems = lint->problems};
}

static struct place place_of(const struct lint *lint, const struct node *node)
{
	return document_place(lint->document, node);
}

static struct place key_place_of(const struct lint *lint, const struct node *node)
{
	return document_key_place(lint->document, node);
}

/* ------------------------------------------------------------------ conditions */

static void check_condition(
	struct lint *lint, const struct step_row *row, const struct node *node, bool tolerance)
{
	struct ref_view view = lint_view(lint, row);
	const struct condition_context context = ref_conditions(&view, tolerance);

	if (node != NULL && node->kind != NODE_SCALAR) /* else the table of keys has said it */
		json_decref(condition_json(&context, node));
}

static void check_conditions(struct lint *lint, const struct step_row *row)
{
	check_condition(lint, row, node_get(row->node, "when"), false);
	for (const char *const *key = script_keys; *key != NULL; key++)
		check_condition(lint, row, step_tolerance(row->node, *key), true);
}

/* ------------------------------------------------------------------ groups */

/* Keys that say nothing of a group: what it is made of has them. */
static void check_group(struct lint *lint, const struct step_row *row)
{
	static const char *const senseless[] = {"expect", "timeout", "level", "time"};
	const struct node *step = row->node;
	const bool group = node_get(step, "steps") != NULL, runbook = node_get(step, "runbook") != NULL;

	if (!group && !runbook)
		return;
	for (size_t i = 0; i < COUNT_OF(senseless); i++)
		if (node_get(step, senseless[i]) != NULL)
			problems_add(lint->problems, RULE_STEP_KIND,
				key_place_of(lint, node_get(step, senseless[i])),
				"%s has no \"%s\": give it to its steps",
				group ? "a group" : "a nested runbook", senseless[i]);
}

/* The id of what nests others stands in references before a dot. */
static void check_dot(struct lint *lint, const struct step_row *row)
{
	static const char *const nesting[] = {"steps", "runbook", "for_each"};

	for (size_t i = 0; i < COUNT_OF(nesting); i++)
		if (node_get(row->node, nesting[i]) != NULL && strchr(row->id, '.') != NULL) {
			problems_add(lint->problems, RULE_WRONG_VALUE,
				place_of(lint, node_get(row->node, "id")),
				"the id of a step with \"%s\" has no dot in it: write - instead",
				nesting[i]);
			return;
		}
}

/* ------------------------------------------------------------------ for_each */

static bool is_lua_name(const char *name)
{
	static const char *const taken[] = {"and", "break", "do", "else", "elseif", "end", "false", "for",
		"function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then",
		"true", "until", "while", "params", "outputs", "mode", "clock", "step_id", "run_id"};

	for (size_t i = 0; i < COUNT_OF(taken); i++)
		if (strcmp(taken[i], name) == 0)
			return false;
	if (isdigit((unsigned char)name[0]))
		return false;
	for (const char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return false;
	return true;
}

static void check_loop_param(struct lint *lint, const struct node *in)
{
	const struct node *name = node_get(in, "param");
	const struct node *params = node_get(lint->document->root, "params");
	const struct node *param = name != NULL && name->kind == NODE_SCALAR ? node_get(params, name->text) : NULL;
	struct names names = {0};
	char mean[128];

	if (name == NULL || in->count != 1) {
		problems_add(lint->problems, RULE_FOR_EACH, place_of(lint, in),
			"for_each goes over a list: write in: [one, two] or in: {param: NAME}");
	} else if (param == NULL) {
		for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next)
			names_add(&names, p->key);
		did_you_mean(mean, sizeof(mean), name->kind == NODE_SCALAR ? name->text : "", names.rows,
			names.count);
		names_release(&names);
		problems_add(lint->problems, RULE_UNKNOWN_REFERENCE, place_of(lint, name),
			"the runbook has no parameter \"%.60s\"%s",
			name->kind == NODE_SCALAR ? name->text : "", mean);
	} else if (!str_eq(node_text(param, "type"), "strings")) {
		problems_add(lint->problems, RULE_FOR_EACH, place_of(lint, name),
			"parameter \"%s\" is no list: declare it with type: strings", param->key);
	}
}

static void check_loop(struct lint *lint, const struct step_row *row)
{
	const struct node *each = node_get(row->node, "for_each");
	const struct node *in = node_get(each, "in"), *as = node_get(each, "as");

	if (each == NULL || in == NULL)
		return;
	if (as != NULL && as->kind == NODE_SCALAR && name_valid(as->text) && !is_lua_name(as->text))
		problems_add(lint->problems, RULE_WRONG_VALUE, place_of(lint, as),
			"\"%.60s\" is no name that Lua takes: use letters, digits and _", as->text);
	if (in->kind == NODE_MAP) {
		check_loop_param(lint, in);
		return;
	}
	if (in->kind == NODE_SCALAR || in->count == 0) {
		problems_add(lint->problems, RULE_FOR_EACH, place_of(lint, in),
			"for_each goes over a list, not %s: write in: [one, two] or in: {param: NAME}",
			in->kind == NODE_SCALAR ? node_kind_name(in) : "an empty one");
		return;
	}
	for (const struct node *n = in->first; n != NULL; n = n->next)
		if (n->kind == NODE_LIST || (n->kind == NODE_SCALAR && node_is_null(n)))
			problems_add(lint->problems, RULE_FOR_EACH, place_of(lint, n),
				"an item of for_each is a value or a map, not %s", node_kind_name(n));
}

/* ------------------------------------------------------------------ approve, measure, wait, retry */

static void check_approve(struct lint *lint, const struct node *step)
{
	const struct node *from = node_get(step, "from"), *count = node_get(step, "count");
	int64_t people = 0, wanted = 1;

	if (from == NULL || (count != NULL && !node_int(count, &wanted)))
		return;
	for (const struct node *n = texts_first(from); n != NULL; n = texts_next(from, n)) {
		if (n->text[0] == '@')
			return; /* how many they are is known to the machine the run is on */
		bool again = false;
		for (const struct node *o = texts_first(from); o != n; o = texts_next(from, o))
			again = again || strcmp(o->text, n->text) == 0;
		people += !again;
	}
	if (wanted > people)
		problems_add(lint->problems, RULE_APPROVERS, place_of(lint, count != NULL ? count : from),
			"%lld must agree and \"from\" names %lld: name more, or a group as @NAME",
			(long long)wanted, (long long)people);
}

static void check_measure(struct lint *lint, const struct node *step)
{
	const struct node *measure = node_get(step, "measure");
	const char *min = node_text(measure, "min"), *max = node_text(measure, "max");

	if (min != NULL && max != NULL && decimal_valid(min) && decimal_valid(max) &&
		decimal_compare(min, max) > 0)
		problems_add(lint->problems, RULE_WRONG_VALUE, place_of(lint, node_get(measure, "min")),
			"\"min\" %.40s is larger than \"max\" %.40s: no value would be accepted", min, max);
}

static void check_retry(struct lint *lint, const struct node *step)
{
	const struct node *retry = node_get(step, "retry"), *most = node_get(retry, "max_wait");
	const int64_t wait = duration_of(retry, "wait", 0);

	if (most != NULL && duration_of(retry, "max_wait", wait) < wait)
		problems_add(lint->problems, RULE_WRONG_VALUE, place_of(lint, most),
			"\"max_wait\" is shorter than \"wait\"");
}

/* An invariant and a wait look again and again: they may not change what they look at. */
static void check_probe(struct lint *lint, const struct step_row *row)
{
	const struct node *uses = node_get(row->node, "uses");

	if (!row->watch && node_get(row->node, "wait") == NULL)
		return;
	for (const struct node *op = uses != NULL && uses->kind == NODE_MAP ? uses->first : NULL; op != NULL;
		op = op->next)
		for (const struct node *t = texts_first(op); t != NULL; t = texts_next(op, t)) {
			const struct operation *known =
				provider_operation(target_provider(lint->workspace, t->text), op->key);
			if (known == NULL || known->effect == 0)
				continue;
			problems_add(lint->problems, RULE_PROBE_EFFECT, key_place_of(lint, op),
				"%s only looks, and %s is more than a read: do it in a step of its own",
				row->watch ? "an invariant" : "a wait", op->key);
			break;
		}
}

void lint_step(struct lint *lint, const struct step_row *row)
{
	check_conditions(lint, row);
	check_probe(lint, row);
	if (row->watch)
		return;
	check_group(lint, row);
	check_dot(lint, row);
	check_loop(lint, row);
	check_approve(lint, row->node);
	check_measure(lint, row->node);
	check_retry(lint, row->node);
	lint_nested(lint, row);
}
