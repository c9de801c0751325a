/* Secrets in every spelling, cut at every place, with everything else left as it was. */
#include "rig.h"

#include "mask.h"

static const char *const values[] = {
	"s3cr3t-Pa$$w0rd",
	"with space & <tags> \"quoted\" 'too' \\back/slash",
	"\x01\x02\xfe\xff\x80 binary\n\ttabs",
	"Zürich-日本-😀-key",
	"abcd",
	"a+b/c=d?e#f%g",
};

struct sink {
	struct buf text;
};

static void into_sink(void *arg, const char *data, size_t len)
{
	struct sink *sink = arg;
	struct err err;

	assert_int_equal(buf_add(&sink->text, data, len, &err), ERR_NONE);
}

/* The text as it comes out when it goes in pieces cut at `a` and `b`. */
static char *through(const struct mask *mask, const char *text, size_t len, size_t a, size_t b)
{
	const size_t cuts[] = {a, b, len};
	struct mask_state state = {0};
	struct sink sink;
	struct buf held;
	struct err err;
	size_t from = 0;

	buf_init(&sink.text, 1 << 20);
	buf_init(&held, 1 << 20);
	assert_int_equal(buf_add(&sink.text, "", 0, &err), ERR_NONE);
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		assert_int_equal(buf_add(&held, text + from, cuts[i] - from, &err), ERR_NONE);
		from = cuts[i];
		const bool final = i + 1 == COUNT_OF(cuts);
		const size_t used = mask_run(mask, &state, held.data, held.len, final, into_sink, &sink);
		assert_true(used <= held.len);
		buf_consume(&held, used);
		if (final)
			assert_int_equal(held.len, 0);
		else
			assert_true(held.len < mask->longest || held.len == 0);
	}
	char *out = xstrdup(sink.text.data);
	buf_release(&sink.text);
	buf_release(&held);
	return out;
}

