/* push.c: what the server says: events, progress, tails, people, answers; and what a frame
 * still has to ask it. */
#include "keymap.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ pushes */

/* The step that runs; of several the one that asks, then the first. */
void screen_follow(struct screen *screen)
{
	const struct run *run = screen->run;
	size_t found = SIZE_MAX;

	if (run == NULL || !screen->follow)
		return;
	for (size_t i = 0; i < run->step_count; i++) {
		if (run_step_ask(run, i) != NULL) {
			found = i;
			break;
		}
		if (run->steps[i].state == STEP_RUNNING && found == SIZE_MAX)
			found = i;
	}
	if (found == SIZE_MAX)
		for (size_t i = 0; i < run->step_count; i++)
			if (run->steps[i].attempt > 0 &&
				(found == SIZE_MAX ||
					run->steps[i].ended.ns >= run->steps[found].ended.ns))
				found = i;
	if (found != SIZE_MAX)
		screen->cursor = found;
}

static void new_attempt(struct screen *screen, const struct event *event)
{
	const struct step *step = run_step(screen->run, json_str(event->payload, "step", NULL));

	if (step == NULL)
		return;
	struct step_view *view = screen_view(screen, (size_t)(step - screen->run->steps));
	*view = (struct step_view){
		.attempt = step->attempt, .grown = event->wall, .per_mille = -1
	};
}

/* What is worth calling somebody for: a question, the end. */
static void call_about(struct screen *screen, const struct event *event)
{
	const struct run *run = screen->run;
	const char *step = json_str(event->payload, "step", "");
	char keys[96];

	if (event->kind == EVENT_RUN_ENDED)
		screen_call(screen, "run %lld %.40s %s", (long long)run->id, run->runbook,
			run_status_name(run->status));
	if (event->kind != EVENT_STEP_ASKED)
		return;
	screen_call(screen, "run %lld %.40s: step %.40s asks", (long long)run->id, run->runbook,
		step);
	if (screen->view != VIEW_RUN)
		screen_say(screen, "step %.60s asks something: %s", step,
			text_with_keys(screen, "{run} shows the run, {attention} what is asked",
				keys, sizeof(keys)));
}

static void event_push(struct screen *screen, const json_t *json)
{
	struct event event = { 0 };
	struct err err = { 0 };

	if (screen->run == NULL || screen->broken ||
		json_int(json, "run", -1) != screen->run_id)
		return;
	if (event_from_json(json, &event, &err) != ERR_NONE ||
		run_apply(screen->run, &event, &err) != ERR_NONE) {
		screen->broken = true;
		screen_refuse(screen,
			"this screen cannot follow the run any further (%s): leave and attach "
			"again",
			err.text);
	} else if (event.kind == EVENT_RUN_STARTED) {
		screen->view_count = screen->run->step_count;
		screen->views = xrealloc(
			screen->views, (screen->view_count + 1) * sizeof(*screen->views));
		memset(screen->views, 0, screen->view_count * sizeof(*screen->views));
		graph_make(&screen->graph, screen->run);
	} else if (event.kind == EVENT_RUN_PAUSED && screen->caught_up) {
		screen_ask_secrets(screen); /* it may have paused for want of them */
	} else if (event.kind == EVENT_STEP_STARTED) {
		new_attempt(screen, &event);
	}
	if (screen->caught_up && !screen->broken)
		call_about(screen, &event);
	event_release(&event);
	screen->stamp++;
	if (screen->caught_up)
		screen_follow(screen);
}

static void tail_push(struct screen *screen, const json_t *json)
{
	const struct step *step = screen->run == NULL
					  ? NULL
					  : run_step(screen->run, json_str(json, "step", NULL));

	if (step == NULL || json_int(json, "run", -1) != screen->run_id)
		return;
	struct step_view *view = screen_view(screen, (size_t)(step - screen->run->steps));
	if (json_int(json, "attempt", 0) != view->attempt)
		return;
	view->size = json_int(json, "size", view->size);
	view->grown = screen->now;
}

