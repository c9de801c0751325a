/* tool.h: programs that belong to a system (restic, terraform, ansible-playbook …), run for one call.
 *
 * What every such provider needs is here once: arguments without a shell, an environment of which the
 * caller says what is set and what is kept out, a secret on a descriptor instead of in argv or the
 * environment, output line by line, the call's deadline and stop, and the last words of a program that
 * failed.  The exit status is the caller's to read (it often lies: look at the world afterwards). */
#ifndef PROVIDER_TOOL_H
#define PROVIDER_TOOL_H

#include "drillbook/provider.h"

enum { TOOL_LINE_MAX = 64 << 10, TOOL_SAID_BYTES = 400 };

/* Life cycle: fill (zero is a good start), tool_run, read the results, tool_release. */
struct tool {
	struct call *call;
	const char *const *argv; /* NULL-terminated; [0] is a path or looked up in PATH */
	/* NULL-terminated.  "NAME=value" is set, "NAME" is removed, "NAME*" removes every variable
	 * that begins so; NULL = the worker's own environment.  Never a secret. */
	const char *const *env;
	const char *cwd;         /* NULL = / */
	/* Handed over on an inherited descriptor: "{secret}" in argv and env becomes the path it can be
	 * read from, "{secret_fd}" the descriptor's number.  NULL = none. */
	const char *secret;
	size_t secret_len;
	const void *input; /* standard input; NULL = none */
	size_t input_bytes;
	int64_t timeout_ms;      /* 0, or more than the call has left = what it has left */
	int64_t grace_ms;	 /* between TERM and KILL; 0 = 2000 */
	size_t max_output_bytes; /* 0 = 1 MiB */
	bool keep;               /* it starts something that outlives the step */
	bool quiet;              /* stderr is not logged (it is still in errout) */
	/* Every whole line as it comes (fd 1 or 2), without its newline, cut at TOOL_LINE_MAX; may be
	 * NULL.  With it nothing is logged but what it logs. */
	void (*on_line)(void *arg, int fd, const char *line);
	void *arg;

	/* results; they hold also on error */
	int exit_status; /* -1 when ended by a signal or never started */
	bool started, truncated;
	struct buf out, errout; /* never .data == NULL after tool_run */
};

/* ERR_NONE when it ran to its end, whatever its status; ERR_NOT_FOUND (no such program; the text says
 * what to install or set), ERR_TIMEOUT and ERR_CANCELLED leave err->world unknown. */
enum err_code tool_run(struct tool *tool, struct err *err) MUST_CHECK;
/* tool_run, and ERR_FAILED "restic ended with status 1: its last line" for a status that is not 0. */
enum err_code tool_must(struct tool *tool, struct err *err) MUST_CHECK;
/* ERR_FAILED in the program's own words, for a caller that read the status itself. */
enum err_code tool_failed(const struct tool *tool, struct err *err);
/* The last line that is not empty, of errout when there is one, else of out; returns buf. */
char *tool_said(const struct tool *tool, char *buf, size_t size);
void tool_release(struct tool *tool);

#endif
