/* request.c: what a terminal may ask for, one row each. */
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTPUT_CHUNK_MAX = 1 << 20, NOTE_MAX = 16384 };

struct request {
	struct conn *conn;
	struct server *server;
	const json_t *body;
	struct live *live; /* for requests about an open run */
	json_t *answer;
	bool durable; /* the answer waits for the commit of what was emitted */
	bool later;   /* it is given by start_examined */
	int given_fd; /* came with a request that says "secrets"; closed unless taken; -1 = none */
};

/* ------------------------------------------------------------------ the connection */

static enum err_code do_hello(struct request *r, struct err *err)
{
	const int64_t proto = json_int(r->body, "proto", 0);

	if (proto != WIRE_PROTOCOL_MAJOR)
		return err_set(err, ERR_VERSION,
			"this server (%s) speaks protocol %d, you speak %lld: `drillbook "
			"server stop` works, then start anew",
			r->server->options->version, WIRE_PROTOCOL_MAJOR, (long long)proto);
	r->conn->greeted = true;
	json_put_int(r->answer, "proto", WIRE_PROTOCOL_MAJOR);
	json_put_str(r->answer, "version", r->server->options->version);
	json_put_int(r->answer, "epoch", r->server->epoch);
	json_put_int(r->answer, "pid", getpid());
	json_put_int(r->answer, "uid", r->conn->actor.uid);
	json_put_str(r->answer, "name", r->conn->actor.name);
	json_put_flag(r->answer, "read_only", r->conn->read_only);
	json_put_flag(r->answer, "team", team_server(r->server));
	return ERR_NONE;
}

static enum err_code do_whoami(struct request *r, struct err *err)
{
	const struct person *person = person_of(r->server, r->conn->actor.uid);

	(void)err;
	json_put_int(r->answer, "uid", person->uid);
	json_put_str(r->answer, "name", person->name);
	json_put(r->answer, "groups", json_incref(person->groups));
	json_put(r->answer, "roles", roles_json(person_roles(r->server, person->uid)));
	json_put_flag(r->answer, "read_only", r->conn->read_only);
	json_put_flag(r->answer, "team", team_server(r->server));
	json_put_str(r->answer, "config_error", r->server->team.broken);
	return ERR_NONE;
}

static enum err_code do_status(struct request *r, struct err *err)
{
	int64_t open = 0, conns = 0, workers = 0, commits, events;

	(void)err;
	for (const struct live *live = r->server->lives; live != NULL; live = live->next)
		open += !live->ending;
	for (const struct conn *conn = r->server->conns; conn != NULL; conn = conn->next)
		conns++;
	for (const struct worker *worker = r->server->workers; worker != NULL;
		worker = worker->next)
		workers++;
	journal_writer_counts(r->server->writer, &commits, &events);
	json_put_int(r->answer, "epoch", r->server->epoch);
	json_put_int(r->answer, "pid", getpid());
	json_put_str(r->answer, "version", r->server->options->version);
	json_put_int(r->answer, "runs_open", open);
	json_put_int(r->answer, "clients", conns - 1); /* without who asks */
	json_put_int(r->answer, "workers", workers);
	json_put_int(r->answer, "commits", commits);
	json_put_int(r->answer, "events", events);
	json_put_str(r->answer, "journal", r->server->journal_ok ? "ok" : "cannot be written");
	return ERR_NONE;
}

