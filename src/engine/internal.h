/* internal.h: what the files of the engine share.
 *
 * server.c   the process: lock, loop, journal thread, lifetime
 * conn.c     terminals: accept, requests, pushes, catching up
 * request.c  the table of requests
 * live.c     open runs: events in, commits out, start and end
 * advance.c  which step may start, whether the run is over
 * steps.c    how a step begins and ends, what a human is asked
 * settle.c   outcomes nobody knows
 * conditions.c  what a step sees of the run; whether its `when` holds
 * polls.c    steps that look again and again: waits, invariants
 * approvals.c  steps that other people have to say yes to
 * undo.c     taking back; what was left lying about
 * halt.c     the kill switch for drills
 * simulate.c what a recording answers
 * adopt.c    a changed book for steps that have not begun
 * answers.c  what the human said
 * ops.c      what a worker says: reads, intents, results, the end
 * workers.c  the zygote and the worker processes
 * people.c   who is connected, and in which roles
 * settings.c the server's own configuration files
 * evidence.c head and seal of a run, for a report made elsewhere
 * locks.c    what may not be acted on twice at once
 * examine.c  what a terminal wants to start, looked at by the server itself
 * policy.c   what the server's own configuration allows
 * jobs.c     what a worker is told to do
 * resume.c   what a new server makes of the runs an old one left
 * forecast.c what the rest of a run will take, told to who watches it
 *
 * The state of a run is the fold of its events and nothing else (struct run); it is folded when
 * an event is submitted, so that decisions see it at once.  What others may see of an event (a
 * terminal, an ack to a worker, the answer to a request) waits for the commit: struct after. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "drillbook/base.h"
#include "drillbook/engine.h"
#include "drillbook/journal.h"
#include "drillbook/record.h"
#include "drillbook/wire.h"

#include <sys/stat.h>
#include <uv.h>

enum {
	LINGER_MS = 3000,    /* a server that nobody needs */
	STALE_MS = 60000,    /* a confirmed intent older than this is prepared again */
	STOP_TERM_MS = 3000, /* after a polite stop */
	STOP_KILL_MS = 8000,
	TIMEOUT_FENCE_MS = 5000, /* beyond the deadline the worker itself keeps */
	CONN_QUEUE_BYTES =
		1
		<< 20, /* beyond it a terminal is served from the journal when it reads again */
	RETRY_JOURNAL_MS = 1000
};

/* What a person may do; on a personal server everything. */
enum role {
	ROLE_OBSERVER = 1,
	ROLE_OPERATOR = 2,
	ROLE_APPROVER = 4,
	ROLE_ADMIN = 8, /* may stop the server and ask how it is */
	ROLE_ALL = 15
};

struct person {
	struct person *next;
	int64_t uid;
	char name[64];	/* login name, or the uid when there is none */
	bool known;	/* the system has a user of that uid */
	json_t *groups; /* names and numbers; NULL = never looked up */
	struct mono looked;
	bool looking; /* on a thread, now */
};

/* A file of the server's own configuration. */
struct settings {
	const char *kind;
	char *path;
	bool there;
	json_t *json; /* the newest version that could be read; NULL = none */
	char *broken; /* why the file as it is now cannot be read; NULL = it can */
	struct stat seen;
};

struct examination; /* examine.c */
struct server;
struct live;
struct conn;
struct worker;

/* What to do when a batch is on disk. */
enum after_what { AFTER_ACK, AFTER_REPLY, AFTER_FORGET };
struct after {
	enum after_what what;
	int64_t worker, ordinal; /* ACK */
	int64_t conn;		 /* REPLY */
	int64_t run;		 /* FORGET */
	json_t *message;	 /* REPLY; owned */
};

/* Events and their consequences on the way to the journal: one per turn of the loop. */
struct batch {
	struct event *events;
	size_t count, cap;
	struct after *afters;
	size_t after_count, after_cap;
	json_t *keep;
	enum journal_urgency urgency;
};

struct timer { /* a uv_timer that frees itself */
	uv_timer_t uv;
	struct server *server;
	void (*fire)(struct server *server, int64_t a, int64_t b);
	int64_t a, b;
};

struct conn {
	struct conn *next;
	struct server *server;
	int64_t id;
	uv_poll_t poll;
	int fd;
	bool polling_write, closing, greeted, read_only;
	struct wire wire;
	struct actor actor;
	pid_t pid;
	int64_t run;	  /* attached to; 0 = none */
	int64_t next_pos; /* of the event to send next */
	bool caught_up, told_caught_up, watch;
};

