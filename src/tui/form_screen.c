/* form_screen.c: the form on the screen: its keys and its drawing. */
#include "keymap.h"

#include <stdlib.h>
#include <string.h>

static struct form_field *focused(struct screen *screen)
{
	struct form *form = &screen->form;

	return form->focus < form->count ? &form->fields[form->focus] : NULL;
}

static bool is_live(const struct form *form)
{
	const struct form_field *mode = form_field(form, "mode");

	return mode != NULL && str_eq(mode->value.text, "live");
}

void form_start(struct screen *screen, const char *runbook, const char *mode)
{
	form_open(&screen->form, runbook, mode != NULL ? mode : "drill");
	screen->overlay = OVERLAY_FORM;
	json_t *body = json_object();
	json_put_str(body, "runbook", runbook);
	document_want(screen, DOCUMENT_BOOK, runbook, "runbook", body);
	form_settle(screen);
}

/* The parameters have come, or there is nobody who would tell them. */
void form_settle(struct screen *screen)
{
	const struct document *book = &screen->documents[DOCUMENT_BOOK];

	if (screen->overlay != OVERLAY_FORM || screen->form.ready ||
		!str_eq(book->about, screen->form.runbook))
		return;
	if (book->json != NULL)
		form_params(&screen->form, json_object_get(book->json, "params"));
	else if (book->error[0] != '\0')
		form_params(&screen->form, NULL);
}

void form_move(struct screen *screen, int by)
{
	struct form *form = &screen->form;
	const int64_t last = (int64_t)form->count, at = (int64_t)form->focus + by;

	form->focus = (size_t)(at < 0 ? last : at > last ? 0 : at);
}

void form_side(struct screen *screen, int by)
{
	struct form_field *field = focused(screen);

	if (field != NULL && field->choice_count > 0)
		form_turn(field, by);
	else
		screen_refuse(
			screen, "Left and Right turn a choice; Up and Down go to another line");
}

static void start_now(struct screen *screen)
{
	struct form *form = &screen->form;
	char text[256];
	const size_t wrong = form_first_wrong(form);

	if (screen_tiny(screen)) {
		screen_refuse(
			screen, "the terminal is too small to show what would be started");
	} else if (!form->ready) {
		screen_refuse(screen, "the runbook's parameters are still being read");
	} else if (wrong < form->count) {
		form->focus = wrong;
		screen_refuse(screen, "%s: %s", form->fields[wrong].name,
			form_wrong(&form->fields[wrong], text, sizeof(text)));
	} else {
		screen->want |= WANT_START;
	}
}

void form_enter(struct screen *screen)
{
	struct form_field *field = focused(screen);
	char text[256];

	if (field == NULL && is_live(&screen->form)) {
		screen_refuse(screen, "Enter does nothing here: capital Y starts it LIVE");
	} else if (field == NULL) {
		start_now(screen);
	} else {
		const char *wrong = form_wrong(field, text, sizeof(text));
		if (wrong != NULL)
			screen_refuse(screen, "%s: %s", field->name, wrong);
		else
			form_move(screen, 1);
	}
}

void form_typed(struct screen *screen, const struct input *input)
{
	struct form_field *field = focused(screen);
	char name[16];

	if (field == NULL && input->key == 'Y' && !input->pasted)
		start_now(screen);
	else if (field == NULL)
		screen_refuse(screen, "%s does nothing here; Up goes to the fields",
			key_name(input->key, name));
	else if (field->choice_count > 0 && input->key == ' ')
		form_turn(field, 1);
	else if (field->choice_count > 0)
		screen_refuse(screen, "Left, Right or Space turn the choice");
	else
		field_key(&field->value, input->key);
}

/* ------------------------------------------------------------------ drawing */

static void shown_value(const struct form_field *field, bool here, char *out, size_t size)
{
	if (field->choice_count > 0) {
		snprintf(out, size, "%s%s%s", here ? "< " : "", field->value.text,
			here ? " >" : "");
	} else {
		snprintf(out, size, "%s", field->value.text);
	}
}

static void draw_field(
	const struct screen *screen, struct cells *cells, struct box box, int y, size_t at)
{
	const struct form_field *field = &screen->form.fields[at];
	const bool here = at == screen->form.focus;
	const int x = box.x + 2, room = box.width - 24;
	char value[FORM_TEXT + 8], text[256];

	shown_value(field, here, value, sizeof(value));
	cells_textf(cells, x, y, 19, here ? STYLE_BOLD : STYLE_TEXT, "%s %s%s",
		here ? ">" : " ", field->name, field->required ? " *" : "");
	const char *end = value;
	while (text_columns(end) >= room && *end != '\0')
		utf8_next(&end); /* of a long line the end is what is being typed */
	const bool wrong =
		field->value.len > 0 && form_wrong(field, text, sizeof(text)) != NULL;
	const int used = cells_text(cells, x + 20, y, room,
		wrong  ? STYLE_BAD
		: here ? STYLE_BOLD
		       : STYLE_TEXT,
		end);
	if (field->value.len == 0 && !here)
		cells_textf(cells, x + 20, y, room, STYLE_DIM, "(%s%s)", field->type,
			field->required ? ", must be given" : "");
	if (here && field->choice_count == 0) {
		cells->cursor_x = x + 20 + used;
		cells->cursor_y = y;
	}
}

static void draw_about(const struct screen *screen, struct cells *cells, struct box box, int y)
{
	const struct form *form = &screen->form;
	const struct form_field *field =
		form->focus < form->count ? &form->fields[form->focus] : NULL;

	if (field == NULL)
		cells_text(cells, box.x + 2, y, box.width - 4, STYLE_DIM,
			"Steps that only look start at once; changes ask first."
			"first.");
	else
		cells_textf(cells, box.x + 2, y, box.width - 4, STYLE_DIM, "%s%s%s%s%s%s%s",
			field->type, field->min[0] ? ", at least " : "", field->min,
			field->max[0] ? ", at most " : "", field->max,
			field->help[0] ? ": " : "", field->help);
}

void draw_form(const struct screen *screen, struct cells *cells)
{
	const struct form *form = &screen->form;
	const struct form_field *mode_field = form_field(form, "mode");
	const char *mode = mode_field != NULL ? mode_field->value.text : "";
	const int count = (int)form->count + 1, room = cells->height - 8;
	const int rows = count < room ? count : room;
	const int at = (int)form->focus, first = at >= rows ? at - rows + 1 : 0;
	const struct box box = { 1, (cells->height - rows - 5) / 2, cells->width - 2,
		rows + 4 };
	char word[16], title[160];

	mode_word(mode, word);
	snprintf(title, sizeof(title), "START %.100s%s", form->runbook,
		form->ready ? "" : "  (reading its parameters ...)");
	draw_box(cells, box, mode_style(mode), title, word);
	for (int i = 0; i < rows; i++) {
		const int y = box.y + 1 + i;
		if (first + i < count - 1)
			draw_field(screen, cells, box, y, (size_t)(first + i));
		else
			cells_textf(cells, box.x + 2, y, box.width - 4,
				at == count - 1 ? STYLE_SELECTED : STYLE_TEXT, "%s %s",
				at == count - 1 ? ">" : " ",
				is_live(form) ? "Y      start it LIVE (capital Y)"
					      : "Enter  start it");
	}
	draw_about(screen, cells, box, box.y + box.height - 2);
	if (screen->message[0] == '\0')
		draw_footer(screen, cells, cells->height - 1);
}
