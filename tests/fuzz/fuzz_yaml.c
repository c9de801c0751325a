/* fuzz_yaml.c: the loader of every file of a workspace. */
#include "../../src/book/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct yaml_limits limits = {1U << 20, 10000, 32};
	struct problems problems;
	struct arena arena;

	problems_init(&problems);
	arena_init(&arena, 8 << 20);
	const struct node *root = yaml_load(&arena, "fuzz.yaml", (const char *)data, size, &limits, &problems);
	if (root != NULL)
		json_decref(node_json(root));
	problems_release(&problems);
	arena_release(&arena);
	return 0;
}
