/* git.h: running git without anything that the repository names; private to provider git.
 *
 * A repository can name programs of its own: hooks, fsmonitor, pagers, filters, external diffs,
 * textconv, signature checks, transports.  None is run: what exists as a switch is off on the
 * command line, which wins over the repository; the drivers of filters that the repository
 * configures are looked up and emptied one by one (git_clean.c); no other configuration is read.
 * Reads only, and no lock is taken. */
#ifndef PROVIDER_GIT_H
#define PROVIDER_GIT_H

#include "tool.h"
#include "words.h"

enum { GIT_ID_BYTES = 72, GIT_SHOWN_MAX = 1000, GIT_VARIABLES_MAX = 300 };

/* git with every switch, up to where the command stands. */
void git_begin(struct words *words, struct call *call);
/* Runs what words say and releases them; tool is to be released in any case.  variables: besides
 * ours, NULL-terminated, at most GIT_VARIABLES_MAX; NULL = none.  status: takes a status of 1, which
 * is an answer of some commands; NULL = anything but 0 is ERR_FAILED.  ERR_NOT_FOUND: no such
 * repository, no such program. */
enum err_code git_run(struct call *call, struct words *words, const char *const *variables,
	int *status, struct tool *tool, struct err *err) MUST_CHECK;
/* The id of what a name means, as the kind ("commit", "tag").  ERR_NOT_FOUND. */
enum err_code git_resolve(struct call *call, const char *name, const char *kind,
	char id[GIT_ID_BYTES], struct err *err) MUST_CHECK;

/* The next of several texts that are divided by NUL; "" at the end. */
const char *git_next_text(const char **at, const char *end);
/* What stands behind so many blanks. */
const char *git_behind(const char *record, int blanks);

/* git_clean.c */
enum err_code git_clean(struct call *call, json_t *result, struct err *err);

/* git_signature.c */
enum err_code git_verify_signature(struct call *call, json_t *result, struct err *err);
/* What says who may sign must not come from what is to be checked.  ERR_PRECONDITION,
 * ERR_NOT_FOUND. */
enum err_code git_check_outside(
	struct call *call, const char *setting, const char *path, struct err *err) MUST_CHECK;

#endif
