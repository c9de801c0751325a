/* tcp.c: is somebody there, and does he say what he should?  For services that speak a protocol
 * nothing else here speaks: connect, send a few bytes if wanted, look at what comes first.
 *
 * A port that refuses, one that is silent and one that cannot be reached are three different
 * findings: the first is a dead process on a living machine, the others may be a dead machine
 * or a dead network. */
#include "internal.h"

#include "net.h"

#include <errno.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 << 10, PATTERN_MAX = 1000, EXCERPT = 200, LINE = 80 };

struct probe {
	const char *contains, *send;
	bool has_match, matched; /* matched: everything that was wanted has come */
	regex_t match;
	const char *state; /* of the table of states in the results */
	int64_t connect_us, latency_us;
	struct buf answer;
};

/* ------------------------------------------------------------------ what is wanted */

static enum err_code probe_init(struct probe *p, struct call *call, struct err *err)
{
	const char *pattern = call_string(call, "match");
	char said[160];

	*p = (struct probe){ .contains = call_string(call, "contains"),
		.send = call_string(call, "send"),
		.state = "open",
		.latency_us = -1 };
	buf_init(&p->answer, ANSWER_MAX + 1);
	if (pattern == NULL)
		return ERR_NONE;
	/* the library's own limits on repetition are generous; a longer pattern is a mistake */
	if (strlen(pattern) > PATTERN_MAX)
		return err_set(
			err, ERR_LIMIT, "match has more than %d characters", PATTERN_MAX);
	const int rc = regcomp(&p->match, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE);
	if (rc != 0) {
		regerror(rc, &p->match, said, sizeof(said));
		return err_set(err, ERR_USAGE, "match \"%.100s\": %s", pattern, said);
	}
	p->has_match = true;
	return ERR_NONE;
}

static void probe_release(struct probe *p)
{
	if (p->has_match)
		regfree(&p->match);
	buf_release(&p->answer);
}

static bool is_wanted(const struct probe *p)
{
	if (p->answer.len == 0)
		return false;
	if (p->contains != NULL &&
		memmem(p->answer.data, p->answer.len, p->contains, strlen(p->contains)) == NULL)
		return false;
	/* a regular expression sees what stands before the first zero byte */
	return !p->has_match || regexec(&p->match, p->answer.data, 0, NULL, 0) == 0;
}

/* ------------------------------------------------------------------ asking */

static const char *state_of(enum err_code code, int reason)
{
	if (code == ERR_TIMEOUT)
		return "silent";
	return code == ERR_UNREACHABLE && reason == ECONNREFUSED ? "refused" : "unreachable";
}

/* Until what was wanted has come, the other side closes, or time is up. */
static enum err_code listen_for(struct call *call, struct probe *p, int fd,
	const struct net_limit *limit, struct err *err)
{
	const struct mono start = mono_now();
	char chunk[4096];
	size_t got;

	while (!p->matched && p->answer.len < ANSWER_MAX) {
		const size_t room = ANSWER_MAX - p->answer.len;
		const enum err_code code = net_receive(fd, chunk,
			room < sizeof(chunk) ? room : sizeof(chunk), limit, &got, err);
		if (code == ERR_TIMEOUT && p->answer.len > 0)
			break; /* it spoke, and not the words that were wanted */
		if (code != ERR_NONE) {
			p->state = code == ERR_TIMEOUT ? "silent" : "closed";
			return err_context(err, "connected, then");
		}
		if (got == 0) {
			p->state = "closed";
			break;
		}
		if (p->latency_us < 0)
			p->latency_us = (mono_now().ns - start.ns) / 1000;
		TRY(buf_add(&p->answer, chunk, got, err));
		p->matched = is_wanted(p);
	}
	if (p->matched) {
		p->state = "open";
		return ERR_NONE;
	}
	if (p->answer.len == 0)
		return err_set(err, ERR_FAILED, "it closed the connection without a word");
	p->state = "wrong_answer";
	const int line = (int)strcspn(p->answer.data, "\r\n");
	return err_set(err, ERR_FAILED, "it said \"%.*s\", which %s %.100s",
		line < LINE ? line : LINE, p->answer.data,
		p->contains != NULL ? "does not hold" : "is not the pattern",
		p->contains != NULL ? p->contains : call_string(call, "match"));
}

static enum err_code ask(struct probe *p, struct call *call, struct err *err)
{
	const struct net_limit all = net_limit_in(call_left_ms(call), call_stop_flag(call));
	const struct net_limit connecting =
		net_limit_within(&all, setting_int(call, "connect_timeout"));
	const struct mono start = mono_now();
	struct net_endpoint to;
	int fd = -1;

	TRY(net_endpoint_parse(setting_string(call, "host"),
		call_has(call, "port") ? (int)call_int(call, "port")
				       : (int)setting_int(call, "port"),
		&to, err));
	enum err_code code = net_connect(&to, SOCK_STREAM, &connecting, &fd, err);
	if (code != ERR_NONE) {
		p->state = state_of(code, errno);
		return code;
	}
	p->connect_us = (mono_now().ns - start.ns) / 1000;
	const struct net_limit answering = net_limit_within(&all, call_int(call, "timeout"));
	if (p->send != NULL)
		code = net_send(fd, p->send, strlen(p->send), &answering, NULL, err);
	if (code != ERR_NONE)
		p->state = code == ERR_TIMEOUT ? "silent" : "closed";
	else if (p->contains != NULL || p->has_match)
		code = listen_for(call, p, fd, &answering, err);
	close(fd);
	return code == ERR_NONE ? code : err_context(err, "\"%s\" port %d", to.host, to.port);
}

