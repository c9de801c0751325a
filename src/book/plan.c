/* plan.c: everything a run needs, self-contained (docs/protocol.md, section 1). */
#include "plan.h"

#include "git.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Which runbook, and of which time. */
struct wanted {
	char *name;
	const char *at;              /* behind @; NULL = as it is now */
	char commit[GIT_ID];
	struct document *document;
	struct shelf shelf;          /* it and what it nests */
};

/* ------------------------------------------------------------------ which runbook */

static enum err_code no_runbook(const struct workspace *workspace, const char *name, struct err *err)
{
	struct names names = {0};
	char mean[128];

	for (size_t i = 0; i < workspace->runbook_count; i++)
		names_add(&names, workspace->runbooks[i]->name);
	did_you_mean(mean, sizeof(mean), name, names.rows, names.count);
	names_release(&names);
	return err_set(err, ERR_NOT_FOUND, "there is no runbook \"%.60s\"%s", name, mean);
}

/* The newest commit whose file has that version. */
static enum err_code find_version(const struct workspace *workspace, struct wanted *wanted,
	const char *path, int64_t number, struct buf *bytes, struct err *err)
{
	struct versions versions;

	TRY(versions_read(workspace, path, true, &versions, err));
	enum err_code code = err_set(err, ERR_NOT_FOUND,
		"no commit holds version %" PRId64 " of \"%s\"", number, wanted->name);
	for (size_t i = 0; i < versions.count && code != ERR_NONE; i++) {
		struct version *v = &versions.rows[i];
		if (v->version != number)
			continue;
		snprintf(wanted->commit, sizeof(wanted->commit), "%s", v->commit);
		*bytes = v->bytes;
		v->bytes = (struct buf){0};
		code = ERR_NONE;
	}
	versions_release(&versions);
	return code;
}

static bool is_hex(const char *s)
{
	size_t len = 0;

	while (isxdigit((unsigned char)s[len]))
		len++;
	return s[len] == '\0' && len >= 4 && len <= 64;
}

/* "v6" or a commit id of at least 4 digits. */
static enum err_code find_in_git(
	const struct workspace *workspace, struct wanted *wanted, struct err *err)
{
	char *path = xasprintf("%s.yaml", wanted->name);
	const char *digits = wanted->at + 1;
	struct buf bytes = {0};
	enum err_code code;

	if (wanted->at[0] == 'v' && digits[0] != '\0' && strlen(digits) < 10 &&
		digits[strspn(digits, "0123456789")] == '\0') {
		code = find_version(workspace, wanted, path, strtoll(digits, NULL, 10), &bytes, err);
	} else if (is_hex(wanted->at)) {
		code = git_resolve(workspace, wanted->at, wanted->commit, err);
		if (code == ERR_NONE)
			code = git_read(workspace, wanted->commit, path,
				schema_find("runbook")->limits.max_bytes, &bytes, err);
	} else {
		code = err_set(err, ERR_USAGE,
			"\"@%.40s\" is no version: write %s@v6 or %s@COMMIT", wanted->at, wanted->name,
			wanted->name);
	}
	if (code == ERR_NONE) {
		wanted->document = document_new(schema_find("runbook"), path);
		wanted->document->bytes = bytes;
		document_parse(wanted->document);
		document_check(wanted->document);
		wanted->shelf.commit = wanted->commit;
		shelf_add(&wanted->shelf, wanted->document);
	}
	free(path);
	return code;
}

static enum err_code find_runbook(
	const struct workspace *workspace, const char *name, struct wanted *wanted, struct err *err)
{
	const char *at = strchr(name, '@');

	*wanted = (struct wanted){.name = at != NULL ? xasprintf("%.*s", (int)(at - name), name)
						     : xstrdup(name),
		.shelf = {.workspace = workspace}};
	if (!name_valid(wanted->name))
		return no_runbook(workspace, wanted->name, err);
	if (at != NULL) {
		wanted->at = at + 1;
		return find_in_git(workspace, wanted, err);
	}
	wanted->document = workspace_runbook(workspace, name);
	return wanted->document != NULL ? ERR_NONE : no_runbook(workspace, name, err);
}

/* ------------------------------------------------------------------ is it sound */

static void lint_used_targets(
	struct workspace *workspace, const struct node *root, struct problems *found)
{
	struct names targets = {0};
	struct steps steps;

	steps_init(&steps, root);
	for (size_t i = 0; i < steps.node_count; i++) {
		const struct node *uses = node_get(steps.nodes[i], "uses");
		for (const struct node *op = uses != NULL ? uses->first : NULL; op != NULL; op = op->next)
			for (const struct node *t = texts_first(op); t != NULL; t = texts_next(op, t))
				if (!names_have(&targets, t->text))
					names_add(&targets, t->text);
	}
	steps_release(&steps);
	for (size_t i = 0; i < targets.count; i++)
		lint_targets(workspace, targets.rows[i], found);
	names_release(&targets);
}

