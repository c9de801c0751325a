/* words.c: see words.h. */
#include "words.h"

#include <stdlib.h>

void words_add(struct words *words, const char *word)
{
	if (words->count == WORDS_ROOM)
		base_die("more than %d words for \"%s\"", WORDS_ROOM, words->list[0]);
	words->list[words->count++] = xstrdup(word);
}

void words_pair(struct words *words, const char *option, const char *value)
{
	words_add(words, option);
	words_add(words, value);
}

void words_all(struct words *words, const char *option, const json_t *texts)
{
	json_t *text;
	size_t i;

	json_array_foreach((json_t *)texts, i, text)
	{
		if (option != NULL)
			words_add(words, option);
		words_add(words, json_string_value(text));
	}
}

void words_release(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->list[i]);
	*words = (struct words){ 0 };
}
