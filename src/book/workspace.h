/* workspace.h: the documents of a workspace, and the questions that lint, plan and summary ask them. */
#ifndef BOOK_WORKSPACE_H
#define BOOK_WORKSPACE_H

#include "catalog.h"
#include "luascan.h"
#include "schema.h"

/* One YAML file, loaded. */
struct document {
	const struct schema *schema; /* NULL = env.yaml */
	char *path;                  /* relative to the workspace */
	char *name;                  /* of a runbook; NULL for the others */
	struct buf bytes;
	struct arena arena;
	struct node *root;           /* NULL when it could not be read */
	bool made_up;                /* no file of the workspace: written for a plan (waves.c) */
	struct problems problems;    /* found while loading */
	size_t *lines;               /* offsets of the lines; NULL until somebody asks */
	size_t line_count;
};

enum kind { DOC_DRILLBOOK, DOC_SERVICES, DOC_TARGETS, DOC_DRILLS, DOC_KINDS };

struct workspace {
	char *root;
	struct arena arena;          /* of the catalog */
	struct catalog catalog;
	struct document *docs[DOC_KINDS]; /* NULL = there is no such file */
	struct document *env;        /* env.yaml; NULL = none */
	bool env_used;
	struct document **runbooks;  /* sorted by name */
	size_t runbook_count;
	struct problems found;       /* in no particular document */
};

/* ------------------------------------------------------------------ documents (document.c) */

struct document *document_new(const struct schema *schema, const char *path);
/* From document->bytes to document->root; then what the tables of keys say about it. */
void document_parse(struct document *document);
void document_check(struct document *document);
void document_free(struct document *document);
void document_hex(const struct document *document, char out[SHA256_HEX]);
/* One line without its end; NULL behind the last. */
const char *document_line(struct document *document, size_t line, size_t *len);
struct place document_place(const struct document *document, const struct node *node);
struct place document_key_place(const struct document *document, const struct node *node);
/* ${NAME} in the values of targets.yaml, from env.yaml. */
void env_apply(struct workspace *workspace);

/* ------------------------------------------------------------------ files (source.c) */

/* Where scripts and modules are read: the directory, or a commit. */
struct source {
	const struct workspace *workspace;
	const char *commit; /* NULL = the directory */
};
enum { SCRIPT_MAX_BYTES = 1 << 20 };
/* A regular file inside the workspace; NOT_FOUND, USAGE (outside, no regular file), LIMIT. */
enum err_code source_read(const struct source *source, const char *path, size_t max_bytes, struct buf *out,
	struct err *err) MUST_CHECK;

/* A script of a step: inline or from a file. */
struct script {
	const char *file;   /* borrowed */
	unsigned line;      /* of the first line of text, in file */
	unsigned column;    /* how far line 1 is indented, plus 1 */
	unsigned indent;    /* of the lines that follow */
	const char *text;   /* borrowed from the node, or bytes.data */
	size_t len;
	struct buf bytes;
	bool from_file;
};
/* ERR_NOT_FOUND and so on as source_read; ERR_USAGE when node is no script. */
enum err_code script_open(struct script *script, struct document *document, const struct source *source,
	const struct node *node, struct err *err) MUST_CHECK;
void script_release(struct script *script);
struct place script_place(const struct script *script, unsigned line, unsigned column);

/* "lua/orders.lua" for orders; NULL when no file can have that name.  Owned. */
char *module_path(const char *name);
/* True when the library that is installed with drillbook has it. */
bool module_in_library(const char *name);

/* The directory with drillbook.yaml at or above dir, canonical; NULL when there is none.  Owned. */
char *workspace_find(const char *dir);

/* ------------------------------------------------------------------ questions (model.c) */

/* The entry of services:, targets:, environments:, …; NULL when there is none.  name may be NULL. */
const struct node *workspace_entry(const struct workspace *workspace, enum kind kind, const char *name);
/* False when the file is there and could not be read: then nothing can be said of its names. */
bool workspace_readable(const struct workspace *workspace, enum kind kind);
void workspace_entries(const struct workspace *workspace, enum kind kind, struct names *out);
struct document *workspace_runbook(const struct workspace *workspace, const char *name);
const struct provider *target_provider(const struct workspace *workspace, const char *target);
/* The services a runbook serves: service, then services; then those only its marks name. */
void runbook_services(const struct node *root, bool with_marks, struct names *out);
/* The service a mark is for; NULL when it cannot be told, also when a parameter tells it. */
const char *mark_service(const struct node *root, const struct node *mark);

/* Milliseconds of a duration; fallback when absent or wrong. */
int64_t duration_of(const struct node *map, const char *key, int64_t fallback);

/* ------------------------------------------------------------------ steps (steps.c) */

