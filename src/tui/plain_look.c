/* plain_look.c: the other screens as lines: runbooks, drills, runs, reports, comparisons. Their
 * text is the screens' own. */
#include "format.h"
#include "pager.h"
#include "paint.h"
#include "plain.h"
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 100, RUNS_SHOWN = 40, FETCH_BYTES = 256 * 1024 };

/* ------------------------------------------------------------------ texts of the screens */

static struct screen *view(struct plain *plain)
{
	if (plain->view == NULL) {
		plain->view = xmalloc(sizeof(*plain->view));
		screen_init(plain->view, NULL, true);
	}
	plain->view->now = wall_now();
	plain->view->width = WIDTH;
	return plain->view;
}

void plain_look_release(struct plain *plain)
{
	if (plain->view == NULL)
		return;
	plain->view->run = NULL; /* it was only lent */
	screen_release(plain->view);
	free(plain->view);
	plain->view = NULL;
}

void plain_text(struct plain *plain,
	void (*text)(const struct screen *screen, struct lines *lines, int width))
{
	struct screen *screen = view(plain);
	struct lines lines;

	screen->run = plain->run;
	screen->cursor = plain->look_at;
	lines_init(&lines);
	text(screen, &lines, WIDTH);
	for (size_t i = 0; i < lines.count; i++)
		plain_say(plain, "    %s", lines.rows[i].text);
	lines_release(&lines);
	screen->run = NULL;
}

bool plain_document(struct plain *plain, enum document_kind kind, const char *about,
	const char *what, json_t *body)
{
	struct document *document = &view(plain)->documents[kind];
	json_t *answer = NULL;
	struct err err = { 0 };
	enum err_code code = ERR_UNSUPPORTED;

	json_decref(document->json);
	*document = (struct document){ .asked = true };
	snprintf(document->about, sizeof(document->about), "%s", about);
	if (plain->options->look == NULL)
		err_set(&err, ERR_UNSUPPORTED, "this cannot be shown here");
	else
		code = plain->options->look(
			plain->options->look_arg, what, body, &answer, &err);
	json_decref(body);
	if (code != ERR_NONE) {
		plain_say(plain, "%s", err.text);
		return false;
	}
	document->json = json_incref(json_object_get(answer, "document"));
	json_decref(answer);
	return document->json != NULL;
}

bool plain_runs(struct plain *plain)
{
	struct screen *screen = view(plain);
	json_t *body = json_object(), *answer = NULL;
	struct err err = { 0 };

	plain->asked_server = true;
	json_put_int(body, "limit", RUNS_SHOWN);
	if (client_ask(plain->options->client, "runs", body, &answer, &err) != ERR_NONE) {
		plain_say(plain, "%s", err.text);
		return false;
	}
	json_decref(screen->runs);
	screen->runs = json_incref(json_object_get(answer, "runs"));
	json_decref(answer);
	return true;
}

static bool home(struct plain *plain)
{
	struct screen *screen = view(plain);

	if (!plain_document(plain, DOCUMENT_HOME, "home", "home", json_object()))
		return false;
	screen->home = screen->documents[DOCUMENT_HOME].json;
	return true;
}

/* Rows of one of the lists, numbered. */
static void print_rows(struct plain *plain, enum view which, const char *none)
{
	struct screen *screen = view(plain);
	const struct view_row *row = &view_rows[which];
	const size_t count = row->count(screen);
	char text[512];

	for (size_t i = 0; i < count; i++) {
		row->row(screen, i, WIDTH, text, sizeof(text));
		plain_say(plain, "    %3zu %s", i + 1, text);
	}
	if (count == 0)
		plain_say(plain, "    %s", none);
}

/* ------------------------------------------------------------------ commands */

static void look_services(struct plain *plain, const char *rest)
{
	const json_t *row;
	size_t i;
	char rto[24], rpo[24];

	(void)rest;
	if (!home(plain))
		return;
	json_array_foreach(json_object_get(plain->view->home, "services"), i, row)
		plain_say(plain, "    %3zu %s, tier %" PRId64 ", RTO %s, RPO %s, standby %s",
			i + 1, json_str(row, "name", ""), json_int(row, "tier", 0),
			format_objective(rto, sizeof(rto), json_int(row, "rto_ms", -1)),
			format_objective(rpo, sizeof(rpo), json_int(row, "rpo_ms", -1)),
			json_str(row, "standby", "--"));
}

static void look_books(struct plain *plain, const char *rest)
{
	(void)rest;
	if (plain_runs(plain) && home(plain))
		print_rows(plain, VIEW_BOOKS, "there is no runbook here");
}

static void look_drills(struct plain *plain, const char *rest)
{
	(void)rest;
	if (plain_runs(plain) && home(plain))
		print_rows(plain, VIEW_DRILLS, "drills.yaml of this workspace plans no drill");
}

static void look_history(struct plain *plain, const char *rest)
{
	(void)rest;
	if (plain_runs(plain))
		print_rows(plain, VIEW_HISTORY, "nothing has been run yet");
}

static void look_book(struct plain *plain, const char *rest)
{
	json_t *body = json_object();

	json_put_str(body, "runbook", rest);
	if (!home(plain) || !plain_document(plain, DOCUMENT_BOOK, rest, "runbook", body))
		return;
	/* the text wants the runbook under the cursor */
	const json_t *row;
	size_t i;
	json_array_foreach(json_object_get(plain->view->home, "runbooks"), i, row) {
		if (str_eq(json_str(row, "name", ""), rest))
			plain->view->places[VIEW_BOOKS].cursor = i;
	}
	plain_text(plain, books_text);
}

