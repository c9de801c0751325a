/* words.h: the words of one command line, put together one by one. */
#ifndef PROVIDER_WORDS_H
#define PROVIDER_WORDS_H

#include "drillbook/provider.h"

enum { WORDS_ROOM = 512 };

/* Zero is an empty list.  Life cycle: words_add…, use list as argv, words_release. */
struct words {
	char *list[WORDS_ROOM + 1]; /* owned, NULL-terminated */
	size_t count;
};

/* Whoever calls limits how many; one too many ends the process. */
void words_add(struct words *words, const char *word);
void words_pair(struct words *words, const char *option, const char *value);
/* Every text of a JSON array (NULL = none), each behind option unless that is NULL. */
void words_all(struct words *words, const char *option, const json_t *texts);
void words_release(struct words *words); /* empty again afterwards */

#endif
