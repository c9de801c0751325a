/* dns_point.c: pointing a name somewhere else, as a compare-and-set that can be taken back. */
#include "dns.h"

#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 100 };

void dns_set_release(struct dns_set *set)
{
	json_decref(set->values);
	set->values = NULL;
}

static bool powerdns(const struct call *call)
{
	return str_eq(setting_string(call, "method"), "powerdns");
}

/* The authoritative answer: what the world gets to see. */
static enum err_code read_answer(struct call *call, const struct dns_name *name,
	unsigned int type, struct dns_set *set, struct err *err)
{
	const struct dns_question q = { .name = *name, .type = type };
	struct net_endpoint server;
	struct dns_answer answer = { 0 };
	enum err_code code;

	*set = (struct dns_set){ .ttl = -1 };
	code = dns_server_of(call, "server", &server, err);
	if (code == ERR_NONE)
		code = dns_ask_server(call, &server, &q, true, &answer, err);
	set->values = code == ERR_NONE ? json_incref(answer.values) : json_array();
	set->alias = json_array_size(answer.chain) > 0;
	if (json_array_size(set->values) > 0)
		set->ttl = answer.ttl;
	dns_answer_release(&answer);
	return code;
}

enum err_code dns_read_set(struct call *call, const struct dns_name *name, unsigned int type,
	struct dns_set *set, struct err *err)
{
	struct dns_name zone;

	*set = (struct dns_set){ .ttl = -1 };
	if (!powerdns(call))
		return read_answer(call, name, type, set, err);
	TRY(dns_zone_of(call, &zone, err));
	return dns_powerdns_read(call, &zone, name, type, set, err);
}

/* ------------------------------------------------------------------ the change */

/* What a call asks for; everything owned. */
struct point {
	struct dns_change change;
	json_t *to, *from; /* from is NULL when the call names none */
	char name[DNS_NAME_TEXT];
};

static void point_release(struct point *p)
{
	json_decref(p->to);
	json_decref(p->from);
}

static enum err_code point_of(struct call *call, struct point *p, struct err *err)
{
	*p = (struct point){ 0 };
	if (!setting_has(call, "method"))
		return err_set(err, ERR_USAGE,
			"target \"%s\" needs the setting method (rfc2136 or powerdns) to "
			"change something",
			call_target(call));
	TRY(dns_zone_of(call, &p->change.zone, err));
	TRY(dns_name_of(call, true, &p->change.name, &p->change.type, err));
	dns_name_text(&p->change.name, p->name);
	TRY(dns_values_of(call, "to", p->change.type, &p->to, err));
	if (call_has(call, "from"))
		TRY(dns_values_of(call, "from", p->change.type, &p->from, err));
	if (p->change.type == DNS_CNAME && json_array_size(p->to) > 1)
		return err_set(err, ERR_USAGE, "a name can be an alias of one other only");
	p->change.to = p->to;
	return ERR_NONE;
}

static enum err_code check_old(
	const struct point *p, const struct dns_set *old, struct err *err)
{
	char now[300], expected[300];

	if (old->alias)
		return err_set(err, ERR_PRECONDITION,
			"\"%.200s\" is an alias (CNAME); beside it there can be no %s", p->name,
			dns_type_name(p->change.type));
	if (p->from == NULL || json_equal(p->from, old->values) ||
		json_equal(p->to, old->values))
		return ERR_NONE;
	return err_set(err, ERR_CONFLICT, "\"%.200s\" %s is %s, expected was %s", p->name,
		dns_type_name(p->change.type), dns_values_text(old->values, now, sizeof(now)),
		dns_values_text(p->from, expected, sizeof(expected)));
}

static void put_before(
	struct call *call, const struct point *p, const struct dns_set *old, json_t *before)
{
	const int64_t ttl = call_has(call, "ttl") ? call_int(call, "ttl")
			    : old->ttl >= 0	  ? old->ttl
						  : setting_int(call, "default_ttl");
	json_t *args = json_pack("{s:s, s:s, s:O, s:O}", "name", p->name, "type",
		dns_type_name(p->change.type), "to", old->values, "from", p->to);

	if (old->ttl >= 0)
		json_put_int(args, "ttl", old->ttl);
	json_put_str(before, "name", p->name);
	json_put_str(before, "type", dns_type_name(p->change.type));
	json_put(before, "old", json_incref(old->values));
	json_put_int(before, "old_ttl_s", old->ttl);
	json_put_int(before, "ttl_s", ttl);
	json_put(before, "undo", json_pack("{s:s, s:o}", "op", "dns.point", "args", args));
}

enum err_code dns_point_prepare(struct call *call, json_t *before, struct err *err)
{
	struct point p;
	struct dns_set old = { 0 };
	enum err_code code = point_of(call, &p, err);

	if (code == ERR_NONE)
		code = dns_read_set(call, &p.change.name, p.change.type, &old, err);
	if (code == ERR_NONE)
		code = check_old(&p, &old, err);
	if (code == ERR_NONE)
		put_before(call, &p, &old, before);
	dns_set_release(&old);
	point_release(&p);
	return code;
}

/* A server that refused is believed only if the old set is still there; and a conflict with
 * what was wanted anyway is none. */
static enum err_code after_refusal(
	struct call *call, const struct point *p, bool *already, struct err *err)
{
	struct err ignored = { 0 };
	struct dns_set now = { 0 };
	char text[300];

