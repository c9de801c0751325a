/* haproxy.c: move traffic between the servers of a backend through the runtime API socket: the
 * tables of the provider, and what needs no waiting. Source: HAProxy 2.6 management guide,
 * section 9.3 "Unix Socket commands". */
#include "internal.h"

#include "haproxy.h"

#include <string.h>

static const char *const leave_states[] = { "drain", "maint", NULL };

enum err_code haproxy_backend_name(struct call *call, const char **name, struct err *err)
{
	*name = call_has(call, "backend") ? call_string(call, "backend")
					  : setting_string(call, "backend");
	if (*name == NULL)
		return err_set(err, ERR_USAGE,
			"name the backend, in the call or in the settings of target \"%s\"",
			call_target(call));
	return haproxy_check_name("backend", *name, err);
}

enum err_code haproxy_server_named(const struct haproxy_backend *b, const char *name,
	struct haproxy_server **out, struct err *err)
{
	const char *names[HAPROXY_SERVERS_MAX];

	*out = haproxy_server_find(b, name);
	if (*out != NULL)
		return ERR_NONE;
	for (size_t i = 0; i < b->count; i++)
		names[i] = b->servers[i].name;
	const char *near = str_nearest(name, names, b->count);
	return err_set(err, ERR_NOT_FOUND, "backend \"%s\" has no server \"%s\"; it has %s%s",
		b->name, name, near != NULL ? near : names[0],
		near == NULL && b->count > 1 ? " and others" : "");
}

static enum err_code status(struct call *call, json_t *result, struct err *err)
{
	struct haproxy_backend b;
	const char *backend;

	TRY(haproxy_backend_name(call, &backend, err));
	const enum err_code code = haproxy_read(call, backend, &b, err);
	if (code == ERR_NONE)
		haproxy_put_servers(&b, result);
	haproxy_backend_release(&b);
	return code;
}

/* ------------------------------------------------------------------ weight */

static enum err_code read_weight(struct call *call, int64_t *weight, struct err *err)
{
	struct haproxy_backend b;
	struct haproxy_server *s;
	const char *backend;
	enum err_code code;

	TRY(haproxy_backend_name(call, &backend, err));
	TRY(haproxy_check_name("server", call_string(call, "server"), err));
	code = haproxy_read(call, backend, &b, err);
	if (code == ERR_NONE)
		code = haproxy_server_named(&b, call_string(call, "server"), &s, err);
	if (code == ERR_NONE)
		*weight = s->weight;
	haproxy_backend_release(&b);
	return code;
}

static enum err_code prepare_weight(struct call *call, json_t *before, struct err *err)
{
	const char *backend;
	int64_t weight;

	TRY(haproxy_backend_name(call, &backend, err));
	TRY(read_weight(call, &weight, err));
	json_put_int(before, "weight", weight);
	json_put(before, "undo",
		json_pack("{s:s, s:{s:s, s:s, s:I}}", "op", "traffic.weight", "args", "backend",
			backend, "server", call_string(call, "server"), "weight",
			(json_int_t)weight));
	return ERR_NONE;
}

static enum err_code run_weight(struct call *call, json_t *result, struct err *err)
{
	const int64_t wanted = call_int(call, "weight");
	const char *backend;
	char command[2 * HAPROXY_NAME_MAX + 64];
	int64_t weight;

	TRY(haproxy_backend_name(call, &backend, err));
	TRY(haproxy_check_name("server", call_string(call, "server"), err));
	snprintf(command, sizeof(command), "set server %s/%s weight %lld", backend,
		call_string(call, "server"), (long long)wanted);
	TRY(haproxy_set(call, command, err));
	if (read_weight(call, &weight, err) != ERR_NONE) {
		err->world = WORLD_UNKNOWN;
		return err_context(err, "after the weight was set");
	}
	json_put_int(result, "weight", weight);
	if (weight == wanted)
		return ERR_NONE;
	err_set(err, ERR_CONFLICT, "the weight is %lld after HAProxy accepted %lld",
		(long long)weight, (long long)wanted);
	err->world = WORLD_UNKNOWN;
	return ERR_CONFLICT;
}

