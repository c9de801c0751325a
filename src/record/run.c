/* run.c: the fold from a run's events to its state.
 *
 * One function per kind of event, found through a table.  Strings and JSON in the state are borrowed from the
 * payloads, which the run keeps; the only copies are of what an event's header says. */
#include "fold.h"

#include <stdlib.h>
#include <string.h>

struct run *run_new(void)
{
	struct run *run = xmalloc(sizeof(*run));

	run->private = xmalloc(sizeof(*run->private));
	run->private->payloads = json_array();
	run->private->index = json_object();
	arena_init(&run->private->arena, 0);
	return run;
}

void run_free(struct run *run)
{
	if (run == NULL)
		return;
	for (size_t i = 0; i < run->step_count; i++) {
		free(run->steps[i].ops);
		free(run->steps[i].spans);
	}
	json_decref(run->private->payloads);
	json_decref(run->private->index);
	arena_release(&run->private->arena);
	free(run->steps);
	free(run->services);
	free(run->asks);
	free(run->notes);
	free(run->deviations);
	free(run->private->approvals);
	free(run->lead);
	free(run->private);
	free(run);
}

struct step *run_step(const struct run *run, const char *id)
{
	if (id == NULL)
		return NULL;
	const json_t *at = json_object_get(run->private->index, id);
	return at == NULL ? NULL : &run->steps[json_integer_value(at)];
}

/* ------------------------------------------------------------------ spans */

static void span_close(struct step *step, struct wall now)
{
	if (step->span_count > 0 && step->spans[step->span_count - 1].to.ns == 0)
		step->spans[step->span_count - 1].to = now;
}

static void span_open(struct step *step, enum time_kind kind, struct wall now)
{
	if (step->span_count > 0 && step->spans[step->span_count - 1].to.ns == 0) {
		if (step->spans[step->span_count - 1].kind == kind)
			return;
		span_close(step, now);
	}
	step->spans = xrealloc(step->spans, (step->span_count + 1) * sizeof(*step->spans));
	step->spans[step->span_count++] = (struct span){.kind = kind, .from = now};
}

/* What a running step's own time counts as: its `time`, and verification while its verify runs. */
static enum time_kind own_time(const struct step *step)
{
	if (str_eq(step->phase, "verify"))
		return TIME_VERIFY;
	for (size_t i = 0; i < TIME_KINDS; i++)
		if (str_eq(step->time, time_kind_name((enum time_kind)i)))
			return (enum time_kind)i;
	return TIME_MACHINE;
}

/* ------------------------------------------------------------------ run.started */

static void add_service(struct service *service, const json_t *row)
{
	*service = (struct service){
		.name = json_str(row, "name", ""),
		.owner = json_str(row, "owner", ""),
		.rto_ms = json_int(row, "rto_ms", -1),
		.rpo_ms = json_int(row, "rpo_ms", -1),
		.tier = json_int(row, "tier", 0),
		.lost = -1,
		.rpa_ms = -1,
	};
}

static enum err_code add_step(struct fold *fold, size_t at, const json_t *row)
{
	struct run *run = fold->run;
	struct step *step = &run->steps[at];

	*step = (struct step){
		.id = json_str(row, "id", ""),
		.title = json_str(row, "title", ""),
		.owner = json_str(row, "owner", ""),
		.level = json_int(row, "level", 0),
		.expect_ms = json_int(row, "expect_ms", 0),
		.needs = json_object_get(row, "needs"),
		.uses = json_object_get(row, "uses"),
		.parallel = json_int(row, "parallel", 0),
		.wait_ms = json_int(row, "wait_ms", 0),
		.marks = json_object_get(row, "marks"),
		.time = json_str(row, "time", "machine"),
		.phase = "",
	};
	if (!step_kind_find(json_str(row, "kind", ""), &step->kind) || step->id[0] == '\0')
		return err_set(fold->err, ERR_PROTOCOL, "step %zu of the run is malformed", at + 1);
	if (run_step(run, step->id) != NULL)
		return err_set(fold->err, ERR_PROTOCOL, "step \"%s\" is there twice", step->id);
	json_put_int(run->private->index, step->id, (int64_t)at);
	return ERR_NONE;
}

