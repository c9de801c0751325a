/* test_dns.c: DNS messages from strangers, names and record data in one spelling, signatures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dns_message.h"
#include "dns_tsig.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ names */

static void names_have_one_spelling(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "App.Lab.TEST", "app.lab.test." },
		{ "app.lab.test.", "app.lab.test." },
		{ ".", "." },
		{ "_sip._tcp.x", "_sip._tcp.x." },
		{ "a\\.b.c", "a\\.b.c." },
		{ "a\\032b.c", "a\\032b.c." },
		{ "*.x", "*.x." },
	};
	char text[DNS_NAME_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		struct dns_name name;

		assert_int_equal(dns_name_parse(rows[i].in, &name, &err), ERR_NONE);
		assert_string_equal(dns_name_text(&name, text), rows[i].out);
	}
}

static void what_is_no_name_is_refused(void **state)
{
	char label[80], whole[400] = "";
	const char *bad[] = { "", "..", "a..b", ".a", "a b", "b\xc3\xbc.de", "a\\", "a\\25",
		"a\\999", label, whole };

	(void)state;
	memset(label, 'a', 64);
	label[64] = '\0';
	for (int i = 0; i < 5; i++)
		snprintf(whole + strlen(whole), sizeof(whole) - strlen(whole), "%.60s.", label);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = { 0 };
		struct dns_name name;

		assert_int_equal(dns_name_parse(bad[i], &name, &err), ERR_USAGE);
	}
}

/* The longest name there can be is one, and its text fits. */
static void the_longest_name_fits(void **state)
{
	char in[DNS_NAME_TEXT] = "", text[DNS_NAME_TEXT];
	struct err err = { 0 };
	struct dns_name name;

	(void)state;
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < (i < 3 ? 63 : 61); k++)
			strcat(in, "\\001");
		strcat(in, ".");
	}
	assert_int_equal(dns_name_parse(in, &name, &err), ERR_NONE);
	assert_int_equal(name.len, DNS_NAME_MAX);
	assert_string_equal(dns_name_text(&name, text), in);
}

