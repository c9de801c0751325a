/* view_run.c: what belongs to the open run besides its own screen: values, timeline, one step
 * in detail. */
#include "format.h"
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *run_part_head(const struct screen *screen, char *out, size_t size)
{
	const struct run *run = screen->run;
	const struct step *step = screen_step(screen);
	char left[48];

	if (run == NULL || !run->started) {
		snprintf(out, size, "no run is open");
		return NULL;
	}
	left_text(screen, left, sizeof(left));
	if (screen->view == VIEW_STEP && step != NULL)
		snprintf(out, size, "STEP %zu of %zu: %.60s  run %" PRId64 "  %s",
			screen->cursor + 1, run->step_count, step->id, run->id, left);
	else
		snprintf(out, size, "%s  run %" PRId64 " %.40s  %s",
			screen->view == VIEW_VALUES ? "VALUES" : "TIMELINE", run->id,
			run->runbook, left);
	return run->mode;
}

/* ------------------------------------------------------------------ values */

static void value_lines(const json_t *object, struct lines *lines, int width, const char *none)
{
	const char *name;
	json_t *value;

	if (json_object_size(object) == 0 && none != NULL)
		lines_add(lines, STYLE_DIM, width, 0, none);
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		char *text = format_value(value);
		lines_addf(lines, STYLE_TEXT, width, 4, "  %s = %s", name, text);
		free(text);
	}
}

static void measured_lines(const struct run *run, struct lines *lines, int width)
{
	for (size_t i = 0; i < run->service_count; i++) {
		const struct service *service = &run->services[i];
		char age[24];
		if (!service->measured)
			continue;
		lines_addf(lines, STYLE_BOLD, width, 0, "MEASURED of %s", service->name);
		if (service->lost >= 0)
			lines_addf(lines, STYLE_TEXT, width, 4,
				"  lost %" PRId64 " %s of %" PRId64 " acknowledged",
				service->lost, service->unit != NULL ? service->unit : "units",
				service->acknowledged);
		if (service->rpa_ms >= 0)
			lines_addf(lines, STYLE_TEXT, width, 4, "  data lost of the last %s",
				format_clock(age, sizeof(age), service->rpa_ms));
		lines_addf(lines, STYLE_DIM, width, 4, "  basis %s",
			service->basis != NULL ? service->basis : "not stated");
	}
}

void values_text(const struct screen *screen, struct lines *lines, int width)
{
	const struct run *run = screen->run;

	if (run == NULL || !run->started) {
		lines_add(lines, STYLE_DIM, width, 0, "no run is open");
		return;
	}
	lines_add(lines, STYLE_BOLD, width, 0, "PARAMETERS");
	value_lines(run->params, lines, width, "  this run has none");
	measured_lines(run, lines, width);
	for (size_t i = 0; i < run->step_count; i++) {
		const struct step *step = &run->steps[i];
		if (json_object_size(step->outputs) == 0)
			continue;
		lines_addf(lines, STYLE_BOLD, width, 0, "%zu %s", i + 1, step->id);
		value_lines(step->outputs, lines, width, NULL);
	}
}

/* ------------------------------------------------------------------ one step */

static void needs_lines(
	const struct run *run, const struct step *step, struct lines *lines, int width)
{
	for (size_t i = 0; i < step->needs_count; i++) {
		const struct step *need = &run->steps[step->needs_index[i]];
		lines_addf(lines, STYLE_TEXT, width, 14, "%-11s %s (%s)", i == 0 ? "After" : "",
			need->id, step_state_name(need->state));
	}
	if (step->needs_count == 0)
		lines_addf(lines, STYLE_TEXT, width, 14, "%-11s nothing: it may start at once",
			"After");
}

static void call_lines(const struct step *step, struct lines *lines, int width)
{
	for (size_t i = 0; i < step->op_count; i++) {
		const struct op *op = &step->ops[i];
		char *args = op->args != NULL ? json_line(op->args) : xstrdup("{}");
		char *result = op->result != NULL ? json_line(op->result) : NULL;
		if (op->target == NULL || op->target[0] == '\0') {
			free(args);
			free(result);
			continue; /* the clock and the dice */
		}
		lines_addf(lines, STYLE_TEXT, width, 6, "%" PRId64 ".%" PRId64 " %s %s %s",
			op->attempt, op->ordinal, op->op, op->target, args);
		lines_addf(lines,
			op->state == OP_STATE_FAILED || op->state == OP_STATE_UNKNOWN
				? STYLE_BAD
				: STYLE_DIM,
			width, 6, "    %s%s%s%s%s", op_state_name(op->state),
			result != NULL ? ": " : "", result != NULL ? result : "",
			op->error != NULL ? ": " : "",
			op->error != NULL ? json_str(op->error, "text", "") : "");
		free(args);
		free(result);
	}
}

