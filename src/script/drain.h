/* drain.h: everything the worker and its children print: masked, capped, digested, appended to
 * the output file of the step. */
#ifndef SCRIPT_DRAIN_H
#define SCRIPT_DRAIN_H

#include "mask.h"

struct drain;

struct drain_options {
	int output_fd;		 /* borrowed; opened for appending */
	const struct mask *mask; /* borrowed */
	int64_t max_bytes;	 /* of the file; 0 = DRAIN_DEFAULT_MAX */
	/* The file has grown to so many bytes; from the drain's thread, at most ten times a
	 * second; may be NULL. */
	void (*grown)(void *arg, int64_t size_bytes);
	void *arg;
};
enum { DRAIN_DEFAULT_MAX = 1 << 30 };

struct drain_result {
	int64_t bytes;	      /* in the file */
	struct sha256 digest; /* of what is in the file */
	bool cut;	      /* something was left out */
};

/* Puts a pipe in the place of descriptors 1 and 2 and starts the thread that reads it. */
struct drain *drain_start(const struct drain_options *options);
/* Takes what is still in the pipe, writes the rest, ends the thread.  Descriptors 1 and 2 are
 * /dev/null afterwards. */
struct drain_result drain_finish(struct drain *drain);

#endif