static enum err_code do_stop(struct request *r, struct err *err)
{
	for (const struct live *live = r->server->lives; live != NULL; live = live->next)
		if (!live->ending && !json_flag(r->body, "force", false))
			return err_set(err, ERR_HELD,
				"run %lld is open: end it, or use --force (it is taken up "
				"again by the next server)",
				(long long)live->id);
	server_stop(r->server, "on request");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ runs */

/* used: rules of the policy that were overridden; may be NULL. */
static enum err_code start(struct request *r, const json_t *plan, const json_t *used,
	int given_fd, struct err *err)
{
	struct live *live;
	const int64_t t0 = json_int(r->body, "t0_ns", 0);
	const char *note = json_str(r->body, "note", NULL);
	const json_t *rule;
	json_t *payload;
	size_t i;

	const bool only_ask = json_flag(r->body, "check", false);
	const enum err_code code = only_ask ? live_may_start(r->server, plan, err)
					    : live_start(r->server, plan, &r->conn->actor, &live, err);
	if (only_ask)
		json_put(r->answer, "overrides", used != NULL ? json_copy((json_t *)(uintptr_t)used) : json_array());
	if (only_ask || code != ERR_NONE) {
		if (given_fd >= 0)
			close(given_fd);
		return code;
	}
	live->given_fd = given_fd;
	live->lead_conn = r->conn->id;
	json_array_foreach(used, i, rule)
		live_deviate(live, "override", json_string_value(rule), json_str(r->body, "reason", ""),
			NULL, &r->conn->actor);
	if (t0 > 0) {
		payload = json_object();
		json_put_str(payload, "clock", "t0");
		json_put_int(payload, "at_ns", t0);
		json_put_str(payload, "basis", "stated");
		live_emit(live, EVENT_CLOCK_SET, payload, &r->conn->actor);
	}
	if (note != NULL && note[0] != '\0' && strlen(note) <= NOTE_MAX) {
		payload = json_object();
		json_put_str(payload, "text", note);
		live_emit(live, EVENT_NOTE_ADDED, payload, &r->conn->actor);
	}
	r->durable = true;
	json_put_int(r->answer, "run", live->id);
	return ERR_NONE;
}

static int take_given(struct request *r)
{
	const int fd = r->given_fd;

	r->given_fd = -1;
	return fd;
}

static enum err_code do_start(struct request *r, struct err *err)
{
	if (strlen(json_str(r->body, "reason", "")) > NOTE_MAX)
		return err_set(err, ERR_LIMIT, "a reason has at most %d bytes", NOTE_MAX);
	if (!examine_needed(r->server)) {
		if (json_array_size(json_object_get(r->body, "override")) > 0)
			return err_set(err, ERR_USAGE, "there is no policy here that could be overridden");
		return start(r, json_object_get(r->body, "plan"), NULL, take_given(r), err);
	}
	r->later = true;
	return examine_begin(r->conn, r->body, take_given(r), err);
}

/* Without a descriptor: which secrets the run is waiting for a person to give. With one: here they are. */
static enum err_code do_secrets(struct request *r, struct err *err)
{
	json_t *list = json_array(), *target, *source;
	const char *name, *setting;
	const int fd = take_given(r);

	if (fd >= 0) {
		if (r->live->given_fd >= 0)
			close(r->live->given_fd);
		r->live->given_fd = fd;
		r->live->secrets_again = r->live->secrets_pending;
		r->live->secrets_missing = false;
		if (r->live->secrets_fd < 0 && r->live->run->paused)
			live_emit(r->live, EVENT_RUN_CONTINUED, NULL, &r->conn->actor);
		r->live->dirty = r->durable = true;
	}
	json_object_foreach(json_object_get(r->live->plan, "targets"), name, target)
		json_object_foreach(json_object_get(target, "secrets"), setting, source) {
			if (json_object_get(source, "env") == NULL && json_object_get(source, "typed") == NULL)
				continue;
			json_t *row = json_copy(source);
			char *full = xasprintf("%s/%s", name, setting);
			json_put_str(row, "name", full);
			free(full);
			json_array_append_new(list, row);
		}
	json_put(r->answer, "secrets", list);
	json_put_flag(r->answer, "needed", r->live->secrets_needed && r->live->secrets_fd < 0);
	(void)err;
	return ERR_NONE;
}

static enum err_code do_runs(struct request *r, struct err *err)
{
	const struct journal_filter filter = { .limit = json_int(r->body, "limit", 50),
		.runbook = json_str(r->body, "runbook", NULL),
		.service = json_str(r->body, "service", NULL),
		.mode = json_str(r->body, "mode", NULL),
		.open_only = json_flag(r->body, "open", false) };
	json_t *runs = NULL, *row;
	size_t i;

