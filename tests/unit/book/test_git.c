/* Versions from Git, dirty or not, and a repository whose configuration would run programs. */
#include "workspace_fixture.h"

#include <fcntl.h>

static char *marker;

/* Git for the test's own use, with a configuration of its own. */
static void git(const char *dir, const char *const *args)
{
	const char *argv[32] = {"git", "-C", dir, "-c", "user.name=Ann Example", "-c", "user.email=ann@example.org",
		"-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"};
	struct child child = {.timeout_ms = 20000};
	struct err err = {0};
	size_t n = 11;

	for (size_t i = 0; args[i] != NULL; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
	child.argv = argv;
	ok(child_run(&child, &err));
	if (child.exit_status != 0)
		fail_msg("git %s: %s%s", args[0], child.out.data, child.errout.data);
	child_release(&child);
}

#define GIT(dir, ...) git(dir, (const char *const[]){__VA_ARGS__, NULL})

static void init_repository(const char *dir)
{
	GIT(dir, "init", "-q");
	GIT(dir, "add", ".");
	GIT(dir, "commit", "-q", "-m", "first");
}

static void write_version(struct fixture *f, int version, const char *note)
{
	char *text = xasprintf("runbook: Versioned\nversion: %d\nservice: orders\nsteps:\n  - id: a\n    run: return require(\"m\")\n"
			       "    verify: {file: v.lua}\n    marks: [{reached: verified}]\n  # %s\n",
		version, note);

	put_file(f->dir, "failover.yaml", text);
	free(text);
}

static void commit(struct fixture *f, int version, const char *note)
{
	char *module = xasprintf("return \"%s\"\n", note);

	write_version(f, version, note);
	put_file(f->dir, "lua/m.lua", module);
	put_file(f->dir, "v.lua", module);
	GIT(f->dir, "add", ".");
	GIT(f->dir, "commit", "-q", "-m", note);
	free(module);
}

static json_t *plan(struct fixture *f, const char *name)
{
	struct err err = {0};
	json_t *out = NULL;

	fixture_open(f);
	if (workspace_plan(f->workspace, name, "drill", NULL, &out, &f->problems, &err) != ERR_NONE)
		fail_msg("%s: %s", name, err.text);
	return out;
}

static const char *file_text(const json_t *plan, const char *path)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(plan, "files"), i, row) {
		if (str_eq(json_str(row, "path", NULL), path))
			return json_str(row, "text", "");
	}
	return "";
}

static void versions_are_remembered(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *log = NULL;

	(void)state;
	fixture_init(&f);
	init_repository(f.dir);
	commit(&f, 2, "two");
	commit(&f, 2, "two again");
	commit(&f, 3, "three");
	fixture_open(&f);
	ok(workspace_log(f.workspace, "failover", &log, &err));
	assert_int_equal(json_array_size(log), 4);
	const json_t *newest = json_array_get(log, 0), *oldest = json_array_get(log, 3);
	assert_int_equal(json_int(newest, "version", 0), 3);
	assert_string_equal(json_str(newest, "subject", ""), "three");
	assert_string_equal(json_str(newest, "author", ""), "Ann Example");
	assert_true(str_starts(json_str(newest, "when", ""), "20"));
	assert_int_equal(strlen(json_str(newest, "commit", "")), 40);
	assert_int_equal(strlen(json_str(newest, "digest", "")), 64);
	assert_int_equal(json_int(oldest, "version", 0), 1);
	char *commit_of_two = xstrdup(json_str(json_array_get(log, 1), "commit", ""));
	char *older_two = xstrdup(json_str(json_array_get(log, 2), "commit", ""));
	json_decref(log);

	/* the newest commit of that version, with that commit's modules and scripts */
	json_t *p = plan(&f, "failover@v2");
	assert_string_equal(json_str(json_object_get(p, "runbook"), "commit", ""), commit_of_two);
	assert_int_equal(json_int(json_object_get(p, "runbook"), "version", 0), 2);
	assert_string_equal(file_text(p, "lua/m.lua"), "return \"two again\"\n");
	assert_string_equal(file_text(p, "v.lua"), "return \"two again\"\n");
	assert_non_null(strstr(file_text(p, "failover.yaml"), "# two again"));
	assert_false(json_flag(json_object_get(p, "workspace"), "dirty", true));
	json_decref(p);
	older_two[8] = '\0';
	char *name = xasprintf("failover@%s", older_two);
	p = plan(&f, name);
	assert_string_equal(file_text(p, "lua/m.lua"), "return \"two\"\n");
	json_decref(p);
	free(name);

	json_t *out = NULL;
	refused(ERR_NOT_FOUND, workspace_plan(f.workspace, "failover@v9", "drill", NULL, &out, NULL, &err));
	refused(ERR_NOT_FOUND, workspace_plan(f.workspace, "failover@deadbeef", "drill", NULL, &out, NULL, &err));
	refused(ERR_USAGE, workspace_plan(f.workspace, "failover@--help", "drill", NULL, &out, NULL, &err));
	refused(ERR_USAGE, workspace_plan(f.workspace, "failover@", "drill", NULL, &out, NULL, &err));
	refused(ERR_NOT_FOUND, workspace_log(f.workspace, "nothing", &log, &err));
	refused(ERR_NOT_FOUND, workspace_log(f.workspace, "../x", &log, &err));
	free(commit_of_two);
	free(older_two);
	fixture_release(&f);
}

