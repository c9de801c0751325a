/* dns_powerdns.c: record sets through the REST API of PowerDNS Authoritative Server 4.
 * Source: https://doc.powerdns.com/authoritative/http-api/zone.html
 *
 * The API has no conditional change: somebody else's change between our reading and our writing would be
 * lost.  It is read again right before the change, which makes that moment short, and afterwards. */
#include "dns.h"
#include "httpclient.h"

#include <stdlib.h>
#include <string.h>

enum { ZONE_MAX = 16 << 20, REQUEST_MS = 15000 };

/* One request to the zone; query may be NULL. */
static enum err_code zone_request(struct call *call, const struct dns_name *zone, const char *method,
	const char *query, const char *body, struct http_reply *reply, struct err *err)
{
	const char *base = setting_string(call, "api_url");
	const int64_t left = call_left_ms(call);
	char name[DNS_NAME_TEXT];
	size_t len;
	const char *key = call_secret(call, "api_key", &len);
	char *path = NULL, *url = NULL;

	buf_init(&reply->body, 1);
	if (base == NULL || key == NULL)
		return err_set(err, ERR_USAGE, "target \"%s\" needs the %s for method powerdns",
			call_target(call), base == NULL ? "setting api_url" : "secret api_key");
	path = xasprintf("/api/v1/servers/%s/zones/%s%s%s", setting_string(call, "server_id"),
		dns_name_text(zone, name), query != NULL ? "?" : "", query != NULL ? query : "");
	enum err_code code = http_url_join(base, path, &url, err);
	const struct http_header headers[] = {
		{ .name = "X-API-Key", .value = key, .secret = true },
		{ .name = "Content-Type", .value = "application/json" },
	};
	const struct http_request request = { .method = method,
		.url = url,
		.headers = headers,
		.header_count = COUNT_OF(headers),
		.body = body,
		.body_bytes = body != NULL ? strlen(body) : 0,
		.timeout_ms = left < REQUEST_MS ? left : REQUEST_MS,
		.max_body_bytes = ZONE_MAX,
		.ca_file = setting_string(call, "ca_file"),
		.allow_http = setting_bool(call, "allow_http"),
		.stop = call_stop_flag(call) };
	if (code == ERR_NONE)
		code = http_perform(&request, reply, err);
	if (code == ERR_NONE && (reply->status < 200 || reply->status > 299))
		code = http_status_error(reply, url, err);
	free(path);
	free(url);
	if (code != ERR_NONE)
		return err_context(err, "PowerDNS");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ reading */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum err_code take_records(
	const json_t *rrset, unsigned int type, struct dns_set *set, struct err *err)
{
	char *texts[DNS_VALUES_MAX];
	size_t i, count = 0;
	json_t *record;
	enum err_code code = ERR_NONE;

	json_array_foreach(json_object_get(rrset, "records"), i, record)
	{
		if (code == ERR_NONE && json_flag(record, "disabled", false))
			code = err_set(err, ERR_PRECONDITION,
				"the record set holds a disabled record (\"%.100s\"), which a change would "
				"delete",
				json_str(record, "content", ""));
		else if (code == ERR_NONE && count == DNS_VALUES_MAX)
			code = err_set(err, ERR_LIMIT, "more than %d records", DNS_VALUES_MAX);
		if (code == ERR_NONE)
			code = dns_rdata_normal(
				type, json_str(record, "content", ""), &texts[count], err);
		count += code == ERR_NONE;
	}
	qsort(texts, count, sizeof(texts[0]), by_text);
	for (i = 0; i < count; i++) {
		json_array_append_new(set->values, json_text(texts[i], strlen(texts[i])));
		free(texts[i]);
	}
	set->ttl = json_int(rrset, "ttl", -1);
	return code;
}

static enum err_code take_zone(const json_t *zone, const struct dns_name *name, unsigned int type,
	struct dns_set *set, struct err *err)
{
	const json_t *rrsets = json_object_get(zone, "rrsets");
	size_t i;
	json_t *rrset;

	if (!json_is_array(rrsets))
		return err_set(err, ERR_PROTOCOL, "PowerDNS: the zone comes without \"rrsets\"");
	/* a server that does not know the filter sends the whole zone: look at the names too */
	json_array_foreach((json_t *)rrsets, i, rrset)
	{
		struct dns_name here;
		const char *kind = json_str(rrset, "type", "");

		if (dns_name_parse(json_str(rrset, "name", ""), &here, err) != ERR_NONE ||
			!dns_name_eq(&here, name))
			continue;
		if (str_eq(kind, dns_type_name(type)))
			TRY(take_records(rrset, type, set, err));
		else if (str_eq(kind, "CNAME"))
			set->alias = true;
	}
	return ERR_NONE;
}

enum err_code dns_powerdns_read(struct call *call, const struct dns_name *zone,
	const struct dns_name *name, unsigned int type, struct dns_set *set, struct err *err)
{
	struct http_reply reply = { 0 };
	struct buf query;
	json_t *json = NULL;
	char text[DNS_NAME_TEXT];
	enum err_code code;

	*set = (struct dns_set){ .values = json_array(), .ttl = -1 };
	buf_init(&query, HTTP_URL_MAX);
	code = buf_addf(&query, err, "rrset_name=");
	if (code == ERR_NONE)
		code = http_escape(dns_name_text(name, text), &query, err);
	if (code == ERR_NONE)
		code = zone_request(call, zone, "GET", query.data, NULL, &reply, err);
	if (code == ERR_NONE)
		code = json_parse(reply.body.len > 0 ? reply.body.data : "", reply.body.len, &json, err);
	if (code == ERR_NONE)
		code = take_zone(json, name, type, set, err);
	json_decref(json);
	buf_release(&query);
	http_reply_release(&reply);
	if (code != ERR_NONE)
		err->world = WORLD_UNCHANGED; /* reading changes nothing */
	return code;
}

/* ------------------------------------------------------------------ changing */

static char *patch_body(const struct dns_change *c)
{
	char name[DNS_NAME_TEXT];
	json_t *records = json_array(), *value, *patch;
	const bool replace = json_array_size(c->to) > 0;
	size_t i;

	json_array_foreach((json_t *)c->to, i, value) json_array_append_new(
		records, json_pack("{s:O, s:b}", "content", value, "disabled", 0));
	json_t *rrset = json_pack("{s:s, s:s, s:s}", "name", dns_name_text(&c->name, name), "type",
		dns_type_name(c->type), "changetype", replace ? "REPLACE" : "DELETE");
	if (replace) {
		json_put_int(rrset, "ttl", c->ttl);
		json_put(rrset, "records", json_incref(records));
	}
	patch = json_pack("{s:[o]}", "rrsets", rrset);
	char *line = json_line(patch);
	json_decref(records);
	json_decref(patch);
	return line;
}

enum err_code dns_powerdns_send(struct call *call, const struct dns_change *change, struct err *err)
{
	struct http_reply reply = { 0 };
	struct dns_set now;
	enum err_code code =
		dns_powerdns_read(call, &change->zone, &change->name, change->type, &now, err);

	if (code == ERR_NONE && !json_equal(now.values, change->old)) {
		code = err_set(err, ERR_CONFLICT, "PowerDNS: the record set is not what was expected");
		err->world = WORLD_UNCHANGED;
	}
	if (code == ERR_NONE) {
		char *body = patch_body(change);

		code = zone_request(call, &change->zone, "PATCH", NULL, body, &reply, err);
		http_reply_release(&reply);
		free(body);
	}
	dns_set_release(&now);
	return code;
}
