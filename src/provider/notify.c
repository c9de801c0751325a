/* notify.c: tell people that something is open, goes on, or is over: the tables, and what is
 * the same for every way.
 *
 * open, update and resolve of one incident have one key in common (source, run, incident);
 * every call has its own besides, and a retry of a call has the same one. */
#include "internal.h"

#include "notify.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUMMARY_MAX = 500, TEXT_MAX = 16 << 10, DETAILS_MAX = 50 };

static const char *const ways[] = { "email", "webhook", "pagerduty", "command", NULL };
static notify_way *const senders[] = { notify_email, notify_webhook, notify_pagerduty,
	notify_command };
/* The setting or secret a way cannot do without; an e-mail needs more. */
static const char *const needs[] = { "server", "webhook_url", "routing_key", "command" };

static const char *const severities[] = { "critical", "error", "warning", "info", NULL };
static const char *const tls[] = { "starttls", "tls", "none", NULL };

static size_t way_of(struct call *call)
{
	for (size_t i = 0; i < COUNT_OF(senders); i++)
		if (str_eq(setting_string(call, "via"), ways[i]))
			return i;
	return 0;
}

const char *notify_mark(const struct notice *notice)
{
	return str_eq(notice->event, "resolve")	 ? "RESOLVED: "
	       : str_eq(notice->event, "update") ? "UPDATE: "
						 : "";
}

