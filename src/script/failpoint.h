/* failpoint.h: tests may make a worker die right before or after it touched the world. */
#ifndef SCRIPT_FAILPOINT_H
#define SCRIPT_FAILPOINT_H

/* Ends the process with SIGKILL when $DRILLBOOK_FAILPOINT names this place: "effect.before",
 * "effect.after=failover.promote", "effect.before=dns.point:2" (the second time only).  Does
 * nothing in a build without DRILLBOOK_FAILPOINTS. */
void failpoint(const char *place, const char *op);

#endif
