/* live.c: open runs.  Events go in through live_emit, commits come out through batches_collect.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct live *live_find(struct server *server, int64_t run)
{
	for (struct live *live = server->lives; live != NULL; live = live->next)
		if (live->id == run)
			return live;
	return NULL;
}

const json_t *plan_step(const struct live *live, size_t step)
{
	return json_array_get(json_object_get(live->plan, "steps"), step);
}

/* The same guard the worker keeps in C; here it keeps a worker that was tampered with honest.
 */
bool plan_mode_allows(const struct live *live, const char *target)
{
	const json_t *row = json_object_get(json_object_get(live->plan, "targets"), target);
	const json_t *environment = json_object_get(
		json_object_get(live->plan, "environments"), json_str(row, "environment", ""));
	const json_t *mode;
	size_t i;

	if (simulating(live)) /* nothing is touched */
		return true;
	json_array_foreach(json_object_get(environment, "modes"), i, mode)
		if (str_eq(json_string_value(mode), live->run->mode))
			return true;
	return false;
}

/* ------------------------------------------------------------------ batches */

static struct batch *batch_current(struct server *server)
{
	if (server->batch == NULL) {
		server->batch = xmalloc(sizeof(*server->batch));
		server->batch->urgency = JOURNAL_SOON;
	}
	return server->batch;
}

static void batch_add(struct server *server, const struct event *event)
{
	struct batch *batch = batch_current(server);

	if (batch->count == batch->cap) {
		batch->cap = batch->cap ? batch->cap * 2 : 8;
		batch->events = xrealloc(batch->events, batch->cap * sizeof(*batch->events));
	}
	batch->events[batch->count++] = *event;
}

void batch_urgent(struct server *server)
{
	batch_current(server)->urgency = JOURNAL_NOW;
}

struct after *batch_after(struct server *server, enum after_what what)
{
	struct batch *batch = batch_current(server);

	if (batch->after_count == batch->after_cap) {
		batch->after_cap = batch->after_cap ? batch->after_cap * 2 : 8;
		batch->afters =
			xrealloc(batch->afters, batch->after_cap * sizeof(*batch->afters));
	}
	struct after *after = &batch->afters[batch->after_count++];
	*after = (struct after){ .what = what };
	return after;
}

static void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->after_count; i++)
		json_decref(batch->afters[i].message);
	free(batch->afters);
	for (size_t i = 0; i < batch->count; i++)
		event_release(&batch->events[i]);
	free(batch->events);
	json_decref(batch->keep);
	free(batch);
}

/* The writer gets references of its own, so that a batch whose commit failed can be handed in
 * again. */
static void batch_hand_over(struct server *server, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		json_incref(batch->events[i].payload);
	server->in_flight++;
	journal_submit(server->writer, batch->events, batch->count, json_incref(batch->keep),
		batch->urgency, batch);
}

void batch_submit(struct server *server)
{
	struct batch *batch = server->batch;

	if (batch == NULL)
		return;
	server->batch = NULL;
	if (server->failed_count > 0) { /* order: behind what failed before it */
		server->failed = xrealloc(
			server->failed, (server->failed_count + 1) * sizeof(struct batch *));
		server->failed[server->failed_count++] = batch;
		return;
	}
	batch_hand_over(server, batch);
}

static void journal_state(struct server *server, bool ok, const char *text)
{
	if (server->journal_ok == ok)
		return;
	server->journal_ok = ok;
	log_line(ok ? LOG_INFO : LOG_ERROR, "journal: %s", text);
	json_t *body = json_object(), *push = json_object();
	json_put_flag(body, "ok", ok);
	json_put_str(body, "text", text);
	json_put(push, "journal", body);
	conns_push_all(server, push);
}

static void retry_failed(struct server *server, int64_t a, int64_t b)
{
	struct batch **again = server->failed;
	const size_t count = server->failed_count;

	(void)a, (void)b;
	server->retry_armed = false;
	server->failed = NULL;
	server->failed_count = 0;
	for (size_t i = 0; i < count; i++)
		batch_hand_over(server, again[i]);
	free(again);
}

