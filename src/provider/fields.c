/* fields.c: arguments and settings against their tables.  What leaves here is in normal form,
 * so that the digest of an intent does not depend on how the author spelled "30s". */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 64 };

/* What is being checked, for messages. */
struct subject {
	const struct field *field;
	const char *kind, *name, *workspace;
};

static enum err_code refuse(const struct subject *s, struct err *err, const char *right)
{
	return err_set(err, ERR_USAGE, "%s: %s \"%s\" must be %s", s->name, s->kind,
		s->field->name, right);
}

static enum err_code check_range(const struct subject *s, int64_t value, struct err *err)
{
	const struct field *f = s->field;

	if (f->min == 0 && f->max == 0)
		return ERR_NONE;
	if (value >= f->min && (f->max == 0 || value <= f->max))
		return ERR_NONE;
	if (f->max == 0)
		return err_set(err, ERR_USAGE,
			"%s: %s \"%s\" is %" PRId64 ", the least is %" PRId64, s->name, s->kind,
			f->name, value, f->min);
	return err_set(err, ERR_USAGE,
		"%s: %s \"%s\" is %" PRId64 ", allowed is %" PRId64 " to %" PRId64 "%s%s",
		s->name, s->kind, f->name, value, f->min, f->max, f->unit != NULL ? " " : "",
		f->unit != NULL ? f->unit : "");
}

static enum err_code from_string(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	if (!json_is_string(in))
		return refuse(s, err, "text (put it in quotes)");
	*out = json_copy((json_t *)in);
	return ERR_NONE;
}

static enum err_code from_int(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	if (!json_is_integer(in))
		return refuse(s, err, "a whole number");
	TRY(check_range(s, json_integer_value(in), err));
	*out = json_integer(json_integer_value(in));
	return ERR_NONE;
}

static enum err_code from_bool(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	if (!json_is_boolean(in))
		return refuse(s, err, "true or false");
	*out = json_boolean(json_is_true(in));
	return ERR_NONE;
}

/* A duration or a size: a number is taken as it is, text is parsed. */
static enum err_code from_quantity(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	bool is_time = s->field->type == FIELD_DURATION;
	int64_t value = json_integer_value(in);

	if (json_is_string(in)) {
		enum err_code (*parse)(const char *, int64_t *, struct err *) =
			is_time ? parse_duration_ms : parse_bytes;
		if (parse(json_string_value(in), &value, err) != ERR_NONE)
			return err_context(
				err, "%s: %s \"%s\"", s->name, s->kind, s->field->name);
	} else if (!json_is_integer(in)) {
		return refuse(s, err,
			is_time ? "a duration such as \"30s\"" : "a size such as \"16MiB\"");
	}
	if (value < 0)
		return refuse(s, err, "zero or more");
	TRY(check_range(s, value, err));
	*out = json_integer(value);
	return ERR_NONE;
}

static enum err_code from_choice(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	char right[256] = "one of";
	size_t len = strlen(right);

	for (const char *const *c = s->field->choices; *c != NULL; c++) {
		if (json_is_string(in) && str_eq(json_string_value(in), *c)) {
			*out = json_string(*c);
			return ERR_NONE;
		}
		int n = snprintf(right + len, sizeof(right) - len, "%s %s",
			c == s->field->choices ? "" : ",", *c);
		len += n > 0 && (size_t)n < sizeof(right) - len ? (size_t)n : 0;
	}
	return refuse(s, err, right);
}

static enum err_code from_path(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	const char *path = json_string_value(in);

	if (path == NULL || path[0] == '\0')
		return refuse(s, err, "a path");
	if (path[0] == '/') {
		*out = json_string(path);
		return ERR_NONE;
	}
	char *here = s->workspace[0] == '\0' ? getcwd(NULL, 0) : xstrdup(s->workspace);
	if (here == NULL)
		return err_errno(err, "cannot tell where \"%s\" is", path);
	char *whole = path_join(here, str_starts(path, "./") ? path + 2 : path);
	*out = json_text(whole, strlen(whole));
	free(whole);
	free(here);
	return ERR_NONE;
}

static enum err_code from_strings(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	size_t i;
	json_t *item;

	if (json_is_string(in)) {
		*out = json_pack("[O]", in);
		return ERR_NONE;
	}
	if (!json_is_array(in))
		return refuse(s, err, "a list of texts");
	json_array_foreach((json_t *)in, i, item) if (!json_is_string(item)) return refuse(
		s, err, "a list of texts (put each in quotes)");
	*out = json_deep_copy(in);
	return ERR_NONE;
}

