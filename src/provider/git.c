/* git.c: what a repository of configuration or code is at: head, clean, signed, changed since; the
 * tables of the provider, and what needs nothing but git. */
#include "internal.h"

#include "git.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ vcs.head */

static enum err_code put_commit(
	struct call *call, const char *id, json_t *result, struct err *err)
{
	struct words words;
	struct tool tool;

	git_begin(&words, call);
	words_pair(&words, "log", "-1");
	words_pair(&words, "--no-color", "--no-show-signature");
	words_pair(&words, "--format=%T%x00%ct%x00%an <%ae>%x00%s%x00", id);
	words_add(&words, "--");
	const enum err_code code = git_run(call, &words, NULL, NULL, &tool, err);
	if (code == ERR_NONE) {
		const char *at = tool.out.data, *end = at + tool.out.len;

		json_put_str(result, "commit", id);
		json_put_str(result, "tree", git_next_text(&at, end));
		json_put_int(result, "time_ms", strtoll(git_next_text(&at, end), NULL, 10) * 1000);
		json_put_str(result, "author", git_next_text(&at, end));
		json_put_str(result, "subject", git_next_text(&at, end));
	}
	tool_release(&tool);
	return code;
}

static enum err_code put_branch(struct call *call, json_t *result, struct err *err)
{
	struct words words;
	struct tool tool;
	int status;

	git_begin(&words, call);
	words_pair(&words, "symbolic-ref", "--quiet");
	words_pair(&words, "--short", "HEAD");
	const enum err_code code = git_run(call, &words, NULL, &status, &tool, err);
	json_put_flag(result, "detached", code == ERR_NONE && status != 0);
	if (code == ERR_NONE && status == 0)
		json_put(result, "branch",
			json_text(tool.out.data, strcspn(tool.out.data, "\n")));
	tool_release(&tool);
	return code;
}

static enum err_code put_tags(
	struct call *call, const char *id, json_t *result, struct err *err)
{
	json_t *tags = json_array();
	struct words words;
	struct tool tool;

	json_put(result, "tags", tags);
	git_begin(&words, call);
	words_pair(&words, "for-each-ref", "--points-at");
	words_pair(&words, id, "--format=%(refname:strip=2)");
	words_add(&words, "refs/tags");
	const enum err_code code = git_run(call, &words, NULL, NULL, &tool, err);
	for (const char *at = tool.out.data; code == ERR_NONE && *at != '\0';) {
		const size_t len = strcspn(at, "\n");

		if (len > 0 && json_array_size(tags) < GIT_SHOWN_MAX)
			json_array_append_new(tags, json_text(at, len));
		at += len + (at[len] == '\n');
	}
	tool_release(&tool);
	return code;
}

static enum err_code head(struct call *call, json_t *result, struct err *err)
{
	char id[GIT_ID_BYTES];

	TRY(git_resolve(call, call_string(call, "rev"), "commit", id, err));
	TRY(put_commit(call, id, result, err));
	TRY(put_branch(call, result, err));
	return put_tags(call, id, result, err);
}

/* ------------------------------------------------------------------ vcs.diff */

static enum err_code count_commits(struct call *call, const char *since, const char *to,
	json_t *result, struct err *err)
{
	char *range = xasprintf("%s..%s", since, to);
	struct words words;
	struct tool tool;
	int status = 0;

	git_begin(&words, call);
	words_pair(&words, "rev-list", "--count");
	words_pair(&words, range, "--");
	free(range);
	enum err_code code = git_run(call, &words, NULL, NULL, &tool, err);
	json_put_int(result, "commits", strtoll(tool.out.data, NULL, 10));
	tool_release(&tool);
	TRY(code);
	git_begin(&words, call);
	words_pair(&words, "merge-base", "--is-ancestor");
	words_pair(&words, since, to);
	code = git_run(call, &words, NULL, &status, &tool, err);
	json_put_flag(result, "forward", status == 0);
	tool_release(&tool);
	return code;
}

static enum err_code diff(struct call *call, json_t *result, struct err *err)
{
	char since[GIT_ID_BYTES], to[GIT_ID_BYTES];
	json_t *files = json_array();
	int64_t count = 0;
	struct words words;
	struct tool tool;

