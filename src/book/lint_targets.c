/* lint_targets.c: targets.yaml against the catalog: providers, settings, secrets, actions. */
#include "lint_targets.h"

#include <string.h>

static void check_environment(struct target_lint *t)
{
	const struct node *environment = node_get(t->target, "environment");
	struct names names = {0};
	char mean[128];

	if (texts_first(environment) == NULL || environment->kind != NODE_SCALAR ||
		workspace_entry(t->workspace, DOC_DRILLBOOK, environment->text) != NULL ||
		!workspace_readable(t->workspace, DOC_DRILLBOOK))
		return;
	workspace_entries(t->workspace, DOC_DRILLBOOK, &names);
	did_you_mean(mean, sizeof(mean), environment->text, names.rows, names.count);
	names_release(&names);
	problems_add(t->problems, RULE_UNKNOWN_ENVIRONMENT,
		document_place(t->document, environment),
		"drillbook.yaml has no environment \"%.60s\"%s", environment->text, mean);
}

static void unknown_provider(struct target_lint *t, const struct node *node)
{
	const struct catalog *catalog = &t->workspace->catalog;
	const char *library = catalog_missing(catalog, node->text);
	struct names names = {0};
	char mean[128];

	if (library != NULL) {
		problems_add(t->problems, RULE_UNKNOWN_PROVIDER, document_place(t->document, node),
			"provider \"%s\" was left out of this build: %s was missing", node->text,
			library);
		return;
	}
	for (size_t i = 0; i < catalog->count; i++)
		names_add(&names, catalog->providers[i].name);
	did_you_mean(mean, sizeof(mean), node->text, names.rows, names.count);
	names_release(&names);
	problems_add(t->problems, RULE_UNKNOWN_PROVIDER, document_place(t->document, node),
		"there is no provider \"%.60s\"%s", node->text, mean);
}

/* ------------------------------------------------------------------ settings */

static void unknown_setting(struct target_lint *t, const struct node *node, const char *kind)
{
	struct names names = {0};
	char mean[128];

	catalog_field_names(t->provider->settings, t->provider->setting_count, &names);
	did_you_mean(mean, sizeof(mean), node->key, names.rows, names.count);
	names_release(&names);
	if (mean[0] == '\0')
		snprintf(mean, sizeof(mean), "; drillbook providers %.60s lists them", t->provider->name);
	problems_add(t->problems, RULE_UNKNOWN_SETTING, document_key_place(t->document, node),
		"provider %s has no %s \"%.60s\"%s", t->provider->name, kind, node->key, mean);
}

static void check_settings(struct target_lint *t, const struct node *settings)
{
	char buf[256];

	for (const struct node *n = settings->first; n != NULL; n = n->next) {
		const struct field *field = catalog_field(
			t->provider->settings, t->provider->setting_count, n->key);
		if (field == NULL) {
			unknown_setting(t, n, "setting");
			continue;
		}
		if (field->type == FIELD_SECRET) {
			problems_add(t->problems, RULE_PLAIN_SECRET,
				document_key_place(t->document, n),
				"\"%s\" is a secret and does not belong into this file: write secrets: "
				"{%s: {file: PATH}}",
				n->key, n->key);
			continue;
		}
		if (n->kind == NODE_SCALAR && strstr(n->text, "${") != NULL)
			continue; /* a variable that is not there, which has been said */
		const char *right = field_wrong(field, n, buf, sizeof(buf));
		if (right != NULL)
			problems_add(t->problems, RULE_WRONG_SETTING,
				document_place(t->document, n), "setting \"%s\" must be %s", n->key,
				right);
	}
}

static void check_secrets(struct target_lint *t, const struct node *secrets)
{
	for (const struct node *n = secrets->first; n != NULL; n = n->next) {
		const struct field *field = catalog_field(
			t->provider->settings, t->provider->setting_count, n->key);
		if (field == NULL)
			unknown_setting(t, n, "secret");
		else if (field->type != FIELD_SECRET)
			problems_add(t->problems, RULE_UNKNOWN_SETTING,
				document_key_place(t->document, n),
				"\"%s\" is no secret of provider %s: write it under settings:", n->key,
				t->provider->name);
	}
}

