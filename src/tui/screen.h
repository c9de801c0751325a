/* screen.h: the full screen as a pure machine: screen_reduce takes a key or a message and
 * changes the state, screen_draw turns the state into cells.  Neither reads a clock, a file, a
 * socket or the terminal; what must be done outside is left in `requests` and `want` for the
 * loop (tui.c). */
#ifndef DRILLBOOK_TUI_SCREEN_H
#define DRILLBOOK_TUI_SCREEN_H

#include "cells.h"
#include "form.h"
#include "graph.h"
#include "output.h"
#include "drillbook/record.h"

/* ------------------------------------------------------------------ input */

/* Keys are code points; those without one begin behind Unicode. */
enum key {
	K_TAB = 9,
	K_ENTER = 13,
	K_ESC = 27,
	K_BACKSPACE = 127,
	K_UP = 0x110000,
	K_DOWN,
	K_LEFT,
	K_RIGHT,
	K_PGUP,
	K_PGDN,
	K_HOME,
	K_END,
	K_DELETE,
	K_BACKTAB,
	K_WHEEL_UP,
	K_WHEEL_DOWN,
	K_OTHER
};
#define K_CTRL(letter) ((letter)&0x1f)

/* What an answer from the server belongs to. */
enum tag {
	TAG_NONE,
	TAG_ATTACH,
	TAG_OUTPUT,
	TAG_SEARCH,
	TAG_SECRETS,
	TAG_HALTED,
	TAG_RUNS,
	TAG_ACT,
	TAG_ANSWER,
	/* from here on not the server is asked but tui_options.look */
	TAG_LOOK,
	TAG_REPORT = TAG_LOOK,
	TAG_COMPARE,
	TAG_BOOK,
	TAG_HOME
};

enum input_kind { INPUT_KEY, INPUT_RESIZE, INPUT_PUSH, INPUT_ANSWER, INPUT_TICK };

struct input {
	enum input_kind kind;
	struct wall now;
	int64_t mono_ms;
	uint32_t key;
	bool pasted; /* the key came inside a paste */
	int width, height;
	json_t *message; /* borrowed; of INPUT_PUSH and INPUT_ANSWER */
	enum tag tag;	 /* of INPUT_ANSWER */
};

struct request {
	enum tag tag;
	const char *what; /* static */
	json_t *body;	  /* owned until the loop takes it */
};

/* What only the loop can do; bits. */
enum want {
	WANT_LEAVE = 1,
	WANT_SUSPEND = 2,
	WANT_REDRAW = 4,
	WANT_PAGER = 8,
	WANT_START = 16,
	WANT_SHOW = 32,	/* `show` of the run whose report is open, in the pager */
	WANT_NOTE = 64,	/* a note written in $EDITOR */
	WANT_EDIT = 128, /* the runbook under the cursor in $EDITOR */
	WANT_SHELL = 256,
	WANT_COPY = 512, /* what is shown, to the clipboard */
	WANT_MOUSE = 1024,
	WANT_SECRETS = 4096, /* typed on the terminal by whoever sits here */
	WANT_CALL = 2048 /* attention: `call` says why */
};

/* ------------------------------------------------------------------ parts of the state */

enum dialog_kind {
	DIALOG_NONE,
	/* answers to the server's questions */
	DIALOG_PREVIEW,
	DIALOG_CONFIRM,
	DIALOG_WORD,
	DIALOG_MANUAL,
	DIALOG_CHOOSE,
	/* the operator's own wishes */
	DIALOG_SKIP,
	DIALOG_STOP,
	DIALOG_ABORT,
	DIALOG_UNDO,
	DIALOG_FORCE,
	DIALOG_NOTE
};

enum guard {
	GUARD_ENTER,
	GUARD_CAPITAL
}; /* what performs a choice: Enter on it, or a capital Y */

struct choice {
	char key; /* moves the focus to it */
	char answer[64];
	char label[128];
	enum guard guard;
	bool note; /* a reason must be typed */
};

