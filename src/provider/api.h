/* api.h: JSON over HTTP, for the providers of systems whose interface that is.
 *
 * The target has the setting url and HTTP_SETTINGS (http.h); what httpclient.h fixes holds
 * here. */
#ifndef PROVIDER_API_H
#define PROVIDER_API_H

#include "http.h"

/* One request below the target's url, in at most what the call has left; any status but 2xx is
 * an error in the server's words (http_status_error).  body may be NULL; content_type NULL =
 * application/json.  reply is always to be released. */
enum err_code api_request(struct call *call, const char *method, const char *path,
	const char *body, const char *content_type, struct http_reply *reply,
	struct err *err) MUST_CHECK;
/* api_request with a JSON answer; *out is owned. */
enum err_code api_json(struct call *call, const char *method, const char *path,
	const json_t *body, json_t **out, struct err *err) MUST_CHECK;

/* A number that came as text ("1.5e+03"), times 1000, rounded to even halves away from zero.
 * False when it is none, is not finite, or does not fit. */
bool api_milli(const char *text, int64_t *out);
/* RFC 3339 in UTC to milliseconds since 1970; -1 when it is not that. */
int64_t api_time_ms(const char *text);
/* One row of a doctor's report. */
void api_check(json_t *checks, const char *name, bool ok, const char *detail);
/* Fetches path and adds the row: its latency, or why not.  True when it was 2xx. */
bool api_probe(struct call *call, json_t *checks, const char *name, const char *path);
/* True when every label wanted (text) is in labels with that value. */
bool api_labels_match(const json_t *labels, const json_t *wanted);

#endif
