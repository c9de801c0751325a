/* review.c: what a policy wants to know of a workspace before a run: is it as committed, who
 * signed the commit, who changed each file last.
 *
 * git verify-commit starts the program that a repository's configuration names; here every such
 * name is given on the command line, which wins.  Only SSH signatures are looked at, and only
 * by the keys of a file outside the workspace. */
#include "plan.h"

#include "git.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 20, OBJECT_MAX = 1 << 20, NAME_MAX_LEN = 256 };

/* ------------------------------------------------------------------ signatures */

/* `Good "git" signature for anna@example.org with ED25519 key SHA256:…`: the name; false when
 * it does not say so. */
static bool read_signer(const struct buf *said, char signer[NAME_MAX_LEN])
{
	static const char good[] = "Good \"git\" signature for ";
	const char *at = said->data;

	while (at != NULL && *at != '\0') {
		const size_t len = strcspn(at, "\n");
		if (len > strlen(good) && strncmp(at, good, strlen(good)) == 0) {
			const char *name = at + strlen(good), *end = name;
			for (const char *with = name;
				(with = strstr(with, " with ")) != NULL && with < at + len;
				with++)
				end = with; /* the last one: a principal may hold spaces */
			if (end > name && (size_t)(end - name) < NAME_MAX_LEN) {
				snprintf(signer, NAME_MAX_LEN, "%.*s", (int)(end - name), name);
				return true;
			}
		}
		at += len + (at[len] == '\n');
	}
	return false;
}

/* Inside the workspace its authors would say who may sign it. */
static enum err_code check_signers(
	const struct workspace *workspace, const char *path, struct err *err)
{
	char *real = realpath(path, NULL);
	struct stat st;
	enum err_code code = ERR_NONE;
	const size_t len = strlen(workspace->root);

	if (real == NULL || stat(real, &st) != 0 || !S_ISREG(st.st_mode))
		code = err_set(
			err, ERR_NOT_FOUND, "there is no file of allowed signers \"%s\"", path);
	else if (strncmp(real, workspace->root, len) == 0 && (real[len] == '/' || len == 1))
		code = err_set(err, ERR_FORBIDDEN,
			"the allowed signers \"%s\" lie inside the workspace", path);
	else if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0)
		code = err_set(err, ERR_FORBIDDEN,
			"others may write the allowed signers \"%s\"", path);
	free(real);
	return code;
}

static enum err_code verify_commit(const struct workspace *workspace, const char *commit,
	const char *signers, char signer[NAME_MAX_LEN], struct err *err)
{
	char *file = xasprintf("gpg.ssh.allowedSignersFile=%s", signers);
	const char *const args[] = { "-c", "gpg.program=false", "-c",
		"gpg.openpgp.program=false", "-c", "gpg.x509.program=false", "-c",
		"gpg.ssh.program=ssh-keygen", "-c", file, "-c", "gpg.ssh.revocationFile=", "-c",
		"gpg.minTrustLevel=fully", "verify-commit", commit, NULL };
	struct child child;

	enum err_code code = git_run(workspace, args, NULL, OUTPUT_MAX, &child, err);
	if (code == ERR_NONE && !read_signer(&child.errout, signer))
		code = ERR_FAILED;
	if (code == ERR_FAILED) {
		const char *said = child.errout.data != NULL ? child.errout.data : "";
		code = err_set(err, ERR_VERIFY,
			"commit %.12s carries no valid signature of an allowed signer%s%.*s",
			commit, said[0] != '\0' ? ": " : "", (int)strcspn(said, "\n"), said);
	}
	child_release(&child);
	free(file);
	return code;
}

/* The commits whose content runs: the work tree's, and the one a version was taken from. */
static enum err_code check_signed(const struct workspace *workspace, const json_t *plan,
	const char *signers, char signer[NAME_MAX_LEN], struct err *err)
{
	const char *head = json_str(json_object_get(plan, "workspace"), "commit", NULL);
	const char *version = json_str(json_object_get(plan, "runbook"), "commit", NULL);

	if (signers == NULL)
		return err_set(err, ERR_PRECONDITION,
			"the policy names no file of allowed signers (signers:)");
	if (head == NULL)
		return err_set(err, ERR_NOT_FOUND, "the workspace is not in Git");
	TRY(check_signers(workspace, signers, err));
	if (version != NULL && !str_eq(version, head))
		TRY(verify_commit(workspace, version, signers, signer, err));
	return verify_commit(workspace, head, signers, signer, err);
}

