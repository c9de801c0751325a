/* condition_text.c: conditions in words: "check.lag_bytes is below 16777216 and (mode is drill or mode is live)". */
#include "drillbook/base.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 8192 };

static const struct {
	const char *op, *words;
} operators[] = {
	{"equals", "is"},
	{"not_equals", "is not"},
	{"in", "is one of"},
	{"above", "is above"},
	{"below", "is below"},
	{"at_least", "is at least"},
	{"at_most", "is at most"},
	{"between", "is between"},
	{"matches", "matches"},
};

static void say(struct buf *out, const json_t *condition, bool inner);

/* A buffer that is full cuts the text: it is only shown. */
static void add(struct buf *out, const char *text)
{
	struct err ignored;
	const enum err_code cut = buf_add(out, text, strlen(text), &ignored);

	(void)cut;
}

static void add_value(struct buf *out, const json_t *value)
{
	char *text = json_is_string(value) ? xstrdup(json_string_value(value))
					   : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	add(out, text != NULL ? text : "?");
	free(text);
}

static void add_values(struct buf *out, const json_t *list, const char *between)
{
	const json_t *value;
	size_t i;

	if (!json_is_array(list)) {
		add_value(out, list);
		return;
	}
	json_array_foreach(list, i, value) {
		add(out, i > 0 ? between : "");
		add_value(out, value);
	}
}

static void say_list(struct buf *out, const json_t *list, const char *between, bool inner)
{
	const bool apart = inner && json_array_size(list) > 1;
	const json_t *one;
	size_t i;

	add(out, apart ? "(" : "");
	json_array_foreach(list, i, one) {
		add(out, i > 0 ? between : "");
		say(out, one, true);
	}
	add(out, apart ? ")" : "");
}

static void say_subject(struct buf *out, const json_t *condition)
{
	static const struct {
		const char *key, *whole; /* whole: what an empty path is called */
	} subjects[] = {{"param", "?"}, {"output", "?"}, {"item", "the item"}, {"value", "the value"}};

	for (size_t i = 0; i < COUNT_OF(subjects); i++) {
		const char *path = json_str(condition, subjects[i].key, NULL);
		if (path != NULL)
			add(out, path[0] != '\0' && strcmp(path, ".") != 0 ? path : subjects[i].whole);
	}
	if (json_object_get(condition, "literal") != NULL)
		add_value(out, json_object_get(condition, "literal"));
}

static void say_comparison(struct buf *out, const json_t *condition)
{
	const json_t *operand = json_object_get(condition, "exists");
	bool any = operand != NULL;

	say_subject(out, condition);
	if (operand != NULL)
		add(out, json_is_true(operand) ? " is there" : " is not there");
	for (size_t i = 0; i < COUNT_OF(operators); i++) {
		operand = json_object_get(condition, operators[i].op);
		if (operand == NULL)
			continue;
		add(out, any ? " and " : " ");
		add(out, operators[i].words);
		add(out, " ");
		add_values(out, operand, strcmp(operators[i].op, "between") == 0 ? " and " : ", ");
		any = true;
	}
	add(out, any ? "" : " holds");
}

static void say(struct buf *out, const json_t *condition, bool inner)
{
	if (json_is_array(condition)) {
		say_list(out, condition, " and ", inner);
	} else if (json_object_get(condition, "all") != NULL) {
		say_list(out, json_object_get(condition, "all"), " and ", inner);
	} else if (json_object_get(condition, "any") != NULL) {
		say_list(out, json_object_get(condition, "any"), " or ", inner);
	} else if (json_object_get(condition, "not") != NULL) {
		add(out, "not (");
		say(out, json_object_get(condition, "not"), false);
		add(out, ")");
	} else if (json_object_get(condition, "mode") != NULL) {
		add(out, "mode is ");
		add_values(out, json_object_get(condition, "mode"), " or ");
	} else {
		say_comparison(out, condition);
	}
}

char *condition_text(const json_t *condition, char *buf, size_t size)
{
	struct buf out;

	buf_init(&out, TEXT_MAX);
	say(&out, condition, false);
	snprintf(buf, size, "%s", out.data != NULL ? out.data : "");
	buf_release(&out);
	return buf;
}
