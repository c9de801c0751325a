/* luatoken.c: cutting Lua into words; comments and white space are dropped. */
#include "luatoken.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 400000 };

struct cutter {
	const char *s;
	size_t len, at;
	uint32_t line, column;
	struct tokens *out;
	size_t cap;
};

static char peek(const struct cutter *c, size_t ahead)
{
	return c->at + ahead < c->len ? c->s[c->at + ahead] : '\0';
}

/* Columns count characters: bytes that continue one are not counted. */
static void advance(struct cutter *c, size_t n)
{
	for (; n > 0 && c->at < c->len; n--) {
		const unsigned char b = (unsigned char)c->s[c->at++];
		if (b == '\n') {
			c->line++;
			c->column = 1;
		} else if ((b & 0xc0U) != 0x80) {
			c->column++;
		}
	}
}

/* "[[" or "[==[": the number of = plus 1; 0 when it is none. */
static size_t long_bracket(const struct cutter *c, size_t ahead)
{
	size_t n = 1;

	if (peek(c, ahead) != '[')
		return 0;
	while (peek(c, ahead + n) == '=')
		n++;
	return peek(c, ahead + n) == '[' ? n : 0;
}

/* Behind the closing bracket of that level; false when it is not closed. */
static bool skip_long(struct cutter *c, size_t level)
{
	advance(c, level + 1);
	while (c->at < c->len) {
		if (peek(c, 0) == ']') {
			size_t n = 1;
			while (peek(c, n) == '=')
				n++;
			if (n == level && peek(c, n) == ']') {
				advance(c, n + 1);
				return true;
			}
		}
		advance(c, 1);
	}
	return false;
}

static bool skip_quoted(struct cutter *c)
{
	const char quote = peek(c, 0);

	advance(c, 1);
	while (c->at < c->len && peek(c, 0) != '\n') {
		if (peek(c, 0) == quote) {
			advance(c, 1);
			return true;
		}
		advance(c, peek(c, 0) == '\\' ? 2 : 1);
	}
	return false;
}

static bool skip_comment(struct cutter *c)
{
	const size_t level = long_bracket(c, 2);

	if (level > 0) {
		advance(c, 2);
		return skip_long(c, level);
	}
	while (c->at < c->len && peek(c, 0) != '\n')
		advance(c, 1);
	return true;
}

static void add(struct cutter *c, struct token token)
{
	struct tokens *out = c->out;

	if (out->count == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 64;
		out->rows = xrealloc(out->rows, c->cap * sizeof(*out->rows));
	}
	out->rows[out->count++] = token;
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t punctuation(const struct cutter *c)
{
	static const char *const longer[] = {"...", "..", "==", "~=", "<=", ">=", "::", "//", "<<", ">>"};

	for (size_t i = 0; i < COUNT_OF(longer); i++) {
		const size_t n = strlen(longer[i]);
		if (c->len - c->at >= n && memcmp(c->s + c->at, longer[i], n) == 0)
			return n;
	}
	return 1;
}

static size_t number_length(const struct cutter *c)
{
	size_t n = 0;

	while (is_name(peek(c, n)) || peek(c, n) == '.' ||
		((peek(c, n) == '+' || peek(c, n) == '-') && n > 0 &&
			strchr("eEpP", peek(c, n - 1)) != NULL))
		n++;
	return n;
}

/* One token; false when the source breaks off in it. */
static bool take(struct cutter *c)
{
	struct token t = {.start = (uint32_t)c->at, .line = c->line, .column = c->column};
	const char first = peek(c, 0);
	const size_t level = long_bracket(c, 0);
	bool whole = true;
	size_t n = 0;

	if (first == '"' || first == '\'' || level > 0) {
		t.kind = TOKEN_STRING;
		whole = level > 0 ? skip_long(c, level) : skip_quoted(c);
	} else if (isdigit((unsigned char)first) ||
		   (first == '.' && isdigit((unsigned char)peek(c, 1)))) {
		t.kind = TOKEN_NUMBER;
		advance(c, number_length(c));
	} else if (is_name(first)) {
		t.kind = TOKEN_NAME;
		while (is_name(peek(c, n)))
			n++;
		advance(c, n);
	} else {
		t.kind = TOKEN_OTHER;
		advance(c, punctuation(c));
	}
	t.len = (uint32_t)(c->at - t.start);
	add(c, t);
	return whole;
}

void tokens_read(struct tokens *tokens, const char *source, size_t len)
{
	struct cutter c = {.s = source, .len = len, .line = 1, .column = 1, .out = tokens};

	*tokens = (struct tokens){.source = source, .complete = true};
	while (c.at < c.len && tokens->complete && tokens->count < TOKENS_MAX) {
		if (isspace((unsigned char)peek(&c, 0)))
			advance(&c, 1);
		else if (peek(&c, 0) == '-' && peek(&c, 1) == '-')
			tokens->complete = skip_comment(&c);
		else
			tokens->complete = take(&c);
	}
	if (tokens->count >= TOKENS_MAX)
		tokens->complete = false;
	add(&c, (struct token){.kind = TOKEN_END, .start = (uint32_t)c.at, .line = c.line,
			.column = c.column});
}

void tokens_release(struct tokens *tokens)
{
	free(tokens->rows);
	tokens->rows = NULL;
}

bool token_is(const struct tokens *tokens, size_t i, const char *text)
{
	const struct token *t = &tokens->rows[i < tokens->count ? i : tokens->count - 1];

	return t->kind != TOKEN_STRING && t->len == strlen(text) &&
	       memcmp(tokens->source + t->start, text, t->len) == 0;
}

/* ------------------------------------------------------------------ strings */

static const char simple_escapes[] = "a\ab\bf\fn\nr\rt\tv\v\\\\\"\"''\n\n";

/* One escape after the backslash at *s; false when it is none we know (\u, a number, \z). */
static bool unescape(const char **s, char **out)
{
	for (size_t i = 0; i + 1 < sizeof(simple_escapes); i += 2)
		if (**s == simple_escapes[i]) {
			*(*out)++ = simple_escapes[i + 1];
			(*s)++;
			return true;
		}
	return false;
}

char *token_string(const struct tokens *tokens, size_t i, struct arena *arena)
{
	const struct token *t = &tokens->rows[i];
	const char *s = tokens->source + t->start, *end = s + t->len;

	if (*s == '[') {
		size_t level = 1;
		while (s[level] == '=')
			level++;
		s += level + 1;
		end -= level + 1;
		if (s < end && *s == '\n') /* section 3.1: a first newline is not part of it */
			s++;
		return arena_strndup(arena, s, (size_t)(end - s));
	}
	char *value = arena_alloc(arena, t->len);
	if (value == NULL)
		return NULL;
	char *out = value;
	for (s++, end--; s < end;) {
		if (*s != '\\')
			*out++ = *s++;
		else if (s++, !unescape(&s, &out))
			return NULL;
	}
	return value;
}
