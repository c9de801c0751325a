/* json.c: finding members in JSON text, nothing more.  Nothing is copied or built; a container
 * is skipped by counting its brackets outside of strings, so that no depth of nesting costs
 * anything. */
#include "verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : NULL;
}

/* The end of the value at p, or NULL.  Containers are skipped by counting brackets outside of
 * strings. */
static const char *skip_value(const char *p, const char *end)
{
	int depth = 0;

	if (p >= end)
		return NULL;
	if (*p != '{' && *p != '[' && *p != '"') {
		while (p < end && strchr(",]} \t\r\n", *p) == NULL)
			p++;
		return p;
	}
	do {
		if (*p == '"') {
			p = skip_string(p, end);
			if (p == NULL)
				return NULL;
			continue;
		}
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
	} while (depth > 0 && p < end);
	return depth == 0 ? p : NULL;
}

/* Walks an object or array: each call gives the next value (and key, for an object). */
static bool next_item(struct span *rest, struct span *key, struct span *value)
{
	const char *p = skip_space(rest->at, rest->end);

	if (p < rest->end && *p == ',')
		p = skip_space(p + 1, rest->end);
	if (p >= rest->end || *p == '}' || *p == ']')
		return false;
	if (key != NULL) {
		const char *after = *p == '"' ? skip_string(p, rest->end) : NULL;
		if (after == NULL)
			return false;
		*key = (struct span){ p + 1, after - 1 };
		p = skip_space(after, rest->end);
		if (p >= rest->end || *p != ':')
			return false;
		p = skip_space(p + 1, rest->end);
	}
	const char *after = skip_value(p, rest->end);
	if (after == NULL)
		return false;
	*value = (struct span){ p, after };
	rest->at = after;
	return true;
}

static struct span inside(struct span container)
{
	return container.at == NULL || container.at == container.end
		       ? container
		       : (struct span){ container.at + 1, container.end };
}

struct span member(struct span object, const char *name)
{
	struct span rest = inside(object), key, value;

	if (object.at == NULL || object.at >= object.end || *object.at != '{')
		return (struct span){ 0 };
	while (next_item(&rest, &key, &value))
		if ((size_t)(key.end - key.at) == strlen(name) &&
			memcmp(key.at, name, strlen(name)) == 0)
			return value;
	return (struct span){ 0 };
}

bool is_integer(struct span value, int64_t *out)
{
	char copy[24];
	char *end;
	const size_t len = value.at != NULL ? (size_t)(value.end - value.at) : 0;

	if (len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, value.at, len);
	copy[len] = '\0';
	errno = 0;
	*out = strtoll(copy, &end, 10);
	return *end == '\0' && errno == 0;
}

/* A string of text without escapes that matter here; false when it does not fit or has any. */
bool is_string(struct span value, char *out, size_t size)
{
	if (value.at == NULL || value.end - value.at < 2 || *value.at != '"')
		return false;
	const size_t len = (size_t)(value.end - value.at) - 2;
	if (len >= size || memchr(value.at + 1, '\\', len) != NULL)
		return false;
	memcpy(out, value.at + 1, len);
	out[len] = '\0';
	return true;
}

bool is_digest(struct span value, char out[HEX + 1])
{
	return is_string(value, out, HEX + 1) && strlen(out) == HEX &&
	       strspn(out, "0123456789abcdef") == HEX;
}
