/* boundary.c: every call of a script passes here, and nothing else touches the world.
 *
 * Order of a call:
 *   1. the operation is in the step's uses: for this target
 *   2. the target exists
 *   3. its environment is open to this mode
 *   4. mode probe: only what the table says is a read
 *   5. the parameters fit the table
 *   6. a recorded outcome of the same ordinal is returned; another one than expected is
 * DIVERGED
 *   7. read: run, tell.   Else: prepare, intent, wait, run, outbox, tell.
 * What goes to the server is masked, and the script gets the masked form too: a replay gives it
 * the same. */
#include "failpoint.h"
#include "job.h"
#include "simulate.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PREPARE_ROUNDS = 100 };

json_t *message_new(const char *kind)
{
	json_t *message = json_object();

	json_put_str(message, "t", kind);
	return message;
}

json_t *error_json(const struct err *err, bool with_world)
{
	json_t *error = json_object();

	json_put_str(error, "code", err_name(err->code));
	json_put_str(error, "text", err->text);
	if (with_world)
		json_put_str(error, "world", world_name(err->world));
	return error;
}

enum err_code job_halted(const struct job *job, struct err *err)
{
	if (job->diverged)
		return err_set(err, ERR_DIVERGED, "%s", job->divergence);
	if (job->channel.stop)
		return err_set(err, ERR_CANCELLED, "stopped on request");
	if (channel_deadline_passed(&job->channel))
		return err_set(err, ERR_TIMEOUT, "the step's timeout of %lld ms has passed",
			(long long)job->timeout_ms);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ may it be made? */

static bool has_word(const json_t *list, const char *word)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		if (str_eq(json_string_value(row), word))
			return true;
	}
	return false;
}

