/* http.c: HTTP services: declared actions, and the provider's tables.
 *
 * An action is a template of a request.  An argument in its path is percent-encoded and cannot
 * add a segment, in its JSON body it is one JSON value, in a header it may hold no line break.
 */
#include "internal.h"

#include "declared.h"
#include "http.h"

#include <stdlib.h>
#include <string.h>

enum { BODY_RESULT_MAX = 64 << 10, ACTION_BODY_MAX = 4 << 20 };

static const char *const members[] = { "body", "contains", "effect", "expect_status",
	"fails_clean", "headers", "help", "json", "method", "not_done_status", "output",
	"params", "path", "timeout", "undo", "verify", "with_secret", NULL };
static const char *const methods[] = { "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", NULL };
static const int gone_status[] = { 404, 410, -1 };

/* ------------------------------------------------------------------ the target's settings */

enum err_code http_target_header(struct http_target *target, const char *name,
	const char *value, bool secret, struct err *err)
{
	struct http_request *r = &target->request;

	if (r->header_count == HTTP_HEADERS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d headers", HTTP_HEADERS_MAX);
	target->headers[r->header_count++] =
		(struct http_header){ .name = name, .value = value, .secret = secret };
	return ERR_NONE;
}

static enum err_code add_headers(struct http_target *target, const json_t *map, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)map, name, value) {
		if (!json_is_string(value))
			return err_set(err, ERR_USAGE, "header \"%s\" must be text", name);
		TRY(http_target_header(target, name, json_string_value(value), false, err));
	}
	return ERR_NONE;
}

static enum err_code add_secret(struct http_target *target, struct call *call, struct err *err)
{
	const char *name = setting_string(call, "secret_header");
	const char *prefix = setting_string(call, "secret_prefix");
	size_t len;
	const char *secret = call_secret(call, "secret", &len);

	if (secret == NULL)
		return setting_has(call, "secret")
			       ? err_set(err, ERR_AUTH,
					 "the secret of target \"%s\" is not there",
					 call_target(call))
			       : ERR_NONE;
	if (strlen(secret) != len || strpbrk(secret, "\r\n") != NULL)
		return err_set(err, ERR_AUTH, "the secret of target \"%s\" is no line of text",
			call_target(call));
	if (prefix == NULL)
		prefix = str_eq(name, "Authorization") ? "Bearer " : "";
	target->secret = xasprintf("%s%s", prefix, secret);
	return http_target_header(target, name, target->secret, true, err);
}

enum err_code http_target_init(struct http_target *target, struct call *call, const char *path,
	bool with_secret, int64_t timeout_ms, struct err *err)
{
	*target = (struct http_target){ 0 };
	struct http_request *r = &target->request;
	const bool ours = path == NULL || !http_is_url(path);

	TRY(http_url_join(setting_string(call, "url"), path, &target->url, err));
	r->url = target->url;
	r->headers = target->headers;
	r->timeout_ms = timeout_ms < call_left_ms(call) ? timeout_ms : call_left_ms(call);
	r->connect_ms = setting_int(call, "connect_timeout");
	r->ca_file = setting_string(call, "ca_file");
	r->proxy = setting_string(call, "proxy");
	r->allow_http = setting_bool(call, "allow_http");
	r->stop = call_stop_flag(call);
	TRY(add_headers(target, setting_json(call, "headers"), err));
	return with_secret && ours ? add_secret(target, call, err) : ERR_NONE;
}

void http_target_release(struct http_target *target)
{
	if (target->secret != NULL)
		explicit_bzero(target->secret, strlen(target->secret));
	free(target->secret);
	free(target->url);
}

/* ------------------------------------------------------------------ an action's request */

struct action {
	struct call *call;
	const struct declared *declared;
	struct http_target target;
	struct http_reply reply;
	struct buf path, body;
	char *values[HTTP_HEADERS_MAX]; /* of its own headers */
	size_t value_count;
	char what[512]; /* "POST https://…", for messages */
	bool sent;
};

static void action_init(struct action *a, struct call *call, const struct declared *d)
{
	*a = (struct action){ .call = call, .declared = d };
	buf_init(&a->path, HTTP_URL_MAX);
	buf_init(&a->body, DECLARED_TEXT_MAX);
	buf_init(&a->reply.body, 1);
}

static void action_release(struct action *a)
{
	for (size_t i = 0; i < a->value_count; i++)
		free(a->values[i]);
	buf_release(&a->path);
	buf_release(&a->body);
	http_reply_release(&a->reply);
	http_target_release(&a->target);
}

