/* dns_query.h: asking a name server. */
#ifndef PROVIDER_DNS_QUERY_H
#define PROVIDER_DNS_QUERY_H

#include "dns_message.h"
#include "net.h"

enum {
	DNS_PORT = 53,
	DNS_TRIES = 3,
	DNS_UDP_BYTES = 1232 /* fits any path: DNS flag day 2020 */
};

/* Sends request and gives the bytes of the answer to it (same id, same question; strays are
 * passed over) in reply.  Over UDP it is sent up to DNS_TRIES times.  *sent: something left
 * this machine. */
enum err_code dns_exchange(const struct net_endpoint *server, const struct buf *request,
	bool tcp, const struct net_limit *limit, struct buf *reply, bool *sent,
	struct err *err) MUST_CHECK;

/* What a server says about one record set. */
struct dns_answer {
	int rcode; /* NOERROR or NXDOMAIN; everything else is an error */
	bool authoritative;
	json_t *values; /* owned; sorted, each in its one spelling */
	json_t *chain;	/* owned; the names an alias led over */
	int64_t ttl;	/* the least on the way; of an empty answer -1 */
};
void dns_answer_release(struct dns_answer *answer);
struct dns_question {
	struct dns_name name;
	unsigned int type;
	bool recurse; /* ask for recursion */
	bool follow;  /* values of what an alias in the same answer leads to */
};
/* UDP, then TCP when the answer did not fit.  ERR_UNREACHABLE, ERR_TIMEOUT, ERR_REFUSED,
 * ERR_PROTOCOL. */
enum err_code dns_ask(const struct net_endpoint *server, const struct dns_question *question,
	const struct net_limit *limit, struct dns_answer *answer, struct err *err) MUST_CHECK;

#endif
