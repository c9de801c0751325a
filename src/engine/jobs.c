/* jobs.c: what a worker is told to do, as one self-contained message (docs/protocol.md, section
 * 4). */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* The digest of a call as docs/protocol.md defines it; an intent's own digest covers more. */
static void put_digest(json_t *row, const struct op *op)
{
	json_t *call = json_object();
	char hex[SHA256_HEX];

	json_put_str(call, "op", op->op);
	json_put_str(call, "target", op->target);
	json_object_set(call, "args", (json_t *)(uintptr_t)op->args);
	json_put_str(row, "digest", sha256_hex(json_digest(call), hex));
	json_decref(call);
}

/* Recorded outcomes of this iteration from earlier attempts (calls of this very attempt, made
 * by an earlier phase, are not repeated: ordinals go on counting); what was refused, is
 * unknown, or was found not done is left out and so will be proposed anew (rule 8). */
static json_t *replay_list(const struct step *step)
{
	json_t *list = json_array();

	for (size_t i = 0; i < step->op_count; i++) {
		const struct op *op = &step->ops[i];
		const bool known = op->state == OP_STATE_READ || op->state == OP_STATE_DONE ||
				   (op->state == OP_STATE_FAILED && !op->settled);
		if (!known || op->attempt < step->iteration_attempt ||
			op->attempt == step->attempt)
			continue;
		json_t *row = json_object();
		json_put_int(row, "ordinal", op->ordinal);
		json_put_str(row, "op", op->op);
		json_put_str(row, "target", op->target);
		json_put_flag(row, "ok", op->error == NULL);
		put_digest(row, op);
		if (op->error != NULL)
			json_object_set(row, "error", (json_t *)(uintptr_t)op->error);
		else /* settled by a human's word there is none: the script sees an empty table
		      */
			json_put(row, "result",
				op->result != NULL
					? json_incref((json_t *)(uintptr_t)op->result)
					: json_object());
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *allowed_environments(const struct live *live)
{
	json_t *list = json_array(), *row;
	const char *name;

	json_object_foreach(json_object_get(live->plan, "environments"), name, row) {
		if (simulating(live)) { /* nothing is touched */
			json_array_append_new(list, json_string(name));
			continue;
		}
		const json_t *mode;
		size_t i;
		json_array_foreach(json_object_get(row, "modes"), i, mode)
			if (str_eq(json_string_value(mode), live->run->mode))
				json_array_append_new(list, json_string(name));
	}
	return list;
}

static json_t *modules(const struct live *live)
{
	json_t *out = json_object(), *path;
	const char *name;

	json_object_foreach(json_object_get(live->plan, "modules"), name, path) {
		const json_t *file;
		size_t i;
		json_array_foreach(json_object_get(live->plan, "files"), i, file) {
			if (!str_eq(json_str(file, "path", ""), json_string_value(path)))
				continue;
			json_t *row = json_object();
			json_object_set(row, "file", path);
			json_object_set(row, "source", json_object_get(file, "text"));
			json_put(out, name, row);
		}
	}
	return out;
}

static json_t *job_base(const struct live *live, const char *what)
{
	json_t *job = json_object(), *plan = live->plan;

	json_put_str(job, "t", what);
	json_put_int(job, "run", live->id);
	json_put_str(job, "mode", live->run->mode);
	json_put_str(job, "workspace", live->run->workspace_root);
	json_object_set(job, "targets", json_object_get(plan, "targets"));
	json_put(job, "allowed_environments", allowed_environments(live));
	return job;
}

/* What may be used: the step's own list and, when it is taken back, the compensations. */
static json_t *uses_of(const json_t *row, const json_t *undo)
{
	json_t *uses = json_deep_copy(json_object_get(row, "uses"));
	const json_t *one;
	size_t i;

	if (uses == NULL)
		uses = json_object();
	json_array_foreach(undo, i, one) {
		const char *op = json_str(one, "op", "");
		if (json_object_get(uses, op) == NULL)
			json_put(uses, op, json_array());
		json_array_append(json_object_get(uses, op), json_object_get(one, "target"));
	}
	return uses;
}

/* "check", "verify" and "undo" have a script of that name; a run and a look have the step's own. */
static json_t *script_of(const json_t *row, const char *phase)
{
	const bool own = str_eq(phase, "run") || str_eq(phase, "probe");

	return json_object_get(row, own ? "script" : phase);
}

json_t *job_step(const struct live *live, size_t index, const char *phase)
{
	const struct step *step = &live->run->steps[index];
	const struct live_step *own = &live->steps[index];
	const json_t *row = plan_step(live, index);
	json_t *job = job_base(live, "step"), *clock = json_object();
	char *key = xasprintf(
		"%lld/%s/%lld", (long long)live->id, step->id, (long long)step->iteration);

	json_put_str(job, "step", step->id);
	json_put_int(job, "attempt", step->attempt);
	json_put_str(job, "phase", phase);
	if (str_eq(phase, "probe"))
		json_put_flag(job, "waits", step->kind == KIND_WAIT);
	json_put_str(job, "key", key);
	if (script_of(row, phase) != NULL)
		json_object_set(job, "script", script_of(row, phase));
	json_put(job, "modules", modules(live));
	json_put(job, "params", params_seen(live, index));
	json_put(job, "outputs", outputs_seen(live, index));
	if (own->outputs != NULL) /* the step's own, for its verify */
		json_object_set(json_object_get(job, "outputs"), local_id(live, index), own->outputs);
	if (json_object_get(row, "item") != NULL) {
		json_object_set(job, "item", json_object_get(row, "item"));
		json_put_str(job, "item_name", json_str(row, "item_name", "item"));
	}
	if (json_object_get(row, "items") != NULL)
		json_object_set(job, "items", json_object_get(row, "items"));
	json_t *undo = !str_eq(phase, "undo") ? NULL
		       : json_object_get(row, "compensate") != NULL
			       ? json_incref(json_object_get(row, "compensate"))
			       : undo_list(step);
	json_put(job, "uses", uses_of(row, undo));
	if (undo != NULL)
		json_put(job, "compensate", undo);
	if (str_eq(phase, "undo") && step->undoing_debris)
		json_object_del(job, "script");
	json_put_int(job, "timeout_ms",
		str_eq(phase, "probe") ? poll_timeout_ms(live, index)
				       : json_int(row, "timeout_ms", 0));
	json_put_int(job, "first_ordinal", own->next_ordinal);
	json_put(job, "replay", replay_list(step));
	json_put_int(clock, "t0_ns", live->run->t0.ns);
	json_put_int(clock, "t1_ns", live->run->t1.ns);
	json_put_int(clock, "t2_ns", live->run->t2.ns);
	json_put(job, "clock", clock);
	if (simulating(live))
		json_put(job, "recording", simulate_job(live, index));
	free(key);
	return job;
}

json_t *job_verify(const struct live *live, size_t index, const struct op *op)
{
	json_t *job = job_base(live, "verify");

	json_put_str(job, "step", live->run->steps[index].id);
	json_put_str(job, "op", op->op);
	json_put_str(job, "target", op->target);
	json_put_str(job, "key", op->key);
	json_object_set(job, "args", (json_t *)(uintptr_t)op->args);
	json_object_set(job, "before", (json_t *)(uintptr_t)op->before);
	return job;
}

json_t *job_secrets(const struct live *live)
{
	return job_base(live, "secrets");
}
