/* postgres_tree.h: a data directory as files: copying one, taking one away. */
#ifndef PROVIDER_POSTGRES_TREE_H
#define PROVIDER_POSTGRES_TREE_H

#include "internal.h"

/* Copies the tree at from to the new directory to (0700) and brings it to disk; the modes stay.
 * total_bytes is for progress, 0 when not known.  A symbolic link is a tablespace and is
 * refused (ERR_UNSUPPORTED), so is anything that is neither file nor directory. */
enum err_code tree_copy(struct call *call, const char *from, const char *to,
	int64_t total_bytes, struct err *err) MUST_CHECK;
/* Removes a tree without following a symbolic link or leaving its file system.  The file last
 * (a name in the top directory, may be NULL) goes last, so that half a removal can still be
 * recognised.  A tree that is not there is ERR_NONE.  With call NULL it goes on to its end: for
 * tidying up after a stop. */
enum err_code tree_remove(
	struct call *call, const char *path, const char *last, struct err *err) MUST_CHECK;
/* Room for need bytes and a tenth of them where path will be; PRECONDITION. */
enum err_code tree_room(const char *path, int64_t need, struct err *err) MUST_CHECK;
/* The directory path is in; owned. */
char *tree_parent(const char *path);
/* Brings a directory's entries to disk. */
enum err_code tree_sync_dir(const char *path, struct err *err) MUST_CHECK;

#endif
