/* pushgateway.c: values of a run, left where Prometheus collects them.
 * Source: https://github.com/prometheus/pushgateway, README (1.5)
 *
 * The gateway never forgets: what a run pushed is scraped until somebody deletes it, so a push
 * has its time beside it (push_time_seconds) and an undo.  It answers 200 or 202 before it has
 * looked at everything; so it is read back. */
#include "internal.h"

#include "api.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { METRICS_MAX = 500, TEXT_MAX = 1 << 20 };

static const char *const types[] = { "gauge", "counter", "untyped", NULL };

/* ------------------------------------------------------------------ names */

static bool valid_name(const char *name, bool colon)
{
	if (name[0] == '\0' || isdigit((unsigned char)name[0]))
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && *name != '_' && !(colon && *name == ':'))
			return false;
	return true;
}

static enum err_code check_labels(const json_t *labels, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)labels, name, value) {
		if (!valid_name(name, false) || str_eq(name, "job") || !json_is_string(value))
			return err_set(err, ERR_USAGE,
				"label \"%s\" must be a name of letters, digits and _ (not "
				"job) "
				"with a text",
				name);
	}
	return ERR_NONE;
}

/* One label of the path.  What is empty or holds a slash goes as base64. */
static enum err_code add_label(
	struct buf *path, const char *name, const char *value, struct err *err)
{
	if (value[0] != '\0' && strchr(value, '/') == NULL) {
		TRY(buf_addf(path, err, "/%s/", name));
		return http_escape(value, path, err);
	}
	char *text = base64_encode(value, strlen(value));
	for (char *c = text; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	const enum err_code code =
		buf_addf(path, err, "/%s@base64/%s", name, text[0] != '\0' ? text : "=");
	free(text);
	return code;
}

static enum err_code group_path(struct call *call, struct buf *path, struct err *err)
{
	const json_t *labels = call_json(call, "labels");
	const char *name;
	json_t *value;

	if (call_string(call, "job")[0] == '\0')
		return err_set(err, ERR_USAGE, "the job must have a name");
	TRY(check_labels(labels, err));
	TRY(buf_addf(path, err, "/metrics"));
	TRY(add_label(path, "job", call_string(call, "job"), err));
	json_object_foreach((json_t *)(uintptr_t)labels, name, value)
		TRY(add_label(path, name, json_string_value(value), err));
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the group as it is */

static bool same_group(struct call *call, const json_t *labels)
{
	const json_t *wanted = call_json(call, "labels");
	size_t expected = json_object_size(wanted) + 1;

	/* the gateway shows an instance that nobody gave as an empty one */
	if (json_object_get(wanted, "instance") == NULL &&
		str_eq(json_str(labels, "instance", NULL), ""))
		expected++;
	return str_eq(json_str(labels, "job", NULL), call_string(call, "job")) &&
	       json_object_size(labels) == expected && api_labels_match(labels, wanted);
}

/* The group of the call, or NULL.  *answer is owned and *group borrowed from it. */
static enum err_code find_group(
	struct call *call, json_t **answer, json_t **group, struct err *err)
{
	json_t *one;
	size_t i;

