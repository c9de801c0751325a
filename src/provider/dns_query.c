/* dns_query.c: one question to one server, over UDP with a fallback to TCP. */
#include "dns_query.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRY_MS = 1000, CHAIN_MAX = 16 };

static bool answers(const struct buf *request, const unsigned char *data, size_t len)
{
	struct dns_message asked, got;
	struct err ignored = { 0 };
	bool ok = false;

	if (dns_parse_message((const unsigned char *)request->data, request->len, &asked,
		    &ignored) == ERR_NONE &&
		dns_parse_message(data, len, &got, &ignored) == ERR_NONE)
		/* an error answer and that to an update may leave the question out */
		ok = got.response && got.id == asked.id && got.opcode == asked.opcode &&
		     (!got.has_question || (dns_name_eq(&got.question, &asked.question) &&
						   got.question_type == asked.question_type)) &&
		     (got.has_question || got.rcode != DNS_NOERROR ||
			     asked.opcode != DNS_QUERY);
	dns_message_release(&asked);
	dns_message_release(&got);
	return ok;
}

/* One datagram out; what comes back within limit, unless it is a stray. */
static enum err_code udp_try(int fd, const struct buf *request, const struct net_limit *limit,
	struct buf *reply, struct err *err)
{
	unsigned char data[DNS_MESSAGE_MAX];
	size_t got = 0;

	TRY(net_send(fd, request->data, request->len, limit, NULL, err));
	for (;;) {
		TRY(net_receive(fd, data, sizeof(data), limit, &got, err));
		if (answers(request, data, got))
			break;
	}
	buf_clear(reply);
	return buf_add(reply, data, got, err);
}

static enum err_code udp_exchange(const struct net_endpoint *server, const struct buf *request,
	const struct net_limit *limit, struct buf *reply, struct err *err)
{
	struct err last = { 0 };
	int fd;
	enum err_code code = ERR_TIMEOUT;

	TRY(net_connect(server, SOCK_DGRAM, limit, &fd, err));
	for (int i = 0; i < DNS_TRIES && code == ERR_TIMEOUT; i++) {
		const struct net_limit once = net_limit_within(limit, TRY_MS);

		if (i > 0 && net_left_ms(limit) == 0)
			break;
		code = udp_try(fd, request, &once, reply, &last);
	}
	close(fd);
	if (code != ERR_NONE)
		*err = last;
	return code;
}

static enum err_code receive_all(
	int fd, unsigned char *data, size_t len, const struct net_limit *limit, struct err *err)
{
	for (size_t at = 0, got; at < len; at += got) {
		TRY(net_receive(fd, data + at, len - at, limit, &got, err));
		if (got == 0)
			return err_set(err, ERR_UNREACHABLE,
				"the server closed the connection without an answer");
	}
	return ERR_NONE;
}

static enum err_code tcp_exchange(const struct net_endpoint *server, const struct buf *request,
	const struct net_limit *limit, struct buf *reply, bool *sent, struct err *err)
{
	unsigned char data[DNS_MESSAGE_MAX], size[2];
	struct buf framed;
	size_t out = 0;
	int fd;

	TRY(net_connect(server, SOCK_STREAM, limit, &fd, err));
	/* the length and the message in one piece: some servers want them in one segment */
	buf_init(&framed, DNS_MESSAGE_MAX + 2);
	enum err_code code = dns_put(&framed, request->len, 2, err);
	if (code == ERR_NONE)
		code = buf_add(&framed, request->data, request->len, err);
	if (code == ERR_NONE)
		code = net_send(fd, framed.data, framed.len, limit, &out, err);
	*sent = out > 0;
	if (code == ERR_NONE)
		code = receive_all(fd, size, sizeof(size), limit, err);
	const size_t len = code == ERR_NONE ? (size_t)size[0] << 8 | size[1] : 0;
	if (code == ERR_NONE)
		code = receive_all(fd, data, len, limit, err);
	if (code == ERR_NONE && !answers(request, data, len))
		code = err_set(err, ERR_PROTOCOL, "the answer is not to what was asked");
	buf_clear(reply);
	if (code == ERR_NONE)
		code = buf_add(reply, data, len, err);
	buf_release(&framed);
	close(fd);
	return code;
}

