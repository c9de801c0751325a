/* plain_home.c: Home as lines: commands that list, show, start and attach. */
#include "plain.h"
#include "view.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ reading */

/* The next line typed; NULL at the end of the input.  What the server pushes meanwhile is
 * passed over: nothing is attached here.  Owned. */
static char *read_line(struct plain *plain, const char *prompt)
{
	char byte[512];

	plain_say(plain, "%s", prompt);
	fflush(plain->options->out);
	for (;;) {
		const char *newline =
			plain->in.len > 0 ? memchr(plain->in.data, '\n', plain->in.len) : NULL;
		if (newline != NULL) {
			const size_t len = (size_t)(newline - plain->in.data);
			char *line = xasprintf("%.*s", (int)len, plain->in.data);
			buf_consume(&plain->in, len + 1);
			return line;
		}
		const ssize_t n = read(fileno(plain->options->in), byte, sizeof(byte));
		struct err err = { 0 };
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		if (buf_add(&plain->in, byte, (size_t)n, &err) != ERR_NONE)
			buf_clear(&plain->in); /* this much is no line */
	}
}

/* ------------------------------------------------------------------ starting */

static void say_field(struct plain *plain, const struct form_field *field)
{
	char choices[512] = "";

	for (size_t i = 0; i < field->choice_count; i++)
		snprintf(choices + strlen(choices), sizeof(choices) - strlen(choices),
			"%s%zu %s", i ? ", " : "", i + 1, field->choices[i]);
	plain_say(plain, "    %s (%s%s%s)%s%s%s", field->name, field->type,
		choices[0] ? ": " : "", choices, field->help[0] ? ": " : "", field->help,
		field->required ? "" : "; may be left empty");
}

/* One field: a value, the number of a choice, nothing for what stands there.  False: no more is
 * typed. */
static bool ask_field(struct plain *plain, struct form_field *field)
{
	char prompt[FORM_TEXT + 64], text[256];

	say_field(plain, field);
	for (;;) {
		snprintf(
			prompt, sizeof(prompt), "    %s [%s]:", field->name, field->value.text);
		char *line = read_line(plain, prompt);
		if (line == NULL || str_eq(line, "cancel")) {
			free(line);
			return false;
		}
		const size_t number = (size_t)strtoul(line, NULL, 10);
		if (field->choice_count > 0 && isdigit((unsigned char)line[0]) && number >= 1 &&
			number <= field->choice_count)
			field_set(&field->value, field->choices[number - 1]);
		else if (str_eq(line, "-"))
			field_set(&field->value, "");
		else if (line[0] != '\0')
			field_set(&field->value, line);
		free(line);
		const char *wrong = form_wrong(field, text, sizeof(text));
		if (wrong == NULL)
			return true;
		plain_say(plain, "    %s: %s", field->name, wrong);
	}
}

/* A live run is started by its name, never by Enter. */
static bool confirmed(struct plain *plain, const struct form *form)
{
	const struct form_field *mode = form_field(form, "mode");
	char prompt[256];

	if (!str_eq(mode->value.text, "live"))
		return true;
	snprintf(prompt, sizeof(prompt),
		"This is LIVE.  Type %.120s to start it:", form->runbook);
	char *line = read_line(plain, prompt);
	const bool yes = str_eq(line, form->runbook);
	free(line);
	if (!yes)
		plain_say(plain, "nothing was started");
	return yes;
}

static void do_start(struct plain *plain, const char *rest, int64_t *run)
{
	struct form *form = xmalloc(sizeof(*form));
	json_t *body = json_object();
	struct err err = { 0 };
	bool all = true;

	json_put_str(body, "runbook", rest);
	if (!plain_document(plain, DOCUMENT_BOOK, rest, "runbook", body)) {
		free(form);
		return;
	}
	form_open(form, rest, "drill");
	form_params(
		form, json_object_get(plain->view->documents[DOCUMENT_BOOK].json, "params"));
	plain_say(plain,
		"Enter takes what stands in brackets, - takes it away, cancel starts nothing");
	for (size_t i = 0; i < form->count && all; i++)
		all = ask_field(plain, &form->fields[i]);
	if (all && plain->options->start == NULL) {
		plain_say(plain, "nothing can be started from here");
	} else if (all && confirmed(plain, form)) {
		json_t *what = form_json(form);
		if (plain->options->start(plain->options->start_arg, what, run, &err) !=
			ERR_NONE)
			plain_say(plain, "not started: %s", err.text);
		json_decref(what);
	}
	free(form);
}