static void check_required(
	struct target_lint *t, const struct node *settings, const struct node *secrets)
{
	for (size_t i = 0; i < t->provider->setting_count; i++) {
		const struct field *field = &t->provider->settings[i];
		const bool secret = field->type == FIELD_SECRET;
		if (!field->required || field->has_default ||
			node_get(secret ? secrets : settings, field->name) != NULL ||
			(secret && node_get(settings, field->name) != NULL))
			continue;
		problems_add(t->problems, RULE_MISSING_SETTING,
			document_key_place(t->document, t->target), "target \"%s\" needs %s: {%s: %s}: %s",
			t->target->key, secret ? "secrets" : "settings", field->name,
			secret ? "{file: PATH}" : "…", field->help);
	}
}

/* ------------------------------------------------------------------ actions and queries */

static void check_companion(struct target_lint *t, const struct node *actions,
	const struct node *action, const char *key)
{
	const struct node *named = node_get(action, key);
	struct names names = {0};
	char mean[128];

	if (texts_first(named) == NULL || named->kind != NODE_SCALAR)
		return;
	const struct node *other = node_get(actions, named->text);
	if (other == NULL) {
		for (const struct node *n = actions->first; n != NULL; n = n->next)
			names_add(&names, n->key);
		did_you_mean(mean, sizeof(mean), named->text, names.rows, names.count);
		names_release(&names);
		problems_add(t->problems, RULE_UNKNOWN_ACTION, document_place(t->document, named),
			"target \"%s\" declares no action \"%.60s\"%s", t->target->key, named->text,
			mean);
	} else if (strcmp(key, "verify") == 0 && !str_eq(node_text(other, "effect"), "read")) {
		problems_add(t->problems, RULE_UNKNOWN_ACTION, document_place(t->document, named),
			"a verify action only looks: declare \"%s\" with effect: read", named->text);
	}
}

static void check_effect(struct target_lint *t, const struct node *row, const char *what)
{
	if (row->kind == NODE_MAP && node_get(row, "effect") == NULL)
		problems_add(t->problems, RULE_UNDECLARED_EFFECT,
			document_key_place(t->document, row),
			"%s \"%s\" declares no effect and counts as irreversible: add effect: read, "
			"change, costly or irreversible",
			what, row->key);
}

static void check_declared(struct target_lint *t)
{
	const struct node *actions = node_get(t->target, "actions");
	const struct node *queries = node_get(t->target, "queries");

	for (int i = 0; i < 2; i++) {
		const struct node *rows = i == 0 ? actions : queries;
		if (rows == NULL || rows->kind != NODE_MAP)
			continue;
		if (t->provider != NULL && !t->provider->declares_actions) {
			problems_add(t->problems, RULE_UNKNOWN_SETTING,
				document_key_place(t->document, rows),
				"provider %s takes no %s", t->provider->name, rows->key);
			continue;
		}
		for (const struct node *n = rows->first; n != NULL; n = n->next) {
			check_effect(t, n, i == 0 ? "action" : "query");
			if (i == 0) {
				check_companion(t, rows, n, "verify");
				check_companion(t, rows, n, "undo");
				if (t->provider != NULL)
					lint_action(t, n);
			}
		}
	}
}

static void check_target(struct target_lint *t)
{
	const struct node *provider = node_get(t->target, "provider");
	const struct node *settings = node_get(t->target, "settings");
	const struct node *secrets = node_get(t->target, "secrets");

	check_environment(t);
	if (texts_first(provider) != NULL && provider->kind == NODE_SCALAR &&
		t->workspace->catalog.present) {
		t->provider = catalog_provider(&t->workspace->catalog, provider->text);
		if (t->provider == NULL)
			unknown_provider(t, provider);
	}
	check_declared(t);
	if (t->provider == NULL)
		return;
	if (settings != NULL && settings->kind == NODE_MAP)
		check_settings(t, settings);
	if (secrets != NULL && secrets->kind == NODE_MAP)
		check_secrets(t, secrets);
	check_required(t, settings, secrets);
}

void lint_targets(struct workspace *workspace, const char *only, struct problems *problems)
{
	struct names names = {0};

	workspace_entries(workspace, DOC_TARGETS, &names);
	for (size_t i = 0; i < names.count; i++) {
		struct target_lint t = {.workspace = workspace,
			.document = workspace->docs[DOC_TARGETS], .problems = problems};
		t.target = workspace_entry(workspace, DOC_TARGETS, names.rows[i]);
		if (t.target != NULL && (only == NULL || strcmp(only, names.rows[i]) == 0))
			check_target(&t);
	}
	names_release(&names);
}
