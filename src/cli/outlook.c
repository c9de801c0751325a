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

static void print_service(const json_t *row, int64_t runs, const char *mode)
{
	const int64_t miss = json_int(row, "miss_per_mille", -1);
	char p50[32], p90[32];

	printf("  %s is back after %s, nine times in ten within %s", json_str(row, "service", ""),
		format_duration(p50, sizeof(p50), json_int(row, "p50_ms", 0) / 1000 * 1000),
		format_duration(p90, sizeof(p90), json_int(row, "p90_ms", 0) / 1000 * 1000));
	if (miss >= 0)
		printf("; RTO missed in %lld of 1000 cases", (long long)miss);
	if (runs > 0)
		printf(" (%lld earlier %s %s)\n", (long long)runs, mode, runs == 1 ? "run" : "runs");
	else
		puts(" (as the author expects)");
}

json_t *cli_outlook(const struct args *args, json_t *plan)
{
	struct run *run = imagined_run(plan);

	if (run == NULL)
		return NULL;
	json_t *history = history_of(args, run);
	struct forecast *forecast = forecast_new(run, history, PARALLEL_STEPS, 1);
	json_t *outlook = projection_to_json(forecast_project(forecast, run, run->began), run);
	forecast_free(forecast);
	json_decref(history);
	run_free(run);
	return outlook;
}

void print_outlook(const struct args *args, json_t *plan)
{
	json_t *outlook = cli_outlook(args, plan);
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(outlook, "services"), i, row)
		print_service(row, json_int(outlook, "runs", 0), json_str(plan, "mode", ""));
	json_decref(outlook);
}