enum { CHOICES_MAX = 24, CHECKS_MAX = 40, KEYS_DROPPED_MS = 300 };

/* focus: 0 is "do nothing", then the choices, then the items of the checklist. */
struct dialog {
	enum dialog_kind kind;
	int64_t ask; /* 0 = not an answer to a question */
	int64_t run;
	size_t step;
	char digest[SHA256_HEX + 8]; /* of what is shown */
	char word[128];
	struct choice choices[CHOICES_MAX];
	size_t choice_count;
	size_t check_count;
	bool checked[CHECKS_MAX];
	size_t focus;
	bool typing;	   /* keys go into the field */
	bool typing_value; /* … which is the value of a manual step, not the note */
	size_t typing_for; /* choice (1-based focus) that waits for its reason; 0 = none */
	struct field note, value;
	int scroll;
	bool seen_end; /* the last line has been on the screen */
	int64_t opened_ms;
};

enum overlay {
	OVERLAY_NONE,
	OVERLAY_HELP,
	OVERLAY_PALETTE,
	OVERLAY_SEARCH,
	OVERLAY_QUEUE,
	OVERLAY_DIALOG,
	OVERLAY_FORM
};
enum view {
	VIEW_HOME,
	VIEW_BOOKS,
	VIEW_RUN,
	VIEW_DRILLS,
	VIEW_HISTORY,
	VIEW_REPORT,
	VIEW_COMPARE,
	VIEW_VALUES,
	VIEW_TIMELINE,
	VIEW_STEP,
	VIEW_COUNT
};
enum pane { PANE_STEPS, PANE_OUTPUT };

/* What is known of a step beyond its events. */
struct step_view {
	int64_t attempt, size; /* bytes of output */
	struct wall grown;     /* when it last grew */
	int64_t per_mille;     /* -1 = unknown */
	char progress[96];
};

/* A document asked of tui_options.look. */
struct document {
	char about[160]; /* what it was asked about; "" = nothing yet */
	json_t *json;	 /* owned; NULL until it has come */
	bool asked;
	char error[320]; /* why it did not come, "" = it has or may still */
};
enum document_kind { /* in the order of their tags */
	DOCUMENT_REPORT,
	DOCUMENT_COMPARE,
	DOCUMENT_BOOK,
	DOCUMENT_HOME,
	DOCUMENT_COUNT
};

/* Where the cursor is, and how far a text is scrolled. */
struct place {
	size_t cursor;
	int scroll;
};

enum home_pane { HOME_SERVICES, HOME_RUNBOOKS, HOME_RUNS, HOME_PANES };

struct screen {
	int width, height;
	struct wall now;
	int64_t mono_ms;
	enum view view;
	enum overlay overlay;
	bool watch_only;
	char message[320]; /* a refusal or an explanation, until the next key */
	bool message_bad;
	bool ctrl_c; /* the first Ctrl-C was explained */

	/* the run */
	int64_t run_id;	 /* 0 = none */
	struct run *run; /* NULL until attached */
	bool attached, caught_up, broken;
	bool lead_is_you;
	int64_t watching;
	size_t secrets_needed; /* that the run waits for */
	char lead[64];
	json_t *forecast;  /* the last `forecast` push, owned; NULL = none yet */
	char journal[200]; /* trouble of the journal, "" = none */
	size_t cursor;	   /* step under the cursor */
	bool follow;	   /* the cursor goes with the running step */
	enum pane pane;
	bool wrap;
	struct step_view *views;
	size_t view_count;
	struct output_view out;
	struct graph graph;
	int64_t seen_ask; /* asks up to here have opened their dialog by themselves */
	size_t queue_cursor;
	int help_scroll;
	struct field palette;
	struct dialog dialog;
	struct form form;

