/* document.c: one YAML file of a workspace: its bytes, its nodes, what is wrong with it. */
#include "workspace.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Nodes and text of the largest runbook the limits allow; a fence, never met by an honest file. */
enum { ARENA_MAX_BYTES = 128 << 20, LINES_START = 256 };

static const struct yaml_limits env_limits = {
	.max_bytes = 1U << 20, .max_nodes = 10000, .max_depth = 32};

struct document *document_new(const struct schema *schema, const char *path)
{
	struct document *document = xmalloc(sizeof(*document));

	document->schema = schema;
	document->path = xstrdup(path);
	if (schema != NULL && schema->file == NULL)
		document->name = xasprintf("%.*s", (int)(strlen(path) - strlen(".yaml")), path);
	buf_init(&document->bytes, (schema != NULL ? schema->limits : env_limits).max_bytes);
	arena_init(&document->arena, ARENA_MAX_BYTES);
	problems_init(&document->problems);
	return document;
}

/* env.yaml: name: value, nothing deeper. */
static void check_env(struct document *document)
{
	if (document->root->kind != NODE_MAP) {
		problems_add(&document->problems, RULE_WRONG_VALUE,
			document_place(document, document->root),
			"env.yaml must be a map: NAME: value");
		document->root = NULL;
		return;
	}
	for (const struct node *n = document->root->first; n != NULL; n = n->next)
		if (n->kind != NODE_SCALAR)
			problems_add(&document->problems, RULE_WRONG_VALUE,
				document_place(document, n),
				"\"%.60s\" must be one value, not %s", n->key, node_kind_name(n));
}

void document_parse(struct document *document)
{
	const struct schema *schema = document->schema;
	const char *bytes = document->bytes.data != NULL ? document->bytes.data : "";

	document->root = yaml_load(&document->arena, document->path, bytes, document->bytes.len,
		schema != NULL ? &schema->limits : &env_limits, &document->problems);
}

void document_check(struct document *document)
{
	if (document->root == NULL)
		return;
	if (document->schema != NULL)
		schema_check(document->schema, document->path, document->root, &document->problems);
	else
		check_env(document);
}

void document_free(struct document *document)
{
	if (document == NULL)
		return;
	arena_release(&document->arena);
	buf_release(&document->bytes);
	problems_release(&document->problems);
	free(document->lines);
	free(document->path);
	free(document->name);
	free(document);
}

void document_hex(const struct document *document, char out[SHA256_HEX])
{
	sha256_hex(sha256_of(document->bytes.data, document->bytes.len), out);
}

static void index_lines(struct document *document)
{
	const char *bytes = document->bytes.data, *end = bytes + document->bytes.len;
	size_t cap = LINES_START;

	document->lines = xmalloc(cap * sizeof(*document->lines));
	for (const char *at = bytes; at != NULL && at < end;) {
		if (document->line_count == cap) {
			cap *= 2;
			document->lines =
				xrealloc(document->lines, cap * sizeof(*document->lines));
		}
		document->lines[document->line_count++] = (size_t)(at - bytes);
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		at = newline != NULL ? newline + 1 : end;
	}
}

const char *document_line(struct document *document, size_t line, size_t *len)
{
	if (document->lines == NULL)
		index_lines(document);
	if (line == 0 || line > document->line_count)
		return NULL;
	const size_t start = document->lines[line - 1];
	size_t end = line < document->line_count ? document->lines[line] : document->bytes.len;
	while (end > start && (document->bytes.data[end - 1] == '\n' ||
				      document->bytes.data[end - 1] == '\r'))
		end--;
	*len = end - start;
	return document->bytes.data + start;
}

struct place document_place(const struct document *document, const struct node *node)
{
	return (struct place){document->path, node->line, node->column};
}

struct place document_key_place(const struct document *document, const struct node *node)
{
	return (struct place){document->path, node->key_line, node->key_column};
}

/* ------------------------------------------------------------------ ${NAME} */

struct expander {
	struct workspace *workspace;
	struct document *document; /* targets.yaml */
};