enum job { JOB_STEP, JOB_VERIFY, JOB_SECRETS, JOB_CONDITION };
enum judged { JUDGED_NOT, JUDGED_YES, JUDGED_NO }; /* a condition that a worker looked at */
struct worker {
	struct worker *next;
	struct server *server;
	int64_t id, run;
	enum job job;
	size_t step;
	int64_t attempt;
	pid_t pid;
	uv_poll_t poll;
	int fd;
	struct wire wire;
	int outbox_fd;
	char *outbox_path;
	bool done, closed, exited, stopping, freed;
	int exit_status, exit_signal;
	int64_t timeout_ms; /* of its own time, 0 = none; a human's thinking does not count */
	int64_t human_ms;   /* spent waiting for a human */
	struct mono started, asked; /* asked.ns == 0: nobody is being asked */
	json_t *verifying;	    /* JOB_VERIFY: {"key","ordinal","attempt"} */
};

/* What the engine knows of a running step beyond the fold. */
struct live_step {
	int64_t worker; /* id, 0 = none */
	int64_t next_ordinal;
	json_t *outputs;     /* of its run phase, kept until its verify has passed */
	json_t *output;	     /* the output file as last reported */
	bool polling;	     /* between two looks: a timer is armed */
	char *seen;	     /* why the last look did not hold; owned */
	bool judging;	     /* a worker looks at its condition */
	enum judged judged;
	int64_t retrying;    /* the attempt after which it waits to be tried again; 0 = none */
	bool stopping;	     /* was told to stop: no phase and no look follows this one */
	bool arriving;	     /* a worker of the server before this one may still be in an effect */
	bool forced;	     /* counted as done by a human's word */
	bool previewed;	     /* a human saw the list of its changes and said yes */
	char *confirmed;     /* digest a human said yes to */
	const char *waiting; /* phase to be started once the secrets are there; static, NULL =
				none */
};

struct live {
	struct live *next;
	struct server *server;
	int64_t id;
	struct run *run;
	json_t *plan;
	struct live_step *steps;
	size_t low;  /* no step before it can start any more */
	int active;  /* steps that run now */
	int watching; /* of them, invariants: they take no place from the others */
	int waiting; /* of them, those that wait for the secrets */
	bool dirty, ending, sealed;
	int secrets_fd; /* sealed memfd, -1 = none yet */
	int given_fd;	/* what a person gave for it (env, typed); never read here; -1 = nothing */
	bool secrets_needed, secrets_pending;
	bool secrets_again; /* some were given while they were being read: read once more before it is said that they are missing */
	bool secrets_missing; /* they could not be read: somebody has to say "continue" */
	int64_t lead_conn;
	int64_t committed; /* events on disk */
	struct forecast *forecast; /* made when the first terminal watches; NULL = not yet */
	bool moved;		   /* the forecast is older than the fold */
	bool tell;		   /* … and is told even if it says the same as before */
	bool forecast_armed;	   /* a timer makes the next one */
	struct mono forecast_from; /* no sooner: forecasts take a share of the loop's time */
	json_t *told, *untold;	   /* messages: the last one; one that waits for the commit … */
	int64_t untold_pos;	   /* … of the events before this position */
};

struct zygote {
	uv_poll_t poll;
	int fd;
	pid_t pid;
	struct wire wire;
	bool running;
};

struct server {
	uv_loop_t loop;
	uv_poll_t listener;
	uv_async_t wake;
	uv_prepare_t prepare;
	uv_signal_t sigterm, sigint;
	uv_timer_t idle;
	const struct server_options *options;
	char *socket_path;
	int listen_fd, lock_fd;
	int64_t epoch, last_id, next_run;
	struct journal *journal, *reader;
	struct journal_writer *writer;
	bool journal_ok, stopping, fenced, idle_armed, retry_armed, forecast_ticks;
	dev_t socket_dev; /* the socket file as we made it */
	ino_t socket_ino;
	uv_timer_t forecast_tick;
	char *stop_reason;
	struct batch *batch;   /* being filled */
	struct batch **failed; /* to be submitted again, in order */
	size_t failed_count;
	int64_t in_flight; /* batches with the writer */
	json_t *halted;	   /* workspace root -> {reason, who, at_ns, by_file}: its drills are stopped */
	uv_timer_t halt_timer;
	struct live *lives;
	struct conn *conns;
	struct worker *workers;
	struct worker *spare; /* forked ahead, waits for a job; also in workers */
	struct zygote zygote;
	struct settings team, policy;
	struct examination *examinations; /* starts that are being looked at */
	char *program;			   /* this executable */
	struct person *people;
};

