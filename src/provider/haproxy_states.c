/* haproxy_states.c: putting servers into wanted states, in an order that loses no request.
 *
 * Every operation that changes a state is the same thing: a map of servers to the states they
 * should have (the *wanted* states), applied in one order: first the servers that are to take
 * traffic are made ready, then we wait until their health checks pass, and only then the others
 * leave.  Nothing is taken from what a command answers: success is an empty line, so the states
 * are read again. */
#include "haproxy.h"

#include <string.h>

enum { POLL_MS = 100 };

static const char *const admin_states[] = { "ready", "drain", "maint", NULL };

/* ------------------------------------------------------------------ wanted states */

/* The verbs that put one server into one state. */
static const struct {
	const char *op, *state;
} one_state[] = {
	{ "traffic.drain", "drain" },
	{ "traffic.ready", "ready" },
	{ "traffic.maint", "maint" },
};

static enum err_code wanted_switch(
	struct call *call, const struct haproxy_backend *b, json_t *wanted, struct err *err)
{
	const char *to = call_string(call, "to"), *leave = call_string(call, "leave");
	const json_t *from = call_json(call, "from");
	struct haproxy_server *target, *s;
	size_t i;
	json_t *name;

	TRY(haproxy_server_named(b, to, &target, err));
	json_array_foreach((json_t *)from, i, name)
	{
		TRY(haproxy_server_named(b, json_string_value(name), &s, err));
		if (s == target)
			return err_set(err, ERR_USAGE,
				"\"%s\" is both where traffic goes to and where it leaves", to);
		json_put_str(wanted, s->name, leave);
	}
	/* a backup takes traffic only when nobody else is there: leaving it costs nothing */
	for (i = 0; i < b->count && from == NULL; i++) {
		s = &b->servers[i];
		if (s != target && !s->backup && str_eq(haproxy_admin(s), "ready"))
			json_put_str(wanted, s->name, leave);
	}
	json_put_str(wanted, to, "ready");
	return ERR_NONE;
}

static enum err_code wanted_restore(
	struct call *call, const struct haproxy_backend *b, json_t *wanted, struct err *err)
{
	const char *name;
	json_t *state;
	struct haproxy_server *s;

	json_object_foreach((json_t *)call_json(call, "states"), name, state)
	{
		bool known = false;

		TRY(haproxy_server_named(b, name, &s, err));
		for (const char *const *a = admin_states; *a != NULL; a++)
			known = known || str_eq(*a, json_string_value(state));
		if (!known)
			return err_set(err, ERR_USAGE,
				"states: \"%s\" must be ready, drain or maint", name);
		json_put_str(wanted, name, json_string_value(state));
	}
	if (json_object_size(wanted) == 0)
		return err_set(err, ERR_USAGE, "states names no server");
	return ERR_NONE;
}

/* Server -> state, from the arguments and from what is there now. */
static enum err_code wanted_states(
	struct call *call, const struct haproxy_backend *b, json_t *wanted, struct err *err)
{
	struct haproxy_server *s;

	for (size_t i = 0; i < COUNT_OF(one_state); i++) {
		if (!str_eq(call_op(call), one_state[i].op))
			continue;
		TRY(haproxy_server_named(b, call_string(call, "server"), &s, err));
		json_put_str(wanted, s->name, one_state[i].state);
		return ERR_NONE;
	}
	if (str_eq(call_op(call), "traffic.switch"))
		return wanted_switch(call, b, wanted, err);
	return wanted_restore(call, b, wanted, err);
}

enum err_code haproxy_prepare_states(struct call *call, json_t *before, struct err *err)
{
	struct haproxy_backend b;
	const char *backend, *name;
	json_t *state, *states = json_object(), *wanted = json_object();
	enum err_code code;

	TRY(haproxy_backend_name(call, &backend, err));
	code = haproxy_read(call, backend, &b, err);
	if (code == ERR_NONE)
		code = wanted_states(call, &b, wanted, err);
	if (code == ERR_NONE) {
		json_object_foreach(wanted, name, state) json_put_str(
			states, name, haproxy_admin(haproxy_server_find(&b, name)));
		json_put_str(before, "backend", backend);
		json_put(before, "states", json_incref(states));
		json_put(before, "wanted", json_incref(wanted));
		json_put(before, "undo",
			json_pack("{s:s, s:{s:s, s:O}}", "op", "traffic.restore", "args",
				"backend", backend, "states", states));
	}
	json_decref(states);
	json_decref(wanted);
	haproxy_backend_release(&b);
	return code;
}

/* ------------------------------------------------------------------ applying them */

/* One operation under way. */
struct change {
	struct call *call;
	const char *backend;
	json_t *wanted; /* borrowed from before, or owned by the caller */
	struct haproxy_backend seen;
	int64_t up_wait_ms, drain_wait_ms, up_after_ms;
	int changed; /* how many servers we have put into another state */
};

