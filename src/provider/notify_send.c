/* notify_send.c: a notice to a webhook, to PagerDuty, to a program.
 * Sources: https://api.slack.com/messaging/webhooks,
 * https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ */
#include "notify.h"

#include "httpclient.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>

enum {
	TEXT_MAX = 32 << 10,
	RETRIES_MAX = 6,
	SUMMARY_MAX = 1024, /* of PagerDuty */
	DEDUP_MAX = 255,    /* likewise */
};

/* ------------------------------------------------------------------ HTTP */

/* The URL may be a secret: no error shows it. */
static enum err_code hide_url(const char *url, const char *what, struct err *err)
{
	char *at = strstr(err->text, url), *quoted = NULL;

	if (at == NULL && str_starts(err->text, "\"")) { /* cut because it was long */
		at = err->text;
		quoted = strstr(err->text + 1, "\"");
	}
	if (at != NULL) {
		const char *rest = quoted != NULL ? quoted + 1 : at + strlen(url);

		rest += strspn(rest, "\": ");
		char *kept = xstrdup(rest);
		snprintf(err->text, sizeof(err->text), "%s: %s", what, kept);
		free(kept);
	}
	return err->code;
}

/* Posts once; 2xx is good.  *status is 0 when there was no answer. */
static enum err_code post_once(const struct notice *n, const char *url, const char *what,
	const char *body, json_t *result, long *status, struct err *err)
{
	const struct http_header headers[] = { { .name = "Content-Type",
		.value = "application/json" } };
	const struct http_request request = { .method = "POST",
		.url = url,
		.headers = headers,
		.header_count = COUNT_OF(headers),
		.body = body,
		.body_bytes = strlen(body),
		.timeout_ms = call_left_ms(n->call),
		.connect_ms = setting_int(n->call, "connect_timeout"),
		.ca_file = setting_string(n->call, "ca_file"),
		.proxy = setting_string(n->call, "proxy"),
		.allow_http = setting_bool(n->call, "allow_http"),
		.stop = call_stop_flag(n->call),
		.cut_body = true };
	struct http_reply reply = { 0 };
	char said[200];
	enum err_code code = http_perform(&request, &reply, err);

	*status = code == ERR_NONE ? reply.status : 0;
	if (code != ERR_NONE)
		hide_url(url, what, err);
	else if (reply.status < 200 || reply.status > 299)
		code = http_status_error(&reply, what, err);
	else
		json_put_str(result, "answer", http_excerpt(&reply, said, sizeof(said)));
	http_reply_release(&reply);
	return code;
}

/* Posts, and again after 429 and, when again_5xx, after 5xx: nothing else may be sent twice. */
static enum err_code post(const struct notice *n, const char *url, const char *what,
	const char *body, bool again_5xx, json_t *result, struct err *err)
{
	int64_t pause_ms = setting_int(n->call, "retry_wait");
	long status;

	for (int i = 1;; i++) {
		*err = (struct err){ 0 };
		const enum err_code code = post_once(n, url, what, body, result, &status, err);
		const bool again = status == 429 || (again_5xx && status >= 500);

		json_put_int(result, "attempts", i);
		if (code == ERR_NONE || !again || i == RETRIES_MAX ||
			call_left_ms(n->call) <= pause_ms)
			return code;
		call_log(n->call, "%s; again in %lld ms", err->text, (long long)pause_ms);
		struct err waiting = { 0 };
		if (call_sleep(n->call, pause_ms, &waiting) != ERR_NONE)
			return code; /* the answer we had says more than the stop */
		pause_ms *= 2;
	}
}

/* ------------------------------------------------------------------ Slack and its like */

static enum err_code add_escaped(struct buf *out, const char *text, struct err *err)
{
	for (; *text != '\0'; text++) {
		const char *as = *text == '&'	? "&amp;"
				 : *text == '<' ? "&lt;"
				 : *text == '>' ? "&gt;"
						: NULL;

		if (as != NULL)
			TRY(buf_addf(out, err, "%s", as));
		else
			TRY(buf_add(out, text, 1, err));
	}
	return ERR_NONE;
}

static enum err_code webhook_text(const struct notice *n, struct buf *out, struct err *err)
{
	struct buf lines;

	TRY(buf_addf(out, err, "*%s", notify_mark(n)));
	TRY(add_escaped(out, n->summary, err));
	TRY(buf_addf(out, err, "* (%s)", n->severity));
	if (n->text != NULL) {
		TRY(buf_addf(out, err, "\n"));
		TRY(add_escaped(out, n->text, err));
	}
	buf_init(&lines, TEXT_MAX);
	enum err_code code = notify_details(n, "\n• ", &lines, err);
	if (code == ERR_NONE && lines.len > 0)
		code = add_escaped(out, lines.data, err);
	buf_release(&lines);
	TRY(code);
	if (n->link != NULL)
		TRY(buf_addf(out, err, "\n%s", n->link));
	return buf_addf(out, err, "\nrun %s · %s", n->run, n->key);
}