static bool is_dirty(struct fixture *f)
{
	fixture_open(f);
	json_t *s = workspace_summary(f->workspace);
	const bool dirty = json_flag(json_object_get(s, "workspace"), "dirty", true);
	json_decref(s);
	return dirty;
}

static void dirty_or_not(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_true(is_dirty(&f)); /* in no commit at all */
	init_repository(f.dir);
	assert_false(is_dirty(&f));
	json_t *p = plan(&f, "failover");
	assert_false(json_flag(json_object_get(p, "workspace"), "dirty", true));
	assert_int_equal(strlen(json_str(json_object_get(p, "workspace"), "commit", "")), 40);
	json_decref(p);
	put_file(f.dir, "notes.txt", "no file of the workspace\n");
	put_file(f.dir, "env.yaml", "PORT: 1\n"); /* of the machine */
	assert_false(is_dirty(&f));
	put_file(f.dir, "lua/new.lua", "return 1\n");
	assert_true(is_dirty(&f));
	p = plan(&f, "failover"); /* the module takes no part in this one */
	assert_false(json_flag(json_object_get(p, "workspace"), "dirty", true));
	json_decref(p);
	char *services = xasprintf("%s    cost: \"1000 an hour\"\n", good_services);
	put_file(f.dir, "services.yaml", services);
	free(services);
	p = plan(&f, "failover");
	assert_true(json_flag(json_object_get(p, "workspace"), "dirty", false));
	json_decref(p);
	fixture_release(&f);
}

static void a_workspace_below_the_repository(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *log = NULL;
	char top[64];

	(void)state;
	fixture_init(&f);
	temp_dir(top);
	char *below = path_join(top, "books/orders");
	for (size_t i = 0; i < COUNT_OF(good_files); i++)
		put_file(below, good_files[i].name, good_files[i].text);
	init_repository(top);
	char *own = xstrdup(f.dir);
	snprintf(f.dir, sizeof(f.dir), "%s", below);
	assert_false(is_dirty(&f));
	ok(workspace_log(f.workspace, "failover", &log, &err));
	assert_int_equal(json_array_size(log), 1);
	json_decref(log);
	json_decref(plan(&f, "failover@v1"));
	snprintf(f.dir, sizeof(f.dir), "%s", own);
	free(own);
	free(below);
	remove_dir(top);
	fixture_release(&f);
}

static void the_version_must_be_raised(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	init_repository(f.dir);
	commit(&f, 2, "two");
	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	expect_none(&f.problems);
	write_version(&f, 2, "changed");
	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	assert_int_equal(f.problems.count, 1);
	expect_problem(&f.problems, "version-not-raised", "failover.yaml", 2, 10, "raise it to 3");
	write_version(&f, 3, "changed");
	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	expect_none(&f.problems);
	fixture_release(&f);
}

/* ------------------------------------------------------------------ a hostile repository */

static void add_program(const char *dir, const char *name)
{
	char *text = xasprintf("#!/bin/sh\ntouch %s\ncat 2>/dev/null\n", marker), *path = path_join(dir, name);

	put_file(dir, name, text);
	assert_int_equal(chmod(path, 0700), 0);
	free(path);
	free(text);
}

static void spoil_configuration(const char *dir)
{
	static const char *const keys[] = {"core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass",
		"core.alternateRefsCommand", "core.gitProxy", "diff.external", "diff.evil.textconv", "diff.evil.command",
		"filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "gpg.program", "gpg.ssh.program",
		"pager.log", "pager.rev-list", "pager.cat-file", "credential.helper", "alias.rev-parse", "alias.rev-list",
		"alias.cat-file", "remote.origin.uploadpack", "uploadpack.packObjectsHook", "merge.evil.driver",
		"sequence.editor", "interactive.diffFilter"};
	char *program = path_join(dir, "evil.sh");

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		GIT(dir, "config", keys[i], program);
	char *hook = xasprintf("%s/hooks", dir), *url = xasprintf("ext::%s", program);
	GIT(dir, "config", "core.hooksPath", hook);
	GIT(dir, "config", "filter.evil.required", "true");
	GIT(dir, "config", "log.showSignature", "true");
	GIT(dir, "config", "remote.origin.url", url);
	GIT(dir, "config", "remote.origin.promisor", "true");
	GIT(dir, "config", "protocol.ext.allow", "always");
	GIT(dir, "config", "protocol.allow", "always");
	GIT(dir, "config", "core.repositoryFormatVersion", "1");
	GIT(dir, "config", "extensions.partialClone", "origin");
	free(hook);
	free(url);
	free(program);
}

