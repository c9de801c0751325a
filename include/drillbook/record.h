/* record.h: what happened.  The kinds of event and the one pure fold from a run's events to its state.
 *
 * Engine, screens, plain client, reports and the journal's projections all read the same fold, so that a run looks the
 * same live, after a crash and years later.  Nothing here reads a clock, a file or a socket. */
#ifndef DRILLBOOK_RECORD_H
#define DRILLBOOK_RECORD_H

#include "drillbook/base.h"

/* name, where (L ledger chain 0, R run chain), what its payload holds.  docs/journal-format.md lists them from here. */
#define EVENT_LIST(X)                                                                                    \
	X(SERVER_STARTED, "server.started", L, "epoch, version, pid")                                    \
	X(SERVER_STOPPED, "server.stopped", L, "epoch, reason")                                          \
	X(DRILLS_STOPPED, "drills.stopped", L, "workspace (root directory), reason, who, runs[] (that were open)")  \
	X(DRILLS_ALLOWED, "drills.allowed", L, "workspace, reason, who")                                 \
	X(RUN_SEALED, "run.sealed", L, "run, events, head (hex hash of the run chain's last event)")     \
	X(RUN_STARTED, "run.started", R,                                                                 \
		"plan (sha256 of the kept plan), runbook{name,title,version,digest,path}, workspace{name,root,commit,dirty}, "  \
		"mode, services[{name,rto_ms,rpo_ms,tier,owner}], params{}, files[{path,sha256}], "             \
		"steps[{id,title,kind,needs[],within[],uses{},level,expect_ms,wait_ms,marks[],owner,parallel}], parallel")  \
	X(RUN_RESUMED, "run.resumed", R, "epoch, reason, boot_changed")                                  \
	X(RUN_ADOPTED, "run.adopted", R,                                                                 \
		"plan (sha256), runbook{version,digest}, files[{path,sha256}], steps[…as in run.started, of those not begun that changed], reason")  \
	X(RUN_PAUSED, "run.paused", R, "reason")                                                         \
	X(RUN_CONTINUED, "run.continued", R, "")                                                         \
	X(RUN_ABORTING, "run.aborting", R, "reason, undo (what was done is taken back first), failed (it ends as failed)")  \
	X(RUN_ENDED, "run.ended", R, "status (done failed aborted), reason, debris (entries left in the ledger)")    \
	X(LEAD_TAKEN, "lead.taken", R, "who, from")                                                      \
	X(CLOCK_SET, "clock.set", R, "clock (t0 t1 t2 t6), at_ns (wall), basis (scenario stated observed), note")  \
	X(STEP_STARTED, "step.started", R,                                                               \
		"step, attempt, iteration (grows with a retry after a known failure), undo (this attempt takes the step back), debris (only what it created)")  \
	X(STEP_PHASE, "step.phase", R, "step, attempt, phase (check run verify undo)")                   \
	X(STEP_ASKED, "step.asked", R,                                                                   \
		"ask, step, attempt, kind (confirm manual decide approve failed unknown diverged debris), level, title, text, digest, "    \
		"word (to be typed, level 3), choices[{id,label}], detail{}")                                 \
	X(STEP_APPROVED, "step.approved", R, "ask, step, word (approve reject), note; the question stays open")  \
	X(STEP_ANSWERED, "step.answered", R, "ask, step, answer, value, note, digest")                   \
	X(STEP_FINISHED, "step.finished", R,                                                             \
		"step, attempt, outcome (ok failed skipped stopped interrupted unknown undone), outputs{}, "           \
		"error{code,text,world,hint}, reason, output{file,bytes,sha256,cut}")                         \
	X(OP_READ, "op.read", R,                                                                         \
		"step, attempt, ordinal, op, target, args{}, digest, ok, result{} or error{}, began_ns, ended_ns (wall)")    \
	X(OP_INTENT, "op.intent", R,                                                                     \
		"step, attempt, ordinal, key, op, target, effect, args{}, digest, before{}, undo{op,target,args}, idempotent, declared, allowed (no confirmation needed), creates (registered in the debris ledger), expires_ns (wall), "  \
		"compensates (key of the operation this one takes back)")                                 \
	X(OP_ALLOWED, "op.allowed", R, "step, attempt, ordinal, key, digest (of the intent that was confirmed)")    \
	X(OP_REFUSED, "op.refused", R, "step, attempt, ordinal, key, reason")                            \
	X(OP_RESULT, "op.result", R,                                                                     \
		"step, attempt, ordinal, key, ok, result{} or error{code,text,world}, began_ns, ended_ns, source (worker outbox)") \
	X(OP_UNKNOWN, "op.unknown", R, "step, attempt, ordinal, key, reason")                            \
	X(OP_SETTLED, "op.settled", R,                                                                   \
		"step, attempt, ordinal, key, verdict (done not_done), by (verify human), reason, evidence{}, result{}")     \
	X(SERVICE_MARKED, "service.marked", R, "service, reached (restored verified normal), step")      \
	X(RECOVERY_MEASURED, "recovery.measured", R,                                                     \
		"service, step, lost, unit, acknowledged, rpa_ms, recovery_point_ns, basis")                  \
	X(DEBRIS_KEPT, "debris.kept", R, "step, attempt, ordinal, key, reason (a human says that it stays)")  \
	X(NOTE_ADDED, "note.added", R, "text, step")                                                     \
	X(DEVIATION_RECORDED, "deviation.recorded", R,                                                   \
		"what (override skip force keep adopt), rule (of the policy that was overridden, or \"\"), reason, step (\"\" = the run)")

