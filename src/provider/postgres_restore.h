/* postgres_restore.h: bringing back a cluster from a recovery point, for base backups and
 * pgBackRest.
 *
 * restore.start makes a directory that PostgreSQL can start from and that says so itself: the
 * file drillbook.restore in it has the key of the call, what it was made from, and which
 * directory it is (device and inode: a copy of it is not taken for it).  Nothing is started.
 * restore.validate starts it where nobody can see it, and stops it.  restore.cleanup takes it
 * away, and nothing else. */
#ifndef PROVIDER_POSTGRES_RESTORE_H
#define PROVIDER_POSTGRES_RESTORE_H

#include "postgres_backup.h"

#define RESTORE_MARKER "drillbook.restore"

/* What is different between the ways to restore; every function may use the parameters of
 * restore.start. */
struct restorer {
	/* newest first; owned */
	enum err_code (*points)(struct call *call, json_t **out, struct err *err);
	/* Makes the new directory dir from the point.  What it leaves on failure is taken away
	 * by the caller. */
	enum err_code (*copy)(
		struct call *call, const json_t *point, const char *dir, struct err *err);
	/* For a cluster that will live in dir; owned; NULL when there is no archive of WAL.
	 * UNSUPPORTED when what the target says cannot be written as a command. */
	enum err_code (*restore_command)(
		struct call *call, const char *dir, char **out, struct err *err);
};

enum err_code restore_prepare(const struct restorer *restorer, struct call *call,
	json_t *before, struct err *err) MUST_CHECK;
enum err_code restore_run(const struct restorer *restorer, struct call *call, json_t *result,
	struct err *err) MUST_CHECK;

/* The same for every way. */
VERIFY(restore_verify);
PREPARE(restore_cleanup_prepare);
RUN(restore_cleanup);
VERIFY(restore_cleanup_verify);
PREPARE(restore_validate_prepare);
RUN(restore_validate);
VERIFY(restore_validate_verify);

/* ------------------------------------------------------------------ the marker */

/* Of a restored directory; PRECONDITION when it has none or it is another directory's.  Owned.
 */
enum err_code restore_marker(
	struct call *call, const char *dir, json_t **out, struct err *err) MUST_CHECK;
enum err_code restore_put_marker(const char *dir, json_t *marker, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ the private server */

/* A server on a restored directory that nobody but us can reach: no TCP, a socket in a
 * directory of our own, a configuration of ours; it archives nothing and follows nobody. */
struct private_server {
	struct node node;
	char dir[64]; /* socket, configuration, log; removed with it */
	struct pg_endpoint endpoint;
};

/* Starts it and waits until recovery is over.  On failure nothing is left running, the text has
 * the server's own last word, and err->world says whether it had been started. */
enum err_code private_start(struct private_server *server, struct call *call,
	const char *data_dir, struct err *err) MUST_CHECK;
/* Ends it whatever the call's deadline says. */
enum err_code private_stop(struct private_server *server, struct err *err);
/* The postmaster that works in the directory is one of ours, left by an attempt that was cut
 * off. */
bool private_is_ours(const struct node *node);
/* Ends it, and removes its directory; ERR_NONE when there is none. */
enum err_code private_end_earlier(const struct node *node, struct err *err) MUST_CHECK;

/* ------------------------------------------------------------------ tables */

#define TOOK_RESULT                                                                            \
	{                                                                                      \
		.name = "took_ms", .type = FIELD_INT, .unit = "ms", .help = "how long it took" \
	}
#define POINT_RESULTS                                                                          \
	{ .name = "id", .type = FIELD_STRING, .help = "name of the recovery point" },          \
		{ .name = "path", .type = FIELD_STRING, .help = "its directory" },             \
		{ .name = "stop_ms",                                                           \
			.type = FIELD_INT,                                                     \
			.unit = "ms",                                                          \
			.help = "from here on a point in time can be restored to" },           \
		{ .name = "start_lsn", .type = FIELD_STRING, .help = "first WAL it needs" },   \
		{ .name = "end_lsn", .type = FIELD_STRING, .help = "where it is consistent" }, \
		{ .name = "timeline", .type = FIELD_INT, .help = "of end_lsn" },               \
		{ .name = "system_id",                                                         \
			.type = FIELD_STRING,                                                  \
			.help = "the cluster's identity" },                                    \
		{ .name = "kind", .type = FIELD_STRING, .help = "snapshot" },                  \
		{ .name = "version", .type = FIELD_STRING, .help = "of PostgreSQL" },          \
		{ .name = "label", .type = FIELD_STRING, .help = "with the key of its call" }, \
		{ .name = "files", .type = FIELD_INT, .help = "in its manifest" },             \
	{                                                                                      \
		.name = "bytes", .type = FIELD_INT, .unit = "bytes", .help = "of its files"    \
	}
/* The point's time: of one that was looked at, and of one that was just made. */
#define POINT_TIME                                                                             \
	{ .name = "time_ms",                                                                   \
		.type = FIELD_INT,                                                             \
		.unit = "ms",                                                                  \
		.help = "everything committed before is in it" },                              \
	{                                                                                      \
		.name = "time_basis", .type = FIELD_STRING, .help = "how that is known"        \
	}
#define MADE_POINT_TIME                                                                        \
	{ .name = "recovery_point_ms",                                                         \
		.type = FIELD_INT,                                                             \
		.unit = "ms",                                                                  \
		.help = "everything committed before is in it" },                              \
	{                                                                                      \
		.name = "recovery_point_basis", .type = FIELD_STRING,                          \
		.help = "how that is known"                                                    \
	}
#define CHECK_RESULTS                                                                          \
	{ .name = "ok",                                                                        \
		.type = FIELD_BOOL,                                                            \
		.help = "everything was read and is as it was written" },                      \
		{ .name = "errors",                                                            \
			.type = FIELD_STRINGS,                                                 \
			.help = "the first of what is wrong" },                                \
	{                                                                                      \
		.name = "error_count", .type = FIELD_INT, .help = "how much is wrong"          \
	}

extern const struct field base_backup_params[], base_backup_results[], base_check_params[],
	base_check_results[], archive_results[], points_results[], restore_params[],
	restore_results[], cleanup_params[], cleanup_results[], validate_params[],
	validate_results[];

#endif
