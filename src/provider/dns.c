/* dns.c: the tables of the dns provider, its arguments, and what only asks.
 * Source: RFC 1034 and 1035, RFC 2136 (updates), RFC 8945 (their signatures), the PowerDNS HTTP
 * API. */
#include "internal.h"

#include "dns.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ arguments and settings */

enum err_code dns_zone_of(struct call *call, struct dns_name *zone, struct err *err)
{
	const char *text = setting_string(call, "zone");

	if (text == NULL)
		return err_set(err, ERR_USAGE, "target \"%s\" needs the setting zone",
			call_target(call));
	return dns_name_parse(text, zone, err);
}

enum err_code dns_name_of(struct call *call, bool in_zone, struct dns_name *name,
	unsigned int *type, struct err *err)
{
	struct dns_name zone;

	*type = dns_type_from_name(call_string(call, "type"));
	TRY(dns_name_parse(call_string(call, "name"), name, err));
	if (!in_zone)
		return ERR_NONE;
	TRY(dns_zone_of(call, &zone, err));
	if (!dns_name_below(name, &zone))
		return err_set(err, ERR_USAGE,
			"\"%.200s\" is not in the zone \"%.200s\" of target \"%s\"; write the "
			"whole name",
			call_string(call, "name"), setting_string(call, "zone"),
			call_target(call));
	return ERR_NONE;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum err_code dns_values_of(
	struct call *call, const char *param, unsigned int type, json_t **out, struct err *err)
{
	const json_t *list = call_json(call, param);
	char *texts[DNS_VALUES_MAX];
	size_t i, count = 0;
	json_t *value;
	enum err_code code = ERR_NONE;

	*out = NULL;
	if (json_array_size(list) > DNS_VALUES_MAX)
		return err_set(
			err, ERR_USAGE, "%s names more than %d values", param, DNS_VALUES_MAX);
	json_array_foreach((json_t *)list, i, value)
	{
		if (code == ERR_NONE)
			code = dns_rdata_normal(
				type, json_string_value(value), &texts[count], err);
		count += code == ERR_NONE;
	}
	qsort(texts, count, sizeof(texts[0]), by_text);
	*out = json_array();
	for (i = 0; i < count; i++) {
		if (i == 0 || !str_eq(texts[i], texts[i - 1]))
			json_array_append_new(*out, json_text(texts[i], strlen(texts[i])));
	}
	for (i = 0; i < count; i++)
		free(texts[i]);
	return code == ERR_NONE ? code : err_context(err, "%s", param);
}

enum err_code dns_server_of(
	struct call *call, const char *setting, struct net_endpoint *out, struct err *err)
{
	const char *text = setting_string(call, setting);

	if (text == NULL)
		return err_set(err, ERR_USAGE, "target \"%s\" needs the setting %s",
			call_target(call), setting);
	return net_endpoint_parse(text, DNS_PORT, out, err);
}

struct net_limit dns_limit_of(struct call *call)
{
	const int64_t one = setting_int(call, "query_timeout"), left = call_left_ms(call);

	return net_limit_in(one < left ? one : left, call_stop_flag(call));
}

enum err_code dns_ask_server(struct call *call, const struct net_endpoint *server,
	const struct dns_question *question, bool authoritative, struct dns_answer *answer,
	struct err *err)
{
	const struct net_limit limit = dns_limit_of(call);

	TRY(dns_ask(server, question, &limit, answer, err));
	if (authoritative && !answer->authoritative)
		return err_set(err, ERR_REFUSED,
			"name server \"%s\" port %d is not authoritative for the zone",
			server->host, server->port);
	return ERR_NONE;
}

char *dns_values_text(const json_t *values, char *buf, size_t size)
{
	size_t i, len = 0;
	json_t *value;

	snprintf(buf, size, "nothing");
	json_array_foreach((json_t *)values, i, value)
	{
		const int n = snprintf(buf + len, size - len, "%s%.100s", i > 0 ? ", " : "",
			json_string_value(value));
		if (n < 0 || (size_t)n >= size - len)
			break;
		len += (size_t)n;
	}
	return buf;
}

/* ------------------------------------------------------------------ asking */

static void put_answer(const struct dns_question *q, const struct net_endpoint *server,
	const struct dns_answer *answer, json_t *result)
{
	char name[DNS_NAME_TEXT];
	char *at = xasprintf("%s@%d", server->host, server->port);

	json_put_str(result, "name", dns_name_text(&q->name, name));
	json_put_str(result, "type", dns_type_name(q->type));
	json_put_str(result, "server", at);
	json_put(result, "values", json_incref(answer->values));
	json_put_int(result, "ttl_s", answer->ttl);
	json_put_flag(result, "exists", json_array_size(answer->values) > 0);
	json_put_str(result, "rcode", dns_rcode_name(answer->rcode));
	json_put(result, "aliases", json_incref(answer->chain));
	free(at);
}

static enum err_code ask_and_put(struct call *call, const struct net_endpoint *server,
	const struct dns_question *q, bool authoritative, json_t *result, struct err *err)
{
	struct dns_answer answer = { 0 };
	const enum err_code code = dns_ask_server(call, server, q, authoritative, &answer, err);

	if (code == ERR_NONE)
		put_answer(q, server, &answer, result);
	dns_answer_release(&answer);
	return code;
}

static enum err_code get(struct call *call, json_t *result, struct err *err)
{
	struct dns_question q = { 0 };
	struct net_endpoint server;

	TRY(dns_name_of(call, false, &q.name, &q.type, err));
	TRY(dns_server_of(call, "server", &server, err));
	return ask_and_put(call, &server, &q, true, result, err);
}

/* The first name server of the system. */
static enum err_code system_resolver(struct net_endpoint *out, struct err *err)
{
	char line[256], host[NET_HOST_MAX];
	FILE *f = fopen("/etc/resolv.conf", "re");
	bool found = false;

	if (f == NULL)
		return err_errno(err, "no resolver is named, and /etc/resolv.conf");
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "nameserver %255s", host) == 1;
	fclose(f);
	if (!found)
		return err_set(err, ERR_USAGE,
			"no resolver is named, and /etc/resolv.conf has none either");
	return net_endpoint_parse(host, DNS_PORT, out, err);
}

