/* http_health.c: is an HTTP service well?  One URL, or many at the same time. */
#include "declared.h"
#include "http.h"

#include <stdlib.h>
#include <string.h>

enum {
	URLS_MAX = 5000,
	NAMED_IN_ERROR = 3,
	PROBE_BODY_MAX = 1 << 20,
	PROBE_ALL_BODY_MAX = 64 << 10
};

static const char *const probe_methods[] = { "GET", "HEAD", NULL };

#define EXPECTATIONS                                                                           \
	{ .name = "method",                                                                    \
		.type = FIELD_CHOICE,                                                          \
		.choices = probe_methods,                                                      \
		.fallback = "GET",                                                             \
		.help = "GET or HEAD" },                                                       \
		{ .name = "expect",                                                            \
			.type = FIELD_ANY,                                                     \
			.help = "the status to expect: 200, \"2xx\", or a list; any 2xx when " \
				"absent" },                                                    \
		{ .name = "contains",                                                          \
			.type = FIELD_STRING,                                                  \
			.help = "text the body must hold" },                                   \
		{ .name = "max_latency",                                                       \
			.type = FIELD_DURATION,                                                \
			.unit = "ms",                                                          \
			.help = "the slowest answer that counts as well" },                    \
	{                                                                                      \
		.name = "timeout", .type = FIELD_DURATION, .unit = "ms", .fallback = "10s",    \
		.min = 1, .max = 3600000, .help = "for one answer"                             \
	}

const struct field http_probe_params[] = {
	{ .name = "url",
		.type = FIELD_STRING,
		.help = "a URL, or a path below the setting url" },
	EXPECTATIONS,
	{ .name = "redirects",
		.type = FIELD_INT,
		.fallback = "0",
		.min = 0,
		.max = 10,
		.help = "how many to follow (not with a secret)" },
	{ .name = "raise",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "an unhealthy answer is an error; false = it is returned as healthy = "
			"false" },
	FIELD_END
};

