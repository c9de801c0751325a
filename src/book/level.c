/* level.c: how dangerous a step is: the largest effect of what its uses: lists. */
#include "workspace.h"

#include <stdlib.h>
#include <string.h>

enum { MODULES_MAX = 200, LEVEL_MAX = 3 };

/* Which parameter of an operation names something that its target declares, and where. */
static const struct {
	const char *capability, *param, *entries; /* capability NULL = any */
} declaring[] = {
	{"action", "name", "actions"},
	{"data", "query", "queries"},
	{"data", "statement", "queries"},
	{NULL, "action", "actions"},
	{NULL, "query", "queries"},
	{NULL, "statement", "queries"},
};

const char *declared_under(const char *op, const char *param)
{
	for (size_t i = 0; i < COUNT_OF(declaring); i++) {
		const char *capability = declaring[i].capability;
		if (capability != NULL && str_starts(op, capability) && op[strlen(capability)] == '.' &&
			strcmp(declaring[i].param, param) == 0)
			return declaring[i].entries;
	}
	return NULL;
}

/* ------------------------------------------------------------------ all Lua of a step */

struct reader {
	struct document *document;
	const struct source *source;
	struct step_scan *out;
	struct names modules;
	size_t cap;
};

static void read_modules(struct reader *r, const struct lua_scan *scan);

static void read_source(struct reader *r, const char *text, size_t len)
{
	struct step_scan *out = r->out;
	struct lua_scan scan;

	lua_scan(&out->arena, text, len, &scan);
	out->complete = out->complete && scan.complete;
	for (size_t i = 0; i < scan.call_count; i++) {
		if (out->count == r->cap) {
			r->cap = r->cap ? r->cap * 2 : 16;
			out->calls = xrealloc(out->calls, r->cap * sizeof(*out->calls));
		}
		out->calls[out->count++] = scan.calls[i];
	}
	read_modules(r, &scan);
}

/* Depth is bounded by the number of modules: each is read once. */
static void read_modules(struct reader *r, const struct lua_scan *scan)
{
	struct err ignored;
	struct buf bytes;

	for (size_t i = 0; i < scan->module_count; i++) {
		const char *name = scan->modules[i].name;
		if (names_have(&r->modules, name))
			continue;
		if (r->modules.count == MODULES_MAX) {
			r->out->complete = false;
			return;
		}
		names_add(&r->modules, name);
		char *path = module_path(name);
		if (path != NULL &&
			source_read(r->source, path, SCRIPT_MAX_BYTES, &bytes, &ignored) == ERR_NONE) {
			read_source(r, bytes.data, bytes.len);
			buf_release(&bytes);
		}
		free(path);
	}
}

static void scan_step(struct step_scan *out, struct document *document,
	const struct source *source, const struct node *step)
{
	struct reader r = {.document = document, .source = source, .out = out};
	struct err ignored;
	struct script script;

	*out = (struct step_scan){.complete = true};
	arena_init(&out->arena, 0);
	for (const char *const *key = script_keys; *key != NULL; key++) {
		const struct node *node = step_script(step, *key);
		if (node == NULL)
			continue;
		if (script_open(&script, document, source, node, &ignored) != ERR_NONE) {
			out->complete = false;
			continue;
		}
		read_source(&r, script.text, script.len);
		script_release(&script);
	}
	names_release(&r.modules);
}

static void scan_release(struct step_scan *scan)
{
	free(scan->calls);
	arena_release(&scan->arena);
}

/* ------------------------------------------------------------------ declared actions and queries */

int declared_effect(const struct node *row)
{
	const struct node *effect = node_get(row, "effect");
	const int level = effect != NULL ? level_of(effect) : LEVEL_MAX;

	return level < 0 ? LEVEL_MAX : level;
}

static int largest_declared(const struct node *rows)
{
	int largest = 0;

	for (const struct node *n = rows->first; n != NULL; n = n->next)
		if (declared_effect(n) > largest)
			largest = declared_effect(n);
	return largest;
}

static const struct lua_arg *arg_of(const struct lua_call *call, const char *name)
{
	for (size_t i = 0; i < call->arg_count; i++)
		if (strcmp(call->args[i].name, name) == 0)
			return &call->args[i];
	return NULL;
}

/* The largest effect of the rows that literal calls name; -1 when a call could name any of them. */
static int named_effect(const struct step_scan *scan, const struct operation *op,
	const char *target, const char *param, const struct node *rows)
{
	int largest = -1;

	for (size_t i = 0; i < scan->count; i++) {
		const struct lua_call *call = &scan->calls[i];
		if (strcmp(call->op, op->op) != 0)
			continue;
		if (call->target == NULL)
			return -1;
		if (strcmp(call->target, target) != 0)
			continue;
		const struct lua_arg *arg = arg_of(call, param);
		if (arg == NULL || arg->literal != LITERAL_STRING)
			return -1;
		const struct node *row = node_get(rows, arg->text);
		const int effect = row != NULL ? declared_effect(row) : LEVEL_MAX;
		largest = effect > largest ? effect : largest;
	}
	return scan->complete ? largest : -1;
}

struct leveller {
	const struct workspace *workspace;
	struct document *document;
	const struct source *source;
	const struct node *step;
	struct step_scan scan;
	bool scanned;
};

/* -1 when nothing is known of it. */
static int use_level(struct leveller *l, const char *op_name, const char *target)
{
	const struct operation *op =
		provider_operation(target_provider(l->workspace, target), op_name);
	const struct node *entry = workspace_entry(l->workspace, DOC_TARGETS, target);

	if (op == NULL)
		return -1;
	for (size_t i = 0; op->effect > 0 && i < COUNT_OF(declaring); i++) {
		const struct node *rows = node_get(entry, declaring[i].entries);
		const char *capability = declaring[i].capability;
		if (capability != NULL && (!str_starts(op_name, capability) ||
						  op_name[strlen(capability)] != '.'))
			continue;
		if (rows == NULL || rows->kind != NODE_MAP ||
			catalog_field(op->params, op->param_count, declaring[i].param) == NULL)
			continue;
		if (!l->scanned)
			scan_step(&l->scan, l->document, l->source, l->step);
		l->scanned = true;
		int level = named_effect(&l->scan, op, target, declaring[i].param, rows);
		if (level < 0)
			level = largest_declared(rows);
		return level < op->effect ? level : op->effect;
	}
	return op->effect;
}

int step_level(const struct workspace *workspace, struct document *document,
	const struct source *source, const struct node *step, int *from_uses)
{
	struct leveller l = {
		.workspace = workspace, .document = document, .source = source, .step = step};
	const struct node *uses = node_get(step, "uses"), *own = node_get(step, "level");
	int level = 0, known = 0;

	for (const struct node *op = uses != NULL ? uses->first : NULL; op != NULL; op = op->next) {
		if (op->key == NULL)
			continue;
		for (const struct node *t = texts_first(op); t != NULL; t = texts_next(op, t)) {
			const int found = use_level(&l, op->key, t->text);
			const int sure = found < 0 ? 0 : found, worst = found < 0 ? LEVEL_MAX : found;
			known = sure > known ? sure : known;
			level = worst > level ? worst : level;
		}
	}
	if (l.scanned)
		scan_release(&l.scan);
	if (from_uses != NULL)
		*from_uses = known;
	if (own != NULL && level_of(own) > level)
		level = level_of(own);
	return level;
}