static enum err_code resolve(struct call *call, json_t *result, struct err *err)
{
	struct dns_question q = { .recurse = true, .follow = true };
	struct net_endpoint server;

	TRY(dns_name_of(call, false, &q.name, &q.type, err));
	if (call_has(call, "resolver"))
		TRY(net_endpoint_parse(call_string(call, "resolver"), DNS_PORT, &server, err));
	else if (setting_has(call, "resolver"))
		TRY(dns_server_of(call, "resolver", &server, err));
	else
		TRY(system_resolver(&server, err));
	return ask_and_put(call, &server, &q, false, result, err);
}

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, enum err_code code,
	const struct err *err, const char *detail)
{
	const char *text = code == ERR_NONE ? detail : err->text;

	json_array_append_new(
		checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", code == ERR_NONE,
				"detail", json_text(text, strlen(text))));
}

static void probe_authority(struct call *call, const struct dns_name *zone, json_t *checks)
{
	/* whether there is such a record does not matter, only who answers */
	const struct dns_question q = { .name = *zone, .type = DNS_A };
	struct net_endpoint server;
	struct dns_answer answer = { 0 };
	struct err err = { 0 };
	enum err_code code = dns_server_of(call, "server", &server, &err);

	if (code == ERR_NONE)
		code = dns_ask_server(call, &server, &q, true, &answer, &err);
	put_check(checks, "authority", code, &err, "it answers with authority");
	dns_answer_release(&answer);
}

