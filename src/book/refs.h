/* refs.h: what the steps of a runbook say of each other and of other runbooks. */
#ifndef BOOK_REFS_H
#define BOOK_REFS_H

#include "condition.h"

enum { NESTING_MAX = 16 };

/* ------------------------------------------------------------------ runbooks that take part (shelf.c) */

/* Runbooks by name, all of the directory or all of one commit. */
struct shelf {
	const struct workspace *workspace;
	const char *commit;          /* NULL = the directory */
	struct document **owned;     /* read from the commit */
	size_t owned_count;
};
void shelf_release(struct shelf *shelf);
/* Takes over a document that was read from the commit. */
void shelf_add(struct shelf *shelf, struct document *document);
/* NULL when there is none of that name, or it cannot be read. */
struct document *shelf_runbook(struct shelf *shelf, const char *name);
/* Every name there is, for "did you mean". */
void shelf_names(const struct shelf *shelf, struct names *out);

struct documents {
	struct document **rows;
	size_t count, cap;
};
/* Adds it once. */
void documents_add(struct documents *documents, struct document *document);
/* first, and every runbook that can be reached from it, each once, first before those it nests. */
void shelf_reach(struct shelf *shelf, struct document *first, struct documents *out);
void documents_release(struct documents *documents);

/* ------------------------------------------------------------------ outputs (refs.c) */

/* Who refers. */
struct ref_view {
	struct document *document;
	const struct steps *steps;
	struct shelf *shelf;
	long from;                   /* the row; NO_STEP = the runbook's own outputs: */
	struct problems *problems;   /* NULL = they have been reported */
	/* What stands before the id of a row, seen from here; NULL = nothing. */
	const char *(*prefix)(const void *data, long row);
	const void *data;
};
/* "promote.site", "web.site" of a nested runbook, "each[0].site" of a for_each: the full id of the step and the
 * path below it; owned; NULL after it was reported. */
char *ref_output(const struct ref_view *view, const struct node *node);
/* Reports a name that a step may not use from where it stands; false then. */
bool ref_reachable(const struct ref_view *view, const struct node *node, long row);

/* What for_each calls the one it is the turn of, where row stands; NULL = no for_each.  has_members: it may be a map. */
const char *loop_name(const struct steps *steps, long row, bool *has_members);
/* The for_each of a step; NULL when it has none. */
const struct node *loop_list(const struct node *step);

/* A view as the context of a condition; the view must outlive it. */
struct condition_context ref_conditions(struct ref_view *view, bool tolerance);

#endif
