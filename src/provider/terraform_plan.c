/* terraform_plan.c: a plan is saved, shown with its digest, and exactly that one applied.
 *
 * Terraform refuses a saved plan when the state has moved since, which is the best guard there
 * is; prepare looks at the state's serial before anybody is asked, and at the digest of the
 * file. */
#include "declared.h"
#include "terraform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MAX = 200, KEEP_DAYS = 30 };

/* ------------------------------------------------------------------ saved plans */

enum err_code terraform_hash(const char *path, char hex[SHA256_HEX], struct err *err)
{
	struct buf bytes;

	buf_init(&bytes, TERRAFORM_PLAN_MAX);
	const enum err_code code = file_read(path, TERRAFORM_PLAN_MAX, &bytes, err);
	if (code == ERR_NONE)
		sha256_hex(sha256_of(bytes.data, bytes.len), hex);
	buf_release(&bytes);
	return code;
}

/* Plans nobody will apply any more: they hold variables in the clear. */
static void remove_old(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	struct stat st;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] != '.' &&
			fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_mtime < time(NULL) - KEEP_DAYS * 86400L)
			unlinkat(dirfd(d), entry->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
}

enum err_code terraform_plan_path(
	struct call *call, const char *name, const char *ending, char **path, struct err *err)
{
	char *dir = NULL;

	TRY(terraform_plans(call, &dir, err));
	*path = xasprintf("%s/%s%s", dir, name, ending);
	free(dir);
	return ERR_NONE;
}

/* The saved plan of that name as JSON.  Owned. */
enum err_code terraform_show(
	struct call *call, const char *path, json_t **plan, struct err *err)
{
	const char *const args[] = { "show", "-json", "-no-color", path, NULL };

	return terraform_json(call, args, plan, err);
}

/* ------------------------------------------------------------------ making one */

struct words {
	const char *list[WORDS_MAX];
	char *owned[WORDS_MAX];
	size_t count, owned_count;
};

static void word(struct words *w, const char *text)
{
	if (w->count < WORDS_MAX - 1)
		w->list[w->count++] = text;
}

static void made_word(struct words *w, char *text)
{
	if (w->owned_count == WORDS_MAX) {
		free(text);
		return;
	}
	w->owned[w->owned_count++] = text;
	word(w, text);
}

static void words_release(struct words *w)
{
	for (size_t i = 0; i < w->owned_count; i++)
		free(w->owned[i]);
}

static void each_word(struct words *w, const char *option, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, item)
		made_word(w, xasprintf("%s%s", option, json_string_value(item)));
}

static void variables(struct words *w, const json_t *map)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)map, name, value) {
		char *text = json_is_string(value) ? xstrdup(json_string_value(value))
						   : json_line(value);

		made_word(w, xasprintf("-var=%s=%s", name, text));
		free(text);
	}
}

/* Plans into path, and reads the plan back.  *plan is owned. */
static enum err_code make_plan(struct call *call, const struct terraform_wish *wish,
	const char *path, json_t **plan, struct err *err)
{
	struct words w = { 0 };
	struct terraform_said said = { .call = call };
	int status = -1;
	enum err_code code = ERR_NONE;

	word(&w, "plan");
	word(&w, "-input=false");
	word(&w, "-json");
	word(&w, "-lock-timeout=10s");
	word(&w, "-detailed-exitcode");
	made_word(&w, xasprintf("-out=%s", path));
	if (wish->destroy)
		word(&w, "-destroy");
	each_word(&w, "-target=", wish->targets);
	each_word(&w, "-replace=", wish->replace);
	each_word(&w, "-var-file=", setting_json(call, "var_files"));
	if (setting_has(call, "variables"))
		word(&w, "-var-file={secret}");
	variables(&w, setting_json(call, "vars"));
	variables(&w, wish->vars);
	if (w.count >= WORDS_MAX - 1)
		code = err_set(err, ERR_LIMIT, "a plan takes at most %d words", WORDS_MAX);
	call_progress(call, -1, "planning");
	if (code == ERR_NONE)
		code = terraform_run(call, w.list, &said, NULL, &status, err);
	if (code == ERR_NONE && status != 0 && status != 2)
		code = terraform_failed(call, "plan", &said, status, err);
	if (code == ERR_NONE && chmod(path, 0600) != 0)
		code = err_errno(err, "the saved plan \"%s\"", path);
	if (code == ERR_NONE)
		code = terraform_show(call, path, plan, err);
	terraform_said_release(&said);
	words_release(&w);
	return code;
}