/* server.c */
void server_stop(struct server *server, const char *reason);
/* A newer server has the journal: this one ends and touches nothing that might be the other's. */
void server_fenced(struct server *server, const struct err *why);
struct timer *timer_start(struct server *server, int64_t ms,
	void (*fire)(struct server *, int64_t, int64_t), int64_t a, int64_t b);
extern const struct actor program_actor;

/* live.c */
struct live *live_find(struct server *server, int64_t run);
/* Folds and queues an event of a run; payload is stolen.  An event that cannot follow is a bug
 * and ends the server. */
void live_emit(
	struct live *live, enum event_kind kind, json_t *payload, const struct actor *actor);
void ledger_emit(struct server *server, enum event_kind kind, json_t *payload);
void batch_soon(
	struct server *server); /* nothing in this turn's batch is urgent: see JOURNAL_SOON */
void batch_urgent(struct server *server);
struct after *batch_after(struct server *server, enum after_what what);
void batch_submit(struct server *server);
void batches_collect(struct server *server);
/* Everything that would be in the way of a start, policy and roles aside. */
enum err_code live_may_start(struct server *server, const json_t *plan, struct err *err) MUST_CHECK;
enum err_code live_start(struct server *server, const json_t *plan, const struct actor *actor,
	struct live **out, struct err *err) MUST_CHECK;
/* Kept bytes by name: {"plan", "files"}; owned. */
json_t *plan_payload(struct server *server, const json_t *plan);
json_t *step_rows(const json_t *steps); /* what of a plan's steps the record has; owned */
enum err_code check_plan(const json_t *plan, struct err *err) MUST_CHECK;
struct live *live_adopt(
	struct server *server, struct run *run, json_t *plan); /* a run from the journal */
void live_end(struct live *live, enum run_status status, const char *reason,
	const struct actor *actor);
void run_seal(struct server *server,
	int64_t run); /* in the same batch as what ends it, if it still has to end */
void live_free(struct live *live);
const json_t *plan_step(const struct live *live, size_t step);
bool plan_mode_allows(const struct live *live, const char *target);

/* advance.c */
void live_advance(struct live *live);

/* steps.c */
void step_begin(struct live *live, size_t step); /* one that is ready and has room */
void step_finish(struct live *live, size_t step, enum step_state outcome, json_t *more,
	const struct actor *actor);
void step_phase_done(struct live *live, size_t step, const json_t *done);
void step_lost(struct live *live, size_t step, const char *reason, bool resuming);
void step_restart(
	struct live *live, size_t step, bool new_iteration, const struct actor *actor);
void step_begin_attempt(
	struct live *live, size_t step, json_t *payload, const struct actor *actor);
void step_begin_failed(struct live *live, size_t step, const struct err *err);
void step_run_phase(struct live *live, size_t step, const char *phase);
void step_pass_over(struct live *live, size_t step, const char *reason, const struct actor *actor);
void step_force(struct live *live, size_t step, const char *reason, const struct actor *actor);
void step_stop(struct live *live, size_t step, const char *reason);
bool step_called_off(const struct live *live, size_t step);
void retries_drop(struct live *live);
void step_ask_failed(struct live *live, size_t step);
json_t *choice_row(const char *id, const char *label);
int64_t step_ask(struct live *live, size_t step, const char *kind, int64_t level, json_t *more);
/* Says what became of an operation nobody knew about; evidence may be NULL. */
void step_settle(struct live *live, size_t step, const struct op *op, const char *verdict,
	const char *by, const char *reason, const json_t *evidence, const struct actor *actor);
/* settle.c */
const struct op *first_unknown(const struct step *step);

/* conditions.c; JSON is owned by the caller */
json_t *outputs_all(const struct live *live);
json_t *outputs_seen(const struct live *live, size_t step);
const char *local_id(const struct live *live, size_t step);
json_t *params_seen(const struct live *live, size_t step);
json_t *group_outputs(const struct live *live, size_t group);
/* ERR_UNSUPPORTED: it has a regular expression, a worker has to look. */
enum err_code when_holds(const struct live *live, size_t step, bool *holds,
	struct err *err) MUST_CHECK;
json_t *job_condition(const struct live *live, size_t step);

