/* lint_calls.c: uses: against the catalog, and the Lua of a step against its uses:. */
#include "lint_steps.h"

#include <stdlib.h>
#include <string.h>

enum { MODULES_MAX = 200 };

static void mean_op(const struct catalog *catalog, const struct provider *only, const char *op,
	char *buf, size_t size)
{
	struct names names = {0};

	catalog_ops(catalog, only, &names);
	did_you_mean(buf, size, op, names.rows, names.count);
	names_release(&names);
}

static void unknown_target(
	struct lint *lint, struct place place, const char *target)
{
	struct names names = {0};
	char mean[128];

	if (!workspace_readable(lint->workspace, DOC_TARGETS))
		return;
	workspace_entries(lint->workspace, DOC_TARGETS, &names);
	did_you_mean(mean, sizeof(mean), target, names.rows, names.count);
	names_release(&names);
	problems_add(lint->problems, RULE_UNKNOWN_TARGET, place,
		"targets.yaml has no target \"%.60s\"%s", target, mean);
}

static void unknown_operation(struct lint *lint, struct place place, const char *op)
{
	char mean[128];

	mean_op(&lint->workspace->catalog, NULL, op, mean, sizeof(mean));
	problems_add(lint->problems, RULE_UNKNOWN_OPERATION, place,
		"no provider has an operation \"%.80s\"%s", op, mean);
}

static void not_of_target(
	struct lint *lint, struct place place, const char *op, const char *target)
{
	const struct provider *provider = target_provider(lint->workspace, target);
	char mean[128];

	if (provider == NULL)
		return; /* lint_targets says so */
	mean_op(&lint->workspace->catalog, provider, op, mean, sizeof(mean));
	problems_add(lint->problems, RULE_UNKNOWN_OPERATION, place,
		"target \"%.60s\" has no \"%.80s\": its provider %s does not do that%s", target, op,
		provider->name, mean);
}

/* ------------------------------------------------------------------ uses */

static void check_environment(struct lint *lint, const struct node *node)
{
	const struct node *target = workspace_entry(lint->workspace, DOC_TARGETS, node->text);
	const struct node *environment = workspace_entry(
		lint->workspace, DOC_DRILLBOOK, node_text(target, "environment"));
	const struct node *modes = node_get(environment, "modes");

	if (modes != NULL && modes->kind == NODE_LIST && modes->count == 0)
		problems_add(lint->problems, RULE_FORBIDDEN_ENVIRONMENT,
			document_place(lint->document, node),
			"target \"%.60s\" is in environment \"%s\", which no mode may touch: the step "
			"can never run",
			node->text, environment->key);
}

void lint_uses(struct lint *lint, const struct node *step)
{
	const struct catalog *catalog = &lint->workspace->catalog;
	const struct node *uses = node_get(step, "uses");

	if (uses == NULL || uses->kind != NODE_MAP)
		return;
	for (const struct node *op = uses->first; op != NULL; op = op->next) {
		const bool known = !catalog->present || catalog_has_op(catalog, op->key);
		if (!known)
			unknown_operation(lint, document_key_place(lint->document, op), op->key);
		for (const struct node *t = texts_first(op); t != NULL; t = texts_next(op, t)) {
			const struct place place = document_place(lint->document, t);
			if (workspace_entry(lint->workspace, DOC_TARGETS, t->text) == NULL) {
				unknown_target(lint, place, t->text);
				continue;
			}
			check_environment(lint, t);
			if (catalog->present && known &&
				provider_operation(target_provider(lint->workspace, t->text),
					op->key) == NULL)
				not_of_target(lint, place, op->key, t->text);
		}
	}
}

/* ------------------------------------------------------------------ literal arguments */

