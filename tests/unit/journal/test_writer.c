/* test_writer.c: the thread: order, company, urgency, failure. */
#include "faulty.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

struct scene {
	struct place place;
	struct journal *journal;
	struct journal_writer *writer;
	int bell; /* eventfd: one count per wake */
};

static void ring(void *arg)
{
	const uint64_t one = 1;

	if (write(((struct scene *)arg)->bell, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void scene_open(struct scene *scene)
{
	struct err err = {0};

	place_make(&scene->place);
	scene->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	scene->journal = open_ok(scene->place.dir, JOURNAL_WRITE);
	append_ok(scene->journal, run_started(1, "failover", "drill", 2, "p"));
	assert_ok(journal_writer_new(&scene->writer, scene->journal, ring, scene, &err), err);
}

static void scene_close(struct scene *scene)
{
	journal_writer_free(scene->writer);
	journal_close(scene->journal);
	close(scene->bell);
	verify_ok(scene->place.dir);
	place_remove(&scene->place);
}

/* The next finished batch; a test that waits 10 s has failed. */
static struct journal_done next(struct scene *scene)
{
	struct journal_done done;

	while (!journal_collect(scene->writer, &done)) {
		struct pollfd bell = {.fd = scene->bell, .events = POLLIN};
		uint64_t count;
		if (poll(&bell, 1, 10000) != 1)
			fail_msg("no commit within 10 s");
		if (read(scene->bell, &count, sizeof(count)) < 0)
			fail_msg("the bell is broken");
	}
	return done;
}

static void submit_note(struct scene *scene, int64_t number, enum journal_urgency urgency)
{
	const struct event event = event_of(1, EVENT_NOTE_ADDED, json_pack("{s:I}", "number", (json_int_t)number));

	journal_submit(scene->writer, &event, 1, NULL, urgency, (void *)(intptr_t)number);
}

/* Keeps the writer waiting, as a slow disk would, until release(). */
static void hold(struct scene *scene)
{
	pthread_mutex_lock(&scene->journal->write_lock);
}
static void release(struct scene *scene)
{
	pthread_mutex_unlock(&scene->journal->write_lock);
}

static void order_is_kept(void **state)
{
	struct scene scene;
	int64_t pos = 1;

	(void)state;
	scene_open(&scene);
	for (int64_t i = 1; i <= 500; i++)
		submit_note(&scene, i, i % 7 ? JOURNAL_SOON : JOURNAL_NOW);
	for (int64_t i = 1; i <= 500; i++) {
		struct journal_done done = next(&scene);
		assert_int_equal(done.code, ERR_NONE);
		assert_int_equal((intptr_t)done.token, i);
		assert_int_equal(done.count, 1);
		assert_int_equal(done.events[0].pos, pos++);
		assert_int_equal(json_int(done.events[0].payload, "number", 0), i);
		journal_done_free(&done);
	}
	scene_close(&scene);
}

static void those_that_wait_share_a_commit(void **state)
{
	struct scene scene;
	int64_t commits, events;

	(void)state;
	scene_open(&scene);
	hold(&scene);
	submit_note(&scene, 1, JOURNAL_NOW); /* the writer takes this one and finds the door closed */
	while (writer_queued(scene.writer) > 0)
		sched_yield();
	for (int64_t i = 2; i <= 100; i++)
		submit_note(&scene, i, JOURNAL_NOW);
	release(&scene);
	for (int64_t i = 1; i <= 100; i++) {
		struct journal_done done = next(&scene);
		assert_int_equal(done.code, ERR_NONE);
		journal_done_free(&done);
	}
	journal_writer_counts(scene.writer, &commits, &events);
	assert_int_equal(events, 100);
	assert_int_equal(commits, 2);
	scene_close(&scene);
}

static void soon_waits_for_company_and_now_does_not(void **state)
{
	struct scene scene;
	struct journal_done done;
	int64_t commits, events;

	(void)state;
	journal_tuning.soon_ns = 3600 * (int64_t)1000000000; /* only company can start it */
	scene_open(&scene);
	submit_note(&scene, 1, JOURNAL_SOON);
	submit_note(&scene, 2, JOURNAL_SOON);
	struct pollfd bell = {.fd = scene.bell, .events = POLLIN};
	assert_int_equal(poll(&bell, 1, 50), 0);
	submit_note(&scene, 3, JOURNAL_NOW);
	for (int i = 1; i <= 3; i++) {
		done = next(&scene);
		assert_int_equal((intptr_t)done.token, i);
		journal_done_free(&done);
	}
	journal_writer_counts(scene.writer, &commits, &events);
	assert_int_equal(commits, 1);
	assert_int_equal(events, 3);
	submit_note(&scene, 4, JOURNAL_SOON);
	scene_close(&scene); /* the end is company too */
	journal_tuning.soon_ns = 2000000;
	scene_open(&scene);
	submit_note(&scene, 1, JOURNAL_SOON); /* and without company it goes after 2 ms */
	done = next(&scene);
	assert_int_equal(done.code, ERR_NONE);
	journal_done_free(&done);
	scene_close(&scene);
}

static void the_end_commits_what_is_queued(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	for (int64_t i = 1; i <= 300; i++)
		submit_note(&scene, i, JOURNAL_SOON);
	journal_writer_free(scene.writer);
	scene.writer = NULL;
	assert_int_equal(events_in(scene.journal, 1), 301);
	scene_close(&scene);
}

static void a_refused_batch_fails_alone(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	hold(&scene);
	for (int64_t i = 1; i <= 9; i++) {
		if (i % 3 != 0) {
			submit_note(&scene, i, JOURNAL_NOW);
			continue;
		}
		const struct event bad[2] = {event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "must not stay")),
			event_of(1, EVENT_STEP_STARTED, step_payload(7, 1, NULL))};
		journal_submit(scene.writer, bad, 2, NULL, JOURNAL_NOW, (void *)(intptr_t)i);
	}
	release(&scene);
	for (int64_t i = 1; i <= 9; i++) {
		struct journal_done done = next(&scene);
		assert_int_equal((intptr_t)done.token, i);
		assert_int_equal(done.code, i % 3 ? ERR_NONE : ERR_PROTOCOL);
		if (i % 3 == 0)
			assert_non_null(strstr(done.err.text, "step7"));
		journal_done_free(&done);
	}
	assert_int_equal(events_in(scene.journal, 1), 1 + 6);
	scene_close(&scene);
}

static void bytes_are_kept_with_their_events(void **state)
{
	struct scene scene;
	struct err err = {0};
	struct buf out;
	char hex[SHA256_HEX];
	char *base64 = base64_encode("the plan", 8);
	const struct sha256 sha = sha256_of("the plan", 8);
	struct event event = run_started(2, "failover", "drill", 1, sha256_hex(sha, hex));

	(void)state;
	scene_open(&scene);
	journal_submit(scene.writer, &event, 1, json_pack("[{s:s, s:s}]", "sha256", hex, "base64", base64), JOURNAL_NOW,
		NULL);
	struct journal_done done = next(&scene);
	assert_int_equal(done.code, ERR_NONE);
	journal_done_free(&done);
	assert_ok(journal_kept(scene.journal, sha, &out, &err), err);
	assert_string_equal(out.data, "the plan");
	buf_release(&out);
	/* bytes that are not those of their digest take their events down with them */
	event = event_of(2, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "x"));
	hex[0] = hex[0] == '0' ? '1' : '0';
	journal_submit(scene.writer, &event, 1, json_pack("[{s:s, s:s}]", "sha256", hex, "base64", base64), JOURNAL_NOW,
		NULL);
	done = next(&scene);
	assert_int_equal(done.code, ERR_PROTOCOL);
	journal_done_free(&done);
	assert_int_equal(events_in(scene.journal, 2), 1);
	free(base64);
	scene_close(&scene);
}

