/* Trust: given, held, taken back, and lost when the directory is another one. */
#include "workspace_fixture.h"

struct place_of_trust {
	struct fixture f;
	char config[64];
};

static void setup(struct place_of_trust *p)
{
	fixture_init(&p->f);
	temp_dir(p->config);
	setenv("DRILLBOOK_CONFIG", p->config, 1);
}

static void teardown(struct place_of_trust *p)
{
	unsetenv("DRILLBOOK_CONFIG");
	remove_dir(p->config);
	fixture_release(&p->f);
}

static void given_and_taken_back(void **state)
{
	struct place_of_trust p;
	struct err err = {0};

	(void)state;
	setup(&p);
	assert_false(trust_holds(p.f.dir));
	ok(trust_add(p.f.dir, &err));
	ok(trust_add(p.f.dir, &err)); /* twice is once */
	assert_true(trust_holds(p.f.dir));
	put_file(p.f.dir, "lua/x.lua", "return 1\n");
	char *below = path_join(p.f.dir, "lua");
	assert_true(trust_holds(below));
	free(below);
	ok(trust_remove(p.f.dir, &err));
	assert_false(trust_holds(p.f.dir));
	refused(ERR_NOT_FOUND, trust_remove(p.f.dir, &err));
	refused(ERR_WORKSPACE, trust_add("/", &err));
	assert_false(trust_holds("/"));
	assert_false(trust_holds("/nonexistent"));
	teardown(&p);
}

static void another_directory_in_its_place(void **state)
{
	struct place_of_trust p;
	struct err err = {0};

	(void)state;
	setup(&p);
	ok(trust_add(p.f.dir, &err));
	char *moved = xasprintf("%s-moved", p.f.dir);
	assert_int_equal(rename(p.f.dir, moved), 0);
	assert_false(trust_holds(moved)); /* the path is part of it */
	assert_int_equal(mkdir(p.f.dir, 0700), 0);
	put_file(p.f.dir, "drillbook.yaml", good_drillbook);
	assert_false(trust_holds(p.f.dir)); /* and so is the directory itself */
	remove_dir(moved);
	free(moved);
	remove_dir(p.f.dir);
	ok(trust_remove(p.f.dir, &err)); /* gone, but can still be struck off */
	teardown(&p);
}

static void two_workspaces(void **state)
{
	struct place_of_trust p;
	struct fixture other;
	struct err err = {0};

	(void)state;
	setup(&p);
	fixture_init(&other);
	ok(trust_add(p.f.dir, &err));
	ok(trust_add(other.dir, &err));
	ok(trust_remove(p.f.dir, &err));
	assert_false(trust_holds(p.f.dir));
	assert_true(trust_holds(other.dir));
	fixture_release(&other);
	teardown(&p);
}

static void a_list_that_others_can_write_is_no_list(void **state)
{
	struct place_of_trust p;
	struct err err = {0};

	(void)state;
	setup(&p);
	ok(trust_add(p.f.dir, &err));
	char *list = path_join(p.config, "trusted");
	struct stat st;
	assert_int_equal(stat(list, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chmod(list, 0620), 0);
	assert_false(trust_holds(p.f.dir));
	refused(ERR_FORBIDDEN, trust_add(p.f.dir, &err));
	assert_int_equal(chmod(list, 0600), 0);
	assert_true(trust_holds(p.f.dir));
	char *real = path_join(p.config, "real");
	assert_int_equal(rename(list, real), 0);
	assert_int_equal(symlink(real, list), 0);
	assert_false(trust_holds(p.f.dir));
	free(list);
	free(real);
	teardown(&p);
}

/* A path that begins or ends like a trusted one is not trusted. */
static void only_whole_rows_count(void **state)
{
	struct place_of_trust p;
	struct err err = {0};
	struct stat st;

	(void)state;
	setup(&p);
	char *longer = xasprintf("%s x", p.f.dir);
	put_file(longer, "drillbook.yaml", good_drillbook);
	ok(trust_add(longer, &err));
	assert_false(trust_holds(p.f.dir));
	assert_true(trust_holds(longer));
	assert_int_equal(stat(p.f.dir, &st), 0);
	char *cut = xasprintf("%llu %llu %.*s", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		(int)strlen(p.f.dir) - 1, p.f.dir);
	put_file(p.config, "trusted", cut); /* without its end */
	assert_false(trust_holds(p.f.dir));
	free(cut);
	remove_dir(longer);
	free(longer);
	teardown(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given_and_taken_back),
		cmocka_unit_test(another_directory_in_its_place),
		cmocka_unit_test(two_workspaces),
		cmocka_unit_test(a_list_that_others_can_write_is_no_list),
		cmocka_unit_test(only_whole_rows_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
