/* tables.c: the keys of every file of a workspace.  A new key is a new row here, and a use of it. */
#include "schema.h"

#include <string.h>

const char *const effect_words[] = {"read", "change", "costly", "irreversible", NULL};
const char *const run_modes[] = {"probe", "drill", "live", NULL};
const char *const plan_modes[] = {"probe", "simulate", "tabletop", "drill", "live", NULL};
const char *const param_types[] = {"string", "strings", "int", "duration", "bytes", "choice", "bool",
	"target", "service", "secret", NULL};
static const char *const failure_words[] = {"ask", "stop", "continue", "undo", NULL};
static const char *const backoff_words[] = {"fixed", "double", NULL};
static const char *const standby_words[] = {"hot", "warm", "pilot-light", "cold", NULL};
static const char *const reached_words[] = {"restored", "verified", "normal", NULL};
static const char *const time_words[] = {"machine", "human", "world", "verification", NULL};
static const char *const drill_modes[] = {"probe", "simulate", "tabletop", "drill", NULL};
static const char *const output_words[] = {"text", "json", "lines", NULL};
static const char *const secret_ways[] = {"stdin", "file", NULL};
static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", NULL};

#define END { .name = NULL }
#define WITH(...) (const char *const[]){__VA_ARGS__, NULL}

/* ------------------------------------------------------------------ drillbook.yaml */

static const struct key environment_keys[] = {
	{.name = "modes", .type = VALUE_CHOICES, .required = true, .choices = run_modes,
		.help = "which modes may touch its targets; [] = none"},
	{.name = "title", .type = VALUE_TEXT, .help = "for people"},
	END};
static const struct shape environment = {.name = "an environment", .keys = environment_keys};

static const struct key default_keys[] = {
	{.name = "on_failure", .type = VALUE_CHOICE, .choices = failure_words, .fallback = "ask",
		.help = "of steps that do not say"},
	{.name = "timeout", .type = VALUE_DURATION, .help = "of script steps that do not say"},
	END};
static const struct shape defaults = {.name = "defaults", .keys = default_keys};

static const struct key drillbook_keys[] = {
	{.name = "name", .type = VALUE_NAME, .required = true, .help = "of the workspace"},
	{.name = "title", .type = VALUE_TEXT, .help = "for people"},
	{.name = "environments", .type = VALUE_MAP, .required = true, .shape = &environment,
		.help = "what kinds of systems there are, and how far each mode may go"},
	{.name = "defaults", .type = VALUE_SHAPE, .shape = &defaults, .help = "for all runbooks"},
	END};
static const struct shape drillbook = {.name = "drillbook.yaml", .keys = drillbook_keys};

/* ------------------------------------------------------------------ services.yaml */

static const struct key objective_keys[] = {
	{.name = "rto", .type = VALUE_DURATION,
		.help = "how long the service may be away: impact to verified"},
	{.name = "rpo", .type = VALUE_DURATION, .help = "how much of the newest data may be lost; 0 = none"},
	{.name = "approved_by", .type = VALUE_TEXT, .help = "who answers for these numbers"},
	{.name = "approved_on", .type = VALUE_DATE, .help = "when"},
	{.name = "review_by", .type = VALUE_DATE, .help = "when they must be looked at again"},
	END};
static const struct shape objectives = {.name = "objectives", .keys = objective_keys};

static const struct key service_keys[] = {
	{.name = "title", .type = VALUE_TEXT, .help = "for people"},
	{.name = "description", .type = VALUE_TEXT, .help = "for people"},
	{.name = "tier", .type = VALUE_INT, .min = 1, .max = 9, .fallback = "3",
		.help = "1 = the most important"},
	{.name = "owner", .type = VALUE_TEXT, .help = "who is called; owner of steps that name none"},
	{.name = "standby", .type = VALUE_CHOICE, .choices = standby_words, .help = "what is kept ready"},
	{.name = "objectives", .type = VALUE_SHAPE, .shape = &objectives, .help = "what was promised"},
	{.name = "depends_on", .type = VALUE_NAMES, .fallback = "[]", .help = "services it needs"},
	{.name = "compliance", .type = VALUE_TEXTS, .fallback = "[]",
		.help = "regimes its drills are evidence for: dora, gdpr, iso22301, …"},
	{.name = "cost", .type = VALUE_TEXT, .help = "what an hour without it costs"},
	{.name = "recover", .type = VALUE_NAME, .help = "the runbook that recovers it: run --services"},
	{.name = "recover_params", .type = VALUE_OPEN, .with = WITH("recover"), .fallback = "{}",
		.help = "for that runbook"},
	END};
