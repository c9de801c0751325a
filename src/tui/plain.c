/* plain.c: the plain client: append-only lines for screen readers, logs and CI.  Same server,
 * same rights as the full screen; what is refused to a missing terminal is named together with
 * the flag that would have allowed it. */
#include "plain.h"
#include "pager.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAIN_COLUMNS = 120, PLAIN_ROWS = 40 }; /* of a recording: lines have no screen */

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupts++;
}

/* ------------------------------------------------------------------ messages */

static enum err_code take_event(struct plain *plain, const json_t *json, struct err *err)
{
	struct event event = { 0 };

	if (json_int(json, "run", -1) != plain->options->run)
		return ERR_NONE;
	TRY(event_from_json(json, &event, err));
	enum err_code code = run_apply(plain->run, &event, err);
	if (code == ERR_NONE)
		code = plain_event(plain, &event, err);
	event_release(&event);
	return code;
}

static enum err_code take_tail(struct plain *plain, const json_t *json, struct err *err)
{
	const struct step *step = run_step(plain->run, json_str(json, "step", NULL));

	if (step == NULL || !plain->caught_up ||
		json_int(json, "run", -1) != plain->options->run)
		return ERR_NONE;
	return plain_output(plain, (size_t)(step - plain->run->steps), false, err);
}

static enum err_code take_caught_up(struct plain *plain, const json_t *json, struct err *err)
{
	if (json_int(json, "run", -1) != plain->options->run)
		return ERR_NONE;
	plain->caught_up = true;
	for (size_t i = 0; i < plain->run->step_count; i++)
		if (plain->run->steps[i].state == STEP_RUNNING)
			TRY(plain_output(plain, i, false, err));
	return ERR_NONE;
}

static enum err_code take_people(struct plain *plain, const json_t *json, struct err *err)
{
	(void)err;
	plain->lead_is_you = json_flag(json, "lead_is_you", plain->lead_is_you);
	plain->watching = json_int(json, "watching", 0);
	return ERR_NONE;
}

static enum err_code take_forecast(struct plain *plain, const json_t *json, struct err *err)
{
	(void)err;
	if (json_int(json, "run", -1) == plain->options->run && plain->run->started)
		plain_forecast(plain, json);
	return ERR_NONE;
}

static enum err_code take_journal(struct plain *plain, const json_t *json, struct err *err)
{
	(void)err;
	if (json_flag(json, "ok", true))
		plain_say(plain, "the journal can be written again");
	else
		plain_say(plain, "JOURNAL: %s; nothing that changes the world starts",
			json_str(json, "text", ""));
	return ERR_NONE;
}

static enum err_code take_bye(struct plain *plain, const json_t *json, struct err *err)
{
	(void)err;
	plain_say(plain, "the server ends: %s", json_str(json, "reason", ""));
	return ERR_NONE;
}

static enum err_code take_message(struct plain *plain, const json_t *message, struct err *err)
{
	static const struct {
		const char *name;
		enum err_code (*take)(struct plain *, const json_t *, struct err *);
	} kinds[] = { { "event", take_event }, { "tail", take_tail },
		{ "caught_up", take_caught_up }, { "people", take_people },
		{ "forecast", take_forecast }, { "journal", take_journal },
		{ "bye", take_bye } };

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		const json_t *body = json_object_get(message, kinds[i].name);
		if (json_is_object(body))
			TRY(kinds[i].take(plain, body, err));
	}
	return ERR_NONE;
}

