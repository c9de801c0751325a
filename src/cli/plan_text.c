/* plan_text.c: the steps of a plan as lines: groups before their members. */
#include "plan_text.h"

#include <stdlib.h>
#include <string.h>

enum { ID_WIDTH = 20, CONDITION_MAX = 4096 };

static void print_condition(const json_t *condition)
{
	char text[CONDITION_MAX];

	print_safe(stdout, condition_text(condition, text, sizeof(text)));
}

/* ------------------------------------------------------------------ what belongs to a step */

/* A step repeats the conditions of its groups, which the line of the group has shown.  Owned; NULL = no others. */
static json_t *own_condition(const struct plan_line *line)
{
	json_t *when = json_object_get(line->step, "when");
	const json_t *outer = json_object_get(line->group, "when"), *all = json_object_get(when, "all");

	if (when == NULL || (outer != NULL && json_equal(when, outer)))
		return NULL;
	if (outer == NULL || !json_is_array(all))
		return json_incref(when);
	const json_t *list = json_object_get(outer, "all");
	size_t known = 0;
	if (json_is_array(list))
		while (known < json_array_size(list) &&
			json_equal(json_array_get(list, known), json_array_get(all, known)))
			known++;
	if (!json_is_array(list) || known < json_array_size(list))
		known = json_equal(json_array_get(all, 0), outer) ? 1 : 0;
	json_t *rest = json_array();
	for (size_t i = known; i < json_array_size(all); i++)
		json_array_append(rest, json_array_get(all, i));
	return json_pack("{s:o}", "all", rest);
}

static void print_uses(const json_t *uses, int in, const char *lead, const char *does)
{
	const char *op;
	json_t *targets;

	json_object_foreach((json_t *)(uintptr_t)uses, op, targets) {
		const json_t *target;
		size_t i;
		json_array_foreach(targets, i, target)
			printf("%*s%s%s%s %s\n", in, "", lead, does, op, json_string_value(target));
	}
}

static void print_approvers(const json_t *step, int in, const char *lead)
{
	const json_t *from = json_object_get(step, "from"), *who;
	size_t i;

	printf("%*s%s%lld must agree", in, "", lead, (long long)json_int(step, "count", 1));
	if (json_array_size(from) == 0)
		fputs(": anybody but who starts the run", stdout);
	json_array_foreach(from, i, who) {
		fputs(i > 0 ? ", " : " of ", stdout);
		print_safe(stdout, json_string_value(who));
	}
	putchar('\n');
}

static void print_measure(const json_t *measure, int in, const char *lead)
{
	static const struct {
		const char *key, *word;
	} parts[] = { { "min", " from " }, { "max", " to " }, { "unit", " " } };

	printf("%*s%smeasure %s", in, "", lead, json_str(measure, "name", ""));
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (json_str(measure, parts[i].key, NULL) != NULL) {
			fputs(parts[i].word, stdout);
			print_safe(stdout, json_str(measure, parts[i].key, ""));
		}
	putchar('\n');
}

/* Each a line only where the step has it. */
void print_line_details(const struct plan_line *line, const char *lead, const char *does)
{
	const json_t *step = line->step;
	const int in = 2 * (int)line->depth;
	json_t *when = own_condition(line);
	char text[32];

	print_uses(json_object_get(step, "uses"), in, lead, does);
	if (when != NULL) {
		printf("%*s%sonly when ", in, "", lead);
		print_condition(when);
		putchar('\n');
	}
	json_decref(when);
	if (str_eq(json_str(step, "kind", ""), "approve"))
		print_approvers(step, in, lead);
	if (json_object_get(step, "measure") != NULL)
		print_measure(json_object_get(step, "measure"), in, lead);
	if (json_int(step, "wait_ms", 0) > 0)
		printf("%*s%sfor %s\n", in, "", lead,
			format_duration(text, sizeof(text), json_int(step, "wait_ms", 0)));
	if (json_str(step, "until", NULL) != NULL)
		printf("%*s%suntil %s\n", in, "", lead, json_str(step, "until", ""));
	if (json_int(step, "every_ms", 0) > 0) {
		const json_t *tolerance = json_object_get(json_object_get(step, "script"), "tolerance");
		printf("%*s%slooks every %s", in, "", lead,
			format_duration(text, sizeof(text), json_int(step, "every_ms", 0)));
		if (tolerance != NULL) {
			fputs(str_eq(json_str(step, "kind", ""), "watch") ? ": " : " until ", stdout);
			print_condition(tolerance);
		}
		putchar('\n');
	}
	if (json_int(step, "parallel", 0) > 0)
		printf("%*s%sat most %lld at once\n", in, "", lead, (long long)json_int(step, "parallel", 0));
	if (json_int(step, "expires_ms", 0) > 0)
		printf("%*s%swhat it creates may stay %s\n", in, "", lead,
			format_duration(text, sizeof(text), json_int(step, "expires_ms", 0)));
}

