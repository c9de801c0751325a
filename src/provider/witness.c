/* witness.c: what a client was promised against what a database holds.
 *
 * Only acknowledged writes count: one that failed at the client may exist all the same (a
 * commit whose answer was lost), so the database may hold more than was acknowledged and never
 * has to hold what was not. */
#include "statement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 20 * 1000 * 1000, LINE_MAX_BYTES = 256 };

const struct field data_compare_params[] = {
	{ .name = "query",
		.type = FIELD_STRING,
		.required = true,
		.help = "declared query that gives the surviving sequence numbers, best in "
			"ascending order" },
	{ .name = "args",
		.type = FIELD_MAP,
		.fallback = "{}",
		.help = "its parameters by name" },
	{ .name = "acked",
		.type = FIELD_PATH,
		.help = "the client's log, lines \"epoch_ms seq ok|fail\"; default: setting "
			"acked" },
	{ .name = "after_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "only writes acknowledged after this wall time: the last loss that was "
			"counted before, for drills in a row" },
	{ .name = "before_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "only writes acknowledged before this wall time: the impact, for the "
			"loss of a run" },
	FIELD_END
};
const struct field data_compare_results[] = {
	{ .name = "acknowledged", .type = FIELD_INT, .help = "writes the client was promised" },
	{ .name = "failed",
		.type = FIELD_INT,
		.help = "writes it was not promised; they may exist" },
	{ .name = "survived",
		.type = FIELD_INT,
		.help = "acknowledged writes the database holds" },
	{ .name = "extra", .type = FIELD_INT, .help = "rows that were not acknowledged" },
	{ .name = "lost",
		.type = FIELD_INT,
		.help = "acknowledged writes the database does not hold" },
	{ .name = "first_lost",
		.type = FIELD_INT,
		.help = "sequence number, by time of acknowledgement" },
	{ .name = "last_lost",
		.type = FIELD_INT,
		.help = "sequence number, by time of acknowledgement" },
	{ .name = "first_lost_at_ms", .type = FIELD_INT, .unit = "ms", .help = "wall time" },
	{ .name = "last_lost_at_ms", .type = FIELD_INT, .unit = "ms", .help = "wall time" },
	{ .name = "recovery_point_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "wall time of the newest acknowledged write before the first lost "
			"one" },
	{ .name = "lost_span_ms",
		.type = FIELD_INT,
		.unit = "ms",
		.help = "from the recovery point to the last lost write; 0 when nothing is "
			"lost" },
	{ .name = "unknown",
		.type = FIELD_STRINGS,
		.help = "members that could not be determined" },
	{ .name = "basis", .type = FIELD_STRING, .help = "sentinel writes" }, FIELD_END
};

struct write {
	int64_t seq, ms;
	bool survived;
};

struct witness {
	struct write *writes; /* acknowledged ones, by seq */
	size_t count, cap, next;
	int64_t failed, extra, survived;
	int64_t after_ms, before_ms; /* wall time; 0 = no limit */
};

static void add(struct witness *w, int64_t seq, int64_t ms)
{
	if (w->count == w->cap) {
		w->cap = w->cap != 0 ? w->cap * 2 : 4096;
		w->writes = xrealloc(w->writes, w->cap * sizeof(*w->writes));
	}
	w->writes[w->count++] = (struct write){ .seq = seq, .ms = ms };
}

static bool number(const char **at, int64_t *out)
{
	char *end = NULL;

	errno = 0;
	*out = strtoll(*at, &end, 10);
	if (errno != 0 || end == *at)
		return false;
	*at = end;
	return true;
}

/* False when the line is not of the form; a write of another word than ok or fail is not. */
static bool take_line(struct witness *w, const char *line)
{
	int64_t ms, seq;

	if (!number(&line, &ms) || !number(&line, &seq) || *line != ' ')
		return false;
	const bool within = ms > w->after_ms && (w->before_ms == 0 || ms < w->before_ms);
	if (strcmp(line, " fail") == 0)
		w->failed += within;
	else if (strcmp(line, " ok") != 0)
		return false;
	else if (within)
		add(w, seq, ms);
	return true;
}

static int by_seq(const void *a, const void *b)
{
	const struct write *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return x->ms < y->ms ? -1 : x->ms > y->ms;
}

/* Logs are written in order, so this is a check and seldom a sort.  A number promised twice
 * counts once. */
static void order(struct witness *w)
{
	size_t kept = 0;
	bool sorted = true;

	for (size_t i = 1; i < w->count && sorted; i++)
		sorted = w->writes[i - 1].seq < w->writes[i].seq;
	if (sorted)
		return;
	qsort(w->writes, w->count, sizeof(*w->writes), by_seq);
	for (size_t i = 0; i < w->count; i++)
		if (kept == 0 || w->writes[kept - 1].seq != w->writes[i].seq)
			w->writes[kept++] = w->writes[i];
	w->count = kept;
}

