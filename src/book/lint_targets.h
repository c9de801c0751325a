/* lint_targets.h: what lint_targets.c and lint_actions.c share. */
#ifndef BOOK_LINT_TARGETS_H
#define BOOK_LINT_TARGETS_H

#include "workspace.h"

/* One target that is looked at. */
struct target_lint {
	struct workspace *workspace;
	struct document *document;
	struct problems *problems;
	const struct node *target;
	const struct provider *provider; /* NULL = not known */
};

/* One action by itself; t->provider is known. */
void lint_action(struct target_lint *t, const struct node *action);

#endif
