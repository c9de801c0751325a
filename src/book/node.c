/* node.c: looking at the nodes of a document. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct node *node_get(const struct node *map, const char *key)
{
	if (map == NULL || map->kind != NODE_MAP)
		return NULL;
	for (struct node *n = map->first; n != NULL; n = n->next)
		if (n->key[0] == key[0] && strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

const char *node_text(const struct node *map, const char *key)
{
	const struct node *node = node_get(map, key);

	return node != NULL && node->kind == NODE_SCALAR && !node_is_null(node) ? node->text : NULL;
}

bool node_is_null(const struct node *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	if (node->kind != NODE_SCALAR || node->style != STYLE_PLAIN || node->len > 4)
		return false;
	for (size_t i = 0; i < COUNT_OF(nulls); i++)
		if (strcmp(node->text, nulls[i]) == 0)
			return true;
	return false;
}

bool node_int(const struct node *node, int64_t *out)
{
	char *end;

	if (node->kind != NODE_SCALAR || node->style != STYLE_PLAIN || node->len == 0 ||
		node->len > 20)
		return false;
	const char *digits = node->text + (node->text[0] == '-' || node->text[0] == '+');
	if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits))
		return false;
	errno = 0;
	const long long value = strtoll(node->text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*out = value;
	return true;
}

bool node_bool(const struct node *node, bool *out)
{
	if (node->kind != NODE_SCALAR || node->style != STYLE_PLAIN)
		return false;
	*out = strcmp(node->text, "true") == 0;
	return *out || strcmp(node->text, "false") == 0;
}

const char *node_kind_name(const struct node *node)
{
	int64_t number;
	bool flag;

	if (node->kind != NODE_SCALAR)
		return node->kind == NODE_MAP ? "a map" : "a list";
	if (node_is_null(node))
		return "nothing";
	if (node_int(node, &number))
		return "a number";
	return node_bool(node, &flag) ? "true or false" : "text";
}

json_t *node_json(const struct node *node)
{
	int64_t number;
	bool flag;

	if (node->kind == NODE_MAP) {
		json_t *object = json_object();
		for (const struct node *n = node->first; n != NULL; n = n->next)
			json_put(object, n->key, node_json(n));
		return object;
	}
	if (node->kind == NODE_LIST) {
		json_t *array = json_array();
		for (const struct node *n = node->first; n != NULL; n = n->next)
			json_array_append_new(array, node_json(n));
		return array;
	}
	if (node_is_null(node))
		return json_null();
	if (node_int(node, &number))
		return json_integer(number);
	if (node_bool(node, &flag))
		return json_boolean(flag);
	return json_text(node->text, node->len);
}
