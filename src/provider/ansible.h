/* ansible.h: what the files of the ansible provider share. */
#ifndef PROVIDER_ANSIBLE_H
#define PROVIDER_ANSIBLE_H

#include "drillbook/provider.h"

enum { ANSIBLE_ROWS_MAX = 200, ANSIBLE_FACTS_MAX = 256 << 10 };

/* One run of a playbook, as src/provider/ansible/drillbook_events.py told it. */
struct ansible_play {
	struct call *call;
	json_t *hosts;	 /* host -> {ok, changed, failures, unreachable, …}; owned */
	json_t *changes; /* [{host, task}], capped; owned */
	json_t *facts;	 /* host -> what set_fact set; owned */
	json_t *outputs; /* of set_stats; owned */
	int64_t tasks, results, changed, unseen, failed, unreachable;
	int64_t touched; /* results of tasks that may have changed something */
	bool ended;	 /* its last event was seen */
	char task[200], failure[500], lost[300];
	int status;
};
void ansible_play_release(struct ansible_play *play);

enum ansible_how { ANSIBLE_SYNTAX, ANSIBLE_CHECK, ANSIBLE_RUN };
/* Runs the call's playbook; play is to be released also after an error.  ERR_NONE when it ended
 * by itself, whatever its status. */
enum err_code ansible_run(struct call *call, enum ansible_how how, struct ansible_play *play,
	struct err *err) MUST_CHECK;
/* ERR_NOT_FOUND when the playbook is not there. */
enum err_code ansible_there(struct call *call, struct err *err) MUST_CHECK;
/* A mistake in the playbook or its inventory, found without touching a host. */
enum err_code ansible_syntax(struct call *call, struct err *err) MUST_CHECK;
/* Why a run that ended was not good (ERR_NONE when it was), with what is known of the world. */
enum err_code ansible_judge(const struct ansible_play *play, struct err *err);

#endif
