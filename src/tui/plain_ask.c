/* plain_ask.c: questions on a plain terminal, answers given beforehand by flags, and typed
 * commands. */
#include "plain.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ------------------------------------------------------------------ sending */

enum err_code plain_answer(struct plain *plain, const struct ask *ask, const char *answer,
	const char *note, const char *value, const char *word, struct err *err)
{
	json_t *body = json_object();
	const int64_t id = ask->id;

	plain->asked_server = true;
	json_put_int(body, "run", plain->options->run);
	json_put_int(body, "ask", ask->id);
	json_put_str(body, "answer", answer);
	json_put_str(body, "digest", ask->digest);
	if (note != NULL && note[0] != '\0')
		json_put_str(body, "note", note);
	if (value != NULL && value[0] != '\0')
		json_put_str(body, "value", value);
	if (word != NULL)
		json_put_str(body, "word", word);
	TRY(client_ask(plain->options->client, "answer", body, NULL, err));
	plain->answered = id;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ without a terminal */

static bool listed(const char *const *list, const char *what)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		if (str_eq(list[i], what))
			return true;
	return false;
}

/* The table "unattended" of the confirm levels.  Nothing is yes by default. */
static bool allowed(const struct plain *plain, const struct ask *ask)
{
	const char *step = plain->run->steps[ask->step].id;

	if (!str_eq(ask->kind, "confirm"))
		return false;
	if (str_eq(plain->run->mode, "simulate")) /* nothing happens */
		return true;
	if (ask->level >= 3) {
		char *pair = xasprintf("%s=%s", step, ask->word != NULL ? ask->word : "");
		const bool given = ask->word != NULL && ask->word[0] != '\0' &&
				   listed(plain->options->confirm, pair);
		free(pair);
		return given;
	}
	if (listed(plain->options->approve, step))
		return true;
	return ask->level <= 1 && plain->options->yes_drill &&
	       !str_eq(plain->run->mode, "live");
}

static enum err_code missing(const struct plain *plain, const struct ask *ask, struct err *err)
{
	const char *step = plain->run->steps[ask->step].id;
	const char *title = ask->title != NULL ? ask->title : "";
	const long long run = (long long)plain->options->run;

	if (!str_eq(ask->kind, "confirm"))
		return err_set(err, ERR_ATTENTION,
			"step %s needs a human (%s: %s); nobody is here; answer with drillbook "
			"attach %lld, or drillbook answer %lld",
			step, ask->kind, title, run, run);
	if (ask->level >= 3)
		return err_set(err, ERR_ATTENTION,
			"step %s would do what cannot be undone (%s); --confirm %s=%s was "
			"needed; answer with drillbook attach %lld",
			step, title, step, ask->word != NULL ? ask->word : "", run);
	return err_set(err, ERR_ATTENTION,
		"step %s needs a confirmation (%s); --approve %s was needed; answer with "
		"drillbook attach %lld",
		step, title, step, run);
}

static enum err_code unattended(struct plain *plain, const struct ask *ask, struct err *err)
{
	if (!allowed(plain, ask))
		return missing(plain, ask, err);
	/* the record keeps that nobody typed this yes */
	const bool by_level =
		ask->level <= 1 && !listed(plain->options->approve, plain->run->steps[ask->step].id);
	plain_say(plain, "step %s: %s: %s", plain->run->steps[ask->step].id,
		by_level ? "can be taken back, runs without a terminal" : "approved beforehand",
		ask->title != NULL ? ask->title : "");
	return plain_answer(plain, ask, "yes", by_level ? "no terminal" : NULL,
		NULL, ask->level >= 3 ? ask->word : NULL, err);
}

/* ------------------------------------------------------------------ questions */

static void print_lines(struct plain *plain, const struct ask *ask)
{
	struct lines lines;

	lines_init(&lines);
	ask_text(plain->run, ask, &lines, 1000);
	for (size_t i = 0; i < lines.count; i++)
		plain_say(plain, "    %s", lines.rows[i].text);
	lines_release(&lines);
}

