/* dialog.c: questions and wishes: which choices there are, what performs them, what is sent.
 *
 * Rules: nothing costly runs on Enter; nothing runs that was not wholly on the screen; an
 * answer carries the digest of what was shown. */
#include "keymap.h"

#include <string.h>

/* ------------------------------------------------------------------ choices */

/* What the program itself offers, by the kind of question.  A retry after UNKNOWN may do the
 * effect twice: capital. */
static const struct offer {
	const char *kind;
	struct choice choice;
} offers[] = {
	{ "failed", { 'r', "retry", "retry the step", GUARD_ENTER, false } },
	{ "failed", { 's', "skip", "skip the step (with a reason)", GUARD_ENTER, true } },
	{ "failed", { 'f', "force", "count it as done all the same (with a reason)",
			    GUARD_CAPITAL, true } },
	{ "failed", { 'u', "undo", "take back what it did", GUARD_CAPITAL, false } },
	{ "failed", { 'x', "stop", "leave it failed and stop here", GUARD_ENTER, false } },
	{ "interrupted", { 'r', "retry", "retry the step", GUARD_ENTER, false } },
	{ "interrupted", { 's', "skip", "skip the step (with a reason)", GUARD_ENTER, true } },
	{ "interrupted", { 'u', "undo", "take back what it did", GUARD_CAPITAL, false } },
	{ "interrupted", { 'x', "stop", "leave it and stop here", GUARD_ENTER, false } },
	{ "unknown", { 'v', "verify", "let the operation look whether it happened", GUARD_ENTER,
			     false } },
	{ "unknown", { 't', "retry", "do it again with the same key", GUARD_CAPITAL, false } },
	{ "unknown", { 'd', "done", "it was done (say how you know)", GUARD_ENTER, true } },
	{ "unknown",
		{ 'n', "not_done", "it was not done (say how you know)", GUARD_ENTER, true } },
	{ "diverged", { 'x', "stop", "leave it and stop here", GUARD_ENTER, false } },
	{ "diverged", { 's', "skip", "skip the step (with a reason)", GUARD_ENTER, true } },
	{ "approve", { 'a', "approve", "yes, it may go on", GUARD_CAPITAL, false } },
	{ "approve", { 'n', "reject", "no (with a reason)", GUARD_ENTER, true } },
	{ "debris", { 'u', "undo", "take it away now", GUARD_CAPITAL, false } },
	{ "debris", { 'e', "keep", "it stays (with a reason)", GUARD_ENTER, true } },
	{ "manual", { 'd', "done", "it is done", GUARD_ENTER, false } },
	{ "manual", { 'f', "failed", "it failed (say how)", GUARD_ENTER, true } },
};

static void add_choice(struct dialog *dialog, char key, const char *answer, const char *label,
	enum guard guard, bool note)
{
	if (dialog->choice_count == CHOICES_MAX)
		return;
	struct choice *choice = &dialog->choices[dialog->choice_count++];
	*choice = (struct choice){ .key = key, .guard = guard, .note = note };
	snprintf(choice->answer, sizeof(choice->answer), "%s", answer);
	snprintf(choice->label, sizeof(choice->label), "%s", label);
}

static const struct offer *offer_of(const char *kind, const char *answer)
{
	for (size_t i = 0; i < COUNT_OF(offers); i++)
		if (str_eq(offers[i].kind, kind) && str_eq(offers[i].choice.answer, answer))
			return &offers[i];
	return NULL;
}

/* The choices the server names, with our keys and guards where we know them; else all of ours.
 */