/* The positions of the steps a list of ids names. */
static enum err_code link_ids(struct fold *fold, const struct step *step, const char *word, const json_t *ids,
	size_t **index, size_t *count)
{
	const size_t size = json_array_size(ids);

	*index = arena_alloc(&fold->run->private->arena, (size + 1) * sizeof(size_t));
	for (size_t i = 0; i < size; i++) {
		const struct step *other = run_step(fold->run, json_string_value(json_array_get(ids, i)));
		if (other == NULL)
			return err_set(fold->err, ERR_PROTOCOL, "step \"%s\" %s an unknown step", step->id, word);
		(*index)[(*count)++] = (size_t)(other - fold->run->steps);
	}
	return ERR_NONE;
}

static enum err_code link_step(struct fold *fold, struct step *step, const json_t *row)
{
	const json_t *within = json_object_get(row, "within");

	TRY(link_ids(fold, step, "needs", step->needs, &step->needs_index, &step->needs_count));
	return link_ids(fold, step, "is within", within, &step->within_index, &step->within_count);
}

static enum err_code add_steps(struct fold *fold, const json_t *rows)
{
	struct run *run = fold->run;

	run->step_count = json_array_size(rows);
	run->steps = xmalloc(run->step_count * sizeof(*run->steps));
	for (size_t i = 0; i < run->step_count; i++)
		TRY(add_step(fold, i, json_array_get(rows, i)));
	for (size_t i = 0; i < run->step_count; i++)
		TRY(link_step(fold, &run->steps[i], json_array_get(rows, i)));
	return ERR_NONE;
}

static void forget_steps(struct run *run)
{
	free(run->steps);
	run->steps = NULL;
	run->step_count = 0;
	json_object_clear(run->private->index);
}

static enum err_code started(struct fold *fold)
{
	struct run *run = fold->run;
	const json_t *data = fold->data;
	const json_t *book = json_object_get(data, "runbook"), *space = json_object_get(data, "workspace");
	const json_t *services = json_object_get(data, "services");
	const enum err_code code = add_steps(fold, json_object_get(data, "steps"));

	if (code != ERR_NONE) { /* the run stays as it was: not started */
		forget_steps(run);
		return code;
	}
	run->id = fold->event->chain;
	run->runbook = json_str(book, "name", "");
	run->title = json_str(book, "title", "");
	run->path = json_str(book, "path", "");
	run->digest = json_str(book, "digest", "");
	run->version = json_int(book, "version", 0);
	run->workspace = json_str(space, "name", "");
	run->workspace_root = json_str(space, "root", "");
	run->commit = json_str(space, "commit", "");
	run->dirty = json_flag(space, "dirty", false);
	run->plan_sha = json_str(data, "plan", "");
	run->mode = json_str(data, "mode", "");
	run->params = json_object_get(data, "params");
	run->files = json_object_get(data, "files");
	run->parallel = json_int(data, "parallel", 0);
	run->lead = xstrdup(fold->event->actor.name);
	run->started_by = fold->event->actor;
	run->began = run->t2 = fold->event->wall;
	run->began_mono = fold->event->mono;
	memcpy(run->began_boot, fold->event->boot, sizeof(run->began_boot));
	run->service_count = json_array_size(services);
	run->services = xmalloc(run->service_count * sizeof(*run->services));
	for (size_t i = 0; i < run->service_count; i++)
		add_service(&run->services[i], json_array_get(services, i));
	run->t0_assumed = true;
	run->started = true;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ run.adopted */

/* Everything is looked at before anything is changed. */
static enum err_code check_adopted(struct fold *fold, const json_t *rows)
{
	const json_t *row, *need;
	size_t i, k;
	enum step_kind kind;

