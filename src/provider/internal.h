/* internal.h: what the files of the provider room share with each other and with nobody else.
 */
#ifndef PROVIDER_INTERNAL_H
#define PROVIDER_INTERNAL_H

#include "drillbook/provider.h"

/* One per provider file; a row in provider.c puts each into the build's table. */
extern const struct provider alertmanager_provider;
extern const struct provider ansible_provider;
extern const struct provider borg_provider;
extern const struct provider command_provider;
extern const struct provider dns_provider;
extern const struct provider files_provider;
extern const struct provider git_provider;
extern const struct provider haproxy_provider;
extern const struct provider http_provider;
extern const struct provider keepalived_provider;
extern const struct provider kubernetes_provider;
extern const struct provider mariadb_provider;
extern const struct provider notify_provider;
extern const struct provider pgbackrest_provider;
extern const struct provider postgres_provider;
extern const struct provider prometheus_provider;
extern const struct provider pushgateway_provider;
extern const struct provider redis_provider;
extern const struct provider restic_provider;
extern const struct provider sqlite_provider;
extern const struct provider ssh_provider;
extern const struct provider tcp_provider;
extern const struct provider terraform_provider;

/* The row called name, or NULL.  fields may be NULL. */
const struct field *field_find(const struct field *fields, const char *name);

/* Checks values (an object or NULL) against fields and gives a new object with every value in
 * its normal form: durations in ms, sizes in bytes, absolute paths, arrays for FIELD_STRINGS,
 * defaults filled in.  kind is "parameter" or "setting" and subject what has it, for the
 * message.  Rows of type FIELD_SECRET are left to the caller.  ERR_USAGE. */
enum err_code fields_check(const struct field *fields, const json_t *values, const char *kind,
	const char *subject, const char *workspace, json_t **out, struct err *err) MUST_CHECK;

#endif
