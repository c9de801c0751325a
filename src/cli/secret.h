/* secret.h: secrets that a person gives. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "cli.h"

enum secret_asking { SECRETS_FROM_TERMINAL, SECRETS_FROM_STDIN, SECRETS_FROM_NOBODY };

/* Those of a plan that a person gives: [{"name", "env" or "typed", "prompt", "param"}]; owned. */
json_t *secrets_of_plan(const json_t *plan);
/* Values from the environment and from whoever types, in a sealed memfd; *fd -1 when there are
 * none.  FROM_NOBODY leaves out what is typed: the run then asks for it. */
enum err_code secrets_collect(
	const json_t *rows, enum secret_asking how, int *fd, struct err *err) MUST_CHECK;
/* Starts a run with what it needs of secrets; terminal: somebody may be asked.  The request is
 * stolen. */
enum err_code cli_ask_start(struct client *client, const json_t *plan, bool terminal,
	json_t *request, json_t **answer, struct err *err) MUST_CHECK;
/* Gives an open run the secrets it waits for, typed or from the environment.  ERR_CONFLICT when it needs none. */
enum err_code cli_give_secrets(
	struct client *client, int64_t run, bool terminal, struct err *err) MUST_CHECK;

#endif