	json_put(result, "files", files);
	TRY(git_resolve(call, call_string(call, "since"), "commit", since, err));
	TRY(git_resolve(call, call_string(call, "to"), "commit", to, err));
	json_put_str(result, "since", since);
	json_put_str(result, "to", to);
	TRY(count_commits(call, since, to, result, err));
	if (json_array_size(call_json(call, "paths")) > WORDS_ROOM / 4)
		return err_set(err, ERR_LIMIT, "at most %d paths", WORDS_ROOM / 4);
	git_begin(&words, call);
	words_pair(&words, "diff-tree", "-r");
	words_pair(&words, "-z", "--name-status");
	words_pair(&words, "--no-renames", "--no-ext-diff");
	words_pair(&words, "--no-textconv", since);
	words_pair(&words, to, "--");
	words_all(&words, NULL, call_json(call, "paths"));
	const enum err_code code = git_run(call, &words, NULL, NULL, &tool, err);
	const char *at = tool.out.data, *end = at + tool.out.len;
	while (code == ERR_NONE && at < end) {
		const char *state = git_next_text(&at, end), *path = git_next_text(&at, end);

		count++;
		if (json_array_size(files) < GIT_SHOWN_MAX)
			json_array_append_new(files, json_pack("{s:s, s:o}", "state",
				state[0] == 'A'	  ? "added"
				: state[0] == 'D' ? "deleted"
				: state[0] == 'T' ? "type"
						  : "changed",
				"path", json_text(path, strlen(path))));
	}
	tool_release(&tool);
	json_put_int(result, "count", count);
	json_put_flag(result, "truncated", count > GIT_SHOWN_MAX);
	return code;
}

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
					      "detail", json_text(detail, strlen(detail))));
}

static void check_keys(struct call *call, const char *setting, json_t *checks)
{
	const char *path = setting_string(call, setting);
	struct err why = { 0 };

	if (path == NULL)
		return;
	const bool good = git_check_outside(call, setting, path, &why) == ERR_NONE;
	put_check(checks, setting, good, good ? path : why.text);
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	const char *const version[] = { setting_string(call, "program"), "--version", NULL };
	struct tool tool = { .call = call, .argv = version, .quiet = true };
	json_t *checks = json_array();
	char line[TOOL_SAID_BYTES], id[GIT_ID_BYTES];
	struct err why = { 0 };

	json_put(report, "checks", checks);
	const enum err_code code = tool_must(&tool, err);
	if (code == ERR_NONE)
		put_check(checks, "program", true, tool_said(&tool, line, sizeof(line)));
	tool_release(&tool);
	TRY(code);
	const bool good = git_resolve(call, "HEAD", "commit", id, &why) == ERR_NONE;
	put_check(checks, "repository", good, good ? id : why.text);
	check_keys(call, "allowed_signers", checks);
	check_keys(call, "gnupg_home", checks);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "path", .type = FIELD_PATH, .required = true, .help = "the work tree" },
	{ .name = "allowed_signers",
		.type = FIELD_PATH,
		.help = "who may sign with which SSH key (ssh-keygen(1)), outside of path and "
			"workspace" },
	{ .name = "gnupg_home",
		.type = FIELD_PATH,
		.help = "GnuPG directory that holds the keys of who may sign, and no other" },
	{ .name = "program", .type = FIELD_STRING, .fallback = "git", .help = "git itself" },
	FIELD_END
};

#define REV                                                                                    \
	{                                                                                      \
		.name = "rev", .type = FIELD_STRING, .fallback = "HEAD", .help = "which commit" \
	}
#define COMMIT                                                                                 \
	{                                                                                      \
		.name = "commit", .type = FIELD_STRING, .help = "its id"                       \
	}
#define FILES(text)                                                                            \
	{                                                                                      \
		.name = "files", .type = FIELD_ANY, .help = text                               \
	}
