/* config.c: the server's own configuration: server.yaml (who may do what) and policy.yaml (what may be done where).
 *
 * They are documents like those of a workspace, with the same limits, and lie outside of every workspace.  A file
 * that somebody else could write says nothing. */
#include "schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define END { .name = NULL }
#define CONFIG_LIMITS {.max_bytes = 1U << 20, .max_nodes = 10000, .max_depth = 32}

enum { CONFIG_ARENA_BYTES = 8 << 20, RULES_MAX = 500 };

/* ------------------------------------------------------------------ server.yaml, client.yaml */

static const struct key role_keys[] = {
	{.name = "operator", .type = VALUE_TEXTS, .fallback = "[]",
		.help = "who may start runs, lead them and answer: login names, \"@group\", numbers"},
	{.name = "approver", .type = VALUE_TEXTS, .fallback = "[]", .help = "who may answer approvals"},
	{.name = "observer", .type = VALUE_TEXTS, .fallback = "[]", .help = "who may look"},
	END};
static const struct shape roles = {.name = "roles", .keys = role_keys};

static const struct key server_keys[] = {
	{.name = "socket", .type = VALUE_TEXT, .fallback = "/run/drillbook/socket", .help = "where terminals connect"},
	{.name = "group", .type = VALUE_TEXT, .fallback = "drillbook", .help = "who may open the socket at all"},
	{.name = "data", .type = VALUE_TEXT, .fallback = "/var/lib/drillbook", .help = "journal and outputs"},
	{.name = "roles", .type = VALUE_SHAPE, .required = true, .shape = &roles,
		.help = "who may do what; who is in none may do nothing"},
	{.name = "workspaces", .type = VALUE_TEXTS, .fallback = "[]",
		.help = "directories whose runbooks may run here"},
	END};
static const struct shape server = {.name = "server.yaml", .keys = server_keys};

static const struct key client_keys[] = {
	{.name = "server", .type = VALUE_TEXT, .required = true, .help = "socket of the team server of this machine"},
	END};
static const struct shape client = {.name = "client.yaml", .keys = client_keys};

/* ------------------------------------------------------------------ policy.yaml */

static const char *const conditions[] = {"clean", "signed", "reviewed", NULL};

static const struct key allow_keys[] = {
	{.name = "name", .type = VALUE_NAME, .help = "of the rule, for --override"},
	{.name = "environments", .type = VALUE_NAMES, .fallback = "any", .help = "of drillbook.yaml"},
	{.name = "modes", .type = VALUE_CHOICES, .choices = run_modes, .fallback = "any", .help = "how far it may go"},
	{.name = "who", .type = VALUE_TEXTS, .fallback = "any", .help = "login names, \"@group\", numbers"},
	{.name = "workspaces", .type = VALUE_TEXTS, .fallback = "any", .help = "directories"},
	{.name = "override", .type = VALUE_BOOL, .fallback = "false",
		.help = "only for who names it with --override and gives a reason"},
	END};
static const struct shape allow = {.name = "a rule", .keys = allow_keys};

static const struct key mode_keys[] = {
	{.name = "require", .type = VALUE_CHOICES, .choices = conditions, .fallback = "[]",
		.help = "clean: as committed; signed: the commit, by somebody of signers; reviewed: last changed by "
			"somebody else than who starts it"},
	{.name = "override", .type = VALUE_CHOICES, .choices = conditions, .fallback = "[]",
		.help = "which of them a reason may stand in for"},
	END};
static const struct shape mode = {.name = "a mode", .keys = mode_keys};

static const struct key person_keys[] = {
	{.name = "commits_as", .type = VALUE_TEXTS, .required = true, .help = "mail addresses in Git"},
	END};
static const struct shape person = {.name = "a person", .keys = person_keys};

static const struct key policy_keys[] = {
	{.name = "allow", .type = VALUE_LIST, .shape = &allow, .max = RULES_MAX,
		.help = "what is allowed; what no rule allows is refused; without it, everything is allowed"},
	{.name = "probe", .type = VALUE_SHAPE, .shape = &mode, .help = "what a probe needs"},
	{.name = "drill", .type = VALUE_SHAPE, .shape = &mode, .help = "what a drill needs"},
	{.name = "live", .type = VALUE_SHAPE, .shape = &mode, .help = "what a live run needs"},
	{.name = "signers", .type = VALUE_TEXT,
		.help = "allowed signers (ssh-keygen(1)), outside of every workspace; relative to this file"},
	{.name = "people", .type = VALUE_MAP, .shape = &person, .fallback = "{}",
		.help = "login name: as whom they commit, for reviewed"},
	END};
static const struct shape policy = {.name = "policy.yaml", .keys = policy_keys};

