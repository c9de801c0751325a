/* reduce.c: a key, a size or a message changes the state of the screen. */
#include "keymap.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

void screen_init(struct screen *screen, const json_t *home, bool watch_only)
{
	*screen = (struct screen){ .width = 80,
		.height = 24,
		.home = home,
		.watch_only = watch_only,
		.follow = true,
		.suggest_mode = "drill",
		.home_pane = home != NULL ? HOME_SERVICES : HOME_RUNS };
}

static void forget_run(struct screen *screen)
{
	run_free(screen->run);
	free(screen->views);
	json_decref(screen->forecast);
	output_open(&screen->out, 0, 0);
	graph_release(&screen->graph);
	screen->run = NULL;
	screen->forecast = NULL;
	screen->views = NULL;
	screen->view_count = 0;
	screen->attached = screen->caught_up = screen->broken = screen->lead_is_you = false;
	screen->secrets_needed = 0;
	screen->watching = screen->seen_ask = screen->run_id = 0;
	screen->lead[0] = '\0';
	screen->cursor = 0;
	screen->follow = true;
	screen->overlay = OVERLAY_NONE;
}

void screen_release(struct screen *screen)
{
	forget_run(screen);
	output_release(&screen->out);
	keymap_release(screen);
	lines_release(&screen->text.lines);
	for (size_t i = 0; i < DOCUMENT_COUNT; i++)
		json_decref(screen->documents[i].json);
	json_decref(screen->runs);
	json_decref(screen->halted);
	for (size_t i = 0; i < screen->request_count; i++)
		json_decref(screen->requests[i].body);
	*screen = (struct screen){ 0 };
}

void screen_open(struct screen *screen, int64_t run)
{
	json_t *body;

	if (screen->attached) {
		body = json_object();
		json_put_int(body, "run", screen->run_id);
		screen_request(screen, TAG_NONE, "detach", body);
	}
	forget_run(screen);
	view_turn(screen, VIEW_RUN);
	screen->run_id = run;
	screen->run = run_new();
	screen->lead_is_you = !screen->watch_only;
	body = json_object();
	json_put_int(body, "run", run);
	json_put_int(body, "from", 0);
	json_put_flag(body, "watch", screen->watch_only);
	screen_request(screen, TAG_ATTACH, "attach", body);
}

/* The run stays attached, so that going back to it is instant and its questions are known. */
void screen_home(struct screen *screen)
{
	view_turn(screen, VIEW_HOME);
}

/* ------------------------------------------------------------------ what is said and sent */

static void say(struct screen *screen, bool bad, const char *fmt, va_list args)
{
	vsnprintf(screen->message, sizeof(screen->message), fmt, args);
	screen->message_bad = bad;
}

void screen_say(struct screen *screen, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(screen, false, fmt, args);
	va_end(args);
}

void screen_refuse(struct screen *screen, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(screen, true, fmt, args);
	va_end(args);
}

void screen_call(struct screen *screen, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(screen->call, sizeof(screen->call), fmt, args);
	va_end(args);
	screen->want |= WANT_CALL;
}

void screen_request(struct screen *screen, enum tag tag, const char *what, json_t *body)
{
	if (screen->request_count ==
		COUNT_OF(screen->requests)) { /* the loop empties it after every input */
		json_decref(body);
		screen_refuse(screen, "too much at once; press it again");
		return;
	}
	screen->requests[screen->request_count++] =
		(struct request){ .tag = tag, .what = what, .body = body };
}

void screen_act(struct screen *screen, const char *action, const char *step, const char *note)
{
	json_t *body = json_object();

	json_put_int(body, "run", screen->run_id);
	json_put_str(body, "action", action);
	if (step != NULL)
		json_put_str(body, "step", step);
	if (note != NULL && note[0] != '\0')
		json_put_str(body, "note", note);
	screen_request(screen, TAG_ACT, "act", body);
}

struct step *screen_step(const struct screen *screen)
{
	if (screen->run == NULL || screen->cursor >= screen->run->step_count)
		return NULL;
	return &screen->run->steps[screen->cursor];
}

bool screen_tiny(const struct screen *screen)
{
	return screen->width < 60 || screen->height < 16;
}

bool screen_narrow(const struct screen *screen)
{
	return screen->width < 80;
}

struct step_view *screen_view(const struct screen *screen, size_t step)
{
	return step < screen->view_count ? &screen->views[step] : NULL;
}

/* ------------------------------------------------------------------ typed text */

