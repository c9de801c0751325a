/* test_project.c: the rows that queries read: what they say, that a rebuild gives the same, what erasing does to them. */
#include "sample.h"

static int set_up(void **state)
{
	struct place *place = xmalloc(sizeof(*place));

	fast_place(place);
	*state = place;
	fake_clock();
	return 0;
}

static int tear_down(void **state)
{
	place_remove(*state);
	free(*state);
	clock_inject(NULL, NULL, NULL);
	return 0;
}

static void rebuild_gives_the_same(struct journal *journal, const char *dir)
{
	struct err err = {0};
	char *before = dump_projections(dir), *after;

	assert_true(strlen(before) > 0);
	assert_ok(journal_rebuild(journal, &err), err);
	after = dump_projections(dir);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static json_t *runs_of(struct journal *journal, struct journal_filter filter)
{
	struct err err = {0};
	json_t *runs = NULL;

	assert_ok(journal_runs(journal, &filter, &runs, &err), err);
	return runs;
}

static void one_run_in_rows(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	json_t *runs;

	write_run(journal, 1, "failover", "drill", false);
	runs = runs_of(journal, (struct journal_filter){0});
	assert_int_equal(json_array_size(runs), 1);
	const json_t *run = json_array_get(runs, 0);
	static const struct {
		const char *member, *value;
	} words[] = {{"runbook", "failover"}, {"title", "Fail over"}, {"mode", "drill"}, {"status", "done"},
		{"service", "orders"}, {"lead", "op1"}, {"started_by", "op1"}, {"workspace", "shop"}, {"rto", "met"},
		{"rpo", "met"}, {"verdict", "met"}, {"unit", "rows"}};
	for (size_t i = 0; i < COUNT_OF(words); i++)
		assert_string_equal(json_str(run, words[i].member, "(none)"), words[i].value);
	assert_int_equal(json_int(run, "version", 0), 3);
	assert_int_equal(json_int(run, "exit_status", -1), 0);
	assert_int_equal(json_int(run, "rto_ms", 0), 120000);
	assert_int_equal(json_int(run, "rpo_ms", -1), 0);
	assert_int_equal(json_int(run, "lost", -1), 0);
	assert_int_equal(json_int(run, "unknown", -1), 0);
	assert_true(json_int(run, "rta_ms", 0) > 0);
	assert_true(json_int(run, "ended_ns", 0) > json_int(run, "started_ns", 0));
	const json_t *services = json_object_get(run, "services");
	assert_int_equal(json_array_size(services), 2);
	assert_string_equal(json_str(json_array_get(services, 1), "name", ""), "ledger");
	assert_true(json_is_null(json_object_get(json_array_get(services, 1), "rta_ms")));
	json_decref(runs);
	rebuild_gives_the_same(journal, place->dir);
	journal_close(journal);
}

static void filters_and_pages(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	static const struct {
		struct journal_filter filter;
		int64_t ids[8]; /* newest first, 0 ends */
	} rows[] = {
		{{0}, {6, 5, 4, 3, 2, 1}},
		{{.limit = 2}, {6, 5}},
		{{.limit = 2, .before_run = 5}, {4, 3}},
		{{.before_run = 1}, {0}},
		{{.runbook = "failover"}, {6, 5, 3, 1}},
		{{.mode = "live"}, {6, 4}},
		{{.runbook = "failover", .mode = "drill"}, {5, 3, 1}},
		{{.service = "ledger"}, {6, 5, 4, 3, 2, 1}},
		{{.service = "nobody"}, {0}},
		{{.open_only = true}, {5}},
		{{.open_only = true, .mode = "live"}, {0}},
	};

	for (int64_t run = 1; run <= 6; run++)
		write_run(journal, run, run == 2 || run == 4 ? "restore" : "failover", run == 4 || run == 6 ? "live" : "drill",
			run == 5);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *runs = runs_of(journal, rows[i].filter);
		size_t k = 0;
		for (; rows[i].ids[k] != 0; k++)
			assert_int_equal(json_int(json_array_get(runs, k), "run", 0), rows[i].ids[k]);
		assert_int_equal(json_array_size(runs), k);
		json_decref(runs);
	}
	json_t *runs = runs_of(journal, (struct journal_filter){.service = "ledger", .limit = 1});
	assert_string_equal(json_str(json_array_get(runs, 0), "service", ""), "ledger");
	assert_true(json_is_null(json_object_get(json_array_get(runs, 0), "rto_ms"))); /* its own, not the first's */
	json_decref(runs);
	rebuild_gives_the_same(journal, place->dir);
	journal_close(journal);
}

