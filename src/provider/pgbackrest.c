/* pgbackrest.c: the pgbackrest provider's tables.
 *
 * Sources: pgBackRest 2.45, user guide and command reference (backup, info, restore, verify,
 * archive-get), and what the program was seen to do. */
#include "internal.h"

#ifdef HAVE_LIBPQ
#include "pgbackrest.h"
#include "postgres_settings.h"

static const struct field settings[] = { { .name = "stanza",
						 .type = FIELD_STRING,
						 .required = true,
						 .help = "name of the cluster in pgBackRest" },
	{ .name = "config",
		.type = FIELD_PATH,
		.help = "pgbackrest.conf, which holds the repository and its credentials; "
			"default: pgBackRest's own" },
	{ .name = "repo",
		.type = FIELD_INT,
		.fallback = "0",
		.max = 256,
		.help = "number of the repository; 0 = all of them, the first for a restore" },
	{ .name = "program", .type = FIELD_PATH, .help = "pgbackrest; default: from PATH" },
	PG_CONNECTION_SETTINGS, FIELD_END };

static const struct field backup_params[] = {
	{ .name = "type",
		.type = FIELD_CHOICE,
		.choices = (const char *const[]){ "full", "diff", "incr", NULL },
		.fallback = "incr",
		.help = "what it is built on: nothing, the last full, the last of any kind" },
	{ .name = "checkpoint",
		.type = FIELD_CHOICE,
		.choices = (const char *const[]){ "fast", "spread", NULL },
		.fallback = "fast",
		.help = "spread waits for the next one and loads the server less" },
	FIELD_END
};
#define REST_POINT_RESULTS                                                                     \
	POINT_RESULTS, { .name = "type", .type = FIELD_STRING, .help = "full, diff, incr" },   \
		{ .name = "prior", .type = FIELD_STRING, .help = "what it is built on" },      \
		{ .name = "repo", .type = FIELD_INT, .help = "number of its repository" },     \
	{                                                                                      \
		.name = "stored_bytes", .type = FIELD_INT, .unit = "bytes",                    \
		.help = "what it added to the repository"                                      \
	}
static const struct field backup_results[] = { REST_POINT_RESULTS, MADE_POINT_TIME, TOOK_RESULT,
	FIELD_END };
static const struct field check_params[] = {
	{ .name = "from",
		.type = FIELD_STRING,
		.help = "judge this backup, what it is built on, and the WAL; default: the "
			"whole stanza" },
	FIELD_END
};
static const struct field check_results[] = { REST_POINT_RESULTS, POINT_TIME, TOOK_RESULT,
	CHECK_RESULTS,
	{ .name = "backups", .type = FIELD_INT, .help = "how many the stanza has" },
	FIELD_END };

static const struct operation operations[] = {
	{ .capability = "backup",
		.verb = "start",
		.effect = EFFECT_CHANGE,
		.params = backup_params,
		.results = backup_results,
		.prepare = pgbackrest_backup_prepare,
		.run = pgbackrest_backup,
		.verify = pgbackrest_backup_verify,
		.timeout_ms = 14400000,
		.cancel_help = "at any time; the next backup uses what was copied",
		.help = "back the stanza up, and expire what its retention no longer keeps" },
	{ .capability = "backup",
		.verb = "points",
		.effect = EFFECT_READ,
		.results = points_results,
		.run = pgbackrest_points,
		.timeout_ms = 60000,
		.help = "the stanza's backups, newest first, its WAL and its retention" },
	{ .capability = "backup",
		.verb = "verify",
		.effect = EFFECT_READ,
		.params = check_params,
		.results = check_results,
		.run = pgbackrest_check,
		.timeout_ms = 14400000,
		.help = "read every file and every WAL file of the repository" },
	{ .capability = "restore",
		.verb = "start",
		.effect = EFFECT_IRREVERSIBLE,
		.params = restore_params,
		.results = restore_results,
		.prepare = pgbackrest_restore_prepare,
		.run = pgbackrest_restore,
		.verify = restore_verify,
		.undo = "restore.cleanup",
		.timeout_ms = 14400000,
		.cancel_help = "at any time; nothing is left",
		.help = "a backup and a point in time to a new directory; nothing is started" },
	{ .capability = "restore",
		.verb = "validate",
		.effect = EFFECT_CHANGE,
		.params = validate_params,
		.results = validate_results,
		.prepare = restore_validate_prepare,
		.run = restore_validate,
		.verify = restore_validate_verify,
		.idempotent = true,
		.timeout_ms = 14400000,
		.cancel_help = "between polls; the private server is stopped",
		.help = "start a restored cluster where nobody sees it, ask it, stop it" },
	{ .capability = "restore",
		.verb = "cleanup",
		.effect = EFFECT_COSTLY,
		.params = cleanup_params,
		.results = cleanup_results,
		.prepare = restore_cleanup_prepare,
		.run = restore_cleanup,
		.verify = restore_cleanup_verify,
		.idempotent = true,
		.timeout_ms = 600000,
		.cancel_help = "between files; done again it goes on",
		.help = "remove a restored cluster that restore.start made in a new "
			"directory" },
	OPERATION_END
};

const struct provider pgbackrest_provider = {
	.name = "pgbackrest",
	.summary = "pgBackRest 2.41 and later: backups of PostgreSQL, points in time, restore "
		   "tests",
	.source = "https://pgbackrest.org/command.html",
	.settings = settings,
	.declares_actions = true,
	.operations = operations,
	.probe = pgbackrest_probe,
};
#endif
