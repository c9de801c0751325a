/* declared.c: finding a declared action, checking its arguments, filling in its templates. */
#include "declared.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 64, ARGS_MAX = 64 };

const struct field declared_params[] = {
	{ .name = "name",
		.type = FIELD_STRING,
		.required = true,
		.help = "an action that the target declares under actions:" },
	{ .name = "args",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "the action's parameters: text, whole numbers, true or false" },
	FIELD_END
};

void declared_release(struct declared *declared)
{
	json_decref(declared->args);
	declared->args = NULL;
}

/* ------------------------------------------------------------------ the declaration */

static bool in_list(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (str_eq(*list, name))
			return true;
	return false;
}

static enum err_code check_members(
	const struct declared *d, const char *const *members, struct err *err)
{
	const char *key;
	json_t *value;
	size_t count = 0;

	while (members[count] != NULL)
		count++;
	json_object_foreach((json_t *)d->action, key, value)
	{
		if (in_list(members, key))
			continue;
		const char *near = str_nearest(key, members, count);
		return err_set(err, ERR_WORKSPACE, "action \"%s\" has no \"%s\"%s%s%s", d->name,
			key, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
			near != NULL ? "\"?" : "");
	}
	return ERR_NONE;
}

static bool valid_name(const char *s, size_t len)
{
	if (len == 0 || !(isalpha((unsigned char)s[0]) || s[0] == '_'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	return true;
}

static enum err_code check_params(const struct declared *d, struct err *err)
{
	json_t *params = json_object_get(d->action, "params");
	size_t i;
	json_t *name;

	if (params == NULL)
		return ERR_NONE;
	if (!json_is_array(params) || json_array_size(params) > ARGS_MAX)
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": params must be a list of at most %d names", d->name,
			ARGS_MAX);
	json_array_foreach(params, i, name)
	{
		const char *s = json_string_value(name);
		if (s == NULL || !valid_name(s, strlen(s)))
			return err_set(err, ERR_WORKSPACE,
				"action \"%s\": params[%zu] must be a name of letters, "
				"digits, - and _",
				d->name, i);
	}
	return ERR_NONE;
}

/* Which name the author may have meant: the target's own actions. */
static enum err_code not_found(struct call *call, const char *name, struct err *err)
{
	const json_t *all = call_declared_all(call, "actions");
	const char *names[NAMES_MAX], *key;
	size_t count = 0;
	json_t *value;

	json_object_foreach((json_t *)all, key, value)
	{
		if (count < NAMES_MAX)
			names[count++] = key;
	}
	const char *near = str_nearest(name, names, count);
	if (near != NULL)
		return err_set(err, ERR_NOT_FOUND,
			"target \"%s\" declares no action \"%s\"; did you mean \"%s\"?",
			call_target(call), name, near);
	return err_set(err, ERR_NOT_FOUND, "target \"%s\" declares no action \"%s\"",
		call_target(call), name);
}

static enum err_code find(struct call *call, const char *name, const char *const *members,
	struct declared *out, struct err *err)
{
	*out = (struct declared){ .name = name, .effect = EFFECT_IRREVERSIBLE };
	out->action = call_declared(call, "actions", name);
	if (out->action == NULL)
		return not_found(call, name, err);
	TRY(check_members(out, members, err));
	TRY(check_params(out, err));
	const json_t *effect = json_object_get(out->action, "effect");
	if (effect != NULL && !effect_from_name(json_string_value(effect), &out->effect))
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": effect must be one of read, change, costly, "
			"irreversible",
			name);
	return ERR_NONE;
}

enum err_code declared_check(
	struct call *call, const char *name, const char *const *members, struct err *err)
{
	struct declared d, other;