enum err_code notify_details(
	const struct notice *notice, const char *before, struct buf *out, struct err *err)
{
	const char *name, *end = before[0] == '\n' ? "" : "\n";
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)notice->details, name, value) {
		if (json_is_string(value))
			TRY(buf_addf(out, err, "%s%s: %s%s", before, name,
				json_string_value(value), end));
		else
			TRY(buf_addf(out, err, "%s%s: %lld%s", before, name,
				(long long)json_integer_value(value), end));
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ what is to be told */

static enum err_code check_texts(struct call *call, struct err *err)
{
	const char *summary = call_string(call, "summary"), *text = call_string(call, "text");
	const char *incident = call_string(call, "incident");
	const json_t *details = call_json(call, "details");
	const char *name;
	json_t *value;

	if (summary[0] == '\0' || strlen(summary) > SUMMARY_MAX ||
		strpbrk(summary, "\r\n") != NULL)
		return err_set(err, ERR_USAGE, "summary must be one line of at most %d bytes",
			SUMMARY_MAX);
	if (text != NULL && strlen(text) > TEXT_MAX)
		return err_set(err, ERR_USAGE, "text has at most %d bytes", TEXT_MAX);
	if (incident[0] == '\0' || strlen(incident) > 64 || strpbrk(incident, "/\r\n ") != NULL)
		return err_set(err, ERR_USAGE, "incident must be a word of at most 64 bytes");
	if (json_object_size(details) > DETAILS_MAX)
		return err_set(err, ERR_USAGE, "at most %d details", DETAILS_MAX);
	json_object_foreach((json_t *)(uintptr_t)details, name, value) {
		if (!json_is_string(value) && !json_is_integer(value))
			return err_set(err, ERR_USAGE,
				"detail \"%s\" must be text or a whole number", name);
	}
	return ERR_NONE;
}

static enum err_code check_way(struct call *call, struct err *err)
{
	const size_t way = way_of(call);

	if (!setting_has(call, needs[way]))
		return err_set(err, ERR_USAGE, "target \"%s\": via %s needs %s",
			call_target(call), ways[way], needs[way]);
	if (senders[way] == notify_email)
		return notify_check_email(call, err);
	return ERR_NONE;
}

static const char *source(struct call *call, char *buf, size_t size)
{
	if (setting_has(call, "source"))
		return setting_string(call, "source");
	if (gethostname(buf, size) != 0)
		snprintf(buf, size, "drillbook");
	buf[size - 1] = '\0';
	return buf;
}

static enum err_code tell(struct call *call, const char *event, json_t *result, struct err *err)
{
	struct notice n = { .call = call, .event = event, .key = call_key(call) };
	char host[256];
	enum err_code code = check_texts(call, err);

	if (code == ERR_NONE)
		code = check_way(call, err);
	err->world = WORLD_UNCHANGED;
	TRY(code);
	n.summary = call_string(call, "summary");
	n.text = call_string(call, "text");
	n.severity = str_eq(event, "resolve") ? "info" : call_string(call, "severity");
	n.link = call_string(call, "link");
	n.details = call_json(call, "details");
	n.run = xasprintf("%.*s", (int)strcspn(n.key, "/"), n.key);
	n.incident = xasprintf("drillbook/%s/%s/%s", source(call, host, sizeof(host)), n.run,
		call_string(call, "incident"));
	json_put_str(result, "via", setting_string(call, "via"));
	json_put_str(result, "incident", n.incident);
	code = senders[way_of(call)](&n, result, err);
	free(n.run);
	free(n.incident);
	return code;
}

static enum err_code run_open(struct call *call, json_t *result, struct err *err)
{
	return tell(call, "open", result, err);
}

static enum err_code run_update(struct call *call, json_t *result, struct err *err)
{
	return tell(call, "update", result, err);
}

static enum err_code run_resolve(struct call *call, json_t *result, struct err *err)
{
	return tell(call, "resolve", result, err);
}

static enum err_code prepare(struct call *call, json_t *before, struct err *err)
{
	TRY(check_texts(call, err));
	TRY(check_way(call, err));
	json_put_str(before, "via", setting_string(call, "via"));
	return ERR_NONE;
}

static enum err_code prepare_open(struct call *call, json_t *before, struct err *err)
{
	char *summary;

	TRY(prepare(call, before, err));
	summary = xasprintf("withdrawn: %.400s", call_string(call, "summary"));
	json_put(before, "undo",
		json_pack("{s:s, s:{s:s, s:o}}", "op", "notify.resolve", "args", "incident",
			call_string(call, "incident"), "summary",
			json_text(summary, strlen(summary))));
	free(summary);
	return ERR_NONE;
}

/* None of these can be asked what it was told. */
static enum err_code verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	static const char *const reasons[] = {
		"a mail server cannot be asked; sent again, it is the same Message-ID",
		"a webhook cannot be asked; the message would hold the call's key",
		"events cannot be read back; sent again, it is the same dedup_key",
		"the program cannot be asked",
	};

	(void)err;
	*verdict = VERDICT_CANNOT_TELL;
	json_put_str(evidence, "reason", reasons[way_of(call)]);
	json_put_str(evidence, "key", call_key(call));
	return ERR_NONE;
}

