/* postgres_rejoin.h: between postgres_rejoin.c and postgres_files.c. */
#ifndef PROVIDER_POSTGRES_REJOIN_H
#define PROVIDER_POSTGRES_REJOIN_H

#include "postgres.h"

/* Copies the node's *.conf to the directory beside it, unless an earlier attempt has left a
 * whole copy. */
enum err_code kept_save(const struct node *node, struct err *err) MUST_CHECK;
/* Copies them back into data_dir. */
enum err_code kept_restore(
	const struct node *node, const char *data_dir, struct err *err) MUST_CHECK;
/* An attempt has begun and has not come to its end. */
bool kept_is_there(const struct node *node);
void kept_drop(const struct node *node);
/* Writes the secret `password` as a libpq password file, 0600. */
enum err_code passfile_write(
	const struct node *node, const char *path, struct err *err) MUST_CHECK;

#endif
