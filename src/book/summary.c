/* summary.c: a workspace at a glance, for lists and screens. */
#include "plan.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* As many as a plan may have: more are not counted. */
enum { TALLY_MAX = 10000 };

static json_t *services_json(const struct workspace *workspace)
{
	json_t *out = json_array();
	struct names names = {0};

	workspace_entries(workspace, DOC_SERVICES, &names);
	for (size_t i = 0; i < names.count; i++)
		json_array_append_new(out, service_json(workspace, names.rows[i]));
	names_release(&names);
	return out;
}

/* Without settings: a list is shown to people who need not see them. */
static json_t *targets_json(const struct workspace *workspace)
{
	json_t *out = json_object();
	struct names names = {0};

	workspace_entries(workspace, DOC_TARGETS, &names);
	for (size_t i = 0; i < names.count; i++) {
		const struct node *target = workspace_entry(workspace, DOC_TARGETS, names.rows[i]);
		json_t *row = json_object();
		json_put_str(row, "provider", node_text(target, "provider"));
		json_put_str(row, "environment", node_text(target, "environment"));
		json_put_str(row, "title", node_text(target, "title"));
		json_put(out, names.rows[i], row);
	}
	names_release(&names);
	return out;
}

/* What drills.yaml plans; of a surprise drill only its window is known. */
static json_t *drills_json(const struct workspace *workspace)
{
	static const char *const texts[] = {"runbook", "title", "mode", "every", "owner"};
	json_t *out = json_array();
	struct names names = {0};

	workspace_entries(workspace, DOC_DRILLS, &names);
	for (size_t i = 0; i < names.count; i++) {
		const struct node *drill = workspace_entry(workspace, DOC_DRILLS, names.rows[i]);
		const struct node *window = node_get(drill, "window"),
				  *surprise = node_get(drill, "surprise");
		json_t *row = json_object();
		bool flag = false;
		json_put_str(row, "name", names.rows[i]);
		for (size_t k = 0; k < COUNT_OF(texts); k++)
			json_put_str(row, texts[k], node_text(drill, texts[k]));
		json_put_int(row, "every_ms", duration_of(drill, "every", 0));
		json_put_str(row, "from", node_text(window, "from"));
		json_put_str(row, "until", node_text(window, "until"));
		json_put_flag(row, "surprise", surprise != NULL && node_bool(surprise, &flag) && flag);
		json_array_append_new(out, row);
	}
	names_release(&names);
	return out;
}

/* ------------------------------------------------------------------ runbooks */

static bool is_valid(struct workspace *workspace, struct document *document)
{
	struct shelf shelf = {.workspace = workspace};
	struct problems found;
	struct documents all;

	problems_init(&found);
	shelf_reach(&shelf, document, &all);
	for (size_t i = 0; i < all.count; i++) {
		problems_merge(&found, &all.rows[i]->problems);
		lint_runbook(workspace, all.rows[i], &shelf, &found);
	}
	documents_release(&all);
	const bool valid = document->root != NULL && problems_errors(&found) == 0;
	problems_release(&found);
	return valid;
}

struct tally {
	int64_t steps, dangerous;
	int64_t walked; /* runbooks may nest each other in a circle */
	int level;
};

/* What is done itself: a group and a nested runbook count as their steps, once, whatever a for_each makes of them. */
static void count_levels(struct workspace *workspace, struct document *document, int depth, struct tally *tally)
{
	struct shelf shelf = {.workspace = workspace};
	const struct source source = {.workspace = workspace};
	struct steps steps;

	steps_init(&steps, document->root);
	for (size_t i = 0; i < steps.count && tally->walked < TALLY_MAX; i++, tally->walked++) {
		const struct node *step = steps.rows[i].node;
		struct document *inner = shelf_runbook(&shelf, node_text(step, "runbook"));
		if (inner != NULL && depth < NESTING_MAX)
			count_levels(workspace, inner, depth + 1, tally);
		if (steps.rows[i].watch || node_get(step, "steps") != NULL || node_get(step, "runbook") != NULL)
			continue;
		const int level = step_level(workspace, document, &source, step, NULL);
		tally->steps++;
		tally->dangerous += level >= 2;
		tally->level = level > tally->level ? level : tally->level;
	}
	steps_release(&steps);
}

