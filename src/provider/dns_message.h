/* dns_message.h: DNS messages (RFC 1035, 2782, 3596, 6891) as bytes and as text.
 *
 * The reader takes bytes from anybody on the network: every length is checked, a compression
 * pointer must point backwards (so that reading ends), there is a limit to the number of
 * records, and nothing may follow the last one. */
#ifndef PROVIDER_DNS_MESSAGE_H
#define PROVIDER_DNS_MESSAGE_H

#include "drillbook/base.h"

enum {
	DNS_NAME_MAX = 255,   /* bytes of a name on the wire, RFC 1035 2.3.4 */
	DNS_NAME_TEXT = 1024, /* as text, each byte as \DDD at worst */
	DNS_MESSAGE_MAX = 65535,
	DNS_RECORDS_MAX = 1000,
	DNS_RDATA_TEXT_MAX = 65536 * 4 + 1024
};
enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_TSIG = 250,
	DNS_ANY = 255
};
enum dns_class { DNS_IN = 1, DNS_CLASS_NONE = 254, DNS_CLASS_ANY = 255 };
enum dns_opcode { DNS_QUERY = 0, DNS_UPDATE = 5 };
enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_YXDOMAIN = 6,
	DNS_YXRRSET = 7,
	DNS_NXRRSET = 8,
	DNS_NOTAUTH = 9,
	DNS_NOTZONE = 10
};
const char *dns_rcode_name(int rcode); /* "NXDOMAIN", "RCODE23" */

/* ------------------------------------------------------------------ names */

/* A whole name as labels, without compression, ending with the empty label.  len 0 = none. */
struct dns_name {
	unsigned char wire[DNS_NAME_MAX];
	unsigned char len;
};
/* "app.lab.test" and "app.lab.test." are the same; "\." and "\DDD" stand for bytes.  ASCII
 * only: another alphabet is written as punycode.  ERR_USAGE. */
enum err_code dns_name_parse(
	const char *text, struct dns_name *out, struct err *err) MUST_CHECK;
/* With the final dot, in lower case; buf has DNS_NAME_TEXT bytes; returns buf. */
char *dns_name_text(const struct dns_name *name, char *buf);
bool dns_name_eq(const struct dns_name *a, const struct dns_name *b); /* ignores case */
bool dns_name_below(const struct dns_name *name, const struct dns_name *zone); /* or the same */

/* ------------------------------------------------------------------ reading */

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };
struct dns_record {
	struct dns_name name;
	enum dns_section section;
	unsigned int type, class;
	uint32_t ttl;
	size_t offset;		 /* of the record in the message */
	size_t rdata, rdata_len; /* offset and length */
};
struct dns_message {
	const unsigned char *data; /* borrowed */
	size_t len;
	unsigned int id;
	int opcode, rcode; /* rcode with the upper bits of an OPT record */
	bool response, authoritative, truncated, recursion;
	bool has_question;
	struct dns_name question; /* or the zone of an update */
	unsigned int question_type, question_class;
	struct dns_record *records; /* owned */
	size_t count;
};
/* ERR_PROTOCOL for anything malformed, ERR_LIMIT.  To be released also on error.  Never reads
 * beyond len. */
enum err_code dns_parse_message(const unsigned char *data, size_t len, struct dns_message *out,
	struct err *err) MUST_CHECK;
void dns_message_release(struct dns_message *message);
/* A name within the message; *used is how many bytes it takes at offset. */
enum err_code dns_read_name(const unsigned char *data, size_t len, size_t offset,
	struct dns_name *out, size_t *used, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ record data */

/* A, AAAA, CNAME, TXT, SRV; 0 when not known. */
unsigned int dns_type_from_name(const char *name);
const char *dns_type_name(unsigned int type);
/* As in a zone file, in one spelling only (names in lower case with the final dot, TXT in
 * quotes), so that equal data is equal text.  Owned.  ERR_PROTOCOL. */
enum err_code dns_rdata_text(const struct dns_message *message, const struct dns_record *record,
	char **out, struct err *err) MUST_CHECK;
/* Text to bytes, appended to out.  TXT without quotes is taken as it is and cut into strings of
 * 255 bytes.  ERR_USAGE. */
enum err_code dns_rdata_parse(
	unsigned int type, const char *text, struct buf *out, struct err *err) MUST_CHECK;
/* Text to its one spelling.  Owned.  ERR_USAGE. */
enum err_code dns_rdata_normal(
	unsigned int type, const char *text, char **out, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ writing */

enum err_code dns_put(struct buf *out, uint64_t value, int bytes, struct err *err) MUST_CHECK;
enum err_code dns_put_name(
	struct buf *out, const struct dns_name *name, struct err *err) MUST_CHECK;
struct dns_header {
	unsigned int id, flags, counts[4];
};
enum { DNS_FLAG_RD = 0x0100, DNS_OPCODE_SHIFT = 11 };
enum err_code dns_put_header(
	struct buf *out, const struct dns_header *header, struct err *err) MUST_CHECK;
enum err_code dns_put_question(struct buf *out, const struct dns_name *name, unsigned int type,
	struct err *err) MUST_CHECK;
/* rdata may be NULL with length 0. */
enum err_code dns_put_record(struct buf *out, const struct dns_name *name, unsigned int type,
	unsigned int class, uint32_t ttl, const void *rdata, size_t rdata_len,
	struct err *err) MUST_CHECK;

#endif
