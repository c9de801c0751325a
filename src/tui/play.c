/* play.c: a recording on this terminal, or as lines. */
#include "drillbook/tui.h"
#include "cast.h"
#include "keys.h"
#include "terminal.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16 << 20, SIDE_MAX = 1000 };

struct play {
	const struct play_options *options;
	FILE *file;
	char *line;
	size_t line_size;
	int64_t number; /* of the line last read */
	struct cast_player player;
	struct cells shown; /* of the plain form: what was printed of it */
	struct terminal *term;
	struct keys keys;
	bool paused, leave, skip;
};

/* ------------------------------------------------------------------ the file */

static enum err_code bad(const struct play *play, struct err *err, const char *why)
{
	return err_set(err, ERR_PROTOCOL, "\"%s\", line %" PRId64 ": %s", play->options->path,
		play->number, why);
}

/* The next line as JSON; *out NULL at the end. */
static enum err_code next_line(struct play *play, json_t **out, struct err *err)
{
	*out = NULL;
	const ssize_t n = getline(&play->line, &play->line_size, play->file);
	if (n < 0)
		return ERR_NONE;
	play->number++;
	if (n > LINE_MAX_BYTES)
		return bad(play, err, "longer than a frame can be");
	*out = json_loadb(play->line, (size_t)n, JSON_DECODE_ANY, NULL);
	return *out != NULL ? ERR_NONE
			    : bad(play, err, "no JSON: the recording ends before its end");
}

static enum err_code read_head(struct play *play, struct err *err)
{
	json_t *head = NULL;
	enum err_code code = next_line(play, &head, err);
	const int64_t width = json_int(head, "width", 0), height = json_int(head, "height", 0);

	if (code == ERR_NONE && json_int(head, "version", 0) != 2)
		code = bad(play, err, "this is no asciicast of version 2");
	if (code == ERR_NONE &&
		(width < 1 || width > SIDE_MAX || height < 1 || height > SIDE_MAX))
		code = bad(play, err, "the size of the screen makes no sense");
	if (code == ERR_NONE)
		cells_init(&play->player.cells, (int)width, (int)height);
	json_decref(head);
	return code;
}

static void resize(struct play *play, const char *size)
{
	int width = 0, height = 0;

	if (sscanf(size, "%9dx%9d", &width, &height) == 2 && width > 0 && width <= SIDE_MAX &&
		height > 0 && height <= SIDE_MAX) {
		cells_resize(&play->player.cells, width, height);
		play->player.x = play->player.y = 0;
	}
}

/* ------------------------------------------------------------------ showing */

/* Of a terminal of another size the part that fits. */
static void paint(struct play *play)
{
	struct cells own;
	int width, height;
	const struct cells *cells = &play->player.cells;

	terminal_size(play->term, &width, &height);
	cells_init(&own, width, height);
	for (int y = 0; y < height && y < cells->height; y++)
		for (int x = 0; x < width && x < cells->width; x++)
			own.at[(size_t)y * (size_t)width + (size_t)x] =
				cells->at[(size_t)y * (size_t)cells->width + (size_t)x];
	if (play->paused)
		cells_text(&own, 0, height - 1, width, STYLE_SELECTED,
			" paused: Space goes on, Right skips ten seconds, q leaves ");
	terminal_paint(play->term, &own, false);
	cells_release(&own);
}

/* Rows that have become others, with the time. */
static void print_changes(struct play *play, int64_t at_ms)
{
	const struct cells *cells = &play->player.cells;
	const bool all =
		play->shown.width != cells->width || play->shown.height != cells->height;
	char clock[24];

	for (int y = 0; y < cells->height; y++) {
		char *row = cells_row(cells, y);
		char *old = all ? xstrdup("") : cells_row(&play->shown, y);
		if (!str_eq(row, old) && row[0] != '\0')
			printf("%s %s\n", format_clock(clock, sizeof(clock), at_ms), row);
		free(row);
		free(old);
	}
	cells_resize(&play->shown, cells->width, cells->height);
	memcpy(play->shown.at, cells->at,
		(size_t)cells->width * (size_t)cells->height * sizeof(*cells->at));
}