enum err_code notify_webhook(const struct notice *n, json_t *result, struct err *err)
{
	size_t len;
	const char *url = call_secret(n->call, "webhook_url", &len);
	char *what = xasprintf("the webhook of target \"%s\"", call_target(n->call));
	struct buf text;
	enum err_code code;

	buf_init(&text, TEXT_MAX);
	code = url == NULL || strlen(url) != len || !http_is_url(url)
		       ? err_set(err, ERR_AUTH, "%s: the secret webhook_url is no URL", what)
		       : webhook_text(n, &text, err);
	if (code == ERR_NONE) {
		json_t *message = json_pack("{s:o}", "text", json_text(text.data, text.len));
		char *body = json_line(message);

		json_put_str(result, "id", n->key);
		/* after a 5xx it may have been posted, and there is no asking */
		code = post(n, url, what, body, false, result, err);
		free(body);
		json_decref(message);
	} else {
		err->world = WORLD_UNCHANGED;
	}
	buf_release(&text);
	free(what);
	return code;
}

/* ------------------------------------------------------------------ PagerDuty */

static json_t *pagerduty_event(const struct notice *n, const char *routing_key)
{
	const bool resolve = str_eq(n->event, "resolve");
	char now[32], *summary;
	json_t *event = json_pack("{s:s, s:s, s:s}", "routing_key", routing_key, "event_action",
		resolve ? "resolve" : "trigger", "dedup_key", n->incident);
	json_t *details, *payload;

	if (resolve)
		return event;
	details = json_deep_copy(n->details);
	json_put_str(details, "run", n->run);
	json_put_str(details, "key", n->key);
	if (n->text != NULL)
		json_put_str(details, "text", n->text);
	summary =
		xasprintf("%s%s", str_eq(n->event, "update") ? notify_mark(n) : "", n->summary);
	size_t len = strlen(summary);
	if (len > SUMMARY_MAX)
		len = utf8_valid_prefix(summary, SUMMARY_MAX);
	payload = json_pack("{s:o, s:s, s:s, s:s, s:o}", "summary", json_text(summary, len),
		"source", setting_string(n->call, "source"), "severity", n->severity,
		"timestamp", wall_format(now, sizeof(now), wall_now()), "custom_details",
		details);
	free(summary);
	json_put(event, "payload", payload);
	json_put_str(event, "client", "drillbook");
	if (n->link != NULL)
		json_put(event, "links",
			json_pack("[{s:s, s:s}]", "href", n->link, "text", "runbook"));
	return event;
}

enum err_code notify_pagerduty(const struct notice *n, json_t *result, struct err *err)
{
	size_t len;
	const char *key = call_secret(n->call, "routing_key", &len);
	char *url = NULL;
	enum err_code code;

	if (key == NULL || len == 0 || strlen(key) != len)
		code = err_set(err, ERR_AUTH,
			"target \"%s\": the secret routing_key is not there",
			call_target(n->call));
	else if (strlen(n->incident) > DEDUP_MAX)
		code = err_set(
			err, ERR_LIMIT, "the incident's key is longer than %d", DEDUP_MAX);
	else
		code = http_url_join(setting_string(n->call, "url"), "/v2/enqueue", &url, err);
	if (code == ERR_NONE) {
		json_t *event = pagerduty_event(n, key);
		char *body = json_line(event);

		json_put_str(result, "id", n->incident);
		/* the dedup_key makes the same event twice the same incident */
		code = post(n, url, "PagerDuty", body, true, result, err);
		explicit_bzero(body, strlen(body));
		free(body);
		json_decref(event);
	} else {
		err->world = WORLD_UNCHANGED;
	}
	free(url);
	return code;
}

/* ------------------------------------------------------------------ a program */

enum err_code notify_command(const struct notice *n, json_t *result, struct err *err)
{
	const json_t *words = setting_json(n->call, "command");
	const size_t count = json_array_size(words);
	const char **argv = xmalloc((count + 1) * sizeof(*argv));
	json_t *event = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "event", n->event,
		"incident", n->incident, "key", n->key, "run", n->run, "summary", n->summary,
		"severity", n->severity, "details", n->details);
	char said[TOOL_SAID_BYTES];

	if (n->text != NULL)
		json_put_str(event, "text", n->text);
	if (n->link != NULL)
		json_put_str(event, "link", n->link);
	char *input = json_line(event);
	for (size_t i = 0; i < count; i++)
		argv[i] = json_string_value(json_array_get(words, i));
	struct tool tool = { .call = n->call,
		.argv = argv,
		.cwd = call_workspace(n->call)[0] != '\0' ? call_workspace(n->call) : NULL,
		.input = input,
		.input_bytes = strlen(input) };
	enum err_code code = tool_run(&tool, err);
	json_put_str(result, "id", n->key);
	json_put_int(result, "attempts", 1);
	if (code == ERR_NONE && tool.exit_status != 0) {
		code = tool_failed(&tool, err);
		err->world = WORLD_UNKNOWN;
	} else if (code == ERR_NONE) {
		json_put_str(result, "answer", tool_said(&tool, said, sizeof(said)));
	}
	tool_release(&tool);
	json_decref(event);
	free(input);
	free(argv);
	return code;
}
