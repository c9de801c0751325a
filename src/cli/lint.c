/* lint.c: every mistake of the workspace with file, line and column. */
#include "cli.h"

static const struct option_row options[] = { { "json", NULL, false, "as JSON" }, OPTION_END };

static int lint(const struct args *args, struct err *err)
{
	const char *only = args->word_count > 0 ? args->words[0] : NULL;
	struct desk desk;

	if (desk_open(&desk, args, err) != ERR_NONE)
		return -1;
	if (desk_check_scripts(&desk, workspace_scripts(desk.workspace, only), err) != ERR_NONE) {
		desk_close(&desk);
		return -1;
	}
	workspace_lint(desk.workspace, only, &desk.problems); /* last: it sorts them */
	const size_t errors = problems_errors(&desk.problems), all = desk.problems.count;
	if (option_flag(args, "json")) {
		print_json(problems_json(&desk.problems));
	} else {
		for (size_t i = 0; i < all; i++)
			problem_print(stdout, &desk.problems.rows[i]);
		if (all == 0)
			puts("no mistakes found");
		else
			printf("%zu mistake%s, %zu warning%s\n", errors, errors == 1 ? "" : "s",
				all - errors, all - errors == 1 ? "" : "s");
	}
	desk_close(&desk);
	return errors > 0 ? err_exit_status(ERR_WORKSPACE) : 0;
}

const struct command command_lint = {
	.name = "lint",
	.words = "[RUNBOOK]",
	.summary = "find mistakes in the workspace",
	.details = "Executes nothing of the workspace and works untrusted. Warnings do not "
		   "change the exit status.",
	.examples = "  drillbook lint\n  drillbook lint failover --json\n",
	.options = options,
	.most = 1,
	.run = lint,
};
