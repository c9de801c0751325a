/* cli.h: what the commands share: their table, their options, the workspace and the journal
 * they open. */
#ifndef CLI_H
#define CLI_H

#include "drillbook/base.h"
#include "drillbook/book.h"
#include "drillbook/journal.h"
#include "drillbook/wire.h"

/* One row per option: "--name" alone is a flag, with an argument name it takes a value. */
struct option_row {
	const char *name, *argument;
	bool repeat;
	const char *help;
};
#define OPTION_END                                                                             \
	{                                                                                      \
		.name = NULL                                                                   \
	}

struct args {
	json_t *options;       /* name -> true, "value" or ["value", …] */
	const char *words[32]; /* what is no option; borrowed from argv */
	size_t word_count;
	const char *data_dir;	   /* owned by main */
	const char *server;	   /* socket of a team server; NULL = the personal one; owned by main */
	const char *workspace_dir; /* --workspace, $DRILLBOOK_WORKSPACE or "." */
	bool color;
	bool quiet; /* problems go into err, not to stderr: a screen is open */
};

struct command {
	const char *name, *words; /* "run", "RUNBOOK[@VERSION]" */
	const char *summary;
	const char *details;  /* may be NULL */
	const char *examples; /* one per line */
	const struct option_row *options;
	size_t least, most;				      /* words */
	int (*run)(const struct args *args, struct err *err); /* exit status; -1: err says it */
};
extern const struct command command_act, command_debris, command_adopt, command_answer, command_attach, command_halt, command_compare, command_doctor, command_history,
	command_journal, command_keys, command_lint, command_list, command_plan,
	command_play, command_providers, command_report,
	command_run, command_schema, command_secret, command_server, command_show, command_trust, command_tui,
	command_verify, command_whoami;
extern const struct command *const commands[];
extern const size_t command_count;

/* The server the options name; flags as client_open.  A team server is never started. */
enum err_code cli_connect(
	struct client **out, const struct args *args, int flags, struct err *err) MUST_CHECK;

bool option_flag(const struct args *args, const char *name);
const char *option_value(const struct args *args, const char *name); /* NULL when not given */
/* NULL-terminated; owned array, borrowed strings. */
const char **option_values(const struct args *args, const char *name);

/* The provider description of this build; owned.  ERR_NOT_FOUND when the installation is
 * incomplete. */
enum err_code cli_catalog(json_t **out, struct err *err) MUST_CHECK;

struct desk { /* an open workspace and what was found wrong with it */
	json_t *catalog;
	struct workspace *workspace;
	struct problems problems;
	bool team; /* what runs is decided by a team server */
};
enum err_code desk_open(struct desk *desk, const struct args *args, struct err *err) MUST_CHECK;
void desk_close(struct desk *desk);
/* Prints the problems to stderr, at most `most`; returns how many are errors. */
size_t desk_print(const struct desk *desk, size_t most);
enum err_code desk_trusted(const struct desk *desk, struct err *err) MUST_CHECK;
/* Lua syntax, by the worker; adds to problems.  scripts: as workspace_scripts gives them; taken over. */
enum err_code desk_check_scripts(struct desk *desk, json_t *scripts, struct err *err) MUST_CHECK;
enum err_code desk_check_lua(struct desk *desk, const json_t *plan, struct err *err) MUST_CHECK;

/* Plan of a runbook, or without one (NULL) of --services, with --param as given; problems are printed on error. */
enum err_code cli_plan(struct desk *desk, const struct args *args, const char *runbook,
	const char *mode, json_t **plan, struct err *err) MUST_CHECK;
/* What the server needs to make the plan itself, and the overrides, as members of a start request. */
enum err_code cli_start_members(const struct args *args, json_t *request, struct err *err) MUST_CHECK;
/* The whole start request: plan, --impact ("12m" = so long ago), --note and the above.  *out is owned, also on error. */
enum err_code cli_start_request(
	const struct args *args, json_t *plan, json_t **out, struct err *err) MUST_CHECK;
/* Follows a run (0 = none: Home) on the screen or in plain lines, as the terminal and the options say. */
int cli_follow(const struct args *args, struct client *client, int64_t run, struct err *err);
bool cli_plain(const struct args *args);
/* ERR_UNSUPPORTED when the options name a team server, whose files are not ours to read. */
enum err_code cli_own_files(const struct args *args, struct err *err) MUST_CHECK;
/* ERR_NOT_FOUND when nothing was ever recorded there. */
enum err_code cli_journal(
	const struct args *args, struct journal **out, struct err *err) MUST_CHECK;
/* "2042" or "last". */
enum err_code cli_run_number(
	const struct args *args, const char *word, int64_t *out, struct err *err) MUST_CHECK;
/* Tables on stdout: columns as wide as their widest cell; the text is sanitised. */
void print_safe(FILE *to, const char *text);
/* compare.c: [{"path", "change", "lines": []}], as report_compare has them. */
void print_file_changes(const json_t *files);
/* What a forecast says of a plan that would begin now (docs/protocol.md, `forecast`); NULL when it is none.  Owned. */
json_t *cli_outlook(const struct args *args, json_t *plan);
int print_json(json_t *owned); /* pretty, to stdout; returns 0 */
const char *level_word(int64_t level);

#endif
