/* plain_print.c: events, output and results as lines.  Every line is one sentence with its
 * time; nothing is ever overwritten. */
#include "pager.h"
#include "paint.h"
#include "plain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FETCH = 64 * 1024, FORECAST_HAIR = 50 /* per mille */ };

/* ------------------------------------------------------------------ lines */

static void put_line(struct plain *plain, struct wall at, const char *text, size_t len)
{
	struct buf clean;
	struct err err = { 0 };
	char when[32];

	buf_init(&clean, len * 16 + 64);
	wall_format(when, sizeof(when), at);
	if (text_sanitise(text, len, &clean, &err) == ERR_NONE) {
		char *line = xasprintf(
			"%.8s %s", when + 11, clean.data != NULL ? clean.data : "");
		fprintf(plain->options->out, "%s\n", line);
		cast_line(plain->cast, line);
		free(line);
	}
	buf_release(&clean);
}

static void put_format(struct plain *plain, struct wall at, const char *fmt, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		base_die("out of memory");
	put_line(plain, at, text, strlen(text));
	free(text);
}

void plain_line(struct plain *plain, struct wall at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_format(plain, at, fmt, args);
	va_end(args);
}

void plain_say(struct plain *plain, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_format(plain, wall_now(), fmt, args);
	va_end(args);
}

/* ------------------------------------------------------------------ output */

static void put_output(struct plain *plain, size_t step, const char *text, size_t len)
{
	const char *id = plain->run->steps[step].id;

	struct buf line;
	struct err err = { 0 };

	if (len > 0 && text[len - 1] == '\r')
		len--;
	buf_init(&line, len * 16 + 256);
	/* colours mean nothing in lines that are read, searched and spoken */
	if (buf_addf(&line, &err, "%s | ", id) == ERR_NONE &&
		text_plain(text, len, &line, &err) == ERR_NONE)
		put_line(plain, wall_now(), line.data, line.len);
	buf_release(&line);
}

static void put_whole_lines(struct plain *plain, size_t step, bool last)
{
	struct buf *held = &plain->steps[step].held;

	while (held->len > 0) {
		const char *newline = memchr(held->data, '\n', held->len);
		if (newline == NULL && !last && held->len < PLAIN_LINE_MAX)
			return;
		const size_t len = newline != NULL ? (size_t)(newline - held->data) : held->len;
		put_output(plain, step, held->data, len);
		buf_consume(held, newline != NULL ? len + 1 : len);
	}
}

enum err_code plain_output(struct plain *plain, size_t index, bool all, struct err *err)
{
	struct plain_step *own = &plain->steps[index];
	int64_t at, size = INT64_MAX;

	if (plain->options->quiet || own->attempt == 0)
		return ERR_NONE;
	while (!own->cut && own->offset < size) {
		char *data;
		size_t len;
		plain->asked_server = true;
		TRY(output_fetch(plain->options->client, plain->options->run,
			plain->run->steps[index].id, own->attempt, own->offset, FETCH, &data,
			&len, &at, &size, err));
		const enum err_code code = buf_add(&own->held, data, len, err);
		free(data);
		TRY(code);
		own->offset += (int64_t)len;
		if (len > 0)
			own->spoke = wall_now();
		put_whole_lines(plain, index, false);
		if (own->offset >= PLAIN_OUTPUT_MAX && own->offset < size) {
			own->cut = true;
			plain_say(plain,
				"%s | [more output is only in the record: drillbook attach "
				"%" PRId64 ", o]",
				plain->run->steps[index].id, plain->options->run);
		}
		if (!all || len == 0)
			break;
	}
	if (all)
		put_whole_lines(plain, index, true);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ events */

struct telling {
	struct plain *plain;
	const struct event *event;
	const json_t *data;
	struct step *step; /* the one the event names, or NULL */
	size_t index;
	struct err *err;
};

static void tell(const struct telling *telling, const char *fmt, ...) PRINTF(2, 3);

static void tell(const struct telling *telling, const char *fmt, ...)
{
	va_list args;

	if (telling->plain->options->quiet)
		return;
	va_start(args, fmt);
	put_format(telling->plain, telling->event->wall, fmt, args);
	va_end(args);
	if (telling->step != NULL)
		telling->plain->steps[telling->index].spoke = telling->event->wall;
}

static enum err_code run_started(struct telling *t)
{
	const struct run *run = t->plain->run;