static void progress_push(struct screen *screen, const json_t *json)
{
	const struct step *step = screen->run == NULL
					  ? NULL
					  : run_step(screen->run, json_str(json, "step", NULL));

	if (step == NULL || json_int(json, "run", -1) != screen->run_id)
		return;
	struct step_view *view = screen_view(screen, (size_t)(step - screen->run->steps));
	if (json_int(json, "attempt", 0) != view->attempt)
		return;
	view->per_mille = json_int(json, "per_mille", -1);
	snprintf(view->progress, sizeof(view->progress), "%s", json_str(json, "text", ""));
}

static void people_push(struct screen *screen, const json_t *json)
{
	if (json_int(json, "run", -1) != screen->run_id)
		return;
	const bool led = screen->lead_is_you;
	screen->lead_is_you = json_flag(json, "lead_is_you", false) && !screen->watch_only;
	screen->watching = json_int(json, "watching", 0);
	snprintf(screen->lead, sizeof(screen->lead), "%s", json_str(json, "lead", ""));
	if (led && !screen->lead_is_you && screen->caught_up)
		screen_say(screen, "%s leads now; you watch", screen->lead);
}

static void forecast_push(struct screen *screen, const json_t *json)
{
	if (json_int(json, "run", -1) != screen->run_id)
		return;
	json_decref(screen->forecast);
	screen->forecast = json_incref((json_t *)(uintptr_t)json);
	screen->stamp++;
}

const json_t *screen_forecast(const struct screen *screen, const char *service)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(screen->forecast, "services"), i, row)
		if (str_eq(json_str(row, "service", ""), service))
			return row;
	return NULL;
}

static void caught_up_push(struct screen *screen, const json_t *json)
{
	if (json_int(json, "run", -1) != screen->run_id)
		return;
	screen->caught_up = true;
	if (screen->run != NULL && screen->run->status == RUN_OPEN)
		screen_ask_secrets(screen);
	screen_follow(screen);
}

static void journal_push(struct screen *screen, const json_t *json)
{
	if (json_flag(json, "ok", true))
		screen->journal[0] = '\0';
	else
		snprintf(screen->journal, sizeof(screen->journal), "%s",
			json_str(json, "text", "the journal cannot be written"));
}

static void bye_push(struct screen *screen, const json_t *json)
{
	screen_refuse(
		screen, "the server ends: %s", json_str(json, "reason", "no reason given"));
}

void screen_push(struct screen *screen, const json_t *message)
{
	static const struct {
		const char *name;
		void (*take)(struct screen *, const json_t *);
	} kinds[] = {
		{ "event", event_push },
		{ "tail", tail_push },
		{ "progress", progress_push },
		{ "people", people_push },
		{ "forecast", forecast_push },
		{ "caught_up", caught_up_push },
		{ "journal", journal_push },
		{ "bye", bye_push },
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		const json_t *body = json_object_get(message, kinds[i].name);
		if (json_is_object(body))
			kinds[i].take(screen, body);
	}
}

/* ------------------------------------------------------------------ answers */

static void attach_answer(struct screen *screen, json_t *message)
{
	screen->attached = true;
	screen->lead_is_you =
		json_flag(message, "lead_is_you", screen->lead_is_you) && !screen->watch_only;
	if (json_str(message, "lead", "")[0] != '\0')
		snprintf(screen->lead, sizeof(screen->lead), "%s",
			json_str(message, "lead", ""));
}

static void output_answer(struct screen *screen, json_t *message)
{
	struct output_view *out = &screen->out;
	size_t len = 0;
	struct step_view *view = screen_view(screen, out->step);
	unsigned char *data = base64_decode(json_str(message, "data", ""), &len);

	out->waiting = false;
	out->asked = true;
	out->empty = len == 0;
	out->size = json_int(message, "size", 0);
	if (view != NULL && view->attempt == out->attempt && out->size > view->size)
		view->size = out->size;
	if (data != NULL)
		output_take(out, json_int(message, "offset", 0), (const char *)data, len);
	free(data);
}

