/* plan.h: between the files that make a plan. */
#ifndef BOOK_PLAN_H
#define BOOK_PLAN_H

#include "workspace.h"

/* One file that takes part. */
struct plan_file {
	char *path;
	struct buf bytes;
	bool from_commit;  /* else from the directory */
	bool local;        /* env.yaml: recorded, but of the machine and not of the workspace */
};

struct planner {
	struct workspace *workspace;
	struct document *document; /* the runbook */
	struct source source;
	const char *mode;
	struct plan_file *files;
	size_t file_count, file_cap;
	json_t *modules;           /* name -> path */
	struct names targets;      /* of uses: and of params */
	const json_t *params;
};

/* Adds a file once.  ERR_LIMIT, ERR_WORKSPACE (not text). */
enum err_code plan_add_file(struct planner *planner, const char *path, const struct buf *bytes, bool from_commit,
	bool local, struct err *err) MUST_CHECK;
/* Documents, script files and every module that can be reached. */
enum err_code plan_collect(struct planner *planner, struct err *err) MUST_CHECK;
json_t *plan_files_json(const struct planner *planner);
/* The files of the directory are those of HEAD. */
bool plan_is_dirty(const struct planner *planner);
void plan_release(struct planner *planner);

/* The steps as docs/protocol.md section 1 wants them. */
enum err_code plan_steps(struct planner *planner, const struct steps *steps, json_t **out, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ shared with the summary (typed.c) */

/* A map as its table of keys reads it: texts stay texts whatever they look like. */
json_t *shape_value(const struct shape *shape, const struct node *node);
json_t *service_json(const struct workspace *workspace, const char *name);
json_t *environments_json(const struct workspace *workspace);
json_t *target_json(const struct workspace *workspace, const char *name);
json_t *texts_json(const struct node *list);

#endif
