/* plan.h: between the files that make a plan. */
#ifndef BOOK_PLAN_H
#define BOOK_PLAN_H

#include "refs.h"

/* One file that takes part. */
struct plan_file {
	char *path;
	struct buf bytes;
	bool from_commit;  /* else from the directory */
	bool local;        /* env.yaml: recorded, but of the machine and not of the workspace */
};

struct planner {
	struct workspace *workspace;
	struct shelf *shelf;
	struct document *document;   /* the runbook that was asked for */
	struct documents documents;  /* that, and every runbook it nests */
	struct source source;
	const char *mode;
	struct plan_file *files;
	size_t file_count, file_cap;
	json_t *modules;             /* name -> path */
	struct names targets;        /* of uses: and of params */
	json_t *target_rows;         /* by name, as the plan has them */
	json_t *params;              /* borrowed */
	json_t *steps;               /* what the plan's list is made of, in order */
	json_t *scopes;              /* of nested runbooks, by the id of the step */
};

/* One runbook while its steps are written out: the one that was asked for, or one that is nested. */
struct frame {
	struct document *document;
	struct steps steps;
	const char *scope;           /* full id of the step that nests it; NULL = the outermost */
	const char *prefix;          /* before the ids of its steps: "web/" */
	json_t *params;              /* literals, {"output": …} or {"secret": true} */
	json_t *entry;               /* full ids: what its first steps wait for */
};

/* Where in a frame steps are written: at its top, in a group, in one turn of a for_each. */
struct spot {
	const struct frame *frame;
	const struct spot *outer;    /* in the same frame */
	long loop;                   /* the group of whose turn this is; NO_STEP = none */
	const char *prefix;
	json_t *within;              /* full ids of the closing steps around it, outermost first */
	json_t *when;                /* conditions of the groups around it */
	long turn;                   /* the step with the for_each that item is of */
	json_t *item;                /* whose turn it is; NULL = no for_each */
	const char *item_name;
	json_t *items;               /* by name, of every for_each around it */
	const char *owner;           /* of the groups around it; NULL = they name none */
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

/* The targets that operations of effect change and above may touch, by name; owned. */
json_t *changes_json(const struct workspace *workspace, const json_t *steps);

/* The steps as docs/protocol.md section 1 wants them, nested runbooks, groups and for_each written out. */
enum err_code plan_steps(struct planner *planner, struct err *err) MUST_CHECK;
/* One step without what the graph says of it; id, needs: taken over. */
enum err_code plan_plain(struct planner *planner, const struct spot *spot, const struct step_row *row, const char *id,
	json_t *needs, json_t **out, struct err *err) MUST_CHECK;
/* The closing step of a group, a nested runbook or a for_each; needs: taken over. */
json_t *plan_closing(struct planner *planner, const struct spot *spot, const struct step_row *row, const char *id,
	json_t *needs);
/* True when the row is written here for one item of its own for_each. */
bool plan_is_turn(const struct spot *spot, const struct step_row *row);
/* An invariant of a group. */
enum err_code plan_watch(struct planner *planner, const struct spot *spot, const struct step_row *row, const char *id,
	json_t *needs, json_t **out, struct err *err) MUST_CHECK;
/* How a row's references are read from a spot. */
struct ref_view plan_view(struct planner *planner, const struct spot *spot, const struct step_row *row);
/* Full id of a row as seen from a spot; owned. */
char *plan_id(const struct spot *spot, long row);
/* Conditions (taken over) with what params and item hold put in for the names: what inherits them has its own.  params
 * NULL: parameters stay; item NULL: the item stays.  Owned. */
json_t *plan_settled(json_t *conditions, const json_t *params, json_t *item);
/* A member of an item, by a path as conditions have it; NULL when it is not there. */
json_t *plan_item_at(json_t *item, const char *path);
json_t *plan_runbook_json(const struct document *document);
/* Targets that parameters name. */
void plan_param_targets(struct planner *planner, const struct document *document, const json_t *params);

/* Puts into target_rows what stands for {param: NAME} of a secret.  ERR_USAGE. */
enum err_code plan_secrets(struct planner *planner, struct err *err) MUST_CHECK;

/* Where it says to stand: a name that no file of a workspace has. */
#define RECOVER_PATH ".recover.yaml"
/* A runbook that nests what recovers each of these services (waves.c); owned.  ERR_NOT_FOUND, ERR_USAGE, ERR_WORKSPACE. */
enum err_code waves_document(struct workspace *workspace, struct shelf *shelf, const char *const *names,
	size_t count, bool with_dependencies, const json_t *params, struct document **out, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ shared with the summary (typed.c) */

/* A map as its table of keys reads it: texts stay texts whatever they look like. */
json_t *shape_value(const struct shape *shape, const struct node *node);
json_t *service_json(const struct workspace *workspace, const char *name);
json_t *environments_json(const struct workspace *workspace);
json_t *target_json(const struct workspace *workspace, const char *name);
json_t *texts_json(const struct node *list);

#endif
