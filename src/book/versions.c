/* versions.c: the versions of a runbook that Git remembers. */
#include "git.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY_MAX = 1000, OUTPUT_MAX = 256 << 20 };

struct collector {
	struct versions *out;
	bool keep;
	enum err_code code;
	struct err *err;
};

/* ------------------------------------------------------------------ one commit */

/* "author Ann Example <ann@example.org> 1700000000 +0100": the name and the seconds. */
static void read_author(const char *line, size_t len, json_t *row)
{
	const char *start = line + strlen("author "), *end = line + len;
	const char *mail = memchr(start, '<', (size_t)(end - start));
	const char *close = mail != NULL ? memchr(mail, '>', (size_t)(end - mail)) : NULL;
	char when[32] = "", number[24];

	if (close == NULL)
		return;
	size_t name = (size_t)(mail - start);
	while (name > 0 && start[name - 1] == ' ')
		name--;
	snprintf(number, sizeof(number), "%.*s", (int)(end - close > 20 ? 20 : end - close - 1), close + 1);
	const int64_t seconds = strtoll(number, NULL, 10);
	if (seconds > 0 && seconds < INT64_MAX / 1000000000)
		wall_format(when, sizeof(when), (struct wall){seconds * 1000000000});
	json_put(row, "author", json_text(start, name));
	json_put_str(row, "when", when[0] != '\0' ? when : NULL);
}

static void read_commit(const struct git_object *object, json_t *row)
{
	const char *at = object->data, *end = at + object->size;

	json_put_str(row, "author", NULL);
	json_put_str(row, "when", NULL);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const size_t len = (size_t)((newline != NULL ? newline : end) - at);
		if (len == 0) { /* the message follows; its first line is the subject */
			at++;
			const char *stop = memchr(at, '\n', (size_t)(end - at));
			json_put(row, "subject",
				json_text(at, (size_t)((stop != NULL ? stop : end) - at)));
			return;
		}
		if (len > 7 && memcmp(at, "author ", 7) == 0)
			read_author(at, len, row);
		at += len + (newline != NULL);
	}
	json_put_str(row, "subject", "");
}

/* ------------------------------------------------------------------ the file in it */

static void read_file(struct collector *c, struct version *version, const struct git_object *object)
{
	char hex[SHA256_HEX];

	version->version = yaml_peek_int(object->data, object->size, "version", -1);
	json_put_str(version->row, "digest", sha256_hex(sha256_of(object->data, object->size), hex));
	if (version->version >= 0)
		json_put_int(version->row, "version", version->version);
	else
		json_put_str(version->row, "version", NULL);
	if (c->keep && c->code == ERR_NONE)
		c->code = buf_add(&version->bytes, object->data, object->size, c->err);
}

/* Two requests for each commit: itself, then the file.  A commit that removed the file has none. */
static void take(void *arg, const struct git_object *object)
{
	struct collector *c = arg;
	struct versions *out = c->out;
	struct version *last = out->count > 0 ? &out->rows[out->count - 1] : NULL;

	if (object->index % 2 == 0) {
		last = &out->rows[out->count++];
		*last = (struct version){.version = -1, .row = json_object()};
		buf_init(&last->bytes, schema_find("runbook")->limits.max_bytes);
		if (!object->found || object->data == NULL)
			return;
		snprintf(last->commit, sizeof(last->commit), "%s", object->id);
		json_put_str(last->row, "commit", last->commit);
		read_commit(object, last->row);
	} else if (object->found && !object->commit && object->data != NULL &&
		   last->commit[0] != '\0' && object->size <= last->bytes.max_bytes) {
		read_file(c, last, object);
	} else {
		json_decref(last->row);
		out->count--;
	}
}

static enum err_code ask(const struct buf *history, const char *path, struct buf *requests,
	size_t *count, struct err *err)
{
	const char *at = history->data;

	*count = 0;
	while (at != NULL && *at != '\0') {
		char id[GIT_ID];
		const size_t len = strcspn(at, "\n");
		snprintf(id, sizeof(id), "%.*s", (int)len, at);
		TRY(buf_addf(requests, err, "%s\n", id));
		TRY(git_request(requests, id, path, err));
		at += len + (at[len] == '\n');
		(*count)++;
	}
	return ERR_NONE;
}

