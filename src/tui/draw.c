/* draw.c: what the screens share: words, boxes, the footer, help, queue, palette; and which
 * screen is drawn. */
#include "keymap.h"
#include "view.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void mode_word(const char *mode, char out[16])
{
	if (mode == NULL || mode[0] == '\0')
		mode = "----";
	snprintf(out, 16, "[%.12s]", mode);
	for (char *c = out; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
}

enum style mode_style(const char *mode)
{
	if (str_eq(mode, "live"))
		return STYLE_LIVE;
	return str_eq(mode, "drill") ? STYLE_DRILL : STYLE_BOLD;
}

const char *level_mark(int64_t level)
{
	return level >= 3 ? "!!" : level == 2 ? "!" : "";
}

static const struct {
	const char *word;
	enum style style;
} states[] = {
	[STEP_PENDING] = { "-", STYLE_DIM },
	[STEP_RUNNING] = { "RUN", STYLE_RUNNING },
	[STEP_OK] = { "ok", STYLE_GOOD },
	[STEP_FAILED] = { "FAIL", STYLE_BAD },
	[STEP_SKIPPED] = { "skip", STYLE_DIM },
	[STEP_STOPPED] = { "stop", STYLE_WARN },
	[STEP_INTERRUPTED] = { "INTR", STYLE_WARN },
	[STEP_UNKNOWN] = { "UNKN", STYLE_BAD },
	[STEP_UNDONE] = { "undo", STYLE_WARN },
};

const char *step_word(const struct run *run, size_t step)
{
	static const char *const kinds[] = { [KIND_SCRIPT] = "-",
		[KIND_MANUAL] = "man",
		[KIND_DECIDE] = "dec",
		[KIND_WAIT] = "wait",
		[KIND_GROUP] = "-",
		[KIND_WATCH] = "inv",
		[KIND_APPROVE] = "appr" };

	const enum step_state state = run->steps[step].state;

	if ((state == STEP_RUNNING || state == STEP_PENDING) && run_step_ask(run, step) != NULL)
		return "ASK";
	if (run->steps[step].state == STEP_PENDING)
		return kinds[run->steps[step].kind];
	return states[run->steps[step].state].word;
}

enum style step_style(const struct run *run, size_t step)
{
	return run_step_ask(run, step) != NULL ? STYLE_WARN
					       : states[run->steps[step].state].style;
}

/* ------------------------------------------------------------------ boxes and the footer */

void draw_box(struct cells *cells, struct box box, enum style style, const char *title,
	const char *right)
{
	const int bottom = box.y + box.height - 1, end = box.x + box.width - 1;

	for (int y = box.y; y <= bottom; y++)
		cells_fill(cells, box.x, y, box.width, STYLE_TEXT, ' ');
	cells_down(cells, box.x, box.y, box.height, style);
	cells_down(cells, end, box.y, box.height, style);
	cells_rule(cells, box.x, box.y, box.width, style);
	cells_rule(cells, box.x, bottom, box.width, style);
	cells_corners(cells, box.x, box.y, box.width, box.height, style);
	const int used = right != NULL ? text_columns(right) : 0;
	cells_textf(cells, box.x + 4, box.y, box.width - 10 - used, style, " %s ", title);
	if (used > 0)
		cells_textf(cells, end - used - 3, box.y, used + 2, STYLE_TEXT, " %s ", right);
}

/* The key that lists the keys, in the corner of every screen. */
void draw_help_key(const struct screen *screen, struct cells *cells)
{
	char text[64];

	text_with_keys(screen, "{help}help", text, sizeof(text));
	const int used = text_columns(text);
	cells_text(cells, cells->width - 1 - used, 0, used, STYLE_KEY, text);
}

void draw_head(const struct screen *screen, struct cells *cells, const char *mode,
	const char *title, const char *right)
{
	char word[16];
	const int width = cells->width, tail = right != NULL ? text_columns(right) : 0;

	mode_word(mode, word);
	const int x = 1 + cells_text(cells, 1, 0, 16, mode_style(mode), word) + 1;
	cells_text(cells, x, 0, width - x - tail - 9, STYLE_BOLD, title);
	if (tail > 0)
		cells_right(cells, width - 8 - tail, 0, tail, STYLE_DIM, right);
	draw_help_key(screen, cells);
}

bool draw_message(const struct screen *screen, struct cells *cells, int y)
{
	if (screen->overlay != OVERLAY_NONE || screen->message[0] == '\0')
		return false;
	cells_text(cells, 1, y, cells->width - 2, screen->message_bad ? STYLE_BAD : STYLE_BOLD,
		screen->message);
	return true;
}

/* One key with its label; returns the columns used, 0 when it does not fit before `end`. */
static int draw_key(const struct screen *screen, struct cells *cells, int x, int y, int end,
	const struct action *action)
{
	char key[16];

	key_name(action_keys(screen, action)[0], key);
	const int need = text_columns(key) + 1 + text_columns(action->label);
	if (x + need > end)
		return 0;
	x += cells_text(cells, x, y, need, STYLE_KEY, key) + 1;
	cells_text(cells, x, y, need, STYLE_TEXT, action->label);
	return need;
}

/* What can be done now, in the order of the table, as far as it fits; the key of the help
 * always stands at the end. */
void draw_footer(const struct screen *screen, struct cells *cells, int y)
{
	const enum context context = action_context(screen);
	const struct action *help = action_by_name("help");
	const bool helps = (help->contexts & context) != 0 && action_keys(screen, help)[0] != 0;
	int x = 1, end = cells->width - 1 - (helps ? 8 : 0);

	for (size_t i = 0; i < action_count; i++) {
		const struct action *action = &actions[i];
		if (action->label == NULL || !(action->contexts & context) || action == help ||
			action_keys(screen, action)[0] == 0 ||
			str_eq(action->name, view_rows[screen->view].name) ||
			action_refused(screen, action) != NULL)
			continue;
		const int used = draw_key(screen, cells, x, y, end, action);
		if (used == 0)
			break;
		x += used + 2;
	}
	if (helps)
		draw_key(screen, cells, x, y, cells->width - 1, help);
}

/* ------------------------------------------------------------------ help, queue, palette */

static void help_part(
	const struct screen *screen, struct lines *lines, int width, unsigned context, bool now)
{
	char key[16], text[256];

	for (size_t i = 0; i < action_count; i++) {
		const struct action *action = &actions[i];
		if (!(action->contexts & context))
			continue;
		const char *why = action_refused(screen, action);
		if ((why == NULL) != now)
			continue;
		char keys[64] = "";
		const uint32_t *own = action_keys(screen, action);
		for (size_t k = 0; k < ACTION_KEYS && own[k] != 0; k++)
			snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%s%s",
				k ? " " : "", key_name(own[k], key));
		if (keys[0] == '\0')
			snprintf(keys, sizeof(keys), ":%s", action->name);
		if (now)
			lines_addf(
				lines, STYLE_TEXT, width, 13, "%-12s %s", keys, action->help);
		else
			lines_addf(lines, STYLE_DIM, width, 13, "%-12s %s (not now: %s)", keys,
				action->help, text_with_keys(screen, why, text, sizeof(text)));
	}
}

