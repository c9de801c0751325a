/* engine.h: the server: runs, clock, workers, journal, terminals.
 *
 * One process per data directory (lock file), a libuv loop and the journal's writer thread.  It never runs Lua, never talks
 * to a provider and never holds the value of a secret. */
#ifndef DRILLBOOK_ENGINE_H
#define DRILLBOOK_ENGINE_H

#include "drillbook/base.h"

enum { PARALLEL_STEPS = 8 }; /* of one run; a runbook can only allow fewer */

struct server_options {
	const char *data_dir;
	const char *version;
	int ready_fd;       /* gets one byte when the socket accepts; -1 = none */
	void (*on_ready)(void); /* called then, too; may be NULL */
	bool foreground;    /* stay attached, log to stderr */
	bool team;          /* for several people: server.yaml says who may do what */
	const char *config; /* directory of server.yaml and policy.yaml; for a personal server of policy.yaml only */
	const char *socket; /* of a team server; with `group` it is opened to */
	const char *group;
};
/* Runs until told to stop or until nothing needs it: no open run, no client.  ERR_HELD when another server has the
 * directory, ERR_JOURNAL when the journal cannot be used. */
enum err_code server_run(const struct server_options *options, struct err *err) MUST_CHECK;

#endif
