/* play.c: a recording of a screen, made with --record. */
#include "cli.h"

#include "drillbook/tui.h"

#include <stdlib.h>

static const struct option_row options[] = {
	{ "speed", "PERCENT", false, "100 as it was (default), 200 twice as fast" },
	{ "idle", "TIME", false, "pauses are at most this long; default 3s, 0 as they were" },
	{ "plain", NULL, false, "lines instead of a screen, as fast as they come" }, OPTION_END
};

static int play(const struct args *args, struct err *err)
{
	const char *speed = option_value(args, "speed"), *idle = option_value(args, "idle");
	struct play_options play = { .path = args->words[0],
		.plain = cli_plain(args),
		.color = args->color,
		.speed_percent = speed != NULL ? strtoll(speed, NULL, 10) : 100,
		.idle_ms = 3000 };

	if (play.speed_percent < 1 || play.speed_percent > 100000) {
		err_set(err, ERR_USAGE, "--speed is a percentage, 1 to 100000, not \"%s\"",
			speed);
		return -1;
	}
	if (idle != NULL && parse_duration_ms(idle, &play.idle_ms, err) != ERR_NONE)
		return -1;
	return tui_play(&play, err) == ERR_NONE ? 0 : -1;
}

const struct command command_play = {
	.name = "play",
	.words = "FILE.cast",
	.summary = "play a recording of a screen (--record)",
	.details = "Space pauses, Right skips ten seconds, q leaves. Nothing of the file "
		   "reaches the "
		   "terminal but text\n"
		   "and colours. Any player of asciicast v2 plays it, too.",
	.examples = "  drillbook run failover --record failover.cast\n  drillbook play "
		    "failover.cast\n",
	.options = options,
	.least = 1,
	.most = 1,
	.run = play,
};