static const struct field head_params[] = { REV, FIELD_END };
static const struct field head_results[] = { COMMIT,
	{ .name = "tree", .type = FIELD_STRING, .help = "id of its tree" },
	{ .name = "time_ms", .type = FIELD_INT, .unit = "ms", .help = "when it was committed" },
	{ .name = "author", .type = FIELD_STRING, .help = "name and address" },
	{ .name = "subject", .type = FIELD_STRING, .help = "first line of its message" },
	{ .name = "branch", .type = FIELD_STRING, .help = "that is checked out, if any" },
	{ .name = "detached", .type = FIELD_BOOL, .help = "no branch is checked out" },
	{ .name = "tags", .type = FIELD_STRINGS, .help = "that point at it" },
	FIELD_END };
static const struct field clean_params[] = {
	{ .name = "allow_untracked",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "files that Git does not know do not count" },
	FIELD_END
};
static const struct field clean_results[] = {
	{ .name = "clean", .type = FIELD_BOOL, .help = "true: anything else raises PRECONDITION" },
	COMMIT,
	{ .name = "changed", .type = FIELD_INT, .help = "files that differ" },
	{ .name = "untracked", .type = FIELD_INT, .help = "files that Git does not know" },
	{ .name = "ignored_untracked", .type = FIELD_INT, .help = "of them, not counted" },
	{ .name = "hidden",
		.type = FIELD_INT,
		.help = "files marked so that changes do not show (assume-unchanged, "
			"skip-worktree)" },
	FILES("state and path of each, at most 1,000"), FIELD_END
};
static const struct field diff_params[] = {
	{ .name = "since", .type = FIELD_STRING, .required = true, .help = "a commit or tag" },
	{ .name = "to", .type = FIELD_STRING, .fallback = "HEAD", .help = "a commit or tag" },
	{ .name = "paths", .type = FIELD_STRINGS, .help = "only what is below these" },
	FIELD_END
};
static const struct field diff_results[] = {
	{ .name = "since", .type = FIELD_STRING, .help = "id of the commit" },
	{ .name = "to", .type = FIELD_STRING, .help = "id of the commit" },
	{ .name = "commits", .type = FIELD_INT, .help = "that are in to and not in since" },
	{ .name = "forward", .type = FIELD_BOOL, .help = "to comes after since" },
	FILES("state (added, deleted, changed, type) and path, at most 1,000"),
	{ .name = "count", .type = FIELD_INT, .help = "how many files differ" },
	{ .name = "truncated", .type = FIELD_BOOL, .help = "not all are in files" },
	FIELD_END
};
static const struct field signature_params[] = { REV,
	{ .name = "tag", .type = FIELD_STRING, .help = "a signed tag instead of a commit" },
	{ .name = "signers", .type = FIELD_STRINGS, .help = "only these of who may sign" },
	FIELD_END };
static const struct field signature_results[] = {
	{ .name = "good", .type = FIELD_BOOL, .help = "true: anything else raises FAILED" },
	COMMIT,
	{ .name = "tag", .type = FIELD_STRING, .help = "the tag that was asked for" },
	{ .name = "signer", .type = FIELD_STRING, .help = "who signed" },
	{ .name = "key", .type = FIELD_STRING, .help = "fingerprint of the key" },
	{ .name = "format", .type = FIELD_STRING, .help = "ssh or openpgp" },
	FIELD_END
};

#define READ(name, in, out, function, text)                                                    \
	{                                                                                      \
		.capability = "vcs", .verb = name, .effect = EFFECT_READ, .params = in,        \
		.results = out, .run = function, .cancel_help = "at once",                     \
		.timeout_ms = 60000, .help = text                                              \
	}

static const struct operation operations[] = {
	READ("head", head_params, head_results, head, "which commit, branch and tags it is at"),
	READ("clean", clean_params, clean_results, git_clean,
		"raise PRECONDITION unless the work tree is exactly what the commit says"),
	READ("diff", diff_params, diff_results, diff, "what changed since a commit"),
	READ("verify_signature", signature_params, signature_results, git_verify_signature,
		"raise FAILED unless a commit or tag is signed by who may sign"),
	OPERATION_END
};

const struct provider git_provider = {
	.name = "git",
	.summary = "Git: head, clean, signed, changed since",
	.source = "git(1) and its pages, Git 2.39",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
