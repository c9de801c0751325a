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

static enum err_code hash_file(const char *path, char hex[SHA256_HEX], struct err *err)
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

static enum err_code plan_path(
	struct call *call, const char *name, const char *ending, char **path, struct err *err)
{
	char *dir = NULL;

	TRY(terraform_plans(call, &dir, err));
	*path = xasprintf("%s/%s%s", dir, name, ending);
	free(dir);
	return ERR_NONE;
}

/* The saved plan of that name as JSON.  Owned. */
static enum err_code show(struct call *call, const char *path, json_t **plan, struct err *err)
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

/* What a plan is to be of: of everything, of the destruction of some addresses. */
struct wish {
	const json_t *vars, *targets, *replace; /* may be NULL */
	bool destroy;
};

/* Initialises, plans into path, and reads the plan back.  *plan is owned. */
static enum err_code make_plan(struct call *call, const struct wish *wish, const char *path,
	json_t **plan, struct err *err)
{
	struct words w = { 0 };
	struct terraform_said said = { .call = call };
	int status = -1;
	enum err_code code = terraform_init(call, err);

	if (code != ERR_NONE)
		return code;
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
		code = show(call, path, plan, err);
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

static bool is_empty(const json_t *plan)
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
	enum err_code code = hash_file(path, hex, err);

	if (code == ERR_NONE)
		code = plan_path(call, hex, ".tfplan", &kept, err);
	if (code == ERR_NONE)
		code = plan_path(call, hex, ".json", &beside, err);
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
static enum err_code new_plan(struct call *call, const struct wish *wish, char **path,
	json_t **serial, json_t **plan, struct err *err)
{
	char name[64];
	char *dir = NULL;
	uint64_t chance;

	TRY(random_bytes(&chance, sizeof(chance), err));
	snprintf(name, sizeof(name), "new-%016llx", (unsigned long long)chance);
	TRY(terraform_plans(call, &dir, err));
	remove_old(dir);
	free(dir);
	TRY(plan_path(call, name, ".tfplan", path, err));
	TRY(terraform_init(call, err));
	/* before the plan: a state that moves meanwhile makes it stale, never fresh */
	TRY(terraform_serial(call, serial, err));
	return make_plan(call, wish, *path, plan, err);
}

enum err_code terraform_plan(struct call *call, json_t *result, struct err *err)
{
	const struct wish wish = { .vars = call_json(call, "vars"),
		.targets = call_json(call, "only"),
		.replace = call_json(call, "replace"),
		.destroy = call_bool(call, "destroy") };
	json_t *plan = NULL, *serial = NULL;
	char *path = NULL;
	char hex[SHA256_HEX];
	enum err_code code = new_plan(call, &wish, &path, &serial, &plan, err);

	if (code == ERR_NONE)
		code = keep_plan(call, path, serial, hex, err);
	if (code == ERR_NONE) {
		json_put_str(result, "plan", hex);
		json_put_flag(result, "empty", is_empty(plan));
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
	const struct wish wish = { .vars = call_json(call, "vars") };
	json_t *plan = NULL, *serial = NULL;
	char *path = NULL;
	const enum err_code code = new_plan(call, &wish, &path, &serial, &plan, err);

	if (code == ERR_NONE) {
		json_t *drift = drift_of(plan);

		json_put_flag(result, "clean", is_empty(plan) && json_array_size(drift) == 0);
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

/* ------------------------------------------------------------------ which plan a call means */

/* provision.remove plans anew each time it is prepared; its file is named after the addresses,
 * and what is bound to the answer is the digest of the changes. */
static void remove_name(struct call *call, char name[80])
{
	char hex[SHA256_HEX];

	sha256_hex(json_digest(call_json(call, "addresses")), hex);
	snprintf(name, 80, "remove-%.16s", hex);
}

static bool is_remove(struct call *call)
{
	return str_eq(call_op(call), "provision.remove");
}

static void changes_hex(const json_t *plan, char hex[SHA256_HEX])
{
	sha256_hex(json_digest(json_object_get(plan, "resource_changes")), hex);
}

/* The path of the plan the call names; ERR_PRECONDITION when the file is not what its name
 * says. *path is owned, also on error. */
static enum err_code named_plan(struct call *call, char **path, struct err *err)
{
	char name[80], hex[SHA256_HEX];
	struct sha256 digest;
	struct err why = { 0 };

	if (is_remove(call)) {
		remove_name(call, name);
		return plan_path(call, name, ".tfplan", path, err);
	}
	snprintf(name, sizeof(name), "%s", call_string(call, "plan"));
	if (!sha256_parse(name, &digest) || strlen(name) != SHA256_HEX - 1)
		return err_set(err, ERR_USAGE,
			"plan must be the digest that provision.plan returned (64 hexadecimal "
			"digits)");
	TRY(plan_path(call, name, ".tfplan", path, err));
	if (hash_file(*path, hex, &why) != ERR_NONE)
		return err_set(err, ERR_NOT_FOUND,
			"there is no saved plan %.12s…: plan again (%.200s)", name, why.text);
	if (!str_eq(hex, name))
		return err_set(err, ERR_PRECONDITION,
			"the saved plan %.12s… is another file now: it was changed after it "
			"was "
			"shown",
			name);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ prepare */

static enum err_code check_fresh(
	struct call *call, const char *digest, json_t *before, struct err *err)
{
	json_t *now = NULL, *then = NULL;
	char *beside = NULL;
	struct buf text;
	enum err_code code;

	buf_init(&text, 4096);
	code = plan_path(call, digest, ".json", &beside, err);
	if (code == ERR_NONE)
		code = file_read(beside, 4096, &text, err);
	if (code == ERR_NONE)
		code = json_parse(text.data, text.len, &then, err);
	if (code == ERR_NONE)
		code = terraform_serial(call, &now, err);
	if (code == ERR_NONE) {
		json_put_int(before, "serial", json_int(now, "serial", 0));
		json_put_str(before, "lineage", json_str(now, "lineage", ""));
		if (json_equal(now, then) == 0)
			code = err_set(err, ERR_PRECONDITION,
				"the plan is stale: the state's serial was %lld when it was "
				"made "
				"and is %lld now; plan again",
				(long long)json_int(then, "serial", 0),
				(long long)json_int(now, "serial", 0));
	}
	json_decref(now);
	json_decref(then);
	buf_release(&text);
	free(beside);
	return code;
}

/* Only what was created can be taken away again. */
static void put_undo(const json_t *plan, json_t *before)
{
	const struct terraform_tally t = terraform_tally(plan);
	json_t *addresses, *row;
	size_t i;

	if (t.create == 0 || t.create > TERRAFORM_ROWS_MAX ||
		t.update + t.destroy + t.replace + t.other > 0)
		return;
	addresses = json_array();
	json_array_foreach(json_object_get(plan, "resource_changes"), i, row) {
		if (terraform_action(row) != NULL)
			json_array_append(addresses, json_object_get(row, "address"));
	}
	json_put(before, "undo",
		json_pack("{s:s, s:{s:o}}", "op", "provision.remove", "args", "addresses",
			addresses));
}

enum err_code terraform_prepare_apply(struct call *call, json_t *before, struct err *err)
{
	json_t *plan = NULL;
	char *path = NULL;
	enum err_code code = named_plan(call, &path, err);

	if (code == ERR_NONE)
		code = show(call, path, &plan, err);
	if (code == ERR_NONE && !json_flag(plan, "applyable", true) && !is_empty(plan))
		code = err_set(
			err, ERR_PRECONDITION, "the plan cannot be applied: it has errors");
	if (code == ERR_NONE)
		code = check_fresh(call, call_string(call, "plan"), before, err);
	if (code == ERR_NONE) {
		terraform_put_tally(plan, before);
		put_undo(plan, before);
	}
	json_decref(plan);
	free(path);
	return code;
}

static bool in_list(const json_t *list, const char *text)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, item) {
		if (str_eq(json_string_value(item), text))
			return true;
	}
	return false;
}

/* A plan with -target takes what depends on the addresses with it; nobody named that. */
static enum err_code check_removed(struct call *call, const json_t *plan, struct err *err)
{
	const json_t *addresses = call_json(call, "addresses");
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(plan, "resource_changes"), i, row) {
		const char *action = terraform_action(row);
		const char *address = json_str(row, "address", "?");

		if (action == NULL)
			continue;
		if (!str_eq(action, "delete") || !in_list(addresses, address))
			return err_set(err, ERR_PRECONDITION,
				"removing these would %s %s too, which is not among them",
				action, address);
	}
	return ERR_NONE;
}

enum err_code terraform_prepare_remove(struct call *call, json_t *before, struct err *err)
{
	const struct wish wish = { .targets = call_json(call, "addresses"), .destroy = true };
	json_t *plan = NULL, *serial = NULL;
	char hex[SHA256_HEX];
	char *path = NULL, *kept = NULL;
	enum err_code code;

	if (json_array_size(wish.targets) == 0 ||
		json_array_size(wish.targets) > TERRAFORM_ROWS_MAX)
		return err_set(err, ERR_USAGE, "name 1 to %d addresses", TERRAFORM_ROWS_MAX);
	code = new_plan(call, &wish, &path, &serial, &plan, err);
	if (code == ERR_NONE)
		code = check_removed(call, plan, err);
	if (code == ERR_NONE)
		code = named_plan(call, &kept, err);
	if (code == ERR_NONE && rename(path, kept) != 0)
		code = err_errno(err, "the saved plan \"%s\"", kept);
	if (code == ERR_NONE) {
		changes_hex(plan, hex);
		json_put_str(before, "changes", hex);
		json_put_int(before, "serial", json_int(serial, "serial", 0));
		json_put_str(before, "lineage", json_str(serial, "lineage", ""));
		terraform_put_tally(plan, before);
	} else if (path != NULL) {
		unlink(path);
	}
	json_decref(plan);
	json_decref(serial);
	free(path);
	free(kept);
	return code;
}

/* ------------------------------------------------------------------ run */

/* That an apply was begun: a state that shows nothing of it is then no proof that nothing was.
 */
static char *begun_mark(const char *path)
{
	return xasprintf("%.*s.begun", (int)(strlen(path) - strlen(".tfplan")), path);
}

static enum err_code check_changes(struct call *call, const json_t *plan, struct err *err)
{
	char hex[SHA256_HEX];

	if (!is_remove(call))
		return ERR_NONE;
	changes_hex(plan, hex);
	return str_eq(hex, json_str(call_before(call), "changes", ""))
		       ? ERR_NONE
		       : err_set(err, ERR_PRECONDITION,
				 "the saved plan is not the one that was shown");
}

static json_t *plain_outputs(const json_t *outputs)
{
	json_t *out = json_object(), *row;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)outputs, name, row) {
		if (!json_flag(row, "sensitive", true) && json_object_get(row, "value") != NULL)
			json_put(out, name, declared_result(json_object_get(row, "value")));
	}
	return out;
}

