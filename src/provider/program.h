/* program.h: declared actions that are programs, on this machine (command) or on another (ssh).
 *
 * What both have in common is here: the words made from an action's templates, its input,
 * secret, environment and time limit, its output line by line and as a result, what a status
 * means, and the action that settles whether it happened.  A provider adds what an action may
 * have and, when something else carries the program, how. */
#ifndef PROVIDER_PROGRAM_H
#define PROVIDER_PROGRAM_H

#include "declared.h"

enum { PROGRAM_ARGV_MAX = 256 };

/* A program about to be run, and what it left behind. */
struct program {
	struct call *call;
	const struct program_style *style;
	const struct declared *action;
	struct child child;
	char *argv[PROGRAM_ARGV_MAX + 1]; /* as declared, filled in; owned */
	char **env;		 /* owned; of a remote program only what the action sets */
	char *cwd;		 /* owned; NULL = the workspace, or where a login begins */
	struct buf input;
	struct buf lines[2];	 /* unfinished lines of descriptor 1 and 2 */
	int secret_fd;
	bool started;
	int64_t took_ms;
	void *carrier; /* the style's own */
};

struct program_style {
	const char *const *members; /* what an action may have */
	/* Somewhere else: cwd, program and environment are not looked for on this machine. */
	bool remote;
	/* All words are there: what is really run goes into child.argv.  NULL = the words. */
	enum err_code (*carry)(struct program *p, struct err *err);
	/* It has ended by itself: was it the program that did?  Says whether it was started, and
	 * gives the carrier's own failure.  NULL = it was the program. */
	enum err_code (*carried)(struct program *p, struct err *err);
	void (*release)(struct program *p); /* p->carrier; NULL = nothing to do */
};

/* The three functions of action.run and the one of action.read. */
enum err_code program_prepare(const struct program_style *style, struct call *call,
	json_t *before, struct err *err) MUST_CHECK;
enum err_code program_action_run(const struct program_style *style, struct call *call,
	json_t *result, struct err *err) MUST_CHECK;
enum err_code program_action_read(const struct program_style *style, struct call *call,
	json_t *result, struct err *err) MUST_CHECK;
enum err_code program_verify(const struct program_style *style, struct call *call,
	json_t *evidence, enum verdict *verdict, struct err *err) MUST_CHECK;

/* A program named with a slash is looked for in the workspace.  Owned. */
char *program_in_workspace(const struct call *call, const char *path);
/* One row of a doctor's report. */
void program_check(json_t *checks, const char *name, bool ok, const char *detail);

/* The result members of both operations. */
extern const struct field program_results[];

#endif
