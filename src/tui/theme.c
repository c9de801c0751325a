/* theme.c: three tables of looks.
 *
 * Meaning never lies in a colour alone: every state is a word as well, and what matters most is
 * bold, underlined or reversed besides.  On a light background yellow and cyan cannot be read.
 */
#include "theme.h"

#include <string.h>

enum { OWN = -1, RED = 1, GREEN, YELLOW, BLUE, MAGENTA, CYAN };

static const struct look looks[][STYLE_COUNT] = {
	[THEME_DARK] = {
		[STYLE_TEXT] = { .color = OWN },
		[STYLE_DIM] = { .color = OWN, .dim = true },
		[STYLE_BOLD] = { .color = OWN, .bold = true },
		[STYLE_GOOD] = { .color = GREEN },
		[STYLE_RUNNING] = { .color = CYAN, .bold = true },
		[STYLE_WARN] = { .color = YELLOW, .bold = true },
		[STYLE_BAD] = { .color = RED, .bold = true },
		[STYLE_LIVE] = { .color = RED, .bold = true, .reverse = true },
		[STYLE_DRILL] = { .color = GREEN, .bold = true, .reverse = true },
		[STYLE_SELECTED] = { .color = OWN, .reverse = true },
		[STYLE_KEY] = { .color = CYAN },
	},
	[THEME_LIGHT] = {
		[STYLE_TEXT] = { .color = OWN },
		[STYLE_DIM] = { .color = OWN, .dim = true },
		[STYLE_BOLD] = { .color = OWN, .bold = true },
		[STYLE_GOOD] = { .color = GREEN },
		[STYLE_RUNNING] = { .color = BLUE, .bold = true },
		[STYLE_WARN] = { .color = MAGENTA, .bold = true },
		[STYLE_BAD] = { .color = RED, .bold = true, .underline = true },
		[STYLE_LIVE] = { .color = RED, .bold = true, .reverse = true },
		[STYLE_DRILL] = { .color = BLUE, .bold = true, .reverse = true },
		[STYLE_SELECTED] = { .color = OWN, .reverse = true },
		[STYLE_KEY] = { .color = BLUE },
	},
	[THEME_MONO] = {
		[STYLE_TEXT] = { .color = OWN },
		[STYLE_DIM] = { .color = OWN, .dim = true },
		[STYLE_BOLD] = { .color = OWN, .bold = true },
		[STYLE_GOOD] = { .color = OWN },
		[STYLE_RUNNING] = { .color = OWN, .bold = true },
		[STYLE_WARN] = { .color = OWN, .bold = true },
		[STYLE_BAD] = { .color = OWN, .bold = true, .underline = true },
		[STYLE_LIVE] = { .color = OWN, .bold = true, .reverse = true },
		[STYLE_DRILL] = { .color = OWN, .reverse = true },
		[STYLE_SELECTED] = { .color = OWN, .reverse = true },
		[STYLE_KEY] = { .color = OWN, .bold = true },
	},
};

/* What a program printed in black or white might be the background: it gets the terminal's own.
 */
static int painted_color(enum theme theme, unsigned color)
{
	static const int light[] = { [YELLOW] = MAGENTA, [CYAN] = BLUE };

	if (theme == THEME_MONO || color == 0 || color >= 7)
		return OWN;
	if (theme == THEME_LIGHT && (color == YELLOW || color == CYAN))
		return light[color];
	return (int)color;
}

struct look theme_look(enum theme theme, const struct cell *cell)
{
	struct look look = looks[theme][cell->style < STYLE_COUNT ? cell->style : STYLE_TEXT];

	if (cell->paint & PAINT_COLOR)
		look.color = painted_color(theme, cell->paint & PAINT_COLOR);
	look.bold = look.bold || (cell->paint & PAINT_BOLD) != 0;
	look.underline = look.underline || (cell->paint & PAINT_UNDERLINE) != 0;
	look.reverse = look.reverse || (cell->paint & PAINT_REVERSE) != 0;
	return look;
}

bool theme_find(const char *name, enum theme *out)
{
	static const char *const names[] = { "dark", "light", "mono" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq(names[i], name)) {
			*out = (enum theme)i;
			return true;
		}
	return false;
}
