/* source.c: the files that scripts and modules are in, from the directory or from a commit. */
#include "workspace.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 64 };

/* Relative, and never up. */
static bool path_inside(const char *path)
{
	if (path[0] == '/' || path[0] == '\0')
		return false;
	for (const char *at = path; at != NULL; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
			return false;
	}
	return true;
}

/* A symbolic link may lead around in the workspace but not out of it: what a stranger wrote must not
 * make us read, record or show the files of whoever looks at it. */
static enum err_code read_inside(
	const char *root, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	char *whole = path_join(root, path), *real = realpath(whole, NULL);
	const size_t len = strlen(root);
	enum err_code code;

	if (real == NULL)
		code = err_set(err, ERR_NOT_FOUND, "\"%s\" is not there", path);
	else if (strncmp(real, root, len) != 0 || (real[len] != '/' && strcmp(root, "/") != 0))
		code = err_set(err, ERR_USAGE, "\"%s\" leads out of the workspace", path);
	else
		code = file_read(real, max_bytes, out, err);
	free(whole);
	free(real);
	return code;
}

enum err_code source_read(const struct source *source, const char *path, size_t max_bytes,
	struct buf *out, struct err *err)
{
	enum err_code code;

	buf_init(out, max_bytes);
	if (!path_inside(path))
		return err_set(err, ERR_USAGE,
			"\"%s\" is not in the workspace: write a path relative to it", path);
	if (source->commit != NULL)
		code = git_read(source->workspace, source->commit, path, max_bytes, out, err);
	else
		code = read_inside(source->workspace->root, path, max_bytes, out, err);
	return code;
}

/* ------------------------------------------------------------------ scripts */

static unsigned leading_spaces(const char *s, size_t len)
{
	unsigned n = 0;

	while (n < len && s[n] == ' ')
		n++;
	return n;
}

/* How far YAML lets the text of a block scalar be indented: the file's indentation of the first line
 * that is not empty, less what is left of it in the text. */
static unsigned block_indent(struct document *document, const struct node *node)
{
	unsigned line = node->line + 1;
	const char *text = node->text;
	size_t len = 0;

	while (*text == '\n') {
		text++;
		line++;
	}
	const char *raw = document_line(document, line, &len);
	if (raw == NULL)
		return 0;
	const unsigned there = leading_spaces(raw, len), here = leading_spaces(text, strlen(text));
	return there > here ? there - here : 0;
}

enum err_code script_open(struct script *script, struct document *document,
	const struct source *source, const struct node *node, struct err *err)
{
	*script = (struct script){.file = document->path, .line = node->line, .column = node->column};
	if (node->kind == NODE_SCALAR) {
		script->text = node->text;
		script->len = node->len;
		if (node->style == STYLE_LITERAL || node->style == STYLE_FOLDED) {
			script->line = node->line + 1;
			script->indent = block_indent(document, node);
			script->column = script->indent + 1;
		} else if (node->style == STYLE_QUOTED) {
			script->column++;
		}
		return ERR_NONE;
	}
	const char *file = node_text(node, "file");
	const struct node *inner = node_get(node, "run");
	if (file == NULL && inner != NULL && inner->kind == NODE_SCALAR)
		return script_open(script, document, source, inner, err);
	if (file == NULL)
		return err_set(err, ERR_USAGE, "a script is Lua or {file: PATH}");
	TRY(source_read(source, file, SCRIPT_MAX_BYTES, &script->bytes, err));
	script->file = file;
	script->line = script->column = 1;
	script->text = script->bytes.data;
	script->len = script->bytes.len;
	script->from_file = true;
	return ERR_NONE;
}

void script_release(struct script *script)
{
	buf_release(&script->bytes);
}

struct place script_place(const struct script *script, unsigned line, unsigned column)
{
	const unsigned before = line == 1 ? script->column - 1 : script->indent;

	return (struct place){script->file, script->line + line - 1, before + column};
}

/* ------------------------------------------------------------------ modules */

char *module_path(const char *name)
{
	const size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("_-", name[i]) == NULL)
			return NULL;
	return xasprintf("lua/%s.lua", name);
}

bool module_in_library(const char *name)
{
	char *path = module_path(name);
	char *whole = path != NULL ? path_share(path) : NULL;
	const bool there = whole != NULL && path_exists(whole);

	free(path);
	free(whole);
	return there;
}
