/* test_crash.c: SIGKILL before and after every commit (T1, T2).
 *
 * A child writes a run of every kind of event there is, telling its parent through a pipe what was acknowledged; it is
 * killed at commit N, for every N, on both sides of the commit; then by lot, at any instant.  What was acknowledged must be
 * there, at most the one batch in flight may be there as well, and the journal must go on. */
#include "sample.h"

#include "check.h"

#include <signal.h>
#include <sys/wait.h>

/* The story, one batch per row; each is told with its number once it is on disk. */
static json_t *payload_of(enum event_kind kind)
{
	switch (kind) {
	case EVENT_RUN_STARTED:
		return started_payload("failover", "drill", 3, "p");
	case EVENT_RUN_SEALED:
		return json_pack("{s:i}", "run", 1);
	case EVENT_RUN_ENDED:
		return json_pack("{s:s}", "status", "done");
	case EVENT_CLOCK_SET:
		return json_pack("{s:s, s:i}", "clock", "t1", "at_ns", 5);
	case EVENT_STEP_ASKED:
	case EVENT_STEP_APPROVED:
	case EVENT_STEP_ANSWERED:
		return step_payload(0, 1, "{s:i, s:s, s:s}", "ask", 1, "kind", "confirm", "answer", "yes");
	case EVENT_STEP_FINISHED:
		return step_payload(0, 1, "{s:s}", "outcome", "ok");
	case EVENT_OP_INTENT:
		return intent(1, 0, 1, 1);
	case EVENT_OP_RESULT:
		return result(1, 0, 1, 1, true);
	case EVENT_SERVICE_MARKED:
		return json_pack("{s:s, s:s}", "service", "orders", "reached", "restored");
	case EVENT_RECOVERY_MEASURED:
		return json_pack("{s:s, s:i}", "service", "orders", "lost", 0);
	default:
		return step_payload(0, 1, "{s:i, s:s, s:s, s:s, s:i}", "ordinal", kind == EVENT_OP_READ ? 0 : 1, "phase", "run",
			"verdict", "done", "who", "op1", "epoch", 1);
	}
}

/* All kinds, in the table's order (which is an order that can happen), run.ended and its seal moved to the end: a new kind
 * in the table is in the story by itself. */
static size_t story(enum event_kind kinds[EVENT_COUNT])
{
	size_t count = 0;

	for (size_t kind = 0; kind < EVENT_COUNT; kind++)
		if (kind != EVENT_RUN_ENDED && kind != EVENT_RUN_SEALED)
			kinds[count++] = (enum event_kind)kind;
	kinds[count++] = EVENT_RUN_ENDED;
	kinds[count++] = EVENT_RUN_SEALED;
	return count;
}

static _Noreturn void child_main(const char *dir, int tell, const char *failpoint)
{
	enum event_kind kinds[EVENT_COUNT];
	const size_t count = story(kinds);
	struct journal *journal;
	struct journal_writer *writer;
	struct err err = {0};

	setenv("DRILLBOOK_FAILPOINT", failpoint, 1);
	if (journal_open(&journal, dir, JOURNAL_WRITE, &err) != ERR_NONE ||
		journal_writer_new(&writer, journal, NULL, NULL, &err) != ERR_NONE)
		_exit(1);
	for (size_t i = 0; i < count; i++) {
		struct event event = event_of(event_kinds[kinds[i]].ledger ? 0 : 1, kinds[i], payload_of(kinds[i]));
		struct journal_done done;
		journal_submit(writer, &event, 1, NULL, JOURNAL_NOW, NULL);
		while (!journal_collect(writer, &done))
			sched_yield();
		if (done.code != ERR_NONE) {
			dprintf(2, "%s: %s\n", event_kinds[kinds[i]].name, done.err.text);
			_exit(2);
		}
		if (write(tell, "x", 1) != 1)
			_exit(3);
		journal_done_free(&done);
	}
	_exit(0);
}