enum event_kind {
#define X(id, name, where, payload) EVENT_##id,
	EVENT_LIST(X)
#undef X
	EVENT_COUNT
};

struct event_kind_row {
	const char *name;
	bool ledger;
	const char *payload;
};
extern const struct event_kind_row event_kinds[EVENT_COUNT];
bool event_kind_find(const char *name, enum event_kind *out);

struct actor {
	int64_t uid;    /* -1: the program itself */
	char name[64];  /* login name; "drillbook" for the program */
};

struct event {
	int64_t chain, pos;      /* pos is 0-based in its chain, filled in by the journal */
	enum event_kind kind;
	struct wall wall;
	struct mono mono;        /* only comparable within one boot */
	char boot[40];
	int64_t epoch;           /* of the server that wrote it */
	struct actor actor;
	json_t *payload;         /* an object; owned by whoever holds the event; NULL = erased */
};
void event_stamp(struct event *event, int64_t epoch); /* wall, mono, boot: now */
json_t *event_to_json(const struct event *event);      /* the wire form, docs/protocol.md; owned */
enum err_code event_from_json(const json_t *json, struct event *out, struct err *err) MUST_CHECK;
void event_release(struct event *event);

/* ------------------------------------------------------------------ the state of a run */

enum step_state {
	STEP_PENDING, STEP_RUNNING, STEP_OK, STEP_FAILED, STEP_SKIPPED, STEP_STOPPED, STEP_INTERRUPTED, STEP_UNKNOWN,
	STEP_UNDONE, STEP_STATES
};
const char *step_state_name(enum step_state state); /* "pending" … ; the outcome words of step.finished */

/* group: the end of a group, a nested runbook or a for_each; watch: a probe that must hold while its group runs;
 * approve: other people than who started the run say yes. */
enum step_kind { KIND_SCRIPT, KIND_MANUAL, KIND_DECIDE, KIND_WAIT, KIND_GROUP, KIND_WATCH, KIND_APPROVE, STEP_KINDS };
const char *step_kind_name(enum step_kind kind);
bool step_kind_find(const char *name, enum step_kind *out);

/* What an instant between t0 and t5 was spent on (architecture.md §3). */
enum time_kind { TIME_DETECT, TIME_DECIDE, TIME_MACHINE, TIME_HUMAN, TIME_APPROVAL, TIME_WORLD, TIME_VERIFY, TIME_IDLE, TIME_KINDS };
const char *time_kind_name(enum time_kind kind);

enum op_state { OP_STATE_READ, OP_STATE_PROPOSED, OP_STATE_ALLOWED, OP_STATE_DONE, OP_STATE_FAILED, OP_STATE_REFUSED, OP_STATE_UNKNOWN };
const char *op_state_name(enum op_state state);

