/* files.c: trees of files: is the copy fresh, backups as directories, restores from them; the tables
 * of the provider, and its doctor. */
#include "internal.h"

#include "files.h"
#include "ssh_client.h"
#include "tool.h"
#include "vault.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL = 4096 };

/* ------------------------------------------------------------------ doctor */

static void put_check(json_t *checks, const char *name, bool ok, const char *detail)
{
	json_array_append_new(checks, json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
					      "detail", json_text(detail, strlen(detail))));
}

static void check_place(
	struct call *call, const char *setting, bool writes, json_t *checks)
{
	static const char script[] = "cd -- \"$1\" || exit 9\n"
				     "[ \"$2\" = no ] || [ -w . ] || { echo 'may not be written' >&2; "
				     "exit 1; }\n"
				     "sha256sum --version >/dev/null && find --version >/dev/null\n";
	struct files_place place;
	struct err why = { 0 };
	struct buf out;
	char detail[300];

	if (!setting_has(call, setting))
		return;
	buf_init(&out, 0);
	bool good = files_place_of(call, setting, &place, &why) == ERR_NONE;
	if (good) {
		const char *const args[] = { place.path, writes ? "yes" : "no", NULL };

		good = files_sh(call, &place, script, args, NULL, SMALL, NULL, &out, &why) ==
		       ERR_NONE;
		snprintf(detail, sizeof(detail), "\"%s\" at %s", place.path, files_host(&place));
	}
	put_check(checks, setting, good, good ? detail : why.text);
	buf_release(&out);
	files_place_release(&place);
}

static enum err_code probe(struct call *call, json_t *report, struct err *err)
{
	const char *const version[] = { setting_string(call, "rsync"), "--version", NULL };
	struct tool tool = { .call = call, .argv = version, .quiet = true };
	json_t *checks = json_array();
	struct err why = { 0 };
	char line[120];

	(void)err;
	json_put(report, "checks", checks);
	const bool good = tool_must(&tool, &why) == ERR_NONE;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(tool.out.data, "\n"), tool.out.data);
	put_check(checks, "rsync", good, good ? line : why.text);
	tool_release(&tool);
	check_place(call, "path", false, checks);
	check_place(call, "copy", false, checks);
	check_place(call, "store", true, checks);
	return ERR_NONE;
}

/* ------------------------------------------------------------------ tables */

static const struct field settings[] = {
	{ .name = "path", .type = FIELD_PATH, .required = true, .help = "the tree, on this host" },
	{ .name = "copy", .type = FIELD_STRING, .help = "its copy: /DIR or HOST:/DIR" },
	{ .name = "store", .type = FIELD_STRING, .help = "where points are: /DIR or HOST:/DIR" },
	{ .name = "marker",
		.type = FIELD_STRING,
		.fallback = ".drillbook-marker",
		.help = "file in the tree that holds EPOCH_MS and is replicated with it" },
	{ .name = "rsync", .type = FIELD_STRING, .fallback = "rsync", .help = "rsync itself" },
	SSH_SETTINGS,
	FIELD_END
};

