/* record.c: history, report and verify: what has been recorded. */
#include "remote.h"

#include "drillbook/report.h"

#include <stdlib.h>
#include <unistd.h>

enum { REPORT_MAX = 256 << 20 };

static const struct option_row history_options[] = { { "json", NULL, false, "as JSON" },
	{ "runbook", "NAME", false, "only this runbook" },
	{ "service", "NAME", false, "only this service" },
	{ "mode", "MODE", false, "only this mode" },
	{ "limit", "N", false, "how many (default 50)" }, OPTION_END };

static int remote_history(const struct args *args, const struct journal_filter *filter, struct err *err)
{
	struct buf text;
	json_t *runs = NULL;

	if (remote_runs(args, filter, &runs, err) != ERR_NONE)
		return -1;
	if (option_flag(args, "json"))
		return print_json(runs);
	buf_init(&text, REPORT_MAX);
	const enum err_code code = report_table(runs, &text, err);
	if (code == ERR_NONE)
		fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	json_decref(runs);
	return code == ERR_NONE ? 0 : -1;
}

static int history(const struct args *args, struct err *err)
{
	struct journal *journal;
	const char *limit = option_value(args, "limit");
	const struct journal_filter filter = { .runbook = option_value(args, "runbook"),
		.service = option_value(args, "service"),
		.mode = option_value(args, "mode"),
		.limit = limit ? strtoll(limit, NULL, 10) : 50 };
	struct buf text;
	json_t *runs = NULL;

	if (args->server != NULL)
		return remote_history(args, &filter, err);
	enum err_code code = cli_journal(args, &journal, err);

	if (code == ERR_NOT_FOUND) {
		puts(option_flag(args, "json") ? "[]" : "no runs yet");
		return 0;
	}
	if (code != ERR_NONE)
		return -1;
	if (option_flag(args, "json")) {
		code = journal_runs(journal, &filter, &runs, err);
		if (code == ERR_NONE)
			print_json(runs);
	} else {
		buf_init(&text, REPORT_MAX);
		code = report_history(journal, &filter, &text, err);
		if (code == ERR_NONE)
			fwrite(text.data, 1, text.len, stdout);
		buf_release(&text);
	}
	journal_close(journal);
	return code == ERR_NONE ? 0 : -1;
}

const struct command command_history = {
	.name = "history",
	.words = "",
	.summary = "past runs, newest first",
	.examples = "  drillbook history --runbook failover --mode drill\n",
	.options = history_options,
	.run = history,
};

static const struct option_row report_options[] = { { "format", "md|json|junit", false,
							    "Markdown (default), JSON or JUnit's XML" },
	{ "json", NULL, false, "the same as --format json" }, OPTION_END };

static bool report_format_find(const char *name, enum report_format *out)
{
	static const char *const names[] = { [REPORT_MARKDOWN] = "md",
		[REPORT_JSON] = "json",
		[REPORT_JUNIT] = "junit" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq(names[i], name)) {
			*out = (enum report_format)i;
			return true;
		}
	return false;
}

static int report(const struct args *args, struct err *err)
{
	struct journal *journal;
	struct buf text;
	int64_t run;
	const char *format = option_value(args, "format");
	enum report_format form = option_flag(args, "json") ? REPORT_JSON : REPORT_MARKDOWN;

	if (format != NULL && !report_format_find(format, &form)) {
		err_set(err, ERR_USAGE, "unknown format \"%s\": md, json or junit", format);
		return -1;
	}
	if (cli_run_number(args, args->words[0], &run, err) != ERR_NONE)
		return -1;
	if (args->server != NULL) {
		if (remote_report(args, run, form, &text, err) != ERR_NONE)
			return -1;
		fwrite(text.data, 1, text.len, stdout);
		buf_release(&text);
		return 0;
	}
	if (cli_journal(args, &journal, err) != ERR_NONE)
		return -1;
	buf_init(&text, REPORT_MAX);
	const enum err_code code = report_render(journal, run, form, &text, err);
	if (code == ERR_NONE)
		fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	journal_close(journal);
	return code == ERR_NONE ? 0 : -1;
}

const struct command command_report = {
	.name = "report",
	.words = "RUN|last",
	.summary = "a run as a document, from the journal only",
	.examples = "  drillbook report last\n  drillbook report 2042 --format json\n"
		    "  drillbook report last --format junit > drill.xml\n",
	.options = report_options,
	.least = 1,
	.most = 1,
	.run = report,
};

static const struct option_row verify_options[] = { { "json", NULL, false, "as JSON" },
	{ "run", "N", false, "only this run" },
	{ "seal", "FILE", false, "check against a seal that left the machine" },
	{ "seal-out", NULL, false, "print the seals, to be kept elsewhere" }, OPTION_END };