static const char *arg_wrong(
	const struct field *field, const struct lua_arg *arg, char *buf, size_t size)
{
	const bool table = field->type == FIELD_STRINGS || field->type == FIELD_MAP;

	switch (arg->literal) {
	case LITERAL_STRING:
		return field_wrong_text(field, arg->text, buf, size);
	case LITERAL_INT:
		return field_wrong_int(field, arg->number, buf, size);
	case LITERAL_BOOL:
		return field->type == FIELD_BOOL || field->type == FIELD_ANY
			? NULL : field_must_be(field, buf, size);
	case LITERAL_FLOAT:
		return field->type == FIELD_ANY ? NULL : field_must_be(field, buf, size);
	case LITERAL_TABLE:
		return table || field->type == FIELD_ANY ? NULL : field_must_be(field, buf, size);
	default:
		return NULL;
	}
}

static void check_arg(struct lint *lint, const struct script *script, const struct operation *op,
	const struct lua_arg *arg)
{
	const struct place place = script_place(script, arg->line, arg->column);
	const struct field *field = catalog_field(op->params, op->param_count, arg->name);
	struct names names = {0};
	char mean[128], buf[256];

	if (field == NULL) {
		catalog_field_names(op->params, op->param_count, &names);
		did_you_mean(mean, sizeof(mean), arg->name, names.rows, names.count);
		names_release(&names);
		problems_add(lint->problems, RULE_UNKNOWN_PARAMETER,
			script_place(script, arg->name_line, arg->name_column),
			"%s has no parameter \"%.60s\"%s", op->op, arg->name, mean);
		return;
	}
	const char *right = arg_wrong(field, arg, buf, sizeof(buf));
	if (right != NULL)
		problems_add(lint->problems, RULE_WRONG_PARAMETER, place,
			"%s: \"%s\" must be %s", op->op, arg->name, right);
}

static void undeclared(struct lint *lint, struct place place, const struct lua_call *call,
	const struct lua_arg *arg, const struct node *entries, const char *what)
{
	struct names names = {0};
	char mean[128];

	for (const struct node *n = entries != NULL ? entries->first : NULL; n != NULL; n = n->next)
		if (n->key != NULL)
			names_add(&names, n->key);
	did_you_mean(mean, sizeof(mean), arg->text, names.rows, names.count);
	names_release(&names);
	problems_add(lint->problems, RULE_UNKNOWN_ACTION, place,
		"target \"%.60s\" declares no %s \"%.60s\"%s", call->target, what, arg->text, mean);
}

/* action.run("tools", {name = "list"}), data.query("db", {query = "count"}): the target must declare it, and
 * what only looks must be declared so. */
static void check_declared(struct lint *lint, const struct script *script,
	const struct lua_call *call, const struct operation *op, const struct lua_arg *arg)
{
	const struct place place = script_place(script, arg->line, arg->column);
	const char *under = declared_under(call->op, arg->name);

	if (under == NULL || arg->literal != LITERAL_STRING)
		return;
	const char *what = strcmp(under, "actions") == 0 ? "action" : "query";
	const struct node *entries =
		node_get(workspace_entry(lint->workspace, DOC_TARGETS, call->target), under);
	const struct node *entry = node_get(entries, arg->text);
	if (entry == NULL)
		undeclared(lint, place, call, arg, entries, what);
	else if (op->effect == 0 && declared_effect(entry) > 0)
		problems_add(lint->problems, RULE_WRONG_PARAMETER, place,
			"%s takes only what is declared effect: read, and %s \"%.60s\" is not", op->op,
			what, arg->text);
	else if (strcmp(call->op, "data.write") == 0 && declared_effect(entry) == 0)
		problems_add(lint->problems, RULE_WRONG_PARAMETER, place,
			"query \"%.60s\" is declared effect: read: call it with data.query", arg->text);
}

static void check_args(struct lint *lint, const struct script *script,
	const struct lua_call *call, const struct operation *op)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		check_arg(lint, script, op, &call->args[i]);
		check_declared(lint, script, call, op, &call->args[i]);
	}
	lint_declared_args(lint, script, call);
	for (size_t p = 0; call->args_known && p < op->param_count; p++) {
		const struct field *field = &op->params[p];
		bool given = false;
		for (size_t i = 0; i < call->arg_count && !given; i++)
			given = strcmp(call->args[i].name, field->name) == 0;
		if (!given && field->required && !field->has_default)
			problems_add(lint->problems, RULE_MISSING_PARAMETER,
				script_place(script, call->line, call->column),
				"%s needs {%s = …}: %s", op->op, field->name, field->help);
	}
}