	TRY(journal_runs(r->server->reader, &filter, &runs, err));
	json_array_foreach(runs, i, row) {
		const struct live *live = live_find(r->server, json_int(row, "run", 0));
		json_put_int(row, "asks", live != NULL ? (int64_t)live->run->ask_count : 0);
		if (live != NULL)
			json_put_flag(row, "paused", live->run->paused);
	}
	json_put(r->answer, "runs", runs);
	return ERR_NONE;
}

static enum err_code do_evidence(struct request *r, struct err *err)
{
	return evidence_of(r->server, json_int(r->body, "run", 0), r->answer, err);
}

static void take_lead(struct live *live, struct conn *conn, bool announce)
{
	live->lead_conn = conn->id;
	if (!announce && str_eq(live->run->lead, conn->actor.name))
		return;
	json_t *payload = json_object();
	json_put_str(payload, "who", conn->actor.name);
	json_put_str(payload, "from", live->run->lead);
	live_emit(live, EVENT_LEAD_TAKEN, payload, &conn->actor);
}

static enum err_code do_attach(struct request *r, struct err *err)
{
	const int64_t id = json_int(r->body, "run", 0);
	struct live *live = live_find(r->server, id);
	struct err not_allowed = { 0 };
	struct sha256 head;
	int64_t last;

	if (live == NULL && journal_head(r->server->reader, id, &last, &head, err) != ERR_NONE)
		return err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)id);
	r->conn->run = id;
	r->conn->next_pos = json_int(r->body, "from", 0);
	r->conn->caught_up = r->conn->told_caught_up = false;
	r->conn->watch = json_flag(r->body, "watch", false) || r->conn->read_only ||
			 !(person_roles(r->server, r->conn->actor.uid) & ROLE_OPERATOR);
	if (live != NULL && !live->ending && live->lead_conn == 0 && !r->conn->watch &&
		policy_lead(live, r->conn->actor.uid, &not_allowed) == ERR_NONE)
		take_lead(live, r->conn, false);
	json_put_int(r->answer, "run", id);
	json_put_str(r->answer, "lead", live != NULL ? live->run->lead : "");
	json_put_flag(r->answer, "lead_is_you", live != NULL && live->lead_conn == r->conn->id);
	json_put_flag(r->answer, "open", live != NULL && !live->ending);
	return ERR_NONE;
}

static enum err_code do_detach(struct request *r, struct err *err)
{
	struct live *live = live_find(r->server, r->conn->run);
	const int64_t run = r->conn->run;

	(void)err;
	if (live != NULL && live->lead_conn == r->conn->id)
		live->lead_conn = 0;
	r->conn->run = 0;
	people_changed(r->server, run);
	return ERR_NONE;
}

static enum err_code do_lead(struct request *r, struct err *err)
{
	TRY(policy_lead(r->live, r->conn->actor.uid, err));
	r->conn->watch = false;
	take_lead(r->live, r->conn, true);
	r->durable = true;
	people_changed(r->server, r->live->id);
	return ERR_NONE;
}

static enum err_code must_lead(const struct request *r, bool stopping, struct err *err)
{
	if (r->live->lead_conn == 0 && !r->conn->watch) {
		if (!stopping) /* what ends things is open to every operator */
			TRY(policy_lead(r->live, r->conn->actor.uid, err));
		take_lead(r->live, r->conn, false);
	}
	if (r->live->lead_conn != r->conn->id)
		return err_set(err, ERR_HELD, "%s leads run %lld: take the lead first (L on the screen, --lead of act and answer)",
			r->live->run->lead, (long long)r->live->id);
	return ERR_NONE;
}

/* Who approves does not lead: it is somebody else on purpose. */
static enum err_code do_answer(struct request *r, struct err *err)
{
	const struct ask *ask = run_ask(r->live->run, json_int(r->body, "ask", -1));
	const bool approval = ask != NULL && str_eq(ask->kind, "approve");

	TRY(conn_must(r->conn, approval ? ROLE_APPROVER : ROLE_OPERATOR, err));
	if (!approval)
		TRY(must_lead(r, false, err));
	r->durable = true;
	return step_answer(r->live, r->body, &r->conn->actor, err);
}

static enum err_code do_output(struct request *r, struct err *err)
{
	const int64_t run = json_int(r->body, "run", 0), max = json_int(r->body, "max", 65536);
	int64_t offset = json_int(r->body, "offset", 0),
		attempt = json_int(r->body, "attempt", 0);
	const char *id = json_str(r->body, "step", "");
	const struct live *live = live_find(r->server, run);
	struct run *folded = NULL;
	enum err_code code = ERR_NONE;
	int fd = -1;

