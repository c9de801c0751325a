/* dns_tsig.c: signing requests and checking answers, RFC 8945.  Section numbers below are its.
 */
#include "dns_tsig.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

enum { ARCOUNT_AT = 10, ERROR_BADSIG = 16, ERROR_BADKEY = 17, ERROR_BADTIME = 18 };

static const struct {
	const char *name, *digest;
} algorithms[] = {
	{ "hmac-sha256", "SHA256" },
	{ "hmac-sha384", "SHA384" },
	{ "hmac-sha512", "SHA512" },
};

enum err_code tsig_key_make(struct tsig_key *key, const char *algorithm, const char *name,
	const char *base64, struct err *err)
{
	*key = (struct tsig_key){ 0 };
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (str_eq(algorithms[i].name, algorithm))
			key->digest = algorithms[i].digest;
	if (key->digest == NULL)
		return err_set(err, ERR_AUTH,
			"the TSIG algorithm must be hmac-sha256, hmac-sha384 or hmac-sha512");
	TRY(dns_name_parse(algorithm, &key->algorithm, err));
	if (name == NULL || dns_name_parse(name, &key->name, err) != ERR_NONE)
		return err_set(err, ERR_AUTH, "the TSIG key has no usable name");
	unsigned char *secret = base64_decode(base64, &key->secret_len);
	const bool fits =
		secret != NULL && key->secret_len > 0 && key->secret_len <= TSIG_SECRET_MAX;
	if (fits)
		memcpy(key->secret, secret, key->secret_len);
	if (secret != NULL)
		OPENSSL_cleanse(secret, key->secret_len);
	free(secret);
	if (!fits) {
		key->secret_len = 0;
		return err_set(err, ERR_AUTH, "the TSIG secret is no base64 of 1 to %d bytes",
			TSIG_SECRET_MAX);
	}
	return ERR_NONE;
}

enum err_code tsig_key_parse(struct tsig_key *key, const char *text, struct err *err)
{
	char *copy = xstrdup(text), *last = strrchr(copy, ':'), *first = strchr(copy, ':');
	enum err_code code;

	if (last == NULL) {
		code = err_set(err, ERR_AUTH, "the TSIG key must be hmac-sha256:NAME:BASE64");
	} else {
		*last = '\0';
		*first = '\0';
		code = tsig_key_make(key, first == last ? "hmac-sha256" : copy,
			first == last ? copy : first + 1, last + 1, err);
	}
	OPENSSL_cleanse(copy, strlen(text));
	free(copy);
	return code;
}

void tsig_key_clear(struct tsig_key *key)
{
	OPENSSL_cleanse(key, sizeof(*key));
}

/* ------------------------------------------------------------------ the digest */

/* What a TSIG record says, apart from its names. */
struct tsig {
	uint64_t time;
	unsigned int fudge, original_id, error;
	const unsigned char *mac, *other;
	size_t mac_len, other_len;
};

/* 4.3.3: the variables that are digested after the message. */
static enum err_code put_variables(
	struct buf *out, const struct tsig_key *key, const struct tsig *t, struct err *err)
{
	struct dns_name name = key->name;
	char text[DNS_NAME_TEXT];

	/* names are digested in lower case */
	TRY(dns_name_parse(dns_name_text(&key->name, text), &name, err));
	TRY(dns_put_name(out, &name, err));
	TRY(dns_put(out, DNS_CLASS_ANY, 2, err));
	TRY(dns_put(out, 0, 4, err));
	TRY(dns_put_name(out, &key->algorithm, err));
	TRY(dns_put(out, t->time, 6, err));
	TRY(dns_put(out, t->fudge, 2, err));
	TRY(dns_put(out, t->error, 2, err));
	TRY(dns_put(out, t->other_len, 2, err));
	return t->other_len > 0 ? buf_add(out, t->other, t->other_len, err) : ERR_NONE;
}