static const struct shape service = {.name = "a service", .keys = service_keys};

static const struct key services_keys[] = {
	{.name = "services", .type = VALUE_MAP, .required = true, .shape = &service,
		.help = "one entry per service"},
	END};
static const struct shape services = {.name = "services.yaml", .keys = services_keys};

/* ------------------------------------------------------------------ targets.yaml */

static const struct key secret_keys[] = {
	{.name = "file", .type = VALUE_TEXT, .help = "path, absolute or in the workspace"},
	{.name = "env", .type = VALUE_TEXT, .help = "name of an environment variable of the command that starts the run"},
	{.name = "command", .type = VALUE_TEXTS, .help = "a program and its arguments; it prints the secret"},
	{.name = "typed", .type = VALUE_BOOL, .help = "true: asked of who starts the run, and again after a restart of the server"},
	{.name = "prompt", .type = VALUE_TEXT, .with = WITH("typed"), .help = "what is asked"},
	{.name = "param", .type = VALUE_NAME,
		.help = "a parameter of type secret of the runbook that uses the target: typed, its help is what is asked"},
	END};
static const char *const secret_sources[] = {"file", "env", "command", "typed", "param", NULL};
static const struct shape secret = {
	.name = "a secret", .keys = secret_keys, .one_of = secret_sources};

static const struct key action_keys[] = {
	{.name = "effect", .type = VALUE_CHOICE, .choices = effect_words, .fallback = "irreversible",
		.help = "what it does to the world"},
	{.name = "params", .type = VALUE_NAMES, .fallback = "[]", .help = "the {holes} of its texts"},
	{.name = "help", .type = VALUE_TEXT, .help = "what it is for"},
	{.name = "verify", .type = VALUE_NAME, .help = "an action of effect read that tells whether it happened"},
	{.name = "undo", .type = VALUE_NAME, .help = "the action that takes it back"},
	{.name = "creates", .type = VALUE_BOOL, .fallback = "false",
		.help = "leaves something behind that its undo takes away: kept in the ledger of debris until then"},
	{.name = "timeout", .type = VALUE_DURATION, .help = "of one call"},
	{.name = "expect_status", .type = VALUE_ANY, .help = "statuses that are success; 0, or 200 to 299, without it"},
	{.name = "fails_clean", .type = VALUE_BOOL, .fallback = "false",
		.help = "a failure leaves the world as it was; without it, that is unknown"},
	{.name = "output", .type = VALUE_CHOICE, .choices = output_words, .fallback = "text",
		.help = "form of the result"},
	{.name = "argv", .type = VALUE_TEXTS, .help = "command, ssh: program and arguments, no shell of ours"},
	{.name = "cwd", .type = VALUE_TEXT, .help = "command, ssh: directory it runs in"},
	{.name = "env", .type = VALUE_OPEN, .help = "command, ssh: variables it is given"},
	{.name = "stdin", .type = VALUE_TEXT, .help = "command, ssh: what it reads"},
	{.name = "secret", .type = VALUE_CHOICE, .choices = secret_ways,
		.help = "command, ssh: how it gets the target's secret; the file's name is {secret_file}, not with ssh"},
	{.name = "method", .type = VALUE_CHOICE, .choices = methods, .help = "http"},
	{.name = "path", .type = VALUE_TEXT, .help = "http: under the target's url"},
	{.name = "headers", .type = VALUE_OPEN, .help = "http: name: text"},
	{.name = "json", .type = VALUE_ANY, .help = "http: body, sent as JSON"},
	{.name = "body", .type = VALUE_TEXT, .help = "http: body, sent as it is"},
	{.name = "contains", .type = VALUE_TEXT, .help = "http: text the answer must hold"},
	{.name = "not_done_status", .type = VALUE_ANY,
		.help = "http, of a verify action: statuses that say that it did not happen"},
	{.name = "with_secret", .type = VALUE_BOOL, .fallback = "true",
		.help = "http: send the secret of the target"},
	END};
