/* plan.c: what a runbook would do, without doing any of it; and the same as a paper for when
 * nothing works. */
#include "plan_text.h"

#include <stdlib.h>
#include <string.h>

static const struct option_row plan_options[] = { { "mode", "MODE", false,
							  "probe, simulate, tabletop, drill (default) or live" },
	{ "param", "NAME=VALUE", true, "a parameter of the runbook" },
	{ "services", "NAME,NAME", false,
		"instead of a runbook: recover these, tier by tier, as services.yaml says" },
	{ "with-dependencies", NULL, false, "with --services: also what they depend on" },
	{ "json", NULL, false, "the plan as the server gets it" }, OPTION_END };

static void print_head(const json_t *plan)
{
	const json_t *book = json_object_get(plan, "runbook"),
		     *space = json_object_get(plan, "workspace"), *row;
	size_t i, first = 0;
	char text[32];
	char mode[16];

	snprintf(mode, sizeof(mode), "%s", json_str(plan, "mode", ""));
	for (char *at = mode; *at != '\0'; at++)
		*at = (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at);
	printf("[%s] %s v%lld ", mode, json_str(book, "name", ""),
		(long long)json_int(book, "version", 0));
	print_safe(stdout, json_str(book, "title", ""));
	printf("\n  bytes %.12s  %s%.12s%s\n", json_str(book, "digest", ""),
		json_str(space, "commit", "")[0] ? "commit " : "not in Git",
		json_str(space, "commit", ""),
		json_str(space, "commit", "")[0] && json_flag(space, "dirty", false)
			? " (with uncommitted changes)" : "");
	json_array_foreach(json_object_get(plan, "services"), i, row) {
		printf("  service %s  RTO %s", json_str(row, "name", ""),
			json_int(row, "rto_ms", -1) < 0 ? "none"
							: format_duration(text, sizeof(text),
								  json_int(row, "rto_ms", 0)));
		printf("  RPO %s\n", json_int(row, "rpo_ms", -1) < 0
					     ? "none"
					     : format_duration(text, sizeof(text),
						       json_int(row, "rpo_ms", 0)));
	}
	if (json_int(plan, "parallel", 0) > 0)
		printf("  at most %lld steps at once\n", (long long)json_int(plan, "parallel", 0));
	const json_t *final = plan_point_of_no_return(plan, &first);
	if (final != NULL)
		printf("  point of no return: before step %zu, %s\n", first, json_str(final, "id", ""));
}

static int plan_json(const struct args *args, json_t *plan)
{
	(void)args;
	return print_json(plan);
}

static int with_plan(const struct args *args, const char *mode,
	int (*use)(const struct args *args, json_t *plan), struct err *err)
{
	struct desk desk;
	json_t *plan;
	int status = -1;

	if (desk_open(&desk, args, err) != ERR_NONE)
		return -1;
	if (cli_plan(&desk, args, args->word_count > 0 ? args->words[0] : NULL,
			mode ? mode : "drill", &plan, err) ==
		ERR_NONE)
		status = use(args, plan);
	desk_close(&desk);
	return status;
}

static int print_plan(const struct args *args, json_t *plan)
{
	print_head(plan);
	print_outlook(args, plan);
	putchar('\n');
	plan_walk(plan, print_plan_step);
	puts("\nNothing was run. drillbook run --mode probe does the reads only.");
	json_decref(plan);
	return 0;
}

static int plan_run(const struct args *args, struct err *err)
{
	return with_plan(args, option_value(args, "mode"),
		option_flag(args, "json") ? plan_json : print_plan, err);
}

const struct command command_plan = {
	.name = "plan",
	.words = "[RUNBOOK[@VERSION]]",
	.summary = "what a runbook would do, without doing it",
	.details = "Computed from each step's uses:, which the boundary to the world enforces; "
		   "no Lua is run.",
	.examples = "  drillbook plan failover\n  drillbook plan failover@v6 --mode live\n"
		    "  drillbook plan --services orders,web\n",
	.options = plan_options,
	.least = 0,
	.most = 1,
	.run = plan_run,
};

