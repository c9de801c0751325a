/* settings.c: one row per setting. */
#include "settings.h"

#include <string.h>

static enum err_code expected(struct err *err, const char *name, const char *what)
{
	return err_set(err, ERR_USAGE, "screen.yaml: %s must be %s", name, what);
}

static enum err_code take_theme(struct settings *settings, const json_t *value, struct err *err)
{
	return theme_find(json_string_value(value), &settings->theme)
		       ? ERR_NONE
		       : expected(err, "theme", "dark, light or mono");
}

static enum err_code take_flag(
	bool *flag, const char *name, const json_t *value, struct err *err)
{
	if (!json_is_boolean(value))
		return expected(err, name, "true or false");
	*flag = json_is_true(value);
	return ERR_NONE;
}

static enum err_code take_bell(struct settings *settings, const json_t *value, struct err *err)
{
	return take_flag(&settings->bell, "bell", value, err);
}

static enum err_code take_notify(
	struct settings *settings, const json_t *value, struct err *err)
{
	static const char *const words[] = { "none", "osc9", "osc777" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (str_eq(words[i], json_string_value(value))) {
			settings->notify = (enum notify)i;
			return ERR_NONE;
		}
	return expected(err, "notify", "none, osc9 or osc777");
}

static enum err_code take_command(
	struct settings *settings, const json_t *value, struct err *err)
{
	const json_t *word;
	size_t i;

	json_array_foreach(value, i, word) {
		if (!json_is_string(word))
			return expected(err, "notify_command", "a list of words");
	}
	if (json_array_size(value) == 0 || json_array_size(value) > 30)
		return expected(err, "notify_command", "a list of words, the program first");
	settings->command = value;
	return ERR_NONE;
}

static enum err_code take_clipboard(
	struct settings *settings, const json_t *value, struct err *err)
{
	settings->clipboard = str_eq(json_string_value(value), "osc52");
	return settings->clipboard || str_eq(json_string_value(value), "none")
		       ? ERR_NONE
		       : expected(err, "clipboard", "none or osc52");
}

static enum err_code take_lines(struct settings *settings, const json_t *value, struct err *err)
{
	settings->lines = str_eq(json_string_value(value), "box");
	return settings->lines || str_eq(json_string_value(value), "ascii")
		       ? ERR_NONE
		       : expected(err, "lines", "ascii or box");
}

static const struct {
	const char *name;
	enum err_code (*take)(struct settings *settings, const json_t *value, struct err *err);
} rows[] = {
	{ "theme", take_theme },
	{ "bell", take_bell },
	{ "notify", take_notify },
	{ "notify_command", take_command },
	{ "clipboard", take_clipboard },
	{ "lines", take_lines },
};

static enum err_code take(
	struct settings *settings, const char *name, const json_t *value, struct err *err)
{
	const char *names[COUNT_OF(rows)];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (str_eq(rows[i].name, name))
			return rows[i].take(settings, value, err);
		names[i] = rows[i].name;
	}
	const char *near = str_nearest(name, names, COUNT_OF(names));
	return err_set(err, ERR_USAGE, "screen.yaml: there is no setting \"%.40s\"%s%s%s", name,
		near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
}

enum err_code settings_load(struct settings *settings, const json_t *json, struct err *err)
{
	const struct settings defaults = { .theme = THEME_DARK, .bell = true };
	const char *name;
	json_t *value;
	enum err_code code = ERR_NONE;

	*settings = defaults;
	json_object_foreach((json_t *)(uintptr_t)json, name, value) {
		if (code == ERR_NONE)
			code = take(settings, name, value, err);
	}
	if (code != ERR_NONE)
		*settings = defaults;
	return code;
}
