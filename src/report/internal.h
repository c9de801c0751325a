/* internal.h: what the files of the report room share.
 *
 * facts.c     a run's events, folded, and what the fold does not keep: who answered, who
 *             confirmed, what went otherwise
 * document.c  facts -> one JSON document (docs/report-format.md); the JSON report is this
 * markdown.c  the document -> Markdown (with md.h and ledger.c); it sees nothing else, so
 *             both forms say the same
 * junit.c     the document -> JUnit's XML, for what shows the tests of a pipeline
 * table.c     text for Markdown and for the 80-column table of past runs
 * report.c    the journal's side
 *
 * Nothing here reads a clock or a locale: "as of" is the stamp of the last event. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "drillbook/report.h"

struct facts {
	struct run *run;
	struct wall as_of; /* of the last event, as the wall clock had it */
	int64_t events, erased;
	/* arrays of rows as they stand in the document, in the order of the events */
	json_t *attempts, *operations, *reads, *questions, *deviations, *resumes, *pauses,
		*leads, *clocks;
	json_t *index;	    /* a name made of kind and numbers -> a row of one of the arrays */
	struct sha256 head; /* of the run's chain; set by whoever has the journal */
	bool has_head;
	json_t *seal; /* the ledger's row, or NULL */
};

void facts_init(struct facts *facts);
void facts_release(struct facts *facts);
/* Events of the run's chain, in order. */
enum err_code facts_add(
	struct facts *facts, const struct event *event, struct err *err) MUST_CHECK;
/* Events of the ledger, in order: keeps the seal of this run. */
void facts_ledger(struct facts *facts, const struct event *event);

json_t *report_document(const struct facts *facts); /* owned */
/* Indented, ASCII only, no control characters. */
enum err_code report_json(const json_t *document, struct buf *out, struct err *err) MUST_CHECK;
enum err_code report_markdown(
	const json_t *document, struct buf *out, struct err *err) MUST_CHECK;

enum err_code report_junit(const json_t *document, struct buf *out, struct err *err) MUST_CHECK;

/* A stamp as the document has it: {"utc", "ns"}; JSON null for "not known". */
json_t *stamp(struct wall at);
/* Milliseconds between two stamps; JSON null when one is not known. */
json_t *span_ms(struct wall from, struct wall to);

/* ------------------------------------------------------------------ table.c */

/* Untrusted text on one line: the visible form of each line, lines joined with " / ". */
enum err_code visible(struct buf *out, const char *text, struct err *err) MUST_CHECK;
/* Untrusted text as inline Markdown: nothing in it is markup, a link, a tag, a cell's end or a
 * new line. */
enum err_code md_text(struct buf *out, const char *text, struct err *err) MUST_CHECK;
/* The same in a code span where its characters allow that. */
enum err_code md_code(struct buf *out, const char *text, struct err *err) MUST_CHECK;
/* Any JSON value as compact inline text, cut when long. */
enum err_code md_json(struct buf *out, const json_t *value, struct err *err) MUST_CHECK;
/* text_sanitise cut or filled to exactly `columns` on a terminal. */
enum err_code cell(struct buf *out, const char *text, size_t columns, bool right,
	struct err *err) MUST_CHECK;

#endif
