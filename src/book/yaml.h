/* yaml.h: a YAML document as a tree of nodes in an arena, each with its line and column.
 *
 * A small YAML on purpose: one document, no anchors, aliases, tags or merge keys, keys are plain
 * text and occur once.  A member of a map is one node that carries its key. */
#ifndef BOOK_YAML_H
#define BOOK_YAML_H

#include "drillbook/book.h"

enum node_kind { NODE_SCALAR, NODE_MAP, NODE_LIST };
/* Plain scalars have a type (null, bool, int, text); all other styles are text. */
enum node_style { STYLE_PLAIN, STYLE_QUOTED, STYLE_LITERAL, STYLE_FOLDED };

struct node {
	const char *text;          /* scalars, NUL-terminated; else NULL */
	const char *key;           /* members of a map, else NULL */
	struct node *first, *next; /* members or items, in the order of the file */
	uint32_t len;              /* of text */
	uint32_t count;            /* of members or items */
	uint32_t line, column;     /* 1-based; of the value */
	uint32_t key_line, key_column;
	uint8_t kind, style;
};

struct yaml_limits {
	size_t max_bytes, max_nodes;
	unsigned max_depth;
};

/* The tree, or NULL when there is none: problems then has at least one error.  Duplicate keys are
 * errors too but do not stop the loading.  file is the name for the problems. */
struct node *yaml_load(struct arena *arena, const char *file, const char *bytes, size_t len,
	const struct yaml_limits *limits, struct problems *problems);
/* The value of an integer at the top of a document without building it; fallback when there is
 * none or the document cannot be read. */
int64_t yaml_peek_int(const char *bytes, size_t len, const char *key, int64_t fallback);

struct node *node_get(const struct node *map, const char *key); /* NULL when absent; map may be NULL */
const char *node_text(const struct node *map, const char *key); /* NULL when absent or no scalar */
const char *node_kind_name(const struct node *node);            /* "a map" "a list" "text" "nothing" … */
bool node_is_null(const struct node *node);
bool node_int(const struct node *node, int64_t *out);  /* plain whole numbers only */
bool node_bool(const struct node *node, bool *out);    /* plain true or false only */
/* Typed as YAML reads it; what has a fraction stays text.  Owned. */
json_t *node_json(const struct node *node);

#endif
