/* dialog_text.c: what a dialog says and how it stands on the screen.
 *
 * Above: what would be done, on what, from which state, whether it can be undone; it scrolls.
 * Below: choices, checklist, the field being typed; always in sight. */
#include "view.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ above */

/* A JSON value as an operator reads it; owned. */
static char *plain_value(const json_t *value)
{
	return json_is_string(value) ? xstrdup(json_string_value(value)) : json_line(value);
}

static void named_values(
	struct lines *lines, int width, const char *caption, const json_t *object)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object)) {
		if (object != NULL && !json_is_null(object)) {
			char *text = plain_value(object);
			lines_addf(lines, STYLE_TEXT, width, 12, "%-11s %s", caption, text);
			free(text);
		}
		return;
	}
	json_object_foreach((json_t *)object, name, value) {
		char *text = plain_value(value);
		lines_addf(lines, STYLE_TEXT, width, 14, "%-11s %s = %s", caption, name, text);
		free(text);
		caption = "";
	}
}

static const struct {
	const char *effect, *words;
	enum style style;
} effects[] = {
	{ "read", "looks only", STYLE_TEXT },
	{ "change", "changes, reversible", STYLE_TEXT },
	{ "costly", "COSTLY TO UNDO", STYLE_WARN },
	{ "irreversible", "IRREVERSIBLE", STYLE_BAD },
};

static void effect_line(struct lines *lines, int width, const char *effect, bool declared)
{
	const char *said = declared ? " (as the workspace declares it)" : "";

	for (size_t i = 0; i < COUNT_OF(effects); i++)
		if (str_eq(effects[i].effect, effect)) {
			lines_addf(lines, effects[i].style, width, 12, "Effect      %s%s",
				effects[i].words, said);
			return;
		}
}

static void undo_line(struct lines *lines, int width, const json_t *undo)
{
	if (!json_is_object(undo)) {
		lines_add(lines, STYLE_WARN, width, 12, "Reversible  no undo is known");
		return;
	}
	lines_addf(lines, STYLE_TEXT, width, 12, "Reversible  yes, by %s %s",
		json_str(undo, "op", "?"), json_str(undo, "target", ""));
	named_values(lines, width, "", json_object_get(undo, "args"));
}

/* The recorded intent a question is about: the one with its digest, else what the question
 * itself holds. */
static const struct op *asked_op(const struct run *run, const struct ask *ask)
{
	const struct step *step = &run->steps[ask->step];

	for (size_t i = step->op_count; i-- > 0;)
		if (ask->digest != NULL && ask->digest[0] != '\0' &&
			str_eq(step->ops[i].digest, ask->digest))
			return &step->ops[i];
	const char *key = json_str(ask->detail, "key", "");
	for (size_t i = step->op_count; i-- > 0;)
		if (key[0] != '\0' && str_eq(step->ops[i].key, key))
			return &step->ops[i];
	return NULL;
}

/* What prepare found, without what stands in lines of its own below. */
static void before_lines(struct lines *lines, int width, const json_t *before)
{
	static const char *const apart[] = { "undo", "effect", "effect_reason" };
	json_t *rest = json_is_object(before) ? json_copy((json_t *)(uintptr_t)before) : NULL;

	for (size_t i = 0; i < COUNT_OF(apart) && rest != NULL; i++)
		json_object_del(rest, apart[i]);
	named_values(lines, width, "Now", rest);
	json_decref(rest);
}

static void op_lines(
	const struct run *run, const struct ask *ask, struct lines *lines, int width)
{
	const struct op *op = asked_op(run, ask);
	const json_t *detail = ask->detail;
	const bool declared = json_flag(detail, "declared", false);
	const char *verb = str_eq(ask->kind, "confirm") ? "Will do" : "Was to do";

	if (op != NULL) {
		lines_addf(lines, STYLE_BOLD, width, 12, "%-11s %s on %s", verb, op->op,
			op->target);
		named_values(lines, width, "Arguments", op->args);
		before_lines(lines, width, op->before);
		effect_line(lines, width, op->effect, declared);
		undo_line(lines, width, op->undo);
	} else if (json_str(detail, "op", "")[0] != '\0') {
		lines_addf(lines, STYLE_BOLD, width, 12, "%-11s %s on %s", verb,
			json_str(detail, "op", ""), json_str(detail, "target", ""));
		named_values(lines, width, "Arguments", json_object_get(detail, "args"));
		before_lines(lines, width, json_object_get(detail, "before"));
		effect_line(lines, width, json_str(detail, "effect", ""), declared);
		undo_line(lines, width, json_object_get(detail, "undo"));
	}
	if (json_flag(detail, "point_of_no_return", false))
		lines_add(lines, STYLE_BAD, width, 12,
			"No return   so far everything could be taken back; not after this");
}

