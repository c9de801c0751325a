/* test_memory.c: the loader with every amount of memory it could be given (T5): each allocation is the one that
 * fails, once.  It must say so, or manage without; never crash, and leave nothing behind (the sanitizers look). */
#include "check.h"

#include "yaml.h"

#include <string.h>

static const char document[] = "runbook: Recover the shop\nversion: 1\nsteps:\n  - id: one\n    run: |\n      log(\"a\")\n      "
			       "return {n = 1}\n  - {id: two, manual: \"Do it.\", needs: [one], checklist: [a, b, \"c\\u00e4\"]}\n";

static void every_amount_of_memory(void **state)
{
	static const struct yaml_limits limits = {1U << 20, 10000, 32};
	size_t whole = 0;
	int refused_loads = 0, tries = 0;

	(void)state;
	for (size_t bytes = 16; whole == 0; bytes += 16, tries++) {
		struct problems problems;
		struct arena arena;
		assert_true(bytes < 1 << 20);
		problems_init(&problems);
		arena_init(&arena, bytes);
		const struct node *root = yaml_load(&arena, "m.yaml", document, strlen(document), &limits, &problems);
		if (root != NULL && problems.count == 0)
			whole = bytes;
		else
			refused_loads++;
		assert_true(root != NULL || problems.count > 0); /* it is said */
		problems_release(&problems);
		arena_release(&arena);
	}
	assert_true(refused_loads > 5);
	print_message("%d allocations of different sizes, %d of them refused with a message\n", tries, refused_loads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_amount_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
