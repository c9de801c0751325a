/* checks.c: see checks.h. */
#include "checks.h"

#include <inttypes.h>

enum { FAILED_MAX = 600, DETAIL_MAX = 300 };

void checks_init(struct checks *checks, json_t *into)
{
	checks->list = json_array();
	json_put(into, "checks", checks->list);
	buf_init(&checks->failed, FAILED_MAX);
}

void checks_add(struct checks *checks, const char *name, bool ok, const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	json_t *row = json_object();
	struct err full;
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	json_put_str(row, "name", name);
	json_put_flag(row, "ok", ok);
	json_put_str(row, "detail", detail);
	json_array_append_new(checks->list, row);
	/* what no longer fits into the sentence still stands in the list */
	if (!ok && buf_addf(&checks->failed, &full, "%s%s: %s",
			   checks->failed.len > 0 ? "; " : "", name, detail) != ERR_NONE)
		return;
}

void checks_most(struct checks *checks, const char *name, const json_t *facts, const char *fact,
	int64_t most, const char *unit)
{
	const json_t *value = json_object_get(facts, fact);

	if (!json_is_integer(value))
		checks_add(checks, name, false, "unknown");
	else
		checks_add(checks, name, json_integer_value(value) <= most,
			"%" PRId64 " %s, allowed are %" PRId64,
			(int64_t)json_integer_value(value), unit, most);
}

enum err_code checks_end(
	struct checks *checks, struct call *call, json_t *into, struct err *err)
{
	const bool good = checks->failed.len == 0;

	json_put_flag(into, "ok", good);
	return good ? ERR_NONE
		    : err_set(err, ERR_PRECONDITION, "\"%s\" is not fit to be promoted: %s",
			      call_target(call), checks->failed.data);
}

void checks_release(struct checks *checks)
{
	buf_release(&checks->failed);
}
