/* pgbackrest.h: between the pgbackrest_*.c files: running pgBackRest and reading what it says.
 */
#ifndef PROVIDER_PGBACKREST_H
#define PROVIDER_PGBACKREST_H

#include "postgres_restore.h"

/* The first release whose backups carry annotations, by which a backup is known to be a call's.
 */
#define PGBACKREST_OLDEST 2, 41

/* One command for the target's stanza; words (NULL-terminated) are its options and its name.
 * Its INFO lines go to the step's output, its DETAIL lines are progress.  ERR_NONE also when it
 * ended with a status; the tool is the caller's to release.  tool->on_line may be set before to
 * hear every line instead. */
enum err_code rest_run(struct call *call, struct tool *tool, const char *const *words,
	struct err *err) MUST_CHECK;
/* What its status and its last ERROR mean; ERR_NONE for 0. */
enum err_code rest_status(
	struct call *call, const struct tool *tool, struct err *err) MUST_CHECK;
/* The stanza's part of `info --output=json`; NOT_FOUND when there is no such stanza.  Owned. */
enum err_code rest_info(struct call *call, json_t **out, struct err *err) MUST_CHECK;
/* Its backups as recovery points, newest first, of setting repo when it is set.  Owned. */
json_t *rest_points(const struct call *call, const json_t *info);
/* The settings repoN-retention-… of the configuration file, name to value; NULL when it cannot
 * be read.  Owned. */
json_t *rest_retention(const struct call *call);
/* "2.45" as two numbers. */
enum err_code rest_version(
	struct call *call, int64_t *major, int64_t *minor, struct err *err) MUST_CHECK;
/* The configuration file that is in force; borrowed. */
const char *rest_config(const struct call *call);

RUN(pgbackrest_points);
RUN(pgbackrest_check);
PREPARE(pgbackrest_backup_prepare);
RUN(pgbackrest_backup);
VERIFY(pgbackrest_backup_verify);
PREPARE(pgbackrest_restore_prepare);
RUN(pgbackrest_restore);
RUN(pgbackrest_probe);

#endif
