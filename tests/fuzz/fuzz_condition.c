/* fuzz_condition.c: conditions as they come in a plan; first line the condition, second the outputs. */
#include "drillbook/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *newline = memchr(data, '\n', size);
	const size_t first = newline != NULL ? (size_t)(newline - (const char *)data) : size;
	json_t *condition = NULL, *outputs = NULL;
	struct err err = {0};
	char text[200];
	bool holds;

	if (json_parse((const char *)data, first, &condition, &err) == ERR_NONE) {
		if (newline != NULL && json_parse(newline + 1, size - first - 1, &outputs, &err) != ERR_NONE)
			outputs = NULL;
		const struct condition_world world = {.mode = "drill", .outputs = outputs, .value = outputs};
		if (condition_holds(condition, &world, &holds, &err) == ERR_NONE)
			condition_text(condition, text, sizeof(text));
		condition_matches(condition);
	}
	json_decref(condition);
	json_decref(outputs);
	return 0;
}