static void ask_choices(struct dialog *dialog, const struct ask *ask)
{
	const size_t named = json_array_size(ask->choices);

	for (size_t i = 0; i < named; i++) {
		const json_t *row = json_array_get(ask->choices, i);
		const char *answer = json_str(row, "id", "");
		const struct offer *offer = offer_of(ask->kind, answer);
		if (offer != NULL)
			add_choice(dialog, offer->choice.key, answer,
				json_str(row, "label", offer->choice.label),
				offer->choice.guard, offer->choice.note);
		else
			add_choice(dialog, i < 9 ? (char)('1' + i) : '\0', answer,
				json_str(row, "label", answer),
				ask->level >= 2 ? GUARD_CAPITAL : GUARD_ENTER, false);
	}
	for (size_t i = 0; named == 0 && i < COUNT_OF(offers); i++) {
		const struct choice *choice = &offers[i].choice;
		const bool again =
			str_eq(ask->kind, "unknown") && str_eq(choice->answer, "retry");
		if (str_eq(offers[i].kind, ask->kind) &&
			(!again || json_flag(ask->detail, "idempotent", false)))
			add_choice(dialog, choice->key, choice->answer, choice->label,
				choice->guard, choice->note);
	}
}

static const char *label_of(const struct ask *ask, const char *answer, const char *fallback)
{
	for (size_t i = 0; i < json_array_size(ask->choices); i++)
		if (str_eq(json_str(json_array_get(ask->choices, i), "id", ""), answer))
			return json_str(json_array_get(ask->choices, i), "label", fallback);
	return fallback;
}

static enum dialog_kind kind_of(const struct ask *ask)
{
	if (str_eq(ask->kind, "manual"))
		return DIALOG_MANUAL;
	if (!str_eq(ask->kind, "confirm"))
		return DIALOG_CHOOSE;
	if (ask->level <= 1)
		return DIALOG_PREVIEW;
	return ask->level >= 3 && ask->word != NULL && ask->word[0] != '\0' ? DIALOG_WORD
									    : DIALOG_CONFIRM;
}

/* ------------------------------------------------------------------ opening and closing */

static struct dialog *start(struct screen *screen, enum dialog_kind kind, size_t step)
{
	screen->dialog = (struct dialog){
		.kind = kind, .step = step, .run = screen->run_id, .opened_ms = screen->mono_ms
	};
	screen->overlay = OVERLAY_DIALOG;
	return &screen->dialog;
}

void dialog_open_ask(struct screen *screen, const struct ask *ask)
{
	if (ask == NULL)
		return;
	struct dialog *dialog = start(screen, kind_of(ask), ask->step);
	dialog->ask = ask->id;
	snprintf(dialog->digest, sizeof(dialog->digest), "%s",
		ask->digest != NULL ? ask->digest : "");
	snprintf(dialog->word, sizeof(dialog->word), "%s", ask->word != NULL ? ask->word : "");
	if (ask->id > screen->seen_ask)
		screen->seen_ask = ask->id;
	screen->cursor = ask->step;
	switch (dialog->kind) {
	case DIALOG_PREVIEW:
		add_choice(dialog, '\0', "yes", label_of(ask, "yes", "run it"), GUARD_ENTER,
			false);
		add_choice(dialog, 'n', "no", label_of(ask, "no", "refuse it"), GUARD_ENTER,
			false);
		dialog->focus = 1;
		break;
	case DIALOG_CONFIRM:
		add_choice(dialog, 'Y', "yes", "run it (capital Y)", GUARD_CAPITAL, false);
		add_choice(dialog, 'n', "no", "refuse it: the call fails, the step sees that",
			GUARD_ENTER, false);
		break;
	case DIALOG_WORD:
		dialog->typing = true;
		break;
	default:
		ask_choices(dialog, ask);
		break;
	}
	if (dialog->kind == DIALOG_MANUAL) {
		dialog->check_count = json_array_size(dialog_checklist(screen));
		if (dialog->check_count > CHECKS_MAX)
			dialog->check_count = CHECKS_MAX;
		if (dialog->check_count > 0)
			dialog->focus = dialog->choice_count + 1;
	}
	dialog_scroll(screen, 0);
}

