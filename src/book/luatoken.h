/* luatoken.h: the words of a piece of Lua 5.4 (reference manual, section 3.1). */
#ifndef BOOK_LUATOKEN_H
#define BOOK_LUATOKEN_H

#include "internal.h"

/* OTHER is one character of punctuation, except that ".." "..." "==" and "::" come as one. */
enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_NUMBER, TOKEN_OTHER };

struct token {
	enum token_kind kind;
	uint32_t start, len;  /* bytes in the source; of a string with its quotes */
	uint32_t line, column;
};

struct tokens {
	const char *source;
	struct token *rows;   /* the last one is TOKEN_END */
	size_t count;
	bool complete;
};

void tokens_read(struct tokens *tokens, const char *source, size_t len);
void tokens_release(struct tokens *tokens);
bool token_is(const struct tokens *tokens, size_t i, const char *text);
/* The value of a string token; NULL when an escape is wrong. */
char *token_string(const struct tokens *tokens, size_t i, struct arena *arena);

#endif
