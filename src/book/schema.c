/* schema.c: a document against its table of keys. */
#include "schema.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

struct check {
	const struct schema *schema;
	const char *file;
	struct problems *problems;
	const char *subject; /* the key that is being checked */
};

enum { KEYS_MAX = 64, NAME_MAX_BYTES = 64 };

static struct place place_of(const struct check *c, const struct node *node)
{
	return (struct place){c->file, node->line, node->column};
}

static struct place place_of_key(const struct check *c, const struct node *node)
{
	return (struct place){c->file, node->key_line, node->key_column};
}

/* "expect" must be a duration such as 30s, not text "soon" */
static void wrong(const struct check *c, const struct node *node, const char *right)
{
	if (node->kind == NODE_SCALAR && !node_is_null(node))
		problems_add(c->problems, RULE_WRONG_VALUE, place_of(c, node),
			"\"%s\" must be %s, not \"%.60s\"", c->subject, right, node->text);
	else
		problems_add(c->problems, RULE_WRONG_VALUE, place_of(c, node),
			"\"%s\" must be %s, not %s", c->subject, right, node_kind_name(node));
}

/* ------------------------------------------------------------------ single values */

bool name_valid(const char *name)
{
	const size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES || !(isalnum((unsigned char)name[0]) || name[0] == '_'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("_-.", name[i]) == NULL)
			return false;
	return true;
}

bool date_valid(const char *text)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	static const char form[] = "dddd-dd-dd";

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	const int month = (text[5] - '0') * 10 + text[6] - '0';
	const int day = (text[8] - '0') * 10 + text[9] - '0';
	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static bool is_scalar(const struct node *node)
{
	return node->kind == NODE_SCALAR && !node_is_null(node);
}

static void check_text(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (!is_scalar(node))
		wrong(c, node, "text");
	else if (node->text[strspn(node->text, " \t\r\n")] == '\0')
		wrong(c, node, "text that says something");
}

static void check_name(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (!is_scalar(node) || !name_valid(node->text))
		wrong(c, node, "a name of letters, digits, - _ and . (at most 64)");
}

static void check_service(struct check *c, const struct key *key, const struct node *node)
{
	const struct node *param = node_get(node, "param");

	if (node->kind != NODE_MAP)
		check_name(c, key, node);
	else if (node->count != 1 || param == NULL || !is_scalar(param))
		wrong(c, node, "the name of a service, or {param: NAME}");
}

static void check_int(struct check *c, const struct key *key, const struct node *node)
{
	const bool limited = key->min != 0 || key->max != 0;
	int64_t value;
	char right[96] = "a whole number";

	if (node_int(node, &value) && (!limited || (value >= key->min && value <= key->max)))
		return;
	if (limited)
		snprintf(right, sizeof(right), "a whole number from %" PRId64 " to %" PRId64, key->min,
			key->max);
	wrong(c, node, right);
}

static void check_bool(struct check *c, const struct key *key, const struct node *node)
{
	bool flag;

	(void)key;
	if (!node_bool(node, &flag))
		wrong(c, node, "true or false");
}

static void check_duration(struct check *c, const struct key *key, const struct node *node)
{
	struct err ignored;
	int64_t ms;

	(void)key;
	if (!is_scalar(node) || parse_duration_ms(node->text, &ms, &ignored) != ERR_NONE)
		wrong(c, node, "a duration such as 250ms, 30s, 5m, 1h30m or 2d");
}

static void check_date(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (!is_scalar(node) || !date_valid(node->text))
		wrong(c, node, "a day such as 2026-10-01");
}

size_t count_words(const char *const *words)
{
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	return count;
}

static void check_choice(struct check *c, const struct key *key, const struct node *node)
{
	char right[256] = "one of", mean[128] = "";
	size_t len = strlen(right);

	for (const char *const *w = key->choices; is_scalar(node) && *w != NULL; w++)
		if (strcmp(node->text, *w) == 0)
			return;
	for (const char *const *w = key->choices; *w != NULL; w++) {
		const int n = snprintf(right + len, sizeof(right) - len, "%s %s",
			w == key->choices ? "" : ",", *w);
		len += n > 0 && (size_t)n < sizeof(right) - len ? (size_t)n : 0;
	}
	if (is_scalar(node)) {
		did_you_mean(mean, sizeof(mean), node->text, key->choices, count_words(key->choices));
		problems_add(c->problems, RULE_WRONG_VALUE, place_of(c, node),
			"\"%s\" must be %s, not \"%.60s\"%s", c->subject, right, node->text, mean);
	} else {
		wrong(c, node, right);
	}
}

