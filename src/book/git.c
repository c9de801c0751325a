/* git.c: reading from Git without running anything the repository names.
 *
 * A repository's own configuration can name programs: hooks, fsmonitor, pagers, filters, external diffs,
 * textconv, signature checks, and transports when objects of a partial clone are missing.  So: only
 * rev-parse, rev-list and cat-file, which start none of the first (and verify-commit, see review.c); every switch that exists is off on
 * the command line besides, which wins over the repository; no transport is allowed at all; the
 * environment is our own.  Whether a file differs is told by the digest of its bytes (the blob format
 * of gitformat: "blob SIZE" NUL, bytes), because `git status` would run filters. */
#include "git.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TIMEOUT_MS = 10000, ARGS_MAX = 64, SMALL_OUTPUT = 1 << 20 };

static const char *const environment[] = {
	"PATH=/usr/local/bin:/usr/bin:/bin",
	"HOME=/nonexistent",
	"LC_ALL=C",
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_CONFIG_SYSTEM=/dev/null",
	"GIT_CONFIG_GLOBAL=/dev/null",
	"GIT_TERMINAL_PROMPT=0",
	"GIT_OPTIONAL_LOCKS=0",
	"GIT_NO_REPLACE_OBJECTS=1",
	"GIT_NO_LAZY_FETCH=1",
	"GIT_ALLOW_PROTOCOL=none",
	"GIT_SSH_COMMAND=false",
	"GIT_ASKPASS=false",
	"GIT_PAGER=cat",
	NULL,
};

static const char *const switches[] = {
	"--no-optional-locks", "--no-replace-objects", "--literal-pathspecs", "--no-pager",
	"-c", "core.hooksPath=/dev/null",
	"-c", "core.fsmonitor=false",
	"-c", "core.pager=cat",
	"-c", "core.sshCommand=false",
	"-c", "core.attributesFile=/dev/null",
	"-c", "protocol.allow=never",
	"-c", "diff.external=",
	"-c", "log.showSignature=false",
	"-c", "safe.bareRepository=explicit",
};

/* Only absolute directories of PATH: a "." in it would make a workspace's own "git" ours. */
static char *git_program(void)
{
	const char *path = getenv("PATH");

	if (path == NULL)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*path != '\0') {
		const size_t len = strcspn(path, ":");
		char *file = xasprintf("%.*s/git", (int)len, path);
		if (path[0] == '/' && access(file, X_OK) == 0)
			return file;
		free(file);
		path += len + (path[len] == ':');
	}
	return NULL;
}

/* The directory with .git at or above the workspace; NULL outside of Git.  Owned. */
static char *work_tree(const struct workspace *workspace)
{
	char *dir = xstrdup(workspace->root);

	for (;;) {
		char *git = path_join(dir, ".git");
		const bool there = path_exists(git);
		free(git);
		if (there)
			return dir;
		char *slash = strrchr(dir, '/');
		if (slash == NULL || strcmp(dir, "/") == 0) {
			free(dir);
			return NULL;
		}
		slash[slash == dir ? 1 : 0] = '\0';
	}
}