	*group = NULL;
	TRY(api_json(call, "GET", "/api/v1/metrics", NULL, answer, err));
	json_array_foreach(json_object_get(*answer, "data"), i, one) {
		if (same_group(call, json_object_get(one, "labels")))
			*group = one;
	}
	return ERR_NONE;
}

static const char *first_value(const json_t *group, const char *name)
{
	const json_t *metrics = json_object_get(json_object_get(group, name), "metrics");

	return json_str(json_array_get(metrics, 0), "value", NULL);
}

/* When it was pushed last; -1 when it is not there. */
static int64_t pushed_ms(const json_t *group)
{
	int64_t ms;

	return api_milli(first_value(group, "push_time_seconds"), &ms) ? ms : -1;
}

static bool is_own(const char *member)
{
	return str_eq(member, "labels") || str_eq(member, "last_push_successful") ||
	       str_eq(member, "push_time_seconds") ||
	       str_eq(member, "push_failure_time_seconds");
}

static bool known_type(const char *type)
{
	for (const char *const *t = types; *t != NULL; t++)
		if (str_eq(*t, type))
			return true;
	return false;
}

/* The group's metrics in the form of parameter metrics; NULL when that form cannot say them all
 * (histograms, several series of one name).  Owned. */
static json_t *as_metrics(const json_t *group)
{
	json_t *out = json_object(), *family;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)group, name, family) {
		char type[32];
		const json_t *rows = json_object_get(family, "metrics");
		const char *value = first_value(group, name);

		if (is_own(name))
			continue;
		snprintf(type, sizeof(type), "%s", json_str(family, "type", ""));
		for (char *c = type; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		if (json_array_size(rows) != 1 || value == NULL || !known_type(type)) {
			json_decref(out);
			return NULL;
		}
		json_put(out, name,
			json_pack("{s:s, s:s, s:s}", "value", value, "type", type, "help",
				json_str(family, "help", "")));
	}
	return out;
}

/* ------------------------------------------------------------------ metrics to push */

static bool is_number(const char *text)
{
	char *end;

	if (text == NULL || text[0] == '\0' || isspace((unsigned char)text[0]) ||
		strchr(text, '\n') != NULL)
		return false;
	(void)strtod(text, &end);
	return *end == '\0';
}

/* A whole number, a number as text, or {value, type, help}. */
static enum err_code take_metric(const char *name, const json_t *given, char **value,
	const char **type, const char **help, struct err *err)
{
	const json_t *v = json_is_object(given) ? json_object_get(given, "value") : given;

	*type = json_str(given, "type", "gauge");
	*help = json_str(given, "help", "");
	if (!valid_name(name, true) || str_starts(name, "push_"))
		return err_set(err, ERR_USAGE,
			"\"%s\" cannot be the name of a metric (letters, digits, _ and :, not "
			"push_…)",
			name);
	if (!known_type(*type))
		return err_set(err, ERR_USAGE,
			"metric \"%s\": type must be gauge, counter or untyped", name);
	if (json_is_integer(v))
		*value = xasprintf("%lld", (long long)json_integer_value(v));
	else if (is_number(json_string_value(v)))
		*value = xstrdup(json_string_value(v));
	else
		return err_set(err, ERR_USAGE,
			"metric \"%s\" must be a whole number, or a number as text", name);
	return ERR_NONE;
}

/* The text format of Prometheus. */
static enum err_code add_metric(struct buf *text, const char *name, const char *value,
	const char *type, const char *help, struct err *err)
{
	if (help[0] != '\0') {
		TRY(buf_addf(text, err, "# HELP %s ", name));
		for (; *help != '\0'; help++) {
			if (*help == '\n' || *help == '\\')
				TRY(buf_addf(text, err, "\\%c", *help == '\n' ? 'n' : '\\'));
			else
				TRY(buf_add(text, help, 1, err));
		}
		TRY(buf_addf(text, err, "\n"));
	}
	return buf_addf(text, err, "# TYPE %s %s\n%s %s\n", name, type, name, value);
}

static enum err_code make_text(const json_t *metrics, struct buf *text, struct err *err)
{
	const char *name, *type, *help;
	json_t *given;

	if (json_object_size(metrics) == 0 || json_object_size(metrics) > METRICS_MAX)
		return err_set(err, ERR_USAGE, "1 to %d metrics can be pushed", METRICS_MAX);
	json_object_foreach((json_t *)(uintptr_t)metrics, name, given) {
		char *value = NULL;

		TRY(take_metric(name, given, &value, &type, &help, err));
		const enum err_code code = add_metric(text, name, value, type, help, err);
		free(value);
		TRY(code);
	}
	return ERR_NONE;
}

/* How many of metrics the group holds with just that value. */
static size_t count_held(const json_t *group, const json_t *metrics)
{
	const char *name;
	json_t *given;
	size_t held = 0;

	json_object_foreach((json_t *)(uintptr_t)metrics, name, given) {
		struct err ignored = { 0 };
		const char *type, *help, *there = first_value(group, name);
		char *value = NULL;

		if (take_metric(name, given, &value, &type, &help, &ignored) == ERR_NONE &&
			there != NULL) {
			const double a = strtod(value, NULL), b = strtod(there, NULL);
			held += (isnan(a) && isnan(b)) || !(a < b || a > b);
		}
		free(value);
	}
	return held;
}

/* ------------------------------------------------------------------ operations */

static json_t *undo_args(struct call *call, json_t *metrics)
{
	json_t *args = json_pack("{s:s, s:O}", "job", call_string(call, "job"), "labels",
		call_json(call, "labels"));

	if (metrics != NULL)
		json_put(args, "metrics", metrics);
	return args;
}

/* What the group held before, and the way back to it. */
static enum err_code put_before(
	struct call *call, json_t *before, bool must_be_there, struct err *err)
{
	json_t *answer = NULL, *group, *old = NULL;

