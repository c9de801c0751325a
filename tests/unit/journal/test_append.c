/* test_append.c: what goes in comes out, in order, or nothing goes in. */
#include "sample.h"

static enum err_code collect(void *arg, const struct event *event, struct err *err)
{
	(void)err;
	json_array_append_new(arg, event_to_json(event));
	return ERR_NONE;
}

static int set_up(void **state)
{
	struct place *place = xmalloc(sizeof(*place));

	place_make(place);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	place_remove(*state);
	free(*state);
	clock_inject(NULL, NULL, NULL);
	return 0;
}

static void comes_back_as_written(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	struct event start = run_started(1, "failover", "drill", 3, "p");
	json_t *written, *read = json_array();

	assert_ok(journal_append(journal, &start, 1, &err), err);
	assert_int_equal(start.pos, 0);
	written = event_to_json(&start);
	event_release(&start);
	struct event late = event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "tschüß \xe2\x80\xae x"));
	assert_ok(journal_append(journal, &late, 1, &err), err);
	assert_int_equal(late.pos, 1);
	event_release(&late);
	journal_close(journal);

	journal = open_ok(place->dir, JOURNAL_READ);
	assert_ok(journal_events(journal, 1, 0, collect, read, &err), err);
	assert_int_equal(json_array_size(read), 2);
	assert_true(json_equal(json_array_get(read, 0), written));
	assert_string_equal(json_str(json_array_get(read, 1), "who", ""), "drillbook");
	assert_string_equal(json_str(json_object_get(json_array_get(read, 1), "data"), "text", ""),
		"tschüß \xe2\x80\xae x");
	json_array_clear(read);
	assert_ok(journal_events(journal, 1, 1, collect, read, &err), err);
	assert_int_equal(json_array_size(read), 1);
	json_decref(read);
	json_decref(written);
	journal_close(journal);
	verify_ok(place->dir);
}

struct asking {
	struct journal *journal;
	int left;
};

/* Asks the journal while it is being read, and stops in the middle. */
static enum err_code ask_inside(void *arg, const struct event *event, struct err *err)
{
	struct asking *asking = arg;
	struct sha256 hash;
	int64_t pos = 0;

	TRY(journal_head(asking->journal, event->chain, &pos, &hash, err));
	if (pos < 10)
		return err_set(err, ERR_FAILED, "the head is at %lld", (long long)pos);
	return --asking->left > 0 ? ERR_NONE : err_set(err, ERR_CANCELLED, "enough");
}

static void a_visitor_can_stop_and_ask(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct asking asking = {.journal = journal, .left = 3};
	struct err err = {0};
	int64_t count = 0;

	write_run(journal, 1, "failover", "drill", true);
	assert_int_equal(journal_events(journal, 1, 0, ask_inside, &asking, &err), ERR_CANCELLED);
	assert_int_equal(asking.left, 0);
	assert_ok(journal_events(journal, 1, 99999, count_visit, &count, &err), err);
	assert_int_equal(count, 0);
	journal_close(journal);
}

static void what_cannot_follow_is_refused(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	const struct {
		struct event event;
		const char *word;
	} wrong[] = {
		{event_of(0, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "x")), "does not belong"},
		{event_of(1, EVENT_SERVER_STARTED, json_pack("{s:i}", "epoch", 1)), "does not belong"},
		{event_of(-1, EVENT_NOTE_ADDED, json_object()), "not an event"},
		{event_of(2, EVENT_NOTE_ADDED, json_object()), "cannot stand here"},
		{run_started(1, "x", "drill", 1, "p"), "cannot stand here"},
		{event_of(1, EVENT_STEP_STARTED, step_payload(9, 1, NULL)), "unknown step"},
		{event_of(1, EVENT_OP_RESULT, result(1, 0, 1, 5, true)), "no intent"},
		{event_of(1, EVENT_NOTE_ADDED, json_array()), "not an object"},
		{event_of(0, EVENT_RUN_SEALED, json_pack("{s:i}", "run", 5)), "no events"},
		{event_of(0, EVENT_RUN_SEALED, json_pack("{s:i, s:i}", "run", 1, "events", 9)), "does not name"},
		{event_of(0, EVENT_RUN_SEALED, json_pack("{s:i, s:s}", "run", 1, "head", "00")), "does not name"},
	};

	append_ok(journal, run_started(1, "failover", "drill", 2, "p"));
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct err err = {0};
		/* a good one before it: both or none */
		struct event batch[2] = {event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "x")), wrong[i].event};
		assert_int_equal(journal_append(journal, batch, 2, &err), ERR_PROTOCOL);
		if (strstr(err.text, wrong[i].word) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", err.text, wrong[i].word);
		event_release(&batch[0]);
		event_release(&batch[1]);
		assert_int_equal(events_in(journal, 1), 1);
		assert_int_equal(events_in(journal, 0), 0);
	}
	append_ok(journal, event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "x")));
	assert_int_equal(events_in(journal, 1), 2);
	journal_close(journal);
	verify_ok(place->dir);
}