	json_array_foreach(rows, i, row) {
		const struct step *step = run_step(fold->run, json_str(row, "id", NULL));
		if (step == NULL || step->state != STEP_PENDING || !step_kind_find(json_str(row, "kind", ""), &kind))
			return err_set(fold->err, ERR_PROTOCOL, "step \"%s\" cannot be adopted", json_str(row, "id", ""));
		json_array_foreach(json_object_get(row, "needs"), k, need)
			if (run_step(fold->run, json_string_value(need)) == NULL)
				return err_set(fold->err, ERR_PROTOCOL, "step \"%s\" needs an unknown step", step->id);
		json_array_foreach(json_object_get(row, "within"), k, need)
			if (run_step(fold->run, json_string_value(need)) == NULL)
				return err_set(fold->err, ERR_PROTOCOL, "step \"%s\" is within an unknown step", step->id);
	}
	return ERR_NONE;
}

static void drop_ask(struct run *run, size_t at);

static enum err_code adopted(struct fold *fold)
{
	struct run *run = fold->run;
	const json_t *rows = json_object_get(fold->data, "steps"), *row;
	size_t i;

	TRY(check_adopted(fold, rows));
	json_array_foreach(rows, i, row) {
		struct step *step = run_step(run, json_str(row, "id", NULL));
		const size_t at = (size_t)(step - run->steps);
		for (struct ask *ask; (ask = run_step_ask(run, at)) != NULL;) /* its preview */
			drop_ask(run, (size_t)(ask - run->asks));
		free(step->ops);
		free(step->spans);
		json_object_del(run->private->index, step->id);
		TRY(add_step(fold, at, row));
		TRY(link_step(fold, step, row));
	}
	run->plan_sha = json_str(fold->data, "plan", run->plan_sha);
	run->files = json_object_get(fold->data, "files");
	run->adopted++;
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the run as a whole */

static enum err_code resumed(struct fold *fold)
{
	fold->run->resumes++;
	if (strcmp(fold->event->boot, fold->run->began_boot) != 0)
		fold->run->wall_used = true;
	return ERR_NONE;
}

static enum err_code paused(struct fold *fold)
{
	fold->run->paused = true;
	return ERR_NONE;
}

static enum err_code continued(struct fold *fold)
{
	fold->run->paused = false;
	return ERR_NONE;
}

static enum err_code aborting(struct fold *fold)
{
	fold->run->aborting = true;
	fold->run->undo = json_flag(fold->data, "undo", false);
	fold->run->undo_failed = json_flag(fold->data, "failed", false);
	fold->run->reason = json_str(fold->data, "reason", "");
	return ERR_NONE;
}

static enum err_code ended(struct fold *fold)
{
	const char *word = json_str(fold->data, "status", "");

	size_t status = RUN_DONE;

	while (status <= RUN_ABORTED && !str_eq(word, run_status_name((enum run_status)status)))
		status++;
	if (status > RUN_ABORTED) {
		if (fold->data != NULL)
			return err_set(fold->err, ERR_PROTOCOL, "unknown end \"%s\"", word);
		status = RUN_FAILED; /* erased: nobody can say any more that it went well */
	}
	fold->run->status = (enum run_status)status;
	fold->run->ended = fold->event->wall;
	if (json_str(fold->data, "reason", "")[0] != '\0')
		fold->run->reason = json_str(fold->data, "reason", "");
	fold->run->ask_count = 0;
	return ERR_NONE;
}

static enum err_code lead_taken(struct fold *fold)
{
	free(fold->run->lead);
	fold->run->lead = xstrdup(json_str(fold->data, "who", ""));
	return ERR_NONE;
}

static enum err_code clock_set(struct fold *fold)
{
	struct run *run = fold->run;
	const char *clock = json_str(fold->data, "clock", "");
	/* whoever states a moment reads it from the wall clock as it is now */
	const struct wall at = {json_int(fold->data, "at_ns", 0) - fold->shift_ns};