static const struct shape action = {.name = "an action", .keys = action_keys};

static const struct key query_keys[] = {
	{.name = "sql", .type = VALUE_TEXT, .required = true, .help = "one statement; $1, $2 are its params"},
	{.name = "effect", .type = VALUE_CHOICE, .choices = effect_words, .fallback = "irreversible",
		.help = "what it does to the data"},
	{.name = "params", .type = VALUE_NAMES, .fallback = "[]", .help = "names of $1, $2, …"},
	{.name = "verify", .type = VALUE_TEXT, .help = "a statement that tells whether it happened"},
	{.name = "undo", .type = VALUE_TEXT, .help = "the statement that takes it back"},
	{.name = "idempotent", .type = VALUE_BOOL, .fallback = "false", .help = "twice does no harm"},
	{.name = "timeout", .type = VALUE_DURATION, .help = "of one call"},
	{.name = "help", .type = VALUE_TEXT, .help = "what it is for"},
	END};
static const struct shape query = {.name = "a query", .keys = query_keys};

static const struct key target_keys[] = {
	{.name = "provider", .type = VALUE_NAME, .required = true, .help = "what speaks to it: drillbook providers"},
	{.name = "environment", .type = VALUE_NAME, .required = true, .help = "of drillbook.yaml"},
	{.name = "title", .type = VALUE_TEXT, .help = "for people"},
	{.name = "settings", .type = VALUE_OPEN, .fallback = "{}", .help = "as its provider describes them"},
	{.name = "secrets", .type = VALUE_MAP, .shape = &secret, .fallback = "{}",
		.help = "where secret settings come from"},
	{.name = "actions", .type = VALUE_MAP, .shape = &action, .fallback = "{}",
		.help = "what action.read and action.run may do here"},
	{.name = "queries", .type = VALUE_MAP, .shape = &query, .fallback = "{}",
		.help = "statements that may be used by name"},
	END};
static const struct shape target = {.name = "a target", .keys = target_keys};

static const struct key targets_keys[] = {
	{.name = "targets", .type = VALUE_MAP, .required = true, .shape = &target,
		.help = "one entry per system that steps may touch"},
	END};
static const struct shape targets = {.name = "targets.yaml", .keys = targets_keys};

/* ------------------------------------------------------------------ drills.yaml */

static const struct key window_keys[] = {
	{.name = "from", .type = VALUE_DATE, .required = true, .help = "first day"},
	{.name = "until", .type = VALUE_DATE, .required = true, .help = "last day"},
	END};
static const struct shape window = {.name = "a window", .keys = window_keys};

static const struct key drill_keys[] = {
	{.name = "runbook", .type = VALUE_NAME, .required = true, .help = "its name"},
	{.name = "title", .type = VALUE_TEXT, .help = "for people"},
	{.name = "mode", .type = VALUE_CHOICE, .choices = drill_modes, .fallback = "drill", .help = "how far it goes"},
	{.name = "every", .type = VALUE_DURATION, .help = "at most this long between two drills"},
	{.name = "window", .type = VALUE_SHAPE, .shape = &window, .help = "when it may be held"},
	{.name = "surprise", .type = VALUE_BOOL, .fallback = "false", .help = "the day is drawn, not told"},
	{.name = "owner", .type = VALUE_TEXT, .help = "who sees to it"},
	{.name = "params", .type = VALUE_OPEN, .fallback = "{}", .help = "for the runbook"},
	END};
static const struct shape drill = {.name = "a drill", .keys = drill_keys};

static const struct key drills_keys[] = {
	{.name = "drills", .type = VALUE_MAP, .required = true, .shape = &drill, .help = "one entry per drill"},
	END};
static const struct shape drills = {.name = "drills.yaml", .keys = drills_keys};

/* ------------------------------------------------------------------ runbooks */