	t->plain->step_count = run->step_count;
	t->plain->steps = xmalloc((run->step_count + 1) * sizeof(*t->plain->steps));
	for (size_t i = 0; i < run->step_count; i++)
		buf_init(&t->plain->steps[i].held, PLAIN_LINE_MAX + FETCH);
	tell(t, "run %" PRId64 " %s %s version %" PRId64 " %.7s%s, %zu steps, lead %s", run->id,
		run->mode, run->runbook, run->version,
		run->commit[0] ? run->commit : run->digest,
		run->dirty && run->commit[0] ? " (changed since)" : "", run->step_count, run->lead);
	return ERR_NONE;
}

static enum err_code run_resumed(struct telling *t)
{
	tell(t, "a new server has taken the run up: %s", json_str(t->data, "reason", ""));
	return ERR_NONE;
}

static enum err_code run_paused(struct telling *t)
{
	tell(t, "paused by %s: no further step starts, the clock goes on. %s",
		t->event->actor.name, json_str(t->data, "reason", ""));
	return ERR_NONE;
}

static enum err_code run_continued(struct telling *t)
{
	tell(t, "continued by %s", t->event->actor.name);
	return ERR_NONE;
}

static enum err_code run_aborting(struct telling *t)
{
	tell(t, "aborting, by %s: %s", t->event->actor.name, json_str(t->data, "reason", ""));
	return ERR_NONE;
}

static enum err_code run_ended(struct telling *t)
{
	t->plain->ended = true;
	return ERR_NONE;
}

static enum err_code lead_taken(struct telling *t)
{
	tell(t, "%s leads now", json_str(t->data, "who", ""));
	return ERR_NONE;
}

static enum err_code step_started(struct telling *t)
{
	struct plain_step *own = &t->plain->steps[t->index];
	char expected[24], again[48] = "";

	own->attempt = t->step->attempt;
	own->offset = 0;
	own->cut = false;
	buf_clear(&own->held);
	if (t->step->undoing) {
		tell(t, "step %zu/%zu %s: is taken back", t->index + 1, t->plain->run->step_count,
			t->step->id);
		return ERR_NONE;
	}
	if (t->step->kind == KIND_GROUP) /* its members told that it began; it ends next */
		return ERR_NONE;
	if (t->step->attempt > 1)
		snprintf(again, sizeof(again), ", attempt %" PRId64, t->step->attempt);
	tell(t, "step %zu/%zu %s: started%s%s%s%s%s%s", t->index + 1, t->plain->run->step_count,
		t->step->id, again, t->step->expect_ms > 0 ? ", expected " : "",
		t->step->expect_ms > 0
			? format_clock(expected, sizeof(expected), t->step->expect_ms)
			: "",
		t->step->title[0] ? " (" : "", t->step->title, t->step->title[0] ? ")" : "");
	return ERR_NONE;
}

static void tell_clocks(const struct telling *t)
{
	const struct run *run = t->plain->run;
	char elapsed[24], rto[24], left[24];

	for (size_t i = 0; i < run->service_count; i++) {
		const struct service_clock clock =
			run_clock(run, &run->services[i], t->event->wall);
		if (clock.rto_ms < 0)
			continue;
		format_clock(elapsed, sizeof(elapsed), clock.elapsed_ms);
		format_clock(rto, sizeof(rto), clock.rto_ms);
		format_clock(
			left, sizeof(left), clock.left_ms < 0 ? -clock.left_ms : clock.left_ms);
		tell(t, "clock %s: %s of %s, %s %s, %s", run->services[i].name, elapsed, rto,
			left, clock.left_ms < 0 ? "too long" : "left", clock.word);
	}
}

static enum err_code step_finished(struct telling *t)
{
	const struct step *step = t->step;
	char took[24];

	TRY(plain_output(t->plain, t->index, true, t->err));
	tell(t, "step %zu/%zu %s: %s%s%s%s%s%s%s", t->index + 1, t->plain->run->step_count,
		step->id, step_state_name(step->state), step->state == STEP_SKIPPED ? "" : " ",
		step->state == STEP_SKIPPED ? ""
					    : format_clock(took, sizeof(took),
						      step_elapsed_ms(step,
							      run_now(t->plain->run, t->event->wall))),
		step->error_text != NULL ? ": " : "",
		step->error_text != NULL ? step->error_text : "",
		step->reason != NULL && step->reason[0] ? ": " : "",
		step->reason != NULL && step->reason[0] ? step->reason : "");
	tell_clocks(t);
	return ERR_NONE;
}

static enum err_code step_answered(struct telling *t)
{
	const char *note = json_str(t->data, "note", ""),
		   *value = json_str(t->data, "value", "");

