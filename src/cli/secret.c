/* secret.c: what a person gives: secrets that are typed, and those in the environment of a
 * command.
 *
 * They go into a sealed memfd, {"target/setting": base64}, whose descriptor travels through the
 * server to the worker that resolves the secrets of the run; the server never reads it.  No
 * value is ever an argument, a file or a line of output. */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

enum { VALUE_MAX = 64 * 1024, THINK_MS = 300000, CHECK_MS = 120000 };
enum { KEY_CANCEL = 3, KEY_END = 4, KEY_BACK = 8, KEY_CLEAR = 21, KEY_DELETE = 127 };

/* ------------------------------------------------------------------ typing without an echo */

/* One line; every byte of it passes through this buffer only.  False: cancelled, or nobody
 * typed. */
static bool read_keys(int fd, char *value, size_t *len)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		unsigned char key;
		if (poll(&p, 1, THINK_MS) <= 0 || read(fd, &key, 1) != 1 || key == KEY_CANCEL)
			return false;
		if (key == '\n' || key == '\r')
			return true;
		if (key == KEY_END && *len == 0)
			return false;
		if (key == KEY_CLEAR)
			*len = 0;
		else if (key == KEY_BACK || key == KEY_DELETE)
			*len -= *len > 0;
		else if (*len + 1 < VALUE_MAX)
			value[(*len)++] = (char)key;
	}
}

/* Signals that would leave the terminal without an echo wait until it has one again. */
static enum err_code ask_terminal(int tty, const char *name, const char *prompt, char *value,
	size_t *len, struct err *err)
{
	struct termios old, quiet;
	sigset_t held, before;

	if (tcgetattr(tty, &old) != 0)
		return err_errno(err, "cannot ask for a secret");
	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigaddset(&held, SIGTSTP);
	sigprocmask(SIG_BLOCK, &held, &before);
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
	tcsetattr(tty, TCSAFLUSH, &quiet); /* before anything asks for it to be typed */
	dprintf(tty, "secret %s%s%s: ", name, prompt[0] != '\0' ? ", " : "", prompt);
	const bool typed = read_keys(tty, value, len);
	tcsetattr(tty, TCSAFLUSH, &old);
	sigprocmask(SIG_SETMASK, &before, NULL);
	dprintf(tty, "\n");
	return typed ? ERR_NONE
		     : err_set(err, ERR_CANCELLED,
			       "secret \"%s\" was not typed: nothing was sent", name);
}

/* Without a terminal: one line of standard input each, in the order of the names. */
static enum err_code ask_pipe(const char *name, char *value, size_t *len, struct err *err)
{
	char byte;

	for (;;) {
		const ssize_t n = read(0, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && *len == 0)
			return err_set(err, ERR_USAGE,
				"standard input has no line for secret \"%s\"", name);
		if (n <= 0 || byte == '\n')
			return ERR_NONE;
		if (*len + 1 < VALUE_MAX)
			value[(*len)++] = byte;
	}
}

/* ------------------------------------------------------------------ the descriptor */

static void put_value(json_t *values, const char *name, const char *value, size_t len)
{
	char *text = base64_encode(value, len);

	json_put_str(values, name, text);
	explicit_bzero(text, strlen(text));
	free(text);
}

static void forget(json_t *values)
{
	const char *name;
	json_t *text;

	json_object_foreach(values, name, text) /* jansson's own copy of each */
		explicit_bzero(
			(void *)(uintptr_t)json_string_value(text), json_string_length(text));
	json_decref(values);
}

static enum err_code seal(const json_t *values, int *fd, struct err *err)
{
	char *line = json_line(values);
	enum err_code code = ERR_NONE;