/* Who has said what about an approval, and how many are needed. */
static void approval_lines(
	const struct run *run, const struct ask *ask, struct lines *lines, int width)
{
	if (!str_eq(ask->kind, "approve"))
		return;
	lines_addf(lines, STYLE_TEXT, width, 12, "Approved    %zu of %lld, by anybody%s but %s",
		run_approvals(run, ask, true), (long long)json_int(ask->detail, "count", 1),
		json_array_size(json_object_get(ask->detail, "from")) > 0 ? " of those named"
									  : "",
		json_str(ask->detail, "not", "who started the run"));
	const json_t *from = json_object_get(ask->detail, "from"), *name;
	size_t i;
	json_array_foreach(from, i, name)
		lines_addf(lines, STYLE_TEXT, width, 12, "%-11s %s", i == 0 ? "From" : "",
			json_string_value(name) != NULL ? json_string_value(name) : "");
}

/* Which of a target's declared actions or statements a call is about, "" for all other operations. */
static const char *declared_name(const json_t *args)
{
	const char *name = json_str(args, "name", "");

	return name[0] ? name : json_str(args, "statement", "");
}

/* What could be taken back, the last first; or of it only what the step created. */
static void outstanding_lines(const struct step *step, bool created, struct lines *lines, int width)
{
	for (size_t i = step->op_count; i-- > 0;) {
		const struct op *op = &step->ops[i];
		if (!op_outstanding(op) || (created && !op->creates))
			continue;
		const char *done = declared_name(op->args),
			   *undo = declared_name(json_object_get(op->undo, "args"));
		lines_addf(lines, STYLE_WARN, width, 12, "Still there  %s: %s%s%s %s, by %s%s%s", step->id,
			op->op, done[0] ? " " : "", done, op->target, json_str(op->undo, "op", "its own undo"),
			undo[0] ? " " : "", undo);
	}
}

/* What has to be entered, and what of it is accepted. */
static void measure_line(const struct ask *ask, struct lines *lines, int width)
{
	const json_t *measure = json_object_get(ask->detail, "measure");
	const char *min = json_str(measure, "min", NULL), *max = json_str(measure, "max", NULL);

	if (measure != NULL)
		lines_addf(lines, STYLE_TEXT, width, 12, "Measure     %s%s%s%s%s%s%s%s",
			json_str(measure, "name", ""), json_str(measure, "unit", "")[0] ? " in " : "",
			json_str(measure, "unit", ""), min != NULL || max != NULL ? ": " : "",
			min != NULL ? "at least " : "", min != NULL ? min : "",
			max != NULL ? (min != NULL ? ", at most " : "at most ") : "",
			max != NULL ? max : "");
}

void ask_text(const struct run *run, const struct ask *ask, struct lines *lines, int width)
{
	const struct step *step = &run->steps[ask->step];

	/* of an operation the line below says the same, and more */
	if (json_str(ask->detail, "op", "")[0] != '\0' && str_eq(ask->kind, "confirm"))
		lines_add(lines, STYLE_TEXT, width, 0, step->title);
	else if (ask->title != NULL && ask->title[0] != '\0')
		lines_add(lines, STYLE_BOLD, width, 0, ask->title);
	else if (step->title[0] != '\0')
		lines_add(lines, STYLE_BOLD, width, 0, step->title);
	op_lines(run, ask, lines, width);
	if (ask->level <= 1 && str_eq(ask->kind, "confirm"))
		uses_text(step->uses, lines, width, "May use     ");
	if (ask->text != NULL && ask->text[0] != '\0')
		lines_add(lines, STYLE_TEXT, width, 0, ask->text);
	measure_line(ask, lines, width);
	if (str_eq(ask->kind, "debris"))
		outstanding_lines(step, true, lines, width);
	if (step->error_text != NULL && !str_eq(ask->kind, "confirm"))
		lines_addf(lines, STYLE_BAD, width, 12, "Error       %s (the world: %s)",
			step->error_text,
			step->error_world != NULL ? step->error_world : "unknown");
	approval_lines(run, ask, lines, width);
	if (ask->digest != NULL && ask->digest[0] != '\0')
		lines_addf(lines, STYLE_DIM, width, 12, "Digest      %.16s", ask->digest);
}

