/* settings.h: screen.yaml: how the screen looks and how it calls for attention. */
#ifndef DRILLBOOK_TUI_SETTINGS_H
#define DRILLBOOK_TUI_SETTINGS_H

#include "theme.h"

enum notify { NOTIFY_NONE, NOTIFY_OSC9, NOTIFY_OSC777 };

struct settings {
	enum theme theme;
	bool bell;	    /* BEL when something asks */
	enum notify notify; /* a sequence many terminals turn into a message on the desktop */
	const json_t
		*command; /* run with the text as its last argument; NULL = none; borrowed */
	bool clipboard;	  /* OSC 52 */
	bool lines;	  /* box drawing characters, where the terminal has them */
};
/* Over the defaults; ERR_USAGE says what is wrong, the defaults stay.  json may be NULL. */
enum err_code settings_load(
	struct settings *settings, const json_t *json, struct err *err) MUST_CHECK;

#endif