static enum err_code digest(const struct tsig_key *key, const struct buf *data,
	unsigned char *mac, size_t *mac_len, struct err *err)
{
	unsigned int len = 0;
	const EVP_MD *md = EVP_get_digestbyname(key->digest);

	if (md == NULL ||
		HMAC(md, key->secret, (int)key->secret_len, (const unsigned char *)data->data,
			data->len, mac, &len) == NULL)
		return err_set(err, ERR_SYSTEM, "libcrypto has no %s", key->digest);
	*mac_len = len;
	return ERR_NONE;
}

enum err_code tsig_sign(struct buf *message, const struct tsig_key *key, struct wall now,
	struct tsig_request *request, struct err *err)
{
	struct buf data, rdata;
	enum err_code code;
	unsigned char *head = (unsigned char *)message->data;
	const struct tsig t = { .time = (uint64_t)(now.ns / 1000000000),
		.fudge = TSIG_FUDGE_S,
		.original_id = (unsigned int)head[0] << 8 | head[1] };

	buf_init(&data, 2 * DNS_MESSAGE_MAX);
	buf_init(&rdata, DNS_MESSAGE_MAX);
	code = buf_add(&data, message->data, message->len, err);
	if (code == ERR_NONE)
		code = put_variables(&data, key, &t, err);
	if (code == ERR_NONE)
		code = digest(key, &data, request->mac, &request->mac_len, err);
	if (code == ERR_NONE &&
		(code = dns_put_name(&rdata, &key->algorithm, err)) == ERR_NONE &&
		(code = dns_put(&rdata, t.time, 6, err)) == ERR_NONE &&
		(code = dns_put(&rdata, t.fudge, 2, err)) == ERR_NONE &&
		(code = dns_put(&rdata, request->mac_len, 2, err)) == ERR_NONE &&
		(code = buf_add(&rdata, request->mac, request->mac_len, err)) == ERR_NONE &&
		(code = dns_put(&rdata, t.original_id, 2, err)) == ERR_NONE)
		code = dns_put(&rdata, 0, 4, err); /* no error, no other data */
	if (code == ERR_NONE)
		code = dns_put_record(message, &key->name, DNS_TSIG, DNS_CLASS_ANY, 0,
			rdata.data, rdata.len, err);
	if (code == ERR_NONE) {
		head = (unsigned char *)message->data; /* it may have moved */
		head[ARCOUNT_AT + 1]++;
	}
	buf_release(&data);
	buf_release(&rdata);
	return code;
}

/* ------------------------------------------------------------------ an answer */

