/* gtid.c: see gtid.h. */
#include "gtid.h"

#include <errno.h>
#include <stdlib.h>

static bool number(const char **at, uint64_t most, uint64_t *out)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 10);
	*at = end;
	return errno == 0 && *out <= most;
}

static bool dash(const char **at)
{
	return *(*at)++ == '-';
}

bool gtid_parse(const char *text, struct gtid_list *out)
{
	uint64_t domain, server, count;

	out->count = 0;
	if (*text == '\0')
		return true;
	for (const char *at = text;;) {
		while (*at == ' ' || *at == '\n')
			at++; /* SHOW REPLICA STATUS breaks long lists into lines */
		if (out->count == GTID_MAX)
			return false;
		if (!number(&at, UINT32_MAX, &domain) || !dash(&at) ||
			!number(&at, UINT32_MAX, &server) || !dash(&at) ||
			!number(&at, UINT64_MAX, &count))
			return false;
		out->at[out->count++] = (struct gtid){
			.domain = (uint32_t)domain, .server = (uint32_t)server, .number = count
		};
		if (*at == '\0')
			return true;
		if (*at++ != ',')
			return false;
	}
}

/* The highest number of a domain; of one server in it when server is given. */
static uint64_t last(const struct gtid_list *list, uint32_t domain, const uint32_t *server)
{
	uint64_t most = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct gtid *g = &list->at[i];

		if (g->domain == domain && (server == NULL || g->server == *server) &&
			g->number > most)
			most = g->number;
	}
	return most;
}

uint64_t gtid_behind(const struct gtid_list *newer, const struct gtid_list *older)
{
	uint64_t behind = 0;

	for (size_t i = 0; i < newer->count; i++) {
		const struct gtid *g = &newer->at[i];
		const uint64_t have = last(older, g->domain, NULL);

		if (g->number > have && g->number == last(newer, g->domain, NULL))
			behind += g->number - have;
	}
	return behind;
}

uint64_t gtid_errant(const struct gtid_list *pos, const struct gtid_list *state)
{
	uint64_t errant = 0;

	for (size_t i = 0; i < pos->count; i++) {
		const struct gtid *g = &pos->at[i];
		const uint64_t known = last(state, g->domain, &g->server);

		if (g->number > known)
			errant += g->number - known;
	}
	return errant;
}
