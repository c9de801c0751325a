/* ssh_client.c: see ssh_client.h.
 *
 * ssh ends with status 255 for every failure of its own, and so does a program that ends with
 * 255.  Its messages could as well be the remote program's.  So its own log goes to a file (-E)
 * at the level that says when the command was sent and when a status came back. */
#include "ssh_client.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SSH_FAILED = 255, LOG_MAX = 256 << 10 };

static const char *const options[] = {
	"BatchMode=yes",
	"StrictHostKeyChecking=yes",
	"GlobalKnownHostsFile=/dev/null",
	"UpdateHostKeys=no",
	"CheckHostIP=no",
	"PreferredAuthentications=publickey",
	"IdentityAgent=none",
	"IdentitiesOnly=yes",
	"ControlMaster=no",
	"ControlPath=none",
	"ForwardAgent=no",
	"ForwardX11=no",
	"ClearAllForwardings=yes",
	"PermitLocalCommand=no",
	"RequestTTY=no",
	"EscapeChar=none",
	"ConnectionAttempts=1",
	"ServerAliveInterval=5",
	"ServerAliveCountMax=3",
};

/* ------------------------------------------------------------------ words */

enum err_code ssh_line_add(struct ssh_line *line, const char *word, struct err *err)
{
	if (line->count == SSH_WORDS_MAX)
		return err_set(err, ERR_LIMIT, "ssh: too many options");
	line->words[line->count++] = xstrdup(word);
	return ERR_NONE;
}

static enum err_code add_option(struct ssh_line *line, const char *option, struct err *err)
{
	TRY(ssh_line_add(line, "-o", err));
	return ssh_line_add(line, option, err);
}

/* A file name in an option: ssh splits it at blanks and expands "%". */
static enum err_code add_file(
	struct ssh_line *line, const char *option, const char *path, struct err *err)
{
	struct buf text;
	enum err_code code;

	if (strpbrk(path, "\"\\\n") != NULL || path[0] == '~' || strstr(path, "${") != NULL)
		return err_set(err, ERR_USAGE, "ssh cannot be given the file name \"%s\"", path);
	buf_init(&text, 16 << 10);
	code = buf_addf(&text, err, "%s=\"", option);
	for (; code == ERR_NONE && *path != '\0'; path++)
		code = buf_addf(&text, err, *path == '%' ? "%%%%" : "%c", *path);
	if (code == ERR_NONE)
		code = buf_add(&text, "\"", 1, err);
	if (code == ERR_NONE)
		code = add_option(line, text.data, err);
	buf_release(&text);
	return code;
}

/* A host or user that begins with "-" would be an option. */
static enum err_code check_name(const char *what, const char *name, struct err *err)
{
	if (name[0] != '\0' && name[0] != '-' && strpbrk(name, " \t\n\"'\\@/;|&$`<>()") == NULL)
		return ERR_NONE;
	return err_set(err, ERR_USAGE, "\"%s\" is no %s", name, what);
}

static enum err_code open_log(struct ssh_line *line, struct err *err)
{
	const char *dir = getenv("TMPDIR");

	if (dir == NULL || dir[0] != '/' || strlen(dir) > 30)
		dir = "/tmp";
	snprintf(line->log_path, sizeof(line->log_path), "%s/drillbook-ssh-XXXXXX", dir);
	const int fd = mkostemp(line->log_path, O_CLOEXEC);
	if (fd < 0) {
		line->log_path[0] = '\0';
		return err_errno(err, "no file for ssh's log in \"%s\"", dir);
	}
	close(fd);
	TRY(ssh_line_add(line, "-E", err));
	TRY(ssh_line_add(line, line->log_path, err));
	return add_option(line, "LogLevel=DEBUG1", err);
}

static enum err_code add_settings(struct ssh_line *line, struct call *call, struct err *err)
{
	const char *known = setting_string(call, "known_hosts");
	const char *identity = setting_string(call, "identity");
	const char *user = setting_string(call, "user");
	char text[64];

	if (known == NULL)
		return err_set(err, ERR_USAGE,
			"target \"%s\" needs the setting known_hosts: a file with the host's key",
			call_target(call));
	TRY(add_file(line, "UserKnownHostsFile", known, err));
	if (identity != NULL)
		TRY(add_file(line, "IdentityFile", identity, err));
	if (user != NULL) {
		TRY(check_name("user", user, err));
		TRY(ssh_line_add(line, "-l", err));
		TRY(ssh_line_add(line, user, err));
	}
	snprintf(text, sizeof(text), "ConnectTimeout=%lld",
		(long long)(setting_int(call, "connect_timeout") + 999) / 1000);
	TRY(add_option(line, text, err));
	snprintf(text, sizeof(text), "%lld", (long long)setting_int(call, "port"));
	TRY(ssh_line_add(line, "-p", err));
	return ssh_line_add(line, text, err);
}

enum err_code ssh_line_init(struct ssh_line *line, struct call *call, const char *host,
	bool with_log, bool without_host, struct err *err)
{
	const char *config = setting_string(call, "ssh_config");

	*line = (struct ssh_line){ .host = host };
	TRY(check_name("host", host, err));
	TRY(ssh_line_add(line, setting_string(call, "ssh"), err));
	TRY(ssh_line_add(line, "-F", err));
	TRY(ssh_line_add(line, config != NULL ? config : "none", err));
	for (size_t i = 0; i < COUNT_OF(options); i++)
		TRY(add_option(line, options[i], err));
	TRY(add_settings(line, call, err));
	if (with_log)
		TRY(open_log(line, err));
	else
		TRY(add_option(line, "LogLevel=ERROR", err));
	if (without_host)
		return ERR_NONE;
	TRY(ssh_line_add(line, "--", err));
	return ssh_line_add(line, host, err);
}

