/* secrets.c: where a secret's value comes from (file, environment, command), the sealed memfd
 * in which it travels from the worker that resolved it to those that use it, and the look-up
 * for the bindings. */
#include "secrets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	COMMAND_TIMEOUT_MS = 30000,
	ARGV_MAX = 64,
	SEALED_MAX = 16 << 20,
};

void secrets_init(struct secrets *secrets)
{
	*secrets = (struct secrets){ 0 };
	mask_init(&secrets->mask);
}

void secrets_release(struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++) {
		explicit_bzero(secrets->rows[i].value, secrets->rows[i].len);
		free(secrets->rows[i].value);
		free(secrets->rows[i].name);
	}
	free(secrets->rows);
	mask_release(&secrets->mask);
	secrets_init(secrets);
}

static const struct secret *find(const struct secrets *secrets, const char *name)
{
	for (size_t i = 0; i < secrets->count; i++)
		if (str_eq(secrets->rows[i].name, name))
			return &secrets->rows[i];
	return NULL;
}

enum err_code secrets_add(struct secrets *secrets, const char *name, const void *value,
	size_t len, struct err *err)
{
	if (len < MASK_SHORTEST)
		return err_set(err, ERR_LIMIT,
			"the secret \"%s\" is too short: it takes at least %d bytes to keep it out of the "
			"output",
			name, MASK_SHORTEST);
	if (len > MASK_SECRET_MAX)
		return err_set(err, ERR_LIMIT, "the secret \"%s\" has more than %d bytes", name,
			MASK_SECRET_MAX);
	secrets->rows = xrealloc(secrets->rows, (secrets->count + 1) * sizeof(*secrets->rows));
	struct secret *row = &secrets->rows[secrets->count++];
	*row = (struct secret){ .name = xstrdup(name), .value = xmalloc(len + 1), .len = len };
	memcpy(row->value, value, len);
	return ERR_NONE;
}

void secrets_ready(struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		mask_add(&secrets->mask, secrets->rows[i].value, secrets->rows[i].len);
	mask_ready(&secrets->mask);
}

/* ------------------------------------------------------------------ sources */

/* As an editor or echo leaves it: one newline at the end is not part of the value. */
static enum err_code add_trimmed(struct secrets *secrets, const char *name, const char *data,
	size_t len, struct err *err)
{
	if (len > 0 && data[len - 1] == '\n')
		len--;
	if (len > 0 && data[len - 1] == '\r')
		len--;
	return secrets_add(secrets, name, data, len, err);
}