static enum err_code allowed(
	const struct job *job, const char *op, const char *target, struct err *err)
{
	const json_t *uses = json_object_get(job->json, "uses");
	const json_t *object = json_object_get(job->targets, target);
	const char *environment = json_str(object, "environment", "");

	if (!has_word(json_object_get(uses, op), target))
		return err_set(err, ERR_FORBIDDEN,
			"%s on \"%s\" is not in the step's uses: add \"%s: %s\" there", op,
			target, op, target);
	if (object == NULL)
		return err_set(err, ERR_USAGE, "there is no target \"%s\"", target);
	if (!has_word(json_object_get(job->json, "allowed_environments"), environment))
		return err_set(err, ERR_FORBIDDEN,
			"target \"%s\" is in environment \"%s\", which mode %s may not touch",
			target, environment, job->mode);
	if (str_eq(job->mode, "probe")) {
		const struct operation *operation =
			operation_find(provider_find(json_str(object, "provider", "")), op);
		if (operation != NULL && operation->effect != EFFECT_READ)
			return err_set(err, ERR_FORBIDDEN,
				"%s may change something (%s): mode probe only reads", op,
				effect_name(operation->effect));
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ replay */

bool job_replaying(const struct job *job)
{
	return job->ordinal <= job->replay_last;
}

static json_t *recorded(const struct job *job)
{
	char name[32];

	snprintf(name, sizeof(name), "%lld", (long long)job->ordinal);
	return json_object_get(job->replay, name);
}

static bool same_call(
	const json_t *row, const char *op, const char *target, json_t *args, const char *digest)
{
	json_t *before = json_object_get(row, "args");

	if (!str_eq(json_str(row, "op", ""), op) ||
		!str_eq(json_str(row, "target", ""), target))
		return false;
	return json_is_object(before) ? json_equal(before, args) != 0
				      : str_eq(json_str(row, "digest", ""), digest);
}

/* True when the call was recorded: its outcome is in code, result and err. */
static bool replayed(struct job *job, const char *op, const char *target, json_t *args,
	const char *digest, enum err_code *code, json_t **result, struct err *err)
{
	json_t *row = recorded(job);

	if (row == NULL)
		return false;
	if (!same_call(row, op, target, args, digest)) {
		job->diverged = true;
		snprintf(job->divergence, sizeof(job->divergence),
			"call %lld is %s on \"%s\" now and was %s on \"%s\" %s",
			(long long)job->ordinal, op, target, json_str(row, "op", "?"),
			json_str(row, "target", "?"),
			str_eq(json_str(row, "op", ""), op) ? "with other arguments before"
							    : "before");
		*code = job_halted(job, err);
		return true;
	}
	job->ordinal++;
	if (json_flag(row, "ok", false)) {
		json_t *value = json_object_get(row, "result");
		*result = value != NULL ? json_incref(value) : json_object();
		*code = ERR_NONE;
		return true;
	}
	const json_t *error = json_object_get(row, "error");
	*code = err_from_name(json_str(error, "code", "FAILED"));
	err_set(err, *code, "%s", json_str(error, "text", "it failed"));
	err->world = world_from_name(json_str(error, "world", "unchanged"));
	return true;
}

/* ------------------------------------------------------------------ reads */

/* An error's text goes to the script too, and from there anywhere. */
static void mask_error(const struct job *job, struct err *err)
{
	size_t len;
	char *text = mask_string(&job->secrets.mask, err->text, strlen(err->text), &len);

	if (text != NULL)
		snprintf(err->text, sizeof(err->text), "%s", text);
	free(text);
}

static void call_hex(char hex[SHA256_HEX], const char *op, const char *target, json_t *args)
{
	json_t *call = json_object();

	json_put_str(call, "op", op);
	json_put_str(call, "target", target);
	json_put(call, "args", json_incref(args));
	sha256_hex(json_digest(call), hex);
	json_decref(call);
}

struct made { /* one call on its way */
	const char *op, *target, *digest;
	json_t *args; /* masked */
	struct wall began, ended;
};

/* Tells a read and takes the next ordinal. */
static void tell_read(
	struct job *job, const struct made *made, json_t *result, const struct err *err)
{
	json_t *message = message_new("read");

	json_put_int(message, "ordinal", job->ordinal++);
	json_put_str(message, "op", made->op);
	json_put_str(message, "target", made->target);
	json_put(message, "args", json_incref(made->args));
	json_put_str(message, "digest", made->digest);
	json_put_flag(message, "ok", err == NULL);
	if (err == NULL)
		json_put(message, "result", json_incref(result));
	else
		json_put(message, "error", error_json(err, false));
	json_put_int(message, "began_ns", made->began.ns);
	json_put_int(message, "ended_ns", made->ended.ns);
	channel_send(&job->channel, message);
}

static enum err_code run_read(
	struct job *job, struct made *made, struct call *call, json_t **result, struct err *err)
{
	json_t *raw = json_object();

	made->began = wall_now();
	const enum err_code code = job->simulated != NULL
					   ? simulate_answer(job, job->simulated, raw, err)
					   : call_operation(call)->run(call, raw, err);
	made->ended = wall_now();
	err->world = WORLD_UNCHANGED;
	mask_error(job, err);
	*result = mask_json(&job->secrets.mask, raw);
	json_decref(raw);
	tell_read(job, made, *result, code == ERR_NONE ? NULL : err);
	return code;
}

enum err_code boundary_value(struct job *job, const char *op, json_t *args,
	json_t *(*make)(void *arg), void *arg, bool only_recorded, json_t **value,
	struct err *err)
{
	char digest[SHA256_HEX];
	json_t *result = NULL;
	enum err_code code;

	*value = NULL;
	if (only_recorded && !str_eq(json_str(recorded(job), "op", ""), op))
		return ERR_NONE;
	call_hex(digest, op, "", args);
	if (!replayed(job, op, "", args, digest, &code, &result, err)) {
		struct made made = { op, "", digest, args, wall_now(), { 0 } };
		made.ended = made.began;
		result = json_object();
		json_t *then = job_simulating(job) ? simulate_value(job, op, args) : NULL;
		json_put(result, "value", then != NULL ? then : make(arg));
		tell_read(job, &made, result, NULL);
		code = ERR_NONE;
	}
	if (code == ERR_NONE)
		*value = json_incref(json_object_get(result, "value"));
	json_decref(result);
	return code;
}

/* ------------------------------------------------------------------ effects */

static int64_t time_for_call(const struct job *job)
{
	const int64_t deadline = atomic_load(&job->channel.deadline_ns);

	if (deadline == 0)
		return 0; /* the operation's own */
	const int64_t left = (deadline - mono_now().ns) / 1000000;
	return left > 1 ? left : 1;
}

static enum err_code new_call(struct job *job, const char *op, const char *target, json_t *args,
	const json_t *before, const char *key, struct call **call, struct err *err)
{
	return call_new(call, target, json_object_get(job->targets, target), op, args, before,
		key, job->workspace, time_for_call(job), &job->hooks, err);
}

static json_t *undo_of(
	const struct made *made, const struct operation *operation, const json_t *before)
{
	const json_t *given = json_object_get(before, "undo");
	json_t *undo;

	if (json_is_object(given)) {
		undo = json_copy((json_t *)(uintptr_t)given);
		if (json_object_get(undo, "target") == NULL)
			json_put_str(undo, "target", made->target);
		if (json_object_get(undo, "args") == NULL)
			json_put(undo, "args", json_object());
		return undo;
	}
	/* an operation that names itself (put back, declared undo) is undone by what prepare
	 * found or not at all */
	if (operation->undo == NULL || str_eq(operation->undo, made->op))
		return json_null();
	undo = json_object();
	json_put_str(undo, "op", operation->undo);
	json_put_str(undo, "target", made->target);
	json_put(undo, "args", json_incref(made->args));
	return undo;
}

static json_t *intent_of(const struct job *job, const struct made *made,
	const struct call *call, json_t *before, const char *key)
{
	const struct operation *operation = call_operation(call);
	json_t *intent = message_new("intent"), *bound = json_object();
	char hex[SHA256_HEX];

	json_put_str(bound, "op", made->op);
	json_put_str(bound, "target", made->target);
	json_put(bound, "args", json_incref(made->args));
	json_put_str(bound, "effect", effect_name(call_effect(call, before)));
	json_put(bound, "before", json_incref(before));
	json_put_str(bound, "key", key);
	json_put_str(intent, "digest", sha256_hex(json_digest(bound), hex));
	json_object_update(intent, bound);
	json_decref(bound);
	json_put_int(intent, "ordinal", job->ordinal);
	json_put(intent, "undo", undo_of(made, operation, before));
	json_put_flag(intent, "idempotent", operation->idempotent);
	/* without a before-state only the target's own declaration can lower the class */
	json_put_flag(intent, "declared", call_effect(call, NULL) != operation->effect);
	if (json_flag(before, "creates", false) && json_is_object(json_object_get(intent, "undo")))
		json_put_flag(intent, "creates", true);
	if (job->compensating != NULL)
		json_put_str(intent, "compensates", job->compensating);
	return intent;
}

/* What prepare finds, masked.  An error is told like a read, so that the record says why
 * nothing was done. */
static enum err_code prepare(
	struct job *job, struct made *made, json_t *args, json_t **before, struct err *err)
{
	struct call *call;
	json_t *raw = json_object();
	enum err_code code = new_call(job, made->op, made->target, args, NULL, "", &call, err);

	made->began = wall_now();
	if (code == ERR_NONE) {
		if (job->simulated != NULL)
			json_object_update(raw, json_object_get(job->simulated, "before"));
		else if (call_operation(call)->prepare != NULL)
			code = call_operation(call)->prepare(call, raw, err);
		call_free(call);
	}
	made->ended = wall_now();
	*before = mask_json(&job->secrets.mask, raw);
	json_decref(raw);
	if (code != ERR_NONE) {
		err->world = WORLD_UNCHANGED;
		mask_error(job, err);
		tell_read(job, made, NULL, err);
	}
	return code;
}

/* Prepares and proposes until there is an answer: NONE = do it now.  A human's thinking does
 * not count against the step's deadline. */
static enum err_code propose(struct job *job, struct made *made, json_t *args, const char *key,
	json_t **before, struct err *err)
{
	enum err_code code = ERR_CONFLICT;
	struct call *call;

	for (int round = 0; round < PREPARE_ROUNDS && code == ERR_CONFLICT; round++) {
		json_decref(*before);
		*before = NULL;
		TRY(prepare(job, made, args, before, err));
		TRY(new_call(job, made->op, made->target, args, *before, key, &call, err));
		json_t *intent = intent_of(job, made, call, *before, key);
		call_free(call);
		const struct mono begin = mono_now();
		code = channel_propose(&job->channel, intent, job->ordinal, err);
		json_decref(intent);
		job->refused = code != ERR_NONE && code != ERR_CONFLICT;
		if (atomic_load(&job->channel.deadline_ns) != 0)
			atomic_fetch_add(&job->channel.deadline_ns, mono_now().ns - begin.ns);
	}
	return code;
}

static json_t *result_of(const struct job *job, const struct made *made, const char *key,
	json_t *result, const struct err *err)
{
	json_t *message = message_new("result");

	json_put_int(message, "ordinal", job->ordinal);
	json_put_str(message, "key", key);
	json_put_flag(message, "ok", err == NULL);
	if (err == NULL)
		json_put(message, "result", json_incref(result));
	else
		json_put(message, "error", error_json(err, true));
	json_put_int(message, "began_ns", made->began.ns);
	json_put_int(message, "ended_ns", made->ended.ns);
	return message;
}

/* The intent is on disk and allowed.  Whatever happens to the server now, this ends with a
 * result on disk. */
static enum err_code do_effect(struct job *job, struct made *made, json_t *args, json_t *before,
	const char *key, json_t **result, struct err *err)
{
	json_t *raw = json_object();
	struct call *call = NULL;
	/* a call of its own: its time begins now, not when somebody was asked */
	enum err_code code =
		new_call(job, made->op, made->target, args, before, key, &call, err);

	made->began = wall_now();
	if (job->channel.stop) {
		code = err_set(err, ERR_CANCELLED, "stopped before it began: nothing was done");
		err->world = WORLD_UNCHANGED;
	} else if (code == ERR_NONE) {
		failpoint("effect.before", made->op);
		code = job->simulated != NULL ? simulate_answer(job, job->simulated, raw, err)
					      : call_operation(call)->run(call, raw, err);
		failpoint("effect.after", made->op);
	}
	made->ended = wall_now();
	call_free(call);
	mask_error(job, err);
	*result = mask_json(&job->secrets.mask, raw);
	json_decref(raw);
	job->changed = job->changed || code == ERR_NONE || err->world != WORLD_UNCHANGED;
	json_t *message = result_of(job, made, key, *result, code == ERR_NONE ? NULL : err);
	job->ordinal++;
	if (!channel_result(&job->channel, message))
		job_leave(job);
	return code;
}

static enum err_code run_effect(
	struct job *job, struct made *made, json_t *args, json_t **result, struct err *err)
{
	char *key = xasprintf("%s/%lld", job->key, (long long)job->ordinal);
	json_t *before = NULL;
	enum err_code code = propose(job, made, args, key, &before, err);

	if (code == ERR_NONE)
		code = do_effect(job, made, args, before, key, result, err);
	else if (job->refused)
		job->ordinal++; /* the refusal has its place in the record */
	json_decref(before);
	free(key);
	return code;
}

/* ------------------------------------------------------------------ taking back */

bool job_compensated(const struct job *job, const char *key)
{
	return json_object_get(job->compensated, key) != NULL;
}

/* A call of the step's own undo that is a registered compensation counts as that one. */
static void note_compensated(
	struct job *job, const char *op, const char *target, const json_t *args)
{
	const json_t *row;
	size_t i;

	if (job->compensating != NULL) {
		json_put_flag(job->compensated, job->compensating, true);
		return;
	}
	json_array_foreach(json_object_get(job->json, "compensate"), i, row) {
		const char *key = json_str(row, "key", "");
		if (job_compensated(job, key) || !str_eq(json_str(row, "op", ""), op) ||
			!str_eq(json_str(row, "target", ""), target) ||
			!json_contains(args, json_object_get(row, "args")))
			continue;
		json_put_flag(job->compensated, key, true);
		return;
	}
}

/* ------------------------------------------------------------------ a call */

enum err_code boundary_call(struct job *job, const char *op, const char *target, json_t *args,
	json_t **result, struct err *err)
{
	struct call *call;
	char digest[SHA256_HEX];
	enum err_code code;

	*result = NULL;
	job->refused = false;
	err->world = WORLD_UNCHANGED;
	TRY(job_halted(job, err));
	TRY(allowed(job, op, target, err));
	TRY(new_call(job, op, target, args, NULL, "", &call, err));
	json_t *masked =
		mask_json(&job->secrets.mask, (json_t *)(uintptr_t)call_arguments(call));
	call_hex(digest, op, target, masked);
	if (!replayed(job, op, target, masked, digest, &code, result, err)) {
		struct made made = { op, target, digest, masked, { 0 }, { 0 } };
		channel_enter(&job->channel, IN_READ);
		if (job_simulating(job) &&
			(code = simulate_find(job, op, target, masked, &job->simulated, err)) != ERR_NONE) {
			made.began = made.ended = wall_now();
			tell_read(job, &made, NULL, err);
		} else if (call_effect(call, NULL) == EFFECT_READ)
			code = run_read(job, &made, call, result, err);
		else
			code = run_effect(job, &made, args, result, err);
		json_decref(job->simulated);
		job->simulated = NULL;
		channel_enter(&job->channel, IN_LUA);
	}
	if (code == ERR_NONE)
		note_compensated(job, op, target, masked);
	if (code != ERR_NONE) {
		json_decref(*result);
		*result = NULL;
	}
	json_decref(masked);
	call_free(call);
	return code;
}
