/* dns_tsig.h: signed DNS messages (RFC 8945). */
#ifndef PROVIDER_DNS_TSIG_H
#define PROVIDER_DNS_TSIG_H

#include "dns_message.h"

enum { TSIG_SECRET_MAX = 512, TSIG_MAC_MAX = 64, TSIG_FUDGE_S = 300 };

struct tsig_key {
	struct dns_name name, algorithm;
	const char *digest; /* libcrypto's name of it */
	unsigned char secret[TSIG_SECRET_MAX];
	size_t secret_len;
};
/* algorithm "hmac-sha256" (384, 512), name, secret in base64.  ERR_AUTH: the text never holds
 * the secret. */
enum err_code tsig_key_make(struct tsig_key *key, const char *algorithm, const char *name,
	const char *base64, struct err *err) MUST_CHECK;
/* "hmac-sha256:name:base64" (the algorithm may be left out), as dig -y and knsupdate -y take
 * it. */
enum err_code tsig_key_parse(
	struct tsig_key *key, const char *text, struct err *err) MUST_CHECK;
void tsig_key_clear(struct tsig_key *key);

/* What ties an answer to its request. */
struct tsig_request {
	unsigned char mac[TSIG_MAC_MAX];
	size_t mac_len;
};
/* Appends the TSIG record to message and counts it in the header. */
enum err_code tsig_sign(struct buf *message, const struct tsig_key *key, struct wall now,
	struct tsig_request *request, struct err *err) MUST_CHECK;
/* Is the answer signed with our key, for our request, now?  ERR_AUTH when the server says that
 * our key or clock is wrong (its words are then in the text) or when its signature is; *refused
 * says which: true = the server refused us, in an answer that cannot itself be signed. */
enum err_code tsig_verify(const struct dns_message *answer, const struct tsig_key *key,
	const struct tsig_request *request, struct wall now, bool *refused,
	struct err *err) MUST_CHECK;

#endif
