/* files_place.c: see files.h. */
#include "files.h"

#include "ssh_client.h"
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	LISTING_MAX = 256 << 20,
	REPORT_MS = 500,
	RSYNC_STALL_S = 60,  /* without a byte */
	RSYNC_PARTIAL = 23,  /* not everything could be transferred */
	RSYNC_VANISHED = 24, /* files vanished while it ran */
};

/* ------------------------------------------------------------------ places */

enum err_code files_place_of(struct call *call, const char *setting, struct files_place *place,
	struct err *err)
{
	const char *text = setting_string(call, setting);
	const char *colon = text != NULL ? strchr(text, ':') : NULL;

	*place = (struct files_place){ .setting = setting };
	if (text == NULL)
		return err_set(err, ERR_USAGE, "target \"%s\" has no setting \"%s\"",
			call_target(call), setting);
	if (text[0] != '/' && colon != NULL && colon > text) {
		place->host = xasprintf("%.*s", (int)(colon - text), text);
		text = colon + 1;
	}
	place->path = xstrdup(text);
	for (size_t len = strlen(place->path); len > 1 && place->path[len - 1] == '/';)
		place->path[--len] = '\0';
	if (text[0] != '/' || text[1] == '\0')
		return err_set(err, ERR_USAGE,
			"setting \"%s\" must be a directory: /DIR, or HOST:/DIR", setting);
	return ERR_NONE;
}

struct files_place files_tree(struct call *call)
{
	return (struct files_place){ .path = xstrdup(setting_string(call, "path")),
		.setting = "path" };
}

void files_place_release(struct files_place *place)
{
	free(place->host);
	free(place->path);
	*place = (struct files_place){ 0 };
}

const char *files_host(const struct files_place *place)
{
	return place->host != NULL ? place->host : "this host";
}

/* ------------------------------------------------------------------ scripts */

static enum err_code quoted(
	const struct words *words, const char *between, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			TRY(buf_add(out, between, strlen(between), err));
		TRY(ssh_quote(words->list[i], out, err));
	}
	return buf_add(out, "", 0, err);
}

static enum err_code run_there(struct tool *tool, const struct files_place *place,
	const struct words *words, struct err *err)
{
	struct ssh_line line;
	struct buf command;
	bool started;

	buf_init(&command, SSH_COMMAND_MAX);
	enum err_code code = ssh_line_init(&line, tool->call, place->host, true, false, err);
	if (code == ERR_NONE)
		code = quoted(words, " ", &command, err);
	if (code == ERR_NONE)
		code = ssh_line_add(&line, command.data, err);
	if (code == ERR_NONE) {
		tool->argv = (const char *const *)line.words;
		code = tool_run(tool, err);
		if (code == ERR_NONE)
			code = ssh_line_ended(&line, tool->exit_status, &started, err);
	}
	ssh_line_release(&line);
	buf_release(&command);
	return code;
}

enum err_code files_sh(struct call *call, const struct files_place *place, const char *script,
	const char *const *args, const char *input, size_t max_bytes, int *status, struct buf *out,
	struct err *err)
{
	struct tool tool = { .call = call, .quiet = true, .input = input,
		.input_bytes = input != NULL ? strlen(input) : 0, .max_output_bytes = max_bytes };
	struct words words = { 0 };
	char said[TOOL_SAID_BYTES];

	buf_init(out, 0);
	words_pair(&words, "sh", "-c");
	words_pair(&words, script, "sh");
	for (; args != NULL && *args != NULL; args++)
		words_add(&words, *args);
	tool.argv = (const char *const *)words.list;
	enum err_code code = place->host != NULL ? run_there(&tool, place, &words, err)
						 : tool_run(&tool, err);
	words_release(&words);
	if (code == ERR_NONE && status != NULL)
		*status = tool.exit_status;
	else if (code == ERR_NONE && tool.exit_status == FILES_NO_PLACE)
		code = err_set(err, ERR_NOT_FOUND, "%s has no directory \"%s\" (setting %s)",
			files_host(place), place->path, place->setting);
	else if (code == ERR_NONE && tool.exit_status != 0)
		code = err_set(err, ERR_FAILED, "at %s: %s", files_host(place),
			tool_said(&tool, said, sizeof(said)));
	if (code == ERR_NONE && tool.truncated)
		code = err_set(err, ERR_LIMIT, "%s answers with more than %zu bytes",
			files_host(place), max_bytes);
	buf_release(out);
	*out = tool.out;
	tool.out = (struct buf){ 0 };
	tool_release(&tool);
	return code;
}

/* ------------------------------------------------------------------ digests */

/* Every entry, an empty text, then the digest of every file in the order of the entries.  A tree
 * that changes meanwhile shows in the two not fitting together. */
static const char sum_script[] =
	"cd -- \"$1\" || exit 9\n"
	"find . -mindepth 1 \\( -type d -printf 'd %P\\0' -o -type f -printf 'f %s %P\\0' "
	"-o -type l -printf 'l %l\\1%P\\0' -o -type p -printf 'p %P\\0' "
	"-o -type b -printf 'b %P\\0' -o -type c -printf 'c %P\\0' \\) || exit 1\n"
	"printf '\\0'\n"
	"find . -mindepth 1 -type f -print0 | xargs -0 -r sha256sum -bz --\n";

static bool is_hex(const char *text)
{
	return strspn(text, "0123456789abcdef") >= SHA256_HEX - 1;
}

/* "f SIZE PATH" and "HEX *./PATH" become "f SIZE HEX PATH"; owned, NULL when they do not fit. */
static char *join(const char *entry, const char *digest)
{
	const char *path = strchr(entry + 2, ' ');
	const size_t hex = SHA256_HEX - 1;

	if (path == NULL || digest == NULL || !is_hex(digest) ||
		strncmp(digest + hex, " *./", 4) != 0 || !str_eq(digest + hex + 4, path + 1))
		return NULL;
	return xasprintf("%.*s %.*s %s", (int)(path - entry), entry, (int)hex, digest, path + 1);
}