void step_preview(
	const struct run *run, const struct step *step, struct lines *lines, int width)
{
	static const char *const levels[] = { "only looks: no question",
		"changes something that can be undone: a preview is shown first",
		"COSTLY TO UNDO: asks, a capital Y does it",
		"IRREVERSIBLE: asks, a word must be typed" };
	char expect[24];

	lines_add(lines, STYLE_BOLD, width, 0, step->title[0] ? step->title : step->id);
	lines_addf(lines, STYLE_TEXT, width, 14, "%-11s %s", "Kind",
		step_kind_name(step->kind) != NULL ? step_kind_name(step->kind) : "step");
	if (step->level >= 0 && step->level < (int64_t)COUNT_OF(levels))
		lines_addf(lines,
			step->level >= 3   ? STYLE_BAD
			: step->level == 2 ? STYLE_WARN
					   : STYLE_TEXT,
			width, 14, "%-11s %s", "Level", levels[step->level]);
	if (step->expect_ms > 0)
		lines_addf(lines, STYLE_TEXT, width, 14, "%-11s %s", "Expected",
			format_duration(expect, sizeof(expect), step->expect_ms));
	if (step->owner != NULL && step->owner[0] != '\0')
		lines_addf(lines, STYLE_TEXT, width, 14, "%-11s %s", "Owner", step->owner);
	needs_lines(run, step, lines, width);
	if (json_object_size(step->uses) > 0)
		uses_text(step->uses, lines, width, "May do      ");
	else
		lines_addf(lines, STYLE_TEXT, width, 14, "%-11s nothing in the outside world",
			"May do");
}

static const json_t *row_of(const json_t *rows, const char *step)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (str_eq(json_str(row, "step", ""), step))
			return row;
	return NULL;
}

/* What the forecast says of a step: how long it still takes, whether it holds somebody up. */
static void forecast_lines(
	const struct screen *screen, const struct step *step, struct lines *lines, int width)
{
	const json_t *rest = row_of(json_object_get(screen->forecast, "steps"), step->id),
		     *service;
	const int64_t gone_ms =
		(screen->now.ns - json_int(screen->forecast, "at_ns", screen->now.ns)) /
		1000000;
	char half[24], most[24];
	size_t i;

	if (rest != NULL && step->ended.ns == 0) {
		const int64_t p50_ms = json_int(rest, "p50_ms", 0) - gone_ms;
		const int64_t p90_ms = json_int(rest, "p90_ms", 0) - gone_ms;
		lines_addf(lines, STYLE_TEXT, width, 14,
			"%-11s another %s, nine times in ten at most %s", "Forecast",
			format_clock(half, sizeof(half), p50_ms > 0 ? p50_ms : 0),
			format_clock(most, sizeof(most), p90_ms > 0 ? p90_ms : 0));
	}
	json_array_foreach(json_object_get(screen->forecast, "services"), i, service) {
		const json_t *row = row_of(json_object_get(service, "critical"), step->id);
		if (row != NULL)
			lines_addf(lines, STYLE_TEXT, width, 14,
				"%-11s %s waits for it in %" PRId64 " of 1000 cases",
				"Critical", json_str(service, "service", ""),
				json_int(row, "per_mille", 0));
	}
}