static void probe_method(struct call *call, const struct dns_name *zone, json_t *checks)
{
	const char *method = setting_string(call, "method");
	struct dns_set set = { 0 };
	struct err err = { 0 };

	if (str_eq(method, "rfc2136")) {
		const enum err_code code = dns_update_try(call, zone, &err);
		put_check(checks, "update", code, &err,
			"an empty update with the key was accepted");
	} else if (str_eq(method, "powerdns")) {
		const enum err_code code =
			dns_powerdns_read(call, zone, zone, DNS_A, &set, &err);
		put_check(checks, "api", code, &err, "the API gives the zone to the key");
	} else {
		put_check(
			checks, "method", ERR_NONE, &err, "none: the target can only be asked");
	}
	dns_set_release(&set);
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	json_t *checks = json_array();
	struct dns_name zone;

	json_put(report, "checks", checks);
	TRY(dns_zone_of(call, &zone, err));
	probe_authority(call, &zone, checks);
	probe_method(call, &zone, checks);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const char *const type_names[] = { "A", "AAAA", "CNAME", "SRV", "TXT", NULL };
static const char *const method_names[] = { "powerdns", "rfc2136", NULL };
static const char *const tsig_names[] = { "hmac-sha256", "hmac-sha384", "hmac-sha512", NULL };

static const struct field settings[] = { { .name = "zone",
						 .type = FIELD_STRING,
						 .required = true,
						 .help = "the zone, such as example.org" },
	{ .name = "server",
		.type = FIELD_STRING,
		.required = true,
		.help = "the authoritative server, HOST or HOST@PORT" },
	{ .name = "method",
		.type = FIELD_CHOICE,
		.choices = method_names,
		.help = "how changes are made; without it the target can only be asked" },
	{ .name = "update_server",
		.type = FIELD_STRING,
		.help = "rfc2136: where updates go when not to server (a hidden primary)" },
	{ .name = "key", .type = FIELD_SECRET, .help = "rfc2136: hmac-sha256:NAME:BASE64" },
	{ .name = "tsig_name",
		.type = FIELD_STRING,
		.help = "rfc2136: the key's name, with tsig_key" },
	{ .name = "tsig_algorithm",
		.type = FIELD_CHOICE,
		.choices = tsig_names,
		.fallback = "hmac-sha256",
		.help = "rfc2136: with tsig_key" },
	{ .name = "tsig_key", .type = FIELD_SECRET, .help = "rfc2136: the key in base64" },
	{ .name = "api_url",
		.type = FIELD_STRING,
		.help = "powerdns: such as https://ns1.example.org:8081" },
	{ .name = "api_key", .type = FIELD_SECRET, .help = "powerdns: the X-API-Key" },
	{ .name = "server_id",
		.type = FIELD_STRING,
		.fallback = "localhost",
		.help = "powerdns: the server's name in its API" },
	{ .name = "allow_http",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "powerdns: permit http:// (the key goes unencrypted)" },
	{ .name = "ca_file",
		.type = FIELD_PATH,
		.help = "powerdns: the CA certificates to trust; the system's when absent" },
	{ .name = "default_ttl",
		.type = FIELD_INT,
		.unit = "s",
		.fallback = "60",
		.min = 0,
		.max = 604800,
		.help = "of a record set that was not there before" },
	{ .name = "resolver",
		.type = FIELD_STRING,
		.help = "for dns.resolve, HOST or HOST@PORT" },
	{ .name = "query_timeout",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "3s",
		.min = 1,
		.max = 60000,
		.help = "for one answer, all tries together" },
	FIELD_END };

#define NAME                                                                                   \
	{                                                                                      \
		.name = "name", .type = FIELD_STRING, .required = true,                        \
		.help = "the whole name"                                                       \
	}
#define TYPE                                                                                   \
	{                                                                                      \
		.name = "type", .type = FIELD_CHOICE, .choices = type_names, .fallback = "A",  \
		.help = "the kind of record"                                                   \
	}

static const struct field get_params[] = { NAME, TYPE, FIELD_END };
static const struct field resolve_params[] = { NAME, TYPE,
	{ .name = "resolver",
		.type = FIELD_STRING,
		.help = "HOST or HOST@PORT; the setting resolver, else the system's, when "
			"absent" },
	FIELD_END };
static const struct field point_params[] = { NAME, TYPE,
	{ .name = "to",
		.type = FIELD_STRINGS,
		.required = true,
		.help = "the new values; an empty list takes the record set away" },
	{ .name = "from",
		.type = FIELD_STRINGS,
		.help = "the values it must have now; what prepare has read when absent" },
	{ .name = "ttl",
		.type = FIELD_INT,
		.unit = "s",
		.min = 0,
		.max = 2147483647,
		.help = "of the new values; the old one's when absent" },
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "10s",
		.help = "how long the authority may take to answer with the new values" },
	FIELD_END };
