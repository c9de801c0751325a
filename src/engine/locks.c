/* locks.c: what may not be acted on twice at once.
 *
 * One drill or live run per service, and per target that it may change.  Every other mode
 * changes nothing and holds nothing. A lock reaches as far as the data directory of the server.
 */
#include "internal.h"

#include <string.h>

static bool acts(const char *mode)
{
	return str_eq(mode, "drill") || str_eq(mode, "live");
}

static enum err_code held(
	const struct live *live, const char *what, const char *name, struct err *err)
{
	return err_set(err, ERR_HELD,
		"run %lld (%s, %s) acts on %s \"%s\" already: drillbook attach %lld",
		(long long)live->id, live->run->runbook, live->run->mode, what, name,
		(long long)live->id);
}

/* The targets a plan may change: its own list, or, where it has none, every target of a step
 * above level 0.  Owned. */
static json_t *changed(const json_t *plan)
{
	json_t *list = json_object_get(plan, "changes"), *out, *targets, *target;
	const json_t *step;
	const char *op;
	size_t i, k;

	if (json_is_array(list))
		return json_incref(list);
	out = json_array();
	json_array_foreach(json_object_get(plan, "steps"), i, step) {
		if (json_int(step, "level", 3) == 0)
			continue;
		json_object_foreach(json_object_get(step, "uses"), op, targets)
			json_array_foreach(targets, k, target)
				json_array_append(out, target);
	}
	return out;
}

static const json_t *target_of(const json_t *plan, const char *name)
{
	return json_object_get(json_object_get(plan, "targets"), name);
}

/* By name within a workspace; in two workspaces the same system may have two names, and two
 * systems one. */
static bool same_target(
	const json_t *plan, const char *name, const json_t *other, const char *other_name)
{
	const json_t *a = target_of(plan, name), *b = target_of(other, other_name);
	const json_t *settings = json_object_get(a, "settings");

	if (str_eq(json_str(json_object_get(plan, "workspace"), "root", "a"),
		    json_str(json_object_get(other, "workspace"), "root", "b")))
		return str_eq(name, other_name);
	return json_object_size(settings) > 0 &&
	       str_eq(json_str(a, "provider", "a"), json_str(b, "provider", "b")) &&
	       json_equal(settings, json_object_get(b, "settings"));
}

static enum err_code check_targets(
	const struct live *live, const json_t *plan, const json_t *mine, struct err *err)
{
	json_t *theirs = changed(live->plan);
	const json_t *a, *b;
	enum err_code code = ERR_NONE;
	size_t i, k;

	json_array_foreach(mine, i, a)
		json_array_foreach(theirs, k, b)
			if (code == ERR_NONE && same_target(plan, json_string_value(a),
							live->plan, json_string_value(b)))
				code = held(live, "target", json_string_value(b), err);
	json_decref(theirs);
	return code;
}

static enum err_code check_services(
	const struct live *live, const json_t *plan, struct err *err)
{
	const json_t *service;
	size_t i;

	json_array_foreach(json_object_get(plan, "services"), i, service)
		for (size_t k = 0; k < live->run->service_count; k++)
			if (str_eq(live->run->services[k].name, json_str(service, "name", "")))
				return held(live, "service", live->run->services[k].name, err);
	return ERR_NONE;
}

enum err_code locks_check(
	struct server *server, const json_t *plan, const struct live *except, struct err *err)
{
	enum err_code code = ERR_NONE;

	if (!acts(json_str(plan, "mode", "")))
		return ERR_NONE;
	json_t *mine = changed(plan);
	for (const struct live *live = server->lives; live != NULL && code == ERR_NONE;
		live = live->next) {
		if (live == except || live->ending || !acts(live->run->mode))
			continue;
		code = check_services(live, plan, err);
		if (code == ERR_NONE)
			code = check_targets(live, plan, mine, err);
	}
	json_decref(mine);
	return code;
}
