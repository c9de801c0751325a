/* mask.h: finding secrets in a stream, in every spelling they may take, and leaving them out.
 */
#ifndef SCRIPT_MASK_H
#define SCRIPT_MASK_H

#include "drillbook/base.h"

#define MASK_TEXT "[masked]"
enum {
	MASK_SHORTEST = 4,	     /* shorter values would blot out ordinary text */
	MASK_SECRET_MAX = 64 * 1024, /* bytes of one secret */
};

/* A set of patterns; read-only once made, so that threads may share it. */
struct mask {
	struct pattern {
		unsigned char *data;
		size_t len;
	} * rows; /* sorted by their block, then longest first */
	size_t count, cap;
	size_t longest;	       /* bytes; 0 = nothing to mask */
	size_t window;	       /* bytes of each pattern the skip table looks at */
	unsigned char *skip;   /* by block of two bytes: how far the window may move */
	uint32_t *first;       /* by block: its first row; count when there is none */
	unsigned char *begins; /* by block: 1 when a pattern begins with it */
	unsigned char begins_byte[256];
};
void mask_init(struct mask *mask);
/* Adds the value and its spellings: base64 at three alignments (both alphabets), URL, JSON,
 * hex, shell, XML; lines of several-line values count as secrets of their own. */
void mask_add(struct mask *mask, const void *value, size_t len);
void mask_ready(struct mask *mask); /* after the last mask_add */
void mask_release(struct mask *mask);

/* What a stream remembers from piece to piece. */
struct mask_state {
	size_t covered; /* bytes at the front of what was held back that belong to a marker
			   already written */
};
typedef void mask_emit(void *arg, const char *data, size_t len);
/* Emits what is certain of data, returns how many bytes were used up; the caller offers the
 * rest again in front of the next piece.  With final everything is used up.  The rest is always
 * shorter than the longest pattern. */
size_t mask_run(const struct mask *mask, struct mask_state *state, const char *data, size_t len,
	bool final, mask_emit *emit, void *arg);
/* NULL when there is nothing to mask in it, else the masked text (owned, NUL-terminated). */
char *mask_string(const struct mask *mask, const char *s, size_t len, size_t *out_len);
/* Masks every string in value, and the names of its members; returns a new reference (the same
 * value when there is nothing to mask). */
json_t *mask_json(const struct mask *mask, json_t *value);
/* The same for a whole message: members of the protocol itself ("t", "op", "digest", …) stay as
 * they are. */
json_t *mask_message(const struct mask *mask, json_t *message);

#endif