enum err_code git_run(const struct workspace *workspace, const char *const *args,
	const char *input, size_t max_output, struct child *child, struct err *err)
{
	char *top = work_tree(workspace), *program = git_program(), *safe = NULL;
	const char *argv[ARGS_MAX];
	size_t n = 0;
	enum err_code code;

	*child = (struct child){0};
	if (top == NULL || program == NULL) {
		code = err_set(err, ERR_NOT_FOUND,
			top == NULL ? "the workspace is not in Git" : "there is no git program");
		goto out;
	}
	safe = xasprintf("safe.directory=%s", top);
	argv[n++] = program;
	for (size_t i = 0; i < COUNT_OF(switches); i++)
		argv[n++] = switches[i];
	argv[n++] = "-c";
	argv[n++] = safe;
	argv[n++] = "-C";
	argv[n++] = workspace->root;
	for (size_t i = 0; args[i] != NULL && n + 1 < ARGS_MAX; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
	child->argv = argv;
	child->env = environment;
	child->input = input;
	child->input_bytes = input != NULL ? strlen(input) : 0;
	child->timeout_ms = TIMEOUT_MS;
	child->max_output_bytes = max_output;
	code = child_run(child, err);
	child->argv = NULL;
	if (code == ERR_NONE && child->exit_status != 0)
		code = err_set(err, ERR_FAILED, "git %s: %.200s", args[0],
			child->errout.data != NULL ? child->errout.data : "");
out:
	free(top);
	free(program);
	free(safe);
	return code;
}

static bool is_id(const char *s, size_t len)
{
	if (len != 40 && len != 64)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

enum err_code git_resolve(const struct workspace *workspace, const char *name, char commit[GIT_ID],
	struct err *err)
{
	char *peeled = xasprintf("%s^{commit}", name);
	const char *const args[] = {"rev-parse", "--verify", "--quiet", "--end-of-options", peeled, NULL};
	struct child child;
	enum err_code code = git_run(workspace, args, NULL, SMALL_OUTPUT, &child, err);
	const size_t len = code == ERR_NONE && child.out.data != NULL ? strcspn(child.out.data, "\n") : 0;

	if (code == ERR_FAILED || (code == ERR_NONE && !is_id(child.out.data, len)))
		code = err_set(err, ERR_NOT_FOUND, "there is no commit \"%.80s\"", name);
	if (code == ERR_NONE)
		snprintf(commit, GIT_ID, "%.*s", (int)len, child.out.data);
	child_release(&child);
	free(peeled);
	return code;
}

bool git_head(const struct workspace *workspace, char commit[GIT_ID])
{
	struct err ignored = {0};

	return git_resolve(workspace, "HEAD", commit, &ignored) == ERR_NONE;
}

/* ------------------------------------------------------------------ objects */

enum err_code git_objects(const struct workspace *workspace, bool contents, const struct buf *requests,
	size_t max_output, git_object_fn *each, void *arg, struct err *err)
{
	const char *const args[] = {"cat-file", contents ? "--batch" : "--batch-check", NULL};
	struct child child;
	enum err_code code = git_run(workspace, args, requests->data, max_output, &child, err);
	const char *at = child.out.data, *end = at != NULL ? at + child.out.len : NULL;
	size_t index = 0;

	while (code == ERR_NONE && at != NULL && at < end) {
		struct git_object object = {.index = index++};
		char type[16];
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (newline == NULL)
			break;
		const bool header = sscanf(at, "%71s %15s %zu", object.id, type, &object.size) == 3 &&
				    is_id(object.id, strlen(object.id));
		at = newline + 1;
		object.commit = header && strcmp(type, "commit") == 0;
		object.found = object.commit || (header && strcmp(type, "blob") == 0);
		if (contents && header) {
			if ((size_t)(end - at) < object.size)
				break; /* cut at max_output */
			object.data = at;
			at += object.size + 1;
		}
		each(arg, &object);
	}
	child_release(&child);
	return code;
}

/* cat-file reads one request a line, so no name may hold one. */
enum err_code git_request(struct buf *requests, const char *commit, const char *path, struct err *err)
{
	if (strpbrk(path, "\n\r") != NULL)
		return err_set(err, ERR_USAGE, "\"%.80s\" has a line break in its name", path);
	return buf_addf(requests, err, "%s:./%s\n", commit, path);
}

struct one {
	struct buf *out;
	bool found;
	enum err_code code;
	struct err *err;
};

static void take_one(void *arg, const struct git_object *object)
{
	struct one *one = arg;

	one->found = object->found && object->data != NULL;
	if (one->found)
		one->code = buf_add(one->out, object->data, object->size, one->err);
}

enum err_code git_read(const struct workspace *workspace, const char *commit, const char *path,
	size_t max_bytes, struct buf *out, struct err *err)
{
	struct one one = {.out = out, .err = err};
	struct buf request;
	enum err_code code;

	buf_init(&request, SMALL_OUTPUT);
	buf_init(out, max_bytes);
	code = git_request(&request, commit, path, err);
	if (code == ERR_NONE)
		code = git_objects(workspace, true, &request, max_bytes + 1024, take_one, &one, err);
	if (code == ERR_NONE)
		code = one.code;
	if (code == ERR_NONE && !one.found)
		code = err_set(err, ERR_NOT_FOUND, "commit %.12s has no \"%s\"", commit, path);
	if (code != ERR_NONE)
		buf_release(out);
	buf_release(&request);
	return code;
}

/* ------------------------------------------------------------------ differences */

struct comparison {
	const struct buf *const *bytes;
	size_t count, seen;
	bool differs, *each;
};

static void blob_id(const struct buf *bytes, bool sha1, char out[GIT_ID])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char header[32];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const int len = snprintf(header, sizeof(header), "blob %zu", bytes->len);

	if (context == NULL || !EVP_DigestInit_ex(context, sha1 ? EVP_sha1() : EVP_sha256(), NULL) ||
		!EVP_DigestUpdate(context, header, (size_t)len + 1) ||
		!EVP_DigestUpdate(context, bytes->data, bytes->len) ||
		!EVP_DigestFinal_ex(context, digest, &size))
		base_die("cannot make a digest");
	EVP_MD_CTX_free(context);
	for (unsigned i = 0; i < size; i++)
		snprintf(out + (size_t)i * 2, 3, "%02x", digest[i]);
}

static void compare(void *arg, const struct git_object *object)
{
	struct comparison *c = arg;
	char id[GIT_ID];

	if (object->index >= c->count)
		return;
	c->seen++;
	if (object->found)
		blob_id(c->bytes[object->index], strlen(object->id) == 40, id);
	const bool differs = !object->found || strcmp(id, object->id) != 0;
	c->differs = c->differs || differs;
	if (c->each != NULL)
		c->each[object->index] = differs;
}

bool git_differs(const struct workspace *workspace, const char *const *paths,
	const struct buf *const *bytes, size_t count, bool *each)
{
	struct comparison c = {.bytes = bytes, .count = count, .each = each};
	struct err ignored = {0};
	struct buf requests;
	enum err_code code = ERR_NONE;

	buf_init(&requests, 16 << 20);
	for (size_t i = 0; i < count && code == ERR_NONE; i++)
		code = git_request(&requests, "HEAD", paths[i], &ignored);
	if (code == ERR_NONE && count > 0)
		code = git_objects(workspace, false, &requests, 16 << 20, compare, &c, &ignored);
	buf_release(&requests);
	return code != ERR_NONE || c.differs || c.seen != count;
}

enum err_code git_history(const struct workspace *workspace, const char *path, size_t most,
	struct buf *out, struct err *err)
{
	char limit[40];
	const char *const args[] = {"rev-list", limit, "HEAD", "--", path, NULL};
	struct child child;

	buf_init(out, SMALL_OUTPUT);
	snprintf(limit, sizeof(limit), "--max-count=%zu", most);
	enum err_code code = git_run(workspace, args, NULL, SMALL_OUTPUT, &child, err);
	if (code == ERR_NONE)
		code = buf_add(out, child.out.data != NULL ? child.out.data : "", child.out.len, err);
	child_release(&child);
	if (code != ERR_NONE)
		buf_release(out);
	return code;
}
