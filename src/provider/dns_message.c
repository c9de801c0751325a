/* dns_message.c: reading and writing DNS messages; names.  Record data is in dns_rdata.c. */
#include "dns_message.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 12, LABEL_MAX = 63, POINTER = 0xc0 };

static const char *const rcode_names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
	"NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
	"NOTZONE", [16] = "BADVERS", [17] = "BADKEY", [18] = "BADTIME" };

const char *dns_rcode_name(int rcode)
{
	static char other[24];

	if (rcode >= 0 && (size_t)rcode < COUNT_OF(rcode_names) && rcode_names[rcode] != NULL)
		return rcode_names[rcode];
	snprintf(other, sizeof(other), "RCODE%d", rcode);
	return other;
}

/* ------------------------------------------------------------------ names */

/* One byte of a label at *text: itself, "\X" or "\DDD". */
static bool label_byte(const char **text, unsigned char *out)
{
	const char *s = *text;

	if (s[0] != '\\') {
		*out = (unsigned char)s[0];
		*text = s + 1;
		return *out > ' ' && *out < 127;
	}
	if (isdigit((unsigned char)s[1])) {
		if (!isdigit((unsigned char)s[2]) || !isdigit((unsigned char)s[3]))
			return false;
		const int value = (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
		*out = (unsigned char)value;
		*text = s + 4;
		return value < 256;
	}
	*out = (unsigned char)s[1];
	*text = s + 2;
	return s[1] > ' ' && s[1] < 127;
}

enum err_code dns_name_parse(const char *text, struct dns_name *out, struct err *err)
{
	const char *s = text;
	size_t len = 0;

	if (*s == '\0')
		return err_set(err, ERR_USAGE, "an empty name");
	if (str_eq(s, "."))
		s++;
	while (*s != '\0') {
		const size_t start = len++;
		size_t label = 0;

		while (*s != '\0' && *s != '.') {
			unsigned char byte;

			if (!label_byte(&s, &byte))
				return err_set(err, ERR_USAGE,
					"\"%.200s\" is no domain name (another alphabet is "
					"written as "
					"punycode, xn--…)",
					text);
			if (++label > LABEL_MAX || len >= DNS_NAME_MAX - 1)
				return err_set(err, ERR_USAGE,
					"\"%.200s\" is too long for a domain name", text);
			out->wire[len++] = byte;
		}
		if (label == 0)
			return err_set(err, ERR_USAGE, "\"%.200s\" has an empty label", text);
		out->wire[start] = (unsigned char)label;
		s += *s == '.';
	}
	out->wire[len++] = 0;
	out->len = (unsigned char)len;
	return ERR_NONE;
}

char *dns_name_text(const struct dns_name *name, char *buf)
{
	size_t at = 0, len = 0;

	if (name->len <= 1)
		len += (size_t)snprintf(buf, DNS_NAME_TEXT, "%s", name->len == 1 ? "." : "");
	while (at < name->len && name->wire[at] != 0) {
		const size_t end = at + 1 + name->wire[at];

		for (at++; at < end; at++) {
			const unsigned char c = name->wire[at];

			if (c <= ' ' || c >= 127)
				len += (size_t)snprintf(
					buf + len, DNS_NAME_TEXT - len, "\\%03u", c);
			else if (strchr(".\\\"();@$", c) != NULL)
				len += (size_t)snprintf(
					buf + len, DNS_NAME_TEXT - len, "\\%c", c);
			else
				buf[len++] = (char)tolower(c);
		}
		buf[len++] = '.';
	}
	buf[len] = '\0';
	return buf;
}

bool dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return false;
	/* a length byte is below 64 and so has no other case */
	for (size_t i = 0; i < a->len; i++)
		if (tolower(a->wire[i]) != tolower(b->wire[i]))
			return false;
	return true;
}

bool dns_name_below(const struct dns_name *name, const struct dns_name *zone)
{
	size_t at = 0;

	while (name->len - at > zone->len && name->wire[at] != 0)
		at += 1U + name->wire[at];
	struct dns_name tail = { .len = (unsigned char)(name->len - at) };
	memcpy(tail.wire, name->wire + at, tail.len);
	return dns_name_eq(&tail, zone);
}

/* ------------------------------------------------------------------ reading */

static enum err_code malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_PROTOCOL, "a malformed DNS message: %s", what);
}