	*fd = memfd_create("drillbook-given", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		code = err_errno(err, "no place for the secrets");
	else
		code = write_all(*fd, line, strlen(line), err);
	if (code == ERR_NONE &&
		fcntl(*fd, F_ADD_SEALS,
			F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		code = err_errno(err, "cannot seal the secrets");
	if (code != ERR_NONE && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	explicit_bzero(line, strlen(line));
	free(line);
	return code;
}

/* What is asked for: a parameter of the run, else one secret of one target, which has a slash in its name. */
static const char *asked_as(const json_t *row)
{
	return json_str(row, "param", json_str(row, "name", ""));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(asked_as(*(json_t *const *)a), asked_as(*(json_t *const *)b));
}

static enum err_code take_typed(
	const json_t *row, enum secret_asking how, int tty, json_t *values, struct err *err)
{
	const char *name = asked_as(row);
	char *value = xmalloc(VALUE_MAX);
	size_t len = 0;

	const enum err_code code =
		how == SECRETS_FROM_STDIN ? ask_pipe(name, value, &len, err)
					  : ask_terminal(tty, name, json_str(row, "prompt", ""),
						    value, &len, err);
	if (code == ERR_NONE)
		put_value(values, json_str(row, "name", ""), value, len);
	explicit_bzero(value, VALUE_MAX);
	free(value);
	return code;
}

/* True when the row before was of the same parameter: typed once, it is for every target that takes it. */
static bool take_again(const json_t *row, const json_t *before, json_t *values)
{
	json_t *value = json_object_get(values, json_str(before, "name", ""));

	if (value == NULL || json_str(row, "param", NULL) == NULL || !str_eq(asked_as(row), asked_as(before)))
		return false;
	json_put(values, json_str(row, "name", ""), json_incref(value));
	return true;
}

enum err_code secrets_collect(
	const json_t *rows, enum secret_asking how, int *fd, struct err *err)
{
	const size_t count = json_array_size(rows);
	json_t **sorted = xmalloc((count + 1) * sizeof(*sorted)), *values = json_object();
	const int tty = how == SECRETS_FROM_TERMINAL
				? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
				: -1;
	enum err_code code = ERR_NONE;

	*fd = -1;
	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(rows, i);
	qsort(sorted, count, sizeof(struct json_t *), by_name);
	for (size_t i = 0; i < count && code == ERR_NONE; i++) {
		const char *variable = json_str(sorted[i], "env", NULL);
		const char *value = variable != NULL ? getenv(variable) : NULL;
		if (i > 0 && take_again(sorted[i], sorted[i - 1], values))
			continue;
		if (value != NULL)
			put_value(
				values, json_str(sorted[i], "name", ""), value, strlen(value));
		else if (variable == NULL && (how == SECRETS_FROM_STDIN || tty >= 0))
			code = take_typed(sorted[i], how, tty, values, err);
	}
	if (code == ERR_NONE && json_object_size(values) > 0)
		code = seal(values, fd, err);
	if (tty >= 0)
		close(tty);
	forget(values);
	free(sorted);
	return code;
}

json_t *secrets_of_plan(const json_t *plan)
{
	json_t *rows = json_array(), *target, *source;
	const char *name, *setting;

	if (str_eq(json_str(plan, "mode", ""), "tabletop") || str_eq(json_str(plan, "mode", ""), "simulate"))
		return rows;
	json_object_foreach(json_object_get(plan, "targets"), name, target) {
		json_object_foreach(json_object_get(target, "secrets"), setting, source) {
			if (json_object_get(source, "env") == NULL &&
				json_object_get(source, "typed") == NULL)
				continue;
			json_t *row = json_copy(source);
			char *full = xasprintf("%s/%s", name, setting);
			json_put_str(row, "name", full);
			free(full);
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

enum err_code cli_ask_start(struct client *client, const json_t *plan, bool terminal,
	json_t *request, json_t **answer, struct err *err)
{
	json_t *rows = secrets_of_plan(plan);
	int fd = -1;

	enum err_code code = secrets_collect(
		rows, terminal ? SECRETS_FROM_TERMINAL : SECRETS_FROM_NOBODY, &fd, err);
	json_decref(rows);
	if (code != ERR_NONE) {
		json_decref(request);
		return code;
	}
	if (fd >= 0)
		json_put_flag(request, "secrets", true);
	code = client_ask_with(client, "start", request, fd, answer, err);
	if (fd >= 0)
		close(fd);
	return code;
}

/* ------------------------------------------------------------------ drillbook secret give */

enum err_code cli_give_secrets(struct client *client, int64_t run, bool terminal, struct err *err)
{
	json_t *body = json_object(), *answer = NULL;
	int fd = -1;

	json_put_int(body, "run", run);
	enum err_code code = client_ask(client, "secrets", body, &answer, err);
	const json_t *rows = json_object_get(answer, "secrets");
	if (code == ERR_NONE && json_array_size(rows) == 0)
		code = err_set(err, ERR_CONFLICT, "run %lld has no secret that a person gives",
			(long long)run);
	if (code == ERR_NONE && !json_flag(answer, "needed", true))
		code = err_set(err, ERR_CONFLICT, "run %lld has its secrets", (long long)run);
	if (code == ERR_NONE)
		code = secrets_collect(
			rows, terminal ? SECRETS_FROM_TERMINAL : SECRETS_FROM_STDIN, &fd, err);
	if (code == ERR_NONE && fd < 0)
		code = err_set(err, ERR_NOT_FOUND,
			"none of the secrets of run %lld is in this environment",
			(long long)run);
	if (code == ERR_NONE) {
		body = json_object();
		json_put_int(body, "run", run);
		json_put_flag(body, "secrets", true);
		code = client_ask_with(client, "secrets", body, fd, NULL, err);
	}
	if (fd >= 0)
		close(fd);
	json_decref(answer);
	return code;
}

static int give(const struct args *args, struct err *err)
{
	struct client *client;
	int64_t run;

	if (args->word_count < 2) {
		err_set(err, ERR_USAGE, "secret give: of which run? drillbook secret give RUN");
		return -1;
	}
	if (cli_run_number(args, args->words[1], &run, err) != ERR_NONE ||
		cli_connect(&client, args, CLIENT_START_SERVER, err) != ERR_NONE)
		return -1;
	const enum err_code code = cli_give_secrets(client, run, isatty(0), err);
	client_close(client);
	if (code == ERR_NONE)
		printf("run %lld has what was given and goes on\n", (long long)run);
	return code == ERR_NONE ? 0 : -1;
}

/* ------------------------------------------------------------------ drillbook secret check */

static json_t *all_targets(struct workspace *workspace)
{
	json_t *summary = workspace_summary(workspace), *out = json_object(), *row;
	const char *name;

	json_object_foreach(json_object_get(summary, "targets"), name, row) {
		json_t *target = workspace_target(workspace, name), *only = json_object();
		json_object_set(only, "secrets", json_object_get(target, "secrets"));
		json_put(out, name, only);
		json_decref(target);
	}
	json_decref(summary);
	return out;
}

static enum err_code ask_worker(const struct desk *desk, json_t **answer, struct err *err)
{
	char *worker = path_libexec("worker");
	const char *argv[] = { worker, "--secrets", NULL };
	json_t *request = json_object();

	json_put_str(request, "workspace", workspace_root(desk->workspace));
	json_put(request, "targets", all_targets(desk->workspace));
	char *input = json_line(request);
	struct child child = { .argv = argv,
		.input = input,
		.input_bytes = strlen(input),
		.timeout_ms = CHECK_MS,
		.max_output_bytes = 4 << 20 };
	enum err_code code = child_run(&child, err);
	if (code == ERR_NONE)
		code = json_parse(child.out.data != NULL ? child.out.data : "", child.out.len,
			answer, err);
	child_release(&child);
	json_decref(request);
	free(input);
	free(worker);
	return code;
}

static int check(const struct args *args, struct err *err)
{
	struct desk desk;
	json_t *answer = NULL, *row;
	size_t i, bad = 0;

	if (desk_open(&desk, args, err) != ERR_NONE)
		return -1;
	/* programs of the workspace are started here, as this user, whatever server there is */
	desk.team = false;
	enum err_code code = desk_trusted(&desk, err);
	if (code == ERR_NONE)
		code = ask_worker(&desk, &answer, err);
	desk_close(&desk);
	if (code != ERR_NONE)
		return -1;
	json_array_foreach(json_object_get(answer, "secrets"), i, row)
		bad += !json_flag(row, "ok", false) && !json_flag(row, "asked", false);
	if (option_flag(args, "json")) {
		print_json(answer);
		return bad ? 1 : 0;
	}
	json_array_foreach(json_object_get(answer, "secrets"), i, row) {
		printf("%-6s ", json_flag(row, "ok", false)	 ? "ok"
				: json_flag(row, "asked", false) ? "asked"
								 : "NOT OK");
		print_safe(stdout, json_str(row, "name", ""));
		printf("  (");
		print_safe(stdout, json_str(row, "source", ""));
		printf(")");
		if (json_str(row, "error", NULL) != NULL) {
			printf(": ");
			print_safe(stdout, json_str(row, "error", ""));
		}
		printf("\n");
	}
	if (json_array_size(json_object_get(answer, "secrets")) == 0)
		puts("no target names a secret");
	json_decref(answer);
	return bad ? 1 : 0;
}

/* ------------------------------------------------------------------ the command */

static int secret(const struct args *args, struct err *err)
{
	if (str_eq(args->words[0], "check"))
		return check(args, err);
	if (str_eq(args->words[0], "give"))
		return give(args, err);
	err_set(err, ERR_USAGE, "secret %s: check, or give RUN", args->words[0]);
	return -1;
}

static const struct option_row options[] = { { "json", NULL, false, "check: as JSON" },
	OPTION_END };

const struct command command_secret = {
	.name = "secret",
	.words = "check | give RUN|last",
	.summary = "which secrets can be read; give a run those that a person has",
	.details = "check reads every secret of the workspace's targets here and says which it "
		   "could, never what they are.\n"
		   "give asks for what is typed (without a terminal: one line of standard "
		   "input each, by name) and takes\n"
		   "variables from its own environment; a run asks for them again after a "
		   "restart of the server.",
	.examples = "  drillbook secret check\n  drillbook secret give last\n",
	.options = options,
	.least = 1,
	.most = 2,
	.run = secret,
};
