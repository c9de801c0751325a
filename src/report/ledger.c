/* ledger.c: the report's sections on what was done to the world, who said so, and what the
 * record rests on. */
#include "md.h"

/* ------------------------------------------------------------------ operations */

static void confirmed(struct md *md, const json_t *row)
{
	const json_t *by = get(row, "confirmed");
	const bool preview = str_eq(json_str(by, "basis", ""), "preview");

	if (!json_is_object(by)) {
		say(md, "   - not put before a human\n");
		return;
	}
	say(md, str_eq(json_str(by, "answer", ""), "yes") ? "   - confirmed by "
							  : "   - declined by ");
	who(md, by);
	say(md, " at ");
	at(md, get(by, "at"));
	say(md, ", question %lld", (long long)json_int(by, "ask", 0));
	if (preview) {
		say(md, ", on the preview of the step\n");
		return;
	}
	say(md, ", displayed digest ");
	code(md, json_str(by, "displayed_digest", ""));
	say(md, str_eq(json_str(by, "displayed_digest", ""), json_str(row, "digest", "-"))
			? " (that of the intent)\n"
			: " (**not** that of the intent)\n");
}

static void outcome(struct md *md, const json_t *row)
{
	const json_t *unknown = get(row, "unknown"), *settled = get(row, "settled"),
		     *error = get(row, "error");

	if (json_str(row, "refused", NULL) != NULL) {
		say(md, "   - refused: ");
		text(md, json_str(row, "refused", ""));
		say(md, "\n");
	}
	if (json_is_object(unknown)) {
		say(md, "   - outcome UNKNOWN at ");
		at(md, get(unknown, "at"));
		say(md, ": ");
		text(md, json_str(unknown, "why", ""));
		say(md, "\n");
	}
	if (json_is_object(settled)) {
		say(md, "   - settled at ");
		at(md, get(settled, "at"));
		say(md, " by ");
		if (str_eq(json_str(settled, "by", ""), "verify"))
			say(md, "the operation's own verify");
		else
			who(md, settled);
		say(md, str_eq(json_str(settled, "verdict", ""), "done")
				? ": it happened; "
				: ": it did not happen; ");
		text(md, json_str(settled, "reason", ""));
		say(md, "\n");
	}
	say(md, "   - outcome: **%.16s**", json_str(row, "outcome", ""));
	if (json_is_object(get(row, "ended"))) {
		say(md, " at ");
		at(md, get(row, "ended"));
	}
	if (json_is_object(error)) {
		say(md, ", ");
		text(md, json_str(error, "code", ""));
		say(md, ": ");
		text(md, json_str(error, "text", ""));
	} else if (json_object_size(get(row, "result")) > 0) {
		say(md, ", result ");
		value(md, get(row, "result"));
	}
	say(md, "\n");
}

static void undo(struct md *md, const json_t *row)
{
	const json_t *captured = get(row, "undo");

	if (!json_is_object(captured))
		return;
	say(md, "   - undo: ");
	code(md, json_str(captured, "op", ""));
	say(md, " on ");
	code(md, json_str(captured, "target", json_str(row, "target", "")));
	say(md, " ");
	value(md, get(captured, "args"));
	if (json_str(row, "undone_by", NULL) != NULL) {
		say(md, ", done by ");
		code(md, json_str(row, "undone_by", ""));
	} else {
		say(md, ", not done");
	}
	say(md, "\n");
}

static void operation(struct md *md, size_t n, const json_t *row)
{
	say(md, "%zu. ", n);
	code(md, json_str(row, "op", ""));
	say(md, " on ");
	code(md, json_str(row, "target", ""));
	say(md, " (%.16s%s), step ", json_str(row, "effect", ""),
		json_flag(row, "declared", false) ? ", declared" : "");
	text(md, json_str(row, "step", ""));
	say(md, ", attempt %lld\n   - arguments ", (long long)json_int(row, "attempt", 0));
	value(md, get(row, "args"));
	say(md, "\n");
	if (json_object_size(get(row, "before")) > 0) {
		say(md, "   - before ");
		value(md, get(row, "before"));
		say(md, "\n");
	}
	say(md, "   - intent ");
	code(md, json_str(row, "digest", ""));
	say(md, " at ");
	at(md, get(row, "proposed"));
	say(md, ", key ");
	code(md, json_str(row, "key", ""));
	say(md, "\n");
	confirmed(md, row);
	outcome(md, row);
	undo(md, row);
}

void md_operations(struct md *md, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (!section(md, "Changes to the world", rows, "None was proposed."))
		return;
	json_array_foreach(rows, i, row) operation(md, i + 1, row);
}

/* ------------------------------------------------------------------ people */

/* Who said what, where several had to. */
static void approvals(struct md *md, const json_t *rows)
{
	const json_t *row, *voice;
	size_t i, k;

	json_array_foreach(rows, i, row) {
		json_array_foreach(get(row, "approvals"), k, voice) {
			say(md, "%s- question %lld: ", k == 0 ? "\n" : "",
				(long long)json_int(row, "ask", 0));
			at(md, get(voice, "at"));
			say(md, " ");
			who(md, voice);
			say(md, " said %s", str_eq(json_str(voice, "word", ""), "approve") ? "approve" : "reject");
			if (json_str(voice, "note", "")[0] != '\0') {
				say(md, ": ");
				text(md, json_str(voice, "note", ""));
			}
			say(md, "\n");
		}
	}
}

