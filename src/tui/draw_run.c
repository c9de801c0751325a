/* draw_run.c: the Run screen: header, RTO bar, steps, output, people and notes.
 *
 *   below 80 columns one pane at a time, from 80 steps and output, from 160 a third column. */
#include "keymap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_FROM = 160 };

/* ------------------------------------------------------------------ header and clock */

static void draw_header(const struct screen *screen, struct cells *cells)
{
	const struct run *run = screen->run;
	char mode[16], text[512];
	const int width = cells->width;

	if (run == NULL || !run->started) {
		cells_text(cells, 1, 0, 8, STYLE_BOLD, "[----]");
		cells_textf(cells, 8, 0, width - 16, STYLE_TEXT,
			"run %lld   waiting for its record", (long long)screen->run_id);
		return;
	}
	mode_word(run->mode, mode);
	int x = 1 + cells_text(cells, 1, 0, 16, mode_style(run->mode), mode) + 1;
	const char *lead = screen->lead[0] ? screen->lead : run->lead;
	if (screen_narrow(screen))
		snprintf(text, sizeof(text), "run %lld  %s %s", (long long)run->id,
			screen->lead_is_you ? "lead" : "watch", lead);
	else
		snprintf(text, sizeof(text), "run %lld  v%lld %.7s%s  lead %s%s",
			(long long)run->id, (long long)run->version,
			run->commit[0] ? run->commit : run->digest, run->dirty ? "*" : "", lead,
			screen->lead_is_you ? "" : " (you watch)");
	const int tail = text_columns(text), help = 7;
	const char *service = run->service_count > 0 ? run->services[0].name : "";
	const int room = width - x - tail - help - 3;
	if (room > 8)
		cells_textf(cells, x, 0, room, STYLE_BOLD, "%s%s%s", service,
			service[0] ? " / " : "", run->runbook);
	else
		cells_text(cells, x, 0, 12, STYLE_BOLD, run->runbook);
	x = room > 8 ? x + room + 2 : x + 14;
	cells_text(cells, x, 0, width - x - help, STYLE_TEXT, text);
	draw_help_key(screen, cells);
}

/* The service whose clock is worst: of those with an objective that still run, as long as one does.
 * What a service that is back had left says nothing of the others. */
static const struct service *worst_service(const struct screen *screen)
{
	const struct run *run = screen->run;
	const struct service *worst = NULL;
	int64_t least = 0;
	bool runs = false;

	for (size_t i = 0; i < run->service_count; i++) {
		const struct service *service = &run->services[i];
		const struct service_clock clock = run_clock(run, service, screen->now);
		const int64_t left = clock.rto_ms < 0 ? INT64_MAX : clock.left_ms;
		const bool open = !clock.stopped && clock.rto_ms >= 0;
		if (worst == NULL || open > runs || (open == runs && left < least)) {
			worst = service;
			least = left;
			runs = open;
		}
	}
	return worst;
}

static enum style clock_style(const char *word)
{
	static const struct {
		const char *word;
		enum style style;
	} words[] = {
		{ "MET", STYLE_GOOD },
		{ "on track", STYLE_GOOD },
		{ "tight", STYLE_WARN },
		{ "over", STYLE_BAD },
		{ "MISSED", STYLE_BAD },
	};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (str_eq(words[i].word, word))
			return words[i].style;
	return STYLE_DIM;
}

/* The column of a moment on a bar that ends at the RTO; what lies beyond stands in the last. */
static int bar_column(const struct service_clock *clock, int64_t ms, int width)
{
	const int64_t at = clock->rto_ms > 0 ? ms * width / clock->rto_ms : width;

	return (int)(at < 0 ? 0 : at > width ? width : at);
}

/* Elapsed time, and where the forecast puts the end: ':' half of the draws, '|' nine in ten. */
static void draw_bar(struct cells *cells, int y, const struct service_clock *clock,
	const json_t *forecast, enum style style)
{
	static const char legend[] = " :p50 |p90";
	char right[32] = "";

	if (forecast != NULL && cells->width >= 80)
		snprintf(right, sizeof(right), "%s%s", legend,
			clock->assumed ? "  t0 assumed" : "");
	const int width = cells->width - 4 - (int)strlen(right);
	const int filled = bar_column(clock, clock->elapsed_ms, width);

	cells_text(cells, 1, y, 1, STYLE_TEXT, "[");
	cells_fill(cells, 2, y, width, STYLE_DIM, '.');
	cells_fill(cells, 2, y, filled, style, '#');
	if (filled < width && filled > 0 && !clock->stopped)
		cells_fill(cells, 2 + filled - 1, y, 1, style, '>');
	for (int i = 0; forecast != NULL && i < 2; i++) {
		const int64_t ms = json_int(forecast, i == 0 ? "p50_ms" : "p90_ms", 0);
		const int at = bar_column(clock, ms, width);
		cells_fill(cells, 2 + (at < width ? at : width - 1), y, 1,
			ms > clock->rto_ms ? STYLE_BAD : STYLE_BOLD, i == 0 ? ':' : '|');
	}
	cells_text(cells, 2 + width, y, 1, STYLE_TEXT, "]");
	cells_text(cells, 3 + width, y, (int)strlen(right), STYLE_DIM, right);
}