/* After the program ended by itself with a status that is not 0. */
static enum err_code apply_failed(struct call *call, const struct terraform_said *said,
	int status, const char *mark, struct err *err)
{
	terraform_failed(call, "apply", said, status, err);
	err->world = WORLD_UNCHANGED;
	if (said->began == 0) {
		unlink(mark);
		return err->code;
	}
	err->world = WORLD_UNKNOWN;
	return err_context(err, "%lld of %lld changes were made", (long long)said->made,
		(long long)said->total);
}

static enum err_code apply_file(struct call *call, const char *path, const json_t *plan,
	json_t *result, struct err *err)
{
	const struct terraform_tally t = terraform_tally(plan);
	const char *const args[] = { "apply", "-input=false", "-json", "-lock-timeout=10s",
		path, NULL };
	struct terraform_said said = { .call = call,
		.total = t.create + t.update + t.destroy + 2 * t.replace + t.other };
	const struct mono start = mono_now();
	char *mark = begun_mark(path);
	int status = -1;
	enum err_code code = file_replace(mark, "", 0, 0600, err);

	if (code == ERR_NONE)
		code = terraform_run(call, args, &said, NULL, &status, err);
	if (code == ERR_NONE && status != 0)
		code = apply_failed(call, &said, status, mark, err);
	else if (code == ERR_NOT_FOUND)
		unlink(mark);
	if (code == ERR_NONE) {
		json_put_int(result, "added", said.added);
		json_put_int(result, "changed", said.changed);
		json_put_int(result, "destroyed", said.destroyed);
		json_put_int(result, "took_ms", mono_ms_since(start));
		json_put(result, "outputs", plain_outputs(said.outputs));
	}
	terraform_said_release(&said);
	free(mark);
	return code;
}