	if (live == NULL)
		TRY(journal_run(r->server->reader, run, &folded, err));
	const struct run *state = live != NULL ? live->run : folded;
	const struct step *step = run_step(state, id);
	if (step == NULL) {
		run_free(folded);
		return err_set(
			err, ERR_NOT_FOUND, "run %lld has no step \"%s\"", (long long)run, id);
	}
	if (attempt <= 0)
		attempt = step->attempt;
	char *name = output_name(run, (size_t)(step - state->steps), attempt);
	char *path = xasprintf("%s/outputs/%s", r->server->options->data_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st = { 0 };
	if (fd >= 0)
		fstat(fd, &st);
	if (offset < 0)
		offset = st.st_size + offset < 0 ? 0 : st.st_size + offset;
	const size_t want = max < 0		     ? 0
			    : max > OUTPUT_CHUNK_MAX ? OUTPUT_CHUNK_MAX
						     : (size_t)max;
	char *bytes = xmalloc(want + 1);
	const ssize_t n = fd >= 0 ? pread(fd, bytes, want, offset) : 0;
	char *text = base64_encode(bytes, n > 0 ? (size_t)n : 0);
	json_put_str(r->answer, "data", text);
	json_put_int(r->answer, "offset", offset);
	json_put_int(r->answer, "size", st.st_size);
	json_put_int(r->answer, "attempt", attempt);
	if (fd >= 0)
		close(fd);
	free(text);
	free(bytes);
	free(path);
	free(name);
	run_free(folded);
	return code;
}

/* ------------------------------------------------------------------ acts */

static enum err_code note_of(const struct request *r, const char **out, struct err *err)
{
	*out = json_str(r->body, "note", "");
	if (strlen(*out) > NOTE_MAX)
		return err_set(err, ERR_LIMIT, "a note has at most %d bytes", NOTE_MAX);
	return ERR_NONE;
}

static enum err_code reason_of(const struct request *r, const char **out, struct err *err)
{
	TRY(note_of(r, out, err));
	if ((*out)[0] == '\0')
		return err_set(err, ERR_USAGE, "this needs a note that says why");
	return ERR_NONE;
}

static enum err_code step_of(const struct request *r, size_t *out, struct err *err)
{
	const char *id = json_str(r->body, "step", "");
	const struct step *step = run_step(r->live->run, id);

	if (step == NULL)
		return err_set(err, ERR_NOT_FOUND, "the run has no step \"%s\"", id);
	*out = (size_t)(step - r->live->run->steps);
	return ERR_NONE;
}

static json_t *reason_payload(const char *note)
{
	json_t *payload = json_object();

	json_put_str(payload, "reason", note);
	return payload;
}

/* A step that came later and is not out of the way. */
static bool step_blocks_undo(const struct step *step)
{
	return step->state != STEP_PENDING && step->state != STEP_SKIPPED && step->state != STEP_UNDONE;
}

static enum err_code act_pause(struct request *r, struct err *err)
{
	const char *note;

	TRY(note_of(r, &note, err));
	if (!r->live->run->paused)
		live_emit(r->live, EVENT_RUN_PAUSED, reason_payload(note), &r->conn->actor);
	return ERR_NONE;
}

static enum err_code act_continue(struct request *r, struct err *err)
{
	(void)err;
	r->live->secrets_missing = false;
	if (r->live->run->paused)
		live_emit(r->live, EVENT_RUN_CONTINUED, NULL, &r->conn->actor);
	return ERR_NONE;
}

/* Answers the open question about a failed step, so that an act and an answer are one path. */
static enum err_code answer_failed(
	struct request *r, size_t step, const char *word, struct err *err)
{
	const struct ask *ask = run_step_ask(r->live->run, step);
	json_t *request;

	if (ask == NULL || (!str_eq(ask->kind, "failed") && !str_eq(ask->kind, "diverged")))
		return err_set(err, ERR_CONFLICT, "step \"%s\" is %s: there is nothing to %s",
			r->live->run->steps[step].id,
			step_state_name(r->live->run->steps[step].state), word);
	request = json_object();
	json_put_int(request, "ask", ask->id);
	json_put_str(request, "answer", word);
	json_put_str(request, "note", json_str(r->body, "note", ""));
	const enum err_code code = step_answer(r->live, request, &r->conn->actor, err);
	json_decref(request);
	return code;
}

static enum err_code act_skip(struct request *r, struct err *err)
{
	const char *note;
	size_t step = 0;

