/* tool.c: see tool.h. */
#include "tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX = 4096 };

extern char **environ;

struct running {
	struct tool *tool;
	struct buf lines[2]; /* unfinished lines of descriptor 1 and 2 */
};

/* ------------------------------------------------------------------ output, line by line */

static void say(struct running *r, int fd, struct buf *line)
{
	struct tool *tool = r->tool;

	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->data[--line->len] = '\0';
	if (tool->on_line != NULL)
		tool->on_line(tool->arg, fd, line->data != NULL ? line->data : "");
	else if (fd == 2 && !tool->quiet && line->len > 0)
		call_log(tool->call, "%s", line->data);
	buf_clear(line);
}

static void on_output(void *arg, int fd, const char *data, size_t len)
{
	struct running *r = arg;
	struct buf *line = &r->lines[fd == 2];
	struct err ignored = { 0 };

	while (len > 0) {
		const char *newline = memchr(data, '\n', len);
		const size_t n = newline != NULL ? (size_t)(newline - data) : len;
		const size_t room = TOOL_LINE_MAX - line->len;

		/* what is longer than a line may be is cut, not passed on in pieces */
		if (buf_add(line, data, n < room ? n : room, &ignored) != ERR_NONE)
			return;
		if (newline == NULL)
			return;
		say(r, fd, line);
		data += n + 1;
		len -= n + 1;
	}
}

/* ------------------------------------------------------------------ words */

/* text with the first "{secret}" replaced by path, or "{secret_fd}" by the number it ends with;
 * owned. */
static char *with_secret(const char *text, const char *path)
{
	static const struct {
		const char *hole;
		bool number;
	} holes[] = { { "{secret}", false }, { "{secret_fd}", true } };

	for (size_t i = 0; path != NULL && i < COUNT_OF(holes); i++) {
		const char *at = strstr(text, holes[i].hole);

		if (at != NULL)
			return xasprintf("%.*s%s%s", (int)(at - text), text,
				holes[i].number ? strrchr(path, '/') + 1 : path,
				at + strlen(holes[i].hole));
	}
	return xstrdup(text);
}

/* True when a row of env sets or removes the variable of entry ("NAME=value"). */
static bool replaced(const char *const *env, const char *entry)
{
	const size_t name = strcspn(entry, "=");

	for (; env != NULL && *env != NULL; env++) {
		const size_t len = strcspn(*env, "=*");

		if ((*env)[len] == '*' ? len <= name && memcmp(*env, entry, len) == 0
				       : len == name && memcmp(*env, entry, len) == 0)
			return true;
	}
	return false;
}

static char **make_env(const struct tool *tool, const char *secret_path)
{
	char **out = xmalloc(WORDS_MAX * sizeof(char *));
	size_t count = 0;

	for (const char *const *e = tool->env; e != NULL && *e != NULL; e++)
		if (strchr(*e, '=') != NULL && count < WORDS_MAX - 2)
			out[count++] = with_secret(*e, secret_path);
	for (char **e = environ; *e != NULL; e++)
		if (count < WORDS_MAX - 2 && !replaced(tool->env, *e))
			out[count++] = xstrdup(*e);
	if (tool->keep)
		out[count++] = xstrdup("DRILLBOOK_KEEP=1"); /* the worker does not end what has it */
	out[count] = NULL;
	return out;
}

static char **make_argv(const struct tool *tool, const char *secret_path, struct err *err)
{
	size_t count = 0;

	while (tool->argv[count] != NULL)
		count++;
	if (count == 0 || count >= WORDS_MAX) {
		err_set(err, ERR_LIMIT, "a program is run with 1 to %d words", WORDS_MAX - 1);
		return NULL;
	}
	char **out = xmalloc((count + 1) * sizeof(char *));
	for (size_t i = 0; i < count; i++)
		out[i] = with_secret(tool->argv[i], secret_path);
	return out;
}

static void free_words(char **words)
{
	for (char **w = words; w != NULL && *w != NULL; w++)
		free(*w);
	free(words);
}

/* ------------------------------------------------------------------ running */

static void take_results(struct tool *tool, struct child *child, enum err_code code)
{
	struct err ignored = { 0 };

	tool->exit_status = child->exit_status;
	tool->truncated = child->truncated;
	tool->started = code == ERR_NONE || code == ERR_TIMEOUT || code == ERR_CANCELLED;
	tool->out = child->out;
	tool->errout = child->errout;
	buf_init(&child->out, 0);
	buf_init(&child->errout, 0);
	if (tool->out.data == NULL) {
		buf_init(&tool->out, 1);
		(void)!buf_add(&tool->out, "", 0, &ignored);
	}
	if (tool->errout.data == NULL) {
		buf_init(&tool->errout, 1);
		(void)!buf_add(&tool->errout, "", 0, &ignored);
	}
}

