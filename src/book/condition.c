/* condition.c: conditions as the author writes them, and as a plan carries them (docs/protocol.md, section 1). */
#include "condition.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* A regular expression is compiled where lint runs, on files nobody trusts: what a repetition is multiplied
 * by is limited, because {1,255} in {1,255} in {1,255} would take all memory there is. */
enum { PATTERN_MAX = 512, REPEATS_MAX = 1000, CONDITION_DEPTH = 24 };

enum operand { OPERAND_ONE, OPERAND_NUMBER, OPERAND_PAIR, OPERAND_LIST, OPERAND_PATTERN, OPERAND_FLAG };

static const struct operator {
	const char *name;
	enum operand operand;
} operators[] = {
	{"equals", OPERAND_ONE},
	{"not_equals", OPERAND_ONE},
	{"above", OPERAND_NUMBER},
	{"below", OPERAND_NUMBER},
	{"at_least", OPERAND_NUMBER},
	{"at_most", OPERAND_NUMBER},
	{"between", OPERAND_PAIR},
	{"in", OPERAND_LIST},
	{"matches", OPERAND_PATTERN},
	{"exists", OPERAND_FLAG},
};

struct reading {
	const struct condition_context *context;
	const char *type;          /* of the parameter that is asked for; NULL = nobody knows */
	const struct node *choices; /* of it */
	int depth;
};

static json_t *read_condition(struct reading *r, const struct node *node);

static json_t *wrong(const struct reading *r, const struct node *node, const char *fmt, ...) PRINTF(3, 4);

static json_t *wrong(const struct reading *r, const struct node *node, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	problems_add(r->context->problems, RULE_CONDITION, document_place(r->context->document, node), "%s",
		text);
	return NULL;
}

static bool is_scalar(const struct node *node)
{
	return node != NULL && node->kind == NODE_SCALAR && !node_is_null(node);
}

/* ------------------------------------------------------------------ paths */

static size_t name_len(const char *s)
{
	size_t len = 0;

	while (isalnum((unsigned char)s[len]) || s[len] == '_' || s[len] == '-')
		len++;
	return len;
}

bool path_valid(const char *path)
{
	size_t at = name_len(path);

	if (at == 0)
		return false;
	while (path[at] != '\0') {
		size_t len = 0;
		if (path[at] == '[') {
			while (isdigit((unsigned char)path[at + 1 + len]))
				len++;
			if (len == 0 || len > 9 || path[at + 1 + len] != ']')
				return false;
			at += len + 2;
			continue;
		}
		len = path[at] == '.' ? name_len(path + at + 1) : 0;
		if (len == 0)
			return false;
		at += len + 1;
	}
	return true;
}

/* ------------------------------------------------------------------ operands */

static bool parse_any_number(const char *type, const char *text, int64_t *out)
{
	const struct node plain = {.kind = NODE_SCALAR, .text = text, .len = (uint32_t)strlen(text)};
	struct err ignored;

	if (str_eq(type, "duration"))
		return parse_duration_ms(text, out, &ignored) == ERR_NONE;
	if (str_eq(type, "bytes"))
		return parse_bytes(text, out, &ignored) == ERR_NONE;
	if (node_int(&plain, out))
		return true;
	if (str_eq(type, "int"))
		return false;
	return parse_duration_ms(text, out, &ignored) == ERR_NONE ||
	       parse_bytes(text, out, &ignored) == ERR_NONE;
}

static json_t *read_number(struct reading *r, const struct node *node)
{
	int64_t number;

	if (is_scalar(node) && parse_any_number(r->type, node->text, &number))
		return json_integer(number);
	return wrong(r, node, "what it is compared with must be a whole number, a size such as 16MiB or a duration such as 30s");
}

static bool is_choice(const struct reading *r, const char *text)
{
	for (const struct node *n = texts_first(r->choices); n != NULL; n = texts_next(r->choices, n))
		if (strcmp(n->text, text) == 0)
			return true;
	return r->choices == NULL;
}

