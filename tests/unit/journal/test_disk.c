/* test_disk.c: what a dying disk may do to the journal (T3, T4).
 *
 * The same short story is written again and again, each time with the fault one operation later, until it gets through: so
 * every write, sync and truncation there is has been the unlucky one. */
#include "faulty.h"

#include "check.h"

#include <time.h>

enum { SEEDS = 3, SEEDS_CAMPAIGN = 40, STORIES = 24 };

struct story {
	int64_t notes;     /* acknowledged in run 1, its start not counted */
	bool started, kept, ended;
	enum err_code last;
	struct err err;
};

static enum err_code one(struct journal *journal, struct event event, struct err *err)
{
	const enum err_code code = journal_append(journal, &event, 1, err);

	event_release(&event);
	return code;
}

/* Opens, starts a run, writes notes (with checkpoints in between, so that the log wraps), keeps, ends, closes. */
static void tell_story(const char *dir, struct story *story)
{
	struct journal *journal;
	struct sha256 sha;
	int64_t epoch;

	*story = (struct story){0};
	story->last = journal_open(&journal, dir, JOURNAL_WRITE, &story->err);
	if (story->last != ERR_NONE)
		return;
	story->last = journal_new_epoch(journal, &epoch, &story->err);
	if (story->last == ERR_NONE)
		story->last = one(journal, run_started(1, "failover", "drill", 1, "p"), &story->err);
	story->started = story->last == ERR_NONE;
	for (int i = 0; i < STORIES && story->last == ERR_NONE; i++) {
		story->last = one(journal, event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "a note")), &story->err);
		story->notes += story->last == ERR_NONE;
	}
	if (story->last == ERR_NONE)
		story->last = journal_keep(journal, "kept", 4, &sha, &story->err);
	story->kept = story->last == ERR_NONE;
	if (story->last == ERR_NONE)
		story->last = one(journal, event_of(1, EVENT_RUN_ENDED, json_pack("{s:s}", "status", "done")), &story->err);
	story->ended = story->last == ERR_NONE;
	journal_close(journal);
}

/* What was acknowledged is there; the rest is whole; writing goes on. */
static bool holds(const char *dir, const struct story *story, char *why, size_t size)
{
	struct journal *journal;
	struct err err = {0};
	struct buf out;
	int64_t count = 0;
	const int64_t at_least = story->started + story->notes + story->ended;
	bool good = false;

	if (journal_open(&journal, dir, JOURNAL_WRITE, &err) != ERR_NONE) {
		snprintf(why, size, "%s", err.text);
		return false;
	}
	if (journal_events(journal, 1, 0, count_visit, &count, &err) != ERR_NONE)
		snprintf(why, size, "%s", err.text);
	else if (count < at_least || count > at_least + 1)
		snprintf(why, size, "%lld of %lld events are there", (long long)count, (long long)at_least);
	else if (story->kept && journal_kept(journal, sha256_of("kept", 4), &out, &err) != ERR_NONE)
		snprintf(why, size, "%s", err.text);
	else if (count > 0 && one(journal, event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "on")), &err) !=
				      ERR_NONE)
		snprintf(why, size, "%s", err.text);
	else
		good = true;
	if (good && story->kept)
		buf_release(&out);
	journal_close(journal);
	return good;
}

/* One cut at operation `at`; true when what is left holds.  *reached: the cut happened at all. */
static bool cut_at(int64_t at, uint64_t seed, bool *reached, char *why, size_t size)
{
	struct place before, after;
	struct story story;
	bool good;

	fast_place(&before);
	fast_place(&after);
	disk_reset(FAULT_CUT, at, seed * 1000003 + (uint64_t)at);
	faulty_install();
	tell_story(before.dir, &story);
	*reached = disk.cut;
	after_cut(after.dir);
	faulty_remove();
	good = holds(after.dir, &story, why, size);
	if (good && at % 16 == 0)
		verify_ok(after.dir);
	place_remove(&before);
	place_remove(&after);
	return good;
}