static void wish_lines(const struct screen *screen, struct lines *lines, int width)
{
	const struct dialog *dialog = &screen->dialog;
	static const struct {
		enum dialog_kind kind;
		const char *text;
	} texts[] = {
		{ DIALOG_SKIP, "The step is left out; what needs it may start.  The record "
			       "keeps the reason." },
		{ DIALOG_STOP, "The step gets a polite end, then a hard one.  What it was just "
			       "doing may be left UNKNOWN." },
		{ DIALOG_ABORT,
			"Running steps are stopped, nothing further starts, the run "
			"ends as aborted.  What was done stays, unless it is taken back "
			"first." },
		{ DIALOG_UNDO,
			"What the step did is taken back, the last first: by its own undo, "
			"then by what each operation remembers." },
		{ DIALOG_FORCE, "The step counts as done although it failed; what needs it may "
				"start.  The record keeps the reason and that it was forced." },
		{ DIALOG_NOTE, "The note goes into the record with your name and the time." },
	};

	const struct step *step = dialog->step < screen->run->step_count
					  ? &screen->run->steps[dialog->step]
					  : NULL;
	if (step != NULL && dialog->kind != DIALOG_ABORT && dialog->kind != DIALOG_NOTE)
		lines_addf(lines, STYLE_BOLD, width, 0, "%s",
			step->title[0] ? step->title : step->id);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (texts[i].kind == dialog->kind)
			lines_add(lines, STYLE_TEXT, width, 0, texts[i].text);
	if (dialog->kind == DIALOG_UNDO && step != NULL)
		outstanding_lines(step, false, lines, width);
	for (size_t i = screen->run->step_count; dialog->kind == DIALOG_ABORT && i-- > 0;)
		outstanding_lines(&screen->run->steps[i], false, lines, width);
}

void dialog_body(const struct screen *screen, struct lines *lines, int width)
{
	const struct ask *ask = dialog_ask(screen);

	if (ask != NULL)
		ask_text(screen->run, ask, lines, width);
	else if (screen->dialog.ask == 0)
		wish_lines(screen, lines, width);
}

/* ------------------------------------------------------------------ below */

static void choice_row(const struct dialog *dialog, size_t at, struct lines *lines)
{
	const struct choice *choice = &dialog->choices[at];
	const char *mark = dialog->focus == at + 1 ? ">" : " ";
	const enum style style = dialog->focus == at + 1 ? STYLE_SELECTED : STYLE_TEXT;

	if (choice->key != '\0' && choice->key != 'Y')
		lines_addf(
			lines, style, 400, 0, "%s %-5c %s", mark, choice->key, choice->label);
	else
		lines_addf(lines, style, 400, 0, "%s %-5s %s", mark,
			choice->guard == GUARD_CAPITAL ? "Y" : "Enter", choice->label);
}

static void check_rows(const struct screen *screen, struct lines *lines)
{
	const struct dialog *dialog = &screen->dialog;
	const json_t *list = dialog_checklist(screen);

	for (size_t i = 0; i < dialog->check_count; i++) {
		const bool here = dialog->focus == dialog->choice_count + 1 + i;
		const char *item = json_string_value(json_array_get(list, i));
		lines_addf(lines, here ? STYLE_SELECTED : STYLE_TEXT, 400, 0, "%s [%c] %s",
			here ? ">" : " ", dialog->checked[i] ? 'x' : ' ',
			item != NULL ? item : "");
	}
}

/* Checklist first, then the choices; *focus is the row that must stay in sight. */
static void below(const struct screen *screen, struct lines *lines, int *focus)
{
	const struct dialog *dialog = &screen->dialog;
	const bool word = dialog->kind == DIALOG_WORD;

	check_rows(screen, lines);
	for (size_t i = 0; i < dialog->choice_count && !dialog->typing; i++)
		choice_row(dialog, i, lines);
	*focus = dialog->focus > dialog->choice_count
			 ? (int)(dialog->focus - dialog->choice_count - 1)
			 : (int)(dialog->check_count +
				   (dialog->focus > 0 ? dialog->focus - 1 : 0));
	if (word)
		lines_addf(lines, STYLE_BAD, 400, 0,
			"Type %s to run it, no to refuse it; Esc leaves it", dialog->word);
	else if (dialog->typing)
		lines_addf(lines, STYLE_KEY, 400, 0, "%s; Enter = done, Esc = do nothing",
			dialog->typing_value	      ? "Value"
			: dialog->kind == DIALOG_NOTE ? "Note"
						      : "Reason or note");
	if (dialog->typing) {
		*focus = (int)lines->count;
		lines_addf(lines, STYLE_BOLD, 4000, 0, "> %s",
			dialog->typing_value ? dialog->value.text : dialog->note.text);
		return;
	}
	if (dialog->kind == DIALOG_MANUAL)
		lines_addf(lines, STYLE_DIM, 400, 0, "  v     value: %s   + note: %s",
			dialog->value.text, dialog->note.text);
	lines_addf(lines, dialog->focus == 0 ? STYLE_SELECTED : STYLE_TEXT, 400, 0,
		"%s Esc   do nothing%s", dialog->focus == 0 ? ">" : " ",
		dialog->kind == DIALOG_CONFIRM ? " (Enter alone never runs it)" : "");
	if (dialog->focus == 0)
		*focus = (int)lines->count - 1;
}

