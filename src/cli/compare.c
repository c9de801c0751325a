/* compare.c: two runs side by side. */
#include "cli.h"

#include "drillbook/report.h"

#include <stdlib.h>

static const struct option_row options[] = { { "json", NULL, false, "as JSON" }, OPTION_END };

static void clock_cell(char out[24], const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	snprintf(out, 24, "--");
	if (json_is_integer(value))
		format_clock(out, 24, json_integer_value(value));
}

static void print_side(const char *name, const json_t *side)
{
	const json_t *book = json_object_get(side, "runbook");
	char when[32], rta[24];

	wall_format(when, sizeof(when), (struct wall){ json_int(side, "began_ns", 0) });
	clock_cell(rta, side, "rta_ms");
	printf("%s  [%s] run %lld  %.16s  ", name, json_str(side, "mode", ""),
		(long long)json_int(side, "run", 0), when);
	print_safe(stdout, json_str(book, "name", ""));
	printf("@v%lld %.12s  %s, recovered in %s, %s\n",
		(long long)json_int(book, "version", 0), json_str(book, "digest", ""),
		json_str(side, "status", ""), rta, json_str(side, "verdict", ""));
}

static void print_table(const char *title, const char *key, const json_t *rows)
{
	const json_t *row;
	size_t i;

	printf("\n%-32s %9s %9s %9s\n", title, "A", "B", "B - A");
	json_array_foreach(rows, i, row) {
		const json_t *one = json_object_get(row, "a"), *two = json_object_get(row, "b");
		char a[24], b[24], delta[24];
		clock_cell(a, one, "ms");
		clock_cell(b, two, "ms");
		clock_cell(delta, row, "delta_ms");
		if (str_eq(delta, "-0:00"))
			snprintf(delta, sizeof(delta), "0:00");
		printf("%-32.32s %9s %9s %9s", json_str(row, key, ""), a, b, delta);
		if (!json_is_object(one) || !json_is_object(two))
			printf("  only in %s", json_is_object(one) ? "A" : "B");
		else if (!str_eq(json_str(one, "state", ""), json_str(two, "state", "")))
			printf("  %s -> %s", json_str(one, "state", ""),
				json_str(two, "state", ""));
		putchar('\n');
	}
}

void print_file_changes(const json_t *files)
{
	const json_t *row, *line;
	size_t i, k;

	json_array_foreach(files, i, row) {
		printf("%s ", json_str(row, "change", ""));
		print_safe(stdout, json_str(row, "path", ""));
		putchar('\n');
		json_array_foreach(json_object_get(row, "lines"), k, line) {
			fputs("  ", stdout);
			print_safe(stdout, json_string_value(line));
			putchar('\n');
		}
	}
}

static void print_files(const json_t *files)
{
	puts(json_array_size(files) > 0 ? "\nFiles that took part and differ:"
					: "\nThe same files took part, byte for byte.");
	print_file_changes(files);
}

static int compare(const struct args *args, struct err *err)
{
	struct journal *journal;
	const json_t *row;
	json_t *doc;
	int64_t a, b;
	size_t i;

	if (cli_run_number(args, args->words[0], &a, err) != ERR_NONE ||
		cli_run_number(args, args->words[1], &b, err) != ERR_NONE ||
		cli_journal(args, &journal, err) != ERR_NONE)
		return -1;
	const enum err_code code = report_compare(journal, a, b, &doc, err);
	journal_close(journal);
	if (code != ERR_NONE)
		return -1;
	if (option_flag(args, "json"))
		return print_json(doc);
	print_side("A", json_object_get(doc, "a"));
	print_side("B", json_object_get(doc, "b"));
	print_table("STEP", "id", json_object_get(doc, "steps"));
	if (json_array_size(json_object_get(doc, "kinds")) > 0)
		print_table("TIME", "kind", json_object_get(doc, "kinds"));
	json_array_foreach(json_object_get(doc, "params"), i, row) {
		char *one = json_line(json_object_get(row, "a")),
		     *two = json_line(json_object_get(row, "b"));
		printf("%sparameter %s: ", i == 0 ? "\n" : "", json_str(row, "name", ""));
		print_safe(stdout, one);
		fputs(" -> ", stdout);
		print_safe(stdout, two);
		putchar('\n');
		free(one);
		free(two);
	}
	print_files(json_object_get(doc, "files"));
	json_decref(doc);
	return 0;
}

const struct command command_compare = {
	.name = "compare",
	.words = "RUN|last RUN|last",
	.summary = "two runs side by side, and what changed in the runbook between them",
	.examples = "  drillbook compare 2041 2042\n  drillbook compare 2041 last --json\n",
	.options = options,
	.least = 2,
	.most = 2,
	.run = compare,
};
