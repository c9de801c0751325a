/* ssh_client.h: the system's own ssh client, as strict as it goes: for the ssh provider and for
 * what reaches a tree on another host (files).
 *
 * No agent, no password, no forwarding, no shared connection, no configuration but the one a
 * target names; the host's key must be in the target's known_hosts.  Source: ssh(1) and
 * ssh_config(5) of OpenSSH 9.2. */
#ifndef PROVIDER_SSH_CLIENT_H
#define PROVIDER_SSH_CLIENT_H

#include "drillbook/provider.h"

enum { SSH_WORDS_MAX = 64, SSH_COMMAND_MAX = 120 << 10 };

/* The rows a provider puts into its settings; "host" is its own. */
#define SSH_SETTINGS                                                                           \
	{ .name = "port", .type = FIELD_INT, .min = 1, .max = 65535, .fallback = "22",         \
		.help = "of the SSH server" },                                                 \
		{ .name = "user", .type = FIELD_STRING, .help = "who logs in; default: ssh's" }, \
		{ .name = "identity",                                                          \
			.type = FIELD_PATH,                                                    \
			.help = "the private key file, without a passphrase, mode 0600" },     \
		{ .name = "known_hosts",                                                       \
			.type = FIELD_PATH,                                                    \
			.help = "file with the host's key; without the key nothing is said to "  \
				"the host" },                                                  \
		{ .name = "ssh_config",                                                        \
			.type = FIELD_PATH,                                                    \
			.help = "ssh_config(5) to read, for a jump host; default: none" },     \
		{ .name = "connect_timeout", .type = FIELD_DURATION, .unit = "ms",             \
			.fallback = "10s", .min = 1000, .max = 600000,                         \
			.help = "until the server has answered" },                             \
	{                                                                                      \
		.name = "ssh", .type = FIELD_STRING, .fallback = "ssh",                        \
		.help = "the client program"                                                   \
	}

/* The client's words up to and with the host, and its log. */
struct ssh_line {
	char *words[SSH_WORDS_MAX + 1]; /* owned; NULL-terminated */
	size_t count;
	char log_path[64]; /* "" = there is none */
	const char *host;  /* borrowed, for messages */
};

/* with_log: its own messages go to a file, apart from what the remote program writes; only with
 * it ssh_line_ended can tell.  without_host: options only (rsync adds the host itself).
 * ERR_USAGE for settings that do not fit. */
enum err_code ssh_line_init(struct ssh_line *line, struct call *call, const char *host,
	bool with_log, bool without_host, struct err *err) MUST_CHECK;
enum err_code ssh_line_add(struct ssh_line *line, const char *word, struct err *err) MUST_CHECK;
void ssh_line_release(struct ssh_line *line); /* removes the log */

/* After the client ended with exit_status: ERR_NONE when that is the remote program's own;
 * otherwise ssh's failure (ERR_UNREACHABLE, ERR_AUTH).  *started: the remote program was; then
 * err->world is unknown. */
enum err_code ssh_line_ended(const struct ssh_line *line, int exit_status, bool *started,
	struct err *err) MUST_CHECK;
/* The same failures read from a text, for a program that calls ssh itself; false = none. */
bool ssh_failure(const char *text, const char *host, struct err *err);
/* The line of the log that begins with "debug1: " prefix, without that; "" when there is none. */
void ssh_line_fact(const struct ssh_line *line, const char *prefix, char *out, size_t size);

/* Appends one word for the shell of the other side, quoted when it needs to be. */
enum err_code ssh_quote(const char *word, struct buf *out, struct err *err) MUST_CHECK;

#endif