	TRY(reason_of(r, &note, err));
	TRY(step_of(r, &step, err));
	const struct ask *ask = run_step_ask(r->live->run, step);
	const bool preview = ask != NULL && r->live->run->steps[step].state == STEP_PENDING;
	TRY(approve_bypass(r->live, step, &r->conn->actor, err));
	if (r->live->run->steps[step].state != STEP_PENDING || (ask != NULL && !preview))
		return answer_failed(r, step, "skip", err);
	live_deviate(r->live, "skip", NULL, note, r->live->run->steps[step].id, &r->conn->actor);
	for (size_t i = 0; i < r->live->run->step_count; i++) /* a group goes with its members */
		if (i != step && r->live->run->steps[i].state == STEP_PENDING &&
			run_step_within(r->live->run, i, step))
			step_finish(r->live, i, STEP_SKIPPED, reason_payload(note), &r->conn->actor);
	step_finish(r->live, step, STEP_SKIPPED, reason_payload(note), &r->conn->actor);
	return ERR_NONE;
}

static enum err_code act_retry(struct request *r, struct err *err)
{
	size_t step = 0;

	TRY(step_of(r, &step, err));
	return answer_failed(r, step, "retry", err);
}

static enum err_code act_stop_step(struct request *r, struct err *err)
{
	size_t step = 0;

	TRY(step_of(r, &step, err));
	const struct step *row = &r->live->run->steps[step];
	if (row->state != STEP_RUNNING)
		return err_set(err, ERR_CONFLICT, "step \"%s\" is not running", row->id);
	step_stop(r->live, step, "stopped by an operator");
	return ERR_NONE;
}

static enum err_code act_abort(struct request *r, struct err *err)
{
	const char *note;

	TRY(reason_of(r, &note, err));
	run_abort(r->live, note, json_flag(r->body, "undo", false), false, &r->conn->actor);
	return ERR_NONE;
}

/* Takes one step back; who needs it must not have begun. */
static enum err_code act_undo(struct request *r, struct err *err)
{
	const struct run *run = r->live->run;
	size_t step = 0;

	TRY(step_of(r, &step, err));
	if (run->aborting)
		return err_set(err, ERR_CONFLICT, "the run is being ended");
	if (!step_undoable(r->live, step))
		return err_set(err, ERR_CONFLICT, "step \"%s\" is %s: there is nothing to take back",
			run->steps[step].id, step_state_name(run->steps[step].state));
	for (size_t i = 0; i < run->step_count; i++)
		for (size_t k = 0; k < run->steps[i].needs_count; k++)
			if (run->steps[i].needs_index[k] == step && step_blocks_undo(&run->steps[i]))
				return err_set(err, ERR_CONFLICT,
					"step \"%s\" came after it and is %s: take that back first",
					run->steps[i].id, step_state_name(run->steps[i].state));
	step_undo(r->live, step, &r->conn->actor);
	return ERR_NONE;
}

/* Counts a failed step as done. */
static enum err_code act_force(struct request *r, struct err *err)
{
	const char *note;
	size_t step = 0;

	TRY(reason_of(r, &note, err));
	TRY(step_of(r, &step, err));
	return answer_failed(r, step, "force", err);
}

static enum err_code act_note(struct request *r, struct err *err)
{
	const char *note;
	json_t *payload;

	TRY(reason_of(r, &note, err));
	payload = json_object();
	json_put_str(payload, "text", note);
	if (run_step(r->live->run, json_str(r->body, "step", NULL)) != NULL)
		json_put_str(payload, "step", json_str(r->body, "step", NULL));
	live_emit(r->live, EVENT_NOTE_ADDED, payload, &r->conn->actor);
	return ERR_NONE;
}

static enum err_code act_clock(struct request *r, struct err *err)
{
	static const char *const clocks[] = { "t0", "t1", "t2", "t6" };
	const char *clock = json_str(r->body, "clock", "");
	const int64_t at = json_int(r->body, "at_ns", 0);
	json_t *payload;
	size_t i = 0;

