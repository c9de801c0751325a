/* api.c: see api.h. */
#include "api.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { API_BODY_MAX = 16 << 20 };

enum err_code api_request(struct call *call, const char *method, const char *path,
	const char *body, const char *content_type, struct http_reply *reply, struct err *err)
{
	struct http_target target;
	char what[512];
	enum err_code code;

	buf_init(&reply->body, 1);
	code = http_target_init(&target, call, path, true, call_left_ms(call), err);
	if (code == ERR_NONE && body != NULL)
		code = http_target_header(&target, "Content-Type",
			content_type != NULL ? content_type : "application/json", false, err);
	target.request.method = method;
	target.request.body = body;
	target.request.body_bytes = body != NULL ? strlen(body) : 0;
	target.request.max_body_bytes = API_BODY_MAX;
	if (code == ERR_NONE) {
		buf_release(&reply->body);
		code = http_perform(&target.request, reply, err);
	}
	if (code == ERR_NONE && (reply->status < 200 || reply->status > 299)) {
		snprintf(what, sizeof(what), "%s %.400s", method, target.url);
		code = http_status_error(reply, what, err);
	}
	http_target_release(&target);
	return code;
}

enum err_code api_json(struct call *call, const char *method, const char *path,
	const json_t *body, json_t **out, struct err *err)
{
	struct http_reply reply = { 0 };
	char *text = body != NULL ? json_line(body) : NULL;
	enum err_code code = api_request(call, method, path, text, NULL, &reply, err);

	if (code == ERR_NONE && json_parse(reply.body.len > 0 ? reply.body.data : "",
					reply.body.len, out, err) != ERR_NONE) {
		err->world = WORLD_UNKNOWN;
		code = err_context(err, "%s %s", method, path);
	}
	free(text);
	http_reply_release(&reply);
	return code;
}

bool api_milli(const char *text, int64_t *out)
{
	char *end = NULL;
	/* 64 bits of mantissa: every milli that fits below comes out exactly */
	const long double value = text != NULL && *text != '\0' ? strtold(text, &end) : 0.0L;

	if (end == NULL || *end != '\0' || !isfinite(value))
		return false;
	if (value > 9.2e15L || value < -9.2e15L)
		return false;
	*out = llroundl(value * 1000.0L);
	return true;
}

int64_t api_time_ms(const char *text)
{
	struct wall at;
	struct err ignored = { 0 };

	return wall_parse(text, &at, &ignored) == ERR_NONE ? at.ns / 1000000 : -1;
}

void api_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
					      "detail", json_text(detail, strlen(detail))));
}

bool api_probe(struct call *call, json_t *checks, const char *name, const char *path)
{
	struct http_reply reply = { 0 };
	struct err err = { 0 };
	char detail[80];
	const enum err_code code = api_request(call, "GET", path, NULL, NULL, &reply, &err);

	snprintf(detail, sizeof(detail), "answered in %lld ms", (long long)reply.latency_ms);
	api_check(checks, name, code == ERR_NONE, code == ERR_NONE ? detail : err.text);
	http_reply_release(&reply);
	return code == ERR_NONE;
}

bool api_labels_match(const json_t *labels, const json_t *wanted)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)wanted, name, value) {
		if (!str_eq(json_str(labels, name, NULL), json_string_value(value)))
			return false;
	}
	return true;
}
