/* evidence.c: what a terminal that cannot read the journal's file needs for a report beside a
 * run's events: the head of its chain and the seal the ledger has of it. */
#include "internal.h"

enum {
	LEDGER_BACK = 20000
}; /* events of the ledger looked through, newest: two or three for each run */

struct search {
	int64_t run;
	json_t *seal;
};

static enum err_code note_seal(void *arg, const struct event *event, struct err *err)
{
	struct search *search = arg;

	(void)err;
	if (event->kind != EVENT_RUN_SEALED ||
		json_int(event->payload, "run", -1) != search->run)
		return ERR_NONE;
	json_decref(search->seal);
	search->seal = json_object();
	json_put_int(search->seal, "at_ns", event->wall.ns);
	json_object_set(search->seal, "events", json_object_get(event->payload, "events"));
	json_object_set(search->seal, "head", json_object_get(event->payload, "head"));
	return ERR_NONE;
}

enum err_code evidence_of(struct server *server, int64_t run, json_t *out, struct err *err)
{
	struct search search = { .run = run };
	struct sha256 head;
	char hex[SHA256_HEX];
	int64_t last, newest = 0;

	if (run <= 0)
		return err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)run);
	TRY(journal_head(server->reader, run, &last, &head, err));
	json_put_int(out, "last", last);
	json_put_str(out, "head", sha256_hex(head, hex));
	TRY(journal_head(server->reader, 0, &newest, &head, err));
	const enum err_code code = journal_events(server->reader, 0,
		newest > LEDGER_BACK ? newest - LEDGER_BACK : 0, note_seal, &search, err);
	json_put(out, "seal", search.seal);
	return code;
}