extern const char *const script_keys[]; /* "check" "run" "verify" "undo", NULL */
/* A script of a step, of an invariant or of a wait (its "run"); NULL when it has none. */
const struct node *step_script(const struct node *step, const char *key);
/* What must hold of the value that script returns; NULL when it has no tolerance. */
const struct node *step_tolerance(const struct node *step, const char *key);

enum { NO_STEP = -1 };

/* A step, a group or an invariant: a group shares the ids of its runbook with its members. */
struct step_row {
	const struct node *node;
	const char *id;
	bool watch;         /* an invariant of its parent */
	long parent;        /* the group it is a member of; NO_STEP = none */
	long loop;          /* the innermost group with for_each around it */
	long above;         /* the member before it in the same group */
	size_t *entry;      /* what it waits for before it begins: its own needs, or those of its group */
	size_t entry_count; /* indices; unknown names are left out */
	size_t *needs;      /* that, and of a group all its members: what has to be done for it to be done */
	size_t need_count;
};
struct steps {
	struct arena arena;
	struct step_row *rows; /* in the order of the file, a group before its members; only maps with an id */
	size_t count;
	struct step_row **sorted; /* by id */
	const struct node **nodes; /* the same, and those without an id */
	size_t node_count;
};
void steps_init(struct steps *steps, const struct node *root);
void steps_release(struct steps *steps);
struct step_row *steps_find(const struct steps *steps, const char *id);
/* True when step is group or lies in it. */
bool steps_inside(const struct steps *steps, long step, long group);

/* What the scripts of a step say, for lint and for its level. */
struct step_scan {
	struct arena arena;
	struct lua_call *calls;
	size_t count;
	bool complete;      /* every script could be read to its end */
};

/* "actions" or "queries" when that parameter of an operation names an entry of its target; else NULL. */
const char *declared_under(const char *op, const char *param);
/* Of an action or query: 3 when it declares none. */
int declared_effect(const struct node *row);
/* 0..3 from uses and the author's level; an operation nobody knows counts as 3.  from_uses (may be NULL) gets
 * the level of the known ones alone. */
int step_level(const struct workspace *workspace, struct document *document,
	const struct source *source, const struct node *step, int *from_uses);

/* ------------------------------------------------------------------ lint (lint*.c) */

struct shelf;
struct lint {
	struct workspace *workspace;
	struct source source;
	struct shelf *shelf;       /* where nested runbooks come from */
	struct document *document; /* the runbook */
	struct steps steps;
	struct problems *problems;
	struct names modules;      /* already looked at */
};
void lint_services(struct workspace *workspace, struct problems *problems);
void lint_drills(struct workspace *workspace, struct problems *problems);
/* One target, or all (NULL). */
void lint_targets(struct workspace *workspace, const char *only, struct problems *problems);
/* One runbook by itself: those it nests are looked into, not judged.  shelf NULL = that of the directory. */
void lint_runbook(struct workspace *workspace, struct document *document, struct shelf *shelf,
	struct problems *problems);
void lint_graph(struct lint *lint);
void lint_uses(struct lint *lint, const struct node *step);
void lint_scripts(struct lint *lint, const struct node *step);

/* ------------------------------------------------------------------ parameters (params.c) */

void lint_params(struct lint *lint);
/* A value as its declaration reads it; owned.  ERR_USAGE. */
enum err_code param_read(const struct workspace *workspace, const struct node *declaration, const json_t *given,
	json_t **out, struct err *err) MUST_CHECK;
/* True when it has no default and may not be left out. */
bool param_needed(const struct node *declaration);
/* The checked and completed parameters; owned.  ERR_USAGE. */
enum err_code params_resolve(const struct workspace *workspace, const struct document *document,
	const json_t *given, json_t **out, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ Git (git.c, versions.c) */

/* True when the workspace lies in a Git work tree with at least one commit; commit gets HEAD. */
enum { GIT_ID = 72 };
bool git_head(const struct workspace *workspace, char commit[GIT_ID]);
/* One file of a commit.  ERR_NOT_FOUND. */
enum err_code git_read(const struct workspace *workspace, const char *commit, const char *path,
	size_t max_bytes, struct buf *out, struct err *err) MUST_CHECK;
/* True when any of the files differs from HEAD, or is not in it; each (may be NULL) says which. */
bool git_differs(const struct workspace *workspace, const char *const *paths, const struct buf *const *bytes,
	size_t count, bool *each);
struct version {
	char commit[GIT_ID];
	int64_t version;    /* -1 = none */
	json_t *row;        /* as workspace_log gives it */
	struct buf bytes;
};
struct versions { struct version *rows; size_t count; };
/* The commits that changed a file, newest first.  keep: the bytes too. */
enum err_code versions_read(const struct workspace *workspace, const char *path, bool keep,
	struct versions *out, struct err *err) MUST_CHECK;
void versions_release(struct versions *versions);
/* Of one runbook or of all (NULL): changed, and the version: not raised. */
void lint_versions(struct workspace *workspace, const char *runbook, struct problems *problems);

#endif