static enum err_code verify_weight(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	int64_t weight;

	TRY(read_weight(call, &weight, err));
	json_put_int(evidence, "weight", weight);
	*verdict = VERDICT_CANNOT_TELL;
	if (weight == call_int(call, "weight"))
		*verdict = VERDICT_DONE;
	else if (weight == json_int(call_before(call), "weight", -1))
		*verdict = VERDICT_NOT_DONE;
	else
		json_put_str(
			evidence, "reason", "the weight is neither the old nor the new one");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
					      "detail", json_text(detail, strlen(detail))));
}

/* The first line of the answer that begins with key, or the first line. */
static void one_line(
	struct call *call, const char *command, const char *key, char *out, size_t size)
{
	struct buf reply;
	struct err err = { 0 };

	buf_init(&reply, HAPROXY_REPLY_MAX);
	if (haproxy_command(call, command, &reply, &err) != ERR_NONE) {
		snprintf(out, size, "%s", err.text);
	} else {
		const char *at = strstr(reply.data, key);

		at = at != NULL ? at + strlen(key) : reply.data;
		snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
	}
	buf_release(&reply);
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	json_t *checks = json_array();
	const char *backend = setting_string(call, "backend");
	struct haproxy_backend b = { 0 };
	struct buf reply;
	char line[300];