static void below_means_whole_labels(void **state)
{
	static const struct {
		const char *name, *zone;
		bool below;
	} rows[] = {
		{ "app.lab.test", "lab.test", true },
		{ "LAB.test", "lab.TEST", true },
		{ "applab.test", "lab.test", false },
		{ "test", "lab.test", false },
		{ "a.b.c.lab.test", "lab.test", true },
		{ "lab.test.evil", "lab.test", false },
		{ "anything", ".", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		struct dns_name name, zone;

		assert_int_equal(dns_name_parse(rows[i].name, &name, &err), ERR_NONE);
		assert_int_equal(dns_name_parse(rows[i].zone, &zone, &err), ERR_NONE);
		assert_int_equal(dns_name_below(&name, &zone), rows[i].below);
	}
}

/* ------------------------------------------------------------------ record data */

static void data_has_one_spelling(void **state)
{
	static const struct {
		unsigned int type;
		const char *in, *out;
	} rows[] = {
		{ DNS_A, "192.0.2.1", "192.0.2.1" },
		{ DNS_AAAA, "2001:DB8:0:0::1", "2001:db8::1" },
		{ DNS_CNAME, "App.Lab.Test", "app.lab.test." },
		{ DNS_SRV, "10  5 443 Web.test", "10 5 443 web.test." },
		{ DNS_TXT, "plain text", "\"plain text\"" },
		{ DNS_TXT, "", "\"\"" },
		{ DNS_TXT, "\"a\" \"b\"", "\"a\" \"b\"" },
		{ DNS_TXT, "\"a\\\"b\\\\c\\195\"", "\"a\\\"b\\\\c\\195\"" },
		{ DNS_TXT, "say \"hi\"", "\"say \\\"hi\\\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		char *out = NULL, *again = NULL;

		assert_int_equal(
			dns_rdata_normal(rows[i].type, rows[i].in, &out, &err), ERR_NONE);
		assert_string_equal(out, rows[i].out);
		assert_int_equal(dns_rdata_normal(rows[i].type, out, &again, &err), ERR_NONE);
		assert_string_equal(again, out);
		free(out);
		free(again);
	}
}

static void long_text_is_cut_into_strings(void **state)
{
	char in[601], *out = NULL;
	struct err err = { 0 };

	(void)state;
	memset(in, 'x', 600);
	in[600] = '\0';
	assert_int_equal(dns_rdata_normal(DNS_TXT, in, &out, &err), ERR_NONE);
	assert_int_equal(strlen(out), 600 + 3 * 2 + 2); /* 255 + 255 + 90, in quotes */
	free(out);
}

static void wrong_data_is_refused(void **state)
{
	static const struct {
		unsigned int type;
		const char *in;
	} rows[] = {
		{ DNS_A, "192.0.2" },
		{ DNS_A, "192.0.2.256" },
		{ DNS_A, "::1" },
		{ DNS_A, "" },
		{ DNS_AAAA, "192.0.2.1" },
		{ DNS_CNAME, "a..b" },
		{ DNS_SRV, "1 2 3" },
		{ DNS_SRV, "1 2 70000 x" },
		{ DNS_SRV, "-1 2 3 x" },
		{ DNS_SRV, "x" },
		{ DNS_TXT, "\"open" },
		{ DNS_TXT, "\"a\" b" },
		{ DNS_TXT, "\"\\999\"" },
		{ DNS_TXT, "\"\\" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = { 0 };
		char *out = NULL;

		assert_int_equal(
			dns_rdata_normal(rows[i].type, rows[i].in, &out, &err), ERR_USAGE);
		assert_null(out);
	}
}

/* ------------------------------------------------------------------ messages */

/* An answer with a compressed alias, two addresses, a TXT, an OPT. */
static const unsigned char answer[] = {
	0x12,
	0x34,
	0x85,
	0x80,
	0,
	1,
	0,
	4,
	0,
	0,
	0,
	1,
	/* 12 */ 3,
	'w',
	'w',
	'w',
	3,
	'l',
	'a',
	'b',
	4,
	't',
	'e',
	's',
	't',
	0,
	0,
	1,
	0,
	1,
	/* 30: www CNAME app */ 0xc0,
	12,
	0,
	5,
	0,
	1,
	0,
	0,
	0,
	60,
	0,
	6,
	3,
	'a',
	'p',
	'p',
	0xc0,
	16,
	/* 48: app A */ 0xc0,
	42,
	0,
	1,
	0,
	1,
	0,
	0,
	0,
	30,
	0,
	4,
	192,
	0,
	2,
	2,
	/* 64: app A */ 0xc0,
	42,
	0,
	1,
	0,
	1,
	0,
	0,
	0,
	30,
	0,
	4,
	192,
	0,
	2,
	1,
	/* 80: app TXT */ 0xc0,
	42,
	0,
	16,
	0,
	1,
	0,
	0,
	0,
	30,
	0,
	5,
	2,
	'h',
	'i',
	1,
	'"',
	/* 97: OPT */ 0,
	0,
	41,
	4,
	0xd0,
	0x01,
	0,
	0,
	0,
	0,
	0,
};

static void an_answer_is_read(void **state)
{
	static const char *const texts[] = { "app.lab.test.", "192.0.2.2", "192.0.2.1",
		"\"hi\" \"\\\"\"" };
	struct dns_message m;
	struct err err = { 0 };
	char text[DNS_NAME_TEXT];

	(void)state;
	assert_int_equal(dns_parse_message(answer, sizeof(answer), &m, &err), ERR_NONE);
	assert_int_equal(m.id, 0x1234);
	assert_true(m.response && m.authoritative && m.recursion && !m.truncated);
	assert_int_equal(m.rcode, 16); /* the upper bits are the OPT record's */
	assert_string_equal(dns_name_text(&m.question, text), "www.lab.test.");
	assert_int_equal(m.count, 5);
	assert_string_equal(dns_name_text(&m.records[1].name, text), "app.lab.test.");
	assert_int_equal(m.records[0].ttl, 60);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		char *out = NULL;

		assert_int_equal(dns_rdata_text(&m, &m.records[i], &out, &err), ERR_NONE);
		assert_string_equal(out, texts[i]);
		free(out);
	}
	dns_message_release(&m);
}

/* Every prefix is an error; so is one byte more.  The copies have exactly the length told, so
 * that AddressSanitizer sees a byte too far. */
static void no_other_length_is_accepted(void **state)
{
	(void)state;
	for (size_t len = 0; len <= sizeof(answer) + 1; len++) {
		unsigned char *data = malloc(len + (len == 0));
		struct dns_message m;
		struct err err = { 0 };

		memset(data, 0, len);
		memcpy(data, answer, len < sizeof(answer) ? len : sizeof(answer));
		const enum err_code code = dns_parse_message(data, len, &m, &err);
		assert_int_equal(code, len == sizeof(answer) ? ERR_NONE : ERR_PROTOCOL);
		dns_message_release(&m);
		free(data);
	}
}

/* Any one byte changed, to several values: whatever it says then, reading it ends within its
 * bounds. */
static void no_byte_leads_outside(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff };

	(void)state;
	for (size_t at = 0; at < sizeof(answer); at++) {
		for (size_t v = 0; v < COUNT_OF(values); v++) {
			unsigned char *data = malloc(sizeof(answer));
			struct dns_message m;
			struct err err = { 0 };

			memcpy(data, answer, sizeof(answer));
			data[at] = values[v];
			if (dns_parse_message(data, sizeof(answer), &m, &err) == ERR_NONE)
				for (size_t i = 0; i < m.count; i++) {
					char *out = NULL;

					if (dns_rdata_text(&m, &m.records[i], &out, &err) ==
						ERR_NONE)
						assert_non_null(out);
					free(out);
				}
			dns_message_release(&m);
			free(data);
		}
	}
}

static void crooked_messages_are_refused(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		unsigned char byte;
	} rows[] = {
		{ "a pointer to itself", 31, 30 },
		{ "a pointer forwards", 31, 48 },
		{ "a pointer into the header", 31, 4 },
		{ "a label of an unknown kind", 12, 0x43 },
		{ "two questions", 5, 2 },
		{ "more records than there are", 7, 5 },
		{ "fewer records than there are", 7, 3 },
		{ "data longer than the message", 106, 0xff },
		{ "an OPT record with a name", 97, 0xc0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		unsigned char data[sizeof(answer)];
		struct dns_message m;
		struct err err = { 0 };

		memcpy(data, answer, sizeof(answer));
		data[rows[i].at] = rows[i].byte;
		if (dns_parse_message(data, sizeof(data), &m, &err) != ERR_PROTOCOL)
			fail_msg("accepted: %s", rows[i].what);
		dns_message_release(&m);
	}
}

static void too_many_records_are_refused(void **state)
{
	struct buf out;
	struct dns_message m;
	struct err err = { 0 };
	const struct dns_name root = { .len = 1 };
	const struct dns_header header = {
		.id = 1, .flags = 0x8000, .counts = { 0, DNS_RECORDS_MAX + 1 }
	};

	(void)state;
	buf_init(&out, DNS_MESSAGE_MAX);
	assert_int_equal(dns_put_header(&out, &header, &err), ERR_NONE);
	for (int i = 0; i <= DNS_RECORDS_MAX; i++)
		assert_int_equal(
			dns_put_record(&out, &root, DNS_A, DNS_IN, 0, "\1\2\3\4", 4, &err),
			ERR_NONE);
	assert_int_equal(
		dns_parse_message((unsigned char *)out.data, out.len, &m, &err), ERR_LIMIT);
	dns_message_release(&m);
	buf_release(&out);
}

/* ------------------------------------------------------------------ signatures */

static void keys_are_read(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} rows[] = {
		{ "hmac-sha256:lab-key:c2VjcmV0", ERR_NONE },
		{ "lab-key:c2VjcmV0", ERR_NONE },
		{ "hmac-sha512:lab-key:c2VjcmV0", ERR_NONE },
		{ "hmac-md5:lab-key:c2VjcmV0", ERR_AUTH },
		{ "c2VjcmV0", ERR_AUTH },
		{ "hmac-sha256:lab-key:not base64!", ERR_AUTH },
		{ "hmac-sha256:lab-key:", ERR_AUTH },
		{ "hmac-sha256::c2VjcmV0", ERR_AUTH },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tsig_key key;
		struct err err = { 0 };

		assert_int_equal(tsig_key_parse(&key, rows[i].text, &err), rows[i].code);
		assert_null(strstr(err.text, "c2Vj"));
		if (rows[i].code == ERR_NONE)
			assert_memory_equal(key.secret, "secret", key.secret_len);
	}
}

