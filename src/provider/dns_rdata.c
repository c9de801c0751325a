/* dns_rdata.c: the data of the record types an operator points somewhere, as text in one
 * spelling. */
#include "dns_message.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STRING_MAX = 255 }; /* of a character-string, RFC 1035 3.3 */

/* ------------------------------------------------------------------ bytes to text */

struct source {
	const unsigned char *data; /* the whole message: names may point back into it */
	size_t at, end;
};

static enum err_code wrong(struct err *err, const char *type)
{
	return err_set(err, ERR_PROTOCOL,
		"a malformed DNS message: the data of a record of type %s", type);
}

static enum err_code address_text(int family, const char *type, size_t size,
	const struct source *s, struct buf *out, struct err *err)
{
	char text[INET6_ADDRSTRLEN];

	if (s->end - s->at != size ||
		inet_ntop(family, s->data + s->at, text, sizeof(text)) == NULL)
		return wrong(err, type);
	return buf_add(out, text, strlen(text), err);
}

static enum err_code a_text(const struct source *s, struct buf *out, struct err *err)
{
	return address_text(AF_INET, "A", 4, s, out, err);
}

static enum err_code aaaa_text(const struct source *s, struct buf *out, struct err *err)
{
	return address_text(AF_INET6, "AAAA", 16, s, out, err);
}

static enum err_code name_text(
	const struct source *s, size_t at, const char *type, struct buf *out, struct err *err)
{
	struct dns_name name;
	char text[DNS_NAME_TEXT];
	size_t used = 0;

	/* the end of the data bounds what stands here, not where it points to */
	TRY(dns_read_name(s->data, s->end, at, &name, &used, err));
	if (at + used != s->end)
		return wrong(err, type);
	dns_name_text(&name, text);
	return buf_add(out, text, strlen(text), err);
}

static enum err_code cname_text(const struct source *s, struct buf *out, struct err *err)
{
	return name_text(s, s->at, "CNAME", out, err);
}

static enum err_code srv_text(const struct source *s, struct buf *out, struct err *err)
{
	if (s->end - s->at < 7)
		return wrong(err, "SRV");
	for (size_t i = 0; i < 6; i += 2)
		TRY(buf_addf(out, err, "%u ",
			(unsigned int)s->data[s->at + i] << 8 | s->data[s->at + i + 1]));
	return name_text(s, s->at + 6, "SRV", out, err);
}

static enum err_code txt_text(const struct source *s, struct buf *out, struct err *err)
{
	size_t at = s->at;

