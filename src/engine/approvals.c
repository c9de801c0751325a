/* approvals.c: steps that other people have to say yes to: n of m, never who started the run.
 *
 * People are compared by uid.  The question stays open while voices come in (step.approved); enough
 * of them answer it, one rejection ends it. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static void expired(struct server *server, int64_t run, int64_t ask_id)
{
	struct live *live = live_find(server, run);
	const struct ask *ask = live != NULL && !live->ending ? run_ask(live->run, ask_id) : NULL;

	if (ask == NULL)
		return;
	json_t *more = json_object(), *error = json_object();
	char *text = xasprintf("%zu of %lld approved in time", run_approvals(live->run, ask, true),
		(long long)json_int(ask->detail, "count", 1));
	json_put_str(error, "code", "TIMEOUT");
	json_put_str(error, "text", text);
	json_put_str(error, "world", world_name(WORLD_UNCHANGED));
	json_put(more, "error", error);
	step_finish(live, ask->step, STEP_FAILED, more, NULL);
	free(text);
}

void approve_arm(struct live *live, size_t index)
{
	const int64_t timeout = json_int(plan_step(live, index), "timeout_ms", 0);
	const struct ask *ask = run_step_ask(live->run, index);

	if (timeout <= 0 || ask == NULL)
		return;
	const int64_t left = timeout - (run_now(live->run, wall_now()).ns - ask->asked.ns) / 1000000;
	timer_start(live->server, left > 0 ? left : 0, expired, live->id, ask->id);
}

void approve_ask(struct live *live, size_t index)
{
	const json_t *row = plan_step(live, index);
	json_t *more = json_object(), *detail = json_object(), *choices = json_array();

	json_put_str(more, "title", live->run->steps[index].title);
	json_put_str(more, "text", json_str(row, "text", ""));
	if (json_object_get(row, "from") != NULL)
		json_object_set(detail, "from", json_object_get(row, "from"));
	json_put_int(detail, "count", json_int(row, "count", 1));
	json_put_str(detail, "not", live->run->started_by.name);
	json_put(more, "detail", detail);
	json_array_append_new(choices, choice_row("approve", "yes, it may go on"));
	json_array_append_new(choices, choice_row("reject", "no (a reason is needed)"));
	json_put(more, "choices", choices);
	step_ask(live, index, "approve", 0, more);
	approve_arm(live, index);
}

/* ------------------------------------------------------------------ who may */

enum err_code approve_check(const struct live *live, const struct ask *ask, const char *word,
	const char *note, const struct actor *actor, struct err *err)
{
	if (actor->uid == live->run->started_by.uid)
		return err_set(err, ERR_FORBIDDEN,
			"%s started the run: somebody else has to approve", actor->name);
	const json_t *from = json_object_get(ask->detail, "from");
	if (json_array_size(from) > 0 && !person_in(person_of(live->server, actor->uid), from))
		return err_set(err, ERR_FORBIDDEN, "%s is not among those who may approve this",
			actor->name);
	if (run_approval(live->run, ask, actor->uid) != NULL)
		return err_set(err, ERR_CONFLICT, "%s has answered this already", actor->name);
	if (str_eq(word, "reject") && (note == NULL || note[0] == '\0'))
		return err_set(err, ERR_USAGE, "\"reject\" needs a note that says why");
	return ERR_NONE;
}

/* Among several people an approval that who started the run may leave out would be none. */
enum err_code approve_bypass(
	const struct live *live, size_t step, const struct actor *actor, struct err *err)
{
	const struct run *run = live->run;

	for (size_t i = 0; i < run->step_count && team_server(live->server); i++) {
		if (run->steps[i].kind != KIND_APPROVE || (i != step && !run_step_within(run, i, step)))
			continue;
		if (actor->uid == run->started_by.uid ||
			!(person_roles(live->server, actor->uid) & ROLE_APPROVER))
			return err_set(err, ERR_FORBIDDEN,
				"step \"%s\" is an approval: only an approver who did not start the run may do without it",
				run->steps[i].id);
	}
	return ERR_NONE;
}

/* One voice, recorded; true when the question is answered by it. */
bool approve_say(struct live *live, const struct ask *ask, const char *word, const char *note,
	const struct actor *actor)
{
	json_t *payload = json_object();
	const int64_t id = ask->id, wanted = json_int(ask->detail, "count", 1);

	json_put_int(payload, "ask", id);
	json_put_str(payload, "step", live->run->steps[ask->step].id);
	json_put_str(payload, "word", word);
	json_put_str(payload, "note", note != NULL ? note : "");
	live_emit(live, EVENT_STEP_APPROVED, payload, actor);
	ask = run_ask(live->run, id);
	return str_eq(word, "reject") || (int64_t)run_approvals(live->run, ask, true) >= wanted;
}