enum err_code versions_read(const struct workspace *workspace, const char *path, bool keep,
	struct versions *out, struct err *err)
{
	struct collector c = {.out = out, .keep = keep, .err = err};
	struct buf history = {0}, requests;
	size_t count = 0;

	*out = (struct versions){0};
	buf_init(&requests, 1 << 20);
	enum err_code code = git_history(workspace, path, HISTORY_MAX, &history, err);
	if (code == ERR_NONE)
		code = ask(&history, path, &requests, &count, err);
	out->rows = xmalloc((count + 1) * sizeof(*out->rows));
	if (code == ERR_NONE && count > 0)
		code = git_objects(workspace, true, &requests, OUTPUT_MAX, take, &c, err);
	if (code == ERR_NONE)
		code = c.code;
	buf_release(&history);
	buf_release(&requests);
	if (code != ERR_NONE)
		versions_release(out);
	return code;
}

void versions_release(struct versions *versions)
{
	for (size_t i = 0; i < versions->count; i++) {
		json_decref(versions->rows[i].row);
		buf_release(&versions->rows[i].bytes);
	}
	free(versions->rows);
	*versions = (struct versions){0};
}

/* ------------------------------------------------------------------ what others ask */

enum err_code workspace_log(
	struct workspace *workspace, const char *runbook, json_t **out, struct err *err)
{
	struct versions versions;
	char *path;

	*out = NULL;
	if (!name_valid(runbook))
		return err_set(err, ERR_NOT_FOUND, "there is no runbook \"%.60s\"", runbook);
	path = xasprintf("%s.yaml", runbook);
	enum err_code code = versions_read(workspace, path, false, &versions, err);
	free(path);
	TRY(code);
	if (versions.count == 0 && workspace_runbook(workspace, runbook) == NULL)
		code = err_set(err, ERR_NOT_FOUND, "there is no runbook \"%.60s\"", runbook);
	if (code == ERR_NONE) {
		*out = json_array();
		for (size_t i = 0; i < versions.count; i++)
			json_array_append(*out, versions.rows[i].row);
	}
	versions_release(&versions);
	return code;
}

/* The newest commit with the same number must hold the same bytes. */
static void check_version(struct workspace *workspace, struct document *document, struct problems *problems)
{
	const struct node *version = node_get(document->root, "version");
	struct versions versions;
	struct err ignored = {0};
	char hex[SHA256_HEX];
	int64_t number;

	if (version == NULL || !node_int(version, &number) ||
		versions_read(workspace, document->path, false, &versions, &ignored) != ERR_NONE)
		return;
	document_hex(document, hex);
	for (size_t i = 0; i < versions.count; i++) {
		const struct version *v = &versions.rows[i];
		if (v->version != number)
			continue;
		if (!str_eq(json_str(v->row, "digest", NULL), hex))
			problems_add(problems, RULE_VERSION_NOT_RAISED,
				document_place(document, version),
				"the file differs from commit %.12s, which has version %" PRId64
				" too: raise it to %" PRId64,
				v->commit, number, number + 1);
		break;
	}
	versions_release(&versions);
}

void lint_versions(struct workspace *workspace, const char *runbook, struct problems *problems)
{
	const size_t most = workspace->runbook_count + 1;
	const char **paths = xmalloc(most * sizeof(*paths));
	const struct buf **bytes = xmalloc(most * sizeof(*bytes));
	struct document **documents = xmalloc(most * sizeof(struct document *));
	bool *differs = xmalloc(most);
	char commit[GIT_ID];
	size_t count = 0;

	for (size_t i = 0; i < workspace->runbook_count; i++) {
		struct document *document = workspace->runbooks[i];
		if (document->root == NULL || (runbook != NULL && strcmp(document->name, runbook) != 0))
			continue;
		documents[count] = document;
		paths[count] = document->path;
		bytes[count++] = &document->bytes;
	}
	/* one look at all of them; only what differs is worth its history */
	if (git_head(workspace, commit) && git_differs(workspace, paths, bytes, count, differs))
		for (size_t i = 0; i < count; i++)
			if (differs[i])
				check_version(workspace, documents[i], problems);
	free(paths);
	free(bytes);
	free(documents);
	free(differs);
}
