/* workspace.c: finding a workspace and loading every document in it. */
#include "workspace.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUNBOOKS_MAX = 10000, CATALOG_MAX_BYTES = 64 << 20 };

static const char *const kind_names[DOC_KINDS] = {
	[DOC_DRILLBOOK] = "drillbook",
	[DOC_SERVICES] = "services",
	[DOC_TARGETS] = "targets",
	[DOC_DRILLS] = "drills",
};

/* ------------------------------------------------------------------ where it is */

static bool has_drillbook(const char *dir)
{
	char *path = path_join(dir, "drillbook.yaml");
	struct stat st;
	const bool there = stat(path, &st) == 0 && S_ISREG(st.st_mode);

	free(path);
	return there;
}

char *workspace_find(const char *dir)
{
	char *root = realpath(dir, NULL);

	while (root != NULL && !has_drillbook(root)) {
		char *slash = strrchr(root, '/');
		if (slash == NULL || strcmp(root, "/") == 0) {
			free(root);
			return NULL;
		}
		slash[slash == root ? 1 : 0] = '\0';
	}
	return root;
}

/* ------------------------------------------------------------------ loading */

static struct document *load(struct workspace *workspace, const struct schema *schema, const char *path)
{
	struct document *document = document_new(schema, path);
	const struct source source = {.workspace = workspace};
	struct err err = {0};
	const enum err_code code =
		source_read(&source, path, document->bytes.max_bytes, &document->bytes, &err);

	if (code == ERR_NONE) {
		document_parse(document);
		if (schema == NULL || !str_eq(schema->kind, kind_names[DOC_TARGETS]))
			document_check(document);
	} else if (code == ERR_LIMIT) {
		problems_add(&document->problems, RULE_LIMIT, (struct place){path, 0, 0},
			"larger than %zu KiB: split the file", document->bytes.max_bytes / 1024);
	} else {
		problems_add(&document->problems, RULE_UNREADABLE, (struct place){path, 0, 0}, "%s",
			err.text);
	}
	return document;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool is_kind_file(const char *name)
{
	for (const struct schema *s = schemas; s->kind != NULL; s++)
		if (str_eq(s->file, name))
			return true;
	return strcmp(name, "env.yaml") == 0;
}

/* A file name is the runbook's name: it must be one that can be typed and written in drills.yaml. */
static void take_runbook(struct workspace *workspace, const char *file)
{
	const char *what = NULL;

	if (str_ends(file, ".yml"))
		what = "is not read: name it .yaml";
	if (!str_ends(file, ".yaml") && what == NULL)
		return;
	char *name = xasprintf("%.*s", (int)(strlen(file) - strlen(".yaml")), file);
	if (what == NULL && !name_valid(name))
		what = "is not read: use letters, digits, - _ and . in its name";
	free(name);
	if (what != NULL) {
		problems_add(&workspace->found, RULE_IGNORED_FILE, (struct place){file, 0, 0}, "%s", what);
		return;
	}
	if (workspace->runbook_count == RUNBOOKS_MAX) {
		problems_add(&workspace->found, RULE_LIMIT, (struct place){file, 0, 0},
			"more than %d runbooks in one directory", RUNBOOKS_MAX);
		return;
	}
	struct document *document = load(workspace, schema_find("runbook"), file);
	const size_t n = workspace->runbook_count++;
	if ((n & (n - 1)) == 0)
		workspace->runbooks = xrealloc(
			workspace->runbooks, (n > 0 ? n * 2 : 1) * sizeof(*workspace->runbooks));
	workspace->runbooks[n] = document;
}

static enum err_code load_all(struct workspace *workspace, struct err *err)
{
	struct dirent **entries = NULL;
	struct names files = {0};
	const int count = scandir(workspace->root, &entries, visible, NULL);

