/* dns_update.c: changing a record set by a signed dynamic update (RFC 2136, RFC 8945).
 *
 * The prerequisites make it a true compare-and-set on the server: the whole old set must be
 * there (RFC 2136 2.4.2), or none (2.4.3).  It is sent once, over TCP: a datagram sent again
 * could be an update done twice. */
#include "dns.h"
#include "dns_tsig.h"

#include <string.h>

enum { UPDATE_MS = 15000 };

static enum err_code load_key(struct call *call, struct tsig_key *key, struct err *err)
{
	size_t len;
	const char *whole = call_secret(call, "key", &len);
	const char *secret = call_secret(call, "tsig_key", &len);

	if (whole != NULL)
		return tsig_key_parse(key, whole, err);
	if (secret != NULL)
		return tsig_key_make(key, setting_string(call, "tsig_algorithm"),
			setting_string(call, "tsig_name"), secret, err);
	return err_set(err, ERR_AUTH,
		"target \"%s\" has no key for updates; name the secret key "
		"(hmac-sha256:NAME:BASE64), or "
		"tsig_key and the setting tsig_name",
		call_target(call));
}

/* One record for each value of the set. */
static enum err_code put_values(struct buf *out, const struct dns_change *c,
	const json_t *values, uint32_t ttl, struct err *err)
{
	size_t i;
	json_t *value;

	json_array_foreach((json_t *)values, i, value)
	{
		struct buf rdata;

		buf_init(&rdata, DNS_MESSAGE_MAX);
		enum err_code code =
			dns_rdata_parse(c->type, json_string_value(value), &rdata, err);
		if (code == ERR_NONE)
			code = dns_put_record(out, &c->name, c->type, DNS_IN, ttl, rdata.data,
				rdata.len, err);
		buf_release(&rdata);
		TRY(code);
	}
	return ERR_NONE;
}

static enum err_code put_header(struct buf *out, const struct dns_name *zone,
	size_t prerequisites, size_t updates, struct err *err)
{
	unsigned char id[2];

	TRY(random_bytes(id, sizeof(id), err));
	const struct dns_header header = { .id = (unsigned int)id[0] << 8 | id[1],
		.flags = DNS_UPDATE << DNS_OPCODE_SHIFT,
		.counts = { 1, (unsigned int)prerequisites, (unsigned int)updates, 0 } };
	TRY(dns_put_header(out, &header, err));
	return dns_put_question(out, zone, DNS_SOA, err);
}

static enum err_code make_update(struct buf *out, const struct dns_change *c, struct err *err)
{
	const size_t old = json_array_size(c->old), to = json_array_size(c->to);

	TRY(put_header(out, &c->zone, old > 0 ? old : 1, to + 1, err));
	if (old == 0)
		TRY(dns_put_record(out, &c->name, c->type, DNS_CLASS_NONE, 0, NULL, 0, err));
	TRY(put_values(out, c, c->old, 0, err));
	/* 2.5.2: the whole set goes, then the new one comes: one step for whoever asks */
	TRY(dns_put_record(out, &c->name, c->type, DNS_CLASS_ANY, 0, NULL, 0, err));
	return put_values(out, c, c->to, (uint32_t)c->ttl, err);
}

static const struct {
	int rcode;
	enum err_code code;
	enum world world;
	const char *text;
} outcomes[] = {
	{ DNS_NXRRSET, ERR_CONFLICT, WORLD_UNCHANGED,
		"the record set is not what was expected" },
	{ DNS_YXRRSET, ERR_CONFLICT, WORLD_UNCHANGED,
		"there is a record set, none was expected" },
	{ DNS_NXDOMAIN, ERR_CONFLICT, WORLD_UNCHANGED,
		"the name is not there, it was expected" },
	{ DNS_YXDOMAIN, ERR_CONFLICT, WORLD_UNCHANGED,
		"the name is there, it was not expected" },
	{ DNS_NOTAUTH, ERR_AUTH, WORLD_UNCHANGED,
		"it is not the server of this zone, or the key is not for it" },
	{ DNS_REFUSED, ERR_AUTH, WORLD_UNCHANGED, "the key may not change this" },
	{ DNS_NOTZONE, ERR_USAGE, WORLD_UNCHANGED, "the name is not in the zone" },
	{ DNS_NOTIMP, ERR_UNSUPPORTED, WORLD_UNCHANGED, "it does not take updates" },
	{ DNS_FORMERR, ERR_PROTOCOL, WORLD_UNCHANGED, "it does not understand the update" },
};

