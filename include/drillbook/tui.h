/* tui.h: the full-screen terminal and the plain one.  Both draw state folded from the server's events and send requests;
 * no SQL, no provider, no Lua. */
#ifndef DRILLBOOK_TUI_H
#define DRILLBOOK_TUI_H

#include "drillbook/base.h"
#include "drillbook/wire.h"

struct tui_options {
	struct client *client;      /* connected; borrowed */
	int64_t run;                /* the run to open; 0 = Home */
	json_t *home;               /* workspace_summary, for Home; borrowed; may be NULL */
	/* Starts a runbook: {"runbook", "mode", "params": {}, "note", "from", "impact"}; gives the new run's number.  Must not print. */
	enum err_code (*start)(void *arg, const json_t *what, int64_t *run, struct err *err);
	void *start_arg;
	/* Asks on the terminal, which has been given back, for the secrets an open run waits for.  NULL = cannot. */
	enum err_code (*secrets)(void *arg, int64_t run, struct err *err);
	const char *suggest;        /* runbook under the cursor when Home opens; may be NULL */
	const char *suggest_mode;   /* mode Enter starts it in: "drill" unless said otherwise */
	/* What the server does not know: reports and comparisons from the journal, runbooks from the workspace.  `what` and
	 * `about` are as docs/protocol.md, "Asked of the client itself", lists them; *out ({"document": …} or {"text": …}) is owned.
	 * Called between frames; must not print.  NULL = nothing of it can be shown. */
	enum err_code (*look)(void *arg, const char *what, const json_t *about, json_t **out, struct err *err);
	void *look_arg;
	const json_t *keys;         /* keys.yaml; borrowed; NULL = the table's own */
	const json_t *settings;     /* screen.yaml and what stands above it; borrowed; NULL = the defaults */
	const char *record;         /* asciicast v2 of what is shown; a new file; NULL = none */
	const char *notice;         /* said when the screen opens, a mistake in a settings file say; may be NULL */
	bool color;
	bool watch_only;
};
/* Plays a recording on this terminal, or as lines when there is none (or plain). */
struct play_options {
	const char *path;
	bool plain, color;
	int64_t speed_percent; /* 100 = as it was */
	int64_t idle_ms;       /* longer pauses are cut to this; 0 = as they were */
};
enum err_code tui_play(const struct play_options *options, struct err *err) MUST_CHECK;
/* The table of actions: [{"name","keys": ["p"],"where": ["run"],"help","fixed","palette"}].  Owned. */
json_t *tui_actions(void);
/* Full screen; returns when the operator leaves.  *exit_status as in ux.md for the run last looked at. */
enum err_code tui_run(const struct tui_options *options, int *exit_status, struct err *err) MUST_CHECK;

struct plain_options {
	struct client *client;
	int64_t run;
	FILE *in, *out;             /* in NULL or no terminal: nothing is ever answered */
	bool interactive;           /* in is a terminal: numbered choices */
	const char *const *approve; /* step ids whose level 2 effects are approved beforehand; NULL-terminated, may be NULL */
	const char *const *confirm; /* "step=word" for level 3 effects; NULL-terminated, may be NULL */
	bool yes_drill;             /* unattended drill: level 1 runs by itself (ux.md "unattended") */
	int64_t still_every_ms;     /* "still running" interval; 0 = 30 s */
	bool quiet;                 /* only results */
	/* as in tui_options; may be NULL */
	enum err_code (*start)(void *arg, const json_t *what, int64_t *run, struct err *err);
	void *start_arg;
	enum err_code (*secrets)(void *arg, int64_t run, struct err *err);
	enum err_code (*look)(void *arg, const char *what, const json_t *about, json_t **out, struct err *err);
	void *look_arg;
	const char *record;
};
/* Append-only lines until the run ends, the operator leaves (Ctrl-C twice) or an answer is missing (exit status 5). */
enum err_code plain_run(const struct plain_options *options, int *exit_status, struct err *err) MUST_CHECK;
/* The same without a run: commands that list, show, start and attach, until the operator leaves. */
enum err_code plain_home(const struct plain_options *options, int *exit_status, struct err *err) MUST_CHECK;

#endif