	TRY(find(call, name, members, &d, err));
	for (int i = 0; i < 2; i++) {
		const char *member = i == 0 ? "verify" : "undo";
		const char *named = json_str(d.action, member, NULL);

		if (named == NULL)
			continue;
		if (find(call, named, members, &other, err) != ERR_NONE)
			return err_context(err, "action \"%s\": %s", name, member);
		if (i == 0 && other.effect != EFFECT_READ)
			return err_set(err, ERR_WORKSPACE,
				"action \"%s\": its verify action \"%s\" must be declared "
				"effect: read",
				name, named);
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ arguments */

static enum err_code check_value(
	const char *action, const char *name, const json_t *value, struct err *err)
{
	if (json_is_integer(value) || json_is_boolean(value))
		return ERR_NONE;
	if (!json_is_string(value))
		return err_set(err, ERR_USAGE,
			"action \"%s\": argument \"%s\" must be text, a whole number, true or "
			"false",
			action, name);
	const size_t len = json_string_length(value);
	if (strlen(json_string_value(value)) != len)
		return err_set(err, ERR_USAGE,
			"action \"%s\": argument \"%s\" holds a zero byte", action, name);
	if (len > DECLARED_VALUE_MAX)
		return err_set(err, ERR_LIMIT,
			"action \"%s\": argument \"%s\" has %zu bytes, allowed are %d", action,
			name, len, DECLARED_VALUE_MAX);
	return ERR_NONE;
}

/* narrow: arguments that the action does not take are left out instead of refused. */
static enum err_code take_args(
	struct declared *d, const json_t *given, bool narrow, struct err *err)
{
	const json_t *params = json_object_get(d->action, "params");
	const char *names[ARGS_MAX + 1] = { NULL }, *key;
	size_t i;
	json_t *item;

	d->args = json_object();
	json_array_foreach((json_t *)params, i, item)
	{
		json_t *value;

		names[i] = json_string_value(item);
		value = json_object_get(given, names[i]);
		if (value == NULL)
			return err_set(err, narrow ? ERR_WORKSPACE : ERR_USAGE,
				"action \"%s\" needs the argument \"%s\"", d->name, names[i]);
		TRY(check_value(d->name, names[i], value, err));
		json_put(d->args, names[i], json_copy(value));
	}
	json_object_foreach((json_t *)given, key, item)
	{
		if (narrow || in_list(names, key))
			continue;
		const char *near = str_nearest(key, names, json_array_size(params));
		return err_set(err, ERR_USAGE, "action \"%s\" takes no argument \"%s\"%s%s%s",
			d->name, key, near != NULL ? "; did you mean \"" : "",
			near != NULL ? near : "", near != NULL ? "\"?" : "");
	}
	return ERR_NONE;
}

enum err_code declared_of_call(
	struct call *call, const char *const *members, struct declared *out, struct err *err)
{
	TRY(find(call, call_string(call, "name"), members, out, err));
	return take_args(out, call_json(call, "args"), false, err);
}

enum err_code declared_companion(struct call *call, const struct declared *of,
	const char *member, const char *const *members, struct declared *out, struct err *err)
{
	const char *name = json_str(of->action, member, NULL);
	enum err_code code;

	*out = (struct declared){ 0 };
	if (name == NULL)
		return ERR_NONE;
	code = find(call, name, members, out, err);
	if (code == ERR_NONE)
		code = take_args(out, of->args, true, err);
	if (code != ERR_NONE)
		return err_context(err, "%s of action \"%s\"", member, of->name);
	return ERR_NONE;
}

enum err_code declared_read_only(const struct declared *declared, struct err *err)
{
	if (declared->effect == EFFECT_READ)
		return ERR_NONE;
	return err_set(err, ERR_FORBIDDEN,
		"action \"%s\" is declared %s, action.read runs only what is declared read; "
		"use "
		"action.run",
		declared->name, effect_name(declared->effect));
}

enum err_code declared_prepare(
	struct call *call, const char *const *members, json_t *before, struct err *err)
{
	struct declared d = { 0 }, undo = { 0 }, check = { 0 };
	enum err_code code = declared_of_call(call, members, &d, err);

	if (code == ERR_NONE)
		code = declared_check(call, d.name, members, err);
	/* found out now rather than after a crash: do their parameters fit? */
	if (code == ERR_NONE)
		code = declared_companion(call, &d, "verify", members, &check, err);
	if (code == ERR_NONE)
		code = declared_companion(call, &d, "undo", members, &undo, err);
	if (code != ERR_NONE)
		goto out;
	json_put_str(before, "effect", effect_name(d.effect));
	json_put_str(before, "effect_reason",
		json_object_get(d.action, "effect") != NULL ? "declared in targets.yaml"
							    : "nothing is declared");
	if (undo.action != NULL)
		json_put(before, "undo",
			json_pack("{s:s, s:{s:s, s:O}}", "op", "action.run", "args", "name",
				undo.name, "args", undo.args));
	if (json_flag(d.action, "creates", false))
		json_put_flag(before, "creates", true);
out:
	declared_release(&d);
	declared_release(&undo);
	declared_release(&check);
	return code;
}

/* ------------------------------------------------------------------ templates */

enum err_code declared_plain(const char *value, struct buf *out, struct err *err)
{
	return buf_add(out, value, strlen(value), err);
}

/* The argument a "{name}" at the start of text means; *used is how many bytes that takes. */
static enum err_code find_hole(const struct declared *d, const char *text, const char *where,
	const json_t **value, size_t *used, struct err *err)
{
	const char *end = strchr(text, '}');
	const size_t len = end != NULL ? (size_t)(end - text - 1) : 0;
	char name[128];

	if (end == NULL || !valid_name(text + 1, len) || len >= sizeof(name))
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": %s has a { that begins no {parameter}; write {{ for a "
			"brace",
			d->name, where);
	memcpy(name, text + 1, len);
	name[len] = '\0';
	*value = json_object_get(d->args, name);
	if (*value == NULL)
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": %s names {%s}, which is not in its params", d->name,
			where, name);
	*used = len + 2;
	return ERR_NONE;
}

static enum err_code expand_hole(const struct declared *d, const char *text, const char *where,
	declared_encode *encode, struct buf *out, size_t *used, struct err *err)
{
	const json_t *value;
	char number[32];

	TRY(find_hole(d, text, where, &value, used, err));
	if (json_is_string(value))
		return encode(json_string_value(value), out, err);
	snprintf(number, sizeof(number), "%" PRId64, (int64_t)json_integer_value(value));
	return encode(json_is_true(value)    ? "true"
		      : json_is_false(value) ? "false"
					     : number,
		out, err);
}