static void look_on(struct screen *screen)
{
	struct output_view *out = &screen->out;
	const struct step *step = screen_step(screen);
	int64_t offset, max;
	json_t *body;

	if (out->looking == 0 || step == NULL)
		return;
	body = json_object();
	output_look_piece(out, &offset, &max);
	json_put_int(body, "run", screen->run_id);
	json_put_str(body, "step", step->id);
	json_put_int(body, "attempt", out->attempt);
	json_put_int(body, "offset", offset);
	json_put_int(body, "max", max);
	screen_request(screen, TAG_SEARCH, "output", body);
}

/* The pane may still hold the output of another step: keys come faster than answers. */
static bool output_is_here(const struct screen *screen)
{
	const struct step *step = screen_step(screen);

	return step != NULL && screen->out.step == screen->cursor &&
	       screen->out.attempt == step->attempt;
}

void screen_look(struct screen *screen, int by)
{
	screen_say(screen, "searching; Esc stops");
	screen->search_due = by;
	if (!output_is_here(screen))
		return;
	screen->search_due = 0;
	output_look(&screen->out, by, output_rows(screen));
	look_on(screen);
}

static void search_answer(struct screen *screen, json_t *message)
{
	struct output_view *out = &screen->out;
	size_t len = 0;
	const int64_t offset = json_int(message, "offset", 0),
		      size = json_int(message, "size", 0);

	if (out->looking == 0)
		return; /* given up */
	unsigned char *data = base64_decode(json_str(message, "data", ""), &len);
	out->size = size;
	out->found = out->looking != 0 ? out->found : -1;
	const bool ended = data == NULL || output_looked(out, offset, (const char *)data, len,
						   size, screen->search.text);
	free(data);
	if (!ended) {
		if (size > 0)
			screen_say(screen, "searching, %lld %%; Esc stops",
				(long long)(out->look_at * 100 / size));
		look_on(screen);
	} else if (out->held && out->top <= out->found && out->found >= 0 && !out->looking) {
		screen->message[0] = '\0';
	} else {
		screen_refuse(screen, "\"%.60s\" is not in this output", screen->search.text);
	}
}

/* A question of a run that is not on this screen. */
static void call_about_others(struct screen *screen, const json_t *runs)
{
	const json_t *row, *old;
	size_t i, k;

	json_array_foreach(runs, i, row) {
		int64_t before = 0;
		if (json_int(row, "asks", 0) == 0 || json_int(row, "run", 0) == screen->run_id)
			continue;
		json_array_foreach(screen->runs, k, old) {
			if (json_int(old, "run", 0) == json_int(row, "run", 0))
				before = json_int(old, "asks", 0);
		}
		if (json_int(row, "asks", 0) > before && screen->runs != NULL)
			screen_call(screen, "run %lld %.40s asks",
				(long long)json_int(row, "run", 0),
				json_str(row, "runbook", ""));
	}
}

void screen_ask_secrets(struct screen *screen)
{
	json_t *body = json_object();

	json_put_int(body, "run", screen->run_id);
	screen_request(screen, TAG_SECRETS, "secrets", body);
}

static void secrets_answer(struct screen *screen, json_t *message)
{
	char text[160];
	const json_t *row;
	size_t i, typed = 0;

	json_array_foreach(json_object_get(message, "secrets"), i, row)
		typed += json_object_get(row, "typed") != NULL;
	screen->secrets_needed = json_flag(message, "needed", false) ? typed : 0;
	if (screen->secrets_needed > 0)
		screen_say(screen, "%s",
			text_with_keys(screen,
				"the run waits for secrets that are typed: {secrets}", text,
				sizeof(text)));
}

static void runs_answer(struct screen *screen, json_t *message)
{
	call_about_others(screen, json_object_get(message, "runs"));
	json_decref(screen->runs);
	screen->runs = json_incref(json_object_get(message, "runs"));
	screen->runs_asked = false;
	screen->runs_at_ms = screen->mono_ms;
	screen->stamp++;
	home_move(screen, 0); /* the list may have become shorter */
}

