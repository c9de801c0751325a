/* program.c: see program.h. */
#include "program.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	OUT_MAX = 1 << 20,	   /* read from the program */
	OUT_RESULT_MAX = 64 << 10, /* of it, in a result of output: text */
	LINES_MAX = 10000,
	LINE_MAX_BYTES = 8192, /* a longer line is passed on in pieces */
	VERIFY_DONE = 0,
	VERIFY_NOT_DONE = 1,
};

extern char **environ;

static const int expected_status[] = { 0, -1 };

/* ------------------------------------------------------------------ output, line by line */

static void pass_on(struct program *p, struct buf *line)
{
	if (line->len > 0)
		call_log(p->call, "%s", line->data);
	buf_clear(line);
}

static void take_line_part(struct program *p, struct buf *line, const char *data, size_t len)
{
	struct err ignored = { 0 };

	while (len > 0) {
		size_t n = LINE_MAX_BYTES - line->len;

		if (n > len)
			n = len;
		if (buf_add(line, data, n, &ignored) != ERR_NONE)
			return;
		data += n;
		len -= n;
		if (line->len == LINE_MAX_BYTES)
			pass_on(p, line);
	}
}

static void on_output(void *arg, int fd, const char *data, size_t len)
{
	struct program *p = arg;
	struct buf *line = &p->lines[fd == 2];

	while (len > 0) {
		const char *newline = memchr(data, '\n', len);
		const size_t n = newline != NULL ? (size_t)(newline - data) : len;

		take_line_part(p, line, data, n);
		if (newline == NULL)
			return;
		if (line->len == 0)
			call_log(p->call, "%s", "");
		pass_on(p, line);
		data += n + 1;
		len -= n + 1;
	}
}

/* ------------------------------------------------------------------ making the program */

static enum err_code expand_one(const struct declared *d, const char *text, const char *where,
	char **out, struct err *err)
{
	struct buf buf;

	buf_init(&buf, DECLARED_TEXT_MAX);
	enum err_code code = declared_expand(d, text, where, declared_plain, &buf, err);
	if (code == ERR_NONE)
		code = buf_add(&buf, "", 0, err);
	if (code == ERR_NONE)
		*out = xstrdup(buf.data);
	buf_release(&buf);
	return code;
}

char *program_in_workspace(const struct call *call, const char *path)
{
	if (str_starts(path, "./"))
		path += 2;
	return call_workspace(call)[0] != '\0' ? path_join(call_workspace(call), path)
					       : xstrdup(path);
}

static enum err_code make_argv(struct program *p, struct err *err)
{
	const struct declared *d = p->action;
	const json_t *argv = json_object_get(d->action, "argv");
	size_t i;
	json_t *item;

	if (json_array_size(argv) == 0 || json_array_size(argv) > PROGRAM_ARGV_MAX)
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": argv must be a list of 1 to %d texts", d->name,
			PROGRAM_ARGV_MAX);
	json_array_foreach((json_t *)argv, i, item)
	{
		char where[32];
		const char *text = json_string_value(item);

		snprintf(where, sizeof(where), "argv[%zu]", i);
		if (text == NULL || (i == 0 && text[0] == '\0'))
			return err_set(err, ERR_WORKSPACE,
				"action \"%s\": %s must be text (put it in quotes)", d->name,
				where);
		if (i > 0) {
			TRY(expand_one(d, text, where, &p->argv[i], err));
		} else if (strchr(text, '{') != NULL) {
			return err_set(err, ERR_WORKSPACE,
				"action \"%s\": the program itself takes no {parameter}",
				d->name);
		} else {
			p->argv[0] = strchr(text, '/') != NULL && !p->style->remote
					     ? program_in_workspace(p->call, text)
					     : xstrdup(text);
		}
	}
	return ERR_NONE;
}

