/* provider.c: which providers this build has, and how they and their words are found. */
#include "internal.h"

#include <string.h>

/* Sorted by name; a test checks it. */
const struct provider *const providers[] = {
#ifdef HAVE_LIBCURL
	&alertmanager_provider,
#endif
	&ansible_provider,
	&borg_provider,
	&command_provider,
	&dns_provider,
	&files_provider,
	&git_provider,
	&haproxy_provider,
#ifdef HAVE_LIBCURL
	&http_provider,
#endif
	&keepalived_provider,
	&kubernetes_provider,
#ifdef HAVE_LIBMARIADB
	&mariadb_provider,
#endif
#ifdef HAVE_LIBCURL
	&notify_provider,
#endif
#ifdef HAVE_LIBPQ
	&pgbackrest_provider,
	&postgres_provider,
#endif
#ifdef HAVE_LIBCURL
	&prometheus_provider,
	&pushgateway_provider,
#endif
	&redis_provider,
	&restic_provider,
	&sqlite_provider,
	&ssh_provider,
	&tcp_provider,
	&terraform_provider,
	NULL,
};

const struct provider_missing providers_missing[] = {
#ifndef HAVE_LIBCURL
	{ "alertmanager", "libcurl" },
	{ "http", "libcurl" },
#endif
#ifndef HAVE_LIBMARIADB
	{ "mariadb", "libmariadb" },
#endif
#ifndef HAVE_LIBCURL
	{ "notify", "libcurl" },
#endif
#ifndef HAVE_LIBPQ
	{ "pgbackrest", "libpq" },
	{ "postgres", "libpq" },
#endif
#ifndef HAVE_LIBCURL
	{ "prometheus", "libcurl" },
	{ "pushgateway", "libcurl" },
#endif
	{ NULL, NULL },
};

const struct provider *provider_find(const char *name)
{
	for (size_t i = 0; providers[i] != NULL; i++)
		if (str_eq(providers[i]->name, name))
			return providers[i];
	return NULL;
}

const struct operation *operation_find(const struct provider *provider, const char *op)
{
	const char *dot = op != NULL ? strchr(op, '.') : NULL;

	if (provider == NULL || provider->operations == NULL || dot == NULL)
		return NULL;
	size_t len = (size_t)(dot - op);
	for (const struct operation *o = provider->operations; o->capability != NULL; o++)
		if (strlen(o->capability) == len && memcmp(o->capability, op, len) == 0 &&
			str_eq(o->verb, dot + 1))
			return o;
	return NULL;
}

const struct field *field_find(const struct field *fields, const char *name)
{
	for (const struct field *f = fields; f != NULL && f->name != NULL; f++)
		if (str_eq(f->name, name))
			return f;
	return NULL;
}

static const char *const effect_names[] = {
	[EFFECT_READ] = "read",
	[EFFECT_CHANGE] = "change",
	[EFFECT_COSTLY] = "costly",
	[EFFECT_IRREVERSIBLE] = "irreversible",
};

const char *effect_name(enum effect effect)
{
	return (size_t)effect < COUNT_OF(effect_names) ? effect_names[effect] : "irreversible";
}

bool effect_from_name(const char *name, enum effect *out)
{
	for (size_t i = 0; i < COUNT_OF(effect_names); i++) {
		if (str_eq(effect_names[i], name)) {
			*out = (enum effect)i;
			return true;
		}
	}
	return false;
}

static const char *const verdict_names[] = {
	[VERDICT_NOT_DONE] = "not_done",
	[VERDICT_DONE] = "done",
	[VERDICT_CANNOT_TELL] = "cannot_tell",
};

const char *verdict_name(enum verdict verdict)
{
	return (size_t)verdict < COUNT_OF(verdict_names) ? verdict_names[verdict]
							 : "cannot_tell";
}

static const char *const field_type_names[] = {
	[FIELD_STRING] = "string",
	[FIELD_INT] = "int",
	[FIELD_BOOL] = "bool",
	[FIELD_DURATION] = "duration",
	[FIELD_BYTES] = "bytes",
	[FIELD_CHOICE] = "choice",
	[FIELD_PATH] = "path",
	[FIELD_STRINGS] = "strings",
	[FIELD_MAP] = "map",
	[FIELD_SECRET] = "secret",
	[FIELD_ANY] = "any",
};

const char *field_type_name(enum field_type type)
{
	return (size_t)type < COUNT_OF(field_type_names) ? field_type_names[type] : "any";
}