/* The file of a loose object; owned. */
static char *object_path(const char *dir, const char *name)
{
	const char *argv[] = {"git", "-C", dir, "rev-parse", name, NULL};
	struct child child = {.argv = argv, .timeout_ms = 20000};
	struct err err = {0};

	ok(child_run(&child, &err));
	char *object = xasprintf("%s/.git/objects/%.2s/%.38s", dir, child.out.data, child.out.data + 2);
	child_release(&child);
	return object;
}

static void a_hostile_repository_runs_nothing(void **state)
{
	static const char *const hooks[] = {"post-index-change", "post-checkout", "pre-commit", "reference-transaction",
		"fsmonitor-watchman", "pre-auto-gc"};
	struct fixture f;
	struct err err = {0};
	json_t *log = NULL, *out = NULL;

	(void)state;
	fixture_init(&f);
	init_repository(f.dir);
	commit(&f, 2, "two");
	commit(&f, 3, "three");
	marker = path_join(f.dir, "was-run");
	add_program(f.dir, "evil.sh");
	add_program(f.dir, "git"); /* for those who have "." in their PATH */
	for (size_t i = 0; i < COUNT_OF(hooks); i++) {
		char *in_git = path_join(".git/hooks", hooks[i]), *own = path_join("hooks", hooks[i]);
		add_program(f.dir, in_git);
		add_program(f.dir, own);
		free(in_git);
		free(own);
	}
	put_file(f.dir, ".gitattributes", "* filter=evil diff=evil merge=evil\n*.yaml filter=evil diff=evil\n");
	write_version(&f, 3, "changed");
	char *lost_runbook = object_path(f.dir, "HEAD~1:failover.yaml"), *lost_module = object_path(f.dir, "HEAD:lua/m.lua");
	spoil_configuration(f.dir);
	unlink(marker); /* the test's own git may well have run it */

	char *old_path = xstrdup(getenv("PATH")), *old_dir = getcwd(NULL, 0);
	char *path = xasprintf(".:%s", old_path);
	setenv("PATH", path, 1);
	assert_int_equal(chdir(f.dir), 0);
	setenv("GIT_EXTERNAL_DIFF", "./evil.sh", 1);
	setenv("GIT_DIR", "/nonexistent", 1); /* the caller's own must not lead us astray either */

	fixture_open(&f);
	workspace_lint(f.workspace, NULL, &f.problems);
	expect_problem(&f.problems, "version-not-raised", "failover.yaml", 2, 10, "raise it to 4");
	json_t *s = workspace_summary(f.workspace);
	assert_true(json_flag(json_object_get(s, "workspace"), "dirty", false));
	assert_int_equal(strlen(json_str(json_object_get(s, "workspace"), "commit", "")), 40);
	json_decref(s);
	ok(workspace_log(f.workspace, "failover", &log, &err));
	assert_int_equal(json_array_size(log), 3);
	json_decref(log);
	json_decref(plan(&f, "failover"));
	json_decref(plan(&f, "failover@v2"));
	assert_false(path_exists(marker));

	/* of a partial clone: objects that are not there would be fetched */
	assert_int_equal(unlink(lost_runbook), 0);
	assert_int_equal(unlink(lost_module), 0);
	(void)!workspace_log(f.workspace, "failover", &log, &err); /* may fail, must not fetch */
	json_decref(log);
	(void)!workspace_plan(f.workspace, "failover@v2", "drill", NULL, &out, NULL, &err);
	json_decref(out);
	s = workspace_summary(f.workspace);
	json_decref(s);
	assert_false(path_exists(marker));

	free(lost_runbook);
	free(lost_module);
	unsetenv("GIT_DIR");
	unsetenv("GIT_EXTERNAL_DIFF");
	setenv("PATH", old_path, 1);
	assert_int_equal(chdir(old_dir), 0);
	free(old_path);
	free(old_dir);
	free(path);
	free(marker);
	fixture_release(&f);
}

