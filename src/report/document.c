/* document.c: the report as one JSON document, members in the order docs/report-format.md
 * describes. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static void put_known(json_t *row, const char *key, int64_t value, bool known)
{
	json_put(row, key, known ? json_integer(value) : NULL);
}

static void put_borrowed(json_t *row, const char *key, const json_t *value)
{
	json_put(row, key, value ? json_incref((json_t *)(uintptr_t)value) : NULL);
}

static json_t *clock_row(struct wall at, const char *basis, bool assumed)
{
	json_t *row = stamp(at);

	if (json_is_null(row))
		return row;
	json_put_str(row, "basis", basis);
	json_put_flag(row, "assumed", assumed);
	return row;
}

/* How a clock came to its value: the last event that set it; its own default otherwise. */
static const char *basis_of(const struct facts *facts, const char *clock, const char *fallback)
{
	for (size_t i = json_array_size(facts->clocks); i-- > 0;) {
		const json_t *row = json_array_get(facts->clocks, i);
		if (str_eq(json_str(row, "clock", ""), clock))
			return json_str(row, "basis", fallback);
	}
	return fallback;
}

static json_t *times(const struct facts *facts)
{
	const struct run *run = facts->run;
	const struct service none = {.rto_ms = -1};
	const struct wall t0 = run_clock(run, &none, facts->as_of).t0;
	const char *taken =
		run->t1.ns != 0 && run->t1.ns < run->t2.ns ? "taken from t1" : "taken from t2";
	json_t *row = json_object();

	json_put(row, "t0",
		clock_row(t0, run->t0.ns ? basis_of(facts, "t0", "") : taken, run->t0.ns == 0));
	json_put(row, "t1", clock_row(run->t1, basis_of(facts, "t1", ""), false));
	json_put(row, "t2",
		clock_row(run->t2, basis_of(facts, "t2", "the run was started"), false));
	json_put(row, "t3", clock_row(run->t3, "the first step was started", false));
	json_put(row, "t6",
		clock_row(run->t6, basis_of(facts, "t6", "a step marked it"), false));
	json_put(row, "began", stamp(run->began));
	json_put(row, "ended", stamp(run->ended));
	json_put(row, "as_of", stamp(run_now(run, facts->as_of)));
	json_put(row, "duration_ms",
		span_ms(run->began, run->ended.ns ? run->ended : run_now(run, facts->as_of)));
	json_put_flag(row, "wall_time_used", run->wall_used);
	json_put_flag(row, "clock_stepped", run->clock_stepped);
	json_put_int(row, "clock_shift_ms", run->clock_shift_ns / 1000000);
	return row;
}

/* ------------------------------------------------------------------ services */

static json_t *rto_row(const struct facts *facts, const struct service *service)
{
	const struct service_clock clock = run_clock(facts->run, service, facts->as_of);
	json_t *row = json_object();

	put_known(row, "objective_ms", service->rto_ms, service->rto_ms >= 0);
	put_known(row, "actual_ms", clock.elapsed_ms, clock.verified);
	put_known(row, "margin_ms", clock.left_ms, clock.verified && service->rto_ms >= 0);
	json_put_str(row, "verdict", objective_name(service_rto(facts->run, service)));
	return row;
}

static json_t *rpo_row(const struct facts *facts, const struct service *service)
{
	json_t *row = json_object();

	put_known(row, "objective_ms", service->rpo_ms, service->rpo_ms >= 0);
	put_known(row, "actual_ms", service->rpa_ms, service->measured && service->rpa_ms >= 0);
	put_known(row, "lost", service->lost, service->measured && service->lost >= 0);
	put_known(row, "acknowledged", service->acknowledged,
		service->measured && service->acknowledged >= 0);
	json_put_str(row, "unit", service->unit);
	json_put_str(row, "basis", service->basis);
	json_put(row, "recovery_point", stamp(service->recovery_point));
	json_put_str(row, "verdict", objective_name(service_rpo(facts->run, service)));
	return row;
}

static void put_partition(json_t *row, const struct run *run, const struct service *service)
{
	int64_t sums[TIME_KINDS], total = 0;
	size_t count;

	if (!run_partition(run, service, sums, NULL, 0, &count)) {
		json_put(row, "partition_ms", NULL);
		json_put(row, "pieces", NULL);
		return;
	}
	struct time_part *parts = xmalloc(count * sizeof(*parts));
	json_t *by_kind = json_object(), *pieces = json_array();
	run_partition(run, service, sums, parts, count, &count);
	for (size_t i = 0; i < TIME_KINDS; i++) {
		json_put_int(by_kind, time_kind_name((enum time_kind)i), sums[i]);
		total += sums[i];
	}
	json_put_int(by_kind, "sum", total);
	for (size_t i = 0; i < count; i++) {
		json_t *piece = json_object();
		json_put(piece, "from", stamp(parts[i].from));
		json_put(piece, "to", stamp(parts[i].to));
		/* of whole milliseconds, so that the pieces sum to the whole */
		json_put_int(
			piece, "ms", parts[i].to.ns / 1000000 - parts[i].from.ns / 1000000);
		json_put_str(piece, "kind", time_kind_name(parts[i].kind));
		json_put_str(piece, "step", parts[i].step);
		json_array_append_new(pieces, piece);
	}
	json_put(row, "partition_ms", by_kind);
	json_put(row, "pieces", pieces);
	free(parts);
}