/* An empty value or a dot segment would make it another path: "/items/{id}" would become
 * "/items/". */
static enum err_code encode_path(const char *value, struct buf *out, struct err *err)
{
	const bool in_query = out->len > 0 && memchr(out->data, '?', out->len) != NULL;

	if (!in_query && (value[0] == '\0' || str_eq(value, ".") || str_eq(value, "..")))
		return err_set(err, ERR_USAGE, "\"%s\" cannot be part of a path", value);
	return http_escape(value, out, err);
}

static enum err_code make_headers(struct action *a, struct err *err)
{
	json_t *map = json_object_get(a->declared->action, "headers");
	const char *name;
	json_t *value;

	json_object_foreach(map, name, value) {
		struct buf text;
		char where[128];

		if (!json_is_string(value) || a->value_count == HTTP_HEADERS_MAX)
			return err_set(err, ERR_WORKSPACE,
				"action \"%s\": headers must map names to texts",
				a->declared->name);
		buf_init(&text, HTTP_URL_MAX);
		snprintf(where, sizeof(where), "header %.100s", name);
		const enum err_code code = declared_expand(a->declared,
			json_string_value(value), where, declared_plain, &text, err);
		if (code == ERR_NONE)
			a->values[a->value_count++] = xstrdup(text.len > 0 ? text.data : "");
		buf_release(&text);
		TRY(code);
		TRY(http_target_header(
			&a->target, name, a->values[a->value_count - 1], false, err));
	}
	return ERR_NONE;
}

static enum err_code make_body(struct action *a, struct err *err)
{
	const struct declared *d = a->declared;
	const json_t *json = json_object_get(d->action, "json");
	const char *body = json_str(d->action, "body", NULL);
	json_t *made = NULL;

	if (json != NULL && body != NULL)
		return err_set(
			err, ERR_WORKSPACE, "action \"%s\" has a body and a json", d->name);
	if (body != NULL)
		TRY(declared_expand(d, body, "body", declared_plain, &a->body, err));
	if (json != NULL) {
		TRY(declared_expand_json(d, json, &made, err));
		char *line = json_line(made);
		const enum err_code code = buf_add(&a->body, line, strlen(line), err);
		free(line);
		json_decref(made);
		TRY(code);
		TRY(http_target_header(
			&a->target, "Content-Type", "application/json", false, err));
	}
	a->target.request.body = a->body.len > 0 ? a->body.data : NULL;
	a->target.request.body_bytes = a->body.len;
	return ERR_NONE;
}

static enum err_code make_request(struct action *a, struct err *err)
{
	const struct declared *d = a->declared;
	const char *method = json_str(d->action, "method", "GET");
	const char *path = json_str(d->action, "path", NULL);
	int64_t timeout_ms = 0;
	bool known = false;

	for (const char *const *m = methods; *m != NULL; m++)
		known = known || str_eq(*m, method);
	if (!known)
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": method must be one of DELETE, GET, HEAD, PATCH, POST, "
			"PUT",
			d->name);
	if (path == NULL || path[0] != '/')
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": path must begin with / (it is put below the setting "
			"url)",
			d->name);
	TRY(declared_timeout(a->call, d, &timeout_ms, err));
	TRY(declared_expand(d, path, "path", encode_path, &a->path, err));
	TRY(http_target_init(&a->target, a->call, a->path.data,
		json_flag(d->action, "with_secret", true), timeout_ms, err));
	a->target.request.method = method;
	a->target.request.max_body_bytes = ACTION_BODY_MAX;
	snprintf(a->what, sizeof(a->what), "%s %.400s", method, a->target.url);
	TRY(make_headers(a, err));
	return make_body(a, err);
}

static enum err_code action_send(struct action *a, struct err *err)
{
	enum err_code code = make_request(a, err);

	if (code == ERR_NONE) {
		buf_release(&a->reply.body);
		code = http_perform(&a->target.request, &a->reply, err);
		a->sent = code == ERR_NONE || err->world != WORLD_UNCHANGED;
	}
	if (code != ERR_NONE)
		return err_context(err, "action \"%s\"", a->declared->name);
	return ERR_NONE;
}

static bool expected(const struct action *a)
{
	const json_t *list = json_object_get(a->declared->action, "expect_status");

	if (list != NULL)
		return declared_status_in(list, a->reply.status);
	return a->reply.status >= 200 && a->reply.status < 300;
}

static bool has_text(const struct http_reply *reply, const char *text)
{
	return text == NULL || (reply->body.len > 0 && memmem(reply->body.data, reply->body.len,
							       text, strlen(text)) != NULL);
}

