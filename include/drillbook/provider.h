/* provider.h: the boundary to the outside world.
 *
 * A provider is a const table of operations.  Lua bindings, lint, plan, help, completion and the
 * reference are generated from these tables, so a provider file holds nothing about Lua, journals or
 * screens: plain blocking C that does one thing to one system and says what it found.
 *
 * Everything a function here gets to see is in its struct call; everything it says goes into a JSON
 * object (integers, strings, booleans, arrays, objects; no floating point) or a struct err. */
#ifndef DRILLBOOK_PROVIDER_H
#define DRILLBOOK_PROVIDER_H

#include "drillbook/base.h"

/* Also the confirm level: 0, 1, 2, 3 (ux.md). */
enum effect { EFFECT_READ, EFFECT_CHANGE, EFFECT_COSTLY, EFFECT_IRREVERSIBLE };
const char *effect_name(enum effect effect); /* "read" "change" "costly" "irreversible" */
bool effect_from_name(const char *name, enum effect *out);

enum field_type {
	FIELD_STRING,
	FIELD_INT,
	FIELD_BOOL,
	FIELD_DURATION, /* "30s" or an integer of milliseconds; call_int gives milliseconds */
	FIELD_BYTES,    /* "16MiB" or an integer; call_int gives bytes */
	FIELD_CHOICE,   /* one of choices */
	FIELD_PATH,     /* absolute, or relative to the workspace; call_string gives an absolute path */
	FIELD_STRINGS,  /* array of strings (a single string is taken as an array of one) */
	FIELD_MAP,      /* object */
	FIELD_SECRET,   /* settings only: {file: …} {env: …} {command: […]}; read with call_secret */
	FIELD_ANY
};
const char *field_type_name(enum field_type type);

/* One parameter, setting or member of a result.  Arrays end with FIELD_END. */
struct field {
	const char *name;
	enum field_type type;
	bool required;
	const char *unit;           /* "ms" "bytes" "s"; NULL = none */
	const char *fallback;       /* default as written in YAML; NULL = none */
	const char *const *choices; /* NULL-terminated; FIELD_CHOICE only */
	int64_t min, max;           /* both 0 = unlimited; integers, durations, bytes */
	const char *help;
};
#define FIELD_END { .name = NULL }

/* Did this intent happen? */
enum verdict { VERDICT_NOT_DONE, VERDICT_DONE, VERDICT_CANNOT_TELL };
const char *verdict_name(enum verdict verdict); /* "not_done" "done" "cannot_tell" */

struct call; /* one invocation: target, arguments, secrets, deadline */

struct operation {
	const char *capability;      /* "failover" */
	const char *verb;            /* "promote" */
	enum effect effect;          /* the ceiling: no file and no script can lower it */
	const struct field *params;  /* may be NULL */
	const struct field *results; /* members of the result, for the reference; may be NULL */
	/* Reads only, before the intent is journaled: before-state, what undo will need
	 * (before["undo"] = {"op": "capability.verb", "args": {…}}), and, when the effect of *this* call is below
	 * the ceiling, before["effect"] = "change" and why in before["effect_reason"].  May refuse
	 * (ERR_PRECONDITION).  before["creates"] = true: it leaves something behind that its undo takes away, an
	 * entry of the debris ledger.  before is an empty object to fill. */
	enum err_code (*prepare)(struct call *call, json_t *before, struct err *err);
	/* Does it.  result is an empty object to fill.  On failure err->world says what is known: leave it
	 * WORLD_UNCHANGED only when it is certain that nothing happened. */
	enum err_code (*run)(struct call *call, json_t *result, struct err *err);
	/* Reads only.  May be called by another process, after a crash, any time later: everything it may
	 * rely on is in the arguments and in before (call_before).  Puts what it saw into evidence and, for
	 * VERDICT_CANNOT_TELL, the reason into evidence["reason"].  For VERDICT_DONE evidence["result"] may hold what
	 * run would have returned.  An error means that it could not look (unreachable, …). */
	enum err_code (*verify)(struct call *call, json_t *evidence, enum verdict *verdict, struct err *err);
	const char *undo;            /* "capability.verb" of the compensating operation; NULL = none */
	const char *cancel_help;     /* how a stop is taken: "between polls", …; NULL = only by ending the worker */
	bool idempotent;             /* may be sent again with the same key after UNKNOWN */
	int64_t timeout_ms;          /* default deadline of one call */
	const char *help;            /* one sentence, lower case, no full stop */
};
#define OPERATION_END { .capability = NULL }

struct provider {
	const char *name;
	const char *summary;
	const char *source;              /* the documentation the calls were taken from */
	const struct field *settings;    /* of a target; may be NULL */
	bool declares_actions;           /* targets may have actions: / queries: of their own */
	const struct operation *operations;
	/* doctor: reachability, identity, rights and versions, read-only; fills report with
	 * {"checks": [{"name": …, "ok": true, "detail": …}]}. */
	enum err_code (*probe)(struct call *call, json_t *report, struct err *err);
};