/* What is compared for being equal: typed as the parameter is, else as it looks. */
static json_t *read_one(struct reading *r, const struct node *node)
{
	bool flag;

	if (!is_scalar(node))
		return wrong(r, node, "here must be one value, not %s", node_kind_name(node));
	if (r->type == NULL)
		return node_json(node);
	if (str_eq(r->type, "int") || str_eq(r->type, "duration") || str_eq(r->type, "bytes"))
		return read_number(r, node);
	if (str_eq(r->type, "bool"))
		return node_bool(node, &flag) ? json_boolean(flag)
					      : wrong(r, node, "here must be true or false");
	if (!is_choice(r, node->text))
		return wrong(r, node, "the parameter can never be \"%.60s\": that is none of its choices",
			node->text);
	return json_text(node->text, node->len);
}

static json_t *read_pair(struct reading *r, const struct node *node)
{
	if (node->kind != NODE_LIST || node->count != 2)
		return wrong(r, node, "\"between\" takes two numbers: [least, largest]");
	json_t *least = read_number(r, node->first);
	json_t *largest = least != NULL ? read_number(r, node->first->next) : NULL;
	if (largest != NULL && json_integer_value(least) <= json_integer_value(largest))
		return json_pack("[o, o]", least, largest);
	if (largest != NULL)
		wrong(r, node, "\"between\" begins with the least: no number lies between these");
	json_decref(least);
	json_decref(largest);
	return NULL;
}

static json_t *read_list(struct reading *r, const struct node *node)
{
	json_t *list = json_array();

	if (node->kind != NODE_LIST || node->count == 0) {
		json_decref(list);
		return wrong(r, node, "\"in\" takes a list: [one, two]");
	}
	for (const struct node *n = node->first; n != NULL; n = n->next) {
		json_t *one = read_one(r, n);
		if (one == NULL) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, one);
	}
	return list;
}

/* The product of all upper bounds in {m,n}. */
static bool repeats_too_much(const char *pattern)
{
	long product = 1;

	for (const char *at = strchr(pattern, '{'); at != NULL; at = strchr(at + 1, '{')) {
		const char *comma = at + 1 + strspn(at + 1, "0123456789");
		const long least = strtol(at + 1, NULL, 10);
		const long most = *comma == ',' ? strtol(comma + 1, NULL, 10) : least;
		const long larger = most > least ? most : least;
		product *= larger > 1 ? larger : 1;
		if (larger > REPEATS_MAX || product > REPEATS_MAX)
			return true;
	}
	return false;
}

static json_t *read_pattern(struct reading *r, const struct node *node)
{
	char text[128];
	regex_t regex;

	if (!is_scalar(node))
		return wrong(r, node, "\"matches\" takes a regular expression");
	if (strlen(node->text) > PATTERN_MAX || repeats_too_much(node->text))
		return wrong(r, node, "the regular expression is too large: at most %d characters, and {} that "
				      "repeat at most %d times in all",
			PATTERN_MAX, REPEATS_MAX);
	const int failed = regcomp(&regex, node->text, REG_EXTENDED | REG_NOSUB);
	if (failed != 0) {
		regerror(failed, &regex, text, sizeof(text));
		return wrong(r, node, "\"%.60s\" is no regular expression: %s", node->text, text);
	}
	regfree(&regex);
	return json_text(node->text, node->len);
}

static json_t *read_flag(struct reading *r, const struct node *node)
{
	bool flag;

	return node_bool(node, &flag) ? json_boolean(flag)
				      : wrong(r, node, "\"exists\" is true or false");
}