/* ------------------------------------------------------------------ calls */

static const struct node *use_of(const struct node *step, const char *op)
{
	return node_get(node_get(step, "uses"), op);
}

static bool use_has(const struct node *use, const char *target)
{
	for (const struct node *t = texts_first(use); t != NULL; t = texts_next(use, t))
		if (strcmp(t->text, target) == 0)
			return true;
	return false;
}

/* step is NULL for a module: what it may use is said by the steps. */
static void check_literal(struct lint *lint, const struct script *script, const struct node *step,
	const struct lua_call *call)
{
	const struct place at = script_place(script, call->line, call->column);
	const struct place target = script_place(script, call->target_line, call->target_column);
	const struct node *use = use_of(step, call->op);

	if (workspace_entry(lint->workspace, DOC_TARGETS, call->target) == NULL) {
		unknown_target(lint, target, call->target);
		return;
	}
	const struct operation *op =
		provider_operation(target_provider(lint->workspace, call->target), call->op);
	const bool covered = step == NULL || use_has(use, call->target);
	if (op == NULL && lint->workspace->catalog.present) {
		if (step == NULL || !covered) /* else lint_uses has said so */
			not_of_target(lint, at, call->op, call->target);
		return;
	}
	if (!covered && use == NULL)
		problems_add(lint->problems, RULE_USES_MISSING, at,
			"the step calls %s and its uses: does not list it: add \"%s: %s\"", call->op,
			call->op, call->target);
	else if (!covered)
		problems_add(lint->problems, RULE_USES_MISSING, target,
			"uses: lists %s, but not on target \"%.60s\": add it there", call->op,
			call->target);
	if (op != NULL)
		check_args(lint, script, call, op);
}

static void check_call(struct lint *lint, const struct script *script, const struct node *step,
	const struct lua_call *call)
{
	const struct catalog *catalog = &lint->workspace->catalog;
	const bool literal = call->called && call->target != NULL;
	const bool known = catalog->present
		? catalog_has_op(catalog, call->op)
		: use_of(step, call->op) != NULL ||
			workspace_entry(lint->workspace, DOC_TARGETS, call->target) != NULL;

	if (!known) {
		if (literal && catalog->present)
			unknown_operation(
				lint, script_place(script, call->line, call->column), call->op);
		return;
	}
	if (literal)
		check_literal(lint, script, step, call);
	else if (step != NULL && use_of(step, call->op) == NULL)
		problems_add(lint->problems, RULE_USES_COMPUTED,
			script_place(script, call->line, call->column),
			"the step uses %s and its uses: does not list it: add it with every target "
			"it may be called on",
			call->op);
}

/* ------------------------------------------------------------------ modules */

static void check_source(
	struct lint *lint, const struct script *script, const struct node *step, struct arena *arena);

static void check_module(struct lint *lint, const struct script *from, const struct lua_module *module)
{
	const struct place place = script_place(from, module->line, module->column);
	char *path = module_path(module->name);
	struct script script = {.line = 1, .column = 1, .from_file = true};
	struct err err = {0};
	struct arena arena;

	if (path == NULL || source_read(&lint->source, path, SCRIPT_MAX_BYTES, &script.bytes, &err) !=
				    ERR_NONE) {
		if (path == NULL)
			problems_add(lint->problems, RULE_UNKNOWN_MODULE, place,
				"\"%.60s\" is no name of a module: write require(\"NAME\") for "
				"lua/NAME.lua",
				module->name);
		else if (err.code != ERR_NOT_FOUND || !module_in_library(module->name))
			problems_add(lint->problems, RULE_UNKNOWN_MODULE, place,
				"there is no module \"%.60s\": %s", module->name, err.text);
		free(path);
		return;
	}
	script.file = path;
	script.text = script.bytes.data;
	script.len = script.bytes.len;
	arena_init(&arena, 0);
	check_source(lint, &script, NULL, &arena);
	arena_release(&arena);
	script_release(&script);
	free(path);
}