/* The disk fills up: this commit and all behind it fail, in order and with the reason; what comes later is tried. */
static void a_failed_commit_takes_the_queue_with_it(void **state)
{
	struct scene scene;

	(void)state;
	disk_reset(FAULT_NONE, 0, 1);
	faulty_install();
	scene_open(&scene);
	hold(&scene);
	submit_note(&scene, 1, JOURNAL_NOW);
	while (writer_queued(scene.writer) > 0) /* the thread has taken it and stands before the door */
		sched_yield();
	submit_note(&scene, 2, JOURNAL_NOW);
	disk.fault = FAULT_FULL_ONCE; /* the second could be written, but must not be */
	disk.count = 0;
	disk.at = 1;
	release(&scene);
	for (int64_t i = 1; i <= 2; i++) {
		struct journal_done done = next(&scene);
		assert_int_equal((intptr_t)done.token, i);
		assert_int_equal(done.code, ERR_JOURNAL);
		assert_non_null(strstr(done.err.text, "no space left"));
		journal_done_free(&done);
	}
	hold(&scene);
	disk.fault = FAULT_NONE;
	release(&scene);
	submit_note(&scene, 3, JOURNAL_NOW);
	struct journal_done done = next(&scene);
	assert_int_equal(done.code, ERR_NONE);
	assert_int_equal(done.events[0].pos, 1); /* nothing of the first two stayed */
	journal_done_free(&done);
	assert_int_equal(events_in(scene.journal, 1), 2);
	journal_writer_free(scene.writer);
	journal_close(scene.journal);
	close(scene.bell);
	faulty_remove();
	verify_ok(scene.place.dir);
	place_remove(&scene.place);
}

