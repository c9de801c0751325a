/* keymap.c: keys as names, and keys.yaml laid over the table of actions. */
#include "keymap.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct keymap {
	uint32_t keys[ACTIONS_MAX][ACTION_KEYS];
};

/* ------------------------------------------------------------------ names */

static const struct {
	uint32_t key;
	const char *name;
} names[] = {
	{ K_TAB, "Tab" },
	{ K_ENTER, "Enter" },
	{ K_ESC, "Esc" },
	{ K_BACKSPACE, "Backspace" },
	{ K_UP, "Up" },
	{ K_DOWN, "Down" },
	{ K_LEFT, "Left" },
	{ K_RIGHT, "Right" },
	{ K_PGUP, "PgUp" },
	{ K_PGDN, "PgDn" },
	{ K_HOME, "Home" },
	{ K_END, "End" },
	{ K_DELETE, "Del" },
	{ K_BACKTAB, "Shift-Tab" },
	{ K_WHEEL_UP, "WheelUp" },
	{ K_WHEEL_DOWN, "WheelDown" },
	{ ' ', "Space" },
};

const char *key_name(uint32_t key, char out[16])
{
	if (key >= K_OTHER)
		snprintf(out, 16, "that key");
	else if (key < 0x20)
		snprintf(out, 16, "Ctrl-%c", (char)(key + 0x40));
	else
		out[utf8_put(out, key)] = '\0';
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (names[i].key == key)
			snprintf(out, 16, "%s", names[i].name);
	return out;
}

uint32_t key_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcasecmp(names[i].name, name) == 0)
			return names[i].key;
	if (strncasecmp(name, "Ctrl-", 5) == 0 && isalpha((unsigned char)name[5]) &&
		name[6] == '\0')
		return K_CTRL((uint32_t)name[5]);
	const char *at = name;
	const uint32_t ch = utf8_next(&at);
	return ch > 0x20 && ch != 0x7f && ch != 0xfffd && *at == '\0' && code_columns(ch) > 0
		       ? ch
		       : 0;
}

/* ------------------------------------------------------------------ looking up */

const uint32_t *action_keys(const struct screen *screen, const struct action *action)
{
	return screen->keymap != NULL ? screen->keymap->keys[action - actions] : action->keys;
}

const char *text_with_keys(
	const struct screen *screen, const char *text, char *out, size_t size)
{
	size_t len = 0;
	char name[32], key[16];

	while (*text != '\0' && len + 1 < size) {
		const size_t inner = *text == '{' ? strcspn(text, "}") : 0;
		const struct action *action = NULL;
		if (inner > 1 && inner < sizeof(name) && text[inner] == '}') {
			snprintf(name, sizeof(name), "%.*s", (int)inner - 1, text + 1);
			action = action_by_name(name);
		}
		if (action == NULL || len + sizeof(name) + sizeof(key) > size) {
			out[len++] = *text++;
			continue;
		}
		const uint32_t code = action_keys(screen, action)[0];
		len += (size_t)snprintf(out + len, size - len, "%s%s", code == 0 ? ":" : "",
			code == 0 ? action->name : key_name(code, key));
		text += inner + 1;
	}
	out[len] = '\0';
	return out;
}

void keymap_release(struct screen *screen)
{
	free(screen->keymap);
	screen->keymap = NULL;
}

/* ------------------------------------------------------------------ keys.yaml */

static enum err_code no_action(const char *name, struct err *err)
{
	const char *all[ACTIONS_MAX];

	for (size_t i = 0; i < action_count; i++)
		all[i] = actions[i].name;
	const char *near = str_nearest(name, all, action_count);
	return err_set(err, ERR_USAGE,
		"there is no action \"%.40s\"%s%s%s (drillbook keys lists them)", name,
		near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
}

static enum err_code take_key(
	const struct action *action, const json_t *value, uint32_t *out, struct err *err)
{
	char number[8] = "";
	const char *name = json_string_value(value);

	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
		json_integer_value(value) <= 9) { /* YAML reads an unquoted 3 as a number */
		snprintf(number, sizeof(number), "%d", (int)json_integer_value(value));
		name = number;
	}
	*out = name != NULL ? key_from_name(name) : 0;
	if (*out == 0)
		return err_set(err, ERR_USAGE,
			"%s: \"%.40s\" is no key: write a character, Ctrl-X, or one of Enter "
			"Esc Tab "
			"Space Up Down Left Right PgUp PgDn Home End Del Shift-Tab",
			action->name, name != NULL ? name : "a list or map");
	if ((action->contexts & (CONTEXT_TEXT | CONTEXT_FORM)) && *out >= 0x20 && *out < K_UP)
		return err_set(err, ERR_USAGE,
			"%s: \"%s\" would be typed as text where text is asked for",
			action->name, name);
	return ERR_NONE;
}

static enum err_code take_entry(
	struct keymap *map, const char *name, const json_t *value, struct err *err)
{
	const struct action *action = action_by_name(name);
	const bool many = json_is_array(value);
	const size_t count = many ? json_array_size(value) : 1;

	if (action == NULL)
		return no_action(name, err);
	if (action->fixed)
		return err_set(
			err, ERR_USAGE, "%s: this key is the same everywhere and stays", name);
	if (count > ACTION_KEYS)
		return err_set(err, ERR_USAGE, "%s: at most %d keys", name, ACTION_KEYS);
	uint32_t *keys = map->keys[action - actions];
	memset(keys, 0, sizeof(map->keys[0]));
	for (size_t i = 0; i < count; i++)
		TRY(take_key(action, many ? json_array_get(value, i) : value, &keys[i], err));
	return ERR_NONE;
}

/* The same key may not mean two things where both are looked up. */
static enum err_code no_clash(const struct keymap *map, struct err *err)
{
	char name[16];

	for (size_t a = 0; a < action_count; a++)
		for (size_t b = a; b < action_count; b++)
			for (size_t i = 0; i < ACTION_KEYS; i++)
				for (size_t k = 0; k < ACTION_KEYS; k++)
					if (map->keys[a][i] != 0 && (a != b || i < k) &&
						map->keys[a][i] == map->keys[b][k] &&
						(actions[a].contexts & actions[b].contexts) !=
							0)
						return err_set(err, ERR_USAGE,
							"the key %s would be both %s and %s: "
							"give "
							"one of them another",
							key_name(map->keys[a][i], name),
							actions[a].name, actions[b].name);
	return ERR_NONE;
}

enum err_code keymap_load(struct screen *screen, const json_t *keys, struct err *err)
{
	struct keymap *map = xmalloc(sizeof(*map));
	enum err_code code = ERR_NONE;
	const char *name;
	json_t *value;

	for (size_t i = 0; i < action_count; i++)
		memcpy(map->keys[i], actions[i].keys, sizeof(map->keys[i]));
	if (!json_is_object(keys))
		code = err_set(err, ERR_USAGE, "\"keys\" must be a map of action: key");
	json_object_foreach((json_t *)(uintptr_t)keys, name, value) {
		if (code == ERR_NONE)
			code = take_entry(map, name, value, err);
	}
	if (code == ERR_NONE)
		code = no_clash(map, err);
	if (code != ERR_NONE) {
		free(map);
		return code;
	}
	keymap_release(screen);
	screen->keymap = map;
	return ERR_NONE;
}
