/* waves.c: several services in one run: a runbook that nests what recovers each of them.
 *
 * Tier by tier, the most important first, the services of a tier side by side.  What a service depends on comes
 * before it, and with it into its tier if it is less important itself.  The runbook is written as text, so that a
 * run keeps what it was made of like that of any other. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum { SERVICES_MAX = 200, TEXT_MAX = 4 << 20, TIERS = 9 };

struct wave_service {
	const char *name;
	const struct node *node;
	struct document *runbook;    /* what recovers it */
	char *id;                    /* of its step: the name, without dots */
	int64_t tier;                /* of its wave */
	bool before[SERVICES_MAX];   /* what it depends on, over whatever is in between */
	bool written;
};

struct waves {
	struct workspace *workspace;
	struct shelf *shelf;
	struct wave_service *rows;   /* in the order of services.yaml */
	size_t count;
	const json_t *params;        /* given by the user */
	struct buf text;
	struct err *err;
};

static const struct node *entry_of(const struct waves *w, const char *name)
{
	return workspace_entry(w->workspace, DOC_SERVICES, name);
}

static struct wave_service *find_row(struct waves *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->rows[i].name, name) == 0)
			return &w->rows[i];
	return NULL;
}

/* ------------------------------------------------------------------ which services */

static enum err_code unknown_service(const struct waves *w, const char *name)
{
	struct names names = {0};
	char mean[128];

	workspace_entries(w->workspace, DOC_SERVICES, &names);
	did_you_mean(mean, sizeof(mean), name, names.rows, names.count);
	names_release(&names);
	return err_set(w->err, ERR_NOT_FOUND, "there is no service \"%.60s\"%s", name, mean);
}

/* for_whom: the service that depends on it; NULL = it was asked for. */
static enum err_code add_service(
	struct waves *w, struct names *wanted, const char *name, const char *for_whom)
{
	const struct node *entry = entry_of(w, name);

	if (entry == NULL)
		return unknown_service(w, name);
	if (names_have(wanted, entry->key))
		return ERR_NONE;
	if (node_text(entry, "recover") == NULL)
		return for_whom == NULL
			? err_set(w->err, ERR_USAGE,
				  "service \"%s\" has no recover: in services.yaml: name the runbook that recovers it",
				  name)
			: err_set(w->err, ERR_USAGE,
				  "service \"%s\", on which \"%s\" depends, has no recover: in services.yaml: name one, "
				  "or leave out --with-dependencies",
				  name, for_whom);
	if (wanted->count == SERVICES_MAX)
		return err_set(w->err, ERR_LIMIT, "more than %d services in one run", SERVICES_MAX);
	names_add(wanted, entry->key);
	return ERR_NONE;
}

static enum err_code choose(
	struct waves *w, const char *const *names, size_t count, bool with_dependencies, struct names *wanted)
{
	for (size_t i = 0; i < count; i++)
		TRY(add_service(w, wanted, names[i], NULL));
	for (size_t i = 0; with_dependencies && i < wanted->count; i++) {
		const struct node *on = node_get(entry_of(w, wanted->rows[i]), "depends_on");
		for (const struct node *n = texts_first(on); n != NULL; n = texts_next(on, n))
			TRY(add_service(w, wanted, n->text, wanted->rows[i]));
	}
	return wanted->count > 0 ? ERR_NONE : err_set(w->err, ERR_USAGE, "name at least one service");
}

/* A service may be called a.b, a step that nests others may not. */
static char *id_of(const struct waves *w, const char *name)
{
	char *id = xstrdup(name);

	for (char *c = id; *c != '\0'; c++)
		*c = *c == '.' ? '-' : *c;
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->rows[i].id, id) == 0) {
			char *longer = xasprintf("%s-%zu", id, i + 2);
			free(id);
			return longer;
		}
	return id;
}

static enum err_code add_rows(struct waves *w, const struct names *wanted)
{
	struct names all = {0};
	enum err_code code = ERR_NONE;

	workspace_entries(w->workspace, DOC_SERVICES, &all);
	for (size_t i = 0; i < all.count && code == ERR_NONE; i++) {
		const struct node *entry = entry_of(w, all.rows[i]), *tier = node_get(entry, "tier");
		struct wave_service row = {.name = all.rows[i], .node = entry, .tier = 3};
		if (!names_have(wanted, all.rows[i]))
			continue;
		if (tier != NULL && !node_int(tier, &row.tier))
			row.tier = 3;
		row.runbook = shelf_runbook(w->shelf, node_text(entry, "recover"));
		if (row.runbook == NULL)
			code = err_set(w->err, ERR_WORKSPACE, "services.yaml:%u:%u: there is no runbook \"%.60s\"",
				node_get(entry, "recover")->line, node_get(entry, "recover")->column,
				node_text(entry, "recover"));
		row.id = id_of(w, row.name);
		w->rows[w->count++] = row;
	}
	names_release(&all);
	return code;
}

/* ------------------------------------------------------------------ in which order */