	if (at == s->end)
		return wrong(err, "TXT");
	while (at < s->end) {
		const size_t end = at + 1 + s->data[at];

		if (end > s->end)
			return wrong(err, "TXT");
		TRY(buf_add(out, at > s->at ? " \"" : "\"", at > s->at ? 2 : 1, err));
		for (at++; at < end; at++) {
			const unsigned char c = s->data[at];

			if (c == '"' || c == '\\')
				TRY(buf_addf(out, err, "\\%c", c));
			else if (c < ' ' || c >= 127)
				TRY(buf_addf(out, err, "\\%03u", c));
			else
				TRY(buf_add(out, &c, 1, err));
		}
		TRY(buf_add(out, "\"", 1, err));
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ text to bytes */

static enum err_code address_parse(int family, const char *what, size_t size, const char *text,
	struct buf *out, struct err *err)
{
	unsigned char address[16];

	if (inet_pton(family, text, address) != 1)
		return err_set(err, ERR_USAGE, "\"%.100s\" is no %s address", text, what);
	return buf_add(out, address, size, err);
}

static enum err_code a_parse(const char *text, struct buf *out, struct err *err)
{
	return address_parse(AF_INET, "IPv4", 4, text, out, err);
}

static enum err_code aaaa_parse(const char *text, struct buf *out, struct err *err)
{
	return address_parse(AF_INET6, "IPv6", 16, text, out, err);
}

static enum err_code cname_parse(const char *text, struct buf *out, struct err *err)
{
	struct dns_name name;

	TRY(dns_name_parse(text, &name, err));
	for (size_t i = 0; i < name.len; i++)
		name.wire[i] = (unsigned char)tolower(name.wire[i]);
	return dns_put_name(out, &name, err);
}

static enum err_code srv_parse(const char *text, struct buf *out, struct err *err)
{
	const char *s = text;

	for (int i = 0; i < 3; i++) {
		char *end;

		if (!isdigit((unsigned char)*s))
			goto wrong;
		const unsigned long value = strtoul(s, &end, 10);
		if (value > 65535 || *end != ' ')
			goto wrong;
		TRY(dns_put(out, value, 2, err));
		s = end + strspn(end, " ");
	}
	return cname_parse(s, out, err);
wrong:
	return err_set(err, ERR_USAGE,
		"\"%.100s\" is no SRV data; write PRIORITY WEIGHT PORT HOST, such as \"10 5 "
		"443 "
		"web.example.org\"",
		text);
}

static enum err_code put_string(
	const unsigned char *data, size_t len, struct buf *out, struct err *err)
{
	TRY(dns_put(out, len, 1, err));
	return len > 0 ? buf_add(out, data, len, err) : ERR_NONE;
}

/* "one" "two", with \" \\ and \DDD inside. */
static enum err_code quoted_parse(const char *text, struct buf *out, struct err *err)
{
	const char *s = text;

	while (*s == '"') {
		unsigned char string[STRING_MAX];
		size_t len = 0;

		for (s++; *s != '"'; s++) {
			unsigned int c = (unsigned char)*s;

			if (c == '\\' && isdigit((unsigned char)s[1])) {
				if (!isdigit((unsigned char)s[2]) ||
					!isdigit((unsigned char)s[3]))
					goto wrong;
				c = (unsigned int)((s[1] - '0') * 100 + (s[2] - '0') * 10 +
						   (s[3] - '0'));
				s += 3;
			} else if (c == '\\') {
				c = (unsigned char)*++s;
			}
			if (*s == '\0' || c > 255 || len == STRING_MAX)
				goto wrong;
			string[len++] = (unsigned char)c;
		}
		TRY(put_string(string, len, out, err));
		s++;
		s += strspn(s, " ");
	}
	if (*s == '\0')
		return ERR_NONE;
wrong:
	return err_set(err, ERR_USAGE,
		"\"%.100s\" is no TXT data: strings in quotes have at most 255 bytes each",
		text);
}

static enum err_code txt_parse(const char *text, struct buf *out, struct err *err)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t left = strlen(text);

	if (text[0] == '"')
		return quoted_parse(text, out, err);
	do {
		const size_t n = left < STRING_MAX ? left : STRING_MAX;

		TRY(put_string(s, n, out, err));
		s += n;
		left -= n;
	} while (left > 0);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the types */

static const struct {
	unsigned int type;
	const char *name;
	enum err_code (*text)(const struct source *, struct buf *, struct err *);
	enum err_code (*parse)(const char *, struct buf *, struct err *);
} types[] = {
	{ DNS_A, "A", a_text, a_parse },
	{ DNS_AAAA, "AAAA", aaaa_text, aaaa_parse },
	{ DNS_CNAME, "CNAME", cname_text, cname_parse },
	{ DNS_TXT, "TXT", txt_text, txt_parse },
	{ DNS_SRV, "SRV", srv_text, srv_parse },
};

unsigned int dns_type_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (str_eq(types[i].name, name))
			return types[i].type;
	return 0;
}

const char *dns_type_name(unsigned int type)
{
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

static enum err_code make_text(
	unsigned int type, const struct source *s, char **out, struct err *err)
{
	struct buf buf;
	enum err_code code = ERR_UNSUPPORTED;
	size_t i = 0;

	buf_init(&buf, DNS_RDATA_TEXT_MAX);
	while (i < COUNT_OF(types) && types[i].type != type)
		i++;
	if (i < COUNT_OF(types))
		code = types[i].text(s, &buf, err);
	else
		err_set(err, code, "records of type %u", type);
	if (code == ERR_NONE)
		*out = xstrdup(buf.data);
	buf_release(&buf);
	return code;
}

enum err_code dns_rdata_text(const struct dns_message *message, const struct dns_record *record,
	char **out, struct err *err)
{
	const struct source s = { .data = message->data,
		.at = record->rdata,
		.end = record->rdata + record->rdata_len };

	return make_text(record->type, &s, out, err);
}

enum err_code dns_rdata_parse(
	unsigned int type, const char *text, struct buf *out, struct err *err)
{
	const size_t start = out->len;

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		if (types[i].type != type)
			continue;
		TRY(types[i].parse(text, out, err));
		if (out->len - start > DNS_MESSAGE_MAX)
			return err_set(err, ERR_LIMIT, "the data of a record is too long");
		return ERR_NONE;
	}
	return err_set(err, ERR_UNSUPPORTED, "records of type %u", type);
}

enum err_code dns_rdata_normal(unsigned int type, const char *text, char **out, struct err *err)
{
	struct buf wire;
	enum err_code code;

	buf_init(&wire, 2 * DNS_MESSAGE_MAX);
	code = dns_rdata_parse(type, text, &wire, err);
	if (code == ERR_NONE) {
		const struct source s = { .data = (const unsigned char *)wire.data,
			.end = wire.len };
		code = make_text(type, &s, out, err);
	}
	buf_release(&wire);
	return code;
}
