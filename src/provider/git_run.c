/* git_run.c: see git.h.
 *
 * Sources: git(1), git-config(1). */
#include "git.h"

#include <ctype.h>
#include <string.h>

enum { OUT_MAX = 64 << 20 };

static const char *const environment[] = {
	"HOME=/nonexistent",
	"XDG_CONFIG_HOME=/nonexistent",
	"LC_ALL=C",
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_CONFIG_SYSTEM=/dev/null",
	"GIT_CONFIG_GLOBAL=/dev/null",
	"GIT_TERMINAL_PROMPT=0",
	"GIT_OPTIONAL_LOCKS=0",
	"GIT_NO_REPLACE_OBJECTS=1",
	"GIT_NO_LAZY_FETCH=1",
	"GIT_ALLOW_PROTOCOL=none",
	"GIT_ASKPASS=false",
	"GIT_PAGER=cat",
	"GIT_*",
};

static const char *const switches[] = {
	"core.hooksPath=/dev/null",
	"core.fsmonitor=false",
	"core.pager=cat",
	"core.sshCommand=false",
	"core.attributesFile=/dev/null",
	"core.untrackedCache=false",
	"protocol.allow=never",
	"diff.external=",
	"log.showSignature=false",
	"submodule.recurse=false",
	"safe.bareRepository=explicit",
};

/* ------------------------------------------------------------------ running it */

void git_begin(struct words *words, struct call *call)
{
	const char *path = setting_string(call, "path");
	char *safe = xasprintf("safe.directory=%s", path);

	*words = (struct words){ 0 };
	words_pair(words, setting_string(call, "program"), "--no-optional-locks");
	words_pair(words, "--no-replace-objects", "--literal-pathspecs");
	words_add(words, "--no-pager");
	for (size_t i = 0; i < COUNT_OF(switches); i++)
		words_pair(words, "-c", switches[i]);
	words_pair(words, "-c", safe);
	words_pair(words, "-C", path);
	free(safe);
}

/* more: variables besides ours, NULL-terminated; NULL = none. */
static enum err_code run(
	struct tool *tool, struct words *words, const char *const *more, struct err *err)
{
	const char *env[GIT_VARIABLES_MAX + COUNT_OF(environment) + 1] = { NULL };
	size_t count = 0;

	for (; more != NULL && more[count] != NULL; count++)
		env[count] = more[count];
	for (size_t i = 0; i < COUNT_OF(environment); i++)
		env[count++] = environment[i];
	tool->argv = (const char *const *)words->list;
	tool->env = env;
	tool->max_output_bytes = OUT_MAX;
	tool->quiet = true;
	const enum err_code code = tool_run(tool, err);
	tool->env = NULL;
	return code;
}

static enum err_code failed(struct call *call, const struct tool *tool, struct err *err)
{
	char said[TOOL_SAID_BYTES];

	tool_said(tool, said, sizeof(said));
	if (strstr(tool->errout.data, "not a git repository") != NULL ||
		strstr(tool->errout.data, "cannot change to") != NULL)
		return err_set(err, ERR_NOT_FOUND, "\"%s\" is no Git repository",
			setting_string(call, "path"));
	return err_set(err, ERR_FAILED, "git: %s", said);
}

enum err_code git_run(struct call *call, struct words *words, const char *const *more,
	int *status, struct tool *tool, struct err *err)
{
	*tool = (struct tool){ .call = call };
	enum err_code code = run(tool, words, more, err);

	words_release(words);
	if (code == ERR_NONE && tool->truncated)
		code = err_set(err, ERR_LIMIT, "git says more than %d bytes", OUT_MAX);
	if (status != NULL)
		*status = tool->exit_status;
	if (code != ERR_NONE || tool->exit_status == 0)
		return code;
	return status != NULL && tool->exit_status == 1 ? ERR_NONE : failed(call, tool, err);
}

/* ------------------------------------------------------------------ revisions */

static bool is_id(const char *text, size_t len)
{
	if ((len != 40 && len != 64) || len >= GIT_ID_BYTES)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

enum err_code git_resolve(struct call *call, const char *name, const char *kind,
	char id[GIT_ID_BYTES], struct err *err)
{
	char *wanted = xasprintf("%s^{%s}", name, kind);
	struct words words;
	struct tool tool;
	int status;

	git_begin(&words, call);
	words_pair(&words, "rev-parse", "--verify");
	words_pair(&words, "--quiet", "--end-of-options");
	words_add(&words, wanted);
	free(wanted);
	enum err_code code = git_run(call, &words, NULL, &status, &tool, err);
	const size_t len = strcspn(tool.out.data, "\n");
	if (code == ERR_NONE && (status != 0 || !is_id(tool.out.data, len)))
		code = err_set(err, ERR_NOT_FOUND, "\"%s\" has no %s \"%s\"",
			setting_string(call, "path"), kind, name);
	if (code == ERR_NONE)
		snprintf(id, GIT_ID_BYTES, "%.*s", (int)len, tool.out.data);
	tool_release(&tool);
	return code;
}

/* ------------------------------------------------------------------ texts */

const char *git_next_text(const char **at, const char *end)
{
	const char *text = *at < end ? *at : "";

	*at += strlen(text) + (*at < end);
	return text;
}

const char *git_behind(const char *record, int blanks)
{
	while (blanks > 0 && *record != '\0')
		blanks -= *record++ == ' ';
	return record;
}