/* Everything below name, also what takes no part itself. */
static void mark_before(struct waves *w, struct wave_service *of, const char *name, struct names *seen)
{
	const struct node *on = node_get(entry_of(w, name), "depends_on");

	for (const struct node *n = texts_first(on); n != NULL; n = texts_next(on, n)) {
		struct wave_service *row = find_row(w, n->text);
		if (names_have(seen, n->text))
			continue;
		names_add(seen, n->text);
		if (row != NULL)
			of->before[row - w->rows] = true;
		mark_before(w, of, n->text, seen);
	}
}

static enum err_code find_order(struct waves *w)
{
	int64_t *own = xmalloc((w->count + 1) * sizeof(*own));
	enum err_code code = ERR_NONE;

	for (size_t i = 0; i < w->count && code == ERR_NONE; i++) {
		struct names seen = {0};
		mark_before(w, &w->rows[i], w->rows[i].name, &seen);
		names_release(&seen);
		own[i] = w->rows[i].tier;
		if (w->rows[i].before[i])
			code = err_set(w->err, ERR_WORKSPACE,
				"service \"%s\" depends on itself: see drillbook lint", w->rows[i].name);
	}
	for (size_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < w->count; k++)
			if (w->rows[i].before[k] && own[i] < w->rows[k].tier)
				w->rows[k].tier = own[i];
	free(own);
	return code;
}

/* Of the same wave, and not over another one of it. */
static bool needs_directly(const struct waves *w, size_t service, size_t other)
{
	const struct wave_service *s = &w->rows[service];

	if (!s->before[other] || w->rows[other].tier != s->tier)
		return false;
	for (size_t i = 0; i < w->count; i++)
		if (s->before[i] && w->rows[i].before[other] && w->rows[i].tier == s->tier)
			return false;
	return true;
}

/* ------------------------------------------------------------------ the text */

static enum err_code add_json(struct waves *w, json_t *owned)
{
	char *text = json_line(owned);
	const enum err_code code = buf_add(&w->text, text, strlen(text), w->err);

	free(text);
	json_decref(owned);
	return code;
}

static bool is_secret(const struct node *param)
{
	return str_eq(node_text(param, "type"), "secret");
}

/* What the runbook of a service is given: services.yaml, over it the user, and its secrets by a name of their own. */
static json_t *params_of(const struct waves *w, const struct wave_service *service)
{
	const struct node *declared = node_get(service->runbook->root, "params");
	const struct node *own = node_get(service->node, "recover_params");
	json_t *out = json_object();

	for (const struct node *p = declared != NULL ? declared->first : NULL; p != NULL; p = p->next) {
		json_t *given = json_object_get(w->params, p->key);
		const struct node *fixed = node_get(own, p->key);
		if (p->key == NULL)
			continue;
		if (is_secret(p)) {
			char *name = xasprintf("%s.%s", service->id, p->key);
			json_put(out, p->key, json_pack("{s:s}", "param", name));
			free(name);
		} else if (given != NULL) {
			json_put(out, p->key, json_incref(given));
		} else if (fixed != NULL) {
			json_put(out, p->key, node_json(fixed));
		}
	}
	return out;
}

static json_t *secrets_json(const struct waves *w)
{
	json_t *out = json_object();

	for (size_t i = 0; i < w->count; i++) {
		const struct node *declared = node_get(w->rows[i].runbook->root, "params");
		for (const struct node *p = declared != NULL ? declared->first : NULL; p != NULL; p = p->next) {
			if (!is_secret(p))
				continue;
			const char *help = node_text(p, "help");
			char *name = xasprintf("%s.%s", w->rows[i].id, p->key);
			json_put(out, name, json_pack("{s:s, s:s}", "type", "secret", "help",
				help != NULL ? help : w->rows[i].name));
			free(name);
		}
	}
	return out;
}

/* A parameter that nobody takes is a mistake of the user. */
static enum err_code check_given(const struct waves *w)
{
	struct names names = {0};
	const char *key;
	char mean[128];
	json_t *value;

	for (size_t i = 0; i < w->count; i++) {
		const struct node *declared = node_get(w->rows[i].runbook->root, "params");
		for (const struct node *p = declared != NULL ? declared->first : NULL; p != NULL; p = p->next)
			if (p->key != NULL && !is_secret(p))
				names_add(&names, p->key);
	}
	enum err_code code = ERR_NONE;
	json_object_foreach((json_t *)(uintptr_t)w->params, key, value)
	{
		if (code != ERR_NONE || names_have(&names, key))
			continue;
		did_you_mean(mean, sizeof(mean), key, names.rows, names.count);
		code = err_set(w->err, ERR_USAGE, "no runbook of these services has a parameter \"%.60s\"%s", key,
			mean);
	}
	names_release(&names);
	return code;
}

static enum err_code add_head(struct waves *w)
{
	json_t *names = json_array();
	char hex[SHA256_HEX], *title = xstrdup("Recover");

