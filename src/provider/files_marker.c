/* files_marker.c: replication.status, replication.canary and replication.compare.
 *
 * A marker file travels with whatever replicates the tree; the time written in the one that has
 * arrived says how old the copy is. */
#include "files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MARKER_MAX = 4096,
	NO_MARKER = 8,
	POLL_MS = 100,	   /* of a copy on this host */
	POLL_FAR_MS = 500, /* by ssh */
};

/* ------------------------------------------------------------------ the marker */

/* "EPOCH_MS [WORD]": what `date +%s%3N` writes is one. */
struct marker {
	bool there;
	int64_t at_ms;
	char word[200]; /* "" = none */
};

static enum err_code parse_marker(
	const char *text, const char *where, struct marker *marker, struct err *err)
{
	char *end;

	*marker = (struct marker){ .there = true };
	marker->at_ms = strtoll(text, &end, 10);
	if (end == text || marker->at_ms < 1000000000000 || strchr(" \n", *end) == NULL)
		return err_set(err, ERR_PROTOCOL,
			"the marker at %s is not \"EPOCH_MS\" or \"EPOCH_MS WORD\"", where);
	sscanf(end, "%199s", marker->word);
	return ERR_NONE;
}

static char *marker_path(struct call *call, const char *dir)
{
	return path_join(dir, setting_string(call, "marker"));
}

static enum err_code check_marker_name(struct call *call, struct err *err)
{
	const char *name = setting_string(call, "marker");

	if (name[0] != '\0' && name[0] != '-' && strchr(name, '/') == NULL &&
		!str_eq(name, ".") && !str_eq(name, ".."))
		return ERR_NONE;
	return err_set(err, ERR_USAGE, "setting \"marker\" must be the name of a file in the tree");
}

static enum err_code read_marker(struct call *call, const struct files_place *place,
	struct marker *marker, struct err *err)
{
	static const char script[] = "[ -d \"$1\" ] && [ -x \"$1\" ] || exit 9\n"
				     "[ -e \"$1/$2\" ] || exit 8\n"
				     "head -c 4096 \"$1/$2\"\n";
	const char *const args[] = { place->path, setting_string(call, "marker"), NULL };
	struct buf out;
	int status = 0;

	*marker = (struct marker){ 0 };
	enum err_code code =
		files_sh(call, place, script, args, NULL, MARKER_MAX, &status, &out, err);
	if (code == ERR_NONE && status == FILES_NO_PLACE)
		code = err_set(err, ERR_NOT_FOUND, "%s has no directory \"%s\" (setting %s)",
			files_host(place), place->path, place->setting);
	else if (code == ERR_NONE && status == 0)
		code = parse_marker(out.data, files_host(place), marker, err);
	else if (code == ERR_NONE && status != NO_MARKER)
		code = err_set(err, ERR_FAILED, "the marker at %s cannot be read (status %d)",
			files_host(place), status);
	buf_release(&out);
	return code;
}

/* ------------------------------------------------------------------ replication.status */

static void put_source(struct call *call, const struct marker *copy, json_t *result,
	json_t *unknown)
{
	struct files_place tree = files_tree(call);
	struct marker source = { 0 };
	struct err why = { 0 };
	const bool known = read_marker(call, &tree, &source, &why) == ERR_NONE && source.there;

	json_put_flag(result, "source_readable", known);
	if (known) {
		json_put_int(result, "source_marker_ms", source.at_ms);
		json_put_int(result, "behind_ms", source.at_ms - copy->at_ms);
	} else {
		json_array_append_new(unknown, json_string("source_marker_ms"));
		json_array_append_new(unknown, json_string("behind_ms"));
	}
	files_place_release(&tree);
}

enum err_code files_status(struct call *call, json_t *result, struct err *err)
{
	json_t *unknown = json_array();
	struct files_place copy;
	struct marker marker = { 0 };

	json_put(result, "unknown", unknown);
	enum err_code code = check_marker_name(call, err);
	if (code == ERR_NONE)
		code = files_place_of(call, "copy", &copy, err);
	else
		copy = (struct files_place){ 0 };
	if (code == ERR_NONE)
		code = read_marker(call, &copy, &marker, err);
	if (code == ERR_NONE) {
		const int64_t age = wall_now().ns / 1000000 - marker.at_ms;
		const int64_t most = call_int(call, "max_age");

		json_put_flag(result, "arrived", marker.there);
		if (marker.there) {
			json_put_int(result, "marker_ms", marker.at_ms);
			json_put_int(result, "age_ms", age);
			json_put_str(result, "basis",
				"the time written in the marker file that arrived at the copy");
			put_source(call, &marker, result, unknown);
		} else {
			json_array_append_new(unknown, json_string("marker_ms"));
			json_array_append_new(unknown, json_string("age_ms"));
		}
		if (call_has(call, "max_age") && !marker.there)
			code = err_set(err, ERR_PRECONDITION,
				"no marker has arrived at \"%s\": how old the copy is is not known",
				copy.path);
		else if (call_has(call, "max_age") && age > most)
			code = err_set(err, ERR_PRECONDITION,
				"the newest marker at \"%s\" is %" PRId64 " ms old, allowed are "
				"%" PRId64,
				copy.path, age, most);
	}
	files_place_release(&copy);
	return code;
}

/* ------------------------------------------------------------------ replication.canary */

