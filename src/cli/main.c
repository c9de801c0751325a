/* main.c: drillbook, the program of the operator: options, the table of commands, errors. */
#include "cli.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct command *const commands[] = { &command_tui, &command_run, &command_attach, &command_act, &command_adopt,
	&command_answer, &command_debris, &command_halt,
	&command_list, &command_show, &command_lint, &command_trust, &command_plan,
	&command_history, &command_report, &command_compare, &command_play,
	&command_verify, &command_journal, &command_doctor,
	&command_providers, &command_schema, &command_keys, &command_secret, &command_server,
	&command_whoami };
const size_t command_count = COUNT_OF(commands);

static const struct option_row global_options[] = {
	{ "workspace", "DIR", false,
		"the workspace (default: $DRILLBOOK_WORKSPACE, else here or above)" },
	{ "data", "DIR", false,
		"journal, outputs and socket (default: $DRILLBOOK_DATA, else XDG)" },
	{ "server", "SOCKET", false,
		"the team server (default: $DRILLBOOK_SERVER, else client.yaml; none = personal)" },
	{ "no-color", NULL, false, "no colours (also: NO_COLOR)" },
	{ "help", NULL, false, "this text" }, OPTION_END
};

static const char exit_statuses[] =
	"Exit status:\n"
	"  0 done within RTO   1 a step failed       2 usage          3 done, RTO or RPO "
	"missed\n"
	"  4 aborted           5 attention needed    6 workspace      7 journal unavailable\n"
	"  8 held by another   9 does not verify    10 not held     130/143 signal\n";