static enum err_code from_file(struct secrets *secrets, const char *name, const json_t *source,
	const char *workspace, struct err *err)
{
	char *path = path_join(workspace, json_string_value(source));
	struct buf text;
	struct stat st;

	buf_init(&text, MASK_SECRET_MAX + 2);
	enum err_code code = file_read(path, MASK_SECRET_MAX + 2, &text, err);
	if (code == ERR_NONE)
		code = add_trimmed(secrets, name, text.data, text.len, err);
	else
		err_context(err, "secret \"%s\"", name);
	if (code == ERR_NONE && stat(path, &st) == 0 && (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
		log_line(LOG_WARN, "secret \"%s\": others may read \"%s\" (mode %03o)", name,
			path, (unsigned)(st.st_mode & 0777));
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	buf_release(&text);
	free(path);
	return code;
}

static enum err_code from_env(struct secrets *secrets, const char *name, const json_t *source,
	const char *workspace, struct err *err)
{
	const char *value = getenv(json_string_value(source));

	(void)workspace;
	if (value == NULL)
		return err_set(err, ERR_NOT_FOUND,
			"secret \"%s\": there is no variable %s in the environment of the command that "
			"started the run",
			name, json_string_value(source));
	return secrets_add(secrets, name, value, strlen(value), err);
}

static enum err_code from_person(struct secrets *secrets, const char *name,
	const json_t *source, const char *workspace, struct err *err)
{
	(void)secrets, (void)source, (void)workspace;
	return err_set(err, ERR_ATTENTION, "secret \"%s\" is typed by a person", name);
}

/* What a failed command said, one line of it. */
static enum err_code command_failed(
	const char *name, const char *program, const struct child *child, struct err *err)
{
	const char *said = child->errout.data != NULL ? child->errout.data : "";

	return err_set(err, ERR_FAILED, "secret \"%s\": \"%s\" ended with status %d%s%.*s",
		name, program, child->exit_status, *said ? ": " : "",
		(int)strcspn(said, "\r\n"), said);
}

static enum err_code from_command(struct secrets *secrets, const char *name,
	const json_t *source, const char *workspace, struct err *err)
{
	const char *argv[ARGV_MAX + 1] = { 0 };
	const size_t count = json_array_size(source);
	size_t i;
	json_t *word;

	if (count == 0 || count > ARGV_MAX)
		return err_set(err, ERR_USAGE,
			"secret \"%s\": a command is a list of 1 to %d words", name, ARGV_MAX);
	json_array_foreach(source, i, word)
	{
		argv[i] = json_string_value(word);
		if (argv[i] == NULL)
			return err_set(err, ERR_USAGE,
				"secret \"%s\": word %zu of the command is not a string", name,
				i + 1);
	}
	struct child child = {
		.argv = argv,
		.cwd = workspace[0] != '\0' ? workspace : NULL,
		.timeout_ms = COMMAND_TIMEOUT_MS,
		.max_output_bytes = MASK_SECRET_MAX + 2,
	};
	enum err_code code = child_run(&child, err);
	if (code != ERR_NONE)
		err_context(err, "secret \"%s\"", name);
	else if (child.exit_status != 0)
		code = command_failed(name, argv[0], &child, err);
	else
		code = add_trimmed(secrets, name, child.out.data, child.out.len, err);
	if (child.out.data != NULL)
		explicit_bzero(child.out.data, child.out.len);
	child_release(&child);
	return code;
}

static enum err_code resolve_one(struct secrets *secrets, const char *name,
	const json_t *source, const char *workspace, struct err *err)
{
	static const struct {
		const char *kind;
		json_type type;
		enum err_code (*read)(struct secrets *secrets, const char *name,
			const json_t *source, const char *workspace, struct err *err);
	} kinds[] = {
		{ "file", JSON_STRING, from_file },
		{ "env", JSON_STRING, from_env },
		{ "command", JSON_ARRAY, from_command },
		{ "typed", JSON_TRUE, from_person },
		{ "param", JSON_STRING, from_person }, /* of a workspace: no plan says yet who types it */
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		const json_t *value = json_object_get(source, kinds[i].kind);
		if (value != NULL && json_typeof(value) == kinds[i].type)
			return kinds[i].read(secrets, name, value, workspace, err);
	}
	return err_set(err, ERR_USAGE,
		"secret \"%s\": give {file: PATH}, {env: NAME}, {command: [PROGRAM, …]}, {typed: true} or {param: NAME}",
		name);
}

enum err_code secrets_resolve(struct secrets *secrets, const json_t *targets, const char *only,
	const char *workspace, struct err *err)
{
	const char *target, *setting;
	json_t *object, *source;

	json_object_foreach((json_t *)(uintptr_t)targets, target, object)
	{
		if (only != NULL && !str_eq(only, target))
			continue;
		json_object_foreach(json_object_get(object, "secrets"), setting, source)
		{
			char *name = xasprintf("%s/%s", target, setting);
			enum err_code code = ERR_NONE;
			if (find(secrets, name) == NULL)
				code = resolve_one(secrets, name, source, workspace, err);
			free(name);
			TRY(code);
		}
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ memfd */

enum err_code secrets_seal(const struct secrets *secrets, int *fd, struct err *err)
{
	json_t *object = json_object();
	enum err_code code;

	for (size_t i = 0; i < secrets->count; i++) {
		char *text = base64_encode(secrets->rows[i].value, secrets->rows[i].len);
		json_put_str(object, secrets->rows[i].name, text);
		explicit_bzero(text, strlen(text));
		free(text);
	}
	char *line = json_line(object);
	*fd = memfd_create("drillbook-secrets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0) {
		code = err_errno(err, "cannot make a place for the secrets");
		goto out;
	}
	code = write_all(*fd, line, strlen(line), err);
	if (code == ERR_NONE &&
		fcntl(*fd, F_ADD_SEALS,
			F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		code = err_errno(err, "cannot seal the secrets");
	if (code != ERR_NONE) {
		close(*fd);
		*fd = -1;
	}
out:
	explicit_bzero(line, strlen(line));
	free(line);
	json_decref(object);
	return code;
}

static enum err_code load_object(struct secrets *secrets, const json_t *object, struct err *err)
{
	const char *name;
	json_t *text;

	json_object_foreach((json_t *)(uintptr_t)object, name, text)
	{
		size_t len = 0;
		unsigned char *value = json_is_string(text)
					       ? base64_decode(json_string_value(text), &len)
					       : NULL;
		if (value == NULL)
			return err_set(
				err, ERR_PROTOCOL, "the secret \"%s\" is not in base64", name);
		const enum err_code code = secrets_add(secrets, name, value, len, err);
		explicit_bzero(value, len);
		free(value);
		TRY(code);
	}
	return ERR_NONE;
}

enum err_code secrets_load(struct secrets *secrets, int fd, struct err *err)
{
	struct stat st;
	json_t *object = NULL;

	if (fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > SEALED_MAX)
		return err_set(err, ERR_PROTOCOL, "the secrets' descriptor holds none");
	/* read by position: every worker shares the descriptor's offset */
	char *text = xmalloc((size_t)st.st_size + 1);
	if (pread(fd, text, (size_t)st.st_size, 0) != st.st_size) {
		free(text);
		return err_errno(err, "cannot read the secrets");
	}
	enum err_code code = json_parse(text, (size_t)st.st_size, &object, err);
	if (code == ERR_NONE)
		code = load_object(secrets, object, err);
	explicit_bzero(text, (size_t)st.st_size);
	free(text);
	json_decref(object);
	return code;
}

/* Where the value of "target/setting" comes from; NULL when no target has such a secret. */
static const json_t *source_of(const json_t *targets, const char *name)
{
	const char *slash = strchr(name, '/');
	char *target = slash != NULL ? xasprintf("%.*s", (int)(slash - name), name) : NULL;
	const json_t *source = target != NULL
				       ? json_object_get(json_object_get(json_object_get(targets, target), "secrets"),
						 slash + 1)
				       : NULL;

	free(target);
	return source;
}

/* A person may bring what is theirs to bring, not another value for what a file or a command holds. */
enum err_code secrets_given(
	struct secrets *secrets, int fd, const json_t *targets, struct err *err)
{
	TRY(secrets_load(secrets, fd, err));
	for (size_t i = 0; i < secrets->count; i++) {
		const json_t *source = source_of(targets, secrets->rows[i].name);
		if (json_object_get(source, "env") == NULL && json_object_get(source, "typed") == NULL)
			return err_set(err, ERR_FORBIDDEN, "the secret \"%s\" is not one that a person gives",
				secrets->rows[i].name);
	}
	return ERR_NONE;
}

const char *secrets_look(void *arg, const char *target, const char *setting, size_t *len)
{
	const struct secrets *secrets = arg;
	char *name = xasprintf("%s/%s", target, setting);
	const struct secret *row = find(secrets, name);

	free(name);
	if (row == NULL)
		return NULL;
	*len = row->len;
	return row->value;
}