static json_t *read_operand(struct reading *r, enum operand operand, const struct node *node)
{
	static json_t *(*const readers[])(struct reading *r, const struct node *node) = {
		[OPERAND_ONE] = read_one,
		[OPERAND_NUMBER] = read_number,
		[OPERAND_PAIR] = read_pair,
		[OPERAND_LIST] = read_list,
		[OPERAND_PATTERN] = read_pattern,
		[OPERAND_FLAG] = read_flag,
	};

	return readers[operand](r, node);
}

/* ------------------------------------------------------------------ subjects */

static json_t *unknown_param(struct reading *r, const struct node *node)
{
	const struct node *params = r->context->params;
	struct names names = {0};
	char mean[128];

	for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next)
		names_add(&names, p->key);
	did_you_mean(mean, sizeof(mean), node->text, names.rows, names.count);
	names_release(&names);
	problems_add(r->context->problems, RULE_UNKNOWN_REFERENCE,
		document_place(r->context->document, node), "the runbook has no parameter \"%.60s\"%s",
		node->text, mean);
	return NULL;
}

static json_t *read_param(struct reading *r, const struct node *node)
{
	const struct node *params = r->context->params;
	const struct node *declared = is_scalar(node) ? node_get(params, node->text) : NULL;

	if (!is_scalar(node))
		return wrong(r, node, "\"param\" takes the name of a parameter");
	if (declared == NULL)
		return unknown_param(r, node);
	r->type = node_text(declared, "type");
	if (r->type == NULL)
		r->type = "string";
	if (str_eq(r->type, "secret"))
		return wrong(r, node, "\"%s\" is a secret: nothing may depend on what it is", node->text);
	r->choices = str_eq(r->type, "choice") ? node_get(declared, "choices") : NULL;
	return json_text(node->text, node->len);
}

static json_t *read_output(struct reading *r, const struct node *node)
{
	if (!is_scalar(node))
		return wrong(r, node, "\"output\" takes STEP.NAME");
	char *full = r->context->output(r->context->data, node);
	json_t *out = full != NULL ? json_string(full) : NULL;
	free(full);
	return out;
}

static json_t *read_value(struct reading *r, const struct node *node)
{
	if (!r->context->tolerance)
		return wrong(r, node, "\"value\" is what a script returned: only a tolerance can ask for it");
	if (!is_scalar(node) || (strcmp(node->text, ".") != 0 && !path_valid(node->text)))
		return wrong(r, node, "\"value\" takes a path such as servers[0].state, or . for all of it");
	return json_string(strcmp(node->text, ".") == 0 ? "" : node->text);
}

const char *condition_item(const struct condition_context *context, const struct node *node)
{
	const struct reading r = {.context = context};
	const char *name = context->item;

	if (!is_scalar(node) || (strcmp(node->text, ".") != 0 && !path_valid(node->text))) {
		wrong(&r, node, "\"item\" takes the name after \"as\", a path below it, or . for all of it");
		return NULL;
	}
	if (name == NULL) {
		wrong(&r, node, "there is no item here: the step is not in a for_each");
		return NULL;
	}
	if (strcmp(node->text, ".") == 0 || strcmp(node->text, name) == 0)
		return "";
	const size_t len = strlen(name);
	if (strncmp(node->text, name, len) == 0 && node->text[len] == '.')
		return node->text + len + 1;
	if (context->item_has_members)
		return node->text;
	wrong(&r, node, "the items of for_each are single values: write {item: %s}", name);
	return NULL;
}

static json_t *read_item(struct reading *r, const struct node *node)
{
	const char *path = condition_item(r->context, node);

	return path != NULL ? json_string(path) : NULL;
}

static bool mode_known(struct reading *r, const struct node *node)
{
	char mean[128];

	for (const char *const *m = plan_modes; is_scalar(node) && *m != NULL; m++)
		if (strcmp(node->text, *m) == 0)
			return true;
	did_you_mean(mean, sizeof(mean), is_scalar(node) ? node->text : "", plan_modes,
		count_words(plan_modes));
	wrong(r, node, "\"mode\" takes probe, simulate, tabletop, drill or live%s", mean);
	return false;
}

