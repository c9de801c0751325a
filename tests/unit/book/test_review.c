/* What a policy asks of a workspace (clean, signed, reviewed), and the server's own configuration files. */
#include "workspace_fixture.h"

#include <fcntl.h>

/* ------------------------------------------------------------------ a repository with signed commits */

static void run(const char *const *argv)
{
	struct child child = {.argv = argv, .timeout_ms = 20000};
	struct err err = {0};

	ok(child_run(&child, &err));
	if (child.exit_status != 0)
		fail_msg("%s: %s%s", argv[0], child.out.data, child.errout.data);
	child_release(&child);
}

static void git(const char *dir, const char *mail, const char *key, const char *const *args)
{
	char *user = xasprintf("user.email=%s", mail), *signing = xasprintf("user.signingkey=%s", key ? key : "");
	const char *argv[40] = {"git", "-C", dir, "-c", "user.name=Somebody", "-c", user, "-c", "init.defaultBranch=main",
		"-c", "gpg.format=ssh", "-c", "gpg.ssh.program=ssh-keygen", "-c", signing, "-c",
		key != NULL ? "commit.gpgsign=true" : "commit.gpgsign=false"};
	size_t n = 17;

	for (size_t i = 0; args[i] != NULL; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
	run(argv);
	free(user);
	free(signing);
}
#define GIT(mail, key, ...) git(rig->fixture.dir, mail, key, (const char *const[]){__VA_ARGS__, NULL})

struct rig {
	struct fixture fixture;
	char outside[32]; /* keys and allowed signers */
	char *ann, *bob, *signers;
	json_t *plan, *facts;
};

static char *new_key(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path, NULL};

	run(argv);
	return path;
}

static void allow(struct rig *rig, const char *who, const char *key)
{
	char *pub = xasprintf("%s.pub", key), *line;
	struct buf text;
	struct err err = {0};

	ok(file_read(pub, 4096, &text, &err));
	line = xasprintf("%s %s", who, text.data);
	ok(file_replace(rig->signers, line, strlen(line), 0644, &err));
	buf_release(&text);
	free(line);
	free(pub);
}

static void rig_init(struct rig *rig)
{
	*rig = (struct rig){0};
	strcpy(rig->outside, "/tmp/drillbook-keys-XXXXXX");
	assert_non_null(mkdtemp(rig->outside));
	fixture_init(&rig->fixture);
	rig->ann = new_key(rig->outside, "ann");
	rig->bob = new_key(rig->outside, "bob");
	rig->signers = path_join(rig->outside, "signers");
	allow(rig, "ann@example.org", rig->ann);
	GIT("ann@example.org", NULL, "init", "-q");
	GIT("ann@example.org", NULL, "add", ".");
}

static void rig_release(struct rig *rig)
{
	const char *const argv[] = {"rm", "-rf", rig->outside, NULL};

	json_decref(rig->plan);
	json_decref(rig->facts);
	free(rig->ann);
	free(rig->bob);
	free(rig->signers);
	fixture_release(&rig->fixture);
	run(argv);
}

static const json_t *review(struct rig *rig, const char *signers)
{
	struct err err = {0};
	json_t *conditions = json_pack("[s, s, s]", "clean", "signed", "reviewed");

	json_decref(rig->plan);
	json_decref(rig->facts);
	rig->plan = NULL;
	fixture_open(&rig->fixture);
	ok(workspace_plan(rig->fixture.workspace, "failover", "drill", NULL, &rig->plan, &rig->fixture.problems, &err));
	rig->facts = workspace_review(rig->fixture.workspace, rig->plan, conditions, signers);
	json_decref(conditions);
	return rig->facts;
}