static enum err_code open_secret(const struct tool *tool, int *fd, char *path, size_t size,
	struct err *err)
{
	if (tool->secret == NULL)
		return ERR_NONE;
	*fd = memfd_create("secret", MFD_CLOEXEC);
	if (*fd < 0)
		return err_errno(err, "memfd");
	/* a memfd is executable from birth, and some programs run a password file that is; libpq
	 * does not read one that others may */
	if (fchmod(*fd, 0400) != 0)
		return err_errno(err, "memfd");
	snprintf(path, size, "/proc/self/fd/%d", *fd);
	TRY(write_all(*fd, tool->secret, tool->secret_len, err));
	return lseek(*fd, 0, SEEK_SET) == 0 ? ERR_NONE : err_errno(err, "memfd");
}

static enum err_code run_child(struct tool *tool, const char *secret_path, int secret_fd,
	struct err *err)
{
	const int64_t left = call_left_ms(tool->call);
	struct running running = { .tool = tool };
	char **argv = make_argv(tool, secret_path, err);

	if (argv == NULL)
		return err->code;
	char **env = make_env(tool, secret_path);
	for (size_t i = 0; i < COUNT_OF(running.lines); i++)
		buf_init(&running.lines[i], TOOL_LINE_MAX + 2);
	struct child child = {
		.argv = (const char *const *)argv,
		.env = (const char *const *)env,
		.cwd = tool->cwd != NULL ? tool->cwd : "/",
		.input = tool->input,
		.input_bytes = tool->input_bytes,
		.timeout_ms = tool->timeout_ms > 0 && tool->timeout_ms < left ? tool->timeout_ms
									      : left + 1,
		.grace_ms = tool->grace_ms,
		.max_output_bytes = tool->max_output_bytes,
		.stop = call_stop_flag(tool->call),
		.on_output = on_output,
		.arg = &running,
		.keep_fd = secret_fd > 0 ? secret_fd : 0,
	};
	enum err_code code = child_run(&child, err);
	for (size_t i = 0; i < COUNT_OF(running.lines); i++) {
		if (running.lines[i].len > 0)
			say(&running, (int)i + 1, &running.lines[i]);
		buf_release(&running.lines[i]);
	}
	take_results(tool, &child, code);
	child_release(&child);
	free_words(env);
	free_words(argv);
	return code;
}

enum err_code tool_run(struct tool *tool, struct err *err)
{
	char path[64] = "";
	int fd = -1;
	enum err_code code;

	tool->exit_status = -1;
	buf_init(&tool->out, 0);
	buf_init(&tool->errout, 0);
	code = open_secret(tool, &fd, path, sizeof(path), err);
	if (code == ERR_NONE)
		code = run_child(tool, fd >= 0 ? path : NULL, fd, err);
	if (fd >= 0)
		close(fd);
	if (code == ERR_TIMEOUT || code == ERR_CANCELLED)
		err->world = WORLD_UNKNOWN;
	return code == ERR_NONE ? code : err_context(err, "\"%s\"", tool->argv[0]);
}

char *tool_said(const struct tool *tool, char *buf, size_t size)
{
	const struct buf *from = &tool->errout;
	size_t end = 0;

	for (int pass = 0; pass < 2 && end == 0; pass++) {
		from = pass == 0 ? &tool->errout : &tool->out;
		end = from->len;
		while (end > 0 && isspace((unsigned char)from->data[end - 1]))
			end--;
	}
	size_t start = end;
	while (start > 0 && from->data[start - 1] != '\n')
		start--;
	snprintf(buf, size, "%.*s", (int)(end - start), end > 0 ? from->data + start : "");
	return buf;
}

enum err_code tool_failed(const struct tool *tool, struct err *err)
{
	char said[TOOL_SAID_BYTES];

	tool_said(tool, said, sizeof(said));
	if (tool->exit_status < 0)
		return err_set(err, ERR_FAILED, "%s was ended by a signal%s%s", tool->argv[0],
			said[0] != '\0' ? ": " : "", said);
	return err_set(err, ERR_FAILED, "%s ended with status %d%s%s", tool->argv[0],
		tool->exit_status, said[0] != '\0' ? ": " : "", said);
}

enum err_code tool_must(struct tool *tool, struct err *err)
{
	TRY(tool_run(tool, err));
	return tool->exit_status == 0 ? ERR_NONE : tool_failed(tool, err);
}

void tool_release(struct tool *tool)
{
	buf_release(&tool->out);
	buf_release(&tool->errout);
}