static const struct schema configs[] = {
	{"server", "server.yaml", &server, CONFIG_LIMITS},
	{"client", "client.yaml", &client, CONFIG_LIMITS},
	{"policy", "policy.yaml", &policy, CONFIG_LIMITS},
	{.kind = NULL},
};

const struct schema *config_schema(const char *kind)
{
	for (const struct schema *s = configs; s->kind != NULL; s++)
		if (str_eq(s->kind, kind))
			return s;
	return NULL;
}

/* ------------------------------------------------------------------ as data */

static json_t *of_shape(const struct shape *shape, const struct node *map);

/* One text stands for a list of one; what looks like a number stays text. */
static json_t *texts(const struct node *node)
{
	json_t *list = json_array();

	for (const struct node *item = texts_first(node); item != NULL; item = texts_next(node, item))
		json_array_append_new(list, json_text(item->text, item->len));
	return list;
}

static json_t *of_value(const struct key *key, const struct node *node)
{
	json_t *out;

	switch (key->type) {
	case VALUE_TEXTS:
	case VALUE_NAMES:
	case VALUE_CHOICES:
		return texts(node);
	case VALUE_SHAPE:
		return of_shape(key->shape, node);
	case VALUE_LIST:
		out = json_array();
		for (const struct node *item = node->first; item != NULL; item = item->next)
			json_array_append_new(out, of_shape(key->shape, item));
		return out;
	case VALUE_MAP:
		out = json_object();
		for (const struct node *n = node->first; n != NULL; n = n->next)
			json_put(out, n->key, of_shape(key->shape, n));
		return out;
	case VALUE_BOOL:
		return node_json(node);
	default:
		return json_text(node->text, node->len);
	}
}

static json_t *of_shape(const struct shape *shape, const struct node *map)
{
	json_t *out = json_object();

	for (const struct node *n = map->first; n != NULL; n = n->next)
		json_put(out, n->key, of_value(shape_key(shape, n->key), n));
	return out;
}

/* ------------------------------------------------------------------ loading */

static enum err_code first_mistake(const char *path, const struct problems *problems, struct err *err)
{
	const size_t errors = problems_errors(problems);

	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *p = &problems->rows[i];
		char more[48] = "";
		if (p->severity != SEVERITY_ERROR)
			continue;
		if (errors > 1)
			snprintf(more, sizeof(more), " (and %zu more)", errors - 1);
		return err_set(err, ERR_WORKSPACE, "%s:%d:%d: %s%s", path, p->line, p->column, p->text, more);
	}
	return ERR_NONE;
}

/* Opened first and then looked at, so that what was looked at is what is read. */
static enum err_code read_own(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	struct stat st;
	char chunk[16384];
	ssize_t n = 0;
	enum err_code code = ERR_NONE;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	buf_init(out, max_bytes);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? err_set(err, ERR_NOT_FOUND, "there is no \"%s\"", path)
							    : err_errno(err, "cannot read \"%s\"", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		code = err_set(err, ERR_FORBIDDEN, "\"%s\" is no file", path);
	else if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022) != 0)
		code = err_set(err, ERR_FORBIDDEN,
			"\"%s\" must belong to root or to the server's user, and nobody else may write it", path);
	while (code == ERR_NONE && (n = read(fd, chunk, sizeof(chunk))) > 0)
		code = buf_add(out, chunk, (size_t)n, err);
	if (code == ERR_NONE && n < 0)
		code = err_errno(err, "cannot read \"%s\"", path);
	close(fd);
	return code;
}

enum err_code config_load(const char *path, const char *kind, json_t **out, struct err *err)
{
	const struct schema *schema = config_schema(kind);
	struct problems problems;
	struct arena arena;
	struct buf bytes;

	*out = NULL;
	enum err_code code = read_own(path, schema->limits.max_bytes, &bytes, err);
	if (code != ERR_NONE) {
		buf_release(&bytes);
		return code;
	}
	problems_init(&problems);
	arena_init(&arena, CONFIG_ARENA_BYTES);
	const struct node *root = yaml_load(&arena, path, bytes.data != NULL ? bytes.data : "", bytes.len,
		&schema->limits, &problems);
	if (root != NULL)
		schema_check(schema, path, root, &problems);
	problems_sort(&problems);
	code = first_mistake(path, &problems, err);
	if (code == ERR_NONE && root != NULL)
		*out = of_shape(schema->shape, root);
	arena_release(&arena);
	problems_release(&problems);
	buf_release(&bytes);
	return code;
}

char *config_dir(void)
{
	const char *given = getenv("DRILLBOOK_ETC");

	return xstrdup(given != NULL && given[0] == '/' ? given : "/etc/drillbook");
}
