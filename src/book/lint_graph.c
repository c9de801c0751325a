/* lint_graph.c: the steps as a graph: ids, needs, cycles, and steps that no choice leads to. */
#include "lint_steps.h"

#include <stdlib.h>
#include <string.h>

enum { CYCLE_SHOWN = 8, SUGGEST_UP_TO = 50 };

static void report_unknown(struct lint *lint, const struct node *node, const char *key)
{
	struct names ids = {0};
	char mean[128];

	/* a file full of mistakes is not worth a search through 10,000 names for each */
	for (size_t i = 0; lint->problems->count < SUGGEST_UP_TO && i < lint->steps.count; i++)
		names_add(&ids, lint->steps.rows[i].id);
	did_you_mean(mean, sizeof(mean), node->text, ids.rows, ids.count);
	names_release(&ids);
	problems_add(lint->problems, RULE_UNKNOWN_STEP, document_place(lint->document, node),
		"\"%s\" names a step \"%.60s\" that does not exist%s", key, node->text, mean);
}

static void check_names(
	struct lint *lint, const struct step_row *row, const struct node *list, const char *key)
{
	const struct ref_view view = lint_view(lint, row);

	for (const struct node *n = texts_first(list); n != NULL; n = texts_next(list, n)) {
		const struct step_row *other = steps_find(&lint->steps, n->text);
		if (other == NULL)
			report_unknown(lint, n, key);
		else if (other->watch)
			problems_add(lint->problems, RULE_UNKNOWN_STEP, document_place(lint->document, n),
				"\"%.60s\" is an invariant: it lasts as long as its group", n->text);
		else
			ref_reachable(&view, n, other - lint->steps.rows);
	}
}

static const struct node *choices_of(const struct step_row *row)
{
	const struct node *choices = node_get(row->node, "choices");

	return choices != NULL && choices->kind == NODE_LIST ? choices : NULL;
}

static void check_choices(struct lint *lint, const struct step_row *row)
{
	const struct node *choices = choices_of(row);

	if (choices == NULL)
		return;
	for (const struct node *c = choices->first; c != NULL; c = c->next) {
		check_names(lint, row, node_get(c, "skip"), "skip");
		for (const struct node *other = choices->first; other != c; other = other->next)
			if (node_text(c, "id") != NULL &&
				str_eq(node_text(c, "id"), node_text(other, "id"))) {
				problems_add(lint->problems, RULE_DUPLICATE_STEP,
					document_place(lint->document, node_get(c, "id")),
					"two choices with the id \"%s\": give one another id",
					node_text(c, "id"));
				break;
			}
	}
}

static void check_ids(struct lint *lint)
{
	const struct steps *s = &lint->steps;

	for (size_t i = 1; i < s->count; i++) {
		const struct step_row *a = s->sorted[i - 1], *b = s->sorted[i];
		if (strcmp(a->id, b->id) == 0)
			problems_add(lint->problems, RULE_DUPLICATE_STEP,
				document_place(lint->document, node_get(b->node, "id")),
				"a step \"%s\" is already there in line %u: give one another id",
				b->id, a->node->line);
	}
}

/* ------------------------------------------------------------------ cycles */

enum colour { WHITE, GREY, BLACK };

struct walk {
	struct lint *lint;
	unsigned char *colour;
	size_t *path, *next; /* indices of steps, and how many of the needs of each were followed */
	size_t depth;
};

/* The way from `again` down the path and back to it, in the order in which the steps wait. */
static void report_cycle(const struct walk *w, size_t again)
{
	const struct step_row *rows = w->lint->steps.rows;
	const struct node *needs = node_get(rows[w->path[w->depth - 1]].node, "needs");
	size_t from = w->depth, len = 0;
	char text[512] = "";

	while (from > 0 && w->path[from - 1] != again)
		from--;
	for (size_t i = from - 1; i < w->depth; i++) {
		const bool enough = i - from + 1 == CYCLE_SHOWN;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%.40s -> ",
			enough ? "…" : rows[w->path[i]].id);
		if (enough)
			break;
	}
	snprintf(text + len, sizeof(text) - len, "%.40s", rows[again].id);
	const struct node *at = rows[w->path[w->depth - 1]].node;
	for (const struct node *n = texts_first(needs); n != NULL; n = texts_next(needs, n))
		if (strcmp(n->text, rows[again].id) == 0)
			at = n;
	problems_add(w->lint->problems, RULE_CYCLE, document_place(w->lint->document, at),
		"steps that wait for each other: %s: remove one of these needs", text);
}