enum err_code files_canary_prepare(struct call *call, json_t *before, struct err *err)
{
	struct files_place tree = files_tree(call), copy = { 0 };
	struct marker marker = { 0 };
	enum err_code code = check_marker_name(call, err);

	if (code == ERR_NONE)
		code = read_marker(call, &tree, &marker, err);
	if (code == ERR_NONE && access(tree.path, W_OK) != 0)
		code = err_set(err, ERR_PRECONDITION, "nothing may be written in \"%s\"", tree.path);
	if (code == ERR_NONE)
		json_put_int(before, "marker_ms", marker.at_ms);
	if (code == ERR_NONE)
		code = files_place_of(call, "copy", &copy, err);
	if (code == ERR_NONE)
		code = read_marker(call, &copy, &marker, err); /* is there anything to wait for? */
	files_place_release(&tree);
	files_place_release(&copy);
	return code;
}

/* rsync and its like take a file of the same size and the same second for the same file: a second
 * marker within a second is one blank longer, or shorter. */
static enum err_code write_marker(struct call *call, int64_t now_ms, struct err *err)
{
	char *path = marker_path(call, setting_string(call, "path"));
	char *text = xasprintf("%" PRId64 " %s\n", now_ms, call_key(call));
	struct stat old;

	if (stat(path, &old) == 0 && old.st_size == (off_t)strlen(text)) {
		free(text);
		text = xasprintf("%" PRId64 "  %s\n", now_ms, call_key(call));
	}
	const enum err_code code = file_replace(path, text, strlen(text), 0644, err);
	free(text);
	free(path);
	return code;
}

static enum err_code wait_for(struct call *call, const struct files_place *copy, int64_t sent_ms,
	struct mono start, json_t *result, struct err *err)
{
	const int64_t most = call_int(call, "wait");
	struct marker marker;

	for (;;) {
		TRY(read_marker(call, copy, &marker, err));
		if (marker.there && marker.at_ms == sent_ms &&
			str_eq(marker.word, call_key(call))) {
			json_put_int(result, "lag_ms", mono_ms_since(start));
			json_put_str(result, "basis", "canary: written here, then seen at the copy");
			return ERR_NONE;
		}
		if (mono_ms_since(start) > most)
			return err_set(err, ERR_TIMEOUT,
				"the marker did not arrive at \"%s\" within %" PRId64 " ms",
				copy->path, most);
		call_progress(call, -1, "waiting for the marker at the copy");
		TRY(call_sleep(call, copy->host != NULL ? POLL_FAR_MS : POLL_MS, err));
	}
}

enum err_code files_canary(struct call *call, json_t *result, struct err *err)
{
	const int64_t now_ms = wall_now().ns / 1000000;
	const struct mono start = mono_now();
	struct files_place copy;
	enum err_code code = files_place_of(call, "copy", &copy, err);

	if (code == ERR_NONE)
		code = write_marker(call, now_ms, err);
	if (code == ERR_NONE) {
		json_put_int(result, "marker_ms", now_ms);
		code = wait_for(call, &copy, now_ms, start, result, err);
		if (code != ERR_NONE)
			err->world = WORLD_CHANGED;
	}
	files_place_release(&copy);
	return code;
}

enum err_code files_canary_verify(
	struct call *call, json_t *evidence, enum verdict *verdict, struct err *err)
{
	struct files_place tree = files_tree(call);
	struct marker marker;
	const enum err_code code = read_marker(call, &tree, &marker, err);

	files_place_release(&tree);
	TRY(code);
	json_put_int(evidence, "marker_ms", marker.at_ms);
	json_put_str(evidence, "written_by", marker.word);
	*verdict = VERDICT_CANNOT_TELL;
	if (marker.at_ms == json_int(call_before(call), "marker_ms", -1))
		*verdict = VERDICT_NOT_DONE;
	else if (str_eq(marker.word, call_key(call)))
		*verdict = VERDICT_DONE;
	else
		json_put_str(evidence, "reason", "somebody else has written the marker since");
	return ERR_NONE;
}

/* ------------------------------------------------------------------ replication.compare */

static enum err_code sum_of(struct call *call, struct files_place *place, bool good,
	json_t *result, const char *member, struct tree_sum *sum, struct err *err)
{
	enum err_code code = good ? files_sum(call, place, place->path, sum, err) : err->code;
	json_t *facts = json_object();

	if (code == ERR_NONE)
		tree_put(sum, facts);
	json_put(result, member, facts);
	files_place_release(place);
	return code;
}

/* Both trees whole: nothing less shows that a copy is one. */
enum err_code files_compare(struct call *call, json_t *result, struct err *err)
{
	struct files_place tree = files_tree(call), copy;
	struct tree_sum a, b;
	enum err_code code = sum_of(call, &tree, true, result, "source", &a, err);

	if (code != ERR_NONE)
		return code;
	code = files_place_of(call, "copy", &copy, err);
	code = sum_of(call, &copy, code == ERR_NONE, result, "copy", &b, err);
	const bool equal = code == ERR_NONE && str_eq(a.sha256, b.sha256);
	json_put_flag(result, "equal", equal);
	if (code == ERR_NONE && !equal)
		code = err_set(err, ERR_FAILED,
			"the copy differs: %" PRId64 " files with %" PRId64 " bytes here, %" PRId64
			" with %" PRId64 " there",
			a.files, a.bytes, b.files, b.bytes);
	return code;
}
