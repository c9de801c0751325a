/* problems.c: what is wrong in a workspace, and the table of rules. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

const struct rule_row lint_rules[RULE_COUNT] = {
#define X(id, name, severity, text) [RULE_##id] = {name, SEVERITY_##severity, text},
	RULE_LIST(X)
#undef X
};

void problems_init(struct problems *problems)
{
	*problems = (struct problems){0};
}

void problems_release(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->rows[i].file);
		free(problems->rows[i].text);
	}
	free(problems->rows);
	*problems = (struct problems){0};
}

size_t problems_errors(const struct problems *problems)
{
	size_t errors = 0;

	for (size_t i = 0; i < problems->count; i++)
		errors += problems->rows[i].severity == SEVERITY_ERROR;
	return errors;
}

static void append(struct problems *problems, struct problem row)
{
	if (problems->count == problems->cap) {
		problems->cap = problems->cap ? problems->cap * 2 : 16;
		problems->rows = xrealloc(problems->rows, problems->cap * sizeof(row));
	}
	problems->rows[problems->count++] = row;
}

/* True when there is room for one more; the row after the last says that there would be more. */
static bool has_room(struct problems *problems, const char *file)
{
	if (problems->count < PROBLEMS_MAX)
		return true;
	if (problems->count == PROBLEMS_MAX)
		append(problems, (struct problem){.severity = SEVERITY_ERROR,
			.file = xstrdup(file), .rule = lint_rules[RULE_LIMIT].name,
			.text = xasprintf("more than %d problems: the rest is not listed",
				PROBLEMS_MAX)});
	return false;
}

void problems_add(
	struct problems *problems, enum rule rule, struct place place, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	if (problems == NULL || !has_room(problems, place.file))
		return;
	va_start(args, fmt);
	const int len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		base_die("out of memory");
	append(problems, (struct problem){.severity = lint_rules[rule].severity,
		.file = xstrdup(place.file), .line = (int)place.line, .column = (int)place.column,
		.text = text, .rule = lint_rules[rule].name});
}

static bool same(const struct problem *a, const struct problem *b)
{
	return a->line == b->line && a->column == b->column && str_eq(a->rule, b->rule) &&
	       str_eq(a->file, b->file) && str_eq(a->text, b->text);
}

void problems_merge(struct problems *to, const struct problems *from)
{
	if (to == NULL)
		return;
	const size_t known = to->count;
	for (size_t i = 0; i < from->count; i++) {
		struct problem row = from->rows[i];
		bool found = false;
		for (size_t k = 0; k < known && !found; k++)
			found = same(&to->rows[k], &row);
		if (found)
			continue;
		if (!has_room(to, row.file))
			return;
		row.file = xstrdup(row.file);
		row.text = xstrdup(row.text);
		append(to, row);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;
	const int order = strcmp(x->file, y->file);

	if (order != 0)
		return order;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

void problems_sort(struct problems *problems)
{
	const size_t count = problems->count > PROBLEMS_MAX ? PROBLEMS_MAX : problems->count;

	if (count > 0) /* the row that says that there were more stays the last */
		qsort(problems->rows, count, sizeof(*problems->rows), by_place);
}

static const char *severity_name(const struct problem *problem)
{
	return problem->severity == SEVERITY_ERROR ? "error" : "warning";
}

/* Names and values in it come from files that may not be trusted. */
static void print_safe(FILE *to, const char *s)
{
	struct buf clean;
	struct err err = {0};

	buf_init(&clean, strlen(s) * 16 + 64);
	if (text_sanitise(s, strlen(s), &clean, &err) == ERR_NONE && clean.data != NULL)
		fwrite(clean.data, 1, clean.len, to);
	buf_release(&clean);
}

void problem_print(FILE *to, const struct problem *problem)
{
	print_safe(to, problem->file);
	if (problem->line > 0)
		fprintf(to, ":%d:%d", problem->line, problem->column);
	fprintf(to, ": %s: ", severity_name(problem));
	print_safe(to, problem->text);
	fprintf(to, " [%s]\n", problem->rule);
}

json_t *problems_json(const struct problems *problems)
{
	json_t *list = json_array();

	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *p = &problems->rows[i];
		json_t *row = json_object();
		json_put_str(row, "severity", severity_name(p));
		json_put_str(row, "file", p->file);
		json_put_int(row, "line", p->line);
		json_put_int(row, "column", p->column);
		json_put_str(row, "text", p->text);
		json_put_str(row, "rule", p->rule);
		json_array_append_new(list, row);
	}
	return list;
}

char *did_you_mean(
	char *buf, size_t size, const char *name, const char *const *names, size_t count)
{
	const char *near = str_nearest(name, names, count);

	buf[0] = '\0';
	if (near != NULL)
		snprintf(buf, size, " (did you mean \"%s\"?)", near);
	return buf;
}

/* ------------------------------------------------------------------ names */

void names_add(struct names *names, const char *name)
{
	if (names->count == names->cap) {
		names->cap = names->cap ? names->cap * 2 : 16;
		names->rows = xrealloc(names->rows, names->cap * sizeof(*names->rows));
	}
	names->rows[names->count++] = name;
}

bool names_have(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->rows[i], name) == 0)
			return true;
	return false;
}

void names_release(struct names *names)
{
	free(names->rows);
	*names = (struct names){0};
}

static const struct node *skip_others(const struct node *item)
{
	while (item != NULL && (item->kind != NODE_SCALAR || node_is_null(item)))
		item = item->next;
	return item;
}

const struct node *texts_first(const struct node *list)
{
	if (list == NULL || list->kind == NODE_MAP)
		return NULL;
	if (list->kind == NODE_LIST)
		return skip_others(list->first);
	return node_is_null(list) ? NULL : list;
}

const struct node *texts_next(const struct node *list, const struct node *item)
{
	return list->kind == NODE_LIST ? skip_others(item->next) : NULL;
}
