/* view.c: the table of screens, and how lists and texts are drawn, moved in and searched.
 *
 *   line 0 head, 1 rule, then the body, last but one what was said, last the keys.  A list has
 * its details below it, from 160 columns on beside it. */
#include "view.h"

#include <stdlib.h>
#include <string.h>

enum { BESIDE_FROM = 160, BODY_Y = 2 };

/* ------------------------------------------------------------------ the table */

const struct view_row view_rows[VIEW_COUNT] = {
	[VIEW_HOME] = { .name = "home", .context = CONTEXT_HOME, .draw = draw_home },
	[VIEW_RUN] = { .name = "run",
		.context = CONTEXT_RUN,
		.draw = draw_run,
		.not_enter = run_not_enter },
	[VIEW_BOOKS] = { .name = "runbooks",
		.context = CONTEXT_BOOKS,
		.head = books_head,
		.count = books_count,
		.row = books_row,
		.style = books_style,
		.columns = "RUNBOOK              VER  DIGEST  STEPS  DANGER  LAST DRILL",
		.empty = "no workspace, or no runbook in it",
		.text = books_text,
		.not_enter = books_not_enter,
		.enter = books_enter,
		.frame = books_frame },
	[VIEW_DRILLS] = { .name = "drills",
		.context = CONTEXT_DRILLS,
		.head = drills_head,
		.count = drills_count,
		.row = drills_row,
		.style = drills_style,
		.columns = "DRILL                    RUNBOOK                 MODE   EVERY  "
			   "LAST HELD",
		.empty = "drills.yaml of this workspace plans no drill",
		.text = drills_text,
		.not_enter = drills_not_enter,
		.enter = drills_enter,
		.frame = history_frame },
	[VIEW_HISTORY] = { .name = "history",
		.context = CONTEXT_HISTORY,
		.head = history_head,
		.count = history_count,
		.row = history_row,
		.style = history_style,
		.columns = "  MODE         RUN STARTED     RUNBOOK              STATUS      "
			   "RTA RTO",
		.empty = "nothing has been run yet",
		.text = history_text,
		.not_enter = history_not_enter,
		.enter = history_enter,
		.frame = history_frame },
	[VIEW_REPORT] = { .name = "report",
		.context = CONTEXT_REPORT,
		.back = VIEW_HISTORY,
		.head = report_head,
		.text = report_text,
		.frame = report_frame },
	[VIEW_COMPARE] = { .name = "compare",
		.context = CONTEXT_COMPARE,
		.back = VIEW_HISTORY,
		.head = compare_head,
		.text = compare_text,
		.frame = compare_frame },
	[VIEW_VALUES] = { .name = "values",
		.context = CONTEXT_VALUES,
		.back = VIEW_RUN,
		.head = run_part_head,
		.text = values_text },
	[VIEW_TIMELINE] = { .name = "timeline",
		.context = CONTEXT_TIMELINE,
		.back = VIEW_RUN,
		.head = run_part_head,
		.count = timeline_count,
		.row = timeline_row,
		.style = timeline_style,
		.enter = timeline_enter },
	[VIEW_STEP] = { .name = "step",
		.context = CONTEXT_STEP,
		.back = VIEW_RUN,
		.head = run_part_head,
		.text = step_text },
};

/* ------------------------------------------------------------------ where things stand */

static const struct view_row *shown(const struct screen *screen)
{
	return &view_rows[screen->view];
}

size_t view_cursor(const struct screen *screen)
{
	return screen->places[screen->view].cursor;
}

/* The part of the body that holds the list, and the part that holds the text. */
static void split(const struct screen *screen, struct box *list, struct box *text)
{
	const struct view_row *view = shown(screen);
	const struct box body = { 0, BODY_Y, screen->width, screen->height - BODY_Y - 3 };

	*list = *text = body;
	if (view->row == NULL)
		return;
	if (view->text == NULL) {
		text->height = 0;
	} else if (screen->width >= BESIDE_FROM) {
		list->width = screen->width * 9 / 16;
		text->x = list->width + 2;
		text->width = screen->width - text->x;
	} else {
		const int wanted = (int)view->count(screen) + 1, most = body.height / 2;
		list->height = wanted < 3 ? 3 : wanted > most ? most : wanted;
		text->y = list->y + list->height + 1;
		text->height = body.height - list->height - 1;
	}
}

void view_settle(struct screen *screen)
{
	const struct view_row *view = shown(screen);
	struct place *place = &screen->places[screen->view];
	struct text_cache *cache = &screen->text;
	struct box list, text;

	if (view->draw != NULL || screen_tiny(screen))
		return;
	split(screen, &list, &text);
	if (view->row != NULL) {
		const size_t count = view->count(screen);
		if (place->cursor >= count)
			place->cursor = count > 0 ? count - 1 : 0;
	}
	if (view->text == NULL)
		return;
	if (cache->view != screen->view || cache->width != text.width ||
		cache->stamp != screen->stamp) {
		lines_release(&cache->lines);
		view->text(screen, &cache->lines, text.width - 2);
		cache->view = screen->view;
		cache->width = text.width;
		cache->stamp = screen->stamp;
	}
	const int last = (int)cache->lines.count - text.height;
	if (place->scroll > last)
		place->scroll = last;
	if (place->scroll < 0)
		place->scroll = 0;
}

void view_turn(struct screen *screen, enum view view)
{
	screen->view = view;
	screen->in_details = false;
	screen->overlay = OVERLAY_NONE;
	screen->stamp++;
	if (view == VIEW_HOME || view == VIEW_HISTORY)
		screen->runs_at_ms = 0;
}