static enum err_code outcome(const struct net_endpoint *server, int rcode, struct err *err)
{
	if (rcode == DNS_NOERROR)
		return ERR_NONE;
	for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
		if (outcomes[i].rcode != rcode)
			continue;
		err_set(err, outcomes[i].code, "name server \"%s\" port %d answered %s: %s",
			server->host, server->port, dns_rcode_name(rcode), outcomes[i].text);
		err->world = outcomes[i].world;
		return outcomes[i].code;
	}
	err_set(err, ERR_REFUSED, "name server \"%s\" port %d answered the update with %s",
		server->host, server->port, dns_rcode_name(rcode));
	err->world = WORLD_UNKNOWN;
	return ERR_REFUSED;
}

/* Signs, sends, checks the answer's signature and reads its outcome. */
static enum err_code transact(struct call *call, struct buf *update, struct err *err)
{
	const int64_t left = call_left_ms(call);
	const struct net_limit limit =
		net_limit_in(left < UPDATE_MS ? left : UPDATE_MS, call_stop_flag(call));
	struct net_endpoint server;
	struct tsig_key key = { 0 };
	struct tsig_request request = { 0 };
	struct dns_message m = { 0 };
	struct buf reply;
	bool sent = false, refused = false;
	enum err_code code;

	buf_init(&reply, DNS_MESSAGE_MAX);
	code = dns_server_of(call,
		setting_has(call, "update_server") ? "update_server" : "server", &server, err);
	if (code == ERR_NONE)
		code = load_key(call, &key, err);
	if (code == ERR_NONE)
		code = tsig_sign(update, &key, wall_now(), &request, err);
	if (code == ERR_NONE)
		code = dns_exchange(&server, update, true, &limit, &reply, &sent, err);
	if (code == ERR_NONE)
		code = dns_parse_message((unsigned char *)reply.data, reply.len, &m, err);
	if (code == ERR_NONE) {
		code = tsig_verify(&m, &key, &request, wall_now(), &refused, err);
		if (code != ERR_NONE)
			err_context(
				err, "name server \"%s\" port %d", server.host, server.port);
	}
	if (code != ERR_NONE)
		err->world = sent && !refused ? WORLD_UNKNOWN : WORLD_UNCHANGED;
	else
		code = outcome(&server, m.rcode, err);
	tsig_key_clear(&key);
	dns_message_release(&m);
	buf_release(&reply);
	return code;
}

enum err_code dns_update_send(
	struct call *call, const struct dns_change *change, struct err *err)
{
	struct buf update;
	enum err_code code;

	buf_init(&update, DNS_MESSAGE_MAX);
	code = make_update(&update, change, err);
	if (code == ERR_NONE)
		code = transact(call, &update, err);
	buf_release(&update);
	return code;
}

enum err_code dns_update_try(struct call *call, const struct dns_name *zone, struct err *err)
{
	struct buf update;
	enum err_code code;

	buf_init(&update, DNS_MESSAGE_MAX);
	/* 2.4.4: the zone's own name is in use, which it always is; and then nothing */
	code = put_header(&update, zone, 1, 0, err);
	if (code == ERR_NONE)
		code = dns_put_record(&update, zone, DNS_ANY, DNS_CLASS_ANY, 0, NULL, 0, err);
	if (code == ERR_NONE)
		code = transact(call, &update, err);
	buf_release(&update);
	return code;
}