	if (count < 0)
		return err_errno(err, "cannot read \"%s\"", workspace->root);
	for (int i = 0; i < count; i++)
		names_add(&files, entries[i]->d_name);
	if (count > 0)
		qsort(files.rows, files.count, sizeof(*files.rows), by_text);
	for (int k = 0; k < DOC_KINDS; k++) {
		const struct schema *schema = schema_find(kind_names[k]);
		if (names_have(&files, schema->file))
			workspace->docs[k] = load(workspace, schema, schema->file);
	}
	if (names_have(&files, "env.yaml"))
		workspace->env = load(workspace, NULL, "env.yaml");
	if (workspace->docs[DOC_TARGETS] != NULL) {
		/* checked only now: a variable has the type of its value */
		env_apply(workspace);
		document_check(workspace->docs[DOC_TARGETS]);
	}
	for (size_t i = 0; i < files.count; i++)
		if (!is_kind_file(files.rows[i]))
			take_runbook(workspace, files.rows[i]);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	names_release(&files);
	return ERR_NONE;
}

enum err_code workspace_open(struct workspace **out, const char *dir, const json_t *catalog,
	struct problems *problems, struct err *err)
{
	char *root = workspace_find(dir);

	*out = NULL;
	if (root == NULL)
		return err_set(err, ERR_WORKSPACE,
			"there is no drillbook.yaml in \"%s\" or above it", dir);
	struct workspace *workspace = xmalloc(sizeof(*workspace));
	workspace->root = root;
	arena_init(&workspace->arena, CATALOG_MAX_BYTES);
	catalog_init(&workspace->catalog, &workspace->arena, catalog);
	const enum err_code code = load_all(workspace, err);
	if (code != ERR_NONE) {
		workspace_free(workspace);
		err->code = ERR_WORKSPACE;
		return ERR_WORKSPACE;
	}
	problems_merge(problems, &workspace->found);
	for (int k = 0; k < DOC_KINDS; k++)
		if (workspace->docs[k] != NULL)
			problems_merge(problems, &workspace->docs[k]->problems);
	if (workspace->env != NULL)
		problems_merge(problems, &workspace->env->problems);
	for (size_t i = 0; i < workspace->runbook_count; i++)
		problems_merge(problems, &workspace->runbooks[i]->problems);
	*out = workspace;
	return ERR_NONE;
}

void workspace_free(struct workspace *workspace)
{
	if (workspace == NULL)
		return;
	for (int k = 0; k < DOC_KINDS; k++)
		document_free(workspace->docs[k]);
	document_free(workspace->env);
	for (size_t i = 0; i < workspace->runbook_count; i++)
		document_free(workspace->runbooks[i]);
	free(workspace->runbooks);
	problems_release(&workspace->found);
	arena_release(&workspace->arena);
	free(workspace->root);
	free(workspace);
}

const char *workspace_root(const struct workspace *workspace)
{
	return workspace->root;
}

const char *workspace_name(const struct workspace *workspace)
{
	const struct document *drillbook = workspace->docs[DOC_DRILLBOOK];
	const char *name = drillbook != NULL ? node_text(drillbook->root, "name") : NULL;
	const char *slash = strrchr(workspace->root, '/');

	if (name != NULL)
		return name;
	return slash != NULL && slash[1] != '\0' ? slash + 1 : workspace->root;
}

void workspace_lint(struct workspace *workspace, const char *runbook, struct problems *problems)
{
	struct problems found;

	problems_init(&found);
	lint_services(workspace, &found);
	lint_targets(workspace, NULL, &found);
	lint_drills(workspace, &found);
	for (size_t i = 0; i < workspace->runbook_count; i++) {
		struct document *document = workspace->runbooks[i];
		if (runbook != NULL && strcmp(document->name, runbook) != 0)
			continue;
		lint_runbook(workspace, document, NULL, &found);
	}
	lint_versions(workspace, runbook, &found);
	problems_merge(problems, &found);
	if (problems != NULL)
		problems_sort(problems);
	problems_release(&found);
}