static void batch_failed(struct server *server, struct batch *batch, const struct err *why)
{
	struct err err;

	if (why->code == ERR_PROTOCOL) /* not the disk's fault, and no better the next time: a
					  new server reads what is true */
		base_die("the journal refuses an event: %s", why->text);
	if (why->code == ERR_HELD) { /* nor ever again: somebody else writes it now */
		batch_free(batch);
		server_fenced(server, why);
		return;
	}
	server->failed =
		xrealloc(server->failed, (server->failed_count + 1) * sizeof(struct batch *));
	server->failed[server->failed_count++] = batch;
	if (server->journal_ok && journal_release_reserve(server->journal, &err) != ERR_NONE)
		log_line(LOG_WARN, "the journal's reserve: %s", err.text);
	journal_state(server, false, why->text);
	if (!server->retry_armed) {
		server->retry_armed = true;
		timer_start(server, RETRY_JOURNAL_MS, retry_failed, 0, 0);
	}
}

static void after_commit(struct server *server, struct after *after)
{
	struct worker *worker;
	struct conn *conn;
	struct live *live;

	switch (after->what) {
	case AFTER_ACK:
		worker = worker_find(server, after->worker);
		if (worker != NULL)
			worker_tell(worker, "ack", after->ordinal, NULL, NULL);
		break;
	case AFTER_REPLY:
		conn = conn_find(server, after->conn);
		if (conn != NULL)
			conn_push(conn, json_incref(after->message));
		break;
	case AFTER_FORGET:
		live = live_find(server, after->run);
		if (live != NULL)
			live_free(live);
		break;
	}
}

void batches_collect(struct server *server)
{
	struct journal_done done;

	while (journal_collect(server->writer, &done)) {
		struct batch *batch = done.token;
		server->in_flight--;
		if (done.code != ERR_NONE) {
			batch_failed(server, batch, &done.err);
			journal_done_free(&done);
			continue;
		}
		journal_state(server, true, "writes again");
		for (size_t i = 0; i < done.count; i++) {
			struct live *live = live_find(server, done.events[i].chain);
			if (live != NULL)
				live->committed = done.events[i].pos + 1;
			if (done.events[i].chain > 0)
				conns_push_event(server, &done.events[i]);
		}
		for (size_t i = 0; i < batch->after_count; i++)
			after_commit(server, &batch->afters[i]);
		batch_free(batch);
		journal_done_free(&done);
	}
	forecasts_tell(server);
}

/* ------------------------------------------------------------------ events */

void live_emit(
	struct live *live, enum event_kind kind, json_t *payload, const struct actor *actor)
{
	struct err err = { 0 };
	struct event event = { .chain = live->id,
		.pos = live->run->next_pos,
		.kind = kind,
		.payload = payload != NULL ? payload : json_object(),
		.actor = actor != NULL ? *actor : program_actor };

	event_stamp(&event, live->server->epoch);
	if (run_apply(live->run, &event, &err) != ERR_NONE)
		base_die("run %lld, %s: %s", (long long)live->id, event_kinds[kind].name,
			err.text);
	batch_add(live->server, &event);
	/* only a read's result and a plain outcome may wait for company; see
	 * docs/architecture.md, the journal */
	if (kind != EVENT_OP_READ && kind != EVENT_OP_RESULT && kind != EVENT_STEP_FINISHED &&
		kind != EVENT_STEP_STARTED && kind != EVENT_STEP_PHASE)
		batch_urgent(live->server);
	live->dirty = live->moved = true;
}

void ledger_emit(struct server *server, enum event_kind kind, json_t *payload)
{
	struct event event = { .kind = kind, .payload = payload, .actor = program_actor };

	event_stamp(&event, server->epoch);
	batch_add(server, &event);
}

static void keep_bytes(struct server *server, const char *bytes, size_t len, const char *hex)
{
	struct batch *batch = batch_current(server);
	json_t *row = json_object();
	char *encoded = base64_encode(bytes, len);

	json_put_str(row, "sha256", hex);
	json_put(row, "base64", json_string(encoded));
	free(encoded);
	if (batch->keep == NULL)
		batch->keep = json_array();
	json_array_append_new(batch->keep, row);
}