static void an_open_run_shows_what_it_asks(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	static const int64_t asks[] = {0, 1, 0}, unknown[] = {0, 1, 1};

	append_ok(journal, run_started(1, "failover", "drill", 1, "p"));
	append_ok(journal, event_of(1, EVENT_STEP_STARTED, step_payload(0, 1, NULL)));
	append_ok(journal, event_of(1, EVENT_OP_INTENT, intent(1, 0, 1, 0)));
	for (int i = 0; i < 3; i++) {
		if (i == 1) {
			append_ok(journal, event_of(1, EVENT_OP_RESULT, result(1, 0, 1, 0, false)));
			rebuild_gives_the_same(journal, place->dir); /* the result alone changes the row */
			append_ok(journal, event_of(1, EVENT_STEP_ASKED, step_payload(0, 1, "{s:i, s:s}", "ask", 1, "kind", "unknown")));
		} else if (i == 2) { /* the journal is opened anew in between */
			journal_close(journal);
			journal = open_ok(place->dir, JOURNAL_WRITE);
			append_ok(journal, event_of(1, EVENT_STEP_ANSWERED, step_payload(0, 1, "{s:i, s:s}", "ask", 1, "answer", "verify")));
		}
		json_t *runs = runs_of(journal, (struct journal_filter){.open_only = true});
		assert_int_equal(json_int(json_array_get(runs, 0), "asks", -1), asks[i]);
		assert_int_equal(json_int(json_array_get(runs, 0), "unknown", -1), unknown[i]);
		json_decref(runs);
		rebuild_gives_the_same(journal, place->dir);
	}
	journal_close(journal);
}

/* ------------------------------------------------------------------ pace */

static void timed_run(struct journal *journal, int64_t run, int64_t ms)
{
	append_ok(journal, run_started(run, "failover", "drill", 2, "p"));
	append_ok(journal, event_of(run, EVENT_STEP_STARTED, step_payload(0, 1, NULL)));
	append_ok(journal, event_of(run, EVENT_STEP_FINISHED, step_payload(0, 1, "{s:s}", "outcome", "failed")));
	fake_ns += (ms - 3) * 1000000; /* each event takes 1 ms of the fake clock's */
	append_ok(journal, event_of(run, EVENT_STEP_STARTED, step_payload(0, 2, NULL)));
	append_ok(journal, event_of(run, EVENT_STEP_FINISHED, step_payload(0, 2, "{s:s}", "outcome", "ok")));
	append_ok(journal, event_of(run, EVENT_STEP_STARTED, step_payload(1, 1, NULL)));
	append_ok(journal, event_of(run, EVENT_STEP_FINISHED, step_payload(1, 1, "{s:s}", "outcome", "failed")));
	append_ok(journal, event_of(run, EVENT_RUN_ENDED, json_pack("{s:s}", "status", "failed")));
}

static json_t *pace_of(struct journal *journal, const char *mode, int64_t runs)
{
	struct err err = {0};
	json_t *steps = NULL;

	assert_ok(journal_step_times(journal, "failover", mode, runs, &steps, &err), err);
	return steps;
}

