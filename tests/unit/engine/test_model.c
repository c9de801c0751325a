/* test_model.c: a model of the run state machine beside the real engine: random runs, random answers and acts,
 * and after each of them the same states.
 *
 * The model is plain code of its own and knows nothing of the engine but the documented words of the socket.
 * The engine is the real server with a stand-in for its workers (fake_worker.c).  The suite takes a slice,
 * the campaign 100,000 sequences. */
#include "check.h"

#include "drillbook/base.h"
#include "drillbook/record.h"
#include "drillbook/wire.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS_MAX = 6, PATIENCE_MS = 20000, MOVES_MAX = 40 };

/* ------------------------------------------------------------------ the model */

enum mstate { M_PENDING, M_RUNNING, M_OK, M_FAILED, M_SKIPPED, M_STOPPED, M_UNKNOWN, M_UNDONE };
static const char *const mnames[] = {"pending", "running", "ok", "failed", "skipped", "stopped", "unknown", "undone"};
enum mask { ASK_NONE, ASK_MANUAL, ASK_FAILED, ASK_UNKNOWN };
static const char *const asknames[] = {"", "manual", "failed", "unknown"};

struct mstep {
	bool manual, needs[STEPS_MAX];
	const char *policy, *words;
	int attempts; /* of retry: */
	enum mstate state;
	enum mask ask;
	int attempt, iteration, effects; /* effects: done and not taken back */
	bool failed_word;
};
struct model {
	struct mstep steps[STEPS_MAX];
	int count;
	bool paused, aborting, undo, undo_failed;
	const char *ended; /* NULL = open */
};

static bool passed(const struct mstep *s)
{
	return s->state == M_OK || s->state == M_SKIPPED;
}

static bool ready(const struct model *m, int at)
{
	if (m->steps[at].state != M_PENDING)
		return false;
	for (int i = 0; i < m->count; i++)
		if (m->steps[at].needs[i] && !passed(&m->steps[i]))
			return false;
	return true;
}

static const char *word_of(const struct mstep *s)
{
	static char word[32];
	const char *words = s->words;

	for (int n = 1; n < s->attempt && strchr(words, ',') != NULL; n++)
		words = strchr(words, ',') + 1;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(words, ","), words);
	return word;
}

static void begin(struct model *m, struct mstep *s, bool new_iteration);

static void failed(struct model *m, struct mstep *s)
{
	s->state = M_FAILED;
	if (m->aborting)
		return;
	if (s->iteration + 1 < s->attempts)
		begin(m, s, true);
	else if (strcmp(s->policy, "continue") == 0)
		s->state = M_SKIPPED;
	else if (strcmp(s->policy, "undo") == 0)
		m->aborting = m->undo = m->undo_failed = true;
	else if (strcmp(s->policy, "stop") != 0)
		s->ask = ASK_FAILED;
}

static void begin(struct model *m, struct mstep *s, bool new_iteration)
{
	s->iteration = s->attempt == 0 ? 0 : s->iteration + (new_iteration ? 1 : 0);
	s->attempt++;
	s->state = M_RUNNING;
	s->ask = ASK_NONE;
	if (s->manual) {
		s->ask = ASK_MANUAL;
		return;
	}
	const char *word = word_of(s);
	if (strcmp(word, "ok") == 0) {
		s->state = M_OK;
	} else if (strcmp(word, "change") == 0) {
		s->state = M_OK;
		s->effects++;
	} else if (strcmp(word, "unknown") == 0) {
		s->state = M_UNKNOWN;
		s->ask = ASK_UNKNOWN;
	} else if (strcmp(word, "fail") == 0) {
		failed(m, s);
	}
}

static void stop(struct model *m, struct mstep *s)
{
	s->state = M_STOPPED;
	s->ask = m->aborting ? ASK_NONE : ASK_FAILED;
}

static bool any(const struct model *m, bool (*is)(const struct mstep *s))
{
	for (int i = 0; i < m->count; i++)
		if (is(&m->steps[i]))
			return true;
	return false;
}
static bool is_running(const struct mstep *s) { return s->state == M_RUNNING; }
static bool is_asked(const struct mstep *s) { return s->ask != ASK_NONE; }
static bool is_unknown(const struct mstep *s) { return s->state == M_UNKNOWN; }
static bool is_bad(const struct mstep *s) { return !passed(s); }