static void take_keys(struct play *play)
{
	char bytes[256];
	struct press presses[sizeof(bytes) + 64];
	const ssize_t n = read(terminal_fd(play->term), bytes, sizeof(bytes));

	if (n <= 0) {
		play->leave = true;
		return;
	}
	const size_t count =
		keys_feed(&play->keys, bytes, (size_t)n, 0, presses, COUNT_OF(presses));
	for (size_t i = 0; i < count; i++) {
		if (presses[i].key == 'q' || presses[i].key == K_CTRL('c'))
			play->leave = true;
		else if (presses[i].key == ' ')
			play->paused = !play->paused;
		else if (presses[i].key == K_RIGHT)
			play->skip = true;
	}
}

/* Waits for the next frame's time; *late grows by what a pause or a skip moves it. */
static void wait_until(
	struct play *play, const struct mono *began, int64_t due_ms, int64_t *late)
{
	while (!play->leave) {
		const int64_t left = due_ms + *late - mono_ms_since(*began);
		if (left <= 0 && !play->paused)
			return;
		struct pollfd fds[] = { { .fd = terminal_fd(play->term), .events = POLLIN },
			{ .fd = terminal_signal_fd(play->term), .events = POLLIN } };
		const struct mono before = mono_now();
		poll(fds, COUNT_OF(fds), play->paused ? 1000 : (int)left);
		if (play->paused)
			*late += mono_ms_since(before);
		if (fds[0].revents != 0) {
			take_keys(play);
			paint(play);
		}
		if (fds[1].revents != 0) {
			terminal_signals(play->term);
			paint(play);
		}
		if (play->skip)
			*late -= 10000;
		play->skip = false;
	}
}

/* ------------------------------------------------------------------ the whole */

static enum err_code play_events(struct play *play, struct err *err)
{
	const struct mono began = mono_now();
	int64_t late = 0, last_ms = 0, due_ms = 0;

	while (!play->leave) {
		json_t *event;
		TRY(next_line(play, &event, err));
		if (event == NULL)
			return ERR_NONE;
		const int64_t at_ms =
			(int64_t)(json_number_value(json_array_get(event, 0)) * 1000);
		const char *kind = json_string_value(json_array_get(event, 1)),
			   *text = json_string_value(json_array_get(event, 2));
		int64_t pause = (at_ms - last_ms) * 100 / play->options->speed_percent;
		if (play->options->idle_ms > 0 && pause > play->options->idle_ms)
			pause = play->options->idle_ms;
		due_ms += pause > 0 ? pause : 0;
		last_ms = at_ms;
		if (play->term != NULL)
			wait_until(play, &began, due_ms, &late);
		if (str_eq(kind, "o") && text != NULL)
			cast_play(&play->player, text, strlen(text));
		else if (str_eq(kind, "r") && text != NULL)
			resize(play, text);
		json_decref(event);
		if (play->term != NULL)
			paint(play);
		else
			print_changes(play, at_ms);
	}
	return ERR_NONE;
}

enum err_code tui_play(const struct play_options *options, struct err *err)
{
	struct play play = { .options = options, .file = fopen(options->path, "re") };
	const bool screen = !options->plain && isatty(0) && isatty(1);
	int64_t late = 0;

	if (play.file == NULL)
		return err_errno(err, "cannot read \"%s\"", options->path);
	cells_init(&play.shown, 1, 1);
	enum err_code code = read_head(&play, err);
	if (code == ERR_NONE && screen)
		code = terminal_open(&play.term, options->color ? THEME_DARK : THEME_MONO, err);
	if (code == ERR_NONE)
		code = play_events(&play, err);
	if (code == ERR_NONE && play.term != NULL && !play.leave) {
		const struct mono now = mono_now();
		play.paused = true; /* the last picture stays until a key */
		paint(&play);
		wait_until(&play, &now, 0, &late);
	}
	terminal_close(play.term);
	cells_release(&play.player.cells);
	cells_release(&play.shown);
	free(play.line);
	fclose(play.file);
	return code;
}