void dialog_open(struct screen *screen, enum dialog_kind kind, size_t step)
{
	static const struct {
		enum dialog_kind kind;
		struct choice choice;
	} wishes[] = {
		{ DIALOG_SKIP,
			{ 's', "skip", "skip the step (with a reason)", GUARD_ENTER, true } },
		{ DIALOG_STOP,
			{ 'Y', "stop_step", "stop it (capital Y)", GUARD_CAPITAL, false } },
		{ DIALOG_ABORT, { 'Y', "abort", "abort: end it as it stands (with a reason)",
					GUARD_CAPITAL, true } },
		{ DIALOG_ABORT,
			{ 'u', "abort_undo",
				"abort, but first take back what was done (with a reason)",
				GUARD_CAPITAL, true } },
		{ DIALOG_UNDO,
			{ 'Y', "undo", "take it back (capital Y)", GUARD_CAPITAL, false } },
		{ DIALOG_FORCE, { 'Y', "force", "count it as done (capital Y, with a reason)",
					GUARD_CAPITAL, true } },
		{ DIALOG_NOTE, { 'n', "note", "write the note", GUARD_ENTER, true } },
	};
	struct dialog *dialog = start(screen, kind, step);

	for (size_t i = 0; i < COUNT_OF(wishes); i++)
		if (wishes[i].kind == kind)
			dialog->choices[dialog->choice_count++] = wishes[i].choice;
	if (kind == DIALOG_NOTE || kind == DIALOG_SKIP) {
		dialog->typing = true;
		dialog->typing_for = 1;
	}
	dialog_scroll(screen, 0);
}

void dialog_close(struct screen *screen)
{
	screen->dialog = (struct dialog){ 0 };
	screen->overlay = OVERLAY_NONE;
}

const struct ask *dialog_ask(const struct screen *screen)
{
	if (screen->dialog.ask == 0 || screen->run == NULL ||
		screen->dialog.run != screen->run_id)
		return NULL;
	return run_ask(screen->run, screen->dialog.ask);
}

const json_t *dialog_checklist(const struct screen *screen)
{
	const struct ask *ask = dialog_ask(screen);

	return ask == NULL ? NULL : json_object_get(ask->detail, "checklist");
}

void dialog_check(struct screen *screen)
{
	if (screen->overlay != OVERLAY_DIALOG || screen->dialog.ask == 0 ||
		dialog_ask(screen) != NULL)
		return;
	dialog_close(screen);
	screen_say(screen, "that question is no longer open");
}

void dialog_auto(struct screen *screen)
{
	if (screen->view != VIEW_RUN || screen->overlay != OVERLAY_NONE || !screen->caught_up ||
		screen->watch_only)
		return;
	for (size_t i = 0; i < screen->run->ask_count; i++) {
		const struct ask *ask = &screen->run->asks[i];
		/* an approval is for those who do not lead: who leads has mostly started the
		 * run */
		if (ask->id > screen->seen_ask &&
			str_eq(ask->kind, "approve") == !screen->lead_is_you) {
			dialog_open_ask(screen, ask);
			return;
		}
	}
}

/* ------------------------------------------------------------------ moving about */

static size_t last_focus(const struct dialog *dialog)
{
	return dialog->choice_count + dialog->check_count;
}

void dialog_move(struct screen *screen, int by)
{
	struct dialog *dialog = &screen->dialog;
	const int64_t last = (int64_t)last_focus(dialog), at = (int64_t)dialog->focus + by;

	dialog->focus = (size_t)(at < 0 ? last : at > last ? 0 : at);
}

void dialog_scroll(struct screen *screen, int by)
{
	struct lines lines;
	int rows;

	if (screen_tiny(screen))
		return;
	lines_init(&lines);
	dialog_layout(screen, &lines, &rows);
	const int last = (int)lines.count > rows ? (int)lines.count - rows : 0;
	const int at = screen->dialog.scroll + by;
	screen->dialog.scroll = at < 0 ? 0 : at > last ? last : at;
	if (screen->dialog.scroll == last)
		screen->dialog.seen_end = true;
	lines_release(&lines);
}