static void print_choices(struct plain *plain, const struct ask *ask)
{
	for (size_t i = 0; i < json_array_size(ask->choices); i++) {
		const json_t *row = json_array_get(ask->choices, i);
		if (str_eq(ask->kind, "confirm") && ask->level >= 2 &&
			str_eq(json_str(row, "id", ""), "yes"))
			continue;
		plain_say(plain, "    %zu  %s", i + 1,
			json_str(row, "label", json_str(row, "id", "")));
	}
}

static void show_question(struct plain *plain, const struct ask *ask)
{
	const json_t *list = json_object_get(ask->detail, "checklist");
	const bool confirm = str_eq(ask->kind, "confirm");

	plain_say(plain, "QUESTION about step %s (%s)", plain->run->steps[ask->step].id,
		ask->kind);
	print_lines(plain, ask);
	for (size_t i = 0; i < json_array_size(list); i++)
		plain_say(plain, "    [ ] %s", json_string_value(json_array_get(list, i)));
	print_choices(plain, ask);
	if (confirm && ask->level >= 3)
		plain_say(plain,
			"Type %s and Enter to do it, or a number; nothing = it stays open",
			ask->word);
	else if (confirm && ask->level == 2)
		plain_say(plain, "Type Y (capital) and Enter to do it, or a number; nothing = "
				 "it stays open");
	else
		plain_say(plain, "Type a number and Enter; nothing = it stays open");
}

/* What is in the terminal's buffer now was typed before the question could be read. */
static void prompt(struct plain *plain, const struct ask *ask)
{
	show_question(plain, ask);
	fflush(plain->options->out);
	if (plain->options->in != NULL && isatty(fileno(plain->options->in)))
		tcflush(fileno(plain->options->in), TCIFLUSH);
	buf_clear(&plain->in);
	plain->prompt = (struct prompt){ .ask = ask->id, .since = mono_now() };
}

/* Mostly it is for others than who sits here; whoever may, has a command. */
static void mention_approval(struct plain *plain, const struct ask *ask)
{
	const char *step = plain->run->steps[ask->step].id;

	if (ask->id <= plain->approval)
		return;
	plain->approval = ask->id;
	plain_say(plain, "APPROVAL asked for by step %s (type approve %s, or reject %s REASON)",
		step, step, step);
	print_lines(plain, ask);
}

enum err_code plain_asks(struct plain *plain, struct err *err)
{
	const struct ask *ask = NULL;

