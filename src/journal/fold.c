/* fold.c: a run being folded for its rows: the state of the record room plus what only the
 * events' own stamps tell (how long each attempt took, by the clock that suspend and NTP do not
 * touch). */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Events after which the run's row reads otherwise; the hot ones (reads, intents, results,
 * steps) are not here, so that they cost one page of the log each. */
static const bool changes_row[EVENT_COUNT] = {
	[EVENT_RUN_STARTED] = true,
	[EVENT_RUN_RESUMED] = true,
	[EVENT_RUN_ABORTING] = true,
	[EVENT_RUN_ENDED] = true,
	[EVENT_LEAD_TAKEN] = true,
	[EVENT_CLOCK_SET] = true,
	[EVENT_SERVICE_MARKED] = true,
	[EVENT_RECOVERY_MEASURED] = true,
	[EVENT_OP_UNKNOWN] = true,
	[EVENT_OP_SETTLED] = true,
};

struct folded *folded_new(void)
{
	struct folded *folded = xmalloc(sizeof(*folded));

	folded->run = run_new();
	return folded;
}

void folded_free(struct folded *folded)
{
	if (folded == NULL)
		return;
	run_free(folded->run);
	free(folded->attempts);
	free(folded->firsts);
	free(folded);
}

static int64_t elapsed_ms(const char *from_boot, int64_t from_mono_ns, struct wall from,
	const struct event *event, struct wall at)
{
	if (from.ns == 0)
		return 0;
	if (strcmp(from_boot, event->boot) == 0)
		return (event->mono.ns - from_mono_ns) / 1000000;
	return (at.ns - from.ns) / 1000000;
}

static void note_attempt(struct folded *folded, size_t index, const struct event *event)
{
	const struct step *step = &folded->run->steps[index];
	const struct first_start *first = &folded->firsts[index];
	const struct wall at = run_now(folded->run, event->wall);

	if (folded->attempt_count == folded->attempt_cap) {
		folded->attempt_cap = folded->attempt_cap ? folded->attempt_cap * 2 : 16;
		folded->attempts = xrealloc(
			folded->attempts, folded->attempt_cap * sizeof(*folded->attempts));
	}
	folded->attempts[folded->attempt_count++] = (struct attempt){
		.step = index,
		.number = json_int(event->payload, "attempt", step->attempt),
		.duration_ms = elapsed_ms(
			step->started_boot, step->started_mono.ns, step->started, event, at),
		.whole_ms = elapsed_ms(first->boot, first->mono_ns, first->wall, event, at),
		.outcome = step->state,
		.started = step->started,
		.ended = at,
		.error_code = step->error_code,
	};
}

static void observe(struct folded *folded, const struct event *event)
{
	struct run *run = folded->run;
	const struct step *step = run_step(run, json_str(event->payload, "step", NULL));
	const bool operation = event->kind >= EVENT_OP_READ && event->kind <= EVENT_OP_SETTLED;

	if (event->kind == EVENT_RUN_STARTED)
		folded->firsts = xmalloc((run->step_count + 1) * sizeof(*folded->firsts));
	if ((event->kind == EVENT_STEP_STARTED || event->kind == EVENT_STEP_ASKED) &&
		step != NULL) {
		struct first_start *first = &folded->firsts[step - run->steps];
		if (first->boot[0] == '\0') {
			first->mono_ns = event->mono.ns;
			first->wall = run_now(run, event->wall);
			memcpy(first->boot, event->boot, sizeof(first->boot));
		}
	}
	/* what taking back took says nothing about how long the step takes */
	if (event->kind == EVENT_STEP_FINISHED && step != NULL && !step->undoing)
		note_attempt(folded, (size_t)(step - run->steps), event);
	if (changes_row[event->kind] || run->ask_count != folded->asks ||
		(operation && folded->unknown > 0) ||
		(event->kind == EVENT_OP_RESULT && !json_flag(event->payload, "ok", false)))
		folded->dirty = true;
}

enum err_code folded_apply(struct folded *folded, const struct event *event, struct err *err)
{
	if (run_apply(folded->run, event, err) != ERR_NONE)
		return err_context(err, "run %lld", (long long)event->chain);
	observe(folded, event);
	return ERR_NONE;
}

static enum err_code fold_visit(void *arg, const struct event *event, struct err *err)
{
	return folded_apply(arg, event, err);
}

static enum err_code fold_chain(struct journal *journal, sqlite3 *db, int64_t chain,
	struct folded **out, struct err *err)
{
	struct folded *folded = folded_new();
	const enum err_code code = events_visit(journal, db, chain, 0, fold_visit, folded, err);

	*out = NULL;
	if (code != ERR_NONE || folded->run->next_pos == 0) {
		folded_free(folded);
		return code;
	}
	*out = folded;
	return ERR_NONE;
}

enum err_code folded_load(
	struct journal *journal, int64_t chain, struct folded **out, struct err *err)
{
	TRY(fold_chain(journal, journal->db, chain, out, err));
	if (*out != NULL) {
		(*out)->dirty = false;
		(*out)->asks = (*out)->run->ask_count;
		(*out)->unknown = run_unknown_count((*out)->run);
	}
	return ERR_NONE;
}

enum err_code journal_run(
	struct journal *journal, int64_t run, struct run **out, struct err *err)
{
	struct folded *folded = NULL;
	enum err_code code;

	if (run < 1 || run > CHAIN_MAX)
		return err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)run);
	pthread_mutex_lock(&journal->read_lock);
	code = fold_chain(journal, journal->reader, run, &folded, err);
	pthread_mutex_unlock(&journal->read_lock);
	if (code == ERR_NONE && folded == NULL)
		code = err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)run);
	if (code == ERR_NONE) {
		*out = folded->run;
		folded->run = run_new(); /* folded_free wants one */
		folded_free(folded);
	}
	return code;
}

enum err_code journal_events(struct journal *journal, int64_t chain, int64_t from,
	enum err_code (*visit)(void *arg, const struct event *event, struct err *err),
	void *arg, struct err *err)
{
	pthread_mutex_lock(&journal->read_lock);
	const enum err_code code =
		events_visit(journal, journal->reader, chain, from, visit, arg, err);
	pthread_mutex_unlock(&journal->read_lock);
	return code;
}