const struct field http_probe_results[] = {
	{ .name = "healthy", .type = FIELD_BOOL, .help = "everything was as expected" },
	{ .name = "url", .type = FIELD_STRING, .help = "what was asked" },
	{ .name = "status", .type = FIELD_INT, .help = "HTTP status; 0 = no answer" },
	{ .name = "latency_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "request to end of answer" },
	{ .name = "body_bytes",
		.type = FIELD_BYTES,
		.unit = "bytes",
		.help = "read of the body" },
	{ .name = "excerpt",
		.type = FIELD_STRING,
		.help = "the start of the body, as one line" },
	{ .name = "code", .type = FIELD_STRING, .help = "when unhealthy: the error's code" },
	{ .name = "reason", .type = FIELD_STRING, .help = "when unhealthy: what is wrong" },
	FIELD_END
};

const struct field http_probe_all_params[] = {
	{ .name = "urls",
		.type = FIELD_STRINGS,
		.required = true,
		.help = "URLs, or paths below the setting url; at most 5000" },
	EXPECTATIONS,
	{ .name = "at_once",
		.type = FIELD_INT,
		.fallback = "100",
		.min = 1,
		.max = HTTP_AT_ONCE_MAX,
		.help = "how many are under way together" },
	{ .name = "need",
		.type = FIELD_INT,
		.min = 0,
		.max = URLS_MAX,
		.help = "how many must be healthy; all when absent" },
	{ .name = "raise",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "fewer than need healthy is an error; false = it is only returned" },
	FIELD_END
};

const struct field http_probe_all_results[] = {
	{ .name = "enough", .type = FIELD_BOOL, .help = "at least need are healthy" },
	{ .name = "total", .type = FIELD_INT, .help = "how many were asked" },
	{ .name = "healthy", .type = FIELD_INT, .help = "how many are well" },
	{ .name = "slowest_ms", .type = FIELD_INT, .unit = "ms", .help = "the slowest answer" },
	{ .name = "results",
		.type = FIELD_ANY,
		.help = "one health.probe result for each, in order" },
	FIELD_END
};

/* ------------------------------------------------------------------ one answer */

/* What is expected, read from the call. */
struct expectation {
	const json_t *status;
	const char *contains;
	int64_t max_latency_ms;
};

static enum err_code expectation_of(struct call *call, struct expectation *out, struct err *err)
{
	const json_t *status = call_json(call, "expect");

	if (status != NULL && !json_is_integer(status) && !json_is_string(status) &&
		!json_is_array(status))
		return err_set(err, ERR_USAGE,
			"expect must be a status such as 200 or \"2xx\", or a list of them");
	*out = (struct expectation){ .status = status,
		.contains = call_string(call, "contains"),
		.max_latency_ms = call_int(call, "max_latency") };
	return ERR_NONE;
}

static enum err_code judge(const struct expectation *want, const struct http_reply *reply,
	const char *url, struct err *err)
{
	const bool expected = want->status != NULL
				      ? declared_status_in(want->status, reply->status)
				      : reply->status >= 200 && reply->status < 300;

	if (!expected) {
		const enum err_code code = http_status_error(reply, url, err);
		/* an answer that came, but not the one that was wanted */
		return reply->status < 400 ? (err->code = ERR_FAILED) : code;
	}
	if (want->contains != NULL &&
		(reply->body.len == 0 ||
			memmem(reply->body.data, reply->body.len, want->contains,
				strlen(want->contains)) == NULL))
		return err_set(err, ERR_FAILED, "%s: the answer does not hold \"%.100s\"%s",
			url, want->contains, reply->cut ? " (only its start was read)" : "");
	if (want->max_latency_ms > 0 && reply->latency_ms > want->max_latency_ms)
		return err_set(err, ERR_FAILED, "%s answered in %lld ms, allowed are %lld ms",
			url, (long long)reply->latency_ms, (long long)want->max_latency_ms);
	return ERR_NONE;
}

static void put_result(json_t *result, const char *url, const struct http_reply *reply,
	enum err_code code, const struct err *err)
{
	char excerpt[300];

	json_put_flag(result, "healthy", code == ERR_NONE);
	json_put_str(result, "url", url);
	json_put_int(result, "status", reply->status);
	json_put_int(result, "latency_ms", reply->latency_ms);
	json_put_int(result, "body_bytes", (int64_t)reply->body.len);
	json_put_str(result, "excerpt", http_excerpt(reply, excerpt, sizeof(excerpt)));
	if (code != ERR_NONE) {
		json_put_str(result, "code", err_name(code));
		json_put_str(result, "reason", err->text);
	}
}

enum err_code http_probe(struct call *call, json_t *result, struct err *err)
{
	struct expectation want;
	struct http_target target;
	struct http_reply reply = { 0 };
	struct err why = { 0 };
	bool asked = false;

	TRY(expectation_of(call, &want, err));
	buf_init(&reply.body, 1);
	enum err_code code = http_target_init(
		&target, call, call_string(call, "url"), true, call_int(call, "timeout"), &why);
	if (code == ERR_NONE) {
		target.request.method = call_string(call, "method");
		target.request.redirects = (int)call_int(call, "redirects");
		target.request.max_body_bytes = PROBE_BODY_MAX;
		target.request.cut_body = true;
		buf_release(&reply.body);
		code = http_perform(&target.request, &reply, &why);
		/* a URL that cannot be asked is a mistake, not an unhealthy service */
		asked = code != ERR_USAGE && code != ERR_FORBIDDEN && code != ERR_CANCELLED &&
			code != ERR_UNSUPPORTED;
		if (code == ERR_NONE)
			code = judge(&want, &reply, target.url, &why);
	}
	if (code != ERR_NONE && (!asked || call_bool(call, "raise"))) {
		*err = why;
		err->world = WORLD_UNCHANGED;
	} else {
		put_result(result, target.url, &reply, code, &why);
		code = ERR_NONE;
	}
	http_reply_release(&reply);
	http_target_release(&target);
	return code;
}

/* ------------------------------------------------------------------ many */

struct round {
	struct call *call;
	struct expectation want;
	struct http_batch *all;
	struct http_target *targets; /* beside all */
	json_t *results;
	size_t count, ended, healthy;
	int64_t slowest_ms;
	char named[400]; /* the first few that are unwell */
	size_t named_count;
};

static void one_ended(void *arg, struct http_batch *one)
{
	struct round *r = arg;
	const size_t i = (size_t)(one - r->all);
	const char *url = r->targets[i].url;
	json_t *result = json_object();

	if (one->code == ERR_NONE)
		one->code = judge(&r->want, &one->reply, url, &one->err);
	put_result(result, url, &one->reply, one->code, &one->err);
	json_array_set_new(r->results, i, result);
	r->ended++;
	if (one->code == ERR_NONE) {
		r->healthy++;
	} else if (r->named_count++ < NAMED_IN_ERROR) {
		const size_t len = strlen(r->named);

		snprintf(r->named + len, sizeof(r->named) - len, "%s%.120s",
			r->named_count > 1 ? "; " : ": ", one->err.text);
	}
	if (one->reply.latency_ms > r->slowest_ms)
		r->slowest_ms = one->reply.latency_ms;
	http_reply_release(&one->reply); /* thousands of bodies are not kept */
	buf_init(&one->reply.body, 1);
	call_progress(r->call, (int)(r->ended * 1000 / r->count),
		"%zu of %zu healthy, %zu to go", r->healthy, r->count, r->count - r->ended);
}

static enum err_code round_init(struct round *r, const json_t *urls, struct err *err)
{
	size_t i;
	json_t *url;

	json_array_foreach((json_t *)urls, i, url)
	{
		struct http_target *t = &r->targets[i];

		json_array_append_new(r->results, json_null());
		TRY(http_target_init(t, r->call, json_string_value(url), true,
			call_int(r->call, "timeout"), err));
		t->request.method = call_string(r->call, "method");
		t->request.max_body_bytes = PROBE_ALL_BODY_MAX;
		t->request.cut_body = true;
		r->all[i].request = t->request;
	}
	return ERR_NONE;
}

static enum err_code round_result(struct round *r, json_t *result, struct err *err)
{
	const size_t need =
		call_has(r->call, "need") ? (size_t)call_int(r->call, "need") : r->count;

	/* at the deadline a silent one's own timeout may come a moment before ours */
	if (r->healthy < need && call_bool(r->call, "raise"))
		return err_set(err, call_left_ms(r->call) > 0 ? ERR_FAILED : ERR_TIMEOUT,
			"%zu of %zu are healthy, needed are %zu%s%s", r->healthy,
			r->count, need, r->named,
			r->named_count > NAMED_IN_ERROR ? "; …" : "");
	json_put_flag(result, "enough", r->healthy >= need);
	json_put_int(result, "total", (int64_t)r->count);
	json_put_int(result, "healthy", (int64_t)r->healthy);
	json_put_int(result, "slowest_ms", r->slowest_ms);
	json_put(result, "results", json_incref(r->results));
	return ERR_NONE;
}

enum err_code http_probe_all(struct call *call, json_t *result, struct err *err)
{
	const json_t *urls = call_json(call, "urls");
	const size_t count = json_array_size(urls);
	struct round r = { .call = call, .count = count };
	enum err_code code;

	if (count == 0 || count > URLS_MAX)
		return err_set(err, ERR_USAGE, "urls must name 1 to %d URLs", URLS_MAX);
	TRY(expectation_of(call, &r.want, err));
	r.all = xmalloc(count * sizeof(*r.all));
	r.targets = xmalloc(count * sizeof(*r.targets));
	r.results = json_array();
	code = round_init(&r, urls, err);
	if (code == ERR_NONE)
		code = http_perform_all(r.all, count, (size_t)call_int(call, "at_once"),
			call_left_ms(call), call_stop_flag(call), one_ended, &r, err);
	if (code == ERR_NONE)
		code = round_result(&r, result, err);
	for (size_t i = 0; i < count; i++) {
		http_reply_release(&r.all[i].reply);
		http_target_release(&r.targets[i]);
	}
	json_decref(r.results);
	free(r.targets);
	free(r.all);
	return code;
}
