/* mode_secrets.c: `worker --secrets`: which secrets can be read, without a word about what they
 * are.
 *
 * stdin:  {"workspace", "targets": {"db": {"secrets": {"password": {"file": …}}}}}
 * stdout: {"secrets": [{"name", "source", "ok", "error"}]}   error: a sentence, masked */
#include "modes.h"
#include "secrets.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 16 << 20 };

static char *source_text(const json_t *source)
{
	const json_t *command = json_object_get(source, "command");

	if (json_is_string(json_object_get(source, "file")))
		return xasprintf("file %s", json_str(source, "file", ""));
	if (json_is_string(json_object_get(source, "env")))
		return xasprintf("variable %s", json_str(source, "env", ""));
	if (json_is_array(command))
		return xasprintf(
			"program %s", json_string_value(json_array_get(command, 0)) != NULL
					      ? json_string_value(json_array_get(command, 0))
					      : "?");
	if (json_is_string(json_object_get(source, "param")))
		return xasprintf("parameter %s", json_str(source, "param", ""));
	return xstrdup("typed");
}

/* Each by itself: one that cannot be read says nothing about the next. */
static void check(const char *target, const char *setting, const json_t *source,
	const char *workspace, json_t *out)
{
	struct secrets secrets;
	struct err err = { 0 };
	json_t *row = json_object(), *only = json_object(), *inner = json_object(),
	       *targets = json_object();
	char *name = xasprintf("%s/%s", target, setting), *text = source_text(source);

	json_object_set(only, setting, (json_t *)(uintptr_t)source);
	json_put(inner, "secrets", only);
	json_put(targets, target, inner);
	secrets_init(&secrets);
	const enum err_code code = secrets_resolve(&secrets, targets, NULL, workspace, &err);
	secrets_ready(&secrets);
	json_put_str(row, "name", name);
	json_put_str(row, "source", text);
	json_put_flag(row, "ok", code == ERR_NONE);
	json_put_flag(row, "asked", code == ERR_ATTENTION);
	if (code != ERR_NONE && code != ERR_ATTENTION) {
		size_t len = strlen(err.text);
		char *masked =
			mask_string(&secrets.mask, err.text, len, &len); /* NULL: as it is */
		json_put(row, "error", json_text(masked != NULL ? masked : err.text, len));
		free(masked);
	}
	json_array_append_new(out, row);
	secrets_release(&secrets);
	json_decref(targets);
	free(name);
	free(text);
}

static enum err_code read_request(json_t **out, struct err *err)
{
	struct buf text;
	char chunk[65536];
	ssize_t n;
	enum err_code code = ERR_NONE;

	buf_init(&text, INPUT_MAX);
	while (code == ERR_NONE && (n = read(0, chunk, sizeof(chunk))) > 0)
		code = buf_add(&text, chunk, (size_t)n, err);
	if (code == ERR_NONE)
		code = json_parse(text.data != NULL ? text.data : "", text.len, out, err);
	buf_release(&text);
	return code;
}

int secrets_main(void)
{
	struct err err = { 0 };
	json_t *request = NULL, *answer = json_object(), *rows = json_array(), *object, *source;
	const char *target, *setting;

	if (read_request(&request, &err) != ERR_NONE) {
		fprintf(stderr, "worker --secrets: %s\n", err.text);
		return 1;
	}
	json_object_foreach(json_object_get(request, "targets"), target, object)
		json_object_foreach(json_object_get(object, "secrets"), setting, source)
			check(target, setting, source, json_str(request, "workspace", ""),
				rows);
	json_put(answer, "secrets", rows);
	char *line = json_line(answer);
	printf("%s\n", line);
	free(line);
	json_decref(answer);
	json_decref(request);
	return fflush(stdout) == 0 ? 0 : 1;
}
