/* draw_output.c: the pane that shows what a step does: its calls and the tail of its output;
 * and the third column. */
#include "keymap.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

enum { SILENT_FROM_MS = 30000 };

/* ------------------------------------------------------------------ calls */

static void op_line(
	const struct screen *screen, const struct op *op, struct lines *lines, int width)
{
	static const struct {
		const char *word;
		enum style style;
	} words[] = {
		[OP_STATE_READ] = { "read", STYLE_DIM },
		[OP_STATE_PROPOSED] = { "not yet allowed", STYLE_WARN },
		[OP_STATE_ALLOWED] = { "running", STYLE_RUNNING },
		[OP_STATE_DONE] = { "done", STYLE_GOOD },
		[OP_STATE_FAILED] = { "FAILED", STYLE_BAD },
		[OP_STATE_REFUSED] = { "refused", STYLE_WARN },
		[OP_STATE_UNKNOWN] = { "OUTCOME UNKNOWN", STYLE_BAD },
	};
	const struct wall now = run_now(screen->run, screen->now);
	char took[24] = "";

	if (op->began.ns != 0 && op->ended.ns >= op->began.ns)
		format_duration(took, sizeof(took), (op->ended.ns - op->began.ns) / 1000000);
	else if (op->state == OP_STATE_ALLOWED)
		format_clock(took, sizeof(took), (now.ns - op->journaled.ns) / 1000000);
	char *text = xasprintf("-> %s %s  %s%s%s%s%s", op->op, op->target,
		words[op->state].word, took[0] ? " " : "", took, op->error != NULL ? ": " : "",
		op->error != NULL ? json_str(op->error, "text", "") : "");
	lines_add(lines, words[op->state].style, width, 3, text);
	free(text);
}

static void op_lines(const struct screen *screen, const struct step *step, struct lines *lines,
	int width, int rows)
{
	size_t first = 0, seen = 0;

	for (size_t i = step->op_count; i-- > 0;)
		if (step->ops[i].attempt == step->attempt && ++seen == (size_t)rows) {
			first = i;
			break;
		}
	for (size_t i = first; i < step->op_count; i++)
		if (step->ops[i].attempt == step->attempt)
			op_line(screen, &step->ops[i], lines, width);
}

/* ------------------------------------------------------------------ output */

static int draw_line(const struct screen *screen, struct cells *cells, struct box box, int y,
	const char *line, size_t len, bool draw)
{
	struct painted painted;
	int rows = 0;

	if (len > 0 && line[len - 1] == '\r')
		len--; /* CR LF is an end of line, not an overwrite */
	paint_line(line, len, &painted);
	size_t at = 0;
	do {
		size_t to = screen->wrap ? at + text_fold(painted.text + at, box.width)
					 : painted.len;
		if (draw && y + rows >= box.y && y + rows < box.y + box.height)
			cells_painted(cells, box.x, y + rows, box.width, STYLE_TEXT, &painted,
				at, to);
		rows++;
		at = to;
		while (screen->wrap && at < painted.len && painted.text[at] == ' ')
			at++;
	} while (at < painted.len);
	painted_release(&painted);
	return rows;
}

/* From the first line that is shown on; when the end is followed and lines are folded, the last
 * row stands at the bottom. */
static void draw_lines(const struct screen *screen, struct cells *cells, struct box box)
{
	const struct output_view *out = &screen->out;
	const char *end, *begin = output_shown(out, box.height, &end);
	int y = box.y;

	if (begin == end)
		return;
	if (end[-1] == '\n')
		end--;
	for (int pass = out->held || !screen->wrap ? 1 : 0; pass < 2; pass++) {
		int rows = 0;
		for (const char *at = begin; at <= end;) {
			const char *newline =
				at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
			const char *stop = newline != NULL ? newline : end;
			if (pass == 1 && y + rows >= box.y + box.height)
				break;
			rows += draw_line(screen, cells, box, y + rows, at, (size_t)(stop - at),
				pass == 1);
			at = stop + 1;
		}
		if (pass == 0 && rows > box.height)
			y -= rows - box.height;
	}
	for (int row = 0; row < box.height && screen->search.len > 0; row++)
		cells_mark(cells, box.x, box.y + row, box.width, screen->search.text);
}

