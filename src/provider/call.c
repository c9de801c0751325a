/* call.c: one invocation of an operation: checked values in, and what the worker lent it:
 * secrets, progress, output, a stop flag and a deadline. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PROBE_TIMEOUT_MS = 15000,
	DEFAULT_TIMEOUT_MS = 60000,
	POLL_MS = 20, /* how late a stop may be noticed */
};

struct call {
	char *target_name, *op, *key, *workspace;
	const struct provider *provider;
	const struct operation *operation; /* NULL for a probe */
	json_t *target, *settings, *args, *before;
	struct call_hooks hooks;
	struct mono start;
	int64_t timeout_ms;
};

static const volatile bool never_stopped = false;

/* ------------------------------------------------------------------ making one */

static enum err_code check_secrets(const struct call *call, struct err *err)
{
	const struct field *fields = call->provider->settings;
	json_t *secrets = json_object_get(call->target, "secrets");
	const char *key;
	json_t *value;

	json_object_foreach(secrets, key, value)
	{
		const struct field *f = field_find(fields, key);
		if (f == NULL || f->type != FIELD_SECRET)
			return err_set(err, ERR_USAGE,
				"target \"%s\": provider %s takes no secret \"%s\"",
				call->target_name, call->provider->name, key);
	}
	for (const struct field *f = fields; f != NULL && f->name != NULL; f++)
		if (f->type == FIELD_SECRET && f->required &&
			json_object_get(secrets, f->name) == NULL)
			return err_set(err, ERR_USAGE,
				"target \"%s\" needs the secret \"%s\": %s", call->target_name,
				f->name, f->help != NULL ? f->help : "");
	return ERR_NONE;
}

static enum err_code find_operation(struct call *call, struct err *err)
{
	const char *name = json_str(call->target, "provider", NULL);

	if (name == NULL)
		return err_set(
			err, ERR_USAGE, "target \"%s\" names no provider", call->target_name);
	call->provider = provider_find(name);
	if (call->provider == NULL) {
		for (const struct provider_missing *m = providers_missing; m->name != NULL; m++)
			if (str_eq(m->name, name))
				return err_set(err, ERR_UNSUPPORTED,
					"target \"%s\": this build has no provider "
					"%s because %s was not there",
					call->target_name, name, m->library);
		return err_set(err, ERR_USAGE, "target \"%s\": there is no provider \"%s\"",
			call->target_name, name);
	}
	if (call->op[0] == '\0')
		return ERR_NONE;
	call->operation = operation_find(call->provider, call->op);
	if (call->operation == NULL)
		return err_set(err, ERR_USAGE,
			"provider %s (target \"%s\") has no operation \"%s\"", name,
			call->target_name, call->op);
	return ERR_NONE;
}

static enum err_code check_values(struct call *call, const json_t *args, struct err *err)
{
	char subject[256];

	snprintf(subject, sizeof(subject), "target \"%.200s\"", call->target_name);
	TRY(fields_check(call->provider->settings, json_object_get(call->target, "settings"),
		"setting", subject, call->workspace, &call->settings, err));
	TRY(check_secrets(call, err));
	if (call->operation != NULL)
		return fields_check(call->operation->params, args, "parameter", call->op,
			call->workspace, &call->args, err);
	call->args = json_object();
	return ERR_NONE;
}

enum err_code call_new(struct call **out, const char *target_name, const json_t *target,
	const char *op, const json_t *args, const json_t *before, const char *key,
	const char *workspace, int64_t timeout_ms, const struct call_hooks *hooks,
	struct err *err)
{
	struct call *call = xmalloc(sizeof(*call));

	call->target_name = xstrdup(target_name != NULL ? target_name : "");
	call->op = xstrdup(op != NULL ? op : "");
	call->key = xstrdup(key != NULL ? key : "");
	call->workspace = xstrdup(workspace != NULL ? workspace : "");
	call->target = json_incref((json_t *)target);
	call->before = json_incref((json_t *)before);
	if (hooks != NULL)
		call->hooks = *hooks;
	if (call->hooks.stop == NULL)
		call->hooks.stop = &never_stopped;

	enum err_code code = find_operation(call, err);
	if (code == ERR_NONE)
		code = check_values(call, args, err);
	if (code != ERR_NONE) {
		call_free(call);
		return code;
	}
	if (timeout_ms <= 0)
		timeout_ms = call->operation == NULL ? PROBE_TIMEOUT_MS
						     : call->operation->timeout_ms;
	call->timeout_ms = timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS;
	call->start = mono_now();
	*out = call;
	return ERR_NONE;
}

void call_free(struct call *call)
{
	if (call == NULL)
		return;
	json_decref(call->target);
	json_decref(call->settings);
	json_decref(call->args);
	json_decref(call->before);
	free(call->target_name);
	free(call->op);
	free(call->key);
	free(call->workspace);
	free(call);
}

/* ------------------------------------------------------------------ values */

/* A name that is in no table is a mistake in a provider file, found by its first test. */
static const json_t *argument(const struct call *call, const char *name)
{
	if (call->operation == NULL || field_find(call->operation->params, name) == NULL)
		base_die("provider: \"%s\" has no parameter \"%s\"", call->op, name);
	return json_object_get(call->args, name);
}

static const json_t *setting(const struct call *call, const char *name)
{
	if (field_find(call->provider->settings, name) == NULL)
		base_die("provider: %s has no setting \"%s\"", call->provider->name, name);
	return json_object_get(call->settings, name);
}

const char *call_string(const struct call *call, const char *name)
{
	return json_string_value(argument(call, name));
}