static char *spelled(const char *value, const char *with)
{
	char *out = xmalloc(strlen(value) * 8 + 16), *at = out;
	const unsigned char *p = (const unsigned char *)value;

	for (; *p != '\0'; p++) {
		if (str_eq(with, "hex"))
			at += sprintf(at, "%02x", *p);
		else if (str_eq(with, "HEX"))
			at += sprintf(at, "%02X", *p);
		else if (str_eq(with, "url") && !strchr("-._~", *p) &&
			 !(*p < 128 && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", *p)))
			at += sprintf(at, "%%%02X", *p);
		else if (str_eq(with, "shell") && *p == '\'')
			at += sprintf(at, "'\\''");
		else if (str_eq(with, "xml") && strchr("&<>\"'", *p))
			at += sprintf(at, "%s", *p == '&' ? "&amp;" : *p == '<' ? "&lt;" : *p == '>' ? "&gt;"
							      : *p == '"' ? "&quot;" : "&apos;");
		else
			*at++ = (char)*p;
	}
	*at = '\0';
	return out;
}

static char *json_spelled(const char *value)
{
	json_t *text = json_string(value);

	if (text == NULL)
		return NULL; /* not UTF-8: no JSON form */
	char *line = json_dumps(text, JSON_ENCODE_ANY), *out = strndup(line + 1, strlen(line) - 2);
	free(line);
	json_decref(text);
	return out;
}

/* text holds the secret between "<<" and ">>"; nothing of it may come out, wherever it is cut. */
static void check_text(const struct mask *mask, const char *spelling)
{
	char *text = xasprintf("head <<%s>> tail", spelling);
	const size_t len = strlen(text);

	for (size_t a = 0; a <= len; a++) {
		/* every cut, and every piece of three bytes after it */
		const size_t b = a + 3 <= len ? a + 3 : len;
		char *out = through(mask, text, len, a, b);
		if (!str_eq(out, "head <<" MASK_TEXT ">> tail"))
			fail_msg("cut at %zu: \"%s\" became \"%s\"", a, text, out);
		free(out);
	}
	free(text);
}

static void every_spelling_at_every_cut(void **state)
{
	static const char *const ways[] = {"", "hex", "HEX", "url", "shell", "xml"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct mask mask;
		mask_init(&mask);
		mask_add(&mask, values[i], strlen(values[i]));
		mask_ready(&mask);
		for (size_t k = 0; k < COUNT_OF(ways); k++) {
			char *spelling = spelled(values[i], ways[k]);
			check_text(&mask, spelling);
			free(spelling);
		}
		char *json = json_spelled(values[i]);
		if (json != NULL) {
			check_text(&mask, json);
			char *twice = json_spelled(json);
			check_text(&mask, twice);
			free(twice);
		}
		free(json);
		mask_release(&mask);
	}
}

/* What a base64 text of (prefix, secret, suffix) shows of the secret alone must be gone. */
static void base64_at_three_alignments(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		const size_t len = strlen(values[i]);
		struct mask mask;
		mask_init(&mask);
		mask_add(&mask, values[i], len);
		mask_ready(&mask);
		for (size_t before = 0; before < 4; before++) {
			char *plain = xasprintf("%.*s%s:", (int)before, "userX", values[i]);
			char *text = base64_encode(plain, strlen(plain));
			for (size_t cut = 0; cut <= strlen(text); cut++) {
				char *out = through(&mask, text, strlen(text), cut, cut);
				/* at most the characters shared with the neighbours stay: two on each side */
				assert_has(out, MASK_TEXT);
				const size_t left = strlen(out) - strlen(MASK_TEXT);
				assert_true(left <= before * 8 / 6 + 2 + 4 + 2);
				free(out);
			}
			free(text);
			free(plain);
		}
		mask_release(&mask);
	}
}

/* Nothing is held back that cannot become a secret: a prompt is seen at once. */
static void only_what_may_begin_is_held(void **state)
{
	struct mask mask;
	struct mask_state at = {0};
	struct sink sink;

	(void)state;
	mask_init(&mask);
	mask_add(&mask, "s3cr3t-word", 11);
	mask_ready(&mask);
	buf_init(&sink.text, 4096);
	assert_int_equal(mask_run(&mask, &at, "Password: ", 10, false, into_sink, &sink), 10);
	assert_string_equal(sink.text.data, "Password: ");
	assert_int_equal(mask_run(&mask, &at, "xx s3cr", 7, false, into_sink, &sink), 3);
	assert_string_equal(sink.text.data, "Password: xx ");
	/* it was another word after all */
	assert_int_equal(mask_run(&mask, &at, "s3cret", 6, false, into_sink, &sink), 6);
	assert_string_equal(sink.text.data, "Password: xx s3cret");
	buf_release(&sink.text);
	mask_release(&mask);
}

static void overlapping_secrets(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"1 abcdefgh 2", "1 [masked] 2"},
		{"1 abcdef 2", "1 [masked]ef 2"},
		{"1 abcdabcdefgh 2", "1 [masked][masked] 2"}, /* side by side */
		{"1 aaaaaaaaaaaa 2", "1 [masked] 2"},
		{"abcd", "[masked]"},
		{"abc", "abc"},
		{"", ""},
		{"cdefgh", "[masked]"},
		{"aaaaabcdefghi", "[masked]i"}, /* three that run into each other */
	};
	struct mask mask;

	(void)state;
	mask_init(&mask);
	mask_add(&mask, "abcd", 4);
	mask_add(&mask, "cdefgh", 6);
	mask_add(&mask, "aaaa", 4);
	mask_ready(&mask);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const size_t len = strlen(cases[i].in);
		for (size_t a = 0; a <= len; a++)
			for (size_t b = a; b <= len; b++) {
				char *out = through(&mask, cases[i].in, len, a, b);
				if (!str_eq(out, cases[i].out))
					fail_msg("%zu,%zu: \"%s\" became \"%s\", not \"%s\"", a, b, cases[i].in,
						out, cases[i].out);
				free(out);
			}
	}
	mask_release(&mask);
}

