/* reference.h: the provider tables as pages for people and as annotations for editors. */
#ifndef CLI_REFERENCE_H
#define CLI_REFERENCE_H

#include "drillbook/base.h"

/* Each prints to stdout; catalog is what cli_catalog gives. */

/* LuaCATS annotations: one table per capability, one function per verb (lua/providers.d.lua). */
void reference_luacats(const json_t *catalog);
/* The end of a provider's page: its settings and operations (docs/providers/NAME.md). */
void reference_provider(const json_t *provider);
/* Every verb with its effect and its providers (docs/lua.md). */
void reference_verbs(const json_t *catalog);

/* Owned: {"capability.verb": [[provider's name, operation], …]}, the verbs sorted. */
json_t *reference_by_verb(const json_t *catalog);

#endif