static void print_help(FILE *to)
{
	fputs("drillbook " DRILLBOOK_VERSION
	      ": disaster-recovery runbooks, run, drilled, measured, recorded\n\n"
	      "usage: drillbook [--workspace DIR] [--data DIR | --server SOCKET] COMMAND …\n\n",
		to);
	for (size_t i = 0; i < command_count; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(to, "\ndrillbook COMMAND --help tells more.\n\n%s", exit_statuses);
}

static void print_options(FILE *to, const struct option_row *rows)
{
	for (; rows != NULL && rows->name != NULL; rows++) {
		char left[64];
		snprintf(left, sizeof(left), "--%s%s%s", rows->name, rows->argument ? " " : "",
			rows->argument ? rows->argument : "");
		fprintf(to, "  %-22s %s%s\n", left, rows->help,
			rows->repeat ? " (may be repeated)" : "");
	}
}

static void print_command_help(FILE *to, const struct command *command)
{
	fprintf(to, "usage: drillbook %s%s%s\n\n%s\n", command->name,
		command->words[0] ? " " : "", command->words, command->summary);
	if (command->details != NULL)
		fprintf(to, "\n%s\n", command->details);
	fputs("\nOptions:\n", to);
	print_options(to, command->options);
	print_options(to, global_options);
	if (command->examples != NULL)
		fprintf(to, "\nExamples:\n%s", command->examples);
	fprintf(to, "\n%s", exit_statuses);
}

static const struct option_row *find_option(
	const struct option_row *rows, const char *name, size_t len)
{
	for (; rows != NULL && rows->name != NULL; rows++)
		if (strlen(rows->name) == len && memcmp(rows->name, name, len) == 0)
			return rows;
	return NULL;
}

static enum err_code unknown_option(
	const struct command *command, const char *word, struct err *err)
{
	const char *names[64];
	size_t count = 0;
	const struct option_row *const tables[] = { (command ? command : &command_tui)->options,
		global_options };

	for (size_t t = 0; t < COUNT_OF(tables); t++)
		for (const struct option_row *row = tables[t];
			row != NULL && row->name != NULL && count < 64; row++)
			names[count++] = row->name;
	const char *near = str_nearest(word, names, count);
	return err_set(err, ERR_USAGE, "unknown option \"--%s\"%s%s%s", word,
		near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

/* One "--name[=value]"; moves *i over a value that stands apart. */
static enum err_code take_option(struct args *args, const struct command *command, char **argv,
	int argc, int *i, struct err *err)
{
	const char *word = argv[*i] + 2, *equals = strchr(word, '=');
	const size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct option_row *row =
		find_option((command ? command : &command_tui)->options, word, len);

	if (row == NULL)
		row = find_option(global_options, word, len);
	if (row == NULL)
		return unknown_option(command, word, err);
	if (row->argument == NULL) {
		if (equals != NULL)
			return err_set(err, ERR_USAGE, "--%s takes no value", row->name);
		json_put_flag(args->options, row->name, true);
		return ERR_NONE;
	}
	const char *value = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
	if (value == NULL)
		return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s", row->name,
			row->name, row->argument);
	if (!row->repeat && json_object_get(args->options, row->name) != NULL)
		return err_set(err, ERR_USAGE, "--%s is given twice", row->name);
	if (row->repeat) {
		if (json_object_get(args->options, row->name) == NULL)
			json_put(args->options, row->name, json_array());
		json_array_append_new(json_object_get(args->options, row->name),
			json_text(value, strlen(value)));
	} else {
		json_put_str(args->options, row->name, value);
	}
	return ERR_NONE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (str_eq(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static enum err_code parse(int argc, char **argv, struct args *args,
	const struct command **command, struct err *err)
{
	bool only_words = false;

	for (int i = 1; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && str_starts(argv[i], "--")) {
			TRY(take_option(args, *command, argv, argc, &i, err));
		} else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
			if (strcmp(argv[i], "-h") != 0)
				return err_set(
					err, ERR_USAGE, "unknown option \"%s\"", argv[i]);
			json_put_flag(args->options, "help", true);
		} else if (*command == NULL) {
			*command = find_command(argv[i]);
			if (*command == NULL) {
				const char *names[COUNT_OF(commands)];
				for (size_t k = 0; k < command_count; k++)
					names[k] = commands[k]->name;
				const char *near = str_nearest(argv[i], names, command_count);
				return err_set(err, ERR_USAGE, "unknown command \"%s\"%s%s%s",
					argv[i], near ? "; did you mean " : "",
					near ? near : "", near ? "?" : "");
			}
		} else if (args->word_count < COUNT_OF(args->words)) {
			args->words[args->word_count++] = argv[i];
		}
	}
	return ERR_NONE;
}

/* The operator's next step; of a mistake in the command line the help of the command it was about. */
static int report_error(const struct command *command, const struct err *err)
{
	fputs("drillbook: ", stderr);
	print_safe(stderr, err->text);
	fputc('\n', stderr);
	if (err->code == ERR_USAGE)
		fprintf(stderr, "  next: see drillbook %s%s--help\n", command != NULL ? command->name : "",
			command != NULL ? " " : "");
	else if (err_hint(err->code)[0] != '\0')
		fprintf(stderr, "  next: %s\n", err_hint(err->code));
	return err_exit_status(err->code);
}

static char *data_directory(const struct args *args)
{
	const char *given = option_value(args, "data");

	if (given == NULL)
		return dir_data();
	char *cwd = getcwd(NULL, 0);
	char *path = path_join(cwd, given);
	free(cwd);
	return path;
}

/* Who names a data directory means the server of that.  The file is the administrator's word for everybody. */
static enum err_code team_server(const struct args *args, char **out, struct err *err)
{
	const char *given = option_value(args, "server");
	json_t *config = NULL;
	enum err_code code = ERR_NONE;

	*out = NULL;
	if (given == NULL)
		given = getenv("DRILLBOOK_SERVER");
	if (given != NULL) {
		*out = given[0] == '\0' || strcmp(given, "none") == 0 ? NULL : xstrdup(given);
		return ERR_NONE;
	}
	if (option_value(args, "data") != NULL || getenv("DRILLBOOK_DATA") != NULL)
		return ERR_NONE;
	char *dir = config_dir(), *path = path_join(dir, "client.yaml");
	if (path_exists(path))
		code = config_load(path, "client", &config, err);
	if (code == ERR_NONE && config != NULL)
		*out = xstrdup(json_str(config, "server", NULL));
	json_decref(config);
	free(path);
	free(dir);
	return code;
}

static int run_command(const struct command *command, struct args *args, struct err *err)
{
	if (args->word_count < command->least || args->word_count > command->most) {
		err_set(err, ERR_USAGE, "%s: usage: drillbook %s %s", command->name,
			command->name, command->words);
		return -1;
	}
	char *server = NULL;
	if (team_server(args, &server, err) != ERR_NONE)
		return -1;
	char *data = data_directory(args);
	const char *space = option_value(args, "workspace");
	if (space == NULL)
		space = getenv("DRILLBOOK_WORKSPACE");
	args->data_dir = data;
	args->server = server;
	args->workspace_dir = space != NULL && space[0] != '\0' ? space : ".";
	args->color = !option_flag(args, "no-color") && getenv("NO_COLOR") == NULL;
	const int status = command->run(args, err);
	free(data);
	free(server);
	return status;
}

int main(int argc, char **argv)
{
	struct args args = { .options = json_object() };
	const struct command *command = NULL;
	struct err err = { 0 };
	int status = 0;

	setlocale(LC_CTYPE, "");
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("drillbook " DRILLBOOK_VERSION);
		json_decref(args.options);
		return 0;
	}
	if (parse(argc, argv, &args, &command, &err) != ERR_NONE) {
		status = report_error(command, &err);
	} else if (option_flag(&args, "help")) {
		if (command != NULL)
			print_command_help(stdout, command);
		else
			print_help(stdout);
	} else {
		if (command == NULL)
			command = &command_tui;
		status = run_command(command, &args, &err);
		if (status < 0)
			status = report_error(command, &err);
	}
	json_decref(args.options);
	if (fflush(stdout) != 0 && status == 0)
		status = 1;
	return status;
}