void draw_help(const struct screen *screen, struct cells *cells)
{
	const unsigned context = view_rows[screen->view].context;
	const struct box box = { 1, 1, cells->width - 2, cells->height - 2 };
	struct lines lines;

	lines_init(&lines);
	help_part(screen, &lines, box.width - 4, context, true);
	help_part(screen, &lines, box.width - 4, context, false);
	const int rows = box.height - 2;
	const int last = (int)lines.count > rows ? (int)lines.count - rows : 0;
	const int first = screen->help_scroll > last ? last : screen->help_scroll;
	draw_box(cells, box, STYLE_BOLD, "Keys valid now; the palette (:) takes the names too",
		first < last ? "more: PgDn" : "Esc back");
	for (int i = 0; i < rows && first + i < (int)lines.count; i++)
		cells_text(cells, box.x + 2, box.y + 1 + i, box.width - 4,
			lines.rows[first + i].style, lines.rows[first + i].text);
	lines_release(&lines);
}

void draw_queue(const struct screen *screen, struct cells *cells)
{
	const int room = cells->height - 6;
	const int count = (int)queue_count(screen), at = (int)screen->queue_cursor;
	const int rows = count < room ? count : room, first = at >= rows ? at - rows + 1 : 0;
	const struct box box = { 2, 3, cells->width - 4, rows + 2 };
	char text[512], age[24];

	draw_box(cells, box, STYLE_WARN, "Needs attention", "Enter goes there  Esc back");
	for (int i = 0; i < rows; i++) {
		const int y = box.y + 1 + i;
		const bool here = first + i == at;
		const enum style own = queue_row(
			screen, (size_t)(first + i), text, sizeof(text), age, sizeof(age));
		const enum style style = here ? STYLE_SELECTED : own;
		cells_fill(cells, box.x + 1, y, box.width - 2, style, ' ');
		cells_textf(cells, box.x + 2, y, box.width - 14, style, "%c %s",
			here ? '>' : ' ', text);
		cells_right(cells, box.x + box.width - 11, y, 9, style, age);
	}
}

