/* plan_secrets.c: secrets that targets take from a parameter of the runbook that uses them: {param: NAME} in targets.yaml
 * is in a plan {typed: true, param: NAME, prompt}, NAME and prompt being of the run's own parameter that a person types. */
#include "plan.h"

#include <string.h>

/* What a scope gives the targets it uses; name NULL = the runbook that was asked for. */
struct giver {
	struct planner *planner;
	const char *name;            /* id of the step that nests it */
	const struct document *document;
	const json_t *params;
};

static json_t *source_in_plan(const struct planner *p, const char *target, const char *setting)
{
	return json_object_get(json_object_get(json_object_get(p->target_rows, target), "secrets"), setting);
}

/* A target has one value for a secret, so two parameters cannot both be it.  Of several services, whose secrets each
 * have a parameter of their own, the first stands for all: they mean what this one target has. */
static enum err_code settle(const struct giver *g, const char *target, const char *setting, const char *origin,
	struct err *err)
{
	const struct document *document = g->planner->document;
	const char *help = node_text(node_get(node_get(document->root, "params"), origin), "help");
	json_t *source = source_in_plan(g->planner, target, setting);
	const bool settled = json_flag(source, "typed", false);

	if (settled && !document->made_up && !str_eq(json_str(source, "param", ""), origin))
		return err_set(err, ERR_USAGE,
			"target \"%s\" would take its secret \"%s\" from two parameters, \"%.60s\" and \"%.60s\": "
			"give both runbooks the same one, or write two targets",
			target, setting, json_str(source, "param", ""), origin);
	if (settled)
		return ERR_NONE;
	json_put_flag(source, "typed", true);
	json_put_str(source, "param", origin);
	if (help != NULL)
		json_put_str(source, "prompt", help);
	return ERR_NONE;
}

static enum err_code give(const struct giver *g, const char *target, struct err *err)
{
	const struct node *secrets =
		node_get(workspace_entry(g->planner->workspace, DOC_TARGETS, target), "secrets");

	for (const struct node *n = secrets != NULL ? secrets->first : NULL; n != NULL; n = n->next) {
		const char *param = node_text(n, "param");
		const json_t *own = param != NULL ? json_object_get(g->params, param) : NULL;
		if (json_flag(own, "secret", false))
			TRY(settle(g, target, n->key, json_str(own, "from", param), err));
	}
	return ERR_NONE;
}

static enum err_code give_used(const struct giver *g, struct err *err)
{
	const json_t *step, *targets, *target;
	const char *op;
	size_t i, k;

	json_array_foreach(g->planner->steps, i, step) {
		const char *scope = json_str(step, "scope", NULL);
		if (scope == NULL ? g->name != NULL : !str_eq(scope, g->name))
			continue;
		json_object_foreach(json_object_get(step, "uses"), op, targets)
			json_array_foreach(targets, k, target)
				TRY(give(g, json_string_value(target), err));
	}
	return ERR_NONE;
}

/* Those that parameters name. */
static enum err_code give_named(const struct giver *g, struct err *err)
{
	const struct node *params = node_get(g->document->root, "params");

	for (const struct node *n = params != NULL ? params->first : NULL; n != NULL; n = n->next) {
		const char *target = json_str(g->params, n->key, NULL);
		if (target != NULL && str_eq(node_text(n, "type"), "target"))
			TRY(give(g, target, err));
	}
	return ERR_NONE;
}

static enum err_code give_all(const struct giver *g, struct err *err)
{
	TRY(give_used(g, err));
	return give_named(g, err);
}

/* Lint has seen each runbook by itself; here a nested one may have been given nothing, or a parameter has named the target. */
static enum err_code check_settled(const struct planner *p, struct err *err)
{
	const char *target, *setting;
	json_t *row, *source;

	json_object_foreach(p->target_rows, target, row)
		json_object_foreach(json_object_get(row, "secrets"), setting, source) {
			const char *param = json_str(source, "param", NULL);
			if (param != NULL && !json_flag(source, "typed", false))
				return err_set(err, ERR_USAGE,
					"target \"%s\" takes its secret \"%s\" from parameter \"%s\", and no runbook "
					"that uses it has been given that secret",
					target, setting, param);
		}
	return ERR_NONE;
}

static const struct document *document_of(const struct planner *p, const json_t *scope)
{
	const char *path = json_str(json_object_get(scope, "runbook"), "path", NULL);

	for (size_t i = 0; i < p->documents.count; i++)
		if (str_eq(p->documents.rows[i]->path, path))
			return p->documents.rows[i];
	return p->document;
}

static bool takes_any(const struct planner *p)
{
	const char *target, *setting;
	json_t *row, *source;

	json_object_foreach(p->target_rows, target, row)
		json_object_foreach(json_object_get(row, "secrets"), setting, source)
			if (json_object_get(source, "param") != NULL)
				return true;
	return false;
}

enum err_code plan_secrets(struct planner *planner, struct err *err)
{
	const struct giver own = {
		.planner = planner, .document = planner->document, .params = planner->params};
	const char *name;
	json_t *scope;

	if (!takes_any(planner)) /* each scope goes over all steps */
		return ERR_NONE;
	TRY(give_all(&own, err));
	json_object_foreach(planner->scopes, name, scope) {
		const struct giver g = {.planner = planner, .name = name,
			.document = document_of(planner, scope), .params = json_object_get(scope, "params")};
		TRY(give_all(&g, err));
	}
	return check_settled(planner, err);
}
