/* schema.h: what may stand in the files of a workspace: one row per key.
 *
 * Checking, JSON Schema and the tables of docs/writing-runbooks.md are all made from these rows. */
#ifndef BOOK_SCHEMA_H
#define BOOK_SCHEMA_H

#include "internal.h"

enum value_type {
	VALUE_TEXT,
	VALUE_NAME,     /* letters, digits, _ - . ; at most 64 */
	VALUE_SERVICE,  /* a name, or {param: NAME} */
	VALUE_INT,      /* min, max */
	VALUE_BOOL,
	VALUE_DURATION,
	VALUE_DATE,     /* 2026-10-01 */
	VALUE_CHOICE,   /* choices */
	VALUE_LEVEL,    /* 0..3 or the name of an effect */
	VALUE_SCALAR,   /* anything but a map or a list */
	VALUE_SCALARS,  /* that, or a list of it */
	VALUE_DECIMAL,  /* a number, which may have a fraction */
	VALUE_ANY,
	VALUE_SCRIPT,   /* Lua text, {file: …} or {run: …}, the maps with a tolerance */
	VALUE_WAIT,     /* a duration, {until: …} or {every: …, run: …} */
	VALUE_CONDITION, /* condition.h */
	VALUE_TEXTS,    /* a list, or one for a list of one */
	VALUE_NAMES,
	VALUE_CHOICES,
	VALUE_USES,     /* operation -> target or list of targets */
	VALUE_OPEN,     /* a map of anything: checked elsewhere */
	VALUE_SHAPE,    /* a map as shape says */
	VALUE_LIST,     /* a list of such maps, at most max */
	VALUE_STEPS,    /* a list of what "steps" at the top of the file is a list of */
	VALUE_MAP,      /* names of the author's choice, each with such a map */
	VALUE_TYPES
};

struct shape;

struct key {
	const char *name;
	enum value_type type;
	bool required;
	const struct shape *shape;
	const char *const *choices; /* NULL-terminated */
	int64_t min, max;           /* both 0 = unlimited */
	const char *const *with;    /* only beside one of these keys … */
	bool with_required;         /* … and then it must be there; with has one key */
	const char *fallback;       /* shown, not applied */
	const char *help;
};

struct shape {
	const char *name;           /* "a step": for messages */
	const struct key *keys;     /* ends with a row without a name */
	const char *const *one_of;  /* exactly one of these keys; NULL-terminated */
};

struct schema {
	const char *kind;           /* "runbook": what schema_json takes */
	const char *file;           /* "services.yaml"; NULL = any other name */
	const struct shape *shape;
	struct yaml_limits limits;
};
extern const struct schema schemas[]; /* ends with a row without a kind */
const struct schema *schema_find(const char *kind);
/* "server" "client" "policy": files of the server, not of a workspace (config.c). */
const struct schema *config_schema(const char *kind);

extern const char *const effect_words[]; /* "read" "change" "costly" "irreversible", NULL */
extern const char *const param_types[];
extern const char *const run_modes[];    /* "probe" "drill" "live", NULL: what an environment may allow */
extern const char *const plan_modes[];   /* those, and what touches no target: "simulate" "tabletop" */

extern const struct shape script_shape, wait_shape; /* the maps VALUE_SCRIPT and VALUE_WAIT take */

const struct key *shape_key(const struct shape *shape, const char *name);
/* Everything that is wrong with a document, as far as one file can tell. */
void schema_check(const struct schema *schema, const char *file, const struct node *root,
	struct problems *problems);
/* "change" or 1 gives 1; -1 when it is neither. */
int level_of(const struct node *node);
bool name_valid(const char *name);
bool date_valid(const char *text);
/* "-12.50": digits, and a fraction if need be. */
bool decimal_valid(const char *text);
/* Less than, equal to or greater than 0, exactly. */
int decimal_compare(const char *a, const char *b);
/* What wait: {until: …} takes: "22:00", or a moment with its zone. */
bool until_valid(const char *text);
size_t count_words(const char *const *words);

/* The tables of docs/writing-runbooks.md, as Markdown: of one kind of file; of the rules. */
void schema_markdown(const struct schema *schema, struct buf *out);
void rules_markdown(struct buf *out);

#endif