/* polls.c */
bool step_polls(const struct live *live, size_t step);
int64_t poll_timeout_ms(const struct live *live, size_t step);
void poll_done(struct live *live, size_t step, const json_t *done);
void polls_end(struct live *live);
void watches_end(struct live *live); /* whatever became of their groups */
int64_t wait_left_ms(const struct live *live, size_t step);

/* approvals.c */
void approve_ask(struct live *live, size_t step);
void approve_arm(struct live *live, size_t step); /* its timeout, after a restart */
enum err_code approve_check(const struct live *live, const struct ask *ask, const char *word,
	const char *note, const struct actor *actor, struct err *err) MUST_CHECK;
/* May a step be skipped or forced by this person?  On a team server not by who started, when it is or holds an approval. */
enum err_code approve_bypass(const struct live *live, size_t step, const struct actor *actor,
	struct err *err) MUST_CHECK;
bool approve_say(struct live *live, const struct ask *ask, const char *word, const char *note,
	const struct actor *actor);

/* undo.c */
bool step_undoable(const struct live *live, size_t step);
void step_undo(struct live *live, size_t step, const struct actor *actor);
json_t *undo_list(const struct step *step);
const struct op *undo_of(const struct step *step, const char *op, const char *target,
	const json_t *args);
void run_abort(struct live *live, const char *reason, bool undo, bool failed,
	const struct actor *actor);
bool run_undo_advance(struct live *live);
bool step_debris(const struct step *step);
bool debris_ask(struct live *live);
void debris_remove(struct live *live, size_t step, const struct actor *actor);
void debris_keep(struct live *live, size_t step, const char *reason, const struct actor *actor);

/* adopt.c */
enum err_code live_adopt_plan(struct live *live, const json_t *plan, const char *reason,
	const struct actor *actor, struct err *err) MUST_CHECK;

/* simulate.c */
bool simulating(const struct live *live);
int64_t paced_ms(const struct live *live, int64_t ms); /* what a wait takes at the run's pace */
json_t *simulate_job(const struct live *live, size_t step); /* owned */
int64_t simulated_stamp(const struct live *live, int64_t at_ns);
const json_t *simulated_answer(const struct live *live, const struct ask *ask);
void simulate_asked(struct live *live, int64_t ask);

/* halt.c */
void halt_load(struct server *server);
void halt_free(struct server *server);
enum err_code halt_check(struct server *server, const json_t *plan, struct err *err) MUST_CHECK;
enum err_code halt_set(struct server *server, const char *workspace, bool stopped,
	const char *reason, const struct actor *actor, json_t *answer, struct err *err) MUST_CHECK;
json_t *halt_list(const struct server *server); /* owned */

/* answers.c */
enum err_code step_answer(struct live *live, const json_t *request, const struct actor *actor,
	struct err *err) MUST_CHECK;
void step_settle_unknown(struct live *live, size_t step);
void step_verdict(struct live *live, size_t step, const char *key, const json_t *message);
void step_after_settled(struct live *live, size_t step);
void step_failed_again(
	struct live *live, size_t step); /* its policy, once more, after a restart */
void step_arm_wait(struct live *live, size_t step);
const char *next_phase(const json_t *plan_step, const char *phase);

/* ops.c */
void worker_message(struct worker *worker, const json_t *message);
void op_allow(struct live *live, size_t step, const char *key);
void op_refuse(struct live *live, size_t step, const struct op *op, const char *reason,
	const struct actor *actor);
json_t *op_base(const struct live *live, size_t step, int64_t attempt, int64_t ordinal,
	const char *key);

/* locks.c */
/* ERR_HELD, naming the run, when an open one other than `except` acts on what this plan would act on. */
enum err_code locks_check(struct server *server, const json_t *plan, const struct live *except,
	struct err *err) MUST_CHECK;

/* evidence.c */
/* Adds head, last and seal of a run; ERR_NOT_FOUND. */
enum err_code evidence_of(struct server *server, int64_t run, json_t *out, struct err *err) MUST_CHECK;

/* settings.c */
void settings_init(struct settings *settings, const char *dir, const char *kind);
void settings_refresh(struct settings *settings); /* cheap when nothing has changed */
void settings_release(struct settings *settings);

