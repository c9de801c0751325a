/* lint.c: every mistake of the workspace with file, line and column. */
#include "cli.h"

static const struct option_row options[] = { { "json", NULL, false, "as JSON" }, OPTION_END };

/* A runbook in the first mode its targets allow; NULL when it has mistakes, which are reported
 * elsewhere, or needs parameters. */
static json_t *plan_somehow(struct desk *desk, const char *name)
{
	static const char *const modes[] = { "drill", "live", "probe" };
	json_t *plan = NULL;

	for (size_t i = 0; i < COUNT_OF(modes) && plan == NULL; i++) {
		struct problems ignored;
		struct err why;
		problems_init(&ignored);
		if (workspace_plan(desk->workspace, name, modes[i], NULL, &plan, &ignored,
			    &why) != ERR_NONE)
			plan = NULL;
		problems_release(&ignored);
	}
	return plan;
}

/* Lua syntax of every runbook that can be planned at all. */
static enum err_code check_all_lua(struct desk *desk, const char *only, struct err *err)
{
	json_t *summary = workspace_summary(desk->workspace);
	const json_t *row;
	size_t i;
	enum err_code code = ERR_NONE;

	json_array_foreach(json_object_get(summary, "runbooks"), i, row) {
		const char *name = json_str(row, "name", "");
		if (only != NULL && !str_eq(only, name))
			continue;
		json_t *plan = plan_somehow(desk, name);
		if (plan != NULL)
			code = desk_check_lua(desk, plan, err);
		json_decref(plan);
		if (code != ERR_NONE)
			break;
	}
	json_decref(summary);
	return code;
}

static int lint(const struct args *args, struct err *err)
{
	const char *only = args->word_count > 0 ? args->words[0] : NULL;
	struct desk desk;

	if (desk_open(&desk, args, err) != ERR_NONE)
		return -1;
	workspace_lint(desk.workspace, only, &desk.problems);
	if (check_all_lua(&desk, only, err) != ERR_NONE) {
		desk_close(&desk);
		return -1;
	}
	const size_t errors = problems_errors(&desk.problems), all = desk.problems.count;
	if (option_flag(args, "json")) {
		print_json(problems_json(&desk.problems));
	} else {
		for (size_t i = 0; i < all; i++)
			problem_print(stdout, &desk.problems.rows[i]);
		if (all == 0)
			puts("no mistakes found");
		else
			printf("%zu mistakes, %zu warnings\n", errors, all - errors);
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