static void is_unsigned(struct rig *rig, const char *signers, const char *why)
{
	const json_t *facts = review(rig, signers);

	assert_null(json_object_get(facts, "signer"));
	if (strstr(json_str(facts, "unsigned", ""), why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", json_str(facts, "unsigned", ""), why);
}

/* ------------------------------------------------------------------ signatures */

static void a_commit_of_an_allowed_signer(void **state)
{
	struct rig rig_, *rig = &rig_;

	(void)state;
	rig_init(rig);
	GIT("ann@example.org", rig->ann, "commit", "-q", "-m", "signed");
	const json_t *facts = review(rig, rig->signers);
	assert_string_equal(json_str(facts, "signer", ""), "ann@example.org");
	assert_null(json_object_get(facts, "unsigned"));
	assert_true(json_flag(facts, "clean", false));
	const json_t *row;
	size_t i, seen = 0;
	json_array_foreach(json_object_get(facts, "changes"), i, row) {
		assert_string_equal(json_str(row, "mail", ""), "ann@example.org");
		seen += str_eq(json_str(row, "path", ""), "failover.yaml") || str_eq(json_str(row, "path", ""), "targets.yaml");
	}
	assert_int_equal(seen, 2);
	/* the next change is somebody else's, not committed, then committed without a signature */
	put_file(rig->fixture.dir, "services.yaml", good_services);
	char *changed = xasprintf("%s# more\n", good_runbook);
	put_file(rig->fixture.dir, "failover.yaml", changed);
	free(changed);
	assert_false(json_flag(review(rig, rig->signers), "clean", true));
	GIT("bob@example.org", NULL, "commit", "-q", "-am", "by bob");
	is_unsigned(rig, rig->signers, "carries no valid signature");
	assert_true(json_flag(rig->facts, "clean", false));
	json_array_foreach(json_object_get(rig->facts, "changes"), i, row)
		assert_string_equal(json_str(row, "mail", ""),
			str_eq(json_str(row, "path", ""), "failover.yaml") ? "bob@example.org" : "ann@example.org");
	rig_release(rig);
}

static void signatures_that_do_not_count(void **state)
{
	struct rig rig_, *rig = &rig_;

	(void)state;
	rig_init(rig);
	GIT("bob@example.org", rig->bob, "commit", "-q", "-m", "signed by bob, who is not allowed");
	is_unsigned(rig, rig->signers, "carries no valid signature");
	is_unsigned(rig, NULL, "names no file of allowed signers");
	is_unsigned(rig, "/nonexistent/signers", "there is no file");
	/* a repository cannot bring its own signers, nor say that others may write them */
	char *within = path_join(rig->fixture.dir, "signers");
	put_file(rig->fixture.dir, "signers", "x");
	is_unsigned(rig, within, "inside the workspace");
	allow(rig, "bob@example.org", rig->bob);
	assert_string_equal(json_str(review(rig, rig->signers), "signer", ""), "bob@example.org");
	assert_int_equal(chmod(rig->signers, 0666), 0);
	is_unsigned(rig, rig->signers, "others may write");
	free(within);
	rig_release(rig);
}

/* The repository's own idea of what verifies a signature is never started. */
static void a_repository_that_would_verify_itself(void **state)
{
	struct rig rig_, *rig = &rig_;

	(void)state;
	rig_init(rig);
	GIT("bob@example.org", rig->bob, "commit", "-q", "-m", "signed by bob, who is not allowed");
	char *marker = path_join(rig->outside, "was-run"), *program = path_join(rig->outside, "yes"), *own;
	own = xasprintf("#!/bin/sh\ntouch %s\necho 'Good \"git\" signature for ann@example.org with ED25519 key SHA256:x'\n", marker);
	struct err err = {0};
	ok(file_replace(program, own, strlen(own), 0755, &err));
	GIT("bob@example.org", NULL, "config", "gpg.ssh.program", program);
	GIT("bob@example.org", NULL, "config", "gpg.program", program);
	GIT("bob@example.org", NULL, "config", "gpg.minTrustLevel", "undefined");
	is_unsigned(rig, rig->signers, "carries no valid signature");
	assert_false(path_exists(marker));
	free(marker);
	free(program);
	free(own);
	rig_release(rig);
}

static void outside_of_git(void **state)
{
	struct rig rig_, *rig = &rig_;

	(void)state;
	rig_init(rig);
	is_unsigned(rig, rig->signers, "not in Git");
	assert_false(json_flag(rig->facts, "clean", true));
	assert_null(json_object_get(rig->facts, "changes"));
	assert_non_null(strstr(json_str(rig->facts, "unreviewed", ""), "not in Git"));
	rig_release(rig);
}

/* ------------------------------------------------------------------ server.yaml, policy.yaml */

static char *put_config(const char *dir, const char *text, mode_t mode)
{
	char *path = path_join(dir, "x.yaml");
	struct err err = {0};

	ok(file_replace(path, text, strlen(text), mode, &err));
	return path;
}

static void bad(const char *dir, const char *kind, const char *text, const char *where)
{
	char *path = put_config(dir, text, 0644), *expected = xasprintf("%s:%s", path, where);
	struct err err = {0};
	json_t *out;

	refused(ERR_WORKSPACE, config_load(path, kind, &out, &err));
	if (!str_starts(err.text, expected))
		fail_msg("\"%s\" instead of \"%s\"", err.text, expected);
	assert_null(out);
	free(path);
	free(expected);
}

static void configuration_files(void **state)
{
	char dir[] = "/tmp/drillbook-keys-XXXXXX";
	struct err err = {0};
	json_t *out;

	(void)state;
	assert_non_null(mkdtemp(dir));
	char *path = put_config(dir, "roles: {operator: [ann, \"@dba\", 1001], observer: staff}\nworkspaces: /srv/shop\n", 0644);
	ok(config_load(path, "server", &out, &err));
	json_t *expected = json_pack("{s:{s:[s,s,s], s:[s]}, s:[s]}", "roles", "operator", "ann", "@dba", "1001", "observer",
		"staff", "workspaces", "/srv/shop");
	assert_true(json_equal(out, expected));
	json_decref(expected);
	json_decref(out);
	free(path);
	path = put_config(dir, "allow:\n- {environments: lab, override: true, name: lab}\nlive: {require: [clean, signed]}\n", 0640);
	ok(config_load(path, "policy", &out, &err));
	expected = json_pack("{s:[{s:[s], s:b, s:s}], s:{s:[s,s]}}", "allow", "environments", "lab", "override", 1, "name", "lab",
		"live", "require", "clean", "signed");
	assert_true(json_equal(out, expected));
	json_decref(expected);
	json_decref(out);
	assert_int_equal(chmod(path, 0662), 0); /* somebody else's word */
	refused(ERR_FORBIDDEN, config_load(path, "policy", &out, &err));
	free(path);
	refused(ERR_NOT_FOUND, config_load("/nonexistent/policy.yaml", "policy", &out, &err));
	refused(ERR_FORBIDDEN, config_load(dir, "policy", &out, &err));
	bad(dir, "server", "workspaces: [a]\n", "1:1: server.yaml needs \"roles\"");
	bad(dir, "server", "roles: {operators: [ann]}\n", "1:9: roles has no key \"operators\" (did you mean");
	bad(dir, "policy", "live:\n  require: [clean, singed]\n", "2:20: \"require\" must be one of clean, signed, reviewed");
	bad(dir, "policy", "live: {require: [clean]\n", "2:1: ");
	bad(dir, "policy", "allow:\n- {modes: [life]}\n", "2:12: ");
	bad(dir, "policy", "- 1\n", "1:1: policy.yaml must be a map");
	bad(dir, "policy", "a: &x 1\n", "1:4: ");
	const char *const argv[] = {"rm", "-rf", dir, NULL};
	run(argv);
}

/* What is installed as an example is one. */
static void the_examples_can_be_read(void **state)
{
	static const char *const kinds[] = {"server", "policy"};
	char dir[] = "/tmp/drillbook-keys-XXXXXX";
	struct err err = {0};
	struct buf text;
	json_t *out, *schema;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		char *source = xasprintf(TEST_SOURCE "/src/cli/deploy/examples/%s.yaml", kinds[i]);
		ok(file_read(source, 65536, &text, &err));
		char *path = put_config(dir, text.data, 0644);
		ok(config_load(path, kinds[i], &out, &err));
		schema = schema_json(kinds[i]);
		assert_non_null(schema);
		json_decref(schema);
		json_decref(out);
		buf_release(&text);
		free(path);
		free(source);
	}
	const char *const argv[] = {"rm", "-rf", dir, NULL};
	run(argv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_commit_of_an_allowed_signer),
		cmocka_unit_test(signatures_that_do_not_count),
		cmocka_unit_test(a_repository_that_would_verify_itself),
		cmocka_unit_test(outside_of_git),
		cmocka_unit_test(configuration_files),
		cmocka_unit_test(the_examples_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