void ssh_line_release(struct ssh_line *line)
{
	for (size_t i = 0; i < line->count; i++)
		free(line->words[i]);
	line->count = 0;
	if (line->log_path[0] != '\0')
		unlink(line->log_path);
	line->log_path[0] = '\0';
}

/* ------------------------------------------------------------------ what it says */

/* The first that is found decides, so the cause stands before what follows from it. */
static const struct {
	const char *said;
	enum err_code code;
	const char *means;
} failures[] = {
	{ "has changed and you have requested strict", ERR_AUTH,
		"the host shows another key than the one in known_hosts: find out why before "
		"anything else" },
	{ "host key is known for", ERR_AUTH, "the host's key is not in known_hosts" },
	{ "Host key verification failed", ERR_AUTH,
		"the host's key is not the one in known_hosts" },
	{ "UNPROTECTED PRIVATE KEY", ERR_AUTH, "others may read the private key: chmod 600" },
	{ "Permission denied (", ERR_AUTH, "the host does not accept the key" },
	{ "Too many authentication failures", ERR_AUTH, "the host does not accept the key" },
	{ "Could not resolve hostname", ERR_UNREACHABLE, "its name is not known" },
	{ "Connection refused", ERR_UNREACHABLE, "connection refused" },
	{ "No route to host", ERR_UNREACHABLE, "no route to it" },
	{ "Network is unreachable", ERR_UNREACHABLE, "its network cannot be reached" },
	{ "onnection timed out", ERR_UNREACHABLE, "it does not answer" },
	{ "not responding", ERR_UNREACHABLE, "it does not answer any more" },
	{ "Connection closed by", ERR_UNREACHABLE, "it closed the connection" },
	{ "onnection reset by", ERR_UNREACHABLE, "the connection was reset" },
	{ "Broken pipe", ERR_UNREACHABLE, "the connection broke" },
};

bool ssh_failure(const char *text, const char *host, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(failures); i++) {
		if (strstr(text, failures[i].said) == NULL)
			continue;
		err_set(err, failures[i].code, "ssh to \"%s\": %s", host, failures[i].means);
		return true;
	}
	return false;
}

static enum err_code read_log(const struct ssh_line *line, struct buf *log, struct err *err)
{
	buf_init(log, LOG_MAX + 1);
	TRY(file_read(line->log_path, LOG_MAX, log, err));
	return buf_add(log, "", 0, err);
}

/* The last line that is not of level debug. */
static void last_words(const char *log, char *out, size_t size)
{
	out[0] = '\0';
	while (*log != '\0') {
		const size_t len = strcspn(log, "\r\n");

		if (len > 0 && !str_starts(log, "debug"))
			snprintf(out, size, "%.*s", (int)len, log);
		log += len + strspn(log + len, "\r\n");
	}
}

enum err_code ssh_line_ended(
	const struct ssh_line *line, int exit_status, bool *started, struct err *err)
{
	struct buf log;
	char said[300];

	*started = true;
	if (exit_status >= 0 && exit_status != SSH_FAILED)
		return ERR_NONE;
	if (read_log(line, &log, err) != ERR_NONE) {
		buf_release(&log);
		err->world = WORLD_UNKNOWN;
		return err_context(err, "ssh's log");
	}
	*started = strstr(log.data, "debug1: Sending command: ") != NULL;
	const bool own = strstr(log.data, " rtype exit-status ") != NULL;
	if (!own && !ssh_failure(log.data, line->host, err)) {
		last_words(log.data, said, sizeof(said));
		err_set(err, ERR_UNREACHABLE, "ssh to \"%s\": %s", line->host,
			said[0] != '\0' ? said : "it failed and does not say why");
	}
	if (!own && *started) {
		err_context(err, "connection lost while the program ran there");
		err->world = WORLD_UNKNOWN;
	}
	buf_release(&log);
	return own ? ERR_NONE : err->code;
}

void ssh_line_fact(const struct ssh_line *line, const char *prefix, char *out, size_t size)
{
	struct err ignored = { 0 };
	struct buf log;
	char *begin = xasprintf("debug1: %s", prefix);

	out[0] = '\0';
	if (read_log(line, &log, &ignored) == ERR_NONE) {
		const char *at = strstr(log.data, begin);

		at = at != NULL ? at + strlen(begin) : "";
		snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
	}
	free(begin);
	buf_release(&log);
}

/* ------------------------------------------------------------------ words for a shell */

enum err_code ssh_quote(const char *word, struct buf *out, struct err *err)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+:,./-";

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0')
		return buf_add(out, word, strlen(word), err);
	TRY(buf_add(out, "'", 1, err));
	while (*word != '\0') {
		const size_t len = strcspn(word, "'");

		TRY(buf_add(out, word, len, err));
		word += len;
		if (*word == '\'') {
			TRY(buf_add(out, "'\\''", 4, err));
			word++;
		}
	}
	return buf_add(out, "'", 1, err);
}
