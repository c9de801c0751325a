/* plain_command.c: what may be typed while a run is followed: everything the screen's keys do.
 */
#include "plain.h"
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

char *plain_word(const char **rest)
{
	const size_t len = strcspn(*rest, " ");
	char *word = xasprintf("%.*s", (int)len, *rest);

	*rest += len;
	*rest += strspn(*rest, " ");
	return word;
}

/* ------------------------------------------------------------------ acting */

static enum err_code act_with(struct plain *plain, const char *action, const char *step,
	const char *note, json_t *body, struct err *err)
{
	plain->asked_server = true;
	json_put_int(body, "run", plain->options->run);
	json_put_str(body, "action", action);
	if (step != NULL)
		json_put_str(body, "step", step);
	if (note != NULL)
		json_put_str(body, "note", note);
	return client_ask(plain->options->client, "act", body, NULL, err);
}

static enum err_code act(struct plain *plain, const char *action, const char *step,
	const char *note, struct err *err)
{
	return act_with(plain, action, step, note, json_object(), err);
}

static enum err_code do_note(struct plain *plain, const char *rest, struct err *err)
{
	return act(plain, "note", NULL, rest, err);
}

static enum err_code do_pause(struct plain *plain, const char *rest, struct err *err)
{
	return act(plain, "pause", NULL, rest, err);
}

static enum err_code do_continue(struct plain *plain, const char *rest, struct err *err)
{
	(void)rest;
	return act(plain, "continue", NULL, NULL, err);
}

/* "STEP REASON": the first word is the step, its id or its number. */
static enum err_code step_act(
	struct plain *plain, const char *action, const char *rest, struct err *err)
{
	char *step = plain_word(&rest);
	const size_t number = (size_t)strtoul(step, NULL, 10);
	const bool numbered = run_step(plain->run, step) == NULL && number >= 1 &&
			      number <= plain->run->step_count;
	const enum err_code code = act(
		plain, action, numbered ? plain->run->steps[number - 1].id : step, rest, err);

	free(step);
	return code;
}

static enum err_code do_skip(struct plain *plain, const char *rest, struct err *err)
{
	return step_act(plain, "skip", rest, err);
}

static enum err_code do_retry(struct plain *plain, const char *rest, struct err *err)
{
	return step_act(plain, "retry", rest, err);
}

static enum err_code do_undo(struct plain *plain, const char *rest, struct err *err)
{
	return step_act(plain, "undo", rest, err);
}

static enum err_code do_force(struct plain *plain, const char *rest, struct err *err)
{
	return step_act(plain, "force", rest, err);
}

static enum err_code do_stop(struct plain *plain, const char *rest, struct err *err)
{
	return step_act(plain, "stop_step", rest, err);
}

static enum err_code do_abort(struct plain *plain, const char *rest, struct err *err)
{
	return act(plain, "abort", NULL, rest, err);
}

static enum err_code do_abort_undo(struct plain *plain, const char *rest, struct err *err)
{
	json_t *body = json_object();

	json_put_flag(body, "undo", true);
	return act_with(plain, "abort", NULL, rest, body, err);
}

static enum err_code do_impact(struct plain *plain, const char *rest, struct err *err)
{
	json_t *body = json_object();
	struct err none = { 0 };
	struct wall at = { 0 };
	int64_t ago_ms = 0;

	if (parse_duration_ms(rest, &ago_ms, &none) == ERR_NONE)
		at.ns = wall_now().ns - ago_ms * 1000000;
	else if (wall_parse(rest, &at, &none) != ERR_NONE) {
		json_decref(body);
		return err_set(err, ERR_USAGE,
			"write impact 2026-11-18T14:02:31Z, or impact 12m for so long ago");
	}
	json_put_str(body, "clock", "t0");
	json_put_int(body, "at_ns", at.ns);
	return act_with(plain, "clock", NULL, NULL, body, err);
}

static enum err_code say_approval(
	struct plain *plain, const char *word, const char *rest, struct err *err)
{
	char *id = plain_word(&rest);
	const struct step *step = run_step(plain->run, id);
	const struct ask *ask =
		step != NULL ? run_step_ask(plain->run, (size_t)(step - plain->run->steps))
			     : NULL;
	enum err_code code;