int level_of(const struct node *node)
{
	int64_t value;

	if (node_int(node, &value))
		return value >= 0 && value <= 3 ? (int)value : -1;
	for (int i = 0; node->kind == NODE_SCALAR && effect_words[i] != NULL; i++)
		if (strcmp(node->text, effect_words[i]) == 0)
			return i;
	return -1;
}

static void check_level(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (level_of(node) < 0)
		wrong(c, node, "0 to 3, or read, change, costly, irreversible");
}

static void check_scalar(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (!is_scalar(node))
		wrong(c, node, "one value");
}

static void check_decimal(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (!is_scalar(node) || !decimal_valid(node->text))
		wrong(c, node, "a number such as 2.5");
}

static void check_any(struct check *c, const struct key *key, const struct node *node)
{
	(void)c;
	(void)key;
	(void)node;
}

/* ------------------------------------------------------------------ lists of single values */

typedef void check_fn(struct check *c, const struct key *key, const struct node *node);

static void check_each(
	struct check *c, const struct key *key, const struct node *node, check_fn *one)
{
	if (node->kind == NODE_MAP) {
		wrong(c, node, "a list: [one, two]");
		return;
	}
	if (node->kind == NODE_SCALAR) {
		one(c, key, node);
		return;
	}
	for (const struct node *item = node->first; item != NULL; item = item->next)
		one(c, key, item);
}

static void check_texts(struct check *c, const struct key *key, const struct node *node)
{
	check_each(c, key, node, check_text);
}

static void check_scalars(struct check *c, const struct key *key, const struct node *node)
{
	if (node->kind == NODE_MAP)
		wrong(c, node, "one value, or a list");
	else
		check_each(c, key, node, check_scalar);
}

static void check_names(struct check *c, const struct key *key, const struct node *node)
{
	check_each(c, key, node, check_name);
}

static void check_choices(struct check *c, const struct key *key, const struct node *node)
{
	check_each(c, key, node, check_choice);
}

/* ------------------------------------------------------------------ maps */

/* Where else in this kind of file a key of that name belongs: "services.NAME.objectives". */
static bool find_elsewhere(const struct shape *shape, const char *name, char *path, size_t size)
{
	const size_t len = strlen(path);

	for (const struct key *k = shape->keys; k->name != NULL; k++) {
		if (k->shape == NULL || len + strlen(k->name) + 8 > size)
			continue;
		snprintf(path + len, size - len, "%s%s%s", len > 0 ? "." : "", k->name,
			k->type == VALUE_MAP ? ".NAME" : k->type == VALUE_LIST ? "[]" : "");
		if (shape_key(k->shape, name) != NULL ||
			find_elsewhere(k->shape, name, path, size))
			return true;
		path[len] = '\0';
	}
	return false;
}

static void report_unknown(
	struct check *c, const struct shape *shape, const struct node *node)
{
	const char *names[KEYS_MAX];
	size_t count = 0;
	char mean[128], path[128] = "";

	for (const struct key *k = shape->keys; k->name != NULL && count < KEYS_MAX; k++)
		names[count++] = k->name;
	did_you_mean(mean, sizeof(mean), node->key, names, count);
	if (mean[0] == '\0' && find_elsewhere(c->schema->shape, node->key, path, sizeof(path)))
		snprintf(mean, sizeof(mean), ": it belongs to %.100s", path);
	problems_add(c->problems, RULE_UNKNOWN_KEY, place_of_key(c, node),
		"%s has no key \"%.60s\"%s", shape->name, node->key, mean);
}

static void check_value(struct check *c, const struct key *key, const struct node *node);

static void report_none_of(struct check *c, const struct shape *shape, const struct node *map)
{
	char all[128] = "";
	size_t len = 0;

	for (const char *const *w = shape->one_of; *w != NULL && len < sizeof(all); w++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s",
			w == shape->one_of ? "" : w[1] == NULL ? " or " : ", ", *w);
	problems_add(c->problems, RULE_STEP_KIND, place_of(c, map), "%s needs %s", shape->name, all);
}