void dialog_tick(struct screen *screen)
{
	struct dialog *dialog = &screen->dialog;

	if (dialog->focus > dialog->choice_count) {
		const size_t item = dialog->focus - dialog->choice_count - 1;
		dialog->checked[item] = !dialog->checked[item];
		if (dialog->checked[item] && dialog->focus < last_focus(dialog))
			dialog->focus++;
	}
}

/* ------------------------------------------------------------------ typing */

bool dialog_text_key(struct screen *screen, const struct input *input)
{
	struct dialog *dialog = &screen->dialog;

	return field_key(dialog->typing_value ? &dialog->value : &dialog->note, input->key);
}

void dialog_letter(struct screen *screen, uint32_t key)
{
	struct dialog *dialog = &screen->dialog;
	char name[16];

	for (size_t i = 0; i < dialog->choice_count; i++)
		if (dialog->choices[i].key != '\0' && (uint32_t)dialog->choices[i].key == key) {
			dialog->focus = i + 1;
			screen_say(screen, dialog->choices[i].guard == GUARD_CAPITAL
						   ? "capital Y does it"
						   : "Enter does it");
			return;
		}
	if (dialog->kind == DIALOG_MANUAL && (key == 'v' || key == '+')) {
		dialog->typing = true;
		dialog->typing_value = key == 'v';
		return;
	}
	screen_refuse(screen, "%s does nothing here; Esc leaves the question open",
		key_name(key, name));
}

/* ------------------------------------------------------------------ doing */

static bool all_checked(const struct dialog *dialog)
{
	for (size_t i = 0; i < dialog->check_count; i++)
		if (!dialog->checked[i])
			return false;
	return true;
}

static const char *not_performable(const struct screen *screen, const struct choice *choice)
{
	const struct dialog *dialog = &screen->dialog;

	if (screen_tiny(screen))
		return "the terminal is too small to show what would be done: make it larger";
	if (!dialog->seen_end && str_eq(choice->answer, "yes"))
		return "read it to its end first (PgDn)";
	if (dialog->kind == DIALOG_NOTE)
		return NULL;
	if (screen->watch_only)
		return "attached to watch only";
	const struct ask *ask = dialog_ask(screen);
	if (ask != NULL && str_eq(ask->kind, "approve"))
		return NULL; /* the server knows who may */
	if (!screen->lead_is_you)
		return "somebody else leads this run: Esc, then {lead} takes the lead";
	if (dialog->kind == DIALOG_MANUAL && str_eq(choice->answer, "done") &&
		!all_checked(dialog))
		return "tick every item of the checklist (Space), or answer failed";
	return NULL;
}

static void refuse_with_keys(struct screen *screen, const char *why)
{
	char text[256];

	screen_refuse(screen, "%s", text_with_keys(screen, why, text, sizeof(text)));
}

static void send_answer(struct screen *screen, const char *answer)
{
	const struct dialog *dialog = &screen->dialog;
	json_t *body = json_object();

	json_put_int(body, "run", dialog->run);
	json_put_int(body, "ask", dialog->ask);
	json_put_str(body, "answer", answer);
	if (dialog->value.len > 0)
		json_put_str(body, "value", dialog->value.text);
	if (dialog->kind == DIALOG_WORD)
		json_put_str(body, "word", dialog->note.text);
	else if (dialog->note.len > 0)
		json_put_str(body, "note", dialog->note.text);
	json_put_str(body, "digest", dialog->digest);
	screen_request(screen, TAG_ANSWER, "answer", body);
}