	while (i < COUNT_OF(clocks) && !str_eq(clocks[i], clock))
		i++;
	if (i == COUNT_OF(clocks) || at <= 0 || at > wall_now().ns)
		return err_set(err, ERR_USAGE,
			"a clock is t0, t1, t2 or t6, at a time that has passed");
	payload = json_object();
	json_put_str(payload, "clock", clock);
	json_put_int(payload, "at_ns", at);
	json_put_str(payload, "basis", "stated");
	json_put_str(payload, "note", json_str(r->body, "note", ""));
	live_emit(r->live, EVENT_CLOCK_SET, payload, &r->conn->actor);
	return ERR_NONE;
}

static const struct {
	const char *name;
	enum err_code (*act)(struct request *r, struct err *err);
	bool anybody; /* also for who does not lead */
	bool stops;   /* also for who may not touch the targets of the run */
} acts[] = {
	{ "pause", act_pause, false, true },
	{ "continue", act_continue, false, false },
	{ "skip", act_skip, false, false },
	{ "retry", act_retry, false, false },
	{ "stop_step", act_stop_step, false, true },
	{ "abort", act_abort, false, true },
	{ "undo", act_undo, false, false },
	{ "force", act_force, false, false },
	{ "note", act_note, true, false },
	{ "clock", act_clock, false, false },
};

static enum err_code do_act(struct request *r, struct err *err)
{
	const char *name = json_str(r->body, "action", "");

	for (size_t i = 0; i < COUNT_OF(acts); i++) {
		if (!str_eq(acts[i].name, name))
			continue;
		if (!acts[i].anybody) {
			TRY(conn_must(r->conn, ROLE_OPERATOR, err));
			TRY(must_lead(r, acts[i].stops, err));
		}
		r->durable = true;
		return acts[i].act(r, err);
	}
	return err_set(err, ERR_USAGE, "unknown action \"%s\"", name);
}

/* A changed book for the steps that have not begun: {"plan", "note"}. */
static enum err_code do_adopt(struct request *r, struct err *err)
{
	const char *note;

	TRY(must_lead(r, false, err));
	TRY(reason_of(r, &note, err));
	if (examine_needed(r->server)) { /* a plan like any other: the server makes its own */
		r->later = true;
		return examine_begin(r->conn, r->body, -1, err);
	}
	r->durable = true;
	return live_adopt_plan(r->live, json_object_get(r->body, "plan"), note, &r->conn->actor, err);
}

/* The kill switch: {"action": "stop" | "allow" | "list", "workspace": ROOT, "note"}. */
static enum err_code do_drills(struct request *r, struct err *err)
{
	const char *action = json_str(r->body, "action", ""), *note;
	const char *workspace = json_str(r->body, "workspace", "");

	if (str_eq(action, "list")) {
		json_put(r->answer, "halted", halt_list(r->server));
		return ERR_NONE;
	}
	TRY(reason_of(r, &note, err));
	if (workspace[0] != '/' || (!str_eq(action, "stop") && !str_eq(action, "allow")))
		return err_set(err, ERR_USAGE, "stop, allow or list, with the directory of a workspace");
	r->durable = true;
	return halt_set(r->server, workspace, str_eq(action, "stop"), note, &r->conn->actor,
		r->answer, err);
}

/* ------------------------------------------------------------------ the table */

enum {
	ANYBODY = 0,
	LOOK = ROLE_OBSERVER | ROLE_OPERATOR | ROLE_APPROVER,
	ACT = ROLE_OPERATOR,
	SPEAK = ROLE_OPERATOR | ROLE_APPROVER,
	MIND = LOOK | ROLE_ADMIN
};

static const struct {
	const char *name;
	enum err_code (*handle)(struct request *r, struct err *err);
	unsigned roles; /* one of them is needed */
	bool open_run;	/* names an open run */
	bool acting;	/* refused to a terminal that descends from a worker */
} requests[] = {
	{ "hello", do_hello, ANYBODY, false, false },
	{ "whoami", do_whoami, ANYBODY, false, false },
	{ "status", do_status, MIND, false, false },
	{ "stop", do_stop, ROLE_ADMIN, false, true },
	{ "start", do_start, ACT, false, true },
	{ "runs", do_runs, LOOK, false, false },
	{ "evidence", do_evidence, LOOK, false, false },
	{ "attach", do_attach, LOOK, false, false },
	{ "detach", do_detach, LOOK, false, false },
	{ "lead", do_lead, ACT, true, true },
	{ "answer", do_answer, SPEAK, true, true },
	{ "secrets", do_secrets, ACT, true, true },
	{ "adopt", do_adopt, ACT, true, true },
	{ "drills", do_drills, ACT, false, true },
	{ "act", do_act, SPEAK, true, true },
	{ "output", do_output, LOOK, false, false },
};

static enum err_code dispatch(struct request *r, struct err *err)
{
	const char *name = json_str(r->body, "do", "");
	size_t i = 0;