/* "projected 24:10  P(miss) 4%", shorter where there is no room for it. */
static void projected_text(const json_t *forecast, int room, char *out, size_t size)
{
	const int64_t miss = json_int(forecast, "miss_per_mille", -1);
	char p50[24], share[16];

	out[0] = '\0';
	if (forecast == NULL || miss < 0)
		return;
	format_clock(p50, sizeof(p50), json_int(forecast, "p50_ms", 0));
	/* never a certainty that a draw cannot have */
	snprintf(share, sizeof(share), "%s%" PRId64 "%%",
		miss < 10    ? "<"
		: miss > 990 ? ">"
			     : "",
		miss < 10    ? 1
		: miss > 990 ? 99
			     : (miss + 5) / 10);
	snprintf(out, size, "projected %s  P(miss) %s", p50, share);
	if ((int)strlen(out) > room)
		snprintf(out, size, "proj %s  miss %s", p50, share);
	if ((int)strlen(out) > room)
		snprintf(out, size, "proj %s", p50);
	if ((int)strlen(out) > room)
		out[0] = '\0';
}

int64_t spent_ms(const struct screen *screen, const struct step *step)
{
	return step_elapsed_ms(step, run_now(screen->run, screen->now));
}

void left_text(const struct screen *screen, char *out, size_t size)
{
	const struct service *service =
		screen->run != NULL && screen->run->started ? worst_service(screen) : NULL;
	char left[24];

	out[0] = '\0';
	if (service == NULL || service->rto_ms < 0)
		return;
	const struct service_clock clock = run_clock(screen->run, service, screen->now);
	snprintf(out, size, "LEFT %s%s", clock.left_ms < 0 ? "+" : "",
		format_clock(left, sizeof(left),
			clock.left_ms < 0 ? -clock.left_ms : clock.left_ms));
}

/* RTO, elapsed, LEFT, the forecast, word; the bar below them. */
static void draw_clock(const struct screen *screen, struct cells *cells, int y)
{
	const struct run *run = screen->run;
	const struct service *service = worst_service(screen);
	char rto[24], elapsed[24], left[24], state[64] = "", projected[64];
	int x = 1;

	if (service == NULL) {
		cells_text(cells, 1, y, cells->width - 2, STYLE_DIM,
			"this runbook serves no service: no RTO");
		return;
	}
	const struct service_clock clock = run_clock(run, service, screen->now);
	const json_t *forecast = clock.stopped ? NULL : screen_forecast(screen, service->name);
	const char *word = forecast_word(
		&clock, forecast != NULL, json_int(forecast, "miss_per_mille", -1));
	const enum style style = clock_style(word);
	format_clock(elapsed, sizeof(elapsed), clock.elapsed_ms);
	if (clock.rto_ms < 0) {
		cells_textf(cells, 1, y, cells->width - 2, STYLE_TEXT, "no RTO   elapsed %s",
			elapsed);
	} else {
		format_clock(rto, sizeof(rto), clock.rto_ms);
		format_clock(
			left, sizeof(left), clock.left_ms < 0 ? -clock.left_ms : clock.left_ms);
		x += cells_textf(cells, 1, y, cells->width, STYLE_TEXT,
			"RTO %s   elapsed %s%s   ", rto, elapsed,
			clock.assumed && forecast == NULL && !screen_narrow(screen)
				? " (t0 assumed)"
				: "");
		x += cells_textf(cells, x, y, cells->width - x, STYLE_BOLD, "LEFT ");
		/* digits that change every second have no colour of their own while all is
		 * well: bytes */
		x += cells_textf(cells, x, y, cells->width - x,
			style == STYLE_GOOD ? STYLE_TEXT : style, "%s%s",
			clock.left_ms < 0 ? "+" : "", left);
		draw_bar(cells, y + 1, &clock, forecast, style);
	}
	if (run->service_count > 1)
		snprintf(state, sizeof(state), "%.30s: ", service->name);
	snprintf(state + strlen(state), sizeof(state) - strlen(state), "%s",
		clock.rto_ms < 0 ? "" : word);
	const int right = text_columns(state), gap = screen_narrow(screen) ? 2 : 3;
	projected_text(
		forecast, cells->width - x - right - 2 * gap, projected, sizeof(projected));
	cells_text(cells, x + gap, y, (int)strlen(projected), STYLE_TEXT, projected);
	cells_right(cells, cells->width - 1 - right, y, right, style, state);
}