/* A line being typed at the bottom; of a long one the end is what matters. */
static void draw_typed(const struct screen *screen, struct cells *cells, const char *lead,
	const struct field *field)
{
	const int y = cells->height - 1;
	const char *text = field->text;

	(void)screen;
	cells_fill(cells, 0, y, cells->width, STYLE_TEXT, ' ');
	while (text_columns(text) > cells->width - 4 && *text != '\0')
		utf8_next(&text);
	const int used =
		cells_textf(cells, 1, y, cells->width - 2, STYLE_BOLD, "%s%s", lead, text);
	cells->cursor_x = 1 + used;
	cells->cursor_y = y;
}

/* ------------------------------------------------------------------ the whole */

/* Too small for panes: the one line that matters. */
static void draw_tiny(const struct screen *screen, struct cells *cells)
{
	const struct run *run = screen->run;
	const struct step *step = screen_step(screen);
	char mode[16], clock[24], left[48];
	const char *word;

	mode_word(run != NULL ? run->mode : NULL, mode);
	int x = cells_text(cells, 0, 0, cells->width,
			mode_style(run != NULL ? run->mode : NULL), mode) +
		1;
	if (run == NULL || !run->started) {
		cells_text(cells, x, 0, cells->width - x, STYLE_TEXT,
			screen->view == VIEW_RUN ? "..." : view_rows[screen->view].name);
		return;
	}
	left_text(screen, left, sizeof(left));
	word = run->status != RUN_OPEN ? run_status_name(run->status)
	       : run->ask_count > 0    ? "ASKS"
	       : step != NULL	       ? step_word(run, screen->cursor)
				       : "";
	x += cells_textf(cells, x, 0, cells->width - x, STYLE_BOLD, "%s%s%s ", left,
		left[0] ? " " : "", word);
	if (step != NULL)
		cells_textf(cells, x, 0, cells->width - x, STYLE_TEXT, "%s %s",
			format_clock(clock, sizeof(clock), spent_ms(screen, step)), step->id);
	if (screen->message[0] != '\0' && cells->height > 1)
		cells_text(cells, 0, 1, cells->width, STYLE_WARN, screen->message);
}

void screen_draw(const struct screen *screen, struct cells *cells)
{
	char names[1024];

	cells_clear(cells);
	if (cells->width < 60 || cells->height < 16) {
		draw_tiny(screen, cells);
		return;
	}
	view_draw(screen, cells);
	switch (screen->overlay) {
	case OVERLAY_HELP:
		draw_help(screen, cells);
		break;
	case OVERLAY_QUEUE:
		draw_queue(screen, cells);
		break;
	case OVERLAY_PALETTE:
		palette_matches(screen, names, sizeof(names));
		cells_fill(cells, 0, cells->height - 2, cells->width, STYLE_TEXT, ' ');
		cells_text(cells, 1, cells->height - 2, cells->width - 2, STYLE_DIM, names);
		draw_typed(screen, cells, ":", &screen->palette);
		break;
	case OVERLAY_SEARCH:
		draw_typed(screen, cells, "/", &screen->search);
		break;
	case OVERLAY_FORM:
		draw_form(screen, cells);
		break;
	case OVERLAY_DIALOG:
		draw_dialog(screen, cells);
		break;
	case OVERLAY_NONE:
		break;
	}
	/* a refusal is readable over a dialog too */
	if (screen->overlay != OVERLAY_NONE && screen->message[0] != '\0') {
		cells_fill(cells, 0, cells->height - 1, cells->width, STYLE_TEXT, ' ');
		cells_text(cells, 1, cells->height - 1, cells->width - 2,
			screen->message_bad ? STYLE_BAD : STYLE_BOLD, screen->message);
	}
}