/* One call of a provider operation.  json members are borrowed from the run. */
struct op {
	int64_t attempt, ordinal;
	enum op_state state;
	const char *key, *op, *target, *effect, *digest;
	const json_t *args, *before, *undo, *result, *error; /* NULL when absent */
	bool idempotent;
	bool creates;           /* leaves something behind that its undo takes away: the debris ledger */
	struct wall expires;    /* of what it creates; ns 0 = never */
	const char *compensates; /* key of the operation it takes back; NULL = none */
	bool undone, kept;      /* its compensation was done; a human said that what it created stays */
	bool settled;           /* UNKNOWN was settled, by verify or by a human */
	const char *settled_by;
	struct wall began, ended;
	struct wall journaled;  /* when the intent (or read) was written */
};

struct span { /* of a step's time; the last one may be open: to.ns == 0 */
	enum time_kind kind;
	struct wall from, to;
};

/* A question that waits for a human. */
struct ask {
	int64_t id;
	size_t step;            /* index into run.steps */
	int64_t attempt;
	const char *kind, *title, *text, *digest, *word;
	int64_t level;
	const json_t *choices, *detail;
	struct wall asked;
};

struct approval { /* said by one person about an ask */
	int64_t ask, uid;
	const char *who, *note;
	bool yes;
	struct wall at;
};

struct step {
	const char *id, *title, *owner;
	enum step_kind kind;
	int64_t level, expect_ms;
	const json_t *needs;    /* array of ids */
	const json_t *uses;     /* {"op": ["target", …]} */
	const json_t *marks;    /* [{"service", "reached"}]: what its good end says of services */
	int64_t wait_ms;        /* of a wait for a time span */
	size_t *needs_index; size_t needs_count;
	size_t *within_index; size_t within_count; /* the groups around it, outermost first */
	const char *time;       /* what its own time counts as, as the plan has it */
	size_t inside;          /* of a group: members that run now, invariants aside */
	int64_t parallel;       /* of a group: members that may run at once; 0 = no limit of its own */
	enum step_state state;
	bool undoing;           /* the running, or the last, attempt takes the step back … */
	bool undoing_debris;    /* … or only what it created; it stays what it was then: */
	enum step_state before_debris; /* ok, failed, skipped or stopped */
	int64_t attempt;        /* 0 = never started */
	int64_t answers;        /* questions about it that were answered */
	int64_t iteration;      /* part of the operations' keys; grows with a retry after a known failure */
	int64_t iteration_attempt; /* the attempt with which the iteration began */
	struct wall started, ended; /* of the last attempt; ns 0 = not */
	struct wall first_started;
	struct wall passed;     /* when it was last ok or skipped; taking it back later does not change that; ns 0 = never */
	bool passed_over;       /* … and which: skipped */
	struct mono started_mono;
	char started_boot[40];
	const char *phase;      /* of the running attempt: "check" "run" "verify" "undo" */
	const char *error_code, *error_text, *error_world, *reason;
	const json_t *outputs, *output; /* outputs: what the script returned; output: the file */
	struct op *ops; size_t op_count;
	struct span *spans; size_t span_count;
};

struct service {
	const char *name, *owner;
	int64_t rto_ms, rpo_ms; /* -1 = none stated */
	int64_t tier;
	struct wall restored, verified; /* t4, t5; ns 0 = not reached */
	const char *verified_by; /* the step that marked it; NULL = none */
	bool measured;
	int64_t lost;           /* units; -1 = not counted */
	int64_t acknowledged;
	const char *unit, *basis;
	int64_t rpa_ms;         /* -1 = not measured */
	struct wall recovery_point;
};

struct note { const char *text, *step, *who; struct wall at; };

/* Something was done otherwise than the book or the policy has it, by somebody who gave a reason. */
struct deviation {
	const char *what, *rule, *reason; /* never NULL; "" = none */
	const char *step;       /* NULL = the run as a whole */
	const char *who;
	int64_t uid;
	struct wall at;
};