/* ------------------------------------------------------------------ show */

static const struct option_row show_options[] = { { "log", NULL, false,
							  "the versions in Git, newest first" },
	{ "offline", NULL, false, "the whole procedure as text, to be followed by hand" },
	{ "json", NULL, false, "as JSON" },
	{ "param", "NAME=VALUE", true, "a parameter of the runbook" }, OPTION_END };

static void print_script(const json_t *step, const char *member, const char *label)
{
	const char *source = json_str(json_object_get(step, member), "source", NULL);

	if (source == NULL)
		return;
	printf("   %s:\n", label);
	while (*source != '\0') {
		const size_t len = strcspn(source, "\n");
		char *line = xasprintf("%.*s", (int)len, source);
		fputs("      ", stdout);
		print_safe(stdout, line);
		putchar('\n');
		free(line);
		source += len + (source[len] == '\n');
	}
}

static void print_offline_step(const struct plan_line *line)
{
	const json_t *row = line->step, *item;
	const int in = 2 * (int)line->depth;
	size_t k;

	if (line->number > 0)
		printf("%*s[ ] %zu. %s: ", in, "", line->number, json_str(row, "id", ""));
	else
		printf("%*s%s: ", in, "", json_str(row, "id", ""));
	print_safe(stdout, json_str(row, "title", ""));
	putchar('\n');
	print_line_details(line, "   ", "does ");
	if (json_str(row, "text", "")[0] != '\0') {
		printf("%*s   ", in, "");
		print_safe(stdout, json_str(row, "text", ""));
		putchar('\n');
	}
	json_array_foreach(json_object_get(row, "checklist"), k, item) {
		printf("%*s   [ ] ", in, "");
		print_safe(stdout, json_string_value(item));
		putchar('\n');
	}
	print_script(row, "check", "first");
	print_script(row, "script", "do");
	print_script(row, "verify", "verify");
	print_script(row, "undo", "to undo");
	putchar('\n');
}

static int print_offline(const struct args *args, json_t *plan)
{
	(void)args;
	print_head(plan);
	putchar('\n');
	plan_walk(plan, print_offline_step);
	json_decref(plan);
	return 0;
}

static int print_log(const struct args *args, struct err *err)
{
	struct desk desk;
	json_t *log = NULL;
	const json_t *row;
	size_t i;

	if (desk_open(&desk, args, err) != ERR_NONE)
		return -1;
	const enum err_code code = workspace_log(desk.workspace, args->words[0], &log, err);
	desk_close(&desk);
	if (code != ERR_NONE)
		return -1;
	if (option_flag(args, "json"))
		return print_json(log);
	json_array_foreach(log, i, row) {
		printf("v%-4lld %.12s  %s  ", (long long)json_int(row, "version", 0),
			json_str(row, "commit", ""), json_str(row, "when", ""));
		print_safe(stdout, json_str(row, "author", ""));
		fputs("  ", stdout);
		print_safe(stdout, json_str(row, "subject", ""));
		putchar('\n');
	}
	json_decref(log);
	return 0;
}

static int show_run(const struct args *args, struct err *err)
{
	if (option_flag(args, "log"))
		return print_log(args, err);
	return with_plan(args, NULL,
		option_flag(args, "offline") ? print_offline
		: option_flag(args, "json")  ? plan_json
					     : print_plan,
		err);
}

const struct command command_show = {
	.name = "show",
	.words = "RUNBOOK[@VERSION]",
	.summary = "a runbook: its steps, its versions, or the whole as a paper",
	.examples = "  drillbook show failover\n  drillbook show failover --log\n"
		    "  drillbook show failover --offline > failover.txt\n",
	.options = show_options,
	.least = 1,
	.most = 1,
	.run = show_run,
};
