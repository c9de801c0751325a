/* git_signature.c: vcs.verify_signature.
 *
 * Sources: git-verify-commit(1), git-verify-tag(1), git-config(1) "gpg.*"; ssh-keygen(1)
 * "ALLOWED SIGNERS"; GnuPG doc/DETAILS "Format of the --status-fd output". */
#include "git.h"

#include <stdlib.h>
#include <string.h>

enum err_code git_check_outside(
	struct call *call, const char *setting, const char *path, struct err *err)
{
	const char *const insides[] = { setting_string(call, "path"), call_workspace(call) };
	char *real = realpath(path, NULL);
	enum err_code code = ERR_NONE;

	if (real == NULL)
		return err_set(err, ERR_NOT_FOUND, "setting \"%s\": there is no \"%s\"", setting,
			path);
	for (size_t i = 0; i < COUNT_OF(insides) && code == ERR_NONE; i++) {
		char *inside = insides[i][0] != '\0' ? realpath(insides[i], NULL) : NULL;
		const size_t len = inside != NULL ? strlen(inside) : 0;

		if (inside != NULL && strncmp(real, inside, len) == 0 &&
			(real[len] == '/' || real[len] == '\0'))
			code = err_set(err, ERR_PRECONDITION,
				"setting \"%s\": \"%s\" lies in \"%s\", so whoever writes there "
				"decides who may sign; keep it elsewhere",
				setting, real, inside);
		free(inside);
	}
	free(real);
	return code;
}

static enum err_code add_keys(
	struct call *call, struct words *words, char **home, struct err *err)
{
	const char *signers = setting_string(call, "allowed_signers");
	const char *ring = setting_string(call, "gnupg_home");
	char *text;

	*home = NULL;
	if (signers == NULL && ring == NULL)
		return err_set(err, ERR_USAGE,
			"target \"%s\" names nobody who may sign: set allowed_signers or gnupg_home",
			call_target(call));
	if (signers != NULL)
		TRY(git_check_outside(call, "allowed_signers", signers, err));
	if (ring != NULL)
		TRY(git_check_outside(call, "gnupg_home", ring, err));
	text = xasprintf("gpg.ssh.allowedSignersFile=%s", signers != NULL ? signers : "/dev/null");
	words_pair(words, "-c", text);
	free(text);
	words_pair(words, "-c", "gpg.ssh.program=ssh-keygen");
	words_pair(words, "-c", "gpg.ssh.revocationFile=/dev/null");
	words_pair(words, "-c", ring != NULL ? "gpg.program=gpg" : "gpg.program=false");
	words_pair(words, "-c", ring != NULL ? "gpg.openpgp.program=gpg" : "gpg.openpgp.program=false");
	words_pair(words, "-c", "gpg.x509.program=false");
	words_pair(words, "-c", "gpg.minTrustLevel=undefined");
	*home = xasprintf("GNUPGHOME=%s", ring != NULL ? ring : "/nonexistent");
	return ERR_NONE;
}

/* The words between two texts in a line; "" when they are not there. */
static void between(const char *text, const char *from, const char *to, char *out, size_t size)
{
	const char *at = strstr(text, from), *end;

	out[0] = '\0';
	if (at == NULL)
		return;
	at += strlen(from);
	const size_t line = strcspn(at, "\n");
	end = to != NULL ? strstr(at, to) : at + line;
	if (end != NULL && end <= at + line)
		snprintf(out, size, "%.*s", (int)(end - at), at);
}

/* The words of ssh-keygen -Y verify, or of gpg --status-fd.  False = no good signature. */
static bool read_signature(const char *said, json_t *result)
{
	char signer[300], key[200];

	between(said, "Good \"git\" signature for ", " with ", signer, sizeof(signer));
	if (signer[0] != '\0') {
		between(said, " key ", NULL, key, sizeof(key));
		json_put_str(result, "format", "ssh");
	} else {
		char words[400];

		between(said, "[GNUPG:] GOODSIG ", NULL, words, sizeof(words));
		between(said, "[GNUPG:] VALIDSIG ", NULL, key, sizeof(key));
		key[strcspn(key, " ")] = '\0';
		if (words[0] == '\0' || key[0] == '\0' ||
			strstr(said, "[GNUPG:] REVKEYSIG ") != NULL ||
			strstr(said, "[GNUPG:] EXPKEYSIG ") != NULL)
			return false;
		snprintf(signer, sizeof(signer), "%s", git_behind(words, 1));
		json_put_str(result, "format", "openpgp");
	}
	json_put_str(result, "signer", signer);
	json_put_str(result, "key", key);
	return true;
}