/* ------------------------------------------------------------------ its result */

static enum err_code put_result(const struct action *a, json_t *result, struct err *err)
{
	const struct http_reply *reply = &a->reply;
	const char *form = json_str(a->declared->action, "output", "text");
	const char *text = json_str(a->declared->action, "contains", NULL);
	json_t *value = NULL;

	json_put_int(result, "status", reply->status);
	json_put_int(result, "latency_ms", reply->latency_ms);
	json_put_int(result, "body_bytes", (int64_t)reply->body.len);
	if (!has_text(reply, text))
		return err_set(err, ERR_FAILED,
			"action \"%s\": the answer does not hold \"%.100s\"", a->declared->name,
			text);
	if (str_eq(form, "json")) {
		if (json_parse(reply->body.len > 0 ? reply->body.data : "", reply->body.len,
			    &value, err) != ERR_NONE)
			return err_context(err, "action \"%s\": the answer", a->declared->name);
		json_put(result, "json", declared_result(value));
		json_decref(value);
	} else {
		const bool cut = reply->body.len > BODY_RESULT_MAX;

		json_put(result, "body",
			json_text(reply->body.len > 0 ? reply->body.data : "",
				cut ? BODY_RESULT_MAX : reply->body.len));
		json_put_flag(result, "truncated", cut);
	}
	return ERR_NONE;
}

static enum err_code run_declared(
	struct call *call, const struct declared *d, json_t *result, struct err *err)
{
	struct action a;
	const char *form = json_str(d->action, "output", "text");
	enum err_code code;

	if (!str_eq(form, "text") && !str_eq(form, "json"))
		return err_set(err, ERR_WORKSPACE, "action \"%s\": output must be text or json",
			d->name);
	action_init(&a, call, d);
	code = action_send(&a, err);
	if (code == ERR_NONE && !expected(&a)) {
		code = http_status_error(&a.reply, a.what, err);
		err_context(err, "action \"%s\"", d->name);
		if (json_flag(d->action, "fails_clean", false) && a.reply.status >= 400)
			err->world = WORLD_UNCHANGED;
	} else if (code == ERR_NONE) {
		code = put_result(&a, result, err);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	if (code != ERR_NONE && d->effect == EFFECT_READ)
		err->world = WORLD_UNCHANGED;
	action_release(&a);
	return code;
}

static enum err_code prepare_run(struct call *call, json_t *before, struct err *err)
{
	return declared_prepare(call, members, before, err);
}

static enum err_code action_run(struct call *call, json_t *result, struct err *err)
{
	struct declared d = { 0 };
	enum err_code code = declared_of_call(call, members, &d, err);

	if (code == ERR_NONE)
		code = run_declared(call, &d, result, err);
	declared_release(&d);
	return code;
}

static enum err_code action_read(struct call *call, json_t *result, struct err *err)
{
	struct declared d = { 0 };
	enum err_code code = declared_of_call(call, members, &d, err);

	if (code == ERR_NONE)
		code = declared_read_only(&d, err);
	if (code == ERR_NONE)
		code = run_declared(call, &d, result, err);
	declared_release(&d);
	return code;
}

/* The verify action: an expected status with the text it must contain is done; an expected
 * status without the text, or one of not_done_status, is not done; anything else cannot tell.
 */
static enum err_code judge(struct call *call, const struct declared *check, json_t *evidence,
	enum verdict *verdict, struct err *err)
{
	struct action a;
	char said[300];

	TRY(declared_read_only(check, err));
	action_init(&a, call, check);
	const enum err_code code = action_send(&a, err);
	if (code == ERR_NONE) {
		const char *text = json_str(check->action, "contains", NULL);

		json_put_str(evidence, "action", check->name);
		json_put_int(evidence, "status", a.reply.status);
		json_put_str(evidence, "said", http_excerpt(&a.reply, said, sizeof(said)));
		*verdict = VERDICT_CANNOT_TELL;
		if (expected(&a))
			*verdict = has_text(&a.reply, text) ? VERDICT_DONE : VERDICT_NOT_DONE;
		else if (declared_expects(
				 check, "not_done_status", gone_status, a.reply.status))
			*verdict = VERDICT_NOT_DONE;
		if (*verdict == VERDICT_CANNOT_TELL)
			json_put_str(evidence, "reason",
				"the verify action answered with a status that says neither");
	}
	action_release(&a);
	return code;
}

static enum err_code verify_run(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	struct declared d = { 0 }, check = { 0 };
	enum err_code code = declared_of_call(call, members, &d, err);

	if (code == ERR_NONE)
		code = declared_companion(call, &d, "verify", members, &check, err);
	if (code == ERR_NONE && check.action != NULL) {
		code = judge(call, &check, evidence, verdict, err);
	} else if (code == ERR_NONE) {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason", "the action declares no verify action");
	}
	declared_release(&check);
	declared_release(&d);
	return code;
}

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(
		checks, json_pack("{s:o, s:b, s:o}", "name", json_text(name, strlen(name)),
				"ok", ok, "detail", json_text(detail, strlen(detail))));
}