/* ------------------------------------------------------------------ both */

enum { BOX_WIDTH_MAX = 100 };

struct box dialog_layout(const struct screen *screen, struct lines *lines, int *rows)
{
	struct lines under;
	struct box box;
	int focus;

	box.width = screen->width - 2 > BOX_WIDTH_MAX ? BOX_WIDTH_MAX : screen->width - 2;
	dialog_body(screen, lines, box.width - 4);
	lines_init(&under);
	below(screen, &under, &focus);
	const int inner = screen->height - 4;
	const int keep = (int)under.count > inner / 2 ? inner / 2 : (int)under.count;
	*rows = (int)lines->count > inner - keep - 1 ? inner - keep - 1 : (int)lines->count;
	lines_release(&under);
	box.height = *rows + 1 + keep + 2;
	box.x = (screen->width - box.width) / 2;
	box.y = (screen->height - box.height) / 2;
	return box;
}

static void dialog_title(const struct screen *screen, char *title, size_t size)
{
	const struct dialog *dialog = &screen->dialog;

	if (dialog->kind == DIALOG_ABORT)
		snprintf(title, size, "ABORT run %lld", (long long)screen->run_id);
	else if (dialog->kind == DIALOG_NOTE)
		snprintf(title, size, "NOTE");
	else if (dialog->step < screen->run->step_count)
		snprintf(title, size, "STEP %zu of %zu: %s", dialog->step + 1,
			screen->run->step_count, screen->run->steps[dialog->step].id);
}

static void draw_below(
	const struct screen *screen, struct cells *cells, struct box box, int y, int rows)
{
	struct lines under;
	int focus;

	lines_init(&under);
	below(screen, &under, &focus);
	int first = focus >= rows ? focus - rows + 1 : 0;
	if (first + rows > (int)under.count)
		first = (int)under.count - rows;
	for (int i = 0; i < rows; i++) {
		const struct line *line = &under.rows[first + i];
		const bool field = screen->dialog.typing && first + i == (int)under.count - 1;
		const char *text = line->text;
		const int inner = box.width - 4;
		/* of a long typed line the end is what matters */
		while (field && text_columns(text) >= inner && *text != '\0')
			utf8_next(&text);
		const int used = cells_text(cells, box.x + 2, y + i, inner, line->style, text);
		if (field) {
			cells->cursor_x = box.x + 2 + used;
			cells->cursor_y = y + i;
		}
	}
	lines_release(&under);
}

void draw_dialog(const struct screen *screen, struct cells *cells)
{
	char title[160] = "", mode[16], left[48] = "", right[96];
	struct lines lines;
	int rows;
	const char *mode_name = screen->run->mode;

	lines_init(&lines);
	const struct box box = dialog_layout(screen, &lines, &rows);
	dialog_title(screen, title, sizeof(title));
	mode_word(mode_name, mode);
	const bool more = screen->dialog.scroll + rows < (int)lines.count;
	left_text(screen, left, sizeof(left)); /* the dialog may cover the clock */
	snprintf(right, sizeof(right), "%s%s%s%s", more ? "more: PgDn  " : "", left,
		left[0] ? "  " : "", mode);
	draw_box(cells, box, mode_style(mode_name), title, right);
	for (int i = 0; i < rows && screen->dialog.scroll + i < (int)lines.count; i++) {
		const struct line *line = &lines.rows[screen->dialog.scroll + i];
		cells_text(cells, box.x + 2, box.y + 1 + i, box.width - 4, line->style,
			line->text);
	}
	lines_release(&lines);
	draw_below(screen, cells, box, box.y + 1 + rows + 1, box.height - 3 - rows);
}