static int small_log(void **state)
{
	(void)state;
	journal_tuning.reserve_bytes = 4096;
	journal_tuning.wal_bytes = 64 * 1024;
	journal_tuning.checkpoint_frames = 12;
	journal_tuning.synchronous = "FULL";
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void power_cuts_lose_nothing(void **state)
{
	char why[800] = "";
	int64_t cuts = 0;
	const int64_t began = now_ms();

	(void)state;
	const uint64_t seeds = (uint64_t)times(SEEDS, SEEDS_CAMPAIGN);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		bool reached = true;
		for (int64_t at = 1; reached; at++) {
			if (!cut_at(at, seed, &reached, why, sizeof(why)))
				fail_msg("cut at operation %lld, seed %llu: %s", (long long)at, (unsigned long long)seed, why);
			cuts += reached;
		}
	}
	print_message("%lld power cuts in %lld ms, nothing lost\n", (long long)cuts, (long long)(now_ms() - began));
	assert_true(cuts > 150 * (int64_t)seeds);
}

/* The same with synchronous=NORMAL: if this lost nothing, the test above would show nothing. */
static void the_control_loses(void **state)
{
	char why[800] = "";
	int64_t lost = 0, cuts = 0;
	bool reached = true;

	(void)state;
	journal_tuning.synchronous = "NORMAL";
	for (int64_t at = 1; reached; at++) {
		lost += !cut_at(at, 1, &reached, why, sizeof(why));
		cuts += reached;
	}
	print_message("control: %lld of %lld cuts lost something\n", (long long)lost, (long long)cuts);
	assert_true(lost > 0);
}

/* ------------------------------------------------------------------ errors */

static void check_words(enum fault fault, const struct story *story, int64_t at)
{
	/* what the operator reads: full disks are called so, everything names the file */
	if (story->last == ERR_NONE)
		return;
	if (story->last != ERR_JOURNAL || strstr(story->err.text, "journal") == NULL)
		fail_msg("operation %lld: %s: %s", (long long)at, err_name(story->last), story->err.text);
	if ((fault == FAULT_FULL || fault == FAULT_FULL_ONCE) && strstr(story->err.text, "no space left") == NULL)
		fail_msg("operation %lld: %s", (long long)at, story->err.text);
}

static void errors_never_say_done(void **state)
{
	static const enum fault faults[] = {FAULT_IO_ONCE, FAULT_IO, FAULT_FULL_ONCE, FAULT_FULL};
	char why[800] = "";
	int64_t failures = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		bool reached = true;
		for (int64_t at = 1; reached; at++) {
			struct place place;
			struct story story;
			fast_place(&place);
			disk_reset(faults[i], at, 1);
			faulty_install();
			tell_story(place.dir, &story);
			reached = disk.count >= at;
			faulty_remove();
			check_words(faults[i], &story, at);
			failures += story.last != ERR_NONE;
			if (!holds(place.dir, &story, why, sizeof(why)))
				fail_msg("fault %d at operation %lld: %s", (int)faults[i], (long long)at, why);
			place_remove(&place);
		}
	}
	print_message("%lld stories ended in an error, none claimed more than was there\n", (long long)failures);
	assert_true(failures > 100);
}

/* After a failure the same journal, still open, goes on: nothing half-done stays in its head. */
static void it_goes_on_after_one_error(void **state)
{
	int64_t at = 1;
	bool reached = true;

	(void)state;
	for (; reached; at++) {
		struct place place;
		struct err err = {0};
		int64_t acknowledged = 1, failed = 0;
		fast_place(&place);
		disk_reset(FAULT_NONE, 0, 1);
		faulty_install();
		struct journal *journal = open_ok(place.dir, JOURNAL_WRITE);
		append_ok(journal, run_started(1, "failover", "drill", 1, "p"));
		disk.fault = at % 2 ? FAULT_IO_ONCE : FAULT_FULL_ONCE;
		disk.count = 0;
		disk.at = at;
		for (int i = 0; i < STORIES; i++) {
			const enum err_code code =
				one(journal, event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "a note")), &err);
			acknowledged += code == ERR_NONE;
			failed += code != ERR_NONE;
		}
		reached = disk.count >= at;
		assert_true(failed <= 1);
		assert_int_equal(events_in(journal, 1), acknowledged);
		journal_close(journal);
		faulty_remove();
		if (at % 8 == 0)
			verify_ok(place.dir);
		place_remove(&place);
	}
	assert_true(at > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(power_cuts_lose_nothing, small_log),
		cmocka_unit_test_setup(the_control_loses, small_log),
		cmocka_unit_test_setup(errors_never_say_done, small_log),
		cmocka_unit_test_setup(it_goes_on_after_one_error, small_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
