/* report.h: a run as a document, from the journal only.  The same run renders to the same bytes, always. */
#ifndef DRILLBOOK_REPORT_H
#define DRILLBOOK_REPORT_H

#include "drillbook/base.h"
#include "drillbook/journal.h"

enum report_format { REPORT_MARKDOWN, REPORT_JSON, REPORT_JUNIT };

/* ERR_NOT_FOUND when there is no such run.  Text from outside is neutralised for the format. */
enum err_code report_render(struct journal *journal, int64_t run, enum report_format format, struct buf *out, struct err *err) MUST_CHECK;
/* The same from a run's events as they are sent to a terminal (an array of the wire form, in order, from the first), and
 * {"head", "last", "seal": {"at_ns", "events", "head"} or null}. */
enum err_code report_render_events(const json_t *events, const json_t *evidence, enum report_format format, struct buf *out,
	struct err *err) MUST_CHECK;
/* The table of report_history of rows as journal_runs gives them. */
enum err_code report_table(const json_t *runs, struct buf *out, struct err *err) MUST_CHECK;
/* A page of past runs as a text table (80 columns), newest first. */
enum err_code report_history(struct journal *journal, const struct journal_filter *filter, struct buf *out, struct err *err) MUST_CHECK;
/* Two runs side by side, steps, time, parameters, and what changed in the files between them: docs/report-format.md,
 * "Comparing".  Owned.  ERR_NOT_FOUND. */
enum err_code report_compare(struct journal *journal, int64_t a, int64_t b, json_t **out, struct err *err) MUST_CHECK;
/* What is different in the files of a plan from those of an open run, as "files" of report_compare; owned. */
enum err_code report_plan_changes(struct journal *journal, const struct run *run, const json_t *plan, json_t **out,
	struct err *err) MUST_CHECK;

#endif
