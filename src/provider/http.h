/* http.h: what the two files of the http provider share, and a target's HTTP settings, which
 * the providers of systems with an HTTP API have too (api.h). */
#ifndef PROVIDER_HTTP_H
#define PROVIDER_HTTP_H

#include "drillbook/provider.h"
#include "httpclient.h"

/* The settings http_target_init reads, besides url. */
#define HTTP_SETTINGS                                                                          \
	{ .name = "allow_http",                                                                \
		.type = FIELD_BOOL,                                                            \
		.fallback = "false",                                                           \
		.help = "permit http:// (nothing is encrypted)" },                             \
		{ .name = "ca_file",                                                           \
			.type = FIELD_PATH,                                                    \
			.help = "the CA certificates to trust, PEM; the system's when "        \
				"absent" },                                                    \
		{ .name = "proxy",                                                             \
			.type = FIELD_STRING,                                                  \
			.help = "a proxy's URL; the environment's proxies are not used" },     \
		{ .name = "connect_timeout",                                                   \
			.type = FIELD_DURATION,                                                \
			.unit = "ms",                                                          \
			.fallback = "5s",                                                      \
			.min = 1,                                                              \
			.max = 600000,                                                         \
			.help = "how long connecting, TLS included, may take" },               \
		{ .name = "headers", .type = FIELD_MAP, .help = "sent with every request" },   \
		{ .name = "secret", .type = FIELD_SECRET, .help = "sent in secret_header" },   \
		{ .name = "secret_header",                                                     \
			.type = FIELD_STRING,                                                  \
			.fallback = "Authorization",                                           \
			.help = "the header the secret goes into" },                           \
	{                                                                                      \
		.name = "secret_prefix", .type = FIELD_STRING,                                 \
		.help = "what stands before it; \"Bearer \" for Authorization, else nothing"   \
	}

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