	if (dns_read_set(call, &p->change.name, p->change.type, &now, &ignored) != ERR_NONE) {
		if (err->code != ERR_CONFLICT)
			err->world = WORLD_UNKNOWN;
	} else if (err->code == ERR_CONFLICT) {
		*already = json_equal(now.values, p->to);
		snprintf(err->text + strlen(err->text), sizeof(err->text) - strlen(err->text),
			"; it is %s", dns_values_text(now.values, text, sizeof(text)));
	} else if (!json_equal(now.values, p->change.old)) {
		err->world = WORLD_UNKNOWN;
	}
	dns_set_release(&now);
	return err->code;
}

/* Until the authority says what was set.  An update that breaks a rule of the DNS (an alias
 * beside other data) is passed over without an error, so being accepted proves nothing. */
static enum err_code wait_visible(
	struct call *call, const struct point *p, int64_t *after_ms, struct err *err)
{
	const struct mono start = mono_now();
	const int64_t wait_ms = call_int(call, "wait");
	struct dns_set now = { 0 };
	char text[300];

	for (;;) {
		enum err_code code =
			read_answer(call, &p->change.name, p->change.type, &now, err);
		const bool seen = code == ERR_NONE && json_equal(now.values, p->to);

		*after_ms = mono_ms_since(start);
		if (code == ERR_NONE && !seen && *after_ms >= wait_ms) {
			code = err_set(err, ERR_CONFLICT,
				"the change of \"%.200s\" was accepted, but %lld ms later the "
				"server "
				"still answers %s",
				p->name, (long long)*after_ms,
				dns_values_text(now.values, text, sizeof(text)));
		} else if (code == ERR_NONE && !seen) {
			call_progress(call, -1, "the server still answers %s",
				dns_values_text(now.values, text, sizeof(text)));
			code = call_sleep(call, POLL_MS, err);
		}
		dns_set_release(&now);
		if (code != ERR_NONE)
			err->world = WORLD_UNKNOWN;
		if (code != ERR_NONE || seen)
			return code;
	}
}

static enum err_code send_change(struct call *call, struct point *p, const json_t *before,
	bool *already, struct err *err)
{
	const json_t *old = json_object_get(before, "old");

	if (!json_is_array(old))
		return err_set(err, ERR_PRECONDITION, "it was not prepared");
	p->change.old = old;
	p->change.ttl = json_int(before, "ttl_s", 0);
	const enum err_code code = powerdns(call) ? dns_powerdns_send(call, &p->change, err)
						  : dns_update_send(call, &p->change, err);
	if (code == ERR_NONE || err->world != WORLD_UNCHANGED)
		return code;
	/* nothing was sent: there is nothing to look at */
	if (code == ERR_UNREACHABLE || code == ERR_TIMEOUT || code == ERR_CANCELLED)
		return code;
	return after_refusal(call, p, already, err);
}

enum err_code dns_point_run(struct call *call, json_t *result, struct err *err)
{
	const json_t *before = call_before(call);
	const int64_t old_ttl = json_int(before, "old_ttl_s", -1);
	struct point p;
	int64_t after_ms = 0;
	bool already = false;
	struct err problem = { 0 };
	enum err_code code = point_of(call, &p, &problem);

	if (code == ERR_NONE)
		code = send_change(call, &p, before, &already, &problem);
	if (already)
		code = ERR_NONE;
	if (code == ERR_NONE)
		code = wait_visible(call, &p, &after_ms, &problem);
	if (code == ERR_NONE) {
		json_put_str(result, "name", p.name);
		json_put_str(result, "type", dns_type_name(p.change.type));
		json_put(result, "values", json_incref(p.to));
		json_put_int(result, "ttl_s", p.change.ttl);
		json_put(result, "old", json_deep_copy(json_object_get(before, "old")));
		json_put_int(result, "caches_s", old_ttl > 0 ? old_ttl : 0);
		json_put_int(result, "visible_after_ms", after_ms);
		json_put_flag(result, "changed", !already);
	} else {
		*err = problem;
	}
	point_release(&p);
	return code;
}

enum err_code dns_point_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	const json_t *before = call_before(call), *old = json_object_get(before, "old");
	const int64_t ttl = json_int(before, "ttl_s", -1);
	struct dns_set now = { 0 };
	struct point p;
	enum err_code code = point_of(call, &p, err);

	if (code == ERR_NONE)
		code = dns_read_set(call, &p.change.name, p.change.type, &now, err);
	if (code == ERR_NONE) {
		/* the TTL tells them apart only where the values do not */
		const bool same = json_equal(old, p.to);
		const bool to = json_equal(now.values, p.to);

		json_put(evidence, "values", json_incref(now.values));
		json_put_int(evidence, "ttl_s", now.ttl);
		*verdict = VERDICT_CANNOT_TELL;
		if (to && (!same || now.ttl == ttl || now.ttl < 0))
			*verdict = VERDICT_DONE;
		else if (json_equal(now.values, old))
			*verdict = VERDICT_NOT_DONE;
		else
			json_put_str(evidence, "reason",
				"the record set is neither the old nor the new one: somebody "
				"else "
				"has changed it");
	}
	dns_set_release(&now);
	point_release(&p);
	return code;
}
