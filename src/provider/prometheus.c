/* prometheus.c: what a Prometheus server measures and which of its alerts are on.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/ ("HTTP API", 2.42)
 *
 * Numbers stay the text they came as, with a whole number of thousandths beside it.  The time
 * in an instant vector is the time of the evaluation and says nothing about how old the sample
 * is: Prometheus goes on answering with the last one for five minutes.  So the age of a plain
 * series is asked for on its own, with timestamp(). */
#include "internal.h"

#include "api.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 1000 };

static const char *const alarm_states[] = { "any", "firing", "pending", NULL };

/* ------------------------------------------------------------------ query */

/* name{label="value"} and nothing else: the only form of which timestamp() tells the age. */
static bool plain_series(const char *query)
{
	const char *s = query;
	char quote = '\0';

	while (isspace((unsigned char)*s))
		s++;
	while (isalnum((unsigned char)*s) || *s == '_' || *s == ':')
		s++;
	while (isspace((unsigned char)*s))
		s++;
	if (*s == '{') {
		for (s++; *s != '\0' && (quote != '\0' || *s != '}'); s++) {
			if (quote != '\0' && *s == '\\' && quote != '`' && s[1] != '\0')
				s++;
			else if (*s == quote)
				quote = '\0';
			else if (quote == '\0' && (*s == '"' || *s == '\'' || *s == '`'))
				quote = *s;
		}
		if (*s != '}')
			return false;
		s++;
	}
	while (isspace((unsigned char)*s))
		s++;
	return *s == '\0' && s != query && !isdigit((unsigned char)query[0]);
}

/* The "data" of an instant query; at_ms 0 = now.  Owned. */
static enum err_code instant(struct call *call, const char *query, const char *around,
	int64_t at_ms, json_t **data, json_t *warnings, struct err *err)
{
	char *whole = around != NULL ? xasprintf("%s(%s)", around, query) : xstrdup(query);
	struct buf path;
	json_t *answer = NULL, *warning;
	size_t i;
	enum err_code code;

	buf_init(&path, HTTP_URL_MAX);
	code = buf_addf(&path, err, "/api/v1/query?timeout=%lldms&query=",
		(long long)(call_left_ms(call) > 1 ? call_left_ms(call) : 1));
	if (code == ERR_NONE)
		code = http_escape(whole, &path, err);
	if (code == ERR_NONE && at_ms > 0)
		code = buf_addf(&path, err, "&time=%lld.%03lld", (long long)(at_ms / 1000),
			(long long)(at_ms % 1000));
	if (code == ERR_NONE)
		code = api_json(call, "GET", path.data, NULL, &answer, err);
	if (code == ERR_NONE && !json_is_object(json_object_get(answer, "data")))
		code = err_set(err, ERR_PROTOCOL, "the answer of Prometheus has no \"data\"");
	if (code == ERR_NONE) {
		*data = json_incref(json_object_get(answer, "data"));
		json_array_foreach(json_object_get(answer, "warnings"), i, warning)
			json_array_append(warnings, warning);
	}
	json_decref(answer);
	buf_release(&path);
	free(whole);
	return code;
}

/* [1435781430.781, "1"] */
static bool take_point(const json_t *point, int64_t *at_ms, const char **value)
{
	const json_t *time = json_array_get(point, 0);

	*value = json_string_value(json_array_get(point, 1));
	if (!json_is_number(time) || *value == NULL || fabs(json_number_value(time)) > 9e12)
		return false;
	*at_ms = llround(json_number_value(time) * 1000.0);
	return true;
}

static json_t *without_name(const json_t *metric)
{
	json_t *labels = json_copy((json_t *)(uintptr_t)metric);

	json_object_del(labels, "__name__");
	return labels;
}

