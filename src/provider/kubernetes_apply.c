/* kubernetes_apply.c: manifests into the cluster and out of it again.
 *
 * What an apply would do is asked of the API server itself (--dry-run=server): created,
 * configured or unchanged, for each object.  The same question afterwards is how it is
 * verified: all unchanged means that the cluster has what the manifest says. */
#include "kubernetes.h"

#include <stdlib.h>
#include <string.h>

enum { MANIFEST_MAX = 4 << 20, OBJECTS_MAX = 200, UNDO_MAX = 64 << 10 };

/* ------------------------------------------------------------------ the manifest */

/* Its bytes, and their digest.  Owned. */
static enum err_code manifest(
	struct call *call, char **text, char hex[SHA256_HEX], struct err *err)
{
	struct buf bytes;
	enum err_code code = ERR_NONE;

	if (call_has(call, "file") == call_has(call, "manifest"))
		return err_set(err, ERR_USAGE, "name one of file and manifest");
	if (call_has(call, "manifest")) {
		*text = json_line(call_json(call, "manifest"));
		sha256_hex(sha256_of(*text, strlen(*text)), hex);
		return ERR_NONE;
	}
	buf_init(&bytes, MANIFEST_MAX);
	code = file_read(call_string(call, "file"), MANIFEST_MAX, &bytes, err);
	if (code == ERR_NONE && bytes.len == 0)
		code = err_set(err, ERR_USAGE, "\"%s\" is empty", call_string(call, "file"));
	if (code == ERR_NONE) {
		*text = xstrdup(bytes.data);
		sha256_hex(sha256_of(*text, strlen(*text)), hex);
	}
	buf_release(&bytes);
	return code;
}

/* "deployment.apps/web configured (server dry run)" into {"deployment.apps/web": "configured"}.
 */
static enum err_code take_lines(const char *text, json_t *objects, struct err *err)
{
	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");
		const size_t name = strcspn(text, " ");

		if (len > 0 && name < len) {
			const char *word = text + name + 1;
			char *key = xasprintf("%.*s", (int)name, text);

			json_put(objects, key, json_text(word, strcspn(word, " \n")));
			free(key);
		}
		text += len + (text[len] != '\0');
	}
	if (json_object_size(objects) == 0 || json_object_size(objects) > OBJECTS_MAX)
		return err_set(err, ERR_USAGE, "a manifest holds 1 to %d objects, this %zu",
			OBJECTS_MAX, json_object_size(objects));
	return ERR_NONE;
}

/* What the server says of every object; a dry run changes nothing. */
static enum err_code apply(
	struct call *call, const char *text, bool dry, json_t *objects, struct err *err)
{
	const char *args[8] = { "apply", "-f", "-" };
	struct buf out = { 0 };
	size_t n = 3;

	if (!setting_bool(call, "validate"))
		args[n++] = "--validate=false";
	if (dry)
		args[n++] = "--dry-run=server";
	TRY(kubectl(call, args, text, &out, err));
	const enum err_code code = take_lines(out.data != NULL ? out.data : "", objects, err);
	buf_release(&out);
	return code;
}

static size_t count(const json_t *objects, const char *word)
{
	json_t *said;
	const char *name;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)objects, name, said)
		n += str_eq(json_string_value(said), word);
	return n;
}

/* ------------------------------------------------------------------ workload.apply */

/* What was applied the last time, so that undo can apply it again; NULL when it is not known
 * for every object. */
static json_t *last_applied(struct call *call, const json_t *objects)
{
	json_t *items = json_array(), *said;
	const char *name;
	bool all = true;

	json_object_foreach((json_t *)(uintptr_t)objects, name, said) {
		struct err ignored = { 0 };
		json_t *object = NULL, *old = NULL;

		if (!all || !str_eq(json_string_value(said), "configured"))
			continue;
		all = kubectl_get(call, name, &object, &ignored) == ERR_NONE;
		const char *text = json_str(
			json_object_get(json_object_get(object, "metadata"), "annotations"),
			"kubectl.kubernetes.io/last-applied-configuration", "");
		all = all && strlen(text) < UNDO_MAX &&
		      json_parse(text, strlen(text), &old, &ignored) == ERR_NONE;
		if (all)
			json_array_append(items, old);
		json_decref(old);
		json_decref(object);
	}
	if (all)
		return json_pack(
			"{s:s, s:s, s:o}", "apiVersion", "v1", "kind", "List", "items", items);
	json_decref(items);
	return NULL;
}