static json_t *services(const struct facts *facts)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < facts->run->service_count; i++) {
		const struct service *service = &facts->run->services[i];
		json_t *row = json_object();
		json_put_str(row, "name", service->name);
		json_put_str(row, "owner", service->owner);
		json_put_int(row, "tier", service->tier);
		json_put(row, "rto", rto_row(facts, service));
		json_put(row, "rpo", rpo_row(facts, service));
		json_put(row, "t4", stamp(service->restored));
		json_put(row, "t5", stamp(service->verified));
		json_put_str(row, "verified_by", service->verified_by);
		put_partition(row, facts->run, service);
		json_array_append_new(rows, row);
	}
	return rows;
}

/* ------------------------------------------------------------------ steps */

static json_t *error_row(const struct step *step)
{
	if (step->error_code == NULL)
		return NULL;
	json_t *row = json_object();
	json_put_str(row, "code", step->error_code);
	json_put_str(row, "text", step->error_text);
	json_put_str(row, "world", step->error_world);
	return row;
}

static json_t *steps(const struct facts *facts)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < facts->run->step_count; i++) {
		const struct step *step = &facts->run->steps[i];
		int64_t reads = 0, changes = 0;
		json_t *row = json_object();
		for (size_t k = 0; k < step->op_count; k++) {
			changes += step->ops[k].state != OP_STATE_READ;
			/* now() and random() are recorded like reads, but of no target */
			reads += step->ops[k].state == OP_STATE_READ &&
				 step->ops[k].target[0] != '\0';
		}
		json_put_str(row, "id", step->id);
		json_put_str(row, "title", step->title);
		json_put_str(row, "owner", step->owner);
		json_put_str(row, "kind", step_kind_name(step->kind));
		json_put_int(row, "level", step->level);
		put_borrowed(row, "needs", step->needs);
		json_put_str(row, "state", step_state_name(step->state));
		put_known(row, "expected_ms", step->expect_ms, step->expect_ms > 0);
		json_put(row, "actual_ms", span_ms(step->started, step->ended));
		json_put_int(row, "attempts", step->attempt);
		json_put(row, "started", stamp(step->first_started));
		json_put(row, "ended", stamp(step->ended));
		json_put_str(row, "reason", step->reason);
		json_put(row, "error", error_row(step));
		json_put_int(row, "reads", reads);
		json_put_int(row, "changes", changes);
		put_borrowed(row, "outputs", step->outputs);
		json_array_append_new(rows, row);
	}
	return rows;
}

static json_t *output_files(const struct facts *facts)
{
	static const char *const names[] = {"file", "bytes", "sha256", "cut"};
	json_t *rows = json_array();
	const json_t *attempt;
	size_t i;

	json_array_foreach(facts->attempts, i, attempt) {
		const json_t *output = json_object_get(attempt, "output");
		if (!json_is_object(output))
			continue;
		json_t *row = json_object();
		put_borrowed(row, "step", json_object_get(attempt, "step"));
		put_borrowed(row, "attempt", json_object_get(attempt, "attempt"));
		for (size_t k = 0; k < COUNT_OF(names); k++)
			put_borrowed(row, names[k], json_object_get(output, names[k]));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* What a call does, as a name; owned. */
static char *doing(const json_t *call, const char *target)
{
	const json_t *args = json_object_get(call, "args");
	char *line = json_is_object(args) ? json_line(args) : xstrdup("{}");
	char *name = xasprintf(
		"%s\n%s\n%s", json_str(call, "op", ""), json_str(call, "target", target), line);

	free(line);
	return name;
}

/* An undo is done when a later operation is the one that was captured: same operation, target
 * and arguments. */
static void put_undone(const struct facts *facts)
{
	json_t *last = json_object(), *row; /* doing -> index of the last that was done */
	size_t i;

	json_array_foreach(facts->operations, i, row) {
		if (!str_eq(json_str(row, "outcome", ""), "done"))
			continue;
		char *name = doing(row, "");
		json_put_int(last, name, (int64_t)i);
		free(name);
	}
	json_array_foreach(facts->operations, i, row) {
		const json_t *undo = json_object_get(row, "undo");
		char *name =
			json_is_object(undo) ? doing(undo, json_str(row, "target", "")) : NULL;
		const int64_t at = name ? json_int(last, name, -1) : -1;
		json_put_str(row, "undone_by",
			at > (int64_t)i
				? json_str(json_array_get(facts->operations, (size_t)at), "key",
					  "")
				: NULL);
		free(name);
	}
	json_decref(last);
}

/* ------------------------------------------------------------------ the whole */

static json_t *runbook(const struct run *run)
{
	json_t *row = json_object();

	json_put_str(row, "name", run->runbook);
	json_put_str(row, "title", run->title);
	json_put_int(row, "version", run->version);
	json_put_str(row, "digest", run->digest);
	json_put_str(row, "path", run->path);
	json_put_str(row, "plan", run->plan_sha);
	return row;
}

static json_t *workspace(const struct run *run)
{
	json_t *row = json_object();

	json_put_str(row, "name", run->workspace);
	json_put_str(row, "root", run->workspace_root);
	json_put_str(row, "commit", run->commit[0] ? run->commit : NULL);
	json_put_flag(row, "dirty", run->dirty);
	return row;
}

static json_t *people(const struct facts *facts)
{
	json_t *row = json_object(), *by = json_object();

	json_put_str(by, "who", facts->run->started_by.name);
	json_put_int(by, "uid", facts->run->started_by.uid);
	json_put(row, "started_by", by);
	json_put_str(row, "lead", facts->run->lead);
	put_borrowed(row, "leads", facts->leads);
	return row;
}

static json_t *notes(const struct run *run)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < run->note_count; i++) {
		json_t *row = json_object();
		json_put(row, "at", stamp(run->notes[i].at));
		json_put_str(row, "who", run->notes[i].who);
		json_put_str(row, "step", run->notes[i].step);
		json_put_str(row, "text", run->notes[i].text);
		json_array_append_new(rows, row);
	}
	return rows;
}