/* The sample times that timestamp() gave, by their labels: the text of the labels -> ms. */
static json_t *times_of(const json_t *data)
{
	json_t *times = json_object(), *row;
	size_t i;

	json_array_foreach(json_object_get(data, "result"), i, row) {
		json_t *labels = without_name(json_object_get(row, "metric"));
		char *key = json_line(labels);
		const char *value;
		int64_t at_ms, sampled_ms;

		if (take_point(json_object_get(row, "value"), &at_ms, &value) &&
			api_milli(value, &sampled_ms))
			json_put_int(times, key, sampled_ms);
		free(key);
		json_decref(labels);
	}
	return times;
}

static void put_value(json_t *sample, const char *value)
{
	int64_t milli;

	json_put_str(sample, "value", value);
	if (api_milli(value, &milli))
		json_put_int(sample, "milli", milli);
}

static enum err_code take_vector(const json_t *data, const json_t *times, json_t *samples,
	int64_t *evaluated_ms, struct err *err)
{
	json_t *rows = json_object_get(data, "result"), *row;
	size_t i;

	if (json_array_size(rows) > SAMPLES_MAX)
		return err_set(err, ERR_LIMIT, "the query gives %zu series, allowed are %d",
			json_array_size(rows), SAMPLES_MAX);
	json_array_foreach(rows, i, row) {
		json_t *sample = json_object();
		json_t *labels = without_name(json_object_get(row, "metric"));
		char *key = json_line(labels);
		const char *value;

		json_array_append_new(samples, sample);
		const int64_t sampled_ms = json_int(times, key, -1);
		free(key);
		json_put(sample, "labels", labels);
		if (!take_point(json_object_get(row, "value"), evaluated_ms, &value))
			return err_set(err, ERR_PROTOCOL,
				"a sample of the answer has no time and value");
		put_value(sample, value);
		if (sampled_ms >= 0) {
			json_put_int(sample, "at_ms", sampled_ms);
			json_put_int(sample, "age_ms",
				*evaluated_ms > sampled_ms ? *evaluated_ms - sampled_ms : 0);
		}
	}
	return ERR_NONE;
}

static enum err_code take_data(struct call *call, const json_t *data, bool series,
	json_t *samples, int64_t *evaluated_ms, json_t *warnings, struct err *err)
{
	const char *query = call_string(call, "query");
	const char *type = json_str(data, "resultType", "?");
	json_t *at = NULL, *times = NULL;
	const char *value;
	enum err_code code;

	if (str_eq(type, "scalar") || str_eq(type, "string")) {
		json_t *sample = json_pack("{s:{}}", "labels");

		json_array_append_new(samples, sample);
		if (!take_point(json_object_get(data, "result"), evaluated_ms, &value))
			return err_set(err, ERR_PROTOCOL, "the %s has no time and value", type);
		put_value(sample, value);
		return ERR_NONE;
	}
	if (!str_eq(type, "vector"))
		return err_set(err, ERR_USAGE,
			"the query gives a %s, which has no one value; ask for an instant",
			type);
	/* the first one's time of evaluation, so that both answers are about the same instant
	 */
	const json_t *first = json_array_get(json_object_get(data, "result"), 0);
	if (first != NULL)
		(void)take_point(json_object_get(first, "value"), evaluated_ms, &value);
	if (series && first != NULL) {
		TRY(instant(call, query, "timestamp", *evaluated_ms, &at, warnings, err));
		times = times_of(at);
	}
	code = take_vector(data, times, samples, evaluated_ms, err);
	json_decref(times);
	json_decref(at);
	return code;
}

/* A sample that is older than max_age, or whose age nobody can tell. */
static enum err_code check_ages(const json_t *samples, int64_t max_ms, struct err *err)
{
	size_t i;
	json_t *sample;
	char age[24], max[24];

