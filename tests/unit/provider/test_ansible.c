/* test_ansible.c: what a run of a playbook that ended means. */
#include "ansible.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
	bool ended;
	int hosts, failed, unreachable, touched, status;
	enum err_code code;
	enum world world;
};

static void test_judge(void **state)
{
	static const struct row rows[] = {
		/* all went well */
		{ true, 2, 0, 0, 3, 0, ERR_NONE, WORLD_UNCHANGED },
		/* a task failed: it, or one before it, may have changed something */
		{ true, 2, 1, 0, 3, 2, ERR_FAILED, WORLD_UNKNOWN },
		/* only gathered facts, then failed */
		{ true, 1, 1, 0, 0, 2, ERR_FAILED, WORLD_UNCHANGED },
		/* nobody was reached; one of two was */
		{ true, 2, 0, 2, 0, 4, ERR_UNREACHABLE, WORLD_UNCHANGED },
		{ true, 2, 0, 1, 2, 4, ERR_UNREACHABLE, WORLD_UNKNOWN },
		/* the worse of both is told */
		{ true, 3, 1, 1, 2, 4, ERR_FAILED, WORLD_UNKNOWN },
		/* no host in the pattern */
		{ true, 0, 0, 0, 0, 0, ERR_PRECONDITION, WORLD_UNCHANGED },
		/* 4 without a last event: it could not be parsed */
		{ false, 0, 0, 0, 0, 4, ERR_FAILED, WORLD_UNCHANGED },
		{ false, 0, 0, 0, 1, 250, ERR_FAILED, WORLD_UNKNOWN },
		/* a status nobody explains is no success */
		{ true, 1, 0, 0, 1, 250, ERR_FAILED, WORLD_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *r = &rows[i];
		struct err err = { 0 };
		struct ansible_play play = { .ended = r->ended,
			.hosts = json_object(),
			.failed = r->failed,
			.unreachable = r->unreachable,
			.touched = r->touched,
			.status = r->status };

		for (int h = 0; h < r->hosts; h++) {
			char name[16];

			snprintf(name, sizeof(name), "web%d", h);
			json_put(play.hosts, name, json_object());
		}
		if (ansible_judge(&play, &err) != r->code || err.world != r->world)
			fail_msg("row %zu: %s, %s", i, err_name(err.code),
				world_name(err.world));
		ansible_play_release(&play);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_judge) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