static const struct field status_params[] = {
	{ .name = "max_age",
		.type = FIELD_DURATION,
		.unit = "ms",
		.help = "raise PRECONDITION when the copy is older, or its age is not known" },
	FIELD_END
};
static const struct field status_results[] = {
	{ .name = "arrived", .type = FIELD_BOOL, .help = "a marker is at the copy" },
	{ .name = "marker_ms", .type = FIELD_INT, .unit = "ms", .help = "the time in it (epoch)" },
	{ .name = "age_ms", .type = FIELD_INT, .unit = "ms", .help = "how old that is now" },
	{ .name = "source_readable", .type = FIELD_BOOL, .help = "the tree's own marker is there" },
	{ .name = "source_marker_ms", .type = FIELD_INT, .unit = "ms", .help = "the time in it" },
	{ .name = "behind_ms", .type = FIELD_INT, .unit = "ms", .help = "it minus the copy's" },
	{ .name = "basis", .type = FIELD_STRING, .help = "what all this is taken from" },
	{ .name = "unknown", .type = FIELD_STRINGS, .help = "what could not be determined" },
	FIELD_END
};
static const struct field canary_params[] = {
	{ .name = "wait",
		.type = FIELD_DURATION,
		.unit = "ms",
		.fallback = "1m",
		.help = "how long it may take to arrive" },
	FIELD_END
};
static const struct field canary_results[] = {
	{ .name = "marker_ms", .type = FIELD_INT, .unit = "ms", .help = "when it was written" },
	{ .name = "lag_ms", .type = FIELD_INT, .unit = "ms", .help = "until it was seen there" },
	{ .name = "basis", .type = FIELD_STRING, .help = "how that was obtained" },
	FIELD_END
};
static const struct field compare_results[] = {
	{ .name = "equal", .type = FIELD_BOOL, .help = "true: a difference raises FAILED" },
	{ .name = "source", .type = FIELD_MAP, .help = "tree, files, directories, links, bytes" },
	{ .name = "copy", .type = FIELD_MAP, .help = "the same" },
	FIELD_END
};
static const struct field backup_params[] = {
	{ .name = "exclude", .type = FIELD_STRINGS, .help = "patterns of rsync to leave out" },
	{ .name = "checksum",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "compare contents with the point before, not size and time" },
	{ .name = "digest",
		.type = FIELD_BOOL,
		.fallback = "true",
		.help = "read the tree once more, so that point and restore can be compared" },
	{ .name = "allow_partial",
		.type = FIELD_BOOL,
		.fallback = "false",
		.help = "a point without the files that could not be read is no failure" },
	FIELD_END
};
static const struct field check_params[] = { VAULT_PICK_PARAMS, FIELD_END };
static const struct field check_results[] = { TREE_RESULTS,
	{ .name = "ok", .type = FIELD_BOOL, .help = "it is what was backed up" },
	{ .name = "point", .type = FIELD_STRING, .help = "the point that was read" },
	{ .name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it took" },
	FIELD_END };
static const struct field restore_params[] = { VAULT_PICK_PARAMS, RESTORED_PARAMS, FIELD_END };

static const struct operation operations[] = {
	{ .capability = "replication",
		.verb = "status",
		.effect = EFFECT_READ,
		.params = status_params,
		.results = status_results,
		.run = files_status,
		.cancel_help = "at once",
		.timeout_ms = 30000,
		.help = "how old the copy is, by the marker file that arrived there" },
	{ .capability = "replication",
		.verb = "canary",
		.effect = EFFECT_CHANGE,
		.params = canary_params,
		.results = canary_results,
		.prepare = files_canary_prepare,
		.run = files_canary,
		.verify = files_canary_verify,
		.cancel_help = "between polls; the marker stays",
		.idempotent = true,
		.timeout_ms = 600000,
		.help = "write the marker and time its arrival at the copy" },
	{ .capability = "replication",
		.verb = "compare",
		.effect = EFFECT_READ,
		.results = compare_results,
		.run = files_compare,
		.cancel_help = "between pieces of a file",
		.timeout_ms = 3600000,
		.help = "read tree and copy whole and compare their digests" },
	{ .capability = "backup",
		.verb = "points",
		.effect = EFFECT_READ,
		.params = vault_points_params,
		.results = vault_points_results,
		.run = files_points,
		.cancel_help = "at once",
		.timeout_ms = 60000,
		.help = "the points in the store, newest first" },
	{ .capability = "backup",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = backup_params,
		.results = vault_backup_results,
		.prepare = files_backup_prepare,
		.run = files_backup_run,
		.verify = files_backup_verify,
		.cancel_help = "at once; what was copied is removed",
		.idempotent = true,
		.timeout_ms = 3600000,
		.help = "copy the tree into a new directory of the store" },
	{ .capability = "backup",
		.verb = "verify",
		.effect = EFFECT_READ,
		.params = check_params,
		.results = check_results,
		.run = files_backup_check,
		.cancel_help = "at once",
		.timeout_ms = 3600000,
		.help = "read a whole point where it is and compare its digest" },
	{ .capability = "restore",
		.verb = "start",
		.effect = EFFECT_IRREVERSIBLE,
		.params = restore_params,
		.results = restored_results,
		.prepare = files_restore_prepare,
		.run = files_restore_run,
		.verify = restored_verify,
		.undo = "restore.cleanup",
		.cancel_help = "at once; the target is as it was",
		.timeout_ms = 3600000,
		.help = "restore a point to a new directory, or in place of one" },
	RESTORED_OPERATIONS,
	OPERATION_END
};

const struct provider files_provider = {
	.name = "files",
	.summary = "trees of files: age of a copy, backup and restore by rsync",
	.source = "rsync(1), GNU find(1), sha256sum(1)",
	.settings = settings,
	.operations = operations,
	.probe = probe,
};