void md_questions(struct md *md, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (!section(md, "Questions and answers", rows, "Nothing was asked."))
		return;
	say(md, "| # | Asked (UTC) | Step | Kind | Question | Answer | By | Waited | Note |\n"
		"|--:|---|---|---|---|---|---|--:|---|\n");
	json_array_foreach(rows, i, row) {
		say(md, "| %lld | ", (long long)json_int(row, "ask", 0));
		at(md, get(row, "asked"));
		say(md, " | ");
		text(md, json_str(row, "step", ""));
		say(md, " | ");
		text(md, json_str(row, "kind", ""));
		say(md, " | ");
		text(md, json_str(row, "title", ""));
		say(md, ": ");
		text(md, json_str(row, "text", ""));
		say(md, " | ");
		if (json_is_object(get(row, "answered"))) {
			text(md, json_str(row, "answer", ""));
			if (json_str(row, "value", "")[0] != '\0') {
				say(md, ": ");
				text(md, json_str(row, "value", ""));
			}
			say(md, " | ");
			who(md, row);
		} else {
			say(md, "none | -");
		}
		say(md, " | ");
		exact(md, get(row, "waited_ms"));
		say(md, " | ");
		text(md, json_str(row, "note", ""));
		say(md, " |\n");
	}
	approvals(md, rows);
}

void md_notes(struct md *md, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (!section(md, "Notes", rows, "None."))
		return;
	json_array_foreach(rows, i, row) {
		say(md, "- ");
		at(md, get(row, "at"));
		say(md, " ");
		text(md, json_str(row, "who", ""));
		if (json_str(row, "step", NULL) != NULL) {
			say(md, ", step ");
			text(md, json_str(row, "step", ""));
		}
		say(md, ": ");
		text(md, json_str(row, "text", ""));
		say(md, "\n");
	}
}

/* ------------------------------------------------------------------ what it rests on */

void md_values(struct md *md, const json_t *doc)
{
	const json_t *row, *param;
	const char *name;
	size_t i;

	bool any = json_object_size(get(doc, "params")) > 0;
	json_array_foreach(get(doc, "steps"), i, row) any =
		any || json_object_size(get(row, "outputs")) > 0;
	say(md, any ? "\n## Values\n\n| Where | Value |\n|---|---|\n"
		    : "\n## Values\n\nNone.\n");
	json_object_foreach((json_t *)(uintptr_t)get(doc, "params"), name, param) {
		say(md, "| parameter ");
		text(md, name);
		say(md, " | ");
		value(md, param);
		say(md, " |\n");
	}
	json_array_foreach(get(doc, "steps"), i, row) {
		if (json_object_size(get(row, "outputs")) == 0)
			continue;
		say(md, "| step ");
		text(md, json_str(row, "id", ""));
		say(md, " | ");
		value(md, get(row, "outputs"));
		say(md, " |\n");
	}
}

void md_output_files(struct md *md, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (!section(md, "Output", rows, "No step wrote any output."))
		return;
	say(md, "| Step | Attempt | File | Bytes | SHA-256 |\n|---|--:|---|--:|---|\n");
	json_array_foreach(rows, i, row) {
		const json_t *cut = get(row, "cut");
		say(md, "| ");
		text(md, json_str(row, "step", ""));
		say(md, " | %lld | ", (long long)json_int(row, "attempt", 0));
		code(md, json_str(row, "file", ""));
		say(md, " | ");
		number(md, get(row, "bytes"));
		say(md, json_is_true(cut) || json_integer_value(cut) > 0 ? " (cut) | " : " | ");
		code(md, json_str(row, "sha256", ""));
		say(md, " |\n");
	}
}

void md_files(struct md *md, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (!section(md, "Files that took part", rows, "None."))
		return;
	say(md, "| File | SHA-256 of its bytes, kept in the journal |\n|---|---|\n");
	json_array_foreach(rows, i, row) {
		say(md, "| ");
		code(md, json_str(row, "path", ""));
		say(md, " | ");
		code(md, json_str(row, "sha256", ""));
		say(md, " |\n");
	}
}

void md_record(struct md *md, const json_t *doc)
{
	const json_t *row = get(doc, "record"), *seal = get(row, "seal");

	say(md, "\n## The record\n\n- Events: %lld, head of the hash chain ",
		(long long)json_int(row, "events", 0));
	code(md, json_str(row, "head", "(the run went on while this was written)"));
	say(md, "\n");
	if (json_int(row, "erased", 0) > 0)
		say(md, "- Erased: %lld events hold only the digest of what they said\n",
			(long long)json_int(row, "erased", 0));
	say(md, "- Server deaths the run lived through: %zu\n",
		json_array_size(get(doc, "resumes")));
	if (json_is_object(seal)) {
		say(md, "- Sealed: ");
		at(md, get(seal, "at"));
		say(md, ", %lld events, head ", (long long)json_int(seal, "events", 0));
		code(md, json_str(seal, "head", ""));
		say(md, "\n");
	} else {
		say(md, "- Sealed: **no**\n");
	}
	say(md, "\n%.500s\n", json_str(row, "evidence", ""));
}
