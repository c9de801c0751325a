/* The policy as a question and an answer: who may touch what in which mode, what a mode requires, what a reason may stand in for. */
#include "policy.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

static json_t *parse(const char *text)
{
	char *copy = xstrdup(text);
	struct err err = {0};
	json_t *json;

	for (char *at = copy; *at != '\0'; at++)
		if (*at == '\'')
			*at = '"';
	if (json_parse(copy, strlen(copy), &json, &err) != ERR_NONE)
		fail_msg("%s: %s", text, err.text);
	free(copy);
	return json;
}

struct asked {
	const char *policy, *mode, *root, *targets, *facts, *named;
	const char *refused; /* a part of the answer; NULL = allowed */
	const char *used;    /* overrides that were needed, joined */
};

static struct person anna(void)
{
	struct person person = {.uid = 1001, .name = "anna", .known = true};

	person.groups = parse("['staff', '50', 'dba', '51']");
	return person;
}

static void ask(const struct asked *a)
{
	struct person person = anna();
	json_t *policy = parse(a->policy), *named = parse(a->named != NULL ? a->named : "[]"), *used = json_array(),
	       *targets = parse(a->targets != NULL ? a->targets : "{'db':{'environment':'prod'}}"),
	       *facts = parse(a->facts != NULL ? a->facts : "{}");
	const struct policy_question q = {.policy = policy, .mode = a->mode != NULL ? a->mode : "live",
		.root = a->root != NULL ? a->root : "/tmp", .person = &person, .named = named};
	struct err err = {0};
	char text[256] = "";

	enum err_code code = policy_names(&q, &err);
	if (code == ERR_NONE)
		code = policy_allows(&q, targets, used, &err);
	if (code == ERR_NONE)
		code = policy_holds(&q, facts, used, &err);
	if (a->refused == NULL && code != ERR_NONE)
		fail_msg("%s: %s", a->policy, err.text);
	if (a->refused != NULL && (code != ERR_FORBIDDEN || strstr(err.text, a->refused) == NULL))
		fail_msg("%s: \"%s\" instead of \"%s\"", a->policy, err.text, a->refused);
	for (size_t i = 0; i < json_array_size(used); i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			json_string_value(json_array_get(used, i)));
	if (code == ERR_NONE)
		assert_string_equal(text, a->used != NULL ? a->used : "");
	json_decref(person.groups);
	json_decref(policy);
	json_decref(named);
	json_decref(used);
	json_decref(targets);
	json_decref(facts);
}