	while (i < COUNT_OF(requests) && !str_eq(requests[i].name, name))
		i++;
	if (i == COUNT_OF(requests))
		return err_set(err, ERR_PROTOCOL, "unknown request \"%s\"", name);
	/* stop and status work across versions: they are how an old server is ended */
	if (!r->conn->greeted && !str_eq(name, "hello") && !str_eq(name, "stop") &&
		!str_eq(name, "status"))
		return err_set(err, ERR_PROTOCOL, "the first request must be hello");
	TRY(conn_must(r->conn, requests[i].roles, err));
	if (requests[i].acting && r->conn->read_only)
		return err_set(err, ERR_FORBIDDEN, "what a step starts may look but not act");
	if (requests[i].open_run) {
		r->live = live_find(r->server, json_int(r->body, "run", 0));
		if (r->live == NULL || r->live->ending)
			return err_set(err, ERR_NOT_FOUND, "run %lld is not open",
				(long long)json_int(r->body, "run", 0));
	}
	return requests[i].handle(r, err);
}

/* Sends the answer, at once or when what was emitted is on disk. */
static void answer(struct request *r, const struct err *err)
{
	if (err->code == ERR_NONE) {
		json_put_flag(r->answer, "ok", true);
	} else {
		json_t *error = json_object();
		json_put_str(error, "code", err_name(err->code));
		json_put_str(error, "text", err->text);
		json_put_str(error, "hint", err_hint(err->code));
		json_put_flag(r->answer, "ok", false);
		json_put(r->answer, "error", error);
		r->durable = false;
	}
	if (r->durable && r->server->batch != NULL && r->server->journal_ok) {
		struct after *after = batch_after(r->server, AFTER_REPLY);
		after->conn = r->conn->id;
		after->message = r->answer;
		return;
	}
	conn_push(r->conn, r->answer);
}

static void request_init(struct request *r, struct conn *conn, const json_t *body)
{
	*r = (struct request){
		.conn = conn, .server = conn->server, .body = body, .answer = json_object(), .given_fd = -1
	};
	json_object_set(r->answer, "id", json_object_get(body, "id"));
}

/* What was looked at is adopted by a run that is still there and still led by who asked. */
static enum err_code adopt_examined(struct request *r, const json_t *plan, struct err *err)
{
	const char *note;

	r->live = live_find(r->server, json_int(r->body, "run", 0));
	if (r->live == NULL || r->live->ending)
		return err_set(err, ERR_NOT_FOUND, "the run has ended meanwhile");
	TRY(must_lead(r, false, err));
	TRY(reason_of(r, &note, err));
	r->durable = true;
	return live_adopt_plan(r->live, plan, note, &r->conn->actor, err);
}

void start_examined(struct conn *conn, const json_t *body, int given_fd, const json_t *result,
	const struct err *why)
{
	struct request r;
	struct err err = { 0 };
	json_t *plan, *used = json_array();

	request_init(&r, conn, body);
	/* roles may have changed while it was looked at */
	if (why != NULL)
		err = *why;
	else if (conn_must(conn, ROLE_OPERATOR, &err) == ERR_NONE &&
		 examined(conn, body, result, &plan, used, &err) == ERR_NONE) {
		const enum err_code code = str_eq(json_str(body, "do", ""), "adopt")
						   ? adopt_examined(&r, plan, &err)
						   : start(&r, plan, used, given_fd, &err);
		given_fd = -1; /* it was start's; nothing comes with adopt */
		if (code == ERR_NONE)
			err.code = ERR_NONE;
	}
	if (given_fd >= 0)
		close(given_fd);
	json_decref(used);
	answer(&r, &err);
}

void request_handle(struct conn *conn, const json_t *body)
{
	struct request r;
	struct err err = { 0 };
	const bool attach = str_eq(json_str(body, "do", ""), "attach");

	request_init(&r, conn, body);
	if (json_flag(body, "secrets", false))
		r.given_fd = wire_take_fd(&conn->wire);
	const bool ok = dispatch(&r, &err) == ERR_NONE;
	if (r.given_fd >= 0)
		close(r.given_fd);
	if (ok && r.later) {
		json_decref(r.answer);
		return;
	}
	answer(&r, &err);
	if (attach && ok) {
		people_changed(r.server, conn->run);
		conn_pump(conn);
	}
}