/* ------------------------------------------------------------------ start and end */

static const char *const step_members[] = { "id", "title", "owner", "kind", "needs", "within", "uses",
	"level", "expect_ms", "wait_ms", "marks", "time", "parallel" };
static const char *const service_members[] = { "name", "rto_ms", "rpo_ms", "tier", "owner" };

static json_t *pick(const json_t *rows, const char *const *names, size_t count)
{
	json_t *out = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_t *few = json_object();
		for (size_t k = 0; k < count; k++)
			if (json_object_get(row, names[k]) != NULL)
				json_object_set(few, names[k], json_object_get(row, names[k]));
		json_array_append_new(out, few);
	}
	return out;
}

/* Keeps the bytes of the plan and of its files, and names them: {"plan", "files"}. */
json_t *plan_payload(struct server *server, const json_t *plan)
{
	json_t *payload = json_object(), *files = json_array();
	const json_t *file;
	char hex[SHA256_HEX];
	size_t i;

	char *line = json_line(plan);
	sha256_hex(sha256_of(line, strlen(line)), hex);
	keep_bytes(server, line, strlen(line), hex);
	json_put_str(payload, "plan", hex);
	free(line);
	json_array_foreach(json_object_get(plan, "files"), i, file) {
		const json_t *text = json_object_get(file, "text");
		json_t *row = json_object();
		sha256_hex(sha256_of(json_string_value(text), json_string_length(text)), hex);
		keep_bytes(server, json_string_value(text), json_string_length(text), hex);
		json_put_str(row, "path", json_str(file, "path", ""));
		json_put_str(row, "sha256", hex);
		json_array_append_new(files, row);
	}
	json_put(payload, "files", files);
	return payload;
}

json_t *step_rows(const json_t *steps)
{
	return pick(steps, step_members, COUNT_OF(step_members));
}

static json_t *started_payload(struct server *server, const json_t *plan)
{
	json_t *payload = plan_payload(server, plan);

	json_object_set(payload, "runbook", json_object_get(plan, "runbook"));
	json_object_set(payload, "workspace", json_object_get(plan, "workspace"));
	json_object_set(payload, "mode", json_object_get(plan, "mode"));
	json_object_set(payload, "params", json_object_get(plan, "params"));
	if (json_object_get(plan, "parallel") != NULL)
		json_object_set(payload, "parallel", json_object_get(plan, "parallel"));
	json_put(payload, "services",
		pick(json_object_get(plan, "services"), service_members,
			COUNT_OF(service_members)));
	json_put(payload, "steps",
		step_rows(json_object_get(plan, "steps")));
	return payload;
}

/* Only what the engine itself relies on; the rest was checked where the plan was made. */
enum err_code check_plan(const json_t *plan, struct err *err)
{
	static const char *const modes[] = { "probe", "simulate", "tabletop", "drill", "live" };
	const char *mode = json_str(plan, "mode", "");
	const json_t *file, *steps = json_object_get(plan, "steps");
	bool known = false;
	size_t i;

	if (!str_eq(json_str(plan, "format", ""), "plan/1"))
		return err_set(err, ERR_VERSION, "not a plan of a format this server knows");
	for (i = 0; i < COUNT_OF(modes); i++)
		known = known || str_eq(mode, modes[i]);
	if (!known)
		return err_set(
			err, ERR_USAGE, "unknown mode \"%s\": probe, simulate, tabletop, drill or live", mode);
	if (str_eq(mode, "simulate") && !json_is_object(json_object_get(plan, "recording")))
		return err_set(err, ERR_USAGE, "a simulation needs a recording to answer from");
	if (json_array_size(steps) == 0 || json_array_size(steps) > 10000)
		return err_set(err, ERR_USAGE, "a plan has 1 to 10000 steps, this one has %zu",
			json_array_size(steps));
	json_array_foreach(json_object_get(plan, "files"), i, file)
		if (!json_is_string(json_object_get(file, "text")))
			return err_set(err, ERR_PROTOCOL, "a file of the plan has no text");
	return ERR_NONE;
}

