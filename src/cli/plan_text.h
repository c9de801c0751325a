/* plan_text.h: a plan as lines: the flat list of steps as the groups it was made of. */
#ifndef CLI_PLAN_TEXT_H
#define CLI_PLAN_TEXT_H

#include "cli.h"

struct plan_line {
	const json_t *plan, *step;
	size_t number;        /* 1-based; 0 = a group or an invariant */
	size_t depth;         /* in so many groups */
	const json_t *group;  /* the closing step of the innermost one; NULL = none */
	bool final;           /* the point of no return lies before it */
};

/* Every step, a group before its members. */
void plan_walk(const json_t *plan, void (*line)(const struct plan_line *line));
/* The first step with an irreversible effect and its number; NULL when there is none. */
const json_t *plan_point_of_no_return(const json_t *plan, size_t *number);

/* How long it would take by earlier runs of the same mode, else by the author's expectations; nothing when neither says
 * enough. */
void print_outlook(const struct args *args, json_t *plan);

/* One step as `drillbook plan` shows it. */
void print_plan_step(const struct plan_line *line);
/* What it uses (each behind `does`), its condition, who approves, what is waited for; each line behind `lead`. */
void print_line_details(const struct plan_line *line, const char *lead, const char *does);

#endif
