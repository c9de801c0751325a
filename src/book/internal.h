/* internal.h: what the files of the book room share with each other and with nobody else. */
#ifndef BOOK_INTERNAL_H
#define BOOK_INTERNAL_H

#include "yaml.h"

/* ------------------------------------------------------------------ problems and rules */

/* Every rule once: identifier, the name that is shown, severity, what it says (for the guide). */
#define RULE_LIST(X)                                                                               \
	X(YAML, "yaml", ERROR, "the file is not YAML: a quote, bracket or indentation is wrong")   \
	X(YAML_FEATURE, "yaml-feature", ERROR,                                                     \
		"anchors, aliases, tags, merge keys and second documents are not read")            \
	X(LIMIT, "limit", ERROR, "the file is larger or deeper than allowed")                      \
	X(UNREADABLE, "unreadable", ERROR, "a file cannot be read, or lies outside the workspace") \
	X(DUPLICATE_KEY, "duplicate-key", ERROR, "the same key twice in one map")                  \
	X(UNKNOWN_KEY, "unknown-key", ERROR, "a key that does not exist there")                    \
	X(MISSING_KEY, "missing-key", ERROR, "a key that has to be there")                         \
	X(WRONG_VALUE, "wrong-value", ERROR, "a value of the wrong type, form or range")           \
	X(STEP_KIND, "step-kind", ERROR,                                                           \
		"a step needs exactly one of run, manual, decide, wait, approve, steps and runbook, and only its own keys") \
	X(UNKNOWN_VARIABLE, "unknown-variable", ERROR, "a ${NAME} that env.yaml does not have")    \
	X(IGNORED_FILE, "ignored-file", WARNING, "a file that looks like a runbook but is not read") \
	X(DUPLICATE_STEP, "duplicate-step", ERROR, "two steps with the same id")                   \
	X(UNKNOWN_STEP, "unknown-step", ERROR,                                                     \
		"needs: or skip: names a step that does not exist, or not from there")             \
	X(CYCLE, "cycle", ERROR, "steps, runbooks or services that need each other")               \
	X(CONDITION, "condition", ERROR,                                                           \
		"a condition with an unknown word, a value that does not fit or a wrong regular expression") \
	X(UNKNOWN_REFERENCE, "unknown-reference", ERROR, "a parameter or an output that does not exist") \
	X(UNCERTAIN_OUTPUT, "uncertain-output", ERROR,                                             \
		"the output of a step that is not certain to come before")                         \
	X(FOR_EACH, "for-each", ERROR, "for_each over what is no list")                            \
	X(PROBE_EFFECT, "probe-effect", ERROR, "an invariant or a wait that may change something") \
	X(APPROVERS, "approvers", ERROR, "more approvals than people who may give them")           \
	X(UNREACHABLE, "unreachable", WARNING, "a step that no choice leads to")                   \
	X(UNKNOWN_SERVICE, "unknown-service", ERROR, "a service that services.yaml does not have") \
	X(UNKNOWN_TARGET, "unknown-target", ERROR, "a target that targets.yaml does not have")     \
	X(UNKNOWN_RUNBOOK, "unknown-runbook", ERROR,                                               \
		"a step, a service or drills.yaml names a runbook that does not exist")            \
	X(UNKNOWN_ENVIRONMENT, "unknown-environment", ERROR,                                       \
		"an environment that drillbook.yaml does not have")                                \
	X(FORBIDDEN_ENVIRONMENT, "forbidden-environment", WARNING,                                 \
		"a step uses a target whose environment no mode may touch")                        \
	X(UNKNOWN_PROVIDER, "unknown-provider", ERROR, "a provider that this build does not have") \
	X(UNKNOWN_OPERATION, "unknown-operation", ERROR,                                           \
		"an operation that no provider has, or not the one of this target")                \
	X(UNKNOWN_SETTING, "unknown-setting", ERROR, "a setting its provider does not have")       \
	X(MISSING_SETTING, "missing-setting", ERROR, "a setting or secret its provider needs")     \
	X(WRONG_SETTING, "wrong-setting", ERROR, "a setting of the wrong type or range")           \
	X(PLAIN_SECRET, "plain-secret", ERROR, "a secret written as a setting or a default")       \
	X(UNUSED_SECRET, "unused-secret", WARNING, "a secret parameter that no target takes")       \
	X(SECRET_IN_LUA, "secret-in-lua", ERROR, "Lua that reads a parameter of type secret")       \
	X(UNKNOWN_ACTION, "unknown-action", ERROR, "verify: or undo: names no action of the target") \
	X(UNDECLARED_EFFECT, "undeclared-effect", WARNING,                                         \
		"an action or query without effect: counts as irreversible")                       \
	X(USES_MISSING, "uses-missing", ERROR, "the Lua calls what uses: does not list")           \
	X(USES_COMPUTED, "uses-computed", WARNING,                                                 \
		"the Lua uses an operation that uses: does not list, its target is computed")      \
	X(UNKNOWN_PARAMETER, "unknown-parameter", ERROR,                                           \
		"a call with a parameter the operation or action does not have")                   \
	X(MISSING_PARAMETER, "missing-parameter", ERROR,                                           \
		"a call or a nested runbook without a parameter it needs")                         \
	X(WRONG_PARAMETER, "wrong-parameter", ERROR, "a call with a parameter of the wrong type")  \
	X(UNKNOWN_MODULE, "unknown-module", ERROR, "require of a module that does not exist")      \
	X(MISSING_FILE, "missing-file", ERROR, "run: {file: …} names a file that does not exist")  \
	X(EMPTY_SCRIPT, "empty-script", ERROR, "a script without a statement")                     \
	X(FOLDED_SCRIPT, "folded-script", WARNING, "a script after > or over several lines without |") \
	X(CUT_SCRIPT, "cut-script", WARNING, "a script that YAML cuts at a #")                     \
	X(NO_VERIFY, "no-verify", WARNING, "an irreversible step without verify:")                 \
	X(NO_OBJECTIVE, "no-objective", WARNING, "a service without rto or rpo")                   \
	X(NEVER_VERIFIED, "never-verified", WARNING,                                               \
		"a runbook that never marks its service verified: its RTO can never be met")       \
	X(VERSION_NOT_RAISED, "version-not-raised", WARNING,                                       \
		"the runbook differs from the commit that holds the same version:")

