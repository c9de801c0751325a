/* alertmanager.c: silences with an end, and the alerts Alertmanager holds.
 * Source: Alertmanager 0.25, api/v2/openapi.yaml
 *
 * Alertmanager gives a silence its id only when it is made, and making it twice makes two.  So
 * there is at most one of ours for the same matchers: it is found again by them and by who made
 * it, and one that is there is lengthened.  The call's key stands in the comment, for verify.
 */
#include "internal.h"

#include "api.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 1000, MATCHERS_MAX = 50 };

#define SILENCES "/api/v2/silences"
#define MAKER "drillbook"

static const char *const alarm_states[] = { "any", "active", "suppressed", NULL };

/* ------------------------------------------------------------------ silences as they are */

/* Exactly the matchers wanted: as many, each equal. */
static bool same_matchers(const json_t *silence, const json_t *wanted)
{
	const json_t *matchers = json_object_get(silence, "matchers");
	size_t i;
	json_t *m;

	if (json_array_size(matchers) != json_object_size(wanted))
		return false;
	json_array_foreach((json_t *)(uintptr_t)matchers, i, m) {
		const char *value = json_str(wanted, json_str(m, "name", ""), NULL);

		if (!str_eq(value, json_str(m, "value", "")) ||
			json_flag(m, "isRegex", false) || !json_flag(m, "isEqual", true))
			return false;
	}
	return true;
}

static const char *state_of(const json_t *silence)
{
	return json_str(json_object_get(silence, "status"), "state", "?");
}

static bool in_force(const json_t *silence)
{
	return str_eq(state_of(silence), "active") || str_eq(state_of(silence), "pending");
}

static int64_t end_of(const json_t *silence)
{
	return api_time_ms(json_str(silence, "endsAt", ""));
}

static enum err_code check_matchers(const json_t *matchers, struct err *err)
{
	const char *name;
	json_t *value;
	const size_t count = json_object_size(matchers);

	if (count == 0 || count > MATCHERS_MAX)
		return err_set(err, ERR_USAGE, "a silence needs 1 to %d matchers: label = text",
			MATCHERS_MAX);
	json_object_foreach((json_t *)(uintptr_t)matchers, name, value) {
		if (json_string_length(value) == 0)
			return err_set(err, ERR_USAGE,
				"matcher \"%s\" must be text that is not empty", name);
	}
	return ERR_NONE;
}

/* Ours for these matchers, in force; NULL when there is none.  *all is owned. */
static enum err_code find_ours(struct call *call, const json_t *matchers, json_t **all,
	json_t **found, struct err *err)
{
	json_t *silence;
	size_t i;

	*found = NULL;
	TRY(api_json(call, "GET", SILENCES, NULL, all, err));
	json_array_foreach(*all, i, silence) {
		if (in_force(silence) && same_matchers(silence, matchers) &&
			str_eq(json_str(silence, "createdBy", ""), MAKER) &&
			(*found == NULL || end_of(silence) > end_of(*found)))
			*found = silence;
	}
	return ERR_NONE;
}

static enum err_code get_silence(
	struct call *call, const char *id, json_t **silence, struct err *err)
{
	struct buf path;
	enum err_code code;

	buf_init(&path, HTTP_URL_MAX);
	code = buf_addf(&path, err, "/api/v2/silence/");
	if (code == ERR_NONE)
		code = http_escape(id, &path, err);
	if (code == ERR_NONE)
		code = api_json(call, "GET", path.data, NULL, silence, err);
	buf_release(&path);
	return code;
}

/* ------------------------------------------------------------------ metric.silence */

/* When it is to end: until_ms, or so long from now. */
static int64_t wanted_end(struct call *call)
{
	return call_has(call, "until_ms") ? call_int(call, "until_ms")
					  : wall_now().ns / 1000000 + call_int(call, "length");
}

static enum err_code prepare_silence(struct call *call, json_t *before, struct err *err)
{
	const json_t *matchers = call_json(call, "matchers");
	json_t *all = NULL, *ours;

	TRY(check_matchers(matchers, err));
	if (call_has(call, "until_ms") == call_has(call, "length"))
		return err_set(err, ERR_USAGE, "name one of length and until_ms");
	if (wanted_end(call) <= wall_now().ns / 1000000)
		return err_set(err, ERR_USAGE, "the silence would have ended already");
	TRY(find_ours(call, matchers, &all, &ours, err));
	json_t *args = json_pack("{s:O}", "matchers", matchers);
	if (ours != NULL) { /* it was there before: undo gives it its old end */
		json_put_str(before, "id", json_str(ours, "id", ""));
		json_put_int(before, "ends_at_ms", end_of(ours));
		json_put_int(args, "until_ms", end_of(ours));
	}
	json_put(before, "undo",
		json_pack("{s:s, s:o}", "op",
			ours != NULL ? "metric.silence" : "metric.unsilence", "args", args));
	json_decref(all);
	return ERR_NONE;
}

