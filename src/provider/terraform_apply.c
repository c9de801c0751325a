/* terraform_apply.c: exactly the plan that was shown is applied.
 *
 * Terraform refuses a saved plan when the state has moved since, which is the best guard there
 * is; prepare looks at the state's serial before anybody is asked, and at the digest of the
 * file. */
#include "declared.h"
#include "terraform.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
		return terraform_plan_path(call, name, ".tfplan", path, err);
	}
	snprintf(name, sizeof(name), "%s", call_string(call, "plan"));
	if (!sha256_parse(name, &digest) || strlen(name) != SHA256_HEX - 1)
		return err_set(err, ERR_USAGE,
			"plan must be the digest that provision.plan returned (64 hexadecimal "
			"digits)");
	TRY(terraform_plan_path(call, name, ".tfplan", path, err));
	if (terraform_hash(*path, hex, &why) != ERR_NONE)
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
	code = terraform_plan_path(call, digest, ".json", &beside, err);
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
		code = terraform_show(call, path, &plan, err);
	if (code == ERR_NONE && !json_flag(plan, "applyable", true) && !terraform_empty(plan))
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
	const struct terraform_wish wish = { .targets = call_json(call, "addresses"),
		.destroy = true };
	json_t *plan = NULL, *serial = NULL;
	char hex[SHA256_HEX];
	char *path = NULL, *kept = NULL;
	enum err_code code;

	if (json_array_size(wish.targets) == 0 ||
		json_array_size(wish.targets) > TERRAFORM_ROWS_MAX)
		return err_set(err, ERR_USAGE, "name 1 to %d addresses", TERRAFORM_ROWS_MAX);
	code = terraform_new_plan(call, &wish, &path, &serial, &plan, err);
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
		code = terraform_show(call, path, &plan, err);
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
		code = terraform_show(call, path, &plan, err);
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