enum run_status { RUN_OPEN, RUN_DONE, RUN_FAILED, RUN_ABORTED };
const char *run_status_name(enum run_status status); /* "open" "done" "failed" "aborted" */

/* Read freely, change only through run_apply.  Strings and arrays live as long as the run and may move at
 * the next run_apply. */
struct run {
	int64_t id;
	enum run_status status;
	bool started, paused, aborting;
	bool undo;                             /* aborting: what was done is taken back first */
	bool undo_failed;                      /* of such an end: it is a failure, not an operator's wish */
	const char *reason;                    /* of the end or the abort */
	const char *runbook, *title, *path, *digest, *plan_sha, *mode, *workspace, *workspace_root, *commit;
	bool dirty;
	int64_t version;
	const json_t *params, *files;
	char *lead;                            /* who leads; never NULL once started */
	struct step *steps; size_t step_count;
	struct service *services; size_t service_count;
	struct ask *asks; size_t ask_count;    /* open ones, oldest first */
	struct note *notes; size_t note_count;
	int64_t parallel;                      /* steps that may run at once; 0 = no limit of its own */
	struct deviation *deviations; size_t deviation_count;
	struct wall t0, t1, t2, t3, t6;        /* ns 0 = not known; t4, t5 are per service */
	bool t0_assumed;
	const char *t0_basis;
	struct wall began, ended;              /* run.started, run.ended */
	struct mono began_mono;
	char began_boot[40];
	bool clock_stepped;                    /* the wall clock was set while the run was open … */
	int64_t clock_shift_ns;                /* … so far forward, as of the last event; every moment here is without it */
	bool wall_used;                        /* the run crossed a boot: durations across it are wall time */
	int64_t resumes;
	int64_t adopted;                       /* how often a changed book was taken over; 0 = it ran as it was started */
	int64_t next_pos;                      /* of the event expected next */
	int64_t last_ask;
	struct actor started_by;
	struct run_private *private;
};