static json_t *silence_body(struct call *call, const json_t *old, int64_t end_ms)
{
	json_t *matchers = json_array(), *value, *body;
	const char *name;
	char now[32], end[32], *comment;
	const json_t *map = call_json(call, "matchers");

	json_object_foreach((json_t *)(uintptr_t)map, name, value) {
		json_array_append_new(
			matchers, json_pack("{s:s, s:O, s:b, s:b}", "name", name, "value",
					  value, "isRegex", 0, "isEqual", 1));
	}
	wall_format(now, sizeof(now), wall_now());
	wall_format(end, sizeof(end), (struct wall){ end_ms * 1000000 });
	comment = xasprintf("%s [%s]", call_string(call, "comment"), call_key(call));
	body = json_pack("{s:o, s:s, s:s, s:s, s:o}", "matchers", matchers, "startsAt",
		old != NULL ? json_str(old, "startsAt", now) : now, "endsAt", end, "createdBy",
		MAKER, "comment", json_text(comment, strlen(comment)));
	if (old != NULL)
		json_put_str(body, "id", json_str(old, "id", ""));
	free(comment);
	return body;
}

static enum err_code run_silence(struct call *call, json_t *result, struct err *err)
{
	json_t *all = NULL, *ours, *answer = NULL, *now = NULL;
	const int64_t end_ms = wanted_end(call);
	enum err_code code = find_ours(call, call_json(call, "matchers"), &all, &ours, err);

	err->world = WORLD_UNCHANGED;
	TRY(code);
	json_t *body = silence_body(call, ours, end_ms);
	code = api_json(call, "POST", SILENCES, body, &answer, err);
	json_decref(body);
	json_decref(all);
	TRY(code);
	const char *id = json_str(answer, "silenceID", "");
	json_put_str(result, "id", id);
	code = get_silence(call, id, &now, err);
	if (code == ERR_NONE && !in_force(now))
		code = err_set(err, ERR_CONFLICT,
			"Alertmanager took the silence and calls it %s", state_of(now));
	if (code == ERR_NONE) {
		json_put_str(result, "state", state_of(now));
		json_put_int(result, "ends_at_ms", end_of(now));
	} else {
		err->world = WORLD_UNKNOWN;
	}
	json_decref(now);
	json_decref(answer);
	return code;
}

/* The comment of what run made holds the call's key, whatever became of it since. */
static enum err_code verify_silence(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	char *mark = xasprintf("[%s]", call_key(call));
	json_t *all = NULL, *silence;
	size_t i;
	const enum err_code code = api_json(call, "GET", SILENCES, NULL, &all, err);

	*verdict = VERDICT_NOT_DONE;
	json_array_foreach(all, i, silence) {
		if (!str_ends(json_str(silence, "comment", ""), mark) ||
			!same_matchers(silence, call_json(call, "matchers")))
			continue;
		*verdict = VERDICT_DONE;
		json_put_str(evidence, "id", json_str(silence, "id", ""));
		json_put_str(evidence, "state", state_of(silence));
		json_put(evidence, "result",
			json_pack("{s:s, s:s, s:I}", "id", json_str(silence, "id", ""), "state",
				state_of(silence), "ends_at_ms", (json_int_t)end_of(silence)));
		break;
	}
	json_decref(all);
	free(mark);
	return code;
}

/* ------------------------------------------------------------------ metric.unsilence */

/* The one named by id, or ours for the matchers.  *silence is owned. */
static enum err_code named_silence(struct call *call, json_t **silence, struct err *err)
{
	json_t *all = NULL, *found;

	if (call_has(call, "id") == call_has(call, "matchers"))
		return err_set(err, ERR_USAGE, "name one of id and matchers");
	if (call_has(call, "id"))
		return get_silence(call, call_string(call, "id"), silence, err);
	TRY(check_matchers(call_json(call, "matchers"), err));
	TRY(find_ours(call, call_json(call, "matchers"), &all, &found, err));
	*silence = json_incref(found);
	json_decref(all);
	return found != NULL ? ERR_NONE
			     : err_set(err, ERR_NOT_FOUND,
				       "no silence of ours with these matchers is in force");
}