/* Runs the story in a child; how many batches it was told of; *status as waitpid gives it. */
static int64_t told(const char *dir, const char *failpoint, int *status, int64_t kill_after_us)
{
	int ends[2];
	int64_t count = 0;
	char byte;

	assert_int_equal(pipe(ends), 0);
	const pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		child_main(dir, ends[1], failpoint);
	}
	close(ends[1]);
	if (kill_after_us >= 0) {
		usleep((useconds_t)kill_after_us); /* not a wait for something: the instant of death, by lot */
		kill(child, SIGKILL);
	}
	while (read(ends[0], &byte, 1) == 1)
		count++;
	close(ends[0]);
	assert_int_equal(waitpid(child, status, 0), child);
	return count;
}

static void holds(const char *dir, int64_t acknowledged, const char *when)
{
	struct err err = {0};
	struct journal *journal = open_ok(dir, JOURNAL_WRITE);
	const int64_t there = events_in(journal, 0) + events_in(journal, 1);
	char *before, *after;

	if (there < acknowledged || there > acknowledged + 1)
		fail_msg("%s: %lld events were acknowledged, %lld are there", when, (long long)acknowledged, (long long)there);
	before = dump_projections(dir);
	assert_ok(journal_rebuild(journal, &err), err);
	after = dump_projections(dir);
	assert_string_equal(before, after);
	free(before);
	free(after);
	append_ok(journal, event_of(0, EVENT_SERVER_STARTED, json_pack("{s:i}", "epoch", 2)));
	if (events_in(journal, 1) > 0)
		append_ok(journal, event_of(1, EVENT_RUN_RESUMED, json_pack("{s:i}", "epoch", 2)));
	journal_close(journal);
}

static void killed_at_every_commit(void **state)
{
	static const char *const points[] = {"journal.before-commit", "journal.after-commit"};
	int64_t kills = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(points); i++) {
		for (int n = 1;; n++) {
			struct place place;
			char failpoint[64];
			int status;
			fast_place(&place);
			snprintf(failpoint, sizeof(failpoint), "%s:%d", points[i], n);
			const int64_t count = told(place.dir, failpoint, &status, -1);
			holds(place.dir, count, failpoint);
			if (n % 5 == 0 || WIFEXITED(status)) /* the whole story: every kind there is */
				verify_ok(place.dir);
			place_remove(&place);
			if (WIFEXITED(status)) {
				assert_int_equal(WEXITSTATUS(status), 0);
				assert_int_equal(n, EVENT_COUNT + 1); /* every transition was the last one once */
				break;
			}
			assert_int_equal(WTERMSIG(status), SIGKILL);
			assert_int_equal(count, n - 1);
			kills++;
		}
	}
	assert_int_equal(kills, 2 * EVENT_COUNT);
	print_message("%lld kills, one before and one after each of the %d kinds of event\n", (long long)kills, EVENT_COUNT);
}

static void killed_at_every_kind(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < EVENT_COUNT; kind++) {
		struct place place;
		char failpoint[96];
		int status;
		fast_place(&place);
		snprintf(failpoint, sizeof(failpoint), "journal.after-commit:%s:1", event_kinds[kind].name);
		const int64_t count = told(place.dir, failpoint, &status, -1);
		assert_true(WIFSIGNALED(status));
		holds(place.dir, count, failpoint);
		place_remove(&place);
	}
}

static void killed_at_any_instant(void **state)
{
	uint64_t lot = 20261122;

	(void)state;
	const int rounds = times(100, 3000);
	for (int i = 0; i < rounds; i++) {
		struct place place;
		int status;
		char when[64];
		lot = lot * 6364136223846793005ULL + 1442695040888963407ULL;
		const int64_t us = (int64_t)((lot >> 33) % 20000);
		fast_place(&place);
		snprintf(when, sizeof(when), "after %lld us", (long long)us);
		const int64_t count = told(place.dir, "none", &status, us);
		holds(place.dir, count, when);
		place_remove(&place);
	}
	print_message("%d kills at random moments, no acknowledged event lost\n", rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_every_commit),
		cmocka_unit_test(killed_at_every_kind),
		cmocka_unit_test(killed_at_any_instant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
