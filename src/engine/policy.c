/* policy.c: what the server's own configuration allows (policy.yaml, docs/team.md), and what
 * was done in spite of it.
 *
 * A rule allows an environment in a mode to a person from a workspace; what no rule allows is
 * refused.  A workspace cannot widen that: its own `modes:` are checked besides
 * (plan_mode_allows). Rules with `override: true` count only when they were named with a
 * reason, and then the run says so. */
#include "policy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void live_deviate(struct live *live, const char *what, const char *rule, const char *reason,
	const char *step, const struct actor *actor)
{
	json_t *payload = json_object();

	json_put_str(payload, "what", what);
	json_put_str(payload, "rule", rule != NULL ? rule : "");
	json_put_str(payload, "reason", reason);
	json_put_str(payload, "step", step != NULL ? step : "");
	live_emit(live, EVENT_DEVIATION_RECORDED, payload, actor);
}

static bool lists(const json_t *list, const char *word)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (str_eq(json_string_value(row), word))
			return true;
	return false;
}

/* ------------------------------------------------------------------ is there one, can it be
 * read */

bool policy_there(struct server *server)
{
	settings_refresh(&server->policy);
	return server->policy.there;
}

enum err_code policy_readable(struct server *server, struct err *err)
{
	settings_refresh(&server->policy);
	if (server->policy.broken == NULL)
		return ERR_NONE;
	return err_set(err, ERR_FORBIDDEN,
		"nothing starts, because the policy cannot be read: %s", server->policy.broken);
}

json_t *policy_conditions(struct server *server, const char *mode)
{
	json_t *list = json_object_get(json_object_get(server->policy.json, mode), "require");

	return list != NULL ? json_incref(list) : json_array();
}

char *policy_signers(const struct server *server)
{
	const char *given = json_str(server->policy.json, "signers", NULL);

	return given != NULL ? path_join(server->options->config, given) : NULL;
}

/* ------------------------------------------------------------------ allow: */

static bool same_place(const json_t *list, const char *root)
{
	char *real = realpath(root, NULL);
	const json_t *row;
	bool found = false;
	size_t i;

	json_array_foreach(list, i, row) {
		char *listed = realpath(json_string_value(row), NULL);
		found = found || (real != NULL && listed != NULL && strcmp(real, listed) == 0);
		free(listed);
	}
	free(real);
	return found;
}

/* environment NULL: nothing of any environment is touched. */
static bool rule_fits(const json_t *rule, const char *environment, const char *mode,
	const struct person *person, const char *root)
{
	const json_t *environments = json_object_get(rule, "environments"),
		     *modes = json_object_get(rule, "modes"),
		     *who = json_object_get(rule, "who"),
		     *workspaces = json_object_get(rule, "workspaces");

	return (environments == NULL || environment == NULL ||
		       lists(environments, environment)) &&
	       (modes == NULL || lists(modes, mode)) &&
	       (who == NULL || person_in(person, who)) &&
	       (workspaces == NULL || same_place(workspaces, root));
}

/* The rule that allows it: one without override first.  NULL = none.  named: rules that were
 * named with a reason. */
static const json_t *allowing(const json_t *policy, const char *environment, const char *mode,
	const struct person *person, const char *root, const json_t *named)
{
	const json_t *rule, *second = NULL;
	size_t i;

	json_array_foreach(json_object_get(policy, "allow"), i, rule) {
		if (!rule_fits(rule, environment, mode, person, root))
			continue;
		if (!json_flag(rule, "override", false))
			return rule;
		if (second == NULL && lists(named, json_str(rule, "name", NULL)))
			second = rule;
	}
	return second;
}

static void use(json_t *used, const char *name)
{
	if (used != NULL && !lists(used, name))
		json_array_append_new(used, json_string(name));
}

/* A rule that would allow it if it were named; NULL = none. */
static const char *could_name(const json_t *policy, const char *environment, const char *mode,
	const struct person *person, const char *root)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(policy, "allow"), i, rule)
		if (json_flag(rule, "override", false) &&
			json_str(rule, "name", NULL) != NULL &&
			rule_fits(rule, environment, mode, person, root))
			return json_str(rule, "name", NULL);
	return NULL;
}