static bool valid_variable(const char *name)
{
	static const char ok[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return name[0] != '\0' && (name[0] < '0' || name[0] > '9') &&
	       name[strspn(name, ok)] == '\0';
}

/* This process's environment, with what the action sets in front (the first of a name counts).
 * What runs elsewhere has none of ours. */
static enum err_code make_env(struct program *p, struct err *err)
{
	json_t *env = json_object_get(p->action->action, "env");
	size_t count = 0, own = json_object_size(env);
	const char *key;
	json_t *value;

	while (!p->style->remote && environ[count] != NULL)
		count++;
	p->env = xmalloc((count + own + 1) * sizeof(char *));
	own = 0;
	json_object_foreach(env, key, value)
	{
		char *text = NULL;
		const struct declared *d = p->action;

		if (!valid_variable(key) || !json_is_string(value))
			return err_set(err, ERR_WORKSPACE,
				"action \"%s\": env must map names to texts, \"%s\" does not",
				d->name, key);
		TRY(expand_one(d, json_string_value(value), "env", &text, err));
		p->env[own++] = xasprintf("%s=%s", key, text);
		free(text);
	}
	for (size_t i = 0; i < count; i++) {
		const size_t len = strcspn(environ[i], "=");
		char name[128];

		snprintf(name, sizeof(name), "%.*s", (int)len, environ[i]);
		if (json_object_get(env, name) == NULL)
			p->env[own++] = xstrdup(environ[i]);
	}
	return ERR_NONE;
}

/* The target's secret reaches the program on its standard input or as a file that only it has;
 * the path of the file is {secret_file}. */
static enum err_code give_secret(struct program *p, struct declared *d, struct err *err)
{
	const char *how = json_str(d->action, "secret", NULL);
	size_t len = 0;

	if (how == NULL)
		return ERR_NONE;
	if (!str_eq(how, "stdin") && !str_eq(how, "file"))
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": secret must be stdin or file", d->name);
	if (str_eq(how, "file") && p->style->remote)
		return err_set(err, ERR_WORKSPACE,
			"action \"%s\": on another host a secret can only be given on stdin",
			d->name);
	const char *secret = call_secret(p->call, "secret", &len);
	if (secret == NULL)
		return err_set(err, ERR_AUTH,
			"action \"%s\" needs the secret \"secret\" of target \"%s\"", d->name,
			call_target(p->call));
	if (str_eq(how, "stdin")) {
		TRY(buf_add(&p->input, secret, len, err));
		return buf_add(&p->input, "\n", 1, err);
	}
	p->secret_fd = memfd_create("secret", MFD_CLOEXEC);
	if (p->secret_fd < 0)
		return err_errno(err, "memfd");
	TRY(write_all(p->secret_fd, secret, len, err));
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p->secret_fd);
	json_put_str(d->args, "secret_file", path);
	p->child.keep_fd = p->secret_fd;
	return ERR_NONE;
}

static enum err_code make_program(struct program *p, struct declared *d, struct err *err)
{
	const char *input = json_str(d->action, "stdin", NULL);
	const char *cwd = json_str(d->action, "cwd", NULL);

	TRY(give_secret(p, d, err));
	TRY(make_argv(p, err));
	TRY(make_env(p, err));
	if (input != NULL)
		TRY(declared_expand(d, input, "stdin", declared_plain, &p->input, err));
	if (cwd != NULL && p->style->remote)
		p->cwd = xstrdup(cwd);
	else if (cwd != NULL)
		p->cwd = program_in_workspace(p->call, cwd);
	else if (!p->style->remote && call_workspace(p->call)[0] != '\0')
		p->cwd = xstrdup(call_workspace(p->call));
	p->child.argv = (const char *const *)p->argv;
	if (p->style->carry != NULL)
		TRY(p->style->carry(p, err));
	return declared_timeout(p->call, d, &p->child.timeout_ms, err);
}

static void program_init(struct program *p, const struct program_style *style,
	struct call *call, const struct declared *d)
{
	*p = (struct program){ .call = call, .style = style, .action = d, .secret_fd = -1 };
	buf_init(&p->input, DECLARED_TEXT_MAX + DECLARED_VALUE_MAX);
	for (size_t i = 0; i < COUNT_OF(p->lines); i++)
		buf_init(&p->lines[i], LINE_MAX_BYTES + 1);
}

static void program_release(struct program *p)
{
	for (size_t i = 0; p->argv[i] != NULL; i++)
		free(p->argv[i]);
	for (size_t i = 0; p->env != NULL && p->env[i] != NULL; i++)
		free(p->env[i]);
	free(p->env);
	free(p->cwd);
	if (p->secret_fd >= 0)
		close(p->secret_fd);
	if (p->style->release != NULL)
		p->style->release(p);
	buf_release(&p->input);
	for (size_t i = 0; i < COUNT_OF(p->lines); i++)
		buf_release(&p->lines[i]);
	child_release(&p->child);
}