/* ------------------------------------------------------------------ the menu */

static void do_runs(struct plain *plain)
{
	const json_t *row;
	size_t i, open = 0;

	if (!plain_runs(plain))
		return;
	json_array_foreach(plain->view->runs, i, row) {
		char mode[16];
		if (!str_eq(json_str(row, "status", ""), "open"))
			continue;
		open++;
		mode_word(json_str(row, "mode", ""), mode);
		plain_say(plain, "    run %lld %s %s%s", (long long)json_int(row, "run", 0),
			mode, json_str(row, "runbook", ""),
			json_int(row, "asks", 0) > 0 ? ": ASKS something" : "");
	}
	if (open == 0)
		plain_say(plain, "    no run is open");
}

static void switch_drills(struct plain *plain, const char *action, const char *reason)
{
	json_t *body = json_object(), *answer = NULL;
	struct err err = { 0 };

	if (!plain_document(plain, DOCUMENT_HOME, "home", "home", json_object())) {
		json_decref(body);
		return;
	}
	json_put_str(body, "action", action);
	json_put_str(body, "workspace",
		json_str(json_object_get(
				 plain->view->documents[DOCUMENT_HOME].json, "workspace"),
			"root", ""));
	json_put_str(body, "note", reason);
	if (client_ask(plain->options->client, "drills", body, &answer, &err) == ERR_NONE)
		plain_say(plain, "done");
	else
		plain_say(plain, "not done: %s", err.text);
	json_decref(answer);
}

static void help(struct plain *plain)
{
	static const char *const rows[][2] = { { "help", "this list" },
		{ "runs", "the open runs" },
		{ "start", "RUNBOOK: start it; asks for its parameters" },
		{ "attach", "RUN: follow a run" },
		{ "stop-drills", "REASON: end and undo all drills of the workspace" },
		{ "allow-drills", "REASON: drills may be held again" }, { "leave", "leave" } };

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		plain_say(plain, "    %-11s %s", rows[i][0], rows[i][1]);
	plain_look_help(plain);
}

/* A run to be followed was chosen: its number, else 0.  *leave: nothing more. */
static int64_t menu_line(struct plain *plain, const char *line, bool *leave)
{
	const char *rest = line;
	char *name = plain_word(&rest);
	int64_t run = 0;

	if (str_eq(name, "leave") || str_eq(name, "q"))
		*leave = true;
	else if (str_eq(name, "help") || str_eq(name, "?"))
		help(plain);
	else if (str_eq(name, "runs"))
		do_runs(plain);
	else if (str_eq(name, "start"))
		do_start(plain, rest, &run);
	else if (str_eq(name, "attach"))
		run = strtoll(rest, NULL, 10);
	else if (str_eq(name, "stop-drills"))
		switch_drills(plain, "stop", rest);
	else if (str_eq(name, "allow-drills"))
		switch_drills(plain, "allow", rest);
	else if (name[0] != '\0' && !plain_look(plain, name, rest))
		plain_say(plain, "no command \"%s\"; help lists them", name);
	if (str_eq(name, "attach") && run <= 0)
		plain_say(plain, "attach needs a run's number: attach 2042");
	free(name);
	return run > 0 ? run : 0;
}

static enum err_code follow(
	const struct plain_options *options, int64_t run, int *exit_status, struct err *err)
{
	struct plain_options own = *options;

	own.run = run;
	own.record = NULL; /* a recording has one file */
	return plain_run(&own, exit_status, err);
}

enum err_code plain_home(const struct plain_options *options, int *exit_status, struct err *err)
{
	struct plain plain = { .options = options };
	enum err_code code = ERR_NONE;
	bool leave = false;

	*exit_status = 0;
	buf_init(&plain.in, PLAIN_LINE_MAX);
	plain_say(&plain, "drillbook, plain; help lists what can be typed");
	do_runs(&plain);
	while (code == ERR_NONE && !leave) {
		char *line = read_line(&plain, "what next?");
		if (line == NULL)
			break;
		const int64_t run = menu_line(&plain, line, &leave);
		free(line);
		if (run > 0)
			code = follow(options, run, exit_status, err);
		if (code == ERR_NOT_FOUND) {
			plain_say(&plain, "%s", err->text);
			*err = (struct err){ 0 };
			code = ERR_NONE;
		}
	}
	plain_look_release(&plain);
	buf_release(&plain.in);
	fflush(options->out);
	return code;
}