static bool is_variable_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(isalpha((unsigned char)s[i]) || s[i] == '_' ||
			    (i > 0 && isdigit((unsigned char)s[i]))))
			return false;
	return len > 0;
}

/* The variable whose "${" is at text; NULL after a problem was added. */
static const struct node *variable(
	struct expander *e, const struct node *node, const char *text, size_t *used)
{
	const char *name = text + 2, *end = strchr(name, '}');
	const struct node *env = e->workspace->env != NULL ? e->workspace->env->root : NULL;
	struct names names = {0};
	char mean[128], wanted[64];

	if (end == NULL || !is_variable_name(name, (size_t)(end - name)) ||
		(size_t)(end - name) >= sizeof(wanted)) {
		problems_add(&e->document->problems, RULE_UNKNOWN_VARIABLE,
			document_place(e->document, node),
			"\"${\" begins no variable here: write ${NAME}, or $${ for the characters");
		return NULL;
	}
	*used = (size_t)(end - text) + 1;
	snprintf(wanted, sizeof(wanted), "%.*s", (int)(end - name), name);
	const struct node *value = node_get(env, wanted);
	if (value != NULL && value->kind == NODE_SCALAR) {
		e->workspace->env_used = true;
		return value;
	}
	for (const struct node *n = env != NULL ? env->first : NULL; n != NULL; n = n->next)
		names_add(&names, n->key);
	did_you_mean(mean, sizeof(mean), wanted, names.rows, names.count);
	names_release(&names);
	problems_add(&e->document->problems, RULE_UNKNOWN_VARIABLE, document_place(e->document, node),
		env == NULL ? "${%s} needs a file env.yaml beside targets.yaml with \"%s: value\"%s"
			    : "env.yaml has no ${%s}: add \"%s: value\" to it%s",
		wanted, wanted, mean);
	return NULL;
}

/* A value that is one variable takes its type too; otherwise it is text. */
static void expand(struct expander *e, struct node *node)
{
	struct err err = {0};
	struct buf out;
	const char *at = node->text;
	size_t used;

	if (strstr(at, "${") == NULL)
		return;
	buf_init(&out, 1 << 20);
	enum err_code code = buf_add(&out, "", 0, &err);
	while (*at != '\0' && code == ERR_NONE) {
		const char *next = strstr(at, "${");
		const size_t plain = next != NULL ? (size_t)(next - at) : strlen(at);
		const bool literal = next != NULL && next > at && next[-1] == '$';
		code = buf_add(&out, at, plain - literal, &err);
		at += plain;
		if (next == NULL || code != ERR_NONE)
			break;
		if (literal) {
			code = buf_add(&out, "${", 2, &err);
			at += 2;
			continue;
		}
		const struct node *value = variable(e, node, at, &used);
		if (value == NULL)
			goto out;
		if (next == node->text && node->text[used] == '\0') {
			node->text = value->text;
			node->len = value->len;
			node->style = value->style;
			goto out;
		}
		code = buf_add(&out, value->text, value->len, &err);
		at += used;
	}
	node->text = code == ERR_NONE ? arena_strndup(&e->document->arena, out.data, out.len) : NULL;
	node->len = (uint32_t)out.len;
	node->style = STYLE_QUOTED;
	if (node->text == NULL) {
		problems_add(&e->document->problems, RULE_LIMIT, document_place(e->document, node),
			"too large after its variables were filled in");
		node->text = "";
		node->len = 0;
	}
out:
	buf_release(&out);
}

static void expand_below(struct expander *e, struct node *node)
{
	if (node->kind == NODE_SCALAR) {
		expand(e, node);
		return;
	}
	for (struct node *n = node->first; n != NULL; n = n->next)
		expand_below(e, n);
}

void env_apply(struct workspace *workspace)
{
	struct document *targets = workspace->docs[DOC_TARGETS];
	struct expander e = {workspace, targets};
	struct node *map = targets != NULL ? node_get(targets->root, "targets") : NULL;

	if (map != NULL)
		expand_below(&e, map);
}