/* ------------------------------------------------------------------ who changed it last */

static void take_author(void *arg, const struct git_object *object)
{
	json_t *row = arg;
	const char *at = object->data, *end = at != NULL ? at + object->size : NULL;

	if (!object->found || !object->commit || at == NULL)
		return;
	while (at < end && *at != '\n') {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const size_t len = (size_t)((newline != NULL ? newline : end) - at);
		if (len > 7 && memcmp(at, "author ", 7) == 0) {
			const char *open = memchr(at, '<', len);
			const char *close =
				open != NULL ? memchr(open, '>', len - (size_t)(open - at))
					     : NULL;
			if (close != NULL)
				json_put(row, "mail",
					json_text(open + 1, (size_t)(close - open - 1)));
			return;
		}
		at += len + (newline != NULL);
	}
}

/* {"path","commit","mail"}; without the last two when Git does not know the file. */
static enum err_code last_change(const struct workspace *workspace, const char *commit,
	const char *path, json_t *row, struct err *err)
{
	const char *const args[] = { "rev-list", "--max-count=1", commit, "--", path, NULL };
	struct child child;
	struct buf request;
	char id[GIT_ID] = "";

	json_put_str(row, "path", path);
	enum err_code code = git_run(workspace, args, NULL, OUTPUT_MAX, &child, err);
	if (code == ERR_NONE && child.out.data != NULL)
		snprintf(id, sizeof(id), "%.*s", (int)strcspn(child.out.data, "\n"),
			child.out.data);
	child_release(&child);
	if (code != ERR_NONE || id[0] == '\0')
		return code;
	json_put_str(row, "commit", id);
	buf_init(&request, GIT_ID + 2);
	code = buf_addf(&request, err, "%s\n", id);
	if (code == ERR_NONE)
		code = git_objects(
			workspace, true, &request, OBJECT_MAX, take_author, row, err);
	buf_release(&request);
	return code;
}

/* Read from the directory also for a runbook of an earlier commit. */
static bool is_common(const char *path)
{
	for (const struct schema *s = schemas; s->kind != NULL; s++)
		if (str_eq(s->file, path))
			return true;
	return str_eq(path, "env.yaml");
}

static enum err_code last_changes(
	const struct workspace *workspace, const json_t *plan, json_t *out, struct err *err)
{
	const char *head = json_str(json_object_get(plan, "workspace"), "commit", NULL);
	const char *version = json_str(json_object_get(plan, "runbook"), "commit", NULL);
	const json_t *file;
	size_t i;

	if (head == NULL)
		return err_set(err, ERR_NOT_FOUND, "the workspace is not in Git");
	json_array_foreach(json_object_get(plan, "files"), i, file) {
		const char *path = json_str(file, "path", "");
		/* what comes with the program, or was written by it */
		if (str_starts(path, "library/") || str_eq(path, RECOVER_PATH))
			continue;
		json_t *row = json_object();
		json_array_append_new(out, row);
		TRY(last_change(workspace, version != NULL && !is_common(path) ? version : head,
			path, row, err));
		/* of this machine, and not meant to be committed */
		if (str_eq(path, "env.yaml") && json_object_get(row, "commit") == NULL)
			json_array_remove(out, json_array_size(out) - 1);
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ all of it */

static bool wanted(const json_t *conditions, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(conditions, i, row)
		if (str_eq(json_string_value(row), name))
			return true;
	return false;
}

json_t *workspace_review(const struct workspace *workspace, const json_t *plan,
	const json_t *conditions, const char *signers)
{
	const json_t *space = json_object_get(plan, "workspace");
	json_t *facts = json_object();
	char signer[NAME_MAX_LEN] = "";
	struct err err = { 0 };

	json_put_flag(facts, "clean",
		json_str(space, "commit", NULL) != NULL && !json_flag(space, "dirty", true));
	if (wanted(conditions, "signed")) {
		if (check_signed(workspace, plan, signers, signer, &err) == ERR_NONE)
			json_put_str(facts, "signer", signer);
		else
			json_put_str(facts, "unsigned", err.text);
	}
	if (wanted(conditions, "reviewed")) {
		json_t *rows = json_array();
		if (last_changes(workspace, plan, rows, &err) == ERR_NONE) {
			json_put(facts, "changes", rows);
		} else {
			json_decref(rows);
			json_put_str(facts, "unreviewed", err.text);
		}
	}
	return facts;
}