static void who_where_and_how_far(void **state)
{
	static const struct asked rows[] = {
		{.policy = "{}"},
		{.policy = "{'allow':[]}", .refused = "does not allow anna to touch environment \"prod\" in mode live"},
		{.policy = "{'allow':[{}]}"},
		{.policy = "{'allow':[{'environments':['prod']}]}"},
		{.policy = "{'allow':[{'environments':['lab']}]}", .refused = "environment \"prod\""},
		{.policy = "{'allow':[{'modes':['probe','drill']}]}", .refused = "in mode live"},
		{.policy = "{'allow':[{'modes':['probe','drill']}]}", .mode = "drill"},
		{.policy = "{'allow':[]}", .mode = "tabletop"},
		{.policy = "{'allow':[]}", .mode = "simulate"},
		{.policy = "{'allow':[{'who':['bert','@boss']}]}", .refused = "anna"},
		{.policy = "{'allow':[{'who':['anna']}]}"},
		{.policy = "{'allow':[{'who':['@dba']}]}"},
		{.policy = "{'allow':[{'who':['@51']}]}"},
		{.policy = "{'allow':[{'who':['1001']}]}"},
		{.policy = "{'allow':[{'who':['dba']}]}", .refused = "anna"}, /* a group is no login name */
		{.policy = "{'allow':[{'who':['@anna']}]}", .refused = "anna"},
		{.policy = "{'allow':[{'workspaces':['/usr']}]}", .refused = "from \"/tmp\""},
		{.policy = "{'allow':[{'workspaces':['/usr','/tmp/']}]}"},
		{.policy = "{'allow':[{'workspaces':['/nonexistent']}]}", .root = "/nonexistent", .refused = "anna"},
		/* each environment needs its own permission, one rule or several */
		{.policy = "{'allow':[{'environments':['lab']}]}", .targets = "{'a':{'environment':'lab'},'b':{'environment':'prod'}}",
			.refused = "environment \"prod\""},
		{.policy = "{'allow':[{'environments':['lab']},{'environments':['prod'],'who':['anna']}]}",
			.targets = "{'a':{'environment':'lab'},'b':{'environment':'prod'}}"},
		/* what touches nothing still needs somebody who may */
		{.policy = "{'allow':[{'environments':['lab']}]}", .targets = "{}"},
		{.policy = "{'allow':[{'who':['bert']}]}", .targets = "{}", .refused = "touch anything"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ask(&rows[i]);
}

#define NIGHT "{'allow':[{'modes':['drill']},{'name':'night','modes':['live'],'override':true,'who':['@dba']}]}"
#define STRICT                                                                                                         \
	"{'live':{'require':['clean','signed','reviewed'],'override':['clean','reviewed']},"                             \
	"'people':{'anna':{'commits_as':['anna@example.org','a@b.c']}}}"
#define CHANGED(mail) "'changes':[{'path':'x.yaml','commit':'1234567890abcdef','mail':'" mail "'}]"

static void what_a_reason_may_stand_in_for(void **state)
{
	static const struct asked rows[] = {
		{.policy = NIGHT, .refused = "with a reason it does: --override night"},
		{.policy = NIGHT, .named = "['night']", .used = "night"},
		{.policy = NIGHT, .named = "['night']", .mode = "drill"}, /* not needed: no deviation */
		{.policy = NIGHT, .named = "['day']", .refused = "no rule \"day\""},
		{.policy = "{'allow':[{'name':'night'}]}", .named = "['night']", .refused = "no rule \"night\""},
		{.policy = STRICT, .facts = "{'clean':true,'signer':'b'," CHANGED("bert@example.org") "}"},
		{.policy = STRICT, .mode = "drill", .facts = "{'clean':false}"},
		{.policy = STRICT, .facts = "{'clean':false,'signer':'b'}", .refused = "to be clean"},
		{.policy = STRICT, .facts = "{'clean':true,'unsigned':'no key'}", .refused = "to be signed: no key"},
		{.policy = STRICT, .facts = "{'clean':true}", .refused = "nobody looked for a signature"},
		{.policy = STRICT, .facts = "{'clean':true,'signer':'b'}", .refused = "nobody looked who changed it"},
		{.policy = STRICT, .facts = "{'clean':true,'signer':'b','unreviewed':'no Git'}", .refused = "reviewed: no Git"},
		{.policy = STRICT, .facts = "{'clean':true,'signer':'b'," CHANGED("Anna@Example.org") "}",
			.refused = "who is who starts it (commit 1234567890ab)"},
		{.policy = STRICT, .facts = "{'clean':true,'signer':'b','changes':[{'path':'x.yaml'}]}",
			.refused = "Git does not know \"x.yaml\""},
		{.policy = STRICT, .named = "['live.reviewed']", .facts = "{'clean':true,'signer':'b'," CHANGED("a@b.c") "}",
			.used = "live.reviewed"},
		{.policy = STRICT, .named = "['live.signed']", .refused = "no rule \"live.signed\""},
		{.policy = STRICT, .named = "['drill.clean']", .refused = "no rule \"drill.clean\" that a reason may override in mode live"},
		/* what is not as committed is not what was signed */
		{.policy = STRICT, .named = "['live.clean']", .facts = "{'clean':false,'signer':'b'," CHANGED("b@b.c") "}",
			.refused = "to be signed"},
		{.policy = "{'live':{'require':['reviewed']}}", .facts = "{'clean':true," CHANGED("b@b.c") "}",
			.refused = "does not say as whom anna commits"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ask(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_where_and_how_far),
		cmocka_unit_test(what_a_reason_may_stand_in_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