static void a_seal_is_filled_in(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	struct sha256 head;
	int64_t pos;
	char hex[SHA256_HEX];
	json_t *ledger = json_array();

	write_run(journal, 1, "failover", "drill", false);
	assert_ok(journal_head(journal, 1, &pos, &head, &err), err);
	assert_ok(journal_events(journal, 0, 0, collect, ledger, &err), err);
	const json_t *seal = json_object_get(json_array_get(ledger, 0), "data");
	assert_int_equal(json_int(seal, "events", 0), pos + 1);
	assert_string_equal(json_str(seal, "head", ""), sha256_hex(head, hex));
	json_decref(ledger);
	assert_int_equal(journal_head(journal, 7, &pos, &head, &err), ERR_NOT_FOUND);
	journal_close(journal);
	verify_ok(place->dir);
}

static void runs_are_numbered(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	int64_t next = 0;

	assert_ok(journal_next_run(journal, &next, &err), err);
	assert_int_equal(next, 1);
	append_ok(journal, event_of(0, EVENT_SERVER_STARTED, json_pack("{s:i}", "epoch", 1)));
	assert_ok(journal_next_run(journal, &next, &err), err);
	assert_int_equal(next, 1);
	append_ok(journal, run_started(41, "failover", "drill", 1, "p"));
	assert_ok(journal_next_run(journal, &next, &err), err);
	assert_int_equal(next, 42);
	journal_close(journal);
}

static void contents_are_kept_once(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	struct sha256 a, b;
	struct buf out;

	assert_ok(journal_keep(journal, "bytes\0more", 10, &a, &err), err);
	assert_ok(journal_keep(journal, "bytes\0more", 10, &b, &err), err);
	assert_true(sha256_eq(a, b));
	assert_ok(journal_kept(journal, a, &out, &err), err);
	assert_int_equal(out.len, 10);
	assert_memory_equal(out.data, "bytes\0more", 10);
	buf_release(&out);
	assert_ok(journal_keep(journal, "", 0, &b, &err), err);
	assert_ok(journal_kept(journal, b, &out, &err), err);
	assert_int_equal(out.len, 0);
	buf_release(&out);
	assert_int_equal(journal_kept(journal, sha256_of("x", 1), &out, &err), ERR_NOT_FOUND);
	journal_close(journal);
}

static void the_file_holds_its_own_rules(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	static const char *const forbidden[] = {
		"DELETE FROM event",
		"UPDATE event SET header = 'x' WHERE id = (SELECT max(id) FROM event)",
		"UPDATE event SET payload = 'x'",
		"UPDATE event SET hash = x'00'",
		"UPDATE event SET payload = NULL, payload_sha = x'00'",
		"UPDATE event SET id = id + 1",
		"DELETE FROM content",
		"UPDATE content SET bytes = 'x'",
		"UPDATE content SET sha = 'x'",
		"DELETE FROM person",
		"UPDATE person SET name = 'somebody else'",
		"UPDATE epoch SET epoch = epoch - 1",
	};

	write_run(journal, 1, "failover", "drill", false);
	for (size_t i = 0; i < COUNT_OF(forbidden); i++)
		if (sqlite3_exec(journal->db, forbidden[i], NULL, NULL, NULL) != SQLITE_CONSTRAINT_TRIGGER)
			fail_msg("allowed: %s", forbidden[i]);
	journal_close(journal);
	verify_ok(place->dir);
}

