/* condition.h: when: and tolerance: as data.  There is no language to parse: a condition is a map with a subject
 * (mode, param, output, item, value, or all, any, not) and operators.
 *
 * Lint and plan read conditions with the same function: lint for the problems, plan for the JSON. */
#ifndef BOOK_CONDITION_H
#define BOOK_CONDITION_H

#include "workspace.h"

struct condition_context {
	const struct document *document;
	const struct node *params;   /* the runbook's declarations; NULL = none */
	const char *item;            /* what for_each calls the one it is the turn of; NULL = there is none */
	bool item_has_members;       /* it may be a map */
	bool tolerance;              /* value: is what the Lua returned */
	/* "STEP.PATH" with the full id of the step, owned; NULL after it was reported. */
	char *(*output)(void *data, const struct node *node);
	void *data;                  /* for output */
	struct problems *problems;   /* NULL = they have been reported */
};

/* Owned; NULL when it is wrong. */
json_t *condition_json(const struct condition_context *context, const struct node *node);
/* The path below an item: "" for all of it.  NULL after it was reported. */
const char *condition_item(const struct condition_context *context, const struct node *node);
/* True when an item is asked for anywhere in it. */
bool condition_has_item(const struct node *node);
/* "lag_bytes", "servers[0].state": names, each but the first after a dot, and [n], from 0. */
bool path_valid(const char *path);
/* A JSON Schema, to stand under $defs; owned. */
json_t *condition_schema(void);

#endif
