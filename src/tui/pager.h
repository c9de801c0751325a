/* pager.h: a step's whole output in the operator's pager. */
#ifndef DRILLBOOK_TUI_PAGER_H
#define DRILLBOOK_TUI_PAGER_H

#include "drillbook/wire.h"

/* Fetches the output (at most its last 64 MiB), sanitises it and waits for $PAGER (default
 * less) to end.  The terminal must have been given back.  Pushes that come meanwhile are kept
 * by the client. */
enum err_code pager_show(struct client *client, int64_t run, const char *step, int64_t attempt,
	struct err *err) MUST_CHECK;
/* The same with a text that is there already. */
enum err_code pager_text(const char *text, struct err *err) MUST_CHECK;
/* One chunk: owned bytes, where they begin and how long the file is. */
enum err_code output_fetch(struct client *client, int64_t run, const char *step,
	int64_t attempt, int64_t offset, int64_t max, char **data, size_t *len, int64_t *at,
	int64_t *size, struct err *err) MUST_CHECK;

#endif
