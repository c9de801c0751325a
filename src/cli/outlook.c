/* outlook.c: how long a plan would take, by what earlier runs say (docs/forecast.md). */
#include "plan_text.h"

#include "drillbook/engine.h"
#include "drillbook/journal.h"
#include "drillbook/record.h"

/* The plan as a run that begins now and has not been recorded. */
static struct run *imagined_run(json_t *plan)
{
	struct run *run = run_new();
	struct err err = { 0 };
	struct event event = {
		.chain = INT32_MAX, .kind = EVENT_RUN_STARTED, .wall = wall_now(), .payload = plan
	};

	if (run_apply(run, &event, &err) == ERR_NONE)
		return run;
	run_free(run);
	return NULL;
}

/* NULL when nothing has been recorded yet, or nobody can read it. */
static json_t *history_of(const struct args *args, const struct run *run)
{
	struct journal *journal;
	struct err err = { 0 };
	json_t *history = NULL;

	if (cli_journal(args, &journal, &err) != ERR_NONE)
		return NULL;
	if (journal_passes(journal, run, &history, &err) != ERR_NONE)
		history = NULL;
	journal_close(journal);
	return history;
}

static void print_service(const struct run *run, const struct projection *projection, size_t at)
{
	const struct service_forecast *service = &projection->services[at];
	char p50[32], p90[32];

	if (!service->known)
		return;
	printf("  %s is back after %s, nine times in ten within %s", run->services[at].name,
		format_duration(p50, sizeof(p50), service->p50_ms / 1000 * 1000),
		format_duration(p90, sizeof(p90), service->p90_ms / 1000 * 1000));
	if (service->miss_per_mille >= 0)
		printf("; RTO missed in %lld of 1000 cases", (long long)service->miss_per_mille);
	if (projection->runs > 0)
		printf(" (%lld earlier %s %s)\n", (long long)projection->runs, run->mode,
			projection->runs == 1 ? "run" : "runs");
	else
		puts(" (as the author expects)");
}

void print_outlook(const struct args *args, json_t *plan)
{
	struct run *run = imagined_run(plan);

	if (run == NULL)
		return;
	json_t *history = history_of(args, run);
	struct forecast *forecast = forecast_new(run, history, PARALLEL_STEPS, 1);
	const struct projection *projection = forecast_project(forecast, run, run->began);
	for (size_t i = 0; i < projection->service_count; i++)
		print_service(run, projection, i);
	forecast_free(forecast);
	json_decref(history);
	run_free(run);
}
