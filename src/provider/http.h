/* http.h: what the two files of the http provider share. */
#ifndef PROVIDER_HTTP_H
#define PROVIDER_HTTP_H

#include "drillbook/provider.h"
#include "httpclient.h"

/* A request under the target's settings, and the storage it borrows from. */
struct http_target {
	struct http_request request;
	struct http_header headers[HTTP_HEADERS_MAX];
	char *url, *secret;
};
/* path is a path below the setting url, a whole URL, or NULL for url itself.  The secret goes
 * only to what is below url.  ERR_USAGE. */
enum err_code http_target_init(struct http_target *target, struct call *call, const char *path,
	bool with_secret, int64_t timeout_ms, struct err *err) MUST_CHECK;
enum err_code http_target_header(struct http_target *target, const char *name,
	const char *value, bool secret, struct err *err) MUST_CHECK;
void http_target_release(struct http_target *target);

/* http_health.c */
extern const struct field http_probe_params[], http_probe_results[];
extern const struct field http_probe_all_params[], http_probe_all_results[];
enum err_code http_probe(struct call *call, json_t *result, struct err *err);
enum err_code http_probe_all(struct call *call, json_t *result, struct err *err);

#endif
