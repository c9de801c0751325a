/* witness.h: what the witness needs from a database; one file per kind. */
#ifndef LAB_WITNESS_H
#define LAB_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

int64_t witness_now_ms(void); /* monotonic */

struct backend {
	const char *name;
	/* Each gives up by itself after about a second.  After false the connection is closed. */
	bool (*open)(const char *where);
	bool (*place)(int64_t seq);  /* commits order seq; true = acknowledged */
	bool (*beat)(void);          /* updates the heartbeat row */
	void (*close)(void);
};

extern const struct backend witness_postgres, witness_sqlite;

#endif