static unsigned int get16(const unsigned char *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

enum err_code dns_read_name(const unsigned char *data, size_t len, size_t offset,
	struct dns_name *out, size_t *used, struct err *err)
{
	size_t at = offset, lowest = offset, size = 0;
	bool jumped = false;

	for (;;) {
		if (at >= len)
			return malformed(err, "a name beyond its end");
		const unsigned int n = data[at];
		if ((n & POINTER) == POINTER) {
			if (at + 1 >= len)
				return malformed(err, "half a pointer");
			const size_t to = (n & 0x3fU) << 8 | data[at + 1];
			if (!jumped)
				*used = at + 2 - offset;
			jumped = true;
			/* always further back: there is no way to go round in circles */
			if (to >= lowest || to < HEADER_BYTES)
				return malformed(
					err, "a pointer that does not point backwards");
			at = lowest = to;
			continue;
		}
		if (n > LABEL_MAX)
			return malformed(err, "a label of an unknown kind");
		if (at + 1 + n > len)
			return malformed(err, "a label beyond its end");
		if (size + 1 + n > DNS_NAME_MAX)
			return malformed(err, "a name that is too long");
		memcpy(out->wire + size, data + at, n + 1);
		size += n + 1;
		at += n + 1;
		if (n == 0)
			break;
	}
	if (!jumped)
		*used = at - offset;
	out->len = (unsigned char)size;
	return ERR_NONE;
}

static enum err_code read_record(
	struct dns_message *m, enum dns_section section, size_t *at, struct err *err)
{
	struct dns_record *r = &m->records[m->count];
	size_t used = 0;

	r->offset = *at;
	r->section = section;
	TRY(dns_read_name(m->data, m->len, *at, &r->name, &used, err));
	*at += used;
	if (m->len - *at < 10)
		return malformed(err, "half a record");
	const unsigned char *p = m->data + *at;
	r->type = get16(p);
	r->class = get16(p + 2);
	r->ttl = (uint32_t)get16(p + 4) << 16 | get16(p + 6);
	r->rdata_len = get16(p + 8);
	r->rdata = *at + 10;
	if (m->len - r->rdata < r->rdata_len)
		return malformed(err, "record data beyond its end");
	*at = r->rdata + r->rdata_len;
	m->count++;
	return ERR_NONE;
}

/* The records that are about the message itself. */
static enum err_code check_pseudo(struct dns_message *m, struct err *err)
{
	bool seen_opt = false;

	for (size_t i = 0; i < m->count; i++) {
		const struct dns_record *r = &m->records[i];

		if (r->type == DNS_TSIG && (r->section != DNS_ADDITIONAL || i + 1 != m->count))
			return malformed(err, "a TSIG record that is not the last");
		if (r->type != DNS_OPT)
			continue;
		if (seen_opt || r->section != DNS_ADDITIONAL || r->name.len != 1)
			return malformed(err, "an OPT record where none belongs");
		seen_opt = true;
		m->rcode |= (int)(r->ttl >> 24) << 4; /* RFC 6891, 6.1.3 */
	}
	return ERR_NONE;
}

static enum err_code read_question(struct dns_message *m, size_t *at, struct err *err)
{
	size_t used = 0;

	TRY(dns_read_name(m->data, m->len, *at, &m->question, &used, err));
	*at += used;
	if (m->len - *at < 4)
		return malformed(err, "half a question");
	m->question_type = get16(m->data + *at);
	m->question_class = get16(m->data + *at + 2);
	m->has_question = true;
	*at += 4;
	return ERR_NONE;
}

enum err_code dns_parse_message(
	const unsigned char *data, size_t len, struct dns_message *out, struct err *err)
{
	size_t at = HEADER_BYTES, total = 0;

	*out = (struct dns_message){ .data = data, .len = len };
	if (len < HEADER_BYTES || len > DNS_MESSAGE_MAX)
		return malformed(err, "its length");
	const unsigned int flags = get16(data + 2);
	out->id = get16(data);
	out->response = flags & 0x8000;
	out->opcode = flags >> DNS_OPCODE_SHIFT & 15;
	out->authoritative = flags & 0x0400;
	out->truncated = flags & 0x0200;
	out->recursion = flags & 0x0080;
	out->rcode = flags & 15;
	const unsigned int questions = get16(data + 4);
	if (questions > 1)
		return malformed(err, "more than one question");
	if (questions == 1)
		TRY(read_question(out, &at, err));
	for (int s = 0; s < 3; s++)
		total += get16(data + 6 + 2 * s);
	if (total > DNS_RECORDS_MAX)
		return err_set(err, ERR_LIMIT, "a DNS message of %zu records, allowed are %d",
			total, DNS_RECORDS_MAX);
	out->records = xmalloc((total + 1) * sizeof(*out->records));
	for (int s = 0; s < 3; s++)
		for (unsigned int i = get16(data + 6 + 2 * s); i > 0; i--)
			TRY(read_record(out, (enum dns_section)s, &at, err));
	if (at != len)
		return malformed(err, "something follows its end");
	return check_pseudo(out, err);
}

void dns_message_release(struct dns_message *message)
{
	free(message->records);
	message->records = NULL;
	message->count = 0;
}

/* ------------------------------------------------------------------ writing */

enum err_code dns_put(struct buf *out, uint64_t value, int bytes, struct err *err)
{
	unsigned char data[8];

	for (int i = 0; i < bytes; i++)
		data[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
	return buf_add(out, data, (size_t)bytes, err);
}

enum err_code dns_put_name(struct buf *out, const struct dns_name *name, struct err *err)
{
	return buf_add(out, name->wire, name->len, err);
}

enum err_code dns_put_header(struct buf *out, const struct dns_header *header, struct err *err)
{
	TRY(dns_put(out, header->id, 2, err));
	TRY(dns_put(out, header->flags, 2, err));
	for (size_t i = 0; i < COUNT_OF(header->counts); i++)
		TRY(dns_put(out, header->counts[i], 2, err));
	return ERR_NONE;
}

enum err_code dns_put_question(
	struct buf *out, const struct dns_name *name, unsigned int type, struct err *err)
{
	TRY(dns_put_name(out, name, err));
	TRY(dns_put(out, type, 2, err));
	return dns_put(out, DNS_IN, 2, err);
}

enum err_code dns_put_record(struct buf *out, const struct dns_name *name, unsigned int type,
	unsigned int class, uint32_t ttl, const void *rdata, size_t rdata_len, struct err *err)
{
	TRY(dns_put_name(out, name, err));
	TRY(dns_put(out, type, 2, err));
	TRY(dns_put(out, class, 2, err));
	TRY(dns_put(out, ttl, 4, err));
	TRY(dns_put(out, rdata_len, 2, err));
	return rdata_len > 0 ? buf_add(out, rdata, rdata_len, err) : ERR_NONE;
}