static const struct wall NOW = { .ns = 1800000000LL * 1000000000 };

/* The answer a server would give: the request's MAC is digested before it (RFC 8945, 5.3),
 * which is what signing a message that begins with that MAC and its length comes to. */
static void sign_answer(struct buf *out, const struct tsig_key *key,
	const struct tsig_request *request, struct wall now)
{
	struct err err = { 0 };
	const struct dns_header header = { .id = 7, .flags = 0xa800 };
	struct tsig_request made = { 0 };
	struct buf plain, digested;
	struct dns_message m;

	buf_init(&plain, DNS_MESSAGE_MAX);
	buf_init(&digested, DNS_MESSAGE_MAX);
	assert_int_equal(dns_put_header(&plain, &header, &err), ERR_NONE);
	/* the bytes in front make header[0..1] the original id: put it there by hand below */
	assert_int_equal(dns_put(&digested, request->mac_len, 2, &err), ERR_NONE);
	assert_int_equal(buf_add(&digested, request->mac, request->mac_len, &err), ERR_NONE);
	assert_int_equal(buf_add(&digested, plain.data, plain.len, &err), ERR_NONE);
	assert_int_equal(tsig_sign(&digested, key, now, &made, &err), ERR_NONE);
	/* out: the plain header and the TSIG record that was appended, with the right id in it
	 */
	buf_init(out, DNS_MESSAGE_MAX);
	assert_int_equal(buf_add(out, plain.data, plain.len, &err), ERR_NONE);
	const size_t skip = 2 + request->mac_len + plain.len;
	assert_int_equal(
		buf_add(out, digested.data + skip, digested.len - skip, &err), ERR_NONE);
	out->data[11] = 1;
	assert_int_equal(
		dns_parse_message((unsigned char *)out->data, out->len, &m, &err), ERR_NONE);
	unsigned char *id = (unsigned char *)out->data + out->len - 6;
	id[0] = 0;
	id[1] = 7;
	dns_message_release(&m);
	buf_release(&plain);
	buf_release(&digested);
}

