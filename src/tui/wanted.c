/* wanted.c: what only the loop can do for the screen: starting a run, other programs, the
 * clipboard, calling somebody. */
#include "editor.h"
#include "loop.h"
#include "pager.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

enum { COPY_MAX = 64 * 1024 };

/* Gives the terminal away and takes it back; what is seen meanwhile is not recorded. */
static void give(struct tui *tui, const char *to)
{
	cast_mark(tui->cast, to);
	terminal_suspend(tui->term);
}

static void take_back(struct tui *tui, enum err_code code, const struct err *err)
{
	terminal_resume(tui->term);
	if (code != ERR_NONE)
		screen_refuse(&tui->screen, "%s", err->text);
	/* pushes that came beside answers are waiting in the client */
	tui->redraw = tui->more = true;
	loop_size(tui);
}

static void do_pager(struct tui *tui)
{
	struct err err = { 0 };
	const struct step *step = screen_step(&tui->screen);

	if (step == NULL)
		return;
	give(tui, "output in the pager");
	take_back(tui,
		pager_show(tui->options->client, tui->screen.run_id, step->id, step->attempt,
			&err),
		&err);
}

/* A text of `look` in the pager. */
static void do_show(struct tui *tui)
{
	struct screen *screen = &tui->screen;
	struct err err = { 0 };
	json_t *about = json_object(), *answer = NULL;
	enum err_code code = ERR_UNSUPPORTED;

	json_put_int(about, "run", screen->report_run);
	if (tui->options->look == NULL)
		err_set(&err, ERR_UNSUPPORTED, "this cannot be shown here");
	else
		code = tui->options->look(
			tui->options->look_arg, screen->show, about, &answer, &err);
	if (code == ERR_NONE) {
		give(tui, "a document in the pager");
		take_back(tui, pager_text(json_str(answer, "text", ""), &err), &err);
	} else {
		screen_refuse(screen, "%s", err.text);
	}
	json_decref(answer);
	json_decref(about);
}

static void do_start(struct tui *tui)
{
	struct screen *screen = &tui->screen;
	struct err err = { 0 };
	int64_t run = 0;

	if (tui->options->start == NULL) {
		screen_refuse(screen, "nothing can be started from here");
		return;
	}
	json_t *what = form_json(&screen->form);
	const enum err_code code =
		tui->options->start(tui->options->start_arg, what, &run, &err);
	json_decref(what);
	if (code == ERR_NONE)
		screen_open(screen, run);
	else
		screen_refuse(screen, "%s", err.text); /* the form stays, to be mended */
	tui->more = tui->dirty = true;
}

/* ------------------------------------------------------------------ editor, shell, clipboard
 */

static void do_note(struct tui *tui)
{
	struct err err = { 0 };
	char *text = NULL, hint[160];

	snprintf(hint, sizeof(hint), "A note for the record of run %lld.",
		(long long)tui->screen.run_id);
	give(tui, "a note in the editor");
	const enum err_code code = editor_text(hint, &text, &err);
	take_back(tui, code, &err);
	if (code == ERR_NONE && text[0] == '\0')
		screen_refuse(&tui->screen, "nothing was written, so no note was made");
	else if (code == ERR_NONE)
		screen_act(&tui->screen, "note", NULL, text);
	free(text);
}

static const char *root_of(const struct tui *tui)
{
	const char *root =
		json_str(json_object_get(tui->screen.home, "workspace"), "root", NULL);

	return root != NULL && root[0] == '/' ? root : NULL;
}

static void do_edit(struct tui *tui)
{
	struct err err = { 0 };
	const json_t *row = json_array_get(
		json_object_get(tui->screen.home, "runbooks"), view_cursor(&tui->screen));
	const char *path = json_str(row, "path", NULL);

	if (path == NULL || root_of(tui) == NULL) {
		screen_refuse(&tui->screen, "the file of this runbook is not known here");
		return;
	}
	give(tui, "a runbook in the editor");
	take_back(tui, editor_open(path, root_of(tui), &err), &err);
	/* it may have become another */
	document_forget(&tui->screen, DOCUMENT_BOOK);
	document_forget(&tui->screen, DOCUMENT_HOME);
	tui->screen.home = NULL;
}

