/* view.h: the table of screens.  A screen is a list with details of the row under the cursor, a
 * text that scrolls, or draws itself. */
#ifndef DRILLBOOK_TUI_VIEW_H
#define DRILLBOOK_TUI_VIEW_H

#include "action.h"

struct view_row {
	const char *name;
	enum context context;
	enum view back; /* where Esc goes */
	/* Draws all of it; NULL = head, list or text, message and footer as view.c does. */
	void (*draw)(const struct screen *screen, struct cells *cells);
	/* First line: the title into out; returns the mode the screen is about, NULL = none. */
	const char *(*head)(const struct screen *screen, char *out, size_t size);
	/* A list: how many rows, one row as text, its style, a line above them (may be NULL).
	 */
	size_t (*count)(const struct screen *screen);
	void (*row)(const struct screen *screen, size_t at, int width, char *out, size_t size);
	enum style (*style)(const struct screen *screen, size_t at);
	const char *columns;
	const char *empty; /* said instead of the rows when there are none */
	/* The text; of a list: the details of the row under the cursor.  May be NULL. */
	void (*text)(const struct screen *screen, struct lines *lines, int width);
	const char *(*not_enter)(const struct screen *screen); /* NULL = Enter does something */
	void (*enter)(struct screen *screen);
	void (*frame)(struct screen *screen); /* before a frame: asks for what it would show */
};
extern const struct view_row view_rows[VIEW_COUNT];

void view_turn(struct screen *screen, enum view view); /* shows another screen */
void view_move(struct screen *screen, int by);	       /* of lists the cursor, of texts lines */
/* Refolds the text when it or the width is another; keeps cursor and scroll inside. */
void view_settle(struct screen *screen);
void view_draw(const struct screen *screen, struct cells *cells);
/* To the next place (by > 0) or the one before that holds the searched words; false = none. */
bool view_search(struct screen *screen, int by);
size_t view_cursor(const struct screen *screen);

/* The screens (view_*.c) */
size_t books_count(const struct screen *screen);
void books_row(const struct screen *, size_t at, int width, char *out, size_t size);
enum style books_style(const struct screen *, size_t at);
void books_text(const struct screen *, struct lines *lines, int width);
const char *books_head(const struct screen *, char *out, size_t size);
const char *books_not_enter(const struct screen *);
void books_enter(struct screen *);
void books_frame(struct screen *);
size_t drills_count(const struct screen *screen);
void drills_row(const struct screen *, size_t at, int width, char *out, size_t size);
enum style drills_style(const struct screen *, size_t at);
void drills_text(const struct screen *, struct lines *lines, int width);
const char *drills_head(const struct screen *, char *out, size_t size);
const char *drills_not_enter(const struct screen *);
void drills_enter(struct screen *);
bool drill_overdue(const struct screen *screen, const json_t *drill);
size_t history_count(const struct screen *screen);
const json_t *history_run(const struct screen *screen); /* under the cursor, or NULL */
void history_row(const struct screen *, size_t at, int width, char *out, size_t size);
enum style history_style(const struct screen *, size_t at);
void history_text(const struct screen *, struct lines *lines, int width);
const char *history_head(const struct screen *, char *out, size_t size);
const char *history_not_enter(const struct screen *);
void history_enter(struct screen *);
void history_frame(struct screen *);
const char *report_head(const struct screen *, char *out, size_t size);
void report_text(const struct screen *, struct lines *lines, int width);
void report_frame(struct screen *);
const char *compare_head(const struct screen *, char *out, size_t size);
void compare_text(const struct screen *, struct lines *lines, int width);
void compare_frame(struct screen *);
const char *run_part_head(const struct screen *, char *out, size_t size);
void values_text(const struct screen *, struct lines *lines, int width);
void step_text(const struct screen *, struct lines *lines, int width);
size_t timeline_count(const struct screen *screen);
void timeline_row(const struct screen *, size_t at, int width, char *out, size_t size);
enum style timeline_style(const struct screen *, size_t at);
void timeline_enter(struct screen *);
const char *run_not_enter(const struct screen *);
/* "may OP TARGET" lines of a step's uses. */
void uses_text(const json_t *uses, struct lines *lines, int width, const char *lead);
/* What a step is and may do, before it is started. */
void step_preview(
	const struct run *run, const struct step *step, struct lines *lines, int width);

/* What needs somebody (queue.c): how many things, one as text with its age, going there. */
size_t queue_count(const struct screen *screen);
enum style queue_row(const struct screen *screen, size_t at, char *out, size_t size, char *age,
	size_t age_size);
void queue_enter(struct screen *screen, size_t at);

#endif
