/* list.c: the services and runbooks of the workspace. */
#include "cli.h"

static const struct option_row options[] = { { "json", NULL, false, "as JSON" }, OPTION_END };

static void print_objective(const json_t *service, const char *key)
{
	const int64_t ms = json_int(service, key, -1);
	char text[32];

	printf(" %-8s", ms < 0 ? "--" : format_duration(text, sizeof(text), ms));
}

static void print_services(const json_t *services)
{
	const json_t *row;
	size_t i;

	printf("%-20s %-4s %-8s %-8s %-12s %s\n", "SERVICE", "TIER", "RTO", "RPO", "STANDBY",
		"OWNER");
	json_array_foreach(services, i, row) {
		printf("%-20s T%-3lld", json_str(row, "name", ""),
			(long long)json_int(row, "tier", 0));
		print_objective(row, "rto_ms");
		print_objective(row, "rpo_ms");
		printf(" %-12s ", json_str(row, "standby", "--"));
		print_safe(stdout, json_str(row, "owner", ""));
		putchar('\n');
	}
}

static void print_runbooks(const json_t *runbooks)
{
	const json_t *row;
	size_t i;

	printf("\n%-20s %-5s %-6s %-10s %s\n", "RUNBOOK", "VER", "STEPS", "DANGEROUS", "TITLE");
	json_array_foreach(runbooks, i, row) {
		printf("%-20s v%-4lld %-6lld %-10lld ", json_str(row, "name", ""),
			(long long)json_int(row, "version", 0),
			(long long)json_int(row, "steps", 0),
			(long long)json_int(row, "dangerous", 0));
		print_safe(stdout, json_str(row, "title", ""));
		puts(json_flag(row, "valid", true) ? "" : "   (has mistakes: drillbook lint)");
	}
}

static int list(const struct args *args, struct err *err)
{
	struct desk desk;

	if (desk_open(&desk, args, err) != ERR_NONE)
		return -1;
	json_t *summary = workspace_summary(desk.workspace);
	if (option_flag(args, "json")) {
		print_json(summary);
	} else {
		print_services(json_object_get(summary, "services"));
		print_runbooks(json_object_get(summary, "runbooks"));
		json_decref(summary);
	}
	const size_t errors = problems_errors(&desk.problems);
	if (errors > 0)
		fprintf(stderr, "%zu mistakes in the workspace: drillbook lint\n", errors);
	desk_close(&desk);
	return errors > 0 ? err_exit_status(ERR_WORKSPACE) : 0;
}

const struct command command_list = {
	.name = "list",
	.words = "",
	.summary = "services and runbooks of the workspace",
	.examples = "  drillbook list\n  drillbook list --json\n",
	.options = options,
	.run = list,
};
