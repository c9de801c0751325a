/* editor.c: programs of the operator's that use the terminal, or only tell it something. */
#include "editor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOTE_MAX = 16384, ARGV_MAX = 32 };

/* $EDITOR may be a command with arguments: the shell splits it; what we add is "$1". */
static _Noreturn void become(
	const char *command, const char *argument, const char *dir, int input)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	char *line = argument != NULL ? xasprintf("%s \"$1\"", command) : xstrdup(command);

	sigaction(SIGINT, &plain, NULL);
	sigaction(SIGQUIT, &plain, NULL);
	if (input >= 0)
		dup2(input, STDIN_FILENO);
	if (dir != NULL && chdir(dir) != 0)
		_exit(126);
	setenv("LESSSECURE", "1", 0); /* less runs no commands on what a step wrote */
	execl("/bin/sh", "sh", "-c", line, "sh", argument, (char *)NULL);
	_exit(127);
}

enum err_code terminal_child(
	const char *command, const char *argument, const char *dir, int input, struct err *err)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, quit;
	int status = 0;

	sigaction(SIGINT, &ignore, &interrupt);
	sigaction(SIGQUIT, &ignore, &quit);
	const pid_t pid = fork();
	if (pid == 0)
		become(command, argument, dir, input);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0) {
		}
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	if (pid < 0)
		return err_errno(err, "cannot start \"%s\"", command);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, ERR_NOT_FOUND, "\"%s\" was not found", command);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 126)
		return err_set(err, ERR_NOT_FOUND, "cannot go to \"%s\"", dir);
	return ERR_NONE;
}

static const char *editor(void)
{
	static const char *const names[] = { "VISUAL", "EDITOR" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const char *value = getenv(names[i]);
		if (value != NULL && value[0] != '\0')
			return value;
	}
	return "vi";
}

enum err_code editor_open(const char *path, const char *dir, struct err *err)
{
	return terminal_child(editor(), path, dir, -1, err);
}

enum err_code shell_open(const char *dir, struct err *err)
{
	const char *shell = getenv("SHELL");

	return terminal_child(
		shell != NULL && shell[0] != '\0' ? shell : "/bin/sh", NULL, dir, -1, err);
}

/* Without the lines of ours. */
static char *written(const struct buf *bytes)
{
	char *out = xmalloc(bytes->len + 1);
	size_t len = 0;

	for (size_t at = 0; at < bytes->len;) {
		const char *line = bytes->data + at, *end = memchr(line, '\n', bytes->len - at);
		const size_t size = end != NULL ? (size_t)(end - line) : bytes->len - at;
		if (line[0] != '#' || size == 0) {
			memcpy(out + len, line, size);
			len += size;
			out[len++] = '\n';
		}
		at += size + 1;
	}
	while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == ' '))
		len--;
	out[len] = '\0';
	const size_t blank = strspn(out, " \n");
	memmove(out, out + blank, len - blank + 1);
	return out;
}

enum err_code editor_text(const char *hint, char **out, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	char *path = xasprintf(
		"%s/drillbook-note-XXXXXX", dir != NULL && dir[0] == '/' ? dir : "/tmp");
	const int fd = mkstemp(path);
	struct buf bytes;
	enum err_code code = ERR_NONE;

	*out = NULL;
	if (fd < 0)
		code = err_errno(err, "cannot make a temporary file for the editor");
	else if (dprintf(fd,
			 "\n# %s\n# Lines that begin with # are left out; an empty note is not "
			 "written.\n",
			 hint) < 0)
		code = err_errno(err, "cannot write \"%s\"", path);
	if (fd >= 0)
		close(fd);
	if (code == ERR_NONE)
		code = editor_open(path, NULL, err);
	if (code == ERR_NONE)
		code = file_read(path, NOTE_MAX, &bytes, err);
	if (code == ERR_NONE) {
		*out = written(&bytes);
		buf_release(&bytes);
	}
	if (fd >= 0)
		unlink(path);
	free(path);
	return code;
}

void notify_start(const json_t *argv, const char *text)
{
	const char *words[ARGV_MAX + 2];
	const json_t *word;
	size_t i, count = 0;

	json_array_foreach(argv, i, word) {
		if (count < ARGV_MAX)
			words[count++] = json_string_value(word);
	}
	words[count] = text;
	words[count + 1] = NULL;
	const pid_t pid = fork();
	if (pid == 0) {
		/* its parent ends at once, so that nobody has to wait for it */
		if (fork() != 0)
			_exit(0);
		const int null = open("/dev/null", O_RDWR);
		for (int stream = 0; stream < 3; stream++)
			dup2(null, stream);
		setsid();
		execvp(words[0], (char *const *)(uintptr_t)words);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}
