/* sweep.h: ending what a step left behind. */
#ifndef SCRIPT_SWEEP_H
#define SCRIPT_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Sends signal to every living descendant of this process, except the children `spare` says yes
 * to (may be NULL) and services started to stay (DRILLBOOK_KEEP=1 in their environment, a
 * session of their own), and the descendants of both.  Returns how many there were. */
size_t sweep_signal(int signal, bool (*spare)(void *arg, pid_t child), void *arg);
/* False when the kernel's own list of this process's children, which must have one thread only,
 * holds nobody but those that `known` says yes to: then there is nothing to sweep.  True also
 * when the kernel keeps no such list. */
bool sweep_needed(bool (*known)(void *arg, pid_t child), void *arg);
/* Ends and reaps all descendants of this process but services started to stay.  False when some
 * were still there after patience_ms. */
bool sweep_all(int64_t patience_ms);

#endif
