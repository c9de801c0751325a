/* cast.c: a recording, one JSON line per frame. */
#include "cast.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAME_MAX = 8 << 20 };

struct cast {
	FILE *file;
	struct mono began;
	struct cells shown;
	enum theme theme;
	bool any; /* a frame has been written */
};

/* ------------------------------------------------------------------ lines of the file */

static void put_event(struct cast *cast, const char *kind, const char *text)
{
	const int64_t us = (mono_now().ns - cast->began.ns) / 1000;
	json_t *json = json_text(text, strlen(text));
	char *quoted = json_dumps(json, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	fprintf(cast->file, "[%" PRId64 ".%06d, \"%s\", %s]\n", us / 1000000,
		(int)(us % 1000000), kind, quoted != NULL ? quoted : "\"\"");
	fflush(cast->file); /* a crash loses at most this frame */
	free(quoted);
	json_decref(json);
}

enum err_code cast_open(struct cast **out, const char *path, int width, int height,
	enum theme theme, struct err *err)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_CONFLICT,
			"\"%s\" exists already: a recording never replaces a file", path);
	if (fd < 0)
		return err_errno(err, "cannot record to \"%s\"", path);
	struct cast *cast = xmalloc(sizeof(*cast));
	*cast = (struct cast){ .file = fdopen(fd, "w"), .began = mono_now(), .theme = theme };
	if (cast->file == NULL)
		base_die("out of memory");
	cells_init(&cast->shown, width, height);
	const char *term = getenv("TERM");
	json_t *name = json_text(term != NULL ? term : "", term != NULL ? strlen(term) : 0);
	char *quoted = json_dumps(name, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	fprintf(cast->file,
		"{\"version\": 2, \"width\": %d, \"height\": %d, \"timestamp\": %" PRId64
		", \"title\": \"drillbook\", \"env\": {\"TERM\": %s}}\n",
		width, height, wall_now().ns / 1000000000, quoted);
	free(quoted);
	json_decref(name);
	*out = cast;
	return ERR_NONE;
}

enum err_code cast_close(struct cast *cast, struct err *err)
{
	enum err_code code = ERR_NONE;

	if (cast == NULL)
		return ERR_NONE;
	if (ferror(cast->file))
		code = err_set(
			err, ERR_SYSTEM, "the recording could not be written to its end");
	if (fclose(cast->file) != 0 && code == ERR_NONE)
		code = err_errno(err, "the recording could not be written to its end");
	cells_release(&cast->shown);
	free(cast);
	return code;
}

void cast_mark(struct cast *cast, const char *text)
{
	if (cast != NULL)
		put_event(cast, "m", text);
}

void cast_line(struct cast *cast, const char *line)
{
	if (cast == NULL)
		return;
	char *text = xasprintf("%s\r\n", line);
	put_event(cast, "o", text);
	free(text);
}

/* ------------------------------------------------------------------ frames */

static void put_look(struct buf *out, const struct look *look, struct err *err)
{
	if (buf_addf(out, err, "\033[0%s%s%s%s", look->bold ? ";1" : "", look->dim ? ";2" : "",
		    look->underline ? ";4" : "", look->reverse ? ";7" : "") != ERR_NONE)
		return;
	const enum err_code code = look->color >= 0 ? buf_addf(out, err, ";3%dm", look->color)
						    : buf_add(out, "m", 1, err);
	(void)code; /* the frame is dropped as a whole when it is too large */
}

static bool same_look(const struct look *a, const struct look *b)
{
	return a->color == b->color && a->bold == b->bold && a->dim == b->dim &&
	       a->underline == b->underline && a->reverse == b->reverse;
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
	return a->ch == b->ch && a->mark == b->mark && a->style == b->style &&
	       a->paint == b->paint;
}

/* The changed stretches of a row. */
static void put_row(struct cast *cast, const struct cells *cells, int y, bool all,
	struct buf *out, struct look *look, struct err *err)
{
	bool here = false;
	char utf8[4];

	for (int x = 0; x < cells->width && err->code == ERR_NONE; x++) {
		const size_t at = (size_t)y * (size_t)cells->width + (size_t)x;
		const struct cell *cell = &cells->at[at];
		const struct look own = theme_look(cast->theme, cell);
		if (!all && same_cell(cell, &cast->shown.at[at])) {
			here = false;
			continue;
		}
		if (cell->ch == 0)
			continue; /* the right half of what stands before it */
		if (!here && buf_addf(out, err, "\033[%d;%dH", y + 1, x + 1) != ERR_NONE)
			return;
		here = true;
		if (!same_look(&own, look))
			put_look(out, &own, err);
		*look = own;
		enum err_code code = buf_add(out, utf8, utf8_put(utf8, cell->ch), err);
		if (code == ERR_NONE && cell->mark != 0)
			code = buf_add(out, utf8, utf8_put(utf8, cell->mark), err);
		if (code != ERR_NONE)
			return;
	}
}

