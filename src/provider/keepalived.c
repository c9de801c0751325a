/* keepalived.c: move a virtual address by keepalived's track_file.
 *
 * keepalived has no command to give the address away.  A vrrp_instance that tracks a file adds
 * the number in it (times the weight it was given) to its priority; with a large negative
 * number the node's priority falls below the other's and the address goes there.  Whether it
 * has gone is seen at this host's own interfaces: a file that was written is no proof.  Less
 * than -253 means FAULT: then the address is dropped also when no other node is there, so -253
 * is what draining writes. Source: keepalived.conf(5), vrrp_track_file and vrrp_instance; the
 * address moves within about three advertisement intervals. */
#include "internal.h"

#include "checks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { POLL_MS = 50, FILE_MAX = 256, VALUE_MAX = 254 };

/* ------------------------------------------------------------------ the file */

struct track {
	bool there;
	int64_t value; /* keepalived takes an empty file, and what is no number, as 0 */
	mode_t mode;
};

static enum err_code track_read(struct call *call, struct track *out, struct err *err)
{
	const char *path = setting_string(call, "track_file");
	struct buf text;
	struct stat st;

	*out = (struct track){ .mode = 0644 };
	if (stat(path, &st) != 0) {
		if (errno == ENOENT)
			return ERR_NONE;
		return err_errno(err, "cannot read \"%s\"", path);
	}
	out->there = true;
	out->mode = st.st_mode & 0777;
	buf_init(&text, FILE_MAX);
	const enum err_code code = file_read(path, FILE_MAX, &text, err);
	if (code == ERR_NONE)
		out->value = strtoll(text.data, NULL, 10);
	buf_release(&text);
	return code;
}

static enum err_code track_write(struct call *call, int64_t value, struct err *err)
{
	const char *path = setting_string(call, "track_file");
	struct track now;
	char text[32];

	TRY(track_read(call, &now, err));
	snprintf(text, sizeof(text), "%" PRId64 "\n", value);
	return file_replace(path, text, strlen(text), now.mode, err);
}

/* ------------------------------------------------------------------ the address */

static bool same_address(const struct sockaddr *a, int family, const void *bytes)
{
	if (a == NULL || a->sa_family != family)
		return false;
	if (family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)(const void *)a)->sin_addr, bytes,
			       4) == 0;
	return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, bytes, 16) ==
	       0;
}

/* Is the address of the setting on an interface of this host?  *known false without the
 * setting. */
static enum err_code holds_address(struct call *call, bool *known, bool *holds, struct err *err)
{
	const char *text = setting_string(call, "address");
	struct ifaddrs *list;
	unsigned char bytes[16];

	*known = text != NULL;
	*holds = false;
	if (text == NULL)
		return ERR_NONE;
	const int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, bytes) != 1)
		return err_set(err, ERR_USAGE, "\"%.60s\" is no address", text);
	if (getifaddrs(&list) != 0)
		return err_errno(err, "cannot list the addresses of this host");
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
		*holds = *holds || same_address(i->ifa_addr, family, bytes);
	freeifaddrs(list);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ traffic.status */

static enum err_code look(struct call *call, json_t *into, struct err *err)
{
	struct track track;
	bool known, holds;

	TRY(track_read(call, &track, err));
	TRY(holds_address(call, &known, &holds, err));
	json_put_flag(into, "file", track.there);
	json_put_int(into, "value", track.value);
	json_put_str(into, "admin",
		track.value == setting_int(call, "drain_value")	  ? "drain"
		: track.value == setting_int(call, "ready_value") ? "ready"
								  : "other");
	if (known)
		json_put_flag(into, "holds", holds);
	json_put(into, "unknown", known ? json_array() : json_pack("[s]", "holds"));
	return ERR_NONE;
}

static enum err_code status(struct call *call, json_t *result, struct err *err)
{
	return look(call, result, err);
}

/* ------------------------------------------------------------------ changing it */

static int64_t wanted_value(struct call *call)
{
	if (str_eq(call_op(call), "traffic.restore"))
		return call_int(call, "value");
	return setting_int(
		call, str_eq(call_op(call), "traffic.drain") ? "drain_value" : "ready_value");
}