static enum err_code verify(const struct buf *bytes, const struct tsig_key *key,
	const struct tsig_request *request, struct wall now, bool *refused)
{
	struct dns_message m;
	struct err err = { 0 };
	enum err_code code =
		dns_parse_message((unsigned char *)bytes->data, bytes->len, &m, &err);

	if (code == ERR_NONE)
		code = tsig_verify(&m, key, request, now, refused, &err);
	dns_message_release(&m);
	return code;
}

static void make_request(struct tsig_key *key, struct tsig_request *request)
{
	const struct dns_header header = { .id = 7, .flags = DNS_UPDATE << DNS_OPCODE_SHIFT };
	struct err err = { 0 };
	struct buf query;

	assert_int_equal(tsig_key_parse(key, "hmac-sha256:Lab-Key:c2VjcmV0", &err), ERR_NONE);
	buf_init(&query, DNS_MESSAGE_MAX);
	assert_int_equal(dns_put_header(&query, &header, &err), ERR_NONE);
	assert_int_equal(tsig_sign(&query, key, NOW, request, &err), ERR_NONE);
	buf_release(&query);
}

static void a_good_signature_is_accepted(void **state)
{
	struct tsig_key key, other;
	struct tsig_request request = { 0 }, strange = { .mac_len = 32 };
	struct err err = { 0 };
	struct buf bytes;
	bool refused;

	(void)state;
	make_request(&key, &request);
	sign_answer(&bytes, &key, &request, NOW);
	assert_int_equal(verify(&bytes, &key, &request, NOW, &refused), ERR_NONE);
	/* for another request, with another secret, at another time: not */
	assert_int_equal(verify(&bytes, &key, &strange, NOW, &refused), ERR_AUTH);
	assert_int_equal(
		tsig_key_parse(&other, "hmac-sha256:lab-key:b3RoZXI=", &err), ERR_NONE);
	assert_int_equal(verify(&bytes, &other, &request, NOW, &refused), ERR_AUTH);
	struct wall later = { .ns = NOW.ns + 301LL * 1000000000 };
	assert_int_equal(verify(&bytes, &key, &request, later, &refused), ERR_AUTH);
	assert_false(refused);
	buf_release(&bytes);
}

