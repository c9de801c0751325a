/* reference.c: the provider tables as Markdown: what stands at the end of each provider's page and
 * in the list of verbs.  tests/tools/reference keeps the pages current. */
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *reference_by_verb(const json_t *catalog)
{
	json_t *all = json_object(), *sorted = json_object(), *list;
	const json_t *provider, *operation;
	size_t i, k;

	json_array_foreach(json_object_get(catalog, "providers"), i, provider)
		json_array_foreach(json_object_get(provider, "operations"), k, operation) {
			const char *op = json_str(operation, "op", "");
			list = json_object_get(all, op);
			if (list == NULL) {
				list = json_array();
				json_put(all, op, list);
			}
			json_array_append_new(list,
				json_pack("[s, O]", json_str(provider, "name", ""), operation));
		}
	const size_t count = json_object_size(all);
	const char **names = xmalloc((count + 1) * sizeof(*names)), *key;
	size_t n = 0;
	json_object_foreach(all, key, list) names[n++] = key;
	qsort(names, n, sizeof(*names), compare_names);
	for (i = 0; i < n; i++)
		json_object_set(sorted, names[i], json_object_get(all, names[i]));
	free(names);
	json_decref(all);
	return sorted;
}

/* In a cell of a table: a bar would end it, and angles and stars would be markup. */
static void cell(const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("|<>*", *text) != NULL)
			putchar('\\');
		putchar(*text);
	}
}

/* Help texts are without capital and full stop. */
static void sentence(const char *text)
{
	const char first = text[0];

	putchar(first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first);
	cell(first != '\0' ? text + 1 : text);
	printf(". ");
}

static void limit(bool duration, int64_t value)
{
	char text[32];

	if (duration)
		printf("%s", format_duration(text, sizeof(text), value));
	else
		printf("%lld", (long long)value);
}

static void type_cell(const json_t *field)
{
	const json_t *choices = json_object_get(field, "choices"), *choice;
	const char *unit = json_str(field, "unit", NULL);
	size_t i;

	if (json_array_size(choices) > 0) {
		json_array_foreach(choices, i, choice)
			printf("%s`%s`", i ? ", " : "", json_string_value(choice));
		return;
	}
	const bool duration = str_eq(json_str(field, "type", ""), "duration");
	printf("%s", json_str(field, "type", ""));
	if (unit != NULL && !duration)
		printf(", %s", unit);
	if (json_object_get(field, "min") == NULL)
		return;
	printf(", ");
	limit(duration, json_int(field, "min", 0));
	printf(" to ");
	limit(duration, json_int(field, "max", 0));
}

static void fields(const json_t *rows, const char *what, bool given)
{
	const json_t *field;
	size_t i;

	if (json_array_size(rows) == 0)
		return;
	printf(given ? "\n| %s | type | default | |\n|---|---|---|---|\n"
		     : "\n| %s | type | |\n|---|---|---|\n",
		what);
	json_array_foreach(rows, i, field) {
		const char *fallback = json_str(field, "default", NULL);
		printf("| `%s` | ", json_str(field, "name", ""));
		type_cell(field);
		if (given && json_flag(field, "required", false))
			printf(" | **required**");
		else if (given)
			printf(fallback ? " | `%s`" : " | ", fallback);
		printf(" | ");
		cell(json_str(field, "help", ""));
		printf(" |\n");
	}
}

/* What a reader needs before using it: what it does, how it is taken back, when it gives up. */
static void operation_page(const json_t *operation)
{
	const char *undo = json_str(operation, "undo", NULL),
		   *cancel = json_str(operation, "cancel_help", NULL);
	const bool read = str_eq(json_str(operation, "effect", ""), "read");
	const int64_t timeout = json_int(operation, "timeout_ms", 0);
	char most[32];

	printf("\n### `%s`: %s\n\n", json_str(operation, "op", ""), json_str(operation, "effect", ""));
	sentence(json_str(operation, "help", ""));
	if (!read) {
		printf(json_flag(operation, "verify", false)
				? "Whether it happened can be found out later (`verify`). "
				: "Nothing can find out later whether it happened: a human is asked. ");
		printf(undo ? "Undo: `%s`. " : "No undo. ", undo);
		printf(json_flag(operation, "idempotent", false)
				? "May be sent again with the same key. "
				: "Is never sent twice. ");
		if (json_flag(operation, "creates", false))
			printf("What it leaves behind is in the list of debris. ");
	}
	if (cancel != NULL) {
		printf("A stop is taken ");
		cell(cancel);
		printf(". ");
	}
	if (timeout > 0)
		printf("Deadline: %s.", format_duration(most, sizeof(most), timeout));
	printf("\n");
	fields(json_object_get(operation, "params"), "takes", true);
	fields(json_object_get(operation, "results"), "gives", false);
}

void reference_provider(const json_t *provider)
{
	const json_t *settings = json_object_get(provider, "settings"), *operation;
	size_t i;

	printf("## Reference\n\nWritten from the provider's table (`drillbook providers %s` prints it).",
		json_str(provider, "name", ""));
	if (json_str(provider, "source", "")[0] != '\0') {
		printf(" Sources: ");
		cell(json_str(provider, "source", ""));
		printf(".");
	}
	printf("\n");
	if (json_array_size(settings) > 0)
		printf("\n### Settings\n");
	fields(settings, "setting", true);
	json_array_foreach(json_object_get(provider, "operations"), i, operation)
		operation_page(operation);
}

void reference_verbs(const json_t *catalog)
{
	json_t *verbs = reference_by_verb(catalog), *list;
	const char *op;
	const json_t *pair;
	size_t i;

	printf("| verb | effect | providers |\n|---|---|---|\n");
	json_object_foreach(verbs, op, list) {
		const char *last = NULL;
		printf("| `%s` | ", op);
		json_array_foreach(list, i, pair) {
			const char *effect = json_str(json_array_get(pair, 1), "effect", "");
			if (last == NULL || !str_eq(last, effect))
				printf("%s%s", last ? ", " : "", effect);
			last = effect;
		}
		printf(" | ");
		json_array_foreach(list, i, pair) {
			const char *name = json_string_value(json_array_get(pair, 0));
			printf("%s[%s](providers/%s.md)", i ? ", " : "", name, name);
		}
		printf(" |\n");
	}
	json_decref(verbs);
}
