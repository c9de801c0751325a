/* markdown.c: the document as Markdown: head, objectives, time, steps.  The rest is in
 * ledger.c. */
#include "md.h"

/* ------------------------------------------------------------------ head */

static void upper(struct md *md, const char *word)
{
	char copy[32];
	size_t i = 0;

	for (; word[i] != '\0' && i + 1 < sizeof(copy); i++)
		copy[i] = word[i] >= 'a' && word[i] <= 'z' ? (char)(word[i] - 'a' + 'A')
							   : word[i];
	copy[i] = '\0';
	text(md, copy);
}

static void head_runbook(struct md *md, const json_t *doc)
{
	const json_t *book = get(doc, "runbook"), *space = get(doc, "workspace");

	say(md, "- Runbook: ");
	code(md, json_str(book, "name", ""));
	say(md, " version %lld, file ", (long long)json_int(book, "version", 0));
	code(md, json_str(book, "path", ""));
	say(md, ", SHA-256 ");
	code(md, json_str(book, "digest", ""));
	say(md, "\n- Workspace: ");
	text(md, json_str(space, "name", ""));
	if (json_str(space, "commit", NULL) != NULL) {
		say(md, ", commit ");
		code(md, json_str(space, "commit", ""));
		say(md, json_flag(space, "dirty", false)
				? ", **with changes that were not committed**"
				: ", clean");
	} else {
		say(md, ", not under version control");
	}
	say(md, "\n- Plan: SHA-256 ");
	code(md, json_str(book, "plan", ""));
	say(md, "\n");
}

static void head(struct md *md, const json_t *doc)
{
	const json_t *times = get(doc, "times"), *people = get(doc, "people");
	const bool open = str_eq(json_str(doc, "status", ""), "open");

	upper(md, json_str(doc, "mode", ""));
	say(md, " report, run %lld: ", (long long)json_int(doc, "run", 0));
	text(md, json_str(get(doc, "runbook"), "title", ""));
	say(md, "\n\n- Result: **%.16s**, exit status %lld", json_str(doc, "status", ""),
		(long long)json_int(doc, "exit_status", 0));
	if (json_str(doc, "reason", NULL) != NULL) {
		say(md, ": ");
		text(md, json_str(doc, "reason", ""));
	}
	say(md, "\n");
	head_runbook(md, doc);
	say(md, "- Started: ");
	at(md, get(times, "began"));
	say(md, " by ");
	who(md, get(people, "started_by"));
	say(md, "; lead ");
	text(md, json_str(people, "lead", ""));
	say(md, open ? "\n- Not ended; this report stands as of " : "\n- Ended: ");
	at(md, get(times, open ? "as_of" : "ended"));
	say(md, " after ");
	exact(md, get(times, "duration_ms"));
	say(md, "\n");
	if (json_flag(times, "wall_time_used", false))
		say(md, "- The machine was restarted during the run: durations across it are "
			"wall-clock time\n");
	if (json_flag(times, "clock_stepped", false)) {
		say(md, "- The wall clock was set during the run; every time here is without it, "
			"as the clock was going at the start. It is off by ");
		exact(md, get(times, "clock_shift_ms"));
		say(md, "\n");
	}
}

/* ------------------------------------------------------------------ objectives and time */

static void objectives(struct md *md, const json_t *services)
{
	const json_t *row;
	size_t i;

	if (!section(md, "Objectives", services, "The run serves no service."))
		return;
	say(md, "| Service | Owner | RTO | RTA | RTO is | RPO | RPA | Lost | RPO is "
		"|\n|---|---|--:|--:|---|--:|--:|--:|---|\n");
	json_array_foreach(services, i, row) {
		const json_t *rto = get(row, "rto"), *rpo = get(row, "rpo");
		say(md, "| ");
		text(md, json_str(row, "name", ""));
		say(md, " | ");
		text(md, json_str(row, "owner", ""));
		say(md, " | ");
		duration(md, get(rto, "objective_ms"));
		say(md, " | ");
		exact(md, get(rto, "actual_ms"));
		say(md, " | **%.16s** | ", json_str(rto, "verdict", ""));
		duration(md, get(rpo, "objective_ms"));
		say(md, " | ");
		exact(md, get(rpo, "actual_ms"));
		say(md, " | ");
		number(md, get(rpo, "lost"));
		if (json_is_integer(get(rpo, "acknowledged")))
			say(md, " of %lld", (long long)json_int(rpo, "acknowledged", 0));
		if (json_is_integer(get(rpo, "lost"))) {
			say(md, " ");
			text(md, json_str(rpo, "unit", ""));
		}
		say(md, " | **%.16s** |\n", json_str(rpo, "verdict", ""));
	}
	json_array_foreach(services, i, row) {
		if (json_str(get(row, "rpo"), "basis", "")[0] == '\0')
			continue;
		say(md, "\nRecovery point of ");
		text(md, json_str(row, "name", ""));
		if (json_is_object(get(get(row, "rpo"), "recovery_point"))) {
			say(md, ": ");
			at(md, get(get(row, "rpo"), "recovery_point"));
		}
		say(md, ", measured by: ");
		text(md, json_str(get(row, "rpo"), "basis", ""));
		say(md, "\n");
	}
}

static void clock_line(struct md *md, const char *name, const char *meaning, const json_t *row)
{
	say(md, "| %s | %s | ", name, meaning);
	at(md, row);
	say(md, " | ");
	if (json_is_object(row)) {
		text(md, json_str(row, "basis", ""));
		say(md, json_flag(row, "assumed", false) ? " (**assumed**) |\n" : " |\n");
	} else {
		say(md, "not known |\n");
	}
}