/* ------------------------------------------------------------------ health.probe */

static void put_result(
	const struct probe *p, json_t *result, enum err_code code, const struct err *err)
{
	json_put_flag(result, "healthy", code == ERR_NONE);
	json_put_str(result, "state", p->state);
	json_put_int(result, "connect_us", p->connect_us);
	if (p->latency_us >= 0)
		json_put_int(result, "latency_us", p->latency_us);
	if (p->answer.len > 0)
		json_put(result, "answer",
			json_text(p->answer.data,
				p->answer.len < EXCERPT ? p->answer.len : EXCERPT));
	if (code != ERR_NONE) {
		json_put_str(result, "code", err_name(code));
		json_put_str(result, "reason", err->text);
	}
}

static enum err_code health(struct call *call, json_t *result, struct err *err)
{
	struct err why = { 0 };
	struct probe p;

	enum err_code code = probe_init(&p, call, err);
	if (code != ERR_NONE)
		goto out;
	code = ask(&p, call, &why);
	const bool asked = code == ERR_NONE || code == ERR_FAILED || code == ERR_UNREACHABLE ||
			   code == ERR_TIMEOUT;
	if (code != ERR_NONE && (!asked || call_bool(call, "raise"))) {
		*err = why;
	} else {
		put_result(&p, result, code, &why);
		code = ERR_NONE;
	}
out:
	probe_release(&p);
	return code;
}

/* ------------------------------------------------------------------ doctor */

static enum err_code doctor(struct call *call, json_t *report, struct err *err)
{
	const struct net_limit limit =
		net_limit_in(setting_int(call, "connect_timeout"), call_stop_flag(call));
	struct err why = { 0 };
	struct net_endpoint to;
	int fd = -1;

	(void)err;
	enum err_code code = net_endpoint_parse(
		setting_string(call, "host"), (int)setting_int(call, "port"), &to, &why);
	if (code == ERR_NONE)
		code = net_connect(&to, SOCK_STREAM, &limit, &fd, &why);
	if (fd >= 0)
		close(fd);
	const char *detail = code == ERR_NONE ? "connected" : why.text;
	json_put(report, "checks",
		json_pack("[{s:s, s:b, s:o}]", "name", "reachable", "ok", code == ERR_NONE,
			"detail", json_text(detail, strlen(detail))));
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "host", .type = FIELD_STRING, .required = true, .help = "name or address" },
	{ .name = "port",
		.type = FIELD_INT,
		.required = true,
		.min = 1,
		.max = 65535,
		.help = "its port" },
	{ .name = "connect_timeout",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "3s",
		.min = 10,
		.max = 60000,
		.help = "a silent network costs this much" },
	FIELD_END
};
static const struct field probe_params[] = { { .name = "port",
						     .type = FIELD_INT,
						     .min = 1,
						     .max = 65535,
						     .help = "in place of the setting port" },
	{ .name = "send", .type = FIELD_STRING, .help = "text to send after connecting" },
	{ .name = "contains",
		.type = FIELD_STRING,
		.help = "text that must stand in the first 64 KiB it says" },
	{ .name = "match",
		.type = FIELD_STRING,
		.help = "POSIX extended regular expression that must match; ^ and $ are those "
			"of a line" },
	{ .name = "timeout",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "5s",
		.min = 10,
		.max = 3600000,
		.help = "for sending and for the answer, after connecting" },
	{ .name = "raise",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "an unhealthy service is an error; false = it is returned as healthy = "
			"false" },
	FIELD_END };
static const struct field probe_results[] = {
	{ .name = "healthy", .type = FIELD_BOOL, .help = "connected, and said what it should" },
	{ .name = "state",
		.type = FIELD_STRING,
		.help = "open, refused (the machine answers, nobody listens), silent, "
			"unreachable, closed, wrong_answer" },
	{ .name = "connect_us", .type = FIELD_INT, .unit = "us", .help = "time to connect" },
	{ .name = "latency_us",
		.type = FIELD_INT,
		.unit = "us",
		.help = "time to the first byte of the answer" },
	{ .name = "answer", .type = FIELD_STRING, .help = "the first 200 bytes it said" },
	{ .name = "code", .type = FIELD_STRING, .help = "when unhealthy: the error's code" },
	{ .name = "reason", .type = FIELD_STRING, .help = "when unhealthy: what is wrong" },
	FIELD_END
};

static const struct operation operations[] = {
	{ .capability = "health",
		.verb = "probe",
		.effect = EFFECT_READ,
		.params = probe_params,
		.results = probe_results,
		.run = health,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "connect, and look at what the other side says" },
	OPERATION_END
};

const struct provider tcp_provider = {
	.name = "tcp",
	.summary =
		"TCP services of any kind: is somebody there, and does it say what it should",
	.source = "RFC 9293; POSIX.1-2017 regcomp()",
	.settings = settings,
	.operations = operations,
	.probe = doctor,
};
