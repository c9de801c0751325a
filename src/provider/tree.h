/* tree.h: a digest over a tree of files, and what else is done with whole trees.
 *
 * The digest is SHA-256 over one record for each entry below the root, a directory before what is
 * in it, names of one directory in the order of their bytes (which is the order of whole paths
 * when "/" sorts before every other byte):
 *
 *	d PATH NUL			a directory
 *	f SIZE SHA256-HEX PATH NUL	a file
 *	l TARGET NUL PATH NUL		a symbolic link
 *	p PATH NUL			a fifo; "b", "c" for devices
 *
 * PATH is relative to the root.  Sockets are left out (nothing backs them up), and so are
 * owners, modes and times: two copies are equal when they hold the same bytes under the same
 * names. */
#ifndef PROVIDER_TREE_H
#define PROVIDER_TREE_H

#include "drillbook/provider.h"

struct tree_sum {
	char sha256[SHA256_HEX];
	int64_t files, directories, links, bytes;
};

/* Reads everything; looks at the call's deadline and stop.  ERR_NOT_FOUND (no such directory),
 * ERR_FAILED (something in it cannot be read), ERR_TIMEOUT, ERR_CANCELLED. */
enum err_code tree_sum(
	struct call *call, const char *root, struct tree_sum *out, struct err *err) MUST_CHECK;
/* From entries that another host listed: "d PATH", "f SIZE SHA256 PATH", "l TARGET\1PATH", …, in
 * any order; sorted in place. */
void tree_sum_entries(char **entries, size_t count, struct tree_sum *out);
/* Members tree, files, directories, links, bytes. */
void tree_put(const struct tree_sum *sum, json_t *into);

/* What differs: {"missing": […], "extra": […], "changed": […]}, at most `most` names each, and how
 * many in all.  missing = only in a. */
enum err_code tree_diff(struct call *call, const char *a, const char *b, size_t most,
	json_t **out, int64_t *count, struct err *err) MUST_CHECK;
/* True when nothing below root was made, changed or removed since then. */
bool tree_untouched(const char *root, struct wall since);
/* Removes all of it, following nothing.  No error when it is not there.  call may be NULL: then
 * there is no deadline. */
enum err_code tree_delete(struct call *call, const char *root, struct err *err) MUST_CHECK;

#define TREE_RESULTS                                                                           \
	{ .name = "tree", .type = FIELD_STRING, .help = "SHA-256 over paths, types, sizes and "  \
							"contents" },                          \
		{ .name = "files", .type = FIELD_INT, .help = "regular files" },               \
		{ .name = "directories", .type = FIELD_INT, .help = "directories" },           \
		{ .name = "links", .type = FIELD_INT, .help = "symbolic links" },              \
	{                                                                                      \
		.name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "in the files"     \
	}

#endif