	if (ask == NULL || !str_eq(ask->kind, "approve"))
		code = err_set(err, ERR_NOT_FOUND, "step \"%s\" asks for no approval", id);
	else
		code = plain_answer(plain, ask, word, rest, NULL, NULL, err);
	free(id);
	return code;
}

static enum err_code do_approve(struct plain *plain, const char *rest, struct err *err)
{
	return say_approval(plain, "approve", rest, err);
}

static enum err_code do_reject(struct plain *plain, const char *rest, struct err *err)
{
	return say_approval(plain, "reject", rest, err);
}

static enum err_code do_lead(struct plain *plain, const char *rest, struct err *err)
{
	json_t *body = json_object();

	(void)rest;
	plain->asked_server = true;
	json_put_int(body, "run", plain->options->run);
	TRY(client_ask(plain->options->client, "lead", body, NULL, err));
	plain->lead_is_you = true;
	return ERR_NONE;
}

static enum err_code do_secrets(struct plain *plain, const char *rest, struct err *err)
{
	(void)rest;
	if (plain->options->secrets == NULL)
		return err_set(err, ERR_UNSUPPORTED,
			"drillbook secret give %" PRId64 " does it", plain->options->run);
	plain->asked_server = true;
	return plain->options->secrets(plain->options->start_arg, plain->options->run, err);
}

static enum err_code do_leave(struct plain *plain, const char *rest, struct err *err)
{
	(void)rest;
	(void)err;
	plain->leave = true;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ looking */

static enum err_code do_status(struct plain *plain, const char *rest, struct err *err)
{
	const struct run *run = plain->run;
	char clock[24];

	(void)rest;
	(void)err;
	for (size_t i = 0; i < run->step_count; i++)
		plain_say(plain, "    %zu %s: %s %s", i + 1, run->steps[i].id,
			step_word(run, i),
			run->steps[i].attempt > 0
				? format_clock(clock, sizeof(clock),
					  step_elapsed_ms(&run->steps[i], wall_now()))
				: "");
	for (size_t i = 0; i < run->service_count; i++) {
		const struct service_clock now = run_clock(run, &run->services[i], wall_now());
		char elapsed[24], left[24];
		plain_say(plain, "    %s: elapsed %s, %s%s, %s", run->services[i].name,
			format_clock(elapsed, sizeof(elapsed), now.elapsed_ms),
			now.rto_ms < 0	   ? "no RTO"
			: now.left_ms >= 0 ? "left "
					   : "too long by ",
			now.rto_ms < 0 ? ""
				       : format_clock(left, sizeof(left),
						 now.left_ms < 0 ? -now.left_ms : now.left_ms),
			now.word);
	}
	return ERR_NONE;
}

static enum err_code do_who(struct plain *plain, const char *rest, struct err *err)
{
	(void)rest;
	(void)err;
	plain_say(plain, "    started by %s, lead %s%s, %" PRId64 " attached",
		plain->run->started_by.name, plain->run->lead,
		plain->lead_is_you ? " (you)" : "", plain->watching);
	return ERR_NONE;
}

static enum err_code do_notes(struct plain *plain, const char *rest, struct err *err)
{
	char when[32];

	(void)rest;
	(void)err;
	for (size_t i = 0; i < plain->run->note_count; i++)
		plain_say(plain, "    %.5s %s: %s",
			wall_format(when, sizeof(when), plain->run->notes[i].at) + 11,
			plain->run->notes[i].who, plain->run->notes[i].text);
	if (plain->run->note_count == 0)
		plain_say(plain, "    no notes");
	return ERR_NONE;
}

static enum err_code do_asks(struct plain *plain, const char *rest, struct err *err)
{
	(void)rest;
	(void)err;
	for (size_t i = 0; i < plain->run->ask_count; i++)
		plain_say(plain, "    step %s asks (%s): %s",
			plain->run->steps[plain->run->asks[i].step].id,
			plain->run->asks[i].kind,
			plain->run->asks[i].title != NULL ? plain->run->asks[i].title : "");
	if (plain->run->ask_count == 0)
		plain_say(plain, "    nothing is asked now");
	else
		plain->prompt = (struct prompt){ 0 }; /* and is asked again */
	return ERR_NONE;
}

static enum err_code do_values(struct plain *plain, const char *rest, struct err *err)
{
	(void)rest;
	(void)err;
	plain_text(plain, values_text);
	return ERR_NONE;
}

/* The step a command names; NULL, with err, when there is none. */
static const struct step *named(struct plain *plain, const char **rest, struct err *err)
{
	char *id = plain_word(rest);
	const size_t number = (size_t)strtoul(id, NULL, 10);
	const struct step *step = run_step(plain->run, id);

	if (step == NULL && number >= 1 && number <= plain->run->step_count)
		step = &plain->run->steps[number - 1];
	if (step == NULL)
		err_set(err, ERR_NOT_FOUND,
			"the run has no step \"%s\": write its name or number", id);
	free(id);
	return step;
}

static enum err_code do_step(struct plain *plain, const char *rest, struct err *err)
{
	const struct step *step = named(plain, &rest, err);

