/* lint_steps.h: between the files that look at one step of a runbook. */
#ifndef BOOK_LINT_STEPS_H
#define BOOK_LINT_STEPS_H

#include "refs.h"

/* How row sees the others; NULL = the runbook's own outputs:. */
struct ref_view lint_view(struct lint *lint, const struct step_row *row);
/* What one step may not be: conditions, groups, for_each, approvals, measures, probes. */
void lint_step(struct lint *lint, const struct step_row *row);
/* A step that does another runbook. */
void lint_nested(struct lint *lint, const struct step_row *row);
void lint_outputs(struct lint *lint);
/* Secret parameters and the targets that take them. */
void lint_secrets(struct lint *lint);

/* The arguments of a declared action or query, where both are written out (lint_lua.c). */
void lint_declared_args(struct lint *lint, const struct script *script, const struct lua_call *call);
/* params.NAME and outputs.STEP in the script of a step. */
void lint_lua_refs(struct lint *lint, const struct script *script, const struct lua_scan *scan);

#endif
