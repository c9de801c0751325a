/* workspace_fixture.h: a sound little workspace in a directory of its own, which each test spoils in its own way. */
#ifndef WORKSPACE_FIXTURE_H
#define WORKSPACE_FIXTURE_H

#include "drillbook/book.h"

#include "check.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

struct sample_file {
	const char *name, *text;
};

static const char good_drillbook[] = "name: orders\n"
				     "environments:\n"
				     "  lab: {modes: [probe, drill]}\n"
				     "  production: {modes: [probe, live]}\n"
				     "  archive: {modes: []}\n"
				     "defaults: {on_failure: ask}\n";

static const char good_services[] =
	"services:\n"
	"  orders:\n"
	"    title: Order database\n"
	"    tier: 1\n"
	"    owner: db-oncall\n"
	"    standby: hot\n"
	"    objectives: {rto: 2m, rpo: 0, approved_by: \"Head of Operations\", approved_on: 2026-10-01, review_by: 2027-10-01}\n"
	"    depends_on: []\n"
	"    compliance: [dora]\n";

static const char good_targets[] =
	"targets:\n"
	"  db-standby:\n"
	"    provider: postgres\n"
	"    environment: lab\n"
	"    settings: {host: 127.0.0.1, port: 21001, user: lab, database: app, data_dir: /srv/b}\n"
	"    secrets: {password: {file: pgpw}}\n"
	"  db-primary:\n"
	"    provider: postgres\n"
	"    environment: lab\n"
	"    settings: {host: 127.0.0.1, port: 21000, user: lab, database: app}\n"
	"    secrets: {password: {file: pgpw}}\n"
	"    queries:\n"
	"      count: {sql: \"select count(*) from orders\", effect: read}\n"
	"      place: {sql: \"insert into orders(ref) values ($1) on conflict do nothing\", effect: change, "
	"verify: \"select count(*) from orders where ref=$1\", params: [ref]}\n"
	"  tools:\n"
	"    provider: command\n"
	"    environment: lab\n"
	"    actions:\n"
	"      list-orders: {argv: [/bin/ls, \"{dir}\"], effect: read, params: [dir], help: \"what is there\"}\n"
	"      kill-primary: {argv: [./lab, fault, 1], effect: change, undo: start-primary}\n"
	"      start-primary: {argv: [./lab, cure], effect: costly}\n";

static const char good_runbook[] =
	"runbook: Fail the order database over to the standby\n"
	"version: 1\n"
	"service: orders\n"
	"description: When the first site is lost.\n"
	"params:\n"
	"  reason: {type: string, default: \"drill\"}\n"
	"steps:\n"
	"  - id: precheck\n"
	"    title: May the standby be promoted?\n"
	"    uses:\n"
	"      failover.precheck: db-standby\n"
	"      replication.status: [db-standby, db-primary]\n"
	"    run: |\n"
	"      local s = replication.status(\"db-standby\")\n"
	"      if s.lag_bytes > bytes(\"16MiB\") then fail(\"standby is %d bytes behind\", s.lag_bytes) end\n"
	"      return {lag_bytes = s.lag_bytes}\n"
	"    expect: 2s\n"
	"  - id: fence\n"
	"    title: Fence the primary\n"
	"    uses: {failover.fence: db-primary}\n"
	"    run: failover.fence(\"db-primary\")\n"
	"  - id: promote\n"
	"    title: Promote the standby\n"
	"    needs: [fence]\n"
	"    uses: {failover.promote: db-standby, replication.status: db-standby}\n"
	"    run: failover.promote(\"db-standby\", {wait = \"30s\"})\n"
	"    verify: |\n"
	"      if replication.status(\"db-standby\").role ~= \"primary\" then fail(\"still a standby\") end\n"
	"    marks: [{service: orders, reached: restored}]\n"
	"    timeout: 1m\n"
	"    on_failure: ask\n"
	"  - id: look\n"
	"    title: Look at the dashboard\n"
	"    manual: |\n"
	"      Is the order rate back?\n"
	"    checklist: [rate is back, no errors]\n"
	"    marks: [{service: orders, reached: verified}]\n"
	"  - id: which\n"
	"    title: Who is told?\n"
	"    decide: Who must be told?\n"
	"    choices:\n"
	"      - {id: everyone, label: Everyone}\n"
	"      - {id: nobody, label: Nobody, skip: [tell]}\n"
	"  - id: tell\n"
	"    manual: Tell them.\n"
	"  - id: settle\n"
	"    wait: 10s\n";

static const struct sample_file good_files[] = {
	{"drillbook.yaml", good_drillbook},
	{"services.yaml", good_services},
	{"targets.yaml", good_targets},
	{"failover.yaml", good_runbook},
};

struct fixture {
	char dir[64];
	json_t *catalog;
	struct workspace *workspace;
	struct problems problems;
};

UNUSED static void put_bytes(const char *dir, const char *name, const void *data, size_t len)
{
	struct err err = {0};
	char *path = path_join(dir, name), *slash = strrchr(path, '/');

	*slash = '\0';
	ok(dir_make(path, 0700, &err));
	*slash = '/';
	ok(file_replace(path, data, len, 0600, &err));
	free(path);
}

UNUSED static void put_file(const char *dir, const char *name, const char *text)
{
	put_bytes(dir, name, text, strlen(text));
}

UNUSED static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

UNUSED static void temp_dir(char dir[64])
{
	snprintf(dir, 64, "/tmp/drillbook-book-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

UNUSED static void remove_dir(const char *dir)
{
	nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS);
}

UNUSED static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.catalog = json_load_file(TEST_DATA "/catalog.json", 0, NULL)};
	assert_non_null(f->catalog);
	problems_init(&f->problems);
	temp_dir(f->dir);
	for (size_t i = 0; i < COUNT_OF(good_files); i++)
		put_file(f->dir, good_files[i].name, good_files[i].text);
}

UNUSED static void fixture_close(struct fixture *f)
{
	workspace_free(f->workspace);
	f->workspace = NULL;
	problems_release(&f->problems);
}

UNUSED static void fixture_open(struct fixture *f)
{
	struct err err = {0};

	fixture_close(f);
	ok(workspace_open(&f->workspace, f->dir, f->catalog, &f->problems, &err));
}

UNUSED static void fixture_release(struct fixture *f)
{
	fixture_close(f);
	json_decref(f->catalog);
	remove_dir(f->dir);
}

UNUSED static void print_problems(const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		problem_print(stderr, &problems->rows[i]);
}

/* Row of that rule, file and place whose text holds `text`; fails the test when there is none. */
UNUSED static void expect_problem(const struct problems *problems, const char *rule, const char *file,
	int line, int column, const char *text)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *p = &problems->rows[i];
		if (strcmp(p->rule, rule) == 0 && strcmp(p->file, file) == 0 && p->line == line &&
			p->column == column && strstr(p->text, text) != NULL)
			return;
	}
	print_problems(problems);
	fail_msg("no %s at %s:%d:%d with \"%s\"", rule, file, line, column, text);
}

UNUSED static void expect_none(const struct problems *problems)
{
	if (problems->count == 0)
		return;
	print_problems(problems);
	fail_msg("%zu problems where there should be none", problems->count);
}

#endif
