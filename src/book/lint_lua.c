/* lint_lua.c: names that the Lua of a step takes from elsewhere: arguments of declared actions, parameters, outputs. */
#include "lint_steps.h"

#include <string.h>

/* ------------------------------------------------------------------ arguments of declared actions */

static const struct lua_arg *find_arg(const struct lua_call *call, const char *name)
{
	for (size_t i = 0; i < call->arg_count; i++)
		if (strcmp(call->args[i].name, name) == 0)
			return &call->args[i];
	return NULL;
}

/* The action or query the call names; NULL when it is computed or does not exist.  *what is how to call it. */
static const struct node *declared_entry(
	const struct lint *lint, const struct lua_call *call, const char **what)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		const char *under = declared_under(call->op, call->args[i].name);
		if (under == NULL || call->args[i].literal != LITERAL_STRING)
			continue;
		*what = strcmp(under, "actions") == 0 ? "action" : "query";
		return node_get(node_get(workspace_entry(lint->workspace, DOC_TARGETS, call->target), under),
			call->args[i].text);
	}
	return NULL;
}

static bool has_text(const struct node *list, const char *text)
{
	for (const struct node *n = texts_first(list); n != NULL; n = texts_next(list, n))
		if (strcmp(n->text, text) == 0)
			return true;
	return false;
}

static void check_known(struct lint *lint, const struct script *script, const struct lua_arg *member,
	const struct node *entry, const char *what)
{
	const struct node *params = node_get(entry, "params");
	struct names names = {0};
	char mean[128];

	if (has_text(params, member->name))
		return;
	for (const struct node *n = texts_first(params); n != NULL; n = texts_next(params, n))
		names_add(&names, n->text);
	did_you_mean(mean, sizeof(mean), member->name, names.rows, names.count);
	names_release(&names);
	problems_add(lint->problems, RULE_UNKNOWN_PARAMETER,
		script_place(script, member->name_line, member->name_column), "%s \"%.60s\" takes no \"%.60s\"%s",
		what, entry->key, member->name, mean);
}

static bool gives(const struct lua_arg *args, const char *name)
{
	for (size_t i = 0; args != NULL && i < args->member_count; i++)
		if (strcmp(args->members[i].name, name) == 0)
			return true;
	return false;
}

void lint_declared_args(struct lint *lint, const struct script *script, const struct lua_call *call)
{
	const char *what = "";
	const struct node *entry = declared_entry(lint, call, &what), *params = node_get(entry, "params");
	const struct lua_arg *args = find_arg(call, "args");

	if (entry == NULL || (args == NULL && !call->args_known) ||
		(args != NULL && args->literal != LITERAL_TABLE))
		return;
	for (size_t i = 0; args != NULL && i < args->member_count; i++)
		check_known(lint, script, &args->members[i], entry, what);
	if (args != NULL && !args->members_known)
		return;
	for (const struct node *n = texts_first(params); n != NULL; n = texts_next(params, n))
		if (!gives(args, n->text))
			problems_add(lint->problems, RULE_MISSING_PARAMETER,
				args != NULL ? script_place(script, args->line, args->column)
					     : script_place(script, call->line, call->column),
				"%s \"%.60s\" needs args = {%s = …}", what, entry->key, n->text);
}

/* ------------------------------------------------------------------ parameters and outputs */

static void unknown_ref(struct lint *lint, const struct script *script, const struct lua_ref *ref)
{
	const struct node *params = node_get(lint->document->root, "params");
	struct names names = {0};
	char mean[128];

	for (size_t i = 0; ref->output && i < lint->steps.count; i++)
		if (!lint->steps.rows[i].watch)
			names_add(&names, lint->steps.rows[i].id);
	for (const struct node *p = !ref->output && params != NULL ? params->first : NULL; p != NULL; p = p->next)
		if (p->key != NULL)
			names_add(&names, p->key);
	did_you_mean(mean, sizeof(mean), ref->name, names.rows, names.count);
	names_release(&names);
	problems_add(lint->problems, RULE_UNKNOWN_REFERENCE, script_place(script, ref->line, ref->column),
		ref->output ? "outputs.%.60s: the runbook has no step of that id%s"
			    : "params.%.60s: the runbook has no parameter of that name%s",
		ref->name, mean);
}

void lint_lua_refs(struct lint *lint, const struct script *script, const struct lua_scan *scan)
{
	const struct node *params = node_get(lint->document->root, "params");

	for (size_t i = 0; i < scan->ref_count; i++) {
		const struct lua_ref *ref = &scan->refs[i];
		const struct step_row *row = ref->output ? steps_find(&lint->steps, ref->name) : NULL;
		if (ref->output ? row == NULL || row->watch : node_get(params, ref->name) == NULL)
			unknown_ref(lint, script, ref);
		else if (!ref->output && str_eq(node_text(node_get(params, ref->name), "type"), "secret"))
			problems_add(lint->problems, RULE_SECRET_IN_LUA,
				script_place(script, ref->line, ref->column),
				"params.%.60s is a secret, which no Lua gets: a target takes it, in targets.yaml: secrets: {…: "
				"{param: %.60s}}",
				ref->name, ref->name);
	}
}