static void halted_answer(struct screen *screen, json_t *message)
{
	json_decref(screen->halted);
	screen->halted = json_incref(json_object_get(message, "halted"));
}

static void nothing(struct screen *screen, json_t *message)
{
	(void)screen;
	(void)message;
}

void screen_answered(struct screen *screen, enum tag tag, json_t *message)
{
	if (tag >= TAG_LOOK) {
		document_answer(screen, tag, message);
		return;
	}
	static void (*const takes[])(struct screen *, json_t *) = { [TAG_NONE] = nothing,
		[TAG_ATTACH] = attach_answer,
		[TAG_OUTPUT] = output_answer,
		[TAG_SEARCH] = search_answer,
		[TAG_SECRETS] = secrets_answer,
		[TAG_HALTED] = halted_answer,
		[TAG_RUNS] = runs_answer,
		[TAG_ACT] = nothing,
		[TAG_ANSWER] = nothing };
	const json_t *error = json_object_get(message, "error");
	const char *hint = json_str(error, "hint", "");

	if (json_flag(message, "ok", false)) {
		takes[tag](screen, message);
		return;
	}
	if (tag == TAG_OUTPUT) {
		screen->out.waiting = false;
		screen->out.asked = screen->out.empty = true;
		return; /* no file yet, or erased: the pane says that there is none */
	}
	if (tag == TAG_SECRETS || tag == TAG_HALTED)
		return; /* an older server, or no right to ask */
	if (tag == TAG_SEARCH)
		screen->out.looking = 0;
	if (tag == TAG_RUNS) {
		screen->runs_asked = false;
		screen->runs_at_ms = screen->mono_ms;
	}
	if (tag != TAG_NONE)
		screen_refuse(screen, "%s%s%s", json_str(error, "text", "the server refused"),
			hint[0] ? ": " : "", hint);
}

/* ------------------------------------------------------------------ before a frame */

static void ask_output(struct screen *screen)
{
	struct output_view *out = &screen->out;
	const struct step *step = screen_step(screen);
	const struct step_view *view = screen_view(screen, screen->cursor);
	int64_t offset;

	if (step == NULL || view == NULL || step->attempt == 0)
		return;
	if (out->step != screen->cursor || out->attempt != step->attempt) {
		if (out->waiting)
			return; /* that answer would be taken for this one's */
		output_open(out, screen->cursor, step->attempt);
	}
	const int64_t recorded =
		step->state != STEP_RUNNING ? json_int(step->output, "bytes", 0) : 0;
	const int64_t size = view->size > recorded ? view->size : recorded;
	if (!output_wants(out, size, output_rows(screen), &offset))
		return;
	out->asked_size = size;
	json_t *body = json_object();
	json_put_int(body, "run", screen->run_id);
	json_put_str(body, "step", step->id);
	json_put_int(body, "attempt", step->attempt);
	json_put_int(body, "offset", offset);
	/* what stands before the window must end where it begins */
	json_put_int(body, "max",
		out->owed > 0 && offset >= 0 && offset < out->from &&
				out->from - offset < OUTPUT_PIECE
			? out->from - offset
			: OUTPUT_PIECE);
	out->waiting = true;
	screen_request(screen, TAG_OUTPUT, "output", body);
}

void screen_frame(struct screen *screen)
{
	if (screen->view == VIEW_RUN && screen->caught_up)
		ask_output(screen);
	if (screen->search_due != 0)
		screen_look(screen, screen->search_due);
	if (screen->home == NULL && (screen->view == VIEW_HOME || screen->view == VIEW_BOOKS ||
					    screen->view == VIEW_DRILLS))
		document_want(screen, DOCUMENT_HOME, "home", "home", json_object());
	if (view_rows[screen->view].frame != NULL)
		view_rows[screen->view].frame(screen);
	else
		history_frame(screen);
}