static json_t *runbook_json(struct workspace *workspace, struct document *document)
{
	const struct node *version = node_get(document->root, "version");
	struct names services = {0};
	struct tally tally = {0};
	json_t *out = json_object(), *list = json_array();
	char hex[SHA256_HEX];
	int64_t number = 0;

	if (version != NULL && !node_int(version, &number))
		number = 0;
	runbook_services(document->root, false, &services);
	for (size_t i = 0; i < services.count; i++)
		json_array_append_new(list, json_text(services.rows[i], strlen(services.rows[i])));
	document_hex(document, hex);
	json_put_str(out, "name", document->name);
	json_put_str(out, "path", document->path);
	json_put_str(out, "title", node_text(document->root, "runbook"));
	json_put_str(out, "description", node_text(document->root, "description"));
	json_put_int(out, "version", number);
	json_put_str(out, "digest", hex);
	json_put_str(out, "service", services.count > 0 ? services.rows[0] : NULL);
	json_put(out, "services", list);
	count_levels(workspace, document, 0, &tally);
	json_put_int(out, "steps", tally.steps);
	json_put_int(out, "dangerous", tally.dangerous);
	json_put_int(out, "level", tally.level);
	json_put_flag(out, "valid", is_valid(workspace, document));
	names_release(&services);
	return out;
}

/* ------------------------------------------------------------------ dirty */

/* Every file of the workspace that Git should know: its documents and the modules in lua/. */
struct files {
	char **paths;
	struct buf **bytes;
	size_t count, documents;
};

static void add_file(struct files *files, const char *path, struct buf *bytes)
{
	files->paths = xrealloc(files->paths, (files->count + 1) * sizeof(*files->paths));
	files->bytes = xrealloc(files->bytes, (files->count + 1) * sizeof(*files->bytes));
	files->paths[files->count] = xstrdup(path);
	files->bytes[files->count++] = bytes;
}

static int is_lua(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && str_ends(entry->d_name, ".lua");
}

static void add_modules(const struct workspace *workspace, struct files *files)
{
	const struct source source = {.workspace = workspace};
	char *dir = path_join(workspace->root, "lua");
	struct dirent **entries = NULL;
	struct err ignored;
	const int count = scandir(dir, &entries, is_lua, NULL);

	for (int i = 0; i < count; i++) {
		char *path = path_join("lua", entries[i]->d_name);
		struct buf *bytes = xmalloc(sizeof(*bytes));
		if (source_read(&source, path, SCRIPT_MAX_BYTES, bytes, &ignored) == ERR_NONE)
			add_file(files, path, bytes);
		else
			free(bytes);
		free(path);
		free(entries[i]);
	}
	free(entries);
	free(dir);
}

static bool is_dirty(const struct workspace *workspace)
{
	struct files files = {0};

	for (int k = 0; k < DOC_KINDS; k++)
		if (workspace->docs[k] != NULL)
			add_file(&files, workspace->docs[k]->path, &workspace->docs[k]->bytes);
	for (size_t i = 0; i < workspace->runbook_count; i++)
		add_file(&files, workspace->runbooks[i]->path, &workspace->runbooks[i]->bytes);
	files.documents = files.count;
	add_modules(workspace, &files);
	const bool dirty = git_differs(workspace, (const char *const *)files.paths,
		(const struct buf *const *)files.bytes, files.count, NULL);
	for (size_t i = 0; i < files.count; i++) {
		free(files.paths[i]);
		if (i >= files.documents) {
			buf_release(files.bytes[i]);
			free(files.bytes[i]);
		}
	}
	free(files.paths);
	free(files.bytes);
	return dirty;
}

static json_t *workspace_json(const struct workspace *workspace)
{
	json_t *out = json_object();
	char commit[GIT_ID];
	const bool committed = git_head(workspace, commit);

	json_put_str(out, "name", workspace_name(workspace));
	json_put_str(out, "root", workspace->root);
	json_put_str(out, "commit", committed ? commit : NULL);
	json_put_flag(out, "dirty", !committed || is_dirty(workspace));
	return out;
}

json_t *workspace_summary(struct workspace *workspace)
{
	json_t *out = json_object(), *runbooks = json_array();

	for (size_t i = 0; i < workspace->runbook_count; i++)
		json_array_append_new(runbooks, runbook_json(workspace, workspace->runbooks[i]));
	json_put(out, "services", services_json(workspace));
	json_put(out, "targets", targets_json(workspace));
	json_put(out, "runbooks", runbooks);
	json_put(out, "drills", drills_json(workspace));
	json_put(out, "environments", environments_json(workspace));
	json_put(out, "workspace", workspace_json(workspace));
	return out;
}