struct run *run_new(void);
void run_free(struct run *run);
/* ERR_PROTOCOL when the event cannot follow (wrong position, unknown step, missing member): state unchanged. */
enum err_code run_apply(struct run *run, const struct event *event, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ questions to a run */

struct step *run_step(const struct run *run, const char *id);        /* NULL when there is none */
struct ask *run_ask(const struct run *run, int64_t id);
struct ask *run_step_ask(const struct run *run, size_t step);        /* its open ask, or NULL */
/* Of a question of kind approve: how many said yes (or no), and what one person said (NULL = nothing yet). */
size_t run_approvals(const struct run *run, const struct ask *ask, bool yes);
const struct approval *run_approval(const struct run *run, const struct ask *ask, int64_t uid);
/* Pending, all it needs is ok or skipped, and no group around it is held by an invariant that failed. */
bool run_step_ready(const struct run *run, size_t step);
bool run_step_held(const struct run *run, size_t step);
/* Whether every member of a group is through (ok, skipped); invariants of the group do not count. */
bool run_group_through(const struct run *run, size_t group);
bool run_step_within(const struct run *run, size_t step, size_t group);
/* Running members of a group. */
size_t run_group_running(const struct run *run, size_t group);
/* What a step did that could be taken back and was not: operations done (or not known) with a compensation. */
bool op_outstanding(const struct op *op);
bool step_outstanding(const struct step *step);
/* An entry of the debris ledger that is still open. */
bool op_debris(const struct op *op);
size_t run_debris(const struct run *run);
bool run_finished(const struct run *run);                            /* nothing can start and nothing is open */
struct op *run_op(const struct run *run, const char *key);
size_t run_unknown_count(const struct run *run);                     /* ops in OP_STATE_UNKNOWN */
/* A moment of the wall clock as it is now, on the run's clock: the moments in a run are wall time as it was when the run
 * began, carried on by CLOCK_BOOTTIME, so that setting the clock changes no duration. */
struct wall run_now(const struct run *run, struct wall now);
int64_t step_elapsed_ms(const struct step *step, struct wall now);   /* of the last attempt; 0 before it; now: run_now */

struct service_clock {
	struct wall t0; bool assumed;
	bool stopped;           /* service verified (or the run ended) */
	bool verified;
	int64_t elapsed_ms;     /* now or t5 - t0; this is RTA once verified */
	int64_t left_ms;        /* rto - elapsed, negative = missed; only when rto_ms >= 0 */
	int64_t rto_ms;
	const char *word;       /* "on track" "tight" "over" "MISSED" "MET" "no RTO"; borrowed, static */
};
/* The RTO clock of a service as it stands at `now`, of the wall clock. */
struct service_clock run_clock(const struct run *run, const struct service *service, struct wall now);

/* Partition of [t0, t5] of a verified service by kind; the parts sum to RTA exactly.  False when not verified.
 * parts may be NULL; up to max pieces in order of time are written there and *count says how many there are. */
struct time_part { enum time_kind kind; struct wall from, to; const char *step; /* NULL = none */ };
bool run_partition(const struct run *run, const struct service *service, int64_t sums_ms[TIME_KINDS],
	struct time_part *parts, size_t max, size_t *count);

/* The law of time: for every verified service the parts touch, never overlap, go from t0 to t5 and sum to RTA.
 * ERR_VERIFY names the service and the place where it does not hold. */
enum err_code run_time_law(const struct run *run, struct err *err) MUST_CHECK;

enum verdict_word { OBJECTIVE_NONE, OBJECTIVE_MET, OBJECTIVE_MISSED, OBJECTIVE_NOT_MEASURED };
const char *objective_name(enum verdict_word word); /* "none" "met" "missed" "not measured" */
enum verdict_word service_rto(const struct run *run, const struct service *service);
enum verdict_word service_rpo(const struct run *run, const struct service *service);
/* 0 done in time, 1 failed, 3 missed, 4 aborted, 5 open and asking. */
int run_exit_status(const struct run *run);

/* ------------------------------------------------------------------ forecasts (docs/forecast.md)
 * What earlier runs say about the rest of this one.  forecast_new draws once, from a seed, how long every step could take;
 * forecast_project plays those draws through what is left of the graph.  Same run, history, seed and now: same numbers. */

enum {
	PASS_NONE = -1,         /* in a history: that run says nothing about the step */
	PASS_SKIPPED = -2,      /* it was passed over */
	HISTORY_RUNS = 64,      /* older ones are not looked at */
	HISTORY_ENOUGH = 3      /* passes of a step from which its history speaks; before, the author's expect */
};

struct service_forecast {
	bool known;             /* false: the rest is not */
	int64_t p50_ms, p90_ms; /* from t0 to t5 */
	int64_t miss_per_mille; /* chance that t5 comes too late; -1 without an RTO */
	int64_t guessed;        /* steps still to come of which neither a history nor an expectation is known */
	const int32_t *critical_per_mille; /* per step of the run: share of the draws in which it held up t5 */
};

struct step_forecast { int64_t p50_ms, p90_ms; }; /* that a step under way still takes; -1 for all others */

struct projection {
	struct wall at;
	int64_t runs;           /* earlier runs it rests on */
	size_t service_count, step_count;
	struct service_forecast *services; /* in the order of run.services */
	struct step_forecast *steps;
};

struct forecast;
/* history: what journal_passes gives for the run's runbook and mode; kept by reference, NULL = none.  parallel: how many steps the
 * engine lets run at once, 0 = any number.  The run must have started. */
struct forecast *forecast_new(const struct run *run, const json_t *history, size_t parallel, uint64_t seed);
void forecast_free(struct forecast *forecast);
/* Borrowed until the next call.  The run is the one of forecast_new, however far it has come; when a changed book was
 * adopted since, everything is drawn anew. */
const struct projection *forecast_project(struct forecast *forecast, const struct run *run, struct wall now);
/* "on track" (at least nine draws in ten are in time), "tight", "over" (less than half are); once the service is verified
 * or late, or when nothing is known, the clock's own word.  Static. */
const char *forecast_word(const struct service_clock *clock, bool known, int64_t miss_per_mille);
json_t *projection_to_json(const struct projection *projection, const struct run *run); /* docs/protocol.md; owned */

#endif
