/* lint_actions.c: the form of declared actions: the members their provider knows, and the {holes} of their texts.
 *
 * The provider says the same when the action is called; here it is said before anything has happened. */
#include "lint_targets.h"

#include <ctype.h>
#include <string.h>

enum { JSON_DEPTH = 32, HOLE_MAX = 127 };

/* Members that only one kind of provider knows; all others are common.  ssh takes those of command. */
static const struct member {
	const char *name, *provider;
	bool expanded; /* {name} in its texts is replaced */
} members[] = {
	{"argv", "command", true},
	{"cwd", "command", false},
	{"env", "command", true},
	{"stdin", "command", true},
	{"secret", "command", false},
	{"method", "http", false},
	{"path", "http", true},
	{"headers", "http", true},
	{"json", "http", true},
	{"body", "http", true},
	{"contains", "http", false},
	{"not_done_status", "http", false},
	{"with_secret", "http", false},
};

/* Does the provider of this target run programs? */
static bool runs_programs(const struct target_lint *t)
{
	return str_eq(t->provider->name, "command") || str_eq(t->provider->name, "ssh");
}

static bool is_param(const struct node *action, const char *name, size_t len)
{
	const struct node *params = node_get(action, "params");

	for (const struct node *p = texts_first(params); p != NULL; p = texts_next(params, p))
		if (p->len == len && memcmp(p->text, name, len) == 0)
			return true;
	return len == strlen("secret_file") && memcmp(name, "secret_file", len) == 0 &&
	       str_eq(node_text(action, "secret"), "file");
}

/* How long the name is that begins at text and ends before a brace; 0 when there is none. */
static size_t hole_name(const char *text)
{
	size_t len = 0;

	if (!isalpha((unsigned char)text[0]) && text[0] != '_')
		return 0;
	while (isalnum((unsigned char)text[len]) || text[len] == '_' || text[len] == '-')
		len++;
	return text[len] == '}' && len <= HOLE_MAX ? len : 0;
}

/* A variable that env.yaml does not have is still there, which has been said. */
static bool has_variable(const struct node *node)
{
	return strstr(node->text, "${") != NULL;
}

static void check_text(struct target_lint *t, const struct node *action, const struct node *node)
{
	const char *at = has_variable(node) ? "" : node->text;

	while ((at = strchr(at, '{')) != NULL) {
		if (at[1] == '{') {
			at += 2;
			continue;
		}
		const size_t len = hole_name(at + 1);
		if (len == 0) {
			problems_add(t->problems, RULE_WRONG_VALUE, document_place(t->document, node),
				"this { begins no {parameter}: write {{ for a brace");
			return;
		}
		if (!is_param(action, at + 1, len))
			problems_add(t->problems, RULE_WRONG_VALUE, document_place(t->document, node),
				"action \"%s\" has no parameter {%.*s}: add it to params:", action->key,
				(int)len, at + 1);
		at += len + 2;
	}
}

static void check_texts(
	struct target_lint *t, const struct node *action, const struct node *node, int depth)
{
	if (node->kind == NODE_SCALAR && node->text != NULL)
		check_text(t, action, node);
	else if (node->kind != NODE_SCALAR && depth < JSON_DEPTH)
		for (const struct node *n = node->first; n != NULL; n = n->next)
			check_texts(t, action, n, depth + 1);
}

static void check_argv(struct target_lint *t, const struct node *action)
{
	const struct node *argv = node_get(action, "argv"), *program = texts_first(argv);

	if (argv == NULL) {
		problems_add(t->problems, RULE_MISSING_KEY, document_key_place(t->document, action),
			"action \"%s\" needs \"argv\": a program and its arguments", action->key);
		return;
	}
	if (program == NULL)
		problems_add(t->problems, RULE_WRONG_VALUE, document_place(t->document, argv),
			"\"argv\" must name a program");
	else if (strchr(program->text, '{') != NULL && !has_variable(program))
		problems_add(t->problems, RULE_WRONG_VALUE, document_place(t->document, program),
			"the program itself takes no {parameter}: write its name");
	for (const struct node *n = program; n != NULL; n = texts_next(argv, n))
		if (n != program)
			check_text(t, action, n);
}

static void check_secret(struct target_lint *t, const struct node *action)
{
	const struct node *secret = node_get(action, "secret");

	if (secret != NULL && node_get(node_get(t->target, "secrets"), "secret") == NULL)
		problems_add(t->problems, RULE_MISSING_SETTING, document_place(t->document, secret),
			"target \"%s\" has no secret to give: add secrets: {secret: {file: PATH}}",
			t->target->key);
	if (secret != NULL && str_eq(node_text(action, "secret"), "file") &&
		str_eq(t->provider->name, "ssh"))
		problems_add(t->problems, RULE_WRONG_VALUE, document_place(t->document, secret),
			"on another host a secret can only be given on its input: secret: stdin");
}

static void check_member(struct target_lint *t, const struct node *action, const struct node *node)
{
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		const struct member *m = &members[i];
		if (!str_eq(m->name, node->key))
			continue;
		if (str_eq(m->provider, "command") ? !runs_programs(t)
						   : !str_eq(m->provider, t->provider->name))
			problems_add(t->problems, RULE_UNKNOWN_KEY,
				document_key_place(t->document, node),
				"an action of provider %s has no \"%s\": that is one of %s",
				t->provider->name, m->name, m->provider);
		else if (m->expanded && !str_eq(m->name, "argv"))
			check_texts(t, action, node, 0);
	}
}

void lint_action(struct target_lint *t, const struct node *action)
{
	const bool program = runs_programs(t);

	if (action->kind != NODE_MAP || (!program && !str_eq(t->provider->name, "http")))
		return;
	if (program) {
		check_argv(t, action);
		check_secret(t, action);
	}
	for (const struct node *n = action->first; n != NULL; n = n->next)
		check_member(t, action, n);
}