static void output_title(
	const struct screen *screen, const struct step *step, char *out, size_t size)
{
	const struct step_view *view = screen_view(screen, screen->cursor);
	char silent[24];

	snprintf(out, size, "OUTPUT  %zu %s", screen->cursor + 1, step->id);
	if (step->attempt > 1)
		snprintf(out + strlen(out), size - strlen(out), "  attempt %lld",
			(long long)step->attempt);
	if (screen->out.held && screen->out.size > 0 && screen->out.step == screen->cursor)
		snprintf(out + strlen(out), size - strlen(out), "  held at %lld %%",
			(long long)(screen->out.top * 100 / screen->out.size));
	if (step->state != STEP_RUNNING || view == NULL || step->kind != KIND_SCRIPT ||
		run_step_ask(screen->run, screen->cursor) != NULL)
		return;
	if (view->per_mille >= 0)
		snprintf(out + strlen(out), size - strlen(out), "  %lld %%",
			(long long)view->per_mille / 10);
	const int64_t quiet_ms = (screen->now.ns - view->grown.ns) / 1000000;
	if (!screen->out.held && quiet_ms >= SILENT_FROM_MS)
		snprintf(out + strlen(out), size - strlen(out), "  silent %s",
			format_clock(silent, sizeof(silent), quiet_ms));
}

/* Why the pane is empty, or what it must say besides. */
static void state_lines(
	const struct screen *screen, const struct step *step, struct lines *lines, int width)
{
	const struct step_view *view = screen_view(screen, screen->cursor);

	if (view != NULL && step->state == STEP_RUNNING && view->progress[0] != '\0')
		lines_addf(lines, STYLE_RUNNING, width, 2, ".. %s", view->progress);
	if (step->error_text != NULL && step->state != STEP_RUNNING)
		lines_addf(lines, STYLE_BAD, width, 2, "%s: %s",
			step->error_code != NULL ? step->error_code : "FAILED",
			step->error_text);
	if (step->reason != NULL && step->reason[0] != '\0' && step->state != STEP_RUNNING)
		lines_addf(lines, STYLE_WARN, width, 2, "reason: %s", step->reason);
	const struct ask *ask = run_step_ask(screen->run, screen->cursor);
	if (ask != NULL) {
		char text[128];
		lines_add(lines, STYLE_WARN, width, 2,
			text_with_keys(screen, "?? asks; {open} answers:", text, sizeof(text)));
		ask_text(screen->run, ask, lines, width);
	}
	if (lines->count > 0)
		return;
	if (step->attempt == 0)
		step_preview(screen->run, step, lines, width);
}

static void show(struct cells *cells, struct box box, const struct lines *lines, int first,
	int *y, int end)
{
	for (int i = first; i < (int)lines->count && *y < end; i++, (*y)++)
		cells_text(
			cells, box.x, *y, box.width, lines->rows[i].style, lines->rows[i].text);
}

/* The step's calls and state above its output: at most half of the pane. */
static int head_of(const struct screen *screen, struct box box, struct lines *head, int *skip)
{
	const struct step *step = screen_step(screen);
	const int most = step->attempt == 0 ? box.height - 1 : (box.height - 1) / 2 + 1;

	op_lines(screen, step, head, box.width, box.height / 3);
	state_lines(screen, step, head, box.width);
	*skip = step->attempt > 0 && (int)head->count > most ? (int)head->count - most : 0;
	return (int)head->count - *skip > most ? most : (int)head->count - *skip;
}

int output_rows(const struct screen *screen)
{
	const struct box box = output_box(screen);
	struct lines head;
	int skip, used = 0;

	lines_init(&head);
	if (screen_step(screen) != NULL)
		used = head_of(screen, box, &head, &skip);
	lines_release(&head);
	return box.height - 1 - used > 1 ? box.height - 1 - used : 1;
}

void draw_output(const struct screen *screen, struct cells *cells, struct box box)
{
	const struct step *step = screen_step(screen);
	struct lines head;
	char title[160];
	int y = box.y + 1, skip;

	if (step == NULL)
		return;
	output_title(screen, step, title, sizeof(title));
	cells_text(cells, box.x, box.y, box.width,
		screen->pane == PANE_OUTPUT ? STYLE_BOLD : STYLE_TEXT, title);
	lines_init(&head);
	head_of(screen, box, &head, &skip);
	show(cells, box, &head, skip, &y, box.y + box.height);
	lines_release(&head);
	const struct box rest = { box.x, y, box.width, box.y + box.height - y };
	if (screen->out.step == screen->cursor && screen->out.attempt == step->attempt &&
		rest.height > 0)
		draw_lines(screen, cells, rest);
}

