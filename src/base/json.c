/* json.c: the few shapes in which this program uses jansson. */
#include "drillbook/base.h"

#include <stdlib.h>
#include <string.h>

const char *json_str(const json_t *object, const char *key, const char *fallback)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s != NULL ? s : fallback;
}

int64_t json_int(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_flag(const json_t *object, const char *key, bool fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_t *json_text(const char *s, size_t len)
{
	/* a NUL has a JSON form, but no reader of ours takes it: it would be cut off there */
	const bool nul = len > 0 && memchr(s, '\0', len) != NULL;
	json_t *value = nul ? NULL : json_stringn(s, len);

	if (value != NULL)
		return value;
	/* each NUL and each byte that is part of no valid UTF-8 sequence becomes U+FFFD */
	struct buf clean;
	struct err err;
	buf_init(&clean, len * 3 + 16);
	for (size_t at = 0; at < len;) {
		const size_t n = strnlen(s + at, utf8_valid_prefix(s + at, len - at));
		if (buf_add(&clean, s + at, n, &err) != ERR_NONE)
			break;
		at += n;
		if (at < len) {
			if (buf_add(&clean, "\xef\xbf\xbd", 3, &err) != ERR_NONE)
				break;
			at++;
		}
	}
	value = json_stringn(clean.data ? clean.data : "", clean.len);
	buf_release(&clean);
	if (value == NULL)
		base_die("out of memory");
	return value;
}

void json_put(json_t *object, const char *key, json_t *owned)
{
	if (json_object_set_new(object, key, owned ? owned : json_null()) != 0)
		base_die("cannot set \"%s\" in a JSON object", key);
}

void json_put_str(json_t *object, const char *key, const char *value)
{
	json_put(object, key, value ? json_text(value, strlen(value)) : NULL);
}

void json_put_int(json_t *object, const char *key, int64_t value)
{
	json_put(object, key, json_integer(value));
}

void json_put_flag(json_t *object, const char *key, bool value)
{
	json_put(object, key, json_boolean(value));
}

char *json_line(const json_t *value)
{
	char *s = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (s == NULL)
		base_die("a value has no JSON form");
	return s;
}

struct sha256 json_digest(const json_t *value)
{
	char *line = json_line(value);
	const struct sha256 digest = sha256_of(line, strlen(line));

	free(line);
	return digest;
}

enum err_code json_parse(const char *text, size_t len, json_t **out, struct err *err)
{
	json_error_t why;

	*out = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (*out == NULL)
		return err_set(err, ERR_PROTOCOL, "not JSON: %s (line %d, column %d)", why.text,
			why.line, why.column);
	return ERR_NONE;
}

bool json_contains(const json_t *whole, const json_t *part)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)part, name, value)
		if (!json_equal(value, json_object_get(whole, name)))
			return false;
	return true;
}