static void paces_of_the_last_runs(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);

	for (int64_t run = 1; run <= 70; run++)
		timed_run(journal, run, run * 100);
	json_t *steps = pace_of(journal, "drill", 10);
	assert_int_equal(json_object_size(steps), 1); /* step1 never ended well */
	const json_t *step = json_object_get(steps, "step0");
	assert_int_equal(json_int(step, "runs", 0), 10); /* 61..70, with both attempts */
	assert_in_range(json_int(step, "last_ms", 0), 7000, 7010);
	assert_in_range(json_int(step, "p50_ms", 0), 6500, 6510);
	assert_in_range(json_int(step, "p90_ms", 0), 6900, 6910);
	assert_int_equal(json_array_size(json_object_get(step, "recent_ms")), 10);
	json_decref(steps);
	steps = pace_of(journal, "drill", 1000);
	assert_int_equal(json_int(json_object_get(steps, "step0"), "runs", 0), PACE_KEPT);
	json_decref(steps);
	steps = pace_of(journal, "live", 0);
	assert_int_equal(json_object_size(steps), 0);
	json_decref(steps);
	rebuild_gives_the_same(journal, place->dir);
	/* what falls out of a full list makes room for the run before it */
	struct err err = {0};
	assert_ok(journal_erase_payload(journal, 70, 4, &err), err);
	steps = pace_of(journal, "drill", 1000);
	assert_int_equal(json_int(json_object_get(steps, "step0"), "runs", 0), PACE_KEPT);
	assert_in_range(json_int(json_object_get(steps, "step0"), "last_ms", 0), 6900, 6910);
	json_decref(steps);
	rebuild_gives_the_same(journal, place->dir);
	journal_close(journal);
}

/* Runs that end in another order than they began: the newest by number count, live as in a rebuild. */
static void paces_do_not_depend_on_the_order_of_ends(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);

	for (int64_t run = 1; run <= 3; run++) {
		append_ok(journal, run_started(run, "failover", "drill", 1, "p"));
		append_ok(journal, event_of(run, EVENT_STEP_STARTED, step_payload(0, 1, NULL)));
	}
	for (int64_t run = 4; run <= PACE_KEPT + 2; run++)
		timed_run(journal, run, 10);
	for (int64_t run = 3; run >= 1; run--) {
		append_ok(journal, event_of(run, EVENT_STEP_FINISHED, step_payload(0, 1, "{s:s}", "outcome", "ok")));
		append_ok(journal, event_of(run, EVENT_RUN_ENDED, json_pack("{s:s}", "status", "done")));
	}
	rebuild_gives_the_same(journal, place->dir);
	journal_close(journal);
}

/* ------------------------------------------------------------------ passes, for forecasts */

/* A run of version `version` in `workspace`: step0 is asked about, then takes ms in all; step1 is passed over. */
static void asked_run(struct journal *journal, int64_t run, const char *mode, const char *workspace, int version, int64_t ms)
{
	struct event start = run_started(run, "failover", mode, 3, "p");

	json_put_str(json_object_get(start.payload, "workspace"), "name", workspace);
	json_put_int(json_object_get(start.payload, "runbook"), "version", version);
	append_ok(journal, start);
	append_ok(journal, event_of(run, EVENT_STEP_ASKED, step_payload(0, 0, "{s:i, s:s}", "ask", 1, "kind", "confirm")));
	fake_ns += (ms - 3) * 1000000; /* the human thinks; each event takes 1 ms of the fake clock's */
	append_ok(journal, event_of(run, EVENT_STEP_ANSWERED, step_payload(0, 0, "{s:i, s:s}", "ask", 1, "answer", "yes")));
	append_ok(journal, event_of(run, EVENT_STEP_STARTED, step_payload(0, 1, NULL)));
	append_ok(journal, event_of(run, EVENT_STEP_FINISHED, step_payload(0, 1, "{s:s}", "outcome", "ok")));
	append_ok(journal, event_of(run, EVENT_STEP_FINISHED, step_payload(1, 0, "{s:s}", "outcome", "skipped")));
	append_ok(journal, event_of(run, EVENT_RUN_ENDED, json_pack("{s:s}", "status", "failed")));
}

static json_t *passes_before(struct journal *journal, int64_t run, const char *mode, const char *workspace)
{
	struct err err = {0};
	struct run of = {.id = run, .runbook = "failover", .mode = mode, .workspace = workspace};
	json_t *passes = NULL;

	assert_ok(journal_passes(journal, &of, &passes, &err), err);
	return passes;
}

