/* lint_secrets.c: secret parameters of a runbook, and the targets that take them: secrets: {password: {param: NAME}}. */
#include "lint_steps.h"

#include <string.h>

static bool is_secret(const struct node *declaration)
{
	return str_eq(node_text(declaration, "type"), "secret");
}

static const struct node *params_of(const struct lint *lint)
{
	const struct node *params = node_get(lint->document->root, "params");

	return params != NULL && params->kind == NODE_MAP ? params : NULL;
}

static const struct node *secrets_of(const struct lint *lint, const char *target)
{
	const struct node *secrets = node_get(workspace_entry(lint->workspace, DOC_TARGETS, target), "secrets");

	return secrets != NULL && secrets->kind == NODE_MAP ? secrets : NULL;
}

/* ------------------------------------------------------------------ what a target takes */

/* at: where the runbook says that it uses the target. */
static void check_taken(struct lint *lint, const struct node *at, const struct node *secret, const char *param)
{
	const struct node *params = params_of(lint), *own = node_get(params, param);
	struct names names = {0};
	char mean[128];

	if (own == NULL) {
		for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next)
			if (is_secret(p))
				names_add(&names, p->key);
		did_you_mean(mean, sizeof(mean), param, names.rows, names.count);
		names_release(&names);
		problems_add(lint->problems, RULE_UNKNOWN_REFERENCE, document_place(lint->document, at),
			"target \"%.60s\" takes its secret \"%.60s\" from parameter \"%.60s\" (targets.yaml, line %u), "
			"which this runbook does not have%s: add params: {%.60s: {type: secret}}",
			at->text, secret->key, param, secret->line, mean, param);
	} else if (!is_secret(own)) {
		problems_add(lint->problems, RULE_WRONG_VALUE, document_place(lint->document, at),
			"target \"%.60s\" takes its secret \"%.60s\" from parameter \"%.60s\" (targets.yaml, line %u), "
			"which is of another type here: declare it with type: secret",
			at->text, secret->key, param, secret->line);
	}
}

/* Each target where it is first used. */
static void check_targets(struct lint *lint, struct names *taken)
{
	struct names seen = {0};

	for (size_t i = 0; i < lint->steps.count; i++) {
		const struct node *uses = node_get(lint->steps.rows[i].node, "uses");
		for (const struct node *op = uses != NULL && uses->kind == NODE_MAP ? uses->first : NULL; op != NULL;
			op = op->next)
			for (const struct node *t = texts_first(op); t != NULL; t = texts_next(op, t)) {
				const struct node *secrets = secrets_of(lint, t->text);
				if (secrets == NULL || names_have(&seen, t->text))
					continue;
				names_add(&seen, t->text);
				for (const struct node *s = secrets->first; s != NULL; s = s->next) {
					const char *param = node_text(s, "param");
					if (param == NULL)
						continue;
					names_add(taken, param);
					check_taken(lint, t, s, param);
				}
			}
	}
	names_release(&seen);
}

/* ------------------------------------------------------------------ who takes a parameter */

/* A parameter of type target may name any of them. */
static void add_named(const struct lint *lint, struct names *taken)
{
	const struct node *params = params_of(lint);
	struct names all = {0};
	bool any = false;

	for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next)
		any = any || str_eq(node_text(p, "type"), "target");
	if (any)
		workspace_entries(lint->workspace, DOC_TARGETS, &all);
	for (size_t i = 0; i < all.count; i++) {
		const struct node *secrets = secrets_of(lint, all.rows[i]);
		for (const struct node *s = secrets != NULL ? secrets->first : NULL; s != NULL; s = s->next)
			if (node_text(s, "param") != NULL)
				names_add(taken, node_text(s, "param"));
	}
	names_release(&all);
}

static void add_passed_on(const struct lint *lint, struct names *taken)
{
	for (size_t i = 0; i < lint->steps.count; i++) {
		const struct node *step = lint->steps.rows[i].node, *given = node_get(step, "params");
		if (node_get(step, "runbook") == NULL || given == NULL || given->kind != NODE_MAP)
			continue;
		for (const struct node *n = given->first; n != NULL; n = n->next)
			if (node_text(n, "param") != NULL)
				names_add(taken, node_text(n, "param"));
	}
}

void lint_secrets(struct lint *lint)
{
	const struct node *params = params_of(lint);
	struct names taken = {0};

	check_targets(lint, &taken);
	add_named(lint, &taken);
	add_passed_on(lint, &taken);
	for (const struct node *p = params != NULL ? params->first : NULL; p != NULL; p = p->next)
		if (is_secret(p) && !names_have(&taken, p->key) && workspace_readable(lint->workspace, DOC_TARGETS))
			problems_add(lint->problems, RULE_UNUSED_SECRET, document_key_place(lint->document, p),
				"no target that this runbook uses takes the secret \"%.60s\", so nobody is asked for it: in "
				"targets.yaml: write secrets: {…: {param: %.60s}}, or remove it",
				p->key, p->key);
	names_release(&taken);
}