static void settle_abort(struct model *m)
{
	for (int i = 0; i < m->count; i++)
		if (m->steps[i].state == M_RUNNING)
			stop(m, &m->steps[i]);
	if (m->undo && any(m, is_unknown)) {
		for (int i = 0; i < m->count; i++) /* what failed keeps its question; the unknown ones are waited for */
			continue;
		return;
	}
	for (int i = 0; i < m->count && m->undo; i++)
		if (m->steps[i].effects > 0) {
			m->steps[i].effects = 0;
			m->steps[i].state = M_UNDONE;
		}
	for (int i = 0; i < m->count; i++)
		m->steps[i].ask = ASK_NONE;
	m->ended = m->undo_failed ? "failed" : "aborted";
}

/* Everything that happens without anybody's doing. */
static void settle(struct model *m)
{
	bool again = true;

	while (again && m->ended == NULL && !m->aborting) {
		again = false;
		for (int i = 0; i < m->count && !m->paused && !m->aborting; i++)
			if (ready(m, i)) {
				begin(m, &m->steps[i], false);
				again = true;
			}
	}
	if (m->ended == NULL && m->aborting)
		settle_abort(m);
	if (m->ended != NULL || m->aborting || any(m, is_running) || any(m, is_asked) || any(m, is_unknown))
		return;
	for (int i = 0; i < m->count; i++)
		if (ready(m, i))
			return; /* paused */
	m->ended = any(m, is_bad) ? "failed" : "done";
}

/* ------------------------------------------------------------------ random */

static uint64_t lot;
static unsigned chance(unsigned below)
{
	lot = lot * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(lot >> 33) % below;
}

static void make(struct model *m, json_t *plan_steps)
{
	static const char *const words[] = {"ok", "ok", "change", "change", "fail", "fail,ok", "unknown,ok", "fail,fail,change",
		"hang", "hang,ok", "unknown,change", "fail,unknown,ok"};
	static const char *const policies[] = {"ask", "ask", "stop", "continue"};

	*m = (struct model){.count = 1 + (int)chance(STEPS_MAX)};
	const bool chain = chance(4) == 0; /* in a chain the moment of an undo is certain */
	for (int i = 0; i < m->count; i++) {
		struct mstep *s = &m->steps[i];
		json_t *needs = json_array();
		char id[8];
		s->manual = chance(6) == 0;
		s->policy = chain && chance(3) == 0 ? "undo" : policies[chance(4)];
		s->words = words[chance(sizeof(words) / sizeof(words[0]))];
		s->attempts = s->manual || chance(3) > 0 ? 1 : 2;
		for (int k = 0; k < i; k++)
			if (chain ? k == i - 1 : chance(3) == 0) {
				s->needs[k] = true;
				snprintf(id, sizeof(id), "s%d", k);
				json_array_append_new(needs, json_string(id));
			}
		snprintf(id, sizeof(id), "s%d", i);
		json_array_append_new(plan_steps,
			json_pack("{s:s, s:s, s:s, s:o, s:{s:[s]}, s:i, s:s, s:s, s:{s:s, s:i, s:s}, s:{s:i, s:i}}", "id", id, "title",
				id, "kind", s->manual ? "manual" : "script", "needs", needs, "uses", "action.run", "tools", "level", 0,
				"on_failure", s->policy, "text", "x", "script", "file", "t", "line", 1, "source", s->words, "retry",
				"attempts", s->attempts, "wait_ms", 0));
	}
}

/* ------------------------------------------------------------------ the engine */

struct rig {
	char dir[64];
	struct client *client;
	struct run *run;
	int64_t id;
};

static void server(const struct rig *rig, const char *what)
{
	const char *argv[] = {TEST_BINARY "/bin/drillbook", "--data", rig->dir, "server", what, "--force", NULL};
	struct child child = {.argv = argv, .timeout_ms = 15000};
	struct err err = {0};

	ok(child_run(&child, &err));
	if (child.exit_status != 0)
		fail_msg("server %s: %s", what, child.errout.data);
	child_release(&child);
}

