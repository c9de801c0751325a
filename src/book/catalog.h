/* catalog.h: the provider description (docs/protocol.md, section 5) in a form that is quick to ask. */
#ifndef BOOK_CATALOG_H
#define BOOK_CATALOG_H

#include "internal.h"

enum field_type {
	FIELD_STRING, FIELD_INT, FIELD_BOOL, FIELD_DURATION, FIELD_BYTES, FIELD_CHOICE, FIELD_PATH,
	FIELD_STRINGS, FIELD_MAP, FIELD_SECRET, FIELD_ANY
};

struct field {
	const char *name, *help;
	enum field_type type;
	bool required, has_default;
	const json_t *choices; /* array of strings; NULL = any */
	int64_t min, max;      /* both 0 = unlimited; max 0 = no upper end */
};

struct operation {
	const char *op;        /* "failover.promote" */
	int effect;            /* 0..3, the ceiling */
	struct field *params;
	size_t param_count;
};

struct provider {
	const char *name;
	bool declares_actions;
	struct field *settings;
	size_t setting_count;
	struct operation *operations;
	size_t operation_count;
};

struct catalog {
	bool present;          /* false: nothing is known, nothing is checked */
	struct provider *providers;
	size_t count;
	const json_t *missing; /* [{"name","library"}] */
};

/* Everything borrows from description, which may be NULL. */
void catalog_init(struct catalog *catalog, struct arena *arena, const json_t *description);
const struct provider *catalog_provider(const struct catalog *catalog, const char *name);
/* The library a provider that was left out of this build would need; NULL when it is not one. */
const char *catalog_missing(const struct catalog *catalog, const char *name);
const struct operation *provider_operation(const struct provider *provider, const char *op);
/* True when any provider has an operation of that name; of that capability ("failover"). */
bool catalog_has_op(const struct catalog *catalog, const char *op);
/* Every name once or more, for "did you mean". */
void catalog_ops(const struct catalog *catalog, const struct provider *only, struct names *out);
const struct field *catalog_field(const struct field *fields, size_t count, const char *name);
void catalog_field_names(const struct field *fields, size_t count, struct names *out);

/* NULL when the value fits, else what it must be: "a duration such as 30s"; buf is for that. */
const char *field_wrong(const struct field *field, const struct node *node, char *buf, size_t size);
/* The same for text and numbers that are not in YAML. */
const char *field_wrong_text(const struct field *field, const char *text, char *buf, size_t size);
const char *field_wrong_int(const struct field *field, int64_t value, char *buf, size_t size);
const char *field_must_be(const struct field *field, char *buf, size_t size);
/* The value as the field's type reads it.  Owned. */
json_t *field_json(const struct field *field, const struct node *node);

#endif