/* Nothing is sent: what a way needs is there. */
static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	struct err why = { 0 };
	const bool ok = check_way(call, &why) == ERR_NONE;

	(void)err;
	json_put(report, "checks",
		json_pack("[{s:s, s:b, s:s}]", "name", setting_string(call, "via"), "ok", ok,
			"detail", ok ? "the settings are there; nothing was sent" : why.text));
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = { { .name = "via",
						 .type = FIELD_CHOICE,
						 .choices = ways,
						 .required = true,
						 .help = "how it is told" },
	{ .name = "source",
		.type = FIELD_STRING,
		.help = "who tells it; part of an incident's key; this host's name when "
			"absent" },
	{ .name = "server", .type = FIELD_STRING, .help = "email: host or host:port" },
	{ .name = "tls",
		.type = FIELD_CHOICE,
		.choices = tls,
		.fallback = "starttls",
		.help = "email: how it is encrypted; none sends no password" },
	{ .name = "from", .type = FIELD_STRING, .help = "email: the sender's address" },
	{ .name = "to", .type = FIELD_STRINGS, .help = "email: the addresses" },
	{ .name = "user", .type = FIELD_STRING, .help = "email: the login" },
	{ .name = "password", .type = FIELD_SECRET, .help = "email: its password" },
	{ .name = "webhook_url",
		.type = FIELD_SECRET,
		.help = "webhook: the whole URL, as Slack gives it out" },
	{ .name = "routing_key",
		.type = FIELD_SECRET,
		.help = "pagerduty: the integration key of the service" },
	{ .name = "url",
		.type = FIELD_STRING,
		.fallback = "https://events.pagerduty.com",
		.help = "pagerduty: where its events go" },
	{ .name = "command",
		.type = FIELD_STRINGS,
		.help = "command: program and arguments; it gets the event as JSON on its "
			"input" },
	{ .name = "allow_http",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "permit http:// (nothing is encrypted)" },
	{ .name = "ca_file",
		.type = FIELD_PATH,
		.help = "the CA certificates to trust, PEM; the system's when absent" },
	{ .name = "proxy",
		.type = FIELD_STRING,
		.help = "a proxy's URL; the environment's proxies are not used" },
	{ .name = "connect_timeout",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "5s",
		.min = 1,
		.max = 600000,
		.help = "how long connecting, TLS included, may take" },
	{ .name = "retry_wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "1s",
		.min = 1,
		.max = 60000,
		.help = "the pause before it is sent again after 429; then twice as long" },
	FIELD_END };

#define COMMON                                                                                 \
	{ .name = "summary", .type = FIELD_STRING, .required = true, .help = "one line" },     \
		{ .name = "text", .type = FIELD_STRING, .help = "more of it" },                \
		{ .name = "incident",                                                          \
			.type = FIELD_STRING,                                                  \
			.fallback = "run",                                                     \
			.help = "which incident of this run, when it has several" },           \
		{ .name = "details",                                                           \
			.type = FIELD_MAP,                                                     \
			.fallback = "{}",                                                      \
			.help = "name -> text or whole number" },                              \
	{                                                                                      \
		.name = "link", .type = FIELD_STRING, .help = "where more is to be read"       \
	}

static const struct field tell_params[] = { COMMON,
	{ .name = "severity",
		.type = FIELD_CHOICE,
		.choices = severities,
		.fallback = "error",
		.help = "how bad it is" },
	FIELD_END };
static const struct field resolve_params[] = { COMMON, FIELD_END };
static const struct field results[] = {
	{ .name = "via", .type = FIELD_STRING, .help = "the setting" },
	{ .name = "incident",
		.type = FIELD_STRING,
		.help = "the key the three have in common" },
	{ .name = "id",
		.type = FIELD_STRING,
		.help = "the Message-ID, the dedup_key, or the call's key" },
	{ .name = "answer", .type = FIELD_STRING, .help = "what the other side said" },
	{ .name = "attempts", .type = FIELD_INT, .help = "how often it was sent" }, FIELD_END
};

#define NOTIFY(name, fields, before, doit, back, text)                                         \
	{                                                                                      \
		.capability = "notify", .verb = name, .effect = EFFECT_CHANGE,                 \
		.params = fields, .results = results, .prepare = before, .run = doit,          \
		.verify = verify, .undo = back,                                                \
		.cancel_help = "at once; what was sent may arrive", .idempotent = true,        \
		.timeout_ms = 60000, .help = text                                              \
	}

static const struct operation operations[] = { NOTIFY("open", tell_params, prepare_open,
						       run_open, "notify.open",
						       "tell that something is open"),
	NOTIFY("update", tell_params, prepare, run_update, NULL, "tell how it goes on"),
	NOTIFY("resolve", resolve_params, prepare, run_resolve, NULL, "tell that it is over"),
	OPERATION_END };

const struct provider notify_provider = {
	.name = "notify",
	.summary = "people: e-mail, webhooks like Slack's, PagerDuty, a program",
	.source = "RFC 5321 and 5322; Slack incoming webhooks; PagerDuty Events API v2",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
