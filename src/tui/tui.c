/* tui.c: the loop around the screen: terminal, server, signals and the next second, one poll()
 * for all. */
#include "keymap.h"
#include "loop.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FRAME_MS = 33,		/* 30 frames a second at most */
	FIRST_FRAME_MS = 300,	/* longest wait for the old events before something is shown */
	MESSAGES_AT_ONCE = 2000 /* then keys are looked at again */
};

static int64_t now_ms(const struct tui *tui)
{
	return mono_ms_since(tui->began) + 1;
}

static struct input stamped(const struct tui *tui, enum input_kind kind)
{
	return (struct input){ .kind = kind, .now = wall_now(), .mono_ms = now_ms(tui) };
}

/* ------------------------------------------------------------------ server */

/* What is not the server's to answer is answered at once, by whoever opened the screen. */
static void look(struct tui *tui, const struct request *request)
{
	struct input input = stamped(tui, INPUT_ANSWER);
	struct err err = { 0 };
	json_t *answer = NULL;
	enum err_code code = ERR_UNSUPPORTED;

	if (tui->options->look != NULL)
		code = tui->options->look(
			tui->options->look_arg, request->what, request->body, &answer, &err);
	else
		err_set(&err, ERR_UNSUPPORTED, "this cannot be shown here");
	if (code != ERR_NONE) {
		json_t *error = json_object();
		json_put_str(error, "text", err.text);
		answer = json_object();
		json_put(answer, "error", error);
	}
	json_put_str(answer, "about", json_str(request->body, "about", ""));
	input.message = answer;
	input.tag = request->tag;
	screen_reduce(&tui->screen, &input);
	json_decref(answer);
	json_decref(request->body);
	tui->dirty = true;
}

static enum err_code send_requests(struct tui *tui, struct err *err)
{
	struct screen *screen = &tui->screen;
	enum err_code code = ERR_NONE;

	for (size_t i = 0; i < screen->request_count; i++) {
		const struct request taken = screen->requests[i], *request = &taken;
		int64_t id = 0;
		if (code == ERR_NONE && request->tag >= TAG_LOOK) {
			look(tui, request); /* may add to the requests */
			continue;
		}
		if (code == ERR_NONE)
			code = client_send(
				tui->options->client, request->what, request->body, &id, err);
		else
			json_decref(request->body);
		if (code == ERR_NONE && tui->pending_count < PENDING_MAX) {
			tui->pending[tui->pending_count].id = id;
			tui->pending[tui->pending_count++].tag = request->tag;
		}
	}
	screen->request_count = 0;
	return code;
}

static void take_message(struct tui *tui, json_t *message)
{
	const int64_t id = json_int(message, "id", -1);
	struct input input = stamped(tui, INPUT_PUSH);

	input.message = message;
	for (size_t i = 0; id >= 0 && i < tui->pending_count; i++)
		if (tui->pending[i].id == id) {
			input.kind = INPUT_ANSWER;
			input.tag = tui->pending[i].tag;
			tui->pending[i] = tui->pending[--tui->pending_count];
			break;
		}
	if (id < 0 || input.kind == INPUT_ANSWER)
		screen_reduce(&tui->screen, &input);
	tui->dirty = true;
}

static enum err_code take_messages(struct tui *tui, struct err *err)
{
	tui->more = false;
	for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
		json_t *message;
		TRY(client_next(tui->options->client, 0, &message, err));
		if (message == NULL)
			return ERR_NONE;
		tui->told_idle = false;
		take_message(tui, message);
		json_decref(message);
		TRY(send_requests(tui, err));
	}
	tui->more = true;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ terminal */

static void press_all(struct tui *tui, const struct press *presses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct input input = stamped(tui, INPUT_KEY);
		input.key = presses[i].key;
		input.pasted = presses[i].pasted;
		screen_reduce(&tui->screen, &input);
		tui->dirty = true;
	}
}

static void take_keys(struct tui *tui, bool readable)
{
	char bytes[4096];
	struct press presses[sizeof(bytes) + sizeof(tui->keys.held)];
	size_t count;

	if (readable) {
		const ssize_t n = read(terminal_fd(tui->term), bytes, sizeof(bytes));
		if (n <= 0) {
			tui->gone = true;
			return;
		}
		tui->told_idle = false;
		count = keys_feed(
			&tui->keys, bytes, (size_t)n, now_ms(tui), presses, COUNT_OF(presses));
	} else {
		count = keys_wait(&tui->keys, now_ms(tui), presses, COUNT_OF(presses));
	}
	press_all(tui, presses, count);
}

