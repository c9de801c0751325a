/* Digests and encodings against published values. */
#include "check.h"
#include "drillbook/base.h"

#include <stdlib.h>
#include <string.h>

static void sha256_known_values(void **state)
{
	/* FIPS 180-4 examples */
	static const struct { const char *in, *hex; } rows[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}};
	char hex[SHA256_HEX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(sha256_hex(sha256_of(rows[i].in, strlen(rows[i].in)), hex), rows[i].hex);
}

static void pieces_equal_the_whole(void **state)
{
	char data[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31);
	const struct sha256 whole = sha256_of(data, sizeof(data));
	for (size_t cut = 0; cut <= sizeof(data); cut += 37) {
		struct sha256_stream *stream = sha256_new();
		sha256_add(stream, data, cut);
		sha256_add(stream, data + cut, sizeof(data) - cut);
		assert_true(sha256_eq(sha256_end(stream), whole));
	}
}

static void hex_is_read_strictly(void **state)
{
	struct sha256 digest;
	char hex[SHA256_HEX];

	(void)state;
	sha256_hex(sha256_of("x", 1), hex);
	assert_true(sha256_parse(hex, &digest));
	assert_true(sha256_eq(digest, sha256_of("x", 1)));
	assert_false(sha256_parse(NULL, &digest));
	assert_false(sha256_parse("", &digest));
	hex[63] = 'G';
	assert_false(sha256_parse(hex, &digest));
	hex[63] = '\0';
	assert_false(sha256_parse(hex, &digest));
}

static void base64_both_ways(void **state)
{
	unsigned char data[300];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7);
	for (size_t n = 0; n <= sizeof(data); n++) {
		char *text = base64_encode(data, n);
		unsigned char *back = base64_decode(text, &len);
		assert_non_null(back);
		assert_int_equal(len, n);
		assert_memory_equal(back, data, n);
		assert_int_equal(back[n], 0);
		free(back);
		free(text);
	}
	char *text = base64_encode("foob", 4); /* RFC 4648, section 10 */
	assert_string_equal(text, "Zm9vYg==");
	free(text);
}

static void malformed_base64_is_refused(void **state)
{
	static const char *const bad[] = {"A", "AB", "ABC", "AB=C", "A===", "====", "=ABC", "AB C", " ABC",
		"ABC ", "AB\nC", "ABCDE", "AB*D", "Zm9v=mFy", "-_AB"};
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (base64_decode(bad[i], &len) != NULL)
			fail_msg("\"%s\" was taken for base64", bad[i]);
}

static void randomness_differs(void **state)
{
	struct err err = {0};
	unsigned char a[4000] = {0}, b[4000] = {0};

	(void)state;
	ok(random_bytes(a, sizeof(a), &err));
	ok(random_bytes(b, sizeof(b), &err));
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_known_values), cmocka_unit_test(pieces_equal_the_whole),
		cmocka_unit_test(hex_is_read_strictly), cmocka_unit_test(base64_both_ways),
		cmocka_unit_test(malformed_base64_is_refused), cmocka_unit_test(randomness_differs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