static json_t *drift_of(const json_t *plan)
{
	json_t *list = json_array(), *row;
	size_t i;

	json_array_foreach(json_object_get(plan, "resource_drift"), i, row) {
		const char *action = terraform_action(row);

		if (action != NULL && json_array_size(list) < TERRAFORM_ROWS_MAX)
			json_array_append_new(
				list, json_pack("{s:s, s:s}", "address",
					      json_str(row, "address", "?"), "action", action));
	}
	return list;
}

bool terraform_empty(const json_t *plan)
{
	const struct terraform_tally t = terraform_tally(plan);

	return t.create + t.update + t.destroy + t.replace + t.other + t.outputs == 0;
}

/* The plan gets its digest as its name; beside it goes what the state was before it was made.
 */
static enum err_code keep_plan(struct call *call, const char *path, const json_t *serial,
	char hex[SHA256_HEX], struct err *err)
{
	char *kept = NULL, *beside = NULL, *text = json_line(serial);
	enum err_code code = terraform_hash(path, hex, err);

	if (code == ERR_NONE)
		code = terraform_plan_path(call, hex, ".tfplan", &kept, err);
	if (code == ERR_NONE)
		code = terraform_plan_path(call, hex, ".json", &beside, err);
	if (code == ERR_NONE)
		code = file_replace(beside, text, strlen(text), 0600, err);
	if (code == ERR_NONE && rename(path, kept) != 0)
		code = err_errno(err, "the saved plan \"%s\"", kept);
	free(kept);
	free(beside);
	free(text);
	return code;
}

/* A plan of the call's wish in a file that is new; *path is owned, also on error. */
enum err_code terraform_new_plan(struct call *call, const struct terraform_wish *wish,
	char **path, json_t **serial, json_t **plan, struct err *err)
{
	char name[64];
	char *dir = NULL;
	uint64_t chance;

	TRY(random_bytes(&chance, sizeof(chance), err));
	snprintf(name, sizeof(name), "new-%016llx", (unsigned long long)chance);
	TRY(terraform_plans(call, &dir, err));
	remove_old(dir);
	free(dir);
	TRY(terraform_plan_path(call, name, ".tfplan", path, err));
	TRY(terraform_init(call, err));
	/* before the plan: a state that moves meanwhile makes it stale, never fresh */
	TRY(terraform_serial(call, serial, err));
	return make_plan(call, wish, *path, plan, err);
}

enum err_code terraform_plan(struct call *call, json_t *result, struct err *err)
{
	const struct terraform_wish wish = { .vars = call_json(call, "vars"),
		.targets = call_json(call, "only"),
		.replace = call_json(call, "replace"),
		.destroy = call_bool(call, "destroy") };
	json_t *plan = NULL, *serial = NULL;
	char *path = NULL;
	char hex[SHA256_HEX];
	enum err_code code = terraform_new_plan(call, &wish, &path, &serial, &plan, err);

	if (code == ERR_NONE)
		code = keep_plan(call, path, serial, hex, err);
	if (code == ERR_NONE) {
		json_put_str(result, "plan", hex);
		json_put_flag(result, "empty", terraform_empty(plan));
		json_put_int(result, "serial", json_int(serial, "serial", 0));
		terraform_put_tally(plan, result);
		json_put(result, "drift", drift_of(plan));
	} else if (path != NULL) {
		unlink(path);
	}
	json_decref(serial);
	json_decref(plan);
	free(path);
	return code;
}

enum err_code terraform_check(struct call *call, json_t *result, struct err *err)
{
	const struct terraform_wish wish = { .vars = call_json(call, "vars") };
	json_t *plan = NULL, *serial = NULL;
	char *path = NULL;
	const enum err_code code = terraform_new_plan(call, &wish, &path, &serial, &plan, err);

	if (code == ERR_NONE) {
		json_t *drift = drift_of(plan);

		json_put_flag(
			result, "clean", terraform_empty(plan) && json_array_size(drift) == 0);
		json_put_int(result, "serial", json_int(serial, "serial", 0));
		terraform_put_tally(plan, result);
		json_put(result, "drift", drift);
	}
	if (path != NULL)
		unlink(path); /* it was for looking only */
	json_decref(serial);
	json_decref(plan);
	free(path);
	return code;
}