void loop_size(struct tui *tui)
{
	struct input input = stamped(tui, INPUT_RESIZE);

	terminal_size(tui->term, &input.width, &input.height);
	if (input.width != tui->cells.width || input.height != tui->cells.height)
		cells_resize(&tui->cells, input.width, input.height);
	screen_reduce(&tui->screen, &input);
	tui->dirty = true;
}

void loop_stop(struct tui *tui)
{
	struct sigaction before, plain = { .sa_handler = SIG_DFL };

	terminal_suspend(tui->term);
	sigaction(SIGTSTP, &plain, &before);
	kill(0, SIGTSTP); /* the whole job, as a shell expects of Ctrl-Z; we go on here after
			     SIGCONT */
	sigaction(SIGTSTP, &before, NULL);
	terminal_resume(tui->term);
	tui->redraw = true;
	loop_size(tui);
}

/* ------------------------------------------------------------------ frames */

static bool drawable(const struct tui *tui)
{
	if (tui->frame_ms >= 0 || tui->screen.view != VIEW_RUN)
		return true;
	return tui->screen.caught_up || now_ms(tui) >= FIRST_FRAME_MS;
}

static enum err_code frame(struct tui *tui, struct err *err)
{
	struct input tick = stamped(tui, INPUT_TICK);

	screen_reduce(&tui->screen, &tick);
	screen_frame(&tui->screen);
	TRY(send_requests(tui, err));
	screen_draw(&tui->screen, &tui->cells);
	terminal_paint(tui->term, &tui->cells, tui->redraw);
	cast_frame(tui->cast, &tui->cells);
	tui->redraw = tui->dirty = tui->told_idle = false;
	tui->frame_ms = now_ms(tui);
	return ERR_NONE;
}

/* Milliseconds until the digits of the clock change: they turn with t0, not with the wall's
 * seconds. */
static int64_t next_second_ms(const struct tui *tui)
{
	const struct run *run = tui->screen.run;
	int64_t phase = 0;

	if (run != NULL && run->started && run->service_count > 0)
		phase = run_clock(run, &run->services[0], wall_now()).t0.ns;
	const int64_t since = (wall_now().ns - phase) % 1000000000;
	return 1000 - (since < 0 ? since + 1000000000 : since) / 1000000;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return b >= 0 && b < a ? b : a;
}

static int64_t wait_ms(const struct tui *tui, int64_t second_at)
{
	const int64_t now = now_ms(tui);
	int64_t wait = second_at > now ? second_at - now : 0;

	if (tui->more)
		return 0;
	if (tui->dirty && drawable(tui))
		wait = sooner(wait, tui->frame_ms < 0 ? 0
				    : tui->frame_ms + FRAME_MS > now
					    ? tui->frame_ms + FRAME_MS - now
					    : 0);
	if (tui->frame_ms < 0)
		wait = sooner(wait, FIRST_FRAME_MS > now ? FIRST_FRAME_MS - now : 0);
	wait = sooner(wait, keys_due_ms(&tui->keys, now));
	return sooner(wait, screen_due_ms(&tui->screen));
}

/* For tests: nothing to read, nothing to draw, no answer awaited, no key held back. */
static void mark_idle(struct tui *tui)
{
	if (!tui->test_idle || tui->told_idle || tui->dirty || tui->more ||
		tui->pending_count > 0 || tui->keys.held_len > 0 ||
		screen_due_ms(&tui->screen) >= 0 ||
		(tui->screen.view == VIEW_RUN && !tui->screen.caught_up))
		return;
	terminal_mark_idle(tui->term);
	tui->told_idle = true;
}

/* ------------------------------------------------------------------ the loop */

static enum err_code turn(struct tui *tui, int64_t *second_at, struct err *err)
{
	struct pollfd fds[] = { { .fd = terminal_fd(tui->term), .events = POLLIN },
		{ .fd = client_fd(tui->options->client), .events = POLLIN },
		{ .fd = terminal_signal_fd(tui->term), .events = POLLIN } };

	if (poll(fds, COUNT_OF(fds), 0) == 0)
		mark_idle(tui);
	poll(fds, COUNT_OF(fds), (int)wait_ms(tui, *second_at));
	/* keys first: what was typed was typed before what comes now could be seen */
	if (fds[0].revents != 0 || tui->keys.held_len > 0)
		take_keys(tui, fds[0].revents != 0);
	TRY(send_requests(tui, err));
	TRY(take_messages(tui, err));
	if (fds[2].revents != 0) {
		const unsigned bits = terminal_signals(tui->term);
		if (bits & TERM_STOP)
			loop_stop(tui);
		loop_size(tui);
		tui->told_idle = false;
	}
	if (now_ms(tui) >= *second_at) {
		*second_at = now_ms(tui) + next_second_ms(tui);
		tui->dirty = true;
	}
	if (tui->dirty && drawable(tui) &&
		(tui->frame_ms < 0 || now_ms(tui) - tui->frame_ms >= FRAME_MS))
		TRY(frame(tui, err));
	return ERR_NONE;
}

