/* forecast_json.c: the words of a forecast and its form on the wire (docs/protocol.md). */
#include "drillbook/record.h"

const char *forecast_word(const struct service_clock *clock, bool known, int64_t miss_per_mille)
{
	if (!known || miss_per_mille < 0 || clock->stopped || clock->left_ms < 0)
		return clock->word;
	return miss_per_mille <= 100 ? "on track" : miss_per_mille <= 500 ? "tight" : "over";
}

enum { CRITICAL_TOLD = 64, CRITICAL_LEAST = 10 };

static json_t *critical_json(const struct run *run, const struct service_forecast *service)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < run->step_count && json_array_size(rows) < CRITICAL_TOLD; i++) {
		if (service->critical_per_mille[i] < CRITICAL_LEAST)
			continue;
		json_t *row = json_object();
		json_put_str(row, "step", run->steps[i].id);
		json_put_int(row, "per_mille", service->critical_per_mille[i]);
		json_array_append_new(rows, row);
	}
	return rows;
}

json_t *projection_to_json(const struct projection *projection, const struct run *run)
{
	json_t *json = json_object(), *services = json_array(), *steps = json_array();

	json_put_int(json, "run", run->id);
	json_put_int(json, "at_ns", projection->at.ns);
	json_put_int(json, "runs", projection->runs);
	for (size_t i = 0; i < projection->service_count; i++) {
		const struct service_forecast *service = &projection->services[i];
		json_t *row = json_object();
		if (!service->known) {
			json_decref(row);
			continue;
		}
		json_put_str(row, "service", run->services[i].name);
		json_put_int(row, "p50_ms", service->p50_ms);
		json_put_int(row, "p90_ms", service->p90_ms);
		json_put_int(row, "miss_per_mille", service->miss_per_mille);
		json_put_int(row, "guessed", service->guessed);
		json_put(row, "critical", critical_json(run, service));
		json_array_append_new(services, row);
	}
	for (size_t i = 0; i < projection->step_count; i++) {
		if (projection->steps[i].p50_ms < 0)
			continue;
		json_t *row = json_object();
		json_put_str(row, "step", run->steps[i].id);
		json_put_int(row, "p50_ms", projection->steps[i].p50_ms);
		json_put_int(row, "p90_ms", projection->steps[i].p90_ms);
		json_array_append_new(steps, row);
	}
	json_put(json, "services", services);
	json_put(json, "steps", steps);
	return json;
}
