/* cells.h: a screen as data: a grid of cells that tests compare with drawings and the painter
 * shows.
 *
 * Whatever text enters the grid is made visible by text_sanitise first, so that no cell can
 * hold a control, a bidirectional override or an invisible character, whoever wrote the text.
 */
#ifndef DRILLBOOK_TUI_CELLS_H
#define DRILLBOOK_TUI_CELLS_H

#include "paint.h"

/* What a cell means; the painter turns it into colour, bold and reverse. */
enum style {
	STYLE_TEXT,
	STYLE_DIM,
	STYLE_BOLD,
	STYLE_GOOD,
	STYLE_RUNNING,
	STYLE_WARN,
	STYLE_BAD,
	STYLE_LIVE,
	STYLE_DRILL,
	STYLE_SELECTED,
	STYLE_KEY,
	STYLE_COUNT
};

struct cell {
	uint32_t ch;   /* code point; 0 = right half of the wide character before it */
	uint32_t mark; /* one combining mark on ch, 0 = none; further marks are dropped */
	uint8_t style;
	uint8_t paint; /* PAINT_… of a program's own colours, over the style */
};

struct cells {
	int width, height;
	struct cell *at;	/* height rows of width */
	int cursor_x, cursor_y; /* -1 = hidden */
	bool lines;		/* rules are box drawing characters, not - | + */
};
void cells_init(struct cells *cells, int width, int height);
void cells_resize(struct cells *cells, int width, int height); /* and clear */
void cells_clear(struct cells *cells);			       /* blanks, cursor hidden */
void cells_release(struct cells *cells);
bool cells_equal(const struct cells *a, const struct cells *b);

/* Text from x in at most max columns; what does not fit ends in '~'.  Returns the columns used.
 */
int cells_text(struct cells *cells, int x, int y, int max, enum style style, const char *text);
int cells_textf(struct cells *cells, int x, int y, int max, enum style style, const char *fmt,
	...) PRINTF(6, 7);
/* The same, ending at column x + max. */
void cells_right(
	struct cells *cells, int x, int y, int max, enum style style, const char *text);
/* Bytes [from, to) of a painted line. */
int cells_painted(struct cells *cells, int x, int y, int max, enum style style,
	const struct painted *line, size_t from, size_t to);
void cells_fill(struct cells *cells, int x, int y, int count, enum style style, uint32_t ch);
/* A rule across, one down, and the corners of a box. */
void cells_rule(struct cells *cells, int x, int y, int count, enum style style);
void cells_down(struct cells *cells, int x, int y, int count, enum style style);
void cells_corners(struct cells *cells, int x, int y, int width, int height, enum style style);
void cells_style(struct cells *cells, int x, int y, int count, enum style style);
/* Reverses every place that holds the words, whatever their case, in a part of a row. */
void cells_mark(struct cells *cells, int x, int y, int count, const char *words);
/* One row as UTF-8 without trailing blanks; owned. */
char *cells_row(const struct cells *cells, int y);
char *cells_part(const struct cells *cells, int x, int y, int count); /* of a row */

/* Columns a code point takes: 0 (combining), 1, 2; 1 for what cannot be shown, which becomes
 * '?'. */
int code_columns(uint32_t ch);
int text_columns(const char *text); /* of the sanitised text */
/* The code point at *s, moved on behind it; U+FFFD for a malformed byte; 0 at the end. */
uint32_t utf8_next(const char **s);
size_t utf8_put(char out[4], uint32_t ch);

/* Bytes of clean that fit into width: up to the last blank when a word would be cut. */
size_t text_fold(const char *clean, int width);

/* Lines of a dialog, a help page: text with one style per line. */
struct lines {
	struct line {
		char *text;
		enum style style;
	} * rows;
	size_t count, cap;
};
enum { LINES_MAX = 40000 }; /* the last says that there would be more */
void lines_init(struct lines *lines);
void lines_release(struct lines *lines);
/* Adds text folded at blanks to `width` columns; continuation lines begin with `indent` blanks.
 * '\n' begins a line. */
void lines_add(struct lines *lines, enum style style, int width, int indent, const char *text);
void lines_addf(struct lines *lines, enum style style, int width, int indent, const char *fmt,
	...) PRINTF(5, 6);

#endif