static enum err_code prepare(struct call *call, json_t *before, struct err *err)
{
	struct track track;
	struct stat st;
	char *dir = xstrdup(setting_string(call, "track_file")), *slash = strrchr(dir, '/');
	enum err_code code = ERR_NONE;

	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	if (stat(dir, &st) != 0 || access(dir, W_OK) != 0)
		code = err_set(err, errno == EACCES ? ERR_AUTH : ERR_PRECONDITION,
			"cannot write in \"%s\": %s", dir, strerror(errno));
	free(dir);
	TRY(code);
	TRY(look(call, before, err));
	TRY(track_read(call, &track, err));
	json_put(before, "undo",
		json_pack("{s:s, s:{s:I}}", "op", "traffic.restore", "args", "value",
			(json_int_t)track.value));
	return ERR_NONE;
}

/* Until the address is (not) here. */
static enum err_code wait_address(
	struct call *call, bool wanted, int64_t wait_ms, int64_t *took_ms, struct err *err)
{
	const struct mono start = mono_now();
	bool known, holds;

	for (;;) {
		enum err_code code = holds_address(call, &known, &holds, err);

		*took_ms = mono_ms_since(start);
		if (code == ERR_NONE && (!known || holds == wanted))
			return ERR_NONE;
		if (code == ERR_NONE && *took_ms >= wait_ms) {
			err_set(err, ERR_TIMEOUT,
				"the file is written, but %s is %s after %" PRId64
				" ms: does keepalived run and track it, and %s?",
				setting_string(call, "address"),
				wanted ? "not here" : "still here", *took_ms,
				wanted ? "is this node's priority the higher one"
				       : "is there another node to take it");
			code = ERR_TIMEOUT;
		}
		if (code == ERR_NONE) {
			call_progress(call, -1, "%s is %s", setting_string(call, "address"),
				holds ? "here" : "not here");
			code = call_sleep(call, POLL_MS, err);
		}
		if (code != ERR_NONE) {
			err->world = WORLD_CHANGED; /* what was asked for is written: that is
						       known */
			return code;
		}
	}
}

static enum err_code run(struct call *call, json_t *result, struct err *err)
{
	/* where a node goes back to what it was nobody knows who is to have the address */
	const bool restoring = str_eq(call_op(call), "traffic.restore");
	const int64_t value = wanted_value(call),
		      wait_ms = restoring ? 0 : call_int(call, "wait");
	int64_t took_ms = 0;
	struct track now;

	TRY(track_write(call, value, err));
	call_log(call, "%s: %" PRId64, setting_string(call, "track_file"), value);
	if (track_read(call, &now, err) != ERR_NONE) {
		err->world = WORLD_UNKNOWN;
		return err->code;
	}
	if (now.value != value) {
		err->world = WORLD_UNKNOWN;
		return err_set(err, ERR_CONFLICT,
			"the file holds %" PRId64 " after %" PRId64
			" was written: somebody else "
			"writes it",
			now.value, value);
	}
	if (wait_ms > 0)
		TRY(wait_address(
			call, str_eq(call_op(call), "traffic.ready"), wait_ms, &took_ms, err));
	json_put_int(result, "moved_after_ms", took_ms);
	if (look(call, result, err) != ERR_NONE) {
		err->world = WORLD_CHANGED;
		return err->code;
	}
	return ERR_NONE;
}

static enum err_code verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	struct track now;

	TRY(look(call, evidence, err));
	TRY(track_read(call, &now, err));
	*verdict = VERDICT_CANNOT_TELL;
	if (now.value == wanted_value(call))
		*verdict = VERDICT_DONE;
	else if (now.value == json_int(call_before(call), "value", INT64_MIN))
		*verdict = VERDICT_NOT_DONE;
	else
		json_put_str(evidence, "reason",
			"the file holds neither the old nor the new number");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ doctor */

static enum err_code doctor(struct call *call, json_t *report, struct err *err)
{
	struct checks checks;
	struct track track;
	struct err why = { 0 };
	bool known, holds;