static void put_undo(struct call *call, const json_t *objects, json_t *before)
{
	const size_t made = count(objects, "created"), changed = count(objects, "configured");
	json_t *list = NULL, *said;
	const char *name;

	if (made > 0 && changed == 0) {
		list = json_array();
		json_object_foreach((json_t *)(uintptr_t)objects, name, said) {
			if (str_eq(json_string_value(said), "created"))
				json_array_append_new(list, json_string(name));
		}
		json_put(before, "undo",
			json_pack("{s:s, s:{s:o}}", "op", "workload.delete", "args",
				"resources", list));
	} else if (made == 0 && changed > 0 && (list = last_applied(call, objects)) != NULL) {
		json_put(before, "undo",
			json_pack("{s:s, s:{s:o}}", "op", "workload.apply", "args", "manifest",
				list));
	}
}

enum err_code kubernetes_prepare_apply(struct call *call, json_t *before, struct err *err)
{
	char *text = NULL, *reason;
	char hex[SHA256_HEX];
	json_t *objects = json_object(), *said;
	const char *name;

	json_put(before, "objects", objects);
	TRY(manifest(call, &text, hex, err));
	enum err_code code = apply(call, text, true, objects, err);
	free(text);
	TRY(code);
	json_object_foreach(objects, name, said)
		TRY(kubernetes_check_resource(name, err));
	const size_t made = count(objects, "created"), changed = count(objects, "configured");
	json_put_str(before, "digest", hex);
	json_put_str(
		before, "effect", effect_name(changed > 0 ? EFFECT_COSTLY : EFFECT_CHANGE));
	reason = xasprintf("of %zu objects %zu are created and %zu changed",
		json_object_size(objects), made, changed);
	json_put_str(before, "effect_reason", reason);
	free(reason);
	put_undo(call, objects, before);
	return ERR_NONE;
}

enum err_code kubernetes_apply(struct call *call, json_t *result, struct err *err)
{
	json_t *objects = json_object(), *again = json_object();
	char *text = NULL;
	char hex[SHA256_HEX];
	enum err_code code = manifest(call, &text, hex, err);

	json_put(result, "objects", objects);
	if (code == ERR_NONE && !str_eq(hex, json_str(call_before(call), "digest", "")))
		code = err_set(err, ERR_PRECONDITION,
			"the manifest is another one than was shown: it was changed meanwhile");
	if (code != ERR_NONE) {
		err->world = WORLD_UNCHANGED;
		goto out;
	}
	code = apply(call, text, false, objects, err);
	if (code != ERR_NONE) {
		/* kubectl goes through the objects one by one */
		if (json_object_size(json_object_get(call_before(call), "objects")) > 1)
			err->world = WORLD_UNKNOWN;
		goto out;
	}
	code = apply(call, text, true, again, err);
	if (code == ERR_NONE && count(again, "unchanged") < json_object_size(again))
		code = err_set(err, ERR_CONFLICT,
			"the API server took the manifest, and %zu of %zu objects are still "
			"not so",
			json_object_size(again) - count(again, "unchanged"),
			json_object_size(again));
	if (code != ERR_NONE)
		err->world = WORLD_UNKNOWN;
out:
	json_decref(again);
	free(text);
	return code;
}