	json_array_foreach((json_t *)(uintptr_t)samples, i, sample) {
		const int64_t age_ms = json_int(sample, "age_ms", -1);
		char *labels = json_line(json_object_get(sample, "labels"));

		if (age_ms < 0)
			err_set(err, ERR_PRECONDITION,
				"Prometheus does not tell how old %.300s is", labels);
		else if (age_ms > max_ms)
			err_set(err, ERR_PRECONDITION,
				"the sample of %.300s is %s old, allowed is %s", labels,
				format_duration(age, sizeof(age), age_ms),
				format_duration(max, sizeof(max), max_ms));
		free(labels);
		if (age_ms < 0 || age_ms > max_ms)
			return ERR_PRECONDITION;
	}
	return ERR_NONE;
}

static enum err_code query(struct call *call, json_t *result, struct err *err)
{
	const char *text = call_string(call, "query");
	const bool series = plain_series(text);
	json_t *data = NULL, *samples = json_array(), *warnings = json_array();
	int64_t evaluated_ms = 0;
	enum err_code code;

	json_put(result, "samples", samples);
	json_put(result, "warnings", warnings);
	if (call_has(call, "max_age") && !series)
		return err_set(err, ERR_USAGE,
			"the age of what an expression gives cannot be told; with max_age ask "
			"for "
			"the series itself");
	code = instant(call, text, NULL, call_int(call, "at_ms"), &data, warnings, err);
	if (code == ERR_NONE)
		code = take_data(call, data, series, samples, &evaluated_ms, warnings, err);
	json_decref(data);
	TRY(code);
	json_put_int(result, "count", (int64_t)json_array_size(samples));
	json_put_int(result, "evaluated_at_ms", evaluated_ms);
	json_put_str(result, "basis", series ? "sample" : "evaluation");
	if (json_array_size(samples) == 0 && !call_bool(call, "allow_empty"))
		return err_set(err, ERR_NOT_FOUND,
			"\"%.300s\" gives no series: that is not zero, nobody measures it",
			text);
	if (json_array_size(samples) == 1)
		json_object_update_missing(result, json_array_get(samples, 0));
	return call_has(call, "max_age") ? check_ages(samples, call_int(call, "max_age"), err)
					 : ERR_NONE;
}

/* ------------------------------------------------------------------ alerts */

static bool wanted(struct call *call, const json_t *alert)
{
	const char *state = call_string(call, "state"), *name = call_string(call, "name");
	const json_t *labels = json_object_get(alert, "labels");

	return (str_eq(state, "any") || str_eq(state, json_str(alert, "state", ""))) &&
	       (name == NULL || str_eq(name, json_str(labels, "alertname", ""))) &&
	       api_labels_match(labels, call_json(call, "labels"));
}

static json_t *alarm_of(const json_t *alert)
{
	const json_t *labels = json_object_get(alert, "labels");
	const int64_t active_ms = api_time_ms(json_str(alert, "activeAt", ""));
	json_t *alarm = json_pack("{s:s, s:s, s:O}", "name", json_str(labels, "alertname", ""),
		"state", json_str(alert, "state", ""), "labels", labels);

	put_value(alarm, json_str(alert, "value", ""));
	if (active_ms >= 0)
		json_put_int(alarm, "active_at_ms", active_ms);
	return alarm;
}

static enum err_code alarms(struct call *call, json_t *result, struct err *err)
{
	json_t *answer = NULL, *list = json_array(), *alert;
	int64_t firing = 0, pending = 0;
	size_t i;

	json_put(result, "alarms", list);
	TRY(api_json(call, "GET", "/api/v1/alerts", NULL, &answer, err));
	const json_t *alerts = json_object_get(json_object_get(answer, "data"), "alerts");
	if (!json_is_array(alerts)) {
		json_decref(answer);
		return err_set(err, ERR_PROTOCOL, "the answer of Prometheus has no alerts");
	}
	json_array_foreach((json_t *)(uintptr_t)alerts, i, alert) {
		if (!wanted(call, alert) || json_array_size(list) == SAMPLES_MAX)
			continue;
		json_array_append_new(list, alarm_of(alert));
		firing += str_eq(json_str(alert, "state", ""), "firing");
		pending += str_eq(json_str(alert, "state", ""), "pending");
	}
	json_put_int(result, "firing", firing);
	json_put_int(result, "pending", pending);
	json_decref(answer);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ doctor */

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	json_t *checks = json_array(), *answer = NULL;
	struct err why = { 0 };