static enum err_code check_one(
	const struct policy_question *q, const char *environment, json_t *used, struct err *err)
{
	const json_t *rule =
		allowing(q->policy, environment, q->mode, q->person, q->root, q->named);

	if (rule != NULL) {
		if (json_flag(rule, "override", false))
			use(used, json_str(rule, "name", ""));
		return ERR_NONE;
	}
	const char *name = could_name(q->policy, environment, q->mode, q->person, q->root);
	return err_set(err, ERR_FORBIDDEN,
		"the policy does not allow %s to touch %s%s%s in mode %s from \"%s\"%s%s%s",
		q->person->name, environment != NULL ? "environment \"" : "anything",
		environment != NULL ? environment : "", environment != NULL ? "\"" : "",
		q->mode, q->root, name != NULL ? "; with a reason it does: --override " : "",
		name != NULL ? name : "", name != NULL ? " --reason …" : "");
}

enum err_code policy_allows(
	const struct policy_question *q, const json_t *targets, json_t *used, struct err *err)
{
	const char *name;
	json_t *target;

	if (json_object_get(q->policy, "allow") == NULL || str_eq(q->mode, "simulate") ||
		str_eq(q->mode, "tabletop")) /* these touch nothing */
		return ERR_NONE;
	if (json_object_size(targets) == 0)
		return check_one(q, NULL, used, err);
	json_object_foreach((json_t *)(uintptr_t)targets, name, target)
		TRY(check_one(q, json_str(target, "environment", ""), used, err));
	return ERR_NONE;
}

/* ------------------------------------------------------------------ clean, signed, reviewed */

static bool commits_as(const json_t *mails, const char *mail)
{
	const json_t *row;
	size_t i;

	json_array_foreach(mails, i, row)
		if (strcasecmp(json_string_value(row), mail) == 0)
			return true;
	return false;
}

/* The reasons why a condition does not hold, or "" when it does. */
static void not_clean(
	const struct policy_question *q, const json_t *facts, char *why, size_t size)
{
	(void)q;
	if (!json_flag(facts, "clean", false))
		snprintf(why, size, "the files that take part are not as committed");
}

/* What differs from the commit is not what was signed. */
static void not_signed(
	const struct policy_question *q, const json_t *facts, char *why, size_t size)
{
	if (json_str(facts, "signer", NULL) == NULL)
		snprintf(why, size, "%s",
			json_str(facts, "unsigned", "nobody looked for a signature"));
	else
		not_clean(q, facts, why, size);
}

static void not_reviewed(
	const struct policy_question *q, const json_t *facts, char *why, size_t size)
{
	const json_t *mails = json_object_get(
		json_object_get(json_object_get(q->policy, "people"), q->person->name),
		"commits_as");
	const json_t *change;
	size_t i;

	if (!json_is_array(json_object_get(facts, "changes"))) {
		snprintf(why, size, "%s",
			json_str(facts, "unreviewed", "nobody looked who changed it"));
		return;
	}
	if (mails == NULL) {
		snprintf(why, size, "the policy does not say as whom %s commits (people:)",
			q->person->name);
		return;
	}
	json_array_foreach(json_object_get(facts, "changes"), i, change) {
		const char *mail = json_str(change, "mail", NULL),
			   *path = json_str(change, "path", "");
		if (mail == NULL)
			snprintf(why, size, "Git does not know \"%s\"", path);
		else if (commits_as(mails, mail))
			snprintf(why, size,
				"\"%s\" was last changed by %s, who is who starts it (commit "
				"%.12s)",
				path, mail, json_str(change, "commit", ""));
		else
			continue;
		return;
	}
	not_clean(q, facts, why, size);
}

static const struct {
	const char *name;
	void (*check)(
		const struct policy_question *q, const json_t *facts, char *why, size_t size);
} conditions[] = {
	{ "clean", not_clean },
	{ "signed", not_signed },
	{ "reviewed", not_reviewed },
};