/* Runs it to its end, whatever its status. */
static enum err_code program_run(struct program *p, struct declared *d, struct err *err)
{
	TRY(make_program(p, d, err));
	if (!p->style->remote) {
		p->child.env = (const char *const *)p->env;
		p->child.cwd = p->cwd;
	}
	p->child.input = p->input.len > 0 ? p->input.data : NULL;
	p->child.input_bytes = p->input.len;
	p->child.max_output_bytes = OUT_MAX;
	p->child.stop = call_stop_flag(p->call);
	p->child.on_output = on_output;
	p->child.arg = p;
	const struct mono start = mono_now();
	enum err_code code = child_run(&p->child, err);
	p->took_ms = mono_ms_since(start);
	p->started = code == ERR_NONE || code == ERR_TIMEOUT || code == ERR_CANCELLED;
	for (size_t i = 0; i < COUNT_OF(p->lines); i++)
		pass_on(p, &p->lines[i]);
	if (code == ERR_NONE && p->style->carried != NULL)
		code = p->style->carried(p, err);
	if (code != ERR_NONE)
		return err_context(err, "action \"%s\"", d->name);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ what it said */

/* The last line that is not empty: where programs say what went wrong. */
static const char *last_line(const struct buf *buf, int *len)
{
	size_t end = buf->len;

	while (end > 0 && (buf->data[end - 1] == '\n' || buf->data[end - 1] == ' '))
		end--;
	size_t start = end;
	while (start > 0 && buf->data[start - 1] != '\n' && end - start < 400)
		start--;
	*len = (int)(end - start);
	return end > 0 ? buf->data + start : "";
}

static enum err_code failed(const struct program *p, struct err *err)
{
	const struct child *c = &p->child;
	int len;
	const char *why = last_line(c->errout.len > 0 ? &c->errout : &c->out, &len);

	if (c->exit_status < 0)
		return err_set(err, ERR_FAILED, "action \"%s\": \"%s\" was ended by signal %d",
			p->action->name, p->argv[0], c->signal);
	return err_set(err, ERR_FAILED, "action \"%s\": \"%s\" ended with status %d%s%.*s",
		p->action->name, p->argv[0], c->exit_status, len > 0 ? ": " : "", len, why);
}

static json_t *split_lines(const struct buf *out, bool *cut)
{
	json_t *lines = json_array();
	const char *at = out->data, *end = out->data + out->len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline != NULL ? newline : end;

		if (json_array_size(lines) == LINES_MAX) {
			*cut = true;
			break;
		}
		json_array_append_new(lines, json_text(at, (size_t)(stop - at)));
		at = newline != NULL ? newline + 1 : end;
	}
	return lines;
}

static enum err_code put_output(const struct program *p, json_t *result, struct err *err)
{
	const struct buf *out = &p->child.out;
	const char *form = json_str(p->action->action, "output", "text");
	bool cut = p->child.truncated;
	json_t *value = NULL;

	if (str_eq(form, "json")) {
		if (json_parse(out->data, out->len, &value, err) != ERR_NONE)
			return err_context(err, "action \"%s\": its output%s", p->action->name,
				cut ? " (cut, it was too long)" : "");
		json_put(result, "json", declared_result(value));
		json_decref(value);
	} else if (str_eq(form, "lines")) {
		json_put(result, "lines", split_lines(out, &cut));
	} else {
		const size_t len = out->len < OUT_RESULT_MAX ? out->len : OUT_RESULT_MAX;

		cut = cut || len < out->len;
		json_put(result, "out", json_text(out->data, len));
	}
	json_put_flag(result, "truncated", cut);
	return ERR_NONE;
}

static enum err_code check_form(const struct declared *d, struct err *err)
{
	const char *form = json_str(d->action, "output", "text");

	if (str_eq(form, "text") || str_eq(form, "json") || str_eq(form, "lines"))
		return ERR_NONE;
	return err_set(err, ERR_WORKSPACE, "action \"%s\": output must be text, json or lines",
		d->name);
}

/* What is known after an error. */
static enum world world_after(const struct program *p)
{
	const bool clean = json_flag(p->action->action, "fails_clean", false);

	if (!p->started || p->action->effect == EFFECT_READ)
		return WORLD_UNCHANGED;
	/* it promised that for failing by itself, not for being killed */
	return clean && p->child.exit_status >= 0 && !p->child.timed_out && !p->child.stopped
		       ? WORLD_UNCHANGED
		       : WORLD_UNKNOWN;
}