/* ------------------------------------------------------------------ steps */

/* Clocks of a step: what it takes or took, what was expected, '+' past it. */
static void step_clocks(
	const struct screen *screen, const struct step *step, bool gap, char *out, size_t size)
{
	char spent[24] = "", expected[24] = "";
	const int64_t elapsed = spent_ms(screen, step);

	if (step->started.ns != 0 && step->state != STEP_SKIPPED)
		format_clock(spent, sizeof(spent), elapsed);
	if (step->expect_ms > 0)
		format_clock(expected, sizeof(expected), step->expect_ms);
	snprintf(out, size, "%s%s%s%s%s%s", spent, gap && expected[0] ? " " : "",
		expected[0] ? "(" : "", expected, expected[0] ? ")" : "",
		spent[0] && expected[0] && elapsed > step->expect_ms ? "+" : " ");
}

/* Lanes beside the steps, where there is more than one; returns the columns they take. */
static int draw_graph(
	const struct screen *screen, struct cells *cells, int x, int y, size_t at, bool wide)
{
	const int most = wide ? GRAPH_LANES + 1 : 3;
	const int width = screen->graph.width < most ? screen->graph.width : most;

	if (screen->graph.rows == NULL || screen->graph.width < 2)
		return 0;
	cells_text(cells, x, y, width, STYLE_DIM, screen->graph.rows[at]);
	return width + 1;
}

static void draw_step(
	const struct screen *screen, struct cells *cells, struct box box, int y, size_t at)
{
	const struct step *step = &screen->run->steps[at];
	const bool here = at == screen->cursor;
	const bool wide = box.width > 60;
	const bool titled = wide && step->title[0] != '\0' && !str_eq(step->title, step->id);
	char clocks[64];
	int x = box.x;

	step_clocks(screen, step, wide, clocks, sizeof(clocks));
	if (step->state == STEP_SKIPPED && step->reason != NULL)
		snprintf(clocks, sizeof(clocks), "%.14s ", step->reason);
	const int clock_width = text_columns(clocks);
	const size_t count = screen->run->step_count;
	const int digits = count < 100 ? 2 : count < 1000 ? 3 : 5;
	x += cells_textf(cells, x, y, digits + 2, here ? STYLE_BOLD : STYLE_TEXT, "%c%*zu ",
		here ? '>' : ' ', digits, at + 1);
	cells_text(cells, x, y, 4, step_style(screen->run, at), step_word(screen->run, at));
	x += 5;
	x += draw_graph(screen, cells, x, y, at, wide);
	const int room = box.x + box.width - clock_width - 1 - x;
	const enum style style = here ? STYLE_SELECTED : STYLE_TEXT;
	const char *mark = level_mark(step->level);
	const int mark_width = (int)strlen(mark);
	/* what belongs to a group is indented; a group stands where it ends */
	const int inside = step->within_count < 4 ? (int)step->within_count : 4;
	cells_textf(cells, x, y, room, STYLE_DIM, "%*s%s", inside, "",
		step->kind == KIND_GROUP ? "= " : "");
	const int before = inside + (step->kind == KIND_GROUP ? 2 : 0);
	x += before;
	const int used = cells_textf(cells, x, y, room - before - mark_width, style, "%s%s%s",
		step->id, titled ? "  " : "", titled ? step->title : "");
	cells_text(cells, x + used, y, mark_width, STYLE_BAD, mark);
	cells_text(cells, x - before + room + 1, y, clock_width,
		step->state == STEP_SKIPPED   ? STYLE_DIM
		: strchr(clocks, '+') != NULL ? STYLE_WARN
					      : STYLE_TEXT,
		clocks);
}

static void steps_title(const struct screen *screen, char *out, size_t size)
{
	const struct run *run = screen->run;
	size_t done = 0, running = 0;

	for (size_t i = 0; i < run->step_count; i++) {
		done += run->steps[i].state == STEP_OK || run->steps[i].state == STEP_SKIPPED;
		running += run->steps[i].state == STEP_RUNNING;
	}
	snprintf(out, size, "STEPS %zu/%zu done  %zu running", done, run->step_count, running);
	if (run->ask_count > 0)
		snprintf(out + strlen(out), size - strlen(out), "  %zu asked", run->ask_count);
	if (run->status != RUN_OPEN)
		snprintf(out, size, "STEPS %zu/%zu done  run %s", done, run->step_count,
			run_status_name(run->status));
}

static void draw_steps(const struct screen *screen, struct cells *cells, struct box box)
{
	const int count = (int)screen->run->step_count, at = (int)screen->cursor;
	char title[96];
	const int rows = box.height - 1;
	int first = at - rows * 2 / 3;

	steps_title(screen, title, sizeof(title));
	cells_text(cells, box.x + 1, box.y, box.width - 2,
		screen->pane == PANE_STEPS ? STYLE_BOLD : STYLE_TEXT, title);
	if (first > count - rows)
		first = count - rows;
	if (first < 0)
		first = 0;
	for (int i = 0; i < rows && first + i < count; i++)
		draw_step(screen, cells, box, box.y + 1 + i, (size_t)(first + i));
}