static void enter(struct walk *w, size_t step)
{
	w->colour[step] = GREY;
	w->path[w->depth] = step;
	w->next[w->depth++] = 0;
}

/* Depth first without recursion: a runbook may be one chain of 10,000 steps. */
static void walk_from(struct walk *w, size_t start)
{
	const struct step_row *rows = w->lint->steps.rows;

	enter(w, start);
	while (w->depth > 0) {
		const struct step_row *row = &rows[w->path[w->depth - 1]];
		if (w->next[w->depth - 1] == row->need_count) {
			w->colour[w->path[--w->depth]] = BLACK;
			continue;
		}
		const size_t need = row->needs[w->next[w->depth - 1]++];
		if (w->colour[need] == WHITE)
			enter(w, need);
		else if (w->colour[need] == GREY)
			report_cycle(w, need);
	}
}

static void check_cycles(struct lint *lint)
{
	const size_t count = lint->steps.count;
	struct walk w = {.lint = lint, .colour = xmalloc(count), .path = xmalloc(count * sizeof(size_t)),
		.next = xmalloc(count * sizeof(size_t))};

	for (size_t i = 0; i < count; i++)
		if (w.colour[i] == WHITE)
			walk_from(&w, i);
	free(w.colour);
	free(w.path);
	free(w.next);
}

/* ------------------------------------------------------------------ unreachable */

static bool is_true(const struct node *choice, const char *key)
{
	const struct node *node = node_get(choice, key);
	bool flag = false;

	return node != NULL && node_bool(node, &flag) && flag;
}

/* A choice leads past a step when it stops the run or skips the step. */
static bool choice_cuts(const struct node *choice, const char *id)
{
	const struct node *skip = node_get(choice, "skip");

	if (is_true(choice, "stop"))
		return true;
	for (const struct node *n = texts_first(skip); n != NULL; n = texts_next(skip, n))
		if (strcmp(n->text, id) == 0)
			return true;
	return false;
}

static bool all_choices_cut(const struct node *choices, const char *id)
{
	for (const struct node *c = choices->first; c != NULL; c = c->next)
		if (!choice_cuts(c, id))
			return false;
	return choices->first != NULL;
}

static void report_unreachable(struct lint *lint, const struct step_row *row, const struct step_row *by)
{
	problems_add(lint->problems, RULE_UNREACHABLE, document_place(lint->document, row->node),
		"step \"%s\" is never done: every choice of \"%s\" skips it or stops the run", row->id,
		by->id);
}

/* Marks whatever comes after a step whose every choice stops the run. */
static void cut_after(struct lint *lint, size_t from, unsigned char *cut)
{
	const struct steps *s = &lint->steps;
	bool again = true;

	cut[from] = 1;
	while (again) {
		again = false;
		for (size_t i = 0; i < s->count; i++)
			for (size_t k = 0; !cut[i] && k < s->rows[i].need_count; k++)
				if (cut[s->rows[i].needs[k]]) {
					cut[i] = 1;
					again = true;
					report_unreachable(lint, &s->rows[i], &s->rows[from]);
				}
	}
}

static void check_reach(struct lint *lint)
{
	const struct steps *s = &lint->steps;
	unsigned char *cut = xmalloc(s->count);

	for (size_t d = 0; d < s->count; d++) {
		const struct node *choices = choices_of(&s->rows[d]);
		if (choices == NULL)
			continue;
		/* "" is no id: only stops count */
		if (all_choices_cut(choices, "")) {
			if (!cut[d])
				cut_after(lint, d, cut);
			continue;
		}
		/* whatever all skip, the first that does not stop skips too */
		const struct node *c = choices->first;
		while (c != NULL && is_true(c, "stop"))
			c = c->next;
		const struct node *skip = node_get(c, "skip");
		for (const struct node *n = texts_first(skip); n != NULL; n = texts_next(skip, n)) {
			const struct step_row *row = steps_find(s, n->text);
			if (row == NULL || cut[row - s->rows] || !all_choices_cut(choices, n->text))
				continue;
			cut[row - s->rows] = 1;
			report_unreachable(lint, row, &s->rows[d]);
		}
	}
	free(cut);
}

void lint_graph(struct lint *lint)
{
	const struct steps *s = &lint->steps;

	check_ids(lint);
	for (size_t i = 0; i < s->count; i++) {
		check_names(lint, &s->rows[i], node_get(s->rows[i].node, "needs"), "needs");
		check_choices(lint, &s->rows[i]);
	}
	check_cycles(lint);
	check_reach(lint);
}
