/* main.c: verify checks a journal from the outside.
 *
 * This program was written from docs/journal-format.md and uses nothing of drillbook: no
 * header, no library but libc and SQLite, its own SHA-256, its own reading of JSON.  Keep it
 * so: a mistake that writer and checker share is one that nobody sees.  J1 to J11 are the
 * numbered invariants of that page. */
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Noreturn void quit(int status, const char *text, const char *subject)
{
	fprintf(stderr, "verify: %s%s%s\n", text, subject ? ": " : "", subject ? subject : "");
	exit(status);
}

void *need(void *p)
{
	if (p == NULL)
		quit(EXIT_CANNOT_READ, "out of memory", NULL);
	return p;
}

char *text_of(const char *fmt, const char *a, const char *b)
{
	char *out = NULL;

	if (asprintf(&out, fmt, a, b) < 0)
		quit(EXIT_CANNOT_READ, "out of memory", NULL);
	return out;
}

void found(struct findings *findings, int64_t run, int64_t pos, char *owned)
{
	findings->list =
		need(realloc(findings->list, (findings->count + 1) * sizeof(*findings->list)));
	findings->list[findings->count++] = (struct finding){ run, pos, owned };
}

void problem(struct check *check, int64_t run, int64_t pos, const char *what)
{
	found(&check->problems, run, pos, need(strdup(what)));
}

bool is_wanted(const struct check *check, int64_t chain)
{
	return check->only < 0 || chain == check->only || chain == 0;
}

/* ------------------------------------------------------------------ opening */

static int64_t pragma(struct check *check, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t value = -1;

	if (sqlite3_prepare_v2(check->db, sql, -1, &statement, NULL) != SQLITE_OK)
		quit(EXIT_CANNOT_READ, "not a journal", sqlite3_errmsg(check->db));
	if (sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

/* Percent-encodes a path for a SQLite URI. */
static char *uri_of(const char *path, const char *query)
{
	char *out = need(malloc(strlen(path) * 3 + strlen(query) + 8)), *p = out;

	p += sprintf(p, "file:");
	for (; *path != '\0'; path++)
		p += sprintf(p, strchr("?#%", *path) ? "%%%02x" : "%c", (unsigned char)*path);
	sprintf(p, "%s", query);
	return out;
}

static bool try_open(struct check *check, const char *path, const char *query)
{
	char *uri = uri_of(path, query);
	const int code =
		sqlite3_open_v2(uri, &check->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);

	free(uri);
	sqlite3_busy_timeout(check->db, 5000);
	/* one moment for all that follows */
	if (code == SQLITE_OK && sqlite3_exec(check->db, "BEGIN; SELECT 1 FROM sqlite_master",
					 NULL, NULL, NULL) == SQLITE_OK)
		return true;
	return false;
}

/* A file without a log beside it is nobody's at work: nothing is created next to the evidence.
 * On a medium that cannot be written to, the file is read as it lies. */
static void open_journal(struct check *check, const char *path)
{
	char *wal = text_of("%s%s", path, "-wal");
	const bool alone = access(wal, F_OK) != 0;

	free(wal);
	if (access(path, R_OK) != 0)
		quit(EXIT_CANNOT_READ, strerror(errno), path);
	if (!try_open(check, path, alone ? "?immutable=1" : "")) {
		char *why = need(strdup(sqlite3_errmsg(check->db)));
		if (alone || (sqlite3_errcode(check->db) & 0xff) == SQLITE_NOTADB)
			quit(EXIT_CANNOT_READ, "cannot read the journal", why);
		quit(EXIT_CANNOT_READ,
			"cannot read the journal with its log; copy journal.db, -wal and -shm "
			"to a directory that can "
			"be written to",
			why);
	}
	if (pragma(check, "PRAGMA application_id") != APPLICATION)
		quit(EXIT_CANNOT_READ, "not a drillbook journal", path);
	if (pragma(check, "PRAGMA user_version") != SCHEMA)
		quit(EXIT_CANNOT_READ, "written by another version of drillbook", path);
}

/* ------------------------------------------------------------------ the command line */

static const char usage[] =
	"usage: verify [--json] [--run N] [--seal FILE] [--seal-out] JOURNAL [OUTPUTS]\n"
	"\n"
	"Checks a drillbook journal against docs/journal-format.md, sharing no code with the "
	"program that wrote it.\n"
	"\n"
	"  JOURNAL      the data directory, or journal.db itself; may be in use\n"
	"  OUTPUTS      the directory of step outputs: check those files too\n"
	"  --run N      only run N (and the ledger, where its seal stands)\n"
	"  --seal FILE  compare with seals that were copied away: one JSON line each\n"
	"  --seal-out   print the seal of the ledger (of run N with --run) to copy away\n"
	"  --json       the result as one JSON object\n"
	"\n"
	"Exit status: 0 verifies, 9 does not, 7 cannot be read, 2 usage.\n";

static void read_seals(struct check *check, const char *path)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	FILE *file = fopen(path, "re");

	if (file == NULL)
		quit(EXIT_CANNOT_READ, strerror(errno), path);
	while ((len = getline(&line, &cap, file)) > 0) {
		const char *start = skip_space(line, line + len);
		if (start < line + len)
			learn_seal(check, -1, (struct span){ start, line + len });
	}
	free(line);
	fclose(file);
	check->seals_outside = check->seal_count;
	if (check->seal_count == 0)
		quit(EXIT_USAGE, "no seal in the file", path);
}

int main(int argc, char **argv)
{
	static struct check check = {
		.only = -1
	}; /* lives as long as the program, like all it points to */
	static char *path;
	bool json = false, seal_out = false;
	const char *place = NULL, *seal_file = NULL;
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--seal-out") == 0)
			seal_out = true;
		else if (strcmp(argv[i], "--seal") == 0 && i + 1 < argc)
			seal_file = argv[++i];
		else if (strcmp(argv[i], "--run") == 0 && i + 1 < argc &&
			 canonical(argv[i + 1], &check.only) && check.only > 0)
			i++;
		else if (strcmp(argv[i], "--help") == 0)
			return fputs(usage, stdout) < 0;
		else if (argv[i][0] == '-' || check.outputs_dir != NULL)
			return fputs(usage, stderr), EXIT_USAGE;
		else if (place == NULL)
			place = argv[i];
		else
			check.outputs_dir = argv[i];
	}
	if (place == NULL)
		return fputs(usage, stderr), EXIT_USAGE;
	if (seal_file != NULL)
		read_seals(&check, seal_file);
	path = stat(place, &st) == 0 && S_ISDIR(st.st_mode)
		       ? text_of("%s/%s", place, "journal.db")
		       : text_of("%s%s", place, "");
	open_journal(&check, path);
	check_events(&check);
	check_seals(&check);
	check_contents(&check);
	check_persons(&check);
	for (size_t i = 0; i < check.output_count; i++)
		check_output(&check, &check.outputs[i]);
	if (check.only > 0 && chain_at(&check, check.only) == NULL)
		problem(&check, check.only, -1, "there are no events of this run");
	if (seal_out)
		return tell_seal(&check);
	if (json)
		tell_json(&check, path);
	else
		tell(&check, path);
	return check.problems.count == 0 ? EXIT_OK : EXIT_BAD;
}
