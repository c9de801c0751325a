/* plain.h: the parts of the plain client: what is printed (plain_print.c), what is asked
 * (plain_ask.c), the loop (plain.c). */
#ifndef DRILLBOOK_TUI_PLAIN_H
#define DRILLBOOK_TUI_PLAIN_H

#include "cast.h"
#include "screen.h"
#include "drillbook/tui.h"

enum {
	PLAIN_OUTPUT_MAX = 4 << 20, /* printed of one attempt; the record has the rest */
	PLAIN_LINE_MAX = 16 * 1024,
	STILL_EVERY_MS = 30000,
	TYPED_AFTER_MS = 300 /* a line that comes sooner after a question was typed before it */
};

struct plain_step {
	int64_t attempt, offset; /* output printed up to here */
	struct buf held;	 /* its unfinished last line */
	bool cut;
	struct wall spoke; /* when a line about it was last printed, or its output grew */
};

/* A question being asked on the terminal. */
struct prompt {
	int64_t ask; /* 0 = none */
	struct mono since;
	char answer[64]; /* chosen already, its note or value is being typed */
	bool value;	 /* … its value, not its note */
};

struct plain {
	const struct plain_options *options;
	struct run *run;
	struct plain_step *steps;
	size_t step_count;
	size_t look_at; /* the step a text is about */
	int64_t watching;
	bool caught_up, lead_is_you, ended, leave, in_closed;
	bool asked_server; /* pushes may have been kept beside an answer: look without waiting
			    */
	int exit_status;
	int64_t answered;  /* the last question answered here */
	int64_t mentioned; /* the last question of which was said that somebody else must answer
			      it */
	int64_t approval;  /* the last question for an approval that was told */
	struct prompt prompt;
	struct buf in;
	struct cast *cast;   /* NULL = nothing is recorded */
	struct screen *view; /* what the screens' texts are made from (plain_look.c) */
	json_t *told; /* {"service": {"word", "miss"} its forecast was last printed with}; owned
		       */
};

/* Lines: "14:02:31 text", sanitised.  plain_line stamps with a moment of the record, plain_say
 * with now. */
void plain_line(struct plain *plain, struct wall at, const char *fmt, ...) PRINTF(3, 4);
void plain_say(struct plain *plain, const char *fmt, ...) PRINTF(2, 3);
/* Prints what an applied event means. */
enum err_code plain_event(
	struct plain *plain, const struct event *event, struct err *err) MUST_CHECK;
/* Prints output of a step from where printing stopped: one piece, or all there is. */
enum err_code plain_output(
	struct plain *plain, size_t step, bool all, struct err *err) MUST_CHECK;
/* Prints a forecast when its word is another one than before, and not by a hair. */
void plain_forecast(struct plain *plain, const json_t *forecast);
void plain_still(struct plain *plain);
void plain_summary(struct plain *plain);

/* A typed command: "note TEXT", "skip STEP REASON", … */
enum err_code plain_command(struct plain *plain, const char *line, struct err *err) MUST_CHECK;
/* The same answer as the screen's: {"run", "ask", …}. */
enum err_code plain_answer(struct plain *plain, const struct ask *ask, const char *answer,
	const char *note, const char *value, const char *word, struct err *err) MUST_CHECK;

/* Commands that only look, wherever one is: reports, runs, runbooks.  False: it is none of
 * them. */
bool plain_look(struct plain *plain, const char *name, const char *rest);
void plain_look_help(struct plain *plain);
void plain_look_release(struct plain *plain);
/* Prints the text of one of the screens. */
void plain_text(struct plain *plain,
	void (*text)(const struct screen *screen, struct lines *lines, int width));
/* Asks tui_options.look: true and the document is there (borrowed), or it was said why not. */
bool plain_document(struct plain *plain, enum document_kind kind, const char *about,
	const char *what, json_t *body);
bool plain_runs(struct plain *plain); /* the list of runs, anew */
/* All a step has printed, or only the lines that hold the words. */
enum err_code plain_whole_output(struct plain *plain, const struct step *step,
	const char *words, struct err *err) MUST_CHECK;
/* The word at *rest, moved on behind it and the blanks that follow; owned. */
char *plain_word(const char **rest);

/* Asks, or answers by itself what the options allow.  ERR_ATTENTION: an answer is missing. */
enum err_code plain_asks(struct plain *plain, struct err *err) MUST_CHECK;
/* A line typed by the operator; alone: nothing else was waiting behind it. */
enum err_code plain_typed(
	struct plain *plain, const char *line, bool alone, struct err *err) MUST_CHECK;

#endif