	tell(t, "step %s: %s answered %s%s%s%s%s", t->step != NULL ? t->step->id : "",
		t->event->actor.name, json_str(t->data, "answer", ""),
		value[0] ? ", value " : "", value, note[0] ? ": " : "", note);
	return ERR_NONE;
}

static char *arguments(const json_t *data)
{
	const json_t *args = json_object_get(data, "args");

	return json_object_size(args) > 0 ? json_line(args) : xstrdup("");
}

static enum err_code op_read(struct telling *t)
{
	const bool ok = json_flag(t->data, "ok", false);
	char *args = arguments(t->data);

	/* the clock and the dice are calls too, but say nothing to an operator */
	if (json_str(t->data, "target", "")[0] != '\0')
		tell(t, "%s -> %s %s %s: %s", t->step->id, json_str(t->data, "op", ""),
			json_str(t->data, "target", ""), args,
			ok ? "read"
			   : json_str(json_object_get(t->data, "error"), "text", "failed"));
	free(args);
	return ERR_NONE;
}

static enum err_code op_intent(struct telling *t)
{
	char *args = arguments(t->data);

	tell(t, "%s -> %s %s %s (%s)", t->step->id, json_str(t->data, "op", ""),
		json_str(t->data, "target", ""), args, json_str(t->data, "effect", ""));
	free(args);
	return ERR_NONE;
}

/* The op an event is about, to name it where the event only has its key. */
static const struct op *op_of(const struct telling *t)
{
	return run_op(t->plain->run, json_str(t->data, "key", ""));
}

static enum err_code op_result(struct telling *t)
{
	const struct op *op = op_of(t);
	char took[24];

	if (op == NULL)
		return ERR_NONE;
	tell(t, "%s <- %s %s: %s after %s%s%s", t->step->id, op->op, op->target,
		json_flag(t->data, "ok", false) ? "done" : "FAILED",
		format_duration(took, sizeof(took), (op->ended.ns - op->began.ns) / 1000000),
		op->error != NULL ? ": " : "", json_str(op->error, "text", ""));
	return ERR_NONE;
}

static enum err_code op_refused(struct telling *t)
{
	const struct op *op = op_of(t);

	if (op != NULL)
		tell(t, "%s <- %s %s: refused: %s", t->step->id, op->op, op->target,
			json_str(t->data, "reason", ""));
	return ERR_NONE;
}

static enum err_code op_unknown(struct telling *t)
{
	const struct op *op = op_of(t);

	if (op != NULL)
		tell(t, "%s <- %s %s: OUTCOME UNKNOWN: %s", t->step->id, op->op, op->target,
			json_str(t->data, "reason", ""));
	return ERR_NONE;
}

static enum err_code op_settled(struct telling *t)
{
	const struct op *op = op_of(t);

	if (op != NULL)
		tell(t, "%s <- %s %s: settled by %s: %s. %s", t->step->id, op->op, op->target,
			json_str(t->data, "by", ""),
			str_eq(json_str(t->data, "verdict", ""), "done") ? "it was done"
									 : "it was not done",
			json_str(t->data, "reason", ""));
	return ERR_NONE;
}

static enum err_code service_marked(struct telling *t)
{
	tell(t, "service %s: %s", json_str(t->data, "service", ""),
		json_str(t->data, "reached", ""));
	return ERR_NONE;
}

static enum err_code note_added(struct telling *t)
{
	tell(t, "note by %s: %s", t->event->actor.name, json_str(t->data, "text", ""));
	return ERR_NONE;
}

static enum err_code step_approved(struct telling *t)
{
	const char *note = json_str(t->data, "note", "");

	tell(t, "step %s: %s says %s%s%s", t->step != NULL ? t->step->id : "",
		t->event->actor.name, json_str(t->data, "word", ""), note[0] ? ": " : "", note);
	return ERR_NONE;
}

static enum err_code run_adopted(struct telling *t)
{
	const json_t *book = json_object_get(t->data, "runbook");

	tell(t, "ADOPTED by %s: version %lld %.7s for %zu steps not begun: %s", t->event->actor.name,
		(long long)json_int(book, "version", 0), json_str(book, "digest", ""),
		json_array_size(json_object_get(t->data, "steps")), json_str(t->data, "reason", ""));
	return ERR_NONE;
}

static enum err_code debris_kept(struct telling *t)
{
	tell(t, "what %s created stays: %s", t->step->id, json_str(t->data, "reason", ""));
	return ERR_NONE;
}

static enum err_code deviation_recorded(struct telling *t)
{
	const char *rule = json_str(t->data, "rule", "");