static int64_t pass_at(const json_t *passes, const char *step, size_t at)
{
	return json_integer_value(json_array_get(json_object_get(json_object_get(passes, "steps"), step), at));
}

static void passes_of_one_kind_of_run(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);

	asked_run(journal, 1, "drill", "shop", 1, 1000);
	asked_run(journal, 2, "live", "shop", 1, 9000); /* another mode */
	asked_run(journal, 3, "drill", "shop", 2, 3000);
	asked_run(journal, 4, "drill", "bank", 2, 9000); /* another workspace */
	append_ok(journal, run_started(5, "failover", "drill", 3, "p")); /* says nothing about any step */
	append_ok(journal, event_of(5, EVENT_RUN_ENDED, json_pack("{s:s}", "status", "aborted")));
	append_ok(journal, run_started(6, "failover", "drill", 3, "p")); /* open */
	asked_run(journal, 7, "drill", "shop", 3, 7000); /* later than run 6 */
	json_t *passes = passes_before(journal, 6, "drill", "shop");
	const json_t *runs = json_object_get(passes, "runs");
	assert_int_equal(json_array_size(runs), 2);
	assert_int_equal(json_int(json_array_get(runs, 0), "run", 0), 3);
	assert_int_equal(json_int(json_array_get(runs, 0), "version", 0), 2);
	assert_true(json_int(json_array_get(runs, 0), "began_ns", 0) > json_int(json_array_get(runs, 1), "began_ns", 0));
	assert_int_equal(pass_at(passes, "step0", 0), 3000); /* with the time the human took to say yes */
	assert_int_equal(pass_at(passes, "step0", 1), 1000);
	assert_int_equal(pass_at(passes, "step1", 0), PASS_SKIPPED);
	assert_null(json_object_get(json_object_get(passes, "steps"), "step2"));
	json_decref(passes);
	passes = passes_before(journal, 6, "live", "shop");
	assert_int_equal(json_array_size(json_object_get(passes, "runs")), 1);
	assert_int_equal(pass_at(passes, "step0", 0), 9000);
	json_decref(passes);
	passes = passes_before(journal, 6, "probe", "shop");
	assert_int_equal(json_array_size(json_object_get(passes, "runs")), 0);
	json_decref(passes);
	/* what was passed over is no duration */
	json_t *steps = pace_of(journal, "drill", 10);
	assert_int_equal(json_int(json_object_get(steps, "step1"), "runs", -1), 0);
	json_decref(steps);
	rebuild_gives_the_same(journal, place->dir);
	journal_close(journal);
}

/* ------------------------------------------------------------------ any history */

static uint64_t random_state;
static int dice(int sides)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (int)((random_state >> 33) % (uint64_t)sides);
}

static json_t *random_payload(enum event_kind kind, int64_t run)
{
	static const char *const outcomes[] = {"ok", "failed", "skipped", "stopped", "interrupted", "unknown"};
	static const char *const clocks[] = {"t0", "t1", "t2", "t6"}, *const reached[] = {"restored", "verified", "normal"};
	const int step = dice(3), attempt = 1 + dice(2), ordinal = dice(3);

	switch (kind) {
	case EVENT_CLOCK_SET:
		return json_pack("{s:s, s:I, s:s}", "clock", clocks[dice(4)], "at_ns", (json_int_t)(fake_wall().ns - dice(1000000)),
			"basis", "stated");
	case EVENT_LEAD_TAKEN:
		return json_pack("{s:s, s:s}", "who", dice(2) ? "op1" : "op2", "from", "x");
	case EVENT_RUN_ENDED:
		return json_pack("{s:s, s:s}", "status", dice(2) ? "done" : "aborted", "reason", "because");
	case EVENT_STEP_ASKED:
		return step_payload(step, attempt, "{s:i, s:s}", "ask", dice(4), "kind", dice(2) ? "confirm" : "failed");
	case EVENT_STEP_ANSWERED:
		return step_payload(step, attempt, "{s:i, s:s}", "ask", dice(4), "answer", "yes");
	case EVENT_STEP_FINISHED:
		return step_payload(step, attempt, "{s:s, s:{s:s}}", "outcome", outcomes[dice(6)], "error", "code", "TIMEOUT");
	case EVENT_OP_INTENT:
		return intent(run, step, attempt, ordinal);
	case EVENT_OP_RESULT:
		return result(run, step, attempt, ordinal, dice(2));
	case EVENT_OP_SETTLED:
		return step_payload(step, attempt, "{s:i, s:s, s:s}", "ordinal", ordinal, "verdict", dice(2) ? "done" : "not_done",
			"by", "verify");
	case EVENT_SERVICE_MARKED:
		return json_pack("{s:s, s:s}", "service", dice(2) ? "orders" : "ledger", "reached", reached[dice(3)]);
	case EVENT_RECOVERY_MEASURED:
		return json_pack("{s:s, s:i, s:i}", "service", "orders", "lost", dice(3), "rpa_ms", dice(100));
	default:
		return step_payload(step, attempt, "{s:i, s:s, s:s}", "ordinal", ordinal, "phase", "verify", "text", "x");
	}
}