/* Every provider of this build, sorted by name; NULL-terminated. */
extern const struct provider *const providers[];
/* Names and libraries of the providers left out of this build: "dns" "libcurl"; .name NULL ends it. */
struct provider_missing { const char *name, *library; };
extern const struct provider_missing providers_missing[];

const struct provider *provider_find(const char *name);
/* op = "capability.verb"; NULL when the provider has no such operation. */
const struct operation *operation_find(const struct provider *provider, const char *op);
/* The tables as data (docs/protocol.md "provider description"): what lint, plan and help read.  Owned. */
json_t *providers_describe(void);

/* ------------------------------------------------------------------ a call, seen from the provider
 * Getters are for names in the operation's params (call_) or the provider's settings (setting_);
 * another name is a programming error and aborts.  Values were checked against the table before, and
 * defaults are filled in.  Strings are borrowed and live as long as the call. */
const char *call_string(const struct call *call, const char *name); /* NULL when absent */
int64_t call_int(const struct call *call, const char *name);        /* 0 when absent; also duration, bytes */
bool call_bool(const struct call *call, const char *name);
const json_t *call_json(const struct call *call, const char *name); /* NULL when absent */
bool call_has(const struct call *call, const char *name);
const char *setting_string(const struct call *call, const char *name);
int64_t setting_int(const struct call *call, const char *name);
bool setting_bool(const struct call *call, const char *name);
const json_t *setting_json(const struct call *call, const char *name);
bool setting_has(const struct call *call, const char *name);
/* The bytes of the secret a setting names; NUL-terminated; NULL when the setting is absent.  Must only go
 * into a connection, a header, stdin or a descriptor; never into argv, an error or a result. */
const char *call_secret(const struct call *call, const char *setting, size_t *len);
const char *call_target(const struct call *call);   /* the target's name */
const char *call_op(const struct call *call);       /* "capability.verb" */
const char *call_key(const struct call *call);      /* idempotency key "2042/promote/1/3"; "" for reads */
const char *call_workspace(const struct call *call); /* absolute directory of the workspace; may be "" */
/* The effect the target declares for a named action ("actions:" in targets.yaml); the action's JSON, or NULL. */
const json_t *call_declared(const struct call *call, const char *kind, const char *name);
/* Everything the target declares under kind, or NULL. */
const json_t *call_declared_all(const struct call *call, const char *kind);
/* In run, verify, undo: what prepare found (possibly by an earlier process).  NULL in prepare and for reads. */
const json_t *call_before(const struct call *call);
/* Time left, never negative; 0 means that the deadline has passed. */
int64_t call_left_ms(const struct call *call);
/* True once a stop was requested; long operations look at it between polls. */
bool call_stopped(const struct call *call);
const volatile bool *call_stop_flag(const struct call *call); /* for struct child.stop */
/* Waits ms or until a stop or the deadline: ERR_CANCELLED, ERR_TIMEOUT (world: unknown). */
enum err_code call_sleep(struct call *call, int64_t ms, struct err *err) MUST_CHECK;
/* What the operator sees while it runs; per_mille -1 when not known.  Not recorded. */
void call_progress(struct call *call, int per_mille, const char *fmt, ...) PRINTF(3, 4);
/* A line of the step's output; recorded in the output file, masked. */
void call_log(struct call *call, const char *fmt, ...) PRINTF(2, 3);

/* ------------------------------------------------------------------ a call, seen from the worker */

struct call_hooks {
	void (*progress)(void *arg, int per_mille, const char *text);
	void (*log)(void *arg, const char *text);
	const char *(*secret)(void *arg, const char *target, const char *setting, size_t *len);
	void *arg;
	const volatile bool *stop;
};
/* Checks settings and arguments against the tables and fills in defaults.  target is the plan's target object
 * {"provider","environment","settings",…}; args an object; before may be NULL; references are taken, not stolen.
 * ERR_USAGE names the parameter that is wrong and what would be right. */
enum err_code call_new(struct call **out, const char *target_name, const json_t *target, const char *op,
	const json_t *args, const json_t *before, const char *key, const char *workspace, int64_t timeout_ms,
	const struct call_hooks *hooks, struct err *err) MUST_CHECK;
void call_free(struct call *call);
const struct operation *call_operation(const struct call *call);
/* The arguments with defaults, as they go into the intent (durations and bytes as integers).  Borrowed. */
const json_t *call_arguments(const struct call *call);
/* The effect of this call: a declared action's own class, else before["effect"] when lower than the table's,
 * else the table's. */
enum effect call_effect(const struct call *call, const json_t *before);
/* For probe (doctor): op is NULL then. */
enum err_code call_probe(struct call *call, json_t *report, struct err *err) MUST_CHECK;

#endif
