/* spell.h: the spellings in which a value may turn up in a text. */
#ifndef SCRIPT_SPELL_H
#define SCRIPT_SPELL_H

#include <stddef.h>

typedef void spell_add(void *arg, const void *data, size_t len);
/* Gives every spelling of value to add; some may be equal. */
void spell_all(const void *value, size_t len, spell_add *add, void *arg);

#endif