static const struct field wait_params[] = { NAME, TYPE,
	{ .name = "want",
		.type = FIELD_STRINGS,
		.required = true,
		.help = "the values to wait for" },
	{ .name = "servers",
		.type = FIELD_STRINGS,
		.help = "who must answer so, HOST or HOST@PORT; the target's server when "
			"absent" },
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "2m",
		.help = "how long; caches keep the old values for the old TTL" },
	{ .name = "interval",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "500ms",
		.min = 10,
		.max = 60000,
		.help = "between two questions to one server" },
	FIELD_END };
static const struct field answer_results[] = {
	{ .name = "name", .type = FIELD_STRING, .help = "what was asked, with the final dot" },
	{ .name = "type", .type = FIELD_STRING, .help = "the kind of record" },
	{ .name = "server", .type = FIELD_STRING, .help = "who answered" },
	{ .name = "values",
		.type = FIELD_STRINGS,
		.help = "sorted; names in lower case with the final dot" },
	{ .name = "ttl_s",
		.type = FIELD_INT,
		.unit = "s",
		.help = "-1 when there are no values" },
	{ .name = "exists", .type = FIELD_BOOL, .help = "there is at least one value" },
	{ .name = "rcode", .type = FIELD_STRING, .help = "NOERROR or NXDOMAIN (no such name)" },
	{ .name = "aliases", .type = FIELD_STRINGS, .help = "the names a CNAME led over" },
	FIELD_END
};
static const struct field point_results[] = {
	{ .name = "name",
		.type = FIELD_STRING,
		.help = "what was changed, with the final dot" },
	{ .name = "type", .type = FIELD_STRING, .help = "the kind of record" },
	{ .name = "values", .type = FIELD_STRINGS, .help = "what the authority answers now" },
	{ .name = "ttl_s", .type = FIELD_INT, .unit = "s", .help = "their TTL" },
	{ .name = "old", .type = FIELD_STRINGS, .help = "what it was" },
	{ .name = "caches_s",
		.type = FIELD_INT,
		.unit = "s",
		.help = "how long caches may keep that" },
	{ .name = "visible_after_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "until the authority answered with the new values" },
	{ .name = "changed",
		.type = FIELD_BOOL,
		.help = "false: it had been like that already" },
	FIELD_END
};
static const struct field wait_results[] = {
	{ .name = "servers",
		.type = FIELD_ANY,
		.help = "each: server, values, ttl_s, after_ms" },
	{ .name = "waited_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "until the last agreed" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "dns",
		.verb = "get",
		.effect = EFFECT_READ,
		.params = get_params,
		.results = answer_results,
		.run = get,
		.cancel_help = "at once",
		.timeout_ms = 15000,
		.help = "what the authoritative server says" },
	{ .capability = "dns",
		.verb = "resolve",
		.effect = EFFECT_READ,
		.params = resolve_params,
		.results = answer_results,
		.run = resolve,
		.cancel_help = "at once",
		.timeout_ms = 15000,
		.help = "what a resolver says, caches and all" },
	{ .capability = "dns",
		.verb = "point",
		.effect = EFFECT_COSTLY,
		.params = point_params,
		.results = point_results,
		.prepare = dns_point_prepare,
		.run = dns_point_run,
		.verify = dns_point_verify,
		.undo = "dns.point",
		.cancel_help = "between polls; what was sent stays",
		.idempotent = true,
		.timeout_ms = 60000,
		.help = "change a record set if it still is what it was" },
	{ .capability = "dns",
		.verb = "wait",
		.effect = EFFECT_READ,
		.params = wait_params,
		.results = wait_results,
		.run = dns_wait_run,
		.cancel_help = "between polls",
		.timeout_ms = 3600000,
		.help = "wait until every server named answers with the wanted values" },
	OPERATION_END
};

const struct provider dns_provider = {
	.name = "dns",
	.summary = "record sets of a zone, by signed updates (RFC 2136) or the PowerDNS API",
	.source = "RFC 1035, 2136, 8945; PowerDNS Authoritative Server 4 HTTP API",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