enum rule {
#define X(id, name, severity, text) RULE_##id,
	RULE_LIST(X)
#undef X
	RULE_COUNT
};

struct rule_row {
	const char *name;
	enum severity severity;
	const char *text;
};
extern const struct rule_row lint_rules[RULE_COUNT];

enum { PROBLEMS_MAX = 1000 }; /* more than anybody reads; a last row says that there were more */

/* Where a problem is. */
struct place {
	const char *file;
	unsigned line, column;
};

/* problems may be NULL. */
void problems_add(struct problems *problems, enum rule rule, struct place place, const char *fmt, ...)
	PRINTF(4, 5);
/* Copies the rows that are not in `to` yet. */
void problems_merge(struct problems *to, const struct problems *from);
/* By file, line and column. */
void problems_sort(struct problems *problems);
/* " (did you mean "x"?)", or "" when nothing is near.  buf is filled and returned. */
char *did_you_mean(char *buf, size_t size, const char *name, const char *const *names, size_t count);

/* ------------------------------------------------------------------ lists of names */

struct names {
	const char **rows; /* borrowed strings */
	size_t count, cap;
};
void names_add(struct names *names, const char *name);
bool names_have(const struct names *names, const char *name);
void names_release(struct names *names);

/* The scalars of a list, or one scalar that stands for a list of one; whatever else there is, is skipped. */
const struct node *texts_first(const struct node *list);
const struct node *texts_next(const struct node *list, const struct node *item);

#endif
