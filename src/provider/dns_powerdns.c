/* dns_powerdns.c: record sets through the REST API of PowerDNS Authoritative Server 4.
 * Source: https://doc.powerdns.com/authoritative/http-api/zone.html
 *
 * The API has no conditional change: somebody else's change between our reading and our writing
 * would be lost.  It is read again right before the change, which makes that moment short, and
 * afterwards. */
#include "dns.h"
#include "httpclient.h"

#include <stdlib.h>
#include <string.h>

enum { ZONE_MAX = 16 << 20, REQUEST_MS = 15000 };

/* One request below the server's own path. */
static enum err_code api_request(struct call *call, const char *method, const char *path,
	const char *body, struct http_reply *reply, struct err *err)
{
	const char *base = setting_string(call, "api_url");
	const int64_t left = call_left_ms(call);
	size_t len;
	const char *key = call_secret(call, "api_key", &len);
	char *whole, *url = NULL;

	buf_init(&reply->body, 1);
	if (base == NULL || key == NULL)
		return err_set(err, ERR_USAGE, "target \"%s\" needs the %s for method powerdns",
			call_target(call), base == NULL ? "setting api_url" : "secret api_key");
	whole = xasprintf("/api/v1/servers/%s/%s", setting_string(call, "server_id"), path);
	enum err_code code = http_url_join(base, whole, &url, err);
	free(whole);
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
	free(url);
	if (code != ERR_NONE)
		return err_context(err, "PowerDNS");
	return ERR_NONE;
}

/* A path of a fixed part, a name, a fixed part and perhaps another name, the names escaped.
 * Owned. */
static enum err_code make_path(char **out, const char *before, const struct dns_name *name,
	const char *between, const struct dns_name *last, struct err *err)
{
	struct buf path;
	char text[DNS_NAME_TEXT];
	enum err_code code;

	buf_init(&path, HTTP_URL_MAX);
	code = buf_addf(&path, err, "%s", before);
	if (code == ERR_NONE)
		code = http_escape(dns_name_text(name, text), &path, err);
	if (code == ERR_NONE)
		code = buf_addf(&path, err, "%s", between);
	if (code == ERR_NONE && last != NULL)
		code = http_escape(dns_name_text(last, text), &path, err);
	if (code == ERR_NONE)
		*out = xstrdup(path.data);
	buf_release(&path);
	return code;
}

static enum err_code api_get(
	struct call *call, const char *path, json_t **json, struct err *err)
{
	struct http_reply reply = { 0 };
	enum err_code code = api_request(call, "GET", path, NULL, &reply, err);

	if (code == ERR_NONE && json_parse(reply.body.len > 0 ? reply.body.data : "",
					reply.body.len, json, err) != ERR_NONE)
		code = err_context(err, "PowerDNS");
	http_reply_release(&reply);
	return code;
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
		/* a server that knows no filter sends the whole zone, disabled records too */
		if (json_flag(record, "disabled", false))
			continue;
		if (code == ERR_NONE && count == DNS_VALUES_MAX)
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

static enum err_code take_zone(const json_t *zone, const struct dns_name *name,
	unsigned int type, struct dns_set *set, struct err *err)
{
	const json_t *rrsets = json_object_get(zone, "rrsets");
	size_t i;
	json_t *rrset;

	if (!json_is_array(rrsets))
		return err_set(
			err, ERR_PROTOCOL, "PowerDNS: the zone comes without \"rrsets\"");
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

/* Filtered by name the zone comes without its disabled records, which a change would delete:
 * the search finds them. */
static enum err_code refuse_disabled(struct call *call, const struct dns_name *zone,
	const struct dns_name *name, unsigned int type, struct err *err)
{
	struct dns_name here;
	struct err ignored = { 0 };
	json_t *found = NULL, *record;
	char *path = NULL;
	size_t i;
	enum err_code code = make_path(
		&path, "search-data?max=1000&object_type=record&q=", name, "", NULL, err);

	if (code == ERR_NONE) {
		path[strlen(path) - 1] = '\0'; /* it looks for names without the final dot */
		code = api_get(call, path, &found, err);
	}
	json_array_foreach(found, i, record)
	{
		if (code == ERR_NONE && json_flag(record, "disabled", false) &&
			str_eq(json_str(record, "type", ""), dns_type_name(type)) &&
			dns_name_parse(json_str(record, "name", ""), &here, &ignored) ==
				ERR_NONE &&
			dns_name_eq(&here, name) &&
			dns_name_parse(json_str(record, "zone", ""), &here, &ignored) ==
				ERR_NONE &&
			dns_name_eq(&here, zone))
			code = err_set(err, ERR_PRECONDITION,
				"PowerDNS: the record set holds a disabled record (%.100s), "
				"which a change "
				"would delete",
				json_str(record, "content", ""));
	}
	json_decref(found);
	free(path);
	return code;
}

enum err_code dns_powerdns_read(struct call *call, const struct dns_name *zone,
	const struct dns_name *name, unsigned int type, struct dns_set *set, struct err *err)
{
	json_t *json = NULL;
	char *path = NULL;
	enum err_code code;

	*set = (struct dns_set){ .values = json_array(), .ttl = -1 };
	code = make_path(&path, "zones/", zone, "?rrset_name=", name, err);
	if (code == ERR_NONE)
		code = api_get(call, path, &json, err);
	if (code == ERR_NONE)
		code = take_zone(json, name, type, set, err);
	if (code == ERR_NONE)
		code = refuse_disabled(call, zone, name, type, err);
	json_decref(json);
	free(path);
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
	json_t *rrset = json_pack("{s:s, s:s, s:s}", "name", dns_name_text(&c->name, name),
		"type", dns_type_name(c->type), "changetype", replace ? "REPLACE" : "DELETE");
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

enum err_code dns_powerdns_send(
	struct call *call, const struct dns_change *change, struct err *err)
{
	struct http_reply reply = { 0 };
	struct dns_set now;
	char *path = NULL;
	enum err_code code =
		dns_powerdns_read(call, &change->zone, &change->name, change->type, &now, err);

	if (code == ERR_NONE && !json_equal(now.values, change->old)) {
		code = err_set(
			err, ERR_CONFLICT, "PowerDNS: the record set is not what was expected");
		err->world = WORLD_UNCHANGED;
	}
	if (code == ERR_NONE)
		code = make_path(&path, "zones/", &change->zone, "", NULL, err);
	if (code == ERR_NONE) {
		char *body = patch_body(change);

		code = api_request(call, "PATCH", path, body, &reply, err);
		http_reply_release(&reply);
		free(body);
	}
	free(path);
	dns_set_release(&now);
	return code;
}
