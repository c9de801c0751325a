/* err.c: errors as values, and the end of the process for the impossible. */
#include "drillbook/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *hint;
	int status;
} rows[ERR_COUNT] = {
#define X(name_, status_, hint_) [ERR_##name_] = {.name = #name_, .status = (status_), .hint = (hint_)},
	ERR_LIST(X)
#undef X
};

static const char *const worlds[] = {
	[WORLD_UNCHANGED] = "unchanged", [WORLD_CHANGED] = "changed", [WORLD_UNKNOWN] = "unknown"};

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	err->code = code;
	return code;
}

enum err_code err_errno(struct err *err, const char *fmt, ...)
{
	const int saved = errno;
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(err, ERR_SYSTEM, "%s: %s", text, strerror(saved));
}

enum err_code err_context(struct err *err, const char *fmt, ...)
{
	char text[256], rest[sizeof(err->text)];
	va_list args;

	if (err == NULL)
		return ERR_FAILED;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(rest, err->text, sizeof(rest));
	/* the front matters more: a long tail is cut, never the context */
	int n = snprintf(err->text, sizeof(err->text), "%s: ", text);
	snprintf(err->text + n, sizeof(err->text) - (size_t)n, "%s", rest);
	return err->code;
}

const char *err_name(enum err_code code)
{
	return (unsigned)code < ERR_COUNT ? rows[code].name : "UNKNOWN";
}

const char *err_hint(enum err_code code)
{
	return (unsigned)code < ERR_COUNT ? rows[code].hint : "";
}

int err_exit_status(enum err_code code)
{
	return (unsigned)code < ERR_COUNT ? rows[code].status : 1;
}

enum err_code err_from_name(const char *name)
{
	for (size_t i = 0; i < ERR_COUNT; i++)
		if (str_eq(rows[i].name, name))
			return (enum err_code)i;
	return ERR_FAILED;
}

const char *world_name(enum world world)
{
	return (unsigned)world < COUNT_OF(worlds) ? worlds[world] : "unknown";
}

enum world world_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(worlds); i++)
		if (str_eq(worlds[i], name))
			return (enum world)i;
	return WORLD_UNKNOWN;
}

_Noreturn void base_die(const char *fmt, ...)
{
	va_list args;

	fputs("drillbook: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}