bool field_key(struct field *field, uint32_t key)
{
	char bytes[4];

	if (key == K_BACKSPACE || key == 8) {
		while (field->len > 0 &&
			((unsigned char)field->text[field->len - 1] & 0xc0U) == 0x80)
			field->len--;
		if (field->len > 0)
			field->len--;
	} else if (key == K_CTRL('u')) {
		field->len = 0;
	} else if (key >= 0x20 && key < K_UP && key != K_BACKSPACE) {
		const size_t need = utf8_put(bytes, key);
		if (field->len + need < sizeof(field->text)) {
			memcpy(field->text + field->len, bytes, need);
			field->len += need;
		}
	} else {
		return false;
	}
	field->text[field->len] = '\0';
	return true;
}

/* ------------------------------------------------------------------ keys */

/* Pasted text is text where text is typed, and nothing anywhere else. */
static bool take_paste(struct screen *screen, const struct input *input, struct input *text)
{
	*text = *input;
	if (!input->pasted)
		return false;
	if (action_context(screen) != CONTEXT_TEXT && action_context(screen) != CONTEXT_FORM) {
		screen_refuse(screen, "pasted text is not taken as keys");
		return true;
	}
	if (screen->overlay == OVERLAY_DIALOG && screen->dialog.kind == DIALOG_WORD) {
		field_clear(&screen->dialog.note);
		screen_refuse(screen, "pasted text never confirms: type the word");
		return true;
	}
	if (input->key < 0x20)
		text->key = ' ';
	return false;
}

static bool typed_text(struct screen *screen, const struct input *input)
{
	if (screen->overlay == OVERLAY_PALETTE && input->key == K_TAB) {
		palette_complete(screen);
		return true;
	}
	if (screen->overlay == OVERLAY_PALETTE)
		return field_key(&screen->palette, input->key);
	if (screen->overlay == OVERLAY_SEARCH)
		return field_key(&screen->search, input->key);
	return dialog_text_key(screen, input);
}

static void key_pressed(struct screen *screen, const struct input *given)
{
	struct input input;
	char name[16];

	if (screen->overlay == OVERLAY_DIALOG && screen->dialog.ask != 0 &&
		given->mono_ms - screen->dialog.opened_ms < KEYS_DROPPED_MS)
		return;
	screen->message[0] = '\0';
	if (given->key != K_CTRL('c'))
		screen->ctrl_c = false;
	if (take_paste(screen, given, &input))
		return;
	const enum context context = action_context(screen);
	const struct action *action = action_by_key(screen, context, input.key);
	if (action != NULL)
		action_perform(screen, action, NULL);
	else if (context == CONTEXT_FORM)
		form_typed(screen, &input);
	else if (context == CONTEXT_TEXT)
		typed_text(screen, &input);
	else if (context == CONTEXT_DIALOG)
		dialog_letter(screen, input.key);
	else
		screen_refuse(screen, "%s does nothing here; ? lists the keys",
			key_name(input.key, name));
}

void screen_reduce(struct screen *screen, const struct input *input)
{
	screen->now = input->now;
	screen->mono_ms = input->mono_ms;
	switch (input->kind) {
	case INPUT_KEY:
		key_pressed(screen, input);
		break;
	case INPUT_RESIZE:
		screen->width = input->width;
		screen->height = input->height;
		break;
	case INPUT_PUSH:
		screen_push(screen, input->message);
		break;
	case INPUT_ANSWER:
		screen_answered(screen, input->tag, input->message);
		break;
	case INPUT_TICK:
		break;
	}
	form_settle(screen);
	dialog_check(screen);
	dialog_auto(screen);
	if (screen->overlay == OVERLAY_DIALOG)
		dialog_scroll(screen, 0); /* a new size may show the end, or move past it */
	if (screen->overlay == OVERLAY_QUEUE) {
		const size_t count = queue_count(screen);
		if (count == 0)
			screen->overlay = OVERLAY_NONE;
		else if (screen->queue_cursor >= count)
			screen->queue_cursor = count - 1;
	}
	view_settle(screen);
}

int64_t screen_due_ms(const struct screen *screen)
{
	if (screen->overlay != OVERLAY_DIALOG || screen->dialog.ask == 0)
		return -1;
	const int64_t left = screen->dialog.opened_ms + KEYS_DROPPED_MS - screen->mono_ms;
	return left > 0 ? left : -1;
}

void screen_farewell(const struct screen *screen, char *out, size_t size)
{
	out[0] = '\0';
	if (screen->run == NULL || !screen->run->started)
		return;
	if (screen->run->status == RUN_OPEN)
		snprintf(out, size,
			"run %lld continues; see it again with: drillbook attach %lld",
			(long long)screen->run_id, (long long)screen->run_id);
	else
		snprintf(out, size, "run %lld %s; read it again with: drillbook attach %lld",
			(long long)screen->run_id, run_status_name(screen->run->status),
			(long long)screen->run_id);
}