void cast_frame(struct cast *cast, const struct cells *cells)
{
	struct look look = { .color = -2 };
	struct err err = { 0 };
	struct buf out;
	char size[32];

	if (cast == NULL)
		return;
	bool all = !cast->any;
	if (cells->width != cast->shown.width || cells->height != cast->shown.height) {
		snprintf(size, sizeof(size), "%dx%d", cells->width, cells->height);
		put_event(cast, "r", size);
		cells_resize(&cast->shown, cells->width, cells->height);
		all = true;
	}
	buf_init(&out, FRAME_MAX);
	if (all && buf_add(&out, "\033[0m\033[2J", 8, &err) != ERR_NONE)
		err.code = ERR_LIMIT;
	for (int y = 0; y < cells->height; y++)
		put_row(cast, cells, y, all, &out, &look, &err);
	if (err.code == ERR_NONE && out.len > 0)
		put_event(cast, "o", out.data);
	buf_release(&out);
	memcpy(cast->shown.at, cells->at,
		(size_t)cells->width * (size_t)cells->height * sizeof(*cells->at));
	cast->any = true;
}

/* ------------------------------------------------------------------ playing */

static int clamp(int value, int most)
{
	return value < 0 ? 0 : value >= most ? most - 1 : value;
}

static void new_line(struct cast_player *player)
{
	struct cells *cells = &player->cells;
	const size_t row = (size_t)cells->width;

	if (player->y + 1 < cells->height) {
		player->y++;
		return;
	}
	memmove(cells->at, cells->at + row,
		row * (size_t)(cells->height - 1) * sizeof(*cells->at));
	for (size_t x = 0; x < row; x++)
		cells->at[row * (size_t)(cells->height - 1) + x] = (struct cell){ .ch = ' ' };
}

static void put_text(struct cast_player *player, const char *text)
{
	for (const char *at = text; *at != '\0';) {
		const char *from = at;
		utf8_next(&at);
		char one[8];
		snprintf(one, sizeof(one), "%.*s", (int)(at - from), from);
		const int used = cells_text(&player->cells, player->x, player->y,
			player->cells.width - player->x, STYLE_TEXT, one);
		for (int i = 0; i < used; i++)
			player->cells
				.at[(size_t)player->y * (size_t)player->cells.width +
					(size_t)(player->x + i)]
				.paint = player->paint;
		player->x += used;
	}
}

/* SGR through the reader of colours that output has, too. */
static void take_colours(struct cast_player *player, const char *sequence, size_t len)
{
	struct painted painted;
	char line[80];

	if (len + 2 > sizeof(line))
		return;
	memcpy(line, sequence, len);
	line[len] = 'x';
	paint_line(line, len + 1, &painted);
	/* 0 stands before every colour that is written, so nothing is carried over */
	if (painted.len == 1)
		player->paint = painted.paint[0];
	painted_release(&painted);
}

/* A sequence at s: its length, 0 = unfinished, SIZE_MAX = none of ours. */
static size_t take_sequence(struct cast_player *player, const char *s, size_t len)
{
	size_t at = 2;
	int row = 0, column = 0;

	if (len < 2)
		return 0;
	if (s[1] != '[')
		return SIZE_MAX;
	while (at < len && ((s[at] >= '0' && s[at] <= '9') || s[at] == ';'))
		at++;
	if (at == len)
		return len < sizeof(player->held) - 1 ? 0 : SIZE_MAX;
	if (s[at] == 'm') {
		take_colours(player, s, at + 1);
	} else if (s[at] == 'H') {
		char numbers[32];
		snprintf(numbers, sizeof(numbers), "%.*s", (int)(at - 2), s + 2);
		sscanf(numbers, "%9d;%9d", &row, &column);
		player->y = clamp(row - 1, player->cells.height);
		player->x = clamp(column - 1, player->cells.width);
	} else if (s[at] == 'J') {
		cells_clear(&player->cells);
	} else {
		return SIZE_MAX;
	}
	return at + 1;
}

void cast_play(struct cast_player *player, const char *bytes, size_t len)
{
	char *all = xmalloc(player->held_len + len + 1);
	size_t total = player->held_len + len, at = 0;

	memcpy(all, player->held, player->held_len);
	memcpy(all + player->held_len, bytes, len);
	player->held_len = 0;
	while (at < total) {
		if (all[at] == '\033') {
			const size_t used = take_sequence(player, all + at, total - at);
			if (used == 0)
				break;
			if (used == SIZE_MAX)
				put_text(player, "^[");
			at += used == SIZE_MAX ? 1 : used;
		} else if (all[at] == '\r') {
			player->x = 0;
			at++;
		} else if (all[at] == '\n') {
			new_line(player);
			at++;
		} else {
			size_t end = at;
			while (end < total && all[end] != '\033' && all[end] != '\r' &&
				all[end] != '\n')
				end++;
			char *text = xasprintf("%.*s", (int)(end - at), all + at);
			put_text(player, text);
			free(text);
			at = end;
		}
	}
	if (at < total && total - at < sizeof(player->held)) {
		player->held_len = total - at;
		memcpy(player->held, all + at, player->held_len);
	}
	free(all);
}
