/* settings.c: the operator's own small YAML files, as JSON. */
#include "internal.h"

enum { CONFIG_MAX_BYTES = 64 * 1024 };

static enum err_code read_map(
	const char *path, const struct yaml_limits *limits, json_t **out, struct err *err)
{
	struct problems problems;
	struct arena arena;
	struct buf bytes;

	*out = NULL;
	TRY(file_read(path, limits->max_bytes, &bytes, err));
	problems_init(&problems);
	arena_init(&arena, 0);
	const struct node *root = yaml_load(&arena, path, bytes.data, bytes.len, limits, &problems);
	enum err_code code = ERR_NONE;
	if (problems.count > 0)
		code = err_set(err, ERR_USAGE, "%s:%d:%d: %s", path, problems.rows[0].line,
			problems.rows[0].column, problems.rows[0].text);
	else if (root == NULL || (root->kind == NODE_SCALAR && node_is_null(root)))
		*out = json_object();
	else if (root->kind != NODE_MAP)
		code = err_set(err, ERR_USAGE, "%s: expected NAME: VALUE lines, found %s", path,
			node_kind_name(root));
	else
		*out = node_json(root);
	arena_release(&arena);
	problems_release(&problems);
	buf_release(&bytes);
	return code;
}

enum err_code settings_read(const char *path, json_t **out, struct err *err)
{
	static const struct yaml_limits limits = {CONFIG_MAX_BYTES, 2000, 4};

	return read_map(path, &limits, out, err);
}

enum err_code scenario_read(const char *path, json_t **out, struct err *err)
{
	static const struct yaml_limits limits = {1U << 20, 10000, 32};

	return read_map(path, &limits, out, err);
}