static void check_source(
	struct lint *lint, const struct script *script, const struct node *step, struct arena *arena)
{
	struct lua_scan scan;

	lua_scan(arena, script->text, script->len, &scan);
	if (scan.empty)
		problems_add(lint->problems, RULE_EMPTY_SCRIPT, script_place(script, 1, 1),
			"there is no Lua here: write a statement, or remove it");
	for (size_t i = 0; i < scan.call_count; i++)
		check_call(lint, script, step, &scan.calls[i]);
	if (step != NULL)
		lint_lua_refs(lint, script, &scan);
	for (size_t i = 0; i < scan.module_count; i++) {
		const char *name = scan.modules[i].name;
		if (names_have(&lint->modules, name) || lint->modules.count == MODULES_MAX)
			continue;
		/* outlives the arena of this script */
		char *kept = arena_strdup(&lint->steps.arena, name);
		if (kept == NULL)
			return;
		names_add(&lint->modules, kept);
		check_module(lint, script, &scan.modules[i]);
	}
}

/* ------------------------------------------------------------------ the form of a script */

static size_t bytes_of_columns(const char *line, size_t len, unsigned columns)
{
	size_t at = 0;

	for (; columns > 0 && at < len; columns--)
		do
			at++;
		while (at < len && ((unsigned char)line[at] & 0xc0U) == 0x80);
	return at;
}

/* A plain script must stand in one line, and nothing of it may be taken for a comment. */
static void check_form(struct lint *lint, const struct node *node)
{
	const struct place place = document_place(lint->document, node);
	size_t len = 0;

	if (node->style == STYLE_FOLDED) {
		problems_add(lint->problems, RULE_FOLDED_SCRIPT, place,
			"after > the lines of a script become one: write | instead");
		return;
	}
	const char *line = document_line(lint->document, node->line, &len);
	if (node->style != STYLE_PLAIN || line == NULL)
		return;
	const size_t at = bytes_of_columns(line, len, node->column - 1);
	const char *rest = line + at + node->len;
	if (len - at < node->len || memcmp(line + at, node->text, node->len) != 0) {
		problems_add(lint->problems, RULE_FOLDED_SCRIPT, place,
			"the lines of this script become one: write it after |");
		return;
	}
	size_t left = len - at - node->len;
	while (left > 0 && (*rest == ' ' || *rest == '\t')) {
		rest++;
		left--;
	}
	if (left > 0 && *rest == '#')
		problems_add(lint->problems, RULE_CUT_SCRIPT, place,
			"YAML takes the rest of the line, from #, for a comment: write the script "
			"after |");
}

void lint_scripts(struct lint *lint, const struct node *step)
{
	struct arena arena;
	struct script script;
	struct err err = {0};

	arena_init(&arena, 0);
	for (const char *const *key = script_keys; *key != NULL; key++) {
		const struct node *node = step_script(step, *key);
		if (node == NULL || node_is_null(node) || node->kind == NODE_LIST)
			continue;
		const struct node *text = node->kind == NODE_MAP ? node_get(node, "run") : node;
		if (text != NULL && text->kind == NODE_SCALAR)
			check_form(lint, text);
		else if (node_text(node, "file") == NULL)
			continue;
		const enum err_code code =
			script_open(&script, lint->document, &lint->source, node, &err);
		if (code != ERR_NONE) {
			const struct node *file = node_get(node, "file");
			problems_add(lint->problems,
				code == ERR_NOT_FOUND ? RULE_MISSING_FILE : RULE_UNREADABLE,
				document_place(lint->document, file != NULL ? file : node), "%s",
				err.text);
			continue;
		}
		check_source(lint, &script, step, &arena);
		script_release(&script);
	}
	arena_release(&arena);
}