static enum err_code from_map(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	/* An empty Lua table has no sign of which of the two it is. */
	if (json_is_array(in) && json_array_size(in) == 0) {
		*out = json_object();
		return ERR_NONE;
	}
	if (!json_is_object(in))
		return refuse(s, err, "a map of names to values");
	*out = json_deep_copy(in);
	return ERR_NONE;
}

static enum err_code from_any(
	const struct subject *s, const json_t *in, json_t **out, struct err *err)
{
	(void)s;
	(void)err;
	*out = json_deep_copy(in);
	return ERR_NONE;
}

static enum err_code (*const converters[])(
	const struct subject *, const json_t *, json_t **, struct err *) = {
	[FIELD_STRING] = from_string,
	[FIELD_INT] = from_int,
	[FIELD_BOOL] = from_bool,
	[FIELD_DURATION] = from_quantity,
	[FIELD_BYTES] = from_quantity,
	[FIELD_CHOICE] = from_choice,
	[FIELD_PATH] = from_path,
	[FIELD_STRINGS] = from_strings,
	[FIELD_MAP] = from_map,
	[FIELD_ANY] = from_any,
};

/* The default as YAML would read it: numbers and true/false bare, the rest text. */
static json_t *fallback_value(const struct field *f)
{
	struct err ignored = { 0 };
	json_t *value = NULL;

	switch (f->type) {
	case FIELD_INT:
		return json_integer(strtoll(f->fallback, NULL, 10));
	case FIELD_BOOL:
		return json_boolean(str_eq(f->fallback, "true"));
	case FIELD_MAP:
	case FIELD_ANY:
		if (json_parse(f->fallback, strlen(f->fallback), &value, &ignored) == ERR_NONE)
			return value;
		base_die("the default of \"%s\" is no JSON", f->name);
	default:
		return json_string(f->fallback);
	}
}

static enum err_code unknown_name(const struct field *fields, const char *key, const char *kind,
	const char *subject, struct err *err)
{
	const char *names[NAMES_MAX] = {NULL};
	size_t count = 0;

	for (const struct field *f = fields; f != NULL && f->name != NULL && count < NAMES_MAX;
		f++)
		names[count++] = f->name;
	const char *near = str_nearest(key, names, count);
	if (near != NULL)
		return err_set(err, ERR_USAGE, "%s has no %s \"%s\"; did you mean \"%s\"?",
			subject, kind, key, near);
	return err_set(err, ERR_USAGE, "%s has no %s \"%s\"%s%s", subject, kind, key,
		count > 0 ? "; the first it knows is " : "", count > 0 ? names[0] : "");
}

static enum err_code check_one(const struct field *f, const json_t *value, const char *kind,
	const char *subject, const char *workspace, json_t *into, struct err *err)
{
	const struct subject s = { f, kind, subject, workspace };
	json_t *fallback = NULL, *normal = NULL;

	if (value == NULL || json_is_null(value)) {
		if (f->fallback == NULL) {
			if (f->required)
				return err_set(err, ERR_USAGE, "%s needs the %s \"%s\": %s",
					subject, kind, f->name,
					f->help != NULL ? f->help : field_type_name(f->type));
			return ERR_NONE;
		}
		value = fallback = fallback_value(f);
	}
	enum err_code code = converters[f->type](&s, value, &normal, err);
	if (code == ERR_NONE)
		json_put(into, f->name, normal);
	json_decref(fallback);
	return code;
}

enum err_code fields_check(const struct field *fields, const json_t *values, const char *kind,
	const char *subject, const char *workspace, json_t **out, struct err *err)
{
	json_t *checked = json_object();
	enum err_code code = ERR_NONE;
	const char *key;
	json_t *value;

	if (values != NULL && !json_is_object(values) &&
		!(json_is_array(values) && json_array_size(values) == 0)) {
		code = err_set(err, ERR_USAGE, "%s: the %ss must be a map of names to values",
			subject, kind);
		goto out;
	}
	json_object_foreach((json_t *)values, key, value)
	{
		const struct field *f = field_find(fields, key);
		if (f == NULL)
			code = unknown_name(fields, key, kind, subject, err);
		else if (f->type == FIELD_SECRET)
			code = err_set(err, ERR_USAGE,
				"%s: \"%s\" is a secret; name its source under "
				"secrets: instead",
				subject, key);
		if (code != ERR_NONE)
			goto out;
	}
	for (const struct field *f = fields; f != NULL && f->name != NULL; f++) {
		if (f->type == FIELD_SECRET)
			continue;
		code = check_one(f, json_object_get(values, f->name), kind, subject, workspace,
			checked, err);
		if (code != ERR_NONE)
			goto out;
	}
	*out = checked;
	checked = NULL;
out:
	json_decref(checked);
	return code;
}