static const struct key param_keys[] = {
	{.name = "type", .type = VALUE_CHOICE, .choices = param_types, .fallback = "string", .help = "what it holds"},
	{.name = "default", .type = VALUE_SCALARS,
		.help = "without one it must be given; a secret has none, a person types it"},
	{.name = "required", .type = VALUE_BOOL, .help = "false: may be left out, also without a default"},
	{.name = "choices", .type = VALUE_TEXTS, .help = "of a choice"},
	{.name = "min", .type = VALUE_SCALAR, .help = "least int, duration or size"},
	{.name = "max", .type = VALUE_SCALAR, .help = "largest int, duration or size"},
	{.name = "help", .type = VALUE_TEXT, .help = "what it is for"},
	END};
static const struct shape param = {.name = "a parameter", .keys = param_keys};

static const struct key retry_keys[] = {
	{.name = "attempts", .type = VALUE_INT, .required = true, .min = 1, .max = 100,
		.help = "how often in all; an UNKNOWN outcome is never tried again"},
	{.name = "wait", .type = VALUE_DURATION, .fallback = "0", .help = "between two attempts"},
	{.name = "backoff", .type = VALUE_CHOICE, .choices = backoff_words, .fallback = "fixed",
		.help = "double: each wait is twice the one before"},
	{.name = "max_wait", .type = VALUE_DURATION, .help = "no wait is longer"},
	{.name = "jitter", .type = VALUE_INT, .min = 0, .max = 100, .fallback = "0",
		.help = "percent by which a wait is made longer or shorter, at random"},
	END};
static const struct shape retry = {.name = "retry", .keys = retry_keys};

static const struct key choice_keys[] = {
	{.name = "id", .type = VALUE_NAME, .required = true, .help = "unique in the step"},
	{.name = "label", .type = VALUE_TEXT, .help = "what is shown; the id without one"},
	{.name = "skip", .type = VALUE_NAMES, .fallback = "[]", .help = "steps that are left out then"},
	{.name = "stop", .type = VALUE_BOOL, .fallback = "false", .help = "the run ends here"},
	END};
static const struct shape choice = {.name = "a choice", .keys = choice_keys};

static const struct key mark_keys[] = {
	{.name = "service", .type = VALUE_SERVICE,
		.help = "may be left out in a runbook of one service; {param: NAME} of a parameter of type service"},
	{.name = "reached", .type = VALUE_CHOICE, .required = true, .choices = reached_words,
		.help = "restored: its data is back; verified: users are served again, its clock stops; "
			"normal: all is as before"},
	END};
static const struct shape mark = {.name = "a mark", .keys = mark_keys};

static const struct key script_keys_of_map[] = {
	{.name = "file", .type = VALUE_TEXT, .help = "a path in the workspace"},
	{.name = "run", .type = VALUE_TEXT, .help = "Lua"},
	{.name = "tolerance", .type = VALUE_CONDITION, .help = "what must hold of the value it returns"},
	END};
static const char *const script_forms[] = {"file", "run", NULL};
const struct shape script_shape = {.name = "a script", .keys = script_keys_of_map, .one_of = script_forms};

static const struct key wait_keys[] = {
	{.name = "until", .type = VALUE_TEXT,
		.help = "the next time the clock shows \"22:00\", or a moment such as 2026-11-25T22:00:00Z"},
	{.name = "every", .type = VALUE_DURATION, .help = "between two looks"},
	{.name = "run", .type = VALUE_SCRIPT, .with = WITH("every"), .with_required = true,
		.help = "Lua that returns true when the waiting is over"},
	{.name = "tolerance", .type = VALUE_CONDITION, .with = WITH("every"),
		.help = "what must hold of the value it returns, instead of true"},
	END};
static const char *const wait_forms[] = {"until", "every", NULL};
const struct shape wait_shape = {.name = "a wait", .keys = wait_keys, .one_of = wait_forms};

static const struct key measure_keys[] = {
	{.name = "name", .type = VALUE_NAME, .required = true, .help = "outputs.STEP.NAME holds it"},
	{.name = "unit", .type = VALUE_TEXT, .help = "of the value"},
	{.name = "min", .type = VALUE_DECIMAL, .help = "least value that is accepted"},
	{.name = "max", .type = VALUE_DECIMAL, .help = "largest value that is accepted"},
	END};
static const struct shape measure = {.name = "a measure", .keys = measure_keys};

