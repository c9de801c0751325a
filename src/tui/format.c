/* format.c: quantities as the screens write them. */
#include "format.h"

#include <inttypes.h>
#include <string.h>

const char *format_objective(char *out, size_t size, int64_t ms)
{
	static const struct {
		int64_t ms;
		char unit;
	} units[] = { { 86400000, 'd' }, { 3600000, 'h' }, { 60000, 'm' }, { 1000, 's' } };

	snprintf(out, size, "%s", ms < 0 ? "--" : ms == 0 ? "0" : "");
	for (size_t i = 0; i < COUNT_OF(units) && ms > 0; i++)
		if (ms >= units[i].ms) {
			const size_t len = strlen(out);
			snprintf(out + len, size - len, "%" PRId64 "%c", ms / units[i].ms,
				units[i].unit);
			ms %= units[i].ms;
		}
	return out;
}

const char *format_age(char *out, size_t size, int64_t ms)
{
	const int64_t minutes = ms / 60000;

	if (minutes < 120)
		snprintf(out, size, "%" PRId64 "m", minutes);
	else if (minutes < 48 * 60)
		snprintf(out, size, "%" PRId64 "h", minutes / 60);
	else
		snprintf(out, size, "%" PRId64 "d", minutes / 1440);
	return out;
}

const char *format_moment(char *out, size_t size, int64_t ns)
{
	char stamp[32];

	if (ns <= 0) {
		snprintf(out, size, "--");
		return out;
	}
	wall_format(stamp, sizeof(stamp), (struct wall){ ns });
	snprintf(out, size, "%.10s %.5s", stamp, stamp + 11);
	return out;
}

const char *format_delta(char *out, size_t size, int64_t ms)
{
	char clock[24];
	const int64_t seconds = ms / 1000;

	format_clock(clock, sizeof(clock), ms < 0 ? -ms : ms);
	snprintf(out, size, "%s%s", seconds > 0 ? "+" : seconds < 0 ? "-" : "", clock);
	return out;
}

char *format_value(const json_t *value)
{
	return json_is_string(value) ? xstrdup(json_string_value(value)) : json_line(value);
}