static enum err_code put_together(const struct buf *out, struct tree_sum *sum, struct err *err)
{
	const char *at = out->data, *end = out->data + out->len;
	size_t count = 0, room = 64;
	char **entries = xmalloc(room * sizeof(char *));
	const char *digest = at;
	bool fits = true;

	while (digest < end && *digest != '\0')
		digest += strlen(digest) + 1;
	digest = digest < end ? digest + 1 : NULL;
	for (; fits && at < end && *at != '\0'; at += strlen(at) + 1) {
		char *entry = at[0] == 'f' ? join(at, digest != NULL && digest < end ? digest : NULL)
					   : xstrdup(at);

		fits = entry != NULL;
		if (at[0] == 'f' && fits)
			digest += strlen(digest) + 1;
		if (count == room) {
			room *= 2;
			entries = xrealloc(entries, room * sizeof(char *));
		}
		if (fits)
			entries[count++] = entry;
	}
	fits = fits && digest != NULL && digest >= end;
	if (fits)
		tree_sum_entries(entries, count, sum);
	for (size_t i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return fits ? ERR_NONE
		    : err_set(err, ERR_CONFLICT, "the tree changed while it was being read");
}

enum err_code files_sum(struct call *call, const struct files_place *place, const char *dir,
	struct tree_sum *sum, struct err *err)
{
	const char *const args[] = { dir, NULL };
	struct buf out;

	if (place->host == NULL)
		return tree_sum(call, dir, sum, err);
	call_progress(call, -1, "%s reads its tree", place->host);
	enum err_code code =
		files_sh(call, place, sum_script, args, NULL, LISTING_MAX, NULL, &out, err);
	if (code == ERR_NONE)
		code = put_together(&out, sum, err);
	buf_release(&out);
	return code;
}

/* ------------------------------------------------------------------ rsync */

struct copying {
	struct call *call;
	int64_t files, bytes;
	struct mono reported;
};

/* The length of each file that was copied, a line each (--out-format). */
static void on_line(void *arg, int fd, const char *line)
{
	struct copying *c = arg;

	if (fd == 2 && line[0] != '\0')
		call_log(c->call, "%s", line);
	if (fd == 2)
		return;
	c->files++;
	c->bytes += strtoll(line, NULL, 10);
	if (mono_ms_since(c->reported) < REPORT_MS)
		return;
	c->reported = mono_now();
	call_progress(c->call, -1, "%" PRId64 " files, %" PRId64 " MiB copied", c->files,
		c->bytes >> 20);
}

/* rsync takes the words of -e apart at blanks; quotes hold them together. */
static enum err_code add_shell(
	struct words *words, struct call *call, const char *host, struct err *err)
{
	struct ssh_line line;
	struct words ssh = { 0 };
	struct buf text;

	buf_init(&text, SSH_COMMAND_MAX);
	enum err_code code = ssh_line_init(&line, call, host, false, true, err);
	for (size_t i = 0; code == ERR_NONE && i < line.count; i++)
		if (strchr(line.words[i], '\'') != NULL)
			code = err_set(err, ERR_USAGE, "rsync cannot be given \"%s\"", line.words[i]);
		else
			words_add(&ssh, line.words[i]);
	if (code == ERR_NONE)
		code = quoted(&ssh, " ", &text, err);
	if (code == ERR_NONE)
		words_pair(words, "-e", text.data);
	words_release(&ssh);
	ssh_line_release(&line);
	buf_release(&text);
	return code;
}

static void add_end(struct words *words, const struct files_place *place, const char *dir)
{
	char *text = xasprintf("%s%s%s/", place->host != NULL ? place->host : "",
		place->host != NULL ? ":" : "", dir);

	words_add(words, text);
	free(text);
}

static enum err_code said_why(const struct tool *tool, const char *host, struct err *err)
{
	if (host != NULL && ssh_failure(tool->errout.data, host, err))
		return err->code;
	return tool_failed(tool, err);
}

enum err_code files_rsync(struct call *call, const struct files_place *from, const char *from_dir,
	const struct files_place *to, const char *to_dir, const struct words *options,
	bool *partial, struct err *err)
{
	const char *host = from->host != NULL ? from->host : to->host;
	struct copying copying = { .call = call, .reported = mono_now() };
	struct tool tool = { .call = call, .on_line = on_line, .arg = &copying };
	struct words words = { 0 };
	char stall[32];
	enum err_code code = ERR_NONE;

	snprintf(stall, sizeof(stall), "--timeout=%d", RSYNC_STALL_S);
	words_pair(&words, setting_string(call, "rsync"), "--archive");
	words_pair(&words, "-s", stall);
	words_pair(&words, "--out-format=%l", "--no-human-readable");
	if (host != NULL)
		code = add_shell(&words, call, host, err);
	for (size_t i = 0; options != NULL && i < options->count; i++)
		words_add(&words, options->list[i]);
	words_add(&words, "--");
	add_end(&words, from, from_dir);
	add_end(&words, to, to_dir);
	tool.argv = (const char *const *)words.list;
	tool.env = (const char *const[]){ "RSYNC_*", "LC_ALL=C.UTF-8", NULL };
	if (code == ERR_NONE) {
		code = tool_run(&tool, err);
		*partial = tool.exit_status == RSYNC_PARTIAL || tool.exit_status == RSYNC_VANISHED;
		if (code == ERR_NONE && tool.exit_status != 0 && !*partial)
			code = said_why(&tool, host, err);
		tool_release(&tool);
	}
	words_release(&words);
	return code;
}