enum err_code terraform_apply(struct call *call, json_t *result, struct err *err)
{
	json_t *plan = NULL;
	char *path = NULL;
	enum err_code code = named_plan(call, &path, err);

	if (code == ERR_NONE)
		code = show(call, path, &plan, err);
	if (code == ERR_NONE)
		code = check_changes(call, plan, err);
	if (code != ERR_NONE)
		err->world = WORLD_UNCHANGED;
	else
		code = apply_file(call, path, plan, result, err);
	json_decref(plan);
	free(path);
	return code;
}

/* ------------------------------------------------------------------ verify */

static void judge(const struct terraform_found *f, bool moved, bool begun, json_t *evidence,
	enum verdict *verdict)
{
	const int64_t all = f->done + f->undone + f->odd;
	char *reason = NULL;

	*verdict = VERDICT_CANNOT_TELL;
	if (all == 0)
		*verdict = moved ? VERDICT_DONE : VERDICT_NOT_DONE; /* outputs only */
	else if (f->done == all)
		*verdict = VERDICT_DONE;
	else if (f->undone == all && !begun)
		*verdict = VERDICT_NOT_DONE;
	else if (f->undone == all)
		reason = xasprintf(
			"it was begun, and the state shows nothing of it: look for what "
			"the %lld changes would have made",
			(long long)all);
	else
		reason = xasprintf("%lld of %lld changes are in the state, %lld are as before",
			(long long)f->done, (long long)all, (long long)f->undone);
	if (reason != NULL)
		json_put_str(evidence, "reason", reason);
	free(reason);
}

enum err_code terraform_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	static const char *const show_state[] = { "show", "-json", "-no-color", NULL };
	json_t *plan = NULL, *state = NULL, *serial = NULL;
	char *path = NULL;
	enum err_code code = named_plan(call, &path, err);

	if (code == ERR_NONE)
		code = show(call, path, &plan, err);
	if (code == ERR_NONE)
		code = check_changes(call, plan, err);
	if (code == ERR_NONE)
		code = terraform_serial(call, &serial, err);
	if (code == ERR_NONE)
		code = terraform_json(call, show_state, &state, err);
	if (code == ERR_NONE) {
		const int64_t now = json_int(serial, "serial", 0);
		const bool moved = now != json_int(call_before(call), "serial", 0);
		const struct terraform_found f = terraform_compare(plan, state, moved);
		char *mark = begun_mark(path);

		json_put_int(evidence, "serial", now);
		json_put_int(evidence, "made", f.done);
		json_put_int(evidence, "of", f.done + f.undone + f.odd);
		judge(&f, moved, path_exists(mark), evidence, verdict);
		free(mark);
	}
	json_decref(plan);
	json_decref(state);
	json_decref(serial);
	free(path);
	return code;
}
