/* junit.c: the document as JUnit's XML (docs/report-format.md, "JUnit"): the form that GitLab,
 * GitHub and Jenkins show as tests.
 *
 * The form has no schema of its own maker; what is written here is what those three read:
 * testsuites > testsuite > properties, testcase > failure | error | skipped, times in seconds.
 * Every string of the document may come from outside: it goes through attribute(). */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { ATTRIBUTE_MAX = 1 << 22 };

/* The first error sticks, as in md.h. */
struct xml {
	struct buf *out;
	struct err *err;
	enum err_code code;
};

/* A file is written in two goes: the counts stand in front of what they count. */
struct tally {
	int64_t tests, failures, errors, skipped;
};

enum outcome { PASSED, FAILED, ERRED, SKIPPED };

struct test {
	const char *name; /* "ID: TITLE" is made of name and title where there is a title */
	const char *title;
	int64_t ms;
	enum outcome outcome;
	const char *type;    /* of a failure: an error's code */
	const char *message; /* NULL = none */
};

PRINTF(2, 3) static void put(struct xml *xml, const char *fmt, ...)
{
	char small[256];
	va_list args;

	if (xml->code != ERR_NONE)
		return;
	va_start(args, fmt);
	const int n = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(small))
		base_die("a line of the report's own words is too long");
	xml->code = buf_add(xml->out, small, (size_t)n, xml->err);
}

/* The bytes at `at` as XML has them; *bytes of the text are through.  U+FFFE and U+FFFF are no
 * characters of XML 1.0 (section 2.2), everything else that is not is gone already. */
static const char *escaped(const char *at, size_t *bytes)
{
	static const char *const ends[] = { "&lt;U+FFFE&gt;", "&lt;U+FFFF&gt;" };

	*bytes = 1;
	switch (*at) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	default:
		if (!str_starts(at, "\xef\xbf\xbe") && !str_starts(at, "\xef\xbf\xbf"))
			return NULL;
		*bytes = 3;
		return ends[(unsigned char)at[2] - 0xbe];
	}
}

/* Untrusted text inside a quoted attribute. */
static void inside(struct xml *xml, const char *text)
{
	struct buf clean;
	size_t bytes;

	if (xml->code != ERR_NONE)
		return;
	buf_init(&clean, ATTRIBUTE_MAX);
	xml->code = buf_add(&clean, "", 0, xml->err);
	if (xml->code == ERR_NONE)
		xml->code = visible(&clean, text, xml->err);
	for (size_t i = 0; xml->code == ERR_NONE && i < clean.len; i += bytes) {
		const char *as = escaped(clean.data + i, &bytes);
		xml->code = as != NULL ? buf_add(xml->out, as, strlen(as), xml->err)
				       : buf_add(xml->out, clean.data + i, 1, xml->err);
	}
	buf_release(&clean);
}

static void attribute(struct xml *xml, const char *name, const char *text)
{
	put(xml, " %s=\"", name);
	inside(xml, text);
	put(xml, "\"");
}

static void seconds(struct xml *xml, int64_t ms)
{
	const int64_t v = ms < 0 ? 0 : ms;

	put(xml, " time=\"%lld.%03d\"", (long long)(v / 1000), (int)(v % 1000));
}

/* ------------------------------------------------------------------ properties */

/* `of` and its dot are left out where they are empty; so is what is not known. */
static void property(struct xml *xml, const char *of, const char *name, const json_t *value)
{
	if (value == NULL || json_is_null(value))
		return;
	put(xml, "      <property name=\"");
	if (of[0] != '\0') {
		inside(xml, of);
		put(xml, ".");
	}
	put(xml, "%s\"", name);
	if (json_is_integer(value))
		put(xml, " value=\"%lld\"", (long long)json_integer_value(value));
	else
		attribute(xml, "value", json_is_string(value) ? json_string_value(value) : "");
	put(xml, "/>\n");
}