static void perform_wish(struct screen *screen, const struct choice *choice)
{
	const struct dialog *dialog = &screen->dialog;
	const bool whole_run = dialog->kind == DIALOG_ABORT || dialog->kind == DIALOG_NOTE;
	const char *step = whole_run || dialog->step >= screen->run->step_count
				   ? NULL
				   : screen->run->steps[dialog->step].id;

	if (!str_eq(choice->answer, "abort_undo")) {
		screen_act(screen, choice->answer, step, dialog->note.text);
		return;
	}
	json_t *body = json_object();
	json_put_int(body, "run", screen->run_id);
	json_put_str(body, "action", "abort");
	json_put_flag(body, "undo", true);
	json_put_str(body, "note", dialog->note.text);
	screen_request(screen, TAG_ACT, "act", body);
}

void dialog_perform(struct screen *screen, size_t focus)
{
	struct dialog *dialog = &screen->dialog;
	const struct choice choice = dialog->choices[focus - 1];
	const char *why = not_performable(screen, &choice);

	if (why != NULL) {
		refuse_with_keys(screen, why);
		return;
	}
	if (choice.note && dialog->note.len == 0) {
		dialog->typing = true;
		dialog->typing_value = false;
		dialog->typing_for = focus;
		return;
	}
	if (dialog->ask != 0) {
		send_answer(screen, choice.answer);
	} else {
		perform_wish(screen, &choice);
	}
	dialog_close(screen);
}

/* The word of a level 3 question: the answer yes when it is right, no for "no". */
static void word_typed(struct screen *screen)
{
	struct dialog *dialog = &screen->dialog;
	const bool no = str_eq(dialog->note.text, "no") && !str_eq(dialog->word, "no");
	const struct choice choice = { .answer = "yes" };
	const char *why = no ? NULL : not_performable(screen, &choice);

	if (why != NULL) {
		refuse_with_keys(screen, why);
	} else if (!no && !str_eq(dialog->note.text, dialog->word)) {
		field_clear(&dialog->note);
		screen_refuse(screen, "that is not the word; nothing was done");
	} else {
		send_answer(screen, no ? "no" : "yes");
		dialog_close(screen);
	}
}

static void text_done(struct screen *screen)
{
	struct dialog *dialog = &screen->dialog;
	const size_t waits = dialog->typing_for;

	if (waits != 0 && dialog->note.len == 0) {
		screen_refuse(screen, dialog->kind == DIALOG_NOTE
					      ? "an empty note says nothing; Esc leaves"
					      : "a reason is needed; Esc leaves");
		return;
	}
	dialog->typing = dialog->typing_value = false;
	dialog->typing_for = 0;
	if (waits != 0)
		dialog_perform(screen, waits);
}

/* The dialog is about one thing only, which a capital Y does from anywhere in it and Enter
 * never. */
static bool about_one(const struct dialog *dialog)
{
	return dialog->choice_count > 0 && dialog->choices[0].guard == GUARD_CAPITAL &&
	       dialog->kind != DIALOG_CHOOSE;
}

void dialog_enter(struct screen *screen)
{
	struct dialog *dialog = &screen->dialog;

	if (dialog->kind == DIALOG_WORD)
		word_typed(screen);
	else if (dialog->typing)
		text_done(screen);
	else if (dialog->focus > dialog->choice_count)
		dialog_tick(screen);
	else if (dialog->focus > 0 && dialog->choices[dialog->focus - 1].guard == GUARD_ENTER)
		dialog_perform(screen, dialog->focus);
	else if (dialog->focus == 0 && !about_one(dialog))
		dialog_close(screen);
	else
		screen_refuse(screen,
			"Enter does nothing here: capital Y does it, Esc leaves it undone");
}

/* Y does the capital choice under the focus, or the only thing the dialog is about. */
void dialog_capital(struct screen *screen)
{
	struct dialog *dialog = &screen->dialog;
	const size_t focus = dialog->focus == 0 && about_one(dialog) ? 1 : dialog->focus;

	if (focus == 0 || focus > dialog->choice_count ||
		dialog->choices[focus - 1].guard != GUARD_CAPITAL)
		screen_refuse(screen, "Y does nothing here: move to a choice, Enter does it");
	else
		dialog_perform(screen, focus);
}