static unsigned int get16(const unsigned char *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* 4.2: the data of a TSIG record. */
static enum err_code read_tsig(const struct dns_message *m, const struct dns_record *r,
	struct dns_name *algorithm, struct tsig *t, struct err *err)
{
	size_t used = 0;
	const size_t end = r->rdata + r->rdata_len;

	TRY(dns_read_name(m->data, end, r->rdata, algorithm, &used, err));
	const unsigned char *p = m->data + r->rdata + used;
	size_t left = end - r->rdata - used;
	if (left < 10)
		goto wrong;
	t->time = (uint64_t)get16(p) << 32 | (uint64_t)get16(p + 2) << 16 | get16(p + 4);
	t->fudge = get16(p + 6);
	t->mac_len = get16(p + 8);
	p += 10, left -= 10;
	if (left < t->mac_len + 6)
		goto wrong;
	t->mac = p;
	p += t->mac_len, left -= t->mac_len;
	t->original_id = get16(p);
	t->error = get16(p + 2);
	t->other_len = get16(p + 4);
	t->other = p + 6;
	if (left == t->other_len + 6)
		return ERR_NONE;
wrong:
	return err_set(err, ERR_PROTOCOL, "a malformed DNS message: its TSIG record");
}

/* 5.2: what the server holds against our signature.  Such an answer has no signature we could
 * check. */
static enum err_code refusal(unsigned int error, const struct tsig_key *key,
	const struct tsig *t, struct wall now, struct err *err)
{
	char name[DNS_NAME_TEXT];

	dns_name_text(&key->name, name);
	if (error == ERROR_BADKEY)
		return err_set(err, ERR_AUTH,
			"the server does not know the key \"%.200s\" (BADKEY)", name);
	if (error == ERROR_BADSIG)
		return err_set(err, ERR_AUTH,
			"the server has another secret or algorithm for the key \"%.200s\" "
			"(BADSIG)",
			name);
	if (error == ERROR_BADTIME) {
		uint64_t theirs = t->time;

		if (t->other_len == 6)
			theirs = (uint64_t)get16(t->other) << 32 |
				 (uint64_t)get16(t->other + 2) << 16 | get16(t->other + 4);
		return err_set(err, ERR_AUTH,
			"the clocks differ: the server's is %lld s ahead of ours (BADTIME)",
			(long long)((int64_t)theirs - now.ns / 1000000000));
	}
	return err_set(
		err, ERR_AUTH, "the server refused the signature (TSIG error %u)", error);
}

static enum err_code check_mac(const struct dns_message *m, const struct dns_record *r,
	const struct tsig *t, const struct tsig_key *key, const struct tsig_request *request,
	struct err *err)
{
	unsigned char mac[TSIG_MAC_MAX], *head;
	size_t mac_len = 0;
	struct buf data;
	enum err_code code;

	/* 5.3: our MAC, the answer as it was before it was signed, the variables */
	buf_init(&data, 2 * DNS_MESSAGE_MAX);
	code = dns_put(&data, request->mac_len, 2, err);
	if (code == ERR_NONE)
		code = buf_add(&data, request->mac, request->mac_len, err);
	const size_t start = data.len;
	if (code == ERR_NONE)
		code = buf_add(&data, m->data, r->offset, err);
	if (code == ERR_NONE) {
		head = (unsigned char *)data.data + start;
		head[0] = (unsigned char)(t->original_id >> 8);
		head[1] = (unsigned char)t->original_id;
		const unsigned int count = get16(head + ARCOUNT_AT) - 1;
		head[ARCOUNT_AT] = (unsigned char)(count >> 8);
		head[ARCOUNT_AT + 1] = (unsigned char)count;
		code = put_variables(&data, key, t, err);
	}
	if (code == ERR_NONE)
		code = digest(key, &data, mac, &mac_len, err);
	/* a shortened MAC (5.2.2.1) is not accepted */
	if (code == ERR_NONE &&
		(t->mac_len != mac_len || CRYPTO_memcmp(mac, t->mac, mac_len) != 0))
		code = err_set(err, ERR_AUTH, "the signature of the answer is wrong");
	buf_release(&data);
	return code;
}

enum err_code tsig_verify(const struct dns_message *answer, const struct tsig_key *key,
	const struct tsig_request *request, struct wall now, bool *refused, struct err *err)
{
	const struct dns_record *r =
		answer->count > 0 ? &answer->records[answer->count - 1] : NULL;
	struct dns_name algorithm = { 0 };
	struct tsig t = { 0 };

	*refused = false;
	if (r == NULL || r->type != DNS_TSIG) {
		if (answer->rcode == DNS_NOTAUTH || answer->rcode == DNS_REFUSED) {
			*refused = true;
			return err_set(err, ERR_AUTH, "the server refused (%s, unsigned)",
				dns_rcode_name(answer->rcode));
		}
		return err_set(err, ERR_AUTH, "the answer (%s) is not signed",
			dns_rcode_name(answer->rcode));
	}
	TRY(read_tsig(answer, r, &algorithm, &t, err));
	if (answer->rcode == DNS_NOTAUTH && t.error != 0) {
		*refused = true;
		return refusal(t.error, key, &t, now, err);
	}
	if (!dns_name_eq(&r->name, &key->name) || !dns_name_eq(&algorithm, &key->algorithm) ||
		r->class != DNS_CLASS_ANY || r->ttl != 0)
		return err_set(err, ERR_AUTH, "the answer is signed with another key");
	TRY(check_mac(answer, r, &t, key, request, err));
	const int64_t skew = (int64_t)t.time - now.ns / 1000000000;
	if (skew > (int64_t)t.fudge || -skew > (int64_t)t.fudge)
		return err_set(err, ERR_AUTH, "the answer was signed %lld s from now",
			(long long)skew);
	return ERR_NONE;
}