static json_t *read_mode(struct reading *r, const struct node *node)
{
	json_t *list = json_array();
	bool good = node->kind != NODE_MAP && (node->kind != NODE_LIST || node->count > 0);

	if (!good)
		wrong(r, node, "\"mode\" takes a mode or a list of them");
	if (good && node->kind == NODE_SCALAR)
		good = mode_known(r, node);
	for (const struct node *n = node->kind == NODE_LIST ? node->first : NULL; n != NULL && good; n = n->next) {
		good = mode_known(r, n);
		if (good)
			json_array_append_new(list, json_text(n->text, n->len));
	}
	if (good && node->kind == NODE_LIST)
		return list;
	json_decref(list);
	return good ? json_text(node->text, node->len) : NULL;
}

static json_t *read_all(struct reading *r, const struct node *node)
{
	json_t *list = json_array();
	bool good = node->kind == NODE_LIST && node->count > 0;

	if (!good)
		wrong(r, node, "here must be a list of conditions");
	for (const struct node *n = good ? node->first : NULL; n != NULL; n = n->next) {
		json_t *one = read_condition(r, n);
		good = good && one != NULL;
		if (one != NULL)
			json_array_append_new(list, one);
	}
	if (good)
		return list;
	json_decref(list);
	return NULL;
}

static const struct subject {
	const char *name;
	json_t *(*read)(struct reading *r, const struct node *node);
	bool compared; /* operators go with it */
} subjects[] = {
	{"mode", read_mode, false},
	{"param", read_param, true},
	{"output", read_output, true},
	{"value", read_value, true},
	{"item", read_item, true},
	{"all", read_all, false},
	{"any", read_all, false},
	{"not", read_condition, false},
};

/* ------------------------------------------------------------------ a condition */

static const struct operator *find_operator(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(operators); i++)
		if (strcmp(operators[i].name, name) == 0)
			return &operators[i];
	return NULL;
}

static const struct subject *find_subject(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(subjects); i++)
		if (strcmp(subjects[i].name, name) == 0)
			return &subjects[i];
	return NULL;
}

/* The one key that says what is looked at; NULL after a problem was reported. */
static const struct node *subject_of(struct reading *r, const struct node *map)
{
	const struct node *found = NULL;
	const char *names[COUNT_OF(operators) + COUNT_OF(subjects)];
	size_t count = 0;
	char mean[128];

	for (size_t i = 0; i < COUNT_OF(subjects); i++)
		names[count++] = subjects[i].name;
	for (size_t i = 0; i < COUNT_OF(operators); i++)
		names[count++] = operators[i].name;
	for (const struct node *n = map->first; n != NULL; n = n->next) {
		const struct place place = document_key_place(r->context->document, n);
		const bool subject = find_subject(n->key) != NULL;
		if (subject && found != NULL) {
			problems_add(r->context->problems, RULE_CONDITION, place,
				"a condition looks at one thing, \"%s\" or \"%s\": write {all: [{…}, {…}]}",
				found->key, n->key);
			return NULL;
		}
		if (!subject && find_operator(n->key) == NULL) {
			did_you_mean(mean, sizeof(mean), n->key, names, count);
			problems_add(r->context->problems, RULE_CONDITION, place,
				"a condition has no \"%.60s\"%s", n->key, mean);
			return NULL;
		}
		found = subject ? n : found;
	}
	if (found == NULL)
		wrong(r, map, "a condition needs mode, param, output, item, value, all, any or not");
	return found;
}

/* One operator each; several of them must all hold. */
static json_t *with_operators(
	struct reading *r, const struct node *map, const struct node *subject, json_t *of)
{
	json_t *list = json_array();
	bool good = true;