	TRY(find_group(call, &answer, &group, err));
	json_put_flag(before, "there", group != NULL);
	if (group != NULL) {
		old = as_metrics(group);
		json_put_int(before, "pushed_at_ms", pushed_ms(group));
		if (old != NULL)
			json_put(before, "metrics", json_incref(old));
	}
	if (old != NULL && json_object_size(old) > 0)
		json_put(before, "undo",
			json_pack("{s:s, s:o}", "op", "metric.push", "args",
				undo_args(call, json_incref(old))));
	else if (group == NULL && !must_be_there)
		json_put(before, "undo",
			json_pack("{s:s, s:o}", "op", "metric.delete", "args",
				undo_args(call, NULL)));
	const bool missing = must_be_there && group == NULL;
	json_decref(old);
	json_decref(answer);
	return missing ? err_set(err, ERR_NOT_FOUND,
				 "the gateway has no such group of job \"%s\"",
				 call_string(call, "job"))
		       : ERR_NONE;
}

static enum err_code prepare_push(struct call *call, json_t *before, struct err *err)
{
	struct buf text;
	enum err_code code;

	buf_init(&text, TEXT_MAX);
	code = make_text(call_json(call, "metrics"), &text, err);
	buf_release(&text);
	TRY(code);
	TRY(check_labels(call_json(call, "labels"), err));
	return put_before(call, before, false, err);
}

/* One request to the group's own path; what its body says must be taken as a whole. */
static enum err_code send(
	struct call *call, const char *method, const char *text, struct err *err)
{
	struct http_reply reply = { 0 };
	struct buf path;
	enum err_code code;

	buf_init(&path, HTTP_URL_MAX);
	code = group_path(call, &path, err);
	if (code == ERR_NONE) {
		code = api_request(call, method, path.data, text, "text/plain; version=0.0.4",
			&reply, err);
		http_reply_release(&reply);
	}
	buf_release(&path);
	return code;
}

static enum err_code run_push(struct call *call, json_t *result, struct err *err)
{
	const json_t *metrics = call_json(call, "metrics");
	json_t *answer = NULL, *group;
	struct buf text;
	enum err_code code;

	buf_init(&text, TEXT_MAX);
	code = make_text(metrics, &text, err);
	if (code == ERR_NONE)
		code = send(call, call_bool(call, "replace") ? "PUT" : "POST", text.data, err);
	buf_release(&text);
	TRY(code);
	code = find_group(call, &answer, &group, err);
	if (code == ERR_NONE && count_held(group, metrics) < json_object_size(metrics))
		code = err_set(err, ERR_CONFLICT,
			"the gateway took the push and holds %zu of its %zu values",
			count_held(group, metrics), json_object_size(metrics));
	if (code == ERR_NONE) {
		json_put_int(result, "pushed", (int64_t)json_object_size(metrics));
		json_put_int(result, "pushed_at_ms", pushed_ms(group));
	} else {
		err->world = WORLD_UNKNOWN;
	}
	json_decref(answer);
	return code;
}

/* The values are there and were pushed since: done.  The same push as before: not done. */
static enum err_code verify_push(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	const json_t *metrics = call_json(call, "metrics");
	const int64_t before_ms = json_int(call_before(call), "pushed_at_ms", -1);
	json_t *answer = NULL, *group;

	TRY(find_group(call, &answer, &group, err));
	const size_t held = count_held(group, metrics);
	json_put_int(evidence, "held", (int64_t)held);
	json_put_int(evidence, "of", (int64_t)json_object_size(metrics));
	json_put_int(evidence, "pushed_at_ms", pushed_ms(group));
	*verdict = VERDICT_CANNOT_TELL;
	if (pushed_ms(group) == before_ms)
		*verdict = VERDICT_NOT_DONE;
	else if (held == json_object_size(metrics))
		*verdict = VERDICT_DONE;
	else
		json_put_str(evidence, "reason",
			"somebody pushed since, and the values are not these");
	json_decref(answer);
	return ERR_NONE;
}

static enum err_code prepare_delete(struct call *call, json_t *before, struct err *err)
{
	TRY(check_labels(call_json(call, "labels"), err));
	return put_before(call, before, true, err);
}

static enum err_code run_delete(struct call *call, json_t *result, struct err *err)
{
	json_t *answer = NULL, *group;