/* No bit of a signed answer can change. */
static void every_changed_bit_is_noticed(void **state)
{
	struct tsig_key key;
	struct tsig_request request = { 0 };
	struct buf bytes;
	bool refused;

	(void)state;
	make_request(&key, &request);
	sign_answer(&bytes, &key, &request, NOW);
	/* the case of a letter in the names of the key and of its algorithm is no change, nor
	 * is the outer id */
	const size_t name = 12, algorithm = name + 9 + 10;
	for (size_t bit = 16; bit < bytes.len * 8; bit++) {
		const size_t at = bit / 8;
		const bool is_case =
			bit % 8 == 5 && ((at > name && at < name + 8) ||
						(at > algorithm && at < algorithm + 12));

		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		const enum err_code code = verify(&bytes, &key, &request, NOW, &refused);
		if (code == ERR_NONE && !is_case)
			fail_msg("bit %zu of byte %zu can be changed", bit % 8, bit / 8);
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	buf_release(&bytes);
}

static void an_unsigned_answer_is_not_believed(void **state)
{
	struct tsig_key key;
	struct tsig_request request = { 0 };
	bool refused;
	unsigned char plain[12] = { 0, 7, 0xa8, 0 };
	const struct buf yes = { .data = (char *)plain, .len = sizeof(plain) };

	(void)state;
	make_request(&key, &request);
	assert_int_equal(verify(&yes, &key, &request, NOW, &refused), ERR_AUTH);
	assert_false(refused);
	plain[3] = DNS_NOTAUTH; /* a refusal cannot be signed: it is told apart */
	assert_int_equal(verify(&yes, &key, &request, NOW, &refused), ERR_AUTH);
	assert_true(refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_one_spelling),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(below_means_whole_labels),
		cmocka_unit_test(data_has_one_spelling),
		cmocka_unit_test(long_text_is_cut_into_strings),
		cmocka_unit_test(wrong_data_is_refused),
		cmocka_unit_test(an_answer_is_read),
		cmocka_unit_test(no_other_length_is_accepted),
		cmocka_unit_test(no_byte_leads_outside),
		cmocka_unit_test(crooked_messages_are_refused),
		cmocka_unit_test(too_many_records_are_refused),
		cmocka_unit_test(keys_are_read),
		cmocka_unit_test(a_good_signature_is_accepted),
		cmocka_unit_test(every_changed_bit_is_noticed),
		cmocka_unit_test(an_unsigned_answer_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