enum err_code policy_holds(
	const struct policy_question *q, const json_t *facts, json_t *used, struct err *err)
{
	const json_t *section = json_object_get(q->policy, q->mode);

	for (size_t i = 0; i < COUNT_OF(conditions); i++) {
		char why[512] = "", name[64];
		if (!lists(json_object_get(section, "require"), conditions[i].name))
			continue;
		conditions[i].check(q, facts, why, sizeof(why));
		if (why[0] == '\0')
			continue;
		snprintf(name, sizeof(name), "%s.%s", q->mode, conditions[i].name);
		const bool may =
			lists(json_object_get(section, "override"), conditions[i].name);
		if (may && lists(q->named, name)) {
			use(used, name);
			continue;
		}
		return err_set(err, ERR_FORBIDDEN,
			"the policy wants a %s run to be %s: %s%s%s%s", q->mode,
			conditions[i].name, why,
			may ? "; a reason may stand in for that: --override " : "",
			may ? name : "", may ? " --reason …" : "");
	}
	return ERR_NONE;
}

/* What was named must exist and be open to reasons, or somebody believes in something that has
 * no effect. */
enum err_code policy_names(const struct policy_question *q, struct err *err)
{
	const json_t *row, *rule;
	size_t i, k;

	json_array_foreach(q->named, i, row) {
		const char *name = json_string_value(row),
			   *dot = name != NULL ? strchr(name, '.') : NULL;
		bool found = false;
		json_array_foreach(json_object_get(q->policy, "allow"), k, rule)
			found = found || (str_eq(json_str(rule, "name", NULL), name) &&
						 json_flag(rule, "override", false));
		if (!found && dot != NULL && strlen(q->mode) == (size_t)(dot - name) &&
			strncmp(q->mode, name, (size_t)(dot - name)) == 0)
			found = lists(json_object_get(
					      json_object_get(q->policy, q->mode), "override"),
				dot + 1);
		if (!found)
			return err_set(err, ERR_FORBIDDEN,
				"the policy has no rule \"%.80s\" that a reason may override "
				"in mode %s",
				name != NULL ? name : "", q->mode);
	}
	return ERR_NONE;
}

/* ------------------------------------------------------------------ of a run that is open */

/* The rules that were overridden when it was started; owned. */
static json_t *overridden(const struct run *run)
{
	json_t *names = json_array();

	for (size_t i = 0; i < run->deviation_count; i++)
		if (str_eq(run->deviations[i].what, "override") &&
			run->deviations[i].step == NULL)
			json_array_append_new(names, json_string(run->deviations[i].rule));
	return names;
}

static enum err_code allows_person(
	struct live *live, int64_t uid, const json_t *targets, struct err *err)
{
	json_t *named = overridden(live->run);
	const struct policy_question q = { .policy = live->server->policy.json,
		.mode = live->run->mode,
		.root = live->run->workspace_root,
		.person = person_of(live->server, uid),
		.named = named };
	const enum err_code code = policy_allows(&q, targets, NULL, err);

	json_decref(named);
	return code;
}

enum err_code policy_lead(struct live *live, int64_t uid, struct err *err)
{
	if (!policy_there(live->server))
		return ERR_NONE;
	if (live->server->policy.json == NULL)
		return policy_readable(live->server, err);
	return allows_person(live, uid, json_object_get(live->plan, "targets"), err);
}

enum err_code policy_intent(struct live *live, const char *target, struct err *err)
{
	const struct conn *lead = conn_find(live->server, live->lead_conn);
	json_t *one;
	enum err_code code;

	if (!policy_there(live->server))
		return ERR_NONE;
	if (live->server->policy.json ==
		NULL) /* never read by this server; an older version of it would hold */
		return policy_readable(live->server, err);
	one = json_object();
	json_object_set(
		one, target, json_object_get(json_object_get(live->plan, "targets"), target));
	code = allows_person(live, live->run->started_by.uid, one, err);
	if (code == ERR_NONE && lead != NULL && lead->actor.uid != live->run->started_by.uid)
		code = allows_person(live, lead->actor.uid, one, err);
	json_decref(one);
	return code;
}