/* T6: the lock file is removed, a second writer takes over, the first one is continued. */
static void a_stale_writer_is_fenced(void **state)
{
	struct place *place = *state;
	struct journal *old = open_ok(place->dir, JOURNAL_WRITE), *new;
	struct err err = {0};
	struct sha256 sha;
	int64_t epoch = 0, later = 0;
	char *lock = place_file(place, "journal.lock");

	assert_ok(journal_new_epoch(old, &epoch, &err), err);
	append_ok(old, run_started(1, "failover", "drill", 1, "p"));
	assert_int_equal(journal_open(&new, place->dir, JOURNAL_WRITE, &err), ERR_HELD);
	assert_int_equal(unlink(lock), 0);
	new = open_ok(place->dir, JOURNAL_WRITE);
	assert_ok(journal_new_epoch(new, &later, &err), err);
	assert_true(later > epoch);
	struct event event = event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "stale"));
	assert_int_equal(journal_append(old, &event, 1, &err), ERR_HELD);
	assert_non_null(strstr(err.text, "newer server"));
	assert_int_equal(journal_keep(old, "x", 1, &sha, &err), ERR_HELD);
	assert_int_equal(journal_new_epoch(old, &epoch, &err), ERR_HELD);
	assert_int_equal(journal_rebuild(old, &err), ERR_HELD);
	assert_int_equal(events_in(new, 1), 1);
	event_release(&event);
	append_ok(new, event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "new")));
	journal_close(old);
	journal_close(new);
	free(lock);
	verify_ok(place->dir);
}

static void a_reader_cannot_write(void **state)
{
	struct place *place = *state;
	struct journal *writer = open_ok(place->dir, JOURNAL_WRITE), *reader;
	struct err err = {0};
	struct sha256 sha;
	int64_t epoch;

	append_ok(writer, run_started(1, "failover", "drill", 1, "p"));
	reader = open_ok(place->dir, JOURNAL_READ);
	struct event event = event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "x"));
	assert_int_equal(journal_append(reader, &event, 1, &err), ERR_FORBIDDEN);
	assert_int_equal(journal_keep(reader, "x", 1, &sha, &err), ERR_FORBIDDEN);
	assert_int_equal(journal_new_epoch(reader, &epoch, &err), ERR_FORBIDDEN);
	assert_int_equal(journal_rebuild(reader, &err), ERR_FORBIDDEN);
	assert_int_equal(journal_erase_payload(reader, 1, 0, &err), ERR_FORBIDDEN);
	assert_int_equal(journal_release_reserve(reader, &err), ERR_FORBIDDEN);
	assert_int_equal(events_in(reader, 1), 1);
	append_ok(writer, event);
	assert_int_equal(events_in(reader, 1), 2);
	journal_close(reader);
	journal_close(writer);
}

/* The hot path: a commit is one page of the log, two where the table grows; no index, no projection. */
static void an_event_costs_one_page(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);

	append_ok(journal, run_started(1, "failover", "drill", 1, "p"));
	append_ok(journal, event_of(1, EVENT_STEP_STARTED, step_payload(0, 1, NULL)));
	const int before = journal->wal_frames;
	for (int i = 0; i < 100; i++) {
		append_ok(journal, event_of(1, EVENT_OP_INTENT, intent(1, 0, 1, i)));
		append_ok(journal, event_of(1, EVENT_OP_RESULT, result(1, 0, 1, i, true)));
	}
	assert_in_range(journal->wal_frames - before, 200, 300);
	journal_close(journal);
}

static void limits(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	const size_t size = PAYLOAD_MAX_BYTES + 1;
	char *big = xmalloc(size + 1);

	append_ok(journal, run_started(1, "failover", "drill", 1, "p"));
	memset(big, 'x', size);
	struct event event = event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", big));
	assert_int_equal(journal_append(journal, &event, 1, &err), ERR_LIMIT);
	event_release(&event);
	event = event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "x"));
	snprintf(event.boot, sizeof(event.boot), "has a space");
	assert_int_equal(journal_append(journal, &event, 1, &err), ERR_PROTOCOL);
	event_release(&event);
	free(big);
	append_ok(journal, event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "x")));
	journal_close(journal);
	verify_ok(place->dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(comes_back_as_written),
		T(a_visitor_can_stop_and_ask),
		T(what_cannot_follow_is_refused),
		T(a_seal_is_filled_in),
		T(runs_are_numbered),
		T(contents_are_kept_once),
		T(the_file_holds_its_own_rules),
		T(a_stale_writer_is_fenced),
		T(a_reader_cannot_write),
		T(an_event_costs_one_page),
		T(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
