/* condition.c: conditions and tolerances as data: {"output": "check.lag_bytes", "below": 16777216}.
 *
 * No expression language: one value against one operator, and all, any, not around them.  What does
 * not exist is not an error but a condition that does not hold (save exists: false). */
#include "drillbook/base.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, NAME_BYTES = 256 };

/* ------------------------------------------------------------------ paths */

static const json_t *member(const json_t *from, const char **at)
{
	char name[NAME_BYTES];
	const size_t len = strcspn(*at, ".[");

	if (len == 0 || len >= sizeof(name))
		return NULL;
	memcpy(name, *at, len);
	name[len] = '\0';
	*at += len;
	return json_object_get(from, name);
}

static const json_t *element(const json_t *from, const char **at)
{
	char *end;
	const unsigned long index = strtoul(*at + 1, &end, 10);

	if (!isdigit((unsigned char)(*at)[1]) || *end != ']')
		return NULL;
	*at = end + 1;
	return json_array_get(from, index);
}

const json_t *json_at(const json_t *from, const char *path)
{
	if (strcmp(path, ".") == 0)
		return from;
	while (from != NULL && *path != '\0') {
		if (*path == '[') {
			from = element(from, &path);
		} else {
			path += *path == '.';
			from = member(from, &path);
		}
	}
	return from;
}

/* Step ids may hold dots nowhere, but slashes: the name of the step ends at the first dot. */
static const json_t *output_at(const json_t *outputs, const char *path)
{
	char step[NAME_BYTES];
	const size_t len = strcspn(path, ".");

	if (len >= sizeof(step))
		return NULL;
	memcpy(step, path, len);
	step[len] = '\0';
	const json_t *found = json_object_get(outputs, step);
	return path[len] == '.' && found != NULL ? json_at(found, path + len + 1) : found;
}

/* ------------------------------------------------------------------ comparing */

static bool number_of(const json_t *value, double *out)
{
	char *end;

	if (json_is_number(value)) {
		*out = json_number_value(value);
		return true;
	}
	const char *text = json_string_value(value);
	if (text == NULL || text[0] == '\0')
		return false;
	*out = strtod(text, &end);
	return *end == '\0';
}

/* -1, 0, 1; -2 = cannot be compared.  Integers are compared as such: they may exceed 2^53. */
static int compare(const json_t *a, const json_t *b)
{
	double x, y;

	if (json_is_integer(a) && json_is_integer(b)) {
		const json_int_t i = json_integer_value(a), j = json_integer_value(b);
		return i < j ? -1 : i > j;
	}
	if (!number_of(a, &x) || !number_of(b, &y))
		return -2;
	return x < y ? -1 : x > y;
}

static bool same(const json_t *a, const json_t *b)
{
	return a != NULL && b != NULL &&
	       (json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b) || compare(a, b) == 0);
}

static bool one_of(const json_t *value, const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (same(value, row))
			return true;
	return false;
}

static bool truthy(const json_t *value)
{
	return value != NULL && !json_is_null(value) && !json_is_false(value);
}

struct test {
	const json_t *value, *operand;
	const struct condition_world *world;
	struct err *err;
	enum err_code code;
};

static bool op_equals(struct test *t) { return same(t->value, t->operand); }
static bool op_not_equals(struct test *t) { return t->value != NULL && !same(t->value, t->operand); }
static bool op_above(struct test *t) { return compare(t->value, t->operand) == 1; }
static bool op_below(struct test *t) { return compare(t->value, t->operand) == -1; }
static bool op_at_least(struct test *t)
{
	const int c = compare(t->value, t->operand);
	return c == 0 || c == 1;
}
static bool op_at_most(struct test *t)
{
	const int c = compare(t->value, t->operand);
	return c == 0 || c == -1;
}
static bool op_between(struct test *t)
{
	const int low = compare(t->value, json_array_get(t->operand, 0));
	const int high = compare(t->value, json_array_get(t->operand, 1));
	return (low == 0 || low == 1) && (high == 0 || high == -1);
}
static bool op_in(struct test *t) { return one_of(t->value, t->operand); }
static bool op_exists(struct test *t)
{
	return (t->value != NULL && !json_is_null(t->value)) == json_is_true(t->operand);
}
static bool op_matches(struct test *t)
{
	char number[32];
	const char *text = json_string_value(t->value);

	if (json_is_integer(t->value)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(t->value));
		text = number;
	}
	if (t->world->matches == NULL) {
		t->code = err_set(t->err, ERR_UNSUPPORTED,
			"a regular expression is not looked at here");
		return false;
	}
	const int found = t->world->matches(text != NULL ? text : "", json_string_value(t->operand));
	if (found < 0)
		t->code = err_set(t->err, ERR_USAGE, "\"%s\" is not a regular expression",
			json_string_value(t->operand) != NULL ? json_string_value(t->operand) : "");
	return text != NULL && found > 0;
}