/* Events drawn by lot, most of which can follow; every so often the journal is closed and opened. */
static void any_history_rebuilds(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	int64_t taken = 0;

	random_state = 20261122;
	for (int64_t run = 1; run <= 4; run++)
		append_ok(journal, run_started(run, "failover", run == 4 ? "live" : "drill", 3, "p"));
	for (int i = 0; i < 3000; i++) {
		const int64_t run = 1 + dice(4);
		enum event_kind kind = (enum event_kind)(EVENT_RUN_RESUMED + dice(EVENT_COUNT - EVENT_RUN_RESUMED));
		struct err err = {0};
		if (kind == EVENT_RUN_ENDED && dice(40) != 0)
			kind = EVENT_OP_INTENT;
		struct event event = event_of(run, kind, random_payload(kind, run));
		const enum err_code code = journal_append(journal, &event, 1, &err);
		assert_true(code == ERR_NONE || code == ERR_PROTOCOL);
		taken += code == ERR_NONE;
		event_release(&event);
		if (i % 300 == 299) {
			rebuild_gives_the_same(journal, place->dir);
			journal_close(journal);
			journal = open_ok(place->dir, JOURNAL_WRITE);
		}
	}
	assert_true(taken > 1500);
	journal_close(journal);
	verify_ok(place->dir);
}

/* ------------------------------------------------------------------ erasing */

/* True when the bytes stand in any file of the directory. */
static bool found_on_disk(const struct place *place, const char *needle)
{
	static const char *const files[] = {"journal.db", "journal.db-wal"};
	bool found = false;

	for (size_t i = 0; i < COUNT_OF(files) && !found; i++) {
		char *file = place_file(place, files[i]);
		struct buf bytes;
		struct err err = {0};
		assert_ok(file_read(file, 1 << 26, &bytes, &err), err);
		found = memmem(bytes.data, bytes.len, needle, strlen(needle)) != NULL;
		buf_release(&bytes);
		free(file);
	}
	return found;
}

static void every_payload_but_two_can_be_erased(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	struct run *run;
	char *said;

	write_run(journal, 1, "failover", "drill", false);
	write_run(journal, 2, "failover", "drill", true);
	const int64_t count = events_in(journal, 1);
	assert_true(found_on_disk(place, "the vendor was slow"));
	assert_int_equal(journal_erase_payload(journal, 2, 1, &err), ERR_PRECONDITION);
	assert_int_equal(journal_erase_payload(journal, 0, 0, &err), ERR_FORBIDDEN);
	assert_int_equal(journal_erase_payload(journal, 1, count, &err), ERR_NOT_FOUND);
	assert_int_equal(journal_erase_payload(journal, 1, 0, &err), ERR_FORBIDDEN);
	assert_int_equal(journal_erase_payload(journal, 1, count - 1, &err), ERR_FORBIDDEN);
	append_ok(journal, event_of(2, EVENT_RUN_ENDED, json_pack("{s:s}", "status", "done")));
	/* one after the other, so that each kind is once the newest to be missing */
	for (int64_t pos = 1; pos < count - 1; pos++) {
		assert_ok(journal_erase_payload(journal, 1, pos, &err), err);
		assert_ok(journal_run(journal, 1, &run, &err), err);
		assert_int_equal(run->status, RUN_DONE);
		run_free(run);
		rebuild_gives_the_same(journal, place->dir);
	}
	assert_ok(journal_erase_payload(journal, 2, count - 2, &err), err);
	assert_int_equal(events_in(journal, 1), count);
	assert_false(found_on_disk(place, "the vendor was slow"));
	append_ok(journal, event_of(1, EVENT_NOTE_ADDED, json_pack("{s:s}", "text", "later")));
	journal_close(journal);
	assert_int_equal(verify(&said, (const char *const[]){place->dir, NULL}), 0);
	assert_non_null(strstr(said, "erased, chain intact"));
	free(said);
}