	if (plain->prompt.ask != 0 && run_ask(plain->run, plain->prompt.ask) == NULL) {
		if (plain->answered != plain->prompt.ask)
			plain_say(plain, "that question is no longer open");
		plain->prompt = (struct prompt){ 0 };
	}
	for (size_t i = 0; i < plain->run->ask_count && ask == NULL; i++) {
		const struct ask *one = &plain->run->asks[i];
		if (plain->options->interactive && str_eq(one->kind, "approve"))
			mention_approval(plain, one);
		else if (one->id > plain->answered)
			ask = one;
	}
	if (ask == NULL || plain->prompt.ask != 0)
		return ERR_NONE;
	if (!plain->lead_is_you) {
		if (ask->id > plain->mentioned)
			plain_say(plain, "step %s waits for an answer of %s, who leads%s",
				plain->run->steps[ask->step].id, plain->run->lead,
				plain->options->interactive ? " (type lead to take the lead)"
							    : "");
		plain->mentioned = ask->id;
		return ERR_NONE;
	}
	if (!plain->options->interactive || plain->options->in == NULL)
		return unattended(plain, ask, err);
	if (plain->in_closed)
		return missing(plain, ask, err);
	prompt(plain, ask);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ typed answers */

static bool needs_note(const struct ask *ask, const char *answer)
{
	static const struct {
		const char *kind, *answer;
	} rows[] = {
		{ "failed", "skip" },
		{ "interrupted", "skip" },
		{ "diverged", "skip" },
		{ "unknown", "done" },
		{ "unknown", "not_done" },
		{ "manual", "failed" },
		{ "failed", "force" },
		{ "interrupted", "force" },
		{ "approve", "reject" },
		{ "debris", "keep" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (str_eq(rows[i].kind, ask->kind) && str_eq(rows[i].answer, answer))
			return true;
	return false;
}

/* A refusal of the server is said and the question asked again; only a lost server ends the
 * client. */
static enum err_code answered(struct plain *plain, enum err_code code, struct err *err)
{
	if (code == ERR_NONE) {
		plain->prompt = (struct prompt){ 0 };
		return ERR_NONE;
	}
	if (code == ERR_UNREACHABLE || code == ERR_TIMEOUT)
		return code;
	plain_say(plain, "not taken: %s", err->text);
	*err = (struct err){ 0 };
	plain->prompt.answer[0] = '\0';
	return ERR_NONE;
}

static enum err_code choose(
	struct plain *plain, const struct ask *ask, const char *answer, struct err *err)
{
	const bool value = str_eq(ask->kind, "manual") && str_eq(answer, "done");

	if (needs_note(ask, answer) || value) {
		snprintf(plain->prompt.answer, sizeof(plain->prompt.answer), "%s", answer);
		plain->prompt.value = value;
		plain_say(plain,
			value ? "A value to record, or nothing:" : "Why? (a reason is needed)");
		return ERR_NONE;
	}
	return answered(plain, plain_answer(plain, ask, answer, NULL, NULL, NULL, err), err);
}

static enum err_code answer_line(
	struct plain *plain, const struct ask *ask, const char *line, struct err *err)
{
	const bool confirm = str_eq(ask->kind, "confirm");
	char *end;

	if (confirm && ask->level >= 3 && ask->word != NULL && ask->word[0] != '\0' &&
		str_eq(line, ask->word))
		return answered(plain,
			plain_answer(plain, ask, "yes", NULL, NULL, ask->word, err), err);
	if (confirm && ask->level == 2 && str_eq(line, "Y"))
		return answered(
			plain, plain_answer(plain, ask, "yes", NULL, NULL, NULL, err), err);
	const unsigned long number = strtoul(line, &end, 10);
	const char *answer =
		isdigit((unsigned char)line[0]) && *end == '\0' && number > 0 &&
				number <= json_array_size(ask->choices)
			? json_str(json_array_get(ask->choices, number - 1), "id", "")
			: NULL;
	if (answer == NULL || (confirm && ask->level >= 2 && str_eq(answer, "yes"))) {
		plain_say(plain, "that is none of the answers; nothing was done");
		show_question(plain, ask);
		return ERR_NONE;
	}
	return choose(plain, ask, answer, err);
}

static enum err_code note_line(
	struct plain *plain, const struct ask *ask, const char *line, struct err *err)
{
	char chosen[sizeof(plain->prompt.answer)];

	if (line[0] == '\0' && !plain->prompt.value) {
		plain_say(plain, "a reason is needed; the question stays open");
		plain->prompt.answer[0] = '\0';
		show_question(plain, ask);
		return ERR_NONE;
	}
	memcpy(chosen, plain->prompt.answer, sizeof(chosen));
	return answered(plain,
		plain_answer(plain, ask, chosen, plain->prompt.value ? NULL : line,
			plain->prompt.value ? line : NULL, NULL, err),
		err);
}

enum err_code plain_typed(struct plain *plain, const char *line, bool alone, struct err *err)
{
	const struct ask *ask =
		plain->prompt.ask != 0 ? run_ask(plain->run, plain->prompt.ask) : NULL;

	if (line[0] == ':')
		return plain_command(plain, line + 1, err);
	if (ask == NULL)
		return line[0] == '\0' ? ERR_NONE : plain_command(plain, line, err);
	if (plain->prompt.answer[0] != '\0')
		return note_line(plain, ask, line, err);
	if (line[0] == '\0')
		return ERR_NONE;
	if (!alone || mono_ms_since(plain->prompt.since) < TYPED_AFTER_MS) {
		plain_say(plain,
			!alone ? "pasted lines never answer: type it"
			       : "that was typed before the question was shown: type it again");
		return ERR_NONE;
	}
	return answer_line(plain, ask, line, err);
}