/* Hands over to the independent program. */
static int verify(const struct args *args, struct err *err)
{
	char *program = path_libexec("verify"), *outputs = path_join(args->data_dir, "outputs");
	const char *argv[16];
	size_t n = 0;

	if (cli_own_files(args, err) != ERR_NONE) {
		free(program);
		free(outputs);
		return -1;
	}

	argv[n++] = program;
	if (option_flag(args, "json"))
		argv[n++] = "--json";
	if (option_flag(args, "seal-out"))
		argv[n++] = "--seal-out";
	if (option_value(args, "run") != NULL) {
		argv[n++] = "--run";
		argv[n++] = option_value(args, "run");
	}
	if (option_value(args, "seal") != NULL) {
		argv[n++] = "--seal";
		argv[n++] = option_value(args, "seal");
	}
	argv[n++] = args->data_dir;
	if (path_exists(outputs))
		argv[n++] = outputs;
	argv[n] = NULL;
	fflush(stdout);
	execv(program, (char *const *)(uintptr_t)argv);
	err_errno(err, "cannot run \"%s\"", program);
	free(program);
	free(outputs);
	return -1;
}

const struct command command_verify = {
	.name = "verify",
	.words = "",
	.summary = "prove that the record was not changed",
	.details = "A program of its own reads the journal as docs/journal-format.md describes "
		   "it, sharing no code with the writer.",
	.examples =
		"  drillbook verify\n  drillbook verify --seal-out > /mnt/elsewhere/seals\n",
	.options = verify_options,
	.run = verify,
};

/* ------------------------------------------------------------------ journal */

static const struct option_row journal_options[] = { OPTION_END };

static enum err_code check_run(
	struct journal *journal, int64_t id, int64_t *recoveries, struct err *err)
{
	struct run *run;

	TRY(journal_run(journal, id, &run, err));
	const enum err_code code = run_time_law(run, err);
	for (size_t i = 0; i < run->service_count; i++)
		*recoveries += run->services[i].verified.ns != 0;
	run_free(run);
	return code;
}

/* Every run folded from its events; *runs counts them. */
static enum err_code check_runs(
	struct journal *journal, int64_t *runs, int64_t *recoveries, struct err *err)
{
	struct journal_filter page = { .limit = 1000 };
	enum err_code code = ERR_NONE;
	size_t rows;

	do {
		json_t *list;
		const json_t *row;
		size_t i;
		TRY(journal_runs(journal, &page, &list, err));
		rows = json_array_size(list);
		json_array_foreach(list, i, row) {
			page.before_run = json_int(row, "run", 0);
			if (code == ERR_NONE)
				code = check_run(journal, page.before_run, recoveries, err);
			++*runs;
		}
		json_decref(list);
	} while (rows > 0 && code == ERR_NONE);
	return code;
}

static int journal_check(const struct args *args, struct err *err)
{
	struct journal *journal;
	int64_t runs = 0, recoveries = 0;

	if (cli_journal(args, &journal, err) != ERR_NONE)
		return -1;
	const enum err_code code = check_runs(journal, &runs, &recoveries, err);
	journal_close(journal);
	if (code != ERR_NONE)
		return -1;
	printf("%lld runs, %lld recoveries: the parts of each touch and sum to its RTA\n",
		(long long)runs, (long long)recoveries);
	return 0;
}

/* A second writer is refused, so this needs the server to be gone. */
static int journal_rebuild_tables(const struct args *args, struct err *err)
{
	struct journal *journal;
	char *path = path_join(args->data_dir, "journal.db");
	const bool there = path_exists(path);

	free(path);
	if (!there) {
		err_set(err, ERR_NOT_FOUND, "nothing has been recorded in \"%s\" yet",
			args->data_dir);
		return -1;
	}
	enum err_code code = journal_open(&journal, args->data_dir, JOURNAL_WRITE, err);
	if (code == ERR_HELD)
		err_context(err, "the server writes it (drillbook server stop)");
	if (code != ERR_NONE)
		return -1;
	code = journal_rebuild(journal, err);
	journal_close(journal);
	if (code != ERR_NONE)
		return -1;
	puts("every table but the events has been made anew from them");
	return 0;
}

static int journal_command(const struct args *args, struct err *err)
{
	if (cli_own_files(args, err) != ERR_NONE)
		return -1;
	if (str_eq(args->words[0], "rebuild"))
		return journal_rebuild_tables(args, err);
	if (str_eq(args->words[0], "check"))
		return journal_check(args, err);
	err_set(err, ERR_USAGE, "journal %s: check or rebuild", args->words[0]);
	return -1;
}

const struct command command_journal = {
	.name = "journal",
	.words = "check|rebuild",
	.summary = "whether runs add up; make the tables of runs and steps anew from the events",
	.details = "check folds every run from its events and makes sure that the parts of each "
		   "recovery touch, never overlap and sum to its RTA.\n"
		   "What history and reports are found by is derived from the events, which "
		   "stay as they are; rebuild makes it anew.\n"
		   "For rebuild the server must not be running: the journal has one writer.",
	.examples = "  drillbook journal check\n"
		    "  drillbook server stop && drillbook journal rebuild\n",
	.options = journal_options,
	.least = 1,
	.most = 1,
	.run = journal_command,
};