static void do_shell(struct tui *tui)
{
	struct err err = { 0 };

	give(tui, "a shell");
	printf("exit, or Ctrl-D, comes back to drillbook; runs go on\n");
	fflush(stdout);
	take_back(tui, shell_open(root_of(tui), &err), &err);
}

/* The output pane of a run, the text of a text screen, else the body as it is seen. */
static void do_copy(struct tui *tui)
{
	const struct screen *screen = &tui->screen;
	const bool text =
		view_rows[screen->view].row == NULL && view_rows[screen->view].draw == NULL;
	struct box box = { 0, 2, screen->width, screen->height - 5 };
	struct buf out;
	struct err err = { 0 };
	enum err_code code = ERR_NONE;
	size_t lines = 0;

	if (screen->view == VIEW_RUN)
		box = output_box(screen);
	buf_init(&out, COPY_MAX);
	for (size_t i = 0; text && code == ERR_NONE && i < screen->text.lines.count;
		i++, lines++)
		code = buf_addf(&out, &err, "%s\n", screen->text.lines.rows[i].text);
	for (int y = box.y; !text && code == ERR_NONE && y < box.y + box.height; y++, lines++) {
		char *row = cells_part(&tui->cells, box.x, y, box.width);
		code = buf_addf(&out, &err, "%s\n", row);
		free(row);
	}
	if (code == ERR_NONE && out.len > 0) {
		terminal_clipboard(tui->term, out.data, out.len);
		screen_say(&tui->screen, "%zu lines copied", lines);
	} else {
		screen_refuse(&tui->screen, "that is too much for the clipboard");
	}
	buf_release(&out);
}

static void do_secrets(struct tui *tui)
{
	struct err err = { 0 };
	enum err_code code;

	give(tui, "secrets, typed");
	if (tui->options->secrets == NULL)
		code = err_set(&err, ERR_UNSUPPORTED, "secrets cannot be given from here");
	else
		code = tui->options->secrets(tui->options->start_arg, tui->screen.run_id, &err);
	take_back(tui, code, &err);
	if (code == ERR_NONE) {
		/* that they are right shows when they are used; a run that still wants some pauses */
		tui->screen.secrets_needed = 0;
		screen_say(&tui->screen, "the secrets were given");
	} else {
		screen_ask_secrets(&tui->screen);
	}
}

static void do_mouse(struct tui *tui)
{
	terminal_mouse(tui->term, tui->screen.mouse);
}

static void do_call(struct tui *tui)
{
	terminal_attention(
		tui->term, tui->settings.bell, tui->settings.notify, tui->screen.call);
	if (tui->settings.command != NULL)
		notify_start(tui->settings.command, tui->screen.call);
}

static void do_redraw(struct tui *tui)
{
	tui->redraw = tui->dirty = true;
}

bool loop_wanted(struct tui *tui)
{
	static const struct {
		enum want want;
		void (*perform)(struct tui *tui);
	} rows[] = {
		{ WANT_REDRAW, do_redraw },
		{ WANT_SUSPEND, loop_stop },
		{ WANT_PAGER, do_pager },
		{ WANT_SHOW, do_show },
		{ WANT_START, do_start },
		{ WANT_NOTE, do_note },
		{ WANT_EDIT, do_edit },
		{ WANT_SHELL, do_shell },
		{ WANT_COPY, do_copy },
		{ WANT_MOUSE, do_mouse },
		{ WANT_SECRETS, do_secrets },
		{ WANT_CALL, do_call },
	};
	const unsigned want = tui->screen.want;

	tui->screen.want = 0;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (want & rows[i].want)
			rows[i].perform(tui);
	return (want & WANT_LEAVE) != 0;
}
