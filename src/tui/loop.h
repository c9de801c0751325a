/* loop.h: what the loop around the screen (tui.c) shares with what it does for it (wanted.c).
 */
#ifndef DRILLBOOK_TUI_LOOP_H
#define DRILLBOOK_TUI_LOOP_H

#include "drillbook/tui.h"
#include "cast.h"
#include "keys.h"
#include "terminal.h"

enum { PENDING_MAX = 64 };

struct tui {
	const struct tui_options *options;
	struct screen screen;
	struct cells cells;
	struct terminal *term;
	struct settings settings;
	struct cast *cast; /* NULL = nothing is recorded */
	struct keys keys;
	struct {
		int64_t id;
		enum tag tag;
	} pending[PENDING_MAX];
	size_t pending_count;
	bool dirty, redraw, more; /* more: messages were left when their turn was over */
	bool test_idle, told_idle;
	struct mono began;
	int64_t frame_ms; /* of the last frame; -1 = none yet */
	bool gone;	  /* the server or the terminal */
};

void loop_size(struct tui *tui);   /* the terminal's size has changed, or may have */
void loop_stop(struct tui *tui);   /* Ctrl-Z */
bool loop_wanted(struct tui *tui); /* does what the screen wants; true: leave */

#endif