	/* the other screens */
	struct place places[VIEW_COUNT];
	bool in_details; /* keys scroll the details below a list */
	struct document documents[DOCUMENT_COUNT];
	int64_t report_run;	     /* the run whose report is shown; 0 = none */
	int64_t marked_run;	     /* the first of two to be compared; 0 = none */
	int64_t compare_a, compare_b;
	struct field search;	     /* what n and N look for */
	int search_due;		     /* by: once the output of the step under the cursor is there */
	int64_t stamp;		     /* grows whenever a text may have become another */
	struct text_cache {	     /* the text of the view that is shown, folded */
		enum view view;
		int width;
		int64_t stamp;
		struct lines lines;
	} text;

	/* home */
	const json_t *home; /* workspace_summary; borrowed; NULL = not looked at yet, or no
			       workspace: only runs are listed */
	json_t *halted;	    /* {directory: {"reason", "who"}}: the kill switch; owned */
	json_t *runs;	    /* the server's answer to `runs`; owned */
	bool runs_asked;
	int64_t runs_at_ms;
	enum home_pane home_pane;
	size_t home_cursor[HOME_PANES];
	const char *suggest, *suggest_mode; /* borrowed; suggest: until Home is there */

	struct keymap *keymap; /* of keys.yaml; NULL = the keys of the table */

	/* for the loop */
	struct request requests[16];
	size_t request_count;
	unsigned want;
	const char *show; /* static */
	char call[128];
	bool can_copy, mouse, lines;
};

void screen_init(struct screen *screen, const json_t *home, bool watch_only);
void screen_release(struct screen *screen);
/* Turns to a run: forgets the one shown and asks the server for the other. */
void screen_open(struct screen *screen, int64_t run);
void screen_home(struct screen *screen);
/* Puts the cursor of Home on a runbook. */
void screen_suggest(struct screen *screen, const char *runbook);
void screen_reduce(struct screen *screen, const struct input *input);
/* Before a frame: asks for output that the frame would show, for Home's list of runs when it is
 * old. */
void screen_frame(struct screen *screen);
void screen_draw(const struct screen *screen, struct cells *cells);
/* What an operator who leaves now should read; "" = nothing. */
void screen_farewell(const struct screen *screen, char *out, size_t size);
/* Milliseconds from now at which time alone changes what keys do; -1 = never. */
int64_t screen_due_ms(const struct screen *screen);

/* ------------------------------------------------------------------ between the files of the
 * machine */

/* Calls for attention: bell, notification, command, as the settings say. */
void screen_call(struct screen *screen, const char *fmt, ...) PRINTF(2, 3);
void screen_say(struct screen *screen, const char *fmt, ...) PRINTF(2, 3);
void screen_refuse(struct screen *screen, const char *fmt, ...) PRINTF(2, 3);
void screen_request(struct screen *screen, enum tag tag, const char *what, json_t *body);
/* {"run", "action", "step", "note"} with what is not NULL. */
void screen_act(struct screen *screen, const char *action, const char *step, const char *note);
struct step *screen_step(const struct screen *screen); /* under the cursor, or NULL */
bool screen_narrow(const struct screen *screen);       /* one pane at a time */
bool screen_tiny(const struct screen *screen);	       /* one status line only */
void screen_push(struct screen *screen, const json_t *message);
void screen_answered(struct screen *screen, enum tag tag, json_t *message);
void screen_follow(struct screen *screen);
/* What the forecast says of a service: a row of its "services", or NULL.  Borrowed. */
const json_t *screen_forecast(const struct screen *screen, const char *service);
void screen_look(struct screen *screen, int by); /* searches the output */
void screen_ask_secrets(struct screen *screen);	 /* whether the run waits for some */
struct step_view *screen_view(const struct screen *screen, size_t step);

/* dialogs */
void dialog_open_ask(struct screen *screen, const struct ask *ask);
void dialog_open(struct screen *screen, enum dialog_kind kind, size_t step);
void dialog_close(struct screen *screen);
void dialog_auto(struct screen *screen);  /* opens the oldest question not yet seen */
void dialog_check(struct screen *screen); /* closes it when its question is gone */
bool dialog_text_key(
	struct screen *screen, const struct input *input); /* true: taken by the field */
