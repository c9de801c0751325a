/* output.h: one attempt's output, of which only a window is ever in memory.
 *
 * The file may be as long as it likes: what is shown is asked of the server in pieces,
 * forwards, backwards and at the end; searching reads it piece by piece, too. */
#ifndef DRILLBOOK_TUI_OUTPUT_H
#define DRILLBOOK_TUI_OUTPUT_H

#include "drillbook/base.h"

enum {
	OUTPUT_PIECE = 32 * 1024,   /* asked for at once when it is to be shown */
	OUTPUT_WINDOW = 128 * 1024, /* kept */
	OUTPUT_SEARCH = 256 * 1024  /* asked for at once when it is searched */
};

struct output_view {
	size_t step;
	int64_t attempt;
	char *text;
	size_t len;
	int64_t from, upto;  /* the text is bytes [from, upto) of the file */
	int64_t size;	     /* of the file, as last said */
	bool waiting, asked; /* a request is out; at least one was answered */
	int64_t asked_size;  /* what the file was said to hold at the last request: an empty
				answer is not asked again */
	bool empty;	     /* the last answer held nothing */
	bool held;	     /* shows what begins at `top`; else the end */
	int64_t top;	     /* where the first line that is shown begins */
	int owed;	     /* lines still to go up, once the text before is there */

	/* searching */
	int looking;	    /* 1 forwards, -1 backwards, 0 not */
	int64_t look_at;    /* the next piece begins (ends, going back) here */
	int64_t look_start; /* where looking began */
	bool look_round;    /* past the end (the begin) and on from the other side */
	int64_t found;	    /* where the line that was found begins; -1 = none */
};

void output_open(struct output_view *out, size_t step, int64_t attempt);
void output_release(struct output_view *out);
/* Takes a piece of the file. */
void output_take(struct output_view *out, int64_t offset, const char *data, size_t len);
/* The next piece that showing `rows` lines needs: true, and where it begins (negative: counted
 * from the end). */
bool output_wants(const struct output_view *out, int64_t size, int rows, int64_t *offset);
/* Moves by lines (up is negative); rows: how many show at once. */
void output_move(struct output_view *out, int by, int rows);
void output_end(struct output_view *out);   /* follow the end again */
void output_begin(struct output_view *out); /* the first line */
/* First byte of what is shown; *end: behind the last that is there. */
const char *output_shown(const struct output_view *out, int rows, const char **end);

/* Begins to look for the next (by > 0) or the last place before. */
void output_look(struct output_view *out, int by, int rows);
/* What to ask for next while looking: offset and how much. */
void output_look_piece(const struct output_view *out, int64_t *offset, int64_t *max);
/* Takes that piece; true when looking has ended, found (out->found, and it is shown) or not. */
bool output_looked(struct output_view *out, int64_t offset, const char *data, size_t len,
	int64_t size, const char *wanted);

#endif