	(void)result;
	TRY(send(call, "DELETE", NULL, err));
	/* it answers 202 and deletes a moment later */
	while (true) {
		enum err_code code = find_group(call, &answer, &group, err);
		json_decref(answer);
		answer = NULL;
		if (code == ERR_NONE && group == NULL)
			return ERR_NONE;
		if (code == ERR_NONE)
			code = call_sleep(call, 100, err);
		if (code != ERR_NONE) {
			err->world = WORLD_UNKNOWN;
			return err_context(err, "after the deletion was accepted");
		}
	}
}

static enum err_code verify_delete(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	json_t *answer = NULL, *group;

	TRY(find_group(call, &answer, &group, err));
	json_put_flag(evidence, "there", group != NULL);
	*verdict = group == NULL ? VERDICT_DONE : VERDICT_NOT_DONE;
	if (group != NULL &&
		pushed_ms(group) != json_int(call_before(call), "pushed_at_ms", -1)) {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason", "somebody pushed to the group since");
	}
	json_decref(answer);
	return ERR_NONE;
}

static enum err_code query(struct call *call, json_t *result, struct err *err)
{
	json_t *answer = NULL, *group, *family, *values = json_object();
	const char *name;

	json_put(result, "values", values);
	TRY(check_labels(call_json(call, "labels"), err));
	TRY(find_group(call, &answer, &group, err));
	json_put_flag(result, "there", group != NULL);
	if (group != NULL) {
		json_put_int(result, "pushed_at_ms", pushed_ms(group));
		json_put_int(result, "age_ms", wall_now().ns / 1000000 - pushed_ms(group));
	}
	json_object_foreach(group, name, family) {
		if (!is_own(name) && first_value(group, name) != NULL)
			json_put_str(values, name, first_value(group, name));
	}
	json_decref(answer);
	return ERR_NONE;
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	json_t *checks = json_array(), *answer = NULL;
	struct err why = { 0 };

	(void)err;
	json_put(report, "checks", checks);
	if (!api_probe(call, checks, "ready", "/-/ready"))
		return ERR_NONE;
	const bool ok =
		api_json(call, "GET", "/api/v1/status", NULL, &answer, &why) == ERR_NONE;
	const json_t *build =
		json_object_get(json_object_get(answer, "data"), "build_information");
	api_check(checks, "version", ok, ok ? json_str(build, "version", "?") : why.text);
	json_decref(answer);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

#define GROUP                                                                                  \
	{ .name = "job", .type = FIELD_STRING, .required = true, .help = "the group's job" },  \
	{                                                                                      \
		.name = "labels", .type = FIELD_MAP, .fallback = "{}",                         \
		.help = "the group's other labels"                                             \
	}

static const struct field settings[] = {
	{ .name = "url",
		.type = FIELD_STRING,
		.required = true,
		.help = "where the Pushgateway is, such as https://push.example.org" },
	HTTP_SETTINGS, FIELD_END
};
static const struct field push_params[] = { GROUP,
	{ .name = "metrics",
		.type = FIELD_MAP,
		.required = true,
		.help = "name = whole number, number as text, or {value, type, help}" },
	{ .name = "replace",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "the group holds nothing else afterwards; false: other names stay" },
	FIELD_END };
static const struct field group_params[] = { GROUP, FIELD_END };
static const struct field push_results[] = {
	{ .name = "pushed", .type = FIELD_INT, .help = "how many values, read back" },
	{ .name = "pushed_at_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "the gateway's time of it" },
	FIELD_END
};
static const struct field query_results[] = {
	{ .name = "there", .type = FIELD_BOOL, .help = "whether there is such a group" },
	{ .name = "values", .type = FIELD_MAP, .help = "name -> value, as text" },
	{ .name = "pushed_at_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "when it was pushed last" },
	{ .name = "age_ms", .type = FIELD_INT, .unit = "ms", .help = "how long ago that is" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "metric",
		.verb = "query",
		.effect = EFFECT_READ,
		.params = group_params,
		.results = query_results,
		.run = query,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "what a group holds and how old it is" },
	{ .capability = "metric",
		.verb = "push",
		.effect = EFFECT_CHANGE,
		.params = push_params,
		.results = push_results,
		.prepare = prepare_push,
		.run = run_push,
		.verify = verify_push,
		.undo = "metric.push",
		.cancel_help = "at once; what was sent may still take effect",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "put values into a group and read them back" },
	{ .capability = "metric",
		.verb = "delete",
		.effect = EFFECT_CHANGE,
		.params = group_params,
		.prepare = prepare_delete,
		.run = run_delete,
		.verify = verify_delete,
		.undo = "metric.delete",
		.cancel_help = "between polls; the deletion stays",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "take a group out of the gateway" },
	OPERATION_END
};

const struct provider pushgateway_provider = {
	.name = "pushgateway",
	.summary = "Prometheus Pushgateway: values of a run",
	.source = "Pushgateway 1.5, README",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