enum err_code dns_exchange(const struct net_endpoint *server, const struct buf *request,
	bool tcp, const struct net_limit *limit, struct buf *reply, bool *sent, struct err *err)
{
	enum err_code code;

	*sent = false;
	if (tcp) {
		code = tcp_exchange(server, request, limit, reply, sent, err);
	} else {
		code = udp_exchange(server, request, limit, reply, err);
		*sent = true;
	}
	if (code != ERR_NONE)
		return err_context(
			err, "name server \"%s\" port %d", server->host, server->port);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ what it says */

void dns_answer_release(struct dns_answer *answer)
{
	json_decref(answer->values);
	json_decref(answer->chain);
	*answer = (struct dns_answer){ 0 };
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void note_ttl(struct dns_answer *answer, const struct dns_record *r)
{
	if (answer->ttl < 0 || (int64_t)r->ttl < answer->ttl)
		answer->ttl = r->ttl;
}

/* The alias at name, if there is one: its target becomes name. */
static enum err_code alias_step(const struct dns_message *m, struct dns_name *name,
	struct dns_answer *answer, bool *found, struct err *err)
{
	*found = false;
	for (size_t i = 0; i < m->count && !*found; i++) {
		const struct dns_record *r = &m->records[i];
		char *text = NULL;

		if (r->section != DNS_ANSWER || r->type != DNS_CNAME || r->class != DNS_IN ||
			!dns_name_eq(&r->name, name))
			continue;
		TRY(dns_rdata_text(m, r, &text, err));
		json_array_append_new(answer->chain, json_text(text, strlen(text)));
		const enum err_code code = dns_name_parse(text, name, err);
		free(text);
		TRY(code);
		note_ttl(answer, r);
		*found = true;
	}
	return ERR_NONE;
}

static enum err_code collect(const struct dns_message *m, const struct dns_question *q,
	struct dns_answer *answer, struct err *err)
{
	char *texts[DNS_RECORDS_MAX];
	size_t count = 0;
	struct dns_name name = q->name;
	bool found = q->type != DNS_CNAME;
	enum err_code code = ERR_NONE;

	for (int i = 0; i < CHAIN_MAX && found; i++) {
		struct dns_name next = name;

		TRY(alias_step(m, &next, answer, &found, err));
		if (q->follow)
			name = next;
		else
			found = false; /* what is at the name itself, and that it is an alias */
	}
	for (size_t i = 0; i < m->count && code == ERR_NONE; i++) {
		const struct dns_record *r = &m->records[i];

		if (r->section != DNS_ANSWER || r->type != q->type || r->class != DNS_IN ||
			!dns_name_eq(&r->name, &name))
			continue;
		note_ttl(answer, r);
		code = dns_rdata_text(m, r, &texts[count], err);
		count += code == ERR_NONE;
	}
	qsort(texts, count, sizeof(texts[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(answer->values, json_text(texts[i], strlen(texts[i])));
		free(texts[i]);
	}
	return code;
}

static enum err_code make_query(
	const struct dns_question *q, bool edns, struct buf *out, struct err *err)
{
	unsigned char id[2];

	TRY(random_bytes(id, sizeof(id), err));
	const struct dns_header header = { .id = (unsigned int)id[0] << 8 | id[1],
		.flags = q->recurse ? DNS_FLAG_RD : 0,
		.counts = { 1, 0, 0, edns } };
	const struct dns_name root = { .len = 1 };
	TRY(dns_put_header(out, &header, err));
	TRY(dns_put_question(out, &q->name, q->type, err));
	return edns ? dns_put_record(out, &root, DNS_OPT, DNS_UDP_BYTES, 0, NULL, 0, err)
		    : ERR_NONE;
}

/* One query and the message it is answered with; reply holds its bytes. */
static enum err_code ask_once(const struct net_endpoint *server, const struct dns_question *q,
	bool edns, const struct net_limit *limit, struct buf *reply, struct dns_message *m,
	struct err *err)
{
	struct buf query;
	bool sent;
	enum err_code code;

	buf_init(&query, DNS_MESSAGE_MAX);
	code = make_query(q, edns, &query, err);
	if (code == ERR_NONE)
		code = dns_exchange(server, &query, false, limit, reply, &sent, err);
	if (code == ERR_NONE)
		code = dns_parse_message((unsigned char *)reply->data, reply->len, m, err);
	if (code == ERR_NONE && m->truncated) {
		dns_message_release(m);
		code = dns_exchange(server, &query, true, limit, reply, &sent, err);
		if (code == ERR_NONE)
			code = dns_parse_message(
				(unsigned char *)reply->data, reply->len, m, err);
	}
	buf_release(&query);
	return code;
}

enum err_code dns_ask(const struct net_endpoint *server, const struct dns_question *question,
	const struct net_limit *limit, struct dns_answer *answer, struct err *err)
{
	struct dns_message m = { 0 };
	struct buf reply;
	enum err_code code;

	*answer =
		(struct dns_answer){ .ttl = -1, .values = json_array(), .chain = json_array() };
	buf_init(&reply, DNS_MESSAGE_MAX);
	code = ask_once(server, question, true, limit, &reply, &m, err);
	if (code == ERR_NONE && m.rcode == DNS_FORMERR) { /* a server from before EDNS */
		dns_message_release(&m);
		code = ask_once(server, question, false, limit, &reply, &m, err);
	}
	if (code == ERR_NONE && m.rcode != DNS_NOERROR && m.rcode != DNS_NXDOMAIN)
		code = err_set(err, ERR_REFUSED, "name server \"%s\" port %d answered %s",
			server->host, server->port, dns_rcode_name(m.rcode));
	if (code == ERR_NONE) {
		answer->rcode = m.rcode;
		answer->authoritative = m.authoritative;
		code = collect(&m, question, answer, err);
	}
	dns_message_release(&m);
	buf_release(&reply);
	return code;
}