static const char *evidence(const struct facts *facts, bool matches)
{
	if (facts->seal == NULL)
		return "This run is not sealed. Whoever owns the journal's file can rewrite "
		       "it: evidence starts where a "
		       "seal has left the machine (signed, sent or committed), and none was "
		       "made for this run.";
	if (!matches)
		return "The seal of this run does not fit its events: they were changed or "
		       "added to after the seal. "
		       "Run drillbook verify and keep the file as it is.";
	return "This run is sealed in the journal's own ledger, which whoever owns the file "
	       "can rewrite together with the "
	       "run: evidence starts where a seal has left the machine (signed, sent or "
	       "committed), and this journal "
	       "holds no record that it has. Make one with drillbook verify --seal-out, check "
	       "against it with "
	       "drillbook verify --seal FILE.";
}

static json_t *record(const struct facts *facts)
{
	json_t *row = json_object();
	char hex[SHA256_HEX] = "";
	/* what came after the end (a late note, say) is in the chain but not under the seal */
	const bool matches =
		facts->seal != NULL && facts->has_head &&
		str_eq(json_str(facts->seal, "head", ""), sha256_hex(facts->head, hex)) &&
		json_int(facts->seal, "events", -1) == facts->events;

	if (facts->has_head)
		sha256_hex(facts->head, hex);
	json_put_int(row, "events", facts->events);
	json_put_int(row, "erased", facts->erased);
	json_put_str(row, "head", facts->has_head ? hex : NULL);
	json_put_flag(row, "sealed", facts->seal != NULL);
	put_borrowed(row, "seal", facts->seal);
	json_put(row, "seal_matches", facts->seal ? json_boolean(matches) : NULL);
	json_put_str(row, "evidence", evidence(facts, matches));
	return row;
}

json_t *report_document(const struct facts *facts)
{
	const struct run *run = facts->run;
	json_t *doc = json_object();

	put_undone(facts);
	json_put_str(doc, "mode", run->mode);
	json_put_str(doc, "format", "report/1");
	json_put_int(doc, "run", run->id);
	json_put_str(doc, "status", run_status_name(run->status));
	json_put_int(doc, "exit_status", run_exit_status(run));
	json_put_str(doc, "reason", run->reason && run->reason[0] ? run->reason : NULL);
	json_put(doc, "runbook", runbook(run));
	json_put(doc, "workspace", workspace(run));
	json_put(doc, "people", people(facts));
	json_put(doc, "times", times(facts));
	json_put(doc, "services", services(facts));
	put_borrowed(doc, "params", run->params);
	json_put(doc, "steps", steps(facts));
	put_borrowed(doc, "attempts", facts->attempts);
	put_borrowed(doc, "operations", facts->operations);
	put_borrowed(doc, "reads", facts->reads);
	put_borrowed(doc, "questions", facts->questions);
	put_borrowed(doc, "deviations", facts->deviations);
	json_put(doc, "notes", notes(run));
	put_borrowed(doc, "clocks", facts->clocks);
	put_borrowed(doc, "pauses", facts->pauses);
	put_borrowed(doc, "resumes", facts->resumes);
	json_put(doc, "output_files", output_files(facts));
	put_borrowed(doc, "files", run->files);
	json_put(doc, "record", record(facts));
	return doc;
}