	tell(t, "DEVIATION by %s%s%s: %s%s%s: %s", t->event->actor.name,
		t->step != NULL ? " in " : "", t->step != NULL ? t->step->id : "",
		json_str(t->data, "what", ""), rule[0] ? " of " : "", rule,
		json_str(t->data, "reason", ""));
	return ERR_NONE;
}

enum err_code plain_event(struct plain *plain, const struct event *event, struct err *err)
{
	static enum err_code (*const tells[EVENT_COUNT])(struct telling *) = {
		[EVENT_RUN_STARTED] = run_started,
		[EVENT_RUN_RESUMED] = run_resumed,
		[EVENT_RUN_PAUSED] = run_paused,
		[EVENT_RUN_CONTINUED] = run_continued,
		[EVENT_RUN_ABORTING] = run_aborting,
		[EVENT_RUN_ENDED] = run_ended,
		[EVENT_LEAD_TAKEN] = lead_taken,
		[EVENT_STEP_STARTED] = step_started,
		[EVENT_STEP_FINISHED] = step_finished,
		[EVENT_STEP_ANSWERED] = step_answered,
		[EVENT_OP_READ] = op_read,
		[EVENT_OP_INTENT] = op_intent,
		[EVENT_OP_RESULT] = op_result,
		[EVENT_OP_REFUSED] = op_refused,
		[EVENT_OP_UNKNOWN] = op_unknown,
		[EVENT_OP_SETTLED] = op_settled,
		[EVENT_SERVICE_MARKED] = service_marked,
		[EVENT_NOTE_ADDED] = note_added,
		[EVENT_DEVIATION_RECORDED] = deviation_recorded,
		[EVENT_STEP_APPROVED] = step_approved,
		[EVENT_DEBRIS_KEPT] = debris_kept,
		[EVENT_RUN_ADOPTED] = run_adopted,
	};
	struct telling telling = {
		.plain = plain, .event = event, .data = event->payload, .err = err
	};

	if (tells[event->kind] == NULL)
		return ERR_NONE;
	if (event->kind != EVENT_RUN_STARTED) {
		telling.step = run_step(plain->run, json_str(event->payload, "step", NULL));
		if (telling.step != NULL)
			telling.index = (size_t)(telling.step - plain->run->steps);
	}
	return tells[event->kind](&telling);
}

/* ------------------------------------------------------------------ forecasts */

static void put_forecast(struct plain *plain, const struct service_clock *clock,
	const json_t *row, const char *word)
{
	const int64_t guessed = json_int(row, "guessed", 0);
	const int64_t miss = json_int(row, "miss_per_mille", 0);
	char p50[24], p90[24], rto[24], unsure[96] = "";

	format_clock(p50, sizeof(p50), json_int(row, "p50_ms", 0));
	format_clock(p90, sizeof(p90), json_int(row, "p90_ms", 0));
	format_clock(rto, sizeof(rto), clock->rto_ms);
	if (guessed > 0)
		snprintf(unsure, sizeof(unsure),
			"; of %" PRId64 " %s nobody knows how long it takes", guessed,
			guessed == 1 ? "step" : "steps");
	plain_say(plain,
		"forecast %s: %s, nine times in ten within %s, of %s; RTO missed in %" PRId64
		" of 1000 cases, %s%s",
		json_str(row, "service", ""), p50, p90, rto, miss, word, unsure);
}

/* A chance that sways around the border of two words is not told each time. */
static bool told_already(
	const struct plain *plain, const char *name, const char *word, int64_t miss)
{
	const json_t *told = json_object_get(plain->told, name);
	const int64_t before = json_int(told, "miss", -1000);

	return str_eq(json_str(told, "word", ""), word) ||
	       (miss >= before - FORECAST_HAIR && miss <= before + FORECAST_HAIR);
}

static void tell_forecast(struct plain *plain, const struct service *service, const json_t *row)
{
	const struct service_clock clock = run_clock(plain->run, service, wall_now());
	const int64_t miss = json_int(row, "miss_per_mille", -1);
	const char *word = forecast_word(&clock, true, miss);

	if (clock.rto_ms < 0 || told_already(plain, service->name, word, miss))
		return;
	if (!plain->options->quiet)
		put_forecast(plain, &clock, row, word);
	json_t *told = json_object();
	json_put_str(told, "word", word);
	json_put_int(told, "miss", miss);
	json_put(plain->told, service->name, told);
}

void plain_forecast(struct plain *plain, const json_t *forecast)
{
	const struct run *run = plain->run;
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(forecast, "services"), i, row)
		for (size_t k = 0; k < run->service_count; k++)
			if (str_eq(run->services[k].name, json_str(row, "service", "")))
				tell_forecast(plain, &run->services[k], row);
}

/* ------------------------------------------------------------------ silence */