static enum err_code load(
	struct witness *w, FILE *file, const char *path, struct err *err)
{
	char line[LINE_MAX_BYTES];

	for (int64_t i = 1; fgets(line, sizeof(line), file) != NULL; i++) {
		size_t len = strlen(line);
		if (i > LINES_MAX)
			return err_set(err, ERR_LIMIT, "\"%s\" has more than %d lines", path,
				LINES_MAX);
		/* the client may have been killed while it wrote its last line */
		if (line[len - 1] != '\n' && len < sizeof(line) - 1)
			break;
		line[len - 1] = '\0';
		if (!take_line(w, line))
			return err_set(err, ERR_PROTOCOL,
				"\"%s\" line %" PRId64 " is not \"epoch_ms seq "
				"ok|fail\"",
				path, i);
	}
	if (ferror(file))
		return err_errno(err, "cannot read \"%s\"", path);
	order(w);
	return ERR_NONE;
}

enum err_code witness_of_call(struct call *call, struct witness **out, struct err *err)
{
	const char *path = call_string(call, "acked");

	if (path == NULL)
		path = setting_string(call, "acked");
	if (path == NULL)
		return err_set(err, ERR_USAGE,
			"data.compare needs the parameter or the setting \"acked\": the "
			"client's log");
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return err_errno(err, "cannot read the client's log \"%s\"", path);
	struct witness *w = xmalloc(sizeof(*w));
	w->after_ms = call_int(call, "after_ms");
	w->before_ms = call_int(call, "before_ms");
	enum err_code code = load(w, file, path, err);
	fclose(file);
	if (code == ERR_NONE)
		*out = w;
	else
		witness_free(w);
	return code;
}

void witness_free(struct witness *witness)
{
	if (witness == NULL)
		return;
	free(witness->writes);
	free(witness);
}

/* Rows come in order as a rule: then each is found at the cursor and 10^6 of them are one walk.
 */
static struct write *find(struct witness *w, int64_t seq)
{
	const struct write key = { .seq = seq };

	while (w->next < w->count && w->writes[w->next].seq < seq && w->next + 1 < w->count &&
		w->writes[w->next + 1].seq <= seq)
		w->next++;
	if (w->next < w->count && w->writes[w->next].seq == seq)
		return &w->writes[w->next];
	size_t low = 0, high = w->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (w->writes[middle].seq < key.seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->count && w->writes[low].seq == seq ? &w->writes[low] : NULL;
}

void witness_survived(struct witness *witness, int64_t seq)
{
	struct write *write = find(witness, seq);

	if (write == NULL) {
		witness->extra++;
	} else if (!write->survived) {
		write->survived = true;
		witness->survived++;
	}
}

/* Acknowledged before: by time, then by number for writes of one millisecond. */
static bool earlier(const struct write *a, const struct write *b)
{
	return a->ms != b->ms ? a->ms < b->ms : a->seq < b->seq;
}

void witness_report(const struct witness *w, json_t *result)
{
	const struct write *first = NULL, *last = NULL, *point = NULL;

	for (size_t i = 0; i < w->count; i++) {
		const struct write *write = &w->writes[i];
		if (write->survived)
			continue;
		if (first == NULL || earlier(write, first))
			first = write;
		if (last == NULL || earlier(last, write))
			last = write;
	}
	for (size_t i = 0; i < w->count; i++) {
		const struct write *write = &w->writes[i];
		if (write->survived && (first == NULL || earlier(write, first)) &&
			(point == NULL || earlier(point, write)))
			point = write;
	}
	json_t *unknown = json_array();
	json_put_int(result, "acknowledged", (int64_t)w->count);
	json_put_int(result, "failed", w->failed);
	json_put_int(result, "survived", w->survived);
	json_put_int(result, "extra", w->extra);
	json_put_int(result, "lost", (int64_t)w->count - w->survived);
	json_put_str(result, "basis", "sentinel writes");
	if (first != NULL) {
		json_put_int(result, "first_lost", first->seq);
		json_put_int(result, "first_lost_at_ms", first->ms);
		json_put_int(result, "last_lost", last->seq);
		json_put_int(result, "last_lost_at_ms", last->ms);
	}
	if (point != NULL)
		json_put_int(result, "recovery_point_ms", point->ms);
	else
		json_array_append_new(unknown, json_string("recovery_point_ms"));
	if (first == NULL)
		json_put_int(result, "lost_span_ms", 0);
	else if (point != NULL)
		json_put_int(result, "lost_span_ms", last->ms - point->ms);
	else
		json_array_append_new(unknown, json_string("lost_span_ms"));
	json_put(result, "unknown", unknown);
}