static const struct {
	const char *name;
	bool (*holds)(struct test *t);
} operators[] = {
	{"above", op_above},
	{"at_least", op_at_least},
	{"at_most", op_at_most},
	{"below", op_below},
	{"between", op_between},
	{"equals", op_equals},
	{"exists", op_exists},
	{"in", op_in},
	{"matches", op_matches},
	{"not_equals", op_not_equals},
};

/* ------------------------------------------------------------------ the tree */

/* What the condition is about; false when it names no source at all. */
static bool value_of(const json_t *condition, const struct condition_world *w, const json_t **out)
{
	const char *path;

	if ((path = json_str(condition, "output", NULL)) != NULL)
		*out = output_at(w->outputs, path);
	else if ((path = json_str(condition, "param", NULL)) != NULL)
		*out = json_at(w->params, path);
	else if ((path = json_str(condition, "value", NULL)) != NULL)
		*out = json_at(w->value, path);
	else if ((path = json_str(condition, "item", NULL)) != NULL)
		*out = json_at(w->item, path);
	else if (json_object_get(condition, "literal") != NULL)
		*out = json_object_get(condition, "literal");
	else
		return false;
	if (json_is_null(*out)) /* a plan has no other way to say that there is none */
		*out = NULL;
	return true;
}

static bool mode_holds(const json_t *wanted, const char *mode)
{
	const json_t *row;
	size_t i;

	if (json_is_string(wanted))
		return str_eq(json_string_value(wanted), mode);
	json_array_foreach(wanted, i, row)
		if (str_eq(json_string_value(row), mode))
			return true;
	return false;
}

static enum err_code leaf(
	const json_t *condition, const struct condition_world *w, bool *holds, struct err *err)
{
	struct test test = {.world = w, .err = err};
	bool any = false;

	if (json_object_get(condition, "mode") != NULL) {
		*holds = mode_holds(json_object_get(condition, "mode"), w->mode);
		return ERR_NONE;
	}
	if (!value_of(condition, w, &test.value))
		return err_set(err, ERR_USAGE,
			"a condition names mode, param, output, value, item, all, any or not");
	*holds = true;
	for (size_t i = 0; i < COUNT_OF(operators); i++) {
		test.operand = json_object_get(condition, operators[i].name);
		if (test.operand == NULL)
			continue;
		any = true;
		*holds = operators[i].holds(&test) && *holds;
		if (test.code != ERR_NONE)
			return test.code;
	}
	if (!any)
		*holds = truthy(test.value);
	return ERR_NONE;
}

static enum err_code walk(const json_t *condition, const struct condition_world *w, int depth,
	bool *holds, struct err *err);

static enum err_code walk_list(const json_t *list, const struct condition_world *w, int depth,
	bool all, bool *holds, struct err *err)
{
	const json_t *row;
	size_t i;

	*holds = all;
	json_array_foreach(list, i, row) {
		bool one;
		TRY(walk(row, w, depth, &one, err));
		*holds = all ? *holds && one : *holds || one;
	}
	return ERR_NONE;
}

static enum err_code walk(const json_t *condition, const struct condition_world *w, int depth,
	bool *holds, struct err *err)
{
	const json_t *part;

	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "a condition is nested deeper than %d", DEPTH_MAX);
	if (json_is_array(condition))
		return walk_list(condition, w, depth + 1, true, holds, err);
	if ((part = json_object_get(condition, "all")) != NULL)
		return walk_list(part, w, depth + 1, true, holds, err);
	if ((part = json_object_get(condition, "any")) != NULL)
		return walk_list(part, w, depth + 1, false, holds, err);
	if ((part = json_object_get(condition, "not")) != NULL) {
		TRY(walk(part, w, depth + 1, holds, err));
		*holds = !*holds;
		return ERR_NONE;
	}
	return leaf(condition, w, holds, err);
}

enum err_code condition_holds(const json_t *condition, const struct condition_world *world,
	bool *holds, struct err *err)
{
	*holds = true;
	return condition == NULL ? ERR_NONE : walk(condition, world, 0, holds, err);
}

bool condition_matches(const json_t *condition)
{
	const json_t *row;
	const char *key;
	size_t i;

	if (json_object_get(condition, "matches") != NULL)
		return true;
	json_array_foreach(condition, i, row)
		if (condition_matches(row))
			return true;
	json_object_foreach((json_t *)(uintptr_t)condition, key, row)
		if (json_is_object(row) || json_is_array(row))
			if (condition_matches(row))
				return true;
	return false;
}
