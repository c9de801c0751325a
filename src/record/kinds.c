/* kinds.c: the table of event kinds, the words of the record, and the wire form of an event. */
#include "drillbook/record.h"

#include <stdlib.h>
#include <string.h>

#define L true
#define R false
const struct event_kind_row event_kinds[EVENT_COUNT] = {
#define X(id, name_, ledger_, payload_)                                                          \
	[EVENT_##id] = {.name = name_, .ledger = ledger_, .payload = payload_},
	EVENT_LIST(X)
#undef X
};
#undef L
#undef R

static const char *const step_states[] = {
	[STEP_PENDING] = "pending", [STEP_RUNNING] = "running", [STEP_OK] = "ok", [STEP_FAILED] = "failed",
	[STEP_SKIPPED] = "skipped", [STEP_STOPPED] = "stopped", [STEP_INTERRUPTED] = "interrupted",
	[STEP_UNKNOWN] = "unknown", [STEP_UNDONE] = "undone"};
static const char *const step_kinds[] = {
	[KIND_SCRIPT] = "script", [KIND_MANUAL] = "manual", [KIND_DECIDE] = "decide", [KIND_WAIT] = "wait",
	[KIND_GROUP] = "group", [KIND_WATCH] = "watch", [KIND_APPROVE] = "approve"};
static const char *const time_kinds[] = {[TIME_DETECT] = "detect", [TIME_DECIDE] = "decide",
	[TIME_MACHINE] = "machine", [TIME_HUMAN] = "human", [TIME_APPROVAL] = "approval",
	[TIME_WORLD] = "world", [TIME_VERIFY] = "verification", [TIME_IDLE] = "idle"};
static const char *const op_states[] = {[OP_STATE_READ] = "read", [OP_STATE_PROPOSED] = "proposed",
	[OP_STATE_ALLOWED] = "allowed", [OP_STATE_DONE] = "done", [OP_STATE_FAILED] = "failed",
	[OP_STATE_REFUSED] = "refused", [OP_STATE_UNKNOWN] = "unknown"};
static const char *const run_statuses[] = {[RUN_OPEN] = "open", [RUN_DONE] = "done",
	[RUN_FAILED] = "failed", [RUN_ABORTED] = "aborted"};
static const char *const objectives[] = {[OBJECTIVE_NONE] = "none", [OBJECTIVE_MET] = "met",
	[OBJECTIVE_MISSED] = "missed", [OBJECTIVE_NOT_MEASURED] = "not measured"};

bool event_kind_find(const char *name, enum event_kind *out)
{
	for (size_t i = 0; i < EVENT_COUNT; i++)
		if (str_eq(event_kinds[i].name, name)) {
			*out = (enum event_kind)i;
			return true;
		}
	return false;
}

const char *step_state_name(enum step_state state)
{
	return step_states[state];
}

const char *step_kind_name(enum step_kind kind)
{
	return step_kinds[kind];
}

bool step_kind_find(const char *name, enum step_kind *out)
{
	for (size_t i = 0; i < COUNT_OF(step_kinds); i++)
		if (str_eq(step_kinds[i], name)) {
			*out = (enum step_kind)i;
			return true;
		}
	return false;
}

const char *time_kind_name(enum time_kind kind)
{
	return time_kinds[kind];
}

const char *op_state_name(enum op_state state)
{
	return op_states[state];
}

const char *run_status_name(enum run_status status)
{
	return run_statuses[status];
}

const char *objective_name(enum verdict_word word)
{
	return objectives[word];
}

void event_stamp(struct event *event, int64_t epoch)
{
	event->wall = wall_now();
	event->mono = mono_now();
	snprintf(event->boot, sizeof(event->boot), "%s", boot_id());
	event->epoch = epoch;
}

json_t *event_to_json(const struct event *event)
{
	json_t *json = json_object();

	json_put_int(json, "run", event->chain);
	json_put_int(json, "pos", event->pos);
	json_put_str(json, "kind", event_kinds[event->kind].name);
	json_put_int(json, "wall_ns", event->wall.ns);
	json_put_int(json, "mono_ns", event->mono.ns);
	json_put_str(json, "boot", event->boot);
	json_put_int(json, "epoch", event->epoch);
	json_put_int(json, "uid", event->actor.uid);
	json_put_str(json, "who", event->actor.name);
	json_put(json, "data", event->payload ? json_incref(event->payload) : NULL);
	return json;
}

enum err_code event_from_json(const json_t *json, struct event *out, struct err *err)
{
	*out = (struct event){.chain = json_int(json, "run", -1), .pos = json_int(json, "pos", -1)};
	if (out->chain < 0 || out->pos < 0 ||
		!event_kind_find(json_str(json, "kind", ""), &out->kind))
		return err_set(err, ERR_PROTOCOL, "not an event this program knows: \"%s\"",
			json_str(json, "kind", ""));
	out->wall.ns = json_int(json, "wall_ns", 0);
	out->mono.ns = json_int(json, "mono_ns", 0);
	out->epoch = json_int(json, "epoch", 0);
	out->actor.uid = json_int(json, "uid", -1);
	snprintf(out->boot, sizeof(out->boot), "%s", json_str(json, "boot", ""));
	snprintf(out->actor.name, sizeof(out->actor.name), "%s", json_str(json, "who", ""));
	json_t *data = json_object_get(json, "data");
	out->payload = json_is_object(data) ? json_incref(data) : NULL;
	return ERR_NONE;
}

void event_release(struct event *event)
{
	json_decref(event->payload);
	event->payload = NULL;
}
