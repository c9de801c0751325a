/* screen.h: opening the terminal's screen, or the plain one, for a command. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "cli.h"

#include "drillbook/tui.h"

/* What tui_options.look and .start work with; lives as long as the screen. */
struct looker {
	const struct args *args;
	struct client *client;
	struct desk desk; /* opened when it is first needed: attaching does without */
	bool open;
};
enum err_code looker_desk(struct looker *looker, struct err *err) MUST_CHECK;

void looker_forget(struct looker *looker);
enum err_code cli_start(void *arg, const json_t *what, int64_t *run, struct err *err);
enum err_code cli_secrets(void *arg, int64_t run, struct err *err);
enum err_code cli_look(
	void *arg, const char *what, const json_t *about, json_t **out, struct err *err);
/* Opens the screen on a run, or on Home (run 0).  suggest and
 * mode are for Home; may be NULL. */
enum err_code cli_screen(const struct args *args, struct client *client, int64_t run,
	const char *suggest, const char *mode, int *status, struct err *err) MUST_CHECK;

#endif