/* ------------------------------------------------------------------ one step */

void print_plan_step(const struct plan_line *line)
{
	const json_t *step = line->step, *row;
	const int in = 2 * (int)line->depth;
	const bool group = str_eq(json_str(step, "kind", ""), "group");
	const int64_t expect = json_int(step, "expect_ms", 0), level = json_int(step, "level", 0);
	const char *runbook = json_str(step, "runbook", NULL);
	char text[32];
	size_t i;

	if (line->final)
		printf("    %*s-- point of no return --\n", in, "");
	if (line->number > 0)
		printf("%3zu ", line->number);
	else
		fputs("    ", stdout);
	printf("%*s%-*s %-7s", in, "", in < ID_WIDTH ? ID_WIDTH - in : 0, json_str(step, "id", ""),
		runbook != NULL ? "runbook" : json_str(step, "kind", ""));
	printf(" %-13s%-8s ", group ? "" : level_word(level),
		expect > 0 ? format_duration(text, sizeof(text), expect) : "");
	print_safe(stdout, json_str(step, "title", ""));
	if (runbook != NULL)
		printf(" [%s]", runbook);
	putchar('\n');
	print_line_details(line, "      ", "");
	if (!group) {
		printf("%*s      needs", in, "");
		if (json_array_size(json_object_get(step, "needs")) == 0)
			fputs(" nothing", stdout);
		json_array_foreach(json_object_get(step, "needs"), i, row)
			printf(" %s", json_string_value(row));
	}
	const json_t *marks = json_object_get(step, "marks");
	json_array_foreach(marks, i, row)
		printf("%s%s is %s", group && i == 0 ? "      then " : "; then ",
			json_str(row, "service", ""), json_str(row, "reached", ""));
	if (!group || json_array_size(marks) > 0)
		putchar('\n');
}

/* ------------------------------------------------------------------ the list */

static bool is_numbered(const json_t *step)
{
	const char *kind = json_str(step, "kind", "");

	return strcmp(kind, "group") != 0 && strcmp(kind, "watch") != 0;
}

const json_t *plan_point_of_no_return(const json_t *plan, size_t *number)
{
	const json_t *row;
	size_t i;

	*number = 0;
	json_array_foreach(json_object_get(plan, "steps"), i, row) {
		*number += is_numbered(row);
		if (json_int(row, "level", 0) >= 3)
			return row;
	}
	return NULL;
}

/* How many of the groups around a step have been shown already: those the one before it was in too. */
static size_t still_open(const json_t *before, const json_t *within)
{
	size_t n = 0;

	while (n < json_array_size(within) && n < json_array_size(before) &&
		json_equal(json_array_get(within, n), json_array_get(before, n)))
		n++;
	return n;
}

void plan_walk(const json_t *plan, void (*line)(const struct plan_line *line))
{
	const json_t *steps = json_object_get(plan, "steps"), *step, *before = NULL;
	json_t *by_id = json_object(), *shown = json_object();
	size_t i, unused;
	struct plan_line at = { .plan = plan };
	const json_t *final = plan_point_of_no_return(plan, &unused);

	json_array_foreach(steps, i, step)
		json_object_set(by_id, json_str(step, "id", ""), (json_t *)(uintptr_t)step);
	json_array_foreach(steps, i, step) {
		const json_t *within = json_object_get(step, "within");
		const size_t depth = json_array_size(within);
		at.number += is_numbered(step);
		struct plan_line own = at;
		own.group = NULL;
		for (size_t k = 0; k < depth; k++) {
			const char *id = json_string_value(json_array_get(within, k));
			const struct plan_line head = { .plan = plan, .step = json_object_get(by_id, id),
				.depth = k, .group = own.group };
			own.group = head.step;
			if (k < still_open(before, within) || head.step == NULL)
				continue;
			json_object_set_new(shown, id, json_true());
			line(&head);
		}
		before = within;
		if (json_object_get(shown, json_str(step, "id", "")) != NULL)
			continue; /* the end of a group: its line stands before it */
		own.step = step;
		own.depth = depth;
		own.final = step == final;
		own.number = is_numbered(step) ? at.number : 0;
		line(&own);
	}
	json_decref(by_id);
	json_decref(shown);
}