static const struct key loop_keys[] = {
	{.name = "in", .type = VALUE_ANY, .required = true,
		.help = "a list, or {param: NAME} of a parameter of type strings"},
	{.name = "as", .type = VALUE_NAME, .help = "what Lua and conditions call the one it is the turn of; item without it"},
	END};
static const struct shape loop = {.name = "for_each", .keys = loop_keys};

static const struct key invariant_keys[] = {
	{.name = "id", .type = VALUE_NAME, .required = true, .help = "unique in the runbook"},
	{.name = "title", .type = VALUE_TEXT, .help = "what is shown; the id without one"},
	{.name = "every", .type = VALUE_DURATION, .required = true, .help = "between two looks"},
	{.name = "uses", .type = VALUE_USES, .help = "every operation it may use: reads only"},
	{.name = "run", .type = VALUE_SCRIPT, .required = true, .help = "Lua that fails when it does not hold"},
	{.name = "tolerance", .type = VALUE_CONDITION, .help = "what must hold of the value that run returns"},
	END};
static const struct shape invariant = {.name = "an invariant", .keys = invariant_keys};

static const struct key step_keys[] = {
	{.name = "id", .type = VALUE_NAME, .required = true, .help = "unique in the runbook"},
	{.name = "title", .type = VALUE_TEXT, .help = "what is shown; the id without one"},
	{.name = "run", .type = VALUE_SCRIPT, .help = "Lua"},
	{.name = "manual", .type = VALUE_TEXT, .help = "what a person has to do"},
	{.name = "decide", .type = VALUE_TEXT, .help = "what a person has to decide"},
	{.name = "wait", .type = VALUE_WAIT,
		.help = "time that has to pass: 5m, {until: \"22:00\"}, or {every: 2s, run: Lua} until it holds"},
	{.name = "approve", .type = VALUE_TEXT, .help = "what somebody else has to agree to"},
	{.name = "steps", .type = VALUE_STEPS, .help = "a group: steps that belong together"},
	{.name = "runbook", .type = VALUE_NAME, .help = "another runbook of the workspace, done here"},
	{.name = "uses", .type = VALUE_USES, .with = WITH("run", "wait"),
		.help = "every operation the step may use, and on which targets; anything else is refused"},
	{.name = "needs", .type = VALUE_NAMES, .fallback = "the step above",
		.help = "steps that come first; [] = none"},
	{.name = "when", .type = VALUE_CONDITION, .help = "the step is left out unless this holds"},
	{.name = "for_each", .type = VALUE_SHAPE, .shape = &loop, .with = WITH("run", "manual", "steps", "runbook"),
		.help = "the step once for each of a list"},
	{.name = "parallel", .type = VALUE_INT, .min = 1, .max = 1000, .with = WITH("steps", "runbook", "for_each"),
		.help = "at most so many of its steps at once"},
	{.name = "params", .type = VALUE_OPEN, .with = WITH("runbook"),
		.help = "for it: a value, {param: NAME}, {output: STEP.NAME} or {item: NAME}"},
	{.name = "invariant", .type = VALUE_LIST, .shape = &invariant, .min = 1, .max = 50,
		.with = WITH("steps", "runbook"), .help = "what must hold while its steps run; they stop when it does not"},
	{.name = "check", .type = VALUE_SCRIPT, .with = WITH("run"), .help = "Lua before run: fails when run must not start"},
	{.name = "verify", .type = VALUE_SCRIPT, .with = WITH("run"), .help = "Lua after run: fails when it did not work"},
	{.name = "undo", .type = VALUE_SCRIPT, .with = WITH("run"), .help = "Lua that takes it back"},
	{.name = "checklist", .type = VALUE_TEXTS, .with = WITH("manual"), .help = "points to tick"},
	{.name = "measure", .type = VALUE_SHAPE, .shape = &measure, .with = WITH("manual"),
		.help = "a value that the person reads off and enters"},
	{.name = "from", .type = VALUE_TEXTS, .with = WITH("approve"),
		.fallback = "anybody but who started the run", .help = "people, and groups as @NAME"},
	{.name = "count", .type = VALUE_INT, .min = 1, .max = 100, .with = WITH("approve"), .fallback = "1",
		.help = "how many of them must agree"},
	{.name = "choices", .type = VALUE_LIST, .shape = &choice, .with = WITH("decide"), .with_required = true,
		.min = 1, .max = 20, .help = "the answers"},
	{.name = "marks", .type = VALUE_LIST, .shape = &mark, .max = 100, .fallback = "[]",
		.help = "what is reached for a service when the step is done"},
	{.name = "expect", .type = VALUE_DURATION, .help = "how long it should take; later it is shown as late"},
	{.name = "timeout", .type = VALUE_DURATION, .help = "when it is ended; none = only by a person"},
	{.name = "on_failure", .type = VALUE_CHOICE, .choices = failure_words, .fallback = "ask",
		.help = "ask a person, stop the run, continue, or undo what was done"},
	{.name = "retry", .type = VALUE_SHAPE, .shape = &retry, .with = WITH("run"), .help = "after a known failure"},
	{.name = "expires", .type = VALUE_DURATION, .with = WITH("run"),
		.help = "how long what the step creates may stay"},
	{.name = "level", .type = VALUE_LEVEL, .fallback = "from uses",
		.help = "raises how it is confirmed; never lowers it"},
	{.name = "owner", .type = VALUE_TEXT, .fallback = "of the runbook", .help = "who does it"},
	{.name = "time", .type = VALUE_CHOICE, .choices = time_words,
		.fallback = "machine; human for manual and decide; approval for approve; world for wait; "
			    "verification with a mark verified",
		.help = "what its time counts as"},
	END};