/* ------------------------------------------------------------------ the third column */

static void service_rows(const struct screen *screen, struct lines *lines, int width)
{
	char elapsed[24], rto[24];

	lines_add(lines, STYLE_BOLD, width, 0, "SERVICES");
	for (size_t i = 0; i < screen->run->service_count; i++) {
		const struct service *service = &screen->run->services[i];
		const struct service_clock clock = run_clock(screen->run, service, screen->now);
		format_clock(elapsed, sizeof(elapsed), clock.elapsed_ms);
		format_clock(rto, sizeof(rto), clock.rto_ms);
		lines_addf(lines, clock.verified ? STYLE_GOOD : STYLE_TEXT, width, 2,
			"%s  %s of %s  %s", service->name, elapsed,
			clock.rto_ms < 0 ? "no RTO" : rto,
			clock.verified	       ? "verified"
			: service->restored.ns ? "restored"
					       : "");
		const json_t *forecast =
			clock.stopped ? NULL : screen_forecast(screen, service->name);
		if (forecast != NULL)
			lines_addf(lines, STYLE_TEXT, width, 2, "  back after %s, p90 %s",
				format_clock(elapsed, sizeof(elapsed),
					json_int(forecast, "p50_ms", 0)),
				format_clock(
					rto, sizeof(rto), json_int(forecast, "p90_ms", 0)));
		if (service->measured)
			lines_addf(lines, STYLE_TEXT, width, 2, "  lost %lld %s (%s)",
				(long long)service->lost,
				service->unit != NULL ? service->unit : "",
				service->basis != NULL ? service->basis : "");
	}
}

static void people_rows(const struct screen *screen, struct lines *lines, int width)
{
	const struct run *run = screen->run;

	lines_add(lines, STYLE_BOLD, width, 0, "PEOPLE");
	lines_addf(lines, STYLE_TEXT, width, 2, "lead %s%s",
		screen->lead[0] ? screen->lead : run->lead,
		screen->lead_is_you ? " (you)" : "");
	lines_addf(lines, STYLE_TEXT, width, 2, "started by %s", run->started_by.name);
	lines_addf(lines, STYLE_TEXT, width, 2, "attached %lld", (long long)screen->watching);
	const struct step *step = screen_step(screen);
	if (step != NULL && step->owner[0] != '\0')
		lines_addf(lines, STYLE_TEXT, width, 2, "this step's owner %s", step->owner);
}

static void value_rows(const struct screen *screen, struct lines *lines, int width)
{
	const struct step *step = screen_step(screen);
	const char *name;
	json_t *value;

	if (step == NULL || !json_is_object(step->outputs))
		return;
	lines_addf(lines, STYLE_BOLD, width, 0, "VALUES of %s", step->id);
	json_object_foreach((json_t *)step->outputs, name, value) {
		char *text = json_is_string(value) ? xstrdup(json_string_value(value))
						   : json_line(value);
		lines_addf(lines, STYLE_TEXT, width, 2, "%s = %s", name, text);
		free(text);
	}
}

static void note_rows(const struct screen *screen, struct lines *lines, int width)
{
	const struct run *run = screen->run;
	char when[32];

	lines_addf(lines, STYLE_BOLD, width, 0, "NOTES %zu", run->note_count);
	for (size_t i = run->note_count; i-- > 0 && lines->count < 200;) {
		wall_format(when, sizeof(when), run->notes[i].at);
		lines_addf(lines, STYLE_TEXT, width, 2, "%.5s %s: %s", when + 11,
			run->notes[i].who, run->notes[i].text);
	}
}

void draw_side(const struct screen *screen, struct cells *cells, struct box box)
{
	static void (*const parts[])(const struct screen *, struct lines *,
		int) = { service_rows, people_rows, value_rows, note_rows };
	int y = box.y;

	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		struct lines lines;
		lines_init(&lines);
		parts[i](screen, &lines, box.width);
		show(cells, box, &lines, 0, &y, box.y + box.height);
		if (lines.count > 0)
			y++;
		lines_release(&lines);
	}
}