/* Exactly one of shape->one_of. */
static void check_one_of(struct check *c, const struct shape *shape, const struct node *map)
{
	const struct node *found = NULL;

	for (const char *const *w = shape->one_of; *w != NULL; w++) {
		const struct node *node = node_get(map, *w);
		if (node != NULL && found != NULL) {
			problems_add(c->problems, RULE_STEP_KIND, place_of_key(c, node),
				"%s has either \"%s\" or \"%s\", not both: make it two",
				shape->name, found->key, *w);
			return;
		}
		found = node != NULL ? node : found;
	}
	if (found == NULL)
		report_none_of(c, shape, map);
}

/* One of the keys a key goes with; NULL when none of them is there. */
static const struct node *companion(const struct key *key, const struct node *map)
{
	for (const char *const *w = key->with; *w != NULL; w++)
		if (node_get(map, *w) != NULL)
			return node_get(map, *w);
	return NULL;
}

static void report_alone(
	struct check *c, const struct shape *shape, const struct key *key, const struct node *node)
{
	char all[128] = "";
	size_t len = 0;

	for (const char *const *w = key->with; *w != NULL && len < sizeof(all); w++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s\"%s\"",
			w == key->with ? "" : w[1] == NULL ? " or " : ", ", *w);
	problems_add(c->problems, RULE_STEP_KIND, place_of_key(c, node),
		"\"%s\" belongs to %s with %s", key->name, shape->name, all);
}

/* Keys that have to be there, and keys that go with others. */
static void check_presence(
	struct check *c, const struct shape *shape, const struct node *map, uint64_t seen)
{
	for (const struct key *k = shape->keys; k->name != NULL; k++) {
		const bool here = seen >> (k - shape->keys) & 1;
		if (!here && k->required)
			problems_add(c->problems, RULE_MISSING_KEY, place_of(c, map),
				"%s needs \"%s\": %s", shape->name, k->name, k->help);
		if (k->with == NULL || (!here && !k->with_required))
			continue;
		const bool partner = companion(k, map) != NULL;
		if (here && !partner)
			report_alone(c, shape, k, node_get(map, k->name));
		else if (!here && partner)
			problems_add(c->problems, RULE_MISSING_KEY, place_of(c, map),
				"%s with \"%s\" needs \"%s\": %s", shape->name, k->with[0], k->name,
				k->help);
	}
}

static void check_shape(struct check *c, const struct shape *shape, const struct node *map)
{
	uint64_t seen = 0;

	if (map->kind != NODE_MAP) {
		problems_add(c->problems, RULE_WRONG_VALUE, place_of(c, map),
			"%s must be a map (key: value), not %s", shape->name, node_kind_name(map));
		return;
	}
	for (const struct node *node = map->first; node != NULL; node = node->next) {
		const struct key *key = shape_key(shape, node->key);
		if (key == NULL) {
			report_unknown(c, shape, node);
			continue;
		}
		seen |= (uint64_t)1 << (key - shape->keys);
		check_value(c, key, node);
	}
	check_presence(c, shape, map, seen);
	if (shape->one_of != NULL)
		check_one_of(c, shape, map);
}

static void check_nested(struct check *c, const struct key *key, const struct node *node)
{
	check_shape(c, key->shape, node);
}

static void check_list(struct check *c, const struct key *key, const struct node *node)
{
	if (node->kind != NODE_LIST) {
		wrong(c, node, "a list: each item on a line of its own after \"- \"");
		return;
	}
	if (node->count > (uint64_t)key->max) {
		problems_add(c->problems, RULE_LIMIT, place_of(c, node),
			"\"%s\" has %u items, allowed are %" PRId64, key->name, node->count, key->max);
		return;
	}
	if (node->count < (uint64_t)key->min)
		problems_add(c->problems, RULE_WRONG_VALUE, place_of(c, node),
			"\"%s\" is empty: give it at least one item", key->name);
	for (const struct node *item = node->first; item != NULL; item = item->next)
		check_shape(c, key->shape, item);
}

