/* failpoint.c: dying on request, for the tests of what a crash leaves behind. */
#include "failpoint.h"

#include "drillbook/base.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef DRILLBOOK_FAILPOINTS
/* "place[=op][:n]" against place and op; *times is n. */
static bool named(const char *spec, const char *place, const char *op, long *times)
{
	const size_t len = strlen(place);

	*times = 1;
	if (strncmp(spec, place, len) != 0)
		return false;
	spec += len;
	if (*spec == '=') {
		const size_t op_len = strlen(op);
		if (strncmp(++spec, op, op_len) != 0)
			return false;
		spec += op_len;
	}
	if (*spec == ':') {
		*times = strtol(spec + 1, NULL, 10);
		return true;
	}
	return *spec == '\0';
}

void failpoint(const char *place, const char *op)
{
	static long seen;
	const char *spec = getenv("DRILLBOOK_FAILPOINT");
	long times;

	if (spec != NULL && named(spec, place, op, &times) && ++seen == times)
		kill(getpid(), SIGKILL);
}
#else
void failpoint(const char *place, const char *op)
{
	(void)place;
	(void)op;
}
#endif