	(void)err;
	checks_init(&checks, report);
	enum err_code code = track_read(call, &track, &why);
	checks_add(&checks, "track_file", code == ERR_NONE && track.there, "%s",
		code != ERR_NONE ? why.text
		: track.there	 ? "is there"
				 : "is not there: keepalived makes it with init_file");
	if (code == ERR_NONE && track.there)
		checks_add(&checks, "rights",
			access(setting_string(call, "track_file"), W_OK) == 0, "%s",
			access(setting_string(call, "track_file"), W_OK) == 0
				? "may be written"
				: "may not be written");
	code = holds_address(call, &known, &holds, &why);
	checks_add(&checks, "address", code == ERR_NONE && known, "%s",
		code != ERR_NONE ? why.text
		: !known	 ? "not set: that it moves cannot be seen"
		: holds		 ? "is here"
				 : "is not here");
	checks_release(&checks);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "track_file",
		.type = FIELD_PATH,
		.required = true,
		.help = "the file of a vrrp_track_file on this host" },
	{ .name = "address",
		.type = FIELD_STRING,
		.help = "the virtual address; without it nobody can see whether it has moved" },
	{ .name = "drain_value",
		.type = FIELD_INT,
		.fallback = "-253",
		.min = -VALUE_MAX,
		.max = VALUE_MAX,
		.help = "what gives the address away; keepalived multiplies it by the weight, "
			"and "
			"less than -253 drops the address even if nobody takes it" },
	{ .name = "ready_value",
		.type = FIELD_INT,
		.fallback = "0",
		.min = -VALUE_MAX,
		.max = VALUE_MAX,
		.help = "what leaves the priority as it is configured" },
	FIELD_END
};
static const struct field drain_params[] = {
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "15s",
		.max = 600000,
		.help = "how long to wait until the address has left this host; 0 = not at "
			"all" },
	FIELD_END
};
static const struct field ready_params[] = {
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "0",
		.max = 600000,
		.help = "how long to wait until the address is here; it does not come back to "
			"a "
			"node that is no preferred one, or with nopreempt" },
	FIELD_END
};
static const struct field restore_params[] = { { .name = "value",
						       .type = FIELD_INT,
						       .required = true,
						       .min = INT32_MIN,
						       .max = INT32_MAX,
						       .help = "the number the file had" },
	FIELD_END };
#define STATUS_RESULTS                                                                         \
	{ .name = "value", .type = FIELD_INT, .help = "the number in the file" },              \
		{ .name = "file", .type = FIELD_BOOL, .help = "the file is there" },           \
		{ .name = "admin", .type = FIELD_STRING, .help = "ready, drain or other" },    \
		{ .name = "holds",                                                             \
			.type = FIELD_BOOL,                                                    \
			.help = "the address is on this host" },                               \
	{                                                                                      \
		.name = "unknown", .type = FIELD_STRINGS, .help = "what could not be seen"     \
	}
static const struct field status_results[] = { STATUS_RESULTS, FIELD_END };
static const struct field change_results[] = { STATUS_RESULTS,
	{ .name = "moved_after_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "the wait for the address" },
	FIELD_END };

#define CHANGE_OPERATION(name, fields, text)                                                   \
	{                                                                                      \
		.capability = "traffic", .verb = name, .effect = EFFECT_CHANGE,                \
		.params = fields, .results = change_results, .prepare = prepare, .run = run,   \
		.verify = verify, .undo = "traffic.restore",                                   \
		.cancel_help = "between polls; what is written stays", .idempotent = true,     \
		.timeout_ms = 60000, .help = text                                              \
	}

static const struct operation operations[] = {
	{ .capability = "traffic",
		.verb = "status",
		.effect = EFFECT_READ,
		.results = status_results,
		.run = status,
		.timeout_ms = 10000,
		.help = "the number in the file, and whether the address is here" },
	CHANGE_OPERATION("drain", drain_params,
		"lower this node's priority and wait until the address has left it"),
	CHANGE_OPERATION("ready", ready_params, "give this node its own priority back"),
	CHANGE_OPERATION("restore", restore_params, "put back the number the file had"),
	OPERATION_END
};

const struct provider keepalived_provider = {
	.name = "keepalived",
	.summary = "keepalived: a virtual address, moved by a track file",
	.source = "keepalived.conf(5) 2.2",
	.settings = settings,
	.operations = operations,
	.probe = doctor,
};