	for (const struct node *n = map->first; n != NULL && good; n = n->next) {
		const struct operator *op = n != subject ? find_operator(n->key) : NULL;
		if (op == NULL)
			continue;
		json_t *operand = read_operand(r, op->operand, n), *row = json_object();
		good = operand != NULL;
		json_put(row, subject->key, json_incref(of));
		if (good)
			json_put(row, op->name, operand);
		json_array_append_new(list, row);
	}
	if (good && json_array_size(list) == 0)
		json_array_append_new(list, json_pack("{s:O}", subject->key, of));
	json_t *out = NULL;
	if (good)
		out = json_array_size(list) == 1 ? json_incref(json_array_get(list, 0))
						 : json_pack("{s:O}", "all", list);
	json_decref(list);
	json_decref(of);
	return out;
}

static json_t *read_map(struct reading *r, const struct node *map)
{
	const struct node *subject = subject_of(r, map);
	struct reading inner = {.context = r->context, .depth = r->depth};

	if (subject == NULL)
		return NULL;
	const struct subject *kind = find_subject(subject->key);
	if (!kind->compared && map->count > 1) {
		const struct node *other = map->first == subject ? subject->next : map->first;
		problems_add(r->context->problems, RULE_CONDITION,
			document_key_place(r->context->document, other), "\"%s\" does not go with \"%s\"",
			other->key, subject->key);
		return NULL;
	}
	json_t *of = kind->read(&inner, subject);
	if (of == NULL)
		return NULL;
	return kind->compared ? with_operators(&inner, map, subject, of) : json_pack("{s:o}", subject->key, of);
}

static json_t *read_condition(struct reading *r, const struct node *node)
{
	json_t *out = NULL;

	if (r->depth == CONDITION_DEPTH)
		return wrong(r, node, "conditions in more than %d others", CONDITION_DEPTH);
	r->depth++;
	if (node->kind == NODE_LIST) {
		json_t *list = read_all(r, node);
		out = list != NULL ? json_pack("{s:o}", "all", list) : NULL;
	} else if (node->kind == NODE_MAP) {
		out = read_map(r, node);
	} else {
		wrong(r, node, "a condition is a map such as {param: NAME, equals: VALUE}");
	}
	r->depth--;
	return out;
}

json_t *condition_json(const struct condition_context *context, const struct node *node)
{
	struct reading r = {.context = context};

	return read_condition(&r, node);
}

bool condition_has_item(const struct node *node)
{
	if (node == NULL || node->kind == NODE_SCALAR)
		return false;
	for (const struct node *n = node->first; n != NULL; n = n->next)
		if (str_eq(n->key, "item") || condition_has_item(n))
			return true;
	return false;
}

/* ------------------------------------------------------------------ for editors */

json_t *condition_schema(void)
{
	static const char form[] =
		"{\"anyOf\": [{\"type\": \"array\", \"minItems\": 1, \"items\": {\"$ref\": \"#/$defs/condition\"}}, "
		"{\"type\": \"object\", \"properties\": {\"mode\": {}, \"param\": {\"type\": \"string\"}, "
		"\"output\": {\"type\": \"string\"}, \"value\": {\"type\": [\"string\", \"integer\"]}, "
		"\"item\": {\"type\": [\"string\", \"integer\"]}, "
		"\"all\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/condition\"}}, "
		"\"any\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/condition\"}}, "
		"\"not\": {\"$ref\": \"#/$defs/condition\"}, "
		"\"equals\": {}, \"not_equals\": {}, \"above\": {}, \"below\": {}, \"at_least\": {}, "
		"\"at_most\": {}, \"between\": {\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2}, "
		"\"in\": {\"type\": \"array\", \"minItems\": 1}, \"matches\": {\"type\": \"string\"}, "
		"\"exists\": {\"type\": \"boolean\"}}, \"additionalProperties\": false}]}";
	struct err err = {0};
	json_t *out = NULL;

	if (json_parse(form, strlen(form), &out, &err) != ERR_NONE)
		base_die("condition: %s", err.text);
	return out;
}