/* Reaching it at all is the check; 401 and 403 say that the secret is wrong. */
static void probe_url(struct call *call, json_t *checks)
{
	struct http_target target;
	struct http_reply reply = { 0 };
	struct err err = { 0 };
	char detail[900];
	enum err_code code;

	buf_init(&reply.body, 1);
	code = http_target_init(&target, call, NULL, true, call_left_ms(call), &err);
	target.request.cut_body = true;
	if (code == ERR_NONE) {
		buf_release(&reply.body);
		code = http_perform(&target.request, &reply, &err);
	}
	if (code == ERR_NONE && (reply.status == 401 || reply.status == 403))
		code = http_status_error(&reply, target.url, &err);
	if (code == ERR_NONE)
		snprintf(detail, sizeof(detail), "%s answered %ld in %lld ms", target.url,
			reply.status, (long long)reply.latency_ms);
	put_check(checks, "url", code == ERR_NONE, code == ERR_NONE ? detail : err.text);
	http_reply_release(&reply);
	http_target_release(&target);
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	const json_t *actions = call_declared_all(call, "actions");
	json_t *checks = json_array();
	const char *name;
	json_t *action;

	(void)err;
	put_check(checks, "library", true, http_library());
	if (setting_has(call, "url"))
		probe_url(call, checks);
	else if (setting_has(call, "secret"))
		put_check(checks, "secret", false,
			"a secret is only sent below the setting url, and there is none");
	json_object_foreach((json_t *)actions, name, action) {
		struct err why = { 0 };
		const bool ok = declared_check(call, name, members, &why) == ERR_NONE;
		const char *effect =
			json_str(action, "effect", "nothing declared: irreversible");

		put_check(checks, name, ok, ok ? effect : why.text);
	}
	json_put(report, "checks", checks);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "url",
		.type = FIELD_STRING,
		.help = "the base; paths are put below it, and the secret goes nowhere else" },
	HTTP_SETTINGS, FIELD_END
};

static const struct field action_results[] = {
	{ .name = "status", .type = FIELD_INT, .help = "HTTP status" },
	{ .name = "latency_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "request to end of answer" },
	{ .name = "body_bytes",
		.type = FIELD_BYTES,
		.unit = "bytes",
		.help = "size of the answer" },
	{ .name = "body", .type = FIELD_STRING, .help = "output: text; at most 64 KiB" },
	{ .name = "truncated", .type = FIELD_BOOL, .help = "body is not all of it" },
	{ .name = "json",
		.type = FIELD_ANY,
		.help = "output: json; numbers with a fraction are text" },
	FIELD_END
};

#define STOPS "at once; what was sent may still take effect"

static const struct operation operations[] = {
	{ .capability = "action",
		.verb = "read",
		.effect = EFFECT_READ,
		.params = declared_params,
		.results = action_results,
		.run = action_read,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "send a declared request that changes nothing" },
	{ .capability = "action",
		.verb = "run",
		.effect = EFFECT_IRREVERSIBLE,
		.params = declared_params,
		.results = action_results,
		.prepare = prepare_run,
		.run = action_run,
		.verify = verify_run,
		.undo = "action.run",
		.cancel_help = STOPS,
		.timeout_ms = 60000,
		.help = "send a declared request; its class is the one it declares" },
	{ .capability = "health",
		.verb = "probe",
		.effect = EFFECT_READ,
		.params = http_probe_params,
		.results = http_probe_results,
		.run = http_probe,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "ask one URL and compare the answer with what is expected" },
	{ .capability = "health",
		.verb = "probe_all",
		.effect = EFFECT_READ,
		.params = http_probe_all_params,
		.results = http_probe_all_results,
		.run = http_probe_all,
		.cancel_help = "at once",
		.timeout_ms = 120000,
		.help = "ask many URLs at the same time" },
	OPERATION_END
};

const struct provider http_provider = {
	.name = "http",
	.summary = "HTTP services: health probes and declared requests",
	.source = "RFC 9110; libcurl",
	.settings = settings,
	.declares_actions = true,
	.operations = operations,
	.probe = probe,
};