void dialog_letter(struct screen *screen, uint32_t key);
void dialog_move(struct screen *screen, int by);
void dialog_enter(struct screen *screen);
void dialog_capital(struct screen *screen);
void dialog_tick(struct screen *screen); /* Space: ticks an item of the checklist */
void dialog_scroll(struct screen *screen, int by);
void dialog_perform(struct screen *screen, size_t focus);
const json_t *dialog_checklist(const struct screen *screen);
const struct ask *dialog_ask(const struct screen *screen);
struct box {
	int x, y, width, height;
};
/* Where the dialog stands; fills lines (empty before) with what it says and *rows with how many
 * of them show at once. */
struct box dialog_layout(const struct screen *screen, struct lines *lines, int *rows);
void dialog_body(const struct screen *screen, struct lines *lines, int width);
/* What a question is about: the resolved operation, its arguments, what is there now, whether
 * it can be undone. */
void ask_text(const struct run *run, const struct ask *ask, struct lines *lines, int width);

/* Asks tui_options.look for a document unless it is there already.  body is stolen. */
void document_want(struct screen *screen, enum document_kind kind, const char *about,
	const char *what, json_t *body);
void document_forget(struct screen *screen, enum document_kind kind);
void document_answer(struct screen *screen, enum tag tag, const json_t *message);
/* True, and a line that says why, while there is none to show. */
bool document_missing(
	const struct screen *screen, enum document_kind kind, struct lines *lines, int width);

/* the form that starts a runbook */
void form_start(struct screen *screen, const char *runbook, const char *mode);
void form_settle(struct screen *screen);
void form_move(struct screen *screen, int by);
void form_side(struct screen *screen, int by); /* Left, Right */
void form_enter(struct screen *screen);
void form_typed(struct screen *screen, const struct input *input);
void draw_form(const struct screen *screen, struct cells *cells);

/* home: the rows of its three lists */
size_t home_count(const struct screen *screen, enum home_pane pane);
const json_t *home_row(const struct screen *screen, enum home_pane pane, size_t at);
void home_enter(struct screen *screen);
void home_move(struct screen *screen, int by);

/* drawing */
void draw_run(const struct screen *screen, struct cells *cells);
void draw_home(const struct screen *screen, struct cells *cells);
void draw_help(const struct screen *screen, struct cells *cells);
void draw_queue(const struct screen *screen, struct cells *cells);
void draw_dialog(const struct screen *screen, struct cells *cells);
/* First line of every screen: the mode word, the title, something at the right end. */
void draw_head(const struct screen *screen, struct cells *cells, const char *mode,
	const char *title, const char *right);
void draw_help_key(const struct screen *screen, struct cells *cells);
/* What was just said or refused; false when nothing was. */
bool draw_message(const struct screen *screen, struct cells *cells, int y);
void draw_footer(const struct screen *screen, struct cells *cells, int y);
/* Where the output pane stands, and how many lines of output show in it. */
struct box output_box(const struct screen *screen);
int output_rows(const struct screen *screen);
void draw_output(const struct screen *screen, struct cells *cells, struct box box);
void draw_side(const struct screen *screen, struct cells *cells, struct box box);
void draw_box(struct cells *cells, struct box box, enum style style, const char *title,
	const char *right);
enum style mode_style(const char *mode);
/* Of the step's last attempt, as of the screen's now. */
int64_t spent_ms(const struct screen *screen, const struct step *step);
void left_text(const struct screen *screen, char *out,
	size_t size);				/* "LEFT 18:18", "" without an RTO */
void mode_word(const char *mode, char out[16]); /* "[DRILL]" */
const char *step_word(const struct run *run, size_t step);
enum style step_style(const struct run *run, size_t step);
const char *level_mark(int64_t level); /* "!!" irreversible, "!" costly to undo, "" */

#endif
