/* channel.h: a worker's talk with the server.
 *
 * A thread of its own reads, so that a stop and the end of the server are seen whatever the
 * step is doing; it also is the fence for a script that cannot be interrupted.  Who may end the
 * process:
 *
 *   where      the server has gone       deadline or stop passed by FENCE_MS
 *   IN_LUA     the reader ends it        the reader ends it
 *   IN_READ    the reader ends it        the server's business
 *   IN_EFFECT  the main thread finishes the effect, writes the outbox, ends
 *   ENDING     whoever made it ENDING
 */
#ifndef SCRIPT_CHANNEL_H
#define SCRIPT_CHANNEL_H

#include "mask.h"

#include "drillbook/wire.h"

#include <pthread.h>
#include <stdatomic.h>

enum { FENCE_MS = 250, TICK_MS = 50 };

enum where { IN_LUA, IN_READ, IN_EFFECT, ENDING };

struct channel {
	int fd, outbox_fd;
	const struct mask *mask;
	struct wire wire; /* the reader's, once it runs */
	pthread_t reader;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	enum where where;
	int64_t waiting;	 /* ordinal of the intent that waits, -1 = none */
	json_t *answer;		 /* to it */
	bool gone;		 /* the server has closed */
	pthread_mutex_t sending; /* one line at a time */
	volatile bool stop;	 /* a stop was asked for; never taken back */
	struct mono stopped_at;
	_Atomic int64_t deadline_ns; /* mono; 0 = none */
	/* Ends the process from the reader's thread, where is ENDING already.  code: NONE = the
	 * server has gone. */
	void (*fence)(void *arg, enum err_code code);
	void (*tick)(void *arg); /* from the reader's thread, every TICK_MS */
	void *arg;
};

/* Takes the lock on the outbox for the life of the process. */
void channel_init(struct channel *channel, int fd, int outbox_fd, const struct mask *mask);
/* The same for an outbox that came with the job. */
void channel_hold(struct channel *channel, int outbox_fd);
/* The first message; ends the process when the server closes before it. */
json_t *channel_job(struct channel *channel);
void channel_start(struct channel *channel);
/* Masks and sends; a closed channel is the reader's to notice. */
void channel_send(struct channel *channel, json_t *message);		/* steals */
void channel_send_fd(struct channel *channel, json_t *message, int fd); /* steals the message */
/* Sends only when that does not block. */
void channel_offer(struct channel *channel, json_t *message); /* steals */

/* Where the main thread is; does not return when the process is being ended. */
void channel_enter(struct channel *channel, enum where where);
/* For the ending thread: true once, for the first that asks. */
bool channel_end(struct channel *channel);

/* Sends an intent and waits.  NONE: acked, and where is IN_EFFECT.  REFUSED etc.: the server's
 * word, in err. CONFLICT: once more ("again").  CANCELLED: a stop came first. */
enum err_code channel_propose(
	struct channel *channel, json_t *intent, int64_t ordinal, struct err *err);
/* Appends the result to the outbox, then sends it.  False when the server has gone: the result
 * is on disk and the process has to end. */
bool channel_result(struct channel *channel, json_t *result); /* steals */
/* Nothing will be written to the outbox any more: the worker of the next phase may have it. */
void channel_unlock(struct channel *channel);
/* Appends a line to the outbox and syncs it. */
void channel_outbox(struct channel *channel, json_t *line); /* steals */

/* Waits ms, less when a stop comes.  True when the whole time has passed. */
bool channel_pause(struct channel *channel, int64_t ms);
bool channel_deadline_passed(const struct channel *channel);

#endif