enum err_code kubernetes_verify_apply(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	json_t *objects = json_object();
	char *text = NULL;
	char hex[SHA256_HEX];

	json_put(evidence, "objects", objects);
	TRY(manifest(call, &text, hex, err));
	const bool same = str_eq(hex, json_str(call_before(call), "digest", ""));
	enum err_code code = apply(call, text, true, objects, err);
	free(text);
	TRY(code);
	*verdict = VERDICT_CANNOT_TELL;
	if (!same)
		json_put_str(evidence, "reason", "the manifest was changed meanwhile");
	else if (count(objects, "unchanged") == json_object_size(objects))
		*verdict = VERDICT_DONE;
	else if (json_equal(objects, json_object_get(call_before(call), "objects")) != 0)
		*verdict = VERDICT_NOT_DONE;
	else
		json_put_str(evidence, "reason", "some objects are as the manifest says");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ workload.delete */

static const char *uid_of(const json_t *object)
{
	return json_str(json_object_get(object, "metadata"), "uid", "");
}

enum err_code kubernetes_prepare_delete(struct call *call, json_t *before, struct err *err)
{
	json_t *uids = json_object(), *item;
	size_t i;

	json_put(before, "uids", uids);
	json_array_foreach((json_t *)(uintptr_t)call_json(call, "resources"), i, item) {
		json_t *object = NULL;

		TRY(kubectl_get(call, json_string_value(item), &object, err));
		json_put_str(uids, json_string_value(item), uid_of(object));
		json_decref(object);
	}
	return json_object_size(uids) > 0
		       ? ERR_NONE
		       : err_set(err, ERR_USAGE, "name what is to be deleted");
}

/* How many of them are gone (or are others of the same name), and how many are there still. */
static enum err_code look(
	struct call *call, const json_t *uids, size_t *gone, size_t *there, struct err *err)
{
	const char *name;
	json_t *uid;

	*gone = *there = 0;
	json_object_foreach((json_t *)(uintptr_t)uids, name, uid) {
		json_t *object = NULL;
		const enum err_code code = kubectl_get(call, name, &object, err);

		if (code != ERR_NONE && code != ERR_NOT_FOUND)
			return code;
		const bool same =
			code == ERR_NONE && str_eq(uid_of(object), json_string_value(uid));
		json_decref(object);
		*(same ? there : gone) += 1;
	}
	return ERR_NONE;
}

enum err_code kubernetes_delete(struct call *call, json_t *result, struct err *err)
{
	const json_t *uids = json_object_get(call_before(call), "uids");
	const char *args[KUBECTL_WORDS_MAX] = { "delete", "--ignore-not-found", "--wait=true" };
	char *limit = xasprintf("--timeout=%llds", (long long)(call_left_ms(call) / 1000 + 1));
	size_t n = 3, gone, there;
	const char *name;
	json_t *uid;

	args[n++] = limit;
	json_object_foreach((json_t *)(uintptr_t)uids, name, uid) {
		if (n < KUBECTL_WORDS_MAX - 1)
			args[n++] = name;
	}
	enum err_code code = kubectl(call, args, NULL, NULL, err);
	free(limit);
	if (code != ERR_NONE) {
		if (json_object_size(uids) > 1)
			err->world = WORLD_UNKNOWN;
		return code;
	}
	code = look(call, uids, &gone, &there, err);
	if (code == ERR_NONE && there > 0)
		code = err_set(err, ERR_CONFLICT,
			"the API server took the deletion, and %zu are still there", there);
	if (code != ERR_NONE)
		err->world = WORLD_UNKNOWN;
	else
		json_put_int(result, "deleted", (int64_t)gone);
	return code;
}

enum err_code kubernetes_verify_delete(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	size_t gone, there;

	TRY(look(call, json_object_get(call_before(call), "uids"), &gone, &there, err));
	json_put_int(evidence, "gone", (int64_t)gone);
	json_put_int(evidence, "there", (int64_t)there);
	*verdict = there == 0  ? VERDICT_DONE
		   : gone == 0 ? VERDICT_NOT_DONE
			       : VERDICT_CANNOT_TELL;
	if (*verdict == VERDICT_CANNOT_TELL)
		json_put_str(evidence, "reason", "some are gone, some are there");
	return ERR_NONE;
}