/* ------------------------------------------------------------------ bottom lines */

/* What the run as a whole is doing that one must know: journal trouble, abort, pause, its end.
 */
static bool draw_state_line(const struct screen *screen, struct cells *cells, int y)
{
	const struct run *run = screen->run;
	const int width = cells->width - 2;
	char text[160];

	if (screen->journal[0] != '\0') {
		cells_textf(cells, 1, y, width, STYLE_BAD,
			"JOURNAL: %s; nothing that changes the world starts", screen->journal);
		return true;
	}
	if (run->status != RUN_OPEN) {
		cells_textf(cells, 1, y, width,
			run->status == RUN_DONE ? STYLE_GOOD : STYLE_BAD,
			"RUN %s%s%s   (drillbook report %lld)", run_status_name(run->status),
			run->reason != NULL && run->reason[0] ? ": " : "",
			run->reason != NULL ? run->reason : "", (long long)run->id);
		return true;
	}
	if (run->aborting || run->paused) {
		cells_text(cells, 1, y, width, STYLE_WARN,
			text_with_keys(screen,
				run->aborting
					? "ABORTING: running steps are being stopped"
					: "PAUSED: no further step starts; the clock goes on "
					  "({pause} continues)",
				text, sizeof(text)));
		return true;
	}
	return false;
}

static void draw_note(const struct screen *screen, struct cells *cells, int y)
{
	const struct run *run = screen->run;
	char when[32], count[160] = "", key[96];

	if (draw_message(screen, cells, y))
		return;
	if (draw_state_line(screen, cells, y))
		return;
	if (run->note_count == 0) {
		cells_text(cells, 1, y, cells->width - 2, STYLE_DIM,
			text_with_keys(
				screen, "no notes ({note} writes one)", key, sizeof(key)));
		return;
	}
	const struct note *note = &run->notes[run->note_count - 1];
	wall_format(when, sizeof(when), note->at);
	snprintf(count, sizeof(count), "(%s note, %zu total)",
		text_with_keys(screen, "{note}", key, sizeof(key)), run->note_count);
	const int right = (int)strlen(count);
	cells_textf(cells, 1, y, cells->width - right - 4, STYLE_TEXT, "NOTE %.5s %s: %s",
		when + 11, note->who, note->text);
	cells_right(cells, cells->width - right - 1, y, right, STYLE_DIM, count);
}

/* Steps, output, people; one pane below 80 columns, the third from 160. */
static void split(
	const struct screen *screen, struct box *left, struct box *middle, struct box *right)
{
	const int width = screen->width;
	const struct box body = { 0, 4, width, screen->height - 7 };
	const bool side = width >= SIDE_FROM;
	const int third = side ? 44 : 0;
	const int steps = side ? (width - third) * 2 / 5 : width * 38 / 80;

	*left = *middle = *right = body;
	right->width = 0;
	if (screen_narrow(screen))
		return;
	left->width = steps;
	middle->x = steps + 2;
	middle->width = width - third - steps - 2;
	right->x = width - third + 1;
	right->width = third > 0 ? third - 2 : 0;
}

struct box output_box(const struct screen *screen)
{
	struct box left, middle, right;

	split(screen, &left, &middle, &right);
	return middle;
}

void draw_run(const struct screen *screen, struct cells *cells)
{
	const int width = cells->width, height = cells->height;
	struct box left, middle, right;

	draw_header(screen, cells);
	if (screen->run == NULL || !screen->run->started) {
		cells_text(cells, 1, height - 2, width - 2,
			screen->message_bad ? STYLE_BAD : STYLE_TEXT, screen->message);
		draw_footer(screen, cells, height - 1);
		return;
	}
	draw_clock(screen, cells, 1);
	cells_rule(cells, 0, 3, width, STYLE_DIM);
	cells_rule(cells, 0, height - 3, width, STYLE_DIM);
	split(screen, &left, &middle, &right);
	const bool both = !screen_narrow(screen);
	if (both || screen->pane == PANE_STEPS)
		draw_steps(screen, cells, left);
	if (both || screen->pane == PANE_OUTPUT)
		draw_output(screen, cells, middle);
	if (both)
		cells_down(cells, middle.x - 2, left.y, left.height, STYLE_DIM);
	if (right.width > 0)
		cells_down(cells, right.x - 2, left.y, left.height, STYLE_DIM);
	if (right.width > 0)
		draw_side(screen, cells, right);
	draw_note(screen, cells, height - 2);
	draw_footer(screen, cells, height - 1);
}
