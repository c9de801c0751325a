/* dns.h: what the files of the dns provider share. */
#ifndef PROVIDER_DNS_H
#define PROVIDER_DNS_H

#include "drillbook/provider.h"
#include "dns_query.h"

enum { DNS_VALUES_MAX = 200 };

/* A record set as a target has it. */
struct dns_set {
	json_t *values; /* owned; sorted, each in its one spelling; empty = there is none */
	int64_t ttl;	/* -1 = there is none */
	bool alias;	/* the name is an alias (CNAME) and the type asked for another */
};
void dns_set_release(struct dns_set *set);

/* One change: the set must be old, then it is to. */
struct dns_change {
	struct dns_name zone, name;
	unsigned int type;
	const json_t *old, *to; /* borrowed; in their one spelling */
	int64_t ttl;
};

/* The three below say what is known of the world in err->world. */

/* dns_update.c: RFC 2136.  ERR_CONFLICT when the set was not old; ERR_AUTH for key and clock.
 */
enum err_code dns_update_send(
	struct call *call, const struct dns_change *change, struct err *err) MUST_CHECK;
/* An update without a change, to see whether the key may. */
enum err_code dns_update_try(
	struct call *call, const struct dns_name *zone, struct err *err) MUST_CHECK;

/* dns_powerdns.c: the REST API.  Reading and changing are two steps there. */
enum err_code dns_powerdns_read(struct call *call, const struct dns_name *zone,
	const struct dns_name *name, unsigned int type, struct dns_set *set,
	struct err *err) MUST_CHECK;
enum err_code dns_powerdns_send(
	struct call *call, const struct dns_change *change, struct err *err) MUST_CHECK;

/* dns_point.c */
/* The target's own view of a record set: the API's, or the authoritative answer. */
enum err_code dns_read_set(struct call *call, const struct dns_name *name, unsigned int type,
	struct dns_set *set, struct err *err) MUST_CHECK;
enum err_code dns_point_prepare(struct call *call, json_t *before, struct err *err);
enum err_code dns_point_run(struct call *call, json_t *result, struct err *err);
enum err_code dns_point_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);

/* dns_wait.c */
enum err_code dns_wait_run(struct call *call, json_t *result, struct err *err);

/* dns.c */
enum err_code dns_zone_of(struct call *call, struct dns_name *zone, struct err *err) MUST_CHECK;
/* The call's name and type; the name must be in the target's zone when in_zone. */
enum err_code dns_name_of(struct call *call, bool in_zone, struct dns_name *name,
	unsigned int *type, struct err *err) MUST_CHECK;
/* The values of a parameter in their one spelling, sorted, without repetition.  *out is owned.
 */
enum err_code dns_values_of(struct call *call, const char *param, unsigned int type,
	json_t **out, struct err *err) MUST_CHECK;
enum err_code dns_server_of(struct call *call, const char *setting, struct net_endpoint *out,
	struct err *err) MUST_CHECK;
struct net_limit dns_limit_of(struct call *call);
/* Asks server; the answer must be authoritative if that is wanted. */
enum err_code dns_ask_server(struct call *call, const struct net_endpoint *server,
	const struct dns_question *question, bool authoritative, struct dns_answer *answer,
	struct err *err) MUST_CHECK;
/* "192.0.2.1, 192.0.2.2" or "nothing"; returns buf. */
char *dns_values_text(const json_t *values, char *buf, size_t size);

#endif