/* The trap is a trap: plain `git status` does run what this repository names. */
static void the_trap_works(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	init_repository(f.dir);
	marker = path_join(f.dir, "was-run");
	add_program(f.dir, "evil.sh");
	put_file(f.dir, ".gitattributes", "*.yaml filter=evil diff=evil\n");
	spoil_configuration(f.dir);
	unlink(marker);
	put_file(f.dir, "failover.yaml", "changed\n");
	const char *argv[] = {"git", "-C", f.dir, "status", "--short", NULL};
	struct child child = {.argv = argv, .timeout_ms = 20000};
	struct err err = {0};
	ok(child_run(&child, &err));
	child_release(&child);
	assert_true(path_exists(marker));

	/* and a missing object is fetched through the program that the repository names */
	char *lost = object_path(f.dir, "HEAD:services.yaml");
	const char *cat[] = {"git", "-C", f.dir, "cat-file", "-e", "HEAD:services.yaml", NULL};
	unlink(marker);
	assert_int_equal(unlink(lost), 0);
	char *program = path_join(f.dir, "evil.sh"), *text = xasprintf("#!/bin/sh\ntouch %s\n", marker);
	put_file(f.dir, "evil.sh", text); /* one that does not wait for input */
	assert_int_equal(chmod(program, 0700), 0);
	free(program);
	free(text);
	child = (struct child){.argv = cat, .timeout_ms = 20000};
	ok(child_run(&child, &err));
	child_release(&child);
	assert_true(path_exists(marker));
	free(lost);
	free(marker);
	fixture_release(&f);
}

/* Many and large versions: nothing is read twice, the limit of output is not met by honest ones. */
static void a_long_history(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *log = NULL;
	char note[32];

	(void)state;
	fixture_init(&f);
	init_repository(f.dir);
	for (int v = 2; v <= 30; v++) {
		snprintf(note, sizeof(note), "version %d", v);
		commit(&f, v, note);
	}
	fixture_open(&f);
	ok(workspace_log(f.workspace, "failover", &log, &err));
	assert_int_equal(json_array_size(log), 30);
	for (int i = 0; i < 30; i++)
		assert_int_equal(json_int(json_array_get(log, (size_t)i), "version", 0), 30 - i);
	json_decref(log);
	fixture_release(&f);
}

/* A runbook of a commit nests the runbooks of that commit, whatever stands there now. */
static void nested_runbooks_of_a_commit(void **state)
{
	struct fixture f;
	struct err err = {0};
	json_t *p = NULL;

	(void)state;
	fixture_init(&f);
	put_file(f.dir, "outer.yaml", "runbook: Outer\nversion: 1\nsteps: [{id: in, runbook: inner, params: {n: 1}}, {id: z, wait: 1s, when: {output: in.x}}]\n");
	put_file(f.dir, "inner.yaml", "runbook: Inner\nversion: 1\nparams: {n: {type: int}}\noutputs: {x: old.y}\nsteps: [{id: old, run: {file: lua/old.lua}}]\n");
	put_file(f.dir, "lua/old.lua", "return {y = 1}\n");
	init_repository(f.dir);
	put_file(f.dir, "inner.yaml", "runbook: Inner\nversion: 2\nsteps: [{id: new, wait: 1s}]\n");
	put_file(f.dir, "outer.yaml", "runbook: Outer\nversion: 2\nsteps: [{id: in, runbook: inner}]\n");
	char *path = path_join(f.dir, "lua/old.lua");
	unlink(path);
	free(path);
	GIT(f.dir, "add", ".");
	GIT(f.dir, "commit", "-q", "-m", "second");
	p = plan(&f, "outer@v1");
	assert_int_equal(json_array_size(json_object_get(p, "steps")), 3);
	assert_string_equal(json_str(json_array_get(json_object_get(p, "steps"), 0), "id", ""), "in/old");
	assert_non_null(strstr(file_text(p, "inner.yaml"), "version: 1"));
	assert_non_null(strstr(file_text(p, "lua/old.lua"), "y = 1"));
	json_decref(p);
	p = plan(&f, "outer");
	assert_non_null(strstr(file_text(p, "inner.yaml"), "version: 2"));
	json_decref(p);
	/* what is not in the commit is not there */
	put_file(f.dir, "outer.yaml", "runbook: Outer\nversion: 3\nsteps: [{id: in, runbook: late}]\n");
	GIT(f.dir, "add", ".");
	GIT(f.dir, "commit", "-q", "-m", "third");
	put_file(f.dir, "late.yaml", "runbook: Late\nversion: 1\nsteps: [{id: a, wait: 1s}]\n");
	fixture_open(&f);
	refused(ERR_WORKSPACE, workspace_plan(f.workspace, "outer@v3", "drill", NULL, &p, &f.problems, &err));
	assert_non_null(strstr(err.text, "there is no runbook \"late\""));
	p = plan(&f, "outer");
	json_decref(p);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_remembered),
		cmocka_unit_test(dirty_or_not),
		cmocka_unit_test(a_workspace_below_the_repository),
		cmocka_unit_test(the_version_must_be_raised),
		cmocka_unit_test(a_hostile_repository_runs_nothing),
		cmocka_unit_test(the_trap_works),
		cmocka_unit_test(a_long_history),
		cmocka_unit_test(nested_runbooks_of_a_commit),
	};

	setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
