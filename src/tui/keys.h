/* keys.h: bytes from the terminal become key presses.  Pure: the caller reads and says what
 * time it is. */
#ifndef DRILLBOOK_TUI_KEYS_H
#define DRILLBOOK_TUI_KEYS_H

#include "screen.h"

enum {
	ESC_WAIT_MS = 40, /* an ESC that stands alone this long is the key and no longer the
			     begin of a sequence */
	PASTE_BURST = 16  /* more typed characters than this in one read were not typed */
};

struct press {
	uint32_t key;
	bool pasted;
};

struct keys {
	unsigned char held[64];
	size_t held_len; /* the unfinished end of what was read */
	int64_t held_ms;
	bool pasting; /* between CSI 200~ and CSI 201~ */
};
/* Decodes data; at most max presses are written, one per byte is always enough.  Returns their
 * count. */
size_t keys_feed(struct keys *keys, const void *data, size_t len, int64_t now_ms,
	struct press *out, size_t max);
/* What has waited too long for its rest: an ESC by itself. */
size_t keys_wait(struct keys *keys, int64_t now_ms, struct press *out, size_t max);
int64_t keys_due_ms(const struct keys *keys,
	int64_t now_ms); /* until keys_wait has something; -1 = nothing held */

#endif