void view_move(struct screen *screen, int by)
{
	const struct view_row *view = shown(screen);
	struct place *place = &screen->places[screen->view];

	if (view->row == NULL || (screen->in_details && view->text != NULL)) {
		place->scroll += by; /* view_settle keeps it inside */
		return;
	}
	const int64_t last = (int64_t)view->count(screen) - 1, at = (int64_t)place->cursor + by;
	const size_t before = place->cursor;
	place->cursor = (size_t)(at < 0 || last < 0 ? 0 : at > last ? last : at);
	if (place->cursor != before) {
		place->scroll = 0;
		screen->stamp++;
	}
}

/* ------------------------------------------------------------------ searching */

static bool holds(const char *text, const char *wanted)
{
	return strcasestr(text, wanted) != NULL;
}

static bool search_rows(struct screen *screen, int by)
{
	const struct view_row *view = shown(screen);
	struct place *place = &screen->places[screen->view];
	const size_t count = view->count(screen);
	char row[512];

	for (size_t i = 1; i <= count; i++) {
		const size_t at =
			(by > 0 ? place->cursor + i : place->cursor + count - i) % count;
		view->row(screen, at, screen->width, row, sizeof(row));
		if (holds(row, screen->search.text)) {
			view_move(screen, (int)((int64_t)at - (int64_t)place->cursor));
			return true;
		}
	}
	return false;
}

bool view_search(struct screen *screen, int by)
{
	const struct view_row *view = shown(screen);
	struct place *place = &screen->places[screen->view];
	const struct lines *lines = &screen->text.lines;

	if (view->draw != NULL || screen->search.len == 0)
		return false;
	if (view->row != NULL)
		return search_rows(screen, by);
	view_settle(screen);
	for (size_t i = 1; i <= lines->count; i++) {
		const size_t at = ((size_t)place->scroll + (by > 0 ? i : lines->count - i)) %
				  lines->count;
		if (holds(lines->rows[at].text, screen->search.text)) {
			place->scroll = (int)at;
			return true;
		}
	}
	return false;
}

/* ------------------------------------------------------------------ drawing */

static void draw_rows(const struct screen *screen, struct cells *cells, struct box box)
{
	const struct view_row *view = shown(screen);
	const size_t count = view->count(screen), cursor = view_cursor(screen);
	const int head = view->columns != NULL;
	const int rows = box.height - head;
	char text[1024];

	if (view->columns != NULL)
		cells_text(cells, box.x + 3, box.y, box.width - 3, STYLE_DIM, view->columns);
	if (count == 0) {
		cells_text(cells, box.x + 3, box.y + head, box.width - 3, STYLE_DIM,
			view->empty != NULL ? view->empty : "nothing");
		return;
	}
	size_t first = cursor > (size_t)(rows * 2 / 3) ? cursor - (size_t)(rows * 2 / 3) : 0;
	if (first + (size_t)rows > count)
		first = count > (size_t)rows ? count - (size_t)rows : 0;
	for (int i = 0; i < rows && first + (size_t)i < count; i++) {
		const size_t at = first + (size_t)i;
		const int y = box.y + head + i;
		view->row(screen, at, box.width - 3, text, sizeof(text));
		cells_text(cells, box.x + 1, y, 1, STYLE_BOLD, at == cursor ? ">" : " ");
		const int used = cells_text(
			cells, box.x + 3, y, box.width - 3, view->style(screen, at), text);
		if (at == cursor)
			cells_style(cells, box.x + 3, y, used, STYLE_SELECTED);
	}
}

static void draw_text(const struct screen *screen, struct cells *cells, struct box box)
{
	const struct lines *lines = &screen->text.lines;
	const int first = screen->places[screen->view].scroll;

	if (screen->in_details && (int)lines->count > box.height)
		cells_textf(cells, box.x + box.width - 22, box.y - 1, 20, STYLE_BOLD,
			" %d-%d of %zu ", first + 1, first + box.height, lines->count);
	for (int i = 0; i < box.height && first + i < (int)lines->count; i++) {
		cells_text(cells, box.x + 1, box.y + i, box.width - 2,
			lines->rows[first + i].style, lines->rows[first + i].text);
		cells_mark(cells, box.x + 1, box.y + i, box.width - 2, screen->search.text);
	}
}

void view_draw(const struct screen *screen, struct cells *cells)
{
	const struct view_row *view = shown(screen);
	char title[256] = "", right[64] = "";
	struct box list, text;

	if (view->draw != NULL) {
		view->draw(screen, cells);
		return;
	}
	split(screen, &list, &text);
	const char *mode = view->head(screen, title, sizeof(title));
	if (view->row == NULL && (int)screen->text.lines.count > text.height)
		snprintf(right, sizeof(right), "%d-%d/%zu",
			screen->places[screen->view].scroll + 1,
			screen->places[screen->view].scroll + text.height,
			screen->text.lines.count);
	draw_head(screen, cells, mode, title, right);
	cells_rule(cells, 0, 1, cells->width, STYLE_DIM);
	if (view->row != NULL)
		draw_rows(screen, cells, list);
	if (view->row != NULL && text.x > 0)
		cells_down(cells, list.width, list.y, list.height, STYLE_DIM);
	else if (view->row != NULL && text.height > 0)
		cells_rule(cells, 0, text.y - 1, cells->width, STYLE_DIM);
	if (view->text != NULL)
		draw_text(screen, cells, text);
	cells_rule(cells, 0, cells->height - 3, cells->width, STYLE_DIM);
	draw_message(screen, cells, cells->height - 2);
	draw_footer(screen, cells, cells->height - 1);
}