/* Back again with metric.silence, when it can say what the silence said. */
static void put_silence_back(const json_t *silence, json_t *before)
{
	json_t *map = json_object(), *m;
	size_t i;

	json_array_foreach(json_object_get(silence, "matchers"), i, m)
		json_put_str(map, json_str(m, "name", ""), json_str(m, "value", ""));
	if (same_matchers(silence, map))
		json_put(before, "undo",
			json_pack("{s:s, s:{s:O, s:I}}", "op", "metric.silence", "args",
				"matchers", map, "until_ms", (json_int_t)end_of(silence)));
	json_decref(map);
}

static enum err_code prepare_unsilence(struct call *call, json_t *before, struct err *err)
{
	json_t *silence = NULL;

	TRY(named_silence(call, &silence, err));
	json_put_str(before, "id", json_str(silence, "id", ""));
	json_put_str(before, "state", state_of(silence));
	json_put_int(before, "ends_at_ms", end_of(silence));
	json_put_str(before, "comment", json_str(silence, "comment", ""));
	const bool over = !in_force(silence);
	if (!over)
		put_silence_back(silence, before);
	json_decref(silence);
	return over ? err_set(err, ERR_PRECONDITION, "the silence has ended already")
		    : ERR_NONE;
}

static enum err_code run_unsilence(struct call *call, json_t *result, struct err *err)
{
	const char *id = json_str(call_before(call), "id", "");
	struct http_reply reply = { 0 };
	json_t *silence = NULL;
	char path[300];
	enum err_code code;

	snprintf(path, sizeof(path), "/api/v2/silence/%.200s", id);
	code = api_request(call, "DELETE", path, NULL, NULL, &reply, err);
	http_reply_release(&reply);
	TRY(code);
	json_put_str(result, "id", id);
	code = get_silence(call, id, &silence, err);
	if (code == ERR_NONE && in_force(silence))
		code = err_set(err, ERR_CONFLICT, "the silence is still %s after it was ended",
			state_of(silence));
	if (code == ERR_NONE)
		json_put_str(result, "state", state_of(silence));
	else
		err->world = WORLD_UNKNOWN;
	json_decref(silence);
	return code;
}