static void properties(struct xml *xml, const json_t *doc)
{
	static const struct {
		const char *part, *member, *name;
	} of_run[] = { { NULL, "run", "run" }, { NULL, "mode", "mode" }, { NULL, "status", "status" },
		{ NULL, "exit_status", "exit_status" }, { "runbook", "version", "runbook.version" },
		{ "runbook", "digest", "runbook.digest" },
		{ "workspace", "commit", "workspace.commit" }, { "record", "head", "record.head" } },
	  of_service[] = { { "rto", "objective_ms", "rto.objective_ms" },
		  { "rto", "actual_ms", "rto.actual_ms" }, { "rto", "verdict", "rto.verdict" },
		  { "rpo", "objective_ms", "rpo.objective_ms" },
		  { "rpo", "actual_ms", "rpo.actual_ms" }, { "rpo", "verdict", "rpo.verdict" },
		  { "rpo", "lost", "rpo.lost" }, { "rpo", "basis", "rpo.basis" } };
	const json_t *service;
	size_t i;

	put(xml, "    <properties>\n");
	for (size_t k = 0; k < COUNT_OF(of_run); k++)
		property(xml, "", of_run[k].name,
			json_object_get(of_run[k].part ? json_object_get(doc, of_run[k].part) : doc,
				of_run[k].member));
	json_array_foreach(json_object_get(doc, "services"), i, service)
		for (size_t k = 0; k < COUNT_OF(of_service); k++)
			property(xml, json_str(service, "name", ""), of_service[k].name,
				json_object_get(json_object_get(service, of_service[k].part),
					of_service[k].member));
	put(xml, "    </properties>\n");
}

/* ------------------------------------------------------------------ test cases */

static void testcase(struct xml *xml, const char *class, const struct test *test, struct tally *tally)
{
	static const char *const words[] = {
		[FAILED] = "failure", [ERRED] = "error", [SKIPPED] = "skipped"
	};

	tally->tests++;
	tally->failures += test->outcome == FAILED;
	tally->errors += test->outcome == ERRED;
	tally->skipped += test->outcome == SKIPPED;
	put(xml, "    <testcase");
	attribute(xml, "classname", class);
	put(xml, " name=\"");
	inside(xml, test->name);
	if (test->title != NULL && test->title[0] != '\0') {
		put(xml, ": ");
		inside(xml, test->title);
	}
	put(xml, "\"");
	seconds(xml, test->ms);
	if (test->outcome == PASSED) {
		put(xml, "/>\n");
		return;
	}
	put(xml, ">\n      <%s", words[test->outcome]);
	if (test->message != NULL)
		attribute(xml, "message", test->message);
	if (test->outcome != SKIPPED)
		attribute(xml, "type", test->type);
	put(xml, "/>\n    </testcase>\n");
}

static void steps(struct xml *xml, const json_t *doc, const char *class, struct tally *tally)
{
	static const struct {
		const char *state;
		enum outcome outcome;
		const char *message;
	} states[] = { { "ok", PASSED, NULL }, { "failed", FAILED, "failed" },
		{ "stopped", FAILED, "stopped" }, { "skipped", SKIPPED, "skipped" },
		{ "pending", SKIPPED, "the run did not get here" }, { "undone", SKIPPED, "undone" },
		{ "unknown", ERRED, "nobody knows whether it happened" },
		{ "interrupted", ERRED, "interrupted" }, { "running", ERRED, "still running" } };
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(doc, "steps"), i, step) {
		const json_t *error = json_object_get(step, "error");
		const char *state = json_str(step, "state", ""), *reason = json_str(step, "reason", "");
		size_t k = 0;
		while (k + 1 < COUNT_OF(states) && !str_eq(states[k].state, state))
			k++;
		struct test test = { .name = json_str(step, "id", ""),
			.title = json_str(step, "title", ""),
			.ms = json_int(step, "actual_ms", 0),
			.outcome = states[k].outcome,
			.type = json_str(error, "code", state),
			.message = json_str(error, "text", reason) };
		if (states[k].outcome == SKIPPED && reason[0] != '\0')
			test.message = reason;
		if (test.message[0] == '\0')
			test.message = states[k].message;
		testcase(xml, class, &test, tally);
	}
}

