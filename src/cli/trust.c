/* trust.c: say that the contents of a workspace may be executed on this machine. */
#include "cli.h"

#include <stdlib.h>

static const struct option_row options[] = { { "remove", NULL, false, "trust it no more" },
	OPTION_END };

static int trust(const struct args *args, struct err *err)
{
	struct desk desk;
	struct args here = *args;

	if (args->word_count > 0)
		here.workspace_dir = args->words[0];
	if (desk_open(&desk, &here, err) != ERR_NONE)
		return -1;
	char *root = xstrdup(workspace_root(desk.workspace));
	desk_close(&desk);
	const bool remove = option_flag(args, "remove");
	const enum err_code code = remove ? trust_remove(root, err) : trust_add(root, err);
	if (code == ERR_NONE)
		printf("%s is %s\n", root,
			remove ? "not trusted any more"
			       : "trusted: its Lua, actions and secret commands may run");
	free(root);
	return code == ERR_NONE ? 0 : -1;
}

const struct command command_trust = {
	.name = "trust",
	.words = "[DIR]",
	.summary = "allow the contents of a workspace to be executed here",
	.details = "lint, list, show and plan need no trust; run does. What is trusted is "
		   "written in the configuration\n"
		   "directory, never in the workspace.",
	.examples = "  drillbook trust .\n  drillbook trust --remove ~/shop\n",
	.options = options,
	.most = 1,
	.run = trust,
};