void plain_still(struct plain *plain)
{
	const int64_t every = plain->options->still_every_ms > 0
				      ? plain->options->still_every_ms
				      : STILL_EVERY_MS;
	const struct wall now = wall_now();
	char spent[24], silent[24];

	if (plain->options->quiet || !plain->caught_up || plain->ended)
		return;
	for (size_t i = 0; i < plain->step_count; i++) {
		const struct step *step = &plain->run->steps[i];
		struct plain_step *own = &plain->steps[i];
		const int64_t quiet_ms = (now.ns - own->spoke.ns) / 1000000;
		const struct ask *ask = run_step_ask(plain->run, i);
		if (step->state != STEP_RUNNING || quiet_ms < every)
			continue;
		format_clock(spent, sizeof(spent), step_elapsed_ms(step, run_now(plain->run, now)));
		format_clock(silent, sizeof(silent), quiet_ms);
		if (ask != NULL)
			plain_say(plain, "step %s: still waits for an answer, %s", step->id,
				spent);
		else
			plain_say(plain, "step %s: still running, %s, silent %s", step->id,
				spent, silent);
		own->spoke = now;
	}
}

/* ------------------------------------------------------------------ the end */

static void summarise_rto(struct plain *plain, const struct service *service)
{
	const struct run *run = plain->run;
	const struct service_clock clock = run_clock(run, service, run->ended);
	char took[24], rto[24], margin[24];

	format_clock(took, sizeof(took), clock.elapsed_ms);
	format_clock(rto, sizeof(rto), clock.rto_ms);
	format_clock(
		margin, sizeof(margin), clock.left_ms < 0 ? -clock.left_ms : clock.left_ms);
	if (!clock.verified)
		plain_say(plain,
			"%s: no step verified that the service is back, %s after the impact%s",
			service->name, took,
			clock.rto_ms >= 0 && clock.left_ms < 0 ? "; RTO MISSED" : "");
	else if (clock.rto_ms < 0)
		plain_say(plain, "%s: recovered in %s; no RTO is stated", service->name, took);
	else
		plain_say(plain, "%s: RTO %s: recovered in %s of %s, %s %s%s", service->name,
			clock.left_ms < 0 ? "MISSED" : "MET", took, rto, margin,
			clock.left_ms < 0 ? "too long" : "to spare",
			clock.assumed ? " (the time of impact is assumed)" : "");
}

static void summarise_rpo(struct plain *plain, const struct service *service)
{
	const enum verdict_word word = service_rpo(plain->run, service);
	char lost[160] = "", age[64] = "", clock[24];

	if (word == OBJECTIVE_NONE && !service->measured)
		return;
	if (!service->measured) {
		plain_say(plain, "%s: RPO not measured: no step looked at what survived",
			service->name);
		return;
	}
	if (service->lost >= 0)
		snprintf(lost, sizeof(lost), "%" PRId64 " %s lost of %" PRId64 " acknowledged",
			service->lost, service->unit != NULL ? service->unit : "units",
			service->acknowledged);
	if (service->rpa_ms >= 0)
		snprintf(age, sizeof(age), "%sdata of the last %s lost", lost[0] ? ", " : "",
			format_clock(clock, sizeof(clock), service->rpa_ms));
	plain_say(plain, "%s: RPO %s: %s%s (%s)", service->name, objective_name(word), lost,
		age,
		service->basis != NULL && service->basis[0] ? service->basis
							    : "no basis given");
}

void plain_summary(struct plain *plain)
{
	const struct run *run = plain->run;
	size_t counts[STEP_STATES] = { 0 };
	char undone[40] = "";

	for (size_t i = 0; i < run->step_count; i++)
		counts[run->steps[i].state]++;
	if (counts[STEP_UNDONE] > 0)
		snprintf(undone, sizeof(undone), ", %zu taken back", counts[STEP_UNDONE]);
	plain_say(plain, "run %" PRId64 " %s%s%s: %zu of %zu steps ok, %zu skipped, %zu failed%s",
		run->id, run_status_name(run->status),
		run->reason != NULL && run->reason[0] ? ", " : "",
		run->reason != NULL ? run->reason : "", counts[STEP_OK], run->step_count,
		counts[STEP_SKIPPED],
		counts[STEP_FAILED] + counts[STEP_STOPPED] + counts[STEP_INTERRUPTED] +
			counts[STEP_UNKNOWN],
		undone);
	for (size_t i = 0; i < run->service_count && !str_eq(run->mode, "probe"); i++) {
		summarise_rto(plain, &run->services[i]);
		summarise_rpo(plain, &run->services[i]);
	}
	plain_say(plain, "the report: drillbook report %" PRId64, run->id);
}
