/* cast.h: recording what the screen showed, as asciicast v2
 * (https://docs.asciinema.org/manual/asciicast/v2/), and reading it back.
 *
 * What is written comes from the cells, never from what was typed or received: it is masked and
 * sanitised like the screen itself.  What is read back is untrusted: only moving the cursor,
 * colours and clearing are understood, everything else becomes visible text. */
#ifndef DRILLBOOK_TUI_CAST_H
#define DRILLBOOK_TUI_CAST_H

#include "theme.h"

struct cast; /* being written */
/* ERR_CONFLICT when the file exists already. */
enum err_code cast_open(struct cast **out, const char *path, int width, int height,
	enum theme theme, struct err *err) MUST_CHECK;
/* What changed since the last frame; the first is whole. */
void cast_frame(struct cast *cast, const struct cells *cells);
/* The terminal was given away (pager, editor, shell): what was seen there is not recorded. */
void cast_mark(struct cast *cast, const char *text);
/* One line of the plain client. */
void cast_line(struct cast *cast, const char *line);
/* ERR_SYSTEM when not everything could be written.  cast may be NULL. */
enum err_code cast_close(struct cast *cast, struct err *err) MUST_CHECK;

/* The state of a terminal that a recording is played on. */
struct cast_player {
	struct cells cells;
	int x, y;
	uint8_t paint;
	char held[64]; /* the unfinished end of what was played */
	size_t held_len;
};
void cast_play(struct cast_player *player, const char *bytes, size_t len);

#endif