/* Everything that takes part and nothing else: a mistake in another runbook stops nobody. */
static enum err_code check(struct workspace *workspace, struct wanted *wanted,
	const struct documents *documents, struct problems *problems, struct err *err)
{
	static const enum kind kinds[] = {DOC_DRILLBOOK, DOC_SERVICES, DOC_TARGETS};
	struct problems found;
	enum err_code code = ERR_NONE;

	problems_init(&found);
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (workspace->docs[kinds[i]] != NULL)
			problems_merge(&found, &workspace->docs[kinds[i]]->problems);
	if (workspace->env != NULL)
		problems_merge(&found, &workspace->env->problems);
	for (size_t i = 0; i < documents->count; i++) {
		struct document *document = documents->rows[i];
		problems_merge(&found, &document->problems);
		if (document->root == NULL)
			continue;
		lint_used_targets(workspace, document->root, &found);
		lint_runbook(workspace, document, &wanted->shelf, &found);
	}
	const size_t errors = problems_errors(&found);
	for (size_t i = 0; i < found.count && errors > 0 && code == ERR_NONE; i++)
		if (found.rows[i].severity == SEVERITY_ERROR)
			code = err_set(err, ERR_WORKSPACE, "%s:%d:%d: %s%s", found.rows[i].file,
				found.rows[i].line, found.rows[i].column, found.rows[i].text,
				errors > 1 ? " (and more)" : "");
	problems_merge(problems, &found);
	problems_release(&found);
	return code;
}

/* ------------------------------------------------------------------ may it run in this mode */

static enum err_code check_mode(const char *mode, struct err *err)
{
	for (const char *const *m = plan_modes; *m != NULL; m++)
		if (str_eq(*m, mode))
			return ERR_NONE;
	return err_set(err, ERR_USAGE, "\"%.40s\" is no mode: probe, simulate, tabletop, drill or live",
		mode != NULL ? mode : "");
}

/* Simulate and tabletop touch no target: they are open everywhere. */
static bool mode_touches(const char *mode)
{
	for (const char *const *m = run_modes; *m != NULL; m++)
		if (str_eq(*m, mode))
			return true;
	return false;
}