/* people.c */
bool team_server(const struct server *server);
/* Begins the connection (conn_begin) when it is known who is at the other end; at once where that is. */
void person_meet(struct conn *conn);
void people_watch(struct server *server); /* keeps a team server's knowledge fresh */
/* By uid; never NULL; borrowed until the loop turns. */
const struct person *person_of(struct server *server, int64_t uid);
/* Whether a list names the person: "anna", "@dba", "1001", "@1001". */
bool person_in(const struct person *person, const json_t *list);
unsigned person_roles(struct server *server, int64_t uid); /* enum role */
json_t *roles_json(unsigned held);			     /* their names; owned */
/* ERR_FORBIDDEN unless who is connected has one of the roles; 0 = anybody. */
enum err_code conn_must(struct conn *conn, unsigned any_of, struct err *err) MUST_CHECK;
bool team_trusts(struct server *server, const char *root); /* server.yaml lists the directory */
void persons_forget(struct server *server);

/* policy.c */
/* Records that something was done otherwise than the book or the policy has it.  what: "override",
 * "skip", "force"; rule and step may be NULL; reason: why, in the words of who did it. */
void live_deviate(struct live *live, const char *what, const char *rule, const char *reason,
	const char *step, const struct actor *actor);
/* May this person lead the run; may the run, on behalf of who started and who leads it, touch the target?  ERR_FORBIDDEN. */
enum err_code policy_lead(struct live *live, int64_t uid, struct err *err) MUST_CHECK;
enum err_code policy_intent(struct live *live, const char *target, struct err *err) MUST_CHECK;

/* examine.c */
bool examine_needed(struct server *server);
/* Ends in start_examined, some time later. */
/* given_fd: secrets that came with it, taken over; -1 = none. */
enum err_code examine_begin(
	struct conn *conn, const json_t *body, int given_fd, struct err *err) MUST_CHECK;
/* What the examination found against the policy: the plan that may run (borrowed from result), and the
 * overridden rules, added to used. */
enum err_code examined(struct conn *conn, const json_t *body, const json_t *result, json_t **plan,
	json_t *used, struct err *err) MUST_CHECK;

/* jobs.c: messages, owned by the caller */
json_t *job_step(const struct live *live, size_t step, const char *phase);
json_t *job_verify(const struct live *live, size_t step, const struct op *op);
json_t *job_secrets(const struct live *live);

/* workers.c */
enum err_code zygote_start(struct server *server, struct err *err) MUST_CHECK;
void zygote_stop(struct server *server);
struct worker *worker_find(struct server *server, int64_t id);
enum err_code worker_run_phase(
	struct live *live, size_t step, const char *phase, struct err *err) MUST_CHECK;
enum err_code worker_verify(
	struct live *live, size_t step, const struct op *op, struct err *err) MUST_CHECK;
enum err_code worker_secrets(struct live *live, struct err *err) MUST_CHECK;
enum err_code worker_condition(struct live *live, size_t step, struct err *err) MUST_CHECK;
void worker_stop(struct server *server, int64_t id);
void spare_dismiss(struct server *server); /* when no run is open */
void worker_tell(struct worker *worker, const char *what, int64_t ordinal, const char *code,
	const char *text);
char *outbox_path(const struct server *server, int64_t run, size_t step, int64_t attempt);
char *output_name(int64_t run, size_t step, int64_t attempt);

/* conn.c */
void conn_accept(struct server *server);
void conn_push(struct conn *conn, json_t *message); /* steals */
void conns_push_event(struct server *server, const struct event *event);
void conns_push_run(
	struct server *server, int64_t run, json_t *message); /* to all attached; steals */
void conns_push_all(struct server *server, json_t *message);
void conn_pump(struct conn *conn);
void conn_close(struct conn *conn);
void conn_begin(struct conn *conn); /* listens to it; called once, by person_meet or later */
struct conn *conn_find(struct server *server, int64_t id);
void people_changed(struct server *server, int64_t run);

/* request.c */
void request_handle(struct conn *conn, const json_t *request);
/* Goes on with a start, or with a book that is adopted; why is set when it could not be looked at. */
void start_examined(struct conn *conn, const json_t *body, int given_fd, const json_t *result,
	const struct err *why);

/* forecast.c */
void forecasts_make(struct server *server); /* of the runs that have moved and are watched */
void forecasts_tell(struct server *server); /* those whose events are on disk now */
void forecast_wanted(struct live *live);    /* somebody new watches */
void forecast_forget(struct live *live);

/* resume.c */
void resume_outbox(struct live *live, size_t step, const struct buf *bytes);
enum err_code resume_all(struct server *server, struct err *err) MUST_CHECK;

#endif