enum err_code declared_expand(const struct declared *declared, const char *text,
	const char *where, declared_encode *encode, struct buf *out, struct err *err)
{
	while (*text != '\0') {
		size_t used = strcspn(text, "{");

		if (used > 0) {
			TRY(buf_add(out, text, used, err));
		} else if (text[1] == '{') {
			TRY(buf_add(out, "{", 1, err));
			used = 2;
		} else {
			TRY(expand_hole(declared, text, where, encode, out, &used, err));
		}
		text += used;
	}
	return ERR_NONE;
}

static enum err_code expand_text(
	const struct declared *d, const char *text, json_t **out, struct err *err)
{
	const json_t *value;
	size_t used;
	struct buf buf;

	if (text[0] == '{' && text[1] != '{' && strchr(text, '}') == text + strlen(text) - 1) {
		TRY(find_hole(d, text, "json", &value, &used, err));
		*out = json_copy((json_t *)value);
		return ERR_NONE;
	}
	buf_init(&buf, DECLARED_TEXT_MAX);
	const enum err_code code = declared_expand(d, text, "json", declared_plain, &buf, err);
	if (code == ERR_NONE)
		*out = json_text(buf.len > 0 ? buf.data : "", buf.len);
	buf_release(&buf);
	return code;
}

enum err_code declared_expand_json(
	const struct declared *declared, const json_t *value, json_t **out, struct err *err)
{
	json_t *copy = NULL, *item, *made;
	const char *key;
	size_t i;
	enum err_code code = ERR_NONE;

	if (json_is_string(value))
		return expand_text(declared, json_string_value(value), out, err);
	if (json_is_object(value)) {
		copy = json_object();
		json_object_foreach((json_t *)value, key, item)
		{
			code = declared_expand_json(declared, item, &made, err);
			if (code != ERR_NONE)
				goto out;
			json_put(copy, key, made);
		}
	} else if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach((json_t *)value, i, item)
		{
			code = declared_expand_json(declared, item, &made, err);
			if (code != ERR_NONE)
				goto out;
			json_array_append_new(copy, made);
		}
	} else {
		copy = json_deep_copy(value);
	}
	*out = copy;
	return ERR_NONE;
out:
	json_decref(copy);
	return code;
}

/* ------------------------------------------------------------------ the rest of a declaration
 */

enum err_code declared_timeout(
	struct call *call, const struct declared *declared, int64_t *ms, struct err *err)
{
	const json_t *value = json_object_get(declared->action, "timeout");
	int64_t own = json_integer_value(value);

	if (json_is_string(value) &&
		parse_duration_ms(json_string_value(value), &own, err) != ERR_NONE) {
		err->code = ERR_WORKSPACE;
		return err_context(err, "action \"%s\": timeout", declared->name);
	}
	*ms = call_left_ms(call);
	if (own > 0 && own < *ms)
		*ms = own;
	if (*ms == 0)
		return err_set(err, ERR_TIMEOUT, "no time was left to start action \"%s\"",
			declared->name);
	return ERR_NONE;
}

/* YAML gives numbers as numbers or, quoted, as text. */
static bool same_status(const json_t *item, int64_t status)
{
	const char *s = json_string_value(item);
	char text[32];

	if (json_is_integer(item))
		return json_integer_value(item) == status;
	snprintf(text, sizeof(text), "%" PRId64, status);
	if (s != NULL && strlen(s) == 3 && str_eq(s + 1, "xx"))
		return strlen(text) == 3 && text[0] == s[0];
	return str_eq(s, text);
}

bool declared_status_in(const json_t *wanted, int64_t status)
{
	size_t i;
	json_t *item;

	if (!json_is_array(wanted))
		return same_status(wanted, status);
	json_array_foreach(
		(json_t *)wanted, i, item) if (same_status(item, status)) return true;
	return false;
}

bool declared_expects(const struct declared *declared, const char *member, const int *fallback,
	int64_t status)
{
	const json_t *list = json_object_get(declared->action, member);

	if (list != NULL)
		return declared_status_in(list, status);
	for (; *fallback != -1; fallback++)
		if (*fallback == status)
			return true;
	return false;
}

json_t *declared_result(const json_t *value)
{
	const char *key;
	size_t i;
	json_t *item, *copy;
	char text[64];

	switch (json_typeof(value)) {
	case JSON_REAL:
		/* the shortest form that reads back as the same number */
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(text, sizeof(text), "%.*g", digits, json_real_value(value));
			if (strtod(text, NULL) == json_real_value(value))
				break;
		}
		return json_string(text);
	case JSON_OBJECT:
		copy = json_object();
		json_object_foreach((json_t *)value, key, item)
			json_put(copy, key, declared_result(item));
		return copy;
	case JSON_ARRAY:
		copy = json_array();
		json_array_foreach((json_t *)value, i, item)
			json_array_append_new(copy, declared_result(item));
		return copy;
	default:
		return json_deep_copy(value);
	}
}