	(void)err;
	json_put(report, "checks", checks);
	if (!api_probe(call, checks, "ready", "/-/ready"))
		return ERR_NONE;
	const bool ok = api_json(call, "GET", "/api/v1/status/buildinfo", NULL, &answer,
				&why) == ERR_NONE;
	const char *version = json_str(json_object_get(answer, "data"), "version", "?");
	api_check(checks, "version", ok && version[0] >= '2', ok ? version : why.text);
	json_decref(answer);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "url",
		.type = FIELD_STRING,
		.required = true,
		.help = "where Prometheus is, such as https://prometheus.example.org" },
	HTTP_SETTINGS, FIELD_END
};
static const struct field query_params[] = {
	{ .name = "query", .type = FIELD_STRING, .required = true, .help = "PromQL" },
	{ .name = "at_ms",
		.type = FIELD_INT,
		.min = 1,
		.unit = "ms",
		.help = "evaluate at this time (since 1970); now when absent" },
	{ .name = "max_age",
		.type = FIELD_DURATION,
		.unit = "ms",
		.help = "refuse samples older than this; only for a plain series" },
	{ .name = "allow_empty",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "no series at all is no error" },
	FIELD_END
};
static const struct field query_results[] = {
	{ .name = "value",
		.type = FIELD_STRING,
		.help = "as it came; with exactly one series" },
	{ .name = "milli",
		.type = FIELD_INT,
		.help = "the value times 1000, rounded; absent for NaN, infinity and what is "
			"too "
			"large" },
	{ .name = "at_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "when it was measured; only of a plain series" },
	{ .name = "age_ms", .type = FIELD_INT, .unit = "ms", .help = "its age; likewise" },
	{ .name = "labels", .type = FIELD_MAP, .help = "of that series" },
	{ .name = "samples",
		.type = FIELD_ANY,
		.help = "each: labels, value, milli, at_ms, age_ms; at most 1000" },
	{ .name = "count", .type = FIELD_INT, .help = "how many series" },
	{ .name = "evaluated_at_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "the server's time of evaluation" },
	{ .name = "basis",
		.type = FIELD_STRING,
		.help = "sample (at_ms is the sample's) or evaluation (its age is not known)" },
	{ .name = "warnings", .type = FIELD_STRINGS, .help = "what the server warned of" },
	FIELD_END
};
static const struct field alarms_params[] = {
	{ .name = "name", .type = FIELD_STRING, .help = "only alerts of this name" },
	{ .name = "labels",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "only alerts with these labels" },
	{ .name = "state",
		.type = FIELD_CHOICE,
		.choices = alarm_states,
		.fallback = "any",
		.help = "only alerts in this state" },
	FIELD_END
};
static const struct field alarms_results[] = {
	{ .name = "firing", .type = FIELD_INT, .help = "how many fire" },
	{ .name = "pending", .type = FIELD_INT, .help = "how many are about to" },
	{ .name = "alarms",
		.type = FIELD_ANY,
		.help = "each: name, state, labels, value, milli, active_at_ms" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "metric",
		.verb = "query",
		.effect = EFFECT_READ,
		.params = query_params,
		.results = query_results,
		.run = query,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "evaluate an expression and say how old what it gives is" },
	{ .capability = "metric",
		.verb = "alarms",
		.effect = EFFECT_READ,
		.params = alarms_params,
		.results = alarms_results,
		.run = alarms,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "which alerts fire or are pending" },
	OPERATION_END
};

const struct provider prometheus_provider = {
	.name = "prometheus",
	.summary = "Prometheus: measured values and alerts",
	.source = "Prometheus 2.42, HTTP API v1",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