static void contents_and_persons_can_be_erased(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	struct sha256 sha;
	struct buf out;
	json_t *runs;
	char *said;

	write_run(journal, 1, "failover", "drill", false);
	assert_ok(journal_keep(journal, "a name: Grace Example", 21, &sha, &err), err);
	assert_true(found_on_disk(place, "Grace Example"));
	assert_ok(journal_erase_kept(journal, sha, &err), err);
	assert_int_equal(journal_kept(journal, sha, &out, &err), ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "erased"));
	assert_int_equal(journal_erase_kept(journal, sha, &err), ERR_NOT_FOUND);
	assert_false(found_on_disk(place, "Grace Example"));

	assert_true(found_on_disk(place, "op1"));
	assert_ok(journal_erase_person(journal, &operator_, &err), err);
	assert_false(found_on_disk(place, "op1"));
	assert_int_equal(journal_erase_person(journal, &operator_, &err), ERR_NOT_FOUND);
	runs = runs_of(journal, (struct journal_filter){0});
	assert_string_equal(json_str(json_array_get(runs, 0), "lead", ""), "(erased)");
	json_decref(runs);
	rebuild_gives_the_same(journal, place->dir);
	/* the same person may act again, under a new digest */
	write_run(journal, 2, "failover", "drill", false);
	runs = runs_of(journal, (struct journal_filter){.limit = 1});
	assert_string_equal(json_str(json_array_get(runs, 0), "lead", ""), "op1");
	json_decref(runs);
	journal_close(journal);
	assert_int_equal(verify(&said, (const char *const[]){place->dir, NULL}), 0);
	assert_non_null(strstr(said, "1 content(s), 1 person(s)"));
	free(said);
}

/* A run whose rows were changed behind our back still has a row, which says so. */
static void what_cannot_be_read_is_shown(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_ok(place->dir, JOURNAL_WRITE);
	struct err err = {0};
	struct run *run;
	json_t *runs;

	write_run(journal, 1, "failover", "drill", false);
	write_run(journal, 2, "failover", "drill", false);
	journal_close(journal);
	sql_ok(place->dir, "DROP TRIGGER event_as_written; UPDATE event SET payload = '{' WHERE id = (1 << 32) + 3");
	journal = open_ok(place->dir, JOURNAL_WRITE);
	assert_int_equal(journal_run(journal, 1, &run, &err), ERR_JOURNAL);
	assert_non_null(strstr(err.text, "verify"));
	assert_ok(journal_rebuild(journal, &err), err);
	runs = runs_of(journal, (struct journal_filter){0});
	assert_string_equal(json_str(json_array_get(runs, 0), "status", ""), "done");
	assert_string_equal(json_str(json_array_get(runs, 1), "status", ""), "unreadable");
	json_decref(runs);
	journal_close(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(one_run_in_rows),
		T(filters_and_pages),
		T(an_open_run_shows_what_it_asks),
		T(paces_of_the_last_runs),
		T(paces_do_not_depend_on_the_order_of_ends),
		T(passes_of_one_kind_of_run),
		T(any_history_rebuilds),
		T(every_payload_but_two_can_be_erased),
		T(contents_and_persons_can_be_erased),
		T(what_cannot_be_read_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