static enum err_code refused(
	struct call *call, const char *what, const struct tool *tool, struct err *err)
{
	const char *said = tool->errout.data;
	char line[TOOL_SAID_BYTES];

	if (said[strspn(said, "\n ")] == '\0' || strstr(said, "no signature found") != NULL)
		return err_set(err, ERR_FAILED, "%s is not signed", what);
	if (strstr(said, "No principal matched") != NULL)
		return err_set(err, ERR_FAILED, "%s is signed by a key that is not in \"%s\"", what,
			setting_string(call, "allowed_signers") != NULL
				? setting_string(call, "allowed_signers")
				: "allowed_signers");
	if (strstr(said, "NO_PUBKEY") != NULL)
		return err_set(err, ERR_FAILED, "%s is signed by a key that is not in gnupg_home", what);
	if (strstr(said, "cannot run") != NULL)
		return err_set(err, ERR_NOT_FOUND, "git: %s", tool_said(tool, line, sizeof(line)));
	return err_set(err, ERR_FAILED, "the signature of %s is not good: %s", what,
		tool_said(tool, line, sizeof(line)));
}

static bool is_wanted(const json_t *signers, const char *signer)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)signers, i,
		item) if (str_eq(json_string_value(item), signer)) return true;
	return json_array_size(signers) == 0;
}

static enum err_code check_signature(struct call *call, const char *what, const char *command,
	const char *id, json_t *result, struct err *err)
{
	struct words words;
	struct tool tool = { 0 };
	char *home = NULL;
	int status = -1;

	git_begin(&words, call);
	enum err_code code = add_keys(call, &words, &home, err);
	if (code != ERR_NONE) {
		words_release(&words);
		free(home);
		return code;
	}
	const char *const more[] = { home, NULL };
	words_pair(&words, command, "--raw");
	words_add(&words, id);
	code = git_run(call, &words, more, &status, &tool, err);
	if (code == ERR_NONE && (status != 0 || !read_signature(tool.errout.data, result)))
		code = refused(call, what, &tool, err);
	if (code == ERR_NONE &&
		!is_wanted(call_json(call, "signers"), json_str(result, "signer", NULL)))
		code = err_set(err, ERR_FAILED, "%s is signed by \"%s\", who is not among the signers",
			what, json_str(result, "signer", ""));
	json_put_flag(result, "good", code == ERR_NONE);
	tool_release(&tool);
	free(home);
	return code;
}

enum err_code git_verify_signature(struct call *call, json_t *result, struct err *err)
{
	char id[GIT_ID_BYTES], commit[GIT_ID_BYTES], what[GIT_ID_BYTES + 160];

	if (call_has(call, "tag")) {
		char *ref = xasprintf("refs/tags/%s", call_string(call, "tag"));
		const enum err_code code = git_resolve(call, ref, "tag", id, err);

		free(ref);
		TRY(code);
		TRY(git_resolve(call, id, "commit", commit, err));
		snprintf(what, sizeof(what), "tag \"%.120s\"", call_string(call, "tag"));
		json_put_str(result, "tag", call_string(call, "tag"));
	} else {
		TRY(git_resolve(call, call_string(call, "rev"), "commit", commit, err));
		snprintf(id, sizeof(id), "%s", commit);
		snprintf(what, sizeof(what), "commit %.12s", commit);
	}
	json_put_str(result, "commit", commit);
	return check_signature(call, what, call_has(call, "tag") ? "verify-tag" : "verify-commit", id,
		result, err);
}