static bool plan_has_secrets(const json_t *plan)
{
	const char *name;
	json_t *target;

	json_object_foreach(json_object_get(plan, "targets"), name, target)
		if (json_object_size(json_object_get(target, "secrets")) > 0)
			return true;
	return false;
}

/* Whether a run of this mode calls anything outside. */
static bool touches(const char *mode)
{
	return !str_eq(mode, "tabletop") && !str_eq(mode, "simulate");
}

struct live *live_adopt(struct server *server, struct run *run, json_t *plan)
{
	struct live *live = xmalloc(sizeof(*live));
	const size_t count = json_array_size(json_object_get(plan, "steps"));

	*live = (struct live){
		.server = server, .id = run->id, .run = run, .plan = plan, .secrets_fd = -1, .given_fd = -1
	};
	live->steps = xmalloc(count * sizeof(*live->steps));
	live->secrets_needed = plan_has_secrets(plan) && touches(json_str(plan, "mode", ""));
	live->committed = run->next_pos;
	live->next = server->lives;
	server->lives = live;
	return live;
}

enum err_code live_may_start(struct server *server, const json_t *plan, struct err *err)
{
	if (!server->journal_ok)
		return err_set(
			err, ERR_JOURNAL, "the journal cannot be written: no run starts");
	TRY(check_plan(plan, err));
	TRY(halt_check(server, plan, err));
	return locks_check(server, plan, NULL, err);
}

enum err_code live_start(struct server *server, const json_t *plan, const struct actor *actor,
	struct live **out, struct err *err)
{
	struct err ignored;
	int64_t id;

	TRY(live_may_start(server, plan, err));
	TRY(journal_next_run(server->reader, &id, err));
	if (id < server->next_run)
		id = server->next_run;
	/* a dry fold first: a plan that cannot be folded must not reach the journal */
	struct run *trial = run_new();
	json_t *payload = started_payload(server, plan);
	struct event event = { .chain = id, .kind = EVENT_RUN_STARTED, .payload = payload };
	const enum err_code code = run_apply(trial, &event, err);
	run_free(trial);
	if (code != ERR_NONE) {
		json_decref(payload);
		return err_context(err, "the plan");
	}
	(void)ignored;
	server->next_run = id + 1;
	struct run *run = run_new();
	run->id = id;
	*out = live_adopt(server, run, json_incref((json_t *)(uintptr_t)plan));
	(*out)->id = id;
	live_emit(*out, EVENT_RUN_STARTED, payload, actor);
	return ERR_NONE;
}

void live_end(struct live *live, enum run_status status, const char *reason,
	const struct actor *actor)
{
	json_t *payload = json_object();

	if (live->ending)
		return;
	live->ending = true;
	json_put_str(payload, "status", run_status_name(status));
	json_put_str(payload, "reason", reason ? reason : "");
	json_put_int(payload, "debris", (int64_t)run_debris(live->run));
	live_emit(live, EVENT_RUN_ENDED, payload, actor);
	run_seal(live->server, live->id);
	batch_after(live->server, AFTER_FORGET)->run = live->id;
}

/* The journal adds how many events the run has and the hash of the last one. */
void run_seal(struct server *server, int64_t run)
{
	json_t *payload = json_object();

	json_put_int(payload, "run", run);
	ledger_emit(server, EVENT_RUN_SEALED, payload);
	batch_urgent(server);
}

void live_free(struct live *live)
{
	struct live **at = &live->server->lives;

	while (*at != live)
		at = &(*at)->next;
	*at = live->next;
	for (size_t i = 0; i < live->run->step_count; i++) {
		json_decref(live->steps[i].outputs);
		json_decref(live->steps[i].output);
		free(live->steps[i].confirmed);
		free(live->steps[i].seen);
	}
	free(live->steps);
	if (live->secrets_fd >= 0)
		close(live->secrets_fd);
	if (live->given_fd >= 0)
		close(live->given_fd);
	if (live->server->lives == NULL)
		spare_dismiss(live->server);
	forecast_forget(live);
	run_free(live->run);
	json_decref(live->plan);
	free(live);
}
