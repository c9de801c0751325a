/* lint.c: what only shows when files are compared: services, drills, and the frame of a runbook. */
#include "lint_steps.h"

#include <string.h>

static void unknown_entry(const struct workspace *workspace, enum kind kind, enum rule rule,
	struct place place, const char *what, const char *name, struct problems *problems)
{
	static const char *const files[DOC_KINDS] = {
		[DOC_DRILLBOOK] = "drillbook.yaml",
		[DOC_SERVICES] = "services.yaml",
		[DOC_TARGETS] = "targets.yaml",
		[DOC_DRILLS] = "drills.yaml",
	};
	struct names names = {0};
	char mean[128];

	workspace_entries(workspace, kind, &names);
	did_you_mean(mean, sizeof(mean), name, names.rows, names.count);
	problems_add(problems, rule, place, "%s has no %s \"%.60s\"%s", files[kind], what, name, mean);
	names_release(&names);
}

static bool service_known(const struct workspace *workspace, const char *name)
{
	return workspace_entry(workspace, DOC_SERVICES, name) != NULL ||
	       !workspace_readable(workspace, DOC_SERVICES);
}

static void unknown_service(const struct workspace *workspace, struct place place,
	const char *name, struct problems *problems)
{
	unknown_entry(workspace, DOC_SERVICES, RULE_UNKNOWN_SERVICE, place, "service", name, problems);
}

/* ------------------------------------------------------------------ services and drills */

/* recover: a runbook, and what it is given. */
static void check_recover(struct workspace *workspace, const struct document *document,
	const struct node *service, struct problems *problems)
{
	const struct node *name = node_get(service, "recover"), *given = node_get(service, "recover_params");
	struct shelf shelf = {.workspace = workspace};
	struct names names = {0};
	struct err err = {0};
	char mean[128];

	if (name == NULL || name->kind != NODE_SCALAR)
		return;
	const struct document *runbook = shelf_runbook(&shelf, name->text);
	if (runbook == NULL) {
		shelf_names(&shelf, &names);
		did_you_mean(mean, sizeof(mean), name->text, names.rows, names.count);
		names_release(&names);
		problems_add(problems, RULE_UNKNOWN_RUNBOOK, document_place(document, name),
			"there is no runbook \"%.60s\"%s", name->text, mean);
		return;
	}
	for (const struct node *n = given != NULL && given->kind == NODE_MAP ? given->first : NULL; n != NULL;
		n = n->next) {
		const struct node *declared = node_get(node_get(runbook->root, "params"), n->key);
		json_t *value = node_json(n), *out = NULL;
		if (declared == NULL)
			problems_add(problems, RULE_UNKNOWN_REFERENCE, document_key_place(document, n),
				"runbook \"%s\" has no parameter \"%.60s\"", runbook->name, n->key);
		else if (param_read(workspace, declared, value, &out, &err) != ERR_NONE)
			problems_add(problems, RULE_WRONG_VALUE, document_place(document, n), "%s", err.text);
		json_decref(value);
		json_decref(out);
	}
}

enum { SERVICE_CHAIN = 64 };

/* The first name that comes again while what a service depends on is followed; path holds the way there. */
static bool find_way_back(const struct workspace *workspace, const char *start, const char *name,
	const char **path, size_t depth, struct names *seen)
{
	const struct node *on = node_get(workspace_entry(workspace, DOC_SERVICES, name), "depends_on");

	path[depth] = name;
	for (const struct node *n = texts_first(on); n != NULL; n = texts_next(on, n)) {
		if (strcmp(n->text, start) == 0) {
			path[depth + 1] = NULL;
			return true;
		}
		if (depth + 2 == SERVICE_CHAIN || names_have(seen, n->text))
			continue;
		names_add(seen, n->text);
		if (find_way_back(workspace, start, n->text, path, depth + 1, seen))
			return true;
	}
	return false;
}

