/* remote.h: the record of a team server. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli.h"

#include "drillbook/report.h"

/* As journal_runs gives them; owned. */
enum err_code remote_runs(const struct args *args, const struct journal_filter *filter,
	json_t **out, struct err *err) MUST_CHECK;
/* As report_render; out is begun here. */
enum err_code remote_report(const struct args *args, int64_t run, enum report_format format,
	struct buf *out, struct err *err) MUST_CHECK;

/* A run as its events make it; owned (run_free). */
enum err_code remote_run(const struct args *args, int64_t number, struct run **out,
	struct err *err) MUST_CHECK;

#endif