	if (step == NULL)
		return err->code;
	plain->look_at = (size_t)(step - plain->run->steps);
	plain_text(plain, step_text);
	return ERR_NONE;
}

/* "STEP [WORDS]": its whole output, or the lines that hold the words. */
static enum err_code do_output(struct plain *plain, const char *rest, struct err *err)
{
	const struct step *step = named(plain, &rest, err);

	if (step == NULL)
		return err->code;
	return plain_whole_output(plain, step, rest, err);
}

/* ------------------------------------------------------------------ the table */

static enum err_code do_help(struct plain *plain, const char *rest, struct err *err);

static const struct command_row {
	const char *name, *help;
	enum err_code (*perform)(struct plain *plain, const char *rest, struct err *err);
} commands[] = {
	{ "help", "this list", do_help },
	{ "status", "the steps and the clocks", do_status },
	{ "asks", "what is asked now, and the question once more", do_asks },
	{ "step", "STEP: what it may do, what it has called, how it stands", do_step },
	{ "output", "STEP [WORDS]: all it printed, or the lines with these words", do_output },
	{ "values", "parameters, what was measured, what the steps returned", do_values },
	{ "notes", "the notes", do_notes },
	{ "who", "who leads and how many watch", do_who },
	{ "note", "TEXT: write a note into the record", do_note },
	{ "pause", "start no further step", do_pause },
	{ "continue", "go on", do_continue },
	{ "skip", "STEP REASON: leave a step out", do_skip },
	{ "retry", "STEP: run a failed step again", do_retry },
	{ "undo", "STEP: take back what it did", do_undo },
	{ "force", "STEP REASON: count a failed step as done", do_force },
	{ "stop", "STEP: stop a running step", do_stop },
	{ "approve", "STEP: yes, it may go on", do_approve },
	{ "reject", "STEP REASON: no", do_reject },
	{ "secrets", "type the secrets the run waits for, unseen", do_secrets },
	{ "impact", "TIME: when the incident began; 12m = so long ago", do_impact },
	{ "abort", "REASON: end the run as it stands", do_abort },
	{ "abort-undo", "REASON: take back what was done, then end the run", do_abort_undo },
	{ "lead", "take the lead: only who leads may act", do_lead },
	{ "leave", "leave; the run continues", do_leave },
};

static enum err_code do_help(struct plain *plain, const char *rest, struct err *err)
{
	(void)rest;
	(void)err;
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		plain_say(plain, "    %-11s %s", commands[i].name, commands[i].help);
	plain_look_help(plain);
	plain_say(plain, "    while a question is open, write : before a command");
	return ERR_NONE;
}

enum err_code plain_command(struct plain *plain, const char *line, struct err *err)
{
	const char *rest = line;
	const char *names[COUNT_OF(commands)];
	char *name = plain_word(&rest);
	enum err_code code = ERR_NONE;
	size_t i = 0;

	while (i < COUNT_OF(commands) && !str_eq(commands[i].name, name))
		i++;
	if (i < COUNT_OF(commands)) {
		code = commands[i].perform(plain, rest, err);
	} else if (!plain_look(plain, name, rest)) {
		for (size_t k = 0; k < COUNT_OF(commands); k++)
			names[k] = commands[k].name;
		const char *near = str_nearest(name, names, COUNT_OF(commands));
		plain_say(plain, "no command \"%s\"%s%s%s; help lists them", name,
			near != NULL ? "; did you mean " : "", near != NULL ? near : "",
			near != NULL ? "?" : "");
	}
	free(name);
	if (code == ERR_UNREACHABLE || code == ERR_TIMEOUT)
		return code;
	if (code != ERR_NONE)
		plain_say(plain, "not done: %s", err->text);
	*err = (struct err){ 0 };
	return ERR_NONE;
}