static void service_clock_line(
	struct md *md, const char *name, const char *meaning, const json_t *service)
{
	say(md, "| %s | %s: ", name, meaning);
	text(md, json_str(service, "name", ""));
	say(md, " | ");
	at(md, get(service, name));
	say(md, " | ");
	if (!json_is_object(get(service, name))) {
		say(md, "not reached");
	} else if (str_eq(name, "t5") && json_str(service, "verified_by", NULL) != NULL) {
		say(md, "step ");
		text(md, json_str(service, "verified_by", ""));
	} else {
		say(md, "marked");
	}
	say(md, " |\n");
}

static void clocks(struct md *md, const json_t *doc)
{
	const json_t *times = get(doc, "times"), *service;
	size_t i;

	say(md, "\n## Clock\n\n| | What | When (UTC) | Basis |\n|---|---|---|---|\n");
	clock_line(md, "t0", "impact", get(times, "t0"));
	clock_line(md, "t1", "detected", get(times, "t1"));
	clock_line(md, "t2", "declared", get(times, "t2"));
	clock_line(md, "t3", "first step", get(times, "t3"));
	json_array_foreach(get(doc, "services"), i, service) {
		service_clock_line(md, "t4", "data restored", service);
		service_clock_line(md, "t5", "service verified", service);
	}
	clock_line(md, "t6", "back to normal", get(times, "t6"));
}

static void partition(struct md *md, const json_t *service)
{
	const json_t *sums = get(service, "partition_ms"), *pieces = get(service, "pieces"),
		     *piece;
	size_t i;

	if (!json_is_object(sums))
		return;
	say(md, "\n## Where the time went: ");
	text(md, json_str(service, "name", ""));
	say(md, "\n\n|");
	for (int k = 0; k < TIME_KINDS; k++)
		say(md, " %s |", time_kind_name((enum time_kind)k));
	say(md, " **RTA** |\n|");
	for (int k = 0; k <= TIME_KINDS; k++)
		say(md, "--:|");
	say(md, "\n|");
	for (int k = 0; k < TIME_KINDS; k++) {
		say(md, " ");
		exact(md, get(sums, time_kind_name((enum time_kind)k)));
		say(md, " |");
	}
	say(md, " ");
	exact(md, get(sums, "sum"));
	say(md, " |\n\n| From (UTC) | Time | Kind | Step |\n|---|--:|---|---|\n");
	json_array_foreach(pieces, i, piece) {
		if (json_int(piece, "ms", 0) == 0)
			continue; /* within one millisecond: adds nothing */
		say(md, "| ");
		at(md, get(piece, "from"));
		say(md, " | ");
		exact(md, get(piece, "ms"));
		say(md, " | %.16s | ", json_str(piece, "kind", ""));
		text(md, json_str(piece, "step", "-"));
		say(md, " |\n");
	}
}

/* ------------------------------------------------------------------ steps */

static void steps(struct md *md, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (!section(md, "Steps", rows, "None."))
		return;
	say(md, "| # | Step | Title | State | Expected | Actual | Attempts | Reads | Changes | "
		"Remark |\n"
		"|--:|---|---|---|--:|--:|--:|--:|--:|---|\n");
	json_array_foreach(rows, i, row) {
		const json_t *expected = get(row, "expected_ms"),
			     *actual = get(row, "actual_ms");
		say(md, "| %zu | ", i + 1);
		text(md, json_str(row, "id", ""));
		say(md, " | ");
		text(md, json_str(row, "title", ""));
		say(md, " | %.16s | ", json_str(row, "state", ""));
		duration(md, expected);
		say(md, " | ");
		exact(md, actual);
		if (json_is_integer(expected) && json_is_integer(actual) &&
			json_integer_value(actual) > json_integer_value(expected))
			say(md, " +");
		say(md, " | %lld | %lld | %lld | ", (long long)json_int(row, "attempts", 0),
			(long long)json_int(row, "reads", 0),
			(long long)json_int(row, "changes", 0));
		const char *reason = json_str(row, "reason", ""),
			   *error = json_str(get(row, "error"), "code", NULL);
		text(md, reason);
		if (error != NULL) {
			say(md, reason[0] ? "; " : "");
			text(md, error);
			say(md, ": ");
			text(md, json_str(get(row, "error"), "text", ""));
		}
		say(md, " |\n");
	}
	say(md, "\nA + behind the actual time: longer than expected.\n");
}

static void deviations(struct md *md, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (!section(md, "Deviations from the runbook", rows, "None."))
		return;
	say(md, "| When (UTC) | Step | What | Why | Who |\n|---|---|---|---|---|\n");
	json_array_foreach(rows, i, row) {
		say(md, "| ");
		at(md, get(row, "at"));
		say(md, " | ");
		text(md, json_str(row, "step", "-"));
		say(md, " | ");
		text(md, json_str(row, "what", ""));
		say(md, " | ");
		text(md, json_str(row, "why", ""));
		say(md, " | ");
		who(md, row);
		say(md, " |\n");
	}
}

enum err_code report_markdown(const json_t *doc, struct buf *out, struct err *err)
{
	struct md md = {.out = out, .err = err};
	const json_t *service;
	size_t i;

	say(&md, "# ");
	head(&md, doc);
	objectives(&md, get(doc, "services"));
	clocks(&md, doc);
	json_array_foreach(get(doc, "services"), i, service) partition(&md, service);
	steps(&md, get(doc, "steps"));
	deviations(&md, get(doc, "deviations"));
	md_operations(&md, get(doc, "operations"));
	md_questions(&md, get(doc, "questions"));
	md_notes(&md, get(doc, "notes"));
	md_values(&md, doc);
	md_output_files(&md, get(doc, "output_files"));
	md_files(&md, get(doc, "files"));
	md_record(&md, doc);
	return md.code;
}