static void objective(struct xml *xml, const json_t *service, const char *what, const char *class,
	struct tally *tally)
{
	const json_t *row = json_object_get(service, what);
	const char *verdict = json_str(row, "verdict", "none");
	char *name = xasprintf(
		"%s of %s", str_eq(what, "rto") ? "RTO" : "RPO", json_str(service, "name", ""));
	char took[32], most[32];
	char *message = NULL;

	if (str_eq(verdict, "missed") && json_int(row, "actual_ms", -1) >= 0)
		message = xasprintf("missed: %s, at most %s",
			format_duration(took, sizeof(took), json_int(row, "actual_ms", 0)),
			format_duration(most, sizeof(most), json_int(row, "objective_ms", 0)));
	const struct test test = { .name = name,
		.ms = str_eq(what, "rto") ? json_int(row, "actual_ms", 0) : 0,
		.outcome = str_eq(verdict, "met")      ? PASSED
			   : str_eq(verdict, "missed") ? FAILED
						       : SKIPPED,
		.type = "objective",
		.message = message != NULL               ? message
			   : str_eq(verdict, "missed") ? "missed: it was not reached"
						       : verdict };
	if (!str_eq(verdict, "none"))
		testcase(xml, class, &test, tally);
	free(message);
	free(name);
}

static void the_end(struct xml *xml, const json_t *doc, const char *class, struct tally *tally)
{
	const int64_t status = json_int(doc, "exit_status", 1);
	const char *reason = json_str(doc, "reason", "");
	char *message = xasprintf("%s, exit status %lld%s%s", json_str(doc, "status", ""),
		(long long)status, reason[0] ? ": " : "", reason);
	const struct test test = { .name = "end of the run",
		.outcome = status == 0 ? PASSED : FAILED,
		.type = "run",
		.message = message };

	testcase(xml, class, &test, tally);
	free(message);
}

static void testcases(struct xml *xml, const json_t *doc, struct tally *tally)
{
	const char *class = json_str(json_object_get(doc, "runbook"), "name", "");
	const json_t *service;
	size_t i;

	steps(xml, doc, class, tally);
	json_array_foreach(json_object_get(doc, "services"), i, service) {
		objective(xml, service, "rto", class, tally);
		objective(xml, service, "rpo", class, tally);
	}
	the_end(xml, doc, class, tally);
}

enum err_code report_junit(const json_t *document, struct buf *out, struct err *err)
{
	const json_t *times = json_object_get(document, "times");
	char began[20]; /* to the second: a fraction or a zone is what some readers choke on */
	struct tally tally = { 0 };
	struct buf cases;

	buf_init(&cases, out->max_bytes);
	struct xml inner = { .out = &cases, .err = err }, xml = { .out = out, .err = err };
	testcases(&inner, document, &tally);
	put(&xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"drillbook\">\n"
		  "  <testsuite");
	attribute(&xml, "name", json_str(json_object_get(document, "runbook"), "name", ""));
	put(&xml, " tests=\"%lld\" failures=\"%lld\" errors=\"%lld\" skipped=\"%lld\"",
		(long long)tally.tests, (long long)tally.failures, (long long)tally.errors,
		(long long)tally.skipped);
	seconds(&xml, json_int(times, "duration_ms", 0));
	snprintf(began, sizeof(began), "%s",
		json_str(json_object_get(times, "began"), "utc", ""));
	attribute(&xml, "timestamp", began);
	put(&xml, ">\n");
	properties(&xml, document);
	if (xml.code == ERR_NONE)
		xml.code = inner.code;
	if (xml.code == ERR_NONE)
		xml.code = buf_add(out, cases.data, cases.len, err);
	put(&xml, "  </testsuite>\n</testsuites>\n");
	buf_release(&cases);
	return xml.code;
}