static enum err_code check_environments(const struct planner *p, struct err *err)
{
	for (size_t i = 0; mode_touches(p->mode) && i < p->targets.count; i++) {
		const struct node *target =
			workspace_entry(p->workspace, DOC_TARGETS, p->targets.rows[i]);
		const char *name = node_text(target, "environment");
		const struct node *modes =
			node_get(workspace_entry(p->workspace, DOC_DRILLBOOK, name), "modes");
		bool allowed = false;
		for (const struct node *n = texts_first(modes); n != NULL; n = texts_next(modes, n))
			allowed = allowed || strcmp(n->text, p->mode) == 0;
		if (!allowed)
			return err_set(err, ERR_FORBIDDEN,
				"target \"%s\" is in environment \"%s\", which mode %s may not touch",
				p->targets.rows[i], name != NULL ? name : "", p->mode);
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ the parts */

void plan_param_targets(struct planner *p, const struct document *document, const json_t *given)
{
	const struct node *params = node_get(document->root, "params");

	for (const struct node *n = params != NULL ? params->first : NULL; n != NULL; n = n->next) {
		const char *value = json_str(given, n->key, NULL);
		/* names live as long as the plan is made: the entry's own key does */
		const struct node *entry = workspace_entry(p->workspace, DOC_TARGETS, value);
		if (str_eq(node_text(n, "type"), "target") && entry != NULL &&
			!names_have(&p->targets, entry->key))
			names_add(&p->targets, entry->key);
	}
}

static json_t *workspace_json(const struct planner *p)
{
	json_t *out = json_object();
	char commit[GIT_ID];
	const bool committed = git_head(p->workspace, commit);

	json_put_str(out, "name", workspace_name(p->workspace));
	json_put_str(out, "root", p->workspace->root);
	json_put_str(out, "commit", committed ? commit : NULL);
	json_put_flag(out, "dirty", !committed || plan_is_dirty(p));
	return out;
}

json_t *plan_runbook_json(const struct document *document)
{
	const struct node *version = node_get(document->root, "version");
	json_t *out = json_object();
	char hex[SHA256_HEX];
	int64_t number = 0;

	if (version != NULL && !node_int(version, &number))
		number = 0;
	document_hex(document, hex);
	json_put_str(out, "name", document->name);
	json_put_str(out, "path", document->path);
	json_put_str(out, "title", node_text(document->root, "runbook"));
	json_put_int(out, "version", number);
	json_put_str(out, "digest", hex);
	return out;
}

static json_t *runbook_json(const struct planner *p)
{
	json_t *out = plan_runbook_json(p->document);

	json_put_str(out, "description", node_text(p->document->root, "description"));
	if (p->source.commit != NULL)
		json_put_str(out, "commit", p->source.commit);
	if (p->document->made_up) /* what it was made for, so that it can be made again */
		json_put(out, "services", texts_json(node_get(p->document->root, "services")));
	return out;
}

/* Those that parameters name in marks. */
static void marked_services(const json_t *steps, struct names *out)
{
	const json_t *step, *mark;
	size_t i, k;

	json_array_foreach(steps, i, step) {
		json_array_foreach(json_object_get(step, "marks"), k, mark) {
			const char *service = json_str(mark, "service", NULL);
			if (service != NULL && !names_have(out, service))
				names_add(out, service);
		}
	}
}

/* Of the runbook, then of those it nests. */
static json_t *services_json(const struct planner *p)
{
	json_t *out = json_array();
	struct names services = {0};

	for (size_t i = 0; i < p->documents.count; i++)
		runbook_services(p->documents.rows[i]->root, true, &services);
	marked_services(p->steps, &services);
	for (size_t i = 0; i < services.count; i++)
		json_array_append_new(out, service_json(p->workspace, services.rows[i]));
	names_release(&services);
	return out;
}

static json_t *plan_json(const struct planner *p)
{
	const struct node *parallel = node_get(p->document->root, "parallel");
	json_t *out = json_object();
	int64_t most;

	json_put_str(out, "format", "plan/1");
	json_put(out, "workspace", workspace_json(p));
	json_put(out, "runbook", runbook_json(p));
	json_put_str(out, "mode", p->mode);
	json_put(out, "files", plan_files_json(p));
	json_put(out, "services", services_json(p));
	json_put(out, "environments", environments_json(p->workspace));
	json_put(out, "targets", json_incref(p->target_rows));
	json_put(out, "params", json_incref(p->params));
	json_put(out, "modules", json_incref(p->modules));
	if (parallel != NULL && node_int(parallel, &most))
		json_put_int(out, "parallel", most);
	if (json_object_size(p->scopes) > 0)
		json_put(out, "scopes", json_incref(p->scopes));
	json_put(out, "changes", changes_json(p->workspace, p->steps));
	json_put(out, "steps", json_incref(p->steps));
	return out;
}

static enum err_code make(struct planner *p, json_t **plan, struct err *err)
{
	p->modules = json_object();
	p->steps = json_array();
	p->scopes = json_object();
	p->target_rows = json_object();
	TRY(plan_collect(p, err));
	TRY(plan_steps(p, err));
	plan_param_targets(p, p->document, p->params);
	TRY(check_environments(p, err));
	for (size_t i = 0; i < p->targets.count; i++)
		json_put(p->target_rows, p->targets.rows[i], target_json(p->workspace, p->targets.rows[i]));
	TRY(plan_secrets(p, err));
	*plan = plan_json(p);
	return ERR_NONE;
}

/* wanted->document is there, and everything it nests is on wanted->shelf. */
static enum err_code plan_wanted(struct workspace *workspace, struct wanted *wanted, const char *mode,
	const json_t *params, json_t **plan, struct problems *problems, struct err *err)
{
	struct planner planner = {.workspace = workspace, .shelf = &wanted->shelf,
		.document = wanted->document, .mode = mode, .source = {workspace, wanted->shelf.commit}};

	shelf_reach(&wanted->shelf, wanted->document, &planner.documents);
	enum err_code code = check(workspace, wanted, &planner.documents, problems, err);
	if (code == ERR_NONE)
		code = params_resolve(workspace, wanted->document, params, &planner.params, err);
	if (code == ERR_NONE)
		code = make(&planner, plan, err);
	json_decref(planner.params);
	plan_release(&planner);
	return code;
}

enum err_code workspace_plan(struct workspace *workspace, const char *name, const char *mode,
	const json_t *params, json_t **plan, struct problems *problems, struct err *err)
{
	struct wanted wanted = {0};

	*plan = NULL;
	enum err_code code = check_mode(mode, err);
	if (code == ERR_NONE)
		code = find_runbook(workspace, name, &wanted, err);
	if (code == ERR_NONE)
		code = plan_wanted(workspace, &wanted, mode, params, plan, problems, err);
	shelf_release(&wanted.shelf);
	free(wanted.name);
	return code;
}

enum err_code workspace_plan_services(struct workspace *workspace, const char *const *names, size_t count,
	bool with_dependencies, const char *mode, const json_t *params, json_t **plan,
	struct problems *problems, struct err *err)
{
	struct wanted wanted = {.shelf = {.workspace = workspace}};

	*plan = NULL;
	enum err_code code = check_mode(mode, err);
	if (code == ERR_NONE)
		code = waves_document(workspace, &wanted.shelf, names, count, with_dependencies, params,
			&wanted.document, err);
	if (code == ERR_NONE)
		code = plan_wanted(workspace, &wanted, mode, NULL, plan, problems, err);
	document_free(wanted.document);
	shelf_release(&wanted.shelf);
	return code;
}

json_t *workspace_target(struct workspace *workspace, const char *name)
{
	return workspace_entry(workspace, DOC_TARGETS, name) != NULL ? target_json(workspace, name) : NULL;
}