int64_t call_int(const struct call *call, const char *name)
{
	return json_integer_value(argument(call, name));
}

bool call_bool(const struct call *call, const char *name)
{
	return json_is_true(argument(call, name));
}

const json_t *call_json(const struct call *call, const char *name)
{
	return argument(call, name);
}

bool call_has(const struct call *call, const char *name)
{
	return argument(call, name) != NULL;
}

const char *setting_string(const struct call *call, const char *name)
{
	return json_string_value(setting(call, name));
}

int64_t setting_int(const struct call *call, const char *name)
{
	return json_integer_value(setting(call, name));
}

bool setting_bool(const struct call *call, const char *name)
{
	return json_is_true(setting(call, name));
}

const json_t *setting_json(const struct call *call, const char *name)
{
	return setting(call, name);
}

bool setting_has(const struct call *call, const char *name)
{
	if (setting(call, name) != NULL)
		return true;
	return json_object_get(json_object_get(call->target, "secrets"), name) != NULL;
}

const char *call_secret(const struct call *call, const char *name, size_t *len)
{
	size_t ignored;

	(void)setting(call, name);
	if (call->hooks.secret == NULL ||
		json_object_get(json_object_get(call->target, "secrets"), name) == NULL)
		return NULL;
	return call->hooks.secret(
		call->hooks.arg, call->target_name, name, len != NULL ? len : &ignored);
}

const char *call_target(const struct call *call)
{
	return call->target_name;
}

const char *call_op(const struct call *call)
{
	return call->op;
}

const char *call_key(const struct call *call)
{
	return call->key;
}

const char *call_workspace(const struct call *call)
{
	return call->workspace;
}

const json_t *call_declared(const struct call *call, const char *kind, const char *name)
{
	if (!call->provider->declares_actions || name == NULL)
		return NULL;
	const json_t *row = json_object_get(json_object_get(call->target, kind), name);
	return json_is_object(row) ? row : NULL;
}

const json_t *call_declared_all(const struct call *call, const char *kind)
{
	const json_t *rows = json_object_get(call->target, kind);

	return call->provider->declares_actions && json_is_object(rows) ? rows : NULL;
}

const json_t *call_before(const struct call *call)
{
	return call->before;
}

const struct operation *call_operation(const struct call *call)
{
	return call->operation;
}

const json_t *call_arguments(const struct call *call)
{
	return call->args;
}

/* ------------------------------------------------------------------ effect */

/* Which parameter of an operation names something that the target declares, and where. */
static const struct {
	const char *param, *kind;
} declaring[] = {
	{ "action", "actions" },
	{ "name", "actions" },
	{ "query", "queries" },
	{ "statement", "queries" },
};

static const json_t *declaration(const struct call *call)
{
	for (size_t i = 0; i < COUNT_OF(declaring); i++) {
		const char *name = json_str(call->args, declaring[i].param, NULL);
		const json_t *row = call_declared(call, declaring[i].kind, name);
		if (row != NULL)
			return row;
	}
	return NULL;
}

enum effect call_effect(const struct call *call, const json_t *before)
{
	enum effect ceiling = call->operation != NULL ? call->operation->effect : EFFECT_READ;
	enum effect found = ceiling;
	const json_t *row = declaration(call);

	if (row != NULL) {
		if (!effect_from_name(json_str(row, "effect", ""), &found))
			return ceiling;
	} else if (!effect_from_name(json_str(before, "effect", ""), &found)) {
		return ceiling;
	}
	/* Nothing that is found out about a call takes it out of the journal. */
	if (row == NULL && found == EFFECT_READ && ceiling > EFFECT_READ)
		found = EFFECT_CHANGE;
	return found < ceiling ? found : ceiling;
}

/* ------------------------------------------------------------------ time, progress */

int64_t call_left_ms(const struct call *call)
{
	int64_t left = call->timeout_ms - mono_ms_since(call->start);

	return left > 0 ? left : 0;
}

bool call_stopped(const struct call *call)
{
	return *call->hooks.stop;
}

const volatile bool *call_stop_flag(const struct call *call)
{
	return call->hooks.stop;
}

static enum err_code ended(struct err *err, enum err_code code, const char *why)
{
	err_set(err, code, "%s", why);
	err->world = WORLD_UNKNOWN;
	return code;
}

enum err_code call_sleep(struct call *call, int64_t ms, struct err *err)
{
	while (true) {
		int64_t left = call_left_ms(call);
		if (call_stopped(call))
			return ended(err, ERR_CANCELLED, "stopped on request while waiting");
		if (left == 0)
			return ended(err, ERR_TIMEOUT, "the deadline passed while waiting");
		if (ms <= 0)
			return ERR_NONE;
		int64_t slice = ms < POLL_MS ? ms : POLL_MS;
		if (slice > left)
			slice = left;
		const struct timespec nap = { .tv_sec = 0, .tv_nsec = (long)(slice * 1000000) };
		nanosleep(&nap, NULL);
		ms -= slice;
	}
}

void call_progress(struct call *call, int per_mille, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (call->hooks.progress == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	call->hooks.progress(call->hooks.arg, per_mille, text);
}

void call_log(struct call *call, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	if (call->hooks.log == NULL)
		return;
	va_start(args, fmt);
	int len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	call->hooks.log(call->hooks.arg, text);
	free(text);
}

enum err_code call_probe(struct call *call, json_t *report, struct err *err)
{
	if (call->provider->probe == NULL)
		return err_set(err, ERR_UNSUPPORTED, "provider %s cannot be probed",
			call->provider->name);
	return call->provider->probe(call, report, err);
}