	if (str_eq(clock, "t0")) {
		run->t0 = at;
		run->t0_assumed = false;
		run->t0_basis = json_str(fold->data, "basis", "");
	} else if (str_eq(clock, "t1")) {
		run->t1 = at;
	} else if (str_eq(clock, "t2")) {
		run->t2 = at;
	} else if (str_eq(clock, "t6")) {
		run->t6 = at;
	} else {
		return err_set(fold->err, ERR_PROTOCOL, "unknown clock \"%s\"", clock);
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ steps */

static void drop_ask(struct run *run, size_t at)
{
	memmove(&run->asks[at], &run->asks[at + 1], (run->ask_count - at - 1) * sizeof(*run->asks));
	run->ask_count--;
}

static void drop_asks(struct fold *fold)
{
	const size_t index = (size_t)(fold->step - fold->run->steps);

	for (struct ask *ask; (ask = run_step_ask(fold->run, index)) != NULL;)
		drop_ask(fold->run, (size_t)(ask - fold->run->asks));
}

static bool is_broken(const struct step *step)
{
	return step->kind == KIND_WATCH && (step->state == STEP_FAILED || step->state == STEP_STOPPED);
}

/* The one place where a step's state changes: what is counted by state is counted here, so that a plan of
 * thousands of steps need not be looked through for each of them. */
static void become(struct fold *fold, enum step_state state)
{
	struct step *step = fold->step;
	const bool ran = step->state == STEP_RUNNING, runs = state == STEP_RUNNING;

	fold->run->private->broken -= is_broken(step);
	step->state = state;
	fold->run->private->broken += is_broken(step);
	for (size_t i = 0; i < step->within_count && ran != runs && step->kind != KIND_WATCH; i++) {
		struct step *group = &fold->run->steps[step->within_index[i]];
		group->inside = runs ? group->inside + 1 : group->inside - 1;
	}
}

static enum err_code step_started(struct fold *fold)
{
	struct step *step = fold->step;

	const bool debris = json_flag(fold->data, "debris", false);

	/* what was asked about the last attempt is asked about nothing any more */
	drop_asks(fold);
	if (debris && !step->undoing_debris)
		step->before_debris = step->state;
	become(fold, STEP_RUNNING);
	step->undoing = json_flag(fold->data, "undo", false);
	step->undoing_debris = debris;
	step->attempt = json_int(fold->data, "attempt", 0);
	if (step->iteration_attempt == 0 || json_int(fold->data, "iteration", 0) != step->iteration)
		step->iteration_attempt = step->attempt;
	step->iteration = json_int(fold->data, "iteration", 0);
	step->started = fold->event->wall;
	step->started_mono = fold->event->mono;
	memcpy(step->started_boot, fold->event->boot, sizeof(step->started_boot));
	step->ended = (struct wall){0};
	step->error_code = step->error_text = step->error_world = step->reason = NULL;
	if (step->first_started.ns == 0)
		step->first_started = fold->event->wall;
	if (fold->run->t3.ns == 0)
		fold->run->t3 = fold->event->wall;
	step->phase = step->undoing ? "undo" : "run";
	span_open(step, own_time(step), fold->event->wall);
	return ERR_NONE;
}

static enum err_code step_phase(struct fold *fold)
{
	fold->step->phase = json_str(fold->data, "phase", "run");
	if (run_step_ask(fold->run, (size_t)(fold->step - fold->run->steps)) == NULL)
		span_open(fold->step, own_time(fold->step), fold->event->wall);
	return ERR_NONE;
}

static enum err_code step_asked(struct fold *fold)
{
	struct run *run = fold->run;

	if (run->ask_count == run->private->ask_cap) {
		run->private->ask_cap = run->private->ask_cap ? run->private->ask_cap * 2 : 4;
		run->asks = xrealloc(run->asks, run->private->ask_cap * sizeof(*run->asks));
	}
	run->asks[run->ask_count++] = (struct ask){
		.id = json_int(fold->data, "ask", 0),
		.step = (size_t)(fold->step - run->steps),
		.attempt = json_int(fold->data, "attempt", 0),
		.kind = json_str(fold->data, "kind", ""),
		.title = json_str(fold->data, "title", ""),
		.text = json_str(fold->data, "text", ""),
		.digest = json_str(fold->data, "digest", ""),
		.word = json_str(fold->data, "word", ""),
		.level = json_int(fold->data, "level", 0),
		.choices = json_object_get(fold->data, "choices"),
		.detail = json_object_get(fold->data, "detail"),
		.asked = fold->event->wall,
	};
	if (run->last_ask < json_int(fold->data, "ask", 0))
		run->last_ask = json_int(fold->data, "ask", 0);
	const char *kind = json_str(fold->data, "kind", "");
	const bool confirm = str_eq(kind, "confirm") || str_eq(kind, "approve");
	span_open(fold->step, confirm ? TIME_APPROVAL : TIME_HUMAN, fold->event->wall);
	return ERR_NONE;
}

/* One more voice; the question itself is answered when enough have spoken. */
static enum err_code step_approved(struct fold *fold)
{
	struct run_private *own = fold->run->private;
	struct ask *ask = run_ask(fold->run, json_int(fold->data, "ask", 0));

	if (ask == NULL)
		return own->erased ? ERR_NONE
				   : err_set(fold->err, ERR_PROTOCOL, "an approval of a question that is not open");
	own->approvals = xrealloc(own->approvals, (own->approval_count + 1) * sizeof(*own->approvals));
	own->approvals[own->approval_count++] = (struct approval){
		.ask = ask->id,
		.uid = fold->event->actor.uid,
		.who = arena_strdup(&own->arena, fold->event->actor.name),
		.note = json_str(fold->data, "note", ""),
		.yes = str_eq(json_str(fold->data, "word", ""), "approve"),
		.at = fold->event->wall,
	};
	return ERR_NONE;
}

size_t run_approvals(const struct run *run, const struct ask *ask, bool yes)
{
	const struct run_private *own = run->private;
	size_t count = 0;

	for (size_t i = 0; i < own->approval_count; i++)
		count += own->approvals[i].ask == ask->id && own->approvals[i].yes == yes;
	return count;
}

const struct approval *run_approval(const struct run *run, const struct ask *ask, int64_t uid)
{
	const struct run_private *own = run->private;

	for (size_t i = 0; i < own->approval_count; i++)
		if (own->approvals[i].ask == ask->id && own->approvals[i].uid == uid)
			return &own->approvals[i];
	return NULL;
}

static enum err_code step_answered(struct fold *fold)
{
	struct run *run = fold->run;
	const struct ask *ask = run_ask(run, json_int(fold->data, "ask", 0));

	if (ask == NULL && run->private->erased)
		return ERR_NONE;
	if (ask == NULL)
		return err_set(fold->err, ERR_PROTOCOL, "an answer to a question that is not open");
	drop_ask(run, (size_t)(ask - run->asks));
	fold->step->answers++;
	if (fold->step->state == STEP_RUNNING)
		span_open(fold->step, own_time(fold->step), fold->event->wall);
	else
		span_close(fold->step, fold->event->wall);
	return ERR_NONE;
}

static enum err_code step_finished(struct fold *fold)
{
	struct step *step = fold->step;
	const char *word = json_str(fold->data, "outcome", "");
	const json_t *error = json_object_get(fold->data, "error");
	size_t state = STEP_OK;

	while (state < STEP_STATES && !str_eq(word, step_state_name((enum step_state)state)))
		state++;
	if (state == STEP_STATES)
		return err_set(fold->err, ERR_PROTOCOL, "unknown outcome \"%s\"", word);
	become(fold, (enum step_state)state);
	step->ended = fold->event->wall;
	if ((state == STEP_OK || state == STEP_SKIPPED) && !step->undoing) {
		step->passed = step->ended;
		step->passed_over = state == STEP_SKIPPED;
	}
	step->phase = "";
	if (error != NULL || state != STEP_SKIPPED) { /* what was skipped after a failure keeps its error */
		step->error_code = json_str(error, "code", NULL);
		step->error_text = json_str(error, "text", NULL);
		step->error_world = json_str(error, "world", NULL);
	}
	step->reason = json_str(fold->data, "reason", NULL);
	const json_t *outputs = json_object_get(fold->data, "outputs");
	if (json_is_object(outputs))
		step->outputs = outputs;
	const json_t *output = json_object_get(fold->data, "output");
	if (json_is_object(output))
		step->output = output;
	/* questions of the attempt that just ended have lost their sense */
	drop_asks(fold);
	span_close(step, fold->event->wall);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ services and notes */

static struct service *named_service(struct fold *fold)
{
	const char *name = json_str(fold->data, "service", "");

	for (size_t i = 0; i < fold->run->service_count; i++)
		if (str_eq(fold->run->services[i].name, name))
			return &fold->run->services[i];
	return NULL;
}

static enum err_code service_marked(struct fold *fold)
{
	struct service *service = named_service(fold);
	const char *reached = json_str(fold->data, "reached", "");

	if (service == NULL)
		return err_set(fold->err, ERR_PROTOCOL, "a mark for an unknown service");
	if (str_eq(reached, "restored")) {
		service->restored = fold->event->wall;
	} else if (str_eq(reached, "verified")) {
		service->verified = fold->event->wall;
		service->verified_by = json_str(fold->data, "step", NULL);
	} else {
		fold->run->t6 = fold->event->wall;
	}
	return ERR_NONE;
}

static enum err_code recovery_measured(struct fold *fold)
{
	struct service *service = named_service(fold);

	if (service == NULL)
		return err_set(fold->err, ERR_PROTOCOL, "a measurement for an unknown service");
	service->measured = true;
	service->lost = json_int(fold->data, "lost", -1);
	service->acknowledged = json_int(fold->data, "acknowledged", -1);
	service->unit = json_str(fold->data, "unit", "");
	service->basis = json_str(fold->data, "basis", "");
	service->rpa_ms = json_int(fold->data, "rpa_ms", -1);
	service->recovery_point.ns = json_int(fold->data, "recovery_point_ns", 0);
	return ERR_NONE;
}

static enum err_code note_added(struct fold *fold)
{
	struct run *run = fold->run;

	if (run->note_count == run->private->note_cap) {
		run->private->note_cap = run->private->note_cap ? run->private->note_cap * 2 : 4;
		run->notes = xrealloc(run->notes, run->private->note_cap * sizeof(*run->notes));
	}
	run->notes[run->note_count++] = (struct note){
		.text = json_str(fold->data, "text", ""),
		.step = json_str(fold->data, "step", NULL),
		.who = arena_strdup(&run->private->arena, fold->event->actor.name),
		.at = fold->event->wall,
	};
	return ERR_NONE;
}

static enum err_code deviation_recorded(struct fold *fold)
{
	struct run *run = fold->run;
	const char *step = json_str(fold->data, "step", "");

	if (run->deviation_count == run->private->deviation_cap) {
		run->private->deviation_cap = run->private->deviation_cap ? run->private->deviation_cap * 2 : 4;
		run->deviations =
			xrealloc(run->deviations, run->private->deviation_cap * sizeof(*run->deviations));
	}
	run->deviations[run->deviation_count++] = (struct deviation){
		.what = json_str(fold->data, "what", "erased"),
		.rule = json_str(fold->data, "rule", ""),
		.reason = json_str(fold->data, "reason", ""),
		.step = step[0] != '\0' ? step : NULL,
		.who = arena_strdup(&run->private->arena, fold->event->actor.name),
		.uid = fold->event->actor.uid,
		.at = fold->event->wall,
	};
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the table */

enum needs_data { PLAIN, DATA, STEP }; /* nothing; a payload; a payload that names a step of the run */

static const struct {
	enum err_code (*apply)(struct fold *fold);
	enum needs_data needs;
} folds[EVENT_COUNT] = {
	[EVENT_RUN_STARTED] = {started, DATA},
	[EVENT_RUN_RESUMED] = {resumed, PLAIN},
	[EVENT_RUN_ADOPTED] = {adopted, DATA},
	[EVENT_RUN_PAUSED] = {paused, PLAIN},
	[EVENT_RUN_CONTINUED] = {continued, PLAIN},
	[EVENT_RUN_ABORTING] = {aborting, PLAIN},
	[EVENT_RUN_ENDED] = {ended, PLAIN},
	[EVENT_LEAD_TAKEN] = {lead_taken, DATA},
	[EVENT_CLOCK_SET] = {clock_set, DATA},
	[EVENT_STEP_STARTED] = {step_started, STEP},
	[EVENT_STEP_PHASE] = {step_phase, STEP},
	[EVENT_STEP_ASKED] = {step_asked, STEP},
	[EVENT_STEP_APPROVED] = {step_approved, STEP},
	[EVENT_STEP_ANSWERED] = {step_answered, STEP},
	[EVENT_STEP_FINISHED] = {step_finished, STEP},
	[EVENT_OP_READ] = {fold_op_read, STEP},
	[EVENT_OP_INTENT] = {fold_op_intent, STEP},
	[EVENT_OP_ALLOWED] = {fold_op_allowed, STEP},
	[EVENT_OP_REFUSED] = {fold_op_refused, STEP},
	[EVENT_OP_RESULT] = {fold_op_result, STEP},
	[EVENT_OP_UNKNOWN] = {fold_op_unknown, STEP},
	[EVENT_OP_SETTLED] = {fold_op_settled, STEP},
	[EVENT_SERVICE_MARKED] = {service_marked, DATA},
	[EVENT_RECOVERY_MEASURED] = {recovery_measured, DATA},
	[EVENT_DEBRIS_KEPT] = {fold_debris_kept, STEP},
	[EVENT_NOTE_ADDED] = {note_added, PLAIN},
	[EVENT_DEVIATION_RECORDED] = {deviation_recorded, PLAIN},
};

static void take_steady(struct run *run, const struct steady *steady)
{
	run->clock_stepped = run->clock_stepped || steady->shift_ns != run->private->steady.shift_ns;
	run->clock_shift_ns = steady->shift_ns;
	run->private->steady = *steady;
}

enum err_code run_apply(struct run *run, const struct event *event, struct err *err)
{
	struct steady steady = run->private->steady;
	struct event steadied = *event;
	struct fold fold = {.run = run, .event = &steadied, .data = event->payload, .err = err};
	const char *name = event_kinds[event->kind].name;

	steadied.wall = steady_at(&steady, event);
	fold.shift_ns = steady.shift_ns;

	if (event->pos != run->next_pos)
		return err_set(err, ERR_PROTOCOL, "event %lld of run %lld where %lld was expected",
			(long long)event->pos, (long long)event->chain, (long long)run->next_pos);
	if (run->started == (event->kind == EVENT_RUN_STARTED) || folds[event->kind].apply == NULL)
		return err_set(err, ERR_PROTOCOL, "\"%s\" cannot stand here", name);
	if (event->payload == NULL) {
		if (event->kind == EVENT_RUN_STARTED)
			return err_set(err, ERR_PROTOCOL, "the start of run %lld was erased",
				(long long)event->chain);
		run->private->erased = true;
		if (folds[event->kind].needs != PLAIN) {
			take_steady(run, &steady);
			run->next_pos++; /* what it said is gone, the rest still stands */
			return ERR_NONE;
		}
	}
	if (folds[event->kind].needs == STEP) {
		fold.step = run_step(run, json_str(event->payload, "step", NULL));
		if (fold.step == NULL)
			return err_set(err, ERR_PROTOCOL, "\"%s\" names the unknown step \"%s\"", name,
				json_str(event->payload, "step", ""));
	}
	if (event->payload != NULL)
		json_array_append(run->private->payloads, event->payload);
	const enum err_code code = folds[event->kind].apply(&fold);
	if (code == ERR_NONE) {
		take_steady(run, &steady);
		run->next_pos++;
	} else if (event->payload != NULL) { /* nothing was borrowed from it */
		json_array_remove(run->private->payloads, json_array_size(run->private->payloads) - 1);
	}
	return code;
}
