/* postgres_settings.h: settings that every target has through which PostgreSQL is asked or run.
 */
#ifndef PROVIDER_POSTGRES_SETTINGS_H
#define PROVIDER_POSTGRES_SETTINGS_H

#define PG_CONNECTION_SETTINGS                                                                 \
	{ .name = "host",                                                                      \
		.type = FIELD_STRING,                                                          \
		.help = "name, address or socket directory; default: socket_dir" },            \
		{ .name = "port",                                                              \
			.type = FIELD_INT,                                                     \
			.fallback = "5432",                                                    \
			.min = 1,                                                              \
			.max = 65535,                                                          \
			.help = "TCP port, also the socket's number" },                        \
		{ .name = "user",                                                              \
			.type = FIELD_STRING,                                                  \
			.help = "role; needs pg_promote and pg_monitor, for fencing "          \
				"superuser" },                                                 \
		{ .name = "database",                                                          \
			.type = FIELD_STRING,                                                  \
			.fallback = "postgres",                                                \
			.help = "database to connect to" },                                    \
		{ .name = "password", .type = FIELD_SECRET, .help = "of the role" },           \
		{ .name = "passfile",                                                          \
			.type = FIELD_PATH,                                                    \
			.help = "libpq password file instead of password; also given to "      \
				"PostgreSQL's "                                                \
				"own programs" },                                              \
		{ .name = "sslmode",                                                           \
			.type = FIELD_CHOICE,                                                  \
			.choices = (const char *const[]){ "disable", "prefer", "require",      \
				"verify-ca", "verify-full", NULL },                            \
			.help = "as in libpq" },                                               \
		{ .name = "application_name",                                                  \
			.type = FIELD_STRING,                                                  \
			.fallback = "drillbook",                                               \
			.help = "how the connection shows in pg_stat_activity" },              \
		{ .name = "connect_timeout",                                                   \
			.type = FIELD_DURATION,                                                \
			.unit = "ms",                                                          \
			.fallback = "3s",                                                      \
			.min = 50,                                                             \
			.max = 60000,                                                          \
			.help = "a silent network costs this much" },                          \
		{ .name = "heartbeat",                                                         \
			.type = FIELD_STRING,                                                  \
			.help = "table with a timestamptz column at that somebody keeps "      \
				"fresh on the "                                                \
				"primary" },                                                   \
		{ .name = "bin_dir",                                                           \
			.type = FIELD_PATH,                                                    \
			.help = "directory of pg_ctl; default: "                               \
				"/usr/lib/postgresql/VERSION/bin, then "                       \
				"PATH" },                                                      \
	{                                                                                      \
		.name = "socket_dir", .type = FIELD_PATH,                                      \
		.help = "socket directory, for connections to the node itself"                 \
	}

#endif