static enum err_code loop(struct tui *tui, struct err *err)
{
	int64_t second_at = 0;

	loop_size(tui);
	while (!tui->gone) {
		TRY(turn(tui, &second_at, err));
		if (loop_wanted(tui))
			break;
		TRY(send_requests(tui, err));
	}
	return ERR_NONE;
}

static enum err_code server_gone(const struct tui *tui, struct err *err)
{
	const long long run = (long long)tui->screen.run_id;

	if (run == 0)
		return err_set(err, ERR_ATTENTION, "%s: start drillbook again", err->text);
	return err_set(err, ERR_ATTENTION,
		"%s; run %lld is on record and a new server takes it up: drillbook attach %lld",
		err->text, run, run);
}

/* A mistake in keys.yaml or screen.yaml is said on the screen; what is built in stays. */
static void take_settings(struct tui *tui)
{
	const struct tui_options *options = tui->options;
	struct err err = { 0 };

	if (options->notice != NULL)
		screen_refuse(&tui->screen, "%s", options->notice);
	if (settings_load(&tui->settings, options->settings, &err) != ERR_NONE)
		screen_refuse(
			&tui->screen, "%s; the settings are as they always are", err.text);
	if (!options->color)
		tui->settings.theme = THEME_MONO;
	tui->screen.can_copy = tui->settings.clipboard;
	if (options->keys != NULL && keymap_load(&tui->screen, options->keys, &err) != ERR_NONE)
		screen_refuse(&tui->screen, "keys.yaml: %s; the keys are as they always are",
			err.text);
}

/* What the screen needs before the terminal is taken: a recording that cannot be made is said
 * on the terminal as it was. */
static enum err_code open_terminal(struct tui *tui, struct err *err)
{
	int width, height;

	TRY(terminal_open(&tui->term, tui->settings.theme, err));
	terminal_size(tui->term, &width, &height);
	tui->cells.lines = tui->settings.lines && terminal_utf8(tui->term);
	if (tui->options->record == NULL)
		return ERR_NONE;
	const enum err_code code = cast_open(
		&tui->cast, tui->options->record, width, height, tui->settings.theme, err);
	if (code != ERR_NONE)
		terminal_close(tui->term);
	return code;
}

enum err_code tui_run(const struct tui_options *options, int *exit_status, struct err *err)
{
	struct tui *tui = xmalloc(sizeof(*tui));
	char farewell[160] = "";
	struct err why = { 0 };

	*tui = (struct tui){ .options = options,
		.began = mono_now(),
		.frame_ms = -1,
		.test_idle = str_eq(getenv("DRILLBOOK_TEST_IDLE"), "1") };
	*exit_status = 0;
	screen_init(&tui->screen, options->home, options->watch_only);
	take_settings(tui);
	if (options->suggest_mode != NULL)
		tui->screen.suggest_mode = options->suggest_mode;
	if (options->suggest != NULL)
		tui->screen.suggest = options->suggest;
	if (options->suggest != NULL && options->home != NULL)
		screen_suggest(&tui->screen, options->suggest);
	if (options->run > 0)
		screen_open(&tui->screen, options->run);
	cells_init(&tui->cells, 80, 24);
	enum err_code code = open_terminal(tui, err);
	if (code == ERR_NONE) {
		code = loop(tui, &why);
		screen_farewell(&tui->screen, farewell, sizeof(farewell));
		if (tui->screen.run != NULL && tui->screen.run->started)
			*exit_status = run_exit_status(tui->screen.run);
		terminal_close(tui->term);
		struct err unrecorded = { 0 };
		if (cast_close(tui->cast, &unrecorded) != ERR_NONE)
			fprintf(stderr, "drillbook: %s\n", unrecorded.text);
		if (code != ERR_NONE) {
			*err = why;
			code = server_gone(tui, err);
			*exit_status = err_exit_status(code);
		} else if (farewell[0] != '\0') {
			printf("%s\n", farewell);
			fflush(stdout);
		}
	}
	cells_release(&tui->cells);
	screen_release(&tui->screen);
	free(tui);
	return code;
}