/* Whatever fails once something was changed leaves the world changed, not unchanged. */
static enum err_code half_done(const struct change *c, struct err *err)
{
	if (c->changed > 0 && err->world == WORLD_UNCHANGED)
		err->world = WORLD_CHANGED;
	if (c->changed > 0)
		return err_context(err, "after %d server%s of \"%s\" had changed", c->changed,
			c->changed == 1 ? "" : "s", c->backend);
	return err->code;
}

static enum err_code look(struct change *c, struct err *err)
{
	haproxy_backend_release(&c->seen);
	return haproxy_read(c->call, c->backend, &c->seen, err);
}

static enum err_code set_state(
	struct change *c, const char *server, const char *state, struct err *err)
{
	struct haproxy_server *s;
	char command[2 * HAPROXY_NAME_MAX + 64];

	TRY(haproxy_server_named(&c->seen, server, &s, err));
	if (str_eq(haproxy_admin(s), state))
		return ERR_NONE;
	snprintf(command, sizeof(command), "set server %s/%s state %s", c->backend, server,
		state);
	TRY(haproxy_set(c->call, command, err));
	c->changed++;
	call_log(c->call, "%s/%s: %s -> %s", c->backend, server, haproxy_admin(s), state);
	if (look(c, err) != ERR_NONE) {
		err->world = WORLD_UNKNOWN; /* accepted, but silence is no proof */
		return err->code;
	}
	TRY(haproxy_server_named(&c->seen, server, &s, err));
	if (str_eq(haproxy_admin(s), state))
		return ERR_NONE;
	err_set(err, ERR_CONFLICT,
		"%s/%s is in state %s (%s) after HAProxy accepted %s; it may follow another "
		"server",
		c->backend, server, haproxy_admin(s), s->status, state);
	err->world = WORLD_CHANGED;
	return ERR_CONFLICT;
}

/* Sets every wanted state that is, or is not, ready. */
static enum err_code set_states(struct change *c, bool ready, struct err *err)
{
	const char *name;
	json_t *state;

	json_object_foreach(c->wanted, name, state)
	{
		if (str_eq(json_string_value(state), "ready") == ready)
			TRY(set_state(c, name, json_string_value(state), err));
	}
	return ERR_NONE;
}

/* The first server wanted ready that is not up, or wanted out and still has sessions. */
static const struct haproxy_server *not_there_yet(const struct change *c, bool ready)
{
	const char *name;
	json_t *state;

	json_object_foreach(c->wanted, name, state)
	{
		const struct haproxy_server *s = haproxy_server_find(&c->seen, name);
		const bool out = !str_eq(json_string_value(state), "ready");

		if (s != NULL && (ready ? !out && !haproxy_up(s) : out && s->sessions > 0))
			return s;
	}
	return NULL;
}

/* With `fall 1` HAProxy shows no difference between UP by a check that passed and UP because
 * maintenance ended: then UP must last for a check interval. */
static int64_t settle_ms(const struct change *c)
{
	const char *name;
	json_t *state;
	const json_t *states = json_object_get(call_before(c->call), "states");

	json_object_foreach(c->wanted, name, state)
	{
		const struct haproxy_server *s = haproxy_server_find(&c->seen, name);

		if (s != NULL && s->fall == 1 && str_eq(json_string_value(state), "ready") &&
			!str_eq(s->status, "no check") &&
			str_eq(json_str(states, name, "maint"), "maint"))
			return setting_int(c->call, "check_interval");
	}
	return 0;
}

static enum err_code still_waiting(struct change *c, const struct haproxy_server *s, bool ready,
	const struct mono start, int64_t wait_ms, struct err *err)
{
	const int64_t waited = mono_ms_since(start);

	if (waited >= wait_ms || call_left_ms(c->call) == 0) {
		if (ready)
			err_set(err, ERR_TIMEOUT,
				"%s/%s is ready but %s%s%s%s after %lld ms; no server was "
				"taken out",
				c->backend, s->name, s->status, s->check[0] != '\0' ? " (" : "",
				s->check, s->check[0] != '\0' ? ")" : "", (long long)waited);
		else
			err_set(err, ERR_TIMEOUT,
				"%s/%s is in state %s, but %lld sessions are left after %lld "
				"ms",
				c->backend, s->name, haproxy_admin(s), (long long)s->sessions,
				(long long)waited);
		/* what was asked for is set, or nothing was: that is known */
		err->world = c->changed > 0 ? WORLD_CHANGED : WORLD_UNCHANGED;
		return ERR_TIMEOUT;
	}
	if (ready)
		call_progress(c->call, -1, "%s/%s is %s %s, waiting for UP", c->backend,
			s->name, s->status, s->check);
	else
		call_progress(c->call, -1, "%s/%s: %lld sessions left", c->backend, s->name,
			(long long)s->sessions);
	return ERR_NONE;
}

