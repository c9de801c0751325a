/* tell.c: what is said about it, to people and to programs. */
#include "verify.h"

#include <stdio.h>
#include <string.h>

static const char *chain_word(const struct chain *chain)
{
	if (chain->broken)
		return "CHANGED";
	if (chain->id == 0)
		return "ledger";
	if (chain->sealed == chain->events)
		return "sealed";
	if (chain->sealed > 0)
		return "sealed, with later events that are not";
	return chain->ended ? "ended, not sealed" : "open, not sealed";
}

static void json_text(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s == 0x7f)
			printf("\\u%04x", (unsigned)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void json_findings(const char *name, const struct findings *findings)
{
	printf(",\"%s\":[", name);
	for (size_t i = 0; i < findings->count; i++) {
		printf("%s{\"run\":%lld,\"pos\":%lld,\"what\":", i ? "," : "",
			(long long)findings->list[i].run, (long long)findings->list[i].pos);
		json_text(findings->list[i].what);
		putchar('}');
	}
	putchar(']');
}

void tell_json(const struct check *check, const char *path)
{
	char hex[HEX + 1];

	printf("{\"ok\":%s,\"journal\":", check->problems.count == 0 ? "true" : "false");
	json_text(path);
	printf(",\"events\":%lld,\"contents\":%lld,\"contents_erased\":%lld,\"persons\":%lld,"
	       "\"persons_erased\":%lld,"
	       "\"outputs\":%lld,\"chains\":[",
		(long long)check->events, (long long)check->contents,
		(long long)check->contents_erased, (long long)check->persons,
		(long long)check->persons_erased, (long long)check->output_files);
	for (size_t i = 0, n = 0; i < check->chain_count; i++) {
		const struct chain *chain = &check->chains[i];
		if (!is_wanted(check, chain->id))
			continue;
		to_hex(chain->head, hex);
		printf("%s{\"run\":%lld,\"events\":%lld,\"sealed\":%lld,\"erased\":%lld,"
		       "\"state\":\"%s\",\"head\":\"%s\"}",
			n++ ? "," : "", (long long)chain->id, (long long)chain->events,
			(long long)chain->sealed, (long long)chain->erased, chain_word(chain),
			hex);
	}
	putchar(']');
	json_findings("problems", &check->problems);
	json_findings("notes", &check->notes);
	printf("}\n");
}

/* Names come from the file that is being doubted: nothing of them may steer a terminal. */
static void put_visible(const char *s)
{
	for (; *s != '\0'; s++)
		putchar((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f ? '?' : *s);
}

static void tell_findings(const char *word, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *one = &findings->list[i];
		printf("%s ", word);
		if (one->run == 0)
			printf("ledger");
		else if (one->run > 0)
			printf("run %lld", (long long)one->run);
		if (one->pos >= 0)
			printf(" event %lld", (long long)one->pos);
		printf("%s", one->run >= 0 ? ": " : "");
		put_visible(one->what);
		putchar('\n');
	}
}

void tell(const struct check *check, const char *path)
{
	size_t shown = 0;

	printf("%s: %lld events in %zu chains, %lld kept contents, %lld persons", path,
		(long long)check->events, check->chain_count, (long long)check->contents,
		(long long)check->persons);
	if (check->outputs_dir != NULL)
		printf(", %lld output files", (long long)check->output_files);
	putchar('\n');
	for (size_t i = 0; i < check->chain_count; i++) {
		const struct chain *chain = &check->chains[i];
		const bool plain = chain->erased == 0 &&
				   (chain->id == 0 || strcmp(chain_word(chain), "sealed") == 0);
		if (chain->id == 0 || !is_wanted(check, chain->id) ||
			(plain && check->only < 0))
			continue;
		shown++;
		printf("  run %lld: %lld events, %s", (long long)chain->id,
			(long long)chain->events, chain_word(chain));
		if (chain->erased > 0)
			printf(", %lld payload(s) erased%s", (long long)chain->erased,
				chain->broken ? "" : ", chain intact");
		putchar('\n');
	}
	if (shown == 0 && check->chain_count > 1)
		printf("  every run is sealed\n");
	if (check->contents_erased + check->persons_erased > 0)
		printf("  erased, digests intact: %lld content(s), %lld person(s)\n",
			(long long)check->contents_erased, (long long)check->persons_erased);
	tell_findings("  note", &check->notes);
	tell_findings("  CHANGED", &check->problems);
	if (check->problems.count > 0) {
		printf("DOES NOT VERIFY: %zu problem(s). Keep the file as it is; it is "
		       "evidence.\n",
			check->problems.count);
		return;
	}
	printf("VERIFIES: nothing was changed since it was chained");
	printf(check->seals_outside > 0
			? ", and it is what the %zu seal(s) from outside name.\n"
			: ".\n",
		check->seals_outside);
	if (check->seals_outside == 0)
		printf("Who owns the file could have written all of it anew: evidence starts "
		       "where a seal has left "
		       "this machine\n(verify --seal-out copies one, verify --seal FILE "
		       "compares with it).\n");
}

int tell_seal(struct check *check)
{
	const struct chain *chain = chain_at(check, check->only < 0 ? 0 : check->only);
	char hex[HEX + 1];

	if (chain == NULL || chain->events == 0)
		quit(EXIT_CANNOT_READ, "there is nothing to seal yet", NULL);
	if (check->problems.count > 0)
		quit(EXIT_BAD,
			"it does not verify, so it is not sealed; look without --seal-out",
			NULL);
	to_hex(chain->head, hex);
	printf("{\"run\":%lld,\"events\":%lld,\"head\":\"%s\"}\n", (long long)chain->id,
		(long long)chain->events, hex);
	return EXIT_OK;
}
