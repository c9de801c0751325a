/* book.h: the workspace an operator writes, as immutable data: loader, schema, lint, digests, versions from Git, trust.
 *
 * Nothing from a workspace is executed here.  Git runs with hooks, fsmonitor, pager, filters and configuration of the
 * repository off.  Limits (reliability.md T15): depth 32; runbooks 8 MiB, 400,000 nodes, 10,000 steps; other documents
 * 1 MiB, 10,000 nodes; no aliases, no tags; duplicate keys are errors. */
#ifndef DRILLBOOK_BOOK_H
#define DRILLBOOK_BOOK_H

#include "drillbook/base.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct problem {
	enum severity severity;
	char *file;           /* relative to the workspace */
	int line, column;     /* 1-based; 0 = the whole file */
	char *text;           /* what is wrong and what to write instead */
	const char *rule;     /* "unknown-key", "cycle", …: static, documented in docs/writing-runbooks.md */
};
struct problems { struct problem *rows; size_t count, cap; };
void problems_init(struct problems *problems);
void problems_release(struct problems *problems);
size_t problems_errors(const struct problems *problems);
/* "file:line:column: error: text [rule]" */
void problem_print(FILE *to, const struct problem *problem);
json_t *problems_json(const struct problems *problems);

struct workspace;

/* Finds drillbook.yaml in dir or above it, loads every document.  Mistakes become problems and do not fail the call;
 * ERR_WORKSPACE only when there is no workspace at all.  catalog is the provider description (worker --describe),
 * borrowed for the life of the workspace; NULL = no checks against providers. */
enum err_code workspace_open(struct workspace **out, const char *dir, const json_t *catalog, struct problems *problems,
	struct err *err) MUST_CHECK;
void workspace_free(struct workspace *workspace);
/* The checks beyond what loading finds, of all runbooks or of the named one (NULL = all); sorts problems by file, line and
 * column.  Lua syntax is not among them: that is `worker --lint`. */
void workspace_lint(struct workspace *workspace, const char *runbook, struct problems *problems);
const char *workspace_root(const struct workspace *workspace);
const char *workspace_name(const struct workspace *workspace);

/* {"services":[{"name","tier","owner","standby","rto_ms","rpo_ms","depends_on",…}], "targets": {…}, "runbooks":
 * [{"name","path","title","version","digest","service","steps":n,"dangerous":n,"level":max,"valid":bool}],
 * "drills": [{"name", …as drills.yaml has it, every_ms}], "environments": {…}, "workspace": {"name","root","commit","dirty"}}.
 * Owned. */
json_t *workspace_summary(struct workspace *workspace);

/* One runbook as a screen shows it, also with mistakes or without values for its parameters: {"name","path","title",
 * "description","params": [{"name","type","default","min","max","help","choices","required"}],"steps": [{"id","title","kind",
 * "needs","uses","level","expect_ms"}],"problems": as problems_json}.  Owned; NULL when there is none of that name. */
json_t *workspace_outline(struct workspace *workspace, const char *runbook);

/* The Lua of one runbook, or of all of them (NULL), and of the modules it requires, for `worker --lint`: [{"file","line","source"}],
 * as far as it can be read; also of a runbook that has other mistakes.  Owned. */
json_t *workspace_scripts(struct workspace *workspace, const char *runbook);

/* One target with its settings, as in a plan; owned; NULL when there is none of that name. */
json_t *workspace_target(struct workspace *workspace, const char *name);

/* Everything a run needs, self-contained: docs/protocol.md "plan".  name is "failover" or "failover@v6" or
 * "failover@COMMIT" (both from Git).  params: {"name": value} given by the user, checked and completed with defaults.
 * mode: "probe" "simulate" "tabletop" "drill" "live".  ERR_WORKSPACE (problems says where; mistakes in files that take no part do not count),
 * ERR_NOT_FOUND (with a suggestion), ERR_USAGE (parameters, mode), ERR_FORBIDDEN (a target in an environment that the mode may
 * not touch).  From Git the plan's runbook has "commit" too. */
enum err_code workspace_plan(struct workspace *workspace, const char *name, const char *mode, const json_t *params,
	json_t **plan, struct problems *problems, struct err *err) MUST_CHECK;

/* The same for several services: the runbook each names under recover:, tier by tier, what a service depends on before it.
 * with_dependencies: those too that they depend on.  params goes to every runbook that has a parameter of that name.
 * ERR_NOT_FOUND: there is no such service; ERR_USAGE: it has no recover:. */
enum err_code workspace_plan_services(struct workspace *workspace, const char *const *names, size_t count,
	bool with_dependencies, const char *mode, const json_t *params, json_t **plan, struct problems *problems,
	struct err *err) MUST_CHECK;

/* The versions of a runbook in Git, newest first: [{"version","commit","when","author","subject","digest"}].  Owned. */
enum err_code workspace_log(struct workspace *workspace, const char *runbook, json_t **out, struct err *err) MUST_CHECK;

/* Trust: a list of (canonical path, device and inode of the directory) in dir_config()/trusted.  Nothing of an untrusted workspace is executed. */
enum err_code trust_add(const char *dir, struct err *err) MUST_CHECK;
enum err_code trust_remove(const char *dir, struct err *err) MUST_CHECK;
bool trust_holds(const char *dir);

/* One of the operator's own small YAML files (keys.yaml, screen.yaml) as a JSON object; owned.  ERR_NOT_FOUND; ERR_USAGE with
 * file, line and column when it is no map or no YAML. */
enum err_code settings_read(const char *path, json_t **out, struct err *err) MUST_CHECK;
/* A scenario for simulations, likewise: {"scenario": NAME, "answers": [{step, op, target, args, result | error, delay, times}]}. */
enum err_code scenario_read(const char *path, json_t **out, struct err *err) MUST_CHECK;

/* What a policy asks of the files of a plan, conditions being an array of "clean" "signed" "reviewed": {"clean": bool, "signer": who
 * or "unsigned": why, "changes": [{"path","commit","mail"}] or "unreviewed": why}.  signers: a file of allowed signers
 * (ssh-keygen(1)), NULL = none.  Nothing of the repository's configuration is run.  Owned. */
json_t *workspace_review(
	const struct workspace *workspace, const json_t *plan, const json_t *conditions, const char *signers);

/* ------------------------------------------------------------------ the server's own configuration */

/* /etc/drillbook, or $DRILLBOOK_ETC; owned. */
char *config_dir(void);
/* One file of it, kind "server", "client" or "policy" (docs/team.md), as data: lists are always arrays of strings.
 * ERR_NOT_FOUND when there is none; ERR_FORBIDDEN when somebody but root and this process's user could write it;
 * ERR_WORKSPACE with file:line:column.  *out is owned. */
enum err_code config_load(const char *path, const char *kind, json_t **out, struct err *err) MUST_CHECK;

/* A JSON Schema (draft 2020-12) of one kind of file: "drillbook" "services" "targets" "drills" "runbook", and those above.  Owned; NULL for
 * another name.  Generated from the same tables the loader uses. */
json_t *schema_json(const char *kind);
extern const char *const schema_kinds[]; /* NULL-terminated */

#endif
