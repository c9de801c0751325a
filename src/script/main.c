/* main.c: the worker executable: what it is started as. */
#include "modes.h"

#include "drillbook/provider.h"

#include <stdlib.h>

static int describe_main(void)
{
	json_t *description = providers_describe();
	char *line = json_line(description);
	const int written = printf("%s\n", line);

	free(line);
	json_decref(description);
	return written > 0 && fflush(stdout) == 0 ? 0 : 1;
}

static const struct {
	const char *option;
	int (*run)(void);
	const char *help;
} modes[] = {
	{ "--describe", describe_main, "print the tables of the providers" },
	{ "--zygote", zygote_main, "fork workers on request (control socket: descriptor 3)" },
	{ "--lint", lint_main, "check the syntax of scripts given on stdin" },
	{ "--call", call_main, "call one operation described on stdin" },
	{ "--secrets", secrets_main, "say which secrets can be read" },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < COUNT_OF(modes); i++)
		if (str_eq(argv[1], modes[i].option))
			return modes[i].run();
	fprintf(stderr, "worker: started by drillbook, not by hand\n");
	for (size_t i = 0; i < COUNT_OF(modes); i++)
		fprintf(stderr, "  worker %-10s  %s\n", modes[i].option, modes[i].help);
	return 2;
}