/* The fast search against the plain one, on text that is full of almost-secrets. */
static void agrees_with_a_plain_search(void **state)
{
	static const char *const words[] = {"abca", "abcab", "bcabca", "ccccc", "aabbaabb"};
	struct mask mask;
	unsigned seed = 12345;

	(void)state;
	mask_init(&mask);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		mask_add(&mask, words[i], strlen(words[i]));
	mask_ready(&mask);
	for (int round = 0; round < 3000; round++) {
		char text[64], expected[512] = "";
		bool covered[64] = {false};
		const size_t len = 20 + seed % 40;
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245u + 12345u;
			text[i] = "abc"[(seed >> 16) % 3];
		}
		text[len] = '\0';
		size_t region_end = 0, at = 0;
		bool starts[64] = {false};
		for (size_t i = 0; i < len; i++) {
			size_t longest = 0;
			for (size_t w = 0; w < COUNT_OF(words); w++)
				if (strncmp(text + i, words[w], strlen(words[w])) == 0 && strlen(words[w]) > longest)
					longest = strlen(words[w]);
			if (longest == 0)
				continue;
			if (i >= region_end)
				starts[i] = true;
			if (i + longest > region_end)
				region_end = i + longest;
			memset(covered + i, 1, longest);
		}
		for (size_t i = 0; i < len; i++) {
			if (starts[i])
				at += (size_t)sprintf(expected + at, "%s", MASK_TEXT);
			if (!covered[i])
				expected[at++] = text[i], expected[at] = '\0';
		}
		const size_t a = seed % len, b = a + (len - a) / 2;
		char *out = through(&mask, text, len, a, b);
		if (!str_eq(out, expected))
			fail_msg("\"%s\" cut at %zu, %zu became \"%s\", not \"%s\"", text, a, b, out, expected);
		free(out);
	}
	mask_release(&mask);
}

static void lines_of_a_key(void **state)
{
	static const char key[] = "-----BEGIN KEY-----\nMIIEvQIBADANBg\r\nkqhkiG9w0BAQEF\n-----END KEY-----";
	struct mask mask;
	size_t len;

	(void)state;
	mask_init(&mask);
	mask_add(&mask, key, strlen(key));
	mask_ready(&mask);
	char *out = mask_string(&mask, "line 2: kqhkiG9w0BAQEF.", 23, &len);
	assert_string_equal(out, "line 2: " MASK_TEXT ".");
	free(out);
	mask_release(&mask);
}

static void messages(void **state)
{
	struct mask mask;

	(void)state;
	mask_init(&mask);
	mask_add(&mask, "result", 6); /* a secret that is also a word of the protocol */
	mask_add(&mask, "hunter22", 8);
	mask_ready(&mask);
	json_t *message = json_pack("{s:s, s:s, s:{s:s, s:[s, i]}, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:{s:s}}}", "t",
		"result", "op", "result.get", "args", "hunter22", "x", "list", "a hunter22 b", 5, "error", "code",
		"REFUSED", "text", "hunter22 is wrong", "world", "unchanged", "undo", "op", "result.put", "target",
		"hunter22", "args", "p", "hunter22");
	json_t *masked = mask_message(&mask, message);
	char *line = json_line(masked);
	assert_string_equal(line,
		"{\"args\":{\"[masked]\":\"x\",\"list\":[\"a [masked] b\",5]},"
		"\"error\":{\"code\":\"REFUSED\",\"text\":\"[masked] is wrong\",\"world\":\"unchanged\"},"
		"\"op\":\"result.get\",\"t\":\"result\","
		"\"undo\":{\"args\":{\"p\":\"[masked]\"},\"op\":\"result.put\",\"target\":\"hunter22\"}}");
	free(line);
	json_decref(masked);
	json_decref(message);
	mask_release(&mask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_at_every_cut),
		cmocka_unit_test(base64_at_three_alignments),
		cmocka_unit_test(only_what_may_begin_is_held),
		cmocka_unit_test(overlapping_secrets),
		cmocka_unit_test(agrees_with_a_plain_search),
		cmocka_unit_test(lines_of_a_key),
		cmocka_unit_test(messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
