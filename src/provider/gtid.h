/* gtid.h: positions of MariaDB's global transaction identifiers, DOMAIN-SERVER-NUMBER,… Source:
 * MariaDB documentation, "Global Transaction ID". */
#ifndef PROVIDER_GTID_H
#define PROVIDER_GTID_H

#include "drillbook/base.h"

enum { GTID_MAX = 256 };

struct gtid {
	uint32_t domain, server;
	uint64_t number;
};
struct gtid_list {
	struct gtid at[GTID_MAX];
	size_t count;
};

/* "0-1-100,7-2-5" or "".  False when malformed or longer than GTID_MAX. */
bool gtid_parse(const char *text, struct gtid_list *out);
/* How many transactions `newer` has that `older` has not, over all domains, by their numbers:
 * right for two positions of one history (received and applied, or primary and its replica). */
uint64_t gtid_behind(const struct gtid_list *newer, const struct gtid_list *older);
/* How many transactions of position `pos` are in no history that `state` knows.  state is
 * gtid_binlog_state: the last number of every server in every domain; only with it a
 * transaction that an old primary wrote for itself is told from one of the same number that the
 * new primary wrote. */
uint64_t gtid_errant(const struct gtid_list *pos, const struct gtid_list *state);

#endif