	for (size_t i = 0; i < w->count; i++) {
		char *longer = xasprintf("%s%s %s", title, i > 0 ? "," : "", w->rows[i].name);
		free(title);
		title = longer;
		json_array_append_new(names, json_string(w->rows[i].name));
	}
	enum err_code code = buf_addf(&w->text, w->err,
		"# Made by drillbook for the services of one run; its digest is over these:\n");
	for (size_t i = 0; i < w->count && code == ERR_NONE; i++) {
		bool again = false;
		for (size_t k = 0; k < i && !again; k++)
			again = w->rows[k].runbook == w->rows[i].runbook;
		if (again)
			continue;
		document_hex(w->rows[i].runbook, hex);
		code = buf_addf(&w->text, w->err, "# %s %s\n", hex, w->rows[i].runbook->path);
	}
	if (code == ERR_NONE)
		code = buf_addf(&w->text, w->err, "runbook: \"%s\"\nversion: 1\nservices: ", title);
	free(title);
	if (code != ERR_NONE) {
		json_decref(names);
		return code;
	}
	TRY(add_json(w, names));
	TRY(buf_addf(&w->text, w->err, "\nparams: "));
	TRY(add_json(w, secrets_json(w)));
	return buf_addf(&w->text, w->err, "\nsteps:\n");
}

static enum err_code add_service_step(struct waves *w, size_t index)
{
	const struct wave_service *s = &w->rows[index];
	const char *title = node_text(s->node, "title");
	json_t *step = json_object(), *needs = json_array();

	for (size_t i = 0; i < w->count; i++)
		if (needs_directly(w, index, i))
			json_array_append_new(needs, json_string(w->rows[i].id));
	json_put_str(step, "id", s->id);
	json_put_str(step, "title", title != NULL ? title : s->name);
	json_put(step, "needs", needs);
	json_put_str(step, "runbook", s->runbook->name);
	json_put(step, "params", params_of(w, s));
	TRY(buf_addf(&w->text, w->err, "      - "));
	TRY(add_json(w, step));
	return buf_addf(&w->text, w->err, "\n");
}

static bool has_tier(const struct waves *w, int64_t tier)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->rows[i].tier == tier)
			return true;
	return false;
}

/* All of the wave that come before it stand there already. */
static bool may_be_written(const struct waves *w, size_t service)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->rows[service].before[i] && w->rows[i].tier == w->rows[service].tier && !w->rows[i].written)
			return false;
	return !w->rows[service].written;
}

/* What comes first stands first: there is no circle, so each turn finds one. */
static enum err_code add_wave(struct waves *w, int64_t tier)
{
	for (size_t turn = 0; turn < w->count; turn++)
		for (size_t i = 0; i < w->count; i++) {
			if (w->rows[i].tier != tier || !may_be_written(w, i))
				continue;
			TRY(add_service_step(w, i));
			w->rows[i].written = true;
		}
	return ERR_NONE;
}

static enum err_code add_waves(struct waves *w)
{
	const char *prefix = "wave-";
	int number = 0;

	/* the ids of a group and of its members are one set */
	for (size_t i = 0; i < w->count; i++)
		if (str_starts(w->rows[i].id, prefix))
			prefix = "all-waves-";
	for (int64_t tier = 1; tier <= TIERS; tier++) {
		if (!has_tier(w, tier))
			continue;
		number++;
		TRY(buf_addf(&w->text, w->err, "  - id: %s%d\n    title: \"Wave %d, tier %d\"\n    steps:\n",
			prefix, number, number, (int)tier));
		TRY(add_wave(w, tier));
	}
	return ERR_NONE;
}

static enum err_code write_text(struct waves *w)
{
	TRY(check_given(w));
	TRY(add_head(w));
	return add_waves(w);
}

/* ------------------------------------------------------------------ the document */

enum err_code waves_document(struct workspace *workspace, struct shelf *shelf, const char *const *names,
	size_t count, bool with_dependencies, const json_t *params, struct document **out, struct err *err)
{
	struct waves w = {.workspace = workspace, .shelf = shelf, .params = params, .err = err};
	struct names wanted = {0};

	w.rows = xmalloc(SERVICES_MAX * sizeof(*w.rows));
	buf_init(&w.text, TEXT_MAX);
	enum err_code code = choose(&w, names, count, with_dependencies, &wanted);
	if (code == ERR_NONE)
		code = add_rows(&w, &wanted);
	if (code == ERR_NONE)
		code = find_order(&w);
	if (code == ERR_NONE)
		code = write_text(&w);
	if (code == ERR_NONE) {
		*out = document_new(schema_find("runbook"), RECOVER_PATH);
		free((*out)->name);
		(*out)->name = xstrdup("recover");
		(*out)->made_up = true;
		(*out)->bytes = w.text;
		w.text = (struct buf){0};
		document_parse(*out);
		document_check(*out);
	}
	names_release(&wanted);
	for (size_t i = 0; i < w.count; i++)
		free(w.rows[i].id);
	free(w.rows);
	buf_release(&w.text);
	return code;
}
