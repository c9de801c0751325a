/* steady.c: the clock of a run.
 *
 * A run's moments are wall time as it was when the run began.  Somebody who sets the wall clock in the middle of a
 * recovery (an operator, NTP after an outage of the network) must not make it an hour longer: within a boot
 * CLOCK_BOOTTIME says how much time has passed, and what the wall clock says besides is its shift.  Across a reboot only the
 * wall clock is left, and a run says that it was used. */
#include "fold.h"

#include <string.h>

/* Between the two readings of a stamp a process may be held up; less is not taken for a step. */
static const int64_t step_ns = 1000000000;

static bool comparable(const struct steady *steady, const struct event *event)
{
	return strcmp(steady->boot, event->boot) == 0 && steady->mono.ns > 0 && event->mono.ns > 0;
}

static void anchor(struct steady *steady, const struct event *event)
{
	memcpy(steady->boot, event->boot, sizeof(steady->boot));
	steady->mono = event->mono;
	steady->wall = event->wall;
	steady->wall_shift_ns = steady->shift_ns;
}

struct wall steady_at(struct steady *steady, const struct event *event)
{
	if (steady->boot[0] == '\0' && steady->last.ns == 0) {
		anchor(steady, event);
	} else if (comparable(steady, event)) {
		const int64_t shift = steady->wall_shift_ns + (event->wall.ns - steady->wall.ns) -
				      (event->mono.ns - steady->mono.ns);
		const int64_t change = shift - steady->shift_ns;
		if (change > step_ns || change < -step_ns)
			steady->shift_ns = shift;
	} else {
		/* a clock that came up earlier than it went down is set, too */
		if (event->wall.ns - steady->shift_ns < steady->last.ns)
			steady->shift_ns = event->wall.ns - steady->last.ns;
		anchor(steady, event);
	}
	const struct wall at = { event->wall.ns - steady->shift_ns };
	if (at.ns > steady->last.ns)
		steady->last = at;
	return at;
}

struct wall run_now(const struct run *run, struct wall now)
{
	return (struct wall){ now.ns - run->clock_shift_ns };
}