static enum err_code verify_unsilence(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	const int64_t end_ms = json_int(call_before(call), "ends_at_ms", 0);
	json_t *silence = NULL;

	TRY(get_silence(call, json_str(call_before(call), "id", ""), &silence, err));
	json_put_str(evidence, "state", state_of(silence));
	json_put_int(evidence, "ends_at_ms", end_of(silence));
	*verdict = in_force(silence) ? VERDICT_NOT_DONE : VERDICT_DONE;
	if (!in_force(silence) && end_of(silence) >= end_ms) {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason", "the silence came to its own end");
	}
	json_decref(silence);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ reading */

static json_t *silence_row(const json_t *silence)
{
	return json_pack("{s:s, s:s, s:I, s:O?, s:s, s:s}", "id", json_str(silence, "id", ""),
		"state", state_of(silence), "ends_at_ms", (json_int_t)end_of(silence),
		"matchers", json_object_get(silence, "matchers"), "comment",
		json_str(silence, "comment", ""), "created_by",
		json_str(silence, "createdBy", ""));
}

static enum err_code silences(struct call *call, json_t *result, struct err *err)
{
	json_t *all = NULL, *list = json_array(), *silence;
	int64_t active = 0;
	size_t i;

	json_put(result, "silences", list);
	TRY(api_json(call, "GET", SILENCES, NULL, &all, err));
	json_array_foreach(all, i, silence) {
		if (!in_force(silence) || json_array_size(list) == LIST_MAX)
			continue;
		json_array_append_new(list, silence_row(silence));
		active += str_eq(state_of(silence), "active");
	}
	json_put_int(result, "active", active);
	json_decref(all);
	return ERR_NONE;
}

static json_t *alarm_row(const json_t *alert)
{
	const json_t *status = json_object_get(alert, "status");
	const json_t *labels = json_object_get(alert, "labels");

	return json_pack("{s:s, s:s, s:O?, s:O?, s:I}", "name",
		json_str(labels, "alertname", ""), "state", json_str(status, "state", "?"),
		"labels", labels, "silenced_by", json_object_get(status, "silencedBy"),
		"starts_at_ms", (json_int_t)api_time_ms(json_str(alert, "startsAt", "")));
}

static enum err_code alarms(struct call *call, json_t *result, struct err *err)
{
	const char *state = call_string(call, "state"), *name = call_string(call, "name");
	json_t *all = NULL, *list = json_array(), *alert;
	int64_t active = 0, suppressed = 0;
	size_t i;

	json_put(result, "alarms", list);
	TRY(api_json(call, "GET", "/api/v2/alerts", NULL, &all, err));
	json_array_foreach(all, i, alert) {
		const json_t *labels = json_object_get(alert, "labels");
		const char *is = json_str(json_object_get(alert, "status"), "state", "?");

		if ((!str_eq(state, "any") && !str_eq(state, is)) ||
			(name != NULL && !str_eq(name, json_str(labels, "alertname", ""))) ||
			!api_labels_match(labels, call_json(call, "labels")))
			continue;
		active += str_eq(is, "active");
		suppressed += str_eq(is, "suppressed");
		if (json_array_size(list) < LIST_MAX)
			json_array_append_new(list, alarm_row(alert));
	}
	json_put_int(result, "active", active);
	json_put_int(result, "suppressed", suppressed);
	json_decref(all);
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
		api_json(call, "GET", "/api/v2/status", NULL, &answer, &why) == ERR_NONE;
	api_check(checks, "version", ok,
		ok ? json_str(json_object_get(answer, "versionInfo"), "version", "?")
		   : why.text);
	json_decref(answer);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "url",
		.type = FIELD_STRING,
		.required = true,
		.help = "where Alertmanager is, such as https://alerts.example.org" },
	HTTP_SETTINGS, FIELD_END
};
static const struct field silence_params[] = {
	{ .name = "matchers",
		.type = FIELD_MAP,
		.required = true,
		.help = "the labels an alert must have, each with its value" },
	{ .name = "length",
		.type = FIELD_DURATION,
		.unit = "ms",
		.min = 1000,
		.max = 7 * 86400000LL,
		.help = "how long, from now; at most a week" },
	{ .name = "until_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.min = 1,
		.help = "or until this time (since 1970)" },
	{ .name = "comment",
		.type = FIELD_STRING,
		.fallback = "silenced for a run",
		.help = "what others read beside it" },
	FIELD_END
};
static const struct field unsilence_params[] = {
	{ .name = "id", .type = FIELD_STRING, .help = "what metric.silence returned" },
	{ .name = "matchers",
		.type = FIELD_MAP,
		.help = "or the matchers of a silence that drillbook made" },
	FIELD_END
};
static const struct field silence_results[] = {
	{ .name = "id", .type = FIELD_STRING, .help = "Alertmanager's name for it" },
	{ .name = "state", .type = FIELD_STRING, .help = "as read again" },
	{ .name = "ends_at_ms", .type = FIELD_INT, .unit = "ms", .help = "when it ends" },
	FIELD_END
};
static const struct field silences_results[] = {
	{ .name = "active", .type = FIELD_INT, .help = "how many are in force now" },
	{ .name = "silences",
		.type = FIELD_ANY,
		.help = "each: id, state, ends_at_ms, matchers, comment, created_by" },
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
	{ .name = "active", .type = FIELD_INT, .help = "how many are told to somebody" },
	{ .name = "suppressed",
		.type = FIELD_INT,
		.help = "how many are silenced or inhibited" },
	{ .name = "alarms",
		.type = FIELD_ANY,
		.help = "each: name, state, labels, silenced_by, starts_at_ms" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "metric",
		.verb = "alarms",
		.effect = EFFECT_READ,
		.params = alarms_params,
		.results = alarms_results,
		.run = alarms,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "the alerts Alertmanager holds, and which of them nobody is told of" },
	{ .capability = "metric",
		.verb = "silences",
		.effect = EFFECT_READ,
		.results = silences_results,
		.run = silences,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "the silences in force" },
	{ .capability = "metric",
		.verb = "silence",
		.effect = EFFECT_CHANGE,
		.params = silence_params,
		.results = silence_results,
		.prepare = prepare_silence,
		.run = run_silence,
		.verify = verify_silence,
		.undo = "metric.silence",
		.cancel_help = "at once; what was sent may still take effect",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "tell nobody of these alerts for a while" },
	{ .capability = "metric",
		.verb = "unsilence",
		.effect = EFFECT_CHANGE,
		.params = unsilence_params,
		.results = silence_results,
		.prepare = prepare_unsilence,
		.run = run_unsilence,
		.verify = verify_unsilence,
		.undo = "metric.unsilence",
		.cancel_help = "at once; what was sent may still take effect",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "end a silence before its time" },
	OPERATION_END
};

const struct provider alertmanager_provider = {
	.name = "alertmanager",
	.summary = "Alertmanager: silences and alerts",
	.source = "Alertmanager 0.25, api/v2/openapi.yaml",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