void step_text(const struct screen *screen, struct lines *lines, int width)
{
	const struct step *step = screen_step(screen);
	char clock[24];

	if (step == NULL) {
		lines_add(lines, STYLE_DIM, width, 0, "no step");
		return;
	}
	step_preview(screen->run, step, lines, width);
	lines_addf(lines, step_style(screen->run, screen->cursor), width, 14, "%-11s %s",
		"State", step_state_name(step->state));
	if (step->attempt > 0)
		lines_addf(lines, STYLE_TEXT, width, 14, "%-11s %" PRId64 ", %s", "Attempt",
			step->attempt,
			format_clock(clock, sizeof(clock), spent_ms(screen, step)));
	forecast_lines(screen, step, lines, width);
	if (step->error_text != NULL)
		lines_addf(lines, STYLE_BAD, width, 14, "%-11s %s (the world: %s)", "Error",
			step->error_text,
			step->error_world != NULL ? step->error_world : "unknown");
	if (step->reason != NULL && step->reason[0] != '\0')
		lines_addf(lines, STYLE_WARN, width, 14, "%-11s %s", "Reason", step->reason);
	value_lines(step->outputs, lines, width, NULL);
	if (step->op_count > 0)
		lines_add(lines, STYLE_BOLD, width, 0, "CALLS (attempt.ordinal)");
	call_lines(step, lines, width);
	for (size_t i = 0; i < screen->run->note_count; i++)
		if (screen->run->notes[i].step != NULL &&
			str_eq(screen->run->notes[i].step, step->id))
			lines_addf(lines, STYLE_TEXT, width, 6, "NOTE %s: %s",
				screen->run->notes[i].who, screen->run->notes[i].text);
}

/* ------------------------------------------------------------------ timeline */

size_t timeline_count(const struct screen *screen)
{
	return screen->run != NULL ? screen->run->step_count : 0;
}

/* From t0 to the latest of now (or the end) and the RTO. */
static void span_of(
	const struct screen *screen, int64_t *from_ns, int64_t *to_ns, int64_t *rto_ns)
{
	const struct run *run = screen->run;
	const struct service none = { .rto_ms = -1 };
	const struct service *service = run->service_count > 0 ? &run->services[0] : &none;
	const struct service_clock clock = run_clock(run, service, screen->now);

	*from_ns = clock.t0.ns;
	*rto_ns = clock.rto_ms >= 0 ? clock.t0.ns + clock.rto_ms * 1000000 : 0;
	*to_ns = run->ended.ns != 0 ? run->ended.ns : run_now(run, screen->now).ns;
	if (*rto_ns > *to_ns)
		*to_ns = *rto_ns;
	if (*to_ns <= *from_ns)
		*to_ns = *from_ns + 1;
}

static int column_of(int64_t at, int64_t from, int64_t to, int width)
{
	const int64_t column = (at - from) / 1000 * width / ((to - from) / 1000 + 1);

	return (int)(column < 0 ? 0 : column >= width ? width - 1 : column);
}

void timeline_row(const struct screen *screen, size_t at, int width, char *out, size_t size)
{
	static const char marks[TIME_KINDS] = { [TIME_DETECT] = 'd',
		[TIME_DECIDE] = 'd',
		[TIME_MACHINE] = '#',
		[TIME_HUMAN] = 'h',
		[TIME_APPROVAL] = 'a',
		[TIME_WORLD] = 'w',
		[TIME_VERIFY] = 'v',
		[TIME_IDLE] = '.' };
	const struct step *step = &screen->run->steps[at];
	const int name = width > 120 ? 32 : 18,
		  room = width - name - 18 > 8 ? width - name - 18 : 8;
	char bar[512], clock[24] = "";
	int64_t from, to, rto;

	span_of(screen, &from, &to, &rto);
	const int cells = room < (int)sizeof(bar) - 1 ? room : (int)sizeof(bar) - 1;
	memset(bar, ' ', (size_t)cells);
	bar[cells] = '\0';
	if (rto != 0)
		bar[column_of(rto, from, to, cells)] = '|';
	for (size_t i = 0; i < step->span_count; i++) {
		const struct span *span = &step->spans[i];
		const int64_t end = span->to.ns != 0 ? span->to.ns : screen->now.ns;
		const int last = column_of(end, from, to, cells);
		for (int x = column_of(span->from.ns, from, to, cells); x <= last; x++)
			bar[x] = marks[span->kind < TIME_KINDS ? span->kind : TIME_IDLE];
	}
	if (step->attempt > 0)
		format_clock(clock, sizeof(clock), spent_ms(screen, step));
	snprintf(out, size, "%3zu %-4.4s %-*.*s [%s] %s", at + 1, step_word(screen->run, at),
		name, name, step->id, bar, clock);
}

enum style timeline_style(const struct screen *screen, size_t at)
{
	const struct step *step = &screen->run->steps[at];

	return step->expect_ms > 0 && step->attempt > 0 &&
			       spent_ms(screen, step) > step->expect_ms
		       ? STYLE_WARN
		       : step_style(screen->run, at);
}

void timeline_enter(struct screen *screen)
{
	screen->cursor = view_cursor(screen);
	screen->follow = false;
	view_turn(screen, VIEW_RUN);
}