/* Reading goes on while the writer is in the middle of a commit. */
static void readers_do_not_wait(void **state)
{
	struct scene scene;
	struct err err = {0};
	struct run *run;

	(void)state;
	scene_open(&scene);
	assert_ok(append_begin(scene.journal, &err), err);
	struct event event = event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "x"));
	bool broken;
	hold(&scene);
	assert_ok(append_batch(scene.journal, &event, 1, &broken, &err), err);
	assert_ok(journal_run(scene.journal, 1, &run, &err), err);
	assert_int_equal(run->next_pos, 1); /* not committed: not seen (rule 1: journal before pixels) */
	run_free(run);
	assert_ok(append_commit(scene.journal, &err), err);
	release(&scene);
	event_release(&event);
	assert_int_equal(events_in(scene.journal, 1), 2);
	scene_close(&scene);
}

/* In a quiet moment the log is moved into the file. */
static void the_log_is_emptied_while_idle(void **state)
{
	struct scene scene;
	struct timespec t;
	int64_t began, now;

	(void)state;
	scene_open(&scene);
	for (int64_t i = 1; i <= 40; i++) {
		submit_note(&scene, i, JOURNAL_NOW);
		struct journal_done done = next(&scene);
		journal_done_free(&done);
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	began = now = t.tv_sec;
	int frames = 1;
	while (frames > 0 && now < began + 10) {
		hold(&scene);
		frames = scene.journal->wal_frames;
		release(&scene);
		poll(NULL, 0, 5);
		clock_gettime(CLOCK_MONOTONIC, &t);
		now = t.tv_sec;
	}
	assert_int_equal(frames, 0);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept),
		cmocka_unit_test(those_that_wait_share_a_commit),
		cmocka_unit_test(soon_waits_for_company_and_now_does_not),
		cmocka_unit_test(the_end_commits_what_is_queued),
		cmocka_unit_test(a_refused_batch_fails_alone),
		cmocka_unit_test(bytes_are_kept_with_their_events),
		cmocka_unit_test(a_failed_commit_takes_the_queue_with_it),
		cmocka_unit_test(readers_do_not_wait),
		cmocka_unit_test(the_log_is_emptied_while_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