static enum err_code run_declared(const struct program_style *style, struct call *call,
	struct declared *d, json_t *result, struct err *err)
{
	struct program p;
	enum err_code code;

	TRY(check_form(d, err));
	program_init(&p, style, call, d);
	code = program_run(&p, d, err);
	if (code == ERR_NONE) {
		json_put_int(result, "status", p.child.exit_status);
		json_put_int(result, "took_ms", p.took_ms);
		if (!declared_expects(d, "expect_status", expected_status, p.child.exit_status))
			code = failed(&p, err);
	}
	if (code == ERR_NONE && (code = put_output(&p, result, err)) != ERR_NONE)
		err->world = d->effect == EFFECT_READ ? WORLD_UNCHANGED : WORLD_CHANGED;
	else if (code != ERR_NONE)
		err->world = world_after(&p);
	program_release(&p);
	return code;
}

/* ------------------------------------------------------------------ operations */

enum err_code program_prepare(const struct program_style *style, struct call *call,
	json_t *before, struct err *err)
{
	return declared_prepare(call, style->members, before, err);
}

enum err_code program_action_run(const struct program_style *style, struct call *call,
	json_t *result, struct err *err)
{
	struct declared d = { 0 };
	enum err_code code = declared_of_call(call, style->members, &d, err);

	if (code == ERR_NONE)
		code = run_declared(style, call, &d, result, err);
	declared_release(&d);
	return code;
}

enum err_code program_action_read(const struct program_style *style, struct call *call,
	json_t *result, struct err *err)
{
	struct declared d = { 0 };
	enum err_code code = declared_of_call(call, style->members, &d, err);

	if (code == ERR_NONE)
		code = declared_read_only(&d, err);
	if (code == ERR_NONE)
		code = run_declared(style, call, &d, result, err);
	declared_release(&d);
	return code;
}

static enum err_code judge(const struct program_style *style, struct call *call,
	struct declared *check, json_t *evidence, enum verdict *verdict, struct err *err)
{
	struct program p;
	int len;

	TRY(declared_read_only(check, err));
	program_init(&p, style, call, check);
	const enum err_code code = program_run(&p, check, err);
	if (code == ERR_NONE) {
		const char *said = last_line(&p.child.out, &len);

		json_put_str(evidence, "action", check->name);
		json_put_int(evidence, "status", p.child.exit_status);
		json_put(evidence, "said", json_text(said, (size_t)len));
		*verdict = p.child.exit_status == VERIFY_DONE	    ? VERDICT_DONE
			   : p.child.exit_status == VERIFY_NOT_DONE ? VERDICT_NOT_DONE
								    : VERDICT_CANNOT_TELL;
		if (*verdict == VERDICT_CANNOT_TELL) {
			struct err why = { 0 };

			failed(&p, &why);
			json_put_str(evidence, "reason", why.text);
		}
	}
	program_release(&p);
	return code;
}

enum err_code program_verify(const struct program_style *style, struct call *call,
	json_t *evidence, enum verdict *verdict, struct err *err)
{
	struct declared d = { 0 }, check = { 0 };
	enum err_code code = declared_of_call(call, style->members, &d, err);

	if (code == ERR_NONE)
		code = declared_companion(call, &d, "verify", style->members, &check, err);
	if (code == ERR_NONE && check.action != NULL) {
		code = judge(style, call, &check, evidence, verdict, err);
	} else if (code == ERR_NONE) {
		*verdict = VERDICT_CANNOT_TELL;
		json_put_str(evidence, "reason", "the action declares no verify action");
	}
	declared_release(&check);
	declared_release(&d);
	return code;
}

/* ------------------------------------------------------------------ shared tables */

void program_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(
		checks, json_pack("{s:o, s:b, s:o}", "name", json_text(name, strlen(name)),
				"ok", ok, "detail", json_text(detail, strlen(detail))));
}

const struct field program_results[] = {
	{ .name = "status", .type = FIELD_INT, .help = "the program's exit status" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it ran" },
	{ .name = "out", .type = FIELD_STRING, .help = "output: text; at most 64 KiB" },
	{ .name = "lines", .type = FIELD_STRINGS, .help = "output: lines; at most 10,000" },
	{ .name = "json",
		.type = FIELD_ANY,
		.help = "output: json; numbers with a fraction are text" },
	{ .name = "truncated", .type = FIELD_BOOL, .help = "not everything it wrote is here" },
	FIELD_END
};