static int setup(void **state)
{
	struct rig *rig = xmalloc(sizeof(*rig));
	struct err err = {0};

	/* memory, where there is some: this is about states, not about disks */
	snprintf(rig->dir, sizeof(rig->dir), "%s/drillbook-model-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(rig->dir));
	setenv("DRILLBOOK_LIBEXEC", TEST_BINARY "/tests/fake", 1);
	server(rig, "start");
	ok(client_open(&rig->client, rig->dir, 0, &err));
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	const char *argv[] = {"rm", "-rf", rig->dir, NULL};
	struct child child = {.argv = argv, .timeout_ms = 15000};
	struct err err = {0};

	client_close(rig->client);
	server(rig, "stop");
	ok(child_run(&child, &err));
	child_release(&child);
	run_free(rig->run);
	free(rig);
	return 0;
}

static void start(struct rig *rig, json_t *steps)
{
	struct err err = {0};
	json_t *answer;
	json_t *plan = json_pack(
		"{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s, s:s, s:i, s:s}, s:[], s:[], s:{s:{s:[s]}}, s:{s:{s:s, s:s, s:{}, s:{}}}, s:{}, s:{}, s:o}",
		"format", "plan/1", "mode", "drill", "workspace", "name", "m", "root", rig->dir, "runbook", "name", "m", "path",
		"m.yaml", "title", "M", "version", 1, "digest", "00", "files", "services", "environments", "lab", "modes", "drill",
		"targets", "tools", "provider", "command", "environment", "lab", "settings", "secrets", "params", "modules",
		"steps", steps);

	ok(client_ask(rig->client, "start", json_pack("{s:o}", "plan", plan), &answer, &err));
	rig->id = json_int(answer, "run", 0);
	json_decref(answer);
	run_free(rig->run);
	rig->run = run_new();
	rig->run->id = rig->id;
	ok(client_ask(rig->client, "attach", json_pack("{s:I}", "run", (json_int_t)rig->id), NULL, &err));
}

static void follow(struct rig *rig, int64_t ms)
{
	struct err err = {0};
	json_t *message;
	struct event event;

	ok(client_next(rig->client, ms, &message, &err));
	const json_t *body = json_object_get(message, "event");
	if (body != NULL && json_int(body, "run", 0) == rig->id) {
		ok(event_from_json(body, &event, &err));
		ok(run_apply(rig->run, &event, &err));
		event_release(&event);
	}
	json_decref(message);
}

/* What is different between the two, in words, or false. */
static bool differs(const struct rig *rig, const struct model *m, char *why, size_t size)
{
	const struct run *run = rig->run;

	if (run->step_count != (size_t)m->count) {
		snprintf(why, size, "the run has not begun");
		return true;
	}
	for (int i = 0; i < m->count; i++) {
		const struct ask *ask = run_step_ask(run, (size_t)i);
		const char *state = step_state_name(run->steps[i].state), *asked = ask != NULL ? ask->kind : "";
		/* the undo of a step is an attempt the model does not count */
		if (strcmp(state, mnames[m->steps[i].state]) == 0 && strcmp(asked, asknames[m->steps[i].ask]) == 0 &&
			(run->steps[i].attempt == m->steps[i].attempt || m->steps[i].state == M_UNDONE))
			continue;
		snprintf(why, size, "s%d is %s%s%s in attempt %lld, the model says %s %s in attempt %d", i, state,
			asked[0] ? ", asked " : "", asked, (long long)run->steps[i].attempt, mnames[m->steps[i].state],
			asknames[m->steps[i].ask], m->steps[i].attempt);
		return true;
	}
	const char *status = run->status == RUN_OPEN ? NULL : run_status_name(run->status);
	if ((status == NULL) == (m->ended == NULL) && (status == NULL || strcmp(status, m->ended) == 0))
		return false;
	snprintf(why, size, "the run is %s, the model says %s", status ? status : "open", m->ended ? m->ended : "open");
	return true;
}

static void compare(struct rig *rig, const struct model *m, uint64_t seed, const char *so_far)
{
	const struct mono begin_at = mono_now();
	char why[300];

	while (differs(rig, m, why, sizeof(why))) {
		follow(rig, 100);
		if (mono_ms_since(begin_at) < PATIENCE_MS)
			continue;
		for (int i = 0; i < m->count; i++)
			print_message("  s%d: %s %s, policy %s, attempts %d\n", i, m->steps[i].manual ? "manual" : "script",
				m->steps[i].words, m->steps[i].policy, m->steps[i].attempts);
		fail_msg("sequence %llu after%s: %s", (unsigned long long)seed, so_far, why);
	}
}

/* ------------------------------------------------------------------ moves */

static char moves[1024]; /* of this sequence, for who has to find out */
static uint64_t sequence;

static void send(struct rig *rig, const char *request, json_t *body)
{
	struct err err = {0};

	json_object_set_new(body, "run", json_integer(rig->id));
	char *said = json_line(body);
	if (client_ask(rig->client, request, body, NULL, &err) != ERR_NONE)
		fail_msg("sequence %llu after%s: %s: %s", (unsigned long long)sequence, moves, said, err.text);
	free(said);
}

static void answer(struct rig *rig, struct model *m, int at, char *said, size_t size)
{
	static const char *const failed_words[] = {"retry", "skip", "force", "stop"};
	struct mstep *s = &m->steps[at];
	const struct ask *ask = run_step_ask(rig->run, (size_t)at);
	const char *word;

	assert_non_null(ask);
	if (s->ask == ASK_MANUAL)
		word = chance(3) == 0 ? "failed" : "done";
	else if (s->ask == ASK_UNKNOWN)
		word = chance(2) == 0 ? "done" : "not_done";
	else
		word = failed_words[chance(4)];
	snprintf(said, size, " s%d:%s", at, word);
	send(rig, "answer", json_pack("{s:I, s:s, s:s}", "ask", (json_int_t)ask->id, "answer", word, "note", "because"));
	const enum mask asked = s->ask;
	s->ask = ASK_NONE;
	if (strcmp(word, "retry") == 0)
		begin(m, s, true);
	else if (strcmp(word, "skip") == 0)
		s->state = M_SKIPPED;
	else if (strcmp(word, "force") == 0)
		s->state = M_OK;
	else if (asked == ASK_MANUAL && strcmp(word, "done") == 0)
		s->state = M_OK;
	else if (asked == ASK_MANUAL)
		failed(m, s);
	else if (asked == ASK_UNKNOWN && strcmp(word, "not_done") == 0 && !m->aborting)
		failed(m, s);
	else if (asked == ASK_UNKNOWN && !m->aborting) {
		s->effects++;
		begin(m, s, false);
	} else if (asked == ASK_UNKNOWN) { /* known now, and the run is being undone */
		s->effects += strcmp(word, "done") == 0;
		s->state = M_UNKNOWN;
	}
}

/* One move that the engine must take; false when there is none. */
static bool move(struct rig *rig, struct model *m, char *said, size_t size)
{
	const unsigned kind = chance(10);
	const int at = (int)chance((unsigned)m->count);
	struct mstep *s = &m->steps[at];
	char id[8];

	said[0] = '\0';
	snprintf(id, sizeof(id), "s%d", at);
	if (kind == 0 && !m->paused) {
		snprintf(said, size, " pause");
		send(rig, "act", json_pack("{s:s}", "action", "pause"));
		m->paused = true;
	} else if (kind == 1 || (m->paused && kind < 4)) {
		snprintf(said, size, " continue");
		send(rig, "act", json_pack("{s:s}", "action", "continue"));
		m->paused = false;
	} else if (kind == 2 && chance(6) == 0) {
		m->undo = chance(2) == 0;
		snprintf(said, size, m->undo ? " abort-undo" : " abort");
		send(rig, "act", json_pack("{s:s, s:s, s:b}", "action", "abort", "note", "enough", "undo", m->undo));
		m->aborting = true;
	} else if (s->state == M_PENDING && s->ask == ASK_NONE && kind == 3) {
		snprintf(said, size, " skip-s%d", at);
		send(rig, "act", json_pack("{s:s, s:s, s:s}", "action", "skip", "step", id, "note", "because"));
		s->state = M_SKIPPED;
	} else if (s->state == M_RUNNING && !s->manual && kind > 3) {
		snprintf(said, size, " stop-s%d", at);
		send(rig, "act", json_pack("{s:s, s:s}", "action", "stop_step", "step", id));
		stop(m, s);
	} else if (s->ask != ASK_NONE && kind > 3) {
		answer(rig, m, at, said, size);
	}
	return said[0] != '\0';
}

static void one(struct rig *rig, uint64_t seed)
{
	struct model model;
	json_t *steps = json_array();
	char said[40];

	moves[0] = '\0';
	sequence = seed;
	lot = seed * 2654435761ULL + 1;
	make(&model, steps);
	start(rig, steps);
	settle(&model);
	compare(rig, &model, seed, moves);
	for (int n = 0; n < MOVES_MAX && model.ended == NULL && !model.aborting;) {
		if (!move(rig, &model, said, sizeof(said)))
			continue;
		n++;
		if (strlen(moves) + strlen(said) < sizeof(moves))
			strcat(moves, said);
		settle(&model);
		if (model.aborting && model.ended == NULL)
			break; /* waits for what nobody knows */
		compare(rig, &model, seed, moves);
	}
	if (model.ended == NULL) { /* enough of it */
		struct err err = {0};
		json_t *body = json_pack("{s:I, s:s, s:s}", "run", (json_int_t)rig->id, "action", "abort", "note", "end");
		if (client_ask(rig->client, "act", body, NULL, &err) != ERR_NONE)
			assert_int_equal(err.code, ERR_NOT_FOUND);
		while (rig->run->status == RUN_OPEN)
			follow(rig, 100);
	}
}

static void the_same_states(void **state)
{
	const char *first = getenv("MODEL_SEED"), *count = getenv("MODEL_COUNT");
	const uint64_t from = first != NULL ? strtoull(first, NULL, 10) : 1;
	const int sequences = count != NULL ? atoi(count) : first != NULL ? 1 : times(300, 100000);

	for (int i = 0; i < sequences; i++)
		one(*state, from + (uint64_t)i);
	print_message("%d sequences, the same states after each of their moves\n", sequences);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_states, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