static int64_t run_of(const struct plain *plain, const char *rest)
{
	const long long run = strtoll(rest, NULL, 10);

	return run > 0 ? run : plain->options->run;
}

static void look_report(struct plain *plain, const char *rest)
{
	json_t *body = json_object();
	char about[32];

	view(plain)->report_run = run_of(plain, rest);
	snprintf(about, sizeof(about), "%" PRId64, plain->view->report_run);
	json_put_int(body, "run", plain->view->report_run);
	if (plain_document(plain, DOCUMENT_REPORT, about, "report", body))
		plain_text(plain, report_text);
}

static void look_compare(struct plain *plain, const char *rest)
{
	char *end;
	const long long a = strtoll(rest, &end, 10), b = strtoll(end, NULL, 10);
	json_t *body = json_object();

	view(plain)->compare_a = a;
	plain->view->compare_b = b;
	json_put_int(body, "a", a);
	json_put_int(body, "b", b);
	if (a <= 0 || b <= 0) {
		json_decref(body);
		plain_say(plain, "compare needs the numbers of two runs: compare 2041 2042");
	} else if (plain_document(plain, DOCUMENT_COMPARE, rest, "compare", body)) {
		plain_text(plain, compare_text);
	}
}

static void look_verify(struct plain *plain, const char *rest)
{
	json_t *body = json_object(), *answer = NULL;
	struct err err = { 0 };

	json_put_int(body, "run", run_of(plain, rest));
	if (plain->options->look == NULL ||
		plain->options->look(plain->options->look_arg, "verify", body, &answer, &err) !=
			ERR_NONE) {
		plain_say(plain, "%s", err.text[0] ? err.text : "this cannot be done here");
	} else {
		char *text = xstrdup(json_str(answer, "text", "")), *at = text, *line;
		while ((line = strsep(&at, "\n")) != NULL)
			if (line[0] != '\0')
				plain_say(plain, "    %s", line);
		free(text);
	}
	json_decref(answer);
	json_decref(body);
}

static const struct {
	const char *name, *help;
	void (*look)(struct plain *plain, const char *rest);
} looks[] = {
	{ "services", "the services and their objectives", look_services },
	{ "runbooks", "the runbooks: version, last drill, mistakes", look_books },
	{ "runbook", "NAME: parameters, steps, versions", look_book },
	{ "drills", "the calendar of drills", look_drills },
	{ "history", "past and open runs, newest first", look_history },
	{ "report", "[RUN]: the report of a run", look_report },
	{ "compare", "RUN RUN: two runs side by side", look_compare },
	{ "verify", "[RUN]: have the independent checker prove the record", look_verify },
};

bool plain_look(struct plain *plain, const char *name, const char *rest)
{
	for (size_t i = 0; i < COUNT_OF(looks); i++)
		if (str_eq(looks[i].name, name)) {
			looks[i].look(plain, rest);
			return true;
		}
	return false;
}

void plain_look_help(struct plain *plain)
{
	for (size_t i = 0; i < COUNT_OF(looks); i++)
		plain_say(plain, "    %-11s %s", looks[i].name, looks[i].help);
}

/* ------------------------------------------------------------------ output */

static void print_line(
	struct plain *plain, const char *id, const char *line, size_t len, const char *words)
{
	struct buf clean;
	struct err err = { 0 };

	buf_init(&clean, len * 16 + 64);
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (text_plain(line, len, &clean, &err) == ERR_NONE) {
		const char *text = clean.data != NULL ? clean.data : "";
		if (words[0] == '\0' || strcasestr(text, words) != NULL)
			plain_say(plain, "%s | %s", id, text);
	}
	buf_release(&clean);
}

enum err_code plain_whole_output(
	struct plain *plain, const struct step *step, const char *words, struct err *err)
{
	const char *id = step->id;
	const int64_t attempt = step->attempt;
	struct buf held;
	int64_t offset = 0, at = 0, size = 1;
	enum err_code code = ERR_NONE;

	if (attempt == 0)
		return err_set(err, ERR_PRECONDITION, "step \"%s\" has not begun", id);
	plain->asked_server = true;
	buf_init(&held, PLAIN_LINE_MAX + FETCH_BYTES);
	while (code == ERR_NONE && offset < size) {
		char *data;
		size_t len;
		code = output_fetch(plain->options->client, plain->options->run, id, attempt,
			offset, FETCH_BYTES, &data, &len, &at, &size, err);
		if (code != ERR_NONE)
			break;
		code = buf_add(&held, data, len, err);
		free(data);
		offset = at + (int64_t)len;
		for (;;) {
			const char *newline =
				held.len > 0 ? memchr(held.data, '\n', held.len) : NULL;
			if (newline == NULL && held.len < PLAIN_LINE_MAX)
				break;
			const size_t taken =
				newline != NULL ? (size_t)(newline - held.data) : held.len;
			print_line(plain, id, held.data, taken, words);
			buf_consume(&held, newline != NULL ? taken + 1 : taken);
		}
		if (len == 0)
			break;
	}
	if (held.len > 0)
		print_line(plain, id, held.data, held.len, words);
	buf_release(&held);
	return code;
}
