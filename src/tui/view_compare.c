/* view_compare.c: two runs side by side, step by step, and what changed in the runbook between
 * them; from the document "compare/1" (docs/report-format.md). */
#include "format.h"
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const json_t *compared(const struct screen *screen)
{
	return screen->documents[DOCUMENT_COMPARE].json;
}

const char *compare_head(const struct screen *screen, char *out, size_t size)
{
	const json_t *doc = compared(screen);

	snprintf(out, size, "COMPARE  %" PRId64 " with %" PRId64 "  %s", screen->compare_a,
		screen->compare_b,
		json_str(json_object_get(json_object_get(doc, "b"), "runbook"), "name", ""));
	return json_str(json_object_get(doc, "b"), "mode", NULL);
}

void compare_frame(struct screen *screen)
{
	char about[64];

	if (screen->compare_a == 0 || screen->compare_b == 0)
		return;
	json_t *body = json_object();
	snprintf(about, sizeof(about), "%" PRId64 " %" PRId64, screen->compare_a,
		screen->compare_b);
	json_put_int(body, "a", screen->compare_a);
	json_put_int(body, "b", screen->compare_b);
	document_want(screen, DOCUMENT_COMPARE, about, "compare", body);
}

static void clock_cell(char out[24], const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	snprintf(out, 24, "--");
	if (json_is_integer(value))
		format_clock(out, 24, json_integer_value(value));
}

static void side_line(const char *name, const json_t *side, struct lines *lines, int width)
{
	const json_t *book = json_object_get(side, "runbook");
	char when[32], rta[24];

	clock_cell(rta, side, "rta_ms");
	lines_addf(lines, STYLE_TEXT, width, 4,
		"%s  run %" PRId64 "  %s  %s@v%" PRId64 " %.7s  %s  recovered in %s  %s", name,
		json_int(side, "run", 0),
		format_moment(when, sizeof(when), json_int(side, "began_ns", 0)),
		json_str(book, "name", ""), json_int(book, "version", 0),
		json_str(book, "digest", ""), json_str(side, "status", ""), rta,
		json_str(side, "verdict", ""));
}

/* Half a minute or a tenth, whichever is more, is worth a colour. */
static enum style delta_style(int64_t delta_ms, int64_t before_ms)
{
	const int64_t much = before_ms / 10 > 30000 ? before_ms / 10 : 30000;

	return delta_ms > much ? STYLE_BAD : delta_ms < -much ? STYLE_GOOD : STYLE_TEXT;
}

static void table(
	const json_t *rows, const char *key, const char *title, struct lines *lines, int width)
{
	const json_t *row;
	size_t i;
	const int name = width > 100 ? 40 : 24;

	lines_addf(lines, STYLE_DIM, width, 0, "%-*s %9s %9s %9s  %s", name, title, "A", "B",
		"B - A", "");
	json_array_foreach(rows, i, row) {
		char a[24], b[24], delta[24] = "", states[64] = "";
		const json_t *one = json_object_get(row, "a"), *two = json_object_get(row, "b");
		const json_t *difference = json_object_get(row, "delta_ms");
		enum style style = STYLE_TEXT;
		clock_cell(a, one, "ms");
		clock_cell(b, two, "ms");
		if (json_is_integer(difference)) {
			format_delta(delta, sizeof(delta), json_integer_value(difference));
			style = delta_style(
				json_integer_value(difference), json_int(one, "ms", 0));
		}
		if (!json_is_object(one) || !json_is_object(two)) {
			style = STYLE_WARN;
			snprintf(states, sizeof(states), "only in %c",
				json_is_object(one) ? 'A' : 'B');
		} else if (!str_eq(json_str(one, "state", ""), json_str(two, "state", ""))) {
			style = STYLE_WARN;
			snprintf(states, sizeof(states), "%s -> %s", json_str(one, "state", ""),
				json_str(two, "state", ""));
		} else if (json_int(one, "attempts", 0) != json_int(two, "attempts", 0)) {
			snprintf(states, sizeof(states), "attempts %" PRId64 " -> %" PRId64,
				json_int(one, "attempts", 0), json_int(two, "attempts", 0));
		}
		lines_addf(lines, style, width, 4, "%-*.*s %9s %9s %9s  %s", name, name,
			json_str(row, key, ""), a, b, delta, states);
	}
}

static void param_lines(const json_t *params, struct lines *lines, int width)
{
	const json_t *row;
	size_t i;

	if (json_array_size(params) > 0)
		lines_add(lines, STYLE_BOLD, width, 0, "PARAMETERS that differ");
	json_array_foreach(params, i, row) {
		char *a = format_value(json_object_get(row, "a")),
		     *b = format_value(json_object_get(row, "b"));
		lines_addf(lines, STYLE_TEXT, width, 4, "  %s: %s -> %s",
			json_str(row, "name", ""), a, b);
		free(a);
		free(b);
	}
}

static void file_lines(const json_t *files, struct lines *lines, int width)
{
	const json_t *row, *line;
	size_t i, k;

	lines_add(lines, STYLE_BOLD, width, 0,
		json_array_size(files) > 0 ? "WHAT CHANGED in the files that took part"
					   : "The same files took part, byte for byte.");
	json_array_foreach(files, i, row) {
		lines_addf(lines, STYLE_BOLD, width, 0, "%s %s", json_str(row, "change", ""),
			json_str(row, "path", ""));
		json_array_foreach(json_object_get(row, "lines"), k, line) {
			const char *text = json_string_value(line);
			lines_add(lines,
				text[0] == '+'	 ? STYLE_GOOD
				: text[0] == '-' ? STYLE_BAD
						 : STYLE_DIM,
				width, 3, text);
		}
		if (json_flag(row, "cut", false))
			lines_add(lines, STYLE_WARN, width, 0, "  ... there is more");
	}
}

void compare_text(const struct screen *screen, struct lines *lines, int width)
{
	const json_t *doc = compared(screen);

	if (screen->compare_a == 0 || screen->compare_b == 0) {
		lines_add(lines, STYLE_DIM, width, 0,
			"two runs are compared: in History, c on the one and c on the other; "
			"or "
			":compare 2041 2042");
		return;
	}
	if (document_missing(screen, DOCUMENT_COMPARE, lines, width))
		return;
	side_line("A", json_object_get(doc, "a"), lines, width);
	side_line("B", json_object_get(doc, "b"), lines, width);
	if (!json_flag(doc, "same_runbook", true))
		lines_add(lines, STYLE_WARN, width, 0,
			"these are runs of two different runbooks");
	if (!json_flag(doc, "same_mode", true))
		lines_add(lines, STYLE_WARN, width, 0, "these are runs in two different modes");
	table(json_object_get(doc, "steps"), "id", "STEP", lines, width);
	if (json_array_size(json_object_get(doc, "kinds")) > 0)
		table(json_object_get(doc, "kinds"), "kind", "TIME", lines, width);
	param_lines(json_object_get(doc, "params"), lines, width);
	file_lines(json_object_get(doc, "files"), lines, width);
}