/* Until every ready server is up (ready) or every other one has no sessions left (!ready). */
static enum err_code wait_for(struct change *c, bool ready, int64_t wait_ms, struct err *err)
{
	const struct mono start = mono_now();
	const int64_t settle = ready ? settle_ms(c) : 0;
	struct mono since = start;
	bool good = false;

	for (;;) {
		const struct haproxy_server *s = not_there_yet(c, ready);

		if (s != NULL) {
			good = false;
			TRY(still_waiting(c, s, ready, start, wait_ms, err));
		} else {
			if (!good)
				since = mono_now();
			good = true;
			if (mono_ms_since(since) >= settle)
				break;
		}
		if (call_sleep(c->call, POLL_MS, err) != ERR_NONE) {
			/* while only waiting, the states are known */
			err->world = c->changed > 0 ? WORLD_CHANGED : WORLD_UNCHANGED;
			return err->code;
		}
		TRY(look(c, err));
	}
	if (ready)
		c->up_after_ms = mono_ms_since(start);
	return ERR_NONE;
}

static enum err_code apply(struct change *c, struct err *err)
{
	TRY(look(c, err));
	TRY(set_states(c, true, err));
	if (c->up_wait_ms > 0)
		TRY(wait_for(c, true, c->up_wait_ms, err));
	TRY(set_states(c, false, err));
	if (c->drain_wait_ms > 0)
		TRY(wait_for(c, false, c->drain_wait_ms, err));
	return ERR_NONE;
}

void haproxy_put_servers(const struct haproxy_backend *b, json_t *result)
{
	json_t *servers = json_array();
	int64_t up = 0;

	for (size_t i = 0; i < b->count; i++) {
		json_array_append_new(servers, haproxy_server_json(&b->servers[i]));
		up += haproxy_up(&b->servers[i]);
	}
	json_put_str(result, "backend", b->name);
	json_put_int(result, "up", up);
	json_put(result, "servers", servers);
}

enum err_code haproxy_run_states(struct call *call, json_t *result, struct err *err)
{
	struct change c = { .call = call };
	const struct mono start = mono_now();
	const bool leaving = str_eq(call_op(call), "traffic.drain") ||
			     str_eq(call_op(call), "traffic.maint");
	enum err_code code;

	TRY(haproxy_backend_name(call, &c.backend, err));
	c.wanted = json_incref(json_object_get(call_before(call), "wanted"));
	if (leaving)
		c.drain_wait_ms = call_int(call, "wait");
	else
		c.up_wait_ms = call_int(call, "wait");
	if (str_eq(call_op(call), "traffic.switch"))
		c.drain_wait_ms = call_int(call, "drain_wait");
	code = c.wanted != NULL ? ERR_NONE
				: err_set(err, ERR_PRECONDITION, "it was not prepared");
	if (code == ERR_NONE)
		code = apply(&c, err);
	if (code != ERR_NONE)
		code = half_done(&c, err);
	if (code == ERR_NONE) {
		haproxy_put_servers(&c.seen, result);
		json_put_int(result, "changed", c.changed);
		json_put_int(result, "up_after_ms", c.up_after_ms);
		json_put_int(result, "took_ms", mono_ms_since(start));
	}
	json_decref(c.wanted);
	haproxy_backend_release(&c.seen);
	return code;
}

/* Compares each server with what was wanted and with what was there before. */
enum err_code haproxy_verify_states(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	const json_t *wanted = json_object_get(call_before(call), "wanted");
	const json_t *states = json_object_get(call_before(call), "states");
	struct haproxy_backend b;
	const char *backend, *name;
	size_t done = 0, undone = 0;
	json_t *state;

	*verdict = VERDICT_CANNOT_TELL;
	if (json_object_size(wanted) == 0) {
		json_put_str(evidence, "reason", "the states before it are not known");
		return ERR_NONE;
	}
	TRY(haproxy_backend_name(call, &backend, err));
	const enum err_code code = haproxy_read(call, backend, &b, err);
	if (code == ERR_NONE) {
		json_object_foreach((json_t *)wanted, name, state)
		{
			const struct haproxy_server *s = haproxy_server_find(&b, name);
			const char *now = s != NULL ? haproxy_admin(s) : "gone";

			done += str_eq(now, json_string_value(state));
			undone += str_eq(now, json_str(states, name, ""));
		}
		haproxy_put_servers(&b, evidence);
		if (done == json_object_size(wanted))
			*verdict = VERDICT_DONE;
		else if (undone == json_object_size(wanted))
			*verdict = VERDICT_NOT_DONE;
		else
			json_put_str(evidence, "reason",
				"half done, or changed by somebody else: some servers are "
				"neither "
				"as they were nor as they should be");
	}
	haproxy_backend_release(&b);
	return code;
}
