/* forecast_bench.c: one recomputation of the forecast of a 200-step run, at its start, in its middle and with steps that
 * take longer than ever; and the one-time drawing from 64 earlier runs. */
#include "bench.h"

#include "drillbook/record.h"

enum { STEPS = 200, RUNS = 64, ROUNDS = 40 };

static uint64_t seed = 1;

static uint32_t dice(uint32_t sides)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % sides;
}

static void must(enum err_code code, const struct err *err)
{
	if (code != ERR_NONE)
		base_die("%s", err->text);
}

struct teller {
	struct run *run;
	int64_t pos, ms;
};

static void tell(struct teller *t, enum event_kind kind, json_t *payload)
{
	struct err err = { 0 };
	struct event event = { .chain = 1, .pos = t->pos++, .kind = kind, .wall = { t->ms * 1000000 },
		.mono = { t->ms * 1000000 }, .boot = "b", .actor = { .name = "op" }, .payload = payload };

	must(run_apply(t->run, &event, &err), &err);
	event_release(&event);
}

/* width 1: a row; otherwise each step needs up to three of those before it. */
static void begin(struct teller *t, int width)
{
	json_t *payload = json_object(), *steps = json_array(), *book = json_object();

	for (int i = 0; i < STEPS; i++) {
		json_t *row = json_object(), *needs = json_array();
		char id[16];
		snprintf(id, sizeof(id), "s%d", i);
		json_put_str(row, "id", id);
		json_put_str(row, "kind", "script");
		for (int k = 0; i >= width && k < (width == 1 ? 1 : 3); k++) {
			char need[16];
			snprintf(need, sizeof(need), "s%d", width == 1 ? i - 1 : i - width + (int)dice((uint32_t)width));
			json_array_append_new(needs, json_string(need));
		}
		json_put(row, "needs", needs);
		json_put_int(row, "expect_ms", 10000);
		if (i == STEPS - 1)
			json_put(row, "marks", json_pack("[{s:s, s:s}]", "service", "s", "reached", "verified"));
		json_array_append_new(steps, row);
	}
	json_put_str(book, "name", "book");
	json_put(payload, "runbook", book);
	json_put_str(payload, "mode", "drill");
	json_put(payload, "services", json_pack("[{s:s, s:i}]", "name", "s", "rto_ms", 3600000));
	json_put(payload, "steps", steps);
	*t = (struct teller){ .run = run_new(), .ms = 1000000 };
	tell(t, EVENT_RUN_STARTED, payload);
}

static json_t *history(void)
{
	json_t *all = json_object(), *runs = json_array(), *steps = json_object();

	for (int r = 0; r < RUNS; r++)
		json_array_append_new(runs, json_pack("{s:i, s:i, s:i}", "run", RUNS - r, "version", 1, "began_ns", 0));
	for (int i = 0; i < STEPS; i++) {
		json_t *passes = json_array();
		char id[16];
		for (int r = 0; r < RUNS; r++)
			json_array_append_new(passes, json_integer(5000 + dice(10000)));
		snprintf(id, sizeof(id), "s%d", i);
		json_put(steps, id, passes);
	}
	json_put(all, "runs", runs);
	json_put(all, "steps", steps);
	return all;
}

static void step_event(struct teller *t, enum event_kind kind, int step)
{
	char id[16];

	snprintf(id, sizeof(id), "s%d", step);
	tell(t, kind, json_pack("{s:s, s:i, s:s}", "step", id, "attempt", 1, "outcome", "ok"));
}

static void measure(const char *name, struct forecast *forecast, const struct run *run, int64_t now_ms)
{
	struct series series = { .name = name, .unit = "us" };

	for (int i = 0; i < ROUNDS; i++) {
		const double from = bench_now_us();
		forecast_project(forecast, run, (struct wall){ now_ms * 1000000 });
		series_add(&series, bench_now_us() - from);
	}
	series_print(&series, NULL);
}

static void graph(const char *shape, int width)
{
	struct teller t;
	json_t *past = history();
	struct series make = { .unit = "us" };
	char name[64];

	begin(&t, width);
	struct forecast *forecast = NULL;
	for (int i = 0; i < 10; i++) {
		forecast_free(forecast);
		const double from = bench_now_us();
		forecast = forecast_new(t.run, past, 8, 1);
		series_add(&make, bench_now_us() - from);
	}
	snprintf(name, sizeof(name), "%s: drawing, once per run", shape);
	make.name = name;
	series_print(&make, NULL);
	snprintf(name, sizeof(name), "%s: forecast at the start", shape);
	measure(name, forecast, t.run, t.ms);
	for (int i = 0; i < STEPS / 2; i++) {
		step_event(&t, EVENT_STEP_STARTED, i);
		t.ms += 9000;
		step_event(&t, EVENT_STEP_FINISHED, i);
	}
	for (int i = STEPS / 2; i < STEPS / 2 + 8; i++)
		step_event(&t, EVENT_STEP_STARTED, i);
	snprintf(name, sizeof(name), "%s: in the middle, 8 under way", shape);
	measure(name, forecast, t.run, t.ms + 5000);
	snprintf(name, sizeof(name), "%s: the same, longer than ever", shape);
	measure(name, forecast, t.run, t.ms + 60000);
	forecast_free(forecast);
	json_decref(past);
	run_free(t.run);
}

int main(void)
{
	printf("%d steps, %d earlier runs; a recomputation is to stay below 5000 us\n", STEPS, RUNS);
	graph("a row", 1);
	graph("40 in parallel", 40);
	return 0;
}
