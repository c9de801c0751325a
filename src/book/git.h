/* git.h: between git.c and versions.c. */
#ifndef BOOK_GIT_H
#define BOOK_GIT_H

#include "workspace.h"

struct git_object {
	size_t index;         /* of the request */
	bool found, commit;   /* a blob or a commit */
	char id[GIT_ID];
	size_t size;
	const char *data;     /* borrowed for the call; NULL when only checked */
};
typedef void git_object_fn(void *arg, const struct git_object *object);

/* Runs git in the workspace.  ERR_NOT_FOUND outside of Git and without git; ERR_FAILED when git says no.  The
 * results are in *child, which the caller releases in every case. */
enum err_code git_run(const struct workspace *workspace, const char *const *args, const char *input,
	size_t max_output, struct child *child, struct err *err) MUST_CHECK;
/* A full id of a commit.  ERR_NOT_FOUND. */
enum err_code git_resolve(const struct workspace *workspace, const char *name, char commit[GIT_ID],
	struct err *err) MUST_CHECK;
/* One line for git_objects: a file of a commit. */
enum err_code git_request(struct buf *requests, const char *commit, const char *path, struct err *err) MUST_CHECK;
/* Asks for every line of requests; each is called in that order, and not for what max_output cuts off. */
enum err_code git_objects(const struct workspace *workspace, bool contents, const struct buf *requests,
	size_t max_output, git_object_fn *each, void *arg, struct err *err) MUST_CHECK;
/* The ids of the commits that changed a file, newest first, one a line. */
enum err_code git_history(const struct workspace *workspace, const char *path, size_t most,
	struct buf *out, struct err *err) MUST_CHECK;

#endif