	json_put(report, "checks", checks);
	buf_init(&reply, HAPROXY_REPLY_MAX);
	const enum err_code code = haproxy_command(call, "show info", &reply, err);
	buf_release(&reply);
	TRY(code);
	one_line(call, "show info", "Version: ", line, sizeof(line));
	put_check(checks, "version", line[0] >= '2' && line[0] <= '9', line);
	one_line(call, "show cli level", "", line, sizeof(line));
	const bool admin = str_eq(line, "admin");
	put_check(checks, "level", admin,
		admin ? line : "changing servers needs a socket of level admin");
	if (backend != NULL) {
		struct err why = { 0 };
		const bool ok = haproxy_read(call, backend, &b, &why) == ERR_NONE;

		snprintf(line, sizeof(line), "%zu servers", b.count);
		put_check(checks, "backend", ok, ok ? line : why.text);
		haproxy_backend_release(&b);
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

#define BACKEND                                                                                \
	{                                                                                      \
		.name = "backend", .type = FIELD_STRING,                                       \
		.help = "the setting backend when absent"                                      \
	}
#define SERVER                                                                                 \
	{                                                                                      \
		.name = "server", .type = FIELD_STRING, .required = true, .help = "its name"   \
	}
#define WAIT(what, length)                                                                     \
	{                                                                                      \
		.name = "wait", .type = FIELD_DURATION, .unit = "ms", .fallback = length,      \
		.help = "how long to wait until " what "; 0 = not at all"                      \
	}
#define UP "it is up by a passed health check"
#define IDLE "it has no sessions left"

static const struct field settings[] = {
	{ .name = "socket", .type = FIELD_PATH, .help = "the stats socket (or host and port)" },
	{ .name = "host", .type = FIELD_STRING, .help = "a stats socket on TCP" },
	{ .name = "port", .type = FIELD_INT, .min = 1, .max = 65535, .help = "its port" },
	{ .name = "backend", .type = FIELD_STRING, .help = "when a call names none" },
	{ .name = "check_interval",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "2s",
		.max = 600000,
		.help = "the servers' health check interval (inter); used where fall is 1" },
	FIELD_END
};
static const struct field status_params[] = { BACKEND, FIELD_END };
static const struct field ready_params[] = { BACKEND, SERVER, WAIT(UP, "30s"), FIELD_END };
static const struct field drain_params[] = { BACKEND, SERVER, WAIT(IDLE, "1m"), FIELD_END };
static const struct field maint_params[] = { BACKEND, SERVER, WAIT(IDLE, "0"), FIELD_END };
static const struct field switch_params[] = { BACKEND,
	{ .name = "to",
		.type = FIELD_STRING,
		.required = true,
		.help = "the server that is to take the traffic" },
	{ .name = "from",
		.type = FIELD_STRINGS,
		.help = "the servers it leaves; every other ready one that is no backup when "
			"absent" },
	{ .name = "leave",
		.type = FIELD_CHOICE,
		.choices = leave_states,
		.fallback = "drain",
		.help = "the state they are put into" },
	WAIT("the new server is up by a passed health check", "30s"),
	{ .name = "drain_wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "0",
		.help = "how long to wait until the old ones have no sessions left" },
	FIELD_END };
static const struct field restore_params[] = { BACKEND,
	{ .name = "states",
		.type = FIELD_MAP,
		.required = true,
		.help = "server -> ready, drain or maint" },
	WAIT("those made ready are up", "30s"), FIELD_END };
static const struct field weight_params[] = { BACKEND, SERVER,
	{ .name = "weight",
		.type = FIELD_INT,
		.required = true,
		.min = 0,
		.max = 256,
		.help = "0 = no new traffic" },
	FIELD_END };

#define SERVERS                                                                                \
	{ .name = "backend", .type = FIELD_STRING, .help = "its name" },                       \
		{ .name = "up", .type = FIELD_INT, .help = "how many servers are up" },        \
	{                                                                                      \
		.name = "servers", .type = FIELD_ANY,                                          \
		.help = "each: name, address, admin (ready, drain, maint), op, status, "       \
			"check, up, "                                                          \
			"backup, weight, sessions, queue"                                      \
	}
static const struct field status_results[] = { SERVERS, FIELD_END };
static const struct field state_results[] = { SERVERS,
	{ .name = "changed", .type = FIELD_INT, .help = "servers put into another state" },
	{ .name = "up_after_ms", .type = FIELD_INT, .unit = "ms", .help = "the wait for UP" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "all of it" },
	FIELD_END };
static const struct field weight_results[] = {
	{ .name = "weight", .type = FIELD_INT, .help = "as read again" }, FIELD_END
};

#define STATE_OPERATION(name, fields, text)                                                    \
	{                                                                                      \
		.capability = "traffic", .verb = name, .effect = EFFECT_CHANGE,                \
		.params = fields, .results = state_results, .prepare = haproxy_prepare_states, \
		.run = haproxy_run_states, .verify = haproxy_verify_states,                    \
		.undo = "traffic.restore",                                                     \
		.cancel_help = "between polls; what is set stays set", .idempotent = true,     \
		.timeout_ms = 600000, .help = text                                             \
	}

static const struct operation operations[] = {
	{ .capability = "traffic",
		.verb = "status",
		.effect = EFFECT_READ,
		.params = status_params,
		.results = status_results,
		.run = status,
		.cancel_help = "at once",
		.timeout_ms = 15000,
		.help = "states, weights and sessions of the servers of a backend" },
	STATE_OPERATION(
		"drain", drain_params, "let no new traffic to a server and wait for the old"),
	STATE_OPERATION(
		"ready", ready_params, "let traffic to a server and wait until it is up"),
	STATE_OPERATION("maint", maint_params, "take a server out at once"),
	STATE_OPERATION("switch", switch_params,
		"make one server ready, wait until it is up, then drain the others"),
	STATE_OPERATION("restore", restore_params, "put servers back into the states they had"),
	{ .capability = "traffic",
		.verb = "weight",
		.effect = EFFECT_CHANGE,
		.params = weight_params,
		.results = weight_results,
		.prepare = prepare_weight,
		.run = run_weight,
		.verify = verify_weight,
		.undo = "traffic.weight",
		.cancel_help = "at once",
		.idempotent = true,
		.timeout_ms = 30000,
		.help = "change a server's share of the traffic" },
	OPERATION_END
};

const struct provider haproxy_provider = {
	.name = "haproxy",
	.summary = "HAProxy, through its runtime API",
	.source = "HAProxy 2.6 management guide, 9.3",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