static void check_service_cycle(const struct workspace *workspace, const struct document *document,
	const struct node *service, struct problems *problems)
{
	const char *path[SERVICE_CHAIN];
	struct names seen = {0};
	char text[512] = "";
	size_t len = 0;

	if (find_way_back(workspace, service->key, service->key, path, 0, &seen)) {
		for (size_t i = 0; path[i] != NULL && len < sizeof(text) - 100; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%.60s -> ", path[i]);
		problems_add(problems, RULE_CYCLE, document_place(document, node_get(service, "depends_on")),
			"services that depend on each other: %s%s: none of them could be recovered first", text,
			service->key);
	}
	names_release(&seen);
}

static void check_objectives(
	const struct document *document, const struct node *service, struct problems *problems)
{
	const struct node *objectives = node_get(service, "objectives");
	const bool rto = node_get(objectives, "rto") != NULL;
	const bool rpo = node_get(objectives, "rpo") != NULL;

	if (rto && rpo)
		return;
	problems_add(problems, RULE_NO_OBJECTIVE, document_key_place(document, service),
		"service \"%s\" has no %s: add objectives: {%s}", service->key,
		rto ? "rpo" : rpo ? "rto" : "rto and rpo", rto ? "rpo: 5m" : rpo ? "rto: 30m"
										: "rto: 30m, rpo: 5m");
}

void lint_services(struct workspace *workspace, struct problems *problems)
{
	struct document *document = workspace->docs[DOC_SERVICES];
	struct names names = {0};

	workspace_entries(workspace, DOC_SERVICES, &names);
	for (size_t i = 0; i < names.count; i++) {
		const struct node *service =
			workspace_entry(workspace, DOC_SERVICES, names.rows[i]);
		const struct node *on = node_get(service, "depends_on");
		if (service == NULL)
			continue;
		check_objectives(document, service, problems);
		check_recover(workspace, document, service, problems);
		check_service_cycle(workspace, document, service, problems);
		for (const struct node *n = texts_first(on); n != NULL; n = texts_next(on, n))
			if (!service_known(workspace, n->text))
				unknown_service(workspace, document_place(document, n), n->text,
					problems);
	}
	names_release(&names);
}

void lint_drills(struct workspace *workspace, struct problems *problems)
{
	struct document *document = workspace->docs[DOC_DRILLS];
	struct names names = {0}, runbooks = {0};
	char mean[128];

	workspace_entries(workspace, DOC_DRILLS, &names);
	for (size_t i = 0; i < workspace->runbook_count; i++)
		names_add(&runbooks, workspace->runbooks[i]->name);
	for (size_t i = 0; i < names.count; i++) {
		const struct node *drill = workspace_entry(workspace, DOC_DRILLS, names.rows[i]);
		const struct node *name = node_get(drill, "runbook");
		if (texts_first(name) == NULL || names_have(&runbooks, texts_first(name)->text))
			continue;
		did_you_mean(mean, sizeof(mean), name->text, runbooks.rows, runbooks.count);
		problems_add(problems, RULE_UNKNOWN_RUNBOOK, document_place(document, name),
			"there is no runbook \"%.60s\"%s", name->text, mean);
	}
	names_release(&names);
	names_release(&runbooks);
}

/* ------------------------------------------------------------------ a runbook */

static void check_service_name(struct lint *lint, const struct node *node)
{
	if (!service_known(lint->workspace, node->text))
		unknown_service(lint->workspace, document_place(lint->document, node), node->text,
			lint->problems);
}

/* {param: NAME}: whoever nests the runbook says which service. */
static void check_mark_param(struct lint *lint, const struct node *name)
{
	const struct node *params = node_get(lint->document->root, "params");
	const struct node *param = name != NULL && name->kind == NODE_SCALAR ? node_get(params, name->text) : NULL;

	if (name == NULL || name->kind != NODE_SCALAR)
		return; /* the table of keys has said it */
	if (param == NULL)
		problems_add(lint->problems, RULE_UNKNOWN_REFERENCE, document_place(lint->document, name),
			"the runbook has no parameter \"%.60s\"", name->text);
	else if (!str_eq(node_text(param, "type"), "service"))
		problems_add(lint->problems, RULE_WRONG_VALUE, document_place(lint->document, name),
			"parameter \"%s\" names no service: declare it with type: service", param->key);
}

static void check_marks(struct lint *lint, const struct node *step)
{
	const struct node *root = lint->document->root, *marks = node_get(step, "marks");

	if (marks == NULL || marks->kind != NODE_LIST)
		return;
	for (const struct node *mark = marks->first; mark != NULL; mark = mark->next) {
		const struct node *service = node_get(mark, "service");
		if (service != NULL && service->kind == NODE_MAP)
			check_mark_param(lint, node_get(service, "param"));
		else if (texts_first(service) != NULL)
			check_service_name(lint, service);
		else if (mark->kind == NODE_MAP && mark_service(root, mark) == NULL)
			problems_add(lint->problems, RULE_MISSING_KEY,
				document_place(lint->document, mark),
				"a mark needs \"service\" when the runbook does not have exactly one");
	}
}

static bool marks_in(const struct node *root, const char *service)
{
	struct steps steps;
	bool found = false;

	steps_init(&steps, root);
	for (size_t i = 0; i < steps.count && !found; i++) {
		const struct node *marks = node_get(steps.rows[i].node, "marks");
		if (marks == NULL || marks->kind != NODE_LIST)
			continue;
		for (const struct node *mark = marks->first; mark != NULL; mark = mark->next)
			found = found || (str_eq(node_text(mark, "reached"), "verified") &&
						 /* a parameter may name it */
						 (node_get(node_get(mark, "service"), "param") != NULL ||
							 str_eq(mark_service(root, mark), service)));
	}
	steps_release(&steps);
	return found;
}

/* Here or in a runbook that is nested. */
static bool marks_verified(const struct lint *lint, const char *service)
{
	struct documents all;
	bool found = false;

	shelf_reach(lint->shelf, lint->document, &all);
	for (size_t i = 0; i < all.count && !found; i++)
		found = marks_in(all.rows[i]->root, service);
	documents_release(&all);
	return found;
}

static void check_services(struct lint *lint)
{
	const struct node *root = lint->document->root;
	const struct node *one = node_get(root, "service"), *list = node_get(root, "services");
	struct names served = {0};

	if (texts_first(one) != NULL)
		check_service_name(lint, texts_first(one));
	for (const struct node *n = texts_first(list); n != NULL; n = texts_next(list, n))
		check_service_name(lint, n);
	runbook_services(root, false, &served);
	for (size_t i = 0; i < served.count; i++)
		if (service_known(lint->workspace, served.rows[i]) && lint->steps.count > 0 &&
			!marks_verified(lint, served.rows[i]))
			problems_add(lint->problems, RULE_NEVER_VERIFIED,
				document_key_place(lint->document, one != NULL ? one : list),
				"no step marks \"%s\" as verified, so its clock never stops: add "
				"marks: [{service: %s, reached: verified}] to the step that proves it",
				served.rows[i], served.rows[i]);
	names_release(&served);
}

static void check_verify(struct lint *lint, const struct node *step)
{
	int level = 0;

	if (!lint->workspace->catalog.present || node_get(step, "uses") == NULL ||
		node_get(step, "verify") != NULL)
		return;
	step_level(lint->workspace, lint->document, &lint->source, step, &level);
	if (level == 3)
		problems_add(lint->problems, RULE_NO_VERIFY, document_place(lint->document, step),
			"the step cannot be taken back and has no \"verify\": add Lua that fails when "
			"it did not work");
}

void lint_runbook(struct workspace *workspace, struct document *document, struct shelf *shelf,
	struct problems *problems)
{
	struct shelf directory = {.workspace = workspace};
	struct lint lint = {.workspace = workspace, .document = document, .problems = problems,
		.shelf = shelf != NULL ? shelf : &directory};

	if (document->root == NULL || document->root->kind != NODE_MAP)
		return;
	lint.source = (struct source){workspace, lint.shelf->commit};
	steps_init(&lint.steps, document->root);
	check_services(&lint);
	lint_params(&lint);
	lint_outputs(&lint);
	lint_secrets(&lint);
	lint_graph(&lint);
	for (size_t i = 0; i < lint.steps.count; i++) {
		const struct step_row *row = &lint.steps.rows[i];
		lint_step(&lint, row);
		lint_uses(&lint, row->node);
		check_marks(&lint, row->node);
		lint_scripts(&lint, row->node);
		if (!row->watch) /* which only looks, as has been said where it does not */
			check_verify(&lint, row->node);
	}
	steps_release(&lint.steps);
	names_release(&lint.modules);
	shelf_release(&directory);
}