static const char *const step_kinds[] = {
	"run", "manual", "decide", "wait", "approve", "steps", "runbook", NULL};
static const struct shape step = {.name = "a step", .keys = step_keys, .one_of = step_kinds};

static const struct key runbook_keys[] = {
	{.name = "runbook", .type = VALUE_TEXT, .required = true, .help = "its title"},
	{.name = "version", .type = VALUE_INT, .required = true, .min = 1, .max = 1000000000,
		.help = "raised with every change"},
	{.name = "service", .type = VALUE_NAME, .help = "the service it recovers"},
	{.name = "services", .type = VALUE_NAMES, .help = "several of them"},
	{.name = "description", .type = VALUE_TEXT, .help = "for people"},
	{.name = "owner", .type = VALUE_TEXT, .fallback = "of the first service", .help = "of its steps"},
	{.name = "params", .type = VALUE_MAP, .shape = &param, .fallback = "{}", .help = "what is asked at the start"},
	{.name = "outputs", .type = VALUE_OPEN, .fallback = "{}",
		.help = "what it gives to a runbook that nests it: NAME: STEP.NAME"},
	{.name = "parallel", .type = VALUE_INT, .min = 1, .max = 1000, .fallback = "as many as the server takes",
		.help = "at most so many steps at once"},
	{.name = "steps", .type = VALUE_LIST, .required = true, .shape = &step, .min = 1, .max = 10000,
		.help = "what is done"},
	END};
static const struct shape runbook = {.name = "a runbook", .keys = runbook_keys};

/* reliability.md T15 */
#define RUNBOOK_LIMITS {.max_bytes = 8U << 20, .max_nodes = 400000, .max_depth = 32}
#define OTHER_LIMITS {.max_bytes = 1U << 20, .max_nodes = 10000, .max_depth = 32}

const struct schema schemas[] = {
	{"drillbook", "drillbook.yaml", &drillbook, OTHER_LIMITS},
	{"services", "services.yaml", &services, OTHER_LIMITS},
	{"targets", "targets.yaml", &targets, OTHER_LIMITS},
	{"drills", "drills.yaml", &drills, OTHER_LIMITS},
	{"runbook", NULL, &runbook, RUNBOOK_LIMITS},
	{.kind = NULL},
};

const char *const schema_kinds[] = {"drillbook", "services", "targets", "drills", "runbook", NULL};

const struct schema *schema_find(const char *kind)
{
	for (const struct schema *s = schemas; s->kind != NULL; s++)
		if (str_eq(s->kind, kind))
			return s;
	return NULL;
}

const struct key *shape_key(const struct shape *shape, const char *name)
{
	for (const struct key *k = shape->keys; k->name != NULL; k++)
		if (k->name[0] == name[0] && strcmp(k->name, name) == 0)
			return k;
	return NULL;
}