static enum err_code take_messages(struct plain *plain, struct err *err)
{
	while (!plain->ended) {
		json_t *message;
		TRY(client_next(plain->options->client, 0, &message, err));
		if (message == NULL)
			break;
		const enum err_code code = take_message(plain, message, err);
		json_decref(message);
		TRY(code);
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the operator */

static bool more_input(const struct plain *plain)
{
	struct pollfd p = { .fd = fileno(plain->options->in), .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN) != 0;
}

/* Everything that is there: a terminal hands out one line at a time, and a paste must be seen
 * as a whole. */
static void read_all(struct plain *plain)
{
	char bytes[4096];
	struct err err = { 0 };

	do {
		const ssize_t n = read(fileno(plain->options->in), bytes, sizeof(bytes));
		if (n <= 0) {
			plain->in_closed = n == 0 || errno != EINTR;
			return;
		}
		if (buf_add(&plain->in, bytes, (size_t)n, &err) != ERR_NONE) {
			buf_clear(&plain->in); /* this much is no answer */
			return;
		}
	} while (more_input(plain));
}

static enum err_code read_lines(struct plain *plain, struct err *err)
{
	char *newline;
	bool alone = true;

	read_all(plain);
	while (plain->in.len > 0 &&
		(newline = memchr(plain->in.data, '\n', plain->in.len)) != NULL) {
		const size_t len = (size_t)(newline - plain->in.data);
		alone = alone && len + 1 == plain->in.len;
		char *line = xasprintf("%.*s", (int)len, plain->in.data);
		buf_consume(&plain->in, len + 1);
		const enum err_code code = plain_typed(plain, line, alone, err);
		free(line);
		TRY(code);
	}
	return ERR_NONE;
}

static void take_interrupt(struct plain *plain)
{
	const long long run = (long long)plain->options->run;

	if (interrupts == 1) {
		interrupts = 2; /* explained */
		plain_say(plain,
			"Ctrl-C does not stop the run; again = leave it running (drillbook "
			"attach %lld)",
			run);
	} else if (interrupts > 2) {
		plain->leave = true;
	}
}

/* ------------------------------------------------------------------ the loop */

static enum err_code attach(struct plain *plain, struct err *err)
{
	json_t *body = json_object(), *answer = NULL;

	json_put_int(body, "run", plain->options->run);
	json_put_int(body, "from", 0);
	json_put_flag(body, "watch", false);
	TRY(client_ask(plain->options->client, "attach", body, &answer, err));
	plain->lead_is_you = json_flag(answer, "lead_is_you", false);
	json_decref(answer);
	return ERR_NONE;
}

static enum err_code turn(struct plain *plain, struct err *err)
{
	const bool reads =
		plain->options->interactive && plain->options->in != NULL && !plain->in_closed;
	struct pollfd fds[2] = { { .fd = client_fd(plain->options->client), .events = POLLIN },
		{ .fd = reads ? fileno(plain->options->in) : -1, .events = POLLIN } };

	fflush(plain->options->out);
	poll(fds, COUNT_OF(fds), plain->asked_server ? 0 : 1000);
	plain->asked_server = false;
	take_interrupt(plain);
	TRY(take_messages(plain, err));
	if (reads && fds[1].revents != 0)
		TRY(read_lines(plain, err));
	if (plain->caught_up && !plain->ended)
		TRY(plain_asks(plain, err));
	plain_still(plain);
	return ERR_NONE;
}

static enum err_code loop(struct plain *plain, struct err *err)
{
	TRY(attach(plain, err));
	/* what came together with the answer is already here: no poll would tell of it */
	TRY(take_messages(plain, err));
	while (!plain->ended && !plain->leave)
		TRY(turn(plain, err));
	return ERR_NONE;
}

static enum err_code finish(struct plain *plain, enum err_code code, struct err *err)
{
	const long long run = (long long)plain->options->run;

	if (code == ERR_NONE && plain->ended) {
		plain_summary(plain);
		plain->exit_status = run_exit_status(plain->run);
	} else if (code == ERR_NONE) {
		plain_say(plain, "run %lld continues; drillbook attach %lld", run, run);
		plain->exit_status = plain->run->started ? run_exit_status(plain->run) : 0;
	} else if (code == ERR_ATTENTION) {
		plain_say(plain, "%s", err->text);
		plain->exit_status = err_exit_status(ERR_ATTENTION);
		code = ERR_NONE; /* it has been said; the run is as it should be */
	} else if (code == ERR_UNREACHABLE) {
		code = err_set(err, ERR_ATTENTION,
			"the server has gone; run %lld is on record and a new server takes it "
			"up: drillbook attach %lld",
			run, run);
		plain->exit_status = err_exit_status(ERR_ATTENTION);
	}
	fflush(plain->options->out);
	return code;
}

enum err_code plain_run(const struct plain_options *options, int *exit_status, struct err *err)
{
	struct plain plain = { .options = options,
		.run = run_new(),
		.asked_server = true,
		.told = json_object() };
	struct sigaction interrupt = { .sa_handler = on_interrupt }, before;
	struct err why = { 0 };

	if (options->record != NULL)
		TRY(cast_open(&plain.cast, options->record, PLAIN_COLUMNS, PLAIN_ROWS,
			THEME_MONO, err));
	buf_init(&plain.in, PLAIN_LINE_MAX);
	interrupts = 0;
	sigaction(SIGINT, &interrupt, &before);
	enum err_code code = loop(&plain, &why);
	code = finish(&plain, code, &why);
	if (code != ERR_NONE)
		*err = why;
	sigaction(SIGINT, &before, NULL);
	*exit_status = plain.exit_status;
	for (size_t i = 0; i < plain.step_count; i++)
		buf_release(&plain.steps[i].held);
	free(plain.steps);
	buf_release(&plain.in);
	json_decref(plain.told);
	plain_look_release(&plain);
	const enum err_code recorded = cast_close(plain.cast, &why);
	if (code == ERR_NONE && recorded != ERR_NONE) {
		*err = why;
		code = recorded;
	}
	run_free(plain.run);
	return code;
}