static void check_map(struct check *c, const struct key *key, const struct node *node)
{
	if (node->kind != NODE_MAP) {
		wrong(c, node, "a map: each name on a line of its own, its keys below it");
		return;
	}
	for (const struct node *n = node->first; n != NULL; n = n->next) {
		if (!name_valid(n->key))
			problems_add(c->problems, RULE_WRONG_VALUE, place_of_key(c, n),
				"\"%.80s\" is no name: use letters, digits, - _ and . (at most 64)",
				n->key);
		check_shape(c, key->shape, n);
	}
}

static void check_open(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (node->kind != NODE_MAP)
		wrong(c, node, "a map (name: value)");
}

static void check_script(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (node->kind == NODE_MAP)
		check_shape(c, &script_shape, node);
	else if (!is_scalar(node))
		wrong(c, node, "Lua after |, or {file: lua/NAME.lua}");
}

static void check_wait(struct check *c, const struct key *key, const struct node *node)
{
	const struct node *until = node_get(node, "until");

	if (node->kind != NODE_MAP) {
		check_duration(c, key, node);
		return;
	}
	check_shape(c, &wait_shape, node);
	c->subject = "until";
	if (until != NULL && is_scalar(until) && !until_valid(until->text))
		wrong(c, until, "a time of day such as \"22:00\" or a moment such as 2026-11-25T22:00:00Z");
}

/* Only its form: what it refers to is for lint (condition.c). */
static void check_condition(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	if (node->kind == NODE_SCALAR)
		wrong(c, node, "a condition such as {param: NAME, equals: VALUE}");
}

static void check_steps(struct check *c, const struct key *key, const struct node *node)
{
	(void)key;
	check_list(c, shape_key(c->schema->shape, "steps"), node);
}

static void check_uses(struct check *c, const struct key *key, const struct node *node)
{
	if (node->kind != NODE_MAP) {
		wrong(c, node, "a map of operations and targets: {failover.promote: db-standby}");
		return;
	}
	for (const struct node *op = node->first; op != NULL; op = op->next) {
		const char *dot = strchr(op->key, '.');
		c->subject = op->key;
		if (!name_valid(op->key) || dot == NULL || dot[1] == '\0')
			problems_add(c->problems, RULE_WRONG_VALUE, place_of_key(c, op),
				"\"%.80s\" is no operation: write capability.verb, such as "
				"failover.promote",
				op->key);
		if (node_is_null(op) || (op->kind == NODE_LIST && op->count == 0))
			wrong(c, op, "a target or a list of targets");
		else
			check_names(c, key, op);
	}
}

/* ------------------------------------------------------------------ the table of types */

static check_fn *const checks[VALUE_TYPES] = {
	[VALUE_TEXT] = check_text,
	[VALUE_NAME] = check_name,
	[VALUE_SERVICE] = check_service,
	[VALUE_INT] = check_int,
	[VALUE_BOOL] = check_bool,
	[VALUE_DURATION] = check_duration,
	[VALUE_DATE] = check_date,
	[VALUE_CHOICE] = check_choice,
	[VALUE_LEVEL] = check_level,
	[VALUE_SCALAR] = check_scalar,
	[VALUE_SCALARS] = check_scalars,
	[VALUE_DECIMAL] = check_decimal,
	[VALUE_ANY] = check_any,
	[VALUE_SCRIPT] = check_script,
	[VALUE_WAIT] = check_wait,
	[VALUE_CONDITION] = check_condition,
	[VALUE_TEXTS] = check_texts,
	[VALUE_NAMES] = check_names,
	[VALUE_CHOICES] = check_choices,
	[VALUE_USES] = check_uses,
	[VALUE_OPEN] = check_open,
	[VALUE_SHAPE] = check_nested,
	[VALUE_LIST] = check_list,
	[VALUE_STEPS] = check_steps,
	[VALUE_MAP] = check_map,
};

static void check_value(struct check *c, const struct key *key, const struct node *node)
{
	c->subject = key->name;
	if (key->type != VALUE_ANY && node_is_null(node)) {
		problems_add(c->problems, RULE_WRONG_VALUE, place_of_key(c, node),
			"\"%s\" has no value: give it one or remove the key", key->name);
		return;
	}
	checks[key->type](c, key, node);
}

void schema_check(const struct schema *schema, const char *file, const struct node *root,
	struct problems *problems)
{
	struct check c = {.schema = schema, .file = file, .problems = problems};

	check_shape(&c, schema->shape, root);
}
