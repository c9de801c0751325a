/* fuzz_events.c: lines of either socket as messages, as events, and as a run folded from them. */
#include "drillbook/record.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_line(struct run *run, const char *line, size_t len)
{
	struct err err = {0};
	struct event event;
	json_t *message;

	if (json_parse(line, len, &message, &err) != ERR_NONE)
		return;
	json_t *body = json_object_get(message, "event");
	if (event_from_json(body != NULL ? body : message, &event, &err) == ERR_NONE) {
		if (run_apply(run, &event, &err) == ERR_NONE) {
			for (size_t i = 0; i < run->step_count; i++)
				run_step_ready(run, i);
			run_finished(run);
			run_debris(run);
		}
		event_release(&event);
	}
	json_decref(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct run *run = run_new();

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const size_t len = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);
		one_line(run, at, len);
		at += len + (newline != NULL);
	}
	for (size_t i = 0; i < run->service_count; i++) {
		int64_t sums[TIME_KINDS];
		run_partition(run, &run->services[i], sums, NULL, 0, NULL);
	}
	run_free(run);
	return 0;
}
