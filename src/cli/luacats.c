/* luacats.c: the provider tables as LuaCATS annotations, for editors that complete and check Lua.
 * Source: the annotations page of the Lua language server's wiki.
 *
 * A verb is one function for all the providers that have it: a parameter is required when each of
 * them requires it, and its type is what any of them takes. */
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a parameter takes (0) and what a result is (1). */
static const struct {
	const char *type, *words[2];
} types[] = { { "string", { "string", "string" } }, { "path", { "string", "string" } },
	{ "int", { "integer", "integer" } }, { "bool", { "boolean", "boolean" } },
	{ "duration", { "integer|string", "integer" } }, { "bytes", { "integer|string", "integer" } },
	{ "choice", { "string", "string" } }, { "strings", { "string[]|string", "string[]" } },
	{ "map", { "table", "table" } }, { "any", { "any", "any" } } };

/* A field of one name, of every provider that has it. */
struct member {
	json_t *words;	 /* set of types */
	json_t *helps;	 /* help -> names of the providers that say so */
	size_t required; /* in so many of them */
};

static void add_words(json_t *set, const json_t *field, bool result)
{
	const json_t *choices = json_object_get(field, "choices"), *choice;
	const char *type = json_str(field, "type", "");
	size_t i;

	if (json_array_size(choices) > 0) {
		json_array_foreach(choices, i, choice) {
			char *word = xasprintf("\"%s\"", json_string_value(choice));
			json_put_flag(set, word, true);
			free(word);
		}
		return;
	}
	for (i = 0; i < COUNT_OF(types); i++)
		if (str_eq(types[i].type, type)) {
			char *copy = xstrdup(types[i].words[result]), *rest = copy;
			while (rest != NULL)
				json_put_flag(set, strsep(&rest, "|"), true);
			free(copy);
		}
}

static void add_help(json_t *helps, const json_t *field, const char *provider)
{
	const char *unit = json_str(field, "unit", NULL), *help = json_str(field, "help", ""),
		   *fallback = json_str(field, "default", NULL);
	char *whole = xasprintf("%s%s%s%s%s%s", help, unit ? " (" : "", unit ? unit : "",
		unit ? ")" : "", fallback ? "; default " : "", fallback ? fallback : "");
	json_t *names = json_object_get(helps, whole);

	if (names == NULL) {
		names = json_array();
		json_put(helps, whole, names);
	}
	json_array_append_new(names, json_string(provider));
	free(whole);
}

static void print_words(const json_t *words)
{
	const char *word;
	json_t *flag;
	bool more = false;

	json_object_foreach((json_t *)(uintptr_t)words, word, flag) {
		printf("%s%s", more ? "|" : "", word);
		more = true;
	}
}

/* "help" when all say the same, else "borg, restic: help; files: other help". */
static void print_helps(const json_t *helps)
{
	const char *help;
	json_t *names;
	bool more = false;

	json_object_foreach((json_t *)(uintptr_t)helps, help, names) {
		const json_t *name;
		size_t i;
		printf(more ? "; " : " ");
		if (json_object_size(helps) > 1) {
			json_array_foreach(names, i, name)
				printf("%s%s", i ? ", " : "", json_string_value(name));
			printf(": ");
		}
		printf("%s", help);
		more = true;
	}
	putchar('\n');
}

/* One field of the class; true when it must be given. */
static bool print_member(const json_t *list, const char *part, const char *name)
{
	const bool result = str_eq(part, "results");
	struct member member = { json_object(), json_object(), 0 };
	const json_t *pair, *field;
	size_t i, k;

	json_array_foreach(list, i, pair)
		json_array_foreach(json_object_get(json_array_get(pair, 1), part), k, field) {
			if (!str_eq(json_str(field, "name", ""), name))
				continue;
			add_words(member.words, field, result);
			add_help(member.helps, field, json_string_value(json_array_get(pair, 0)));
			member.required += json_flag(field, "required", false);
		}
	const bool required = member.required == json_array_size(list);
	printf("---@field %s%s ", name, required ? "" : "?");
	print_words(member.words);
	print_helps(member.helps);
	json_decref(member.words);
	json_decref(member.helps);
	return required;
}

/* The class of a verb's parameters or results.  *any: it has members; *needed: one must be given. */
static void print_class(const char *op, const json_t *list, const char *part, bool *any, bool *needed)
{
	json_t *seen = json_object();
	const json_t *pair, *field;
	size_t i, k;

	*needed = false;
	json_array_foreach(list, i, pair)
		json_array_foreach(json_object_get(json_array_get(pair, 1), part), k, field) {
			const char *name = json_str(field, "name", "");
			if (json_object_get(seen, name) != NULL)
				continue;
			if (json_object_size(seen) == 0)
				printf("\n---@class drillbook.%s.%s\n", op, part);
			json_put_flag(seen, name, true);
			*needed = print_member(list, part, name) || *needed;
		}
	*any = json_object_size(seen) > 0;
	json_decref(seen);
}

static void print_verb(const char *op, const json_t *list)
{
	const json_t *pair;
	size_t i;
	bool takes, gives, needed, never;

	print_class(op, list, "params", &takes, &needed);
	print_class(op, list, "results", &gives, &never);
	putchar('\n');
	json_array_foreach(list, i, pair) {
		const json_t *operation = json_array_get(pair, 1);
		const char *undo = json_str(operation, "undo", NULL);
		printf("---%s (%s%s%s): %s\n---\n", json_string_value(json_array_get(pair, 0)),
			json_str(operation, "effect", ""), undo ? ", undo " : "", undo ? undo : "",
			json_str(operation, "help", ""));
	}
	printf("---@param target string of provider");
	json_array_foreach(list, i, pair)
		printf("%s%s", i ? ", " : " ", json_string_value(json_array_get(pair, 0)));
	putchar('\n');
	if (takes)
		printf("---@param params%s drillbook.%s.params\n", needed ? "" : "?", op);
	if (gives)
		printf("---@return drillbook.%s.results\n", op);
	else
		printf("---@return table\n");
	printf("function %s(target%s) end\n", op, takes ? ", params" : "");
}

void reference_luacats(const json_t *catalog)
{
	json_t *verbs = reference_by_verb(catalog), *list;
	char last[64] = "";
	const char *op;

	printf("---@meta _\n"
	       "-- What the providers can do, for editors that read LuaCATS annotations.  Written from the\n"
	       "-- provider tables by `drillbook providers --luacats`; no run ever loads it.  Times are\n"
	       "-- milliseconds or texts (\"30s\"), sizes bytes or texts (\"16MiB\"); in results they are\n"
	       "-- whole numbers.  The words that are not a provider's are in sandbox.d.lua.\n");
	json_object_foreach(verbs, op, list) {
		const int len = (int)strcspn(op, ".");
		if (strncmp(last, op, (size_t)len) != 0 || last[len] != '\0') {
			snprintf(last, sizeof(last), "%.*s", len, op);
			printf("\n---@class drillbook.%s\n%s = {}\n", last, last);
		}
		print_verb(op, list);
	}
	json_decref(verbs);
}
